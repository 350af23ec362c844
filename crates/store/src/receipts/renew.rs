//! Receipts of which nobody knows whether they are on stable storage are written anew.
//!
//! Their writer died, or its disk refused: what is read comes from memory then, and another sync of the same file may answer
//! that all is well though nothing was written. A fresh file with the same lines takes its place.

use super::{MOST_BYTES, MOST_OPEN, Receipts, Written, make_durable};
use crate::{
    disk::DiskFile,
    error::{StoreError, StoreErrorKind},
    line::{self, Tail},
    publish::{TEMPORARY, create_temporary},
};
use std::{collections::BTreeSet, io::Write};

impl Receipts {
    /// Makes durable anew what the receipts of these runs say. Those that cannot be believed stay as they are, for a person.
    /// The caller holds the syncer's lock.
    ///
    /// # Errors
    /// [`StoreError`] when one of them is not on stable storage; every run's receipts are there still.
    pub(crate) fn renew(&self, run_ids: &BTreeSet<&str>) -> Result<(), StoreError> {
        let folder = &self.layout.receipts;
        // leftovers of a renewal that was killed: only this makes them, under the syncer's lock
        for name in folder.names()? {
            if name.starts_with(TEMPORARY) {
                folder.discard(&name);
            }
        }
        let run_ids: Vec<&str> = run_ids.iter().copied().collect();
        // two files are open for each
        for some in run_ids.chunks(MOST_OPEN / 2) {
            let mut fresh = Vec::new();
            let renewed = self.replace_all(some, &mut fresh);
            if renewed.is_err() {
                fresh.iter().for_each(|copy: &Written| folder.discard(&copy.name));
            }
            renewed?;
        }
        Ok(())
    }

    fn replace_all(&self, run_ids: &[&str], fresh: &mut Vec<Written>) -> Result<(), StoreError> {
        let folder = &self.layout.receipts;
        let mut olds: Vec<(String, DiskFile)> = Vec::new();
        for run_id in run_ids {
            let name = self.file_of(run_id)?;
            let Some((old, good)) = self.believed(&name)? else {
                continue;
            };
            let (file, temporary) = create_temporary(folder, run_id)?;
            let written = (&file).write_all(&good);
            fresh.push(Written {
                name: temporary,
                file,
                is_new: false,
            });
            written.map_err(|error| StoreError::io("write", folder.path_of(&name), error))?;
            // its lock is held until the fresh one has its place
            olds.push((name, old));
        }
        if fresh.is_empty() {
            return Ok(());
        }
        make_durable(folder, fresh)?;
        for ((name, _locked), copy) in olds.iter().zip(fresh.iter()) {
            folder.replace(&copy.name, name)?;
        }
        folder.sync()
    }

    /// The file, locked, and its good lines; `None` where there is none, or none that can be believed.
    fn believed(&self, name: &str) -> Result<Option<(DiskFile, Vec<u8>)>, StoreError> {
        let folder = &self.layout.receipts;
        let is_no_use = |error: &StoreError| matches!(error.kind(), StoreErrorKind::NotFound | StoreErrorKind::Damaged);
        let file = match folder.open_existing(name) {
            Ok(file) => file,
            Err(error) if is_no_use(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        file.lock()
            .map_err(|error| StoreError::io("lock", folder.path_of(name), error))?;
        let mut bytes = match folder.read_file(&file, name, MOST_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if is_no_use(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let lines = line::read(&bytes);
        let length = lines.length;
        if let Tail::Damaged { .. } = lines.tail {
            return Ok(None);
        }
        bytes.truncate(length);
        Ok(Some((file, bytes)))
    }
}
