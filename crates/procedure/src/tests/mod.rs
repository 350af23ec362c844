//! What the crate promises as a whole.

mod accepted;
mod bench;
mod given;
mod plans;
mod propagation;
mod refused;
