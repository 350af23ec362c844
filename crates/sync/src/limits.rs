//! The parts of a limit as the wires tell them, each with whether the value meets it.

use crate::phases::Judged;
use benchtop_store::record::{Band, Decision, Measurement, MeasurementOutcome, Value};

/// What is compared with the value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expected {
    /// One value.
    One(Value),
    /// Several, one of which it must be.
    OneOf(Vec<Value>),
    /// A regular expression.
    Pattern(String),
}

/// One part of a limit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    /// TofuPilot's word for the comparison.
    pub(crate) operator: &'static str,
    /// With what.
    pub(crate) expected: Expected,
    /// How it was judged.
    pub(crate) outcome: Judged,
    /// False for a warning band, which judges nothing.
    pub(crate) is_decisive: bool,
}

/// The parts of a measurement's limit that have an operator, each with its outcome.
///
/// A failed measurement fails at the part that it violates. It was judged in decimal: two numbers that are equal as floats
/// may still differ there, and what is beyond the range has no number; then every part fails.
pub(crate) fn parts(measured: &Measurement) -> Vec<Part> {
    let value = measured.value.as_ref();
    let number = value.and_then(Value::number);
    let below = |end: Option<f64>| number.zip(end).is_some_and(|(number, end)| number < end);
    let above = |end: Option<f64>| number.zip(end).is_some_and(|(number, end)| number > end);
    let full = measured.limit.clone().unwrap_or_default();
    let differs = |wanted: &Value| value.is_some_and(|value| value != wanted);
    let ends = |low: Option<f64>, high: Option<f64>| {
        let low = low.map(|end| (">=", Expected::One(Value::Number(end)), below(Some(end))));
        let high = high.map(|end| ("<=", Expected::One(Value::Number(end)), above(Some(end))));
        low.into_iter().chain(high)
    };
    let mut decisive: Vec<(&'static str, Expected, bool)> = ends(measured.limit_low, measured.limit_high)
        // behind a guard band these are what decides
        .chain(ends(measured.acceptance_low, measured.acceptance_high))
        .collect();
    if let Some(wanted) = full.equals {
        let violated = differs(&wanted);
        decisive.push(("==", Expected::One(wanted), violated));
    }
    if !full.one_of.is_empty() {
        let violated = value.is_some() && full.one_of.iter().all(differs);
        decisive.push(("in", Expected::OneOf(full.one_of), violated));
    }
    if let Some(pattern) = full.matches {
        // whether it matches is not judged anew: where nothing else is violated, it is this
        decisive.push(("matches", Expected::Pattern(pattern), false));
    }
    let within = |band: &Band| !below(band.low) && !above(band.high);
    let in_the_gap = number.is_some() && full.outside.as_ref().is_some_and(within);
    let undecided = !in_the_gap && decisive.iter().all(|(.., violated)| !violated);
    let judged = |violated: bool| match measured.outcome {
        MeasurementOutcome::Pass => Judged::Pass,
        MeasurementOutcome::Unset => Judged::Unset,
        MeasurementOutcome::Fail if violated || undecided => Judged::Fail,
        MeasurementOutcome::Fail => Judged::Pass,
    };
    let decisive = decisive.into_iter().map(|(operator, expected, violated)| Part {
        operator,
        expected,
        outcome: judged(violated),
        is_decisive: true,
    });
    let band = full.marginal.unwrap_or_default();
    let warning = ends(band.low, band.high).map(|(operator, expected, violated)| Part {
        operator,
        expected,
        outcome: match measured.outcome {
            MeasurementOutcome::Unset => Judged::Unset,
            MeasurementOutcome::Pass | MeasurementOutcome::Fail if violated => Judged::Fail,
            MeasurementOutcome::Pass | MeasurementOutcome::Fail => Judged::Pass,
        },
        is_decisive: false,
    });
    decisive.chain(warning).collect()
}

/// What of the limit no operator says.
pub(crate) fn outside_in_words(measured: &Measurement) -> Option<String> {
    let Band { low, high } = measured.limit.as_ref()?.outside.as_ref()?;
    let unit = &measured.unit;
    Some(
        format!("limit outside {} .. {} {unit}", low.as_ref()?, high.as_ref()?)
            .trim_end()
            .to_owned(),
    )
}

/// How well the value is known, in words; nothing where that is not known.
pub(crate) fn uncertainty_in_words(measured: &Measurement) -> Vec<String> {
    let unit = &measured.unit;
    let mut said = Vec::new();
    if let Some(uncertainty) = &measured.uncertainty {
        said.push(format!("U = {} {unit} (k = {})", uncertainty.expanded, uncertainty.k));
    }
    said.extend(
        measured
            .uncertainty_reason
            .iter()
            .map(|reason| format!("uncertainty not known: {reason}")),
    );
    said.extend(measured.decision.map(|decision| {
        let word = match decision {
            Decision::Pass => "pass",
            Decision::ConditionalPass => "conditional pass",
            Decision::ConditionalFail => "conditional fail",
            Decision::Fail => "fail",
        };
        format!("decision: {word}")
    }));
    said
}

/// All of the limit in words, for a wire that has no field for it.
pub(crate) fn in_words(measured: &Measurement) -> Vec<String> {
    let unit = if measured.unit.is_empty() {
        String::new()
    } else {
        format!(" {}", measured.unit)
    };
    let bound = |word: &str, limit: Option<f64>| limit.map(|limit| format!("limit {word} {limit}{unit}"));
    let mut said: Vec<String> = [bound("low", measured.limit_low), bound("high", measured.limit_high)]
        .into_iter()
        .flatten()
        .collect();
    said.extend(bound("accepted from", measured.acceptance_low));
    said.extend(bound("accepted to", measured.acceptance_high));
    said.extend(beyond_the_bounds(measured));
    said.extend(uncertainty_in_words(measured));
    said
}

/// All of the limit but its low and its high, in words.
pub(crate) fn beyond_the_bounds(measured: &Measurement) -> Vec<String> {
    let Some(full) = &measured.limit else {
        return Vec::new();
    };
    let mut said: Vec<String> = outside_in_words(measured).into_iter().collect();
    said.extend(full.equals.iter().map(|value| format!("limit equals {}", word(value))));
    if !full.one_of.is_empty() {
        let values: Vec<String> = full.one_of.iter().map(word).collect();
        said.push(format!("limit one of {}", values.join(", ")));
    }
    said.extend(full.matches.iter().map(|pattern| format!("limit matches {pattern}")));
    if measured.marginal {
        said.push("marginal".to_owned());
    }
    said
}

fn word(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Numbers(numbers) => format!("{numbers:?}"),
    }
}
