//! `benchtop demo-server`: a stand-in for TofuPilot on this machine, for tests and demonstrations. It keeps what it is sent in
//! memory, believes any key, judges next to nothing, and is no product.

mod faults;
mod held;
mod page;
mod routes;

use crate::{
    args::DemoArguments,
    exit::{Exit, Failure},
    http, interrupt, terminal,
};
use benchtop_instrument::{Clock, RealClock};
use faults::Fault;
use held::Held;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::net::TcpListener;

/// How long nobody is let in after somebody could not be.
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) async fn serve(arguments: &DemoArguments) -> Result<Exit, Failure> {
    if !arguments.listen.ip().is_loopback() {
        return Err(Failure::refused(
            "--listen: the demo server believes any key, so it listens on this machine only: 127.0.0.1:PORT",
        ));
    }
    let mut held = Held::default();
    let parsed = arguments.fault.iter().map(|word| {
        Fault::parse(word).ok_or_else(|| Failure::refused(format!("--fault `{word}`: expected {}", held::WORDS)))
    });
    held.faults.script(parsed.collect::<Result<_, _>>()?);
    let listener = TcpListener::bind(arguments.listen).await;
    let listener = listener.map_err(|error| Failure::error(format!("listen on {}: {error}", arguments.listen)))?;
    let address = listener.local_addr();
    let address = address.map_err(|error| Failure::error(format!("listen on {}: {error}", arguments.listen)))?;
    terminal::emit(&format!(
        r#"{{"url": "http://{address}", "is": "a stand-in for TofuPilot, no product"}}"#
    ));
    held.address = address.to_string();
    held.is_old = arguments.old;
    let held = Arc::new(Mutex::new(held));
    let mut interrupt = interrupt::listen();
    let clock = RealClock::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = interrupt.changed() => return Ok(Exit::Success),
        };
        // a client that broke off before it was there is no trouble; without descriptors there is nothing to do but wait
        let Ok((stream, _)) = accepted else {
            clock.sleep_until(clock.now().after(PAUSE)).await;
            continue;
        };
        let held = Arc::clone(&held);
        tokio::spawn(async move {
            let answer = |request| routes::answer(&mut held::lock(&held), &request);
            drop(http::converse(stream, answer).await);
        });
    }
}
