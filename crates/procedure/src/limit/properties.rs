//! What holds for any limit, any value and any words at all.

use super::*;
use crate::said::{Extract, Place, Speaker};
use crate::search::Search;
use MeasurementOutcome::{Fail, Pass, Unset};
use benchtop_instrument::Polarity;
use proptest::prelude::*;

fn volt() -> Unit {
    "V".parse().unwrap()
}

fn any_number() -> impl Strategy<Value = Decimal> {
    (-99_i64..99, -3_i32..3).prop_map(|(value, power)| Decimal::from_integer(value).scaled(power).unwrap())
}

fn any_scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any_number().prop_map(Value::Number),
        "[0-9a-c]{0,3}".prop_map(Value::Text),
        any::<bool>().prop_map(Value::Boolean),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => any_scalar(),
        1 => proptest::collection::vec(any_number(), 0..4).prop_map(Value::Numbers),
    ]
}

fn any_guard_band() -> impl Strategy<Value = GuardBand> {
    prop_oneof![
        Just(GuardBand::None),
        Just(GuardBand::U95),
        Just(GuardBand::Method6),
        any_number().prop_map(|width| GuardBand::Fixed(width.abs())),
    ]
}

prop_compose! {
    /// Any limit at all, also those that no file can say.
    fn any_limit()(
        low in proptest::option::of(any_number()), high in proptest::option::of(any_number()),
        band in proptest::option::of((any_number(), any_number())), equals in proptest::option::of(any_value()),
        one_of in proptest::collection::vec(any_scalar(), 0..3), pattern in proptest::option::of("[0-9a-c.]{0,3}"),
        marginal in proptest::option::of((proptest::option::of(any_number()), proptest::option::of(any_number()))),
        nominal in proptest::option::of((any_number(), any_number().prop_map(Decimal::abs))), guard_band in any_guard_band(),
        accept: bool,
    ) -> Limit {
        let nominal = nominal.map(|(value, width)| Nominal { value, tolerance: Tolerance::Absolute(width) });
        // as it is read: what a nominal comes to stands in the bounds
        let bounds = nominal.and_then(|nominal| nominal.bounds());
        let (low, high) = bounds.map_or((low, high), |(low, high)| (Some(low), Some(high)));
        Limit {
            low,
            high,
            nominal,
            outside: band.map(|(low, high)| Outside { low, high }),
            equals,
            one_of,
            matches: pattern.map(|pattern| Pattern::new(&pattern).unwrap()),
            marginal: marginal.map(|(low, high)| Marginal { low, high }),
            guard_band,
            overrange: if accept { OverrangeRule::Accept } else { OverrangeRule::Fail },
        }
    }
}

proptest! {
    #[test]
    fn nothing_unusable_passes(limit in any_limit()) {
        let judged = judge(Some(&limit), &Measured::Unusable, volt());
        prop_assert_eq!(judged.outcome, Unset);
        prop_assert!(judged.is_error && judged.reason.is_some() && !judged.marginal);
    }

    #[test]
    fn nothing_of_another_kind_passes(limit in any_limit(), value in any_value()) {
        let judged = judge(Some(&limit), &Measured::Value(value.clone()), volt());
        if limit.judges() != Some(value.kind()) || value.kind() == ValueKind::Numbers {
            prop_assert_eq!(judged.outcome, Unset);
            prop_assert!(judged.is_error && judged.reason.is_some());
        }
        prop_assert!(!judged.marginal || judged.outcome == Pass);
        prop_assert_eq!(judged.outcome == Fail, judged.reason.is_some() && !judged.is_error);
    }

    #[test]
    fn overrange_passes_only_where_it_was_accepted_by_name(
        limit in any_limit(), positive: bool, range in proptest::option::of(0_i64..99),
    ) {
        let polarity = if positive { Polarity::Positive } else { Polarity::Negative };
        let range = range.map(|range| Quantity::new(Decimal::from_integer(range), volt()));
        let judged = judge(Some(&limit), &Measured::Overrange(polarity, range), volt());
        if judged.outcome == Pass {
            prop_assert!(limit.overrange == OverrangeRule::Accept && positive);
            prop_assert!(limit.high.is_none() && limit.outside.is_none() && limit.equals.is_none());
            prop_assert!(range.unwrap().value >= limit.low.unwrap());
            prop_assert!(judged.reason.is_some());
        }
    }

    #[test]
    fn a_pass_meets_every_part_of_the_limit(limit in any_limit(), value in any_scalar()) {
        let judged = judge(Some(&limit), &Measured::Value(value.clone()), volt());
        let number = value.number();
        let met = limit.judges() == Some(value.kind())
            && limit.low.is_none_or(|low| number.is_some_and(|number| number >= low))
            && limit.high.is_none_or(|high| number.is_some_and(|number| number <= high))
            && limit.outside.is_none_or(|band| number.is_some_and(|number| number < band.low || number > band.high))
            && limit.equals.as_ref().is_none_or(|wanted| *wanted == value)
            && (limit.one_of.is_empty() || limit.one_of.contains(&value))
            && limit.matches.as_ref().is_none_or(|pattern| match &value {
                Value::Text(text) => pattern.is_match(text),
                Value::Number(_) | Value::Boolean(_) | Value::Numbers(_) => false,
            });
        prop_assert_eq!(judged.outcome == Pass, met, "{:?}", judged);
    }

    #[test]
    fn nothing_passes_that_is_nearer_to_its_limit_than_the_guard_band(
        limit in any_limit(), value in any_number(), expanded in proptest::option::of(any_number().prop_map(Decimal::abs)),
    ) {
        let Some(width) = limit.guard_band.width(&limit, expanded) else {
            prop_assert!(limit.guard_band.needs_uncertainty());
            return Ok(());
        };
        prop_assert!(!width.is_negative());
        let Some(accepted) = acceptance(&limit, width) else { return Ok(()) };
        let judged = judge_within(Some(&limit), accepted, &Measured::Value(value.into()), volt());
        let decision = decide(&limit, width, value);
        if judged.outcome == Pass {
            let above = |bound: Decimal| value.checked_sub(bound).unwrap() >= width;
            let below = |bound: Decimal| bound.checked_sub(value).unwrap() >= width;
            prop_assert!(limit.low.is_none_or(above) && limit.high.is_none_or(below));
            prop_assert!(limit.outside.is_none_or(|band| below(band.low) || above(band.high)));
            prop_assert!(limit.outside.is_none_or(|band| value < band.low || value > band.high));
            prop_assert!(matches!(decision, None | Some(Decision::Pass)), "{decision:?}");
        } else if judged.outcome == Fail {
            prop_assert_ne!(decision, Some(Decision::Pass), "{:?}", judged);
        }
    }

    #[test]
    fn no_word_for_nothing_or_for_beyond_the_range_is_a_value(
        word in prop_oneof![
            Just("9.9E37"), Just("-9.9E37"), Just("9.91E37"), Just("+9.90000000E+37"), Just("1E38"), Just("1E9"), Just("-1E+9"),
            Just("NaN"), Just("-INF"), Just("null"), Just("\"1\""), Just("true"), Just(""), Just("[]"), Just("--"), Just("{}"),
        ],
        own in prop_oneof![Just(""), Just(" V"), Just(" mV"), Just(" MV")],
        unit in prop_oneof![Just("V"), Just("mV"), Just("kV"), Just("MV"), Just("uV")],
        array: bool, at in 0_usize..3,
    ) {
        let search = Search::new("x=(.*)").unwrap();
        let group = search.usual_group();
        let (place, answer) = match at {
            0 => (Place::Whole, format!("{word}{own}")),
            1 => (Place::Match(search, group), format!("x={word}{own}")),
            _ => (Place::Json("/x".to_owned()), format!("{{\"x\": {word}}}")),
        };
        let extract = Extract { speaker: Speaker::Instrument, place };
        let kind = if array { ValueKind::Numbers } else { ValueKind::Number };
        let beyond = "1E9".parse().ok();
        let found = extract.value_in(answer.as_bytes(), kind, unit.parse().unwrap(), beyond);
        prop_assert!(found.is_err(), "{answer}: {found:?}");
    }
}
