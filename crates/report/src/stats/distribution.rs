//! The distributions that bounds and tests need: normal, Student's t, chi-square, F.
//!
//! The functions behind them are the incomplete gamma and beta functions by series and continued fraction, as in Abramowitz
//! and Stegun, Handbook of Mathematical Functions, 6.5 and 26.5; ln gamma is Lanczos' approximation. Quantiles are found by
//! halving: they are asked for a few times a report, and halving cannot run away. Good to some ten digits.

use std::f64::consts::PI;

/// A number of things, as a number to compute with.
#[must_use]
pub fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::from(u32::MAX), f64::from)
}

/// Lanczos' coefficients for g = 7.
const LANCZOS: [f64; 8] = [
    676.520_368_121_885_1,
    -1_259.139_216_722_402_8,
    771.323_428_777_653_1,
    -176.615_029_162_140_6,
    12.507_343_278_686_905,
    -0.138_571_095_265_720_12,
    9.984_369_578_019_572e-6,
    1.505_632_735_149_311_6e-7,
];

fn ln_gamma(x: f64) -> f64 {
    if x < 0.5 {
        return (PI / (PI * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let terms = LANCZOS.iter().zip(1_u32..).map(|(term, at)| term / (x + f64::from(at)));
    let sum = 0.999_999_999_999_809_9 + terms.sum::<f64>();
    let t = x + 7.5;
    0.5 * (2.0 * PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

const TERMS: u32 = 10_000;
const SMALL: f64 = 1e-300;
const CLOSE: f64 = 1e-15;

/// Regularised incomplete gamma functions P(a, x) and Q(a, x); neither loses its digits where it is small.
fn gamma_p_q(a: f64, x: f64) -> (f64, f64) {
    gamma_p_q_of(a, x, ln_gamma(a))
}

/// The same with ln gamma of `a`, where many are asked for.
fn gamma_p_q_of(a: f64, x: f64, ln_gamma: f64) -> (f64, f64) {
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    let front = (a * x.ln() - x - ln_gamma).exp();
    if x < a + 1.0 {
        let (mut term, mut sum) = (1.0 / a, 1.0 / a);
        for n in 1..TERMS {
            term *= x / (a + f64::from(n));
            sum += term;
            if term < sum * CLOSE {
                break;
            }
        }
        let p = front * sum;
        return (p, 1.0 - p);
    }
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / SMALL, 1.0 / b);
    let mut h = d;
    for n in 1..TERMS {
        let n = f64::from(n);
        let an = -n * (n - a);
        b += 2.0;
        d = 1.0 / kept_from_zero(an * d + b);
        c = kept_from_zero(b + an / c);
        let step = d * c;
        h *= step;
        if (step - 1.0).abs() < CLOSE {
            break;
        }
    }
    let q = front * h;
    (1.0 - q, q)
}

fn kept_from_zero(x: f64) -> f64 {
    if x.abs() < SMALL { SMALL } else { x }
}

/// Regularised incomplete beta function.
fn beta_i(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, 1.0 - x) / b
    }
}

fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let (mut c, mut d) = (1.0, 1.0 / kept_from_zero(1.0 - (a + b) * x / (a + 1.0)));
    let mut h = d;
    for m in 1..TERMS {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / kept_from_zero(1.0 + even * d);
        c = kept_from_zero(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / kept_from_zero(1.0 + odd * d);
        c = kept_from_zero(1.0 + odd / c);
        let step = d * c;
        h *= step;
        if (step - 1.0).abs() < CLOSE {
            break;
        }
    }
    h
}

/// Where a rising function reaches `p`, between `low` and `high`.
fn halved(mut low: f64, mut high: f64, p: f64, rising: impl Fn(f64) -> f64) -> f64 {
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if rising(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The part of a standard normal distribution below `z`.
#[must_use]
pub fn normal_below(z: f64) -> f64 {
    normal_sides(z).0
}

/// The parts of a standard normal distribution below and above `z`; neither loses its digits where it is small.
#[must_use]
pub fn normal_sides(z: f64) -> (f64, f64) {
    // gamma of one half is the root of pi
    let (p, q) = gamma_p_q_of(0.5, z * z / 2.0, PI.ln() / 2.0);
    let (near, far) = (f64::midpoint(1.0, p), q / 2.0);
    if z < 0.0 { (far, near) } else { (near, far) }
}

/// The z below which a part `p` of a standard normal distribution lies.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    halved(-40.0, 40.0, p, normal_below)
}

/// The part of Student's t distribution that lies as far from zero as `t`, or further, on both sides.
#[must_use]
pub fn t_both_tails(t: f64, degrees: f64) -> f64 {
    beta_i(degrees / 2.0, 0.5, degrees / (degrees + t * t))
}

/// The part of a chi-square distribution below `x`.
#[must_use]
pub fn chi_square_below(x: f64, degrees: f64) -> f64 {
    gamma_p_q(degrees / 2.0, x / 2.0).0
}

/// The x below which a part `p` of a chi-square distribution lies.
#[must_use]
pub fn chi_square_quantile(p: f64, degrees: f64) -> f64 {
    let most = degrees + 40.0 * (2.0 * degrees).sqrt() + 100.0;
    halved(0.0, most, p, |x| chi_square_below(x, degrees))
}

/// The part of an F distribution above `f`.
#[must_use]
pub fn f_above(f: f64, numerator: f64, denominator: f64) -> f64 {
    if f <= 0.0 {
        return 1.0;
    }
    beta_i(
        denominator / 2.0,
        numerator / 2.0,
        denominator / (denominator + numerator * f),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: f64, printed: &str) {
        let decimals = printed.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        assert_eq!(format!("{found:.decimals$}"), printed);
    }

    /// NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7, tables of the normal, t, F and chi-square distributions.
    #[test]
    fn they_agree_with_the_tables_of_the_handbook() {
        check(normal_below(0.0), "0.50000");
        check(normal_below(1.0), "0.84134");
        check(normal_below(1.96), "0.97500");
        check(normal_below(-1.0), "0.15866");
        check(normal_below(3.0), "0.99865");
        check(normal_quantile(0.975), "1.960");
        check(normal_quantile(0.5).abs(), "0.000");
        check(t_both_tails(2.228, 10.0), "0.050");
        check(t_both_tails(-12.706, 1.0), "0.050");
        check(t_both_tails(2.042, 30.0), "0.050");
        check(chi_square_quantile(0.025, 19.0), "8.907");
        check(chi_square_quantile(0.975, 19.0), "32.852");
        check(chi_square_quantile(0.95, 1.0), "3.841");
        check(chi_square_quantile(0.95, 100.0), "124.342");
        check(f_above(4.965, 1.0, 10.0), "0.050");
        check(f_above(2.348, 10.0, 20.0), "0.050");
        check(f_above(0.0, 3.0, 4.0), "1.000");
    }
}
