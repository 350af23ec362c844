//! Records read and checked ahead of their turn, on a thread of its own, oldest first.

use crate::rest::is_due;
use benchtop_store::{
    Backlog, Loaded, Quarantined, RecordName, RunReceipts, Sealed, Store, StoreError, StoreErrorKind,
};
use chrono::{DateTime, Utc};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::task::{JoinHandle, spawn_blocking};

/// How many are read in one go.
const BATCH: usize = 32;
/// So many are ready before no more are read.
const READY: usize = 64;

/// Where the names come from.
pub(crate) enum Source {
    /// Everything in `pending/`.
    Pending(Backlog),
    /// These.
    Named(VecDeque<RecordName>),
}

impl Source {
    fn next_batch(&mut self, most: usize) -> Result<Vec<RecordName>, StoreError> {
        match self {
            Self::Pending(backlog) => backlog.next_batch(most),
            Self::Named(names) => Ok(names.drain(..most.min(names.len())).collect()),
        }
    }
}

/// A record whose turn comes.
pub(crate) struct Read {
    pub(crate) name: RecordName,
    pub(crate) found: Result<Found, StoreError>,
}

impl Read {
    /// How many bytes the record has.
    pub(crate) fn bytes(&self) -> usize {
        match &self.found {
            Ok(Found::Whole(sealed, _)) => sealed.bytes.len(),
            Ok(Found::NotDue | Found::Quarantined(_) | Found::Gone) | Err(_) => 0,
        }
    }
}

/// What was found under its name.
pub(crate) enum Found {
    /// It is whole; and what became of it so far.
    Whole(Box<Sealed>, RunReceipts),
    /// It was tried a moment ago.
    NotDue,
    /// It is in quarantine now.
    Quarantined(Quarantined),
    /// It is not there any more.
    Gone,
}

/// What the thread needs to know.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) store: Store,
    /// Those that are tried.
    pub(crate) targets: Arc<[String]>,
    pub(crate) only_due: bool,
}

/// The records of one pass.
pub(crate) struct Ahead {
    reader: Reader,
    source: Source,
    is_at_end: bool,
    ready: VecDeque<Read>,
    job: Option<JoinHandle<Vec<Read>>>,
}

impl Ahead {
    pub(crate) fn new(reader: Reader, source: Source) -> Self {
        Self {
            reader,
            source,
            is_at_end: false,
            ready: VecDeque::new(),
            job: None,
        }
    }

    /// The next one, where it is read.
    pub(crate) fn next(&mut self) -> Option<Read> {
        self.ready.pop_front()
    }

    /// True where one is read.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Names that were not read, and are not any more.
    pub(crate) fn rest(&mut self) -> Result<Vec<RecordName>, StoreError> {
        self.source.next_batch(BATCH)
    }

    /// More may have come to `pending/` since its end was seen.
    pub(crate) fn look_again(&mut self) {
        self.is_at_end = matches!(self.source, Source::Named(_));
    }

    /// True when there is nothing more.
    pub(crate) fn is_done(&self) -> bool {
        self.is_at_end && self.ready.is_empty() && self.job.is_none()
    }

    /// Sets the thread to work, unless enough are ready.
    pub(crate) fn start(&mut self, now: DateTime<Utc>) -> Result<(), StoreError> {
        if self.job.is_some() || self.is_at_end || self.ready.len() >= READY {
            return Ok(());
        }
        let names = self.source.next_batch(BATCH)?;
        if names.is_empty() {
            self.is_at_end = true;
            return Ok(());
        }
        let reader = self.reader.clone();
        let read = move || names.into_iter().map(|name| reader.read(name, now)).collect();
        self.job = Some(spawn_blocking(read));
        Ok(())
    }

    /// Ready when more were read.
    pub(crate) fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<Result<(), StoreError>> {
        let Some(job) = self.job.as_mut() else {
            return Poll::Pending;
        };
        let Poll::Ready(ended) = Pin::new(job).poll(context) else {
            return Poll::Pending;
        };
        self.job = None;
        let more = ended.map_err(|_panicked| {
            let root = self.reader.store.root();
            StoreError::new(
                StoreErrorKind::Io,
                "read records in",
                root,
                "the thread that reads ended",
            )
        });
        Poll::Ready(more.map(|more| self.ready.extend(more)))
    }
}

impl Reader {
    fn read(&self, name: RecordName, now: DateTime<Utc>) -> Read {
        let found = self.find(&name, now);
        Read { name, found }
    }

    fn find(&self, name: &RecordName, now: DateTime<Utc>) -> Result<Found, StoreError> {
        let receipts = self.store.receipts().read(name.run_id())?;
        if self.only_due && !self.is_anywhere_due(name.run_id(), &receipts, now) {
            return Ok(Found::NotDue);
        }
        Ok(match self.store.load(name)? {
            Loaded::Sealed(sealed) => Found::Whole(sealed, receipts),
            Loaded::Quarantined(quarantined) => Found::Quarantined(quarantined),
            Loaded::Gone => Found::Gone,
        })
    }

    /// True when at least one target is to be tried now.
    fn is_anywhere_due(&self, run_id: &str, receipts: &RunReceipts, now: DateTime<Utc>) -> bool {
        self.targets.iter().any(|target| {
            let state = receipts.target(target);
            state.standing.is_open() && is_due(run_id, &state, now)
        })
    }
}
