//! The settings of the trigger system.

use super::behaviour::Triggering;
use super::definition::DmmModel;
use super::scanner::{ChannelSettings, addressed};
use super::settings::number;
use super::state::{Dmm, TriggerSource};
use crate::{
    answer::whole,
    device::{Call, Outcome},
    parser::{Argument, Bounds, Dimension, is_form_of, short_form},
    status::{DATA_OUT_OF_RANGE, ILLEGAL_PARAMETER_VALUE, ScpiError},
};
use std::time::Duration;

/// The words of `trigger_sources` in a `sim.toml`; a model that says nothing has the first three.
pub(super) const SOURCES: &[(&str, TriggerSource)] = &[
    ("IMMediate", TriggerSource::Immediate),
    ("BUS", TriggerSource::Bus),
    ("EXTernal", TriggerSource::External),
    ("MANual", TriggerSource::Manual),
    ("TIMer", TriggerSource::Timer),
];

/// Changes or answers a setting.
pub(super) fn execute(
    dmm: &mut Dmm,
    model: &DmmModel,
    setting: Triggering,
    call: &mut Call<'_>,
) -> Result<Outcome, ScpiError> {
    if call.query {
        return answer(dmm, model, setting, call);
    }
    let channels = match model.channel_settings {
        ChannelSettings::Own if setting == Triggering::Samples => addressed(dmm, model, None, call)?,
        ChannelSettings::Own | ChannelSettings::Shared | ChannelSettings::Scanned => vec![None],
    };
    let argument = call.arguments.required()?;
    call.arguments.end()?;
    match setting {
        Triggering::Samples => {
            let samples = count_within(&argument, &samples(model))?;
            for channel in channels {
                match channel {
                    Some(_) => dmm.setup_mut(channel).samples = Some(samples),
                    None => dmm.trigger.samples = samples,
                }
            }
        }
        Triggering::Source => {
            let word = argument.word()?;
            let found = model.trigger_sources.iter().find(|(name, _)| is_form_of(name, word));
            dmm.trigger.source = found.map(|(_, source)| *source).ok_or(ILLEGAL_PARAMETER_VALUE)?;
        }
        Triggering::Count => {
            dmm.trigger.count = match argument {
                Argument::Word(word) if is_form_of("INFinity", word) => None,
                Argument::Word(_)
                | Argument::Number(_)
                | Argument::Integer(_)
                | Argument::Text(_)
                | Argument::Expression(_)
                | Argument::Block(_) => Some(count_of(&argument, model)?),
            }
        }
        Triggering::Delay => {
            let seconds = argument.bounded(Dimension::Seconds, &delays(model))?;
            dmm.trigger.delay = Some(Duration::try_from_secs_f64(seconds).or(Err(DATA_OUT_OF_RANGE))?);
        }
        Triggering::Timer => {
            let seconds = argument.bounded(Dimension::Seconds, &timers(model))?;
            dmm.trigger.timer = Duration::try_from_secs_f64(seconds).or(Err(DATA_OUT_OF_RANGE))?;
        }
        Triggering::DelayAuto => {
            let automatic = argument.boolean()?;
            dmm.trigger.delay = if automatic { None } else { Some(delay(dmm, model)) };
        }
    }
    Ok(Outcome::Done)
}

fn answer(dmm: &Dmm, model: &DmmModel, setting: Triggering, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
    match setting {
        Triggering::Samples => {
            let samples = match call.arguments.optional() {
                Some(argument) => count_named(&argument, &samples(model))?,
                None => dmm.trigger.samples,
            };
            call.arguments.end()?;
            Ok(Outcome::Answer(
                call.numbers.integer(i64::try_from(samples).unwrap_or(i64::MAX)),
            ))
        }
        Triggering::Source => {
            call.arguments.end()?;
            let name = model
                .trigger_sources
                .iter()
                .find(|(_, source)| *source == dmm.trigger.source);
            Ok(Outcome::Answer(
                name.map_or_else(String::new, |(name, _)| short_form(name)),
            ))
        }
        Triggering::Count => {
            let count = match (call.arguments.optional(), dmm.trigger.count) {
                (Some(argument), _) => Some(count_named(&argument, &counts(model))?),
                (None, count) => count,
            };
            call.arguments.end()?;
            if let Some(endless) = &model.endless_count {
                let count = count.map(|count| i64::try_from(count).unwrap_or(i64::MAX));
                return Ok(Outcome::Answer(
                    count.map_or_else(|| endless.clone(), |count| call.numbers.integer(count)),
                ));
            }
            let value = count
                .and_then(|count| u32::try_from(count).ok())
                .map_or(model.overrange, f64::from);
            Ok(Outcome::Answer(call.numbers.setting(value)))
        }
        Triggering::Delay => number(call, &delays(model), delay(dmm, model).as_secs_f64()),
        Triggering::Timer => number(call, &timers(model), dmm.trigger.timer.as_secs_f64()),
        Triggering::DelayAuto => {
            call.arguments.end()?;
            Ok(Outcome::Answer(call.numbers.flag(dmm.trigger.delay.is_none())))
        }
    }
}

/// The delay in force.
fn delay(dmm: &Dmm, model: &DmmModel) -> Duration {
    let integration = dmm.selected(model).and_then(|(state, _)| model.nplc.get(state.nplc));
    let automatic = integration.map_or(Duration::ZERO, |row| row.delay);
    dmm.trigger.delay.unwrap_or(automatic)
}

const fn delays(model: &DmmModel) -> Bounds {
    Bounds {
        minimum: 0.0,
        maximum: model.longest_delay,
        default: 0.0,
    }
}

const fn counts(model: &DmmModel) -> Bounds {
    Bounds {
        minimum: 1.0,
        maximum: model.largest_count,
        default: 1.0,
    }
}

const fn samples(model: &DmmModel) -> Bounds {
    Bounds {
        minimum: 1.0,
        maximum: model.largest_samples,
        default: 1.0,
    }
}

const fn timers(model: &DmmModel) -> Bounds {
    Bounds {
        minimum: 0.001,
        maximum: model.longest_delay,
        default: 0.1,
    }
}

/// A count of samples, triggers or readings.
pub(super) fn count_of(argument: &Argument<'_>, model: &DmmModel) -> Result<u64, ScpiError> {
    count_within(argument, &counts(model))
}

fn count_within(argument: &Argument<'_>, bounds: &Bounds) -> Result<u64, ScpiError> {
    whole(argument.bounded(Dimension::None, bounds)?).ok_or(DATA_OUT_OF_RANGE)
}

/// The count that `MIN`, `MAX` or `DEF` in a query asks for.
fn count_named(argument: &Argument<'_>, bounds: &Bounds) -> Result<u64, ScpiError> {
    let value = bounds.named(argument.word()?).ok_or(ILLEGAL_PARAMETER_VALUE)?;
    whole(value).ok_or(DATA_OUT_OF_RANGE)
}
