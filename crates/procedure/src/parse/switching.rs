//! `set = { ... }` on a switch: `close`, `open`, `exclusive`.

use super::draft::Draft;
use super::measurement::channel_of;
use crate::model::{ChannelPlace, LogicalName, SetPlaces};
use benchtop_instrument::{Setting, SwitchSetting};
use benchtop_notation::{Diagnostic, Diagnostics, Span, Table, Value};

/// What a switch takes.
pub(super) const KEYS: [&str; 3] = ["close", "open", "exclusive"];

/// What only outputs take.
const OF_OUTPUTS: [&str; 9] = [
    "channel",
    "voltage_level",
    "current_limit",
    "ovp_level",
    "ocp_enabled",
    "output_enabled",
    "hot",
    "expect_regulation",
    "settle",
];

pub(super) fn set(
    draft: &mut Draft,
    table: &Table<'_>,
    value: Value<'_>,
    step: &str,
    name: LogicalName,
    place: Span,
) -> Option<(LogicalName, Setting, SetPlaces)> {
    let sink = &mut draft.sink;
    for key in OF_OUTPUTS {
        if let Some(written) = table.value(key) {
            let message = format!("{step}: {name} is of class switch, which has no `{key}`");
            let help = format!("it takes `{}`", KEYS.join("`, `"));
            sink.push(Diagnostic::error(written.span(), &message).help(&help));
        }
    }
    let close = channels(sink, table, "close");
    let open = channels(sink, table, "open");
    let exclusive = table.bool(sink, "exclusive");
    if !table.contains("close") && !table.contains("open") {
        let message = format!("{step} sets nothing");
        sink.push(Diagnostic::error(value.span(), &message).help("a switch needs `close` or `open`, or both"));
    }
    let exclusive = exclusive.is_some_and(|exclusive| exclusive.value);
    if let Some(written) = table.value("open").filter(|_| exclusive) {
        let message = format!("{step}: `exclusive` opens every channel that does not close: `open` says nothing more");
        sink.error(written.span(), &message);
    }
    let (close, closing) = close?;
    let (open, opening) = open?;
    let setting = SwitchSetting { close, open, exclusive };
    let places = SetPlaces {
        instrument: Some(place),
        close: closing,
        open: opening,
        ..SetPlaces::default()
    };
    Some((name, Setting::Switch(setting), places))
}

/// Numbers, `"@101"` and names. Nothing where one of them is wrong.
fn channels(sink: &mut Diagnostics, table: &Table<'_>, key: &str) -> Option<(Vec<u32>, Vec<ChannelPlace>)> {
    let (mut numbers, mut places) = (Vec::new(), Vec::new());
    if !table.contains(key) {
        return Some((numbers, places));
    }
    let items = table.require_items(sink, key)?;
    if items.is_empty() {
        let span = table.value(key).map_or(table.span(), |value| value.span());
        sink.error(span, &format!("`{key}` names no channel"));
        return None;
    }
    let count = items.len();
    for item in items {
        let Some(channel) = channel_of(sink, item, key) else {
            continue;
        };
        let (number, name) = channel.into_parts();
        numbers.push(number);
        places.push(ChannelPlace {
            place: item.span().clone(),
            name,
        });
    }
    (numbers.len() == count).then_some((numbers, places))
}
