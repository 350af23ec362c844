//! Making room.

use crate::{
    Finding, Pruned, Receipt, ReceiptKind, Saved, StationKey, Store, StoreErrorKind,
    chain::{Checkpoint, append},
    testkit::{self, findings, names, now, save, watch::Fault},
};
use chrono::{DateTime, TimeDelta, Utc};
use rustix::io::Errno;

fn receipt(store: &Store, saved: &Saved, target: &str, at: DateTime<Utc>, kind: ReceiptKind) {
    let receipt = Receipt {
        at,
        target: target.to_owned(),
        kind,
    };
    store.receipts().append(saved.name.run_id(), &receipt).unwrap();
}

fn confirmed() -> ReceiptKind {
    ReceiptKind::Confirmed {
        remote_id: "r".to_owned(),
    }
}

fn synced(store: &Store, serial: &str, at: DateTime<Utc>) -> Saved {
    let saved = save(store, serial);
    receipt(store, &saved, "cloud", at, confirmed());
    store.settle(&saved.name, &["cloud"], now()).unwrap();
    saved
}

fn day(days: i64) -> DateTime<Utc> {
    now() + TimeDelta::days(days)
}

#[test]
fn only_what_was_confirmed_before_the_day_goes() {
    let (_folder, store) = testkit::store();
    let old = synced(&store, "UNIT-OLD", day(-40));
    synced(&store, "UNIT-NEW", day(-1));
    save(&store, "UNIT-PENDING");
    let parked = save(&store, "UNIT-PARKED");
    store.park(&parked.name).unwrap();
    // in synced/, but somebody put them there
    let moved = save(&store, "UNIT-MOVED");
    store.move_to_synced(&moved.name, now()).unwrap();
    let half = synced(&store, "UNIT-HALF", day(-40));
    receipt(&store, &half, "usb", day(-40), ReceiptKind::Attempt);
    let future = synced(&store, "UNIT-FUTURE", day(3));
    let broken = synced(&store, "UNIT-BROKEN", day(-40));
    let path = store.root().join("synced/2026-03").join(broken.name.as_str());
    testkit::plant(&path, b"{}");
    let dry = store.prune(&[], day(-30), now(), true).unwrap();
    assert!(store.root().join("synced/2026-03").join(old.name.as_str()).exists());
    // a target that was added since lacks them all
    let added = store.prune(&["cloud", "added"], day(-30), now(), true).unwrap();
    assert_eq!((added.removed, added.younger), (0, 0), "{added:?}");
    let pruned = store.prune(&[], day(-30), now(), false).unwrap();
    assert_eq!(dry, pruned);
    assert_eq!(
        (pruned.removed, pruned.younger, pruned.kept.len()),
        (1, 1, 4),
        "{pruned:?}"
    );
    let why = |saved: &Saved| {
        let kept = pruned.kept.iter().find(|(name, _)| name == saved.name.as_str());
        kept.unwrap().1.clone()
    };
    assert!(why(&moved).contains("no receipt confirms it"));
    assert!(why(&half).contains("usb has not confirmed it"));
    assert!(why(&future).contains("in the future"));
    assert!(why(&broken).contains("integrity member"));
    let left = names(&store.root().join("synced/2026-03"));
    assert_eq!(left.len(), 5, "{left:?}");
    assert!(!left.contains(&old.name.to_string()));
    // where it is now is still known
    let standing = store
        .receipts()
        .read(old.name.run_id())
        .unwrap()
        .target("cloud")
        .standing;
    assert!(matches!(standing, crate::Standing::Confirmed { .. }));
}

#[test]
fn the_units_of_pruned_records_are_remembered() {
    let (_folder, store) = testkit::store();
    let old = synced(&store, "UNIT-OLD", day(-40));
    let young = synced(&store, "UNIT-NEW", day(-10));
    store.prune(&[], day(-30), now(), true).unwrap();
    assert_eq!(store.pruned_runs().unwrap(), [], "nothing went");
    store.prune(&[], day(-30), now(), false).unwrap();
    store.prune(&[], day(-5), now(), false).unwrap();
    let remembered = store.pruned_runs().unwrap();
    assert_eq!(remembered.len(), 2);
    for (run, saved) in remembered.iter().zip([&old, &young]) {
        let record = &saved.record;
        assert_eq!((&run.run_id, run.sequence), (&record.run_id, record.sequence));
        assert_eq!(run.serial_number, record.unit_under_test.serial_number);
        assert_eq!(
            (&run.procedure_id, &run.station),
            (&record.procedure_id, &record.station.id)
        );
        assert_eq!((run.outcome, run.purpose), (record.outcome, record.purpose));
        assert_eq!((run.simulated, run.started_at), (record.simulated, record.started_at));
    }
}

#[test]
fn the_chain_holds_over_what_was_pruned() {
    let (_folder, store) = testkit::store_in_memory();
    for turn in 0..20 {
        let at = if turn % 7 == 3 { day(-1) } else { day(-40) };
        synced(&store, &format!("UNIT-{turn}"), at);
    }
    let pruned = store.prune(&[], day(-30), now(), false).unwrap();
    assert_eq!((pruned.removed, pruned.younger), (17, 3));
    let mut found = Vec::new();
    let verified = store.verify(None, &mut |finding| found.push(finding.clone())).unwrap();
    assert_eq!(found, []);
    assert_eq!((verified.records, verified.pruned, verified.head), (3, 17, 20));
    // even the head went; what is sealed now follows it, with and without its file
    synced(&store, "UNIT-21", day(-40));
    for entry in std::fs::read_dir(store.root().join("journal")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    store.prune(&[], day(-30), now(), false).unwrap();
    let last = save(&store, "UNIT-22");
    assert_eq!(last.record.chain.unwrap().position, 22);
    assert_eq!(findings(&store), []);
    // a record that goes without a checkpoint is missed all the same
    std::fs::remove_file(&last.path).unwrap();
    assert_eq!(findings(&store), [Finding::Missing { from: 22, to: 22 }]);
    // and a checkpoint that does not fit what stands before it
    let text = std::fs::read(store.root().join("checkpoints.jsonl")).unwrap();
    assert!(crate::line::read(&text).json.len() > 3);
}

#[test]
fn numbers_go_on_where_everything_was_pruned_and_the_count_is_lost() {
    let (_folder, store) = testkit::store();
    for turn in 0..3 {
        synced(&store, &format!("UNIT-{turn}"), day(-40));
    }
    store.prune(&[], day(-30), now(), false).unwrap();
    let lose = |name: &str| std::fs::remove_file(store.root().join(name)).unwrap();
    lose("sequence");
    assert_eq!(store.begin(now()).unwrap().sequence, 4, "the head of the chain knows");
    lose("sequence");
    for head in names(&store.root().join("journal")) {
        lose(&format!("journal/{head}"));
    }
    assert_eq!(store.begin(now()).unwrap().sequence, 4, "and its checkpoints");
}

#[test]
fn who_has_not_the_key_cannot_call_a_removed_record_pruned() {
    let (_folder, store) = testkit::store();
    let key = || StationKey::of_seed([1; 32]);
    let public = key().public();
    let store = store.with_key(key());
    let found = |store: &Store| {
        let mut found = Vec::new();
        let tell = &mut |finding: &Finding| found.push(finding.to_string());
        store.verify(Some(&public), tell).unwrap();
        found
    };
    synced(&store, "UNIT-1", day(-40));
    let removed = synced(&store, "UNIT-2", day(-1));
    save(&store, "UNIT-3");
    store.prune(&[], day(-30), now(), false).unwrap();
    assert_eq!(found(&store), [""; 0]);
    let path = store.root().join("synced/2026-03").join(removed.name.as_str());
    let chain = removed.record.chain.clone().unwrap();
    let digest = crate::integrity::inspect(&std::fs::read(&path).unwrap())
        .unwrap()
        .digest;
    let forged = Checkpoint {
        from: chain.position,
        to: chain.position,
        previous: chain.previous,
        digest,
        last: removed.name.to_string(),
        pruned_at: now(),
        signature: None,
    };
    std::fs::remove_file(&path).unwrap();
    append(store.layout(), std::slice::from_ref(&forged)).unwrap();
    assert_eq!(found(&store), ["signature: the checkpoint of 2 to 2: it is not signed"]);
    append(store.layout(), &[forged.signed(&StationKey::of_seed([2; 32]))]).unwrap();
    let found = found(&store);
    assert!(found.iter().any(|found| found.contains("another key")), "{found:?}");
}

#[test]
fn a_signed_record_stays_where_its_checkpoint_could_not_be_signed() {
    let (_folder, keyless) = testkit::store();
    let key = StationKey::of_seed([1; 32]);
    let public = key.public();
    let store = keyless.clone().with_key(key);
    synced(&store, "UNIT-1", day(-40));
    save(&store, "UNIT-2");
    let pruned = keyless.prune(&[], day(-30), now(), false).unwrap();
    assert_eq!((pruned.removed, pruned.kept.len()), (0, 1), "{pruned:?}");
    assert!(pruned.kept[0].1.contains("name the station file"), "{pruned:?}");
    let found = |store: &Store| {
        let mut found = Vec::new();
        let tell = &mut |finding: &Finding| found.push(finding.to_string());
        store.verify(Some(&public), tell).unwrap();
        found
    };
    assert_eq!(found(&keyless), [""; 0]);
    assert_eq!(store.prune(&[], day(-30), now(), false).unwrap().removed, 1);
    assert_eq!(found(&keyless), [""; 0]);
}

#[test]
fn damaged_checkpoints_are_not_guessed() {
    let (_folder, store) = testkit::store();
    synced(&store, "UNIT-1", day(-40));
    store.prune(&[], day(-30), now(), false).unwrap();
    let path = store.root().join("checkpoints.jsonl");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() - 20;
    bytes[middle] ^= 1;
    testkit::plant(&path, &bytes);
    let error = store.verify(None, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Damaged);
    synced(&store, "UNIT-2", day(-40));
    assert_eq!(
        store.prune(&[], day(-30), now(), false).unwrap_err().kind(),
        StoreErrorKind::Damaged
    );
    assert_eq!(names(&store.root().join("synced/2026-03")).len(), 1, "and nothing went");
}

#[test]
fn nothing_is_pruned_while_a_sync_drains() {
    let (_folder, store) = testkit::store();
    let _syncer = store.lock_syncer().unwrap();
    assert_eq!(
        store.prune(&[], day(0), now(), false).unwrap_err().kind(),
        StoreErrorKind::Locked
    );
}

#[test]
fn a_prune_with_any_call_broken_loses_nothing_unconfirmed() {
    let mut broken = 0;
    for errno in [Errno::IO, Errno::NOSPC, Errno::ROFS] {
        for at in 0..500 {
            let (_folder, store, watch) = testkit::watched_store();
            for turn in 0..4 {
                synced(&store, &format!("UNIT-{turn}"), day(-40));
            }
            let pending = save(&store, "UNIT-PENDING");
            watch.break_at(at, Fault::Error(errno), true);
            let pruned = store.prune(&[], day(-30), now(), false);
            if watch.mend().is_none() {
                assert!(matches!(pruned, Ok(Pruned { removed: 4, .. })));
                break;
            }
            broken += 1;
            assert_eq!(findings(&store), [], "{errno} at {at}: {pruned:?}");
            store.prune(&[], day(-30), now(), false).unwrap();
            assert_eq!(findings(&store), [], "{errno} at {at}");
            assert!(pending.path.exists());
            assert!(names(&store.root().join("synced/2026-03")).is_empty());
        }
    }
    assert!(broken > 30, "{broken}");
}
