//! Benches as data: which instruments there are, what they are wired to, and the unit between them.
//!
//! `fixtures/benches/README.md` teaches the file. A [`Bench`] is the file, checked; [`Bench::build`] puts one unit on it.

mod circuitry;
mod deviation;
mod elements;
mod read;
mod script;
mod simulated;
mod wiring;

pub use deviation::Deviation;
pub use script::SimulatedExec;
pub use simulated::{SimulatedBench, SimulatedInstrument};

pub(crate) use script::{ConsoleScript, Utterance};

use crate::{
    circuit::Circuit,
    device::Device,
    fault::FaultOrder,
    model::Model,
    random,
    world::{Instrument, Wiring, World},
};
use benchtop_instrument::Clock;
use benchtop_notation::{Diagnostics, Document, Documents};
use circuitry::Circuitry;
use script::{Script, Scripts};
use std::{collections::BTreeMap, sync::Arc};

/// Finds the simulator definition of a model (`keysight/34461a`): the name of its file and the text in it.
pub type Models<'m> = Documents<'m>;

/// A bench file, checked.
#[derive(Clone, Debug)]
pub struct Bench {
    name: String,
    seed: i64,
    mains_hertz: f64,
    procedures: Vec<String>,
    instruments: Vec<Placed>,
    circuitry: Circuitry,
    faults: Vec<PlannedFault>,
    /// What is said beside the instruments: for each slot, or once where there are none.
    scripts: Vec<Scripts>,
    /// The slots, each with a unit of its own; empty where there are none.
    slots: Vec<String>,
}

/// An instrument on the bench.
#[derive(Clone, Debug)]
struct Placed {
    name: String,
    channel_names: BTreeMap<String, u32>,
    model_name: String,
    model: Model,
    serial_number: String,
    wiring: Wiring,
}

/// A fault that the file asks for.
#[derive(Clone, Debug)]
struct PlannedFault {
    /// Its place among the instruments.
    instrument: usize,
    /// With any unit, or with this one.
    serial_number: Option<String>,
    order: FaultOrder,
}

impl Bench {
    /// Reads a bench file; `name` is what findings call it, and `models` finds the instruments' definitions.
    ///
    /// # Errors
    /// Everything that is wrong with it and with the definitions it needs, each with file, line and column.
    pub fn parse(name: &str, text: &str, models: &Models<'_>) -> Result<Self, Diagnostics> {
        let document = Document::parse(name, text)?;
        let mut sink = Diagnostics::new();
        let bench = read::read(&document, models, &mut sink);
        sink.into_result()?;
        bench.ok_or_else(|| benchtop_notation::Diagnostic::error(document.span(), "the bench is incomplete").into())
    }

    /// What the file calls the bench.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The instruments' logical names, in the order of the file.
    pub fn instrument_names(&self) -> impl Iterator<Item = &str> {
        self.instruments.iter().map(|placed| placed.name.as_str())
    }

    /// The logical names of the unit's own links.
    pub fn console_names(&self) -> impl Iterator<Item = &str> {
        self.scripts.first().into_iter().flat_map(Scripts::console_names)
    }

    /// The model of an instrument (`keysight/34461a`).
    #[must_use]
    pub fn model_of(&self, logical_name: &str) -> Option<&str> {
        let placed = self.instruments.iter().find(|placed| placed.name == logical_name);
        placed.map(|placed| placed.model_name.as_str())
    }

    /// The ids of the procedures that the bench is made for.
    pub fn procedures(&self) -> impl Iterator<Item = &str> {
        self.procedures.iter().map(String::as_str)
    }

    /// The serial numbers that the file singles out, with the reason it gives.
    pub fn special_units(&self) -> impl Iterator<Item = (&str, &str)> {
        self.circuitry.special_units()
    }

    /// Puts the unit with this serial number on the bench and switches all instruments on; where there are slots, into the first.
    ///
    /// A serial number that the file does not know is an ordinary unit. The same file and serial number give the same
    /// unit, and the same commands the same readings.
    #[must_use]
    pub fn build(&self, clock: Arc<dyn Clock>, serial_number: &str) -> SimulatedBench {
        self.build_deviating(clock, None, serial_number, None)
    }

    /// Everything that may be wrong with a unit in this slot, one thing at a time. Without a slot, with the unit in the first.
    #[must_use]
    pub fn deviations(&self, slot: Option<&str>) -> Vec<Deviation> {
        let number = slot.and_then(|slot| self.slots.iter().position(|known| known == slot));
        let number = number.unwrap_or_default();
        let others = self.slots.iter().enumerate().filter(|(other, _)| *other != number);
        let others: Vec<&str> = others.map(|(_, slot)| slot.as_str()).collect();
        self.circuitry.deviations(number, &others)
    }

    /// As [`Bench::build`], in this slot if one is said and with one thing wrong. A deviation that is a unit of the file's takes
    /// that serial number.
    #[must_use]
    pub fn build_deviating(
        &self,
        clock: Arc<dyn Clock>,
        slot: Option<&str>,
        serial_number: &str,
        deviation: Option<&Deviation>,
    ) -> SimulatedBench {
        let serial_number = deviation.and_then(Deviation::serial_number).unwrap_or(serial_number);
        let slot = slot.or_else(|| self.slots.first().map(String::as_str));
        let only = [(slot.unwrap_or_default().to_owned(), serial_number.to_owned())];
        self.build_units(clock, &only.into(), deviation)
    }

    /// The slots' names, in the order of the file.
    pub fn slot_names(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().map(String::as_str)
    }

    /// As [`Bench::build`], with a unit in each of these slots, by the slot's name; the others are empty.
    #[must_use]
    pub fn build_slots(&self, clock: Arc<dyn Clock>, units: &BTreeMap<String, String>) -> SimulatedBench {
        self.build_units(clock, units, None)
    }

    fn build_units(
        &self,
        clock: Arc<dyn Clock>,
        units: &BTreeMap<String, String>,
        deviation: Option<&Deviation>,
    ) -> SimulatedBench {
        let in_slots = self.slots.iter().map(|slot| units.get(slot).map(String::as_str));
        let mut serial_numbers: Vec<Option<&str>> = in_slots.collect();
        if self.slots.is_empty() {
            serial_numbers.push(units.values().next().map(String::as_str));
        }
        let circuit: Circuit = self.circuitry.units(self.seed, &serial_numbers, deviation);
        let all: Vec<&str> = serial_numbers.iter().copied().flatten().collect();
        let serial_number = &all.join(" ");
        let instruments = self.instruments.iter().enumerate().map(|(number, placed)| {
            let noise = random::stream(self.seed, serial_number, &format!("instruments.{}", placed.name));
            let chance = random::stream(self.seed, serial_number, &format!("faults.{}", placed.name));
            let mut device = Device::new(&placed.model, placed.serial_number.clone(), noise, chance);
            // a meter is the same meter whatever unit it measures
            let stream = random::stream(self.seed, "", &format!("instruments.{}.accuracy", placed.name));
            device.age(stream);
            let here = |fault: &&PlannedFault| {
                let unit = fault.serial_number.as_deref();
                fault.instrument == number && unit.is_none_or(|unit| all.contains(&unit))
            };
            for planned in self.faults.iter().filter(here) {
                device.faults.set(planned.order);
            }
            Instrument::new(device, placed.wiring.clone())
        });
        let world = World::new(instruments.collect(), circuit, self.mains_hertz);
        let names = self
            .instruments
            .iter()
            .map(|placed| (placed.name.clone(), placed.model_name.clone()));
        let channel_names = self
            .instruments
            .iter()
            .map(|placed| (placed.name.clone(), placed.channel_names.clone()));
        SimulatedBench::new(self.name.clone(), names.collect(), world, clock)
            .with_channel_names(channel_names.collect())
            .scripted(self.only_script(units))
            .in_slots(self.slots.iter().zip(&self.scripts).map(|(slot, scripts)| {
                let unit = units.get(slot);
                let script = unit.map_or_else(|| scripts.of_nothing(), |unit| scripts.of(unit));
                (slot.clone(), script)
            }))
    }

    /// What the first of the units says, where one speaks for the bench.
    fn only_script(&self, units: &BTreeMap<String, String>) -> Script {
        let mut pairs = self.slots.iter().zip(&self.scripts);
        let first = pairs.find_map(|(slot, scripts)| Some(scripts.of(units.get(slot)?)));
        let no_slots = || {
            let unit = units.values().next().map(String::as_str).unwrap_or_default();
            self.scripts.first().map(|scripts| scripts.of(unit))
        };
        first.or_else(no_slots).unwrap_or_default()
    }
}
