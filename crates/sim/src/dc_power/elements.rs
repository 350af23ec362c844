//! What a source-measure unit writes of each reading: the elements that `FORMat:ELEMents` chooses.

use super::commands::channels;
use super::definition::DcPowerModel;
use super::state::DcPower;
use crate::{
    device::{Call, Outcome, Wait},
    parser::short_form,
    status::ScpiError,
};

/// One of the numbers of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    Voltage,
    Current,
    Resistance,
    Time,
    Status,
}

/// As they are called, in the order in which they are written, whatever the order in which they were chosen.
pub(super) const ELEMENTS: &[(&str, Element)] = &[
    ("VOLTage", Element::Voltage),
    ("CURRent", Element::Current),
    ("RESistance", Element::Resistance),
    ("TIME", Element::Time),
    ("STATus", Element::Status),
];

/// What stands where nothing was measured.
const NOT_A_NUMBER: f64 = 9.91e37;

/// Chooses or answers the elements.
pub(super) fn choose(supply: &mut DcPower, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
    if call.query {
        call.arguments.end()?;
        let chosen = ELEMENTS.iter().filter(|(_, element)| supply.elements.contains(element));
        let names: Vec<String> = chosen.map(|(name, _)| short_form(name)).collect();
        return Ok(Outcome::Answer(names.join(",")));
    }
    let mut elements = vec![call.arguments.required()?.choice(ELEMENTS)?];
    while let Some(argument) = call.arguments.optional() {
        elements.push(argument.choice(ELEMENTS)?);
    }
    supply.elements = elements;
    Ok(Outcome::Done)
}

/// A reading of the output, with the elements that are chosen. Ohms are not measured, and no status is simulated.
pub(super) fn measure(supply: &mut DcPower, model: &DcPowerModel, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
    let places = channels(supply, model, call)?;
    call.arguments.end()?;
    let done = call.started.after(model.measuring_time);
    if call.now < done {
        return Ok(Outcome::Pending(Wait::Until(done)));
    }
    let mut texts = Vec::new();
    for place in places {
        let (Some(output), Some(channel)) = (call.around.outputs.get(place), model.channels.get(place)) else {
            continue;
        };
        for (_, element) in ELEMENTS {
            if !supply.elements.contains(element) {
                continue;
            }
            let value = match element {
                Element::Voltage => supply.measured(output.volts, channel.voltage_step),
                Element::Current => supply.measured(output.amperes, channel.current_step),
                Element::Resistance => NOT_A_NUMBER,
                Element::Time => call.now.since_start().as_secs_f64(),
                Element::Status => 0.0,
            };
            texts.push(call.numbers.reading(value));
        }
    }
    Ok(Outcome::Answer(texts.join(",")))
}
