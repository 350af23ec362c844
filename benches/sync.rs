//! What draining an outbox costs, beside the way people do it today (scripts that POST each file and move it, one after the
//! other) and beside the least that it could cost: the same bodies sent concurrently and nothing kept, the same receipts
//! and moves made and nothing sent, and its bare system calls.
//!
//! `cargo bench --bench sync -- [RUNS] [PENDING]`: on loopback, then with 20 ms of server latency (a tenth of the runs); with
//! PENDING, the peak memory of a `benchtop sync` that drains so many. The server is the bench's own and does as little as it
//! can. Nothing here passes or fails; the numbers go into closing notes.
//!
//! Of scripts there are three, where Python has what they import: with the official client, as its guide to offline sync has it;
//! with `requests.post`; and with one connection of the standard library's that stays open, the fastest that Python can.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark may stop at once, reads the time itself, and its files need not survive"
)]

use benchtop_store::{Place, Receipt, ReceiptKind, Store};
use benchtop_sync::{Pace, SecretString, TargetConfig, TargetKind, Timeouts, drain, open};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
};

const PROCEDURE: &str = "550e8400-e29b-41d4-a716-446655440000";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 45\r\n\r\n{\"id\":\"11111111-2222-4333-8444-555555555555\"}";
const SCRIPTS: [(&str, &str); 3] = [
    ("the official client", include_str!("scripts/official_client.py")),
    ("requests.post", include_str!("scripts/requests_post.py")),
    ("one open connection", include_str!("scripts/open_connection.py")),
];
/// Bytes of an attempt and a confirmation.
const RECEIPTS: usize = 500;
/// What the bench was sent last lies on the disk before anything is measured.
const BEFORE: &str = "sync";
/// How many stores were made.
static STORES: AtomicUsize = AtomicUsize::new(0);

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<usize>().ok());
    let (runs, pending) = (numbers.next().unwrap_or(1000), numbers.next());
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let record = one_record();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    spread(folder);
    for (latency, runs) in [(Duration::ZERO, runs), (Duration::from_millis(20), (runs / 10).max(50))] {
        let url = serve(&runtime, latency);
        println!(
            "{runs} runs of {} bytes, server latency {} ms:",
            record.len(),
            latency.as_millis()
        );
        let scripts: Vec<(&str, f64)> = SCRIPTS
            .iter()
            .filter_map(|(name, text)| Some((*name, script(folder, &record, runs.min(2000), &url, text)?)))
            .collect();
        for (name, rate) in &scripts {
            println!("  script with {name}, one after the other, nothing durable: {rate:.0}/s");
        }
        for at_once in [16, 64, 256] {
            let ours = ours(&runtime, folder, &record, runs, &url, at_once);
            let floor = floor(&runtime, &record, runs, &url, at_once);
            let times: Vec<String> = scripts
                .iter()
                .map(|(name, script)| format!("{:.1} x {name}", ours / script))
                .collect();
            println!(
                "  at most {at_once:>3} at once: drained {ours:>6.0}/s ({}); bare POSTs {floor:>6.0}/s",
                times.join(", ")
            );
        }
    }
    println!(
        "receipts and moves alone, nothing sent: {:.0}/s",
        disk(folder, &record, runs)
    );
    let url = serve(&runtime, Duration::ZERO);
    println!(
        "the bare calls of a drain, nothing parsed, checked or locked: {:.0}/s",
        bare_drain(&runtime, folder, &record, runs, &url, Way::Bare)
    );
    println!(
        "the same, each record checked and read, and sent with the client that a target uses: {:.0}/s",
        bare_drain(&runtime, folder, &record, runs, &url, Way::Checked)
    );
    println!(
        "every byte of a record checked, and the record read from them: {:.0} us",
        checked(&record)
    );
    println!(
        "POSTs with the client that a target uses, 64 at once: {:.0}/s",
        client(&runtime, &record, runs, &url, 64)
    );
    if let Some(pending) = pending {
        memory(&runtime, folder, &record, pending);
    }
}

fn rate(runs: usize, begun: Instant) -> f64 {
    f64::from(u32::try_from(runs).unwrap()) / begun.elapsed().as_secs_f64()
}

/// A record as `benchtop run` seals it.
fn one_record() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_benchtop");
    let mut run = Command::new(program);
    run.args([
        "run",
        "procedures/board-functional-v3.toml",
        "--serial",
        "UNIT-5501",
        "--simulate",
        "--store",
    ]);
    assert!(run.arg(folder.path()).output().unwrap().status.success());
    let pending = fs::read_dir(folder.path().join("pending")).unwrap();
    fs::read(pending.map(|entry| entry.unwrap().path()).next().unwrap()).unwrap()
}

/// Has ext4 begin each store somewhere else on the disk: it looks long for room where many files went in the last minutes, those of
/// whatever ran before. Where it cannot be told so, that is in the numbers.
fn spread(folder: &Path) {
    let told = Command::new("chattr").arg("+T").arg(folder).status();
    if !told.is_ok_and(|status| status.success()) {
        println!("(no `chattr +T` here: what was removed from the disk a moment ago slows the making of files down)");
    }
}

/// A store whose `pending/` holds so many records, each with its own run.
fn filled(folder: &Path, record: &[u8], runs: usize) -> (PathBuf, Store) {
    // a name that no bench before had: where on the disk it begins follows from it
    let mut name = folder.file_name().unwrap().to_owned();
    name.push(STORES.fetch_add(1, Ordering::Relaxed).to_string());
    let folder = folder.join(name);
    let store = Store::open(&folder).unwrap();
    for number in 0..runs {
        let (name, bytes) = numbered(record, number);
        fs::write(folder.join("pending").join(name), bytes).unwrap();
    }
    assert!(Command::new(BEFORE).status().is_ok_and(|status| status.success()));
    (folder, store)
}

/// The record of another run: name and bytes.
fn numbered(record: &[u8], number: usize) -> (String, Vec<u8>) {
    let mut record = benchtop_store::integrity::open(record).unwrap();
    record.run_id = format!("0198c0de-0000-7000-8000-{number:012}");
    record.sequence = u64::try_from(number).unwrap() + 1;
    let name = benchtop_store::RecordName::of(&record).to_string();
    (name, benchtop_store::integrity::seal(&record).unwrap())
}

fn ours(runtime: &Runtime, folder: &Path, record: &[u8], runs: usize, url: &str, at_once: usize) -> f64 {
    let (_, store) = filled(folder, record, runs);
    let config = TargetConfig {
        name: "bench".into(),
        kind: TargetKind::TofuPilotV2,
        url: url.to_owned(),
        accept_simulated: true,
        procedures: BTreeMap::from([("BOARD-FUNCTIONAL-V3".to_owned(), PROCEDURE.to_owned())]),
        ca_file: None,
        region: None,
        proxy: None,
        timeouts: Timeouts::default(),
    };
    let targets = vec![open(config, &SecretString::from("k")).unwrap()];
    let pace = Pace {
        at_once,
        ..Pace::default()
    };
    let begun = Instant::now();
    let now = chrono::Utc::now;
    let summary = runtime
        .block_on(drain(&store, &targets, &now, pace, &mut |_| ()))
        .unwrap();
    let rate = rate(runs, begun);
    assert_eq!(summary.synced, runs);
    assert_eq!(
        store.list(Place::Synced, 0).unwrap().count,
        u64::try_from(runs).unwrap()
    );
    rate
}

/// The same bodies on so many connections, by hand, nothing read from the disk and nothing kept.
fn floor(runtime: &Runtime, record: &[u8], runs: usize, url: &str, at_once: usize) -> f64 {
    let (address, request) = (address(url), Arc::new(request(record)));
    let begun = Instant::now();
    runtime.block_on(async {
        let share = runs.div_ceil(at_once);
        let connections: Vec<_> = (0..at_once)
            .map(|_| {
                let (address, request) = (address.clone(), Arc::clone(&request));
                tokio::spawn(async move {
                    let mut stream = TcpStream::connect(address).await.unwrap();
                    let mut answer = vec![0; ANSWER.len()];
                    for _ in 0..share {
                        stream.write_all(&request).await.unwrap();
                        stream.read_exact(&mut answer).await.unwrap();
                    }
                })
            })
            .collect();
        for connection in connections {
            connection.await.unwrap();
        }
    });
    rate(runs, begun)
}

/// How the bare calls of a drain go about a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Nothing is parsed, checked or locked, and what is sent is written by hand.
    Bare,
    /// Every byte is checked, the record is read, and the HTTP client of a target sends it. Still no body is made, no receipt
    /// worded, and nothing locked.
    Checked,
}

/// The bare calls of a drain, one half of the records beside the other: each is read and sent on open connections, a file is made
/// for its receipts, a batch's files wait for the disk together, and each is renamed.
fn bare_drain(runtime: &Runtime, folder: &Path, record: &[u8], runs: usize, url: &str, way: Way) -> f64 {
    let (folder, store) = filled(folder, record, runs);
    let names = store.pending(usize::MAX).unwrap().names;
    fs::create_dir(folder.join("synced").join("bare")).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let connections = |way| -> Vec<Connection> {
        let one = || match way {
            Way::Bare => {
                let stream = runtime.block_on(TcpStream::connect(address(url)));
                Connection::Bare(stream.unwrap())
            }
            Way::Checked => Connection::Client(client.clone(), format!("{url}/api/v2/runs")),
        };
        std::iter::repeat_with(one).take(64).collect()
    };
    let begun = Instant::now();
    let halves: Vec<_> = names
        .chunks(runs.div_ceil(2))
        .map(|half| {
            let names = half.iter().map(ToString::to_string).collect();
            runtime.spawn(bare_half(folder.clone(), names, connections(way)))
        })
        .collect();
    runtime.block_on(async {
        for half in halves {
            half.await.unwrap();
        }
    });
    store.sync_moves().unwrap();
    rate(runs, begun)
}

/// Sends a record.
enum Connection {
    Bare(TcpStream),
    Client(reqwest::Client, String),
}

async fn bare_half(folder: PathBuf, names: Vec<String>, mut connections: Vec<Connection>) {
    let (pending, receipts) = (folder.join("pending"), folder.join("receipts"));
    let synced = folder.join("synced").join("bare");
    let disk = fs::File::open(&receipts).unwrap();
    for batch in names.chunks(256) {
        let mut bodies: Vec<Vec<u8>> = batch.iter().map(|name| fs::read(pending.join(name)).unwrap()).collect();
        let share = bodies.len().div_ceil(connections.len());
        let sent: Vec<_> = connections
            .drain(..)
            .map(|connection| tokio::spawn(connection.send(bodies.split_off(bodies.len().saturating_sub(share)))))
            .collect();
        for connection in sent {
            connections.push(connection.await.unwrap());
        }
        tokio::task::block_in_place(|| {
            for name in batch {
                fs::write(receipts.join(name), [b'x'; RECEIPTS]).unwrap();
            }
            rustix::fs::syncfs(&disk).unwrap();
            for name in batch {
                fs::rename(pending.join(name), synced.join(name)).unwrap();
            }
        });
    }
}

impl Connection {
    async fn send(self, bodies: Vec<Vec<u8>>) -> Self {
        match self {
            Self::Bare(mut stream) => {
                let mut answer = vec![0; ANSWER.len()];
                for body in bodies {
                    stream.write_all(&request(&body)).await.unwrap();
                    stream.read_exact(&mut answer).await.unwrap();
                }
                Self::Bare(stream)
            }
            Self::Client(client, url) => {
                for body in bodies {
                    std::hint::black_box(benchtop_store::integrity::open(&body).unwrap());
                    let answer = client.post(&url).bearer_auth("k").body(body).send().await.unwrap();
                    answer.json::<serde_json::Value>().await.unwrap();
                }
                Self::Client(client, url)
            }
        }
    }
}

fn address(url: &str) -> String {
    url.trim_start_matches("http://").to_owned()
}

fn request(body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("POST /api/v2/runs HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// What it takes of a processor's time to check a record before it is sent, in microseconds.
fn checked(record: &[u8]) -> f64 {
    const TIMES: usize = 10_000;
    let begun = Instant::now();
    for _ in 0..TIMES {
        std::hint::black_box(benchtop_store::integrity::open(record).unwrap());
    }
    1e6 / rate(TIMES, begun)
}

/// The same bodies through the HTTP client that a target uses, and the answers parsed. What it needs for TLS was installed with the
/// first target.
fn client(runtime: &Runtime, record: &[u8], runs: usize, url: &str, at_once: usize) -> f64 {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{url}/api/v2/runs");
    let begun = Instant::now();
    runtime.block_on(async {
        let share = runs.div_ceil(at_once);
        let posting: Vec<_> = (0..at_once)
            .map(|_| {
                let (client, url, record) = (client.clone(), url.clone(), record.to_vec());
                tokio::spawn(async move {
                    for _ in 0..share {
                        let post = client.post(&url).bearer_auth("k").body(record.clone());
                        let answer = post.send().await.unwrap();
                        answer.json::<serde_json::Value>().await.unwrap();
                    }
                })
            })
            .collect();
        for one in posting {
            one.await.unwrap();
        }
    });
    rate(runs, begun)
}

/// The receipts and the moves of so many runs, in the batches of a drain, without any target.
fn disk(folder: &Path, record: &[u8], runs: usize) -> f64 {
    let (_, store) = filled(folder, record, runs);
    let now = chrono::Utc::now();
    let names = store.pending(usize::MAX).unwrap().names;
    let begun = Instant::now();
    for some in names.chunks(256) {
        let receipts = some.iter().flat_map(|name| {
            let remote_id = "11111111-2222-4333-8444-555555555555".to_owned();
            [ReceiptKind::Attempt, ReceiptKind::Confirmed { remote_id }].map(|kind| {
                let target = "bench".to_owned();
                (name.run_id().to_owned(), Receipt { at: now, target, kind })
            })
        });
        store.receipts().append_all(&receipts.collect::<Vec<_>>()).unwrap();
        for name in some {
            assert_eq!(store.settle(name, &["bench"], now).unwrap(), Place::Synced);
        }
    }
    store.sync_moves().unwrap();
    rate(runs, begun)
}

/// The rate of a script; none, said aloud, where Python has not got what it imports.
fn script(folder: &Path, record: &[u8], runs: usize, url: &str, text: &str) -> Option<f64> {
    let (folder, _store) = filled(folder, record, runs);
    let script = folder.join("script.py");
    fs::write(&script, text).unwrap();
    let python = std::env::var("BENCHTOP_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let begun = Instant::now();
    let ran = Command::new(python)
        .arg(&script)
        .arg(&folder)
        .arg(url)
        .env("DISABLE_TELEMETRY", "true")
        .output();
    match ran {
        Ok(ran) if ran.status.success() => Some(rate(runs, begun)),
        Ok(ran) => {
            let why = String::from_utf8_lossy(&ran.stderr);
            println!("  (no such script here: {})", why.lines().last().unwrap_or_default());
            None
        }
        Err(error) => {
            println!("  (no Python here: {error})");
            None
        }
    }
}

/// The most memory that `benchtop sync` took to drain so many, and how long it was at it.
fn memory(runtime: &Runtime, folder: &Path, record: &[u8], pending: usize) {
    let url = serve(runtime, Duration::ZERO);
    let (folder, store) = filled(folder, record, pending);
    let station = folder.join("station.toml");
    let text = format!(
        "[station]\nid = \"BENCH-7\"\n[store]\nroot = \".\"\n[[sync.targets]]\nname = \"bench\"\nkind = \"tofupilot-v2\"\n\
         url = \"{url}\"\naccept_simulated = true\n[sync.targets.procedures]\nBOARD-FUNCTIONAL-V3 = \"{PROCEDURE}\"\n"
    );
    fs::write(&station, text).unwrap();
    for words in [vec!["sync", "status"], vec!["sync"]] {
        let begun = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_benchtop"))
            .args(&words)
            .arg("--station")
            .arg(&station)
            .env("TOFUPILOT_API_KEY", "k")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut most = 0;
        while child.try_wait().unwrap().is_none() {
            most = most.max(peak_kib(child.id()).unwrap_or(0));
            std::thread::sleep(Duration::from_millis(2));
        }
        println!(
            "benchtop {} with {pending} pending: at most {} MiB, {:.1} s",
            words.join(" "),
            most / 1024,
            begun.elapsed().as_secs_f64()
        );
    }
    assert_eq!(store.list(Place::Pending, 0).unwrap().count, 0);
}

/// `VmHWM` of a process, in KiB.
fn peak_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// Answers every request after so long, on connections that stay open.
fn serve(runtime: &Runtime, latency: Duration) -> String {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, latency));
        }
    });
    url
}

async fn answer(mut stream: TcpStream, latency: Duration) {
    let mut held: Vec<u8> = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        while let Some(end) = whole(&held) {
            held.drain(..end);
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            if stream.write_all(ANSWER).await.is_err() {
                return;
            }
        }
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(read) => held.extend_from_slice(chunk.get(..read).unwrap_or_default()),
        }
    }
}

/// Where the first whole request ends.
fn whole(held: &[u8]) -> Option<usize> {
    let head = held.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(held.get(..head)?).to_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let end = head + 4 + length.unwrap_or(0);
    (held.len() >= end).then_some(end)
}
