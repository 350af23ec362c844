//! Records and attachments that come from another store, in a bundle: checked like our own, and put where ours wait.

use crate::{
    chain::note_from_elsewhere,
    error::{StoreError, StoreErrorKind},
    integrity,
    name::{RecordName, is_run_id},
    outbox::{Held, held_bytes},
    publish::{Published, TEMPORARY, publish, publish_after},
    record::Record,
    recovery::sync_held,
    store::Store,
    units::remember,
};
use std::io::Write;

/// Most runs that a station can have made: one a second for thirty years.
const MOST_SEQUENCE: u64 = 1_000_000_000;

/// What became of a record that was brought.
#[derive(Clone, Debug, PartialEq)]
pub enum Adopted {
    /// It waits in `pending/` now.
    New(RecordName),
    /// It is here already, byte for byte, wherever it lies.
    Already(RecordName),
}

impl Store {
    /// Puts a sealed record of another store into `pending/`, as it is. Holds `lock.store`: a recovery that begins meanwhile
    /// would take it for what a dead program left.
    ///
    /// # Errors
    /// [`StoreErrorKind::Damaged`] when it is not what was sealed or has no run's id or number, [`StoreErrorKind::Newer`] when a
    /// later program wrote it,
    /// [`StoreErrorKind::Conflict`] when another record has its name; else trouble with the disk.
    pub fn adopt(&self, bytes: &[u8]) -> Result<Adopted, StoreError> {
        let _lock = self.lock()?;
        let pending = &self.layout().pending;
        let refuse = |kind, detail| StoreError::new(kind, "adopt into", pending.path(), detail);
        let record = opened(bytes).map_err(|(kind, detail): (_, String)| refuse(kind, detail))?;
        well_numbered(&record).map_err(|detail| refuse(StoreErrorKind::Damaged, detail))?;
        let name = RecordName::of(&record);
        let conflict = || {
            let detail = "another record is here under its name";
            StoreError::new(
                StoreErrorKind::Conflict,
                "adopt",
                pending.path_of(name.as_str()),
                detail,
            )
        };
        match held_bytes(self.layout(), &name)? {
            Some(Held {
                folder,
                bytes: Some(held),
            }) if held == bytes => {
                // whoever put it there may have died before this step
                sync_held(self.layout(), &folder, &name)?;
                return Ok(Adopted::Already(name));
            }
            // what is no record at all is told as that
            Some(Held { folder, bytes: _ }) => return Err(self.read_in(&folder, &name).err().unwrap_or_else(conflict)),
            None => {}
        }
        // it stands in the chain of the store that it comes from
        note_from_elsewhere(self.layout(), &record.run_id)?;
        let write = |to: &mut dyn Write| {
            to.write_all(bytes)
                .map_err(|error| StoreError::io("write", pending.path_of(name.as_str()), error))
        };
        match publish_after(pending, &record.run_id, name.as_str(), write, |()| Ok(()))? {
            Published::New | Published::Already => {
                remember(&self.layout().units, &record);
                Ok(Adopted::New(name))
            }
            Published::Conflict { temporary } => {
                pending.discard(&temporary);
                Err(conflict())
            }
        }
    }

    /// Removes what imports that were killed had begun to write of attachments: their bundles still have it. An import that runs
    /// beside this one writes its own once more.
    ///
    /// # Errors
    /// Trouble with the disk.
    pub fn forget_broken_off_imports(&self) -> Result<(), StoreError> {
        let folder = &self.layout().attachments;
        let mut begun = Vec::new();
        folder.each_name(|name| {
            if name.starts_with(TEMPORARY) {
                begun.push(name.to_owned());
            }
        })?;
        begun.iter().for_each(|name| folder.discard(name));
        Ok(())
    }

    /// Puts an attachment of another store away, under its digest.
    ///
    /// # Errors
    /// [`StoreErrorKind::Damaged`] when these are not the bytes of that digest; else trouble with the disk.
    pub fn adopt_attachment(&self, sha256: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let folder = &self.layout().attachments;
        if integrity::sha256_hex(bytes) != sha256 {
            let detail = "its bytes are not those of its digest";
            return Err(StoreError::new(
                StoreErrorKind::Damaged,
                "adopt into",
                folder.path(),
                detail,
            ));
        }
        match publish(folder, sha256, sha256, bytes)? {
            Published::New | Published::Already => Ok(()),
            Published::Conflict { temporary } => {
                folder.discard(&temporary);
                let detail = "what is there under its digest is something else";
                Err(StoreError::new(
                    StoreErrorKind::Conflict,
                    "adopt",
                    folder.path_of(sha256),
                    detail,
                ))
            }
        }
    }
}

/// Whether a record of another store has a run's id and number. Own runs are numbered after those that came in: what no station can
/// have counted would be the end of that.
///
/// # Errors
/// What is wrong with it.
pub fn well_numbered(record: &Record) -> Result<(), String> {
    if !is_run_id(&record.run_id) {
        return Err(format!("`{}` is not a run id", record.run_id.escape_debug()));
    }
    if record.sequence > MOST_SEQUENCE {
        return Err(format!("no station has made {} runs", record.sequence));
    }
    Ok(())
}

fn opened(bytes: &[u8]) -> Result<Record, (StoreErrorKind, String)> {
    integrity::open(bytes).map_err(|error| {
        let kind = match error {
            integrity::IntegrityError::Missing
            | integrity::IntegrityError::Altered
            | integrity::IntegrityError::Form(_) => StoreErrorKind::Damaged,
            integrity::IntegrityError::Newer(_) => StoreErrorKind::Newer,
        };
        (kind, error.to_string())
    })
}
