//! The closed sets of a record, its numbers and its limits, as words.

use benchtop_store::record::{Band, Decision, Measurement, ReadingKind, Section, Value};
use chrono::{DateTime, SecondsFormat, Utc};
use std::borrow::Cow;

pub(super) use crate::{
    filter::purpose_word as purpose,
    words::{measurement_outcome, run_outcome, step_outcome},
};

pub(super) const fn section(section: Section) -> &'static str {
    match section {
        Section::Setup => "setup",
        Section::Main => "main",
        Section::Teardown => "teardown",
    }
}

pub(super) const fn reading_kind(kind: ReadingKind) -> &'static str {
    match kind {
        ReadingKind::Value => "value",
        ReadingKind::OverrangePositive => "overrange_positive",
        ReadingKind::OverrangeNegative => "overrange_negative",
        ReadingKind::NotANumber => "not_a_number",
        ReadingKind::Missing => "missing",
    }
}

pub(super) const fn decision(decision: Decision) -> &'static str {
    match decision {
        Decision::Pass => "pass",
        Decision::ConditionalPass => "conditional_pass",
        Decision::ConditionalFail => "conditional_fail",
        Decision::Fail => "fail",
    }
}

/// The kind of a value; empty where there is none.
pub(super) const fn value_kind(value: Option<&Value>) -> &'static str {
    match value {
        None => "",
        Some(Value::Number(_)) => "number",
        Some(Value::Text(_)) => "text",
        Some(Value::Boolean(_)) => "boolean",
        Some(Value::Numbers(_)) => "array",
    }
}

/// The shortest decimal that reads back as the same number.
pub(super) fn decimal(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-6..1e15).contains(&size) {
        format!("{number}")
    } else {
        format!("{number:e}")
    }
}

/// A value as text; an array is JSON.
pub(super) fn value(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Number(number) => Cow::Owned(decimal(*number)),
        Value::Text(text) => Cow::Borrowed(text),
        Value::Boolean(truth) => Cow::Borrowed(if *truth { "true" } else { "false" }),
        Value::Numbers(numbers) => {
            let numbers: Vec<String> = numbers.iter().map(|number| decimal(*number)).collect();
            Cow::Owned(format!("[{}]", numbers.join(",")))
        }
    }
}

/// UTC to the microsecond, with `Z`.
pub(super) fn moment(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Everything that a value had to be, in words; empty without a limit.
pub(super) fn limit(measurement: &Measurement) -> String {
    let mut parts = Vec::new();
    match (measurement.limit_low, measurement.limit_high) {
        (Some(low), Some(high)) => parts.push(format!("{} .. {}", decimal(low), decimal(high))),
        (Some(low), None) => parts.push(format!(">= {}", decimal(low))),
        (None, Some(high)) => parts.push(format!("<= {}", decimal(high))),
        (None, None) => {}
    }
    if let Some(limit) = &measurement.limit {
        if let Some(outside) = &limit.outside {
            parts.push(format!("outside {}", band(outside)));
        }
        if let Some(equals) = &limit.equals {
            parts.push(format!("equals {}", value(equals)));
        }
        if !limit.one_of.is_empty() {
            let one_of: Vec<Cow<'_, str>> = limit.one_of.iter().map(value).collect();
            parts.push(format!("one of {}", one_of.join(", ")));
        }
        if let Some(pattern) = &limit.matches {
            parts.push(format!("matches {pattern}"));
        }
        if let Some(guard_band) = &limit.guard_band {
            parts.push(format!("guard band {guard_band}"));
        }
        if let Some(marginal) = &limit.marginal {
            parts.push(format!("marginal beyond {}", band(marginal)));
        }
    }
    parts.join("; ")
}

fn band(band: &Band) -> String {
    let end = |end: Option<f64>| end.map(decimal).unwrap_or_default();
    format!("{} .. {}", end(band.low), end(band.high))
}

/// The smallest and the largest value that pass: behind the guard band where there is one.
pub(super) fn acceptance(measurement: &Measurement) -> (Option<f64>, Option<f64>) {
    let low = measurement.acceptance_low.or(measurement.limit_low);
    let high = measurement.acceptance_high.or(measurement.limit_high);
    (low, high)
}

/// At most `most` bytes; what is cut ends in `...`.
pub(super) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let room = most.saturating_sub(3);
    let kept: String = text
        .char_indices()
        .take_while(|(at, c)| at + c.len_utf8() <= room)
        .map(|(_, c)| c)
        .collect();
    Cow::Owned(format!("{kept}..."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_reads_back_as_the_same_number() {
        for (number, expected) in [
            (3.3, "3.3"),
            (5.0, "5"),
            (0.0, "0"),
            (-0.045_23, "-0.04523"),
            (1e-9, "1e-9"),
            (9.9e37, "9.9e37"),
            (0.1 + 0.2, "0.30000000000000004"),
            (f64::MAX, "1.7976931348623157e308"),
        ] {
            assert_eq!(decimal(number), expected);
            assert_eq!(decimal(number).parse::<f64>().unwrap().to_bits(), number.to_bits());
        }
    }

    #[test]
    fn what_is_cut_says_so_and_stays_text() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcdefgh", 6), "abc...");
        assert_eq!(cut("\u{3a9}\u{3a9}\u{3a9}\u{3a9}", 7), "\u{3a9}\u{3a9}...");
        assert_eq!(cut(&"x".repeat(1 << 20), 255).len(), 255);
    }
}
