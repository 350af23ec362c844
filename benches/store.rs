//! What it costs to keep a run, beside the least that it could cost: the bare system calls for the same bytes, in the same
//! run, on the same file system.
//!
//! `cargo bench --bench store -- [PAIRS] [NAMES]`: interleaved pairs of both, now one first, now the other, for what comes
//! first leaves the disk other work; the median of their ratios with quartiles and p99. `NAMES` pending records (1,000,000 if not said) are listed at the end. Everything lies in a folder of the
//! working directory's `target/`, or of `BENCHTOP_BENCH_DIR`: not in memory, where a sync costs nothing. Nothing here
//! passes or fails; the numbers go into closing notes.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a benchmark may stop at once, and the floor is made of bare calls"
)]

use benchtop_instrument::{Clock, Moment, RealClock};
use benchtop_run::{
    Event, EventKind, Log, LogLevel, Purpose, Recorder, RunEnded, RunOutcome, Section, Stamp, StepAddress, StepEnded,
    StepOutcome, StepStarted,
};
use benchtop_store::{Journal, Store, Ticket, put_elsewhere};
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

mod telling;

fn main() {
    let mut counts = std::env::args().skip(1).filter_map(|text| text.parse::<usize>().ok());
    let pairs = counts.next().unwrap_or(500).max(2);
    let names = counts.next().unwrap_or(1_000_000);
    let base = std::env::var_os("BENCHTOP_BENCH_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let folder = tempfile::tempdir_in(base).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let clock = RealClock::new();
    println!("{pairs} pairs; in {}", folder.path().display());
    let length = seal(folder.path(), &clock, &runtime, pairs);
    publish(folder.path(), &clock, length, pairs);
    journal(folder.path(), &clock, &runtime, pairs);
    start(folder.path(), &clock, &runtime);
    oldest(folder.path(), &clock, names);
}

fn since(clock: &RealClock, begun: Moment) -> f64 {
    clock.now().since(begun).as_secs_f64() * 1e6
}

/// A run of a handful of steps whose record has some 4 KB.
fn begin(store: &Store, clock: &RealClock) -> (Ticket, Journal, Vec<Event>) {
    let ticket = store.begin(clock.utc()).unwrap();
    let journal = store.journal(&ticket).unwrap();
    let events = telling::run(&ticket, clock.utc());
    (ticket, journal, events)
}

/// The bare calls: write, fsync, rename, fsync(folder).
struct Bare {
    path: PathBuf,
    folder: File,
}

impl Bare {
    fn in_folder(path: PathBuf) -> Self {
        fs::create_dir(&path).unwrap();
        let folder = File::open(&path).unwrap();
        Self { path, folder }
    }

    /// What it took, in microseconds.
    fn publish(&self, clock: &RealClock, turn: usize, bytes: &[u8]) -> f64 {
        let (temporary, name) = (self.path.join(".tmp"), self.path.join(turn.to_string()));
        let begun = clock.now();
        let mut file = File::create_new(&temporary).unwrap();
        file.write_all(bytes).unwrap();
        file.sync_all().unwrap();
        drop(file);
        fs::rename(&temporary, &name).unwrap();
        self.folder.sync_all().unwrap();
        since(clock, begun)
    }
}

/// Sealing a run: its events become a record, which takes its place in the chain and is published, the unit is remembered and the
/// journal goes. Beside the bare calls for the record's bytes. Answers how many those are.
fn seal(folder: &Path, clock: &RealClock, runtime: &tokio::runtime::Runtime, pairs: usize) -> usize {
    let store = Store::open(&folder.join("seal")).unwrap();
    let bare = Bare::in_folder(folder.join("bare-seal"));
    let (mut floors, mut ours) = (Vec::new(), Vec::new());
    let mut bytes = Vec::new();
    for turn in 0..pairs + pairs / 10 + 1 {
        let (_ticket, mut journal, events) = begin(&store, clock);
        events.iter().for_each(|event| journal.record(event).unwrap());
        runtime.block_on(journal.barrier()).unwrap();
        // the record of the turn before has the same size
        let before = (turn % 2 == 1).then(|| bare.publish(clock, turn, &bytes));
        let begun = clock.now();
        let saved = store.seal(&journal).unwrap();
        let took = since(clock, begun);
        bytes = fs::read(&saved.path).unwrap();
        let floor = before.unwrap_or_else(|| bare.publish(clock, turn, &bytes));
        if turn > pairs / 10 {
            floors.push(floor);
            ours.push(took);
        }
    }
    let what = format!("seal a run, whose record has {} bytes", bytes.len());
    report(&what, BARE, &floors, &ours);
    bytes.len()
}

const BARE: &str = "write, fsync, rename, fsync(folder)";

/// The durable publish by itself, which everything goes through that must be there whole or not at all.
fn publish(folder: &Path, clock: &RealClock, length: usize, pairs: usize) {
    let bare = Bare::in_folder(folder.join("bare-publish"));
    let elsewhere = folder.join("publish");
    let bytes = vec![b'x'; length];
    let (mut floors, mut ours) = (Vec::new(), Vec::new());
    for turn in 0..pairs + pairs / 10 + 1 {
        let before = (turn % 2 == 1).then(|| bare.publish(clock, turn, &bytes));
        let begun = clock.now();
        put_elsewhere(&elsewhere, &turn.to_string(), &bytes).unwrap();
        let took = since(clock, begun);
        let floor = before.unwrap_or_else(|| bare.publish(clock, turn, &bytes));
        if turn > pairs / 10 {
            floors.push(floor);
            ours.push(took);
        }
    }
    report(&format!("publish {length} bytes"), BARE, &floors, &ours);
}

/// A step's three lines and their sync, beside an append and fdatasync of the same bytes.
fn journal(folder: &Path, clock: &RealClock, runtime: &tokio::runtime::Runtime, pairs: usize) {
    let store = Store::open(&folder.join("journals")).unwrap();
    let (ticket, mut journal, events) = begin(&store, clock);
    journal.record(&events[0]).unwrap();
    runtime.block_on(journal.barrier()).unwrap();
    let path = store.root().join("journal").join(format!("{}.jsonl", ticket.run_id));
    let mut bare = File::options()
        .append(true)
        .create(true)
        .open(folder.join("bare.jsonl"))
        .unwrap();
    let (mut floors, mut durable, mut pipelined) = (Vec::new(), Vec::new(), Vec::new());
    // the lines of every step have the same length
    let length = || fs::metadata(&path).unwrap().len();
    let before = length();
    let step = |journal: &mut Journal| {
        let begun = clock.now();
        events[1..4].iter().for_each(|event| journal.record(event).unwrap());
        runtime.block_on(journal.barrier()).unwrap();
        since(clock, begun)
    };
    step(&mut journal);
    let bytes = vec![b'x'; usize::try_from(length() - before).unwrap()];
    let mut append = || {
        let begun = clock.now();
        bare.write_all(&bytes).unwrap();
        bare.sync_data().unwrap();
        since(clock, begun)
    };
    for turn in 0..pairs + pairs / 10 + 1 {
        let before = (turn % 2 == 1).then(&mut append);
        let took = step(&mut journal);
        let floor = before.unwrap_or_else(&mut append);
        let begun = clock.now();
        events[1..4].iter().for_each(|event| journal.record(event).unwrap());
        runtime.block_on(journal.pipeline()).unwrap();
        let beside = since(clock, begun);
        // the sync that runs beside is not the next turn's to wait for
        runtime.block_on(journal.barrier()).unwrap();
        if turn > pairs / 10 {
            floors.push(floor);
            durable.push(took);
            pipelined.push(beside);
        }
    }
    let floor = "append, fdatasync";
    report("journal a step, durably", floor, &floors, &durable);
    report(
        "journal a step, its sync beside the next one",
        floor,
        &floors,
        &pipelined,
    );
}

/// Opening and recovering a store with many pending records and some torn journals.
fn start(folder: &Path, clock: &RealClock, runtime: &tokio::runtime::Runtime) {
    const PENDING: usize = 10_000;
    const TORN: usize = 10;
    let root = folder.join("start");
    let store = Store::open(&root).unwrap();
    fill(&root, PENDING);
    let mut times = Vec::new();
    for _ in 0..5 {
        for _ in 0..TORN {
            let (ticket, mut journal, events) = begin(&store, clock);
            events[..4].iter().for_each(|event| journal.record(event).unwrap());
            runtime.block_on(journal.barrier()).unwrap();
            drop(journal);
            let path = root.join("journal").join(format!("{}.jsonl", ticket.run_id));
            let file = File::options().write(true).open(path).unwrap();
            file.set_len(file.metadata().unwrap().len() - 5).unwrap();
        }
        let begun = clock.now();
        let recovered = Store::open(&root).unwrap().recover().unwrap();
        times.push(since(clock, begun) / 1e3);
        assert_eq!(recovered.sealed.len(), TORN);
    }
    let Spread { low, median, high, .. } = Spread::of(times);
    println!(
        "start with {PENDING} pending and {TORN} torn journals: {median:.1} ms ({low:.1} to {high:.1}), all saved"
    );
}

/// The oldest 64 of very many pending records, after the first listing.
fn oldest(folder: &Path, clock: &RealClock, names: usize) {
    let root = folder.join("oldest");
    let store = Store::open(&root).unwrap();
    fill(&root, names);
    let mut backlog = store.backlog();
    let begun = clock.now();
    assert_eq!(backlog.next_batch(64).unwrap().len(), 64);
    let first = since(clock, begun) / 1e3;
    let mut times = Vec::new();
    for _ in 0..200 {
        let begun = clock.now();
        let batch = backlog.next_batch(64).unwrap();
        times.push(since(clock, begun) / 1e3);
        if batch.is_empty() {
            break;
        }
    }
    let most = times.iter().copied().fold(0.0, f64::max);
    let Spread { low, median, high, .. } = Spread::of(times);
    println!(
        "the oldest 64 of {names} pending: {first:.0} ms with the first listing, then {median:.4} ms ({low:.4} to {high:.4}, at most {most:.4})"
    );
}

/// Empty files with the names of records: nothing that is measured here opens them.
fn fill(root: &Path, count: usize) {
    let pending = root.join("pending");
    for number in 0..count {
        let name = format!("{number:010}_UNIT-{number}_20260304_050607_0195f000-0000-7000-8000-{number:012x}.json");
        File::create(pending.join(name)).unwrap();
    }
}

fn report(what: &str, floor: &str, floors: &[f64], ours: &[f64]) {
    let ratios = Spread::of(ours.iter().zip(floors).map(|(ours, floor)| ours / floor).collect());
    println!(
        "{what}: {:.2} times {floor} ({:.2} to {:.2}, p99 {:.2})",
        ratios.median, ratios.low, ratios.high, ratios.p99
    );
    for (name, times) in [("floor", floors), ("store", ours)] {
        let Spread { low, median, high, p99 } = Spread::of(times.to_vec());
        println!("    {name}: {median:.0} us ({low:.0} to {high:.0}, p99 {p99:.0})");
    }
}

/// Median, quartiles and p99.
struct Spread {
    low: f64,
    median: f64,
    high: f64,
    p99: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |hundredth: usize| values[(values.len() - 1) * hundredth / 100];
        Self {
            low: at(25),
            median: at(50),
            high: at(75),
            p99: at(99),
        }
    }
}
