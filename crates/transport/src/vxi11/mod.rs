//! SCPI over VXI-11 (TCP/IP Instrument Protocol, revision 1.0): `TCPIP0::10.0.0.7::inst0::INSTR`.
//!
//! The core channel is found through the instrument's portmapper, or named: `inst0,1024`. Messages end in END; an answer is one
//! message whatever bytes are in it. Before a message goes out the status byte is read: an answer that lies there belongs to
//! nobody.
//!
//! A call whose deadline passes or that nobody waits for any more is ended on the instrument through the abort channel, and its
//! link given up: the next one is a new link.

mod link;
mod rpc;

use crate::{guarded::Guarded, message::without_terminator, network::io_error};
use async_trait::async_trait;
use benchtop_instrument::{
    Clock, ClockExt, Elapsed, Error, ErrorKind, Moment, Operation, Resource, Session, SessionState, human_duration,
};
use link::{Address, Calling, Link};
use rpc::{Reader, Rpc, Writer};
use std::{io, sync::Arc, time::Duration};

/// The portmapper: its port, program, version, and the procedure that says where a program is (RFC 1833).
const PORTMAPPER_PORT: u16 = 111;
const PORTMAPPER: u32 = 100_000;
const PORTMAPPER_VERSION: u32 = 2;
const GETPORT: u32 = 3;
const TCP: u32 = 6;

/// The core channel (VXI-11, table B.1), and its procedures.
const CORE: u32 = 395_183;
const CORE_VERSION: u32 = 1;
const CREATE_LINK: u32 = 10;
const DEVICE_WRITE: u32 = 11;
const DEVICE_READ: u32 = 12;
const DEVICE_READSTB: u32 = 13;
const DEVICE_TRIGGER: u32 = 14;
const DEVICE_CLEAR: u32 = 15;
const DEVICE_LOCK: u32 = 18;
const DEVICE_UNLOCK: u32 = 19;
const DESTROY_LINK: u32 = 23;

/// Flags of an operation: the message ends with these bytes (VXI-11, B.5.3).
const END_FLAG: u32 = 8;
/// Reasons why a read ended: the terminating character was met, the message ended (VXI-11, B.6.4).
const CHARACTER: u32 = 2;
const END: u32 = 4;
/// Status byte: a message is available (IEEE 488.2, 11.2.1.2).
const MESSAGE_AVAILABLE: u8 = 1 << 4;

/// What is asked for in one read, in bytes.
pub(crate) const MOST_READ: u32 = 256 * 1024;
/// The longest answer that is taken.
const MOST_ANSWER: usize = crate::MAX_MESSAGE;
/// What an instrument takes in one write that does not say how much.
const USUAL_WRITE: usize = 1024;

/// A link to an instrument.
pub struct Vxi11Session {
    resource: Resource,
    host: String,
    device: String,
    core_port: Option<u16>,
    /// How long to wait for the instrument's lock; nothing where others may use it too.
    exclusive: Option<Duration>,
    clock: Arc<dyn Clock>,
    /// Nothing where a call on it was given up.
    link: Option<Link>,
    guarded: Guarded,
}

impl std::fmt::Debug for Vxi11Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vxi11Session({}, {:?})", self.resource, self.guarded.state())
    }
}

/// Why a call came to nothing.
enum Failure {
    /// The network.
    Io(io::Error),
    /// The instrument says so (VXI-11, table B.2).
    Code(u32),
    /// It says so to who asked for its lock, and waited so long.
    Lock(u32, Duration),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Asks a portmapper for the core channel's port, as a datagram.
pub(crate) fn core_port_call(number: u32) -> Vec<u8> {
    rpc::call(number, [PORTMAPPER, PORTMAPPER_VERSION, GETPORT], core_port_arguments())
}

/// What a portmapper says to that: 0 where there is no such channel.
pub(crate) fn core_port_reply(reply: &[u8], number: u32) -> Option<u32> {
    rpc::reply(reply.to_vec(), number).ok()??.word().ok()
}

fn core_port_arguments() -> Writer {
    [CORE, CORE_VERSION, TCP, 0]
        .into_iter()
        .fold(Writer::default(), Writer::word)
}

impl Vxi11Session {
    /// Creates a link by `deadline`, with the instrument's lock where `exclusive` says how long to wait for it.
    ///
    /// # Errors
    /// `Unsupported` for a resource of another kind or an instrument without a lock, `Disconnected` where nothing listens or
    /// there is no such device, `Timeout`, `Io`, also where another link has the lock.
    pub async fn open(
        resource: &Resource,
        exclusive: Option<Duration>,
        clock: Arc<dyn Clock>,
        deadline: Moment,
    ) -> Result<Self, Error> {
        let refuse = |message: String| Err(Error::new(ErrorKind::Unsupported, Operation::Open, resource, message));
        let Resource::Lan { host, device, .. } = resource else {
            return refuse(format!("{} is not VXI-11", resource.transport()));
        };
        let (device, core_port) = match device.split_once(',') {
            None => (device.clone(), None),
            Some((device, port)) => match port.parse() {
                Ok(port) => (device.to_owned(), Some(port)),
                Err(error) => return refuse(format!("`{port}` is not the port of a core channel: {error}")),
            },
        };
        let mut session = Self {
            resource: resource.clone(),
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            device,
            core_port,
            exclusive,
            clock,
            link: None,
            guarded: Guarded::ready(),
        };
        session.link = Some(session.connect(Operation::Open, deadline).await?);
        Ok(session)
    }

    async fn connect(&self, operation: Operation, deadline: Moment) -> Result<Link, Error> {
        let begun = self.clock.now();
        let patience = deadline.since(begun);
        let address = Address {
            host: &self.host,
            device: &self.device,
            core_port: self.core_port,
            // a refusal comes before the deadline
            lock: self.exclusive.map(|longest| longest.min(told(patience))),
        };
        match self.clock.within(deadline, Link::create(&address, &self.clock)).await {
            Ok(Ok(link)) => Ok(link),
            Ok(Err(failure)) => Err(self.error(operation, failure)),
            Err(Elapsed) => Err(Error::timeout(operation, &self.resource, patience)),
        }
    }

    fn error(&self, operation: Operation, failure: Failure) -> Error {
        let fail = |kind, message: &str| Error::new(kind, operation, &self.resource, message);
        match failure {
            Failure::Io(error) => io_error(operation, &self.resource, error),
            Failure::Code(3) => fail(ErrorKind::Disconnected, "there is no such device behind this address"),
            Failure::Code(4) => fail(ErrorKind::Disconnected, "the instrument has forgotten the link"),
            Failure::Code(8) => fail(ErrorKind::Unsupported, "the instrument does not support this"),
            Failure::Code(9) => fail(ErrorKind::Io, "the instrument takes no more links"),
            Failure::Code(11) => fail(ErrorKind::Io, "the instrument is locked by another link"),
            Failure::Code(15) => fail(ErrorKind::Timeout, "no answer in time, says the instrument"),
            Failure::Code(code) => fail(ErrorKind::Io, &format!("the instrument reports VXI-11 error {code}")),
            Failure::Lock(11, waited) => {
                let waited = human_duration(waited);
                fail(
                    ErrorKind::Io,
                    &format!("the instrument is locked by another link; it did not let go in {waited}"),
                )
            }
            Failure::Lock(8, _) => fail(ErrorKind::Unsupported, "the instrument cannot be locked"),
            Failure::Lock(code, _) => fail(
                ErrorKind::Io,
                &format!("the instrument gives no lock: VXI-11 error {code}"),
            ),
        }
    }

    /// One call about the link, by `deadline`. The instrument is told to give up a little earlier, so that it answers in time.
    async fn call(
        &mut self,
        operation: Operation,
        procedure: u32,
        arguments: impl FnOnce(u32, u32) -> Writer,
        deadline: Moment,
    ) -> Result<Reader, Error> {
        let begun = self.clock.now();
        let patience = deadline.since(begun);
        let Some(link) = self.link.take() else {
            return Err(self.error(operation, Failure::Io(io::ErrorKind::NotConnected.into())));
        };
        let timeout = u32::try_from(told(patience).as_millis()).unwrap_or(u32::MAX);
        let arguments = arguments(link.number, timeout);
        let mut calling = Calling::on(link, &self.clock);
        let result = match self.clock.within(deadline, calling.call(procedure, arguments)).await {
            Ok(Ok(mut results)) => {
                self.link = calling.over().ok();
                checked(&mut results).map(|()| results)
            }
            Ok(Err(error)) => Err(Failure::Io(error)),
            Err(Elapsed) => return Err(Error::timeout(operation, &self.resource, patience)),
        };
        result.map_err(|failure| {
            if matches!(failure, Failure::Code(15)) {
                return Error::timeout(operation, &self.resource, patience);
            }
            self.error(operation, failure)
        })
    }

    /// A call of the form that most have: link, flags, lock timeout, timeout.
    async fn generic(&mut self, operation: Operation, procedure: u32, deadline: Moment) -> Result<Reader, Error> {
        let arguments = |link, timeout| Writer::default().word(link).word(0).word(0).word(timeout);
        self.call(operation, procedure, arguments, deadline).await
    }

    async fn serial_poll(&mut self, operation: Operation, deadline: Moment) -> Result<u8, Error> {
        let mut results = self.generic(operation, DEVICE_READSTB, deadline).await?;
        let byte = results.word().map_err(|error| self.error(operation, error.into()))?;
        u8::try_from(byte & 0xFF).map_err(|error| self.error(operation, Failure::Io(io::Error::other(error))))
    }

    async fn send(&mut self, message: &[u8], deadline: Moment) -> Result<(), Error> {
        let operation = Operation::Write;
        if self.serial_poll(operation, deadline).await? & MESSAGE_AVAILABLE != 0 {
            let message = "the instrument has an answer that nobody asked for";
            return Err(Error::new(
                ErrorKind::Desynchronised,
                operation,
                &self.resource,
                message,
            ));
        }
        let bytes = [message, b"\n"].concat();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let most = self.link.as_ref().map_or(USUAL_WRITE, |link| link.most);
            let (part, behind) = rest.split_at_checked(most).unwrap_or((rest, &[]));
            let flags = if behind.is_empty() { END_FLAG } else { 0 };
            let arguments = |link, timeout| {
                let head = Writer::default().word(link).word(timeout).word(0).word(flags);
                head.opaque(part)
            };
            let mut results = self.call(operation, DEVICE_WRITE, arguments, deadline).await?;
            let taken = results.word().map_err(|error| self.error(operation, error.into()))?;
            let taken = usize::try_from(taken).unwrap_or_default();
            if taken == 0 || taken > part.len() {
                return Err(self.error(operation, Failure::Io(io::ErrorKind::WriteZero.into())));
            }
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    async fn receive(&mut self, deadline: Moment) -> Result<Vec<u8>, Error> {
        let operation = Operation::Read;
        let mut message = Vec::new();
        loop {
            let arguments = |link, timeout| {
                let head = Writer::default().word(link).word(MOST_READ).word(timeout);
                head.word(0).word(0).word(0)
            };
            let mut results = self.call(operation, DEVICE_READ, arguments, deadline).await?;
            let part = results.word().and_then(|reason| Ok((reason, results.opaque()?)));
            let (reason, bytes) = part.map_err(|error| self.error(operation, error.into()))?;
            message.extend(bytes);
            if message.len() > MOST_ANSWER {
                let text = format!("an answer of more than {MOST_ANSWER} bytes");
                return Err(Error::new(ErrorKind::Garbled, operation, &self.resource, text));
            }
            if reason & (END | CHARACTER) != 0 {
                return Ok(without_terminator(message));
            }
        }
    }
}

/// How long an instrument is told that it has, so that it says itself that it was too slow.
fn told(patience: Duration) -> Duration {
    patience.saturating_sub(patience / 20).max(Duration::from_millis(1))
}

/// Where the core channel is, says the portmapper.
async fn core_port(host: &str) -> Result<u16, Failure> {
    let mut rpc = Rpc::connect((host, PORTMAPPER_PORT), PORTMAPPER, PORTMAPPER_VERSION).await?;
    let port = rpc.call(GETPORT, core_port_arguments()).await?.word()?;
    match u16::try_from(port) {
        Ok(0) | Err(_) => Err(Failure::Io(io::Error::new(
            io::ErrorKind::Unsupported,
            "its portmapper knows no VXI-11",
        ))),
        Ok(port) => Ok(port),
    }
}

/// The first word of every result is an error code.
fn checked(results: &mut Reader) -> Result<(), Failure> {
    match results.word()? {
        0 => Ok(()),
        code => Err(Failure::Code(code)),
    }
}

#[async_trait]
impl Session for Vxi11Session {
    fn resource(&self) -> &Resource {
        &self.resource
    }

    fn state(&self) -> SessionState {
        self.guarded.state()
    }

    async fn write(&mut self, message: &[u8], deadline: Moment) -> Result<(), Error> {
        self.guarded.begin(Operation::Write, &self.resource)?;
        let sent = self.send(message, deadline).await;
        self.guarded.end(sent)
    }

    async fn read(&mut self, deadline: Moment) -> Result<Vec<u8>, Error> {
        self.guarded.begin(Operation::Read, &self.resource)?;
        let received = self.receive(deadline).await;
        self.guarded.end(received)
    }

    async fn clear(&mut self, deadline: Moment) -> Result<(), Error> {
        self.recover(deadline)
            .await
            .map_err(|error| error.during(Operation::Clear))
    }

    async fn status_byte(&mut self, deadline: Moment) -> Result<u8, Error> {
        self.guarded.begin(Operation::StatusByte, &self.resource)?;
        let byte = self.serial_poll(Operation::StatusByte, deadline).await;
        self.guarded.end(byte)
    }

    async fn trigger(&mut self, deadline: Moment) -> Result<(), Error> {
        let operation = Operation::Trigger;
        self.guarded.begin(operation, &self.resource)?;
        let triggered = self.generic(operation, DEVICE_TRIGGER, deadline).await.map(drop);
        if triggered
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::Unsupported)
        {
            // it said so: nothing is outstanding
            self.guarded.end_well();
            return triggered;
        }
        self.guarded.end(triggered)
    }

    async fn recover(&mut self, deadline: Moment) -> Result<(), Error> {
        let operation = Operation::Recover;
        let state = self.guarded.state();
        self.guarded.begin_recovery(operation, &self.resource)?;
        if self.link.is_none() || state == SessionState::Disconnected {
            // a call that was given up is answered some day on its own connection: that was given up with it
            self.link = None;
            self.link = Some(self.connect(operation, deadline).await?);
        }
        let cleared = self.generic(operation, DEVICE_CLEAR, deadline).await;
        self.guarded.end(cleared.map(drop))
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.guarded.close();
        if let Some(link) = self.link.take() {
            link.leave(&self.clock).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
