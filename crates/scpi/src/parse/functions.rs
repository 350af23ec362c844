//! `[functions.<name>]`.

use super::{
    accuracy::read_accuracy,
    read_decimal, read_duration, read_quantity, require_template,
    sampling::{read_aperture, read_resolution},
    sourced::{RangeSources, function_source},
    template, templates,
};
use crate::{
    choices::ChoiceDefinitions,
    definition::{FunctionDefinition, Readback, Source, plain},
    keys,
    sampling::SamplingDefinition,
};
use benchtop_instrument::{ChoiceCapability, Class, Decimal, Function, FunctionCapability, Range, SamplingCapability};
use benchtop_notation::{Diagnostics, Table, Value, one_of};
use std::{collections::BTreeMap, time::Duration};

pub(super) fn read_functions(
    root: &Table<'_>,
    sink: &mut Diagnostics,
    class: Option<Class>,
    sources: &[Source],
    channels: &[u32],
    sampling: &SamplingDefinition,
    witnessed: bool,
) -> BTreeMap<Function, FunctionDefinition> {
    let mut functions = BTreeMap::new();
    for (word, table) in root.tables_by_name(sink, "functions", &keys::FUNCTION.names()) {
        let source = function_source(&table, sink, sources);
        let Some(function) = one_of(sink, "function", &word, Function::ALL) else {
            continue;
        };
        if let Some(class) = class.filter(|class| !class.may_measure(function)) {
            sink.error(&word.span, &format!("a {class} does not measure {function}"));
        }
        if let Some(definition) = read_function(&table, sink, function, sources, channels, sampling) {
            if !witnessed {
                check_readback(&table, sink, &definition);
            }
            let source = source.unwrap_or_default();
            functions.insert(function, FunctionDefinition { source, ..definition });
        }
    }
    functions
}

/// A model that reports no errors is asked for all that was set.
fn check_readback(table: &Table<'_>, sink: &mut Diagnostics, function: &FunctionDefinition) {
    let capability = &function.capability;
    let mut missing = Vec::new();
    if function.readback.is_empty() {
        missing.push("`readback` of the function");
    }
    if !capability.ranges.is_empty() && function.range_query.is_none() {
        missing.push("`range_query`");
    }
    let asks_for_nplc = |readback: &Readback| readback.answer.text().contains("{nplc}");
    if !capability.nplc.is_empty() && !function.readback.iter().any(asks_for_nplc) {
        missing.push("`readback` of {nplc}");
    }
    if capability.choices != ChoiceCapability::default() {
        missing.push("a choice that nothing can prove: leave it out");
    }
    for missing in missing {
        sink.error(table.span(), &format!("`error_check = \"readback\"` needs {missing}"));
    }
}

fn read_function(
    table: &Table<'_>,
    sink: &mut Diagnostics,
    function: Function,
    sources: &[Source],
    inputs: &[u32],
    sampling: &SamplingDefinition,
) -> Option<FunctionDefinition> {
    let channels = match table.items(sink, "channels") {
        Some(items) => items.iter().filter_map(|item| read_channel(sink, item)).collect(),
        None => inputs.to_vec(),
    };
    let Ranges {
        ranges,
        sources: range_sources,
        arguments: range_arguments,
        answers: range_answers,
    } = read_ranges(table, sink, function, sources);
    let mut readback = Vec::new();
    for row in table
        .tables(sink, "readback", &keys::READBACK.names())
        .unwrap_or_default()
    {
        let [query, answer] = ["query", "answer"].map(|key| require_template(&row, sink, key));
        readback.extend(query.zip(answer).map(|(query, answer)| Readback { query, answer }));
    }
    let (range, autorange) = (template(table, sink, "range"), template(table, sink, "autorange"));
    if range.is_none() && !ranges.is_empty() {
        sink.error(table.span(), "it has ranges, but no `range` command to set one");
    }
    let nplc_values: Vec<Decimal> = table
        .items(sink, "nplc_values")
        .unwrap_or_default()
        .iter()
        .filter_map(|item| item.number(sink).and_then(|text| read_decimal(sink, &text)))
        .collect();
    let nplc = template(table, sink, "nplc");
    let nplc_default = table
        .number(sink, "nplc_default")
        .and_then(|text| read_decimal(sink, &text));
    if nplc.is_some() != nplc_default.is_some() || nplc.is_some() == nplc_values.is_empty() {
        sink.error(table.span(), "`nplc`, `nplc_values` and `nplc_default` belong together");
    } else if nplc_default.is_some_and(|default| !nplc_values.contains(&default)) {
        sink.error(table.span(), "`nplc_default` is not one of `nplc_values`");
    }
    let integrations = match table.integer(sink, "integrations") {
        Some(count) => u32::try_from(count.value)
            .ok()
            .filter(|count| (1..=4).contains(count))
            .or_else(|| {
                sink.error(&count.span, "expected 1 to 4 integrations a reading");
                None
            })?,
        None => 1,
    };
    let read = require_template(table, sink, "read");
    let slowest = table
        .require_magnitude(sink, "slowest")
        .and_then(|magnitude| read_duration(sink, &magnitude));
    let settle = match table.magnitude(sink, "settle") {
        Some(magnitude) => read_duration(sink, &magnitude)?,
        None => Duration::ZERO,
    };
    let choices = ChoiceDefinitions::read(table, sink);
    let accuracy = read_accuracy(table, sink, function, &ranges, sources);
    let (aperture, resolution) = (read_aperture(table, sink), read_resolution(table, sink));
    let capability = FunctionCapability {
        choices: choices.capability(),
        accuracy,
        sampling: SamplingCapability {
            aperture: aperture.as_ref().map(|aperture| aperture.capability.clone()),
            resolution: resolution.as_ref().map(|resolution| resolution.capability),
            triggers: sampling.triggers.iter().map(|(trigger, _)| *trigger).collect(),
            statistics: sampling.statistics.is_some()
                && table.bool(sink, "statistics").is_none_or(|statistics| statistics.value),
        },
        channels,
        ranges,
        autorange: autorange.is_some(),
        nplc: nplc_values,
        nplc_default,
        needs_output: table.bool(sink, "needs_output").is_some_and(|needs| needs.value),
    };
    Some(FunctionDefinition {
        source: String::new(),
        range_sources,
        capability,
        configure: templates(table, sink, "configure"),
        range,
        range_arguments,
        range_answers,
        readback,
        autorange,
        range_query: template(table, sink, "range_query"),
        nplc,
        nplc_default,
        choices,
        aperture,
        resolution,
        defaults: templates(table, sink, "defaults"),
        read: read?,
        settle,
        slowest: slowest?,
        integrations,
    })
}

pub(super) fn read_channel(sink: &mut Diagnostics, item: &Value<'_>) -> Option<u32> {
    let number = item.integer(sink)?;
    let channel = u32::try_from(number.value).ok().filter(|channel| *channel > 0);
    if channel.is_none() {
        sink.error(&number.span, "channels count from 1");
    }
    channel
}

/// The ranges of a function, from small to large; for each where it was read, and what stands for it in commands and answers.
#[derive(Default)]
struct Ranges {
    ranges: Vec<Range>,
    sources: Vec<String>,
    arguments: Vec<String>,
    answers: Vec<String>,
}

fn read_ranges(table: &Table<'_>, sink: &mut Diagnostics, function: Function, known: &[Source]) -> Ranges {
    let Ranges {
        mut ranges,
        mut sources,
        mut arguments,
        mut answers,
    } = Ranges::default();
    let range_sources = RangeSources::read(table, sink, known);
    for row in table.tables(sink, "ranges", &keys::RANGE.names()).unwrap_or_default() {
        let source = range_sources.of(&row, sink);
        let unit = function.unit();
        let mut quantity = |key: &str, required: bool| {
            let magnitude = if required {
                row.require_magnitude(sink, key)
            } else {
                row.magnitude(sink, key)
            };
            magnitude.and_then(|magnitude| read_quantity(sink, &magnitude, unit))
        };
        let (full_scale, maximum) = (quantity("full_scale", true), quantity("maximum", true));
        let resolution = quantity("resolution", false);
        let argument = row.string(sink, "argument").map(|argument| argument.value);
        let answer = row.string(sink, "answer").map(|answer| answer.value);
        let (Some(full_scale), Some(maximum)) = (full_scale, maximum) else {
            continue;
        };
        answers.extend(answer);
        arguments.push(argument.or_else(|| plain(full_scale).ok()).unwrap_or_default());
        let rises = ranges.last().is_none_or(|last: &Range| {
            last.full_scale
                .compare(full_scale)
                .is_some_and(std::cmp::Ordering::is_lt)
        });
        if !rises || maximum.compare(full_scale).is_none_or(std::cmp::Ordering::is_lt) {
            sink.error(
                row.span(),
                "ranges go from small to large, and no maximum is below its full scale",
            );
        }
        sources.push(source.unwrap_or_default());
        ranges.push(Range {
            full_scale,
            maximum,
            resolution,
        });
    }
    if !answers.is_empty() && answers.len() != ranges.len() {
        sink.error(table.span(), "either every range has an `answer`, or none has");
    }
    Ranges {
        ranges,
        sources,
        arguments,
        answers,
    }
}
