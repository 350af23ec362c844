//! A serial port and the two threads that block on it.

use benchtop_instrument::{Error, ErrorKind, FlowControl, LineSettings, Operation, Parity, Resource};
use serialport::{SerialPort, SerialPortBuilder};
use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc as blocking,
    },
    thread,
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

/// Bytes that are read at once.
const CHUNK: usize = 4096;
/// Chunks that wait to be taken; behind these the line's own buffers fill up.
const CHUNKS: usize = 64;
/// How often the reading thread looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(20);

/// An open port.
#[derive(Debug)]
pub(crate) struct Port {
    orders: Option<blocking::Sender<Order>>,
    incoming: mpsc::Receiver<io::Result<Vec<u8>>>,
    unwanted: Arc<AtomicBool>,
}

struct Order {
    bytes: Vec<u8>,
    patience: Duration,
    done: oneshot::Sender<io::Result<()>>,
}

impl Drop for Port {
    fn drop(&mut self) {
        self.unwanted.store(true, Ordering::Relaxed);
    }
}

impl Port {
    /// Opens it, and starts its threads.
    pub(crate) async fn open(name: &str, line: &LineSettings) -> io::Result<Self> {
        let (path, line) = (path_of(name), line.clone());
        let opened = tokio::task::spawn_blocking(move || open(&path, &line)).await;
        let (reading, writing) = opened.map_err(io::Error::other)??;
        let (sender, incoming) = mpsc::channel(CHUNKS);
        let (orders, taken) = blocking::channel();
        let unwanted = Arc::new(AtomicBool::new(false));
        let (stop, ended) = (Arc::clone(&unwanted), sender.clone());
        let named = |what: &str| thread::Builder::new().name(format!("{what} {name}"));
        named("read").spawn(move || read(reading, &sender, &stop))?;
        named("write").spawn(move || {
            write(writing, &taken);
            // whoever waits for the end of the incoming bytes waits for this thread too
            drop(ended);
        })?;
        Ok(Self {
            orders: Some(orders),
            incoming,
            unwanted,
        })
    }

    /// Sends bytes. What was not taken when `patience` is over has partly been sent.
    pub(crate) async fn send(&self, bytes: Vec<u8>, patience: Duration) -> io::Result<()> {
        let (done, sent) = oneshot::channel();
        let order = Order { bytes, patience, done };
        let taken = self.orders.as_ref().is_some_and(|orders| orders.send(order).is_ok());
        if !taken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        sent.await.unwrap_or_else(|_gone| Err(io::ErrorKind::BrokenPipe.into()))
    }

    /// What comes next. Nothing when the port is gone. Nothing is lost when it is dropped.
    pub(crate) async fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        self.incoming.recv().await
    }

    /// What has come already.
    pub(crate) fn arrived(&mut self) -> Option<io::Result<Vec<u8>>> {
        match self.incoming.try_recv() {
            Ok(arrived) => Some(arrived),
            Err(mpsc::error::TryRecvError::Empty) => None,
            Err(mpsc::error::TryRecvError::Disconnected) => Some(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    /// Ends the threads and waits until the port is free.
    pub(crate) async fn close(mut self) {
        self.unwanted.store(true, Ordering::Relaxed);
        self.orders = None;
        while self.incoming.recv().await.is_some() {}
    }
}

/// The system's path of the serial port that a resource names: `3` is the third port of this computer, anything else the name
/// that it has here.
#[must_use]
pub fn path_of(name: &str) -> String {
    match name.parse::<u32>() {
        Ok(number) if cfg!(windows) => format!("COM{number}"),
        Ok(number) => format!("/dev/ttyS{}", number.saturating_sub(1)),
        Err(_) => name.to_owned(),
    }
}

type Both = (Box<dyn SerialPort>, Box<dyn SerialPort>);

/// How a port is opened.
fn settings(path: &str, line: &LineSettings) -> SerialPortBuilder {
    let data_bits = if line.data_bits == 7 {
        serialport::DataBits::Seven
    } else {
        serialport::DataBits::Eight
    };
    let stop_bits = if line.stop_bits == 2 {
        serialport::StopBits::Two
    } else {
        serialport::StopBits::One
    };
    let parity = match line.parity {
        Parity::None => serialport::Parity::None,
        Parity::Even => serialport::Parity::Even,
        Parity::Odd => serialport::Parity::Odd,
    };
    let flow_control = match line.flow_control {
        FlowControl::None => serialport::FlowControl::None,
        FlowControl::RtsCts => serialport::FlowControl::Hardware,
        FlowControl::XonXoff => serialport::FlowControl::Software,
    };
    serialport::new(path, line.baud)
        .data_bits(data_bits)
        .stop_bits(stop_bits)
        .parity(parity)
        .flow_control(flow_control)
        .timeout(LOOK)
}

fn open(path: &str, line: &LineSettings) -> io::Result<Both> {
    let reading = settings(path, line)
        .open()
        .map_err(|error| match io::Error::from(error) {
            // a port that is there and is "no device" is locked by somebody
            error if error.kind() == io::ErrorKind::NotFound && Path::new(path).exists() => {
                io::Error::new(io::ErrorKind::ResourceBusy, error)
            }
            error => error,
        })?;
    let writing = reading.try_clone()?;
    Ok((reading, writing))
}

fn read(mut port: Box<dyn SerialPort>, sender: &mpsc::Sender<io::Result<Vec<u8>>>, unwanted: &AtomicBool) {
    let mut chunk = [0; CHUNK];
    while !unwanted.load(Ordering::Relaxed) {
        let arrived = match port.read(&mut chunk) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => Ok(chunk.get(..length).unwrap_or_default().to_vec()),
            Err(error) if is_a_pause(&error) => continue,
            Err(error) => Err(error),
        };
        let ended = arrived.is_err();
        if sender.blocking_send(arrived).is_err() || ended {
            return;
        }
    }
}

fn write(mut port: Box<dyn SerialPort>, orders: &blocking::Receiver<Order>) {
    while let Ok(Order { bytes, patience, done }) = orders.recv() {
        let sent = port
            .set_timeout(patience)
            .map_err(io::Error::from)
            .and_then(|()| port.write_all(&bytes));
        // whoever does not wait for it any more has given up
        drop(done.send(sent));
    }
}

/// Whether somebody else has the port, perhaps not for long: a session of this process that was dropped just now.
pub(crate) fn is_taken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ResourceBusy
}

fn is_a_pause(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "std's list of error kinds is open; this is the one place that reads it for serial ports"
)]
pub(crate) fn error(operation: Operation, resource: &Resource, error: io::Error) -> Error {
    use io::ErrorKind as Os;
    let (kind, message) = match error.kind() {
        Os::NotFound => (ErrorKind::Disconnected, "there is no such port"),
        Os::TimedOut => (ErrorKind::Timeout, "the line takes nothing more"),
        Os::PermissionDenied => (
            ErrorKind::Io,
            "no permission; on Linux the user must be in the group dialout",
        ),
        Os::ResourceBusy => (ErrorKind::Io, "another program has the port"),
        Os::InvalidInput => (ErrorKind::Io, "the port does not take these settings"),
        // what a port that was unplugged says differs from driver to driver
        _ if operation != Operation::Open => (
            ErrorKind::Disconnected,
            "the port is gone: unplugged, or its other end closed",
        ),
        _ => (ErrorKind::Io, "the operating system refused"),
    };
    Error::new(kind, operation, resource, message).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serialport::{DataBits, FlowControl as Flow, Parity as Bit, StopBits};

    #[test]
    fn every_setting_of_a_line_goes_to_the_port() {
        let plain = LineSettings::default();
        let expected = |baud, data, parity, stop, flow| {
            let port = serialport::new("/dev/ttyS9", baud).data_bits(data).parity(parity);
            port.stop_bits(stop).flow_control(flow).timeout(LOOK)
        };
        let (eight, seven, one, two) = (DataBits::Eight, DataBits::Seven, StopBits::One, StopBits::Two);
        for (line, expected) in [
            (plain.clone(), expected(9600, eight, Bit::None, one, Flow::None)),
            (
                LineSettings {
                    baud: 2400,
                    data_bits: 7,
                    parity: Parity::Even,
                    stop_bits: 2,
                    ..plain.clone()
                },
                expected(2400, seven, Bit::Even, two, Flow::None),
            ),
            (
                LineSettings {
                    parity: Parity::Odd,
                    flow_control: FlowControl::RtsCts,
                    ..plain.clone()
                },
                expected(9600, eight, Bit::Odd, one, Flow::Hardware),
            ),
            (
                LineSettings {
                    flow_control: FlowControl::XonXoff,
                    ..plain
                },
                expected(9600, eight, Bit::None, one, Flow::Software),
            ),
        ] {
            assert_eq!(settings("/dev/ttyS9", &line), expected, "{line:?}");
        }
    }
}
