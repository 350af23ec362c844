//! Every command of a multimeter.
//!
//! Arguments are read to their end before anything changes: a command in error does nothing.

use super::behaviour::Behaviour;
use super::configure::{configuration, configure, requested};
use super::definition::{DmmModel, WhileMeasuring};
use super::state::{Dmm, TriggerSource};
use super::{math, settings, triggering};
use crate::{
    answer::{Numbers, block, quoted},
    device::{Call, Outcome},
    parser::{Path, is_form_of},
    status::{
        DATA_CORRUPT_OR_STALE, DATA_OUT_OF_RANGE, ILLEGAL_PARAMETER_VALUE, INIT_IGNORED, INSUFFICIENT_MEMORY,
        MEASURING, ScpiError, Status, TRIGGER_DEADLOCK, TRIGGER_IGNORED,
    },
};

/// `*RST`.
pub(crate) fn reset(dmm: &mut Dmm, model: &DmmModel, status: &mut Status) {
    dmm.reset(model);
    status.operation.follow(0);
}

/// `ABORt` and device clear.
pub(crate) fn abort(dmm: &mut Dmm, status: &mut Status) {
    dmm.acquisition = None;
    status.operation.follow(0);
}

/// Carries out one command.
pub(crate) fn execute(
    dmm: &mut Dmm,
    model: &DmmModel,
    behaviour: Behaviour,
    call: &mut Call<'_>,
    status: &mut Status,
) -> Result<Outcome, ScpiError> {
    let changes_the_measurement = !call.query || behaviour == Behaviour::Measure;
    let commands_the_trigger = matches!(behaviour, Behaviour::Initiate | Behaviour::Abort | Behaviour::Trigger);
    let busy = changes_the_measurement && !commands_the_trigger && !call.resumed && dmm.acquisition.is_some();
    if busy && model.while_measuring == WhileMeasuring::Refused {
        return Err(MEASURING);
    }
    match behaviour {
        Behaviour::Configure => {
            let state = requested(model, call.function, &mut call.arguments)?;
            configure(dmm, model, call.function, state);
            Ok(Outcome::Done)
        }
        Behaviour::Measure => {
            if !call.resumed {
                let state = requested(model, call.function, &mut call.arguments)?;
                configure(dmm, model, call.function, state);
            }
            read(dmm, model, call)
        }
        Behaviour::Configuration => {
            call.arguments.end()?;
            Ok(Outcome::Answer(configuration(dmm, model, call.numbers)))
        }
        Behaviour::Read => {
            call.arguments.end()?;
            read(dmm, model, call)
        }
        Behaviour::Fetch => {
            call.arguments.end()?;
            fetch(dmm, call)
        }
        Behaviour::Initiate => {
            call.arguments.end()?;
            initiate(dmm, model, true, call)?;
            Ok(Outcome::Done)
        }
        Behaviour::Abort => {
            call.arguments.end()?;
            abort(dmm, status);
            Ok(Outcome::Done)
        }
        Behaviour::Trigger => {
            call.arguments.end()?;
            let (inputs, mains_hertz) = (call.around.inputs, call.around.mains_hertz);
            let heard = dmm.triggered(model, inputs, mains_hertz, call.now);
            heard.then_some(Outcome::Done).ok_or(TRIGGER_IGNORED)
        }
        Behaviour::Function => function(dmm, model, call),
        Behaviour::Feed => feed(dmm, call),
        Behaviour::Math(command) => math::execute(dmm, model, command, call),
        Behaviour::Setting(setting) => {
            let outcome = settings::execute(dmm, model, setting, call)?;
            forget_readings(dmm, call);
            Ok(outcome)
        }
        Behaviour::Triggering(setting) => {
            let outcome = triggering::execute(dmm, model, setting, call)?;
            forget_readings(dmm, call);
            Ok(outcome)
        }
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

fn initiate(dmm: &mut Dmm, model: &DmmModel, stores: bool, call: &Call<'_>) -> Result<(), ScpiError> {
    if dmm.acquisition.is_some() {
        return Err(INIT_IGNORED);
    }
    let total = dmm.trigger.count.map(|count| count.saturating_mul(dmm.trigger.samples));
    let fits = total.is_some_and(|total| usize::try_from(total).is_ok_and(|total| total <= model.reading_memory));
    if stores && dmm.feeds && model.refuses_overflow && !fits {
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
        initiate(dmm, model, model.read_stores, call)?;
    }
    if model.read_stores {
        return fetch(dmm, call);
    }
    match dmm.busy() {
        Some(wait) => Ok(Outcome::Pending(wait)),
        None => Ok(Outcome::Answer(joined(dmm.passed.drain(..), call.numbers))),
    }
}

/// The readings, once they are all there. They stay.
fn fetch(dmm: &Dmm, call: &Call<'_>) -> Result<Outcome, ScpiError> {
    if let Some(wait) = dmm.busy() {
        return Ok(Outcome::Pending(wait));
    }
    if dmm.readings.is_empty() {
        return Err(DATA_CORRUPT_OR_STALE);
    }
    Ok(Outcome::Answer(joined(dmm.readings.iter().copied(), call.numbers)))
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

fn function(dmm: &mut Dmm, model: &DmmModel, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
    if call.query {
        call.arguments.end()?;
        let name = dmm.selected(model).map_or("", |(_, function)| function.answer.as_str());
        return Ok(Outcome::Answer(quoted(name)));
    }
    let argument = call.arguments.required()?;
    let mnemonics: Vec<&str> = argument.text()?.trim().split(':').collect();
    let found = model.names.find(Path::default(), &mnemonics, false);
    call.arguments.end()?;
    let found = found.or(Err(ILLEGAL_PARAMETER_VALUE))?;
    if dmm.function != found.command {
        dmm.math.leave();
    }
    dmm.function = found.command;
    dmm.readings.clear();
    Ok(Outcome::Done)
}
