//! `set = { ... }`: what a step changes on an instrument.

use super::draft::{Draft, Named, Section, Switching};
use super::vocabulary::SET;
use super::{measurement, quantity, switching};
use crate::model::{Expectation, LogicalName, SetPlaces};
use benchtop_instrument::{BaseUnit, Class, OutputSetting, Quantity, Regulation, Setting, Unit};
use benchtop_notation::{Diagnostic, Diagnostics, Span, Spanned, Table, Value, one_of};
use std::time::Duration;

/// What there is to set; one of them must be written.
const SETTINGS: &[&str] = &[
    "voltage_level",
    "current_limit",
    "ovp_level",
    "ocp_enabled",
    "output_enabled",
];

pub(super) fn set(
    draft: &mut Draft,
    value: Value<'_>,
    section: Section,
    step: &str,
) -> Option<(LogicalName, Setting, Option<Expectation>, SetPlaces)> {
    let table = SET.open(&mut draft.sink, value)?;
    let instrument = draft.instrument(step, &table);
    if let Some((Named::Known(name, need), place)) = &instrument {
        match need.class {
            Class::DcPower => {}
            Class::Switch => {
                let (name, setting, places) = switching::set(draft, &table, value, step, name.clone(), place.clone())?;
                return Some((name, setting, None, places));
            }
            Class::Dmm | Class::Console => {
                let message = format!("{step}: {name} is of class {}, which has nothing to set", need.class);
                draft.sink.error(place, &message);
            }
        }
    }
    let sink = &mut draft.sink;
    for key in switching::KEYS {
        if let Some(value) = table.value(key) {
            sink.error(value.span(), &format!("{step}: only a switch takes `{key}`"));
        }
    }
    let channel = measurement::channel(sink, &table);
    let voltage_level = level(sink, &table, "voltage_level", BaseUnit::Volt);
    let current_limit = level(sink, &table, "current_limit", BaseUnit::Ampere);
    let ovp_level = level(sink, &table, "ovp_level", BaseUnit::Volt);
    let ocp_enabled = table.bool(sink, "ocp_enabled").map(|on| on.value);
    let output_enabled = table.bool(sink, "output_enabled").map(|on| on.value);
    let hot = table.bool(sink, "hot").is_some_and(|hot| hot.value);
    if !SETTINGS.iter().any(|key| table.contains(key)) {
        let message = format!("{step} sets nothing");
        let help = format!("it needs one of `{}`", SETTINGS.join("`, `"));
        sink.push(Diagnostic::error(value.span(), &message).help(&help));
    }
    let expects = expectation(sink, &table, step, output_enabled);
    check_protection(sink, step, &voltage_level, &ovp_level);
    let name = instrument.as_ref().map(|(named, _)| match named {
        Named::Known(name, _) | Named::Broken(name) => name.clone(),
    });
    draft.switchings.push(Switching {
        section,
        is_fixture: draft.is_fixture,
        is_conditional: draft.conditions > 0,
        step: step.to_owned(),
        instrument: name.clone(),
        channel: channel.clone(),
        output_enabled,
        has_voltage: table.contains("voltage_level"),
        has_current: table.contains("current_limit"),
        place: table
            .value("output_enabled")
            .map_or(value.span(), |on| on.span())
            .clone(),
    });
    let places = SetPlaces {
        instrument: instrument.map(|(_, place)| place),
        channel: place(&table, "channel"),
        channel_name: None,
        voltage_level: place(&table, "voltage_level"),
        current_limit: place(&table, "current_limit"),
        ovp_level: place(&table, "ovp_level"),
        ocp_enabled: place(&table, "ocp_enabled"),
        expect_regulation: place(&table, "expect_regulation"),
        close: Vec::new(),
        open: Vec::new(),
    };
    draft.has_limit |= table.contains("expect_regulation");
    let (number, channel_name) = channel?.into_parts();
    let setting = OutputSetting {
        channel: number,
        voltage_level: voltage_level?.map(|level| level.value),
        current_limit: current_limit?.map(|level| level.value),
        ovp_level: ovp_level?.map(|level| level.value),
        ocp_enabled,
        output_enabled,
        hot,
    };
    let places = SetPlaces { channel_name, ..places };
    Some((name?, Setting::Output(setting), expects?, places))
}

/// `None` only where it is written and wrong.
fn expectation(
    sink: &mut Diagnostics,
    table: &Table<'_>,
    step: &str,
    output_enabled: Option<bool>,
) -> Option<Option<Expectation>> {
    let settle = match table.magnitude(sink, "settle") {
        Some(settle) => Some(quantity::duration(sink, "`settle`", &settle, true)?),
        None if table.contains("settle") => return None,
        None => None,
    };
    let Some(value) = table.value("expect_regulation") else {
        let Some(settle) = settle else { return Some(None) };
        let message =
            format!("{step}: `settle` is how long the regulation is watched; there is no `expect_regulation`");
        sink.error(&settle.span, &message);
        return None;
    };
    let word = table.string(sink, "expect_regulation")?;
    let regulation = one_of(sink, "expect_regulation", &word, Regulation::ALL)?;
    if output_enabled != Some(true) {
        let message = format!("{step}: only an output that is turned on has a regulation");
        let help = "write `output_enabled = true` with it";
        sink.push(Diagnostic::error(value.span(), &message).help(help));
        return None;
    }
    let limits = regulation == Regulation::Current;
    if limits && table.bool(sink, "ocp_enabled").is_some_and(|on| on.value) {
        let message = format!("{step}: an over-current protection takes an output off that limits its current");
        let help = "leave `ocp_enabled` off, or expect \"cv\"";
        sink.push(Diagnostic::error(value.span(), &message).help(help));
        return None;
    }
    let settle = settle.map_or(Duration::ZERO, |settle| settle.value);
    Some(Some(Expectation { regulation, settle }))
}

fn place(table: &Table<'_>, key: &str) -> Option<Span> {
    table.value(key).map(|value| value.span().clone())
}

/// `None` only where it is written and wrong.
fn level(sink: &mut Diagnostics, table: &Table<'_>, key: &str, base: BaseUnit) -> Option<Option<Spanned<Quantity>>> {
    let Some(value) = table.value(key) else {
        return Some(None);
    };
    let magnitude = value.magnitude(sink)?;
    let quantity = quantity::quantity(sink, &format!("`{key}`"), &magnitude, Unit::of(base))?;
    Some(Some(Spanned::new(quantity, magnitude.span)))
}

/// A level at or above its own protection trips as soon as the output is on.
fn check_protection(
    sink: &mut Diagnostics,
    step: &str,
    voltage_level: &Option<Option<Spanned<Quantity>>>,
    ovp_level: &Option<Option<Spanned<Quantity>>>,
) {
    let (Some(Some(voltage)), Some(Some(ovp))) = (voltage_level, ovp_level) else {
        return;
    };
    if voltage.value.compare(ovp.value).is_some_and(std::cmp::Ordering::is_ge) {
        let message = format!(
            "{step}: ovp_level {} must be above voltage_level {}",
            ovp.value, voltage.value
        );
        sink.error(&ovp.span, &message);
    }
}
