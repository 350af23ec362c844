//! Does a measurement move when its instrument is calibrated? Periods between calibrations, and the step from one to the next.
//!
//! The test of two means whose standard deviations may differ: NIST 7.3.1 (Welch and Satterthwaite).

use super::{
    describe::{mean, standard_deviation},
    distribution::{count, t_both_tails},
};
use std::collections::BTreeMap;

/// The values that were taken between two calibrations of an instrument.
#[derive(Clone, Debug, PartialEq)]
pub struct Period {
    /// The day of the calibration before them (`YYYY-MM-DD`).
    pub calibrated_on: String,
    /// How many values.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, of two or more.
    pub s: Option<f64>,
    /// The step from the period before; none for the first, or where there are too few values.
    pub step: Option<Step>,
}

/// From one mean to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// How far.
    pub by: f64,
    /// How probable such a step is where there is none.
    pub p: f64,
}

/// The periods, oldest first, of values with the day of their instrument's calibration.
#[must_use]
pub fn periods<'a>(values: impl IntoIterator<Item = (&'a str, f64)>) -> Vec<Period> {
    let mut by_day: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (day, value) in values {
        by_day.entry(day).or_default().push(value);
    }
    let mut found: Vec<Period> = Vec::new();
    for (day, values) in by_day {
        let mut period = Period {
            calibrated_on: day.to_owned(),
            n: values.len(),
            mean: mean(&values),
            s: standard_deviation(&values),
            step: None,
        };
        period.step = found.last().and_then(|before| step(before, &period));
        found.push(period);
    }
    found
}

fn step(before: &Period, after: &Period) -> Option<Step> {
    let (first, second) = (before.s?.powi(2) / count(before.n), after.s?.powi(2) / count(after.n));
    let error = (first + second).sqrt();
    let by = after.mean - before.mean;
    if error <= 0.0 {
        return Some(Step {
            by,
            p: if by.abs() > 0.0 { 0.0 } else { 1.0 },
        });
    }
    let rest = first.powi(2) / (count(before.n) - 1.0) + second.powi(2) / (count(after.n) - 1.0);
    let degrees = (first + second).powi(2) / rest;
    Some(Step {
        by,
        p: t_both_tails(by / error, degrees),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(day: &str, values: &[f64]) -> Vec<(String, f64)> {
        values.iter().map(|value| (day.to_owned(), *value)).collect()
    }

    fn found(values: &[(String, f64)]) -> Vec<Period> {
        periods(values.iter().map(|(day, value)| (day.as_str(), *value)))
    }

    /// NIST 7.3.1.1: assembly times by an old and a new process; t is 2.269 with 15.533 degrees of freedom, between 5 % and
    /// 2 % on both sides together.
    #[test]
    fn the_handbooks_test_of_two_means_is_met() {
        let old = [32.0, 37.0, 35.0, 28.0, 41.0, 44.0, 35.0, 31.0, 34.0, 38.0, 42.0];
        let new = [36.0, 31.0, 30.0, 31.0, 34.0, 36.0, 29.0, 32.0, 31.0];
        let all = [values("2025-01-01", &old), values("2026-01-01", &new)].concat();
        let found = found(&all);
        assert_eq!((found[0].n, found[1].n), (11, 9));
        assert_eq!(
            (format!("{:.4}", found[0].mean), format!("{:.4}", found[1].mean)),
            ("36.0909".into(), "32.2222".into())
        );
        assert_eq!(
            (
                format!("{:.4}", found[0].s.unwrap()),
                format!("{:.4}", found[1].s.unwrap())
            ),
            ("4.9082".into(), "2.5386".into())
        );
        let step = found[1].step.unwrap();
        assert!(step.p > 0.02 && step.p < 0.05, "{step:?}");
        assert_eq!(found[0].step, None);
    }

    #[test]
    fn few_or_equal_values_are_no_nan() {
        let all = [
            values("a", &[1.0]),
            values("b", &[2.0, 3.0]),
            values("c", &[4.0, 4.0]),
            values("d", &[4.0, 4.0]),
        ]
        .concat();
        let found = found(&all);
        assert_eq!(found[1].step, None);
        assert!(found[2].step.unwrap().p.is_finite());
        assert_eq!(found[3].step, Some(Step { by: 0.0, p: 1.0 }));
        assert_eq!(periods([]), []);
    }
}
