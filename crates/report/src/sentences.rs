//! What figures mean, in sentences: the same on the screen and on the page.

use crate::{
    Filter,
    analysis::Analysis,
    filter::purpose_word,
    index::Indexed,
    population::{Failing, Population, Share, Wanted, Yield},
    stats::{Unsaid, capability::Index, control::Rule},
    words::{counted, digits, moment, number, percent, probability, step_outcome},
};
use benchtop_store::record::Purpose;
use chrono::{DateTime, Utc};

/// With a capital letter and a full stop.
#[must_use]
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

/// When the first and the last of these started: `from 2026-03-04 05:06 to 2026-03-05 17:00`; none of none. They need not be
/// in order.
#[must_use]
pub fn span<'a, 'b: 'a>(runs: impl IntoIterator<Item = &'a Indexed<'b>>) -> Option<String> {
    let (first, last) = first_and_last(runs)?;
    let (first, last) = (moment(first), moment(last));
    Some(if first == last {
        format!("at {first}")
    } else {
        format!("from {first} to {last}")
    })
}

/// When the first and the last of these started; none of none.
#[must_use]
pub fn first_and_last<'a, 'b: 'a>(
    runs: impl IntoIterator<Item = &'a Indexed<'b>>,
) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    runs.into_iter()
        .map(Indexed::started_at)
        .fold(None, |found, at| match found {
            None => Some((at, at)),
            Some((first, last)) => Some((at.min(first), at.max(last))),
        })
}

/// Which runs were asked for: `production, batch W7, since 2026-03-04 05:06, simulated ones too`.
#[must_use]
pub fn asked(filter: &Filter, wanted: Wanted) -> String {
    let purpose = wanted.purpose.unwrap_or(Purpose::Production);
    let mut said = vec![purpose_word(purpose).replace('_', " ")];
    // what the population asks in the filter's place
    let filter = Filter {
        purposes: Vec::new(),
        since: filter.since.or(wanted.since),
        ..filter.clone()
    };
    said.extend(filter.words());
    said.extend(wanted.simulated.then(|| "simulated ones too".to_owned()));
    said.join(", ")
}

/// The runs that judged nothing.
#[must_use]
pub fn losses(yields: &Yield) -> String {
    let parts = [
        (yields.errors, "error"),
        (yields.timeouts, "timeout"),
        (yields.aborted, "aborted"),
    ];
    let said: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    if said.is_empty() {
        return "none".to_owned();
    }
    let all = yields.errors + yields.timeouts + yields.aborted;
    format!("{} of {}: {}", counted(all, "run"), yields.runs, said.join(", "))
}

/// The units that were judged before the moment since which runs count; none where there is none.
#[must_use]
pub fn came_back(yields: &Yield) -> Option<String> {
    let units = counted(yields.came_back, "unit");
    (yields.came_back > 0).then(|| format!("{units} judged before, in none of these shares"))
}

/// What a population leaves out; none where that is nothing.
#[must_use]
pub fn left_out(population: &Population<'_>) -> Option<String> {
    let mut said = Vec::new();
    if population.simulated > 0 {
        said.push(format!(
            "{} (--simulated counts them)",
            counted(population.simulated, "simulated run")
        ));
    }
    if population.other_purposes > 0 {
        let runs = counted(population.other_purposes, "run");
        said.push(format!("{runs} of another purpose (--purpose counts them)"));
    }
    if population.pruned > 0 {
        said.push(format!(
            "{} whose records were pruned",
            counted(population.pruned, "run")
        ));
    }
    (!said.is_empty()).then(|| said.join(", "))
}

/// Step, measurement, how it ended, runs, share, cumulated share.
#[must_use]
pub fn pareto_lines(failing: &[Failing]) -> Vec<[String; 6]> {
    let all = failing.iter().map(|failing| failing.runs).sum();
    let mut sum = 0;
    let mut lines = Vec::new();
    for failing in failing {
        sum += failing.runs;
        let part = |part| Share { part, whole: all }.fraction().map_or_else(String::new, percent);
        lines.push([
            failing.step.clone(),
            failing.measurement.clone().unwrap_or_default(),
            step_outcome(failing.outcome).to_owned(),
            failing.runs.to_string(),
            part(failing.runs),
            part(sum),
        ]);
    }
    lines
}

/// An index with its bounds: `Cpk 1.33 (0.88 .. 1.78)`.
fn index(name: &str, index: Index) -> String {
    format!(
        "{name} {} ({} .. {})",
        digits(index.value, 3),
        digits(index.low, 3),
        digits(index.high, 3)
    )
}

/// What is said of a measurement beside its summary, a line each.
#[must_use]
pub fn of_analysis(analysis: &Analysis<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Ok(found) = &analysis.capability {
        if let Some(within) = &found.within {
            let potential = within
                .potential
                .map(|potential| format!("{}   ", index("Cp", potential)));
            lines.push(format!(
                "{}{}",
                potential.unwrap_or_default(),
                index("Cpk", within.actual)
            ));
        }
        let potential = found
            .overall
            .potential
            .map(|potential| format!("{}   ", index("Pp", potential)));
        lines.push(format!(
            "{}{}",
            potential.unwrap_or_default(),
            index("Ppk", found.overall.actual)
        ));
        if found.is_thin() {
            lines.push(format!(
                "only {}: the intervals (95 %) say more than the indices",
                counted(found.n, "value")
            ));
        }
    }
    match &analysis.normality {
        Ok(found) if found.is_doubtful() => lines.push(format!(
            "not normal (Anderson-Darling {}, p {}): the indices say little",
            digits(found.adjusted, 3),
            probability(found.p)
        )),
        Ok(found) => lines.push(format!(
            "nothing against normal (Anderson-Darling {}, p {})",
            digits(found.adjusted, 3),
            probability(found.p)
        )),
        Err(_) => {}
    }
    if let Ok(chart) = &analysis.chart {
        let broken = Rule::ALL.iter().filter(|rule| chart.broken(**rule) > 0);
        let broken: Vec<String> = broken
            .map(|rule| format!("{} ({})", rule.words(), counted(chart.broken(*rule), "time")))
            .collect();
        let limits = format!("control limits {} .. {}", number(chart.lower), number(chart.upper));
        if broken.is_empty() {
            lines.push(format!("in control: {limits}"));
        } else {
            lines.push(format!("NOT in control: {limits}"));
            lines.extend(broken.into_iter().map(|broken| format!("  {broken}")));
        }
    }
    lines.extend(trend(analysis));
    lines.extend(drift(analysis));
    lines.extend(missing(analysis));
    lines.extend(analysis.samples.left_out());
    lines
}

/// Which figures cannot be given, and why: a sentence a reason.
#[must_use]
pub fn missing(analysis: &Analysis<'_>) -> Vec<String> {
    if analysis.samples.values.is_empty() {
        return Vec::new();
    }
    let mut few: Vec<String> = Vec::new();
    let mut others: Vec<(String, Vec<&str>)> = Vec::new();
    let mut add = |what: &'static str, unsaid: &Unsaid| match unsaid {
        Unsaid::TooFew { needed, .. } => few.push(format!("{what} ({needed})")),
        Unsaid::NoValue | Unsaid::AllEqual(_) | Unsaid::NoLimit | Unsaid::CrossedLimits | Unsaid::Study(_) => {
            let reason = unsaid.to_string();
            match others.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, all)) => all.push(what),
                None => others.push((reason, vec![what])),
            }
        }
    };
    let capability = analysis.capability.as_ref();
    for (what, unsaid) in [
        ("capability", capability.err()),
        ("control chart", analysis.chart.as_ref().err()),
        ("trend", analysis.trend.as_ref().err()),
        ("check for a normal distribution", analysis.normality.as_ref().err()),
        ("histogram", analysis.histogram.as_ref().err()),
    ] {
        if let Some(unsaid) = unsaid {
            add(what, unsaid);
        }
    }
    let mut said: Vec<String> = Vec::new();
    if !few.is_empty() {
        let values = counted(analysis.samples.values.len(), "value");
        said.push(format!("{values}: too few for {}", few.join(", ")));
    }
    said.extend(
        others
            .into_iter()
            .map(|(reason, all)| format!("no {}: {reason}", all.join(", "))),
    );
    if let Ok(found) = capability {
        if found.within.is_none() {
            said.push("no Cp, Cpk: neighbours do not differ".to_owned());
        }
        if found.overall.potential.is_none() {
            said.push("no Cp, Pp: there is one limit".to_owned());
        }
    }
    said
}

/// Where the values run away to; none where they do not.
pub(crate) fn trend(analysis: &Analysis<'_>) -> Option<String> {
    let trend = analysis.trend.as_ref().ok().filter(|trend| trend.is_believed())?;
    let asked = &analysis.samples.asked;
    let (verb, by) = if trend.slope > 0.0 {
        ("rises", trend.slope)
    } else {
        ("falls", -trend.slope)
    };
    let meets = trend.meets(asked.low, asked.high).map_or_else(String::new, |ahead| {
        format!(", meets its limit in about {} more", digits(ahead, 2))
    });
    let (by, p) = (digits(by * 100.0, 3), probability(trend.p));
    let unit = if asked.unit.is_empty() {
        String::new()
    } else {
        format!(" {}", asked.unit)
    };
    Some(format!("{verb} by {by}{unit} in 100 units (p {p}){meets}"))
}

fn drift(analysis: &Analysis<'_>) -> Vec<String> {
    let instrument = analysis.samples.asked.instrument.as_deref().unwrap_or("instrument");
    let steps = analysis
        .periods
        .iter()
        .filter_map(|period| Some((period, period.step?)));
    steps
        .map(|(period, step)| {
            let sign = if step.by > 0.0 { "+" } else { "" };
            format!(
                "since {instrument} was calibrated on {}: mean {sign}{} (p {}, {})",
                period.calibrated_on,
                digits(step.by, 3),
                probability(step.p),
                counted(period.n, "value")
            )
        })
        .collect()
}
