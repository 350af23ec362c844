//! How a fault is written: the keys of a `[[faults]]` entry, which are those of the control line too.

use super::{Drift, Fault};
use crate::{keys, parser::Dimension, quantity};
use benchtop_notation::{Diagnostic, Diagnostics, Document, Spanned, Table, one_of};
use std::time::Duration;

/// What a `[[faults]]` entry says beside what the fault is and when: whose it is.
const WHOSE: [&str; 2] = ["instrument", "serial_number"];

/// Which fault, and with which of an instrument's messages it begins and ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaultOrder {
    /// Which one.
    pub fault: Fault,
    /// It begins after so many more messages; with none it begins at once.
    pub after_messages: u64,
    /// It lasts for so many messages; otherwise until it is cleared.
    pub for_messages: Option<u64>,
}

impl From<Fault> for FaultOrder {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            after_messages: 0,
            for_messages: None,
        }
    }
}

impl FaultOrder {
    /// Reads the keys of a `[[faults]]` entry, without those that say whose it is: `kind = "late_answer"` in one line,
    /// `delay = "5 s"` in the next.
    ///
    /// # Errors
    /// Everything that is wrong with it, with what was expected.
    pub fn parse(text: &str) -> Result<Self, Diagnostics> {
        let document = Document::parse("fault", text)?;
        let mut sink = Diagnostics::new();
        let known = keys::FAULT.names();
        let known: Vec<&str> = known.into_iter().filter(|key| !WHOSE.contains(key)).collect();
        let order = read(&document.root(&mut sink, &known), &mut sink);
        sink.into_result()?;
        order.ok_or_else(|| Diagnostic::error(document.span(), "the fault is incomplete").into())
    }
}

/// What a kind of fault wants to be told beside its name.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Plain(Fault),
    Late,
    Reboot,
    Drift,
    Random,
}

/// The kinds of faults by name.
pub(super) const KINDS: &[(&str, Kind)] = &[
    ("no_answer", Kind::Plain(Fault::NoAnswer)),
    ("late_answer", Kind::Late),
    ("cut_answer", Kind::Plain(Fault::CutAnswer)),
    ("garbled_answer", Kind::Plain(Fault::GarbledAnswer)),
    ("wrong_terminator", Kind::Plain(Fault::WrongTerminator)),
    ("no_terminator", Kind::Plain(Fault::NoTerminator)),
    ("stuck_reading", Kind::Plain(Fault::StuckReading)),
    ("drift", Kind::Drift),
    ("error_queue_full", Kind::Plain(Fault::ErrorQueueFull)),
    ("drop_connection", Kind::Plain(Fault::DropConnection)),
    ("refused", Kind::Plain(Fault::Refused)),
    ("half_open", Kind::Plain(Fault::HalfOpen)),
    ("reboot", Kind::Reboot),
    ("wrong_identity", Kind::Plain(Fault::WrongIdentity)),
    ("blown_current_fuse", Kind::Plain(Fault::BlownCurrentFuse)),
    ("lead_off", Kind::Plain(Fault::LeadOff)),
    ("ovp_trip", Kind::Plain(Fault::OvpTrip)),
    ("stuck_output", Kind::Plain(Fault::StuckOutput)),
    ("hang_forever", Kind::Plain(Fault::HangForever)),
    ("random", Kind::Random),
];

/// The kinds of faults, as they are written.
pub(crate) fn words() -> Vec<&'static str> {
    KINDS.iter().map(|(word, _)| *word).collect()
}

/// Reads a fault from a table that may have other keys beside.
pub(crate) fn read(table: &Table<'_>, sink: &mut Diagnostics) -> Option<FaultOrder> {
    let word = table.require_string(sink, "kind");
    let kind = word
        .as_ref()
        .and_then(|word| one_of(sink, "kind of fault", word, KINDS));
    let after_messages = count(table, "after_messages", 0, sink);
    let for_messages = count(table, "for_messages", 1, sink);
    let (word, kind) = (word?, kind?);
    let takes = match kind {
        Kind::Plain(_) => None,
        Kind::Late | Kind::Reboot => Some("delay"),
        Kind::Drift => Some("per_second"),
        Kind::Random => Some("probability"),
    };
    for key in ["delay", "per_second", "probability"] {
        if let Some(span) = table.key_span(key).filter(|_| takes != Some(key)) {
            sink.error(span, &format!("a `{}` has no `{key}`", word.value));
        }
    }
    let fault = match kind {
        Kind::Plain(fault) => fault,
        Kind::Late => Fault::LateAnswer(delay(table, sink)?),
        Kind::Reboot => Fault::Reboot(delay(table, sink)?),
        Kind::Drift => Fault::Drift(drift(table, sink)?),
        Kind::Random => Fault::Random(probability(table, sink)?),
    };
    if let Some(span) = table.key_span("for_messages").filter(|_| !fault.takes_messages()) {
        let message = format!(
            "an instrument with `{}` takes no messages that could be counted",
            word.value
        );
        sink.error(span, &message);
    }
    Some(FaultOrder {
        fault,
        after_messages: after_messages.unwrap_or_default(),
        for_messages,
    })
}

fn count(table: &Table<'_>, key: &str, least: u64, sink: &mut Diagnostics) -> Option<u64> {
    let Spanned { value, span } = table.integer(sink, key)?;
    let count = u64::try_from(value).ok().filter(|count| *count >= least);
    if count.is_none() {
        let least = if least == 0 {
            "must not be negative"
        } else {
            "is at least 1"
        };
        sink.error(&span, &format!("`{key}` {least}"));
    }
    count
}

fn delay(table: &Table<'_>, sink: &mut Diagnostics) -> Option<Duration> {
    table.require(sink, "delay")?;
    quantity::duration(sink, table, "delay")
}

fn drift(table: &Table<'_>, sink: &mut Diagnostics) -> Option<Drift> {
    let magnitude = table.require_magnitude(sink, "per_second")?;
    let dimensions = [
        ('V', Dimension::Volts),
        ('A', Dimension::Amperes),
        ('m', Dimension::Ohms),
        ('Ω', Dimension::Ohms),
    ];
    let last = magnitude.unit.chars().next_back();
    let found = dimensions.iter().find(|(unit, _)| last == Some(*unit));
    let Some((_, dimension)) = found else {
        let refusal = Diagnostic::error(
            &magnitude.unit_span,
            &format!("readings do not drift in `{}`", magnitude.unit),
        );
        sink.push(refusal.help("for example \"10 mV\", \"1 mA\" or \"5 Ohm\", added with every second"));
        return None;
    };
    Some(Drift {
        per_second: quantity::in_unit(sink, &magnitude, *dimension)?,
        dimension: *dimension,
    })
}

fn probability(table: &Table<'_>, sink: &mut Diagnostics) -> Option<f64> {
    let value = table.require(sink, "probability")?;
    let probability = quantity::number(sink, table, "probability")?;
    if (0.0..=1.0).contains(&probability) {
        return Some(probability);
    }
    sink.error(value.span(), "`probability` is from 0 to 1, for each message");
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<Fault, &str>) {
        match (FaultOrder::parse(text), expected) {
            (Ok(order), Ok(fault)) => assert_eq!(order.fault, fault, "{text}"),
            (Err(findings), Err(message)) => assert_eq!(findings.render_short().trim_end(), message, "{text}"),
            (found, expected) => panic!("{text}: {found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn every_word_is_that_of_its_fault() {
        for (word, kind) in KINDS {
            let fault = match kind {
                Kind::Plain(fault) => *fault,
                Kind::Late => Fault::LateAnswer(Duration::ZERO),
                Kind::Reboot => Fault::Reboot(Duration::ZERO),
                Kind::Drift => FaultOrder::parse("kind = 'drift'\nper_second = '1 V'").unwrap().fault,
                Kind::Random => Fault::Random(0.5),
            };
            assert_eq!(fault.word(), *word);
        }
    }

    #[test]
    fn a_fault_says_what_it_wants_to_be_told() {
        let five = Duration::from_secs(5);
        check("kind = 'late_answer'\ndelay = '5 s'", Ok(Fault::LateAnswer(five)));
        check("kind = 'reboot'\ndelay = '5 s'", Ok(Fault::Reboot(five)));
        check("kind = 'random'\nprobability = 0.25", Ok(Fault::Random(0.25)));
        let ohms = Drift {
            per_second: 0.005,
            dimension: Dimension::Ohms,
        };
        check("kind = 'drift'\nper_second = '5 mOhm'", Ok(Fault::Drift(ohms)));
        for (text, expected) in [
            ("delay = '5 s'", "fault:1:1: error: missing key `kind` in the file"),
            ("kind = 'reboot'", "fault:1:1: error: missing key `delay` in the file"),
            (
                "kind = 'no_answer'\ndelay = '5 s'",
                "fault:2:1: error: a `no_answer` has no `delay`",
            ),
            (
                "kind = 'late_answr'",
                "fault:1:8: error: unknown kind of fault `late_answr`; did you mean `late_answer`?",
            ),
            (
                "kind = 'drift'\nper_second = '5 s'",
                "fault:2:17: error: readings do not drift in `s`; for example \"10 mV\", \"1 mA\" or \"5 Ohm\", \
                 added with every second",
            ),
            (
                "kind = 'random'\nprobability = 2",
                "fault:2:15: error: `probability` is from 0 to 1, for each message",
            ),
            (
                "kind = 'hang_forever'\nfor_messages = 3",
                "fault:2:1: error: an instrument with `hang_forever` takes no messages that could be counted",
            ),
            (
                "kind = 'no_answer'\nfor_messages = 0",
                "fault:2:16: error: `for_messages` is at least 1",
            ),
        ] {
            check(text, Err(expected));
        }
    }
}
