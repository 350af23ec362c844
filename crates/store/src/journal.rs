//! The journal of a run: an append-only file of checksummed lines, `journal/<run id>.jsonl`.
//!
//! The first line says the format and the run ([`Header`]); every other one holds an event in the form of
//! [`crate::event`]. The form of a line is in the `line` module: `<16 hex digits> <json>`.
//!
//! An event is handed to the system at once, so that it survives the death of this process; a barrier puts all of
//! them on stable storage, so that they survive a power cut. The file is locked for as long as the run lives.
//! Writing or syncing that failed once is never tried again: a second sync would report a success that never was.

use crate::{
    clock::ClockFacts,
    disk::Dir,
    error::{StoreError, StoreErrorKind},
    event::{Event, EventKind},
    line, lock,
    record::Record,
    store::{Layout, Ticket, folded},
};
use async_trait::async_trait;
use benchtop_run::{Recorder, RecorderError};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::runtime::Handle;

/// The format that this program writes.
pub(crate) const FORMAT: &str = "benchtop.journal/1";
/// Most bytes of a journal that are read.
pub(crate) const MOST_BYTES: u64 = 1 << 30;
const ENDING: &str = ".jsonl";

/// The first line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// [`FORMAT`].
    pub(crate) format: String,
    /// The run it belongs to.
    pub(crate) run_id: String,
    /// The run's sequence number.
    pub(crate) sequence: u64,
    /// What was known of the clocks.
    pub(crate) clock: ClockFacts,
}

/// The name of a run's journal.
pub(crate) fn name_of(run_id: &str) -> String {
    format!("{run_id}{ENDING}")
}

/// The run that a journal of this name belongs to.
pub(crate) fn run_id_of(name: &str) -> Option<&str> {
    name.strip_suffix(ENDING).filter(|id| crate::name::is_run_id(id))
}

/// The number in a journal's header, where it can be read.
pub(crate) fn sequence_of(layout: &Layout, name: &str) -> Option<u64> {
    let bytes = layout.journal.read(name, MOST_BYTES).ok()?;
    let header: Header = serde_json::from_str(line::read(&bytes).json.first()?).ok()?;
    Some(header.sequence)
}

/// The journal of a run in progress. Clones are the same journal.
#[derive(Clone, Debug)]
pub struct Journal(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    layout: Arc<Layout>,
    name: String,
    clock: ClockFacts,
    file: File,
    state: Mutex<State>,
    /// Held while syncing; true once the folder was synced too.
    synced: Mutex<bool>,
}

#[derive(Debug, Default)]
struct State {
    /// All events, also those that could not be written: the record is made from these.
    events: Vec<Event>,
    last_checksum: String,
    failure: Option<Failure>,
    closed: bool,
}

/// A failure that stays.
#[derive(Clone, Debug)]
struct Failure {
    kind: StoreErrorKind,
    operation: &'static str,
    detail: String,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // what a panicking holder left is still the truth: every change here is a single step
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Journal {
    /// Makes and locks the file and writes its first line. The caller holds `lock.store`.
    pub(crate) fn create(layout: &Arc<Layout>, ticket: &Ticket) -> Result<Self, StoreError> {
        let folder = &layout.journal;
        let name = name_of(&ticket.run_id);
        if run_id_of(&name).is_none() {
            let detail = format!("`{}` is not a run id", ticket.run_id);
            return Err(StoreError::new(
                StoreErrorKind::Invalid,
                "begin a journal in",
                folder.path(),
                detail,
            ));
        }
        let file = folder.create_new(&name)?;
        let failed = |operation, error| StoreError::io(operation, folder.path_of(&name), error);
        if !lock::try_lock(&file).map_err(|error| failed("lock", error))? {
            let detail = "a file that was just made is locked by another";
            return Err(StoreError::new(
                StoreErrorKind::Locked,
                "lock",
                folder.path_of(&name),
                detail,
            ));
        }
        let header = Header {
            format: FORMAT.to_owned(),
            run_id: ticket.run_id.clone(),
            sequence: ticket.sequence,
            clock: ticket.clock.clone(),
        };
        let json = serde_json::to_string(&header).map_err(|error| failed("write", error.into()))?;
        let (line, last_checksum) = line::encode("", &json);
        write_whole(&file, line.as_bytes()).map_err(|error| failed("write", error))?;
        Ok(Self(Arc::new(Shared {
            layout: Arc::clone(layout),
            clock: ticket.clock.clone(),
            file,
            state: Mutex::new(State {
                last_checksum,
                ..State::default()
            }),
            synced: Mutex::new(false),
            name,
        })))
    }

    /// The record of the run as far as it went. What could not be written to the journal is in it too: when sealing
    /// fails, this is what a program can still show or put elsewhere.
    ///
    /// # Errors
    /// [`StoreErrorKind::Damaged`] before the run's first event.
    pub fn so_far(&self) -> Result<Record, StoreError> {
        let state = locked(&self.0.state);
        folded(&self.0.clock, &state.events, || self.0.path())
    }

    /// Removes the file and lets go of it: its run is saved elsewhere.
    pub(crate) fn close(&self) {
        let mut state = locked(&self.0.state);
        state.closed = true;
        let folder = &self.0.layout.journal;
        // what is left of a saved run does no harm: recovery finds the record and finishes this
        drop(folder.remove(&self.0.name).and_then(|()| folder.sync()));
        drop(self.0.file.unlock());
    }
}

impl Shared {
    fn folder(&self) -> &Dir {
        &self.layout.journal
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder().path_of(&self.name)
    }

    fn append(&self, event: Event) -> Result<(), StoreError> {
        let mut state = locked(&self.state);
        if state.closed {
            let detail = "the run is sealed";
            return Err(StoreError::new(StoreErrorKind::Invalid, "write", self.path(), detail));
        }
        if let EventKind::RunStarted(started) = &event.kind
            && name_of(&started.run_id) != self.name
        {
            let detail = format!("the events are those of run {}", started.run_id);
            return Err(StoreError::new(StoreErrorKind::Invalid, "write", self.path(), detail));
        }
        let json = serde_json::to_string(&event);
        state.events.push(event);
        self.alive(&state)?;
        let written = json.map_err(std::io::Error::from).and_then(|json| {
            let (line, checksum) = line::encode(&state.last_checksum, &json);
            write_whole(&self.file, line.as_bytes())?;
            Ok(checksum)
        });
        match written {
            Ok(checksum) => {
                state.last_checksum = checksum;
                Ok(())
            }
            Err(error) => Err(self.fail(&mut state, StoreError::io("write", self.path(), error), "write")),
        }
    }

    /// Puts every event so far on stable storage. Blocks.
    fn sync(&self) -> Result<(), StoreError> {
        let mut folder_synced = locked(&self.synced);
        self.alive(&locked(&self.state))?;
        let synced = self
            .file
            .sync_data()
            .map_err(|error| StoreError::io("sync", self.path(), error))
            .and_then(|()| if *folder_synced { Ok(()) } else { self.folder().sync() });
        match synced {
            Ok(()) => {
                *folder_synced = true;
                Ok(())
            }
            Err(error) => Err(self.fail(&mut locked(&self.state), error, "sync")),
        }
    }

    fn alive(&self, state: &State) -> Result<(), StoreError> {
        match &state.failure {
            None => Ok(()),
            Some(Failure {
                kind,
                operation,
                detail,
            }) => Err(StoreError::new(*kind, operation, self.path(), detail.clone())),
        }
    }

    fn fail(&self, state: &mut State, error: StoreError, operation: &'static str) -> StoreError {
        state.failure.get_or_insert_with(|| Failure {
            kind: error.kind(),
            operation,
            detail: format!("failed before and is not tried again ({error})"),
        });
        error
    }
}

fn write_whole(mut file: &File, bytes: &[u8]) -> std::io::Result<()> {
    file.write_all(bytes)
}

#[async_trait]
impl Recorder for Journal {
    fn record(&mut self, event: &benchtop_run::Event) -> Result<(), RecorderError> {
        self.0.append(Event::from(event)).map_err(RecorderError::new)
    }

    /// Syncs on a thread for blocking work, so that no task of the runtime waits for the disk. Dropping the future
    /// does not lose a failure: it is remembered by whoever syncs.
    async fn barrier(&mut self) -> Result<(), RecorderError> {
        let shared = Arc::clone(&self.0);
        let Ok(runtime) = Handle::try_current() else {
            return shared.sync().map_err(RecorderError::new);
        };
        match runtime.spawn_blocking(move || shared.sync()).await {
            Ok(synced) => synced.map_err(RecorderError::new),
            Err(error) => Err(RecorderError::new(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;

    /// A journal whose disk is full: the kernel's own, `/dev/full`, on which fsync fails too.
    #[cfg(target_os = "linux")]
    fn on_a_full_disk(store: &crate::Store) -> Journal {
        Journal(Arc::new(Shared {
            layout: Arc::clone(store.layout()),
            name: name_of(testkit::RUN_ID),
            clock: testkit::ticket().clock,
            file: File::options().write(true).open("/dev/full").unwrap(),
            state: Mutex::default(),
            synced: Mutex::default(),
        }))
    }

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn a_write_that_failed_is_not_tried_again_and_the_run_can_still_be_sealed() {
        let (_folder, store) = testkit::store();
        let mut journal = on_a_full_disk(&store);
        let events = testkit::passing(&testkit::ticket(), "UNIT-1");
        for event in &events {
            let error = journal.record(event).unwrap_err();
            assert!(error.to_string().contains("No space left"), "{error}");
        }
        journal.barrier().await.unwrap_err();
        let saved = store.seal(&journal).unwrap();
        assert_eq!(*saved.record, testkit::folded(&events));
    }

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn a_sync_that_failed_stays_failed() {
        let (_folder, store) = testkit::store();
        let mut journal = on_a_full_disk(&store);
        let first = journal.barrier().await.unwrap_err().to_string();
        let second = journal.barrier().await.unwrap_err().to_string();
        assert!(second.contains("not tried again"), "{second}");
        assert!(
            second.contains("Invalid argument") && first.contains("Invalid argument"),
            "{first}"
        );
        let events = testkit::passing(&testkit::ticket(), "UNIT-1");
        journal.record(&events[0]).unwrap_err();
    }

    #[tokio::test]
    async fn a_barrier_runs_with_and_without_a_runtime() {
        let (_folder, store) = testkit::store();
        let ticket = store.begin(testkit::now()).unwrap();
        let mut journal = store.journal(&ticket).unwrap();
        journal.barrier().await.unwrap();
        let without = std::thread::spawn(move || {
            let mut barrier = journal.barrier();
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(barrier.as_mut().poll(&mut context).is_ready());
        });
        without.join().unwrap();
    }

    #[test]
    fn a_ticket_is_good_for_one_journal() {
        let (_folder, store) = testkit::store();
        let ticket = store.begin(testkit::now()).unwrap();
        let _journal = store.journal(&ticket).unwrap();
        assert_eq!(store.journal(&ticket).unwrap_err().kind(), StoreErrorKind::Conflict);
    }

    #[test]
    fn a_journal_is_of_one_run() {
        let (_folder, store) = testkit::store();
        let ticket = store.begin(testkit::now()).unwrap();
        let mut journal = store.journal(&ticket).unwrap();
        let of_another = testkit::passing(&testkit::ticket(), "UNIT-1");
        journal.record(&of_another[0]).unwrap_err();
        let run_id = "../../run".to_owned();
        let error = store.journal(&Ticket { run_id, ..ticket }).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Invalid);
    }

    #[test]
    fn a_sealed_run_takes_no_more_events() {
        let (_folder, store) = testkit::store();
        let ticket = store.begin(testkit::now()).unwrap();
        let mut journal = store.journal(&ticket).unwrap();
        let events = testkit::passing(&ticket, "UNIT-1");
        testkit::record_all(&mut journal, &events);
        let saved = store.seal(&journal).unwrap();
        journal.record(&events[1]).unwrap_err();
        assert_eq!(store.seal(&journal).unwrap(), saved);
    }
}
