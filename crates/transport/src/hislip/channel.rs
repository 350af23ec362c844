//! HiSLIP messages on one TCP connection (IVI-6.1, 2.4): sixteen bytes and a payload.

use std::io;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const PROLOGUE: &[u8] = b"HS";
const HEADER: usize = 16;
/// Bytes taken from the connection at once.
const CHUNK: usize = 64 * 1024;
/// A longer payload is none.
const MOST: u64 = crate::MAX_MESSAGE as u64;

/// Message types.
pub(super) mod kind {
    pub(in super::super) const INITIALIZE: u8 = 0;
    pub(in super::super) const INITIALIZE_RESPONSE: u8 = 1;
    pub(in super::super) const FATAL_ERROR: u8 = 2;
    pub(in super::super) const ERROR: u8 = 3;
    pub(in super::super) const LOCK: u8 = 4;
    pub(in super::super) const LOCK_RESPONSE: u8 = 5;
    pub(in super::super) const DATA: u8 = 6;
    pub(in super::super) const DATA_END: u8 = 7;
    pub(in super::super) const DEVICE_CLEAR_COMPLETE: u8 = 8;
    pub(in super::super) const DEVICE_CLEAR_ACKNOWLEDGE: u8 = 9;
    pub(in super::super) const TRIGGER: u8 = 12;
    pub(in super::super) const INTERRUPTED: u8 = 13;
    pub(in super::super) const ASYNC_INTERRUPTED: u8 = 14;
    pub(in super::super) const MAXIMUM_MESSAGE_SIZE: u8 = 15;
    pub(in super::super) const MAXIMUM_MESSAGE_SIZE_RESPONSE: u8 = 16;
    pub(in super::super) const ASYNC_INITIALIZE: u8 = 17;
    pub(in super::super) const ASYNC_INITIALIZE_RESPONSE: u8 = 18;
    pub(in super::super) const ASYNC_DEVICE_CLEAR: u8 = 19;
    pub(in super::super) const STATUS_QUERY: u8 = 21;
    pub(in super::super) const STATUS_RESPONSE: u8 = 22;
    pub(in super::super) const ASYNC_DEVICE_CLEAR_ACKNOWLEDGE: u8 = 23;
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) control: u8,
    pub(super) parameter: u32,
    pub(super) payload: Vec<u8>,
}

impl Message {
    pub(super) fn new(kind: u8, control: u8, parameter: u32, payload: &[u8]) -> Self {
        Self {
            kind,
            control,
            parameter,
            payload: payload.to_vec(),
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let length = u64::try_from(self.payload.len()).unwrap_or(u64::MAX);
        let mut bytes = PROLOGUE.to_vec();
        bytes.extend([self.kind, self.control]);
        bytes.extend(self.parameter.to_be_bytes());
        bytes.extend(length.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }
}

/// One of a session's two connections.
#[derive(Debug)]
pub(super) struct Channel {
    stream: TcpStream,
    inbox: Vec<u8>,
    chunk: Vec<u8>,
}

impl Channel {
    pub(super) async fn connect(address: (&str, u16)) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        // a message is one small packet that must not wait for the next
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            inbox: Vec::new(),
            chunk: vec![0; CHUNK],
        })
    }

    pub(super) async fn send(&mut self, message: &Message) -> io::Result<()> {
        self.stream.write_all(&message.bytes()).await
    }

    /// The next message. Nothing is lost when it is dropped.
    pub(super) async fn receive(&mut self) -> io::Result<Message> {
        loop {
            if let Some(message) = self.next()? {
                return Ok(message);
            }
            match self.stream.read(&mut self.chunk).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                length => self.inbox.extend(self.chunk.get(..length).unwrap_or_default()),
            }
        }
    }

    /// Whether something has come that nobody has taken.
    pub(super) fn has_unread(&mut self) -> io::Result<bool> {
        if !self.inbox.is_empty() {
            return Ok(true);
        }
        match self.stream.try_read(&mut self.chunk) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                self.inbox.extend(self.chunk.get(..length).unwrap_or_default());
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn next(&mut self) -> io::Result<Option<Message>> {
        let Some((header, rest)) = self.inbox.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let [a, b, kind, control, p0, p1, p2, p3, length @ ..] = *header;
        let length = u64::from_be_bytes(length);
        if [a, b] != *PROLOGUE || length > MOST {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "what answered does not speak HiSLIP",
            ));
        }
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let Some(payload) = rest.get(..length) else {
            return Ok(None);
        };
        let message = Message::new(kind, control, u32::from_be_bytes([p0, p1, p2, p3]), payload);
        self.inbox.drain(..HEADER + length);
        Ok(Some(message))
    }
}
