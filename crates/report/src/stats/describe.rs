//! What a row of values is like: how many, where, how wide.

use super::{Unsaid, distribution::count};

/// The percentiles that a summary gives.
pub const PERCENTILES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

/// A row of values in short.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// How many.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation (n - 1); none for a single value.
    pub s: Option<f64>,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The values at [`PERCENTILES`].
    pub percentiles: [f64; 7],
}

/// What the values are like.
///
/// # Errors
/// [`Unsaid::NoValue`].
pub fn summary(values: &[f64]) -> Result<Summary, Unsaid> {
    of_sorted(&sorted(values))
}

/// The same of values that rise.
pub(crate) fn of_sorted(sorted: &[f64]) -> Result<Summary, Unsaid> {
    let (Some(min), Some(max)) = (sorted.first(), sorted.last()) else {
        return Err(Unsaid::NoValue);
    };
    Ok(Summary {
        n: sorted.len(),
        mean: mean(sorted),
        s: standard_deviation(sorted),
        min: *min,
        max: *max,
        percentiles: PERCENTILES.map(|part| percentile(sorted, part)),
    })
}

/// The same values, rising.
#[must_use]
pub fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// The mean; 0 of nothing. The second pass takes out what rounding left of the first.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    let n = count(values.len().max(1));
    let first = values.iter().sum::<f64>() / n;
    first + values.iter().map(|value| value - first).sum::<f64>() / n
}

/// The standard deviation with n - 1 (NIST 1.3.5.6); none for fewer than two values.
#[must_use]
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let (n, mean) = (count(values.len()), mean(values));
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let rest: f64 = values.iter().map(|value| value - mean).sum();
    Some(((squares - rest * rest / n) / (n - 1.0)).max(0.0).sqrt())
}

/// The value below which a part `p` lies, of rising values (NIST 7.2.6.2: rank p (N + 1), ends held); 0 of nothing.
#[must_use]
pub fn percentile(sorted: &[f64], p: f64) -> f64 {
    let rank = p * (count(sorted.len()) + 1.0);
    let mut below = None;
    for (value, at) in sorted.iter().zip(1_u32..) {
        let at = f64::from(at);
        if at >= rank {
            return match below {
                Some(below) => below + (1.0 - (at - rank)) * (value - below),
                None => *value,
            };
        }
        below = Some(*value);
    }
    below.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST 7.2.6.2: twelve measurements of resistivity.
    #[test]
    fn the_handbooks_percentile_is_met() {
        let values = [
            95.1772, 95.1567, 95.1937, 95.1959, 95.1442, 95.0610, 95.1591, 95.1195, 95.1065, 95.0925, 95.1990, 95.1682,
        ];
        assert_eq!(format!("{:.4}", percentile(&sorted(&values), 0.9)), "95.1981");
    }

    /// NIST Statistical Reference Datasets, `NumAcc3`: certified mean 1000000.2 and standard deviation 0.1.
    #[test]
    fn digits_survive_a_large_offset() {
        let pairs = std::iter::repeat_n([1_000_000.1, 1_000_000.3], 500).flatten();
        let values: Vec<f64> = std::iter::once(1_000_000.2).chain(pairs).collect();
        assert_eq!(format!("{:.7}", mean(&values)), "1000000.2000000");
        assert_eq!(format!("{:.7}", standard_deviation(&values).unwrap()), "0.1000000");
    }

    #[test]
    fn nothing_one_value_and_equal_values_are_no_trouble() {
        assert_eq!(summary(&[]).unwrap_err().to_string(), "there is no value");
        let one = summary(&[3.3]).unwrap();
        assert_eq!(
            (one.n, one.s, one.min, one.max, one.percentiles),
            (1, None, 3.3, 3.3, [3.3; 7])
        );
        let equal = summary(&[0.1; 10]).unwrap();
        assert_eq!((equal.s, equal.percentiles), (Some(0.0), [0.1; 7]));
    }
}
