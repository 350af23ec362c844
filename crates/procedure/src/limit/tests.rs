//! Every kind of limit against every kind of value.

use super::*;
use MeasurementOutcome::{Fail, Pass, Unset};
use benchtop_instrument::Polarity;

fn number(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn volt() -> Unit {
    "V".parse().unwrap()
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn low(bound: &str) -> Limit {
    Limit {
        low: Some(number(bound)),
        ..Limit::default()
    }
}

fn high(bound: &str) -> Limit {
    Limit {
        high: Some(number(bound)),
        ..Limit::default()
    }
}

fn between(low: &str, high: &str) -> Limit {
    Limit {
        low: Some(number(low)),
        high: Some(number(high)),
        ..Limit::default()
    }
}

fn nominal(value: &str, tolerance: Tolerance) -> Limit {
    let nominal = Nominal {
        value: number(value),
        tolerance,
    };
    let (low, high) = nominal.bounds().unwrap();
    Limit {
        low: Some(low),
        high: Some(high),
        nominal: Some(nominal),
        ..Limit::default()
    }
}

fn outside(low: &str, high: &str) -> Limit {
    Limit {
        outside: Some(Outside {
            low: number(low),
            high: number(high),
        }),
        ..Limit::default()
    }
}

fn equals(value: Value) -> Limit {
    Limit {
        equals: Some(value),
        ..Limit::default()
    }
}

fn one_of(values: &[Value]) -> Limit {
    Limit {
        one_of: values.to_vec(),
        ..Limit::default()
    }
}

fn matches(pattern: &str) -> Limit {
    Limit {
        matches: Some(Pattern::new(pattern).unwrap()),
        ..Limit::default()
    }
}

/// Every kind of limit, a number that each passes where it judges numbers, and what it judges.
fn every_limit() -> Vec<(&'static str, Limit, ValueKind)> {
    let five = || Value::Number(number("5"));
    vec![
        ("low", low("5"), ValueKind::Number),
        ("high", high("5"), ValueKind::Number),
        ("low and high", between("5", "5"), ValueKind::Number),
        (
            "nominal",
            nominal("5", Tolerance::Absolute(number("0.1"))),
            ValueKind::Number,
        ),
        (
            "per cent",
            nominal("5", Tolerance::Percent(number("2"))),
            ValueKind::Number,
        ),
        ("outside", outside("1", "2"), ValueKind::Number),
        ("equals a number", equals(five()), ValueKind::Number),
        (
            "one_of numbers",
            one_of(&[five(), Value::Number(number("7"))]),
            ValueKind::Number,
        ),
        ("equals a text", equals(text("5")), ValueKind::Text),
        ("one_of texts", one_of(&[text("5"), text("7")]), ValueKind::Text),
        ("matches", matches(r"\d"), ValueKind::Text),
        ("equals true", equals(Value::Boolean(true)), ValueKind::Boolean),
        (
            "low and matches",
            Limit {
                low: Some(number("5")),
                ..matches("5")
            },
            ValueKind::Numbers,
        ),
        ("nothing", Limit::default(), ValueKind::Numbers),
    ]
}

/// Every kind of value, each such that a limit for it in [`every_limit`] passes.
fn every_value() -> Vec<(ValueKind, Measured)> {
    let value = |value: Value| (value.kind(), Measured::Value(value));
    vec![
        value(Value::Number(number("5"))),
        value(text("5")),
        value(Value::Boolean(true)),
        value(Value::Numbers(vec![number("5")])),
    ]
}

#[test]
fn every_limit_judges_its_own_kind_of_value_and_no_other() {
    for (name, limit, judges) in every_limit() {
        for (kind, measured) in every_value() {
            let judged = judge(Some(&limit), &measured, volt());
            let expected = if kind == judges && kind != ValueKind::Numbers {
                Pass
            } else {
                Unset
            };
            assert_eq!(judged.outcome, expected, "{name} on {kind}: {judged:?}");
            assert_eq!(judged.is_error, expected == Unset, "{name} on {kind}");
            assert_eq!(judged.reason.is_some(), expected == Unset, "{name} on {kind}");
            assert_eq!(limit.judges().unwrap_or(ValueKind::Numbers), judges, "{name}");
        }
        let unusable = judge(Some(&limit), &Measured::Unusable, volt());
        assert_eq!((unusable.outcome, unusable.is_error), (Unset, true), "{name}");
        for polarity in [Polarity::Positive, Polarity::Negative] {
            let beyond = Measured::Overrange(polarity, Some("10 V".parse().unwrap()));
            let judged = judge(Some(&limit), &beyond, volt());
            assert_ne!(judged.outcome, Pass, "{name}");
            assert_eq!(judged.is_error, limit.judges() != Some(ValueKind::Number), "{name}");
        }
    }
}

fn check(limit: &Limit, value: impl Into<Value>, expected: MeasurementOutcome, reason: &str) {
    let value = value.into();
    let judged = judge(Some(limit), &Measured::Value(value.clone()), volt());
    assert_eq!(judged.outcome, expected, "{value:?} in {limit:?}: {judged:?}");
    assert!(!judged.is_error && !judged.marginal, "{judged:?}");
    assert_eq!(judged.reason.as_deref().unwrap_or_default(), reason);
}

#[test]
fn bounds_are_inclusive_and_exact() {
    let check = |limit: &Limit, value: &str, reason: &str| {
        let outcome = if reason.is_empty() { Pass } else { Fail };
        check(limit, number(value), outcome, reason);
    };
    check(&between("3.25", "3.35"), "3.25", "");
    check(&between("3.25", "3.35"), "3.35", "");
    check(
        &between("3.25", "3.35"),
        "3.3500000000001",
        "3.3500000000001 V is above the high limit 3.35 V",
    );
    check(
        &between("3.25", "3.35"),
        "3.2499999999999",
        "3.2499999999999 V is below the low limit 3.25 V",
    );
    check(&low("3.25"), "1E30", "");
    check(&high("3.35"), "-1E30", "");
    check(&between("-1", "-1"), "-1", "");
    check(
        &low("0.3"),
        "0.29999999999999999",
        "0.29999999999999999 V is below the low limit 0.3 V",
    );
}

#[test]
fn a_tolerance_is_computed_in_decimal_from_the_absolute_nominal() {
    let bounds = |value: &str, tolerance| {
        let nominal = Nominal {
            value: number(value),
            tolerance,
        };
        nominal.bounds().map(|(low, high)| (low.to_string(), high.to_string()))
    };
    let percent = |text: &str| Tolerance::Percent(number(text));
    let pair = |low: &str, high: &str| Some((low.to_owned(), high.to_owned()));
    assert_eq!(bounds("3.3", percent("2")), pair("3.234", "3.366"));
    assert_eq!(bounds("-12", percent("5")), pair("-12.6", "-11.4"));
    assert_eq!(bounds("0.1", percent("0.1")), pair("0.0999", "0.1001"));
    assert_eq!(bounds("0", Tolerance::Absolute(number("0.05"))), pair("-0.05", "0.05"));
    assert_eq!(bounds("1E-30", Tolerance::Absolute(number("1E30"))), None);
    let limit = nominal("3.3", percent("2"));
    check(&limit, number("3.366"), Pass, "");
    check(
        &limit,
        number("3.3660001"),
        Fail,
        "3.3660001 V is above the high limit 3.366 V",
    );
}

#[test]
fn outside_passes_beyond_its_ends_and_never_on_them() {
    let limit = outside("47", "53");
    for (value, expected) in [
        ("46.999999", Pass),
        ("53.000001", Pass),
        ("47", Fail),
        ("53", Fail),
        ("50", Fail),
    ] {
        let reason = match expected {
            Fail => format!("{value} V is not outside 47 V .. 53 V"),
            Pass | Unset => String::new(),
        };
        check(&limit, number(value), expected, &reason);
    }
}

#[test]
fn equality_is_exact_and_a_pattern_matches_the_whole_text() {
    check(&equals(number("3.30").into()), number("3.3"), Pass, "");
    check(
        &equals(number("3.3").into()),
        number("3.30000000001"),
        Fail,
        "3.30000000001 V is not 3.3 V",
    );
    check(&equals(text("1.4.2")), text("1.4.2"), Pass, "");
    check(
        &equals(text("1.4.2")),
        text("1.4.2 "),
        Fail,
        "\"1.4.2 \" is not \"1.4.2\"",
    );
    check(&equals(text("ok")), text("OK"), Fail, "\"OK\" is not \"ok\"");
    check(
        &equals(Value::Boolean(false)),
        Value::Boolean(true),
        Fail,
        "true is not false",
    );
    let listed = one_of(&[text("A"), text("B")]);
    check(&listed, text("B"), Pass, "");
    check(&listed, text(""), Fail, "\"\" is none of \"A\", \"B\"");
    let firmware = matches(r"1\.4\.\d+");
    check(&firmware, text("1.4.27"), Pass, "");
    check(
        &firmware,
        text("1.4.2-rc1"),
        Fail,
        "\"1.4.2-rc1\" does not match 1\\.4\\.\\d+",
    );
    check(&firmware, text("1.4.٢"), Fail, "\"1.4.٢\" does not match 1\\.4\\.\\d+");
}

#[test]
fn several_kinds_in_one_limit_are_all_required() {
    let limit = Limit {
        outside: outside("4", "6").outside,
        one_of: vec![
            number("1").into(),
            number("5").into(),
            number("9").into(),
            number("11").into(),
        ],
        ..between("0", "10")
    };
    check(&limit, number("9"), Pass, "");
    check(&limit, number("5"), Fail, "5 V is not outside 4 V .. 6 V");
    check(&limit, number("11"), Fail, "11 V is above the high limit 10 V");
    check(&limit, number("2"), Fail, "2 V is none of 1 V, 5 V, 9 V, 11 V");
    let named = Limit {
        one_of: vec![text("a1"), text("b1")],
        ..matches("a.")
    };
    check(&named, text("a1"), Pass, "");
    check(&named, text("b1"), Fail, "\"b1\" does not match a.");
    check(&named, text("a2"), Fail, "\"a2\" is none of \"a1\", \"b1\"");
}

#[test]
fn marginal_is_a_field_of_a_pass_and_never_an_outcome() {
    let limit = Limit {
        marginal: Some(Marginal {
            low: Some(number("3.27")),
            high: Some(number("3.33")),
        }),
        ..between("3.25", "3.35")
    };
    for (value, outcome, marginal) in [
        ("3.25", Pass, true),
        ("3.2699", Pass, true),
        ("3.27", Pass, false),
        ("3.33", Pass, false),
        ("3.34", Pass, true),
        ("3.36", Fail, false),
        ("3.2", Fail, false),
    ] {
        let judged = judge(Some(&limit), &Measured::Value(number(value).into()), volt());
        assert_eq!((judged.outcome, judged.marginal), (outcome, marginal), "{value}");
    }
}

#[test]
fn a_guard_band_takes_the_place_of_the_limit() {
    let limit = between("3.25", "3.35");
    let acceptance = Acceptance {
        low: Some(number("3.26")),
        high: Some(number("3.34")),
        outside: None,
    };
    for (value, expected, reason) in [
        ("3.26", Pass, ""),
        ("3.345", Fail, "3.345 V is above the acceptance limit 3.34 V"),
        ("3.255", Fail, "3.255 V is below the acceptance limit 3.26 V"),
        ("3.4", Fail, "3.4 V is above the high limit 3.35 V"),
    ] {
        let judged = judge_within(Some(&limit), acceptance, &Measured::Value(number(value).into()), volt());
        assert_eq!(judged.outcome, expected, "{value}");
        assert_eq!(judged.reason.as_deref().unwrap_or_default(), reason);
    }
}

#[test]
fn a_value_without_a_limit_is_unset_and_no_error() {
    for (_, measured) in every_value() {
        assert_eq!(judge(None, &measured, volt()), Judgement::plain(Unset));
    }
}

#[test]
fn overrange_passes_only_where_the_author_says_so() {
    let unit: Unit = "MOhm".parse().unwrap();
    let range = Some("100 MOhm".parse().unwrap());
    let short = Some("1 MOhm".parse().unwrap());
    let accepting = |limit: Limit| Limit {
        overrange: OverrangeRule::Accept,
        ..limit
    };
    let outcome = |limit: &Limit, polarity, range| judge(Some(limit), &Measured::Overrange(polarity, range), unit);
    let passed = outcome(&accepting(low("10")), Polarity::Positive, range);
    assert_eq!(passed.outcome, Pass);
    assert!(passed.reason.unwrap().contains("accepts above 10 MOhm"));
    for (limit, polarity, range) in [
        (accepting(low("10")), Polarity::Negative, range),
        (accepting(low("10")), Polarity::Positive, short),
        (accepting(low("10")), Polarity::Positive, None),
        (accepting(between("10", "20")), Polarity::Positive, range),
        (accepting(high("20")), Polarity::Positive, range),
        (
            accepting(nominal("50", Tolerance::Percent(number("10")))),
            Polarity::Positive,
            range,
        ),
        (accepting(outside("10", "20")), Polarity::Positive, range),
        (
            accepting(Limit {
                outside: outside("12", "20").outside,
                ..low("10")
            }),
            Polarity::Positive,
            range,
        ),
        (
            accepting(Limit {
                equals: Some(number("12").into()),
                ..low("10")
            }),
            Polarity::Positive,
            range,
        ),
        (
            accepting(Limit {
                one_of: vec![number("12").into()],
                ..low("10")
            }),
            Polarity::Positive,
            range,
        ),
        (low("10"), Polarity::Positive, range),
    ] {
        assert_eq!(outcome(&limit, polarity, range).outcome, Fail, "{limit:?}");
    }
    let unlimited = judge(None, &Measured::Overrange(Polarity::Positive, range), unit);
    assert_eq!(unlimited.outcome, Unset);
}

#[test]
fn a_limit_reads_as_people_write_it() {
    let check = |limit: &Limit, expected: &str| assert_eq!(limit.for_people(volt()), expected);
    check(&between("3.25", "3.35"), "3.25 .. 3.35 V");
    check(&low("10"), ">= 10 V");
    check(&high("0.5"), "<= 0.5 V");
    check(
        &nominal("3.3", Tolerance::Percent(number("2"))),
        "3.3 V +- 2 % (3.234 .. 3.366 V)",
    );
    check(
        &nominal("3.3", Tolerance::Absolute(number("0.1"))),
        "3.3 V +- 0.1 V (3.2 .. 3.4 V)",
    );
    check(&outside("47", "53"), "outside 47 .. 53 V");
    check(&equals(text("1.4.2")), "= \"1.4.2\"");
    check(&one_of(&[number("1").into(), number("2").into()]), "one of 1 V, 2 V");
    check(&matches("a.*"), "matches a.*");
    check(
        &Limit {
            overrange: OverrangeRule::Accept,
            ..low("10")
        },
        ">= 10 V or overrange",
    );
    check(
        &Limit {
            outside: outside("4", "6").outside,
            ..between("0", "10")
        },
        "0 .. 10 V, outside 4 .. 6 V",
    );
}
