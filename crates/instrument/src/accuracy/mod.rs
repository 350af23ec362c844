//! How well an instrument measures, as its maker specifies it: plain data, row by row.
//!
//! A row holds for one function, range, calibration interval and temperature band. A specification that does not fit into
//! rows like these is left out of a definition, never approximated. [`evaluate`] makes an [`Uncertainty`] of a reading
//! out of them, or says which input is missing.

mod evaluate;
mod uncertainty;

pub use evaluate::{
    Contribution, ContributionSize, Distribution, MeterState, Scatter, Unknown, Used, evaluate, specification,
};
pub use uncertainty::{Basis, COVERAGE_FACTOR, Component, ComponentKind, Term, Uncertainty, propagate, round_up};

use crate::{Decimal, Quantity};
use chrono::{Months, NaiveDate};
use std::{fmt, time::Duration};

/// How long after a calibration a row holds. From short to long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CalibrationInterval {
    /// 24 hours: the day of the calibration itself, since a calibration has a date and no hour.
    Day,
    /// 90 days.
    NinetyDays,
    /// One year.
    Year,
    /// Two years.
    TwoYears,
}

impl CalibrationInterval {
    /// Every interval with its word in files.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("24 h", Self::Day),
        ("90 d", Self::NinetyDays),
        ("1 y", Self::Year),
        ("2 y", Self::TwoYears),
    ];

    /// The word used in files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Day => "24 h",
            Self::NinetyDays => "90 d",
            Self::Year => "1 y",
            Self::TwoYears => "2 y",
        }
    }

    /// True when `today` is within the interval after `calibrated_on`; its last day counts.
    #[must_use]
    pub fn covers(self, calibrated_on: NaiveDate, today: NaiveDate) -> bool {
        let last = match self {
            Self::Day => Some(calibrated_on),
            Self::NinetyDays => calibrated_on.checked_add_days(chrono::Days::new(90)),
            Self::Year => calibrated_on.checked_add_months(Months::new(12)),
            Self::TwoYears => calibrated_on.checked_add_months(Months::new(24)),
        };
        calibrated_on <= today && last.is_some_and(|last| today <= last)
    }
}

impl fmt::Display for CalibrationInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What a specification's figure stands for, as its source says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coverage {
    /// Limits of error, of which no more is known: rectangular, u = a / sqrt 3.
    Limits,
    /// An expanded uncertainty with k = 2: u = a / 2.
    K2,
    /// An expanded uncertainty with k = 3: u = a / 3.
    K3,
}

impl Coverage {
    /// Every kind with its word in files.
    pub const ALL: &'static [(&'static str, Self)] = &[("limits", Self::Limits), ("k2", Self::K2), ("k3", Self::K3)];

    /// The word used in files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Limits => "limits",
            Self::K2 => "k2",
            Self::K3 => "k3",
        }
    }

    /// What the figure is divided by to get a standard uncertainty.
    #[must_use]
    pub fn divisor(self) -> f64 {
        match self {
            Self::Limits => 3_f64.sqrt(),
            Self::K2 => 2.0,
            Self::K3 => 3.0,
        }
    }
}

/// A band of ambient temperature in degrees Celsius, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemperatureBand {
    /// Lower end, degrees Celsius.
    pub low: Decimal,
    /// Upper end, degrees Celsius.
    pub high: Decimal,
}

impl TemperatureBand {
    /// True when `celsius` lies in the band.
    #[must_use]
    pub fn contains(self, celsius: Decimal) -> bool {
        self.low <= celsius && celsius <= self.high
    }

    /// How far outside the band `celsius` lies, in kelvin; 0 inside.
    #[must_use]
    pub fn beyond(self, celsius: Decimal) -> f64 {
        let (low, high, celsius) = (self.low.to_f64(), self.high.to_f64(), celsius.to_f64());
        (low - celsius).max(celsius - high).max(0.0)
    }
}

impl fmt::Display for TemperatureBand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {} \u{b0}C", self.low, self.high)
    }
}

/// What each kelvin outside the temperature band adds, and how far that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemperatureCoefficient {
    /// Per cent of the reading, per kelvin.
    pub percent_of_reading: Decimal,
    /// Per cent of the range, per kelvin.
    pub percent_of_range: Decimal,
    /// Where it holds; wider than the row's own band.
    pub within: TemperatureBand,
}

/// What shorter integration adds: from so many power-line cycles on, until the next term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NplcTerm {
    /// Power-line cycles.
    pub cycles: Decimal,
    /// Per cent of the range; 0 where the specification holds as it stands.
    pub percent_of_range: Decimal,
    /// A fixed addition in the function's unit.
    pub offset: Option<Quantity>,
}

/// A part of a specification in counts of the display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// How many.
    pub number: Decimal,
    /// What one is worth on this range, in the function's unit.
    pub value: Quantity,
}

/// Whether a specification wants a null (relative) reading taken before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NullCondition {
    /// It holds without.
    #[default]
    NotNeeded,
    /// It holds only with one; without, so much is added where the source says so, else nothing is known.
    Needed {
        /// What is added without it, in the function's unit.
        otherwise: Option<Quantity>,
    },
}

/// What must be so for a row to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccuracyConditions {
    /// How long the instrument must have been on.
    pub warm_up: Option<Duration>,
    /// Autozero must be on.
    pub autozero: bool,
    /// A null reading.
    pub null: NullCondition,
}

/// One line of a specification. The limit of error is a = (percent of reading) x |reading| + (percent of range) x range +
/// counts + offset, with what temperature and integration time add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccuracyRow {
    /// The range it is for, by full scale; `None` for a function that has no ranges to choose.
    pub full_scale: Option<Quantity>,
    /// The largest reading that it holds for, where that is below the range's own maximum.
    pub maximum: Option<Quantity>,
    /// The frequencies of the signal that it holds for, in Hz; none for dc.
    pub frequency: Option<(Quantity, Quantity)>,
    /// How long after a calibration.
    pub interval: CalibrationInterval,
    /// At what ambient temperature.
    pub temperature: TemperatureBand,
    /// Per cent of the reading.
    pub percent_of_reading: Decimal,
    /// Per cent of the range.
    pub percent_of_range: Decimal,
    /// Counts.
    pub counts: Option<Counts>,
    /// A fixed part, in the function's unit.
    pub offset: Option<Quantity>,
    /// What temperature adds outside its band.
    pub coefficient: Option<TemperatureCoefficient>,
    /// What integration time adds, from short to long; empty where it does not matter.
    pub nplc: Vec<NplcTerm>,
    /// What must be so.
    pub conditions: AccuracyConditions,
    /// What the figures stand for.
    pub coverage: Coverage,
    /// True when the figures include the resolution of the display, so that it is not counted again.
    pub includes_resolution: bool,
    /// Where it was read: source and page.
    pub source: String,
}

#[cfg(test)]
mod tests;
