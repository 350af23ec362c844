//! What this bench has: station files, resolved definitions and resources.
//!
//! Where the two towers meet by type: a [`Station`] yields the capabilities that a procedure is bound to without opening
//! anything, and opens the instruments, real or simulated, when the run wants them.

mod catalogue;
mod console;
mod file;
mod keys;
mod metrology;
mod rules;
mod slots;
mod station;
mod targets;

pub use benchtop_scpi::Options;
pub use benchtop_transport::Recorder;
pub use catalogue::{Catalogue, Entry, EntryText, Origin, sha256};
pub use console::StationConsole;
pub use file::{CalibrationRule, StationFile, StationInstrument, parse};
pub use keys::{bench_keys, keys};
pub use metrology::{Calibration, Said, of_bench};
pub use rules::{AllowedProcedure, StationParameter};
pub use slots::{StationSlot, slots_of_bench};
pub use station::{Equipment, Station, drive, open_instrument, open_session};
pub use targets::{TargetEntry, targets};

#[cfg(test)]
mod tests;
