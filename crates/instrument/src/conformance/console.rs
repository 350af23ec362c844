//! The suite of [`Console`].

use super::{Violation, broken};
use crate::{Clock, ClockExt, Console, ErrorKind};
use async_trait::async_trait;
use std::{sync::Arc, time::Duration};

/// How long the far end may take for anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens consoles whose far ends send back every byte that they get, and close after a `!`.
#[async_trait]
pub trait ConsoleRig: Sync {
    /// The clock that the consoles keep to.
    fn clock(&self) -> Arc<dyn Clock>;

    /// A console to a far end of its own.
    async fn open(&self) -> Box<dyn Console>;
}

/// Checks the contract of [`Console`].
///
/// # Errors
/// The first rule that was broken.
pub async fn console(rig: &dyn ConsoleRig) -> Result<(), Violation> {
    bytes_come_as_they_are(rig).await?;
    a_dropped_receive_loses_nothing(rig).await?;
    an_end_is_an_end(rig).await?;
    closing_twice_is_no_error(rig).await
}

/// Receives until so many bytes have come.
async fn take(rig: &dyn ConsoleRig, console: &mut dyn Console, count: usize) -> Result<Vec<u8>, Violation> {
    let clock = rig.clock();
    let mut taken = Vec::new();
    while taken.len() < count {
        let received = clock.within(clock.now().after(PATIENCE), console.receive()).await;
        match received {
            Ok(Ok(bytes)) if bytes.is_empty() => return Err(broken("something comes", "`receive` gave nothing")),
            Ok(Ok(bytes)) => taken.extend(bytes),
            Ok(Err(error)) => return Err(broken("bytes come back", error.to_string())),
            Err(_elapsed) => {
                return Err(broken(
                    "bytes come back",
                    format!("only {} of {count} came", taken.len()),
                ));
            }
        }
    }
    Ok(taken)
}

async fn send(rig: &dyn ConsoleRig, console: &mut dyn Console, bytes: &[u8]) -> Result<(), Violation> {
    let sent = console.send(bytes, rig.clock().now().after(PATIENCE)).await;
    sent.map_err(|error| broken("bytes are sent", error.to_string()))
}

async fn bytes_come_as_they_are(rig: &dyn ConsoleRig) -> Result<(), Violation> {
    let mut console = rig.open().await;
    // every byte but the one that ends it; in pieces, so that no terminal on the way is asked for too much at once
    let every: Vec<u8> = (0..=u8::MAX).filter(|byte| *byte != b'!').collect();
    for _ in 0..4 {
        send(rig, console.as_mut(), &every).await?;
        let came = take(rig, console.as_mut(), every.len()).await?;
        if came != every {
            return Err(broken(
                "bytes come as they are",
                format!("{every:02x?} came back as {came:02x?}"),
            ));
        }
    }
    console.close().await;
    Ok(())
}

async fn a_dropped_receive_loses_nothing(rig: &dyn ConsoleRig) -> Result<(), Violation> {
    let clock = rig.clock();
    let mut console = rig.open().await;
    let mut came = Vec::new();
    let sent = b"abcdefghijklmnopqrstuvwxyz";
    for byte in sent {
        send(rig, console.as_mut(), &[*byte]).await?;
        // so short that most are dropped before anything has come
        let soon = clock.now().after(Duration::from_micros(50));
        if let Ok(Ok(bytes)) = clock.within(soon, console.receive()).await {
            came.extend(bytes);
        }
    }
    let missing = sent.len().saturating_sub(came.len());
    came.extend(take(rig, console.as_mut(), missing).await?);
    if came != sent {
        let text = String::from_utf8_lossy(&came).into_owned();
        return Err(broken("a dropped receive loses nothing", text));
    }
    console.close().await;
    Ok(())
}

async fn an_end_is_an_end(rig: &dyn ConsoleRig) -> Result<(), Violation> {
    let clock = rig.clock();
    let mut console = rig.open().await;
    send(rig, console.as_mut(), b"last words").await?;
    take(rig, console.as_mut(), b"last words".len()).await?;
    send(rig, console.as_mut(), b"!").await?;
    let error = match clock.within(clock.now().after(PATIENCE), console.receive()).await {
        Ok(Err(error)) => error,
        Ok(Ok(bytes)) => return Err(broken("an end is known", format!("{bytes:?} came in its place"))),
        Err(_elapsed) => return Err(broken("an end is known", "nothing came")),
    };
    if error.kind() != ErrorKind::Disconnected {
        return Err(broken("an end is Disconnected", format!("{:?}", error.kind())));
    }
    match clock.within(clock.now().after(PATIENCE), console.receive()).await {
        Ok(Err(error)) if error.kind() == ErrorKind::Disconnected => Ok(()),
        Ok(Ok(_) | Err(_)) | Err(_) => Err(broken("an end stays one", "something else came behind it")),
    }
}

async fn closing_twice_is_no_error(rig: &dyn ConsoleRig) -> Result<(), Violation> {
    let mut console = rig.open().await;
    console.close().await;
    console.close().await;
    match console.send(b"x", rig.clock().now().after(PATIENCE)).await {
        Err(error) if error.kind() == ErrorKind::Disconnected => Ok(()),
        Ok(()) | Err(_) => Err(broken("a closed console is Disconnected", "it took a byte")),
    }
}
