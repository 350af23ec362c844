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
    name: RecordName,
    shared: [Option<Vec<u8>>; SHARED],
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Extract {
    pub(super) fn of(name: &RecordName, looks: Looks, record: &Record) -> Self {
        let text = |text: &Option<String>| text.as_ref().map(|text| text.as_bytes().to_vec());
        let unit = &record.unit_under_test;
        let mut head = Writer::default();
        head.u64(looks.size);
        head.i64(looks.changed.0);
        head.u64(record.sequence);
        head.i64(record.started_at.timestamp_micros());
        head.f64(record.duration_s);
        head.u8(code_of(&OUTCOMES, &record.outcome));
        head.u8(code_of(&PURPOSES, &record.purpose));
        let failed_first = |attempt: &benchtop_store::record::Step| attempt.outcome == StepOutcome::Fail;
        let fail_retry = record.steps.iter().any(|step| step.attempts.iter().any(failed_first));
        head.u8(u8::from(record.simulated) * SIMULATED + u8::from(fail_retry) * FAIL_RETRY);
        head.u8(0);
        head.u32(record.trial.unwrap_or_default());
        let taken = record.steps.iter().map(|step| taken_in(step).measurements.len());
        let mut tail = Writer::default();
        let lengths = [
            name.as_str().len(),
            unit.serial_number.len(),
            record.steps.len(),
            taken.sum(),
        ];
        lengths.into_iter().for_each(|length| tail.count(length));
        tail.0.extend_from_slice(name.as_str().as_bytes());
        tail.0.extend_from_slice(unit.serial_number.as_bytes());
        for step in &record.steps {
            let first = step.attempts.first().unwrap_or(step);
            tail.u8(code_of(&STEPS, &first.outcome) * 8 + code_of(&STEPS, &step.outcome));
        }
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
            name: name.clone(),
            head: head.0,
            tail: tail.0,
        }
    }

    /// The name of its record's file.
    pub(super) const fn name(&self) -> &RecordName {
        &self.name
    }

    /// Writes the row; `number` gives a shared text its number.
    pub(super) fn row(self, to: &mut Writer, mut number: impl FnMut(&[u8]) -> u32) {
        to.0.extend_from_slice(&self.head);
        for shared in self.shared {
            to.u32(shared.map_or(NONE, |text| number(&text)));
        }
        to.0.extend_from_slice(&self.tail);
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

/// A row of an index. Whatever is asked of it is read where it stands: what is held of a run is small.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a>(pub(super) &'a [u8]);

// Where things stand in a row.
const CHANGED: usize = 8;
const SEQUENCE: usize = 16;
const STARTED: usize = 24;
const DURATION: usize = 32;
const OUTCOME: usize = 40;
const PURPOSE: usize = 41;
const FLAGS: usize = 42;
const TRIAL: usize = 44;
const TEXTS: usize = 48;
/// Lengths of the name and the serial number in bytes, and how many steps and values there are.
const LENGTHS: usize = TEXTS + 4 * SHARED;
const BEHIND: usize = LENGTHS + 16;
/// Bytes of a value.
const VALUE: usize = 9;

impl<'a> Row<'a> {
    /// The row, where it is whole.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let row = Self(bytes);
        OUTCOMES.get(usize::from(row.byte(OUTCOME)?))?;
        PURPOSES.get(usize::from(row.byte(PURPOSE)?))?;
        let [name, serial, steps, values] = row.lengths()?;
        let length = [name, serial, steps]
            .iter()
            .try_fold(BEHIND, |sum, part| sum.checked_add(*part))?;
        let is_whole = length.checked_add(values.checked_mul(VALUE)?)? == bytes.len();
        let [name, serial, ..] = row.parts()?;
        (is_whole && std::str::from_utf8(name).is_ok() && std::str::from_utf8(serial).is_ok()).then_some(row)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let bytes = self.0.get(at..).and_then(|rest| rest.first_chunk());
        bytes.copied().unwrap_or([0; N])
    }

    fn lengths(&self) -> Option<[usize; 4]> {
        let mut reader = Reader(self.0.get(LENGTHS..)?);
        Some([reader.count()?, reader.count()?, reader.count()?, reader.count()?])
    }

    /// Name, serial number, steps and values.
    fn parts(&self) -> Option<[&'a [u8]; 4]> {
        let [name, serial, steps, _values] = self.lengths()?;
        let (name, rest) = self.0.get(BEHIND..)?.split_at_checked(name)?;
        let (serial, rest) = rest.split_at_checked(serial)?;
        let (steps, values) = rest.split_at_checked(steps)?;
        Some([name, serial, steps, values])
    }

    pub(super) fn looks(&self) -> Looks {
        Looks {
            size: u64::from_le_bytes(self.array(0)),
            changed: Changed(i64::from_le_bytes(self.array(CHANGED))),
        }
    }

    pub(super) fn sequence(&self) -> u64 {
        u64::from_le_bytes(self.array(SEQUENCE))
    }

    pub(super) fn started_us(&self) -> i64 {
        i64::from_le_bytes(self.array(STARTED))
    }

    pub(super) fn duration_s(&self) -> f64 {
        f64::from_le_bytes(self.array(DURATION))
    }

    pub(super) fn outcome(&self) -> RunOutcome {
        let code = self.byte(OUTCOME).map(usize::from);
        code.and_then(|code| OUTCOMES.get(code))
            .copied()
            .unwrap_or(RunOutcome::Error)
    }

    pub(super) fn purpose(&self) -> Purpose {
        let code = self.byte(PURPOSE).map(usize::from);
        code.and_then(|code| PURPOSES.get(code))
            .copied()
            .unwrap_or(Purpose::Partial)
    }

    fn has(&self, flag: u8) -> bool {
        self.byte(FLAGS).is_some_and(|flags| flags & flag != 0)
    }

    pub(super) fn simulated(&self) -> bool {
        self.has(SIMULATED)
    }

    pub(super) fn fail_retry(&self) -> bool {
        self.has(FAIL_RETRY)
    }

    /// From 1; 0 for none.
    pub(super) fn trial(&self) -> u32 {
        u32::from_le_bytes(self.array(TRIAL))
    }

    /// The number of a shared text in the row's segment.
    pub(super) fn shared(&self, which: Shared) -> u32 {
        u32::from_le_bytes(self.array(TEXTS + 4 * which as usize))
    }

    fn text(bytes: Option<&'a [u8]>) -> &'a str {
        bytes
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }

    pub(super) fn name(&self) -> &'a str {
        Self::text(self.parts().map(|[name, ..]| name))
    }

    pub(super) fn serial(&self) -> &'a str {
        Self::text(self.parts().map(|[_, serial, ..]| serial))
    }

    /// How the first and the deciding attempt at each step ended.
    pub(super) fn steps(&self) -> impl Iterator<Item = (StepOutcome, StepOutcome)> + 'a {
        let outcome = |code: u8| STEPS.get(usize::from(code)).copied().unwrap_or(StepOutcome::Skip);
        let codes = self.parts().map_or(&[][..], |[_, _, steps, _]| steps);
        codes.iter().map(move |code| (outcome(code / 8), outcome(code % 8)))
    }

    fn taken(&self) -> &'a [u8] {
        self.parts().map_or(&[], |[.., values]| values)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = Taken> + 'a {
        self.taken().chunks_exact(VALUE).filter_map(taken)
    }

    pub(super) fn value(&self, at: usize) -> Option<Taken> {
        let from = at.checked_mul(VALUE)?;
        taken(self.taken().get(from..from.checked_add(VALUE)?)?)
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
        let mut bytes = Writer::default();
        Extract::of(&name, looks, &record).row(&mut bytes, |_| 9);
        let bytes = bytes.0;
        let row = Row::read(&bytes).unwrap();
        assert_eq!((row.looks(), row.sequence()), (looks, 7));
        assert_eq!((row.trial(), row.shared(Shared::Study)), (3, NONE));
        assert_eq!(
            (row.name(), row.serial(), row.outcome()),
            (name.as_str(), "UNIT-0007", RunOutcome::Fail)
        );
        assert_eq!(row.started_us(), record.started_at.timestamp_micros());
        assert_eq!((row.purpose(), row.simulated()), (record.purpose, record.simulated));
        assert_eq!(row.steps().count(), record.steps.len());
        let vcc = row.value(0).unwrap();
        assert_eq!(
            (vcc.value, vcc.first, vcc.overrange),
            (Some(3.3), MeasurementOutcome::Pass, false)
        );
        assert_eq!(row.shared(Shared::Batch), NONE);
        assert_eq!(row.shared(Shared::Reason), 9, "why it did not pass");
        for length in 0..bytes.len() {
            assert!(Row::read(&bytes[..length]).is_none(), "cut to {length}");
        }
    }
}
