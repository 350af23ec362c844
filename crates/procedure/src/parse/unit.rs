//! `[unit_under_test]`: what must be known of a unit before it is tested.

use super::head::identifier;
use super::limit;
use super::vocabulary::UNIT_UNDER_TEST;
use crate::model::{Retest, UnitUnderTest};
use crate::pattern::Pattern;
use benchtop_notation::{Diagnostic, Diagnostics, Table, suggest};

/// More units inside a unit than this are a list for a file, not for an operator.
const MOST_SUB_UNITS: usize = 100;

pub(super) fn unit_under_test(sink: &mut Diagnostics, root: &Table<'_>) -> UnitUnderTest {
    let Some(table) = root
        .value("unit_under_test")
        .and_then(|value| UNIT_UNDER_TEST.open(sink, value))
    else {
        return UnitUnderTest::default();
    };
    let serial_number = pattern_of(sink, &table, "serial_number");
    let part_number = table
        .string(sink, "part_number")
        .and_then(|part| identifier(sink, "part_number", part));
    UnitUnderTest {
        serial_number,
        part_number: part_number.map(|part| part.value),
        revision: pattern_of(sink, &table, "revision"),
        batch_number: pattern_of(sink, &table, "batch_number"),
        sub_units: sub_units(sink, &table),
        retest: retest(sink, &table).unwrap_or_default(),
    }
}

fn pattern_of(sink: &mut Diagnostics, table: &Table<'_>, key: &str) -> Option<Pattern> {
    let text = table.string(sink, key)?;
    limit::pattern(sink, &format!("`{key}`"), &text)
}

fn sub_units(sink: &mut Diagnostics, table: &Table<'_>) -> Vec<Pattern> {
    let texts = table.strings(sink, "sub_units").unwrap_or_default();
    if let Some(first_too_many) = texts.get(MOST_SUB_UNITS) {
        let message = format!("a unit has at most {MOST_SUB_UNITS} sub-units here");
        sink.error(&first_too_many.span, &message);
    }
    let patterns = texts.iter().map(|text| limit::pattern(sink, "`sub_units`", text));
    patterns.collect::<Vec<_>>().into_iter().flatten().collect()
}

/// `"allow"`, `"ask"` or `"max 3"`.
fn retest(sink: &mut Diagnostics, table: &Table<'_>) -> Option<Retest> {
    let word = table.string(sink, "retest")?;
    let most = word.value.strip_prefix("max ").map(|count| count.trim().parse::<u32>());
    match (word.value.as_str(), most) {
        ("allow", _) => return Some(Retest::Allow),
        ("ask", _) => return Some(Retest::Ask),
        (_, Some(Ok(most))) if most >= 1 => return Some(Retest::Max(most)),
        (_, Some(_)) => {
            let message = format!("`{}` is no number of tests", word.value);
            sink.push(Diagnostic::error(&word.span, &message).help("at least one: \"max 3\", for example"));
        }
        (_, None) => {
            let message = format!("unknown retest rule `{}`", word.value);
            let help = match suggest(&word.value, ["allow", "ask"]) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "\"allow\", \"ask\" or, for example, \"max 3\"".to_owned(),
            };
            sink.push(Diagnostic::error(&word.span, &message).help(&help));
        }
    }
    None
}
