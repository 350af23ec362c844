//! How a unit can differ from an ordinary one by one thing: what a test is there to find.
//!
//! Parts that are missing, open or shorted, regulators that are dead or off, loads that draw nothing or too much, nodes that
//! are soldered to ground. And the units that the file singles out.

use super::{
    circuitry::{Circuitry, Part},
    elements::Element,
};
use crate::circuit::{Branch, Circuit, GROUND, Node};
use std::fmt;

/// A contact that is open.
const OPEN: f64 = 1e9;
/// A bridge of solder.
const SHORT: f64 = 10e-3;
/// The leakage capacitance of an empty place.
const EMPTY: f64 = 1e-12;
/// How far a level is off that nobody would call good.
const OFF: f64 = 0.1;
/// What a bad joint adds to the resistance of an output.
const BAD_JOINT: f64 = 10.0;

/// One thing that is wrong with a unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Deviation(Kind);

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    /// A value of a part, by its path: `rails.rail_3v3.level`.
    Value {
        path: String,
        value: f64,
        what: &'static str,
    },
    /// A node that is connected to ground.
    Short { name: String, node: Node },
    /// A unit that the file singles out.
    Unit { serial_number: String, why: String },
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Value { path, what, .. } => write!(f, "{path}: {what}"),
            Kind::Short { name, .. } => write!(f, "{name}: shorted to ground"),
            Kind::Unit { serial_number, why } => write!(f, "{serial_number}: {why}"),
        }
    }
}

impl Deviation {
    /// The serial number of the unit that has it, where it must be that one.
    pub(super) fn serial_number(&self) -> Option<&str> {
        match &self.0 {
            Kind::Unit { serial_number, .. } => Some(serial_number),
            Kind::Value { .. } | Kind::Short { .. } => None,
        }
    }

    /// The value that a part has instead of its own.
    pub(super) fn value(&self) -> Option<(&str, f64)> {
        match &self.0 {
            Kind::Value { path, value, .. } => Some((path, *value)),
            Kind::Short { .. } | Kind::Unit { .. } => None,
        }
    }

    /// What is connected that should not be.
    pub(super) fn bridge(&self, circuit: &mut Circuit) {
        if let Kind::Short { node, .. } = &self.0 {
            circuit.branches.push(Branch {
                from: *node,
                to: GROUND,
                ohms: SHORT,
                when: None,
            });
        }
    }
}

impl Circuitry {
    /// Everything that may be wrong with the unit in the slot of this number, one at a time; `others` are the other slots' names.
    pub(super) fn deviations(&self, slot: usize, others: &[&str]) -> Vec<Deviation> {
        let mut found = Vec::new();
        values(&self.branches, slot, &mut found, |key, ohms| match key {
            "resistance" if ohms > 1.0 => vec![(OPEN, "open"), (SHORT, "shorted")],
            "resistance" => vec![(OPEN, "open")],
            _ => Vec::new(),
        });
        values(&self.rails, slot, &mut found, |key, value| match key {
            "level" => vec![
                (0.0, "dead"),
                (value * (1.0 - OFF), "10 % low"),
                (value * (1.0 + OFF), "10 % high"),
            ],
            "resistance" => vec![(value + BAD_JOINT, "10 Ohm more")],
            "ripple" if value > 0.0 => vec![(value * 10.0, "ten times as much")],
            _ => Vec::new(),
        });
        values(&self.loads, slot, &mut found, |key, value| match key {
            "current" => vec![(0.0, "missing"), (value * 2.0, "twice as much")],
            "resistance" => vec![(OPEN, "open"), (SHORT, "shorted")],
            _ => Vec::new(),
        });
        values(&self.capacitors, slot, &mut found, |key, _| match key {
            "capacitance" => vec![(EMPTY, "missing")],
            _ => Vec::new(),
        });
        let is_anothers = |name: &str| {
            let mut slots = others.iter();
            slots.any(|slot| name.strip_prefix(slot).is_some_and(|rest| rest.starts_with('.')))
        };
        let nodes = self.node_names.iter().enumerate();
        let nodes = nodes.filter(|(node, name)| *node != GROUND && !is_anothers(name));
        found.extend(nodes.map(|(node, name)| {
            Deviation(Kind::Short {
                name: name.clone(),
                node,
            })
        }));
        found.extend(self.special_units().map(|(serial_number, why)| {
            Deviation(Kind::Unit {
                serial_number: serial_number.to_owned(),
                why: why.to_owned(),
            })
        }));
        found
    }
}

/// The values of one section that `wrong` makes of its nominal ones.
fn values<T: Element>(
    parts: &[Part<T>],
    slot: usize,
    found: &mut Vec<Deviation>,
    wrong: impl Fn(&str, f64) -> Vec<(f64, &'static str)>,
) {
    for part in parts.iter().filter(|part| part.slot == slot) {
        for (key, _) in T::QUANTITIES {
            let mut nominal = part.nominal;
            let Some(value) = nominal.slot(key).map(|slot| *slot) else {
                continue;
            };
            found.extend(wrong(key, value).into_iter().map(|(value, what)| {
                Deviation(Kind::Value {
                    path: format!("{}.{}.{key}", T::SECTION, part.name),
                    value,
                    what,
                })
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::board;

    #[test]
    fn every_part_and_every_node_can_be_wrong() {
        let shown: Vec<String> = board().deviations(None).iter().map(ToString::to_string).collect();
        for expected in [
            "rails.rail_3v3.level: dead",
            "rails.rail_3v3.level: 10 % low",
            "rail_3v3: shorted to ground",
            "UNIT-5599: ",
        ] {
            assert!(
                shown.iter().any(|text| text.starts_with(expected)),
                "{expected}: {shown:#?}"
            );
        }
        assert!(!shown.iter().any(|text| text.starts_with("ground")));
    }
}
