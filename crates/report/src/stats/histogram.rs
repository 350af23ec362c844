//! Values counted in bins of equal width.
//!
//! Width: 2 (Q3 - Q1) / n^(1/3), D. Freedman and P. Diaconis, "On the histogram as a density estimator" (1981), rounded to 1,
//! 2 or 5 times a power of ten, so that a person can read the edges.

use super::{
    Unsaid,
    describe::{percentile, sorted},
    distribution::count,
};

/// A bin: from `low`, included, to `high`, left out except in the last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// Its lower edge.
    pub low: f64,
    /// Its upper edge.
    pub high: f64,
    /// How many values are in it.
    pub count: usize,
}

/// Counts values in at most `most` bins that cover them all.
///
/// # Errors
/// No value, or values that do not differ.
pub fn histogram(values: &[f64], most: usize) -> Result<Vec<Bin>, Unsaid> {
    of_sorted(&sorted(values), most)
}

/// The same of values that rise.
pub(crate) fn of_sorted(sorted: &[f64], most: usize) -> Result<Vec<Bin>, Unsaid> {
    let (Some(min), Some(max)) = (sorted.first().copied(), sorted.last().copied()) else {
        return Err(Unsaid::NoValue);
    };
    let span = max - min;
    if span <= 0.0 || !span.is_finite() {
        return Err(Unsaid::AllEqual(min));
    }
    let between = percentile(sorted, 0.75) - percentile(sorted, 0.25);
    let wanted = 2.0 * between / count(sorted.len()).cbrt();
    let least = span / count(most.max(1));
    let mut width = Width::at_least(wanted.max(least));
    // the edges are multiples of the width, so that one bin more may be needed
    while edges(min, max, width).1 > count(most.max(2)) {
        width = Width::at_least(width.times(1.0) * 1.01);
    }
    let (first, bins) = edges(min, max, width);
    let mut rest = sorted;
    let mut found = Vec::new();
    for at in 0..most.max(2) {
        let at = count(at);
        if at >= bins {
            break;
        }
        let (low, high) = (width.times(first + at), width.times(first + at + 1.0));
        let is_last = at + 1.0 >= bins;
        let inside = if is_last {
            rest.len()
        } else {
            rest.partition_point(|value| *value < high)
        };
        rest = rest.get(inside..).unwrap_or_default();
        found.push(Bin {
            low,
            high,
            count: inside,
        });
    }
    Ok(found)
}

/// The first edge, in widths, and the number of bins.
fn edges(min: f64, max: f64, width: Width) -> (f64, f64) {
    let first = width.below(min);
    let last = width.below(max) + 1.0;
    // beside very large values a width may be too small to count with
    (first, (last - first).max(1.0))
}

/// The width of a bin: 1, 2 or 5 times a power of ten.
#[derive(Clone, Copy, Debug)]
struct Width {
    step: f64,
    power: i32,
}

impl Width {
    /// The next of ..., 0.5, 1, 2, 5, 10, ...
    fn at_least(width: f64) -> Self {
        let digits = format!("{width:e}");
        let power = digits.split_once('e').and_then(|(_, power)| power.parse().ok());
        let power: i32 = power.unwrap_or_default();
        let steps = [1.0, 2.0, 5.0].map(|step| Self { step, power });
        let next = Self {
            step: 1.0,
            power: power.saturating_add(1),
        };
        steps
            .into_iter()
            .find(|found| found.times(1.0) >= width)
            .unwrap_or(next)
    }

    /// So many widths: the number that its decimal reads as, so that a value on an edge is on it, and not beside it by a rounding.
    fn times(self, count: f64) -> f64 {
        /// Powers of ten up to this are exact.
        const EXACT: i32 = 22;
        let steps = count * self.step;
        match self.power {
            0..=EXACT => steps * 10_f64.powi(self.power),
            power if (-EXACT..0).contains(&power) => steps / 10_f64.powi(-power),
            power => steps * 10_f64.powf(f64::from(power)),
        }
    }

    /// How many widths are no more than a value.
    fn below(self, value: f64) -> f64 {
        let near = (value / self.times(1.0)).floor();
        if self.times(near) > value {
            near - 1.0
        } else if self.times(near + 1.0) <= value {
            near + 1.0
        } else {
            near
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn edges_are_round_and_every_value_is_counted() {
        let values: Vec<f64> = (0..100).map(|at| 3.25 + f64::from(at) / 1000.0).collect();
        let bins = histogram(&values, 20).unwrap();
        assert_eq!(bins.iter().map(|bin| bin.count).sum::<usize>(), 100);
        let width = bins[0].high - bins[0].low;
        assert!((width - 0.05).abs() < 1e-9 || (width - 0.02).abs() < 1e-9, "{width}");
        assert_eq!(histogram(&[], 20).unwrap_err().to_string(), "there is no value");
        assert_eq!(
            histogram(&[2.5; 3], 20).unwrap_err().to_string(),
            "all values are 2.5: they do not vary"
        );
    }

    #[test]
    fn a_value_on_an_edge_is_in_the_bin_that_begins_there() {
        // what a meter with that resolution says
        for (resolution, from) in [(10.0, 1_u32), (100.0, 325), (1000.0, 4521), (0.1, 3)] {
            let marks: Vec<f64> = (from..from + 10).map(|mark| f64::from(mark) / resolution).collect();
            let values: Vec<f64> = marks.iter().flat_map(|mark| [*mark; 100]).collect();
            let bins = histogram(&values, 16).unwrap();
            assert_eq!(bins.len(), marks.len(), "{resolution}");
            for (bin, mark) in bins.iter().zip(&marks) {
                assert_eq!(
                    (bin.low.to_string(), bin.count),
                    (mark.to_string(), 100),
                    "{resolution}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn no_value_is_lost_whatever_they_are(values in proptest::collection::vec(-1e12_f64..1e12, 2..200), most in 1_usize..40) {
            if let Ok(bins) = histogram(&values, most) {
                prop_assert_eq!(bins.iter().map(|bin| bin.count).sum::<usize>(), values.len());
                prop_assert!(bins.len() <= most.max(2), "{} bins of {}", bins.len(), most);
            }
        }
    }
}
