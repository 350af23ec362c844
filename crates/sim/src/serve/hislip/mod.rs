//! Simulated instruments over HiSLIP 1.0 (IVI-6.1), in synchronized and in overlapped mode.
//!
//! A session is two connections, the synchronous channel for messages and the asynchronous one for everything that must
//! not wait behind them. It ends when either of them does. Each session has its own parser and its own answers.
//! Service requests are not sent.

mod asynchronous;
mod channel;
mod message;
mod session;

use super::{Stop, Stopped, accept, names::Names, real, start};
use crate::bench::SimulatedInstrument;
use channel::Channel;
use message::{Fatal, Message, Received, kind};
use session::Session;
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

/// The version that is spoken: 1.0.
const VERSION: u32 = 0x0100;
/// Control bit of features: overlapped mode.
const OVERLAPPED: u8 = 1;
/// How many sessions there may be at a time.
const MAX_SESSIONS: usize = 1000;

/// What modes instruments speak (IVI-6.1, 3): servers have either or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HislipModes {
    /// Synchronized mode, and overlapped mode for clients that ask for it.
    #[default]
    Both,
    /// Overlapped mode, whatever a client asks for.
    Overlapped,
}

impl HislipModes {
    /// The feature bit for the mode that a session begins in.
    const fn preferred(self) -> u8 {
        match self {
            Self::Both => 0,
            Self::Overlapped => OVERLAPPED,
        }
    }

    /// Whether it is overlapped mode that a client gets who asks for these features.
    const fn settled(self, features: u8) -> bool {
        match self {
            Self::Both => features & OVERLAPPED != 0,
            Self::Overlapped => true,
        }
    }
}

/// Instruments that listen. Dropping it stops it.
#[derive(Debug)]
pub struct HislipServer {
    local_addr: SocketAddr,
    stop: Stop,
}

impl HislipServer {
    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Closes the port and every session, and waits until that is done. What the instruments are set to stays.
    pub async fn stop(self) {
        self.stop.stop().await;
    }
}

/// Serves instruments at `addr`; clients look at port 4880, port 0 takes a free one. Needs a tokio runtime.
///
/// Their sub-addresses are their logical names (also behind `hislip0,`), and `hislip0`, `hislip1` and so on in this order.
///
/// # Errors
/// What the operating system says about the port; also for no instruments, and for instruments on a virtual clock.
pub async fn serve_hislip(
    addr: SocketAddr,
    instruments: Vec<(String, SimulatedInstrument)>,
    modes: HislipModes,
) -> io::Result<HislipServer> {
    let names = Names::new("hislip", instruments)?;
    let clock = names.clock();
    real(&clock)?;
    let listener = TcpListener::bind(addr).await?;
    let local_addr = listener.local_addr()?;
    let (stop, stopped) = Stop::new();
    let server = Arc::new(Server {
        names,
        modes,
        waiting: Mutex::default(),
    });
    let per_client = stopped.clone();
    let accepting = accept(listener, Arc::clone(&clock), stopped, move |stream| {
        serve(stream, Arc::clone(&server), per_client.clone())
    });
    start(accepting);
    Ok(HislipServer { local_addr, stop })
}

/// What the connections of a server share.
#[derive(Debug)]
struct Server {
    names: Names,
    modes: HislipModes,
    waiting: Mutex<Waiting>,
}

/// The sessions, with where to bring their asynchronous channel as long as they wait for it.
#[derive(Debug, Default)]
struct Waiting {
    last: u16,
    sessions: BTreeMap<u16, Option<oneshot::Sender<Channel>>>,
}

/// A session's number, for as long as it is in use.
struct Number<'s> {
    server: &'s Server,
    number: u16,
}

impl Drop for Number<'_> {
    fn drop(&mut self) {
        self.server.waiting().sessions.remove(&self.number);
    }
}

impl Server {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a new session; nothing if there are too many.
    fn number(&self, channel: oneshot::Sender<Channel>) -> Option<Number<'_>> {
        let mut waiting = self.waiting();
        if waiting.sessions.len() >= MAX_SESSIONS {
            return None;
        }
        while waiting.sessions.contains_key(&waiting.last) {
            waiting.last = waiting.last.wrapping_add(1);
        }
        let number = waiting.last;
        waiting.last = number.wrapping_add(1);
        waiting.sessions.insert(number, Some(channel));
        Some(Number { server: self, number })
    }

    /// Brings the asynchronous channel to its session. Gives it back if there is none that waits.
    fn bring(&self, session: u32, channel: Channel) -> Result<(), Channel> {
        let waits = u16::try_from(session)
            .ok()
            .and_then(|number| self.waiting().sessions.get_mut(&number)?.take());
        match waits {
            Some(waits) => waits.send(channel),
            None => Err(channel),
        }
    }

    /// The instrument of a sub-address.
    fn find(&self, sub_address: &[u8]) -> Option<SimulatedInstrument> {
        let mut parts = sub_address.splitn(2, |byte| *byte == b',');
        let (first, second) = (parts.next().unwrap_or_default(), parts.next());
        let first = self.names.find(first);
        match second {
            // some clients leave the port there
            Some(port) if port.iter().all(u8::is_ascii_digit) => first,
            Some(name) => first.and_then(|_| self.names.find(name)),
            None => first,
        }
    }
}

async fn serve(stream: TcpStream, server: Arc<Server>, mut stopped: Stopped) {
    tokio::select! {
        biased;
        _ = stopped.changed() => {}
        // how a client leaves is its own affair
        ended = greet(Channel::new(stream), &server) => drop(ended),
    }
}

/// The first message says which channel it is.
async fn greet(mut channel: Channel, server: &Server) -> io::Result<()> {
    let refused = match channel.receive().await? {
        Received::Message(message) if message.kind == kind::INITIALIZE => {
            return initialize(channel, &message, server).await;
        }
        Received::Message(message) if message.kind == kind::ASYNC_INITIALIZE => {
            match server.bring(message.parameter, channel) {
                Ok(()) => return Ok(()),
                Err(back) => channel = back,
            }
            Fatal::Initialization
        }
        Received::Message(message) if message.kind == kind::FATAL_ERROR => return Ok(()),
        Received::Message(_) | Received::TooLarge => Fatal::Initialization,
        Received::Nonsense => Fatal::PoorHeader,
    };
    channel.send(&Message::fatal(refused)).await
}

async fn initialize(mut channel: Channel, message: &Message, server: &Server) -> io::Result<()> {
    let Some(instrument) = server.find(&message.payload) else {
        return channel.send(&Message::fatal(Fatal::Initialization)).await;
    };
    let (sender, mut brought) = oneshot::channel();
    let session = Session::new(instrument, server.modes);
    let (Some(number), Some(session)) = (server.number(sender), session) else {
        return channel.send(&Message::fatal(Fatal::TooManyClients)).await;
    };
    let parameter = (VERSION << 16) | u32::from(number.number);
    channel
        .send(&Message::new(
            kind::INITIALIZE_RESPONSE,
            server.modes.preferred(),
            parameter,
        ))
        .await?;
    let asynchronous = tokio::select! {
        biased;
        brought = &mut brought => brought.map_err(io::Error::other)?,
        received = channel.receive() => {
            let fatal = match received? {
                Received::Nonsense => Fatal::PoorHeader,
                Received::Message(_) | Received::TooLarge => Fatal::OneChannel,
            };
            return channel.send(&Message::fatal(fatal)).await;
        }
    };
    tokio::select! {
        ended = session.converse(channel) => ended,
        ended = asynchronous::serve(&session, asynchronous) => ended,
    }
}
