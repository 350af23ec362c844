//! Pictures: a value on its limits, a histogram, a control chart. Numbers on the way in are finite: records hold no others.

use super::html::text;
use crate::{
    shown,
    stats::{
        control::{Chart, Rule},
        describe::{mean, percentile, sorted},
        distribution::count,
        histogram::Bin,
    },
    words::number,
};
use benchtop_store::record::{Measurement, Value};

pub(super) fn svg(width: f64, height: f64, label: &str, inside: &str) -> String {
    let label = text(label);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
         aria-label=\"{label}\">{inside}</svg>\n"
    )
}

/// From values to places on the picture.
pub(super) struct Scale {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) start: f64,
    pub(super) end: f64,
}

impl Scale {
    /// Over all of these, with a little room; `None` for none.
    pub(super) fn over(values: impl IntoIterator<Item = f64>, start: f64, end: f64) -> Option<Self> {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            (low, high) = (low.min(value), high.max(value));
        }
        if !(low.is_finite() && high.is_finite()) {
            return None;
        }
        let span = high - low;
        let room = if span > 0.0 {
            span * 0.12
        } else {
            low.abs().max(1.0) * 0.1
        };
        Some(Self {
            from: low - room,
            to: high + room,
            start,
            end,
        })
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        let part = (value - self.from) / (self.to - self.from);
        let place = self.start + part * (self.end - self.start);
        if place.is_finite() {
            (place * 10.0).round() / 10.0
        } else {
            self.start
        }
    }
}

/// The value on its limits and, inside them, what its guard band accepts; none for what is no number.
pub(super) fn value(measurement: &Measurement) -> Option<String> {
    let (width, height) = (260.0, 34.0);
    let value = measurement.value.as_ref().and_then(Value::number)?;
    let (low, high) = (measurement.limit_low, measurement.limit_high);
    if low.is_none() && high.is_none() {
        return None;
    }
    let u = measurement.uncertainty.as_ref().map_or(0.0, |known| known.expanded);
    let all = [Some(value - u), Some(value + u), low, high].into_iter().flatten();
    let scale = Scale::over(all, 4.0, width - 4.0)?;
    let band = |low: Option<f64>, high: Option<f64>, class: &str| {
        let (from, to) = (
            low.map_or(scale.start, |low| scale.at(low)),
            high.map_or(scale.end, |high| scale.at(high)),
        );
        let wide = (to - from).max(0.0);
        format!("<rect class=\"{class}\" x=\"{from}\" y=\"6\" width=\"{wide:.1}\" height=\"12\"/>")
    };
    let (accepted_low, accepted_high) = (measurement.acceptance_low.or(low), measurement.acceptance_high.or(high));
    let is_guarded = accepted_low != low || accepted_high != high;
    let mut inside = band(low, high, if is_guarded { "guard" } else { "zone" });
    if is_guarded {
        inside.push_str(&band(accepted_low, accepted_high, "zone"));
    }
    inside.push_str(&format!(
        "<line class=\"axis\" x1=\"0\" y1=\"18\" x2=\"{width}\" y2=\"18\"/>"
    ));
    for (limit, anchor) in [(low, "start"), (high, "end")] {
        if let Some(limit) = limit {
            let x = scale.at(limit);
            inside.push_str(&format!(
                "<line class=\"limit\" x1=\"{x}\" y1=\"3\" x2=\"{x}\" y2=\"21\"/><text x=\"{x}\" y=\"31\" text-anchor=\"{anchor}\">{}</text>",
                text(&number(limit))
            ));
        }
    }
    let x = scale.at(value);
    if u > 0.0 {
        let (from, to) = (scale.at(value - u), scale.at(value + u));
        inside.push_str(&format!(
            "<line class=\"mark\" x1=\"{from}\" y1=\"12\" x2=\"{to}\" y2=\"12\"/>"
        ));
    }
    inside.push_str(&format!(
        "<line class=\"mark\" x1=\"{x}\" y1=\"2\" x2=\"{x}\" y2=\"22\"/>"
    ));
    let guarded = if is_guarded { ", inside them a guard band" } else { "" };
    let limits = shown::bounds(low, high, &measurement.unit).unwrap_or_default();
    let label = format!(
        "{}: {}, limits {limits}{guarded}",
        measurement.name,
        shown::value(measurement)
    );
    Some(svg(width, height, &label, &inside))
}

/// Counts in bins, with the limits.
pub(super) fn histogram(name: &str, bins: &[Bin], low: Option<f64>, high: Option<f64>) -> Option<String> {
    let (width, height, floor) = (560.0, 190.0, 165.0);
    let (first, last) = (bins.first()?, bins.last()?);
    // limits far away would leave the values one bar: then they are said in words alone
    let span = last.high - first.low;
    let near = |limit: f64| limit > first.low - 3.0 * span && limit < last.high + 3.0 * span;
    let limits: Vec<f64> = [low, high].into_iter().flatten().filter(|limit| near(*limit)).collect();
    let scale = Scale::over(
        [first.low, last.high].into_iter().chain(limits.iter().copied()),
        10.0,
        width - 10.0,
    )?;
    let most = bins.iter().map(|bin| bin.count).max().unwrap_or(1).max(1);
    let mut inside = String::new();
    for bin in bins {
        let (from, to) = (scale.at(bin.low), scale.at(bin.high));
        let tall = 145.0 * count(bin.count) / count(most);
        let (top, wide) = (floor - tall, (to - from - 1.0).max(1.0));
        inside.push_str(&format!(
            "<rect class=\"bar\" x=\"{from}\" y=\"{top:.1}\" width=\"{wide:.1}\" height=\"{tall:.1}\"/>"
        ));
    }
    inside.push_str(&format!(
        "<line class=\"axis\" x1=\"0\" y1=\"{floor}\" x2=\"{width}\" y2=\"{floor}\"/>"
    ));
    for edge in [first.low, last.high] {
        inside.push_str(&format!(
            "<text x=\"{}\" y=\"180\" text-anchor=\"middle\">{}</text>",
            scale.at(edge).clamp(25.0, width - 25.0),
            text(&number(edge))
        ));
    }
    for limit in limits {
        let x = scale.at(limit);
        inside.push_str(&format!(
            "<line class=\"limit\" x1=\"{x}\" y1=\"12\" x2=\"{x}\" y2=\"{floor}\"/><text x=\"{}\" y=\"10\" text-anchor=\"middle\">{}</text>",
            x.clamp(25.0, width - 25.0),
            text(&number(limit))
        ));
    }
    let counts: Vec<String> = bins
        .iter()
        .map(|bin| format!("{} to {}: {}", number(bin.low), number(bin.high), bin.count))
        .collect();
    Some(svg(
        width,
        height,
        &format!("Histogram of {name}. {}", counts.join("; ")),
        &inside,
    ))
}

/// Points that a chart shows; of more, the last ones.
const POINTS: usize = 300;

/// How far apart labels stand at least.
const LABEL: f64 = 11.0;

/// A line at a height, and its label beside it.
fn line_across(end: f64, (y, place): (f64, f64), class: &str, label: &str) -> String {
    format!(
        "<line class=\"{class}\" x1=\"0\" y1=\"{y}\" x2=\"{end}\" y2=\"{y}\"/><text x=\"{}\" y=\"{:.1}\">{}</text>",
        end + 4.0,
        place + 4.0,
        text(label)
    )
}

/// The individual values, their centre and control limits, what broke a rule; under it the moving ranges.
pub(super) fn chart(name: &str, chart: &Chart) -> Option<String> {
    let (width, height) = (560.0, 250.0);
    let skipped = chart.points.len().saturating_sub(POINTS);
    let points: Vec<_> = chart.points.iter().skip(skipped).collect();
    let upper = Scale::over(
        points.iter().map(|point| point.value).chain([chart.upper, chart.lower]),
        150.0,
        8.0,
    )?;
    let ranges = points.iter().filter_map(|point| point.moving_range);
    let lower = Scale::over(ranges.chain([chart.range_upper, 0.0]), 240.0, 170.0)?;
    let along = Scale {
        from: 0.0,
        to: count(points.len()).max(1.0),
        start: 8.0,
        end: width - 70.0,
    };
    let mut inside = String::new();
    // the labels of the upper part have room below, those of the lower part above
    let of_values = [
        (upper.at(chart.upper), "limit", number(chart.upper)),
        (upper.at(chart.centre), "centre", number(chart.centre)),
        (upper.at(chart.lower), "limit", number(chart.lower)),
    ];
    let of_ranges = [
        (lower.at(chart.mean_range), "centre", number(chart.mean_range)),
        (lower.at(chart.range_upper), "limit", number(chart.range_upper)),
    ];
    let mut before = None;
    for (y, class, label) in of_values {
        let place = before.map_or(y, |before: f64| y.max(before + LABEL));
        before = Some(place);
        inside.push_str(&line_across(along.end, (y, place), class, &label));
    }
    let mut before = None;
    for (y, class, label) in of_ranges {
        let place = before.map_or(y, |before: f64| y.min(before - LABEL));
        before = Some(place);
        inside.push_str(&line_across(along.end, (y, place), class, &label));
    }
    let mut values = String::new();
    let mut moving = String::new();
    let mut dots = String::new();
    for (at, point) in points.iter().enumerate() {
        let (x, y) = (along.at(count(at)), upper.at(point.value));
        values.push_str(&format!("{x},{y} "));
        let is_out = point.broken.iter().any(|rule| *rule != Rule::Range);
        if is_out {
            dots.push_str(&format!("<circle class=\"out\" cx=\"{x}\" cy=\"{y}\" r=\"3.5\"/>"));
        } else if points.len() <= 60 {
            dots.push_str(&format!("<circle class=\"dot\" cx=\"{x}\" cy=\"{y}\" r=\"2\"/>"));
        }
        if let Some(range) = point.moving_range {
            let y = lower.at(range);
            moving.push_str(&format!("{x},{y} "));
            if point.broken.contains(&Rule::Range) {
                dots.push_str(&format!("<circle class=\"out\" cx=\"{x}\" cy=\"{y}\" r=\"3.5\"/>"));
            }
        }
    }
    inside.push_str(&format!(
        "<polyline class=\"line\" points=\"{}\"/><polyline class=\"line\" points=\"{}\"/>{dots}",
        values.trim_end(),
        moving.trim_end()
    ));
    let broken = chart.points.iter().filter(|point| !point.broken.is_empty()).count();
    let label = format!(
        "Control chart of {name}: individual values above, moving ranges below. Centre {}, control limits {} and {}; {broken} points \
         broke a rule{}",
        number(chart.centre),
        number(chart.lower),
        number(chart.upper),
        if skipped > 0 {
            format!("; the last {POINTS} points are drawn")
        } else {
            String::new()
        }
    );
    Some(svg(width, height, &label, &inside))
}

/// The middle half of values on a line, for a table; not used where there are few.
pub(super) fn spread(name: &str, values: &[f64], low: Option<f64>, high: Option<f64>) -> Option<String> {
    let (width, height) = (260.0, 34.0);
    let sorted = sorted(values);
    let (min, max) = (*sorted.first()?, *sorted.last()?);
    let scale = Scale::over(
        [Some(min), Some(max), low, high].into_iter().flatten(),
        4.0,
        width - 4.0,
    )?;
    let (from, to) = (
        low.map_or(scale.start, |low| scale.at(low)),
        high.map_or(scale.end, |high| scale.at(high)),
    );
    let wide = (to - from).max(0.0);
    let quarter = |p| scale.at(percentile(&sorted, p));
    let (first, third, middle) = (quarter(0.25), quarter(0.75), scale.at(mean(values)));
    let box_wide = (third - first).max(1.5);
    let (left, right) = (scale.at(min), scale.at(max));
    let inside = format!(
        "<rect class=\"zone\" x=\"{from}\" y=\"6\" width=\"{wide:.1}\" height=\"12\"/><line class=\"line\" x1=\"{left}\" y1=\"12\" \
         x2=\"{right}\" y2=\"12\"/><rect class=\"bar\" x=\"{first}\" y=\"8\" width=\"{box_wide:.1}\" height=\"8\"/><line class=\"mark\" \
         x1=\"{middle}\" y1=\"3\" x2=\"{middle}\" y2=\"21\"/>"
    );
    let label = format!(
        "{name}: from {} to {}, mean {}",
        number(min),
        number(max),
        number(mean(values))
    );
    Some(svg(width, height, &label, &inside))
}
