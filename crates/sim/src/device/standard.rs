//! The commands that IEEE 488.2 and SCPI-99 demand of every instrument.

use super::{Call, ClassState, Device, Outcome, Wait};
use crate::{
    answer::{boolean, whole},
    fault::Fault,
    model::Standard,
    parser::{Argument, Dimension},
    status::{DATA_OUT_OF_RANGE, OPERATION_COMPLETE, ScpiError},
};

/// Carries out one of them.
pub(super) fn execute(device: &mut Device, standard: Standard, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
    match standard {
        Standard::EventEnable if !call.query => {
            device.status.event_enable = byte(call)?;
            return Ok(Outcome::Done);
        }
        Standard::ServiceEnable if !call.query => {
            // the master summary cannot enable itself (IEEE 488.2, 11.3.2)
            device.status.service_enable = byte(call)? & !64;
            return Ok(Outcome::Done);
        }
        Standard::QuestionableEnable if !call.query => {
            device.status.questionable.enable = register_mask(call)?;
            return Ok(Outcome::Done);
        }
        Standard::OperationEnable if !call.query => {
            device.status.operation.enable = register_mask(call)?;
            return Ok(Outcome::Done);
        }
        Standard::MeasurementEnable if !call.query => {
            device.status.measurement.enable = register_mask(call)?;
            return Ok(Outcome::Done);
        }
        Standard::NextEvent => {
            let kinds = [("ERRor", ()), ("WARNing", ()), ("INFormation", ()), ("ALL", ())];
            call.arguments.optional().map_or(Ok(()), |kind| kind.choice(&kinds))?;
            call.arguments.end()?;
        }
        Standard::Save => {
            let slot = slot(call)?;
            if let ClassState::Dmm(dmm) = &device.class {
                device.saved.insert(slot, dmm.save());
            }
            return Ok(Outcome::Done);
        }
        Standard::Recall => {
            let slot = slot(call)?;
            // what was never saved is as it left the factory, which is as after *RST
            let saved = device.saved.get(&slot).cloned();
            match (saved, &mut device.class) {
                (Some(saved), ClassState::Dmm(dmm)) => dmm.recall(saved),
                (None, _) | (_, ClassState::DcPower(_) | ClassState::Switch(_)) => device.reset(),
            }
            return Ok(Outcome::Done);
        }
        Standard::ClearStatus
        | Standard::EventEnable
        | Standard::Events
        | Standard::Identify
        | Standard::OperationComplete
        | Standard::Reset
        | Standard::ServiceEnable
        | Standard::StatusByte
        | Standard::SelfTest
        | Standard::Wait
        | Standard::NextError
        | Standard::Version
        | Standard::Preset
        | Standard::QuestionableEvents
        | Standard::QuestionableCondition
        | Standard::QuestionableEnable
        | Standard::OperationEvents
        | Standard::OperationCondition
        | Standard::OperationEnable
        | Standard::MeasurementEvents
        | Standard::MeasurementCondition
        | Standard::MeasurementEnable
        | Standard::ClearErrors
        | Standard::ErrorCount
        | Standard::ErrorCode => call.arguments.end()?,
    }
    let numbers = call.numbers;
    let register = |value: u16| Outcome::Answer(numbers.integer(i64::from(value)));
    Ok(match standard {
        Standard::ClearStatus => {
            device.completion_wanted = false;
            device.status.clear_events();
            if let ClassState::DcPower(supply) = &mut device.class {
                supply.clear_events();
            }
            errors(device, call).clear();
            Outcome::Done
        }
        Standard::Reset => {
            device.reset();
            Outcome::Done
        }
        Standard::Preset => {
            device.status.preset();
            if let ClassState::DcPower(supply) = &mut device.class {
                supply.preset();
            }
            Outcome::Done
        }
        Standard::OperationComplete => completed(device, call.query),
        Standard::Wait => device.busy().map_or(Outcome::Done, Outcome::Pending),
        Standard::Identify => Outcome::Answer(identity(device)),
        Standard::NextError | Standard::NextEvent => {
            let error = errors(device, call).take();
            Outcome::Answer(device.model.0.reporting.answer(error))
        }
        Standard::Save | Standard::Recall => Outcome::Done,
        Standard::ErrorCode => {
            let error = errors(device, call).take();
            let code = error.map_or(0, |(error, _)| device.model.0.reporting.reported(error).code);
            Outcome::Answer(numbers.integer(code.into()))
        }
        Standard::ErrorCount => {
            let count = i64::try_from(errors(device, call).len()).unwrap_or(i64::MAX);
            Outcome::Answer(numbers.integer(count))
        }
        Standard::ClearErrors => {
            errors(device, call).clear();
            Outcome::Done
        }
        Standard::MeasurementEvents => register(device.status.measurement.take_events()),
        Standard::MeasurementCondition => register(device.status.measurement.condition()),
        Standard::MeasurementEnable => register(device.status.measurement.enable),
        Standard::Version => Outcome::Answer(device.model.0.reporting.scpi_version.clone()),
        Standard::SelfTest => Outcome::Answer(call.numbers.integer(0)),
        Standard::EventEnable => register(device.status.event_enable.into()),
        Standard::ServiceEnable => register(device.status.service_enable.into()),
        Standard::Events => register(std::mem::take(&mut device.status.events).into()),
        Standard::StatusByte => {
            let errors_waiting = !errors(device, call).is_empty();
            let errors_waiting = errors_waiting && device.model.0.reporting.in_status_byte;
            register(device.status.byte(errors_waiting, call.message_available).into())
        }
        Standard::QuestionableEvents => register(device.status.questionable.take_events()),
        Standard::QuestionableCondition => register(device.status.questionable.condition()),
        Standard::QuestionableEnable => register(device.status.questionable.enable),
        Standard::OperationEvents => register(device.status.operation.take_events()),
        Standard::OperationCondition => register(device.status.operation.condition()),
        Standard::OperationEnable => register(device.status.operation.enable),
    })
}

/// The queue that this client reads.
fn errors<'d>(device: &'d mut Device, call: &'d mut Call<'_>) -> &'d mut crate::status::ErrorQueue {
    match &mut call.own_errors {
        Some(own) => own,
        None => &mut device.errors,
    }
}

fn completed(device: &mut Device, query: bool) -> Outcome {
    match (device.busy(), query) {
        (None, true) => Outcome::Answer(boolean(true)),
        (None, false) => {
            device.status.events |= OPERATION_COMPLETE;
            Outcome::Done
        }
        (Some(wait), true) => Outcome::Pending(wait),
        (Some(Wait::Until(_) | Wait::ForChange), false) => {
            device.completion_wanted = true;
            Outcome::Done
        }
    }
}

fn identity(device: &Device) -> String {
    if device.faults.has(Fault::WrongIdentity) {
        return "Other Instruments,OTHER-1,SIM-OTHER,0.0".to_owned();
    }
    let identity = &device.model.0.identity;
    format!(
        "{},{},{},{}",
        identity.manufacturer, identity.model, device.serial_number, identity.firmware_revision
    )
}

/// Where settings are saved: 0 to 4 (DMM6500 Reference Manual, appendix B).
fn slot(call: &mut Call<'_>) -> Result<u8, ScpiError> {
    let argument = call.arguments.required()?;
    call.arguments.end()?;
    u8::try_from(below(&argument, 4.0)?).or(Err(DATA_OUT_OF_RANGE))
}

fn byte(call: &mut Call<'_>) -> Result<u8, ScpiError> {
    let argument = call.arguments.required()?;
    call.arguments.end()?;
    u8::try_from(below(&argument, 255.0)?).or(Err(DATA_OUT_OF_RANGE))
}

fn register_mask(call: &mut Call<'_>) -> Result<u16, ScpiError> {
    let argument = call.arguments.required()?;
    call.arguments.end()?;
    mask(&argument)
}

/// The value of a 16 bit enable register. Bit 15 is never used (SCPI-99 volume 1, 20.1.4).
pub(crate) fn mask(argument: &Argument<'_>) -> Result<u16, ScpiError> {
    u16::try_from(below(argument, 65_535.0)?)
        .map(|mask| mask & 0x7FFF)
        .or(Err(DATA_OUT_OF_RANGE))
}

/// A number, which is rounded before anything else (IEEE 488.2, 10.10.2). No words stand for one here.
fn below(argument: &Argument<'_>, maximum: f64) -> Result<u64, ScpiError> {
    let rounded = argument.number(Dimension::None)?.round();
    if rounded > maximum {
        return Err(DATA_OUT_OF_RANGE);
    }
    // -0.4 rounds to a zero with a sign
    whole(if rounded.abs() < 0.5 { 0.0 } else { rounded }).ok_or(DATA_OUT_OF_RANGE)
}
