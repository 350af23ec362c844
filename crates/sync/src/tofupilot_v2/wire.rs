//! The body of `POST /api/v2/runs`, in the order in which the official clients write it.

use crate::limits::{Expected, Part};
use crate::phases::{Judged, PhaseOutcome};
use crate::reading::MeasuredValue;
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Run<'r> {
    pub(crate) outcome: Outcome,
    pub(crate) procedure_id: &'r str,
    pub(crate) started_at: String,
    pub(crate) ended_at: String,
    pub(crate) serial_number: &'r str,
    pub(crate) client_run_ref: &'r str,
    pub(crate) procedure_version: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operated_by: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) part_number: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) revision_number: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) batch_number: Option<&'r str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(crate) sub_units: &'r [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) docstring: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) phases: Vec<Phase<'r>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) logs: Vec<Log<'r>>,
    /// What the runs of all slots of one start have in common; one run for each slot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) execution_id: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) slot_key: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) slot_name: Option<&'r str>,
    /// At most 50 keys of at most 40 characters.
    pub(crate) metadata: BTreeMap<&'static str, Metadatum<'r>>,
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
pub(crate) struct Phase<'r> {
    pub(crate) name: &'r str,
    pub(crate) outcome: PhaseOutcome,
    pub(crate) started_at: String,
    pub(crate) ended_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) docstring: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) measurements: Vec<Measurement<'r>>,
    pub(crate) retry_count: u32,
}

/// A measurement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Measurement<'r> {
    pub(crate) name: String,
    pub(crate) outcome: Judged,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) measured_value: Option<MeasuredValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) units: Option<&'r str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) validators: Vec<Validator>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) aggregations: Vec<Aggregation<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) x_axis: Option<Axis<'r>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) y_axis: Vec<Axis<'r>>,
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
pub(crate) struct Aggregation<'r> {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// UNSET, unless it is the number that was judged.
    pub(crate) outcome: Judged,
    pub(crate) value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unit: Option<&'r str>,
}

/// One axis of a curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Axis<'r> {
    pub(crate) data: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) units: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'r str>,
}

impl<'r> Axis<'r> {
    /// Numbers in a row.
    pub(crate) fn of(numbers: &[f64], units: Option<&'r str>, name: &'r str) -> Self {
        Self {
            data: numbers.to_vec(),
            units,
            name: Some(name),
        }
    }

    /// 0, 1, 2, ...: a record's array does not say when each of its numbers was taken.
    pub(crate) fn counting(count: usize) -> Self {
        Self {
            data: (0_u32..).take(count).map(f64::from).collect(),
            units: None,
            name: Some("sample"),
        }
    }
}

/// A log line; the server wants all five.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Log<'r> {
    pub(crate) level: &'static str,
    pub(crate) timestamp: String,
    pub(crate) message: &'r str,
    pub(crate) source_file: &'r str,
    pub(crate) line_number: usize,
}

/// A value of metadata.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Metadatum<'r> {
    Text(&'r str),
    Whole(u64),
    Number(f64),
    Flag(bool),
}

impl Serialize for Metadatum<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Whole(number) => serializer.serialize_u64(*number),
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
        }
    }
}
