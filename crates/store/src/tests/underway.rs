//! Uploads that were begun when their drain died.

use crate::{
    Begun, Receipt, ReceiptKind, Standing, Store, StoreErrorKind,
    testkit::{
        self, now, plant,
        watch::{Fault, Step},
    },
};
use rustix::io::Errno;

fn run_id(number: u32) -> String {
    format!("0195f000-0000-7000-8000-{number:012}")
}

fn begun(number: u32, receipts: u32) -> Begun {
    Begun {
        run_id: run_id(number),
        target: "cloud".into(),
        at: now(),
        receipts,
    }
}

fn attempts(store: &Store, number: u32) -> u32 {
    store.receipts().read(&run_id(number)).unwrap().target("cloud").attempts
}

fn confirm(store: &Store, number: u32) {
    let receipt = Receipt {
        at: now(),
        target: "cloud".into(),
        kind: ReceiptKind::Confirmed { remote_id: "x".into() },
    };
    store.receipts().append(&run_id(number), &receipt).unwrap();
}

#[test]
fn what_a_drain_that_died_had_begun_is_in_the_receipts() {
    let (_folder, store) = testkit::store();
    let syncer = store.lock_syncer().unwrap();
    let mut list = store.underway().unwrap();
    list.begin(&[begun(1, 0), begun(2, 0)]).unwrap();
    confirm(&store, 1);
    list.begin(&[begun(3, 0)]).unwrap();
    drop((list, syncer));
    for _ in 0..2 {
        drop(store.lock_syncer().unwrap());
        assert_eq!([1, 2, 3].map(|number| attempts(&store, number)), [0, 1, 1]);
    }
    let state = store.receipts().read(&run_id(2)).unwrap().target("cloud");
    assert!(matches!(state.standing, Standing::Uncertain { .. }));
    assert_eq!((state.last_attempt, state.receipts), (Some(now()), 1));
    // once more, by a drain that ends well
    let _syncer = store.lock_syncer().unwrap();
    let mut list = store.underway().unwrap();
    list.begin(&[begun(2, 1)]).unwrap();
    confirm(&store, 2);
    list.end();
    assert!(!store.root().join("underway.jsonl").exists());
}

#[test]
fn a_torn_list_is_believed_up_to_there_and_a_damaged_one_is_not() {
    let (_folder, store) = testkit::store();
    let path = store.root().join("underway.jsonl");
    let mut list = store.underway().unwrap();
    list.begin(&[begun(1, 0)]).unwrap();
    let first = std::fs::read(&path).unwrap();
    list.begin(&[begun(2, 0)]).unwrap();
    let both = std::fs::read(&path).unwrap();
    for cut in first.len()..both.len() {
        plant(&path, &both[..cut]);
        drop(store.lock_syncer().unwrap());
        assert_eq!([1, 2].map(|number| attempts(&store, number)), [1, 0], "cut at {cut}");
        assert!(!path.exists());
    }
    for bit in 0..8 {
        let mut damaged = both.clone();
        damaged[first.len() / 2] ^= 1 << bit;
        plant(&path, &damaged);
        let error = store.lock_syncer().unwrap_err();
        assert!(
            matches!(error.kind(), StoreErrorKind::Damaged | StoreErrorKind::Newer),
            "{error}"
        );
        assert!(error.to_string().contains("underway.jsonl"), "{error}");
    }
}

#[test]
fn a_list_with_any_call_broken_names_what_it_let_begin() {
    let mut broken = 0;
    for errno in [Errno::IO, Errno::NOSPC] {
        for at in 0..200 {
            let (_folder, store, watch) = testkit::watched_store();
            watch.break_at(at, Fault::Error(errno), false);
            let begins = |store: &Store| {
                let _syncer = store.lock_syncer()?;
                let mut list = store.underway()?;
                list.begin(&[begun(1, 0), begun(2, 0)])
            };
            let may_begin = begins(&store).is_ok();
            if watch.mend().is_none() {
                assert!(may_begin);
                break;
            }
            broken += 1;
            drop(store.lock_syncer().unwrap());
            let known = [1, 2].map(|number| attempts(&store, number));
            assert!(!may_begin || known == [1, 1], "{at}: {known:?}");
        }
    }
    assert!(broken > 10, "{broken}");
}

#[test]
fn an_end_that_is_known_is_durable_anew_before_the_list_goes() {
    let (_folder, store, watch) = testkit::watched_store();
    let syncer = store.lock_syncer().unwrap();
    let mut list = store.underway().unwrap();
    list.begin(&[begun(1, 0)]).unwrap();
    confirm(&store, 1);
    drop((list, syncer));
    let before = watch.steps().len();
    drop(store.lock_syncer().unwrap());
    let steps = watch.steps().split_off(before);
    let receipts = store.root().join("receipts");
    let file = receipts.join(format!("{}.jsonl", run_id(1)));
    let at = |found: &dyn Fn(&Step) -> bool| steps.iter().position(found).unwrap();
    let synced = at(&|step| {
        let Step::SyncFile(synced) = step else { return false };
        let is_its =
            |made: &Step| matches!(made, Step::Create(path, id) if id == synced && path.starts_with(&receipts));
        steps.iter().any(is_its)
    });
    let replaced = at(&|step| matches!(step, Step::Rename(_, to) if *to == file));
    let folder = at(&|step| matches!(step, Step::SyncDir(folder) if *folder == receipts));
    let removed = at(&|step| matches!(step, Step::Remove(path) if path.ends_with("underway.jsonl")));
    assert!(synced < replaced && replaced < folder && folder < removed, "{steps:?}");
    let state = store.receipts().read(&run_id(1)).unwrap().target("cloud");
    assert!(matches!(state.standing, Standing::Confirmed { .. }) && state.receipts == 1);
}

#[test]
fn a_settling_with_any_call_broken_loses_no_end_and_begins_anew() {
    let mut broken = 0;
    for errno in [Errno::IO, Errno::NOSPC] {
        for at in (0..200).step_by(3) {
            let (_folder, store, watch) = testkit::watched_store();
            let syncer = store.lock_syncer().unwrap();
            let mut list = store.underway().unwrap();
            let all: Vec<Begun> = (1..=18).map(|number| begun(number, 0)).collect();
            list.begin(&all).unwrap();
            (1..=3).for_each(|number| confirm(&store, number));
            drop((list, syncer));
            watch.break_at(at, Fault::Error(errno), false);
            let settled = store.lock_syncer().map(drop);
            let struck = watch.mend();
            assert!(settled.is_ok() || struck.is_some(), "{settled:?}");
            assert_eq!(watch.retried(), Vec::<std::path::PathBuf>::new(), "{at}");
            drop(store.lock_syncer().unwrap());
            assert!(!store.root().join("underway.jsonl").exists());
            for number in 1..=18 {
                let state = store.receipts().read(&run_id(number)).unwrap().target("cloud");
                let is_confirmed = matches!(state.standing, Standing::Confirmed { .. });
                assert_eq!(
                    (is_confirmed, state.attempts > 0),
                    (number <= 3, number > 3),
                    "{at}: {state:?}"
                );
            }
            let left = testkit::names(&store.root().join("receipts"));
            assert!(left.iter().all(|name| !name.starts_with('.')), "{at}: {left:?}");
            if struck.is_none() {
                break;
            }
            broken += 1;
        }
    }
    assert!(broken > 10, "{broken}");
}
