//! `reduce`: numbers that stand for an array, each with its own name and limit.

use super::{
    draft::Draft,
    head,
    judging::{is_judged, limit_of, limit_place},
    limit, quantity,
    vocabulary::REDUCE,
};
use crate::{
    limit::OverrangeRule,
    model::{Measurement, MeasurementSource},
    reduction::{Reducer, Reduction},
    value::ValueKind,
};
use benchtop_instrument::{BaseUnit, Decimal, Unit};
use benchtop_notation::{Diagnostic, Diagnostics, Spanned, Table, one_of};

/// Whose array it is.
#[derive(Clone, Copy)]
pub(super) struct Array<'a> {
    /// The measurement that has it, where it has a name.
    pub(super) of: Option<&'a str>,
    /// What messages call that.
    pub(super) label: &'a str,
    /// The unit of its numbers, where that could be read.
    pub(super) unit: Option<Unit>,
}

/// Reads the reductions of a measurement; those that could not be read are left out, and reported. `None` where any was.
pub(super) fn all(draft: &mut Draft, table: &Table<'_>, array: Array<'_>) -> Option<Vec<Measurement>> {
    let Some(value) = table.value("reduce") else {
        return Some(Vec::new());
    };
    let tables = REDUCE.open_each(&mut draft.sink, value)?;
    if tables.is_empty() {
        let message = format!("{}: `reduce` is empty", array.label);
        draft.sink.error(value.span(), &message);
    }
    let mut reductions = Vec::with_capacity(tables.len());
    let mut sound = true;
    for table in &tables {
        let reduction = one(draft, table, array);
        sound &= reduction.is_some();
        reductions.extend(reduction);
    }
    sound.then_some(reductions)
}

fn one(draft: &mut Draft, table: &Table<'_>, array: Array<'_>) -> Option<Measurement> {
    let name = table
        .require_string(&mut draft.sink, "name")
        .and_then(|name| head::title(&mut draft.sink, "name", name));
    if let Some(name) = &name {
        draft.claim_measurement_name(name);
    }
    let label = match &name {
        Some(name) => format!("measurement \"{}\"", name.value),
        None => format!("a reduction of {}", array.label),
    };
    draft.has_limit |= is_judged(draft, table, name.as_ref());
    let by = reducer(&mut draft.sink, table, &label);
    let unit = match by {
        Some(by) => unit(&mut draft.sink, table, &label, by, array),
        None => array.unit,
    };
    let reader = limit::Reader {
        label: &label,
        kind: ValueKind::Number,
        unit,
    };
    let limit = limit_of(draft, table, name.as_ref(), reader);
    let judged_at = limit_place(draft, table, name.as_ref());
    if let Some(Some(written)) = &limit
        && written.limit.overrange == OverrangeRule::Accept
    {
        let message = format!("{label}: an array with a number beyond the range has no {}", by?);
        draft
            .sink
            .push(Diagnostic::error(&judged_at, &message).help("leave out `overrange`"));
        return None;
    }
    let reduction = Reduction {
        of: array.of?.to_owned(),
        by: by?,
    };
    let limit = limit?.map(|written| written.limit);
    let name = name?.value;
    draft.measures(&name, unit?, ValueKind::Number);
    let source = MeasurementSource::Reduced(Box::new(reduction));
    let measurement = Measurement::of_no_instrument(name, source, ValueKind::Number, unit?, limit, table.span());
    Some(measurement.judged_at(judged_at))
}

fn reducer(sink: &mut Diagnostics, table: &Table<'_>, label: &str) -> Option<Reducer> {
    let word = table.require_string(sink, "by")?;
    if word.value == Reducer::PERCENTILE {
        let Some(value) = table.value("p") else {
            let message = format!("{label}: a percentile needs its `p`");
            sink.push(Diagnostic::error(&word.span, &message).help("p = 95, for example"));
            return None;
        };
        let number = value.number(sink)?;
        let p = quantity::decimal(sink, &number.value, &number.span)?;
        if p.is_negative() || p > Decimal::from_integer(100) {
            sink.error(&number.span, &format!("{label}: `p` is a number from 0 to 100"));
            return None;
        }
        return Some(Reducer::Percentile(p));
    }
    if let Some(place) = table.key_span("p") {
        sink.error(place, &format!("{label}: `p` is for a percentile"));
        return None;
    }
    let choices: Vec<(&'static str, Reducer)> = Reducer::WORDS
        .iter()
        .copied()
        .chain([(Reducer::PERCENTILE, Reducer::Percentile(Decimal::ZERO))])
        .collect();
    one_of(sink, "reduction", &word, &choices)
}

fn unit(sink: &mut Diagnostics, table: &Table<'_>, label: &str, by: Reducer, array: Array<'_>) -> Option<Unit> {
    let text: Option<Spanned<String>> = table.string(sink, "unit");
    match (by, text) {
        (Reducer::Count, Some(text)) => {
            sink.error(&text.span, &format!("{label}: a count has no unit"));
            None
        }
        (Reducer::Count, None) => Some(Unit::of(BaseUnit::One)),
        (_, None) => array.unit.filter(|_| !table.contains("unit")),
        (_, Some(text)) => quantity::unit_like(sink, "`unit`", &text.value, &text.span, array.unit?),
    }
}
