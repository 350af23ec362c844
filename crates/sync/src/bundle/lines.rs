//! The form of bundles and of the receipts for them: gzip, lines of JSON, and a last line that proves the ones before it.
//!
//! A file is read twice: the first time it is only checked, in little memory, and each line's digest is kept; the second time a line
//! is given only if it is the one that was checked, so that a stick that reads differently the second time brings in nothing that was not checked.

use super::BundleError;
use crate::hmac::{hex, hmac};
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};

/// Longest line: an attachment of 100 MiB.
const MOST_LINE: u64 = 256 << 20;
/// So many lines may stand in any file.
const FREE_LINES: u64 = 1024;
/// Every further line takes more bytes of the compressed file than this: each holds a digest, though perhaps that of the one before.
const LEAST_OF_A_LINE: u64 = 4;
/// Longest last line; what is longer is not kept while a file is checked.
const MOST_END: usize = 4096;

/// The last line.
#[derive(Serialize, Deserialize)]
struct End {
    /// The SHA-256 over every line before it.
    end: String,
    /// The HMAC-SHA256 of that digest under the shared secret.
    signature: Option<String>,
}

/// Writes lines.
pub(crate) struct Writer<W: Write> {
    to: GzEncoder<W>,
    digest: Sha256,
}

impl<W: Write> Writer<W> {
    pub(crate) fn begin(to: W, header: &impl Serialize) -> Result<Self, BundleError> {
        let mut writer = Self {
            to: GzEncoder::new(to, Compression::default()),
            digest: Sha256::new(),
        };
        writer.line(header)?;
        Ok(writer)
    }

    pub(crate) fn line(&mut self, line: &impl Serialize) -> Result<(), BundleError> {
        let mut json = serde_json::to_vec(line).map_err(|error| BundleError::Io(error.into()))?;
        json.push(b'\n');
        self.digest.update(&json);
        Ok(self.to.write_all(&json)?)
    }

    pub(crate) fn end(mut self, secret: Option<&SecretString>) -> Result<(), BundleError> {
        let end = hex(&self.digest.clone().finalize());
        let signature = secret.map(|secret| signature(secret, &end));
        self.line(&End { end, signature })?;
        self.to.finish()?.flush()?;
        Ok(())
    }
}

fn signature(secret: &SecretString, digest: &str) -> String {
    hex(&hmac(secret.expose_secret().as_bytes(), &[digest.as_bytes()]))
}

#[derive(Deserialize)]
struct Format {
    format: String,
}

/// What a file was found to hold: the digest of each line but the last.
#[derive(Debug)]
pub(super) struct Checked(VecDeque<[u8; 32]>);

/// A line that is only looked at.
struct Looked {
    /// Its first [`MOST_END`] bytes.
    start: Vec<u8>,
    /// Its digest.
    digest: [u8; 32],
}

/// Reads a whole file and checks that it is what was written.
///
/// # Errors
/// [`BundleError`] for what is torn, altered, not signed by `secret`, or not of this format.
pub(super) fn check(from: impl Read, format: &str, secret: Option<&SecretString>) -> Result<Checked, BundleError> {
    let mut from = BufReader::new(MultiGzDecoder::new(Counted { from, bytes: 0 }));
    let mut lines = VecDeque::new();
    let mut whole = Sha256::new();
    let (mut before, mut last) = (Sha256::new(), Vec::new());
    loop {
        let so_far = whole.clone();
        let line = match look(&mut from, &mut whole) {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(BundleError::Altered(_)) if lines.is_empty() => {
                return Err(BundleError::Foreign("it is not compressed as bundles are".into()));
            }
            Err(error) => return Err(error),
        };
        if lines.is_empty() {
            is_of(&line.start, format)?;
        }
        lines.push_back(line.digest);
        let most = FREE_LINES + from.get_ref().get_ref().bytes / LEAST_OF_A_LINE;
        if u64::try_from(lines.len()).map_or(true, |lines| lines > most) {
            return Err(BundleError::Altered(
                "it holds more lines than anything of its size".into(),
            ));
        }
        (before, last) = (so_far, line.start);
    }
    if lines.pop_back().is_none() {
        return Err(BundleError::Foreign("it is empty".into()));
    }
    let Ok(end) = serde_json::from_slice::<End>(&last) else {
        return Err(BundleError::Torn);
    };
    if end.end != hex(&before.finalize()) {
        return Err(BundleError::Altered("its digest does not agree".into()));
    }
    match (secret, end.signature) {
        (None, _) => Ok(Checked(lines)),
        (Some(_), None) => Err(BundleError::Signature("is missing, and one is asked for")),
        (Some(secret), Some(said)) if is_same(&said, &signature(secret, &end.end)) => Ok(Checked(lines)),
        (Some(_), Some(_)) => Err(BundleError::Signature("is not by this secret")),
    }
}

/// Counts what was read.
struct Counted<R> {
    from: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let read = self.from.read(to)?;
        self.bytes = self.bytes.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(read)
    }
}

/// The next line, taken into the digest of the whole; its memory does not grow with the line.
fn look(from: &mut impl BufRead, whole: &mut Sha256) -> Result<Option<Looked>, BundleError> {
    let (mut own, mut start, mut length) = (Sha256::new(), Vec::new(), 0_u64);
    loop {
        let chunk = from.fill_buf().map_err(told)?;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = end.and_then(|end| chunk.get(..=end)).unwrap_or(chunk);
        if part.is_empty() {
            return if length == 0 { Ok(None) } else { Err(BundleError::Torn) };
        }
        whole.update(part);
        own.update(part);
        start.extend(part.iter().take(MOST_END.saturating_sub(start.len())));
        let used = part.len();
        length = length.saturating_add(u64::try_from(used).unwrap_or(u64::MAX));
        from.consume(used);
        if length > MOST_LINE {
            return Err(BundleError::Altered("it holds a line that is too long".into()));
        }
        if end.is_some() {
            let digest = own.finalize().into();
            return Ok(Some(Looked { start, digest }));
        }
    }
}

fn is_of(header: &[u8], format: &str) -> Result<(), BundleError> {
    match serde_json::from_slice::<Format>(header) {
        Ok(found) if found.format == format => Ok(()),
        Ok(found) => Err(BundleError::Foreign(format!("its format is {}", found.format))),
        Err(_) => Err(BundleError::Foreign("its first line names no format".into())),
    }
}

/// Reads the lines of a file that was checked.
pub(super) struct Reader<R: Read> {
    from: BufReader<MultiGzDecoder<R>>,
    checked: Checked,
}

impl<R: Read> Reader<R> {
    /// The same file once more; its header is passed over.
    ///
    /// # Errors
    /// As [`Reader::line`].
    pub(super) fn begin(from: R, checked: Checked) -> Result<Self, BundleError> {
        let mut reader = Self {
            from: BufReader::new(MultiGzDecoder::new(from)),
            checked,
        };
        reader.line()?;
        Ok(reader)
    }

    /// The next line but the last.
    ///
    /// # Errors
    /// [`BundleError::Altered`] where it is not the line that was checked.
    pub(super) fn line(&mut self) -> Result<Option<String>, BundleError> {
        let Some(expected) = self.checked.0.pop_front() else {
            return Ok(None);
        };
        let mut line = String::new();
        let read = (&mut self.from).take(MOST_LINE).read_line(&mut line);
        read.map_err(told)?;
        if <[u8; 32]>::from(Sha256::digest(&line)) != expected {
            return Err(BundleError::Altered("it reads otherwise the second time".into()));
        }
        line.truncate(line.trim_end_matches('\n').len());
        Ok(Some(line))
    }
}

/// What the decompressor means.
fn told(error: std::io::Error) -> BundleError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "not our enum")]
    match error.kind() {
        ErrorKind::UnexpectedEof => BundleError::Torn,
        // the decompressor calls what it cannot believe an input
        ErrorKind::InvalidData | ErrorKind::InvalidInput => BundleError::Altered(error.to_string()),
        _ => BundleError::Io(error),
    }
}

/// Compares without saying by its time where the difference is.
fn is_same(one: &str, other: &str) -> bool {
    let differing = one
        .bytes()
        .zip(other.bytes())
        .fold(0, |all, (one, other)| all | (one ^ other));
    one.len() == other.len() && differing == 0
}
