//! The page of populations: yield, what failed, and each measurement.

use super::{
    html::{page, table, text},
    svg,
    trend::trend,
};
use crate::{
    Filter,
    analysis::Analysis,
    population::{Failing, Population, Share, Wanted, Yield},
    sentences, shown,
    words::{counted, digits, number, percent},
};
use std::borrow::Cow;

/// What a page of populations was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// Which runs.
    pub filter: &'a Filter,
    /// And what of them counts.
    pub wanted: Wanted,
    /// Only measurements of such a name.
    pub measurement: Option<&'a str>,
}

/// What a page says of one procedure.
#[derive(Debug)]
pub struct Section<'a> {
    /// Its runs.
    pub population: &'a Population<'a>,
    /// How its units did.
    pub yields: Yield,
    /// What failed.
    pub failing: Vec<Failing>,
    /// Its measurements.
    pub analyses: Vec<Analysis<'a>>,
}

/// The page of populations, one section a procedure. Its title says what it shows; below stand which runs that are, and when
/// the first and the last of them started.
#[must_use]
pub fn of_populations(scope: &Scope<'_>, sections: &[Section<'_>]) -> String {
    let title = title(scope.filter, sections);
    let mut body = format!("<h1>{}</h1>\n", text(&title));
    let runs = sections.iter().flat_map(|section| &section.population.runs);
    let mut lead = vec![match sentences::span(runs.clone()) {
        Some(span) => format!("{}, {span} (UTC).", counted(runs.count(), "run")),
        None => "There is no run.".to_owned(),
    }];
    lead.push(format!("Which runs: {}.", sentences::asked(scope.filter, scope.wanted)));
    lead.extend(scope.measurement.map(|name| format!("Only measurements named {name}.")));
    for line in lead {
        body.push_str(&format!("<p>{}</p>\n", text(&line)));
    }
    if sections.is_empty() {
        body.push_str(&table("Runs", &["Procedure"], &[]));
    }
    for section in sections {
        body.push_str(&procedure(section));
    }
    page(&title, &body)
}

/// `Batch W7: BOARD-FUNCTIONAL-V3`, `Statistics of 3 procedures`.
fn title(filter: &Filter, sections: &[Section<'_>]) -> String {
    let what: Cow<'_, str> = match sections {
        [] => "no run".into(),
        [one] => one.population.procedure.as_str().into(),
        [_, _, ..] => counted(sections.len(), "procedure").into(),
    };
    match (&filter.batch, sections) {
        (Some(batch), _) => format!("Batch {batch}: {what}"),
        (None, []) => format!("Statistics: {what}"),
        (None, [_]) => format!("{what}: statistics"),
        (None, [_, _, ..]) => format!("Statistics of {what}"),
    }
}

fn share(share: Share) -> String {
    match share.fraction() {
        Some(fraction) => format!("{} ({} of {} units)", percent(fraction), share.part, share.whole),
        None => "no unit was judged".to_owned(),
    }
}

fn procedure(section: &Section<'_>) -> String {
    let Section {
        population,
        yields,
        failing,
        analyses,
    } = section;
    let mut body = format!("<h2>{}</h2>\n", text(&population.procedure));
    let rows = [
        ("runs", yields.runs.to_string()),
        (
            "started",
            sentences::span(&population.runs).unwrap_or_else(|| "none".to_owned()),
        ),
        ("first pass", share(yields.first_pass)),
        ("final", share(yields.last_pass)),
        (
            "rolled throughput over the steps",
            yields.rolled.map_or_else(|| "-".to_owned(), percent),
        ),
        ("units tested again", share(yields.retested)),
        (
            "units that came back",
            sentences::came_back(yields).unwrap_or_else(|| "none".to_owned()),
        ),
        ("losses of the station", sentences::losses(yields)),
        (
            "left out",
            sentences::left_out(population).unwrap_or_else(|| "nothing".to_owned()),
        ),
    ];
    let rows: Vec<Vec<String>> = rows.iter().map(|(name, value)| vec![text(name), text(value)]).collect();
    body.push_str(&table("Yield", &["What", "Value"], &rows));
    if !failing.is_empty() {
        let rows: Vec<Vec<String>> = sentences::pareto_lines(failing)
            .into_iter()
            .map(|line| line.map(|cell| text(&cell)).to_vec())
            .collect();
        let heads = ["Step", "Measurement", "Ended", ">Runs", ">Share", ">Cumulated"];
        body.push_str(&table("What failed, the most frequent first", &heads, &rows));
    }
    for analysis in analyses {
        body.push_str(&measurement(analysis));
    }
    body
}

fn measurement(analysis: &Analysis<'_>) -> String {
    let asked = &analysis.samples.asked;
    let unit = text(&asked.unit);
    let limits = shown::bounds(asked.low, asked.high, &asked.unit).unwrap_or_else(|| "none".to_owned());
    let mut body = format!(
        "<section>\n<h3>{} <span class=\"faint\">{}, limits {}</span></h3>\n",
        text(&asked.name),
        text(&asked.step),
        text(&limits)
    );
    match &analysis.summary {
        Ok(summary) => {
            let mut cells = vec![
                ("n", summary.n.to_string()),
                ("mean", number(summary.mean)),
                ("s", summary.s.map_or_else(|| "-".to_owned(), number)),
                ("min", number(summary.min)),
            ];
            let names = ["1 %", "5 %", "25 %", "median", "75 %", "95 %", "99 %"];
            cells.extend(names.into_iter().zip(summary.percentiles.map(|value| digits(value, 5))));
            cells.push(("max", number(summary.max)));
            let heads: Vec<String> = cells.iter().map(|(name, _)| format!(">{name}")).collect();
            let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
            let row = cells.iter().map(|(_, value)| text(value)).collect();
            body.push_str(&table(
                &format!("{} in {}", asked.name, if unit.is_empty() { "1" } else { &asked.unit }),
                &heads,
                &[row],
            ));
        }
        Err(unsaid) => body.push_str(&format!("<p>{}</p>\n", text(&sentences::sentence(&unsaid.to_string())))),
    }
    for line in sentences::of_analysis(analysis) {
        body.push_str(&format!("<p>{}</p>\n", text(&line)));
    }
    let values = &analysis.samples.numbers();
    let guarded = analysis.accepted.and_then(|accepted| accepted.words(&asked.unit));
    let trend_title = match guarded {
        Some(words) => format!("Trend; the inner zone is {words}"),
        None => "Trend".to_owned(),
    };
    let counts = match &analysis.histogram {
        Ok(bins) => ("Histogram", svg::histogram(&asked.name, bins, asked.low, asked.high)),
        Err(_) => ("Spread", svg::spread(&asked.name, values, asked.low, asked.high)),
    };
    let chart = analysis.chart.as_ref().ok();
    for (title, picture) in [
        (trend_title.as_str(), trend(analysis)),
        counts,
        (
            "Control chart: the values between their control limits, and below how far each is from the one before",
            chart.and_then(|chart| svg::chart(&asked.name, chart)),
        ),
    ] {
        if let Some(picture) = picture {
            body.push_str(&format!("<p class=\"faint picture\">{}</p>\n{picture}", text(title)));
        }
    }
    body.push_str("</section>\n");
    body
}
