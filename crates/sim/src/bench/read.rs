//! Reads a bench file.

use super::{
    Bench, Models, Placed, PlannedFault,
    circuitry::Circuitry,
    wiring::{Nodes, check_connected, feeds, wiring},
};
use crate::{fault::Fault, model::Model, parser::Dimension, quantity};
use benchtop_notation::{Diagnostic, Diagnostics, Document, Spanned, Table, one_of};
use std::{collections::BTreeMap, time::Duration};

const KEYS: &[&str] = &["bench", "instruments", "unit", "units", "faults"];

/// The models of a bench, by name; nothing is one that was refused.
type Known = BTreeMap<String, Option<Model>>;

pub(super) fn read(document: &Document, models: &Models<'_>, sink: &mut Diagnostics) -> Option<Bench> {
    let root = document.root(sink, KEYS);
    let head = root.require_table(sink, "bench", &["name", "seed", "mains", "procedures"]);
    let name = head.and_then(|head| head.require_string(sink, "name"));
    if let Some(name) = name.as_ref().filter(|name| !is_plain(&name.value)) {
        sink.error(&name.span, "a name is made of letters, digits, `-` and `_`");
    }
    let seed = head.and_then(|head| head.require_integer(sink, "seed"));
    let mains = head.and_then(|head| mains(&head, sink));
    let procedures = head
        .and_then(|head| head.strings(sink, "procedures"))
        .unwrap_or_default();

    let rows = root.tables_by_name(
        sink,
        "instruments",
        &["model", "serial_number", "channels", "across", "in_series"],
    );
    if rows.is_empty() {
        sink.error(
            root.span(),
            "a bench without instruments: write [instruments.<logical name>]",
        );
    }
    let mut nodes = Nodes::new();
    for (_, table) in &rows {
        feeds(table, &mut nodes, sink);
    }
    let mut circuitry = Circuitry::read(&root, &mut nodes, sink);
    circuitry.nodes = nodes.len();
    circuitry.read_units(&root, sink);
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
    let faults = root.tables(
        sink,
        "faults",
        &["instrument", "kind", "delay", "serial_number", "after_messages"],
    );
    let faults = faults
        .unwrap_or_default()
        .iter()
        .filter_map(|table| fault(table, &names, sink))
        .collect();
    Some(Bench {
        name: name?.value,
        seed: seed?.value,
        mains_hertz: mains?,
        procedures: procedures.into_iter().map(|id| id.value).collect(),
        instruments,
        circuitry,
        faults,
    })
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
            Some((file, text)) => match Model::parse(&file, &text) {
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

#[derive(Clone, Copy)]
enum FaultKind {
    Plain(Fault),
    Late,
}

fn fault(table: &Table<'_>, names: &[(&str, usize)], sink: &mut Diagnostics) -> Option<PlannedFault> {
    let kinds = [
        ("no_answer", FaultKind::Plain(Fault::NoAnswer)),
        ("late_answer", FaultKind::Late),
        ("garbled_answer", FaultKind::Plain(Fault::GarbledAnswer)),
        ("drop_connection", FaultKind::Plain(Fault::DropConnection)),
        ("hang_forever", FaultKind::Plain(Fault::HangForever)),
        ("wrong_identity", FaultKind::Plain(Fault::WrongIdentity)),
        ("stuck_output", FaultKind::Plain(Fault::StuckOutput)),
    ];
    let instrument = table.require_string(sink, "instrument");
    let instrument = instrument.and_then(|name| one_of(sink, "instrument", &name, names));
    let word = table.require_string(sink, "kind");
    let kind = word.and_then(|word| one_of(sink, "kind of fault", &word, &kinds));
    let after_messages = after_messages(table, sink);
    let serial_number = table.string(sink, "serial_number");
    let fault = match kind? {
        FaultKind::Plain(fault) => {
            if let Some(span) = table.key_span("delay") {
                sink.error(span, "only a `late_answer` has a `delay`");
            }
            fault
        }
        FaultKind::Late => Fault::LateAnswer(delay(table, sink)?),
    };
    Some(PlannedFault {
        instrument: instrument?,
        serial_number: serial_number.map(|serial_number| serial_number.value),
        fault,
        after_messages,
    })
}

fn after_messages(table: &Table<'_>, sink: &mut Diagnostics) -> u64 {
    let Some(count) = table.integer(sink, "after_messages") else {
        return 0;
    };
    u64::try_from(count.value).unwrap_or_else(|_| {
        sink.error(&count.span, "`after_messages` must not be negative");
        0
    })
}

fn delay(table: &Table<'_>, sink: &mut Diagnostics) -> Option<Duration> {
    table.require(sink, "delay")?;
    quantity::duration(sink, table, "delay")
}
