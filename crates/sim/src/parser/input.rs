//! One client's byte stream, cut into program messages.
//!
//! A message ends in LF; CR before it is stripped, and a lone CR ends one too where the model's manual says so.
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
        let lone_cr_ends = self.lone_cr_ends;
        let ends = |byte: &u8| *byte == b'\n' || (lone_cr_ends && *byte == b'\r');
        for piece in bytes.split_inclusive(ends) {
            match piece.split_last() {
                Some((last, body)) if ends(last) => {
                    self.extend(body);
                    self.end();
                }
                Some(_) | None => self.extend(piece),
            }
        }
    }

    /// Ends the message, as LF or a bus's end-or-identify does. An empty one is nothing.
    pub(crate) fn end(&mut self) {
        let mut line = std::mem::take(&mut self.line);
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
