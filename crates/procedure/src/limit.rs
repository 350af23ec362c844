//! Limits and how they judge. A value that cannot be judged is never a pass.

use benchtop_instrument::{Decimal, Polarity, Quantity, Unit};
use std::cmp::Ordering;

/// What judges a measurement. Bounds are inclusive and in the measurement's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Limit {
    /// Smallest value that passes.
    pub low: Option<Decimal>,
    /// Largest value that passes.
    pub high: Option<Decimal>,
    /// What beyond the range means.
    pub overrange: OverrangeRule,
}

/// What a reading beyond the range means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OverrangeRule {
    /// It fails (the default).
    #[default]
    Fail,
    /// A positive overrange passes, when the range in use reaches at least `low`. Written by name
    /// (`overrange = "accept"`), with a `low` and no `high`.
    Accept,
}

/// What there is to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    /// A number, in the measurement's unit.
    Number(Decimal),
    /// Beyond the range; the range's full scale where it is known.
    Overrange(Polarity, Option<Quantity>),
    /// The instrument said "not a number", something that is no reading, or nothing at all.
    Unusable,
}

/// How a measurement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MeasurementOutcome {
    /// Within every limit.
    Pass,
    /// Outside a limit.
    Fail,
    /// Without a limit, or not taken.
    Unset,
}

/// An outcome and, unless it is plain, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The outcome.
    pub outcome: MeasurementOutcome,
    /// Why it failed, was accepted beyond the range, or could not be judged.
    pub reason: Option<String>,
    /// True when the value could not be judged: the step is an Error of the station.
    pub is_error: bool,
}

impl Judgement {
    fn plain(outcome: MeasurementOutcome) -> Self {
        Self {
            outcome,
            reason: None,
            is_error: false,
        }
    }

    fn because(outcome: MeasurementOutcome, reason: String) -> Self {
        Self {
            outcome,
            reason: Some(reason),
            is_error: false,
        }
    }

    /// Not taken, or not usable: Unset, and an Error of the step.
    #[must_use]
    pub fn unusable(reason: impl Into<String>) -> Self {
        Self {
            outcome: MeasurementOutcome::Unset,
            reason: Some(reason.into()),
            is_error: true,
        }
    }
}

/// Judges what was measured, in `unit`, by `limit`.
#[must_use]
pub fn judge(limit: Option<&Limit>, measured: Measured, unit: Unit) -> Judgement {
    match measured {
        Measured::Unusable => Judgement::unusable("the instrument gave no number"),
        Measured::Overrange(polarity, range) => judge_overrange(limit, polarity, range, unit),
        Measured::Number(value) => limit.map_or_else(
            || Judgement::plain(MeasurementOutcome::Unset),
            |limit| judge_number(limit, value, unit),
        ),
    }
}

fn judge_number(limit: &Limit, value: Decimal, unit: Unit) -> Judgement {
    if limit.low.is_none() && limit.high.is_none() {
        return Judgement::unusable("the limit has neither low nor high");
    }
    // the printed decimals are exact, so a failing value never looks equal to its limit
    let shown = |value| Quantity::new(value, unit);
    if let Some(low) = limit.low.filter(|low| value < *low) {
        let reason = format!("{} is below the low limit {}", shown(value), shown(low));
        return Judgement::because(MeasurementOutcome::Fail, reason);
    }
    if let Some(high) = limit.high.filter(|high| value > *high) {
        let reason = format!("{} is above the high limit {}", shown(value), shown(high));
        return Judgement::because(MeasurementOutcome::Fail, reason);
    }
    Judgement::plain(MeasurementOutcome::Pass)
}

fn judge_overrange(limit: Option<&Limit>, polarity: Polarity, range: Option<Quantity>, unit: Unit) -> Judgement {
    let side = match polarity {
        Polarity::Positive => "beyond the range",
        Polarity::Negative => "below the range",
    };
    let of_range = range.map_or(String::new(), |range| format!(" of {range}"));
    let Some(limit) = limit else {
        return Judgement::because(MeasurementOutcome::Unset, format!("the input is {side}{of_range}"));
    };
    let fail = |why: &str| {
        let reason = format!("the input is {side}{of_range}{why}");
        Judgement::because(MeasurementOutcome::Fail, reason)
    };
    if limit.overrange == OverrangeRule::Fail {
        return fail("");
    }
    let (Some(low), None, Polarity::Positive) = (limit.low, limit.high, polarity) else {
        return fail("; only a positive overrange of a limit with a low and no high can be accepted");
    };
    let low = Quantity::new(low, unit);
    let reaches = range.and_then(|range| range.compare(low)).is_some_and(Ordering::is_ge);
    if !reaches {
        return fail(&format!("; accepted only on a range that reaches the low limit {low}"));
    }
    let reason = format!("the input is {side}{of_range}, which the limit accepts above {low}");
    Judgement::because(MeasurementOutcome::Pass, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limit(low: Option<&str>, high: Option<&str>, overrange: OverrangeRule) -> Limit {
        let number = |text: &str| text.parse().unwrap();
        Limit {
            low: low.map(number),
            high: high.map(number),
            overrange,
        }
    }

    fn check(low: Option<&str>, high: Option<&str>, value: &str, expected: MeasurementOutcome) {
        let limit = limit(low, high, OverrangeRule::Fail);
        let judged = judge(
            Some(&limit),
            Measured::Number(value.parse().unwrap()),
            "V".parse().unwrap(),
        );
        assert_eq!(judged.outcome, expected, "{value} in {low:?}..{high:?}");
        assert!(!judged.is_error);
        assert_eq!(judged.reason.is_some(), expected == MeasurementOutcome::Fail);
    }

    #[test]
    fn bounds_are_inclusive_and_exact() {
        use MeasurementOutcome::{Fail, Pass};
        check(Some("3.25"), Some("3.35"), "3.25", Pass);
        check(Some("3.25"), Some("3.35"), "3.35", Pass);
        check(Some("3.25"), Some("3.35"), "3.3500000000001", Fail);
        check(Some("3.25"), Some("3.35"), "3.2499999999999", Fail);
        check(Some("3.25"), None, "1E30", Pass);
        check(None, Some("3.35"), "-1E30", Pass);
        check(Some("-1"), Some("-1"), "-1", Pass);
        check(Some("0.3"), None, "0.29999999999999999", Fail);
    }

    #[test]
    fn a_number_without_a_limit_is_unset_and_no_error() {
        let judged = judge(None, Measured::Number(Decimal::ONE), "V".parse().unwrap());
        assert_eq!(judged, Judgement::plain(MeasurementOutcome::Unset));
    }

    #[test]
    fn overrange_passes_only_where_the_author_says_so() {
        let unit: Unit = "MOhm".parse().unwrap();
        let range = Some("100 MOhm".parse().unwrap());
        let short = Some("1 MOhm".parse().unwrap());
        let accepting = limit(Some("10"), None, OverrangeRule::Accept);
        let two_sided = limit(Some("10"), Some("20"), OverrangeRule::Accept);
        let silent = limit(Some("10"), None, OverrangeRule::Fail);
        let outcome = |limit: &Limit, polarity, range| judge(Some(limit), Measured::Overrange(polarity, range), unit);
        let passed = outcome(&accepting, Polarity::Positive, range);
        assert_eq!(passed.outcome, MeasurementOutcome::Pass);
        assert!(passed.reason.unwrap().contains("accepts above 10 MOhm"));
        for (limit, polarity, range) in [
            (&accepting, Polarity::Negative, range),
            (&accepting, Polarity::Positive, short),
            (&accepting, Polarity::Positive, None),
            (&two_sided, Polarity::Positive, range),
            (&silent, Polarity::Positive, range),
        ] {
            assert_eq!(outcome(limit, polarity, range).outcome, MeasurementOutcome::Fail);
        }
        let unlimited = judge(None, Measured::Overrange(Polarity::Positive, range), unit);
        assert_eq!(unlimited.outcome, MeasurementOutcome::Unset);
    }

    proptest! {
        #[test]
        fn nothing_unusable_passes(low in proptest::option::of(-9_i64..9), high in proptest::option::of(-9_i64..9), accept: bool) {
            let limit = Limit {
                low: low.map(Decimal::from_integer),
                high: high.map(Decimal::from_integer),
                overrange: if accept { OverrangeRule::Accept } else { OverrangeRule::Fail },
            };
            let judged = judge(Some(&limit), Measured::Unusable, "V".parse().unwrap());
            prop_assert_eq!(judged.outcome, MeasurementOutcome::Unset);
            prop_assert!(judged.is_error && judged.reason.is_some());
        }

        #[test]
        fn a_pass_lies_within_the_bounds(low in -99_i64..99, high in -99_i64..99, value in -99_i64..99) {
            let limit = Limit { low: Some(Decimal::from_integer(low)), high: Some(Decimal::from_integer(high)), overrange: OverrangeRule::Fail };
            let judged = judge(Some(&limit), Measured::Number(Decimal::from_integer(value)), "V".parse().unwrap());
            prop_assert_eq!(judged.outcome == MeasurementOutcome::Pass, low <= value && value <= high);
        }
    }
}
