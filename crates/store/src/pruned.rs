//! What is remembered of records that were pruned: the unit that each judged, and when.
//!
//! Without it the next test of a unit would look like its first. One line a record that ended PASS or FAIL; the others
//! said nothing of a unit. It is durable before its record goes, so that a line may speak of a record that is still there.

use crate::{
    error::StoreError,
    log::Log,
    record::{Purpose, Record, RunOutcome, time},
    store::{Layout, Store},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

const PRUNED: Log = Log {
    file: "pruned.jsonl",
    format: "benchtop.pruned/1",
};

/// A run that judged a unit, and whose record was pruned, or is about to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrunedRun {
    /// The run's id.
    pub run_id: String,
    /// Its number on its station.
    pub sequence: u64,
    /// The procedure's `id`.
    pub procedure_id: String,
    /// The unit's serial number.
    pub serial_number: String,
    /// Its part number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_number: Option<String>,
    /// Its batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// The gauge study that the run belonged to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study: Option<String>,
    /// The station's `id`.
    pub station: String,
    /// PASS or FAIL.
    pub outcome: RunOutcome,
    /// Why it was made.
    pub purpose: Purpose,
    /// True when anything in it was simulated.
    pub simulated: bool,
    /// When it started.
    #[serde(with = "time")]
    pub started_at: DateTime<Utc>,
}

impl PrunedRun {
    /// What is remembered of a record; nothing of one that judged nothing.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        match record.outcome {
            RunOutcome::Pass | RunOutcome::Fail => {}
            RunOutcome::Error | RunOutcome::Timeout | RunOutcome::Aborted => return None,
        }
        let unit = &record.unit_under_test;
        Some(Self {
            run_id: record.run_id.clone(),
            sequence: record.sequence,
            procedure_id: record.procedure_id.clone(),
            serial_number: unit.serial_number.clone(),
            part_number: unit.part_number.clone(),
            batch: unit.batch.clone(),
            study: record.study.clone(),
            station: record.station.id.clone(),
            outcome: record.outcome,
            purpose: record.purpose,
            simulated: record.simulated,
            started_at: record.started_at,
        })
    }
}

/// Remembers runs, durably. The caller holds `lock.syncer`.
pub(crate) fn remember(layout: &Layout, runs: &[PrunedRun]) -> Result<(), StoreError> {
    match runs {
        [] => Ok(()),
        runs => PRUNED.append(&layout.root, runs),
    }
}

impl Store {
    /// The judging runs whose records were pruned, in the order in which they went. One whose record could not be removed is
    /// among them all the same. Those that a program pruned which did not remember them are not.
    ///
    /// # Errors
    /// [`StoreErrorKind::Damaged`](crate::StoreErrorKind::Damaged) and [`StoreErrorKind::Newer`](crate::StoreErrorKind::Newer) when
    /// what is remembered cannot be believed or read.
    pub fn pruned_runs(&self) -> Result<Vec<PrunedRun>, StoreError> {
        PRUNED.read(&self.layout().root)
    }
}
