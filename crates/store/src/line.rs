//! Checksummed lines: the form of journals and receipts.
//!
//! A line is `<checksum> <json>\n`. The checksum is the first 16 hex digits of the SHA-256 over the checksum of the
//! line before (nothing for the first) and the JSON, so that a line that was altered, lost, doubled or moved is
//! found. JSON text holds no raw line feed: a line ends at the first one.

use crate::integrity::hex;
use sha2::{Digest, Sha256};

const CHECKSUM_DIGITS: usize = 16;

/// A line after the one whose checksum is `previous`, and its own checksum.
pub(crate) fn encode(previous: &str, json: &str) -> (String, String) {
    let checksum = checksum(previous, json);
    (format!("{checksum} {json}\n"), checksum)
}

fn checksum(previous: &str, json: &str) -> String {
    let digest = Sha256::new().chain_update(previous).chain_update(json).finalize();
    let mut digits = hex(&digest);
    digits.truncate(CHECKSUM_DIGITS);
    digits
}

/// What stands after the last good line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Nothing.
    Clean,
    /// The beginning of one more line: its write was cut short by a kill or a power cut.
    Torn {
        /// How many bytes.
        bytes: usize,
    },
    /// A whole line that is not what was written.
    Damaged {
        /// How many bytes from there to the end.
        bytes: usize,
    },
}

/// The good lines of a file, up to the first that is not.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    /// The JSON of each.
    pub(crate) json: Vec<&'a str>,
    /// How many bytes they take.
    pub(crate) length: usize,
    /// The checksum of the last; empty when there is none.
    pub(crate) last: String,
    /// What follows.
    pub(crate) tail: Tail,
}

/// Reads lines until the first that is torn or damaged; nothing after it is believed.
pub(crate) fn read(bytes: &[u8]) -> Lines<'_> {
    let mut lines = Lines {
        json: Vec::new(),
        length: 0,
        last: String::new(),
        tail: Tail::Clean,
    };
    let mut rest = bytes;
    while !rest.is_empty() {
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            lines.tail = Tail::Torn { bytes: rest.len() };
            return lines;
        };
        let (line, after) = rest.split_at(end + 1);
        let Some((json, checksum)) = good(&lines.last, line) else {
            lines.tail = Tail::Damaged { bytes: rest.len() };
            return lines;
        };
        lines.json.push(json);
        lines.length += line.len();
        lines.last = checksum;
        rest = after;
    }
    lines
}

fn good<'a>(previous: &str, line: &'a [u8]) -> Option<(&'a str, String)> {
    let text = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (found, json) = text.split_once(' ')?;
    let expected = checksum(previous, json);
    (found == expected).then_some((json, expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> (Vec<u8>, Vec<usize>) {
        let mut bytes = Vec::new();
        let mut ends = vec![0];
        let mut last = String::new();
        for json in ["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"] {
            let (line, checksum) = encode(&last, json);
            bytes.extend_from_slice(line.as_bytes());
            ends.push(bytes.len());
            last = checksum;
        }
        (bytes, ends)
    }

    #[test]
    fn a_file_cut_anywhere_keeps_its_whole_lines() {
        let (bytes, ends) = three();
        for cut in 0..=bytes.len() {
            let lines = read(&bytes[..cut]);
            let whole = ends.iter().filter(|end| **end > 0 && **end <= cut).count();
            assert_eq!(lines.json.len(), whole, "cut at {cut}");
            let torn = cut - lines.length;
            let expected = if torn == 0 {
                Tail::Clean
            } else {
                Tail::Torn { bytes: torn }
            };
            assert_eq!(lines.tail, expected, "cut at {cut}");
        }
    }

    #[test]
    fn every_single_bit_flip_is_found() {
        let (bytes, _) = three();
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[index] ^= 1 << bit;
                let lines = read(&flipped);
                assert!(lines.tail != Tail::Clean, "byte {index} bit {bit}");
                assert!(lines.json.len() < 3, "byte {index} bit {bit}");
            }
        }
    }

    #[test]
    fn a_line_that_was_dropped_doubled_or_moved_is_found() {
        let (bytes, ends) = three();
        let line = |n: usize| &bytes[ends[n]..ends[n + 1]];
        for order in [vec![0, 2], vec![1, 2], vec![0, 0, 1, 2], vec![1, 0, 2]] {
            let mixed: Vec<u8> = order.iter().flat_map(|n| line(*n).to_vec()).collect();
            assert!(matches!(read(&mixed).tail, Tail::Damaged { .. }), "{order:?}");
        }
    }
}
