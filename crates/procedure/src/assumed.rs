//! What is taken for measured before anything is: so that it can be said how well computed values will be known.

use crate::expression::{Expression, Facts};
use crate::metrology::{Metrology, Moment};
use crate::model::{Measurement, MeasurementSource, Procedure, ReadingSource};
use crate::propagation::{Origin, Origins};
use crate::value::{Value, ValueKind};
use benchtop_instrument::{Decimal, Quantity, RangeRequest, Uncertainty, Unknown};
use std::collections::{BTreeMap, BTreeSet};

/// How well a value will be known.
#[derive(Clone, Debug)]
enum Outlook {
    /// As well as its readings.
    Known(Origin),
    /// Not at all: why.
    Unknown(String),
    /// Nothing says what will be read.
    Open,
}

/// The values of a procedure's measurements, as far as their limits and ranges say them, by full names.
#[derive(Debug, Default)]
pub(crate) struct Assumed {
    /// What something is computed with: nothing else is asked for.
    operands: BTreeSet<String>,
    values: BTreeMap<String, Value>,
    /// On this station.
    here: BTreeMap<String, Outlook>,
    /// By the meters' specifications alone.
    specified: BTreeMap<String, Outlook>,
}

/// What can be said of a computed value beforehand.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    /// How well it will be known on this station; nothing where that is open.
    pub(crate) known: Option<Result<Uncertainty, String>>,
    /// As the specifications have it.
    pub(crate) specified: Option<Uncertainty>,
}

impl Assumed {
    /// For the measurements of `procedure`.
    pub(crate) fn of(procedure: &Procedure) -> Self {
        let measurements = procedure.all_steps().flat_map(|step| step.kind.measurements());
        let operands = measurements.filter_map(|measurement| match &measurement.source {
            MeasurementSource::Compute(expression) => Some(expression.operands()),
            MeasurementSource::Reading(_) | MeasurementSource::Said(_) | MeasurementSource::Reduced(_) => None,
        });
        Self {
            operands: operands.flatten().map(|operand| operand.name.clone()).collect(),
            ..Self::default()
        }
    }

    /// A reading will be taken.
    pub(crate) fn reads(
        &mut self,
        name: &str,
        measurement: &Measurement,
        source: &ReadingSource,
        metrology: &Metrology,
        moment: Moment,
    ) {
        if !self.operands.contains(name) {
            return;
        }
        let unit = measurement.unit;
        let value = usual(measurement, source, metrology);
        let used = value.and_then(|value| metrology.expected(source, Quantity::new(value, unit)));
        let origin = |found: Result<Uncertainty, Unknown>| {
            let found = found.and_then(|found| found.in_unit(unit).ok_or(Unknown::Unfit(unit)));
            match found {
                Ok(uncertainty) => Outlook::Known(Origin::reading(name.to_owned(), source, uncertainty)),
                Err(unknown) => Outlook::Unknown(unknown.to_string()),
            }
        };
        let (here, specified) = match &used {
            Some(used) => (
                origin(metrology.of_reading(&measurement.name, source, used, moment)),
                origin(metrology.of_specification(source, used)),
            ),
            None => (Outlook::Open, Outlook::Open),
        };
        self.values
            .extend(value.map(|value| (name.to_owned(), Value::Number(value))));
        self.here.insert(name.to_owned(), here);
        self.specified.insert(name.to_owned(), specified);
    }

    /// A value will be computed: what can be said of it.
    pub(crate) fn computes(&mut self, name: &str, measurement: &Measurement, expression: &Expression) -> Expected {
        let (here, specified) = (
            self.outlook(&self.here, measurement, expression),
            self.outlook(&self.specified, measurement, expression),
        );
        let uncertainty = |outlook: &Outlook| match outlook {
            Outlook::Known(origin) => {
                let found = origin.uncertainty(measurement.unit);
                Some(found.ok_or_else(|| "it cannot be held".to_owned()))
            }
            Outlook::Unknown(reason) => Some(Err(reason.clone())),
            Outlook::Open => None,
        };
        let expected = Expected {
            known: uncertainty(&here),
            specified: uncertainty(&specified).and_then(Result::ok),
        };
        let value = match expression.evaluate(self) {
            Ok(crate::expression::Evaluated::Number(number)) => number.in_unit(measurement.unit),
            Ok(_) | Err(_) => None,
        };
        self.values
            .extend(value.map(|value| (name.to_owned(), Value::Number(value))));
        self.here.insert(name.to_owned(), here);
        self.specified.insert(name.to_owned(), specified);
        expected
    }

    fn outlook(
        &self,
        outlooks: &BTreeMap<String, Outlook>,
        measurement: &Measurement,
        expression: &Expression,
    ) -> Outlook {
        let operands = expression.operands();
        let numbers = || operands.iter().filter(|operand| operand.kind == ValueKind::Number);
        for operand in numbers() {
            match outlooks.get(&operand.name) {
                Some(Outlook::Known(_) | Outlook::Open) => {}
                Some(Outlook::Unknown(reason)) => return Outlook::Unknown(format!("{}: {reason}", operand.name)),
                None => {
                    let reason = "no instrument's specification stands behind this value";
                    return Outlook::Unknown(format!("{}: {reason}", operand.name));
                }
            }
        }
        let is_open = |name: &str| matches!(outlooks.get(name), Some(Outlook::Open)) || !self.values.contains_key(name);
        if numbers().any(|operand| is_open(&operand.name)) {
            return Outlook::Open;
        }
        let view = View { values: self, outlooks };
        match expression.origin(measurement.unit, &view) {
            Ok(Some(origin)) => Outlook::Known(origin),
            Ok(None) => Outlook::Unknown("it is computed from no measurement".to_owned()),
            // which value it takes is known when they were read
            Err(_) if expression.chooses() => Outlook::Open,
            Err(reason) => Outlook::Unknown(reason),
        }
    }
}

/// What a reading is taken for: its nominal, the middle of its limits, its one limit, or else the end of its range.
fn usual(measurement: &Measurement, source: &ReadingSource, metrology: &Metrology) -> Option<Decimal> {
    if let Some(limit) = &measurement.limit {
        let middle = limit.low.zip(limit.high).and_then(|(low, high)| {
            let half = Decimal::new(5, -1)?;
            low.checked_add(high)?.checked_mul(half)
        });
        let nominal = limit.nominal.map(|nominal| nominal.value);
        if let Some(value) = nominal.or(middle).or(limit.low).or(limit.high) {
            return Some(value);
        }
    }
    match source.request.range {
        RangeRequest::AtLeast(_) | RangeRequest::Exactly(_) => {
            let nothing = Quantity::new(Decimal::ZERO, measurement.unit);
            let range = metrology.expected(source, nothing)?.range?;
            range.in_unit(measurement.unit).ok()
        }
        // the meter chooses by what it reads
        RangeRequest::Default | RangeRequest::Auto => None,
    }
}

impl Facts for Assumed {
    fn measured(&self, name: &str) -> Option<Value> {
        self.values.get(name).cloned()
    }

    fn outcome(&self, _name: &str) -> Option<&'static str> {
        None
    }
}

struct View<'a> {
    values: &'a Assumed,
    outlooks: &'a BTreeMap<String, Outlook>,
}

impl Facts for View<'_> {
    fn measured(&self, name: &str) -> Option<Value> {
        self.values.measured(name)
    }

    fn outcome(&self, name: &str) -> Option<&'static str> {
        self.values.outcome(name)
    }
}

impl Origins for View<'_> {
    fn origin(&self, name: &str) -> Result<Origin, String> {
        match self.outlooks.get(name) {
            Some(Outlook::Known(origin)) => Ok(origin.clone()),
            Some(Outlook::Unknown(reason)) => Err(reason.clone()),
            Some(Outlook::Open) | None => Err("it is not known what will be read".to_owned()),
        }
    }
}
