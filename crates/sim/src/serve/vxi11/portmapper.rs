//! The directory of programs (RFC 1833, version 2), on TCP and UDP.
//!
//! It knows what it was told at the start; nobody can register anything.

use crate::serve::{
    PAUSE, Stopped,
    rpc::{Answer, Call, Program, Writer},
};
use benchtop_instrument::{Clock, ClockExt};
use std::{io, net::SocketAddr, sync::Arc};
use tokio::net::{TcpListener, UdpSocket};

const PROGRAM: u32 = 100_000;
const VERSION: u32 = 2;
const TCP: u32 = 6;
const UDP: u32 = 17;
/// How often two ports of one number are looked for.
const ATTEMPTS: usize = 16;

/// Program, version, transport and port.
pub(super) type Entry = [u32; 4];

/// The directory.
#[derive(Clone, Debug)]
pub(super) struct Portmapper(Arc<Vec<Entry>>);

impl Portmapper {
    /// Its own entries and those of `programs`, all on TCP.
    pub(super) fn new(own: SocketAddr, programs: &[(u32, u32, SocketAddr)]) -> Self {
        let port = u32::from(own.port());
        let mut entries = vec![[PROGRAM, VERSION, TCP, port], [PROGRAM, VERSION, UDP, port]];
        entries.extend(
            programs
                .iter()
                .map(|(program, version, address)| [*program, *version, TCP, u32::from(address.port())]),
        );
        Self(Arc::new(entries))
    }

    fn answer(&self, call: Call<'_>) -> Answer {
        let mut arguments = call.arguments;
        match (call.program, call.version, call.procedure) {
            (PROGRAM, VERSION, 0) => Answer::Results(Writer::default()),
            // registering and unregistering: refused
            (PROGRAM, VERSION, 1 | 2) => Answer::Results(Writer::default().bool(false)),
            (PROGRAM, VERSION, 3) => {
                let wanted = [(); 4].map(|()| arguments.word());
                let [Some(program), Some(version), Some(transport), Some(_)] = wanted else {
                    return Answer::GarbageArguments;
                };
                Answer::Results(Writer::default().word(self.port(program, version, transport)))
            }
            (PROGRAM, VERSION, 4) => {
                let entries = self.0.iter().flatten().enumerate();
                let list = entries.fold(Writer::default(), |list, (place, word)| {
                    let list = if place % 4 == 0 { list.bool(true) } else { list };
                    list.word(*word)
                });
                Answer::Results(list.bool(false))
            }
            (PROGRAM, VERSION, _) => Answer::NoSuchProcedure,
            (PROGRAM, _, _) => Answer::OtherVersion(VERSION),
            _ => Answer::NoSuchProgram,
        }
    }

    /// The port of that version, or else of any: the program itself says then which one it has. 0 if there is none.
    fn port(&self, program: u32, version: u32, transport: u32) -> u32 {
        let same = |entry: &&Entry| matches!(entry, [p, _, t, _] if (*p, *t) == (program, transport));
        let exact = |entry: &&Entry| same(entry) && matches!(entry, [_, v, _, _] if *v == version);
        let entry = self.0.iter().find(exact).or_else(|| self.0.iter().find(same));
        entry.map_or(0, |[_, _, _, port]| *port)
    }
}

impl Program for Portmapper {
    async fn call(&mut self, call: Call<'_>) -> Answer {
        self.answer(call)
    }
}

/// Two sockets of one port.
pub(super) async fn bind(address: SocketAddr) -> io::Result<(TcpListener, UdpSocket)> {
    let mut attempt = 1;
    loop {
        let listener = TcpListener::bind(address).await?;
        match UdpSocket::bind(listener.local_addr()?).await {
            Ok(socket) => return Ok((listener, socket)),
            Err(_) if address.port() == 0 && attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Answers datagrams.
pub(super) async fn serve_datagrams(
    socket: UdpSocket,
    portmapper: Portmapper,
    clock: Arc<dyn Clock>,
    mut stopped: Stopped,
) {
    // no call that it answers is longer than this with credentials
    let mut buffer = [0; 1024];
    loop {
        let received = tokio::select! {
            biased;
            _ = stopped.changed() => return,
            received = socket.recv_from(&mut buffer) => received,
        };
        // what a datagram before this one met (nobody there to take the reply) says nothing about this one
        let Ok((length, sender)) = received else {
            clock.sleep(PAUSE).await;
            continue;
        };
        let reply = match Call::parse(buffer.get(..length).unwrap_or_default()) {
            Ok(call) => call.reply(portmapper.answer(call)),
            Err(refusal) => refusal,
        };
        if let Some(reply) = reply {
            // a reply that cannot be sent is a lost datagram: whoever asked asks again
            drop(socket.send_to(&reply, sender).await);
        }
    }
}
