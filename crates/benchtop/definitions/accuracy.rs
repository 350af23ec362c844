//! How `benchtop instruments show` prints a specification.

use benchtop_instrument::{AccuracyRow, Counts, Function, NullCondition, Quantity, human_duration};
use serde_json::json;

/// A line for each calibration interval of a function: its ranges with their figures.
pub(super) fn lines(function: Function, rows: &[AccuracyRow]) -> Vec<String> {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for row in rows {
        let head = format!("{} from {}{}", row.interval, row.temperature, conditions(row));
        match lines.iter_mut().find(|(known, _)| *known == head) {
            Some((_, figures)) => figures.push(figure(row)),
            None => lines.push((head, vec![figure(row)])),
        }
    }
    let line = |(head, figures): (String, Vec<String>)| {
        format!(
            "  {:<20}  {head}: {}",
            format!("{function} accuracy"),
            figures.join(", ")
        )
    };
    lines.into_iter().map(line).collect()
}

fn conditions(row: &AccuracyRow) -> String {
    let mut text = format!(", {}", row.coverage.word());
    if let Some(warm_up) = row.conditions.warm_up {
        text.push_str(&format!(", on for {}", human_duration(warm_up)));
    }
    if row.conditions.autozero {
        text.push_str(", autozero on");
    }
    if let Some(shortest) = row.nplc.first() {
        text.push_str(&format!(", nplc {} or more", shortest.cycles));
    }
    match row.conditions.null {
        NullCondition::NotNeeded => {}
        NullCondition::Needed { otherwise: None } => text.push_str(", with null"),
        NullCondition::Needed {
            otherwise: Some(without),
        } => text.push_str(&format!(", {without} more without null")),
    }
    text
}

fn figure(row: &AccuracyRow) -> String {
    let mut parts = vec![
        format!("{} % of reading", row.percent_of_reading),
        format!("{} % of range", row.percent_of_range),
    ];
    if let Some(Counts { number, value }) = row.counts {
        parts.push(format!("{number} counts of {value}"));
    }
    parts.extend(row.offset.map(|offset| offset.to_string()));
    let range = row.full_scale.map(|scale| format!("{scale} ")).unwrap_or_default();
    let end = row.maximum.map(|end| format!("up to {end} ")).unwrap_or_default();
    format!("{range}{end}{}", parts.join(" + "))
}

/// The rows as JSON.
pub(super) fn as_json(rows: &[AccuracyRow]) -> Vec<serde_json::Value> {
    let text = |quantity: Option<Quantity>| quantity.map(|quantity| quantity.to_string());
    rows.iter()
        .map(|row| {
            json!({
                "interval": row.interval.word(),
                "temperature_low": row.temperature.low.to_f64(),
                "temperature_high": row.temperature.high.to_f64(),
                "range": text(row.full_scale),
                "maximum": text(row.maximum),
                "percent_of_reading": row.percent_of_reading.to_f64(),
                "percent_of_range": row.percent_of_range.to_f64(),
                "counts": row.counts.map(|counts| counts.number.to_f64()),
                "count": text(row.counts.map(|counts| counts.value)),
                "offset": text(row.offset),
                "coverage": row.coverage.word(),
                "source": row.source,
            })
        })
        .collect()
}
