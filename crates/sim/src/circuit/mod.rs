//! The simulated unit as a small circuit, and what its nodes and branches do.
//!
//! - Elements are linear in pieces: a regulator regulates, is in drop-out, browns out or blocks; a supply holds its
//!   voltage or its current. `pieces` finds the piece that each is on, `stamps` writes their equations and `linear` solves them.
//! - Capacitors make time matter: `network` lets them charge between two changes and knows when they have settled.
//! - Everything returns through ground, which is node 0 and at 0 V.

mod linear;
mod network;
mod pieces;
mod stamps;

pub(crate) use network::{Connected, Input, Network};

use crate::dc_power::Output;

/// A node, as its number. [`GROUND`] is the return of everything.
pub(crate) type Node = usize;

/// 0 V by definition.
pub(crate) const GROUND: Node = 0;

/// More nodes are refused: the work grows with their cube.
pub(crate) const MAX_NODES: usize = 100;

/// One unit, with its values fixed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Circuit {
    /// How many nodes there are, ground included.
    pub(crate) nodes: usize,
    pub(crate) branches: Vec<Branch>,
    pub(crate) rails: Vec<Rail>,
    pub(crate) loads: Vec<Load>,
    pub(crate) capacitors: Vec<Capacitor>,
}

/// A wire or resistor between two nodes, in which a meter may lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Branch {
    pub(crate) from: Node,
    pub(crate) to: Node,
    pub(crate) ohms: f64,
    /// A contact that opens and closes.
    pub(crate) when: Option<Switch>,
}

/// A linear regulator: what it gives to its loads it takes from its input. It sources, and never sinks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rail {
    pub(crate) from: Node,
    pub(crate) to: Node,
    pub(crate) level: f64,
    /// It needs this much more than it gives.
    pub(crate) dropout: f64,
    /// Below this input it is off.
    pub(crate) minimum_input: f64,
    /// What its output gives way under load.
    pub(crate) ohms: f64,
    /// Peak to peak, while it is on.
    pub(crate) ripple: f64,
    pub(crate) ripple_hertz: f64,
}

/// What draws current from a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) node: Node,
    pub(crate) draws: Draws,
    pub(crate) amperes: f64,
    /// The voltage at which it draws `amperes`, where it draws in proportion.
    pub(crate) volts: f64,
    pub(crate) ohms: f64,
    /// It is connected only then.
    pub(crate) when: Option<Switch>,
}

/// How a load's current follows its voltage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Draws {
    /// `amperes` at `volts`, in proportion elsewhere.
    InProportion,
    /// `amperes` at any voltage, as an electronic load.
    Constant,
    /// What `ohms` let through.
    Resistance,
}

/// A capacitor from a node to ground.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacitor {
    pub(crate) node: Node,
    pub(crate) farads: f64,
}

/// What a node's voltage switches: on above one voltage, off below another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Switch {
    pub(crate) node: Node,
    pub(crate) above: f64,
    pub(crate) below: f64,
}

/// A supply's output, connected to a node and ground.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Source {
    pub(crate) node: Option<Node>,
    pub(crate) volts: f64,
    pub(crate) limit: f64,
    pub(crate) on: bool,
}

/// What everything does at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Solution {
    pub(crate) volts: Vec<f64>,
    /// By branch.
    pub(crate) amperes: Vec<f64>,
    /// By source, in the order of the sources.
    pub(crate) outputs: Vec<Output>,
    /// By node.
    pub(crate) ripples: Vec<Ripple>,
}

/// An alternating voltage on top of a direct one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Ripple {
    /// Root mean square.
    pub(crate) volts: f64,
    pub(crate) hertz: f64,
}

impl Solution {
    pub(crate) fn volts_at(&self, node: Node) -> f64 {
        self.volts.get(node).copied().unwrap_or_default()
    }

    pub(crate) fn amperes_in(&self, branch: usize) -> f64 {
        self.amperes.get(branch).copied().unwrap_or_default()
    }

    /// What alternates between two nodes: the powers add, the frequency is the stronger one's.
    pub(crate) fn ripple_between(&self, high: Node, low: Node) -> Ripple {
        let at = |node: Node| self.ripples.get(node).copied().unwrap_or_default();
        let (high, low) = (at(high), at(low));
        Ripple {
            volts: high.volts.hypot(low.volts),
            hertz: if low.volts > high.volts { low.hertz } else { high.hertz },
        }
    }
}

impl Circuit {
    /// Everything that is switched, branches first.
    fn switches(&self) -> impl Iterator<Item = Option<Switch>> {
        let branches = self.branches.iter().map(|branch| branch.when);
        branches.chain(self.loads.iter().map(|load| load.when))
    }
}

impl Switch {
    fn is_closed(&self, closed: bool, volts: f64) -> bool {
        volts > if closed { self.below } else { self.above }
    }
}
