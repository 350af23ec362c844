//! How bytes reach an instrument.
//!
//! Every session keeps the contract of [`Session`] and is enrolled in its conformance suite: the raw TCP socket, the serial
//! line, VXI-11 and `HiSLIP` are native; USBTMC and GPIB go through a VISA library that is found at run time. A transcript can
//! take an instrument's place. Simulated instruments are no transport: `benchtop-sim` brings sessions of its own.
//!
//! The unit's own link ([`open_console`]) is a stream of bytes with a contract of its own, and [`process`] starts and ends the
//! commands of this computer.

mod console;
pub mod discovery;
mod framer;
mod guarded;
mod hislip;
mod message;
mod network;
mod port;
pub mod process;
mod serial;
#[cfg(test)]
mod silent;
mod socket;
mod soon;
mod trace;
pub mod transcript;
pub mod visa;
mod vxi11;

pub use console::open_console;
pub use framer::{Framer, FramingError, MAX_MESSAGE};
pub use hislip::HislipSession;
pub use port::path_of as serial_path;
pub use serial::SerialSession;
pub use socket::SocketSession;
pub use trace::{MemoryTrace, TraceEvent, TraceSink, Traced};
pub use transcript::{Recorder, ReplaySession};
pub use visa::VisaSession;
pub use vxi11::Vxi11Session;

use benchtop_instrument::{Clock, Error, ErrorKind, LineSettings, Moment, Operation, Resource, Session};
use std::sync::Arc;

/// Opens a session on `resource` by `deadline`; `line` is for serial ports. A virtual clock is refused: nothing outside this process keeps to it.
///
/// # Errors
/// `Unsupported`, naming the transport, where this version cannot open it; else what the transport said.
pub async fn open(
    resource: &Resource,
    line: &LineSettings,
    clock: Arc<dyn Clock>,
    deadline: Moment,
) -> Result<Box<dyn Session>, Error> {
    let refuse = |message: String| Err(Error::new(ErrorKind::Unsupported, Operation::Open, resource, message));
    if clock.is_virtual() {
        return refuse("a run on a virtual clock uses simulated instruments only".to_owned());
    }
    if let (Some(_), Some(why)) = (line.exclusive, why_no_lock(resource)) {
        return refuse(format!("others cannot be kept out: {why}"));
    }
    match resource {
        Resource::Socket { .. } => Ok(Box::new(SocketSession::open(resource, clock, deadline).await?)),
        Resource::Serial { .. } => Ok(Box::new(SerialSession::open(resource, line, clock, deadline).await?)),
        Resource::Lan { device, .. } if device.to_ascii_lowercase().starts_with("hislip") => Ok(Box::new(
            HislipSession::open(resource, line.hislip_mode, line.exclusive, clock, deadline).await?,
        )),
        Resource::Lan { .. } => Ok(Box::new(
            Vxi11Session::open(resource, line.exclusive, clock, deadline).await?,
        )),
        Resource::Usb { .. } | Resource::Gpib { .. } | Resource::Visa { .. } => {
            Ok(Box::new(VisaSession::open(resource, line, clock, deadline).await?))
        }
        Resource::Replay { .. } => Ok(Box::new(ReplaySession::open(resource)?)),
        Resource::Simulated { .. } => {
            refuse("a simulated instrument lives on its bench, not on a transport".to_owned())
        }
        Resource::Process { .. } => refuse("a command is a console, not an instrument".to_owned()),
    }
}

/// Why a session on `resource` cannot have its instrument for itself; nothing where it can lock it.
#[must_use]
pub const fn why_no_lock(resource: &Resource) -> Option<&'static str> {
    match resource {
        Resource::Lan { .. } | Resource::Usb { .. } | Resource::Gpib { .. } | Resource::Visa { .. } => None,
        Resource::Socket { .. } => Some("a plain socket has no lock; VXI-11, HiSLIP and VISA have"),
        Resource::Serial { .. } => {
            Some("a serial line has no lock and needs none: a port is opened by one program at a time")
        }
        Resource::Replay { .. } => Some("a transcript is nobody else's to use"),
        Resource::Simulated { .. } => Some("a simulated instrument lives in this process"),
        Resource::Process { .. } => Some("a command is a console, not an instrument"),
    }
}
