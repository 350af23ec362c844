//! Where a response message ends, for sessions in this process (IEEE 488.2, chapter 8).
//!
//! A message ends in LF, CR before it is stripped. Inside a definite length block (`#15hello`) nothing is a terminator;
//! an indefinite one (`#0`) ends with its message. A `#` begins a block only where a response data element begins.

/// A larger block is not one.
const MAX_BLOCK: usize = 64 * 1024 * 1024;

/// The message at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framed {
    /// `content` bytes of message in `whole` bytes of input.
    Message { content: usize, whole: usize },
    /// Its end has not come yet.
    Incomplete,
    /// It announces a block that nobody would send.
    Broken,
}

/// Finds the first message.
pub(crate) fn frame(bytes: &[u8]) -> Framed {
    let mut at = 0;
    let mut quoted = false;
    let mut begins_element = true;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\n' => return ended(bytes, at),
            b'#' if begins_element => match block(bytes.get(at + 1..).unwrap_or_default()) {
                Block::None => {}
                Block::Incomplete => return Framed::Incomplete,
                Block::Indefinite => {
                    let end = bytes.iter().skip(at).position(|byte| *byte == b'\n');
                    return end.map_or(Framed::Incomplete, |end| ended(bytes, at + end));
                }
                Block::Definite(length) if length > MAX_BLOCK => return Framed::Broken,
                Block::Definite(length) => at += length,
            },
            _ => {}
        }
        quoted ^= *byte == b'"';
        begins_element = !quoted && matches!(byte, b',' | b';');
        at += 1;
    }
    Framed::Incomplete
}

fn ended(bytes: &[u8], at: usize) -> Framed {
    let carriage_return = at > 0 && bytes.get(at - 1) == Some(&b'\r');
    Framed::Message {
        content: at - usize::from(carriage_return),
        whole: at + 1,
    }
}

enum Block {
    None,
    Incomplete,
    Indefinite,
    /// So many bytes behind the `#`.
    Definite(usize),
}

/// What follows a `#`.
fn block(tail: &[u8]) -> Block {
    let Some(first) = tail.first() else {
        return Block::Incomplete;
    };
    let digits = match first {
        b'0' => return Block::Indefinite,
        b'1'..=b'9' => usize::from(first - b'0'),
        _ => return Block::None,
    };
    let Some(length) = tail.get(1..=digits) else {
        return Block::Incomplete;
    };
    let length = std::str::from_utf8(length)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match length.and_then(|text| text.parse::<usize>().ok()) {
        Some(length) => Block::Definite(1 + digits + length),
        None => Block::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(bytes: &[u8], expected: Option<&[u8]>) {
        let found = match frame(bytes) {
            Framed::Message { content, .. } => Some(&bytes[..content]),
            Framed::Incomplete | Framed::Broken => None,
        };
        assert_eq!(found, expected, "{:?}", String::from_utf8_lossy(bytes));
    }

    #[test]
    fn a_message_ends_at_its_line_feed_and_blocks_keep_theirs() {
        check(b"+1.5E+00\n+2", Some(b"+1.5E+00"));
        check(b"+1.5E+00\r\n", Some(b"+1.5E+00"));
        check(b"\n", Some(b""));
        check(b"+1.5", None);
        check(b"#15ab\ncd\n", Some(b"#15ab\ncd"));
        check(b"#15ab\ncd", None);
        check(b"1,#13\n\n\n,2\n", Some(b"1,#13\n\n\n,2"));
        check(b"\"a,#15\"\n", Some(b"\"a,#15\""));
        check(b"#HFF\n", Some(b"#HFF"));
        check(b"a#15\n", Some(b"a#15"));
        check(b"#0ab\n", Some(b"#0ab"));
        check(b"#2", None);
        check(b"#9999999999\n", None);
    }

    proptest! {
        #[test]
        fn a_message_never_reaches_beyond_the_input(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Framed::Message { content, whole } = frame(&bytes) {
                prop_assert!(content < whole && whole <= bytes.len());
            }
        }
    }
}
