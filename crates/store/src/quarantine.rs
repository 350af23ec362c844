//! Where files go that cannot be read or believed: kept with a reason, never deleted, never uploaded.

use crate::{
    disk::Dir,
    error::{StoreError, StoreErrorKind},
    publish::{Published, publish},
};
use std::io::Write;

/// A file that was put into quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Its name under `quarantine/`; the reason also stands beside it in `<name>.reason`.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// How many files of the same name are told apart.
const MOST_OF_ONE_NAME: u32 = 10_000;

/// Moves a file into quarantine, whatever it is: a link is moved, not what it points to.
pub(crate) fn quarantine(from: &Dir, name: &str, to: &Dir, reason: &str) -> Result<Quarantined, StoreError> {
    let free = first_free(name, |candidate| match from.rename_new(name, to, candidate) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == StoreErrorKind::Conflict => Ok(false),
        Err(error) => Err(error),
    })?;
    to.sync()?;
    from.sync()?;
    Ok(explain(to, free, reason))
}

/// Keeps a copy of bytes that are about to be cut, durably.
pub(crate) fn quarantine_copy(bytes: &[u8], name: &str, to: &Dir, reason: &str) -> Result<Quarantined, StoreError> {
    let free = first_free(name, |candidate| match publish(to, name, candidate, bytes)? {
        Published::New | Published::Already => Ok(true),
        Published::Conflict { temporary } => {
            to.discard(&temporary);
            Ok(false)
        }
    })?;
    Ok(explain(to, free, reason))
}

fn first_free(name: &str, mut take: impl FnMut(&str) -> Result<bool, StoreError>) -> Result<String, StoreError> {
    // a dot would hide it from people
    let visible = name.trim_start_matches('.');
    let mut candidate = visible.to_owned();
    for number in 1..MOST_OF_ONE_NAME {
        if take(&candidate)? {
            return Ok(candidate);
        }
        candidate = format!("{visible}.{number}");
    }
    let detail = "too many files of this name are in quarantine";
    Err(StoreError::new(
        StoreErrorKind::Conflict,
        "move to quarantine",
        visible,
        detail,
    ))
}

fn explain(to: &Dir, name: String, reason: &str) -> Quarantined {
    let note = format!("{name}.reason");
    let written = to.create_new(&note).map(|file| {
        let written = writeln!(&file, "{reason}");
        written.and_then(|()| file.sync_all())
    });
    // the file is safe and the caller has the reason: a note that could not be written takes nothing away
    drop(written);
    Quarantined {
        name,
        reason: reason.to_owned(),
    }
}
