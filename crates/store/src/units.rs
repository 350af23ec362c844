//! Which units were judged, and how: an index for the question whether a unit comes for the second time.
//!
//! One line of JSON per judged run, appended when its record is published, in one of 4096 files by the digest of serial
//! number and procedure. The question reads one file, whatever the store holds: with a million runs some 40 kB. It is an
//! index and no more: a line that is lost or torn (power cut, full disk) costs one remembered run, never a record.

use crate::{
    disk::Dir,
    error::{StoreError, StoreErrorKind},
    integrity::sha256_hex,
    record::{Purpose, Record, RunOutcome, time},
    store::Store,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::io::Write;

/// Digits of the digest that name the file.
const FILE_DIGITS: usize = 3;
/// Digits of the digest that stand for the unit and the procedure.
const UNIT_DIGITS: usize = 32;
/// More is not read: it is no index of ours.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// A run that judged a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedRun {
    unit: String,
    simulated: bool,
    /// Its id.
    pub run_id: String,
    /// PASS or FAIL.
    pub outcome: RunOutcome,
    /// When it started.
    #[serde(with = "time")]
    pub started_at: DateTime<Utc>,
}

impl Store {
    /// The runs of a unit with a procedure that ended PASS or FAIL, oldest first: partial ones and those of gauge studies are
    /// left out, and simulated ones are known only to simulated ones.
    ///
    /// # Errors
    /// [`StoreError`] when the index is there and cannot be read.
    pub fn judged_runs(&self, serial: &str, procedure_id: &str, simulated: bool) -> Result<Vec<JudgedRun>, StoreError> {
        let digest = digest(serial, procedure_id);
        let bytes = match self.layout().units.read(&file_of(&digest), MOST_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == StoreErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let lines = bytes.split(|byte| *byte == b'\n');
        let runs = lines.filter_map(|line| serde_json::from_slice::<JudgedRun>(line).ok());
        let unit = unit_of(&digest);
        Ok(runs
            .filter(|run| run.unit == unit && run.simulated == simulated)
            .collect())
    }
}

/// Remembers a run that is published; what cannot be written is not remembered.
pub(crate) fn remember<M>(units: &Dir, record: &Record<M>) {
    let judged = match record.outcome {
        RunOutcome::Pass | RunOutcome::Fail => true,
        RunOutcome::Error | RunOutcome::Timeout | RunOutcome::Aborted => false,
    };
    let counts = match record.purpose {
        Purpose::Production | Purpose::Engineering | Purpose::Golden => true,
        Purpose::GaugeStudy | Purpose::Partial => false,
    };
    if !judged || !counts {
        return;
    }
    let digest = digest(&record.unit_under_test.serial_number, &record.procedure_id);
    let run = JudgedRun {
        unit: unit_of(&digest),
        simulated: record.simulated,
        run_id: record.run_id.clone(),
        outcome: record.outcome,
        started_at: record.started_at,
    };
    let (Ok(json), Ok(file)) = (serde_json::to_string(&run), units.open_append(&file_of(&digest))) else {
        return;
    };
    // a torn line before it ends here; one write, so that two processes do not mix theirs
    drop((&file).write_all(format!("\n{json}\n").as_bytes()));
}

/// Of serial number and procedure; neither can stand for a part of the other.
fn digest(serial: &str, procedure_id: &str) -> String {
    sha256_hex(format!("{}:{serial}{procedure_id}", serial.len()).as_bytes())
}

fn file_of(digest: &str) -> String {
    format!("{}.jsonl", digest.get(..FILE_DIGITS).unwrap_or_default())
}

fn unit_of(digest: &str) -> String {
    digest.get(..UNIT_DIGITS).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::record;

    fn judged(serial: &str, run_id: &str, outcome: RunOutcome) -> Record {
        let mut record = record();
        record.unit_under_test.serial_number = serial.to_owned();
        record.run_id = run_id.to_owned();
        record.outcome = outcome;
        record.simulated = false;
        record
    }

    fn outcomes(store: &Store, serial: &str) -> Vec<RunOutcome> {
        let runs = store.judged_runs(serial, "BOARD-FUNCTIONAL-V3", false).unwrap();
        runs.into_iter().map(|run| run.outcome).collect()
    }

    #[test]
    fn a_unit_is_remembered_by_its_judged_runs_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let units = &store.layout().units;
        assert_eq!(outcomes(&store, "U-1"), []);
        remember(units, &judged("U-1", "a", RunOutcome::Fail));
        remember(units, &judged("U-1", "b", RunOutcome::Error));
        remember(units, &judged("U-2", "c", RunOutcome::Pass));
        remember(units, &judged("U-1", "d", RunOutcome::Pass));
        remember(
            units,
            &Record {
                purpose: Purpose::Partial,
                ..judged("U-1", "e", RunOutcome::Fail)
            },
        );
        remember(
            units,
            &Record {
                simulated: true,
                ..judged("U-1", "f", RunOutcome::Pass)
            },
        );
        assert_eq!(outcomes(&store, "U-1"), [RunOutcome::Fail, RunOutcome::Pass]);
        assert_eq!(outcomes(&store, "U-2"), [RunOutcome::Pass]);
        assert_eq!(store.judged_runs("U-1", "OTHER", false).unwrap(), []);
    }

    #[test]
    fn a_torn_line_costs_itself_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let units = &store.layout().units;
        remember(units, &judged("U-1", "a", RunOutcome::Fail));
        let name = file_of(&digest("U-1", "BOARD-FUNCTIONAL-V3"));
        let file = units.open_append(&name).unwrap();
        (&file).write_all(b"{\"unit\":\"half a li").unwrap();
        remember(units, &judged("U-1", "b", RunOutcome::Pass));
        assert_eq!(outcomes(&store, "U-1"), [RunOutcome::Fail, RunOutcome::Pass]);
    }
}
