//! The way back: what the targets confirmed, from the machine with a network to the stations.

use super::lines::{Reader, Writer, check};
use super::{BundleError, Carried, anywhere, digest, is_its_own};
use crate::deliver::Now;
use benchtop_store::{Place, Receipt, ReceiptKind, RecordName, Standing, Store, StoreError, StoreErrorKind};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::{Read, Write};

const FORMAT: &str = "benchtop.bundle-receipt/1";

/// What a receipt brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confirmations {
    /// Runs that are confirmed here now.
    pub confirmed: usize,
    /// Runs that were confirmed here before.
    pub already: usize,
    /// Runs of other stations, or that are not here any more.
    pub not_here: usize,
    /// Runs whose record here is another one than the confirmed one, with the reason: nothing was changed.
    pub refused: Vec<(String, String)>,
    /// Targets that confirmed runs of this station and are none of its own, where it has any: those lack the runs still.
    pub unknown_targets: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    made_at: String,
}

#[derive(Serialize, Deserialize)]
struct Confirmed {
    name: String,
    /// Of the record's bytes.
    sha256: String,
    target: String,
    remote_id: String,
}

/// Writes what the targets confirmed, also of runs that another one lacks still: how many confirmations, and the records that cannot
/// be believed, which are left out.
///
/// # Errors
/// [`BundleError`] when the store or the file is in trouble.
pub fn confirmations(
    store: &Store,
    to: &mut dyn Write,
    secret: Option<&SecretString>,
    now: Now<'_>,
) -> Result<Carried, BundleError> {
    let header = Header {
        format: FORMAT.to_owned(),
        made_at: crate::times::wire(now()),
    };
    let mut writer = Writer::begin(to, &header)?;
    let mut carried = Carried::default();
    // pending first: a record that a sync moves meanwhile is met in one place or the other
    for place in [Place::Pending, Place::Parked, Place::Synced] {
        for name in store.list(place, usize::MAX)?.names {
            let confirmed = match confirmed(store, place, &name) {
                Ok(confirmed) => confirmed,
                Err(error) if place != Place::Synced && error.kind() == StoreErrorKind::NotFound => continue,
                Err(error) => {
                    carried.left_out.push((name.to_string(), error.to_string()));
                    continue;
                }
            };
            for line in confirmed {
                writer.line(&line)?;
                carried.records += 1;
            }
        }
    }
    writer.end(secret)?;
    Ok(carried)
}

/// What the targets confirmed of one record.
fn confirmed(store: &Store, place: Place, name: &RecordName) -> Result<Vec<Confirmed>, StoreError> {
    let receipts = store.receipts().read(name.run_id())?;
    let mut lines = Vec::new();
    for (target, state) in receipts.targets() {
        if let Standing::Confirmed { remote_id, .. } = &state.standing {
            lines.push(Confirmed {
                name: name.to_string(),
                sha256: String::new(),
                target: target.to_owned(),
                remote_id: remote_id.clone(),
            });
        }
    }
    if !lines.is_empty() {
        let sha256 = digest(&store.read(place, name)?.bytes);
        lines.iter_mut().for_each(|line| line.sha256.clone_from(&sha256));
    }
    Ok(lines)
}

/// Takes the confirmations of a receipt: runs that wait here are confirmed and move, as after an upload from here.
///
/// `targets` are the names of the station's own targets; `from` gives the same bytes twice.
///
/// # Errors
/// [`BundleError`]: what is torn, altered, unsigned or no receipt is refused as a whole. Only what goes wrong in the second reading
/// leaves what came before it: [`BundleError::BrokenOff`].
pub fn take_confirmations<R: Read>(
    store: &Store,
    mut from: impl FnMut() -> std::io::Result<R>,
    secret: Option<&SecretString>,
    targets: &[&str],
    now: Now<'_>,
) -> Result<Confirmations, BundleError> {
    let checked = check(from()?, FORMAT, secret)?;
    let _syncer = store.lock_syncer()?;
    let mut reader = Reader::begin(from()?, checked)?;
    let mut taken = Confirmations::default();
    match take_all(store, &mut reader, targets, now, &mut taken) {
        Ok(()) => Ok(taken),
        Err(error) => Err(error.after(taken.confirmed > 0)),
    }
}

fn take_all(
    store: &Store,
    reader: &mut Reader<impl Read>,
    targets: &[&str],
    now: Now<'_>,
    taken: &mut Confirmations,
) -> Result<(), BundleError> {
    while let Some(line) = reader.line()? {
        let line: Confirmed = serde_json::from_str(&line).map_err(|error| BundleError::Altered(error.to_string()))?;
        take(store, line, targets, now, taken)?;
    }
    Ok(store.sync_moves()?)
}

fn take(
    store: &Store,
    line: Confirmed,
    targets: &[&str],
    now: Now<'_>,
    taken: &mut Confirmations,
) -> Result<(), BundleError> {
    let Ok(name) = line.name.parse::<RecordName>() else {
        return Err(BundleError::Altered(format!(
            "`{}` is not the name of a record",
            line.name
        )));
    };
    let (place, sealed) = match anywhere(store, &name) {
        Ok(Some(found)) => found,
        Ok(None) => {
            taken.not_here += 1;
            return Ok(());
        }
        // it is here, and it cannot be told whether it is the one
        Err(error) => {
            taken.refused.push((line.name, error.to_string()));
            return Ok(());
        }
    };
    if digest(&sealed.bytes) != line.sha256 {
        let reason = "the record here is not the one that was confirmed".to_owned();
        taken.refused.push((line.name, reason));
        return Ok(());
    }
    let before = match store.receipts().read(name.run_id()) {
        Ok(receipts) => receipts.target(&line.target),
        Err(error) => {
            taken.refused.push((line.name, error.to_string()));
            return Ok(());
        }
    };
    if !targets.is_empty() && !targets.contains(&line.target.as_str()) {
        taken.unknown_targets.insert(line.target.clone());
    }
    match before.standing {
        Standing::Confirmed { .. } => taken.already += 1,
        Standing::Open
        | Standing::Deferred { .. }
        | Standing::Uncertain { .. }
        | Standing::Parked { .. }
        | Standing::Unwanted { .. } => {
            let receipt = Receipt {
                at: now(),
                target: line.target.clone(),
                kind: ReceiptKind::Confirmed {
                    remote_id: line.remote_id,
                },
            };
            store.receipts().append(name.run_id(), &receipt)?;
            taken.confirmed += 1;
        }
    }
    if matches!(place, Place::Parked | Place::Kept) {
        store.requeue(place, &name)?;
    }
    if place != Place::Synced {
        let own: Vec<&str> = targets.iter().copied().chain([line.target.as_str()]).collect();
        match store.settle(&name, &own, now()) {
            Ok(_) => {}
            Err(error) if is_its_own(error.kind()) => taken.refused.push((line.name, error.to_string())),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
