//! `[[setup]]`, `[[steps]]` and `[[teardown]]`: what every step has, whatever its kind.

use super::draft::{Draft, Known, Section};
use super::vocabulary::{LATER_STEP_KINDS, RETRY, STEP_KINDS};
use super::{condition, head, kinds, measurement, quantity, setting};
use crate::model::{OnFail, Retry, SetPlaces, Step, StepKind, regulation_name};
use benchtop_notation::{Diagnostic, Diagnostics, Spanned, Table, one_of};
use std::time::Duration;

/// More attempts than this hide a fault instead of riding it out.
const MOST_ATTEMPTS: i64 = 100;

/// One step, where the sweeps around it stand.
pub(super) fn step(draft: &mut Draft, table: &Table<'_>, section: Section, at: usize) -> Option<Step> {
    let name = name(draft, table);
    let label = match &name {
        Some(name) => format!("step \"{}\"", name.value),
        None => format!("step {} of [[{}]]", at + 1, draft.key(section)),
    };
    let timeout = table
        .magnitude(&mut draft.sink, "timeout")
        .and_then(|timeout| quantity::duration(&mut draft.sink, "`timeout`", &timeout, false));
    let retry = retry(&mut draft.sink, table);
    let on_fail = on_fail(&mut draft.sink, table);
    let when = condition::when(draft, table, section, &label);
    draft.conditions += usize::from(table.contains("when"));
    let kind = kind(draft, table, section, &label, name.as_ref(), timeout.as_ref());
    draft.conditions -= usize::from(table.contains("when"));
    let known = Known {
        section,
        stops: on_fail == OnFail::Stop,
        may_skip: draft.conditions > 0 || table.contains("when"),
    };
    let name = name?;
    draft.ends(&name.value, known);
    let (kind, set_places) = kind?;
    if !matches!(kind, StepKind::Measurements(_)) {
        for said in kind.measurements() {
            draft.measures(&said.name, said.unit, said.kind);
        }
    }
    if kind.expects_regulation() {
        draft.claim_measurement_name(&name.clone().map(|name| regulation_name(&name)));
    }
    let name = name.value;
    Some(Step {
        name,
        kind,
        timeout: timeout.map(|timeout| timeout.value),
        retry: retry?,
        on_fail,
        when: when?,
        parameters: draft.parameters(),
        place: table.span().clone(),
        set_places,
    })
}

/// Reads and claims the name of a step or of a group.
pub(super) fn name(draft: &mut Draft, table: &Table<'_>) -> Option<Spanned<String>> {
    let name = table
        .require_string(&mut draft.sink, "name")
        .and_then(|name| head::title(&mut draft.sink, "name", name))?;
    draft.claim_step_name(&name);
    Some(name)
}

/// What a FAIL does; what is written and wrong is as if it were not.
pub(super) fn on_fail(sink: &mut Diagnostics, table: &Table<'_>) -> OnFail {
    let word = table.string(sink, "on_fail");
    let choices = [("continue", OnFail::Continue), ("stop", OnFail::Stop)];
    word.and_then(|word| one_of(sink, "on_fail", &word, &choices))
        .unwrap_or_default()
}

fn kind(
    draft: &mut Draft,
    table: &Table<'_>,
    section: Section,
    label: &str,
    name: Option<&Spanned<String>>,
    timeout: Option<&Spanned<Duration>>,
) -> Option<(StepKind, SetPlaces)> {
    let kinds: Vec<&str> = STEP_KINDS.iter().copied().filter(|key| table.contains(key)).collect();
    let is_later = LATER_STEP_KINDS.iter().any(|key| table.contains(key));
    if let [first, second, ..] = kinds.as_slice() {
        let message = format!("{label}: a step is one kind, this one has `{first}` and `{second}`");
        let place = table.key_span(second).unwrap_or(table.span());
        draft
            .sink
            .push(Diagnostic::error(place, &message).help("make two steps of it"));
    }
    draft.is_unreadable |= is_later;
    if kinds.is_empty() && !is_later {
        let message = format!("{label} does nothing");
        let help = format!("it needs one of `{}`", STEP_KINDS.join("`, `"));
        draft.sink.push(Diagnostic::error(table.span(), &message).help(&help));
    }
    // All kinds that are there are read, so that their mistakes come out in the same go.
    let measurements = table
        .value("measurements")
        .and_then(|value| measurement::all(draft, value, label));
    let set = table
        .value("set")
        .and_then(|value| setting::set(draft, value, section, label));
    let wait = table.magnitude(&mut draft.sink, "wait").and_then(|wait| {
        let wait = quantity::duration(&mut draft.sink, "`wait`", &wait, false)?;
        if let Some(timeout) = timeout.filter(|timeout| timeout.value <= wait.value) {
            let message = format!("{label}: the timeout ends before the wait does");
            draft.sink.error(&timeout.span, &message);
        }
        Some(wait.value)
    });
    let mut read = said(draft, table, label, name, timeout);
    read.extend(measurements.map(|measurements| (StepKind::Measurements(measurements), SetPlaces::default())));
    read.extend(set.map(|(instrument, setting, expects, places)| {
        let kind = StepKind::Set {
            instrument,
            setting,
            expects,
        };
        (kind, places)
    }));
    read.extend(wait.map(|wait| (StepKind::Wait(wait), SetPlaces::default())));
    // Several kinds or a broken one: reported above.
    let is_one = kinds.len() == 1;
    read.pop().filter(|_| is_one && read.is_empty())
}

/// The kinds in which something is said.
fn said(
    draft: &mut Draft,
    table: &Table<'_>,
    label: &str,
    name: Option<&Spanned<String>>,
    timeout: Option<&Spanned<Duration>>,
) -> Vec<(StepKind, SetPlaces)> {
    let mut read = Vec::new();
    let mut unread = false;
    let mut keep = |kind: Option<StepKind>| {
        unread |= kind.is_none();
        read.extend(kind.map(|kind| (kind, SetPlaces::default())));
    };
    if let Some(value) = table.value("prompt") {
        keep(kinds::prompt(draft, value, label).map(|prompt| StepKind::Prompt(Box::new(prompt))));
    }
    if let Some(value) = table.value("exec") {
        keep(kinds::exec(draft, value, label, name).map(|exec| StepKind::Exec(Box::new(exec))));
    }
    if let Some(value) = table.value("query") {
        keep(kinds::query(draft, value, label).map(|query| StepKind::Query(Box::new(query))));
    }
    if let Some(value) = table.value("send") {
        keep(kinds::send(draft, value, label).map(|send| StepKind::Send(Box::new(send))));
    }
    if let Some(value) = table.value("expect") {
        keep(kinds::expect(draft, value, label, timeout).map(|expect| StepKind::Expect(Box::new(expect))));
    }
    draft.is_unreadable |= unread;
    read
}

/// `None` only where it is written and wrong.
pub(super) fn retry(sink: &mut Diagnostics, step: &Table<'_>) -> Option<Retry> {
    let Some(value) = step.value("retry") else {
        return Some(Retry::NEVER);
    };
    let table = RETRY.open(sink, value)?;
    let attempts = table.require_integer(sink, "attempts").and_then(|attempts| {
        if !(1..=MOST_ATTEMPTS).contains(&attempts.value) {
            sink.error(
                &attempts.span,
                &format!("`attempts` must be between 1 and {MOST_ATTEMPTS}"),
            );
            return None;
        }
        u32::try_from(attempts.value).ok()
    });
    let mut retry = Retry {
        on_error: !table.contains("on"),
        ..Retry::NEVER
    };
    let words = table.strings(sink, "on");
    if words.as_ref().is_some_and(Vec::is_empty) {
        let place = table.value("on").map_or(table.span(), |on| on.span());
        sink.push(Diagnostic::error(place, "`on` is empty").help("leave it out to retry after an error"));
    }
    for word in words.into_iter().flatten() {
        let reason = match one_of(sink, "reason to retry", &word, REASONS) {
            Some(Reason::Error) => &mut retry.on_error,
            Some(Reason::Fail) => &mut retry.on_fail,
            Some(Reason::Timeout) => &mut retry.on_timeout,
            None => continue,
        };
        if std::mem::replace(reason, true) {
            sink.error(&word.span, &format!("`{}` is here for the second time", word.value));
        }
    }
    if let Some(delay) = table.magnitude(sink, "delay") {
        retry.delay = quantity::duration(sink, "`delay`", &delay, true)?.value;
    }
    retry.attempts = attempts?;
    if retry.attempts == 1 && (table.contains("on") || table.contains("delay")) {
        let place = table.value("attempts").map_or(table.span(), |attempts| attempts.span());
        sink.push(Diagnostic::warning(place, "one attempt is no retry").help("`attempts` counts the first one too"));
    }
    Some(retry)
}

#[derive(Clone, Copy, Debug)]
enum Reason {
    Error,
    Fail,
    Timeout,
}

const REASONS: &[(&str, Reason)] = &[
    ("error", Reason::Error),
    ("fail", Reason::Fail),
    ("timeout", Reason::Timeout),
];
