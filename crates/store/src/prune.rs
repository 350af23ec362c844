//! Making room: records that every target confirmed long ago go, and a checkpoint stays in the chain for them.
//!
//! Only `synced/` is looked at, and only a record whose receipts confirm it and leave nothing open goes. Receipts and
//! attachments stay: they say where the run is now, and other records may name the same file. A checkpoint, and what statistics
//! must know of the units ([`crate::PrunedRun`]), is durable before its records go, and they go in small slices, so that a station beside it hardly feels it.

use crate::{
    chain::{Checkpoint, append, from_elsewhere},
    disk::Dir,
    error::{StoreError, StoreErrorKind},
    integrity,
    name::RecordName,
    pruned::{self, PrunedRun},
    receipts::Standing,
    recovery::MOST_RECORD_BYTES,
    space::with_reserve,
    store::Store,
};
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;

/// How many records go at a time: a long run of removals makes the next files slow on ext4.
const SLICE: usize = 256;
/// For how many it is remembered at a time which units they judged: each time, what is remembered already is read.
const REMEMBERED: usize = 4096;

/// What pruning did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Records that went.
    pub removed: u64,
    /// How many bytes they had.
    pub bytes: u64,
    /// Records that were confirmed, but not that long ago.
    pub younger: u64,
    /// Records under `synced/` that stay because not every receipt confirms them, or they cannot be believed: why, by name.
    pub kept: Vec<(String, String)>,
}

/// A record that may go.
struct Candidate {
    name: RecordName,
    bytes: u64,
    link: Option<(u64, Option<String>, String)>,
    judged: Option<Box<PrunedRun>>,
}

enum Judged {
    Goes(Candidate),
    Younger,
    Stays(String),
}

impl Store {
    /// Removes the records that were confirmed before `before`; with `dry`, only says what would go. Holds the syncer's lock.
    /// What one of `targets` has not confirmed stays: one that was added later may lack it without a receipt.
    ///
    /// A confirmation that lies after `now` was made by a clock that is wrong now or was wrong then: its record stays.
    ///
    /// # Errors
    /// [`StoreErrorKind::Locked`] while a sync drains the store; [`StoreErrorKind::Damaged`] when the checkpoints cannot be
    /// believed; trouble with the disk. What went before is behind a checkpoint.
    pub fn prune(
        &self,
        targets: &[&str],
        before: DateTime<Utc>,
        now: DateTime<Utc>,
        dry: bool,
    ) -> Result<Pruned, StoreError> {
        let _syncer = self.lock_syncer()?;
        let elsewhere = from_elsewhere(self.layout())?;
        let mut pruned = Pruned::default();
        for month in self.layout().months()? {
            let mut slice = Vec::new();
            for file in month.names()? {
                let Ok(name) = file.parse::<RecordName>() else { continue };
                match self.judge(&month, name, targets, &elsewhere, (before, now))? {
                    Judged::Younger => pruned.younger = pruned.younger.saturating_add(1),
                    Judged::Stays(reason) => pruned.kept.push((file, reason)),
                    Judged::Goes(candidate) => {
                        pruned.removed = pruned.removed.saturating_add(1);
                        pruned.bytes = pruned.bytes.saturating_add(candidate.bytes);
                        slice.push(candidate);
                    }
                }
                if slice.len() >= REMEMBERED && !dry {
                    self.clear(&month, &std::mem::take(&mut slice), now)?;
                }
            }
            if !dry {
                self.clear(&month, &slice, now)?;
            }
        }
        Ok(pruned)
    }

    fn judge(
        &self,
        month: &Dir,
        name: RecordName,
        targets: &[&str],
        elsewhere: &BTreeSet<String>,
        (before, now): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Judged, StoreError> {
        let stays = |reason: String| Ok(Judged::Stays(reason));
        let receipts = match self.receipts().read(name.run_id()) {
            Ok(receipts) => receipts,
            Err(error) if is_of_this_file(&error) => return stays(error.to_string()),
            Err(error) => return Err(error),
        };
        let mut is_lacking = targets
            .iter()
            .filter(|target| receipts.target(target).standing.is_open());
        if let Some(target) = is_lacking.next() {
            return stays(format!("{target} has not confirmed it"));
        }
        let mut confirmed_at = None;
        for (target, state) in receipts.targets() {
            match state.standing {
                Standing::Confirmed { at, .. } => confirmed_at = confirmed_at.max(Some(at)),
                Standing::Unwanted { .. } => {}
                Standing::Open | Standing::Deferred { .. } | Standing::Uncertain { .. } => {
                    return stays(format!("{target} has not confirmed it"));
                }
                Standing::Parked { .. } => return stays(format!("{target} refused it")),
            }
        }
        let Some(confirmed_at) = confirmed_at else {
            return stays("no receipt confirms it".to_owned());
        };
        if confirmed_at > now {
            return stays(format!(
                "it was confirmed in the future, at {confirmed_at}: the clock is wrong, or was"
            ));
        }
        if confirmed_at >= before {
            return Ok(Judged::Younger);
        }
        let bytes = match month.read(name.as_str(), MOST_RECORD_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if is_of_this_file(&error) => return stays(error.to_string()),
            Err(error) => return Err(error),
        };
        let opened = match integrity::inspect(&bytes) {
            Ok(opened) => opened,
            Err(error) => return stays(error.to_string()),
        };
        if RecordName::of(&opened.record) != name {
            return stays("it holds another run than its name says".to_owned());
        }
        let judged = PrunedRun::of(&opened.record).map(Box::new);
        let chain = opened.record.chain.filter(|_| !elsewhere.contains(name.run_id()));
        if chain.is_some() && opened.signature.is_some() && self.key().is_none() {
            let reason = "it is signed: name the station file (--station), whose key signs its checkpoint";
            return stays(reason.to_owned());
        }
        Ok(Judged::Goes(Candidate {
            name,
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            link: chain.map(|chain| (chain.position, chain.previous, opened.digest)),
            judged,
        }))
    }

    fn clear(&self, month: &Dir, going: &[Candidate], now: DateTime<Utc>) -> Result<(), StoreError> {
        let judged: Vec<PrunedRun> = going
            .iter()
            .filter_map(|candidate| candidate.judged.as_deref().cloned())
            .collect();
        // the room that this makes is wanted most where there is none left
        with_reserve(self.layout(), || pruned::remember(self.layout(), &judged))?;
        going.chunks(SLICE).try_for_each(|slice| self.remove(month, slice, now))
    }

    fn remove(&self, month: &Dir, slice: &[Candidate], now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut checkpoints = checkpoints(slice, now);
        if let Some(key) = self.key() {
            checkpoints = checkpoints.into_iter().map(|piece| piece.signed(key)).collect();
        }
        if !checkpoints.is_empty() {
            with_reserve(self.layout(), || append(self.layout(), &checkpoints))?;
        }
        for candidate in slice {
            month.remove(candidate.name.as_str())?;
        }
        month.sync()
    }
}

fn is_of_this_file(error: &StoreError) -> bool {
    matches!(
        error.kind(),
        StoreErrorKind::Damaged | StoreErrorKind::Newer | StoreErrorKind::NotFound
    )
}

/// One checkpoint for each unbroken piece of the chain.
fn checkpoints(slice: &[Candidate], pruned_at: DateTime<Utc>) -> Vec<Checkpoint> {
    let mut links: Vec<_> = slice
        .iter()
        .filter_map(|candidate| Some((candidate.link.as_ref()?, &candidate.name)))
        .collect();
    links.sort_by_key(|((position, _, _), _)| *position);
    let mut checkpoints: Vec<Checkpoint> = Vec::new();
    for ((position, previous, digest), name) in links {
        match checkpoints.last_mut() {
            Some(last) if last.to.checked_add(1) == Some(*position) && Some(&last.digest) == previous.as_ref() => {
                last.to = *position;
                last.digest.clone_from(digest);
                last.last = name.to_string();
            }
            Some(_) | None => checkpoints.push(Checkpoint {
                from: *position,
                to: *position,
                previous: previous.clone(),
                digest: digest.clone(),
                last: name.to_string(),
                pruned_at,
                signature: None,
            }),
        }
    }
    checkpoints
}
