//! `benchtop runs stats`.

use super::{
    args::{StatsArguments, TableFormat},
    failed,
    figures::{self, Column, Field},
    find, history_of, open, screen,
    show::write_page,
    simulated_ones,
};
use crate::{
    exit::{Exit, Failure},
    terminal::{self, DOUBTFUL, Line, PLAIN, QUIET},
};
use benchtop_instrument::{Clock, RealClock};
use benchtop_report::{
    Order, StoredRun,
    analysis::{Acceptance, Analysis, analyse},
    csv,
    filter::is_like,
    gauges::{by_study, study_of},
    page::{Scope, Section, of_populations},
    population::{Population, Samples, Wanted, pairs, pareto, populations, remember_pruned, samples, yields},
    sentences, shown,
    stats::{
        Unsaid,
        correlation::{Correlation, correlation},
        gauge,
    },
    words,
};
use benchtop_store::{Store, record::Purpose};
use std::collections::BTreeSet;

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
        simulated: arguments.store.simulated,
        purpose,
        since,
    };
    let (store, _recovery) = open(&arguments.store)?;
    let mut history = history_of(&store, !arguments.quiet, arguments.look.check)?;
    let (runs, unreadable) = history
        .select_confirmed(&filter, Order::OldestFirst, 0, usize::MAX)
        .map_err(failed)?;
    for unreadable in &unreadable {
        terminal::warn(&unreadable.to_string());
    }
    let mut populations = populations(&runs, wanted);
    let pruned = store.pruned_runs().unwrap_or_else(|error| {
        terminal::warn(&format!("a retest may be taken for a first test: {error}"));
        Vec::new()
    });
    if !arguments.gauge {
        remember_pruned(&mut populations, &pruned, &filter, wanted);
    }
    let chosen: Vec<&Population<'_>> = populations
        .iter()
        .filter(|population| !population.runs.is_empty())
        .collect();
    let is_page = arguments.html.is_some();
    if arguments.format == TableFormat::Csv && !is_page {
        // once, whatever there is
        terminal::emit(&heading(arguments));
    }
    if let Some(pattern) = &arguments.measurement {
        warn_of_pattern(&chosen, arguments.gauge, pattern);
    }
    if chosen.is_empty() {
        say_nothing(&populations, arguments, !is_page);
    } else if arguments.gauge {
        chosen.iter().for_each(|population| say_gauge(population, arguments));
    } else if let [first, second] = arguments.correlate.as_slice() {
        correlate(&chosen, [first, second], arguments.format)?;
    } else if !is_page {
        for population in &chosen {
            let analyses: Vec<Analysis<'_>> = of_interest(population, arguments).into_iter().map(analyse).collect();
            print(population, &analyses, arguments.format);
        }
    }
    if let Some(path) = &arguments.html {
        let sections: Vec<Section<'_>> = chosen
            .iter()
            .map(|population| Section {
                population,
                yields: yields(population),
                failing: pareto(population),
                analyses: guarded(of_interest(population, arguments), &store),
            })
            .collect();
        let scope = Scope {
            filter: &filter,
            wanted,
            measurement: arguments.measurement.as_deref(),
        };
        write_page(path, &of_populations(&scope, &sections))?;
    }
    Ok(ended(unreadable.is_empty()))
}

/// The first line of a table.
fn heading(arguments: &StatsArguments) -> String {
    match (arguments.gauge, arguments.correlate.is_empty()) {
        (true, _) => csv::line(screen::GAUGE_HEADING),
        (false, false) => figures::heading(&correlated(["", "", ""], 0, None)),
        (false, true) => figures::heading(&figures::of_measurement(None, None, true)),
    }
}

fn say_gauge(population: &Population<'_>, arguments: &StatsArguments) {
    let each = by_study(population).into_iter().map(|(name, runs)| Gauged {
        name: name.map(str::to_owned),
        runs: runs.runs.len(),
        measurements: of_interest(&runs, arguments).iter().map(study).collect(),
    });
    screen::gauge(&population.procedure, &each.collect::<Vec<_>>(), arguments.format);
}

/// Everything that can be said of these values, with what the guard bands of the newest run accept.
fn guarded<'a>(all: Vec<Samples<'a>>, store: &Store) -> Vec<Analysis<'a>> {
    // most were taken last by the same run
    let mut newest: Option<(&str, Option<StoredRun>)> = None;
    let each = all.into_iter().map(|samples| {
        let last = samples.values.last().map(|sample| sample.run.name());
        let mut analysis = analyse(samples);
        let Some(name) = last else { return analysis };
        if newest.as_ref().is_none_or(|(known, _)| *known != name) {
            // one that went meanwhile, or was damaged, says nothing of its guard bands
            let run = name.parse().ok().and_then(|name| find::load(store, name).ok());
            newest = Some((name, run));
        }
        let asked = &analysis.samples.asked;
        let run = newest.as_ref().and_then(|(_, run)| run.as_ref());
        analysis.accepted = run.and_then(|run| Acceptance::of(&run.record, &asked.step, &asked.name));
        analysis
    });
    each.collect()
}

const fn ended(all_read: bool) -> Exit {
    if all_read { Exit::Success } else { Exit::Error }
}

/// A program that reads the table gets one without a row: the sentence is for people, on standard error where that is not theirs.
fn say_nothing(populations: &[Population<'_>], arguments: &StatsArguments, is_screen: bool) {
    let to_people = arguments.format == TableFormat::Human && is_screen;
    let say = if to_people { terminal::say } else { terminal::say_aside };
    say(&Line::new().add(PLAIN, "No run counts."));
    let hint = simulated_ones(&arguments.store);
    if !hint.is_empty() {
        say(&Line::new().add(QUIET, hint));
    }
    for population in populations {
        if let Some(left_out) = sentences::left_out(population) {
            let text = format!("{}: left out {left_out}", terminal::clip(&population.procedure, 40));
            screen::say_long(say, DOUBTFUL, &text);
        }
    }
}

/// Says so where no measurement is like what was asked for: a slip of the pen must not look as if there were no values.
fn warn_of_pattern(chosen: &[&Population<'_>], of_gauge: bool, pattern: &str) {
    let mut names = BTreeSet::new();
    for population in chosen {
        names.extend(
            all_of(population, of_gauge)
                .into_iter()
                .map(|samples| samples.asked.name),
        );
    }
    if !chosen.is_empty() && !names.iter().any(|name| is_like(name, pattern)) {
        let known = match names.len() {
            0 => "there is none".to_owned(),
            _ => format!("there are {}", names.into_iter().collect::<Vec<_>>().join(", ")),
        };
        terminal::warn(&terminal::clip(
            &format!("no measurement with numbers is called {pattern}; {known}"),
            400,
        ));
    }
}

fn all_of<'a>(population: &Population<'a>, of_gauge: bool) -> Vec<Samples<'a>> {
    match of_gauge {
        true => benchtop_report::population::every(population),
        false => samples(population),
    }
}

fn of_interest<'a>(population: &Population<'a>, arguments: &StatsArguments) -> Vec<Samples<'a>> {
    let mut all = all_of(population, arguments.gauge);
    if let Some(pattern) = &arguments.measurement {
        all.retain(|samples| is_like(&samples.asked.name, pattern));
    }
    all
}

fn print(population: &Population<'_>, analyses: &[Analysis<'_>], format: TableFormat) {
    match format {
        TableFormat::Human => screen::population(population, analyses),
        TableFormat::Json => {
            let found = yields(population);
            let of = Some((population, &found));
            terminal::emit(&figures::of_population(population, &found));
            for analysis in analyses {
                let mut columns = vec![("kind", Field::Text("measurement".to_owned()))];
                columns.extend(figures::of_measurement(of, Some(analysis), false));
                terminal::emit(&figures::object(columns));
            }
        }
        TableFormat::Csv => {
            let found = yields(population);
            let of = Some((population, &found));
            // a procedure that measured nothing has a row all the same
            let all = analyses.iter().map(Some);
            let all = all.chain(analyses.is_empty().then_some(None));
            for analysis in all {
                terminal::emit(&figures::row(figures::of_measurement(of, analysis, true)));
            }
        }
    }
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

/// What is known of two measurements of the same runs; without it, the names of the columns.
fn correlated(names: [&str; 3], pairs: usize, found: Option<&Result<Correlation, Unsaid>>) -> Vec<Column> {
    let of = found.and_then(|found| found.as_ref().ok());
    let bounds = of.and_then(|found| found.bounds);
    let unsaid = match (found, of) {
        (Some(Err(unsaid)), _) => Some(unsaid.to_string()),
        (_, Some(found)) if found.bounds.is_none() => Some("no bounds: 4 pairs or more are needed".to_owned()),
        (Some(Ok(_)) | None, _) => None,
    };
    let [procedure, first, second] = names.map(|name| Field::Text(name.to_owned()));
    vec![
        ("procedure_id", procedure),
        ("first", first),
        ("second", second),
        ("pairs", Field::Count(Some(pairs))),
        ("r", Field::Number(of.map(|found| found.r))),
        ("r_low", Field::Number(bounds.map(|(low, _)| low))),
        ("r_high", Field::Number(bounds.map(|(_, high)| high))),
        ("p", Field::Number(of.map(|found| found.p))),
        ("note", Field::Text(unsaid.unwrap_or_default())),
    ]
}

/// How two measurements go together in each procedure that has both; refused where none has.
fn correlate(chosen: &[&Population<'_>], names: [&str; 2], format: TableFormat) -> Result<(), Failure> {
    let mut lacking = Vec::new();
    let mut found_any = false;
    for population in chosen {
        let all = samples(population);
        match names.map(|name| all.iter().find(|samples| samples.asked.name == name)) {
            [Some(one), Some(other)] => {
                found_any = true;
                say_pair(&population.procedure, names, &pairs(one, other), format);
            }
            [None, _] => lacking.push(lacks(population, names[0], &all)),
            [Some(_), None] => lacking.push(lacks(population, names[1], &all)),
        }
    }
    if !found_any {
        return Err(Failure::refused(lacking.join("\n")));
    }
    for lacking in lacking {
        screen::say_long(terminal::say_aside, QUIET, &lacking);
    }
    Ok(())
}

fn lacks(population: &Population<'_>, name: &str, all: &[Samples<'_>]) -> String {
    let known: Vec<&str> = all.iter().map(|samples| samples.asked.name.as_str()).collect();
    let known = if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    };
    let procedure = &population.procedure;
    terminal::clip(&format!("{procedure}: no measurement {name}; there are {known}"), 400)
}

fn say_pair(procedure: &str, [first, second]: [&str; 2], pairs: &[(f64, f64)], format: TableFormat) {
    let found = correlation(pairs);
    let columns = || correlated([procedure, first, second], pairs.len(), Some(&found));
    match format {
        TableFormat::Human => say_correlation(procedure, [first, second], &found),
        TableFormat::Json => terminal::emit(&figures::object(columns())),
        TableFormat::Csv => terminal::emit(&figures::row(columns())),
    }
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
    terminal::say(&Line::new().add(PLAIN.bold(), &terminal::clip(procedure, 40)));
    screen::say_long(terminal::say, PLAIN, &text);
}
