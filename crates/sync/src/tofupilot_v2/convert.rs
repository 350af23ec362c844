//! From a record to the body of `POST /api/v2/runs`: exhaustive, so that a new outcome cannot slip through.

use super::wire::{Aggregation, Axis, Log, Measurement, Metadatum, Outcome, Phase, Run, Validator};
use crate::limits;
use crate::phases::{Judged, phases};
use crate::reading::{Contradiction, MeasuredValue, cut, reading};
use crate::times::{span, wire};
use benchtop_store::record::{LogLevel, Measurement as Measured, Purpose, Record, RunOutcome, Step, Value};
use std::collections::BTreeMap;

/// Longest phase name that TofuPilot takes.
const PHASE_NAME: usize = 200;
/// Longest docstring that TofuPilot takes.
const DOCSTRING: usize = 50_000;
/// Longest log message that TofuPilot keeps.
const LOG_MESSAGE: usize = 10_000;

/// What stands in the docstring when the end of a run had to be moved.
pub(crate) const END_MOVED: &str =
    "the run ended within the millisecond in which it began: its end was sent one millisecond after its start";

/// The body for a record, under the target's own id for the procedure.
///
/// # Errors
/// [`Contradiction`] for a record that must not be sent.
pub(crate) fn run<'r>(record: &'r Record, procedure_id: &'r str) -> Result<Run<'r>, Contradiction> {
    let times = span(record.started_at, record.ended_at);
    let unit = &record.unit_under_test;
    // the server takes a slot only with its execution, and an execution only where there are slots
    let slots = record.execution_id.as_deref().zip(record.slot.as_deref());
    Ok(Run {
        outcome: outcome(record.outcome),
        procedure_id,
        started_at: wire(times.started),
        ended_at: wire(times.ended),
        serial_number: &unit.serial_number,
        client_run_ref: &record.run_id,
        procedure_version: &record.procedure_version,
        operated_by: record.operator.as_deref(),
        part_number: unit.part_number.as_deref(),
        revision_number: unit.revision.as_deref(),
        batch_number: unit.batch.as_deref(),
        sub_units: &unit.sub_units,
        docstring: docstring(record, times.moved),
        phases: phases(record).into_iter().map(phase).collect::<Result<_, _>>()?,
        logs: logs(record),
        execution_id: slots.map(|(execution, _)| execution),
        slot_key: slots.map(|(_, slot)| slot),
        slot_name: slots.map(|(_, slot)| slot),
        metadata: metadata(record),
    })
}

fn outcome(outcome: RunOutcome) -> Outcome {
    match outcome {
        RunOutcome::Pass => Outcome::Pass,
        RunOutcome::Fail => Outcome::Fail,
        RunOutcome::Aborted => Outcome::Aborted,
        RunOutcome::Timeout => Outcome::Timeout,
        RunOutcome::Error => Outcome::Error,
    }
}

fn docstring(record: &Record, end_moved: bool) -> Option<String> {
    let said = match (&record.reason, end_moved) {
        (Some(reason), true) => format!("{reason}; {END_MOVED}"),
        (Some(reason), false) => reason.clone(),
        (None, true) => END_MOVED.to_owned(),
        (None, false) => return None,
    };
    Some(cut(&said, DOCSTRING).to_owned())
}

fn phase(phase: crate::phases::Phase<'_>) -> Result<Phase<'_>, Contradiction> {
    let step = phase.step;
    let measurements = step.measurements.iter().map(|measured| measurement(step, measured));
    Ok(Phase {
        name: cut(&step.name, PHASE_NAME),
        outcome: phase.outcome,
        started_at: wire(phase.span.started),
        ended_at: wire(phase.span.ended),
        docstring: phase.docstring.map(|text| cut(&text, DOCSTRING).to_owned()),
        measurements: measurements.collect::<Result<_, _>>()?,
        retry_count: step.retry_count,
    })
}

fn measurement<'r>(step: &Step, measured: &'r Measured) -> Result<Measurement<'r>, Contradiction> {
    let reading = reading(step, measured)?;
    let units = Some(measured.unit.as_str()).filter(|unit| !unit.is_empty());
    let curve = reading.value.as_ref().and_then(MeasuredValue::numbers);
    let (x_axis, y_axis) = match curve {
        Some(numbers) => (
            Some(Axis::counting(numbers.len())),
            vec![Axis::of(numbers, units, &measured.name)],
        ),
        None => (None, Vec::new()),
    };
    let said: Vec<String> = reading
        .reason
        .into_iter()
        .chain(limits::outside_in_words(measured))
        .chain(limits::uncertainty_in_words(measured))
        .collect();
    Ok(Measurement {
        validators: limits::parts(measured).into_iter().map(Validator::from).collect(),
        name: reading.name,
        outcome: reading.outcome.into(),
        aggregations: aggregations(measured, units),
        units: units.filter(|_| y_axis.is_empty()),
        measured_value: reading.value.filter(|_| y_axis.is_empty()),
        x_axis,
        y_axis,
        docstring: Some(cut(&said.join("; "), DOCSTRING).to_owned()).filter(|text| !text.is_empty()),
    })
}

/// What the record holds of several readings: how many there were, and their mean, spread and ends. The one that was judged
/// carries the measurement's outcome.
fn aggregations<'r>(measured: &Measured, unit: Option<&'r str>) -> Vec<Aggregation<'r>> {
    let Some(sampling) = &measured.sampling else {
        return Vec::new();
    };
    let value = measured.value.as_ref().and_then(Value::number);
    let mean = value.filter(|_| sampling.samples.is_some_and(|samples| samples > 1));
    let numbers = [
        ("avg", mean),
        ("std", sampling.s),
        ("min", sampling.min),
        ("max", sampling.max),
    ];
    let aggregation = |(kind, number): (&'static str, Option<f64>)| {
        let number = number.filter(|number| number.is_finite())?;
        let is_judged = value.is_some_and(|value| value.total_cmp(&number).is_eq()) && kind != "std";
        Some(Aggregation {
            kind,
            outcome: if is_judged {
                measured.outcome.into()
            } else {
                Judged::Unset
            },
            value: number,
            unit,
        })
    };
    let count = sampling.samples.map(|samples| Aggregation {
        kind: "count",
        outcome: Judged::Unset,
        value: samples.into(),
        unit: None,
    });
    count
        .into_iter()
        .chain(numbers.into_iter().filter_map(aggregation))
        .collect()
}

/// A record's log has no source lines: `source_file` is the part of the program that speaks, `line_number` the line of
/// the record's log.
fn logs(record: &Record) -> Vec<Log<'_>> {
    let lines = record.logs.iter().zip(1..);
    lines
        .map(|(log, line_number)| Log {
            level: level(log.level),
            timestamp: wire(log.timestamp),
            message: cut(&log.message, LOG_MESSAGE),
            source_file: &log.source,
            line_number,
        })
        .collect()
}

/// TofuPilot's word for a log level.
pub(crate) fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Info => "INFO",
        LogLevel::Warning => "WARNING",
        LogLevel::Error => "ERROR",
    }
}

fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Production => "production",
        Purpose::Engineering => "engineering",
        Purpose::Golden => "golden",
        Purpose::GaugeStudy => "gauge_study",
        Purpose::Partial => "partial",
    }
}

/// What TofuPilot has no field for. `run_uid` is what a search for the run goes by.
fn metadata(record: &Record) -> BTreeMap<&'static str, Metadatum<'_>> {
    let text = Metadatum::Text;
    let mut metadata = BTreeMap::from([
        ("run_uid", text(&record.run_id)),
        ("sequence", Metadatum::Whole(record.sequence)),
        ("station", text(&record.station.id)),
        ("simulated", Metadatum::Flag(record.simulated)),
        ("virtual_clock", Metadatum::Flag(record.clock.is_virtual)),
        ("purpose", text(purpose(record.purpose))),
        ("procedure", text(&record.procedure_id)),
        ("procedure_sha256", text(&record.procedure_sha256)),
        ("passed_on_retry", Metadatum::Flag(record.passed_on_retry)),
        ("benchtop_version", text(&record.station.benchtop_version)),
    ]);
    if record.duration_s.is_finite() {
        metadata.insert("duration_s", Metadatum::Number(record.duration_s));
    }
    if let Some(fixture) = &record.station.fixture_id {
        metadata.insert("fixture", text(fixture));
    }
    if let Some(slot) = &record.slot {
        metadata.insert("slot", text(slot));
    }
    if let Some(execution) = &record.execution_id {
        metadata.insert("execution_id", text(execution));
    }
    if let Some(synchronised) = record.clock.utc_synchronised {
        metadata.insert("utc_synchronised", Metadatum::Flag(synchronised));
    }
    metadata
}
