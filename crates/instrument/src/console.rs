//! The unit's own link: bytes as they come, with no questions and no answers.

use crate::{Error, Moment, Resource};
use async_trait::async_trait;

/// A stream of bytes to and from the unit under test: a serial console, a socket, a command's standard input and output.
///
/// The contract, checked by [`conformance::console`](crate::conformance::console):
/// - Bytes go out and come in as they are, in order; nothing is framed, echoed or added.
/// - `receive` may be dropped at any time and loses nothing.
/// - An end is [`ErrorKind::Disconnected`](crate::ErrorKind::Disconnected), from then on and for every call.
/// - Nothing has to be recovered: a timeout of `send` leaves the stream as it is, with some of the bytes sent.
#[async_trait]
pub trait Console: Send {
    /// The resource that was opened.
    fn resource(&self) -> &Resource;

    /// Sends bytes.
    ///
    /// # Errors
    /// `Timeout` when the other end takes nothing more, `Disconnected`, `Io`.
    async fn send(&mut self, bytes: &[u8], deadline: Moment) -> Result<(), Error>;

    /// What comes next, one byte at least. Waits for as long as it takes.
    ///
    /// # Errors
    /// `Disconnected` at the end of the stream, `Io`.
    async fn receive(&mut self) -> Result<Vec<u8>, Error>;

    /// Ends it. Closing twice is no error.
    async fn close(&mut self);
}
