//! A bench with one unit on it, switched on: sessions to its instruments, faults, and what a test may look at.

use super::script::{Script, SimulatedExec};
use crate::{
    attachment::{Attachment, Shared},
    circuit::{Branch, Circuit, GROUND, Node},
    client::Link,
    console::SimulatedConsole,
    device::Device,
    dmm::MeterState,
    fault::{Fault, FaultOrder},
    model::Model,
    random,
    session::PipeSession,
    world::{Instrument, Terminals, Wiring, World},
};
use benchtop_instrument::{Clock, Console, Resource, Session};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// The mains of an instrument that stands alone.
const MAINS_HERTZ: f64 = 50.0;

/// The node at HI of an instrument that stands alone with a wire between its terminals.
const TERMINAL: Node = 1;

/// Such a wire: nothing beside the smallest step of any meter.
const WIRE_OHMS: f64 = 1e-9;

/// What an instrument that stands alone is called.
const ALONE: &str = "instrument";

/// One unit on a bench. Clones are the same bench.
#[derive(Clone)]
pub struct SimulatedBench {
    name: String,
    /// Logical name and model, in the order of the instruments.
    instruments: Vec<(String, String)>,
    /// What the bench calls channels, by logical name.
    channel_names: BTreeMap<String, BTreeMap<String, u32>>,
    shared: Arc<Shared>,
    script: Arc<Script>,
    /// What is said beside the instruments in each slot.
    scripts: BTreeMap<String, Arc<Script>>,
}

/// One instrument of a bench, to be served to others. Clones are the same instrument.
#[derive(Clone)]
pub struct SimulatedInstrument {
    pub(crate) shared: Arc<Shared>,
    pub(crate) number: usize,
}

impl fmt::Debug for SimulatedBench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimulatedBench({})", self.name)
    }
}

impl fmt::Debug for SimulatedInstrument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimulatedInstrument({})", self.number)
    }
}

impl SimulatedBench {
    pub(super) fn new(name: String, instruments: Vec<(String, String)>, world: World, clock: Arc<dyn Clock>) -> Self {
        Self {
            name,
            instruments,
            channel_names: BTreeMap::new(),
            shared: Shared::new(world, clock),
            script: Arc::default(),
            scripts: BTreeMap::new(),
        }
    }

    pub(super) fn in_slots(self, scripts: impl Iterator<Item = (String, Script)>) -> Self {
        let scripts = scripts.map(|(slot, script)| (slot, Arc::new(script))).collect();
        Self { scripts, ..self }
    }

    /// The same bench, with what is said beside its instruments in this slot.
    #[must_use]
    pub fn in_slot(&self, slot: &str) -> Self {
        let script = self.scripts.get(slot).unwrap_or(&self.script);
        Self {
            script: Arc::clone(script),
            ..self.clone()
        }
    }

    /// The same with what is said beside its instruments.
    pub(super) fn scripted(self, script: Script) -> Self {
        Self {
            script: Arc::new(script),
            ..self
        }
    }

    /// What the operator answers to a prompt, if the file says so.
    #[must_use]
    pub fn answer(&self, prompt: &str) -> Option<&str> {
        self.script.answers.get(prompt).map(String::as_str)
    }

    /// What the command of a step does, if the file says so.
    #[must_use]
    pub fn exec(&self, step: &str) -> Option<&SimulatedExec> {
        self.script.exec.get(step)
    }

    /// The logical names of the unit's own links: that of the only unit, or of the first, and of the unit in each slot behind the
    /// slot's name, `A.uart`.
    pub fn console_names(&self) -> impl Iterator<Item = String> {
        let in_slots = self.scripts.iter().flat_map(|(slot, script)| {
            let names = script.consoles.keys();
            names.map(move |name| format!("{slot}.{name}"))
        });
        self.script.consoles.keys().cloned().chain(in_slots)
    }

    /// One of the unit's own links, opened anew.
    #[must_use]
    pub fn console(&self, logical_name: &str) -> Option<Box<dyn Console>> {
        let in_slot = logical_name
            .split_once('.')
            .and_then(|(slot, name)| self.scripts.get(slot)?.consoles.get(name));
        let script = in_slot.or_else(|| self.script.consoles.get(logical_name))?.clone();
        let resource = Resource::Simulated {
            bench: self.name.clone(),
            name: logical_name.to_owned(),
        };
        Some(Box::new(SimulatedConsole::new(
            resource,
            Arc::clone(&self.shared),
            script,
        )))
    }

    /// A single instrument of `model` (which is called `model_name`) with nothing at its terminals.
    ///
    /// Its logical name is `instrument`.
    #[must_use]
    pub fn lone(model_name: &str, model: &Model, clock: Arc<dyn Clock>) -> Self {
        Self::alone(model_name, model, clock, Circuit::default(), Wiring::default())
    }

    /// As [`Self::lone`], with a wire between HI and LO of its terminals and of these channels of its scanner.
    #[must_use]
    pub fn shorted(model_name: &str, model: &Model, clock: Arc<dyn Clock>, channels: &[u32]) -> Self {
        let wire = Branch {
            from: TERMINAL,
            to: GROUND,
            ohms: WIRE_OHMS,
            when: None,
        };
        let circuit = Circuit {
            nodes: 2,
            branches: vec![wire],
            ..Circuit::default()
        };
        let terminals = Terminals {
            across: Some((TERMINAL, GROUND)),
            in_series: None,
        };
        let wiring = Wiring {
            terminals,
            channels: channels.iter().map(|channel| (*channel, terminals)).collect(),
            ..Wiring::default()
        };
        Self::alone(model_name, model, clock, circuit, wiring)
    }

    fn alone(model_name: &str, model: &Model, clock: Arc<dyn Clock>, circuit: Circuit, wiring: Wiring) -> Self {
        let serial_number = model.0.identity.serial_number.clone();
        let device = Device::new(
            model,
            serial_number,
            random::stream(0, "", model_name),
            random::stream(0, "faults", model_name),
        );
        let instrument = Instrument::new(device, wiring);
        let world = World::new(vec![instrument], circuit, MAINS_HERTZ);
        Self::new(
            model_name.to_owned(),
            vec![(ALONE.to_owned(), model_name.to_owned())],
            world,
            clock,
        )
    }

    /// The bench's name; of an instrument that stands alone, the model's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The instruments' logical names, in the order of the file.
    pub fn instrument_names(&self) -> impl Iterator<Item = &str> {
        self.instruments.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn with_channel_names(self, channel_names: BTreeMap<String, BTreeMap<String, u32>>) -> Self {
        Self { channel_names, ..self }
    }

    /// What the bench calls the channels of an instrument.
    #[must_use]
    pub fn channel_names(&self, logical_name: &str) -> Option<&BTreeMap<String, u32>> {
        self.channel_names.get(logical_name)
    }

    /// The model of an instrument (`keysight/34461a`).
    #[must_use]
    pub fn model_of(&self, logical_name: &str) -> Option<&str> {
        let (_, model) = self.instruments.get(self.number(logical_name)?)?;
        Some(model)
    }

    /// A new session to an instrument, beside those that are open. One that the instrument refuses is disconnected.
    #[must_use]
    pub fn session(&self, logical_name: &str) -> Option<Box<dyn Session>> {
        self.attached(logical_name, Link::Bus)
    }

    fn attached(&self, logical_name: &str, link: Link) -> Option<Box<dyn Session>> {
        let number = self.number(logical_name)?;
        let attachment = Attachment::new(Arc::clone(&self.shared), number, link)?;
        let resource = Resource::Simulated {
            bench: self.name.clone(),
            name: logical_name.to_owned(),
        };
        let clock = Arc::clone(&self.shared.clock);
        let refused = Attachment::takes_connections(&self.shared, number).is_err();
        Some(Box::new(if refused {
            PipeSession::refused(resource, clock, attachment)
        } else {
            PipeSession::new(resource, clock, attachment)
        }))
    }

    /// A new session to an instrument over its serial line, where terminators and the way to remote may be others.
    #[must_use]
    pub fn serial_session(&self, logical_name: &str) -> Option<Box<dyn Session>> {
        self.attached(logical_name, Link::Serial)
    }

    /// An instrument, to be served.
    #[must_use]
    pub fn instrument(&self, logical_name: &str) -> Option<SimulatedInstrument> {
        Some(SimulatedInstrument {
            number: self.number(logical_name)?,
            shared: Arc::clone(&self.shared),
        })
    }

    /// Sets a fault, which begins at once and lasts until it is cleared. False if there is no such instrument.
    pub fn set_fault(&self, logical_name: &str, fault: Fault) -> bool {
        self.change(logical_name, |device| device.faults.set(fault.into()))
            .is_some()
    }

    /// From now on what the instrument measures is off by so much, in the base unit of whatever it is; of a supply, what
    /// it measures of its outputs. Zero ends it. False if there is no such instrument.
    pub fn shift(&self, logical_name: &str, amount: f64) -> bool {
        self.change(logical_name, |device| device.shift(amount)).is_some()
    }

    /// Sets a fault that somebody asked for.
    ///
    /// # Errors
    /// There is no such instrument, or it is none that can have this fault: what was expected instead.
    pub fn order_fault(&self, logical_name: &str, order: FaultOrder) -> Result<(), String> {
        let ordered = self.change(logical_name, |device| match order.fault.misfit(&device.model) {
            Some(wanted) => Err(format!(
                "`{}` is a fault of {wanted}, which {logical_name} is not",
                order.fault
            )),
            None => {
                device.faults.set(order);
                Ok(())
            }
        });
        ordered.unwrap_or_else(|| Err(self.no_instrument(logical_name)))
    }

    /// The faults of an instrument, and whether each has begun.
    ///
    /// # Errors
    /// There is no such instrument: what was expected instead.
    pub fn faults(&self, logical_name: &str) -> Result<Vec<(Fault, bool)>, String> {
        let listed = self.change(logical_name, |device| device.faults.list());
        listed.ok_or_else(|| self.no_instrument(logical_name))
    }

    fn no_instrument(&self, logical_name: &str) -> String {
        let names: Vec<&str> = self.instrument_names().collect();
        format!(
            "there is no instrument `{logical_name}`; there are {}",
            names.join(", ")
        )
    }

    /// Ends all faults of an instrument, those that the file has planned included. False if there is no such
    /// instrument.
    pub fn clear_faults(&self, logical_name: &str) -> bool {
        self.change(logical_name, |device| device.faults.clear()).is_some()
    }

    /// Whether a channel's output is on; nothing where there is no such output.
    #[must_use]
    pub fn output_enabled(&self, logical_name: &str, channel: u32) -> Option<bool> {
        let number = self.number(logical_name)?;
        let world = self.shared.lock();
        world.instruments.get(number)?.device.output_enabled(channel)
    }

    /// Whether it was told to go to remote, and not to go back since; nothing where there is no such instrument.
    #[must_use]
    pub fn is_remote(&self, logical_name: &str) -> Option<bool> {
        let number = self.number(logical_name)?;
        let world = self.shared.lock();
        Some(world.instruments.get(number)?.device.is_remote())
    }

    /// What a meter is set to for readings on a channel; nothing where there is no such meter.
    #[must_use]
    pub fn meter_state(&self, logical_name: &str, channel: u32) -> Option<MeterState> {
        let number = self.number(logical_name)?;
        let world = self.shared.lock();
        world.instruments.get(number)?.device.meter_state(channel)
    }

    /// The last thousand program messages that reached an instrument, oldest first.
    #[must_use]
    pub fn heard(&self, logical_name: &str) -> Vec<String> {
        let world = self.shared.lock();
        let instrument = self
            .number(logical_name)
            .and_then(|number| world.instruments.get(number));
        instrument.map_or_else(Vec::new, |instrument| instrument.heard.iter().cloned().collect())
    }

    fn number(&self, logical_name: &str) -> Option<usize> {
        self.instruments.iter().position(|(name, _)| name == logical_name)
    }

    fn change<T>(&self, logical_name: &str, change: impl FnOnce(&mut Device) -> T) -> Option<T> {
        let number = self.number(logical_name)?;
        let now = self.shared.clock.now();
        self.shared.change(|world| {
            world.advance(now);
            let changed = world
                .instruments
                .get_mut(number)
                .map(|instrument| change(&mut instrument.device));
            world.advance(now);
            changed
        })
    }
}
