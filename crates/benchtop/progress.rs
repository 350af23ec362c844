//! A run as the operator sees it: a line per step, value, unit, limits, outcome.

use crate::{
    live::Live,
    terminal::{BAD, DOUBTFUL, GOOD, Line, PLAIN, QUIET, say},
};
use anstyle::Style;
use benchtop_instrument::Class;
use benchtop_notation::brief;
use benchtop_run::{
    Event, EventKind, InstrumentUse, MadeSafe, MeasurementOutcome, MeasurementTaken, PlannedStep, PromptShown,
    Quantity, RunOutcome, RunStarted, SafetyProof, Section, StepAddress, StepEnded, StepOutcome,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What was seen of a run that is still needed.
pub(crate) struct Seen {
    /// The measurements of the attempt in progress, which may be thousands: the events themselves.
    taken: Vec<Arc<Event>>,
    /// What the sweeps set for their steps.
    turns: BTreeMap<StepAddress, String>,
    /// The steps that were shown as decided, and by which attempt.
    decided: BTreeMap<StepAddress, (String, u32)>,
    /// What each instrument is.
    classes: BTreeMap<String, String>,
    /// What a terminal shows meanwhile.
    pub(crate) live: Live,
}

impl Seen {
    /// Of a run whose unit lies in that slot, where several are tested at once.
    pub(crate) fn of(slot: Option<&str>) -> Self {
        Self {
            taken: Vec::new(),
            turns: BTreeMap::new(),
            decided: BTreeMap::new(),
            classes: BTreeMap::new(),
            live: Live::new(slot),
        }
    }
}

/// Prints what an event means to a person. The outcome of the run is not among it: that is shown when it is saved.
pub(crate) fn show(event: &Arc<Event>, seen: &mut Seen) {
    seen.live.follow(event);
    let Seen {
        taken,
        turns,
        decided,
        classes,
        live: _,
    } = seen;
    match &event.kind {
        EventKind::RunStarted(started) => {
            show_start(started);
            turns.extend(started.steps.iter().filter_map(turn));
            let of = |used: &InstrumentUse| (used.name.0.clone(), used.class.clone());
            classes.extend(started.instruments.iter().map(of));
        }
        EventKind::InstrumentReady(ready) => {
            say_instrument(
                &ready.name.to_string(),
                &ready.identity.to_string(),
                &ready.stale_errors,
            );
        }
        EventKind::StepStarted(begun) => {
            taken.clear();
            if decided.contains_key(&begun.address) {
                say_again(&decided.split_off(&begun.address));
            }
        }
        EventKind::PromptShown(shown) => show_prompt(shown),
        EventKind::MeasurementTaken(_) => taken.push(Arc::clone(event)),
        EventKind::StepEnded(ended) => {
            let name = turns
                .get(&ended.address)
                .map_or_else(|| ended.name.clone(), |turn| format!("{}  {turn}", ended.name));
            show_step(event, ended, taken, &name);
            if ended.decides && ended.attempt > 0 {
                decided.insert(ended.address, (name, ended.attempt));
            }
        }
        EventKind::MadeSafe(safe) => show_safe(safe, classes.get(&safe.name.0).map_or("", String::as_str)),
        EventKind::Attached(attached) => {
            let text = format!("  attached  {} ({} bytes)", attached.name, attached.size);
            say(&Line::new().add(QUIET, &text));
        }
        EventKind::Log(log) => say(&Line::new().add(QUIET, &format!("  {}: {}", log.source, log.message))),
        EventKind::RunEnded(_) => {}
    }
}

fn show_start(started: &RunStarted) {
    let procedure = &started.procedure;
    let title = [&procedure.id, &procedure.version, &procedure.name];
    say_title(title, &started.unit.serial_number, started.simulated);
    if let Some(study) = &started.study {
        say_study(&study.name, study.trial);
    }
}

/// Prints where a run stands in a gauge study.
pub(crate) fn say_study(name: &str, trial: u32) {
    say(&Line::new().add(QUIET, &format!("  gauge study {name}, trial {trial}")));
}

/// Prints what is tested: the procedure's id, version and name, and the unit.
pub(crate) fn say_title([id, version, name]: [&String; 3], serial_number: &str, simulated: bool) {
    let simulated = if simulated { "  SIMULATED" } else { "" };
    say(&Line::new()
        .add(PLAIN.bold(), &format!("{id} {version}"))
        .add(PLAIN, &format!("  {name}  unit {serial_number}"))
        .add(DOUBTFUL, simulated));
}

/// Prints who answered as an instrument, and what was wrong with it before the run.
pub(crate) fn say_instrument(name: &str, identity: &str, stale_errors: &[String]) {
    let line = Line::new().column(QUIET, &format!("  {name}"), 12);
    say(&line.add(QUIET, &brief(identity)));
    for error in stale_errors {
        say(&Line::new().add(
            DOUBTFUL,
            &format!("             error from before the run: {}", brief(error)),
        ));
    }
}

fn style_of(outcome: StepOutcome) -> Style {
    match outcome {
        StepOutcome::Pass => GOOD,
        StepOutcome::Fail | StepOutcome::Error | StepOutcome::Timeout => BAD,
        StepOutcome::Aborted => DOUBTFUL,
        StepOutcome::Skip => QUIET,
    }
}

/// `load=1 A`, for a step of a sweep.
fn turn(step: &PlannedStep) -> Option<(StepAddress, String)> {
    let said = step.parameters.iter().map(|(name, value)| format!("{name}={value}"));
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| (step.address, said.join(" ")))
}

fn measurement_in(event: &Event) -> Option<&MeasurementTaken> {
    if let EventKind::MeasurementTaken(taken) = &event.kind {
        Some(taken)
    } else {
        None
    }
}

fn show_step(event: &Event, ended: &StepEnded, taken: &mut Vec<Arc<Event>>, name: &str) {
    let seconds = event.at.elapsed.saturating_sub(ended.started.elapsed).as_secs_f64();
    let mut measurements = taken.iter().filter_map(|event| measurement_in(event));
    let told = ended.outcome == StepOutcome::Fail && measurements.any(|taken| taken.reason.is_some());
    say_step(&ShownStep {
        outcome: ended.outcome,
        // a set or a wait that went well says little
        judges: !taken.is_empty() || ended.step_type == "expect",
        name,
        section: ended.address.section,
        attempt: ended.attempt,
        decides: ended.decides,
        seconds,
    });
    for event in taken.drain(..) {
        if let Some(measurement) = measurement_in(&event) {
            show_measurement(measurement);
        }
    }
    if let Some(reason) = ended.reason.as_ref().filter(|_| !told) {
        say_reason(ended.outcome, reason);
    }
}

/// An attempt at a step, as a line shows it.
pub(crate) struct ShownStep<'a> {
    pub(crate) outcome: StepOutcome,
    pub(crate) judges: bool,
    pub(crate) name: &'a str,
    pub(crate) section: Section,
    /// From 1; 0 for a step that was not reached.
    pub(crate) attempt: u32,
    pub(crate) decides: bool,
    pub(crate) seconds: f64,
}

/// Prints an attempt at a step.
pub(crate) fn say_step(step: &ShownStep<'_>) {
    let plain = !step.judges && step.outcome == StepOutcome::Pass;
    let (word, style) = if plain {
        ("ok", QUIET)
    } else {
        (step.outcome.word(), style_of(step.outcome))
    };
    let section = match step.section {
        Section::Setup => "setup",
        Section::Main => "",
        Section::Teardown => "teardown",
    };
    let again = match (step.attempt, step.decides) {
        (0, _) | (1, true) => String::new(),
        (attempt, true) => format!("  attempt {attempt}"),
        (attempt, false) => format!("  attempt {attempt}, tried again"),
    };
    let line = Line::new()
        .add(PLAIN, "  ")
        .column(style, word, 9)
        .column(PLAIN, step.name, 38);
    let time = if step.attempt == 0 {
        String::new()
    } else {
        format!("{:>8.3} s  ", step.seconds)
    };
    say(&line.add(QUIET, &format!("{time}{section}{again}")));
}

/// Prints that steps which were shown as decided are not: the group around them is tried again, which nobody knew then.
fn say_again(withdrawn: &BTreeMap<StepAddress, (String, u32)>) {
    const MOST_NAMED: usize = 3;
    let attempts: BTreeSet<u32> = withdrawn.values().map(|(_, attempt)| *attempt).collect();
    let named = withdrawn.values().take(MOST_NAMED);
    let mut named: Vec<String> = named.map(|(name, _)| name.clone()).collect();
    if let Some(more @ 1..) = withdrawn.len().checked_sub(MOST_NAMED) {
        named.push(format!("{more} more"));
    }
    // a step of the group that was tried again by itself has counted further
    let attempts: Vec<String> = attempts.iter().map(u32::to_string).collect();
    let text = format!("{}  attempt {}, tried again", named.join(", "), attempts.join(" or "));
    say(&Line::new()
        .add(PLAIN, "  ")
        .column(DOUBTFUL, "again", 9)
        .add(QUIET, &text));
}

/// Prints why a step did not pass.
pub(crate) fn say_reason(outcome: StepOutcome, reason: &str) {
    say(&Line::new().add(PLAIN, "             ").add(style_of(outcome), reason));
}

/// What the operator is asked, and what may be answered.
fn show_prompt(shown: &PromptShown) {
    say(&Line::new()
        .add(DOUBTFUL, "  ?        ")
        .add(PLAIN.bold(), &shown.message));
    if let Some(image) = &shown.image {
        say(&Line::new().add(QUIET, &format!("           see {image}")));
    }
    let expected = shown.kind.expected(shown.unit);
    say(&Line::new().add(QUIET, &format!("           {}: {expected}", shown.name)));
}

fn show_measurement(taken: &MeasurementTaken) {
    let known = &taken.assessment.uncertainty;
    say_measurement(&ShownMeasurement {
        outcome: taken.outcome,
        marginal: taken.marginal,
        name: &taken.name,
        value: match &taken.value {
            Some(value) => value.for_people(taken.unit),
            None => taken.reading_kind.word().replace('_', " "),
        },
        limit: taken.limit.as_ref().map(|limit| limit.for_people(taken.unit)),
        uncertainty: known
            .as_ref()
            .map(|known| format!("U = {}", Quantity::new(known.expanded, known.unit))),
        reason: taken.reason.as_deref(),
    });
}

/// A measurement, as a line shows it.
pub(crate) struct ShownMeasurement<'a> {
    pub(crate) outcome: MeasurementOutcome,
    pub(crate) marginal: bool,
    pub(crate) name: &'a str,
    pub(crate) value: String,
    pub(crate) limit: Option<String>,
    pub(crate) uncertainty: Option<String>,
    pub(crate) reason: Option<&'a str>,
}

/// Prints a measurement.
pub(crate) fn say_measurement(shown: &ShownMeasurement<'_>) {
    let (word, style) = match shown.outcome {
        MeasurementOutcome::Pass if shown.marginal => ("PASS", DOUBTFUL),
        MeasurementOutcome::Pass => ("PASS", GOOD),
        MeasurementOutcome::Fail => ("FAIL", BAD),
        MeasurementOutcome::Unset => ("-", QUIET),
    };
    let marginal = if shown.marginal { "  marginal" } else { "" };
    let uncertainty = shown.uncertainty.as_ref().map(|known| format!("  {known}"));
    say(&Line::new()
        .add(PLAIN, "      ")
        .column(style, word, 6)
        .column(PLAIN, shown.name, 24)
        .column(style, &shown.value, 20)
        .add(QUIET, shown.limit.as_deref().unwrap_or_default())
        .add(QUIET, &uncertainty.unwrap_or_default())
        .add(DOUBTFUL, marginal));
    if let Some(reason) = shown.reason {
        say(&Line::new().add(PLAIN, "            ").add(style, reason));
    }
}

fn show_safe(safe: &MadeSafe, class: &str) {
    let mut off = Vec::new();
    for output in &safe.outputs {
        match &output.proof {
            SafetyProof::Off => off.push(output.channel.to_string()),
            SafetyProof::NotProved(reason) => {
                let line = format!(
                    "  {}: {} channel {}",
                    crate::recovery::alarm(class),
                    safe.name,
                    output.channel
                );
                say(&Line::new().add(BAD, &line).add(PLAIN, &format!("  ({reason})")));
            }
        }
    }
    say_off(&safe.name.to_string(), class, &off);
}

/// Prints which outputs of an instrument were proved off.
pub(crate) fn say_off(name: &str, class: &str, off: &[String]) {
    if !off.is_empty() {
        let plural = if off.len() == 1 { "" } else { "s" };
        let (what, state) = match class == Class::Switch.word() {
            true => ("channel", "open"),
            false => ("output", "off"),
        };
        let text = format!("  safe     {name} {what}{plural} {} proved {state}", off.join(", "));
        say(&Line::new().add(QUIET, &text));
    }
}

/// In what colour an outcome is shown.
pub(crate) const fn style_of_run(outcome: RunOutcome) -> Style {
    match outcome {
        RunOutcome::Pass => GOOD,
        RunOutcome::Fail | RunOutcome::Error | RunOutcome::Timeout => BAD,
        RunOutcome::Aborted => DOUBTFUL,
    }
}

/// The last word, when the record is saved.
pub(crate) fn verdict(outcome: RunOutcome, serial_number: &str, reason: Option<&str>) -> Line {
    let style = style_of_run(outcome);
    let reason = reason.map(|reason| format!("  {reason}")).unwrap_or_default();
    Line::new()
        .add(style, outcome.word())
        .add(PLAIN, &format!("  {serial_number}{reason}"))
}
