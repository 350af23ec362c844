//! Numbers that stand for an array of the same attempt.

use crate::{
    assess,
    event::{MeasurementTaken, ReadingWord},
};
use benchtop_instrument::{Decimal, Polarity, Quantity, Unit};
use benchtop_procedure::{Judgement, Measured, Measurement, Reduction, Value};
use std::collections::BTreeMap;

/// The arrays of an attempt, by the names of their measurements.
#[derive(Debug, Default)]
pub(crate) struct Arrays(BTreeMap<String, Array>);

#[derive(Debug)]
enum Array {
    Numbers(Vec<Decimal>, Unit),
    /// One of them is beyond the range.
    Overrange(Polarity, Option<Quantity>),
    /// Why there is none.
    Missing(String),
}

impl Arrays {
    /// Keeps the array of a measurement that was taken, if it has one.
    pub(crate) fn keep(&mut self, taken: &MeasurementTaken) {
        let array = match (&taken.value, &taken.samples, taken.reading_kind) {
            (Some(Value::Numbers(numbers)), ..) => Array::Numbers(numbers.clone(), taken.unit),
            (_, _, ReadingWord::OverrangePositive) => Array::Overrange(Polarity::Positive, taken.range),
            (_, _, ReadingWord::OverrangeNegative) => Array::Overrange(Polarity::Negative, taken.range),
            (_, Some(samples), ReadingWord::Value) => Array::Numbers(samples.values.clone(), taken.unit),
            (_, _, ReadingWord::Value | ReadingWord::NotANumber | ReadingWord::Missing) => {
                let reason = taken.reason.clone();
                Array::Missing(reason.unwrap_or_else(|| "it has no array".to_owned()))
            }
        };
        self.0.insert(taken.name.clone(), array);
    }

    /// A measurement that stands for one of them.
    pub(crate) fn reduced(
        &self,
        measurement: &Measurement,
        reduction: &Reduction,
        mut taken: MeasurementTaken,
    ) -> (Judgement, MeasurementTaken) {
        let judgement = match self.measured(measurement, reduction) {
            Ok(measured) => {
                taken.reading_kind = match &measured {
                    Measured::Value(value) => {
                        taken.value = Some(value.clone());
                        ReadingWord::Value
                    }
                    Measured::Overrange(Polarity::Positive, _) => ReadingWord::OverrangePositive,
                    Measured::Overrange(Polarity::Negative, _) => ReadingWord::OverrangeNegative,
                    Measured::Unusable => ReadingWord::NotANumber,
                };
                let (assessment, accepted) = assess::without_instrument(measurement, &measured);
                taken.assessment = assessment;
                assess::judge(measurement, &measured, accepted)
            }
            Err(reason) => Judgement::unusable(reason),
        };
        taken.outcome = judgement.outcome;
        taken.marginal = judgement.marginal;
        taken.reason.clone_from(&judgement.reason);
        (judgement, taken)
    }

    fn measured(&self, measurement: &Measurement, reduction: &Reduction) -> Result<Measured, String> {
        let of = &reduction.of;
        match self.0.get(of) {
            Some(Array::Numbers(numbers, unit)) => {
                let number = reduction
                    .by
                    .reduce(numbers)
                    .map_err(|reason| format!("{of}: {reason}"))?;
                // a count has no unit
                let unit = if reduction.by == benchtop_procedure::Reducer::Count {
                    measurement.unit
                } else {
                    *unit
                };
                let number = Quantity::new(number, unit).in_unit(measurement.unit);
                let number = number.map_err(|error| format!("{of}: {error}"))?;
                Ok(Measured::Value(Value::Number(number)))
            }
            Some(Array::Overrange(polarity, range)) => Ok(Measured::Overrange(*polarity, *range)),
            Some(Array::Missing(reason)) => Err(format!("{of} has no numbers: {reason}")),
            None => Err(format!("{of} was not taken")),
        }
    }
}
