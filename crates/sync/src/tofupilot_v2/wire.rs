//! The body of `POST /api/v2/runs`, in the order in which the official clients write it.

use crate::limits::{Expected, Part};
use crate::phases::{Judged, PhaseOutcome};
use crate::reading::MeasuredValue;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Run {
    pub(crate) outcome: Outcome,
    pub(crate) procedure_id: String,
    pub(crate) started_at: String,
    pub(crate) ended_at: String,
    pub(crate) serial_number: String,
    pub(crate) client_run_ref: String,
    pub(crate) procedure_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operated_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) part_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) revision_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) batch_number: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) sub_units: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) docstring: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) phases: Vec<Phase>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) logs: Vec<Log>,
    /// What the runs of all slots of one start have in common; one run for each slot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) execution_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) slot_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) slot_name: Option<String>,
    /// At most 50 keys of at most 40 characters.
    pub(crate) metadata: BTreeMap<&'static str, Metadatum>,
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Outcome {
    Pass,
    Fail,
    Error,
    Timeout,
    Aborted,
}

/// An attempt at a step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Phase {
    pub(crate) name: String,
    pub(crate) outcome: PhaseOutcome,
    pub(crate) started_at: String,
    pub(crate) ended_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) docstring: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) measurements: Vec<Measurement>,
    pub(crate) retry_count: u32,
}

/// A measurement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Measurement {
    pub(crate) name: String,
    pub(crate) outcome: Judged,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) measured_value: Option<MeasuredValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) units: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) validators: Vec<Validator>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) aggregations: Vec<Aggregation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) x_axis: Option<Axis>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) y_axis: Vec<Axis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) docstring: Option<String>,
}

/// One part of a limit, judged here: the server stores it as sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Validator {
    pub(crate) outcome: Judged,
    pub(crate) operator: &'static str,
    pub(crate) expected_value: Value,
    /// Absent where it judges; false for a warning band.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) is_decisive: Option<bool>,
}

impl From<Part> for Validator {
    fn from(part: Part) -> Self {
        let json = |value| Value::from(MeasuredValue::from(value));
        Self {
            outcome: part.outcome,
            operator: part.operator,
            expected_value: match part.expected {
                Expected::One(value) => json(value),
                Expected::OneOf(values) => values.into_iter().map(json).collect(),
                Expected::Pattern(pattern) => Value::from(pattern),
            },
            is_decisive: (!part.is_decisive).then_some(false),
        }
    }
}

/// A number over all readings of a measurement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Aggregation {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// UNSET, unless it is the number that was judged.
    pub(crate) outcome: Judged,
    pub(crate) value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unit: Option<String>,
}

/// One axis of a curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Axis {
    pub(crate) data: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) units: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
}

impl Axis {
    /// Numbers in a row.
    pub(crate) fn of(numbers: &[f64], units: Option<&str>, name: &str) -> Self {
        Self {
            data: numbers.to_vec(),
            units: units.map(str::to_owned),
            name: Some(name.to_owned()),
        }
    }

    /// 0, 1, 2, ...: a record's array does not say when each of its numbers was taken.
    pub(crate) fn counting(count: usize) -> Self {
        Self {
            data: (0_u32..).take(count).map(f64::from).collect(),
            units: None,
            name: Some("sample".to_owned()),
        }
    }
}

/// A log line; the server wants all five.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Log {
    pub(crate) level: &'static str,
    pub(crate) timestamp: String,
    pub(crate) message: String,
    pub(crate) source_file: String,
    pub(crate) line_number: usize,
}

/// A value of metadata.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(into = "serde_json::Value")]
pub(crate) enum Metadatum {
    Text(String),
    Whole(u64),
    Number(f64),
    Flag(bool),
}

impl From<Metadatum> for Value {
    fn from(value: Metadatum) -> Self {
        match value {
            Metadatum::Text(text) => Self::from(text),
            Metadatum::Whole(number) => Self::from(number),
            Metadatum::Number(number) => Self::from(number),
            Metadatum::Flag(flag) => Self::from(flag),
        }
    }
}
