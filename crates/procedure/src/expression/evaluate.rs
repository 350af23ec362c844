//! What an expression comes to.

use super::dimension::{from_si, in_si};
use super::{Comparison, Expression, Function, Node, Operand, Sign};
use crate::value::Value;
use benchtop_instrument::{Decimal, Quantity, Unit};
use std::cmp::Ordering;

/// What is known when an expression is evaluated.
pub trait Facts {
    /// The value of a measurement in its unit, by its full name; `None` where it has none.
    fn measured(&self, name: &str) -> Option<Value>;
    /// How a step ended, by its full name: `pass`, `fail`, `skip` and so on; `None` where it has not.
    fn outcome(&self, name: &str) -> Option<&'static str>;
}

/// A number in SI units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Exact so far.
    Exact(Decimal),
    /// Divided, a root, a logarithm, or of more digits than a decimal holds.
    Float(f64),
}

/// What an expression came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Evaluated {
    /// A number in SI units.
    Number(Number),
    /// A text.
    Text(String),
    /// True or false.
    Boolean(bool),
}

/// Why an expression comes to nothing, in a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvaluationError(String);

impl Number {
    /// The nearest binary fraction.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        match self {
            Self::Exact(number) => number.to_f64(),
            Self::Float(number) => number,
        }
    }

    /// As a number of `unit`: exact, or with the digits that tell the binary fraction from its neighbours.
    #[must_use]
    pub fn in_unit(self, unit: Unit) -> Option<Decimal> {
        let number = match self {
            Self::Exact(number) => number,
            Self::Float(number) => Decimal::from_f64(number)?,
        };
        from_si(number, unit)
    }

    fn combined(self, other: Self, exact: fn(Decimal, Decimal) -> Option<Decimal>, float: fn(f64, f64) -> f64) -> Self {
        if let (Self::Exact(left), Self::Exact(right)) = (self, other)
            && let Some(number) = exact(left, right)
        {
            return Self::Exact(number);
        }
        Self::Float(float(self.to_f64(), other.to_f64()))
    }

    fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Exact(left), Self::Exact(right)) => Some(left.cmp(&right)),
            (Self::Exact(_) | Self::Float(_), _) => self.to_f64().partial_cmp(&other.to_f64()),
        }
    }
}

impl Expression {
    /// What it comes to.
    ///
    /// # Errors
    /// A measurement or an outcome that it names is not there, a division by zero, a root or a logarithm of what has none.
    pub fn evaluate(&self, facts: &dyn Facts) -> Result<Evaluated, EvaluationError> {
        evaluate(&self.root, facts)
    }

    /// The partial derivative with respect to the measurement `name`, both in SI units, at the values that `facts` has:
    /// what first-order propagation of uncertainty multiplies with. 0 where it does not depend on it.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate); and what comes to no number has no derivative.
    pub fn derivative(&self, name: &str, facts: &dyn Facts) -> Result<f64, EvaluationError> {
        let (_, slope) = derive(&self.root, name, facts)?;
        if slope.is_finite() {
            Ok(slope)
        } else {
            Err(nothing("it has no finite slope here"))
        }
    }
}

/// A `min()` or `max()` of which something was measured, by what it takes.
pub(crate) struct Choice<'e> {
    /// True for `max()`.
    pub(crate) takes_most: bool,
    chosen: &'e Node,
    others: Vec<&'e Node>,
}

impl Expression {
    /// Which of its values each `min()` and `max()` takes.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub(crate) fn choices(&self, facts: &dyn Facts) -> Result<Vec<Choice<'_>>, EvaluationError> {
        let mut calls = Vec::new();
        self.root.visit(&mut |node| {
            if let Node::Call(function @ (Function::Min | Function::Max), arguments) = node
                && arguments.iter().any(is_measured)
            {
                calls.push((*function == Function::Max, node, arguments));
            }
        });
        let mut choices = Vec::new();
        for (takes_most, call, arguments) in calls {
            let result = number(call, facts)?;
            let mut others: Vec<&Node> = arguments.iter().collect();
            for (at, argument) in arguments.iter().enumerate() {
                if number(argument, facts)?.compare(result) == Some(Ordering::Equal) {
                    let chosen = others.remove(at);
                    choices.push(Choice {
                        takes_most,
                        chosen,
                        others,
                    });
                    break;
                }
            }
        }
        Ok(choices)
    }
}

impl Choice<'_> {
    /// False where it takes what was written and not measured.
    pub(crate) fn is_measured(&self) -> bool {
        is_measured(self.chosen)
    }

    /// How far what it takes is from each of the others, in SI units, and how that changes with each of the `operands`.
    ///
    /// # Errors
    /// As [`derivative`](Expression::derivative).
    pub(crate) fn distances(
        &self,
        operands: &[&Operand],
        facts: &dyn Facts,
    ) -> Result<Vec<(f64, Vec<f64>)>, EvaluationError> {
        let distance = |other: &&Node| {
            let apart = number(self.chosen, facts)?.to_f64() - number(other, facts)?.to_f64();
            let slope = |operand: &&Operand| {
                let slope = |node: &Node| derive(node, &operand.name, facts).map(|(_, slope)| slope);
                Ok(slope(self.chosen)? - slope(other)?)
            };
            let slopes: Result<Vec<f64>, EvaluationError> = operands.iter().map(slope).collect();
            Ok((apart, slopes?))
        };
        self.others.iter().map(distance).collect()
    }
}

fn is_measured(node: &Node) -> bool {
    let mut is_measured = false;
    node.visit(&mut |part| is_measured |= matches!(part, Node::Measurement(_)));
    is_measured
}

fn nothing(reason: impl Into<String>) -> EvaluationError {
    EvaluationError(reason.into())
}

fn evaluate(node: &Node, facts: &dyn Facts) -> Result<Evaluated, EvaluationError> {
    Ok(match node {
        Node::Text(text) => Evaluated::Text(text.clone()),
        Node::Boolean(truth) => Evaluated::Boolean(*truth),
        Node::Outcome(step) => {
            let outcome = facts.outcome(step);
            let outcome = outcome.ok_or_else(|| nothing(format!("the step {step} has not ended")))?;
            Evaluated::Text(outcome.to_owned())
        }
        Node::Measurement(operand) => measured(operand, facts)?,
        Node::Not(inner) => Evaluated::Boolean(!truth(inner, facts)?),
        Node::Both(left, right) => {
            let left = truth(left, facts)?;
            present(right, facts)?;
            Evaluated::Boolean(left && truth(right, facts)?)
        }
        Node::Either(left, right) => {
            let left = truth(left, facts)?;
            present(right, facts)?;
            Evaluated::Boolean(left || truth(right, facts)?)
        }
        Node::Compare(comparison, left, right) => {
            Evaluated::Boolean(compare(*comparison, &evaluate(left, facts)?, &evaluate(right, facts)?))
        }
        Node::Quantity(_)
        | Node::Negative(_)
        | Node::Sum(..)
        | Node::Product(..)
        | Node::Quotient(..)
        | Node::Call(..) => Evaluated::Number(number(node, facts)?),
    })
}

/// What decides nothing is not computed, so that `x != 0 V and y / x > 2` divides by no zero; but whatever is named in it is
/// there, on either side.
fn present(node: &Node, facts: &dyn Facts) -> Result<(), EvaluationError> {
    let mut found = Ok(());
    node.visit(&mut |part| {
        if found.is_ok() && matches!(part, Node::Measurement(_) | Node::Outcome(_)) {
            found = evaluate(part, facts).map(drop);
        }
    });
    found
}

fn measured(operand: &Operand, facts: &dyn Facts) -> Result<Evaluated, EvaluationError> {
    let name = &operand.name;
    let value = facts
        .measured(name)
        .ok_or_else(|| nothing(format!("{name} has no value")))?;
    Ok(match value {
        Value::Number(number) => {
            let number = in_si(Quantity::new(number, operand.unit));
            let number = number.ok_or_else(|| nothing(format!("{name} cannot be held in SI units")))?;
            Evaluated::Number(Number::Exact(number))
        }
        Value::Text(text) => Evaluated::Text(text),
        Value::Boolean(truth) => Evaluated::Boolean(truth),
        Value::Numbers(_) => return Err(nothing(format!("{name} is an array"))),
    })
}

fn truth(node: &Node, facts: &dyn Facts) -> Result<bool, EvaluationError> {
    match evaluate(node, facts)? {
        Evaluated::Boolean(truth) => Ok(truth),
        Evaluated::Number(_) | Evaluated::Text(_) => Err(nothing("it is no condition")),
    }
}

fn compare(comparison: Comparison, left: &Evaluated, right: &Evaluated) -> bool {
    let order = match (left, right) {
        (Evaluated::Number(left), Evaluated::Number(right)) => left.compare(*right),
        (Evaluated::Text(left), Evaluated::Text(right)) => Some(left.cmp(right)),
        (Evaluated::Boolean(left), Evaluated::Boolean(right)) => Some(left.cmp(right)),
        (Evaluated::Number(_) | Evaluated::Text(_) | Evaluated::Boolean(_), _) => None,
    };
    order.is_some_and(|order| match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::Different => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::AtMost => order.is_le(),
        Comparison::More => order.is_gt(),
        Comparison::AtLeast => order.is_ge(),
    })
}

/// A number that is finite.
fn number(node: &Node, facts: &dyn Facts) -> Result<Number, EvaluationError> {
    let found = match node {
        Node::Quantity(quantity) => {
            let number = in_si(*quantity).ok_or_else(|| nothing(format!("{quantity} cannot be held in SI units")))?;
            Number::Exact(number)
        }
        Node::Negative(inner) => match number(inner, facts)? {
            Number::Exact(number) => Number::Exact(number.negated()),
            Number::Float(number) => Number::Float(-number),
        },
        Node::Sum(sign, left, right) => {
            let (left, right) = (number(left, facts)?, number(right, facts)?);
            match sign {
                Sign::Plus => left.combined(right, Decimal::checked_add, |a, b| a + b),
                Sign::Minus => left.combined(right, Decimal::checked_sub, |a, b| a - b),
            }
        }
        Node::Product(left, right) => {
            number(left, facts)?.combined(number(right, facts)?, Decimal::checked_mul, |a, b| a * b)
        }
        Node::Quotient(left, right) => quotient(number(left, facts)?, number(right, facts)?)?,
        Node::Call(function, arguments) => call(*function, arguments, facts)?,
        Node::Measurement(_) | Node::Text(_) | Node::Boolean(_) | Node::Outcome(_) | Node::Not(_) => {
            match evaluate(node, facts)? {
                Evaluated::Number(number) => number,
                Evaluated::Text(_) | Evaluated::Boolean(_) => return Err(nothing("it is no number")),
            }
        }
        Node::Both(..) | Node::Either(..) | Node::Compare(..) => return Err(nothing("it is no number")),
    };
    if found.to_f64().is_finite() {
        Ok(found)
    } else {
        Err(nothing("it is beyond all numbers"))
    }
}

/// Exact where the quotient of two exact numbers ends within 15 digits.
fn quotient(left: Number, right: Number) -> Result<Number, EvaluationError> {
    let (dividend, divisor) = (left.to_f64(), right.to_f64());
    if divisor == 0.0 {
        return Err(nothing("a division by zero"));
    }
    let quotient = dividend / divisor;
    if let (Number::Exact(left), Number::Exact(right)) = (left, right)
        && let Ok(candidate) = format!("{quotient:.14e}").parse::<Decimal>()
        && candidate.checked_mul(right) == Some(left)
    {
        return Ok(Number::Exact(candidate));
    }
    Ok(Number::Float(quotient))
}

/// Exact where the root of an exact number ends within 15 digits.
fn root(of: Number) -> Number {
    let root = of.to_f64().sqrt();
    if let Number::Exact(of) = of
        && let Ok(candidate) = format!("{root:.14e}").parse::<Decimal>()
        && candidate.checked_mul(candidate) == Some(of)
    {
        return Number::Exact(candidate);
    }
    Number::Float(root)
}

fn call(function: Function, arguments: &[Node], facts: &dyn Facts) -> Result<Number, EvaluationError> {
    let mut numbers = Vec::with_capacity(arguments.len());
    for argument in arguments {
        numbers.push(number(argument, facts)?);
    }
    let mut numbers = numbers.into_iter();
    let first = numbers.next().ok_or_else(|| nothing("nothing is given"))?;
    Ok(match function {
        Function::Abs => match first {
            Number::Exact(number) => Number::Exact(number.abs()),
            Number::Float(number) => Number::Float(number.abs()),
        },
        Function::Min => numbers.fold(first, |least, other| match other.compare(least) {
            Some(Ordering::Less) => other,
            Some(Ordering::Equal | Ordering::Greater) | None => least,
        }),
        Function::Max => numbers.fold(first, |most, other| match other.compare(most) {
            Some(Ordering::Greater) => other,
            Some(Ordering::Equal | Ordering::Less) | None => most,
        }),
        Function::Sqrt if first.to_f64() < 0.0 => return Err(nothing("the square root of a negative number")),
        Function::Sqrt => root(first),
        Function::Log10 if first.to_f64() <= 0.0 => {
            return Err(nothing("the logarithm of a number that is not above 0"));
        }
        Function::Log10 => Number::Float(first.to_f64().log10()),
    })
}

/// The value of a part, and its slope with respect to the measurement `name`.
fn derive(node: &Node, name: &str, facts: &dyn Facts) -> Result<(f64, f64), EvaluationError> {
    let value = |node: &Node| Ok::<f64, EvaluationError>(number(node, facts)?.to_f64());
    Ok(match node {
        Node::Measurement(operand) => (value(node)?, if operand.name == name { 1.0 } else { 0.0 }),
        Node::Negative(inner) => {
            let (inner, slope) = derive(inner, name, facts)?;
            (-inner, -slope)
        }
        Node::Sum(sign, left, right) => {
            let ((left, left_slope), (right, right_slope)) = (derive(left, name, facts)?, derive(right, name, facts)?);
            match sign {
                Sign::Plus => (left + right, left_slope + right_slope),
                Sign::Minus => (left - right, left_slope - right_slope),
            }
        }
        Node::Product(left, right) => {
            let ((left, left_slope), (right, right_slope)) = (derive(left, name, facts)?, derive(right, name, facts)?);
            (left * right, left_slope * right + left * right_slope)
        }
        Node::Quotient(left, right) => {
            let result = value(node)?;
            let ((_, left_slope), (right, right_slope)) = (derive(left, name, facts)?, derive(right, name, facts)?);
            (result, (left_slope - result * right_slope) / right)
        }
        Node::Call(function, arguments) => {
            let result = value(node)?;
            let mut slopes = Vec::with_capacity(arguments.len());
            for argument in arguments {
                slopes.push(derive(argument, name, facts)?);
            }
            let chosen = slopes
                .iter()
                .find(|(argument, _)| (argument - result).abs() <= f64::EPSILON * result.abs());
            let (argument, slope) = match function {
                Function::Min | Function::Max => chosen.or(slopes.first()),
                Function::Abs | Function::Sqrt | Function::Log10 => slopes.first(),
            }
            .copied()
            .unwrap_or_default();
            let slope = match function {
                Function::Min | Function::Max => slope,
                Function::Abs => slope * argument.signum(),
                Function::Sqrt => slope / (2.0 * result),
                Function::Log10 => slope / (argument * std::f64::consts::LN_10),
            };
            (result, slope)
        }
        Node::Quantity(_)
        | Node::Text(_)
        | Node::Boolean(_)
        | Node::Outcome(_)
        | Node::Not(_)
        | Node::Both(..)
        | Node::Either(..)
        | Node::Compare(..) => (value(node)?, 0.0),
    })
}
