//! Remote procedure calls (ONC RPC version 2, RFC 5531): calls, replies, records on TCP.
//!
//! A connection's calls are carried out one after the other. What is no call is not answered; a record larger than
//! [`MAX_RECORD`] ends the connection, before it was kept.

mod xdr;

pub(super) use xdr::{Reader, Writer};

use super::{Stopped, wait};
use std::io;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The longest record that is taken.
pub(super) const MAX_RECORD: usize = 128 * 1024;
/// The longest credentials (RFC 5531, 8.2).
const MAX_CREDENTIALS: usize = 400;
const CALL: u32 = 0;
const RPC_VERSION: u32 = 2;
/// The bit of a fragment's length that says that the record ends with it.
const LAST_FRAGMENT: u32 = 0x8000_0000;

/// What is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'r> {
    id: u32,
    pub(super) program: u32,
    pub(super) version: u32,
    pub(super) procedure: u32,
    pub(super) arguments: Reader<'r>,
}

/// What a call came to.
#[derive(Debug)]
pub(super) enum Answer {
    Results(Writer),
    NoSuchProgram,
    /// The only version there is.
    OtherVersion(u32),
    NoSuchProcedure,
    GarbageArguments,
    /// There is no answer: the connection ends.
    HangUp,
}

/// What answers the calls of one connection.
pub(super) trait Program: Send {
    fn call(&mut self, call: Call<'_>) -> impl Future<Output = Answer> + Send;
}

impl<'r> Call<'r> {
    /// Reads a call. Otherwise the reply to what cannot be called, if it can be replied to.
    pub(super) fn parse(record: &'r [u8]) -> Result<Self, Option<Vec<u8>>> {
        let mut arguments = Reader(record);
        let (Some(id), Some(CALL)) = (arguments.word(), arguments.word()) else {
            return Err(None);
        };
        let garbage = || Some(reply(id, Answer::GarbageArguments).0);
        let version = arguments.word().ok_or_else(garbage)?;
        if version != RPC_VERSION {
            let denied = Writer::default().word(id).word(1).word(1).word(0);
            return Err(Some(denied.word(RPC_VERSION).word(RPC_VERSION).0));
        }
        let [program, version, procedure] = [arguments.word(), arguments.word(), arguments.word()];
        for _ in ["credentials", "verifier"] {
            arguments.word().ok_or_else(garbage)?;
            arguments.opaque(MAX_CREDENTIALS).ok_or_else(garbage)?;
        }
        match (program, version, procedure) {
            (Some(program), Some(version), Some(procedure)) => Ok(Self {
                id,
                program,
                version,
                procedure,
                arguments,
            }),
            _ => Err(garbage()),
        }
    }

    /// The reply; nothing if there is none.
    pub(super) fn reply(&self, answer: Answer) -> Option<Vec<u8>> {
        let hangs_up = matches!(answer, Answer::HangUp);
        (!hangs_up).then(|| reply(self.id, answer).0)
    }
}

/// An accepted reply without a verifier.
fn reply(id: u32, answer: Answer) -> Writer {
    let mut head = Writer::default().word(id).word(1).word(0).word(0).word(0);
    match answer {
        Answer::Results(results) => {
            head = head.word(0);
            head.0.extend_from_slice(&results.0);
            head
        }
        Answer::NoSuchProgram => head.word(1),
        Answer::OtherVersion(version) => head.word(2).word(version).word(version),
        Answer::NoSuchProcedure => head.word(3),
        Answer::GarbageArguments => head.word(4),
        Answer::HangUp => head.word(5),
    }
}

/// Answers the calls of a connection until one side has enough.
pub(super) async fn serve(mut stream: TcpStream, mut program: impl Program, mut stopped: Stopped) {
    loop {
        let record = tokio::select! {
            biased;
            _ = stopped.changed() => return,
            record = receive(&mut stream) => record,
        };
        let Ok(record) = record else { return };
        let reply = match Call::parse(&record) {
            Err(None) => continue,
            Err(Some(refusal)) => refusal,
            Ok(call) => {
                let answer = tokio::select! {
                    biased;
                    _ = stopped.changed() => return,
                    answer = program.call(call) => answer,
                    () = wait::left(&stream) => return,
                };
                match call.reply(answer) {
                    Some(reply) => reply,
                    None => return,
                }
            }
        };
        let sent = tokio::select! {
            biased;
            _ = stopped.changed() => return,
            sent = send(&mut stream, &reply) => sent,
        };
        if sent.is_err() {
            return;
        }
    }
}

async fn receive(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut record = Vec::new();
    loop {
        let mark = stream.read_u32().await?;
        let length = usize::try_from(mark & !LAST_FRAGMENT).unwrap_or(usize::MAX);
        if length > MAX_RECORD - record.len() {
            return Err(io::Error::other("a record longer than any call"));
        }
        let whole = record.len() + length;
        let wanted = u64::from(mark & !LAST_FRAGMENT);
        (&mut *stream).take(wanted).read_to_end(&mut record).await?;
        if record.len() < whole {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if mark & LAST_FRAGMENT != 0 {
            return Ok(record);
        }
    }
}

async fn send(stream: &mut TcpStream, record: &[u8]) -> io::Result<()> {
    let length = u32::try_from(record.len()).map_err(io::Error::other)?;
    let mut marked = (LAST_FRAGMENT | length).to_be_bytes().to_vec();
    marked.extend_from_slice(record);
    stream.write_all(&marked).await
}
