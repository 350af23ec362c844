//! Simulated instruments on TCP, as raw SCPI sockets.
//!
//! Any number of clients at once, each with its own parser and answers, all on one instrument. What one client may
//! occupy is bounded: when enough of its messages wait, or it does not take its answers, it is not read from.

use super::{PAUSE, Stop, Stopped, real, start, stream::converse};
use crate::{attachment::Attachment, bench::SimulatedInstrument, client::Link};
use benchtop_instrument::{Clock, ClockExt, Moment};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// How many connections wait to be accepted, as tokio's own listeners have it.
const BACKLOG: u32 = 1024;

/// A listening instrument. Dropping it stops it.
#[derive(Debug)]
pub struct TcpServer {
    local_addr: SocketAddr,
    stop: Stop,
}

impl TcpServer {
    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Closes the port and every connection, and waits until that is done. What the instrument is set to stays.
    pub async fn stop(self) {
        self.stop.stop().await;
    }
}

/// Serves an instrument at `addr`; port 0 takes a free one. Needs a tokio runtime.
///
/// # Errors
/// What the operating system says about the port; also for an instrument on a virtual clock, which cannot know of
/// what happens outside of this process.
pub async fn serve_tcp(addr: SocketAddr, instrument: SimulatedInstrument) -> io::Result<TcpServer> {
    let clock = Arc::clone(&instrument.shared.clock);
    real(&clock)?;
    let listener = TcpListener::bind(addr).await?;
    let local_addr = listener.local_addr()?;
    let (stop, stopped) = Stop::new();
    start(accept(listener, local_addr, instrument, clock, stopped));
    Ok(TcpServer { local_addr, stop })
}

/// The door of an instrument: it can be shut and keeps its port.
enum Door {
    Open(TcpListener),
    /// Bound and not listening: who connects is refused, and nobody else gets the port.
    Shut(TcpSocket),
    /// The port could not be kept; it is tried again.
    Lost,
}

impl Door {
    /// Opens or shuts it. What waited in front of it when it is shut is turned away.
    fn turn(self, open: bool, addr: SocketAddr) -> Self {
        let turned = match (self, open) {
            (door @ Self::Open(_), true) | (door @ Self::Shut(_), false) => return door,
            (Self::Shut(socket), true) => socket.listen(BACKLOG).map(Self::Open),
            (Self::Lost, true) => bound(addr).and_then(|socket| socket.listen(BACKLOG)).map(Self::Open),
            (Self::Open(listener), false) => {
                drop(listener);
                bound(addr).map(Self::Shut)
            }
            (Self::Lost, false) => bound(addr).map(Self::Shut),
        };
        turned.unwrap_or(Self::Lost)
    }

    async fn accept(&self) -> io::Result<TcpStream> {
        match self {
            Self::Open(listener) => listener.accept().await.map(|(stream, _)| stream),
            Self::Shut(_) => std::future::pending().await,
            Self::Lost => Err(io::Error::other("the port could not be kept")),
        }
    }
}

fn bound(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if addr.is_ipv6() {
        TcpSocket::new_v6()
    } else {
        TcpSocket::new_v4()
    }?;
    // connections that the listener before it has taken must not keep it from the port
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}

async fn accept(
    listener: TcpListener,
    addr: SocketAddr,
    instrument: SimulatedInstrument,
    clock: Arc<dyn Clock>,
    mut stopped: Stopped,
) {
    let SimulatedInstrument { shared, number } = &instrument;
    let mut door = Door::Open(listener);
    loop {
        let mut changed = std::pin::pin!(Arc::clone(&shared.changed).notified_owned());
        changed.as_mut().enable();
        let takes = Attachment::takes_connections(shared, *number);
        door = door.turn(takes.is_ok(), addr);
        let until = takes.err().flatten().unwrap_or(Moment::from_start(Duration::MAX));
        let accepted = tokio::select! {
            biased;
            _ = stopped.changed() => return,
            accepted = door.accept() => accepted,
            () = changed => continue,
            () = clock.sleep_until(until) => continue,
        };
        match (accepted, Attachment::connect(Arc::clone(shared), *number, Link::Stream)) {
            (Ok(stream), Some(attachment)) => {
                start(serve(stream, attachment, stopped.clone()));
            }
            (Ok(_), None) => {}
            (Err(_), _) => clock.sleep(PAUSE).await,
        }
    }
}

async fn serve(mut stream: TcpStream, mut attachment: Attachment, mut stopped: Stopped) {
    // without it answers wait for the acknowledgement of the one before
    if stream.set_nodelay(true).is_err() {
        return;
    }
    converse(&mut stream, &mut attachment, &mut stopped, None).await;
}
