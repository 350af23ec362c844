//! Which run is meant: by its id, its number, its unit, or its file.

use crate::exit::Failure;
use benchtop_report::{Filter, History, Order, StoredRun, Unreadable, index::Indexed, named};
use benchtop_store::{RecordName, Store, integrity};
use std::path::Path;

/// The run that a word means: `last`, a number, the beginning of an id, the file of a record, or a serial number, whose
/// newest run is meant then.
pub(super) fn find(store: &Store, history: &mut History, word: &str) -> Result<StoredRun, Failure> {
    let path = Path::new(word);
    if path.extension().is_some_and(|extension| extension == "json") && path.is_file() {
        return of_file(path);
    }
    let mut newest = |filter: Filter| -> Result<_, Failure> {
        let found = history
            .select(&filter, Order::NewestFirst, 0, 2)
            .map_err(super::failed)?;
        Ok(found.first().and_then(name).zip(Some(found.len())))
    };
    if word == "last" {
        let Some((name, _)) = newest(Filter::default())? else {
            return Err(Failure::refused("the store holds no run"));
        };
        return load(store, name);
    }
    if let Ok(sequence) = word.parse::<u64>() {
        let of_number = Filter {
            sequence: Some(sequence),
            ..Filter::default()
        };
        if let Some((name, _)) = newest(of_number)? {
            return load(store, name);
        }
    }
    let by_serial = Filter {
        serial: Some(word.replace('*', "")),
        ..Filter::default()
    };
    if let Some((name, _)) = newest(by_serial)? {
        return load(store, name);
    }
    let by_id = Filter {
        run_id: Some(word.to_owned()),
        ..Filter::default()
    };
    match newest(by_id)? {
        Some((name, 1)) => load(store, name),
        Some(_) => Err(Failure::refused(format!(
            "{word}: several runs have an id that begins so"
        ))),
        None => Err(Failure::refused(format!(
            "{word}: no such run; expected a number or an id of `benchtop runs list`, a serial number, `last`, or the file of a \
             record"
        ))),
    }
}

/// Its record, read and checked.
pub(super) fn load(store: &Store, name: RecordName) -> Result<StoredRun, Failure> {
    let id = name.run_id().to_owned();
    match named(store, name).map_err(super::failed)?.next() {
        Some(Ok(run)) => Ok(run),
        Some(Err(unreadable)) => Err(cannot_read(&unreadable)),
        None => Err(Failure::error(format!("run {id} went while it was looked for"))),
    }
}

/// The name of its record's file.
pub(super) fn name(run: &Indexed<'_>) -> Option<RecordName> {
    run.name().parse().ok()
}

fn cannot_read(unreadable: &Unreadable) -> Failure {
    Failure::error(unreadable.to_string())
}

/// A record outside the store: a golden one, say.
fn of_file(path: &Path) -> Result<StoredRun, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::refused(format!("read {}: {error}", path.display())))?;
    let record =
        integrity::open(&bytes).map_err(|error| Failure::refused(format!("read {}: {error}", path.display())))?;
    Ok(StoredRun {
        place: benchtop_store::Place::Kept,
        path: path.to_owned(),
        name: RecordName::of(&record),
        record,
    })
}
