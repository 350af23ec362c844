//! Everything at once: a proxy that spoils what passes it, syncers that are killed at random, two of them at a time, and runs
//! that keep coming. In the end every run is there exactly once, and the store knows it.

mod line;
mod proxy;
mod v1;

use crate::demo::{Demo, station};
use crate::testkit::{benchtop, done, records, scratch, simulated};
use proxy::Proxy;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

/// So many runs; `BENCHTOP_SOAK` multiplies it.
const RUNS: u64 = 200;

fn runs() -> u64 {
    let soak = std::env::var("BENCHTOP_SOAK").ok().and_then(|soak| soak.parse().ok());
    RUNS * soak.unwrap_or(1)
}

fn sync(station: &Path) -> Command {
    let mut command = benchtop();
    command.arg("sync").arg("--station").arg(station);
    command.env("TOFUPILOT_API_KEY", "canary-chaos-key");
    command
}

/// Tells those who go on until they are told to stop, also when a test ends by a panic.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Starts syncs one after the other and kills most of them, until it is told to stop; how many it killed.
#[expect(clippy::disallowed_methods, reason = "a kill at a random moment is what is tested")]
fn kill_syncers(station: &Path, seed: u64, stop: &AtomicBool, killed: &AtomicU64) {
    let mut state = seed;
    while !stop.load(Ordering::Relaxed) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let mut child = sync(station)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        if !state.is_multiple_of(4) {
            thread::sleep(Duration::from_millis(state % 60));
            child.kill().unwrap();
        }
        // one that had ended before was not killed
        if child.wait().unwrap().code().is_none() {
            killed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Syncs until everything is confirmed, over a line that is well again.
fn drain_all(sync: impl Fn() -> Command, retry: impl Fn() -> Command) {
    let mut last = done(&mut sync());
    for _ in 0..10 {
        if last.code == Some(0) {
            break;
        }
        // five failures park a record: a person looks, and tries again
        done(&mut retry());
        last = done(&mut sync());
    }
    assert_eq!(last.code, Some(0), "{last}");
}

/// The server holds each run of the store once, and nothing else; the store and `sync status` agree.
fn assert_each_is_there_once(arrived: &Value, store: &Path, status: &str, total: u64) {
    let status: Value = serde_json::from_str(status).unwrap();
    assert_eq!(
        (&status["pending"], &status["parked"], &status["quarantined"]),
        (&json!(0), &json!(0), &json!(0))
    );
    let there: Vec<&str> = arrived["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["body"]["client_run_ref"].as_str().unwrap())
        .collect();
    let here: BTreeSet<String> = records(store, "synced")
        .iter()
        .map(|path| crate::testkit::json(path)["run_id"].as_str().unwrap().to_owned())
        .collect();
    let total = usize::try_from(total).unwrap();
    assert_eq!((there.len(), here.len()), (total, total));
    assert_eq!(there.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), here);
}

fn status(station: &Path) -> String {
    let mut status = benchtop();
    status
        .args(["sync", "status", "--format", "json", "--station"])
        .arg(station);
    done(&mut status).out
}

fn retry(station: &Path) -> Command {
    let mut retry = benchtop();
    retry.args(["sync", "retry", "--all", "--station"]).arg(station);
    retry
}

#[test]
fn every_run_arrives_exactly_once_whatever_happens_on_the_way() {
    let demo = Demo::start(&[]);
    let proxy = Proxy::start(&demo.url, 7, &proxy::SPOILT);
    let folder = scratch();
    let store = folder.path().join("store");
    let station = station(folder.path(), &proxy.url);
    done(&mut simulated(&store, "UNIT-0000"));
    proxy.spoil(40);
    let (stop, killed) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for seed in [0x9e37_79b9, 0x7f4a_7c15] {
            let (stop, killed, station) = (&stop, &killed, &station);
            scope.spawn(move || kill_syncers(station, seed, stop, killed));
        }
        let _stops = Stops(&stop);
        for number in 1..runs() {
            let run = done(&mut simulated(&store, &format!("UNIT-{:04}", number % 10_000)));
            assert!(matches!(run.code, Some(0 | 1)), "{run}");
        }
    });
    // what still waits meets the same line once more, and nobody kills
    done(&mut sync(&station));
    proxy.spoil(0);
    drain_all(|| sync(&station), || retry(&station));
    let arrived = demo.arrived();
    assert_each_is_there_once(&arrived, &store, &status(&station), runs());
    let (killed, spoiled) = (killed.load(Ordering::Relaxed), proxy.spoiled());
    println!(
        "{} runs, {} requests reached the server, {killed} syncers killed, spoiled on the way: {spoiled:?}",
        runs(),
        arrived["requests"]
    );
    assert!(killed > 10, "nothing was killed: the test proves nothing");
    for kind in proxy::SPOILT {
        assert!(
            spoiled.get(&kind).is_some_and(|count| *count > 0),
            "{kind:?} never happened: {spoiled:?}"
        );
    }
}
