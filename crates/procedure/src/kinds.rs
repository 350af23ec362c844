//! The steps in which something is said: to the operator, to a command, to an instrument, to the unit itself.

use crate::{
    model::{LogicalName, Measurement},
    said::value_of,
    search::Search,
    value::{Value, ValueKind},
};
use benchtop_instrument::Unit;
use benchtop_notation::Span;
use std::time::Duration;

/// Asks the operator.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// What is asked.
    pub message: String,
    /// A picture that shows what is meant: a path beside the procedure's file, and where it is written.
    pub image: Option<(String, Span)>,
    /// What kind of answer it takes.
    pub kind: PromptKind,
    /// The answer, with its name and what judges it.
    pub measurement: Measurement,
}

/// What kind of answer a prompt takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromptKind {
    /// Yes or no.
    YesNo,
    /// Any text.
    Text,
    /// A number in the measurement's unit.
    Number,
    /// One of these.
    Choice(Vec<String>),
}

impl PromptKind {
    /// The word used in files: `yes_no`, `text`, `number`, `choice`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::YesNo => "yes_no",
            Self::Text => "text",
            Self::Number => "number",
            Self::Choice(_) => "choice",
        }
    }

    /// What may be answered, for people.
    #[must_use]
    pub fn expected(&self, unit: Unit) -> String {
        match self {
            Self::YesNo => "yes or no".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::Number if unit.to_string().is_empty() => "a number".to_owned(),
            Self::Number => format!("a number of {unit}"),
            Self::Choice(choices) => format!("one of {}", choices.join(", ")),
        }
    }

    /// Reads an answer. Yes and no have short forms; a choice is written out or its number, from 1.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn read(&self, answer: &str, unit: Unit) -> Result<Value, String> {
        let answer = answer.trim();
        let refused = || format!("`{answer}` is no answer: expected {}", self.expected(unit));
        match self {
            Self::YesNo => match answer.to_ascii_lowercase().as_str() {
                "yes" | "y" | "true" => Ok(Value::Boolean(true)),
                "no" | "n" | "false" => Ok(Value::Boolean(false)),
                _ => Err(refused()),
            },
            Self::Text if answer.is_empty() => Err(refused()),
            Self::Text => value_of(&[answer.to_owned()], ValueKind::Text, unit),
            Self::Number => {
                let value = value_of(&[answer.to_owned()], ValueKind::Number, unit);
                value.map_err(|reason| format!("{}; {reason}", refused()))
            }
            Self::Choice(choices) => {
                let exact = choices.iter().find(|choice| *choice == answer);
                let number = answer.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
                let chosen = exact.or_else(|| choices.get(number?));
                chosen.map(|choice| Value::Text(choice.clone())).ok_or_else(refused)
            }
        }
    }
}

/// Runs a command of the station's computer.
#[derive(Clone, Debug)]
pub struct Exec {
    /// The program and its arguments; never a line for a shell.
    pub argv: Vec<String>,
    /// Where the program is written.
    pub place: Span,
    /// Files that it writes and that are kept.
    pub attachments: Vec<AttachmentRequest>,
    /// Its exit code first, then what is taken from what it says.
    pub measurements: Vec<Measurement>,
}

/// A file that a command writes and that is kept with the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentRequest {
    /// Its path, relative to where the command works.
    pub path: String,
    /// Larger ones are refused, in bytes.
    pub most: u64,
}

/// Sends a raw program message to an instrument.
#[derive(Clone, Debug)]
pub struct Query {
    /// Which instrument.
    pub instrument: LogicalName,
    /// What it is told.
    pub message: String,
    /// What is taken from its answer; empty where none is expected.
    pub measurements: Vec<Measurement>,
    /// What the answer is called where it is kept with the record.
    pub attachment: Option<String>,
}

impl Query {
    /// An answer that is kept has at most so many bytes.
    pub const MOST_BYTES: u64 = 16 * 1024 * 1024;
}

/// Sends a text on the unit's own link.
#[derive(Clone, Debug)]
pub struct Transmit {
    /// Which console.
    pub instrument: LogicalName,
    /// What is sent, as it is.
    pub text: String,
    /// Forgets first what was said and not waited for.
    pub discard_unread: bool,
}

/// Waits for what the unit says on its own link.
#[derive(Clone, Debug)]
pub struct Expect {
    /// Which console.
    pub instrument: LogicalName,
    /// What is waited for.
    pub pattern: Search,
    /// What ends the wait as a failure.
    pub fails_on: Option<Search>,
    /// How long.
    pub within: Duration,
    /// What is taken from what matched.
    pub measurements: Vec<Measurement>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_people_give_them() {
        let volt: Unit = "V".parse().unwrap();
        let choice = PromptKind::Choice(vec!["red".to_owned(), "green".to_owned(), "7".to_owned()]);
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        for (kind, answer, expected) in [
            (&PromptKind::YesNo, " Yes\n", Some(Value::Boolean(true))),
            (&PromptKind::YesNo, "n", Some(Value::Boolean(false))),
            (&PromptKind::YesNo, "", None),
            (&PromptKind::YesNo, "maybe", None),
            (&PromptKind::Text, " A-17 ", text("A-17")),
            (&PromptKind::Text, "  ", None),
            (&PromptKind::Number, "3.30", Some(Value::Number("3.3".parse().unwrap()))),
            (
                &PromptKind::Number,
                "3300 mV",
                Some(Value::Number("3.3".parse().unwrap())),
            ),
            (&PromptKind::Number, "3.3 A", None),
            (&PromptKind::Number, "NaN", None),
            (&choice, "green", text("green")),
            (&choice, "1", text("red")),
            (&choice, "7", text("7")),
            (&choice, "0", None),
            (&choice, "4", None),
            (&choice, "Green", None),
        ] {
            assert_eq!(kind.read(answer, volt).ok(), expected, "{kind:?} {answer:?}");
        }
    }
}
