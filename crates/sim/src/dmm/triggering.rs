//! The settings of the trigger system.

use super::behaviour::Triggering;
use super::definition::DmmModel;
use super::settings::number;
use super::state::{Dmm, TriggerSource};
use crate::{
    answer::{boolean, whole},
    device::{Call, Outcome},
    parser::{Argument, Bounds, Dimension, is_form_of, short_form},
    status::{DATA_OUT_OF_RANGE, ILLEGAL_PARAMETER_VALUE, ScpiError},
};
use std::time::Duration;

const SOURCES: &[(&str, TriggerSource)] = &[
    ("IMMediate", TriggerSource::Immediate),
    ("BUS", TriggerSource::Bus),
    ("EXTernal", TriggerSource::External),
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
    let argument = call.arguments.required()?;
    call.arguments.end()?;
    match setting {
        Triggering::Samples => dmm.trigger.samples = count_of(&argument, model)?,
        Triggering::Source => dmm.trigger.source = argument.choice(SOURCES)?,
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
                Some(argument) => count_named(&argument, model)?,
                None => dmm.trigger.samples,
            };
            call.arguments.end()?;
            Ok(Outcome::Answer(
                call.numbers.integer(i64::try_from(samples).unwrap_or(i64::MAX)),
            ))
        }
        Triggering::Source => {
            call.arguments.end()?;
            let name = SOURCES.iter().find(|(_, source)| *source == dmm.trigger.source);
            Ok(Outcome::Answer(
                name.map_or_else(String::new, |(name, _)| short_form(name)),
            ))
        }
        Triggering::Count => {
            let count = match (call.arguments.optional(), dmm.trigger.count) {
                (Some(argument), _) => Some(count_named(&argument, model)?),
                (None, count) => count,
            };
            call.arguments.end()?;
            let value = count
                .and_then(|count| u32::try_from(count).ok())
                .map_or(model.overrange, f64::from);
            Ok(Outcome::Answer(call.numbers.setting(value)))
        }
        Triggering::Delay => number(call, &delays(model), delay(dmm, model).as_secs_f64()),
        Triggering::DelayAuto => {
            call.arguments.end()?;
            Ok(Outcome::Answer(boolean(dmm.trigger.delay.is_none())))
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

/// A count of samples, triggers or readings.
pub(super) fn count_of(argument: &Argument<'_>, model: &DmmModel) -> Result<u64, ScpiError> {
    let value = argument.bounded(Dimension::None, &counts(model))?;
    whole(value).ok_or(DATA_OUT_OF_RANGE)
}

/// The count that `MIN`, `MAX` or `DEF` in a query asks for.
fn count_named(argument: &Argument<'_>, model: &DmmModel) -> Result<u64, ScpiError> {
    let value = counts(model).named(argument.word()?).ok_or(ILLEGAL_PARAMETER_VALUE)?;
    whole(value).ok_or(DATA_OUT_OF_RANGE)
}
