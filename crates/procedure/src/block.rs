//! Binary blocks in answers (IEEE 488.2, 8.7.9 and 8.7.10): `#`, how many digits, that many digits of a length, then so many bytes.

use crate::said::NO_NUMBERS;
use benchtop_instrument::Decimal;

/// Most numbers of a block.
const MOST_NUMBERS: usize = 1_000_000;

/// How the numbers of a block are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockFormat {
    /// What each of them is.
    pub sample: SampleFormat,
    /// In which order the bytes of one come.
    pub order: ByteOrder,
    /// What each is multiplied by, in the measurement's unit.
    pub scale: Decimal,
    /// What is added then, in the measurement's unit.
    pub offset: Decimal,
}

/// What a number of a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are what they are called")]
pub enum SampleFormat {
    Int8,
    Uint8,
    Int16,
    Uint16,
    Int32,
    Uint32,
    Int64,
    Uint64,
    Float32,
    Float64,
}

/// In which order the bytes of a number come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// The most significant first.
    Big,
    /// The least significant first.
    Little,
}

impl SampleFormat {
    /// Every format with its word in files.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("int8", Self::Int8),
        ("uint8", Self::Uint8),
        ("int16", Self::Int16),
        ("uint16", Self::Uint16),
        ("int32", Self::Int32),
        ("uint32", Self::Uint32),
        ("int64", Self::Int64),
        ("uint64", Self::Uint64),
        ("float32", Self::Float32),
        ("float64", Self::Float64),
    ];

    /// In bytes.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::Int8 | Self::Uint8 => 1,
            Self::Int16 | Self::Uint16 => 2,
            Self::Int32 | Self::Uint32 | Self::Float32 => 4,
            Self::Int64 | Self::Uint64 | Self::Float64 => 8,
        }
    }
}

impl ByteOrder {
    /// Every order with its word in files.
    pub const ALL: &'static [(&'static str, Self)] = &[("big", Self::Big), ("little", Self::Little)];
}

impl BlockFormat {
    /// The numbers of an answer that is one block, and the header that it came with. `overrange` is what the instrument writes
    /// beyond its range, where that is not SCPI's.
    ///
    /// # Errors
    /// What is wrong with the answer, in one line for people.
    pub fn read(&self, answer: &[u8], overrange: Option<Decimal>) -> Result<(Vec<Decimal>, String), String> {
        let (header, data) = cut(answer)?;
        let size = self.sample.size();
        if data.len() % size != 0 {
            return Err(format!(
                "{} bytes of a block are no whole number of samples of {size} bytes",
                data.len()
            ));
        }
        if data.len() / size > MOST_NUMBERS {
            return Err(format!("{} numbers are more than {MOST_NUMBERS}", data.len() / size));
        }
        if data.is_empty() {
            return Err(NO_NUMBERS.to_owned());
        }
        let numbers: Result<Vec<Decimal>, String> = (1..)
            .zip(data.chunks_exact(size))
            .map(|(at, bytes)| {
                let number = self.number(bytes).filter(|number| Some(number.abs()) != overrange);
                let number = number.and_then(|number| self.scaled(number));
                number.ok_or_else(|| format!("sample {at} is no number that can be held"))
            })
            .collect();
        Ok((numbers?, format!("{header} and {} bytes", data.len())))
    }

    fn number(&self, bytes: &[u8]) -> Option<Decimal> {
        // the most significant first
        let mut ordered = [0_u8; 8];
        let places = ordered.iter_mut().take(bytes.len());
        match self.order {
            ByteOrder::Big => places.zip(bytes).for_each(|(place, byte)| *place = *byte),
            ByteOrder::Little => places.zip(bytes.iter().rev()).for_each(|(place, byte)| *place = *byte),
        }
        let [a, b, c, d, ..] = ordered;
        let whole = match self.sample {
            SampleFormat::Int8 => i128::from(i8::from_be_bytes([a])),
            SampleFormat::Uint8 => i128::from(a),
            SampleFormat::Int16 => i128::from(i16::from_be_bytes([a, b])),
            SampleFormat::Uint16 => i128::from(u16::from_be_bytes([a, b])),
            SampleFormat::Int32 => i128::from(i32::from_be_bytes([a, b, c, d])),
            SampleFormat::Uint32 => i128::from(u32::from_be_bytes([a, b, c, d])),
            SampleFormat::Int64 => i128::from(i64::from_be_bytes(ordered)),
            SampleFormat::Uint64 => i128::from(u64::from_be_bytes(ordered)),
            // the digits that tell it from its neighbours are what the instrument meant
            SampleFormat::Float32 => return float(&format!("{:e}", f32::from_be_bytes([a, b, c, d]))),
            SampleFormat::Float64 => return float(&format!("{:e}", f64::from_be_bytes(ordered))),
        };
        Decimal::new(whole, 0)
    }

    fn scaled(&self, number: Decimal) -> Option<Decimal> {
        number.checked_mul(self.scale)?.checked_add(self.offset)
    }
}

/// `None` for what is none: infinite, not a number, or what instruments write for beyond the range.
fn float(text: &str) -> Option<Decimal> {
    let number: Decimal = text.parse().ok()?;
    crate::said::is_a_reading(number).then_some(number)
}

/// What an answer holds: of a block the bytes in it, of anything else all of it.
///
/// # Errors
/// A block that is not whole, in one line for people.
pub fn payload(answer: &[u8]) -> Result<&[u8], String> {
    match answer {
        [b'#', b'0'..=b'9', ..] => cut(answer).map(|(_header, data)| data),
        _ => Ok(answer),
    }
}

/// The header and the data of an answer that is one block and nothing else.
fn cut(answer: &[u8]) -> Result<(String, &[u8]), String> {
    let no_block = || "the answer is no block: it does not begin with #, a digit and a length".to_owned();
    let [b'#', digits @ b'0'..=b'9', rest @ ..] = answer else {
        return Err(no_block());
    };
    if *digits == b'0' {
        // as long as its message
        return Ok(("#0".to_owned(), rest));
    }
    let digits = usize::from(digits - b'0');
    let (length, data) = rest.split_at_checked(digits).ok_or_else(no_block)?;
    let length = std::str::from_utf8(length).map_err(|_no_text| no_block())?;
    let wanted: usize = length.parse().map_err(|_no_number| no_block())?;
    if data.len() != wanted {
        return Err(format!("a block of {wanted} bytes has {}", data.len()));
    }
    Ok((format!("#{digits}{length}"), data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn format(sample: SampleFormat, order: ByteOrder) -> BlockFormat {
        BlockFormat {
            sample,
            order,
            scale: Decimal::ONE,
            offset: Decimal::ZERO,
        }
    }

    fn texts(format: BlockFormat, answer: &[u8]) -> Result<Vec<String>, String> {
        let numbers = format.read(answer, None).map(|(numbers, _)| numbers);
        numbers.map(|numbers| numbers.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_answer_holds_what_is_in_its_block_or_itself() {
        assert_eq!(payload(b"#14\x89PNG"), Ok(b"\x89PNG".as_slice()));
        assert_eq!(payload(b"#0abc"), Ok(b"abc".as_slice()));
        // a number in hexadecimal (IEEE 488.2, 8.7.4) is no block
        for text in [b"+1.5E0,2".as_slice(), b"#HFF", b"", b"#"] {
            assert_eq!(payload(text), Ok(text));
        }
        assert_eq!(payload(b"#15\x89PNG"), Err("a block of 5 bytes has 4".to_owned()));
        payload(b"#9").unwrap_err();
    }

    #[test]
    fn a_block_is_read_in_the_format_and_the_order_that_are_written() {
        use ByteOrder::{Big, Little};
        use SampleFormat::{Float32, Float64, Int8, Int16, Int32, Uint8, Uint16};
        let ok = |texts: &[&str]| Ok(texts.iter().map(|text| (*text).to_owned()).collect());
        assert_eq!(texts(format(Uint8, Big), b"#13\x00\x0a\xff"), ok(&["0", "10", "255"]));
        assert_eq!(texts(format(Int8, Big), b"#12\x80\x7f"), ok(&["-128", "127"]));
        assert_eq!(texts(format(Int16, Big), b"#14\x01\x00\xff\xfe"), ok(&["256", "-2"]));
        assert_eq!(
            texts(format(Uint16, Little), b"#204\x01\x00\xff\xfe"),
            ok(&["1", "65279"])
        );
        assert_eq!(texts(format(Int32, Little), b"#14\xfe\xff\xff\xff"), ok(&["-2"]));
        // what a meter has as a single is 0.1 and not 0.10000000149
        let mut single = b"#18".to_vec();
        single.extend(0.1_f32.to_be_bytes());
        single.extend((-3.3e-9_f32).to_be_bytes());
        assert_eq!(texts(format(Float32, Big), &single), ok(&["0.1", "-0.0000000033"]));
        let mut double = b"#0".to_vec();
        double.extend(0.04523_f64.to_le_bytes());
        assert_eq!(texts(format(Float64, Little), &double), ok(&["0.04523"]));
        let codes = BlockFormat {
            scale: "0.02".parse().unwrap(),
            offset: "-2.56".parse().unwrap(),
            ..format(Uint8, Big)
        };
        assert_eq!(texts(codes, b"#13\x00\x80\xff"), ok(&["-2.56", "0", "2.54"]));
        assert_eq!(
            texts(format(Uint8, Big), b"#10"),
            Err("there are no numbers".to_owned())
        );
        let (_, header) = format(Uint8, Big).read(b"#13abc", None).unwrap();
        assert_eq!(header, "#13 and 3 bytes");
    }

    #[test]
    fn a_block_that_is_none_is_said_to_be_none() {
        let double = format(SampleFormat::Float64, ByteOrder::Big);
        for (answer, expected) in [
            (&b"+1.0E0"[..], "is no block"),
            (b"", "is no block"),
            (b"#", "is no block"),
            (b"#x8", "is no block"),
            (b"#9123", "is no block"),
            (b"#2x8abcdefgh", "is no block"),
            (b"#18abcdefg", "a block of 8 bytes has 7"),
            (b"#18abcdefghi", "a block of 8 bytes has 9"),
            (b"#17abcdefg", "no whole number of samples of 8 bytes"),
        ] {
            let reason = texts(double, answer).unwrap_err();
            assert!(reason.contains(expected), "{answer:?}: {reason}");
        }
        for value in [f64::NAN, f64::INFINITY, -f64::INFINITY, 9.9e37, -9.9e37, 9.91e37] {
            let mut answer = b"#216".to_vec();
            answer.extend(1.0_f64.to_be_bytes());
            answer.extend(value.to_be_bytes());
            assert_eq!(
                texts(double, &answer).unwrap_err(),
                "sample 2 is no number that can be held"
            );
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_again(values in prop::collection::vec(any::<i32>(), 1..50), big in any::<bool>()) {
            let order = if big { ByteOrder::Big } else { ByteOrder::Little };
            let bytes = values.iter().flat_map(|value| if big { value.to_be_bytes() } else { value.to_le_bytes() });
            let bytes: Vec<u8> = bytes.collect();
            let mut answer = format!("#3{:03}", bytes.len()).into_bytes();
            answer.extend(bytes);
            let expected: Vec<String> = values.iter().map(ToString::to_string).collect();
            prop_assert_eq!(texts(format(SampleFormat::Int32, order), &answer), Ok(expected));
        }

        #[test]
        fn any_bytes_are_read_or_refused(answer in prop::collection::vec(any::<u8>(), 0..40)) {
            for (_, sample) in SampleFormat::ALL {
                let read = format(*sample, ByteOrder::Little).read(&answer, None);
                prop_assert!(read.is_ok() || read.is_err_and(|reason| !reason.is_empty()));
            }
        }
    }
}
