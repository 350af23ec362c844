//! `[[steps.measurements]]`.

use super::draft::{Channel, Draft, Named};
use super::judging::{is_judged, limit_of, limit_of_no_reading, limit_place};
use super::vocabulary::MEASUREMENT;
use super::{condition, head, limit, quantity, range, reduce, sampling};
use crate::expression::{Dimension, Expression, Kind};
use crate::model::{InstrumentNeed, LogicalName, Measurement, MeasurementSource, ReadingSource, settle_time_name};
use crate::places::MeasurementPlaces;
use crate::value::ValueKind;
use benchtop_instrument::{BaseUnit, Choices, Decimal, Function, InputImpedance, Measure, Unit};
use benchtop_notation::{Diagnostic, Diagnostics, Kind as Written, Span, Spanned, Table, Value, one_of};

/// The measurements of a step; those that could not be read are left out, and reported.
pub(super) fn all(draft: &mut Draft, value: Value<'_>, step: &str) -> Option<Vec<Measurement>> {
    let Some(tables) = MEASUREMENT.open_each(&mut draft.sink, value) else {
        draft.is_unreadable = true;
        return None;
    };
    if tables.is_empty() {
        draft.sink.error(value.span(), &format!("{step} has no measurements"));
    }
    // they are kept for as long as the run
    let mut measurements = Vec::with_capacity(tables.len());
    measurements.extend(tables.iter().flat_map(|table| named(draft, table, step)));
    (!measurements.is_empty()).then_some(measurements)
}

/// A measurement, which those behind it can compute with by its name, and its reductions.
fn named(draft: &mut Draft, table: &Table<'_>, step: &str) -> Vec<Measurement> {
    let name = table
        .require_string(&mut draft.sink, "name")
        .and_then(|name| head::title(&mut draft.sink, "name", name));
    if let Some(name) = &name {
        draft.claim_measurement_name(name);
    }
    let label = match &name {
        Some(name) => format!("measurement \"{}\"", name.value),
        None => format!("a measurement of {step}"),
    };
    let measurement = match table.contains("compute") {
        true => computed(draft, table, &label, name.as_ref()),
        false => read(draft, table, &label, name.as_ref()),
    };
    match (&measurement, &name) {
        (Some(measurement), _) => draft.measures(&measurement.name, measurement.unit, measurement.kind),
        (None, Some(name)) => {
            draft.broken.insert(name.value.clone());
        }
        (None, None) => {}
    }
    let reductions = reductions(draft, table, &label, name.as_ref());
    measurement.into_iter().chain(reductions).collect()
}

/// Those of the samples of a reading.
fn reductions(draft: &mut Draft, table: &Table<'_>, label: &str, name: Option<&Spanned<String>>) -> Vec<Measurement> {
    let Some(place) = table.key_span("reduce").filter(|_| !table.contains("compute")) else {
        return Vec::new();
    };
    let unheard = &mut Diagnostics::new();
    let many = table
        .integer(unheard, "samples")
        .is_some_and(|samples| samples.value >= 2);
    let kept = !table
        .bool(unheard, "statistics")
        .is_some_and(|statistics| statistics.value);
    if !many || !kept {
        let message = format!("{label}: `reduce` needs two `samples` or more, and all of them");
        let help = if many {
            "with `statistics` they stay in the meter"
        } else {
            "one number is no array"
        };
        draft.sink.push(Diagnostic::error(place, &message).help(help));
    }
    let unit = table.string(unheard, "unit").and_then(|unit| unit.value.parse().ok());
    let array = reduce::Array {
        of: name.map(|name| name.value.as_str()),
        label,
        unit,
    };
    reduce::all(draft, table, array).unwrap_or_default()
}

/// The keys of a measurement that is computed.
const COMPUTED: &[&str] = &["name", "compute", "unit", "limit"];

/// A measurement that is computed from others.
fn computed(draft: &mut Draft, table: &Table<'_>, label: &str, name: Option<&Spanned<String>>) -> Option<Measurement> {
    for (key, _) in table
        .entries()
        .filter(|(key, _)| !COMPUTED.contains(&key.value.as_str()))
    {
        let message = format!("{label} is computed: it has no `{}`", key.value);
        draft.sink.error(&key.span, &message);
    }
    let text = table.string(&mut draft.sink, "compute");
    let expression = text
        .as_ref()
        .and_then(|text| condition::expression(draft, &format!("{label}: `compute`"), text));
    let unit = match expression.as_ref().map(|expression| expression.kind) {
        Some(Kind::Number(dimension)) => {
            let unit = computed_unit(&mut draft.sink, table, label, dimension);
            let is_percent = unit.is_some_and(|unit| unit.base() == BaseUnit::Percent);
            if is_percent && expression.as_ref().is_some_and(Expression::makes_per_cent) {
                let place = text.as_ref().map_or(table.span(), |text| &text.span);
                let message = format!(
                    "{label}: `compute` multiplies by 100, and a share that is declared in % is shown as per cent already: \
                     0.05 is 5 %"
                );
                let help = "leave the 100 out; a factor that is not for the per cent is written `10000 %`";
                draft.sink.push(Diagnostic::error(place, &message).help(help));
            }
            unit
        }
        Some(Kind::Boolean) if !table.contains("unit") => Some(Unit::of(BaseUnit::One)),
        Some(Kind::Boolean | Kind::Text) => {
            let place = table.value("unit").map_or(table.span(), |unit| unit.span());
            let message = format!("{label}: a unit is for numbers, and `compute` comes to none");
            draft.sink.error(place, &message);
            None
        }
        None => {
            draft.has_limit |= is_judged(draft, table, name);
            return None;
        }
    };
    let kind = match expression.as_ref().map(|expression| expression.kind) {
        Some(Kind::Boolean) => ValueKind::Boolean,
        Some(Kind::Number(_) | Kind::Text) | None => ValueKind::Number,
    };
    draft.has_limit |= is_judged(draft, table, name);
    let reader = limit::Reader { label, kind, unit };
    let limit = limit_of_no_reading(draft, table, name, reader)?;
    let limit_place = limit_place(draft, table, name);
    let place = |key: &str| table.value(key).map_or(table.span(), |value| value.span()).clone();
    let of_limit = |place_of: Option<Span>| place_of.unwrap_or_else(|| limit_place.clone());
    let compute = place("compute");
    Some(Measurement {
        name: name?.value.clone(),
        source: MeasurementSource::Compute(Box::new(expression?)),
        kind,
        unit: unit?,
        limit: limit.as_ref().map(|written| draft.limits.of(written.limit.clone())),
        place: table.span().clone(),
        places: MeasurementPlaces {
            instrument: compute.clone(),
            function: compute.clone(),
            range: compute,
            rare: sampling::places(table),
            limit: of_limit(None),
            low: of_limit(limit.as_ref().and_then(|written| written.low.clone())),
            high: of_limit(limit.as_ref().and_then(|written| written.high.clone())),
        },
    })
}

/// The unit in which a computed number is declared.
fn computed_unit(sink: &mut Diagnostics, table: &Table<'_>, label: &str, dimension: Dimension) -> Option<Unit> {
    let text = match table.value("unit") {
        Some(_) => table.string(sink, "unit")?,
        None if dimension.is_none() => return Some(Unit::of(BaseUnit::One)),
        None => {
            let message = format!("{label}: `unit` is missing: `compute` comes to {dimension}");
            sink.error(table.span(), &message);
            return None;
        }
    };
    let Ok(unit) = text.value.parse::<Unit>() else {
        sink.error(&text.span, &format!("unknown unit `{}`", text.value));
        return None;
    };
    if dimension.fits(unit) {
        return Some(unit);
    }
    let message = format!("{label}: `unit` is {unit}, but `compute` comes to {dimension}");
    let finding = Diagnostic::error(&text.span, &message);
    sink.push(
        if matches!(unit.base(), BaseUnit::Decibel | BaseUnit::DecibelMilliwatt) {
            finding.help("decibels are `20 * log10(ratio of volts)`, or `10 * log10(ratio of watts)`")
        } else {
            finding
        },
    );
    None
}

/// A measurement for which an instrument is read.
fn read(draft: &mut Draft, table: &Table<'_>, label: &str, name: Option<&Spanned<String>>) -> Option<Measurement> {
    let instrument = draft.instrument(label, table);
    let is_judged = is_judged(draft, table, name);
    let sink = &mut draft.sink;
    let function = table
        .require_string(sink, "function")
        .and_then(|word| Some(Spanned::new(one_of(sink, "function", &word, Function::ALL)?, word.span)));
    if let (Some((Named::Known(name, need), _)), Some(function)) = (&instrument, &function) {
        check_class(sink, label, name, need, function);
    }
    let channel = channel(sink, table);
    let nplc = nplc(sink, table);
    let choices = choices(sink, table);
    let unit = unit(sink, table, function.as_ref());
    let range = range::read(sink, table, label, function.as_ref().map(|function| function.value));
    let sampling = sampling::read(sink, table, function.as_ref().map(|function| function.value));
    let poll = sampling::poll(sink, table, label, unit, is_judged);
    if let (Some(Some(_)), Some(name)) = (&poll, name) {
        let settling = name.clone().map(|name| settle_time_name(&name));
        draft.claim_measurement_name(&settling);
        draft.measures(&settling.value, Unit::of(BaseUnit::Second), ValueKind::Number);
    }
    let sink = &mut draft.sink;
    let allow_autorange_in_series = range::autorange_in_series(sink, table, label, function.as_ref(), range);
    draft.has_limit |= is_judged;
    let reader = limit::Reader {
        label,
        kind: ValueKind::Number,
        unit,
    };
    let limit = limit_of(draft, table, name, reader);

    let limit_place = limit_place(draft, table, name);
    let place = |key: &str| table.value(key).map_or(table.span(), |value| value.span()).clone();
    let (instrument, instrument_place) = instrument?;
    let function = function?;
    let limit = limit?;
    let (number, channel_name) = channel?.into_parts();
    Some(Measurement {
        name: name?.value.clone(),
        source: MeasurementSource::Reading(draft.readings.of(ReadingSource {
            instrument: match instrument {
                Named::Known(name, _) | Named::Broken(name) => name,
            },
            request: Measure {
                channel: number,
                function: function.value,
                range: range?,
                nplc: nplc?,
                choices: choices?,
                sampling: sampling?,
            },
            channel_name,
            poll: poll?,
            allow_autorange_in_series,
        })),
        kind: ValueKind::Number,
        unit: unit?,
        limit: limit.as_ref().map(|written| draft.limits.of(written.limit.clone())),
        place: table.span().clone(),
        places: MeasurementPlaces {
            instrument: instrument_place,
            function: function.span,
            range: place(if table.contains("range") {
                "range"
            } else {
                "range_exact"
            }),
            rare: sampling::places(table),
            limit: limit_place.clone(),
            low: limit
                .as_ref()
                .and_then(|written| written.low.clone())
                .unwrap_or_else(|| limit_place.clone()),
            high: limit
                .as_ref()
                .and_then(|written| written.high.clone())
                .unwrap_or_else(|| limit_place.clone()),
        },
    })
}

fn check_class(
    sink: &mut Diagnostics,
    label: &str,
    name: &LogicalName,
    need: &InstrumentNeed,
    function: &Spanned<Function>,
) {
    if !need.class.may_measure(function.value) {
        let message = format!(
            "{label}: {name} is of class {}, which does not measure {}",
            need.class, function.value
        );
        sink.error(&function.span, &message);
    }
}

/// A channel's number, `"@101"` or name; 1 where none is written.
pub(super) fn channel(sink: &mut Diagnostics, table: &Table<'_>) -> Option<Channel> {
    let Some(value) = table.value("channel") else {
        return Some(Channel::Number(1));
    };
    channel_of(sink, value, "channel")
}

/// A channel as one is written: its number, `"@101"` or name.
pub(super) fn channel_of(sink: &mut Diagnostics, value: Value<'_>, key: &str) -> Option<Channel> {
    if value.kind() == Written::String {
        let text = value.string(sink)?;
        let Some(number) = text.value.strip_prefix('@') else {
            if text.value.trim().is_empty() {
                sink.error(&text.span, "a channel's name is not empty");
                return None;
            }
            return Some(Channel::Name(text.value));
        };
        let number = number.parse().ok().filter(|channel| *channel > 0);
        if number.is_none() {
            sink.push(
                Diagnostic::error(&text.span, "behind `@` stands a channel's number").help("\"@101\", for example"),
            );
        }
        return number.map(Channel::Number);
    }
    let number = value.integer(sink)?;
    match u32::try_from(number.value) {
        Ok(channel) if channel > 0 => Some(Channel::Number(channel)),
        Ok(_) | Err(_) => {
            sink.error(&number.span, &format!("`{key}` is a number from 1"));
            None
        }
    }
}

/// `None` only where it is written and wrong.
fn nplc(sink: &mut Diagnostics, table: &Table<'_>) -> Option<Option<Decimal>> {
    let Some(value) = table.value("nplc") else {
        return Some(None);
    };
    let number = value.number(sink)?;
    let cycles = quantity::decimal(sink, &number.value, &number.span)?;
    if cycles <= Decimal::ZERO {
        sink.push(Diagnostic::error(&number.span, "`nplc` must be above 0").help("power-line cycles, such as 1 or 10"));
        return None;
    }
    Some(Some(cycles))
}

/// `None` only where one is written and wrong.
fn choices(sink: &mut Diagnostics, table: &Table<'_>) -> Option<Choices> {
    let autozero = match table.contains("autozero") {
        true => Some(table.bool(sink, "autozero")?.value),
        false => None,
    };
    let input_impedance = match table.contains("input_impedance") {
        true => {
            let word = table.string(sink, "input_impedance")?;
            Some(one_of(sink, "input_impedance", &word, InputImpedance::ALL)?)
        }
        false => None,
    };
    Some(Choices {
        autozero,
        input_impedance,
    })
}

fn unit(sink: &mut Diagnostics, table: &Table<'_>, function: Option<&Spanned<Function>>) -> Option<Unit> {
    let text = table.require_string(sink, "unit")?;
    // Without a function any unit is as good: its own mistakes come out all the same.
    let like = function
        .map(|function| function.value.unit())
        .or_else(|| text.value.parse().ok())?;
    let what = function.map_or_else(
        || "`unit`".to_owned(),
        |function| format!("`unit` of {}", function.value),
    );
    quantity::unit_like(sink, &what, &text.value, &text.span, like)
}
