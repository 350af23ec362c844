//! What lies where: the folders of records and what is in them, for readers that keep a summary of their own.
//!
//! Nothing is moved here, not even what cannot be believed: `runs list` must not change what `sync` finds.

use crate::{
    chain::any_from_elsewhere,
    disk::{
        Dir, DiskFile,
        news::{self, FolderNews},
    },
    error::{StoreError, StoreErrorKind},
    name::RecordName,
    outbox::{Place, Sealed},
    store::Store,
};
use std::io::{self, Read, SeekFrom, Write};

/// A folder that holds records: `pending`, `synced/2026-03`, `parked`, `kept`.
#[derive(Debug)]
pub struct RecordFolder {
    store: Store,
    dir: Dir,
    place: Place,
    name: String,
}

/// When a file or folder changed last, in nanoseconds since 1970; only good for "the same as before".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Changed(pub i64);

/// What a file looks like from outside, without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looks {
    /// Its size in bytes.
    pub size: u64,
    /// When its bytes changed last.
    pub changed: Changed,
}

impl Store {
    /// The folders that hold records, in the order in which records move through them.
    ///
    /// A record that moves while they are read one after the other can slip by: look into the first again at the end.
    ///
    /// # Errors
    /// [`StoreError`] when a folder cannot be opened.
    pub fn record_folders(&self) -> Result<Vec<RecordFolder>, StoreError> {
        let root = &self.layout().root;
        let folder = |dir, place, name: &str| RecordFolder {
            store: self.clone(),
            dir,
            place,
            name: name.to_owned(),
        };
        let mut folders = vec![folder(root.existing_child("pending")?, Place::Pending, "pending")];
        for month in self.layout().months()? {
            let name = month.path().file_name().map(|name| name.to_string_lossy().into_owned());
            let name = format!("synced/{}", name.unwrap_or_default());
            folders.push(folder(month, Place::Synced, &name));
        }
        folders.push(folder(root.existing_child("parked")?, Place::Parked, "parked"));
        folders.push(folder(root.existing_child("kept")?, Place::Kept, "kept"));
        folders.retain(|folder| folder.dir.is_there());
        Ok(folders)
    }

    /// True where records were brought from another store, whose numbers are its own: they say nothing of which run of the two
    /// came first.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be looked at.
    pub fn has_numbers_of_others(&self) -> Result<bool, StoreError> {
        any_from_elsewhere(self.layout())
    }

    /// What the store itself did to its folders of records since the news were forgotten last, oldest first; and how much was
    /// told, for [`Store::forget_news`]. Whoever knew a folder at the time before the first of its changes, and finds it at the
    /// time after the last, knows what is in it; where the times do not fit it must be listed.
    #[must_use]
    pub fn news(&self) -> (Vec<FolderNews>, u64) {
        self.layout().root.news()
    }

    /// Forgets so much of what was told.
    pub fn forget_news(&self, length: u64) {
        self.layout().root.forget_news(length);
    }

    /// Opens a file under `index/`, for a summary that can be made again from the records; makes it where it is missing. In a
    /// store that is only looked at it can be read, where it is there, and never be had for oneself.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be opened.
    pub fn derived(&self, name: &str) -> Result<Derived, StoreError> {
        let folder = self.layout().root.child("index")?;
        let is_only_looked_at = self.is_only_looked_at();
        let file = match is_only_looked_at {
            true => folder.open_read(name)?,
            false => folder.open_append(name)?,
        };
        Ok(Derived {
            file,
            path: folder.path_of(name),
            is_only_looked_at,
        })
    }
}

impl RecordFolder {
    /// What it means that a record lies here.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }

    /// Its path below the store's root.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When a name came, went or changed last: the same as before means the same names as before, if that was some time
    /// ago by the file system's clock.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be looked at.
    pub fn changed(&self) -> Result<Changed, StoreError> {
        let facts = std::fs::metadata(self.dir.path());
        let facts = facts.map_err(|error| StoreError::io("look at", self.dir.path(), error))?;
        Ok(Changed(news::changed(&facts)))
    }

    /// Calls `each` with every name in it, in no order; not all are records.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be listed.
    pub fn each_name(&self, each: impl FnMut(&str)) -> Result<(), StoreError> {
        self.dir.each_name(each)
    }

    /// What a file in it looks like; `None` where there is none, or something that is no file.
    #[must_use]
    pub fn looks_of(&self, name: &str) -> Option<Looks> {
        let (size, changed) = self.dir.looks_of(name)?;
        let changed = Changed(changed);
        Some(Looks { size, changed })
    }

    /// Reads a record in it and checks every byte.
    ///
    /// # Errors
    /// [`StoreErrorKind::NotFound`], [`StoreErrorKind::Damaged`], [`StoreErrorKind::Newer`], or trouble with the disk.
    pub fn read(&self, name: &RecordName) -> Result<Sealed, StoreError> {
        self.store.read_in(&self.dir, name)
    }
}

/// A file that can be made again from the records: nobody's truth. Only appended to, or emptied.
#[derive(Debug)]
pub struct Derived {
    file: DiskFile,
    path: std::path::PathBuf,
    is_only_looked_at: bool,
}

impl Derived {
    /// Its path, for messages.
    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    fn failed(&self, operation: &'static str) -> impl FnOnce(io::Error) -> StoreError {
        let path = self.path.clone();
        move |error| StoreError::io(operation, path, error)
    }

    /// Waits until nobody else has it; held until it is dropped.
    ///
    /// # Errors
    /// [`StoreError`] when the system cannot lock it.
    pub fn lock(&self) -> Result<(), StoreError> {
        self.file.lock().map_err(self.failed("lock"))
    }

    /// Takes it if nobody else has it, and says whether that was so; held until it is dropped. Whoever only looks never has it.
    ///
    /// # Errors
    /// [`StoreError`] when the system cannot lock it.
    pub fn try_lock(&self) -> Result<bool, StoreError> {
        if self.is_only_looked_at {
            return Ok(false);
        }
        self.file.try_lock().map_err(self.failed("lock"))
    }

    /// Its length in bytes.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be looked at.
    pub fn length(&self) -> Result<u64, StoreError> {
        Ok(self.file.metadata().map_err(self.failed("look at"))?.len())
    }

    /// Its bytes from `from` to its end.
    ///
    /// # Errors
    /// [`StoreErrorKind::TooLarge`] beyond `most` bytes, or trouble with the disk.
    pub fn read_from(&self, from: u64, most: u64) -> Result<Vec<u8>, StoreError> {
        let length = self.length()?.saturating_sub(from);
        if length > most {
            let detail = format!("it is larger than {most} bytes");
            return Err(StoreError::new(StoreErrorKind::TooLarge, "read", &self.path, detail));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        self.file.seek(SeekFrom::Start(from)).map_err(self.failed("read"))?;
        let mut file = &self.file;
        Read::by_ref(&mut file)
            .take(most)
            .read_to_end(&mut bytes)
            .map_err(self.failed("read"))?;
        Ok(bytes)
    }

    /// So many of its bytes, from `from` on; fewer where it ends before.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn read_part(&self, from: u64, length: u64) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        self.file.seek(SeekFrom::Start(from)).map_err(self.failed("read"))?;
        let mut file = &self.file;
        Read::by_ref(&mut file)
            .take(length)
            .read_to_end(&mut bytes)
            .map_err(self.failed("read"))?;
        Ok(bytes)
    }

    /// Adds bytes at its end. Not durable: after a power cut they may be missing or torn, and are made again.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be written.
    pub fn append(&self, bytes: &[u8]) -> Result<(), StoreError> {
        (&self.file).write_all(bytes).map_err(self.failed("write"))
    }

    /// Cuts what lies behind the first `length` bytes.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be cut.
    pub fn cut(&self, length: u64) -> Result<(), StoreError> {
        self.file.set_len(length).map_err(self.failed("cut"))
    }
}
