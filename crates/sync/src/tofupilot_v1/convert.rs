//! From a record to the body of `POST /api/v1/runs`.

use super::wire::{Log, Measurement, Phase, Run, SubUnit, Unit, Units, WireValue};
use crate::limits;
use crate::phases::phases;
use crate::reading::{Contradiction, MeasuredValue, cut, reading};
use crate::times::{iso_duration, span, wire};
use crate::tofupilot_v2::convert::level;
use benchtop_store::record::{Measurement as Measured, Record, RunOutcome, Step};

/// Longest phase name that TofuPilot takes.
const PHASE_NAME: usize = 200;
/// Longest log message that TofuPilot keeps.
const LOG_MESSAGE: usize = 10_000;

/// The body for a record, under the target's own identifier for the procedure.
///
/// # Errors
/// [`Contradiction`] for a record that must not be sent.
pub(crate) fn run(record: &Record, procedure_id: &str) -> Result<Run, Contradiction> {
    let times = span(record.started_at, record.ended_at);
    let unit = &record.unit_under_test;
    let phases = phases(record);
    Ok(Run {
        unit_under_test: Unit {
            serial_number: unit.serial_number.clone(),
            part_number: unit.part_number.clone(),
            revision: unit.revision.clone(),
            batch_number: unit.batch.clone(),
        },
        run_passed: passed(record.outcome),
        procedure_id: procedure_id.to_owned(),
        procedure_name: None,
        procedure_version: Some(record.procedure_version.clone()),
        client: "Benchtop",
        client_version: env!("CARGO_PKG_VERSION"),
        phases: phases.iter().map(phase).collect::<Result<_, _>>()?,
        logs: logs(record),
        started_at: wire(times.started),
        duration: iso_duration(times),
        sub_units: sub_units(&unit.sub_units),
    })
}

/// v1 knows two ends; everything but a Pass is the other one.
fn passed(outcome: RunOutcome) -> bool {
    match outcome {
        RunOutcome::Pass => true,
        RunOutcome::Fail | RunOutcome::Aborted | RunOutcome::Timeout | RunOutcome::Error => false,
    }
}

fn sub_units(serial_numbers: &[String]) -> Vec<SubUnit> {
    let units = serial_numbers.iter();
    units
        .map(|serial_number| SubUnit {
            serial_number: serial_number.clone(),
        })
        .collect()
}

fn phase(phase: &crate::phases::Phase<'_>) -> Result<Phase, Contradiction> {
    let step = phase.step;
    let measurements = step.measurements.iter().map(|measured| measurement(step, measured));
    Ok(Phase {
        name: cut(&step.name, PHASE_NAME).to_owned(),
        outcome: phase.outcome,
        start_time_millis: phase.span.started.timestamp_millis(),
        end_time_millis: phase.span.ended.timestamp_millis(),
        docstring: phase.docstring.clone(),
        measurements: measurements.collect::<Result<_, _>>()?,
    })
}

/// v1 takes a low and a high, for numbers only; the rest of a limit goes into the docstring.
fn measurement(step: &Step, measured: &Measured) -> Result<Measurement, Contradiction> {
    let reading = reading(step, measured)?;
    let is_number = matches!(reading.value, Some(MeasuredValue::Number(_)));
    let (lower_limit, upper_limit, limits) = match is_number {
        true => (
            measured.limit_low,
            measured.limit_high,
            limits::beyond_the_bounds(measured),
        ),
        false => (None, None, limits::in_words(measured)),
    };
    let said: Vec<String> = reading.reason.into_iter().chain(limits).collect();
    let unit = Some(measured.unit.clone()).filter(|unit| !unit.is_empty());
    let curve = reading.value.as_ref().and_then(MeasuredValue::numbers);
    Ok(Measurement {
        name: reading.name,
        outcome: reading.outcome.into(),
        units: match curve {
            Some(_) => Some(Units::OfCurve(unit.unwrap_or_default())),
            None => unit.map(Units::One),
        },
        measured_value: match curve {
            Some(numbers) => Some(WireValue::curve(numbers)),
            None => reading.value.map(WireValue::Plain),
        },
        lower_limit,
        upper_limit,
        docstring: Some(said.join("; ")).filter(|text| !text.is_empty()),
    })
}

fn logs(record: &Record) -> Vec<Log> {
    let lines = record.logs.iter().zip(1..);
    let own = lines.map(|(log, line_number)| Log {
        level: level(log.level),
        timestamp: wire(log.timestamp),
        message: cut(&log.message, LOG_MESSAGE).to_owned(),
        source_file: log.source.clone(),
        line_number,
    });
    unsayable(record).into_iter().chain(own).collect()
}

/// v1 has no field for a simulated run and none for how a run ended beside passed and not passed: a log line says it.
fn unsayable(record: &Record) -> Option<Log> {
    let simulated = record
        .simulated
        .then_some("simulated instruments: not a result of a real unit");
    let ended = match record.outcome {
        RunOutcome::Pass | RunOutcome::Fail => None,
        RunOutcome::Aborted => Some("the run ended ABORTED"),
        RunOutcome::Timeout => Some("the run ended TIMEOUT"),
        RunOutcome::Error => Some("the run ended ERROR"),
    };
    let said: Vec<&str> = [simulated, ended, ended.and(record.reason.as_deref())]
        .into_iter()
        .flatten()
        .collect();
    if said.is_empty() {
        return None;
    }
    Some(Log {
        level: "WARNING",
        timestamp: wire(record.started_at),
        message: cut(&said.join("; "), LOG_MESSAGE).to_owned(),
        source_file: "benchtop".into(),
        line_number: 0,
    })
}
