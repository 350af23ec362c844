//! Simulated instruments over VXI-11 (TCP/IP Instrument Protocol, revision 1.0), as network instruments serve it
//! (TCP/IP-IEEE 488.2 Instrument Interface Specification VXI-11.3).
//!
//! A portmapper of its own, the core channel and the abort channel. Every link has its own parser and its own answers; a
//! connection's calls are carried out one after the other, so whoever waits in one is stopped through the abort channel.
//! Interrupt channels are not supported and say so (error 8).

mod abort;
mod core;
mod link;
mod portmapper;

use super::{Stop, accept, names::Names, real, rpc, start};
use crate::bench::SimulatedInstrument;
use benchtop_instrument::Clock;
use link::Links;
use portmapper::Portmapper;
use std::{io, net::SocketAddr, sync::Arc};
use tokio::net::{TcpListener, TcpStream};

/// The program of the core channel.
const CORE: u32 = 395_183;
/// The program of the abort channel.
const ABORT: u32 = 395_184;
/// The version of both.
const VERSION: u32 = 1;

/// Where a VXI-11 server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VxiAddresses {
    /// The portmapper, on TCP and UDP. Clients look at port 111, which needs privileges; port 0 takes a free one.
    pub portmapper: SocketAddr,
    /// The core channel; port 0 takes a free one. The abort channel takes a free port of the same host.
    pub core: SocketAddr,
}

/// Instruments that listen. Dropping it stops it.
#[derive(Debug)]
pub struct Vxi11Server {
    portmapper: SocketAddr,
    core: SocketAddr,
    abort: SocketAddr,
    stop: Stop,
}

impl Vxi11Server {
    /// Where the portmapper listens, on TCP and UDP.
    #[must_use]
    pub const fn portmapper_addr(&self) -> SocketAddr {
        self.portmapper
    }

    /// Where the core channel listens.
    #[must_use]
    pub const fn core_addr(&self) -> SocketAddr {
        self.core
    }

    /// Where the abort channel listens.
    #[must_use]
    pub const fn abort_addr(&self) -> SocketAddr {
        self.abort
    }

    /// Closes the ports and every connection, and waits until that is done. What the instruments are set to stays.
    pub async fn stop(self) {
        self.stop.stop().await;
    }
}

/// Serves instruments under their logical names, and as `inst0`, `inst1` and so on in this order. Needs a tokio runtime.
///
/// # Errors
/// What the operating system says about the ports; also for no instruments, and for instruments on a virtual clock.
pub async fn serve_vxi11(
    addresses: VxiAddresses,
    instruments: Vec<(String, SimulatedInstrument)>,
) -> io::Result<Vxi11Server> {
    let names = Names::new("inst", instruments)?;
    let clock: Arc<dyn Clock> = names.clock();
    real(&clock)?;
    let core = TcpListener::bind(addresses.core).await?;
    let core_addr = core.local_addr()?;
    let abort = TcpListener::bind(SocketAddr::new(core_addr.ip(), 0)).await?;
    let abort_addr = abort.local_addr()?;
    let (directory, datagrams) = portmapper::bind(addresses.portmapper).await?;
    let portmapper_addr = directory.local_addr()?;
    let programs = [(CORE, VERSION, core_addr), (ABORT, VERSION, abort_addr)];
    let portmapper = Portmapper::new(portmapper_addr, &programs);

    let (stop, stopped) = Stop::new();
    let links = Arc::new(Links::default());
    let (names, aborted) = (Arc::new(names), Arc::clone(&links));
    let make_core = move || core::Core::new(Arc::clone(&names), Arc::clone(&links), abort_addr.port());
    let make_abort = move || abort::Abort(Arc::clone(&aborted));
    let found = portmapper.clone();
    listen(core, &clock, &stopped, make_core);
    listen(abort, &clock, &stopped, make_abort);
    listen(directory, &clock, &stopped, move || found.clone());
    let answering = portmapper::serve_datagrams(datagrams, portmapper, Arc::clone(&clock), stopped);
    start(answering);
    Ok(Vxi11Server {
        portmapper: portmapper_addr,
        core: core_addr,
        abort: abort_addr,
        stop,
    })
}

/// Serves every client of a port with a program of its own.
fn listen<P: rpc::Program + 'static>(
    listener: TcpListener,
    clock: &Arc<dyn Clock>,
    stopped: &super::Stopped,
    make: impl Fn() -> P + Send + 'static,
) {
    let per_client = stopped.clone();
    let serve = move |stream: TcpStream| rpc::serve(stream, make(), per_client.clone());
    start(accept(listener, Arc::clone(clock), stopped.clone(), serve));
}
