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
    /// The same, behind its slot where there are slots.
    pub(super) full: String,
    /// The slot whose unit it belongs to, by number; the only one where there are none.
    pub(super) slot: usize,
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

    /// The circuit of the units in the slots, and what is wrong with the first of them.
    pub(super) fn units(&self, seed: i64, serial_numbers: &[Option<&str>], deviation: Option<&Deviation>) -> Circuit {
        let exact = |serial_number: &str| {
            let special = self.special.iter().find(|unit| unit.serial_number == serial_number);
            special.map_or_else(BTreeMap::new, |unit| unit.values.clone())
        };
        let mut placed: Vec<Placed<'_>> = Vec::new();
        for serial_number in serial_numbers {
            placed.push(serial_number.map(|serial_number| (serial_number, exact(serial_number))));
        }
        if let (Some(Some((_, exact))), Some((path, value))) = (
            placed.iter_mut().find(|unit| unit.is_some()),
            deviation.and_then(Deviation::value),
        ) {
            exact.insert(path.to_owned(), value);
        }
        let mut circuit = Circuit {
            nodes: self.node_names.len(),
            branches: units(&self.branches, seed, &placed),
            rails: units(&self.rails, seed, &placed),
            loads: units(&self.loads, seed, &placed),
            capacitors: units(&self.capacitors, seed, &placed),
        };
        if let Some(deviation) = deviation {
            deviation.bridge(&mut circuit);
        }
        circuit
    }

    /// Reads `[unit]`. The nodes that it feeds are entered first, so that the order of the file does not matter.
    pub(super) fn read(root: &Table<'_>, slots: &[String], nodes: &mut Nodes, sink: &mut Diagnostics) -> Self {
        let Some(unit) = root.table(sink, "unit", &keys::UNIT.names()) else {
            return Self::default();
        };
        let mut circuitry = Self::default();
        let (first, rest) = slots
            .split_first()
            .map_or((None, slots), |(first, rest)| (Some(first), rest));
        circuitry.read_unit(&unit, (0, first), nodes, sink);
        for (number, slot) in (1..).zip(rest) {
            // what is wrong with the unit was said for the first slot
            let mut unheard = Diagnostics::new();
            circuitry.read_unit(&unit, (number, Some(slot)), nodes, &mut unheard);
            if !sink.has_errors() {
                sink.append(unheard);
            }
        }
        nodes.enter(None);
        circuitry
    }

    fn read_unit(
        &mut self,
        unit: &Table<'_>,
        slot: (usize, Option<&String>),
        nodes: &mut Nodes,
        sink: &mut Diagnostics,
    ) {
        nodes.enter(slot.1.map(String::as_str));
        for (_, table) in unit.tables_by_name(sink, Branch::SECTION, &Branch::KEYS.names()) {
            if let Some(to) = table.require_string(sink, "to") {
                nodes.join(&to, sink);
            }
        }
        for (name, _) in unit.tables_by_name(sink, Rail::SECTION, &Rail::KEYS.names()) {
            nodes.feed(&name, sink);
        }
        self.branches.extend(parts(unit, slot, nodes, sink));
        self.rails.extend(parts(unit, slot, nodes, sink));
        self.loads.extend(parts(unit, slot, nodes, sink));
        self.capacitors.extend(parts(unit, slot, nodes, sink));
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
            full: name.to_owned(),
            slot: 0,
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

fn parts<T: Element>(
    unit: &Table<'_>,
    (number, slot): (usize, Option<&String>),
    nodes: &Nodes,
    sink: &mut Diagnostics,
) -> Vec<Part<T>> {
    let rows = unit.tables_by_name(sink, T::SECTION, &T::KEYS.names());
    let parts = rows.iter().filter_map(|row| T::read(row, nodes, sink));
    let placed = parts.map(|part| Part {
        full: slot.map_or_else(|| part.name.clone(), |slot| format!("{slot}.{}", part.name)),
        slot: number,
        ..part
    });
    placed.collect()
}

/// What lies in a slot: the serial number of a unit and its exact values, or nothing.
type Placed<'u> = Option<(&'u str, BTreeMap<String, f64>)>;

fn units<T: Element>(parts: &[Part<T>], seed: i64, placed: &[Placed<'_>]) -> Vec<T> {
    let one = |part: &Part<T>| match placed.get(part.slot) {
        Some(Some((serial_number, exact))) => part.unit(seed, serial_number, exact),
        Some(None) | None => part.nominal.absent(),
    };
    parts.iter().map(one).collect()
}
