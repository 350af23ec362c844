//! The last words of a run that had none: killed, or cut off from its power.

use super::{Run, outputs_of};
use crate::{
    event::{Event, EventKind, Log, MadeSafe, Output, RunEnded, RunStarted, StepEnded, StepStarted},
    record::{OutputState, RunOutcome, StepOutcome},
};

pub(super) const INTERRUPTED: &str =
    "interrupted: the run has no last word (the program was killed, or the power was cut)";
const STEP_INTERRUPTED: &str = "the run was interrupted during this step";
const NOT_SWITCHED_OFF: &str = "the run was interrupted before this output was switched off";

impl Run {
    /// The events that close an interrupted run; none for a run that has its last word.
    ///
    /// The step in progress ends ABORTED with what it measured. `made_safe` is what a program with access to the bench
    /// found out afterwards. An output of which neither it nor the run itself said anything may be on. The outcome is
    /// ABORTED, or ERROR when somebody tried to prove an output off and could not.
    ///
    /// They follow from the arguments alone and carry the time of the last event, so that a recovery that is itself
    /// interrupted comes to the same record the next time.
    #[must_use]
    pub(crate) fn closing(&self, made_safe: &[MadeSafe]) -> Vec<Event> {
        if self.has_last_word() {
            return Vec::new();
        }
        let mut kinds: Vec<EventKind> = self.open.iter().map(aborted).map(EventKind::StepEnded).collect();
        let said: Vec<&MadeSafe> = self.said.iter().chain(made_safe).collect();
        let unsaid = unsaid(&self.start, &said);
        let tried_in_vain = is_maybe_on(&self.start, &said);
        let maybe_on = names_maybe_on(&self.start, said.iter().copied().chain(&unsaid));
        kinds.extend(made_safe.iter().chain(&unsaid).cloned().map(EventKind::MadeSafe));
        kinds.push(EventKind::RunEnded(RunEnded {
            outcome: if tried_in_vain {
                RunOutcome::Error
            } else {
                RunOutcome::Aborted
            },
            reason: Some(INTERRUPTED.to_owned()),
            outputs_maybe_on: maybe_on,
        }));
        let (at, elapsed_s) = (self.last.at, self.elapsed_s);
        let event = |kind| Event { kind, at, elapsed_s };
        kinds.into_iter().map(event).collect()
    }

    /// True when the run said how it ended.
    pub(crate) const fn has_last_word(&self) -> bool {
        self.ended.is_some()
    }

    /// The word that takes back an outcome which nobody was shown: a run that had ended well, whose program was killed or
    /// whose disk failed before the record was saved, is at best ABORTED. What failed stays in the record.
    pub(crate) fn never_saved(&self) -> Option<Event> {
        let (ended, stamp) = self.ended.as_ref()?;
        match ended.outcome {
            RunOutcome::Pass | RunOutcome::Fail => {}
            RunOutcome::Aborted | RunOutcome::Timeout | RunOutcome::Error => return None,
        }
        let word = RunEnded {
            outcome: RunOutcome::Aborted,
            reason: Some("the program ended, or the disk failed, before the outcome was saved and shown".to_owned()),
            outputs_maybe_on: ended.outputs_maybe_on.clone(),
        };
        Some(Event {
            kind: EventKind::RunEnded(word),
            at: stamp.at,
            elapsed_s: stamp.elapsed_s,
        })
    }

    /// What is worth saying of a run, at the time of its last event.
    pub(crate) fn noted(&self, log: Log) -> Event {
        Event {
            kind: EventKind::Log(log),
            at: self.last.at,
            elapsed_s: self.last.elapsed_s,
        }
    }
}

fn aborted((started, started_s): &(StepStarted, f64)) -> StepEnded {
    let StepStarted {
        section,
        index,
        name,
        step_type,
        attempt,
    } = started.clone();
    StepEnded {
        section,
        index,
        name,
        step_type,
        attempt,
        decides: true,
        started_s: *started_s,
        outcome: StepOutcome::Aborted,
        reason: Some(STEP_INTERRUPTED.to_owned()),
    }
}

/// For every instrument with outputs of which nothing was said: they may be on.
fn unsaid(started: &RunStarted, said: &[&MadeSafe]) -> Vec<MadeSafe> {
    started
        .instruments
        .iter()
        .filter(|used| !used.outputs.is_empty() && said.iter().all(|said| said.name != used.name))
        .map(|used| MadeSafe {
            name: used.name.clone(),
            outputs: used.outputs.iter().map(|channel| maybe_on(*channel)).collect(),
            error: None,
        })
        .collect()
}

fn maybe_on(channel: u32) -> Output {
    Output {
        channel,
        state: OutputState::MaybeOn,
        reason: Some(NOT_SWITCHED_OFF.to_owned()),
    }
}

fn is_maybe_on(started: &RunStarted, said: &[&MadeSafe]) -> bool {
    !names_maybe_on(started, said.iter().copied()).is_empty()
}

/// `psu channel 1` for every output that may be on, by the last word on it.
fn names_maybe_on<'a>(started: &RunStarted, said: impl Iterator<Item = &'a MadeSafe>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for output in said.flat_map(|said| outputs_of(started, said)) {
        let name = format!("{} channel {}", output.instrument, output.channel);
        names.retain(|known| *known != name);
        match output.state {
            OutputState::Off => {}
            OutputState::MaybeOn => names.push(name),
        }
    }
    names
}
