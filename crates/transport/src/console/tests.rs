//! Consoles over a real pty, a real socket and a real process, each held to the contract.

use super::open_console;
use crate::process::Program;
use async_trait::async_trait;
use benchtop_instrument::{
    Clock, Console, ErrorKind, LineSettings, RealClock, Resource, VirtualClock,
    conformance::{ConsoleRig, console},
};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::{
    fs::File,
    io::{Read, Write},
    net::TcpListener,
    sync::Arc,
    thread,
    time::Duration,
};

/// Where a child of this very program is told to echo.
const ECHOES: &str = "BENCHTOP_TEST_ECHOES";

/// Sends every byte back and ends after a `!`.
fn echo(mut from: impl Read, mut to: impl Write) {
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        let bytes = &chunk[..length];
        let end = bytes.iter().position(|byte| *byte == b'!');
        let back = &bytes[..end.map_or(length, |end| end)];
        if to.write_all(back).and_then(|()| to.flush()).is_err() || end.is_some() {
            return;
        }
    }
}

enum Rig {
    Socket,
    Process,
    Pty,
}

#[async_trait]
impl ConsoleRig for Rig {
    fn clock(&self) -> Arc<dyn Clock> {
        RealClock::shared()
    }

    async fn open(&self) -> Box<dyn Console> {
        let (resource, program) = match self {
            Self::Socket => {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let port = listener.local_addr().unwrap().port();
                thread::spawn(move || {
                    let (stream, _) = listener.accept().unwrap();
                    echo(stream.try_clone().unwrap(), stream);
                });
                let host = "127.0.0.1".to_owned();
                let board = 0;
                (Resource::Socket { board, host, port }, Program::default())
            }
            Self::Process => (
                Resource::Process {
                    program: "echo".to_owned(),
                },
                Program {
                    argv: vec![
                        std::env::current_exe().unwrap().to_str().unwrap().to_owned(),
                        "--exact".to_owned(),
                        "console::tests::echoes_in_a_child".to_owned(),
                        "--nocapture".to_owned(),
                        "--quiet".to_owned(),
                    ],
                    variables: vec![(ECHOES.to_owned(), "yes".to_owned())],
                    ..Program::default()
                },
            ),
            Self::Pty => {
                let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
                grantpt(&ours).unwrap();
                unlockpt(&ours).unwrap();
                let port = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
                let ours = File::from(ours);
                thread::spawn(move || echo(ours.try_clone().unwrap(), ours));
                (Resource::Serial { port }, Program::default())
            }
        };
        let clock = self.clock();
        let deadline = clock.now().after(Duration::from_secs(10));
        let mut console = open_console(&resource, &LineSettings::default(), &program, clock, deadline)
            .await
            .unwrap();
        if matches!(self, Self::Process) {
            // the test harness has something to say first
            let mut heard = Vec::new();
            while !heard.ends_with(b"ready") {
                heard.extend(console.receive().await.unwrap());
            }
        }
        console
    }
}

/// No test in itself: the command that a console talks to.
#[test]
fn echoes_in_a_child() {
    if std::env::var_os(ECHOES).is_none() {
        return;
    }
    let mut out = std::io::stdout();
    out.write_all(b"ready").unwrap();
    out.flush().unwrap();
    echo(std::io::stdin(), Unbuffered);
    std::io::stdout().flush().unwrap();
    // the harness's own last words must not be taken for the unit's
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
}

struct Unbuffered;

impl Write for Unbuffered {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut out = std::io::stdout();
        out.write_all(bytes)?;
        out.flush()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stdout().flush()
    }
}

#[tokio::test]
async fn a_socket_keeps_the_contract() {
    console(&Rig::Socket).await.unwrap();
}

#[tokio::test]
async fn what_came_before_an_end_comes_out_before_it() {
    let clock = RealClock::shared();
    let mut console = Rig::Socket.open().await;
    let deadline = clock.now().after(Duration::from_secs(10));
    console.send(b"last words!", deadline).await.unwrap();
    let mut came = Vec::new();
    let error = loop {
        match console.receive().await {
            Ok(bytes) => came.extend(bytes),
            Err(error) => break error,
        }
    };
    assert_eq!(
        (came.as_slice(), error.kind()),
        (b"last words".as_slice(), ErrorKind::Disconnected)
    );
}

#[tokio::test]
async fn a_process_keeps_the_contract() {
    console(&Rig::Process).await.unwrap();
}

#[tokio::test]
async fn a_serial_line_keeps_the_contract() {
    console(&Rig::Pty).await.unwrap();
}

async fn refused(resource: &str, clock: Arc<dyn Clock>) -> ErrorKind {
    let deadline = clock.now().after(Duration::from_secs(5));
    let resource = resource.parse().unwrap();
    let program = Program {
        argv: vec!["/no/such/program".to_owned()],
        ..Program::default()
    };
    let opened = open_console(&resource, &LineSettings::default(), &program, clock, deadline).await;
    opened.err().expect("refused").kind()
}

#[tokio::test]
async fn what_is_no_stream_or_is_not_there_is_refused() {
    let clock = RealClock::shared;
    assert_eq!(refused("GPIB0::22::INSTR", clock()).await, ErrorKind::Unsupported);
    assert_eq!(
        refused("/dev/there-is-no-such-port", clock()).await,
        ErrorKind::Disconnected
    );
    assert_eq!(refused("PROCESS::program", clock()).await, ErrorKind::Io);
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = format!("TCPIP0::127.0.0.1::{unused}::SOCKET");
    assert_eq!(refused(&nobody, clock()).await, ErrorKind::Disconnected);
    let on_virtual_time = refused(&nobody, Arc::new(VirtualClock::new())).await;
    assert_eq!(on_virtual_time, ErrorKind::Unsupported);
}
