//! Looking at a store that cannot be written to, or must not be: nothing is made, recovered, locked or moved.

use crate::{
    disk::Dir,
    error::{StoreError, StoreErrorKind},
    ground, journal,
    name::{RecordName, is_run_id},
    publish::TEMPORARY,
    store::{Layout, Store},
};
use std::{collections::BTreeSet, path::Path};

/// The folders of which a store has at least one, whatever of it was copied.
const ANY_OF: [&str; 5] = ["pending", "synced", "parked", "kept", "journal"];
/// How many letters a run id has.
const RUN_ID_LETTERS: usize = 36;

impl Store {
    /// Opens a store only to look at it: on a read-only file system, or where this user may not write. Whatever would alter it
    /// is refused as [`StoreErrorKind::ReadOnly`], also where the disk would let it be done. A folder of it that is missing has
    /// nothing in it. Others may write to it meanwhile.
    ///
    /// # Errors
    /// [`StoreErrorKind::NotFound`] when there is none; else [`StoreError`] when a folder cannot be read.
    pub fn open_to_look(root: &Path) -> Result<Self, StoreError> {
        Self::look_before(Dir::open(root)?)
    }

    /// As [`Store::open_to_look`], of a folder on which somebody may look on.
    pub(crate) fn look_before(root: Dir) -> Result<Self, StoreError> {
        let root = root.only_looked_at();
        ground::refuse_other_machines(&root)?;
        let mut is_there = false;
        for name in ANY_OF {
            is_there |= root.holds(name)?;
        }
        if !is_there {
            let detail = format!("it holds no store: no folder {}", ANY_OF.join(", "));
            return Err(StoreError::new(
                StoreErrorKind::NotFound,
                "look at",
                root.path(),
                detail,
            ));
        }
        let journal = root.child("journal")?;
        Ok(Self::of(Layout::open(root, journal)?))
    }

    /// True where nothing may be altered.
    #[must_use]
    pub fn is_only_looked_at(&self) -> bool {
        self.layout().root.is_only_looked_at()
    }

    /// How many runs have a journal, or a record without a name, and no record that waits: they were interrupted, or are in
    /// progress. Names alone are looked at.
    ///
    /// # Errors
    /// [`StoreError`] when a folder cannot be listed.
    pub fn unsealed(&self) -> Result<usize, StoreError> {
        let mut runs: BTreeSet<String> = BTreeSet::new();
        self.layout().journal.each_name(|name| {
            runs.extend(journal::run_id_of(name).map(str::to_owned));
        })?;
        let mut sealed = Vec::new();
        self.layout()
            .pending
            .each_name(|name| match name.strip_prefix(TEMPORARY) {
                Some(stem) => {
                    let run_id = stem.get(..RUN_ID_LETTERS).filter(|id| is_run_id(id));
                    runs.extend(run_id.map(str::to_owned));
                }
                None => sealed.extend(name.parse::<RecordName>()),
            })?;
        for name in sealed {
            runs.remove(name.run_id());
        }
        Ok(runs.len())
    }
}
