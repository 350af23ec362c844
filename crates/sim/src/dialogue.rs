//! A dialogue with an instrument in this process, byte by byte: no server, no task, and nobody waits.

use crate::{attachment::Attachment, bench::SimulatedInstrument, client::Link};

/// What the bytes travel on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// A network socket.
    Socket,
    /// A serial line: a lone CR ends a message too, and the model's own terminator ends its answers.
    Serial,
}

/// One client of an instrument, with a parser and answers of its own.
#[derive(Debug)]
pub struct Dialogue(Attachment);

impl Dialogue {
    /// Connects. Nothing if the instrument takes no connections now.
    #[must_use]
    pub fn new(instrument: &SimulatedInstrument, line: Line) -> Option<Self> {
        let link = match line {
            Line::Socket => Link::Stream,
            Line::Serial => Link::Serial,
        };
        Attachment::connect(instrument.shared.clone(), instrument.number, link).map(Self)
    }

    /// Sends bytes, and takes what the instrument has said by now: what takes time comes with a later call.
    ///
    /// Bytes are dropped while so many messages wait in front of them that a server would stop reading.
    pub fn exchange(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut said = Vec::new();
        self.0.advance(&mut said);
        if !self.0.is_full() {
            self.0.receive(bytes);
        }
        self.0.advance(&mut said);
        said
    }
}
