//! The device's parser of program messages (IEEE 488.2 chapters 5 to 7, SCPI-99 volume 1), without any I/O.
//!
//! - [`Input`] cuts one client's byte stream into program messages and never holds more than its limits.
//! - [`split_unit`] and [`Unit::parse`] cut a message into headers and arguments.
//! - [`Tree`] holds the headers of a model and applies the path rules.
//! - [`Arguments`] reads arguments as what the command wants, or says which SCPI error they are.
//!
//! Nothing here knows a command: headers come from the model's `sim.toml`.

mod argument;
mod input;
mod number;
mod tree;
mod unit;

pub(crate) use argument::{Argument, Arguments, Bounds};
pub(crate) use input::{Input, MAX_MESSAGE, Received};
pub(crate) use number::Dimension;
pub(crate) use tree::{Forms, Path, Tree, is_form_of, short_form};
pub(crate) use unit::{Unit, split_unit};

#[cfg(test)]
mod tests;
