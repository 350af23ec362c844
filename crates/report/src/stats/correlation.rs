//! Do two measurements go together? Pearson's r, its bounds by Fisher's transformation.
//!
//! NIST 7.2 does not have it; Dataplot's reference (NIST) under CORRELATION does: r, and t with n - 2 degrees of freedom.
//! The bounds: R. A. Fisher, "On the probable error of a coefficient of correlation", Metron 1 (1921).

use super::{
    Unsaid, at_least,
    describe::mean,
    distribution::{count, normal_quantile, t_both_tails},
};

/// How two measurements of the same units go together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correlation {
    /// How many pairs.
    pub n: usize,
    /// From -1 to 1.
    pub r: f64,
    /// Its bounds for 95 % confidence; none for fewer than four pairs.
    pub bounds: Option<(f64, f64)>,
    /// How probable such an r is where there is none.
    pub p: f64,
}

/// How the pairs go together.
///
/// # Errors
/// Fewer than three pairs, or one of the two does not vary.
pub fn correlation(pairs: &[(f64, f64)]) -> Result<Correlation, Unsaid> {
    at_least(3, pairs.len())?;
    let (xs, ys): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let (mean_x, mean_y) = (mean(&xs), mean(&ys));
    let sum = |term: fn(f64, f64) -> f64| pairs.iter().map(|(x, y)| term(x - mean_x, y - mean_y)).sum::<f64>();
    let (sxx, sxy, syy) = (sum(|x, _| x * x), sum(|x, y| x * y), sum(|_, y| y * y));
    if sxx <= 0.0 {
        return Err(Unsaid::AllEqual(mean_x));
    }
    if syy <= 0.0 {
        return Err(Unsaid::AllEqual(mean_y));
    }
    let r = (sxy / (sxx.sqrt() * syy.sqrt())).clamp(-1.0, 1.0);
    let n = count(pairs.len());
    let rest = 1.0 - r * r;
    let p = if rest > 0.0 {
        t_both_tails(r * ((n - 2.0) / rest).sqrt(), n - 2.0)
    } else {
        0.0
    };
    let bounds = (pairs.len() > 3).then(|| {
        let half = normal_quantile(0.975) / (n - 3.0).sqrt();
        // atanh of exactly 1 is infinite, and tanh takes it back
        ((r.atanh() - half).tanh(), (r.atanh() + half).tanh())
    });
    Ok(Correlation {
        n: pairs.len(),
        r,
        bounds,
        p,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F. J. Anscombe, "Graphs in statistical analysis", The American Statistician 27 (1973), the first set: r is 0.816.
    #[test]
    fn anscombes_first_set_is_met() {
        let pairs = [
            (10.0, 8.04),
            (8.0, 6.95),
            (13.0, 7.58),
            (9.0, 8.81),
            (11.0, 8.33),
            (14.0, 9.96),
            (6.0, 7.24),
            (4.0, 4.26),
            (12.0, 10.84),
            (7.0, 4.82),
            (5.0, 5.68),
        ];
        let found = correlation(&pairs).unwrap();
        assert_eq!(
            (format!("{:.3}", found.r), format!("{:.4}", found.p)),
            ("0.816".to_owned(), "0.0022".to_owned())
        );
        let (low, high) = found.bounds.unwrap();
        assert!(low > 0.0 && low < found.r && found.r < high && high < 1.0);
    }

    #[test]
    fn a_line_is_one_and_a_constant_is_a_sentence() {
        let line: Vec<(f64, f64)> = (0..10).map(|at| (f64::from(at), -2.0 * f64::from(at))).collect();
        let found = correlation(&line).unwrap();
        assert!((found.r + 1.0).abs() < 1e-12 && found.p < 1e-9);
        let (low, high) = found.bounds.unwrap();
        assert!(low.is_finite() && high.is_finite());
        let flat: Vec<(f64, f64)> = (0..10).map(|at| (f64::from(at), 3.0)).collect();
        assert_eq!(
            correlation(&flat).unwrap_err().to_string(),
            "all values are 3: they do not vary"
        );
        assert_eq!(correlation(&[]).unwrap_err().to_string(), "there is no value");
    }
}
