//! Who has an instrument for itself, across the protocols that can lock.
//!
//! An exclusive lock lets its holder pass alone. A shared one lets all pass who know its key, and one of them may take
//! the exclusive lock on top. Raw sockets and serial lines know no locks and are not held up by them.

use crate::attachment::Shared;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, MutexGuard, PoisonError},
};

/// The locks of a bench, by instrument.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    by_instrument: BTreeMap<usize, Lock>,
    next: u64,
}

#[derive(Debug, Default)]
struct Lock {
    exclusive: Option<u64>,
    key: Vec<u8>,
    sharers: BTreeSet<u64>,
}

/// Somebody who may hold locks on one instrument. Dropping it releases them.
#[derive(Debug)]
pub(super) struct Holder {
    shared: Arc<Shared>,
    instrument: usize,
    id: u64,
}

/// What became of a wish for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Locking {
    Granted,
    /// The holder has that lock already.
    Held,
    /// Somebody else has a lock that does not allow it.
    Busy,
}

/// What was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Released {
    Exclusive,
    Shared,
    Nothing,
}

impl Holder {
    pub(super) fn new(shared: Arc<Shared>, instrument: usize) -> Self {
        let id = {
            let mut locks = locks(&shared);
            locks.next += 1;
            locks.next
        };
        Self { shared, instrument, id }
    }

    /// Whether no lock of another is in the way.
    pub(super) fn may_pass(&self) -> bool {
        self.with(|lock| match lock.exclusive {
            Some(holder) => holder == self.id,
            None => lock.sharers.is_empty() || lock.sharers.contains(&self.id),
        })
    }

    pub(super) fn lock(&self) -> Locking {
        self.with(|lock| match lock.exclusive {
            Some(holder) if holder == self.id => Locking::Held,
            Some(_) => Locking::Busy,
            None if lock.sharers.is_empty() || lock.sharers.contains(&self.id) => {
                lock.exclusive = Some(self.id);
                Locking::Granted
            }
            None => Locking::Busy,
        })
    }

    pub(super) fn lock_shared(&self, key: &[u8]) -> Locking {
        self.with(|lock| {
            if lock.sharers.contains(&self.id) {
                return Locking::Held;
            }
            let exclusive_is_mine = lock.exclusive.is_none_or(|holder| holder == self.id);
            if !exclusive_is_mine || !(lock.sharers.is_empty() || lock.key == key) {
                return Locking::Busy;
            }
            lock.key = key.to_vec();
            lock.sharers.insert(self.id);
            Locking::Granted
        })
    }

    /// Releases the exclusive lock, or else the shared one.
    pub(super) fn release(&self) -> Released {
        let released = self.with(|lock| {
            if lock.exclusive == Some(self.id) {
                lock.exclusive = None;
                Released::Exclusive
            } else if lock.sharers.remove(&self.id) {
                Released::Shared
            } else {
                Released::Nothing
            }
        });
        if released != Released::Nothing {
            self.shared.changed.notify_waiters();
        }
        released
    }

    /// Whether there is an exclusive lock, and how many hold one or the other.
    pub(super) fn census(&self) -> (bool, usize) {
        self.with(|lock| {
            let apart = lock.exclusive.is_some_and(|holder| !lock.sharers.contains(&holder));
            (lock.exclusive.is_some(), lock.sharers.len() + usize::from(apart))
        })
    }

    fn with<T>(&self, look: impl FnOnce(&mut Lock) -> T) -> T {
        look(locks(&self.shared).by_instrument.entry(self.instrument).or_default())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        while self.release() != Released::Nothing {}
    }
}

fn locks(shared: &Shared) -> MutexGuard<'_, Locks> {
    shared.locks.lock().unwrap_or_else(PoisonError::into_inner)
}
