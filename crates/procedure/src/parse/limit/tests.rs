//! What a limit may say of each kind of value, and what it then means.

use super::*;
use crate::value::ValueKind::{Boolean, Number, Numbers, Text};
use benchtop_notation::Document;

/// Reads `limit = {...}` of a measurement in volts, or of one without a unit where it is no number.
fn read_as(kind: ValueKind, limit: &str) -> (Option<Written>, String) {
    let document = Document::parse("x.toml", &format!("limit = {limit}\n")).unwrap();
    let mut sink = Diagnostics::new();
    let root = document.root(&mut sink, &["limit"]);
    let unit = if kind == Number { "V" } else { "" };
    let reader = Reader {
        label: "it",
        kind,
        unit: unit.parse().ok(),
    };
    let written = read(&mut sink, &root, reader);
    (written.flatten(), sink.render_short())
}

/// What is accepted, as people read it back.
fn accepts(kind: ValueKind, limit: &str, expected: &str) {
    let (written, findings) = read_as(kind, limit);
    assert_eq!(findings, "", "{limit}");
    let unit = if kind == Number { "V" } else { "" };
    assert_eq!(
        written.unwrap().limit.for_people(unit.parse().unwrap()),
        expected,
        "{limit}"
    );
}

/// What is found, without file and line.
fn finds(kind: ValueKind, limit: &str, expected: &[&str]) {
    let (_, findings) = read_as(kind, limit);
    let found: Vec<&str> = findings.lines().map(|line| line.split_once(": ").unwrap().1).collect();
    assert_eq!(found, expected, "{limit}");
}

#[test]
fn every_kind_of_limit_is_scaled_exactly_to_the_unit() {
    accepts(Number, "{ low = 3.25, high = '3350 mV' }", "3.25 .. 3.35 V");
    accepts(
        Number,
        "{ nominal = '3300 mV', tolerance = '2 %' }",
        "3.3 V +- 2 % (3.234 .. 3.366 V)",
    );
    accepts(
        Number,
        "{ nominal = 3.3, tolerance = '50 mV' }",
        "3.3 V +- 0.05 V (3.25 .. 3.35 V)",
    );
    accepts(
        Number,
        "{ nominal = 0, tolerance = 0.05 }",
        "0 V +- 0.05 V (-0.05 .. 0.05 V)",
    );
    accepts(
        Number,
        "{ nominal = -12, tolerance = '5 %' }",
        "-12 V +- 5 % (-12.6 .. -11.4 V)",
    );
    accepts(
        Number,
        "{ nominal = 5, tolerance = 1, high = 5.5 }",
        "5 V +- 1 V (4 .. 5.5 V)",
    );
    accepts(
        Number,
        "{ outside = { low = 1, high = '2000 mV' } }",
        "outside 1 .. 2 V",
    );
    accepts(Number, "{ equals = '3300 mV' }", "= 3.3 V");
    accepts(Number, "{ one_of = [1.8, '3300 mV', 5] }", "one of 1.8 V, 3.3 V, 5 V");
    accepts(
        Number,
        "{ low = 1, high = 9, marginal = { low = 2, high = 8 } }",
        "1 .. 9 V",
    );
    accepts(Number, "{ low = 10, overrange = 'accept' }", ">= 10 V or overrange");
    accepts(Text, "{ equals = '1.4.2' }", "= \"1.4.2\"");
    accepts(
        Text,
        "{ one_of = ['A', 'B'], matches = '[AB]' }",
        "one of \"A\", \"B\", matches [AB]",
    );
    accepts(Text, "{ equals = '' }", "= \"\"");
    accepts(Boolean, "{ equals = false }", "= false");
}

#[test]
fn a_key_that_does_not_fit_the_kind_of_value_is_refused() {
    finds(
        Text,
        "{ low = 1, matches = 'a' }",
        &["error: it: `low` does not judge a text; a text takes `equals`, `one_of`, `matches`"],
    );
    finds(
        Boolean,
        "{ one_of = [true, false] }",
        &["error: it: `one_of` does not judge true or false; true or false takes `equals`"],
    );
    finds(
        Number,
        "{ matches = '3.*' }",
        &[
            "error: it: `matches` does not judge a number; a number takes `low`, `high`, `nominal`, `tolerance`, `outside`, `equals`, `one_of`",
        ],
    );
    finds(
        Numbers,
        "{ high = 1 }",
        &[
            "error: it: `high` does not judge an array of numbers; an array takes no limit of its own, each of its reductions takes one",
        ],
    );
    finds(
        Text,
        "{ equals = '1', overrange = 'accept' }",
        &["error: it: `overrange` does not judge a text; a text takes `equals`, `one_of`, `matches`"],
    );
    finds(
        Text,
        "{ equals = 1 }",
        &["error: `equals` must be a string, not an integer"],
    );
    finds(
        Boolean,
        "{ equals = 'true' }",
        &["error: `equals` must be `true` or `false`, not a string"],
    );
    finds(
        Number,
        "{ equals = true }",
        &["error: `equals` must be a number, or a quantity in quotes such as \"3.3 V\", not a boolean"],
    );
    finds(
        Number,
        "{ one_of = [1, '2 A'] }",
        &["error: `one_of` is in A, but V is needed here"],
    );
}

#[test]
fn a_tolerance_that_says_nothing_is_refused() {
    finds(
        Number,
        "{ nominal = 3.3 }",
        &["error: it: `nominal` alone judges nothing; add `tolerance`, such as 0.05 or \"2 %\""],
    );
    finds(
        Number,
        "{ tolerance = 3.3 }",
        &["error: it: `tolerance` needs a `nominal`; the value that it is a tolerance of"],
    );
    finds(
        Number,
        "{ nominal = 0, tolerance = '2 %' }",
        &["error: it: a percentage of 0 is 0; write the tolerance as a quantity"],
    );
    for tolerance in ["0", "-0.1", "'-2 %'"] {
        finds(
            Number,
            &format!("{{ nominal = 1, tolerance = {tolerance} }}"),
            &["error: it: `tolerance` must be above 0; one number for both sides; an exact value is `equals`"],
        );
    }
    finds(
        Number,
        "{ nominal = 1e-30, tolerance = 1e30 }",
        &["error: it: the bounds would need more digits than a decimal holds"],
    );
    finds(
        Number,
        "{ nominal = 1, tolerance = '5 mA' }",
        &["error: `tolerance` is in mA, but V is needed here"],
    );
    for (unit, reason) in [
        ("%", "it could be percentage points or a percentage of them"),
        ("degC", "the zero of this scale of temperature is arbitrary"),
        ("dBm", "decibels are logarithms"),
    ] {
        let document = Document::parse("x.toml", "limit = { nominal = 25, tolerance = '2 %' }").unwrap();
        let mut sink = Diagnostics::new();
        let root = document.root(&mut sink, &["limit"]);
        let reader = Reader {
            label: "it",
            kind: Number,
            unit: unit.parse().ok(),
        };
        assert!(read(&mut sink, &root, reader).is_none());
        assert!(sink.render_short().contains(reason), "{unit}: {sink}");
    }
}

#[test]
fn what_contradicts_itself_is_refused() {
    finds(
        Number,
        "{ low = 6, nominal = 5, tolerance = 0.5 }",
        &["error: it: nothing can pass: `nominal` and `tolerance` end at 5.5 V, below low 6 V"],
    );
    finds(
        Number,
        "{ high = 4, nominal = 5, tolerance = 0.5 }",
        &["error: it: nothing can pass: `nominal` and `tolerance` begin at 4.5 V, above high 4 V"],
    );
    finds(
        Number,
        "{ low = 4, nominal = 5, tolerance = 0.5 }",
        &["warning: it: low 4 V does nothing beside `nominal` and `tolerance`, which end at 4.5 V; leave it out"],
    );
    finds(
        Number,
        "{ low = 2, high = 3, outside = { low = 1, high = 4 } }",
        &["error: it: nothing can pass: `low` and `high` lie within 1 V .. 4 V, which `outside` refuses"],
    );
    finds(
        Number,
        "{ low = 5, outside = { low = 1, high = 4 } }",
        &["warning: it: `outside` does nothing beside the other bounds; leave it out"],
    );
    finds(
        Number,
        "{ outside = { low = 4, high = 1 } }",
        &["error: it: `outside` is upside down: low 4 V is above high 1 V"],
    );
    finds(
        Number,
        "{ low = 3, high = 4, equals = 5 }",
        &["error: it: this value can never pass: 5 V is above the high limit 4 V"],
    );
    finds(
        Number,
        "{ high = 4, one_of = [3, 5] }",
        &["error: it: this value can never pass: 5 V is above the high limit 4 V"],
    );
    finds(
        Text,
        "{ equals = 'b1', matches = 'a.' }",
        &["error: it: this value can never pass: \"b1\" does not match a."],
    );
    finds(
        Text,
        "{ equals = 'c', one_of = ['a', 'b'] }",
        &[
            "error: it: this value can never pass: \"c\" is none of \"a\", \"b\"",
            "error: it: this value can never pass: \"a\" is not \"c\"",
            "error: it: this value can never pass: \"b\" is not \"c\"",
        ],
    );
    finds(
        Number,
        "{ one_of = [] }",
        &["error: it: `one_of` is empty: nothing could pass"],
    );
    finds(
        Number,
        "{ one_of = [1, '1000 mV'] }",
        &["error: it: this value is here for the second time"],
    );
}

#[test]
fn a_warning_band_lies_inside_the_limit() {
    let inside = "between `low` and `high`, and on neither of them";
    let refused = |limit: &str, message: &str, help: &str| {
        finds(Number, limit, &[&format!("error: it: {message}; {help}")]);
    };
    for (low, end) in [(1, "1 V"), (0, "0 V"), (9, "9 V")] {
        refused(
            &format!("{{ low = 1, high = 9, marginal = {{ low = {low} }} }}"),
            &format!("{end} of `marginal` does not lie inside the limit"),
            inside,
        );
    }
    refused(
        "{ low = 1, marginal = { high = 8 } }",
        "`marginal` has a `high`, and the limit has none",
        "a warning band lies between a bound and the values that are good",
    );
    refused(
        "{ low = 1, high = 9, marginal = { low = 8, high = 2 } }",
        "`marginal` is upside down: low 8 V is above high 2 V",
        "every value that passes would be marginal",
    );
    refused(
        "{ low = 1, marginal = {} }",
        "`marginal` needs `low`, `high` or both",
        "a value that passes below its `low` or above its `high` is marginal",
    );
}

#[test]
fn overrange_is_accepted_beside_a_low_alone() {
    finds(
        Number,
        "{ low = 1, equals = 2, overrange = 'accept' }",
        &[
            "error: it: overrange can be accepted only with a `low` alone; beyond the range there is no number to compare",
        ],
    );
    finds(
        Number,
        "{ overrange = 'accept', outside = { low = 1, high = 2 } }",
        &[
            "error: it: overrange can be accepted only with a `low` and without a `high`; a reading beyond the range is above any `high`",
        ],
    );
}
