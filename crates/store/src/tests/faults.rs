//! A disk that breaks at every call in turn, in every way: loud, and nothing that was confirmed is lost.

use crate::{
    Place, Receipt, ReceiptKind, Recovery, Saved, Standing, Store, StoreError, Ticket,
    testkit::{
        self, findings, names, now, passing, record_all, save,
        watch::{Fault, Step, Watch},
    },
};
use rustix::io::Errno;
use std::{collections::BTreeMap, sync::Arc};

/// What goes wrong, and whether it goes on going wrong.
const FAULTS: &[(&str, Fault, bool)] = &[
    ("EIO", Fault::Error(Errno::IO), false),
    ("EIO for good", Fault::Error(Errno::IO), true),
    ("ENOSPC", Fault::Error(Errno::NOSPC), false),
    ("ENOSPC for good", Fault::Error(Errno::NOSPC), true),
    ("EACCES", Fault::Error(Errno::ACCESS), false),
    ("EROFS for good", Fault::Error(Errno::ROFS), true),
    ("EINTR", Fault::Error(Errno::INTR), false),
    ("short write", Fault::Short, false),
];

/// More calls than any act makes.
const MOST_CALLS: usize = 1_000;

/// Breaks every call of an act in turn. `act` answers whether it reported success; `check` looks at what there is then,
/// on a disk that is well again.
fn every_call<C>(
    what: &str,
    prepare: impl Fn(&Store) -> C,
    act: impl Fn(&Store, &C) -> bool,
    check: impl Fn(&Store, &C, bool, &str),
) {
    let mut struck: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut acts = 0;
    for (name, fault, for_good) in FAULTS {
        for at in 0..MOST_CALLS {
            let (_folder, store, watch) = testkit::watched_store();
            let kept = save(&store, "UNIT-KEPT");
            let bytes = std::fs::read(&kept.path).unwrap();
            let context = prepare(&store);
            watch.break_at(at, *fault, *for_good);
            let succeeded = act(&store, &context);
            let Some(kind) = watch.mend() else {
                // the act makes no such call any more; short writes strike only at writes
                if *fault == Fault::Short && at < 100 {
                    continue;
                }
                break;
            };
            assert!(at + 1 < MOST_CALLS, "{what}: the calls have no end");
            let place = format!(
                "{what}: {name} at {kind} ({at}), {}",
                if succeeded { "done" } else { "refused" }
            );
            check(&store, &context, succeeded, &place);
            assert_eq!(std::fs::read(&kept.path).unwrap(), bytes, "{place}");
            assert_eq!(
                watch.retried(),
                [""; 0].map(std::path::PathBuf::from),
                "{place}: a failed sync was tried again"
            );
            let count = struck.entry(kind).or_default();
            count.0 += 1;
            count.1 += usize::from(!succeeded);
            acts += 1;
        }
    }
    let table: Vec<String> = struck
        .iter()
        .map(|(kind, (count, refused))| format!("{kind} {refused}/{count}"))
        .collect();
    println!(
        "{what}: {acts} broken calls; refused/broken by kind: {}",
        table.join(", ")
    );
    assert!(acts > 30, "{what}: {acts}");
}

/// The records of a run, wherever they are; all of them whole.
fn found(store: &Store, run_id: &str) -> Vec<Saved> {
    let mut found = Vec::new();
    for place in [Place::Pending, Place::Synced, Place::Parked, Place::Kept] {
        for name in store.list(place, usize::MAX).unwrap().names {
            if name.run_id() == run_id {
                let sealed = store.read(place, &name).unwrap();
                let record = Box::new(sealed.record.packed());
                found.push(Saved {
                    path: sealed.path,
                    name,
                    record,
                });
            }
        }
    }
    found
}

fn recovered(store: &Store, place: &str) -> Recovery {
    let recovery = store.recover().unwrap();
    assert!(recovery.failed.is_empty(), "{place}: {recovery:?}");
    // a process that another test starts holds our locks too, between its fork and its exec
    for _ in 0..10_000 {
        if names(&store.root().join("journal")).is_empty() {
            break;
        }
        testkit::pause(std::time::Duration::from_millis(1));
        store.recover().unwrap();
    }
    assert_eq!(names(&store.root().join("journal")), [""; 0], "{place}");
    let temporaries = names(&store.root().join("pending"));
    assert!(
        temporaries.iter().all(|name| !name.starts_with('.')),
        "{place}: {temporaries:?}"
    );
    recovery
}

#[test]
fn sealing_with_any_call_broken_saves_the_run_or_says_that_it_did_not() {
    every_call(
        "seal",
        |store| {
            let ticket = store.begin(now()).unwrap();
            let mut journal = store.journal(&ticket).unwrap();
            record_all(&mut journal, &passing(&ticket, "UNIT-5501"));
            std::sync::Mutex::new(Some((ticket, journal)))
        },
        |store, run| {
            let run = run.lock().unwrap();
            store.seal(&run.as_ref().unwrap().1).is_ok()
        },
        |store, run, succeeded, place| {
            let (ticket, journal) = run.lock().unwrap().take().unwrap();
            if succeeded {
                let found = found(store, &ticket.run_id);
                assert_eq!(found.len(), 1, "{place}");
                assert!(found[0].record.run_passed, "{place}");
            }
            drop(journal);
            recovered(store, place);
            let found = found(store, &ticket.run_id);
            assert_eq!(found.len(), 1, "{place}");
            assert!(found[0].record.run_passed || !succeeded, "{place}");
        },
    );
}

#[test]
fn a_journal_with_any_call_broken_keeps_what_a_barrier_confirmed() {
    every_call(
        "journal",
        |_| std::sync::Mutex::new(None::<(Ticket, usize)>),
        |store, confirmed| {
            let acts = || -> Result<(), StoreError> {
                let ticket = store.begin(now())?;
                let mut journal = store.journal(&ticket)?;
                for (turn, event) in passing(&ticket, "UNIT-5501").iter().enumerate() {
                    let recorded = benchtop_run::Recorder::record(&mut journal, event);
                    journal.wait_durable()?;
                    recorded.unwrap();
                    *confirmed.lock().unwrap() = Some((ticket.clone(), turn + 1));
                }
                Ok(())
            };
            acts().is_ok()
        },
        |store, confirmed, succeeded, place| {
            recovered(store, place);
            let Some((ticket, events)) = confirmed.lock().unwrap().take() else {
                assert!(!succeeded, "{place}");
                return;
            };
            assert_eq!(succeeded, events == passing(&ticket, "").len(), "{place}");
            let found = found(store, &ticket.run_id);
            assert_eq!(found.len(), 1, "{place}");
            assert!(!found[0].record.run_passed, "{place}: nobody was shown a pass");
            let measured = found[0].record.steps.iter().any(|step| !step.measurements.is_empty());
            assert!(measured || events < 7, "{place}: a confirmed measurement is gone");
        },
    );
}

fn confirm(store: &Store, saved: &Saved) -> Result<(), StoreError> {
    let receipt = Receipt {
        at: now(),
        target: "cloud".to_owned(),
        kind: ReceiptKind::Confirmed {
            remote_id: "r-1".to_owned(),
        },
    };
    store.receipts().append(saved.name.run_id(), &receipt)
}

#[test]
fn a_move_with_any_call_broken_leaves_the_record_in_one_place_and_the_receipt_believed() {
    every_call(
        "confirm and move",
        |store| (save(store, "UNIT-5501"), std::sync::Mutex::new(false)),
        |store, (saved, confirmed)| {
            let act = || -> Result<(), StoreError> {
                confirm(store, saved)?;
                *confirmed.lock().unwrap() = true;
                store.settle(&saved.name, &["cloud"], now())?;
                store.sync_moves()
            };
            act().is_ok()
        },
        |store, (saved, confirmed), _, place| {
            assert_eq!(found(store, saved.name.run_id()).len(), 1, "{place}");
            let standing = store
                .receipts()
                .read(saved.name.run_id())
                .unwrap()
                .target("cloud")
                .standing;
            let is_confirmed = matches!(standing, Standing::Confirmed { .. });
            assert!(is_confirmed || !*confirmed.lock().unwrap(), "{place}");
            if !is_confirmed {
                confirm(store, saved).unwrap();
            }
            if saved.path.exists() {
                assert_eq!(
                    store.settle(&saved.name, &["cloud"], now()).unwrap(),
                    Place::Synced,
                    "{place}"
                );
            }
            let found = found(store, saved.name.run_id());
            assert_eq!(found.len(), 1, "{place}");
            assert!(found[0].path.to_string_lossy().contains("synced"), "{place}");
            assert_eq!(found[0].record, saved.record, "{place}");
        },
    );
}

#[test]
fn a_recovery_with_any_call_broken_is_finished_by_the_next() {
    every_call(
        "recovery",
        |store| {
            let mut runs = Vec::new();
            for events in [3, 7, 10] {
                let ticket = store.begin(now()).unwrap();
                let mut journal = store.journal(&ticket).unwrap();
                record_all(&mut journal, &passing(&ticket, "UNIT-5501")[..events]);
                runs.push(ticket.run_id);
            }
            // one that died before it gave its record a name
            let saved = save(store, "UNIT-5502");
            let pending = store.root().join("pending");
            let bytes = std::fs::read(&saved.path).unwrap();
            std::fs::remove_file(&saved.path).unwrap();
            testkit::plant(&pending.join(format!(".tmp-{}-1-0", saved.name.run_id())), &bytes);
            testkit::plant(&pending.join(format!(".tmp-{}-1-1", testkit::RUN_ID)), &bytes[..100]);
            // and one whose tail is torn
            let torn = store.root().join("journal").join(format!("{}.jsonl", runs[1]));
            let mut bytes = std::fs::read(&torn).unwrap();
            bytes.extend_from_slice(b"0123456789abcdef {\"event\":");
            testkit::plant(&torn, &bytes);
            runs.push(saved.name.run_id().to_owned());
            runs
        },
        |store, _| store.recover().is_ok_and(|recovery| recovery.failed.is_empty()),
        |store, runs, _, place| {
            recovered(store, place);
            for run_id in runs {
                assert_eq!(found(store, run_id).len(), 1, "{place}: {run_id}");
            }
            let marked: Vec<String> = store
                .unsafe_markers()
                .unwrap()
                .into_iter()
                .map(|run| run.run_id)
                .collect();
            assert_eq!(marked, runs[..2], "{place}");
        },
    );
}

#[test]
fn an_attachment_with_any_call_broken_is_whole_or_not_there() {
    let bytes = [7; 100_000];
    every_call(
        "attach",
        |_| (),
        |store, ()| store.attach(&mut bytes.as_slice(), "scope.bin", 1 << 20).is_ok(),
        |store, (), succeeded, place| {
            drop(store.recover().unwrap());
            let kept = names(store.attachments());
            assert!(kept.len() == 1 || !succeeded, "{place}");
            for name in kept {
                assert_eq!(std::fs::read(store.attachments().join(name)).unwrap(), bytes, "{place}");
            }
            store.attach(&mut bytes.as_slice(), "scope.bin", 1 << 20).unwrap();
            assert_eq!(names(&store.root().join("journal")), [""; 0], "{place}");
        },
    );
}

/// What a power cut leaves after a run was saved and shown: its record, and its journal once more.
#[test]
fn a_saved_run_whose_journal_came_back_stays_as_it_was_whatever_breaks_meanwhile() {
    every_call(
        "recovery of a saved run",
        |store| {
            let ticket = store.begin(now()).unwrap();
            let mut journal = store.journal(&ticket).unwrap();
            record_all(&mut journal, &passing(&ticket, "UNIT-5501"));
            journal.wait_durable().unwrap();
            let path = store.root().join("journal").join(format!("{}.jsonl", ticket.run_id));
            let lines = std::fs::read(&path).unwrap();
            let saved = store.seal(&journal).unwrap();
            drop(journal);
            // as a power cut may have it: without the run's last words
            let cut = lines.len() - lines.iter().rev().skip(1).position(|byte| *byte == b'\n').unwrap() - 1;
            testkit::plant(&path, &lines[..cut]);
            let bytes = std::fs::read(&saved.path).unwrap();
            (saved, bytes)
        },
        |store, _| store.recover().is_ok_and(|recovery| recovery.failed.is_empty()),
        |store, (saved, bytes), _, place| {
            recovered(store, place);
            let found = found(store, saved.name.run_id());
            assert_eq!(found.len(), 1, "{place}");
            let now = std::fs::read(&found[0].path).unwrap();
            assert_eq!(&now, bytes, "{place}: another record");
            assert_eq!(findings(store), [], "{place}");
        },
    );
}

/// As after a first call that had saved the run and failed after that: the journal is still there.
#[test]
fn sealing_once_more_with_any_call_broken_believes_no_second_sync() {
    every_call(
        "seal once more",
        |store| {
            let ticket = store.begin(now()).unwrap();
            let mut journal = store.journal(&ticket).unwrap();
            record_all(&mut journal, &passing(&ticket, "UNIT-5501"));
            journal.wait_durable().unwrap();
            store.publish(journal.so_far().unwrap()).unwrap();
            std::sync::Mutex::new(Some((ticket, journal)))
        },
        |store, run| {
            let run = run.lock().unwrap();
            let journal = &run.as_ref().unwrap().1;
            store.seal(journal).is_ok() || store.seal(journal).is_ok()
        },
        |store, run, succeeded, place| {
            let (ticket, journal) = run.lock().unwrap().take().unwrap();
            if succeeded {
                assert_eq!(found(store, &ticket.run_id).len(), 1, "{place}");
            }
            drop(journal);
            recovered(store, place);
            assert_eq!(found(store, &ticket.run_id).len(), 1, "{place}");
            assert_eq!(findings(store), [], "{place}");
        },
    );
}

#[test]
fn a_record_that_is_brought_with_any_call_broken_is_here_durably_or_refused() {
    let (_theirs, other) = testkit::store();
    let theirs = save(&other, "THEIRS");
    let bytes = std::fs::read(&theirs.path).unwrap();
    every_call(
        "adopt",
        |_| (),
        |store, ()| store.adopt(&bytes).is_ok() || store.adopt(&bytes).is_ok(),
        |store, (), succeeded, place| {
            if succeeded {
                assert_eq!(found(store, theirs.name.run_id()).len(), 1, "{place}");
            }
            recovered(store, place);
            store.adopt(&bytes).unwrap();
            assert_eq!(found(store, theirs.name.run_id()).len(), 1, "{place}");
            assert_eq!(findings(store), [], "{place}");
        },
    );
    every_call(
        "adopt once more",
        |store| drop(store.adopt(&bytes).unwrap()),
        |store, ()| store.adopt(&bytes).is_ok() || store.adopt(&bytes).is_ok(),
        |store, (), succeeded, place| {
            if succeeded {
                assert_eq!(found(store, theirs.name.run_id()).len(), 1, "{place}");
            }
            recovered(store, place);
            assert_eq!(found(store, theirs.name.run_id()).len(), 1, "{place}");
            assert_eq!(findings(store), [], "{place}");
        },
    );
}

/// The tests above would see it: a sync that is tried again on a file on which it failed.
#[test]
fn a_sync_that_is_tried_again_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let watch = Arc::new(Watch::default());
    let folder = crate::disk::Dir::open_before(folder.path(), crate::disk::eye::Eye::of(&watch)).unwrap();
    let file = folder.create_new("x").unwrap();
    watch.break_at(0, Fault::Error(Errno::IO), false);
    file.sync_all().unwrap_err();
    assert_eq!(watch.mend(), Some("fsync"));
    file.sync_all().unwrap();
    assert_eq!(watch.retried(), [folder.path_of("x")]);
    watch.break_at(0, Fault::Error(Errno::IO), false);
    folder.sync().unwrap_err();
    watch.mend();
    folder.sync().unwrap();
    assert_eq!(watch.retried(), [folder.path_of("x"), folder.path().to_owned()]);
    // a name that was given anew is another matter
    watch.break_at(0, Fault::Error(Errno::IO), false);
    folder.sync().unwrap_err();
    watch.mend();
    let before = watch.retried();
    drop(folder.create_new("y").unwrap());
    folder.sync().unwrap();
    assert_eq!(watch.retried(), before);
}

/// A syncer meets a record after the rename that gives it its name, and before the call that fails.
#[test]
fn what_is_uploaded_before_its_name_is_durable_is_the_record_that_is_found() {
    for (is_moved, again) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut refused = 0;
        for at in 0..MOST_CALLS {
            let (_folder, store, watch) = testkit::watched_store();
            save(&store, "UNIT-KEPT");
            let ticket = store.begin(now()).unwrap();
            let mut journal = store.journal(&ticket).unwrap();
            record_all(&mut journal, &passing(&ticket, "UNIT-5501"));
            journal.wait_durable().unwrap();
            let (run_id, beside) = (ticket.run_id, Store::open(store.root()).unwrap());
            let (sent, uploaded) = std::sync::mpsc::channel();
            watch.meanwhile({
                let run_id = run_id.clone();
                move || {
                    for saved in found(&beside, &run_id) {
                        sent.send(std::fs::read(&saved.path).unwrap()).unwrap();
                        confirm(&beside, &saved).unwrap();
                        if is_moved {
                            beside.settle(&saved.name, &["cloud"], now()).unwrap();
                        }
                    }
                }
            });
            watch.break_at(at, Fault::Error(Errno::IO), false);
            let is_sealed = store.seal(&journal).is_ok();
            let Some(kind) = watch.mend() else { break };
            let Ok(bytes) = uploaded.try_recv() else { continue };
            let place = format!("EIO at {kind} ({at}), moved {is_moved}, again {again}");
            refused += usize::from(!is_sealed);
            if again && !is_sealed {
                store.seal(&journal).unwrap();
            }
            drop(journal);
            recovered(&store, &place);
            let mut found_now = found(&store, &run_id);
            if let [saved] = &found_now[..]
                && !is_moved
            {
                assert_eq!(store.settle(&saved.name, &["cloud"], now()).unwrap(), Place::Synced);
                found_now = found(&store, &run_id);
            }
            let [saved] = &found_now[..] else {
                panic!("{place}: {found_now:?}")
            };
            assert!(
                saved.path.starts_with(store.root().join("synced")),
                "{place}: {saved:?}"
            );
            assert_eq!(
                std::fs::read(&saved.path).unwrap(),
                bytes,
                "{place}: not what was uploaded"
            );
            assert_eq!(findings(&store), [], "{place}");
        }
        assert!(refused > 0, "no call failed after the rename");
    }
}

#[test]
fn the_folder_of_a_month_is_durable_before_a_move_into_it_is() {
    let last = |watch: &Watch, is: &dyn Fn(&Step) -> bool| watch.steps().iter().rposition(is);
    let mut failed = 0;
    for at in 0..MOST_CALLS {
        let (_folder, store, watch) = testkit::watched_store();
        let saved = save(&store, "UNIT-5501");
        confirm(&store, &saved).unwrap();
        watch.break_at(at, Fault::Error(Errno::IO), false);
        let settled = store.settle(&saved.name, &["cloud"], now());
        let Some(kind) = watch.mend() else { break };
        if settled.is_err() {
            failed += 1;
            store.settle(&saved.name, &["cloud"], now()).unwrap();
        }
        let made = last(
            &watch,
            &|step| matches!(step, Step::MakeDir(path) if path.ends_with("synced/2026-03")),
        );
        let synced = last(
            &watch,
            &|step| matches!(step, Step::SyncDir(path) if path.ends_with("synced")),
        );
        assert!(made.is_some() && made < synced, "EIO at {kind} ({at})");
    }
    assert!(failed > 2, "{failed}");
    // one that was made by a program that died then
    let (_folder, store, watch) = testkit::watched_store();
    let saved = save(&store, "UNIT-5501");
    confirm(&store, &saved).unwrap();
    std::fs::create_dir(store.root().join("synced/2026-03")).unwrap();
    store.settle(&saved.name, &["cloud"], now()).unwrap();
    assert_eq!(
        last(
            &watch,
            &|step| matches!(step, Step::SyncDir(path) if path.ends_with("synced"))
        ),
        None
    );
    store.sync_moves().unwrap();
    assert!(
        last(
            &watch,
            &|step| matches!(step, Step::SyncDir(path) if path.ends_with("synced"))
        )
        .is_some()
    );
}
