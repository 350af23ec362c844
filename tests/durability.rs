//! A result that could not be saved is never a pass; a kill leaves a whole record or none.

use crate::testkit::{
    Served, benchtop, done, eventually, json, records, scratch, simulated, station_with_folder, write,
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A small file system of its own, unmounted with the test; `None` where this machine does not let us mount.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    pub(crate) fn mount(folder: &Path, options: &str) -> Option<Self> {
        Self::of(folder, "tmpfs", Path::new("tmpfs"), options)
    }

    /// One that keeps no modes, as sticks have it: FAT, or exFAT where this machine has only that.
    fn of_a_stick(folder: &Path, options: &str) -> Option<Self> {
        ["vfat", "exfat"].into_iter().find_map(|kind| {
            let (path, image) = (folder.join(kind), folder.join(format!("{kind}.image")));
            fs::create_dir(&path).unwrap();
            fs::File::create(&image).unwrap().set_len(16 << 20).unwrap();
            let made = Command::new(format!("mkfs.{kind}"))
                .arg(&image)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            if !made.is_ok_and(|status| status.success()) {
                println!("skipped: this machine has no mkfs.{kind}");
                return None;
            }
            Self::of(&path, kind, &image, &format!("loop,{options}"))
        })
    }

    fn of(folder: &Path, kind: &str, what: &Path, options: &str) -> Option<Self> {
        let path = folder.join("disk");
        fs::create_dir(&path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", kind, "-o", options])
            .arg(what)
            .arg(&path)
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(path));
        }
        println!("skipped: this machine does not let us mount a small disk of {kind}");
        None
    }

    pub(crate) fn remount_read_only(&self) {
        let status = Command::new("mount")
            .args(["-o", "remount,ro"])
            .arg(&self.0)
            .status()
            .unwrap();
        assert!(status.success());
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn fill(&self) {
        let mut filler = fs::File::create(self.0.join("filler")).unwrap();
        let block = vec![0; 4096];
        while std::io::Write::write_all(&mut filler, &block).is_ok() {}
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(&self.0).status());
    }
}

#[test]
fn a_full_disk_before_the_run_is_loud_and_tests_nothing() {
    let folder = scratch();
    let Some(disk) = SmallDisk::mount(folder.path(), "size=256k") else {
        return;
    };
    let run = done(&mut simulated(&disk.0.join("store"), "UNIT-5501"));
    assert_eq!(run.code, Some(2), "{run}");
    assert!(run.err.contains("nothing was tested"), "{run}");
    assert!(run.err.contains("bytes are free, 1048576 are needed"), "{run}");
    assert!(!run.out.contains("PASS"), "{run}");
}

#[test]
fn a_disk_that_fills_up_for_good_during_the_run_is_an_error_never_a_pass_and_the_outputs_go_off() {
    let served = Served::bench("UNIT-5501");
    let folder = scratch();
    let Some(disk) = SmallDisk::mount(folder.path(), "size=4m") else {
        return;
    };
    let text = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/procedures/board-functional-v3.toml"
    ))
    .unwrap();
    let slow = folder.path().join("slow.toml");
    write(&slow, &text.replace("\"250 ms\"", "\"2 s\""));
    let mut command = benchtop();
    command
        .arg("run")
        .arg(&slow)
        .args(["--serial", "UNIT-5501", "--station"])
        .arg(&served.station);
    command.arg("--store").arg(disk.0.join("store"));
    let running = crate::testkit::Running::start(&mut command);
    eventually("power", || served.output_is_on().then_some(()));
    // somebody took the reserve too
    fs::remove_file(disk.0.join("store/reserve")).unwrap();
    disk.fill();
    let run = running.finish();
    assert_eq!(run.code, Some(3), "{run}");
    assert!(run.err.contains("NOT SAVED"), "{run}");
    assert!(run.err.contains("what there is of the record"), "{run}");
    assert!(!run.out.lines().any(|line| line.starts_with("PASS")), "{run}");
    assert!(!served.output_is_on());
    assert!(records(&disk.0.join("store"), "pending").is_empty());
    // with room again, nothing of it is lost
    fs::remove_file(disk.0.join("filler")).unwrap();
    let next = done(
        benchtop()
            .arg("run")
            .arg(crate::testkit::BOARD)
            .args(["--serial", "UNIT-5502", "--station"])
            .arg(&served.station)
            .arg("--store")
            .arg(disk.0.join("store")),
    );
    assert_eq!(next.code, Some(0), "{next}");
    let outcomes: Vec<String> = records(&disk.0.join("store"), "pending")
        .iter()
        .map(|path| json(path)["outcome"].to_string())
        .collect();
    assert_eq!(outcomes.len(), 2, "{outcomes:?}");
    assert_ne!(outcomes[0], "\"PASS\"");
}

#[test]
fn a_full_disk_has_room_again_after_pruning() {
    let folder = scratch();
    let Some(disk) = SmallDisk::mount(folder.path(), "size=4m") else {
        return;
    };
    let station = station_with_folder(disk.path(), "line-4");
    let store = disk.path().join("store");
    for serial in ["UNIT-5501", "UNIT-5502"] {
        assert_eq!(done(&mut simulated(&store, serial)).code, Some(0));
    }
    let synced = done(benchtop().arg("sync").arg("--station").arg(&station));
    assert_eq!(synced.code, Some(0), "{synced}");
    disk.fill();
    let run = done(&mut simulated(&store, "UNIT-5503"));
    assert_eq!(run.code, Some(2), "{run}");
    let runs = |words: &[&str]| done(benchtop().arg("runs").args(words).arg("--station").arg(&station));
    let pruned = runs(&["prune", "--synced-before", "2999-01-01"]);
    assert_eq!(pruned.code, Some(0), "{pruned}");
    assert!(pruned.out.contains("2 records gone"), "{pruned}");
    let verified = runs(&["verify"]);
    assert!(
        verified.code == Some(0) && verified.out.contains(", 2 pruned"),
        "{verified}"
    );
}

#[test]
fn a_read_only_store_is_loud_and_tests_nothing() {
    let folder = scratch();
    let Some(disk) = SmallDisk::mount(folder.path(), "size=4m") else {
        return;
    };
    let store = disk.0.join("store");
    assert_eq!(done(&mut simulated(&store, "UNIT-5501")).code, Some(0));
    disk.remount_read_only();
    let run = done(&mut simulated(&store, "UNIT-5502"));
    assert_eq!(run.code, Some(3), "{run}");
    assert!(run.err.contains("remount the file system read-write"), "{run}");
}

#[test]
fn a_store_that_cannot_be_made_is_loud_and_tests_nothing() {
    let folder = scratch();
    let file = folder.path().join("file");
    write(&file, "not a folder");
    let run = done(&mut simulated(&file.join("store"), "UNIT-5501"));
    assert_eq!(run.code, Some(3), "{run}");
    assert!(run.err.contains("nothing was tested"), "{run}");
}

#[test]
fn records_are_not_readable_by_others() {
    let store = scratch();
    let root = store.path().join("store");
    assert_eq!(done(&mut simulated(&root, "UNIT-5501")).code, Some(0));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&root), 0o700);
    assert_eq!(mode(&records(&root, "pending")[0]), 0o600);
}

#[test]
fn a_store_on_a_file_system_without_file_modes_says_who_may_read_it() {
    for (options, is_told) in [("umask=022", true), ("umask=077", false)] {
        let folder = scratch();
        let Some(disk) = SmallDisk::of_a_stick(folder.path(), options) else {
            return;
        };
        let store = disk.path().join("store");
        for serial in ["UNIT-5501", "UNIT-5502"] {
            let run = done(&mut simulated(&store, serial));
            assert_eq!(run.code, Some(0), "{run}");
            assert_eq!(run.err.contains("without file modes"), is_told, "{options}: {run}");
        }
        let verified = done(benchtop().args(["runs", "verify", "--store"]).arg(&store));
        assert_eq!(verified.code, Some(0), "{verified}");
        assert_eq!(records(&store, "pending").len(), 2);
    }
}

fn killed_at(call: &str, when: usize, store: &Path) -> bool {
    use std::os::unix::process::ExitStatusExt;
    let status = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e"])
        .arg(format!("inject={call}:signal=KILL:when={when}"))
        .arg(env!("CARGO_BIN_EXE_benchtop"))
        .args([
            "run",
            crate::testkit::BOARD,
            "--serial",
            "UNIT-5501",
            "--simulate",
            "--store",
        ])
        .arg(store)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    status.signal() == Some(9) || status.code() == Some(137)
}

fn can_trace(folder: &Path) -> bool {
    let version = Command::new("strace").arg("-V").stdout(Stdio::null()).status();
    version.is_ok_and(|status| status.success()) && killed_at("fdatasync", 1, &folder.join("probe"))
}

#[test]
fn a_run_that_was_never_saved_is_no_pass_later_either() {
    let folder = scratch();
    if !can_trace(folder.path()) {
        println!("skipped: this machine has no strace that may inject signals");
        return;
    }
    let store = folder.path().join("store");
    // every rename fails while the run is made: its record never gets its name
    let run = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=renameat2",
            "-e",
            "inject=renameat2:error=EIO",
            "-P",
        ])
        .arg(store.join("pending"))
        .arg(env!("CARGO_BIN_EXE_benchtop"))
        .args([
            "run",
            crate::testkit::BOARD,
            "--serial",
            "UNIT-5501",
            "--simulate",
            "--store",
        ])
        .arg(&store)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let run = crate::testkit::Done::from(run);
    assert_eq!(run.code, Some(3), "{run}");
    assert!(
        run.err.contains("NOT SAVED") && run.err.contains("\"outcome\":\"ERROR\""),
        "{run}"
    );
    assert!(!run.err.contains("\"run_passed\":true"), "{run}");
    assert_eq!(done(&mut simulated(&store, "UNIT-5502")).code, Some(0));
    let first = json(&records(&store, "pending")[0]);
    assert_eq!(first["unit_under_test"]["serial_number"], "UNIT-5501");
    assert_eq!(
        (&first["outcome"], &first["run_passed"]),
        (&"ABORTED".into(), &false.into())
    );
}

#[test]
fn a_store_on_a_disk_that_is_not_mounted_is_refused() {
    let folder = scratch();
    let run = done(&mut simulated(&folder.path().join("mount/usb/store"), "UNIT-5501"));
    assert_eq!(run.code, Some(3), "{run}");
    assert!(run.err.contains("is the disk mounted?"), "{run}");
}
