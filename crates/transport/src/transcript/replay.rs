//! A session that a transcript answers.

use super::{Content, parse};
use crate::TraceEvent;
use async_trait::async_trait;
use benchtop_instrument::{Error, ErrorKind, Moment, Operation, Resource, Session, SessionState};
use std::{fs, path::Path};

/// Largest transcript that is read, in bytes.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// Answers as the transcript does, to just the messages that it holds.
///
/// The first one that differs ends the session, with the line's number. Nothing waits: what came late comes at once, and a
/// timeout as soon as it is met.
#[derive(Debug)]
pub struct ReplaySession {
    resource: Resource,
    file: String,
    /// With their line numbers.
    events: Vec<(usize, TraceEvent)>,
    next: usize,
    state: SessionState,
    /// How the dialogue left the transcript.
    refused: Option<String>,
}

impl ReplaySession {
    /// Opens the transcript that `resource` names.
    ///
    /// # Errors
    /// `Io` where it cannot be read; `Unsupported` for a text that is no transcript, and for one of several instruments of
    /// which none is named, or one that is not there.
    pub fn open(resource: &Resource) -> Result<Self, Error> {
        let fail = |kind, message: String| Error::new(kind, Operation::Open, resource, message);
        let Resource::Replay { file, name } = resource else {
            return Err(fail(ErrorKind::Unsupported, "this is no transcript".to_owned()));
        };
        let text =
            read(Path::new(file)).map_err(|error| fail(ErrorKind::Io, format!("cannot read {file}: {error}")))?;
        let lines = parse(file, &text).map_err(|error| fail(ErrorKind::Unsupported, error.to_string()))?;
        let mut events = Vec::new();
        let mut names: Vec<String> = Vec::new();
        let mut ours = true;
        for line in lines {
            match line.content {
                Content::Note(_) => {}
                Content::Instrument { name: instrument, .. } => {
                    ours = name.as_ref().is_none_or(|name| *name == instrument);
                    if !names.contains(&instrument) {
                        names.push(instrument);
                    }
                }
                Content::Event(event) if ours => events.push((line.number, event)),
                Content::Event(_) => {}
            }
        }
        let known = match name {
            Some(name) => names.contains(name),
            None => names.len() < 2,
        };
        if !known {
            let message = match names.as_slice() {
                [] => format!("{file} does not say whose its lines are: leave the name away"),
                names => format!(
                    "say whose lines of {file}: REPLAY::{file}::<name>, of {}",
                    names.join(", ")
                ),
            };
            return Err(fail(ErrorKind::Unsupported, message));
        }
        Ok(Self {
            resource: resource.clone(),
            file: file.clone(),
            events,
            next: 0,
            state: SessionState::Ready,
            refused: None,
        })
    }

    fn error(&self, kind: ErrorKind, operation: Operation, message: String) -> Error {
        Error::new(kind, operation, &self.resource, message)
    }

    /// Nothing stands in the way of an operation: neither the dialogue, which has left the transcript, nor a failure that the
    /// transcript holds next, nor the state that one has left behind.
    fn usable(&mut self, operation: Operation) -> Result<(), Error> {
        if let Some(refused) = &self.refused {
            return Err(self.error(ErrorKind::Unsupported, operation, refused.clone()));
        }
        if let Some(error) = self.failure(operation) {
            return Err(error);
        }
        let recovers = matches!(operation, Operation::Recover | Operation::Clear | Operation::Close);
        match self.state {
            SessionState::Ready => Ok(()),
            SessionState::Desynchronised | SessionState::Disconnected if recovers => Ok(()),
            SessionState::Desynchronised => {
                Err(self.error(ErrorKind::Desynchronised, operation, "recover it first".to_owned()))
            }
            SessionState::Disconnected => {
                Err(self.error(ErrorKind::Disconnected, operation, "the other end is gone".to_owned()))
            }
            SessionState::Closed => {
                Err(self.error(ErrorKind::Disconnected, operation, "the session is closed".to_owned()))
            }
        }
    }

    fn upcoming(&self) -> Option<&TraceEvent> {
        self.events.get(self.next).map(|(_, event)| event)
    }

    /// The failure that the transcript holds next, if it is one of `operation`.
    fn failure(&mut self, operation: Operation) -> Option<Error> {
        let Some(TraceEvent::Failed {
            operation: failed,
            kind,
            message,
        }) = self.upcoming()
        else {
            return None;
        };
        if *failed != operation {
            return None;
        }
        let (kind, message) = (*kind, message.clone());
        self.next += 1;
        self.state = match (self.state, kind) {
            (SessionState::Closed, _) => SessionState::Closed,
            (_, ErrorKind::Timeout | ErrorKind::Garbled | ErrorKind::Desynchronised) => SessionState::Desynchronised,
            (_, ErrorKind::Disconnected) => SessionState::Disconnected,
            (
                state,
                ErrorKind::Unsupported
                | ErrorKind::OutOfRange
                | ErrorKind::Instrument
                | ErrorKind::Readback
                | ErrorKind::WrongIdentity
                | ErrorKind::Io,
            ) => state,
        };
        Some(self.error(kind, operation, message))
    }

    /// The dialogue has left the transcript: nothing is answered any more.
    fn refuse(&mut self, operation: Operation, was: &str) -> Error {
        let place = match self.events.get(self.next) {
            Some((number, event)) => format!("{}:{number}: `{event}` is next, but {was}", self.file),
            None => format!("{} ends here, but {was}", self.file),
        };
        self.state = SessionState::Disconnected;
        self.refused = Some(place.clone());
        self.error(ErrorKind::Unsupported, operation, place)
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    if fs::metadata(path)?.len() > MAX_FILE {
        return Err(std::io::Error::other("it is larger than 64 MiB"));
    }
    fs::read_to_string(path)
}

#[async_trait]
impl Session for ReplaySession {
    fn resource(&self) -> &Resource {
        &self.resource
    }

    fn state(&self) -> SessionState {
        self.state
    }

    async fn write(&mut self, message: &[u8], _deadline: Moment) -> Result<(), Error> {
        let operation = Operation::Write;
        if self.upcoming() == Some(&TraceEvent::Closed) {
            // it was opened again: asked who it is first, driven then
            self.next += 1;
        }
        self.usable(operation)?;
        match self.upcoming() {
            Some(TraceEvent::Written(known)) if known == message => {
                self.next += 1;
                Ok(())
            }
            _ => {
                let sent = TraceEvent::Written(message.to_vec());
                Err(self.refuse(operation, &format!("`{sent}` was sent")))
            }
        }
    }

    async fn read(&mut self, _deadline: Moment) -> Result<Vec<u8>, Error> {
        let operation = Operation::Read;
        self.usable(operation)?;
        let Some(TraceEvent::Read(answer)) = self.upcoming() else {
            return Err(self.refuse(operation, "an answer was waited for"));
        };
        let answer = answer.clone();
        self.next += 1;
        Ok(answer)
    }

    async fn clear(&mut self, _deadline: Moment) -> Result<(), Error> {
        let operation = Operation::Clear;
        self.usable(operation)?;
        if self.upcoming() == Some(&TraceEvent::Cleared) {
            self.next += 1;
            self.state = SessionState::Ready;
            return Ok(());
        }
        // one that a person wrote, as on a socket
        Err(self.error(
            ErrorKind::Unsupported,
            operation,
            "the transcript holds no device clear here".to_owned(),
        ))
    }

    async fn status_byte(&mut self, _deadline: Moment) -> Result<u8, Error> {
        let operation = Operation::StatusByte;
        self.usable(operation)?;
        if let Some(TraceEvent::StatusByte(byte)) = self.upcoming() {
            let byte = *byte;
            self.next += 1;
            return Ok(byte);
        }
        Err(self.error(
            ErrorKind::Unsupported,
            operation,
            "the transcript holds no status byte here".to_owned(),
        ))
    }

    async fn trigger(&mut self, _deadline: Moment) -> Result<(), Error> {
        let operation = Operation::Trigger;
        self.usable(operation)?;
        if self.upcoming() == Some(&TraceEvent::Triggered) {
            self.next += 1;
            return Ok(());
        }
        Err(self.error(
            ErrorKind::Unsupported,
            operation,
            "the transcript holds no trigger here".to_owned(),
        ))
    }

    async fn recover(&mut self, _deadline: Moment) -> Result<(), Error> {
        let operation = Operation::Recover;
        self.usable(operation)?;
        if self.upcoming() == Some(&TraceEvent::Recovered) {
            self.next += 1;
        }
        self.state = SessionState::Ready;
        Ok(())
    }

    async fn close(&mut self) -> Result<(), Error> {
        if self.upcoming() == Some(&TraceEvent::Closed) {
            self.next += 1;
        }
        self.state = SessionState::Closed;
        Ok(())
    }
}
