//! The promises of the store, each as one user of it would see it.

mod attachments;
mod crash;
mod documented;
mod faults;
mod folding;
mod formats;
mod hostile;
mod journals;
mod model;
mod outgoing;
mod receipts;
mod recovering;
