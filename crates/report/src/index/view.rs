//! What the index says of a run, in the words of records.

use super::{
    History,
    log::Log,
    row::{NONE, Row, Shared, Taken},
    segment::Segment,
    shape::Shape,
};
use crate::{
    filter::{Filter, Headline},
    history::{Order, Unreadable},
};
use benchtop_store::{
    Place, StoreError,
    record::{Purpose, RunOutcome, StepOutcome},
};
use chrono::{DateTime, Utc};
use std::{
    cmp::{Ordering, Reverse},
    collections::HashMap,
    rc::Rc,
};

/// A run of the index.
#[derive(Clone, Copy)]
pub struct Indexed<'a> {
    log: &'a Log,
    segment: &'a Segment,
    at: usize,
    row: Row<'a>,
}

impl std::fmt::Debug for Indexed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Indexed").field(&self.name()).finish()
    }
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
    /// The runs that a filter accepts; `skip` of them left out, at most `most` taken. As much of the index is read as that
    /// takes: of the newest, its end. Where some were brought from another store, whose numbers are its own, they are in the order in
    /// which they started.
    ///
    /// # Errors
    /// [`StoreError`] when an index that is torn had to be made again, and the store's folders cannot be listed.
    pub fn select(
        &mut self,
        filter: &Filter,
        order: Order,
        skip: usize,
        most: usize,
    ) -> Result<Vec<Indexed<'_>>, StoreError> {
        let wanted = skip.saturating_add(most);
        let is_by_time = self.store.has_numbers_of_others()?;
        match order {
            Order::NewestFirst => {
                let rank = |run: &Indexed<'_>| match is_by_time {
                    true => i128::from(run.row.started_us()),
                    false => i128::from(run.sequence()),
                };
                let highest_unread = |log: &Log| match is_by_time {
                    true => log.latest_unread().map(i128::from),
                    false => log.highest_unread().map(i128::from),
                };
                // those of the segments that were looked at, by the number of the oldest one's first run
                let mut found: Vec<i128> = Vec::new();
                let mut looked = u32::MAX;
                self.reach(|log| {
                    for segment in log.segments().filter(|segment| segment.head.base < looked) {
                        found.extend(accepted(log, segment, filter).map(|run| rank(&run)));
                    }
                    looked = log.segments().last().map_or(looked, |segment| segment.head.base);
                    found.sort_unstable_by_key(|rank| Reverse(*rank));
                    let last = wanted.checked_sub(1).and_then(|last| found.get(last));
                    last.is_some_and(|last| highest_unread(log).is_none_or(|unread| unread < *last))
                })?;
            }
            Order::OldestFirst => self.reach(|_| false)?,
        }
        let log = &self.log;
        let segments: Vec<&Segment> = log.segments().collect();
        let oldest_first = segments.into_iter().rev();
        let mut runs: Vec<Indexed<'_>> = oldest_first
            .flat_map(|segment| accepted(log, segment, filter))
            .collect();
        // as they were read, mostly: then there is nothing to do
        match is_by_time {
            true => runs.sort_by(Indexed::by_time),
            false => runs.sort_by_key(Indexed::sequence),
        }
        if order == Order::NewestFirst {
            runs.reverse();
        }
        runs.truncate(wanted);
        runs.drain(..skip.min(runs.len()));
        Ok(runs)
    }

    /// The same; the records of these runs were looked at, and what was altered where it lies was read again. With them what
    /// cannot be believed, oldest first.
    ///
    /// # Errors
    /// As [`History::select`].
    pub fn select_confirmed(
        &mut self,
        filter: &Filter,
        order: Order,
        skip: usize,
        most: usize,
    ) -> Result<(Vec<Indexed<'_>>, Vec<Unreadable>), StoreError> {
        let mut numbers = self.numbers(filter, order, skip, most)?;
        if self.confirm(&numbers) {
            numbers = self.numbers(filter, order, skip, most)?;
        }
        let log = &self.log;
        let runs = numbers.into_iter().filter_map(|number| {
            let (segment, at) = log.placed(u32::try_from(number).ok()?)?;
            Some(Indexed {
                log,
                segment,
                at,
                row: segment.row(at)?,
            })
        });
        Ok((runs.collect(), self.unreadable()))
    }

    fn numbers(&mut self, filter: &Filter, order: Order, skip: usize, most: usize) -> Result<Vec<usize>, StoreError> {
        let runs = self.select(filter, order, skip, most)?;
        Ok(runs.iter().map(Indexed::number).collect())
    }

    /// Looks at the record of every run, whatever is asked later.
    ///
    /// # Errors
    /// As [`History::select`].
    pub fn confirm_all(&mut self) -> Result<(), StoreError> {
        let all = self.numbers(&Filter::default(), Order::OldestFirst, 0, usize::MAX)?;
        self.confirm(&all);
        Ok(())
    }

    /// How many runs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.log.state.runs.saturating_sub(self.log.state.dead)).unwrap_or(usize::MAX)
    }

    /// True without any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The living runs of a segment that a filter accepts.
fn accepted<'a>(log: &'a Log, segment: &'a Segment, filter: &Filter) -> impl Iterator<Item = Indexed<'a>> {
    let living = segment.runs.iter().enumerate().filter(|(_, placed)| placed.is_alive);
    let runs = living.filter_map(move |(at, _)| {
        Some(Indexed {
            log,
            segment,
            at,
            row: segment.row(at)?,
        })
    });
    runs.filter(move |run| filter.accepts(&run.headline()))
}

impl<'a> Indexed<'a> {
    fn text(&self, which: Shared) -> Option<&'a str> {
        self.log.texts.text(self.shared(which))
    }

    /// The number of a text among those of all segments.
    fn shared(&self, which: Shared) -> u32 {
        self.segment.shared(self.row.shared(which)).unwrap_or(NONE)
    }

    /// What the history knows it by.
    #[must_use]
    pub fn number(&self) -> usize {
        let base = usize::try_from(self.segment.head.base).unwrap_or(usize::MAX);
        base.saturating_add(self.at)
    }

    /// What filters look at.
    #[must_use]
    pub fn headline(&self) -> Headline<'a> {
        Headline {
            place: self.place(),
            sequence: self.sequence(),
            run_id: self.run_id(),
            procedure_id: self.procedure_id(),
            serial_number: self.row.serial(),
            part_number: self.text(Shared::Part),
            batch: self.text(Shared::Batch),
            study: self.text(Shared::Study),
            station: self.text(Shared::Station).unwrap_or_default(),
            outcome: self.row.outcome(),
            purpose: self.row.purpose(),
            simulated: self.row.simulated(),
            started_at: self.started_at(),
        }
    }

    /// The folder that its record lies in.
    #[must_use]
    pub fn place(&self) -> Place {
        let placed = self.segment.runs.get(self.at);
        let folder = placed.and_then(|placed| self.log.texts.text(placed.folder));
        super::place_of(folder.unwrap_or("kept"))
    }

    /// Its record's file name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.row.name()
    }

    /// Its id: the last part of the name.
    #[must_use]
    pub fn run_id(&self) -> &'a str {
        let last = self.row.name().rsplit('_').next().unwrap_or_default();
        last.strip_suffix(".json").unwrap_or(last)
    }

    /// Its number.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.row.sequence()
    }

    /// When it started.
    #[must_use]
    pub fn started_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.row.started_us()).unwrap_or_default()
    }

    /// Which of two runs came first: the one that started earlier, and at the same moment by station and its own number.
    #[must_use]
    pub fn by_time(&self, other: &Self) -> Ordering {
        let station = |run: &Self| run.text(Shared::Station);
        let started = self.row.started_us().cmp(&other.row.started_us());
        started.then_with(|| {
            let stations = station(self).cmp(&station(other));
            stations.then_with(|| (self.sequence(), self.name()).cmp(&(other.sequence(), other.name())))
        })
    }

    /// How long it took, in seconds.
    #[must_use]
    pub fn duration_s(&self) -> f64 {
        self.row.duration_s()
    }

    /// How it ended.
    #[must_use]
    pub fn outcome(&self) -> RunOutcome {
        self.row.outcome()
    }

    /// Why it was made.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        self.row.purpose()
    }

    /// True when anything in it is simulated.
    #[must_use]
    pub fn simulated(&self) -> bool {
        self.row.simulated()
    }

    /// True when a step failed and was tried again.
    #[must_use]
    pub fn has_fail_retry(&self) -> bool {
        self.row.fail_retry()
    }

    /// The unit's serial number.
    #[must_use]
    pub fn serial_number(&self) -> &'a str {
        self.row.serial()
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
    pub fn trial(&self) -> Option<u32> {
        match self.row.trial() {
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
        let mut reader = super::codec::Reader(self.log.texts.bytes(self.shared(Shared::Calibrations))?);
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
pub struct Shapes(HashMap<u32, Rc<Shape>>);

impl Shapes {
    /// The steps and measurements of a run.
    pub fn of(&mut self, run: &Indexed<'_>) -> Rc<Shape> {
        let number = run.shared(Shared::Shape);
        let bytes = || run.log.texts.bytes(number).and_then(Shape::read).unwrap_or_default();
        Rc::clone(self.0.entry(number).or_insert_with(|| Rc::new(bytes())))
    }

    /// What tells one shape from another.
    #[must_use]
    pub fn key(run: &Indexed<'_>) -> u32 {
        run.shared(Shared::Shape)
    }
}
