//! The circuit in time: capacitors charge from one change to the next.
//!
//! Invariants:
//! 1. After [`Network::connect`] the solution is that of the moment after the change: capacitors have kept their
//!    voltages, everything else has followed.
//! 2. What [`Network::flow`] finds does not depend on how often it is called by more than [`TOLERANCE`].
//! 3. A network that has settled costs nothing until something changes.
//!
//! A step is backward Euler, which never overshoots however stiff the circuit is, extrapolated from one, two, three and
//! four parts to the fourth order; the step's length follows the error. Where an element changes its piece within a step
//! the error shows it, and the step shrinks.

use super::pieces::Pieces;
use super::stamps::Charging;
use super::{Circuit, Node, Solution, Source};

/// The error of one step, in volts per volt and volt.
const TOLERANCE: f64 = 1e-8;
/// Steps are not made shorter than this, whatever the error.
const SHORTEST: f64 = 1e-6;
/// So short that no capacitor notices: what follows a change at once.
const AT_ONCE: f64 = 1e-10;
/// A switch is found to have moved this long after it should have at most.
const SWITCHING: f64 = 10e-6;
/// A capacitor that is this near its final voltage has settled.
const SETTLED_VOLTS: f64 = 1e-9;
/// More steps of one flow are given up: what buzzes for ever would take for ever.
const MAX_STEPS: usize = 20_000;

/// What instruments connect to the circuit.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Connected {
    pub(crate) sources: Vec<Source>,
    /// Ohms that lie in each branch: a meter's shunt.
    pub(crate) shunts: Vec<f64>,
    pub(crate) inputs: Vec<Input>,
}

/// A meter's input between two nodes, and what it lets through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Input {
    pub(crate) high: Node,
    pub(crate) low: Node,
    pub(crate) siemens: f64,
}

/// A circuit with its charges.
#[derive(Debug)]
pub(crate) struct Network {
    circuit: Circuit,
    connected: Connected,
    /// Volts, by capacitor.
    charges: Vec<f64>,
    pieces: Pieces,
    solution: Solution,
    /// The next step, in seconds.
    step: f64,
    settled: bool,
}

impl Network {
    /// Nothing is charged, and nothing is connected.
    pub(crate) fn new(circuit: Circuit) -> Self {
        let mut network = Self {
            charges: vec![0.0; circuit.capacitors.len()],
            pieces: Pieces::of(&circuit),
            connected: Connected::default(),
            solution: Solution::default(),
            step: SHORTEST,
            settled: false,
            circuit,
        };
        network.disturb();
        network
    }

    pub(crate) fn branches(&self) -> usize {
        self.circuit.branches.len()
    }

    pub(crate) const fn solution(&self) -> &Solution {
        &self.solution
    }

    /// Whether nothing changes any more until something else does.
    pub(crate) const fn is_settled(&self) -> bool {
        self.settled
    }

    /// The resistance between two nodes as a meter would find it; infinite if nothing connects them.
    pub(crate) fn resistance(&self, high: Node, low: Node) -> f64 {
        self.pieces.resistance(&self.circuit, &self.connected, high, low)
    }

    /// Connects this instead of what was connected. False if it is the same.
    pub(crate) fn connect(&mut self, connected: Connected) -> bool {
        if self.connected == connected {
            return false;
        }
        self.connected = connected;
        self.disturb();
        true
    }

    /// Lets time pass; `passed` is told the solution after each step, with the seconds since the beginning.
    pub(crate) fn flow(&mut self, seconds: f64, mut passed: impl FnMut(f64, &Solution)) {
        let mut since = 0.0;
        for _ in 0..MAX_STEPS {
            let left = seconds - since;
            if self.settled || left <= 0.0 {
                return;
            }
            let step = self.step.min(left);
            let (charges, error) = self.extrapolated(step);
            let growth = (0.8 * (TOLERANCE / error.max(f64::MIN_POSITIVE)).powf(0.25)).clamp(0.2, 5.0);
            let moves = step > SWITCHING && self.would_switch(&charges);
            if step > SHORTEST && (error > TOLERANCE || moves) {
                self.step = (step * if moves { 0.25 } else { growth.min(0.8) }).max(SHORTEST);
                continue;
            }
            // a last step that was cut short says nothing about how long the next one can be
            self.step = if step < self.step {
                self.step
            } else {
                (step * growth).max(SHORTEST)
            };
            since += step;
            self.charges = charges;
            self.follow();
            self.rest();
            passed(since, &self.solution);
        }
    }

    /// Something changed: everything but the charges follows at once.
    fn disturb(&mut self) {
        self.step = SHORTEST;
        self.settled = self.charges.is_empty();
        self.follow();
        // a capacitor right on a supply has the supply's voltage, whatever it had before
        self.charges = self.charged(&self.solution);
    }

    /// Finds the solution for the charges, and moves the switches that it moves. One that never comes to rest buzzes.
    fn follow(&mut self) {
        for _ in 0..2 * (self.circuit.branches.len() + self.circuit.loads.len()) + 2 {
            let charging = Charging::For(AT_ONCE, &self.charges);
            self.solution = self.pieces.solve(&self.circuit, &self.connected, charging);
            if !self.pieces.switch(&self.circuit, &self.solution) {
                break;
            }
            self.step = SHORTEST;
        }
    }

    /// Takes the final state if it has as good as been reached.
    fn rest(&mut self) {
        let mut pieces = self.pieces.clone();
        let finally = pieces.solve(&self.circuit, &self.connected, Charging::Done);
        let charges = self.charged(&finally);
        let near = |(now, then): (&f64, &f64)| (now - then).abs() <= SETTLED_VOLTS * (1.0 + then.abs());
        if !self.charges.iter().zip(&charges).all(near) || pieces.clone().switch(&self.circuit, &finally) {
            return;
        }
        self.settled = true;
        self.charges = charges;
        self.pieces = pieces;
        self.solution = finally;
    }

    fn would_switch(&self, charges: &[f64]) -> bool {
        let mut pieces = self.pieces.clone();
        let solution = pieces.solve(&self.circuit, &self.connected, Charging::For(AT_ONCE, charges));
        pieces.switch(&self.circuit, &solution)
    }

    /// The charges after a step, and how far they may be off, in volts per volt and volt.
    fn extrapolated(&self, step: f64) -> (Vec<f64>, f64) {
        let parts = [1.0, 2.0, 3.0, 4.0];
        // the newest row of the table: with one more part each, extrapolated as far as it goes
        let mut row: Vec<Vec<f64>> = Vec::new();
        for (order, part) in parts.into_iter().enumerate() {
            let mut next = vec![self.euler(step / part, order + 1)];
            for (column, (before, divisor)) in row.iter().zip(parts.iter().take(order).rev()).enumerate() {
                let factor = (part / divisor - 1.0).recip();
                let Some(rough) = next.get(column) else { continue };
                let finer = rough.iter().zip(before);
                next.push(finer.map(|(new, old)| new + (new - old) * factor).collect());
            }
            row = next;
        }
        let best = row.pop().unwrap_or_default();
        let second = row.pop().unwrap_or_default();
        let errors = best.iter().zip(&second);
        let error = errors.map(|(best, second)| (best - second).abs() / (1.0 + best.abs()));
        let error = error.fold(0.0, f64::max);
        (best, error)
    }

    /// So many steps of backward Euler.
    fn euler(&self, step: f64, count: usize) -> Vec<f64> {
        let mut pieces = self.pieces.clone();
        let mut charges = self.charges.clone();
        for _ in 0..count {
            let solution = pieces.solve(&self.circuit, &self.connected, Charging::For(step, &charges));
            charges = self.charged(&solution);
        }
        charges
    }

    fn charged(&self, solution: &Solution) -> Vec<f64> {
        let capacitors = self.circuit.capacitors.iter();
        capacitors.map(|capacitor| solution.volts_at(capacitor.node)).collect()
    }
}

#[cfg(test)]
mod tests;
