//! The body of `POST /api/v2/runs`, in the order in which the official clients write it.

use crate::phases::{Judged, PhaseOutcome};
use crate::reading::MeasuredValue;
use serde::Serialize;
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) docstring: Option<String>,
}

/// One bound of a limit, judged here: the server stores it as sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Validator {
    pub(crate) outcome: Judged,
    pub(crate) operator: &'static str,
    pub(crate) expected_value: f64,
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

impl From<Metadatum> for serde_json::Value {
    fn from(value: Metadatum) -> Self {
        match value {
            Metadatum::Text(text) => Self::from(text),
            Metadatum::Whole(number) => Self::from(number),
            Metadatum::Number(number) => Self::from(number),
            Metadatum::Flag(flag) => Self::from(flag),
        }
    }
}
