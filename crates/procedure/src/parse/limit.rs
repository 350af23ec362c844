//! `limit = { low, high, overrange }`, in the measurement's unit.

use super::quantity;
use super::vocabulary::LIMIT;
use crate::limit::{Limit, OverrangeRule};
use benchtop_instrument::{Decimal, Quantity, Unit};
use benchtop_notation::{Diagnostic, Diagnostics, Magnitude, Span, Spanned, Table, one_of};

/// A limit and the places of its bounds.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) limit: Limit,
    pub(super) low: Option<Span>,
    pub(super) high: Option<Span>,
}

/// The `limit` of a measurement. `None` only where it is written and wrong.
pub(super) fn read(
    sink: &mut Diagnostics,
    table: &Table<'_>,
    label: &str,
    unit: Option<Unit>,
) -> Option<Option<Written>> {
    let Some(value) = table.value("limit") else {
        return Some(None);
    };
    let table = LIMIT.open(sink, value)?;
    let is_empty = table.entries().all(|(key, _)| key.value == "overrange");
    let low = bound(sink, &table, "low", unit);
    let high = bound(sink, &table, "high", unit);
    let accept = table.string(sink, "overrange").map(|word| {
        let rule = one_of(sink, "rule for overrange", &word, &[("accept", OverrangeRule::Accept)]);
        Spanned::new(rule, word.span)
    });
    if is_empty {
        let message = format!("{label}: a limit needs `low`, `high` or both");
        sink.push(Diagnostic::error(value.span(), &message).help("leave `limit` out to record without judging"));
        return None;
    }
    let accepts = accept
        .as_ref()
        .is_some_and(|rule| rule.value == Some(OverrangeRule::Accept));
    if let Some(rule) = accept
        .as_ref()
        .filter(|_| accepts && (!table.contains("low") || table.contains("high")))
    {
        let message = format!("{label}: overrange can be accepted only with a `low` and without a `high`");
        sink.push(Diagnostic::error(&rule.span, &message).help("a reading beyond the range is above any `high`"));
    }
    let (low, high) = (low?, high?);
    if let (Some(low), Some(high)) = (&low, &high)
        && let Some(unit) = unit.filter(|_| low.value > high.value)
    {
        let shown = |value| Quantity::new(value, unit);
        let message = format!(
            "{label}: the limit is upside down: low {} is above high {}",
            shown(low.value),
            shown(high.value)
        );
        sink.error(value.span(), &message);
    }
    let rule = accept.map_or(Some(OverrangeRule::Fail), |rule| rule.value)?;
    let limit = Limit {
        low: low.as_ref().map(|low| low.value),
        high: high.as_ref().map(|high| high.value),
        overrange: rule,
    };
    Some(Some(Written {
        limit,
        low: low.map(|low| low.span),
        high: high.map(|high| high.span),
    }))
}

/// One end of a limit in the measurement's unit. `None` only where it is written and wrong.
fn bound(sink: &mut Diagnostics, table: &Table<'_>, key: &str, unit: Option<Unit>) -> Option<Option<Spanned<Decimal>>> {
    let Some(value) = table.value(key) else {
        return Some(None);
    };
    let magnitude = value.magnitude_or_number(sink)?;
    let unit = unit?;
    let number = in_unit(sink, key, &magnitude, unit)?;
    Some(Some(Spanned::new(number, magnitude.span)))
}

fn in_unit(sink: &mut Diagnostics, key: &str, magnitude: &Magnitude, unit: Unit) -> Option<Decimal> {
    if magnitude.unit.is_empty() {
        return quantity::decimal(sink, &magnitude.number, &magnitude.number_span);
    }
    let what = format!("the {key} limit");
    let quantity = quantity::quantity(sink, &what, magnitude, unit)?;
    match quantity.in_unit(unit) {
        Ok(number) => Some(number),
        Err(error) => {
            sink.error(&magnitude.span, &error.to_string());
            None
        }
    }
}
