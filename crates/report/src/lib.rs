//! What the records say: history, statistics, exports, pages.
//!
//! Everything here is read from sealed records of a store; what is kept beside them is derived and can be made again.
//! This crate writes no record, opens no instrument, and prints nothing.

pub mod analysis;
pub mod csv;
pub mod diff;
pub mod export;
pub mod filter;
pub mod gauges;
pub mod history;
pub mod index;
pub mod page;
pub mod population;
pub mod sentences;
pub mod shown;
pub mod stats;
#[cfg(test)]
mod testkit;
pub mod words;

pub use filter::{Filter, Headline};
pub use history::{Order, Runs, StoredRun, Unreadable, named, runs};
pub use index::History;
