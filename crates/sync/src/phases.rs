//! A record's steps as the phases that both versions of TofuPilot know.

use crate::times::{Span, span};
use benchtop_store::record::{MeasurementOutcome, Record, Step, StepOutcome};
use serde::Serialize;

/// One attempt at a step.
#[derive(Debug)]
pub(crate) struct Phase<'r> {
    /// The attempt.
    pub(crate) step: &'r Step,
    /// Its outcome in TofuPilot's words.
    pub(crate) outcome: PhaseOutcome,
    /// When it ran; for a step that was not reached, the moment at which it was passed over.
    pub(crate) span: Span,
    /// Why, unless it passed.
    pub(crate) docstring: Option<String>,
}

/// How a phase ends in TofuPilot's words; it knows no TIMEOUT and no ABORTED here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum PhaseOutcome {
    /// As ours.
    Pass,
    /// As ours.
    Fail,
    /// As ours.
    Skip,
    /// Error, Timeout and Aborted.
    Error,
}

/// How a measurement or a validator ends in TofuPilot's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Judged {
    /// As ours.
    Pass,
    /// As ours.
    Fail,
    /// As ours.
    Unset,
}

impl From<MeasurementOutcome> for Judged {
    fn from(outcome: MeasurementOutcome) -> Self {
        match outcome {
            MeasurementOutcome::Pass => Self::Pass,
            MeasurementOutcome::Fail => Self::Fail,
            MeasurementOutcome::Unset => Self::Unset,
        }
    }
}

/// Every attempt at every step, in order; the attempts before the deciding one first.
pub(crate) fn phases(record: &Record) -> Vec<Phase<'_>> {
    let mut reached = record.started_at;
    let mut phases = Vec::new();
    for step in record.steps.iter().flat_map(Step::all_attempts) {
        let started = step.started_at.unwrap_or(reached);
        let ended = step.ended_at.unwrap_or(started);
        reached = ended.max(reached);
        let (outcome, docstring) = told(step);
        phases.push(Phase {
            step,
            outcome,
            span: span(started, ended),
            docstring,
        });
    }
    phases
}

/// The outcome in TofuPilot's words, and what those leave out.
fn told(step: &Step) -> (PhaseOutcome, Option<String>) {
    let reason = step.reason.clone();
    let folded = |word: &str| {
        let docstring = reason
            .as_ref()
            .map_or_else(|| word.to_owned(), |why| format!("{word}: {why}"));
        (PhaseOutcome::Error, Some(docstring))
    };
    match step.outcome {
        StepOutcome::Pass => (PhaseOutcome::Pass, reason),
        StepOutcome::Fail => (PhaseOutcome::Fail, reason),
        StepOutcome::Skip => (PhaseOutcome::Skip, reason),
        StepOutcome::Error => (PhaseOutcome::Error, reason),
        StepOutcome::Timeout => folded("TIMEOUT"),
        StepOutcome::Aborted => folded("ABORTED"),
    }
}
