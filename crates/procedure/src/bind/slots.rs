//! One procedure for several units at once: bound for each slot, and what the slots would do to each other.

use super::{Instruments, channel, check, held::held, kept::kept_closed};
use crate::given::Given;
use crate::model::{BoundProcedure, LogicalName, PlanNode, Procedure, Step};
use crate::slots::{FixtureSteps, Slot, SlotChannel};
use crate::written::Written;
use benchtop_instrument::{Class, Setting};
use benchtop_notation::{Diagnostic, Diagnostics, Span, suggest};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A channel of one of the station's instruments.
type Physical = (LogicalName, u32);

/// Who closes a relay that is closed for all units.
const FIXTURE: &str = "the fixture";

/// As [`check_with`](crate::check_with), once for each slot.
///
/// # Errors
/// Those of [`check_with`](crate::check_with) in any slot; an output that two slots set, or a slot and the fixture; a channel that two
/// slots measure although the instrument has others; a relay that two slots close, or that one opens and another closes, or the
/// fixture; what they use in turn without a `lock`; a console that two units would have.
pub fn check_slots(
    name: &str,
    text: &str,
    given: &Given,
    instruments: &Instruments,
    slots: &BTreeMap<String, Slot>,
) -> Result<BTreeMap<String, BoundProcedure>, Diagnostics> {
    Written::new(name, text).read(given).bind_slots(instruments, slots)
}

/// The procedure for each slot; `sink` is what was found before.
pub(crate) fn bound_slots(
    procedure: &Procedure,
    mut sink: Diagnostics,
    instruments: &Instruments,
    slots: &BTreeMap<String, Slot>,
) -> Result<BTreeMap<String, BoundProcedure>, Diagnostics> {
    let mut placed = BTreeMap::new();
    for (slot_name, slot) in slots {
        let mut own = procedure.clone();
        let used = channel::resolve(&mut sink, &mut own, instruments, Some(slot));
        rename(&mut sink, slot_name, slot, procedure, &mut own);
        unused(&mut sink, slot_name, slot, procedure, &used);
        check(&mut sink, &own, instruments);
        placed.insert(slot_name.as_str(), own);
    }
    outputs(&mut sink, &placed);
    inputs(&mut sink, &placed, instruments);
    opens(&mut sink, &placed);
    exclusives(&mut sink, &placed);
    turns(&mut sink, &placed, instruments);
    consoles(&mut sink, &placed);
    if sink.has_errors() {
        return Err(sink);
    }
    let bound = placed.into_iter().map(|(slot, procedure)| {
        let bound = BoundProcedure {
            procedure: Arc::new(procedure),
            warnings: sink.clone(),
        };
        (slot.to_owned(), bound)
    });
    Ok(bound.collect())
}

/// True when a procedure is one for slots: some slot has something of its own that it uses, or it says itself what slots share.
#[must_use]
pub fn is_for_slots(procedure: &Procedure, slots: &BTreeMap<String, Slot>) -> bool {
    let says_so = procedure.fixture != FixtureSteps::default();
    let has_own = || {
        let mut channels = channels(procedure);
        let channel = channels.any(|channel| slots.values().any(|slot| slot.channels.contains_key(&channel)));
        let mut names = procedure.instruments.keys();
        channel || names.any(|name| slots.values().any(|slot| slot.instruments.contains_key(name)))
    };
    !slots.is_empty() && (says_so || has_own())
}

/// What the procedure needs of its own instrument, it needs of the one that stands for it. The steps were changed before.
fn rename(sink: &mut Diagnostics, slot_name: &str, slot: &Slot, written: &Procedure, own: &mut Procedure) {
    for (name, stands) in &slot.instruments {
        let Some(need) = written.instruments.get(name) else {
            continue;
        };
        if written.instruments.contains_key(&stands.value) {
            let message = format!(
                "slot {slot_name}: {} stands for {name}, and the procedure uses it itself",
                stands.value
            );
            sink.error(&stands.span, &message);
            continue;
        }
        if !own
            .fixture_steps()
            .any(|step| step.instruments().any(|used| used == name))
        {
            own.instruments.remove(name);
        }
        own.instruments.insert(stands.value.clone(), need.clone());
    }
    let plan = &mut own.plan;
    for nodes in [&mut plan.setup, &mut plan.steps, &mut plan.teardown] {
        rename_locks(nodes, slot);
    }
}

fn rename_locks(nodes: &mut [PlanNode], slot: &Slot) {
    for node in nodes {
        let PlanNode::Group(group) = node else { continue };
        for name in &mut group.lock {
            if let Some(own) = slot.instruments.get(name) {
                *name = own.value.clone();
            }
        }
        group.lock.sort();
        rename_locks(&mut group.nodes, slot);
    }
}

/// Channels of the slot that this procedure never names, although it uses their instrument: a slip of the pen, perhaps.
fn unused(sink: &mut Diagnostics, slot_name: &str, slot: &Slot, procedure: &Procedure, used: &BTreeSet<SlotChannel>) {
    let known: Vec<String> = channels(procedure).map(|channel| channel.to_string()).collect();
    for (channel, number) in &slot.channels {
        if used.contains(channel) || !procedure.instruments.contains_key(&channel.instrument) {
            continue;
        }
        let message = format!(
            "slot {slot_name}: no step of a unit uses \"{channel}\" in {}",
            procedure.id
        );
        let finding = Diagnostic::warning(&number.span, &message);
        sink.push(match suggest(&channel.to_string(), known.iter().map(String::as_str)) {
            Some(meant) => finding.help(&format!("did you mean \"{meant}\"?")),
            None => finding,
        });
    }
}

/// The channels that the steps of a unit name, as they are written.
fn channels(procedure: &Procedure) -> impl Iterator<Item = SlotChannel> {
    procedure.unit_steps().flat_map(|step| {
        let places = &step.set_places;
        let set = match step.kind.setting() {
            Some((instrument, Setting::Output(output))) => {
                vec![(instrument, places.channel_name.as_ref(), output.channel)]
            }
            Some((instrument, Setting::Switch(switch))) => {
                let closes = switch.close.iter().zip(&places.close);
                let all = closes.chain(switch.open.iter().zip(&places.open));
                all.map(|(channel, written)| (instrument, written.name.as_ref(), *channel))
                    .collect()
            }
            None => Vec::new(),
        };
        let measured = step.kind.measurements().iter().filter_map(|measurement| {
            let reading = measurement.reading()?;
            Some((
                &reading.instrument,
                reading.channel_name.as_ref(),
                reading.request.channel,
            ))
        });
        let named = measured.chain(set).map(|(instrument, name, number)| SlotChannel {
            instrument: instrument.clone(),
            channel: name.cloned().unwrap_or_else(|| number.to_string()),
        });
        named.collect::<Vec<_>>()
    })
}

fn set_by(step: &Step) -> Option<(Physical, &Span)> {
    let (instrument, setting) = step.kind.setting()?;
    let Setting::Output(output) = setting else {
        return None;
    };
    let places = &step.set_places;
    let place = places.channel.as_ref().or(places.instrument.as_ref());
    Some(((instrument.clone(), output.channel), place.unwrap_or(&step.place)))
}

/// An output is one slot's, or the fixture's.
fn outputs(sink: &mut Diagnostics, placed: &BTreeMap<&str, Procedure>) {
    let of_fixture = outputs_of_fixture(placed);
    let mut owners: BTreeMap<Physical, &str> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for (slot, procedure) in placed {
        for step in procedure.unit_steps() {
            let Some((output, place)) = set_by(step) else { continue };
            let (name, (instrument, channel)) = (&step.name, &output);
            if of_fixture.contains(&output) && told.insert(output.clone()) {
                let message = format!(
                    "step \"{name}\": slot {slot} sets {instrument} channel {channel}, which the steps of the fixture set"
                );
                sink.error(place, &message);
                continue;
            }
            let owner = *owners.entry(output.clone()).or_insert(slot);
            if owner != *slot && told.insert(output.clone()) {
                let message =
                    format!("step \"{name}\": slots {owner} and {slot} set one output, {instrument} channel {channel}");
                let help = format!(
                    "give each slot its own in the station file, [slots.{slot}] channels = {{ \"{instrument}.{channel}\" = ... }}, \
                     or set it in [[fixture_setup]] and [[fixture_teardown]]"
                );
                sink.push(Diagnostic::error(place, &message).help(&help));
            }
        }
    }
}

fn outputs_of_fixture(placed: &BTreeMap<&str, Procedure>) -> BTreeSet<Physical> {
    let steps = placed.values().flat_map(Procedure::fixture_steps);
    steps.filter_map(set_by).map(|(output, _)| output).collect()
}

/// What one unit reads must not be taken for another's.
fn inputs(sink: &mut Diagnostics, placed: &BTreeMap<&str, Procedure>, instruments: &Instruments) {
    let of_fixture = outputs_of_fixture(placed);
    let has_others = |(instrument, _): &Physical| {
        let capabilities = instruments.get(instrument);
        capabilities.is_some_and(|capabilities| capabilities.channels.len() > 1)
    };
    let mut owners: BTreeMap<Physical, &str> = BTreeMap::new();
    for (slot, procedure) in placed {
        for (input, step, place) in procedure.unit_steps().flat_map(closed_by) {
            let owner = *owners.entry(input.clone()).or_insert(slot);
            if owner != *slot {
                let (instrument, channel) = &input;
                let message = format!(
                    "step \"{}\": slots {owner} and {slot} both close {instrument} channel {channel}",
                    step.name
                );
                let help = format!("give each slot its own in the station file, [slots.{slot}] channels = {{ ... }}");
                sink.push(Diagnostic::error(place, &message).help(&help));
            }
        }
        for measurement in procedure.unit_steps().flat_map(|step| step.kind.measurements()) {
            let Some(reading) = measurement.reading() else { continue };
            let input = (reading.instrument.clone(), reading.request.channel);
            // what the fixture sets is for all; behind a single input there is a switch
            if of_fixture.contains(&input) || !has_others(&input) {
                continue;
            }
            let owner = *owners.entry(input.clone()).or_insert(slot);
            if owner != *slot {
                let (instrument, channel) = &input;
                let message = format!(
                    "measurement \"{}\": slots {owner} and {slot} both measure {instrument} channel {channel}",
                    measurement.name
                );
                let written = reading.channel_name.clone().unwrap_or_else(|| channel.to_string());
                let help = format!(
                    "give each slot its own in the station file, [slots.{slot}] channels = {{ \"{instrument}.{written}\" = ... }}, \
                     or measure it once in [[fixture_setup]]"
                );
                sink.push(Diagnostic::error(measurement.place_of("channel"), &message).help(&help));
            }
        }
    }
}

/// A unit's steps open what is theirs: another's relay may be in the middle of a measurement.
fn opens(sink: &mut Diagnostics, placed: &BTreeMap<&str, Procedure>) {
    let mut closers: BTreeMap<Physical, String> = BTreeMap::new();
    for (slot, procedure) in placed {
        let closed = procedure.unit_steps().flat_map(closed_by);
        closers.extend(closed.map(|(relay, ..)| (relay, format!("slot {slot}"))));
    }
    let of_fixture = placed.values().flat_map(Procedure::fixture_steps).flat_map(closed_by);
    closers.extend(of_fixture.map(|(relay, ..)| (relay, FIXTURE.to_owned())));
    for (slot, procedure) in placed {
        let own = format!("slot {slot}");
        let closes: BTreeSet<Physical> = procedure
            .unit_steps()
            .flat_map(closed_by)
            .map(|(relay, ..)| relay)
            .collect();
        for step in procedure.unit_steps() {
            let Some((instrument, Setting::Switch(switch))) = step.kind.setting() else {
                continue;
            };
            for (channel, written) in switch.open.iter().zip(&step.set_places.open) {
                let relay = (instrument.clone(), *channel);
                // of one that two slots close `inputs` has said it
                let is_said = |closer: &String| *closer == own || (closer != FIXTURE && closes.contains(&relay));
                let Some(closer) = closers.get(&relay).filter(|closer| !is_said(closer)) else {
                    continue;
                };
                let message = format!(
                    "step \"{}\": {own} opens {instrument} channel {channel}, which {closer} closes",
                    step.name
                );
                let help = format!("give each slot its own in the station file, [slots.{slot}] channels = {{ ... }}");
                sink.push(Diagnostic::error(&written.place, &message).help(&help));
            }
        }
    }
}

/// `exclusive` opens every other relay of its switch, and a `lock` keeps only those apart that are closed under one: what the
/// fixture closes stays closed for all units, and what a unit closes without holding the switch is closed at any time.
fn exclusives(sink: &mut Diagnostics, placed: &BTreeMap<&str, Procedure>) {
    let mut stays: BTreeMap<Physical, BTreeSet<Option<&str>>> = BTreeMap::new();
    for (slot, procedure) in placed {
        // what its teardown closes is not closed while units are tested
        for relay in kept_closed(procedure) {
            stays.entry(relay).or_default().insert(None);
        }
        for (step, held) in held(procedure) {
            for (relay, ..) in closed_by(step)
                .into_iter()
                .filter(|((switch, _), ..)| !held.contains(&switch))
            {
                stays.entry(relay).or_default().insert(Some(slot));
            }
        }
    }
    let mut told = BTreeSet::new();
    for (own, procedure) in placed {
        for (step, held) in held(procedure) {
            let Some((instrument, Setting::Switch(switch))) = step.kind.setting() else {
                continue;
            };
            let others = stays.iter().filter(|((stays_on, channel), _)| {
                switch.exclusive && stays_on == instrument && !switch.close.contains(channel)
            });
            for (relay, closers) in others {
                // without a `lock` the units themselves are told apart by what they use in turn
                let is_held = held.contains(&instrument);
                let other = |closer: &&Option<&str>| closer.is_none_or(|slot| is_held && slot != *own);
                let Some(closer) = closers.iter().find(other) else {
                    continue;
                };
                if told.insert((&step.name, relay)) {
                    let closer = closer.map_or_else(|| FIXTURE.to_owned(), |slot| format!("slot {slot}"));
                    let message = format!(
                        "step \"{}\": `exclusive` opens {instrument} channel {}, which {closer} closes",
                        step.name, relay.1
                    );
                    let finding = Diagnostic::error(&step.place, &message);
                    sink.push(finding.help("name what it opens: open = [...]"));
                }
            }
        }
    }
}

/// What several units use in turn is held from the switching to the measurement: else one unit's reading is another's.
fn turns(sink: &mut Diagnostics, placed: &BTreeMap<&str, Procedure>, instruments: &Instruments) {
    let of_fixture = outputs_of_fixture(placed);
    let is_single = |name: &LogicalName| {
        let capabilities = instruments.get(name);
        capabilities.is_some_and(|capabilities| capabilities.channels.len() <= 1)
    };
    // by instrument: the slots that measure with its one input, or switch it, and the first place that does so unheld
    let mut measured: BTreeMap<&LogicalName, Users<'_>> = BTreeMap::new();
    let mut switched: BTreeMap<&LogicalName, Users<'_>> = BTreeMap::new();
    for (slot, procedure) in placed {
        for (step, held) in held(procedure) {
            for measurement in step.kind.measurements() {
                let Some(reading) = measurement.reading() else { continue };
                let input = (reading.instrument.clone(), reading.request.channel);
                if is_single(&reading.instrument) && !of_fixture.contains(&input) {
                    let users = measured.entry(&reading.instrument).or_default();
                    let is_held = held.contains(&&reading.instrument);
                    users.add(
                        slot,
                        (!is_held).then_some((measurement.name.as_str(), &measurement.place)),
                    );
                }
            }
            let Some((instrument, Setting::Switch(switch))) = step.kind.setting() else {
                continue;
            };
            let is_loose = switch.exclusive && !held.contains(&instrument);
            let users = switched.entry(instrument).or_default();
            users.add(slot, is_loose.then_some((step.name.as_str(), &step.place)));
        }
    }
    for (name, users) in measured {
        let Some((measurement, place)) = users.loose.filter(|_| users.slots.len() > 1) else {
            continue;
        };
        let message = format!(
            "measurement \"{measurement}\": {} measure with the one input of {name}, and no `lock` keeps them apart",
            users.slots()
        );
        let help = format!(
            "put the switching and the measurement into a group with lock = [\"{name}\", ...] and the switch in it, or \
             measure what all units have in common once in [[fixture_setup]]"
        );
        sink.push(Diagnostic::error(place, &message).help(&help));
    }
    for (name, users) in switched {
        let Some((step, place)) = users.loose.filter(|_| users.slots.len() > 1) else {
            continue;
        };
        let message = format!(
            "step \"{step}\": `exclusive` opens what another of {} closed on {name}, and no `lock` keeps them apart",
            users.slots()
        );
        let help = format!("put the switching and what it is for into a group with lock = [\"{name}\", ...]");
        sink.push(Diagnostic::error(place, &message).help(&help));
    }
}

/// The slots that use something, and where one does so without holding it.
#[derive(Default)]
struct Users<'p> {
    slots: BTreeSet<&'p str>,
    loose: Option<(&'p str, &'p Span)>,
}

impl<'p> Users<'p> {
    fn add(&mut self, slot: &'p str, loose: Option<(&'p str, &'p Span)>) {
        self.slots.insert(slot);
        self.loose = self.loose.or(loose);
    }

    fn slots(&self) -> String {
        let slots: Vec<&str> = self.slots.iter().copied().collect();
        format!("slots {}", slots.join(" and "))
    }
}

/// The channels of a switch that a step closes.
fn closed_by(step: &Step) -> Vec<(Physical, &Step, &Span)> {
    let Some((instrument, Setting::Switch(switch))) = step.kind.setting() else {
        return Vec::new();
    };
    let closes = switch.close.iter().zip(&step.set_places.close);
    closes
        .map(|(channel, written)| ((instrument.clone(), *channel), step, &written.place))
        .collect()
}

/// Each unit has a link of its own.
fn consoles(sink: &mut Diagnostics, placed: &BTreeMap<&str, Procedure>) {
    let mut owners: BTreeMap<&LogicalName, &str> = BTreeMap::new();
    for (slot, procedure) in placed {
        let consoles = procedure
            .instruments
            .iter()
            .filter(|(_, need)| need.class == Class::Console);
        for (name, need) in consoles {
            let owner = *owners.entry(name).or_insert(slot);
            if owner != *slot {
                let message =
                    format!("slots {owner} and {slot} have one console {name}: each unit has a link of its own");
                let help = format!("name it in the station file, [slots.{slot}] instruments = {{ {name} = ... }}");
                sink.push(Diagnostic::error(&need.place, &message).help(&help));
            }
        }
    }
}
