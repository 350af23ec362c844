//! The parts of a limit that are numbers, scaled exactly to the measurement's unit.

use super::super::{quantity, vocabulary};
use super::{Placed, Reader};
use crate::limit::{Marginal, Nominal, Tolerance};
use benchtop_instrument::{BaseUnit, Decimal, Quantity, Unit};
use benchtop_notation::{Diagnostic, Diagnostics, Magnitude, Spanned, Table, Value};

/// One number of a table. `None` only where it is written and wrong.
pub(super) fn bound(
    sink: &mut Diagnostics,
    table: &Table<'_>,
    key: &str,
    reader: Reader<'_>,
) -> Option<Option<Placed<Decimal>>> {
    match table.value(key) {
        Some(value) => Some(Some(number(sink, value, &format!("the {key} limit"), reader)?)),
        None => Some(None),
    }
}

/// A bare number, which is in the measurement's unit, or a quantity, which is scaled to it.
pub(in super::super) fn number(
    sink: &mut Diagnostics,
    value: Value<'_>,
    what: &str,
    reader: Reader<'_>,
) -> Option<Placed<Decimal>> {
    let magnitude = value.magnitude_or_number(sink)?;
    let number = in_unit(sink, what, &magnitude, reader.unit?)?;
    Some(Spanned::new(number, magnitude.span))
}

fn in_unit(sink: &mut Diagnostics, what: &str, magnitude: &Magnitude, unit: Unit) -> Option<Decimal> {
    if magnitude.unit.is_empty() {
        return quantity::decimal(sink, &magnitude.number, &magnitude.number_span);
    }
    let quantity = quantity::quantity(sink, what, magnitude, unit)?;
    match quantity.in_unit(unit) {
        Ok(number) => Some(number),
        Err(error) => {
            sink.error(&magnitude.span, &error.to_string());
            None
        }
    }
}

/// `nominal` with `tolerance`. `None` only where they are written and wrong.
pub(super) fn nominal(
    sink: &mut Diagnostics,
    table: &Table<'_>,
    reader: Reader<'_>,
) -> Option<Option<Placed<Nominal>>> {
    let label = reader.label;
    let (value, tolerance) = match (table.value("nominal"), table.value("tolerance")) {
        (None, None) => return Some(None),
        (Some(value), Some(tolerance)) => (value, tolerance),
        (Some(value), None) => {
            let message = format!("{label}: `nominal` alone judges nothing");
            sink.push(Diagnostic::error(value.span(), &message).help("add `tolerance`, such as 0.05 or \"2 %\""));
            return None;
        }
        (None, Some(tolerance)) => {
            let message = format!("{label}: `tolerance` needs a `nominal`");
            sink.push(Diagnostic::error(tolerance.span(), &message).help("the value that it is a tolerance of"));
            return None;
        }
    };
    let value = number(sink, value, "`nominal`", reader);
    let tolerance = self::tolerance(sink, tolerance, reader);
    let (value, tolerance) = (value?, tolerance?);
    if matches!(tolerance.value, Tolerance::Percent(_)) && value.value.is_zero() {
        let message = format!("{label}: a percentage of 0 is 0");
        let help = "write the tolerance as a quantity";
        sink.push(Diagnostic::error(&tolerance.span, &message).help(help));
        return None;
    }
    let nominal = Nominal {
        value: value.value,
        tolerance: tolerance.value,
    };
    if nominal.bounds().is_none() {
        let message = format!("{label}: the bounds would need more digits than a decimal holds");
        sink.error(&tolerance.span, &message);
        return None;
    }
    Some(Some(Spanned::new(nominal, value.span)))
}

fn tolerance(sink: &mut Diagnostics, value: Value<'_>, reader: Reader<'_>) -> Option<Placed<Tolerance>> {
    let label = reader.label;
    let magnitude = value.magnitude_or_number(sink)?;
    let tolerance = if magnitude.unit == "%" {
        if let Some(reason) = no_percentage_of(reader.unit?) {
            let message = format!("{label}: a tolerance in % is no use here: {reason}");
            sink.push(Diagnostic::error(&magnitude.span, &message).help("write it as a bare number, in `unit`"));
            return None;
        }
        Tolerance::Percent(quantity::decimal(sink, &magnitude.number, &magnitude.number_span)?)
    } else {
        Tolerance::Absolute(in_unit(sink, "`tolerance`", &magnitude, reader.unit?)?)
    };
    let (Tolerance::Absolute(width) | Tolerance::Percent(width)) = tolerance;
    if width <= Decimal::ZERO {
        let message = format!("{label}: `tolerance` must be above 0");
        let help = "one number for both sides; an exact value is `equals`";
        sink.push(Diagnostic::error(&magnitude.span, &message).help(help));
        return None;
    }
    Some(Spanned::new(tolerance, magnitude.span))
}

/// Why a percentage of a value in this unit says nothing, where it does not.
const fn no_percentage_of(unit: Unit) -> Option<&'static str> {
    match unit.base() {
        BaseUnit::Percent => Some("it could be percentage points or a percentage of them"),
        BaseUnit::Celsius | BaseUnit::Fahrenheit => Some("the zero of this scale of temperature is arbitrary"),
        BaseUnit::Decibel | BaseUnit::DecibelMilliwatt => Some("decibels are logarithms"),
        BaseUnit::Volt
        | BaseUnit::Ampere
        | BaseUnit::Ohm
        | BaseUnit::Hertz
        | BaseUnit::Second
        | BaseUnit::Farad
        | BaseUnit::Henry
        | BaseUnit::Watt
        | BaseUnit::Kelvin
        | BaseUnit::One => None,
    }
}

/// The two ends of `outside`. `None` only where it is written and wrong.
pub(super) fn outside(
    sink: &mut Diagnostics,
    table: &Table<'_>,
    reader: Reader<'_>,
) -> Option<Option<(Placed<Decimal>, Placed<Decimal>)>> {
    let Some(value) = table.value("outside") else {
        return Some(None);
    };
    let band = vocabulary::OUTSIDE.open(sink, value)?;
    let mut end = |key: &str| {
        let value = band.require(sink, key)?;
        number(sink, value, &format!("the {key} end of `outside`"), reader)
    };
    let (low, high) = (end("low"), end("high"));
    let (low, high) = (low?, high?);
    if low.value > high.value {
        let shown = |value| reader.unit.map(|unit| Quantity::new(value, unit).to_string());
        let message = format!(
            "{}: `outside` is upside down: low {} is above high {}",
            reader.label,
            shown(low.value).unwrap_or_default(),
            shown(high.value).unwrap_or_default()
        );
        sink.error(value.span(), &message);
        return None;
    }
    Some(Some((low, high)))
}

/// `marginal`. `None` only where it is written and wrong.
pub(super) fn marginal(
    sink: &mut Diagnostics,
    table: &Table<'_>,
    reader: Reader<'_>,
) -> Option<Option<Placed<Marginal>>> {
    let Some(value) = table.value("marginal") else {
        return Some(None);
    };
    let band = vocabulary::MARGINAL.open(sink, value)?;
    if !band.contains("low") && !band.contains("high") {
        let message = format!("{}: `marginal` needs `low`, `high` or both", reader.label);
        let help = "a value that passes below its `low` or above its `high` is marginal";
        sink.push(Diagnostic::error(value.span(), &message).help(help));
        return None;
    }
    let mut end = |key: &str| match band.value(key) {
        Some(value) => Some(Some(number(sink, value, &format!("`{key}` of `marginal`"), reader)?)),
        None => Some(None),
    };
    let (low, high) = (end("low"), end("high"));
    let marginal = Marginal {
        low: low?.map(|low| low.value),
        high: high?.map(|high| high.value),
    };
    Some(Some(Spanned::new(marginal, value.span().clone())))
}
