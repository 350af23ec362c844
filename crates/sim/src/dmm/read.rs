//! Reads the `[dmm]` part of a `sim.toml`.

use super::behaviour::GROUPS;
use super::definition::{
    Accuracy, Bandwidth, Digits, DmmModel, FunctionModel, Gate, HABITS, Integration, RangeArgument, RangeModel, Senses,
    Takes, WhileMeasuring,
};
use super::format::FORMATS;
use super::math::OPERATIONS;
use super::scanner::Channels;
use super::triggering::SOURCES;
use crate::{
    parser::{Dimension, Forms, Tree},
    quantity,
};
use benchtop_notation::{Diagnostics, Table, one_of};

const KEYS: &[&str] = &[
    "functions",
    "nplc",
    "default_nplc",
    "bandwidths",
    "default_bandwidth",
    "reading_memory",
    "overrange",
    "autorange_time",
    "largest_count",
    "longest_delay",
    "channels",
    "shared_settings",
    "while_measuring",
    "habits",
    "dbm_reference",
    "nplc_at_50_hertz",
    "trigger_sources",
    "largest_samples",
    "endless_count",
    "digits",
    "formats",
    "trace_points",
    "idle_bit",
];

/// Reads `[dmm]`.
pub(crate) fn read(root: &Table<'_>, sink: &mut Diagnostics) -> Option<DmmModel> {
    let table = root.require_table(sink, "dmm", KEYS)?;
    let integration_keys = ["cycles", "aperture", "delay", "resolution", "noise"];
    let rows = table.require_tables(sink, "nplc", &integration_keys)?;
    let nplc: Vec<Integration> = rows.iter().filter_map(|row| integration(row, sink)).collect();
    let rows = table.require_tables(sink, "bandwidths", &["hertz", "reading_time"])?;
    let bandwidths: Vec<Bandwidth> = rows.iter().filter_map(|row| bandwidth(row, sink)).collect();
    let default_nplc = position(&table, sink, "default_nplc", nplc.iter().map(|row| row.cycles));
    let default_bandwidth = position(
        &table,
        sink,
        "default_bandwidth",
        bandwidths.iter().map(|row| row.hertz),
    );
    let (mut functions, mut names) = (Vec::new(), Tree::new());
    for (name, row) in table.tables_by_name(sink, "functions", FUNCTION_KEYS) {
        let Some(function) = function(&row, sink) else { continue };
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
    let rows = table.tables(sink, "channels", &["first", "last"]).unwrap_or_default();
    let channels = rows.iter().filter_map(|row| channels(row, sink)).collect();
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
    let digits = table.table(sink, "digits", &["least", "most"]).and_then(|table| {
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

/// `{ first = 101, last = 120 }`.
fn channels(row: &Table<'_>, sink: &mut Diagnostics) -> Option<Channels> {
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

const FUNCTION_KEYS: &[&str] = &[
    "senses",
    "name",
    "configure",
    "answer",
    "unit",
    "settings",
    "math",
    "gate",
    "ranges",
    "default_range",
    "range_argument",
    "takes",
    "transducers",
    "reading_time",
    "noise",
    "input",
    "questionable_bit",
];

const RANGE_KEYS: &[&str] = &[
    "full_scale",
    "maximum",
    "shunt",
    "test_current",
    "high_impedance",
    "accuracy",
    "high_current",
];

fn function(row: &Table<'_>, sink: &mut Diagnostics) -> Option<FunctionModel> {
    let kinds = [
        ("dc_volts", Senses::DcVolts),
        ("ac_volts", Senses::AcVolts),
        ("dc_amperes", Senses::DcAmperes),
        ("ac_amperes", Senses::AcAmperes),
        ("ohms", Senses::Ohms),
        ("hertz", Senses::Hertz),
        ("seconds", Senses::Seconds),
        ("farads", Senses::Farads),
        ("celsius", Senses::Celsius),
        ("ratio", Senses::Ratio),
        ("diode", Senses::Diode),
    ];
    let word = row.require_string(sink, "senses")?;
    let senses = one_of(sink, "thing to sense", &word, &kinds)?;
    let [name, configure, answer] = ["name", "configure", "answer"].map(|key| row.require_string(sink, key));
    let words = row.strings(sink, "settings").unwrap_or_default();
    let settings = words
        .iter()
        .filter_map(|word| one_of(sink, "setting", word, GROUPS))
        .collect();
    let words = row.strings(sink, "math").unwrap_or_default();
    let math = words
        .iter()
        .filter_map(|word| one_of(sink, "operation", word, OPERATIONS))
        .collect();
    let gate = gate(row, sink);
    let rows = row.tables(sink, "ranges", RANGE_KEYS);
    let ranges: Vec<RangeModel> = rows
        .unwrap_or_default()
        .iter()
        .filter_map(|range| range_row(range, senses, sink))
        .collect();
    let range_argument = range_argument(row, senses, sink);
    let default_range = default_range(row, senses, &ranges, sink)?;
    let bit = row
        .integer(sink, "questionable_bit")
        .and_then(|bit| u32::try_from(bit.value).ok());
    let takes = takes(row, sink)?;
    let name = name?.value;
    Some(FunctionModel {
        senses,
        configure: configure?.value,
        answer: answer?.value,
        unit: row.string(sink, "unit").map(|unit| unit.value).unwrap_or_default(),
        settings,
        math,
        gate,
        ranges,
        default_range,
        range_argument,
        takes,
        input: quantity::not_negative(sink, row, "input", Dimension::Ohms).filter(|ohms| *ohms > 0.0),
        reading_time: quantity::duration(sink, row, "reading_time"),
        noise: quantity::not_negative(sink, row, "noise", Dimension::None).unwrap_or_default(),
        questionable: bit.and_then(|bit| 1_u16.checked_shl(bit)).unwrap_or_default(),
        name,
    })
}

/// `gate = { least = "10 ms", largest = "1 s", default = "100 ms" }`, with `steps` where only some times are there.
fn gate(row: &Table<'_>, sink: &mut Diagnostics) -> Option<Gate> {
    let table = row.table(sink, "gate", &["least", "largest", "default", "steps"])?;
    let [least, largest, default] =
        ["least", "largest", "default"].map(|key| quantity::require(sink, &table, key, Dimension::Seconds));
    let steps = table.items(sink, "steps").unwrap_or_default();
    let steps = steps
        .iter()
        .filter_map(|step| {
            let magnitude = step.magnitude(sink)?;
            quantity::in_unit(sink, &magnitude, Dimension::Seconds)
        })
        .collect();
    Some(Gate {
        least: least?,
        largest: largest?,
        default: default?,
        steps,
    })
}

fn takes(row: &Table<'_>, sink: &mut Diagnostics) -> Option<Takes> {
    let words = row.strings(sink, "transducers").unwrap_or_default();
    let choices = [
        ("nothing", Takes::Nothing),
        ("range_and_resolution", Takes::Range),
        ("range", Takes::RangeOnly),
        ("expected", Takes::Expected),
        (
            "transducer",
            Takes::Transducer(words.into_iter().map(|word| word.value).collect()),
        ),
    ];
    let word = row.require_string(sink, "takes")?;
    one_of(sink, "kind of argument", &word, &choices)
}

/// `range_argument = { largest = "1010 V", named = "1000 V" }`
fn range_argument(row: &Table<'_>, senses: Senses, sink: &mut Diagnostics) -> Option<RangeArgument> {
    let table = row.table(sink, "range_argument", &["largest", "named"])?;
    let [largest, named] = ["largest", "named"].map(|key| quantity::require(sink, &table, key, senses.dimension()));
    Some(RangeArgument {
        largest: largest?,
        named: named?,
    })
}

fn range_row(row: &Table<'_>, senses: Senses, sink: &mut Diagnostics) -> Option<RangeModel> {
    let full_scale = quantity::require(sink, row, "full_scale", senses.dimension())?;
    let maximum = quantity::require(sink, row, "maximum", senses.dimension())?;
    if full_scale <= 0.0 || maximum < full_scale {
        sink.error(
            row.span(),
            "a range has a positive `full_scale`, and a `maximum` that is not below it",
        );
    }
    Some(RangeModel {
        full_scale,
        maximum,
        shunt: quantity::not_negative(sink, row, "shunt", Dimension::Ohms).unwrap_or_default(),
        test_current: quantity::not_negative(sink, row, "test_current", Dimension::Amperes).unwrap_or_default(),
        high_impedance: quantity::not_negative(sink, row, "high_impedance", Dimension::Ohms).filter(|ohms| *ohms > 0.0),
        accuracy: accuracy(row, sink),
        high_current: row.bool(sink, "high_current").is_some_and(|flag| flag.value),
    })
}

/// `{ of_reading = "35 ppm", of_range = "5 ppm" }`: one year after calibration.
fn accuracy(row: &Table<'_>, sink: &mut Diagnostics) -> Accuracy {
    let keys = ["of_reading", "of_range"];
    let Some(table) = row.table(sink, "accuracy", &keys) else {
        return Accuracy::default();
    };
    let [of_reading, of_range] = keys.map(|key| {
        table.require(sink, key);
        quantity::not_negative(sink, &table, key, Dimension::None).unwrap_or_default()
    });
    Accuracy { of_reading, of_range }
}

fn default_range(row: &Table<'_>, senses: Senses, ranges: &[RangeModel], sink: &mut Diagnostics) -> Option<usize> {
    if ranges.is_empty() {
        return Some(0);
    }
    let wanted = quantity::require(sink, row, "default_range", senses.dimension())?;
    let found = ranges
        .iter()
        .position(|range| range.full_scale.total_cmp(&wanted).is_eq());
    if found.is_none() {
        sink.error(row.span(), "`default_range` is not the full scale of one of the ranges");
    }
    found
}
