//! Reads the `[dmm.functions]` of a `sim.toml`.

use super::behaviour::GROUPS;
use super::definition::{Accuracy, Counts, FunctionModel, Gate, RangeArgument, RangeModel, Senses, Takes};
use super::math::OPERATIONS;
use super::read::channels;
use crate::{keys, parser::Dimension, quantity};
use benchtop_notation::{Diagnostics, Table, one_of};

/// Reads one function.
pub(super) fn function(word: String, row: &Table<'_>, sink: &mut Diagnostics) -> Option<FunctionModel> {
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
    let senses = row.require_string(sink, "senses")?;
    let senses = one_of(sink, "thing to sense", &senses, &kinds)?;
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
    let rows = row.tables(sink, "ranges", &keys::RANGE.names()).unwrap_or_default();
    let range_words = range_texts(row, &rows, "argument", sink);
    let ranges_shown = range_texts(row, &rows, "shown", sink);
    let ranges: Vec<RangeModel> = rows.iter().filter_map(|range| range_row(range, senses, sink)).collect();
    let range_argument = range_argument(row, senses, sink);
    let default_range = default_range(row, senses, &ranges, sink)?;
    let bit = row
        .integer(sink, "questionable_bit")
        .and_then(|bit| u32::try_from(bit.value).ok());
    let takes = takes(row, sink)?;
    let name = name?.value;
    Some(FunctionModel {
        word,
        senses,
        configure: configure?.value,
        answer: answer?.value,
        unit: row.string(sink, "unit").map(|unit| unit.value).unwrap_or_default(),
        settings,
        channels: channels(row, sink),
        math,
        gate,
        ranges,
        default_range,
        range_words,
        ranges_shown,
        range_argument,
        counts: counts(row, senses, sink),
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
    let table = row.table(sink, "gate", &keys::GATE.names())?;
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

/// `counts = { least = "3 Hz", largest = "300 kHz", range = "3 Hz" }`
fn counts(row: &Table<'_>, senses: Senses, sink: &mut Diagnostics) -> Option<Counts> {
    let table = row.table(sink, "counts", &keys::COUNTS.names())?;
    let [least, largest, range] =
        ["least", "largest", "range"].map(|key| quantity::require(sink, &table, key, senses.dimension()));
    Some(Counts {
        least: least?,
        largest: largest?,
        range: range?,
    })
}

/// `range_argument = { largest = "1010 V", named = "1000 V" }`
fn range_argument(row: &Table<'_>, senses: Senses, sink: &mut Diagnostics) -> Option<RangeArgument> {
    let table = row.table(sink, "range_argument", &keys::RANGE_ARGUMENT.names())?;
    let [largest, named] = ["largest", "named"].map(|key| quantity::require(sink, &table, key, senses.dimension()));
    Some(RangeArgument {
        largest: largest?,
        named: named?,
    })
}

/// `argument = "2"` on each range that its commands name by an index or a word; `shown = "5V"` where the display is asked.
fn range_texts(row: &Table<'_>, ranges: &[Table<'_>], key: &str, sink: &mut Diagnostics) -> Vec<String> {
    let words: Vec<String> = ranges
        .iter()
        .filter_map(|range| range.string(sink, key))
        .map(|word| word.value)
        .collect();
    if !words.is_empty() && words.len() != ranges.len() {
        sink.error(row.span(), &format!("either every range has `{key}`, or none has"));
    }
    words
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
        input: quantity::not_negative(sink, row, "input", Dimension::Ohms).filter(|ohms| *ohms > 0.0),
        high_impedance: quantity::not_negative(sink, row, "high_impedance", Dimension::Ohms).filter(|ohms| *ohms > 0.0),
        accuracy: accuracy(row, sink),
        high_current: row.bool(sink, "high_current").is_some_and(|flag| flag.value),
    })
}

/// `{ of_reading = "35 ppm", of_range = "5 ppm" }`: one year after calibration.
fn accuracy(row: &Table<'_>, sink: &mut Diagnostics) -> Accuracy {
    let Some(table) = row.table(sink, "accuracy", &keys::ACCURACY.names()) else {
        return Accuracy::default();
    };
    let [of_reading, of_range] = ["of_reading", "of_range"].map(|key| {
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
