//! Which range a measurement is taken on.

use super::quantity;
use benchtop_instrument::{Decimal, Function, Quantity, RangeRequest};
use benchtop_notation::{Diagnostic, Diagnostics, Kind, Spanned, Table, Value};

/// `range` or `range_exact`. `None` only where it is written and wrong.
pub(super) fn read(
    sink: &mut Diagnostics,
    table: &Table<'_>,
    label: &str,
    function: Option<Function>,
) -> Option<RangeRequest> {
    if let (Some(_), Some(place)) = (table.key_span("range"), table.key_span("range_exact")) {
        let message = format!("{label} has `range` and `range_exact`");
        sink.push(
            Diagnostic::error(place, &message).help("`range` takes the next larger one, `range_exact` none but it"),
        );
        return None;
    }
    if let Some(value) = table.value("range") {
        if value.kind() == Kind::String && value.string(sink)?.value == "auto" {
            return Some(RangeRequest::Auto);
        }
        return Some(RangeRequest::AtLeast(full_scale(sink, "`range`", value, function)?));
    }
    match table.value("range_exact") {
        Some(value) => Some(RangeRequest::Exactly(full_scale(
            sink,
            "`range_exact`",
            value,
            function,
        )?)),
        None => Some(RangeRequest::Default),
    }
}

fn full_scale(sink: &mut Diagnostics, what: &str, value: Value<'_>, function: Option<Function>) -> Option<Quantity> {
    let magnitude = value.magnitude(sink)?;
    let range = quantity::quantity(sink, what, &magnitude, function?.unit())?;
    if range.value <= Decimal::ZERO {
        sink.push(
            Diagnostic::error(&magnitude.span, &format!("{what} must be above 0")).help("a full scale has no sign"),
        );
        return None;
    }
    Some(range)
}

/// Changing the range of a meter in series interrupts the current: it must be allowed by name.
pub(super) fn autorange_in_series(
    sink: &mut Diagnostics,
    table: &Table<'_>,
    label: &str,
    function: Option<&Spanned<Function>>,
    range: Option<RangeRequest>,
) -> bool {
    let allowed = table.bool(sink, "allow_autorange_in_series");
    let is_auto = range == Some(RangeRequest::Auto);
    let in_series = function.filter(|function| function.value.is_in_series());
    if let (Some(function), true, false) = (in_series, is_auto, table.contains("allow_autorange_in_series")) {
        let message = format!(
            "{label}: autorange of {} would interrupt the current into the unit",
            function.value
        );
        let help = "write the largest current expected, or `allow_autorange_in_series = true`";
        let place = table.value("range").map_or(table.span(), |value| value.span());
        sink.push(Diagnostic::error(place, &message).help(help));
    }
    let Some(allowed) = allowed else {
        return false;
    };
    if allowed.value && !(is_auto && in_series.is_some()) && function.is_some() && range.is_some() {
        let message = format!("{label}: `allow_autorange_in_series` does nothing here");
        sink.push(Diagnostic::warning(&allowed.span, &message).help("it is for currents with `range = \"auto\"`"));
    }
    if !allowed.value && is_auto && in_series.is_some() {
        sink.error(
            &allowed.span,
            &format!("{label}: autorange in series is written and forbidden at once"),
        );
    }
    allowed.value
}
