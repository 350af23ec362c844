//! The history in short: a file under the store's `index/` from which lists and statistics are made at once.
//!
//! It is never the truth. It is made from the records, and made again where it is missing, torn, or of another form; it may
//! be deleted at any time. Each look at it first asks what changed: a folder whose time of change is the one that was seen
//! is not listed again; a record that appeared is read, one that moved gets its new folder, one that went is marked; and
//! the records that are about to be shown are looked at (size and time), so that one that was altered where it lies is read
//! again; one that could not be read is tried again each time. Where nothing can be written the same is done in memory.
//!
//! A file of our own rather than a database: it is added to and read through, which a row of checksummed frames does with
//! no dependency to build, to follow and to recover; what a database is good at, transactions over what must not be lost,
//! the records themselves do.
//!
//! # Invariants
//! 1. What the index says is what the records say: `tests::a_store_that_lives_is_followed` (appeared, moved, went, altered,
//!    unreadable), after any damage to it: `tests::an_index_cut_or_altered_anywhere_says_the_same`.
//! 2. Nothing in it is written in place: a torn end is cut off, and what it said is read again.
//! 3. A record is read once, whatever is asked later: `tests::a_record_is_read_once`.

mod build;
mod codec;
mod log;
mod row;
mod shape;
#[cfg(test)]
mod tests;
mod view;

pub use row::Taken;
pub use shape::{Asked, AskedStep, Shape};
pub use view::{Indexed, Judged, Shapes};

use crate::history::Unreadable;
use benchtop_store::{Changed, Derived, Looks, RecordFolder, RecordName, Store, StoreError};
use build::Found;
use chrono::{DateTime, Utc};
use codec::{Writer, frame};
use log::{GONE, HEADER, LISTED, Log, MOVED, RUN, SHARED, UNREADABLE};
use row::NONE;
use std::collections::{BTreeMap, HashMap};

const FILE: &str = "history.idx";
/// More is not read: some four million runs.
const MOST_BYTES: u64 = 1 << 30;
/// Frames are written when so many bytes wait.
const WAITING: usize = 1 << 20;
/// A folder that changed so short a time ago may change again without its time of change telling; in nanoseconds.
const UNSETTLED: i64 = 2_000_000_000;
/// An index with so many dead entries beside its living ones is made anew.
const MOST_DEAD: usize = 1000;

/// Told how many records of how many were read.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize);

/// The runs of a store, in short.
#[derive(Debug)]
pub struct History {
    log: Log,
    folders: Vec<RecordFolder>,
    /// By the number that the index has for a folder's name, its place in `folders`.
    numbered: BTreeMap<u32, usize>,
    file: Option<Derived>,
    /// Records that were read to make it what it is.
    read: usize,
}

impl History {
    /// Opens the history of a store and brings it up to date. `now` only says which folders changed too short a time ago to
    /// be believed unchanged.
    ///
    /// # Errors
    /// [`StoreError`] when the store's folders cannot be listed. An index that cannot be read or written is no error: the
    /// history is made in memory then.
    pub fn open(store: &Store, now: DateTime<Utc>, progress: Progress<'_>) -> Result<Self, StoreError> {
        let file = store.derived(FILE).ok();
        let file = file.filter(|file| file.try_lock().unwrap_or(false));
        let bytes = match &file {
            Some(file) => file.read_from(0, MOST_BYTES).unwrap_or_default(),
            // another program brings it up to date: what it has written so far is as good
            None => store
                .derived(FILE)
                .and_then(|file| file.read_from(0, MOST_BYTES))
                .unwrap_or_default(),
        };
        let whole = bytes.len();
        let mut history = Self {
            log: Log::read(bytes),
            folders: store.record_folders()?,
            numbered: BTreeMap::new(),
            file,
            read: 0,
        };
        if history.log.dead > MOST_DEAD + history.log.entries.len() / 2 {
            history.log = Log::read(Vec::new());
        }
        if history.log.bytes.len() != whole || history.log.entries.is_empty() {
            history.rewrite();
        }
        let known = history.log.entries.len();
        history.refresh(now, progress)?;
        history.try_again(known);
        Ok(history)
    }

    /// How many records were read to bring it up to date.
    #[must_use]
    pub const fn records_read(&self) -> usize {
        self.read
    }

    /// The file holds what the log holds: its torn end is cut off.
    fn rewrite(&mut self) {
        let good = u64::try_from(self.log.bytes.len()).unwrap_or_default();
        let header = u64::try_from(HEADER.len()).unwrap_or_default();
        self.keep(|file| {
            if good > header {
                return file.cut(good);
            }
            file.cut(0)?;
            file.append(HEADER)
        });
    }

    /// Does something to the file; one that refuses is left alone from then on.
    fn keep(&mut self, act: impl FnOnce(&Derived) -> Result<(), StoreError>) {
        if self.file.as_ref().is_some_and(|file| act(file).is_err()) {
            self.file = None;
        }
    }

    fn add(&mut self, frames: &[u8]) {
        self.keep(|file| file.append(frames));
        self.log.add(frames);
    }

    /// Lists the folders that changed and follows what happened.
    fn refresh(&mut self, now: DateTime<Utc>, progress: Progress<'_>) -> Result<(), StoreError> {
        let mut texts = Texts::of(&self.log);
        let mut frames = Vec::new();
        for (at, folder) in self.folders.iter().enumerate() {
            let number = texts.number(&mut frames, folder.name().as_bytes().to_vec());
            self.numbered.insert(number, at);
        }
        let settled = now.timestamp_nanos_opt().unwrap_or(i64::MAX).saturating_sub(UNSETTLED);
        let mut listed = Vec::new();
        for (number, at) in &self.numbered {
            let Some(folder) = self.folders.get(*at) else { continue };
            let changed = folder.changed()?;
            if self.log.listed.get(number) != Some(&changed) {
                listed.push((*number, *at, changed));
            }
        }
        let vanished = self.in_vanished_folders(&mut frames);
        if listed.is_empty() && !vanished {
            self.add_if_any(&frames);
            return Ok(());
        }
        let files = self.follow(&listed, &mut frames)?;
        self.take_in(&files, &mut texts, &mut frames, progress);
        for (number, at, changed) in listed {
            let is_still = self.folders.get(at).and_then(|folder| folder.changed().ok()) == Some(changed);
            if changed < Changed(settled) && is_still {
                let mut payload = Writer::default();
                payload.u32(number);
                payload.i64(changed.0);
                frame(&mut frames, LISTED, &payload.0);
            }
        }
        self.add_if_any(&frames);
        Ok(())
    }

    fn add_if_any(&mut self, frames: &[u8]) {
        if !frames.is_empty() {
            self.add(frames);
        }
    }

    /// Marks what lay in a folder that is not there any more (a month that was pruned away).
    fn in_vanished_folders(&self, frames: &mut Vec<u8>) -> bool {
        let mut found = false;
        for (number, entry) in self.log.entries.iter().enumerate() {
            if entry.is_alive && !self.numbered.contains_key(&entry.folder) {
                gone(frames, number);
                found = true;
            }
        }
        found
    }

    /// Lists the folders that changed; frames say what moved and went, and what is new is handed back, oldest first.
    fn follow(
        &self,
        listed: &[(u32, usize, Changed)],
        frames: &mut Vec<u8>,
    ) -> Result<Vec<(usize, RecordName)>, StoreError> {
        let mut known: HashMap<&str, usize> = HashMap::with_capacity(self.log.entries.len());
        let living = self.log.entries.iter().enumerate().filter(|(_, entry)| entry.is_alive);
        for (number, entry) in living {
            if let Some(name) = self.log.name(entry) {
                known.insert(name, number);
            }
        }
        // where each known one was met, and what is new
        let mut met: Vec<u32> = vec![NONE; self.log.entries.len()];
        let mut new: BTreeMap<RecordName, usize> = BTreeMap::new();
        // the first folder once more at the end: a record that moves while we look is met in one place or the other
        for (number, at, _changed) in listed.iter().chain(listed.iter().take(1)) {
            let Some(folder) = self.folders.get(*at) else { continue };
            folder.each_name(|file| match known.get(file) {
                Some(entry) => {
                    if let Some(met) = met.get_mut(*entry) {
                        *met = *number;
                    }
                }
                None => {
                    if let Ok(name) = file.parse() {
                        new.insert(name, *at);
                    }
                }
            })?;
        }
        for (number, (entry, met)) in self.log.entries.iter().zip(met).enumerate() {
            let was_listed = listed.iter().any(|(listed, ..)| *listed == entry.folder);
            match met {
                NONE if entry.is_alive && was_listed => gone(frames, number),
                NONE => {}
                folder if entry.is_alive && folder != entry.folder => {
                    let mut payload = Writer::default();
                    payload.count(number);
                    payload.u32(folder);
                    frame(frames, MOVED, &payload.0);
                }
                _same => {}
            }
        }
        Ok(new.into_iter().map(|(name, at)| (at, name)).collect())
    }

    /// Reads files into the index.
    fn take_in(
        &mut self,
        files: &[(usize, RecordName)],
        texts: &mut Texts,
        frames: &mut Vec<u8>,
        progress: Progress<'_>,
    ) {
        let numbers: BTreeMap<usize, u32> = self.numbered.iter().map(|(number, at)| (*at, *number)).collect();
        let folders = std::mem::take(&mut self.folders);
        let mut done = 0_usize;
        build::read_all(&folders, files, |at, found| {
            let folder = numbers.get(&at).copied().unwrap_or(NONE);
            match found {
                Found::Run(extract) => {
                    let row = extract.row(folder, |text| texts.number(frames, text));
                    frame(frames, RUN, &row);
                }
                Found::Unreadable { name, looks, reason } => {
                    let payload = unreadable_payload(folder, looks, name.as_str(), &reason);
                    frame(frames, UNREADABLE, &payload);
                }
                Found::Gone => {}
            }
            done = done.saturating_add(1);
            progress(done, files.len());
            if frames.len() >= WAITING {
                self.add(frames);
                frames.clear();
            }
        });
        self.read = self.read.saturating_add(done);
        self.folders = folders;
    }

    /// Takes in what could not be read once and can be now: a disk that failed for a moment, a right that was missing. `known`:
    /// so many entries were there before this look; those behind were tried just now.
    fn try_again(&mut self, known: usize) {
        let mut frames = Vec::new();
        let mut texts = None;
        let mut taken_in = 0_usize;
        for (number, entry) in self.log.entries.iter().enumerate().take(known) {
            if !entry.is_alive || entry.is_run {
                continue;
            }
            let known = log::unreadable(self.log.payload(entry));
            let Some((known_looks, name, known_reason)) = known else {
                continue;
            };
            let folder = self
                .numbered
                .get(&entry.folder)
                .and_then(|folder| self.folders.get(*folder));
            let Ok(name) = name.parse() else { continue };
            match build::read(folder, &name) {
                Found::Run(extract) => {
                    let texts = texts.get_or_insert_with(|| Texts::of(&self.log));
                    gone(&mut frames, number);
                    let row = extract.row(entry.folder, |text| texts.number(&mut frames, text));
                    frame(&mut frames, RUN, &row);
                    taken_in += 1;
                }
                Found::Unreadable { name, looks, reason } if looks != known_looks || reason != known_reason => {
                    gone(&mut frames, number);
                    let payload = unreadable_payload(entry.folder, looks, name.as_str(), &reason);
                    frame(&mut frames, UNREADABLE, &payload);
                }
                Found::Unreadable { .. } | Found::Gone => {}
            }
        }
        self.read = self.read.saturating_add(taken_in);
        self.add_if_any(&frames);
    }

    /// Looks at the records of these runs, and reads again what was altered where it lies. True when something was: then the
    /// numbers of runs are others.
    pub fn confirm(&mut self, runs: &[usize]) -> bool {
        let mut frames = Vec::new();
        let mut files = Vec::new();
        for number in runs {
            let Some(row) = self.log.row(*number) else { continue };
            let at = self.numbered.get(&row.folder).copied();
            let folder = at.and_then(|at| self.folders.get(at));
            // one that is not there any more moved just now: it is as it was, elsewhere
            let looks = folder.and_then(|folder| folder.looks_of(row.name));
            if looks.is_none_or(|looks| looks == row.looks) {
                continue;
            }
            gone(&mut frames, *number);
            if let (Some(at), Ok(name)) = (at, row.name.parse()) {
                files.push((at, name));
            }
        }
        if frames.is_empty() {
            return false;
        }
        let mut texts = Texts::of(&self.log);
        self.take_in(&files, &mut texts, &mut frames, &mut |_, _| {});
        self.add_if_any(&frames);
        true
    }

    /// Files with a record's name that cannot be believed, oldest first.
    #[must_use]
    pub fn unreadable(&self) -> Vec<Unreadable> {
        let entries = self.log.entries.iter().filter(|entry| entry.is_alive && !entry.is_run);
        let mut found: Vec<Unreadable> = entries
            .filter_map(|entry| {
                let (_, name, reason) = log::unreadable(self.log.payload(entry))?;
                let folder = self.folders.get(*self.numbered.get(&entry.folder)?)?;
                Some(Unreadable {
                    place: folder.place(),
                    name: name.parse().ok()?,
                    reason: reason.to_owned(),
                })
            })
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }
}

fn gone(frames: &mut Vec<u8>, number: usize) {
    let mut payload = Writer::default();
    payload.count(number);
    frame(frames, GONE, &payload.0);
}

fn unreadable_payload(folder: u32, looks: Looks, name: &str, reason: &str) -> Vec<u8> {
    let mut payload = Writer::default();
    payload.u32(folder);
    payload.u64(looks.size);
    payload.i64(looks.changed.0);
    payload.text(name);
    payload.text(reason);
    payload.0
}

/// The shared texts by what they say.
#[derive(Debug)]
struct Texts {
    numbers: HashMap<Vec<u8>, u32>,
    next: u32,
}

impl Texts {
    fn of(log: &Log) -> Self {
        let next = log.texts();
        let known = (0..next).filter_map(|number| log.shared(number).map(|text| (text.to_vec(), number)));
        Self {
            numbers: known.collect(),
            next,
        }
    }

    /// The number of a text; a new one gets the next, and a frame.
    fn number(&mut self, frames: &mut Vec<u8>, text: Vec<u8>) -> u32 {
        if let Some(number) = self.numbers.get(&text) {
            return *number;
        }
        frame(frames, SHARED, &text);
        let number = self.next;
        self.next = self.next.saturating_add(1);
        self.numbers.insert(text, number);
        number
    }
}
