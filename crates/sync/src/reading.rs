//! What goes out as a measurement's value, for every target alike. A missing value never leaves as a PASS.

use crate::target::Verdict;
use benchtop_store::record::{Measurement, MeasurementOutcome, Overrange, ReadingKind, Step, Value};
use serde::{Serialize, Serializer};

/// The value of a measurement on the wire; left out where there is none, never null.
///
/// Beyond the range there is a reading, though not a number: it goes out as the words that the unit's history shows,
/// `overrange` or `negative overrange`. An accepted one is thus a PASS that has a value, and a refused one is a FAIL that
/// says what was seen. (9.9E37 would poison every mean and Cpk; leaving it out would look like a measurement never taken.)
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum MeasuredValue {
    /// A number.
    Number(f64),
    /// A text that was measured.
    Text(String),
    /// True or false.
    Boolean(bool),
    /// Numbers in a row; both wires tell them as a curve.
    Numbers(Vec<f64>),
    /// Beyond the range, in words.
    BeyondRange(&'static str),
}

impl MeasuredValue {
    /// The numbers, where it is an array.
    pub(crate) fn numbers(&self) -> Option<&[f64]> {
        match self {
            Self::Numbers(numbers) => Some(numbers),
            Self::Number(_) | Self::Text(_) | Self::Boolean(_) | Self::BeyondRange(_) => None,
        }
    }
}

impl Serialize for MeasuredValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Boolean(truth) => serializer.serialize_bool(*truth),
            Self::Numbers(numbers) => numbers.serialize(serializer),
            Self::BeyondRange(words) => serializer.serialize_str(words),
        }
    }
}

impl From<MeasuredValue> for serde_json::Value {
    fn from(value: MeasuredValue) -> Self {
        match value {
            MeasuredValue::Number(number) => Self::from(number),
            MeasuredValue::Text(text) => Self::from(text),
            MeasuredValue::Boolean(truth) => Self::from(truth),
            MeasuredValue::Numbers(numbers) => Self::from(numbers),
            MeasuredValue::BeyondRange(words) => Self::from(words),
        }
    }
}

impl From<Value> for MeasuredValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Number(number) => Self::Number(number),
            Value::Text(text) => Self::Text(text),
            Value::Boolean(truth) => Self::Boolean(truth),
            Value::Numbers(numbers) => Self::Numbers(numbers),
        }
    }
}

/// The record contradicts itself: nothing of it is sent, and a person looks at it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Contradiction {
    /// A PASS without a value.
    #[error("the record calls {measurement} in step {step} a PASS, but holds no value for it: not sent")]
    PassWithoutValue {
        /// The step.
        step: String,
        /// The measurement.
        measurement: String,
    },
    /// A PASS beyond the range that no limit accepts.
    #[error(
        "the record calls {measurement} in step {step} a PASS beyond the range, but its limit does not accept that: not sent"
    )]
    PassBeyondRange {
        /// The step.
        step: String,
        /// The measurement.
        measurement: String,
    },
    /// A number that JSON does not have.
    #[error("{measurement} in step {step} is not a finite number: not sent")]
    NotFinite {
        /// The step.
        step: String,
        /// The measurement.
        measurement: String,
    },
}

/// A measurement as both wires tell it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    /// `name`, or `name[param=value]` in a sweep.
    pub(crate) name: String,
    /// The judgement, as the record has it.
    pub(crate) outcome: MeasurementOutcome,
    /// The value.
    pub(crate) value: Option<MeasuredValue>,
    /// Why it failed, was accepted beyond the range, or was not taken.
    pub(crate) reason: Option<String>,
}

/// The reading of a measurement.
pub(crate) fn reading(step: &Step, measurement: &Measurement) -> Result<Reading, Contradiction> {
    let name = step.measurement_name(&measurement.name);
    let value = match measurement.reading_kind {
        ReadingKind::Value => measurement.value.clone().map(MeasuredValue::from),
        ReadingKind::OverrangePositive => Some(MeasuredValue::BeyondRange("overrange")),
        ReadingKind::OverrangeNegative => Some(MeasuredValue::BeyondRange("negative overrange")),
        ReadingKind::NotANumber | ReadingKind::Missing => None,
    };
    if let Some(contradiction) = contradiction(step, measurement, &name, value.as_ref()) {
        return Err(contradiction);
    }
    Ok(Reading {
        name,
        outcome: measurement.outcome,
        reason: why(measurement, value.as_ref()),
        value,
    })
}

fn contradiction(
    step: &Step,
    measurement: &Measurement,
    name: &str,
    value: Option<&MeasuredValue>,
) -> Option<Contradiction> {
    let (step, measured) = (step.name.clone(), name.to_owned());
    let measured_numbers = match &measurement.value {
        Some(Value::Number(number)) => std::slice::from_ref(number),
        Some(Value::Numbers(numbers)) => numbers,
        Some(Value::Text(_) | Value::Boolean(_)) | None => &[],
    };
    let bounds = [measurement.limit_low, measurement.limit_high];
    let mut numbers = measured_numbers.iter().chain(bounds.iter().flatten());
    if numbers.any(|number| !number.is_finite()) {
        return Some(Contradiction::NotFinite {
            step,
            measurement: measured,
        });
    }
    match measurement.outcome {
        MeasurementOutcome::Fail | MeasurementOutcome::Unset => return None,
        MeasurementOutcome::Pass => {}
    }
    match value {
        None => Some(Contradiction::PassWithoutValue {
            step,
            measurement: measured,
        }),
        Some(MeasuredValue::BeyondRange(_)) if !is_accepted_overrange(measurement) => {
            Some(Contradiction::PassBeyondRange {
                step,
                measurement: measured,
            })
        }
        Some(
            MeasuredValue::BeyondRange(_)
            | MeasuredValue::Number(_)
            | MeasuredValue::Text(_)
            | MeasuredValue::Boolean(_)
            | MeasuredValue::Numbers(_),
        ) => None,
    }
}

fn is_accepted_overrange(measurement: &Measurement) -> bool {
    measurement.reading_kind == ReadingKind::OverrangePositive && measurement.overrange == Some(Overrange::Accept)
}

/// The bytes of a body, or the verdict on a record that must not be sent.
pub(crate) fn body<R: Serialize>(run: Result<R, Contradiction>) -> Result<Vec<u8>, Verdict> {
    let run = run.map_err(|contradiction| Verdict::Park {
        reason: contradiction.to_string(),
    })?;
    serde_json::to_vec(&run).map_err(|error| Verdict::Park {
        reason: format!("the record cannot be written as JSON: {error}"),
    })
}

/// The reason, and never nothing where there is no number.
fn why(measurement: &Measurement, value: Option<&MeasuredValue>) -> Option<String> {
    match (&measurement.reason, value) {
        (Some(reason), _) => Some(reason.clone()),
        (None, None) => Some("no value".into()),
        (None, Some(MeasuredValue::BeyondRange(words))) => Some((*words).into()),
        (
            None,
            Some(
                MeasuredValue::Number(_)
                | MeasuredValue::Text(_)
                | MeasuredValue::Boolean(_)
                | MeasuredValue::Numbers(_),
            ),
        ) => None,
    }
}

/// At most `most` characters.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    let end = text.char_indices().nth(most).map_or(text.len(), |(end, _)| end);
    text.get(..end).unwrap_or(text)
}
