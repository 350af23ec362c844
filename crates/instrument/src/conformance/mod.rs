//! The suites that every implementation of [`Session`](crate::Session) and [`Instrument`](crate::Instrument) enrols in.
//!
//! An implementation provides a rig (how to open one against a far end that the suite plays) and calls one
//! function; a session calls [`endurance`] beside it, in a test of its own. What a transport has not got it reports as `Unsupported`;
//! only what a recording cannot show is exempted by name, with the reason.

mod console;
mod endurance;
mod instrument;
mod sampling;
mod session;
mod switching;

pub use console::{ConsoleRig, console};
pub use endurance::endurance;
pub use instrument::{InstrumentRig, instrument};
pub use session::{FarEnd, OutOfBand, SessionRig, session};

use std::fmt;

/// A rule of the contract that an implementation broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: &'static str,
    /// What happened instead.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.detail)
    }
}

impl std::error::Error for Violation {}

fn broken(rule: &'static str, detail: impl Into<String>) -> Violation {
    Violation {
        rule,
        detail: detail.into(),
    }
}
