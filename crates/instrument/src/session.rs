//! The open message path to one instrument.

use crate::{Error, ErrorKind, Moment, Operation, Resource};
use async_trait::async_trait;

/// Whether a session can be trusted to pair answers with questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// Nothing is outstanding.
    Ready,
    /// A timeout, a dropped call or a framing error left it unknown what the instrument will say next.
    Desynchronised,
    /// The other end is gone.
    Disconnected,
    /// Closed by us.
    Closed,
}

/// Message-based I/O with one instrument.
///
/// The contract, checked by [`conformance::session`](crate::conformance::session):
/// - A message goes out and comes in whole: terminators and framing are the session's business.
/// - A late answer is never taken for the next one. A timeout, a dropped future or a framing error leaves
///   the session [`SessionState::Desynchronised`]; every operation but `recover`, `clear` and `close` then fails with
///   [`ErrorKind::Desynchronised`] until `recover` has succeeded, or `clear` where there is device clear.
/// - A closed peer is [`ErrorKind::Disconnected`] as soon as it is known, not a timeout.
/// - Every operation ends by its deadline; a silent peer costs just that time, to a tenth.
/// - A session that is over, closed or dropped, leaves no descriptor and no thread behind
///   ([`conformance::endurance`](crate::conformance::endurance)).
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Session: Send {
    /// The resource that was opened.
    fn resource(&self) -> &Resource;

    /// The present state.
    fn state(&self) -> SessionState;

    /// Sends one program message; `message` is without terminator.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`], [`ErrorKind::Disconnected`], [`ErrorKind::Desynchronised`] (also when unread
    /// input lies there: an answer nobody asked for), [`ErrorKind::Io`].
    async fn write(&mut self, message: &[u8], deadline: Moment) -> Result<(), Error>;

    /// Receives one response message, without its terminator; block data inside it is kept as sent.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`], [`ErrorKind::Disconnected`], [`ErrorKind::Desynchronised`],
    /// [`ErrorKind::Garbled`] where the framing is broken, [`ErrorKind::Io`].
    async fn read(&mut self, deadline: Moment) -> Result<Vec<u8>, Error>;

    /// Device clear: the instrument drops what it was doing and what it wanted to say. A desynchronised session is ready then.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where the transport has none (use `recover`), which changes nothing; else as for `write`.
    async fn clear(&mut self, deadline: Moment) -> Result<(), Error>;

    /// The IEEE 488.2 status byte, out of band: also between a question and its answer, of which its message-available bit tells.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where the transport has none, which changes nothing; else as for `read`.
    async fn status_byte(&mut self, deadline: Moment) -> Result<u8, Error>;

    /// The interface's own trigger: to the instrument the same as `*TRG` (IEEE 488.2, 10.37), which is sent where there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where the transport or the instrument has none, which changes nothing; else as for `write`.
    async fn trigger(&mut self, _deadline: Moment) -> Result<(), Error> {
        let message = "there is no trigger apart from messages here; send *TRG";
        Err(Error::new(
            ErrorKind::Unsupported,
            Operation::Trigger,
            self.resource(),
            message,
        ))
    }

    /// Brings a desynchronised or disconnected session back to [`SessionState::Ready`]: a socket closes and
    /// reopens, other transports send device clear. What the instrument was set to stays.
    ///
    /// # Errors
    /// Why it could not; the session stays as it was.
    async fn recover(&mut self, deadline: Moment) -> Result<(), Error>;

    /// Ends the session. Closing twice is no error.
    ///
    /// # Errors
    /// What the transport said; the session is closed all the same.
    async fn close(&mut self) -> Result<(), Error>;
}

/// What callers of a [`Session`] use beside its primitives.
#[async_trait]
pub trait SessionExt: Session {
    /// Writes a message and reads its answer under one deadline.
    ///
    /// # Errors
    /// As [`Session::write`] and [`Session::read`].
    async fn query(&mut self, message: &str, deadline: Moment) -> Result<String, Error> {
        self.write(message.as_bytes(), deadline).await?;
        let answer = self.read(deadline).await?;
        String::from_utf8(answer).map_err(|error| {
            Error::new(
                ErrorKind::Garbled,
                Operation::Read,
                self.resource(),
                format!("the answer to {message} is not text"),
            )
            .with_source(error)
        })
    }
}

impl<S: Session + ?Sized> SessionExt for S {}

/// Every method of a boxed session is the inner one's.
#[async_trait]
impl<S: Session + ?Sized> Session for Box<S> {
    fn resource(&self) -> &Resource {
        self.as_ref().resource()
    }

    fn state(&self) -> SessionState {
        self.as_ref().state()
    }

    async fn write(&mut self, message: &[u8], deadline: Moment) -> Result<(), Error> {
        self.as_mut().write(message, deadline).await
    }

    async fn read(&mut self, deadline: Moment) -> Result<Vec<u8>, Error> {
        self.as_mut().read(deadline).await
    }

    async fn clear(&mut self, deadline: Moment) -> Result<(), Error> {
        self.as_mut().clear(deadline).await
    }

    async fn status_byte(&mut self, deadline: Moment) -> Result<u8, Error> {
        self.as_mut().status_byte(deadline).await
    }

    async fn trigger(&mut self, deadline: Moment) -> Result<(), Error> {
        self.as_mut().trigger(deadline).await
    }

    async fn recover(&mut self, deadline: Moment) -> Result<(), Error> {
        self.as_mut().recover(deadline).await
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.as_mut().close().await
    }
}
