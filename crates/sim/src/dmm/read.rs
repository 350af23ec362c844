//! Reads the `[dmm]` part of a `sim.toml`.

use super::behaviour::GROUPS;
use super::definition::{Bandwidth, Digits, DmmModel, HABITS, Integration, WhileMeasuring};
use super::format::FORMATS;
use super::read_function::function;
use super::scanner::{CHANNEL_SETTINGS, ChannelSettings, Channels};
use super::triggering::SOURCES;
use crate::{
    keys,
    parser::{Dimension, Forms, Tree},
    quantity,
};
use benchtop_notation::{Diagnostics, Table, one_of};

/// Reads `[dmm]`.
pub(crate) fn read(root: &Table<'_>, sink: &mut Diagnostics) -> Option<DmmModel> {
    let table = root.require_table(sink, "dmm", &keys::DMM.names())?;
    let rows = table.require_tables(sink, "nplc", &keys::INTEGRATION.names())?;
    let nplc: Vec<Integration> = rows.iter().filter_map(|row| integration(row, sink)).collect();
    let rows = table.require_tables(sink, "bandwidths", &keys::BANDWIDTH.names())?;
    let bandwidths: Vec<Bandwidth> = rows.iter().filter_map(|row| bandwidth(row, sink)).collect();
    let default_nplc = position(&table, sink, "default_nplc", nplc.iter().map(|row| row.cycles));
    let default_bandwidth = position(
        &table,
        sink,
        "default_bandwidth",
        bandwidths.iter().map(|row| row.hertz),
    );
    let (mut functions, mut names) = (Vec::new(), Tree::new());
    for (name, row) in table.tables_by_name(sink, "functions", &keys::FUNCTION.names()) {
        let Some(function) = function(name.value.clone(), &row, sink) else {
            continue;
        };
        if let Err(message) = names.insert(&function.name, Forms::Set, functions.len()) {
            sink.error(&name.span, &message);
        }
        functions.push(function);
    }
    if functions.is_empty() {
        sink.error(table.span(), "a multimeter without a function measures nothing");
    }
    let plain = |sink: &mut Diagnostics, key| {
        table.require(sink, key)?;
        quantity::number(sink, &table, key)
    };
    let channel_settings = match table.string(sink, "channel_settings") {
        Some(word) => one_of(sink, "channel settings", &word, CHANNEL_SETTINGS)?,
        None => ChannelSettings::Shared,
    };
    let channels = channels(&table, sink);
    let words = table.strings(sink, "shared_settings").unwrap_or_default();
    let shared_settings = words
        .iter()
        .filter_map(|word| one_of(sink, "setting", word, GROUPS))
        .collect();
    let ways = [
        ("refused", WhileMeasuring::Refused),
        ("held", WhileMeasuring::Held),
        ("restarted", WhileMeasuring::Restarted),
    ];
    let while_measuring = match table.string(sink, "while_measuring") {
        Some(word) => one_of(sink, "way", &word, &ways)?,
        None => WhileMeasuring::Refused,
    };
    let named = |sink: &mut Diagnostics, key| table.strings(sink, key).unwrap_or_default();
    let words = named(sink, "habits");
    let habits = words
        .iter()
        .filter_map(|word| one_of(sink, "habit", word, HABITS))
        .collect();
    let mut trigger_sources = Vec::new();
    for word in named(sink, "trigger_sources") {
        let source = one_of(sink, "trigger source", &word, SOURCES);
        trigger_sources.extend(source.map(|source| (word.value, source)));
    }
    if trigger_sources.is_empty() {
        let first = SOURCES.iter().take(3);
        trigger_sources = first.map(|(name, source)| ((*name).to_owned(), *source)).collect();
    }
    let mut formats = Vec::new();
    for word in named(sink, "formats") {
        let data = one_of(sink, "format", &word, FORMATS);
        formats.extend(data.map(|data| (word.value, data)));
    }
    let digits = table.table(sink, "digits", &keys::DIGITS.names()).and_then(|table| {
        let [least, most] = ["least", "most"].map(|key| quantity::number(sink, &table, key));
        Some(Digits {
            least: least?,
            most: most?,
        })
    });
    let idle = table
        .integer(sink, "idle_bit")
        .and_then(|bit| u32::try_from(bit.value).ok());
    let trace_points = table
        .integer(sink, "trace_points")
        .and_then(|points| usize::try_from(points.value).ok());
    let memory = table.require_integer(sink, "reading_memory");
    let [overrange, largest_count, longest_delay] =
        ["overrange", "largest_count", "longest_delay"].map(|key| plain(sink, key));
    Some(DmmModel {
        functions,
        names,
        nplc,
        default_nplc: default_nplc?,
        bandwidths,
        default_bandwidth: default_bandwidth?,
        reading_memory: usize::try_from(memory?.value).ok()?,
        overrange: overrange?,
        autorange_time: quantity::duration(sink, &table, "autorange_time").unwrap_or_default(),
        largest_count: largest_count?,
        longest_delay: longest_delay?,
        channels,
        channel_settings,
        nplc_at_50_hertz: quantity::number(sink, &table, "nplc_at_50_hertz"),
        trigger_sources,
        largest_samples: quantity::number(sink, &table, "largest_samples").or(largest_count)?,
        endless_count: table.string(sink, "endless_count").map(|text| text.value),
        digits,
        formats,
        trace_points: trace_points.unwrap_or(2),
        idle: idle.and_then(|bit| 1_u16.checked_shl(bit)).unwrap_or_default(),
        shared_settings,
        while_measuring,
        habits,
        dbm_reference: quantity::not_negative(sink, &table, "dbm_reference", Dimension::Ohms).unwrap_or(600.0),
    })
}

/// `channels = [{ first = 101, last = 120 }]`.
pub(crate) fn channels(table: &Table<'_>, sink: &mut Diagnostics) -> Vec<Channels> {
    let rows = table
        .tables(sink, "channels", &keys::CHANNELS.names())
        .unwrap_or_default();
    rows.iter().filter_map(|row| range_of_channels(row, sink)).collect()
}

fn range_of_channels(row: &Table<'_>, sink: &mut Diagnostics) -> Option<Channels> {
    let [first, last] = ["first", "last"].map(|key| row.require_integer(sink, key));
    let [first, last] = [first?, last?].map(|number| u32::try_from(number.value).unwrap_or_default());
    if first < 1 || last < first {
        sink.error(row.span(), "channels go from `first`, which is 1 or more, up to `last`");
    }
    Some(Channels { first, last })
}

fn integration(row: &Table<'_>, sink: &mut Diagnostics) -> Option<Integration> {
    row.require(sink, "cycles")?;
    let [resolution, noise] = ["resolution", "noise"].map(|key| quantity::require(sink, row, key, Dimension::None));
    Some(Integration {
        cycles: quantity::number(sink, row, "cycles")?,
        aperture: quantity::duration(sink, row, "aperture"),
        delay: quantity::duration(sink, row, "delay").unwrap_or_default(),
        resolution: resolution?,
        noise: noise?,
    })
}

fn bandwidth(row: &Table<'_>, sink: &mut Diagnostics) -> Option<Bandwidth> {
    let hertz = quantity::number(sink, row, "hertz");
    let reading_time = quantity::duration(sink, row, "reading_time");
    if hertz.is_none() || reading_time.is_none() {
        sink.error(row.span(), "a bandwidth is { hertz = 20, reading_time = \"600 ms\" }");
    }
    Some(Bandwidth {
        hertz: hertz?,
        reading_time: reading_time?,
    })
}

/// Which row is the default.
fn position(
    table: &Table<'_>,
    sink: &mut Diagnostics,
    key: &str,
    mut values: impl Iterator<Item = f64>,
) -> Option<usize> {
    let span = table.require(sink, key)?.span();
    let wanted = quantity::number(sink, table, key)?;
    let found = values.position(|value| value.total_cmp(&wanted).is_eq());
    if found.is_none() {
        sink.error(span, &format!("`{key}` is not one of the rows"));
    }
    found
}
