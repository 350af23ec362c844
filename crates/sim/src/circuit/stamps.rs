//! The equations of a circuit: each element adds what it has to say (a stamp) to those of its nodes.

use super::linear::Equations;
use super::pieces::{BROWN_OUT_SLOPE, KNEE_VOLTS, Pieces, RailPiece};
use super::{Circuit, Connected, Draws, GROUND, Load, Node};
use crate::dc_power::Regulation;

/// No wire has less: two wires side by side share their current.
const LEAST_OHMS: f64 = 1e-9;
/// What insulates a node from ground, so that nothing floats.
pub(super) const LEAKAGE_SIEMENS: f64 = 1e-12;

/// How capacitors take part.
#[derive(Clone, Copy, Debug)]
pub(super) enum Charging<'c> {
    /// They are charged and take no current.
    Done,
    /// They had these voltages so many seconds ago.
    For(f64, &'c [f64]),
}

/// Where the unknowns are.
pub(super) struct Layout<'c> {
    pub(super) circuit: &'c Circuit,
    pub(super) connected: &'c Connected,
}

impl Layout<'_> {
    pub(super) fn nodes(&self) -> usize {
        self.circuit.nodes.max(1)
    }

    pub(super) fn branch(&self, number: usize) -> usize {
        self.nodes() + number
    }

    pub(super) fn rail(&self, number: usize) -> usize {
        self.branch(self.circuit.branches.len()) + number
    }

    pub(super) fn source(&self, number: usize) -> usize {
        self.rail(self.circuit.rails.len()) + number
    }

    pub(super) fn unknowns(&self) -> usize {
        self.source(self.connected.sources.len())
    }
}

impl Pieces {
    /// The equations, with everything that drives scaled by `drive`.
    pub(super) fn equations(&self, layout: &Layout<'_>, charging: Charging<'_>, drive: f64) -> Equations {
        let (circuit, connected) = (layout.circuit, layout.connected);
        let mut equations = Equations::new(layout.unknowns());
        for node in 1..layout.nodes() {
            equations.add(node, node, LEAKAGE_SIEMENS);
        }
        for input in &connected.inputs {
            between(&mut equations, input.high, input.low, input.siemens);
        }
        for (number, branch) in circuit.branches.iter().enumerate() {
            let row = layout.branch(number);
            flows(&mut equations, row, branch.from, branch.to);
            if !self.conducts(circuit, number) {
                equations.add(row, row, 1.0);
                continue;
            }
            let shunt = connected.shunts.get(number).copied().unwrap_or_default();
            equations.add(row, branch.from, 1.0);
            equations.add(row, branch.to, -1.0);
            equations.add(row, row, -(branch.ohms + shunt).max(LEAST_OHMS));
        }
        for (number, (rail, piece)) in circuit.rails.iter().zip(&self.rails).enumerate() {
            let row = layout.rail(number);
            flows(&mut equations, row, rail.from, rail.to);
            let (slope, offset) = match piece {
                RailPiece::Blocked => {
                    equations.add(row, row, 1.0);
                    continue;
                }
                RailPiece::Regulating => (0.0, rail.level),
                RailPiece::DropOut => (1.0, -rail.dropout),
                RailPiece::BrownOut => (BROWN_OUT_SLOPE, -BROWN_OUT_SLOPE * rail.minimum_input),
            };
            equations.add(row, rail.to, 1.0);
            equations.add(row, rail.from, -slope);
            equations.add(row, row, rail.ohms);
            equations.add_right(row, offset * drive);
        }
        for (number, (source, piece)) in connected.sources.iter().zip(&self.sources).enumerate() {
            let row = layout.source(number);
            flows(&mut equations, row, GROUND, source.node.unwrap_or(GROUND));
            match (piece, source.node) {
                (Regulation::Voltage, Some(node)) => {
                    equations.add(row, node, 1.0);
                    equations.add_right(row, source.volts * drive);
                }
                (Regulation::Current, Some(_)) => {
                    equations.add(row, row, 1.0);
                    equations.add_right(row, source.limit * drive);
                }
                (Regulation::Off, _) | (_, None) => equations.add(row, row, 1.0),
            }
        }
        let first = circuit.branches.len();
        for (number, load) in circuit.loads.iter().enumerate() {
            if self.conducts(circuit, first + number) {
                self.load(&mut equations, number, load, drive);
            }
        }
        if let Charging::For(seconds, charges) = charging {
            for (capacitor, volts) in circuit.capacitors.iter().zip(charges) {
                let siemens = capacitor.farads / seconds;
                equations.add(capacitor.node, capacitor.node, siemens);
                equations.add_right(capacitor.node, siemens * volts);
            }
        }
        equations.ground(GROUND);
        equations
    }

    fn load(&self, equations: &mut Equations, number: usize, load: &Load, drive: f64) {
        let collapsed = self.collapsed.get(number).copied().unwrap_or_default();
        let siemens = match load.draws {
            Draws::InProportion if load.volts > 0.0 => load.amperes / load.volts,
            Draws::InProportion => 0.0,
            Draws::Resistance => load.ohms.max(LEAST_OHMS).recip(),
            Draws::Constant if collapsed => load.amperes / KNEE_VOLTS,
            Draws::Constant => {
                equations.add_right(load.node, -load.amperes * drive);
                0.0
            }
        };
        equations.add(load.node, load.node, siemens);
    }
}

/// A current flows from one node to another: the unknown of that number.
fn flows(equations: &mut Equations, current: usize, from: Node, to: Node) {
    equations.add(from, current, 1.0);
    equations.add(to, current, -1.0);
}

fn between(equations: &mut Equations, high: Node, low: Node, siemens: f64) {
    for (node, other) in [(high, low), (low, high)] {
        equations.add(node, node, siemens);
        equations.add(node, other, -siemens);
    }
}
