//! What the process says to its caller when it ends.

use benchtop_run::RunOutcome;
use std::process::ExitCode;

/// How a command ended, as an exit code. Scripts and MES adapters rely on these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything as wanted; a run that passed.
    Success,
    /// The unit failed a limit; for `sync`: something is still pending.
    Fail,
    /// Refused before anything was touched: wrong usage, procedure, station or serial number.
    Refused,
    /// A fact about the station: an instrument, the disk; for `sync`: something is parked or quarantined.
    Error,
    /// A step took longer than it may.
    Timeout,
    /// Cut short.
    Aborted,
}

impl Exit {
    /// Of two, the one that a caller must know of: an error of the station hides everything else, a pass nothing.
    #[must_use]
    pub(crate) fn or_worse(self, other: Self) -> Self {
        if other.gravity() > self.gravity() { other } else { self }
    }

    /// How a run that ended so is called; one that was not saved is an error of the station.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Success => "PASS",
            Self::Fail => "FAIL",
            Self::Aborted => "ABORTED",
            Self::Timeout => "TIMEOUT",
            Self::Error => "ERROR",
            Self::Refused => "REFUSED",
        }
    }

    const fn gravity(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Fail => 1,
            Self::Aborted => 2,
            Self::Timeout => 3,
            Self::Error => 4,
            Self::Refused => 5,
        }
    }
}

impl From<RunOutcome> for Exit {
    fn from(outcome: RunOutcome) -> Self {
        match outcome {
            RunOutcome::Pass => Self::Success,
            RunOutcome::Fail => Self::Fail,
            RunOutcome::Error => Self::Error,
            RunOutcome::Timeout => Self::Timeout,
            RunOutcome::Aborted => Self::Aborted,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Fail => 1,
            Exit::Refused => 2,
            Exit::Error => 3,
            Exit::Timeout => 4,
            Exit::Aborted => 5,
        })
    }
}

/// Why a command could not be carried out: what to say, and how to end.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Failure {
    /// Refused before anything was touched.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Refused,
            message: message.into(),
        }
    }

    /// The station could not do it.
    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Error,
            message: message.into(),
        }
    }
}
