//! Which units have records that wait: listed once, when the first assembly comes.

use benchtop_store::{RecordName, Store, StoreError};
use std::collections::BTreeMap;

/// The records that waited when they were listed, by the unit's part of their name.
#[derive(Debug)]
pub(crate) struct Neighbours(BTreeMap<String, Vec<RecordName>>);

impl Neighbours {
    pub(crate) fn list(store: &Store) -> Result<Self, StoreError> {
        let mut units: BTreeMap<String, Vec<RecordName>> = BTreeMap::new();
        for name in store.pending(usize::MAX)?.names {
            units.entry(name.unit().to_owned()).or_default().push(name);
        }
        Ok(Self(units))
    }

    /// Records of these units, other than that of `run_id`.
    pub(crate) fn of(&self, serial_numbers: &[String], run_id: &str) -> Vec<RecordName> {
        let units = serial_numbers.iter().map(|serial| RecordName::unit_of(serial));
        let names = units.filter_map(|unit| self.0.get(&unit)).flatten();
        names.filter(|name| name.run_id() != run_id).cloned().collect()
    }

    /// One that waits no more.
    pub(crate) fn forget(&mut self, name: &RecordName) {
        if let Some(names) = self.0.get_mut(name.unit()) {
            names.retain(|known| known != name);
        }
    }
}
