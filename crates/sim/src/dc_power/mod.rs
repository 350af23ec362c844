//! Direct current supplies: levels, outputs, protection, measurement of their own outputs.
//!
//! - A level outside its bounds is -222 and changes nothing.
//! - Commands act on the channels of their list, on the one in their header or among their arguments, or on the selected one.
//! - An output that trips its protection goes off and stays off until the trip is cleared.

mod commands;
mod definition;
mod elements;
mod state;

pub(crate) use commands::{channels, execute};
pub(crate) use definition::{BEHAVIOURS, Behaviour, DcPowerModel, read};
pub(crate) use state::{DcPower, Output, Regulation};
