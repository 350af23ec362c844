//! Folders of the store: every operation is relative to an open folder, never to a path put together from text.
//!
//! Nothing here follows a symbolic link inside the store, and nothing blocks on a planted pipe. New files have mode
//! 0600 and new folders 0700; in a shared folder (one that its group may write to, with the setgid bit) 0660 and 2770. On Linux and Apple systems the operations are relative to directory descriptors; the
//! portable form for other systems (Windows among them) stands behind the same functions; it was run on Linux only.

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
#[path = "disk/portable.rs"]
mod system;
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
#[path = "disk/unix.rs"]
mod system;

#[cfg(all(test, any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
#[path = "disk/portable.rs"]
#[expect(dead_code, reason = "built here for its own tests")]
mod portable;

pub(crate) mod eye;
mod file;
pub(crate) mod news;

pub(crate) use file::DiskFile;

use crate::error::{StoreError, StoreErrorKind, kind_of};
use crate::ground::FileSystem;
use eye::{Call, Entry, Eye};
use news::{Change, Told, telling, telling_moves};
use std::{
    fs::{File, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// What is left on a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    /// Bytes that an ordinary user may still write.
    pub(crate) bytes: u64,
    /// Files that may still be made; `None` where the file system has no such bound.
    pub(crate) files: Option<u64>,
}

/// An open folder of the store.
#[derive(Debug)]
pub(crate) struct Dir {
    /// None of a folder that is missing where nothing may be made: there is nothing in it.
    handle: Option<system::Handle>,
    path: PathBuf,
    eye: Eye,
    /// Nothing in it is made, written or moved, whatever the disk would let us do.
    is_only_looked_at: bool,
    /// Who is told of what changes in it.
    told: Option<Told>,
}

impl Dir {
    /// Opens a folder by its path; links in it are followed, for the owner chose it.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_before(path, Eye::default())
    }

    /// As [`Dir::open`], with somebody looking on.
    pub(crate) fn open_before(path: &Path, eye: Eye) -> Result<Self, StoreError> {
        let opened = eye.around(Call::OpenDir, || system::Handle::open(path));
        let handle = opened.map_err(|error| StoreError::io("open the folder", path, error))?;
        Ok(Self {
            handle: Some(handle),
            path: path.to_owned(),
            eye,
            is_only_looked_at: false,
            told: None,
        })
    }

    /// The same folder, in which nothing is altered from here on; nor in the folders inside it, of which one that is missing has
    /// nothing in it.
    pub(crate) fn only_looked_at(self) -> Self {
        Self {
            is_only_looked_at: true,
            ..self
        }
    }

    /// True where nothing may be altered.
    pub(crate) const fn is_only_looked_at(&self) -> bool {
        self.is_only_looked_at
    }

    /// False for a folder that is missing where nothing may be made.
    pub(crate) const fn is_there(&self) -> bool {
        self.handle.is_some()
    }

    fn handle(&self) -> io::Result<&system::Handle> {
        self.handle.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Refuses what would alter a folder that is only looked at.
    fn may_alter(&self, operation: &'static str, name: &str) -> Result<(), StoreError> {
        if !self.is_only_looked_at {
            return Ok(());
        }
        let detail = "the store was opened only to look at it";
        let path = self.path_of(name);
        Err(StoreError::new(StoreErrorKind::ReadOnly, operation, path, detail))
    }

    /// Opens a folder inside this one and makes it first where it is missing, durably.
    pub(crate) fn child(&self, name: &str) -> Result<Self, StoreError> {
        if self.is_only_looked_at {
            return self.existing_child(name);
        }
        let entry = self.entry(name);
        let make = Call::MakeDir { entry };
        let made = match self.eye.around(make, || self.handle()?.make_dir(name)) {
            Ok(()) => true,
            Err(error) if kind_of(&error) == StoreErrorKind::Conflict => false,
            Err(error) => return Err(self.failed("make the folder", name)(error)),
        };
        let child = || {
            let child = self.existing_child(name)?;
            if made {
                self.sync()?;
            }
            Ok(child)
        };
        child().inspect_err(|_failed| {
            if made {
                // whoever comes next makes it anew, and takes no second sync for the one that failed
                let gone = Call::Remove { entry };
                drop(self.eye.around(gone, || self.handle()?.remove_dir(name)));
            }
        })
    }

    /// Opens a folder inside this one.
    pub(crate) fn existing_child(&self, name: &str) -> Result<Self, StoreError> {
        let path = self.path.join(name);
        let handle = match self.eye.around(Call::OpenDir, || self.handle()?.open_dir(name)) {
            Ok(handle) => Some(handle),
            Err(error) if self.is_only_looked_at && kind_of(&error) == StoreErrorKind::NotFound => None,
            Err(error) => return Err(StoreError::io("open the folder", path, error)),
        };
        Ok(Self {
            handle,
            path,
            eye: self.eye.clone(),
            is_only_looked_at: self.is_only_looked_at,
            told: self.told.as_ref().and_then(|told| told.inside(name)),
        })
    }

    /// Its path, for messages and people.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it, for messages and people.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn entry<'a>(&'a self, name: &'a str) -> Entry<'a> {
        Entry {
            folder: &self.path,
            name,
        }
    }

    const fn change<'a>(&'a self, came: Option<&'a str>, went: Option<&'a str>) -> Change<'a> {
        Change { dir: self, came, went }
    }

    fn failed<'a>(&'a self, operation: &'static str, name: &'a str) -> impl FnOnce(io::Error) -> StoreError + 'a {
        move |error| StoreError::io(operation, self.path_of(name), error)
    }

    fn opened(
        &self,
        name: &str,
        operation: &'static str,
        open: impl FnOnce() -> io::Result<File>,
    ) -> Result<DiskFile, StoreError> {
        let (entry, file) = (self.entry(name), DiskFile::next_id());
        let call = match operation {
            "create" => Call::Create { entry, file },
            _ => Call::Open { entry, file },
        };
        let opened = self.eye.around(call, open).map_err(self.failed(operation, name))?;
        Ok(DiskFile::new(opened, file, self.eye.clone()))
    }

    /// Makes a file that must not be there yet, for writing and reading.
    pub(crate) fn create_new(&self, name: &str) -> Result<DiskFile, StoreError> {
        self.may_alter("create", name)?;
        let change = [self.change(Some(name), None)];
        self.opened(name, "create", || telling(&change, || self.handle()?.create_new(name)))
    }

    /// Opens a file for appending and reading, and makes it where it is missing.
    pub(crate) fn open_append(&self, name: &str) -> Result<DiskFile, StoreError> {
        self.may_alter("write", name)?;
        let file = self.opened(name, "open", || self.handle()?.open_append(name))?;
        self.is_ours(&file, name)?;
        Ok(file)
    }

    /// Opens a file for appending and reading; it must be there.
    pub(crate) fn open_existing(&self, name: &str) -> Result<DiskFile, StoreError> {
        self.may_alter("write", name)?;
        let file = self.opened(name, "open", || self.handle()?.open_existing(name))?;
        self.is_ours(&file, name)?;
        Ok(file)
    }

    /// Reads a whole file: a regular one with a single name and at most `limit` bytes.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>, StoreError> {
        let file = self.opened(name, "open", || self.handle()?.open_read(name))?;
        let facts = self.is_ours(&file, name)?;
        self.read_all(&file, name, facts.len(), limit)
    }

    /// Opens a file for reading: a regular one with a single name.
    pub(crate) fn open_read(&self, name: &str) -> Result<DiskFile, StoreError> {
        let file = self.opened(name, "open", || self.handle()?.open_read(name))?;
        self.is_ours(&file, name)?;
        Ok(file)
    }

    /// Opens a file for reading that others have written: a regular one, of as many names as they like.
    pub(crate) fn open_anothers(&self, name: &str) -> Result<DiskFile, StoreError> {
        let file = self.opened(name, "open", || self.handle()?.open_read(name))?;
        let facts = file.metadata().map_err(self.failed("look at", name))?;
        match facts.is_file() {
            true => Ok(file),
            false => Err(self.damaged("open", name, "it is not a regular file")),
        }
    }

    /// Reads an open file from its beginning.
    pub(crate) fn read_file(&self, file: &DiskFile, name: &str, limit: u64) -> Result<Vec<u8>, StoreError> {
        let length = file.metadata().map_err(self.failed("look at", name))?.len();
        file.rewind().map_err(self.failed("read", name))?;
        self.read_all(file, name, length, limit)
    }

    /// Reads a file from where it stands: its beginning. It had this length a moment ago.
    pub(crate) fn read_all(&self, file: &DiskFile, name: &str, length: u64, limit: u64) -> Result<Vec<u8>, StoreError> {
        // one more than there is: the end of the file is seen without making room for it
        let room = usize::try_from(length.min(limit).saturating_add(1)).unwrap_or_default();
        let mut bytes = Vec::new();
        let reserved = bytes.try_reserve_exact(room).map_err(io::Error::from);
        reserved.map_err(self.failed("read", name))?;
        file.take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(self.failed("read", name))?;
        if u64::try_from(bytes.len()).map_or(true, |length| length > limit) {
            let detail = format!("it is larger than {limit} bytes");
            return Err(self.damaged("read", name, detail));
        }
        Ok(bytes)
    }

    /// Refuses what the store never writes: links, pipes, folders, files with a second name.
    fn is_ours(&self, file: &DiskFile, name: &str) -> Result<Metadata, StoreError> {
        let facts = file.metadata().map_err(self.failed("look at", name))?;
        if !facts.is_file() {
            return Err(self.damaged("open", name, "it is not a regular file"));
        }
        if system::names_of(&facts) > 1 {
            return Err(self.damaged("open", name, "it has a second name elsewhere (a hard link)"));
        }
        Ok(facts)
    }

    fn damaged(&self, operation: &'static str, name: &str, detail: impl Into<String>) -> StoreError {
        StoreError::new(StoreErrorKind::Damaged, operation, self.path_of(name), detail)
    }

    /// Gives a file another name, here or in `to`, on the same file system. What is there is never replaced: that
    /// is [`StoreErrorKind::Conflict`].
    pub(crate) fn rename_new(&self, name: &str, to: &Self, new_name: &str) -> Result<(), StoreError> {
        self.may_alter("rename", name)?;
        to.may_alter("rename to", new_name)?;
        let call = Call::Rename {
            from: self.entry(name),
            to: to.entry(new_name),
        };
        let rename = || self.handle()?.rename_new(name, to.handle()?, new_name);
        let renamed = self.eye.around(call, || {
            if self.path == to.path {
                return telling(&[self.change(Some(new_name), Some(name))], rename);
            }
            telling(
                &[self.change(None, Some(name)), to.change(Some(new_name), None)],
                rename,
            )
        });
        renamed.map_err(to.failed("rename to", new_name))
    }

    /// Moves files to another folder on the same file system, each under its name and after the one before; what each led to, in
    /// their order. Otherwise as [`Dir::rename_new`].
    pub(crate) fn move_all(&self, files: &[&str], to: &Self) -> Vec<Result<(), StoreError>> {
        let rename = |file: &str| {
            self.may_alter("rename", file)?;
            to.may_alter("rename to", file)?;
            let call = Call::Rename {
                from: self.entry(file),
                to: to.entry(file),
            };
            self.eye
                .around(call, || self.handle()?.rename_new(file, to.handle()?, file))
                .map_err(to.failed("rename to", file))
        };
        let together = files.chunks(news::TOGETHER);
        together
            .flat_map(|some| telling_moves(self, to, some, rename))
            .collect()
    }

    /// Gives a file another name in this folder and replaces what is there.
    pub(crate) fn replace(&self, name: &str, new_name: &str) -> Result<(), StoreError> {
        self.may_alter("replace", new_name)?;
        let (from, to) = (self.entry(name), self.entry(new_name));
        self.eye
            .around(Call::Rename { from, to }, || self.handle()?.replace(name, new_name))
            .map_err(self.failed("replace", new_name))
    }

    /// Removes a file.
    pub(crate) fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.may_alter("remove", name)?;
        let entry = self.entry(name);
        self.eye
            .around(Call::Remove { entry }, || {
                telling(&[self.change(None, Some(name))], || self.handle()?.remove(name))
            })
            .map_err(self.failed("remove", name))
    }

    /// Removes a file that is of no use; a leftover harms nobody.
    pub(crate) fn discard(&self, name: &str) {
        drop(self.remove(name));
    }

    /// True when something has that name, whatever it is.
    pub(crate) fn holds(&self, name: &str) -> Result<bool, StoreError> {
        match self.eye.around(Call::Look, || self.handle()?.look(name)) {
            Ok(()) => Ok(true),
            Err(error) if kind_of(&error) == StoreErrorKind::NotFound => Ok(false),
            Err(error) => Err(StoreError::io("look at", self.path_of(name), error)),
        }
    }

    /// Ends when the names in this folder are on stable storage.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.eye
            .around(Call::SyncDir { path: &self.path }, || self.handle()?.sync())
            .map_err(|error| StoreError::io("sync the folder", &self.path, error))
    }

    /// Ends when everything that was written to this file system is on stable storage, whoever wrote it; false, and nothing
    /// was done, where the system cannot promise that.
    pub(crate) fn sync_everything(&self) -> Result<bool, StoreError> {
        if !self.handle.as_ref().is_some_and(system::Handle::can_sync_everything) {
            return Ok(false);
        }
        self.eye
            .around(Call::SyncEverything, || self.handle()?.sync_everything())
            .map_err(|error| StoreError::io("sync the file system of", &self.path, error))?;
        Ok(true)
    }

    /// Calls `each` with every name in the folder, in no order, without looking at the files.
    pub(crate) fn each_name(&self, mut each: impl FnMut(&str)) -> Result<(), StoreError> {
        let Some(handle) = &self.handle else { return Ok(()) };
        self.eye
            .around(Call::List, || handle.each_name(&mut each))
            .map_err(|error| StoreError::io("list", &self.path, error))
    }

    /// The same, and with each name whether it is a file's: false for what the listing knows to be a link, a folder or a pipe.
    pub(crate) fn each_entry(&self, mut each: impl FnMut(&str, bool)) -> Result<(), StoreError> {
        let Some(handle) = &self.handle else { return Ok(()) };
        self.eye
            .around(Call::List, || handle.each_entry(&mut each))
            .map_err(|error| StoreError::io("list", &self.path, error))
    }

    /// Every name in the folder, sorted.
    pub(crate) fn names(&self) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        self.each_name(|name| names.push(name.to_owned()))?;
        names.sort_unstable();
        Ok(names)
    }

    /// Size and time of change of a file, without opening it; `None` where there is none, or something that is no file.
    pub(crate) fn looks_of(&self, name: &str) -> Option<(u64, i64)> {
        self.handle().and_then(|handle| handle.looks_of(name)).ok().flatten()
    }

    /// How many bytes a file has: a regular one with a single name.
    pub(crate) fn length_of(&self, name: &str) -> Result<u64, StoreError> {
        let file = self.open_read(name)?;
        file.metadata()
            .map(|facts| facts.len())
            .map_err(self.failed("look at", name))
    }

    /// What kind of file system it lies on, where the system tells.
    pub(crate) fn file_system(&self) -> Option<FileSystem> {
        self.eye.pretended().or_else(|| self.handle.as_ref()?.file_system())
    }

    /// True for a folder whose files are for its group too.
    pub(crate) fn is_shared(&self) -> bool {
        self.handle.as_ref().is_some_and(system::Handle::is_shared)
    }

    /// Gives this folder, what is in it and what is made in it to its group, now and from here on; those in it first.
    pub(crate) fn share(&self) -> Result<(), StoreError> {
        self.may_alter("give to its group", "")?;
        for name in self.names()? {
            let shared = self.handle().and_then(|handle| handle.share_entry(&name));
            shared.map_err(self.failed("give to its group", &name))?;
        }
        self.handle()
            .and_then(system::Handle::share)
            .map_err(|error| StoreError::io("give to its group", &self.path, error))
    }

    /// What is left on the file system.
    pub(crate) fn space(&self) -> Result<Space, StoreError> {
        self.eye
            .around(Call::Space, || self.handle()?.space())
            .map_err(|error| StoreError::io("look at the free space of", &self.path, error))
    }
}

/// True while the file still has a name: nobody removed it since it was opened.
pub(crate) fn is_linked(file: &DiskFile) -> io::Result<bool> {
    Ok(has_a_name(&file.metadata()?))
}

/// The same, by what was seen of it.
pub(crate) fn has_a_name(facts: &Metadata) -> bool {
    system::names_of(facts) > 0
}

/// The mode of a file that others than its owner can read; `None` where nobody can, or the system has no modes.
pub(crate) fn readable_by_others(facts: &Metadata) -> Option<u32> {
    system::mode_of(facts).filter(|mode| mode & 0o077 != 0)
}

/// Makes a folder and the missing ones above it, each durable in the one that holds it.
pub(crate) fn make_path(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("."),
    };
    make_path(parent)?;
    match system::make_dir(path) {
        Ok(()) => Dir::open(parent)?.sync(),
        Err(error) if kind_of(&error) == StoreErrorKind::Conflict && path.is_dir() => Ok(()),
        Err(error) => Err(StoreError::io("make the folder", path, error)),
    }
}
