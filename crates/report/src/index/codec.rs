//! The bytes of the index: little-endian numbers, texts with their length in front, frames with their checksum in front.

/// Writes what [`Reader`] reads.
#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn u8(&mut self, number: u8) {
        self.0.push(number);
    }

    pub(super) fn u32(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn i64(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn f64(&mut self, number: f64) {
        self.u64(number.to_bits());
    }

    pub(super) fn count(&mut self, number: usize) {
        self.u32(u32::try_from(number).unwrap_or(u32::MAX));
    }

    pub(super) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    /// A number that may be missing: not a number stands for it, for a record holds none.
    pub(super) fn number(&mut self, number: Option<f64>) {
        self.f64(number.unwrap_or(f64::NAN));
    }
}

/// Reads what [`Writer`] wrote; `None` where the bytes end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub(super) fn f64(&mut self) -> Option<f64> {
        self.u64().map(f64::from_bits)
    }

    pub(super) fn count(&mut self) -> Option<usize> {
        usize::try_from(self.u32()?).ok()
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let length = self.count()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    pub(super) fn number(&mut self) -> Option<Option<f64>> {
        self.f64().map(|number| number.is_finite().then_some(number))
    }
}

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Finds accidents, not malice: eight bytes at a time, multiplied and folded.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let words = bytes.chunks_exact(8);
    let mut tail = [0_u8; 8];
    for (to, from) in tail.iter_mut().zip(words.remainder()) {
        *to = *from;
    }
    let mix = |sum: u64, word: u64| (sum ^ word).wrapping_mul(MULTIPLIER).rotate_left(29);
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let words = words.filter_map(|word| word.try_into().ok().map(u64::from_le_bytes));
    let sum = mix(words.fold(length, mix), u64::from_le_bytes(tail)).wrapping_mul(MULTIPLIER);
    u32::try_from(sum >> 32).unwrap_or_default()
}

/// Adds a frame: length, checksum, kind, payload.
pub(super) fn frame(to: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    let begun = to.len();
    to.extend_from_slice(&[0; 8]);
    to.push(kind);
    to.extend_from_slice(payload);
    let Some((head, body)) = to.get_mut(begun..).and_then(|frame| frame.split_at_mut_checked(8)) else {
        return;
    };
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
    let sum = checksum(body).to_le_bytes();
    for (to, from) in head.iter_mut().zip(length.into_iter().chain(sum)) {
        *to = from;
    }
}

/// The next whole frame: its kind and its payload; `None` at the end, or where what follows is torn.
pub(super) fn next_frame<'a>(reader: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    let mut ahead = *reader;
    let (length, sum) = (ahead.count()?, ahead.u32()?);
    let body = ahead.take(length)?;
    if checksum(body) != sum {
        return None;
    }
    let (kind, payload) = body.split_first()?;
    *reader = ahead;
    Some((*kind, payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_reads_back_and_every_flipped_byte_and_every_cut_is_found() {
        let mut bytes = Vec::new();
        frame(&mut bytes, 7, b"payload of some length");
        frame(&mut bytes, 9, b"");
        let mut reader = Reader(&bytes);
        assert_eq!(next_frame(&mut reader), Some((7, b"payload of some length".as_slice())));
        assert_eq!(next_frame(&mut reader), Some((9, b"".as_slice())));
        assert_eq!(next_frame(&mut reader), None);
        let first = 8 + 1 + 22;
        for at in 0..first {
            let mut altered = bytes.clone();
            altered[at] ^= 0x10;
            assert_ne!(
                next_frame(&mut Reader(&altered)),
                Some((7, b"payload of some length".as_slice())),
                "byte {at}"
            );
            assert_eq!(next_frame(&mut Reader(&bytes[..at])), None, "cut to {at}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut writer = Writer::default();
        writer.u8(1);
        writer.u32(2);
        writer.i64(-3);
        writer.text("µV");
        writer.number(Some(-0.5));
        writer.number(None);
        let mut reader = Reader(&writer.0);
        assert_eq!((reader.u8(), reader.u32(), reader.i64()), (Some(1), Some(2), Some(-3)));
        assert_eq!(
            (reader.text(), reader.number(), reader.number()),
            (Some("µV"), Some(Some(-0.5)), Some(None))
        );
        assert_eq!(reader.u8(), None);
    }
}
