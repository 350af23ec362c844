//! Files that belong to runs: a photograph, a waveform, what a console said. Each lies under `attachments/` by its digest.
//!
//! An attachment is written piece by piece, never held in memory, and has its name only when it is whole and durable. Until
//! then it lies in `journal/`, locked by whoever writes it; what a dead program left of it goes to quarantine.

use crate::{
    disk::DiskFile,
    error::{StoreError, StoreErrorKind, is_interruption},
    integrity::hex,
    mint,
    name::escaped,
    quarantine::{Quarantined, quarantine},
    record::Attachment,
    store::{Layout, Store},
};
use sha2::{Digest, Sha256};
use std::{
    io::{Read, Write},
    sync::Arc,
};

/// How the names of unfinished attachments begin.
const TEMPORARY: &str = ".attachment-";
/// How much is read at a time.
const PIECE: usize = 64 * 1024;

/// An attachment that is being written. Dropped before it is finished, it is gone.
#[derive(Debug)]
pub struct AttachmentWriter {
    layout: Arc<Layout>,
    file: DiskFile,
    temporary: String,
    name: String,
    limit: u64,
    size: u64,
    digest: Sha256,
    finished: bool,
}

impl Store {
    /// Puts away everything that `from` gives, and says under which digest. Two of the same content are one file.
    ///
    /// Blocks on the disk and on `from`. Afterwards the run says so with an event
    /// ([`Attached`](benchtop_run::Attached)): what no event names belongs to no run.
    ///
    /// # Errors
    /// [`StoreErrorKind::TooLarge`] for more than `limit` bytes; what reading or the disk said. Then nothing is kept.
    pub fn attach(&self, from: &mut dyn Read, name: &str, limit: u64) -> Result<Attachment, StoreError> {
        let mut writer = self.attachment(name, limit)?;
        let mut piece = vec![0; PIECE];
        loop {
            let read = from.read(&mut piece);
            let read = match read {
                Ok(read) => read,
                Err(error) if is_interruption(&error) => continue,
                Err(error) => return Err(StoreError::io("read the attachment", name, error)),
            };
            match piece.get(..read) {
                Some([]) | None => return writer.finish(),
                Some(bytes) => writer.write(bytes)?,
            }
        }
    }

    /// Begins an attachment that grows while something goes on; at most `limit` bytes.
    ///
    /// # Errors
    /// [`StoreError`] when no file can be made.
    pub fn attachment(&self, name: &str, limit: u64) -> Result<AttachmentWriter, StoreError> {
        let layout = Arc::clone(self.layout());
        let temporary = format!("{TEMPORARY}{}-{}", mint::unique(), escaped(name));
        let file = layout.journal.create_new(&temporary)?;
        let failed = |error| StoreError::io("lock", layout.journal.path_of(&temporary), error);
        // nobody else knows its name yet
        file.try_lock().map_err(failed)?;
        Ok(AttachmentWriter {
            file,
            temporary,
            name: name.to_owned(),
            limit,
            size: 0,
            digest: Sha256::new(),
            finished: false,
            layout,
        })
    }
}

impl AttachmentWriter {
    /// How much it holds, in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends bytes. Blocks on the disk.
    ///
    /// # Errors
    /// [`StoreErrorKind::TooLarge`] when they would exceed the limit: nothing of them is taken, and the attachment can
    /// still be finished with what it has. After any other error it cannot.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let size = u64::try_from(bytes.len()).map_or(u64::MAX, |more| self.size.saturating_add(more));
        if size > self.limit {
            let detail = format!("an attachment of this kind has at most {} bytes", self.limit);
            return Err(StoreError::new(StoreErrorKind::TooLarge, "attach", &self.name, detail));
        }
        let path = self.layout.journal.path_of(&self.temporary);
        (&self.file)
            .write_all(bytes)
            .map_err(|error| StoreError::io("write", path, error))?;
        self.digest.update(bytes);
        self.size = size;
        Ok(())
    }

    /// Makes it durable under its digest.
    ///
    /// # Errors
    /// [`StoreError`] when that could not be done; then nothing is kept.
    pub fn finish(mut self) -> Result<Attachment, StoreError> {
        let layout = Arc::clone(&self.layout);
        let (from, to) = (&layout.journal, &layout.attachments);
        let synced = self.file.sync_all();
        synced.map_err(|error| StoreError::io("sync", from.path_of(&self.temporary), error))?;
        let sha256 = hex(&self.digest.clone().finalize());
        match from.rename_new(&self.temporary, to, &sha256) {
            Ok(()) => {}
            Err(error) if error.kind() == StoreErrorKind::Conflict => {
                if digest_of(&layout, &sha256)?.as_deref() == Some(sha256.as_str()) {
                    // the same bytes are there. Whoever put them there may have failed to make their name durable: the folder
                    // has something new for this sync
                    from.rename_new(&self.temporary, to, &self.temporary)?;
                    self.finished = true;
                    to.discard(&self.temporary);
                    to.sync()?;
                    return Ok(self.attachment(sha256));
                }
                let reason = "its bytes are not those of the digest that it was put away under";
                drop(quarantine(to, &sha256, &layout.quarantine, reason)?);
                from.rename_new(&self.temporary, to, &sha256)?;
            }
            Err(error) => return Err(error),
        }
        self.finished = true;
        // where this fails the name stays: another run may have found it there
        to.sync()?;
        Ok(self.attachment(sha256))
    }

    fn attachment(&self, sha256: String) -> Attachment {
        Attachment {
            name: self.name.clone(),
            size: self.size,
            sha256,
        }
    }
}

impl Drop for AttachmentWriter {
    fn drop(&mut self) {
        if !self.finished {
            self.layout.journal.discard(&self.temporary);
        }
    }
}

/// The digest of what lies there; `None` for what is no plain file.
fn digest_of(layout: &Layout, name: &str) -> Result<Option<String>, StoreError> {
    let folder = &layout.attachments;
    let file = match folder.open_read(name) {
        Ok(file) => file,
        Err(error) if error.kind() == StoreErrorKind::Damaged => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut digest = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        let read = (&file).read(&mut piece);
        let read = read.map_err(|error| StoreError::io("read", folder.path_of(name), error))?;
        match piece.get(..read) {
            Some([]) | None => return Ok(Some(hex(&digest.finalize()))),
            Some(bytes) => digest.update(bytes),
        }
    }
}

/// Puts what dead programs left of attachments into quarantine. The caller holds `lock.store`.
pub(crate) fn quarantine_leftovers(layout: &Layout, found: &mut Vec<Quarantined>) -> Result<(), StoreError> {
    let folder = &layout.journal;
    for name in folder.names()? {
        if !name.starts_with(TEMPORARY) {
            continue;
        }
        let file = match folder.open_existing(&name) {
            Ok(file) => file,
            Err(error) if error.kind() == StoreErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let failed = |error| StoreError::io("lock", folder.path_of(&name), error);
        if !file.try_lock().map_err(failed)? {
            continue;
        }
        if file.metadata().map_err(failed)?.len() == 0 {
            folder.discard(&name);
            continue;
        }
        let reason = "an attachment that was being written when its program ended";
        found.push(quarantine(folder, &name, &layout.quarantine, reason)?);
    }
    Ok(())
}
