//! Measurements of a record as an operator saw them: value, unit, limits in words.

use benchtop_store::record::{Measurement, Overrange, ReadingKind, Value};

/// Numbers of an array that are shown.
const SHOWN: usize = 4;

/// With its unit, where it has one.
fn with_unit(text: &str, unit: &str) -> String {
    if unit.is_empty() {
        text.to_owned()
    } else {
        format!("{text} {unit}")
    }
}

/// A value; the kind of the reading where there is none.
#[must_use]
pub fn value(measurement: &Measurement) -> String {
    match &measurement.value {
        Some(value) => value_in(value, &measurement.unit),
        None => reading_kind(measurement.reading_kind).to_owned(),
    }
}

fn value_in(value: &Value, unit: &str) -> String {
    match value {
        Value::Number(number) => with_unit(&number.to_string(), unit),
        Value::Text(text) => format!("\"{text}\""),
        Value::Boolean(truth) => truth.to_string(),
        Value::Numbers(numbers) => {
            let shown: Vec<String> = numbers.iter().take(SHOWN).map(ToString::to_string).collect();
            let more = if numbers.len() > SHOWN { ", ..." } else { "" };
            let inside = with_unit(&format!("{}{more}", shown.join(", ")), unit);
            format!("{} numbers ({inside})", numbers.len())
        }
    }
}

const fn reading_kind(kind: ReadingKind) -> &'static str {
    match kind {
        ReadingKind::Value => "value",
        ReadingKind::OverrangePositive => "overrange positive",
        ReadingKind::OverrangeNegative => "overrange negative",
        ReadingKind::NotANumber => "not a number",
        ReadingKind::Missing => "missing",
    }
}

/// The bounds alone: `3.25 .. 3.35 V`, `>= 3.25 V`; none without any.
#[must_use]
pub fn bounds(low: Option<f64>, high: Option<f64>, unit: &str) -> Option<String> {
    match (low, high) {
        (Some(low), Some(high)) => Some(format!("{low} .. {}", with_unit(&high.to_string(), unit))),
        (Some(low), None) => Some(format!(">= {}", with_unit(&low.to_string(), unit))),
        (None, Some(high)) => Some(format!("<= {}", with_unit(&high.to_string(), unit))),
        (None, None) => None,
    }
}

/// The limit in words; none without one.
#[must_use]
pub fn limit(measurement: &Measurement) -> Option<String> {
    let unit = &measurement.unit;
    let mut said = Vec::new();
    let bounds = bounds(measurement.limit_low, measurement.limit_high, unit);
    let full = measurement.limit.as_ref();
    let nominal = full.and_then(|full| {
        let tolerance = match (full.tolerance, full.tolerance_percent) {
            (Some(width), _) => with_unit(&width.to_string(), unit),
            (None, Some(percent)) => format!("{percent} %"),
            (None, None) => return None,
        };
        Some(format!(
            "{} +- {tolerance}",
            with_unit(&full.nominal?.to_string(), unit)
        ))
    });
    match (nominal, bounds) {
        (Some(nominal), Some(bounds)) => said.push(format!("{nominal} ({bounds})")),
        (None, Some(bounds)) => said.push(bounds),
        (_, None) => {}
    }
    if let Some(full) = full {
        if let Some((low, high)) = full.outside.as_ref().and_then(|band| band.low.zip(band.high)) {
            said.push(format!("outside {low} .. {}", with_unit(&high.to_string(), unit)));
        }
        said.extend(full.equals.iter().map(|value| format!("= {}", value_in(value, unit))));
        if !full.one_of.is_empty() {
            let values: Vec<String> = full.one_of.iter().map(|value| value_in(value, unit)).collect();
            said.push(format!("one of {}", values.join(", ")));
        }
        said.extend(full.matches.iter().map(|pattern| format!("matches {pattern}")));
        said.extend(full.guard_band.iter().map(|band| format!("guard band {band}")));
    }
    let mut text = said.join(", ");
    if measurement.overrange == Some(Overrange::Accept) {
        text.push_str(" or overrange");
    }
    (!text.is_empty()).then_some(text)
}

/// How well the value is known: `U = 0.001 V`.
#[must_use]
pub fn uncertainty(measurement: &Measurement) -> Option<String> {
    let known = measurement.uncertainty.as_ref()?;
    Some(format!(
        "U = {}",
        with_unit(&known.expanded.to_string(), &measurement.unit)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;
    use benchtop_store::record::{Band, LimitInFull};

    fn vcc() -> Measurement {
        let record = testkit::record(1);
        record
            .steps
            .into_iter()
            .flat_map(|step| step.measurements)
            .next()
            .unwrap()
    }

    #[test]
    fn values_and_limits_read_as_the_operator_saw_them() {
        assert_eq!(
            (value(&vcc()), limit(&vcc())),
            ("3.3 V".to_owned(), Some("3.25 .. 3.35 V".to_owned()))
        );
        let mut over = vcc();
        (over.value, over.reading_kind) = (None, ReadingKind::OverrangePositive);
        (over.limit_high, over.overrange) = (None, Some(Overrange::Accept));
        assert_eq!(
            (value(&over), limit(&over)),
            (
                "overrange positive".to_owned(),
                Some(">= 3.25 V or overrange".to_owned())
            )
        );
        let mut full = vcc();
        full.limit = Some(LimitInFull {
            nominal: Some(3.3),
            tolerance_percent: Some(1.5),
            outside: Some(Band {
                low: Some(1.0),
                high: Some(2.0),
            }),
            one_of: vec![Value::Number(1.0), Value::Text("x".to_owned())],
            guard_band: Some("u95".to_owned()),
            ..LimitInFull::default()
        });
        let said = "3.3 V +- 1.5 % (3.25 .. 3.35 V), outside 1 .. 2 V, one of 1 V, \"x\", guard band u95";
        assert_eq!(limit(&full).unwrap(), said);
        let mut none = vcc();
        (none.limit_low, none.limit_high, none.overrange) = (None, None, None);
        assert_eq!((limit(&none), uncertainty(&none)), (None, None));
        none.value = Some(Value::Numbers(vec![1.0, 2.0, 3.0, 4.0, 5.0]));
        assert_eq!(value(&none), "5 numbers (1, 2, 3, 4, ... V)");
    }
}
