//! The `[unit]` and `[[units]]` parts of a bench file: a circuit whose values differ from unit to unit.

use super::wiring::Nodes;
use crate::{
    circuit::{Branch, Circuit, Load, Rail},
    parser::Dimension,
    quantity, random,
};
use benchtop_notation::{Diagnostics, Kind, Spanned, Table, one_of};
use std::collections::BTreeMap;

/// A circuit with the values of every unit.
#[derive(Clone, Debug, Default)]
pub(super) struct Circuitry {
    pub(super) nodes: usize,
    pub(super) branches: Vec<Part<Branch>>,
    pub(super) rails: Vec<Part<Rail>>,
    pub(super) loads: Vec<Part<Load>>,
    special: Vec<Special>,
}

/// One element: what it is with its nominal values, and how they spread.
#[derive(Clone, Debug)]
pub(super) struct Part<T> {
    pub(super) name: String,
    pub(super) nominal: T,
    /// By key: how far a unit's value lies from the nominal one at most.
    spread: BTreeMap<&'static str, f64>,
    /// Some unit has values of its own.
    may_differ: bool,
}

/// A unit that the file singles out.
#[derive(Clone, Debug)]
struct Special {
    serial_number: String,
    why: String,
    /// Values that are exactly so, by path: `rails.rail_3v3.level`.
    values: BTreeMap<String, f64>,
}

/// An element whose values can be set by key.
pub(super) trait Element: Copy {
    /// The section of the file: `rails`.
    const SECTION: &'static str;
    /// The keys that hold a quantity, and what they count.
    const QUANTITIES: &'static [(&'static str, Dimension)];

    fn slot(&mut self, key: &str) -> Option<&mut f64>;
}

impl Element for Branch {
    const SECTION: &'static str = "branches";
    const QUANTITIES: &'static [(&'static str, Dimension)] = &[("resistance", Dimension::Ohms)];

    fn slot(&mut self, key: &str) -> Option<&mut f64> {
        (key == "resistance").then_some(&mut self.ohms)
    }
}

impl Element for Rail {
    const SECTION: &'static str = "rails";
    const QUANTITIES: &'static [(&'static str, Dimension)] = &[
        ("level", Dimension::Volts),
        ("dropout", Dimension::Volts),
        ("minimum_input", Dimension::Volts),
    ];

    fn slot(&mut self, key: &str) -> Option<&mut f64> {
        match key {
            "level" => Some(&mut self.level),
            "dropout" => Some(&mut self.dropout),
            "minimum_input" => Some(&mut self.minimum_input),
            _ => None,
        }
    }
}

impl Element for Load {
    const SECTION: &'static str = "loads";
    const QUANTITIES: &'static [(&'static str, Dimension)] =
        &[("current", Dimension::Amperes), ("at", Dimension::Volts)];

    fn slot(&mut self, key: &str) -> Option<&mut f64> {
        match key {
            "current" => Some(&mut self.amperes),
            "at" => Some(&mut self.volts),
            _ => None,
        }
    }
}

impl Circuitry {
    pub(super) fn special_units(&self) -> impl Iterator<Item = (&str, &str)> {
        self.special
            .iter()
            .map(|unit| (unit.serial_number.as_str(), unit.why.as_str()))
    }

    /// The circuit of one unit.
    pub(super) fn unit(&self, seed: i64, serial_number: &str) -> Circuit {
        let special = self.special.iter().find(|unit| unit.serial_number == serial_number);
        let none = BTreeMap::new();
        let exact = special.map_or(&none, |unit| &unit.values);
        Circuit {
            nodes: self.nodes,
            branches: self
                .branches
                .iter()
                .map(|part| part.unit(seed, serial_number, exact))
                .collect(),
            rails: self
                .rails
                .iter()
                .map(|part| part.unit(seed, serial_number, exact))
                .collect(),
            loads: self
                .loads
                .iter()
                .map(|part| part.unit(seed, serial_number, exact))
                .collect(),
        }
    }

    /// Reads `[unit]`. The nodes that it feeds are entered first, so that the order of the file does not matter.
    pub(super) fn read(root: &Table<'_>, nodes: &mut Nodes, sink: &mut Diagnostics) -> Self {
        let Some(unit) = root.table(sink, "unit", &["branches", "rails", "loads"]) else {
            return Self::default();
        };
        let branches = unit.tables_by_name(sink, Branch::SECTION, &["from", "to", "resistance"]);
        let rails = unit.tables_by_name(sink, Rail::SECTION, &["from", "level", "dropout", "minimum_input"]);
        let loads = unit.tables_by_name(sink, Load::SECTION, &["node", "current", "at"]);
        for (_, table) in &branches {
            if let Some(to) = table.require_string(sink, "to") {
                nodes.feed(&to, sink);
            }
        }
        for (name, _) in &rails {
            nodes.feed(name, sink);
        }
        Self {
            branches: branches.iter().filter_map(|row| branch(row, nodes, sink)).collect(),
            rails: rails.iter().filter_map(|row| rail(row, nodes, sink)).collect(),
            loads: loads.iter().filter_map(|row| load(row, nodes, sink)).collect(),
            ..Self::default()
        }
    }

    /// Reads `[[units]]`.
    pub(super) fn read_units(&mut self, root: &Table<'_>, sink: &mut Diagnostics) {
        let keys = ["serial_number", "why", "branches", "rails", "loads"];
        for table in root.tables(sink, "units", &keys).unwrap_or_default() {
            let mut values = BTreeMap::new();
            overrides(&table, &mut self.branches, &mut values, sink);
            overrides(&table, &mut self.rails, &mut values, sink);
            overrides(&table, &mut self.loads, &mut values, sink);
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

impl Part<Branch> {
    /// Whether it drops voltage in any unit.
    pub(super) fn has_resistance(&self) -> bool {
        // a unit of its own may have a resistance where the others have none
        self.nominal.ohms > 0.0 || self.may_differ
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
    fn read(name: &str, mut nominal: T, table: &Table<'_>, sink: &mut Diagnostics) -> Self {
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
            may_differ: false,
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
    let table = value.table(sink, &["nominal", "spread"])?;
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

type Row<'d> = (Spanned<String>, Table<'d>);

fn branch((name, table): &Row<'_>, nodes: &Nodes, sink: &mut Diagnostics) -> Option<Part<Branch>> {
    let from = table
        .require_string(sink, "from")
        .and_then(|from| nodes.find(&from, sink));
    let to = table.string(sink, "to").and_then(|to| nodes.find(&to, sink));
    let nominal = Branch {
        from: from?,
        to: to?,
        ohms: 0.0,
    };
    Some(Part::read(&name.value, nominal, table, sink))
}

fn rail((name, table): &Row<'_>, nodes: &Nodes, sink: &mut Diagnostics) -> Option<Part<Rail>> {
    let from = table
        .require_string(sink, "from")
        .and_then(|from| nodes.find(&from, sink));
    table.require(sink, "level");
    let nominal = Rail {
        from: from?,
        to: nodes.find(name, sink)?,
        level: 0.0,
        dropout: 0.0,
        minimum_input: 0.0,
    };
    Some(Part::read(&name.value, nominal, table, sink))
}

fn load((name, table): &Row<'_>, nodes: &Nodes, sink: &mut Diagnostics) -> Option<Part<Load>> {
    let node = table
        .require_string(sink, "node")
        .and_then(|node| nodes.find(&node, sink));
    table.require(sink, "current");
    table.require(sink, "at");
    let nominal = Load {
        node: node?,
        amperes: 0.0,
        volts: 0.0,
    };
    let part = Part::read(&name.value, nominal, table, sink);
    if let (Some(at), true) = (table.value("at"), part.nominal.volts <= 0.0) {
        sink.error(at.span(), "a load draws its `current` at a voltage above 0 V");
    }
    Some(part)
}

/// The values of one section that a unit has of its own.
fn overrides<T: Element>(
    unit: &Table<'_>,
    parts: &mut [Part<T>],
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
        let Some(part) = place.and_then(|place| parts.get_mut(place)) else {
            continue;
        };
        part.may_differ = true;
        for (key, dimension) in T::QUANTITIES {
            if let Some(value) = quantity::not_negative(sink, &table, key, *dimension) {
                values.insert(format!("{}.{}.{key}", T::SECTION, name.value), value);
            }
        }
    }
}
