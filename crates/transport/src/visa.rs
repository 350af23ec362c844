//! Sessions through a VISA library (`visa-rs`): USBTMC, GPIB, and whatever else the library reaches (`VISA::<resource>`).
//!
//! The library is looked for when the first session opens; without one that is a clean error. Its calls block, so each session
//! has a thread of its own; a panic on it (visa-rs panics on a status code that it does not know, and where the library lacks
//! a function) is an error of the call. An exclusive session takes the library's lock when it opens, and lets go when it closes:
//! that keeps out the sessions of the same library on this computer, and others where the library hands the lock on.

mod attributes;
pub mod library;
mod reading;
mod worker;

use crate::{framer::Framer, guarded::Guarded, message::without_terminator};
use async_trait::async_trait;
use benchtop_instrument::{
    Clock, ClockExt, Elapsed, Error, ErrorKind, LineSettings, Moment, Operation, Resource, Session, SessionState,
    Terminator,
};
use std::{io::Write, sync::Arc, time::Duration};
use visa_rs::enums::assert::AssertTrigPro;
use worker::{Trouble, Worker};

/// Bytes that one read takes.
const CHUNK: usize = 64 * 1024;
/// Largest message that is put together, in bytes.
const LARGEST: usize = crate::MAX_MESSAGE;
/// Status byte: the instrument has something to say (IEEE 488.2, section 11.2.1.2).
const MESSAGE_AVAILABLE: u16 = 1 << 4;
/// How long a line without device clear must be quiet at most before each look.
const LOOK: Duration = Duration::from_millis(50);

/// A session through a VISA library.
pub struct VisaSession {
    resource: Resource,
    /// As VISA calls it.
    name: String,
    line: LineSettings,
    clock: Arc<dyn Clock>,
    worker: Option<Worker>,
    framer: Framer,
    guarded: Guarded,
    /// A byte stream has no end of a message but its terminator.
    stream: bool,
    /// The interface has a status byte, as far as is known.
    has_status: bool,
}

impl std::fmt::Debug for VisaSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VisaSession({}, {:?})", self.resource, self.guarded.state())
    }
}

/// What VISA calls a resource; nothing for one that it does not know.
fn visa_name(resource: &Resource) -> Option<String> {
    match resource {
        Resource::Visa { name } => Some(name.clone()),
        Resource::Usb { .. } | Resource::Gpib { .. } => Some(resource.to_string()),
        Resource::Socket { .. }
        | Resource::Lan { .. }
        | Resource::Serial { .. }
        | Resource::Simulated { .. }
        | Resource::Replay { .. }
        | Resource::Process { .. } => None,
    }
}

impl VisaSession {
    /// Opens the resource by `deadline`.
    ///
    /// # Errors
    /// `Unsupported` where there is no VISA library, for a resource that is not VISA's, and for a lock that the instrument has
    /// not got; `Disconnected` for an instrument that is not there, `Timeout`, `Io` with VISA's own words, also where another
    /// session has the lock.
    pub async fn open(
        resource: &Resource,
        line: &LineSettings,
        clock: Arc<dyn Clock>,
        deadline: Moment,
    ) -> Result<Self, Error> {
        let Some(name) = visa_name(resource) else {
            let message = format!("{} does not go through VISA", resource.transport());
            return Err(Error::new(ErrorKind::Unsupported, Operation::Open, resource, message));
        };
        let upper = name.to_ascii_uppercase();
        let serial = upper.starts_with("ASRL");
        let mut session = Self {
            resource: resource.clone(),
            stream: serial || !upper.ends_with("::INSTR"),
            has_status: !serial,
            name,
            line: line.clone(),
            clock,
            worker: None,
            framer: framer_for(line.answer_terminator),
            guarded: Guarded::ready(),
        };
        session.worker = Some(session.connect(Operation::Open, deadline).await?);
        Ok(session)
    }

    async fn connect(&self, operation: Operation, deadline: Moment) -> Result<Worker, Error> {
        let begun = self.clock.now();
        let patience = deadline.since(begun);
        let opening = Worker::open(&self.name, &self.line, self.stream, patience);
        match self.clock.within(deadline, opening).await {
            Ok(Ok(worker)) => Ok(worker),
            Ok(Err(trouble)) => Err(self.error(operation, patience, &trouble)),
            Err(Elapsed) => Err(Error::timeout(operation, &self.resource, patience)),
        }
    }

    fn error(&self, operation: Operation, waited: Duration, trouble: &Trouble) -> Error {
        let kind = trouble.kind();
        if kind == ErrorKind::Timeout {
            return Error::timeout(operation, &self.resource, waited);
        }
        Error::new(kind, operation, &self.resource, trouble.to_string())
    }

    /// Carries out one call of the library by `deadline`.
    async fn call<T: Send + 'static>(
        &self,
        operation: Operation,
        deadline: Moment,
        work: impl FnOnce(&visa_rs::Instrument) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Error> {
        let begun = self.clock.now();
        let patience = deadline.since(begun);
        let Some(worker) = &self.worker else {
            let message = "the session lost its path and must be recovered";
            return Err(Error::new(ErrorKind::Disconnected, operation, &self.resource, message));
        };
        match self.clock.within(deadline, worker.call(patience, work)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(trouble)) => Err(self.error(operation, patience, &trouble)),
            Err(Elapsed) => Err(Error::timeout(operation, &self.resource, patience)),
        }
    }

    /// What came, and whether there may be more of the same message: the buffer was full before it was over.
    async fn read_chunk(&self, operation: Operation, deadline: Moment) -> Result<(Vec<u8>, bool), Error> {
        self.call(operation, deadline, |instrument| {
            let mut chunk = vec![0; CHUNK];
            let (count, is_full) = reading::read(instrument, &mut chunk)?;
            chunk.truncate(count);
            Ok((chunk, is_full))
        })
        .await
    }

    async fn send(&self, operation: Operation, bytes: Vec<u8>, deadline: Moment) -> Result<(), Error> {
        self.call(operation, deadline, move |mut instrument| {
            let count = instrument.write(&bytes).map_err(Trouble::from)?;
            if count == bytes.len() {
                return Ok(());
            }
            Err(Trouble::Told(format!("{count} of {} bytes were sent", bytes.len())))
        })
        .await
    }

    /// What arrived before it was asked for.
    async fn check_nothing_unread(&mut self, deadline: Moment) -> Result<(), Error> {
        let operation = Operation::Write;
        let unread = |what: &str| Error::new(ErrorKind::Desynchronised, operation, &self.resource, what);
        if self.framer.has_unread() {
            return Err(unread("the instrument said something that nobody asked for"));
        }
        if self.stream {
            let arrived = self.call(operation, deadline, worker::read_what_is_there).await?;
            return if arrived.is_empty() {
                Ok(())
            } else {
                Err(unread("the instrument sent bytes that nobody asked for"))
            };
        }
        if !self.has_status {
            return Ok(());
        }
        match self
            .call(operation, deadline, |instrument| Ok(instrument.read_stb()?))
            .await
        {
            Ok(byte) if byte & MESSAGE_AVAILABLE != 0 => {
                Err(unread("the instrument has something to say that nobody asked for"))
            }
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                self.has_status = false;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// A message of a byte stream: it ends where its terminator says so, and what is behind it stays.
    async fn read_stream(&mut self, deadline: Moment) -> Result<Vec<u8>, Error> {
        let operation = Operation::Read;
        loop {
            match self.framer.next_message() {
                Ok(Some(message)) => return Ok(message),
                Ok(None) => {}
                Err(error) => {
                    let message = error.to_string();
                    return Err(Error::new(ErrorKind::Garbled, operation, &self.resource, message).with_source(error));
                }
            }
            let (chunk, _) = self.read_chunk(operation, deadline).await?;
            self.framer.push(&chunk);
        }
    }

    /// A message whose end the interface marks. Of a library that does not say whether it met the end just where the buffer was
    /// full, the terminator says so.
    async fn read_message(&self, deadline: Moment) -> Result<Vec<u8>, Error> {
        let operation = Operation::Read;
        let mut message = Vec::new();
        loop {
            let (chunk, is_full) = self.read_chunk(operation, deadline).await?;
            message.extend_from_slice(&chunk);
            if !is_full || ends_here(&message) {
                return Ok(without_terminator(message));
            }
            if message.len() > LARGEST {
                let text = format!("a message of more than {LARGEST} bytes");
                return Err(Error::new(ErrorKind::Garbled, operation, &self.resource, text));
            }
        }
    }

    /// Takes what still comes, until nothing came for so long.
    async fn discard(&mut self, patience: Duration, deadline: Moment) -> Result<(), Error> {
        let operation = Operation::Recover;
        let mut quiet_since = self.clock.now();
        loop {
            let now = self.clock.now();
            if now.since(quiet_since) >= patience {
                self.framer = framer_for(self.line.answer_terminator);
                return Ok(());
            }
            if now >= deadline {
                return Err(Error::timeout(operation, &self.resource, patience));
            }
            let arrived = self.call(operation, deadline, worker::read_what_is_there).await?;
            if arrived.is_empty() {
                self.clock.sleep(LOOK).await;
            } else {
                quiet_since = self.clock.now();
            }
        }
    }

    /// Opens it again, on a thread of its own: the one before may still be in a call that does not return.
    async fn reopen(&mut self, deadline: Moment) -> Result<(), Error> {
        let operation = Operation::Recover;
        if let Some(worker) = self.worker.take() {
            let half = self.clock.now().after(deadline.since(self.clock.now()) / 2);
            // a port can be open only once; a library that never returns is left to itself
            let _closed = self.clock.within(half, worker.close()).await;
        }
        self.framer = framer_for(self.line.answer_terminator);
        self.worker = Some(self.connect(operation, deadline).await?);
        Ok(())
    }
}

/// The resources that the library lists.
///
/// # Errors
/// That there is no library, or what it said; also that it said nothing for so long.
pub async fn list(clock: &dyn Clock, patience: Duration) -> Result<Vec<String>, String> {
    match clock.within(clock.now().after(patience), worker::list()).await {
        Ok(list) => list.map_err(|trouble| trouble.to_string()),
        Err(Elapsed) => Err(format!("the VISA library made no list in {} s", patience.as_secs_f64())),
    }
}

fn framer_for(terminator: Terminator) -> Framer {
    match terminator {
        Terminator::Lf | Terminator::CrLf => Framer::default(),
        Terminator::Cr => Framer::ending_at_cr(),
        Terminator::LfCr => Framer::ending_at_lf_cr(),
    }
}

/// True where a message that filled a buffer is whole.
fn ends_here(message: &[u8]) -> bool {
    let mut framer = Framer::default();
    framer.push(message);
    matches!(framer.next_message(), Ok(Some(_))) && !framer.has_unread()
}

#[async_trait]
impl Session for VisaSession {
    fn resource(&self) -> &Resource {
        &self.resource
    }

    fn state(&self) -> SessionState {
        self.guarded.state()
    }

    async fn write(&mut self, message: &[u8], deadline: Moment) -> Result<(), Error> {
        self.guarded.begin(Operation::Write, &self.resource)?;
        if let Err(error) = self.check_nothing_unread(deadline).await {
            return Err(self.guarded.end_badly(error));
        }
        let bytes = [message, self.line.terminator.bytes()].concat();
        let sent = self.send(Operation::Write, bytes, deadline).await;
        self.guarded.end(sent)
    }

    async fn read(&mut self, deadline: Moment) -> Result<Vec<u8>, Error> {
        self.guarded.begin(Operation::Read, &self.resource)?;
        let received = if self.stream {
            self.read_stream(deadline).await
        } else {
            self.read_message(deadline).await
        };
        self.guarded.end(received)
    }

    async fn clear(&mut self, deadline: Moment) -> Result<(), Error> {
        let operation = Operation::Clear;
        if self.stream {
            let message = "a byte stream through VISA has no device clear; recover opens it again";
            return Err(Error::new(ErrorKind::Unsupported, operation, &self.resource, message));
        }
        self.guarded.begin_recovery(operation, &self.resource)?;
        match self
            .call(operation, deadline, |instrument| Ok(instrument.clear()?))
            .await
        {
            Ok(()) => {
                self.guarded.end_well();
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Unsupported => Err(error),
            Err(error) => Err(self.guarded.end_badly(error)),
        }
    }

    async fn status_byte(&mut self, deadline: Moment) -> Result<u8, Error> {
        let operation = Operation::StatusByte;
        self.guarded.begin(operation, &self.resource)?;
        let byte = self
            .call(operation, deadline, |instrument| Ok(instrument.read_stb()?))
            .await;
        match byte {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                self.guarded.end_well();
                Err(error)
            }
            byte => self.guarded.end(byte.map(|byte| byte.to_le_bytes()[0])),
        }
    }

    async fn trigger(&mut self, deadline: Moment) -> Result<(), Error> {
        let operation = Operation::Trigger;
        if self.stream {
            let message = "a byte stream through VISA has no trigger; send *TRG";
            return Err(Error::new(ErrorKind::Unsupported, operation, &self.resource, message));
        }
        self.guarded.begin(operation, &self.resource)?;
        let triggered = self
            .call(operation, deadline, |instrument| {
                Ok(instrument.assert_trigger(AssertTrigPro::TrigProtDefault)?)
            })
            .await;
        match triggered {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                self.guarded.end_well();
                Err(error)
            }
            triggered => self.guarded.end(triggered),
        }
    }

    async fn recover(&mut self, deadline: Moment) -> Result<(), Error> {
        let operation = Operation::Recover;
        let state = self.guarded.state();
        self.guarded.begin_recovery(operation, &self.resource)?;
        if !self.stream && state != SessionState::Disconnected {
            // half of the time is kept for another way, should the library hang
            let half = self.clock.now().after(deadline.since(self.clock.now()) / 2);
            if self.clear(half).await.is_ok() {
                return Ok(());
            }
        }
        let reopened = match self.reopen(deadline).await {
            Ok(()) if self.name.to_ascii_uppercase().starts_with("ASRL") => {
                self.discard(self.line.quiet, deadline).await
            }
            reopened => reopened,
        };
        match reopened {
            Ok(()) => {
                self.guarded.end_well();
                Ok(())
            }
            Err(error) => Err(self.guarded.end_badly(error)),
        }
    }

    async fn close(&mut self) -> Result<(), Error> {
        if let Some(worker) = self.worker.take() {
            let soon = self.clock.now().after(Duration::from_secs(2));
            let _closed = self.clock.within(soon, worker.close()).await;
        }
        self.guarded.close();
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
