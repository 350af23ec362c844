//! `driver.toml` to a [`Definition`], every mistake in one go.

mod accuracy;
mod functions;
mod prompts;
mod protection;
mod relays;
mod sampling;
mod sourced;

use crate::{
    definition::{
        Definition, Evidence, InputsDefinition, OutputsDefinition, SerialDefinition, SettingDefinition, Source,
        SwitchDefinition,
    },
    error_check::ErrorCheck,
    keys,
    line::LineChanges,
    template::Template,
};
use benchtop_instrument::{Bounds, Class, Decimal, Function, OutputCapability, Quantity, Unit, duration_from_parts};
use benchtop_notation::{Diagnostic, Diagnostics, Document, Documents, Magnitude, Spanned, Table, one_of};
use functions::{read_channel, read_functions};
use prompts::read_prompts;
use protection::{read_protection, read_regulation};
use regex::Regex;
use relays::read_relays;
use sampling::read_sampling;
use std::{collections::BTreeMap, time::Duration};

/// Reads one definition. `name` is `<vendor>/<model>`; `file` is how messages call the text.
///
/// # Errors
/// Every mistake, with its place. A row without a `source` that names an entry of `[[sources]]` is one.
pub fn parse(name: &str, file: &str, text: &str) -> Result<Definition, Diagnostics> {
    parse_inheriting(name, file, text, &|_| None)
}

/// Reads one definition as [`parse`] does, over the one that it inherits from: `inherits = "<vendor>/<model>"`.
///
/// # Errors
/// As [`parse`]; a definition to inherit from that is unknown or wrong.
pub fn parse_inheriting(
    name: &str,
    file: &str,
    text: &str,
    documents: &Documents<'_>,
) -> Result<Definition, Diagnostics> {
    let document = Document::parse_inheriting(file, text, documents)?;
    let mut sink = Diagnostics::new();
    let definition = read(&document, name, &mut sink);
    match (definition, sink.has_errors()) {
        (Some(definition), false) => Ok(definition),
        (Some(_) | None, _) => Err(sink),
    }
}

fn read(document: &Document, name: &str, sink: &mut Diagnostics) -> Option<Definition> {
    let root = document.root(sink, &keys::ROOT.names());
    let sources = read_sources(&root, sink);
    let driver = root.require_table(sink, "driver", &keys::DRIVER.names())?;
    let class = driver.require_string(sink, "class").and_then(|word| {
        let class = one_of(sink, "class", &word, Class::ALL)?;
        if class == Class::Console {
            sink.error(
                &word.span,
                "a console has no definition: the station file says where it is",
            );
            return None;
        }
        Some(class)
    });
    let manufacturer = driver.require_string(sink, "manufacturer");
    let model = driver.require_string(sink, "model");
    let identity = driver
        .require_string(sink, "identity")
        .and_then(|pattern| read_pattern(sink, &pattern));
    let evidence = driver
        .require_string(sink, "evidence")
        .and_then(|word| one_of(sink, "evidence", &word, Evidence::ALL));
    let link = root.require_table(sink, "link", &keys::LINK.names())?;
    check_source(&link, sink, &sources);
    let timeout = link
        .require_magnitude(sink, "timeout")
        .and_then(|magnitude| read_duration(sink, &magnitude));
    let pause = match link.magnitude(sink, "pause") {
        Some(magnitude) => read_duration(sink, &magnitude),
        None => Some(Duration::ZERO),
    };
    let socket_port = link
        .integer(sink, "socket_port")
        .and_then(|port| read_port(sink, &port));
    let serial = read_serial(&link, sink, &sources);
    let commands = root.require_table(sink, "commands", &keys::COMMANDS.names())?;
    check_source(&commands, sink, &sources);
    let error_check = read_error_check(&commands, sink, &sources);
    let numbers = root.table(sink, "numbers", &keys::NUMBERS.names());
    if let Some(numbers) = &numbers {
        check_source(numbers, sink, &sources);
    }
    let overrange = numbers
        .and_then(|numbers| numbers.require_number(sink, "overrange"))
        .and_then(|text| read_decimal(sink, &text));
    let inputs = root
        .table(sink, "inputs", &keys::INPUTS.names())
        .map(|table| read_inputs(&table, sink, &sources));
    let channels = match &inputs {
        Some(Some(inputs)) => inputs.channels.clone(),
        Some(None) | None => vec![1],
    };
    let sampling = read_sampling(&root, sink, &sources);
    let witnessed = !matches!(error_check, Some(ErrorCheck::Readback));
    let functions = read_functions(&root, sink, class, &sources, &channels, &sampling, witnessed);
    let outputs = root
        .table(sink, "outputs", &keys::OUTPUTS.names())
        .map(|table| read_outputs(&table, sink, &sources));
    if class == Some(Class::DcPower) && outputs.is_none() {
        sink.error(document.span(), "a dc_power definition needs [outputs]");
    }
    let relays = read_relays(&root, sink, &sources);
    if class == Some(Class::Switch) && relays.is_none() {
        sink.error(document.span(), "a switch definition needs [switch]");
    }
    Some(Definition {
        name: name.to_owned(),
        class: class?,
        manufacturer: manufacturer?.value,
        model: model?.value,
        identity: identity?,
        evidence: evidence?,
        sources,
        socket_port,
        serial,
        timeout: timeout?,
        pause: pause?,
        error_check: error_check?,
        reset: templates(&commands, sink, "reset"),
        abort: templates(&commands, sink, "abort"),
        local: templates(&commands, sink, "local"),
        operation_complete: template(&commands, sink, "operation_complete"),
        self_test: template(&commands, sink, "self_test"),
        overrange,
        inputs: match inputs {
            Some(inputs) => Some(inputs?),
            None => None,
        },
        sampling,
        functions,
        outputs: match outputs {
            Some(outputs) => Some(outputs?),
            None => None,
        },
        relays,
    })
}

/// `[link.serial]`: `clear = ["^C"]` is one byte each.
fn read_serial(link: &Table<'_>, sink: &mut Diagnostics, sources: &[Source]) -> Option<SerialDefinition> {
    let table = link.table(sink, "serial", &keys::SERIAL.names())?;
    check_source(&table, sink, sources);
    let mut clear = Vec::new();
    for word in table.strings(sink, "clear").unwrap_or_default() {
        match word.value.as_bytes() {
            [b'^', letter @ b'A'..=b'Z'] => clear.push(letter - b'@'),
            _ => sink.error(&word.span, "a control character is written `^C`"),
        }
    }
    Some(SerialDefinition {
        line: LineChanges::read(&table, sink),
        clear,
        remote: templates(&table, sink, "remote"),
        local: templates(&table, sink, "local"),
    })
}

fn read_sources(root: &Table<'_>, sink: &mut Diagnostics) -> Vec<Source> {
    let tables = root
        .require_tables(sink, "sources", &keys::SOURCE.names())
        .unwrap_or_default();
    let mut sources = Vec::new();
    for table in tables {
        let id = table.require_string(sink, "id");
        let title = table.require_string(sink, "title");
        let edition = table.require_string(sink, "edition");
        if let (Some(id), Some(title), Some(edition)) = (id, title, edition) {
            sources.push(Source {
                id: id.value,
                title: title.value,
                edition: edition.value,
            });
        }
    }
    sources
}

/// Every row says where it was read: `source = "guide p.247"` begins with the id of a source.
fn check_source(table: &Table<'_>, sink: &mut Diagnostics, sources: &[Source]) -> Option<Spanned<String>> {
    let source = table.require_string(sink, "source")?;
    check_known(&source, sink, sources);
    Some(source)
}

/// What says where something was read begins with the id of a source.
fn check_known(source: &Spanned<String>, sink: &mut Diagnostics, sources: &[Source]) {
    let id = source
        .value
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .trim_end_matches([',', ';', ':']);
    if sources.iter().any(|known| known.id == id) {
        return;
    }
    let known: Vec<&str> = sources.iter().map(|source| source.id.as_str()).collect();
    let message = format!("`{id}` is not the id of a [[sources]] entry");
    sink.push(Diagnostic::error(&source.span, &message).help(&format!("known: {}", known.join(", "))));
}

fn read_pattern(sink: &mut Diagnostics, pattern: &Spanned<String>) -> Option<Regex> {
    match Regex::new(&format!("^(?:{})$", pattern.value)) {
        Ok(regex) => Some(regex),
        Err(error) => {
            sink.error(&pattern.span, &format!("not a regular expression: {error}"));
            None
        }
    }
}

fn read_port(sink: &mut Diagnostics, port: &Spanned<i64>) -> Option<u16> {
    let number = u16::try_from(port.value).ok().filter(|port| *port != 0);
    if number.is_none() {
        sink.error(&port.span, "a TCP port lies between 1 and 65535");
    }
    number
}

fn read_decimal(sink: &mut Diagnostics, text: &Spanned<String>) -> Option<Decimal> {
    text.value
        .parse()
        .map_err(|error| sink.error(&text.span, &format!("{error}")))
        .ok()
}

fn read_quantity(sink: &mut Diagnostics, magnitude: &Magnitude, unit: Unit) -> Option<Quantity> {
    let quantity = match Quantity::from_parts(&magnitude.number, &magnitude.unit) {
        Ok(quantity) => quantity,
        Err(error) => {
            sink.error(&magnitude.span, &format!("{error}"));
            return None;
        }
    };
    if !quantity.unit.is_like(unit) {
        sink.error(
            &magnitude.unit_span,
            &format!("expected a value in {unit}, not {}", quantity.unit),
        );
        return None;
    }
    Some(quantity)
}

fn read_duration(sink: &mut Diagnostics, magnitude: &Magnitude) -> Option<Duration> {
    let duration = duration_from_parts(&magnitude.number, &magnitude.unit);
    if duration.is_none() {
        sink.push(Diagnostic::error(&magnitude.span, "not a duration").help("write one of s, ms, us, min, h"));
    }
    duration
}

pub(crate) fn check_template(sink: &mut Diagnostics, text: &Spanned<String>) -> Option<Template> {
    Template::new(&text.value)
        .map_err(|error| sink.error(&text.span, &format!("{error}")))
        .ok()
}

fn template(table: &Table<'_>, sink: &mut Diagnostics, key: &str) -> Option<Template> {
    table.string(sink, key).and_then(|text| check_template(sink, &text))
}

fn require_template(table: &Table<'_>, sink: &mut Diagnostics, key: &str) -> Option<Template> {
    table
        .require_string(sink, key)
        .and_then(|text| check_template(sink, &text))
}

fn templates(table: &Table<'_>, sink: &mut Diagnostics, key: &str) -> Vec<Template> {
    let texts = table.strings(sink, key).unwrap_or_default();
    texts.iter().filter_map(|text| check_template(sink, text)).collect()
}

fn read_error_check(commands: &Table<'_>, sink: &mut Diagnostics, sources: &[Source]) -> Option<ErrorCheck> {
    let text = commands.require_string(sink, "error_check")?;
    if text.value == "acknowledge" {
        return read_prompts(commands, sink, sources, &text.span).map(ErrorCheck::Acknowledge);
    }
    if let Some(prompts) = commands.table(sink, "prompts", &keys::PROMPTS.names()) {
        sink.error(prompts.span(), "prompts are read where `error_check = \"acknowledge\"`");
    }
    if text.value == "readback" {
        return Some(ErrorCheck::Readback);
    }
    let query = check_template(sink, &text)?;
    let upper = text.value.to_ascii_uppercase();
    if upper.ends_with("ERR?") || upper.ends_with("ERROR?") || upper.ends_with("NEXT?") {
        return Some(ErrorCheck::Queue(query));
    }
    if upper == "*ESR?" {
        return Some(ErrorCheck::EventStatus(query));
    }
    let message = "expected an error queue (\"SYST:ERR?\"), the event status (\"*ESR?\"), \"acknowledge\" for a model that answers \
                   every message with a prompt, or \"readback\" for one without any of them";
    sink.error(&text.span, message);
    None
}

fn read_inputs(table: &Table<'_>, sink: &mut Diagnostics, sources: &[Source]) -> Option<InputsDefinition> {
    check_source(table, sink, sources);
    let channels: Vec<u32> = table
        .require_items(sink, "channels")?
        .iter()
        .filter_map(|item| read_channel(sink, item))
        .collect();
    if channels.is_empty() {
        sink.error(table.span(), "inputs without a channel");
    }
    let [open, close, closed, answer] =
        ["open", "close", "closed", "answer"].map(|key| require_template(table, sink, key));
    Some(InputsDefinition {
        channels,
        open: open?,
        close: close?,
        closed: closed?,
        answer: answer?,
    })
}

fn read_outputs(table: &Table<'_>, sink: &mut Diagnostics, sources: &[Source]) -> Option<OutputsDefinition> {
    let known = keys::SETTING.names();
    let mut setting = |key: &str, required: bool| {
        let row = if required {
            table.require_table(sink, key, &known)
        } else {
            table.table(sink, key, &known)
        }?;
        check_source(&row, sink, sources);
        let (set, query) = (
            require_template(&row, sink, "set"),
            require_template(&row, sink, "query"),
        );
        Some(SettingDefinition {
            set: set?,
            query: query?,
        })
    };
    let (voltage_level, current_limit) = (setting("voltage_level", true), setting("current_limit", true));
    let ovp_level = setting("ovp_level", false);
    let ocp_enabled = table
        .table(sink, "ocp_enabled", &keys::OCP.names())
        .and_then(|row| read_switch(&row, sink, sources));
    let output_enabled = table
        .require_table(sink, "output_enabled", &keys::SWITCH.names())
        .and_then(|row| read_switch(&row, sink, sources));
    let protection = read_protection(table, sink, sources);
    let regulation = read_regulation(table, sink, sources);
    let mut bits = BTreeMap::new();
    let mut channels = BTreeMap::new();
    for row in table
        .require_tables(sink, "channels", &keys::CHANNEL.names())
        .unwrap_or_default()
    {
        check_source(&row, sink, sources);
        let channel = row
            .require(sink, "channel")
            .and_then(|value| read_channel(sink, &value));
        let volts = read_bounds(&row, sink, "voltage_level", Function::DcVoltage, true);
        let amperes = read_bounds(&row, sink, "current_limit", Function::DcCurrent, true);
        let ovp = read_bounds(&row, sink, "ovp_level", Function::DcVoltage, false);
        if ovp.is_some() && ovp_level.is_none() {
            sink.error(row.span(), "it has an ovp_level, but [outputs] has no command for it");
        }
        let bit = row.integer(sink, "status_bit").and_then(|bit| {
            let place = u32::try_from(bit.value).ok().filter(|bit| *bit < u32::BITS);
            if place.is_none() {
                sink.error(&bit.span, "a status word has bits 0 to 31");
            }
            place
        });
        let (Some(channel), Some(volts), Some(amperes)) = (channel, volts, amperes) else {
            continue;
        };
        bits.extend(bit.map(|bit| (channel, bit)));
        let capability = OutputCapability {
            voltage_level: volts,
            current_limit: amperes,
            ovp_level: ovp,
            ocp_enabled: ocp_enabled.is_some(),
        };
        if channels.insert(channel, capability).is_some() {
            sink.error(row.span(), &format!("channel {channel} stands here twice"));
        }
    }
    if !bits.is_empty() && bits.len() != channels.len() {
        sink.error(table.span(), "`status_bit` stands in all channels or in none");
    }
    let output_enabled = output_enabled.map(|switch| SwitchDefinition { bits, ..switch });
    Some(OutputsDefinition {
        voltage_level: voltage_level?,
        current_limit: current_limit?,
        ovp_level,
        ocp_enabled,
        output_enabled: output_enabled?,
        protection,
        regulation,
        channels,
    })
}

fn read_switch(row: &Table<'_>, sink: &mut Diagnostics, sources: &[Source]) -> Option<SwitchDefinition> {
    check_source(row, sink, sources);
    let [on, off, query] = ["on", "off", "query"].map(|key| require_template(row, sink, key));
    Some(SwitchDefinition {
        on: on?,
        off: off?,
        query: query?,
        shared: row.bool(sink, "shared").is_some_and(|shared| shared.value),
        bits: BTreeMap::new(),
    })
}

fn read_bounds(
    row: &Table<'_>,
    sink: &mut Diagnostics,
    key: &str,
    function: Function,
    required: bool,
) -> Option<Bounds> {
    let table = if required {
        row.require_table(sink, key, &keys::BOUNDS.names())
    } else {
        row.table(sink, key, &keys::BOUNDS.names())
    }?;
    let mut quantity = |key: &str| {
        table
            .require_magnitude(sink, key)
            .and_then(|magnitude| read_quantity(sink, &magnitude, function.unit()))
    };
    let (minimum, maximum, resolution) = (quantity("minimum"), quantity("maximum"), quantity("resolution"));
    let bounds = Bounds {
        minimum: minimum?,
        maximum: maximum?,
        resolution: resolution?,
    };
    if bounds
        .minimum
        .compare(bounds.maximum)
        .is_none_or(std::cmp::Ordering::is_gt)
    {
        sink.error(table.span(), "the minimum is above the maximum");
    }
    Some(bounds)
}
