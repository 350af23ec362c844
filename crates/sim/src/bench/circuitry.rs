//! The `[unit]` and `[[units]]` parts of a bench file: a circuit whose values differ from unit to unit.

use super::deviation::Deviation;
use super::elements::Element;
use super::wiring::Nodes;
use crate::{
    circuit::{Branch, Capacitor, Circuit, Load, Rail},
    keys,
    parser::Dimension,
    quantity, random,
};
use benchtop_notation::{Diagnostics, Kind, Table, one_of};
use std::collections::BTreeMap;

/// A circuit with the values of every unit.
#[derive(Clone, Debug, Default)]
pub(super) struct Circuitry {
    pub(super) node_names: Vec<String>,
    pub(super) branches: Vec<Part<Branch>>,
    pub(super) rails: Vec<Part<Rail>>,
    pub(super) loads: Vec<Part<Load>>,
    pub(super) capacitors: Vec<Part<Capacitor>>,
    special: Vec<Special>,
}

/// One element: what it is with its nominal values, and how they spread.
#[derive(Clone, Debug)]
pub(super) struct Part<T> {
    pub(super) name: String,
    pub(super) nominal: T,
    /// By key: how far a unit's value lies from the nominal one at most.
    spread: BTreeMap<&'static str, f64>,
}

/// A unit that the file singles out.
#[derive(Clone, Debug)]
struct Special {
    serial_number: String,
    why: String,
    /// Values that are exactly so, by path: `rails.rail_3v3.level`.
    values: BTreeMap<String, f64>,
}

impl Circuitry {
    pub(super) fn special_units(&self) -> impl Iterator<Item = (&str, &str)> {
        self.special
            .iter()
            .map(|unit| (unit.serial_number.as_str(), unit.why.as_str()))
    }

    /// The circuit of one unit, and what is wrong with it beside.
    pub(super) fn unit(&self, seed: i64, serial_number: &str, deviation: Option<&Deviation>) -> Circuit {
        let special = self.special.iter().find(|unit| unit.serial_number == serial_number);
        let mut exact = special.map_or_else(BTreeMap::new, |unit| unit.values.clone());
        exact.extend(
            deviation
                .and_then(Deviation::value)
                .map(|(path, value)| (path.to_owned(), value)),
        );
        let mut circuit = Circuit {
            nodes: self.node_names.len(),
            branches: units(&self.branches, seed, serial_number, &exact),
            rails: units(&self.rails, seed, serial_number, &exact),
            loads: units(&self.loads, seed, serial_number, &exact),
            capacitors: units(&self.capacitors, seed, serial_number, &exact),
        };
        if let Some(deviation) = deviation {
            deviation.bridge(&mut circuit);
        }
        circuit
    }

    /// Reads `[unit]`. The nodes that it feeds are entered first, so that the order of the file does not matter.
    pub(super) fn read(root: &Table<'_>, nodes: &mut Nodes, sink: &mut Diagnostics) -> Self {
        let Some(unit) = root.table(sink, "unit", &keys::UNIT.names()) else {
            return Self::default();
        };
        for (_, table) in unit.tables_by_name(sink, Branch::SECTION, &Branch::KEYS.names()) {
            if let Some(to) = table.require_string(sink, "to") {
                nodes.join(&to, sink);
            }
        }
        for (name, _) in unit.tables_by_name(sink, Rail::SECTION, &Rail::KEYS.names()) {
            nodes.feed(&name, sink);
        }
        Self {
            branches: parts(&unit, nodes, sink),
            rails: parts(&unit, nodes, sink),
            loads: parts(&unit, nodes, sink),
            capacitors: parts(&unit, nodes, sink),
            ..Self::default()
        }
    }

    /// Reads `[[units]]`.
    pub(super) fn read_units(&mut self, root: &Table<'_>, sink: &mut Diagnostics) {
        for table in root.tables(sink, "units", &keys::UNITS.names()).unwrap_or_default() {
            let mut values = BTreeMap::new();
            overrides(&table, &self.branches, &mut values, sink);
            overrides(&table, &self.rails, &mut values, sink);
            overrides(&table, &self.loads, &mut values, sink);
            overrides(&table, &self.capacitors, &mut values, sink);
            let serial_number = table.require_string(sink, "serial_number");
            let why = table.require_string(sink, "why");
            let (Some(serial_number), Some(why)) = (serial_number, why) else {
                continue;
            };
            if self
                .special
                .iter()
                .any(|unit| unit.serial_number == serial_number.value)
            {
                sink.error(&serial_number.span, "this serial number is here for the second time");
            }
            self.special.push(Special {
                serial_number: serial_number.value,
                why: why.value,
                values,
            });
        }
    }
}

impl<T: Element> Part<T> {
    fn unit(&self, seed: i64, serial_number: &str, exact: &BTreeMap<String, f64>) -> T {
        let mut element = self.nominal;
        for (key, _) in T::QUANTITIES {
            let path = format!("{}.{}.{key}", T::SECTION, self.name);
            let Some(slot) = element.slot(key) else { continue };
            match (exact.get(&path), self.spread.get(key)) {
                (Some(value), _) => *slot = *value,
                (None, Some(spread)) => {
                    *slot = random::spread(*slot, *spread, &mut random::stream(seed, serial_number, &path));
                }
                (None, None) => {}
            }
        }
        element
    }

    /// Fills in the quantities of an element.
    pub(super) fn read(name: &str, mut nominal: T, table: &Table<'_>, sink: &mut Diagnostics) -> Self {
        let mut spread = BTreeMap::new();
        for (key, dimension) in T::QUANTITIES {
            if let (Some((value, wide)), Some(slot)) = (read_value(table, key, *dimension, sink), nominal.slot(key)) {
                *slot = value;
                if let Some(wide) = wide {
                    spread.insert(*key, wide);
                }
            }
        }
        Self {
            name: name.to_owned(),
            nominal,
            spread,
        }
    }
}

/// `"3.300 V"`, or `{ nominal = "3.300 V", spread = "10 mV" }`. None of them may be negative.
fn read_value(
    table: &Table<'_>,
    key: &str,
    dimension: Dimension,
    sink: &mut Diagnostics,
) -> Option<(f64, Option<f64>)> {
    let value = table.value(key)?;
    if value.kind() != Kind::Table {
        return Some((quantity::not_negative(sink, table, key, dimension)?, None));
    }
    let table = value.table(sink, &keys::SPREAD.names())?;
    quantity::require(sink, &table, "spread", dimension)?;
    quantity::require(sink, &table, "nominal", dimension)?;
    let spread = quantity::not_negative(sink, &table, "spread", dimension)?;
    let nominal = quantity::not_negative(sink, &table, "nominal", dimension)?;
    if spread > nominal {
        sink.error(
            value.span(),
            "`spread` is larger than `nominal`: some units would have a negative value",
        );
    }
    Some((nominal, Some(spread)))
}

/// The values of one section that a unit has of its own.
fn overrides<T: Element>(
    unit: &Table<'_>,
    parts: &[Part<T>],
    values: &mut BTreeMap<String, f64>,
    sink: &mut Diagnostics,
) {
    let keys: Vec<&str> = T::QUANTITIES.iter().map(|(key, _)| *key).collect();
    for (name, table) in unit.tables_by_name(sink, T::SECTION, &keys) {
        let names: Vec<(&str, usize)> = parts
            .iter()
            .enumerate()
            .map(|(place, part)| (part.name.as_str(), place))
            .collect();
        let place = one_of(sink, "part of the unit", &name, &names);
        let Some(part) = place.and_then(|place| parts.get(place)) else {
            continue;
        };
        for (key, dimension) in T::QUANTITIES {
            let Some(value) = quantity::not_negative(sink, &table, key, *dimension) else {
                continue;
            };
            let mut nominal = part.nominal;
            if nominal.slot(key).is_some() {
                values.insert(format!("{}.{}.{key}", T::SECTION, name.value), value);
            } else if let Some(span) = table.key_span(key) {
                sink.error(
                    span,
                    &format!("`{}` has no `{key}` in [unit.{}]", name.value, T::SECTION),
                );
            }
        }
    }
}

fn parts<T: Element>(unit: &Table<'_>, nodes: &Nodes, sink: &mut Diagnostics) -> Vec<Part<T>> {
    let rows = unit.tables_by_name(sink, T::SECTION, &T::KEYS.names());
    rows.iter().filter_map(|row| T::read(row, nodes, sink)).collect()
}

fn units<T: Element>(parts: &[Part<T>], seed: i64, serial_number: &str, exact: &BTreeMap<String, f64>) -> Vec<T> {
    parts.iter().map(|part| part.unit(seed, serial_number, exact)).collect()
}
