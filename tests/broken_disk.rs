//! The disk refuses, fills up or hangs, or the process dies, at every system call of the store in turn: real processes under
//! strace, and a real full disk.

use crate::{
    durability::SmallDisk,
    testkit::{
        Done, Running, Served, benchtop, done, eventually, json, records, scratch, simulated, soak,
        station_with_folder, write,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// The calls with which a store changes anything.
const CALLS: &[&str] = &[
    "openat",
    "mkdirat",
    "flock",
    "fdatasync",
    "fsync",
    "renameat2",
    "renameat",
    "unlinkat",
    "ftruncate",
];

/// A kill at a write cuts it off. An error is given to no write here: the runtime writes too, to wake its threads, and loses
/// its way; the sweeps inside the store break its own writes, and a full disk does in the tests below.
const WRITES: &[&str] = &["write"];

/// How a call is broken.
const ERRORS: &[&str] = &["EIO", "ENOSPC", "EACCES", "EROFS", "EINTR"];

/// In memory where there is such a file system: a kill takes nothing away that a power cut would.
fn quick() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| scratch())
}

/// A command of the binary under strace, with something injected into its calls.
fn traced(log: &Path, call: &str, injected: &str, only: Option<&Path>) -> Command {
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-y", "-e", "signal=none", "-o"])
        .arg(log)
        .args(["-e", &format!("trace={call}")]);
    if !injected.is_empty() {
        command.args(["-e", &format!("inject={call}:{injected}")]);
    }
    // calls that name this folder, by path or by descriptor
    if let Some(folder) = only {
        command.arg("-P").arg(folder);
    }
    command
        .arg(env!("CARGO_BIN_EXE_benchtop"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .env("NO_COLOR", "1")
        .env_remove("BENCHTOP_STORE");
    command
}

fn can_trace() -> bool {
    let folder = scratch();
    let probe = Command::new("strace")
        .args(["-qq", "-o"])
        .arg(folder.path().join("log"))
        .args(["-e", "inject=close:error=EIO:when=9999", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let can = probe.is_ok_and(|status| status.success());
    if !can {
        println!("skipped: this machine has no strace that may inject anything");
    }
    can
}

/// The turns of a call in what was traced, by a part of its line. strace counts them from 1 in every thread.
fn turns(log: &Path, call: &str, part: &str) -> BTreeSet<usize> {
    let text = fs::read_to_string(log).unwrap();
    let opening = format!("{call}(");
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut turns = BTreeSet::new();
    for line in text.lines().filter(|line| line.contains(&opening)) {
        let count = counts.entry(line.split(' ').next().unwrap()).or_default();
        *count += 1;
        if line.contains(part) {
            turns.insert(*count);
        }
    }
    turns
}

/// True when what was to be injected was.
fn is_struck(log: &Path, done: &Done) -> bool {
    let is_killed = done.code.is_none() || done.code == Some(137);
    is_killed || fs::read_to_string(log).unwrap().contains("INJECTED")
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

/// A store to begin with, a command on it, and what must hold whatever happened to it.
struct Act<'a> {
    name: &'a str,
    /// Made before; `None` where the command makes it.
    store: Option<&'a Path>,
    arguments: &'a dyn Fn(&Path) -> Vec<String>,
    /// Given the store, whether the command succeeded, and what happened.
    check: &'a dyn Fn(&Path, &Done, &str),
}

impl Act<'_> {
    /// The command on a fresh copy of the store, with something injected into calls that name this folder of it.
    fn once(&self, call: &str, injected: &str, only: Option<&str>) -> (TempDir, Done) {
        let folder = quick();
        let store = folder.path().join("store");
        if let Some(template) = self.store {
            copy(template, &store);
        }
        let only = only.map(|only| store.join(only));
        let mut command = traced(&folder.path().join("log"), call, injected, only.as_deref());
        let done = done(command.args((self.arguments)(&store)));
        (folder, done)
    }

    /// Breaks those of the calls that name the store, in turn, in every way that `ways` gives for the turn. Once more for
    /// the folders that a thread of its own works on: turns are counted in each thread, and the first that comes to one is
    /// struck.
    fn sweep(&self, calls: &[&str], ways: &dyn Fn(usize) -> Vec<String>) -> usize {
        let mut broken = 0;
        let places = [None, Some("pending"), Some("journal"), Some("receipts")];
        for (call, only) in calls.iter().flat_map(|call| places.map(|only| (*call, only))) {
            let (folder, well) = self.once(call, "", only);
            assert_eq!(well.code, Some(0), "{}: {well}", self.name);
            let store = folder.path().join("store").display().to_string();
            // with -y every descriptor of the store is named by its path
            for turn in turns(&folder.path().join("log"), call, &store) {
                for way in ways(broken) {
                    let (folder, done) = self.once(call, &format!("{way}:when={turn}"), only);
                    let place = format!("{}: {way} at {call} {turn} {}", self.name, only.unwrap_or_default());
                    (self.check)(&folder.path().join("store"), &done, &place);
                    broken += usize::from(is_struck(&folder.path().join("log"), &done));
                }
            }
        }
        println!("{}: {broken} calls were broken", self.name);
        broken
    }
}

fn kills(_turn: usize) -> Vec<String> {
    vec!["signal=KILL".to_owned()]
}

/// One error a turn, another for the next; all of them for each where there is time.
fn errors(turn: usize) -> Vec<String> {
    let way = |error: &&str| format!("error={error}");
    if soak() > 1 {
        return ERRORS.iter().map(way).collect();
    }
    ERRORS.get(turn % ERRORS.len()).iter().map(|error| way(error)).collect()
}

fn words(words: &[&str], store: &Path) -> Vec<String> {
    let store = store.display().to_string();
    words.iter().map(|word| (*word).to_owned()).chain([store]).collect()
}

/// Outcomes of a unit's records, in whatever folder.
fn outcomes(store: &Path, serial: &str) -> Vec<String> {
    let folders = ["pending", "synced", "parked", "kept"];
    let found = folders.into_iter().flat_map(|folder| records(store, folder));
    let records = found.map(|path| json(&path));
    let of_it = records.filter(|record| record["unit_under_test"]["serial_number"] == serial);
    of_it
        .map(|record| record["outcome"].as_str().unwrap().to_owned())
        .collect()
}

/// Another run goes well and the records are those that were sealed.
fn the_store_is_well(store: &Path, place: &str) {
    let next = done(&mut simulated(store, "UNIT-5502"));
    assert_eq!(next.code, Some(0), "{place}: {next}");
    assert_eq!(outcomes(store, "UNIT-5502"), ["PASS"], "{place}");
    let verify = done(benchtop().args(["runs", "verify", "--store"]).arg(store));
    // a temporary that a kill left half written is kept and told, and nothing else is
    let held = fs::read_dir(store.join("quarantine")).unwrap();
    let held: Vec<String> = held
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(held.iter().all(|name| name.starts_with("tmp-")), "{place}: {held:?}");
    let torn = verify.code == Some(3) && !held.is_empty();
    assert!(verify.code == Some(0) || torn, "{place}: {verify}");
    let left: Vec<String> = fs::read_dir(store.join("journal"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with(".chain_"))
        .collect();
    assert!(left.is_empty(), "{place}: {left:?}");
}

/// A run that was killed, or was refused something.
fn after_a_run(store: &Path, run: &Done, place: &str) {
    let passed = run
        .out
        .lines()
        .any(|line| line.trim_start().starts_with("PASS  UNIT-5501"));
    if run.code == Some(0) {
        assert_eq!(outcomes(store, "UNIT-5501"), ["PASS"], "{place}: {run}");
    } else {
        let is_killed = run.code.is_none() || run.code == Some(137);
        assert!(
            is_killed || run.code == Some(3) || run.code == Some(2),
            "{place}: {run}"
        );
        let saved = outcomes(store, "UNIT-5501");
        assert!(
            !passed || saved == ["PASS"],
            "{place}: a pass that was not saved: {run}"
        );
    }
    let before = outcomes(store, "UNIT-5501");
    let had_begun = !before.is_empty() || has_begun(store);
    the_store_is_well(store, place);
    let found = outcomes(store, "UNIT-5501");
    assert!(found.len() <= 1 && found.len() >= before.len(), "{place}: {found:?}");
    if run.code.is_none() || run.code == Some(137) {
        assert_eq!(found.len(), usize::from(had_begun), "{place}: {found:?}");
    }
}

/// True when a whole line of a journal names the unit: its first event is on the disk.
fn has_begun(store: &Path) -> bool {
    let entries = fs::read_dir(store.join("journal")).into_iter().flatten();
    let mut texts = entries.filter_map(|entry| fs::read_to_string(entry.unwrap().path()).ok());
    texts.any(|text| {
        let mut lines = text.split_inclusive('\n');
        lines.any(|line| line.ends_with('\n') && line.contains("UNIT-5501"))
    })
}

const RUN: &[&str] = &[
    "run",
    crate::testkit::BOARD,
    "--serial",
    "UNIT-5501",
    "--simulate",
    "--store",
];

const A_RUN: Act<'_> = Act {
    name: "run",
    store: None,
    arguments: &|store| words(RUN, store),
    check: &after_a_run,
};

#[test]
fn a_run_with_any_system_call_refused_is_saved_or_says_that_it_is_not() {
    if can_trace() {
        let broken = A_RUN.sweep(CALLS, &errors);
        assert!(broken >= 60, "{broken}");
    }
}

#[test]
fn a_run_killed_at_any_system_call_of_its_store_is_found_once() {
    if can_trace() {
        let broken = A_RUN.sweep(CALLS, &kills) + A_RUN.sweep(WRITES, &kills);
        assert!(broken >= 60, "{broken}");
    }
}

/// A store with a run that was killed in the middle.
fn interrupted() -> TempDir {
    let folder = quick();
    let mut command = traced(&folder.path().join("log"), "fdatasync", "signal=KILL:when=6", None);
    done(command.args(words(RUN, &folder.path().join("store"))));
    let journals = fs::read_dir(folder.path().join("store/journal")).unwrap();
    let names = journals.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.ends_with(".jsonl")).count(), 1);
    folder
}

#[test]
fn a_recovery_killed_or_refused_at_any_system_call_is_finished_by_the_next() {
    if !can_trace() {
        return;
    }
    let template = interrupted();
    let recovery = Act {
        name: "recovery",
        store: Some(&template.path().join("store")),
        arguments: &|store| words(&["runs", "verify", "--store"], store),
        check: &|store, _, place| {
            the_store_is_well(store, place);
            assert_eq!(outcomes(store, "UNIT-5501"), ["ABORTED"], "{place}");
        },
    };
    let broken = recovery.sweep(CALLS, &kills) + recovery.sweep(WRITES, &kills) + recovery.sweep(CALLS, &errors);
    assert!(broken >= 60, "{broken}");
}

/// A store with two runs, beside it a station file whose target is a folder.
fn with_a_target() -> TempDir {
    let folder = quick();
    let store = folder.path().join("store");
    for serial in ["UNIT-5501", "UNIT-5503"] {
        assert_eq!(done(&mut simulated(&store, serial)).code, Some(0));
    }
    folder
}

fn sync_of(store: &Path) -> Vec<String> {
    let station = station_with_folder(store.parent().unwrap(), "stick");
    words(&["sync", "--station"], &station)
}

#[test]
fn a_sync_killed_or_refused_at_any_system_call_loses_no_record_and_doubles_none() {
    if !can_trace() {
        return;
    }
    let template = with_a_target();
    let sync = Act {
        name: "sync",
        store: Some(&template.path().join("store")),
        arguments: &sync_of,
        check: &|store, broken, place| {
            let again = done(benchtop().args(sync_of(store)));
            assert_eq!(again.code, Some(0), "{place}: {broken}: {again}");
            for serial in ["UNIT-5501", "UNIT-5503"] {
                assert_eq!(outcomes(store, serial), ["PASS"], "{place}: {again}");
            }
            let there = records(store.parent().unwrap(), "stick");
            let bytes = |paths: Vec<PathBuf>| {
                paths
                    .iter()
                    .map(|path| fs::read(path).unwrap())
                    .collect::<BTreeSet<_>>()
            };
            assert_eq!(there.len(), 2, "{place}: {again}");
            assert_eq!(records(store, "synced").len(), 2, "{place}: {again}");
            assert_eq!(bytes(there), bytes(records(store, "synced")), "{place}");
            the_store_is_well(store, place);
        },
    };
    let broken = sync.sweep(CALLS, &kills) + sync.sweep(WRITES, &kills) + sync.sweep(CALLS, &errors);
    assert!(broken >= 60, "{broken}");
}

/// The board's procedure with a longer wait under power.
fn slow(folder: &Path, wait: &str) -> PathBuf {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(crate::testkit::BOARD)).unwrap();
    let path = folder.join("slow.toml");
    write(&path, &text.replace("\"250 ms\"", wait));
    path
}

/// A run whose disk hangs, with what it says so far.
struct Hanging {
    run: Running,
    folder: TempDir,
}

impl Hanging {
    /// `command` says nothing of where it is to print.
    fn start(command: &mut Command, folder: TempDir) -> Self {
        let file = |name: &str| fs::File::create(folder.path().join(name)).unwrap();
        let child = command.stdout(file("out")).stderr(file("err")).spawn().unwrap();
        let run = Running(child);
        Self { run, folder }
    }

    fn said(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    fn says(&self, words: &str) {
        eventually("a word to the operator", || {
            self.said("err").contains(words).then_some(())
        });
    }
}

#[test]
fn a_disk_that_hangs_under_power_is_told_and_the_bench_made_safe_meanwhile() {
    if !can_trace() {
        return;
    }
    let (served, folder) = (Served::bench("UNIT-5501"), scratch());
    // from the end of the first step on no sync of the journal comes back for two minutes
    let mut command = traced(
        &folder.path().join("log"),
        "fdatasync",
        "delay_enter=120s:when=3+",
        None,
    );
    command.arg("run").arg(slow(folder.path(), "\"2 s\""));
    command
        .args(["--serial", "UNIT-5501", "--station"])
        .arg(&served.station);
    let hanging = Hanging::start(command.arg("--store").arg(served.store()), folder);
    eventually("power", || served.output_is_on().then_some(()));
    hanging.says("NOT SAVED");
    assert!(!served.output_is_on());
    let err = hanging.said("err");
    assert!(err.contains("the disk did not take it in 30 s"), "{err}");
    let out = hanging.said("out");
    assert!(!out.contains("PASS  UNIT"), "{out}");
}

#[test]
fn a_disk_that_hangs_over_the_record_is_told_before_any_outcome() {
    if !can_trace() {
        return;
    }
    let (served, folder) = (Served::bench("UNIT-5501"), scratch());
    let store = served.store();
    // the folder that the record lies in is not synced for 13 s
    let pending = store.join("pending");
    let mut command = traced(&folder.path().join("log"), "fsync", "delay_enter=13s", Some(&pending));
    command.args(["run", crate::testkit::BOARD, "--serial", "UNIT-5501", "--station"]);
    command.arg(&served.station).arg("--store").arg(&store);
    let mut hanging = Hanging::start(&mut command, folder);
    hanging.says("NOT SAVED so far");
    assert!(!served.output_is_on(), "the bench is safe while the disk hangs");
    let out = hanging.said("out");
    assert!(!out.contains("PASS  UNIT"), "{out}");
    assert_eq!(hanging.run.wait().code(), Some(0));
    let out = hanging.said("out");
    assert!(out.contains("PASS  UNIT-5501"), "{out}");
    assert_eq!(records(&store, "pending").len(), 1);
}

#[test]
fn a_disk_that_fills_up_during_the_run_costs_the_reserve_and_not_the_run() {
    let (served, folder) = (Served::bench("UNIT-5501"), scratch());
    let Some(disk) = SmallDisk::mount(folder.path(), "size=4m") else {
        return;
    };
    let store = disk.path().join("store");
    let run = |serial: &str, procedure: &Path| {
        let mut command = benchtop();
        command
            .arg("run")
            .arg(procedure)
            .args(["--serial", serial, "--station"]);
        command.arg(&served.station).arg("--store").arg(&store);
        command
    };
    let running = Running::start(&mut run("UNIT-5501", &slow(folder.path(), "\"2 s\"")));
    eventually("power", || served.output_is_on().then_some(()));
    assert!(store.join("reserve").exists());
    disk.fill();
    let saved = running.finish();
    assert_eq!(saved.code, Some(0), "{saved}");
    assert_eq!(outcomes(&store, "UNIT-5501"), ["PASS"]);
    assert!(!store.join("reserve").exists());
    // the next one does not begin
    let refused = done(&mut run("UNIT-5502", Path::new(crate::testkit::BOARD)));
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(
        refused.err.contains("bytes are free, 1048576 are needed for this run"),
        "{refused}"
    );
    // with room again it does, with a reserve
    fs::remove_file(disk.path().join("filler")).unwrap();
    assert_eq!(
        done(&mut run("UNIT-5502", Path::new(crate::testkit::BOARD))).code,
        Some(0)
    );
    assert!(store.join("reserve").exists());
}

#[test]
fn a_disk_that_fills_up_during_a_sync_is_loud_and_loses_nothing() {
    let folder = scratch();
    let Some(disk) = SmallDisk::mount(folder.path(), "size=2m") else {
        return;
    };
    let store = disk.path().join("store");
    for serial in ["UNIT-5501", "UNIT-5503"] {
        assert_eq!(done(&mut simulated(&store, serial)).code, Some(0));
    }
    let arguments = sync_of(&store);
    disk.fill();
    let full = done(benchtop().args(&arguments));
    assert_ne!(full.code, Some(0), "{full}");
    assert!(
        full.err.contains("No space left") || full.out.contains("No space left"),
        "{full}"
    );
    for serial in ["UNIT-5501", "UNIT-5503"] {
        assert_eq!(outcomes(&store, serial), ["PASS"], "{full}");
    }
    fs::remove_file(disk.path().join("filler")).unwrap();
    let synced = done(benchtop().args(&arguments));
    assert_eq!(synced.code, Some(0), "{synced}");
    assert_eq!(records(&store, "synced").len(), 2);
}
