//! Sealed records on their way out: listing, loading with every byte checked, and moving between the folders.
//!
//! A record is never rewritten and never copied: it moves by renaming on one file system. Which folder it belongs
//! to follows from its receipts ([`Store::settle`]); a move that was lost in a crash is simply made again.

use crate::{
    disk::Dir,
    error::{StoreError, StoreErrorKind},
    integrity::{self, IntegrityError},
    name::RecordName,
    publish::holds_exactly,
    quarantine::{Quarantined, quarantine},
    receipts::{RunReceipts, Standing},
    record::{Attachment, Record},
    recovery::MOST_RECORD_BYTES,
    store::{Layout, Store},
};
use chrono::{DateTime, Datelike, Utc};
use std::{
    collections::{BTreeMap, BinaryHeap},
    path::PathBuf,
};

/// A folder of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Waiting for a target.
    Pending,
    /// Confirmed by every target that wants it.
    Synced,
    /// Refused for good by a target that wants it.
    Parked,
    /// Wanted by no target.
    Kept,
}

impl Place {
    /// What it means that a record lies in a folder, by its path below the store's root: `pending`, `synced/2026-03`. Nothing
    /// where no records lie.
    #[must_use]
    pub fn of_folder(path: &str) -> Option<Self> {
        match path {
            "pending" => Some(Self::Pending),
            "synced" => Some(Self::Synced),
            "parked" => Some(Self::Parked),
            "kept" => Some(Self::Kept),
            _ => path.starts_with("synced/").then_some(Self::Synced),
        }
    }
}

/// Names in a folder, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Records, by their names alone: nothing was opened.
    pub names: Vec<RecordName>,
    /// How many records the folder holds, beyond the limit too.
    pub count: u64,
    /// Files that do not have a record's name, at most a hundred. They are never uploaded.
    pub foreign: Vec<String>,
    /// How many entries are no records by their name or by their kind, as far as the listing tells: a link and a folder are none
    /// whatever their name. Hidden ones aside.
    pub others: u64,
}

/// So many records move together: their folder is opened once.
const TOGETHER: usize = 64;
/// How many foreign files a listing names.
const MOST_FOREIGN: usize = 100;

/// A record whose every byte was checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Sealed {
    /// Its file name.
    pub name: RecordName,
    /// Its run's id: the idempotency key of every upload.
    pub run_id: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes, integrity member included.
    pub bytes: Vec<u8>,
    /// What it says.
    pub record: Record,
}

/// What loading a pending record led to.
#[derive(Clone, Debug, PartialEq)]
pub enum Loaded {
    /// It is whole.
    Sealed(Box<Sealed>),
    /// It is not what was sealed, and is in quarantine now.
    Quarantined(Quarantined),
    /// It is not there any more: another program moved it.
    Gone,
}

impl Store {
    /// The oldest records in a folder. Lists names only; memory does not grow with the folder.
    ///
    /// # Errors
    /// [`StoreError`] when the folder cannot be listed.
    pub fn list(&self, place: Place, limit: usize) -> Result<Listing, StoreError> {
        let mut oldest = BinaryHeap::new();
        let mut listing = Listing::default();
        for folder in self.folders(place)? {
            folder.each_entry(|file, is_file| match file.parse::<RecordName>() {
                Ok(name) if is_file => {
                    listing.count += 1;
                    oldest.push(name);
                    if oldest.len() > limit {
                        oldest.pop();
                    }
                }
                Ok(_no_file) => listing.others += 1,
                Err(_) if file.starts_with('.') => {}
                Err(_) => {
                    listing.others += 1;
                    if listing.foreign.len() < MOST_FOREIGN {
                        listing.foreign.push(file.to_owned());
                    }
                }
            })?;
        }
        listing.names = oldest.into_sorted_vec();
        listing.foreign.sort_unstable();
        Ok(listing)
    }

    /// The oldest records that wait for a target.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn pending(&self, limit: usize) -> Result<Listing, StoreError> {
        self.list(Place::Pending, limit)
    }

    /// The names of the files in quarantine, without their `.reason` files.
    ///
    /// # Errors
    /// [`StoreError`] when the folder cannot be listed.
    pub fn quarantined(&self) -> Result<Vec<String>, StoreError> {
        let mut names = self.layout().quarantine.names()?;
        names.retain(|name| !name.ends_with(".reason") && !name.starts_with('.'));
        Ok(names)
    }

    /// Loads a pending record and checks every byte of it. One that is not what was sealed, that is a link or a pipe, or
    /// that holds another run than its name says goes to quarantine: never deleted, never uploaded.
    ///
    /// # Errors
    /// [`StoreError`] when the disk is in trouble; [`StoreErrorKind::Newer`] for a record that a later program
    /// wrote, which stays where it is.
    pub fn load(&self, name: &RecordName) -> Result<Loaded, StoreError> {
        let reason = match self.read_in(&self.layout().pending, name) {
            Ok(sealed) => return Ok(Loaded::Sealed(Box::new(sealed))),
            Err(error) => match error.kind() {
                StoreErrorKind::NotFound => return Ok(Loaded::Gone),
                StoreErrorKind::Damaged => error.to_string(),
                StoreErrorKind::Full
                | StoreErrorKind::ReadOnly
                | StoreErrorKind::Permission
                | StoreErrorKind::Locked
                | StoreErrorKind::Conflict
                | StoreErrorKind::Newer
                | StoreErrorKind::TooLarge
                | StoreErrorKind::Invalid
                | StoreErrorKind::Io => return Err(error),
            },
        };
        let layout = self.layout();
        quarantine(&layout.pending, name.as_str(), &layout.quarantine, &reason).map(Loaded::Quarantined)
    }

    /// Reads a record wherever it is and checks every byte of it, without moving anything.
    ///
    /// # Errors
    /// [`StoreErrorKind::NotFound`], [`StoreErrorKind::Damaged`], [`StoreErrorKind::Newer`], or trouble with the
    /// disk.
    pub fn read(&self, place: Place, name: &RecordName) -> Result<Sealed, StoreError> {
        self.read_in(&self.folder_of(place, name)?, name)
    }

    pub(crate) fn read_in(&self, folder: &Dir, name: &RecordName) -> Result<Sealed, StoreError> {
        let path = folder.path_of(name.as_str());
        let bytes = folder.read(name.as_str(), MOST_RECORD_BYTES)?;
        let record = integrity::open(&bytes).map_err(|error| {
            let kind = match error {
                IntegrityError::Missing | IntegrityError::Altered | IntegrityError::Form(_) => StoreErrorKind::Damaged,
                IntegrityError::Newer(_) => StoreErrorKind::Newer,
            };
            StoreError::new(kind, "read", &path, error.to_string()).caused_by(error)
        })?;
        if RecordName::of(&record) != *name {
            let detail = format!("it holds run {}: another name than its own", RecordName::of(&record));
            return Err(StoreError::new(StoreErrorKind::Damaged, "read", path, detail));
        }
        Ok(Sealed {
            run_id: record.run_id.clone(),
            name: name.clone(),
            path,
            bytes,
            record,
        })
    }

    /// The bytes of an attachment, every one of them checked.
    ///
    /// # Errors
    /// [`StoreErrorKind::NotFound`] when it is not there, [`StoreErrorKind::Damaged`] when it is not what was put away, or
    /// trouble with the disk.
    pub fn attachment_bytes(&self, attachment: &Attachment) -> Result<Vec<u8>, StoreError> {
        let folder = &self.layout().attachments;
        let path = || folder.path_of(&attachment.sha256);
        let is_digest = attachment.sha256.len() == 64 && attachment.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_digest {
            let detail = format!("`{}` is no digest", attachment.sha256);
            return Err(StoreError::new(
                StoreErrorKind::Damaged,
                "read in",
                folder.path(),
                detail,
            ));
        }
        let bytes = folder.read(&attachment.sha256, attachment.size)?;
        if integrity::sha256_hex(&bytes) != attachment.sha256 {
            let detail = format!("it is not the `{}` that was put away", attachment.name);
            return Err(StoreError::new(StoreErrorKind::Damaged, "read", path(), detail));
        }
        Ok(bytes)
    }

    /// Puts a file in `pending/` into quarantine: one that does not have a record's name, say.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be moved, or `file` is not a plain name.
    pub fn quarantine(&self, file: &str, reason: &str) -> Result<Quarantined, StoreError> {
        let pending = &self.layout().pending;
        if file.is_empty() || file == "." || file == ".." || file.contains(['/', '\\', '\0']) {
            let detail = format!("{file:?} is not the name of a file");
            return Err(StoreError::new(
                StoreErrorKind::Invalid,
                "quarantine in",
                pending.path(),
                detail,
            ));
        }
        quarantine(pending, file, &self.layout().quarantine, reason)
    }

    /// Moves a pending record to where its receipts say it belongs, given the names of the targets that are
    /// configured; `now` names the month folder. A record that is there already, byte for byte, only leaves
    /// `pending/`.
    ///
    /// # Errors
    /// [`StoreErrorKind::Damaged`] when the receipts cannot be believed; [`StoreErrorKind::Conflict`] when another
    /// record is there under its name, and then this one goes to quarantine; else trouble with the disk.
    pub fn settle(&self, name: &RecordName, targets: &[&str], now: DateTime<Utc>) -> Result<Place, StoreError> {
        let place = place(&self.receipts().read(name.run_id())?, targets);
        self.move_to(place, name, now)?;
        Ok(place)
    }

    /// [`Store::settle`] of many, each with its own time: what is in `known` by its run id is not read again, as
    /// [`Receipts::append_all`](crate::Receipts::append_all) answered it. The caller holds the syncer's lock since before that.
    pub fn settle_all(
        &self,
        moves: Vec<(RecordName, DateTime<Utc>)>,
        known: &BTreeMap<String, RunReceipts>,
        targets: &[&str],
    ) -> BTreeMap<String, Result<Place, StoreError>> {
        let mut settled = BTreeMap::new();
        let mut by_month: BTreeMap<String, Vec<(RecordName, DateTime<Utc>)>> = BTreeMap::new();
        for (name, now) in moves {
            let place = match known.get(name.run_id()) {
                Some(receipts) => Ok(place(receipts, targets)),
                None => self.receipts().read(name.run_id()).map(|read| place(&read, targets)),
            };
            match place {
                Ok(Place::Synced) => by_month.entry(month(now)).or_default().push((name, now)),
                place => {
                    let moved = place.and_then(|place| self.move_to(place, &name, now).map(|()| place));
                    settled.insert(name.run_id().to_owned(), moved);
                }
            }
        }
        for (month, names) in &by_month {
            // some at a time: into the folder that has the name now
            for some in names.chunks(TOGETHER) {
                let moved = self.move_some(month, some);
                let run_ids = some.iter().map(|(name, _)| name.run_id().to_owned());
                settled.extend(run_ids.zip(moved.into_iter().map(|moved| moved.map(|()| Place::Synced))));
            }
        }
        settled
    }

    /// Moves pending records to the folder of one month, in their order.
    fn move_some(&self, month: &str, some: &[(RecordName, DateTime<Utc>)]) -> Vec<Result<(), StoreError>> {
        let layout = self.layout();
        let Ok(folder) = layout.synced.child(month) else {
            // each says for itself why not
            let alone = some.iter().map(|(name, now)| self.move_to(Place::Synced, name, *now));
            return alone.collect();
        };
        let files: Vec<&str> = some.iter().map(|(name, _)| name.as_str()).collect();
        let renamed = layout.pending.move_all(&files, &folder);
        let moved = some.iter().zip(renamed).map(|((name, _), renamed)| match renamed {
            Err(error) if error.kind() == StoreErrorKind::Conflict => self.leave(name, &layout.pending, &folder),
            renamed => renamed,
        });
        moved.collect()
    }

    fn move_to(&self, place: Place, name: &RecordName, now: DateTime<Utc>) -> Result<(), StoreError> {
        match place {
            Place::Pending => Ok(()),
            Place::Synced => self.move_to_synced(name, now).map(drop),
            Place::Parked => self.park(name).map(drop),
            Place::Kept => self.keep(name).map(drop),
        }
    }

    /// Moves a pending record to `synced/YYYY-MM/`. The receipts of its confirmations must be durable before.
    ///
    /// # Errors
    /// As [`Store::settle`].
    pub fn move_to_synced(&self, name: &RecordName, now: DateTime<Utc>) -> Result<PathBuf, StoreError> {
        let folder = self.layout().synced.child(&month(now))?;
        self.move_record(name, &self.layout().pending, &folder)
    }

    /// Moves a pending record to `parked/`. The receipt that says why must be durable before.
    ///
    /// # Errors
    /// As [`Store::settle`].
    pub fn park(&self, name: &RecordName) -> Result<PathBuf, StoreError> {
        self.move_record(name, &self.layout().pending, &self.layout().parked)
    }

    /// Moves a pending record to `kept/`. The receipts that say why must be durable before.
    ///
    /// # Errors
    /// As [`Store::settle`].
    pub fn keep(&self, name: &RecordName) -> Result<PathBuf, StoreError> {
        self.move_record(name, &self.layout().pending, &self.layout().kept)
    }

    /// Moves a record back to `pending/`: a target was added, or a person wants another try (and then says so in a
    /// receipt first).
    ///
    /// # Errors
    /// As [`Store::settle`]; [`StoreErrorKind::NotFound`] when it is not in `from`.
    pub fn requeue(&self, from: Place, name: &RecordName) -> Result<PathBuf, StoreError> {
        self.move_record(name, &self.folder_of(from, name)?, &self.layout().pending)
    }

    /// Puts moves on stable storage: once after a batch. Without it a power cut undoes some of them, and they are
    /// made again.
    ///
    /// # Errors
    /// [`StoreError`] when a folder could not be synced.
    pub fn sync_moves(&self) -> Result<(), StoreError> {
        let layout = self.layout();
        for folder in self.folders(Place::Synced)? {
            folder.sync()?;
        }
        // whoever made a month's folder may have died before it was durable
        layout.synced.sync()?;
        layout.parked.sync()?;
        layout.kept.sync()?;
        layout.pending.sync()
    }

    fn move_record(&self, name: &RecordName, from: &Dir, to: &Dir) -> Result<PathBuf, StoreError> {
        let file = name.as_str();
        match from.rename_new(file, to, file) {
            Ok(()) => return Ok(to.path_of(file)),
            Err(error) if error.kind() == StoreErrorKind::Conflict => {}
            Err(error) => return Err(error),
        }
        self.leave(name, from, to)?;
        Ok(to.path_of(file))
    }

    /// Takes a record away where another file of its name is in the folder to which it was to move: the same bytes are there, or it
    /// goes to quarantine.
    fn leave(&self, name: &RecordName, from: &Dir, to: &Dir) -> Result<(), StoreError> {
        let file = name.as_str();
        let bytes = to.read(file, MOST_RECORD_BYTES)?;
        if holds_exactly(from, file, &bytes)? {
            to.sync()?;
            return from.remove(file);
        }
        let reason = format!("{} holds another record of the same name", to.path().display());
        let kept = quarantine(from, file, &self.layout().quarantine, &reason)?;
        let detail = format!("another record is there; this one is in quarantine as {}", kept.name);
        Err(StoreError::new(
            StoreErrorKind::Conflict,
            "move to",
            to.path_of(file),
            detail,
        ))
    }

    /// The open folders of a place: several months for the synced ones.
    fn folders(&self, place: Place) -> Result<Vec<Dir>, StoreError> {
        let root = &self.layout().root;
        let one = |name| Ok(vec![root.existing_child(name)?]);
        match place {
            Place::Pending => one("pending"),
            Place::Parked => one("parked"),
            Place::Kept => one("kept"),
            Place::Synced => self.layout().months(),
        }
    }

    fn folder_of(&self, place: Place, name: &RecordName) -> Result<Dir, StoreError> {
        for folder in self.folders(place)? {
            if folder.holds(name.as_str())? {
                return Ok(folder);
            }
        }
        let detail = "no such record there";
        Err(StoreError::new(StoreErrorKind::NotFound, "find", name.as_str(), detail))
    }
}

/// The name of a month's folder. A clock that is beyond four-digit years has no month worth a folder of its own.
fn month(now: DateTime<Utc>) -> String {
    let year = now.year().clamp(0, 9999);
    format!("{year:04}-{:02}", now.month())
}

/// The folder that holds a record under its name, wherever that is; not quarantine.
pub(crate) fn folder_holding(layout: &Layout, name: &RecordName) -> Result<Option<Dir>, StoreError> {
    let file = name.as_str();
    // pending first and last: a record that is moved while we look is met in one place or the other
    for folder in ["pending", "parked", "kept"] {
        let folder = layout.root.existing_child(folder)?;
        if folder.holds(file)? {
            return Ok(Some(folder));
        }
    }
    for month in layout.months()?.into_iter().rev() {
        if month.holds(file)? {
            return Ok(Some(month));
        }
    }
    let pending = layout.root.existing_child("pending")?;
    Ok(pending.holds(file)?.then_some(pending))
}

/// What lies under a record's name.
pub(crate) struct Held {
    /// Where.
    pub(crate) folder: Dir,
    /// Its bytes; none of what is no file of ours.
    pub(crate) bytes: Option<Vec<u8>>,
}

/// What lies under a record's name, wherever that is; not in quarantine.
///
/// A syncer may move it between the look and the read: then it is looked for again.
pub(crate) fn held_bytes(layout: &Layout, name: &RecordName) -> Result<Option<Held>, StoreError> {
    loop {
        let Some(folder) = folder_holding(layout, name)? else {
            return Ok(None);
        };
        match folder.read(name.as_str(), MOST_RECORD_BYTES) {
            Ok(bytes) => {
                let bytes = Some(bytes);
                return Ok(Some(Held { folder, bytes }));
            }
            Err(error) if error.kind() == StoreErrorKind::NotFound => {}
            Err(error) if error.kind() == StoreErrorKind::Damaged => {
                return Ok(Some(Held { folder, bytes: None }));
            }
            Err(error) => return Err(error),
        }
    }
}

/// Where a record belongs: `pending/` while a target is open, else `parked/` if one parked it, else `synced/` if one
/// confirmed it; what no target wants is kept and never called synced.
#[must_use]
pub fn place(receipts: &RunReceipts, targets: &[&str]) -> Place {
    let configured =
        |wanted: fn(&Standing) -> bool| targets.iter().any(|target| wanted(&receipts.target(target).standing));
    let confirmed = receipts
        .targets()
        .any(|(_, state)| matches!(state.standing, Standing::Confirmed { .. }));
    if configured(Standing::is_open) {
        return Place::Pending;
    }
    if configured(|standing| matches!(standing, Standing::Parked { .. })) {
        return Place::Parked;
    }
    if confirmed { Place::Synced } else { Place::Kept }
}
