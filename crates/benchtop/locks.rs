//! One process drives an instrument at a time: a lock per resource, for the whole machine, whatever store is used.
//!
//! The lock goes with the process that holds it, however that ends. Two machines on one instrument are not seen.

use crate::{exit::Failure, terminal};
use benchtop_instrument::Resource;
use benchtop_station::sha256;
use std::{
    env,
    fs::{self, File, TryLockError},
    io,
    path::Path,
};

/// Held until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    resource: Resource,
    _file: File,
}

impl Lock {
    /// True when it is this instrument that is held.
    pub(crate) fn is_of(&self, resource: &Resource) -> bool {
        self.resource == *resource
    }
}

/// Takes the lock of one instrument; none is needed for one that lives in this process.
///
/// Refuses when another process holds it. Where locks cannot be had at all, says so and goes on.
pub(crate) fn take(name: &str, resource: &Resource) -> Result<Option<Lock>, Failure> {
    if resource.is_simulated() {
        return Ok(None);
    }
    let folder = env::temp_dir().join("benchtop-locks");
    let digest = sha256(resource.to_string().as_bytes());
    let file = match open(&folder, &digest) {
        Ok(file) => file,
        Err(error) => {
            terminal::warn(&format!(
                "cannot see whether another benchtop uses {name}: {}: {error}",
                folder.display()
            ));
            return Ok(None);
        }
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock {
            resource: resource.clone(),
            _file: file,
        })),
        Err(TryLockError::WouldBlock) => Err(Failure::refused(format!(
            "another benchtop is using {name} ({resource}); let it finish first"
        ))),
        Err(TryLockError::Error(error)) => {
            terminal::warn(&format!("cannot see whether another benchtop uses {name}: {error}"));
            Ok(None)
        }
    }
}

/// The lock file, made where it is missing. Other users of the machine share the folder.
fn open(folder: &Path, digest: &str) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    share(folder, 0o1777);
    let path = folder.join(digest);
    let existing = File::options().read(true).open(&path);
    let file = match existing {
        Ok(file) => file,
        Err(_missing) => File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)?,
    };
    share(&path, 0o666);
    Ok(file)
}

/// Lets others use it; only its owner can, and the others need not.
#[cfg(unix)]
fn share(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    drop(fs::set_permissions(path, fs::Permissions::from_mode(mode)));
}

#[cfg(not(unix))]
fn share(_path: &Path, _mode: u32) {}
