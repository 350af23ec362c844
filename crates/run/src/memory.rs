//! What a run knows of itself: how steps ended and what was measured, for conditions and computed measurements.
//!
//! Only of what some expression names: a long run measures much, and asks for little of it again.

use crate::outcome::StepOutcome;
use benchtop_procedure::{
    Expression, Facts, MeasurementSource, Origin, Origins, PlanNode, Procedure, Step, Value, full_name,
    settle_time_name,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Everything so far that may be asked for, by full names. It outlives the task of a section.
#[derive(Debug)]
pub(crate) struct Memory {
    known: Mutex<Known>,
    /// The measurements and the steps that some expression names.
    asked: Arc<Asked>,
    /// What some expression computes with: only of that it matters how well it is known.
    operands: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Asked {
    measurements: BTreeSet<String>,
    outcomes: BTreeSet<String>,
}

impl Asked {
    fn take(&mut self, expression: &Expression) {
        let operands = expression.operands().into_iter();
        self.measurements.extend(operands.map(|operand| operand.name.clone()));
        self.outcomes
            .extend(expression.outcomes().into_iter().map(str::to_owned));
    }

    /// What the conditions of groups name.
    fn take_groups(&mut self, nodes: &[PlanNode]) {
        for node in nodes {
            match node {
                PlanNode::Step(_) => {}
                PlanNode::Group(group) => {
                    group.when.iter().for_each(|when| self.take(when));
                    self.take_groups(&group.nodes);
                }
            }
        }
    }
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
        let mut asked = Asked::default();
        expressions.for_each(|expression| asked.take(expression));
        let operands = asked.measurements.clone();
        let conditions = procedure.all_steps().filter_map(|step| step.when.as_ref());
        conditions.for_each(|when| asked.take(when));
        let plan = &procedure.plan;
        for nodes in [&plan.setup, &plan.steps, &plan.teardown] {
            asked.take_groups(nodes);
        }
        Self {
            known: Mutex::default(),
            asked: Arc::new(asked),
            operands,
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
            asked: Arc::clone(&self.asked),
            operands: self.operands.clone(),
        }
    }

    /// A step or a group has ended; its last word counts.
    pub(crate) fn ended(&self, name: String, outcome: StepOutcome) {
        if self.asked.outcomes.contains(&name) {
            self.known().outcomes.insert(name, outcome);
        }
    }

    /// A measurement was taken, or could not be: then an earlier value of it is forgotten.
    pub(crate) fn measured(&self, name: String, value: Option<Value>) {
        if !self.asked.measurements.contains(&name) {
            return;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        [procedure]
        id = "P"
        version = "1"
        [instruments.dmm]
        class = "dmm"
        [[steps]]
        name = "rail"
        measurements = [
            { name = "in", instrument = "dmm", function = "dc_voltage", range = "10 V", unit = "V", limit = { low = 3 } },
            { name = "out", instrument = "dmm", function = "dc_voltage", range = "10 V", unit = "V" },
            { name = "other", instrument = "dmm", function = "dc_voltage", range = "10 V", unit = "V" },
            { name = "drop", compute = "in - out", unit = "V" },
        ]
        [[steps]]
        name = "idle"
        wait = "1 s"
        [[steps]]
        name = "again"
        when = "outcome(\"rail\") == \"pass\" and drop < 1 V"
        wait = "1 s"
    "#;

    #[test]
    fn only_what_is_asked_for_is_remembered() {
        let procedure = benchtop_procedure::parse("p.toml", TEXT).unwrap();
        let memory = Memory::of(&procedure);
        for name in ["in", "out", "other", "drop"] {
            memory.measured(name.to_owned(), Some(Value::Boolean(true)));
        }
        for step in ["rail", "idle", "again"] {
            memory.ended(step.to_owned(), StepOutcome::Pass);
        }
        let known = memory.known();
        assert_eq!(known.values.keys().collect::<Vec<_>>(), ["drop", "in", "out"]);
        assert_eq!(known.outcomes.keys().collect::<Vec<_>>(), ["rail"]);
        drop(known);
        assert!(memory.is_operand("in") && !memory.is_operand("drop"));
    }
}
