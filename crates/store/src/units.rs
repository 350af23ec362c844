//! Which units were judged, and how: an index for the question whether a unit comes for the second time.
//!
//! One line of JSON per judged run, appended when its record is published, in one of 4096 files by the digest of serial
//! number and procedure. The question reads one file, whatever the store holds: with a million runs some 40 kB. It is an
//! index and no more: a line that is lost or torn (power cut, full disk) costs one remembered run, never a record.
//!
//! Where a procedure counts its tests, the index is held to the records: before a unit is counted for the first time, the records
//! whose names say that unit are read, and what is remembered of pruned ones, and a line says that this was done. Whoever removes the files removes those lines too, and
//! the records are read again. And a run that is counted has a line as soon as it begins, which holds while its journal is there:
//! so many runs of one unit at once are not one each.

use crate::{
    disk::Dir,
    error::{StoreError, StoreErrorKind},
    integrity::{self, sha256_hex},
    journal,
    lock::{self, Lock},
    name::RecordName,
    outbox::held_bytes,
    record::{Purpose, Record, RunOutcome, time},
    store::{Store, Ticket},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, io::Write};

/// Digits of the digest that name the file.
const FILE_DIGITS: usize = 3;
/// Digits of the digest that stand for the unit and the procedure.
const UNIT_DIGITS: usize = 32;
/// More is not read: it is no index of ours.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// A run that judged a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedRun {
    unit: String,
    simulated: bool,
    /// Its id.
    pub run_id: String,
    /// PASS or FAIL.
    pub outcome: RunOutcome,
    /// When it started.
    #[serde(with = "time")]
    pub started_at: DateTime<Utc>,
}

/// The runs of a unit that count against a procedure's most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedRuns {
    /// Those that judged it, oldest first.
    pub judged: Vec<JudgedRun>,
    /// How many are under way, or ended without being saved so far.
    pub under_way: usize,
}

/// A run that is counted and has begun: it is under way while its journal is there.
#[derive(Serialize, Deserialize)]
struct Begun {
    unit: String,
    simulated: bool,
    begun: String,
}

/// The records of the unit were looked for: the index knows them all.
#[derive(Serialize, Deserialize)]
struct Whole {
    unit: String,
    whole: bool,
}

/// What the index says of a unit.
#[derive(Default)]
struct Known {
    judged: Vec<JudgedRun>,
    begun: Vec<String>,
    is_whole: bool,
}

impl Store {
    /// The runs of a unit with a procedure that ended PASS or FAIL, oldest first: partial ones and those of gauge studies are
    /// left out, and simulated ones are known only to simulated ones.
    ///
    /// # Errors
    /// [`StoreError`] when the index is there and cannot be read.
    pub fn judged_runs(&self, serial: &str, procedure_id: &str, simulated: bool) -> Result<Vec<JudgedRun>, StoreError> {
        let known = self.known(&digest(serial, procedure_id), simulated)?;
        Ok(known.judged)
    }

    /// The same for a procedure that counts them: also those that the index does not know, and those under way.
    ///
    /// # Errors
    /// [`StoreErrorKind::Damaged`] or [`StoreErrorKind::Newer`] when a record that may be the unit's cannot be read; trouble with
    /// the disk.
    pub fn counted_runs(&self, serial: &str, procedure_id: &str, simulated: bool) -> Result<CountedRuns, StoreError> {
        let digest = digest(serial, procedure_id);
        let known = self.known(&digest, simulated)?;
        if !known.is_whole {
            self.complete(serial, &digest)?;
        }
        let mut alive = Vec::new();
        for run_id in known.begun {
            if self.layout().journal.holds(&journal::name_of(&run_id))? {
                alive.push(run_id);
            }
        }
        // after the journals: a run that ends meanwhile is remembered before its journal goes
        let judged = self.known(&digest, simulated)?.judged;
        let is_judged = |run_id: &String| judged.iter().any(|run| run.run_id == *run_id);
        let under_way = alive.iter().filter(|run_id| !is_judged(run_id)).count();
        Ok(CountedRuns { judged, under_way })
    }

    /// One program at a time counts the runs of a unit and begins another; the lock is held until it is dropped.
    ///
    /// # Errors
    /// [`StoreErrorKind::Locked`] when another program does not let go of it; trouble with the disk.
    pub fn lock_units(&self) -> Result<Lock, StoreError> {
        lock::wait(&self.layout().root, lock::UNITS)
    }

    /// Counts a run that is about to begin its journal. The caller holds the lock of [`Store::lock_units`] until it has one.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written: then nobody would count the run.
    pub fn count_run(
        &self,
        serial: &str,
        procedure_id: &str,
        simulated: bool,
        ticket: &Ticket,
    ) -> Result<(), StoreError> {
        let digest = digest(serial, procedure_id);
        let begun = Begun {
            unit: unit_of(&digest),
            simulated,
            begun: ticket.run_id.clone(),
        };
        append(&self.layout().units, &digest, &begun)
    }

    fn known(&self, digest: &str, simulated: bool) -> Result<Known, StoreError> {
        let bytes = match self.layout().units.read(&file_of(digest), MOST_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == StoreErrorKind::NotFound => return Ok(Known::default()),
            Err(error) => return Err(error),
        };
        let unit = unit_of(digest);
        let mut known = Known::default();
        let mut seen = BTreeSet::new();
        for line in bytes.split(|byte| *byte == b'\n') {
            if let Ok(run) = serde_json::from_slice::<JudgedRun>(line) {
                if run.unit == unit && run.simulated == simulated && seen.insert(run.run_id.clone()) {
                    known.judged.push(run);
                }
            } else if let Ok(begun) = serde_json::from_slice::<Begun>(line) {
                if begun.unit == unit && begun.simulated == simulated {
                    known.begun.push(begun.begun);
                }
            } else if let Ok(whole) = serde_json::from_slice::<Whole>(line) {
                known.is_whole |= whole.whole && whole.unit == unit;
            }
        }
        // what was read from records stands behind what was remembered since
        known.judged.sort_by_key(|run| run.started_at);
        Ok(known)
    }

    /// Reads the records that may be the unit's, and adds to the index what they say.
    fn complete(&self, serial: &str, digest: &str) -> Result<(), StoreError> {
        let layout = self.layout();
        let mut names: Vec<RecordName> = Vec::new();
        let folders = self.record_folders()?;
        // the first once more: a record may move while they are read
        for folder in folders.iter().chain(folders.first()) {
            folder.each_name(|name| {
                let name = name.parse::<RecordName>().ok();
                names.extend(name.filter(|name| name.is_of(serial)));
            })?;
        }
        names.sort();
        names.dedup();
        for name in names {
            let Some(held) = held_bytes(layout, &name)? else {
                continue;
            };
            let refuse = |kind, detail: String| {
                let path = held.folder.path_of(name.as_str());
                StoreError::new(kind, "read", path, detail)
            };
            let Some(bytes) = &held.bytes else {
                return Err(refuse(StoreErrorKind::Damaged, "it is no plain file".to_owned()));
            };
            let record = integrity::open(bytes).map_err(|error| {
                let kind = match error {
                    integrity::IntegrityError::Missing
                    | integrity::IntegrityError::Altered
                    | integrity::IntegrityError::Form(_) => StoreErrorKind::Damaged,
                    integrity::IntegrityError::Newer(_) => StoreErrorKind::Newer,
                };
                refuse(kind, error.to_string())
            })?;
            if let Some((of, run)) = judged(&record).filter(|(of, _)| of == digest) {
                append(&layout.units, &of, &run)?;
            }
        }
        // those whose records were pruned are remembered elsewhere
        for run in self.pruned_runs()? {
            if counts(run.purpose) && self::digest(&run.serial_number, &run.procedure_id) == digest {
                let run = JudgedRun {
                    unit: unit_of(digest),
                    simulated: run.simulated,
                    run_id: run.run_id,
                    outcome: run.outcome,
                    started_at: run.started_at,
                };
                append(&layout.units, digest, &run)?;
            }
        }
        let whole = Whole {
            unit: unit_of(digest),
            whole: true,
        };
        append(&layout.units, digest, &whole)
    }
}

/// Remembers a run that is published, once or twice; what cannot be written is not remembered.
pub(crate) fn remember<M>(units: &Dir, record: &Record<M>) {
    if let Some((digest, run)) = judged(record) {
        drop(append(units, &digest, &run));
    }
}

/// What is remembered of a run, under its digest; `None` for one that does not count.
fn judged<M>(record: &Record<M>) -> Option<(String, JudgedRun)> {
    let judged = match record.outcome {
        RunOutcome::Pass | RunOutcome::Fail => true,
        RunOutcome::Error | RunOutcome::Timeout | RunOutcome::Aborted => false,
    };
    if !judged || !counts(record.purpose) {
        return None;
    }
    let digest = digest(&record.unit_under_test.serial_number, &record.procedure_id);
    let run = JudgedRun {
        unit: unit_of(&digest),
        simulated: record.simulated,
        run_id: record.run_id.clone(),
        outcome: record.outcome,
        started_at: record.started_at,
    };
    Some((digest, run))
}

/// True for the runs that a procedure counts.
const fn counts(purpose: Purpose) -> bool {
    match purpose {
        Purpose::Production | Purpose::Engineering | Purpose::Golden => true,
        Purpose::GaugeStudy | Purpose::Partial => false,
    }
}

fn append<T: Serialize>(units: &Dir, digest: &str, line: &T) -> Result<(), StoreError> {
    let name = file_of(digest);
    let failed = |error| StoreError::io("write", units.path_of(&name), error);
    let json = serde_json::to_string(line).map_err(|error| failed(error.into()))?;
    let file = units.open_append(&name)?;
    // a torn line before it ends here; one write, so that two processes do not mix theirs
    (&file).write_all(format!("\n{json}\n").as_bytes()).map_err(failed)
}

/// Of serial number and procedure; neither can stand for a part of the other.
fn digest(serial: &str, procedure_id: &str) -> String {
    sha256_hex(format!("{}:{serial}{procedure_id}", serial.len()).as_bytes())
}

fn file_of(digest: &str) -> String {
    format!("{}.jsonl", digest.get(..FILE_DIGITS).unwrap_or_default())
}

fn unit_of(digest: &str) -> String {
    digest.get(..UNIT_DIGITS).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{pruned::PrunedRun, testkit::record};

    fn judged(serial: &str, run_id: &str, outcome: RunOutcome) -> Record {
        let mut record = record();
        record.unit_under_test.serial_number = serial.to_owned();
        record.run_id = run_id.to_owned();
        record.outcome = outcome;
        record.simulated = false;
        record
    }

    fn outcomes(store: &Store, serial: &str) -> Vec<RunOutcome> {
        let runs = store.judged_runs(serial, "BOARD-FUNCTIONAL-V3", false).unwrap();
        runs.into_iter().map(|run| run.outcome).collect()
    }

    #[test]
    fn a_unit_is_remembered_by_its_judged_runs_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let units = &store.layout().units;
        assert_eq!(outcomes(&store, "U-1"), []);
        remember(units, &judged("U-1", "a", RunOutcome::Fail));
        remember(units, &judged("U-1", "b", RunOutcome::Error));
        remember(units, &judged("U-2", "c", RunOutcome::Pass));
        remember(units, &judged("U-1", "d", RunOutcome::Pass));
        remember(
            units,
            &Record {
                purpose: Purpose::Partial,
                ..judged("U-1", "e", RunOutcome::Fail)
            },
        );
        remember(
            units,
            &Record {
                simulated: true,
                ..judged("U-1", "f", RunOutcome::Pass)
            },
        );
        assert_eq!(outcomes(&store, "U-1"), [RunOutcome::Fail, RunOutcome::Pass]);
        assert_eq!(outcomes(&store, "U-2"), [RunOutcome::Pass]);
        assert_eq!(store.judged_runs("U-1", "OTHER", false).unwrap(), []);
    }

    #[test]
    fn a_torn_line_costs_itself_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let units = &store.layout().units;
        remember(units, &judged("U-1", "a", RunOutcome::Fail));
        let name = file_of(&digest("U-1", "BOARD-FUNCTIONAL-V3"));
        let file = units.open_append(&name).unwrap();
        (&file).write_all(b"{\"unit\":\"half a li").unwrap();
        remember(units, &judged("U-1", "b", RunOutcome::Pass));
        assert_eq!(outcomes(&store, "U-1"), [RunOutcome::Fail, RunOutcome::Pass]);
    }

    #[test]
    fn runs_that_are_counted_are_those_of_the_records_and_those_under_way() {
        let (_folder, store) = crate::testkit::store();
        let count = || {
            let runs = store.counted_runs("U-1", "BOARD-FUNCTIONAL-V3", false).unwrap();
            (runs.judged.len(), runs.under_way)
        };
        assert_eq!(count(), (0, 0));
        let ticket = store.begin(crate::testkit::now()).unwrap();
        store.count_run("U-1", "BOARD-FUNCTIONAL-V3", false, &ticket).unwrap();
        assert_eq!(count(), (0, 0), "its journal has not begun");
        let journal = store.journal(&ticket).unwrap();
        assert_eq!(count(), (0, 1));
        assert_eq!(
            store
                .counted_runs("U-2", "BOARD-FUNCTIONAL-V3", false)
                .unwrap()
                .under_way,
            0
        );
        let sealed = Record {
            sequence: ticket.sequence,
            ..judged("U-1", &ticket.run_id, RunOutcome::Pass)
        };
        store.publish(sealed.packed()).unwrap();
        assert_eq!(count(), (1, 0), "judged, although its journal is there");
        drop(journal);
        // whoever removes the index does not remove what it was made from
        for name in store.layout().units.names().unwrap() {
            store.layout().units.remove(&name).unwrap();
        }
        assert_eq!(outcomes(&store, "U-1"), []);
        assert_eq!(count(), (1, 0));
        assert_eq!(outcomes(&store, "U-1"), [RunOutcome::Pass]);
        assert_eq!(count(), (1, 0), "the records are read once");
        // nor does one whose record went give the unit a test back
        let gone = PrunedRun::of(&judged("U-3", "gone", RunOutcome::Fail)).unwrap();
        crate::pruned::remember(store.layout(), &[gone]).unwrap();
        let runs = store.counted_runs("U-3", "BOARD-FUNCTIONAL-V3", false).unwrap();
        assert_eq!(runs.judged.len(), 1);
    }

    #[test]
    fn a_record_that_was_brought_counts_and_one_that_cannot_be_read_keeps_the_unit_from_being_counted() {
        let (_folder, store) = crate::testkit::store();
        let (_other, elsewhere) = crate::testkit::store();
        let ticket = elsewhere.begin(crate::testkit::now()).unwrap();
        let record = Record {
            sequence: ticket.sequence,
            ..judged("U-1", &ticket.run_id, RunOutcome::Fail)
        };
        let saved = elsewhere.publish(record.packed()).unwrap();
        let bytes = std::fs::read(&saved.path).unwrap();
        let count = |store: &Store| store.counted_runs("U-1", "BOARD-FUNCTIONAL-V3", false);
        assert_eq!(count(&store).unwrap().judged.len(), 0);
        store.adopt(&bytes).unwrap();
        assert_eq!(count(&store).unwrap().judged.len(), 1);
        for name in elsewhere.layout().units.names().unwrap() {
            elsewhere.layout().units.remove(&name).unwrap();
        }
        let file = std::fs::File::options().write(true).open(&saved.path).unwrap();
        file.set_len(100).unwrap();
        assert_eq!(count(&elsewhere).unwrap_err().kind(), StoreErrorKind::Damaged);
    }
}
