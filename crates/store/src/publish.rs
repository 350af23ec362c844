//! Durable publishing: bytes become a file with a name, whole or not at all, and stay.
//!
//! Steps P2 to P8 of the protocol: a temporary file in the same folder, written whole, synced; renamed to its name
//! without ever replacing what is there; the folder synced; only then is it reported. When anything before the
//! rename fails, it is tried once more from the beginning with a new temporary file: a file whose sync failed is
//! dead, for a second sync on it would report a success that never was.

use crate::{
    disk::{Dir, DiskFile},
    error::{StoreError, StoreErrorKind},
};
use std::{
    ffi::OsStr,
    io::Write,
    path::Path,
    process,
    sync::atomic::{AtomicU64, Ordering},
};

/// How the names of temporary files begin. Listings skip what begins with a dot.
pub(crate) const TEMPORARY: &str = ".tmp-";

/// What became of the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Published {
    /// They are there under their name.
    New,
    /// They were there already, byte for byte.
    Already,
    /// Something else has that name. The bytes are whole and synced under a temporary one.
    Conflict {
        /// That temporary name.
        temporary: String,
    },
}

/// Publishes `bytes` as `name` in `folder`; `stem` goes into the temporary name.
///
/// An error says that it is not saved. A file may be there all the same; publishing it again is then no harm.
pub(crate) fn publish(folder: &Dir, stem: &str, name: &str, bytes: &[u8]) -> Result<Published, StoreError> {
    let write = |to: &mut dyn Write| {
        to.write_all(bytes)
            .map_err(|error| StoreError::io("write", folder.path_of(name), error))
    };
    let published = named(folder, stem, name, write, |()| Ok(()))?;
    // also when it was there already: whoever put it there may have died before this step
    folder.sync()?;
    Ok(published)
}

/// As [`publish`], of what `write` writes, the same each time; `announce` hears what it said, when the bytes are on stable
/// storage and before they have their name. A name whose sync failed is taken back.
pub(crate) fn publish_after<T>(
    folder: &Dir,
    stem: &str,
    name: &str,
    write: impl Fn(&mut dyn Write) -> Result<T, StoreError>,
    announce: impl Fn(&T) -> Result<(), StoreError>,
) -> Result<Published, StoreError> {
    let published = named(folder, stem, name, write, announce)?;
    match published {
        Published::New => sync_name(folder, stem, name)?,
        Published::Already | Published::Conflict { .. } => folder.sync()?,
    }
    Ok(published)
}

fn named<T>(
    folder: &Dir,
    stem: &str,
    name: &str,
    write: impl Fn(&mut dyn Write) -> Result<T, StoreError>,
    announce: impl Fn(&T) -> Result<(), StoreError>,
) -> Result<Published, StoreError> {
    match write_and_rename(folder, stem, name, &write, &announce) {
        Ok(published) => Ok(published),
        Err(_first) => write_and_rename(folder, stem, name, &write, &announce),
    }
}

/// Makes a name durable, or takes it back: the file has a temporary one again, from which whoever comes next gives it its name
/// anew. A folder whose sync failed is not synced again as if that made up for it. Nothing goes; what a syncer has moved
/// meanwhile stays where it is.
pub(crate) fn sync_name(folder: &Dir, stem: &str, name: &str) -> Result<(), StoreError> {
    folder.sync().inspect_err(|_failed| {
        drop(folder.rename_new(name, folder, &temporary_name(stem)));
    })
}

/// Puts bytes durably into a folder that is no store: a stick, a share. The folder is made where it is missing, the ones
/// above it are not. The same bytes under the same name are no error.
///
/// # Errors
/// [`StoreErrorKind::Conflict`] when something else has that name; else what the disk says.
pub fn put_elsewhere(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let is_plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
    if !is_plain {
        let detail = format!("{name:?} is not the name of a file");
        return Err(StoreError::new(StoreErrorKind::Invalid, "write in", folder, detail));
    }
    let folder = match (
        folder.is_dir(),
        folder.parent(),
        folder.file_name().and_then(OsStr::to_str),
    ) {
        (false, Some(above), Some(last)) => Dir::open(above)?.child(last)?,
        (_, _, _) => Dir::open(folder)?,
    };
    match publish(&folder, name, name, bytes)? {
        Published::New | Published::Already => Ok(()),
        Published::Conflict { temporary } => {
            folder.discard(&temporary);
            let path = folder.path_of(name);
            Err(StoreError::new(
                StoreErrorKind::Conflict,
                "write",
                path,
                "something else has that name",
            ))
        }
    }
}

fn write_and_rename<T>(
    folder: &Dir,
    stem: &str,
    name: &str,
    write: &impl Fn(&mut dyn Write) -> Result<T, StoreError>,
    announce: &impl Fn(&T) -> Result<(), StoreError>,
) -> Result<Published, StoreError> {
    let (temporary, said) = write_temporary(folder, stem, write)?;
    let named = announce(&said).and_then(|()| folder.rename_new(&temporary, folder, name));
    match named {
        Ok(()) => Ok(Published::New),
        Err(error) if error.kind() == StoreErrorKind::Conflict => {
            let length = folder.length_of(&temporary)?;
            if !holds_exactly(folder, name, &folder.read(&temporary, length)?)? {
                return Ok(Published::Conflict { temporary });
            }
            folder.discard(&temporary);
            Ok(Published::Already)
        }
        Err(error) => {
            folder.discard(&temporary);
            Err(error)
        }
    }
}

/// A synced temporary file with what `write` writes, and what it said; gone again when that failed.
fn write_temporary<T>(
    folder: &Dir,
    stem: &str,
    write: &impl Fn(&mut dyn Write) -> Result<T, StoreError>,
) -> Result<(String, T), StoreError> {
    let (file, temporary) = create_temporary(folder, stem)?;
    let failed = |error| StoreError::io("write", folder.path_of(&temporary), error);
    let written = write(&mut &file).and_then(|said| file.sync_all().map(|()| said).map_err(failed));
    match written {
        Ok(said) => Ok((temporary, said)),
        Err(error) => {
            folder.discard(&temporary);
            Err(error)
        }
    }
}

/// How many leftovers of dead processes with our process id are stepped over.
const MOST_LEFTOVERS: u32 = 1000;

/// A name that this process gives to nothing else.
fn temporary_name(stem: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{TEMPORARY}{stem}-{}-{number}", process::id())
}

pub(crate) fn create_temporary(folder: &Dir, stem: &str) -> Result<(DiskFile, String), StoreError> {
    let mut tries = 0;
    loop {
        let temporary = temporary_name(stem);
        match folder.create_new(&temporary) {
            Ok(file) => return Ok((file, temporary)),
            Err(error) if error.kind() == StoreErrorKind::Conflict && tries < MOST_LEFTOVERS => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

/// True when the file is there and holds these bytes and no others.
pub(crate) fn holds_exactly(folder: &Dir, name: &str, bytes: &[u8]) -> Result<bool, StoreError> {
    match folder.read(name, u64::try_from(bytes.len()).unwrap_or(u64::MAX)) {
        Ok(found) => Ok(found == bytes),
        Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(false),
        // larger, a link, a pipe: whatever it is, it is not ours
        Err(error) if error.kind() == StoreErrorKind::Damaged => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn folder() -> (tempfile::TempDir, Dir) {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open(folder.path()).unwrap();
        (folder, dir)
    }

    #[test]
    fn publishing_twice_is_publishing_once() {
        let (_guard, dir) = folder();
        assert_eq!(publish(&dir, "x", "a.json", b"one").unwrap(), Published::New);
        assert_eq!(publish(&dir, "x", "a.json", b"one").unwrap(), Published::Already);
        assert_eq!(dir.names().unwrap(), ["a.json"]);
    }

    #[test]
    fn what_is_there_is_never_replaced() {
        let (guard, dir) = folder();
        assert_eq!(publish(&dir, "x", "a.json", b"one").unwrap(), Published::New);
        for other in [&b"two"[..], b"one!", b"on", b""] {
            let Published::Conflict { temporary } = publish(&dir, "x", "a.json", other).unwrap() else {
                panic!("{other:?} was taken for the same");
            };
            assert_eq!(fs::read(guard.path().join(&temporary)).unwrap(), other);
            assert_eq!(fs::read(guard.path().join("a.json")).unwrap(), b"one");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_planted_link_or_pipe_is_neither_followed_nor_replaced() {
        let (guard, dir) = folder();
        let victim = guard.path().join("victim");
        fs::File::create(&victim).unwrap();
        std::os::unix::fs::symlink(&victim, guard.path().join("link.json")).unwrap();
        fs::hard_link(&victim, guard.path().join("hard.json")).unwrap();
        crate::testkit::make_pipe(&guard.path().join("pipe.json"));
        for name in ["link.json", "hard.json", "pipe.json"] {
            let published = publish(&dir, "x", name, b"one").unwrap();
            assert!(matches!(published, Published::Conflict { .. }), "{name}");
            assert_eq!(fs::read(&victim).unwrap(), b"", "{name}");
        }
    }

    #[test]
    fn leftovers_of_a_dead_process_are_stepped_over() {
        let (guard, dir) = folder();
        assert_eq!(publish(&dir, "x", "a.json", b"one").unwrap(), Published::New);
        for number in 0..20 {
            let leftover = format!("{TEMPORARY}y-{}-{number}", process::id());
            fs::File::create(guard.path().join(leftover)).unwrap();
        }
        assert_eq!(publish(&dir, "y", "b.json", b"two").unwrap(), Published::New);
    }
}
