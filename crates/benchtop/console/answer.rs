//! How the console shows what an instrument said.

use crate::terminal::{BAD, DOUBTFUL, Line, PLAIN};

/// A block with text of at most so many bytes is shown whole: some instruments send their readings as one.
const SHORT: usize = 64;

/// An answer as text: blocks of data (IEEE 488.2, 8.7.9 and 8.7.10) are shortened to `#... (1000 bytes)`.
pub(super) fn shown(answer: &[u8]) -> String {
    let (mut shown, mut rest, mut quote, mut begins) = (Vec::new(), answer, None, true);
    while let Some((byte, tail)) = rest.split_first() {
        if begins
            && quote.is_none()
            && let Some((payload, behind)) = block(rest)
        {
            let is_short_text = payload.len() <= SHORT && payload.iter().all(|byte| (b' '..=b'~').contains(byte));
            let whole = rest.strip_suffix(behind).unwrap_or(rest);
            if is_short_text {
                shown.extend_from_slice(whole);
            } else {
                shown.extend(format!("#... ({} bytes)", payload.len()).into_bytes());
            }
            rest = behind;
            begins = false;
            continue;
        }
        quote = match quote {
            None if matches!(byte, b'"' | b'\'') => Some(*byte),
            Some(open) if open == *byte => None,
            unchanged => unchanged,
        };
        begins = matches!(byte, b',' | b';' | b' ');
        shown.push(*byte);
        rest = tail;
    }
    String::from_utf8_lossy(&shown).into_owned()
}

/// The payload of the block that `bytes` begin with, and what is behind it.
fn block(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (digit, rest) = bytes.strip_prefix(b"#")?.split_first()?;
    let digits = usize::from(digit.checked_sub(b'0').filter(|digits| *digits <= 9)?);
    if digits == 0 {
        return Some((rest, &[]));
    }
    let (length, rest) = rest.split_at_checked(digits)?;
    let length = length.iter().try_fold(0_usize, |length, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        length.checked_mul(10)?.checked_add(usize::from(digit))
    });
    rest.split_at_checked(length?)
}

/// An entry of the error queue: `-113,"Undefined header"` as `error -113 "Undefined header"`.
pub(super) fn error_line(report: &str) -> Line {
    Line::new().add(BAD, "error").add(PLAIN, &entry(report))
}

/// One that was there before anything was sent.
pub(super) fn stale_line(report: &str) -> Line {
    Line::new()
        .add(DOUBTFUL, "from before: error")
        .add(PLAIN, &entry(report))
}

fn entry(report: &str) -> String {
    let (code, text) = report.split_once(',').unwrap_or((report, ""));
    match code.trim().parse::<i64>() {
        Ok(code) => format!(" {code} {}", text.trim()).trim_end().to_owned(),
        Err(_words) => format!(": {report}"),
    }
}

/// The bits of a status byte (IEEE 488.2, 11.2; SCPI-99 volume 1, 20.1).
const BITS: [(u8, &str); 6] = [
    (2, "error queue"),
    (3, "questionable"),
    (4, "message available"),
    (5, "event status"),
    (6, "service request"),
    (7, "operation"),
];

/// A status byte with what its bits mean: `36 (error queue, event status)`.
pub(super) fn status_byte(status: u8) -> String {
    let set = BITS.iter().filter(|(bit, _)| status & (1 << bit) != 0);
    let words: Vec<&str> = set.map(|(_, word)| *word).collect();
    if words.is_empty() {
        return status.to_string();
    }
    format!("{status} ({})", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::{entry, shown, status_byte};

    #[test]
    fn blocks_are_shortened_and_text_is_not() {
        let long = [b"#3100".as_slice(), &[b'x'; 100], b",1"].concat();
        let cases: [(&[u8], &str); 9] = [
            (b"+3.30012345E+00", "+3.30012345E+00"),
            (b"#9000000015-4.59713983e-04", "#9000000015-4.59713983e-04"),
            (b"#14\x00\x01\n\xff", "#... (4 bytes)"),
            (&long, "#... (100 bytes),1"),
            (b"1;#0\x01\x02", "1;#... (2 bytes)"),
            (b"\"#14\x01\x01\x01\x01\"", "\"#14\u{1}\u{1}\u{1}\u{1}\""),
            (b"#19short", "#19short"),
            (b"a\xffb", "a\u{fffd}b"),
            (b"#", "#"),
        ];
        for (answer, expected) in cases {
            assert_eq!(shown(answer), expected);
        }
    }

    #[test]
    fn errors_and_status_bytes_are_said_in_words() {
        assert_eq!(entry("-113,\"Undefined header\""), " -113 \"Undefined header\"");
        assert_eq!(entry("+521, \"Input, overload\""), " 521 \"Input, overload\"");
        assert_eq!(entry("-113"), " -113");
        assert_eq!(
            entry("command error (event status bit 5)"),
            ": command error (event status bit 5)"
        );
        assert_eq!(status_byte(0), "0");
        assert_eq!(status_byte(36), "36 (error queue, event status)");
    }
}
