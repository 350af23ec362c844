//! The settings of one function: range, integration, zero, impedance, filter, null.

use super::behaviour::Setting;
use super::configure::{nplc_for, range_bounds, range_value, resolution_bounds};
use super::definition::{DmmModel, FunctionModel, Habit};
use super::function::{FunctionState, Terminals};
use super::inputs::sensed;
use super::setup;
use super::state::Dmm;
use crate::{
    answer::whole,
    device::{Call, Outcome},
    parser::{Argument, Bounds, Dimension, is_form_of},
    status::{DATA_CORRUPT_OR_STALE, DATA_OUT_OF_RANGE, ILLEGAL_PARAMETER_VALUE, ScpiError, UNDEFINED_HEADER},
};

/// As `AVERage:TCONtrol` names them; the second is moving.
const FILTERS: &[(&str, bool)] = &[("REPeat", false), ("MOVing", true)];

/// As `INPutimpedance` names them; the second follows the range.
const IMPEDANCES: &[(&str, bool)] = &[("MOHM10", false), ("AUTO", true)];

/// The readings that a filter takes.
const FILTER_COUNTS: Bounds = Bounds {
    minimum: 1.0,
    maximum: 100.0,
    default: 10.0,
};

/// Changes or answers a setting.
pub(super) fn execute(
    dmm: &mut Dmm,
    model: &DmmModel,
    setting: Setting,
    call: &mut Call<'_>,
) -> Result<Outcome, ScpiError> {
    let function = model.functions.get(call.function).ok_or(UNDEFINED_HEADER)?;
    let number = call.function;
    // what all functions have in common is in a header without one
    let named = (!model.shared_settings.contains(&setting.group())).then_some(number);
    if call.query {
        let texts = setup::answers(dmm, model, named, call, |setup, call| {
            let state = setup.functions.get(number).ok_or(UNDEFINED_HEADER)?;
            answer(*state, model, function, setting, call)
        })?;
        return Ok(Outcome::Answer(texts));
    }
    let selected = dmm.in_force().function == number;
    let latest = dmm.last.filter(|last| selected && last.abs() < model.overrange);
    setup::change(dmm, model, named, call, |state, call| {
        change(state, model, function, setting, latest, call)
    })?;
    Ok(Outcome::Done)
}

fn change(
    state: &mut FunctionState,
    model: &DmmModel,
    function: &FunctionModel,
    setting: Setting,
    latest: Option<f64>,
    call: &mut Call<'_>,
) -> Result<(), ScpiError> {
    let (inputs, mains_hertz) = (call.around.inputs, call.around.mains_hertz);
    if setting == Setting::NullMeasure {
        call.arguments.end()?;
        state.null.value = sensed(function.senses, state.range_in(function), inputs).ok_or(DATA_CORRUPT_OR_STALE)?;
        return Ok(());
    }
    if setting == Setting::NullAcquire {
        call.arguments.end()?;
        state.null.value = latest.ok_or(DATA_CORRUPT_OR_STALE)? + if state.null.on { state.null.value } else { 0.0 };
        return Ok(());
    }
    let argument = call.arguments.required()?;
    call.arguments.end()?;
    match setting {
        Setting::Range => {
            state.range = range_value(function, &argument, false)?;
            state.autorange = false;
            state.terminals = Terminals::Usual;
        }
        Setting::RangeAuto => match switch(&argument)? {
            Some(on) => state.autorange = on,
            None => {
                state.autorange = false;
                let value = sensed(function.senses, state.range_in(function), inputs);
                state.range = state.suited(function, value.unwrap_or(f64::INFINITY));
            }
        },
        Setting::Nplc => {
            let cycles = argument.bounded(Dimension::None, &nplc_bounds(model, mains_hertz))?;
            let slow_enough = model.nplc.iter().position(|row| row.cycles >= cycles);
            state.integrate(model, slow_enough.ok_or(DATA_OUT_OF_RANGE)?);
            if model.has(Habit::AnyNplc) {
                state.cycles = cycles;
            }
        }
        Setting::Resolution => {
            let row = nplc_for(model, function, state, &argument)?;
            state.integrate(model, row);
        }
        Setting::Autozero => state.autozero = switch(&argument)?.unwrap_or(false),
        Setting::Impedance => state.high_impedance = argument.boolean()?,
        Setting::ImpedanceWord => state.high_impedance = argument.choice(IMPEDANCES)?,
        Setting::Bandwidth => {
            let hertz = argument.bounded(Dimension::Hertz, &bandwidth_bounds(model))?;
            let narrow_enough = model.bandwidths.iter().rposition(|row| row.hertz <= hertz);
            state.bandwidth = narrow_enough.ok_or(DATA_OUT_OF_RANGE)?;
        }
        Setting::Aperture if function.gate.is_none() => {
            let bounds = aperture_bounds(model, mains_hertz);
            let cycles = argument.bounded(Dimension::Seconds, &bounds)? * mains_hertz;
            let slow_enough = model.nplc.iter().position(|row| row.cycles >= cycles * (1.0 - 1e-9));
            state.integrate(model, slow_enough.ok_or(DATA_OUT_OF_RANGE)?);
            state.cycles = cycles;
        }
        Setting::Aperture => state.gate = gate_value(function, &argument)?,
        Setting::NullState => {
            state.null.on = argument.boolean()?;
            state.null.auto = state.null.on && !model.has(Habit::NullKeepsValue);
        }
        Setting::NullValue => {
            state.null.value = argument.bounded(function.senses.dimension(), &null_bounds(function))?;
            state.null.auto = false;
        }
        Setting::NullAuto => state.null.auto = argument.boolean()?,
        Setting::NullAcquire | Setting::NullMeasure => {}
        Setting::Digits => state.digits = argument.bounded(Dimension::None, &digit_bounds(model))?.round(),
        Setting::FilterState => state.filter.on = argument.boolean()?,
        Setting::FilterControl => state.filter.moving = argument.choice(FILTERS)?,
        Setting::FilterCount => {
            let count = whole(argument.bounded(Dimension::None, &FILTER_COUNTS)?);
            let count = count.and_then(|count| u32::try_from(count).ok());
            state.filter.count = count.ok_or(DATA_OUT_OF_RANGE)?;
        }
        Setting::Terminals => {
            state.terminals = match whole(argument.number(Dimension::None)?) {
                Some(3) => Terminals::Usual,
                Some(10) => Terminals::HighCurrent,
                Some(_) | None => return Err(DATA_OUT_OF_RANGE),
            }
        }
    }
    Ok(())
}

fn answer(
    state: FunctionState,
    model: &DmmModel,
    function: &FunctionModel,
    setting: Setting,
    call: &mut Call<'_>,
) -> Result<String, ScpiError> {
    match setting {
        Setting::Range if !function.range_words.is_empty() => {
            call.arguments.end()?;
            let word = function.range_words.get(state.range);
            Ok(word.cloned().unwrap_or_default())
        }
        Setting::Range => {
            let present = function.ranges.get(state.range).map_or(0.0, |range| range.full_scale);
            shown(call, &range_bounds(function, false), present)
        }
        Setting::Nplc => {
            let bounds = nplc_bounds(model, call.around.mains_hertz);
            shown(call, &bounds, state.cycles)
        }
        Setting::Digits => count(call, &digit_bounds(model), state.digits),
        Setting::FilterCount => count(call, &FILTER_COUNTS, state.filter.count.into()),
        Setting::FilterState => flag(call, state.filter.on),
        Setting::FilterControl => {
            call.arguments.end()?;
            Ok(if state.filter.moving { "MOV" } else { "REP" }.to_owned())
        }
        Setting::NullAcquire | Setting::NullMeasure => Err(UNDEFINED_HEADER),
        Setting::Resolution => {
            let full_scale = state.range_in(function).map_or(1.0, |range| range.full_scale);
            let present = model
                .nplc
                .get(state.nplc)
                .map_or(0.0, |row| row.resolution * full_scale);
            shown(call, &resolution_bounds(model, function, &state), present)
        }
        Setting::Bandwidth => {
            let present = model.bandwidths.get(state.bandwidth).map_or(0.0, |row| row.hertz);
            shown(call, &bandwidth_bounds(model), present)
        }
        Setting::Aperture if function.gate.is_none() => {
            let mains_hertz = call.around.mains_hertz;
            let bounds = aperture_bounds(model, mains_hertz);
            shown(call, &bounds, state.cycles / mains_hertz)
        }
        Setting::Aperture => shown(call, &gate_bounds(function), state.gate),
        Setting::NullValue => shown(call, &null_bounds(function), state.null.value),
        Setting::RangeAuto => flag(call, state.autorange),
        Setting::Autozero => flag(call, state.autozero),
        Setting::Impedance => flag(call, state.high_impedance),
        Setting::ImpedanceWord => {
            call.arguments.end()?;
            let name = IMPEDANCES.iter().find(|(_, high)| *high == state.high_impedance);
            Ok(name.map_or_else(String::new, |(name, _)| (*name).to_owned()))
        }
        Setting::NullState => flag(call, state.null.on),
        Setting::NullAuto => flag(call, state.null.auto),
        Setting::Terminals => {
            call.arguments.end()?;
            Ok(call.numbers.integer(match state.terminals {
                Terminals::Usual => 3,
                Terminals::HighCurrent => 10,
            }))
        }
    }
}

fn flag(call: &Call<'_>, value: bool) -> Result<String, ScpiError> {
    call.arguments.end()?;
    Ok(call.numbers.flag(value))
}

/// As `shown`, as an answer of its own.
pub(super) fn number(call: &mut Call<'_>, bounds: &Bounds, present: f64) -> Result<Outcome, ScpiError> {
    shown(call, bounds, present).map(Outcome::Answer)
}

/// A number that a query answers: the bound that its argument names, or the present one.
fn shown(call: &mut Call<'_>, bounds: &Bounds, present: f64) -> Result<String, ScpiError> {
    let value = match call.arguments.optional() {
        Some(argument) => bounds.named(argument.word()?).ok_or(ILLEGAL_PARAMETER_VALUE)?,
        None => present,
    };
    call.arguments.end()?;
    Ok(call.numbers.setting(value))
}

/// `ON`, `OFF` or `ONCE`; the last is nothing.
fn switch(argument: &Argument<'_>) -> Result<Option<bool>, ScpiError> {
    match argument {
        Argument::Word(word) if is_form_of("ONCE", word) => Ok(None),
        Argument::Word(_) | Argument::Number(_) | Argument::Integer(_) | Argument::Text(_) => {
            argument.boolean().map(Some)
        }
        Argument::Expression(_) | Argument::Block(_) => argument.boolean().map(Some),
    }
}

/// A whole number that a query answers.
fn count(call: &mut Call<'_>, bounds: &Bounds, present: f64) -> Result<String, ScpiError> {
    let value = match call.arguments.optional() {
        Some(argument) => bounds.named(argument.word()?).ok_or(ILLEGAL_PARAMETER_VALUE)?,
        None => present,
    };
    call.arguments.end()?;
    let value = whole(value).and_then(|value| i64::try_from(value).ok());
    Ok(call.numbers.integer(value.unwrap_or_default()))
}

fn digit_bounds(model: &DmmModel) -> Bounds {
    let digits = model.digits;
    Bounds {
        minimum: digits.map_or(0.0, |digits| digits.least),
        maximum: digits.map_or(0.0, |digits| digits.most),
        default: digits.map_or(0.0, |digits| digits.most),
    }
}

fn nplc_bounds(model: &DmmModel, mains_hertz: f64) -> Bounds {
    let cycles = |row: Option<&super::definition::Integration>| row.map_or(0.0, |row| row.cycles);
    Bounds {
        minimum: cycles(model.nplc.first()),
        maximum: model
            .nplc_at_50_hertz
            .filter(|_| mains_hertz < 55.0)
            .unwrap_or_else(|| cycles(model.nplc.last())),
        default: cycles(model.nplc.get(model.default_nplc)),
    }
}

fn bandwidth_bounds(model: &DmmModel) -> Bounds {
    let hertz = |row: Option<&super::definition::Bandwidth>| row.map_or(0.0, |row| row.hertz);
    Bounds {
        minimum: hertz(model.bandwidths.first()),
        maximum: hertz(model.bandwidths.last()),
        default: hertz(model.bandwidths.get(model.default_bandwidth)),
    }
}

/// Integration times in seconds.
fn aperture_bounds(model: &DmmModel, mains_hertz: f64) -> Bounds {
    let cycles = nplc_bounds(model, mains_hertz);
    Bounds {
        minimum: cycles.minimum / mains_hertz,
        maximum: cycles.maximum / mains_hertz,
        default: cycles.default / mains_hertz,
    }
}

fn gate_bounds(function: &FunctionModel) -> Bounds {
    let gate = function.gate.as_ref();
    Bounds {
        minimum: gate.map_or(0.0, |gate| gate.least),
        maximum: gate.map_or(0.0, |gate| gate.largest),
        default: gate.map_or(0.0, |gate| gate.default),
    }
}

/// The gate time that is asked for, or the next longer one that there is.
fn gate_value(function: &FunctionModel, argument: &Argument<'_>) -> Result<f64, ScpiError> {
    let wanted = argument.bounded(Dimension::Seconds, &gate_bounds(function))?;
    let steps = function.gate.as_ref().map_or(&[][..], |gate| &gate.steps);
    Ok(steps.iter().copied().find(|step| *step >= wanted).unwrap_or(wanted))
}

/// As far as the largest reading.
fn null_bounds(function: &FunctionModel) -> Bounds {
    let largest = function.ranges.last().map_or(f64::MAX, |range| range.maximum);
    Bounds {
        minimum: -largest,
        maximum: largest,
        default: 0.0,
    }
}
