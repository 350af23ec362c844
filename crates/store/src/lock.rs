//! Locks between processes. A lock is a file that is never removed: once removed, two could hold it.
//!
//! The kernel lets go of a lock when its holder dies, however it dies.

use crate::{
    disk::{Dir, DiskFile},
    error::{StoreError, StoreErrorKind},
};
use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

/// Held to mint a sequence number, to begin a journal and to recover.
pub(crate) const STORE: &str = "lock.store";
/// Held while a record takes its place in the chain and its name.
pub(crate) const SEAL: &str = "lock.seal";
/// Held while the runs of a unit are counted and another one begins.
pub(crate) const UNITS: &str = "lock.units";
/// Held to drain `pending/`.
pub(crate) const SYNCER: &str = "lock.syncer";

/// How long a lock is waited for that is never held for long; making a bench safe is the longest.
const PATIENCE: Duration = Duration::from_secs(60);

/// A held lock; dropping it lets go.
#[derive(Debug)]
pub struct Lock {
    _file: DiskFile,
}

/// Takes the lock at once, or says that another process holds it.
pub(crate) fn take(root: &Dir, name: &str) -> Result<Lock, StoreError> {
    let file = root.open_append(name)?;
    match file.try_lock() {
        Ok(true) => Ok(Lock { _file: file }),
        Ok(false) => Err(held(root, name, "another process holds it")),
        Err(error) => Err(StoreError::io("lock", root.path_of(name), error)),
    }
}

/// Waits for the lock, but not for ever.
pub(crate) fn wait(root: &Dir, name: &str) -> Result<Lock, StoreError> {
    let file = root.open_append(name)?;
    if file
        .try_lock()
        .map_err(|error| StoreError::io("lock", root.path_of(name), error))?
    {
        return Ok(Lock { _file: file });
    }
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let locked = file.lock().map(|()| file);
        // when nobody waits any more the file comes back, is dropped here, and the lock with it
        drop(sender.send(locked));
    });
    match receiver.recv_timeout(PATIENCE) {
        Ok(Ok(file)) => Ok(Lock { _file: file }),
        Ok(Err(error)) => Err(StoreError::io("lock", root.path_of(name), error)),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            let detail = format!("another process has held it for {} s", PATIENCE.as_secs());
            Err(held(root, name, detail))
        }
    }
}

fn held(root: &Dir, name: &str, detail: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Locked, "lock", root.path_of(name), detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let root = Dir::open(folder.path()).unwrap();
        let first = take(&root, SYNCER).unwrap();
        assert_eq!(take(&root, SYNCER).unwrap_err().kind(), StoreErrorKind::Locked);
        drop(first);
        drop(take(&root, SYNCER).unwrap());
    }

    #[test]
    fn waiting_ends_when_the_holder_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let root = Dir::open(folder.path()).unwrap();
        let first = take(&root, STORE).unwrap();
        let waiter = thread::spawn(move || wait(&Dir::open(&path).unwrap(), STORE).map(drop));
        drop(first);
        waiter.join().unwrap().unwrap();
    }
}
