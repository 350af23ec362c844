//! What a number in an expression measures, as powers of volt, ampere, second and kelvin.

use benchtop_instrument::{BaseUnit, Decimal, Quantity, Unit};
use std::fmt;

/// The scales that only differ and compare: what they measure is not a multiple of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    Celsius,
    Fahrenheit,
    Decibel,
    DecibelMilliwatt,
    /// What `log10()` comes to.
    Logarithm,
    /// A logarithm times a number: what decibels are.
    Level,
    /// Hundredths: a bare number, but not one that is written without its sign.
    Percent,
}

/// What a number measures. Per cent are bare numbers with a sign: 5 % is 0.05.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dimension {
    powers: [i8; 4],
    scale: Option<Scale>,
}

/// Hundredths.
const PERCENT: i32 = -2;

impl Dimension {
    /// A bare number.
    pub(crate) const NONE: Self = Self::of_powers([0, 0, 0, 0]);

    const fn of_powers(powers: [i8; 4]) -> Self {
        Self { powers, scale: None }
    }

    const fn of_scale(scale: Scale) -> Self {
        Self {
            scale: Some(scale),
            ..Self::NONE
        }
    }

    /// What values in `unit` measure.
    pub(crate) const fn of(unit: Unit) -> Self {
        match unit.base() {
            BaseUnit::Volt => Self::of_powers([1, 0, 0, 0]),
            BaseUnit::Ampere => Self::of_powers([0, 1, 0, 0]),
            BaseUnit::Ohm => Self::of_powers([1, -1, 0, 0]),
            BaseUnit::Hertz => Self::of_powers([0, 0, -1, 0]),
            BaseUnit::Second => Self::of_powers([0, 0, 1, 0]),
            BaseUnit::Farad => Self::of_powers([-1, 1, 1, 0]),
            BaseUnit::Henry => Self::of_powers([1, -1, 1, 0]),
            BaseUnit::Watt => Self::of_powers([1, 1, 0, 0]),
            BaseUnit::Kelvin => Self::of_powers([0, 0, 0, 1]),
            BaseUnit::Celsius => Self::of_scale(Scale::Celsius),
            BaseUnit::Fahrenheit => Self::of_scale(Scale::Fahrenheit),
            BaseUnit::Decibel => Self::of_scale(Scale::Decibel),
            BaseUnit::DecibelMilliwatt => Self::of_scale(Scale::DecibelMilliwatt),
            BaseUnit::Percent => Self::of_scale(Scale::Percent),
            BaseUnit::One => Self::NONE,
        }
    }

    /// Of `log10()` of what measures this; `None` where there is a unit, or a logarithm already.
    pub(crate) fn logarithm(self) -> Option<Self> {
        let is_ratio = self == Self::NONE || self.scale == Some(Scale::Percent);
        is_ratio.then_some(Self::of_scale(Scale::Logarithm))
    }

    /// True for what has no unit: bare numbers, per cent and logarithms.
    pub(crate) fn is_none(self) -> bool {
        self.without_scale().scale.is_none() && self.powers == [0; 4]
    }

    /// What is a bare number to multiply with as one.
    const fn without_scale(self) -> Self {
        match self.scale {
            Some(Scale::Logarithm | Scale::Level | Scale::Percent) => Self { scale: None, ..self },
            Some(Scale::Celsius | Scale::Fahrenheit | Scale::Decibel | Scale::DecibelMilliwatt) | None => self,
        }
    }

    /// Whether a result that measures this may be declared in `unit`. Decibels are logarithms times 10 or 20: a ratio is none.
    pub(crate) fn fits(self, unit: Unit) -> bool {
        let wanted = Self::of(unit);
        match wanted.scale {
            Some(Scale::Decibel | Scale::DecibelMilliwatt) => self == wanted || self.scale == Some(Scale::Level),
            Some(Scale::Percent) => self == wanted || self == Self::NONE,
            Some(Scale::Celsius | Scale::Fahrenheit | Scale::Logarithm | Scale::Level) => self == wanted,
            None => self.without_scale() == wanted,
        }
    }

    /// What two numbers have in common that are compared; `None` where they are not.
    pub(crate) fn common(self, other: Self) -> Option<Self> {
        if self == other {
            return Some(self);
        }
        match (self.scale, other.scale) {
            (Some(Scale::Decibel), Some(Scale::Level)) => Some(self),
            (Some(Scale::Level), Some(Scale::Decibel)) => Some(other),
            (_, _) if self.without_scale() == other.without_scale() => Some(Self::NONE),
            (_, _) => None,
        }
    }

    /// True where it is in per cent.
    pub(crate) fn is_percent(self) -> bool {
        self.scale == Some(Scale::Percent)
    }

    /// Of a sum or a difference; `None` where the two do not go together.
    pub(crate) fn plus(self, other: Self, is_difference: bool) -> Option<Self> {
        match (self.scale, other.scale) {
            (None, None) => (self == other).then_some(self),
            (Some(mine), Some(theirs))
                if mine == theirs
                    && matches!(mine, Scale::Decibel | Scale::Level | Scale::Logarithm | Scale::Percent) =>
            {
                Some(self)
            }
            (Some(Scale::Level), Some(Scale::Decibel)) => Some(other),
            (Some(Scale::Decibel | Scale::DecibelMilliwatt), Some(Scale::Level)) => Some(self),
            // 1 - 5 % is a share too; 3 + 20 log10(x) is a bare number
            (Some(Scale::Percent), None) if other == Self::NONE => Some(self),
            (None, Some(Scale::Percent)) if self == Self::NONE => Some(other),
            (Some(Scale::Level | Scale::Logarithm | Scale::Percent), _)
            | (_, Some(Scale::Level | Scale::Logarithm | Scale::Percent)) => {
                let (mine, theirs) = (self.without_scale(), other.without_scale());
                (mine == theirs).then_some(mine)
            }
            (Some(Scale::DecibelMilliwatt), Some(Scale::Decibel)) => Some(self),
            (Some(Scale::DecibelMilliwatt), Some(Scale::DecibelMilliwatt)) => {
                is_difference.then_some(Self::of_scale(Scale::Decibel))
            }
            (Some(Scale::Celsius), Some(Scale::Celsius)) => is_difference.then_some(Self::of_powers([0, 0, 0, 1])),
            (Some(Scale::Celsius), None) => (other == Self::of_powers([0, 0, 0, 1])).then_some(self),
            (_, _) => None,
        }
    }

    /// Of a product (`sign` 1) or a quotient (`sign` -1).
    pub(crate) fn times(self, other: Self, sign: i8) -> Option<Self> {
        let is_by_number = other == Self::NONE || (self == Self::NONE && sign > 0);
        let scaled = if other == Self::NONE { self } else { other };
        match scaled.scale {
            Some(Scale::Logarithm | Scale::Level) if is_by_number => return Some(Self::of_scale(Scale::Level)),
            Some(Scale::Percent) if is_by_number => return Some(scaled),
            Some(_) | None => {}
        }
        let (this, other) = (self.without_scale(), other.without_scale());
        if this.scale.is_some() || other.scale.is_some() {
            return None;
        }
        let mut powers = [0_i8; 4];
        for (power, (mine, theirs)) in powers.iter_mut().zip(this.powers.into_iter().zip(other.powers)) {
            *power = mine.checked_add(theirs.checked_mul(sign)?)?;
        }
        Some(Self::of_powers(powers))
    }

    /// Of a square root.
    pub(crate) fn root(self) -> Option<Self> {
        let this = self.without_scale();
        let even = this.scale.is_none() && this.powers.iter().all(|power| power % 2 == 0);
        even.then(|| Self::of_powers(this.powers.map(|power| power / 2)))
    }
}

/// The number of a quantity in SI units, exact; `None` where a decimal cannot hold it.
pub(crate) fn in_si(quantity: Quantity) -> Option<Decimal> {
    let base = quantity.unit.base();
    let value = quantity.in_unit(Unit::of(base)).ok()?;
    if base == BaseUnit::Percent {
        return value.scaled(PERCENT);
    }
    Some(value)
}

/// A number in SI units as a number of `unit`, exact; `None` where a decimal cannot hold it.
pub(crate) fn from_si(value: Decimal, unit: Unit) -> Option<Decimal> {
    let base = unit.base();
    let value = if base == BaseUnit::Percent {
        value.scaled(-PERCENT)?
    } else {
        value
    };
    Quantity::new(value, Unit::of(base)).in_unit(unit).ok()
}

/// As a unit that people know where there is one: `V`, `Ohm`, `V2`, `A.s`, `a bare number`.
impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = [
            (BaseUnit::Ohm, "Ohm"),
            (BaseUnit::Watt, "W"),
            (BaseUnit::Hertz, "Hz"),
            (BaseUnit::Farad, "F"),
            (BaseUnit::Henry, "H"),
            (BaseUnit::Celsius, "degC"),
            (BaseUnit::Fahrenheit, "degF"),
            (BaseUnit::Decibel, "dB"),
            (BaseUnit::DecibelMilliwatt, "dBm"),
            (BaseUnit::Percent, "%"),
            (BaseUnit::One, "a bare number"),
        ];
        if let Some((_, word)) = known.iter().find(|(base, _)| Self::of(Unit::of(*base)) == *self) {
            return f.write_str(word);
        }
        match self.scale {
            Some(Scale::Logarithm) => return f.write_str("a logarithm"),
            Some(Scale::Level) => return f.write_str("a logarithm times a number"),
            Some(_) | None => {}
        }
        let parts: Vec<String> = ["V", "A", "s", "K"]
            .iter()
            .zip(self.powers)
            .filter(|(_, power)| *power != 0)
            .map(|(unit, power)| match power {
                1 => (*unit).to_owned(),
                power => format!("{unit}{power}"),
            })
            .collect();
        f.write_str(&parts.join("."))
    }
}
