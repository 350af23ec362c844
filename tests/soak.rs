//! Runs and syncs killed together, again and again, and many of them at once: every run is found once, here and at the server.

use crate::{
    sync::{KEY, Server, station},
    testkit::{Done, after, benchtop, done, json, records, scratch, simulated, soak},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Kills of a run and a sync each; `BENCHTOP_SOAK` multiplies them.
const CYCLES: usize = 300;

fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

fn run(store: &Path, serial: &str) -> Command {
    let mut command = simulated(store, serial);
    command.args(["--format", "json"]);
    command
}

fn sync(station: &Path) -> Command {
    let mut command = benchtop();
    command
        .arg("sync")
        .arg("--station")
        .arg(station)
        .env("TOFUPILOT_API_KEY", KEY);
    command
}

/// The lines that a killed run printed whole.
fn events(child: Child) -> Vec<serde_json::Value> {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Run id and outcome of every record, wherever it lies.
fn everywhere(store: &Path) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for folder in ["pending", "synced", "parked", "kept"] {
        for path in records(store, folder) {
            let record = json(&path);
            let text = |key: &str| record[key].as_str().unwrap().to_owned();
            found.entry(text("run_id")).or_default().push(text("outcome"));
        }
    }
    found
}

/// What is in quarantine, which may only be temporaries that a kill left half written, of runs that were found.
fn torn(store: &Path, found: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(store.join("quarantine")) else {
        return Vec::new();
    };
    let entries = entries.map(|entry| entry.unwrap());
    let files = entries.filter(|entry| !entry.file_name().to_string_lossy().ends_with(".reason"));
    files
        .map(|file| {
            let name = file.file_name().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(file.path()).unwrap();
            let reason = std::fs::read_to_string(file.path().with_file_name(format!("{name}.reason")));
            let is_known = found.keys().any(|run_id| name.contains(run_id.as_str()));
            assert!(
                name.starts_with("tmp-") && is_known && serde_json::from_str::<serde_json::Value>(&text).is_err(),
                "{name}: {reason:?}: {text}"
            );
            name
        })
        .collect()
}

fn is_verified(store: &Path) {
    let verify = done(benchtop().args(["runs", "verify", "--store"]).arg(store));
    assert_eq!(verify.code, Some(0), "{verify}");
}

#[test]
fn kill_9_at_random_moments_of_run_and_sync_together_loses_no_run_and_doubles_none() {
    let server = Server::start(200);
    let folder = scratch();
    let store = folder.path().join("store");
    let station = station(folder.path(), &server.url, "tofupilot-v2", true);
    let (mut begun, mut saved) = (BTreeSet::new(), BTreeMap::new());
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..CYCLES * soak() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let mut running = start(&mut run(&store, "UNIT-5501"));
        let mut syncing = start(&mut sync(&station));
        after(Duration::from_millis((state >> 32) % 250));
        let first = if state & 1 == 0 { &mut running } else { &mut syncing };
        first.kill().unwrap();
        after(Duration::from_millis((state >> 8) & 0x1f));
        running.kill().unwrap();
        syncing.kill().unwrap();
        syncing.wait().unwrap();
        let events = events(running);
        // an instrument is opened only after the run's start is durable
        if events.len() > 1 {
            begun.insert(events[0]["run_id"].as_str().unwrap().to_owned());
        }
        if let Some(last) = events.iter().find(|event| event["event"] == "saved") {
            let text = |key: &str| last[key].as_str().unwrap().to_owned();
            saved.insert(text("run_id"), text("outcome"));
        }
    }
    assert!(
        begun.len() > 10 && !saved.is_empty(),
        "{} begun, {} saved",
        begun.len(),
        saved.len()
    );
    let last = done(&mut sync(&station));
    let found = everywhere(&store);
    let torn = torn(&store, &found);
    // a temporary that a kill left half written is kept and reported; its run is found all the same
    let expected = if torn.is_empty() { 0 } else { 3 };
    assert_eq!(last.code, Some(expected), "{last}\n{torn:?}");
    assert!(records(&store, "parked").is_empty(), "{last}");
    let doubled: Vec<_> = found.iter().filter(|(_, records)| records.len() != 1).collect();
    assert!(doubled.is_empty(), "{doubled:?}");
    let missing: Vec<_> = begun.iter().filter(|run_id| !found.contains_key(*run_id)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for (run_id, outcome) in &saved {
        assert_eq!(found[run_id], std::slice::from_ref(outcome), "{run_id}");
    }
    assert!(records(&store, "pending").is_empty());
    let mut names = BTreeSet::new();
    let posts = server.posts();
    for (_, _, body) in &posts {
        names.insert(body["client_run_ref"].as_str().unwrap().to_owned());
    }
    // under its own name each, however often it was sent
    assert_eq!(names, found.keys().cloned().collect());
    is_verified(&store);
    let aborted = found.values().filter(|outcomes| outcomes[0] == "ABORTED").count();
    println!(
        "{} cycles: {} runs begun, {} saved by themselves, {aborted} recovered as ABORTED, {} uploads of {} runs",
        CYCLES * soak(),
        found.len(),
        saved.len(),
        posts.len(),
        names.len()
    );
}

#[test]
fn two_runners_and_three_syncers_at_once_never_harm_each_other() {
    let server = Server::start(200);
    let folder = scratch();
    let store = folder.path().join("store");
    let station = station(folder.path(), &server.url, "tofupilot-v2", true);
    let runs = std::sync::atomic::AtomicUsize::new(2);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..8 {
                    let ran = done(&mut simulated(&store, "UNIT-5501"));
                    assert_eq!(ran.code, Some(0), "{ran}");
                }
                runs.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
            });
        }
        for _ in 0..3 {
            scope.spawn(|| {
                while runs.load(std::sync::atomic::Ordering::Relaxed) > 0 {
                    let synced: Done = done(&mut sync(&station));
                    let waited = synced.err.contains("another sync is draining this store");
                    let well = synced.code == Some(0) || synced.code == Some(1);
                    assert!(well || waited, "{synced}");
                }
            });
        }
    });
    assert_eq!(done(&mut sync(&station)).code, Some(0));
    assert_eq!(records(&store, "synced").len(), 16);
    assert!(everywhere(&store).values().all(|outcomes| outcomes == &["PASS"]));
    assert_eq!(server.posts().len(), 16, "nothing was sent twice");
    is_verified(&store);
}
