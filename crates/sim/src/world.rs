//! Everything on one bench that changes: the instruments, the unit, and what flows between them.
//!
//! Invariants:
//! 1. Before a command is carried out all instruments are brought up to the present moment, with what was at their
//!    terminals until then.
//! 2. After a command the circuit is solved again if a supply or a meter's shunt changed, and protection has tripped
//!    where it must, before anybody can see the new state.

use crate::{
    circuit::{Circuit, Node, Solution, Source},
    device::{Around, Call, ClassState, Device, Outcome},
    dmm::Inputs,
    fault::Fault,
    model::ClassModel,
    status::{ScpiError, UNDEFINED_HEADER},
};
use benchtop_instrument::Moment;
use std::collections::{BTreeMap, VecDeque};

/// How many messages of each instrument are remembered for inspection.
const HEARD: usize = 1000;

/// One bench.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) instruments: Vec<Instrument>,
    circuit: Circuit,
    mains_hertz: f64,
    solution: Solution,
    /// What the solution was found for.
    solved: Option<(Vec<Source>, Vec<f64>)>,
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
    /// The nodes that a meter's HI and LO touch.
    pub(crate) across: Option<(Node, Node)>,
    /// The branch that a meter's current terminals lie in.
    pub(crate) in_series: Option<usize>,
    /// The nodes that a supply's channels feed.
    pub(crate) feeds: BTreeMap<u32, Node>,
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

impl World {
    pub(crate) fn new(instruments: Vec<Instrument>, circuit: Circuit, mains_hertz: f64) -> Self {
        let mut world = Self {
            instruments,
            circuit,
            mains_hertz,
            solution: Solution::default(),
            solved: None,
        };
        world.settle();
        world
    }

    /// Lets time pass up to `now`.
    pub(crate) fn advance(&mut self, now: Moment) {
        for instrument in &mut self.instruments {
            instrument.device.advance(&instrument.around, now);
        }
    }

    /// Writes down a message that reached an instrument.
    pub(crate) fn hear(&mut self, instrument: usize, message: &str) {
        let Some(instrument) = self.instruments.get_mut(instrument) else {
            return;
        };
        instrument.device.faults.count_message();
        if instrument.heard.len() >= HEARD {
            instrument.heard.pop_front();
        }
        instrument.heard.push_back(message.to_owned());
    }

    /// Has an instrument carry out a command.
    pub(crate) fn execute(
        &mut self,
        instrument: usize,
        command: usize,
        call: &mut Call<'_>,
    ) -> Result<Outcome, ScpiError> {
        let Instrument { device, around, .. } = self.instruments.get_mut(instrument).ok_or(UNDEFINED_HEADER)?;
        if let ClassState::DcPower(supply) = &mut device.class {
            supply.stuck = device.faults.has(Fault::StuckOutput);
        }
        std::mem::swap(&mut call.around, around);
        let result = device.execute(command, call);
        std::mem::swap(&mut call.around, around);
        self.settle();
        result
    }

    /// Solves the circuit until no protection trips any more.
    fn settle(&mut self) {
        loop {
            let sources: Vec<Source> = self.instruments.iter().flat_map(sources).collect();
            let shunts = self.shunts();
            let solved = self.solved.as_ref();
            if solved.is_none_or(|(before, shunts_before)| *before != sources || *shunts_before != shunts) {
                self.solution = self.circuit.solve(&sources, &shunts);
                self.solved = Some((sources, shunts));
            }
            // every turn switches an output off, so this ends
            if !self.spread() {
                return;
            }
        }
    }

    /// The shunts of the meters that lie in branches.
    fn shunts(&self) -> Vec<f64> {
        let mut shunts = vec![0.0; self.circuit.branches.len()];
        for instrument in &self.instruments {
            let slot = instrument.wiring.in_series.and_then(|branch| shunts.get_mut(branch));
            let model = &instrument.device.model.0.class;
            if let (Some(slot), ClassState::Dmm(dmm), ClassModel::Dmm(model)) = (slot, &instrument.device.class, model)
            {
                *slot += dmm.shunt(model);
            }
        }
        shunts
    }

    /// Tells every instrument what is at its terminals now. True if a protection tripped.
    fn spread(&mut self) -> bool {
        let solution = &self.solution;
        let mut outputs = solution.outputs.iter().copied();
        let mut tripped = false;
        for Instrument {
            device, wiring, around, ..
        } in &mut self.instruments
        {
            around.mains_hertz = self.mains_hertz;
            match &mut device.class {
                ClassState::Dmm(_) => {
                    let volts = wiring
                        .across
                        .map(|(high, low)| solution.volts_at(high) - solution.volts_at(low));
                    let amperes = wiring.in_series.map(|branch| solution.amperes_in(branch));
                    around.inputs = Inputs {
                        volts: volts.unwrap_or_default(),
                        amperes: amperes.unwrap_or_default(),
                    };
                }
                ClassState::DcPower(supply) => {
                    around.outputs = outputs.by_ref().take(supply.channels.len()).collect();
                    tripped |= supply.follow(&around.outputs, &mut device.status);
                }
            }
        }
        tripped
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
