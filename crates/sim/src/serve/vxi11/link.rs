//! One link to one instrument, and what can be done on it.

use crate::{
    attachment::Attachment,
    bench::SimulatedInstrument,
    client::{Link as Kind, Part, Progress},
    device::Wait,
    serve::{
        lock::{Holder, Locking, Released},
        wait::{Look, until},
    },
};
use benchtop_instrument::Moment;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// The most that is taken in one write.
pub(super) const MAX_RECEIVE: usize = 64 * 1024;

/// Why something could not be done (VXI-11, table B.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    NotAccessible = 3,
    InvalidLink = 4,
    Parameter = 5,
    NoChannel = 6,
    NotSupported = 8,
    OutOfResources = 9,
    Locked = 11,
    NoLock = 12,
    Timeout = 15,
    Aborted = 23,
}

impl Code {
    pub(super) const fn number(self) -> u32 {
        self as u32
    }
}

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Code(Code),
    /// The instrument has dropped the connection.
    Dropped,
}

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        Self::Code(code)
    }
}

/// The links of a server, as the abort channel knows them.
#[derive(Debug, Default)]
pub(super) struct Links(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    last: i32,
    open: BTreeMap<i32, Arc<Notify>>,
}

impl Links {
    /// Ends the call that the link is in, if it is in one.
    pub(super) fn abort(&self, link: i32) -> Result<(), Code> {
        let aborted = self.known().open.get(&link).cloned().ok_or(Code::InvalidLink)?;
        aborted.notify_waiters();
        Ok(())
    }

    fn add(&self, aborted: Arc<Notify>) -> i32 {
        let mut known = self.known();
        loop {
            known.last = known.last.checked_add(1).unwrap_or(1);
            let number = known.last;
            if let std::collections::btree_map::Entry::Vacant(place) = known.open.entry(number) {
                place.insert(aborted);
                return number;
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open link. Dropping it releases its lock and forgets its answers.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) number: i32,
    links: Arc<Links>,
    aborted: Arc<Notify>,
    attachment: Attachment,
    holder: Holder,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.links.known().open.remove(&self.number);
    }
}

/// How long a call may wait, and for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) io: Duration,
    /// Nothing if it does not wait for a lock.
    pub(super) lock: Option<Duration>,
}

impl Link {
    pub(super) fn open(links: &Arc<Links>, instrument: SimulatedInstrument) -> Result<Self, Code> {
        let SimulatedInstrument { shared, number } = instrument;
        let attachment = Attachment::connect(Arc::clone(&shared), number, Kind::Bus).ok_or(Code::NotAccessible)?;
        let aborted = Arc::new(Notify::new());
        Ok(Self {
            number: links.add(Arc::clone(&aborted)),
            links: Arc::clone(links),
            aborted,
            attachment,
            holder: Holder::new(shared, number),
        })
    }

    /// Locks the instrument for this link.
    pub(super) async fn lock(&mut self, wait: Option<Duration>) -> Result<(), Code> {
        let locking = |link: &mut Self| match link.holder.lock() {
            Locking::Granted | Locking::Held => Look::Found(Ok(())),
            Locking::Busy => Look::NotYet(Wait::ForChange),
        };
        let waited = self.until(wait.unwrap_or_default(), Code::Locked, locking).await;
        waited.map_err(|failure| match failure {
            Failure::Code(code) => code,
            Failure::Dropped => Code::NotAccessible,
        })
    }

    pub(super) fn unlock(&mut self) -> Result<(), Code> {
        match self.holder.release() {
            Released::Exclusive | Released::Shared => Ok(()),
            Released::Nothing => Err(Code::NoLock),
        }
    }

    /// Waits until no other link's lock is in the way.
    pub(super) async fn pass(&mut self, wait: Option<Duration>) -> Result<(), Failure> {
        self.until(wait.unwrap_or_default(), Code::Locked, |link| {
            if link.holder.may_pass() {
                Look::Found(Ok(()))
            } else {
                Look::NotYet(Wait::ForChange)
            }
        })
        .await
    }

    pub(super) async fn write(&mut self, bytes: &[u8], end: bool, patience: Patience) -> Result<(), Failure> {
        if bytes.len() > MAX_RECEIVE {
            return Err(Code::Parameter.into());
        }
        self.pass(patience.lock).await?;
        self.until(patience.io, Code::Timeout, |link| match link.attachment.work() {
            Progress::Gone => Look::Found(Err(Failure::Dropped)),
            Progress::Idle => Look::Found(Ok(())),
            Progress::Waiting(_) if !link.attachment.is_full() => Look::Found(Ok(())),
            Progress::Waiting(wait) => Look::NotYet(wait),
            Progress::Deaf => Look::NotYet(Wait::ForChange),
        })
        .await?;
        self.attachment.receive(bytes);
        if end {
            self.attachment.end_message();
        }
        self.work()
    }

    /// At most `limit` bytes of the answer, none behind `stop`.
    pub(super) async fn read(&mut self, limit: usize, stop: Option<u8>, patience: Patience) -> Result<Part, Failure> {
        self.pass(patience.lock).await?;
        let mut asked = false;
        self.until(patience.io, Code::Timeout, |link| {
            let progress = link.attachment.work();
            if let Some(part) = link.attachment.take_part(limit, stop) {
                return Look::Found(Ok(part));
            }
            match progress {
                Progress::Gone => Look::Found(Err(Failure::Dropped)),
                Progress::Idle => {
                    if !std::mem::replace(&mut asked, true) {
                        link.attachment.unterminated();
                    }
                    Look::NotYet(Wait::ForChange)
                }
                Progress::Waiting(wait) => Look::NotYet(wait),
                Progress::Deaf => Look::NotYet(Wait::ForChange),
            }
        })
        .await
    }

    pub(super) async fn status_byte(&mut self, patience: Patience) -> Result<u8, Failure> {
        self.pass(patience.lock).await?;
        self.work()?;
        self.until(patience.io, Code::Timeout, |link| {
            let byte = link.attachment.status_byte(false);
            byte.map_or(Look::NotYet(Wait::ForChange), |byte| Look::Found(Ok(byte)))
        })
        .await
    }

    pub(super) async fn trigger(&mut self, patience: Patience) -> Result<(), Failure> {
        self.pass(patience.lock).await?;
        if !self.attachment.trigger() {
            return Err(Code::NotSupported.into());
        }
        self.work()
    }

    pub(super) async fn clear(&mut self, patience: Patience) -> Result<(), Failure> {
        self.pass(patience.lock).await?;
        self.until(patience.io, Code::Timeout, |link| {
            if link.attachment.clear() {
                Look::Found(Ok(()))
            } else {
                Look::NotYet(Wait::ForChange)
            }
        })
        .await
    }

    fn work(&mut self) -> Result<(), Failure> {
        match self.attachment.work() {
            Progress::Gone => Err(Failure::Dropped),
            Progress::Idle | Progress::Waiting(_) | Progress::Deaf => Ok(()),
        }
    }

    /// Looks until there is a result, it takes too long, or the abort channel ends it.
    async fn until<T: Send>(
        &mut self,
        patience: Duration,
        late: Code,
        mut look: impl FnMut(&mut Self) -> Look<Result<T, Failure>> + Send,
    ) -> Result<T, Failure> {
        let shared = Arc::clone(&self.attachment.shared);
        let mut aborted = std::pin::pin!(Arc::clone(&self.aborted).notified_owned());
        aborted.as_mut().enable();
        let deadline: Moment = shared.clock.now().after(patience);
        tokio::select! {
            biased;
            found = until(&shared, deadline, || look(self)) => found.unwrap_or(Err(late.into())),
            () = aborted => Err(Code::Aborted.into()),
        }
    }
}
