//! From specification rows, circumstances and a reading to its uncertainty.

use super::{
    AccuracyRow, Basis, CalibrationInterval, Component, ComponentKind, NplcTerm, NullCondition, TemperatureBand,
    Uncertainty,
};
use crate::{Decimal, Quantity, Unit, human_duration};
use chrono::NaiveDate;
use std::{cmp::Ordering, time::Duration};

/// A reading and the settings that were in effect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Used {
    /// What was read.
    pub value: Quantity,
    /// The range in use (full scale); `None` where it is not known or there is none.
    pub range: Option<Quantity>,
    /// The smallest step on that range, where it is known.
    pub resolution: Option<Quantity>,
    /// The integration time in use, in power-line cycles.
    pub nplc: Option<Decimal>,
    /// Autozero in use, where there is a choice.
    pub autozero: Option<bool>,
    /// A null reading was subtracted.
    pub null: bool,
    /// The frequency of the signal, for ac.
    pub frequency: Option<Quantity>,
    /// Scatter of the samples that `value` is the mean of.
    pub scatter: Option<Scatter>,
}

/// The scatter of several samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scatter {
    /// Standard deviation of the samples (n - 1), in the unit of the value.
    pub deviation: f64,
    /// How many; one says nothing about scatter.
    pub samples: u32,
}

/// What the station knows of the instrument and its surroundings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeterState {
    /// The day of its last calibration.
    pub calibrated_on: Option<NaiveDate>,
    /// The day by which the next one is due.
    pub calibration_due: Option<NaiveDate>,
    /// The day of the measurement, UTC.
    pub today: NaiveDate,
    /// How long it has been on at least.
    pub warm_up: Option<Duration>,
    /// The ambient temperature, degrees Celsius.
    pub ambient: Option<Decimal>,
}

/// How a contribution is distributed: what its figure is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Distribution {
    /// Limits, nothing else known: sqrt 3.
    Rectangular,
    /// Limits, the middle likelier: sqrt 6.
    Triangular,
    /// Limits, the ends likelier: sqrt 2.
    Arcsine,
    /// A standard uncertainty.
    K1,
    /// An expanded uncertainty, k = 2.
    K2,
    /// An expanded uncertainty, k = 3.
    K3,
}

impl Distribution {
    /// Every distribution with its word in files.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("rectangular", Self::Rectangular),
        ("triangular", Self::Triangular),
        ("arcsine", Self::Arcsine),
        ("k1", Self::K1),
        ("k2", Self::K2),
        ("k3", Self::K3),
    ];

    /// What the figure is divided by to get a standard uncertainty (JCGM 100, 4.3.7 to 4.3.9).
    #[must_use]
    pub fn divisor(self) -> f64 {
        match self {
            Self::Rectangular => 3_f64.sqrt(),
            Self::Triangular => 6_f64.sqrt(),
            Self::Arcsine => 2_f64.sqrt(),
            Self::K1 => 1.0,
            Self::K2 => 2.0,
            Self::K3 => 3.0,
        }
    }
}

/// How large a contribution is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContributionSize {
    /// So much, whatever is read.
    Absolute(Quantity),
    /// Per cent of what is read.
    PercentOfReading(Decimal),
}

/// What a station adds to every measurement that it applies to: leads, a divider, a shunt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// What it is, for people.
    pub name: String,
    /// How large.
    pub size: ContributionSize,
    /// What that figure stands for.
    pub distribution: Distribution,
}

/// Which input is missing, so that the uncertainty is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// The definition holds no specification of the function.
    #[error("the definition holds no accuracy specification of this function")]
    NoSpecification,
    /// The range in use was not read back.
    #[error("the range in use is not known")]
    RangeUnknown,
    /// None of the rows is for this range.
    #[error("the specification has no row for the {0} range")]
    RangeUnspecified(Quantity),
    /// The reading lies beyond what the row holds for.
    #[error("the specification ends at {0}")]
    BeyondMaximum(Quantity),
    /// The rows are by frequency, and that of the signal is not known.
    #[error("the specification is by frequency, and that of the signal is not known")]
    FrequencyUnknown,
    /// No row is for this frequency.
    #[error("the specification has no row for {0}")]
    FrequencyUnspecified(Quantity),
    /// No calibration date.
    #[error("the station does not say when it was calibrated (`calibrated_on`)")]
    Undated,
    /// The calibration lies in the future.
    #[error("it was calibrated on {0}, which is still to come")]
    CalibratedLater(NaiveDate),
    /// The next calibration was due.
    #[error("its calibration was due on {0}")]
    Overdue(NaiveDate),
    /// The longest interval of the specification is over.
    #[error("it was calibrated on {0}, and the specification ends {1} after that")]
    TooLong(NaiveDate, CalibrationInterval),
    /// No ambient temperature.
    #[error("the ambient temperature is not known (`ambient`)")]
    AmbientUnknown,
    /// Outside every temperature band.
    #[error("the specification does not reach to {celsius} \u{b0}C (it holds from {band})")]
    AmbientOutside {
        /// The ambient temperature.
        celsius: Decimal,
        /// How far the specification goes.
        band: TemperatureBand,
    },
    /// Nobody says how long it has been on.
    #[error("the specification holds after {}, and the station does not say how long it has been on (`warm_up`)", human_duration(*.0))]
    WarmUpUnknown(Duration),
    /// It has not been on for long enough.
    #[error("the specification holds after {}, and it has been on for {}", human_duration(*.needed), human_duration(*.known))]
    NotWarmedUp {
        /// What the specification wants.
        needed: Duration,
        /// What the station says.
        known: Duration,
    },
    /// The integration time is not known.
    #[error("the integration time in use is not known")]
    NplcUnknown,
    /// The integration time is shorter than any that is specified.
    #[error("the specification begins at {needed} power-line cycles, not at {used}")]
    NplcTooShort {
        /// The shortest one that is specified.
        needed: Decimal,
        /// The one in use.
        used: Decimal,
    },
    /// Autozero was off.
    #[error("the specification holds with autozero on")]
    AutozeroOff,
    /// No null reading was taken.
    #[error("the specification holds with a null reading subtracted")]
    NoNull,
    /// A unit does not fit, or a number is too large: a mistake in the data.
    #[error("the specification cannot be evaluated in {0}")]
    Unfit(Unit),
}

/// The uncertainty of a reading, in the unit of its value.
///
/// Of the rows for its range, those count whose calibration interval has not run out; of these the one with the shortest
/// interval whose temperature band holds the ambient temperature, or else the shortest whose coefficient reaches it.
///
/// # Errors
/// [`Unknown`]: the first input that is missing.
pub fn evaluate(
    rows: &[AccuracyRow],
    used: &Used,
    state: &MeterState,
    contributions: &[Contribution],
) -> Result<Uncertainty, Unknown> {
    let rows = rows_for(rows, used)?;
    let calibrated_on = state.calibrated_on.ok_or(Unknown::Undated)?;
    if calibrated_on > state.today {
        return Err(Unknown::CalibratedLater(calibrated_on));
    }
    if let Some(due) = state.calibration_due.filter(|due| *due < state.today) {
        return Err(Unknown::Overdue(due));
    }
    let longest = rows
        .iter()
        .map(|row| row.interval)
        .max()
        .ok_or(Unknown::NoSpecification)?;
    let mut rows: Vec<&AccuracyRow> = rows
        .into_iter()
        .filter(|row| row.interval.covers(calibrated_on, state.today))
        .collect();
    if rows.is_empty() {
        return Err(Unknown::TooLong(calibrated_on, longest));
    }
    rows.sort_by_key(|row| row.interval);
    let ambient = state.ambient.ok_or(Unknown::AmbientUnknown)?;
    let inside = rows.iter().find(|row| row.temperature.contains(ambient));
    let reached = || rows.iter().find(|row| reach(row).contains(ambient));
    let Some(row) = inside.or_else(reached) else {
        let widest = rows.iter().map(|row| reach(row)).reduce(|wide, band| TemperatureBand {
            low: wide.low.min(band.low),
            high: wide.high.max(band.high),
        });
        let band = widest.ok_or(Unknown::NoSpecification)?;
        return Err(Unknown::AmbientOutside { celsius: ambient, band });
    };
    check_conditions(row, state)?;
    combine(row, used, ambient, contributions)
}

/// What the specification alone says: the longest interval, inside its temperature band, warmed up, nothing of the station's.
///
/// # Errors
/// [`Unknown`], of the settings in use only.
pub fn specification(rows: &[AccuracyRow], used: &Used) -> Result<Uncertainty, Unknown> {
    let rows = rows_for(rows, used)?;
    let longest = rows.into_iter().max_by_key(|row| row.interval);
    let row = longest.ok_or(Unknown::NoSpecification)?;
    combine(row, used, row.temperature.high, &[])
}

/// The rows for a range, a reading and a frequency.
fn rows_for<'r>(rows: &'r [AccuracyRow], used: &Used) -> Result<Vec<&'r AccuracyRow>, Unknown> {
    if rows.is_empty() {
        return Err(Unknown::NoSpecification);
    }
    let is_same = |one: Quantity, other: Quantity| one.compare(other) == Some(Ordering::Equal);
    let mut found: Vec<&AccuracyRow> = match used.range {
        None if rows.iter().any(|row| row.full_scale.is_some()) => return Err(Unknown::RangeUnknown),
        None => rows.iter().collect(),
        Some(range) => {
            let fits = |row: &&AccuracyRow| row.full_scale.is_none_or(|scale| is_same(scale, range));
            let found: Vec<_> = rows.iter().filter(fits).collect();
            if found.is_empty() {
                return Err(Unknown::RangeUnspecified(range));
            }
            found
        }
    };
    if found.iter().any(|row| row.frequency.is_some()) {
        let frequency = used.frequency.ok_or(Unknown::FrequencyUnknown)?;
        found.retain(|row| {
            row.frequency.is_none_or(|(low, high)| {
                frequency.compare(low).is_some_and(Ordering::is_ge)
                    && frequency.compare(high).is_some_and(Ordering::is_le)
            })
        });
        if found.is_empty() {
            return Err(Unknown::FrequencyUnspecified(frequency));
        }
    }
    let size = Quantity::new(used.value.value.abs(), used.value.unit);
    let mut ends = found.iter().filter_map(|row| row.maximum);
    let end = ends.find(|maximum| !size.compare(*maximum).is_some_and(Ordering::is_le));
    found.retain(|row| {
        row.maximum
            .is_none_or(|maximum| size.compare(maximum).is_some_and(Ordering::is_le))
    });
    match end {
        Some(end) if found.is_empty() => Err(Unknown::BeyondMaximum(end)),
        Some(_) | None => Ok(found),
    }
}

/// The band in which a row holds, with its coefficient.
fn reach(row: &AccuracyRow) -> TemperatureBand {
    row.coefficient
        .map_or(row.temperature, |coefficient| coefficient.within)
}

fn check_conditions(row: &AccuracyRow, state: &MeterState) -> Result<(), Unknown> {
    let Some(needed) = row.conditions.warm_up else {
        return Ok(());
    };
    match state.warm_up {
        None => Err(Unknown::WarmUpUnknown(needed)),
        Some(known) if known < needed => Err(Unknown::NotWarmedUp { needed, known }),
        Some(_) => Ok(()),
    }
}

fn combine(
    row: &AccuracyRow,
    used: &Used,
    ambient: Decimal,
    contributions: &[Contribution],
) -> Result<Uncertainty, Unknown> {
    let unit = used.value.unit;
    let bound = limit_of_error(row, used, ambient)?;
    let basis = Basis {
        interval: row.interval,
        ambient,
        range: used.range,
        coverage: row.coverage,
        source: row.source.clone(),
    };
    let accuracy = ComponentKind::Accuracy(basis);
    let mut components = vec![Component::new("accuracy", accuracy, bound, row.coverage.divisor())];
    if let Some(step) = used.resolution.filter(|_| !row.includes_resolution) {
        let step = number(step, unit)?;
        components.push(Component::new(
            "resolution",
            ComponentKind::Resolution,
            step,
            12_f64.sqrt(),
        ));
    }
    if let Some(scatter) = used.scatter.filter(|scatter| scatter.samples >= 2) {
        let divisor = f64::from(scatter.samples).sqrt();
        components.push(Component::new(
            "repeatability",
            ComponentKind::Repeatability,
            scatter.deviation,
            divisor,
        ));
    }
    for contribution in contributions {
        let size = match contribution.size {
            ContributionSize::Absolute(size) => number(size, unit)?,
            ContributionSize::PercentOfReading(percent) => percent_of(percent, used.value.value.abs()),
        };
        let divisor = contribution.distribution.divisor();
        components.push(Component::new(
            &*contribution.name,
            ComponentKind::Contribution,
            size.abs(),
            divisor,
        ));
    }
    Uncertainty::of(components, unit).ok_or(Unknown::Unfit(unit))
}

/// The limit of error a, in the unit of the value.
fn limit_of_error(row: &AccuracyRow, used: &Used, ambient: Decimal) -> Result<f64, Unknown> {
    let unit = used.value.unit;
    let reading = used.value.value.abs();
    let range = match used.range.or(row.full_scale) {
        Some(range) => range.in_unit(unit).map_err(|_mismatch| Unknown::Unfit(unit))?,
        None => Decimal::ZERO,
    };
    let mut bound = percent_of(row.percent_of_reading, reading) + percent_of(row.percent_of_range, range);
    if let Some(counts) = row.counts {
        bound += counts.number.to_f64() * number(counts.value, unit)?;
    }
    if let Some(offset) = row.offset {
        bound += number(offset, unit)?;
    }
    if let Some(coefficient) = row.coefficient {
        let per_kelvin =
            percent_of(coefficient.percent_of_reading, reading) + percent_of(coefficient.percent_of_range, range);
        bound += row.temperature.beyond(ambient) * per_kelvin;
    }
    if let Some(term) = nplc_term(row, used)? {
        bound += percent_of(term.percent_of_range, range);
        if let Some(offset) = term.offset {
            bound += number(offset, unit)?;
        }
    }
    if row.conditions.autozero && used.autozero == Some(false) {
        return Err(Unknown::AutozeroOff);
    }
    match row.conditions.null {
        NullCondition::Needed { otherwise } if !used.null => bound += number(otherwise.ok_or(Unknown::NoNull)?, unit)?,
        NullCondition::Needed { .. } | NullCondition::NotNeeded => {}
    }
    Ok(bound)
}

/// The term for the integration time in use: the longest that is not longer.
fn nplc_term(row: &AccuracyRow, used: &Used) -> Result<Option<NplcTerm>, Unknown> {
    let Some(shortest) = row.nplc.iter().map(|term| term.cycles).min() else {
        return Ok(None);
    };
    let cycles = used.nplc.ok_or(Unknown::NplcUnknown)?;
    let not_longer = row.nplc.iter().filter(|term| term.cycles <= cycles);
    let term = not_longer.max_by_key(|term| term.cycles);
    term.copied().map(Some).ok_or(Unknown::NplcTooShort {
        needed: shortest,
        used: cycles,
    })
}

fn percent_of(percent: Decimal, of: Decimal) -> f64 {
    percent.to_f64() / 100.0 * of.to_f64()
}

fn number(quantity: Quantity, unit: Unit) -> Result<f64, Unknown> {
    let number = quantity.in_unit(unit).map_err(|_mismatch| Unknown::Unfit(unit))?;
    Ok(number.to_f64())
}
