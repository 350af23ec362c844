//! The circuit at one moment: every element on one of its straight pieces, and the equations of them all.
//!
//! The unknowns are the nodes' voltages, and the currents of branches, regulators and supplies (modified nodal
//! analysis), so that a wire without resistance is nothing special. Starting from the pieces of the moment before, the
//! first element that is not on the piece it should be on is moved to the right one, and the equations are solved
//! again. Moving one at a time, always the first, is what keeps this from going round in circles (Murty's least-index
//! rule); should it happen all the same, the last solution stands.

use super::stamps::{Charging, LEAKAGE_SIEMENS, Layout};
use super::{Circuit, Connected, Draws, GROUND, Node, Rail, Ripple, Solution, Source};
use crate::dc_power::{Output, Regulation};

/// Below this voltage a constant-current load gives in.
pub(super) const KNEE_VOLTS: f64 = 0.1;
/// A regulator at the edge of its minimum input gives this much for every volt above it. It is a steep ramp and no
/// step because a step may have no solution: a regulator that starts, pulls its input down and stops again.
pub(super) const BROWN_OUT_SLOPE: f64 = 1e4;
/// Differences below these are none.
const SAME_VOLTS: f64 = 1e-9;
const SAME_AMPERES: f64 = 1e-12;
/// Root mean square of a sine of one volt peak to peak.
const PEAK_TO_PEAK: f64 = std::f64::consts::SQRT_2 / 4.0;

/// Which piece each element is on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pieces {
    pub(super) sources: Vec<Regulation>,
    pub(super) rails: Vec<RailPiece>,
    /// Constant-current loads: whether they have given in.
    pub(super) collapsed: Vec<bool>,
    /// By switch, see [`Circuit::switches`].
    closed: Vec<bool>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum RailPiece {
    /// Its output is higher than it would make it, or its input too low.
    #[default]
    Blocked,
    Regulating,
    DropOut,
    BrownOut,
}

impl Pieces {
    pub(super) fn of(circuit: &Circuit) -> Self {
        Self {
            sources: Vec::new(),
            rails: vec![RailPiece::default(); circuit.rails.len()],
            collapsed: vec![true; circuit.loads.len()],
            closed: vec![false; circuit.switches().count()],
        }
    }

    /// Solves the circuit, with the switches as they are.
    pub(super) fn solve(&mut self, circuit: &Circuit, connected: &Connected, charging: Charging<'_>) -> Solution {
        let layout = Layout { circuit, connected };
        self.sources.resize(connected.sources.len(), Regulation::Off);
        for (piece, source) in self.sources.iter_mut().zip(&connected.sources) {
            match (source.on, *piece) {
                (false, _) => *piece = Regulation::Off,
                (true, Regulation::Off) => *piece = Regulation::Voltage,
                (true, Regulation::Voltage | Regulation::Current) => {}
            }
        }
        let elements = self.sources.len() + self.rails.len() + self.collapsed.len();
        let mut found = self.equations(&layout, charging, 1.0).solve();
        for _ in 0..20 + 8 * elements {
            if !self.correct(&layout, &found) {
                break;
            }
            found = self.equations(&layout, charging, 1.0).solve();
        }
        self.solution(&layout, &found)
    }

    /// The resistance between two nodes, with every element on its piece; infinite is an insulator's.
    pub(super) fn resistance(&self, circuit: &Circuit, connected: &Connected, high: Node, low: Node) -> f64 {
        let layout = Layout { circuit, connected };
        // nothing drives but one ampere from one node to the other
        let mut equations = self.equations(&layout, Charging::Done, 0.0);
        for (node, amperes) in [(high, 1.0), (low, -1.0)] {
            if node != GROUND {
                equations.add_right(node, amperes);
            }
        }
        let found = equations.solve();
        let ohms = at(&found, high) - at(&found, low);
        if ohms * LEAKAGE_SIEMENS > 1e-2 {
            f64::INFINITY
        } else {
            ohms.max(0.0)
        }
    }

    /// Opens and closes the switches as the voltages say. True if one moved.
    pub(super) fn switch(&mut self, circuit: &Circuit, solution: &Solution) -> bool {
        let mut moved = false;
        for (closed, switch) in self.closed.iter_mut().zip(circuit.switches()) {
            let Some(switch) = switch else { continue };
            let should = switch.is_closed(*closed, solution.volts_at(switch.node));
            moved |= should != *closed;
            *closed = should;
        }
        moved
    }

    /// Whether the switch of this number lets current through; what has no switch always does.
    pub(super) fn conducts(&self, circuit: &Circuit, number: usize) -> bool {
        let switched = circuit.switches().nth(number).flatten().is_some();
        !switched || self.closed.get(number).copied().unwrap_or_default()
    }

    /// Moves the first element that is on the wrong piece. False if all are right.
    fn correct(&mut self, layout: &Layout<'_>, found: &[f64]) -> bool {
        for (number, (piece, source)) in self.sources.iter_mut().zip(&layout.connected.sources).enumerate() {
            let volts = source.node.map(|node| at(found, node));
            let right = source_piece(*piece, source, volts, at(found, layout.source(number)));
            if std::mem::replace(piece, right) != right {
                return true;
            }
        }
        for (number, (piece, rail)) in self.rails.iter_mut().zip(&layout.circuit.rails).enumerate() {
            let right = rail_piece(
                *piece,
                rail,
                at(found, rail.from),
                at(found, rail.to),
                at(found, layout.rail(number)),
            );
            if std::mem::replace(piece, right) != right {
                return true;
            }
        }
        for (collapsed, load) in self.collapsed.iter_mut().zip(&layout.circuit.loads) {
            let margin = if *collapsed { SAME_VOLTS } else { -SAME_VOLTS };
            let right = at(found, load.node) < KNEE_VOLTS + margin;
            if load.draws == Draws::Constant && std::mem::replace(collapsed, right) != right {
                return true;
            }
        }
        false
    }

    fn solution(&self, layout: &Layout<'_>, found: &[f64]) -> Solution {
        let (circuit, connected) = (layout.circuit, layout.connected);
        let mut ripples = vec![Ripple::default(); layout.nodes()];
        for (rail, piece) in circuit.rails.iter().zip(&self.rails) {
            let on = matches!(piece, RailPiece::Regulating | RailPiece::DropOut) && rail.level > 0.0;
            if let Some(slot) = ripples.get_mut(rail.to).filter(|_| on) {
                *slot = Ripple {
                    volts: rail.ripple * PEAK_TO_PEAK,
                    hertz: rail.ripple_hertz,
                };
            }
        }
        let outputs = connected.sources.iter().zip(&self.sources).enumerate();
        Solution {
            volts: (0..layout.nodes()).map(|node| at(found, node)).collect(),
            amperes: (0..circuit.branches.len())
                .map(|number| at(found, layout.branch(number)))
                .collect(),
            outputs: outputs
                .map(|(number, (source, piece))| output(source, *piece, found, layout.source(number)))
                .collect(),
            ripples,
        }
    }
}

fn output(source: &Source, piece: Regulation, found: &[f64], row: usize) -> Output {
    if piece == Regulation::Off {
        // what still lies at the terminals is the unit's, and is measured all the same
        return Output {
            volts: source.node.map_or(0.0, |node| at(found, node)),
            ..Output::default()
        };
    }
    Output {
        volts: source.node.map_or(source.volts, |node| at(found, node)),
        amperes: at(found, row),
        regulation: piece,
    }
}

/// The piece that a supply belongs on. One that nothing is connected to holds its voltage.
fn source_piece(piece: Regulation, source: &Source, volts: Option<f64>, amperes: f64) -> Regulation {
    let Some(volts) = volts else { return piece };
    match piece {
        Regulation::Off => Regulation::Off,
        Regulation::Voltage if amperes > source.limit + SAME_AMPERES => Regulation::Current,
        Regulation::Current if volts > source.volts + SAME_VOLTS => Regulation::Voltage,
        Regulation::Voltage | Regulation::Current => piece,
    }
}

/// The piece that a regulator belongs on.
fn rail_piece(piece: RailPiece, rail: &Rail, input: f64, output: f64, amperes: f64) -> RailPiece {
    let pieces = [
        (RailPiece::Regulating, rail.level),
        (RailPiece::DropOut, input - rail.dropout),
        (RailPiece::BrownOut, BROWN_OUT_SLOPE * (input - rail.minimum_input)),
    ];
    // what it would make of this input is the least of the three
    let mut least = (RailPiece::Regulating, rail.level);
    for (candidate, volts) in pieces {
        let margin = if candidate == piece { SAME_VOLTS } else { -SAME_VOLTS };
        if volts < least.1 + margin {
            least = (candidate, volts);
        }
    }
    let blocked = match piece {
        RailPiece::Blocked => output >= least.1 - SAME_VOLTS,
        RailPiece::Regulating | RailPiece::DropOut | RailPiece::BrownOut => amperes < -SAME_AMPERES,
    };
    if blocked { RailPiece::Blocked } else { least.0 }
}

fn at(found: &[f64], unknown: usize) -> f64 {
    found.get(unknown).copied().unwrap_or_default()
}
