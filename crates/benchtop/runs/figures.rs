//! The figures of statistics as columns of a table and members of an object: all that the screen shows.

use crate::terminal;
use benchtop_report::{
    analysis::Analysis,
    csv,
    population::{Population, Share, Yield, pareto},
    sentences::{first_and_last, missing, pareto_lines},
    stats::{capability::Index, control::Rule},
    words::digits,
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

/// What a column holds.
pub(super) enum Field {
    Text(String),
    Number(Option<f64>),
    Count(Option<usize>),
    /// A list: itself in JSON, in words in a table.
    List(Vec<(Value, String)>),
}

/// A column's name, and what is in it.
pub(super) type Column = (&'static str, Field);

impl Field {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => finite(number).map_or_else(String::new, |number| number.to_string()),
            Self::Count(count) => count.map_or_else(String::new, |count| count.to_string()),
            Self::List(all) => all.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("; "),
        }
    }

    fn json(self) -> Value {
        match self {
            Self::Text(text) => text.into(),
            Self::Number(number) => finite(number).into(),
            Self::Count(count) => count.into(),
            Self::List(all) => all.into_iter().map(|(value, _)| value).collect(),
        }
    }

    fn is_beyond_numbers(&self) -> bool {
        matches!(self, Self::Number(Some(number)) if !number.is_finite())
    }
}

/// No JSON and no table holds others.
fn finite(number: Option<f64>) -> Option<f64> {
    number.filter(|number| number.is_finite())
}

/// The columns as a line of JSON, harmless on a terminal.
pub(super) fn object(columns: Vec<Column>) -> String {
    let members = columns.into_iter().map(|(name, field)| (name.to_owned(), field.json()));
    terminal::ascii_json(&Value::Object(members.collect()))
}

/// The names of the columns as a line of a table.
pub(super) fn heading(columns: &[Column]) -> String {
    csv::line(columns.iter().map(|(name, _)| *name))
}

/// The columns as a line of a table.
pub(super) fn row(columns: Vec<Column>) -> String {
    let texts: Vec<String> = columns.into_iter().map(|(_, field)| field.text()).collect();
    csv::line(texts.iter().map(String::as_str))
}

/// How the units of a procedure did, as an object.
pub(super) fn of_population(population: &Population<'_>, found: &Yield) -> String {
    let share = |share: Share| json!({ "part": share.part, "of": share.whole });
    let line = json!({
        "kind": "yield",
        "procedure_id": population.procedure,
        "runs": found.runs,
        "units": found.units,
        "first_pass": share(found.first_pass),
        "final": share(found.last_pass),
        "retested": share(found.retested),
        "came_back": found.came_back,
        "rolled": found.rolled,
        "errors": found.errors,
        "timeouts": found.timeouts,
        "aborted": found.aborted,
        "simulated_left_out": population.simulated,
        "other_purposes_left_out": population.other_purposes,
        "pruned_left_out": population.pruned,
        "first_run_at": started(population).map(|(first, _)| time(first)),
        "last_run_at": started(population).map(|(_, last)| time(last)),
        "failing": failing(population).into_iter().map(|(value, _)| value).collect::<Vec<_>>(),
        "note": unjudged(found),
    });
    terminal::ascii_json(&line)
}

/// What a measurement is like, and in a table how its procedure's units did; without them, the names alone.
pub(super) fn of_measurement(
    of: Option<(&Population<'_>, &Yield)>,
    analysis: Option<&Analysis<'_>>,
    in_table: bool,
) -> Vec<Column> {
    let mut columns = summed_up(of, analysis);
    columns.extend(capability(analysis));
    columns.extend(in_time(analysis));
    columns.push(("note", Field::Text(String::new())));
    columns.extend(more(analysis));
    if in_table {
        columns.extend(units(of));
    }
    let mut notes: Vec<String> = analysis.into_iter().flat_map(missing).collect();
    notes.extend(analysis.and_then(|analysis| analysis.samples.left_out()));
    notes.extend(of.filter(|_| in_table).and_then(|(_, found)| unjudged(found)));
    if columns.iter().any(|(_, field)| field.is_beyond_numbers()) {
        notes.push("a figure is too large to be given".to_owned());
    }
    if let Some((_, note)) = columns.iter_mut().find(|(name, _)| *name == "note") {
        *note = Field::Text(notes.join("; "));
    }
    columns
}

fn summed_up(of: Option<(&Population<'_>, &Yield)>, analysis: Option<&Analysis<'_>>) -> Vec<Column> {
    let asked = analysis.map(|analysis| &analysis.samples.asked);
    let text = |text: Option<&String>| Field::Text(text.cloned().unwrap_or_default());
    let summary = analysis.and_then(|analysis| analysis.summary.as_ref().ok());
    let mut columns = vec![
        ("procedure_id", text(of.map(|(population, _)| &population.procedure))),
        ("step", text(asked.map(|asked| &asked.step))),
        ("measurement", text(asked.map(|asked| &asked.name))),
        ("unit", text(asked.map(|asked| &asked.unit))),
        ("limit_low", Field::Number(asked.and_then(|asked| asked.low))),
        ("limit_high", Field::Number(asked.and_then(|asked| asked.high))),
        (
            "n",
            Field::Count(analysis.map(|analysis| analysis.samples.values.len())),
        ),
        ("mean", Field::Number(summary.map(|summary| summary.mean))),
        ("s", Field::Number(summary.and_then(|summary| summary.s))),
        ("min", Field::Number(summary.map(|summary| summary.min))),
    ];
    let names = ["p01", "p05", "p25", "p50", "p75", "p95", "p99"];
    let percentiles = summary.map_or([None; 7], |summary| summary.percentiles.map(Some));
    columns.extend(names.into_iter().zip(percentiles.map(Field::Number)));
    columns.push(("max", Field::Number(summary.map(|summary| summary.max))));
    columns
}

fn capability(analysis: Option<&Analysis<'_>>) -> Vec<Column> {
    let found = analysis.and_then(|analysis| analysis.capability.as_ref().ok());
    let within = found.and_then(|found| found.within);
    let overall = found.map(|found| found.overall);
    let number = |index: Option<Index>, part: fn(Index) -> f64| Field::Number(index.map(part));
    let (cp, cpk) = (
        within.and_then(|within| within.potential),
        within.map(|within| within.actual),
    );
    let (pp, ppk) = (
        overall.and_then(|overall| overall.potential),
        overall.map(|overall| overall.actual),
    );
    vec![
        ("sigma_within", Field::Number(within.map(|within| within.sigma))),
        ("cp", number(cp, |index| index.value)),
        ("cp_low", number(cp, |index| index.low)),
        ("cp_high", number(cp, |index| index.high)),
        ("cpk", number(cpk, |index| index.value)),
        ("cpk_low", number(cpk, |index| index.low)),
        ("cpk_high", number(cpk, |index| index.high)),
        ("pp", number(pp, |index| index.value)),
        ("pp_low", number(pp, |index| index.low)),
        ("pp_high", number(pp, |index| index.high)),
        ("ppk", number(ppk, |index| index.value)),
        ("ppk_low", number(ppk, |index| index.low)),
        ("ppk_high", number(ppk, |index| index.high)),
    ]
}

/// Normality, the control chart with the rules that were broken, the trend.
fn in_time(analysis: Option<&Analysis<'_>>) -> Vec<Column> {
    let normality = analysis.and_then(|analysis| analysis.normality.as_ref().ok());
    let chart = analysis.and_then(|analysis| analysis.chart.as_ref().ok());
    let trend = analysis.and_then(|analysis| analysis.trend.as_ref().ok());
    let broken = |rule| Field::Count(chart.map(|chart| chart.broken(rule)));
    let out = chart.map(|chart| chart.points.iter().filter(|point| !point.broken.is_empty()).count());
    let meets = analysis.zip(trend).and_then(|(analysis, trend)| {
        let asked = &analysis.samples.asked;
        trend.meets(asked.low, asked.high)
    });
    vec![
        ("anderson_darling", Field::Number(normality.map(|found| found.adjusted))),
        ("normality_p", Field::Number(normality.map(|found| found.p))),
        ("control_low", Field::Number(chart.map(|chart| chart.lower))),
        ("control_high", Field::Number(chart.map(|chart| chart.upper))),
        ("out_of_control", Field::Count(out)),
        ("rule_1_beyond_3_sigma", broken(Rule::Beyond3)),
        ("rule_2_two_of_three", broken(Rule::TwoOfThree)),
        ("rule_3_four_of_five", broken(Rule::FourOfFive)),
        ("rule_4_eight_in_a_row", broken(Rule::EightInARow)),
        ("moving_range_high", Field::Number(chart.map(|chart| chart.range_upper))),
        ("moving_range_beyond", broken(Rule::Range)),
        ("trend_slope", Field::Number(trend.map(|trend| trend.slope))),
        ("trend_slope_error", Field::Number(trend.map(|trend| trend.slope_error))),
        ("trend_p", Field::Number(trend.map(|trend| trend.p))),
        ("trend_meets_limit_in", Field::Number(meets)),
    ]
}

/// What was left out, the periods between calibrations, the histogram.
fn more(analysis: Option<&Analysis<'_>>) -> Vec<Column> {
    let samples = analysis.map(|analysis| &analysis.samples);
    let periods = analysis
        .into_iter()
        .flat_map(|analysis| &analysis.periods)
        .map(|period| {
            let step = period.step.map(|step| (finite(Some(step.by)), finite(Some(step.p))));
            let value = json!({
                "calibrated_on": period.calibrated_on,
                "n": period.n,
                "mean": finite(Some(period.mean)),
                "s": finite(period.s),
                "step": step.map(|(by, _)| by),
                "step_p": step.map(|(_, p)| p),
            });
            let step = period
                .step
                .map_or_else(String::new, |step| format!(", step {} (p {})", step.by, step.p));
            let words = format!("{}: n {}, mean {}{step}", period.calibrated_on, period.n, period.mean);
            (value, words)
        });
    let bins = analysis.and_then(|analysis| analysis.histogram.as_ref().ok());
    let bins = bins.into_iter().flatten().map(|bin| {
        let value = json!({ "low": finite(Some(bin.low)), "high": finite(Some(bin.high)), "count": bin.count });
        (
            value,
            format!("{} to {}: {}", digits(bin.low, 6), digits(bin.high, 6), bin.count),
        )
    });
    vec![
        ("overrange", Field::Count(samples.map(|samples| samples.overrange))),
        ("without_number", Field::Count(samples.map(|samples| samples.without))),
        ("retests_left_out", Field::Count(samples.map(|samples| samples.retests))),
        ("others_left_out", Field::Count(samples.map(|samples| samples.others))),
        ("calibrations", Field::List(periods.collect())),
        ("histogram", Field::List(bins.collect())),
    ]
}

/// How the units did, in columns of a table of their measurements.
fn units(of: Option<(&Population<'_>, &Yield)>) -> Vec<Column> {
    let found = of.map(|(_, found)| found);
    let population = of.map(|(population, _)| population);
    let started = population.and_then(started);
    let time = |at: Option<DateTime<Utc>>| Field::Text(at.map(time).unwrap_or_default());
    let count = |of: fn(&Yield) -> usize| Field::Count(found.map(of));
    vec![
        ("runs", count(|found| found.runs)),
        ("units", count(|found| found.units)),
        ("first_passed", count(|found| found.first_pass.part)),
        ("last_passed", count(|found| found.last_pass.part)),
        ("retested", count(|found| found.retested.part)),
        ("came_back", count(|found| found.came_back)),
        ("rolled", Field::Number(found.and_then(|found| found.rolled))),
        ("errors", count(|found| found.errors)),
        ("timeouts", count(|found| found.timeouts)),
        ("aborted", count(|found| found.aborted)),
        (
            "simulated_left_out",
            Field::Count(population.map(|population| population.simulated)),
        ),
        (
            "other_purposes_left_out",
            Field::Count(population.map(|population| population.other_purposes)),
        ),
        (
            "pruned_left_out",
            Field::Count(population.map(|population| population.pruned)),
        ),
        ("first_run_at", time(started.map(|(first, _)| first))),
        ("last_run_at", time(started.map(|(_, last)| last))),
        ("failing", Field::List(population.map(failing).unwrap_or_default())),
    ]
}

fn failing(population: &Population<'_>) -> Vec<(Value, String)> {
    let found = pareto(population);
    let all: usize = found.iter().map(|failing| failing.runs).sum();
    let mut sum = 0;
    let lines = pareto_lines(&found).into_iter().zip(&found);
    lines
        .map(|([step, measurement, outcome, ..], failing)| {
            sum += failing.runs;
            let cumulated = Share { part: sum, whole: all }.fraction();
            let value = json!({
                "step": step, "measurement": measurement, "outcome": outcome, "runs": failing.runs, "cumulated": cumulated,
            });
            let name = if measurement.is_empty() { step } else { format!("{step}: {measurement}") };
            (value, format!("{name} {outcome} {}", failing.runs))
        })
        .collect()
}

/// Why shares are of nothing; none where they are not.
fn unjudged(found: &Yield) -> Option<String> {
    (found.units == 0).then(|| "no unit was judged: there is no yield".to_owned())
}

fn started(population: &Population<'_>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    first_and_last(&population.runs)
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
