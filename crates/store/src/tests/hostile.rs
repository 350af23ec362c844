//! Serial numbers, disks and neighbours that mean no good.

use crate::{
    Place, Store, StoreErrorKind,
    testkit::{self, names, now, passing, record_all, save},
};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn check_serial(serial: &str) {
    let (folder, store) = testkit::store();
    let saved = save(&store, serial);
    assert_eq!(
        names(&store.root().join("pending")),
        [saved.name.as_str()],
        "{serial:?}"
    );
    assert_eq!(saved.record.unit_under_test.serial_number, serial);
    let sealed = store.read(Place::Pending, &saved.name).unwrap();
    assert_eq!(sealed.record.unit_under_test.serial_number, serial);
    // nothing beside the store, and nothing above it
    assert_eq!(names(folder.path()), ["a"], "{serial:?}");
    assert_eq!(names(&folder.path().join("a/b")), ["store"], "{serial:?}");
}

#[test]
fn hostile_serial_numbers_stay_inside_pending() {
    let long = "9".repeat(10_000);
    for serial in [
        "../evil",
        "/etc/passwd",
        "..",
        ".",
        "",
        "CON",
        "nul.txt",
        "a\0b",
        "a\nb",
        "\u{1b}]52;c;AAAA\u{7}",
        "\u{202e}gnp.exe",
        "=HYPERLINK(\"x\")",
        "-rf",
        "C:\\Windows\\x",
        "unit\u{301}",
        "UNIT\u{130}",
        long.as_str(),
    ] {
        check_serial(serial);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_serial_number_ends_in_exactly_one_file(serial in "\\PC{0,80}|[\\x00-\\x7f]{0,400}") {
        check_serial(&serial);
    }
}

#[test]
fn numbers_rise_and_survive_the_loss_of_their_file() {
    let (_folder, store) = testkit::store();
    let file = store.root().join("sequence");
    let sequence = || store.begin(now()).unwrap().sequence;
    assert_eq!((sequence(), sequence()), (1, 2));
    assert_eq!(save(&store, "UNIT-1").record.sequence, 3);
    let parked = save(&store, "UNIT-2");
    store.park(&parked.name).unwrap();
    let synced = save(&store, "UNIT-3");
    store.move_to_synced(&synced.name, now()).unwrap();
    assert_eq!(Store::open(store.root()).unwrap().begin(now()).unwrap().sequence, 6);
    testkit::plant(&store.root().join("synced/notes.txt"), b"mine");
    assert_eq!(store.list(Place::Synced, 9).unwrap().count, 1);
    for damage in [&b""[..], b"7\n", b"\0\0\0\0"] {
        testkit::plant(&file, damage);
        let next = sequence();
        assert!(next >= 6, "{damage:?}: {next}");
    }
    std::fs::remove_file(&file).unwrap();
    let ticket = store.begin(now()).unwrap();
    let _journal = store.journal(&ticket).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(sequence() > ticket.sequence, "a run in progress counts too");
    let (line, _) = crate::line::encode("", "{\"format\":\"benchtop.sequence/2\",\"last\":1}");
    testkit::plant(&file, line.as_bytes());
    assert_eq!(store.begin(now()).unwrap_err().kind(), StoreErrorKind::Newer);
}

#[test]
fn many_starts_at_once_get_different_numbers() {
    let (_folder, store) = testkit::store();
    let begin = || {
        (0..10)
            .map(|_| store.begin(now()).unwrap().sequence)
            .collect::<Vec<_>>()
    };
    let mut numbers: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(begin)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=80).collect::<Vec<u64>>());
}

#[test]
fn clocks_of_any_year_give_valid_run_ids() {
    let (_folder, store) = testkit::store();
    for seconds in [i64::from(i32::MIN) * 4, -1, 0, 4_102_444_800, 253_402_300_800] {
        let moment = chrono::DateTime::from_timestamp(seconds, 0).unwrap();
        let ticket = store.begin(moment).unwrap();
        assert!(crate::name::is_run_id(&ticket.run_id), "{ticket:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_folder_of_the_store_that_is_a_link_is_refused() {
    let (folder, store) = testkit::store();
    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::remove_dir(store.root().join("pending")).unwrap();
    std::os::unix::fs::symlink(&elsewhere, store.root().join("pending")).unwrap();
    Store::open(store.root()).unwrap_err();
    assert!(names(&elsewhere).is_empty());
}

#[test]
#[cfg(target_os = "linux")]
fn planted_journals_are_moved_away_and_not_followed() {
    let (folder, store) = testkit::store();
    let victim = folder.path().join("victim");
    testkit::plant(&victim, b"precious");
    let journals = store.root().join("journal");
    let id = |last: u32| journals.join(format!("0195f000-0000-7000-8000-{last:012}.jsonl"));
    std::fs::hard_link(&victim, id(1)).unwrap();
    testkit::make_pipe(&id(2));
    std::os::unix::fs::symlink(&victim, id(3)).unwrap();
    let recovery = store.recover().unwrap();
    assert_eq!(recovery.quarantined.len() + recovery.failed.len(), 3, "{recovery:?}");
    assert!(recovery.sealed.is_empty());
    assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
}

#[test]
#[cfg(unix)]
fn results_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, store) = testkit::store();
    let saved = save(&store, "UNIT-5501");
    let ticket = store.begin(now()).unwrap();
    let _journal = store.journal(&ticket).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&saved.path), 0o600);
    let mut folders = vec![store.root().to_owned()];
    while let Some(folder) = folders.pop() {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for name in names(&folder) {
            let path = folder.join(name);
            if path.is_dir() {
                folders.push(path);
            } else {
                assert_eq!(mode(&path), 0o600, "{}", path.display());
            }
        }
    }
}

/// A small file system of its own, where this machine lets us mount one (root, not in every container).
struct Mounted(
    PathBuf,
    #[expect(dead_code, reason = "removed when dropped, after the file system")] tempfile::TempDir,
);

impl Mounted {
    fn new(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        std::fs::create_dir(&path).unwrap();
        let mounted = mount(&["-t", "tmpfs", "-o", options, "tmpfs"], &path);
        if !mounted {
            println!("not run: this machine lets nobody mount a tmpfs here");
        }
        mounted.then(|| Self(path, folder))
    }

    fn remount(&self, options: &str) {
        assert!(mount(&["-o", options], &self.0));
    }
}

fn mount(arguments: &[&str], path: &Path) -> bool {
    let status = std::process::Command::new("mount")
        .args(arguments)
        .arg(path)
        .stderr(std::process::Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

impl Drop for Mounted {
    fn drop(&mut self) {
        drop(std::process::Command::new("umount").arg(&self.0).status());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_loud_and_costs_nothing_that_was_saved() {
    let Some(disk) = Mounted::new("size=256k") else { return };
    let refused = Store::open(&disk.0.join("store")).unwrap();
    assert_eq!(refused.begin(now()).unwrap_err().kind(), StoreErrorKind::Full);
    let store = refused.with_least_bytes(0);
    let ballast = disk.0.join("ballast");
    testkit::plant(&ballast, &[0; 4096 * 4]);
    let mut saved = Vec::new();
    let unsaved = loop {
        let Ok(ticket) = store.begin(now()) else { break None };
        let Ok(mut journal) = store.journal(&ticket) else {
            break None;
        };
        let events = passing(&ticket, "UNIT-5501");
        let recorded = events
            .iter()
            .all(|event| benchtop_run::Recorder::record(&mut journal, event).is_ok());
        match store.seal(&journal) {
            Ok(sealed) => saved.push(sealed),
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Full, "{error}");
                assert!(error.to_string().contains("free space"), "{error}");
                break Some((journal, recorded));
            }
        }
    };
    assert!(saved.len() > 5, "{}", saved.len());
    for sealed in &saved {
        assert_eq!(
            store.read(Place::Pending, &sealed.name).unwrap().record.packed(),
            *sealed.record
        );
    }
    let temporaries = names(&store.root().join("pending"))
        .iter()
        .filter(|name| name.starts_with('.'))
        .count();
    assert_eq!(temporaries, 0);
    // with space again the run that could not be saved is saved, from memory
    std::fs::remove_file(&ballast).unwrap();
    if let Some((journal, _)) = unsaved {
        let sealed = store.seal(&journal).unwrap();
        assert!(sealed.record.run_passed);
        saved.push(sealed);
    }
    assert_eq!(
        store.list(Place::Pending, 0).unwrap().count,
        u64::try_from(saved.len()).unwrap()
    );
}

#[test]
#[cfg(target_os = "linux")]
fn too_few_inodes_refuse_a_run_before_it_starts() {
    let Some(disk) = Mounted::new("size=8m,nr_inodes=24") else {
        return;
    };
    let store = Store::open(&disk.0.join("store")).unwrap();
    let error = store.begin(now()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full);
    assert!(error.to_string().contains("files"), "{error}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_read_only_disk_is_loud() {
    let Some(disk) = Mounted::new("size=8m") else { return };
    let root = disk.0.join("store");
    let store = Store::open(&root).unwrap();
    let ticket = store.begin(now()).unwrap();
    let mut journal = store.journal(&ticket).unwrap();
    record_all(&mut journal, &passing(&ticket, "UNIT-5501"));
    drop(journal);
    disk.remount("remount,ro");
    let errors = [
        Store::open(&root).unwrap_err(),
        store.begin(now()).unwrap_err(),
        Store::open(&disk.0.join("other")).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
        assert!(error.to_string().contains("remount"), "{error}");
    }
    disk.remount("remount,rw");
    assert_eq!(store.recover().unwrap().sealed.len(), 1);
}

#[test]
#[cfg(target_os = "linux")]
fn a_folder_without_permission_is_loud() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let closed = folder.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o500)).unwrap();
    match Store::open(&closed.join("store")) {
        Err(error) => assert_eq!(error.kind(), StoreErrorKind::Permission, "{error}"),
        Ok(_) => println!("not run: root may write everywhere"),
    }
}
