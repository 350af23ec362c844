//! The values of a measurement in the order in which they were taken, between their limits: does it run away, and where to?

use super::{
    html::text,
    svg::{Scale, svg},
};
use crate::{
    analysis::{Acceptance, Analysis},
    sentences, shown,
    stats::distribution::count,
    words::{counted, moment, number},
};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 178.0;
/// Where the picture of the values begins and ends, from above.
const TOP: f64 = 14.0;
const FLOOR: f64 = 150.0;
/// Places beside each other; of more values, neighbours share one, from the least to the greatest of them.
const PLACES: usize = 300;
/// Up to so many, each value is a dot.
const DOTS: usize = 60;
/// A limit further away than so many spreads of the values would leave them a straight line: it is said in words then.
const FAR: f64 = 10.0;

/// What stands at one place: one value, or neighbours.
struct Place {
    least: f64,
    mean: f64,
    greatest: f64,
}

fn places(values: &[f64]) -> Vec<Place> {
    let each = values.len().div_ceil(PLACES).max(1);
    let of = |chunk: &[f64]| Place {
        least: chunk.iter().copied().fold(f64::INFINITY, f64::min),
        mean: chunk.iter().sum::<f64>() / count(chunk.len()),
        greatest: chunk.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    };
    values.chunks(each).map(of).collect()
}

/// Where values are drawn.
struct Plane {
    along: Scale,
    up: Scale,
}

impl Plane {
    fn band(&self, low: Option<f64>, high: Option<f64>, class: &str) -> String {
        let (floor, top) = (
            low.map_or(FLOOR, |low| self.up.at(low)).clamp(TOP, FLOOR),
            high.map_or(TOP, |high| self.up.at(high)).clamp(TOP, FLOOR),
        );
        let (wide, tall) = (self.along.end - self.along.start, (floor - top).max(0.0));
        format!(
            "<rect class=\"{class}\" x=\"{}\" y=\"{top:.1}\" width=\"{wide:.1}\" height=\"{tall:.1}\"/>",
            self.along.start
        )
    }

    fn across(&self, value: f64, class: &str) -> String {
        let (y, start, end) = (self.up.at(value), self.along.start, self.along.end);
        format!(
            "<line class=\"{class}\" x1=\"{start}\" y1=\"{y}\" x2=\"{end}\" y2=\"{y}\"/><text x=\"{}\" y=\"{:.1}\">{}</text>",
            end + 4.0,
            y + 4.0,
            text(&number(value))
        )
    }
}

/// All values between their limits and what guard bands accept of them, the line through them where it is believed, and when
/// they were taken; none of no value.
pub(super) fn trend(analysis: &Analysis<'_>) -> Option<String> {
    let samples = &analysis.samples;
    let asked = &samples.asked;
    let values = samples.numbers();
    let places = places(&values);
    let least = places.iter().map(|place| place.least).fold(f64::INFINITY, f64::min);
    let greatest = places
        .iter()
        .map(|place| place.greatest)
        .fold(f64::NEG_INFINITY, f64::max);
    let span = greatest - least;
    let near = |limit: &f64| span <= 0.0 || (*limit > least - FAR * span && *limit < greatest + FAR * span);
    let (low, high) = (asked.low.filter(near), asked.high.filter(near));
    let accepted = analysis.accepted;
    let plane = Plane {
        along: Scale {
            from: 0.0,
            to: count(places.len().saturating_sub(1)).max(1.0),
            start: 8.0,
            end: WIDTH - 70.0,
        },
        up: Scale::over(
            [Some(least), Some(greatest), low, high].into_iter().flatten(),
            FLOOR,
            TOP,
        )?,
    };
    let mut inside = String::new();
    if asked.low.or(asked.high).is_some() {
        inside.push_str(&plane.band(asked.low, asked.high, if accepted.is_some() { "guard" } else { "zone" }));
    }
    if let Some(Acceptance { low, high }) = accepted {
        inside.push_str(&plane.band(low, high, "zone"));
    }
    for limit in [low, high].into_iter().flatten() {
        inside.push_str(&plane.across(limit, "limit"));
    }
    inside.push_str(&drawn(&plane, &places, (asked.low, asked.high)));
    if let Some(line) = analysis.trend.as_ref().ok().filter(|trend| trend.is_believed()) {
        let y = |at: usize| plane.up.at(line.start + line.slope * count(at)).clamp(TOP, FLOOR);
        inside.push_str(&format!(
            "<line class=\"course\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>",
            plane.along.start,
            y(0),
            plane.along.at(count(places.len().saturating_sub(1))),
            y(values.len().saturating_sub(1))
        ));
    }
    inside.push_str(&format!(
        "<line class=\"axis\" x1=\"0\" y1=\"{FLOOR}\" x2=\"{}\" y2=\"{FLOOR}\"/>",
        plane.along.end
    ));
    let (first, last) = (samples.values.first()?, samples.values.last()?);
    for (sample, x, anchor) in [(first, plane.along.start, "start"), (last, plane.along.end, "end")] {
        inside.push_str(&format!(
            "<text x=\"{x}\" y=\"168\" text-anchor=\"{anchor}\">{}</text>",
            text(&moment(sample.run.started_at()))
        ));
    }
    Some(svg(WIDTH, HEIGHT, &label(analysis, &values, accepted), &inside))
}

fn drawn(plane: &Plane, places: &[Place], (low, high): (Option<f64>, Option<f64>)) -> String {
    let mut course = String::new();
    let mut marks = String::new();
    for (at, place) in places.iter().enumerate() {
        let x = plane.along.at(count(at));
        course.push_str(&format!("{x},{} ", plane.up.at(place.mean)));
        if place.greatest > place.least {
            let (from, to) = (plane.up.at(place.least), plane.up.at(place.greatest));
            marks.push_str(&format!(
                "<line class=\"line\" x1=\"{x}\" y1=\"{from}\" x2=\"{x}\" y2=\"{to}\"/>"
            ));
        } else if places.len() <= DOTS {
            let y = plane.up.at(place.mean);
            marks.push_str(&format!("<circle class=\"dot\" cx=\"{x}\" cy=\"{y}\" r=\"2\"/>"));
        }
        let beyond = [
            (low.is_some_and(|low| place.least < low), place.least),
            (high.is_some_and(|high| place.greatest > high), place.greatest),
        ];
        for (_, value) in beyond.into_iter().filter(|(is_beyond, _)| *is_beyond) {
            let y = plane.up.at(value);
            marks.push_str(&format!("<circle class=\"out\" cx=\"{x}\" cy=\"{y}\" r=\"3.5\"/>"));
        }
    }
    format!("<polyline class=\"line\" points=\"{}\"/>{marks}", course.trim_end())
}

/// The picture in words.
fn label(analysis: &Analysis<'_>, values: &[f64], accepted: Option<Acceptance>) -> String {
    let asked = &analysis.samples.asked;
    let mut said = vec![format!("Trend of {}: {}", asked.name, counted(values.len(), "value"))];
    said.extend(shown::bounds(asked.low, asked.high, &asked.unit).map(|limits| format!("limits {limits}")));
    said.extend(accepted.and_then(|accepted| accepted.words(&asked.unit)));
    if asked.low.or(asked.high).is_some() {
        let is_beyond =
            |value: &&f64| asked.low.is_some_and(|low| **value < low) || asked.high.is_some_and(|high| **value > high);
        said.push(format!("{} beyond the limits", values.iter().filter(is_beyond).count()));
    }
    said.extend(sentences::trend(analysis));
    said.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_a_place_and_none_of_their_extremes_is_lost() {
        let values: Vec<f64> = (0..100_000).map(|at| if at == 77_777 { 9.0 } else { 1.0 }).collect();
        let found = places(&values);
        assert!(found.len() <= PLACES);
        assert_eq!(found.iter().filter(|place| place.greatest > 8.0).count(), 1);
        assert!(places(&[]).is_empty());
        let two = places(&[1.0, 2.0]);
        assert!(two.len() == 2 && two.iter().all(|place| place.least >= place.greatest));
    }
}
