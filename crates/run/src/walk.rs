//! Walks over the plan of a section: groups, conditions, and what stops the steps behind.

use crate::{
    event::{EventKind, Section, StepAddress, StepEnded, StepStarted},
    outcome::StepOutcome,
    slots::Turns,
    steps::{Floor, NotRecorded, retries, run_step},
};
use benchtop_instrument::{OutputSetting, Setting};
use benchtop_procedure::{Evaluated, Expression, Group, LogicalName, OnFail, PlanNode, Step, StepKind, full_name};
use std::{future::Future, pin::Pin};

/// How some steps went.
#[derive(Clone, Copy)]
struct Went {
    /// The gravest outcome among them.
    outcome: StepOutcome,
    /// Nothing behind them runs.
    stops: bool,
}

type Walking<'w> = Pin<Box<dyn Future<Output = Result<Went, NotRecorded>> + Send + 'w>>;

/// Runs the steps of one section in order, as far as their outcomes and conditions let it.
pub(crate) async fn run_section(
    floor: &Floor,
    section: Section,
    steps: &[Step],
    nodes: &[PlanNode],
) -> Result<(), NotRecorded> {
    let mut walk = Walk {
        floor,
        section,
        steps,
        attempts: vec![0; steps.len()],
        ended: vec![StepOutcome::Skip; steps.len()],
        held: Vec::new(),
    };
    walk.all(nodes).await.map(|_went| ())
}

struct Walk<'s> {
    floor: &'s Floor,
    section: Section,
    steps: &'s [Step],
    /// How often each step was tried: a group that is tried again goes on counting.
    attempts: Vec<u32>,
    /// How the last attempt at each step ended; Skip before the first.
    ended: Vec<StepOutcome>,
    /// The instruments that the group around holds while other slots run.
    held: Vec<LogicalName>,
}

impl Walk<'_> {
    fn all<'w>(&'w mut self, nodes: &'w [PlanNode]) -> Walking<'w> {
        Box::pin(async move {
            let mut went = Went {
                outcome: StepOutcome::Skip,
                stops: false,
            };
            for node in nodes {
                let one = match node {
                    PlanNode::Step(index) => self.step(*index).await?,
                    PlanNode::Group(group) => self.group(group).await?,
                };
                went = Went {
                    outcome: graver(went.outcome, one.outcome),
                    stops: one.stops,
                };
                if went.stops {
                    break;
                }
            }
            Ok(went)
        })
    }

    fn stops(&self, outcome: StepOutcome, on_fail: OnFail) -> bool {
        match self.section {
            // everything else is still put in order
            Section::Teardown => false,
            Section::Setup => outcome == StepOutcome::Fail || outcome.ends_the_run(),
            Section::Main => outcome.ends_the_run() || (outcome == StepOutcome::Fail && on_fail == OnFail::Stop),
        }
    }

    async fn step(&mut self, index: usize) -> Result<Went, NotRecorded> {
        let nothing = Went {
            outcome: StepOutcome::Skip,
            stops: false,
        };
        let Some(step) = self.steps.get(index) else {
            return Ok(nothing);
        };
        let outcome = match self.holds(step.when.as_ref()) {
            Ok(true) => {
                let first = self.next_attempt(index);
                let address = self.address(index);
                let _turns = match (&self.floor.several, &step.kind) {
                    (Some(several), StepKind::Prompt(_)) => several.gates.ask().await,
                    (Some(several), StepKind::Exec(exec)) if !exec.attachments.is_empty() => {
                        several.gates.write_files().await
                    }
                    // off is never waited for: what a unit's teardown turns off is the unit's own
                    (_, StepKind::Set { setting, .. })
                        if self.section == Section::Teardown && only_turns_off(setting) =>
                    {
                        Turns::new()
                    }
                    (_, _) => self.turns(step.instruments()).await,
                };
                let (outcome, last) = run_step(self.floor, address, step, first).await?;
                if let Some(attempts) = self.attempts.get_mut(index) {
                    *attempts = last;
                }
                outcome
            }
            Ok(false) => self.pass_over(index, step, step.when.as_ref())?,
            Err(reason) => self.undecided(index, step, &reason)?,
        };
        self.remember(index, step, outcome);
        Ok(Went {
            outcome,
            stops: self.stops(outcome, step.on_fail),
        })
    }

    fn remember(&mut self, index: usize, step: &Step, outcome: StepOutcome) {
        if let Some(ended) = self.ended.get_mut(index) {
            *ended = outcome;
        }
        self.floor
            .memory
            .ended(full_name(&step.name, &step.parameters), outcome);
    }

    async fn group(&mut self, group: &Group) -> Result<Went, NotRecorded> {
        let name = full_name(&group.name, &group.parameters);
        let holds = match self.holds(group.when.as_ref()) {
            Ok(holds) => holds,
            Err(reason) => {
                let first = first_step(&group.nodes).and_then(|index| Some((index, self.steps.get(index)?)));
                if let Some((index, step)) = first {
                    let outcome = self.undecided(index, step, &format!("{name}: {reason}"))?;
                    self.remember(index, step, outcome);
                }
                self.floor.memory.ended(name, StepOutcome::Error);
                return Ok(Went {
                    outcome: StepOutcome::Error,
                    stops: self.stops(StepOutcome::Error, group.on_fail),
                });
            }
        };
        if !holds {
            let outcome = self.pass_over_all(&group.nodes, group.when.as_ref())?;
            self.floor.memory.ended(name, outcome);
            return Ok(Went {
                outcome,
                stops: self.stops(outcome, group.on_fail),
            });
        }
        let turns = self.turns(group.lock.iter()).await;
        let outer = self.held.clone();
        self.held.extend(group.lock.iter().cloned());
        let mut attempt = 1;
        let went = loop {
            let went = self.all(&group.nodes).await?;
            if attempt >= group.retry.attempts || !retries(group.retry, went.outcome) {
                break went;
            }
            self.floor.pause(group.retry.delay).await;
            attempt += 1;
        };
        self.held = outer;
        drop(turns);
        self.floor.memory.ended(name, went.outcome);
        Ok(Went {
            stops: went.stops || self.stops(went.outcome, group.on_fail),
            ..went
        })
    }

    /// Waits for its turn on instruments that other slots may hold.
    async fn turns(&self, wanted: impl Iterator<Item = &LogicalName>) -> Turns {
        match &self.floor.several {
            Some(several) => several.gates.take(wanted, &self.held).await,
            None => Turns::new(),
        }
    }

    fn holds(&self, when: Option<&Expression>) -> Result<bool, String> {
        let Some(when) = when else {
            return Ok(true);
        };
        match when.evaluate(self.floor.memory.as_ref()) {
            Ok(Evaluated::Boolean(holds)) => Ok(holds),
            Ok(Evaluated::Number(_) | Evaluated::Text(_)) => Err(format!("`{when}` is no condition")),
            Err(error) => Err(format!("`when` cannot be decided: {error}")),
        }
    }

    fn address(&self, index: usize) -> StepAddress {
        StepAddress {
            section: self.section,
            index,
        }
    }

    fn next_attempt(&self, index: usize) -> u32 {
        self.attempts.get(index).copied().unwrap_or_default() + 1
    }

    /// Says of a step that its condition does not hold. One that ran before, in a group that is tried again, skips this
    /// attempt; if it did not pass then, that stands: what is not judged again is not taken back.
    fn pass_over(&mut self, index: usize, step: &Step, when: Option<&Expression>) -> Result<StepOutcome, NotRecorded> {
        let reason = when.map_or_else(
            || "passed over".to_owned(),
            |when| format!("`when` does not hold: {when}"),
        );
        self.floor.memory.forget(step);
        let ran = self.attempts.get(index).copied().unwrap_or_default() > 0;
        let attempt = if ran { self.begin(index, step)? } else { 0 };
        let before = self.ended.get(index).copied().unwrap_or(StepOutcome::Skip);
        let (outcome, reason) = match before {
            StepOutcome::Skip | StepOutcome::Pass => (StepOutcome::Skip, reason),
            StepOutcome::Fail | StepOutcome::Error | StepOutcome::Timeout | StepOutcome::Aborted => {
                let stands = format!("the {before} of the attempt before stands, for it is not judged again: {reason}");
                (before, stands)
            }
        };
        self.end(index, step, attempt, outcome, reason)?;
        Ok(outcome)
    }

    /// The gravest of how they ended.
    fn pass_over_all(&mut self, nodes: &[PlanNode], when: Option<&Expression>) -> Result<StepOutcome, NotRecorded> {
        let mut gravest = StepOutcome::Skip;
        for node in nodes {
            let outcome = match node {
                PlanNode::Step(index) => match self.steps.get(*index) {
                    Some(step) => {
                        let outcome = self.pass_over(*index, step, when)?;
                        self.remember(*index, step, outcome);
                        outcome
                    }
                    None => StepOutcome::Skip,
                },
                PlanNode::Group(group) => {
                    let outcome = self.pass_over_all(&group.nodes, when)?;
                    let name = full_name(&group.name, &group.parameters);
                    self.floor.memory.ended(name, outcome);
                    outcome
                }
            };
            gravest = graver(gravest, outcome);
        }
        Ok(gravest)
    }

    /// A step of which it cannot be said whether it should run is an Error of the station.
    fn undecided(&mut self, index: usize, step: &Step, reason: &str) -> Result<StepOutcome, NotRecorded> {
        self.floor.memory.forget(step);
        let attempt = self.begin(index, step)?;
        self.end(index, step, attempt, StepOutcome::Error, reason.to_owned())?;
        Ok(StepOutcome::Error)
    }

    fn begin(&mut self, index: usize, step: &Step) -> Result<u32, NotRecorded> {
        let attempt = self.next_attempt(index);
        if let Some(attempts) = self.attempts.get_mut(index) {
            *attempts = attempt;
        }
        self.floor.report(EventKind::StepStarted(StepStarted {
            address: self.address(index),
            name: step.name.clone(),
            step_type: step.kind.word(),
            attempt,
        }))?;
        Ok(attempt)
    }

    fn end(
        &self,
        index: usize,
        step: &Step,
        attempt: u32,
        outcome: StepOutcome,
        reason: String,
    ) -> Result<(), NotRecorded> {
        self.floor.report(EventKind::StepEnded(StepEnded {
            address: self.address(index),
            name: step.name.clone(),
            step_type: step.kind.word(),
            attempt,
            decides: true,
            started: self.floor.stamp(),
            outcome,
            reason: Some(reason),
        }))
    }
}

/// True for what takes an output off, or opens relays, and does nothing else.
fn only_turns_off(setting: &Setting) -> bool {
    match setting {
        Setting::Output(output) => {
            let off = OutputSetting {
                output_enabled: Some(false),
                ..OutputSetting::of_channel(output.channel)
            };
            *output == off
        }
        Setting::Switch(switch) => switch.close.is_empty() && !switch.exclusive,
    }
}

fn first_step(nodes: &[PlanNode]) -> Option<usize> {
    nodes.iter().find_map(|node| match node {
        PlanNode::Step(index) => Some(*index),
        PlanNode::Group(group) => first_step(&group.nodes),
    })
}

/// The graver of two outcomes: Error, Timeout, Aborted, Fail, Pass, Skip.
const fn graver(one: StepOutcome, other: StepOutcome) -> StepOutcome {
    if gravity(one) >= gravity(other) { one } else { other }
}

const fn gravity(outcome: StepOutcome) -> u8 {
    match outcome {
        StepOutcome::Skip => 0,
        StepOutcome::Pass => 1,
        StepOutcome::Fail => 2,
        StepOutcome::Aborted => 3,
        StepOutcome::Timeout => 4,
        StepOutcome::Error => 5,
    }
}
