//! How a limit judges what was measured. A value that cannot be judged is never a pass.

use super::{Acceptance, Limit, Marginal, Outside, OverrangeRule};
use crate::value::{Value, ValueKind};
use benchtop_instrument::{Decimal, Polarity, Quantity, Unit};
use std::cmp::Ordering;

/// What there is to judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measured {
    /// A value; numbers are in the measurement's unit.
    Value(Value),
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
    /// True when it passed, within the limit's warning band.
    pub marginal: bool,
}

impl Judgement {
    pub(super) fn plain(outcome: MeasurementOutcome) -> Self {
        Self {
            outcome,
            reason: None,
            is_error: false,
            marginal: false,
        }
    }

    fn because(outcome: MeasurementOutcome, reason: String) -> Self {
        Self {
            reason: Some(reason),
            ..Self::plain(outcome)
        }
    }

    /// Not taken, or not usable: Unset, and an Error of the step.
    #[must_use]
    pub fn unusable(reason: impl Into<String>) -> Self {
        Self {
            is_error: true,
            ..Self::because(MeasurementOutcome::Unset, reason.into())
        }
    }
}

/// Judges what was measured, in `unit`, by `limit` as it is written.
#[must_use]
pub fn judge(limit: Option<&Limit>, measured: &Measured, unit: Unit) -> Judgement {
    let acceptance = limit.map(Acceptance::simple).unwrap_or_default();
    judge_within(limit, acceptance, measured, unit)
}

/// As [`judge`], with the interval in which a number passes in place of the limit's own `low` and `high`.
#[must_use]
pub fn judge_within(limit: Option<&Limit>, acceptance: Acceptance, measured: &Measured, unit: Unit) -> Judgement {
    match measured {
        Measured::Unusable => Judgement::unusable("the instrument gave no number"),
        Measured::Overrange(polarity, range) => judge_overrange(limit, *polarity, *range, unit),
        Measured::Value(value) => limit.map_or_else(
            || Judgement::plain(MeasurementOutcome::Unset),
            |limit| judge_value(limit, acceptance, value, unit),
        ),
    }
}

fn judge_value(limit: &Limit, acceptance: Acceptance, value: &Value, unit: Unit) -> Judgement {
    let Some(judged) = limit.judges() else {
        return Judgement::unusable("the limit has nothing to judge by");
    };
    if value.kind() == ValueKind::Numbers {
        return Judgement::unusable("an array is judged by its reductions, it has no limit of its own");
    }
    if value.kind() != judged {
        let shown = value.for_people(unit);
        return Judgement::unusable(format!("{shown} is {}, the limit is for {judged}", value.kind()));
    }
    // all are required: the first that is not met says why
    let failure = value
        .number()
        .and_then(|number| out_of_bounds(limit, acceptance, number, unit))
        .or_else(|| not_listed(limit, value, unit));
    if let Some(reason) = failure {
        return Judgement::because(MeasurementOutcome::Fail, reason);
    }
    let marginal = value
        .number()
        .zip(limit.marginal)
        .is_some_and(|(number, marginal)| lies_close(number, marginal));
    Judgement {
        marginal,
        ..Judgement::plain(MeasurementOutcome::Pass)
    }
}

/// Why a number fails; the printed decimals are exact, so that one that fails never looks equal to its limit.
fn out_of_bounds(limit: &Limit, acceptance: Acceptance, number: Decimal, unit: Unit) -> Option<String> {
    let shown = |value| Quantity::new(value, unit).to_string();
    if let Some(low) = limit.low.filter(|low| number < *low) {
        return Some(format!("{} is below the low limit {}", shown(number), shown(low)));
    }
    if let Some(high) = limit.high.filter(|high| number > *high) {
        return Some(format!("{} is above the high limit {}", shown(number), shown(high)));
    }
    if let Some(low) = acceptance.low.filter(|low| number < *low) {
        return Some(format!(
            "{} is below the acceptance limit {}",
            shown(number),
            shown(low)
        ));
    }
    if let Some(high) = acceptance.high.filter(|high| number > *high) {
        return Some(format!(
            "{} is above the acceptance limit {}",
            shown(number),
            shown(high)
        ));
    }
    let is_in = |band: &Outside| band.low <= number && number <= band.high;
    if let Some(Outside { low, high }) = limit.outside.filter(is_in) {
        return Some(format!(
            "{} is not outside {} .. {}",
            shown(number),
            shown(low),
            shown(high)
        ));
    }
    let is_near = |band: &Outside| band.low < number && number < band.high;
    let Outside { low, high } = acceptance.outside.filter(is_near)?;
    Some(format!(
        "{} is within the guard bands of what is outside, {} .. {}",
        shown(number),
        shown(low),
        shown(high)
    ))
}

fn not_listed(limit: &Limit, value: &Value, unit: Unit) -> Option<String> {
    let shown = value.for_people(unit);
    if let Some(wanted) = limit.equals.as_ref().filter(|wanted| *wanted != value) {
        return Some(format!("{shown} is not {}", wanted.for_people(unit)));
    }
    if !limit.one_of.is_empty() && !limit.one_of.contains(value) {
        let wanted: Vec<String> = limit.one_of.iter().map(|value| value.for_people(unit)).collect();
        return Some(format!("{shown} is none of {}", wanted.join(", ")));
    }
    let pattern = limit.matches.as_ref()?;
    let matches = match value {
        Value::Text(text) => pattern.is_match(text),
        Value::Number(_) | Value::Boolean(_) | Value::Numbers(_) => false,
    };
    (!matches).then(|| format!("{shown} does not match {pattern}"))
}

fn lies_close(number: Decimal, Marginal { low, high }: Marginal) -> bool {
    low.is_some_and(|low| number < low) || high.is_some_and(|high| number > high)
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
    if limit.judges() != Some(ValueKind::Number) {
        let reason = format!("the input is {side}{of_range}, and the limit is not for numbers");
        return Judgement::unusable(reason);
    }
    let fail = |why: &str| {
        let reason = format!("the input is {side}{of_range}{why}");
        Judgement::because(MeasurementOutcome::Fail, reason)
    };
    if limit.overrange == OverrangeRule::Fail {
        return fail("");
    }
    let (Some(low), true, Polarity::Positive) = (limit.low, limit.may_accept_overrange(), polarity) else {
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
