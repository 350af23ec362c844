//! Disks that fill up.

use crate::{
    Estimate, Journal, Store, StoreErrorKind,
    testkit::{self, eventful, now, passing, record_all},
};

#[test]
fn a_run_that_needs_more_than_there_is_does_not_begin() {
    let (_folder, store) = testkit::store();
    for much in [
        Estimate {
            steps: u64::MAX / 8192,
            ..Estimate::default()
        },
        Estimate {
            attachment_bytes: u64::MAX,
            ..Estimate::default()
        },
    ] {
        let error = store.begin_for(now(), much).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Full);
        let numbers = format!("bytes are free, {} are needed for this run", much.bytes());
        assert!(error.to_string().contains(&numbers), "{error}");
        let warning = store.room_is_short(much).unwrap().unwrap();
        assert!(warning.contains("room for about 0 more runs"), "{warning}");
    }
    assert_eq!(store.begin_for(now(), Estimate::default()).unwrap().sequence, 1);
}

#[test]
fn a_disk_below_the_threshold_is_told_and_below_the_floor_refused() {
    let (_folder, store) = testkit::store();
    let short = |store: Store| store.room_is_short(Estimate::default()).unwrap();
    assert_eq!(short(store.clone()), None);
    assert_eq!(short(store.clone().with_warning_below(1)), None);
    let warning = short(store.clone().with_warning_below(u64::MAX)).unwrap();
    assert!(warning.contains(" MB free") && warning.contains("prune"), "{warning}");
    let error = store.with_least_bytes(u64::MAX).begin(now()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full);
}

#[test]
fn the_estimate_is_no_less_than_a_run_takes() {
    let (_folder, store) = testkit::store();
    for events in [passing, |ticket: &crate::Ticket, _: &str| eventful(ticket)] {
        let ticket = store.begin(now()).unwrap();
        let mut journal = store.journal(&ticket).unwrap();
        let events = events(&ticket, "UNIT-5501");
        record_all(&mut journal, &events);
        let path = store.root().join("journal").join(format!("{}.jsonl", ticket.run_id));
        let journal_bytes = std::fs::metadata(path).unwrap().len();
        let saved = store.seal(&journal).unwrap();
        let record_bytes = std::fs::metadata(&saved.path).unwrap().len();
        let steps = saved.record.steps.iter();
        let attempts: Vec<_> = steps.flat_map(|step| step.all_attempts()).collect();
        let measurements: usize = attempts.iter().map(|step| step.measurements.len()).sum();
        let estimate = Estimate {
            steps: u64::try_from(attempts.len()).unwrap(),
            measurements: u64::try_from(measurements).unwrap(),
            attachment_bytes: 0,
        };
        assert!(
            journal_bytes + record_bytes <= estimate.bytes(),
            "{journal_bytes} + {record_bytes}"
        );
    }
}

fn begun(store: &Store) -> (Journal, Vec<benchtop_run::Event>) {
    let ticket = store.begin(now()).unwrap();
    (store.journal(&ticket).unwrap(), passing(&ticket, "UNIT-5501"))
}

#[test]
fn the_reserve_saves_the_run_in_progress() {
    let (_folder, store, watch) = testkit::watched_store();
    let reserve = store.root().join("reserve");
    let (mut journal, events) = begun(&store);
    record_all(&mut journal, &events);
    let metadata = std::fs::metadata(&reserve).unwrap();
    assert!(metadata.len() >= 256 * 1024);
    // really taken, not a hole
    assert!(std::os::unix::fs::MetadataExt::blocks(&metadata) * 512 >= 256 * 1024);
    // both tries of a seal end at a full disk; with the reserve gone there is room
    watch.fill_until_removed("reserve");
    let saved = store.seal(&journal).unwrap();
    assert!(saved.record.run_passed && !reserve.exists());
    watch.mend();
    drop(journal);
    // without a reserve a full disk is told, and the next start with room makes one again
    let (mut journal, events) = begun(&store);
    record_all(&mut journal, &events);
    assert!(reserve.exists());
    std::fs::remove_file(&reserve).unwrap();
    watch.fill_until_removed("reserve");
    assert_eq!(store.seal(&journal).unwrap_err().kind(), StoreErrorKind::Full);
    watch.mend();
    assert!(store.seal(&journal).unwrap().record.run_passed);
}

#[test]
fn a_journal_on_a_disk_that_fills_up_goes_on_in_the_room_of_the_reserve() {
    let (_folder, store, watch) = testkit::watched_store();
    let (mut journal, events) = begun(&store);
    record_all(&mut journal, &events[..4]);
    watch.fill_until_removed("reserve");
    record_all(&mut journal, &events[4..]);
    assert!(!store.root().join("reserve").exists());
    watch.mend();
    drop(journal);
    // nothing was lost or written twice
    let recovery = store.recover().unwrap();
    assert!(
        recovery.quarantined.is_empty() && recovery.failed.is_empty(),
        "{recovery:?}"
    );
    let record = &recovery.sealed[0].record;
    assert!(record.steps.iter().any(|step| !step.measurements.is_empty()));
}

#[test]
fn a_dead_run_is_saved_in_the_room_of_the_reserve() {
    for is_there in [true, false] {
        let (_folder, store, watch) = testkit::watched_store();
        let (mut journal, events) = begun(&store);
        record_all(&mut journal, &events[..4]);
        drop(journal);
        if !is_there {
            std::fs::remove_file(store.root().join("reserve")).unwrap();
        }
        watch.fill_until_removed("reserve");
        let recovery = store.recover().unwrap();
        let (sealed, failed) = (usize::from(is_there), usize::from(!is_there));
        assert_eq!(
            (recovery.sealed.len(), recovery.failed.len()),
            (sealed, failed),
            "{recovery:?}"
        );
        watch.mend();
        assert_eq!(store.recover().unwrap().sealed.len(), failed);
    }
}

#[test]
fn a_larger_run_has_a_larger_reserve() {
    let (_folder, store) = testkit::store();
    let length = || std::fs::metadata(store.root().join("reserve")).unwrap().len();
    store.begin(now()).unwrap();
    assert_eq!(length(), 256 * 1024);
    let large = Estimate {
        measurements: 1_000,
        ..Estimate::default()
    };
    store.begin_for(now(), large).unwrap();
    assert!(length() > 4_000_000, "{}", length());
    store.begin(now()).unwrap();
    assert!(length() > 4_000_000, "a larger one is no harm");
}
