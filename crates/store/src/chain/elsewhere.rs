//! Records that were brought from another store: they stand in that one's chain, and not in ours.

use crate::{error::StoreError, lock, log::Log, store::Layout};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

const BROUGHT: Log = Log {
    file: "brought.jsonl",
    format: "benchtop.brought/1",
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Brought {
    run_id: String,
}

/// Notes a run that is about to be brought, durably.
pub(crate) fn note_from_elsewhere(layout: &Layout, run_id: &str) -> Result<(), StoreError> {
    let _lock = lock::wait(&layout.root, lock::SEAL)?;
    let run_id = run_id.to_owned();
    BROUGHT.append(&layout.root, &[Brought { run_id }])
}

/// True where any run was brought, ever.
pub(crate) fn any_from_elsewhere(layout: &Layout) -> Result<bool, StoreError> {
    layout.root.holds(BROUGHT.file)
}

/// The ids of the runs that were brought.
pub(crate) fn from_elsewhere(layout: &Layout) -> Result<BTreeSet<String>, StoreError> {
    let brought = BROUGHT.read::<Brought>(&layout.root)?;
    Ok(brought.into_iter().map(|brought| brought.run_id).collect())
}
