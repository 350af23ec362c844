//! Everything on one bench that changes: the instruments, the unit, and what flows between them.
//!
//! Invariants:
//! 1. Before a command is carried out all instruments are brought up to the present moment, with what was at their
//!    terminals until then.
//! 2. After a command the circuit is solved again if a supply, a meter's shunt or its input changed, and protection has
//!    tripped where it must, before anybody can see the new state.
//! 3. Between commands the unit's capacitors charge, and every meter's trace holds how its terminals went, for as long
//!    as a reading in progress looks back.

use crate::{
    circuit::{Circuit, Connected, Input, Network, Node, Solution, Source},
    device::{Around, Call, ClassState, Device, Outcome},
    dmm::{Dmm, Inputs, Sight},
    fault::Fault,
    model::ClassModel,
    status::{ScpiError, UNDEFINED_HEADER},
};
use benchtop_instrument::Moment;
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// How many messages of each instrument are remembered for inspection.
const HEARD: usize = 1000;

/// One bench.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) instruments: Vec<Instrument>,
    network: Network,
    mains_hertz: f64,
    /// Up to when time has passed.
    now: Moment,
}

/// One instrument and its place in the circuit.
#[derive(Debug)]
pub(crate) struct Instrument {
    pub(crate) device: Device,
    pub(crate) wiring: Wiring,
    /// The program messages that have reached it, oldest first.
    pub(crate) heard: VecDeque<String>,
    around: Around,
}

/// Where an instrument's terminals are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wiring {
    /// A meter's own.
    pub(crate) terminals: Terminals,
    /// Those of its scanner.
    pub(crate) channels: BTreeMap<u32, Terminals>,
    /// The nodes that a supply's channels feed.
    pub(crate) feeds: BTreeMap<u32, Node>,
}

/// Where the terminals of a meter or of one channel of its scanner are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Terminals {
    /// The nodes that HI and LO touch.
    pub(crate) across: Option<(Node, Node)>,
    /// The branch that the current terminals lie in.
    pub(crate) in_series: Option<usize>,
}

impl Wiring {
    /// What a meter looks at: its own terminals, or those of a channel.
    fn seen(&self, dmm: &Dmm) -> Terminals {
        match dmm.sight() {
            Sight::ItsTerminals => self.terminals,
            Sight::Channel(channel) => self.channels.get(&channel).copied().unwrap_or_default(),
            Sight::Nothing => Terminals::default(),
        }
    }
}

impl Instrument {
    pub(crate) fn new(device: Device, wiring: Wiring) -> Self {
        Self {
            device,
            wiring,
            heard: VecDeque::new(),
            around: Around::default(),
        }
    }
}

/// An open meter, in ohms: as good as nothing beside what a bench carries.
const OPEN_OHMS: f64 = 1e12;

impl World {
    pub(crate) fn new(instruments: Vec<Instrument>, circuit: Circuit, mains_hertz: f64) -> Self {
        let mut world = Self {
            instruments,
            network: Network::new(circuit),
            mains_hertz,
            now: Moment::from_start(Duration::ZERO),
        };
        world.settle();
        // what is so from the start
        world.advance(Moment::from_start(Duration::ZERO));
        world
    }

    /// Lets time pass up to `now`. Where a scanner goes on to another channel, another node is looked at from then on.
    pub(crate) fn advance(&mut self, now: Moment) {
        while let Some(moment) = self.next_switch().filter(|moment| *moment < now) {
            self.pass(moment.max(self.now));
        }
        self.pass(now);
    }

    /// The voltage of a node now.
    pub(crate) fn volts(&mut self, node: Node, now: Moment) -> f64 {
        self.advance(now);
        self.network.solution().volts_at(node)
    }

    fn next_switch(&self) -> Option<Moment> {
        let devices = self.instruments.iter().map(|instrument| &instrument.device.class);
        let switches = devices.filter_map(|class| match class {
            ClassState::Dmm(dmm) => dmm.switches(),
            ClassState::DcPower(_) | ClassState::Switch(_) => None,
        });
        switches.min()
    }

    fn pass(&mut self, now: Moment) {
        let Self {
            instruments, network, ..
        } = self;
        let begin = std::mem::replace(&mut self.now, now);
        let flows = !network.is_settled() && begin < now;
        if flows {
            network.flow(now.since(begin).as_secs_f64(), |seconds, solution| {
                let moment = begin
                    .after(Duration::try_from_secs_f64(seconds).unwrap_or_default())
                    .min(now);
                for instrument in instruments.iter_mut() {
                    if let ClassState::Dmm(dmm) = &instrument.device.class {
                        let lead_off = instrument.device.faults.has(Fault::LeadOff);
                        let seen = instrument.wiring.seen(dmm);
                        let inputs = inputs(seen, instrument.around.inputs, solution, lead_off);
                        instrument.around.trace.went(moment, inputs);
                    }
                }
            });
            self.spread();
        }
        for Instrument { device, around, .. } in &mut self.instruments {
            device.advance(around, now);
            device.follow_faults(now);
            around.trace.forget(device.looks_back(self.mains_hertz, now));
        }
        self.settle();
    }

    /// Writes down a message that reached an instrument; its faults may begin or end with it.
    pub(crate) fn hear(&mut self, instrument: usize, message: &str, now: Moment) {
        let Some(instrument) = self.instruments.get_mut(instrument) else {
            return;
        };
        instrument.device.faults.count_message();
        if instrument.heard.len() >= HEARD {
            instrument.heard.pop_front();
        }
        instrument.heard.push_back(message.to_owned());
        if instrument.device.follow_faults(now) {
            self.settle();
        }
    }

    /// Has an instrument carry out a command.
    pub(crate) fn execute(
        &mut self,
        instrument: usize,
        command: usize,
        call: &mut Call<'_>,
    ) -> Result<Outcome, ScpiError> {
        let Instrument { device, around, .. } = self.instruments.get_mut(instrument).ok_or(UNDEFINED_HEADER)?;
        std::mem::swap(&mut call.around, around);
        let result = device.execute(command, call);
        std::mem::swap(&mut call.around, around);
        self.settle();
        result
    }

    /// Connects the instruments as they are set, until no protection trips any more.
    fn settle(&mut self) {
        loop {
            self.network.connect(self.connected());
            // every turn but the last switches an output off, so this ends
            if !self.spread() {
                return;
            }
        }
    }

    /// What the instruments put at the circuit. An open meter conducts nothing.
    fn connected(&self) -> Connected {
        let mut connected = Connected {
            sources: self.instruments.iter().flat_map(sources).collect(),
            shunts: vec![0.0; self.network.branches()],
            inputs: Vec::new(),
        };
        for Instrument { device, wiring, .. } in &self.instruments {
            let (ClassState::Dmm(dmm), ClassModel::Dmm(model)) = (&device.class, &device.model.0.class) else {
                continue;
            };
            let lead_off = device.faults.has(Fault::LeadOff);
            let seen = wiring.seen(dmm);
            let slot = seen.in_series.and_then(|branch| connected.shunts.get_mut(branch));
            if let Some(slot) = slot {
                let open = lead_off || device.faults.has(Fault::BlownCurrentFuse);
                *slot += if open { OPEN_OHMS } else { dmm.shunt(model) };
            }
            if lead_off {
                continue;
            }
            let siemens = dmm.input_siemens(model);
            let across = seen.across.filter(|_| siemens > 0.0);
            let input = across.map(|(high, low)| Input { high, low, siemens });
            connected.inputs.extend(input);
        }
        connected
    }

    /// Tells every instrument what is at its terminals now. True if a protection tripped.
    fn spread(&mut self) -> bool {
        let network = &self.network;
        let mut outputs = network.solution().outputs.iter().copied();
        let mut tripped = false;
        for Instrument {
            device, wiring, around, ..
        } in &mut self.instruments
        {
            around.mains_hertz = self.mains_hertz;
            let lead_off = device.faults.has(Fault::LeadOff);
            match (&mut device.class, &device.model.0.class) {
                (ClassState::Dmm(dmm), ClassModel::Dmm(model)) => {
                    let seen = wiring.seen(dmm);
                    let across = seen.across.filter(|_| dmm.tests_resistance(model) && !lead_off);
                    let ohms = across.map_or(f64::INFINITY, |(high, low)| network.resistance(high, low));
                    let before = Inputs { ohms, ..around.inputs };
                    around.inputs = inputs(seen, before, network.solution(), lead_off);
                    around.trace.changed(self.now, around.inputs);
                }
                (ClassState::DcPower(supply), ClassModel::DcPower(_)) => {
                    around.outputs = outputs.by_ref().take(supply.channels.len()).collect();
                    tripped |= supply.follow(&around.outputs, &mut device.status);
                }
                (ClassState::Dmm(_) | ClassState::Switch(_), ClassModel::DcPower(_) | ClassModel::Switch(_))
                | (ClassState::DcPower(_) | ClassState::Switch(_), ClassModel::Dmm(_) | ClassModel::Switch(_)) => {}
            }
        }
        tripped
    }
}

/// What a meter's terminals see of a solution; its `ohms` stay what they were.
fn inputs(seen: Terminals, before: Inputs, solution: &Solution, lead_off: bool) -> Inputs {
    let across = seen.across.filter(|_| !lead_off);
    let volts = across.map(|(high, low)| solution.volts_at(high) - solution.volts_at(low));
    let amperes = seen.in_series.map(|branch| solution.amperes_in(branch));
    let ripple = across.map(|(high, low)| solution.ripple_between(high, low));
    Inputs {
        volts: volts.unwrap_or_default(),
        amperes: amperes.unwrap_or_default(),
        ripple: ripple.unwrap_or_default(),
        ..before
    }
}

/// A supply's outputs as sources, channel 1 first.
fn sources(instrument: &Instrument) -> Vec<Source> {
    let ClassState::DcPower(supply) = &instrument.device.class else {
        return Vec::new();
    };
    let numbered = (1_u32..).zip(&supply.channels);
    numbered
        .map(|(number, channel)| Source {
            node: instrument.wiring.feeds.get(&number).copied(),
            volts: channel.voltage,
            limit: channel.current,
            on: channel.enabled,
        })
        .collect()
}
