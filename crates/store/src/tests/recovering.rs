//! Recovery, and recovery of a recovery.

use crate::{
    Loaded, Place, Recovery, Store,
    record::{OutputState, RunOutcome},
    testkit::{self, copy_folder, made_safe, names, passing},
};
use benchtop_run as run;
use std::collections::BTreeMap;

/// Leaves the journal of a run that got through `events` of its events, with nobody holding it.
fn interrupted(store: &Store, events: usize) -> String {
    let ticket = store.begin(testkit::now()).unwrap();
    let mut journal = store.journal(&ticket).unwrap();
    testkit::record_all(&mut journal, &passing(&ticket, "UNIT-5501")[..events]);
    ticket.run_id
}

fn off(run_id: &str) -> BTreeMap<String, Vec<run::MadeSafe>> {
    BTreeMap::from([(run_id.to_owned(), vec![made_safe("psu", &[(1, None), (2, None)])])])
}

fn only(recovery: &Recovery) -> &crate::Saved {
    assert!(recovery.failed.is_empty(), "{recovery:?}");
    let [saved] = recovery.sealed.as_slice() else {
        panic!("{recovery:?}")
    };
    saved
}

#[test]
fn a_run_in_progress_is_alive_and_untouched() {
    let (_folder, store) = testkit::store();
    let ticket = store.begin(testkit::now()).unwrap();
    let mut journal = store.journal(&ticket).unwrap();
    testkit::record_all(&mut journal, &passing(&ticket, "UNIT-5501")[..4]);
    assert!(store.recover().unwrap().is_empty());
    assert_eq!(names(&store.root().join("journal")).len(), 1);
    drop(journal);
    assert_eq!(store.recover().unwrap().sealed.len(), 1);
}

#[test]
fn without_hardware_the_run_is_saved_and_a_marker_is_left() {
    let (_folder, store) = testkit::store();
    let run_id = interrupted(&store, 7);
    let recovery = store.recover().unwrap();
    let saved = only(&recovery);
    assert_eq!(saved.record.outcome, RunOutcome::Aborted);
    assert_eq!(recovery.outputs_maybe_on, store.unsafe_markers().unwrap());
    let [marker] = recovery.outputs_maybe_on.as_slice() else {
        panic!("{recovery:?}")
    };
    assert_eq!(
        (marker.run_id.as_str(), marker.serial_number.as_str()),
        (run_id.as_str(), "UNIT-5501")
    );
    let [psu] = marker.instruments.as_slice() else {
        panic!("{marker:?}")
    };
    assert_eq!((psu.name.as_str(), psu.outputs.as_slice()), ("psu", &[1, 2][..]));
    assert_eq!(psu.resource, "TCPIP0::10.0.0.7::5028::SOCKET");
    assert_eq!(psu.identity.as_ref().unwrap().serial_number, "SIM-0001");
    assert!(store.recover().unwrap().is_empty());
    store.clear_marker(&run_id).unwrap();
    assert!(store.unsafe_markers().unwrap().is_empty());
}

#[test]
fn with_hardware_the_outputs_are_proved_off_before_the_run_is_saved() {
    let (_folder, store) = testkit::store();
    let run_id = interrupted(&store, 7);
    let recovering = store.begin_recovery().unwrap();
    assert_eq!(recovering.interrupted()[0].run_id, run_id);
    let recovery = recovering.finish(&off(&run_id));
    let saved = only(&recovery);
    assert_eq!(saved.record.outcome, RunOutcome::Aborted);
    assert!(
        saved
            .record
            .outputs
            .iter()
            .all(|output| output.state == OutputState::Off)
    );
    assert!(recovery.outputs_maybe_on.is_empty() && store.unsafe_markers().unwrap().is_empty());
}

#[test]
fn an_output_that_cannot_be_proved_off_makes_the_run_an_error_and_leaves_a_marker() {
    let (_folder, store) = testkit::store();
    let run_id = interrupted(&store, 7);
    let tried = vec![made_safe("psu", &[(1, None), (2, Some("no answer"))])];
    let recovery = store
        .begin_recovery()
        .unwrap()
        .finish(&BTreeMap::from([(run_id, tried)]));
    let saved = only(&recovery);
    assert_eq!(saved.record.outcome, RunOutcome::Error);
    assert_eq!(store.unsafe_markers().unwrap()[0].instruments[0].outputs, [2]);
}

#[test]
fn a_run_that_switched_off_before_it_was_killed_leaves_no_marker() {
    let (_folder, store) = testkit::store();
    let run_id = interrupted(&store, 9);
    let recovery = store.recover().unwrap();
    assert_eq!(only(&recovery).record.run_id, run_id);
    assert_eq!(only(&recovery).record.outcome, RunOutcome::Aborted);
    assert!(store.unsafe_markers().unwrap().is_empty());
}

#[test]
fn a_run_that_ended_without_being_saved_is_no_pass_later_either() {
    let (_folder, store) = testkit::store();
    interrupted(&store, 10);
    let recovery = store.recover().unwrap();
    let record = &only(&recovery).record;
    assert_eq!((record.outcome, record.run_passed), (RunOutcome::Aborted, false));
    assert!(
        record
            .reason
            .as_deref()
            .unwrap()
            .contains("before the outcome was saved and shown")
    );
}

/// Every file of a store before each step that a recovery makes durable, as a kill there would leave it.
fn recovered_from_a_kill_before_removal(again: impl Fn(&Store, &str) -> Recovery) {
    let (folder, store) = testkit::store();
    let run_id = interrupted(&store, 7);
    let journal = store.root().join("journal").join(format!("{run_id}.jsonl"));
    let before = std::fs::read(&journal).unwrap();
    // a first recovery that closes the journal and publishes ...
    let copy = folder.path().join("copy");
    copy_folder(store.root(), &copy);
    let first = Store::open(&copy).unwrap();
    let saved = only(&first.recover().unwrap()).clone();
    let published = std::fs::read(&saved.path).unwrap();
    // ... and is killed before it removes the journal, which is closed by then
    let closed = closed_journal(&run_id, &before);
    testkit::plant(&copy.join("journal").join(format!("{run_id}.jsonl")), &closed);
    let recovery = again(&first, &run_id);
    assert_eq!(only(&recovery).record, saved.record);
    assert_eq!(std::fs::read(&saved.path).unwrap(), published);
    assert!(recovery.quarantined.is_empty());
    assert_eq!(names(&copy.join("pending")).len(), 1);
    assert!(names(&copy.join("journal")).is_empty());
}

/// The journal as a recovery without hardware closes it.
fn closed_journal(run_id: &str, before: &[u8]) -> Vec<u8> {
    let lines = crate::line::read(before);
    let mut folding = crate::fold::Folding::default();
    for json in &lines.json[1..] {
        folding.take(serde_json::from_str(json).unwrap());
    }
    assert!(lines.json[0].contains(run_id));
    let mut bytes = before.to_vec();
    let mut checksum = lines.last;
    for event in folding.run().unwrap().closing(&[]) {
        let (line, next) = crate::line::encode(&checksum, &serde_json::to_string(&event).unwrap());
        bytes.extend_from_slice(line.as_bytes());
        checksum = next;
    }
    bytes
}

#[test]
fn a_recovery_that_was_killed_is_finished_by_the_next() {
    recovered_from_a_kill_before_removal(|store, _| store.recover().unwrap());
    // also by one that meanwhile switched the outputs off: the record is sealed, only the marker goes
    recovered_from_a_kill_before_removal(|store, run_id| {
        let recovery = store.begin_recovery().unwrap().finish(&off(run_id));
        assert!(store.unsafe_markers().unwrap().is_empty());
        recovery
    });
}

#[test]
fn a_record_that_the_dead_program_published_stands() {
    // its journal broke off early, but the record was sealed from memory
    let (_folder, store) = testkit::store();
    let ticket = store.begin(testkit::now()).unwrap();
    let mut journal = store.journal(&ticket).unwrap();
    testkit::record_all(&mut journal, &passing(&ticket, "UNIT-5501")[..5]);
    let whole = crate::fold::fold(&ticket.clock, &testkit::stored(&passing(&ticket, "UNIT-5501"))).unwrap();
    store.publish(whole).unwrap();
    drop(journal);
    let recovery = store.recover().unwrap();
    assert_eq!(only(&recovery).record.outcome, RunOutcome::Pass);
    assert!(recovery.quarantined.is_empty() && recovery.outputs_maybe_on.is_empty());
    assert_eq!(names(&store.root().join("pending")).len(), 1);
}

#[test]
fn complete_temporaries_are_adopted_and_incomplete_ones_quarantined() {
    let (_folder, store) = testkit::store();
    let saved = testkit::save(&store, "UNIT-5501");
    let bytes = std::fs::read(&saved.path).unwrap();
    std::fs::remove_file(&saved.path).unwrap();
    let run_id = saved.name.run_id();
    let pending = store.root().join("pending");
    testkit::plant(&pending.join(format!(".tmp-{run_id}-1-0")), &bytes);
    testkit::plant(&pending.join(format!(".tmp-{run_id}-1-1")), &bytes[..bytes.len() - 1]);
    testkit::plant(&pending.join(format!(".tmp-{run_id}-1-2")), b"");
    testkit::plant(&pending.join(format!(".tmp-{}-1-3", testkit::RUN_ID)), &bytes);
    testkit::plant(&pending.join(format!(".tmp-{run_id}-1-4")), &bytes);
    let recovery = store.recover().unwrap();
    assert!(recovery.failed.is_empty(), "{recovery:?}");
    assert_eq!(recovery.adopted, std::slice::from_ref(&saved.name));
    assert_eq!(recovery.quarantined.len(), 3);
    assert_eq!(names(&pending), [saved.name.as_str()]);
    assert_eq!(std::fs::read(&saved.path).unwrap(), bytes);
    assert!(matches!(store.load(&saved.name).unwrap(), Loaded::Sealed(_)));
    assert!(store.recover().unwrap().is_empty());
}

/// What a recovery leaves that dies between publishing a temporary's record and removing the temporary, and a syncer moves
/// the record before the next one.
#[test]
fn the_temporary_of_a_record_that_was_moved_since_is_no_second_record() {
    let (_folder, store) = testkit::store();
    let saved = testkit::save(&store, "UNIT-5501");
    let pending = store.root().join("pending");
    // it had another place in the chain first
    let elsewhere = crate::record::Chain {
        position: 9,
        previous: Some("ab".repeat(32)),
    };
    let first = crate::Record {
        chain: Some(elsewhere),
        ..saved.record.whole().unwrap()
    };
    let bytes = crate::integrity::seal(&first).unwrap();
    testkit::plant(&pending.join(format!(".tmp-{}-1-0", saved.name.run_id())), &bytes);
    // and this one says something else of the same run
    let other = crate::Record {
        operator: Some("joe".to_owned()),
        ..first
    };
    let other = crate::integrity::seal(&other).unwrap();
    testkit::plant(&pending.join(format!(".tmp-{}-1-1", saved.name.run_id())), &other);
    store.move_to_synced(&saved.name, testkit::now()).unwrap();
    let recovery = store.recover().unwrap();
    assert!(
        recovery.failed.is_empty() && recovery.adopted.is_empty(),
        "{recovery:?}"
    );
    assert_eq!(names(&pending), [""; 0]);
    let [quarantined] = recovery.quarantined.as_slice() else {
        panic!("{recovery:?}")
    };
    assert!(
        quarantined.reason.contains("another record has the name"),
        "{quarantined:?}"
    );
    assert_eq!(store.list(Place::Synced, 9).unwrap().count, 1);
    assert_eq!(
        store.verify(None, &mut |finding| panic!("{finding}")).unwrap().records,
        1
    );
}

/// A record that a syncer moves while a recovery or a seal looks for it is found: else it would be saved twice, or its place in
/// the chain given away.
#[test]
fn a_record_that_is_moved_while_it_is_looked_for_is_found() {
    let (_folder, store) = testkit::store_in_memory();
    for round in 0..200 {
        let saved = testkit::save(&store, &format!("UNIT-{round}"));
        let begin = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                begin.wait();
                store.move_to_synced(&saved.name, testkit::now()).unwrap();
            });
            begin.wait();
            loop {
                let crate::outbox::Held { folder, bytes } =
                    crate::outbox::held_bytes(store.layout(), &saved.name).unwrap().unwrap();
                assert!(bytes.is_some());
                if folder.path().starts_with(store.root().join("synced")) {
                    break;
                }
            }
        });
    }
}

#[test]
fn the_temporary_of_a_live_run_is_left_alone() {
    let (_folder, store) = testkit::store();
    let ticket = store.begin(testkit::now()).unwrap();
    let _journal = store.journal(&ticket).unwrap();
    let temporary = store.root().join("pending").join(format!(".tmp-{}-1-0", ticket.run_id));
    testkit::plant(&temporary, b"half");
    assert!(store.recover().unwrap().is_empty());
    assert!(temporary.exists());
}

#[test]
fn two_recoveries_at_once_save_each_run_once() {
    let (_folder, store) = testkit::store();
    for _ in 0..20 {
        interrupted(&store, 7);
    }
    let recover = || store.recover().unwrap().sealed.len();
    let sealed: usize = std::thread::scope(|scope| {
        let recoveries: Vec<_> = (0..4).map(|_| scope.spawn(recover)).collect();
        recoveries.into_iter().map(|recovery| recovery.join().unwrap()).sum()
    });
    assert_eq!(sealed, 20);
    assert_eq!(store.list(Place::Pending, 100).unwrap().count, 20);
}

#[test]
fn one_bad_journal_keeps_no_other_from_being_recovered() {
    let (_folder, store) = testkit::store();
    let journals = store.root().join("journal");
    interrupted(&store, 7);
    testkit::plant(
        &journals.join(format!("{}.jsonl", testkit::RUN_ID)),
        b"garbage\ngarbage\n",
    );
    testkit::plant(&journals.join("notes.txt"), b"mine");
    interrupted(&store, 7);
    let recovery = store.recover().unwrap();
    assert_eq!((recovery.sealed.len(), recovery.quarantined.len()), (2, 1));
    assert_eq!(names(&journals), ["notes.txt"]);
}

#[test]
fn a_damaged_journal_marks_the_outputs_that_its_readable_part_names() {
    // the second last byte of a line is altered: of the header, of the run's start
    for line in [0, 1] {
        let (_folder, store) = testkit::store();
        let run_id = interrupted(&store, 7);
        let journal = store.root().join("journal").join(format!("{run_id}.jsonl"));
        let mut bytes = std::fs::read(&journal).unwrap();
        let ends: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b'\n').collect();
        bytes[ends[line] - 1] = b' ';
        testkit::plant(&journal, &bytes);
        let recovery = store.recover().unwrap();
        assert_eq!(
            (recovery.quarantined.len(), recovery.sealed.len()),
            (1, 0),
            "{recovery:?}"
        );
        let [marker] = recovery.outputs_maybe_on.as_slice() else {
            panic!("{line}: {recovery:?}")
        };
        assert_eq!(store.unsafe_markers().unwrap(), std::slice::from_ref(marker));
        assert_eq!(marker.run_id, run_id);
        let [instrument] = marker.instruments.as_slice() else {
            panic!("{marker:?}")
        };
        // where even the start cannot be read nobody knows which supply it was
        let expected = if line == 0 { "psu" } else { "unknown" };
        assert_eq!(instrument.name, expected);
    }
}

#[test]
fn a_run_with_hardware_clears_the_marker_of_a_damaged_journal() {
    let (_folder, store) = testkit::store();
    let run_id = interrupted(&store, 7);
    let journal = store.root().join("journal").join(format!("{run_id}.jsonl"));
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes[0] ^= 1;
    testkit::plant(&journal, &bytes);
    let recovering = store.begin_recovery().unwrap();
    assert_eq!(recovering.interrupted().len(), 1);
    assert_eq!(
        store.unsafe_markers().unwrap().len(),
        1,
        "durable before anything else is done"
    );
    let recovery = recovering.finish(&off(&run_id));
    assert!(recovery.outputs_maybe_on.is_empty() && store.unsafe_markers().unwrap().is_empty());
}

#[test]
fn a_marker_that_cannot_be_read_is_no_reason_to_go_on() {
    let (_folder, store) = testkit::store();
    testkit::plant(
        &store.root().join("unsafe").join(format!("{}.json", testkit::RUN_ID)),
        b"{",
    );
    assert_eq!(
        store.unsafe_markers().unwrap_err().kind(),
        crate::StoreErrorKind::Damaged
    );
    store.clear_marker("../../x").unwrap_err();
    store.clear_marker(testkit::RUN_ID).unwrap();
    store.clear_marker(testkit::RUN_ID).unwrap();
    assert!(store.unsafe_markers().unwrap().is_empty());
}
