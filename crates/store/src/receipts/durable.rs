//! Waiting for the disk once, for many receipts at a time.
//!
//! From [`MANY`] files on, where the file system can be asked for it, one `syncfs` answers for all of them and for their names.
//! It also waits for what others wrote to the same file system, which a bench's computer hardly does; below that, and
//! elsewhere, the files are synced beside each other, and a journalling file system answers many with one commit.

use crate::{
    disk::{Dir, DiskFile},
    error::{StoreError, StoreErrorKind},
};
use std::thread;

/// Most files that are open at the same time: well below what a process may have open.
pub(super) const MOST_OPEN: usize = 256;
/// From so many files on one sync of the file system costs less than theirs.
const MANY: usize = 16;
/// Most syncs at the same time.
const MOST_SYNCS: usize = 16;

/// Receipts of a run that are written and not yet durable; their file is locked.
pub(super) struct Written {
    pub(super) name: String,
    pub(super) file: DiskFile,
    pub(super) is_new: bool,
}

/// Ends when all of them, and their names, are on stable storage.
pub(super) fn make_durable(folder: &Dir, written: &[Written]) -> Result<(), StoreError> {
    if written.len() >= MANY && folder.sync_everything()? {
        return Ok(());
    }
    let sync = |one: &Written| {
        let synced = one.file.sync_data();
        synced.map_err(|error| StoreError::io("sync", folder.path_of(&one.name), error))
    };
    let share = written.len().div_ceil(MOST_SYNCS).max(1);
    match written {
        [] => return Ok(()),
        [one] => sync(one)?,
        [_, ..] => thread::scope(|scope| {
            let shares = written.chunks(share);
            let threads: Vec<_> = shares
                .map(|share| scope.spawn(move || share.iter().try_for_each(sync)))
                .collect();
            threads.into_iter().try_for_each(|thread| match thread.join() {
                Ok(synced) => synced,
                Err(_panicked) => Err(StoreError::new(
                    StoreErrorKind::Io,
                    "sync",
                    folder.path(),
                    "the thread that synced a receipt ended",
                )),
            })
        })?,
    }
    match written.iter().any(|one| one.is_new) {
        true => folder.sync(),
        false => Ok(()),
    }
}
