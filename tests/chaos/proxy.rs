//! A proxy of its own between a syncer and a server, which spoils what passes: it cuts, delays, doubles, answers in the server's
//! place and swallows answers after the server has stored the run.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// What becomes of a request, or of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spoilt {
    /// The line goes down before anything is read.
    HungUp,
    /// The server sees half of the request, and nobody an answer.
    RequestCut,
    /// The request waits, then it passes.
    Delayed,
    /// The server gets it twice, and the second answer passes.
    Doubled,
    /// The server gets it twice at the same moment.
    Raced,
    /// 500 in the server's place; it saw nothing.
    Error500,
    /// 429 in the server's place, with a second's rest.
    Busy429,
    /// A captive portal's page with status 200.
    Html,
    /// The server did it, and a gateway says 504.
    Gateway504,
    /// The server did it, and the answer is swallowed.
    AnswerLost,
    /// The server did it, and the answer lacks its last bytes.
    AnswerCut,
}

/// All of them.
pub(super) const SPOILT: [Spoilt; 11] = [
    Spoilt::HungUp,
    Spoilt::RequestCut,
    Spoilt::Delayed,
    Spoilt::Doubled,
    Spoilt::Raced,
    Spoilt::Error500,
    Spoilt::Busy429,
    Spoilt::Html,
    Spoilt::Gateway504,
    Spoilt::AnswerLost,
    Spoilt::AnswerCut,
];

/// Without those that send it twice themselves: a v1 server has no way to know.
pub(super) fn spoilt_once() -> Vec<Spoilt> {
    let mut kinds = SPOILT.to_vec();
    kinds.retain(|kind| !matches!(kind, Spoilt::Doubled | Spoilt::Raced));
    kinds
}

/// How long a line may be silent before its thread ends.
const SILENCE: Duration = Duration::from_secs(30);

struct Shared {
    server: String,
    kinds: Vec<Spoilt>,
    percent: AtomicU64,
    dice: Mutex<u64>,
    spoiled: Mutex<BTreeMap<Spoilt, u64>>,
    stop: AtomicBool,
}

/// It ends with this value.
pub(super) struct Proxy {
    pub(super) url: String,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl Proxy {
    pub(super) fn start(server: &str, seed: u64, kinds: &[Spoilt]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            server: server.trim_start_matches("http://").to_owned(),
            kinds: kinds.to_vec(),
            percent: AtomicU64::new(0),
            dice: Mutex::new(seed | 1),
            spoiled: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let held = Arc::clone(&shared);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming() {
                if held.stop.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(stream), held) = (stream, Arc::clone(&held)) else {
                    continue;
                };
                // a client that has gone is a client that has gone
                thread::spawn(move || drop(converse(&held, &stream)));
            }
        });
        Self {
            url: format!("http://{address}"),
            shared,
            accepting: Some(accepting),
        }
    }

    /// Spoils so many of a hundred requests from now on.
    pub(super) fn spoil(&self, percent: u64) {
        self.shared.percent.store(percent, Ordering::Relaxed);
    }

    /// What was spoilt so far.
    pub(super) fn spoiled(&self) -> BTreeMap<Spoilt, u64> {
        self.shared.spoiled.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // wakes the one that accepts
        drop(TcpStream::connect(self.url.trim_start_matches("http://")));
        self.accepting.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn roll(&self, below: u64) -> u64 {
        let mut state = self.dice.lock().unwrap();
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state % below
    }

    fn next(&self) -> Option<Spoilt> {
        if self.roll(100) >= self.percent.load(Ordering::Relaxed) {
            return None;
        }
        let which = usize::try_from(self.roll(u64::try_from(self.kinds.len()).unwrap())).unwrap();
        Some(self.kinds[which])
    }

    fn note(&self, spoilt: Spoilt) {
        *self.spoiled.lock().unwrap().entry(spoilt).or_default() += 1;
    }

    /// The request on a line of its own to the server; its answer.
    fn forward(&self, request: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(&self.server)?;
        server.set_read_timeout(Some(SILENCE))?;
        server.write_all(request)?;
        message(&mut server).map(|answer| answer.unwrap_or_default())
    }
}

/// One request after the other, until a side has gone or the line is cut.
#[expect(clippy::disallowed_methods, reason = "a slow line is what is tested")]
fn converse(shared: &Shared, mut client: &TcpStream) -> std::io::Result<()> {
    client.set_read_timeout(Some(SILENCE))?;
    loop {
        let spoilt = shared.next();
        if spoilt == Some(Spoilt::HungUp) {
            shared.note(Spoilt::HungUp);
            return client.shutdown(Shutdown::Both);
        }
        let Some(request) = message(&mut client)? else {
            return Ok(());
        };
        // a connection that nobody used was not spoilt
        spoilt.into_iter().for_each(|spoilt| shared.note(spoilt));
        let answer = match spoilt {
            None | Some(Spoilt::HungUp) => shared.forward(&request)?,
            Some(Spoilt::RequestCut) => {
                let mut server = TcpStream::connect(&shared.server)?;
                server.write_all(&request[..request.len() / 2])?;
                server.shutdown(Shutdown::Both)?;
                return client.shutdown(Shutdown::Both);
            }
            Some(Spoilt::Delayed) => {
                thread::sleep(Duration::from_millis(20 + shared.roll(100)));
                shared.forward(&request)?
            }
            Some(Spoilt::Doubled) => {
                shared.forward(&request)?;
                shared.forward(&request)?
            }
            Some(Spoilt::Raced) => thread::scope(|scope| {
                let other = scope.spawn(|| shared.forward(&request));
                let answer = shared.forward(&request);
                other.join().unwrap()?;
                answer
            })?,
            Some(Spoilt::Error500) => answer_of("500 Oops", "application/json", "", r#"{"message":"a proxy's own"}"#),
            Some(Spoilt::Busy429) => answer_of("429 Busy", "application/json", "retry-after: 1\r\n", "{}"),
            Some(Spoilt::Html) => answer_of("200 OK", "text/html", "", "<html>Welcome, please log in</html>"),
            Some(Spoilt::Gateway504) => {
                shared.forward(&request)?;
                answer_of("504 Gateway Timeout", "text/html", "", "<html>upstream</html>")
            }
            Some(Spoilt::AnswerLost) => {
                shared.forward(&request)?;
                return client.shutdown(Shutdown::Both);
            }
            Some(Spoilt::AnswerCut) => {
                let answer = shared.forward(&request)?;
                client.write_all(&answer[..answer.len().saturating_sub(5)])?;
                return client.shutdown(Shutdown::Both);
            }
        };
        client.write_all(&answer)?;
    }
}

fn answer_of(status: &str, media: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: {media}\r\n{headers}content-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// A whole request or answer; nothing where the other side has gone before it.
fn message(stream: &mut impl Read) -> std::io::Result<Option<Vec<u8>>> {
    let (mut held, mut chunk) = (Vec::new(), [0; 16 * 1024]);
    loop {
        if let Some(head) = held.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&held[..head]).to_lowercase();
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
            if held.len() >= head + 4 + length.unwrap_or(0) {
                return Ok(Some(held));
            }
        }
        match stream.read(&mut chunk)? {
            0 => return Ok(None),
            read => held.extend_from_slice(&chunk[..read]),
        }
    }
}
