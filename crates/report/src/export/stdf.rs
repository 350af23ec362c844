//! STDF V4: the runs of a lot, little-endian.
//!
//! A file is one lot: runs of one procedure, station, batch and purpose, simulated or not; another one is refused. A run
//! is a part (PIR to PRR), a measurement a test: a number a PTR, an array an MPR, a text or boolean an FTR with its value in
//! `RSLT_TXT`. Only deciding attempts are written, or a test would count twice. Behind each part a DTR names its run.
//!
//! Numbers are R*4, so they carry 7 digits; whether a test passed is the record's word, not a comparison of those. The unit is
//! the record's, its prefix included, and the scaling exponents are 0. Where there is a guard band, `LO_LIMIT` and `HI_LIMIT`
//! are the acceptance limits and `LO_SPEC` and `HI_SPEC` the tolerance.
//!
//! **Test numbers**: 1000 times the place of the step in its procedure plus the place of the measurement in its step, both from
//! 1: the second measurement of step 4 is 4002. The same procedure has the same numbers in every file. Where another
//! name has that number already (the procedure changed in between), the next free one is taken.
//!
//! **Bins**, hard and soft: 1 PASS, 2 FAIL, 3 ERROR, 4 TIMEOUT, 5 ABORTED. **Sites**: slots in the order in which they first
//! occur, from 1; runs without a slot are site 1.

mod body;
mod synopsis;

use self::{
    body::Body,
    synopsis::{Counts, Tests},
};
use super::{ExportError, ExportErrorKind, Exporter, words};
use benchtop_store::{
    Record,
    record::{Measurement, MeasurementOutcome, Purpose, ReadingKind, RunOutcome, StepOutcome, Value},
};
use chrono::{DateTime, Utc};
use std::{
    io::{self, Write},
    time::Duration,
};

const FORMAT: &str = "STDF";
const HEAD: u8 = 1;
/// More numbers do not fit into a record.
const MOST_NUMBERS: usize = 8000;
/// "If the result is equal to the limit, it passes", for both limits.
const INCLUSIVE: u8 = 0xc0;

pub(super) struct Stdf<W> {
    to: W,
    lot: Option<Lot>,
    tests: Tests,
    counts: Counts,
    slots: Vec<Option<String>>,
    last: DateTime<Utc>,
}

/// What the runs of one file have in common.
#[derive(Clone, PartialEq, Eq)]
struct Lot {
    procedure: String,
    station: String,
    batch: Option<String>,
    purpose: Purpose,
    simulated: bool,
}

impl Lot {
    fn of(record: &Record) -> Self {
        Self {
            procedure: record.procedure_id.clone(),
            station: record.station.id.clone(),
            batch: record.unit_under_test.batch.clone(),
            purpose: record.purpose,
            simulated: record.simulated,
        }
    }

    /// What sets another run apart, in words.
    fn against(&self, other: &Self) -> Option<String> {
        let batch = |lot: &Self| lot.batch.clone().unwrap_or_else(|| "none".to_owned());
        let pairs = [
            ("procedure", self.procedure.clone(), other.procedure.clone()),
            ("station", self.station.clone(), other.station.clone()),
            ("batch", batch(self), batch(other)),
            (
                "purpose",
                words::purpose(self.purpose).to_owned(),
                words::purpose(other.purpose).to_owned(),
            ),
            ("simulated", self.simulated.to_string(), other.simulated.to_string()),
        ];
        let mut differing = pairs.into_iter().filter(|(_, ours, theirs)| ours != theirs);
        let (what, ours, theirs) = differing.next()?;
        Some(format!("{what} {ours} and {what} {theirs}"))
    }
}

impl<W: Write> Stdf<W> {
    pub(super) const fn new(to: W) -> Self {
        Self {
            to,
            lot: None,
            tests: Tests::new(),
            counts: Counts::new(),
            slots: Vec::new(),
            last: DateTime::UNIX_EPOCH,
        }
    }

    /// FAR and MIR: what every file begins with.
    fn begin(&mut self, record: &Record) -> io::Result<()> {
        const LITTLE_ENDIAN: u8 = 2;
        const VERSION: u8 = 4;
        Body::new().u1(LITTLE_ENDIAN).u1(VERSION).write(0, 10, &mut self.to)?;
        let mode = match record.purpose {
            Purpose::Production => b'P',
            Purpose::Engineering => b'E',
            Purpose::Golden | Purpose::GaugeStudy | Purpose::Partial => b' ',
        };
        let simulated = if record.simulated { "SIMULATED" } else { "" };
        let unit = &record.unit_under_test;
        Body::new()
            .time(record.started_at)
            .time(record.started_at)
            // station number, mode, retest, protection, burn-in time, command mode
            .u1(1)
            .u1(mode)
            .u1(b' ')
            .u1(b' ')
            .u2(u16::MAX)
            .u1(b' ')
            .text(unit.batch.as_deref().unwrap_or_default())
            .text(unit.part_number.as_deref().unwrap_or_default())
            .text(&record.station.id)
            .text("")
            .text(&record.procedure_id)
            .text(&record.procedure_version)
            .text("")
            .text(record.operator.as_deref().unwrap_or_default())
            .text("Benchtop")
            .text(&record.station.benchtop_version)
            // test code, temperature
            .text("")
            .text("")
            .text(simulated)
            .write(1, 10, &mut self.to)
    }

    fn part(&mut self, record: &Record) -> io::Result<()> {
        let site = self.site(record.slot.as_ref());
        Body::new().u1(HEAD).u1(site).write(5, 10, &mut self.to)?;
        let mut tests = 0u16;
        for (step, number) in record.steps.iter().zip(1u32..) {
            if step.outcome == StepOutcome::Skip {
                continue;
            }
            for (measurement, place) in step.measurements.iter().zip(1u32..) {
                let name = step.measurement_name(&measurement.name);
                let wanted = number.saturating_mul(1000).saturating_add(place);
                let number = self.tests.number(&step.name, &name, wanted);
                let label = format!("{}: {name}", step.name);
                let kind = test(number, site, &label, measurement, &mut self.to)?;
                self.tests.count(number, kind, measurement);
                tests = tests.saturating_add(1);
            }
        }
        let bin = bin(record.outcome);
        self.counts.add(bin);
        let unit = &record.unit_under_test;
        // by the monotonic clock: the other one may have been set meanwhile
        let took = Duration::try_from_secs_f64(record.duration_s).unwrap_or_default();
        Body::new()
            .u1(HEAD)
            .u1(site)
            .u1(part_flags(record))
            .u2(tests)
            .u2(bin)
            .u2(bin)
            // no coordinates
            .i2(i16::MIN)
            .i2(i16::MIN)
            .u4(u32::try_from(took.as_millis()).unwrap_or(u32::MAX))
            .text(&unit.serial_number)
            .text(&record.run_id)
            .u1(0)
            .write(5, 20, &mut self.to)?;
        let outcome = words::run_outcome(record.outcome);
        let reason = record.reason.as_deref().unwrap_or_default();
        let (id, version) = (&record.run_id, &record.procedure_version);
        let slot = record.slot.as_deref().unwrap_or("-");
        let study = record.study.as_deref().zip(record.trial);
        let study = study.map_or_else(String::new, |(study, trial)| format!("study={study} trial={trial} "));
        let said = format!("run_id={id} outcome={outcome} procedure_version={version} slot={slot} {study}{reason}");
        Body::new().text(said.trim_end()).write(50, 30, &mut self.to)
    }

    fn site(&mut self, slot: Option<&String>) -> u8 {
        let known = self.slots.iter().position(|known| known.as_ref() == slot);
        let at = known.unwrap_or_else(|| {
            self.slots.push(slot.cloned());
            self.slots.len().saturating_sub(1)
        });
        u8::try_from(at.saturating_add(1)).unwrap_or(254).min(254)
    }
}

impl<W: Write> Exporter for Stdf<W> {
    fn add(&mut self, record: &Record) -> Result<(), ExportError> {
        let lot = Lot::of(record);
        let written = match self.lot.as_ref().map(|first| first.against(&lot)) {
            Some(Some(difference)) => {
                let detail = format!("a file holds one lot; here are {difference}: choose one");
                return Err(ExportError::new(ExportErrorKind::Mixed, FORMAT, detail));
            }
            Some(None) => Ok(()),
            None => self.begin(record),
        };
        self.lot = Some(lot);
        self.last = self.last.max(record.ended_at);
        written
            .and_then(|()| self.part(record))
            .map_err(ExportError::writing(FORMAT))
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExportError> {
        let summary = match &self.lot {
            Some(_) => self
                .counts
                .write(&mut self.to)
                .and_then(|()| self.tests.write(&mut self.to)),
            None => Ok(()),
        };
        let written = summary.and_then(|()| {
            Body::new().time(self.last).u1(b' ').write(1, 20, &mut self.to)?;
            self.to.flush()
        });
        written.map_err(ExportError::writing(FORMAT))
    }
}

const fn bin(outcome: RunOutcome) -> u16 {
    match outcome {
        RunOutcome::Pass => 1,
        RunOutcome::Fail => 2,
        RunOutcome::Error => 3,
        RunOutcome::Timeout => 4,
        RunOutcome::Aborted => 5,
    }
}

/// `PART_FLG`: abnormal end, failed, or neither passed nor failed. A unit that is known to be bad has failed, however
/// the run ended.
fn part_flags(record: &Record) -> u8 {
    const ABNORMAL: u8 = 1 << 2;
    const FAILED: u8 = 1 << 3;
    const UNDECIDED: u8 = 1 << 4;
    match record.outcome {
        RunOutcome::Pass => 0,
        RunOutcome::Fail => FAILED,
        RunOutcome::Error | RunOutcome::Timeout | RunOutcome::Aborted => match record.failed_measurements.is_empty() {
            true => ABNORMAL | UNDECIDED,
            false => ABNORMAL | FAILED,
        },
    }
}

/// Writes a measurement; says what kind of test it is.
fn test(number: u32, site: u8, label: &str, measurement: &Measurement, to: &mut dyn Write) -> io::Result<u8> {
    let flags = test_flags(measurement);
    match &measurement.value {
        Some(Value::Number(result)) => {
            parametric(number, site, label, measurement, (flags, Some(*result)), to)?;
            Ok(b'P')
        }
        Some(Value::Numbers(results)) if results.len() <= MOST_NUMBERS => {
            multiple(number, site, label, measurement, (flags, results), to)?;
            Ok(b'M')
        }
        Some(Value::Numbers(results)) => {
            let said = format!("{} numbers in {}", results.len(), measurement.unit);
            functional(number, site, label, (flags, &said), to)?;
            Ok(b'F')
        }
        Some(value @ (Value::Text(_) | Value::Boolean(_))) => {
            functional(number, site, label, (flags, &words::value(value)), to)?;
            Ok(b'F')
        }
        // what has a unit would have been a number
        None if measurement.unit.is_empty() => {
            let kind = words::reading_kind(measurement.reading_kind);
            functional(number, site, label, (flags, kind), to)?;
            Ok(b'F')
        }
        None => {
            parametric(number, site, label, measurement, (flags, None), to)?;
            Ok(b'P')
        }
    }
}

const UNRELIABLE: u8 = 1 << 2;
const NO_RESULT: u8 = 1 << 1;

/// `TEST_FLG`.
fn test_flags(measurement: &Measurement) -> u8 {
    const NOT_EXECUTED: u8 = 1 << 4;
    const UNDECIDED: u8 = 1 << 6;
    const FAILED: u8 = 1 << 7;
    let judged = match measurement.outcome {
        MeasurementOutcome::Pass => 0,
        MeasurementOutcome::Fail => FAILED,
        MeasurementOutcome::Unset => UNDECIDED,
    };
    let read = match (measurement.reading_kind, &measurement.value) {
        (ReadingKind::Missing, None) => NO_RESULT | NOT_EXECUTED,
        (ReadingKind::NotANumber, None) => NO_RESULT | UNRELIABLE,
        (_, None) => NO_RESULT,
        (_, Some(_)) => 0,
    };
    judged | read
}

/// `PARM_FLG`: the limits belong to what passes; which way the result left the range.
const fn parametric_flags(measurement: &Measurement) -> u8 {
    const HIGH: u8 = 1 << 3;
    const LOW: u8 = 1 << 4;
    match measurement.reading_kind {
        ReadingKind::OverrangePositive => INCLUSIVE | HIGH,
        ReadingKind::OverrangeNegative => INCLUSIVE | LOW,
        ReadingKind::Value | ReadingKind::NotANumber | ReadingKind::Missing => INCLUSIVE,
    }
}

/// A number as R*4; none where that has no such number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "STDF has no longer number; 7 digits are what it carries"
)]
fn single(number: f64) -> Option<f32> {
    Some(number as f32).filter(|number| number.is_finite())
}

/// `OPT_FLAG` and what it speaks of: limits and specification limits, each with its bit where there is none.
struct Bounds {
    flags: u8,
    limits: [f32; 2],
    specification: [f32; 2],
}

impl Bounds {
    fn of(measurement: &Measurement) -> Self {
        const NO_LOW_SPECIFICATION: u8 = 1 << 2;
        const NO_HIGH_SPECIFICATION: u8 = 1 << 3;
        const NO_LOW: u8 = 1 << 6;
        const NO_HIGH: u8 = 1 << 7;
        let (low, high) = words::acceptance(measurement);
        let tolerance = |acceptance: Option<f64>, tolerance: Option<f64>| acceptance.and(tolerance).and_then(single);
        let ends = [
            (low.and_then(single), NO_LOW),
            (high.and_then(single), NO_HIGH),
            (
                tolerance(measurement.acceptance_low, measurement.limit_low),
                NO_LOW_SPECIFICATION,
            ),
            (
                tolerance(measurement.acceptance_high, measurement.limit_high),
                NO_HIGH_SPECIFICATION,
            ),
        ];
        let missing = ends.iter().filter(|(end, _)| end.is_none());
        let flags = missing.fold(0, |flags, (_, bit)| flags | bit);
        let [low, high, low_specification, high_specification] = ends.map(|(end, _)| end.unwrap_or(0.0));
        Self {
            flags,
            limits: [low, high],
            specification: [low_specification, high_specification],
        }
    }
}

/// A PTR. Limits stand in every one: they may differ from part to part.
fn parametric(
    number: u32,
    site: u8,
    label: &str,
    measurement: &Measurement,
    (flags, result): (u8, Option<f64>),
    to: &mut dyn Write,
) -> io::Result<()> {
    // reserved, always 1
    const RESERVED: u8 = 1 << 1;
    let result = result.and_then(single);
    let flags = if result.is_none() { flags | NO_RESULT } else { flags };
    let bounds = Bounds::of(measurement);
    Body::new()
        .u4(number)
        .u1(HEAD)
        .u1(site)
        .u1(flags)
        .u1(parametric_flags(measurement))
        .r4(result.unwrap_or(0.0))
        .text(label)
        .text("")
        .u1(bounds.flags | RESERVED)
        .scales()
        .r4s(&bounds.limits)
        .text(&measurement.unit)
        // formats of result and limits
        .text("")
        .text("")
        .text("")
        .r4s(&bounds.specification)
        .write(15, 10, to)
}

/// An MPR.
fn multiple(
    number: u32,
    site: u8,
    label: &str,
    measurement: &Measurement,
    (flags, results): (u8, &[f64]),
    to: &mut dyn Write,
) -> io::Result<()> {
    const NO_INPUT: u8 = 1 << 1;
    let singles: Vec<f32> = results.iter().filter_map(|result| single(*result)).collect();
    let is_whole = singles.len() == results.len();
    let bounds = Bounds::of(measurement);
    Body::new()
        .u4(number)
        .u1(HEAD)
        .u1(site)
        .u1(if is_whole { flags } else { flags | UNRELIABLE })
        .u1(INCLUSIVE)
        .u2(0)
        .u2(u16::try_from(singles.len()).unwrap_or(u16::MAX))
        .r4s(&singles)
        .text(label)
        .text("")
        .u1(bounds.flags | NO_INPUT)
        .scales()
        .r4s(&bounds.limits)
        // input condition: start and increment
        .r4s(&[0.0, 0.0])
        .text(&measurement.unit)
        // unit of the input, formats of result and limits
        .text("")
        .text("")
        .text("")
        .text("")
        .r4s(&bounds.specification)
        .write(15, 15, to)
}

/// An FTR: its result is a text.
fn functional(number: u32, site: u8, label: &str, (flags, said): (u8, &str), to: &mut dyn Write) -> io::Result<()> {
    // none of the vector fields has a value
    const NOTHING: u8 = 0xff;
    Body::new()
        .u4(number)
        .u1(HEAD)
        .u1(site)
        .u1(flags)
        .u1(NOTHING)
        // cycle, address, repeat, failing pins, x, y
        .u4(0)
        .u4(0)
        .u4(0)
        .u4(0)
        .u4(0)
        .u4(0)
        // vector offset, two counts of pins, their failing bits
        .u2(0)
        .u2(0)
        .u2(0)
        .u2(0)
        // vector, time set, operation
        .text("")
        .text("")
        .text("")
        .text(label)
        // alarm, programmed text
        .text("")
        .text("")
        .text(said)
        .write(15, 20, to)
}
