//! VXI-11 sessions against a server that the suite plays, byte by byte.

mod given_up;

use super::*;
use crate::Framer;
use benchtop_instrument::{
    RealClock, SessionExt,
    conformance::{self, FarEnd, OutOfBand, SessionRig},
};
use std::{collections::VecDeque, net::SocketAddr, sync::Mutex};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc, watch},
    task::JoinHandle,
};

/// What the server takes in one write.
const MOST: u32 = 16;
/// What it hands over in one read.
const PIECE: usize = 100_000;

/// What the server and the suite share.
#[derive(Default)]
struct Shared {
    framer: Mutex<Framer>,
    answers: Mutex<VecDeque<Vec<u8>>>,
    said: Notify,
    /// What it hands over next, as it stands there: why a read ended, and what was read.
    parts: Mutex<VecDeque<(u32, &'static [u8])>>,
}

impl Shared {
    /// A part of the first answer, with why it ends.
    fn next_part(&self) -> Option<Vec<u8>> {
        if let Some((reason, part)) = self.parts.lock().unwrap().pop_front() {
            return Some(read_result(reason, part));
        }
        let mut answers = self.answers.lock().unwrap();
        let mut part = answers.pop_front()?;
        let rest = part.split_off(part.len().min(PIECE));
        let reason = if rest.is_empty() { END } else { 1 };
        if !rest.is_empty() {
            answers.push_front(rest);
        }
        Some(read_result(reason, &part))
    }
}

fn read_result(reason: u32, part: &[u8]) -> Vec<u8> {
    let fill = vec![0; part.len().next_multiple_of(4) - part.len()];
    [words(&[0, reason, length_of(part)]), part.to_vec(), fill].concat()
}

struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    messages: mpsc::UnboundedReceiver<Vec<u8>>,
    hang_up: watch::Sender<()>,
    accepting: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, messages) = mpsc::unbounded_channel();
        let (hang_up, hung_up) = watch::channel(());
        let shared = Arc::new(Shared::default());
        let for_clients = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, heard, mut hung_up) = (Arc::clone(&for_clients), heard.clone(), hung_up.clone());
                hung_up.mark_unchanged();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = serve(stream, shared, heard) => {}
                        _ = hung_up.changed() => {}
                    }
                });
            }
        });
        Self {
            address,
            shared,
            messages,
            hang_up,
            accepting,
        }
    }

    fn resource(&self, device: &str) -> Resource {
        format!("TCPIP::127.0.0.1::{device},{}::INSTR", self.address.port())
            .parse()
            .unwrap()
    }
}

/// One connection: calls come in, replies go out.
async fn serve(mut stream: TcpStream, shared: Arc<Shared>, heard: mpsc::UnboundedSender<Vec<u8>>) -> Option<()> {
    stream.set_nodelay(true).unwrap();
    let mut message = Vec::new();
    loop {
        let length = stream.read_u32().await.ok()? & !(1 << 31);
        let mut call = vec![0; length as usize];
        stream.read_exact(&mut call).await.ok()?;
        let word = |place: usize| u32::from_be_bytes(call[place * 4..place * 4 + 4].try_into().unwrap());
        let results: Vec<u8> = match word(5) {
            CREATE_LINK if call.ends_with(b"inst0\0\0\0") => words(&[0, 7, 0, MOST]),
            CREATE_LINK => words(&[3, 0, 0, 0]),
            DEVICE_WRITE => {
                let length = word(14) as usize;
                message.extend(&call[60..60 + length]);
                if word(13) & END_FLAG != 0 {
                    assert_eq!(message.pop(), Some(b'\n'));
                    drop(heard.send(std::mem::take(&mut message)));
                }
                words(&[0, word(14)])
            }
            DEVICE_READ => {
                let patience = Duration::from_millis(word(12).into());
                tokio::select! {
                    results = read(&shared, patience) => results,
                    () = left(&stream) => return None,
                }
            }
            DEVICE_READSTB => words(&[
                0,
                if shared.answers.lock().unwrap().is_empty() {
                    0
                } else {
                    16
                },
            ]),
            DEVICE_CLEAR => {
                *shared.framer.lock().unwrap() = Framer::default();
                shared.answers.lock().unwrap().clear();
                words(&[0])
            }
            _ => words(&[0]),
        };
        // xid, reply, accepted, no verifier, success
        let reply = [words(&[word(0), 1, 0, 0, 0, 0]), results].concat();
        // in two fragments, as some instruments do
        let (first, second) = reply.split_at(10);
        stream.write_u32(10).await.ok()?;
        stream.write_all(first).await.ok()?;
        stream.write_u32(1 << 31 | length_of(second)).await.ok()?;
        stream.write_all(second).await.ok()?;
    }
}

/// What lies there, or what comes in time.
async fn read(shared: &Shared, patience: Duration) -> Vec<u8> {
    let clock = RealClock::new();
    let deadline = clock.now().after(patience);
    loop {
        let said = shared.said.notified();
        if let Some(results) = shared.next_part() {
            return results;
        }
        if clock.within(deadline, said).await.is_err() {
            return words(&[15, 0, 0]);
        }
    }
}

/// Ends when the client hangs up.
async fn left(stream: &TcpStream) {
    if stream.peek(&mut [0]).await.is_ok_and(|length| length > 0) {
        std::future::pending::<()>().await;
    }
}

fn length_of(bytes: &[u8]) -> u32 {
    bytes.len().try_into().unwrap()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

#[async_trait]
impl FarEnd for Server {
    async fn receive(&mut self) -> Option<Vec<u8>> {
        self.messages.recv().await
    }

    async fn send(&mut self, bytes: &[u8]) {
        let mut framer = self.shared.framer.lock().unwrap();
        framer.push(bytes);
        while let Some(message) = framer.next_message().unwrap() {
            self.shared
                .answers
                .lock()
                .unwrap()
                .push_back([message, b"\n".to_vec()].concat());
        }
        drop(framer);
        self.shared.said.notify_waiters();
    }

    async fn hang_up(&mut self) {
        self.hang_up.send_replace(());
    }
}

struct Rig(Arc<dyn Clock>);

const SOON: Duration = Duration::from_secs(5);

async fn open(resource: &Resource, clock: &Arc<dyn Clock>) -> Result<Vxi11Session, Error> {
    Vxi11Session::open(resource, None, Arc::clone(clock), clock.now().after(SOON)).await
}

#[async_trait]
impl SessionRig for Rig {
    async fn open(&self) -> (Box<dyn Session>, Box<dyn FarEnd>) {
        let server = Server::start().await;
        let session = open(&server.resource("inst0"), &self.0).await.unwrap();
        (Box::new(session), Box::new(server))
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.0)
    }

    fn out_of_band(&self) -> OutOfBand {
        OutOfBand::ALL
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vxi11_keeps_the_session_contract() {
    conformance::session(&Rig(RealClock::shared())).await.unwrap();
}

#[test]
fn vxi11_links_leave_nothing_behind() {
    let test = "vxi11::tests::vxi11_links_leave_nothing_behind";
    println!("{}", conformance::endurance(test, &Rig(RealClock::shared())).unwrap());
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let clock = RealClock::shared();
    let server = Server::start().await;
    let none = open(&server.resource("inst7"), &clock).await.unwrap_err();
    assert_eq!(none.kind(), ErrorKind::Disconnected);
    assert!(
        none.to_string().contains("there is no such device behind this address"),
        "{none}"
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let free = listener.local_addr().unwrap().port();
    drop(listener);
    let nobody: Resource = format!("TCPIP::127.0.0.1::inst0,{free}::INSTR").parse().unwrap();
    let refused = open(&nobody, &clock).await.unwrap_err();
    assert!(refused.to_string().contains("nothing listens there"), "{refused}");
    let odd: Resource = "TCPIP::127.0.0.1::inst0,x::INSTR".parse().unwrap();
    assert_eq!(open(&odd, &clock).await.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn something_else_that_listens_is_not_taken_for_an_instrument() {
    let clock = RealClock::shared();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
    });
    let web: Resource = format!("TCPIP::127.0.0.1::inst0,{port}::INSTR").parse().unwrap();
    let error = open(&web, &clock).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Garbled, "{error}");
}

#[tokio::test]
async fn a_long_message_goes_out_in_the_pieces_that_the_instrument_takes() {
    let clock = RealClock::shared();
    let mut server = Server::start().await;
    let mut session = open(&server.resource("inst0"), &clock).await.unwrap();
    let message = "VOLT 1,(@1);".repeat(20);
    session
        .write(message.as_bytes(), clock.now().after(SOON))
        .await
        .unwrap();
    assert_eq!(server.receive().await.unwrap(), message.as_bytes());
    server.send(b"1\n").await;
    assert_eq!(session.status_byte(clock.now().after(SOON)).await.unwrap(), 16);
    session.clear(clock.now().after(SOON)).await.unwrap();
    assert_eq!(session.status_byte(clock.now().after(SOON)).await.unwrap(), 0);
    session.write(b"X?", clock.now().after(SOON)).await.unwrap();
    server.receive().await;
    server.send(b"2\n").await;
    assert_eq!(session.read(clock.now().after(SOON)).await.unwrap(), b"2");
    session.close().await.unwrap();
    assert!(session.query("X?", clock.now().after(SOON)).await.is_err());
}

#[tokio::test]
async fn an_answer_ends_for_the_reason_that_the_instrument_gives() {
    /// The reasons why a read ends (VXI-11, B.6.4); an instrument that gives none has handed over what it had.
    const COUNT: u32 = 1;
    const NONE: u32 = 0;
    let clock = RealClock::shared();
    let soon = || clock.now().after(SOON);
    let mut server = Server::start().await;
    let mut session = open(&server.resource("inst0"), &clock).await.unwrap();
    for (parts, expected) in [
        // a terminating character alone, though none was asked for
        (&[(CHARACTER, b"+1.5\n".as_slice())] as &[_], b"+1.5".as_slice()),
        (&[(COUNT, b"+1".as_slice()), (CHARACTER, b".5\n")], b"+1.5"),
        // what was asked for came, and that is not the end; the end may come by itself
        (
            &[(COUNT, b"#15ab".as_slice()), (COUNT, b"\nc"), (END, b"d\n")],
            b"#15ab\ncd",
        ),
        (&[(COUNT, b"+1.5\n".as_slice()), (END, b"")], b"+1.5"),
        (&[(NONE, b"+1".as_slice()), (NONE, b""), (END, b".5\n")], b"+1.5"),
        (&[(COUNT | CHARACTER | END, b"+1.5\n".as_slice())], b"+1.5"),
    ] {
        session.write(b"READ?", soon()).await.unwrap();
        assert_eq!(server.receive().await.unwrap(), b"READ?");
        *server.shared.parts.lock().unwrap() = parts.iter().copied().collect();
        assert_eq!(session.read(soon()).await.unwrap(), expected, "{parts:?}");
        assert!(server.shared.parts.lock().unwrap().is_empty(), "{parts:?}");
    }
    // what ends without an end is never an answer
    session.write(b"READ?", soon()).await.unwrap();
    server.receive().await.unwrap();
    server.shared.parts.lock().unwrap().push_back((COUNT, b"+1.5\n"));
    let cut = session
        .read(clock.now().after(Duration::from_millis(100)))
        .await
        .unwrap_err();
    assert_eq!(cut.kind(), ErrorKind::Timeout, "{cut}");
    assert_eq!(session.state(), SessionState::Desynchronised);
}
