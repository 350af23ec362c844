//! What was said while a definition was tried: when, and which line of `driver.toml` had it said.

use benchtop_instrument::{Moment, Resource};
use benchtop_station::Entry;
use benchtop_transport::{TraceEvent, TraceSink};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// So much of the dialogue is shown with what went wrong.
const LAST: usize = 12;

/// A dialogue with a simulated instrument, with its moments.
#[derive(Debug, Default)]
pub(super) struct Said(Mutex<Vec<(Moment, TraceEvent)>>);

impl TraceSink for Said {
    fn trace(&self, _resource: &Resource, at: Moment, event: TraceEvent) {
        self.events().push((at, event));
    }
}

impl Said {
    fn events(&self) -> MutexGuard<'_, Vec<(Moment, TraceEvent)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the last answer to this question took.
    pub(super) fn last_answer(&self, question: &str) -> Option<Duration> {
        let events = self.events();
        let pairs = events.windows(2).rev();
        let mut times = pairs.filter_map(|pair| match pair {
            [(asked, TraceEvent::Written(message)), (answered, TraceEvent::Read(_))]
                if message == question.as_bytes() =>
            {
                Some(answered.since(*asked))
            }
            _ => None,
        });
        times.next()
    }

    /// How long nothing was said before this question was asked last.
    pub(super) fn silence_before(&self, question: &str) -> Option<Duration> {
        let events = self.events();
        let mut pairs = events.windows(2).rev();
        pairs.find_map(|pair| match pair {
            [(before, _), (asked, TraceEvent::Written(message))] if message == question.as_bytes() => {
                Some(asked.since(*before))
            }
            _ => None,
        })
    }

    /// The end of the dialogue, each message with the line of the definition that it stands in.
    pub(super) fn last(&self, violation: &str, family: &[&Entry]) -> String {
        let events = self.events();
        let last = events.iter().skip(events.len().saturating_sub(LAST));
        last.map(|(_, event)| {
            let place = match event {
                TraceEvent::Written(message) => place(violation, &String::from_utf8_lossy(message), family),
                TraceEvent::Read(_)
                | TraceEvent::StatusByte(_)
                | TraceEvent::Cleared
                | TraceEvent::Triggered
                | TraceEvent::Recovered
                | TraceEvent::Closed
                | TraceEvent::Failed { .. } => None,
            };
            let place = place.map_or_else(String::new, |place| format!("    {place}"));
            format!("\n    {event}{place}")
        })
        .collect()
    }
}

/// Where in the definition, or in those that it inherits from, the rows stand that a violation speaks of: its function's.
pub(super) fn row(violation: &str, family: &[&Entry]) -> Option<String> {
    family.iter().find_map(|entry| {
        let mut lines = entry.text.lines().enumerate();
        let (number, _) = lines.find(|(_, line)| function_of(line).is_some_and(|name| speaks_of(violation, name)))?;
        Some(format!("{}:{}", entry.file, number + 1))
    })
}

/// The line that has a message said: one of the function that a violation speaks of, before any other.
fn place(violation: &str, message: &str, family: &[&Entry]) -> Option<String> {
    let mut elsewhere = None;
    for entry in family {
        let mut of_the_function = false;
        for (number, line) in entry.text.lines().enumerate() {
            if line.trim_start().starts_with('[') {
                of_the_function = function_of(line).is_some_and(|name| speaks_of(violation, name));
            }
            if !strings(line).any(|template| says(template, message)) {
                continue;
            }
            let place = format!("{}:{}", entry.file, number + 1);
            if of_the_function {
                return Some(place);
            }
            elsewhere.get_or_insert(place);
        }
    }
    elsewhere
}

/// The function of a table's title: `[functions.dc_voltage]`, `[[functions.dc_voltage.ranges]]`.
fn function_of(line: &str) -> Option<&str> {
    let title = line.trim_start().trim_start_matches('[').strip_prefix("functions.")?;
    title.split(['.', ']']).next()
}

/// Whether a violation names a function, and not another one whose name ends or begins with it.
fn speaks_of(violation: &str, function: &str) -> bool {
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    violation
        .split(|character| !is_word(character))
        .any(|word| word == function)
}

/// What stands between quotes in a line.
fn strings(line: &str) -> impl Iterator<Item = &str> {
    let quote = if line.contains('"') { '"' } else { '\'' };
    line.split(quote).skip(1).step_by(2).filter(|text| !text.is_empty())
}

/// Whether a message is a template with its places filled in.
fn says(template: &str, message: &str) -> bool {
    let mut rest = message;
    let mut first = true;
    for piece in template.split('{') {
        let piece = if std::mem::take(&mut first) {
            piece
        } else {
            match piece.split_once('}') {
                Some((_place, behind)) => {
                    if behind.is_empty() {
                        rest = "";
                        continue;
                    }
                    let Some(at) = rest.find(behind) else { return false };
                    rest = rest.get(at..).unwrap_or_default();
                    behind
                }
                None => return false,
            }
        };
        match rest.strip_prefix(piece) {
            Some(behind) => rest = behind,
            None => return false,
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_found_by_its_template() {
        for (template, message, expected) in [
            ("VOLT {value},(@{channel})", "VOLT 5.5,(@1)", true),
            ("VOLT {value},(@{channel})", "VOLT? (@1)", false),
            ("CONF:VOLT:DC", "CONF:VOLT:DC", true),
            ("CONF:VOLT", "CONF:VOLT:DC", false),
            ("VOLT:DC:NPLC {nplc}", "VOLT:DC:NPLC 10", true),
            ("{range}", "anything", true),
        ] {
            assert_eq!(says(template, message), expected, "{template} {message}");
        }
    }

    #[test]
    fn silence_is_measured_up_to_the_question_that_was_asked_last() {
        let said = Said::default();
        let resource: Resource = "SIM::bench::dmm".parse().unwrap();
        let written = |message: &str| TraceEvent::Written(message.as_bytes().to_vec());
        for (seconds, event) in [
            (1, written("CONF:VOLT:DC")),
            (2, written("MEAS1?")),
            (3, TraceEvent::Read(b"1".to_vec())),
            (4, written("CONF:RES")),
            (9, written("MEAS1?")),
            (10, TraceEvent::Read(b"2".to_vec())),
        ] {
            said.trace(&resource, Moment::from_start(Duration::from_secs(seconds)), event);
        }
        assert_eq!(said.silence_before("MEAS1?"), Some(Duration::from_secs(5)));
        assert_eq!(said.last_answer("MEAS1?"), Some(Duration::from_secs(1)));
        assert_eq!(said.silence_before("READ?"), None);
    }

    #[test]
    fn a_function_is_named_by_its_whole_word() {
        assert!(speaks_of("resistance, range 100 Ohm: no", "resistance"));
        assert!(!speaks_of("four_wire_resistance, range 100 Ohm: no", "resistance"));
    }
}
