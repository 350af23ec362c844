//! What can be seen only by looking across the steps of a procedure.

use super::draft::{Channel, Draft, Section, Switching};
use crate::model::{LogicalName, Procedure, StepKind};
use benchtop_notation::{Diagnostic, Diagnostics, Kind, Span, Spanned, Table};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

pub(super) fn check(draft: &mut Draft, roots: &[Table<'_>], head: &Span) {
    nothing_judged(draft, roots, head);
    unused_instruments(draft);
    unused_parameters(draft, roots);
    outputs_of_both(draft);
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

fn unused_parameters(draft: &mut Draft, roots: &[Table<'_>]) {
    if draft.is_unreadable || draft.sink.has_errors() {
        return;
    }
    let tables = roots
        .iter()
        .filter_map(|root| root.map(&mut Diagnostics::new(), "parameters"));
    for (name, _) in tables.flat_map(|table| table.entries().collect::<Vec<_>>()) {
        if !draft.named.borrow().contains(&name.value) {
            let message = format!("no step uses the parameter `{}`", name.value);
            let help = format!(
                "`{{ param = \"{0}\" }}` stands for its value, `param.{0}` in an expression",
                name.value
            );
            draft.sink.push(Diagnostic::warning(&name.span, &message).help(&help));
        }
    }
}

/// For each output that some step turns on, the last word of the teardown must be off.
fn outputs_left_on(draft: &mut Draft) {
    let last_words = LastWords::of(&draft.switchings);
    let mut left_on = Vec::new();
    let mut seen = BTreeSet::new();
    for switching in &draft.switchings {
        let (Some(true), Some(output)) = (switching.output_enabled, output(switching)) else {
            continue;
        };
        if seen.insert(output) && !last_words.turn_off(output) {
            left_on.push((switching, output));
        }
    }
    for (switching, (instrument, channel)) in left_on {
        let step = &switching.step;
        let how = if last_words.may_turn_off((instrument, channel)) {
            "the teardown turns it off only where a `when` holds"
        } else {
            "no teardown turns it off"
        };
        let message = format!("{step} turns {instrument} channel {channel} on, and {how}");
        let section = if switching.is_fixture {
            "fixture_teardown"
        } else {
            "teardown"
        };
        let help = if last_words.may_turn_off((instrument, channel)) {
            "turn it off whatever happened: nothing is wrong with turning off what is off".to_owned()
        } else {
            format!(
                "add a [[{section}]] step with `set = {{ instrument = \"{instrument}\", channel = {channel}, output_enabled = false }}`"
            )
        };
        draft
            .sink
            .push(Diagnostic::error(&switching.place, &message).help(&help));
    }
}

/// An output is the fixture's, which sets it once, or a unit's, whose slot sets it.
fn outputs_of_both(draft: &mut Draft) {
    let of_fixture = draft.switchings.iter().filter(|switching| switching.is_fixture);
    let of_fixture: BTreeSet<_> = of_fixture.filter_map(output).collect();
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for switching in draft.switchings.iter().filter(|switching| !switching.is_fixture) {
        if let Some(output) = output(switching).filter(|output| of_fixture.contains(output))
            && seen.insert(output)
        {
            let (instrument, channel) = output;
            let message = format!(
                "{} sets {instrument} channel {channel}, which the steps of the fixture set",
                switching.step
            );
            let finding = Diagnostic::error(&switching.place, &message);
            findings.push(finding.help("set an output in [[fixture_setup]] and [[fixture_teardown]], or in neither"));
        }
    }
    for finding in findings {
        draft.sink.push(finding);
    }
}

/// An output: channel of an instrument.
type Output<'d> = (&'d LogicalName, &'d Channel);

/// `None` where the step's own mistakes leave open which output it means.
fn output(switching: &Switching) -> Option<Output<'_>> {
    Some((switching.instrument.as_ref()?, switching.channel.as_ref()?))
}

/// An output as far as it could be read: `None` may be any.
type Meant<'d> = (Option<&'d LogicalName>, Option<&'d Channel>);

/// What the teardown says last of each output, and of those that may be any.
#[derive(Default)]
struct LastWords<'d> {
    /// Where it says so, and whether that is on. Off is only what no `when` decides.
    said: BTreeMap<Meant<'d>, (usize, bool)>,
    /// What a `when` decides to turn off.
    perhaps_off: BTreeSet<Meant<'d>>,
}

impl<'d> LastWords<'d> {
    fn of(switchings: &'d [Switching]) -> Self {
        let mut last = Self::default();
        for (at, switching) in switchings.iter().enumerate() {
            let (Section::Teardown, Some(is_on)) = (switching.section, switching.output_enabled) else {
                continue;
            };
            let output = (switching.instrument.as_ref(), switching.channel.as_ref());
            if switching.is_conditional && !is_on {
                last.perhaps_off.insert(output);
            } else {
                last.said.insert(output, (at, is_on));
            }
        }
        last
    }

    fn turn_off(&self, output: Output<'_>) -> bool {
        let last = may_mean(output)
            .into_iter()
            .filter_map(|output| self.said.get(&output))
            .max();
        last.is_some_and(|(_, is_on)| !is_on)
    }

    fn may_turn_off(&self, output: Output<'_>) -> bool {
        may_mean(output).iter().any(|output| self.perhaps_off.contains(output))
    }
}

fn may_mean((instrument, channel): Output<'_>) -> [Meant<'_>; 4] {
    [
        (Some(instrument), Some(channel)),
        (Some(instrument), None),
        (None, Some(channel)),
        (None, None),
    ]
}

/// Without a level, what comes out is up to whoever used the supply last.
fn outputs_without_a_level(draft: &mut Draft) {
    let mut findings = Vec::new();
    let mut written: BTreeMap<Output<'_>, (bool, bool)> = BTreeMap::new();
    for switching in &draft.switchings {
        let Some(output) = output(switching) else { continue };
        let (has_voltage, has_current) = written.entry(output).or_default();
        *has_voltage |= switching.has_voltage;
        *has_current |= switching.has_current;
        if switching.output_enabled != Some(true) {
            continue;
        }
        let missing = match (*has_voltage, *has_current) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the rule says, word for word: the last switching of the teardown that may mean the output turns it off, and none counts as
    /// that which a condition decides.
    fn is_turned_off(switchings: &[Switching], (instrument, channel): Output<'_>) -> bool {
        let may_mean_it = |switching: &&Switching| {
            switching.section == Section::Teardown
                && switching.instrument.as_ref().is_none_or(|other| other == instrument)
                && switching.channel.as_ref().is_none_or(|other| other == channel)
                && (switching.output_enabled == Some(true)
                    || switching.output_enabled == Some(false) && !switching.is_conditional)
        };
        let last = switchings.iter().rfind(may_mean_it);
        last.is_some_and(|last| last.output_enabled == Some(false))
    }

    fn switching() -> impl Strategy<Value = Switching> {
        let section = prop_oneof![Just(Section::Setup), Just(Section::Main), Just(Section::Teardown)];
        let instrument = proptest::option::of(prop_oneof!["a", "b"].prop_map(LogicalName));
        let channel = proptest::option::of((1..3_u32).prop_map(Channel::Number));
        let enabled = proptest::option::of(any::<bool>());
        let parts = (section, instrument, channel, enabled, any::<bool>());
        parts.prop_map(
            |(section, instrument, channel, output_enabled, is_conditional)| Switching {
                section,
                is_fixture: false,
                is_conditional,
                step: String::new(),
                instrument,
                channel,
                output_enabled,
                has_voltage: true,
                has_current: true,
                place: Span::of_file("x.toml"),
            },
        )
    }

    proptest! {
        #[test]
        fn the_last_word_on_an_output_is_the_last_that_may_mean_it(
            switchings in proptest::collection::vec(switching(), 0..12),
        ) {
            let last_words = LastWords::of(&switchings);
            for output in switchings.iter().filter_map(output) {
                prop_assert_eq!(last_words.turn_off(output), is_turned_off(&switchings, output));
            }
        }
    }
}
