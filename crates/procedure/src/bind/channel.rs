//! Names of channels become the numbers that the station has for them.

use super::Instruments;
use crate::model::{LogicalName, MeasurementSource, Procedure, StepKind};
use benchtop_instrument::{Capabilities, Setting};
use benchtop_notation::{Diagnostic, Diagnostics, Span, suggest};

/// Gives every named channel its number. One that is unknown is reported, and counts as the instrument's first.
pub(super) fn resolve(sink: &mut Diagnostics, procedure: &mut Procedure, instruments: &Instruments) {
    let sections = [&mut procedure.setup, &mut procedure.steps, &mut procedure.teardown];
    for step in sections.into_iter().flatten() {
        let step_place = step.place.clone();
        match &mut step.kind {
            StepKind::Measurements(measurements) => {
                for measurement in measurements {
                    let label = format!("measurement \"{}\"", measurement.name);
                    let MeasurementSource::Reading(reading) = &mut measurement.source else {
                        continue;
                    };
                    if let Some(name) = &reading.channel_name {
                        let known = instruments.get(&reading.instrument);
                        let place = &measurement.places.channel;
                        let found = number(sink, &label, &reading.instrument, known, name, place);
                        reading.request.channel = found;
                    }
                }
            }
            StepKind::Set {
                instrument,
                setting: Setting::Output(output),
                expects: _,
            } => {
                if let Some(name) = &step.set_places.channel_name {
                    let label = format!("step \"{}\"", step.name);
                    let place = step.set_places.channel.as_ref().unwrap_or(&step_place);
                    output.channel = number(sink, &label, instrument, instruments.get(instrument), name, place);
                }
            }
            StepKind::Set {
                instrument,
                setting: Setting::Switch(switch),
                expects: _,
            } => {
                let label = format!("step \"{}\"", step.name);
                let known = instruments.get(instrument);
                let (close, open) = (&step.set_places.close, &step.set_places.open);
                let closing = switch.close.iter_mut().zip(close);
                for (channel, written) in closing.chain(switch.open.iter_mut().zip(open)) {
                    if let Some(name) = &written.name {
                        *channel = number(sink, &label, instrument, known, name, &written.place);
                    }
                }
            }
            StepKind::Wait(_)
            | StepKind::Prompt(_)
            | StepKind::Exec(_)
            | StepKind::Query(_)
            | StepKind::Send(_)
            | StepKind::Expect(_) => {}
        }
    }
}

fn number(
    sink: &mut Diagnostics,
    label: &str,
    instrument: &LogicalName,
    capabilities: Option<&Capabilities>,
    name: &str,
    place: &Span,
) -> u32 {
    // that the instrument is missing is said where the procedure declares it
    let Some(capabilities) = capabilities else { return 1 };
    if let Some(channel) = capabilities.channel_names.get(name) {
        return *channel;
    }
    let known: Vec<&str> = capabilities.channel_names.keys().map(String::as_str).collect();
    let help = match suggest(name, known.iter().copied()) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None if known.is_empty() => "the station gives its channels no names".to_owned(),
        None => format!("it has {}", known.join(", ")),
    };
    let message = format!(
        "{label}: {instrument} ({}) has no channel \"{name}\"",
        capabilities.model
    );
    sink.push(Diagnostic::error(place, &message).help(&help));
    capabilities.channels.first().copied().unwrap_or(1)
}
