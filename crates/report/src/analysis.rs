//! All that is said of a measurement, put together; each figure or the sentence why it is missing.

use crate::{
    population::Samples,
    shown,
    stats::{
        Unsaid, calibration,
        calibration::Period,
        capability::{Capability, capability},
        control::{Chart, chart},
        describe::{self, Summary},
        histogram::{self, Bin},
        normality::{self, Normality},
        trend::{Trend, trend},
    },
};

use benchtop_store::Record;

/// Bins that fit on a screen and on a page.
const BINS: usize = 16;

/// What a guard band leaves of the limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Acceptance {
    /// The smallest value that is accepted.
    pub low: Option<f64>,
    /// The largest.
    pub high: Option<f64>,
}

impl Acceptance {
    /// Of the measurement that statistics know by this step and name; none with simple acceptance.
    #[must_use]
    pub fn of(record: &Record, step: &str, name: &str) -> Option<Self> {
        let steps = record
            .steps
            .iter()
            .filter(|taken| taken.measurement_name(&taken.name) == step);
        let mut all = steps.flat_map(|step| step.measurements.iter().map(move |measurement| (step, measurement)));
        let (_, measurement) = all.find(|(step, measurement)| step.measurement_name(&measurement.name) == name)?;
        let (low, high) = (measurement.acceptance_low, measurement.acceptance_high);
        low.or(high)?;
        Some(Self {
            low: low.or(measurement.limit_low),
            high: high.or(measurement.limit_high),
        })
    }

    /// `inside the guard band of the newest run 3.251 .. 3.349 V`.
    #[must_use]
    pub fn words(self, unit: &str) -> Option<String> {
        let bounds = shown::bounds(self.low, self.high, unit)?;
        Some(format!("inside the guard band of the newest run {bounds}"))
    }
}

/// What is said of a measurement.
#[derive(Clone, Debug)]
pub struct Analysis<'a> {
    /// The values behind it.
    pub samples: Samples<'a>,
    /// Count, mean, spread, percentiles.
    pub summary: Result<Summary, Unsaid>,
    /// Cp, Cpk, Pp, Ppk.
    pub capability: Result<Capability, Unsaid>,
    /// Whether a normal distribution is doubtful.
    pub normality: Result<Normality, Unsaid>,
    /// Counts in bins.
    pub histogram: Result<Vec<Bin>, Unsaid>,
    /// Whether it runs away.
    pub trend: Result<Trend, Unsaid>,
    /// Whether it is the same all the time.
    pub chart: Result<Chart, Unsaid>,
    /// Means between calibrations of its instrument; fewer than two say nothing.
    pub periods: Vec<Period>,
    /// What the newest run's guard band accepts; its width follows the uncertainty and may differ from run to run.
    pub accepted: Option<Acceptance>,
}

/// Everything that can be said of these values.
#[must_use]
pub fn analyse(samples: Samples<'_>) -> Analysis<'_> {
    let numbers = samples.numbers();
    // once for all: of a hundred thousand it takes its time
    let rising = describe::sorted(&numbers);
    let (low, high) = (samples.asked.low, samples.asked.high);
    let dated = samples.values.iter();
    let periods = calibration::periods(dated.filter_map(|sample| Some((sample.calibrated_on?, sample.value))));
    Analysis {
        summary: describe::of_sorted(&rising),
        capability: capability(&numbers, low, high),
        normality: normality::of_sorted(&rising),
        histogram: histogram::of_sorted(&rising, BINS),
        trend: trend(&numbers),
        chart: chart(&numbers),
        periods,
        accepted: None,
        samples,
    }
}
