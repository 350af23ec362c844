//! Every command of a supply.
//!
//! Arguments are read to their end before anything changes: a command in error does nothing.

use super::definition::{Addressing, Behaviour, ChannelModel, DcPowerModel, Level, Summary};
use super::elements;
use super::state::{Channel, DcPower, Output, Regulation, Tripped};
use crate::{
    answer::{quoted, whole},
    device::{Call, Outcome, Suffix, Wait},
    parser::{Argument, Bounds, Dimension, is_form_of},
    status::{DATA_OUT_OF_RANGE, HEADER_SUFFIX_OUT_OF_RANGE, ILLEGAL_PARAMETER_VALUE, MISSING_PARAMETER, ScpiError},
};

/// Carries out one command.
pub(crate) fn execute(
    supply: &mut DcPower,
    model: &DcPowerModel,
    behaviour: Behaviour,
    call: &mut Call<'_>,
) -> Result<Outcome, ScpiError> {
    match behaviour {
        Behaviour::Level(level) if call.query => level_query(supply, model, level, call),
        Behaviour::Level(level) => set_level(supply, model, level, call),
        Behaviour::Output if call.query => flags(supply, model, call, |channel| channel.enabled),
        Behaviour::Output => {
            let (channels, on) = switch_arguments(supply, model, call)?;
            channels.into_iter().for_each(|place| supply.switch(place, on));
            Ok(Outcome::Done)
        }
        Behaviour::OutputOfAll => output_of_all(supply, call),
        Behaviour::StatusWord => status_word(supply, call),
        Behaviour::OcpState if call.query => flags(supply, model, call, |channel| channel.ocp),
        Behaviour::OcpState => {
            let (channels, on) = switch_arguments(supply, model, call)?;
            Ok(each(supply, &channels, |channel| channel.ocp = on))
        }
        Behaviour::OvpState if call.query => flags(supply, model, call, |channel| channel.ovp_on),
        Behaviour::OvpState => {
            let (channels, on) = switch_arguments(supply, model, call)?;
            Ok(each(supply, &channels, |channel| channel.ovp_on = on))
        }
        Behaviour::OvpAlarm => alarms(supply, model, call, |channel| channel.tripped.ovp),
        Behaviour::OcpAlarm => alarms(supply, model, call, |channel| channel.tripped.ocp),
        Behaviour::Regulation => regulation(supply, model, call),
        Behaviour::OvpTripped => flags(supply, model, call, |channel| channel.tripped.ovp),
        Behaviour::OcpTripped => flags(supply, model, call, |channel| channel.tripped.ocp),
        Behaviour::OvpClear => clear(supply, model, call, |channel| channel.tripped.ovp = false),
        Behaviour::OcpClear => clear(supply, model, call, |channel| channel.tripped.ocp = false),
        Behaviour::ProtectionClear => clear(supply, model, call, |channel| {
            channel.tripped = Tripped::default();
        }),
        Behaviour::MeasureVoltage => measure(supply, model, call, |output| output.volts, |model| model.voltage_step),
        Behaviour::MeasureCurrent => measure(supply, model, call, |output| output.amperes, |model| model.current_step),
        Behaviour::MeasureElements => elements::measure(supply, model, call),
        Behaviour::Elements => elements::choose(supply, call),
        Behaviour::Select => select(supply, model, call),
        Behaviour::SelectNumber => select_number(supply, model, call),
        Behaviour::Apply => apply(supply, model, call),
        Behaviour::Summary(part) => summary(supply, model, part, call),
    }
}

/// The places of the channels that a command is for: of the number in its header, of the list or the name among its
/// arguments, or of the selected one.
pub(crate) fn channels(supply: &DcPower, model: &DcPowerModel, call: &mut Call<'_>) -> Result<Vec<usize>, ScpiError> {
    let selected = vec![supply.selected];
    match (call.suffix, model.addressing) {
        (Suffix::Sent(number), _) => place_of(model, number).map(|place| vec![place]),
        (Suffix::Omitted, _) => Ok(selected),
        (Suffix::NoPlace, Addressing::List) => {
            let list = call.arguments.channels(model.last_channel())?;
            let places = |list: Vec<u32>| list.into_iter().map(|channel| place_of(model, channel)).collect();
            list.map_or(Ok(selected), places)
        }
        (Suffix::NoPlace, Addressing::Name) => match call.arguments.first().map(|argument| named(model, argument)) {
            Some(Ok(place)) => {
                call.arguments.optional();
                Ok(vec![place])
            }
            Some(Err(_)) | None => Ok(selected),
        },
    }
}

/// The place of the channel with this number in a header.
fn place_of(model: &DcPowerModel, number: u32) -> Result<usize, ScpiError> {
    let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    place
        .filter(|place| *place < model.channels.len())
        .ok_or(HEADER_SUFFIX_OUT_OF_RANGE)
}

fn each(supply: &mut DcPower, channels: &[usize], change: impl Fn(&mut Channel)) -> Outcome {
    for place in channels {
        if let Some(channel) = supply.channels.get_mut(*place) {
            change(channel);
        }
    }
    Outcome::Done
}

fn clear(
    supply: &mut DcPower,
    model: &DcPowerModel,
    call: &mut Call<'_>,
    change: impl Fn(&mut Channel),
) -> Result<Outcome, ScpiError> {
    let channels = channels(supply, model, call)?;
    call.arguments.end()?;
    Ok(each(supply, &channels, change))
}

fn switch_arguments(
    supply: &DcPower,
    model: &DcPowerModel,
    call: &mut Call<'_>,
) -> Result<(Vec<usize>, bool), ScpiError> {
    let channels = channels(supply, model, call)?;
    let on = call.arguments.required()?.boolean()?;
    call.arguments.end()?;
    Ok((channels, on))
}

fn output_of_all(supply: &mut DcPower, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
    if call.query {
        call.arguments.end()?;
        let on = supply.channels.iter().any(|channel| channel.enabled);
        return Ok(Outcome::Answer(call.numbers.flag(on)));
    }
    let on = call.arguments.required()?.boolean()?;
    call.arguments.end()?;
    (0..supply.channels.len()).for_each(|place| supply.switch(place, on));
    Ok(Outcome::Done)
}

/// Bit 0 and 1: constant current; 2 and 3: independent outputs, always; 4 and 5: on.
fn status_word(supply: &DcPower, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
    call.arguments.end()?;
    let mut word = 0b0100_u32;
    for (place, channel) in supply.channels.iter().take(2).enumerate() {
        let regulation = call.around.outputs.get(place).map(|output| output.regulation);
        word |= u32::from(regulation == Some(Regulation::Current)) << place;
        word |= u32::from(channel.enabled) << (4 + place);
    }
    Ok(Outcome::Answer(format!("0x{word:x}")))
}

/// One answer for each channel of the list.
fn answers(channels: &[usize], mut answer: impl FnMut(usize) -> Option<String>) -> Outcome {
    let texts: Vec<String> = channels.iter().filter_map(|place| answer(*place)).collect();
    Outcome::Answer(texts.join(","))
}

fn flags(
    supply: &DcPower,
    model: &DcPowerModel,
    call: &mut Call<'_>,
    flag: impl Fn(&Channel) -> bool,
) -> Result<Outcome, ScpiError> {
    let channels = channels(supply, model, call)?;
    call.arguments.end()?;
    let numbers = call.numbers;
    Ok(answers(&channels, |place| {
        supply.channels.get(place).map(|channel| numbers.flag(flag(channel)))
    }))
}

/// As `flags`, with `YES` or `NO`.
fn alarms(
    supply: &DcPower,
    model: &DcPowerModel,
    call: &mut Call<'_>,
    flag: impl Fn(&Channel) -> bool,
) -> Result<Outcome, ScpiError> {
    let channels = channels(supply, model, call)?;
    call.arguments.end()?;
    Ok(answers(&channels, |place| {
        let channel = supply.channels.get(place)?;
        Some(if flag(channel) { "YES" } else { "NO" }.to_owned())
    }))
}

/// `CV` or `CC`; an output that is off would hold its voltage.
fn regulation(supply: &DcPower, model: &DcPowerModel, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
    let channels = channels(supply, model, call)?;
    call.arguments.end()?;
    Ok(answers(&channels, |place| {
        let output = call.around.outputs.get(place)?;
        Some(match output.regulation {
            Regulation::Current => "CC".to_owned(),
            Regulation::Off | Regulation::Voltage => "CV".to_owned(),
        })
    }))
}

const fn bounds(model: &ChannelModel, level: Level) -> &Bounds {
    match level {
        Level::Voltage => &model.voltage,
        Level::Current => &model.current,
        Level::Ovp => &model.ovp,
    }
}

const fn dimension(level: Level) -> Dimension {
    match level {
        Level::Voltage | Level::Ovp => Dimension::Volts,
        Level::Current => Dimension::Amperes,
    }
}

const fn level_of(channel: &mut Channel, level: Level) -> &mut f64 {
    match level {
        Level::Voltage => &mut channel.voltage,
        Level::Current => &mut channel.current,
        Level::Ovp => &mut channel.ovp,
    }
}

fn set_level(
    supply: &mut DcPower,
    model: &DcPowerModel,
    level: Level,
    call: &mut Call<'_>,
) -> Result<Outcome, ScpiError> {
    let channels = channels(supply, model, call)?;
    let argument = call.arguments.required()?;
    call.arguments.end()?;
    let mut values = Vec::new();
    for place in channels {
        let model = model.channels.get(place).ok_or(DATA_OUT_OF_RANGE)?;
        values.push((place, argument.bounded(dimension(level), bounds(model, level))?));
    }
    for (place, value) in values {
        if let Some(channel) = supply.channels.get_mut(place) {
            *level_of(channel, level) = value;
        }
    }
    Ok(Outcome::Done)
}

fn level_query(
    supply: &DcPower,
    model: &DcPowerModel,
    level: Level,
    call: &mut Call<'_>,
) -> Result<Outcome, ScpiError> {
    let channels = channels(supply, model, call)?;
    let bound = call.arguments.optional();
    call.arguments.end()?;
    let mut texts = Vec::new();
    for place in channels {
        let model = model.channels.get(place).ok_or(DATA_OUT_OF_RANGE)?;
        let mut channel = *supply.channels.get(place).ok_or(DATA_OUT_OF_RANGE)?;
        let value = match &bound {
            Some(word) => bounds(model, level)
                .named(word.word()?)
                .ok_or(ILLEGAL_PARAMETER_VALUE)?,
            None => *level_of(&mut channel, level),
        };
        texts.push(call.numbers.setting(value));
    }
    Ok(Outcome::Answer(texts.join(",")))
}

fn measure(
    supply: &mut DcPower,
    model: &DcPowerModel,
    call: &mut Call<'_>,
    value: impl Fn(&Output) -> f64,
    step: impl Fn(&ChannelModel) -> f64,
) -> Result<Outcome, ScpiError> {
    let channels = channels(supply, model, call)?;
    call.arguments.end()?;
    let done = call.started.after(model.measuring_time);
    if call.now < done {
        return Ok(Outcome::Pending(Wait::Until(done)));
    }
    let (numbers, around) = (call.numbers, &call.around);
    Ok(answers(&channels, |place| {
        let (output, model) = (around.outputs.get(place)?, model.channels.get(place)?);
        Some(numbers.reading(supply.measured(value(output), step(model))))
    }))
}

/// The place of the channel with this name.
fn named(model: &DcPowerModel, argument: &Argument<'_>) -> Result<usize, ScpiError> {
    let word = argument.word()?;
    let mut channels = model.channels.iter();
    let found = channels.position(|channel| channel.names.iter().any(|name| is_form_of(name, word)));
    found.ok_or(ILLEGAL_PARAMETER_VALUE)
}

fn name_of(model: &DcPowerModel, place: usize) -> String {
    let names = model.channels.get(place).and_then(|channel| channel.names.first());
    names.cloned().unwrap_or_default()
}

fn select(supply: &mut DcPower, model: &DcPowerModel, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
    if call.query {
        call.arguments.end()?;
        return Ok(Outcome::Answer(name_of(model, supply.selected)));
    }
    let argument = call.arguments.required()?;
    call.arguments.end()?;
    supply.selected = named(model, &argument)?;
    Ok(Outcome::Done)
}

fn select_number(supply: &mut DcPower, model: &DcPowerModel, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
    let bounds = Bounds {
        minimum: 1.0,
        maximum: f64::from(model.last_channel()),
        default: 1.0,
    };
    if call.query {
        call.arguments.end()?;
        let number = i64::try_from(supply.selected + 1).unwrap_or(i64::MAX);
        return Ok(Outcome::Answer(call.numbers.integer(number)));
    }
    let number = call.arguments.required()?.bounded(Dimension::None, &bounds)?;
    call.arguments.end()?;
    let place = whole(number).and_then(|number| usize::try_from(number).ok());
    supply.selected = place
        .and_then(|number| number.checked_sub(1))
        .ok_or(DATA_OUT_OF_RANGE)?;
    Ok(Outcome::Done)
}

/// `APPLy <channel>[,<volts>[,<amperes>]]`, which also selects the channel; without one, where channels have names only,
/// it is for the selected one.
fn apply(supply: &mut DcPower, model: &DcPowerModel, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
    let implied = model.addressing == Addressing::Name;
    if call.query {
        let place = match call.arguments.optional() {
            Some(argument) => named(model, &argument)?,
            None => supply.selected,
        };
        call.arguments.end()?;
        let channel = supply.channels.get(place).ok_or(DATA_OUT_OF_RANGE)?;
        let (volts, amperes) = (
            call.numbers.setting(channel.voltage),
            call.numbers.setting(channel.current),
        );
        let rating = model.channels.get(place).and_then(|channel| channel.rating.as_ref());
        return Ok(Outcome::Answer(match rating {
            Some(rating) => format!("{}:{rating},{volts},{amperes}", name_of(model, place)),
            None => quoted(&format!("{volts},{amperes}")),
        }));
    }
    let first = call.arguments.first().ok_or(MISSING_PARAMETER)?;
    let place = match named(model, first) {
        Ok(place) => {
            call.arguments.optional();
            place
        }
        Err(_) if implied => supply.selected,
        Err(error) => return Err(error),
    };
    let channel_model = model.channels.get(place).ok_or(DATA_OUT_OF_RANGE)?;
    let volts = call.arguments.optional();
    let volts = volts
        .map(|volts| volts.bounded(Dimension::Volts, &channel_model.voltage))
        .transpose()?;
    let amperes = call.arguments.optional();
    let amperes = amperes
        .map(|amperes| amperes.bounded(Dimension::Amperes, &channel_model.current))
        .transpose()?;
    call.arguments.end()?;
    supply.selected = place;
    Ok(each(supply, &[place], |channel| {
        channel.voltage = volts.unwrap_or(channel.voltage);
        channel.current = amperes.unwrap_or(channel.current);
    }))
}

/// `STATus:QUEStionable:INSTrument:ISUMmary<n>`.
fn summary(
    supply: &mut DcPower,
    model: &DcPowerModel,
    part: Summary,
    call: &mut Call<'_>,
) -> Result<Outcome, ScpiError> {
    // without a number it is the first, or the selected one
    let place = match (call.suffix, model.addressing) {
        (Suffix::Sent(number), _) => place_of(model, number)?,
        (Suffix::NoPlace | Suffix::Omitted, Addressing::Name) => supply.selected,
        (Suffix::NoPlace | Suffix::Omitted, Addressing::List) => 0,
    };
    let channel = supply.channels.get_mut(place).ok_or(HEADER_SUFFIX_OUT_OF_RANGE)?;
    if !call.query {
        let mask = call.arguments.required()?;
        call.arguments.end()?;
        channel.summary.enable = crate::device::mask(&mask)?;
        return Ok(Outcome::Done);
    }
    call.arguments.end()?;
    let value = match part {
        Summary::Condition => channel.summary.condition(),
        Summary::Events => channel.summary.take_events(),
        Summary::Enable => channel.summary.enable,
    };
    Ok(Outcome::Answer(call.numbers.integer(i64::from(value))))
}
