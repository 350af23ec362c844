//! `[sampling]`, and the `aperture` and `resolution` of a function.

use super::{check_source, read_decimal, read_duration, require_template, template, templates};
use crate::{
    definition::Source,
    keys,
    sampling::{
        ApertureDefinition, DelayDefinition, ResolutionDefinition, SamplesDefinition, SamplingDefinition,
        StatisticsDefinition, TriggerDefinition,
    },
    template::Template,
};
use benchtop_instrument::{ApertureCapability, Decimal, MOST_SAMPLES, ResolutionCapability, Trigger};
use benchtop_notation::{Diagnostics, Table};

/// `[sampling]`; nothing is there where it is missing.
pub(super) fn read_sampling(root: &Table<'_>, sink: &mut Diagnostics, sources: &[Source]) -> SamplingDefinition {
    let Some(table) = root.table(sink, "sampling", &keys::SAMPLING.names()) else {
        return SamplingDefinition::default();
    };
    check_source(&table, sink, sources);
    let samples = table
        .table(sink, "samples", &keys::SAMPLES.names())
        .and_then(|row| read_samples(&row, sink));
    let delay = table.table(sink, "delay", &keys::DELAY.names()).and_then(|row| {
        let set = require_template(&row, sink, "set");
        let longest = row
            .require_magnitude(sink, "longest")
            .and_then(|magnitude| read_duration(sink, &magnitude));
        Some(DelayDefinition {
            set: set?,
            longest: longest?,
        })
    });
    let mut triggers = Vec::new();
    if let Some(words) = table.table(sink, "trigger", &keys::TRIGGERS.names()) {
        for (word, trigger) in [("external", Trigger::External), ("bus", Trigger::Bus)] {
            if let Some(row) = words.table(sink, word, &keys::TRIGGER.names()) {
                let definition = TriggerDefinition {
                    set: required(&row, sink, "set"),
                    take: templates(&row, sink, "take"),
                    read: template(&row, sink, "read"),
                };
                triggers.push((trigger, definition));
            }
        }
    }
    let statistics = table
        .table(sink, "statistics", &keys::STATISTICS.names())
        .and_then(|row| read_statistics(&row, sink));
    if statistics.is_some() && samples.is_none() {
        sink.error(
            table.span(),
            "`statistics` are of several `samples`, which stand beside them",
        );
    }
    SamplingDefinition {
        samples,
        delay,
        triggers,
        statistics,
    }
}

fn required(row: &Table<'_>, sink: &mut Diagnostics, key: &str) -> Vec<Template> {
    let found = templates(row, sink, key);
    if found.is_empty() {
        sink.error(row.span(), &format!("`{key}` says what to send, as a list"));
    }
    found
}

fn read_samples(row: &Table<'_>, sink: &mut Diagnostics) -> Option<SamplesDefinition> {
    let set = required(row, sink, "set");
    let most = row.require_integer(sink, "most").and_then(|most| {
        let number = u32::try_from(most.value).ok().filter(|most| *most >= 2);
        if number.is_none() {
            sink.error(&most.span, "expected 2 or more");
        }
        number
    });
    Some(SamplesDefinition {
        set,
        take: templates(row, sink, "take"),
        read: template(row, sink, "read"),
        most: most?.min(MOST_SAMPLES),
    })
}

fn read_statistics(row: &Table<'_>, sink: &mut Diagnostics) -> Option<StatisticsDefinition> {
    let (set, take) = (required(row, sink, "set"), required(row, sink, "take"));
    let [mean, minimum, maximum] = ["mean", "minimum", "maximum"].map(|key| require_template(row, sink, key));
    Some(StatisticsDefinition {
        set,
        take,
        mean: mean?,
        minimum: minimum?,
        maximum: maximum?,
        deviation: template(row, sink, "deviation"),
        count: template(row, sink, "count"),
    })
}

/// `aperture` of a function, in seconds: `values`, or `minimum` and `maximum`.
pub(super) fn read_aperture(function: &Table<'_>, sink: &mut Diagnostics) -> Option<ApertureDefinition> {
    let row = function.table(sink, "aperture", &keys::APERTURE.names())?;
    let set = require_template(&row, sink, "set");
    let query = template(&row, sink, "query");
    let capability = match row.items(sink, "values") {
        Some(items) => {
            let values: Vec<Decimal> = items
                .iter()
                .filter_map(|item| item.number(sink).and_then(|text| read_decimal(sink, &text)))
                .collect();
            if values.is_empty() || !values.is_sorted() {
                sink.error(row.span(), "`values` go from short to long, in seconds");
            }
            ApertureCapability::Steps(values)
        }
        None => {
            let (minimum, maximum) = (part(&row, sink, "minimum"), part(&row, sink, "maximum"));
            let (minimum, maximum) = (minimum?, maximum?);
            if minimum > maximum {
                sink.error(row.span(), "the minimum is above the maximum");
            }
            ApertureCapability::Between(minimum, maximum)
        }
    };
    Some(ApertureDefinition {
        set: set?,
        query,
        capability,
    })
}

/// A number above zero.
fn part(row: &Table<'_>, sink: &mut Diagnostics, key: &str) -> Option<Decimal> {
    let text = row.require_number(sink, key)?;
    let value = read_decimal(sink, &text)?;
    if value <= Decimal::ZERO {
        sink.error(&text.span, &format!("`{key}` is above 0"));
    }
    Some(value)
}

/// `resolution` of a function, as parts of full scale.
pub(super) fn read_resolution(function: &Table<'_>, sink: &mut Diagnostics) -> Option<ResolutionDefinition> {
    let row = function.table(sink, "resolution", &keys::RESOLUTION.names())?;
    let set = require_template(&row, sink, "set");
    let query = template(&row, sink, "query");
    let (finest, coarsest) = (part(&row, sink, "finest")?, part(&row, sink, "coarsest")?);
    if finest > coarsest {
        sink.error(row.span(), "the finest resolution is coarser than the coarsest");
    }
    Some(ResolutionDefinition {
        set: set?,
        query,
        capability: ResolutionCapability { finest, coarsest },
    })
}
