//! Simulated instruments on TCP, as raw SCPI sockets.
//!
//! Any number of clients at once, each with its own parser and answers, all on one instrument. What one client may
//! occupy is bounded: when enough of its messages wait, or it does not take its answers, it is not read from.

use crate::{
    attachment::Attachment,
    bench::SimulatedInstrument,
    client::{Link, Progress},
    device::Wait,
};
use benchtop_instrument::{Clock, ClockExt, Moment, spawn};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
};

/// What is read at a time, and kept per client.
const CHUNK: usize = 2048;
/// How long an answer may take that a client waits for who has closed its sending side.
const LINGER: Duration = Duration::from_secs(10);
/// How many connections wait to be accepted, as tokio's own listeners have it.
const BACKLOG: u32 = 1024;
/// After a client could not be accepted (no file handles left), before the next one is tried.
const PAUSE: Duration = Duration::from_millis(50);

/// A listening instrument. Dropping it stops it.
#[derive(Debug)]
pub struct TcpServer {
    local_addr: SocketAddr,
    stop: watch::Sender<()>,
}

impl TcpServer {
    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Closes the port and every connection, and waits until that is done. What the instrument is set to stays.
    pub async fn stop(self) {
        // every task holds a receiver and ends when it is told
        self.stop.send_replace(());
        self.stop.closed().await;
    }
}

/// Serves an instrument at `addr`; port 0 takes a free one. Needs a tokio runtime.
///
/// # Errors
/// What the operating system says about the port; also for an instrument on a virtual clock, which cannot know of
/// what happens outside of this process.
pub async fn serve_tcp(addr: SocketAddr, instrument: SimulatedInstrument) -> io::Result<TcpServer> {
    let clock = Arc::clone(&instrument.shared.clock);
    if clock.is_virtual() {
        return Err(io::Error::other("an instrument on a virtual clock cannot be served"));
    }
    let listener = TcpListener::bind(addr).await?;
    let local_addr = listener.local_addr()?;
    let (stop, stopped) = watch::channel(());
    // dropping a task's handle leaves it running; it ends when it is told to
    drop(spawn(
        &*clock,
        accept(listener, local_addr, instrument, Arc::clone(&clock), stopped),
    ));
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
    mut stopped: watch::Receiver<()>,
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
        match (accepted, Attachment::new(Arc::clone(shared), *number, Link::Stream)) {
            (Ok(stream), Some(attachment)) => {
                drop(spawn(&*clock, serve(stream, attachment, stopped.clone())));
            }
            (Ok(_), None) => {}
            (Err(_), _) => clock.sleep(PAUSE).await,
        }
    }
}

async fn serve(mut stream: TcpStream, mut attachment: Attachment, mut stopped: watch::Receiver<()>) {
    // without it answers wait for the acknowledgement of the one before
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let shared = Arc::clone(&attachment.shared);
    let mut chunk = [0; CHUNK];
    let mut leaves_by: Option<Moment> = None;
    loop {
        let mut changed = std::pin::pin!(Arc::clone(&shared.changed).notified_owned());
        // from here on a change is noticed, so none is missed between the look and the wait
        changed.as_mut().enable();
        let mut said = Vec::new();
        let progress = attachment.advance(&mut said);
        if !said.is_empty() {
            let written = tokio::select! {
                biased;
                _ = stopped.changed() => return,
                written = stream.write_all(&said) => written,
            };
            if written.is_err() {
                return;
            }
            continue;
        }
        let until = match (progress, leaves_by) {
            (Progress::Deaf, _) => Moment::from_start(Duration::MAX),
            (Progress::Gone, _) | (Progress::Idle | Progress::Waiting(Wait::ForChange), Some(_)) => return,
            (_, Some(moment)) if moment <= shared.clock.now() => return,
            (Progress::Waiting(Wait::Until(moment)), leaves_by) => leaves_by.map_or(moment, |leave| leave.min(moment)),
            (Progress::Idle | Progress::Waiting(Wait::ForChange), None) => Moment::from_start(Duration::MAX),
        };
        tokio::select! {
            biased;
            _ = stopped.changed() => return,
            read = stream.read(&mut chunk), if leaves_by.is_none() && progress != Progress::Deaf && !attachment.is_full() => match read {
                Ok(0) => leaves_by = Some(shared.clock.now().after(LINGER)),
                Ok(length) => attachment.receive(chunk.get(..length).unwrap_or_default()),
                Err(_) => return,
            },
            () = changed => {}
            () = shared.clock.sleep_until(until) => {}
        }
    }
}
