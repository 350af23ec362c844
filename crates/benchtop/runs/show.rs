//! `benchtop runs show`.

use super::{
    args::{ShowArguments, ShowFormat},
    find, history, open,
};
use crate::{
    exit::{Exit, Failure},
    progress::{self, ShownMeasurement, ShownStep},
    run::first_failure,
    terminal::{self, DOUBTFUL, Line, PLAIN, QUIET},
};
use benchtop_report::{StoredRun, page, shown};
use benchtop_run::{MeasurementOutcome, RunOutcome, Section, StepOutcome};
use benchtop_store::{
    Record,
    record::{self, OutputState, Step},
};
use std::{io::Write, path::Path};

pub(super) fn show(arguments: &ShowArguments) -> Result<Exit, Failure> {
    let (store, _recovery) = open(&arguments.store)?;
    let run = find::find(&store, &mut history(&store)?, &arguments.run, &arguments.store)?;
    if let Some(path) = &arguments.html {
        write_page(path, &page::of_run(&run))?;
        return Ok(Exit::Success);
    }
    match arguments.format {
        ShowFormat::Human => say(&run),
        ShowFormat::Json => {
            let json = serde_json::to_value(&run.record).map_err(|error| Failure::error(error.to_string()))?;
            terminal::emit(&terminal::ascii_json(&json));
        }
    }
    Ok(Exit::Success)
}

/// Writes a page to a file that was named, and says so; `-` is standard output.
pub(super) fn write_page(path: &Path, text: &str) -> Result<(), Failure> {
    if path == Path::new("-") {
        terminal::emit(text.trim_end());
        return Ok(());
    }
    let written = std::fs::File::create(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Failure::error(format!("write {}: {error}", path.display())))?;
    terminal::say_aside(&Line::new().add(QUIET, &format!("written to {}", path.display())));
    Ok(())
}

/// The run as the operator saw it.
fn say(run: &StoredRun) {
    let record = &run.record;
    let title = [&record.procedure_id, &record.procedure_version, &record.procedure_name].map(|text| short(text));
    let serial = short(&record.unit_under_test.serial_number);
    progress::say_title(title.each_ref(), &serial, record.simulated);
    if let Some((study, trial)) = record.study.as_ref().zip(record.trial) {
        progress::say_study(&short(study), trial);
    }
    for instrument in &record.instruments {
        if let Some(identity) = &instrument.identity {
            let fields = [
                identity.manufacturer.as_str(),
                &identity.model,
                &identity.serial_number,
                &identity.firmware_revision,
            ];
            let errors: Vec<String> = instrument.stale_errors.iter().map(|error| short(error)).collect();
            progress::say_instrument(&short(&instrument.name), &short(&fields.join(",")), &errors);
        }
    }
    for step in &record.steps {
        let last = step.attempts.len().saturating_add(1);
        for (attempt, number) in step.all_attempts().zip(1..) {
            say_step(attempt, number, number == last);
        }
    }
    say_outputs(record);
    terminal::say(&Line::new());
    let reason = record.reason.clone().or_else(|| first_failure(record));
    let reason = reason.map(|reason| short(&reason));
    let line = progress::verdict(RunOutcome::from(record.outcome), &serial, reason.as_deref());
    let line = line.add(QUIET, &format!("  ({:.2} s)", record.duration_s));
    terminal::say(&line.add(DOUBTFUL, if record.simulated { "  SIMULATED" } else { "" }));
    terminal::say(&Line::new().add(QUIET, &format!("record {}", run.path.display())));
}

fn say_step(step: &Step, number: usize, decides: bool) {
    let outcome = outcome(step.outcome);
    let turn: Vec<String> = step
        .parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", plain(value)))
        .collect();
    let name = if turn.is_empty() {
        step.name.clone()
    } else {
        format!("{}  {}", step.name, turn.join(" "))
    };
    progress::say_step(&ShownStep {
        outcome,
        judges: !step.measurements.is_empty() || step.step_type == "expect",
        name: &short(&name),
        section: match step.section {
            record::Section::Setup => Section::Setup,
            record::Section::Main => Section::Main,
            record::Section::Teardown => Section::Teardown,
        },
        attempt: if step.started_at.is_some() {
            u32::try_from(number).unwrap_or(u32::MAX)
        } else {
            0
        },
        decides,
        seconds: step.duration_s.unwrap_or_default(),
    });
    for measurement in &step.measurements {
        progress::say_measurement(&ShownMeasurement {
            outcome: match measurement.outcome {
                record::MeasurementOutcome::Pass => MeasurementOutcome::Pass,
                record::MeasurementOutcome::Fail => MeasurementOutcome::Fail,
                record::MeasurementOutcome::Unset => MeasurementOutcome::Unset,
            },
            marginal: measurement.marginal,
            name: &short(&measurement.name),
            value: short(&shown::value(measurement)),
            limit: shown::limit(measurement).map(|limit| short(&limit)),
            uncertainty: shown::uncertainty(measurement).map(|known| short(&known)),
            reason: measurement.reason.as_deref().map(short).as_deref(),
        });
    }
    let told = outcome == StepOutcome::Fail && step.measurements.iter().any(|measurement| measurement.reason.is_some());
    if let Some(reason) = step.reason.as_ref().filter(|_| !told) {
        progress::say_reason(outcome, &short(reason));
    }
}

/// A text of a record is not longer than a screen is patient.
fn short(text: &str) -> String {
    terminal::clip(text, 400)
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

const fn outcome(outcome: record::StepOutcome) -> StepOutcome {
    match outcome {
        record::StepOutcome::Pass => StepOutcome::Pass,
        record::StepOutcome::Fail => StepOutcome::Fail,
        record::StepOutcome::Skip => StepOutcome::Skip,
        record::StepOutcome::Error => StepOutcome::Error,
        record::StepOutcome::Timeout => StepOutcome::Timeout,
        record::StepOutcome::Aborted => StepOutcome::Aborted,
    }
}

fn say_outputs(record: &Record) {
    for instrument in &record.instruments {
        let of_it = record
            .outputs
            .iter()
            .filter(|output| output.instrument == instrument.name);
        let mut off = Vec::new();
        for output in of_it {
            match output.state {
                OutputState::Off => off.push(output.channel.to_string()),
                OutputState::MaybeOn => {
                    let alarm = crate::recovery::alarm(&instrument.class);
                    let line = format!("  {alarm}: {} channel {}", short(&output.instrument), output.channel);
                    let reason = short(output.reason.as_deref().unwrap_or_default());
                    terminal::say(
                        &Line::new()
                            .add(terminal::BAD, &line)
                            .add(PLAIN, &format!("  ({reason})")),
                    );
                }
            }
        }
        progress::say_off(&short(&instrument.name), &instrument.class, &off);
    }
}
