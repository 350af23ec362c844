//! What the crate promises as a whole.

mod accepted;
pub(crate) mod bench;
mod given;
mod plans;
mod propagation;
mod refused;
mod slots;
