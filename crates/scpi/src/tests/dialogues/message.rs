//! Messages in one form, however they are written: short and long, with and without what may be left out, in one or in several.

use std::fmt;

/// Keywords that may be left out behind these: in all models of the recording, as their manuals write them in brackets.
const LEFT_OUT: &[(&str, &str)] = &[
    ("VOLT", "DC"),
    ("CURR", "DC"),
    ("AVER", "STAT"),
    ("AZER", "STAT"),
    ("RANG", "UPP"),
];

/// One command or question.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// In short form and capitals, a question with its `?`.
    pub(super) header: String,
    pub(super) argument: Argument,
}

/// What stands behind a header.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Argument {
    None,
    /// A number as it is computed with; on and off are 1 and 0.
    Number(String),
    /// A function between quotes, as headers are written.
    Quoted(String),
    /// Anything else: words, lists.
    Words(String),
}

impl Argument {
    fn of(text: &str) -> Self {
        let text = match text.rfind("(@") {
            Some(list) => text.get(..list).unwrap_or(text).trim().trim_end_matches(',').trim(),
            None => text.trim(),
        };
        if text.is_empty() {
            return Self::None;
        }
        let quoted = text
            .strip_prefix(['"', '\''])
            .and_then(|rest| rest.strip_suffix(['"', '\'']));
        if let Some(inside) = quoted {
            return Self::Quoted(shortened(inside));
        }
        match text.to_ascii_uppercase().as_str() {
            "ON" => Self::Number("1".to_owned()),
            "OFF" => Self::Number("0".to_owned()),
            word => match word.parse::<f64>() {
                Ok(number) => Self::Number(number.to_string()),
                Err(_) => Self::Words(word.to_owned()),
            },
        }
    }

    /// Of the same kind.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Number(text) | Self::Words(text) => f.write_str(text),
            Self::Quoted(text) => write!(f, "\"{text}\""),
        }
    }
}

/// The short form of a keyword (SCPI-1999, 6.2.1): four letters, or three where the fourth is a vowel; a number stays behind it.
fn short(word: &str) -> String {
    let letters = word.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let number = word.strip_prefix(letters).unwrap_or_default();
    let kept = match letters.as_bytes() {
        [_, _, _, fourth, _, ..] if b"AEIOU".contains(fourth) => letters.get(..3).unwrap_or(letters),
        [_, _, _, _, _, ..] => letters.get(..4).unwrap_or(letters),
        _ => letters,
    };
    format!("{kept}{number}")
}

/// A header without what may be left out of it.
fn shortened(header: &str) -> String {
    if header.starts_with('*') {
        return header.to_ascii_uppercase();
    }
    let upper = header.to_ascii_uppercase();
    let mut words: Vec<String> = Vec::new();
    for word in upper.trim_start_matches(':').split(':').map(short) {
        let is_left_out = match words.last() {
            None => ["SENS", "SENS1"].contains(&word.as_str()),
            Some(last) => LEFT_OUT.contains(&(last.as_str(), word.as_str())),
        };
        if !is_left_out {
            words.push(word);
        }
    }
    words.join(":")
}

impl Said {
    /// What a message says, part by part: behind a semicolon a header without a colon goes on where the one before ended.
    pub(super) fn all(message: &str) -> Vec<Self> {
        let mut path = String::new();
        let parts = message.split(';').map(str::trim).filter(|part| !part.is_empty());
        parts
            .map(|part| {
                let (header, argument) = part.split_once(' ').unwrap_or((part, ""));
                let is_rooted = header.starts_with([':', '*']);
                let full = if is_rooted || path.is_empty() {
                    header.to_owned()
                } else {
                    format!("{path}:{header}")
                };
                if !header.starts_with('*') {
                    let (parent, _) = full.rsplit_once(':').unwrap_or_default();
                    parent.clone_into(&mut path);
                }
                let (header, question) = match full.strip_suffix('?') {
                    Some(header) => (header, "?"),
                    None => (full.as_str(), ""),
                };
                Self {
                    header: format!("{}{question}", shortened(header)),
                    argument: Argument::of(argument),
                }
            })
            .collect()
    }
}
