//! The chart of individual values and of their moving ranges: is the process the same all the time?
//!
//! Limits: NIST 6.3.2.2. Rules: the Western Electric rules, NIST 6.3.2, on the individual values; on the moving ranges only
//! the first, for each value is in two of them.

use super::{Unsaid, at_least, describe::mean};

/// The mean moving range of two neighbours is 1.128 sigma (NIST 6.3.2.2).
const D2: f64 = 1.128;
/// Above 3.267 mean moving ranges there is next to none.
const D4: f64 = 3.267;

/// A rule that a point broke: it is the last of the points that break it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// Beyond three sigma.
    Beyond3,
    /// Two of three beyond two sigma, on the same side.
    TwoOfThree,
    /// Four of five beyond one sigma, on the same side.
    FourOfFive,
    /// Eight in a row on the same side.
    EightInARow,
    /// A moving range beyond its limit.
    Range,
}

impl Rule {
    /// All, in their order.
    pub const ALL: [Self; 5] = [
        Self::Beyond3,
        Self::TwoOfThree,
        Self::FourOfFive,
        Self::EightInARow,
        Self::Range,
    ];

    /// What it says, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Beyond3 => "rule 1: a point beyond 3 sigma",
            Self::TwoOfThree => "rule 2: 2 of 3 beyond 2 sigma on one side",
            Self::FourOfFive => "rule 3: 4 of 5 beyond 1 sigma on one side",
            Self::EightInARow => "rule 4: 8 in a row on one side",
            Self::Range => "moving range beyond its limit",
        }
    }
}

/// A point of the chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The value.
    pub value: f64,
    /// How far it is from the one before; none for the first.
    pub moving_range: Option<f64>,
    /// The rules that it broke.
    pub broken: Vec<Rule>,
}

/// A chart of individual values and moving ranges.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// The centre line: the mean.
    pub centre: f64,
    /// Sigma within: mean moving range / 1.128.
    pub sigma: f64,
    /// Upper control limit: centre + 3 sigma.
    pub upper: f64,
    /// Lower control limit: centre - 3 sigma.
    pub lower: f64,
    /// The mean moving range.
    pub mean_range: f64,
    /// Upper control limit of the moving range.
    pub range_upper: f64,
    /// The points in their order.
    pub points: Vec<Point>,
}

impl Chart {
    /// How many points broke a rule.
    #[must_use]
    pub fn broken(&self, rule: Rule) -> usize {
        self.points.iter().filter(|point| point.broken.contains(&rule)).count()
    }

    /// True when no rule is broken.
    #[must_use]
    pub fn is_in_control(&self) -> bool {
        self.points.iter().all(|point| point.broken.is_empty())
    }
}

/// How far each value is from the one before.
#[must_use]
pub fn moving_ranges(values: &[f64]) -> Vec<f64> {
    values
        .iter()
        .zip(values.iter().skip(1))
        .map(|(a, b)| (b - a).abs())
        .collect()
}

/// Sigma from one value to the next.
#[must_use]
pub fn within(ranges: &[f64]) -> f64 {
    mean(ranges) / D2
}

/// The chart of values in the order in which they were taken.
///
/// # Errors
/// Fewer than two values, or values that do not differ.
pub fn chart(values: &[f64]) -> Result<Chart, Unsaid> {
    at_least(2, values.len())?;
    let ranges = moving_ranges(values);
    let (centre, sigma, mean_range) = (mean(values), within(&ranges), mean(&ranges));
    if sigma <= 0.0 {
        return Err(Unsaid::AllEqual(centre));
    }
    let range_upper = D4 * mean_range;
    let distances: Vec<f64> = values.iter().map(|value| (value - centre) / sigma).collect();
    let each_range = std::iter::once(None).chain(ranges.iter().copied().map(Some));
    let points = values
        .iter()
        .zip(each_range)
        .enumerate()
        .map(|(at, (value, moving_range))| {
            let mut broken = broken_at(&distances, at);
            if moving_range.is_some_and(|range| range > range_upper) {
                broken.push(Rule::Range);
            }
            Point {
                value: *value,
                moving_range,
                broken,
            }
        });
    Ok(Chart {
        centre,
        sigma,
        upper: centre + 3.0 * sigma,
        lower: centre - 3.0 * sigma,
        mean_range,
        range_upper,
        points: points.collect(),
    })
}

/// The rules on individual values that the point breaks.
fn broken_at(distances: &[f64], at: usize) -> Vec<Rule> {
    let Some(last) = distances.get(at) else {
        return Vec::new();
    };
    // the pattern is on the last point's side, and the last point is part of it
    let side = last.signum();
    let last_of = |most: usize, beyond: f64| {
        let from = (at + 1).saturating_sub(most);
        let window = distances.iter().take(at + 1).skip(from);
        window.filter(|distance| *distance * side > beyond).count()
    };
    let ends = |beyond: f64| last * side > beyond;
    let rules = [
        (Rule::Beyond3, ends(3.0)),
        (Rule::TwoOfThree, ends(2.0) && last_of(3, 2.0) >= 2),
        (Rule::FourOfFive, ends(1.0) && last_of(5, 1.0) >= 4),
        (Rule::EightInARow, last_of(8, 0.0) >= 8),
    ];
    rules
        .into_iter()
        .filter(|(_, broken)| *broken)
        .map(|(rule, _)| rule)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST 6.3.2.2: the flow rate of ten batches.
    #[test]
    fn the_handbooks_chart_is_met() {
        let values = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1];
        let chart = chart(&values).unwrap();
        let digits = |number: f64| format!("{number:.4}");
        assert_eq!(format!("{:.2}", chart.centre), "50.81");
        assert_eq!(digits(chart.mean_range), "1.8778");
        assert_eq!(
            (digits(chart.upper), digits(chart.lower)),
            ("55.8041".to_owned(), "45.8159".to_owned())
        );
        assert!(chart.is_in_control());
    }

    fn broken(distances: &[f64]) -> Vec<Rule> {
        broken_at(distances, distances.len() - 1)
    }

    #[test]
    fn each_rule_is_broken_by_its_pattern_and_by_nothing_less() {
        for (distances, expected) in [
            (&[0.0, 3.1][..], &[Rule::Beyond3][..]),
            (&[0.0, 3.0], &[]),
            (&[0.0, -3.1], &[Rule::Beyond3]),
            (&[2.1, 0.0, 2.1], &[Rule::TwoOfThree]),
            (&[2.1, 0.0, -2.1], &[]),
            (&[2.1, 2.1, 0.0], &[]),
            (&[2.1, 0.0, 0.0, 2.1], &[]),
            (&[1.1, 1.1, 0.0, 1.1, 1.1], &[Rule::FourOfFive]),
            (&[-1.1, -1.1, 1.1, -1.1, -1.1], &[Rule::FourOfFive]),
            (&[1.1, 1.1, 0.0, 0.0, 1.1, 1.1], &[]),
            (&[0.1; 8], &[Rule::EightInARow]),
            (&[0.1; 7], &[]),
            (&[-0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], &[]),
        ] {
            assert_eq!(broken(distances), expected, "{distances:?}");
        }
    }

    #[test]
    fn a_jump_is_seen_in_the_moving_range_and_equal_values_are_a_sentence() {
        let mut values = vec![1.0, 1.1, 1.0, 1.1, 1.0, 1.1, 1.0, 1.1];
        values.push(3.0);
        let found = chart(&values).unwrap();
        assert_eq!(found.broken(Rule::Range), 1);
        assert_eq!(
            chart(&[2.0; 4]).unwrap_err().to_string(),
            "all values are 2: they do not vary"
        );
        assert_eq!(
            chart(&[2.0]).unwrap_err().to_string(),
            "there is one value, and 2 are needed"
        );
    }
}
