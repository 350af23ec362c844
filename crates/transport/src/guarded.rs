//! The after-a-timeout rule, once for every transport: what state a session is in, and what that forbids.

use benchtop_instrument::{Error, ErrorKind, Operation, Resource, SessionState};

/// A session's state, kept so that a dropped future leaves it right: an operation in flight counts as
/// desynchronised until it says that it ended well.
#[derive(Debug)]
pub(crate) struct Guarded {
    state: SessionState,
}

impl Guarded {
    pub(crate) const fn ready() -> Self {
        Self {
            state: SessionState::Ready,
        }
    }

    pub(crate) const fn state(&self) -> SessionState {
        self.state
    }

    /// Begins an operation, or says why it may not.
    pub(crate) fn begin(&mut self, operation: Operation, resource: &Resource) -> Result<(), Error> {
        let refuse = |kind, why: &str| Err(Error::new(kind, operation, resource, why));
        match self.state {
            SessionState::Ready => {
                self.state = SessionState::Desynchronised;
                Ok(())
            }
            SessionState::Desynchronised => refuse(
                ErrorKind::Desynchronised,
                "an earlier answer may still come; the session must be recovered first",
            ),
            SessionState::Disconnected => refuse(ErrorKind::Disconnected, "the instrument closed the connection"),
            SessionState::Closed => refuse(ErrorKind::Disconnected, "the session is closed"),
        }
    }

    /// Begins to bring the session back, or to clear it; only one that is closed refuses. Dropped on the way, one that was ready is
    /// not any more.
    pub(crate) fn begin_recovery(&mut self, operation: Operation, resource: &Resource) -> Result<(), Error> {
        match self.state {
            SessionState::Ready | SessionState::Closed => self.begin(operation, resource),
            SessionState::Desynchronised | SessionState::Disconnected => Ok(()),
        }
    }

    /// The operation ended and nothing is outstanding.
    pub(crate) const fn end_well(&mut self) {
        self.state = SessionState::Ready;
    }

    /// The operation failed: `Disconnected` says so, everything else leaves it desynchronised.
    pub(crate) fn end_badly(&mut self, error: Error) -> Error {
        self.state = match error.kind() {
            ErrorKind::Disconnected => SessionState::Disconnected,
            ErrorKind::Timeout
            | ErrorKind::Desynchronised
            | ErrorKind::Unsupported
            | ErrorKind::OutOfRange
            | ErrorKind::Instrument
            | ErrorKind::Garbled
            | ErrorKind::Readback
            | ErrorKind::WrongIdentity
            | ErrorKind::Io => SessionState::Desynchronised,
        };
        error
    }

    /// The operation ended so.
    pub(crate) fn end<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        match result {
            Ok(value) => {
                self.end_well();
                Ok(value)
            }
            Err(error) => Err(self.end_badly(error)),
        }
    }

    pub(crate) const fn close(&mut self) {
        self.state = SessionState::Closed;
    }
}
