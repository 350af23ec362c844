//! Which runs and which values statistics are made of, exactly; and what was left out, so that nobody wonders.
//!
//! Yield counts units per procedure: a unit's first production run that ended Pass or Fail says whether it passed at first;
//! one that passed after a step that failed was tried again did not. Error, Timeout and Aborted are losses of the station,
//! apart. Where only what is since a moment counts, or where records were pruned, a unit that was judged before came back: it is
//! in neither yield nor values, and is counted. Values are those of the first attempts on each unit, of one population: one limits revision, variant, range and
//! pair of limits, the one of the newest run; never beyond the range.

#[cfg(test)]
mod tests;

use crate::{
    filter::{Filter, Headline},
    index::{Asked, Indexed, Shape, Shapes},
    words::counted,
};
use benchtop_store::{
    Place, PrunedRun,
    record::{MeasurementOutcome, Purpose, RunOutcome, Section, StepOutcome},
};
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    rc::Rc,
};

/// Runs of one procedure that count, and how many were left out.
#[derive(Debug)]
pub struct Population<'a> {
    /// The procedure's `id`.
    pub procedure: String,
    /// The runs that count, oldest first by the time at which they started: numbers are each station's own, and a store may
    /// hold the records of several.
    pub runs: Vec<Indexed<'a>>,
    /// Units that were judged before the moment since which runs count, or in a run whose record was pruned.
    pub earlier: HashSet<&'a str>,
    /// Left out because something in them was simulated.
    pub simulated: usize,
    /// Left out because they were not made to test units to ship.
    pub other_purposes: usize,
    /// Judging runs that would count, and whose records were pruned.
    pub pruned: usize,
}

/// What counts beside real production runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Simulated runs too.
    pub simulated: bool,
    /// The purpose that counts; production unless said.
    pub purpose: Option<Purpose>,
    /// Only runs that started at this moment or later; those before say which units come back.
    pub since: Option<DateTime<Utc>>,
}

/// The populations of runs, one a procedure, by its id.
#[must_use]
pub fn populations<'a>(runs: &[Indexed<'a>], wanted: Wanted) -> Vec<Population<'a>> {
    let mut found: BTreeMap<&str, Population<'a>> = BTreeMap::new();
    for run in runs {
        let population = found.entry(run.procedure_id()).or_insert_with(|| Population {
            procedure: run.procedure_id().to_owned(),
            runs: Vec::new(),
            earlier: HashSet::new(),
            simulated: 0,
            other_purposes: 0,
            pruned: 0,
        });
        let is_before = wanted.since.is_some_and(|since| run.started_at() < since);
        if run.purpose() != wanted.purpose.unwrap_or(Purpose::Production) {
            population.other_purposes += usize::from(!is_before);
        } else if run.simulated() && !wanted.simulated {
            population.simulated += usize::from(!is_before);
        } else if !is_before {
            population.runs.push(*run);
        } else if is_judged(run) {
            population.earlier.insert(run.serial_number());
        }
    }
    for population in found.values_mut() {
        population.runs.sort_by(Indexed::by_time);
    }
    // procedures of which there is nothing since are not asked about
    let is_asked = |found: &Population<'_>| {
        wanted.since.is_none() || !found.runs.is_empty() || found.simulated + found.other_purposes > 0
    };
    found.into_values().filter(is_asked).collect()
}

/// Takes into account what was pruned, as far as `filter` asks for it: a unit whose first judging run went came back.
///
/// One that went after the unit's first run, or whose record is still there, changes nothing.
pub fn remember_pruned<'a>(
    populations: &mut [Population<'a>],
    pruned: &'a [PrunedRun],
    filter: &Filter,
    wanted: Wanted,
) {
    for population in populations {
        let asked = pruned.iter().filter(|run| {
            run.procedure_id == population.procedure
                && run.purpose == wanted.purpose.unwrap_or(Purpose::Production)
                && (wanted.simulated || !run.simulated)
                && filter.accepts(&headline(run))
        });
        let mut asked = asked.peekable();
        if asked.peek().is_none() {
            continue;
        }
        // one that is here again, and one that a prune which broke off told twice, counts once
        let mut there: HashSet<&str> = population.runs.iter().map(Indexed::run_id).collect();
        let mut first: HashMap<&str, DateTime<Utc>> = HashMap::new();
        for run in population.runs.iter().filter(|run| is_judged(run)) {
            first.entry(run.serial_number()).or_insert_with(|| run.started_at());
        }
        for run in asked.filter(|run| there.insert(run.run_id.as_str())) {
            let is_since = wanted.since.is_none_or(|since| run.started_at >= since);
            population.pruned += usize::from(is_since);
            let serial = run.serial_number.as_str();
            if first.get(serial).is_some_and(|first| run.started_at <= *first) {
                population.earlier.insert(serial);
            }
        }
    }
}

fn headline(run: &PrunedRun) -> Headline<'_> {
    Headline {
        place: Place::Synced,
        sequence: run.sequence,
        run_id: &run.run_id,
        procedure_id: &run.procedure_id,
        serial_number: &run.serial_number,
        part_number: run.part_number.as_deref(),
        batch: run.batch.as_deref(),
        study: run.study.as_deref(),
        station: &run.station,
        outcome: run.outcome,
        purpose: run.purpose,
        simulated: run.simulated,
        started_at: run.started_at,
    }
}

/// A part of a whole; no part of nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// So many.
    pub part: usize,
    /// Of so many.
    pub whole: usize,
}

impl Share {
    /// From 0 to 1; none of nothing.
    #[must_use]
    pub fn fraction(&self) -> Option<f64> {
        let count = crate::stats::distribution::count;
        (self.whole > 0).then(|| count(self.part) / count(self.whole))
    }
}

/// How the units of a procedure did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Yield {
    /// All runs that count.
    pub runs: usize,
    /// Units that were judged.
    pub units: usize,
    /// Units that passed at first.
    pub first_pass: Share,
    /// Units whose last judging run passed.
    pub last_pass: Share,
    /// Units that were judged more than once.
    pub retested: Share,
    /// The product of the steps' first-pass yields: how probably a unit goes through without a stop anywhere.
    pub rolled: Option<f64>,
    /// Units whose first judging run was before all that counts: they are in none of these shares.
    pub came_back: usize,
    /// Runs that judged nothing: Error, Timeout, Aborted.
    pub errors: usize,
    /// As [`Yield::errors`].
    pub timeouts: usize,
    /// As [`Yield::errors`].
    pub aborted: usize,
}

/// How the units of a population did.
#[must_use]
pub fn yields(population: &Population<'_>) -> Yield {
    let mut found = Yield {
        runs: population.runs.len(),
        ..Yield::default()
    };
    // passed at first, passed at last, how often judged
    let mut units: HashMap<&str, (bool, bool, usize)> = HashMap::with_capacity(population.runs.len());
    let mut came_back = HashSet::new();
    for run in &population.runs {
        let passed = match run.outcome() {
            RunOutcome::Pass => true,
            RunOutcome::Fail => false,
            RunOutcome::Error => {
                found.errors += 1;
                continue;
            }
            RunOutcome::Timeout => {
                found.timeouts += 1;
                continue;
            }
            RunOutcome::Aborted => {
                found.aborted += 1;
                continue;
            }
        };
        let at_first = passed && !run.has_fail_retry();
        if population.earlier.contains(run.serial_number()) {
            came_back.insert(run.serial_number());
            continue;
        }
        let unit = units.entry(run.serial_number()).or_insert((at_first, passed, 0));
        *unit = (unit.0, passed, unit.2 + 1);
    }
    let share = |is_part: fn(&(bool, bool, usize)) -> bool| Share {
        part: units.values().filter(|unit| is_part(unit)).count(),
        whole: units.len(),
    };
    found.units = units.len();
    found.came_back = came_back.len();
    found.first_pass = share(|unit| unit.0);
    found.last_pass = share(|unit| unit.1);
    found.retested = share(|unit| unit.2 > 1);
    found.rolled = rolled(population);
    found
}

/// The product over the steps of the test of the units that passed each at first, of those that came there.
fn rolled(population: &Population<'_>) -> Option<f64> {
    let mut shapes = Shapes::default();
    let mut seen = HashSet::with_capacity(population.runs.len());
    // of each shape, its steps one after the other
    let mut counts: HashMap<u32, (Rc<Shape>, Vec<Share>)> = HashMap::new();
    for run in population.runs.iter().filter(|run| is_judged(run)) {
        let serial = run.serial_number();
        if population.earlier.contains(serial) || !seen.insert(serial) {
            continue;
        }
        let (_, shares) = counts.entry(Shapes::key(run)).or_insert_with(|| {
            let shape = shapes.of(run);
            let shares = vec![Share::default(); shape.steps.len()];
            (shape, shares)
        });
        for (share, judged) in shares.iter_mut().zip(run.steps()) {
            let passed = match judged.first {
                StepOutcome::Pass => true,
                StepOutcome::Fail => false,
                StepOutcome::Skip | StepOutcome::Error | StepOutcome::Timeout | StepOutcome::Aborted => continue,
            };
            share.whole += 1;
            share.part += usize::from(passed);
        }
    }
    let mut steps: BTreeMap<&str, Share> = BTreeMap::new();
    for (shape, shares) in counts.values() {
        let of_the_test = shape.steps.iter().zip(shares);
        for (step, share) in of_the_test.filter(|(step, _)| step.section == Section::Main) {
            let sum = steps.entry(step.name.as_str()).or_default();
            sum.whole += share.whole;
            sum.part += share.part;
        }
    }
    let fractions: Vec<f64> = steps.values().filter_map(Share::fraction).collect();
    (!fractions.is_empty()).then(|| fractions.iter().product())
}

/// The station did not lose it.
pub(crate) fn is_judged(run: &Indexed<'_>) -> bool {
    match run.outcome() {
        RunOutcome::Pass | RunOutcome::Fail => true,
        RunOutcome::Error | RunOutcome::Timeout | RunOutcome::Aborted => false,
    }
}

/// Something that failed, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// The step.
    pub step: String,
    /// The measurement; none where the step failed without one, or could not be carried out.
    pub measurement: Option<String>,
    /// How it ended.
    pub outcome: StepOutcome,
    /// In so many runs.
    pub runs: usize,
}

/// What failed, the most frequent first: measurements by their deciding attempt, and steps that failed without one.
#[must_use]
pub fn pareto(population: &Population<'_>) -> Vec<Failing> {
    let mut shapes = Shapes::default();
    let mut counts: BTreeMap<(String, Option<String>, u8), (StepOutcome, usize)> = BTreeMap::new();
    for run in &population.runs {
        if run.outcome() == RunOutcome::Pass {
            continue;
        }
        let shape = shapes.of(run);
        let mut values = run.values();
        let mut asked = shape.measurements.iter();
        for (step, judged) in shape.steps.iter().zip(run.steps()) {
            let taken = values.by_ref().zip(asked.by_ref()).take(step.measurements);
            let failed: Vec<String> = taken
                .filter(|(taken, _)| taken.last == MeasurementOutcome::Fail)
                .map(|(_, asked)| asked.name.clone())
                .collect();
            let (outcome, order) = match judged.last {
                StepOutcome::Pass | StepOutcome::Skip if failed.is_empty() => continue,
                StepOutcome::Pass | StepOutcome::Skip | StepOutcome::Fail => (StepOutcome::Fail, 0),
                StepOutcome::Error => (StepOutcome::Error, 1),
                StepOutcome::Timeout => (StepOutcome::Timeout, 2),
                StepOutcome::Aborted => (StepOutcome::Aborted, 3),
            };
            let mut add = |measurement: Option<String>, outcome, order| {
                let count = counts
                    .entry((step.name.clone(), measurement, order))
                    .or_insert((outcome, 0));
                count.1 += 1;
            };
            if failed.is_empty() || outcome != StepOutcome::Fail {
                add(None, outcome, order);
            }
            for name in failed {
                add(Some(name), StepOutcome::Fail, 0);
            }
        }
    }
    let each = counts
        .into_iter()
        .map(|((step, measurement, _), (outcome, runs))| Failing {
            step,
            measurement,
            outcome,
            runs,
        });
    let mut found: Vec<Failing> = each.collect();
    found.sort_by_key(|failing| std::cmp::Reverse(failing.runs));
    found
}

/// A value of a unit.
#[derive(Clone, Debug)]
pub struct Sample<'a> {
    /// The run that it comes from.
    pub run: Indexed<'a>,
    /// The value, in the unit of what was asked.
    pub value: f64,
    /// The day on which its instrument was calibrated last.
    pub calibrated_on: Option<&'a str>,
}

/// The values of a measurement, of one population, in the order in which they were taken.
#[derive(Clone, Debug)]
pub struct Samples<'a> {
    /// What was asked.
    pub asked: Asked,
    /// The values: one a unit, of its first attempt.
    pub values: Vec<Sample<'a>>,
    /// First attempts beyond the range.
    pub overrange: usize,
    /// First attempts without a number.
    pub without: usize,
    /// Values of a unit's later runs, left out.
    pub retests: usize,
    /// Runs with other limits, another limits revision, variant or range, left out.
    pub others: usize,
}

impl Samples<'_> {
    /// The numbers alone.
    #[must_use]
    pub fn numbers(&self) -> Vec<f64> {
        self.values.iter().map(|sample| sample.value).collect()
    }

    /// What was left out, as a sentence; none where nothing was.
    #[must_use]
    pub fn left_out(&self) -> Option<String> {
        let parts = [
            (self.overrange, "value beyond the range"),
            (self.without, "first attempt without a number"),
            (self.retests, "retest"),
            (self.others, "run with other limits, variant or range"),
        ];
        let parts = parts.into_iter().filter(|(number, _)| *number > 0);
        let said: Vec<String> = parts
            .map(|(number, what)| match what.split_once(" with ") {
                Some((noun, rest)) => format!("{} with {rest}", counted(number, noun)),
                None if what.starts_with("value") => format!("{} beyond the range", counted(number, "value")),
                None if what.starts_with("first") => format!("{} without a number", counted(number, "first attempt")),
                None => counted(number, what),
            })
            .collect();
        (!said.is_empty()).then(|| format!("left out: {}", said.join(", ")))
    }
}

/// What must be the same for values to be of one population.
type Kind = (Option<String>, Option<String>, [Option<u64>; 3], String);

fn kind(run: &Indexed<'_>, asked: &Asked) -> Kind {
    let bits = |number: Option<f64>| number.map(f64::to_bits);
    (
        run.limits_revision().map(str::to_owned),
        run.variant().map(str::to_owned),
        [bits(asked.low), bits(asked.high), bits(asked.range)],
        asked.unit.clone(),
    )
}

/// The values of every numeric measurement of a population that a run of the newest run's procedure version and variant asks
/// for: in the newest's order, and behind them what it did not come to.
///
/// A measurement is known by step and name.
#[must_use]
pub fn samples<'a>(population: &Population<'a>) -> Vec<Samples<'a>> {
    of_each(population, false)
}

fn of_each<'a>(population: &Population<'a>, retests: bool) -> Vec<Samples<'a>> {
    let mut shapes = Shapes::default();
    let mut order: Vec<(String, String)> = Vec::new();
    let mut known = HashSet::new();
    let mut seen = HashSet::new();
    let newest = population.runs.last();
    let same = |run: &&Indexed<'a>| {
        newest.is_some_and(|newest| {
            run.procedure_version() == newest.procedure_version() && run.variant() == newest.variant()
        })
    };
    // the newest may have been aborted before it came to all of them: those before it know the rest
    for run in population.runs.iter().rev().filter(same) {
        if !seen.insert(Shapes::key(run)) {
            continue;
        }
        let shape = shapes.of(run);
        let keys = shape
            .measurements
            .iter()
            .map(|asked| (asked.step.clone(), asked.name.clone()));
        order.extend(keys.filter(|key| known.insert(key.clone())));
    }
    let each = order
        .iter()
        .filter_map(|(step, name)| collect(population, &mut shapes, (step, name), retests));
    each.filter(|samples| !samples.values.is_empty() || samples.overrange > 0)
        .collect()
}

/// The values of every run, a unit's later ones too: what a gauge study is made of.
#[must_use]
pub fn every<'a>(population: &Population<'a>) -> Vec<Samples<'a>> {
    of_each(population, true)
}

/// Where a measurement stands in a shape.
fn place(shape: &Shape, step: &str, name: &str) -> Option<usize> {
    shape
        .measurements
        .iter()
        .position(|asked| asked.name == name && asked.step == step)
}

fn collect<'a>(
    population: &Population<'a>,
    shapes: &mut Shapes,
    (step, name): (&str, &str),
    retests: bool,
) -> Option<Samples<'a>> {
    // by shape: where it stands, and what was asked
    let mut places: HashMap<u32, Option<(usize, Rc<Shape>)>> = HashMap::new();
    let mut found: Option<(Kind, Samples<'a>)> = None;
    // by what a kind is made of: whether it is the one that is meant
    let mut same: HashMap<(u32, Option<&str>, Option<&str>), bool> = HashMap::new();
    // from the newest on: it says which population is meant
    let mut taken = Vec::with_capacity(population.runs.len());
    let mut last = (None, true);
    for run in population.runs.iter().rev() {
        let key = Shapes::key(run);
        let known = places.entry(key).or_insert_with(|| {
            let shape = shapes.of(run);
            place(&shape, step, name).map(|at| (at, shape))
        });
        let Some((at, shape)) = known else { continue };
        let (Some(asked), Some(value)) = (shape.measurements.get(*at), run.value(*at)) else {
            continue;
        };
        let (of, _) = found.get_or_insert_with(|| {
            let samples = Samples {
                asked: asked.clone(),
                values: Vec::new(),
                overrange: 0,
                without: 0,
                retests: 0,
                others: 0,
            };
            (kind(run, asked), samples)
        });
        let made_of = (key, run.limits_revision(), run.variant());
        // most are as the one before
        if last.0 != Some(made_of) {
            last = (
                Some(made_of),
                *same.entry(made_of).or_insert_with(|| *of == kind(run, asked)),
            );
        }
        taken.push((*run, value, last.1));
    }
    let (_, mut samples) = found?;
    let mut units = HashSet::with_capacity(taken.len());
    for (run, value, is_meant) in taken.into_iter().rev() {
        let serial = run.serial_number();
        // a run of another kind has no value here, but after it the unit's next is no first attempt
        let is_later = population.earlier.contains(serial) || !units.insert(serial);
        if !is_meant {
            samples.others += 1;
        } else if !retests && is_later {
            samples.retests += 1;
        } else if value.overrange {
            samples.overrange += 1;
        } else if let Some(value) = value.value {
            let instrument = samples.asked.instrument.as_deref();
            samples.values.push(Sample {
                run,
                value,
                calibrated_on: instrument.and_then(|instrument| run.calibrated_on(instrument)),
            });
        } else {
            samples.without += 1;
        }
    }
    Some(samples)
}

/// Pairs of two measurements of the same runs.
#[must_use]
pub fn pairs(first: &Samples<'_>, second: &Samples<'_>) -> Vec<(f64, f64)> {
    let others: HashMap<usize, f64> = second
        .values
        .iter()
        .map(|sample| (sample.run.number(), sample.value))
        .collect();
    let each = first.values.iter();
    each.filter_map(|sample| others.get(&sample.run.number()).map(|other| (sample.value, *other)))
        .collect()
}
