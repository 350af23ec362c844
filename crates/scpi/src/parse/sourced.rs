//! Where a function and its ranges were read. What a file writes is not vouched for by the one that it inherits from.

use super::{check_known, check_source};
use crate::definition::Source;
use benchtop_notation::{Diagnostic, Diagnostics, Spanned, Table};

/// What of a function has a source of its own.
const SOURCED_ELSEWHERE: [&str; 4] = ["source", "ranges", "ranges_source", "accuracy"];

/// Where a function was read. A file that changes what it inherits says where it read that.
pub(super) fn function_source(table: &Table<'_>, sink: &mut Diagnostics, sources: &[Source]) -> Option<String> {
    let source = check_source(table, sink, sources)?;
    // the file that wrote last about the function
    let file = table.span().file();
    if source.span.file() != file {
        let changed = table
            .entries()
            .find(|(key, value)| !SOURCED_ELSEWHERE.contains(&key.value.as_str()) && value.span().file() == file);
        if let Some((key, _)) = changed {
            let message = format!("`{}` was written here, and the `source` is inherited", key.value);
            let help = format!(
                "write `source` in [functions] of this file too: where `{}` was read",
                key.value
            );
            sink.push(Diagnostic::error(&key.span, &message).help(&help));
        }
    }
    Some(source.value)
}

/// Where the ranges of a function were read that do not say so themselves.
pub(super) struct RangeSources<'s> {
    known: &'s [Source],
    of_all: Option<Spanned<String>>,
}

impl<'s> RangeSources<'s> {
    pub(super) fn read(table: &Table<'_>, sink: &mut Diagnostics, known: &'s [Source]) -> Self {
        let of_all = table.string(sink, "ranges_source");
        if let Some(source) = &of_all {
            check_known(source, sink, known);
            if !table.contains("ranges") {
                let help = "a file that does without `ranges` does without their `ranges_source` too";
                sink.push(Diagnostic::error(&source.span, "there are no ranges that were read there").help(help));
            }
        }
        Self { known, of_all }
    }

    /// Where a range was read. A row without a source is reported, and one that only an inherited source would vouch for.
    pub(super) fn of(&self, row: &Table<'_>, sink: &mut Diagnostics) -> Option<String> {
        if row.contains("source") {
            return check_source(row, sink, self.known).map(|source| source.value);
        }
        let help = "write `ranges_source` beside `ranges`, or a `source` in the row";
        let Some(source) = &self.of_all else {
            sink.push(Diagnostic::error(row.span(), "this range does not say where it was read").help(help));
            return None;
        };
        if source.span.file() != row.span().file() {
            let message = format!(
                "the range stands here, and the `ranges_source` in {}: it speaks of other ranges",
                source.span.file()
            );
            sink.push(Diagnostic::error(row.span(), &message).help(help));
            return None;
        }
        Some(source.value.clone())
    }
}
