//! Where a store must not lie: on a file system of another machine, or on one whose locks lie. Two programs would then hold
//! one lock, hand out one number twice and drain one folder at once.

use crate::{
    disk::Dir,
    error::{StoreError, StoreErrorKind},
    mint,
};

/// How the names of probes begin.
pub(crate) const PROBE: &str = ".probe-";

/// A file system, as the kernel tells them apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileSystem {
    /// Its number (statfs(2)).
    pub(crate) magic: u64,
    /// Its word in the table of mounts (`proc_pid_mountinfo(5)`), where it can be found: `fuse.sshfs`.
    pub(crate) word: Option<String>,
}

/// File systems of other machines, by their numbers (linux/magic.h, statfs(2), and the file systems' own headers).
const OTHER_MACHINES: &[(u64, &str)] = &[
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x0102_1997, "9P"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x0116_1970, "GFS2"),
    (0x7461_636f, "OCFS2"),
    (0x7375_7245, "Coda"),
    (0x564c, "NCP"),
    (0x786f_4256, "VirtualBox shared folders"),
];

/// The number that every file system of a user's program has; a disk of this machine may be one (ntfs-3g).
const FUSE: u64 = 0x6573_5546;

/// Programs that bring the files of another machine.
const OTHER_MACHINES_BY_FUSE: &[&str] = &[
    "sshfs",
    "s3fs",
    "rclone",
    "glusterfs",
    "ceph",
    "ceph-fuse",
    "davfs",
    "davfs2",
    "gvfsd-fuse",
    "smbnetfs",
    "curlftpfs",
    "goofys",
    "gcsfuse",
    "mount-s3",
    "juicefs",
    "vmhgfs-fuse",
    "moosefs",
    "onedriver",
];

impl FileSystem {
    /// Its name, where other machines share it.
    pub(crate) fn of_another_machine(&self) -> Option<String> {
        if let Some((_, name)) = OTHER_MACHINES.iter().find(|(magic, _)| *magic == self.magic) {
            return Some((*name).to_owned());
        }
        let program = self.word.as_deref()?.strip_prefix("fuse.")?;
        let known = self.magic == FUSE && OTHER_MACHINES_BY_FUSE.contains(&program);
        known.then(|| format!("FUSE ({program})"))
    }
}

/// The word of the mount that holds a device, in the text of `/proc/self/mountinfo`.
#[cfg_attr(
    not(any(target_os = "linux", target_os = "android")),
    expect(dead_code, reason = "Linux alone has this table")
)]
pub(crate) fn word_of(mountinfo: &str, major: u32, minor: u32) -> Option<String> {
    let device = format!("{major}:{minor}");
    // the last one lies on top
    let line = mountinfo
        .lines()
        .rev()
        .find(|line| line.split(' ').nth(2) == Some(&device))?;
    let (_, behind) = line.split_once(" - ")?;
    behind.split(' ').next().map(str::to_owned)
}

/// Refuses a store on a network file system.
pub(crate) fn refuse_other_machines(root: &Dir) -> Result<(), StoreError> {
    let other = root.file_system().and_then(|system| system.of_another_machine());
    other.map_or(Ok(()), |name| {
        let detail = format!(
            "it lies on {name}, where a lock of one machine may be none of another; keep the store on a disk of this machine and \
             let `benchtop sync` carry the records"
        );
        Err(StoreError::new(StoreErrorKind::Invalid, "open the store", root.path(), detail))
    })
}

/// Makes and removes a file, so that a store that cannot be written to is refused at once; and locks it twice on the way:
/// where that goes, no lock can be believed. True where the file system keeps modes, and what is made is for its owner alone.
pub(crate) fn probe(folder: &Dir) -> Result<bool, StoreError> {
    let name = format!("{PROBE}{}", mint::unique());
    // the folder is at fault, whatever the probe is called
    let first = folder.create_new(&name).map_err(|error| {
        let detail = error.detail().to_owned();
        StoreError::new(error.kind(), "write to", folder.path(), detail).caused_by(error)
    })?;
    // what cannot be looked at is told by the locks
    let keeps_modes = first
        .is_for_others(folder.is_shared())
        .map_or(true, |for_others| !for_others);
    let lies = first.try_lock().and_then(|locked| match folder.open_existing(&name) {
        Ok(second) => Ok(locked && second.try_lock()?),
        // a recovery took it for a leftover; what else is wrong is told by the removal
        Err(_gone) => Ok(false),
    });
    match folder.remove(&name) {
        Err(error) if error.kind() == StoreErrorKind::NotFound => {}
        result => result?,
    }
    let no_locks = |detail: String| {
        Err(StoreError::new(
            StoreErrorKind::Invalid,
            "lock in",
            folder.path(),
            detail,
        ))
    };
    match lies {
        Ok(false) => Ok(keeps_modes),
        Ok(true) => no_locks(
            "this file system gave one lock to two at once; keep the store on a disk of this machine".to_owned(),
        ),
        Err(error) => no_locks(format!(
            "this file system gives no locks ({error}); keep the store on a disk of this machine"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Store,
        testkit::{self, names},
    };

    fn file_system(magic: u64, word: Option<&str>) -> FileSystem {
        let word = word.map(str::to_owned);
        FileSystem { magic, word }
    }

    #[test]
    fn file_systems_of_other_machines_are_named() {
        let name = |magic, word| file_system(magic, word).of_another_machine();
        assert_eq!(name(0x6969, None).as_deref(), Some("NFS"));
        assert_eq!(name(0xff53_4d42, Some("cifs")).as_deref(), Some("CIFS"));
        assert_eq!(name(FUSE, Some("fuse.sshfs")).as_deref(), Some("FUSE (sshfs)"));
        // ext4, tmpfs, btrfs, overlayfs; a disk through FUSE; one whose mount cannot be found
        for (magic, word) in [
            (0xef53, Some("ext4")),
            (0x0102_1994, None),
            (0x9123_683e, None),
            (0x794c_7630, None),
        ] {
            assert_eq!(name(magic, word), None, "{magic:x}");
        }
        assert_eq!(name(FUSE, Some("fuseblk")), None);
        assert_eq!(name(FUSE, Some("fuse.ntfs-3g")), None);
        assert_eq!(name(FUSE, None), None);
    }

    #[test]
    fn the_table_of_mounts_is_read() {
        let table = "22 1 0:45 / / rw - overlay overlay rw\n36 22 0:51 / /mnt/x\\040y rw,nosuid shared:7 - fuse.sshfs a@b:/ rw\n";
        assert_eq!(word_of(table, 0, 51).as_deref(), Some("fuse.sshfs"));
        assert_eq!(word_of(table, 0, 45).as_deref(), Some("overlay"));
        assert_eq!(word_of(table, 8, 1), None);
        assert_eq!(word_of("garbage", 8, 1), None);
    }

    #[test]
    fn a_store_on_a_network_file_system_is_refused_before_anything_is_made() {
        for (magic, word, expected) in [
            (0x6969, None, "it lies on NFS"),
            (FUSE, Some("fuse.sshfs"), "it lies on FUSE (sshfs)"),
        ] {
            let (folder, error) = testkit::refused(|watch| watch.pretend(file_system(magic, word)));
            assert_eq!(error.kind(), StoreErrorKind::Invalid);
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.to_string().contains("a disk of this machine"), "{error}");
            assert_eq!(names(folder.path()), [""; 0]);
        }
    }

    #[test]
    fn locks_that_are_given_to_two_are_not_believed() {
        let (folder, error) = testkit::refused(|watch| watch.let_locks_lie());
        assert_eq!(error.kind(), StoreErrorKind::Invalid);
        assert!(error.to_string().contains("gave one lock to two"), "{error}");
        // and honest ones are
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(names(&store.root().join("journal")), [""; 0]);
    }

    #[test]
    fn a_file_system_that_keeps_no_modes_is_told() {
        let (_folder, store, watch) = testkit::watched_store();
        assert!(store.keeps_modes());
        watch.forget_modes();
        let again = Store::open_before(store.root(), crate::disk::eye::Eye::of(&watch)).unwrap();
        assert!(!again.keeps_modes());
    }

    /// A real one, where this machine can mount one: its own folder through 9P, NFS or the like needs a server that few have.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_mounted_network_file_system_is_refused() {
        let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let words = ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs"];
        let is_one = |line: &&str| {
            let word = line.split_once(" - ").and_then(|(_, behind)| behind.split(' ').next());
            word.is_some_and(|word| words.contains(&word))
        };
        let Some(mounted) = table.lines().find(is_one).and_then(|line| line.split(' ').nth(4)) else {
            println!("skipped: no network file system is mounted on this machine");
            return;
        };
        let error = Store::open(std::path::Path::new(mounted)).unwrap_err();
        assert!(error.to_string().contains("it lies on"), "{error}");
    }
}
