//! Does a value run away? The least-squares line over the order of the values.
//!
//! Line and standard error of its slope: NIST 4.1.4.1 and 4.4.3.1 (least squares); the test: Student's t with n - 2 degrees
//! of freedom.

use super::{
    Unsaid, at_least,
    describe::mean,
    distribution::{count, t_both_tails},
};

/// A line through values at 0, 1, 2, ...
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// How many values.
    pub n: usize,
    /// The line's value at 0.
    pub start: f64,
    /// How much it rises from a value to the next.
    pub slope: f64,
    /// The standard error of that.
    pub slope_error: f64,
    /// How probable such a slope is where there is none.
    pub p: f64,
}

/// A slope is believed where chance makes one like it in at most one of a hundred rows.
const BELIEVED: f64 = 0.01;
/// A run-away is of interest up to so many values ahead.
const HORIZON: f64 = 10_000.0;

impl Trend {
    /// True where the values rise or fall, and it is not chance.
    #[must_use]
    pub fn is_believed(&self) -> bool {
        self.p < BELIEVED
    }

    /// After how many more values the line meets a limit, where it is believed and that is not far.
    #[must_use]
    pub fn meets(&self, low: Option<f64>, high: Option<f64>) -> Option<f64> {
        let limit = if self.slope > 0.0 { high } else { low }?;
        let end = self.start + self.slope * (count(self.n) - 1.0);
        let ahead = (limit - end) / self.slope;
        (self.is_believed() && ahead > 0.0 && ahead < HORIZON).then_some(ahead)
    }
}

/// The line through the values in the order in which they were taken.
///
/// # Errors
/// Fewer than three values, or values that do not differ.
pub fn trend(values: &[f64]) -> Result<Trend, Unsaid> {
    let at: Vec<f64> = (0..values.len()).map(count).collect();
    line(&at, values)
}

/// The line through points.
pub(crate) fn line(at: &[f64], values: &[f64]) -> Result<Trend, Unsaid> {
    at_least(3, values.len())?;
    let (n, mean_at, mean_value) = (count(values.len()), mean(at), mean(values));
    let pairs = || {
        at.iter()
            .map(|at| at - mean_at)
            .zip(values.iter().map(|value| value - mean_value))
    };
    let sxx: f64 = pairs().map(|(x, _)| x * x).sum();
    let sxy: f64 = pairs().map(|(x, y)| x * y).sum();
    let syy: f64 = pairs().map(|(_, y)| y * y).sum();
    if syy <= 0.0 || sxx <= 0.0 {
        return Err(Unsaid::AllEqual(mean_value));
    }
    let slope = sxy / sxx;
    let rest: f64 = pairs().map(|(x, y)| (y - slope * x).powi(2)).sum();
    let slope_error = (rest / (n - 2.0) / sxx).sqrt();
    let p = if slope_error > 0.0 {
        t_both_tails(slope / slope_error, n - 2.0)
    } else {
        0.0
    };
    Ok(Trend {
        n: values.len(),
        start: mean_value - slope * mean_at,
        slope,
        slope_error,
        p,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST Statistical Reference Datasets, Norris: certified intercept, slope and standard error of the slope.
    #[test]
    fn norris_is_met() {
        let pairs = [
            (0.2, 0.1),
            (337.4, 338.8),
            (118.2, 118.1),
            (884.6, 888.0),
            (10.1, 9.2),
            (226.5, 228.1),
            (666.3, 668.5),
            (996.3, 998.5),
            (448.6, 449.1),
            (777.0, 778.9),
            (558.2, 559.2),
            (0.4, 0.3),
            (0.6, 0.1),
            (775.5, 778.1),
            (666.9, 668.8),
            (338.0, 339.3),
            (447.5, 448.9),
            (11.6, 10.8),
            (556.0, 557.7),
            (228.1, 228.3),
            (995.8, 998.0),
            (887.6, 888.8),
            (120.2, 119.6),
            (0.3, 0.3),
            (0.3, 0.6),
            (556.8, 557.6),
            (339.1, 339.3),
            (887.2, 888.0),
            (999.0, 998.5),
            (779.0, 778.9),
            (11.1, 10.2),
            (118.3, 117.6),
            (229.2, 228.9),
            (669.1, 668.4),
            (448.9, 449.2),
            (0.5, 0.2),
        ];
        let (at, values): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let found = line(&at, &values).unwrap();
        assert_eq!(format!("{:.9}", found.start), "-0.262323074");
        assert_eq!(format!("{:.9}", found.slope), "1.002116818");
        assert_eq!(format!("{:.12}", found.slope_error), "0.000429796848");
    }

    #[test]
    fn a_drift_is_seen_and_where_it_leads() {
        let drifting: Vec<f64> = (0..50)
            .map(|at| 3.30 + 0.0005 * f64::from(at) + if at % 2 == 0 { 1e-4 } else { -1e-4 })
            .collect();
        let found = trend(&drifting).unwrap();
        assert!(found.is_believed());
        let ahead = found.meets(Some(3.25), Some(3.35)).unwrap();
        assert!((ahead - 51.0).abs() < 2.0, "{ahead}");
        assert_eq!(found.meets(Some(3.25), None), None);
        let still: Vec<f64> = (0..50).map(|at| if at % 2 == 0 { 3.31 } else { 3.29 }).collect();
        let found = trend(&still).unwrap();
        assert!(!found.is_believed());
        assert_eq!(found.meets(Some(3.25), Some(3.35)), None);
        assert_eq!(
            trend(&[1.0, 2.0]).unwrap_err().to_string(),
            "there are 2 values, and 3 are needed"
        );
        assert_eq!(
            trend(&[1.0; 3]).unwrap_err().to_string(),
            "all values are 1: they do not vary"
        );
    }
}
