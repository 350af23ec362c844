//! The arguments of one command, read as what it wants.

use super::number::{Dimension, Number};
use super::tree::is_form_of;
use super::unit::{find_outside_quotes, is_blank};
use crate::status::{
    BLOCK_DATA_NOT_ALLOWED, CHARACTER_DATA_NOT_ALLOWED, CHARACTER_DATA_TOO_LONG, DATA_OUT_OF_RANGE, DATA_TYPE_ERROR,
    EXPRESSION_DATA_NOT_ALLOWED, ILLEGAL_PARAMETER_VALUE, INVALID_BLOCK_DATA, INVALID_CHARACTER,
    INVALID_CHARACTER_DATA, INVALID_CHARACTER_IN_NUMBER, INVALID_EXPRESSION, INVALID_SEPARATOR, INVALID_STRING_DATA,
    MISSING_PARAMETER, NUMERIC_DATA_NOT_ALLOWED, PARAMETER_NOT_ALLOWED, STRING_DATA_NOT_ALLOWED, SYNTAX_ERROR,
    ScpiError,
};
use std::collections::VecDeque;

/// The longest word.
const MAX_WORD: usize = 12;

/// One argument as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Argument<'m> {
    /// `10 MV`
    Number(Number<'m>),
    /// `#HFF`
    Integer(u64),
    /// `MAXimum`, `ON`
    Word(&'m str),
    /// `"VOLT"`, without its quotes
    Text(String),
    /// `(@1:3)`, with its parentheses
    Expression(&'m str),
    /// `#15hello`
    Block(&'m str),
}

/// The least, the largest and the default value of a number: `MIN`, `MAX`, `DEF`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) minimum: f64,
    pub(crate) maximum: f64,
    pub(crate) default: f64,
}

impl Bounds {
    /// The bound that a word stands for.
    pub(crate) fn named(&self, word: &str) -> Option<f64> {
        [
            ("MINimum", self.minimum),
            ("MAXimum", self.maximum),
            ("DEFault", self.default),
        ]
        .into_iter()
        .find_map(|(name, value)| is_form_of(name, word).then_some(value))
    }

    /// The value, if it lies inside.
    pub(crate) fn check(&self, value: f64) -> Result<f64, ScpiError> {
        if value >= self.minimum && value <= self.maximum {
            Ok(value)
        } else {
            Err(DATA_OUT_OF_RANGE)
        }
    }
}

impl<'m> Argument<'m> {
    fn parse(text: &'m str) -> Result<Self, ScpiError> {
        let text = text.trim_matches(is_blank);
        let Some(first) = text.chars().next() else {
            return Err(SYNTAX_ERROR);
        };
        match first {
            '"' | '\'' => quoted(text, first).map(Self::Text),
            '(' if text.ends_with(')') => Ok(Self::Expression(text)),
            '(' => Err(INVALID_EXPRESSION),
            '#' => based(text),
            '+' | '-' | '.' => Number::parse(text).map(Self::Number),
            _ if first.is_ascii_digit() => Number::parse(text).map(Self::Number),
            _ if first.is_ascii_alphabetic() => word(text),
            _ => Err(INVALID_CHARACTER),
        }
    }

    /// A number in the dimension's own unit.
    pub(crate) fn number(&self, dimension: Dimension) -> Result<f64, ScpiError> {
        match self {
            Self::Number(number) => number.in_unit(dimension),
            Self::Integer(number) => number.to_string().parse().or(Err(DATA_OUT_OF_RANGE)),
            Self::Word(_) => Err(DATA_TYPE_ERROR),
            Self::Text(_) => Err(STRING_DATA_NOT_ALLOWED),
            Self::Expression(_) => Err(EXPRESSION_DATA_NOT_ALLOWED),
            Self::Block(_) => Err(BLOCK_DATA_NOT_ALLOWED),
        }
    }

    /// A number or `MIN`, `MAX`, `DEF`, inside its bounds.
    pub(crate) fn bounded(&self, dimension: Dimension, bounds: &Bounds) -> Result<f64, ScpiError> {
        match self {
            Self::Word(word) => bounds.named(word).ok_or(ILLEGAL_PARAMETER_VALUE),
            Self::Number(_) | Self::Integer(_) | Self::Text(_) | Self::Expression(_) | Self::Block(_) => {
                bounds.check(self.number(dimension)?)
            }
        }
    }

    /// `ON`, `OFF` or a number, of which everything that does not round to zero is on.
    pub(crate) fn boolean(&self) -> Result<bool, ScpiError> {
        match self {
            Self::Word(word) if word.eq_ignore_ascii_case("ON") => Ok(true),
            Self::Word(word) if word.eq_ignore_ascii_case("OFF") => Ok(false),
            Self::Word(_) => Err(ILLEGAL_PARAMETER_VALUE),
            Self::Number(_) | Self::Integer(_) | Self::Text(_) | Self::Expression(_) | Self::Block(_) => {
                Ok(self.number(Dimension::None)?.abs() >= 0.5)
            }
        }
    }

    /// A word, as it was sent.
    pub(crate) fn word(&self) -> Result<&'m str, ScpiError> {
        match self {
            Self::Word(word) => Ok(word),
            Self::Number(_) | Self::Integer(_) => Err(NUMERIC_DATA_NOT_ALLOWED),
            Self::Text(_) => Err(STRING_DATA_NOT_ALLOWED),
            Self::Expression(_) => Err(EXPRESSION_DATA_NOT_ALLOWED),
            Self::Block(_) => Err(BLOCK_DATA_NOT_ALLOWED),
        }
    }

    /// One of the words that are named as manuals name them: `IMMediate`.
    pub(crate) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, ScpiError> {
        let word = self.word()?;
        let found = choices.iter().find(|(name, _)| is_form_of(name, word));
        found.map(|(_, choice)| *choice).ok_or(ILLEGAL_PARAMETER_VALUE)
    }

    /// Text in quotes.
    pub(crate) fn text(&self) -> Result<&str, ScpiError> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Word(_) => Err(CHARACTER_DATA_NOT_ALLOWED),
            Self::Number(_) | Self::Integer(_) => Err(NUMERIC_DATA_NOT_ALLOWED),
            Self::Expression(_) => Err(EXPRESSION_DATA_NOT_ALLOWED),
            Self::Block(_) => Err(BLOCK_DATA_NOT_ALLOWED),
        }
    }
}

/// Text between equal quotes, in which a doubled quote is one.
fn quoted(text: &str, quote: char) -> Result<String, ScpiError> {
    let body = text.strip_prefix(quote).unwrap_or(text);
    let mut content = String::new();
    let mut characters = body.chars();
    while let Some(character) = characters.next() {
        if character != quote {
            content.push(character);
            continue;
        }
        let rest = characters.as_str();
        match rest.strip_prefix(quote) {
            Some(rest) => {
                content.push(quote);
                characters = rest.chars();
            }
            None if rest.is_empty() => return Ok(content),
            None => return Err(INVALID_SEPARATOR),
        }
    }
    Err(INVALID_STRING_DATA)
}

/// What begins with `#`: a number in base 16, 8 or 2, or a block.
fn based(text: &str) -> Result<Argument<'_>, ScpiError> {
    let base = match text.get(1..2) {
        Some("H" | "h") => 16,
        Some("Q" | "q") => 8,
        Some("B" | "b") => 2,
        Some("0") => return Ok(Argument::Block(text)),
        Some(digit) if digit.starts_with(|character: char| character.is_ascii_digit()) => {
            return block(text).map(Argument::Block).ok_or(INVALID_BLOCK_DATA);
        }
        Some(_) | None => return Err(SYNTAX_ERROR),
    };
    let digits = text.get(2..).unwrap_or_default();
    if digits.starts_with('+') {
        return Err(INVALID_CHARACTER_IN_NUMBER);
    }
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return Err(INVALID_CHARACTER_IN_NUMBER);
    }
    // what is beyond this is beyond every limit
    Ok(Argument::Integer(u64::from_str_radix(digits, base).unwrap_or(u64::MAX)))
}

/// `#15hello`, if it is as long as it says. Bytes that are no text have become longer.
fn block(text: &str) -> Option<&str> {
    let digits: usize = text.get(1..2)?.parse().ok()?;
    let length: usize = text.get(2..2 + digits)?.parse().ok()?;
    (text.len() >= 2 + digits + length).then_some(text)
}

fn word(text: &str) -> Result<Argument<'_>, ScpiError> {
    if !text
        .chars()
        .all(|character| character.is_ascii_alphanumeric() || character == '_')
    {
        let separated = text.contains(is_blank) && text.is_ascii();
        return Err(if separated {
            INVALID_SEPARATOR
        } else {
            INVALID_CHARACTER_DATA
        });
    }
    if text.len() > MAX_WORD {
        return Err(CHARACTER_DATA_TOO_LONG);
    }
    Ok(Argument::Word(text))
}

/// What follows one header.
#[derive(Clone, Debug)]
pub(crate) struct Arguments<'m> {
    items: VecDeque<Argument<'m>>,
}

impl<'m> Arguments<'m> {
    /// Reads all arguments.
    pub(crate) fn parse(text: &'m str) -> Result<Self, ScpiError> {
        let mut items = VecDeque::new();
        let mut rest = Some(text).filter(|text| !text.trim_matches(is_blank).is_empty());
        while let Some(text) = rest {
            let (item, tail) = match find_outside_quotes(text, ',') {
                Some((item, tail)) => (item, Some(tail)),
                None => (text, None),
            };
            items.push_back(Argument::parse(item)?);
            rest = tail;
        }
        Ok(Self { items })
    }

    /// The next argument, if there is one.
    pub(crate) fn optional(&mut self) -> Option<Argument<'m>> {
        self.items.pop_front()
    }

    /// The next argument, which stays.
    pub(crate) fn first(&self) -> Option<&Argument<'m>> {
        self.items.front()
    }

    /// The next argument.
    pub(crate) fn required(&mut self) -> Result<Argument<'m>, ScpiError> {
        self.items.pop_front().ok_or(MISSING_PARAMETER)
    }

    /// Whether there are no more.
    pub(crate) fn end(&self) -> Result<(), ScpiError> {
        if self.items.is_empty() {
            Ok(())
        } else {
            Err(PARAMETER_NOT_ALLOWED)
        }
    }

    /// The channel list that ends the arguments (SCPI-99 volume 1, 8.3.2), with channels from 1 to `last`.
    pub(crate) fn channels(&mut self, last: u32) -> Result<Option<Vec<u32>>, ScpiError> {
        let Some(Argument::Expression(text)) = self.items.back() else {
            return Ok(None);
        };
        let channels = channel_list(text, last)?;
        self.items.pop_back();
        Ok(Some(channels))
    }

    /// The channel list that ends the arguments, as the ends of its ranges; `(@)` has none.
    pub(crate) fn ranges(&mut self) -> Result<Option<Vec<(u32, u32)>>, ScpiError> {
        let Some(Argument::Expression(text)) = self.items.back() else {
            return Ok(None);
        };
        let list = listed(text)?;
        let items = Some(list).filter(|list| !list.trim_matches(is_blank).is_empty());
        let items = items.into_iter().flat_map(|list| list.split(','));
        let ranges = items.map(|item| {
            let (from, to) = item.split_once(':').unwrap_or((item, item));
            Ok((channel(from, u32::MAX)?, channel(to, u32::MAX)?))
        });
        let ranges: Result<_, ScpiError> = ranges.collect();
        self.items.pop_back();
        ranges.map(Some)
    }
}

/// What stands in a channel list: `1:3` of `(@1:3)`.
fn listed(text: &str) -> Result<&str, ScpiError> {
    let body = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    let list = body.and_then(|text| text.trim_matches(is_blank).strip_prefix('@'));
    list.ok_or(INVALID_EXPRESSION)
}

fn channel_list(text: &str, last: u32) -> Result<Vec<u32>, ScpiError> {
    let mut channels = Vec::new();
    for item in listed(text)?.split(',') {
        let (from, to) = item.split_once(':').unwrap_or((item, item));
        let (from, to) = (channel(from, last)?, channel(to, last)?);
        if from <= to {
            channels.extend(from..=to);
        } else {
            channels.extend((to..=from).rev());
        }
        if channels.len() > super::MAX_MESSAGE {
            return Err(DATA_OUT_OF_RANGE);
        }
    }
    Ok(channels)
}

fn channel(text: &str, last: u32) -> Result<u32, ScpiError> {
    let text = text.trim_matches(is_blank);
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(INVALID_EXPRESSION);
    }
    match text.parse() {
        Ok(channel) if (1..=last).contains(&channel) => Ok(channel),
        Ok(_) | Err(_) => Err(DATA_OUT_OF_RANGE),
    }
}
