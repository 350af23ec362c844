//! Very many records, oldest first, a batch at a time: the folder is listed once in a while and not for every batch.

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
}

impl Store {
    /// The pending records from the oldest on.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        Backlog {
            store: self.clone(),
            ready: VecDeque::new(),
            last: None,
        }
    }
}

impl Backlog {
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
        self.store.layout().pending.each_name(|file| {
            let Ok(name) = file.parse::<RecordName>() else { return };
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
