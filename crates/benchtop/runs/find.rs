//! Which run is meant: by its id, its number, its unit, or its file.

use super::{args::StoreArguments, simulated_ones};
use crate::{exit::Failure, terminal};
use benchtop_report::{Filter, History, Order, StoredRun, Unreadable, index::Indexed, named};
use benchtop_store::{RecordName, SEQUENCE_DIGITS, Store, integrity};
use std::path::Path;

/// Runs of one number that are named.
const MOST_NAMED: usize = 3;

/// The run that a word means: `last`, a number, the beginning of an id, the file of a record, or a serial number, whose
/// newest run is meant then. Records that cannot be believed and may be what was meant are warned of; where there is none, `of`
/// says whether it may be a simulated one.
pub(super) fn find(
    store: &Store,
    history: &mut History,
    word: &str,
    of: &StoreArguments,
) -> Result<StoredRun, Failure> {
    let path = Path::new(word);
    if path.extension().is_some_and(|extension| extension == "json") && path.is_file() {
        return of_file(path);
    }
    let found = chosen(history, word);
    let taken = found.as_ref().ok().and_then(Option::as_ref);
    warn_of(history, |damaged| may_be_meant(damaged, word, taken));
    let name = found?.ok_or_else(|| {
        let hint = match simulated_ones(of) {
            "" => String::new(),
            hint => format!(" ({hint})"),
        };
        match word {
            "last" => Failure::refused(format!("the store holds no run{hint}")),
            _ => Failure::refused(format!(
                "{word}: no such run{hint}; expected a number or an id of `benchtop runs list`, a serial number, `last`, or the file \
                 of a record"
            )),
        }
    })?;
    load(store, name)
}

/// The name of the record that a word means; none where there is none.
fn chosen(history: &mut History, word: &str) -> Result<Option<RecordName>, Failure> {
    if word == "last" {
        return newest(history, &Filter::default());
    }
    let by_serial = Filter {
        serial: Some(word.replace('*', "")),
        ..Filter::default()
    };
    let of_unit = newest(history, &by_serial)?;
    if let Some(name) = of_number(history, word)? {
        if let Some(of_unit) = of_unit.filter(|of_unit| *of_unit != name) {
            terminal::warn(&format!(
                "{word} is taken for a run's number; it is a unit's serial number too, whose newest run is {}",
                of_unit.run_id()
            ));
        }
        return Ok(Some(name));
    }
    if of_unit.is_some() {
        return Ok(of_unit);
    }
    let by_id = Filter {
        run_id: Some(word.to_owned()),
        ..Filter::default()
    };
    let found = history
        .select(&by_id, Order::NewestFirst, 0, 2)
        .map_err(super::failed)?;
    match found.as_slice() {
        // as the names of files have it; a shorter one is a serial number that the store does not know
        [] if word.len() == SEQUENCE_DIGITS => of_number(history, word.trim_start_matches('0')),
        [] => Ok(None),
        [one] => Ok(name(one)),
        [..] => Err(Failure::refused(format!(
            "{word}: several runs have an id that begins so"
        ))),
    }
}

/// The number that a word is; none with a sign or a zero before it, as serial numbers have them.
fn number_of(word: &str) -> Option<u64> {
    let number: u64 = word.parse().ok()?;
    (number.to_string() == word).then_some(number)
}

/// The name of the record whose run has the number that a word is; none where it is none, or no run has it. Runs that were brought
/// from another store have numbers of their own: of several none is taken.
fn of_number(history: &mut History, word: &str) -> Result<Option<RecordName>, Failure> {
    let Some(sequence) = number_of(word) else {
        return Ok(None);
    };
    let filter = Filter {
        sequence: Some(sequence),
        ..Filter::default()
    };
    let found = history
        .select(&filter, Order::NewestFirst, 0, MOST_NAMED + 1)
        .map_err(super::failed)?;
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(name(one)),
        several => {
            let named = several.iter().take(MOST_NAMED);
            let named: Vec<String> = named
                .map(|run| {
                    let head = run.headline();
                    format!("{} of {} on {}", head.run_id, head.serial_number, head.station)
                })
                .collect();
            let more = if several.len() > MOST_NAMED { ", ..." } else { "" };
            Err(Failure::refused(terminal::clip(
                &format!(
                    "{word}: runs of several stores have this number; name one by its id: {}{more}",
                    named.join(", ")
                ),
                400,
            )))
        }
    }
}

/// The name of the newest record that a filter accepts.
pub(super) fn newest(history: &mut History, filter: &Filter) -> Result<Option<RecordName>, Failure> {
    let found = history
        .select(filter, Order::NewestFirst, 0, 1)
        .map_err(super::failed)?;
    Ok(found.first().and_then(name))
}

/// Warns of records that cannot be believed and that are meant.
pub(super) fn warn_of(history: &History, is_meant: impl Fn(&RecordName) -> bool) {
    for unreadable in history.unreadable().iter().filter(|damaged| is_meant(&damaged.name)) {
        terminal::warn(&unreadable.to_string());
    }
}

/// True where a damaged record may be the one that a word means, as far as its name tells: `taken` is taken in its place.
pub(super) fn may_be_meant(damaged: &RecordName, word: &str, taken: Option<&RecordName>) -> bool {
    let is_newest = (word == "last" || damaged.is_of(word)) && !is_older(damaged, taken);
    is_newest || number_of(word) == Some(damaged.sequence()) || damaged.run_id().starts_with(word)
}

/// True where a damaged record is older than the one that is taken, by its number and by its time, for they may be of two stations:
/// it hides nothing newer.
pub(super) fn is_older(damaged: &RecordName, taken: Option<&RecordName>) -> bool {
    taken.is_some_and(|taken| damaged.sequence() < taken.sequence() && damaged.started() <= taken.started())
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
fn name(run: &Indexed<'_>) -> Option<RecordName> {
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
