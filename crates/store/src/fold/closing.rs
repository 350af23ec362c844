//! The last words of a run that had none: killed, or cut off from its power.

use super::{outputs_of, start};
use crate::{
    event::{Event, EventKind, MadeSafe, Output, RunEnded, RunStarted, StepEnded, StepStarted},
    record::{OutputState, RunOutcome, StepOutcome},
};

pub(super) const INTERRUPTED: &str =
    "interrupted: the run has no last word (the program was killed, or the power was cut)";
const STEP_INTERRUPTED: &str = "the run was interrupted during this step";
const NOT_SWITCHED_OFF: &str = "the run was interrupted before this output was switched off";

/// The events that close an interrupted run; none for a run that has its last word.
///
/// The step in progress ends ABORTED with what it measured. `made_safe` is what a program with access to the bench
/// found out afterwards. An output of which neither it nor the run itself said anything may be on. The outcome is
/// ABORTED, or ERROR when somebody tried to prove an output off and could not.
///
/// They follow from the arguments alone and carry the time of the last event, so that a recovery that is itself
/// interrupted comes to the same record the next time.
#[must_use]
pub(crate) fn closing(events: &[Event], made_safe: &[MadeSafe]) -> Vec<Event> {
    let Ok(started) = start(events) else {
        return Vec::new();
    };
    if has_last_word(events) {
        return Vec::new();
    }
    let mut kinds: Vec<EventKind> = open_attempts(events).map(aborted).map(EventKind::StepEnded).collect();
    let said = events.iter().filter_map(|event| match &event.kind {
        EventKind::MadeSafe(made_safe) => Some(made_safe),
        EventKind::RunStarted(_)
        | EventKind::InstrumentReady(_)
        | EventKind::StepStarted(_)
        | EventKind::MeasurementTaken(_)
        | EventKind::StepEnded(_)
        | EventKind::PromptShown(_)
        | EventKind::Attached(_)
        | EventKind::Log(_)
        | EventKind::RunEnded(_) => None,
    });
    let said: Vec<&MadeSafe> = said.chain(made_safe).collect();
    let unsaid = unsaid(started, &said);
    let tried_in_vain = is_maybe_on(started, &said);
    let maybe_on = names_maybe_on(started, said.iter().copied().chain(&unsaid));
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
    let at = events.last().map(|event| event.at);
    let elapsed_s = events.iter().map(|event| event.elapsed_s).fold(0.0, f64::max);
    let event = |(kind, at)| Event { kind, at, elapsed_s };
    kinds.into_iter().zip(at.into_iter().cycle()).map(event).collect()
}

/// True when the run said how it ended.
pub(crate) fn has_last_word(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event.kind, EventKind::RunEnded(_)))
}

/// The word that takes back an outcome which nobody was shown: a run that had ended well, whose program was killed or
/// whose disk failed before the record was saved, is at best ABORTED. What failed stays in the record.
pub(crate) fn never_saved(events: &[Event]) -> Option<Event> {
    let (last, ended) = events.iter().rev().find_map(|event| match &event.kind {
        EventKind::RunEnded(ended) => Some((event, ended)),
        EventKind::RunStarted(_)
        | EventKind::InstrumentReady(_)
        | EventKind::StepStarted(_)
        | EventKind::MeasurementTaken(_)
        | EventKind::StepEnded(_)
        | EventKind::MadeSafe(_)
        | EventKind::PromptShown(_)
        | EventKind::Attached(_)
        | EventKind::Log(_) => None,
    })?;
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
        ..last.clone()
    })
}

/// Attempts that began and did not end, with the time of their beginning.
fn open_attempts(events: &[Event]) -> impl Iterator<Item = (&StepStarted, f64)> {
    let ended = |started: &StepStarted| {
        events.iter().any(|event| match &event.kind {
            EventKind::StepEnded(ended) => {
                (ended.section, ended.index, ended.attempt) == (started.section, started.index, started.attempt)
            }
            EventKind::RunStarted(_)
            | EventKind::InstrumentReady(_)
            | EventKind::StepStarted(_)
            | EventKind::MeasurementTaken(_)
            | EventKind::MadeSafe(_)
            | EventKind::PromptShown(_)
            | EventKind::Attached(_)
            | EventKind::Log(_)
            | EventKind::RunEnded(_) => false,
        })
    };
    events.iter().filter_map(move |event| match &event.kind {
        EventKind::StepStarted(started) if !ended(started) => Some((started, event.elapsed_s)),
        EventKind::StepStarted(_)
        | EventKind::RunStarted(_)
        | EventKind::InstrumentReady(_)
        | EventKind::MeasurementTaken(_)
        | EventKind::StepEnded(_)
        | EventKind::MadeSafe(_)
        | EventKind::PromptShown(_)
        | EventKind::Attached(_)
        | EventKind::Log(_)
        | EventKind::RunEnded(_) => None,
    })
}

fn aborted((started, started_s): (&StepStarted, f64)) -> StepEnded {
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
        started_s,
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
