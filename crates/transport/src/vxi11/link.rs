//! A link: how it is made and locked, and how it ends where a call on it was given up.

use super::{
    CORE, CORE_VERSION, CREATE_LINK, DESTROY_LINK, DEVICE_LOCK, DEVICE_UNLOCK, Failure, USUAL_WRITE, checked,
    core_port,
    rpc::{Reader, Rpc, Writer},
};
use benchtop_instrument::{Clock, ClockExt};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};

/// The abort channel (VXI-11, table B.1), and its procedure.
const ABORT: u32 = 395_184;
const ABORT_VERSION: u32 = 1;
const DEVICE_ABORT: u32 = 1;

/// Flag of an operation: wait for the lock (VXI-11, B.5.3).
const WAIT_LOCK: u32 = 1;

/// How long the last words to an instrument may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// Where an instrument is, and what is wanted of it.
#[derive(Debug)]
pub(super) struct Address<'s> {
    pub(super) host: &'s str,
    pub(super) device: &'s str,
    pub(super) core_port: Option<u16>,
    /// How long to wait for its lock; nothing where none is wanted.
    pub(super) lock: Option<Duration>,
}

/// A link to an instrument. Whoever has it may call; dropped, its connection ends, and the instrument frees it.
#[derive(Debug)]
pub(super) struct Link {
    rpc: Rpc,
    pub(super) number: u32,
    /// The most that the instrument takes in one write.
    pub(super) most: usize,
    /// Where what it waits in is ended; nothing where the instrument has no such channel.
    abort: Option<SocketAddr>,
    /// It holds the instrument's lock.
    locked: bool,
}

impl Link {
    /// Makes a link, and locks the instrument where that is wanted.
    pub(super) async fn create(address: &Address<'_>, clock: &Arc<dyn Clock>) -> Result<Self, Failure> {
        let host = address.host;
        let port = match address.core_port {
            Some(port) => port,
            None => core_port(host).await?,
        };
        let mut rpc = Rpc::connect((host, port), CORE, CORE_VERSION).await?;
        // client number, lock, lock timeout, device; the lock is asked for by its own name, so that its refusal is its own
        let arguments = Writer::default().word(0).word(0).word(0);
        let mut results = rpc
            .call(CREATE_LINK, arguments.opaque(address.device.as_bytes()))
            .await?;
        checked(&mut results)?;
        let [number, abort, most] = [results.word()?, results.word()?, results.word()?];
        let abort = u16::try_from(abort).ok().filter(|port| *port != 0);
        let mut peer = rpc.peer()?;
        let abort = abort.map(|port| {
            peer.set_port(port);
            peer
        });
        let link = Self {
            rpc,
            number,
            most: usize::try_from(most)
                .ok()
                .filter(|most| *most > 0)
                .unwrap_or(USUAL_WRITE),
            abort,
            locked: false,
        };
        match address.lock {
            Some(patience) => link.lock(patience, clock).await,
            None => Ok(link),
        }
    }

    async fn lock(self, patience: Duration, clock: &Arc<dyn Clock>) -> Result<Self, Failure> {
        let milliseconds = u32::try_from(patience.as_millis()).unwrap_or(u32::MAX);
        let arguments = Writer::default().word(self.number).word(WAIT_LOCK).word(milliseconds);
        let mut calling = Calling::on(self, clock);
        let mut results = calling.call(DEVICE_LOCK, arguments).await?;
        let mut link = calling.over()?;
        match results.word()? {
            0 => {
                link.locked = true;
                Ok(link)
            }
            code => {
                link.leave(clock).await;
                Err(Failure::Lock(code, patience))
            }
        }
    }

    /// Gives back the lock and the link, if the instrument listens.
    pub(super) async fn leave(mut self, clock: &Arc<dyn Clock>) {
        let farewell = async {
            if self.locked {
                let number = Writer::default().word(self.number);
                self.rpc.call(DEVICE_UNLOCK, number).await?;
            }
            self.rpc.call(DESTROY_LINK, Writer::default().word(self.number)).await
        };
        // the instrument frees a link whose connection ends all the same
        drop(clock.within(clock.now().after(FAREWELL), farewell).await);
    }

    /// Ends the call that the instrument may still be in, and the link.
    async fn wind_down(mut self) -> io::Result<()> {
        let Some(address) = self.abort else { return Ok(()) };
        let mut channel = Rpc::connect(address, ABORT, ABORT_VERSION).await?;
        let number = || Writer::default().word(self.number);
        channel.call(DEVICE_ABORT, number()).await?;
        // behind the answer to the call that was given up
        self.rpc.call(DESTROY_LINK, number()).await.map(drop)
    }
}

/// A link in a call. Whoever drops it before the call is over, because the time is up or nobody waits any more, ends what the
/// instrument is doing through the abort channel, and the link with it: its lock keeps nobody out.
#[derive(Debug)]
pub(super) struct Calling {
    link: Option<Link>,
    clock: Arc<dyn Clock>,
}

impl Calling {
    pub(super) fn on(link: Link, clock: &Arc<dyn Clock>) -> Self {
        Self {
            link: Some(link),
            clock: Arc::clone(clock),
        }
    }

    /// The results of a call. An error is the connection's, which is of no further use.
    pub(super) async fn call(&mut self, procedure: u32, arguments: Writer) -> io::Result<Reader> {
        let Some(link) = &mut self.link else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let called = link.rpc.call(procedure, arguments).await;
        if called.is_err() {
            self.link = None;
        }
        called
    }

    /// The call is over: the link again.
    pub(super) fn over(mut self) -> io::Result<Link> {
        self.link.take().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        let (Some(link), Ok(runtime)) = (self.link.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        let clock = Arc::clone(&self.clock);
        drop(runtime.spawn(async move {
            drop(clock.within(clock.now().after(FAREWELL), link.wind_down()).await);
        }));
    }
}
