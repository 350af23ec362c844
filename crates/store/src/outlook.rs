//! How the targets stood at the end of the last sync: `sync.json`, for people and for monitoring. Nothing depends on it:
//! what was uploaded stands in the receipts, and a file that is missing or damaged reads as "nothing is known".

use crate::{disk::Dir, error::StoreError, mint, record::time, store::Store};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, io::Write};

const FILE: &str = "sync.json";
const MOST_BYTES: u64 = 1 << 20;

/// How the targets stood, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outlook {
    /// By the target's name.
    #[serde(default)]
    pub targets: BTreeMap<String, TargetOutlook>,
}

/// How a target stood.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetOutlook {
    /// When it last confirmed a run.
    #[serde(with = "time::option", default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<DateTime<Utc>>,
    /// When it was last tried.
    #[serde(with = "time::option", default, skip_serializing_if = "Option::is_none")]
    pub last_try: Option<DateTime<Utc>>,
    /// When it is tried next, where a running sync has said so.
    #[serde(with = "time::option", default, skip_serializing_if = "Option::is_none")]
    pub next_try: Option<DateTime<Utc>>,
    /// Why it takes nothing just now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// By how many seconds its clock is ahead of this computer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead_s: Option<i64>,
    /// Why runs were not offered to it in the last sync, with how many: what the station file lacks for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub not_configured: BTreeMap<String, u64>,
}

impl Store {
    /// How the targets stood at the end of the last sync; empty where nothing is known.
    #[must_use]
    pub fn outlook(&self) -> Outlook {
        let bytes = self.layout().root.read(FILE, MOST_BYTES).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Writes down how the targets stand. The caller holds the syncer's lock.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written; what was there before is there still.
    pub fn set_outlook(&self, outlook: &Outlook) -> Result<(), StoreError> {
        let root = &self.layout().root;
        let json = serde_json::to_vec_pretty(outlook);
        let json = json.map_err(|error| StoreError::io("write", root.path_of(FILE), error.into()))?;
        let temporary = format!(".{FILE}-{}", mint::unique());
        let written = write(root, &temporary, &json).and_then(|()| root.replace(&temporary, FILE));
        if written.is_err() {
            root.discard(&temporary);
        }
        written
    }
}

fn write(root: &Dir, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let file = root.create_new(name)?;
    let written = (&file).write_all(bytes);
    written.map_err(|error| StoreError::io("write", root.path_of(name), error))
}
