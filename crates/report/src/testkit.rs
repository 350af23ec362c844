//! What the tests of this crate share: records as a station leaves them, in stores of their own.

use benchtop_store::{Record, RecordName, Store, integrity, record::RunOutcome};
use std::path::{Path, PathBuf};

/// The released record, the newest form that there is: two steps, two measurements.
const RELEASED: &str = include_str!("../../../fixtures/records/run-1.json");

/// The run with this number: its unit is `UNIT-` and the number, and it started so many minutes into a day.
pub(crate) fn record(sequence: u64) -> Record {
    let mut record = integrity::open(RELEASED.as_bytes()).unwrap();
    record.sequence = sequence;
    record.run_id = format!("0195f000-0000-7000-8000-{sequence:012x}");
    record.unit_under_test.serial_number = format!("UNIT-{sequence:04}");
    let minutes = chrono::TimeDelta::minutes(i64::try_from(sequence).unwrap());
    record.started_at += minutes;
    record.tested_at = record.started_at;
    record.ended_at += minutes;
    record.outcome = RunOutcome::Pass;
    record.run_passed = true;
    record.reason = None;
    record.chain = None;
    record
}

/// A store in a temporary folder.
pub(crate) struct Made(tempfile::TempDir);

impl Default for Made {
    fn default() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Store::open(folder.path()).unwrap();
        Self(folder)
    }
}

impl Made {
    pub(crate) fn store(&self) -> Store {
        Store::open(self.0.path()).unwrap()
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    /// Puts a sealed record into one of its folders.
    pub(crate) fn put(&self, folder: &str, record: &Record) -> PathBuf {
        let folder = self.path(folder);
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(RecordName::of(record).as_str());
        write(&path, &String::from_utf8(integrity::seal(record).unwrap()).unwrap());
        path
    }

    /// Puts a file there that is no record.
    pub(crate) fn foreign(&self, below: &str) {
        write(&self.path(below), "not a record");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test's own file need not survive a power cut"
)]
pub(crate) fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

#[expect(
    clippy::disallowed_methods,
    reason = "as a sync would, with nothing lost if it does not"
)]
pub(crate) fn rename(from: &Path, to: &Path) {
    std::fs::rename(from, to).unwrap();
}
