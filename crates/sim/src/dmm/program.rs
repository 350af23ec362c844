//! The trigger model of a DMM6500: numbered blocks that `INITiate` runs through (Reference Manual, 13-259 to 13-271).
//!
//! Events never happen here: a branch on one is never taken. A program of blocks that never measure ends after a while.

use super::definition::DmmModel;
use super::state::Dmm;
use super::triggering::count_of;
use crate::{
    answer::whole,
    device::{Call, Outcome},
    parser::{Argument, Arguments, Bounds, Dimension},
    status::{DATA_OUT_OF_RANGE, ILLEGAL_PARAMETER_VALUE, ScpiError},
};
use std::{collections::BTreeMap, ops::Bound, time::Duration};

/// The largest number of a block (Reference Manual, 13-232).
const MOST_BLOCKS: f64 = 63.0;
/// Blocks in a row that do not measure, before the program is taken to be stuck.
const PATIENCE: usize = 10_000;
/// The longest delay (Reference Manual, 13-237).
const LONGEST_DELAY: f64 = 10_000.0;

/// A program, and how far it has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    /// It was loaded as one without blocks.
    emptied: bool,
    blocks: BTreeMap<u32, Block>,
    /// The block that it is in, while it runs.
    at: Option<u32>,
    /// The block to come.
    next: Option<u32>,
    /// How often each counting block was passed.
    passed: BTreeMap<u32, u64>,
}

#[derive(Clone, Debug)]
enum Block {
    Nothing,
    Clear(String),
    Delay(Duration),
    Measure {
        buffer: String,
        /// Nothing is without end.
        count: Option<u64>,
    },
    Count {
        of: u64,
        to: u32,
    },
    Always {
        to: u32,
    },
}

/// What a command puts into a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nothing,
    Clear,
    Delay,
    Measure,
    Count,
    Always,
    Event,
}

/// What a program does next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measurement {
    pub(super) after: Duration,
    /// Nothing is without end.
    pub(super) count: Option<u64>,
}

impl Program {
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub(super) const fn is_running(&self) -> bool {
        self.at.is_some()
    }

    pub(super) fn begin(&mut self) {
        self.next = self.blocks.keys().next().copied();
        self.at = self.next;
        self.passed.clear();
    }

    pub(super) fn stop(&mut self) {
        self.at = None;
    }

    /// `TRIGger:STATe?`
    pub(super) fn state(&self) -> String {
        let last = self.blocks.keys().next_back().copied().unwrap_or_default();
        match (self.at, self.emptied && self.is_empty()) {
            (Some(at), _) => format!("RUNNING;RUNNING;{at}"),
            // what an empty one answers beside its name is assumed
            (None, true) => "EMPTY;EMPTY;0".to_owned(),
            (None, false) => format!("IDLE;IDLE;{last}"),
        }
    }

    fn step(&mut self, at: u32) -> (Block, Option<u32>) {
        let block = self.blocks.get(&at).cloned().unwrap_or(Block::Nothing);
        let mut behind = self.blocks.range((Bound::Excluded(at), Bound::Unbounded));
        let behind = behind.next().map(|(number, _)| *number);
        let next = match &block {
            Block::Always { to } => Some(*to),
            Block::Count { of, to } => {
                let passed = self.passed.entry(at).or_default();
                *passed += 1;
                if *passed < *of {
                    Some(*to)
                } else {
                    *passed = 0;
                    behind
                }
            }
            Block::Nothing | Block::Clear(_) | Block::Delay(_) | Block::Measure { .. } => behind,
        };
        (block, next)
    }
}

impl Dmm {
    /// Runs the program up to its next measurement. Nothing if it is over.
    pub(super) fn next_measurement(&mut self) -> Result<Option<Measurement>, ScpiError> {
        let mut after = Duration::ZERO;
        for _ in 0..PATIENCE {
            let Some(at) = self.program.next else { break };
            let (block, next) = self.program.step(at);
            self.program.at = Some(at);
            self.program.next = next;
            match block {
                Block::Nothing | Block::Count { .. } | Block::Always { .. } => {}
                Block::Clear(buffer) => self.buffers.clear(&buffer)?,
                Block::Delay(delay) => after += delay,
                Block::Measure { buffer, count } => {
                    self.buffers.select(&buffer)?;
                    return Ok(Some(Measurement { after, count }));
                }
            }
        }
        self.program.stop();
        Ok(None)
    }
}

/// `TRIGger:LOAD "SimpleLoop", 10, 0.1, "defbuffer1"`, or `"Empty"`.
pub(super) fn load(dmm: &mut Dmm, model: &DmmModel, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
    let name = call.arguments.required()?;
    let name = name.text()?;
    let mut blocks = BTreeMap::new();
    if name.eq_ignore_ascii_case("SimpleLoop") {
        let of = count_of(&call.arguments.required()?, model)?;
        let delay = call
            .arguments
            .optional()
            .map_or(Ok(Duration::ZERO), |delay| seconds(&delay))?;
        let buffer = dmm.buffers.name(&mut call.arguments)?;
        let measure = Block::Measure {
            buffer: buffer.clone(),
            count: Some(1),
        };
        let lines = [
            Block::Clear(buffer),
            Block::Delay(delay),
            measure,
            Block::Count { of, to: 2 },
        ];
        blocks.extend((1..).zip(lines));
    } else if !name.eq_ignore_ascii_case("Empty") {
        return Err(ILLEGAL_PARAMETER_VALUE);
    }
    call.arguments.end()?;
    dmm.program = Program {
        emptied: blocks.is_empty(),
        blocks,
        ..Program::default()
    };
    Ok(Outcome::Done)
}

/// `TRIGger:BLOCk:...`: puts something into a block.
pub(super) fn block(dmm: &mut Dmm, model: &DmmModel, kind: Kind, call: &mut Call<'_>) -> Result<Outcome, ScpiError> {
    let number = place(&mut call.arguments)?;
    let block = match kind {
        Kind::Nothing => Block::Nothing,
        Kind::Clear => Block::Clear(dmm.buffers.name(&mut call.arguments)?),
        Kind::Delay => Block::Delay(seconds(&call.arguments.required()?)?),
        Kind::Measure => {
            let buffer = dmm.buffers.name(&mut call.arguments)?;
            let count = match call.arguments.optional() {
                Some(Argument::Word(word)) if word.eq_ignore_ascii_case("INF") => None,
                Some(count) => Some(count_of(&count, model)?),
                None => Some(1),
            };
            Block::Measure { buffer, count }
        }
        Kind::Count => {
            let of = count_of(&call.arguments.required()?, model)?;
            Block::Count {
                of,
                to: place(&mut call.arguments)?,
            }
        }
        Kind::Always => Block::Always {
            to: place(&mut call.arguments)?,
        },
        Kind::Event => {
            call.arguments.required()?.word()?;
            place(&mut call.arguments)?;
            Block::Nothing
        }
    };
    call.arguments.end()?;
    dmm.program.blocks.insert(number, block);
    Ok(Outcome::Done)
}

fn place(arguments: &mut Arguments<'_>) -> Result<u32, ScpiError> {
    let bounds = Bounds {
        minimum: 1.0,
        maximum: MOST_BLOCKS,
        default: 1.0,
    };
    let number = bounds.check(arguments.required()?.number(Dimension::None)?)?;
    whole(number)
        .and_then(|number| u32::try_from(number).ok())
        .ok_or(DATA_OUT_OF_RANGE)
}

fn seconds(argument: &Argument<'_>) -> Result<Duration, ScpiError> {
    let bounds = Bounds {
        minimum: 0.0,
        maximum: LONGEST_DELAY,
        default: 0.0,
    };
    let seconds = argument.bounded(Dimension::Seconds, &bounds)?;
    Duration::try_from_secs_f64(seconds).or(Err(DATA_OUT_OF_RANGE))
}
