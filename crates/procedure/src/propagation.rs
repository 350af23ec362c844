//! How well computed values are known: uncertainties of the readings that are in them, passed through to first order.
//!
//! A computed value remembers the readings behind it and how it changes with each, so that what is computed from computed
//! values is as well known as if it were written in one expression: a reading that comes in twice counts once, with both
//! its signs. What one of the numbers in it says nothing of, it says nothing of either, also where that one cancels. Readings of one instrument, function and range are fully correlated in what the specification and the
//! station's contributions say of them (JCGM 100, 5.2.2); everything else is independent.

use crate::expression::{Expression, Facts, Kind, Operand, in_si};
use crate::model::ReadingSource;
use crate::value::ValueKind;
use benchtop_instrument::{COVERAGE_FACTOR, Decimal, Quantity, Term, Uncertainty, Unit, propagate};
use std::sync::Arc;

/// The readings that are in a value, with what is known of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
struct Part {
    /// The full name of the measurement.
    name: String,
    /// Readings of the same source are correlated.
    source: String,
    /// How the value changes with the reading, in the units of both.
    sensitivity: f64,
    uncertainty: Arc<Uncertainty>,
}

/// What is known when an expression is computed, and how well.
pub trait Origins: Facts {
    /// The readings in the value of a measurement, by its full name.
    ///
    /// # Errors
    /// Why nothing is known of them, in one line for people.
    fn origin(&self, name: &str) -> Result<Origin, String>;
}

impl Origin {
    /// A reading itself, called `name` in full; `uncertainty` is in the unit of its value.
    #[must_use]
    pub fn reading(name: String, source: &ReadingSource, uncertainty: Uncertainty) -> Self {
        let function = source.request.function;
        let range = uncertainty
            .range()
            .and_then(|range| range.in_unit(function.unit()).ok());
        let range = range.map_or_else(String::new, |range| format!(" {range}"));
        let part = Part {
            name,
            source: format!("{} {function}{range}", source.instrument),
            sensitivity: 1.0,
            uncertainty: Arc::new(uncertainty),
        };
        Self { parts: vec![part] }
    }

    /// How well the value is known, in its `unit`; `None` where that cannot be held.
    #[must_use]
    pub fn uncertainty(&self, unit: Unit) -> Option<Uncertainty> {
        let terms: Vec<Term<'_>> = self
            .parts
            .iter()
            .map(|part| Term {
                name: part.name.clone(),
                source: part.source.clone(),
                sensitivity: part.sensitivity,
                uncertainty: &part.uncertainty,
            })
            .collect();
        propagate(&terms, unit)
    }

    fn add(&mut self, other: Self, factor: f64) {
        for part in other.parts {
            let sensitivity = part.sensitivity * factor;
            match self.parts.iter_mut().find(|known| known.name == part.name) {
                Some(known) => known.sensitivity += sensitivity,
                None => self.parts.push(Part { sensitivity, ..part }),
            }
        }
    }
}

impl Expression {
    /// The readings in its value, declared in `unit`. `None` where it computes with no number that was measured.
    ///
    /// # Errors
    /// Why it is not known how well the value is: a number has no value, no finite slope, or nobody knows its uncertainty.
    pub fn origin(&self, unit: Unit, origins: &dyn Origins) -> Result<Option<Origin>, String> {
        let Kind::Number(_) = self.kind else { return Ok(None) };
        let operands = self.operands().into_iter();
        let numbers: Vec<_> = operands.filter(|operand| operand.kind == ValueKind::Number).collect();
        if numbers.is_empty() {
            return Ok(None);
        }
        let mut known = Vec::with_capacity(numbers.len());
        for operand in &numbers {
            known.push(origins.origin(&operand.name)?);
        }
        self.choose(&numbers, &known, unit, origins)?;
        let mut slopes = Vec::with_capacity(numbers.len());
        for operand in &numbers {
            let slope = self.derivative(&operand.name, origins);
            slopes.push(slope.map_err(|error| error.to_string())?);
        }
        let origin = combined(&numbers, &known, &slopes, in_base(unit)?)?;
        Ok(Some(origin))
    }

    /// Refuses where a `min()` or `max()` may as well have taken another value than it did: there the first order says nothing
    /// true, for it has no derivative where two values meet (JCGM 100, 5.1.2, asks for one). So it does of what was not measured
    /// at all: that a limit beside a reading is exact says nothing of the reading.
    fn choose(&self, numbers: &[&Operand], known: &[Origin], unit: Unit, origins: &dyn Origins) -> Result<(), String> {
        for choice in self.choices(origins).map_err(|error| error.to_string())? {
            let function = if choice.takes_most { "max()" } else { "min()" };
            if !choice.is_measured() {
                return Err(format!("{function} takes what was not measured"));
            }
            for (apart, slopes) in choice.distances(numbers, origins).map_err(|error| error.to_string())? {
                let between = combined(numbers, known, &slopes, 1.0)?.uncertainty(unit);
                let between = between.ok_or("it cannot be held")?.standard;
                if between > 0.0 && apart.abs() <= f64::from(COVERAGE_FACTOR) * between {
                    return Err(format!(
                        "the values of {function} lie nearer to each other than they are known"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// What comes of the numbers when it changes so with each, in SI units, counted in units of so many.
fn combined(numbers: &[&Operand], known: &[Origin], slopes: &[f64], base: f64) -> Result<Origin, String> {
    let mut origin = Origin { parts: Vec::new() };
    for ((operand, known), slope) in numbers.iter().zip(known).zip(slopes) {
        // what the value does not depend on, here, adds nothing to it
        if slope.abs() > 0.0 {
            origin.add(known.clone(), slope * in_base(operand.unit)? / base);
        }
    }
    Ok(origin)
}

/// One of `unit` in SI units.
fn in_base(unit: Unit) -> Result<f64, String> {
    let one = in_si(Quantity::new(Decimal::ONE, unit)).map(Decimal::to_f64);
    one.filter(|one| *one > 0.0)
        .ok_or_else(|| format!("{unit} cannot be held in SI units"))
}
