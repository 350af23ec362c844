//! A run in the index: what lists and statistics need of its record, in some 250 bytes.

use super::{
    codec::{Reader, Writer},
    shape::{Shape, first_taken, is_overrange, taken_in},
};
use benchtop_store::{
    Changed, Looks, RecordName,
    record::{MeasurementOutcome, Purpose, Record, RunOutcome, StepOutcome, Value},
};

/// The texts that many runs share: each stands once in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shared {
    Procedure,
    Version,
    Part,
    Batch,
    Station,
    Operator,
    Variant,
    Limits,
    Reason,
    Shape,
    Calibrations,
    Study,
}

/// How many there are.
pub(super) const SHARED: usize = 12;
/// No text.
pub(super) const NONE: u32 = u32::MAX;

const OUTCOMES: [RunOutcome; 5] = [
    RunOutcome::Pass,
    RunOutcome::Fail,
    RunOutcome::Aborted,
    RunOutcome::Timeout,
    RunOutcome::Error,
];
const PURPOSES: [Purpose; 5] = [
    Purpose::Production,
    Purpose::Engineering,
    Purpose::Golden,
    Purpose::GaugeStudy,
    Purpose::Partial,
];
const STEPS: [StepOutcome; 6] = [
    StepOutcome::Pass,
    StepOutcome::Fail,
    StepOutcome::Skip,
    StepOutcome::Error,
    StepOutcome::Timeout,
    StepOutcome::Aborted,
];
const JUDGED: [MeasurementOutcome; 3] = [
    MeasurementOutcome::Pass,
    MeasurementOutcome::Fail,
    MeasurementOutcome::Unset,
];

fn code_of<T: PartialEq>(all: &[T], thing: &T) -> u8 {
    all.iter()
        .zip(0..)
        .find(|(known, _)| *known == thing)
        .map_or(u8::MAX, |(_, code)| code)
}

const SIMULATED: u8 = 1;
const FAIL_RETRY: u8 = 2;
const HAS_VALUE: u8 = 16;
const OVERRANGE: u8 = 32;

/// What a record comes to, before its shared texts have their numbers.
#[derive(Debug)]
pub(super) struct Extract {
    looks: Looks,
    shared: [Option<Vec<u8>>; SHARED],
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Extract {
    pub(super) fn of(name: &RecordName, looks: Looks, record: &Record) -> Self {
        let text = |text: &Option<String>| text.as_ref().map(|text| text.as_bytes().to_vec());
        let unit = &record.unit_under_test;
        let mut head = Writer::default();
        head.u64(record.sequence);
        head.i64(record.started_at.timestamp_micros());
        head.f64(record.duration_s);
        head.u8(code_of(&OUTCOMES, &record.outcome));
        head.u8(code_of(&PURPOSES, &record.purpose));
        head.u32(record.trial.unwrap_or_default());
        let failed_first = |attempt: &benchtop_store::record::Step| attempt.outcome == StepOutcome::Fail;
        let fail_retry = record.steps.iter().any(|step| step.attempts.iter().any(failed_first));
        head.u8(u8::from(record.simulated) * SIMULATED + u8::from(fail_retry) * FAIL_RETRY);
        let mut tail = Writer::default();
        tail.text(name.as_str());
        tail.text(&unit.serial_number);
        tail.count(record.steps.len());
        for step in &record.steps {
            let first = step.attempts.first().unwrap_or(step);
            tail.u8(code_of(&STEPS, &first.outcome) * 8 + code_of(&STEPS, &step.outcome));
        }
        let taken = record.steps.iter().map(|step| taken_in(step).measurements.len());
        tail.count(taken.sum());
        for step in &record.steps {
            for measurement in &taken_in(step).measurements {
                let first = first_taken(step, measurement);
                let number = first.value.as_ref().and_then(Value::number);
                let overrange = is_overrange(first);
                // an attempt that took nothing judged nothing
                let last = match step.measurements.is_empty() {
                    true => MeasurementOutcome::Unset,
                    false => measurement.outcome,
                };
                let judged = code_of(&JUDGED, &first.outcome) + 4 * code_of(&JUDGED, &last);
                tail.f64(number.unwrap_or_default());
                tail.u8(judged + u8::from(number.is_some()) * HAS_VALUE + u8::from(overrange) * OVERRANGE);
            }
        }
        Self {
            shared: [
                Some(record.procedure_id.as_bytes().to_vec()),
                Some(record.procedure_version.as_bytes().to_vec()),
                text(&unit.part_number),
                text(&unit.batch),
                Some(record.station.id.as_bytes().to_vec()),
                text(&record.operator),
                text(&record.variant),
                record.limits.as_ref().map(|limits| limits.revision.as_bytes().to_vec()),
                reason(record).map(String::into_bytes),
                Some(Shape::bytes_of(record)),
                calibrations(record),
                text(&record.study),
            ],
            looks,
            head: head.0,
            tail: tail.0,
        }
    }

    /// The bytes of the row; `number` gives a shared text its number.
    pub(super) fn row(self, folder: u32, mut number: impl FnMut(Vec<u8>) -> u32) -> Vec<u8> {
        let mut row = Writer(Vec::with_capacity(self.head.len() + self.tail.len() + 80));
        row.u32(folder);
        row.u64(self.looks.size);
        row.i64(self.looks.changed.0);
        row.0.extend_from_slice(&self.head);
        for shared in self.shared {
            row.u32(shared.map_or(NONE, &mut number));
        }
        row.0.extend_from_slice(&self.tail);
        row.0
    }
}

/// Why the run did not pass: its own reason, else that of the first measurement that failed.
fn reason(record: &Record) -> Option<String> {
    if record.outcome == RunOutcome::Pass {
        return None;
    }
    let failed = record.steps.iter().find_map(|step| {
        let judged = step.measurements.iter();
        let mut failed = judged.filter(|measurement| measurement.outcome == MeasurementOutcome::Fail);
        failed.next().map(|failed| format!("{}: {}", step.name, failed.name))
    });
    record.reason.clone().or(failed)
}

/// The instruments with the day of their calibration.
fn calibrations(record: &Record) -> Option<Vec<u8>> {
    let mut writer = Writer::default();
    for instrument in &record.instruments {
        if let Some(day) = &instrument.calibrated_on {
            writer.text(&instrument.name);
            writer.text(day);
        }
    }
    (!writer.0.is_empty()).then_some(writer.0)
}

/// A value of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Taken {
    /// The number of the first attempt that took it.
    pub value: Option<f64>,
    /// True when that attempt was beyond the range.
    pub overrange: bool,
    /// How that attempt was judged.
    pub first: MeasurementOutcome,
    /// How the deciding attempt was judged; not at all where it took nothing.
    pub last: MeasurementOutcome,
}

/// A row, read. Texts stand in the index's bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) folder: u32,
    pub(super) looks: Looks,
    pub(super) sequence: u64,
    pub(super) started_us: i64,
    pub(super) duration_s: f64,
    pub(super) outcome: RunOutcome,
    pub(super) purpose: Purpose,
    /// From 1; 0 for none.
    pub(super) trial: u32,
    flags: u8,
    pub(super) shared: [u32; SHARED],
    pub(super) name: &'a str,
    pub(super) serial: &'a str,
    steps: &'a [u8],
    values: &'a [u8],
}

/// Bytes of a value.
const VALUE: usize = 9;

impl<'a> Row<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let folder = reader.u32()?;
        let looks = Looks {
            size: reader.u64()?,
            changed: Changed(reader.i64()?),
        };
        let (sequence, started_us, duration_s) = (reader.u64()?, reader.i64()?, reader.f64()?);
        let outcome = *OUTCOMES.get(usize::from(reader.u8()?))?;
        let purpose = *PURPOSES.get(usize::from(reader.u8()?))?;
        let trial = reader.u32()?;
        let flags = reader.u8()?;
        let mut shared = [NONE; SHARED];
        for number in &mut shared {
            *number = reader.u32()?;
        }
        let (name, serial) = (reader.text()?, reader.text()?);
        let steps = reader.count()?;
        let steps = reader.take(steps)?;
        let values = reader.count()?.checked_mul(VALUE)?;
        let values = reader.take(values)?;
        Some(Self {
            folder,
            looks,
            sequence,
            started_us,
            duration_s,
            outcome,
            purpose,
            trial,
            flags,
            shared,
            name,
            serial,
            steps,
            values,
        })
    }

    pub(super) const fn simulated(&self) -> bool {
        self.flags & SIMULATED != 0
    }

    pub(super) const fn fail_retry(&self) -> bool {
        self.flags & FAIL_RETRY != 0
    }

    /// How the first and the deciding attempt at each step ended.
    pub(super) fn steps(&self) -> impl Iterator<Item = (StepOutcome, StepOutcome)> + 'a {
        let outcome = |code: u8| STEPS.get(usize::from(code)).copied().unwrap_or(StepOutcome::Skip);
        self.steps
            .iter()
            .map(move |code| (outcome(code / 8), outcome(code % 8)))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = Taken> + 'a {
        self.values.chunks_exact(VALUE).filter_map(taken)
    }

    pub(super) fn value(&self, at: usize) -> Option<Taken> {
        let from = at.checked_mul(VALUE)?;
        taken(self.values.get(from..from.checked_add(VALUE)?)?)
    }
}

fn taken(bytes: &[u8]) -> Option<Taken> {
    let mut reader = Reader(bytes);
    let (number, code) = (reader.f64()?, reader.u8()?);
    let judged = |code: u8| JUDGED.get(usize::from(code % 4)).copied();
    Some(Taken {
        value: (code & HAS_VALUE != 0).then_some(number),
        overrange: code & OVERRANGE != 0,
        first: judged(code)?,
        last: judged(code / 4)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;

    #[test]
    fn a_row_reads_back_and_no_cut_of_it_does() {
        let mut record = testkit::record(7);
        record.outcome = RunOutcome::Fail;
        record.trial = Some(3);
        let name = RecordName::of(&record);
        let looks = Looks {
            size: 4711,
            changed: Changed(-1),
        };
        let bytes = Extract::of(&name, looks, &record).row(3, |_| 9);
        let row = Row::read(&bytes).unwrap();
        assert_eq!((row.folder, row.looks, row.sequence), (3, looks, 7));
        assert_eq!((row.trial, row.shared[Shared::Study as usize]), (3, NONE));
        assert_eq!(
            (row.name, row.serial, row.outcome),
            (name.as_str(), "UNIT-0007", RunOutcome::Fail)
        );
        assert_eq!(row.started_us, record.started_at.timestamp_micros());
        assert_eq!(row.steps().count(), record.steps.len());
        let vcc = row.value(0).unwrap();
        assert_eq!(
            (vcc.value, vcc.first, vcc.overrange),
            (Some(3.3), MeasurementOutcome::Pass, false)
        );
        assert_eq!(row.shared[Shared::Batch as usize], NONE);
        assert_eq!(row.shared[Shared::Reason as usize], 9, "why it did not pass");
        for length in 0..bytes.len() {
            assert!(Row::read(&bytes[..length]).is_none(), "cut to {length}");
        }
    }
}
