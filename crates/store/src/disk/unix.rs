//! Folder operations relative to directory descriptors: Linux and Apple systems (Apple was not run).

use super::Space;
use crate::ground::FileSystem;
use rustix::{
    fs::{self as sys, AtFlags, Mode, OFlags, RenameFlags},
    io::{Errno, retry_on_intr},
};
use std::{
    fs::{DirBuilder, File, Metadata},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::Path,
};

const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
const FOLDER_MODE: Mode = Mode::RWXU;
const GROUP_FILE_MODE: Mode = FILE_MODE.union(Mode::RGRP).union(Mode::WGRP);
/// With the setgid bit: what is made inside has the folder's group, whoever makes it.
const GROUP_FOLDER_MODE: Mode = FOLDER_MODE.union(Mode::RWXG).union(Mode::SGID);
// NONBLOCK: opening a planted pipe must not wait for its other end
const SAFE: OFlags = OFlags::NOFOLLOW
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

#[derive(Debug)]
pub(super) struct Handle {
    folder: File,
    /// What is made in it is for its group too.
    shared: bool,
}

impl Handle {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = File::from(retry_on_intr(|| sys::open(path, flags, Mode::empty()))?);
        let mode = Mode::from_raw_mode(sys::fstat(&folder)?.st_mode);
        let shared = mode.contains(Mode::RWXG | Mode::SGID);
        Ok(Self { folder, shared })
    }

    pub(super) const fn is_shared(&self) -> bool {
        self.shared
    }

    /// Gives what lies in this folder to the folder's group, where it has another.
    fn of_its_group(&self, inside: &File) -> io::Result<()> {
        let group = sys::fstat(&self.folder)?.st_gid;
        if sys::fstat(inside)?.st_gid == group {
            return Ok(());
        }
        Ok(sys::fchown(inside, None, Some(sys::Gid::from_raw(group)))?)
    }

    pub(super) fn share(&self) -> io::Result<()> {
        Ok(sys::fchmod(&self.folder, GROUP_FOLDER_MODE)?)
    }

    /// Gives a file or a folder, with all that is in it, to its group. Links are not followed: what is there and is no file or
    /// folder is nobody's record and stays as it is.
    pub(super) fn share_entry(&self, name: &str) -> io::Result<()> {
        let facts = match sys::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            // it was moved or removed while we looked
            Err(Errno::NOENT) => return Ok(()),
            facts => facts?,
        };
        match sys::FileType::from_raw_mode(facts.st_mode) {
            sys::FileType::RegularFile => {
                let file = self.open_at(name, OFlags::RDONLY)?;
                self.of_its_group(&file)?;
                Ok(sys::fchmod(file, GROUP_FILE_MODE)?)
            }
            sys::FileType::Directory => {
                let inside = self.open_dir(name)?;
                // before what is in it, which follows it
                self.of_its_group(&inside.folder)?;
                let mut names = Vec::new();
                inside.each_name(&mut |name| names.push(name.to_owned()))?;
                names.iter().try_for_each(|name| inside.share_entry(name))?;
                inside.share()
            }
            sys::FileType::Symlink
            | sys::FileType::Fifo
            | sys::FileType::Socket
            | sys::FileType::CharacterDevice
            | sys::FileType::BlockDevice
            | sys::FileType::Unknown => Ok(()),
        }
    }

    pub(super) fn make_dir(&self, name: &str) -> io::Result<()> {
        sys::mkdirat(&self.folder, name, FOLDER_MODE)?;
        if self.shared {
            self.open_dir(name)?.share()?;
        }
        Ok(())
    }

    pub(super) fn open_dir(&self, name: &str) -> io::Result<Self> {
        let folder = self.open_at(name, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let shared = self.shared;
        Ok(Self { folder, shared })
    }

    fn open_at(&self, name: &str, flags: OFlags) -> io::Result<File> {
        match retry_on_intr(|| sys::openat(&self.folder, name, flags | SAFE, FILE_MODE)) {
            Ok(file) => {
                if self.shared && flags.contains(OFlags::CREATE) {
                    self.give_to_the_group(&file)?;
                }
                Ok(file.into())
            }
            Err(Errno::LOOP) => Err(io::Error::new(io::ErrorKind::InvalidData, "it is a symbolic link")),
            Err(Errno::NXIO) => Err(io::Error::new(io::ErrorKind::InvalidData, "it is a socket or a device")),
            Err(error) => Err(error.into()),
        }
    }

    /// Of a file that may have been made just now: the mode that it was made with went through the process's mask.
    fn give_to_the_group(&self, file: impl std::os::fd::AsFd) -> io::Result<()> {
        let mode = Mode::from_raw_mode(sys::fstat(&file)?.st_mode);
        if mode.contains(GROUP_FILE_MODE) {
            return Ok(());
        }
        Ok(sys::fchmod(file, GROUP_FILE_MODE)?)
    }

    pub(super) fn create_new(&self, name: &str) -> io::Result<File> {
        // appending, like every other writer: a file that is cut goes on at its end
        self.open_at(name, OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL)
    }

    pub(super) fn open_append(&self, name: &str) -> io::Result<File> {
        self.open_at(name, OFlags::RDWR | OFlags::APPEND | OFlags::CREATE)
    }

    pub(super) fn open_existing(&self, name: &str) -> io::Result<File> {
        self.open_at(name, OFlags::RDWR | OFlags::APPEND)
    }

    pub(super) fn open_read(&self, name: &str) -> io::Result<File> {
        self.open_at(name, OFlags::RDONLY)
    }

    pub(super) fn rename_new(&self, name: &str, to: &Self, new_name: &str) -> io::Result<()> {
        match sys::renameat_with(&self.folder, name, &to.folder, new_name, RenameFlags::NOREPLACE) {
            // file systems that cannot do it: ntfs-3g, bindfs, vfat over FUSE; and kernels that do not know it
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => self.look_then_rename(name, to, new_name),
            result => Ok(result?),
        }
    }

    /// A link and an unlink would leave two names after a kill between them. The name holds the run id or a digest, and the
    /// run's journal lock, the store's or the syncer's is held by whoever gets here: nobody else makes that name with other
    /// bytes between the look and the rename.
    pub(super) fn look_then_rename(&self, name: &str, to: &Self, new_name: &str) -> io::Result<()> {
        match sys::statat(&to.folder, new_name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_there) => Err(Errno::EXIST.into()),
            Err(Errno::NOENT) => Ok(sys::renameat(&self.folder, name, &to.folder, new_name)?),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn replace(&self, name: &str, new_name: &str) -> io::Result<()> {
        Ok(sys::renameat(&self.folder, name, &self.folder, new_name)?)
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(sys::unlinkat(&self.folder, name, AtFlags::empty())?)
    }

    /// Of a folder with nothing in it.
    pub(super) fn remove_dir(&self, name: &str) -> io::Result<()> {
        Ok(sys::unlinkat(&self.folder, name, AtFlags::REMOVEDIR)?)
    }

    pub(super) fn look(&self, name: &str) -> io::Result<()> {
        sys::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(())
    }

    /// When a name in it came or went last: [`super::news::changed`].
    pub(super) fn changed(&self) -> io::Result<i64> {
        Ok(super::news::changed(&self.folder.metadata()?))
    }

    /// Size and time of change of a file.
    pub(super) fn looks_of(&self, name: &str) -> io::Result<Option<(u64, i64)>> {
        let facts = sys::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let is_file = sys::FileType::from_raw_mode(facts.st_mode) == sys::FileType::RegularFile;
        let nanoseconds = i128::from(facts.st_mtime) * 1_000_000_000 + i128::from(facts.st_mtime_nsec);
        let size = u64::try_from(facts.st_size).unwrap_or_default();
        Ok(is_file.then(|| (size, i64::try_from(nanoseconds).unwrap_or_default())))
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        // std: F_FULLFSYNC on Apple, and EINTR is not an answer
        self.folder.sync_all()
    }

    /// True where `syncfs` waits for the disk and tells of what could not be written: Linux since 5.8, on file systems that
    /// are known for it. FUSE and network file systems may return before anything is on a disk.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn can_sync_everything(&self) -> bool {
        /// ext2 to ext4, XFS, tmpfs: `linux/magic.h`.
        const KNOWN: [sys::FsWord; 3] = [0xEF53, 0x5846_5342, 0x0102_1994];
        let kind = retry_on_intr(|| sys::fstatfs(&self.folder)).map(|facts| facts.f_type);
        kind.is_ok_and(|kind| KNOWN.contains(&kind)) && syncs_tell_of_errors()
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn sync_everything(&self) -> io::Result<()> {
        Ok(retry_on_intr(|| sys::syncfs(&self.folder))?)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) const fn can_sync_everything(&self) -> bool {
        false
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn sync_everything(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn each_name(&self, each: &mut dyn FnMut(&str)) -> io::Result<()> {
        self.each_entry(&mut |name, _is_file| each(name))
    }

    /// With every name, whether it is a file's; true also where the listing does not say.
    pub(super) fn each_entry(&self, each: &mut dyn FnMut(&str, bool)) -> io::Result<()> {
        for entry in sys::Dir::read_from(&self.folder)? {
            let entry = entry?;
            match entry.file_name().to_str() {
                Ok("." | "..") => {}
                Ok(name) => {
                    let kind = entry.file_type();
                    each(
                        name,
                        matches!(kind, sys::FileType::RegularFile | sys::FileType::Unknown),
                    );
                }
                // the store writes ASCII names only; what is not even text is nobody's record
                Err(_not_text) => {}
            }
        }
        Ok(())
    }

    /// What kind of file system it is. The table of mounts is read only where the number does not say.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn file_system(&self) -> Option<FileSystem> {
        const FUSE: u64 = 0x6573_5546;
        let facts = retry_on_intr(|| sys::fstatfs(&self.folder)).ok()?;
        // a pattern of 32 bits, in a type that differs between processors
        let magic = u64::try_from(i128::from(facts.f_type) & 0xffff_ffff).ok()?;
        let word = (magic == FUSE).then(|| {
            let device = sys::fstat(&self.folder).ok()?.st_dev;
            let table = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
            crate::ground::word_of(&table, sys::major(device), sys::minor(device))
        });
        let word = word.flatten();
        Some(FileSystem { magic, word })
    }

    /// Apple's kinds have names, which rustix does not ask for; the locks are tried all the same.
    #[cfg(target_vendor = "apple")]
    pub(super) const fn file_system(&self) -> Option<FileSystem> {
        None
    }

    pub(super) fn space(&self) -> io::Result<Space> {
        let facts = retry_on_intr(|| sys::fstatvfs(&self.folder))?;
        Ok(Space {
            bytes: facts.f_bavail.saturating_mul(facts.f_frsize),
            // btrfs and others that make inodes as they go report 0 of 0
            files: (facts.f_files > 0).then_some(facts.f_favail),
        })
    }
}

/// `syncfs` answers with the errors of earlier writes since Linux 5.8.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn syncs_tell_of_errors() -> bool {
    static TELLS: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *TELLS.get_or_init(|| {
        let uname = rustix::system::uname();
        let release = uname.release().to_string_lossy();
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
        let (major, minor) = (numbers.next(), numbers.next());
        matches!((major, minor), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= (5, 8))
    })
}

/// How many names a file has; 0 once it was removed.
pub(super) fn names_of(facts: &Metadata) -> u64 {
    facts.nlink()
}

/// Who may do what with a file.
pub(super) fn mode_of(facts: &Metadata) -> Option<u32> {
    Some(facts.mode() & 0o777)
}

/// Makes a folder by its path.
pub(super) fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn check_rename(rename: impl Fn(&Handle, &str, &str) -> io::Result<()>) {
        let folder = tempfile::tempdir().unwrap();
        let handle = Handle::open(folder.path()).unwrap();
        for name in ["a", "b"] {
            handle.create_new(name).unwrap().write_all(name.as_bytes()).unwrap();
        }
        assert_eq!(
            rename(&handle, "a", "b").unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(std::fs::read(folder.path().join("b")).unwrap(), b"b");
        rename(&handle, "a", "c").unwrap();
        assert_eq!(std::fs::read(folder.path().join("c")).unwrap(), b"a");
        assert!(handle.look("a").is_err());
    }

    #[test]
    fn a_rename_never_replaces_what_is_there() {
        check_rename(|handle, from, to| handle.rename_new(from, handle, to));
        check_rename(|handle, from, to| handle.look_then_rename(from, handle, to));
    }

    #[test]
    fn files_are_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let handle = Handle::open(folder.path()).unwrap();
        handle.make_dir("d").unwrap();
        let mode = |facts: Metadata| facts.mode() & 0o777;
        assert_eq!(mode(handle.create_new("a").unwrap().metadata().unwrap()), 0o600);
        assert_eq!(mode(handle.open_append("b").unwrap().metadata().unwrap()), 0o600);
        assert_eq!(mode(std::fs::metadata(folder.path().join("d")).unwrap()), 0o700);
    }
}
