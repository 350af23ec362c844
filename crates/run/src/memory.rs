//! What a run knows of itself: how steps ended and what was measured, for conditions and computed measurements.

use crate::outcome::StepOutcome;
use benchtop_procedure::{
    Facts, MeasurementSource, Origin, Origins, Procedure, Step, Value, full_name, settle_time_name,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Everything so far, by full names. It outlives the task of a section.
#[derive(Debug)]
pub(crate) struct Memory {
    known: Mutex<Known>,
    /// What some expression computes with: only of that it matters how well it is known.
    operands: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Known {
    outcomes: BTreeMap<String, StepOutcome>,
    values: BTreeMap<String, Value>,
    /// How well a value is known, or why nobody knows.
    origins: BTreeMap<String, Result<Origin, String>>,
}

impl Memory {
    /// One for a run of `procedure`.
    pub(crate) fn of(procedure: &Procedure) -> Self {
        let measurements = procedure.all_steps().flat_map(|step| step.kind.measurements());
        let expressions = measurements.filter_map(|measurement| match &measurement.source {
            MeasurementSource::Compute(expression) => Some(expression),
            MeasurementSource::Reading(_) | MeasurementSource::Said(_) | MeasurementSource::Reduced(_) => None,
        });
        let operands =
            expressions.flat_map(|expression| expression.operands().into_iter().map(|operand| operand.name.clone()));
        Self {
            known: Mutex::default(),
            operands: operands.collect(),
        }
    }

    /// Whether some expression computes with a measurement.
    pub(crate) fn is_operand(&self, name: &str) -> bool {
        self.operands.contains(name)
    }

    /// How well the value of a measurement is known, or why nobody knows.
    pub(crate) fn knows(&self, name: String, origin: Result<Origin, String>) {
        self.known().origins.insert(name, origin);
    }

    /// Whether anything is known of how well, or why not, of a measurement.
    pub(crate) fn is_specified(&self, name: &str) -> bool {
        self.known().origins.contains_key(name)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same again: what happens from here on is each one's own.
    pub(crate) fn so_far(&self) -> Self {
        let known = self.known();
        Self {
            known: Mutex::new(Known {
                outcomes: known.outcomes.clone(),
                values: known.values.clone(),
                origins: known.origins.clone(),
            }),
            operands: self.operands.clone(),
        }
    }

    /// A step or a group has ended; its last word counts.
    pub(crate) fn ended(&self, name: String, outcome: StepOutcome) {
        self.known().outcomes.insert(name, outcome);
    }

    /// A measurement was taken, or could not be: then an earlier value of it is forgotten.
    pub(crate) fn measured(&self, name: String, value: Option<Value>) {
        let mut known = self.known();
        known.origins.remove(&name);
        match value {
            Some(value) => known.values.insert(name, value),
            None => known.values.remove(&name),
        };
    }

    /// A step is not carried out this time: what it measured before is no value of this attempt.
    pub(crate) fn forget(&self, step: &Step) {
        for measurement in step.kind.measurements() {
            let settled = measurement.poll().map(|_| settle_time_name(&measurement.name));
            for name in std::iter::once(measurement.name.clone()).chain(settled) {
                self.measured(full_name(&name, &step.parameters), None);
            }
        }
    }
}

impl Facts for Memory {
    fn measured(&self, name: &str) -> Option<Value> {
        self.known().values.get(name).cloned()
    }

    fn outcome(&self, name: &str) -> Option<&'static str> {
        self.known().outcomes.get(name).map(|outcome| match outcome {
            StepOutcome::Pass => "pass",
            StepOutcome::Fail => "fail",
            StepOutcome::Skip => "skip",
            StepOutcome::Error => "error",
            StepOutcome::Timeout => "timeout",
            StepOutcome::Aborted => "aborted",
        })
    }
}

impl Origins for Memory {
    fn origin(&self, name: &str) -> Result<Origin, String> {
        match self.known().origins.get(name) {
            Some(Ok(origin)) => Ok(origin.clone()),
            Some(Err(reason)) => Err(format!("{name}: {reason}")),
            None => Err(format!(
                "{name}: no instrument's specification stands behind this value"
            )),
        }
    }
}
