//! The words of an expression.

use super::long_time;
use benchtop_instrument::{Quantity, Unit};

/// One word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// `3.3`, `50 mA`, `2 %`.
    Quantity(Quantity),
    /// In quotes.
    Text(String),
    /// A name or a keyword.
    Word(String),
    /// An operator, a bracket, a comma or a point.
    Sign(&'static str),
}

/// Longer ones first.
const SIGNS: &[&str] = &["==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "(", ")", ",", "."];

/// Words that end a number and are no unit.
const KEYWORDS: &[&str] = &["and", "or", "not"];

/// How people see a word again in a message.
impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Quantity(quantity) => write!(f, "{quantity}"),
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Word(word) => f.write_str(word),
            Self::Sign(sign) => f.write_str(sign),
        }
    }
}

/// Cuts `text` into words.
///
/// # Errors
/// What cannot be a word, in a sentence for people.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut rest = text.trim_start();
    let mut tokens = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (token, length) = if first.is_ascii_digit() {
            quantity(rest)?
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length = word_length(rest);
            (Token::Word(rest.get(..length).unwrap_or_default().to_owned()), length)
        } else if first == '"' || first == '\'' {
            let inner = rest.get(1..).unwrap_or_default();
            let end = inner
                .find(first)
                .ok_or_else(|| format!("the text {rest} has no closing quote"))?;
            (Token::Text(inner.get(..end).unwrap_or_default().to_owned()), end + 2)
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = sign.ok_or_else(|| format!("`{first}` means nothing here"))?;
            (Token::Sign(sign), sign.len())
        };
        tokens.push(token);
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(tokens)
}

fn word_length(text: &str) -> usize {
    let part_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.find(|c| !part_of_word(c)).unwrap_or(text.len())
}

/// A number, with the unit that stands behind it, if one does.
fn quantity(text: &str) -> Result<(Token, usize), String> {
    let bytes = text.as_bytes();
    let part_of_number = |index: usize, byte: u8| match byte {
        b'0'..=b'9' | b'.' => true,
        b'e' | b'E' => matches!(bytes.get(index + 1), Some(b'0'..=b'9' | b'+' | b'-')),
        b'+' | b'-' => matches!(
            index.checked_sub(1).and_then(|before| bytes.get(before)),
            Some(b'e' | b'E')
        ),
        _ => false,
    };
    let end = (0..).zip(bytes).find(|(index, byte)| !part_of_number(*index, **byte));
    let end = end.map_or(text.len(), |(index, _)| index);
    let (number, behind) = text.split_at(end);
    let number = number.parse().map_err(|error| format!("{error}"))?;
    let spaces = behind.len() - behind.trim_start().len();
    let unit_text = behind.trim_start();
    let ends_unit = |c: char| !(c.is_alphabetic() || matches!(c, '%' | '\u{b0}' | '\u{3a9}' | '\u{2126}' | '\u{b5}'));
    let unit_length = unit_text.find(ends_unit).unwrap_or(unit_text.len());
    let word = unit_text.get(..unit_length).unwrap_or_default();
    if word.is_empty() || KEYWORDS.contains(&word) {
        let bare = Unit::of(benchtop_instrument::BaseUnit::One);
        return Ok((Token::Quantity(Quantity::new(number, bare)), end));
    }
    let length = end + spaces + unit_length;
    if let Some(time) = long_time(number, word) {
        return Ok((Token::Quantity(time), length));
    }
    let unit: Unit = word.parse().map_err(|error| format!("{error}"))?;
    Ok((Token::Quantity(Quantity::new(number, unit)), length))
}
