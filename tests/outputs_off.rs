//! However a run ends, the outputs go off: real processes, real signals, a simulated supply in a third process that says
//! afterwards whether its output is on.

use crate::testkit::{Running, Served, benchtop, done, eventually, json, only_record, records, write};
use nix::sys::signal::Signal;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The board's procedure with a minute of settling under power.
fn long_procedure(served: &Served) -> PathBuf {
    let text = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/procedures/board-functional-v3.toml"
    ))
    .unwrap();
    let long = text.replace("\"250 ms\"", "\"60 s\"");
    assert_ne!(long, text);
    let path = served.folder.path().join("long.toml");
    write(&path, &long);
    path
}

fn under_power(served: &Served) -> Running {
    let procedure = long_procedure(served);
    let running = Running::start(&mut served.run_procedure(&procedure, "UNIT-5501"));
    settling(&served.store());
    assert!(served.output_is_on());
    running
}

/// Waits until the step that waits under power has begun: its name is in the journal's plan, and then once more.
pub(crate) fn settling(store: &Path) {
    let begun = || {
        let journal = fs::read_dir(store.join("journal")).ok()?.next()?.ok()?;
        let text = fs::read_to_string(journal.path()).ok()?;
        (text.matches("\"Settle\"").count() > 1).then_some(())
    };
    eventually("the settling", begun);
}

fn interrupted(signals: &[Signal]) {
    let served = Served::bench("UNIT-5501");
    let running = under_power(&served);
    for signal in signals {
        running.signal(*signal);
    }
    let run = running.finish();
    assert_eq!(run.code, Some(5), "{signals:?}: {run}");
    assert!(!served.output_is_on(), "{signals:?}");
    let record = only_record(&served.store());
    assert_eq!(record["outcome"], "ABORTED");
    assert!(
        record["steps"]
            .as_array()
            .unwrap()
            .iter()
            .any(|step| step["outcome"] == "ABORTED"),
        "{record}"
    );
}

#[test]
fn after_ctrl_c() {
    interrupted(&[Signal::SIGINT]);
}

#[test]
fn after_ctrl_c_twice() {
    interrupted(&[Signal::SIGINT, Signal::SIGINT]);
}

#[test]
fn after_sigterm() {
    interrupted(&[Signal::SIGTERM]);
}

#[test]
fn after_sighup() {
    interrupted(&[Signal::SIGHUP]);
}

#[test]
fn after_kill_9_and_the_next_run() {
    let served = Served::bench("UNIT-5501");
    let mut running = under_power(&served);
    running.signal(Signal::SIGKILL);
    running.wait();
    assert!(
        served.output_is_on(),
        "nothing can switch it off between a kill and the next start"
    );
    let next = done(&mut served.run("UNIT-5502"));
    assert_eq!(next.code, Some(0), "{next}");
    assert!(
        next.err.contains("was interrupted") && next.err.contains("psu output 1 proved off"),
        "{next}"
    );
    assert!(!served.output_is_on());
    let found = records(&served.store(), "pending");
    let outcomes: Vec<(String, String)> = found
        .iter()
        .map(|path| json(path))
        .map(|record| {
            (
                record["unit_under_test"]["serial_number"].to_string(),
                record["outcome"].to_string(),
            )
        })
        .collect();
    let pair = |serial: &str, outcome: &str| (format!("\"{serial}\""), format!("\"{outcome}\""));
    assert_eq!(outcomes, [pair("UNIT-5501", "ABORTED"), pair("UNIT-5502", "PASS")]);
}

#[test]
fn after_kill_9_and_benchtop_safe() {
    let served = Served::bench("UNIT-5501");
    let mut running = under_power(&served);
    running.signal(Signal::SIGKILL);
    running.wait();
    let safe = done(
        benchtop()
            .arg("safe")
            .arg("--station")
            .arg(&served.station)
            .arg("--store")
            .arg(served.store()),
    );
    assert_eq!(safe.code, Some(0), "{safe}");
    assert!(safe.out.contains("psu channel 1"), "{safe}");
    assert!(!served.output_is_on());
    assert_eq!(only_record(&served.store())["outcome"], "ABORTED");
}

#[test]
fn a_sync_after_kill_9_saves_the_run_says_so_and_leaves_the_switching_to_the_next_run() {
    let served = Served::bench("UNIT-5501");
    let mut running = under_power(&served);
    running.signal(Signal::SIGKILL);
    running.wait();
    let mut sync = benchtop();
    sync.args(["sync", "--url", "http://127.0.0.1:9", "--store"])
        .arg(served.store())
        .env("TOFUPILOT_API_KEY", "k");
    let sync = done(&mut sync);
    assert!(sync.err.contains("outputs may still be on"), "{sync}");
    assert!(served.output_is_on(), "sync opens no instrument");
    let next = done(&mut served.run("UNIT-5502"));
    assert_eq!(next.code, Some(0), "{next}");
    assert!(next.err.contains("psu output 1 proved off"), "{next}");
}

#[test]
fn an_output_that_cannot_be_reached_after_kill_9_refuses_the_next_run_by_name() {
    let store = crate::testkit::scratch();
    let first = Served::bench("UNIT-5501");
    let mut command = benchtop();
    command
        .arg("run")
        .arg(long_procedure(&first))
        .args(["--serial", "UNIT-5501", "--station"])
        .arg(&first.station);
    command.arg("--store").arg(store.path());
    let mut running = Running::start(&mut command);
    settling(store.path());
    assert!(first.output_is_on());
    running.signal(Signal::SIGKILL);
    running.wait();
    drop(first);
    let second = Served::bench("UNIT-5502");
    let run = |extra: &[&str]| {
        let mut command = benchtop();
        command
            .args(["run", crate::testkit::BOARD, "--serial", "UNIT-5502", "--station"])
            .arg(&second.station);
        command.arg("--store").arg(store.path()).args(extra);
        done(&mut command)
    };
    for _twice in 0..2 {
        let refused = run(&[]);
        assert_eq!(refused.code, Some(2), "{refused}");
        assert!(refused.err.contains("OUTPUT MAY BE ON: psu channel 1"), "{refused}");
        assert!(refused.err.contains("--accept-unsafe psu"), "{refused}");
    }
    let accepted = run(&["--accept-unsafe", "psu"]);
    assert_eq!(accepted.code, Some(0), "{accepted}");
    assert_eq!(run(&[]).code, Some(0), "taken on once, it is not asked again");
}
