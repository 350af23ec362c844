//! All that is said of a measurement, put together; each figure or the sentence why it is missing.

use crate::{
    population::Samples,
    stats::{
        Unsaid, calibration,
        calibration::Period,
        capability::{Capability, capability},
        control::{Chart, chart},
        describe::{Summary, summary},
        histogram::{Bin, histogram},
        normality::{Normality, anderson_darling},
        trend::{Trend, trend},
    },
};

/// Bins that fit on a screen and on a page.
const BINS: usize = 16;

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
}

/// Everything that can be said of these values.
#[must_use]
pub fn analyse(samples: Samples<'_>) -> Analysis<'_> {
    let numbers = samples.numbers();
    let (low, high) = (samples.asked.low, samples.asked.high);
    let dated = samples.values.iter();
    let periods = calibration::periods(dated.filter_map(|sample| Some((sample.calibrated_on?, sample.value))));
    Analysis {
        summary: summary(&numbers),
        capability: capability(&numbers, low, high),
        normality: anderson_darling(&numbers),
        histogram: histogram(&numbers, BINS),
        trend: trend(&numbers),
        chart: chart(&numbers),
        periods,
        samples,
    }
}
