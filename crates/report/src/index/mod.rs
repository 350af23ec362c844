//! The history in short: a file under the store's `index/` from which lists and statistics are made at once.
//!
//! It is never the truth. It is made from the records, and made again where it is missing, torn, or of another form; it may
//! be deleted at any time. Where nothing can be written the same is done in memory, from what is there: an index that can only be
//! read is believed as far as it fits. What is noticed, and when:
//! - what the store did itself (a run more, a record that moved, went, or was pruned) at the next look, at a cost that does
//!   not grow with the history: the store tells (`index/news`), and the folder's time of change says that nothing else
//!   happened to it;
//! - what anybody else did to a folder (a record that was copied, moved or deleted by hand; a program that was killed before
//!   it told) at the next look too: the times do not fit, and the folder is listed;
//! - what two programs did to a folder in the same moment at the next look too: one of them says that there is something that
//!   was not told, and the folder is listed;
//! - what was done to a folder in the same moment as something that the store did, and never told (by hand, in the same tick of
//!   the file system's clock, a few milliseconds; by a program that was killed just then, cannot write `index/news`, or wrote there just when it was shortened): when
//!   every folder is listed, once a day, or at once with [`History::check`];
//! - a record that was altered where it lies, as soon as it is to be shown or counted ([`History::select_confirmed`] looks at size and
//!   time of change): it is read again, and what cannot be believed is named; one altered with the same size and time is found
//!   by `benchtop runs verify`, which reads all of them;
//! - one that could not be read is tried again each time.
//!
//! A file of our own rather than a database: it is added to and read through, which a row of checksummed frames does with
//! no dependency to build, to follow and to recover; what a database is good at, transactions over what must not be lost,
//! the records themselves do. It is read from its end on, in segments that stand by themselves: the last 50 runs are in
//! the last one, whatever is before it.
//!
//! # Invariants
//! 1. What the index says is what the records say: `tests::a_store_that_lives_is_followed` (appeared, moved, went, altered,
//!    unreadable), after any damage to it: `tests::an_index_cut_or_altered_anywhere_says_the_same`, and whoever did it:
//!    `tests::whatever_is_done_to_a_store_the_index_says_what_the_records_say`.
//! 2. Nothing in it is written in place: a torn end is cut off, and what it said is read again.
//! 3. A record is read once, whatever is asked later: `tests::a_record_is_read_once`.
//! 4. Where only the store itself was at work no folder is listed: `tests::what_the_store_does_is_known_without_a_listing`.

mod build;
mod codec;
mod follow;
mod log;
mod row;
mod segment;
mod shape;
mod state;
#[cfg(test)]
mod tests;
mod view;

pub use row::Taken;
pub use shape::{Asked, AskedStep, Shape};
pub use view::{Indexed, Judged, Shapes};

use crate::history::Unreadable;
use benchtop_store::{Place, RecordFolder, Store, StoreError};
use build::Unread;
use chrono::{DateTime, Utc};
use follow::{Trouble, Work, follow, take_in, try_again};
use log::{Log, Torn};
use row::NONE;
use std::{
    collections::{BTreeSet, HashMap},
    thread,
};

const FILE: &str = "history.idx";
/// An index with so many dead entries beside its living ones is made anew.
const MOST_DEAD: u32 = 1000;
/// What is done in turn about an index that is torn: frames that are whole and make no sense are kept by the first, and the second
/// makes all of it anew.
const MENDS: [fn(&mut Log); 2] = [Log::salvage, Log::clear];
/// More records than so many are looked at on two threads.
const MANY: usize = 512;

/// Told how many records of how many were read.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize);

/// A look at the folders.
#[derive(Clone, Copy, Debug)]
struct Moment {
    /// In nanoseconds since 1970.
    now: i64,
    /// Every folder is to be listed.
    everywhere: bool,
}

/// The runs of a store, in short.
#[derive(Debug)]
pub struct History {
    store: Store,
    log: Log,
    folders: Vec<RecordFolder>,
    moment: Moment,
    /// What it took to make it what it is.
    work: Work,
}

impl History {
    /// Opens the history of a store and brings it up to date. `now` only says which folders changed too short a time ago to
    /// be believed unchanged, and when they are all to be listed again.
    ///
    /// # Errors
    /// [`StoreError`] when the store's folders cannot be listed. An index that cannot be read or written is no error: the
    /// history is made in memory then.
    pub fn open(store: &Store, now: DateTime<Utc>, progress: Progress<'_>) -> Result<Self, StoreError> {
        Self::look(store, now, false, progress)
    }

    /// The same, and lists every folder anew, whatever is known of it.
    ///
    /// # Errors
    /// As [`History::open`].
    pub fn check(store: &Store, now: DateTime<Utc>, progress: Progress<'_>) -> Result<Self, StoreError> {
        Self::look(store, now, true, progress)
    }

    fn look(store: &Store, now: DateTime<Utc>, everywhere: bool, progress: Progress<'_>) -> Result<Self, StoreError> {
        let file = store.derived(FILE).ok();
        // where another program brings it up to date, what it has written so far is as good
        let is_ours = file.as_ref().is_some_and(|file| file.try_lock().unwrap_or(false));
        let now = now.timestamp_nanos_opt().unwrap_or(i64::MAX);
        let mut history = Self {
            store: store.clone(),
            log: Log::open(file, is_ours),
            folders: store.record_folders()?,
            moment: Moment { now, everywhere },
            work: Work::default(),
        };
        if history.log.state.dead > MOST_DEAD + history.log.state.runs / 2 {
            history.log.clear();
        }
        history.refresh(progress)?;
        Ok(history)
    }

    /// Brings it up to date; an index that is torn somewhere is cut there, or made anew.
    fn refresh(&mut self, progress: Progress<'_>) -> Result<(), StoreError> {
        let before: BTreeSet<String> = self.log.state.unbelieved.keys().cloned().collect();
        let mut mends = MENDS.into_iter();
        loop {
            match follow(&mut self.log, (&self.store, &self.folders), self.moment, progress) {
                Ok(work) => {
                    self.work.read = self.work.read.saturating_add(work.read);
                    self.work.listed = self.work.listed.saturating_add(work.listed);
                    break;
                }
                Err(Trouble::Store(error)) => return Err(error),
                Err(Trouble::Torn) => match mends.next() {
                    Some(mend) => mend(&mut self.log),
                    // one that was cleared is not torn
                    None => break,
                },
            }
        }
        let again = try_again(&mut self.log, &self.folders, &before);
        self.work.read = self.work.read.saturating_add(again);
        self.log.flush();
        Ok(())
    }

    /// Reads earlier runs of the index until `enough`, or all of them.
    fn reach(&mut self, mut enough: impl FnMut(&Log) -> bool) -> Result<(), StoreError> {
        let mut mends = MENDS.into_iter();
        while !enough(&self.log) {
            match self.log.read_earlier() {
                Ok(true) => {}
                Ok(false) => break,
                Err(Torn) => {
                    mends.next().unwrap_or(Log::clear)(&mut self.log);
                    self.refresh(&mut |_, _| {})?;
                }
            }
        }
        Ok(())
    }

    /// How many records were read to bring it up to date.
    #[must_use]
    pub const fn records_read(&self) -> usize {
        self.work.read
    }

    /// How many folders were listed for that.
    #[must_use]
    pub const fn folders_listed(&self) -> usize {
        self.work.listed
    }

    /// Looks at the records of these runs, and reads again what was altered where it lies. True when something was: then the
    /// numbers of runs are others.
    pub(super) fn confirm(&mut self, runs: &[usize]) -> bool {
        let altered = match runs.len() > MANY {
            true => thread::scope(|scope| {
                let (one, other) = runs.split_at(runs.len() / 2);
                let other = scope.spawn(|| self.altered(other));
                let mut altered = self.altered(one);
                match other.join() {
                    Ok(found) => altered.extend(found),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
                altered
            }),
            false => self.altered(runs),
        };
        if altered.is_empty() {
            return false;
        }
        let mut files = Vec::new();
        for (number, file) in altered {
            self.log.lies(number, None);
            files.push(file);
        }
        let read = take_in(&mut self.log, &self.folders, &files, &mut |_, _| {});
        self.work.read = self.work.read.saturating_add(read);
        self.log.flush();
        true
    }

    /// Those of the runs whose records look other than they did.
    fn altered(&self, runs: &[usize]) -> Vec<(u32, Unread)> {
        let folders: HashMap<&str, usize> = self.folders.iter().map(RecordFolder::name).zip(0..).collect();
        let mut places: HashMap<u32, Option<(usize, &RecordFolder)>> = HashMap::new();
        let mut altered = Vec::new();
        for run in runs {
            let number = u32::try_from(*run).unwrap_or(NONE);
            let Some((placed, row)) = self.log.run(number) else {
                continue;
            };
            let place = places.entry(placed.folder).or_insert_with(|| {
                let at = *folders.get(self.log.texts.text(placed.folder)?)?;
                Some((at, self.folders.get(at)?))
            });
            let Some((at, folder)) = place else { continue };
            // one that is not there any more moved just now: it is as it was, elsewhere
            if folder.looks_of(row.name()).is_some_and(|looks| looks != row.looks()) {
                let file = Unread {
                    sequence: row.sequence(),
                    name: row.name().into(),
                    folder: *at,
                };
                altered.push((number, file));
            }
        }
        altered
    }

    /// Files with a record's name that cannot be believed, oldest first.
    #[must_use]
    pub fn unreadable(&self) -> Vec<Unreadable> {
        let all = self.log.state.unbelieved.iter();
        let mut found: Vec<Unreadable> = all
            .filter_map(|(name, unbelieved)| {
                Some(Unreadable {
                    place: place_of(&unbelieved.folder),
                    name: name.parse().ok()?,
                    reason: unbelieved.reason.clone(),
                })
            })
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }
}

/// What it means that a record lies in a folder of this name.
fn place_of(folder: &str) -> Place {
    // every folder of the index was one of the store's
    Place::of_folder(folder).unwrap_or(Place::Kept)
}
