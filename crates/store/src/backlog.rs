//! Very many records, oldest first, a batch at a time: the folder is listed once in a while and not for every batch.
//!
//! `pending/` is one flat folder. Measured once on ext4 with 1,000,000 names (two cores, other work beside), against a folder
//! a day (365 of them) and 256 folders by hash:
//!
//! | | flat | by day | by hash |
//! |---|---|---|---|
//! | first listing, for the oldest 64 | 0.80 s | 0.002 to 0.01 s | 1.24 to 1.40 s |
//! | counting all names | 0.65 s | 0.57 s | 1.22 s |
//! | finding a record by its name | 2.5 us | 4.3 us | 6.1 us |
//! | moving a record | 19 us | 20 us | 31 us |
//!
//! By day only the first listing is faster, and that is needed once for every 16,384 records here; but a folder a day hangs on
//! the date, which a clock without a battery makes up, and a person no longer sees what waits with one look. By hash nothing is
//! faster. `synced/`, which grows for ever, has a folder a month.

use crate::{error::StoreError, name::RecordName, store::Store};
use std::collections::{BinaryHeap, VecDeque};

/// How many names are held between two listings.
const HELD: usize = 16 * 1024;

/// The pending records, oldest first, each once. Its memory does not grow with the folder.
///
/// A record that comes behind the last batch while others are worked on is met by a later listing; one that stays in
/// `pending/` is not met again.
#[derive(Debug)]
pub struct Backlog {
    store: Store,
    ready: VecDeque<RecordName>,
    last: Option<RecordName>,
    /// True to pass over what the listing knows to be no file.
    only_files: bool,
}

impl Store {
    /// The pending records from the oldest on, and what else has a record's name: loading that puts it into quarantine.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        Backlog {
            store: self.clone(),
            ready: VecDeque::new(),
            last: None,
            only_files: false,
        }
    }
}

impl Backlog {
    /// Without links, folders and pipes of a record's name, as [`Store::pending`] counts.
    #[must_use]
    pub fn of_files(self) -> Self {
        Self {
            only_files: true,
            ..self
        }
    }

    /// The next ones, at most `most`; none at the end.
    ///
    /// # Errors
    /// [`StoreError`] when the folder cannot be listed.
    pub fn next_batch(&mut self, most: usize) -> Result<Vec<RecordName>, StoreError> {
        if self.ready.is_empty() {
            self.list()?;
        }
        let batch: Vec<RecordName> = self.ready.drain(..most.min(self.ready.len())).collect();
        self.last = batch.last().cloned().or_else(|| self.last.take());
        Ok(batch)
    }

    fn list(&mut self) -> Result<(), StoreError> {
        let mut oldest = BinaryHeap::new();
        let last = self.last.as_ref();
        let only_files = self.only_files;
        self.store.layout().pending.each_entry(|file, is_file| {
            let Ok(name) = file.parse::<RecordName>() else { return };
            if only_files && !is_file {
                return;
            }
            let is_known = last.is_some_and(|last| name <= *last);
            let is_too_new = oldest.len() >= HELD && oldest.peek().is_some_and(|newest| name >= *newest);
            if is_known || is_too_new {
                return;
            }
            oldest.push(name);
            if oldest.len() > HELD {
                oldest.pop();
            }
        })?;
        self.ready = oldest.into_sorted_vec().into();
        Ok(())
    }
}
