//! A journal that nobody holds: the run behind it is dead.

use super::{InterruptedRun, Recovery, marker, sync_held};
use crate::{
    chain::Sealing,
    clock::ClockFacts,
    disk::{self, DiskFile},
    error::{StoreError, StoreErrorKind},
    event::{Event, Log, MadeSafe},
    fold::{Folding, Run},
    integrity,
    journal::{self, Header},
    line::{self, Tail},
    name::RecordName,
    outbox::{Held, held_bytes},
    quarantine::{Quarantined, quarantine, quarantine_copy},
    record::{LogLevel, OutputState, Packed, Record},
    space::with_reserve,
    store::{Layout, Saved, Store},
};
use std::io::Write;

/// What a file under `journal/` turned out to be.
pub(super) enum Found {
    /// Its run is in progress.
    Alive,
    /// It was removed while we looked.
    Gone,
    /// It ended before its first event, so before anything was opened.
    NeverBegan,
    /// It is no file of ours.
    Quarantined(Quarantined),
    /// It cannot be believed; it is still there.
    Unreadable {
        /// Its bytes.
        bytes: Vec<u8>,
        /// Why.
        reason: &'static str,
    },
    /// A run to be saved.
    Leftover(Box<Leftover>),
}

/// The journal of a dead run, locked by us.
#[derive(Debug)]
pub(super) struct Leftover {
    name: String,
    file: DiskFile,
    bytes: Vec<u8>,
    /// How many of the bytes are good lines.
    good: usize,
    last_checksum: String,
    tail: Tail,
    header: Header,
    run: Run,
}

/// Looks at one file under `journal/`.
pub(super) fn find(layout: &Layout, name: &str, run_id: &str) -> Result<Found, StoreError> {
    let folder = &layout.journal;
    let give_up = |reason: &str| quarantine(folder, name, &layout.quarantine, reason).map(Found::Quarantined);
    let file = match folder.open_existing(name) {
        Ok(file) => file,
        Err(error) if error.kind() == StoreErrorKind::NotFound => return Ok(Found::Gone),
        Err(error) if error.kind() == StoreErrorKind::Damaged => return give_up(&error.to_string()),
        Err(error) => return Err(error),
    };
    let failed = |error| StoreError::io("lock", folder.path_of(name), error);
    if !file.try_lock().map_err(failed)? {
        return Ok(Found::Alive);
    }
    if !disk::is_linked(&file).map_err(failed)? {
        return Ok(Found::Gone);
    }
    let bytes = folder.read_file(&file, name, journal::MOST_BYTES)?;
    let unreadable = |reason| {
        let bytes = bytes.clone();
        Ok(Found::Unreadable { bytes, reason })
    };
    let lines = line::read(&bytes);
    let mut json = lines.json.iter();
    let header = match json.next() {
        Some(header) => header_of(header, layout, name)?,
        None if matches!(lines.tail, Tail::Damaged { .. }) => return unreadable("its first line is damaged"),
        None => return never_began(layout, name),
    };
    if header.run_id != run_id {
        return unreadable("it is the journal of another run than its name says");
    }
    let mut folding = Folding::default();
    for json in json {
        // the line is whole: an event that this program does not know is a later program's
        let event = serde_json::from_str(json).map_err(|error| newer(layout, name, error.to_string()))?;
        folding.take(event);
    }
    let run = match folding {
        Folding::Empty => {
            return match lines.tail {
                Tail::Clean | Tail::Torn { .. } => never_began(layout, name),
                Tail::Damaged { .. } => unreadable("its first event is damaged"),
            };
        }
        Folding::NoRun => return unreadable("its first event is not the start of a run"),
        Folding::Run(run) => *run,
    };
    let (good, last_checksum, tail) = (lines.length, lines.last, lines.tail);
    Ok(Found::Leftover(Box::new(Leftover {
        name: name.to_owned(),
        file,
        good,
        last_checksum,
        tail,
        header,
        run,
        bytes,
    })))
}

fn header_of(json: &str, layout: &Layout, name: &str) -> Result<Header, StoreError> {
    let header: Header = serde_json::from_str(json).map_err(|error| newer(layout, name, error.to_string()))?;
    if header.format != journal::FORMAT {
        return Err(newer(layout, name, format!("its format is `{}`", header.format)));
    }
    Ok(header)
}

fn newer(layout: &Layout, name: &str, detail: String) -> StoreError {
    StoreError::new(StoreErrorKind::Newer, "recover", layout.journal.path_of(name), detail)
}

/// The run's first event is durable before the first instrument is opened: here is nothing to save.
fn never_began(layout: &Layout, name: &str) -> Result<Found, StoreError> {
    layout.journal.remove(name)?;
    layout.journal.sync()?;
    Ok(Found::NeverBegan)
}

impl Leftover {
    pub(super) fn run_id(&self) -> &str {
        &self.header.run_id
    }

    pub(super) const fn sequence(&self) -> u64 {
        self.header.sequence
    }

    fn clock(&self) -> &ClockFacts {
        &self.header.clock
    }

    fn record(&self) -> Record<Packed> {
        self.run.record(self.clock())
    }

    /// The run with its instruments whose outputs may be on; `None` where all were proved off.
    pub(super) fn maybe_on(&self) -> Option<InterruptedRun> {
        marker::maybe_on(&self.record())
    }

    /// Saves the run and removes the journal.
    pub(super) fn finish(
        mut self,
        store: &Store,
        made_safe: &[benchtop_run::MadeSafe],
        recovery: &mut Recovery,
    ) -> Result<(), StoreError> {
        let layout = store.layout();
        let made_safe: Vec<MadeSafe> = made_safe.iter().map(MadeSafe::from).collect();
        if let Tail::Damaged { .. } = self.tail {
            let reason = "a line of this journal is damaged; the run was saved with the lines before it";
            recovery
                .quarantined
                .push(quarantine_copy(&self.bytes, &self.name, &layout.quarantine, reason)?);
        }
        let saved = match self.published(layout)? {
            Some(saved) => saved,
            None => {
                self.close(layout, &made_safe)?;
                let record = self.record();
                // before the journal goes: whoever comes next must know
                mark(layout, &record, &made_safe, recovery)?;
                with_reserve(layout, || store.publish(record.clone()))?
            }
        };
        mark(layout, &saved.record, &made_safe, recovery)?;
        recovery.sealed.push(saved);
        layout.journal.remove(&self.name)?;
        layout.journal.sync()
    }

    /// The record, where the dead program had already published it: it knew more than its journal says.
    fn published(&self, layout: &Layout) -> Result<Option<Saved>, StoreError> {
        let name = RecordName::of(&self.record());
        // it may have been uploaded since
        // what is there under its name and is no record is met again, and told, when publishing
        let Some(Held {
            folder,
            bytes: Some(bytes),
        }) = held_bytes(layout, &name)?
        else {
            return Ok(None);
        };
        let opened = integrity::inspect(&bytes)
            .ok()
            .filter(|opened| opened.record.run_id == self.header.run_id);
        let Some(opened) = opened else {
            return Ok(None);
        };
        sync_held(layout, &folder, &name)?;
        // the power may have gone before its head was durable
        Sealing::begin(layout)?.adopt(&opened.record, &opened.digest)?;
        Ok(Some(Saved {
            path: folder.path_of(name.as_str()),
            name,
            record: Box::new(opened.record.packed()),
        }))
    }

    /// Cuts the torn tail and gives the run its last word, durably: from here on its record does not change.
    fn close(&mut self, layout: &Layout, made_safe: &[MadeSafe]) -> Result<(), StoreError> {
        let failed = |operation, error| StoreError::io(operation, layout.journal.path_of(&self.name), error);
        let last_words: Vec<Event> = if self.run.has_last_word() {
            self.run.never_saved().into_iter().collect()
        } else {
            self.note().into_iter().chain(self.run.closing(made_safe)).collect()
        };
        if last_words.is_empty() {
            return Ok(());
        }
        let mut text = String::new();
        let mut checksum = self.last_checksum.clone();
        for event in &last_words {
            let json = serde_json::to_string(event).map_err(|error| failed("write", error.into()))?;
            let (line, next) = line::encode(&checksum, &json);
            text.push_str(&line);
            checksum = next;
        }
        let good = u64::try_from(self.good).unwrap_or(u64::MAX);
        with_reserve(layout, || {
            self.file.set_len(good).map_err(|error| failed("cut", error))?;
            (&self.file)
                .write_all(text.as_bytes())
                .map_err(|error| failed("write", error))
        })?;
        self.file.sync_all().map_err(|error| failed("sync", error))?;
        last_words.into_iter().for_each(|event| self.run.take(event));
        Ok(())
    }

    /// What is worth saying of a tail that is cut.
    fn note(&self) -> Option<Event> {
        let message = match self.tail {
            Tail::Clean => return None,
            Tail::Torn { bytes } => {
                format!("the last {bytes} bytes of the journal were torn and are not in this record")
            }
            Tail::Damaged { bytes } => format!(
                "a line of the journal is damaged: {bytes} bytes from there to its end are not in this record; \
                 the whole journal is in quarantine"
            ),
        };
        Some(self.run.noted(Log {
            level: LogLevel::Warning,
            source: "store".to_owned(),
            message,
        }))
    }
}

/// Leaves or clears the run's marker. An output that the record leaves open and `made_safe` proves off is off.
fn mark(
    layout: &Layout,
    record: &Record<Packed>,
    made_safe: &[MadeSafe],
    recovery: &mut Recovery,
) -> Result<(), StoreError> {
    recovery.outputs_maybe_on.retain(|run| run.run_id != record.run_id);
    let mut record = record.clone();
    record.outputs.retain(|output| {
        let proved_off = made_safe
            .iter()
            .filter(|made_safe| made_safe.name == output.instrument)
            .flat_map(|made_safe| &made_safe.outputs)
            .any(|said| said.channel == output.channel && said.state == OutputState::Off);
        !proved_off
    });
    match marker::maybe_on(&record) {
        Some(run) => {
            with_reserve(layout, || marker::leave(layout, &run))?;
            recovery.outputs_maybe_on.push(run);
            Ok(())
        }
        None => marker::clear(layout, &record.run_id),
    }
}
