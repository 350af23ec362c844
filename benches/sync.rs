//! What draining an outbox costs, beside the way people do it today (a script that POSTs each file and moves it, one after the
//! other) and beside the least that it could cost (the same bodies sent concurrently, nothing kept).
//!
//! `cargo bench --bench sync -- [RUNS]`: on loopback, then with 20 ms of server latency (a tenth of the runs). The server is
//! the bench's own and does as little as it can. Nothing here passes or fails; the numbers go into closing notes.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark may stop at once, reads the time itself, and its files need not survive"
)]

use benchtop_store::{Place, Store};
use benchtop_sync::{Pace, SecretString, TargetConfig, TargetKind, Timeouts, drain, open};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
};

const PROCEDURE: &str = "550e8400-e29b-41d4-a716-446655440000";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 45\r\n\r\n{\"id\":\"11111111-2222-4333-8444-555555555555\"}";
/// What a script does: read, POST, move. `requests` with a session where Python has it, else the standard library.
const SCRIPT: &str = r#"
import http.client, os, shutil, sys, urllib.parse
root, url = sys.argv[1:]
host = urllib.parse.urlparse(url).netloc
connection = http.client.HTTPConnection(host)
os.makedirs(os.path.join(root, "done"), exist_ok=True)
for name in sorted(os.listdir(os.path.join(root, "pending"))):
    path = os.path.join(root, "pending", name)
    with open(path, "rb") as file:
        body = file.read()
    connection.request("POST", "/api/v2/runs", body, {"Content-Type": "application/json"})
    if connection.getresponse().read() and True:
        shutil.move(path, os.path.join(root, "done", name))
"#;

fn main() {
    let runs: usize = std::env::args()
        .skip(1)
        .find_map(|text| text.parse().ok())
        .unwrap_or(1000);
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let record = one_record();
    for (latency, runs) in [(Duration::ZERO, runs), (Duration::from_millis(20), (runs / 10).max(50))] {
        let url = serve(&runtime, latency);
        println!(
            "{runs} runs of {} bytes, server latency {} ms:",
            record.len(),
            latency.as_millis()
        );
        let script = script(&record, runs, &url);
        for at_once in [1, 16, 64] {
            let ours = ours(&runtime, &record, runs, &url, at_once);
            let floor = floor(&runtime, &record, runs, &url, at_once);
            let times = script.map_or_else(String::new, |script| format!(", {:.1} x the script", ours / script));
            println!("  {at_once:>2} at once: drained {ours:>7.0}/s{times}; bare POSTs {floor:>7.0}/s");
        }
        if let Some(script) = script {
            println!("  script, one after the other: {script:.0}/s, nothing durable");
        }
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

/// A store whose `pending/` holds so many records, each with its own run.
fn filled(record: &[u8], runs: usize) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for number in 0..runs {
        let (name, bytes) = numbered(record, number);
        fs::write(folder.path().join("pending").join(name), bytes).unwrap();
    }
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

fn ours(runtime: &Runtime, record: &[u8], runs: usize, url: &str, at_once: usize) -> f64 {
    let (_folder, store) = filled(record, runs);
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
    let address = url.trim_start_matches("http://").to_owned();
    let head = format!(
        "POST /api/v2/runs HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        record.len()
    );
    let request = Arc::new([head.as_bytes(), record].concat());
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

fn script(record: &[u8], runs: usize, url: &str) -> Option<f64> {
    let (folder, _store) = filled(record, runs);
    let script: PathBuf = folder.path().join("script.py");
    fs::write(&script, SCRIPT).unwrap();
    let begun = Instant::now();
    let ran = Command::new("python3")
        .arg(&script)
        .arg(folder.path() as &Path)
        .arg(url)
        .output();
    match ran {
        Ok(ran) if ran.status.success() => Some(rate(runs, begun)),
        Ok(_) | Err(_) => {
            println!("  (no Python here: nothing to compare with)");
            None
        }
    }
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
            Ok(read) => held.extend(chunk.iter().take(read)),
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
