//! What can be seen only by looking across the steps of a procedure.

use super::draft::{Channel, Draft, Section, Switching};
use crate::model::{LogicalName, Procedure, StepKind};
use benchtop_notation::{Diagnostic, Diagnostics, Kind, Span, Spanned, Table};
use std::{collections::BTreeSet, time::Duration};

pub(super) fn check(draft: &mut Draft, roots: &[Table<'_>], head: &Span) {
    nothing_judged(draft, roots, head);
    unused_instruments(draft);
    outputs_left_on(draft);
    outputs_without_a_level(draft);
}

/// A run that judges nothing is an Error: better said now.
fn nothing_judged(draft: &mut Draft, roots: &[Table<'_>], place: &Span) {
    let mut steps = roots.iter().filter_map(|root| root.value("steps"));
    let has_steps = steps.any(|steps| match steps.kind() {
        Kind::Array => steps.items(&mut draft.sink).is_some_and(|items| !items.is_empty()),
        // Something else than an array was reported when it was read.
        Kind::String | Kind::Integer | Kind::Float | Kind::Boolean | Kind::Datetime | Kind::Table => true,
    });
    if !has_steps {
        let finding = Diagnostic::error(place, "this procedure has no steps");
        draft.sink.push(finding.help("a [[steps]] table holds what to measure"));
        return;
    }
    if !draft.has_limit && !draft.is_unreadable {
        let finding = Diagnostic::error(place, "no measurement has a limit: nothing would be judged");
        draft.sink.push(
            finding.help("add a limit to at least one measurement, for example `limit = { low = 3.25, high = 3.35 }`"),
        );
    }
}

/// The waits alone may not outlast the time that the whole run has.
pub(super) fn too_little_time(sink: &mut Diagnostics, procedure: &Procedure, timeout: Option<&Spanned<Duration>>) {
    let Some(timeout) = timeout else { return };
    let waits = procedure
        .setup
        .iter()
        .chain(&procedure.steps)
        .map(|step| match &step.kind {
            StepKind::Wait(wait) => *wait,
            StepKind::Measurements(_)
            | StepKind::Set { .. }
            | StepKind::Prompt(_)
            | StepKind::Exec(_)
            | StepKind::Query(_)
            | StepKind::Send(_)
            | StepKind::Expect(_) => Duration::ZERO,
        });
    let waits = waits.fold(Duration::ZERO, Duration::saturating_add);
    if waits >= timeout.value {
        let message = format!(
            "the run would always time out: its waits alone take {}",
            benchtop_instrument::human_duration(waits)
        );
        sink.error(&timeout.span, &message);
    }
}

fn unused_instruments(draft: &mut Draft) {
    if draft.is_unreadable {
        return;
    }
    for (name, place) in &draft.instrument_places {
        if !draft.used.contains(name) {
            let message = format!("no step uses the instrument `{name}`; the station must have it all the same");
            draft.sink.push(Diagnostic::warning(place, &message));
        }
    }
}

/// For each output that some step turns on, the last word of the teardown must be off.
fn outputs_left_on(draft: &mut Draft) {
    let mut left_on = Vec::new();
    let mut seen = BTreeSet::new();
    for switching in draft
        .switchings
        .iter()
        .filter(|switching| switching.output_enabled == Some(true))
    {
        let Some(output) = output(switching) else {
            continue;
        };
        if !is_turned_off(&draft.switchings, output) && seen.insert(output) {
            left_on.push((switching, output));
        }
    }
    for (switching, (instrument, channel)) in left_on {
        let step = &switching.step;
        let message = format!("{step} turns {instrument} channel {channel} on, and no teardown turns it off");
        let help = format!(
            "add a [[teardown]] step with `set = {{ instrument = \"{instrument}\", channel = {channel}, output_enabled = false }}`"
        );
        draft
            .sink
            .push(Diagnostic::error(&switching.place, &message).help(&help));
    }
}

/// `None` where the step's own mistakes leave open which output it means.
fn output(switching: &Switching) -> Option<(&LogicalName, &Channel)> {
    Some((switching.instrument.as_ref()?, switching.channel.as_ref()?))
}

fn is_turned_off(switchings: &[Switching], (instrument, channel): (&LogicalName, &Channel)) -> bool {
    let may_mean_it = |switching: &&Switching| {
        switching.section == Section::Teardown
            && switching.instrument.as_ref().is_none_or(|other| other == instrument)
            && switching.channel.as_ref().is_none_or(|other| other == channel)
            && switching.output_enabled.is_some()
    };
    switchings
        .iter()
        .rfind(may_mean_it)
        .is_some_and(|last| last.output_enabled == Some(false))
}

/// Without a level, what comes out is up to whoever used the supply last.
fn outputs_without_a_level(draft: &mut Draft) {
    let mut findings = Vec::new();
    for (at, switching) in draft.switchings.iter().enumerate() {
        let (Some(true), Some(output)) = (switching.output_enabled, output(switching)) else {
            continue;
        };
        let before = || {
            draft
                .switchings
                .iter()
                .take(at + 1)
                .filter(|other| self::output(other) == Some(output))
        };
        let missing = match (
            before().any(|other| other.has_voltage),
            before().any(|other| other.has_current),
        ) {
            (true, true) => continue,
            (true, false) => "`current_limit`",
            (false, true) => "`voltage_level`",
            (false, false) => "`voltage_level` and `current_limit`",
        };
        let (instrument, channel) = output;
        let message = format!(
            "{} turns {instrument} channel {channel} on without {missing}",
            switching.step
        );
        findings.push(Diagnostic::warning(&switching.place, &message).help("write what may come out"));
    }
    for finding in findings {
        draft.sink.push(finding);
    }
}
