//! A file in a folder that is no store, written bit by bit: there whole under its name, or not at all.

use crate::{
    disk::{Dir, DiskFile},
    error::{StoreError, StoreErrorKind},
    publish::create_temporary,
};
use std::{
    ffi::OsStr,
    io::{self, Write},
    path::Path,
};

/// A file that is being written beside its name. Dropped before [`NewFile::publish`], it leaves nothing; a process that is
/// killed leaves a temporary file, whose name begins with a dot.
#[derive(Debug)]
pub struct NewFile {
    folder: Dir,
    file: DiskFile,
    temporary: String,
    name: String,
    replace: bool,
    is_named: bool,
}

impl NewFile {
    /// Begins a file. Its folder must be there; a file that is there is replaced only where that is said, and only by
    /// [`NewFile::publish`].
    ///
    /// # Errors
    /// [`StoreErrorKind::Conflict`] when it is there and must not be replaced; [`StoreErrorKind::Damaged`] when what is there is
    /// no regular file; [`StoreErrorKind::Invalid`] for a path that names no file; else what the disk says.
    pub fn create(path: &Path, replace: bool) -> Result<Self, StoreError> {
        let Some(name) = path.file_name().and_then(OsStr::to_str) else {
            let detail = "it is not the name of a file";
            return Err(StoreError::new(StoreErrorKind::Invalid, "create", path, detail));
        };
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => Dir::open(parent)?,
            Some(_) | None => Dir::open(Path::new("."))?,
        };
        if folder.holds(name)? {
            if !replace {
                let detail = "it is there already";
                return Err(StoreError::new(StoreErrorKind::Conflict, "create", path, detail));
            }
            // a link, a device or a folder is never replaced
            drop(folder.open_read(name)?);
        }
        let (file, temporary) = create_temporary(&folder, "new")?;
        Ok(Self {
            folder,
            file,
            temporary,
            name: name.to_owned(),
            replace,
            is_named: false,
        })
    }

    /// Gives it its name, when every byte of it is on stable storage.
    ///
    /// # Errors
    /// [`StoreErrorKind::Conflict`] when somebody else made a file of that name meanwhile; else what the disk says. There is
    /// no file then, or the one that was there.
    pub fn publish(mut self) -> Result<(), StoreError> {
        let path = self.folder.path_of(&self.name);
        self.file
            .sync_all()
            .map_err(|error| StoreError::io("write", path, error))?;
        if self.replace {
            self.folder.replace(&self.temporary, &self.name)?;
        } else {
            self.folder.rename_new(&self.temporary, &self.folder, &self.name)?;
        }
        self.is_named = true;
        self.folder.sync()
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&self.file).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&self.file).flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_named {
            self.folder.discard(&self.temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn names(folder: &Path) -> Vec<String> {
        Dir::open(folder).unwrap().names().unwrap()
    }

    fn put(path: &Path, text: &str, replace: bool) -> Result<(), StoreError> {
        let mut file = NewFile::create(path, replace)?;
        file.write_all(text.as_bytes()).unwrap();
        file.publish()
    }

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        let mut file = NewFile::create(&path, false).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(file);
        assert_eq!(names(folder.path()), Vec::<String>::new());
        put(&path, "whole", false).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        assert_eq!(names(folder.path()), ["out.csv"]);
    }

    #[test]
    fn what_is_there_is_replaced_only_where_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        put(&path, "one", false).unwrap();
        assert_eq!(put(&path, "two", false).unwrap_err().kind(), StoreErrorKind::Conflict);
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        // somebody was faster
        let late = folder.path().join("late.csv");
        let mut file = NewFile::create(&late, false).unwrap();
        file.write_all(b"late").unwrap();
        put(&late, "first", false).unwrap();
        assert_eq!(file.publish().unwrap_err().kind(), StoreErrorKind::Conflict);
        assert_eq!(fs::read_to_string(&late).unwrap(), "first");
        put(&path, "two", true).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(names(folder.path()), ["late.csv", "out.csv"]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn links_pipes_and_folders_are_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        put(&victim, "mine", false).unwrap();
        std::os::unix::fs::symlink(&victim, folder.path().join("link")).unwrap();
        crate::testkit::make_pipe(&folder.path().join("pipe"));
        fs::create_dir(folder.path().join("folder")).unwrap();
        for name in ["link", "pipe", "folder"] {
            let refused = put(&folder.path().join(name), "x", true).unwrap_err();
            assert_eq!(refused.kind(), StoreErrorKind::Damaged, "{name}: {refused}");
        }
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
        assert_eq!(
            put(Path::new("/"), "x", true).unwrap_err().kind(),
            StoreErrorKind::Invalid
        );
        let nowhere = folder.path().join("no/such/out.csv");
        assert_eq!(put(&nowhere, "x", false).unwrap_err().kind(), StoreErrorKind::NotFound);
    }
}
