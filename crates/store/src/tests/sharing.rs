//! A store for a group.

use crate::{
    Place, Store,
    testkit::{self, names, now, save},
};
use std::{
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Every file and folder below, with its mode.
fn check_modes(folder: &Path, group: u32, folders: u32, files: u32) {
    assert_eq!(mode(folder), folders, "{}", folder.display());
    for name in names(folder) {
        let path = folder.join(name);
        assert_eq!(std::fs::metadata(&path).unwrap().gid(), group, "{}", path.display());
        if path.is_dir() {
            check_modes(&path, group, folders, files);
        } else {
            assert_eq!(mode(&path), files, "{}", path.display());
        }
    }
}

/// A group that this process may give files to, other than its own where there is one.
fn group_of(folder: &Path) -> u32 {
    drop(std::os::unix::fs::chown(folder, None, Some(4711)));
    std::fs::metadata(folder).unwrap().gid()
}

#[test]
fn a_shared_store_is_for_the_group_of_its_folder_and_for_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    std::fs::create_dir(&root).unwrap();
    let group = group_of(&root);
    let store = Store::open_shared(&root).unwrap();
    let saved = save(&store, "UNIT-5501");
    let other = save(&store, "UNIT-5502");
    store.move_to_synced(&saved.name, now()).unwrap();
    store.park(&other.name).unwrap();
    store
        .attach(&mut b"a photograph".as_slice(), "unit.jpg", 1 << 20)
        .unwrap();
    let ticket = store.begin(now()).unwrap();
    let _journal = store.journal(&ticket).unwrap();
    check_modes(&root, group, 0o2770, 0o660);
    // whoever opens it later keeps to it, asked or not
    let again = Store::open(&root).unwrap();
    save(&again, "UNIT-5503");
    check_modes(&root, group, 0o2770, 0o660);
}

#[test]
fn a_store_that_was_private_is_given_to_the_group_whole() {
    let (_folder, store) = testkit::store();
    let saved = save(&store, "UNIT-5501");
    let synced = save(&store, "UNIT-5502");
    store.move_to_synced(&synced.name, now()).unwrap();
    let group = group_of(store.root());
    let outside = store.root().with_file_name("outside");
    testkit::plant(&outside, b"mine");
    let before = mode(&outside);
    std::os::unix::fs::symlink(&outside, store.root().join("pending/link")).unwrap();
    check_private(&saved.path);
    let shared = Store::open_shared(store.root()).unwrap();
    assert_eq!(mode(&saved.path), 0o660);
    assert_eq!(mode(store.root()), 0o2770);
    let gid = |path: &Path| std::fs::metadata(path).unwrap().gid();
    let (synced_folder, sequence) = (shared.root().join("synced"), shared.root().join("sequence"));
    assert_eq!(
        [
            saved.path.as_path(),
            saved.path.parent().unwrap(),
            synced_folder.as_path(),
            sequence.as_path(),
        ]
        .map(gid),
        [group; 4]
    );
    assert_eq!(mode(&outside), before, "a link is not followed");
    assert_eq!(
        shared.read(Place::Synced, &synced.name).unwrap().record.packed(),
        *synced.record
    );
    let new = save(&shared, "UNIT-5503");
    assert_eq!(mode(&new.path), 0o660);
    assert_eq!(std::fs::metadata(shared.root()).unwrap().gid(), group);
}

fn check_private(path: &Path) {
    assert_eq!(mode(path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
}
