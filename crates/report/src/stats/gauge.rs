//! How much of what is measured is the gauge: repeatability and reproducibility, by analysis of variance and by average and
//! range.
//!
//! AIAG, Measurement Systems Analysis, 4th edition (2010), chapter III section B: the average and range method with its
//! constants K1, K2, K3, and the method of analysis of variance, where the interaction of appraisers and parts is pooled
//! with the repeatability unless it is significant at 5 %. The spread of a component is 6 sigma.

use super::{
    Unsaid,
    describe::mean,
    distribution::{count, f_above},
};
use std::collections::{BTreeMap, BTreeSet};

/// A reading of a gauge study.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Who measured.
    pub appraiser: String,
    /// What was measured.
    pub part: String,
    /// Which trial of the part by the appraiser it is, where that is said.
    pub trial: Option<u32>,
    /// The value.
    pub value: f64,
}

/// A component of the variation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Its standard deviation.
    pub sigma: f64,
    /// Its share of the variance, in per cent.
    pub contribution: f64,
    /// Its 6 sigma spread beside the total's, in per cent.
    pub of_study: f64,
    /// Its 6 sigma spread beside the tolerance, in per cent, where there is one.
    pub of_tolerance: Option<f64>,
}

/// What a study found, by one method.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Components {
    /// Repeatability: the equipment.
    pub repeatability: Part,
    /// Reproducibility: the appraisers.
    pub reproducibility: Part,
    /// Both: the gauge.
    pub gauge: Part,
    /// From part to part.
    pub parts: Part,
    /// All.
    pub total: Part,
    /// Number of distinct categories: 1.41 times parts beside gauge, cut to a whole number, at least 1; none where the gauge
    /// does not vary.
    pub distinct: Option<f64>,
}

/// A line of the table of variances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Variance {
    /// Degrees of freedom.
    pub degrees: f64,
    /// Sum of squares.
    pub squares: f64,
    /// Mean square.
    pub mean_square: f64,
}

/// The analysis of variance of a study.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Analysis {
    /// Appraisers.
    pub appraisers: Variance,
    /// Parts.
    pub parts: Variance,
    /// Appraisers by parts.
    pub interaction: Variance,
    /// Trials.
    pub equipment: Variance,
    /// How probable such an interaction is where there is none.
    pub interaction_p: f64,
    /// True when the interaction was pooled with the equipment.
    pub is_pooled: bool,
    /// What follows.
    pub components: Components,
}

/// A study in which every appraiser measured every part equally often.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    appraisers: Vec<String>,
    parts: Vec<String>,
    trials: usize,
    /// Trials by appraiser, then part.
    cells: Vec<Vec<Vec<f64>>>,
}

/// What the method of average and range works with.
#[derive(Clone, Copy, Debug)]
struct Ranges {
    /// Mean range of the cells.
    mean: f64,
    /// Between the means of the appraisers.
    appraisers: f64,
    /// Between the means of the parts.
    parts: f64,
}

/// The interaction stays where chance makes one like it in fewer than one of twenty studies.
const SIGNIFICANT: f64 = 0.05;

/// 1 / d2* for trials (AIAG, MSA, appendix C), from 2.
const K1: [f64; 2] = [0.8862, 0.5908];
/// The same for appraisers.
#[expect(clippy::approx_constant, reason = "AIAG's table has four digits")]
const K2: [f64; 2] = [0.7071, 0.5231];
/// The same for parts.
#[expect(clippy::approx_constant, reason = "AIAG's table has four digits")]
const K3: [f64; 9] = [0.7071, 0.5231, 0.4467, 0.4030, 0.3742, 0.3534, 0.3375, 0.3249, 0.3146];

impl Study {
    /// Sorts readings into a study; in whatever order they come.
    ///
    /// # Errors
    /// Why it is none: fewer than two appraisers, parts or trials, or cells that do not hold equally many readings; where
    /// trials are said, cells that do not hold each of them once.
    pub fn of(readings: &[Reading]) -> Result<Self, Unsaid> {
        if readings.is_empty() {
            return Err(Unsaid::NoValue);
        }
        let mut by_cell: BTreeMap<(&str, &str), Vec<&Reading>> = BTreeMap::new();
        for reading in readings {
            let cell = by_cell
                .entry((reading.appraiser.as_str(), reading.part.as_str()))
                .or_default();
            cell.push(reading);
        }
        let names = |of: fn(&Reading) -> &String| {
            let mut names: Vec<String> = readings.iter().map(|reading| of(reading).clone()).collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        let (appraisers, parts) = (names(|reading| &reading.appraiser), names(|reading| &reading.part));
        for (what, names) in [("appraisers (operators)", &appraisers), ("parts (units)", &parts)] {
            if names.len() < 2 {
                return Err(Unsaid::Study(format!(
                    "a gauge study needs two or more {what}; there is one"
                )));
            }
        }
        let said = trials_of(readings)?;
        let trials = match said.len() {
            0 => by_cell.values().next().map_or(0, Vec::len),
            said => said,
        };
        let mut cells = Vec::new();
        for appraiser in &appraisers {
            let mut row = Vec::new();
            for part in &parts {
                let mut cell = by_cell.remove(&(appraiser.as_str(), part.as_str())).unwrap_or_default();
                for trial in &said {
                    let times = cell.iter().filter(|reading| reading.trial == Some(*trial)).count();
                    if times != 1 {
                        return Err(Unsaid::Study(format!(
                            "the study is not balanced: {appraiser} measured {part} {times} times in trial {trial}, not once"
                        )));
                    }
                }
                if cell.len() != trials {
                    let have = cell.len();
                    return Err(Unsaid::Study(format!(
                        "the study is not balanced: {appraiser} measured {part} {have} times, others {trials} times"
                    )));
                }
                cell.sort_by_key(|reading| reading.trial);
                row.push(cell.iter().map(|reading| reading.value).collect());
            }
            cells.push(row);
        }
        if trials < 2 {
            return Err(Unsaid::Study(
                "a gauge study needs two or more trials of each part by each appraiser".to_owned(),
            ));
        }
        Ok(Self {
            appraisers,
            parts,
            trials,
            cells,
        })
    }

    /// How many appraisers, parts, and trials of each.
    #[must_use]
    pub const fn size(&self) -> (usize, usize, usize) {
        (self.appraisers.len(), self.parts.len(), self.trials)
    }

    fn appraiser_means(&self) -> Vec<f64> {
        self.cells.iter().map(|row| mean(&row.concat())).collect()
    }

    fn part_means(&self) -> Vec<f64> {
        let of_part = |at: usize| -> Vec<f64> {
            self.cells
                .iter()
                .filter_map(|row| row.get(at))
                .flatten()
                .copied()
                .collect()
        };
        (0..self.parts.len()).map(|at| mean(&of_part(at))).collect()
    }

    /// By average and range; `tolerance` is high - low.
    ///
    /// # Errors
    /// More trials, appraisers or parts than AIAG's form has constants for, or readings that do not differ at all.
    pub fn average_range(&self, tolerance: Option<f64>) -> Result<Components, Unsaid> {
        self.with_ranges(self.ranges(), tolerance)
    }

    fn ranges(&self) -> Ranges {
        let ranges: Vec<f64> = self.cells.iter().flatten().map(|cell| range(cell)).collect();
        Ranges {
            mean: mean(&ranges),
            appraisers: range(&self.appraiser_means()),
            parts: range(&self.part_means()),
        }
    }

    fn with_ranges(&self, ranges: Ranges, tolerance: Option<f64>) -> Result<Components, Unsaid> {
        let (appraisers, parts, trials) = self.size();
        let constant = |of: &[f64], number: usize, what: &str| {
            of.get(number.saturating_sub(2)).copied().ok_or_else(|| {
                let most = of.len() + 1;
                Unsaid::Study(format!(
                    "average and range is for at most {most} {what}; there are {number}"
                ))
            })
        };
        let (k1, k2) = (
            constant(&K1, trials, "trials")?,
            constant(&K2, appraisers, "appraisers")?,
        );
        let k3 = constant(&K3, parts, "parts")?;
        let equipment = ranges.mean * k1;
        let rest = equipment.powi(2) / (count(parts) * count(trials));
        // what is left may be negative by chance: then it is nothing
        let appraiser = ((ranges.appraisers * k2).powi(2) - rest).max(0.0).sqrt();
        components(equipment, appraiser, ranges.parts * k3, tolerance)
    }

    /// By analysis of variance.
    ///
    /// # Errors
    /// Readings that do not differ at all.
    pub fn analysis(&self, tolerance: Option<f64>) -> Result<Analysis, Unsaid> {
        let (appraisers, parts, trials) = self.size();
        let (a, p, r) = (count(appraisers), count(parts), count(trials));
        let all: Vec<f64> = self.cells.iter().flatten().flatten().copied().collect();
        let grand = mean(&all);
        let around = |means: &[f64], weight: f64| weight * means.iter().map(|mean| (mean - grand).powi(2)).sum::<f64>();
        let by_appraiser = around(&self.appraiser_means(), p * r);
        let by_part = around(&self.part_means(), a * r);
        let within: f64 = self
            .cells
            .iter()
            .flatten()
            .map(|cell| {
                let mean = mean(cell);
                cell.iter().map(|value| (value - mean).powi(2)).sum::<f64>()
            })
            .sum();
        let total: f64 = all.iter().map(|value| (value - grand).powi(2)).sum();
        let variance = |squares: f64, degrees: f64| Variance {
            degrees,
            squares: squares.max(0.0),
            mean_square: squares.max(0.0) / degrees,
        };
        let of_appraisers = variance(by_appraiser, a - 1.0);
        let of_parts = variance(by_part, p - 1.0);
        let interaction = variance(total - by_appraiser - by_part - within, (a - 1.0) * (p - 1.0));
        let equipment = variance(within, a * p * (r - 1.0));
        let interaction_p = match equipment.mean_square > 0.0 {
            true => f_above(
                interaction.mean_square / equipment.mean_square,
                interaction.degrees,
                equipment.degrees,
            ),
            false if interaction.mean_square > 0.0 => 0.0,
            false => 1.0,
        };
        let is_pooled = interaction_p >= SIGNIFICANT;
        let (error, between, by_pairs) = if is_pooled {
            let pooled = (interaction.squares + equipment.squares) / (interaction.degrees + equipment.degrees);
            (pooled, pooled, 0.0)
        } else {
            let pairs = ((interaction.mean_square - equipment.mean_square) / r).max(0.0);
            (equipment.mean_square, interaction.mean_square, pairs)
        };
        let appraiser = ((of_appraisers.mean_square - between) / (p * r)).max(0.0);
        let part = ((of_parts.mean_square - between) / (a * r)).max(0.0);
        Ok(Analysis {
            appraisers: of_appraisers,
            parts: of_parts,
            interaction,
            equipment,
            interaction_p,
            is_pooled,
            components: components(error.sqrt(), (appraiser + by_pairs).sqrt(), part.sqrt(), tolerance)?,
        })
    }
}

/// The trials that readings name, rising; none where none names one.
fn trials_of(readings: &[Reading]) -> Result<BTreeSet<u32>, Unsaid> {
    let named: Vec<u32> = readings.iter().filter_map(|reading| reading.trial).collect();
    if named.is_empty() || named.len() == readings.len() {
        return Ok(named.into_iter().collect());
    }
    Err(Unsaid::Study(
        "some readings of the study say which trial they are, and others do not".to_owned(),
    ))
}

fn range(values: &[f64]) -> f64 {
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let min = values.iter().copied().fold(f64::INFINITY, f64::min);
    (max - min).max(0.0)
}

fn components(
    repeatability: f64,
    reproducibility: f64,
    parts: f64,
    tolerance: Option<f64>,
) -> Result<Components, Unsaid> {
    let gauge = repeatability.hypot(reproducibility);
    let total = gauge.hypot(parts);
    if total <= 0.0 {
        return Err(Unsaid::Study(
            "no reading differs from another: the gauge shows nothing".to_owned(),
        ));
    }
    let part = |sigma: f64| Part {
        sigma,
        contribution: 100.0 * (sigma / total).powi(2),
        of_study: 100.0 * sigma / total,
        of_tolerance: tolerance
            .filter(|tolerance| *tolerance > 0.0)
            .map(|tolerance| 600.0 * sigma / tolerance),
    };
    Ok(Components {
        repeatability: part(repeatability),
        reproducibility: part(reproducibility),
        gauge: part(gauge),
        parts: part(parts),
        total: part(total),
        distinct: (gauge > 0.0).then(|| (1.41 * parts / gauge).floor().max(1.0)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AIAG, MSA, 4th edition, figure III-B 6: three appraisers, ten parts, three trials. The book was not read: the readings
    /// were held against the test suite of another program that reprints them, and agree in all ninety.
    const AIAG: &str = include_str!("../../../../fixtures/statistics/aiag-gauge-study.csv");

    fn readings() -> Vec<Reading> {
        readings_with(false)
    }

    /// Those of the example, with the trials that it names or without.
    fn readings_with(trialled: bool) -> Vec<Reading> {
        let lines = AIAG.lines().filter(|line| !line.starts_with('#')).skip(1);
        lines
            .flat_map(|line| {
                let mut fields = line.split(',');
                let appraiser = fields.next().unwrap().to_owned();
                let trial: u32 = fields.next().unwrap().parse().unwrap();
                fields
                    .zip(1..)
                    .map(move |(value, part)| Reading {
                        appraiser: appraiser.clone(),
                        part: format!("{part:02}"),
                        trial: trialled.then_some(trial),
                        value: value.parse().unwrap(),
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    fn check(found: f64, printed: &str) {
        let decimals = printed.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        assert_eq!(format!("{found:.decimals$}"), printed);
    }

    /// What follows from the rounded mean range, means and part range. Of the printed results only %GRR, 26.7, was found
    /// reprinted (from table III-B 9, where it stands beside the 27.9 of the analysis of variance); the others are held so that they do not move.
    #[test]
    fn aiags_example_by_average_and_range_is_met_to_the_printed_digit() {
        let study = Study::of(&readings()).unwrap();
        assert_eq!(study.size(), (3, 10, 3));
        let ranges = study.ranges();
        check(ranges.mean, "0.3417");
        for (mean, printed) in study.appraiser_means().into_iter().zip(["0.1903", "0.0683", "-0.2543"]) {
            check(mean, printed);
        }
        check(ranges.parts, "3.511");
        let printed = Ranges {
            mean: 0.3417,
            appraisers: 0.1903 + 0.2543,
            parts: 3.511,
        };
        let found = study.with_ranges(printed, None).unwrap();
        for (part, sigma, percent) in [
            (found.repeatability, "0.20188", "17.6"),
            (found.reproducibility, "0.22963", "20.0"),
            (found.gauge, "0.30575", "26.7"),
            (found.parts, "1.10456", "96.4"),
            (found.total, "1.14610", "100.0"),
        ] {
            check(part.sigma, sigma);
            check(part.of_study, percent);
        }
        check(found.distinct.unwrap(), "5");
        let exact = study.average_range(None).unwrap();
        assert!((exact.gauge.sigma / found.gauge.sigma - 1.0).abs() < 1e-3);
    }

    /// Tables III-B 7 and III-B 8 (A 4 and A 5), as two public sources reprint them: sums of squares, F of the interaction
    /// 0.434, the four sigmas, %GRR 27.9, ndc 4. Minitab prints 7.76 % contribution, 27.86 % study variation
    /// and p = 0.974 for the same readings.
    #[test]
    fn aiags_example_by_analysis_of_variance_is_met_to_the_printed_digit() {
        let study = Study::of(&readings()).unwrap();
        let found = study.analysis(Some(8.0)).unwrap();
        for (line, degrees, squares, mean_square) in [
            (found.appraisers, "2", "3.1673", "1.58363"),
            (found.parts, "9", "88.3619", "9.81799"),
            (found.interaction, "18", "0.3590", "0.01994"),
            (found.equipment, "60", "2.7589", "0.04598"),
        ] {
            check(line.degrees, degrees);
            check(line.squares, squares);
            check(line.mean_square, mean_square);
        }
        let f = found.interaction.mean_square / found.equipment.mean_square;
        check(f, "0.434");
        check(found.interaction_p, "0.974");
        assert!(found.is_pooled);
        let parts = found.components;
        check(parts.repeatability.sigma, "0.199933");
        check(parts.reproducibility.sigma, "0.226838");
        check(parts.gauge.sigma, "0.30237");
        check(parts.parts.sigma, "1.042327");
        check(parts.gauge.of_study, "27.86");
        check(parts.gauge.contribution, "7.76");
        check(parts.repeatability.of_study, "18.4");
        check(parts.reproducibility.of_study, "20.9");
        check(parts.parts.of_study, "96.0");
        check(parts.distinct.unwrap(), "4");
        check(parts.gauge.of_tolerance.unwrap(), "22.7");
    }

    #[test]
    fn named_trials_may_come_in_any_order_and_each_must_be_there_once() {
        let mut readings = readings_with(true);
        let in_order = Study::of(&readings).unwrap();
        readings.reverse();
        readings.rotate_left(37);
        assert_eq!(Study::of(&readings).unwrap(), in_order);
        let check = |change: fn(&mut Vec<Reading>), said: &str| {
            let mut changed = readings_with(true);
            change(&mut changed);
            assert_eq!(Study::of(&changed).unwrap_err().to_string(), said);
        };
        check(
            |readings| readings.truncate(89),
            "the study is not balanced: C measured 10 0 times in trial 3, not once",
        );
        // three readings in every cell, as it should be, but not of the three trials
        check(
            |readings| readings[0].trial = Some(2),
            "the study is not balanced: A measured 01 0 times in trial 1, not once",
        );
        check(
            |readings| readings.push(readings[0].clone()),
            "the study is not balanced: A measured 01 2 times in trial 1, not once",
        );
        check(
            |readings| readings[5].trial = None,
            "some readings of the study say which trial they are, and others do not",
        );
    }

    #[test]
    fn what_is_no_study_says_why() {
        let mut missing = readings();
        missing.pop();
        let said = Study::of(&missing).unwrap_err().to_string();
        assert_eq!(said, "the study is not balanced: C measured 10 2 times, others 3 times");
        let alone: Vec<Reading> = readings()
            .into_iter()
            .filter(|reading| reading.appraiser == "A")
            .collect();
        let said = Study::of(&alone).unwrap_err().to_string();
        assert_eq!(
            said,
            "a gauge study needs two or more appraisers (operators); there is one"
        );
        assert_eq!(Study::of(&[]).unwrap_err().to_string(), "there is no value");
        let equal: Vec<Reading> = readings()
            .into_iter()
            .map(|reading| Reading { value: 1.0, ..reading })
            .collect();
        let study = Study::of(&equal).unwrap();
        let said = "no reading differs from another: the gauge shows nothing";
        assert_eq!(study.analysis(None).unwrap_err().to_string(), said);
        assert_eq!(study.average_range(None).unwrap_err().to_string(), said);
    }
}
