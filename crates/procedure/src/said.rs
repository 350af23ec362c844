//! Values in what was said: an operator's answer, a command's output, an instrument's response, the unit's own words.

use crate::{
    block::BlockFormat,
    search::{CaptureGroup, Search},
    value::{Value, ValueKind},
};
use benchtop_instrument::{Decimal, Quantity, Unit};
use benchtop_notation::escape;

/// Beyond the range, as IEEE 488.2 instruments write it; and "not a number" is larger still (SCPI-99, volume 1, 7.2.1).
const OVERRANGE: &str = "9.9E37";

/// Most numbers of an array.
const MOST_NUMBERS: usize = 1_000_000;

/// Most characters of a text.
const LONGEST_TEXT: usize = 4000;

/// Whose words a value is found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The operator's answer to a prompt.
    Operator,
    /// The exit code of a command.
    ExitCode,
    /// The standard output of a command.
    Output,
    /// The standard error of a command.
    ErrorOutput,
    /// The answer of an instrument to a query.
    Instrument,
    /// What the unit says on its own link.
    Unit,
}

/// Where a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extract {
    /// In whose words.
    pub speaker: Speaker,
    /// Where in them.
    pub place: Place,
}

/// Where in a text a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is the whole text.
    Whole,
    /// A group of a regular expression; of every match where the value is an array.
    Match(Search, CaptureGroup),
    /// A JSON pointer (RFC 6901) into the text, which is JSON.
    Json(String),
    /// A group of the regular expression that the step waits for.
    Expected(CaptureGroup),
    /// It is a block of binary numbers.
    Block(BlockFormat),
}

impl Extract {
    /// The value in an answer as it was received, and the words in which it was found.
    ///
    /// # Errors
    /// Why it is not there, in one line for people.
    pub fn value_in(&self, answer: &[u8], kind: ValueKind, unit: Unit) -> Result<(Value, String), String> {
        if let Place::Block(format) = &self.place {
            let (numbers, header) = format.read(answer)?;
            return Ok((Value::Numbers(numbers), header));
        }
        let pieces = self.find(&String::from_utf8_lossy(answer), kind)?;
        Ok((value_of(&pieces, kind, unit)?, pieces.join(",")))
    }

    /// Finds the value's words in `text`: one piece, or several for an array.
    ///
    /// # Errors
    /// Why it is not there, in one line for people.
    pub fn find(&self, text: &str, kind: ValueKind) -> Result<Vec<String>, String> {
        match &self.place {
            Place::Whole | Place::Expected(_) if kind == ValueKind::Numbers => Ok(separated(text)),
            Place::Whole | Place::Expected(_) => Ok(vec![text.to_owned()]),
            Place::Match(search, group) if kind == ValueKind::Numbers => {
                let found = search.find_every(text, group);
                if found.is_empty() {
                    return Err(format!("nothing matches {search}"));
                }
                Ok(found)
            }
            Place::Match(search, group) => {
                let found = search.find(text, std::iter::once(group));
                let piece = found.and_then(|found| found.groups.into_iter().next().flatten());
                piece
                    .map(|piece| vec![piece])
                    .ok_or_else(|| format!("nothing matches {search}"))
            }
            Place::Json(pointer) => json(text, pointer),
            Place::Block(_) => Err("a block is no text".to_owned()),
        }
    }
}

/// Comma-separated numbers, as instruments give them.
fn separated(text: &str) -> Vec<String> {
    text.split(',').map(|piece| piece.trim().to_owned()).collect()
}

fn json(text: &str, pointer: &str) -> Result<Vec<String>, String> {
    let document: serde_json::Value = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
    let found = document
        .pointer(pointer)
        .ok_or_else(|| format!("there is nothing at {pointer}"))?;
    let one = |value: &serde_json::Value| match value {
        serde_json::Value::Number(number) => Ok(number.to_string()),
        serde_json::Value::String(text) => Ok(text.clone()),
        serde_json::Value::Bool(truth) => Ok(truth.to_string()),
        serde_json::Value::Null => Err(format!("{pointer} is null")),
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => Err(format!("{pointer} is no single value")),
    };
    match found {
        serde_json::Value::Array(items) => items.iter().map(one).collect(),
        serde_json::Value::Number(_)
        | serde_json::Value::String(_)
        | serde_json::Value::Bool(_)
        | serde_json::Value::Null
        | serde_json::Value::Object(_) => Ok(vec![one(found)?]),
    }
}

/// Makes a value of its words. A number is in `unit`, or brings a unit of its own of the same kind, which is scaled exactly.
///
/// # Errors
/// What was expected instead, in one line for people.
pub fn value_of(pieces: &[String], kind: ValueKind, unit: Unit) -> Result<Value, String> {
    if kind == ValueKind::Numbers {
        if pieces.len() > MOST_NUMBERS {
            return Err(format!("{} numbers are more than {MOST_NUMBERS}", pieces.len()));
        }
        let numbers: Result<Vec<Decimal>, String> = pieces.iter().map(|piece| number(piece, unit)).collect();
        return Ok(Value::Numbers(numbers?));
    }
    let [piece] = pieces else {
        return Err(format!("{} values are there, {kind} was expected", pieces.len()));
    };
    match kind {
        ValueKind::Number => Ok(Value::Number(number(piece, unit)?)),
        ValueKind::Boolean => boolean(piece).map(Value::Boolean),
        ValueKind::Text | ValueKind::Numbers => {
            let text = piece.trim();
            if text.chars().count() > LONGEST_TEXT {
                return Err(format!("it is longer than {LONGEST_TEXT} characters"));
            }
            Ok(Value::Text(text.to_owned()))
        }
    }
}

fn number(text: &str, unit: Unit) -> Result<Decimal, String> {
    let text = text.trim();
    let refused = || format!("\"{}\" is no number", escape(text));
    let number = if let Ok(number) = text.parse::<Decimal>() {
        number
    } else {
        let quantity: Quantity = text.parse().map_err(|_not_one| refused())?;
        quantity.in_unit(unit).map_err(|error| error.to_string())?
    };
    if !is_a_reading(number) {
        return Err(format!("{text} means beyond the range, or no number"));
    }
    Ok(number)
}

/// False for what instruments write where there is no number, or one beyond the range.
pub(crate) fn is_a_reading(number: Decimal) -> bool {
    OVERRANGE.parse().is_ok_and(|bound: Decimal| number.abs() < bound)
}

fn boolean(text: &str) -> Result<bool, String> {
    let word = text.trim().to_ascii_lowercase();
    match word.as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(format!("\"{}\" is neither true nor false", escape(text.trim()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(place: Place, kind: ValueKind, unit: &str, text: &str, expected: Result<Value, &str>) {
        let extract = Extract {
            speaker: Speaker::Output,
            place,
        };
        let found = extract
            .find(text, kind)
            .and_then(|pieces| value_of(&pieces, kind, unit.parse().unwrap()));
        match (&found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(*found, expected, "{text}"),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{text}: {found}"),
            (_, expected) => panic!("{text}: {found:?}, not {expected:?}"),
        }
    }

    fn number(text: &str) -> Value {
        Value::Number(text.parse().unwrap())
    }

    fn looked_for(pattern: &str) -> Place {
        let search = Search::new(pattern).unwrap();
        let group = search.usual_group();
        Place::Match(search, group)
    }

    #[test]
    fn a_value_is_found_where_it_is_said_to_be() {
        use ValueKind::{Boolean, Number, Numbers, Text};
        let said = "flashed 65536 bytes\nCRC ok\nVBAT=3.712 V\nVBAT=3710 mV\n";
        check(looked_for(r"flashed (\d+)"), Number, "", said, Ok(number("65536")));
        check(looked_for(r"VBAT=(\S+ \S+)"), Number, "mV", said, Ok(number("3712")));
        check(
            looked_for(r"CRC (?<is>\w+)"),
            Text,
            "",
            said,
            Ok(Value::Text("ok".to_owned())),
        );
        check(
            looked_for("CRC ok"),
            Text,
            "",
            said,
            Ok(Value::Text("CRC ok".to_owned())),
        );
        let every = vec!["3.712".parse().unwrap(), "3.710".parse().unwrap()];
        check(looked_for(r"VBAT=(.*)"), Numbers, "V", said, Ok(Value::Numbers(every)));
        check(looked_for("no such"), Text, "", said, Err("nothing matches no such"));
        check(looked_for("no such"), Numbers, "", said, Err("nothing matches no such"));
        check(looked_for(r"CRC (\w+)"), Number, "", said, Err("\"ok\" is no number"));
        check(
            looked_for(r"CRC (\w+)"),
            Boolean,
            "",
            said,
            Err("neither true nor false"),
        );
        check(
            looked_for(r"VBAT=(\S+ \S+)"),
            Number,
            "A",
            said,
            Err("not a unit of the same kind"),
        );
        let pair = vec!["1".parse().unwrap(), "-20".parse().unwrap()];
        check(
            Place::Whole,
            Numbers,
            "V",
            " 1.00E+00, -2E1\n",
            Ok(Value::Numbers(pair)),
        );
        check(Place::Whole, Numbers, "V", "1,,2", Err("\"\" is no number"));
        check(Place::Whole, Boolean, "", " On\n", Ok(Value::Boolean(true)));
    }

    #[test]
    fn json_is_looked_into() {
        use ValueKind::{Boolean, Number, Numbers, Text};
        let json = r#"{"a": {"v": 3.30, "ok": true, "name": "x", "none": null}, "w": [1, 2.5], "k/e": 7}"#;
        let at = |pointer: &str| Place::Json(pointer.to_owned());
        check(at("/a/v"), Number, "V", json, Ok(number("3.3")));
        check(at("/a/ok"), Boolean, "", json, Ok(Value::Boolean(true)));
        check(at("/a/name"), Text, "", json, Ok(Value::Text("x".to_owned())));
        check(at("/k~1e"), Number, "", json, Ok(number("7")));
        let numbers = vec!["1".parse().unwrap(), "2.5".parse().unwrap()];
        check(at("/w"), Numbers, "V", json, Ok(Value::Numbers(numbers)));
        check(at("/w"), Number, "V", json, Err("2 values are there"));
        check(at("/a/none"), Number, "V", json, Err("/a/none is null"));
        check(at("/a"), Text, "", json, Err("/a is no single value"));
        check(at("/b"), Text, "", json, Err("there is nothing at /b"));
        check(at("/b"), Text, "", "{", Err("it is not JSON"));
    }

    #[test]
    fn what_is_beyond_the_range_is_no_number() {
        for text in ["9.9E37", "-9.9E+37", "9.91E37", "9.9E40"] {
            check(Place::Whole, ValueKind::Number, "V", text, Err("beyond the range"));
            check(Place::Whole, ValueKind::Numbers, "V", text, Err("beyond the range"));
        }
        for text in ["", "NaN", "inf", "0x10", "1 2", "3.3V3"] {
            check(Place::Whole, ValueKind::Number, "V", text, Err("is no number"));
        }
    }

    #[test]
    fn a_text_that_never_ends_is_refused() {
        let long = "x".repeat(LONGEST_TEXT + 1);
        check(Place::Whole, ValueKind::Text, "", &long, Err("longer than 4000"));
    }
}
