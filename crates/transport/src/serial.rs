//! SCPI over a serial line (`ASRL/dev/ttyUSB0::INSTR`), by the `serialport` crate.
//!
//! Two threads belong to a session, one that reads and one that writes: both block, and neither keeps a runtime waiting. They
//! end, and the port with them, when the session is closed or dropped.
//!
//! A line says nothing about what came before. After a timeout, `recover` sends what clears the instrument and discards until the
//! line was quiet; where nothing clears it, for as long as its slowest answer takes. Then it asks a question whose answer is
//! known in form and is not the abandoned one's. An instrument that ends every message with a prompt must end that one with it.

use crate::{
    framer::Framer,
    guarded::Guarded,
    port::{self, Port},
};
use async_trait::async_trait;
use benchtop_instrument::{
    Clock, ClockExt, Elapsed, Error, ErrorKind, LineSettings, Moment, Operation, Prompt, Resource, Session,
    SessionState, Terminator,
};
use std::{sync::Arc, time::Duration};

/// The questions whose answers are known in form: four fields, and `1`.
const IDENTITY: &[u8] = b"*IDN?";
const COMPLETE: &[u8] = b"*OPC?";

/// How often a port is tried that somebody has, and when again: a session that was dropped frees it a moment later.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(25);

/// How long a line must be quiet on which no answer is awaited, or whose instrument was cleared: what lies in buffers comes.
const QUIET: Duration = Duration::from_millis(250);

/// So many prompts may come before the proof: of the abandoned message, and of what was cut off.
const STALE_PROMPTS: usize = 2;

/// A session on a serial line.
pub struct SerialSession {
    resource: Resource,
    line: LineSettings,
    clock: Arc<dyn Clock>,
    port: Option<Port>,
    framer: Framer,
    guarded: Guarded,
    /// The last message that was sent: an answer to it may still come.
    last: Vec<u8>,
}

impl std::fmt::Debug for SerialSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SerialSession({}, {:?})", self.resource, self.guarded.state())
    }
}

impl SerialSession {
    /// Opens the port by `deadline`.
    ///
    /// # Errors
    /// `Unsupported` for a resource that is no serial port, `Disconnected` for one that is not there, `Timeout`, `Io`.
    pub async fn open(
        resource: &Resource,
        line: &LineSettings,
        clock: Arc<dyn Clock>,
        deadline: Moment,
    ) -> Result<Self, Error> {
        let mut session = Self {
            resource: resource.clone(),
            line: line.clone(),
            clock,
            port: None,
            framer: match line.answer_terminator {
                Terminator::Lf | Terminator::CrLf => Framer::default(),
                Terminator::Cr => Framer::ending_at_cr(),
                Terminator::LfCr => Framer::ending_at_lf_cr(),
            },
            guarded: Guarded::ready(),
            last: Vec::new(),
        };
        session.port = Some(session.connect(Operation::Open, deadline).await?);
        Ok(session)
    }

    async fn connect(&self, operation: Operation, deadline: Moment) -> Result<Port, Error> {
        let begun = self.clock.now();
        let Resource::Serial { port } = &self.resource else {
            let message = format!("{} is not a serial port", self.resource.transport());
            return Err(Error::new(ErrorKind::Unsupported, operation, &self.resource, message));
        };
        let opening = async {
            let mut opened = Port::open(port, &self.line).await;
            for _ in 0..TRIES {
                match &opened {
                    Err(error) if port::is_taken(error) => self.clock.sleep(PAUSE).await,
                    Ok(_) | Err(_) => break,
                }
                opened = Port::open(port, &self.line).await;
            }
            opened
        };
        match self.clock.within(deadline, opening).await {
            Ok(Ok(port)) => Ok(port),
            Ok(Err(error)) => Err(port::error(operation, &self.resource, error)),
            Err(Elapsed) => Err(Error::timeout(operation, &self.resource, deadline.since(begun))),
        }
    }

    fn gone(&self, operation: Operation) -> Error {
        let message = "the port is gone: unplugged, or its other end closed";
        Error::new(ErrorKind::Disconnected, operation, &self.resource, message)
    }

    /// What arrived before it was asked for: an answer to nothing, or the end of the line.
    fn check_nothing_unread(&mut self) -> Result<(), Error> {
        let resource = &self.resource;
        let unread = |what: &str| Error::new(ErrorKind::Desynchronised, Operation::Write, resource, what);
        if self.framer.has_unread() {
            return Err(unread("the instrument said something that nobody asked for"));
        }
        match self.port.as_mut().map(Port::arrived) {
            Some(Some(Ok(_))) => Err(unread("the instrument sent bytes that nobody asked for")),
            Some(Some(Err(_))) | None => Err(self.gone(Operation::Write)),
            Some(None) => Ok(()),
        }
    }

    async fn send(&mut self, operation: Operation, bytes: Vec<u8>, deadline: Moment) -> Result<(), Error> {
        let begun = self.clock.now();
        let Some(port) = &self.port else {
            return Err(self.gone(operation));
        };
        let patience = deadline.since(begun);
        let sent = self.clock.within(deadline, port.send(bytes, patience)).await;
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(port::error(operation, &self.resource, error)),
            Err(Elapsed) => Err(Error::timeout(operation, &self.resource, patience)),
        }
    }

    async fn receive(&mut self, operation: Operation) -> Result<Vec<u8>, Error> {
        loop {
            let framed = self.framer.next_message();
            if let Some(message) = framed.map_err(|error| {
                Error::new(ErrorKind::Garbled, operation, &self.resource, error.to_string()).with_source(error)
            })? {
                return Ok(message);
            }
            match &mut self.port {
                None => return Err(self.gone(operation)),
                Some(port) => match port.next().await {
                    Some(Ok(bytes)) => self.framer.push(&bytes),
                    Some(Err(error)) => return Err(port::error(operation, &self.resource, error)),
                    None => return Err(self.gone(operation)),
                },
            }
        }
    }

    async fn receive_by(&mut self, operation: Operation, deadline: Moment) -> Result<Vec<u8>, Error> {
        let begun = self.clock.now();
        let clock = Arc::clone(&self.clock);
        match clock.within(deadline, self.receive(operation)).await {
            Ok(received) => received,
            Err(Elapsed) => Err(Error::timeout(operation, &self.resource, deadline.since(begun))),
        }
    }

    /// Discards what comes until nothing has come for so long.
    async fn discard(&mut self, operation: Operation, patience: Duration, deadline: Moment) -> Result<(), Error> {
        let begun = self.clock.now();
        let clock = Arc::clone(&self.clock);
        loop {
            self.framer.reset();
            let quiet = clock.now().after(patience);
            let Some(port) = &mut self.port else {
                return Err(self.gone(operation));
            };
            match clock.within(quiet.min(deadline), port.next()).await {
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(error))) => return Err(port::error(operation, &self.resource, error)),
                Ok(None) => return Err(self.gone(operation)),
                Err(Elapsed) if quiet <= deadline => return Ok(()),
                Err(Elapsed) => return Err(Error::timeout(operation, &self.resource, deadline.since(begun))),
            }
        }
    }

    fn prompt(&self, line: &[u8]) -> Option<Prompt> {
        self.line.prompts.as_ref()?.meaning(line)
    }

    /// Asks what nobody else has asked, to be sure that the next answer is to the next question.
    async fn prove(&mut self, deadline: Moment) -> Result<(), Error> {
        let operation = Operation::Recover;
        let asks_identity = self
            .last
            .windows(IDENTITY.len())
            .any(|window| window.eq_ignore_ascii_case(IDENTITY));
        let question = if asks_identity { COMPLETE } else { IDENTITY };
        let end = self.line.terminator.bytes();
        // what was cut off in the middle of a message ends here
        let bytes = [end, question, end].concat();
        self.send(operation, bytes, deadline).await?;
        let mut answer = self.receive_by(operation, deadline).await?;
        for _ in 0..STALE_PROMPTS {
            if self.prompt(&answer).is_some() {
                answer = self.receive_by(operation, deadline).await?;
            }
        }
        let fits = if asks_identity {
            answer.trim_ascii() == b"1"
        } else {
            answer.iter().filter(|byte| **byte == b',').count() >= 3
        };
        let ends = if fits && self.line.prompts.is_some() {
            let end = self.receive_by(operation, deadline).await?;
            self.prompt(&end) == Some(Prompt::Ok)
        } else {
            fits
        };
        if ends && !self.framer.has_unread() {
            return Ok(());
        }
        let message = format!(
            "{} was answered with something else: the line cannot be trusted",
            String::from_utf8_lossy(question)
        );
        Err(Error::new(
            ErrorKind::Desynchronised,
            operation,
            &self.resource,
            message,
        ))
    }
}

#[async_trait]
impl Session for SerialSession {
    fn resource(&self) -> &Resource {
        &self.resource
    }

    fn state(&self) -> SessionState {
        self.guarded.state()
    }

    async fn write(&mut self, message: &[u8], deadline: Moment) -> Result<(), Error> {
        self.guarded.begin(Operation::Write, &self.resource)?;
        if let Err(error) = self.check_nothing_unread() {
            return Err(self.guarded.end_badly(error));
        }
        self.last = message.to_vec();
        let bytes = [message, self.line.terminator.bytes()].concat();
        let sent = self.send(Operation::Write, bytes, deadline).await;
        self.guarded.end(sent)
    }

    async fn read(&mut self, deadline: Moment) -> Result<Vec<u8>, Error> {
        self.guarded.begin(Operation::Read, &self.resource)?;
        let received = self.receive_by(Operation::Read, deadline).await;
        self.guarded.end(received)
    }

    async fn clear(&mut self, deadline: Moment) -> Result<(), Error> {
        if self.line.clear.is_empty() {
            let message = "this instrument has no device clear on a serial line; recover waits until it is quiet";
            return Err(Error::new(
                ErrorKind::Unsupported,
                Operation::Clear,
                &self.resource,
                message,
            ));
        }
        self.recover(deadline)
            .await
            .map_err(|error| error.during(Operation::Clear))
    }

    async fn status_byte(&mut self, _deadline: Moment) -> Result<u8, Error> {
        let message = "a serial line has no status byte out of band; ask *STB? instead";
        Err(Error::new(
            ErrorKind::Unsupported,
            Operation::StatusByte,
            &self.resource,
            message,
        ))
    }

    async fn recover(&mut self, deadline: Moment) -> Result<(), Error> {
        let operation = Operation::Recover;
        let awaited = self.guarded.state() != SessionState::Ready && self.line.clear.is_empty();
        self.guarded.begin_recovery(operation, &self.resource)?;
        let patience = if awaited {
            self.line.quiet
        } else {
            QUIET.min(self.line.quiet)
        };
        if self.guarded.state() == SessionState::Disconnected || self.port.is_none() {
            // closed first: a port is opened once
            if let Some(port) = self.port.take() {
                port.close().await;
            }
            self.port = Some(self.connect(operation, deadline).await?);
        }
        let recovered = async {
            if !self.line.clear.is_empty() {
                self.send(operation, self.line.clear.clone(), deadline).await?;
            }
            self.discard(operation, patience, deadline).await?;
            self.prove(deadline).await
        };
        match recovered.await {
            Ok(()) => {
                self.guarded.end_well();
                Ok(())
            }
            Err(error) => Err(self.guarded.end_badly(error)),
        }
    }

    async fn close(&mut self) -> Result<(), Error> {
        if let Some(port) = self.port.take() {
            port.close().await;
        }
        self.framer.reset();
        self.guarded.close();
        Ok(())
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests;
