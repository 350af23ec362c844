//! Measuring into named buffers: `READ?`, `FETCh?`, `MEASure?` and the trigger model of a DMM6500.

use super::behaviour::Behaviour;
use super::buffers::{last, selection};
use super::commands::initiate;
use super::definition::DmmModel;
use super::state::Dmm;
use super::triggering::count_of;
use crate::{
    device::{Call, Outcome},
    parser::Dimension,
    status::{ScpiError, UNDEFINED_HEADER},
};

/// Carries out one of its commands.
pub(super) fn execute(
    dmm: &mut Dmm,
    model: &DmmModel,
    behaviour: Behaviour,
    call: &mut Call<'_>,
) -> Result<Outcome, ScpiError> {
    if behaviour == Behaviour::AutozeroOnce {
        call.arguments.end()?;
        if let Some(state) = dmm.functions.get_mut(dmm.function) {
            state.autozero = false;
        }
        return Ok(Outcome::Done);
    }
    if behaviour == Behaviour::ProgramState {
        call.arguments.end()?;
        let running = dmm.acquisition.is_some();
        let state = if running { "RUNNING;RUNNING;1" } else { "IDLE;IDLE;1" };
        return Ok(Outcome::Answer(state.to_owned()));
    }
    if behaviour == Behaviour::Program {
        let name = call.arguments.required()?;
        let simple = name.text()?.eq_ignore_ascii_case("SimpleLoop");
        dmm.program = match call.arguments.optional() {
            Some(count) if simple => Some(count_of(&count, model)?),
            Some(_) | None => None,
        };
        return Ok(Outcome::Done);
    }
    if behaviour == Behaviour::ProgramBlock {
        return program_block(dmm, model, call);
    }
    measure(dmm, model, behaviour, call)
}

/// `TRIGger:BLOCk:MDIGitize 4, "defbuffer1", 10`
fn program_block(dmm: &mut Dmm, model: &DmmModel, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
    call.arguments.required()?.number(Dimension::None)?;
    let name = call.arguments.optional();
    let count = call.arguments.optional();
    call.arguments.end()?;
    let count = count.map_or(Ok(1), |count| count_of(&count, model))?;
    if let Some(name) = name {
        dmm.buffers.select(name.text()?)?;
    }
    dmm.program = Some(count);
    Ok(Outcome::Done)
}

/// Takes readings, unless they are only fetched, and answers the last one in the buffer.
fn measure(dmm: &mut Dmm, model: &DmmModel, behaviour: Behaviour, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
    let selection = selection(dmm, call)?;
    let fetches = behaviour == Behaviour::Fetch;
    if !fetches && !call.resumed {
        if behaviour == Behaviour::MeasureAsSet {
            dmm.function = model
                .functions
                .get(call.function)
                .map(|_| call.function)
                .ok_or(UNDEFINED_HEADER)?;
        }
        dmm.buffers.select(&selection.name)?;
        initiate(dmm, model, true, call)?;
    }
    match dmm.busy() {
        Some(wait) => Ok(Outcome::Pending(wait)),
        None => last(dmm, model, &selection, call),
    }
}
