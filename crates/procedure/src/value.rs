//! What a measurement can be: a number, a text, a boolean, or numbers in a row.

use benchtop_instrument::{Decimal, Quantity, Unit};
use benchtop_notation::escape;
use std::fmt;

/// How many numbers of an array are shown to people.
const SHOWN: usize = 4;

/// What was measured. Numbers are exact and in the measurement's unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Number(Decimal),
    /// A text.
    Text(String),
    /// True or false.
    Boolean(bool),
    /// Numbers in a row: a waveform, samples.
    Numbers(Vec<Decimal>),
}

/// What kind of value a measurement has. Which limits it can have follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ValueKind {
    /// A number.
    Number,
    /// A text.
    Text,
    /// True or false.
    Boolean,
    /// Numbers in a row.
    Numbers,
}

impl Value {
    /// What kind it is.
    #[must_use]
    pub const fn kind(&self) -> ValueKind {
        match self {
            Self::Number(_) => ValueKind::Number,
            Self::Text(_) => ValueKind::Text,
            Self::Boolean(_) => ValueKind::Boolean,
            Self::Numbers(_) => ValueKind::Numbers,
        }
    }

    /// The number, where it is one.
    #[must_use]
    pub const fn number(&self) -> Option<Decimal> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) | Self::Boolean(_) | Self::Numbers(_) => None,
        }
    }

    /// For people: `3.3 V`, `"1.4.2"`, `true`, `512 numbers (0.1, 0.2, 0.3, 0.4, ... V)`.
    ///
    /// Numbers are printed with all their digits and texts with all their characters, invisible ones escaped: two values
    /// that differ never look the same.
    #[must_use]
    pub fn for_people(&self, unit: Unit) -> String {
        match self {
            Self::Number(number) => Quantity::new(*number, unit).to_string(),
            Self::Text(text) => format!("\"{}\"", escape(text)),
            Self::Boolean(truth) => truth.to_string(),
            Self::Numbers(numbers) => {
                let shown: Vec<String> = numbers.iter().take(SHOWN).map(ToString::to_string).collect();
                let more = if numbers.len() > SHOWN { ", ..." } else { "" };
                let unit = unit.to_string();
                let unit = if unit.is_empty() { unit } else { format!(" {unit}") };
                format!("{} numbers ({}{more}{unit})", numbers.len(), shown.join(", "))
            }
        }
    }
}

impl From<Decimal> for Value {
    fn from(number: Decimal) -> Self {
        Self::Number(number)
    }
}

/// `a number`, `a text`, `true or false`, `an array of numbers`.
impl fmt::Display for ValueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Boolean => "true or false",
            Self::Numbers => "an array of numbers",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_differ_never_look_the_same() {
        let volt: Unit = "V".parse().unwrap();
        let shown = |value: Value| value.for_people(volt);
        let number = |text: &str| Value::Number(text.parse().unwrap());
        assert_eq!(shown(number("3.35")), "3.35 V");
        assert_eq!(
            shown(number("3.350000000000000000000000001")),
            "3.350000000000000000000000001 V"
        );
        let text = |text: &str| shown(Value::Text(text.to_owned()));
        assert_eq!(text("1.4.2"), "\"1.4.2\"");
        assert_ne!(text("1.4.2"), text("1.4.2 "));
        assert_ne!(text("1.4.2"), text("1.4.2\u{200b}"));
        assert_eq!(text("a\nb"), "\"a\\nb\"");
        assert_eq!(shown(Value::Boolean(true)), "true");
        let numbers = |count: i64| shown(Value::Numbers((1..=count).map(Decimal::from_integer).collect()));
        assert_eq!(numbers(2), "2 numbers (1, 2 V)");
        assert_eq!(numbers(5), "5 numbers (1, 2, 3, 4, ... V)");
    }
}
