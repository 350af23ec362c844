//! SCPI over HiSLIP 1.0 (IVI-6.1): `TCPIP0::10.0.0.7::hislip0::INSTR`, with another port `hislip0,4881`.
//!
//! Two connections make a session: messages go over the synchronous channel, status and device clear over the asynchronous one.
//!
//! - **Mode** (IVI-6.1, 3). A session begins in the mode that the instrument names. Device clear asks for synchronized mode and
//!   takes what it gets: an instrument that only does overlapped mode stays in it. A station that names a mode gets that one or
//!   no session.
//! - **Synchronized**: an answer has the number of its question, and an answer to anything else is dropped. An instrument that
//!   was interrupted says so on both channels; nothing that came before counts, and nothing is sent between the two words.
//! - **Overlapped**: the instrument numbers its answers itself, one after the other; they come in the order of the questions, and
//!   only a device clear drops what was not taken.

mod channel;

use crate::{guarded::Guarded, message::without_terminator, network::io_error};
use async_trait::async_trait;
use benchtop_instrument::{
    Clock, ClockExt, Elapsed, Error, ErrorKind, HislipMode, Moment, Operation, Resource, Session, SessionState,
    human_duration,
};
use channel::{Channel, Message, kind};
use std::{io, sync::Arc, time::Duration};

/// Where instruments listen (IVI-6.1, 2.1).
const PORT: u16 = 4880;
/// What we speak, and who we are.
const VERSION: u32 = 0x0100;
const VENDOR: u32 = 0x4254;
/// The number of the first message, and how they go on (IVI-6.1, 3.1.2).
const FIRST: u32 = 0xFFFF_FF00;
const STEP: u32 = 2;
/// Control bit: the answer before was taken.
const DELIVERED: u8 = 1;
/// Control bit of a feature negotiation, and of the answer to the first message: overlapped mode.
const OVERLAPPED: u8 = 1;
/// Control codes of a lock's request and of its answers (IVI-6.1, 6.5).
const RELEASE: u8 = 0;
const REQUEST: u8 = 1;
const GRANTED: u8 = 1;
const ANOTHERS: u8 = 0;
/// How long the last words to an instrument may take.
const FAREWELL: Duration = Duration::from_millis(500);
/// Status and answers without a number of their own, from servers that do not care.
const ANY: u32 = 0xFFFF_FFFF;
/// The largest message that we take, header included.
const OURS: u64 = 1 << 28;
/// What an instrument takes that says nothing useful.
const USUAL: usize = 1024;

/// A session.
pub struct HislipSession {
    resource: Resource,
    host: String,
    port: u16,
    sub_address: String,
    clock: Arc<dyn Clock>,
    /// Which mode it must have; nothing where any will do.
    wanted: Option<HislipMode>,
    /// How long to wait for the instrument's lock; nothing where others may use it too.
    exclusive: Option<Duration>,
    channels: Option<Channels>,
    guarded: Guarded,
}

/// The mode that a control code names.
const fn mode_of(control: u8) -> HislipMode {
    if control & OVERLAPPED == 0 {
        HislipMode::Synchronised
    } else {
        HislipMode::Overlapped
    }
}

#[derive(Debug)]
struct Channels {
    synchronous: Channel,
    asynchronous: Channel,
    mode: HislipMode,
    /// The number of the last message that was sent.
    last: u32,
    /// The number of the last message of the instrument that was taken, in overlapped mode.
    taken: u32,
    delivered: u8,
    /// The instrument has said on the asynchronous channel that it was interrupted, and not yet on the other.
    interrupted: bool,
    /// The most that the instrument takes in one payload.
    most: usize,
    /// Something was given up in the middle: what comes next cannot be told from what should have come.
    torn: bool,
}

impl std::fmt::Debug for HislipSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HislipSession({}, {:?})", self.resource, self.guarded.state())
    }
}

impl HislipSession {
    /// Opens both channels by `deadline`, in the mode that is wanted; nothing takes what the instrument names. With the
    /// instrument's lock where `exclusive` says how long to wait for it.
    ///
    /// # Errors
    /// `Unsupported` for a resource of another kind or a mode that the instrument has not, `Disconnected` where nothing listens or the instrument refuses, `Timeout`,
    /// `Garbled` where something else listens, `Io`, also where another session has the lock.
    pub async fn open(
        resource: &Resource,
        wanted: Option<HislipMode>,
        exclusive: Option<Duration>,
        clock: Arc<dyn Clock>,
        deadline: Moment,
    ) -> Result<Self, Error> {
        let refuse = |message: String| Err(Error::new(ErrorKind::Unsupported, Operation::Open, resource, message));
        let Resource::Lan { host, device, .. } = resource else {
            return refuse(format!("{} is not HiSLIP", resource.transport()));
        };
        let (sub_address, port) = match device.split_once(',') {
            None => (device.clone(), PORT),
            Some((sub_address, port)) => match port.parse() {
                Ok(port) => (sub_address.to_owned(), port),
                Err(error) => return refuse(format!("`{port}` is not a TCP port: {error}")),
            },
        };
        let mut session = Self {
            resource: resource.clone(),
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port,
            sub_address,
            clock,
            wanted,
            exclusive,
            channels: None,
            guarded: Guarded::ready(),
        };
        let begun = session.clock.now();
        session.channels = Some(session.connected(Operation::Open, begun, deadline).await?);
        let begins_in = session.channels.as_ref().map(|channels| channels.mode);
        if wanted.is_some() && wanted != begins_in {
            session.settle(Operation::Open, deadline).await?;
        }
        Ok(session)
    }

    /// Device clear, after which the session has the mode that is wanted.
    async fn settle(&mut self, operation: Operation, deadline: Moment) -> Result<(), Error> {
        let wanted = self.wanted;
        let (channels, limit) = self.parts(operation, deadline)?;
        limit.keep(channels.clear(wanted)).await?;
        match wanted {
            Some(wanted) if channels.mode != wanted => {
                let message = format!("the instrument does not do {} mode", wanted.word());
                Err(Error::new(ErrorKind::Unsupported, operation, limit.resource, message))
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn connected(&self, operation: Operation, begun: Moment, deadline: Moment) -> Result<Channels, Error> {
        let patience = deadline.since(begun);
        let connecting = async {
            let mut channels = connect(&self.host, self.port, &self.sub_address).await?;
            let Some(longest) = self.exclusive else {
                return Ok((channels, None));
            };
            // a refusal comes before the deadline
            let waited = longest.min(patience.saturating_sub(patience / 20));
            let answer = channels.lock(waited).await?;
            Ok((channels, Some((answer, waited))))
        };
        match self.clock.within(deadline, connecting).await {
            Ok(Ok((channels, None | Some((GRANTED, _))))) => Ok(channels),
            Ok(Ok((_, Some((answer, waited))))) => Err(self.not_locked(operation, answer, waited)),
            Ok(Err(error)) => Err(io_error(operation, &self.resource, error)),
            Err(Elapsed) => Err(Error::timeout(operation, &self.resource, patience)),
        }
    }

    /// Why there is no lock.
    fn not_locked(&self, operation: Operation, answer: u8, waited: Duration) -> Error {
        let message = if answer == ANOTHERS {
            let waited = human_duration(waited);
            format!("the instrument is locked by another session; it did not let go in {waited}")
        } else {
            format!("the instrument gives no lock: it answered {answer}")
        };
        Error::new(ErrorKind::Io, operation, &self.resource, message)
    }

    /// The channels, and how to do something with them by a deadline.
    fn parts(&mut self, operation: Operation, deadline: Moment) -> Result<(&mut Channels, Limit<'_>), Error> {
        let limit = Limit {
            clock: self.clock.as_ref(),
            resource: &self.resource,
            operation,
            deadline,
        };
        match &mut self.channels {
            Some(channels) => Ok((channels, limit)),
            None => Err(limit.error(io::ErrorKind::NotConnected.into())),
        }
    }

    async fn send(&mut self, message: &[u8], deadline: Moment) -> Result<(), Error> {
        let (channels, limit) = self.quiet(Operation::Write, deadline)?;
        limit.keep(channels.send(message)).await
    }

    async fn pull(&mut self, deadline: Moment) -> Result<(), Error> {
        let (channels, limit) = self.quiet(Operation::Trigger, deadline)?;
        limit.keep(channels.trigger()).await
    }

    /// The channels, where nothing lies on them that nobody asked for.
    fn quiet(&mut self, operation: Operation, deadline: Moment) -> Result<(&mut Channels, Limit<'_>), Error> {
        let (channels, limit) = self.parts(operation, deadline)?;
        let unread = channels.synchronous.has_unread().map_err(|error| limit.error(error))?;
        if unread {
            let what = "the instrument said something that nobody asked for";
            return Err(Error::new(
                ErrorKind::Desynchronised,
                limit.operation,
                limit.resource,
                what,
            ));
        }
        Ok((channels, limit))
    }
}

/// A deadline, and what to call an error.
struct Limit<'s> {
    clock: &'s dyn Clock,
    resource: &'s Resource,
    operation: Operation,
    deadline: Moment,
}

impl Limit<'_> {
    async fn keep<T: Send>(&self, work: impl Future<Output = io::Result<T>> + Send) -> Result<T, Error> {
        let begun = self.clock.now();
        match self.clock.within(self.deadline, work).await {
            Ok(done) => done.map_err(|error| self.error(error)),
            Err(Elapsed) => Err(Error::timeout(
                self.operation,
                self.resource,
                self.deadline.since(begun),
            )),
        }
    }

    fn error(&self, error: io::Error) -> Error {
        io_error(self.operation, self.resource, error)
    }
}

async fn connect(host: &str, port: u16, sub_address: &str) -> io::Result<Channels> {
    let mut synchronous = Channel::connect((host, port)).await?;
    let initialize = Message::new(kind::INITIALIZE, 0, (VERSION << 16) | VENDOR, sub_address.as_bytes());
    synchronous.send(&initialize).await?;
    let session = expect(&mut synchronous, kind::INITIALIZE_RESPONSE).await?;
    let mut asynchronous = Channel::connect((host, port)).await?;
    let initialize = Message::new(kind::ASYNC_INITIALIZE, 0, session.parameter & 0xFFFF, &[]);
    asynchronous.send(&initialize).await?;
    expect(&mut asynchronous, kind::ASYNC_INITIALIZE_RESPONSE).await?;
    let size = Message::new(kind::MAXIMUM_MESSAGE_SIZE, 0, 0, &OURS.to_be_bytes());
    asynchronous.send(&size).await?;
    let theirs = expect(&mut asynchronous, kind::MAXIMUM_MESSAGE_SIZE_RESPONSE).await?;
    let theirs = theirs.payload.first_chunk().copied().map(u64::from_be_bytes);
    let most = theirs.and_then(|most| usize::try_from(most).ok());
    Ok(Channels {
        synchronous,
        asynchronous,
        mode: mode_of(session.control),
        last: FIRST.wrapping_sub(STEP),
        taken: FIRST.wrapping_sub(STEP),
        delivered: 0,
        interrupted: false,
        most: most.filter(|most| *most > 0).unwrap_or(USUAL),
        torn: false,
    })
}

/// The next message of this type; what else comes meanwhile is dropped, but the end.
async fn expect(channel: &mut Channel, kind: u8) -> io::Result<Message> {
    loop {
        let message = channel.receive().await?;
        if message.kind == kind {
            return Ok(message);
        }
        refused(&message)?;
    }
}

/// Errors are messages too: a fatal one ends the session, another says that a message was not understood.
fn refused(message: &Message) -> io::Result<()> {
    let text = || escaped(&message.payload);
    match message.kind {
        kind::FATAL_ERROR => Err(io::Error::new(
            io::ErrorKind::ConnectionAborted,
            format!("the instrument ended the session: {}", text()),
        )),
        kind::ERROR => Err(io::Error::other(format!("the instrument refused: {}", text()))),
        _ => Ok(()),
    }
}

/// What an instrument says, fit to be shown.
fn escaped(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .flat_map(char::escape_default)
        .collect()
}

impl Channels {
    async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let bytes = [message, b"\n"].concat();
        let number = self.last.wrapping_add(STEP);
        self.last = number;
        self.torn = true;
        let mut parts = bytes.chunks(self.most).peekable();
        while let Some(part) = parts.next() {
            let kind = if parts.peek().is_some() {
                kind::DATA
            } else {
                kind::DATA_END
            };
            let control = std::mem::take(&mut self.delivered);
            self.synchronous
                .send(&Message::new(kind, control, number, part))
                .await?;
        }
        self.torn = false;
        Ok(())
    }

    /// The group execute trigger (IVI-6.1, 6.10). Nothing answers it.
    async fn trigger(&mut self) -> io::Result<()> {
        self.last = self.last.wrapping_add(STEP);
        self.torn = true;
        let control = std::mem::take(&mut self.delivered);
        let trigger = Message::new(kind::TRIGGER, control, self.last, &[]);
        self.synchronous.send(&trigger).await?;
        self.torn = false;
        Ok(())
    }

    /// Asks for the exclusive lock, and waits so long for it: the instrument's answer.
    async fn lock(&mut self, patience: Duration) -> io::Result<u8> {
        let milliseconds = u32::try_from(patience.as_millis()).unwrap_or(u32::MAX);
        let request = Message::new(kind::LOCK, REQUEST, milliseconds, &[]);
        self.asynchronous.send(&request).await?;
        Ok(expect(&mut self.asynchronous, kind::LOCK_RESPONSE).await?.control)
    }

    /// Gives the lock back, behind the last message.
    async fn unlock(&mut self) -> io::Result<()> {
        let release = Message::new(kind::LOCK, RELEASE, self.last, &[]);
        self.asynchronous.send(&release).await?;
        expect(&mut self.asynchronous, kind::LOCK_RESPONSE).await.map(drop)
    }

    /// The answer to the last message, in overlapped mode the next one.
    async fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut answer = Vec::new();
        loop {
            let message = self.synchronous.receive().await?;
            refused(&message)?;
            if message.kind == kind::INTERRUPTED {
                answer.clear();
                self.interrupted().await?;
                continue;
            }
            let data = matches!(message.kind, kind::DATA | kind::DATA_END);
            if !data || self.interrupted || !self.answers(&message) {
                // an answer to what was given up before
                answer.clear();
                continue;
            }
            self.taken = message.parameter;
            answer.extend(message.payload);
            if answer.len() > crate::MAX_MESSAGE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the answer is too long"));
            }
            if message.kind == kind::DATA_END {
                self.delivered = DELIVERED;
                return Ok(without_terminator(answer));
            }
        }
    }

    /// Whether a message is part of the answer that is waited for.
    const fn answers(&self, message: &Message) -> bool {
        match self.mode {
            HislipMode::Synchronised => message.parameter == self.last || message.parameter == ANY,
            HislipMode::Overlapped => true,
        }
    }

    /// The synchronous channel says that the instrument was interrupted: the other one says so too, or has done so.
    async fn interrupted(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.interrupted) {
            self.torn = true;
            expect(&mut self.asynchronous, kind::ASYNC_INTERRUPTED).await?;
            self.torn = false;
        }
        Ok(())
    }

    async fn status_byte(&mut self) -> io::Result<u8> {
        let number = match self.mode {
            HislipMode::Synchronised => self.last,
            HislipMode::Overlapped => self.taken,
        };
        let query = Message::new(kind::STATUS_QUERY, self.delivered, number, &[]);
        self.torn = true;
        self.asynchronous.send(&query).await?;
        self.delivered = 0;
        let response = loop {
            let message = self.asynchronous.receive().await?;
            refused(&message)?;
            match message.kind {
                kind::STATUS_RESPONSE => break message,
                kind::ASYNC_INTERRUPTED => self.interrupted = true,
                _ => {}
            }
        };
        self.torn = false;
        Ok(response.control)
    }

    /// Device clear (IVI-6.1, 6.12), and the wanted mode where the instrument has it: synchronized, if nothing is said.
    async fn clear(&mut self, wanted: Option<HislipMode>) -> io::Result<()> {
        let feature = match wanted {
            Some(HislipMode::Overlapped) => OVERLAPPED,
            Some(HislipMode::Synchronised) | None => 0,
        };
        self.torn = true;
        self.asynchronous
            .send(&Message::new(kind::ASYNC_DEVICE_CLEAR, 0, 0, &[]))
            .await?;
        expect(&mut self.asynchronous, kind::ASYNC_DEVICE_CLEAR_ACKNOWLEDGE).await?;
        self.synchronous
            .send(&Message::new(kind::DEVICE_CLEAR_COMPLETE, feature, 0, &[]))
            .await?;
        let settled = expect(&mut self.synchronous, kind::DEVICE_CLEAR_ACKNOWLEDGE).await?;
        self.mode = mode_of(settled.control);
        self.last = FIRST.wrapping_sub(STEP);
        self.taken = self.last;
        self.delivered = 0;
        self.interrupted = false;
        self.torn = false;
        Ok(())
    }
}

#[async_trait]
impl Session for HislipSession {
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
        let received = match self.parts(Operation::Read, deadline) {
            Ok((channels, limit)) => limit.keep(channels.receive()).await,
            Err(error) => Err(error),
        };
        self.guarded.end(received)
    }

    async fn clear(&mut self, deadline: Moment) -> Result<(), Error> {
        self.recover(deadline)
            .await
            .map_err(|error| error.during(Operation::Clear))
    }

    async fn status_byte(&mut self, deadline: Moment) -> Result<u8, Error> {
        self.guarded.begin(Operation::StatusByte, &self.resource)?;
        let byte = match self.parts(Operation::StatusByte, deadline) {
            Ok((channels, limit)) => limit.keep(channels.status_byte()).await,
            Err(error) => Err(error),
        };
        self.guarded.end(byte)
    }

    async fn trigger(&mut self, deadline: Moment) -> Result<(), Error> {
        self.guarded.begin(Operation::Trigger, &self.resource)?;
        let triggered = self.pull(deadline).await;
        self.guarded.end(triggered)
    }

    async fn recover(&mut self, deadline: Moment) -> Result<(), Error> {
        let operation = Operation::Recover;
        let state = self.guarded.state();
        self.guarded.begin_recovery(operation, &self.resource)?;
        let usable = self.channels.as_ref().is_some_and(|channels| !channels.torn);
        if state == SessionState::Disconnected || !usable {
            self.channels = None;
            let begun = self.clock.now();
            self.channels = Some(self.connected(operation, begun, deadline).await?);
        }
        let cleared = self.settle(operation, deadline).await;
        self.guarded.end(cleared)
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.guarded.close();
        // both connections end: that ends the session, and its lock if it is not given back in time
        if let Some(mut channels) = self.channels.take().filter(|_| self.exclusive.is_some()) {
            let soon = self.clock.now().after(FAREWELL);
            drop(self.clock.within(soon, channels.unlock()).await);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
