//! Records on their way out: listing, loading, receipts, moving.

use crate::{
    Loaded, Place, Receipt, ReceiptKind, RecordName, Saved, Standing, Store, StoreErrorKind,
    testkit::{self, names, now, plant, save},
};

fn receipt(target: &str, kind: ReceiptKind) -> Receipt {
    Receipt {
        at: now(),
        target: target.to_owned(),
        kind,
    }
}

fn confirmed() -> ReceiptKind {
    ReceiptKind::Confirmed {
        remote_id: "r-1".to_owned(),
    }
}

fn parked() -> ReceiptKind {
    ReceiptKind::Parked {
        reason: "400 bad serial".to_owned(),
    }
}

fn unwanted() -> ReceiptKind {
    ReceiptKind::Unwanted {
        reason: "simulated".to_owned(),
    }
}

fn append(store: &Store, saved: &Saved, target: &str, kind: ReceiptKind) {
    let receipts = store.receipts();
    receipts.append(saved.name.run_id(), &receipt(target, kind)).unwrap();
}

#[test]
fn pending_lists_the_oldest_by_sequence_and_names_what_is_not_ours() {
    let (_folder, store) = testkit::store();
    let saved: Vec<RecordName> = (0..12).map(|n| save(&store, &format!("UNIT-{n}")).name).collect();
    plant(&store.root().join("pending/UNIT-5501_20260101_120000.json"), b"{}");
    plant(&store.root().join("pending/.tmp-x"), b"{}");
    let listing = store.pending(5).unwrap();
    assert_eq!(listing.names, saved[..5]);
    assert_eq!((listing.count, listing.others), (12, 1));
    assert_eq!(listing.foreign, ["UNIT-5501_20260101_120000.json"]);
    assert_eq!(store.pending(100).unwrap().names, saved);
    assert!(store.pending(0).unwrap().names.is_empty());
    store
        .quarantine("UNIT-5501_20260101_120000.json", "not a record")
        .unwrap();
    assert_eq!(store.quarantined().unwrap(), ["UNIT-5501_20260101_120000.json"]);
    assert!(store.pending(0).unwrap().foreign.is_empty());
    for name in ["..", "", "a/b", "../journal"] {
        assert_eq!(
            store.quarantine(name, "x").unwrap_err().kind(),
            StoreErrorKind::Invalid,
            "{name}"
        );
    }
}

/// A million of them by `BENCHTOP_SOAK=10`; `benches/store.rs` says what it costs.
#[test]
fn very_many_records_come_oldest_first_each_once() {
    let (_folder, store) = testkit::store_in_memory();
    let many = 100_000 * usize::try_from(testkit::soak().min(10)).unwrap();
    let name = |number: usize| {
        let serial = ["UNIT", "unit", "Unit-5501"][number % 3];
        format!("{number:010}_{serial}_20260304_050607_0195f000-0000-7000-8000-{number:012x}.json")
    };
    // in another order than they are wanted
    for number in (0..many).rev() {
        std::fs::File::create(store.root().join("pending").join(name(number))).unwrap();
    }
    let mut backlog = store.backlog();
    let mut met = 0;
    loop {
        let batch = backlog.next_batch(64).unwrap();
        if met == many / 2 / 64 * 64 {
            // one that is sealed meanwhile, and one that goes
            std::fs::File::create(store.root().join("pending").join(name(many))).unwrap();
            std::fs::remove_file(store.root().join("pending").join(name(many - 1))).unwrap();
        }
        if batch.is_empty() {
            break;
        }
        for found in batch {
            let expected = if met == many - 1 { many } else { met };
            assert_eq!(found.as_str(), name(expected));
            met += 1;
        }
    }
    assert_eq!(met, many);
}

fn check_quarantined(store: &Store, saved: &Saved, why: &str) {
    match store.load(&saved.name).unwrap() {
        Loaded::Quarantined(quarantined) => {
            assert!(quarantined.reason.contains(why), "{}", quarantined.reason);
            let reason = store
                .root()
                .join("quarantine")
                .join(format!("{}.reason", quarantined.name));
            assert!(std::fs::read_to_string(reason).unwrap().contains(why));
        }
        loaded @ (Loaded::Sealed(_) | Loaded::Gone) => panic!("{why}: {loaded:?}"),
    }
    assert!(matches!(store.load(&saved.name).unwrap(), Loaded::Gone));
}

#[test]
fn a_tampered_digit_goes_to_quarantine() {
    let (_folder, store) = testkit::store();
    let saved = save(&store, "UNIT-5501");
    let text = std::fs::read_to_string(&saved.path).unwrap();
    plant(&saved.path, text.replace("3.300123", "3.300124").as_bytes());
    check_quarantined(&store, &saved, "not those that were sealed");
}

#[test]
fn a_record_under_another_name_goes_to_quarantine() {
    let (_folder, store) = testkit::store();
    let (first, second) = (save(&store, "UNIT-1"), save(&store, "UNIT-2"));
    plant(&second.path, &std::fs::read(&first.path).unwrap());
    check_quarantined(&store, &second, "another name than its own");
}

#[test]
#[cfg(target_os = "linux")]
fn links_and_pipes_are_neither_followed_nor_uploaded() {
    let (folder, store) = testkit::store();
    let outside = folder.path().join("outside.json");
    for (plant_it, why) in [
        (
            &(|path: &std::path::Path| std::os::unix::fs::symlink(&outside, path).unwrap())
                as &dyn Fn(&std::path::Path),
            "",
        ),
        (&|path| std::fs::hard_link(&outside, path).unwrap(), "second name"),
        (&|path| testkit::make_pipe(path), "not a regular file"),
        (&|path| std::fs::create_dir(path).unwrap(), "not a regular file"),
    ] {
        let saved = save(&store, "UNIT-5501");
        std::fs::copy(&saved.path, &outside).unwrap();
        std::fs::remove_file(&saved.path).unwrap();
        plant_it(&saved.path);
        check_quarantined(&store, &saved, why);
    }
    assert!(outside.is_file());
}

#[test]
fn receipts_say_how_a_run_stands_with_each_target() {
    let (_folder, store) = testkit::store();
    let saved = save(&store, "UNIT-5501");
    let run_id = saved.name.run_id();
    let standing = |target| store.receipts().read(run_id).unwrap().target(target).standing;
    assert_eq!(standing("cloud"), Standing::Open);
    append(&store, &saved, "cloud", ReceiptKind::Attempt);
    assert!(matches!(standing("cloud"), Standing::Uncertain { .. }));
    append(
        &store,
        &saved,
        "cloud",
        ReceiptKind::Deferred {
            reason: "503".to_owned(),
            at_most: None,
        },
    );
    assert!(matches!(standing("cloud"), Standing::Deferred { .. }));
    append(&store, &saved, "usb", parked());
    append(&store, &saved, "cloud", ReceiptKind::Attempt);
    append(&store, &saved, "cloud", confirmed());
    assert!(matches!(standing("cloud"), Standing::Confirmed { .. }));
    let state = store.receipts().read(run_id).unwrap().target("cloud");
    assert_eq!((state.attempts, state.last_attempt), (2, Some(now())));
    // nothing takes a confirmation back
    append(&store, &saved, "cloud", parked());
    assert!(matches!(standing("cloud"), Standing::Confirmed { .. }));
    append(
        &store,
        &saved,
        "usb",
        ReceiptKind::Reopened {
            reason: "stick replaced".to_owned(),
            surely_not_there: false,
        },
    );
    assert_eq!(standing("usb"), Standing::Open);
    assert_eq!(store.receipts().read(run_id).unwrap().targets().count(), 2);
    store.receipts().read("../../etc/passwd").unwrap_err();
}

#[test]
fn receipts_cut_at_any_byte_keep_their_whole_lines_and_go_on() {
    let (_folder, store) = testkit::store();
    let saved = save(&store, "UNIT-5501");
    let run_id = saved.name.run_id();
    for _ in 0..2 {
        append(&store, &saved, "cloud", ReceiptKind::Attempt);
    }
    let path = store.root().join("receipts").join(format!("{run_id}.jsonl"));
    let bytes = std::fs::read(&path).unwrap();
    let ends: Vec<usize> = (1..=bytes.len()).filter(|end| bytes[end - 1] == b'\n').collect();
    for cut in 0..=bytes.len() {
        plant(&path, &bytes[..cut]);
        let whole = ends.iter().filter(|end| **end <= cut).count().saturating_sub(1);
        let attempts = || usize::try_from(store.receipts().read(run_id).unwrap().target("cloud").attempts).unwrap();
        assert_eq!(attempts(), whole, "{cut}");
        append(&store, &saved, "cloud", ReceiptKind::Attempt);
        assert_eq!(attempts(), whole + 1, "{cut}");
    }
}

#[test]
fn damaged_receipts_are_not_guessed() {
    let (_folder, store) = testkit::store();
    let saved = save(&store, "UNIT-5501");
    append(&store, &saved, "cloud", confirmed());
    let path = store
        .root()
        .join("receipts")
        .join(format!("{}.jsonl", saved.name.run_id()));
    let text = std::fs::read_to_string(&path).unwrap();
    plant(&path, text.replace("r-1", "r-2").as_bytes());
    let before = std::fs::read(&path).unwrap();
    let refused = [
        store.receipts().read(saved.name.run_id()).unwrap_err(),
        store
            .receipts()
            .append(saved.name.run_id(), &receipt("cloud", ReceiptKind::Attempt))
            .unwrap_err(),
        store.settle(&saved.name, &["cloud"], now()).unwrap_err(),
    ];
    assert!(refused.iter().all(|error| error.kind() == StoreErrorKind::Damaged));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert!(saved.path.exists());
}

fn check_place(receipts: &[(&str, ReceiptKind)], targets: &[&str], expected: Place) {
    let (_folder, store) = testkit::store();
    let saved = save(&store, "UNIT-5501");
    for (target, kind) in receipts {
        append(&store, &saved, target, kind.clone());
    }
    assert_eq!(
        store.settle(&saved.name, targets, now()).unwrap(),
        expected,
        "{receipts:?}"
    );
    assert_eq!(
        store.list(expected, 9).unwrap().names,
        std::slice::from_ref(&saved.name),
        "{receipts:?}"
    );
    let sealed = store.read(expected, &saved.name).unwrap();
    assert_eq!(sealed.record.packed(), *saved.record);
    if expected != Place::Pending {
        assert_eq!(store.list(Place::Pending, 9).unwrap().count, 0);
        store.requeue(expected, &saved.name).unwrap();
        assert!(saved.path.exists());
    }
    store.sync_moves().unwrap();
}

#[test]
fn the_folder_follows_from_the_receipts() {
    check_place(&[], &["cloud"], Place::Pending);
    check_place(&[("cloud", confirmed())], &["cloud"], Place::Synced);
    check_place(&[("cloud", confirmed())], &["cloud", "usb"], Place::Pending);
    check_place(
        &[("cloud", confirmed()), ("usb", parked())],
        &["cloud", "usb"],
        Place::Parked,
    );
    check_place(
        &[("cloud", confirmed()), ("usb", unwanted())],
        &["cloud", "usb"],
        Place::Synced,
    );
    check_place(&[("cloud", unwanted())], &["cloud"], Place::Kept);
    check_place(&[("cloud", parked())], &["cloud", "usb"], Place::Pending);
    check_place(&[("gone", confirmed())], &[], Place::Synced);
}

#[test]
fn a_move_that_was_lost_is_made_again_without_a_second_upload() {
    let (_folder, store) = testkit::store();
    let saved = save(&store, "UNIT-5501");
    append(&store, &saved, "cloud", confirmed());
    let bytes = std::fs::read(&saved.path).unwrap();
    store.settle(&saved.name, &["cloud"], now()).unwrap();
    // the same record turns up in pending/ again: by a power cut, or by a recovery that published it once more
    plant(&saved.path, &bytes);
    assert_eq!(store.settle(&saved.name, &["cloud"], now()).unwrap(), Place::Synced);
    assert!(names(&store.root().join("pending")).is_empty());
    assert_eq!(names(&store.root().join("synced/2026-03")), [saved.name.as_str()]);
}

#[test]
fn a_move_never_replaces_another_record() {
    let (_folder, store) = testkit::store();
    let saved = save(&store, "UNIT-5501");
    append(&store, &saved, "cloud", confirmed());
    let month = store.root().join("synced/2026-03");
    std::fs::create_dir(&month).unwrap();
    plant(&month.join(saved.name.as_str()), b"other");
    let error = store.settle(&saved.name, &["cloud"], now()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Conflict);
    assert_eq!(std::fs::read(month.join(saved.name.as_str())).unwrap(), b"other");
    assert_eq!(store.quarantined().unwrap(), [saved.name.as_str()]);
}

#[test]
fn many_are_settled_by_what_was_just_appended_each_in_its_own_month() {
    let (_folder, store) = testkit::store();
    let saved: Vec<Saved> = (0..6).map(|number| save(&store, &format!("UNIT-{number}"))).collect();
    let [march, april, refused, lost, late, earlier] = saved.try_into().unwrap();
    append(&store, &earlier, "cloud", confirmed());
    let batch = [(&march, confirmed()), (&april, confirmed()), (&refused, parked())];
    let batch = batch.into_iter().chain([(&lost, confirmed()), (&late, confirmed())]);
    let batch: Vec<_> = batch
        .map(|(saved, kind)| (saved.name.run_id().to_owned(), receipt("cloud", kind)))
        .collect();
    let known = store.receipts().append_all(&batch).unwrap();
    assert_eq!(known.len(), batch.len());
    for (run_id, receipts) in &known {
        assert_eq!(*receipts, store.receipts().read(run_id).unwrap());
    }
    std::fs::remove_file(&lost.path).unwrap();
    let next_month = now() + chrono::TimeDelta::days(31);
    let times = [now(), next_month, now(), now(), now(), now()];
    let all = [&march, &april, &refused, &lost, &late, &earlier];
    let moves = all.iter().map(|saved| saved.name.clone()).zip(times).collect();
    let mut settled = store.settle_all(moves, &known, &["cloud"]);
    let mut place = |saved: &Saved| settled.remove(saved.name.run_id()).unwrap();
    assert_eq!(place(&lost).unwrap_err().kind(), StoreErrorKind::NotFound);
    assert_eq!(place(&refused).unwrap(), Place::Parked);
    let others = [&march, &april, &late, &earlier];
    assert!(
        others
            .map(|saved| place(saved).unwrap())
            .iter()
            .all(|place| *place == Place::Synced)
    );
    let mut in_march = [&march, &late, &earlier].map(|saved| saved.name.to_string());
    in_march.sort();
    assert_eq!(names(&store.root().join("synced/2026-03")), in_march);
    assert_eq!(names(&store.root().join("synced/2026-04")), [april.name.as_str()]);
}

#[test]
fn one_that_cannot_move_holds_up_none_of_those_that_move_with_it() {
    let (_folder, store) = testkit::store();
    let saved: Vec<Saved> = (0..4).map(|number| save(&store, &format!("UNIT-{number}"))).collect();
    let month = store.root().join("synced/2026-03");
    std::fs::create_dir(&month).unwrap();
    let [first, there, another, last] = [0, 1, 2, 3].map(|at| &saved[at]);
    plant(&month.join(there.name.as_str()), &std::fs::read(&there.path).unwrap());
    plant(&month.join(another.name.as_str()), b"other");
    let batch: Vec<_> = saved
        .iter()
        .map(|saved| (saved.name.run_id().to_owned(), receipt("cloud", confirmed())))
        .collect();
    let known = store.receipts().append_all(&batch).unwrap();
    let moves = saved.iter().map(|saved| (saved.name.clone(), now())).collect();
    let mut settled = store.settle_all(moves, &known, &["cloud"]);
    let conflict = settled.remove(another.name.run_id()).unwrap().unwrap_err();
    assert_eq!(conflict.kind(), StoreErrorKind::Conflict);
    for moved in [first, there, last] {
        assert_eq!(settled.remove(moved.name.run_id()).unwrap().unwrap(), Place::Synced);
    }
    assert!(names(&store.root().join("pending")).is_empty());
    let mut all: Vec<String> = saved.iter().map(|saved| saved.name.to_string()).collect();
    all.sort();
    assert_eq!(names(&month), all);
    assert_eq!(std::fs::read(month.join(another.name.as_str())).unwrap(), b"other");
    assert_eq!(store.quarantined().unwrap(), [another.name.as_str()]);
}

#[test]
fn one_syncer_drains_at_a_time() {
    let (_folder, store) = testkit::store();
    let held = store.lock_syncer().unwrap();
    assert_eq!(store.lock_syncer().unwrap_err().kind(), StoreErrorKind::Locked);
    // runs are not held up by it
    save(&store, "UNIT-5501");
    drop(held);
    drop(store.lock_syncer().unwrap());
}
