//! Whether the records of a store are all there, each as it was sealed, in the order in which they were sealed.

mod walk;

use crate::{
    chain::{self, Checkpoint, from_elsewhere, read_all},
    disk::Dir,
    error::{StoreError, StoreErrorKind},
    integrity::{self, IntegrityError},
    name::RecordName,
    outbox::folder_holding,
    record::{Attachment, Record},
    recovery::MOST_RECORD_BYTES,
    sign::Signature,
    store::Store,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};
use walk::Link;

/// Something that is wrong with the records of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A record is not what was sealed, or cannot be read.
    Altered {
        /// Its file name.
        file: String,
        /// What was seen.
        reason: String,
    },
    /// A record that a later program sealed: this one cannot tell whether it is whole. Its place in the chain counts as missing.
    Newer {
        /// Its file name.
        file: String,
        /// What was seen.
        reason: String,
    },
    /// Records of the chain that are nowhere.
    Missing {
        /// Position of the first.
        from: u64,
        /// Position of the last.
        to: u64,
    },
    /// A record does not follow from the one before it.
    Broken {
        /// Its position.
        position: u64,
        /// Its file name.
        file: String,
    },
    /// A record says that another one than the one before it came before it.
    Reordered {
        /// Its position.
        position: u64,
        /// Its file name.
        file: String,
        /// Where the record stands that it names.
        follows: u64,
    },
    /// Several records at one position.
    Doubled {
        /// The position.
        position: u64,
        /// Their file names.
        files: Vec<String>,
    },
    /// A record or a checkpoint that should be signed is not, or not by this station.
    Signature {
        /// Its file name, or which checkpoint.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A file that a record names is not there.
    Attachment {
        /// The record's file name.
        file: String,
        /// The attachment's name and digest.
        attachment: String,
    },
    /// A file that a record names is not what was put away, or cannot be read.
    AlteredAttachment {
        /// The record's file name.
        file: String,
        /// The attachment's name and digest.
        attachment: String,
        /// What was seen.
        reason: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered { file, reason } => write!(f, "altered: {file}: {reason}"),
            Self::Newer { file, reason } => write!(
                f,
                "not verified: {file}: {reason}: use the program that wrote it; its place in the chain is told as missing for that \
                 reason alone"
            ),
            Self::Missing { from, to } if from == to => {
                write!(f, "missing: the record at position {from} of the chain")
            }
            Self::Missing { from, to } => write!(f, "missing: the records at positions {from} to {to} of the chain"),
            Self::Broken { position, file } => {
                write!(
                    f,
                    "broken: {file} (position {position}) does not follow from the record before it"
                )
            }
            Self::Reordered {
                position,
                file,
                follows,
            } => write!(
                f,
                "reordered: {file} stands at position {position} and follows the one at {follows}"
            ),
            Self::Doubled { position, files } => {
                write!(
                    f,
                    "doubled: several records at position {position}: {}",
                    files.join(", ")
                )
            }
            Self::Signature { file, reason } => write!(f, "signature: {file}: {reason}"),
            Self::Attachment { file, attachment } => write!(f, "missing: the attachment {attachment} of {file}"),
            Self::AlteredAttachment {
                file,
                attachment,
                reason,
            } => write!(f, "altered: the attachment {attachment} of {file}: {reason}"),
        }
    }
}

/// What was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Records that are as they were sealed.
    pub records: u64,
    /// Records that were sealed before there was a chain.
    pub unchained: u64,
    /// Records that were brought from another store; they are in that one's chain.
    pub elsewhere: u64,
    /// Positions that were pruned, by their checkpoints.
    pub pruned: u64,
    /// Position of the last record of the chain; 0 without any.
    pub head: u64,
    /// How many records were signed, by public key.
    pub keys: BTreeMap<String, u64>,
    /// Files in quarantine: they count for nothing.
    pub quarantined: usize,
    /// How many findings there were.
    pub findings: u64,
}

impl Store {
    /// Reads every record with its attachments and follows the chain. With `key` (a public key in hex) every record of the chain
    /// and every checkpoint must be signed with it. Moves and alters nothing; runs and syncs may go on meanwhile.
    ///
    /// Memory grows with the number of records, by some 300 bytes each.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be listed, or its checkpoints cannot be believed. What is wrong with records is
    /// told to `tell`.
    pub fn verify(&self, key: Option<&str>, tell: &mut dyn FnMut(&Finding)) -> Result<Verified, StoreError> {
        let layout = self.layout();
        let head = chain::head(layout)?;
        let checkpoints = read_all(layout)?;
        let elsewhere = from_elsewhere(layout)?;
        let mut verifying = Verifying {
            store: self,
            key,
            verified: Verified {
                head: head.as_ref().map_or(0, |head| head.position),
                quarantined: self.quarantined()?.len(),
                ..Verified::default()
            },
            seen: BTreeSet::new(),
            elsewhere,
            links: Vec::new(),
            attached: BTreeMap::new(),
            tell,
        };
        // in the order in which records move, so that none slips by
        verifying.folder(&layout.pending)?;
        for month in layout.months()? {
            verifying.folder(&month)?;
        }
        verifying.folder(&layout.parked)?;
        verifying.folder(&layout.kept)?;
        verifying.folder(&layout.pending)?;
        for checkpoint in &checkpoints {
            verifying.checkpoint(checkpoint);
        }
        let links = std::mem::take(&mut verifying.links);
        let (pruned, findings) = walk::follow(links, &checkpoints, head.as_ref());
        verifying.verified.pruned = pruned;
        for finding in &findings {
            verifying.found(finding);
        }
        Ok(verifying.verified)
    }
}

/// Why an attachment is not what a record says.
#[derive(Clone, Debug)]
enum Doubt {
    Missing,
    Altered(String),
}

struct Verifying<'a> {
    store: &'a Store,
    key: Option<&'a str>,
    verified: Verified,
    /// Sequence numbers and ids of the runs that were read.
    seen: BTreeSet<(u64, String)>,
    /// Runs that were brought from another store.
    elsewhere: BTreeSet<String>,
    links: Vec<Link>,
    /// By digest and size, the attachments that were read: nothing of one that is what was put away.
    attached: BTreeMap<(String, u64), Option<Doubt>>,
    tell: &'a mut dyn FnMut(&Finding),
}

impl Verifying<'_> {
    fn found(&mut self, finding: &Finding) {
        self.verified.findings = self.verified.findings.saturating_add(1);
        (self.tell)(finding);
    }

    fn folder(&mut self, folder: &Dir) -> Result<(), StoreError> {
        for file in folder.names()? {
            if file.starts_with('.') {
                continue;
            }
            let Ok(name) = file.parse::<RecordName>() else {
                let reason = "it does not have the name of a record".to_owned();
                self.found(&Finding::Altered { file, reason });
                continue;
            };
            if self.seen.insert((name.sequence(), name.run_id().to_owned())) {
                self.record(folder, &name)?;
            }
        }
        Ok(())
    }

    fn record(&mut self, folder: &Dir, name: &RecordName) -> Result<(), StoreError> {
        let Some(bytes) = self.bytes(folder, name)? else {
            return Ok(());
        };
        let opened = match integrity::inspect(&bytes) {
            Ok(opened) => opened,
            Err(error @ IntegrityError::Newer(_)) => {
                let (file, reason) = (name.to_string(), error.to_string());
                self.found(&Finding::Newer { file, reason });
                return Ok(());
            }
            Err(error @ (IntegrityError::Missing | IntegrityError::Altered | IntegrityError::Form(_))) => {
                let (file, reason) = (name.to_string(), error.to_string());
                self.found(&Finding::Altered { file, reason });
                return Ok(());
            }
        };
        if RecordName::of(&opened.record) != *name {
            let reason = format!(
                "it holds run {}: another name than its own",
                RecordName::of(&opened.record)
            );
            let file = name.to_string();
            self.found(&Finding::Altered { file, reason });
            return Ok(());
        }
        self.verified.records = self.verified.records.saturating_add(1);
        self.attachments(&opened.record, name);
        if self.elsewhere.contains(name.run_id()) {
            self.verified.elsewhere = self.verified.elsewhere.saturating_add(1);
            return Ok(());
        }
        self.signature(opened.signature.as_ref(), &opened.digest, &opened.record, name);
        match opened.record.chain {
            None => self.verified.unchained = self.verified.unchained.saturating_add(1),
            Some(chain) => self.links.push(Link {
                position: chain.position,
                previous: chain.previous,
                digest: opened.digest,
                file: name.to_string(),
            }),
        }
        Ok(())
    }

    /// The bytes of a record, wherever it went meanwhile; `None` for one that went to quarantine or was pruned.
    fn bytes(&mut self, folder: &Dir, name: &RecordName) -> Result<Option<Vec<u8>>, StoreError> {
        let error = match folder.read(name.as_str(), MOST_RECORD_BYTES) {
            Ok(bytes) => return Ok(Some(bytes)),
            Err(error) => error,
        };
        let error = match error.kind() {
            StoreErrorKind::NotFound => match folder_holding(self.store.layout(), name)? {
                Some(folder) => match folder.read(name.as_str(), MOST_RECORD_BYTES) {
                    Ok(bytes) => return Ok(Some(bytes)),
                    Err(error) => error,
                },
                None => return Ok(None),
            },
            StoreErrorKind::Damaged
            | StoreErrorKind::Full
            | StoreErrorKind::ReadOnly
            | StoreErrorKind::Permission
            | StoreErrorKind::Locked
            | StoreErrorKind::Conflict
            | StoreErrorKind::Newer
            | StoreErrorKind::TooLarge
            | StoreErrorKind::Invalid
            | StoreErrorKind::Io => error,
        };
        let (file, reason) = (name.to_string(), error.to_string());
        self.found(&Finding::Altered { file, reason });
        Ok(None)
    }

    fn attachments(&mut self, record: &Record, name: &RecordName) {
        for attachment in &record.attachments {
            // many records may name one file
            let key = (attachment.sha256.clone(), attachment.size);
            let doubt = match self.attached.get(&key) {
                Some(known) => known.clone(),
                None => self.doubt_of(attachment),
            };
            self.attached.insert(key, doubt.clone());
            let file = name.to_string();
            let attachment = format!("{} ({})", attachment.name, attachment.sha256);
            match doubt {
                None => {}
                Some(Doubt::Missing) => self.found(&Finding::Attachment { file, attachment }),
                Some(Doubt::Altered(reason)) => self.found(&Finding::AlteredAttachment {
                    file,
                    attachment,
                    reason,
                }),
            }
        }
    }

    /// What is wrong with a file that a record names.
    fn doubt_of(&self, attachment: &Attachment) -> Option<Doubt> {
        let error = match self.store.attachment_bytes(attachment) {
            Ok(bytes) if u64::try_from(bytes.len()) == Ok(attachment.size) => return None,
            Ok(bytes) => {
                let reason = format!("it has {} bytes, not {}", bytes.len(), attachment.size);
                return Some(Doubt::Altered(reason));
            }
            Err(error) => error,
        };
        match error.kind() {
            StoreErrorKind::NotFound => Some(Doubt::Missing),
            StoreErrorKind::Damaged
            | StoreErrorKind::Full
            | StoreErrorKind::ReadOnly
            | StoreErrorKind::Permission
            | StoreErrorKind::Locked
            | StoreErrorKind::Conflict
            | StoreErrorKind::Newer
            | StoreErrorKind::TooLarge
            | StoreErrorKind::Invalid
            | StoreErrorKind::Io => Some(Doubt::Altered(error.to_string())),
        }
    }

    /// Who removes a record and writes a checkpoint for it has not the key.
    fn checkpoint(&mut self, checkpoint: &Checkpoint) {
        let is_of_it = |signature: &Signature| signature.is_of_checkpoint(&checkpoint.words());
        if let Some(reason) = doubt(checkpoint.signature.as_ref(), self.key, is_of_it) {
            let file = format!("the checkpoint of {} to {}", checkpoint.from, checkpoint.to);
            self.found(&Finding::Signature { file, reason });
        }
    }

    fn signature(&mut self, signature: Option<&Signature>, digest: &str, record: &Record, name: &RecordName) {
        if signature.is_none() && record.chain.is_none() {
            return;
        }
        match (
            signature,
            doubt(signature, self.key, |signature| signature.is_of(digest)),
        ) {
            (Some(signature), None) => {
                let count = self.verified.keys.entry(signature.key.clone()).or_default();
                *count = count.saturating_add(1);
            }
            (None, None) => {}
            (_, Some(reason)) => {
                let file = name.to_string();
                self.found(&Finding::Signature { file, reason });
            }
        }
    }
}

/// Why a signature is not the station's own, where it should be: `is_of_it` says whether it is of what it stands beside.
fn doubt(
    signature: Option<&Signature>,
    key: Option<&str>,
    is_of_it: impl FnOnce(&Signature) -> bool,
) -> Option<String> {
    match (signature, key) {
        (None, None) => None,
        (None, Some(_)) => Some("it is not signed".to_owned()),
        (Some(signature), _) if !is_of_it(signature) => Some("its signature does not verify".to_owned()),
        (Some(signature), Some(key)) if signature.key != key => {
            Some(format!("it is signed with another key: {}", signature.key))
        }
        (Some(_), _) => None,
    }
}
