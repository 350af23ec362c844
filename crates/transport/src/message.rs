//! Messages whose end the transport marks.

use crate::framer::Framer;

/// An answer ends in NL and END, or CR NL. What else is in it stays, newlines too.
pub(crate) fn without_terminator(mut message: Vec<u8>) -> Vec<u8> {
    let mut framer = Framer::default();
    framer.push(&message);
    // where the only NL that ends a message is the last one, the framer knows whether a CR before it is data
    match framer.next_message() {
        Ok(Some(whole)) if !framer.has_unread() => return whole,
        // END alone ended it: a NL that is the last byte of a block is data
        Ok(None) => return message,
        Ok(Some(_)) | Err(_) => {}
    }
    if message.last() == Some(&b'\n') {
        message.pop();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_message_is_taken_off() {
        for (message, expected) in [
            (b"+1\n".as_slice(), b"+1".as_slice()),
            (b"+1\r\n", b"+1"),
            (b"+1", b"+1"),
            (b"#11\r\n", b"#11\r"),
            (b"#13a\nb\n", b"#13a\nb"),
            (b"#13a\n\n", b"#13a\n\n"),
            (b"1,#13a\r\n", b"1,#13a\r\n"),
            (b"#13a\r\n\n", b"#13a\r\n"),
            (b"#0ab\n\n", b"#0ab\n"),
            (b"line 1\nline 2\n", b"line 1\nline 2"),
            (b"", b""),
        ] {
            assert_eq!(without_terminator(message.to_vec()), expected);
        }
    }
}
