//! The store: one folder on one file system, and what is done to it as a whole.

use crate::{
    chain::{Head, Sealing},
    clock::ClockFacts,
    disk::{Dir, eye::Eye, make_path},
    error::{StoreError, StoreErrorKind},
    ground::{self, PROBE},
    integrity::{self, Unwritten},
    journal::Journal,
    lock::{self, Lock},
    mint,
    name::RecordName,
    outbox::{Held, held_bytes},
    publish::{Published, publish_after},
    quarantine::quarantine,
    record::{Packed, Record},
    recovery::{leave_marker, sync_held},
    sign::StationKey,
    space::{self, Estimate},
    underway,
    units::remember,
};
use chrono::{DateTime, Utc};
use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A store of runs. Cheap to clone; every operation blocks on the disk.
#[derive(Clone, Debug)]
pub struct Store {
    layout: Arc<Layout>,
    pub(crate) least_bytes: u64,
    pub(crate) warn_below: Option<u64>,
    key: Option<Arc<StationKey>>,
    keeps_modes: bool,
}

/// The open folders of a store.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) root: Dir,
    pub(crate) pending: Dir,
    pub(crate) synced: Dir,
    pub(crate) parked: Dir,
    pub(crate) kept: Dir,
    pub(crate) quarantine: Dir,
    pub(crate) journal: Dir,
    pub(crate) receipts: Dir,
    pub(crate) attachments: Dir,
    pub(crate) markers: Dir,
    pub(crate) units: Dir,
}

impl Layout {
    /// Opens the folders of a store; those that are missing are made, unless it is only looked at.
    pub(crate) fn open(root: Dir, journal: Dir) -> Result<Self, StoreError> {
        Ok(Self {
            pending: root.child("pending")?,
            synced: root.child("synced")?,
            parked: root.child("parked")?,
            kept: root.child("kept")?,
            quarantine: root.child("quarantine")?,
            journal,
            receipts: root.child("receipts")?,
            attachments: root.child("attachments")?,
            markers: root.child("unsafe")?,
            units: root.child("units")?,
            root,
        })
    }

    /// The open month folders under `synced/`; what else lies there is not ours.
    pub(crate) fn months(&self) -> Result<Vec<Dir>, StoreError> {
        let digits = |part: &str, count| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
        let is_month = |name: &String| {
            let parts = name.split_once('-');
            parts.is_some_and(|(year, month)| digits(year, 4) && digits(month, 2))
        };
        let names = self.synced.names()?.into_iter().filter(is_month);
        names.map(|name| self.synced.existing_child(&name)).collect()
    }
}

/// A run that may start: its id and number are durable and nobody else has them.
#[derive(Clone, Debug, PartialEq)]
pub struct Ticket {
    /// `UUIDv7`: the idempotency key of every upload.
    pub run_id: String,
    /// Rises by one per run on this store.
    pub sequence: u64,
    /// What the computer knew of its clocks when it was minted.
    pub clock: ClockFacts,
}

/// A run that is saved: from here on the outcome may be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// Where the record is.
    pub path: PathBuf,
    /// Its file name.
    pub name: RecordName,
    /// What it says.
    pub record: Box<Record<Packed>>,
}

impl Store {
    /// Opens a store, and makes it first where it is missing.
    ///
    /// # Errors
    /// [`StoreError`] when a folder cannot be opened or made, or nothing can be written there.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        make_path(root)?;
        Self::open_before(root, Eye::default())
    }

    /// As [`Store::open`], and gives the store to the group of its folder: folders of mode 2770 and files of mode 0660, made
    /// so now and from here on. Whoever opens it later keeps to it, asked or not: the folder's mode says it.
    ///
    /// # Errors
    /// As [`Store::open`]; [`StoreErrorKind::Permission`] where the folder is another user's, who must do this first.
    pub fn open_shared(root: &Path) -> Result<Self, StoreError> {
        make_path(root)?;
        let folder = Dir::open(root)?;
        if !folder.is_shared() {
            folder.share()?;
        }
        Self::open(root)
    }

    /// Opens a store, with somebody looking on.
    pub(crate) fn open_before(root: &Path, eye: Eye) -> Result<Self, StoreError> {
        let root = Dir::open_before(root, eye)?;
        ground::refuse_other_machines(&root)?;
        let root = root.telling();
        // before anything else is made: a store that cannot be written to stays as it is
        let journal = root.child("journal")?;
        let keeps_modes = ground::probe(&journal)?;
        Ok(Self {
            keeps_modes,
            ..Self::of(Layout::open(root, journal)?)
        })
    }

    /// A store on open folders.
    pub(crate) fn of(layout: Layout) -> Self {
        Self {
            keeps_modes: true,
            layout: Arc::new(layout),
            least_bytes: space::LEAST_BYTES,
            warn_below: None,
            key: None,
        }
    }

    /// The same store, whose records are signed from here on.
    #[must_use]
    pub fn with_key(mut self, key: StationKey) -> Self {
        self.key = Some(Arc::new(key));
        self
    }

    /// The folder that holds it.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.layout.root.path()
    }

    /// False on a file system that has one mode for every file, as FAT has: others than the owner may read the results there, and
    /// alter them where that mode lets them.
    #[must_use]
    pub const fn keeps_modes(&self) -> bool {
        self.keeps_modes
    }

    /// The folder for attachments; each file lies there under its digest.
    #[must_use]
    pub fn attachments(&self) -> &Path {
        self.layout.attachments.path()
    }

    pub(crate) fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The key with which this station signs.
    pub(crate) fn key(&self) -> Option<&StationKey> {
        self.key.as_deref()
    }

    pub(crate) fn lock(&self) -> Result<Lock, StoreError> {
        lock::wait(&self.layout.root, lock::STORE)
    }

    /// Lets one process at a time drain `pending/`; the lock is held until it is dropped. What a drain that died had begun
    /// to send is in the receipts when this ends.
    ///
    /// # Errors
    /// [`StoreErrorKind::Locked`] when another process drains it; [`StoreErrorKind::Damaged`] when its list of uploads cannot
    /// be believed; trouble with the disk.
    pub fn lock_syncer(&self) -> Result<Lock, StoreError> {
        let lock = lock::take(&self.layout.root, lock::SYNCER)?;
        underway::settle(self)?;
        Ok(lock)
    }

    /// Mints the id and the number of a run, durably, before it starts.
    ///
    /// # Errors
    /// [`StoreErrorKind::Full`] when there is too little space to save a run, so that none is tested in vain; else
    /// what kept the number from being written.
    pub fn begin(&self, now: DateTime<Utc>) -> Result<Ticket, StoreError> {
        self.begin_for(now, Estimate::default())
    }

    /// As [`Store::begin`], for a run that writes so much. The reserve that is given up to save it is made here, where it is
    /// missing and there is room.
    ///
    /// # Errors
    /// As [`Store::begin`].
    pub fn begin_for(&self, now: DateTime<Utc>, estimate: Estimate) -> Result<Ticket, StoreError> {
        // of the same moment as `now`: the lock may be waited for
        let clock = ClockFacts::read();
        space::has_room(&self.layout, self.least_bytes, estimate)?;
        let lock = self.lock()?;
        let (sequence, clock) = mint::next(&self.layout, now, clock)?;
        space::keep_reserve(&self.layout, estimate);
        drop(lock);
        Ok(Ticket {
            run_id: mint::run_id(now),
            sequence,
            clock,
        })
    }

    /// Begins the journal of a run.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written; [`StoreErrorKind::Conflict`] when the ticket was used before.
    pub fn journal(&self, ticket: &Ticket) -> Result<Journal, StoreError> {
        // a recovery that found the journal between its making and its locking would take it for a dead one
        let lock = self.lock()?;
        let journal = Journal::create(&self.layout, ticket)?;
        drop(lock);
        Ok(journal)
    }

    /// Saves the run: folds its journal, publishes the record to `pending/` and removes the journal.
    ///
    /// A run without its last word is saved as interrupted. After an error nothing is lost: the journal stays for
    /// the next recovery, and the call may be repeated.
    ///
    /// # Errors
    /// [`StoreError`] when the record is not saved.
    pub fn seal(&self, journal: &Journal) -> Result<Saved, StoreError> {
        let saved = space::with_reserve(&self.layout, || {
            let record = journal.so_far()?;
            // before the record: whoever comes next must know of an output that could not be proved off
            leave_marker(&self.layout, &record)?;
            self.publish(record)
        })?;
        journal.close();
        Ok(saved)
    }

    /// Gives a record its place in the chain and publishes it to `pending/`.
    pub(crate) fn publish(&self, mut record: Record<Packed>) -> Result<Saved, StoreError> {
        let pending = &self.layout.pending;
        let name = RecordName::of(&record);
        let sealing = Sealing::begin(&self.layout)?;
        if let Some(saved) = self.saved_before(&name, &record)? {
            return Ok(saved);
        }
        let place = Head::next(sealing.head.as_ref());
        let position = place.position;
        record.chain = Some(place);
        let write = |to: &mut dyn Write| {
            let path = || pending.path_of(name.as_str());
            integrity::write_sealed(&record, self.key.as_deref(), to).map_err(|unwritten| match unwritten {
                Unwritten::Disk(error) => StoreError::io("write", path(), error),
                Unwritten::Form(error) => {
                    let detail = format!("the record cannot be written: {error}");
                    StoreError::new(StoreErrorKind::Invalid, "write", path(), detail).caused_by(error)
                }
            })
        };
        let announce = |digest: &String| {
            sealing.announce(&Head {
                position,
                digest: digest.clone(),
                name: name.clone(),
            })
        };
        match publish_after(pending, &record.run_id, name.as_str(), write, announce)? {
            Published::New | Published::Already => {
                sealing.done();
                remember(&self.layout.units, &record);
                Ok(Saved {
                    path: pending.path_of(name.as_str()),
                    name,
                    record: Box::new(record),
                })
            }
            Published::Conflict { temporary } => {
                let reason = format!("another record has the name {name}");
                let kept = quarantine(pending, &temporary, &self.layout.quarantine, &reason)?;
                let detail = format!("{reason}; this one is in quarantine as {}", kept.name);
                let path = pending.path_of(name.as_str());
                Err(StoreError::new(StoreErrorKind::Conflict, "publish", path, detail))
            }
        }
    }
}

impl Store {
    /// The same run, published before: a second call, or one that saw only the first part of the first.
    fn saved_before(&self, name: &RecordName, record: &Record<Packed>) -> Result<Option<Saved>, StoreError> {
        // a syncer may have moved it; what is there under its name and is no record is met again, and told, when publishing
        let Some(Held {
            folder,
            bytes: Some(bytes),
        }) = held_bytes(&self.layout, name)?
        else {
            return Ok(None);
        };
        let Ok(found) = integrity::open(&bytes) else {
            return Ok(None);
        };
        let found = found.packed();
        let same = Record {
            chain: found.chain.clone(),
            ..record.clone()
        };
        if same != found {
            return Ok(None);
        }
        // whoever put it there may have died before this step
        sync_held(&self.layout, &folder, name)?;
        remember(&self.layout.units, &found);
        Ok(Some(Saved {
            path: folder.path_of(name.as_str()),
            name: name.clone(),
            record: Box::new(found),
        }))
    }
}

/// Removes the probes of programs that were killed while they opened the store.
pub(crate) fn discard_probes(layout: &Layout) -> Result<(), StoreError> {
    for name in layout.journal.names()? {
        if name.starts_with(PROBE) {
            layout.journal.discard(&name);
        }
    }
    Ok(())
}
