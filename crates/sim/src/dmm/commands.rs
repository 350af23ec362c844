//! Every command of a multimeter.
//!
//! Arguments are read to their end before anything changes: a command in error does nothing.

use super::behaviour::Behaviour;
use super::configure::{configuration, configure, requested};
use super::definition::DmmModel;
use super::state::{Dmm, TriggerSource};
use super::{scanner, settings, triggering};
use crate::{
    answer::{block, nr1, nr3, quoted},
    device::{Call, Outcome},
    parser::Path,
    status::{
        DATA_CORRUPT_OR_STALE, DATA_OUT_OF_RANGE, ILLEGAL_PARAMETER_VALUE, INIT_IGNORED, MEASURING, ScpiError, Status,
        TRIGGER_DEADLOCK, TRIGGER_IGNORED,
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
    if changes_the_measurement && !commands_the_trigger && !call.resumed && dmm.acquisition.is_some() {
        return Err(MEASURING);
    }
    match behaviour {
        Behaviour::Configure => {
            let state = requested(model, call.function, &mut call.arguments)?;
            configure(dmm, call.function, state);
            Ok(Outcome::Done)
        }
        Behaviour::Measure => {
            if !call.resumed {
                let state = requested(model, call.function, &mut call.arguments)?;
                configure(dmm, call.function, state);
            }
            read(dmm, model, call)
        }
        Behaviour::Configuration => {
            call.arguments.end()?;
            Ok(Outcome::Answer(configuration(dmm, model, call.decimals)))
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
            initiate(dmm, model, call)?;
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
            Ok(Outcome::Answer(block(&taken(dmm, count, call.decimals))))
        }
        Behaviour::RemoveReadings => remove(dmm, model, call),
        Behaviour::LastReading => {
            call.arguments.end()?;
            let unit = dmm.selected(model).map_or("", |(_, function)| function.unit.as_str());
            let answer = match dmm.last {
                Some(last) => format!("{} {unit}", nr3(last, call.decimals)).trim_end().to_owned(),
                None => nr3(NOT_A_NUMBER, call.decimals),
            };
            Ok(Outcome::Answer(answer))
        }
        Behaviour::ReadingCount => {
            call.arguments.end()?;
            Ok(Outcome::Answer(nr1(
                i64::try_from(dmm.readings.len()).unwrap_or(i64::MAX)
            )))
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

fn initiate(dmm: &mut Dmm, model: &DmmModel, call: &Call<'_>) -> Result<(), ScpiError> {
    if dmm.acquisition.is_some() {
        return Err(INIT_IGNORED);
    }
    dmm.start(model, call.around.inputs, call.around.mains_hertz, call.now);
    Ok(())
}

fn read(dmm: &mut Dmm, model: &DmmModel, call: &Call<'_>) -> Result<Outcome, ScpiError> {
    if !call.resumed {
        if dmm.trigger.source == TriggerSource::Bus {
            return Err(TRIGGER_DEADLOCK);
        }
        initiate(dmm, model, call)?;
    }
    fetch(dmm, call)
}

/// The readings, once they are all there. They stay.
fn fetch(dmm: &Dmm, call: &Call<'_>) -> Result<Outcome, ScpiError> {
    if let Some(wait) = dmm.busy() {
        return Ok(Outcome::Pending(wait));
    }
    if dmm.readings.is_empty() {
        return Err(DATA_CORRUPT_OR_STALE);
    }
    Ok(Outcome::Answer(joined(dmm.readings.iter().copied(), call.decimals)))
}

fn joined(readings: impl Iterator<Item = f64>, decimals: usize) -> String {
    let texts: Vec<String> = readings.map(|reading| nr3(reading, decimals)).collect();
    texts.join(",")
}

/// The oldest readings, which are gone then.
fn taken(dmm: &mut Dmm, count: usize, decimals: usize) -> String {
    let count = count.min(dmm.readings.len());
    joined(dmm.readings.drain(..count), decimals)
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
        return Ok(Outcome::Answer(taken(dmm, count, call.decimals)));
    }
    match dmm.busy() {
        Some(wait) if waits => Ok(Outcome::Pending(wait)),
        Some(_) | None => Err(DATA_OUT_OF_RANGE),
    }
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
    dmm.function = found.command;
    dmm.readings.clear();
    Ok(Outcome::Done)
}
