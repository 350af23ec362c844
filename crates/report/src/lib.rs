//! What the records say: history, statistics, exports, pages.
//!
//! Everything here is read from sealed records of a store; what is kept beside them is derived and can be made again.
//! This crate writes no record, opens no instrument, and prints nothing.

pub mod csv;
pub mod export;
pub mod filter;
pub mod history;
#[cfg(test)]
mod testkit;

pub use filter::{Filter, Headline};
pub use history::{Order, Runs, StoredRun, Unreadable, runs};
