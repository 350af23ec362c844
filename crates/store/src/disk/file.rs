//! An open file of the store.

use super::{
    eye::{Call, Eye},
    system,
};
use std::{
    fs::{File, Metadata, TryLockError},
    io::{self, Read, Seek, Write},
    sync::atomic::{AtomicU64, Ordering},
};

/// An open file. Reading and writing go through a shared reference, as with the system's own.
#[derive(Debug)]
pub(crate) struct DiskFile {
    file: File,
    id: u64,
    eye: Eye,
}

impl DiskFile {
    /// A number that no other open file of this process has.
    pub(super) fn next_id() -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) const fn new(file: File, id: u64, eye: Eye) -> Self {
        Self { file, id, eye }
    }

    /// A file that a test opened itself.
    #[cfg(test)]
    pub(crate) fn of(file: File) -> Self {
        Self::new(file, Self::next_id(), Eye::default())
    }

    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// True of a file that was made for its owner, or its group where `shared`, and with which others may do something all the
    /// same: the file system keeps no modes.
    pub(crate) fn is_for_others(&self, shared: bool) -> io::Result<bool> {
        let others = if shared { 0o007 } else { 0o077 };
        let mode = system::mode_of(&self.metadata()?);
        Ok(self.eye.keeps_no_modes() || mode.is_some_and(|mode| mode & others != 0))
    }

    /// Ends when the file is on stable storage, its size and times too.
    pub(crate) fn sync_all(&self) -> io::Result<()> {
        let call = Call::SyncFile { file: self.id };
        self.eye.around(call, || self.file.sync_all())
    }

    /// Ends when what was written can be read back after a power cut.
    pub(crate) fn sync_data(&self) -> io::Result<()> {
        let call = Call::SyncFile { file: self.id };
        self.eye.around(call, || self.file.sync_data())
    }

    pub(crate) fn set_len(&self, length: u64) -> io::Result<()> {
        let call = Call::Cut { file: self.id, length };
        self.eye.around(call, || self.file.set_len(length))
    }

    /// Locks it without waiting; false when another holds it.
    pub(crate) fn try_lock(&self) -> io::Result<bool> {
        self.eye.around(Call::Lock, || match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(self.eye.locks_lie()),
            Err(TryLockError::Error(error)) => Err(error),
        })
    }

    /// Locks it, however long that takes.
    pub(crate) fn lock(&self) -> io::Result<()> {
        self.eye.around(Call::Lock, || self.file.lock())
    }

    pub(crate) fn unlock(&self) -> io::Result<()> {
        self.file.unlock()
    }

    pub(crate) fn seek(&self, to: io::SeekFrom) -> io::Result<u64> {
        (&self.file).seek(to)
    }

    pub(crate) fn rewind(&self) -> io::Result<()> {
        (&self.file).rewind()
    }
}

impl Read for &DiskFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.eye.around(Call::Read, || (&self.file).read(buffer))
    }
}

impl Write for &DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = self.eye.shortened(bytes)?;
        let call = Call::Write { file: self.id, bytes };
        self.eye.around(call, || (&self.file).write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        // a file holds nothing back; what is durable is said by the syncs
        Ok(())
    }
}
