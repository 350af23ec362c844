//! Cuts a byte stream into response messages (IEEE 488.2, section 8): pure, no I/O.
//!
//! A message ends at LF, or CR LF. Definite blocks (`#15ab\ncd`) are taken by their length wherever a response
//! data element may begin (start, after `,` or `;`), so a newline or a `#` inside them ends nothing. An indefinite
//! block (`#0...`) ends at the first LF: on a byte stream nothing else marks its end.

/// Largest message that is accepted, in bytes. The largest waveform of the instruments in mind is 64 MiB.
pub const MAX_MESSAGE: usize = 256 * 1024 * 1024;

/// Why the stream cannot be cut into messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramingError {
    /// A `#` header with a length that is no number.
    BlockHeader,
    /// More than [`MAX_MESSAGE`] bytes without an end.
    TooLong,
}

impl std::fmt::Display for FramingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BlockHeader => f.write_str("a binary block whose header is not #<digits><length>"),
            Self::TooLong => write!(f, "more than {MAX_MESSAGE} bytes without an end of message"),
        }
    }
}

impl std::error::Error for FramingError {}

/// Collects bytes and gives whole messages.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were looked at and hold no end of message.
    scanned: usize,
    /// Where the last definite block of the message ends: a CR before that is data.
    block_end: usize,
    /// Where the scan is within the message.
    place: Place,
    /// A lone CR ends a message, and LF does not.
    ends_at_cr: bool,
    /// A CR behind the LF belongs to the end of the message.
    takes_cr_behind: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// A data element begins here.
    #[default]
    ElementStart,
    /// Inside an element.
    Element,
    /// Inside a quoted string.
    Quoted(u8),
}

impl Framer {
    /// One for instruments whose answers end in CR alone.
    #[must_use]
    pub fn ending_at_cr() -> Self {
        Self {
            ends_at_cr: true,
            ..Self::default()
        }
    }

    /// One for instruments whose answers end in LF CR.
    #[must_use]
    pub fn ending_at_lf_cr() -> Self {
        Self {
            takes_cr_behind: true,
            ..Self::default()
        }
    }

    /// Adds bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        self.take_cr_behind();
    }

    /// No answer begins with the CR that ends the one before.
    fn take_cr_behind(&mut self) {
        if self.takes_cr_behind && self.scanned == 0 && self.buffer.first() == Some(&b'\r') {
            self.buffer.remove(0);
        }
    }

    /// True when bytes lie here that belong to no message taken so far.
    #[must_use]
    pub const fn has_unread(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        *self = Self {
            ends_at_cr: self.ends_at_cr,
            takes_cr_behind: self.takes_cr_behind,
            ..Self::default()
        };
    }

    /// The next whole message without its terminator, `None` while it is incomplete.
    ///
    /// # Errors
    /// [`FramingError`]; the stream is then of no further use.
    pub fn next_message(&mut self) -> Result<Option<Vec<u8>>, FramingError> {
        let end = if self.ends_at_cr { b'\r' } else { b'\n' };
        while let Some(byte) = self.buffer.get(self.scanned).copied() {
            match (self.place, byte) {
                (_, byte) if byte == end => return Ok(Some(self.take_message())),
                (Place::Quoted(quote), byte) if byte == quote => self.step(Place::Element),
                (Place::Quoted(quote), _) => self.step(Place::Quoted(quote)),
                (_, b',' | b';') => self.step(Place::ElementStart),
                (Place::ElementStart, b'#') => match block_length(self.buffer.get(self.scanned..).unwrap_or_default())?
                {
                    Block::Incomplete => break,
                    Block::Indefinite => self.step(Place::Element),
                    Block::Definite(length) => {
                        if self.buffer.len().saturating_sub(self.scanned) < length {
                            break;
                        }
                        self.scanned += length;
                        self.block_end = self.scanned;
                        self.place = Place::Element;
                    }
                },
                (Place::ElementStart, b' ') => self.step(Place::ElementStart),
                (Place::ElementStart | Place::Element, b'"' | b'\'') => self.step(Place::Quoted(byte)),
                (Place::ElementStart | Place::Element, _) => self.step(Place::Element),
            }
        }
        if self.buffer.len() > MAX_MESSAGE {
            return Err(FramingError::TooLong);
        }
        Ok(None)
    }

    const fn step(&mut self, place: Place) {
        self.scanned += 1;
        self.place = place;
    }

    fn take_message(&mut self) -> Vec<u8> {
        let rest = self.buffer.split_off(self.scanned + 1);
        let mut message = std::mem::replace(&mut self.buffer, rest);
        let block_end = std::mem::take(&mut self.block_end);
        self.scanned = 0;
        self.place = Place::ElementStart;
        message.pop();
        if !self.ends_at_cr && message.len() > block_end && message.last() == Some(&b'\r') {
            message.pop();
        }
        self.take_cr_behind();
        message
    }
}

enum Block {
    Incomplete,
    Indefinite,
    /// Header and data together, in bytes.
    Definite(usize),
}

/// Reads `#<n><n digits of length>` at the start of `bytes`.
fn block_length(bytes: &[u8]) -> Result<Block, FramingError> {
    let Some(count) = bytes.get(1) else {
        return Ok(Block::Incomplete);
    };
    let count = match count {
        b'0' => return Ok(Block::Indefinite),
        b'1'..=b'9' => usize::from(count - b'0'),
        // not a block after all: `#H1F`, `#B101` and `#Q17` are numbers (IEEE 488.2, section 8.7.4)
        b'H' | b'Q' | b'B' => return Ok(Block::Indefinite),
        _ => return Err(FramingError::BlockHeader),
    };
    let Some(digits) = bytes.get(2..2 + count) else {
        return Ok(Block::Incomplete);
    };
    let text = std::str::from_utf8(digits).unwrap_or_default();
    match text.parse::<usize>() {
        Ok(length) if text.bytes().all(|byte| byte.is_ascii_digit()) && length <= MAX_MESSAGE => {
            Ok(Block::Definite(2 + count + length))
        }
        Ok(_) | Err(_) => Err(FramingError::BlockHeader),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cr_behind_the_lf_is_no_answer_of_its_own() {
        for chunks in [&[b"1\n\r2\n\r".as_slice()][..], &[b"1\n", b"\r", b"2", b"\n", b"\r"]] {
            let mut framer = Framer::ending_at_lf_cr();
            let mut answers = Vec::new();
            for chunk in chunks {
                framer.push(chunk);
                while let Some(answer) = framer.next_message().unwrap() {
                    answers.push(answer);
                }
            }
            assert_eq!(answers, [b"1", b"2"]);
            assert!(!framer.has_unread());
        }
    }

    fn check(bytes: &[u8], expected: &[&[u8]]) {
        for piece in 1..=bytes.len() {
            let mut framer = Framer::default();
            let mut messages = Vec::new();
            for chunk in bytes.chunks(piece) {
                framer.push(chunk);
                while let Some(message) = framer.next_message().unwrap() {
                    messages.push(message);
                }
            }
            assert_eq!(messages, expected, "in pieces of {piece}");
            assert!(!framer.has_unread());
        }
    }

    #[test]
    fn messages_are_cut_the_same_in_every_split() {
        check(b"1\n2\r\n\n", &[b"1", b"2", b""]);
        check(b"#15ab\ncd\n", &[b"#15ab\ncd"]);
        check(b"#11\r\n#11\r\r\n", &[b"#11\r", b"#11\r"]);
        check(b"1, #13\n,;,#11\n\r\nx\n", &[b"1, #13\n,;,#11\n", b"x"]);
        check(b"\"#15\",2\n", &[b"\"#15\",2"]);
        check(b"-113,\"it's a 'quote\"\n+0\n", &[b"-113,\"it's a 'quote\"", b"+0"]);
        check(b"#0ab#15\nrest\n", &[b"#0ab#15", b"rest"]);
        check(b"#H1F,#B01\n", &[b"#H1F,#B01"]);
    }

    #[test]
    fn a_carriage_return_ends_a_message_where_the_instrument_says_so() {
        let mut framer = Framer::ending_at_cr();
        framer.push(b"+1\r#13a\rb\r+2\r");
        let messages: Vec<_> = std::iter::from_fn(|| framer.next_message().unwrap()).collect();
        assert_eq!(messages, [b"+1".as_slice(), b"#13a\rb", b"+2"]);
    }

    #[test]
    fn a_newline_ends_a_message_whose_quote_never_closes() {
        check(b"\"broken\n1\n", &[b"\"broken", b"1"]);
    }

    #[test]
    fn a_broken_block_header_is_an_error() {
        for bytes in [b"#x\n".as_slice(), b"#2a1\n", b"#9999999999\n"] {
            let mut framer = Framer::default();
            framer.push(bytes);
            assert_eq!(framer.next_message(), Err(FramingError::BlockHeader));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_cut_or_refused_and_none_invented(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut framer = Framer::default();
            framer.push(&bytes);
            let mut taken = 0;
            while let Ok(Some(message)) = framer.next_message() {
                taken += message.len() + 1;
            }
            prop_assert!(taken <= bytes.len());
        }

        #[test]
        fn a_definite_block_of_anything_is_kept(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            let length = data.len().to_string();
            let mut bytes = format!("#{}{length}", length.len()).into_bytes();
            bytes.extend(&data);
            let mut framer = Framer::default();
            framer.push(&bytes);
            framer.push(b"\n");
            prop_assert_eq!(framer.next_message(), Ok(Some(bytes)));
        }
    }
}
