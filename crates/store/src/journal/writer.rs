//! The thread that a journal's file is written on: whatever a disk does, it is this thread that waits for it.
//!
//! Lines and syncs are carried out in the order in which they were asked for. After the first failure nothing further
//! is done to the file: a second sync would report a success that never was. One failure is met first: where a write
//! finds the disk full, the reserve is given up, what there is of its lines is cut off, and they are written again. Nothing of
//! them had been reported, and a sync that fails for want of room stays failed.

use crate::{
    disk::DiskFile,
    error::{StoreError, StoreErrorKind, kind_of},
    space::give_up_reserve,
    store::Layout,
};
use std::{
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};
use tokio::sync::oneshot;

/// How long letting go of a journal waits for what is still to be written; a disk that hangs longer is left behind.
const PATIENCE: Duration = Duration::from_secs(2);

/// Bytes that are written at once, but for the last line of them.
const MOST_AT_ONCE: usize = 64 * 1024;

/// How often whoever waits for an answer looks for it before it sleeps, in turns with the other tasks: in about the time in which an
/// SSD syncs a step. Waking up afterwards costs some 25 us.
const LOOKS: u32 = 400;

pub(super) type Answer = oneshot::Sender<Result<(), StoreError>>;

pub(super) enum Order {
    /// Append this.
    Line(String),
    /// Answer when everything before is written.
    Written(Answer),
    /// Bring everything before to stable storage, and answer where somebody waits.
    Sync(Option<Answer>),
}

/// The front of the thread.
#[derive(Debug)]
pub(super) struct Writer {
    orders: Option<mpsc::Sender<Order>>,
    /// Closed when the thread has ended and let go of the file.
    ended: Mutex<mpsc::Receiver<()>>,
    failure: Arc<Mutex<Option<Failure>>>,
    path: PathBuf,
}

/// A failure that stays.
#[derive(Clone, Debug)]
struct Failure {
    kind: StoreErrorKind,
    operation: &'static str,
    detail: String,
}

/// What a panicking holder left is still the truth: every change under these locks is a single step.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Writer {
    pub(super) fn start(file: Arc<DiskFile>, layout: Arc<Layout>, path: PathBuf) -> Result<Self, StoreError> {
        let (orders, received) = mpsc::channel();
        let (ending, ended) = mpsc::channel::<()>();
        let failure = Arc::default();
        let length = file.metadata().map_or(0, |facts| facts.len());
        let desk = Desk {
            file,
            layout,
            path: path.clone(),
            failure: Arc::clone(&failure),
            folder_synced: false,
            length,
        };
        let work = move || {
            desk.work(&received);
            drop(ending);
        };
        let started = thread::Builder::new().name("journal".to_owned()).spawn(work);
        started.map_err(|error| StoreError::io("start the thread that writes", &path, error))?;
        Ok(Self {
            orders: Some(orders),
            ended: Mutex::new(ended),
            failure,
            path,
        })
    }

    /// Never waits.
    pub(super) fn send(&self, order: Order) -> Result<(), StoreError> {
        let sent = self.orders.as_ref().map(|orders| orders.send(order));
        match sent {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err(self.gone()),
        }
    }

    /// Sends an order that is answered.
    pub(super) fn ask(
        &self,
        order: impl FnOnce(Answer) -> Order,
    ) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(order(answer))?;
        Ok(answered)
    }

    /// Waits for the answer to an order.
    pub(super) async fn told(&self, mut answered: oneshot::Receiver<Result<(), StoreError>>) -> Result<(), StoreError> {
        for _ in 0..LOOKS {
            match answered.try_recv() {
                Ok(answer) => return answer,
                Err(oneshot::error::TryRecvError::Closed) => return Err(self.gone()),
                Err(oneshot::error::TryRecvError::Empty) => tokio::task::yield_now().await,
            }
        }
        answered.await.unwrap_or_else(|_| Err(self.gone()))
    }

    fn gone(&self) -> StoreError {
        let detail = "the thread that writes it has ended";
        StoreError::new(StoreErrorKind::Io, "write", &self.path, detail)
    }

    pub(super) fn alive(&self) -> Result<(), StoreError> {
        locked(&self.failure)
            .as_ref()
            .map_or(Ok(()), |failure| Err(failure.told(&self.path)))
    }

    /// What cannot even be put into words ends the journal as a disk does.
    pub(super) fn fail(&self, error: &StoreError, operation: &'static str) {
        keep(&self.failure, error, operation);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.orders = None;
        // the thread lets go of the file, and of its lock, when it has written what was asked of it
        let _ended = locked(&self.ended).recv_timeout(PATIENCE);
    }
}

impl Failure {
    fn told(&self, path: &std::path::Path) -> StoreError {
        StoreError::new(self.kind, self.operation, path, self.detail.clone())
    }
}

fn keep(failure: &Mutex<Option<Failure>>, error: &StoreError, operation: &'static str) {
    locked(failure).get_or_insert_with(|| Failure {
        kind: error.kind(),
        operation,
        detail: format!("failed before and is not tried again ({error})"),
    });
}

/// A line and the lines that wait behind it, which are written at once, and what comes then if it is there.
fn with_those_behind(line: String, orders: &mpsc::Receiver<Order>) -> (String, Option<Order>) {
    let mut lines = line;
    while lines.len() < MOST_AT_ONCE {
        match orders.try_recv() {
            Ok(Order::Line(more)) => lines.push_str(&more),
            Ok(other @ (Order::Written(_) | Order::Sync(_))) => return (lines, Some(other)),
            Err(mpsc::TryRecvError::Empty | mpsc::TryRecvError::Disconnected) => break,
        }
    }
    (lines, None)
}

struct Desk {
    file: Arc<DiskFile>,
    layout: Arc<Layout>,
    path: PathBuf,
    failure: Arc<Mutex<Option<Failure>>>,
    folder_synced: bool,
    /// How many bytes of whole lines are written.
    length: u64,
}

impl Desk {
    fn work(mut self, orders: &mpsc::Receiver<Order>) {
        let mut aside = None;
        while let Some(order) = aside.take().or_else(|| orders.recv().ok()) {
            // whoever asked may be gone, and then nobody hears the answer; the failure is kept
            match order {
                Order::Line(line) => {
                    let (lines, next) = with_those_behind(line, orders);
                    aside = next;
                    drop(self.write(&lines));
                }
                Order::Written(answer) => drop(answer.send(self.alive())),
                Order::Sync(None) => drop(self.sync()),
                Order::Sync(Some(answer)) => drop(answer.send(self.sync())),
            }
        }
    }

    fn alive(&self) -> Result<(), StoreError> {
        locked(&self.failure)
            .as_ref()
            .map_or(Ok(()), |failure| Err(failure.told(&self.path)))
    }

    fn write(&mut self, lines: &str) -> Result<(), StoreError> {
        self.alive()?;
        let append = || (&*self.file).write_all(lines.as_bytes());
        let written = match append() {
            Err(error) if kind_of(&error) == StoreErrorKind::Full && give_up_reserve(&self.layout) => {
                // what cannot be cut is told by why it had to be
                match self.file.set_len(self.length) {
                    Ok(()) => append(),
                    Err(_uncut) => Err(error),
                }
            }
            result => result,
        };
        self.done("write", written)?;
        self.length += u64::try_from(lines.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.alive()?;
        self.done("sync", self.file.sync_data())?;
        if !self.folder_synced {
            let synced = self.layout.journal.sync();
            if let Err(error) = &synced {
                keep(&self.failure, error, "sync");
            }
            synced?;
            self.folder_synced = true;
        }
        Ok(())
    }

    fn done(&self, operation: &'static str, result: io::Result<()>) -> Result<(), StoreError> {
        result.map_err(|error| {
            let error = StoreError::io(operation, &self.path, error);
            keep(&self.failure, &error, operation);
            error
        })
    }
}
