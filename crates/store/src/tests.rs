//! The promises of the store, each as one user of it would see it.

mod crash;
mod documented;
mod folding;
mod formats;
mod hostile;
mod journals;
mod outgoing;
mod recovering;
