//! Simulated instruments for clients outside of this process.
//!
//! - Any number of clients at once, each with its own parser and answers, all on one instrument. What a client may
//!   occupy is bounded; nothing that a client sends ends a server or another client's connection.
//! - A server's tasks each hold a receiver of its [`Stop`]; they end when it says so or is dropped, and ports and files
//!   go with them.
//! - A bench on a virtual clock is not served: it cannot know of what happens outside of this process.

mod hislip;
mod lock;
mod names;
mod pty;
mod rpc;
mod stream;
mod tcp;
mod vxi11;
mod wait;

pub use hislip::{HislipModes, HislipServer, serve_hislip};
pub(crate) use lock::Locks;
pub use pty::{LineSettings, Parity, PtyServer, serve_pty};
pub use tcp::{TcpServer, serve_tcp};
pub use vxi11::{Vxi11Server, VxiAddresses, serve_vxi11};

use benchtop_instrument::{Clock, ClockExt};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// After a client could not be accepted (no file handles left), before the next one is tried.
const PAUSE: Duration = Duration::from_millis(50);

/// What a server's tasks listen to.
type Stopped = watch::Receiver<()>;

/// Ends the tasks of a server when dropped.
#[derive(Debug)]
struct Stop(watch::Sender<()>);

impl Stop {
    fn new() -> (Self, Stopped) {
        let (stop, stopped) = watch::channel(());
        (Self(stop), stopped)
    }

    /// Ends them and waits until they are gone.
    async fn stop(self) {
        self.0.send_replace(());
        self.0.closed().await;
    }
}

/// Refuses a clock that skips waits.
fn real(clock: &Arc<dyn Clock>) -> io::Result<()> {
    if clock.is_virtual() {
        return Err(io::Error::other("an instrument on a virtual clock cannot be served"));
    }
    Ok(())
}

/// Starts a task that nobody waits for; it ends when it is told to.
///
/// A plain task of the runtime, which makes it give way to others from time to time; no virtual clock has to know of it.
fn start(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(task));
}

/// Starts a task for every client that connects.
async fn accept<F>(
    listener: TcpListener,
    clock: Arc<dyn Clock>,
    mut stopped: Stopped,
    serve: impl Fn(TcpStream) -> F + Send,
) where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stopped.changed() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            // without it answers wait for the acknowledgement of the one before
            Ok((stream, _)) if stream.set_nodelay(true).is_ok() => start(serve(stream)),
            Ok(_) => {}
            Err(_) => clock.sleep(PAUSE).await,
        }
    }
}
