//! A store that cannot be written to, looked at.

use crate::{
    Outlook, Place, Receipt, ReceiptKind, Store, StoreErrorKind,
    disk::{Dir, eye::Eye},
    testkit::{
        self, findings, names, now, save,
        watch::{Step, Watch},
    },
};
use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::SystemTime};

/// Everything below a folder: names, bytes, times of change.
fn all_of(folder: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let changed = fs::metadata(&path).unwrap().modified().unwrap();
        let bytes = match path.is_dir() {
            true => {
                found.extend(all_of(&path));
                Vec::new()
            }
            false => fs::read(&path).unwrap(),
        };
        found.insert(path.display().to_string(), (bytes, changed));
    }
    found
}

/// What there is to see of what is sealed.
#[derive(Debug, PartialEq)]
struct Seen {
    listed: Vec<crate::Listing>,
    folders: Vec<(String, Vec<String>)>,
    verified: crate::Verified,
    findings: Vec<crate::Finding>,
    outlook: Outlook,
    quarantined: Vec<String>,
    receipts: Vec<crate::RunReceipts>,
}

fn seen(store: &Store) -> Seen {
    let each = [Place::Pending, Place::Synced, Place::Parked, Place::Kept];
    let listed: Vec<_> = each.map(|place| store.list(place, 100).unwrap()).into();
    let of = |name: &crate::RecordName| store.receipts().read(name.run_id()).unwrap();
    let receipts = listed.iter().flat_map(|listing| &listing.names).map(of).collect();
    let folders = store.record_folders().unwrap().into_iter().map(|folder| {
        let mut names = Vec::new();
        folder.each_name(|name| names.push(name.to_owned())).unwrap();
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        (folder.name().to_owned(), names)
    });
    Seen {
        folders: folders.collect(),
        verified: store.verify(None, &mut |_| {}).unwrap(),
        findings: findings(store),
        outlook: store.outlook(),
        quarantined: store.quarantined().unwrap(),
        receipts,
        listed,
    }
}

fn receipt(kind: ReceiptKind) -> Receipt {
    Receipt {
        at: now(),
        target: "line-4".to_owned(),
        kind,
    }
}

/// A store in which something lies everywhere.
fn lived_in() -> (tempfile::TempDir, Store) {
    let (folder, store) = testkit::store();
    let saved: Vec<_> = (0..6).map(|n| save(&store, &format!("UNIT-{n}"))).collect();
    let confirmed = receipt(ReceiptKind::Confirmed {
        remote_id: "a".to_owned(),
    });
    store.receipts().append(saved[0].name.run_id(), &confirmed).unwrap();
    store.move_to_synced(&saved[0].name, now()).unwrap();
    let parked = receipt(ReceiptKind::Parked {
        reason: "no such procedure".to_owned(),
    });
    store.receipts().append(saved[1].name.run_id(), &parked).unwrap();
    store.park(&saved[1].name).unwrap();
    store.keep(&saved[2].name).unwrap();
    testkit::plant(&saved[3].path, b"not what was sealed");
    drop(store.load(&saved[3].name).unwrap());
    store.set_outlook(&Outlook::default()).unwrap();
    (folder, store)
}

#[test]
fn a_store_that_is_looked_at_says_the_same_and_nothing_in_it_is_altered() {
    let (_folder, store) = lived_in();
    let expected = seen(&store);
    assert_eq!(expected.folders.len(), 4);
    assert_eq!(expected.quarantined.len(), 1);
    let before = all_of(store.root());
    let watch = Arc::new(Watch::default());
    let root = Dir::open_before(store.root(), Eye::of(&watch)).unwrap();
    let looked = Store::look_before(root).unwrap();
    assert!(looked.is_only_looked_at() && !store.is_only_looked_at());
    assert_eq!(seen(&looked), expected);
    assert_eq!(looked.unsealed().unwrap(), 0);
    let opened = |step: &Step| matches!(step, Step::Open(..));
    assert!(watch.steps().iter().all(opened), "{:?}", watch.steps());
    assert_eq!(all_of(store.root()), before);
    // nor does it take a lock that somebody waits for
    drop(store.lock_syncer().unwrap());
    drop(store.derived("x").unwrap());
    let theirs = looked.derived("x").unwrap();
    assert!(!theirs.try_lock().unwrap());
    assert!(store.derived("x").unwrap().try_lock().unwrap());
    assert_eq!(looked.derived("y").unwrap_err().kind(), StoreErrorKind::NotFound);
}

#[test]
fn a_store_without_its_head_is_followed_as_far_as_its_records_go() {
    let (_folder, store) = lived_in();
    let expected = seen(&store);
    let journal = store.root().join("journal");
    for name in names(&journal) {
        fs::remove_file(journal.join(name)).unwrap();
    }
    let looked = Store::open_to_look(store.root()).unwrap();
    assert_eq!(seen(&looked), expected);
    assert_eq!(names(&journal), [""; 0], "it is not noted");
}

#[test]
fn a_part_of_a_store_is_looked_at_and_what_is_none_is_no_store() {
    let (folder, store) = lived_in();
    let part = folder.path().join("part");
    fs::create_dir(&part).unwrap();
    let none = Store::open_to_look(&part).unwrap_err();
    assert_eq!(none.kind(), StoreErrorKind::NotFound);
    assert!(none.to_string().contains("it holds no store"), "{none}");
    assert_eq!(names(&part), [""; 0]);
    testkit::copy_folder(&store.root().join("synced"), &part.join("synced"));
    let looked = Store::open_to_look(&part).unwrap();
    let seen = seen(&looked);
    let counts: Vec<u64> = seen.listed.iter().map(|listing| listing.count).collect();
    assert_eq!(counts, [0, 1, 0, 0]);
    assert_eq!((seen.folders.len(), seen.verified.records), (1, 1));
    assert_eq!(
        (looked.unsealed().unwrap(), looked.pruned_runs().unwrap()),
        (0, Vec::new())
    );
    assert_eq!(names(&part), ["synced"]);
}

#[test]
fn what_would_alter_a_store_that_is_looked_at_is_refused() {
    let (_folder, store) = lived_in();
    let pending = store.pending(1).unwrap().names.remove(0);
    let before = all_of(store.root());
    let looked = Store::open_to_look(store.root()).unwrap();
    let errors = [
        looked.begin(now()).unwrap_err(),
        looked.recover().unwrap_err(),
        looked.lock_syncer().unwrap_err(),
        looked.lock_units().unwrap_err(),
        looked.park(&pending).unwrap_err(),
        looked.move_to_synced(&pending, now()).unwrap_err(),
        looked.quarantine(pending.as_str(), "nobody wants it").unwrap_err(),
        looked.set_outlook(&Outlook::default()).unwrap_err(),
        looked.prune(&[], now(), now(), false).unwrap_err(),
        looked
            .receipts()
            .append(pending.run_id(), &receipt(ReceiptKind::Attempt))
            .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
    }
    looked.forget_news(u64::MAX);
    assert_eq!(all_of(store.root()), before);
}

#[test]
fn what_a_crash_left_half_done_stays_so_and_the_chain_ends_before_it() {
    let mut unsealed = Vec::new();
    for at in 0..200 {
        let Some((_folder, store)) = testkit::died_sealing(at) else {
            break;
        };
        let before = all_of(store.root());
        let looked = Store::open_to_look(store.root()).unwrap();
        let sealed = looked.pending(9).unwrap().count;
        let verified = looked.verify(None, &mut |finding| panic!("{at}: {finding}")).unwrap();
        assert_eq!((verified.records, verified.head), (sealed, sealed), "{at}");
        let missing = 2 - usize::try_from(sealed).unwrap();
        assert_eq!(looked.unsealed().unwrap(), missing, "{at}");
        unsealed.push(missing);
        assert_eq!(all_of(store.root()), before, "{at}");
        // nothing is lost by looking
        assert!(store.recover().unwrap().failed.is_empty(), "{at}");
        let recovered = Store::open_to_look(store.root()).unwrap();
        assert_eq!(recovered.pending(9).unwrap().count, 2, "{at}");
        assert_eq!(recovered.unsealed().unwrap(), 0, "{at}");
    }
    assert!(unsealed.contains(&0) && unsealed.contains(&1), "{unsealed:?}");
}
