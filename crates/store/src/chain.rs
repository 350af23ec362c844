//! The chain of records: each names its position in the order of sealing and the digest of the one before.
//!
//! It is made under `lock.seal`, which is held only while a record is published. Where it stands follows from what is on
//! the disk: `journal/` holds an empty file whose name says position, digest and name of the last record (the head). The
//! head of a record that is being published stands beside the one before it until the record has its name, so that a
//! crash between them is seen and finished, or taken back, by whoever seals next. A store that lost its head reads its
//! records for it.

mod checkpoint;
mod elsewhere;

pub(crate) use checkpoint::{Checkpoint, append, read_all};
pub(crate) use elsewhere::{any_from_elsewhere, from_elsewhere, note_from_elsewhere};

use crate::{
    error::{StoreError, StoreErrorKind},
    integrity, journal,
    lock::{self, Lock},
    name::RecordName,
    outbox::{Held, held_bytes},
    publish::{TEMPORARY, sync_name},
    record::{Chain, Record},
    recovery::MOST_RECORD_BYTES,
    store::Layout,
};
use std::fmt;

/// How the names of heads begin.
const HEAD: &str = ".chain_";
const DIGEST_DIGITS: usize = 64;

/// The last record of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) position: u64,
    /// The digest of its `integrity` member.
    pub(crate) digest: String,
    pub(crate) name: RecordName,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, digest, name } = self;
        write!(f, "{HEAD}{position}_{digest}_{name}")
    }
}

impl Head {
    fn parse(file: &str) -> Option<Self> {
        let (position, rest) = file.strip_prefix(HEAD)?.split_once('_')?;
        let (digest, name) = rest.split_once('_')?;
        let is_digest = digest.len() == DIGEST_DIGITS && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some(Self {
            position: position.parse().ok()?,
            digest: is_digest.then(|| digest.to_owned())?,
            name: name.parse().ok()?,
        })
    }

    /// What stands in the record after this one.
    pub(crate) fn next(head: Option<&Self>) -> Chain {
        Chain {
            position: head.map_or(1, |head| head.position.saturating_add(1)),
            previous: head.map(|head| head.digest.clone()),
        }
    }
}

/// Held while a record takes its place in the chain and its name.
#[derive(Debug)]
pub(crate) struct Sealing<'a> {
    layout: &'a Layout,
    pub(crate) head: Option<Head>,
    /// A record that had no name yet, for its program had died, and has one now.
    pub(crate) adopted: Option<RecordName>,
    _lock: Lock,
}

impl<'a> Sealing<'a> {
    /// Waits for the lock and finds out where the chain stands.
    pub(crate) fn begin(layout: &'a Layout) -> Result<Self, StoreError> {
        let lock = lock::wait(&layout.root, lock::SEAL)?;
        let mut adopted = None;
        let head = resolved(layout, &mut adopted)?;
        Ok(Self {
            layout,
            head,
            adopted,
            _lock: lock,
        })
    }

    /// Says durably enough that this record is about to have its name: whoever seals after a crash looks for it. Its bytes
    /// are on stable storage under a temporary name by now.
    pub(crate) fn announce(&self, next: &Head) -> Result<(), StoreError> {
        match self.layout.journal.create_new(&next.to_string()) {
            Ok(_empty) => Ok(()),
            // the same record, tried again
            Err(error) if error.kind() == StoreErrorKind::Conflict => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The record has its name, durably: the one before is no head any more.
    pub(crate) fn done(self) {
        if let Some(head) = &self.head {
            // two heads are no harm: the higher one's record is there
            self.layout.journal.discard(&head.to_string());
        }
    }

    /// A record was found under its name that the chain does not know of: the power went before its head was durable.
    pub(crate) fn adopt(self, record: &Record, digest: &str) -> Result<(), StoreError> {
        let Some(chain) = &record.chain else { return Ok(()) };
        if self.head.as_ref().is_some_and(|head| head.position >= chain.position) {
            return Ok(());
        }
        self.announce(&Head {
            position: chain.position,
            digest: digest.to_owned(),
            name: RecordName::of(record),
        })?;
        self.done();
        Ok(())
    }

    /// True when a record that says this of itself comes next.
    pub(crate) fn fits(&self, record: &Record) -> bool {
        record
            .chain
            .as_ref()
            .is_none_or(|chain| *chain == Head::next(self.head.as_ref()))
    }
}

/// The highest sequence number that heads and checkpoints name; 0 where there are none.
pub(crate) fn highest_sequence(layout: &Layout) -> Result<u64, StoreError> {
    let heads = heads(layout)?.into_iter().map(|head| head.name);
    let pruned = believable(layout)?
        .into_iter()
        .filter_map(|piece| piece.last.parse().ok());
    Ok(heads
        .chain(pruned)
        .map(|name: RecordName| name.sequence())
        .max()
        .unwrap_or(0))
}

/// The checkpoints, or none where they cannot be believed: a run must be saved all the same; verifying says what is wrong.
fn believable(layout: &Layout) -> Result<Vec<Checkpoint>, StoreError> {
    match read_all(layout) {
        Err(error) if matches!(error.kind(), StoreErrorKind::Damaged | StoreErrorKind::Newer) => Ok(Vec::new()),
        read => read,
    }
}

/// Where the chain stands, after finishing what a crash left half done; in a store that is only looked at it stays as it is, and
/// nobody is waited for.
pub(crate) fn head(layout: &Layout) -> Result<Option<Head>, StoreError> {
    if !layout.root.is_only_looked_at() {
        return Ok(Sealing::begin(layout)?.head);
    }
    let mut heads = heads(layout)?;
    while let Some(top) = heads.pop() {
        if is_reached(layout, &heads, &top)? || is_named(layout, &top)? == Some(true) {
            return Ok(Some(top));
        }
    }
    highest(layout)
}

/// The heads in `journal/`, the highest last.
fn heads(layout: &Layout) -> Result<Vec<Head>, StoreError> {
    let mut heads = Vec::new();
    layout.journal.each_name(|file| heads.extend(Head::parse(file)))?;
    heads.sort_by_key(|head| head.position);
    Ok(heads)
}

/// Where the chain stands, after finishing or taking back what a crash left half done. The caller holds `lock.seal`.
fn resolved(layout: &Layout, adopted: &mut Option<RecordName>) -> Result<Option<Head>, StoreError> {
    let mut heads = heads(layout)?;
    let Some(mut top) = heads.pop() else {
        return derived(layout);
    };
    loop {
        if is_reached(layout, &heads, &top)? || exists(layout, &top, adopted)? {
            heads
                .iter()
                .for_each(|before| layout.journal.discard(&before.to_string()));
            return Ok(Some(top));
        }
        layout.journal.remove(&top.to_string())?;
        top = match heads.pop() {
            Some(before) => before,
            None => return derived(layout),
        };
    }
}

/// True of a head that stands alone: the one before it went when its record had its name. As long as its journal is there that
/// is not sure: its name may have been taken back since, and the first had none before it.
fn is_reached(layout: &Layout, before: &[Head], top: &Head) -> Result<bool, StoreError> {
    Ok(before.is_empty() && !layout.journal.holds(&journal::name_of(top.name.run_id()))?)
}

/// Whether the record of a head has its name; `None` where nothing has it.
fn is_named(layout: &Layout, head: &Head) -> Result<Option<bool>, StoreError> {
    if let Some(Held { folder: _, bytes }) = held_bytes(layout, &head.name)? {
        // another file may have that name: then this one never had it
        let is_it = |bytes: Vec<u8>| integrity::inspect(&bytes).is_ok_and(|opened| opened.digest == head.digest);
        return Ok(Some(bytes.is_some_and(is_it)));
    }
    Ok(layout.quarantine.holds(head.name.as_str())?.then_some(true))
}

/// True when the record of a head has its name, now at the latest.
fn exists(layout: &Layout, head: &Head, adopted: &mut Option<RecordName>) -> Result<bool, StoreError> {
    let file = head.name.as_str();
    if let Some(is_named) = is_named(layout, head)? {
        return Ok(is_named);
    }
    let stem = format!("{TEMPORARY}{}", head.name.run_id());
    let pending = &layout.pending;
    let mut temporaries = Vec::new();
    pending.each_name(|name| {
        if name.starts_with(&stem) {
            temporaries.push(name.to_owned());
        }
    })?;
    for temporary in temporaries {
        let bytes = match pending.read(&temporary, MOST_RECORD_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), StoreErrorKind::NotFound | StoreErrorKind::Damaged) => continue,
            Err(error) => return Err(error),
        };
        // it was synced before its head was made
        if integrity::inspect(&bytes).is_ok_and(|opened| opened.digest == head.digest) {
            pending.rename_new(&temporary, pending, file)?;
            sync_name(pending, head.name.run_id(), file)?;
            *adopted = Some(head.name.clone());
            return Ok(true);
        }
    }
    Ok(false)
}

/// The head of a store that lost it, or never had one, noted so that it is not looked for again.
fn derived(layout: &Layout) -> Result<Option<Head>, StoreError> {
    let head = highest(layout)?;
    if let Some(head) = &head {
        drop(layout.journal.create_new(&head.to_string())?);
    }
    Ok(head)
}

/// The last record of the chain, by what the records and checkpoints say.
fn highest(layout: &Layout) -> Result<Option<Head>, StoreError> {
    let mut head: Option<Head> = None;
    let mut take = |position: u64, digest: &str, name: RecordName| {
        if head.as_ref().is_none_or(|head| head.position < position) {
            head = Some(Head {
                position,
                digest: digest.to_owned(),
                name,
            });
        }
    };
    for checkpoint in believable(layout)? {
        if let Ok(name) = checkpoint.last.parse() {
            take(checkpoint.to, &checkpoint.digest, name);
        }
    }
    let elsewhere = from_elsewhere(layout).unwrap_or_default();
    let mut folders = vec![&layout.pending, &layout.parked, &layout.kept];
    let months = layout.months()?;
    folders.extend(&months);
    for folder in folders {
        for file in folder.names()? {
            let Ok(name) = file.parse::<RecordName>() else { continue };
            let bytes = match folder.read(&file, MOST_RECORD_BYTES) {
                Ok(bytes) => bytes,
                // moved meanwhile, or nothing that can be believed
                Err(error) if matches!(error.kind(), StoreErrorKind::NotFound | StoreErrorKind::Damaged) => continue,
                Err(error) => return Err(error),
            };
            if let Ok(opened) = integrity::inspect(&bytes)
                && let Some(chain) = opened.record.chain
                && !elsewhere.contains(name.run_id())
            {
                take(chain.position, &opened.digest, name);
            }
        }
    }
    Ok(head)
}
