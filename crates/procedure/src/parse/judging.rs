//! Where the limit of a measurement is written: with it, or in the limits file.

use super::{draft::Draft, limit};
use crate::limit::OverrangeRule;
use benchtop_notation::{Diagnostic, Span, Spanned, Table};

/// Whether a measurement has a limit, in the procedure or in its limits file.
pub(super) fn is_judged(draft: &Draft, table: &Table<'_>, name: Option<&Spanned<String>>) -> bool {
    table.contains("limit") || name.is_some_and(|name| draft.filed.contains_key(&name.value))
}

/// Where its limit is written; the whole, where it has none.
pub(super) fn limit_place(draft: &Draft, table: &Table<'_>, name: Option<&Spanned<String>>) -> Span {
    let filed = name.and_then(|name| draft.filed.get(&name.value));
    let own = table.value("limit").map(|limit| limit.span());
    own.or(filed.map(|filed| &filed.place)).unwrap_or(table.span()).clone()
}

/// The limit of a measurement, which is written in one place. `None` only where it is wrong.
pub(super) fn limit_of(
    draft: &mut Draft,
    table: &Table<'_>,
    name: Option<&Spanned<String>>,
    reader: limit::Reader<'_>,
) -> Option<Option<limit::Written>> {
    let filed = name.and_then(|name| draft.filed.get(&name.value));
    let Some(filed) = filed.cloned() else {
        return limit::read(&mut draft.sink, table, reader);
    };
    draft.filed_used.extend(name.map(|name| name.value.clone()));
    let Some(own) = table.key_span("limit") else {
        return limit::read_value(&mut draft.sink, filed.limit.value(), reader).map(Some);
    };
    let message = format!(
        "{}: {} line {} has a limit for it as well",
        reader.label,
        filed.place.file(),
        filed.place.line()
    );
    draft
        .sink
        .push(Diagnostic::error(own, &message).help("a limit is written in one place"));
    None
}

/// As [`limit_of`], for a value that no meter read: beyond the range there is none, and a limit that accepts it says what can
/// never be.
pub(super) fn limit_of_no_reading(
    draft: &mut Draft,
    table: &Table<'_>,
    name: Option<&Spanned<String>>,
    reader: limit::Reader<'_>,
) -> Option<Option<limit::Written>> {
    let limit = limit_of(draft, table, name, reader)?;
    let accepts = |written: &limit::Written| written.limit.overrange == OverrangeRule::Accept;
    if limit.as_ref().is_some_and(accepts) {
        let message = format!("{}: no meter reads it: nothing is beyond its range", reader.label);
        let place = limit_place(draft, table, name);
        draft
            .sink
            .push(Diagnostic::error(&place, &message).help("leave out `overrange`"));
        return None;
    }
    Some(limit)
}
