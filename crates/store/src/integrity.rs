//! The last member of a sealed record: a digest over the exact bytes before it.
//!
//! ```text
//! {
//!   "schema": "benchtop.run/1",
//!   ...,
//!   "integrity": {
//!     "alg": "sha256",
//!     "len": 4711,
//!     "hex": "..."
//!   }
//! }
//! ```
//! A station with a key adds `"signature": {"alg": "ed25519", "key": ..., "hex": ...}` behind it.
//!
//! `hex` is the SHA-256 of the first `len` bytes of the file: all before the comma in front of `"integrity"`. The
//! member is end mark and checksum in one, so that no second file is needed, and any JSON tool still reads the
//! record. The digest proves freedom from accidents, not from malice: whoever can write the file can write the digest. The
//! signature proves more, to whoever knows the station's public key ([`crate::StationKey`]).

use crate::{
    record::{Record, SCHEMA},
    sign::{Signature, StationKey},
};
use serde::{Serialize, ser::Error as _};
use sha2::{Digest, Sha256};
use std::io::{self, Write};

/// How the member begins. A text inside the record never holds a raw line feed, so this is found nowhere else.
const OPENING: &str = ",\n  \"integrity\": {";
/// How an object ends on a line of its own.
const CLOSING: &str = "\n}";
/// A file is written in pieces of at least so many bytes.
const PIECE: usize = 64 * 1024;

/// Why bytes are not a sealed record.
#[derive(Debug, thiserror::Error)]
pub enum IntegrityError {
    /// The member is not at the end: torn, or not written by us.
    #[error("it does not end with its integrity member: torn, or not a record")]
    Missing,
    /// The bytes are not those that were sealed.
    #[error("its bytes are not those that were sealed: digest or length differ")]
    Altered,
    /// The bytes are sealed, but they are no record.
    #[error("it is not a record: {0}")]
    Form(#[from] serde_json::Error),
    /// A later program wrote it.
    #[error("its schema is `{0}`, which this program does not know")]
    Newer(String),
}

/// SHA-256 in hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Two lower-case digits a byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const fn digit(value: u8) -> u8 {
        match value {
            0..=9 => b'0' + value,
            _ => b'a' + value - 10,
        }
    }
    let digits = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]);
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    text.extend(digits.map(char::from));
    text
}

fn member(length: usize, hex: &str, signature: Option<&Signature>) -> String {
    let signature = signature.map_or_else(String::new, |Signature { alg, key, hex }| {
        format!(
            ",\n    \"signature\": {{\n      \"alg\": \"{alg}\",\n      \"key\": \"{key}\",\n      \"hex\": \"{hex}\"\n    }}"
        )
    });
    format!(
        "{OPENING}\n    \"alg\": \"sha256\",\n    \"len\": {length},\n    \"hex\": \"{hex}\"{signature}\n  }}{CLOSING}\n"
    )
}

/// A record's file, ready to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SealedBytes {
    pub(crate) bytes: Vec<u8>,
    /// What `hex` says.
    pub(crate) digest: String,
}

/// A record's file that was checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// What it says.
    pub record: Record,
    /// What `hex` says.
    pub digest: String,
    /// The station's signature, where there is one. It was not verified.
    pub signature: Option<Signature>,
}

/// The bytes of a record's file, integrity member included.
///
/// # Errors
/// Where the record holds a number that is not finite.
pub fn seal(record: &Record) -> Result<Vec<u8>, serde_json::Error> {
    Ok(seal_with(record, None)?.bytes)
}

/// As [`seal`], signed where there is a key.
pub(crate) fn seal_with(record: &Record, key: Option<&StationKey>) -> Result<SealedBytes, serde_json::Error> {
    let mut bytes = Vec::new();
    let digest = write_sealed(record, key, &mut bytes).map_err(|unwritten| match unwritten {
        Unwritten::Form(error) => error,
        Unwritten::Disk(error) => serde_json::Error::custom(error),
    })?;
    Ok(SealedBytes { bytes, digest })
}

/// Why a record's file could not be written.
#[derive(Debug)]
pub(crate) enum Unwritten {
    /// It holds a number that is not finite.
    Form(serde_json::Error),
    /// What the disk said.
    Disk(io::Error),
}

impl From<serde_json::Error> for Unwritten {
    fn from(error: serde_json::Error) -> Self {
        if error.is_io() {
            Self::Disk(error.into())
        } else {
            Self::Form(error)
        }
    }
}

/// Writes a record's file piece by piece, and answers its digest.
pub(crate) fn write_sealed<M: Serialize>(
    record: &Record<M>,
    key: Option<&StationKey>,
    to: &mut dyn Write,
) -> Result<String, Unwritten> {
    let mut body = Body {
        to,
        digest: Sha256::new(),
        length: 0,
        held: Vec::new(),
    };
    serde_json::to_writer_pretty(&mut body, record)?;
    body.close(key).map_err(Unwritten::Disk)
}

/// What is digested on its way into the file.
struct Body<'w> {
    to: &'w mut dyn Write,
    digest: Sha256,
    /// How many bytes are written.
    length: usize,
    /// What is still to be written: the end of the object is never known to be it before the end.
    held: Vec<u8>,
}

impl Body<'_> {
    /// Writes what is held but for its last bytes, which may be the end of the object.
    fn let_go(&mut self) -> io::Result<()> {
        let length = self.held.len().saturating_sub(CLOSING.len());
        let sure: Vec<u8> = self.held.drain(..length).collect();
        self.digest.update(&sure);
        self.length += sure.len();
        self.to.write_all(&sure)
    }

    /// Writes the rest, with the member in place of the end of the object.
    fn close(mut self, key: Option<&StationKey>) -> io::Result<String> {
        self.held.truncate(self.held.len().saturating_sub(CLOSING.len()));
        self.digest.update(&self.held);
        let digest = hex(&self.digest.finalize());
        let signature = key.map(|key| key.sign(&digest));
        let member = member(self.length + self.held.len(), &digest, signature.as_ref());
        self.held.extend_from_slice(member.as_bytes());
        self.to.write_all(&self.held)?;
        Ok(digest)
    }
}

impl Write for Body<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        if self.held.len() >= PIECE {
            self.let_go()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads the bytes of a record's file after checking every one of them.
///
/// # Errors
/// [`IntegrityError`], which says why these bytes are not a record that this program can read.
pub fn open(bytes: &[u8]) -> Result<Record, IntegrityError> {
    Ok(inspect(bytes)?.record)
}

/// As [`open`], with its digest and its signature.
///
/// # Errors
/// As [`open`].
pub fn inspect(bytes: &[u8]) -> Result<Opened, IntegrityError> {
    let at = bytes
        .windows(OPENING.len())
        .rposition(|window| window == OPENING.as_bytes())
        .ok_or(IntegrityError::Missing)?;
    let (sealed, found) = bytes.split_at(at);
    let digest = sha256_hex(sealed);
    let signature = if found == member(sealed.len(), &digest, None).as_bytes() {
        None
    } else {
        let signature = signature_in(found).ok_or(IntegrityError::Altered)?;
        if found != member(sealed.len(), &digest, Some(&signature)).as_bytes() {
            return Err(IntegrityError::Altered);
        }
        Some(signature)
    };
    let record = match read(bytes) {
        Ok(record) if record.schema == SCHEMA => record,
        Ok(record) => return Err(IntegrityError::Newer(record.schema)),
        // what a later program wrote need not have our members
        Err(error) => match serde_json::from_slice::<Schema>(bytes) {
            Ok(schema) if schema.schema != SCHEMA => return Err(IntegrityError::Newer(schema.schema)),
            Ok(_) | Err(_) => return Err(error.into()),
        },
    };
    Ok(Opened {
        record,
        digest,
        signature,
    })
}

/// Whether they are text is looked at once for all of them, and not for each of a record's texts.
fn read(bytes: &[u8]) -> Result<Record, serde_json::Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str(text),
        // it says where
        Err(_no_text) => serde_json::from_slice(bytes),
    }
}

fn signature_in(member: &[u8]) -> Option<Signature> {
    #[derive(serde::Deserialize)]
    struct Whole {
        integrity: Member,
    }
    #[derive(serde::Deserialize)]
    struct Member {
        signature: Signature,
    }
    let alone = [b"{", member.strip_prefix(b",")?].concat();
    let whole: Whole = serde_json::from_slice(&alone).ok()?;
    Some(whole.integrity.signature)
}

/// As much of a record as every version has.
#[derive(serde::Deserialize)]
struct Schema {
    schema: String,
}

/// A sealed record in which a text was replaced, sealed again.
#[cfg(test)]
pub(crate) fn resealed_with(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = std::str::from_utf8(bytes).unwrap();
    let (sealed, _) = text.rsplit_once(OPENING).unwrap();
    assert!(sealed.contains(from), "{from}");
    let altered = sealed.replacen(from, to, 1);
    let member = member(altered.len(), &sha256_hex(altered.as_bytes()), None);
    format!("{altered}{member}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;

    #[test]
    fn a_sealed_record_reads_back_the_same() {
        let record = testkit::eventful_record();
        let bytes = seal(&record).unwrap();
        assert_eq!(open(&bytes).unwrap(), record);
        assert_eq!(seal(&open(&bytes).unwrap()).unwrap(), bytes);
    }

    #[test]
    fn integrity_is_the_last_member_and_covers_the_bytes_before_it() {
        let bytes = seal(&testkit::record()).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let length = usize::try_from(json["integrity"]["len"].as_u64().unwrap()).unwrap();
        assert_eq!(json["integrity"]["alg"], "sha256");
        assert_eq!(json["integrity"]["hex"], sha256_hex(&bytes[..length]));
        assert!(bytes[length..].starts_with(b",\n  \"integrity\": {"));
        assert!(bytes.ends_with(b"}\n"));
    }

    #[test]
    fn a_signed_record_reads_back_the_same_and_no_byte_of_it_can_change() {
        let key = StationKey::of_seed([7; 32]);
        let record = testkit::record();
        let sealed = seal_with(&record, Some(&key)).unwrap();
        let opened = inspect(&sealed.bytes).unwrap();
        assert_eq!((&opened.record, &opened.digest), (&record, &sealed.digest));
        assert!(opened.signature.unwrap().is_of(&sealed.digest));
        for index in 0..sealed.bytes.len() {
            let mut altered = sealed.bytes.clone();
            altered[index] ^= 1;
            let believed = inspect(&altered).ok().and_then(|opened| opened.signature);
            assert!(
                !believed.is_some_and(|signature| signature.is_of(&sealed.digest)),
                "byte {index}"
            );
        }
        // without the signature it is still a record, and not a signed one
        assert_eq!(inspect(&seal(&record).unwrap()).unwrap().signature, None);
    }

    #[test]
    fn every_truncation_and_every_flipped_byte_is_found() {
        let bytes = seal(&testkit::record()).unwrap();
        for length in 0..bytes.len() {
            assert!(open(&bytes[..length]).is_err(), "cut to {length}");
        }
        for index in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[index] ^= 1 << (index % 8);
            assert!(open(&altered).is_err(), "byte {index}");
        }
        let longer = [bytes.as_slice(), b" "].concat();
        assert!(open(&longer).is_err());
    }

    #[test]
    fn a_text_that_looks_like_the_member_changes_nothing() {
        let mut record = testkit::record();
        record.reason = Some(",\n  \"integrity\": {\n    \"alg\": \"sha256\"".to_owned());
        assert_eq!(open(&seal(&record).unwrap()).unwrap(), record);
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut record = testkit::record();
            record.duration_s = bad;
            assert!(seal(&record).is_err());
            let mut record = testkit::record();
            let measurement = record.steps.iter_mut().find_map(|step| step.measurements.first_mut());
            measurement.unwrap().value = Some(crate::record::Value::Number(bad));
            assert!(seal(&record).is_err());
        }
    }

    fn resealed(from: &str, to: &str) -> Vec<u8> {
        resealed_with(&seal(&testkit::record()).unwrap(), from, to)
    }

    #[test]
    fn a_later_schema_is_told_from_damage() {
        let bytes = resealed("benchtop.run/1", "benchtop.run/2");
        assert!(matches!(open(&bytes), Err(IntegrityError::Newer(schema)) if schema == "benchtop.run/2"));
    }

    #[test]
    fn unknown_members_are_tolerated_and_doubled_ones_refused() {
        let bytes = resealed("\"schema\"", "\"colour\": [1, {}], \"schema\"");
        assert_eq!(open(&bytes).unwrap(), testkit::record());
        for doubled in ["\"outcome\": \"FAIL\", ", "\"run_passed\": true, ", "\"sequence\": 7, "] {
            let bytes = resealed("\"schema\"", &format!("{doubled}\"schema\""));
            assert!(matches!(open(&bytes), Err(IntegrityError::Form(_))), "{doubled}");
        }
        let bytes = resealed("\"parameters\": {}", "\"parameters\": {\"a\": 1, \"a\": 2}");
        assert!(matches!(open(&bytes), Err(IntegrityError::Form(_))));
        let bytes = resealed("\"parameters\": {}", "\"parameters\": {\"a\": 1, \"b\": \"x\"}");
        assert!(open(&bytes).is_ok());
    }
}
