//! The promises of the store, each as one user of it would see it.

mod attachments;
mod chain;
mod clocks;
mod crash;
mod documented;
mod faults;
mod folding;
mod formats;
mod hostile;
mod journals;
mod looking;
mod model;
mod outgoing;
mod pruning;
mod receipts;
mod recovering;
#[cfg(unix)]
mod sharing;
mod space;
mod underway;
