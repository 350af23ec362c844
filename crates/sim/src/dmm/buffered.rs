//! Measuring into named buffers: `READ?`, `FETCh?`, `MEASure?` of a DMM6500.

use super::behaviour::Behaviour;
use super::buffers::{last, selection};
use super::commands::initiate;
use super::definition::DmmModel;
use super::state::Dmm;
use crate::{
    device::{Call, Outcome},
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
        let setup = dmm.setup_mut(dmm.connected());
        if let Some(state) = setup.functions.get_mut(setup.function) {
            state.autozero = false;
        }
        return Ok(Outcome::Done);
    }
    measure(dmm, model, behaviour, call)
}

/// Takes readings, unless they are only fetched, and answers the last one in the buffer.
fn measure(dmm: &mut Dmm, model: &DmmModel, behaviour: Behaviour, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
    let selection = selection(dmm, call)?;
    let fetches = behaviour == Behaviour::Fetch;
    if !fetches && !call.resumed {
        if behaviour == Behaviour::MeasureAsSet {
            model.functions.get(call.function).ok_or(UNDEFINED_HEADER)?;
            dmm.setup_mut(dmm.connected()).select(call.function);
        }
        dmm.buffers.select(&selection.name)?;
        initiate(dmm, model, true, call)?;
    }
    match dmm.busy() {
        Some(wait) => Ok(Outcome::Pending(wait)),
        None => last(dmm, model, &selection, call),
    }
}
