//! The outbox in Prometheus' text format, for this machine only.

use crate::{
    exit::Failure,
    http::{self, Reply},
};
use benchtop_instrument::{Clock, RealClock};
use benchtop_store::Store;
use benchtop_sync::Status;
use std::{fmt::Write as _, net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;

/// Serves `/metrics` until the process ends; every question looks at the store anew.
pub(super) async fn serve(address: SocketAddr, store: Store, targets: Vec<String>) -> Result<(), Failure> {
    if !address.ip().is_loopback() {
        return Err(Failure::refused("--metrics: on this machine only: 127.0.0.1:PORT"));
    }
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| Failure::error(format!("--metrics {address}: {error}")))?;
    let targets = Arc::new(targets);
    tokio::spawn(async move {
        // a client that broke off before it was there is no trouble
        while let Ok((stream, _)) = listener.accept().await {
            let (store, targets) = (store.clone(), Arc::clone(&targets));
            tokio::spawn(async move {
                let answer = |request: http::Request| match request.path.as_str() {
                    "/metrics" => reply(&store, &targets),
                    _ => Reply::new(404, "text/plain", b"only /metrics is here\n".to_vec()),
                };
                drop(http::converse(stream, answer).await);
            });
        }
    });
    Ok(())
}

fn reply(store: &Store, targets: &[String]) -> Reply {
    let names: Vec<&str> = targets.iter().map(String::as_str).collect();
    match benchtop_sync::status(store, &names) {
        Ok(status) => Reply::new(200, "text/plain; version=0.0.4", text(&status).into_bytes()),
        Err(error) => Reply::new(500, "text/plain", format!("{error}\n").into_bytes()),
    }
}

fn text(status: &Status) -> String {
    let now = RealClock::new().utc();
    let mut lines = String::new();
    let mut gauge = |name: &str, help: &str, values: &[(String, String)]| {
        // Writing to a String cannot fail.
        let mut written = write!(lines, "# HELP {name} {help}\n# TYPE {name} gauge\n");
        for (label, value) in values {
            written = written.and_then(|()| writeln!(lines, "{name}{label} {value}"));
        }
        debug_assert!(written.is_ok());
    };
    let folder = |name: &str, count: u64| (format!("{{folder=\"{name}\"}}"), count.to_string());
    gauge(
        "benchtop_records",
        "Records by the folder of the store.",
        &[
            folder("pending", status.pending),
            folder("parked", status.parked),
            folder("kept", status.kept),
            folder("quarantine", status.quarantined),
        ],
    );
    gauge(
        "benchtop_unsealed_runs",
        "Runs that are in progress, or were interrupted.",
        &[(String::new(), status.unsealed.to_string())],
    );
    gauge(
        "benchtop_unbelieved_records",
        "Records whose receipts cannot be believed: they wait for a person.",
        &[(String::new(), status.unbelieved.to_string())],
    );
    let age = status
        .oldest_pending
        .map_or(0, |oldest| (now - oldest).num_seconds().max(0));
    gauge(
        "benchtop_not_records",
        "Entries of pending/ that are no records by name or kind.",
        &[(String::new(), status.not_records.to_string())],
    );
    gauge(
        "benchtop_oldest_pending_seconds",
        "How long the oldest pending run waits.",
        &[(String::new(), age.to_string())],
    );
    let by_target = |value: &dyn Fn(&benchtop_sync::TargetStatus) -> Option<String>| {
        let targets = status.targets.iter();
        let values = targets.filter_map(|(name, own)| Some((format!("{{target=\"{}\"}}", label(name)), value(own)?)));
        values.collect::<Vec<_>>()
    };
    gauge(
        "benchtop_target_pending",
        "Records that the target lacks.",
        &by_target(&|own| Some(own.pending.to_string())),
    );
    gauge(
        "benchtop_target_parked",
        "Records that the target refused.",
        &by_target(&|own| Some(own.parked_count.to_string())),
    );
    gauge(
        "benchtop_target_last_success_seconds",
        "When the target last confirmed a run, in Unix seconds.",
        &by_target(&|own| Some(own.outlook.last_success?.timestamp().to_string())),
    );
    lines
}

/// What may stand in a label's value.
fn label(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() && !['"', '\\'].contains(c))
        .collect()
}
