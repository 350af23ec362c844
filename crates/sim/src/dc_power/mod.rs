//! Direct current supplies: levels, outputs, protection, measurement of their own outputs.
//!
//! - A level outside its bounds is -222 and changes nothing.
//! - Commands act on the channels of their list, or on the selected channel.
//! - An output that trips its protection goes off and stays off until the trip is cleared.

mod commands;
mod definition;
mod state;

pub(crate) use commands::execute;
pub(crate) use definition::{BEHAVIOURS, Behaviour, DcPowerModel, read};
pub(crate) use state::{DcPower, Output, Regulation};
