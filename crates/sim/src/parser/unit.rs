//! A program message cut into units, a unit cut into header and arguments.

use crate::status::{HEADER_SEPARATOR_ERROR, INVALID_CHARACTER, SYNTAX_ERROR, ScpiError};

/// What may stand behind no header, nor separate it from anything (SCPI-99 volume 2, 21.8.9: -101).
const NEVER_IN_A_MESSAGE: [char; 5] = ['#', '$', '%', '&', '@'];

/// One command or query of a program message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit<'m> {
    /// Whether the header begins with `:`.
    pub(crate) from_root: bool,
    /// The header's mnemonics, as sent; a common command is one with its `*`.
    pub(crate) mnemonics: Vec<&'m str>,
    /// Whether the header ends in `?`.
    pub(crate) query: bool,
    /// What follows the header.
    pub(crate) arguments: &'m str,
}

/// The first unit and, behind its `;`, the rest of the message.
pub(crate) fn split_unit(message: &str) -> (&str, Option<&str>) {
    match find_outside_quotes(message, ';') {
        Some((unit, rest)) => (unit, Some(rest)),
        None => (message, None),
    }
}

/// Splits at the first `separator` that stands neither in quotes nor in parentheses.
pub(super) fn find_outside_quotes(text: &str, separator: char) -> Option<(&str, &str)> {
    let mut quote = None;
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, _) if character == separator && (depth == 0 || separator == ';') => {
                return Some((text.get(..at)?, text.get(at + separator.len_utf8()..)?));
            }
            (None, _) => {}
        }
    }
    None
}

/// White space of IEEE 488.2, 7.4.1.2: the codes 0 to 9 and 11 to 32.
pub(super) fn is_blank(character: char) -> bool {
    matches!(character, '\0'..='\t' | '\x0B'..=' ')
}

impl<'m> Unit<'m> {
    /// Reads one unit; nothing if it is blank.
    pub(crate) fn parse(text: &'m str) -> Result<Option<Self>, ScpiError> {
        let text = text.trim_matches(is_blank);
        if text.is_empty() {
            return Ok(None);
        }
        let end = text.find(|character| !is_header(character)).unwrap_or(text.len());
        let (header, tail) = text.split_at_checked(end).unwrap_or((text, ""));
        if tail.starts_with(|character| !is_blank(character)) {
            return Err(
                if header.is_empty() || !tail.is_ascii() || tail.starts_with(NEVER_IN_A_MESSAGE) {
                    INVALID_CHARACTER
                } else {
                    HEADER_SEPARATOR_ERROR
                },
            );
        }
        if header
            .split_once('?')
            .is_some_and(|(_, behind)| behind.starts_with(|c: char| c.is_ascii_alphanumeric()))
        {
            return Err(HEADER_SEPARATOR_ERROR);
        }
        let (header, query) = match header.strip_suffix('?') {
            Some(header) => (header, true),
            None => (header, false),
        };
        let (from_root, header) = match header.strip_prefix(':') {
            Some(header) => (true, header),
            None => (false, header),
        };
        let mnemonics: Vec<&str> = header.split(':').collect();
        mnemonics.iter().try_for_each(|mnemonic| check_mnemonic(mnemonic))?;
        if from_root && header.starts_with('*') || mnemonics.len() > 1 && header.contains('*') {
            return Err(SYNTAX_ERROR);
        }
        Ok(Some(Self {
            from_root,
            mnemonics,
            query,
            arguments: tail.trim_start_matches(is_blank),
        }))
    }
}

fn is_header(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, ':' | '*' | '?' | '_')
}

fn check_mnemonic(mnemonic: &str) -> Result<(), ScpiError> {
    let word = mnemonic.strip_prefix('*').unwrap_or(mnemonic);
    if !word.starts_with(|character: char| character.is_ascii_alphabetic()) || word.contains(['*', '?']) {
        return Err(SYNTAX_ERROR);
    }
    Ok(())
}
