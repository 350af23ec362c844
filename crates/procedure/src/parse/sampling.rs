//! How many readings make a measurement, when and how each is taken, and how long to wait for one that is good.

use super::quantity;
use super::vocabulary::POLL;
use crate::model::{Poll, Until};
use crate::places::Rare;
use benchtop_instrument::{BaseUnit, Decimal, Function, MOST_SAMPLES, Quantity, Sampling, Trigger, Unit};
use benchtop_notation::{Diagnostic, Diagnostics, Magnitude, Spanned, Table, one_of};
use std::{collections::BTreeMap, time::Duration};

/// The keys that [`read`] reads.
const KEYS: [&str; 7] = [
    "samples",
    "discard",
    "delay",
    "trigger",
    "aperture",
    "resolution",
    "statistics",
];

/// Where each of the keys is written that are, and of the others that few measurements have.
pub(super) fn places(table: &Table<'_>) -> Rare {
    let written = |key: &'static str| Some((key, table.value(key)?.span().clone()));
    let others = ["channel", "nplc", "autozero", "input_impedance"];
    let places: BTreeMap<_, _> = KEYS.into_iter().chain(others).filter_map(written).collect();
    (!places.is_empty()).then(|| Box::new(places))
}

/// `None` only where one is written and wrong.
pub(super) fn read(sink: &mut Diagnostics, table: &Table<'_>, function: Option<Function>) -> Option<Sampling> {
    let samples = count(sink, table, "samples", 1);
    let discard = count(sink, table, "discard", 0);
    let delay = time(sink, table, "delay");
    let aperture = time(sink, table, "aperture");
    let trigger = match table.contains("trigger") {
        true => table
            .string(sink, "trigger")
            .and_then(|word| one_of(sink, "trigger", &word, Trigger::ALL))
            .map(Some),
        false => Some(None),
    };
    let resolution = match table.value("resolution") {
        Some(value) => {
            let magnitude = value.magnitude(sink);
            let read = magnitude.zip(function).and_then(|(magnitude, function)| {
                quantity::quantity(sink, "`resolution`", &magnitude, function.unit())
            });
            read.map(Some)
        }
        None => Some(None),
    };
    let statistics = table
        .bool(sink, "statistics")
        .is_some_and(|statistics| statistics.value);
    Some(Sampling {
        samples: samples?,
        discard: discard?,
        delay: delay?.map(|delay| delay.value),
        trigger: trigger?,
        aperture: aperture?.and_then(|aperture| seconds(aperture.value)),
        resolution: resolution?,
        statistics,
    })
}

fn count(sink: &mut Diagnostics, table: &Table<'_>, key: &str, least: i64) -> Option<Option<u32>> {
    if !table.contains(key) {
        return Some(None);
    }
    let number = table.integer(sink, key)?;
    let count = u32::try_from(number.value)
        .ok()
        .filter(|count| (least..=i64::from(MOST_SAMPLES)).contains(&i64::from(*count)));
    if count.is_none() {
        sink.error(
            &number.span,
            &format!("`{key}` is a number from {least} to {MOST_SAMPLES}"),
        );
    }
    Some(Some(count?))
}

fn time(sink: &mut Diagnostics, table: &Table<'_>, key: &str) -> Option<Option<Spanned<Duration>>> {
    let Some(value) = table.value(key) else {
        return Some(None);
    };
    let magnitude = value.magnitude(sink)?;
    quantity::duration(sink, &format!("`{key}`"), &magnitude, false).map(Some)
}

fn seconds(duration: Duration) -> Option<Decimal> {
    Decimal::new(i128::try_from(duration.as_nanos()).ok()?, -9)
}

/// `poll`. `None` only where it is written and wrong.
pub(super) fn poll(
    sink: &mut Diagnostics,
    table: &Table<'_>,
    label: &str,
    unit: Option<Unit>,
    is_judged: bool,
) -> Option<Option<Poll>> {
    let Some(value) = table.value("poll") else {
        return Some(None);
    };
    let poll = POLL.open(sink, value)?;
    let until = poll.require_string(sink, "until");
    let words = [("in_limit", false), ("stable", true)];
    let until = until.and_then(|word| Some(Spanned::new(one_of(sink, "until", &word, &words)?, word.span)));
    let band = match poll.value("band") {
        Some(band) => {
            let written = band.magnitude_or_number(sink)?;
            Some(band_of(sink, &written, unit?)?)
        }
        None => None,
    };
    let hold = time(sink, &poll, "hold")?.map(|hold| hold.value);
    let every = time(sink, &poll, "every")?.map(|every| every.value);
    if !poll.contains("for") {
        let message = format!("{label}: `poll` says nowhere how long it may take");
        sink.push(Diagnostic::error(value.span(), &message).help("for = \"5 s\", for example"));
    }
    let patience = time(sink, &poll, "for")?;
    let until = until?;
    let patience = patience?;
    let until = match (until.value, band) {
        (false, None) => {
            if !is_judged {
                sink.error(&until.span, &format!("{label}: there is no limit to come into"));
            }
            Until::InLimit
        }
        (true, Some(band)) => Until::Stable(band),
        (false, Some(_)) => {
            sink.error(&until.span, &format!("{label}: `band` is for `until = \"stable\"`"));
            return None;
        }
        (true, None) => {
            let message = format!("{label}: `until = \"stable\"` needs a `band`");
            sink.push(
                Diagnostic::error(&until.span, &message).help("how far apart the readings may be while it holds"),
            );
            return None;
        }
    };
    if matches!(until, Until::Stable(_)) && hold.is_none() {
        let message = format!("{label}: `until = \"stable\"` needs a `hold`");
        sink.push(Diagnostic::error(value.span(), &message).help("how long the readings must stay within the band"));
        return None;
    }
    let hold = hold.unwrap_or_default();
    if hold >= patience.value {
        sink.error(
            &patience.span,
            &format!("{label}: `for` ends before `hold` can be over"),
        );
    }
    Some(Some(Poll {
        until,
        hold,
        every: every.unwrap_or_default(),
        patience: patience.value,
    }))
}

/// A band in the measurement's unit, or with a unit of its own.
fn band_of(sink: &mut Diagnostics, written: &Magnitude, unit: Unit) -> Option<Quantity> {
    let band = if written.unit.is_empty() && unit.base() != BaseUnit::One {
        Quantity::new(quantity::decimal(sink, &written.number, &written.number_span)?, unit)
    } else {
        quantity::quantity(sink, "`band`", written, unit)?
    };
    if band.value <= Decimal::ZERO {
        sink.error(&written.span, "`band` is above 0");
        return None;
    }
    Some(band)
}
