//! The body of `POST /api/v1/runs`, as the official clients write it.

use crate::phases::{Judged, PhaseOutcome};
use crate::reading::MeasuredValue;
use serde::Serialize;

/// A run. v1 has no idempotency key, no ERROR, TIMEOUT or ABORTED, and no metadata.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Run {
    pub(crate) unit_under_test: Unit,
    pub(crate) run_passed: bool,
    pub(crate) procedure_id: String,
    /// The clients send null: the identifier decides.
    pub(crate) procedure_name: Option<String>,
    pub(crate) procedure_version: Option<String>,
    pub(crate) client: &'static str,
    pub(crate) client_version: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) phases: Vec<Phase>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) logs: Vec<Log>,
    pub(crate) started_at: String,
    pub(crate) duration: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) sub_units: Vec<SubUnit>,
}

/// What was tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Unit {
    pub(crate) serial_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) part_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) revision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) batch_number: Option<String>,
}

/// A unit inside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SubUnit {
    pub(crate) serial_number: String,
}

/// An attempt at a step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Phase {
    pub(crate) name: String,
    pub(crate) outcome: PhaseOutcome,
    pub(crate) start_time_millis: i64,
    pub(crate) end_time_millis: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) docstring: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) measurements: Vec<Measurement>,
}

/// A measurement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Measurement {
    pub(crate) name: String,
    pub(crate) outcome: Judged,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) measured_value: Option<WireValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) units: Option<Units>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lower_limit: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upper_limit: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) docstring: Option<String>,
}

/// A value as v1 takes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(into = "serde_json::Value")]
pub(crate) enum WireValue {
    /// As it is.
    Plain(MeasuredValue),
    /// Pairs of position and number.
    Curve(Vec<(u32, f64)>),
}

impl WireValue {
    /// An array as a curve over 0, 1, 2, ...: a record does not say when each of its numbers was taken.
    pub(crate) fn curve(numbers: &[f64]) -> Self {
        Self::Curve((0..).zip(numbers.iter().copied()).collect())
    }
}

impl From<WireValue> for serde_json::Value {
    fn from(value: WireValue) -> Self {
        match value {
            WireValue::Plain(value) => value.into(),
            WireValue::Curve(points) => points.into_iter().map(|(x, y)| vec![f64::from(x), y]).collect(),
        }
    }
}

/// The unit of a value, or those of a curve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "serde_json::Value")]
pub(crate) enum Units {
    /// Of a single value.
    One(String),
    /// Of the numbers of a curve; their positions have none.
    OfCurve(String),
}

impl From<Units> for serde_json::Value {
    fn from(units: Units) -> Self {
        match units {
            Units::One(unit) => Self::from(unit),
            Units::OfCurve(unit) => Self::from(vec![String::new(), unit]),
        }
    }
}

/// A log line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Log {
    pub(crate) level: &'static str,
    pub(crate) timestamp: String,
    pub(crate) message: String,
    pub(crate) source_file: String,
    pub(crate) line_number: usize,
}
