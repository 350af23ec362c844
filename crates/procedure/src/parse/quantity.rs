//! Quantities and durations, exact, with the mistake shown at the half that is wrong.

use benchtop_instrument::{BaseUnit, Decimal, Quantity, Unit};
use benchtop_notation::{Diagnostic, Diagnostics, Magnitude, Span, Spanned, Table, suggest};
use std::time::Duration;

/// Waits and timeouts beyond this, in seconds, are taken for mistakes.
const LONGEST: i64 = 7 * 24 * 3600;

/// What is usually wrong with a regular expression that matches nothing.
pub(super) const NEVER_MATCHES: &str =
    "`^` holds only at its beginning, `$` only at its end, `\\b` only between a letter and none";

const TIMES: &str = "write one of s, ms, us, min, h";

const PREFIXES: &[&str] = &["", "m", "u", "k", "M", "n", "p", "G"];

/// A quantity in a unit of the same kind as `like`.
pub(super) fn quantity(sink: &mut Diagnostics, what: &str, magnitude: &Magnitude, like: Unit) -> Option<Quantity> {
    let value = decimal(sink, &magnitude.number, &magnitude.number_span);
    let unit = unit_like(sink, what, &magnitude.unit, &magnitude.unit_span, like);
    Some(Quantity::new(value?, unit?))
}

/// An exact decimal.
pub(super) fn decimal(sink: &mut Diagnostics, number: &str, span: &Span) -> Option<Decimal> {
    match number.parse() {
        Ok(value) => Some(value),
        Err(error) => {
            sink.error(span, &error.to_string());
            None
        }
    }
}

/// A unit of the same kind as `like`. `what` names the value for the message: `range`, `the low limit`.
pub(super) fn unit_like(sink: &mut Diagnostics, what: &str, text: &str, span: &Span, like: Unit) -> Option<Unit> {
    let base = Unit::of(like.base()).to_string();
    match text.parse::<Unit>() {
        Ok(unit) if unit.is_like(like) => Some(unit),
        Ok(_) => {
            let needed = if like.base() == BaseUnit::One {
                "a bare number"
            } else {
                base.as_str()
            };
            sink.error(span, &format!("{what} is in {text}, but {needed} is needed here"));
            None
        }
        Err(_) => {
            let known = known_units(like);
            let help = match suggest(text, known.iter().map(String::as_str)) {
                Some(unit) => format!("did you mean `{unit}`?"),
                None => format!("write one of {}", known.join(", ")),
            };
            sink.push(Diagnostic::error(span, &format!("unknown unit `{text}`")).help(&help));
            None
        }
    }
}

/// The unit under `unit`, whatever it measures; a bare number's where none is written.
pub(super) fn any_unit(sink: &mut Diagnostics, table: &Table<'_>) -> Option<Unit> {
    if !table.contains("unit") {
        return Some(Unit::of(BaseUnit::One));
    }
    let text = table.string(sink, "unit")?;
    match text.value.parse() {
        Ok(unit) => Some(unit),
        Err(error) => {
            sink.error(&text.span, &error.to_string());
            None
        }
    }
}

/// The base unit of `like` with the prefixes that it takes, the usual ones first.
fn known_units(like: Unit) -> Vec<String> {
    let base = Unit::of(like.base()).to_string();
    let prefixed = PREFIXES.iter().map(|prefix| format!("{prefix}{base}"));
    prefixed
        .filter(|text| text.parse::<Unit>().is_ok_and(|unit| unit.is_like(like)))
        .take(4)
        .collect()
}

/// A duration that is longer than zero, or at least zero where `may_be_zero`.
pub(super) fn duration(
    sink: &mut Diagnostics,
    what: &str,
    magnitude: &Magnitude,
    may_be_zero: bool,
) -> Option<Spanned<Duration>> {
    let value = decimal(sink, &magnitude.number, &magnitude.number_span)?;
    let seconds = match magnitude.unit.as_str() {
        "h" => value.checked_mul(Decimal::from_integer(3600)),
        "min" => value.checked_mul(Decimal::from_integer(60)),
        _ => Quantity::new(value, time_unit(sink, what, magnitude)?)
            .in_unit(Unit::of(BaseUnit::Second))
            .ok(),
    };
    match nanoseconds(seconds, may_be_zero) {
        Ok(nanoseconds) => Some(Spanned::new(Duration::from_nanos(nanoseconds), magnitude.span.clone())),
        Err(reason) => {
            sink.error(&magnitude.span, &format!("{what} {reason}"));
            None
        }
    }
}

fn nanoseconds(seconds: Option<Decimal>, may_be_zero: bool) -> Result<u64, &'static str> {
    let longest = Decimal::from_integer(LONGEST);
    let seconds = seconds.ok_or("is beyond all reason")?;
    if seconds.is_negative() {
        return Err("cannot be negative");
    }
    if seconds.is_zero() && !may_be_zero {
        return Err("must be longer than 0 s");
    }
    if seconds > longest {
        return Err("cannot be longer than 168 h (7 days)");
    }
    // Seven days are 15 digits of nanoseconds, which always print plainly; a fraction of one does not parse.
    let whole = seconds.scaled(9).and_then(|value| value.to_string().parse().ok());
    whole.ok_or("cannot be finer than 1 ns")
}

fn time_unit(sink: &mut Diagnostics, what: &str, magnitude: &Magnitude) -> Option<Unit> {
    let (text, span) = (magnitude.unit.as_str(), &magnitude.unit_span);
    match text.parse::<Unit>() {
        Ok(unit) if unit.base() == BaseUnit::Second => Some(unit),
        Ok(_) => {
            sink.push(Diagnostic::error(span, &format!("{what} is in {text}, but a time is needed here")).help(TIMES));
            None
        }
        Err(_) => {
            sink.push(Diagnostic::error(span, &format!("unknown unit of time `{text}`")).help(TIMES));
            None
        }
    }
}
