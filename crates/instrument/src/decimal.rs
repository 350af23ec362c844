//! Exact decimal numbers: what an instrument printed, not the nearest binary fraction.
//!
//! Multiplying a binary `3300.0` by `1e-3` gives `3.3000000000000003` and fails a 3.3 V limit; a decimal
//! only moves its point. Values hold up to 34 significant digits and magnitudes between 1e-300 and 1e300,
//! which covers every number that SCPI prints (9.9E37 included) and always fits a finite `f64`.

use std::{cmp::Ordering, fmt, str::FromStr};

/// Most significant digits that a [`Decimal`] holds. Two aligned values then still fit an `i128`.
const MAX_DIGITS: u32 = 34;
/// Largest decimal magnitude (position of the first digit), so that every value is a finite `f64`.
const MAX_MAGNITUDE: i32 = 300;

/// An exact decimal number: `mantissa x 10^exponent`, normalised (no trailing zeros in the mantissa).
///
/// Packed: the limits of a long procedure hold many, and an `i128` alone would round each up to 32 bytes, and one that may be
/// missing to 48.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(Rust, packed(4))]
pub struct Decimal {
    mantissa: i128,
    exponent: i32,
}

/// Why a text is not a [`Decimal`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// The text is not of the form `[+-]digits[.digits][E[+-]digits]`.
    #[error("`{0}` is not a decimal number")]
    Syntax(String),
    /// More digits or a larger magnitude than a [`Decimal`] holds.
    #[error("`{0}` has more than {MAX_DIGITS} digits or lies beyond 1e+-{MAX_MAGNITUDE}")]
    Range(String),
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self {
        mantissa: 0,
        exponent: 0,
    };
    /// One.
    pub const ONE: Self = Self {
        mantissa: 1,
        exponent: 0,
    };

    /// `mantissa x 10^exponent`, exact; `None` beyond 34 digits or a magnitude of 1e+-300.
    #[must_use]
    pub fn new(mantissa: i128, exponent: i32) -> Option<Self> {
        let (mut mantissa, mut exponent) = (mantissa, exponent);
        if mantissa == 0 {
            return Some(Self::ZERO);
        }
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent = exponent.checked_add(1)?;
        }
        let value = Self { mantissa, exponent };
        let fits = value.digits() <= MAX_DIGITS && value.magnitude()?.abs() <= MAX_MAGNITUDE;
        fits.then_some(value)
    }

    /// A whole number.
    #[must_use]
    pub fn from_integer(value: i64) -> Self {
        // 19 digits at most: always within the bounds of `new`
        Self::new(i128::from(value), 0).unwrap_or(Self::ZERO)
    }

    /// The same digits with the point moved: `self x 10^power`, exact.
    ///
    /// `None` when the result lies beyond 1e+-300.
    #[must_use]
    pub fn scaled(self, power: i32) -> Option<Self> {
        Self::new(self.mantissa, self.exponent.checked_add(power)?)
    }

    /// The nearest `f64`, always finite; printing it gives the digits back up to 15 of them.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        // the exponent goes into the text: multiplying by a power of ten rounds twice
        let Self { mantissa, exponent } = self;
        format!("{mantissa}e{exponent}").parse().unwrap_or(f64::MAX)
    }

    /// The decimal that `value` prints as (the shortest text that reads back as the same `f64`).
    ///
    /// `None` for NaN, the infinities and magnitudes beyond 1e+-300.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        format!("{value:e}").parse().ok()
    }

    /// True for values below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// True for zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// The value without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self {
            mantissa: self.mantissa.abs(),
            exponent: self.exponent,
        }
    }

    /// The value with the other sign.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self {
            mantissa: -self.mantissa,
            exponent: self.exponent,
        }
    }

    /// The exact sum, `None` where it needs more than 34 digits.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        if self.is_zero() {
            return Some(other);
        }
        if other.is_zero() {
            return Some(self);
        }
        let exponent = self.exponent.min(other.exponent);
        Self::new(self.aligned(exponent)?.checked_add(other.aligned(exponent)?)?, exponent)
    }

    /// The exact difference, `None` where it needs more than 34 digits.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.checked_add(other.negated())
    }

    /// The exact product, `None` where it needs more than 34 digits.
    #[must_use]
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        Self::new(
            self.mantissa.checked_mul(other.mantissa)?,
            self.exponent.checked_add(other.exponent)?,
        )
    }

    /// The mean of `values`, rounded (half away from zero) six digits beyond the finest of them; `None` for none at all.
    #[must_use]
    pub fn mean(values: &[Self]) -> Option<Self> {
        let count = i128::try_from(values.len()).ok().filter(|count| *count > 0)?;
        let finest = values.iter().map(|value| value.exponent).min()?;
        let sum = values
            .iter()
            .try_fold(0_i128, |sum, value| sum.checked_add(value.aligned(finest)?));
        let exact = sum.and_then(|sum| sum.checked_mul(1_000_000)).and_then(|sum| {
            let twice = sum.checked_mul(2)?.checked_add(count.checked_mul(sum.signum())?)?;
            Self::new(twice.checked_div(count.checked_mul(2)?)?, finest.checked_sub(6)?)
        });
        // magnitudes too far apart for exact digits
        exact.or_else(|| {
            let sum: f64 = values.iter().map(|value| value.to_f64()).sum();
            Self::from_f64(sum / Self::new(count, 0)?.to_f64())
        })
    }

    fn aligned(self, exponent: i32) -> Option<i128> {
        let shift = u32::try_from(self.exponent.checked_sub(exponent)?).ok()?;
        self.mantissa.checked_mul(10_i128.checked_pow(shift)?)
    }

    fn digits(self) -> u32 {
        self.mantissa.unsigned_abs().checked_ilog10().map_or(1, |log| log + 1)
    }

    /// Position of the first digit: 0 for 1..9.99, 3 for 1000, -3 for 0.001.
    fn magnitude(self) -> Option<i32> {
        self.exponent
            .checked_add(i32::try_from(self.digits()).ok()?)?
            .checked_sub(1)
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let signs = self.mantissa.signum().cmp(&other.mantissa.signum());
        if signs != Ordering::Equal || self.is_zero() {
            return signs;
        }
        let sizes = self.magnitude().cmp(&other.magnitude()).then_with(|| {
            // the same magnitude: the exponents differ by fewer digits than a mantissa holds
            let exponent = self.exponent.min(other.exponent);
            self.abs().aligned(exponent).cmp(&other.abs().aligned(exponent))
        });
        if self.is_negative() { sizes.reverse() } else { sizes }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let syntax = || DecimalError::Syntax(text.to_owned());
        let range = || DecimalError::Range(text.to_owned());
        let (number, power) = match text.split_once(['e', 'E']) {
            Some((number, power)) => (number, parse_exponent(power).ok_or_else(syntax)?),
            None => (text, 0),
        };
        let (negative, digits) = match number.as_bytes().first() {
            Some(b'-') => (true, number.get(1..).unwrap_or_default()),
            Some(b'+') => (false, number.get(1..).unwrap_or_default()),
            Some(_) | None => (false, number),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
            return Err(syntax());
        }
        let fraction = fraction.trim_end_matches('0');
        let joined = format!("{whole}{fraction}");
        let significant = joined.trim_start_matches('0');
        if significant.is_empty() {
            return Ok(Self::ZERO);
        }
        let mantissa = match significant.trim_end_matches('0').len() {
            0..=34 => significant.parse::<i128>().ok(),
            _ => None,
        };
        let places = i32::try_from(fraction.len()).ok();
        mantissa
            .zip(places)
            .and_then(|(mantissa, places)| {
                Self::new(if negative { -mantissa } else { mantissa }, power.checked_sub(places)?)
            })
            .ok_or_else(range)
    }
}

fn parse_exponent(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Plain digits between 1e-9 and 1e15, scientific beyond (`9.9E37`).
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.mantissa.unsigned_abs().to_string();
        let magnitude = self.magnitude().unwrap_or(0);
        let sign = if self.is_negative() { "-" } else { "" };
        if !(-9..15).contains(&magnitude) {
            let (first, rest) = digits.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            return f.pad(&format!("{sign}{first}{point}{rest}E{magnitude}"));
        }
        let body = match usize::try_from(self.exponent) {
            Ok(zeros) => format!("{digits}{}", "0".repeat(zeros)),
            Err(_negative) => {
                let places = usize::try_from(self.exponent.unsigned_abs()).unwrap_or(0);
                let padded = format!("{digits:0>width$}", width = places + 1);
                let (whole, fraction) = padded.split_at(padded.len() - places);
                format!("{whole}.{fraction}")
            }
        };
        f.pad(&format!("{sign}{body}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, printed: &str) {
        let value: Decimal = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(value.to_string(), printed, "{text}");
    }

    #[test]
    fn instrument_texts_print_as_people_write_them() {
        check("+3.30012345E+00", "3.30012345");
        check("4.523E-02", "0.04523");
        check("-1", "-1");
        check(".5", "0.5");
        check("5.", "5");
        check("1000", "1000");
        check("+9.90000000E+37", "9.9E37");
        check("-0.000", "0");
        check("1E-12", "1E-12");
    }

    #[test]
    fn garbage_is_not_a_number() {
        for text in [
            "",
            "+",
            ".",
            "1e",
            "1e+",
            "0x10",
            "1_0",
            "NaN",
            "inf",
            " 1",
            "1 ",
            "1.2.3",
            "--1",
            "1e9999999",
        ] {
            assert!(
                matches!(text.parse::<Decimal>(), Err(DecimalError::Syntax(_))),
                "{text:?}"
            );
        }
        for text in ["1e999", "1e-999", "1.0000000000000000000000000000000000000001"] {
            assert!(
                matches!(text.parse::<Decimal>(), Err(DecimalError::Range(_))),
                "{text:?}"
            );
        }
    }

    #[test]
    fn order_is_by_value_across_magnitudes() {
        let sorted = [
            "-9.9E37", "-1", "-0.1", "0", "1E-30", "0.1", "0.11", "1", "2", "10", "9.9E37",
        ];
        let values: Vec<Decimal> = sorted.iter().map(|text| text.parse().unwrap()).collect();
        for pair in values.windows(2) {
            assert!(pair[0] < pair[1], "{} < {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn moving_the_point_is_exact() {
        let amps: Decimal = "0.04523".parse().unwrap();
        assert_eq!(amps.scaled(3).unwrap().to_string(), "45.23");
        assert_eq!(amps.scaled(3).unwrap().to_f64().to_string(), "45.23");
    }

    proptest! {
        #[test]
        fn every_f64_survives_the_round_trip(value in proptest::num::f64::NORMAL) {
            prop_assume!(value.abs() < 1e299 && value.abs() > 1e-299);
            let decimal = Decimal::from_f64(value).unwrap();
            prop_assert_eq!(decimal.to_f64().to_bits(), value.to_bits());
        }

        #[test]
        fn printing_and_parsing_agree(mantissa in -1_000_000_000_i64..1_000_000_000, power in -40..40_i32) {
            let value = Decimal::from_integer(mantissa).scaled(power).unwrap();
            prop_assert_eq!(value.to_string().parse::<Decimal>().unwrap(), value);
        }

        #[test]
        fn order_agrees_with_integers(a in any::<i32>(), b in any::<i32>()) {
            let order = Decimal::from_integer(a.into()).cmp(&Decimal::from_integer(b.into()));
            prop_assert_eq!(order, a.cmp(&b));
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in ".{0,40}") {
            drop(text.parse::<Decimal>());
        }
    }
}
