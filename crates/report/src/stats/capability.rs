//! How well a process fits between its limits: Cp, Cpk from the scatter from one value to the next, Pp, Ppk from all of it.
//!
//! Indices: NIST 6.1.6. Bounds of Cp and Pp by chi-square, NIST 6.1.6; bounds of Cpk and Ppk: A. F. Bissell, "How reliable is
//! your capability index?", Applied Statistics 39 (1990), as NIST 6.1.6 gives them. The mean moving range knows sigma less
//! well than s does: its variance is 0.826 sigma^2 / (n - 1) (J. D. Cryer and T. P. Ryan, "The estimation of sigma for an X
//! chart", Journal of Quality Technology 22 (1990)), so that it stands for 0.605 (n - 1) degrees of freedom.

use super::{
    Unsaid, at_least,
    control::{moving_ranges, within},
    describe::{mean, standard_deviation},
    distribution::{chi_square_quantile, count, normal_quantile},
};

/// Fewer values than this are warned of.
pub const ENOUGH: usize = 30;

/// The part outside each bound: bounds are for 95 %.
const TAIL: f64 = 0.025;

/// 1 / (2 x 0.826).
const MOVING_RANGE_DEGREES: f64 = 0.605;

/// An index with its bounds, for 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Index {
    /// The index.
    pub value: f64,
    /// Its lower bound.
    pub low: f64,
    /// Its upper bound.
    pub high: f64,
}

/// The pair of indices from one sigma.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Indices {
    /// The standard deviation that they were made with.
    pub sigma: f64,
    /// Cp or Pp; none with a single limit.
    pub potential: Option<Index>,
    /// Cpk or Ppk; with a single limit, the one-sided index.
    pub actual: Index,
}

/// Both pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capability {
    /// How many values.
    pub n: usize,
    /// Cp and Cpk; none where neighbours never differ.
    pub within: Option<Indices>,
    /// Pp and Ppk.
    pub overall: Indices,
}

impl Capability {
    /// True for fewer than [`ENOUGH`] values: the interval says more than the index.
    #[must_use]
    pub const fn is_thin(&self) -> bool {
        self.n < ENOUGH
    }
}

/// The capability of values in the order in which they were taken.
///
/// # Errors
/// Why there is none: fewer than two values, no spread, no limit, or limits that cross.
pub fn capability(values: &[f64], low: Option<f64>, high: Option<f64>) -> Result<Capability, Unsaid> {
    at_least(2, values.len())?;
    let (mean, n) = (mean(values), values.len());
    let s = standard_deviation(values).unwrap_or_default();
    if s <= 0.0 {
        return Err(Unsaid::AllEqual(mean));
    }
    let overall = indices(mean, s, count(n) - 1.0, n, low, high)?;
    let sigma = within(&moving_ranges(values));
    let degrees = MOVING_RANGE_DEGREES * (count(n) - 1.0);
    let within = match sigma > 0.0 {
        true => Some(indices(mean, sigma, degrees, n, low, high)?),
        false => None,
    };
    Ok(Capability { n, within, overall })
}

/// The indices of a mean and a sigma that is known as well as `degrees` of freedom say.
pub(crate) fn indices(
    mean: f64,
    sigma: f64,
    degrees: f64,
    n: usize,
    low: Option<f64>,
    high: Option<f64>,
) -> Result<Indices, Unsaid> {
    let lower = low.map(|low| (mean - low) / (3.0 * sigma));
    let upper = high.map(|high| (high - mean) / (3.0 * sigma));
    let potential = match (low, high) {
        (Some(low), Some(high)) if low >= high => return Err(Unsaid::CrossedLimits),
        (Some(low), Some(high)) => {
            let value = (high - low) / (6.0 * sigma);
            let bound = |p| value * (chi_square_quantile(p, degrees) / degrees).sqrt();
            Some(Index {
                value,
                low: bound(TAIL),
                high: bound(1.0 - TAIL),
            })
        }
        (None, Some(_)) | (Some(_), None) => None,
        (None, None) => return Err(Unsaid::NoLimit),
    };
    let value = lower.into_iter().chain(upper).fold(f64::INFINITY, f64::min);
    let half = normal_quantile(1.0 - TAIL) * (1.0 / (9.0 * count(n)) + value * value / (2.0 * degrees)).sqrt();
    let actual = Index {
        value,
        low: value - half,
        high: value + half,
    };
    Ok(Indices {
        sigma,
        potential,
        actual,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(index: Index) -> [String; 3] {
        [index.value, index.low, index.high].map(|number| format!("{number:.2}"))
    }

    /// NIST 6.1.6: mean 16, s 2, limits 8 and 20.
    #[test]
    fn the_handbooks_indices_are_met() {
        let found = indices(16.0, 2.0, 49.0, 50, Some(8.0), Some(20.0)).unwrap();
        assert_eq!(format!("{:.1}", found.potential.unwrap().value), "1.0");
        assert_eq!(format!("{:.4}", found.actual.value), "0.6667");
        let upper = indices(16.0, 2.0, 49.0, 50, None, Some(20.0)).unwrap();
        assert_eq!(
            (upper.potential, format!("{:.4}", upper.actual.value)),
            (None, "0.6667".to_owned())
        );
        let lower = indices(16.0, 2.0, 49.0, 50, Some(8.0), None).unwrap();
        assert_eq!(format!("{:.4}", lower.actual.value), "1.3333");
    }

    /// After D. C. Montgomery, Introduction to Statistical Quality Control, 5th edition, examples 7-4 and 7-5: of 20 values,
    /// limits 38 and 62, s 1.75. The book was not read. What a public worked solution of the first prints is Cp 2.29 and an upper
    /// bound of 3.01 by chi-square 32.85; its lower bound is by another quantile. The rest follows from the formulas.
    #[test]
    fn bounds_follow_from_the_formulas_as_in_montgomerys_examples() {
        let found = indices(50.0, 24.0 / 6.0 / 2.29, 19.0, 20, Some(38.0), Some(62.0)).unwrap();
        assert_eq!(printed(found.potential.unwrap()), ["2.29", "1.57", "3.01"]);
        let found = indices(1.33 * 3.0, 1.0, 19.0, 20, Some(0.0), None).unwrap();
        assert_eq!(printed(found.actual), ["1.33", "0.88", "1.78"]);
    }

    #[test]
    fn what_has_no_index_says_why() {
        for (values, low, high, sentence) in [
            (&[][..], Some(0.0), Some(1.0), "there is no value"),
            (&[1.0], Some(0.0), Some(1.0), "there is one value, and 2 are needed"),
            (&[3.3; 5], Some(0.0), Some(5.0), "all values are 3.3: they do not vary"),
            (&[1.0, 2.0], None, None, "there is neither a low nor a high limit"),
            (
                &[1.0, 2.0],
                Some(2.0),
                Some(2.0),
                "the low limit is not below the high one",
            ),
        ] {
            assert_eq!(capability(values, low, high).unwrap_err().to_string(), sentence);
        }
    }

    #[test]
    fn a_process_outside_its_limits_has_a_negative_index_and_steps_widen_ppk_alone() {
        let outside = capability(&[9.0, 10.0, 9.0, 11.0], None, Some(5.0)).unwrap();
        assert!(outside.overall.actual.value < 0.0 && outside.is_thin());
        let mut steps = vec![1.0, 1.1, 1.0, 1.1, 1.0, 1.1];
        steps.extend([5.0, 5.1, 5.0, 5.1, 5.0, 5.1]);
        let found = capability(&steps, Some(0.0), Some(10.0)).unwrap();
        assert!(found.within.unwrap().potential.unwrap().value > 2.0 * found.overall.potential.unwrap().value);
    }
}
