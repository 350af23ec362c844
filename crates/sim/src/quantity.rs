//! Quantities in our own files: `"100 mV"`, `"45 mA"`, `"10 MOhm"`. Here `m` is milli and `M` is mega, as people write.
//!
//! Not to be taken for the numbers that instruments are sent, where case means nothing: see [`crate::parser`].

use crate::parser::Dimension;
use benchtop_notation::{Diagnostic, Diagnostics, Magnitude, Table};
use std::time::Duration;

const PREFIXES: &[(&str, i32)] = &[
    ("", 0),
    ("G", 9),
    ("M", 6),
    ("k", 3),
    ("m", -3),
    ("u", -6),
    ("µ", -6),
    ("n", -9),
    ("p", -12),
];

/// The names of a dimension's unit; the first is the one that messages show.
const fn units(dimension: Dimension) -> &'static [&'static str] {
    match dimension {
        Dimension::None => &["ppm"],
        Dimension::Volts => &["V"],
        Dimension::Amperes => &["A"],
        Dimension::Ohms => &["Ohm", "Ω"],
        Dimension::Seconds => &["s"],
        Dimension::Hertz => &["Hz"],
        Dimension::Farads => &["F"],
        Dimension::Celsius => &["degC", "°C"],
    }
}

/// The value in the dimension's own unit; a unit of another dimension is reported.
pub(crate) fn in_unit(sink: &mut Diagnostics, magnitude: &Magnitude, dimension: Dimension) -> Option<f64> {
    let names = units(dimension);
    let power = if dimension == Dimension::None {
        (magnitude.unit == "ppm").then_some(-6)
    } else {
        let prefixes = names.iter().filter_map(|name| magnitude.unit.strip_suffix(name));
        prefixes
            .filter_map(|prefix| PREFIXES.iter().find(|(name, _)| *name == prefix))
            .map(|(_, power)| *power)
            .next()
    };
    let shown = names.first().copied().unwrap_or_default();
    let Some(power) = power else {
        let message = format!("`{}` is not a unit of this; expected `{shown}`", magnitude.unit);
        sink.push(Diagnostic::error(&magnitude.unit_span, &message));
        return None;
    };
    scaled(&magnitude.number, power).or_else(|| {
        let message = format!("`{}` is not a number that can be used here", magnitude.number);
        sink.push(Diagnostic::error(&magnitude.number_span, &message));
        None
    })
}

/// `number` times a power of ten, rounded once.
fn scaled(number: &str, power: i32) -> Option<f64> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let exponent: i32 = exponent.parse().ok()?;
    let value: f64 = format!("{mantissa}e{}", exponent.checked_add(power)?).parse().ok()?;
    value.is_finite().then_some(value)
}

/// A quantity that may be missing.
pub(crate) fn quantity(sink: &mut Diagnostics, table: &Table<'_>, key: &str, dimension: Dimension) -> Option<f64> {
    let magnitude = table.magnitude(sink, key)?;
    in_unit(sink, &magnitude, dimension)
}

/// A quantity; a missing one is reported.
pub(crate) fn require(sink: &mut Diagnostics, table: &Table<'_>, key: &str, dimension: Dimension) -> Option<f64> {
    let magnitude = table.require_magnitude(sink, key)?;
    in_unit(sink, &magnitude, dimension)
}

/// A quantity that must not be negative; nothing if it is missing or refused.
pub(crate) fn not_negative(sink: &mut Diagnostics, table: &Table<'_>, key: &str, dimension: Dimension) -> Option<f64> {
    let magnitude = table.magnitude(sink, key)?;
    let value = in_unit(sink, &magnitude, dimension)?;
    if value < 0.0 {
        sink.push(Diagnostic::error(
            &magnitude.span,
            &format!("`{key}` must not be negative"),
        ));
        return None;
    }
    Some(value)
}

/// A duration that may be missing.
pub(crate) fn duration(sink: &mut Diagnostics, table: &Table<'_>, key: &str) -> Option<Duration> {
    let seconds = not_negative(sink, table, key, Dimension::Seconds)?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// A plain number without a unit.
pub(crate) fn number(sink: &mut Diagnostics, table: &Table<'_>, key: &str) -> Option<f64> {
    table.number(sink, key)?.value.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use benchtop_notation::Document;

    fn check(text: &str, dimension: Dimension, expected: Result<f64, &str>) {
        let document = Document::parse("x.toml", &format!("q = \"{text}\"")).unwrap();
        let mut sink = Diagnostics::new();
        let found = quantity(&mut sink, &document.root_of_any_keys(), "q", dimension);
        assert_eq!(found, expected.ok(), "{text}");
        assert_eq!(sink.render_short(), expected.err().unwrap_or_default(), "{text}");
    }

    #[test]
    fn prefixes_mean_what_people_mean_by_them() {
        check("100 mV", Dimension::Volts, Ok(0.1));
        check("3.300 V", Dimension::Volts, Ok(3.3));
        check("10 MOhm", Dimension::Ohms, Ok(1e7));
        check("5 mOhm", Dimension::Ohms, Ok(0.005));
        check("160 µs", Dimension::Seconds, Ok(160e-6));
        check("1e-3 kV", Dimension::Volts, Ok(1.0));
        check("0.3 ppm", Dimension::None, Ok(0.3e-6));
        check(
            "45 mA",
            Dimension::Volts,
            Err("x.toml:1:9: error: `mA` is not a unit of this; expected `V`\n"),
        );
        check(
            "1e999 V",
            Dimension::Volts,
            Err("x.toml:1:6: error: `1e999` is not a number that can be used here\n"),
        );
    }
}
