//! `[procedure]` and `[instruments.<name>]`.

use super::draft::Draft;
use super::quantity;
use super::vocabulary::{INSTRUMENT, LATER_CLASSES, PROCEDURE, UNIT_UNDER_TEST};
use crate::model::{BelongsTo, InstrumentNeed, LogicalName};
use benchtop_instrument::{Class, Function};
use benchtop_notation::{Diagnostic, Diagnostics, Span, Spanned, Table, Value, one_of};
use std::time::Duration;

/// Longest name of a procedure, a step or a measurement: TofuPilot cuts or refuses longer ones.
pub(super) const LONGEST_NAME: usize = 200;

/// Longest identifier that TofuPilot takes.
const LONGEST_IDENTIFIER: usize = 60;

/// The `[procedure]` table.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) version: String,
    pub(super) name: String,
    pub(super) timeout: Option<Spanned<Duration>>,
}

pub(super) fn procedure(sink: &mut Diagnostics, root: &Table<'_>) -> Option<Head> {
    let value = root.require(sink, "procedure")?;
    let (own, theirs) = (PROCEDURE.all(), UNIT_UNDER_TEST.all());
    let table = value.map(sink)?;
    let misplaced = theirs
        .into_iter()
        .filter(|key| !own.contains(key) && table.contains(key));
    let misplaced: Vec<&str> = misplaced.collect();
    table.refuse_unknown(sink, &[own.as_slice(), &misplaced].concat());
    for key in misplaced {
        if let Some(span) = table.key_span(key) {
            sink.error(
                span,
                &format!("`{key}` belongs to [unit_under_test], not to [procedure]"),
            );
        }
    }
    let id = table
        .require_string(sink, "id")
        .and_then(|id| identifier(sink, "id", id));
    let version = table
        .require_string(sink, "version")
        .and_then(|version| identifier(sink, "version", version));
    let name = table.string(sink, "name").and_then(|name| title(sink, "name", name));
    let timeout = table
        .magnitude(sink, "timeout")
        .and_then(|timeout| quantity::duration(sink, "`timeout`", &timeout, false));
    let id = id?;
    let name = name.map_or_else(|| id.value.clone(), |name| name.value);
    Some(Head {
        id: id.value,
        version: version?.value,
        name,
        timeout,
    })
}

/// Reads every instrument into the draft.
pub(super) fn instruments(draft: &mut Draft, root: &Table<'_>) {
    let Some(map) = root.map(&mut draft.sink, "instruments") else {
        return;
    };
    for (key, value) in map.entries() {
        let name = LogicalName(key.value.clone());
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let need = instrument(&mut draft.sink, &name, &key.span, value);
        draft.instrument_places.insert(name.clone(), key.span.clone());
        if key.value.is_empty() || key.value.len() > LONGEST_IDENTIFIER || !key.value.chars().all(is_plain) {
            let message = format!("an instrument cannot be called `{name}`");
            let help = format!("letters, digits, `_` and `-`, at most {LONGEST_IDENTIFIER}");
            draft.sink.push(Diagnostic::error(&key.span, &message).help(&help));
            draft.instruments.insert(name, None);
            continue;
        }
        draft.instruments.insert(name, need);
    }
}

fn instrument(sink: &mut Diagnostics, name: &LogicalName, place: &Span, value: Value<'_>) -> Option<InstrumentNeed> {
    let table = INSTRUMENT.open(sink, value)?;
    let class = table.require_string(sink, "class").and_then(|word| class(sink, &word));
    let words = match table.value("needs") {
        Some(value) => value.strings(sink)?,
        None => Vec::new(),
    };
    let mut needs = Vec::new();
    let mut need_places = Vec::new();
    for word in words {
        let Some(function) = one_of(sink, "function", &word, Function::ALL) else {
            continue;
        };
        if let Some(class) = class.filter(|class| !class.may_measure(function)) {
            sink.error(
                &word.span,
                &format!("{name} is of class {class}, which does not measure {function}"),
            );
        }
        if !needs.contains(&function) {
            needs.push(function);
            need_places.push(word.span);
        }
    }
    let belongs_to = match table.contains("belongs_to") {
        true => Some(belongs_to(sink, &table, name, class)?),
        false => None,
    };
    Some(InstrumentNeed {
        class: class?,
        needs,
        belongs_to: belongs_to.unwrap_or_default(),
        place: place.clone(),
        need_places,
    })
}

fn belongs_to(
    sink: &mut Diagnostics,
    table: &Table<'_>,
    name: &LogicalName,
    class: Option<Class>,
) -> Option<BelongsTo> {
    let word = table.string(sink, "belongs_to")?;
    let choices = [("station", BelongsTo::Station), ("uut", BelongsTo::Uut)];
    let owner = one_of(sink, "owner", &word, &choices)?;
    if owner == BelongsTo::Uut && class.is_some_and(|class| class != Class::Console) {
        let message = format!("{name} is no console: only the unit's own link belongs to it");
        sink.error(&word.span, &message);
        return None;
    }
    Some(owner)
}

fn class(sink: &mut Diagnostics, word: &Spanned<String>) -> Option<Class> {
    if LATER_CLASSES.contains(&word.value.as_str()) {
        sink.error(
            &word.span,
            &format!(
                "instruments of class `{}` are not supported yet in this version",
                word.value
            ),
        );
        return None;
    }
    one_of(sink, "class", word, Class::ALL)
}

/// An identifier that every target takes.
pub(super) fn identifier(sink: &mut Diagnostics, key: &str, text: Spanned<String>) -> Option<Spanned<String>> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '+' | '-');
    if !text.value.is_empty() && text.value.len() <= LONGEST_IDENTIFIER && text.value.chars().all(is_plain) {
        return Some(text);
    }
    let message = format!("`{key}` cannot be \"{}\": TofuPilot would refuse it", text.value);
    let help = format!("1 to {LONGEST_IDENTIFIER} of A-Z a-z 0-9 _ . : + -");
    sink.push(Diagnostic::error(&text.span, &message).help(&help));
    None
}

/// A name for people: something to read, in one line.
pub(super) fn title(sink: &mut Diagnostics, key: &str, text: Spanned<String>) -> Option<Spanned<String>> {
    let reason = if text.value.trim().is_empty() {
        "cannot be empty"
    } else if text.value.trim() != text.value {
        "cannot begin or end with a blank"
    } else if benchtop_notation::escape(&text.value) != text.value {
        "cannot hold control or invisible characters"
    } else if text.value.chars().count() > LONGEST_NAME {
        "cannot be longer than 200 characters"
    } else {
        return Some(text);
    };
    sink.error(&text.span, &format!("`{key}` {reason}"));
    None
}
