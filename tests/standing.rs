//! What `sync status` and `sync health` tell of what waits, and what a sync leaves alone that it was not meant for.

use crate::{
    demo::{Demo, station, sync, with_runs},
    testkit::{Running, benchtop, done, only_record, records, runs, scratch, write},
};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

/// Damages the receipts of the store's only record.
fn damage(store: &Path, record: &serde_json::Value) {
    let path = store
        .join("receipts")
        .join(format!("{}.jsonl", record["run_id"].as_str().unwrap()));
    write(&path, "nonsense\nmore of it\n");
}

#[test]
fn a_run_without_a_procedure_uuid_is_told_by_status() {
    let demo = Demo::start(&[]);
    let (folder, own, _store) = with_runs(&["UNIT-5501", "UNIT-5502"], &demo.url);
    let text = fs::read_to_string(&own).unwrap();
    let lacking = folder.path().join("lacking.toml");
    write(&lacking, &text.replace("BOARD-FUNCTIONAL-V3", "ANOTHER"));
    assert_eq!(sync(&[], &lacking).code, Some(1));
    let told = sync(&["status"], &lacking);
    assert_eq!(told.code, Some(1), "{told}");
    assert!(
        told.out.contains("2 waited at the last sync: ") && told.out.contains("BOARD-FUNCTIONAL-V3"),
        "{told}"
    );
    assert_eq!(sync(&[], &own).code, Some(0));
    let told = sync(&["status"], &own);
    assert!(!told.out.contains("waited at the last sync"), "{told}");
}

#[test]
fn receipts_that_cannot_be_believed_want_a_person_wherever_the_record_lies() {
    let demo = Demo::start(&["--fault", "400"]);
    let (_folder, station, store) = with_runs(&["UNIT-5501"], &demo.url);
    let record = only_record(&store);
    damage(&store, &record);
    for (words, code) in [(&[][..], 1), (&["status"], 1), (&["health"], 3)] {
        let told = sync(words, &station);
        assert_eq!(told.code, Some(code), "{words:?}: {told}");
    }
    let health = sync(&["health"], &station);
    assert!(
        health.out.starts_with("a person is wanted: 1 pending")
            && health.out.contains("1 with receipts that cannot be believed"),
        "{health}"
    );
    fs::remove_file(
        store
            .join("receipts")
            .join(format!("{}.jsonl", record["run_id"].as_str().unwrap())),
    )
    .unwrap();
    assert_eq!(sync(&[], &station).code, Some(3));
    assert_eq!(records(&store, "parked").len(), 1);
    damage(&store, &record);
    let told = sync(&["status", "--format", "json"], &station);
    let told: serde_json::Value = serde_json::from_str(told.out.trim()).unwrap();
    assert_eq!((&told["parked"], &told["unbelieved"]), (&1.into(), &1.into()), "{told}");
}

#[test]
fn a_trial_with_another_url_takes_no_run_from_the_target_of_the_station() {
    let (own, trial) = (Demo::start(&[]), Demo::start(&[]));
    let (_folder, station, store) = with_runs(&["UNIT-5501"], &own.url);
    let tried = sync(&["--url", &trial.url], &station);
    assert_eq!((tried.code, trial.serials().len()), (Some(0), 1), "{tried}");
    assert!(
        tried.err.contains(&format!(
            "`tofupilot` does not get what goes to tofupilot at {}",
            trial.url
        )),
        "{tried}"
    );
    assert_eq!((own.serials().len(), records(&store, "synced").len()), (0, 1));
    assert_eq!(sync(&["requeue", "--all"], &station).code, Some(0));
    let meant = sync(&[], &station);
    assert_eq!(meant.code, Some(0), "{meant}");
    assert_eq!((own.serials().len(), trial.serials().len()), (1, 1));
    // the same address, spelt in another way, is no other server
    let (_folder, station, _store) = with_runs(&["UNIT-5502"], &own.url);
    let same = sync(&["--url", &format!("{}/api/v2/", own.url)], &station);
    assert_eq!((same.code, same.err.as_str()), (Some(0), ""), "{same}");
}

#[test]
fn a_store_that_was_mistyped_is_not_made() {
    let folder = scratch();
    let station = station(folder.path(), "http://127.0.0.1:9");
    let missing = folder.path().join("stroe");
    let mut command = benchtop();
    command
        .args(["sync", "--station"])
        .arg(&station)
        .arg("--store")
        .arg(&missing);
    let refused = done(command.env("TOFUPILOT_API_KEY", "k"));
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.err.contains("there is no store at"), "{refused}");
    assert!(!missing.exists());
    // a station whose first run is still to come has nothing to send
    assert_eq!(sync(&[], &station).code, Some(0));
    assert_eq!(runs(&["list"], &folder.path().join("store")).code, Some(0));
}

#[test]
fn what_a_server_refused_is_told_and_tried_again_although_a_stick_is_out() {
    let demo = Demo::start(&["--fault", "400"]);
    let (folder, own, store) = with_runs(&["UNIT-5501"], &demo.url);
    let stick = folder.path().join("stick");
    let mut text = fs::read_to_string(&own).unwrap();
    text.push_str(&format!(
        "[[sync.targets]]\nname = \"stick\"\nkind = \"directory\"\nurl = \"{}\"\naccept_simulated = true\n",
        stick.display()
    ));
    write(&own, &text);
    let first = sync(&[], &own);
    assert_eq!(first.code, Some(3), "{first}");
    assert!(first.out.contains("refused by tofupilot: status 400"), "{first}");
    assert_eq!(
        (records(&store, "pending").len(), records(&store, "parked").len()),
        (1, 0)
    );
    for words in [&["status"], &["health"]] {
        let told = sync(words, &own);
        assert_eq!(told.code, Some(3), "{told}");
        assert!(
            told.out.contains("1 parked") || told.out.contains("1 pending ones refused"),
            "{told}"
        );
    }
    let again = sync(&["retry", "UNIT-5501"], &own);
    assert_eq!(again.code, Some(0), "{again}");
    // the server takes it now; the stick is still out
    let second = sync(&[], &own);
    assert_eq!((second.code, demo.serials().len()), (Some(1), 1), "{second}");
    fs::create_dir(&stick).unwrap();
    assert_eq!(sync(&[], &own).code, Some(0));
    assert_eq!(records(&store, "synced").len(), 1);
}

/// A store whose only run was refused.
fn with_a_parked_run() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let demo = Demo::start(&["--fault", "400"]);
    let made = with_runs(&["UNIT-5501"], &demo.url);
    assert_eq!(sync(&[], &made.1).code, Some(3));
    made
}

#[test]
fn a_person_who_wants_another_try_waits_for_a_sync_that_is_at_work() {
    let (_folder, own, store) = with_a_parked_run();
    let lock = fs::File::open(store.join("lock.syncer")).unwrap();
    lock.lock().unwrap();
    let mut command = benchtop();
    command.args(["sync", "retry", "--all", "--station"]).arg(&own);
    let mut waiting = Running::start(&mut command);
    let mut said = BufReader::new(waiting.0.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(
        line.contains("a sync of this store is at work; waiting for it"),
        "{line}"
    );
    assert_eq!(records(&store, "parked").len(), 1);
    lock.unlock().unwrap();
    assert_eq!(waiting.wait().code(), Some(0));
    assert_eq!(records(&store, "pending").len(), 1);
}

#[test]
fn health_is_told_to_a_program_too() {
    let (_folder, own, _store) = with_a_parked_run();
    let health = sync(&["health", "--format", "json"], &own);
    assert_eq!(health.code, Some(3), "{health}");
    let told: serde_json::Value = serde_json::from_str(health.out.trim()).unwrap();
    assert_eq!(
        (&told["health"], &told["parked"], &told["pending"]),
        (&"a person is wanted".into(), &1.into(), &0.into()),
        "{told}"
    );
}
