//! One client's byte stream, cut into program messages.
//!
//! A message ends in LF; CR before it is stripped, and a lone CR ends one too where the model's manual says so.
//! A block of a definite length (`#15ab\ncd`) is taken whole, whatever bytes are in it (IEEE 488.2, 7.7.6.2).
//! A message longer than [`MAX_MESSAGE`] is dropped up to its end and reported once.

use std::collections::VecDeque;

/// The longest program message that is taken, in bytes.
pub(crate) const MAX_MESSAGE: usize = 64 * 1024;

/// What came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// A program message without its terminator.
    Message(String),
    /// A message that was too long and is gone.
    Overrun,
}

/// The messages that one client has sent and the instrument has not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Input {
    line: Vec<u8>,
    discarding: bool,
    waiting: VecDeque<Received>,
    waiting_bytes: usize,
    lone_cr_ends: bool,
    place: Place,
}

/// Where in a message the last byte was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Header,
    /// Something begins behind this blank or comma.
    Between,
    Argument,
    Quoted(u8),
    /// The `#` of a block.
    Hash,
    /// In the length of a block: its digits to come, and what they make so far.
    Length(u8, usize),
    /// Bytes of the block to come.
    Block(usize),
}

impl Place {
    const fn behind(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Block(left @ 2..), _) => Self::Block(left - 1),
            (Self::Block(_), _) => Self::Argument,
            (Self::Quoted(quote), _) if byte == quote => Self::Argument,
            (Self::Quoted(_), _) => self,
            (Self::Hash, b'1'..=b'9') => Self::Length(byte - b'0', 0),
            (Self::Length(digits, value), b'0'..=b'9') => {
                let value = value.saturating_mul(10).saturating_add((byte - b'0') as usize);
                match (digits, value) {
                    (2.., _) => Self::Length(digits - 1, value),
                    // what cannot be taken is no block
                    (_, 0) => Self::Argument,
                    (_, value) if value > MAX_MESSAGE => Self::Argument,
                    (_, value) => Self::Block(value),
                }
            }
            (Self::Between, b'#') => Self::Hash,
            (_, b'"' | b'\'') => Self::Quoted(byte),
            (Self::Header, b' ' | b'\t') | (_, b',') | (Self::Between, b' ' | b'\t') => Self::Between,
            (_, b';') => Self::Header,
            (Self::Header, _) => Self::Header,
            (_, _) => Self::Argument,
        }
    }
}

impl Input {
    pub(crate) fn new(lone_cr_ends: bool) -> Self {
        Self {
            lone_cr_ends,
            ..Self::default()
        }
    }

    /// Takes bytes as they come, in whatever pieces.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(at) = self.next_end(rest) {
            let (body, tail) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            self.extend(body);
            self.end();
            rest = tail.get(1..).unwrap_or_default();
        }
        self.extend(rest);
    }

    /// Where the message ends, if it does in these bytes.
    fn next_end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            let ends = *byte == b'\n' || (self.lone_cr_ends && *byte == b'\r');
            if ends && !matches!(self.place, Place::Block(_)) {
                return Some(at);
            }
            self.place = self.place.behind(*byte);
        }
        None
    }

    /// Ends the message, as LF or a bus's end-or-identify does. An empty one is nothing.
    pub(crate) fn end(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        self.place = Place::default();
        if std::mem::take(&mut self.discarding) {
            return;
        }
        while line.last() == Some(&b'\r') {
            line.pop();
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        self.waiting_bytes += line.len();
        let message = String::from_utf8_lossy(&line).into_owned();
        self.waiting.push_back(Received::Message(message));
    }

    /// Whether a message has begun to come in and not ended.
    pub(crate) fn is_amid(&self) -> bool {
        self.discarding || !self.line.is_empty()
    }

    /// Drops the message that is coming in, up to its end.
    pub(crate) fn abandon(&mut self) {
        self.discarding = true;
        self.line = Vec::new();
    }

    /// The next message.
    pub(crate) fn take(&mut self) -> Option<Received> {
        let received = self.waiting.pop_front()?;
        if self.waiting.is_empty() {
            self.waiting_bytes = 0;
        }
        Some(received)
    }

    /// Whether no whole message waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether enough lies here: who feeds it should wait until messages are taken.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting_bytes >= MAX_MESSAGE
    }

    /// Drops everything, as device clear does.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.lone_cr_ends);
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.line.capacity() + self.waiting_bytes
    }

    fn extend(&mut self, bytes: &[u8]) {
        if self.discarding {
            return;
        }
        if self.line.len() + bytes.len() <= MAX_MESSAGE {
            self.line.extend_from_slice(bytes);
            return;
        }
        self.discarding = true;
        self.line = Vec::new();
        self.waiting.push_back(Received::Overrun);
    }
}
