//! Gauge studies out of runs: by the study that they name, and in it by operator, unit and trial.

use crate::{
    population::{Population, Samples, is_judged},
    stats::{
        Unsaid,
        gauge::{Reading, Study},
    },
};
use std::collections::{BTreeMap, HashSet};

/// The runs of a population, apart by the study that they name; those that name none come first and are one. A trial that the
/// station lost is made again, and does not count.
#[must_use]
pub fn by_study<'a>(population: &Population<'a>) -> Vec<(Option<&'a str>, Population<'a>)> {
    let mut found: BTreeMap<Option<&'a str>, Population<'a>> = BTreeMap::new();
    for run in population.runs.iter().filter(|run| is_judged(run)) {
        let of_study = found.entry(run.study()).or_insert_with(|| Population {
            procedure: population.procedure.clone(),
            runs: Vec::new(),
            // which of a unit's attempts was its first says nothing in a study
            earlier: HashSet::new(),
            simulated: population.simulated,
            other_purposes: population.other_purposes,
            pruned: population.pruned,
        });
        of_study.runs.push(*run);
    }
    found.into_iter().collect()
}

/// The study that the values of one measurement make. Where runs do not say which trial they are, a unit's values by an
/// operator are its trials.
///
/// # Errors
/// Why they make none: a run without an operator, and what [`Study::of`] refuses.
pub fn study_of(samples: &Samples<'_>) -> Result<Study, Unsaid> {
    let readings = samples.values.iter().map(|sample| {
        Some(Reading {
            appraiser: sample.run.operator()?.to_owned(),
            part: sample.run.serial_number().to_owned(),
            trial: sample.run.trial(),
            value: sample.value,
        })
    });
    let readings: Option<Vec<Reading>> = readings.collect();
    let readings = readings.ok_or_else(|| {
        let said = "a run of the study has no operator: `benchtop run ... --purpose gauge_study --operator NAME`";
        Unsaid::Study(said.to_owned())
    })?;
    Study::of(&readings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Filter, History, Order,
        population::{Wanted, every, populations},
        testkit::{self, Made},
    };
    use benchtop_store::{Record, record::Purpose};

    const OPERATORS: [&str; 3] = ["Ann", "Bo", "Cy"];
    const UNITS: u32 = 10;
    const TRIALS: u32 = 3;

    fn run(sequence: u64, study: Option<&str>, operator: &str, unit: u32, trial: Option<u32>) -> Record {
        let off = f64::from(trial.unwrap_or_default()) / 1000.0 * f64::from(unit % 3);
        let mut record = testkit::with_value(testkit::record(sequence), 3.3 + f64::from(unit) / 100.0 + off);
        record.unit_under_test.serial_number = format!("UNIT-{unit:02}");
        record.purpose = Purpose::GaugeStudy;
        record.simulated = false;
        record.operator = Some(operator.to_owned());
        record.study = study.map(str::to_owned);
        record.trial = trial;
        record
    }

    /// A whole study, its runs shuffled: 37 and 90 have no divisor in common.
    fn shuffled(name: &str, from: u64) -> Vec<Record> {
        let all = OPERATORS.iter().flat_map(|operator| {
            (1..=UNITS).flat_map(move |unit| (1..=TRIALS).map(move |trial| (*operator, unit, trial)))
        });
        let all: Vec<_> = all.collect();
        let order = (0..all.len()).map(|at| all[at * 37 % all.len()]);
        let runs = order.zip(from..);
        runs.map(|((operator, unit, trial), sequence)| run(sequence, Some(name), operator, unit, Some(trial)))
            .collect()
    }

    /// Operators, units and trials, or why there is no study.
    type Size = Result<(usize, usize, usize), String>;

    /// What becomes of the first measurement in each study.
    fn studies(records: &[Record]) -> Vec<(Option<String>, Size)> {
        let made = Made::default();
        for record in records {
            made.put("pending", record);
        }
        let mut history = History::open(&made.store(), chrono::DateTime::default(), &mut |_, _| {}).unwrap();
        let runs = history
            .select(&Filter::default(), Order::OldestFirst, 0, usize::MAX)
            .unwrap();
        let wanted = Wanted {
            purpose: Some(Purpose::GaugeStudy),
            ..Wanted::default()
        };
        let found = populations(&runs, wanted);
        let each = by_study(&found[0]).into_iter().map(|(name, population)| {
            let study = study_of(&every(&population)[0]);
            let size = study.map(|study| study.size()).map_err(|unsaid| unsaid.to_string());
            (name.map(str::to_owned), size)
        });
        each.collect()
    }

    #[test]
    fn a_study_is_read_from_runs_in_any_order_and_beside_another_one() {
        let mut records = shuffled("GAUGE-1", 1);
        records.extend(shuffled("GAUGE-2", 101));
        // of nobody's study, and by themselves none
        records.push(run(201, None, "Ann", 1, None));
        let size = (OPERATORS.len(), 10, 3);
        let one = "a gauge study needs two or more appraisers (operators); there is one".to_owned();
        let name = |name: &str| Some(name.to_owned());
        assert_eq!(
            studies(&records),
            [
                (None, Err(one)),
                (name("GAUGE-1"), Ok(size)),
                (name("GAUGE-2"), Ok(size))
            ]
        );
    }

    #[test]
    fn a_study_that_is_not_balanced_says_where() {
        let check = |records: &[Record], said: &str| {
            let found = studies(records);
            assert_eq!(found[0].1.as_ref().unwrap_err(), said);
        };
        let whole = shuffled("GAUGE-1", 1);
        let (gone, rest) = whole.split_last().unwrap();
        let unit = &gone.unit_under_test.serial_number;
        let (operator, trial) = (gone.operator.clone().unwrap(), gone.trial.unwrap());
        let said = format!("the study is not balanced: {operator} measured {unit} 0 times in trial {trial}, not once");
        check(rest, &said);
        let mut twice = whole.clone();
        twice.push(run(91, Some("GAUGE-1"), "Bo", 4, Some(2)));
        let said = "the study is not balanced: Bo measured UNIT-04 2 times in trial 2, not once";
        check(&twice, said);
        let mut unnamed = whole.clone();
        unnamed[7].operator = None;
        let said = "a run of the study has no operator: `benchtop run ... --purpose gauge_study --operator NAME`";
        check(&unnamed, said);
    }
}
