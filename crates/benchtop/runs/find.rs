//! Which run is meant: by its id, its number, its unit, or its file.

use crate::exit::Failure;
use benchtop_report::{Filter, History, Order, StoredRun, Unreadable, runs};
use benchtop_store::{Store, integrity};
use std::path::Path;

/// The run that a word means: `last`, a number, the beginning of an id, the file of a record, or a serial number, whose
/// newest run is meant then.
pub(super) fn find(store: &Store, history: &History, word: &str) -> Result<StoredRun, Failure> {
    let path = Path::new(word);
    if path.extension().is_some_and(|extension| extension == "json") && path.is_file() {
        return of_file(path);
    }
    let newest = |filter: Filter| {
        let found = history.select(&filter, Order::NewestFirst, 0, 2);
        found.first().map(|run| (run.run_id().to_owned(), found.len()))
    };
    if word == "last" {
        let Some((id, _)) = newest(Filter::default()) else {
            return Err(Failure::refused("the store holds no run"));
        };
        return load(store, &id);
    }
    if let Ok(sequence) = word.parse::<u64>() {
        let all = history.select(&Filter::default(), Order::NewestFirst, 0, usize::MAX);
        let found = all.iter().find(|run| run.sequence() == sequence);
        if let Some(run) = found {
            return load(store, run.run_id());
        }
    }
    let by_serial = Filter {
        serial: Some(word.replace('*', "")),
        ..Filter::default()
    };
    if let Some((id, _)) = newest(by_serial) {
        return load(store, &id);
    }
    let by_id = Filter {
        run_id: Some(word.to_owned()),
        ..Filter::default()
    };
    match newest(by_id) {
        Some((id, 1)) => load(store, &id),
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
pub(super) fn load(store: &Store, id: &str) -> Result<StoredRun, Failure> {
    let only = Filter {
        run_id: Some(id.to_owned()),
        ..Filter::default()
    };
    let found = runs(store, only, Order::NewestFirst)
        .map_err(super::failed)?
        .of_run(id)
        .next();
    match found {
        Some(Ok(run)) => Ok(run),
        Some(Err(unreadable)) => Err(cannot_read(&unreadable)),
        None => Err(Failure::error(format!("run {id} went while it was looked for"))),
    }
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
        name: benchtop_store::RecordName::of(&record),
        record,
    })
}
