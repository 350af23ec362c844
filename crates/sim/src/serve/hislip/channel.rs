//! One TCP connection and the messages on it.

use super::message::{Inbox, Message, Received};
use std::io;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What is read at a time.
const CHUNK: usize = 4096;

#[derive(Debug)]
pub(super) struct Channel {
    pub(super) stream: TcpStream,
    pub(super) inbox: Inbox,
}

impl Channel {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            inbox: Inbox::default(),
        }
    }

    /// Reads on. Nothing is lost if it is dropped. An error is also that the client has left.
    pub(super) async fn read(&mut self) -> io::Result<()> {
        let mut chunk = [0; CHUNK];
        match self.stream.read(&mut chunk).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            length => {
                self.inbox.push(chunk.get(..length).unwrap_or_default());
                Ok(())
            }
        }
    }

    /// The next message. Nothing is lost if it is dropped.
    pub(super) async fn receive(&mut self) -> io::Result<Received> {
        loop {
            if let Some(received) = self.inbox.next() {
                return Ok(received);
            }
            self.read().await?;
        }
    }

    pub(super) async fn send(&mut self, message: &Message) -> io::Result<()> {
        self.stream.write_all(&message.bytes()).await
    }
}
