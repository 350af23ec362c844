//! What went wrong on the way to an instrument: kind, operation, resource, cause.

use crate::{Resource, clock::human_duration};
use std::{error::Error as StdError, fmt, time::Duration};

/// What kind of failure it was; decides what a caller may do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No (complete) answer by the deadline. The session is desynchronised.
    Timeout,
    /// The other end is gone: closed socket, unplugged cable. Reopen to go on.
    Disconnected,
    /// An earlier timeout, dropped call or framing error was not recovered: nothing is read until it is.
    Desynchronised,
    /// This transport, driver or model cannot do it, or not yet.
    Unsupported,
    /// The request lies outside what the instrument can do; nothing was sent, nothing was clipped.
    OutOfRange,
    /// The instrument reported an error of its own (error queue, event status).
    Instrument,
    /// The answer is not of the form that was asked for.
    Garbled,
    /// A setting was read back and is not what was set.
    Readback,
    /// Another instrument answers than the one that was expected.
    WrongIdentity,
    /// The operating system refused.
    Io,
}

impl ErrorKind {
    /// Every kind with its word in transcripts.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("timeout", Self::Timeout),
        ("disconnected", Self::Disconnected),
        ("desynchronised", Self::Desynchronised),
        ("unsupported", Self::Unsupported),
        ("out of range", Self::OutOfRange),
        ("instrument", Self::Instrument),
        ("garbled", Self::Garbled),
        ("read-back", Self::Readback),
        ("wrong identity", Self::WrongIdentity),
        ("io", Self::Io),
    ];

    /// The word used in transcripts.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, kind)| *kind == self)
            .map_or("", |(word, _)| word)
    }
}

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Opening the session.
    Open,
    /// Writing a program message.
    Write,
    /// Reading a response message.
    Read,
    /// Device clear.
    Clear,
    /// Reading the status byte.
    StatusByte,
    /// Triggering through the interface.
    Trigger,
    /// Bringing a desynchronised session back.
    Recover,
    /// Closing, or returning to local.
    Close,
    /// Reading and comparing the identity.
    Identify,
    /// Bringing the instrument into its start state.
    Prepare,
    /// Taking a reading.
    Measure,
    /// Changing a setting.
    Set,
    /// Reading back which outputs are on.
    ReadBack,
    /// Switching outputs off.
    MakeSafe,
    /// The instrument's self-test.
    SelfTest,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Write => "write",
            Self::Read => "read",
            Self::Clear => "device clear",
            Self::StatusByte => "status byte",
            Self::Trigger => "trigger",
            Self::Recover => "recover",
            Self::Close => "close",
            Self::Identify => "identify",
            Self::Prepare => "prepare",
            Self::Measure => "measure",
            Self::Set => "set",
            Self::ReadBack => "read-back",
            Self::MakeSafe => "make safe",
            Self::SelfTest => "self-test",
        })
    }
}

/// A failure on one resource: `read on TCPIP0::10.0.0.7::5025::SOCKET: no answer in 2 s`.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    operation: Operation,
    resource: Resource,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A failure without a deeper cause.
    pub fn new(kind: ErrorKind, operation: Operation, resource: &Resource, message: impl Into<String>) -> Self {
        let (resource, message) = (resource.clone(), message.into());
        Self(Box::new(Inner {
            kind,
            operation,
            resource,
            message,
            source: None,
        }))
    }

    /// A timeout after `waited`.
    #[must_use]
    pub fn timeout(operation: Operation, resource: &Resource, waited: Duration) -> Self {
        Self::new(
            ErrorKind::Timeout,
            operation,
            resource,
            format!("no answer in {}", human_duration(waited)),
        )
    }

    /// Keeps the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same failure seen from the operation around it (a read inside a measure).
    #[must_use]
    pub fn during(self, operation: Operation) -> Self {
        let inner = *self.0;
        if inner.operation == operation {
            return Self(Box::new(inner));
        }
        let message = format!("{}: {}", inner.operation, inner.message);
        Self(Box::new(Inner {
            operation,
            message,
            ..inner
        }))
    }

    /// What kind of failure it was.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What was being done.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        self.0.operation
    }

    /// The resource it happened on.
    #[must_use]
    pub const fn resource(&self) -> &Resource {
        &self.0.resource
    }

    /// What happened, without operation and resource.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            operation,
            resource,
            message,
            source,
            ..
        } = self.0.as_ref();
        write!(f, "{operation} on {resource}: {message}")?;
        source.as_ref().map_or(Ok(()), |source| write!(f, " ({source})"))
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}
