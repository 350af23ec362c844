//! HiSLIP sessions against a server that the suite plays, message by message.

use super::*;
use crate::{
    Framer,
    silent::{costs_its_deadline, wait_of},
};
use benchtop_instrument::{
    RealClock, SessionExt,
    conformance::{self, FarEnd, OutOfBand, SessionRig},
};
use std::{
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::JoinHandle,
};

/// What the server takes in one payload.
const MOST: u64 = 16;
/// What it sends in one.
const PIECE: usize = 50_000;
const SOON: Duration = Duration::from_secs(5);

/// What is to go out on the synchronous channel.
type Outbox = mpsc::UnboundedSender<Vec<u8>>;

struct Shared {
    /// Overlapped mode, and no other.
    overlapped: bool,
    framer: Mutex<Framer>,
    /// The number of the last message, and where answers go.
    last: Mutex<(u32, Option<Outbox>)>,
    /// Where what goes on the asynchronous channel goes.
    asynchronous: Mutex<Option<Outbox>>,
    /// The number of the next answer in overlapped mode.
    next: Mutex<u32>,
    /// What the last status query said.
    queried: Mutex<(u8, u32)>,
    /// The features that the last device clear asked for.
    asked: Mutex<Option<u8>>,
    /// An answer was sent of which nobody has said that it was taken.
    waiting: AtomicBool,
    /// It answers no status query any more.
    deaf: AtomicBool,
    /// How many bytes the parts of a message had that came in.
    parts: Mutex<Vec<usize>>,
}

impl Shared {
    /// The client says whether it has the last answer.
    fn taken_if(&self, control: u8) {
        if control & DELIVERED != 0 {
            self.waiting.store(false, Ordering::SeqCst);
        }
    }

    /// The control code that says which mode it is.
    fn feature(&self) -> u8 {
        u8::from(self.overlapped)
    }
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
        Self::in_mode(false).await
    }

    async fn in_mode(overlapped: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, messages) = mpsc::unbounded_channel();
        let (hang_up, hung_up) = watch::channel(());
        let shared = Arc::new(Shared {
            overlapped,
            framer: Mutex::default(),
            last: Mutex::default(),
            asynchronous: Mutex::default(),
            next: Mutex::new(FIRST),
            queried: Mutex::default(),
            asked: Mutex::default(),
            waiting: AtomicBool::default(),
            deaf: AtomicBool::default(),
            parts: Mutex::default(),
        });
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
        let port = self.address.port();
        format!("TCPIP::127.0.0.1::{device},{port}::INSTR").parse().unwrap()
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>, heard: mpsc::UnboundedSender<Vec<u8>>) -> Option<()> {
    stream.set_nodelay(true).unwrap();
    let (outbox, mut out) = mpsc::unbounded_channel::<Vec<u8>>();
    let (mut reading, mut writing) = stream.split();
    let mut message = Vec::new();
    let reader = async {
        loop {
            let mut header = [0; 16];
            reading.read_exact(&mut header).await.ok()?;
            let length = u64::from_be_bytes(header[8..].try_into().unwrap());
            let mut payload = vec![0; length.try_into().unwrap()];
            reading.read_exact(&mut payload).await.ok()?;
            let parameter = u32::from_be_bytes(header[4..8].try_into().unwrap());
            let reply = match header[2] {
                kind::INITIALIZE if payload == b"hislip0" => {
                    shared.last.lock().unwrap().1 = Some(outbox.clone());
                    *shared.next.lock().unwrap() = FIRST;
                    Message::new(kind::INITIALIZE_RESPONSE, shared.feature(), (VERSION << 16) | 9, &[])
                }
                kind::INITIALIZE => Message::new(kind::FATAL_ERROR, 3, 0, b"no such instrument"),
                kind::ASYNC_INITIALIZE => {
                    assert_eq!(parameter, 9);
                    *shared.asynchronous.lock().unwrap() = Some(outbox.clone());
                    Message::new(kind::ASYNC_INITIALIZE_RESPONSE, 0, 0, &[])
                }
                kind::MAXIMUM_MESSAGE_SIZE => {
                    Message::new(kind::MAXIMUM_MESSAGE_SIZE_RESPONSE, 0, 0, &MOST.to_be_bytes())
                }
                kind::ASYNC_DEVICE_CLEAR => {
                    Message::new(kind::ASYNC_DEVICE_CLEAR_ACKNOWLEDGE, shared.feature(), 0, &[])
                }
                kind::DEVICE_CLEAR_COMPLETE => {
                    *shared.asked.lock().unwrap() = Some(header[3]);
                    *shared.framer.lock().unwrap() = Framer::default();
                    *shared.next.lock().unwrap() = FIRST;
                    shared.waiting.store(false, Ordering::SeqCst);
                    Message::new(kind::DEVICE_CLEAR_ACKNOWLEDGE, shared.feature(), 0, &[])
                }
                kind::STATUS_QUERY => {
                    *shared.queried.lock().unwrap() = (header[3], parameter);
                    if shared.deaf.load(Ordering::SeqCst) {
                        continue;
                    }
                    shared.taken_if(header[3]);
                    let waiting = shared.waiting.load(Ordering::SeqCst);
                    Message::new(kind::STATUS_RESPONSE, if waiting { 0x50 } else { 0x40 }, 0, &[])
                }
                kind::DATA | kind::DATA_END => {
                    shared.taken_if(header[3]);
                    shared.parts.lock().unwrap().push(payload.len());
                    message.extend(payload);
                    if header[2] == kind::DATA_END {
                        shared.last.lock().unwrap().0 = parameter;
                        assert_eq!(message.pop(), Some(b'\n'));
                        drop(heard.send(std::mem::take(&mut message)));
                    }
                    continue;
                }
                kind => panic!("message type {kind}"),
            };
            drop(outbox.send(reply.bytes()));
        }
    };
    let writer = async {
        while let Some(bytes) = out.recv().await {
            writing.write_all(&bytes).await.ok()?;
        }
        Some(())
    };
    tokio::select! {
        ended = reader => ended,
        ended = writer => ended,
    }
}

#[async_trait]
impl FarEnd for Server {
    async fn receive(&mut self) -> Option<Vec<u8>> {
        self.messages.recv().await
    }

    async fn send(&mut self, bytes: &[u8]) {
        let (number, outbox) = self.shared.last.lock().unwrap().clone();
        let mut framer = self.shared.framer.lock().unwrap();
        framer.push(bytes);
        let mut messages = Vec::new();
        while let Some(answer) = framer.next_message().unwrap() {
            let answer = [answer, b"\n".to_vec()].concat();
            let mut parts = answer.chunks(PIECE).peekable();
            while let Some(part) = parts.next() {
                let kind = if parts.peek().is_some() {
                    kind::DATA
                } else {
                    kind::DATA_END
                };
                let number = if self.shared.overlapped {
                    let mut next = self.shared.next.lock().unwrap();
                    let number = *next;
                    *next = number.wrapping_add(STEP);
                    number
                } else {
                    number
                };
                messages.extend(Message::new(kind, 0, number, part).bytes());
            }
        }
        self.shared.waiting.fetch_or(!messages.is_empty(), Ordering::SeqCst);
        // in one piece: what comes second is there when the first is read
        drop(outbox.as_ref().unwrap().send(messages));
    }

    async fn hang_up(&mut self) {
        self.hang_up.send_replace(());
    }
}

struct Rig {
    clock: Arc<dyn Clock>,
    overlapped: bool,
}

fn rig(overlapped: bool) -> Rig {
    Rig {
        clock: RealClock::shared(),
        overlapped,
    }
}

async fn open(resource: &Resource, clock: &Arc<dyn Clock>) -> Result<HislipSession, Error> {
    HislipSession::open(resource, None, None, Arc::clone(clock), clock.now().after(SOON)).await
}

#[async_trait]
impl SessionRig for Rig {
    async fn open(&self) -> (Box<dyn Session>, Box<dyn FarEnd>) {
        let server = Server::in_mode(self.overlapped).await;
        let session = open(&server.resource("hislip0"), &self.clock).await.unwrap();
        (Box::new(session), Box::new(server))
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn out_of_band(&self) -> OutOfBand {
        OutOfBand::ALL
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hislip_keeps_the_session_contract() {
    conformance::session(&rig(false)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hislip_keeps_the_session_contract_in_overlapped_mode() {
    conformance::session(&rig(true)).await.unwrap();
}

#[test]
fn hislip_sessions_leave_nothing_behind() {
    let test = "hislip::tests::hislip_sessions_leave_nothing_behind";
    println!("{}", conformance::endurance(test, &rig(false)).unwrap());
}

#[test]
fn overlapped_sessions_leave_nothing_behind() {
    let test = "hislip::tests::overlapped_sessions_leave_nothing_behind";
    println!("{}", conformance::endurance(test, &rig(true)).unwrap());
}

#[tokio::test]
async fn who_refuses_is_quoted_and_what_is_no_instrument_is_named() {
    let clock = RealClock::shared();
    let server = Server::start().await;
    let none = open(&server.resource("hislip7"), &clock).await.unwrap_err();
    assert_eq!(none.kind(), ErrorKind::Disconnected);
    assert!(
        none.to_string()
            .contains("the instrument ended the session: no such instrument"),
        "{none}"
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
    });
    let web: Resource = format!("TCPIP::127.0.0.1::hislip0,{port}::INSTR").parse().unwrap();
    assert_eq!(open(&web, &clock).await.unwrap_err().kind(), ErrorKind::Garbled);
    let odd: Resource = "TCPIP::127.0.0.1::hislip0,x::INSTR".parse().unwrap();
    assert_eq!(open(&odd, &clock).await.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn an_answer_to_an_older_question_is_dropped() {
    let clock = RealClock::shared();
    let mut server = Server::start().await;
    let mut session = open(&server.resource("hislip0"), &clock).await.unwrap();
    let message = "VOLT 1,(@1);".repeat(20);
    session
        .write(message.as_bytes(), clock.now().after(SOON))
        .await
        .unwrap();
    assert_eq!(server.receive().await.unwrap(), message.as_bytes());
    assert_eq!(session.status_byte(clock.now().after(SOON)).await.unwrap(), 0x40);
    session.write(b"X?", clock.now().after(SOON)).await.unwrap();
    server.receive().await;
    let now = server.shared.last.lock().unwrap().0;
    server.shared.last.lock().unwrap().0 = now.wrapping_sub(STEP);
    server.send(b"old\n").await;
    server.shared.last.lock().unwrap().0 = now;
    server.send(b"new\n").await;
    assert_eq!(session.read(clock.now().after(SOON)).await.unwrap(), b"new");
    session.clear(clock.now().after(SOON)).await.unwrap();
    session.write(b"Y?", clock.now().after(SOON)).await.unwrap();
    server.receive().await;
    assert_eq!(server.shared.last.lock().unwrap().0, FIRST, "numbers begin anew");
    session.close().await.unwrap();
    assert!(session.query("X?", clock.now().after(SOON)).await.is_err());
}

#[tokio::test]
async fn in_overlapped_mode_answers_are_numbered_by_the_instrument() {
    let clock = RealClock::shared();
    let soon = || clock.now().after(SOON);
    let mut server = Server::in_mode(true).await;
    let mut session = open(&server.resource("hislip0"), &clock).await.unwrap();
    // two messages without an answer: the numbers of questions and answers go their own ways
    for command in ["A", "B", "C?"] {
        session.write(command.as_bytes(), soon()).await.unwrap();
        assert_eq!(server.receive().await.unwrap(), command.as_bytes());
    }
    session.status_byte(soon()).await.unwrap();
    let queried = || *server.shared.queried.lock().unwrap();
    assert_eq!(queried(), (0, FIRST.wrapping_sub(STEP)), "nothing was taken yet");
    server.send(b"c\n").await;
    assert_eq!(session.read(soon()).await.unwrap(), b"c");
    session.status_byte(soon()).await.unwrap();
    let queried = || *server.shared.queried.lock().unwrap();
    assert_eq!(queried(), (DELIVERED, FIRST));
    session.clear(soon()).await.unwrap();
    assert_eq!(*server.shared.asked.lock().unwrap(), Some(0), "synchronized mode");
    session.status_byte(soon()).await.unwrap();
    assert_eq!(*server.shared.queried.lock().unwrap(), (0, FIRST.wrapping_sub(STEP)));
}

/// What a server says on one of its channels.
fn say(outbox: &Mutex<Option<Outbox>>, message: &Message) {
    outbox.lock().unwrap().as_ref().unwrap().send(message.bytes()).unwrap();
}

#[tokio::test]
async fn what_came_before_an_interruption_does_not_count_on_whichever_channel_it_is_told_first() {
    let clock = RealClock::shared();
    let soon = || clock.now().after(SOON);
    for asynchronous_first in [false, true] {
        let mut server = Server::start().await;
        let mut session = open(&server.resource("hislip0"), &clock).await.unwrap();
        for question in ["A?", "B?"] {
            session.write(question.as_bytes(), soon()).await.unwrap();
            server.receive().await.unwrap();
        }
        let (number, outbox) = server.shared.last.lock().unwrap().clone();
        let synchronous = Mutex::new(outbox);
        let half = Message::new(kind::DATA, 0, number, b"of A and ");
        let told = Message::new(kind::INTERRUPTED, 0, number, &[]);
        let told_too = Message::new(kind::ASYNC_INTERRUPTED, 0, number, &[]);
        if asynchronous_first {
            say(&server.shared.asynchronous, &told_too);
            assert_eq!(session.status_byte(soon()).await.unwrap(), 0x40);
            say(&synchronous, &half);
            say(&synchronous, &Message::new(kind::DATA_END, 0, number, b"too early\n"));
            say(&synchronous, &told);
        } else {
            say(&synchronous, &half);
            say(&synchronous, &told);
            say(&server.shared.asynchronous, &told_too);
        }
        server.send(b"b\n").await;
        assert_eq!(session.read(soon()).await.unwrap(), b"b", "{asynchronous_first}");
        // the word on the other channel was taken, so that it is not taken for that of the next interruption
        assert_eq!(session.status_byte(soon()).await.unwrap(), 0x40);
        assert!(!session.channels.as_ref().unwrap().interrupted);
    }
}

#[tokio::test]
async fn a_mode_that_was_asked_for_is_had_or_refused() {
    let clock = RealClock::shared();
    for (has, wanted) in [
        (false, HislipMode::Synchronised),
        (true, HislipMode::Overlapped),
        (false, HislipMode::Overlapped),
        (true, HislipMode::Synchronised),
    ] {
        let server = Server::in_mode(has).await;
        let deadline = clock.now().after(SOON);
        let asked = || *server.shared.asked.lock().unwrap();
        let opened = HislipSession::open(
            &server.resource("hislip0"),
            Some(wanted),
            None,
            Arc::clone(&clock),
            deadline,
        )
        .await;
        match opened {
            Ok(mut session) => {
                assert_eq!(has, wanted == HislipMode::Overlapped);
                assert_eq!(asked(), None, "it begins in that mode");
                session.recover(clock.now().after(SOON)).await.unwrap();
                assert_eq!(asked(), Some(u8::from(has)));
            }
            Err(error) => {
                assert_ne!(has, wanted == HislipMode::Overlapped);
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                assert_eq!(asked(), Some(u8::from(!has)));
                let expected = format!("the instrument does not do {} mode", wanted.word());
                assert!(error.to_string().ends_with(&expected), "{error}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_message_goes_out_and_comes_in_in_parts() {
    let clock = RealClock::shared();
    let soon = || clock.now().after(SOON);
    let mut server = Server::start().await;
    let mut session = open(&server.resource("hislip0"), &clock).await.unwrap();
    let block: Vec<u8> = b"DATA #6100000"
        .iter()
        .copied()
        .chain((0..100_000_u32).map(|index| index.to_le_bytes()[0]))
        .collect();
    session.write(&block, soon()).await.unwrap();
    assert_eq!(server.receive().await.unwrap(), block);
    // as large as the instrument takes them, each: header and block, and the terminator behind them
    let parts = std::mem::take(&mut *server.shared.parts.lock().unwrap());
    let most = usize::try_from(MOST).unwrap();
    assert_eq!(parts.len(), (block.len() + 1).div_ceil(most));
    assert!(parts.iter().rev().skip(1).all(|length| *length == most), "{parts:?}");
    // and back, in parts of another size, the last one empty but for its end
    let (number, outbox) = server.shared.last.lock().unwrap().clone();
    for part in block.chunks(PIECE / 7) {
        let part = Message::new(kind::DATA, 0, number, part);
        outbox.as_ref().unwrap().send(part.bytes()).unwrap();
    }
    for end in [b"\n".as_slice(), b""] {
        let kind = if end.is_empty() { kind::DATA_END } else { kind::DATA };
        let end = Message::new(kind, 0, number, end);
        outbox.as_ref().unwrap().send(end.bytes()).unwrap();
    }
    assert_eq!(session.read(soon()).await.unwrap(), block);
    // a part that says it is longer than anything is not waited for
    session.write(b"MORE?", soon()).await.unwrap();
    server.receive().await.unwrap();
    let mut endless = Message::new(kind::DATA_END, 0, number.wrapping_add(STEP), &[]).bytes();
    endless.truncate(8);
    endless.extend(u64::MAX.to_be_bytes());
    outbox.unwrap().send(endless).unwrap();
    assert_eq!(session.read(soon()).await.unwrap_err().kind(), ErrorKind::Garbled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_query_that_nobody_answers_costs_its_deadline() {
    let clock = RealClock::shared();
    costs_its_deadline(async || {
        let server = Server::start().await;
        let mut session = open(&server.resource("hislip0"), &clock).await.unwrap();
        server.shared.deaf.store(true, Ordering::SeqCst);
        let waited = wait_of(clock.as_ref(), async |deadline| session.status_byte(deadline).await).await;
        assert_eq!(session.state(), SessionState::Desynchronised);
        server.shared.deaf.store(false, Ordering::SeqCst);
        session.recover(clock.now().after(SOON)).await.unwrap();
        session.status_byte(clock.now().after(SOON)).await.unwrap();
        waited
    })
    .await;
}
