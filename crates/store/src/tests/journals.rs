//! Journals that were cut or altered.

use crate::{
    Store,
    record::RunOutcome,
    testkit::{self, names, passing, plant},
};

/// The bytes of a run's journal, and where each of its lines ends.
fn journal_bytes() -> (String, Vec<u8>, Vec<usize>) {
    let (folder, store) = testkit::store();
    let ticket = store.begin(testkit::now()).unwrap();
    let mut journal = store.journal(&ticket).unwrap();
    testkit::record_all(&mut journal, &passing(&ticket, "UNIT-5501"));
    let name = format!("{}.jsonl", ticket.run_id);
    let bytes = std::fs::read(folder.path().join("a/b/store/journal").join(&name)).unwrap();
    let ends = (1..=bytes.len()).filter(|end| bytes[end - 1] == b'\n').collect();
    (name, bytes, ends)
}

fn store_with(name: &str, bytes: &[u8]) -> (tempfile::TempDir, Store) {
    let (folder, store) = testkit::store_in_memory();
    plant(&store.root().join("journal").join(name), bytes);
    (folder, store)
}

#[test]
fn every_event_is_in_the_file_on_a_line_of_its_own() {
    let (_name, bytes, ends) = journal_bytes();
    assert_eq!(ends.len(), 1 + passing(&testkit::ticket(), "x").len());
    assert_eq!(ends.last(), Some(&bytes.len()));
}

#[test]
fn a_journal_cut_at_any_byte_is_recovered_with_its_whole_lines() {
    let (name, bytes, ends) = journal_bytes();
    for cut in 0..=bytes.len() {
        let (_folder, store) = store_with(&name, &bytes[..cut]);
        let recovery = store.recover().unwrap();
        assert!(
            recovery.failed.is_empty() && recovery.quarantined.is_empty(),
            "{cut}: {recovery:?}"
        );
        let whole = ends.iter().filter(|end| **end <= cut).count();
        if whole < 2 {
            assert_eq!(recovery.never_began.len(), 1, "{cut}");
            assert!(names(&store.root().join("pending")).is_empty(), "{cut}");
        } else {
            let [saved] = recovery.sealed.as_slice() else {
                panic!("{cut}: {recovery:?}")
            };
            // also the run that ended: nobody was shown its outcome
            assert_eq!(saved.record.outcome, RunOutcome::Aborted, "{cut}");
            let torn = cut - ends[whole - 1];
            let noted = saved.record.logs.iter().any(|log| log.message.contains("torn"));
            assert_eq!(noted, torn > 0, "{cut}");
            assert_eq!(names(&store.root().join("pending")).len(), 1, "{cut}");
        }
        assert!(names(&store.root().join("journal")).is_empty(), "{cut}");
        assert!(store.recover().unwrap().is_empty(), "{cut}");
    }
}

#[test]
fn a_damaged_line_ends_what_is_believed_and_the_whole_journal_is_kept() {
    let (name, bytes, ends) = journal_bytes();
    for (line, end) in ends.iter().enumerate() {
        let mut altered = bytes.clone();
        altered[end - 3] ^= 0x01;
        let (_folder, store) = store_with(&name, &altered);
        let recovery = store.recover().unwrap();
        assert!(recovery.failed.is_empty(), "{line}: {recovery:?}");
        let [quarantined] = recovery.quarantined.as_slice() else {
            panic!("{line}: {recovery:?}")
        };
        let kept = store.root().join("quarantine").join(&quarantined.name);
        assert_eq!(std::fs::read(kept).unwrap(), altered, "{line}");
        assert_eq!(names(&store.root().join("quarantine")).len(), 2, "{line}");
        assert_eq!(recovery.sealed.len(), usize::from(line >= 2), "{line}");
        for saved in &recovery.sealed {
            assert_eq!(saved.record.outcome, RunOutcome::Aborted, "{line}");
        }
        assert!(store.recover().unwrap().is_empty(), "{line}");
    }
}

#[test]
fn a_journal_of_a_later_format_is_left_alone() {
    let (name, _, _) = journal_bytes();
    let run_id = name.trim_end_matches(".jsonl");
    let header = format!("{{\"format\":\"benchtop.journal/2\",\"run_id\":\"{run_id}\",\"colour\":1}}");
    let (line, _) = crate::line::encode("", &header);
    let (_folder, store) = store_with(&name, line.as_bytes());
    for _ in 0..2 {
        let recovery = store.recover().unwrap();
        assert_eq!(recovery.failed.len(), 1, "{recovery:?}");
        assert_eq!(recovery.failed[0].kind(), crate::StoreErrorKind::Newer);
        assert_eq!(names(&store.root().join("journal")), [name.as_str()]);
    }
}
