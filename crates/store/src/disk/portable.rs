//! Folder operations by path, for systems without directory descriptors. Compiles; was not run.
//!
//! Windows has no way to sync a folder from std and no modes: new files have the folder's access list.

use super::Space;
use crate::ground::FileSystem;
use std::{
    fs::{self, File, Metadata, OpenOptions},
    io,
    path::{Path, PathBuf},
};

#[derive(Debug)]
pub(super) struct Handle(PathBuf);

impl Handle {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if !fs::metadata(path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self(path.to_owned()))
    }

    #[expect(clippy::unused_self, reason = "here an access list says so, which std cannot read")]
    pub(super) const fn is_shared(&self) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "here an access list says so, which std cannot set")]
    pub(super) fn share(&self) -> io::Result<()> {
        let detail = "on this system the owner gives the folder to a group by its access list";
        Err(io::Error::new(io::ErrorKind::Unsupported, detail))
    }

    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "the form that every system shares"
    )]
    pub(super) const fn share_entry(&self, _name: &str) -> io::Result<()> {
        Ok(())
    }

    #[expect(clippy::unused_self, reason = "std cannot ask; the locks are tried all the same")]
    pub(super) const fn file_system(&self) -> Option<FileSystem> {
        None
    }

    pub(super) fn make_dir(&self, name: &str) -> io::Result<()> {
        make_dir(&self.0.join(name))
    }

    pub(super) fn open_dir(&self, name: &str) -> io::Result<Self> {
        let path = self.0.join(name);
        if !fs::symlink_metadata(&path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self(path))
    }

    fn not_a_link(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        match fs::symlink_metadata(&path) {
            Ok(facts) if !facts.is_file() => Err(io::ErrorKind::InvalidData.into()),
            Ok(_) | Err(_) => Ok(path),
        }
    }

    pub(super) fn create_new(&self, name: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).open(self.0.join(name))
    }

    pub(super) fn open_append(&self, name: &str) -> io::Result<File> {
        let path = self.not_a_link(name)?;
        OpenOptions::new().read(true).append(true).create(true).open(path)
    }

    pub(super) fn open_existing(&self, name: &str) -> io::Result<File> {
        let path = self.not_a_link(name)?;
        OpenOptions::new().read(true).append(true).open(path)
    }

    pub(super) fn open_read(&self, name: &str) -> io::Result<File> {
        File::open(self.not_a_link(name)?)
    }

    pub(super) fn rename_new(&self, name: &str, to: &Self, new_name: &str) -> io::Result<()> {
        // std's rename replaces; a second name never does
        fs::hard_link(self.0.join(name), to.0.join(new_name))?;
        self.remove(name)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "publishing ends here; the bytes were synced before"
    )]
    pub(super) fn replace(&self, name: &str, new_name: &str) -> io::Result<()> {
        fs::rename(self.0.join(name), self.0.join(new_name))
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    pub(super) fn look(&self, name: &str) -> io::Result<()> {
        fs::symlink_metadata(self.0.join(name)).map(drop)
    }

    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "the form that every system shares"
    )]
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    #[expect(clippy::unused_self, reason = "the form that every system shares")]
    pub(super) const fn can_sync_everything(&self) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "the form that every system shares")]
    pub(super) fn sync_everything(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn each_name(&self, each: &mut dyn FnMut(&str)) -> io::Result<()> {
        for entry in fs::read_dir(&self.0)? {
            if let Some(name) = entry?.file_name().to_str() {
                each(name);
            }
        }
        Ok(())
    }

    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "std cannot ask; the write itself will tell"
    )]
    pub(super) fn space(&self) -> io::Result<Space> {
        Ok(Space {
            bytes: u64::MAX,
            files: None,
        })
    }
}

/// How many names a file has, where std can tell.
pub(super) fn names_of(_facts: &Metadata) -> u64 {
    1
}

/// Who may do what with a file; here an access list says so, which std cannot read.
pub(super) const fn mode_of(_facts: &Metadata) -> Option<u32> {
    None
}

/// Makes a folder by its path.
pub(super) fn make_dir(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}
