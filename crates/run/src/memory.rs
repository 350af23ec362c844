//! What a run knows of itself: how steps ended and what was measured, for conditions and computed measurements.

use crate::outcome::StepOutcome;
use benchtop_procedure::{Facts, Value};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Everything so far, by full names. It outlives the task of a section.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    outcomes: BTreeMap<String, StepOutcome>,
    values: BTreeMap<String, Value>,
}

impl Memory {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A step or a group has ended; its last word counts.
    pub(crate) fn ended(&self, name: String, outcome: StepOutcome) {
        self.known().outcomes.insert(name, outcome);
    }

    /// A measurement was taken, or could not be: then an earlier value of it is forgotten.
    pub(crate) fn measured(&self, name: String, value: Option<Value>) {
        let mut known = self.known();
        match value {
            Some(value) => known.values.insert(name, value),
            None => known.values.remove(&name),
        };
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
