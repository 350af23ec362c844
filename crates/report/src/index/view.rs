//! What the index says of a run, in the words of records.

use super::{
    History,
    row::{Row, Shared, Taken},
    shape::Shape,
};
use crate::{
    filter::{Filter, Headline},
    history::Order,
};
use benchtop_store::{
    Place,
    record::{Purpose, RunOutcome, StepOutcome},
};
use chrono::{DateTime, Utc};
use std::{collections::BTreeMap, rc::Rc};

/// A run of the index.
#[derive(Clone, Copy, Debug)]
pub struct Indexed<'a> {
    history: &'a History,
    number: usize,
    row: Row<'a>,
}

/// How a step was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// How its first attempt ended.
    pub first: StepOutcome,
    /// How its deciding attempt ended.
    pub last: StepOutcome,
}

impl History {
    /// The runs that a filter accepts; `skip` of them left out, at most `most` taken.
    #[must_use]
    pub fn select(&self, filter: &Filter, order: Order, skip: usize, most: usize) -> Vec<Indexed<'_>> {
        let living = self
            .log
            .entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.is_alive && entry.is_run);
        let mut keys: Vec<(u64, usize)> = living
            .filter_map(|(number, _)| self.log.sequence(number).map(|sequence| (sequence, number)))
            .collect();
        keys.sort_unstable();
        if order == Order::NewestFirst {
            keys.reverse();
        }
        let runs = keys.into_iter().filter_map(|(_, number)| self.indexed(number));
        runs.filter(|run| filter.accepts(&run.headline()))
            .skip(skip)
            .take(most)
            .collect()
    }

    fn indexed(&self, number: usize) -> Option<Indexed<'_>> {
        Some(Indexed {
            history: self,
            number,
            row: self.log.row(number)?,
        })
    }

    /// How many runs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.log
            .entries
            .iter()
            .filter(|entry| entry.is_alive && entry.is_run)
            .count()
    }

    /// True without any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> Indexed<'a> {
    fn text(&self, which: Shared) -> Option<&'a str> {
        self.history.log.text(self.shared(which))
    }

    fn shared(&self, which: Shared) -> u32 {
        self.row.shared.get(which as usize).copied().unwrap_or(super::NONE)
    }

    /// What [`History::confirm`] knows it by.
    #[must_use]
    pub const fn number(&self) -> usize {
        self.number
    }

    /// What filters look at.
    #[must_use]
    pub fn headline(&self) -> Headline<'a> {
        Headline {
            place: self.place(),
            run_id: self.run_id(),
            procedure_id: self.procedure_id(),
            serial_number: self.row.serial,
            part_number: self.text(Shared::Part),
            batch: self.text(Shared::Batch),
            study: self.text(Shared::Study),
            station: self.text(Shared::Station).unwrap_or_default(),
            outcome: self.row.outcome,
            purpose: self.row.purpose,
            simulated: self.row.simulated(),
            started_at: self.started_at(),
        }
    }

    /// The folder that its record lies in.
    #[must_use]
    pub fn place(&self) -> Place {
        let at = self.history.numbered.get(&self.row.folder);
        let folder = at.and_then(|at| self.history.folders.get(*at));
        folder.map_or(Place::Kept, benchtop_store::RecordFolder::place)
    }

    /// Its record's file name.
    #[must_use]
    pub const fn name(&self) -> &'a str {
        self.row.name
    }

    /// Its id: the last part of the name.
    #[must_use]
    pub fn run_id(&self) -> &'a str {
        let last = self.row.name.rsplit('_').next().unwrap_or_default();
        last.strip_suffix(".json").unwrap_or(last)
    }

    /// Its number.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.row.sequence
    }

    /// When it started.
    #[must_use]
    pub fn started_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.row.started_us).unwrap_or_default()
    }

    /// How long it took, in seconds.
    #[must_use]
    pub const fn duration_s(&self) -> f64 {
        self.row.duration_s
    }

    /// How it ended.
    #[must_use]
    pub const fn outcome(&self) -> RunOutcome {
        self.row.outcome
    }

    /// Why it was made.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.row.purpose
    }

    /// True when anything in it is simulated.
    #[must_use]
    pub const fn simulated(&self) -> bool {
        self.row.simulated()
    }

    /// True when a step failed and was tried again.
    #[must_use]
    pub const fn has_fail_retry(&self) -> bool {
        self.row.fail_retry()
    }

    /// The unit's serial number.
    #[must_use]
    pub const fn serial_number(&self) -> &'a str {
        self.row.serial
    }

    /// The procedure's `id`.
    #[must_use]
    pub fn procedure_id(&self) -> &'a str {
        self.text(Shared::Procedure).unwrap_or_default()
    }

    /// The procedure's `version`.
    #[must_use]
    pub fn procedure_version(&self) -> &'a str {
        self.text(Shared::Version).unwrap_or_default()
    }

    /// The person at the bench.
    #[must_use]
    pub fn operator(&self) -> Option<&'a str> {
        self.text(Shared::Operator)
    }

    /// The gauge study that it belongs to.
    #[must_use]
    pub fn study(&self) -> Option<&'a str> {
        self.text(Shared::Study)
    }

    /// Which trial of the unit by the operator in that study it is, from 1.
    #[must_use]
    pub const fn trial(&self) -> Option<u32> {
        match self.row.trial {
            0 => None,
            trial => Some(trial),
        }
    }

    /// The part for which the procedure was read.
    #[must_use]
    pub fn variant(&self) -> Option<&'a str> {
        self.text(Shared::Variant)
    }

    /// The revision of the limits file.
    #[must_use]
    pub fn limits_revision(&self) -> Option<&'a str> {
        self.text(Shared::Limits)
    }

    /// Why it did not pass.
    #[must_use]
    pub fn reason(&self) -> Option<&'a str> {
        self.text(Shared::Reason)
    }

    /// The day on which an instrument was calibrated last.
    #[must_use]
    pub fn calibrated_on(&self, instrument: &str) -> Option<&'a str> {
        let mut reader = super::codec::Reader(self.history.log.shared(self.shared(Shared::Calibrations))?);
        while let (Some(name), Some(day)) = (reader.text(), reader.text()) {
            if name == instrument {
                return Some(day);
            }
        }
        None
    }

    /// How each step was judged, in the order of its shape.
    pub fn steps(&self) -> impl Iterator<Item = Judged> + 'a {
        self.row.steps().map(|(first, last)| Judged { first, last })
    }

    /// What was taken, in the order of its shape.
    pub fn values(&self) -> impl Iterator<Item = Taken> + 'a {
        self.row.values()
    }

    /// What was taken at a place of its shape.
    #[must_use]
    pub fn value(&self, at: usize) -> Option<Taken> {
        self.row.value(at)
    }
}

/// Shapes by their number, read once each.
#[derive(Debug, Default)]
pub struct Shapes(BTreeMap<u32, Rc<Shape>>);

impl Shapes {
    /// The steps and measurements of a run.
    pub fn of(&mut self, run: &Indexed<'_>) -> Rc<Shape> {
        let number = run.shared(Shared::Shape);
        let bytes = || run.history.log.shared(number).and_then(Shape::read).unwrap_or_default();
        Rc::clone(self.0.entry(number).or_insert_with(|| Rc::new(bytes())))
    }

    /// What tells one shape from another.
    #[must_use]
    pub fn key(run: &Indexed<'_>) -> u32 {
        run.shared(Shared::Shape)
    }
}
