//! What the records say: history, statistics, exports, pages.
//!
//! Everything here is read from sealed records of a store; what is kept beside them is derived and can be made again.
//! This crate writes no record, opens no instrument, and prints nothing.

pub mod export;
