//! Decimal numeric program data with units and multipliers (IEEE 488.2, 7.7.2 and 7.7.3; SCPI-99 volume 1, 7.2).

use super::unit::is_blank;
use crate::status::{
    EXPONENT_TOO_LARGE, INVALID_CHARACTER_IN_NUMBER, INVALID_SEPARATOR, INVALID_SUFFIX, SUFFIX_NOT_ALLOWED,
    SUFFIX_TOO_LONG, ScpiError, TOO_MANY_DIGITS,
};

/// What a number counts; decides which units it may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dimension {
    /// A plain number.
    None,
    /// `V`
    Volts,
    /// `A`
    Amperes,
    /// `OHM`
    Ohms,
    /// `S` or `SEC`
    Seconds,
    /// `HZ`
    Hertz,
    /// `F`
    Farads,
    /// `CEL`
    Celsius,
}

impl Dimension {
    const fn units(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Volts => &["V"],
            Self::Amperes => &["A"],
            Self::Ohms => &["OHM"],
            Self::Seconds => &["SEC", "S"],
            Self::Hertz => &["HZ"],
            Self::Farads => &["F"],
            Self::Celsius => &["CEL"],
        }
    }

    /// `MOHM` and `MHZ` are mega; every other `M` is milli.
    const fn m_is_mega(self) -> bool {
        matches!(self, Self::Ohms | Self::Hertz)
    }
}

/// The multipliers (IEEE 488.2, table 7-2) as powers of ten.
const MULTIPLIERS: &[(&str, i32)] = &[
    ("EX", 18),
    ("PE", 15),
    ("T", 12),
    ("G", 9),
    ("MA", 6),
    ("K", 3),
    ("", 0),
    ("M", -3),
    ("U", -6),
    ("N", -9),
    ("P", -12),
    ("F", -15),
    ("A", -18),
];

/// More digits than any instrument looks at.
const MAX_DIGITS: usize = 255;
/// The longest suffix (SCPI-99 volume 2, 21.8.9: -134).
const MAX_SUFFIX: usize = 12;
/// The largest exponent that is a number at all (IEEE 488.2, 7.7.2.4.1).
const MAX_EXPONENT: i32 = 32_000;

/// A decimal number as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number<'m> {
    mantissa: &'m str,
    exponent: i32,
    suffix: &'m str,
}

impl<'m> Number<'m> {
    /// Reads the text of one argument that begins like a number.
    pub(crate) fn parse(text: &'m str) -> Result<Self, ScpiError> {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let rest = after_digits(unsigned);
        let whole = unsigned.len() - rest.len();
        let (rest, fraction) = match rest.strip_prefix('.') {
            Some(tail) => (after_digits(tail), tail.len() - after_digits(tail).len()),
            None => (rest, 0),
        };
        if whole + fraction == 0 || rest.starts_with('.') {
            return Err(INVALID_CHARACTER_IN_NUMBER);
        }
        if whole + fraction > MAX_DIGITS {
            return Err(TOO_MANY_DIGITS);
        }
        let mantissa = text.get(..text.len() - rest.len()).unwrap_or_default();
        let separated = rest.starts_with(is_blank);
        let (exponent, rest) = split_exponent(rest.trim_start_matches(is_blank))?;
        let suffix = rest.trim_matches(is_blank);
        if suffix.len() > MAX_SUFFIX && suffix.chars().all(|character| character.is_ascii_alphabetic()) {
            return Err(SUFFIX_TOO_LONG);
        }
        if !suffix.chars().all(|character| character.is_ascii_alphabetic()) {
            let stray_digit = suffix.starts_with(|character: char| !character.is_ascii_alphabetic());
            return Err(if stray_digit && separated {
                INVALID_SEPARATOR
            } else if stray_digit {
                INVALID_CHARACTER_IN_NUMBER
            } else {
                INVALID_SUFFIX
            });
        }
        Ok(Self {
            mantissa,
            exponent,
            suffix,
        })
    }

    /// The number in the dimension's own unit.
    pub(crate) fn in_unit(self, dimension: Dimension) -> Result<f64, ScpiError> {
        let power = multiplier(self.suffix, dimension)?;
        let decimal = format!("{}e{}", self.mantissa, self.exponent.saturating_add(power));
        // what is beyond an f64 is infinite, and every limit refuses that
        decimal.parse().or(Err(INVALID_CHARACTER_IN_NUMBER))
    }
}

fn after_digits(text: &str) -> &str {
    text.trim_start_matches(|character: char| character.is_ascii_digit())
}

/// `E` with digits behind it is an exponent, without them it begins a suffix.
fn split_exponent(text: &str) -> Result<(i32, &str), ScpiError> {
    let Some(tail) = text.strip_prefix(['E', 'e']) else {
        return Ok((0, text));
    };
    let tail = tail.trim_start_matches(is_blank);
    let (negative, digits) = match tail.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, tail.strip_prefix('+').unwrap_or(tail)),
    };
    let rest = after_digits(digits);
    let digits = digits.strip_suffix(rest).unwrap_or(digits);
    if digits.is_empty() {
        return Ok((0, text));
    }
    let exponent: i32 = digits.parse().unwrap_or(i32::MAX);
    if exponent > MAX_EXPONENT {
        return Err(EXPONENT_TOO_LARGE);
    }
    Ok((if negative { -exponent } else { exponent }, rest))
}

fn multiplier(suffix: &str, dimension: Dimension) -> Result<i32, ScpiError> {
    if suffix.is_empty() {
        return Ok(0);
    }
    if dimension == Dimension::None {
        return Err(SUFFIX_NOT_ALLOWED);
    }
    let suffix = suffix.to_ascii_uppercase();
    let prefixes = dimension.units().iter().filter_map(|unit| suffix.strip_suffix(unit));
    for prefix in prefixes {
        if prefix == "M" && dimension.m_is_mega() {
            return Ok(6);
        }
        if let Some((_, power)) = MULTIPLIERS.iter().find(|(name, _)| *name == prefix) {
            return Ok(*power);
        }
    }
    Err(INVALID_SUFFIX)
}
