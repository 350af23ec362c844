//! Which units have records that wait: listed once, when the first assembly comes, and kept as small as names can be.

use benchtop_store::{RecordName, Store, StoreError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

/// How many names are listed at a time.
const BATCH: usize = 1024;

/// The records that waited when they were listed, by a digest of the unit's part of their name.
#[derive(Debug)]
pub(crate) struct Neighbours(Vec<(u64, Box<str>)>);

impl Neighbours {
    pub(crate) fn list(store: &Store) -> Result<Self, StoreError> {
        let (mut pending, mut all) = (store.backlog(), Vec::new());
        loop {
            let batch = pending.next_batch(BATCH)?;
            if batch.is_empty() {
                break;
            }
            all.extend(batch.iter().map(|name| (digest(name.unit()), name.as_str().into())));
        }
        all.sort_unstable();
        all.shrink_to_fit();
        Ok(Self(all))
    }

    /// Where the records of a unit stand, and perhaps those of another one with the same digest.
    fn range(&self, unit: &str) -> Range<usize> {
        let digest = digest(unit);
        let start = self.0.partition_point(|(known, _)| *known < digest);
        start..self.0.partition_point(|(known, _)| *known <= digest)
    }

    /// Records of these units, other than that of `run_id`.
    pub(crate) fn of(&self, serial_numbers: &[String], run_id: &str) -> Vec<RecordName> {
        let mut found = Vec::new();
        for unit in serial_numbers.iter().map(|serial| RecordName::unit_of(serial)) {
            let texts = self.0.get(self.range(&unit)).unwrap_or_default();
            let names = texts.iter().filter_map(|(_, text)| text.parse::<RecordName>().ok());
            found.extend(names.filter(|name| name.unit() == unit && name.run_id() != run_id));
        }
        found
    }

    /// One that waits no more.
    pub(crate) fn forget(&mut self, name: &RecordName) {
        let range = self.range(name.unit());
        let texts = self.0.get_mut(range).unwrap_or_default();
        if let Some((_, text)) = texts.iter_mut().find(|(_, text)| **text == *name.as_str()) {
            *text = Box::default();
        }
    }
}

fn digest(unit: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    unit.hash(&mut hasher);
    hasher.finish()
}
