//! `--slot A=SN1 --slot B=SN2`: several units at once, each in a place of the fixture.

use super::request::Unit;
use crate::exit::Failure;
use benchtop_instrument::Setting;
use benchtop_notation::suggest;
use benchtop_procedure::{BoundProcedure, LogicalName, Step};
use benchtop_run::InstrumentUse;
use benchtop_station::StationSlot;
use std::collections::{BTreeMap, BTreeSet};

/// The units of the command line, one a slot.
pub(super) fn units(written: &[String], common: &Unit) -> Result<Vec<Unit>, Failure> {
    if written.len() > 1 && !common.sub_units.is_empty() {
        let message = "--sub-unit is one unit's, and several are in slots: nothing says which one it belongs to";
        return Err(Failure::refused(message));
    }
    let mut units: Vec<Unit> = Vec::new();
    for text in written {
        let parts = text.split_once('=').map(|(slot, serial)| (slot.trim(), serial.trim()));
        let Some((slot, serial)) = parts.filter(|(slot, serial)| !slot.is_empty() && !serial.is_empty()) else {
            return Err(Failure::refused(format!("--slot {text}: expected SLOT=SN")));
        };
        if units.iter().any(|unit| unit.slot.as_deref() == Some(slot)) {
            return Err(Failure::refused(format!("--slot {slot} is given twice")));
        }
        units.push(Unit {
            serial: serial.to_owned(),
            slot: Some(slot.to_owned()),
            ..common.clone()
        });
    }
    Ok(units)
}

/// Units that are said to be in two places.
pub(super) fn one_unit_twice(units: &[Unit]) -> Vec<String> {
    let mut mistakes = Vec::new();
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (slot, unit) in units.iter().filter_map(|unit| Some((unit.slot.as_deref()?, unit))) {
        if let Some(other) = seen.insert(&unit.serial, slot) {
            let serial = &unit.serial;
            mistakes.push(format!(
                "{serial} is in two slots, {other} and {slot}: one of the two is another unit"
            ));
        }
    }
    mistakes
}

/// What is wrong with the places that were asked for: slots that are not there, and none where the procedure is for slots.
pub(super) fn mistakes(units: &[Unit], slots: &BTreeMap<String, StationSlot>, is_for_slots: bool) -> Vec<String> {
    let known: Vec<&str> = slots.keys().map(String::as_str).collect();
    let one = |unit: &Unit| {
        let Some(slot) = &unit.slot else {
            return is_for_slots.then(|| {
                let serial = &unit.serial;
                let known = known.join(", ");
                format!("{serial}: this procedure is for the slots of this bench ({known}): --slot NAME={serial} says where it lies")
            });
        };
        if slots.contains_key(slot) {
            return None;
        }
        let help = match suggest(slot, known.iter().copied()) {
            Some(meant) => format!("did you mean {meant}?"),
            None if known.is_empty() => "its file has no [slots]".to_owned(),
            None => format!("it has {}", known.join(", ")),
        };
        Some(format!("--slot {slot}: this bench has no slot of that name; {help}"))
    };
    units.iter().filter_map(one).collect()
}

/// What the runs that are started together have to know of each other.
#[derive(Clone, Debug)]
pub(crate) struct Together {
    pub(super) execution_id: String,
    /// The channels that are some slot's own, by slot.
    own: BTreeMap<String, BTreeSet<(LogicalName, u32)>>,
}

impl Together {
    /// A slot's own is what its unit's steps set, and nothing else: an output that only the station's file gives to a slot stays in
    /// every run, or nobody would prove it off.
    pub(crate) fn new<'p>(execution_id: String, running: impl Iterator<Item = (&'p str, &'p BoundProcedure)>) -> Self {
        let mut own: BTreeMap<String, BTreeSet<(LogicalName, u32)>> = BTreeMap::new();
        for (slot, procedure) in running {
            let set = procedure.procedure().unit_steps().flat_map(set_by);
            own.entry(slot.to_owned()).or_default().extend(set);
        }
        Self { execution_id, own }
    }

    /// The outputs of an instrument that are a slot's own, and those that are no other's.
    pub(crate) fn restrict(&self, slot: &str, uses: Vec<InstrumentUse>) -> Vec<InstrumentUse> {
        let is_anothers = |name: &LogicalName, channel: u32| {
            let mut others = self.own.iter().filter(|(other, _)| *other != slot);
            others.any(|(_, own)| own.contains(&(name.clone(), channel)))
        };
        let of_slot = |used: InstrumentUse| {
            let (name, outputs) = (used.name, used.outputs.into_iter());
            let outputs = outputs.filter(|channel| !is_anothers(&name, *channel)).collect();
            InstrumentUse { name, outputs, ..used }
        };
        uses.into_iter().map(of_slot).collect()
    }
}

/// The outputs that a step sets, and the channels that it closes.
fn set_by(step: &Step) -> Vec<(LogicalName, u32)> {
    match step.kind.setting() {
        Some((instrument, Setting::Output(output))) => vec![(instrument.clone(), output.channel)],
        Some((instrument, Setting::Switch(switch))) => {
            let closes = switch.close.iter();
            closes.map(|channel| (instrument.clone(), *channel)).collect()
        }
        None => Vec::new(),
    }
}
