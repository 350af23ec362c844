//! Guard bands: how far inside its limits a value must lie to be accepted, and what may be said of it.
//!
//! ILAC-G8:09/2019 (4.2) and JCGM 106:2012 (8.3) are the references. The tolerance limits stay what they are; what is accepted
//! lies between acceptance limits that a guard band w moves inwards: low + w, high - w.

use super::{Acceptance, Limit, Outside};
use crate::value::Value;
use benchtop_instrument::{Decimal, Quantity, Unit, round_up};

/// How wide the guard bands of a limit are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GuardBand {
    /// None: simple acceptance, w = 0 (ILAC-G8, 4.2.1).
    #[default]
    None,
    /// The expanded uncertainty, w = U (ILAC-G8, 4.2.2 with w = U).
    U95,
    /// ANSI/NCSL Z540.3 Handbook, method 6: w = U (1.04 - exp(0.38 ln TUR - 0.54)), never below 0; for two-sided limits. Whatever
    /// the units are like, at most 2 % of those accepted are outside their limits.
    Method6,
    /// A fixed width in the measurement's unit.
    Fixed(Decimal),
}

impl GuardBand {
    /// The kinds that have a word of their own in files.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("none", Self::None),
        ("u95", Self::U95),
        ("z540.3-method6", Self::Method6),
    ];

    /// The word used in files; a fixed width with its unit.
    #[must_use]
    pub fn for_people(self, unit: Unit) -> String {
        match self {
            Self::Fixed(width) => Quantity::new(width, unit).to_string(),
            Self::None | Self::U95 | Self::Method6 => {
                let word = Self::WORDS.iter().find(|(_, kind)| *kind == self);
                word.map_or("", |(word, _)| word).to_owned()
            }
        }
    }

    /// True where it cannot be told without the uncertainty of what was measured.
    #[must_use]
    pub const fn needs_uncertainty(self) -> bool {
        match self {
            Self::U95 | Self::Method6 => true,
            Self::None | Self::Fixed(_) => false,
        }
    }

    /// Its width in the measurement's unit, with `expanded`, the expanded uncertainty there.
    ///
    /// What is computed is rounded up to six digits, so that rounding never widens what is accepted. `None` where it needs what
    /// there is not: the uncertainty, or both limits.
    #[must_use]
    pub fn width(self, limit: &Limit, expanded: Option<Decimal>) -> Option<Decimal> {
        match self {
            Self::None => Some(Decimal::ZERO),
            Self::Fixed(width) => Some(width),
            Self::U95 => expanded,
            Self::Method6 => {
                let expanded = expanded?;
                let apart = limit.high?.checked_sub(limit.low?)?;
                let ratio = apart.to_f64() / (2.0 * expanded.to_f64());
                match ratio.is_finite() {
                    true => round_up((expanded.to_f64() * method6_multiplier(ratio)).max(0.0)),
                    // nothing is known better
                    false => Some(Decimal::ZERO),
                }
            }
        }
    }
}

/// M of method 6: what U is multiplied by. Below 0 from a ratio of about 4.6 on.
#[must_use]
pub fn method6_multiplier(ratio: f64) -> f64 {
    1.04 - (0.38 * ratio.ln() - 0.54).exp()
}

/// TUR = (high - low) / (2 U); `None` where U is 0 or the numbers cannot be held.
#[must_use]
pub fn test_uncertainty_ratio(low: Decimal, high: Decimal, expanded: Decimal) -> Option<f64> {
    let span = high.checked_sub(low)?.to_f64();
    let ratio = span / (2.0 * expanded.to_f64());
    ratio.is_finite().then_some(ratio)
}

/// What may be said of a value that is known no better than its guard band. A field of the record, never an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Inside the acceptance limits.
    Pass,
    /// Between an acceptance limit and the limit itself.
    ConditionalPass,
    /// Beyond the limit, by no more than the guard band.
    ConditionalFail,
    /// Further beyond.
    Fail,
}

impl Decision {
    /// The word used in files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::ConditionalPass => "conditional_pass",
            Self::ConditionalFail => "conditional_fail",
            Self::Fail => "fail",
        }
    }
}

/// Where a value lies between the limits and `width` inside or outside of them (ILAC-G8:09/2019, 4.2.3).
///
/// The ends of `outside` are limits too, and a value that `equals` or `one_of` fails is a fail. `None` where the limit has no bounds,
/// or a number cannot be held.
#[must_use]
pub fn decide(limit: &Limit, width: Decimal, value: Decimal) -> Option<Decision> {
    if limit.low.is_none() && limit.high.is_none() {
        return None;
    }
    // how far inside its nearer limit the value lies; below 0 outside
    let inside = |bound: Decimal, is_low: bool| {
        if is_low {
            value.checked_sub(bound)
        } else {
            bound.checked_sub(value)
        }
    };
    let low = match limit.low {
        Some(low) => Some(inside(low, true)?),
        None => None,
    };
    let high = match limit.high {
        Some(high) => Some(inside(high, false)?),
        None => None,
    };
    let beyond = match limit.outside {
        // on an end it is inside already
        Some(band) => Some(inside(band.high, true)?.max(inside(band.low, false)?)),
        None => None,
    };
    let margin = [low, high, beyond].into_iter().flatten().min()?;
    let is = |wanted: &Value| wanted.number() == Some(value);
    let is_listed = limit.one_of.is_empty() || limit.one_of.iter().any(is);
    if !is_listed || limit.equals.as_ref().is_some_and(|wanted| !is(wanted)) {
        return Some(Decision::Fail);
    }
    let is_on_an_end = beyond.is_some_and(Decimal::is_zero) && margin.is_zero();
    Some(if margin >= width && !is_on_an_end {
        Decision::Pass
    } else if !margin.is_negative() && !is_on_an_end {
        Decision::ConditionalPass
    } else if margin >= width.negated() {
        Decision::ConditionalFail
    } else {
        Decision::Fail
    })
}

/// The interval in which a value is accepted, `width` inside the limits. `None` where nothing is left of it, or where a number
/// cannot be held.
#[must_use]
pub fn acceptance(limit: &Limit, width: Decimal) -> Option<Acceptance> {
    let low = match limit.low {
        Some(low) => Some(low.checked_add(width)?),
        None => None,
    };
    let high = match limit.high {
        Some(high) => Some(high.checked_sub(width)?),
        None => None,
    };
    let outside = match limit.outside {
        Some(Outside { low, high }) => Some(Outside {
            low: low.checked_sub(width)?,
            high: high.checked_add(width)?,
        }),
        None => None,
    };
    let crosses = low.zip(high).is_some_and(|(low, high)| low > high);
    (!crosses).then_some(Acceptance { low, high, outside })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn limit(low: Option<&str>, high: Option<&str>) -> Limit {
        Limit {
            low: low.map(decimal),
            high: high.map(decimal),
            ..Limit::default()
        }
    }

    #[test]
    fn method_6_needs_no_guard_band_from_about_4_6_to_1_on() {
        // M. Dobbert, A Guard-Band Strategy for Managing False-Accept Risk (2008), eq. 4, which is method 6: at 4.6:1 and above none is needed
        assert!(method6_multiplier(4.6).abs() < 0.002);
        assert!(method6_multiplier(5.0) < 0.0);
        assert!(method6_multiplier(4.0) > 0.0);
        // the formula by hand: ln 2 = 0.693147, exp(0.38 x 0.693147 - 0.54) = 0.758352, M = 0.281648
        assert!((method6_multiplier(2.0) - 0.281_648).abs() < 1e-5);
        // at 1:1 the exponent is -0.54: M = 1.04 - 0.582748
        assert!((method6_multiplier(1.0) - 0.457_252).abs() < 1e-5);
    }

    #[track_caller]
    fn check_width(
        guard: GuardBand,
        low: Option<&str>,
        high: Option<&str>,
        expanded: Option<&str>,
        width: Option<&str>,
    ) {
        let found = guard.width(&limit(low, high), expanded.map(decimal));
        assert_eq!(found, width.map(decimal), "{guard:?} {low:?} {high:?} {expanded:?}");
    }

    #[test]
    fn a_guard_band_is_as_wide_as_its_rule_says() {
        let (low, high) = (Some("0"), Some("10"));
        check_width(GuardBand::None, low, high, None, Some("0"));
        check_width(GuardBand::Fixed(decimal("0.5")), low, high, None, Some("0.5"));
        check_width(GuardBand::U95, low, high, Some("1"), Some("1"));
        check_width(GuardBand::U95, low, None, Some("1"), Some("1"));
        check_width(GuardBand::U95, low, high, None, None);
        // TUR = 10 / (2 x 2.5) = 2: w = 2.5 x 0.281648, rounded up
        let found = GuardBand::Method6
            .width(&limit(low, high), Some(decimal("2.5")))
            .unwrap();
        assert!((found.to_f64() - 0.704_12).abs() < 1e-4, "{found}");
        // TUR = 10: never below 0
        check_width(GuardBand::Method6, low, high, Some("0.5"), Some("0"));
        check_width(GuardBand::Method6, low, None, Some("0.5"), None);
        check_width(GuardBand::Method6, low, high, Some("0"), Some("0"));
    }

    #[test]
    fn acceptance_limits_lie_inside_by_the_guard_band() {
        // a tolerance of +-0.003 mm and U = 0.0010 mm accept +-0.002 mm (a published micrometer example of the ILAC-G8 rule)
        let found = acceptance(&limit(Some("-0.003"), Some("0.003")), decimal("0.001")).unwrap();
        assert_eq!(found.low, Some(decimal("-0.002")));
        assert_eq!(found.high, Some(decimal("0.002")));
        assert!(acceptance(&limit(Some("0"), Some("1")), decimal("0.5")).is_some());
        assert_eq!(acceptance(&limit(Some("0"), Some("1")), decimal("0.51")), None);
        let one_sided = acceptance(&limit(None, Some("1")), decimal("5")).unwrap();
        assert_eq!(one_sided.high, Some(decimal("-4")));
        assert_eq!(one_sided.low, None);
    }

    #[test]
    fn the_four_decisions_of_ilac_g8() {
        // the same example: 0.0017 conforms, 0.0025 lies in the grey zone inside, beyond 0.003 the one outside, beyond 0.004 it is rejected
        let limit = limit(Some("-0.003"), Some("0.003"));
        let decision = |value: &str| decide(&limit, decimal("0.001"), decimal(value)).unwrap();
        for (value, expected) in [
            ("0", Decision::Pass),
            ("0.0017", Decision::Pass),
            ("0.002", Decision::Pass),
            ("0.0025", Decision::ConditionalPass),
            ("-0.0025", Decision::ConditionalPass),
            ("0.003", Decision::ConditionalPass),
            ("0.0035", Decision::ConditionalFail),
            ("0.004", Decision::ConditionalFail),
            ("0.0041", Decision::Fail),
            ("-1", Decision::Fail),
        ] {
            assert_eq!(decision(value), expected, "{value}");
        }
        assert_eq!(decide(&Limit::default(), decimal("1"), decimal("0")), None);
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_inside_the_limits_by_the_guard_band(low in -999_i64..0, high in 0_i64..999, width in 0_i64..999, value in -999_i64..999) {
            let limit = Limit { low: Some(Decimal::from_integer(low)), high: Some(Decimal::from_integer(high)), ..Limit::default() };
            let (width_decimal, value_decimal) = (Decimal::from_integer(width), Decimal::from_integer(value));
            let accepted = acceptance(&limit, width_decimal);
            prop_assert_eq!(accepted.is_none(), low + width > high - width);
            let decision = decide(&limit, width_decimal, value_decimal).unwrap();
            let inside = low + width <= value && value <= high - width;
            prop_assert_eq!(decision == Decision::Pass, inside);
            if let Some(accepted) = accepted {
                let passes = accepted.low.is_none_or(|low| low <= value_decimal) && accepted.high.is_none_or(|high| value_decimal <= high);
                prop_assert_eq!(passes, inside);
            }
            let within = low <= value && value <= high;
            prop_assert_eq!(within, matches!(decision, Decision::Pass | Decision::ConditionalPass));
        }

        #[test]
        fn method_6_is_never_wider_than_the_uncertainty_and_falls_with_the_ratio(small in 0.5_f64..50.0, more in 0.0_f64..50.0) {
            prop_assert!(method6_multiplier(small) < 1.0);
            prop_assert!(method6_multiplier(small + more) <= method6_multiplier(small));
        }
    }

    #[test]
    fn limits_too_far_apart_to_tell_have_no_guard_band_of_method_6() {
        // their difference needs more digits than a decimal holds
        let limit = limit(Some("1E-30"), Some("1E30"));
        assert_eq!(GuardBand::Method6.width(&limit, Some(decimal("0.1"))), None);
    }
}
