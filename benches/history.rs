//! What it costs to ask a store that holds very many runs.
//!
//! `cargo bench --bench history -- [RUNS]` (100,000 unless said): generated records of two measurements lie in `pending/`; then
//! the first index, lists, statistics and one run more are timed, and the memory of the process is read. Everything lies in
//! a folder of the working directory's `target/`, or of `BENCHTOP_BENCH_DIR`. Nothing here passes or fails; the numbers go
//! into closing notes.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a benchmark may stop at once, and its records are made of bare calls"
)]

use benchtop_instrument::{Clock, Moment, RealClock};
use benchtop_report::{
    Filter, History, Order,
    analysis::analyse,
    population::{Wanted, pareto, populations, samples, yields},
};
use benchtop_store::{
    Record, RecordName, Store, integrity,
    record::{RunOutcome, Value},
};
use std::{fs, path::Path};

const RELEASED: &str = include_str!("../fixtures/records/run-1.json");

fn main() {
    let mut counts = std::env::args().skip(1).filter_map(|text| text.parse::<u64>().ok());
    let runs = counts.next().unwrap_or(100_000).max(100);
    let base = std::env::var_os("BENCHTOP_BENCH_DIR").map_or_else(|| "target".into(), std::path::PathBuf::from);
    let folder = tempfile::tempdir_in(base).unwrap();
    let clock = RealClock::new();
    let root = folder.path().join("store");
    drop(Store::open(&root).unwrap());
    let bytes: usize = (1..=runs).map(|sequence| put(&root, &record(sequence))).sum();
    println!(
        "{runs} runs of {} bytes each; in {}",
        bytes as u64 / runs,
        folder.path().display()
    );
    line("memory before", &megabytes());
    let first = timed(&clock, "first index", || open(&root, &clock));
    assert_eq!(first.len() as u64, runs);
    drop(first);
    line("memory at most so far", &megabytes());
    let index = fs::metadata(root.join("index/history.idx")).unwrap().len();
    line("size of the index", &format!("{:.1} MB", index as f64 / 1e6));
    settle(&root, &clock);
    timed(&clock, "list the last 50", || list(&root, &clock));
    let store = Store::open(&root).unwrap();
    for number in 1..=3 {
        let sealed = integrity::seal(&record(runs + number)).unwrap();
        timed(&clock, "one run more, published by the store", || {
            store.adopt(&sealed).unwrap()
        });
        let one = timed(&clock, "  and taken into the history", || open(&root, &clock));
        assert_eq!((one.records_read(), one.folders_listed()), (1, 0));
        drop(one);
        timed(&clock, "  and the last 50 listed", || list(&root, &clock));
    }
    put(&root, &record(runs + 4));
    let copied = timed(&clock, "one copied there by hand: the folder is listed", || {
        open(&root, &clock)
    });
    assert_eq!((copied.records_read(), copied.folders_listed()), (1, 1));
    drop(copied);
    settle(&root, &clock);
    timed(&clock, "list the last 50 of one serial number", || {
        let mut history = open(&root, &clock);
        let filter = Filter {
            serial: Some("UNIT-0000077".to_owned()),
            ..Filter::default()
        };
        history.select(&filter, Order::NewestFirst, 0, 50).unwrap().len()
    });
    line("memory at most, before statistics", &megabytes());
    timed(&clock, "stats of one procedure", || stats(&root, &clock, false));
    timed(&clock, "stats, each record's size and time looked at", || {
        stats(&root, &clock, true)
    });
    line("memory at most", &megabytes());
}

/// Opens the history as a command does.
fn open(root: &Path, clock: &RealClock) -> History {
    let store = Store::open(root).unwrap();
    History::open(&store, clock.utc(), &mut |_, _| {}).unwrap()
}

fn list(root: &Path, clock: &RealClock) -> usize {
    let mut history = open(root, clock);
    let page = history.select_confirmed(&Filter::default(), Order::NewestFirst, 0, 50);
    page.unwrap().0.len()
}

fn stats(root: &Path, clock: &RealClock, confirm: bool) -> usize {
    let mut history = open(root, clock);
    let filter = Filter {
        procedure: Some("BOARD-FUNCTIONAL-V3".to_owned()),
        ..Filter::default()
    };
    let runs = match confirm {
        true => {
            history
                .select_confirmed(&filter, Order::OldestFirst, 0, usize::MAX)
                .unwrap()
                .0
        }
        false => history.select(&filter, Order::OldestFirst, 0, usize::MAX).unwrap(),
    };
    let wanted = Wanted {
        simulated: true,
        ..Wanted::default()
    };
    let populations = populations(&runs, wanted);
    let population = &populations[0];
    let found = yields(population);
    let failing = pareto(population);
    let analyses: Vec<_> = samples(population).into_iter().map(analyse).collect();
    found.units + failing.len() + analyses.len()
}

/// Waits until the folder's time of change is old enough to be believed, and lets the index note it.
fn settle(root: &Path, clock: &RealClock) {
    std::thread::sleep(std::time::Duration::from_millis(2500));
    drop(open(root, clock));
}

fn timed<T>(clock: &RealClock, what: &str, act: impl FnOnce() -> T) -> T {
    let begun: Moment = clock.now();
    let done = act();
    let took = clock.now().since(begun).as_secs_f64() * 1e3;
    line(what, &format!("{took:.1} ms"));
    done
}

fn line(what: &str, value: &str) {
    println!("  {what:<46}{value:>14}");
}

/// The most memory that the process had, as the kernel counts it.
fn megabytes() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.map_or_else(
        || "unknown".to_owned(),
        |kilobytes| format!("{:.1} MiB", kilobytes / 1024.0),
    )
}

/// A run of two measurements; one of fifty fails.
fn record(sequence: u64) -> Record {
    let mut record = integrity::open(RELEASED.as_bytes()).unwrap();
    record.sequence = sequence;
    record.run_id = format!("0195f000-0000-7000-8000-{sequence:012x}");
    record.unit_under_test.serial_number = format!("UNIT-{sequence:07}");
    record.started_at += chrono::TimeDelta::seconds(i64::try_from(sequence).unwrap() * 10);
    record.tested_at = record.started_at;
    record.ended_at = record.started_at;
    let passed = !sequence.is_multiple_of(50);
    record.outcome = if passed { RunOutcome::Pass } else { RunOutcome::Fail };
    record.run_passed = passed;
    record.reason = None;
    record.chain = None;
    record
        .steps
        .retain(|step| step.name == "Power on" || step.name == "Power Rail Check");
    for step in &mut record.steps {
        step.attempts.clear();
        let second = step.measurements.first().cloned().map(|mut second| {
            "idle_current_ma".clone_into(&mut second.name);
            "mA".clone_into(&mut second.unit);
            (second.limit_low, second.limit_high) = (Some(30.0), Some(60.0));
            second
        });
        step.measurements.extend(second);
        for (at, measurement) in step.measurements.iter_mut().enumerate() {
            // a cheap scatter with a little of everything
            let scatter =
                (sequence.wrapping_mul(2_654_435_761).wrapping_add(at as u64 * 97) % 1000) as f64 / 1000.0 - 0.5;
            let centre = if at == 0 { 3.3 } else { 44.0 };
            measurement.value = Some(Value::Number(centre * (1.0 + scatter / 100.0)));
        }
    }
    record
}

fn put(root: &Path, record: &Record) -> usize {
    let bytes = integrity::seal(record).unwrap();
    fs::write(root.join("pending").join(RecordName::of(record).as_str()), &bytes).unwrap();
    bytes.len()
}
