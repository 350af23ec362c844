//! The unit's own link: a serial port, a socket, or a command's standard input and output, as a stream of bytes.

use crate::{
    network::io_error,
    port::{self, Port},
    process::{Program, Talk},
};
use async_trait::async_trait;
use benchtop_instrument::{
    Clock, ClockExt, Console, Elapsed, Error, ErrorKind, LineSettings, Moment, Operation, Resource,
};
use std::{io, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Bytes taken at once.
const CHUNK: usize = 64 * 1024;

/// An open console.
struct StreamConsole {
    resource: Resource,
    clock: Arc<dyn Clock>,
    /// Nothing once it was closed.
    link: Option<Link>,
    chunk: Vec<u8>,
}

enum Link {
    Serial(Port),
    Socket(TcpStream),
    Process(Talk),
}

/// Opens a console by `deadline`; `line` is for a serial port, `program` for a command. A virtual clock is refused: nothing
/// outside this process keeps to it.
///
/// # Errors
/// `Unsupported` for a resource that is no stream of bytes, `Disconnected` for one that is not there, `Timeout`, `Io`.
pub async fn open_console(
    resource: &Resource,
    line: &LineSettings,
    program: &Program,
    clock: Arc<dyn Clock>,
    deadline: Moment,
) -> Result<Box<dyn Console>, Error> {
    let operation = Operation::Open;
    let refuse = |message: &str| Err(Error::new(ErrorKind::Unsupported, operation, resource, message));
    if clock.is_virtual() {
        return refuse("a run on a virtual clock uses simulated consoles only");
    }
    let begun = clock.now();
    let opening = async {
        match resource {
            Resource::Serial { port } => {
                let opened = Port::open(port, line).await;
                opened
                    .map(Link::Serial)
                    .map_err(|error| port::error(operation, resource, error))
            }
            Resource::Socket { host, port, .. } => {
                let host = host.trim_start_matches('[').trim_end_matches(']');
                let connected = TcpStream::connect((host, *port)).await;
                connected
                    .map(Link::Socket)
                    .map_err(|error| io_error(operation, resource, error))
            }
            Resource::Process { .. } => Talk::start(program).map(Link::Process).map_err(|error| {
                let name = program.argv.first().map_or("", String::as_str);
                let message = format!("`{name}` cannot be started");
                Error::new(ErrorKind::Io, operation, resource, message).with_source(error)
            }),
            Resource::Lan { .. }
            | Resource::Usb { .. }
            | Resource::Gpib { .. }
            | Resource::Visa { .. }
            | Resource::Simulated { .. }
            | Resource::Replay { .. } => {
                let message = format!("{} is no stream of bytes", resource.transport());
                Err(Error::new(ErrorKind::Unsupported, operation, resource, message))
            }
        }
    };
    match clock.within(deadline, opening).await {
        Ok(opened) => Ok(Box::new(StreamConsole {
            resource: resource.clone(),
            link: Some(opened?),
            clock,
            chunk: vec![0; CHUNK],
        })),
        Err(Elapsed) => Err(Error::timeout(operation, resource, deadline.since(begun))),
    }
}

fn ended(operation: Operation, resource: &Resource) -> Error {
    let message = match resource {
        Resource::Process { .. } => "the command has ended",
        Resource::Socket { .. } => "the other end closed the connection",
        Resource::Serial { .. }
        | Resource::Lan { .. }
        | Resource::Usb { .. }
        | Resource::Gpib { .. }
        | Resource::Visa { .. }
        | Resource::Simulated { .. }
        | Resource::Replay { .. } => "the port is gone: unplugged, or its other end closed",
    };
    Error::new(ErrorKind::Disconnected, operation, resource, message)
}

fn taken(length: io::Result<usize>, chunk: &[u8], resource: &Resource) -> Result<Vec<u8>, Error> {
    match length {
        Ok(0) => Err(ended(Operation::Read, resource)),
        Ok(length) => Ok(chunk.get(..length).unwrap_or_default().to_vec()),
        Err(error) => Err(io_error(Operation::Read, resource, error)),
    }
}

#[async_trait]
impl Console for StreamConsole {
    fn resource(&self) -> &Resource {
        &self.resource
    }

    async fn send(&mut self, bytes: &[u8], deadline: Moment) -> Result<(), Error> {
        let Self {
            resource, clock, link, ..
        } = self;
        let begun = clock.now();
        let patience = deadline.since(begun);
        let sending = async {
            match link {
                None => Err(ended(Operation::Write, resource)),
                Some(Link::Serial(port)) => port
                    .send(bytes.to_vec(), patience)
                    .await
                    .map_err(|error| port::error(Operation::Write, resource, error)),
                Some(Link::Socket(stream)) => stream
                    .write_all(bytes)
                    .await
                    .map_err(|error| io_error(Operation::Write, resource, error)),
                Some(Link::Process(talk)) => talk
                    .send(bytes)
                    .await
                    .map_err(|error| io_error(Operation::Write, resource, error)),
            }
        };
        match clock.within(deadline, sending).await {
            Ok(sent) => sent,
            Err(Elapsed) => Err(Error::timeout(Operation::Write, &self.resource, patience)),
        }
    }

    async fn receive(&mut self) -> Result<Vec<u8>, Error> {
        let Self {
            resource, link, chunk, ..
        } = self;
        let received = match link {
            None => return Err(ended(Operation::Read, resource)),
            Some(Link::Serial(port)) => match port.next().await {
                Some(Ok(bytes)) => Ok(bytes),
                Some(Err(error)) => Err(port::error(Operation::Read, resource, error)),
                None => Err(ended(Operation::Read, resource)),
            },
            Some(Link::Socket(stream)) => taken(stream.read(chunk).await, chunk, resource),
            Some(Link::Process(talk)) => taken(talk.receive(chunk).await, chunk, resource),
        };
        if received.is_err() {
            // an end is an end for every call that follows
            self.link = None;
        }
        received
    }

    async fn close(&mut self) {
        match self.link.take() {
            Some(Link::Serial(port)) => port.close().await,
            // dropping them is their end
            Some(Link::Socket(_) | Link::Process(_)) | None => {}
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
