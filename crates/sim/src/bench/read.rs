//! Reads a bench file.

use super::{
    Bench, Models, Placed, PlannedFault,
    circuitry::Circuitry,
    script::Scripts,
    wiring::{Nodes, check_connected, feeds, wiring},
};
use crate::{
    fault,
    keys::{self, BENCH},
    model::Model,
    parser::Dimension,
    quantity,
};
use benchtop_notation::{Diagnostic, Diagnostics, Document, Spanned, Table, one_of};
use std::collections::BTreeMap;

/// The models of a bench, by name; nothing is one that was refused.
type Known = BTreeMap<String, Option<Model>>;

pub(super) fn read(document: &Document, models: &Models<'_>, sink: &mut Diagnostics) -> Option<Bench> {
    // what is said of the station and its contributions is not for the simulator: who measures reads it
    let known = BENCH
        .iter()
        .map(|key| key.name)
        .chain(["station", "contributions", "slots"]);
    let root = document.root(sink, &known.collect::<Vec<_>>());
    let head = root.require_table(sink, "bench", &keys::BENCH_HEAD.names());
    let name = head.and_then(|head| head.require_string(sink, "name"));
    if let Some(name) = name.as_ref().filter(|name| !is_plain(&name.value)) {
        sink.error(&name.span, "a name is made of letters, digits, `-` and `_`");
    }
    let seed = head.and_then(|head| head.require_integer(sink, "seed"));
    let mains = head.and_then(|head| mains(&head, sink));
    let procedures = head
        .and_then(|head| head.strings(sink, "procedures"))
        .unwrap_or_default();

    let rows = root.tables_by_name(sink, "instruments", &keys::BENCH_INSTRUMENT.names());
    if rows.is_empty() {
        sink.error(
            root.span(),
            "a bench without instruments: write [instruments.<logical name>]",
        );
    }
    let slots = slots(&root, sink);
    let mut nodes = Nodes::new();
    for (_, table) in &rows {
        feeds(table, &mut nodes, sink);
    }
    let mut circuitry = Circuitry::read(&root, &slots, &mut nodes, sink);
    circuitry.node_names = nodes.names();
    circuitry.read_units(&root, sink);
    let scripts = Scripts::read_each(&root, &slots, &mut nodes, sink);
    let mut known = Known::new();
    let mut instruments = Vec::new();
    for (name, table) in &rows {
        let serial_number = serial_number(name, table, sink);
        let Some((model_name, model)) = model(table, models, &mut known, sink) else {
            continue;
        };
        instruments.push(Placed {
            serial_number,
            wiring: wiring(table, &model, &model_name, &nodes, &circuitry, sink),
            channel_names: channel_names(table, sink),
            name: name.value.clone(),
            model_name,
            model,
        });
    }
    let wirings: Vec<_> = instruments.iter().map(|placed| &placed.wiring).collect();
    if !sink.has_errors() {
        // what is missing above would be missed here again
        check_connected(&nodes, &circuitry, &wirings, sink);
    }
    // by their place among the rows, which is their place among the instruments of a bench that is not refused
    let names: Vec<(&str, usize)> = rows
        .iter()
        .enumerate()
        .map(|(number, (name, _))| (name.value.as_str(), number))
        .collect();
    let models: Vec<Option<&Model>> = rows
        .iter()
        .map(|(name, _)| {
            instruments
                .iter()
                .find(|placed| placed.name == name.value)
                .map(|placed| &placed.model)
        })
        .collect();
    let faults = root.tables(sink, "faults", &keys::FAULT.names()).unwrap_or_default();
    let faults = faults
        .iter()
        .filter_map(|table| fault(table, &names, &models, sink))
        .collect();
    Some(Bench {
        name: name?.value,
        seed: seed?.value,
        mains_hertz: mains?,
        procedures: procedures.into_iter().map(|id| id.value).collect(),
        instruments,
        circuitry,
        faults,
        scripts,
        slots,
    })
}

/// The slots, each with a unit of its own. What they have of their own is for who measures.
fn slots(root: &Table<'_>, sink: &mut Diagnostics) -> Vec<String> {
    let rows = root.tables_by_name(sink, "slots", &["fixture_id", "channels", "instruments"]);
    for (name, _) in rows.iter().filter(|(name, _)| !is_plain(&name.value)) {
        sink.error(&name.span, "a slot is called by letters, digits, `-` and `_`");
    }
    rows.into_iter().map(|(name, _)| name.value).collect()
}

/// `channel_names = { vcc = 101 }`: as a station file has them.
fn channel_names(table: &Table<'_>, sink: &mut Diagnostics) -> BTreeMap<String, u32> {
    let mut names = BTreeMap::new();
    let Some(map) = table.map(sink, "channel_names") else {
        return names;
    };
    for (name, value) in map.entries() {
        let Some(number) = value.integer(sink) else { continue };
        match u32::try_from(number.value) {
            Ok(channel) if channel > 0 => drop(names.insert(name.value, channel)),
            Ok(_) | Err(_) => sink.error(&number.span, "channels count from 1"),
        }
    }
    names
}

/// Names become part of resource names.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn mains(head: &Table<'_>, sink: &mut Diagnostics) -> Option<f64> {
    if !head.contains("mains") {
        return Some(50.0);
    }
    let hertz = quantity::quantity(sink, head, "mains", Dimension::Hertz)?;
    if !(45.0..=440.0).contains(&hertz) {
        let span = head.value("mains").map_or_else(|| head.span(), |value| value.span());
        sink.error(span, "the mains have 50 Hz, 60 Hz or 400 Hz");
    }
    Some(hertz)
}

fn serial_number(name: &Spanned<String>, table: &Table<'_>, sink: &mut Diagnostics) -> String {
    if !is_plain(&name.value) {
        sink.error(&name.span, "a logical name is made of letters, digits, `-` and `_`");
    }
    let Some(serial_number) = table.string(sink, "serial_number") else {
        return format!("SIM-{}", name.value.to_ascii_uppercase());
    };
    let plain = serial_number.value.strip_prefix("SIM-").is_some_and(is_plain);
    if !plain {
        sink.error(
            &serial_number.span,
            "the serial number of a simulated instrument begins with `SIM-`",
        );
    }
    serial_number.value
}

/// The model of an instrument. A definition that several use is read once.
fn model(table: &Table<'_>, models: &Models<'_>, known: &mut Known, sink: &mut Diagnostics) -> Option<(String, Model)> {
    let name = table.require_string(sink, "model")?;
    if !known.contains_key(&name.value) {
        let parsed = match models(&name.value) {
            None => {
                let refusal = Diagnostic::error(&name.span, &format!("there is no simulated model `{}`", name.value));
                sink.push(refusal.help("a model is <vendor>/<model>, as in instruments/<vendor>/<model>/sim.toml"));
                None
            }
            Some((file, text)) => match Model::parse_inheriting(&file, &text, models) {
                Ok(model) => Some(model),
                Err(findings) => {
                    sink.append(findings);
                    None
                }
            },
        };
        known.insert(name.value.clone(), parsed);
    }
    let model = known.get(&name.value)?.clone()?;
    Some((name.value, model))
}

fn fault(
    table: &Table<'_>,
    placed: &[(&str, usize)],
    models: &[Option<&Model>],
    sink: &mut Diagnostics,
) -> Option<PlannedFault> {
    let name = table.require_string(sink, "instrument");
    let instrument = name.as_ref().and_then(|name| one_of(sink, "instrument", name, placed));
    let order = fault::read(table, sink);
    let serial_number = table.string(sink, "serial_number");
    let (name, instrument, order) = (name?, instrument?, order?);
    let model = models.get(instrument).copied().flatten();
    if let Some(wanted) = model.and_then(|model| order.fault.misfit(model)) {
        let message = format!("`{}` is a fault of {wanted}, which {} is not", order.fault, name.value);
        sink.error(&name.span, &message);
    }
    Some(PlannedFault {
        instrument,
        serial_number: serial_number.map(|serial_number| serial_number.value),
        order,
    })
}
