//! The sealed records of a store, one after the other: read, checked, filtered; never moved or altered.

use crate::filter::{Filter, Headline, place_word};
use benchtop_store::{Place, Record, RecordFolder, RecordName, Store, StoreError, StoreErrorKind};
use std::{collections::BTreeMap, path::PathBuf};

/// Which end comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By sequence number, rising; by the time at which they started where runs of several stations are there.
    #[default]
    OldestFirst,
    /// The same, falling.
    NewestFirst,
}

/// A run that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRun {
    /// The folder that its record lies in.
    pub place: Place,
    /// Where its record is.
    pub path: PathBuf,
    /// Its record's file name.
    pub name: RecordName,
    /// What it says.
    pub record: Record,
}

/// A file with a record's name that cannot be believed; it stays where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The folder that it lies in.
    pub place: Place,
    /// Its name.
    pub name: RecordName,
    /// Why.
    pub reason: String,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}: {}", place_word(self.place), self.name, self.reason)
    }
}

/// The runs of a store whose heads a filter accepts, over `pending`, `synced`, `parked` and `kept`, each once.
///
/// Names are held (some 150 bytes a run), records are read as they are asked for. A record that moves meanwhile is found
/// where it went; one that goes (pruned, quarantined) is left out.
#[derive(Debug)]
pub struct Runs {
    folders: Vec<RecordFolder>,
    /// With the folder that each was seen in; the next one is the last.
    names: Vec<(RecordName, usize)>,
    filter: Filter,
}

/// The runs of a store that `filter` accepts.
///
/// # Errors
/// [`StoreError`] when a folder cannot be listed.
pub fn runs(store: &Store, filter: Filter, order: Order) -> Result<Runs, StoreError> {
    let folders = store.record_folders()?;
    let mut seen: BTreeMap<RecordName, usize> = BTreeMap::new();
    // the first folder once more at the end: a record that moves while we look is met in one place or the other
    for (index, folder) in folders.iter().enumerate().chain(folders.iter().enumerate().take(1)) {
        if !filter.places.is_empty() && !filter.places.contains(&folder.place()) {
            continue;
        }
        folder.each_name(|file| {
            if let Ok(name) = file.parse() {
                seen.insert(name, index);
            }
        })?;
    }
    let mut names: Vec<(RecordName, usize)> = seen.into_iter().collect();
    if store.has_numbers_of_others()? {
        names.sort_by(|(one, _), (other, _)| (one.started(), one).cmp(&(other.started(), other)));
    }
    match order {
        Order::OldestFirst => names.reverse(),
        Order::NewestFirst => {}
    }
    Ok(Runs { folders, names, filter })
}

/// The run whose record has this name, wherever it lies; no folder is listed.
///
/// # Errors
/// [`StoreError`] when a folder cannot be opened.
pub fn named(store: &Store, name: RecordName) -> Result<Runs, StoreError> {
    Ok(Runs {
        folders: store.record_folders()?,
        names: vec![(name, 0)],
        filter: Filter::default(),
    })
}

impl Runs {
    /// How many files are still to be looked at; not all need be accepted.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.names.len()
    }

    /// The record, wherever it went; `None` where it is gone, or not meant.
    fn read(&self, name: RecordName, index: usize) -> Option<Result<StoredRun, Unreadable>> {
        let seen = self.folders.get(index)?;
        let elsewhere = self.folders.iter().filter(|folder| folder.name() != seen.name());
        for folder in std::iter::once(seen).chain(elsewhere) {
            let place = folder.place();
            match folder.read(&name) {
                Ok(sealed) => {
                    let record = sealed.record;
                    if !self.filter.accepts(&Headline::of(&record, place)) {
                        return None;
                    }
                    let path = sealed.path;
                    return Some(Ok(StoredRun {
                        place,
                        path,
                        name,
                        record,
                    }));
                }
                Err(error) if error.kind() == StoreErrorKind::NotFound => {}
                Err(error) => {
                    let reason = error.to_string();
                    return Some(Err(Unreadable { place, name, reason }));
                }
            }
        }
        None
    }
}

impl Iterator for Runs {
    type Item = Result<StoredRun, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some((name, index)) = self.names.pop() {
            if let Some(run) = self.read(name, index) {
                return Some(run);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{self, Made};
    use benchtop_store::record::RunOutcome;

    fn serials(runs: Runs) -> Vec<String> {
        runs.map(|run| run.unwrap().record.unit_under_test.serial_number)
            .collect()
    }

    #[test]
    fn runs_come_oldest_first_each_once_over_all_folders() {
        let made = Made::default();
        for (sequence, folder) in [(3, "kept"), (1, "synced/2026-03"), (4, "pending"), (2, "parked")] {
            made.put(folder, &testkit::record(sequence));
        }
        let all = runs(&made.store(), Filter::default(), Order::OldestFirst).unwrap();
        assert_eq!(all.remaining(), 4);
        assert_eq!(serials(all), ["UNIT-0001", "UNIT-0002", "UNIT-0003", "UNIT-0004"]);
        let back = runs(&made.store(), Filter::default(), Order::NewestFirst).unwrap();
        assert_eq!(serials(back).first().unwrap(), "UNIT-0004");
        let parked = Filter {
            places: vec![Place::Parked],
            ..Filter::default()
        };
        assert_eq!(
            serials(runs(&made.store(), parked, Order::OldestFirst).unwrap()),
            ["UNIT-0002"]
        );
    }

    #[test]
    fn runs_that_were_brought_come_at_their_time_and_not_at_their_number() {
        let made = Made::default();
        made.put("pending", &testkit::record(7));
        made.put("pending", &testkit::record(9));
        let other = Record {
            sequence: 1,
            ..testkit::record(8)
        };
        made.store()
            .adopt(&benchtop_store::integrity::seal(&other).unwrap())
            .unwrap();
        let all = runs(&made.store(), Filter::default(), Order::OldestFirst).unwrap();
        assert_eq!(serials(all), ["UNIT-0007", "UNIT-0008", "UNIT-0009"]);
        let back = runs(&made.store(), Filter::default(), Order::NewestFirst).unwrap();
        assert_eq!(serials(back), ["UNIT-0009", "UNIT-0008", "UNIT-0007"]);
    }

    #[test]
    fn what_cannot_be_believed_is_named_and_the_rest_comes() {
        let made = Made::default();
        made.put("pending", &testkit::record(1));
        let path = made.put("pending", &testkit::record(2));
        made.put("pending", &testkit::record(3));
        let text = std::fs::read_to_string(&path).unwrap();
        testkit::write(&path, &text.replacen("UNIT-0002", "UNIT-0009", 1));
        made.foreign("pending/notes.txt");
        let found: Vec<_> = runs(&made.store(), Filter::default(), Order::OldestFirst)
            .unwrap()
            .collect();
        assert_eq!(found.len(), 3);
        let unreadable = found[1].as_ref().unwrap_err();
        assert_eq!(unreadable.name.sequence(), 2);
        let said = unreadable.to_string();
        assert!(said.starts_with("pending/0000000002_UNIT-0002_"), "{said}");
        assert!(said.contains("digest or length differ"), "{said}");
        assert!(path.exists(), "it stays where it is");
    }

    #[test]
    fn a_record_that_moves_meanwhile_is_found_and_one_that_goes_is_left_out() {
        let made = Made::default();
        let first = made.put("pending", &testkit::record(1));
        let second = made.put("pending", &testkit::record(2));
        made.put("synced/2026-03", &testkit::record(3));
        let all = runs(&made.store(), Filter::default(), Order::OldestFirst).unwrap();
        testkit::rename(&first, &made.path("synced/2026-03").join(first.file_name().unwrap()));
        std::fs::remove_file(second).unwrap();
        assert_eq!(serials(all), ["UNIT-0001", "UNIT-0003"]);
    }

    #[test]
    fn a_filter_sees_the_record_itself() {
        let made = Made::default();
        for sequence in 1..=3 {
            let mut record = testkit::record(sequence);
            if sequence == 2 {
                record.outcome = RunOutcome::Fail;
                record.run_passed = false;
            }
            made.put("pending", &record);
        }
        let failed = Filter {
            outcomes: vec![RunOutcome::Fail],
            ..Filter::default()
        };
        assert_eq!(
            serials(runs(&made.store(), failed, Order::OldestFirst).unwrap()),
            ["UNIT-0002"]
        );
    }
}
