//! The parts of a limit that are values to be met exactly, and patterns.

use super::super::quantity::NEVER_MATCHES as NEVER;
use super::number::number;
use super::{Placed, Reader};
use crate::pattern::Pattern;
use crate::value::{Value, ValueKind};
use benchtop_notation::{Diagnostic, Diagnostics, Spanned, Table, Value as Node};

/// `equals`. `None` only where it is written and wrong.
pub(super) fn equals(sink: &mut Diagnostics, table: &Table<'_>, reader: Reader<'_>) -> Option<Option<Placed<Value>>> {
    match table.value("equals") {
        Some(node) => Some(Some(value(sink, node, reader)?)),
        None => Some(None),
    }
}

/// `one_of`, empty where it is not written. `None` only where it is written and wrong.
pub(super) fn one_of_values(
    sink: &mut Diagnostics,
    table: &Table<'_>,
    reader: Reader<'_>,
) -> Option<Vec<Placed<Value>>> {
    let Some(node) = table.value("one_of") else {
        return Some(Vec::new());
    };
    let items = node.items(sink)?;
    if items.is_empty() {
        let message = format!("{}: `one_of` is empty: nothing could pass", reader.label);
        sink.error(node.span(), &message);
        return None;
    }
    let mut values: Vec<Placed<Value>> = Vec::with_capacity(items.len());
    for item in &items {
        let Some(value) = value(sink, *item, reader) else {
            continue;
        };
        if values.iter().any(|other| other.value == value.value) {
            sink.error(
                &value.span,
                &format!("{}: this value is here for the second time", reader.label),
            );
        }
        values.push(value);
    }
    (values.len() == items.len()).then_some(values)
}

/// A value of the measurement's own kind.
fn value(sink: &mut Diagnostics, node: Node<'_>, reader: Reader<'_>) -> Option<Placed<Value>> {
    match reader.kind {
        ValueKind::Number => {
            let what = format!("`{}`", node.key());
            Some(number(sink, node, &what, reader)?.map(Value::Number))
        }
        ValueKind::Text => Some(node.string(sink)?.map(Value::Text)),
        ValueKind::Boolean => Some(node.bool(sink)?.map(Value::Boolean)),
        // `fits_the_kind` has refused it
        ValueKind::Numbers => None,
    }
}

/// `matches`. `None` only where it is written and wrong.
pub(super) fn matches(sink: &mut Diagnostics, table: &Table<'_>, reader: Reader<'_>) -> Option<Option<Pattern>> {
    if !table.contains("matches") {
        return Some(None);
    }
    let text = table.string(sink, "matches")?;
    pattern(sink, &format!("{}: `matches`", reader.label), &text).map(Some)
}

/// A regular expression for a whole text, or a finding.
pub(in super::super) fn pattern(sink: &mut Diagnostics, what: &str, text: &Spanned<String>) -> Option<Pattern> {
    match Pattern::new(&text.value) {
        Ok(pattern) if pattern.can_match() => Some(pattern),
        Ok(_) => {
            sink.push(Diagnostic::error(&text.span, &format!("{what} matches no text at all")).help(NEVER));
            None
        }
        Err(reason) => {
            let message = format!("{what} is not a regular expression: {reason}");
            sink.push(Diagnostic::error(&text.span, &message).help("for example '^UNIT-\\d{4}$', in single quotes"));
            None
        }
    }
}
