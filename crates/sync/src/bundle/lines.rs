//! The form of bundles and of the receipts for them: gzip, lines of JSON, and a last line that proves the ones before it.

use super::BundleError;
use crate::hmac::{hex, hmac};
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};

/// Longest line: an attachment of 100 MiB.
const MOST_LINE: u64 = 256 << 20;

/// The last line.
#[derive(Serialize, Deserialize)]
struct End {
    /// The SHA-256 over every line before it.
    end: String,
    /// The HMAC-SHA256 of that digest under the shared secret.
    signature: Option<String>,
}

/// Writes lines.
pub(super) struct Writer<W: Write> {
    to: GzEncoder<W>,
    digest: Sha256,
}

impl<W: Write> Writer<W> {
    pub(super) fn begin(to: W, header: &impl Serialize) -> Result<Self, BundleError> {
        let mut writer = Self {
            to: GzEncoder::new(to, Compression::default()),
            digest: Sha256::new(),
        };
        writer.line(header)?;
        Ok(writer)
    }

    pub(super) fn line(&mut self, line: &impl Serialize) -> Result<(), BundleError> {
        let mut json = serde_json::to_vec(line).map_err(|error| BundleError::Io(error.into()))?;
        json.push(b'\n');
        self.digest.update(&json);
        Ok(self.to.write_all(&json)?)
    }

    pub(super) fn end(mut self, secret: Option<&SecretString>) -> Result<(), BundleError> {
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

/// Reads lines.
pub(super) struct Reader<R: Read> {
    from: BufReader<MultiGzDecoder<R>>,
    digest: Sha256,
    /// The line after the ones that were given.
    ahead: Option<String>,
}

#[derive(Deserialize)]
struct Format {
    format: String,
}

impl<R: Read> Reader<R> {
    /// # Errors
    /// [`BundleError::Foreign`] for anything that is not of this format.
    pub(super) fn begin(from: R, format: &str) -> Result<Self, BundleError> {
        let mut reader = Self {
            from: BufReader::new(MultiGzDecoder::new(from)),
            digest: Sha256::new(),
            ahead: None,
        };
        let header = match reader.read() {
            Ok(Some(line)) => line,
            Ok(None) => return Err(BundleError::Foreign("it is empty".into())),
            Err(BundleError::Io(error)) if error.kind() == ErrorKind::InvalidInput => {
                return Err(BundleError::Foreign("it is not compressed as bundles are".into()));
            }
            Err(error) => return Err(error),
        };
        match serde_json::from_str::<Format>(&header) {
            Ok(found) if found.format == format => {}
            Ok(found) => return Err(BundleError::Foreign(format!("its format is {}", found.format))),
            Err(_) => return Err(BundleError::Foreign("its first line names no format".into())),
        }
        reader.digest.update(&header);
        reader.digest.update(b"\n");
        reader.ahead = reader.read()?;
        Ok(reader)
    }

    /// The next line but the last.
    pub(super) fn line(&mut self) -> Result<Option<String>, BundleError> {
        let Some(next) = self.read()? else { return Ok(None) };
        let Some(line) = self.ahead.replace(next) else {
            return Ok(None);
        };
        self.digest.update(&line);
        self.digest.update(b"\n");
        Ok(Some(line))
    }

    /// Checks the last line, once all others were read.
    pub(super) fn end(self, secret: Option<&SecretString>) -> Result<(), BundleError> {
        let last = self.ahead.and_then(|line| serde_json::from_str::<End>(&line).ok());
        let Some(last) = last else {
            return Err(BundleError::Torn);
        };
        if last.end != hex(&self.digest.finalize()) {
            return Err(BundleError::Altered("its digest does not agree".into()));
        }
        match (secret, last.signature) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(BundleError::Signature("is missing, and one is asked for")),
            (Some(secret), Some(said)) if is_same(&said, &signature(secret, &last.end)) => Ok(()),
            (Some(_), Some(_)) => Err(BundleError::Signature("is not by this secret")),
        }
    }

    fn read(&mut self) -> Result<Option<String>, BundleError> {
        let mut line = String::new();
        let read = (&mut self.from).take(MOST_LINE).read_line(&mut line);
        match read {
            Ok(0) => Ok(None),
            Ok(_) if line.ends_with('\n') => {
                line.pop();
                Ok(Some(line))
            }
            Ok(_) => Err(BundleError::Torn),
            Err(error) => Err(told(error)),
        }
    }
}

/// What the decompressor means.
fn told(error: std::io::Error) -> BundleError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "not our enum")]
    match error.kind() {
        ErrorKind::UnexpectedEof => BundleError::Torn,
        ErrorKind::InvalidData => BundleError::Altered(error.to_string()),
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
