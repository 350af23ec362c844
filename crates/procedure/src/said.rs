//! Values in what was said: an operator's answer, a command's output, an instrument's response, the unit's own words.

use crate::{
    block::BlockFormat,
    json,
    search::{CaptureGroup, Search},
    value::{Value, ValueKind},
};
use benchtop_instrument::{Decimal, Quantity, Unit};
use benchtop_notation::escape;

/// Beyond the range, as IEEE 488.2 instruments write it; and "not a number" is larger still (SCPI-99, volume 1, 7.2.1).
const OVERRANGE: &str = "9.9E37";

/// Most numbers of an array.
const MOST_NUMBERS: usize = 1_000_000;

/// An array of nothing is none.
pub(crate) const NO_NUMBERS: &str = "there are no numbers";

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
    /// The value in an answer as it was received, and the words in which it was found. `overrange` is what this instrument
    /// writes beyond its range, where that is not SCPI's.
    ///
    /// # Errors
    /// Why it is not there, in one line for people.
    pub fn value_in(
        &self,
        answer: &[u8],
        kind: ValueKind,
        unit: Unit,
        overrange: Option<Decimal>,
    ) -> Result<(Value, String), String> {
        if let Place::Block(format) = &self.place {
            let (numbers, header) = format.read(answer, overrange)?;
            return Ok((Value::Numbers(numbers), header));
        }
        let pieces = self.find(&String::from_utf8_lossy(answer), kind)?;
        let is_number = matches!(kind, ValueKind::Number | ValueKind::Numbers);
        let beyond = |piece: &&String| written(piece).is_ok_and(|number| Some(number.value.abs()) == overrange);
        if let Some(piece) = pieces.iter().find(beyond).filter(|_| is_number) {
            return Err(format!(
                "{} is what this instrument says beyond its range",
                piece.trim()
            ));
        }
        Ok((value_of(&pieces, kind, unit)?, pieces.join(",")))
    }

    /// The same in a text of which only the beginning was kept: a value that what is missing could not change.
    ///
    /// # Errors
    /// As [`find`](Self::find), and where the rest would have to be known.
    pub fn find_in_beginning(&self, beginning: &str, kind: ValueKind) -> Result<Vec<String>, String> {
        let unknown = |what: &str| format!("{what}; what was left out may change it: let the command say less");
        match &self.place {
            Place::Match(search, group) if kind != ValueKind::Numbers => {
                let found = search.find(beginning, std::iter::once(group));
                let found = found.ok_or_else(|| unknown(&format!("nothing matches {search} in the beginning")))?;
                let behind = beginning.get(found.place.end..).unwrap_or_default();
                // what comes behind a whole line changes nothing of what matches within it
                if !search.stays_on_a_line() || !behind.contains('\n') {
                    return Err(unknown(&format!("what matches {search} may go on")));
                }
                self.find(beginning, kind)
            }
            Place::Match(..) | Place::Whole | Place::Expected(_) | Place::Json(_) | Place::Block(_) => {
                Err(unknown("it takes all of it"))
            }
        }
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
                let with_place = (1..).zip(found);
                let missing = |at: usize| format!("match {at} of {search} has no value: its group took no part in it");
                with_place.map(|(at, piece)| piece.ok_or_else(|| missing(at))).collect()
            }
            Place::Match(search, group) => {
                let found = search.find(text, std::iter::once(group));
                let piece = found.and_then(|found| found.groups.into_iter().next().flatten());
                piece
                    .map(|piece| vec![piece])
                    .ok_or_else(|| format!("nothing matches {search}"))
            }
            Place::Json(pointer) => json::find(text, pointer, kind),
            Place::Block(_) => Err("a block is no text".to_owned()),
        }
    }
}

/// Comma-separated numbers, as instruments give them.
fn separated(text: &str) -> Vec<String> {
    text.split(',').map(|piece| piece.trim().to_owned()).collect()
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
        if pieces.is_empty() {
            return Err(NO_NUMBERS.to_owned());
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
    let written = written(text)?;
    let in_base = written.unit.map(|unit| Quantity::new(written.value, unit));
    let in_base = in_base.and_then(|quantity| quantity.in_unit(Unit::of(quantity.unit.base())).ok());
    // as the instrument wrote it: scaled, it would look like a number
    if !is_a_reading(written.value) || in_base.is_some_and(|number| !is_a_reading(number)) {
        return Err(format!("{text} means beyond the range, or no number"));
    }
    match written.unit {
        None => Ok(written.value),
        Some(own) => Quantity::new(written.value, own)
            .in_unit(unit)
            .map_err(|error| error.to_string()),
    }
}

/// A number as it was written, before it is scaled.
struct WrittenNumber {
    value: Decimal,
    /// The unit that it brings.
    unit: Option<Unit>,
}

fn written(text: &str) -> Result<WrittenNumber, String> {
    let text = text.trim();
    if let Ok(value) = text.parse::<Decimal>() {
        return Ok(WrittenNumber { value, unit: None });
    }
    let quantity = text.parse::<Quantity>();
    let quantity = quantity.map_err(|_not_one| format!("\"{}\" is no number", escape(text)))?;
    Ok(WrittenNumber {
        value: quantity.value,
        unit: Some(quantity.unit),
    })
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
        // before it is scaled, and after
        for (text, unit) in [
            ("9.9E37 Ohm", "kOhm"),
            ("9.9E37 mV", "V"),
            ("9.9E+37 uA", "A"),
            ("9.9E37", "MOhm"),
            ("9.9E34 kOhm", "kOhm"),
        ] {
            check(Place::Whole, ValueKind::Number, unit, text, Err("beyond the range"));
        }
        for text in ["", "NaN", "inf", "0x10", "1 2", "3.3V3"] {
            check(Place::Whole, ValueKind::Number, "V", text, Err("is no number"));
        }
    }

    #[test]
    fn nothing_is_no_array_and_no_element_of_one_is_dropped() {
        use ValueKind::Numbers;
        let at = |pointer: &str| Place::Json(pointer.to_owned());
        check(at("/w"), Numbers, "V", r#"{"w": []}"#, Err("there are no numbers"));
        let temperatures = looked_for(r"T=(?:(\d+\.\d)|ERR)");
        check(temperatures, Numbers, "degC", "T=20.5 T=ERR T=21.0", Err("match 2 of"));
        let optional = looked_for(r"T=(\d+\.\d)?");
        check(optional, Numbers, "degC", "T=20.5 T=", Err("took no part"));
    }

    #[test]
    fn json_numbers_keep_their_digits_and_texts_are_no_numbers() {
        use ValueKind::{Boolean, Number, Numbers, Text};
        let at = |pointer: &str| Place::Json(pointer.to_owned());
        let json = r#"{"long": 3.3500000000000000001, "text": "3.3", "yes": "true", "one": 1, "w": [1, "2"], "big": 18446744073709551617}"#;
        check(at("/long"), Number, "V", json, Ok(number("3.3500000000000000001")));
        check(at("/big"), Number, "", json, Ok(number("18446744073709551617")));
        check(at("/text"), Number, "V", json, Err("is a text"));
        check(at("/w"), Numbers, "V", json, Err("is a text"));
        check(at("/yes"), Boolean, "", json, Err("is a text"));
        check(at("/one"), Boolean, "", json, Err("is a number"));
        check(at("/text"), Text, "", json, Ok(Value::Text("3.3".to_owned())));
    }

    #[test]
    fn a_text_that_never_ends_is_refused() {
        let long = "x".repeat(LONGEST_TEXT + 1);
        check(Place::Whole, ValueKind::Text, "", &long, Err("longer than 4000"));
    }
}
