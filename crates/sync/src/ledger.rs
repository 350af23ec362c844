//! What a drain writes down, on threads of their own and many at a time: the uploads that are about to begin, the receipts of
//! those that ended, and the moves that follow from them. While the disk is waited for, more come together: the batches find
//! their own size.
//!
//! In a batch the receipts are durable before the first record moves.

use crate::deliver::Now;
use benchtop_store::{Begun, Lock, Place, Receipt, RecordName, Store, StoreError, StoreErrorKind, Underway};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::task::{JoinHandle, spawn_blocking};

/// What a batch of moves led to, by run id.
type Placed = BTreeMap<String, Result<Place, StoreError>>;

/// The books of one drain.
pub(crate) struct Ledger {
    work: Work,
    uploads: Mutex<Pile<Begun>>,
    entries: Mutex<Pile<Entry>>,
    jobs: Mutex<Jobs>,
    placed: Mutex<Placed>,
}

/// What a thread needs. The syncer's lock is held until the last of them has ended.
#[derive(Clone)]
struct Work {
    store: Store,
    targets: Arc<[String]>,
    _syncer: Arc<Lock>,
}

/// A line in the books.
enum Entry {
    Receipt(String, Receipt),
    Move(RecordName, DateTime<Utc>),
}

#[derive(Default)]
struct Jobs {
    list: Option<Underway>,
    listing: Option<JoinHandle<Result<Underway, StoreError>>>,
    writing: Option<JoinHandle<Result<Placed, StoreError>>>,
}

/// What waits for a thread, and who waits for it.
struct Pile<T> {
    waiting: Vec<T>,
    /// Each with the number of its batch.
    wakers: Vec<(u64, Waker)>,
    /// The number of the batch that is being collected.
    collecting: u64,
    /// How many batches are done.
    done: u64,
}

impl<T> Default for Pile<T> {
    fn default() -> Self {
        Self {
            waiting: Vec::new(),
            wakers: Vec::new(),
            collecting: 0,
            done: 0,
        }
    }
}

impl<T> Pile<T> {
    /// The number of its batch.
    fn push(&mut self, item: T) -> u64 {
        self.waiting.push(item);
        self.collecting
    }

    /// A batch, where something waits.
    fn take(&mut self) -> Option<Vec<T>> {
        if self.waiting.is_empty() {
            return None;
        }
        self.collecting += 1;
        Some(std::mem::take(&mut self.waiting))
    }

    fn finish(&mut self) {
        self.done += 1;
        let done = self.done;
        let ended = self.wakers.extract_if(.., |(batch, _)| *batch < done);
        ended.for_each(|(_, waker)| waker.wake());
    }

    fn poll_done(&mut self, batch: u64, context: &Context<'_>) -> Poll<()> {
        if self.done > batch {
            return Poll::Ready(());
        }
        self.wakers.push((batch, context.waker().clone()));
        Poll::Pending
    }
}

/// Nothing panics while one of these is held; if something did, it would still be whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    /// For records that move by what these targets say.
    pub(crate) fn new(store: &Store, targets: Arc<[String]>, syncer: Arc<Lock>) -> Self {
        let work = Work {
            store: store.clone(),
            targets,
            _syncer: syncer,
        };
        Self {
            work,
            uploads: Mutex::default(),
            entries: Mutex::default(),
            jobs: Mutex::default(),
            placed: Mutex::default(),
        }
    }

    /// Ends when the upload is named durably: then it may begin. When it cannot be, the drain ends, and this never does.
    pub(crate) async fn begin(&self, upload: Begun) {
        let batch = locked(&self.uploads).push(upload);
        poll_fn(|context| locked(&self.uploads).poll_done(batch, context)).await;
    }

    /// Ends when the receipt is durable; as [`Ledger::begin`].
    pub(crate) async fn append(&self, run_id: &str, receipt: Receipt) {
        let batch = locked(&self.entries).push(Entry::Receipt(run_id.to_owned(), receipt));
        poll_fn(|context| locked(&self.entries).poll_done(batch, context)).await;
    }

    /// A receipt for which nobody waits now: it is durable before whatever is written down after it.
    pub(crate) fn note(&self, run_id: &str, receipt: Receipt) {
        locked(&self.entries).push(Entry::Receipt(run_id.to_owned(), receipt));
    }

    /// Moves a record to where its receipts say, all of them durable by then.
    ///
    /// # Errors
    /// As [`Store::settle`].
    pub(crate) async fn settle(&self, name: &RecordName, now: Now<'_>) -> Result<Place, StoreError> {
        let batch = locked(&self.entries).push(Entry::Move(name.clone(), now()));
        poll_fn(|context| locked(&self.entries).poll_done(batch, context)).await;
        let placed = locked(&self.placed).remove(name.run_id());
        placed.unwrap_or_else(|| Err(broken(&self.work, "no move of a record was told")))
    }

    /// Sets threads to work on what waits; false when there is nothing for them.
    pub(crate) fn start(&self) -> bool {
        let mut jobs = locked(&self.jobs);
        let mut started = false;
        if jobs.listing.is_none()
            && let Some(uploads) = locked(&self.uploads).take()
        {
            let (work, list) = (self.work.clone(), jobs.list.take());
            // all of `work` goes with it, the lock too
            jobs.listing = Some(spawn_blocking(move || begin(&work, list, &uploads)));
            started = true;
        }
        if jobs.writing.is_none()
            && let Some(entries) = locked(&self.entries).take()
        {
            let work = self.work.clone();
            jobs.writing = Some(spawn_blocking(move || write(&work, entries)));
            started = true;
        }
        started
    }

    /// Takes what the threads have done and wakes those who waited for it. Ready when something could not be written down: then
    /// nobody may go on.
    pub(crate) fn poll_trouble(&self, context: &mut Context<'_>) -> Poll<StoreError> {
        let mut jobs = locked(&self.jobs);
        if let Some(ended) = poll_job(&mut jobs.listing, context) {
            match self.told(ended) {
                Ok(list) => jobs.list = Some(list),
                Err(error) => return Poll::Ready(error),
            }
            locked(&self.uploads).finish();
        }
        if let Some(ended) = poll_job(&mut jobs.writing, context) {
            match self.told(ended) {
                Ok(placed) => locked(&self.placed).extend(placed),
                Err(error) => return Poll::Ready(error),
            }
            locked(&self.entries).finish();
        }
        Poll::Pending
    }

    fn told<T>(&self, ended: Result<Result<T, StoreError>, tokio::task::JoinError>) -> Result<T, StoreError> {
        ended.unwrap_or_else(|_panicked| Err(broken(&self.work, "the thread that writes receipts ended")))
    }

    /// Every upload has its end in the receipts: their list is not needed any more.
    pub(crate) fn end(self) {
        let jobs = self.jobs.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = jobs.list {
            list.end();
        }
    }
}

fn broken(work: &Work, detail: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Io, "write receipts in", work.store.root(), detail)
}

/// What a job led to, once; the job is gone then.
fn poll_job<T>(
    job: &mut Option<JoinHandle<T>>,
    context: &mut Context<'_>,
) -> Option<Result<T, tokio::task::JoinError>> {
    let handle = job.as_mut()?;
    match Pin::new(handle).poll(context) {
        Poll::Pending => None,
        Poll::Ready(ended) => {
            *job = None;
            Some(ended)
        }
    }
}

/// On a thread: the uploads that are about to begin, in their list.
fn begin(work: &Work, list: Option<Underway>, uploads: &[Begun]) -> Result<Underway, StoreError> {
    let mut list = match list {
        Some(list) => list,
        None => work.store.underway()?,
    };
    list.begin(uploads)?;
    Ok(list)
}

/// On a thread: the receipts, and then the moves that follow from them.
fn write(work: &Work, entries: Vec<Entry>) -> Result<Placed, StoreError> {
    let (mut receipts, mut moves) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry {
            Entry::Receipt(run_id, receipt) => receipts.push((run_id, receipt)),
            Entry::Move(name, now) => moves.push((name, now)),
        }
    }
    let known = work.store.receipts().append_all(&receipts)?;
    let targets: Vec<&str> = work.targets.iter().map(String::as_str).collect();
    Ok(work.store.settle_all(moves, &known, &targets))
}
