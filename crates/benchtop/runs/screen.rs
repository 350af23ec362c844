//! Statistics on a screen of 80 columns.

use super::{
    args::TableFormat,
    figures::{self, Field},
    stats::{Gauged, Studied},
};
use crate::terminal::{self, BAD, DOUBTFUL, Line, PLAIN, QUIET};
use anstyle::Style;
use benchtop_report::{
    analysis::Analysis,
    population::{Population, Share, pareto, yields},
    sentences, shown,
    stats::{distribution::count, gauge::Components, histogram::Bin},
    words::{counted, digits, number, percent},
};

/// Failures that are shown; the rest is counted.
const MOST_FAILING: usize = 10;
/// Characters of a line.
const WIDTH: usize = 80;
/// Characters of the longest bar.
const BAR: f64 = 40.0;
/// Eighths of a character.
const BLOCKS: [&str; 8] = [
    "", "\u{258f}", "\u{258e}", "\u{258d}", "\u{258c}", "\u{258b}", "\u{258a}", "\u{2589}",
];

/// What is said of a procedure and its measurements.
pub(super) fn population(population: &Population<'_>, analyses: &[Analysis<'_>]) {
    let found = yields(population);
    let span = sentences::span(&population.runs).unwrap_or_default();
    let title = format!("  {}, {span}", counted(found.runs, "run"));
    terminal::say(
        &Line::new()
            .add(PLAIN.bold(), &terminal::clip(&population.procedure, 40))
            .add(QUIET, &title),
    );
    let share = |share: Share| match share.fraction() {
        Some(fraction) => format!("{:>8}   {} of {} units", percent(fraction), share.part, share.whole),
        None => "no unit was judged".to_owned(),
    };
    fact("first pass", &share(found.first_pass));
    fact("final", &share(found.last_pass));
    if let Some(rolled) = found.rolled {
        fact(
            "rolled",
            &format!("{:>8}   through all steps without a failure", percent(rolled)),
        );
    }
    fact("tested again", &share(found.retested));
    if let Some(came_back) = sentences::came_back(&found) {
        fact("came back", &came_back);
    }
    fact("station losses", &sentences::losses(&found));
    if let Some(left_out) = sentences::left_out(population) {
        fact("left out", &left_out);
    }
    failing(population);
    for analysis in analyses {
        measurement(analysis);
    }
    terminal::say(&Line::new());
}

fn fact(name: &str, text: &str) {
    let mut name = format!("  {name}");
    for part in wrapped(text, WIDTH - 18) {
        let name = std::mem::take(&mut name);
        terminal::say(&Line::new().column(QUIET, &name, 18).add(PLAIN, &part));
    }
}

/// Prints a text that may be longer than a line, set in by two.
pub(super) fn say_long(say: fn(&Line), style: Style, text: &str) {
    for part in wrapped(&terminal::clip(text, 240), WIDTH - 2) {
        say(&Line::new().add(style, &format!("  {part}")));
    }
}

fn failing(population: &Population<'_>) {
    let failing = pareto(population);
    let most = failing.first().map_or(1, |failing| failing.runs).max(1);
    let lines = sentences::pareto_lines(&failing);
    if !lines.is_empty() {
        terminal::say(&Line::new().add(QUIET, "  what failed"));
    }
    for ([step, measurement, outcome, runs, _, cumulated], failing) in lines.iter().zip(&failing).take(MOST_FAILING) {
        let name = if measurement.is_empty() {
            step.clone()
        } else {
            format!("{step}: {measurement}")
        };
        let bar = bar(count(failing.runs) / count(most) * 14.0);
        terminal::say(
            &Line::new()
                .column(PLAIN, &format!("    {}", terminal::clip(&name, 38)), 43)
                .column(BAD, outcome, 8)
                .add(PLAIN, &format!("{runs:>5} {cumulated:>8} "))
                .add(BAD, &bar),
        );
    }
    if lines.len() > MOST_FAILING {
        let text = format!("    and {} more", lines.len() - MOST_FAILING);
        terminal::say(&Line::new().add(QUIET, &text));
    }
}

fn measurement(analysis: &Analysis<'_>) {
    let asked = &analysis.samples.asked;
    let limits = shown::bounds(asked.low, asked.high, &asked.unit).unwrap_or_else(|| asked.unit.clone());
    terminal::say(&Line::new());
    terminal::say(&Line::new().add(PLAIN.bold(), &terminal::clip(&asked.name, 40)).add(
        QUIET,
        &format!("  {}  {}", terminal::clip(&asked.step, 40), terminal::clip(&limits, 40)),
    ));
    match &analysis.summary {
        Ok(summary) => {
            let s = summary.s.map_or_else(|| "-".to_owned(), number);
            let text = format!(
                "  n {}   mean {}   s {s}   min {}   max {}",
                summary.n,
                number(summary.mean),
                number(summary.min),
                number(summary.max)
            );
            terminal::say(&Line::new().add(PLAIN, &text));
            let [p1, p5, p25, p50, p75, p95, p99] = summary.percentiles.map(|value| digits(value, 5));
            let text = format!("  1 % {p1}  5 % {p5}  25 % {p25}  50 % {p50}  75 % {p75}  95 % {p95}  99 % {p99}");
            if text.chars().count() <= 80 {
                terminal::say(&Line::new().add(QUIET, &text));
            } else {
                let text = format!("  1 % {p1}  5 % {p5}  25 % {p25}  50 % {p50}");
                terminal::say(&Line::new().add(QUIET, &text));
                terminal::say(&Line::new().add(QUIET, &format!("  75 % {p75}  95 % {p95}  99 % {p99}")));
            }
        }
        Err(unsaid) => terminal::say(&Line::new().add(DOUBTFUL, &format!("  {unsaid}"))),
    }
    for line in sentences::of_analysis(analysis) {
        let alarming = ["NOT ", "not ", "only ", "rises", "falls", "  rule", "  moving"];
        let style = if alarming.iter().any(|word| line.starts_with(word)) {
            DOUBTFUL
        } else {
            PLAIN
        };
        say_long(terminal::say, style, &line);
    }
    if let Ok(bins) = &analysis.histogram {
        histogram(bins, asked.low, asked.high);
    }
}

/// A text in lines of at most so many characters, those after the first set in by two; a longer word stands alone.
fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut words = text.split(' ');
    let mut lines = Vec::new();
    let mut line = words.next().unwrap_or_default().to_owned();
    for word in words {
        let is_full = line.chars().count() + 1 + word.chars().count() > most;
        if is_full && !word.is_empty() && !line.trim().is_empty() {
            lines.push(std::mem::replace(&mut line, format!("  {word}")));
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.push(line);
    lines
}

fn bar(characters: f64) -> String {
    let mut text = String::new();
    let mut left = (characters * 8.0).round();
    while left >= 8.0 {
        text.push('\u{2588}');
        left -= 8.0;
    }
    let part = BLOCKS
        .iter()
        .zip(0_u32..)
        .find(|(_, eighths)| (f64::from(*eighths) - left).abs() < 0.5);
    text.push_str(part.map_or("", |(block, _)| block));
    text
}

fn histogram(bins: &[Bin], low: Option<f64>, high: Option<f64>) {
    let most = bins.iter().map(|bin| bin.count).max().unwrap_or(1).max(1);
    for bin in bins {
        let outside = low.is_some_and(|low| bin.high <= low) || high.is_some_and(|high| bin.low >= high);
        let style = if outside { BAD } else { PLAIN };
        // a bin with a value in it never looks empty
        let length = count(bin.count) / count(most) * BAR;
        let length = if bin.count > 0 { length.max(0.125) } else { length };
        let line = Line::new()
            .add(QUIET, &format!("  {:>12} ", digits(bin.low, 6)))
            .add(style, &bar(length));
        terminal::say(&line.add(QUIET, &format!(" {}", bin.count)));
    }
}

/// The columns of gauge studies in a table.
pub(super) const GAUGE_HEADING: [&str; 12] = [
    "procedure_id",
    "measurement",
    "unit",
    "method",
    "part",
    "sigma",
    "spread_6_sigma",
    "of_study_percent",
    "contribution_percent",
    "of_tolerance_percent",
    "distinct_categories",
    "study",
];

/// What the gauge studies of a procedure found.
pub(super) fn gauge(procedure: &str, studies: &[Gauged], format: TableFormat) {
    for study in studies {
        let name = study.name.as_deref().unwrap_or_default();
        if format == TableFormat::Human {
            let of = terminal::clip(procedure, 40);
            let named = if name.is_empty() {
                String::new()
            } else {
                format!(" {}", terminal::clip(name, 24))
            };
            let text = format!("{of}  gauge study{named}, {}", counted(study.runs, "run"));
            terminal::say(&Line::new().add(PLAIN.bold(), &text));
        }
        for studied in &study.measurements {
            gauged(procedure, name, studied, format);
        }
    }
}

/// What a measurement's study found.
fn gauged(procedure: &str, name: &str, studied: &Studied, format: TableFormat) {
    let limits = studied.limits.clone().unwrap_or_else(|| "no limits".to_owned());
    let (study, tolerance) = match &studied.study {
        Ok(found) => found,
        Err(unsaid) => {
            let line = Line::new().add(PLAIN, &format!("  {}: ", terminal::clip(&studied.name, 40)));
            terminal::say_aside(&line.add(DOUBTFUL, &terminal::clip(unsaid, 160)));
            return;
        }
    };
    let (appraisers, parts, trials) = study.size();
    if format == TableFormat::Human {
        let text = format!("  {appraisers} operators, {parts} units, {trials} trials; {limits}");
        terminal::say(
            &Line::new()
                .add(PLAIN.bold(), &format!("  {}", terminal::clip(&studied.name, 40)))
                .add(QUIET, &text),
        );
    }
    let analysis = study.analysis(*tolerance);
    let pooled = analysis.as_ref().map(|analysis| analysis.is_pooled);
    let methods = [
        (
            "analysis of variance",
            analysis
                .as_ref()
                .map(|analysis| analysis.components)
                .map_err(Clone::clone),
        ),
        ("average and range", study.average_range(*tolerance)),
    ];
    for (method, found) in methods {
        let components = match found {
            Ok(components) => components,
            Err(unsaid) => {
                terminal::say_aside(&Line::new().add(DOUBTFUL, &format!("    {method}: {unsaid}")));
                continue;
            }
        };
        if format == TableFormat::Human {
            let pooled = match (method, &pooled) {
                ("analysis of variance", Ok(false)) => ", with an interaction of operators and units",
                _ => "",
            };
            say_components(&format!("{method}{pooled}"), &components);
            continue;
        }
        for (part, found) in parts_of(&components) {
            let values = [found.sigma, 6.0 * found.sigma, found.of_study, found.contribution];
            let texts = [procedure, &studied.name, &studied.unit, method, part];
            let mut fields: Vec<Field> = texts.iter().map(|text| Field::Text((*text).to_owned())).collect();
            fields.extend(values.map(|value| Field::Number(Some(value))));
            fields.extend([found.of_tolerance, components.distinct].map(Field::Number));
            fields.push(Field::Text(name.to_owned()));
            let columns = GAUGE_HEADING.into_iter().zip(fields).collect();
            terminal::emit(&match format {
                TableFormat::Csv => figures::row(columns),
                TableFormat::Human | TableFormat::Json => figures::object(columns),
            });
        }
    }
}

fn parts_of(components: &Components) -> [(&'static str, benchtop_report::stats::gauge::Part); 5] {
    [
        ("repeatability", components.repeatability),
        ("reproducibility", components.reproducibility),
        ("gauge R&R", components.gauge),
        ("part to part", components.parts),
        ("total", components.total),
    ]
}

fn say_components(method: &str, components: &Components) {
    let heads = format!(
        "    {method:<28}{:>12}{:>12}{:>10}{:>12}",
        "sigma", "6 sigma", "% study", "% tolerance"
    );
    terminal::say(&Line::new().add(QUIET, &heads));
    for (name, part) in parts_of(components) {
        let tolerance = part
            .of_tolerance
            .map_or_else(|| "-".to_owned(), |part| format!("{part:.1}"));
        let text = format!(
            "    {name:<28}{:>12}{:>12}{:>10.1}{tolerance:>12}",
            digits(part.sigma, 5),
            digits(6.0 * part.sigma, 5),
            part.of_study
        );
        terminal::say(&Line::new().add(PLAIN, &text));
    }
    let distinct = components
        .distinct
        .map_or_else(|| "-".to_owned(), |distinct| distinct.to_string());
    terminal::say(&Line::new().add(PLAIN, &format!("    number of distinct categories: {distinct}")));
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn a_line_is_broken_between_words_and_keeps_its_blanks() {
        for (text, most, expected) in [
            ("one two", 80, &["one two"][..]),
            ("  rule 1: x", 80, &["  rule 1: x"]),
            ("Cp 1   Cpk 2", 9, &["Cp 1  ", "  Cpk 2"]),
            ("abcdefgh ij", 4, &["abcdefgh", "  ij"]),
            ("", 4, &[""]),
        ] {
            assert_eq!(wrapped(text, most), expected, "{text:?}");
        }
    }
}
