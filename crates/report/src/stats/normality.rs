//! Could the values be normally distributed? The test of Anderson and Darling.
//!
//! Statistic: NIST 1.3.5.14. Its adjustment for a mean and a standard deviation that come from the values, and the
//! probability: R. B. D'Agostino and M. A. Stephens, Goodness-of-Fit Techniques (1986), table 4.9.

use super::{
    Unsaid, at_least,
    describe::{mean, sorted, standard_deviation},
    distribution::{count, normal_sides},
};

/// With fewer values the probabilities do not hold.
const FEWEST: usize = 8;
/// Below this a normal distribution is doubtful.
pub const DOUBTFUL: f64 = 0.05;

/// What the test found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normality {
    /// A squared.
    pub statistic: f64,
    /// The same, adjusted.
    pub adjusted: f64,
    /// How probable such a statistic, or a larger one, is for values of a normal distribution.
    pub p: f64,
}

impl Normality {
    /// True when indices that assume a normal distribution say little.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.p < DOUBTFUL
    }
}

/// Tests the values.
///
/// # Errors
/// Fewer than eight values, or values that do not differ.
pub fn anderson_darling(values: &[f64]) -> Result<Normality, Unsaid> {
    of_sorted(&sorted(values))
}

/// The same of values that rise.
pub(crate) fn of_sorted(sorted: &[f64]) -> Result<Normality, Unsaid> {
    at_least(FEWEST, sorted.len())?;
    let (mean, s) = (mean(sorted), standard_deviation(sorted).unwrap_or_default());
    if s <= 0.0 {
        return Err(Unsaid::AllEqual(mean));
    }
    let n = count(sorted.len());
    // the upper side by itself: 1 - F would lose it
    let sides_of = |value: f64| {
        let (below, above) = normal_sides((value - mean) / s);
        (logarithm(below), logarithm(above))
    };
    // an instrument's resolution makes many of them equal: they stand beside each other
    let mut before: Option<(u64, (f64, f64))> = None;
    let sides = sorted.iter().map(|value| match before {
        Some((bits, sides)) if bits == value.to_bits() => sides,
        Some(_) | None => {
            let sides = sides_of(*value);
            before = Some((value.to_bits(), sides));
            sides
        }
    });
    let sides: Vec<(f64, f64)> = sides.collect();
    let pairs = sides.iter().zip(sides.iter().rev()).zip(0_u32..);
    let terms = pairs.map(|(((below, _), (_, above)), at)| (2.0 * f64::from(at) + 1.0) * (below + above));
    let statistic = -n - terms.sum::<f64>() / n;
    let adjusted = statistic * (1.0 + 0.75 / n + 2.25 / (n * n));
    Ok(Normality {
        statistic,
        adjusted,
        p: probability(adjusted),
    })
}

/// Nothing is so far out that it has no logarithm.
fn logarithm(part: f64) -> f64 {
    part.max(f64::MIN_POSITIVE).ln()
}

fn probability(a: f64) -> f64 {
    let p = if a >= 13.0 {
        0.0
    } else if a >= 0.6 {
        (1.2937 - 5.709 * a + 0.0186 * a * a).exp()
    } else if a >= 0.34 {
        (0.9177 - 4.279 * a - 1.38 * a * a).exp()
    } else if a >= 0.2 {
        1.0 - (-8.318 + 42.796 * a - 59.938 * a * a).exp()
    } else {
        1.0 - (-13.436 + 101.14 * a - 223.73 * a * a).exp()
    };
    p.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The weights of 20 chicks, D'Agostino and Stephens (1986), section 4.8: A squared is 0.214.
    #[test]
    fn the_worked_example_is_met() {
        let chicks = [
            156.0, 162.0, 168.0, 182.0, 186.0, 190.0, 190.0, 196.0, 202.0, 210.0, 214.0, 220.0, 226.0, 230.0, 230.0,
            236.0, 236.0, 242.0, 246.0, 270.0,
        ];
        let found = anderson_darling(&chicks).unwrap();
        assert_eq!(format!("{:.3}", found.statistic), "0.214");
        assert!(!found.is_doubtful());
    }

    /// NIST 1.3.5.14: 0.752 adjusted is the value at 5 % where mean and standard deviation come from the values.
    #[test]
    fn the_probability_meets_the_table() {
        for (adjusted, expected) in [(0.631, 0.10), (0.752, 0.05), (0.873, 0.025), (1.035, 0.01)] {
            let p = probability(adjusted);
            assert!((p / expected - 1.0).abs() < 0.05, "{adjusted}: {p}, not {expected}");
        }
        assert!(probability(0.05) > 0.99 && probability(50.0) <= 0.0);
    }

    #[test]
    fn what_is_far_from_normal_is_doubted_and_a_wild_value_is_no_nan() {
        let steps: Vec<f64> = (0..20).map(|at| if at < 10 { 0.0 } else { 1.0 }).collect();
        assert!(anderson_darling(&steps).unwrap().is_doubtful());
        let mut wild = vec![1.0, 1.1, 0.9, 1.0, 1.05, 0.95, 1.0, 1.1, 0.9];
        wild.push(1e9);
        let found = anderson_darling(&wild).unwrap();
        assert!(found.p.is_finite() && found.is_doubtful());
        assert_eq!(
            anderson_darling(&[1.0; 7]).unwrap_err().to_string(),
            "there are 7 values, and 8 are needed"
        );
        assert_eq!(
            anderson_darling(&[1.0; 9]).unwrap_err().to_string(),
            "all values are 1: they do not vary"
        );
    }
}
