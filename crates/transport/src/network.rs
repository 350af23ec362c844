//! What the network says, in our words.

use benchtop_instrument::{Error, ErrorKind, Operation, Resource};
use std::io;

/// An error of a connection. One that comes with words (a name that leads nowhere, a protocol that was broken) keeps them.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "std's list of error kinds is open; this is the one place that reads it"
)]
pub(crate) fn io_error(operation: Operation, resource: &Resource, error: io::Error) -> Error {
    use io::ErrorKind as Os;
    let (kind, message) = match error.kind() {
        Os::ConnectionRefused => (ErrorKind::Disconnected, "nothing listens there"),
        Os::ConnectionReset | Os::ConnectionAborted | Os::BrokenPipe | Os::UnexpectedEof | Os::NotConnected => {
            (ErrorKind::Disconnected, "the instrument closed the connection")
        }
        Os::HostUnreachable | Os::NetworkUnreachable => (ErrorKind::Disconnected, "there is no way to that host"),
        Os::TimedOut => (ErrorKind::Timeout, "the network gave up"),
        Os::Unsupported => (ErrorKind::Unsupported, "the operating system refused"),
        Os::InvalidData => (ErrorKind::Garbled, "the operating system refused"),
        _ => (ErrorKind::Io, "the operating system refused"),
    };
    // tokio words these too, and no better
    let is_an_end = matches!(
        error.kind(),
        Os::UnexpectedEof | Os::WriteZero | Os::BrokenPipe | Os::NotConnected
    );
    let message = if error.get_ref().is_some() && !is_an_end {
        error.to_string()
    } else {
        message.to_owned()
    };
    Error::new(kind, operation, resource, message).with_source(error)
}
