//! What figures mean, in sentences: the same on the screen and on the page.

use crate::{
    analysis::Analysis,
    population::{Failing, Population, Share, Yield},
    stats::{capability::Index, control::Rule},
    words::{counted, digits, number, percent, probability, step_outcome},
};

/// With a capital letter and a full stop.
#[must_use]
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
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
    match &analysis.capability {
        Ok(found) => {
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
        Err(unsaid) if analysis.samples.values.len() > 1 => lines.push(format!("no capability: {unsaid}")),
        Err(_) => {}
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
    lines.extend(analysis.samples.left_out());
    lines
}

fn trend(analysis: &Analysis<'_>) -> Option<String> {
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
