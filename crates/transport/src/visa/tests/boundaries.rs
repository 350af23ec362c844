//! Answers that end just where a buffer is full, and those that do not end there: with a line feed before their end and without.

use super::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What one look takes of a byte stream (`worker`).
const LOOK_SIZE: usize = 4096;

/// One, two and three buffers of either size, and a byte more or less.
fn lengths() -> impl Iterator<Item = usize> {
    let sizes = [LOOK_SIZE, CHUNK].into_iter();
    let full = sizes.flat_map(|size| (1..=3).map(move |times| times * size));
    full.flat_map(|length| [length - 1, length, length + 1])
}

fn text(length: usize) -> Vec<u8> {
    (b'0'..=b'9').cycle().take(length).collect()
}

/// A definite-length block of so many bytes in all, full of line feeds.
fn block(length: usize) -> Vec<u8> {
    let inside = length - 8;
    let mut block = format!("#6{inside:06}").into_bytes();
    block.extend(b"\n#1\n".iter().cycle().take(inside));
    assert_eq!(block.len(), length);
    block
}

/// Answers of just so many bytes on the wire, with the message that each is.
fn answers(length: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let ended = |message: Vec<u8>, end: &[u8]| ([message.as_slice(), end].concat(), message);
    vec![
        ended(text(length), b""),
        ended(text(length - 1), b"\n"),
        ended(text(length - 2), b"\r\n"),
        ended(block(length), b""),
        ended(block(length - 1), b"\n"),
    ]
}

/// What `tests/visa` takes from the port of an instrument whose messages end where it says so.
fn frame(bytes: &[u8], is_end: bool) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    let head = length | if is_end { 0x8000_0000 } else { 0 };
    [&head.to_be_bytes(), bytes].concat()
}

/// No test waits for it: the double takes a byte stream a byte at a time, and a slow machine needs seconds for a long line.
const PATIENCE: Duration = Duration::from_secs(60);

struct Held {
    session: VisaSession,
    clock: Arc<dyn Clock>,
    listener: TcpListener,
    peer: TcpStream,
}

impl Held {
    async fn open(name: impl Fn(u16) -> String) -> Self {
        use_a_library();
        let clock: Arc<dyn Clock> = RealClock::shared();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let resource = name(listener.local_addr().unwrap().port()).parse().unwrap();
        let (line, deadline) = (LineSettings::default(), clock.now().after(SOON));
        let opening = VisaSession::open(&resource, &line, Arc::clone(&clock), deadline);
        let (session, accepted) = tokio::join!(opening, listener.accept());
        Self {
            session: session.unwrap(),
            clock,
            peer: accepted.unwrap().0,
            listener,
        }
    }

    async fn ended_by_the_interface() -> Self {
        Self::open(|port| format!("USB0::0x2A8D::0x1301::END{port}::INSTR")).await
    }

    async fn byte_stream() -> Self {
        Self::open(|port| format!("VISA::TCPIP0::127.0.0.1::{port}::SOCKET")).await
    }

    fn soon(&self) -> Moment {
        self.clock.now().after(SOON)
    }

    /// Asks, and is answered with these pieces.
    async fn asked(&mut self, pieces: &[Vec<u8>]) -> Result<Vec<u8>, Error> {
        let deadline = self.clock.now().after(PATIENCE);
        self.session.write(b"READ?", deadline).await?;
        let mut heard = [0; 6];
        self.peer.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"READ?\n");
        let peer = &mut self.peer;
        let said = async move {
            for piece in pieces {
                peer.write_all(piece).await.unwrap();
            }
        };
        tokio::join!(self.session.read(deadline), said).0
    }

    /// Brings it back, and asks once more.
    async fn is_brought_back(&mut self, answer: Vec<u8>) {
        assert_eq!(self.session.state(), SessionState::Desynchronised);
        let deadline = self.soon();
        let (recovered, accepted) = tokio::join!(self.session.recover(deadline), self.listener.accept());
        recovered.unwrap();
        self.peer = accepted.unwrap().0;
        assert_eq!(self.asked(&[answer]).await.unwrap(), b"2");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_ends_where_a_buffer_is_full_is_whole_at_once() {
    if is_passed_over("only the double's instruments say where a message ends, or nothing") {
        return;
    }
    let mut held = Held::ended_by_the_interface().await;
    let mut tried = 0;
    for length in lengths() {
        for (sent, message) in answers(length) {
            let read = held.asked(&[frame(&sent, true)]).await;
            let read = read.unwrap_or_else(|error| panic!("{length} bytes: {error}"));
            assert!(read == message, "{length} bytes: {} were read", read.len());
            // nothing of it is left for the next one
            let next = held.asked(&[frame(b"1", true)]).await.unwrap();
            assert_eq!(next, b"1", "after {length} bytes");
            tried += 1;
        }
    }
    assert_eq!(tried, 90);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_goes_on_where_a_buffer_is_full_is_not_cut_there() {
    if is_passed_over("only the double's instruments say where a message ends, or nothing") {
        return;
    }
    let mut held = Held::ended_by_the_interface().await;
    for length in lengths() {
        let begun = text(length);
        let opened = block(length + 20);
        for (first, rest, message) in [
            (begun.clone(), b"tail\n".to_vec(), [begun.as_slice(), b"tail"].concat()),
            (begun.clone(), b"tail".to_vec(), [begun.as_slice(), b"tail"].concat()),
            (begun.clone(), b"\n".to_vec(), begun.clone()),
            (opened[..length].to_vec(), opened[length..].to_vec(), opened.clone()),
        ] {
            let read = held.asked(&[frame(&first, false), frame(&rest, true)]).await;
            let read = read.unwrap_or_else(|error| panic!("{length} bytes: {error}"));
            assert!(read == message, "{length} bytes and more: {} were read", read.len());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_an_end_costs_its_deadline_also_where_a_buffer_is_full() {
    if is_passed_over("only the double's instruments say where a message ends, or nothing") {
        return;
    }
    for length in [LOOK_SIZE, 3 * LOOK_SIZE, CHUNK, 2 * CHUNK] {
        let mut held = Held::ended_by_the_interface().await;
        let soon = held.clock.now().after(SOON);
        held.session.write(b"READ?", soon).await.unwrap();
        held.peer.write_all(&frame(&text(length), false)).await.unwrap();
        let deadline = held.clock.now().after(Duration::from_millis(300));
        let error = held.session.read(deadline).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{length} bytes: {error}");
        held.is_brought_back(frame(b"2", true)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_byte_stream_is_cut_at_its_terminator_and_not_where_a_buffer_is_full() {
    if is_passed_over("beside other sessions rsvisa-ivi 0.1.8 answers long lines with a timeout now and then") {
        return;
    }
    let mut held = Held::byte_stream().await;
    for length in lengths() {
        for (message, end) in [
            (text(length - 1), "\n"),
            (text(length), "\n"),
            (text(length - 1), "\r\n"),
            (block(length - 1), "\n"),
            (block(length), "\n"),
        ] {
            let sent = [message.as_slice(), end.as_bytes()].concat();
            let read = held.asked(&[sent]).await;
            let read = read.unwrap_or_else(|error| panic!("{length} bytes: {error}"));
            assert!(read == message, "{length} bytes: {} were read", read.len());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fills_a_look_and_was_not_asked_for_is_noticed() {
    if is_passed_over("only the double's instruments say where a message ends, or nothing") {
        return;
    }
    for times in 1..=3 {
        let mut held = Held::byte_stream().await;
        held.peer.write_all(&text(times * LOOK_SIZE)).await.unwrap();
        let error = held.session.write(b"READ?", held.clock.now().after(SOON)).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Desynchronised, "{times} looks");
        held.is_brought_back(b"2\n".to_vec()).await;
    }
}
