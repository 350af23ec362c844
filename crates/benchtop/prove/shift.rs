//! Which reading moves a measurement across its limit, and by how much.

use super::trial::{Planned, Trialled};
use benchtop_instrument::BaseUnit;
use benchtop_procedure::MeasurementSource;

/// The readings that move the measurement `name` by `amount` in its base unit, each with how much it is moved itself; the last
/// that is taken comes first. None for what was said, and for a spread, which no shift of all of its readings changes.
pub(super) fn by<'p>(
    planned: &'p [Planned<'p>],
    ordinary: &Trialled,
    name: &str,
    amount: f64,
) -> Vec<(&'p Planned<'p>, f64)> {
    let Some(wanted) = planned.iter().find(|planned| planned.name == name) else {
        return Vec::new();
    };
    let is_percent = wanted.measurement.unit.base() == BaseUnit::Percent;
    let is_computed = matches!(wanted.measurement.source, MeasurementSource::Compute(_));
    // an expression is computed in SI units, in which 5 % are 0.05
    let amount = if is_percent && is_computed {
        amount / 100.0
    } else {
        amount
    };
    let mut found = slopes(planned, ordinary, wanted);
    found.sort_by_key(|(reading, _)| std::cmp::Reverse(reading.from));
    let movable = found.into_iter().filter(|(_, slope)| slope.abs() > 0.0);
    movable.map(|(reading, slope)| (reading, amount / slope)).collect()
}

/// The readings in a value, with how it changes with each.
fn slopes<'p>(planned: &'p [Planned<'p>], ordinary: &Trialled, wanted: &'p Planned<'p>) -> Vec<(&'p Planned<'p>, f64)> {
    let earlier = |name: &str| planned.iter().find(|planned| planned.name == name);
    match &wanted.measurement.source {
        MeasurementSource::Reading(_) => vec![(wanted, 1.0)],
        MeasurementSource::Compute(expression) => {
            let mut found = Vec::new();
            for operand in expression.operands() {
                let slope = expression.derivative(&operand.name, ordinary);
                if let (Some(operand), Ok(slope)) = (earlier(&operand.name), slope) {
                    let inner = slopes(planned, ordinary, operand).into_iter();
                    found.extend(inner.map(|(reading, inner)| (reading, inner * slope)));
                }
            }
            found
        }
        MeasurementSource::Reduced(reduction) if reduction.by.follows() => {
            // it is taken of the samples of the same step, which stand before it
            let before = planned.iter().take_while(|planned| planned.name != wanted.name);
            let array = before.filter(|planned| planned.measurement.name == reduction.of).last();
            array.map(|array| (array, 1.0)).into_iter().collect()
        }
        MeasurementSource::Reduced(_) | MeasurementSource::Said(_) => Vec::new(),
    }
}
