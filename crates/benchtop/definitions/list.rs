//! `benchtop instruments list` and `show`.

use super::accuracy;
use crate::{
    args::{Format, ListArguments, ShowArguments},
    byhand::named,
    exit::{Exit, Failure},
    terminal::{self, Line, PLAIN, QUIET},
};
use benchtop_instrument::{Bounds, Quantity, Range};
use benchtop_scpi::Definition;
use benchtop_station::{Catalogue, Origin};
use serde_json::json;

/// Every model, with its class and what it rests on.
pub(super) fn list(arguments: &ListArguments, catalogue: &Catalogue) -> Result<Exit, Failure> {
    let mut exit = Exit::Success;
    for (name, entry) in &catalogue.drivers {
        let definition = match named(name, catalogue) {
            Ok(definition) => definition,
            Err(failure) => {
                // one that is wrong hides no other
                failure.message.lines().for_each(terminal::complain);
                exit = Exit::Refused;
                continue;
            }
        };
        let origin = origin(&entry.origin);
        match arguments.format {
            Format::Human => terminal::say(
                &Line::new()
                    .column(PLAIN, name, 24)
                    .column(PLAIN, &definition.class.to_string(), 9)
                    .column(PLAIN, &format!("{} {}", definition.manufacturer, definition.model), 32)
                    .column(PLAIN, definition.evidence.word(), 19)
                    .add(QUIET, &origin),
            ),
            Format::Json => terminal::emit(
                &json!({
                    "name": name,
                    "class": definition.class.word(),
                    "manufacturer": definition.manufacturer,
                    "model": definition.model,
                    "evidence": definition.evidence.word(),
                    "origin": origin,
                    "file": entry.file,
                })
                .to_string(),
            ),
        }
    }
    Ok(exit)
}

fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Shipped => "shipped".to_owned(),
        Origin::User(directory) => directory.clone(),
    }
}

/// One model: functions, outputs, sources.
pub(super) fn show(arguments: &ShowArguments, catalogue: &Catalogue) -> Result<Exit, Failure> {
    let definition = named(&arguments.model, catalogue)?;
    match arguments.format {
        Format::Human => show_people(&definition),
        Format::Json => terminal::emit(&as_json(&definition).to_string()),
    }
    Ok(Exit::Success)
}

fn show_people(definition: &Definition) {
    let say = |text: &str| terminal::say(&Line::new().add(PLAIN, text));
    say(&format!(
        "{}  {} {}, {}, evidence: {}",
        definition.name,
        definition.manufacturer,
        definition.model,
        definition.class,
        definition.evidence.word()
    ));
    say(&format!("  identity  {}", definition.identity));
    if let Some(port) = definition.socket_port {
        say(&format!("  socket    port {port}"));
    }
    if let Some(inputs) = &definition.inputs {
        let channels: Vec<String> = inputs.channels.iter().map(ToString::to_string).collect();
        say(&format!("  inputs    {}", channels.join(", ")));
    }
    for (function, row) in &definition.functions {
        let ranges: Vec<String> = row
            .capability
            .ranges
            .iter()
            .map(|Range { full_scale, .. }| full_scale.to_string())
            .collect();
        let cycles: Vec<String> = row.capability.nplc.iter().map(ToString::to_string).collect();
        let mut text = format!("  {function:<20}  {}", ranges.join(", "));
        if !cycles.is_empty() {
            text.push_str(&format!("; nplc {}", cycles.join(", ")));
        }
        let choices = row.capability.choices;
        for (there, words) in [
            (choices.autozero, "; autozero on or off"),
            (choices.input_impedance, "; input 10 MOhm or high"),
        ] {
            text.push_str(if there { words } else { "" });
        }
        say(text.trim_end());
        accuracy::lines(*function, &row.capability.accuracy)
            .iter()
            .for_each(|line| say(line));
    }
    for (channel, output) in definition.outputs.iter().flat_map(|outputs| &outputs.channels) {
        say(&format!(
            "  output {channel}  {}, {}",
            between(output.voltage_level),
            between(output.current_limit)
        ));
    }
    if definition.relays.is_some() {
        say(&format!("  relays: {}", definition.capabilities().channel_list()));
    }
    for source in &definition.sources {
        terminal::say(&Line::new().add(
            QUIET,
            &format!("  source {}: {}, {}", source.id, source.title, source.edition),
        ));
    }
}

fn between(bounds: Bounds) -> String {
    let Bounds { minimum, maximum, .. } = bounds;
    format!("{minimum} to {maximum}")
}

fn as_json(definition: &Definition) -> serde_json::Value {
    let text = |quantity: Quantity| quantity.to_string();
    let functions: serde_json::Map<String, serde_json::Value> = definition
        .functions
        .iter()
        .map(|(function, row)| {
            let ranges: Vec<_> = row
                .capability
                .ranges
                .iter()
                .zip(&row.range_sources)
                .map(|(range, source)| {
                    json!({
                        "full_scale": text(range.full_scale),
                        "maximum": text(range.maximum),
                        "resolution": range.resolution.map(text),
                        "source": source,
                    })
                })
                .collect();
            let cycles: Vec<f64> = row.capability.nplc.iter().map(|cycles| cycles.to_f64()).collect();
            let row = json!({
                "source": row.source,
                "channels": row.capability.channels,
                "ranges": ranges,
                "autorange": row.capability.autorange,
                "nplc": cycles,
                "autozero": row.capability.choices.autozero,
                "input_impedance": row.capability.choices.input_impedance,
                "accuracy": accuracy::as_json(&row.capability.accuracy),
            });
            (function.to_string(), row)
        })
        .collect();
    let outputs: Vec<_> = definition
        .outputs
        .iter()
        .flat_map(|outputs| &outputs.channels)
        .map(|(channel, output)| {
            let bounds = |bounds: Bounds| json!({"minimum": text(bounds.minimum), "maximum": text(bounds.maximum)});
            json!({
                "channel": channel,
                "voltage_level": bounds(output.voltage_level),
                "current_limit": bounds(output.current_limit),
                "ovp_level": output.ovp_level.map(bounds),
                "ocp_enabled": output.ocp_enabled,
            })
        })
        .collect();
    let sources: Vec<_> = definition
        .sources
        .iter()
        .map(|source| json!({"id": source.id, "title": source.title, "edition": source.edition}))
        .collect();
    json!({
        "name": definition.name,
        "class": definition.class.word(),
        "manufacturer": definition.manufacturer,
        "model": definition.model,
        "identity": definition.identity.as_str(),
        "evidence": definition.evidence.word(),
        "socket_port": definition.socket_port,
        "functions": functions,
        "outputs": outputs,
        "sources": sources,
    })
}
