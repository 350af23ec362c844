//! What is found at the start of a program after another one was killed or lost its power.
//!
//! Looks only at `journal/` and at temporary names in `pending/`: it opens no record, and the names in `pending/` are
//! only run through. It is done under `lock.store`; a journal whose lock is held is alive and untouched. It may itself
//! be killed at any point and begun again: an interrupted run is first closed in its own journal, durably, and only
//! then published, so that every later recovery comes to the same bytes, and publishing those again is no harm.
//!
//! A program with access to the bench asks for the [`Recovering::interrupted`] runs, makes their instruments safe
//! and then calls [`Recovering::finish`] with what it found. One without (`sync`, `runs`) calls [`Store::recover`]:
//! it leaves a marker for every run whose outputs may be on.

mod leftover;
mod marker;
mod salvage;

pub use marker::{InterruptedInstrument, InterruptedRun};

use crate::{
    attach::quarantine_leftovers,
    chain::{Head, Sealing, from_elsewhere},
    disk::Dir,
    error::{StoreError, StoreErrorKind},
    integrity::{self, IntegrityError},
    journal,
    lock::Lock,
    name::RecordName,
    outbox::{Held, held_bytes},
    publish::{TEMPORARY, sync_name},
    quarantine::{Quarantined, quarantine},
    record::Record,
    store::{Layout, Saved, Store, discard_probes},
    units::remember,
};
use leftover::{Found, Leftover};
use std::collections::{BTreeMap, BTreeSet};

/// Most bytes of a record's file. What a run may take ([`MOST_TAKEN_BYTES`](crate::journal::MOST_TAKEN_BYTES)) stays below it also
/// where every number, of three letters and a comma at least, has a line with sixteen blanks to itself: 336 MiB.
pub(crate) const MOST_RECORD_BYTES: u64 = 512 << 20;

/// What recovery did. Everything in it is worth a line to a person.
#[derive(Debug, Default)]
pub struct Recovery {
    /// Runs that had been interrupted, or had ended without being saved, and are saved now.
    pub sealed: Vec<Saved>,
    /// Complete temporary files that have their name now.
    pub adopted: Vec<RecordName>,
    /// Files that cannot be read or believed.
    pub quarantined: Vec<Quarantined>,
    /// Journals of runs that ended before anything was opened; removed.
    pub never_began: Vec<String>,
    /// Runs that left outputs on that nobody has switched off since; each has a marker.
    pub outputs_maybe_on: Vec<InterruptedRun>,
    /// What could not be recovered now, or is left to a later program; it stays where it is.
    pub failed: Vec<StoreError>,
}

impl Recovery {
    /// True when there was nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self {
            sealed,
            adopted,
            quarantined,
            never_began,
            outputs_maybe_on,
            failed,
        } = self;
        sealed.is_empty()
            && adopted.is_empty()
            && quarantined.is_empty()
            && never_began.is_empty()
            && outputs_maybe_on.is_empty()
            && failed.is_empty()
    }
}

/// A recovery in progress. It holds `lock.store`: no run starts meanwhile.
#[derive(Debug)]
pub struct Recovering {
    store: Store,
    _lock: Lock,
    leftovers: Vec<Leftover>,
    /// Runs whose journals cannot be believed, as far as their outputs are known. Each has a marker.
    salvaged: Vec<InterruptedRun>,
    recovery: Recovery,
}

impl Store {
    /// Recovers without touching hardware; outputs that may be on get a marker.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be locked or listed. Trouble with a single run is in
    /// [`Recovery::failed`] and keeps no other from being recovered.
    pub fn recover(&self) -> Result<Recovery, StoreError> {
        Ok(self.begin_recovery()?.finish(&BTreeMap::new()))
    }

    /// Finds what is to be recovered and keeps it locked.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be locked or listed.
    pub fn begin_recovery(&self) -> Result<Recovering, StoreError> {
        let lock = self.lock()?;
        let mut recovery = Recovery::default();
        let mut leftovers = Vec::new();
        let mut salvaged = Vec::new();
        let mut alive = BTreeSet::new();
        let layout = self.layout();
        for name in layout.journal.names()? {
            let Some(run_id) = journal::run_id_of(&name) else {
                continue;
            };
            match leftover::find(layout, &name, run_id) {
                Ok(Found::Alive) => {
                    alive.insert(run_id.to_owned());
                }
                Ok(Found::Gone) => {}
                Ok(Found::NeverBegan) => recovery.never_began.push(run_id.to_owned()),
                Ok(Found::Quarantined(quarantined)) => recovery.quarantined.push(quarantined),
                Ok(Found::Unreadable { bytes, reason }) => {
                    match salvage::put_away(layout, &name, run_id, &bytes, reason) {
                        Ok((quarantined, run)) => {
                            recovery.quarantined.push(quarantined);
                            salvaged.extend(run);
                        }
                        Err(error) => recovery.failed.push(error),
                    }
                }
                Ok(Found::Leftover(leftover)) => leftovers.push(*leftover),
                Err(error) => recovery.failed.push(error),
            }
        }
        adopt_temporaries(self, &alive, &mut recovery)?;
        marker::discard_temporaries(layout)?;
        discard_probes(layout)?;
        quarantine_leftovers(layout, &mut recovery.quarantined)?;
        Ok(Recovering {
            store: self.clone(),
            _lock: lock,
            leftovers,
            salvaged,
            recovery,
        })
    }

    /// Runs that left outputs on that may still be on: the next run makes their instruments safe first.
    ///
    /// # Errors
    /// [`StoreError`] when the markers cannot be read; a marker that cannot be read is no reason to go on.
    pub fn unsafe_markers(&self) -> Result<Vec<InterruptedRun>, StoreError> {
        marker::read_all(self.layout())
    }

    /// Removes a marker, durably: the outputs of that run were proved off, or a person took it on themselves. One
    /// that is gone already is no error.
    ///
    /// # Errors
    /// [`StoreError`] when it is still there.
    pub fn clear_marker(&self, run_id: &str) -> Result<(), StoreError> {
        marker::clear(self.layout(), run_id)
    }
}

impl Recovering {
    /// Interrupted runs with instruments whose outputs may be on, oldest first.
    #[must_use]
    pub fn interrupted(&self) -> Vec<InterruptedRun> {
        let mut runs: Vec<InterruptedRun> = self.leftovers.iter().filter_map(Leftover::maybe_on).collect();
        runs.extend(self.salvaged.iter().cloned());
        runs.sort_by_key(|run| run.sequence);
        runs
    }

    /// Saves every run that was found. `made_safe` says, by run id, what became of the outputs since; it goes into
    /// the records. An output of which it says nothing, or that could not be proved off, gets a marker.
    #[must_use]
    pub fn finish(mut self, made_safe: &BTreeMap<String, Vec<benchtop_run::MadeSafe>>) -> Recovery {
        self.leftovers.sort_by_key(Leftover::sequence);
        for leftover in self.leftovers {
            let made_safe = made_safe.get(leftover.run_id()).map_or(&[][..], Vec::as_slice);
            if let Err(error) = leftover.finish(&self.store, made_safe, &mut self.recovery) {
                self.recovery.failed.push(error);
            }
        }
        for run in self.salvaged {
            let made_safe = made_safe.get(&run.run_id).map_or(&[][..], Vec::as_slice);
            match salvage::settle(self.store.layout(), &run, made_safe) {
                Ok(true) => {}
                Ok(false) => self.recovery.outputs_maybe_on.push(run),
                Err(error) => self.recovery.failed.push(error),
            }
        }
        self.recovery
    }
}

/// Leaves a marker for outputs of this run that may be on; nothing where all were proved off.
pub(crate) fn leave_marker<M>(layout: &Layout, record: &Record<M>) -> Result<(), StoreError> {
    marker::maybe_on(record).map_or(Ok(()), |run| marker::leave(layout, &run))
}

/// Gives complete temporary files of the dead their name and puts the others into quarantine; none is deleted.
fn adopt_temporaries(store: &Store, alive: &BTreeSet<String>, recovery: &mut Recovery) -> Result<(), StoreError> {
    let layout = store.layout();
    let mut temporaries = Vec::new();
    layout.pending.each_name(|name| {
        if name.starts_with(TEMPORARY) {
            temporaries.push(name.to_owned());
        }
    })?;
    if temporaries.is_empty() {
        return Ok(());
    }
    // one that the chain has announced gets its name first
    recovery.adopted.extend(Sealing::begin(layout)?.adopted);
    let brought = match from_elsewhere(layout) {
        Ok(brought) => brought,
        // whose chain they stand in cannot be said: they wait, and no run does
        Err(error) => {
            recovery.failed.push(error);
            return Ok(());
        }
    };
    for name in temporaries {
        let stem = name.trim_start_matches(TEMPORARY);
        let is_of = |run_ids: &BTreeSet<String>| run_ids.iter().any(|run_id| stem.starts_with(run_id.as_str()));
        if is_of(alive) {
            continue;
        }
        if let Err(error) = adopt(store, &name, stem, is_of(&brought), recovery) {
            recovery.failed.push(error);
        }
    }
    Ok(())
}

/// True when these bytes hold this record, whatever its place in the chain.
fn is_same_run(held: &[u8], record: &Record) -> bool {
    integrity::open(held).is_ok_and(|found| {
        let chain = found.chain.clone();
        found
            == Record {
                chain,
                ..record.clone()
            }
    })
}

/// Makes the name of a record durable that was found under it; whoever gave it may have died before this step.
pub(crate) fn sync_held(layout: &Layout, folder: &Dir, name: &RecordName) -> Result<(), StoreError> {
    if folder.path() == layout.pending.path() {
        return sync_name(folder, name.run_id(), name.as_str());
    }
    folder.sync()
}

/// Gives a temporary its name. What an import had `brought` when it died stays as it is, outside of our chain.
fn adopt(store: &Store, temporary: &str, stem: &str, brought: bool, recovery: &mut Recovery) -> Result<(), StoreError> {
    let layout = store.layout();
    let pending = &layout.pending;
    let mut give_up = |reason: &str| {
        let quarantined = quarantine(pending, temporary, &layout.quarantine, reason)?;
        recovery.quarantined.push(quarantined);
        Ok(())
    };
    let bytes = match pending.read(temporary, MOST_RECORD_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == StoreErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == StoreErrorKind::Damaged => return give_up(&error.to_string()),
        Err(error) => return Err(error),
    };
    let opened = match integrity::inspect(&bytes) {
        Ok(opened) => opened,
        Err(IntegrityError::Newer(schema)) => {
            let detail = format!("its schema is `{schema}`");
            let path = pending.path_of(temporary);
            return Err(StoreError::new(StoreErrorKind::Newer, "adopt", path, detail));
        }
        Err(error) => return give_up(&format!("a temporary file that is not complete: {error}")),
    };
    let record = opened.record;
    if !stem.starts_with(&record.run_id) {
        return give_up("a temporary file that holds another run than its name says");
    }
    // whoever wrote it may have died before the sync
    let file = pending.open_existing(temporary)?;
    file.sync_all()
        .map_err(|error| StoreError::io("sync", pending.path_of(temporary), error))?;
    let name = RecordName::of(&record);
    let sealing = Sealing::begin(layout)?;
    match held_bytes(layout, &name)? {
        None => {}
        // an earlier recovery gave it that name, perhaps in another place of the chain, and died before this step; or it was
        // moved since
        Some(held) if held.bytes.as_deref().is_some_and(|bytes| is_same_run(bytes, &record)) => {
            sync_held(layout, &held.folder, &name)?;
            return pending.remove(temporary);
        }
        Some(Held { folder, bytes: _ }) => {
            let reason = format!("another record has the name {name} in {}", folder.path().display());
            return give_up(&reason);
        }
    }
    let is_head = sealing.head.as_ref().is_some_and(|head| head.digest == opened.digest);
    let is_placed = is_head || brought;
    if !is_placed && !sealing.fits(&record) {
        // another record took its place in the chain meanwhile: it gets one at the end
        drop(sealing);
        let saved = store.publish(record.packed())?;
        recovery.adopted.push(saved.name);
        return pending.remove(temporary);
    }
    let position = record.chain.as_ref().map(|chain| chain.position).filter(|_| !is_placed);
    if let Some(position) = position {
        sealing.announce(&Head {
            position,
            digest: opened.digest,
            name: name.clone(),
        })?;
    }
    match pending.rename_new(temporary, pending, name.as_str()) {
        Ok(()) => {
            sync_name(pending, name.run_id(), name.as_str())?;
            if position.is_some() {
                sealing.done();
            }
            remember(&layout.units, &record);
            recovery.adopted.push(name);
            Ok(())
        }
        Err(error) if error.kind() == StoreErrorKind::Conflict => {
            give_up(&format!("another record has the name {name}"))
        }
        Err(error) => Err(error),
    }
}
