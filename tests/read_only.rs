//! A store that cannot be written to is looked at as it lies; what must write to it says so.

use crate::{
    durability::SmallDisk,
    outputs_off::under_power,
    store_options::as_user,
    testkit::{BOARD, Done, Served, benchtop, done, records, scratch, simulated, station_with_folder, write},
};
use nix::sys::signal::Signal;
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

/// Everything that only looks.
const LOOKS: [&[&str]; 13] = [
    &["runs", "list"],
    &["runs", "list", "--format", "json", "--limit", "2"],
    &["runs", "list", "--check", "--outcome", "fail", "--format", "csv"],
    &["runs", "show", "UNIT-5599"],
    &["runs", "show", "1", "--format", "json"],
    &["runs", "show", "UNIT-1"],
    &["runs", "stats", "--simulated", "--format", "csv"],
    &["runs", "diff", "1", "3"],
    &["runs", "export", "--format", "csv"],
    &["runs", "export", "--format", "junit", "--state", "synced"],
    &["runs", "verify"],
    &["sync", "status", "--format", "json"],
    &["sync", "health"],
];

/// One of them on a store.
fn look(words: &[&str], store: &Path) -> Command {
    let mut command = benchtop();
    command.args(words).arg("--store").arg(store);
    command
}

/// A store with records that wait, one that was uploaded and one that cannot be believed, in its folder.
fn lived_in(folder: &Path) -> PathBuf {
    let station = station_with_folder(folder, "line-4");
    let store = folder.join("store");
    for serial in ["UNIT-5501", "UNIT-5502"] {
        assert_eq!(done(&mut simulated(&store, serial)).code, Some(0));
        let synced = done(benchtop().arg("sync").arg("--station").arg(&station));
        assert_eq!(synced.code, Some(0), "{synced}");
    }
    for serial in ["UNIT-5599", "UNIT-5503"] {
        done(&mut simulated(&store, serial));
    }
    let waiting = records(&store, "pending");
    let altered = fs::read_to_string(&waiting[1])
        .unwrap()
        .replace("UNIT-5503", "UNIT-5504");
    write(&waiting[1], &altered);
    store
}

/// What people and programs see of it, wherever the store lies and whenever it is.
fn said(done: &Done, store: &Path) -> (Option<i32>, String, Vec<String>) {
    let at = store.display().to_string();
    let lines = done.err.replace(&at, "STORE");
    let others = lines.lines().filter(|line| !line.contains(" is read-only ("));
    let mut out = done.out.replace(&at, "STORE");
    if let Some((before, behind)) = out.split_once("the oldest for ") {
        let (_seconds, behind) = behind.split_once(" s").unwrap();
        out = format!("{before}the oldest{behind}");
    }
    (done.code, out, others.map(str::to_owned).collect())
}

/// Every look at the store says what the same look at one that can be written to says, and says once that this one cannot be.
fn looks_the_same(writable: &Path, store: &Path, unsealed: &str, run: &dyn Fn(&Command) -> Done) {
    for words in LOOKS {
        let expected = done(&mut look(words, writable));
        assert!(!expected.err.contains("is read-only"), "{words:?}: {expected}");
        let looked = run(&look(words, store));
        assert_eq!(said(&looked, store), said(&expected, writable), "{words:?}");
        let told: Vec<&str> = looked
            .err
            .lines()
            .filter(|line| line.contains(" is read-only ("))
            .collect();
        assert_eq!(told.len(), 1, "{words:?}: {looked}");
        assert!(
            told[0].contains(&format!("the store {} is", store.display())),
            "{words:?}: {looked}"
        );
        assert!(told[0].contains(unsealed), "{words:?}: {looked}");
    }
}

/// What writes says that it cannot, and how.
fn writing_is_refused(store: &Path, bundle: &Path, run: &dyn Fn(&Command) -> Done) {
    let mut commands = vec![simulated(store, "UNIT-5510")];
    let mut writing = |words: &[&str]| {
        let mut command = benchtop();
        command.args(words).arg("--store").arg(store);
        commands.push(command);
    };
    writing(&["sync", "--url", "http://127.0.0.1:9"]);
    writing(&["sync", "retry", "--all"]);
    writing(&["runs", "prune", "--synced-before", "2100-01-01"]);
    writing(&["bundle", "import", bundle.to_str().unwrap()]);
    for command in &commands {
        let refused = run(command);
        assert_eq!(refused.code, Some(3), "{command:?}: {refused}");
        let sentence = format!("the store {} cannot be written to: write to ", store.display());
        assert!(refused.err.contains(&sentence), "{command:?}: {refused}");
        assert!(!refused.err.contains(".probe"), "{command:?}: {refused}");
        assert!(!refused.out.contains("PASS"), "{command:?}: {refused}");
    }
    assert!(run(&commands[0]).err.contains("nothing was tested"));
}

/// A bundle of one run.
fn bundle(folder: &Path) -> PathBuf {
    let (store, bundle) = (folder.join("elsewhere"), folder.join("x.bundle"));
    done(&mut simulated(&store, "UNIT-5520"));
    let exported = done(
        benchtop()
            .args(["bundle", "export"])
            .arg(&bundle)
            .arg("--store")
            .arg(&store),
    );
    assert_eq!(exported.code, Some(0), "{exported}");
    bundle
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

fn as_it_is(command: &Command) -> Done {
    let mut same = benchtop();
    done(same.args(command.get_args()))
}

#[test]
fn a_store_on_a_disk_that_is_mounted_read_only_is_looked_at() {
    let folder = scratch();
    let writable = lived_in(folder.path());
    let Some(disk) = SmallDisk::mount(folder.path(), "size=16m") else {
        return;
    };
    let store = disk.path().join("store");
    copy(&writable, &store);
    // one with an index, and one without
    let bare = disk.path().join("bare");
    copy(&writable, &bare);
    fs::remove_dir_all(bare.join("index")).unwrap();
    done(&mut look(&["runs", "list"], &store));
    assert!(store.join("index/history.idx").is_file());
    fs::create_dir(disk.path().join("empty")).unwrap();
    disk.remount_read_only();
    looks_the_same(&writable, &store, "it holds no interrupted run", &as_it_is);
    looks_the_same(&writable, &bare, "it holds no interrupted run", &as_it_is);
    writing_is_refused(&store, &bundle(folder.path()), &as_it_is);
    for none in ["empty", "missing"] {
        let none = done(&mut look(&["runs", "list"], &disk.path().join(none)));
        assert!(matches!(none.code, Some(2 | 3)) && none.out.is_empty(), "{none}");
    }
}

#[test]
fn a_store_on_a_disk_that_takes_no_further_file_is_looked_at() {
    let folder = scratch();
    let Some(disk) = SmallDisk::mount(folder.path(), "size=16m,nr_inodes=200") else {
        return;
    };
    let store = disk.path().join("store");
    assert_eq!(done(&mut simulated(&store, "UNIT-5501")).code, Some(0));
    let free = (0..400).find(|number| fs::File::create(disk.path().join(format!("file-{number}"))).is_err());
    assert!(free.is_some(), "it takes any number");
    for words in [&["runs", "list"][..], &["runs", "verify"], &["sync", "status"]] {
        let looked = done(&mut look(words, &store));
        assert!(looked.code.is_some_and(|code| code < 2), "{words:?}: {looked}");
        let told = format!("the store {} lies on a full disk", store.display());
        assert!(looked.err.contains(&told), "{words:?}: {looked}");
    }
    let listed = done(&mut look(&["runs", "list"], &store));
    assert!(listed.out.contains("UNIT-5501"), "{listed}");
    let run = done(&mut simulated(&store, "UNIT-5502"));
    assert!(
        matches!(run.code, Some(2 | 3)) && run.err.contains("No space left"),
        "{run}"
    );
}

/// A folder seen once more at another place, where it cannot be written to; unmounted with the test.
struct Seen(PathBuf);

impl Seen {
    fn of(store: &Path, at: &Path) -> Option<Self> {
        let mount = |options: &str, what: Option<&Path>| {
            let mut command = Command::new("mount");
            command.args(["-o", options]).args(what).arg(at);
            let output = command.output();
            output.is_ok_and(|output| output.status.success())
        };
        fs::create_dir(at).unwrap();
        if !mount("bind", Some(store)) {
            println!("skipped: this machine does not let us mount a folder once more");
            return None;
        }
        let seen = Self(at.to_owned());
        assert!(mount("remount,bind,ro", None));
        Some(seen)
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(&self.0).status());
    }
}

#[test]
fn a_live_store_that_is_mounted_read_only_elsewhere_is_followed_and_its_interrupted_runs_are_counted() {
    let served = Served::bench("UNIT-5501");
    let (store, folder) = (served.store(), scratch());
    for serial in ["UNIT-5501", "UNIT-5599"] {
        done(&mut simulated(&store, serial));
    }
    let at = folder.path().join("seen");
    let Some(_seen) = Seen::of(&store, &at) else { return };
    let list = || done(&mut look(&["runs", "list", "--format", "csv"], &at));
    let numbers = |listed: &Done| -> Vec<String> {
        let first = |line: &str| line.split(',').next().map(str::to_owned);
        listed.out.lines().skip(1).filter_map(first).collect()
    };
    let before = list();
    assert_eq!(numbers(&before), ["1", "2"], "{before}");
    let mut running = under_power(&served);
    let during = list();
    assert!(
        during.err.contains("; 1 run that was interrupted, or is in progress,"),
        "{during}"
    );
    assert_eq!(numbers(&during), ["1", "2"], "{during}");
    running.signal(Signal::SIGKILL);
    running.wait();
    let killed = list();
    assert!(
        killed
            .err
            .contains("is not sealed and not shown; outputs may still be on"),
        "{killed}"
    );
    assert_eq!(numbers(&killed), ["1", "2"], "{killed}");
    let verified = done(&mut look(&["runs", "verify"], &at));
    assert_eq!(verified.code, Some(0), "{verified}");
    // saved by somebody who drives no instrument
    done(&mut look(&["runs", "list"], &store));
    let saved = list();
    assert!(
        saved.err.contains("was interrupted, and its outputs may still be on"),
        "{saved}"
    );
    // it is found as if nobody had looked
    let next = done(&mut served.run("UNIT-5502"));
    assert_eq!(next.code, Some(0), "{next}");
    let after = list();
    assert_eq!(numbers(&after), ["1", "2", "3", "4"], "{after}");
    assert!(after.out.contains(",ABORTED,UNIT-5501,"), "{after}");
    assert!(after.err.contains("it holds no interrupted run"), "{after}");
}

/// Takes the right to write from every folder and file.
fn take_writing(folder: &Path, user: u32) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            take_writing(&path, user);
        } else {
            drop(std::os::unix::fs::chown(&path, Some(user), Some(user)));
            fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        }
    }
    drop(std::os::unix::fs::chown(folder, Some(user), Some(user)));
    fs::set_permissions(folder, fs::Permissions::from_mode(0o500)).unwrap();
}

/// Gives it back to the folders, so that they can be removed.
fn give_writing(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            give_writing(&path);
        }
    }
}

#[test]
fn a_store_that_a_user_may_read_and_not_write_is_looked_at() {
    const USER: u32 = 4804;
    let folder = scratch();
    let writable = lived_in(folder.path());
    let store = folder.path().join("closed");
    copy(&writable, &store);
    let bundle = bundle(folder.path());
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&bundle, fs::Permissions::from_mode(0o644)).unwrap();
    // root may write everywhere: then another user looks
    let user = match fs::metadata(folder.path()).unwrap().uid() {
        0 => USER,
        own => own,
    };
    take_writing(&store, user);
    let run = |command: &Command| match user {
        USER => as_user("4804", "4804", command).unwrap(),
        _ => as_it_is(command),
    };
    let can_be_another = user != USER
        || as_user("4804", "4804", &benchtop()).is_some_and(|done| done.code.is_some_and(|code| code < 100));
    if can_be_another {
        looks_the_same(&writable, &store, "it holds no interrupted run", &run);
        writing_is_refused(&store, &bundle, &run);
        let told = run(&look(&["runs", "list"], &store));
        assert!(told.err.contains("/journal: Permission denied"), "{told}");
    } else {
        println!("skipped: this user may not be another one, or others may not run the binary");
    }
    give_writing(&store);
}

#[test]
fn a_lock_that_another_user_left_behind_keeps_nobody_from_looking() {
    const USER: u32 = 4804;
    let folder = scratch();
    let store = folder.path().join("store");
    assert_eq!(done(&mut simulated(&store, "UNIT-5501")).code, Some(0));
    let probe = || as_user("4804", "4804", &benchtop()).is_some_and(|done| done.code.is_some_and(|code| code < 100));
    if fs::metadata(folder.path()).unwrap().uid() != 0 || !probe() {
        println!("skipped: this user may not be another one, or others may not run the binary");
        return;
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let all = Command::new("chown")
        .args(["-R", "4804:4804"])
        .arg(&store)
        .status()
        .unwrap();
    assert!(all.success());
    let lock = store.join("lock.store");
    std::os::unix::fs::chown(&lock, Some(0), Some(0)).unwrap();
    let listed = as_user("4804", "4804", &look(&["runs", "list"], &store)).unwrap();
    assert_eq!(listed.code, Some(0), "{listed}");
    assert!(listed.out.contains("UNIT-5501"), "{listed}");
    assert!(listed.err.contains("lock.store: Permission denied"), "{listed}");
    let mut run = benchtop();
    run.args(["run", BOARD, "--serial", "UNIT-5502", "--simulate", "--store"])
        .arg(&store);
    let refused = as_user("4804", "4804", &run).unwrap();
    assert_eq!(refused.code, Some(3), "{refused}");
    std::os::unix::fs::chown(&lock, Some(USER), Some(USER)).unwrap();
}
