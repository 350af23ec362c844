//! `query`, `send` and `expect`: raw messages to an instrument, and the unit's own link.

use super::{
    super::{
        draft::{Draft, Named},
        quantity,
    },
    extract,
    keys::{EXPECT, EXPECT_MEASUREMENT, QUERY, QUERY_MEASUREMENT, SEND},
};
use crate::{
    kinds::{Expect, Query, Transmit},
    model::LogicalName,
    said::{Place, Speaker},
};
use benchtop_instrument::Class;
use benchtop_notation::{Diagnostic, Diagnostics, Spanned, Table, Value};
use std::time::Duration;

/// How long an `expect` waits that does not say so.
const WITHIN: Duration = Duration::from_secs(5);

/// The instrument that a step names, which must be a console or must not be one.
fn instrument(draft: &mut Draft, table: &Table<'_>, step: &str, wants_console: bool) -> Option<(LogicalName, Class)> {
    let (named, place) = draft.instrument(step, table)?;
    let (name, class) = match named {
        Named::Known(name, need) => (name, need.class),
        // its own mistake was reported
        Named::Broken(_) => return None,
    };
    let is_console = class == Class::Console;
    if is_console == wants_console {
        return Some((name, class));
    }
    let finding = if wants_console {
        let message = format!("{step}: {name} is of class {class}, not a console");
        Diagnostic::error(&place, &message).help("an instrument is asked by `query`")
    } else {
        let message = format!("{step}: {name} is a console: it takes no program messages");
        Diagnostic::error(&place, &message).help("the steps `send` and `expect` are for it")
    };
    draft.sink.push(finding);
    None
}

/// Reads a `query`. `None` where it is wrong, which was reported.
pub(in crate::parse) fn query(draft: &mut Draft, value: Value<'_>, step: &str) -> Option<Query> {
    let table = QUERY.open(&mut draft.sink, value)?;
    let instrument = instrument(draft, &table, step, false);
    let message = table.require_string(&mut draft.sink, "message");
    let place = |sink: &mut Diagnostics, table: &Table<'_>, label: &str| {
        if let Some(value) = table.value("block") {
            let format = extract::block(sink, table, value, label)?;
            return Some((Speaker::Instrument, Place::Block(format)));
        }
        if !table.contains("pattern") {
            if let Some(span) = table.key_span("group") {
                sink.error(span, &format!("{label}: `group` is for a `pattern`"));
                return None;
            }
            return Some((Speaker::Instrument, Place::Whole));
        }
        let search = extract::search(sink, table, "pattern", label)?;
        let group = extract::group(sink, table, &search, label)?;
        Some((Speaker::Instrument, Place::Match(search, group)))
    };
    let measurements = extract::all(draft, &table, &QUERY_MEASUREMENT, step, place);
    let attachment = match table.contains("attachment") {
        true => attachment(&mut draft.sink, &table, step).map(Some),
        false => Some(None),
    };
    let (instrument, class) = instrument?;
    let message = message?;
    check_message(&mut draft.sink, step, &message, class)?;
    let (measurements, attachment) = (measurements?, attachment?);
    let wanted = match (measurements.is_empty(), &attachment) {
        (false, _) => Some("to take measurements from"),
        (true, Some(_)) => Some("to keep"),
        (true, None) => None,
    };
    if let Some(wanted) = wanted.filter(|_| !is_answered(&message.value)) {
        let text = format!("{step}: the message has no ?, so there is no answer {wanted}");
        draft.sink.error(&message.span, &text);
        return None;
    }
    Some(Query {
        attachment,
        instrument,
        message: message.value,
        measurements,
    })
}

/// What an answer is called where it is kept: the name of a file, not a path.
fn attachment(sink: &mut Diagnostics, table: &Table<'_>, step: &str) -> Option<String> {
    let name = table.string(sink, "attachment")?;
    let is_plain = |c: char| !c.is_control() && !"/\\:".contains(c);
    let is_name = !name.value.trim().is_empty() && name.value.len() <= 200 && name.value.chars().all(is_plain);
    if !is_name || name.value.starts_with('.') {
        let message = format!(
            "{step}: an answer is kept under the name of a file, not `{}`",
            name.value
        );
        sink.push(Diagnostic::error(&name.span, &message).help("\"screen.png\", for example; it lies with the record"));
        return None;
    }
    Some(name.value)
}

/// True where a message is answered: it has a `?` outside of quotes.
pub(in crate::parse) fn is_answered(message: &str) -> bool {
    let mut quote = None;
    for character in message.chars() {
        match (quote, character) {
            (None, '?') => return true,
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            (None | Some(_), _) => {}
        }
    }
    false
}

fn check_message(sink: &mut Diagnostics, step: &str, message: &Spanned<String>, class: Class) -> Option<()> {
    let text = &message.value;
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        let finding = format!("{step}: a program message is one line of text");
        sink.push(Diagnostic::error(&message.span, &finding).help("its end is sent by itself"));
        return None;
    }
    if class != Class::DcPower {
        return Some(());
    }
    // each message unit by itself: a question about an output is no order to it
    let mut orders = text.split(';').map(str::trim).filter(|unit| !unit.contains('?'));
    let switches = |unit: &str| {
        let header = unit.trim_start_matches(':').to_ascii_uppercase();
        header.starts_with("OUTP") || header.starts_with("*RCL") || header.starts_with("*TRG")
    };
    if orders.clone().any(switches) {
        let finding = format!("{step}: a query may not switch an output");
        let help = "`set` does, reads it back, and a teardown must turn it off again";
        sink.push(Diagnostic::error(&message.span, &finding).help(help));
        return None;
    }
    if orders.next().is_some() {
        let finding = format!("{step}: nothing reads back what this sets on a supply");
        sink.push(Diagnostic::warning(&message.span, &finding).help("`set` does, where it has a key for it"));
    }
    Some(())
}

/// Reads a `send`. `None` where it is wrong, which was reported.
pub(in crate::parse) fn send(draft: &mut Draft, value: Value<'_>, step: &str) -> Option<Transmit> {
    let table = SEND.open(&mut draft.sink, value)?;
    let instrument = instrument(draft, &table, step, true);
    let text = table.require_string(&mut draft.sink, "text");
    if let Some(text) = text.as_ref().filter(|text| text.value.is_empty()) {
        draft
            .sink
            .error(&text.span, &format!("{step}: there is nothing to send"));
        return None;
    }
    let discard_unread = table
        .bool(&mut draft.sink, "discard_unread")
        .is_some_and(|discard| discard.value);
    Some(Transmit {
        instrument: instrument?.0,
        text: text?.value,
        discard_unread,
    })
}

/// Reads an `expect`. `None` where it is wrong, which was reported.
pub(in crate::parse) fn expect(
    draft: &mut Draft,
    value: Value<'_>,
    step: &str,
    timeout: Option<&Spanned<Duration>>,
) -> Option<Expect> {
    let table = EXPECT.open(&mut draft.sink, value)?;
    // that it comes at all is judged
    draft.has_limit = true;
    let instrument = instrument(draft, &table, step, true);
    table.require(&mut draft.sink, "pattern");
    let pattern = extract::search(&mut draft.sink, &table, "pattern", step);
    let fails_on = match table.contains("fails_on") {
        true => extract::search(&mut draft.sink, &table, "fails_on", step).map(Some),
        false => Some(None),
    };
    let within = match table.magnitude(&mut draft.sink, "within") {
        Some(within) => quantity::duration(&mut draft.sink, "`within`", &within, false).map(|within| within.value),
        None => (!table.contains("within")).then_some(WITHIN),
    };
    if let (Some(within), Some(timeout)) = (within, timeout)
        && timeout.value <= within
    {
        let message = format!("{step}: the timeout ends before the wait does");
        let help = "`within` is how long the unit may take, and its end a FAIL; a timeout ends the run";
        draft.sink.push(Diagnostic::error(&timeout.span, &message).help(help));
        return None;
    }
    let pattern = pattern?;
    let place = |sink: &mut Diagnostics, table: &Table<'_>, label: &str| {
        let group = extract::group(sink, table, &pattern, label)?;
        Some((Speaker::Unit, Place::Expected(group)))
    };
    let measurements = extract::all(draft, &table, &EXPECT_MEASUREMENT, step, place);
    Some(Expect {
        instrument: instrument?.0,
        fails_on: fails_on?,
        within: within?,
        measurements: measurements?,
        pattern,
    })
}
