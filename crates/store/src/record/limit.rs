//! A limit in full, for what `limit_low` and `limit_high` cannot say.

use super::{Value, number};
use benchtop_run as run;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A limit that is more than a low and a high. What was not written is absent; numbers are in the measurement's unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LimitInFull {
    /// The nominal value; what it comes to with its tolerance stands in `limit_low` and `limit_high`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "number::finite_option"
    )]
    pub nominal: Option<f64>,
    /// The tolerance on either side, in the unit.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "number::finite_option"
    )]
    pub tolerance: Option<f64>,
    /// The tolerance on either side, in per cent of the nominal's absolute value.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "number::finite_option"
    )]
    pub tolerance_percent: Option<f64>,
    /// The band in which, its ends included, nothing passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<Band>,
    /// The only value that passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Value>,
    /// The only values that pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<Value>,
    /// The regular expression that the whole text must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
    /// A value that passes and lies below its `low` or above its `high` is marginal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marginal: Option<Band>,
    /// How far inside the bounds a value must lie to pass: `u95`, `z540.3-method6`, or a width with its unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard_band: Option<String>,
}

/// Two ends, either of which may be missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Band {
    /// The lower end.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "number::finite_option"
    )]
    pub low: Option<f64>,
    /// The upper end.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "number::finite_option"
    )]
    pub high: Option<f64>,
}

impl LimitInFull {
    /// What there is to say of `limit` beside its low, its high and its rule for overrange; `None` where that is all.
    pub(crate) fn beyond_the_bounds(limit: run::Limit, unit: run::Unit) -> Option<Self> {
        let run::Limit {
            low: _,
            high: _,
            nominal,
            outside,
            equals,
            one_of,
            matches,
            marginal,
            guard_band,
            overrange: _,
        } = limit;
        let tolerance = nominal.map(|nominal| nominal.tolerance);
        let full = Self {
            nominal: nominal.map(|nominal| nominal.value.to_f64()),
            tolerance: tolerance.and_then(|tolerance| match tolerance {
                run::Tolerance::Absolute(width) => Some(width.to_f64()),
                run::Tolerance::Percent(_) => None,
            }),
            tolerance_percent: tolerance.and_then(|tolerance| match tolerance {
                run::Tolerance::Absolute(_) => None,
                run::Tolerance::Percent(percent) => Some(percent.to_f64()),
            }),
            outside: outside.map(|run::Outside { low, high }| Band {
                low: Some(low.to_f64()),
                high: Some(high.to_f64()),
            }),
            equals: equals.map(Value::from),
            one_of: one_of.into_iter().map(Value::from).collect(),
            matches: matches.map(|pattern| pattern.to_string()),
            marginal: marginal.map(|run::Marginal { low, high }| Band {
                low: low.map(run::Decimal::to_f64),
                high: high.map(run::Decimal::to_f64),
            }),
            guard_band: (guard_band != run::GuardBand::None).then(|| guard_band.for_people(unit)),
        };
        (full != Self::default()).then_some(full)
    }
}
