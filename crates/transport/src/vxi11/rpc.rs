//! ONC remote procedure calls over TCP (RFC 5531), as much as VXI-11 needs: one call at a time, no credentials.

use std::{io, net::SocketAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, ToSocketAddrs},
};

const VERSION: u32 = 2;
const CALL: u32 = 0;
const REPLY: u32 = 1;
/// The fragment is the last of its record (RFC 5531, section 11).
const LAST: u32 = 1 << 31;
/// A longer reply is none: the largest read that is asked for, and its envelope.
const MAX_REPLY: usize = super::MOST_READ as usize + 4096;

/// One connection to one program.
#[derive(Debug)]
pub(super) struct Rpc {
    stream: TcpStream,
    program: u32,
    version: u32,
    last: u32,
}

impl Rpc {
    pub(super) async fn connect(address: impl ToSocketAddrs, program: u32, version: u32) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        // a call is one small packet that must not wait for the next
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            program,
            version,
            last: 0,
        })
    }

    /// Who answers.
    pub(super) fn peer(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }

    /// Calls a procedure; its results. Dropped in between, the connection is of no further use.
    pub(super) async fn call(&mut self, procedure: u32, arguments: Writer) -> io::Result<Reader> {
        self.last = self.last.wrapping_add(1);
        let call = call(self.last, [self.program, self.version, procedure], arguments);
        let length = u32::try_from(call.len()).map_err(io::Error::other)?;
        let record = [(LAST | length).to_be_bytes().to_vec(), call].concat();
        self.stream.write_all(&record).await?;
        loop {
            if let Some(reply) = reply(self.record().await?, self.last)? {
                return Ok(reply);
            }
        }
    }

    async fn record(&mut self) -> io::Result<Vec<u8>> {
        let mut record = Vec::new();
        loop {
            let head = self.stream.read_u32().await?;
            let length = usize::try_from(head & !LAST).map_err(io::Error::other)?;
            let begun = record.len();
            if begun + length > MAX_REPLY {
                return Err(nonsense());
            }
            record.resize(begun + length, 0);
            self.stream
                .read_exact(record.get_mut(begun..).unwrap_or_default())
                .await?;
            if head & LAST != 0 {
                return Ok(record);
            }
        }
    }
}

/// A call of `[program, version, procedure]`, as a datagram carries it.
pub(super) fn call(number: u32, called: [u32; 3], arguments: Writer) -> Vec<u8> {
    let [program, version, procedure] = called;
    // at the end: no credentials, no verifier
    let head = [number, CALL, VERSION, program, version, procedure, 0, 0, 0, 0];
    let mut call = head.into_iter().fold(Writer::default(), Writer::word);
    call.0.extend(arguments.0);
    call.0
}

/// The results in a reply; nothing where it answers something older.
pub(super) fn reply(bytes: Vec<u8>, number: u32) -> io::Result<Option<Reader>> {
    let mut reply = Reader(bytes, 0);
    if reply.word()? != number {
        return Ok(None);
    }
    accepted(reply).map(Some)
}

/// Looks through the envelope of a reply.
fn accepted(mut reply: Reader) -> io::Result<Reader> {
    let [kind, denied, _flavour] = [reply.word()?, reply.word()?, reply.word()?];
    let _verifier = reply.opaque()?;
    let status = reply.word()?;
    match (kind, denied, status) {
        (REPLY, 0, 0) => Ok(reply),
        (REPLY, 0, 1..=3) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "it has not got this remote procedure",
        )),
        _ => Err(nonsense()),
    }
}

fn nonsense() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what answered does not speak VXI-11")
}

/// Arguments (XDR, RFC 4506).
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn word(mut self, word: u32) -> Self {
        self.0.extend(word.to_be_bytes());
        self
    }

    /// Bytes of any length, filled up to whole words.
    pub(super) fn opaque(self, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let mut writer = self.word(length);
        writer.0.extend(bytes);
        writer.0.resize(writer.0.len().next_multiple_of(4), 0);
        writer
    }
}

/// Results.
#[derive(Debug)]
pub(super) struct Reader(Vec<u8>, usize);

impl Reader {
    pub(super) fn word(&mut self) -> io::Result<u32> {
        let rest = self.0.get(self.1..).unwrap_or_default();
        let word = rest
            .first_chunk()
            .copied()
            .map(u32::from_be_bytes)
            .ok_or_else(nonsense)?;
        self.1 += 4;
        Ok(word)
    }

    pub(super) fn opaque(&mut self) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.word()?).map_err(io::Error::other)?;
        let end = self.1.checked_add(length).ok_or_else(nonsense)?;
        let bytes = self.0.get(self.1..end).ok_or_else(nonsense)?.to_vec();
        self.1 = self.1.saturating_add(length.next_multiple_of(4));
        Ok(bytes)
    }
}
