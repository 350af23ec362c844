//! Expressions over what was measured before, over outcomes and over parameters: `compute` and `when`.
//!
//! `+ - * / ( )`, `abs min max sqrt log10`, comparisons, `and or not`, `outcome("step")`, `param.x`, measurements by name (or
//! `value("any name")`), numbers with units (`50 mA`). Numbers are computed in SI units: sums, differences and products
//! exactly, in decimal, as long as 34 digits hold them, and quotients and roots that end within 15 digits; others, and
//! logarithms, and what comes of them, in binary floating point, shown with the digits that tell it from its neighbours. Dimensions that disagree are refused when
//! the expression is read; what has no value makes the whole have none.

mod dimension;
mod evaluate;
mod lexer;
mod read;
#[cfg(test)]
mod tests;

pub use dimension::Dimension;
pub(crate) use dimension::in_si;
pub use evaluate::{Evaluated, EvaluationError, Facts, Number};
pub(crate) use read::{Names, OUTCOMES, read};

use crate::value::{Value, ValueKind};
use benchtop_instrument::{BaseUnit, Decimal, Quantity, Unit};
use std::{collections::BTreeMap, fmt};

/// An expression that was checked: every name is known and the dimensions agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    pub(crate) text: String,
    pub(crate) root: Node,
    pub(crate) kind: Kind,
}

/// What an expression comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Number(Dimension),
    Text,
    Boolean,
}

/// A measurement that an expression names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operand {
    /// As records and targets call it: `name`, or `name[param=value]` in a sweep.
    pub name: String,
    /// The unit of its value.
    pub unit: Unit,
    /// What kind of value it has.
    pub kind: ValueKind,
}

/// A part of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// A quantity that was written or comes from a parameter.
    Quantity(Quantity),
    Text(String),
    Boolean(bool),
    Measurement(Operand),
    Outcome(String),
    Negative(Box<Self>),
    Not(Box<Self>),
    Sum(Sign, Box<Self>, Box<Self>),
    Product(Box<Self>, Box<Self>),
    Quotient(Box<Self>, Box<Self>),
    Compare(Comparison, Box<Self>, Box<Self>),
    Both(Box<Self>, Box<Self>),
    Either(Box<Self>, Box<Self>),
    Call(Function, Vec<Self>),
}

/// Whether the second of two is added or taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Plus,
    Minus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Different,
    Less,
    AtMost,
    More,
    AtLeast,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Abs,
    Min,
    Max,
    Sqrt,
    Log10,
}

impl Expression {
    /// The measurements that it names, each once, in the order of the text.
    #[must_use]
    pub fn operands(&self) -> Vec<&Operand> {
        let mut found: Vec<&Operand> = Vec::new();
        self.root.visit(&mut |node| {
            if let Node::Measurement(operand) = node
                && !found.contains(&operand)
            {
                found.push(operand);
            }
        });
        found
    }

    /// The steps whose outcomes it asks for, each once.
    #[must_use]
    pub fn outcomes(&self) -> Vec<&str> {
        let mut found: Vec<&str> = Vec::new();
        self.root.visit(&mut |node| {
            if let Node::Outcome(step) = node
                && !found.contains(&step.as_str())
            {
                found.push(step);
            }
        });
        found
    }

    /// True where it comes to a hundred times what its measurements come to: somebody made per cent of a share.
    pub(crate) fn makes_per_cent(&self) -> bool {
        self.root.hundreds_of_term() > 0
    }

    /// True where it depends on the values which of them it takes: `min()` or `max()`.
    pub(crate) fn chooses(&self) -> bool {
        let mut chooses = false;
        self.root
            .visit(&mut |node| chooses |= matches!(node, Node::Call(Function::Min | Function::Max, _)));
        chooses
    }
}

impl Node {
    /// How many factors of 100 that were written as bare numbers are in what it comes to; of terms, in the one that has most.
    fn hundreds(&self) -> i32 {
        match self {
            Self::Quantity(quantity) if Dimension::of(quantity.unit) == Dimension::NONE => {
                let is = |number: &str| number.parse() == Ok(quantity.value);
                i32::from(is("100")) - i32::from(is("0.01"))
            }
            Self::Negative(inner) => inner.hundreds(),
            Self::Product(left, right) => left.hundreds() + right.hundreds(),
            Self::Quotient(left, right) => left.hundreds() - right.hundreds(),
            Self::Sum(_, left, right) => left.hundreds_of_term().max(right.hundreds_of_term()),
            Self::Call(Function::Abs | Function::Min | Function::Max, arguments) => {
                arguments.iter().map(Self::hundreds_of_term).max().unwrap_or_default()
            }
            Self::Call(Function::Sqrt | Function::Log10, _)
            | Self::Quantity(_)
            | Self::Text(_)
            | Self::Boolean(_)
            | Self::Measurement(_)
            | Self::Outcome(_)
            | Self::Not(_)
            | Self::Compare(..)
            | Self::Both(..)
            | Self::Either(..) => 0,
        }
    }

    /// The same of a term: a number alone is no factor.
    fn hundreds_of_term(&self) -> i32 {
        match self.is_written() {
            true => 0,
            false => self.hundreds(),
        }
    }

    /// True where nothing in it is measured.
    pub(crate) fn is_written(&self) -> bool {
        let mut is_written = true;
        self.visit(&mut |node| is_written &= !matches!(node, Self::Measurement(_)));
        is_written
    }

    fn visit<'a>(&'a self, see: &mut impl FnMut(&'a Self)) {
        see(self);
        match self {
            Self::Quantity(_) | Self::Text(_) | Self::Boolean(_) | Self::Measurement(_) | Self::Outcome(_) => {}
            Self::Negative(inner) | Self::Not(inner) => inner.visit(see),
            Self::Sum(_, left, right)
            | Self::Product(left, right)
            | Self::Quotient(left, right)
            | Self::Compare(_, left, right)
            | Self::Both(left, right)
            | Self::Either(left, right) => {
                left.visit(see);
                right.visit(see);
            }
            Self::Call(_, arguments) => arguments.iter().for_each(|argument| argument.visit(see)),
        }
    }
}

/// As its author wrote it.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// What records and targets call a measurement or a step of a sweep's turn: `name[param=value,other=value]`.
#[must_use]
pub fn full_name(name: &str, parameters: &BTreeMap<String, Parameter>) -> String {
    if parameters.is_empty() {
        return name.to_owned();
    }
    let said: Vec<String> = parameters.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("{name}[{}]", said.join(","))
}

/// A time that people write in min or h, in seconds; those are no units of measurements.
pub(crate) fn long_time(number: Decimal, unit: &str) -> Option<Quantity> {
    let seconds = match unit {
        "min" => 60,
        "h" => 3600,
        _ => return None,
    };
    let number = number.checked_mul(Decimal::from_integer(seconds))?;
    Some(Quantity::new(number, Unit::of(BaseUnit::Second)))
}

fn minutes_or_hours(text: &str) -> Option<Quantity> {
    let (number, unit) = text.trim().rsplit_once(' ')?;
    long_time(number.trim_end().parse().ok()?, unit)
}

/// A value of a parameter: what a sweep sets for a turn, or what a run was started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// A number with its unit; a bare number has none.
    Quantity(Quantity),
    /// A text that is no quantity.
    Text(String),
    /// True or false.
    Boolean(bool),
}

impl Parameter {
    /// What a text stands for: a quantity where it is one.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        match text.parse::<Quantity>() {
            Ok(quantity) => Self::Quantity(quantity),
            Err(_no_quantity) => minutes_or_hours(text).map_or_else(|| Self::Text(text.to_owned()), Self::Quantity),
        }
    }

    pub(crate) fn node(&self) -> (Node, Kind) {
        match self {
            Self::Quantity(quantity) => (Node::Quantity(*quantity), Kind::Number(Dimension::of(quantity.unit))),
            Self::Text(text) => (Node::Text(text.clone()), Kind::Text),
            Self::Boolean(truth) => (Node::Boolean(*truth), Kind::Boolean),
        }
    }

    /// As a value of a record: a bare number as a number, what has a unit as a text.
    #[must_use]
    pub fn value(&self) -> Value {
        match self {
            Self::Quantity(quantity) if quantity.unit.to_string().is_empty() => Value::Number(quantity.value),
            Self::Quantity(quantity) => Value::Text(quantity.to_string()),
            Self::Text(text) => Value::Text(text.clone()),
            Self::Boolean(truth) => Value::Boolean(*truth),
        }
    }
}

/// `5 V`, `3`, `fast`, `true`.
impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quantity(quantity) => quantity.fmt(f),
            Self::Text(text) => f.pad(text),
            Self::Boolean(truth) => truth.fmt(f),
        }
    }
}
