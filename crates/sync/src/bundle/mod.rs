//! Bundles: runs carried out of a room without a network, and the confirmations carried back.
//!
//! A bundle is one gzip file of text lines. The first names the format, the second is the manifest: the name and the digest of
//! everything that follows. Then comes one line for each record and each attachment, and the last one holds the SHA-256 over
//! everything before it, and a signature where a secret is shared. Each
//! record stands there byte for byte as it was sealed (as JSON text), an attachment in hexadecimal: a person can read it with
//! `zcat`. Nothing is believed before the last line is checked, so that a torn or altered file changes nothing.

pub(crate) mod lines;
mod receipt;

use crate::bundle::lines::{Reader, Writer, check};
use crate::deliver::Now;
use crate::hmac::hex;
use benchtop_store::record::Attachment;
use benchtop_store::{
    Adopted, Loaded, Place, Receipt, ReceiptKind, RecordName, Sealed, Store, StoreError, StoreErrorKind, integrity,
    well_numbered,
};
pub use receipt::{Confirmations, confirmations, take_confirmations};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

const FORMAT: &str = "benchtop.bundle/1";

/// Why a bundle cannot be made or is refused.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It cannot be written or read.
    #[error("the bundle cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
    /// It ends too early: the copy was broken off.
    #[error("the bundle is torn: it ends before its last line; copy it again, or export it again")]
    Torn,
    /// It is not what was written.
    #[error("the bundle was altered: {0}; copy it again, or export it again")]
    Altered(String),
    /// It is none.
    #[error("this is no bundle of that kind: {0}")]
    Foreign(String),
    /// Its signature is missing or wrong.
    #[error("the bundle's signature {0}")]
    Signature(&'static str),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The second reading broke off after something was taken; made again, it goes on from there.
    #[error("{cause}; what was taken before that stays: do it again once that is mended")]
    BrokenOff {
        /// What it was.
        #[source]
        cause: Box<Self>,
    },
}

impl BundleError {
    /// The same, with what it leaves behind.
    fn after(self, is_something_taken: bool) -> Self {
        match is_something_taken {
            true => Self::BrokenOff { cause: Box::new(self) },
            false => self,
        }
    }
}

/// What was put into a bundle, or taken out of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Records that were carried.
    pub records: usize,
    /// Records that were here already.
    pub already: usize,
    /// Attachments that were carried.
    pub attachments: usize,
    /// Records that were left out, with the reason.
    pub left_out: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    made_at: String,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
enum Line {
    Manifest(Manifest),
    Record { name: String, json: String },
    Attachment { sha256: String, hex: String },
}

/// What a bundle holds, as it says at its beginning.
#[derive(Default, Serialize, Deserialize)]
struct Manifest {
    /// The digest of each record's bytes, by its name.
    records: BTreeMap<String, String>,
    /// How many bytes each attachment has, by its digest.
    attachments: BTreeMap<String, u64>,
}

/// Writes every pending record and its attachments. They stay where they are; a receipt says of each that another computer has it
/// from now on, before the bundle is whole.
///
/// # Errors
/// [`BundleError`] when the store or the file is in trouble.
pub fn export(
    store: &Store,
    to: &mut dyn Write,
    secret: Option<&SecretString>,
    now: Now<'_>,
) -> Result<Carried, BundleError> {
    let mut writer = Writer::begin(
        to,
        &Header {
            format: FORMAT.to_owned(),
            made_at: crate::times::wire(now()),
        },
    )?;
    let mut carried = Carried::default();
    let (mut manifest, mut names, mut marks) = (Manifest::default(), Vec::new(), BTreeMap::new());
    for name in store.pending(usize::MAX)?.names {
        let sealed = match store.load(&name) {
            Ok(Loaded::Sealed(sealed)) => sealed,
            Ok(Loaded::Quarantined(quarantined)) => {
                carried.left_out.push((name.to_string(), quarantined.reason));
                continue;
            }
            Ok(Loaded::Gone) => continue,
            Err(error) if is_its_own(error.kind()) => {
                carried.left_out.push((name.to_string(), error.to_string()));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        match carries(store, name.run_id(), now) {
            Ok(mark) => marks.extend(mark.map(|mark| (name.run_id().to_owned(), mark))),
            Err(error) if is_its_own(error.kind()) => {
                carried.left_out.push((name.to_string(), error.to_string()));
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        manifest.records.insert(name.to_string(), digest(&sealed.bytes));
        for attachment in &sealed.record.attachments {
            manifest.attachments.insert(attachment.sha256.clone(), attachment.size);
        }
        names.push(name);
    }
    writer.line(&Line::Manifest(manifest))?;
    let (mut written, mut leave) = (BTreeSet::new(), Vec::new());
    for name in names {
        // a sync beside us may have moved it since
        let Some((_, sealed)) = anywhere(store, &name)? else {
            let reason = "it was removed while the bundle was written".to_owned();
            carried.left_out.push((name.to_string(), reason));
            continue;
        };
        for attachment in &sealed.record.attachments {
            if !written.contains(&attachment.sha256) {
                match attachment_line(store, attachment) {
                    Ok(line) => writer.line(&line)?,
                    Err(error) => {
                        carried.left_out.push((attachment.name.clone(), error.to_string()));
                        continue;
                    }
                }
                written.insert(attachment.sha256.clone());
                carried.attachments += 1;
            }
        }
        let json = String::from_utf8(sealed.bytes).map_err(|error| BundleError::Altered(error.to_string()))?;
        writer.line(&Line::Record {
            name: name.to_string(),
            json,
        })?;
        carried.records += 1;
        leave.extend(marks.remove_entry(name.run_id()));
    }
    // durably, before its last line: a bundle without that is torn and taken by nobody, and then no run has left
    store.receipts().append_all(&leave)?;
    writer.end(secret)?;
    Ok(carried)
}

/// What says that this store is not the only one that has the record; `None` where it was said already.
fn carries(store: &Store, run_id: &str, now: Now<'_>) -> Result<Option<Receipt>, StoreError> {
    if store.receipts().read(run_id)?.is_carried() {
        return Ok(None);
    }
    Ok(Some(Receipt {
        at: now(),
        target: String::new(),
        kind: ReceiptKind::Carried,
    }))
}

/// A record wherever it lies, and where.
fn anywhere(store: &Store, name: &RecordName) -> Result<Option<(Place, Sealed)>, StoreError> {
    // pending first and last: a record that is moved while we look is met in one place or the other
    let places = [
        Place::Pending,
        Place::Parked,
        Place::Kept,
        Place::Synced,
        Place::Pending,
    ];
    for place in places {
        match store.read(place, name) {
            Ok(sealed) => return Ok(Some((place, sealed))),
            Err(error) if error.kind() == StoreErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn attachment_line(store: &Store, attachment: &Attachment) -> Result<Line, StoreError> {
    Ok(Line::Attachment {
        sha256: attachment.sha256.clone(),
        hex: hex(&store.attachment_bytes(attachment)?),
    })
}

/// Takes the records of a bundle into a store, where they wait for its targets. A receipt says of each that another computer has it
/// too, before it waits.
///
/// `from` gives the same bytes twice: the whole bundle is checked before anything is taken.
///
/// # Errors
/// [`BundleError`]: what is torn, altered, unsigned or no bundle is refused as a whole. Only what goes wrong in the second reading
/// leaves what came before it: [`BundleError::BrokenOff`].
pub fn import<R: Read>(
    store: &Store,
    mut from: impl FnMut() -> std::io::Result<R>,
    secret: Option<&SecretString>,
    now: Now<'_>,
) -> Result<Carried, BundleError> {
    let checked = check(from()?, FORMAT, secret)?;
    store.forget_broken_off_imports()?;
    let mut reader = Reader::begin(from()?, checked)?;
    let mut carried = Carried::default();
    match take_all(store, &mut reader, &mut carried, now) {
        Ok(()) => Ok(carried),
        Err(error) => Err(error.after(carried.records + carried.attachments > 0)),
    }
}

fn take_all(
    store: &Store,
    reader: &mut Reader<impl Read>,
    carried: &mut Carried,
    now: Now<'_>,
) -> Result<(), BundleError> {
    let mut manifest = None;
    while let Some(line) = reader.line()? {
        match serde_json::from_str(&line).map_err(|error| BundleError::Altered(error.to_string()))? {
            Line::Manifest(said) => manifest = Some(said),
            Line::Attachment { sha256, hex } => {
                let bytes = unhex(&hex).ok_or_else(|| BundleError::Altered(format!("attachment {sha256}")))?;
                if let Some(manifest) = &mut manifest {
                    let size = u64::try_from(bytes.len()).ok();
                    named(manifest.attachments.remove(&sha256) == size, &sha256)?;
                }
                store.adopt_attachment(&sha256, &bytes)?;
                carried.attachments += 1;
            }
            Line::Record { name, json } => {
                if let Some(manifest) = &mut manifest {
                    let said = manifest.records.remove(&name);
                    named(said.is_some_and(|said| said == digest(json.as_bytes())), &name)?;
                }
                match adopt(store, &json, now) {
                    Ok(Adopted::New(_)) => carried.records += 1,
                    Ok(Adopted::Already(_)) => carried.already += 1,
                    Err(error) if is_its_own(error.kind()) => carried.left_out.push((name, error.to_string())),
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
    let Manifest { records, attachments } = manifest.unwrap_or_default();
    let missing = records.into_keys().chain(attachments.into_keys());
    let reason = "the manifest names it, and the bundle lacks it";
    carried.left_out.extend(missing.map(|name| (name, reason.to_owned())));
    Ok(())
}

/// A record that cannot be believed leaves no receipt.
fn adopt(store: &Store, json: &str, now: Now<'_>) -> Result<Adopted, StoreError> {
    if let Ok(record) = integrity::open(json.as_bytes())
        // else it is refused, with the reason
        && well_numbered(&record).is_ok()
        && let Some(mark) = carries(store, &record.run_id, now)?
    {
        store.receipts().append(&record.run_id, &mark)?;
    }
    store.adopt(json.as_bytes())
}

/// What comes is what the manifest names, once.
fn named(is_named: bool, what: &str) -> Result<(), BundleError> {
    match is_named {
        true => Ok(()),
        false => Err(BundleError::Altered(format!("{what} is not what its manifest names"))),
    }
}

/// Trouble of one record, which the others do not share.
const fn is_its_own(kind: StoreErrorKind) -> bool {
    matches!(
        kind,
        StoreErrorKind::Damaged | StoreErrorKind::Newer | StoreErrorKind::Conflict
    )
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    let pairs = digits.chunks_exact(2);
    Some(
        pairs
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect(),
    )
}

/// The digest that names a record's bytes in a receipt.
fn digest(bytes: &[u8]) -> String {
    integrity::sha256_hex(bytes)
}
