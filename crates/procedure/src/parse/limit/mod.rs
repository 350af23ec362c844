//! `limit = { ... }`, in the measurement's unit.

mod consistency;
mod guard;
mod number;
#[cfg(test)]
mod tests;
mod word;

pub(super) use number::number;
pub(super) use word::pattern;

use super::vocabulary::LIMIT;
use crate::limit::{Limit, Outside, OverrangeRule};
use crate::value::ValueKind;
use benchtop_instrument::Unit;
use benchtop_notation::{Diagnostic, Diagnostics, Span, Spanned, Table, Value, one_of};

/// A limit and the places of its bounds.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) limit: Limit,
    pub(super) low: Option<Span>,
    pub(super) high: Option<Span>,
}

/// What a limit is read for.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    /// What messages call the measurement: `measurement "vcc"`.
    pub(super) label: &'a str,
    /// What kind of value it has.
    pub(super) kind: ValueKind,
    /// Its unit, where that could be read.
    pub(super) unit: Option<Unit>,
}

/// The keys that judge something, each with the kinds of value that it is for.
const JUDGING: &[(&str, &[ValueKind])] = &[
    ("low", &[ValueKind::Number]),
    ("high", &[ValueKind::Number]),
    ("nominal", &[ValueKind::Number]),
    ("tolerance", &[ValueKind::Number]),
    ("outside", &[ValueKind::Number]),
    ("equals", &[ValueKind::Number, ValueKind::Text, ValueKind::Boolean]),
    ("one_of", &[ValueKind::Number, ValueKind::Text]),
    ("matches", &[ValueKind::Text]),
];

/// The keys that say more of what another key judges: all for numbers.
const QUALIFYING: &[&str] = &["marginal", "guard_band", "overrange"];

/// The `limit` of a measurement. `None` only where it is written and wrong.
pub(super) fn read(sink: &mut Diagnostics, table: &Table<'_>, reader: Reader<'_>) -> Option<Option<Written>> {
    let Some(value) = table.value("limit") else {
        return Some(None);
    };
    read_value(sink, value, reader).map(Some)
}

/// A limit. `None` where it is wrong.
pub(super) fn read_value(sink: &mut Diagnostics, value: Value<'_>, reader: Reader<'_>) -> Option<Written> {
    let table = LIMIT.open(sink, value)?;
    if !judges_something(sink, &table, reader) | !fits_the_kind(sink, &table, reader) {
        return None;
    }
    let low = number::bound(sink, &table, "low", reader);
    let high = number::bound(sink, &table, "high", reader);
    let nominal = number::nominal(sink, &table, reader);
    let outside = number::outside(sink, &table, reader);
    let marginal = number::marginal(sink, &table, reader);
    let equals = word::equals(sink, &table, reader);
    let listed = word::one_of_values(sink, &table, reader);
    let matches = word::matches(sink, &table, reader);
    let overrange = overrange(sink, &table, reader);
    let guard_band = guard::read(sink, &table, reader);

    let (low, high, nominal, outside) = (low?, high?, nominal?, outside?);
    let (marginal, equals, listed, matches) = (marginal?, equals?, listed?, matches?);
    let mut written = Written {
        limit: Limit {
            low: low.as_ref().map(|low| low.value),
            high: high.as_ref().map(|high| high.value),
            nominal: nominal.as_ref().map(|nominal| nominal.value),
            outside: outside.map(|(low, high)| Outside {
                low: low.value,
                high: high.value,
            }),
            equals: equals.as_ref().map(|equals| equals.value.clone()),
            one_of: listed.iter().map(|value| value.value.clone()).collect(),
            matches,
            marginal: marginal.as_ref().map(|marginal| marginal.value),
            guard_band: guard_band?,
            overrange: overrange?,
        },
        low: low.map(|low| low.span),
        high: high.map(|high| high.span),
    };
    let consistent = consistency::Check {
        sink,
        table: &table,
        reader,
    };
    consistent.check(&mut written, nominal.as_ref(), equals.as_ref(), &listed)?;
    Some(written)
}

fn judges_something(sink: &mut Diagnostics, table: &Table<'_>, reader: Reader<'_>) -> bool {
    if JUDGING.iter().any(|(key, _)| table.contains(key)) {
        return true;
    }
    let message = format!("{}: a limit needs something to judge by", reader.label);
    let help = format!("{}; leave `limit` out to record without judging", fitting(reader.kind));
    sink.push(Diagnostic::error(table.span(), &message).help(&help));
    false
}

/// `a number takes `low`, `high`, ...`.
fn fitting(kind: ValueKind) -> String {
    let keys: Vec<String> = JUDGING
        .iter()
        .filter(|(_, kinds)| kinds.contains(&kind))
        .map(|(key, _)| format!("`{key}`"))
        .collect();
    match kind {
        ValueKind::Numbers => "an array takes no limit of its own, each of its reductions takes one".to_owned(),
        ValueKind::Number | ValueKind::Text | ValueKind::Boolean => format!("{kind} takes {}", keys.join(", ")),
    }
}

/// Whether every key is for the kind of value that the measurement has.
fn fits_the_kind(sink: &mut Diagnostics, table: &Table<'_>, reader: Reader<'_>) -> bool {
    let mut fits = true;
    for (key, _) in table.entries() {
        let word = key.value.as_str();
        let kinds = match JUDGING.iter().find(|(known, _)| *known == word) {
            Some((_, kinds)) => *kinds,
            None if QUALIFYING.contains(&word) => &[ValueKind::Number],
            // unknown or planned: reported when the table was opened
            None => continue,
        };
        if !kinds.contains(&reader.kind) {
            let message = format!("{}: `{word}` does not judge {}", reader.label, reader.kind);
            sink.push(Diagnostic::error(&key.span, &message).help(&fitting(reader.kind)));
            fits = false;
        }
    }
    fits
}

/// `None` only where it is written and wrong.
fn overrange(sink: &mut Diagnostics, table: &Table<'_>, reader: Reader<'_>) -> Option<OverrangeRule> {
    let Some(word) = table.string(sink, "overrange") else {
        return (!table.contains("overrange")).then_some(OverrangeRule::Fail);
    };
    let rule = one_of(sink, "rule for overrange", &word, &[("accept", OverrangeRule::Accept)])?;
    let alone = JUDGING.iter().all(|(key, _)| *key == "low" || !table.contains(key));
    if !table.contains("low") || !alone {
        let label = reader.label;
        let finding = if table.contains("high") || !table.contains("low") {
            let message = format!("{label}: overrange can be accepted only with a `low` and without a `high`");
            Diagnostic::error(&word.span, &message).help("a reading beyond the range is above any `high`")
        } else {
            let message = format!("{label}: overrange can be accepted only with a `low` alone");
            Diagnostic::error(&word.span, &message).help("beyond the range there is no number to compare")
        };
        sink.push(finding);
    }
    Some(rule)
}

/// A value that was written, and where.
type Placed<T> = Spanned<T>;
