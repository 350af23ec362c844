//! What a query through a session costs, beside the least that it could cost: a bare client in the same run, against the
//! same server.
//!
//! `cargo bench --bench instruments -- [PAIRS]`: interleaved pairs (bare, session), the median of their ratios with
//! quartiles; then pairs (session, a client in Python), where Python has one (`BENCHTOP_PYTHON`). The server is the bench's own,
//! blocking, on its own thread; it does as little as it can. Nothing here passes or fails; the numbers go into closing notes. To
//! hold it to some cores: `taskset -c 0,1 cargo bench ...`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark may stop at once"
)]

use benchtop_instrument::{Clock, LineSettings, RealClock, Session, SessionExt};
use benchtop_scpi::{Number, number};
use benchtop_transport::{SerialSession, SocketSession};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime::{Builder, Runtime},
};

const QUESTION: &str = "READ?";
const SENT: &[u8] = b"READ?\n";
const ANSWER: &[u8] = b"+1.23456789E+00\n";
const VALUE: f64 = 1.234_567_89;
const SOON: Duration = Duration::from_secs(5);
const CLIENTS: usize = 64;
const QUERIES_A_TURN: usize = 20;
const WORKERS: usize = 2;
/// What Python can do, the one first that must not be faster.
const PYTHON: [&str; 3] = ["pyvisa-rs", "pyvisa-py", "PyMeasure on pyvisa-py"];

fn main() {
    let pairs: usize = std::env::args()
        .skip(1)
        .find_map(|text| text.parse().ok())
        .unwrap_or(1000)
        .max(1);
    let cores = thread::available_parallelism().map_or(0, usize::from);
    println!(
        "{cores} cores to use; the servers are blocking, a thread for each client, but for the {CLIENTS} sessions"
    );
    let clock = RealClock::shared();
    let one_thread = Builder::new_current_thread().enable_all().build().unwrap();
    let server = serve_blocking();
    println!("one session, one query a turn, {pairs} pairs, tokio on this one thread:");
    one_thread.block_on(over_tcp(&clock, server, pairs));
    one_thread.block_on(over_serial(&clock, pairs));
    many_sessions(&clock, pairs);
    in_python(&one_thread, &clock, server, pairs);
}

/// Answers every question on every connection.
fn answer(mut peer: impl Read + Write) {
    let mut chunk = [0; 256];
    while let Ok(count @ 1..) = peer.read(&mut chunk) {
        assert_eq!(&chunk[..count], SENT);
        if peer.write_all(ANSWER).is_err() {
            return;
        }
    }
}

fn serve_blocking() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            stream.set_nodelay(true).unwrap();
            thread::spawn(move || answer(stream));
        }
    });
    address
}

/// The least that a client can do: no deadline, no framing but the newline.
fn bare(peer: &mut (impl Read + Write + ?Sized), line: &mut Vec<u8>) -> f64 {
    peer.write_all(SENT).unwrap();
    line.clear();
    let mut chunk = [0; 256];
    while line.last() != Some(&b'\n') {
        let count = peer.read(&mut chunk).unwrap();
        assert!(count > 0, "the server is there");
        line.extend_from_slice(&chunk[..count]);
    }
    std::str::from_utf8(line).unwrap().trim().parse().unwrap()
}

fn bare_client(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// As the driver asks for a number.
async fn ask(session: &mut dyn Session, clock: &dyn Clock) -> f64 {
    let answer = session.query(QUESTION, clock.now().after(SOON)).await.unwrap();
    match number(&answer, None).unwrap() {
        Number::Value(value) => value.to_f64(),
        Number::Overrange(_) | Number::NotANumber => panic!("{answer} is a number"),
    }
}

async fn tcp_session(address: SocketAddr, clock: &Arc<dyn Clock>) -> SocketSession {
    let resource = format!("TCPIP::127.0.0.1::{}::SOCKET", address.port()).parse().unwrap();
    let deadline = clock.now().after(SOON);
    SocketSession::open(&resource, Arc::clone(clock), deadline)
        .await
        .unwrap()
}

async fn over_tcp(clock: &Arc<dyn Clock>, server: SocketAddr, pairs: usize) {
    let mut session = tcp_session(server, clock).await;
    let floor = bare_client(server);
    interleaved("TCP", clock, floor, &mut session, pairs).await;
}

async fn over_serial(clock: &Arc<dyn Clock>, pairs: usize) {
    let line = LineSettings::default();
    let ((_ours, path), (_theirs, floor_path)) = (terminal(), terminal());
    let resource = format!("ASRL{path}::INSTR").parse().unwrap();
    let deadline = clock.now().after(SOON);
    let mut session = SerialSession::open(&resource, &line, Arc::clone(clock), deadline)
        .await
        .unwrap();
    let floor = serialport::new(floor_path, line.baud).timeout(SOON).open().unwrap();
    interleaved("pseudoterminal", clock, floor, &mut session, pairs).await;
}

/// A pseudoterminal whose questions are answered; its path, and its other side held open.
fn terminal() -> (File, String) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let path = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
    let held = File::options().read(true).write(true).open(&path).unwrap();
    thread::spawn(move || answer(File::from(ours)));
    (held, path)
}

/// Pairs of one bare query and one through the session, after a tenth of them to warm up.
async fn interleaved(
    what: &str,
    clock: &Arc<dyn Clock>,
    mut floor: impl Read + Write,
    session: &mut dyn Session,
    pairs: usize,
) {
    let (mut floors, mut ours) = (Vec::new(), Vec::new());
    let mut line = Vec::new();
    let warm_up = pairs / 10 + 10;
    for turn in 0..warm_up + pairs {
        let begun = clock.now();
        let value = bare(&mut floor, &mut line);
        let between = clock.now();
        assert!((value - VALUE).abs() < f64::EPSILON);
        let asked = clock.now();
        let value = ask(session, clock.as_ref()).await;
        let ended = clock.now();
        assert!((value - VALUE).abs() < f64::EPSILON);
        if turn >= warm_up {
            floors.push(between.since(begun).as_secs_f64() * 1e6);
            ours.push(ended.since(asked).as_secs_f64() * 1e6);
        }
    }
    let pairwise = |of: fn((&f64, &f64)) -> f64| Spread::of(ours.iter().zip(&floors).map(of).collect());
    let (ratio, more) = (
        pairwise(|(ours, floor)| ours / floor),
        pairwise(|(ours, floor)| ours - floor),
    );
    println!(
        "  {what}: {:.2} times the floor ({:.2} to {:.2})",
        ratio.median, ratio.low, ratio.high
    );
    println!(
        "    {:.1} us more than the floor ({:.1} to {:.1})",
        more.median, more.low, more.high
    );
    for (name, times) in [("floor", floors), ("session", ours)] {
        let Spread { low, median, high, p99 } = Spread::of(times);
        println!("    {name}: {median:.1} us ({low:.1} to {high:.1}), p99 {p99:.1} us");
    }
}

/// Median, quartiles and 99th percentile.
struct Spread {
    low: f64,
    median: f64,
    high: f64,
    p99: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |hundredth: usize| values[(values.len() - 1) * hundredth / 100];
        Self {
            low: at(25),
            median: at(50),
            high: at(75),
            p99: at(99),
        }
    }
}

/// Two floors, for it is not plain which is the higher: bare tokio streams on the runtime that the sessions use, and a
/// blocking thread for each. The server is one thread for all, so that most of the time is the clients'.
fn many_sessions(clock: &Arc<dyn Clock>, pairs: usize) {
    let server = serve_on_one_thread();
    let workers = Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .unwrap();
    let mut tasks = workers.block_on(bare_tasks(server));
    let mut sessions = Vec::new();
    for _ in 0..CLIENTS {
        sessions.push(workers.block_on(tcp_session(server, clock)));
    }
    let threads = Threads::start(server);
    let (mut on_tokio, mut on_threads, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    let queries = f64::from(u32::try_from(CLIENTS * QUERIES_A_TURN).unwrap());
    let turns = pairs / 10 + 2;
    for turn in 0..turns + pairs {
        let begun = clock.now();
        bare_turn(&workers, &mut tasks);
        let first = clock.now();
        threads.turn();
        let second = clock.now();
        session_turn(&workers, clock, &mut sessions);
        let third = clock.now();
        if turn >= turns {
            on_tokio.push(queries / first.since(begun).as_secs_f64());
            on_threads.push(queries / second.since(first).as_secs_f64());
            ours.push(queries / third.since(second).as_secs_f64());
        }
    }
    println!(
        "{CLIENTS} TCP sessions at once, {QUERIES_A_TURN} queries each a turn, {pairs} turns; tokio with {WORKERS} workers, the server one thread:"
    );
    for (name, floor) in [("bare tokio", &on_tokio), ("blocking threads", &on_threads)] {
        let share = Spread::of(ours.iter().zip(floor).map(|(ours, floor)| ours / floor).collect());
        println!(
            "  {:.0} % of {name} ({:.0} to {:.0} %)",
            share.median * 100.0,
            share.low * 100.0,
            share.high * 100.0
        );
    }
    for (name, rates) in [
        ("bare tokio", on_tokio),
        ("blocking threads", on_threads),
        ("sessions", ours),
    ] {
        let Spread { low, median, high, .. } = Spread::of(rates);
        println!("    {name}: {median:.0} queries a second ({low:.0} to {high:.0})");
    }
}

/// Answers all connections from one thread.
fn serve_on_one_thread() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                tokio::spawn(async move {
                    let mut chunk = [0; 256];
                    while let Ok(1..) = stream.read(&mut chunk).await {
                        if stream.write_all(ANSWER).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
    });
    address
}

async fn bare_tasks(server: SocketAddr) -> Vec<tokio::net::TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..CLIENTS {
        let stream = tokio::net::TcpStream::connect(server).await.unwrap();
        stream.set_nodelay(true).unwrap();
        streams.push(stream);
    }
    streams
}

fn bare_turn(runtime: &Runtime, streams: &mut Vec<tokio::net::TcpStream>) {
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for mut stream in streams.drain(..) {
            tasks.push(tokio::spawn(async move {
                let (mut chunk, mut line) = ([0; 256], Vec::new());
                for _ in 0..QUERIES_A_TURN {
                    stream.write_all(SENT).await.unwrap();
                    line.clear();
                    while line.last() != Some(&b'\n') {
                        let count @ 1.. = stream.read(&mut chunk).await.unwrap() else {
                            panic!("the server is there");
                        };
                        line.extend_from_slice(&chunk[..count]);
                    }
                    let value: f64 = std::str::from_utf8(&line).unwrap().trim().parse().unwrap();
                    assert!((value - VALUE).abs() < f64::EPSILON);
                }
                stream
            }));
        }
        for task in tasks {
            streams.push(task.await.unwrap());
        }
    });
}

fn session_turn(runtime: &Runtime, clock: &Arc<dyn Clock>, sessions: &mut Vec<SocketSession>) {
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for mut session in sessions.drain(..) {
            let clock = Arc::clone(clock);
            tasks.push(tokio::spawn(async move {
                for _ in 0..QUERIES_A_TURN {
                    assert!((ask(&mut session, clock.as_ref()).await - VALUE).abs() < f64::EPSILON);
                }
                session
            }));
        }
        for task in tasks {
            sessions.push(task.await.unwrap());
        }
    });
}

/// A blocking thread for each client; they begin a turn when they are told.
struct Threads {
    begin: Vec<mpsc::Sender<()>>,
    ended: mpsc::Receiver<()>,
}

impl Threads {
    fn start(server: SocketAddr) -> Self {
        let (end, ended) = mpsc::channel();
        let mut begin = Vec::new();
        for _ in 0..CLIENTS {
            let (sender, begins) = mpsc::channel();
            begin.push(sender);
            let (end, mut stream) = (end.clone(), bare_client(server));
            thread::spawn(move || {
                let mut line = Vec::new();
                while let Ok(()) = begins.recv() {
                    for _ in 0..QUERIES_A_TURN {
                        assert!((bare(&mut stream, &mut line) - VALUE).abs() < f64::EPSILON);
                    }
                    end.send(()).unwrap();
                }
            });
        }
        Self { begin, ended }
    }

    fn turn(&self) {
        for thread in &self.begin {
            thread.send(()).unwrap();
        }
        for _ in &self.begin {
            self.ended.recv().unwrap();
        }
    }
}

/// The same query through what Python has, one of theirs behind one of ours; where it has nothing, that is said.
fn in_python(one_thread: &Runtime, clock: &Arc<dyn Clock>, server: SocketAddr, pairs: usize) {
    println!("one TCP session, {pairs} pairs, beside Python's libraries on the same server:");
    for way in PYTHON {
        let mut theirs = match Asked::begin(server, way) {
            Ok(theirs) => theirs,
            Err(reason) => {
                println!("  {way}: skipped: {reason}");
                continue;
            }
        };
        let mut session = one_thread.block_on(tcp_session(server, clock));
        let (mut ratios, mut more, mut times) = (Vec::new(), Vec::new(), Vec::new());
        let warm_up = pairs / 10 + 10;
        for turn in 0..warm_up + pairs {
            let begun = clock.now();
            let value = one_thread.block_on(ask(&mut session, clock.as_ref()));
            let ours = clock.now().since(begun).as_secs_f64() * 1e6;
            assert!((value - VALUE).abs() < f64::EPSILON);
            let took = theirs.query();
            if turn >= warm_up {
                ratios.push(took / ours);
                more.push(took - ours);
                times.push(took);
            }
        }
        let (ratio, more, Spread { median, p99, .. }) = (Spread::of(ratios), Spread::of(more), Spread::of(times));
        println!(
            "  {way}: {:.2} times ours ({:.2} to {:.2}), {:.1} us more ({:.1} to {:.1})",
            ratio.median, ratio.low, ratio.high, more.median, more.low, more.high
        );
        println!("    {way}: {median:.1} us, p99 {p99:.1} us");
    }
}

/// A Python process that makes a query whenever it is told to, and says what that took: `benches/instruments.py`.
struct Asked {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Asked {
    /// Begins one; or why there is none.
    fn begin(server: SocketAddr, way: &str) -> Result<Self, String> {
        let python = std::env::var("BENCHTOP_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instruments.py");
        let mut process = Command::new(&python)
            .args([script, &server.port().to_string(), way])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{python}: {error}"))?;
        let orders = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        let mut asked = Self {
            process,
            orders,
            answers,
        };
        let said = asked.line();
        if said == "ready" {
            return Ok(asked);
        }
        Err(said.trim_start_matches("skipped: ").to_owned())
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// One query; what it took, in microseconds.
    fn query(&mut self) -> f64 {
        self.orders.write_all(b"\n").unwrap();
        let said = self.line();
        said.parse().unwrap_or_else(|error| panic!("{said}: {error}"))
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // it ends with its orders
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
