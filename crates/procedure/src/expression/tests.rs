//! What expressions come to, and what is refused of them.

use super::*;
use benchtop_instrument::Decimal;
use proptest::prelude::*;
use std::collections::BTreeMap;

struct Bench(BTreeMap<&'static str, (Value, Unit)>);

impl Names for Bench {
    fn parameter(&self, name: &str) -> Result<Parameter, String> {
        match name {
            "vin" => Ok(Parameter::of_text("5 V")),
            "mode" => Ok(Parameter::of_text("fast")),
            "twenty" => Ok(Parameter::of_text("20")),
            _ => Err(format!("there is no parameter `{name}`")),
        }
    }

    fn measurement(&self, name: &str) -> Result<Operand, String> {
        let (value, unit) = self
            .0
            .get(name)
            .ok_or_else(|| format!("there is no measurement `{name}`"))?;
        Ok(Operand {
            name: name.to_owned(),
            unit: *unit,
            kind: value.kind(),
        })
    }

    fn outcome(&self, name: &str) -> Result<String, String> {
        Ok(name.to_owned())
    }
}

impl Facts for Bench {
    fn measured(&self, name: &str) -> Option<Value> {
        self.0
            .get(name)
            .map(|(value, _)| value.clone())
            .filter(|_| name != "unset")
    }

    fn outcome(&self, name: &str) -> Option<&'static str> {
        (name == "Rail").then_some("pass")
    }
}

fn bench() -> Bench {
    let number = |text: &str| {
        let quantity: Quantity = text.parse().unwrap();
        (Value::Number(quantity.value), quantity.unit)
    };
    Bench(BTreeMap::from([
        ("v_in", number("12 V")),
        ("v_out", number("3300 mV")),
        ("i_in", number("250 mA")),
        ("i_out", number("0.75 A")),
        ("t1", number("85.5 degC")),
        ("t2", number("25 degC")),
        ("gain", number("3 dB")),
        ("zero", number("0 V")),
        ("eff", number("82.5 %")),
        ("ratio", number("0.5")),
        ("unset", number("1 V")),
        ("firmware", (Value::Text("1.4.2".to_owned()), "".parse().unwrap())),
        ("led", (Value::Boolean(true), "".parse().unwrap())),
        ("wave", (Value::Numbers(vec![Decimal::ONE]), "V".parse().unwrap())),
    ]))
}

fn expression(text: &str) -> Result<Expression, String> {
    read(text, &bench())
}

fn computes(text: &str, unit: &str, expected: &str) {
    let expression = expression(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let Evaluated::Number(number) = expression.evaluate(&bench()).unwrap() else {
        panic!("{text}")
    };
    assert_eq!(
        number.in_unit(unit.parse().unwrap()).unwrap().to_string(),
        expected,
        "{text}"
    );
}

#[test]
fn operands_are_computed_in_si_and_converted_to_the_declared_unit() {
    computes("v_in - v_out", "V", "8.7");
    computes("v_in - v_out", "mV", "8700");
    computes("v_out * i_out", "W", "2.475");
    computes("v_out * i_out / (v_in * i_in)", "%", "82.5");
    computes("v_out / i_out", "Ohm", "4.4");
    computes("v_out / i_out", "kOhm", "0.0044");
    computes("1 / (20 ms)", "Hz", "50");
    computes("t1 - t2", "K", "60.5");
    computes("gain + 3 dB", "dB", "6");
    computes("20 * log10(v_in / 1.2 V)", "dB", "20");
    computes("sqrt(v_out * v_out)", "V", "3.3");
    computes("max(v_in, v_out, 13 V) - min(v_in, v_out)", "V", "9.7");
    computes("abs(v_out - v_in)", "V", "8.7");
    computes("-v_out + +param.vin", "V", "1.7");
    computes("5 % + 1", "", "1.05");
    computes("2 + 3 * 4 - 10 / 5", "", "12");
    computes("value('v_out')", "V", "3.3");
    // 0.1 + 0.2 is 0.3 here
    computes("0.1 V + 0.2 V", "V", "0.3");
    computes("3 * 0.1 A", "mA", "300");
}

#[test]
fn conditions_are_true_or_false() {
    let holds = |text: &str, expected: bool| {
        let expression = expression(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(
            expression.evaluate(&bench()),
            Ok(Evaluated::Boolean(expected)),
            "{text}"
        );
    };
    holds("v_out > 3 V", true);
    holds("v_out == 3.3 V", true);
    holds("v_out <= 3299.9 mV or led", true);
    holds("not (v_out < 3 V) and firmware == \"1.4.2\"", true);
    holds("outcome(\"Rail\") == \"pass\"", true);
    holds("outcome('Rail') != 'pass' and true", false);
    holds("param.mode == 'fast'", true);
    holds("not not led", true);
    holds("false or led == false", false);
    holds("0.1 V + 0.2 V == 0.3 V", true);
}

#[test]
fn what_disagrees_is_refused_with_a_reason() {
    for (text, reason) in [
        ("v_out + i_out", "A cannot be added to V"),
        ("v_out - 3", "a bare number cannot be subtracted from V"),
        ("v_out > i_out", "V is never compared with A"),
        ("t1 + t2", "degC cannot be added to degC"),
        ("t1 * 2", "degC cannot be multiplied by a bare number"),
        (
            "log10(v_out)",
            "`log10()` takes a number without a unit, not V: a ratio",
        ),
        ("sqrt(v_out)", "V has no square root"),
        ("min(v_out, i_out)", "`min()` compares V with A"),
        ("firmware + 1", "there is no computing with a text"),
        ("led * 2", "there is no computing with true and false"),
        (
            "firmware < 'a'",
            "`<` compares numbers; others are equal (`==`) or not (`!=`)",
        ),
        ("v_out and led", "`and` needs conditions, such as `a > 1`"),
        ("v_out == firmware", "the two sides are of different kinds"),
        (
            "outcome('Rail') == 'passed'",
            "there is no outcome \"passed\": it is one of pass, fail, skip, error, timeout, aborted",
        ),
        ("outcome(Rail)", "`outcome()` takes the name of a step, in quotes"),
        ("wave * 2", "wave is an array: use one of its reductions"),
        ("nosuch", "there is no measurement `nosuch`"),
        ("param.nosuch", "there is no parameter `nosuch`"),
        ("param", "`.` is missing at the end"),
        ("squrt(2)", "there is no function `squrt`: did you mean `sqrt`?"),
        ("abs(1, 2)", "`abs()` takes one number, not 2"),
        ("v_out +", "something is missing at the end"),
        ("(v_out", "`)` is missing at the end"),
        ("v_out)", "`)` is unexpected here"),
        ("v_out v_in", "`v_in` is unexpected here"),
        (
            "3 volts",
            "unknown unit `volts` (known: V A Ohm Hz s F H W K with prefixes p n u m k M G; degC degF % dB dBm)",
        ),
        ("v_out ^ 2", "`^` means nothing here"),
        ("'open", "the text 'open has no closing quote"),
        ("1.2.3", "`1.2.3` is not a decimal number"),
        ("", "something is missing at the end"),
    ] {
        assert_eq!(expression(text).unwrap_err(), reason, "{text}");
    }
    let deep = format!("{}1{}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(expression(&deep).unwrap_err(), "more than 64 levels deep");
}

#[test]
fn decibels_are_logarithms_and_per_cent_are_hundredths() {
    let fits = |text: &str, unit: &str| {
        let Kind::Number(dimension) = expression(text).unwrap_or_else(|error| panic!("{text}: {error}")).kind else {
            panic!("{text}")
        };
        dimension.fits(unit.parse().unwrap())
    };
    for text in [
        "20 * log10(v_out / v_in)",
        "log10(v_out / v_in) * 20",
        "10 * (log10(v_out / v_in) - log10(2))",
        "20 * log10(v_out / v_in) + 3 dB",
        "3 dB - 20 * log10(v_out / v_in)",
        "gain - 20 * log10(v_out / v_in)",
        "abs(20 * log10(v_out / v_in))",
        "max(20 * log10(v_out / v_in), 10 * log10(2))",
        "max(gain, 20 * log10(2))",
    ] {
        assert!(fits(text, "dB"), "{text}");
    }
    assert!(fits("10 * log10(v_out * i_out / 1 mW)", "dBm"));
    for text in [
        "v_out / v_in",
        "3",
        "eff",
        "eff * 2",
        "log10(v_out / v_in)",
        "3 + 20 * log10(2)",
    ] {
        assert!(!fits(text, "dB"), "{text}");
        assert!(!fits(text, "dBm"), "{text}");
        assert!(fits(text, ""), "{text}");
    }
    for text in ["v_out / v_in", "1 - eff", "eff * v_out / v_in", "eff + 1", "-1 + eff"] {
        assert!(fits(text, "%"), "{text}");
    }
    for (text, reason) in [
        (
            "eff > 80",
            "% is never compared with a bare number: 80 % is 0.8, so write the sign with it, `80 %`",
        ),
        ("80 < eff * 2", "% is never compared with a bare number"),
        ("1 - eff > param.twenty", "% is never compared with a bare number"),
        ("max(eff, 80) > 90 %", "`max()` compares % with a bare number"),
        (
            "eff - 80",
            "% is added to no bare number but 1: 80 % is 0.8, so write the sign with it, `80 %`",
        ),
        ("1 % + 80", "% is added to no bare number but 1"),
        ("param.twenty + eff", "% is added to no bare number but 1"),
    ] {
        let said = expression(text).expect_err(text);
        assert!(said.starts_with(reason), "{text}: {said}");
    }
    for text in [
        "eff > 80 %",
        "eff > v_out / v_in",
        "v_out / v_in > 80 %",
        "ratio > 80 %",
        "eff / 2 > 10 %",
    ] {
        assert!(expression(text).is_ok(), "{text}: {:?}", expression(text));
    }
}

#[test]
fn a_factor_that_makes_per_cent_of_a_share_is_found() {
    for (text, is_made) in [
        ("v_out / v_in * 100", true),
        ("100 * v_out / v_in", true),
        ("1 V * 100 / v_out", true),
        ("v_out / v_in / 0.01", true),
        ("v_out / (v_in / 100)", true),
        ("(v_out / v_in - 1) * 1e2", true),
        ("-abs((v_out - v_in) * 100 / v_in)", true),
        ("100 * v_out / v_in - 100", true),
        ("max(ratio, 0.1) * 100", true),
        ("eff * 100", true),
        ("v_out / v_in", false),
        ("ratio * 100 / 100", false),
        ("v_out / (100 * v_in)", false),
        ("v_out / v_in * 10000 %", false),
        ("ratio * 100 %", false),
        ("ratio * 50", false),
        ("sqrt(ratio * 100)", false),
        ("(100 + ratio) / 200", false),
        ("max(ratio, 100)", false),
        ("v_out / 100 mV", false),
    ] {
        let expression = expression(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(expression.makes_per_cent(), is_made, "{text}");
    }
}

#[test]
fn what_has_no_value_makes_the_whole_have_none() {
    for (text, reason) in [
        ("unset + v_out", "unset has no value"),
        ("v_out / zero", "a division by zero"),
        (
            "sqrt(zero - 1 V * v_out / v_out)",
            "the square root of a negative number",
        ),
        ("log10(zero / 1 V)", "the logarithm of a number that is not above 0"),
        ("outcome('Later') == 'pass'", "the step Later has not ended"),
    ] {
        let text = text.replace("sqrt(zero - 1 V * v_out / v_out)", "sqrt((zero - v_out) / v_out)");
        let error = expression(&text).unwrap().evaluate(&bench()).unwrap_err();
        assert_eq!(error.to_string(), reason, "{text}");
    }
}

#[test]
fn no_condition_hides_what_has_no_value_whatever_its_order() {
    let holds = |text: &str| {
        let evaluated = expression(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        evaluated.evaluate(&bench()).map_err(|error| error.to_string())
    };
    let (false_one, true_one) = ("v_in > 100 V", "v_in > 1 V");
    for (missing, reason) in [
        ("unset > 0 V", "unset has no value"),
        ("not (unset > 0 V)", "unset has no value"),
        ("abs(2 * -unset) + v_in / v_out * unset > 0 V", "unset has no value"),
        ("(v_in > 100 V and unset > 0 V)", "unset has no value"),
        ("max(v_in, unset) > 0 V", "unset has no value"),
        ("outcome('Later') == 'pass'", "the step Later has not ended"),
    ] {
        for known in [false_one, true_one] {
            for joined in ["and", "or"] {
                for text in [
                    format!("{known} {joined} {missing}"),
                    format!("{missing} {joined} {known}"),
                ] {
                    assert_eq!(holds(&text), Err(reason.to_owned()), "{text}");
                }
            }
        }
    }
    for (text, expected) in [
        // what decides nothing is not computed: it may well have no value here
        ("zero != 0 V and v_out / zero > 2", false),
        ("zero == 0 V or v_out / zero > 2", true),
        ("v_in > 1 V and outcome('Rail') == 'pass'", true),
        ("v_in > 100 V or outcome('Rail') == 'fail'", false),
    ] {
        assert_eq!(holds(text), Ok(Evaluated::Boolean(expected)), "{text}");
    }
}

#[test]
fn the_measurements_that_an_expression_names_are_known() {
    let expression = expression("v_out * i_out / (v_in * i_in) * v_out / v_out").unwrap();
    let names: Vec<&str> = expression
        .operands()
        .iter()
        .map(|operand| operand.name.as_str())
        .collect();
    assert_eq!(names, ["v_out", "i_out", "v_in", "i_in"]);
    assert_eq!(expression.kind, Kind::Number(Dimension::NONE));
}

#[test]
fn derivatives_are_those_of_the_textbook() {
    let slope = |text: &str, name: &str, expected: f64| {
        let slope = expression(text).unwrap().derivative(name, &bench()).unwrap();
        assert!(
            (slope - expected).abs() <= 1e-12 * expected.abs().max(1.0),
            "{text} by {name}: {slope}"
        );
    };
    slope("v_in - v_out", "v_out", -1.0);
    slope("v_in - v_out", "i_in", 0.0);
    slope("v_out * i_out", "v_out", 0.75);
    slope("v_out / i_out", "i_out", -3.3 / (0.75 * 0.75));
    slope("v_out * v_out", "v_out", 6.6);
    slope("sqrt(v_out * v_out)", "v_out", 1.0);
    slope("abs(v_out - v_in)", "v_in", 1.0);
    slope("max(v_in, v_out)", "v_in", 1.0);
    slope("max(v_in, v_out)", "v_out", 0.0);
    slope(
        "20 * log10(v_out / v_in)",
        "v_out",
        20.0 / (3.3 * std::f64::consts::LN_10),
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[\\PC]{0,40}") {
        drop(expression(&text));
    }

    #[test]
    fn any_words_are_read_or_refused(words in proptest::collection::vec(
        prop_oneof!["v_out", "i_in", "2", "3 V", "\\(", "\\)", "\\+", "-", "\\*", "/", "and", "not", "abs", "<", "==", "'a'", "param.vin"], 0..12,
    )) {
        if let Ok(expression) = expression(&words.join(" ")) {
            drop(expression.evaluate(&bench()));
        }
    }

    #[test]
    fn sums_and_products_of_decimals_are_exact(a in -9999_i64..9999, b in -9999_i64..9999, power in -6_i32..6) {
        let shown = |value: i64| Decimal::from_integer(value).scaled(power).unwrap();
        let (left, right) = (shown(a), shown(b));
        let text = format!("({left} + {right}) - {right} - ({left})");
        let Evaluated::Number(number) = expression(&text).unwrap().evaluate(&bench()).unwrap() else { unreachable!() };
        prop_assert_eq!(number, Number::Exact(Decimal::ZERO));
    }
}
