//! What the operator sees of a run, and what is left to show of one that cannot be saved.

use crate::{
    args::Format,
    exit::Exit,
    operator::Answers,
    progress,
    terminal::{self, Line},
};
use benchtop_instrument::{Clock, ClockExt, RealClock};
use benchtop_run::{Event, EventKind, Events};
use benchtop_store::{Journal, Record, Saved, event::to_json_line, record::Measured};
use std::{
    io::{self, IsTerminal},
    sync::Arc,
    time::Duration,
};
use tokio::runtime::Handle;

/// How a run is shown.
#[derive(Clone, Debug)]
pub(super) struct Showing {
    pub(super) format: Format,
    /// One line at the end and nothing else.
    pub(super) quiet: bool,
    /// Where the unit lies, where several are tested at once.
    pub(super) slot: Option<String>,
    /// Who answers prompts: what is answered already is not asked.
    pub(super) answers: Arc<Answers>,
    /// A simulated bench answers all others.
    pub(super) bench_answers: bool,
}

impl Showing {
    /// True where nobody has to be asked.
    fn is_answered(&self, name: &str) -> bool {
        self.bench_answers || self.answers.given(name).is_some()
    }
}

/// Prints what happens while it does. Gives the last event back as a line: it goes out when the record is saved.
///
/// Runs on a thread of its own: standard output may stand still.
/// Of units in slots people are told what they are asked, how far each is, and otherwise a line at the end: several at once are
/// no reading matter. Those who want it quiet are told no more than what they are asked.
pub(super) fn print(mut events: Events, showing: &Showing) -> Option<String> {
    let slot = showing.slot.as_deref();
    let mut seen = progress::Seen::of(slot);
    let mut last = None;
    let ticks = showing.format == Format::Human && !showing.quiet && io::stderr().is_terminal();
    let mut heard = Heard::new(ticks);
    loop {
        let event = match heard.next(&mut events) {
            Next::Event(event) => event,
            Next::Nothing => {
                seen.live.tick();
                continue;
            }
            Next::End => return last,
        };
        let asked = match &event.kind {
            EventKind::PromptShown(asked) => Some(&asked.name),
            EventKind::RunStarted(_)
            | EventKind::InstrumentReady(_)
            | EventKind::StepStarted(_)
            | EventKind::MeasurementTaken(_)
            | EventKind::StepEnded(_)
            | EventKind::MadeSafe(_)
            | EventKind::Attached(_)
            | EventKind::Log(_)
            | EventKind::RunEnded(_) => None,
        };
        match showing.format {
            Format::Human if asked.is_some_and(|name| showing.is_answered(name)) => {}
            Format::Human if slot.is_none() && !showing.quiet => progress::show(&event, &mut seen),
            Format::Human if asked.is_none() => {
                if !showing.quiet {
                    seen.live.follow(&event);
                }
            }
            Format::Human => {
                if let Some(slot) = slot {
                    terminal::say(&Line::new().add(terminal::DOUBTFUL, &format!("slot {slot}")));
                }
                progress::show(&event, &mut seen);
            }
            Format::Json if is_end(&event) => last = Some(in_slot(to_json_line(&event), slot)),
            Format::Json => terminal::emit(&terminal::ascii(&in_slot(to_json_line(&event), slot))),
        }
    }
}

/// How often the time that a step takes is shown while nothing else happens.
const TICK: Duration = Duration::from_secs(1);

/// What is heard of a run.
enum Next {
    Event(Arc<Event>),
    /// For a [`TICK`], where that is of interest.
    Nothing,
    End,
}

/// Waits for events on a thread of its own.
struct Heard {
    clock: RealClock,
    /// Where the passing of time is of interest.
    ticking: Option<Handle>,
}

impl Heard {
    fn new(ticks: bool) -> Self {
        Self {
            clock: RealClock::new(),
            ticking: ticks.then(Handle::try_current).and_then(Result::ok),
        }
    }

    fn next(&mut self, events: &mut Events) -> Next {
        let event = match &self.ticking {
            None => events.next_blocking(),
            Some(runtime) => {
                let until = self.clock.now().after(TICK);
                match runtime.block_on(self.clock.within(until, events.next())) {
                    Ok(event) => event,
                    Err(_elapsed) => return Next::Nothing,
                }
            }
        };
        event.map_or(Next::End, Next::Event)
    }
}

fn is_end(event: &Event) -> bool {
    matches!(event.kind, EventKind::RunEnded(_))
}

/// A JSON object with the slot as its first member.
fn in_slot(line: String, slot: Option<&str>) -> String {
    let Some(slot) = slot else { return line };
    match line.strip_prefix('{') {
        Some(rest) => format!("{{\"slot\":{},{rest}", serde_json::Value::from(slot)),
        None => line,
    }
}

/// The outcome, from the saved record.
pub(super) fn show(saved: &Saved, last: Option<&str>, showing: &Showing) {
    let slot = showing.slot.as_deref();
    let is_short = slot.is_some() || showing.quiet;
    let record = &saved.record;
    let outcome = benchtop_run::RunOutcome::from(record.outcome);
    match showing.format {
        Format::Human => {
            if !is_short {
                terminal::say(&Line::new());
            }
            let reason = record.reason.clone().or_else(|| first_failure(record));
            let verdict = progress::verdict(outcome, &record.unit_under_test.serial_number, reason.as_deref());
            let line = match slot {
                Some(slot) => Line::new()
                    .column(terminal::PLAIN, &format!("slot {slot}"), 9)
                    .join(verdict),
                None => verdict,
            };
            let line = line.add(terminal::QUIET, &format!("  ({:.2} s)", record.duration_s));
            let line = line.add(terminal::DOUBTFUL, if record.simulated { "  SIMULATED" } else { "" });
            let path = format!("record {}", saved.path.display());
            if is_short {
                terminal::say(&line.add(terminal::QUIET, &format!("  {path}")));
            } else {
                terminal::say(&line);
                terminal::say(&Line::new().add(terminal::QUIET, &path));
            }
        }
        Format::Json => {
            if let Some(last) = last {
                terminal::emit(&terminal::ascii(last));
            }
            let line = serde_json::json!({
                "event": "saved",
                "outcome": outcome.word(),
                "run_id": record.run_id,
                "path": saved.path.display().to_string(),
            });
            terminal::emit(&terminal::ascii(&in_slot(line.to_string(), slot)));
        }
    }
    for output in record
        .outputs
        .iter()
        .filter(|output| output.state == benchtop_store::record::OutputState::MaybeOn)
    {
        let used = record.instruments.iter().find(|used| used.name == output.instrument);
        let alarm = crate::recovery::alarm(used.map_or("", |used| &used.class));
        terminal::complain(&format!("{alarm}: {} channel {}", output.instrument, output.channel));
    }
}

/// The first value that is out of its limits, for people.
pub(crate) fn first_failure<M: Measured>(record: &Record<M>) -> Option<String> {
    if record.failed_measurements.is_empty() {
        return None;
    }
    let failed = record.steps.iter().find_map(|step| {
        let mut taken = step.measurements.iter().filter_map(|held| held.look().ok());
        let measurement = taken.find(|measurement| record.failed_measurements.contains(&measurement.name))?;
        Some((step, measurement))
    });
    let (step, measurement) = failed?;
    Some(format!(
        "{}: {}: {}",
        step.name,
        measurement.name,
        measurement.reason.clone()?
    ))
}

/// The run cannot be saved: the last rung of the ladder is to show all of it, as the error that it is.
pub(super) fn lost(journal: &Journal, outputs_maybe_on: &[String], reason: &str) {
    terminal::complain(&format!("NOT SAVED: {reason}"));
    for output in outputs_maybe_on {
        terminal::complain(&format!("OUTPUT MAY BE ON: {output}"));
    }
    if let Ok(mut record) = journal.so_far() {
        record.outcome = benchtop_store::record::RunOutcome::Error;
        record.run_passed = false;
        record.reason = Some(format!("NOT SAVED: {reason}"));
        if let Ok(text) = serde_json::to_string(&record) {
            let line = Line::new().add(terminal::PLAIN, "what there is of the record:");
            terminal::say_aside(&line);
            terminal::say_aside(&Line::new().add(terminal::PLAIN, &terminal::ascii(&text)));
        }
    }
    terminal::complain("this run is no result: it counts as an error of the station, whatever was measured");
}

/// What became of several runs.
pub(super) fn summary(exits: &[Exit], format: Format) {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for exit in exits {
        let word = exit.word();
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    match format {
        Format::Human => {
            let each: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
            terminal::say(&Line::new());
            let runs = if exits.len() == 1 { "run" } else { "runs" };
            terminal::say(&Line::new().add(terminal::PLAIN, &format!("{} {runs}: {}", exits.len(), each.join(", "))));
        }
        Format::Json => {
            let outcomes: serde_json::Map<String, serde_json::Value> = counts
                .iter()
                .map(|(word, count)| ((*word).to_owned(), (*count).into()))
                .collect();
            let line = serde_json::json!({ "event": "summary", "runs": exits.len(), "outcomes": outcomes });
            terminal::emit(&terminal::ascii_json(&line));
        }
    }
}
