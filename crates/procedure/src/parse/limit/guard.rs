//! `guard_band`: a word, or a width.

use super::{Reader, number};
use crate::limit::GuardBand;
use benchtop_notation::{Diagnostic, Diagnostics, Kind, Table, one_of};

/// The guard band of a limit. `None` only where it is written and wrong.
pub(super) fn read(sink: &mut Diagnostics, table: &Table<'_>, reader: Reader<'_>) -> Option<GuardBand> {
    let Some(value) = table.value("guard_band") else {
        return Some(GuardBand::None);
    };
    let label = reader.label;
    let has = |key: &str| table.contains(key);
    if !has("low") && !has("high") && !has("nominal") {
        let message = format!("{label}: a guard band lies inside `low`, `high` or `nominal` with `tolerance`");
        sink.push(Diagnostic::error(value.span(), &message).help("the limit has none of them"));
        return None;
    }
    if has("overrange") {
        let message = format!("{label}: beyond the range there is no uncertainty, and no guard band");
        sink.push(Diagnostic::error(value.span(), &message).help("leave out `overrange` or `guard_band`"));
        return None;
    }
    let guard = match value.kind() {
        Kind::String if !begins_like_a_number(sink, table) => {
            let word = value.string(sink)?;
            one_of(sink, "guard band", &word, GuardBand::WORDS)?
        }
        Kind::String | Kind::Integer | Kind::Float | Kind::Boolean | Kind::Datetime | Kind::Array | Kind::Table => {
            let width = number(sink, value, "the guard band", reader)?;
            if width.value.is_negative() {
                let message = format!("{label}: a guard band is not below 0");
                sink.push(Diagnostic::error(&width.span, &message).help("one number for both sides"));
                return None;
            }
            GuardBand::Fixed(width.value)
        }
    };
    let is_two_sided = has("nominal") || (has("low") && has("high"));
    if guard == GuardBand::Method6 && !is_two_sided {
        let message = format!("{label}: method 6 is for limits with a low and a high");
        let help = "\"u95\" is for one-sided ones too";
        sink.push(Diagnostic::error(value.span(), &message).help(help));
        return None;
    }
    Some(guard)
}

/// Whether the text under `guard_band` is meant as a quantity.
fn begins_like_a_number(sink: &mut Diagnostics, table: &Table<'_>) -> bool {
    let text = table
        .string(sink, "guard_band")
        .map(|text| text.value)
        .unwrap_or_default();
    text.trim_start()
        .starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
}
