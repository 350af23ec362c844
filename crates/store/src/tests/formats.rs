//! Every version of every format that was ever released, read for ever. The files lie in `fixtures/records/`; a test
//! that fails here means that a station in the field would lose its history: change the program, not the file.

use crate::{
    Begun, Place, Standing, StationKey, Store,
    chain::Checkpoint,
    integrity,
    record::RunOutcome,
    testkit::{self, eventful, names, now, plant},
};
use benchtop_run::{EventKind, Purpose, Study};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/records")
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

#[test]
fn records_of_version_1_are_read() {
    let bytes = fixture("run-1.json");
    let record = integrity::open(&bytes).unwrap();
    assert_eq!(record.run_id, testkit::RUN_ID);
    assert_eq!((record.sequence, record.outcome), (42, RunOutcome::Error));
    assert_eq!(record.failed_measurements, ["leakage"]);
    assert_eq!(record, testkit::eventful_record());
}

/// The record of everything, in a chain, sealed by a station whose clock was not to be believed.
fn chained() -> crate::Record {
    let mut record = testkit::eventful_record();
    record.clock.doubtful = vec!["the clock was set by -3600 s during the run, or the computer slept".to_owned()];
    record.chain = Some(crate::record::Chain {
        position: 7,
        previous: Some("ab".repeat(32)),
    });
    record
}

#[test]
fn chained_and_signed_records_of_version_1_are_read_and_their_signature_holds() {
    let chained_bytes = fixture("run-1-chained.json");
    assert_eq!(integrity::open(&chained_bytes).unwrap(), chained());
    let opened = integrity::inspect(&fixture("run-1-signed.json")).unwrap();
    assert_eq!(opened.record, chained());
    let signature = opened.signature.unwrap();
    assert!(signature.is_of(&opened.digest));
    assert_eq!(signature.key, StationKey::of_seed([7; 32]).public());
    assert_eq!(integrity::inspect(&chained_bytes).unwrap().signature, None);
}

#[test]
fn checkpoints_of_version_1_go_on_with_the_chain() {
    let (_folder, store) = testkit::store();
    plant(&store.root().join("checkpoints.jsonl"), &fixture("checkpoints-1.jsonl"));
    let checkpoints = crate::chain::read_all(store.layout()).unwrap();
    let [checkpoint] = checkpoints.as_slice() else {
        panic!("{checkpoints:?}")
    };
    assert_eq!((checkpoint.from, checkpoint.to), (1, 2));
    let next = testkit::save(&store, "UNIT-5501").record.chain.unwrap();
    assert_eq!((next.position, next.previous), (3, Some(checkpoint.digest.clone())));
}

#[test]
fn units_of_pruned_records_of_version_1_are_read() {
    let (_folder, store) = testkit::store();
    plant(&store.root().join("pruned.jsonl"), &fixture("pruned-1.jsonl"));
    let runs = store.pruned_runs().unwrap();
    assert_eq!(runs, [crate::PrunedRun::of(&judged()).unwrap()]);
}

/// The record whose pruning was released.
fn judged() -> crate::Record {
    crate::Record {
        outcome: RunOutcome::Fail,
        ..testkit::record()
    }
}

#[test]
fn notes_of_brought_runs_and_markers_of_version_1_are_read() {
    let (_folder, store) = testkit::store();
    plant(&store.root().join("brought.jsonl"), &fixture("brought-1.jsonl"));
    let brought = crate::chain::from_elsewhere(store.layout()).unwrap();
    assert!(brought.contains(testkit::RUN_ID));
    let marker = store.root().join("unsafe").join(format!("{}.json", testkit::RUN_ID));
    plant(&marker, &fixture("unsafe-1.json"));
    let runs = store.unsafe_markers().unwrap();
    assert_eq!((runs.len(), runs[0].run_id.as_str()), (1, testkit::RUN_ID));
    let [psu] = runs[0].instruments.as_slice() else {
        panic!("{runs:?}")
    };
    assert_eq!((psu.name.as_str(), psu.outputs.as_slice()), ("psu", &[2][..]));
}

#[test]
fn journals_of_version_1_are_recovered() {
    let (_folder, store) = testkit::store();
    plant(
        &store.root().join("journal").join(format!("{}.jsonl", testkit::RUN_ID)),
        &fixture("journal-1.jsonl"),
    );
    let recovery = store.recover().unwrap();
    assert!(
        recovery.failed.is_empty() && recovery.quarantined.is_empty(),
        "{recovery:?}"
    );
    let record = crate::Record {
        chain: None,
        ..recovery.sealed[0].record.whole().unwrap()
    };
    assert_eq!(record, testkit::eventful_record());
}

#[test]
fn a_run_of_a_gauge_study_says_so_in_journal_and_record_and_an_older_one_still_says_nothing() {
    let old = integrity::open(&fixture("run-1.json")).unwrap();
    assert_eq!((old.study.as_deref(), old.trial), (None, None));
    let again = String::from_utf8(integrity::seal(&old).unwrap()).unwrap();
    assert!(!again.contains("\"study\"") && !again.contains("\"trial\""), "{again}");
    let (_folder, store) = testkit::store();
    let ticket = store.begin(now()).unwrap();
    let mut events = testkit::passing(&ticket, "UNIT-5501");
    if let EventKind::RunStarted(started) = &mut events[0].kind {
        started.purpose = Purpose::GaugeStudy;
        started.study = Some(Study {
            name: "GAUGE-1".to_owned(),
            trial: 2,
        });
    }
    let mut journal = store.journal(&ticket).unwrap();
    testkit::record_all(&mut journal, &events[..5]);
    drop(journal);
    let recovery = store.recover().unwrap();
    let record = integrity::open(&std::fs::read(&recovery.sealed[0].path).unwrap()).unwrap();
    assert_eq!((record.study.as_deref(), record.trial), (Some("GAUGE-1"), Some(2)));
}

#[test]
fn receipts_of_version_1_are_believed() {
    let (_folder, store) = testkit::store();
    plant(
        &store.root().join("receipts").join(format!("{}.jsonl", testkit::RUN_ID)),
        &fixture("receipts-1.jsonl"),
    );
    let receipts = store.receipts().read(testkit::RUN_ID).unwrap();
    assert!(matches!(receipts.target("cloud").standing, Standing::Confirmed { .. }));
    assert!(matches!(receipts.target("usb").standing, Standing::Parked { .. }));
    assert_eq!(crate::place(&receipts, &["cloud", "usb"]), Place::Parked);
}

#[test]
fn sequences_of_version_1_are_continued() {
    let (_folder, store) = testkit::store();
    plant(&store.root().join("sequence"), &fixture("sequence-1"));
    assert_eq!(store.begin(now()).unwrap().sequence, 43);
    plant(&store.root().join("sequence"), &fixture("sequence-1-seen"));
    let ticket = store.begin(now() - chrono::TimeDelta::hours(1)).unwrap();
    assert_eq!(ticket.sequence, 43);
    let doubtful = ticket.clock.doubtful.join("; ");
    assert!(doubtful.contains("3600 s behind"), "{doubtful}");
}

fn begun(target: &str) -> Begun {
    Begun {
        run_id: testkit::RUN_ID.to_owned(),
        target: target.to_owned(),
        at: now(),
        receipts: 0,
    }
}

#[test]
fn lists_of_uploads_under_way_of_version_1_become_attempts() {
    let (_folder, store) = testkit::store();
    plant(&store.root().join("underway.jsonl"), &fixture("underway-1.jsonl"));
    drop(store.lock_syncer().unwrap());
    let receipts = store.receipts().read(testkit::RUN_ID).unwrap();
    for target in ["cloud", "usb"] {
        let state = receipts.target(target);
        assert!(
            matches!(state.standing, Standing::Uncertain { .. }),
            "{target}: {state:?}"
        );
        assert_eq!((state.attempts, state.last_attempt), (1, Some(now())));
    }
    assert!(!store.root().join("underway.jsonl").exists());
}

#[test]
fn signed_checkpoints_of_version_1_are_read_and_their_signature_holds() {
    let (_folder, store) = testkit::store();
    plant(
        &store.root().join("checkpoints.jsonl"),
        &fixture("checkpoints-1-signed.jsonl"),
    );
    let checkpoints = crate::chain::read_all(store.layout()).unwrap();
    let [unsigned, signed] = checkpoints.as_slice() else {
        panic!("{checkpoints:?}")
    };
    assert_eq!(unsigned.signature, None);
    let signature = signed.signature.as_ref().unwrap();
    assert!(signature.is_of_checkpoint(&signed.words()) && !signature.is_of_checkpoint(&unsigned.words()));
    assert_eq!(signature.key, StationKey::of_seed([7; 32]).public());
}

/// Says that the one below writes.
const WRITE: &str = "BENCHTOP_WRITE_FIXTURES";

/// Writes what is missing in `fixtures/records/`, never what is there, where `BENCHTOP_WRITE_FIXTURES` is set; in every other
/// run it goes through the same and holds that no released file is missing.
#[test]
fn every_format_has_its_fixture() {
    let write = |name: &str, bytes: &[u8]| {
        let path = folder().join(name);
        if !path.exists() && std::env::var_os(WRITE).is_some() {
            plant(&path, bytes);
        }
        assert!(path.exists(), "{name} is missing: run this with {WRITE}=1");
    };
    let (_folder, store) = testkit::store();
    for _ in 0..42 {
        store.begin(now()).unwrap();
    }
    write("sequence-1", &std::fs::read(store.root().join("sequence")).unwrap());
    write(
        "sequence-1-seen",
        &std::fs::read(store.root().join("sequence")).unwrap(),
    );
    write("run-1.json", &integrity::seal(&testkit::eventful_record()).unwrap());
    write("run-1-chained.json", &integrity::seal(&chained()).unwrap());
    let key = StationKey::of_seed([7; 32]);
    let signed = integrity::seal_with(&chained(), Some(&key)).unwrap();
    write("run-1-signed.json", &signed.bytes);
    let checkpoint = Checkpoint {
        from: 1,
        to: 2,
        previous: None,
        digest: "cd".repeat(32),
        last: crate::RecordName::of(&testkit::record()).to_string(),
        pruned_at: now(),
        signature: None,
    };
    crate::chain::append(store.layout(), std::slice::from_ref(&checkpoint)).unwrap();
    write(
        "checkpoints-1.jsonl",
        &std::fs::read(store.root().join("checkpoints.jsonl")).unwrap(),
    );
    let signed = Checkpoint {
        from: 3,
        to: 3,
        ..checkpoint
    }
    .signed(&key);
    crate::chain::append(store.layout(), &[signed]).unwrap();
    write(
        "checkpoints-1-signed.jsonl",
        &std::fs::read(store.root().join("checkpoints.jsonl")).unwrap(),
    );
    let run = crate::PrunedRun::of(&judged()).unwrap();
    crate::pruned::remember(store.layout(), &[run]).unwrap();
    write(
        "pruned-1.jsonl",
        &std::fs::read(store.root().join("pruned.jsonl")).unwrap(),
    );
    crate::chain::note_from_elsewhere(store.layout(), testkit::RUN_ID).unwrap();
    write(
        "brought-1.jsonl",
        &std::fs::read(store.root().join("brought.jsonl")).unwrap(),
    );
    crate::recovery::leave_marker(store.layout(), &testkit::eventful_record()).unwrap();
    write("unsafe-1.json", &only_file(&store, "unsafe"));
    let mut journal = store.journal(&testkit::ticket()).unwrap();
    testkit::record_all(&mut journal, &eventful(&testkit::ticket()));
    write("journal-1.jsonl", &only_file(&store, "journal"));
    let receipts = store.receipts();
    for (target, kind) in [
        ("cloud", crate::ReceiptKind::Attempt),
        (
            "cloud",
            crate::ReceiptKind::Confirmed {
                remote_id: "550e8400-e29b-41d4-a716-446655440000".to_owned(),
            },
        ),
        (
            "usb",
            crate::ReceiptKind::Parked {
                reason: "the stick is full".to_owned(),
            },
        ),
    ] {
        let receipt = crate::Receipt {
            at: now(),
            target: target.to_owned(),
            kind,
        };
        receipts.append(testkit::RUN_ID, &receipt).unwrap();
    }
    write("receipts-1.jsonl", &only_file(&store, "receipts"));
    let mut underway = store.underway().unwrap();
    underway.begin(&[begun("cloud")]).unwrap();
    underway.begin(&[begun("usb")]).unwrap();
    drop(underway);
    write(
        "underway-1.jsonl",
        &std::fs::read(store.root().join("underway.jsonl")).unwrap(),
    );
}

fn only_file(store: &Store, folder: &str) -> Vec<u8> {
    let folder = store.root().join(folder);
    let names = names(&folder);
    let [name] = names.as_slice() else { panic!("{names:?}") };
    std::fs::read(folder.join(name)).unwrap()
}
