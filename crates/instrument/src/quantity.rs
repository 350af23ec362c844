//! Units, and values that carry one. Only prefixes convert (mV to V); volts never meet amperes.

use crate::decimal::{Decimal, DecimalError};
use std::{cmp::Ordering, fmt, str::FromStr};

/// What a unit measures. Two units compare only when they share it.
///
/// °C, °F and K are apart, and so are dBm and W: converting between those needs more than moving a
/// point, and nothing here does it implicitly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BaseUnit {
    /// Volt, `V`.
    Volt,
    /// Ampere, `A`.
    Ampere,
    /// Ohm, `Ohm` (also written `ohm` or the Greek letter).
    Ohm,
    /// Hertz, `Hz`.
    Hertz,
    /// Second, `s`.
    Second,
    /// Farad, `F`.
    Farad,
    /// Henry, `H`.
    Henry,
    /// Watt, `W`.
    Watt,
    /// Degree Celsius, `degC` or `°C`.
    Celsius,
    /// Degree Fahrenheit, `degF` or `°F`.
    Fahrenheit,
    /// Kelvin, `K`.
    Kelvin,
    /// Per cent, `%`.
    Percent,
    /// Decibel, `dB`.
    Decibel,
    /// Decibel over one milliwatt, `dBm`.
    DecibelMilliwatt,
    /// A bare number, written as no unit at all.
    One,
}

/// Symbol, whether prefixes apply, base unit; aliases after the symbol that is printed.
const BASES: &[(&str, bool, BaseUnit)] = &[
    ("V", true, BaseUnit::Volt),
    ("A", true, BaseUnit::Ampere),
    ("Ohm", true, BaseUnit::Ohm),
    ("ohm", true, BaseUnit::Ohm),
    ("\u{3a9}", true, BaseUnit::Ohm),
    ("\u{2126}", true, BaseUnit::Ohm),
    ("Hz", true, BaseUnit::Hertz),
    ("s", true, BaseUnit::Second),
    ("F", true, BaseUnit::Farad),
    ("H", true, BaseUnit::Henry),
    ("W", true, BaseUnit::Watt),
    ("\u{b0}C", false, BaseUnit::Celsius),
    ("degC", false, BaseUnit::Celsius),
    ("\u{b0}F", false, BaseUnit::Fahrenheit),
    ("degF", false, BaseUnit::Fahrenheit),
    ("K", true, BaseUnit::Kelvin),
    ("%", false, BaseUnit::Percent),
    ("dBm", false, BaseUnit::DecibelMilliwatt),
    ("dB", false, BaseUnit::Decibel),
    ("", false, BaseUnit::One),
];

/// SI prefixes (SI brochure, 9th edition, table 7) that benches use; aliases after the one printed.
const PREFIXES: &[(&str, i32)] = &[
    ("", 0),
    ("p", -12),
    ("n", -9),
    ("u", -6),
    ("\u{b5}", -6),
    ("\u{3bc}", -6),
    ("m", -3),
    ("k", 3),
    ("M", 6),
    ("G", 9),
];

/// A unit with its SI prefix: `mA` is ampere at 10^-3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unit {
    base: BaseUnit,
    power: i32,
}

/// Why a text is not a unit, or why two units do not compare.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a unit that Benchtop knows.
    #[error("unknown unit `{0}` (known: V A Ohm Hz s F H W K with prefixes p n u m k M G; degC degF % dB dBm)")]
    Unknown(String),
    /// The two units measure different things.
    #[error("{0} is not a unit of the same kind as {1}")]
    Mismatch(Unit, Unit),
    /// The scaled value has more digits or a larger magnitude than a decimal holds.
    #[error("{0} cannot be written in {1}")]
    Range(Decimal, Unit),
}

impl Unit {
    /// A base unit without prefix.
    #[must_use]
    pub const fn of(base: BaseUnit) -> Self {
        Self { base, power: 0 }
    }

    /// What it measures.
    #[must_use]
    pub const fn base(self) -> BaseUnit {
        self.base
    }

    /// True when values of the two units can be compared.
    #[must_use]
    pub fn is_like(self, other: Self) -> bool {
        self.base == other.base
    }
}

impl FromStr for Unit {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // the bare symbol first: `m` is no unit, `F` is farad and never femto
        let exact = BASES.iter().find(|(symbol, ..)| *symbol == text);
        if let Some((_, _, base)) = exact {
            return Ok(Self::of(*base));
        }
        for (prefix, power) in PREFIXES {
            let Some(symbol) = text.strip_prefix(prefix) else {
                continue;
            };
            let found = BASES.iter().find(|(base, prefixed, _)| *prefixed && *base == symbol);
            if let Some((_, _, base)) = found {
                return Ok(Self {
                    base: *base,
                    power: *power,
                });
            }
        }
        Err(UnitError::Unknown(text.to_owned()))
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = PREFIXES
            .iter()
            .find(|(_, power)| *power == self.power)
            .map_or("", |(prefix, _)| prefix);
        let symbol = BASES
            .iter()
            .find(|(_, _, base)| *base == self.base)
            .map_or("", |(symbol, ..)| symbol);
        f.pad(&format!("{prefix}{symbol}"))
    }
}

/// An exact value in a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quantity {
    /// The number, in `unit`.
    pub value: Decimal,
    /// The unit.
    pub unit: Unit,
}

impl Quantity {
    /// A value in a unit.
    #[must_use]
    pub const fn new(value: Decimal, unit: Unit) -> Self {
        Self { value, unit }
    }

    /// The same quantity as a number of `unit`, exact: 0.04523 A is 45.23 in mA.
    ///
    /// # Errors
    /// [`UnitError::Mismatch`] when `unit` measures something else, [`UnitError::Range`] when the
    /// number cannot be held.
    pub fn in_unit(self, unit: Unit) -> Result<Decimal, UnitError> {
        if !self.unit.is_like(unit) {
            return Err(UnitError::Mismatch(self.unit, unit));
        }
        self.value
            .scaled(self.unit.power - unit.power)
            .ok_or(UnitError::Range(self.value, unit))
    }

    /// The same quantity written in `unit`.
    ///
    /// # Errors
    /// As [`Quantity::in_unit`].
    pub fn converted(self, unit: Unit) -> Result<Self, UnitError> {
        Ok(Self::new(self.in_unit(unit)?, unit))
    }

    /// Which is larger, `None` when the units measure different things.
    #[must_use]
    pub fn compare(self, other: Self) -> Option<Ordering> {
        let base = Unit::of(self.unit.base);
        Some(self.in_unit(base).ok()?.cmp(&other.in_unit(base).ok()?))
    }

    /// Reads a number and a unit that were written apart (`"5"`, `"V"`).
    ///
    /// # Errors
    /// [`QuantityError`] naming the half that is wrong.
    pub fn from_parts(number: &str, unit: &str) -> Result<Self, QuantityError> {
        Ok(Self::new(number.parse()?, unit.parse()?))
    }
}

/// Why a text is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// The number is wrong.
    #[error(transparent)]
    Number(#[from] DecimalError),
    /// The unit is wrong.
    #[error(transparent)]
    Unit(#[from] UnitError),
}

/// `5 V`, `-250 mV`, `2%`: a number, blanks if any, a unit if any.
impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        // the number ends where no character of a number follows; E belongs to it only before a digit or sign
        let bytes = text.as_bytes();
        let part_of_number = |index: usize, byte: u8| match byte {
            b'0'..=b'9' | b'+' | b'-' | b'.' => true,
            b'e' | b'E' => index > 0 && matches!(bytes.get(index + 1), Some(b'0'..=b'9' | b'+' | b'-')),
            _ => false,
        };
        let end = bytes
            .iter()
            .enumerate()
            .find(|(index, byte)| !part_of_number(*index, **byte))
            .map_or(bytes.len(), |(index, _)| index);
        let (number, unit) = text.split_at(end);
        Self::from_parts(number, unit.trim_start())
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.unit.base {
            BaseUnit::One => self.value.to_string(),
            BaseUnit::Percent => format!("{} %", self.value),
            BaseUnit::Volt
            | BaseUnit::Ampere
            | BaseUnit::Ohm
            | BaseUnit::Hertz
            | BaseUnit::Second
            | BaseUnit::Farad
            | BaseUnit::Henry
            | BaseUnit::Watt
            | BaseUnit::Celsius
            | BaseUnit::Fahrenheit
            | BaseUnit::Kelvin
            | BaseUnit::Decibel
            | BaseUnit::DecibelMilliwatt => format!("{} {}", self.value, self.unit),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, unit: &str, expected: &str) {
        let quantity: Quantity = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(
            quantity.in_unit(unit.parse().unwrap()).unwrap().to_string(),
            expected,
            "{text} in {unit}"
        );
    }

    #[test]
    fn prefixes_scale_exactly() {
        check("0.04523 A", "mA", "45.23");
        check("3300 mV", "V", "3.3");
        check("10 MOhm", "kOhm", "10000");
        check("10 mOhm", "Ohm", "0.01");
        check("2.5uA", "nA", "2500");
        check("1e-3 V", "mV", "1");
        check("5", "", "5");
        check("2 %", "%", "2");
        check("23.5 degC", "\u{b0}C", "23.5");
        check("1 F", "uF", "1000000");
    }

    #[test]
    fn volts_are_never_compared_with_amperes() {
        let volt: Quantity = "1 V".parse().unwrap();
        let ampere: Quantity = "1 A".parse().unwrap();
        assert_eq!(volt.compare(ampere), None);
        assert!(matches!(volt.in_unit(ampere.unit), Err(UnitError::Mismatch(..))));
        let celsius: Quantity = "1 degC".parse().unwrap();
        assert_eq!(celsius.compare("1 K".parse().unwrap()), None);
    }

    #[test]
    fn unknown_units_are_named() {
        for text in ["5 volts", "5 mX", "5 mdB", "5 m", "5 kk", "5 m%"] {
            assert!(
                matches!(text.parse::<Quantity>(), Err(QuantityError::Unit(_))),
                "{text}"
            );
        }
        assert!(matches!("V".parse::<Quantity>(), Err(QuantityError::Number(_))));
    }

    proptest! {
        #[test]
        fn milli_and_back_is_the_identity(value in any::<i64>(), power in -20..20_i32) {
            let volts = Quantity::new(Decimal::from_integer(value).scaled(power).unwrap(), Unit::of(BaseUnit::Volt));
            let milli = volts.converted("mV".parse().unwrap()).unwrap();
            prop_assert_eq!(milli.converted(volts.unit).unwrap(), volts);
            prop_assert_eq!(milli.compare(volts), Some(Ordering::Equal));
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in ".{0,20}") {
            drop(text.parse::<Quantity>());
        }
    }
}
