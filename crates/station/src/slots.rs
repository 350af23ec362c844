//! `[slots.A]`: what each slot of the fixture has of its own, by what procedures call it.

use crate::keys::SLOT;
use benchtop_instrument::Capabilities;
use benchtop_notation::{Diagnostic, Diagnostics, Document, Kind, Span, Spanned, Table, Value, suggest};
use benchtop_procedure::{LogicalName, Slot, SlotChannel};
use std::collections::BTreeMap;

/// Longest name of a slot, in characters.
const LONGEST: usize = 30;

/// One slot of the fixture.
#[derive(Clone, Debug, PartialEq)]
pub struct StationSlot {
    /// The mechanics that hold its unit, where they are not the station's.
    pub fixture_id: Option<String>,
    /// What it has of its own.
    pub own: Slot,
    /// Where it stands in the file.
    pub span: Span,
}

/// The instruments and consoles of a file, each with what its channels are called.
pub(crate) type Known = BTreeMap<LogicalName, BTreeMap<String, u32>>;

/// Reads `[slots]`. That the channels exist is for [`check`] to see.
pub(crate) fn read(root: &Table<'_>, known: &Known, sink: &mut Diagnostics) -> BTreeMap<String, StationSlot> {
    let mut slots = BTreeMap::new();
    for (name, table) in root.tables_by_name(sink, "slots", &SLOT.names()) {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.value.is_empty() || name.value.len() > LONGEST || !name.value.chars().all(plain) {
            sink.error(
                &name.span,
                &format!("a slot is called by 1 to {LONGEST} letters, digits, `-` and `_`"),
            );
        }
        let mut own = Slot::default();
        if let Some(map) = table.map(sink, "instruments") {
            for (procedures, value) in map.entries() {
                let Some(stands) = value.string(sink) else { continue };
                let stands = stands.map(LogicalName);
                if known.contains_key(&stands.value) {
                    own.instruments.insert(LogicalName(procedures.value), stands);
                } else {
                    unknown(sink, &stands.value, &stands.span, known);
                }
            }
        }
        if let Some(map) = table.map(sink, "channels") {
            for (written, value) in map.entries() {
                own.channels
                    .extend(channel(&written, value, &own.instruments, known, sink));
            }
        }
        let slot = StationSlot {
            fixture_id: table.string(sink, "fixture_id").map(|text| text.value),
            own,
            span: name.span,
        };
        slots.insert(name.value, slot);
    }
    slots
}

/// The slots of a simulated bench, from its file.
///
/// # Errors
/// What is wrong with them.
pub fn slots_of_bench(file: &str, text: &str) -> Result<BTreeMap<String, StationSlot>, Diagnostics> {
    let document = Document::parse(file, text)?;
    let mut sink = Diagnostics::new();
    let root = document.root_of_any_keys();
    if !root.contains("slots") {
        return Ok(BTreeMap::new());
    }
    let mut known = Known::new();
    for section in ["instruments", "consoles"] {
        let Some(table) = root.map(&mut sink, section) else {
            continue;
        };
        for (name, value) in table.entries() {
            // what is wrong with them otherwise, the simulator says
            let row = value.map(&mut sink);
            let names = row.and_then(|row| row.map(&mut sink, "channel_names"));
            let number = |value: Value<'_>| u32::try_from(value.integer(&mut Diagnostics::new())?.value).ok();
            let names = names.iter().flat_map(Table::entries);
            let names = names.filter_map(|(name, value)| Some((name.value, number(value)?)));
            known.insert(LogicalName(name.value), names.collect());
        }
    }
    let mut slots = read(&root, &known, &mut sink);
    // the unit in each slot has its own of every link, called as its nodes are
    let links = root.map(&mut sink, "consoles").map(|table| table.entries());
    let links: Vec<Spanned<String>> = links.into_iter().flatten().map(|(name, _)| name).collect();
    for (slot, StationSlot { own, .. }) in &mut slots {
        for link in &links {
            let stands = LogicalName(format!("{slot}.{}", link.value));
            let name = LogicalName(link.value.clone());
            let own_link = own.instruments.entry(name);
            own_link.or_insert_with(|| Spanned::new(stands, link.span.clone()));
        }
    }
    if sink.has_errors() { Err(sink) } else { Ok(slots) }
}

/// `"psu.1" = 3`, `"dmm.vcc" = "@103"`, `"dmm.vcc" = "vcc_b"`.
fn channel(
    written: &Spanned<String>,
    value: Value<'_>,
    instruments: &BTreeMap<LogicalName, Spanned<LogicalName>>,
    known: &Known,
    sink: &mut Diagnostics,
) -> Option<(SlotChannel, Spanned<u32>)> {
    let place = value.span().clone();
    let refuse = |sink: &mut Diagnostics, place: &Span, message: &str| {
        let help = "in quotes, as the procedure calls it: { \"psu.1\" = 3, \"dmm.vcc\" = \"@103\" }";
        sink.push(Diagnostic::error(place, message).help(help));
    };
    let parts = written
        .value
        .split_once('.')
        .filter(|(name, channel)| !name.is_empty() && !channel.is_empty());
    let Some((name, called)) = parts.filter(|_| value.kind() != Kind::Table) else {
        refuse(sink, &written.span, "expected an instrument and its channel");
        return None;
    };
    let key = SlotChannel {
        instrument: LogicalName(name.to_owned()),
        channel: called.strip_prefix('@').unwrap_or(called).to_owned(),
    };
    let stands = instruments
        .get(&key.instrument)
        .map_or(&key.instrument, |own| &own.value);
    let Some(names) = known.get(stands) else {
        unknown(sink, stands, &written.span, known);
        return None;
    };
    let counted = |number: i64| u32::try_from(number).ok().filter(|channel| *channel > 0);
    let number = match value.kind() {
        Kind::String => {
            let text = value.string(sink)?;
            let number = text
                .value
                .strip_prefix('@')
                .and_then(|digits| counted(digits.parse().ok()?));
            let number = number.or_else(|| names.get(&text.value).copied());
            if number.is_none() {
                let message = format!("{stands} has no channel `{}`", text.value);
                let finding = Diagnostic::error(&place, &message);
                sink.push(match suggest(&text.value, names.keys().map(String::as_str)) {
                    Some(meant) => finding.help(&format!("did you mean `{meant}`?")),
                    None => finding.help("a number, \"@103\", or a name that the instrument's `channels` have"),
                });
            }
            number
        }
        Kind::Integer | Kind::Float | Kind::Boolean | Kind::Datetime | Kind::Array | Kind::Table => {
            let number = counted(value.integer(sink)?.value);
            if number.is_none() {
                sink.error(&place, "channels count from 1");
            }
            number
        }
    };
    Some((key, Spanned::new(number?, place)))
}

fn unknown(sink: &mut Diagnostics, name: &LogicalName, place: &Span, known: &Known) {
    let message = format!("there is no [instruments.{name}] in this file");
    let finding = Diagnostic::error(place, &message);
    sink.push(match suggest(&name.0, known.keys().map(|name| name.0.as_str())) {
        Some(meant) => finding.help(&format!("did you mean `{meant}`?")),
        None => finding,
    });
}

/// What an instrument is, for its slots.
pub(crate) struct Carrier {
    pub(crate) capabilities: Capabilities,
    /// One switch is for all its outputs.
    pub(crate) has_one_switch: bool,
}

/// Refuses channels that an instrument has not got, or that two slots have.
pub(crate) fn check(
    sink: &mut Diagnostics,
    slots: &BTreeMap<String, StationSlot>,
    carrier: impl Fn(&LogicalName) -> Option<Carrier>,
) {
    let mut owners: BTreeMap<(LogicalName, u32), &str> = BTreeMap::new();
    for (slot, StationSlot { own, .. }) in slots {
        for (called, channel) in &own.channels {
            let name = own
                .instruments
                .get(&called.instrument)
                .map_or(&called.instrument, |own| &own.value);
            // an unknown driver, or a console, was told of before
            let Some(Carrier {
                capabilities,
                has_one_switch,
            }) = carrier(name)
            else {
                continue;
            };
            let model = &capabilities.model;
            if !capabilities.channels.contains(&channel.value) {
                let has = capabilities.channel_list();
                let message = format!("slot {slot}: {name} ({model}) has {has}, not {}", channel.value);
                sink.error(&channel.span, &message);
                continue;
            }
            if has_one_switch && slots.len() > 1 {
                let message = format!("slot {slot}: {name} ({model}) has one switch for all outputs");
                let help = "no slot can have an output of its own: procedures set it in [[fixture_setup]]";
                sink.push(Diagnostic::error(&channel.span, &message).help(help));
            }
            let owner = *owners.entry((name.clone(), channel.value)).or_insert(slot);
            // behind a single input there may be a switch
            let is_shared = owner != slot && (capabilities.channels.len() > 1 || !capabilities.outputs.is_empty());
            if is_shared {
                let message = format!(
                    "slots {owner} and {slot} have one channel: {name} channel {}",
                    channel.value
                );
                sink.error(&channel.span, &message);
            }
        }
    }
}
