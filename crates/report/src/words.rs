//! Numbers and outcomes for people.

use benchtop_store::record::{MeasurementOutcome, RunOutcome, StepOutcome};
use chrono::{DateTime, Utc};

/// Six significant digits, without zeros at the end; as a power of ten where it is very large or very small.
#[must_use]
pub fn number(value: f64) -> String {
    digits(value, 6)
}

/// The same with so many significant digits.
#[must_use]
pub fn digits(value: f64, significant: i32) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    if value.abs() <= 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{value:.*e}", usize::try_from(significant - 1).unwrap_or_default());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if !(-5..significant.max(7)).contains(&exponent) {
        return format!("{}e{exponent}", trimmed(mantissa));
    }
    let decimals = usize::try_from(significant - 1 - exponent).unwrap_or_default();
    trimmed(&format!("{value:.decimals$}")).to_owned()
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

/// A part of one in per cent: `98.5 %`. What is not all never reads as `100.0 %`, and what is something never as `0.0 %`: it has
/// more digits then.
#[must_use]
pub fn percent(part: f64) -> String {
    let (is_all, is_none) = (part >= 1.0, part <= 0.0);
    let mut texts = (1..9).map(|decimals| format!("{:.decimals$}", 100.0 * part));
    let reads_so = |text: &String| {
        let read: f64 = text.parse().unwrap_or(part);
        (read >= 100.0) == is_all && (read <= 0.0) == is_none
    };
    let text = texts.find(reads_so).unwrap_or_else(|| (100.0 * part).to_string());
    format!("{text} %")
}

/// A probability: `0.034`, `< 0.001`.
#[must_use]
pub fn probability(p: f64) -> String {
    if p < 0.001 {
        "< 0.001".to_owned()
    } else {
        format!("{p:.3}")
    }
}

/// A moment to the minute, in UTC: `2026-03-04 05:06`.
#[must_use]
pub fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M").to_string()
}

/// `1 run`, `2 runs`.
#[must_use]
pub fn counted(number: usize, one: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {one}s")
    }
}

/// As files and people have it.
pub(crate) const fn run_outcome(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Pass => "PASS",
        RunOutcome::Fail => "FAIL",
        RunOutcome::Aborted => "ABORTED",
        RunOutcome::Timeout => "TIMEOUT",
        RunOutcome::Error => "ERROR",
    }
}

/// As files and people have it.
pub(crate) const fn step_outcome(outcome: StepOutcome) -> &'static str {
    match outcome {
        StepOutcome::Pass => "PASS",
        StepOutcome::Fail => "FAIL",
        StepOutcome::Skip => "SKIP",
        StepOutcome::Error => "ERROR",
        StepOutcome::Timeout => "TIMEOUT",
        StepOutcome::Aborted => "ABORTED",
    }
}

/// As files and people have it.
pub(crate) const fn measurement_outcome(outcome: MeasurementOutcome) -> &'static str {
    match outcome {
        MeasurementOutcome::Pass => "PASS",
        MeasurementOutcome::Fail => "FAIL",
        MeasurementOutcome::Unset => "UNSET",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_all_is_not_said_to_be_all() {
        for (part, whole, expected) in [
            (2000.0, 2000.0, "100.0 %"),
            (1999.0, 2000.0, "99.95 %"),
            (99_999.0, 100_000.0, "99.999 %"),
            (39.0, 40.0, "97.5 %"),
            (1.0, 3.0, "33.3 %"),
            (1.0, 3000.0, "0.03 %"),
            (1.0, 1e12, "0.0000000001 %"),
            (0.0, 7.0, "0.0 %"),
        ] {
            assert_eq!(percent(part / whole), expected, "{part} of {whole}");
        }
    }

    #[test]
    fn numbers_have_six_digits_and_no_zeros_behind() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (3.3, "3.3"),
            (3.299_162_63, "3.29916"),
            (-0.5, "-0.5"),
            (1_000_000.0, "1000000"),
            (12_345_678.0, "1.23457e7"),
            (0.000_012_345_678, "0.0000123457"),
            (1e-9, "1e-9"),
            (999_999.96, "1000000"),
            (100.0, "100"),
            (f64::NAN, "-"),
            (f64::INFINITY, "-"),
        ] {
            assert_eq!(number(value), expected, "{value}");
        }
        assert_eq!(
            (probability(0.0004).as_str(), probability(0.05).as_str()),
            ("< 0.001", "0.050")
        );
        assert_eq!(
            (counted(1, "run").as_str(), counted(0, "run").as_str()),
            ("1 run", "0 runs")
        );
    }
}
