//! Receipts of several runs at once, and of attachments.

use crate::testkit::{
    self, RUN_ID, record,
    watch::{Fault, Step},
};
use crate::{
    Adopted, AttachmentStep, Place, Receipt, ReceiptKind, Record, Standing, Store, StoreErrorKind, TargetState,
    integrity,
};
use chrono::{DateTime, Utc};

fn now() -> DateTime<Utc> {
    "2026-03-05T00:00:00Z".parse().unwrap()
}

fn receipt(kind: ReceiptKind) -> Receipt {
    Receipt {
        at: now(),
        target: "cloud".into(),
        kind,
    }
}

fn run_id(number: usize) -> String {
    format!("0195f000-0000-7000-8000-{number:012}")
}

#[test]
fn many_receipts_are_durable_at_once_and_read_as_if_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let batch: Vec<_> = (0..100)
        .map(|number| (run_id(number), receipt(ReceiptKind::Attempt)))
        .collect();
    store.receipts().append_all(&batch).unwrap();
    // the same run twice in one batch, too
    let confirmed = receipt(ReceiptKind::Confirmed { remote_id: "x".into() });
    let twice = [
        (run_id(7), receipt(ReceiptKind::Attempt)),
        (run_id(8), receipt(ReceiptKind::Attempt)),
        (run_id(7), confirmed),
    ];
    store.receipts().append_all(&twice).unwrap();
    let state = |number| store.receipts().read(&run_id(number)).unwrap().target("cloud");
    assert_eq!((state(0).attempts, state(7).attempts, state(8).attempts), (1, 2, 2));
    assert!(matches!(state(7).standing, Standing::Confirmed { .. }));
    store.receipts().append_all(&[]).unwrap();
    let wrong = store
        .receipts()
        .append_all(&[("../x".into(), receipt(ReceiptKind::Attempt))]);
    assert_eq!(wrong.unwrap_err().kind(), StoreErrorKind::Invalid);
}

/// Twenty attempts at once.
fn twenty() -> Vec<(String, Receipt)> {
    let attempt = |number| (run_id(number), receipt(ReceiptKind::Attempt));
    (0..20).map(attempt).collect()
}

#[test]
fn many_receipts_wait_for_the_disk_once() {
    let (_folder, store, watch) = testkit::watched_store();
    let before = watch.steps().len();
    store.receipts().append_all(&twenty()).unwrap();
    let steps = watch.steps().split_off(before);
    let syncs = |steps: &[Step]| {
        let is_sync = |step: &&Step| matches!(step, Step::SyncEverything | Step::SyncFile(_) | Step::SyncDir(_));
        steps.iter().filter(is_sync).count()
    };
    // one for all where the file system can, else one each and one for their names; nothing is written behind it
    assert!([1, 21].contains(&syncs(&steps)), "{steps:?}");
    let last_write = steps.iter().rposition(|step| matches!(step, Step::Write(..))).unwrap();
    assert_eq!(syncs(&steps[..last_write]), 0, "{steps:?}");
    // a disk that refuses the sync is loud, and is not asked again
    let mut refused = 0;
    for at in 0..1000 {
        watch.break_at(at, Fault::Error(rustix::io::Errno::IO), false);
        let appended = store.receipts().append_all(&twenty());
        match watch.mend() {
            Some("syncfs" | "fsync") => {
                assert!(appended.is_err(), "{at}");
                refused += 1;
            }
            Some(_) => {}
            None => break,
        }
    }
    assert!(refused > 0);
}

#[test]
fn an_attachments_steps_and_the_runs_own_name_survive_what_follows() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for kind in [
        ReceiptKind::Attempt,
        ReceiptKind::Stored {
            remote_id: "run".into(),
        },
        ReceiptKind::AttachmentBegun {
            attachment: 1,
            remote_id: "file".into(),
        },
        ReceiptKind::AttachmentSent { attachment: 1 },
        deferred(Some(5)),
        deferred(Some(5)),
        ReceiptKind::Parked { reason: reason() },
        reopened(false),
    ] {
        store.receipts().append(RUN_ID, &receipt(kind)).unwrap();
    }
    let state = store.receipts().read(RUN_ID).unwrap().target("cloud");
    assert_eq!(
        (state.remote_id.as_deref(), &state.standing),
        (Some("run"), &Standing::Open)
    );
    assert_eq!(state.attachments[&1].reached, AttachmentStep::Sent);
    assert_eq!(state.strikes_with(5), 1, "a person's word begins them anew");
}

fn reason() -> String {
    "status 500".to_owned()
}

fn deferred(at_most: Option<u32>) -> ReceiptKind {
    let reason = reason();
    ReceiptKind::Deferred { reason, at_most }
}

fn uncertain() -> ReceiptKind {
    let reason = reason();
    ReceiptKind::Uncertain {
        reason,
        at_most: Some(20),
    }
}

fn reopened(surely_not_there: bool) -> ReceiptKind {
    ReceiptKind::Reopened {
        reason: reason(),
        surely_not_there,
    }
}

/// The state after these receipts.
fn after(kinds: impl IntoIterator<Item = ReceiptKind>) -> TargetState {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for kind in kinds {
        store.receipts().append(RUN_ID, &receipt(kind)).unwrap();
    }
    store.receipts().read(RUN_ID).unwrap().target("cloud")
}

#[test]
fn what_gets_through_begins_the_count_of_attempts_anew() {
    let stored = || ReceiptKind::Stored { remote_id: "x".into() };
    let run = [ReceiptKind::Attempt, uncertain(), ReceiptKind::Attempt];
    let first = ReceiptKind::AttachmentBegun {
        attachment: 0,
        remote_id: "y".into(),
    };
    let steps = [
        stored(),
        deferred(None),
        first,
        deferred(Some(20)),
        ReceiptKind::AttachmentDone { attachment: 0 },
    ];
    let all: Vec<_> = run.into_iter().chain(steps).collect();
    // after the run, after each failure of its attachment, and after that got through
    for (length, expected) in [(3, 2), (4, 0), (5, 1), (7, 2), (8, 0)] {
        assert_eq!(after(all[..length].iter().cloned()).attempts, expected, "{length}");
    }
}

#[test]
fn strikes_are_counted_by_how_many_there_may_be_whatever_comes_between() {
    let attempt = || ReceiptKind::Attempt;
    let state = after([
        attempt(),
        deferred(Some(5)),
        attempt(),
        uncertain(),
        attempt(),
        // the target was not well: no strike of the record
        deferred(None),
        attempt(),
        deferred(Some(5)),
    ]);
    assert_eq!((state.strikes_with(5), state.strikes_with(20)), (3, 2));
    let stored = ReceiptKind::Stored {
        remote_id: "run".into(),
    };
    assert_eq!(after([deferred(Some(5)), stored]).strikes_with(5), 1);
}

#[test]
fn an_upload_without_an_answer_is_asked_about_also_after_it_was_parked() {
    let parked = || ReceiptKind::Parked { reason: reason() };
    let dropped = || ReceiptKind::Unwanted { reason: reason() };
    let is_asked = |kinds: Vec<ReceiptKind>| matches!(after(kinds).standing, Standing::Uncertain { .. });
    let attempt = || ReceiptKind::Attempt;
    assert!(is_asked(vec![attempt(), uncertain(), parked(), reopened(false)]));
    assert!(is_asked(vec![attempt(), dropped(), reopened(false)]));
    assert!(is_asked(vec![attempt(), uncertain(), dropped(), reopened(false)]));
    // it was answered, or a person has looked
    assert!(!is_asked(vec![attempt(), parked(), reopened(false)]));
    assert!(!is_asked(vec![
        attempt(),
        uncertain(),
        attempt(),
        parked(),
        reopened(false)
    ]));
    assert!(!is_asked(vec![
        attempt(),
        uncertain(),
        attempt(),
        deferred(None),
        parked(),
        reopened(false)
    ]));
    assert!(!is_asked(vec![attempt(), uncertain(), parked(), reopened(true)]));
}

#[test]
fn a_run_that_was_carried_is_so_for_every_target_until_a_person_has_looked_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let carried = || Receipt {
        target: String::new(),
        ..receipt(ReceiptKind::Carried)
    };
    let append = |receipt: Receipt| store.receipts().append(RUN_ID, &receipt).unwrap();
    let seen = || {
        let receipts = store.receipts().read(RUN_ID).unwrap();
        let of = |target: &str| receipts.target(target).perhaps_elsewhere;
        (of("cloud"), of("another"), receipts.is_carried())
    };
    append(receipt(deferred(None)));
    assert_eq!(seen(), (false, false, false));
    append(carried());
    assert_eq!(seen(), (true, true, true));
    append(receipt(ReceiptKind::Parked { reason: reason() }));
    append(receipt(reopened(false)));
    assert_eq!(seen(), (true, true, true));
    append(receipt(reopened(true)));
    assert_eq!(seen(), (false, true, false));
    append(carried());
    assert_eq!(seen(), (true, true, true));
    // it is no target, and no receipt of one
    let receipts = store.receipts().read(RUN_ID).unwrap();
    assert_eq!((receipts.targets().count(), receipts.target("cloud").receipts), (1, 4));
}

#[test]
fn a_record_of_another_store_is_adopted_once_and_only_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let bytes = integrity::seal(&record()).unwrap();
    assert!(matches!(store.adopt(&bytes).unwrap(), Adopted::New(_)));
    assert!(matches!(store.adopt(&bytes).unwrap(), Adopted::Already(_)));
    let Adopted::Already(name) = store.adopt(&bytes).unwrap() else {
        unreachable!()
    };
    store.keep(&name).unwrap();
    assert!(
        matches!(store.adopt(&bytes).unwrap(), Adopted::Already(_)),
        "wherever it lies"
    );
    let other = Record {
        reason: Some("another".into()),
        ..record()
    };
    let conflict = store.adopt(&integrity::seal(&other).unwrap()).unwrap_err();
    assert_eq!(conflict.kind(), StoreErrorKind::Conflict);
    let torn = store.adopt(&bytes[..bytes.len() - 3]).unwrap_err();
    assert_eq!(torn.kind(), StoreErrorKind::Damaged);
    assert_eq!(store.list(Place::Pending, 0).unwrap().count, 0);
    let wrong = store.adopt_attachment(&"ab".repeat(32), b"x").unwrap_err();
    assert_eq!(wrong.kind(), StoreErrorKind::Damaged);
}

#[test]
fn how_the_targets_stood_is_written_and_nothing_depends_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.outlook(), crate::Outlook::default());
    let mut outlook = crate::Outlook::default();
    outlook.targets.entry("cloud".into()).or_default().last_success = Some(now());
    store.set_outlook(&outlook).unwrap();
    assert_eq!(store.outlook(), outlook);
    std::fs::OpenOptions::new()
        .write(true)
        .open(folder.path().join("sync.json"))
        .unwrap()
        .set_len(3)
        .unwrap();
    assert_eq!(store.outlook(), crate::Outlook::default());
}
