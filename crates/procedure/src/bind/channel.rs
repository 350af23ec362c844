//! Names of channels become the numbers that the station has for them; in a slot, channels become the slot's own.

use super::Instruments;
use crate::model::{LogicalName, MeasurementSource, Procedure, StepKind};
use crate::slots::{Slot, SlotChannel};
use benchtop_instrument::{Capabilities, Setting};
use benchtop_notation::{Diagnostic, Diagnostics, Span, suggest};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Gives every channel its number. A name that is unknown is reported, and counts as the instrument's first.
///
/// In a slot the steps of the unit work with the slot's own channels and instruments; those of the fixture do not. Answers
/// with the channels of the slot that are used.
pub(super) fn resolve(
    sink: &mut Diagnostics,
    procedure: &mut Procedure,
    instruments: &Instruments,
    slot: Option<&Slot>,
) -> BTreeSet<SlotChannel> {
    let mut used = BTreeSet::new();
    let mut placed = BTreeMap::new();
    let fixture = procedure.fixture;
    let first_behind = procedure.teardown.len().saturating_sub(fixture.teardown);
    let setup = procedure.setup.iter_mut().enumerate();
    let setup = setup.map(|(at, step)| (step, at < fixture.setup));
    let steps = procedure.steps.iter_mut().map(|step| (step, false));
    let teardown = procedure.teardown.iter_mut().enumerate();
    let teardown = teardown.map(|(at, step)| (step, at >= first_behind));
    for (step, is_fixture) in setup.chain(steps).chain(teardown) {
        let mut seat = Seat {
            slot: slot.filter(|_| !is_fixture),
            used: &mut used,
            placed: &mut placed,
            instruments,
        };
        let step_place = step.place.clone();
        match &mut step.kind {
            StepKind::Measurements(measurements) => {
                for measurement in measurements {
                    let place = measurement.place_of("channel").clone();
                    let MeasurementSource::Reading(reading) = &mut measurement.source else {
                        continue;
                    };
                    let label = format!("measurement \"{}\"", measurement.name);
                    let wanted = Wanted {
                        label: &label,
                        name: reading.channel_name.as_deref(),
                        number: reading.request.channel,
                        place: &place,
                    };
                    let mut instrument = reading.instrument.clone();
                    let channel = seat.number(sink, &mut instrument, &wanted);
                    // those that stay as they are stay shared
                    if (channel, &instrument) != (reading.request.channel, &reading.instrument) {
                        let reading = Arc::make_mut(reading);
                        reading.request.channel = channel;
                        reading.instrument = instrument;
                    }
                }
            }
            StepKind::Set {
                instrument,
                setting: Setting::Output(output),
                expects: _,
            } => {
                let label = format!("step \"{}\"", step.name);
                let wanted = Wanted {
                    label: &label,
                    name: step.set_places.channel_name.as_deref(),
                    number: output.channel,
                    place: step.set_places.channel.as_ref().unwrap_or(&step_place),
                };
                output.channel = seat.number(sink, instrument, &wanted);
            }
            StepKind::Set {
                instrument,
                setting: Setting::Switch(switch),
                expects: _,
            } => {
                let label = format!("step \"{}\"", step.name);
                let written_as = instrument.clone();
                let (close, open) = (&step.set_places.close, &step.set_places.open);
                let closing = switch.close.iter_mut().zip(close);
                for (channel, written) in closing.chain(switch.open.iter_mut().zip(open)) {
                    let wanted = Wanted {
                        label: &label,
                        name: written.name.as_deref(),
                        number: *channel,
                        place: &written.place,
                    };
                    *channel = seat.number(sink, &mut written_as.clone(), &wanted);
                }
                seat.rename(instrument);
            }
            StepKind::Query(query) => seat.rename(&mut query.instrument),
            StepKind::Send(transmit) => seat.rename(&mut transmit.instrument),
            StepKind::Expect(expect) => seat.rename(&mut expect.instrument),
            StepKind::Wait(_) | StepKind::Prompt(_) | StepKind::Exec(_) => {}
        }
    }
    used
}

/// A channel as it is written.
struct Wanted<'a> {
    label: &'a str,
    name: Option<&'a str>,
    number: u32,
    place: &'a Span,
}

/// Where a step is carried out.
struct Seat<'a> {
    slot: Option<&'a Slot>,
    used: &'a mut BTreeSet<SlotChannel>,
    /// What the procedure calls each channel of the station that this slot has.
    placed: &'a mut BTreeMap<(LogicalName, u32), SlotChannel>,
    instruments: &'a Instruments,
}

impl Seat<'_> {
    /// Another instrument of the station may stand for the procedure's.
    fn rename(&self, instrument: &mut LogicalName) {
        if let Some(own) = self.slot.and_then(|slot| slot.instruments.get(instrument)) {
            *instrument = own.value.clone();
        }
    }

    fn number(&mut self, sink: &mut Diagnostics, instrument: &mut LogicalName, wanted: &Wanted<'_>) -> u32 {
        let own = self.slot.filter(|slot| !slot.channels.is_empty()).and_then(|slot| {
            let channel = wanted.name.map_or_else(|| wanted.number.to_string(), str::to_owned);
            let key = SlotChannel {
                instrument: instrument.clone(),
                channel,
            };
            let number = slot.channels.get(&key)?.value;
            self.used.insert(key);
            Some(number)
        });
        let written = instrument.clone();
        self.rename(instrument);
        let number = match (own, wanted.name) {
            (Some(number), _) => number,
            (None, None) => wanted.number,
            (None, Some(name)) => named(sink, instrument, self.instruments.get(instrument), name, wanted),
        };
        // a name and the number that the station has for it are the same thing
        let known = |name: &str| self.instruments.get(&written)?.channel_names.get(name).copied();
        let channel = match (own, wanted.name) {
            (Some(_), Some(name)) => known(name).map_or_else(|| name.to_owned(), |number| number.to_string()),
            (Some(_), None) => wanted.number.to_string(),
            (None, _) => number.to_string(),
        };
        let called = SlotChannel {
            instrument: written,
            channel,
        };
        self.place(sink, instrument, number, called, wanted);
        number
    }

    /// Two channels of the procedure must not become one in a slot: one of them would not be what its step says.
    fn place(
        &mut self,
        sink: &mut Diagnostics,
        instrument: &LogicalName,
        number: u32,
        called: SlotChannel,
        wanted: &Wanted<'_>,
    ) {
        let has_many = |capabilities: &Capabilities| capabilities.channels.len() > 1 || capabilities.outputs.len() > 1;
        if self.slot.is_none() || !self.instruments.get(instrument).is_some_and(has_many) {
            return;
        }
        let first = self
            .placed
            .entry((instrument.clone(), number))
            .or_insert_with(|| called.clone());
        if *first == called {
            return;
        }
        let message = format!(
            "{}: in one slot {first} and {called} are the same channel, {instrument} channel {number}",
            wanted.label
        );
        let help = format!("give \"{called}\" a channel of its own in [slots] of the station file");
        sink.push(Diagnostic::error(wanted.place, &message).help(&help));
    }
}

fn named(
    sink: &mut Diagnostics,
    instrument: &LogicalName,
    capabilities: Option<&Capabilities>,
    name: &str,
    wanted: &Wanted<'_>,
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
        "{}: {instrument} ({}) has no channel \"{name}\"",
        wanted.label, capabilities.model
    );
    sink.push(Diagnostic::error(wanted.place, &message).help(&help));
    capabilities.channels.first().copied().unwrap_or(1)
}
