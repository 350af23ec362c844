//! What the crate promises as a whole.

mod accepted;
mod bench;
mod plans;
mod refused;
