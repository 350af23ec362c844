//! `benchtop runs stats`.

use super::{
    args::{StatsArguments, TableFormat},
    failed, history_of, open_of, screen,
    show::write_page,
};
use crate::{
    exit::{Exit, Failure},
    terminal::{self, DOUBTFUL, Line, PLAIN},
};
use benchtop_instrument::{Clock, RealClock};
use benchtop_report::{
    Order,
    analysis::{Analysis, analyse},
    csv,
    filter::is_like,
    gauges::{by_study, study_of},
    page::{Section, of_populations},
    population::{Population, Samples, Wanted, pairs, pareto, populations, samples, yields},
    sentences, shown,
    stats::{
        Unsaid,
        correlation::{Correlation, correlation},
        gauge,
    },
    words,
};
use benchtop_store::record::Purpose;

pub(super) fn stats(arguments: &StatsArguments) -> Result<Exit, Failure> {
    let mut filter = arguments.filter.filter(RealClock::new().utc())?;
    let purpose = match (arguments.gauge, filter.purposes.as_slice()) {
        (true, _) => Some(Purpose::GaugeStudy),
        (false, []) => None,
        (false, [one]) => Some(*one),
        (false, _) => return Err(Failure::refused("--purpose: statistics are of one purpose at a time")),
    };
    // what is left out is counted, so that nobody wonders: the population leaves it out, not the filter
    filter.purposes.clear();
    // and what was before says which runs are a unit's first
    let since = filter.since.take();
    let wanted = Wanted {
        simulated: arguments.simulated,
        purpose,
        since,
    };
    let (store, _recovery, _file) = open_of(&arguments.store, arguments.simulated)?;
    let mut history = history_of(&store, !arguments.quiet, arguments.look.check)?;
    let (runs, unreadable) = history
        .select_confirmed(&filter, Order::OldestFirst, 0, usize::MAX)
        .map_err(failed)?;
    for unreadable in &unreadable {
        terminal::warn(&unreadable.to_string());
    }
    let populations = populations(&runs, wanted);
    let chosen = |population: &Population<'_>| !population.runs.is_empty();
    if !populations.iter().any(chosen) {
        say_nothing(&populations, arguments.format);
        return Ok(ended(unreadable.is_empty()));
    }
    for (at, population) in populations.iter().filter(|population| chosen(population)).enumerate() {
        let all = of_interest(population, arguments);
        if arguments.gauge {
            let each = by_study(population).into_iter().map(|(name, runs)| Gauged {
                name: name.map(str::to_owned),
                runs: runs.runs.len(),
                measurements: of_interest(&runs, arguments).iter().map(study).collect(),
            });
            screen::gauge(&population.procedure, &each.collect::<Vec<_>>(), arguments.format);
        } else if let [first, second] = arguments.correlate.as_slice() {
            correlate(population, [first, second], arguments.format, at == 0)?;
        } else if arguments.html.is_none() {
            let analyses: Vec<Analysis<'_>> = all.into_iter().map(analyse).collect();
            print(population, &analyses, arguments.format);
        }
    }
    if let Some(path) = &arguments.html {
        let sections: Vec<Section<'_>> = populations
            .iter()
            .filter(|population| chosen(population))
            .map(|population| Section {
                population,
                yields: yields(population),
                failing: pareto(population),
                analyses: of_interest(population, arguments).into_iter().map(analyse).collect(),
            })
            .collect();
        write_page(path, &of_populations("Statistics", &sections))?;
    }
    Ok(ended(unreadable.is_empty()))
}

const fn ended(all_read: bool) -> Exit {
    if all_read { Exit::Success } else { Exit::Error }
}

/// A program that reads the table gets an empty one: the sentence is for people.
fn say_nothing(populations: &[Population<'_>], format: TableFormat) {
    let say = match format {
        TableFormat::Human => terminal::say,
        TableFormat::Json | TableFormat::Csv => terminal::say_aside,
    };
    say(&Line::new().add(PLAIN, "No run counts."));
    for population in populations {
        if let Some(left_out) = sentences::left_out(population) {
            let text = format!("  {}: left out {left_out}", terminal::clip(&population.procedure, 40));
            say(&Line::new().add(DOUBTFUL, &text));
        }
    }
}

fn of_interest<'a>(population: &Population<'a>, arguments: &StatsArguments) -> Vec<Samples<'a>> {
    let mut all = if arguments.gauge {
        benchtop_report::population::every(population)
    } else {
        samples(population)
    };
    if let Some(pattern) = &arguments.measurement {
        all.retain(|samples| is_like(&samples.asked.name, pattern));
    }
    all
}

fn print(population: &Population<'_>, analyses: &[Analysis<'_>], format: TableFormat) {
    match format {
        TableFormat::Human => screen::population(population, analyses),
        TableFormat::Json => {
            let yields = yields(population);
            let share = |share: benchtop_report::population::Share| serde_json::json!({ "part": share.part, "of": share.whole });
            let failing: Vec<serde_json::Value> = sentences::pareto_lines(&pareto(population))
                .into_iter()
                .map(|[step, measurement, outcome, runs, ..]| {
                    serde_json::json!({ "step": step, "measurement": measurement, "outcome": outcome, "runs": runs.parse::<u64>().ok() })
                })
                .collect();
            let line = serde_json::json!({
                "kind": "yield",
                "procedure_id": population.procedure,
                "runs": yields.runs,
                "units": yields.units,
                "first_pass": share(yields.first_pass),
                "final": share(yields.last_pass),
                "retested": share(yields.retested),
                "came_back": yields.came_back,
                "rolled": yields.rolled,
                "errors": yields.errors,
                "timeouts": yields.timeouts,
                "aborted": yields.aborted,
                "simulated_left_out": population.simulated,
                "other_purposes_left_out": population.other_purposes,
                "failing": failing,
            });
            terminal::emit(&terminal::ascii_json(&line));
            for analysis in analyses {
                let fields = HEADING.iter().zip(fields(population, analysis));
                let members = fields.map(|(name, field)| ((*name).to_owned(), field.json()));
                terminal::emit(&terminal::ascii_json(&serde_json::Value::Object(members.collect())));
            }
        }
        TableFormat::Csv => {
            terminal::emit(&csv::line(HEADING));
            for analysis in analyses {
                let texts: Vec<String> = fields(population, analysis).into_iter().map(Field::text).collect();
                terminal::emit(&csv::line(texts.iter().map(String::as_str)));
            }
        }
    }
}

/// What a column holds.
pub(super) enum Field {
    Text(String),
    Number(Option<f64>),
    Count(usize),
}

impl Field {
    pub(super) fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.map_or_else(String::new, |number| number.to_string()),
            Self::Count(count) => count.to_string(),
        }
    }

    pub(super) fn json(self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.into(),
            Self::Number(number) => number.into(),
            Self::Count(count) => count.into(),
        }
    }
}

const HEADING: [&str; 31] = [
    "procedure_id",
    "step",
    "measurement",
    "unit",
    "limit_low",
    "limit_high",
    "n",
    "mean",
    "s",
    "min",
    "p01",
    "p05",
    "p25",
    "p50",
    "p75",
    "p95",
    "p99",
    "max",
    "sigma_within",
    "cp",
    "cpk",
    "cpk_low",
    "cpk_high",
    "pp",
    "ppk",
    "anderson_darling",
    "normality_p",
    "control_low",
    "control_high",
    "out_of_control",
    "note",
];

fn fields(population: &Population<'_>, analysis: &Analysis<'_>) -> Vec<Field> {
    let asked = &analysis.samples.asked;
    let summary = analysis.summary.as_ref().ok();
    let number = Field::Number;
    let mut fields = vec![
        Field::Text(population.procedure.clone()),
        Field::Text(asked.step.clone()),
        Field::Text(asked.name.clone()),
        Field::Text(asked.unit.clone()),
        number(asked.low),
        number(asked.high),
        Field::Count(analysis.samples.values.len()),
        number(summary.map(|summary| summary.mean)),
        number(summary.and_then(|summary| summary.s)),
        number(summary.map(|summary| summary.min)),
    ];
    let percentiles = summary.map_or([None; 7], |summary| summary.percentiles.map(Some));
    fields.extend(percentiles.map(number));
    fields.push(number(summary.map(|summary| summary.max)));
    let found = analysis.capability.as_ref().ok();
    let within = found.and_then(|found| found.within);
    let overall = found.map(|found| found.overall);
    let chart = analysis.chart.as_ref().ok();
    let normality = analysis.normality.as_ref().ok();
    fields.extend(
        [
            within.map(|within| within.sigma),
            within.and_then(|within| within.potential).map(|index| index.value),
            within.map(|within| within.actual.value),
            within.map(|within| within.actual.low),
            within.map(|within| within.actual.high),
            overall.and_then(|overall| overall.potential).map(|index| index.value),
            overall.map(|overall| overall.actual.value),
            normality.map(|normality| normality.adjusted),
            normality.map(|normality| normality.p),
            chart.map(|chart| chart.lower),
            chart.map(|chart| chart.upper),
        ]
        .map(number),
    );
    let out = chart.map_or(0, |chart| {
        chart.points.iter().filter(|point| !point.broken.is_empty()).count()
    });
    fields.push(Field::Count(out));
    let unsaid = analysis.capability.as_ref().err().map(ToString::to_string);
    let notes: Vec<String> = unsaid.into_iter().chain(analysis.samples.left_out()).collect();
    fields.push(Field::Text(notes.join("; ")));
    fields
}

/// The runs that are one gauge study.
pub(super) struct Gauged {
    /// The study that they name.
    pub(super) name: Option<String>,
    /// How many they are.
    pub(super) runs: usize,
    pub(super) measurements: Vec<Studied>,
}

/// A measurement's gauge study, by both methods.
pub(super) struct Studied {
    pub(super) name: String,
    pub(super) unit: String,
    pub(super) limits: Option<String>,
    pub(super) study: Result<(gauge::Study, Option<f64>), String>,
}

fn study(samples: &Samples<'_>) -> Studied {
    let asked = &samples.asked;
    let tolerance = asked.low.zip(asked.high).map(|(low, high)| high - low);
    Studied {
        name: asked.name.clone(),
        unit: asked.unit.clone(),
        limits: shown::bounds(asked.low, asked.high, &asked.unit),
        study: study_of(samples)
            .map(|study| (study, tolerance))
            .map_err(|unsaid| unsaid.to_string()),
    }
}

const CORRELATED: [&str; 9] = [
    "procedure_id",
    "first",
    "second",
    "pairs",
    "r",
    "r_low",
    "r_high",
    "p",
    "note",
];

fn correlate(
    population: &Population<'_>,
    [first, second]: [&str; 2],
    format: TableFormat,
    is_first: bool,
) -> Result<(), Failure> {
    let all = samples(population);
    let find = |name: &str| {
        all.iter().find(|samples| samples.asked.name == name).ok_or_else(|| {
            let known: Vec<&str> = all.iter().map(|samples| samples.asked.name.as_str()).collect();
            Failure::refused(format!(
                "{}: no measurement {name}; there are {}",
                population.procedure,
                known.join(", ")
            ))
        })
    };
    let (one, other) = (find(first)?, find(second)?);
    let pairs = pairs(one, other);
    let found = correlation(&pairs);
    let fields = || {
        let of = found.as_ref().ok();
        let bounds = of.and_then(|found| found.bounds);
        let unsaid = found.as_ref().err().map(ToString::to_string);
        [
            Field::Text(population.procedure.clone()),
            Field::Text(first.to_owned()),
            Field::Text(second.to_owned()),
            Field::Count(pairs.len()),
            Field::Number(of.map(|found| found.r)),
            Field::Number(bounds.map(|(low, _)| low)),
            Field::Number(bounds.map(|(_, high)| high)),
            Field::Number(of.map(|found| found.p)),
            Field::Text(unsaid.unwrap_or_default()),
        ]
    };
    match format {
        TableFormat::Human => say_correlation(&population.procedure, [first, second], &found),
        TableFormat::Json => {
            let members = CORRELATED.iter().zip(fields());
            let members = members.map(|(name, field)| ((*name).to_owned(), field.json()));
            terminal::emit(&terminal::ascii_json(&serde_json::Value::Object(members.collect())));
        }
        TableFormat::Csv => {
            if is_first {
                terminal::emit(&csv::line(CORRELATED));
            }
            let texts = fields().map(Field::text);
            terminal::emit(&csv::line(texts.iter().map(String::as_str)));
        }
    }
    Ok(())
}

fn say_correlation(procedure: &str, [first, second]: [&str; 2], found: &Result<Correlation, Unsaid>) {
    let text = match found {
        Ok(found) => {
            let bounds = found.bounds.map_or_else(String::new, |(low, high)| {
                format!(" ({} .. {})", words::digits(low, 3), words::digits(high, 3))
            });
            let (r, p) = (words::digits(found.r, 3), words::probability(found.p));
            format!("{first} and {second}: r = {r}{bounds}, p {p}, {} pairs", found.n)
        }
        Err(unsaid) => format!("{first} and {second}: {unsaid}"),
    };
    terminal::say(
        &Line::new()
            .add(PLAIN.bold(), procedure)
            .add(PLAIN, &format!("  {text}")),
    );
}
