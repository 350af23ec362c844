//! Folder operations by path, for systems without directory descriptors: Windows among them, where it was neither built nor
//! run. On the others it is built for its tests, which run there.
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

    /// When a name in it came or went last: [`super::news::changed`].
    pub(super) fn changed(&self) -> io::Result<i64> {
        Ok(super::news::changed(&fs::metadata(&self.0)?))
    }

    /// Size and time of change of a file.
    pub(super) fn looks_of(&self, name: &str) -> io::Result<Option<(u64, i64)>> {
        let facts = fs::symlink_metadata(self.0.join(name))?;
        Ok(facts.is_file().then(|| (facts.len(), super::news::changed(&facts))))
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
        // nobody else makes that name meanwhile: see the form for Linux
        match to.look(new_name) {
            Ok(()) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => rename(&self.0.join(name), &to.0.join(new_name)),
            Err(error) => Err(error),
        }
    }

    pub(super) fn replace(&self, name: &str, new_name: &str) -> io::Result<()> {
        rename(&self.0.join(name), &self.0.join(new_name))
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    /// Of a folder with nothing in it.
    pub(super) fn remove_dir(&self, name: &str) -> io::Result<()> {
        fs::remove_dir(self.0.join(name))
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
        self.each_entry(&mut |name, _is_file| each(name))
    }

    /// With every name, whether it is a file's; true also where the listing does not say.
    pub(super) fn each_entry(&self, each: &mut dyn FnMut(&str, bool)) -> io::Result<()> {
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            if let Some(name) = entry.file_name().to_str() {
                each(name, entry.file_type().map_or(true, |kind| kind.is_file()));
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

#[expect(
    clippy::disallowed_methods,
    reason = "publishing ends here; the bytes were synced before"
)]
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn opened() -> (tempfile::TempDir, Handle) {
        let folder = tempfile::tempdir().unwrap();
        let handle = Handle::open(folder.path()).unwrap();
        (folder, handle)
    }

    #[test]
    fn a_rename_never_replaces_what_is_there_and_replacing_does() {
        let (folder, handle) = opened();
        for name in ["a", "b"] {
            handle.create_new(name).unwrap().write_all(name.as_bytes()).unwrap();
        }
        let refused = handle.rename_new("a", &handle, "b").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(folder.path().join("b")).unwrap(), b"b");
        handle.make_dir("inside").unwrap();
        let inside = handle.open_dir("inside").unwrap();
        handle.rename_new("a", &inside, "c").unwrap();
        assert_eq!(fs::read(folder.path().join("inside/c")).unwrap(), b"a");
        handle.rename_new("b", &inside, "d").unwrap();
        inside.replace("d", "c").unwrap();
        assert_eq!(fs::read(folder.path().join("inside/c")).unwrap(), b"b");
        let missing = handle.rename_new("a", &inside, "e").unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn files_are_made_opened_appended_to_listed_and_removed() {
        let (folder, handle) = opened();
        handle.open_existing("log").unwrap_err();
        for text in ["one ", "two"] {
            handle.open_append("log").unwrap().write_all(text.as_bytes()).unwrap();
        }
        assert_eq!(fs::read(folder.path().join("log")).unwrap(), b"one two");
        assert_eq!(
            handle.create_new("log").unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(io::read_to_string(handle.open_read("log").unwrap()).unwrap(), "one two");
        let mut names = Vec::new();
        handle.each_name(&mut |name| names.push(name.to_owned())).unwrap();
        assert_eq!(names, ["log"]);
        handle.remove("log").unwrap();
        assert_eq!(handle.look("log").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_folder_in_a_files_place_is_not_opened_as_one() {
        let (_folder, handle) = opened();
        handle.make_dir("log").unwrap();
        for refused in [
            handle.open_append("log"),
            handle.open_existing("log"),
            handle.open_read("log"),
        ] {
            assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
        drop(handle.create_new("file").unwrap());
        assert_eq!(
            handle.open_dir("file").unwrap_err().kind(),
            io::ErrorKind::NotADirectory
        );
    }
}
