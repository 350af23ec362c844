//! Every command of a multimeter.
//!
//! Arguments are read to their end before anything changes: a command in error does nothing.

use super::behaviour::Behaviour;
use super::configure::{configuration, configure};
use super::definition::{DmmModel, Habit, WhileMeasuring};
use super::scanner::{ChannelSettings, addressed};
use super::state::{Dmm, TriggerSource};
use super::{buffered, buffers, format, math, program, scanner, settings, setup, trace, triggering};
use crate::{
    answer::{Numbers, block, quoted},
    device::{Call, Outcome, Suffix},
    parser::{Path, is_form_of},
    status::{
        DATA_CORRUPT_OR_STALE, DATA_OUT_OF_RANGE, HEADER_SUFFIX_OUT_OF_RANGE, ILLEGAL_PARAMETER_VALUE, INIT_IGNORED,
        INSUFFICIENT_MEMORY, MEASURING, SETTINGS_CONFLICT, ScpiError, Status, TRIGGER_DEADLOCK, TRIGGER_IGNORED,
    },
};

/// `*RST`.
pub(crate) fn reset(dmm: &mut Dmm, model: &DmmModel, status: &mut Status) {
    dmm.reset(model);
    dmm.tell(model, status);
}

/// `SYSTem:PRESet`.
pub(crate) fn preset(dmm: &mut Dmm, model: &DmmModel, status: &mut Status) {
    reset(dmm, model, status);
    dmm.continuous = model.has(Habit::Continuous);
}

/// As after power-on.
pub(crate) fn power_on(dmm: &mut Dmm, model: &DmmModel, status: &mut Status) {
    dmm.power_on(model);
    dmm.tell(model, status);
}

/// `ABORt` and device clear.
pub(crate) fn abort(dmm: &mut Dmm, model: &DmmModel, status: &mut Status) {
    dmm.acquisition = None;
    dmm.program.stop();
    dmm.tell(model, status);
}

/// Carries out one command.
pub(crate) fn execute(
    dmm: &mut Dmm,
    model: &DmmModel,
    behaviour: Behaviour,
    call: &mut Call<'_>,
    status: &mut Status,
) -> Result<Outcome, ScpiError> {
    // there is one input, `SENSe1`
    match call.suffix {
        Suffix::NoPlace | Suffix::Omitted | Suffix::Sent(1) => {}
        Suffix::Sent(_) => return Err(HEADER_SUFFIX_OUT_OF_RANGE),
    }
    let outcome = carry_out(dmm, model, behaviour, call, status);
    dmm.tell(model, status);
    outcome
}

fn carry_out(
    dmm: &mut Dmm,
    model: &DmmModel,
    behaviour: Behaviour,
    call: &mut Call<'_>,
    status: &mut Status,
) -> Result<Outcome, ScpiError> {
    let on_buffers = matches!(behaviour, Behaviour::Buffer(_));
    let measures = matches!(behaviour, Behaviour::Measure | Behaviour::MeasureAsSet);
    let changes_the_measurement = !call.query && !on_buffers || measures;
    let commands_the_trigger = matches!(
        behaviour,
        Behaviour::Initiate | Behaviour::Abort | Behaviour::Trigger | Behaviour::Signal
    );
    let busy = changes_the_measurement && !commands_the_trigger && !call.resumed && dmm.acquisition.is_some();
    if busy && model.while_measuring == WhileMeasuring::Refused {
        return Err(MEASURING);
    }
    match behaviour {
        Behaviour::Configure => {
            configure(dmm, model, call)?;
            Ok(Outcome::Done)
        }
        Behaviour::Measure => {
            if !call.resumed {
                configure(dmm, model, call)?;
            }
            read(dmm, model, call)
        }
        Behaviour::Configuration => {
            let texts = setup::answers(dmm, model, None, call, |setup, call| {
                call.arguments.end()?;
                Ok(configuration(setup, model, call.numbers))
            })?;
            Ok(Outcome::Answer(texts))
        }
        Behaviour::Read | Behaviour::Fetch if model.has(Habit::Buffers) => {
            buffered::execute(dmm, model, behaviour, call)
        }
        Behaviour::MeasureAsSet | Behaviour::AutozeroOnce => buffered::execute(dmm, model, behaviour, call),
        Behaviour::Program => program::load(dmm, model, call),
        Behaviour::ProgramBlock(kind) => program::block(dmm, model, kind, call),
        Behaviour::ProgramState => {
            call.arguments.end()?;
            Ok(Outcome::Answer(dmm.program.state()))
        }
        Behaviour::Buffer(command) => buffers::execute(dmm, model, command, call),
        Behaviour::Read => {
            call.arguments.end()?;
            read(dmm, model, call)
        }
        Behaviour::Fetch => {
            call.arguments.end()?;
            fetch(dmm, model, call)
        }
        Behaviour::Initiate => {
            call.arguments.end()?;
            if dmm.program.is_empty() {
                initiate(dmm, model, true, call)?;
                return Ok(Outcome::Done);
            }
            if dmm.program.is_running() || dmm.acquisition.is_some() {
                return Err(INIT_IGNORED);
            }
            dmm.program.begin();
            dmm.planned = dmm.next_measurement()?;
            if dmm.planned.is_some() {
                dmm.start(model, true, call.around.inputs, call.around.mains_hertz, call.now);
            }
            Ok(Outcome::Done)
        }
        Behaviour::Abort => {
            call.arguments.end()?;
            abort(dmm, model, status);
            Ok(Outcome::Done)
        }
        Behaviour::Trigger | Behaviour::Signal => {
            call.arguments.end()?;
            let (inputs, mains_hertz) = (call.around.inputs, call.around.mains_hertz);
            if !dmm.program.is_empty() {
                // the command event: whatever loops until it comes ends
                abort(dmm, model, status);
                return Ok(Outcome::Done);
            }
            let heard = dmm.triggered(behaviour == Behaviour::Signal, model, inputs, mains_hertz, call.now);
            heard.then_some(Outcome::Done).ok_or(TRIGGER_IGNORED)
        }
        Behaviour::Function => function(dmm, model, call),
        Behaviour::RangeShown => range_shown(dmm, model, call),
        Behaviour::Continuous => {
            if call.query {
                call.arguments.end()?;
                return Ok(Outcome::Answer(call.numbers.flag(dmm.continuous)));
            }
            let argument = call.arguments.required()?;
            call.arguments.end()?;
            let on = argument.boolean()?;
            if on != dmm.continuous {
                dmm.acquisition = None;
            }
            dmm.continuous = on;
            Ok(Outcome::Done)
        }
        Behaviour::Latest => {
            call.arguments.end()?;
            match dmm.last {
                Some(last) => Ok(written(dmm, model, &[last], call.numbers)),
                None if dmm.continuous => dmm.next().map(Outcome::Pending).ok_or(DATA_CORRUPT_OR_STALE),
                None => Err(DATA_CORRUPT_OR_STALE),
            }
        }
        Behaviour::Fresh => {
            call.arguments.end()?;
            match (dmm.last, dmm.next()) {
                (Some(last), _) if std::mem::take(&mut dmm.fresh) => Ok(written(dmm, model, &[last], call.numbers)),
                (_, Some(wait)) => Ok(Outcome::Pending(wait)),
                (_, None) => Err(DATA_CORRUPT_OR_STALE),
            }
        }
        Behaviour::Format(command) => format::execute(dmm, model, command, call),
        Behaviour::Trace(command) => trace::execute(dmm, model, command, call),
        Behaviour::Feed => feed(dmm, call),
        Behaviour::Math(command) => math::execute(dmm, model, command, call),
        Behaviour::Setting(setting) => {
            let outcome = settings::execute(dmm, model, setting, call)?;
            forget_readings(dmm, call);
            restart(dmm, model, call);
            Ok(outcome)
        }
        Behaviour::Triggering(setting) => {
            let outcome = triggering::execute(dmm, model, setting, call)?;
            forget_readings(dmm, call);
            restart(dmm, model, call);
            Ok(outcome)
        }
        Behaviour::Route(route) => scanner::execute(dmm, model, route, call),
        Behaviour::TakeReadings => {
            let wanted = call
                .arguments
                .optional()
                .map(|count| triggering::count_of(&count, model))
                .transpose()?;
            call.arguments.end()?;
            let count = wanted
                .and_then(|count| usize::try_from(count).ok())
                .unwrap_or(usize::MAX);
            Ok(Outcome::Answer(block(&taken(dmm, count, call.numbers))))
        }
        Behaviour::RemoveReadings => remove(dmm, model, call),
        Behaviour::LastReading => {
            call.arguments.end()?;
            let unit = dmm.selected(model).map_or("", |(_, function)| function.unit.as_str());
            let answer = match dmm.last {
                Some(last) => format!("{} {unit}", call.numbers.reading(last)).trim_end().to_owned(),
                None => call.numbers.reading(NOT_A_NUMBER),
            };
            Ok(Outcome::Answer(answer))
        }
        Behaviour::ReadingCount => {
            call.arguments.end()?;
            Ok(Outcome::Answer(
                call.numbers
                    .integer(i64::try_from(dmm.readings.len()).unwrap_or(i64::MAX)),
            ))
        }
    }
}

/// How SCPI writes that there is no number (SCPI-99 volume 1, 7.2.1.5).
const NOT_A_NUMBER: f64 = 9.91e37;

/// Readings belong to the settings that they were taken with.
fn forget_readings(dmm: &mut Dmm, call: &Call<'_>) {
    if !call.query {
        dmm.readings.clear();
    }
}

/// A measurement begins anew with other settings, where the model does not refuse them.
fn restart(dmm: &mut Dmm, model: &DmmModel, call: &Call<'_>) {
    if call.query || model.while_measuring != WhileMeasuring::Restarted {
        return;
    }
    dmm.last = None;
    dmm.fresh = false;
    if dmm.acquisition.is_some() {
        dmm.start(model, true, call.around.inputs, call.around.mains_hertz, call.now);
    }
}

/// Readings of the selected function, in the format in force.
fn written(dmm: &Dmm, model: &DmmModel, readings: &[f64], numbers: Numbers) -> Outcome {
    let function = dmm.selected(model).map(|(_, function)| function);
    dmm.format
        .write(readings.iter().copied(), function, model.overrange, numbers)
}

/// Begins a measurement.
pub(super) fn initiate(dmm: &mut Dmm, model: &DmmModel, stores: bool, call: &Call<'_>) -> Result<(), ScpiError> {
    if dmm.acquisition.is_some() {
        return Err(INIT_IGNORED);
    }
    if model.channel_settings == ChannelSettings::Scanned && dmm.scan.is_empty() {
        return Err(SETTINGS_CONFLICT);
    }
    let total = dmm.trigger.count.map(|count| count.saturating_mul(dmm.samples()));
    let fits = total.is_some_and(|total| usize::try_from(total).is_ok_and(|total| total <= model.reading_memory));
    if stores && dmm.feeds && model.has(Habit::RefusesOverflow) && !fits {
        return Err(INSUFFICIENT_MEMORY);
    }
    dmm.start(model, stores, call.around.inputs, call.around.mains_hertz, call.now);
    Ok(())
}

fn read(dmm: &mut Dmm, model: &DmmModel, call: &Call<'_>) -> Result<Outcome, ScpiError> {
    if !call.resumed {
        if dmm.trigger.source == TriggerSource::Bus {
            return Err(TRIGGER_DEADLOCK);
        }
        if dmm.continuous {
            dmm.start(model, true, call.around.inputs, call.around.mains_hertz, call.now);
        } else {
            if model.while_measuring == WhileMeasuring::Restarted {
                dmm.acquisition = None;
            }
            initiate(dmm, model, !model.has(Habit::ReadPasses), call)?;
        }
    }
    if !model.has(Habit::ReadPasses) {
        return fetch(dmm, model, call);
    }
    match dmm.busy() {
        Some(wait) => Ok(Outcome::Pending(wait)),
        None => Ok(Outcome::Answer(joined(dmm.passed.drain(..), call.numbers))),
    }
}

/// The readings, once they are all there. They stay.
fn fetch(dmm: &Dmm, model: &DmmModel, call: &Call<'_>) -> Result<Outcome, ScpiError> {
    if let Some(wait) = dmm.busy() {
        return Ok(Outcome::Pending(wait));
    }
    if dmm.readings.is_empty() {
        return dmm.next().map(Outcome::Pending).ok_or(DATA_CORRUPT_OR_STALE);
    }
    let function = dmm.selected(model).map(|(_, function)| function);
    let readings = dmm.readings.iter().copied();
    Ok(dmm.format.write(readings, function, model.overrange, call.numbers))
}

fn joined(readings: impl Iterator<Item = f64>, numbers: Numbers) -> String {
    let texts: Vec<String> = readings.map(|reading| numbers.reading(reading)).collect();
    texts.join(",")
}

/// The oldest readings, which are gone then.
fn taken(dmm: &mut Dmm, count: usize, numbers: Numbers) -> String {
    let count = count.min(dmm.readings.len());
    joined(dmm.readings.drain(..count), numbers)
}

fn remove(dmm: &mut Dmm, model: &DmmModel, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
    let count = triggering::count_of(&call.arguments.required()?, model)?;
    let waits = match call.arguments.optional() {
        Some(word) => word.choice(&[("WAIT", true)])?,
        None => false,
    };
    call.arguments.end()?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if dmm.readings.len() >= count {
        return Ok(Outcome::Answer(taken(dmm, count, call.numbers)));
    }
    match dmm.busy() {
        Some(wait) if waits => Ok(Outcome::Pending(wait)),
        Some(_) | None => Err(DATA_OUT_OF_RANGE),
    }
}

/// `DATA:FEED RDG_STORE,"CALCulate"`, or `""` for nothing.
fn feed(dmm: &mut Dmm, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
    if call.query {
        // the place that is fed may be named
        call.arguments.optional();
        call.arguments.end()?;
        return Ok(Outcome::Answer(quoted(if dmm.feeds { "CALC" } else { "" })));
    }
    call.arguments.required()?.choice(&[("RDG_STORE", ())])?;
    let source = call.arguments.required()?;
    call.arguments.end()?;
    let feeds = is_form_of("CALCulate", source.text()?);
    if !feeds && !source.text()?.is_empty() {
        return Err(ILLEGAL_PARAMETER_VALUE);
    }
    dmm.feeds = feeds;
    Ok(Outcome::Done)
}

fn range_shown(dmm: &mut Dmm, model: &DmmModel, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
    let shown = setup::answers(dmm, model, None, call, |setup, call| {
        call.arguments.end()?;
        let function = model.functions.get(setup.function);
        let state = setup.functions.get(setup.function);
        let shown = function
            .zip(state)
            .and_then(|(function, state)| function.ranges_shown.get(state.range));
        Ok(shown.cloned().unwrap_or_default())
    })?;
    Ok(Outcome::Answer(shown))
}

fn function(dmm: &mut Dmm, model: &DmmModel, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
    if call.query {
        let names = setup::answers(dmm, model, None, call, |setup, call| {
            call.arguments.end()?;
            let function = model.functions.get(setup.function);
            let name = function.map_or("", |function| function.answer.as_str());
            Ok(if model.has(Habit::FunctionWithoutQuotes) {
                name.to_owned()
            } else {
                quoted(name)
            })
        })?;
        return Ok(Outcome::Answer(names));
    }
    let argument = call.arguments.required()?;
    let mnemonics: Vec<&str> = argument.text()?.trim().split(':').collect();
    let found = model.names.find(Path::default(), &mnemonics, false);
    let number = found.ok().map(|found| found.command);
    let channels = addressed(dmm, model, number, call)?;
    call.arguments.end()?;
    let number = number.ok_or(ILLEGAL_PARAMETER_VALUE)?;
    for channel in channels {
        if dmm.setup_of(channel).function != number {
            dmm.math.leave();
        }
        dmm.setup_mut(channel).select(number);
    }
    dmm.readings.clear();
    restart(dmm, model, call);
    Ok(Outcome::Done)
}
