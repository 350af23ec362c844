//! The simulated unit as a small circuit, and what its nodes and branches do.
//!
//! Current flows from supplies through branches and rails into loads and back through ground. Every node but ground
//! has one feeder at most and nothing feeds itself: the circuit is a set of trees with a supply at each root, which is
//! what keeps the solution exact and quick. The bench reader refuses anything else.
//!
//! A load draws in proportion to its voltage, so what a tree draws never falls when its supply rises; the operating
//! point in current limit is therefore found by halving.

use crate::dc_power::{Output, Regulation};

/// A node, as its number. [`GROUND`] is the return of everything.
pub(crate) type Node = usize;

/// 0 V by definition.
pub(crate) const GROUND: Node = 0;

/// How often an interval is halved: more than a double has digits.
const HALVINGS: usize = 64;

/// More resistances one behind the other are refused: each multiplies the work by [`HALVINGS`].
pub(crate) const MAX_SERIES: usize = 2;

/// More nodes are refused, so that walking a tree needs no deep stack.
pub(crate) const MAX_NODES: usize = 200;

/// One unit, with its values fixed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Circuit {
    /// How many nodes there are, ground included.
    pub(crate) nodes: usize,
    pub(crate) branches: Vec<Branch>,
    pub(crate) rails: Vec<Rail>,
    pub(crate) loads: Vec<Load>,
}

/// A wire from one node to another, in which a meter may lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Branch {
    pub(crate) from: Node,
    pub(crate) to: Node,
    pub(crate) ohms: f64,
}

/// A linear regulator: what it gives to its loads it takes from its input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rail {
    pub(crate) from: Node,
    pub(crate) to: Node,
    pub(crate) level: f64,
    /// It needs this much more than it gives.
    pub(crate) dropout: f64,
    /// Below this input it is off.
    pub(crate) minimum_input: f64,
}

/// What draws current from a node: `amperes` at `volts`, in proportion elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) node: Node,
    pub(crate) amperes: f64,
    pub(crate) volts: f64,
}

/// A supply's output, connected to a node and ground.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Source {
    pub(crate) node: Option<Node>,
    pub(crate) volts: f64,
    pub(crate) limit: f64,
    pub(crate) on: bool,
}

/// What everything does.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Solution {
    pub(crate) volts: Vec<f64>,
    /// By branch.
    pub(crate) amperes: Vec<f64>,
    /// By source, in the order of the sources.
    pub(crate) outputs: Vec<Output>,
}

impl Solution {
    pub(crate) fn volts_at(&self, node: Node) -> f64 {
        self.volts.get(node).copied().unwrap_or_default()
    }

    pub(crate) fn amperes_in(&self, branch: usize) -> f64 {
        self.amperes.get(branch).copied().unwrap_or_default()
    }
}

impl Circuit {
    /// Solves it for these sources, with `extra` ohms in each branch (a meter's shunt).
    pub(crate) fn solve(&self, sources: &[Source], extra: &[f64]) -> Solution {
        let mut solution = Solution {
            volts: vec![0.0; self.nodes.max(1)],
            amperes: vec![0.0; self.branches.len()],
            outputs: Vec::new(),
        };
        for source in sources {
            let output = self.output(source, extra, &mut solution);
            solution.outputs.push(output);
        }
        solution
    }

    fn output(&self, source: &Source, extra: &[f64], solution: &mut Solution) -> Output {
        if !source.on {
            return Output::default();
        }
        let Some(node) = source.node else {
            return Output {
                volts: source.volts,
                amperes: 0.0,
                regulation: Regulation::Voltage,
            };
        };
        let draw = |volts| self.draw(node, volts, extra, &mut None);
        let limited = draw(source.volts) > source.limit;
        let volts = if limited {
            highest(source.volts, |volts| draw(volts) <= source.limit)
        } else {
            source.volts
        };
        let drawn = self.draw(node, volts, extra, &mut Some(solution));
        Output {
            volts,
            amperes: if limited { source.limit } else { drawn },
            regulation: if limited {
                Regulation::Current
            } else {
                Regulation::Voltage
            },
        }
    }

    /// What everything behind `node` draws when it is at `volts`; writes down what it finds if there is a solution.
    fn draw(&self, node: Node, volts: f64, extra: &[f64], found: &mut Option<&mut Solution>) -> f64 {
        if let Some(slot) = found.as_mut().and_then(|solution| solution.volts.get_mut(node)) {
            *slot = volts;
        }
        let mut amperes = 0.0;
        for load in self.loads.iter().filter(|load| load.node == node && load.volts > 0.0) {
            amperes += load.amperes * volts / load.volts;
        }
        for rail in self.rails.iter().filter(|rail| rail.from == node) {
            amperes += self.draw(rail.to, rail.output(volts), extra, found);
        }
        for (number, branch) in self
            .branches
            .iter()
            .enumerate()
            .filter(|(_, branch)| branch.from == node)
        {
            let ohms = branch.ohms + extra.get(number).copied().unwrap_or_default();
            let behind = |volts| self.draw(branch.to, volts, extra, &mut None);
            let far = if ohms.is_infinite() {
                0.0
            } else if ohms > 0.0 {
                highest(volts, |far| far + ohms * behind(far) <= volts)
            } else {
                volts
            };
            let drawn = self.draw(branch.to, far, extra, found);
            // where what is behind switches itself on and off, its mean current is what the resistance lets through
            let through = if ohms > 0.0 { (volts - far) / ohms } else { drawn };
            if let Some(slot) = found.as_mut().and_then(|solution| solution.amperes.get_mut(number)) {
                *slot = through;
            }
            amperes += through;
        }
        amperes
    }
}

impl Rail {
    fn output(&self, input: f64) -> f64 {
        if input < self.minimum_input {
            return 0.0;
        }
        (input - self.dropout).clamp(0.0, self.level)
    }
}

/// The highest value from 0 to `top` that `holds`, where everything below it holds too.
fn highest(top: f64, holds: impl Fn(f64) -> bool) -> f64 {
    if holds(top) {
        return top;
    }
    let (mut low, mut high) = (0.0, top);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUPPLY: Node = 1;
    const INPUT: Node = 2;
    const RAIL: Node = 3;

    /// 5 V through a wire into a 3.3 V regulator with 45 mA on it.
    fn board(level: f64, minimum_input: f64) -> Circuit {
        Circuit {
            nodes: 4,
            branches: vec![Branch {
                from: SUPPLY,
                to: INPUT,
                ohms: 0.0,
            }],
            rails: vec![Rail {
                from: INPUT,
                to: RAIL,
                level,
                dropout: 0.3,
                minimum_input,
            }],
            loads: vec![Load {
                node: RAIL,
                amperes: 0.045,
                volts: 3.3,
            }],
        }
    }

    fn source(volts: f64, limit: f64, on: bool) -> Source {
        Source {
            node: Some(SUPPLY),
            volts,
            limit,
            on,
        }
    }

    fn check(source: Source, shunt: f64, rail: f64, amperes: f64, volts: f64, regulation: Regulation) {
        let found = board(3.3, 0.0).solve(&[source], &[shunt]);
        let output = found.outputs[0];
        for (what, found, expected) in [
            ("rail", found.volts_at(RAIL), rail),
            ("branch", found.amperes_in(0), amperes),
            ("output current", output.amperes, amperes),
            ("output voltage", output.volts, volts),
        ] {
            assert!((found - expected).abs() < 1e-9, "{what}: {found}, not {expected}");
        }
        assert_eq!(output.regulation, regulation);
    }

    #[test]
    fn the_board_follows_its_supply() {
        check(source(5.0, 0.5, true), 0.0, 3.3, 0.045, 5.0, Regulation::Voltage);
        check(source(5.0, 0.5, false), 0.0, 0.0, 0.0, 0.0, Regulation::Off);
        // in drop-out the rail follows the input, and the load the rail
        check(
            source(2.3, 0.5, true),
            0.0,
            2.0,
            0.045 * 2.0 / 3.3,
            2.3,
            Regulation::Voltage,
        );
        // a shunt takes its share of the input, which the regulator makes good
        check(source(5.0, 0.5, true), 2.0, 3.3, 0.045, 5.0, Regulation::Voltage);
        // the current limit pulls the voltage down: 20 mA are 1.4667 V on the rail
        let rail = 3.3 * 20.0 / 45.0;
        check(
            source(5.0, 0.02, true),
            0.0,
            rail,
            0.02,
            rail + 0.3,
            Regulation::Current,
        );
    }

    #[test]
    fn a_board_below_its_minimum_input_is_dead() {
        let dead = board(3.3, 4.5).solve(&[source(4.4, 0.5, true)], &[0.0]);
        assert!(dead.volts_at(RAIL).abs() < 1e-12 && dead.amperes_in(0).abs() < 1e-12);
        assert!((dead.volts_at(INPUT) - 4.4).abs() < 1e-12);
        // a current limit that the board cannot start under holds it at the edge, dead
        let limited = board(3.3, 4.5).solve(&[source(5.0, 0.02, true)], &[0.0]);
        assert_eq!(limited.outputs[0].regulation, Regulation::Current);
        assert!(limited.volts_at(RAIL).abs() < 1e-12);
        // behind 100 ohms it tries to start again and again, and takes what they let through
        let starved = board(3.3, 3.0).solve(&[source(5.0, 0.5, true)], &[100.0]);
        assert!(starved.volts_at(RAIL).abs() < 1e-12);
        assert!((starved.amperes_in(0) - 0.02).abs() < 1e-9, "{}", starved.amperes_in(0));
    }

    #[test]
    fn an_output_without_a_node_holds_its_voltage() {
        let open = Source {
            node: None,
            ..source(5.0, 0.5, true)
        };
        let found = Circuit::default().solve(&[open], &[]);
        assert!((found.outputs[0].volts - 5.0).abs() < 1e-12);
    }
}
