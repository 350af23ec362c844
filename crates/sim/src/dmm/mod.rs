//! Digital multimeters: what their commands do, how they take readings.
//!
//! - `CONFigure` and `MEASure?` bring function and trigger to their defaults; `FUNCtion` keeps what each function had.
//! - A reading takes delay, aperture and zero reading on the clock, and is taken at the end of that time.
//! - A reading beyond the range is the overrange value and queues no error.
//! - What changes a measurement is refused while one is running.
//! - Channels behind a scanner are measured with the meter's settings, or each with its own: those of the list behind the command.

mod acquire;
mod behaviour;
mod buffered;
mod buffers;
mod commands;
mod configure;
mod definition;
mod format;
mod function;
mod inputs;
mod math;
mod program;
mod read;
mod read_function;
mod scanner;
mod settings;
mod setup;
mod spoilt;
mod state;
mod trace;
mod triggering;
mod witness;
pub(crate) mod words;

#[cfg(test)]
pub(crate) use behaviour::Group;
pub(crate) use behaviour::{BEHAVIOURS, Behaviour};
pub(crate) use commands::{abort, execute, power_on, preset, reset};
pub(crate) use definition::{DmmModel, expand};
pub(crate) use inputs::{Inputs, Trace};
pub(crate) use read::channels as read_channels;
pub(crate) use read::read;
pub(crate) use scanner::{Channels, Sight, contain};
pub(crate) use state::{Dmm, Saved};
pub use witness::MeterState;
