//! Checkpoints: what stands in the chain for records that were pruned.

use crate::{
    error::StoreError,
    log::Log,
    record::time,
    sign::{Signature, StationKey},
    store::Layout,
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

const CHECKPOINTS: Log = Log {
    file: "checkpoints.jsonl",
    format: "benchtop.checkpoints/1",
};

/// An unbroken piece of the chain that was pruned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// Position of its first record.
    pub(crate) from: u64,
    /// Position of its last record.
    pub(crate) to: u64,
    /// What its first record said of the one before.
    pub(crate) previous: Option<String>,
    /// Digest of its last record: what the one behind it says.
    pub(crate) digest: String,
    /// The file name that its last record had.
    pub(crate) last: String,
    /// When it was pruned.
    #[serde(with = "time")]
    pub(crate) pruned_at: DateTime<Utc>,
    /// By the station that pruned them, where it has a key: a record that somebody else removed cannot be called pruned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signature: Option<Signature>,
}

impl Checkpoint {
    /// What is signed of it: every member but the signature.
    pub(crate) fn words(&self) -> String {
        let Self {
            from,
            to,
            previous,
            digest,
            last,
            pruned_at,
            signature: _,
        } = self;
        let previous = previous.as_deref().unwrap_or("-");
        let pruned_at = pruned_at.to_rfc3339_opts(SecondsFormat::Millis, true);
        format!("{from} {to} {previous} {digest} {last} {pruned_at}")
    }

    pub(crate) fn signed(self, key: &StationKey) -> Self {
        let signature = Some(key.sign_checkpoint(&self.words()));
        Self { signature, ..self }
    }
}

/// Appends checkpoints, durably. The caller holds `lock.syncer`.
pub(crate) fn append(layout: &Layout, checkpoints: &[Checkpoint]) -> Result<(), StoreError> {
    CHECKPOINTS.append(&layout.root, checkpoints)
}

/// Every checkpoint.
pub(crate) fn read_all(layout: &Layout) -> Result<Vec<Checkpoint>, StoreError> {
    CHECKPOINTS.read(&layout.root)
}
