//! The journal of a run: an append-only file of checksummed lines, `journal/<run id>.jsonl`.
//!
//! The first line says the format and the run ([`Header`]); every other one holds an event in the form of
//! [`crate::event`]. The form of a line is in the `line` module: `<16 hex digits> <json>`.
//!
//! An event is handed to a thread that writes and syncs (module `writer`), so that a disk that hangs holds up nobody
//! but that thread. A step that ended is written before the next one counts, and its sync runs beside the next one;
//! a barrier ends when everything is on stable storage. The file is locked for as long as the run lives.
//! Writing or syncing that failed once is never tried again: a second sync would report a success that never was.

mod writer;

use crate::{
    clock::ClockFacts,
    disk::{Dir, DiskFile},
    error::{StoreError, StoreErrorKind},
    event::{Event, EventKind},
    fold::Folding,
    line,
    record::{Packed, Record},
    store::{Layout, Ticket},
};
use async_trait::async_trait;
use benchtop_run::{Recorder, RecorderError};
use serde::{Deserialize, Serialize};
use std::{
    io::Write,
    sync::{Arc, Mutex},
};
use writer::{Order, Writer, locked};

/// The format that this program writes.
pub(crate) const FORMAT: &str = "benchtop.journal/1";
/// Most bytes of a journal that are read.
pub(crate) const MOST_BYTES: u64 = 1 << 30;
/// Most bytes of what a run takes: measurements, attachments' names, log lines. What is beyond is refused, so that every record
/// that is sealed can be read again; the run ends all the same, as an Error, and is saved.
pub(crate) const MOST_TAKEN_BYTES: usize = 64 << 20;
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
    run_id_of(name)?;
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
    file: Arc<DiskFile>,
    state: Mutex<State>,
    writer: Writer,
    most_taken: usize,
}

#[derive(Debug, Default)]
struct State {
    /// What all events come to, also those that could not be written: the record is made from this.
    folding: Folding,
    last_checksum: String,
    closed: bool,
    /// Bytes of what the run took.
    taken: usize,
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
        if !file.try_lock().map_err(|error| failed("lock", error))? {
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
        (&file)
            .write_all(line.as_bytes())
            .map_err(|error| failed("write", error))?;
        Self::on(layout, name, ticket.clock.clone(), file, last_checksum)
    }

    fn on(
        layout: &Arc<Layout>,
        name: String,
        clock: ClockFacts,
        file: DiskFile,
        last_checksum: String,
    ) -> Result<Self, StoreError> {
        let file = Arc::new(file);
        let path = layout.journal.path_of(&name);
        let writer = Writer::start(Arc::clone(&file), Arc::clone(layout), path)?;
        Ok(Self(Arc::new(Shared {
            layout: Arc::clone(layout),
            name,
            clock,
            file,
            state: Mutex::new(State {
                last_checksum,
                ..State::default()
            }),
            writer,
            most_taken: MOST_TAKEN_BYTES,
        })))
    }

    /// The record of the run as far as it went. What could not be written to the journal is in it too: when sealing
    /// fails, this is what a program can still show or put elsewhere.
    ///
    /// # Errors
    /// [`StoreErrorKind::Damaged`] before the run's first event.
    pub fn so_far(&self) -> Result<Record<Packed>, StoreError> {
        let state = locked(&self.0.state);
        let run = state.folding.run().map_err(|error| {
            StoreError::new(StoreErrorKind::Damaged, "read", self.0.path(), error.to_string()).caused_by(error)
        })?;
        Ok(run.record(&self.0.clock))
    }

    /// Removes the file and lets go of it: its run is saved elsewhere.
    pub(crate) fn close(&self) {
        let mut state = locked(&self.0.state);
        state.closed = true;
        let folder = &self.0.layout.journal;
        // what is left of a saved run does no harm, also after a power cut: recovery finds the record and finishes this
        drop(folder.remove(&self.0.name));
        drop(self.0.file.unlock());
    }

    /// Ends when every event so far is in the file.
    #[cfg(test)]
    pub(crate) fn wait_written(&self) -> Result<(), StoreError> {
        let answered = self.0.writer.ask(Order::Written)?;
        answered.blocking_recv().unwrap()
    }

    /// Ends when every event so far is on stable storage.
    #[cfg(test)]
    pub(crate) fn wait_durable(&self) -> Result<(), StoreError> {
        let answered = self.0.writer.ask(|answer| Order::Sync(Some(answer)))?;
        answered.blocking_recv().unwrap()
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
        if is_taken(&event.kind) {
            let bytes = json.as_ref().map_or(0, String::len);
            let taken = state.taken.saturating_add(bytes);
            if taken > self.most_taken {
                let most = self.most_taken >> 20;
                let detail =
                    format!("the results of a run may have at most {most} MiB: take fewer samples, or attach them");
                return Err(StoreError::new(StoreErrorKind::TooLarge, "write", self.path(), detail));
            }
            state.taken = taken;
        }
        state.folding.take(event);
        self.writer.alive()?;
        let json = json.map_err(|error| {
            let error = StoreError::io("write", self.path(), error.into());
            self.writer.fail(&error, "write");
            error
        })?;
        let (line, checksum) = line::encode(&state.last_checksum, &json);
        state.last_checksum = checksum;
        self.writer.send(Order::Line(line))
    }
}

/// True for what a run may have any number of.
const fn is_taken(kind: &EventKind) -> bool {
    match kind {
        EventKind::MeasurementTaken(_) | EventKind::Attached(_) | EventKind::Log(_) | EventKind::PromptShown(_) => true,
        EventKind::RunStarted(_)
        | EventKind::InstrumentReady(_)
        | EventKind::StepStarted(_)
        | EventKind::StepEnded(_)
        | EventKind::MadeSafe(_)
        | EventKind::RunEnded(_) => false,
    }
}

#[async_trait]
impl Recorder for Journal {
    fn record(&mut self, event: &benchtop_run::Event) -> Result<(), RecorderError> {
        self.0.append(Event::from(event)).map_err(RecorderError::new)
    }

    /// Dropping the future does not lose a failure: it is remembered by whoever syncs.
    async fn barrier(&mut self) -> Result<(), RecorderError> {
        let shared = Arc::clone(&self.0);
        let synced = shared.writer.ask(|answer| Order::Sync(Some(answer)));
        let synced = synced.map_err(RecorderError::new)?;
        shared.writer.told(synced).await.map_err(RecorderError::new)
    }

    async fn pipeline(&mut self) -> Result<(), RecorderError> {
        let shared = Arc::clone(&self.0);
        // the thread keeps the order: what is written now lies behind the sync of the step before
        let written = shared.writer.ask(Order::Written).map_err(RecorderError::new)?;
        shared.writer.send(Order::Sync(None)).map_err(RecorderError::new)?;
        shared.writer.told(written).await.map_err(RecorderError::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;
    use benchtop_run as run;

    fn on(store: &crate::Store, file: std::fs::File) -> Journal {
        let (name, clock) = (name_of(testkit::RUN_ID), testkit::ticket().clock);
        Journal::on(store.layout(), name, clock, DiskFile::of(file), String::new()).unwrap()
    }

    /// A journal whose disk is full: the kernel's own, `/dev/full`, on which fsync fails too.
    #[cfg(target_os = "linux")]
    fn on_a_full_disk(store: &crate::Store) -> Journal {
        on(store, std::fs::File::options().write(true).open("/dev/full").unwrap())
    }

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn a_write_that_failed_is_not_tried_again_and_the_run_can_still_be_sealed() {
        let (_folder, store) = testkit::store();
        let mut journal = on_a_full_disk(&store);
        let events = testkit::passing(&testkit::ticket(), "UNIT-1");
        journal.record(&events[0]).unwrap();
        let error = journal.pipeline().await.unwrap_err();
        assert!(error.to_string().contains("No space left"), "{error}");
        for event in &events[1..] {
            let error = journal.record(event).unwrap_err();
            assert!(error.to_string().contains("not tried again"), "{error}");
        }
        journal.barrier().await.unwrap_err();
        let saved = store.seal(&journal).unwrap();
        let expected = testkit::folded(&events);
        assert_eq!(saved.record.whole().unwrap().steps, expected.steps);
        assert_eq!(saved.record.outcome, expected.outcome);
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

    /// A pipe that nobody reads takes 64 KiB and then holds its writer for ever, like a dead NFS server.
    #[tokio::test]
    #[cfg(unix)]
    async fn a_disk_that_hangs_holds_up_no_event() {
        let (_folder, store) = testkit::store();
        let (unread, pipe) = std::io::pipe().unwrap();
        let mut journal = on(&store, std::os::fd::OwnedFd::from(pipe).into());
        let events = testkit::passing(&testkit::ticket(), "UNIT-1");
        journal.record(&events[0]).unwrap();
        for _ in 0..2_000 {
            journal.record(&events[1]).unwrap();
        }
        {
            let mut pipeline = journal.pipeline();
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(pipeline.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(journal.so_far().unwrap().run_id, testkit::RUN_ID);
        drop(unread);
    }

    #[tokio::test]
    async fn the_sync_of_a_step_runs_beside_the_next_one_and_no_further() {
        let (_folder, store, watch) = testkit::watched_store();
        let ticket = store.begin(testkit::now()).unwrap();
        let mut journal = store.journal(&ticket).unwrap();
        let events = testkit::passing(&ticket, "UNIT-1");
        let name = name_of(&ticket.run_id);
        for (turn, event) in events.iter().enumerate() {
            journal.record(event).unwrap();
            journal.pipeline().await.unwrap();
            // written, and the syncs of all the earlier ones are done
            assert!(watch.lines_written(&name) > turn, "{turn}");
            assert!(watch.syncs_of(&name) >= turn, "{turn}");
        }
        journal.barrier().await.unwrap();
        assert_eq!(watch.syncs_of(&name), events.len() + 1);
    }

    #[test]
    fn results_beyond_what_can_be_read_again_are_refused_and_the_run_is_saved_without_them() {
        let (_folder, store) = testkit::store();
        let ticket = store.begin(testkit::now()).unwrap();
        let Ok(mut shared) = Arc::try_unwrap(store.journal(&ticket).unwrap().0) else {
            panic!()
        };
        shared.most_taken = 1 << 20;
        let mut journal = Journal(Arc::new(shared));
        let events = testkit::passing(&ticket, "UNIT-1");
        let is_measured = |event: &run::Event| matches!(event.kind, run::EventKind::MeasurementTaken(_));
        let measured = events.iter().position(is_measured).unwrap();
        testkit::record_all(&mut journal, &events[..measured]);
        let mut kept = 0;
        let refused = loop {
            match journal.record(&events[measured]) {
                Ok(()) => kept += 1,
                Err(error) => break error.to_string(),
            }
        };
        assert!(kept > 1_000 && refused.contains("at most 1 MiB"), "{kept}: {refused}");
        // the run's end still goes in, and what is saved is read again
        testkit::record_all(&mut journal, &events[measured + 1..]);
        let saved = store.seal(&journal).unwrap();
        let bytes = std::fs::read(&saved.path).unwrap();
        let record = crate::integrity::open(&bytes).unwrap();
        let measurements: usize = record.steps.iter().map(|step| step.measurements.len()).sum();
        assert_eq!(measurements, kept);
        assert!(store.recover().unwrap().is_empty());
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
