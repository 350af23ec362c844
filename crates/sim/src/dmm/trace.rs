//! The buffer of a Keithley 2000 (`TRACe`): off, or taking readings until it is full.

use super::behaviour::Trace as Command;
use super::definition::DmmModel;
use super::state::Dmm;
use crate::{
    answer::whole,
    device::{Call, Outcome},
    parser::{Bounds, Dimension},
    status::{DATA_CORRUPT_OR_STALE, DATA_OUT_OF_RANGE, Register, ScpiError, UNDEFINED_HEADER},
};

/// Measurement event: half of the buffer, two readings in it, and all of it (User's Manual, p.5-53).
const HALF_FULL: u16 = 1 << 8;
const AVAILABLE: u16 = 1 << 7;
const FULL: u16 = 1 << 9;

/// Bytes that one reading takes in the memory.
const BYTES: usize = 12;

/// The buffer.
#[derive(Clone, Debug)]
pub(crate) struct Buffer {
    /// How many readings it is to hold.
    points: usize,
    /// It takes readings until it is full.
    pub(super) takes: bool,
    readings: Vec<f64>,
}

impl Buffer {
    pub(super) const fn new(model: &DmmModel) -> Self {
        Self {
            points: model.trace_points,
            takes: false,
            readings: Vec::new(),
        }
    }

    /// A reading was taken.
    pub(super) fn hear(&mut self, reading: f64, measurement: &mut Register) {
        if !self.takes {
            return;
        }
        self.readings.push(reading);
        let filled = self.readings.len();
        self.takes = filled < self.points;
        let event = |reached: bool, event: u16| if reached { event } else { 0 };
        measurement.happened(
            event(filled == 2, AVAILABLE) | event(filled == self.points / 2, HALF_FULL) | event(!self.takes, FULL),
        );
    }
}

/// Carries out a command.
pub(super) fn execute(
    dmm: &mut Dmm,
    model: &DmmModel,
    command: Command,
    call: &mut Call<'_>,
) -> Result<Outcome, ScpiError> {
    let bounds = Bounds {
        minimum: 2.0,
        maximum: u32::try_from(model.reading_memory).map_or(2.0, f64::from),
        default: u32::try_from(model.trace_points).map_or(2.0, f64::from),
    };
    let integer = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    match (command, call.query) {
        (Command::Clear, false) => {
            call.arguments.end()?;
            dmm.buffer.readings.clear();
            Ok(Outcome::Done)
        }
        (Command::Free, true) => {
            call.arguments.end()?;
            let used = dmm.buffer.readings.len() * BYTES;
            let all = model.reading_memory * BYTES;
            let (free, used) = (integer(all.saturating_sub(used)), integer(used));
            let (free, used) = (call.numbers.integer(free), call.numbers.integer(used));
            Ok(Outcome::Answer(format!("{free},{used}")))
        }
        (Command::Points, true) => {
            call.arguments.end()?;
            Ok(Outcome::Answer(call.numbers.integer(integer(dmm.buffer.points))))
        }
        (Command::Points, false) => {
            let argument = call.arguments.required()?;
            call.arguments.end()?;
            let points = whole(argument.bounded(Dimension::None, &bounds)?);
            let points = points.and_then(|points| usize::try_from(points).ok());
            dmm.buffer.points = points.ok_or(DATA_OUT_OF_RANGE)?;
            dmm.buffer.readings.clear();
            Ok(Outcome::Done)
        }
        (Command::Control, true) => {
            call.arguments.end()?;
            Ok(Outcome::Answer(
                if dmm.buffer.takes { "NEXT" } else { "NEV" }.to_owned(),
            ))
        }
        (Command::Control, false) => {
            let argument = call.arguments.required()?;
            call.arguments.end()?;
            dmm.buffer.takes = argument.choice(&[("NEVer", false), ("NEXT", true)])?;
            if dmm.buffer.takes {
                dmm.buffer.readings.clear();
            }
            Ok(Outcome::Done)
        }
        (Command::Data, true) => {
            call.arguments.end()?;
            if dmm.buffer.readings.is_empty() {
                return Err(DATA_CORRUPT_OR_STALE);
            }
            let function = dmm.selected(model).map(|(_, function)| function);
            let readings = dmm.buffer.readings.iter().copied();
            Ok(dmm.format.write(readings, function, model.overrange, call.numbers))
        }
        (Command::Clear, true) | (Command::Free | Command::Data, false) => Err(UNDEFINED_HEADER),
    }
}
