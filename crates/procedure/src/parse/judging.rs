//! Where the limit of a measurement is written: with it, or in the limits file.

use super::{draft::Draft, limit};
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
