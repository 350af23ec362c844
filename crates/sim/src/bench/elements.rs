//! The elements of a unit: their keys in the file, and how each is read.

use super::circuitry::Part;
use super::wiring::Nodes;
use crate::{
    circuit::{Branch, Capacitor, Draws, Load, Rail, Switch},
    keys,
    parser::Dimension,
    quantity,
};
use benchtop_notation::{Diagnostics, Keys, Spanned, Table};

/// A place where no unit lies, in ohms.
const OPEN: f64 = 1e9;
/// What is left there of a capacitor.
const NO_FARADS: f64 = 1e-12;

/// An element whose values can be set by key.
pub(super) trait Element: Copy {
    /// The section of the file: `rails`.
    const SECTION: &'static str;
    /// All keys of its tables.
    const KEYS: &'static Keys;
    /// The keys that hold a quantity, and what they count.
    const QUANTITIES: &'static [(&'static str, Dimension)];

    fn slot(&mut self, key: &str) -> Option<&mut f64>;

    /// Its place while no unit lies there: nothing flows, nothing is fed.
    fn absent(self) -> Self;

    /// Reads one, with its quantities.
    fn read(row: &Row<'_>, nodes: &Nodes, sink: &mut Diagnostics) -> Option<Part<Self>>;
}

/// A named table of the file.
pub(super) type Row<'d> = (Spanned<String>, Table<'d>);

impl Element for Branch {
    const SECTION: &'static str = "branches";
    const KEYS: &'static Keys = &keys::BRANCH;
    const QUANTITIES: &'static [(&'static str, Dimension)] = &[("resistance", Dimension::Ohms)];

    fn slot(&mut self, key: &str) -> Option<&mut f64> {
        (key == "resistance").then_some(&mut self.ohms)
    }

    fn absent(self) -> Self {
        Self { ohms: OPEN, ..self }
    }

    fn read((name, table): &Row<'_>, nodes: &Nodes, sink: &mut Diagnostics) -> Option<Part<Self>> {
        let from = node(table, "from", nodes, sink);
        let to = table.string(sink, "to").and_then(|to| nodes.find(&to, sink));
        let nominal = Self {
            from: from?,
            to: to?,
            ohms: 0.0,
            when: switch(table, nodes, sink),
        };
        if nominal.from == nominal.to {
            sink.error(table.span(), "a branch lies between two nodes");
        }
        Some(Part::read(&name.value, nominal, table, sink))
    }
}

impl Element for Rail {
    const SECTION: &'static str = "rails";
    const KEYS: &'static Keys = &keys::RAIL;
    const QUANTITIES: &'static [(&'static str, Dimension)] = &[
        ("level", Dimension::Volts),
        ("dropout", Dimension::Volts),
        ("minimum_input", Dimension::Volts),
        ("resistance", Dimension::Ohms),
        ("ripple", Dimension::Volts),
        ("ripple_frequency", Dimension::Hertz),
    ];

    fn slot(&mut self, key: &str) -> Option<&mut f64> {
        match key {
            "level" => Some(&mut self.level),
            "dropout" => Some(&mut self.dropout),
            "minimum_input" => Some(&mut self.minimum_input),
            "resistance" => Some(&mut self.ohms),
            "ripple" => Some(&mut self.ripple),
            "ripple_frequency" => Some(&mut self.ripple_hertz),
            _ => None,
        }
    }

    fn absent(self) -> Self {
        Self {
            level: 0.0,
            ripple: 0.0,
            ..self
        }
    }

    fn read((name, table): &Row<'_>, nodes: &Nodes, sink: &mut Diagnostics) -> Option<Part<Self>> {
        let from = node(table, "from", nodes, sink);
        table.require(sink, "level");
        let nominal = Self {
            from: from?,
            to: nodes.find(name, sink)?,
            ..Self::default()
        };
        if nominal.from == nominal.to {
            sink.error(table.span(), "a regulator does not feed itself");
        }
        let part = Part::read(&name.value, nominal, table, sink);
        if let (Some(span), true) = (table.key_span("ripple"), part.nominal.ripple_hertz <= 0.0) {
            sink.error(span, "a rail with `ripple` also has a `ripple_frequency` above 0 Hz");
        }
        Some(part)
    }
}

impl Element for Load {
    const SECTION: &'static str = "loads";
    const KEYS: &'static Keys = &keys::LOAD;
    const QUANTITIES: &'static [(&'static str, Dimension)] = &[
        ("current", Dimension::Amperes),
        ("at", Dimension::Volts),
        ("resistance", Dimension::Ohms),
    ];

    fn slot(&mut self, key: &str) -> Option<&mut f64> {
        match (key, self.draws) {
            ("current", Draws::InProportion | Draws::Constant) => Some(&mut self.amperes),
            ("at", Draws::InProportion) => Some(&mut self.volts),
            ("resistance", Draws::Resistance) => Some(&mut self.ohms),
            _ => None,
        }
    }

    fn absent(self) -> Self {
        Self {
            amperes: 0.0,
            ohms: OPEN,
            ..self
        }
    }

    fn read((name, table): &Row<'_>, nodes: &Nodes, sink: &mut Diagnostics) -> Option<Part<Self>> {
        let node = node(table, "node", nodes, sink);
        let draws = match ["current", "at", "resistance"].map(|key| table.contains(key)) {
            [true, true, false] => Draws::InProportion,
            [true, false, false] => Draws::Constant,
            [false, false, true] => Draws::Resistance,
            _ => {
                let message = "a load has a `current`, or a `current` that it draws `at` a voltage, or a `resistance`";
                sink.error(table.span(), message);
                return None;
            }
        };
        let nominal = Self {
            node: node?,
            draws,
            amperes: 0.0,
            volts: 0.0,
            ohms: 0.0,
            when: switch(table, nodes, sink),
        };
        let part = Part::read(&name.value, nominal, table, sink);
        if let (Some(at), true) = (table.value("at"), part.nominal.volts <= 0.0) {
            sink.error(at.span(), "a load draws its `current` at a voltage above 0 V");
        }
        Some(part)
    }
}

impl Element for Capacitor {
    const SECTION: &'static str = "capacitors";
    const KEYS: &'static Keys = &keys::CAPACITOR;
    const QUANTITIES: &'static [(&'static str, Dimension)] = &[("capacitance", Dimension::Farads)];

    fn slot(&mut self, key: &str) -> Option<&mut f64> {
        (key == "capacitance").then_some(&mut self.farads)
    }

    fn absent(self) -> Self {
        Self {
            farads: NO_FARADS,
            ..self
        }
    }

    fn read((name, table): &Row<'_>, nodes: &Nodes, sink: &mut Diagnostics) -> Option<Part<Self>> {
        let node = node(table, "node", nodes, sink);
        table.require(sink, "capacitance");
        let nominal = Self {
            node: node?,
            farads: 0.0,
        };
        Some(Part::read(&name.value, nominal, table, sink))
    }
}

fn node(table: &Table<'_>, key: &str, nodes: &Nodes, sink: &mut Diagnostics) -> Option<usize> {
    let name = table.require_string(sink, key)?;
    nodes.find(&name, sink)
}

/// `when = { node = "relays", above = "4 V", below = "1 V" }`; `below` is `above` if left out.
fn switch(table: &Table<'_>, nodes: &Nodes, sink: &mut Diagnostics) -> Option<Switch> {
    let table = table.table(sink, "when", &keys::WHEN.names())?;
    let node = node(&table, "node", nodes, sink);
    table.require(sink, "above");
    let above = quantity::not_negative(sink, &table, "above", Dimension::Volts);
    let below = quantity::not_negative(sink, &table, "below", Dimension::Volts).or(above);
    let switch = Switch {
        node: node?,
        above: above?,
        below: below?,
    };
    if switch.below > switch.above {
        sink.error(
            table.span(),
            "`below` is not higher than `above`: it goes on above one and off below the other",
        );
    }
    Some(switch)
}
