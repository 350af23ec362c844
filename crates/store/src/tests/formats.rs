//! Every version of every format that was ever released, read for ever. The files lie in `fixtures/records/`; a test
//! that fails here means that a station in the field would lose its history: change the program, not the file.

use crate::{
    Place, Standing, Store, integrity,
    record::RunOutcome,
    testkit::{self, eventful, names, now, plant},
};
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
        ..(*recovery.sealed[0].record).clone()
    };
    assert_eq!(record, testkit::eventful_record());
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
}

/// Writes what is missing in `fixtures/records/`, never what is there: `cargo test -p benchtop-store -- --ignored`.
#[test]
#[ignore = "writes the fixtures of a new version, once"]
fn write_missing_fixtures() {
    let write = |name: &str, bytes: &[u8]| {
        let path = folder().join(name);
        if !path.exists() {
            plant(&path, bytes);
        }
    };
    let (_folder, store) = testkit::store();
    for _ in 0..42 {
        store.begin(now()).unwrap();
    }
    write("sequence-1", &std::fs::read(store.root().join("sequence")).unwrap());
    write("run-1.json", &integrity::seal(&testkit::eventful_record()).unwrap());
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
}

fn only_file(store: &Store, folder: &str) -> Vec<u8> {
    let folder = store.root().join(folder);
    let names = names(&folder);
    let [name] = names.as_slice() else { panic!("{names:?}") };
    std::fs::read(folder.join(name)).unwrap()
}
