//! What the tests of this crate share: records as a station leaves them, in stores of their own.

use benchtop_store::{
    Record, RecordName, Store, integrity,
    record::{Measurement, MeasurementOutcome, RunOutcome, Value},
};
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

/// The first measurement of a record.
pub(crate) fn first(record: &mut Record) -> &mut Measurement {
    let mut steps = record.steps.iter_mut();
    steps.find_map(|step| step.measurements.first_mut()).unwrap()
}

/// The same record with another value of its first measurement, without earlier attempts.
pub(crate) fn with_value(mut record: Record, value: f64) -> Record {
    for step in &mut record.steps {
        step.attempts.clear();
    }
    first(&mut record).value = Some(Value::Number(value));
    first(&mut record).outcome = MeasurementOutcome::Pass;
    record
}

/// Texts that do something where they are not only text.
pub(crate) const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='x",
    "</style></title><svg onload=x>",
    "=HYPERLINK(\"http://x\",\"y\")",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\u{1b}[2J\u{1b}]0;x\u{7}",
    "\u{9b}31m\u{85}",
    "\u{202e}\u{2066}gpj.exe\u{200f}",
    "a\r\nb\tc\0d",
    "&lt;b&gt; &amp;amp;",
    "]]> --> <!-- -->",
];

/// The same record with a text in every field that holds one.
pub(crate) fn hostile(record: &Record, text: &str) -> Record {
    let mut record = record.clone();
    let some = || Some(text.to_owned());
    for field in [
        &mut record.procedure_id,
        &mut record.procedure_version,
        &mut record.procedure_name,
        &mut record.procedure_sha256,
        &mut record.station.id,
        &mut record.station.benchtop_version,
        &mut record.unit_under_test.serial_number,
    ] {
        text.clone_into(field);
    }
    record.reason = some();
    record.operator = some();
    record.variant = some();
    record.slot = some();
    record.study = some();
    record.station.fixture_id = some();
    record.unit_under_test.part_number = some();
    record.unit_under_test.revision = some();
    record.unit_under_test.batch = some();
    record.unit_under_test.sub_units = vec![text.to_owned()];
    for instrument in &mut record.instruments {
        for field in [
            &mut instrument.name,
            &mut instrument.model,
            &mut instrument.resource,
            &mut instrument.driver,
        ] {
            text.clone_into(field);
        }
        instrument.calibration_due = some();
        instrument.calibrated_on = some();
    }
    for step in &mut record.steps {
        text.clone_into(&mut step.name);
        step.reason = some();
        step.parameters.insert(text.to_owned(), text.into());
        for measurement in &mut step.measurements {
            text.clone_into(&mut measurement.name);
            text.clone_into(&mut measurement.unit);
            measurement.reason = some();
            measurement.raw = some();
            measurement.instrument = some();
        }
    }
    let mut last = record.steps.iter_mut().flat_map(|step| &mut step.measurements);
    if let Some(last) = last.next_back() {
        last.value = Some(Value::Text(text.to_owned()));
    }
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
pub(crate) fn write_bytes(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

pub(crate) fn write(path: &Path, text: &str) {
    write_bytes(path, text.as_bytes());
}

#[expect(
    clippy::disallowed_methods,
    reason = "as a sync would, with nothing lost if it does not"
)]
pub(crate) fn rename(from: &Path, to: &Path) {
    std::fs::rename(from, to).unwrap();
}
