//! The bytes of one record of STDF V4.

use super::words;
use crate::csv::harmless;
use chrono::{DateTime, Utc};
use std::io::{self, Write};

/// The length of a text stands in one byte.
const MOST_TEXT: usize = 255;

/// The fields of a record, in their order, little-endian.
pub(super) struct Body(Vec<u8>);

impl Body {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// U*1, B*1, C*1.
    pub(super) fn u1(mut self, number: u8) -> Self {
        self.0.push(number);
        self
    }

    /// U*2.
    pub(super) fn u2(mut self, number: u16) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    /// U*4.
    pub(super) fn u4(mut self, number: u32) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    /// I*2.
    pub(super) fn i2(mut self, number: i16) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    /// R*4.
    pub(super) fn r4(mut self, number: f32) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    /// R*4, several.
    pub(super) fn r4s(self, numbers: &[f32]) -> Self {
        numbers.iter().fold(self, |body, number| body.r4(*number))
    }

    /// The scaling exponents of result and limits: none.
    pub(super) fn scales(self) -> Self {
        self.u1(0).u1(0).u1(0)
    }

    /// Seconds since 1970, as U*4: until 2106.
    pub(super) fn time(self, moment: DateTime<Utc>) -> Self {
        let seconds = moment.timestamp().clamp(0, i64::from(u32::MAX));
        self.u4(u32::try_from(seconds).unwrap_or(0))
    }

    /// C*n: ASCII, with its length before it. What is not ASCII, and what a terminal would act on, is written out; what is
    /// too long is cut and ends in `...`.
    pub(super) fn text(mut self, text: &str) -> Self {
        // a long one is cut before it is looked at: writing out makes it no shorter
        let text = words::cut(text, MOST_TEXT + 1);
        let mut plain = String::with_capacity(text.len());
        for c in harmless(&text).chars() {
            if c.is_ascii() {
                plain.push(c);
            } else {
                plain.extend(c.escape_unicode());
            }
        }
        let text = words::cut(&plain, MOST_TEXT);
        self.0.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
        self.0.extend(text.bytes().take(MOST_TEXT));
        self
    }

    /// Writes it behind its header: length, type, subtype.
    pub(super) fn write(self, kind: u8, subkind: u8, to: &mut (impl Write + ?Sized)) -> io::Result<()> {
        let Ok(length) = u16::try_from(self.0.len()) else {
            return Err(io::Error::other(format!(
                "a record of type {kind}.{subkind} has {} bytes; STDF has room for {}",
                self.0.len(),
                u16::MAX
            )));
        };
        to.write_all(&length.to_le_bytes())?;
        to.write_all(&[kind, subkind])?;
        to.write_all(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: Body, expected: &[u8]) {
        let mut bytes = Vec::new();
        body.write(15, 10, &mut bytes).unwrap();
        assert_eq!(bytes, expected);
    }

    #[test]
    fn fields_are_little_endian_behind_length_and_type() {
        check(Body::new(), &[0, 0, 15, 10]);
        check(
            Body::new().u1(7).u2(0x0102).u4(0x0304_0506),
            &[7, 0, 15, 10, 7, 2, 1, 6, 5, 4, 3],
        );
        check(
            Body::new().r4(1.0).i2(-2),
            &[6, 0, 15, 10, 0, 0, 0x80, 0x3f, 0xfe, 0xff],
        );
        check(Body::new().text("ab").text(""), &[4, 0, 15, 10, 2, b'a', b'b', 0]);
        check(Body::new().time(DateTime::UNIX_EPOCH), &[4, 0, 15, 10, 0, 0, 0, 0]);
    }

    #[test]
    fn a_text_is_ascii_and_at_most_255_bytes() {
        check(
            Body::new().text("\u{3a9}\u{1b}"),
            b"\x0e\x00\x0f\x0a\x0d\\u{3a9}\\u{1b}",
        );
        for long in ["x".repeat(1 << 20), "\u{3a9}".repeat(1 << 20), "\u{0}".repeat(1 << 20)] {
            let mut bytes = Vec::new();
            Body::new().text(&long).write(15, 10, &mut bytes).unwrap();
            assert_eq!(bytes[4], 255);
            assert_eq!(bytes.len(), 4 + 256);
            assert!(bytes.ends_with(b"..."));
        }
    }

    #[test]
    fn what_does_not_fit_into_a_record_is_an_error() {
        let body = Body::new().r4s(&[0.0; 16_384]);
        assert!(body.write(15, 15, &mut Vec::new()).is_err());
    }
}
