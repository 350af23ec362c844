//! Two runs side by side, measurement by measurement.

use benchtop_store::{
    Record,
    record::{Measurement, StepOutcome},
};

/// A step or a measurement of two runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair<'a> {
    /// The step, with the turn of its sweep.
    pub step: String,
    /// The measurement; none for a line about the step itself.
    pub name: Option<String>,
    /// What the first run has.
    pub first: Option<Side<'a>>,
    /// What the second has.
    pub second: Option<Side<'a>>,
}

/// What one run has of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Side<'a> {
    /// How the step ended.
    Step(StepOutcome),
    /// The measurement.
    Measurement(&'a Measurement),
}

impl Pair<'_> {
    /// Second minus first, where both are numbers of one unit.
    #[must_use]
    pub fn difference(&self) -> Option<f64> {
        let (Some(Side::Measurement(first)), Some(Side::Measurement(second))) = (self.first, self.second) else {
            return None;
        };
        let number = |side: &Measurement| side.value.as_ref().and_then(benchtop_store::record::Value::number);
        (first.unit == second.unit).then(|| Some(number(second)? - number(first)?))?
    }

    /// True where both limits are there and differ.
    #[must_use]
    pub fn limits_differ(&self) -> bool {
        let (Some(Side::Measurement(first)), Some(Side::Measurement(second))) = (self.first, self.second) else {
            return false;
        };
        crate::shown::limit(first) != crate::shown::limit(second)
    }

    /// True where it came out differently, or only one run has it.
    #[must_use]
    pub fn is_different(&self) -> bool {
        match (self.first, self.second) {
            (Some(Side::Step(first)), Some(Side::Step(second))) => first != second,
            (Some(Side::Measurement(first)), Some(Side::Measurement(second))) => first.outcome != second.outcome,
            (_, _) => true,
        }
    }
}

/// What the two runs have, in the order of the first; what only the second has comes last.
#[must_use]
pub fn diff<'a>(first: &'a Record, second: &'a Record) -> Vec<Pair<'a>> {
    let (ours, theirs) = (lines(first), lines(second));
    let find = |lines: &[Line<'a>], key: &Key| lines.iter().find(|(known, _)| known == key).map(|(_, side)| *side);
    let mut pairs: Vec<Pair<'a>> = Vec::new();
    for (key, side) in &ours {
        let second = find(&theirs, key);
        pairs.push(pair(key, Some(*side), second));
    }
    for (key, side) in &theirs {
        if find(&ours, key).is_none() {
            pairs.push(pair(key, None, Some(*side)));
        }
    }
    pairs
}

type Key = (String, Option<String>);
type Line<'a> = (Key, Side<'a>);

fn pair<'a>(key: &Key, first: Option<Side<'a>>, second: Option<Side<'a>>) -> Pair<'a> {
    let (step, name) = key.clone();
    Pair {
        step,
        name,
        first,
        second,
    }
}

fn lines(record: &Record) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    for step in &record.steps {
        let name = step.measurement_name(&step.name);
        lines.push(((name.clone(), None), Side::Step(step.outcome)));
        for measurement in &step.measurements {
            let key = (name.clone(), Some(step.measurement_name(&measurement.name)));
            lines.push((key, Side::Measurement(measurement)));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;
    use benchtop_store::record::Value;

    #[test]
    fn what_differs_is_found_and_what_one_lacks_is_said() {
        let first = testkit::record(1);
        let mut second = testkit::record(2);
        assert!(diff(&first, &second).iter().all(|pair| !pair.is_different()));
        let step = second
            .steps
            .iter_mut()
            .find(|step| step.name == "Power Rail Check")
            .unwrap();
        step.measurements[0].value = Some(Value::Number(3.5));
        step.measurements[0].outcome = benchtop_store::record::MeasurementOutcome::Fail;
        step.outcome = StepOutcome::Fail;
        second.steps.retain(|step| step.name != "Later");
        let pairs = diff(&first, &second);
        let different: Vec<_> = pairs.iter().filter(|pair| pair.is_different()).collect();
        assert_eq!(different.len(), 3, "{different:?}");
        assert_eq!(different[1].name.as_deref(), Some("vcc_3v3"));
        assert!((different[1].difference().unwrap() - 0.2).abs() < 1e-9);
        assert_eq!((different[2].step.as_str(), different[2].second), ("Later", None));
        let back = diff(&second, &first);
        assert_eq!(back.last().unwrap().step, "Later");
        assert_eq!(back.last().unwrap().first, None);
    }
}
