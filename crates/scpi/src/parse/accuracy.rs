//! `[[functions.<name>.accuracy]]`: a specification as data sheets print it, with a column for each calibration interval and a row
//! for each range. A figure that differs from column to column is a list.

use super::{check_source, read_decimal, read_duration, read_quantity};
use crate::{definition::Source, keys};
use benchtop_instrument::{
    AccuracyConditions, AccuracyRow, BaseUnit, CalibrationInterval, Counts, Coverage, Decimal, Function, NplcTerm,
    NullCondition, Quantity, Range, TemperatureBand, TemperatureCoefficient, Unit,
};
use benchtop_notation::{Diagnostic, Diagnostics, Kind, Table, Value, one_of};
use std::cmp::Ordering;

/// The rows of a function's specification.
pub(super) fn read_accuracy(
    function_table: &Table<'_>,
    sink: &mut Diagnostics,
    function: Function,
    ranges: &[Range],
    sources: &[Source],
) -> Vec<AccuracyRow> {
    let mut rows = Vec::new();
    for table in function_table
        .tables(sink, "accuracy", &keys::ACCURACY.names())
        .unwrap_or_default()
    {
        check_source(&table, sink, sources);
        let Some(head) = read_head(&table, sink, function) else {
            continue;
        };
        let read = table
            .require_tables(sink, "rows", &keys::ROW.names())
            .unwrap_or_default();
        if read.is_empty() && table.contains("rows") {
            sink.error(table.span(), "a specification without a row");
        }
        for row in &read {
            rows.extend(read_row(row, sink, function, ranges, &head).unwrap_or_default());
        }
    }
    rows
}

/// What all rows of a table have in common: its columns, each as a row without figures, and how far the coefficients reach.
struct Head {
    columns: Vec<AccuracyRow>,
    reach: Option<TemperatureBand>,
    nplc: Vec<NplcTerm>,
}

fn read_head(table: &Table<'_>, sink: &mut Diagnostics, function: Function) -> Option<Head> {
    let source = table.string(sink, "source");
    let coverage = table
        .require_string(sink, "coverage")
        .and_then(|word| one_of(sink, "coverage", &word, Coverage::ALL));
    let reach = match table.table(sink, "coefficient", &keys::BAND.names()) {
        Some(band) => Some(read_band(&band, sink)?),
        None => None,
    };
    let warm_up = match table.magnitude(sink, "warm_up") {
        Some(magnitude) => Some(read_duration(sink, &magnitude)?),
        None => None,
    };
    let conditions = AccuracyConditions {
        warm_up,
        autozero: flag(table, sink, "autozero"),
        null: read_null(table, sink, function)?,
    };
    let nplc = read_nplc(table, sink, function)?;
    let includes_resolution = flag(table, sink, "includes_resolution");
    let mut columns: Vec<(CalibrationInterval, TemperatureBand)> = Vec::new();
    for column in table.require_tables(sink, "columns", &keys::COLUMN.names())? {
        let interval = column
            .require_string(sink, "interval")
            .and_then(|word| one_of(sink, "interval", &word, CalibrationInterval::ALL));
        let temperature = read_band(&column, sink);
        let (interval, temperature) = (interval?, temperature?);
        if columns.last().is_some_and(|(last, _)| *last >= interval) {
            sink.error(column.span(), "the calibration intervals go from short to long");
        }
        if let Some(reach) = reach.filter(|reach| reach.low > temperature.low || reach.high < temperature.high) {
            let message = format!("the coefficients reach from {reach}, which is not around {temperature}");
            sink.error(table.key_span("coefficient").unwrap_or(table.span()), &message);
        }
        columns.push((interval, temperature));
    }
    if columns.is_empty() {
        sink.error(table.span(), "a specification without a column");
    }
    let (coverage, source) = (coverage?, source?.value);
    let blank = |(interval, temperature)| AccuracyRow {
        full_scale: None,
        maximum: None,
        frequency: None,
        interval,
        temperature,
        percent_of_reading: Decimal::ZERO,
        percent_of_range: Decimal::ZERO,
        counts: None,
        offset: None,
        coefficient: None,
        nplc: Vec::new(),
        conditions,
        coverage,
        includes_resolution,
        source: source.clone(),
    };
    Some(Head {
        columns: columns.into_iter().map(blank).collect(),
        reach,
        nplc,
    })
}

fn flag(table: &Table<'_>, sink: &mut Diagnostics, key: &str) -> bool {
    table.bool(sink, key).is_some_and(|flag| flag.value)
}

fn read_null(column: &Table<'_>, sink: &mut Diagnostics, function: Function) -> Option<NullCondition> {
    let otherwise = quantity(column, sink, "without_null", function.unit())?;
    let needed = flag(column, sink, "null");
    if let (false, Some(span)) = (needed, column.key_span("without_null")) {
        sink.push(
            Diagnostic::error(span, "`without_null` says what is added where `null = true` is not met")
                .help("write `null = true` beside it"),
        );
    }
    Some(if needed {
        NullCondition::Needed { otherwise }
    } else {
        NullCondition::NotNeeded
    })
}

fn read_nplc(table: &Table<'_>, sink: &mut Diagnostics, function: Function) -> Option<Vec<NplcTerm>> {
    let mut terms: Vec<NplcTerm> = Vec::new();
    for row in table.tables(sink, "nplc", &keys::NPLC.names()).unwrap_or_default() {
        let cycles = row
            .require_number(sink, "cycles")
            .and_then(|text| read_decimal(sink, &text));
        let percent_of_range = number(&row, sink, "percent_of_range")?;
        let offset = quantity(&row, sink, "offset", function.unit())?;
        let cycles = cycles?;
        if terms.last().is_some_and(|last| last.cycles >= cycles) || cycles <= Decimal::ZERO {
            sink.error(row.span(), "the integration times go from short to long");
        }
        terms.push(NplcTerm {
            cycles,
            percent_of_range,
            offset,
        });
    }
    Some(terms)
}

/// A band of temperature in degrees Celsius.
fn read_band(band: &Table<'_>, sink: &mut Diagnostics) -> Option<TemperatureBand> {
    let celsius = Unit::of(BaseUnit::Celsius);
    let mut end = |key: &str| {
        let magnitude = band.require_magnitude(sink, key)?;
        read_quantity(sink, &magnitude, celsius).map(|end| end.value)
    };
    let (low, high) = (end("low"), end("high"));
    let band_read = TemperatureBand { low: low?, high: high? };
    if band_read.low > band_read.high {
        sink.error(band.span(), "the low end is above the high one");
    }
    Some(band_read)
}

/// A row, once for each column.
fn read_row(
    row: &Table<'_>,
    sink: &mut Diagnostics,
    function: Function,
    ranges: &[Range],
    head: &Head,
) -> Option<Vec<AccuracyRow>> {
    let unit = function.unit();
    let full_scale = quantity(row, sink, "full_scale", unit)?;
    check_full_scale(row, sink, full_scale, ranges);
    let maximum = quantity(row, sink, "maximum", unit)?;
    let frequency = match row.table(sink, "frequency", &keys::BAND.names()) {
        Some(band) => Some(read_frequency(&band, sink)?),
        None => None,
    };
    let figures = ["percent_of_reading", "percent_of_range", "counts", "offset"];
    if !figures.iter().any(|key| row.contains(key)) {
        let help = format!("at least one of {}", figures.join(", "));
        sink.push(Diagnostic::error(row.span(), "a row without a figure").help(&help));
    }
    let of_reading = numbers(row, sink, "percent_of_reading", head)?;
    let of_range = numbers(row, sink, "percent_of_range", head)?;
    let counts = numbers(row, sink, "counts", head)?;
    let count = quantity(row, sink, "count", unit)?;
    if row.contains("counts") != row.contains("count") {
        sink.error(
            row.span(),
            "`counts` and `count`, what one of them is worth, belong together",
        );
    }
    let offset = quantity(row, sink, "offset", unit)?;
    let coefficient = read_coefficient(row, sink, head)?;
    let nplc = if row.contains("nplc") {
        read_nplc(row, sink, function)?
    } else {
        head.nplc.clone()
    };
    let columns = head.columns.iter().zip(of_reading).zip(of_range).zip(counts);
    let rows = columns.map(|(((blank, of_reading), of_range), counts)| AccuracyRow {
        full_scale,
        maximum,
        frequency,
        percent_of_reading: of_reading,
        percent_of_range: of_range,
        counts: count.map(|value| Counts { number: counts, value }),
        offset,
        coefficient,
        nplc: nplc.clone(),
        ..blank.clone()
    });
    Some(rows.collect())
}

/// A row is for a range that the function has.
fn check_full_scale(row: &Table<'_>, sink: &mut Diagnostics, full_scale: Option<Quantity>, ranges: &[Range]) {
    let list = || {
        let scales: Vec<String> = ranges.iter().map(|range| range.full_scale.to_string()).collect();
        format!("its ranges are {}", scales.join(", "))
    };
    match full_scale {
        None if ranges.is_empty() => {}
        None => {
            sink.push(Diagnostic::error(row.span(), "`full_scale` is missing: the function has ranges").help(&list()));
        }
        Some(scale) => {
            let is_known = ranges
                .iter()
                .any(|range| range.full_scale.compare(scale) == Some(Ordering::Equal));
            if !is_known {
                let span = row.key_span("full_scale").unwrap_or(row.span());
                let message = format!("the function has no {scale} range");
                let help = if ranges.is_empty() {
                    "it has none to choose".to_owned()
                } else {
                    list()
                };
                sink.push(Diagnostic::error(span, &message).help(&help));
            }
        }
    }
}

fn read_frequency(band: &Table<'_>, sink: &mut Diagnostics) -> Option<(Quantity, Quantity)> {
    let hertz = Unit::of(BaseUnit::Hertz);
    let mut end = |key: &str| {
        let magnitude = band.require_magnitude(sink, key)?;
        read_quantity(sink, &magnitude, hertz)
    };
    let (low, high) = (end("low"), end("high"));
    let (low, high) = (low?, high?);
    if low.compare(high).is_none_or(Ordering::is_gt) {
        sink.error(band.span(), "the low end is above the high one");
    }
    Some((low, high))
}

/// What temperature adds; `None` only where it is wrong.
fn read_coefficient(row: &Table<'_>, sink: &mut Diagnostics, head: &Head) -> Option<Option<TemperatureCoefficient>> {
    let Some(table) = row.table(sink, "coefficient", &keys::ROW_COEFFICIENT.names()) else {
        return Some(None);
    };
    let Some(within) = head.reach else {
        sink.push(
            Diagnostic::error(table.span(), "how far the coefficient reaches is not said")
                .help("write `coefficient = { low = \"0 degC\", high = \"50 degC\" }` beside `columns`"),
        );
        return None;
    };
    Some(Some(TemperatureCoefficient {
        percent_of_reading: number(&table, sink, "percent_of_reading")?,
        percent_of_range: number(&table, sink, "percent_of_range")?,
        within,
    }))
}

/// A figure for each column: one for all of them, or a list; 0 if left out. `None` where it is wrong.
fn numbers(row: &Table<'_>, sink: &mut Diagnostics, key: &str, head: &Head) -> Option<Vec<Decimal>> {
    let columns = head.columns.len();
    let Some(value) = row.value(key).filter(|value| value.kind() == Kind::Array) else {
        return number(row, sink, key).map(|number| vec![number; columns]);
    };
    let items = value.items(sink)?;
    if items.len() != columns {
        let message = format!("{} figures for {columns} columns", items.len());
        sink.error(value.span(), &message);
    }
    items.iter().map(|item| read_number(item, sink)).collect()
}

/// A figure that is 0 if left out; `None` where it is wrong.
fn number(table: &Table<'_>, sink: &mut Diagnostics, key: &str) -> Option<Decimal> {
    let Some(value) = table.value(key) else {
        return Some(Decimal::ZERO);
    };
    read_number(&value, sink)
}

fn read_number(value: &Value<'_>, sink: &mut Diagnostics) -> Option<Decimal> {
    let text = value.number(sink)?;
    let number = read_decimal(sink, &text)?;
    if number.is_negative() {
        sink.error(&text.span, "a specification is not negative");
        return None;
    }
    Some(number)
}

/// A quantity that may be left out; `None` where it is wrong.
fn quantity(table: &Table<'_>, sink: &mut Diagnostics, key: &str, unit: Unit) -> Option<Option<Quantity>> {
    let Some(value) = table.value(key) else {
        return Some(None);
    };
    let magnitude = value.magnitude(sink)?;
    let quantity = read_quantity(sink, &magnitude, unit)?;
    if quantity.value.is_negative() {
        sink.error(&magnitude.span, "a specification is not negative");
        return None;
    }
    Some(Some(quantity))
}
