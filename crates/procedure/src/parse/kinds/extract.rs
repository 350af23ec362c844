//! Measurements that are taken from what was said.

use super::super::{
    draft::Draft,
    head,
    judging::{is_judged, limit_of_no_reading, limit_place},
    limit, quantity, reduce,
    vocabulary::Vocabulary,
};
use super::keys::BLOCK;
use crate::{
    block::{BlockFormat, ByteOrder, SampleFormat},
    model::Measurement,
    said::{Extract, Place, Speaker},
    search::{CaptureGroup, Search},
    value::ValueKind,
};
use benchtop_instrument::{BaseUnit, Decimal, Unit};
use benchtop_notation::{Diagnostic, Diagnostics, Kind, Spanned, Table, Value, one_of};

const KINDS: &[(&str, ValueKind)] = &[
    ("number", ValueKind::Number),
    ("text", ValueKind::Text),
    ("boolean", ValueKind::Boolean),
    ("numbers", ValueKind::Numbers),
];

/// The name of a measurement, claimed.
pub(super) fn name(draft: &mut Draft, table: &Table<'_>) -> Option<Spanned<String>> {
    let name = table
        .require_string(&mut draft.sink, "name")
        .and_then(|name| head::title(&mut draft.sink, "name", name));
    if let Some(name) = &name {
        draft.claim_measurement_name(name);
    }
    name
}

/// What messages call a measurement.
pub(super) fn label(step: &str, name: Option<&Spanned<String>>) -> String {
    match name {
        Some(name) => format!("measurement \"{}\"", name.value),
        None => format!("a measurement of {step}"),
    }
}

/// Reads the measurements of a step; `place` says where in whose words each value is. What is wrong is reported and left out;
/// `None` where anything was.
pub(super) fn all(
    draft: &mut Draft,
    parent: &Table<'_>,
    vocabulary: &Vocabulary,
    step: &str,
    place: impl Fn(&mut Diagnostics, &Table<'_>, &str) -> Option<(Speaker, Place)>,
) -> Option<Vec<Measurement>> {
    let Some(value) = parent.value("measurements") else {
        return Some(Vec::new());
    };
    let tables = vocabulary.open_each(&mut draft.sink, value)?;
    let mut measurements = Vec::with_capacity(tables.len());
    let mut sound = true;
    for table in &tables {
        let measurement = one(draft, table, step, &place);
        sound &= measurement.is_some();
        measurements.extend(measurement.into_iter().flatten());
    }
    sound.then_some(measurements)
}

fn one(
    draft: &mut Draft,
    table: &Table<'_>,
    step: &str,
    place: &impl Fn(&mut Diagnostics, &Table<'_>, &str) -> Option<(Speaker, Place)>,
) -> Option<Vec<Measurement>> {
    let name = name(draft, table);
    let label = label(step, name.as_ref());
    draft.has_limit |= is_judged(draft, table, name.as_ref());
    let sink = &mut draft.sink;
    let kind = kind(sink, table, &label);
    let unit = match (kind, table.contains("unit")) {
        (Some(ValueKind::Text | ValueKind::Boolean) | None, true) => {
            // reported with the kind
            None
        }
        (Some(_), true) => quantity::any_unit(sink, table),
        (Some(_) | None, false) => Some(Unit::of(BaseUnit::One)),
    };
    let source = place(sink, table, &label);
    let reader = limit::Reader {
        label: &label,
        kind: kind?,
        unit,
    };
    let limit =
        limit_of_no_reading(draft, table, name.as_ref(), reader).map(|written| written.map(|written| written.limit));
    let judged_at = limit_place(draft, table, name.as_ref());
    let array = reduce::Array {
        of: name.as_ref().map(|name| name.value.as_str()),
        label: &label,
        unit,
    };
    let reductions = reduce::all(draft, table, array);
    if let Some(span) = table.key_span("reduce").filter(|_| kind != Some(ValueKind::Numbers)) {
        let message = format!("{label}: `reduce` is for an array of numbers");
        draft
            .sink
            .push(Diagnostic::error(span, &message).help("write `kind = \"numbers\"`"));
        return None;
    }
    let (speaker, place) = source?;
    let source = Extract { speaker, place };
    let measurement = Measurement::of_words(name?.value, source, kind?, unit?, limit?, table.span());
    let measurement = measurement.judged_at(judged_at);
    Some(std::iter::once(measurement).chain(reductions?).collect())
}

fn kind(sink: &mut Diagnostics, table: &Table<'_>, label: &str) -> Option<ValueKind> {
    if !table.contains("kind") && table.contains("block") {
        return Some(ValueKind::Numbers);
    }
    if !table.contains("kind") {
        return Some(if table.contains("unit") {
            ValueKind::Number
        } else {
            ValueKind::Text
        });
    }
    let word = table.string(sink, "kind")?;
    let kind = one_of(sink, "kind of value", &word, KINDS)?;
    match (kind, table.key_span("unit")) {
        (ValueKind::Text | ValueKind::Boolean, Some(span)) => {
            sink.error(span, &format!("{label}: {kind} has no unit"));
            None
        }
        (ValueKind::Text | ValueKind::Boolean, None) | (ValueKind::Number | ValueKind::Numbers, _) => Some(kind),
    }
}

/// How the numbers of a block are written. `None` where that is wrong.
pub(super) fn block(sink: &mut Diagnostics, table: &Table<'_>, value: Value<'_>, label: &str) -> Option<BlockFormat> {
    for key in ["pattern", "group"] {
        if let Some(span) = table.key_span(key) {
            sink.error(span, &format!("{label}: a block is no text: it has no `{key}`"));
            return None;
        }
    }
    if let Some(word) = table.string(sink, "kind").filter(|word| word.value != "numbers") {
        sink.error(&word.span, &format!("{label}: a block is an array of numbers"));
        return None;
    }
    let block = BLOCK.open(sink, value)?;
    let word = block.require_string(sink, "format");
    let sample = word.and_then(|word| one_of(sink, "format", &word, SampleFormat::ALL))?;
    let order = match block.contains("byte_order") {
        true => {
            let word = block.string(sink, "byte_order")?;
            one_of(sink, "byte order", &word, ByteOrder::ALL)?
        }
        false if sample.size() == 1 => ByteOrder::Big,
        false => {
            let message = format!("{label}: which byte of a number comes first is not written");
            let help = "`byte_order = \"big\"` or \"little\"; the instrument's manual says it, or a command chooses it";
            sink.push(Diagnostic::error(value.span(), &message).help(help));
            return None;
        }
    };
    let unit = quantity::any_unit(sink, table)?;
    let reader = limit::Reader {
        label,
        kind: ValueKind::Number,
        unit: Some(unit),
    };
    let mut number = |key: &str, usual: Decimal| match block.value(key) {
        Some(value) => Some(limit::number(sink, value, &format!("`{key}`"), reader)?.value),
        None => Some(usual),
    };
    let (scale, offset) = (number("scale", Decimal::ONE), number("offset", Decimal::ZERO));
    let (scale, offset) = (scale?, offset?);
    if scale.is_zero() {
        let place = block.value("scale").map_or(value.span(), |scale| scale.span());
        sink.error(place, &format!("{label}: a scale of 0 makes every number the same"));
        return None;
    }
    Some(BlockFormat {
        sample,
        order,
        scale,
        offset,
    })
}

/// A regular expression under `key`, which must match something; `None` where it is missing or wrong.
pub(super) fn search(sink: &mut Diagnostics, table: &Table<'_>, key: &str, label: &str) -> Option<Search> {
    let text = table.string(sink, key)?;
    match Search::new(&text.value) {
        Ok(search) if search.matches_nothing() => {
            let message = format!("{label}: `{key}` matches where there is nothing");
            sink.push(Diagnostic::error(&text.span, &message).help("it would be found at once, whatever was said"));
            None
        }
        Ok(search) if !search.can_match() => {
            let message = format!("{label}: `{key}` matches no text at all");
            sink.push(Diagnostic::error(&text.span, &message).help(quantity::NEVER_MATCHES));
            None
        }
        Ok(search) => Some(search),
        Err(reason) => {
            let message = format!("{label}: `{key}` is not a regular expression: {reason}");
            sink.push(Diagnostic::error(&text.span, &message).help("write it in single quotes: 'fw (\\d+)'"));
            None
        }
    }
}

/// The group under `group`, which the expression must have; the usual one where none is written.
pub(super) fn group(sink: &mut Diagnostics, table: &Table<'_>, search: &Search, label: &str) -> Option<CaptureGroup> {
    let Some(value) = table.value("group") else {
        return Some(search.usual_group());
    };
    let group = written_group(sink, value)?;
    if search.has(&group) {
        return Some(group);
    }
    let message = format!("{label}: the regular expression has no such group");
    let help = "groups are counted from 1 by their opening parentheses; (?<name>...) gives one a name";
    sink.push(Diagnostic::error(value.span(), &message).help(help));
    None
}

fn written_group(sink: &mut Diagnostics, value: Value<'_>) -> Option<CaptureGroup> {
    if value.kind() == Kind::String {
        return value.string(sink).map(|name| CaptureGroup::Name(name.value));
    }
    let number = value.integer(sink)?;
    let group = usize::try_from(number.value).ok().map(CaptureGroup::Number);
    if group.is_none() {
        sink.error(&number.span, "a group's number is 0 or more");
    }
    group
}
