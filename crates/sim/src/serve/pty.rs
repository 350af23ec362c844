//! A simulated instrument on a pseudoterminal, as on a serial port.
//!
//! - The line is raw: nothing is echoed or translated. CR, LF or CRLF end a message; answers end as the model's
//!   `[serial]` says.
//! - It stays open while no client has it, and as on a real line its settings stay as the last client made them.
//! - As on a line without handshake, answers that nobody takes are lost, after [`PATIENCE`].

#[cfg(unix)]
mod terminal;
#[cfg(not(unix))]
#[path = "pty/absent.rs"]
mod terminal;

use super::{
    Stop, Stopped, real, start,
    stream::{Ended, converse},
};
use crate::{attachment::Attachment, bench::SimulatedInstrument, client::Link};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use terminal::{Line, LinkAt, Terminal};

/// How long answers wait for somebody to take them.
const PATIENCE: Duration = Duration::from_secs(2);

/// An instrument on a pseudoterminal. Dropping it stops it.
#[derive(Debug)]
pub struct PtyServer {
    path: PathBuf,
    link: Option<PathBuf>,
    line: Line,
    stop: Stop,
}

/// How a client has set up its end of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineSettings {
    /// Bits per second.
    pub baud: u32,
    /// From 5 to 8.
    pub data_bits: u8,
    /// The parity bit.
    pub parity: Parity,
    /// 1 or 2.
    pub stop_bits: u8,
    /// Handshake by XON and XOFF, in either direction.
    pub xon_xoff: bool,
    /// Handshake by RTS and CTS.
    pub rts_cts: bool,
}

/// A serial line's parity bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parity {
    /// There is none.
    None,
    /// The number of ones is made even.
    Even,
    /// The number of ones is made odd.
    Odd,
}

impl PtyServer {
    /// The device that a client opens, whatever it is linked as.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The link to it, if one was asked for.
    #[must_use]
    pub fn link(&self) -> Option<&Path> {
        self.link.as_deref()
    }

    /// How the line is set up now. The simulation carries bytes whatever the settings are.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn line_settings(&self) -> io::Result<LineSettings> {
        self.line.settings()
    }

    /// Closes the pseudoterminal, removes the link and waits until that is done. What the instrument is set to stays.
    pub async fn stop(self) {
        self.stop.stop().await;
    }
}

/// Serves an instrument on a new pseudoterminal, with a symbolic link to it at `link`. Needs a tokio runtime.
///
/// A link that is there is replaced if it leads to a pseudoterminal, as one does that an earlier run left behind; nothing
/// else is. It is removed at the end unless it leads somewhere else by then.
///
/// # Errors
/// What the operating system says: no pseudoterminal left, something else at `link`, a system without pseudoterminals.
/// Also for an instrument on a virtual clock.
pub fn serve_pty(link: Option<&Path>, instrument: SimulatedInstrument) -> io::Result<PtyServer> {
    let clock = Arc::clone(&instrument.shared.clock);
    real(&clock)?;
    let attachment = Attachment::new(instrument.shared, instrument.number, Link::Serial)
        .ok_or_else(|| io::Error::other("the bench has no such instrument"))?;
    let (terminal, line, path) = terminal::open()?;
    let linked = link.map(|link| LinkAt::create(link, &path)).transpose()?;
    let (stop, stopped) = Stop::new();
    start(serve(terminal, linked, attachment, stopped));
    Ok(PtyServer {
        path,
        link: link.map(Path::to_owned),
        line,
        stop,
    })
}

async fn serve(mut terminal: Terminal, _linked: Option<LinkAt>, mut attachment: Attachment, mut stopped: Stopped) {
    // a dropped connection is a reset on the instrument's side: the line is still there
    while converse(&mut terminal, &mut attachment, &mut stopped, Some(PATIENCE)).await == Ended::Dropped
        && attachment.reconnect()
    {}
}
