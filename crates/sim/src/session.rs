//! Sessions to instruments in this process.
//!
//! A session is the host's end of a pipe of bytes; the device's end ([`DeviceEnd`]) is an instrument of a bench, or the
//! conformance suite. Everything is done inside the caller's own poll: no task is started, so a virtual clock sees a
//! session that waits as what it is.

use crate::{
    attachment::Attachment,
    client::Progress,
    device::Wait,
    framing::{Framed, frame},
};
use async_trait::async_trait;
use benchtop_instrument::{Clock, Error, ErrorKind, Moment, Operation, Resource, Session, SessionState};
use std::sync::Arc;
use tokio::sync::Notify;

/// The device's end of the pipe.
pub(crate) trait DeviceEnd: Send {
    /// A whole program message arrives.
    fn message(&mut self, message: &[u8]);

    /// Works as far as it can and puts what it says behind `into`.
    fn collect(&mut self, into: &mut Vec<u8>) -> Progress;

    /// Is told when [`collect`](Self::collect) may be worth another call.
    fn changed(&self) -> Arc<Notify>;

    /// Device clear. False if it does not react.
    fn clear(&mut self) -> bool;

    /// The status byte. Nothing if it does not react. `underway` is whether an answer was collected that nobody has read.
    fn status_byte(&mut self, underway: bool) -> Option<u8>;

    /// Somebody reads, and there is nothing to say.
    fn unterminated(&mut self);

    /// Connects anew after the connection was lost. False if nobody is there.
    fn reconnect(&mut self) -> bool;
}

impl DeviceEnd for Attachment {
    fn message(&mut self, message: &[u8]) {
        self.receive(message);
        self.end_message();
    }

    fn collect(&mut self, into: &mut Vec<u8>) -> Progress {
        self.advance(into)
    }

    fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.shared.changed)
    }

    fn clear(&mut self) -> bool {
        Self::clear(self)
    }

    fn status_byte(&mut self, underway: bool) -> Option<u8> {
        Self::status_byte(self, underway)
    }

    fn unterminated(&mut self) {
        Self::unterminated(self);
    }

    fn reconnect(&mut self) -> bool {
        Self::reconnect(self)
    }
}

/// The host's end of the pipe.
pub(crate) struct PipeSession<D> {
    resource: Resource,
    clock: Arc<dyn Clock>,
    device: D,
    /// What has come and was not read.
    unread: Vec<u8>,
    state: SessionState,
    /// The instrument did not take the connection.
    refused: bool,
    /// A read has begun and not ended; if the next call finds it so, that read was dropped.
    reading: bool,
}

impl<D: DeviceEnd> PipeSession<D> {
    pub(crate) const fn new(resource: Resource, clock: Arc<dyn Clock>, device: D) -> Self {
        Self {
            resource,
            clock,
            device,
            unread: Vec::new(),
            state: SessionState::Ready,
            refused: false,
            reading: false,
        }
    }

    /// A session that did not come about; it can be recovered when the device takes connections again.
    pub(crate) fn refused(resource: Resource, clock: Arc<dyn Clock>, device: D) -> Self {
        Self {
            state: SessionState::Disconnected,
            refused: true,
            ..Self::new(resource, clock, device)
        }
    }

    fn error(&self, kind: ErrorKind, operation: Operation, message: &str) -> Error {
        Error::new(kind, operation, &self.resource, message)
    }

    fn usable(&mut self, operation: Operation) -> Result<(), Error> {
        self.state = self.state();
        self.reading = false;
        match self.state {
            SessionState::Ready => Ok(()),
            SessionState::Desynchronised => Err(self.error(
                ErrorKind::Desynchronised,
                operation,
                "an earlier answer is still outstanding: recover first",
            )),
            SessionState::Disconnected => Err(self.disconnected(operation)),
            SessionState::Closed => Err(self.error(ErrorKind::Disconnected, operation, "the session was closed")),
        }
    }

    fn disconnected(&mut self, operation: Operation) -> Error {
        self.state = SessionState::Disconnected;
        self.unread.clear();
        let message = if self.refused {
            "the simulated instrument refuses connections"
        } else {
            "the simulated instrument closed the connection"
        };
        self.error(ErrorKind::Disconnected, operation, message)
    }

    /// The first message of what has come, taken out.
    fn framed(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match frame(&self.unread) {
            Framed::Incomplete => Ok(None),
            Framed::Message { content, whole } => {
                let mut message: Vec<u8> = self.unread.drain(..whole).collect();
                message.truncate(content);
                Ok(Some(message))
            }
            Framed::Broken => {
                self.state = SessionState::Desynchronised;
                Err(self.error(ErrorKind::Garbled, Operation::Read, "a block longer than anybody sends"))
            }
        }
    }

    async fn receive(&mut self, begun: Moment, deadline: Moment) -> Result<Vec<u8>, Error> {
        let mut asked = false;
        loop {
            let mut changed = std::pin::pin!(self.device.changed().notified_owned());
            // from here on a change is noticed, so none is missed between the look and the wait
            changed.as_mut().enable();
            let progress = self.device.collect(&mut self.unread);
            if let Some(message) = self.framed()? {
                return Ok(message);
            }
            let until = match progress {
                Progress::Gone => return Err(self.disconnected(Operation::Read)),
                Progress::Idle => {
                    if !std::mem::replace(&mut asked, true) && self.unread.is_empty() {
                        self.device.unterminated();
                    }
                    deadline
                }
                Progress::Waiting(Wait::Until(moment)) => moment.min(deadline),
                Progress::Waiting(Wait::ForChange) | Progress::Deaf => deadline,
            };
            if self.clock.now() >= deadline {
                self.state = SessionState::Desynchronised;
                let waited = deadline.since(begun);
                return Err(Error::timeout(Operation::Read, &self.resource, waited));
            }
            tokio::select! {
                biased;
                () = changed => {}
                () = self.clock.sleep_until(until) => {}
            }
        }
    }

    /// Waits in vain.
    async fn timed_out(&mut self, operation: Operation, deadline: Moment) -> Error {
        let waited = deadline.since(self.clock.now());
        self.state = SessionState::Desynchronised;
        self.clock.sleep_until(deadline).await;
        Error::timeout(operation, &self.resource, waited)
    }
}

#[async_trait]
impl<D: DeviceEnd> Session for PipeSession<D> {
    fn resource(&self) -> &Resource {
        &self.resource
    }

    fn state(&self) -> SessionState {
        if self.reading && self.state == SessionState::Ready {
            return SessionState::Desynchronised;
        }
        self.state
    }

    async fn write(&mut self, message: &[u8], _deadline: Moment) -> Result<(), Error> {
        self.usable(Operation::Write)?;
        if self.device.collect(&mut self.unread) == Progress::Gone {
            return Err(self.disconnected(Operation::Write));
        }
        if !self.unread.is_empty() {
            self.state = SessionState::Desynchronised;
            let message = "an answer that nobody asked for lies unread";
            return Err(self.error(ErrorKind::Desynchronised, Operation::Write, message));
        }
        self.device.message(message);
        if self.device.collect(&mut self.unread) == Progress::Gone {
            return Err(self.disconnected(Operation::Write));
        }
        Ok(())
    }

    async fn read(&mut self, deadline: Moment) -> Result<Vec<u8>, Error> {
        self.usable(Operation::Read)?;
        self.reading = true;
        let begun = self.clock.now();
        let result = self.receive(begun, deadline).await;
        self.reading = false;
        result
    }

    async fn clear(&mut self, deadline: Moment) -> Result<(), Error> {
        let operation = Operation::Clear;
        match self.state() {
            // what is outstanding is what it clears
            SessionState::Ready | SessionState::Desynchronised => {}
            SessionState::Disconnected | SessionState::Closed => return self.usable(operation),
        }
        if self.device.collect(&mut self.unread) == Progress::Gone {
            return Err(self.disconnected(operation));
        }
        if !self.device.clear() {
            return Err(self.timed_out(operation, deadline).await);
        }
        self.reading = false;
        self.unread.clear();
        self.state = SessionState::Ready;
        Ok(())
    }

    async fn status_byte(&mut self, deadline: Moment) -> Result<u8, Error> {
        self.usable(Operation::StatusByte)?;
        if self.device.collect(&mut self.unread) == Progress::Gone {
            return Err(self.disconnected(Operation::StatusByte));
        }
        match self.device.status_byte(!self.unread.is_empty()) {
            Some(byte) => Ok(byte),
            None => Err(self.timed_out(Operation::StatusByte, deadline).await),
        }
    }

    async fn recover(&mut self, deadline: Moment) -> Result<(), Error> {
        self.state = self.state();
        self.reading = false;
        match self.state {
            SessionState::Ready => return Ok(()),
            SessionState::Closed => return self.usable(Operation::Recover),
            SessionState::Disconnected => {
                self.refused = !self.device.reconnect();
                if self.refused {
                    return Err(self.disconnected(Operation::Recover));
                }
            }
            SessionState::Desynchronised => {
                if !self.device.clear() {
                    return Err(self.timed_out(Operation::Recover, deadline).await);
                }
            }
        }
        self.unread.clear();
        self.state = SessionState::Ready;
        Ok(())
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.state = SessionState::Closed;
        self.reading = false;
        self.unread.clear();
        Ok(())
    }
}
