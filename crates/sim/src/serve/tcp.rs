//! Simulated instruments on TCP, as raw SCPI sockets.

use super::{Stop, Stopped, accept, real, start, stream::converse};
use crate::{attachment::Attachment, bench::SimulatedInstrument, client::Link};
use std::{io, net::SocketAddr, sync::Arc};
use tokio::net::{TcpListener, TcpStream};

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
    let per_client = stopped.clone();
    let accepting = accept(listener, Arc::clone(&clock), stopped, move |stream| {
        serve(stream, instrument.clone(), per_client.clone())
    });
    start(accepting);
    Ok(TcpServer { local_addr, stop })
}

async fn serve(mut stream: TcpStream, instrument: SimulatedInstrument, mut stopped: Stopped) {
    if let Some(mut attachment) = Attachment::new(instrument.shared, instrument.number, Link::Stream) {
        converse(&mut stream, &mut attachment, &mut stopped, None).await;
    }
}
