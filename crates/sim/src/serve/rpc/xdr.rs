//! External data representation (RFC 4506): everything in units of four bytes, the highest first.

/// Takes values off what was received. Each is nothing if it is not there or not of its kind.
#[derive(Clone, Copy, Debug)]
pub(in crate::serve) struct Reader<'r>(pub(in crate::serve) &'r [u8]);

impl<'r> Reader<'r> {
    pub(in crate::serve) fn word(&mut self) -> Option<u32> {
        let (word, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*word))
    }

    pub(in crate::serve) fn int(&mut self) -> Option<i32> {
        self.word().map(u32::cast_signed)
    }

    pub(in crate::serve) fn bool(&mut self) -> Option<bool> {
        match self.word()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// Bytes of variable length, no more than `most`.
    pub(in crate::serve) fn opaque(&mut self, most: usize) -> Option<&'r [u8]> {
        let length = usize::try_from(self.word()?).ok().filter(|length| *length <= most)?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest.get(padding(length)..)?;
        Some(bytes)
    }
}

/// Writes values behind each other.
#[derive(Clone, Debug, Default)]
pub(in crate::serve) struct Writer(pub(in crate::serve) Vec<u8>);

impl Writer {
    pub(in crate::serve) fn word(mut self, word: u32) -> Self {
        self.0.extend_from_slice(&word.to_be_bytes());
        self
    }

    pub(in crate::serve) fn int(self, int: i32) -> Self {
        self.word(int.cast_unsigned())
    }

    pub(in crate::serve) fn bool(self, bool: bool) -> Self {
        self.word(u32::from(bool))
    }

    /// Bytes of variable length.
    pub(in crate::serve) fn opaque(self, bytes: &[u8]) -> Self {
        // nothing that is sent comes near four gibibytes
        let mut written = self.word(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        written.0.extend_from_slice(bytes);
        written.0.resize(written.0.len() + padding(bytes.len()), 0);
        written
    }
}

/// How many bytes are missing to a multiple of four.
const fn padding(length: usize) -> usize {
    length.wrapping_neg() % 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for text in ["", "a", "abc", "inst0", "12345678"] {
            let written = Writer::default().int(-2).opaque(text.as_bytes()).bool(true).0;
            assert_eq!(written.len() % 4, 0);
            let mut reader = Reader(&written);
            assert_eq!(
                (reader.int(), reader.opaque(8), reader.bool(), reader.word()),
                (Some(-2), Some(text.as_bytes()), Some(true), None)
            );
        }
    }

    #[test]
    fn what_is_cut_or_too_long_is_nothing() {
        assert_eq!(Reader(&[0, 0, 0]).word(), None);
        assert_eq!(Reader(&[0, 0, 0, 2]).bool(), None);
        assert_eq!(Reader(&[0, 0, 0, 3, 1, 2, 3]).opaque(8), None);
        assert_eq!(Reader(&[0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4]).opaque(usize::MAX), None);
        assert_eq!(Reader(&[0, 0, 0, 4, 1, 2, 3, 4]).opaque(3), None);
    }
}
