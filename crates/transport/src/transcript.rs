//! Transcripts: what was said to an instrument and what it said, as text that people read and write.
//!
//! ```text
//! # source: who held this dialogue with what - kind: real unit
//! @ dmm TCPIP0::10.0.0.7::5025::SOCKET
//! > *IDN?
//! < Keysight Technologies,34461A,MY53206545,A.03.03
//! ! read failed: timeout (no answer in 2 s)
//! ```
//!
//! `>` goes to the instrument, `<` comes from it, both without terminator; `!` is what else was done; `@` says, where a
//! transcript is of several instruments, whose the lines below are; `#` is for people. Bytes that do not print are
//! `\n`, `\r`, `\t`, `\xNN`; a backslash is `\\`.

mod record;
mod replay;

pub use record::Recorder;
pub use replay::ReplaySession;

use crate::TraceEvent;
use benchtop_instrument::{ErrorKind, Operation};
use std::fmt;

/// One line of a transcript that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Counted from 1.
    pub number: usize,
    /// What it says.
    pub content: Content,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// `# ...`: for people.
    Note(String),
    /// `@ name resource`: the lines below are of this instrument.
    Instrument {
        /// Its logical name.
        name: String,
        /// Where it was, as it is written; empty where nothing is.
        resource: String,
    },
    /// Something was done.
    Event(TraceEvent),
}

/// A line that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct TranscriptError {
    /// How messages call the text.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong, and what was expected.
    pub message: String,
}

const OPERATIONS: &[Operation] = &[
    Operation::Write,
    Operation::Read,
    Operation::Clear,
    Operation::StatusByte,
    Operation::Trigger,
    Operation::Recover,
    Operation::Close,
];

/// Reads a transcript; `file` is how messages call it.
///
/// # Errors
/// The first line that is none.
pub fn parse(file: &str, text: &str) -> Result<Vec<Line>, TranscriptError> {
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let content = parse_line(line.trim_end()).map_err(|message| TranscriptError {
            file: file.to_owned(),
            line: number,
            message,
        })?;
        if let Some(content) = content {
            lines.push(Line { number, content });
        }
    }
    Ok(lines)
}

fn parse_line(line: &str) -> Result<Option<Content>, String> {
    let Some((mark, rest)) = line.split_at_checked(1) else {
        return Ok(None);
    };
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let content = match mark {
        "#" => Content::Note(rest.to_owned()),
        "@" => {
            let (name, resource) = rest.split_once(' ').unwrap_or((rest, ""));
            Content::Instrument {
                name: name.to_owned(),
                resource: resource.to_owned(),
            }
        }
        ">" => Content::Event(TraceEvent::Written(unescape(rest)?)),
        "<" => Content::Event(TraceEvent::Read(unescape(rest)?)),
        "!" => Content::Event(parse_event(rest)?),
        _ => {
            return Err(format!(
                "expected a line that begins with >, <, !, @ or #, found `{line}`"
            ));
        }
    };
    Ok(Some(content))
}

fn parse_event(text: &str) -> Result<TraceEvent, String> {
    let unknown = || {
        format!(
            "`! {text}` is nothing that is done to an instrument; there are: device clear, status byte N, triggered, recovered, \
             closed, <operation> failed: <kind>"
        )
    };
    // one that failed begins with the same words
    if let Some(Ok(byte)) = text.strip_prefix("status byte ").map(str::parse) {
        return Ok(TraceEvent::StatusByte(byte));
    }
    match text {
        "device clear" => return Ok(TraceEvent::Cleared),
        "triggered" => return Ok(TraceEvent::Triggered),
        "recovered" => return Ok(TraceEvent::Recovered),
        "closed" => return Ok(TraceEvent::Closed),
        _ => {}
    }
    let (operation, rest) = text.split_once(" failed: ").ok_or_else(unknown)?;
    let (word, message) = rest.split_once(" (").unwrap_or((rest, ""));
    let operation = OPERATIONS.iter().find(|known| known.to_string() == operation);
    let kind = ErrorKind::ALL.iter().find(|(known, _)| *known == word);
    let (Some(operation), Some((_, kind))) = (operation, kind) else {
        return Err(unknown());
    };
    let message = unescape(message.strip_suffix(')').unwrap_or(message))?;
    Ok(TraceEvent::Failed {
        operation: *operation,
        kind: *kind,
        message: String::from_utf8_lossy(&message).into_owned(),
    })
}

/// A message as a line shows it. A blank at its end is `\x20`: editors take blanks away there.
fn escape(message: &[u8]) -> String {
    let mut text = String::new();
    for (place, byte) in message.iter().enumerate() {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            b' ' if place + 1 == message.len() => text.push_str("\\x20"),
            0x20..=0x7e => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text
}

fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (plain, escaped) = rest.split_at(at);
        bytes.extend_from_slice(plain.as_bytes());
        let code = escaped.get(1..2).unwrap_or_default();
        let (byte, length) = match code {
            "\\" => (Some(b'\\'), 2),
            "n" => (Some(b'\n'), 2),
            "r" => (Some(b'\r'), 2),
            "t" => (Some(b'\t'), 2),
            "x" => (
                escaped.get(2..4).and_then(|digits| u8::from_str_radix(digits, 16).ok()),
                4,
            ),
            _ => (None, 0),
        };
        let byte = byte.ok_or_else(|| format!("`\\{code}` is no escape; there are \\\\, \\n, \\r, \\t and \\xNN"))?;
        bytes.push(byte);
        rest = escaped.get(length..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

impl fmt::Display for TraceEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written(message) => write!(f, "> {}", escape(message)),
            Self::Read(message) => write!(f, "< {}", escape(message)),
            Self::StatusByte(byte) => write!(f, "! status byte {byte}"),
            Self::Cleared => f.write_str("! device clear"),
            Self::Triggered => f.write_str("! triggered"),
            Self::Recovered => f.write_str("! recovered"),
            Self::Closed => f.write_str("! closed"),
            Self::Failed {
                operation,
                kind,
                message,
            } => {
                write!(
                    f,
                    "! {operation} failed: {} ({})",
                    kind.word(),
                    escape(message.as_bytes())
                )
            }
        }
    }
}

#[cfg(test)]
mod tests;
