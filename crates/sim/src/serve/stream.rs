//! A client on a stream of bytes: messages come in, answers go out at once.
//!
//! When enough of its messages wait, or it does not take its answers, it is not read from.

use super::Stopped;
use crate::{attachment::Attachment, client::Progress, device::Wait};
use benchtop_instrument::{Clock, ClockExt, Moment};
use std::{sync::Arc, time::Duration};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// What is read at a time, and kept per client.
const CHUNK: usize = 2048;
/// How long an answer may take that a client waits for who has closed its sending side.
const LINGER: Duration = Duration::from_secs(10);

/// Why a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The server stops.
    Stopped,
    /// The client has left.
    Left,
    /// The instrument has dropped the connection.
    Dropped,
}

/// Talks to a client until one of the two has enough.
///
/// Where a client may be absent without anybody noticing, answers that are not taken for `patience` are lost.
pub(super) async fn converse(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin + Send),
    attachment: &mut Attachment,
    stopped: &mut Stopped,
    patience: Option<Duration>,
) -> Ended {
    let shared = Arc::clone(&attachment.shared);
    let mut chunk = [0; CHUNK];
    let mut leaves_by: Option<Moment> = None;
    loop {
        let mut changed = std::pin::pin!(Arc::clone(&shared.changed).notified_owned());
        // from here on a change is noticed, so none is missed between the look and the wait
        changed.as_mut().enable();
        let mut said = Vec::new();
        let progress = attachment.advance(&mut said);
        if !said.is_empty() {
            let written = tokio::select! {
                biased;
                _ = stopped.changed() => return Ended::Stopped,
                written = say(stream, &said, &*shared.clock, patience) => written,
            };
            if written.is_err() {
                return Ended::Left;
            }
            continue;
        }
        let deaf = progress == Progress::Deaf;
        let until = match (progress, leaves_by) {
            (Progress::Deaf, _) => Moment::from_start(Duration::MAX),
            (Progress::Gone, _) => return Ended::Dropped,
            (Progress::Idle | Progress::Waiting(Wait::ForChange), Some(_)) => return Ended::Left,
            (_, Some(moment)) if moment <= shared.clock.now() => return Ended::Left,
            (Progress::Waiting(Wait::Until(moment)), leaves_by) => leaves_by.map_or(moment, |leave| leave.min(moment)),
            (Progress::Idle | Progress::Waiting(Wait::ForChange), None) => Moment::from_start(Duration::MAX),
        };
        tokio::select! {
            biased;
            _ = stopped.changed() => return Ended::Stopped,
            read = stream.read(&mut chunk), if leaves_by.is_none() && !deaf && !attachment.is_full() => match read {
                Ok(0) => leaves_by = Some(shared.clock.now().after(LINGER)),
                Ok(length) => attachment.receive(chunk.get(..length).unwrap_or_default()),
                Err(_) => return Ended::Left,
            },
            () = changed => {}
            () = shared.clock.sleep_until(until) => {}
        }
    }
}

/// Sends all of it, or as much as is taken in time.
async fn say(
    stream: &mut (impl AsyncWrite + Unpin + Send),
    mut said: &[u8],
    clock: &dyn Clock,
    patience: Option<Duration>,
) -> std::io::Result<()> {
    let Some(patience) = patience else {
        return stream.write_all(said).await;
    };
    while !said.is_empty() {
        let deadline = clock.now().after(patience);
        let Ok(written) = clock.within(deadline, stream.write(said)).await else {
            return Ok(());
        };
        said = said.get(written?..).unwrap_or_default();
    }
    Ok(())
}
