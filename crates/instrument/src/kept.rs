//! What is kept of a stream that may never end.

use std::collections::VecDeque;

/// The beginning and the end of a stream of bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    half: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: u64,
}

impl Kept {
    /// Nothing yet, of which the first and the last halves of so many bytes are kept.
    #[must_use]
    pub fn at_most(most: usize) -> Self {
        Self {
            half: most / 2,
            ..Self::default()
        }
    }

    /// Adds what came next.
    pub fn push(&mut self, bytes: &[u8]) {
        let room = self.half.saturating_sub(self.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let excess = self.tail.len().saturating_sub(self.half);
        self.tail.drain(..excess);
        let excess = u64::try_from(excess).unwrap_or(u64::MAX);
        self.left_out = self.left_out.saturating_add(excess);
    }

    /// True when nothing came.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head.is_empty() && self.tail.is_empty()
    }

    /// How many bytes between the two ends were not kept.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// What was kept, with a line in the place of what was not.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head.clone();
        if self.left_out > 0 {
            bytes.extend(format!("\n[{} bytes left out]\n", self.left_out).into_bytes());
        }
        bytes.extend(&self.tail);
        bytes
    }

    /// The same as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// Where in [`text`](Self::text) the beginning ends, in bytes, if anything was left out behind it.
    #[must_use]
    pub fn cut(&self) -> Option<usize> {
        (self.left_out > 0).then(|| String::from_utf8_lossy(&self.head).len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_stream_are_kept() {
        let mut kept = Kept::at_most(8);
        assert!(kept.is_empty());
        kept.push(b"ab");
        kept.push(b"cdefg");
        assert_eq!((kept.text().as_str(), kept.cut()), ("abcdefg", None));
        kept.push(b"hijklm");
        assert_eq!(kept.text(), "abcd\n[5 bytes left out]\njklm");
        assert_eq!((kept.left_out(), kept.cut()), (5, Some(4)));
    }
}
