//! What a simulated instrument costs, beside a bare echo server in the same run.
//!
//! `cargo bench --bench simulator -- [PAIRS]`: interleaved pairs (echo, simulator), the median of their ratios with
//! quartiles. Nothing here passes or fails; the numbers go into closing notes.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark may stop at once"
)]

use benchtop_instrument::{Clock, RealClock, SessionExt};
use benchtop_sim::{Model, SimulatedBench, serve_tcp};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

const CLIENTS: usize = 64;
const QUERIES_A_TURN: usize = 20;
const IDLE_CLIENTS: usize = 1000;
const QUERY: &[u8] = b"*OPC?\n";

fn main() {
    let pairs = std::env::args()
        .skip(1)
        .find_map(|text| text.parse().ok())
        .unwrap_or(1000);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let clock = RealClock::shared();
        let echo = echo().await;
        let (simulator, bench) = simulator(&clock).await;
        throughput(clock.as_ref(), echo, simulator, pairs).await;
        in_process(clock.as_ref(), &bench).await;
        idle_clients(simulator).await;
    });
}

/// A server that answers each line with itself.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(async move {
                let mut chunk = [0; 2048];
                while let Ok(count @ 1..) = stream.read(&mut chunk).await {
                    if stream.write_all(&chunk[..count]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

async fn simulator(clock: &Arc<dyn Clock>) -> (SocketAddr, SimulatedBench) {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/instruments/keysight/34461a/sim.toml");
    let model = Model::parse(file, &std::fs::read_to_string(file).unwrap()).expect("a sound model");
    let bench = SimulatedBench::lone("keysight/34461a", &model, Arc::clone(clock));
    let name = bench.instrument_names().next().unwrap().to_owned();
    let server = serve_tcp("127.0.0.1:0".parse().unwrap(), bench.instrument(&name).unwrap())
        .await
        .unwrap();
    let address = server.local_addr();
    // it serves as long as this process lives
    std::mem::forget(server);
    (address, bench)
}

async fn clients(address: SocketAddr) -> Vec<BufReader<TcpStream>> {
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        clients.push(BufReader::new(stream));
    }
    clients
}

/// All clients ask at once, each so many times; queries per second.
async fn turn(clock: &dyn Clock, clients: &mut Vec<BufReader<TcpStream>>) -> f64 {
    let begun = clock.now();
    let mut tasks = Vec::new();
    for mut client in clients.drain(..) {
        tasks.push(tokio::spawn(async move {
            let mut line = Vec::new();
            for _ in 0..QUERIES_A_TURN {
                client.get_mut().write_all(QUERY).await.unwrap();
                line.clear();
                client.read_until(b'\n', &mut line).await.unwrap();
            }
            client
        }));
    }
    for task in tasks {
        clients.push(task.await.unwrap());
    }
    let queries = u32::try_from(CLIENTS * QUERIES_A_TURN).unwrap();
    f64::from(queries) / clock.now().since(begun).as_secs_f64()
}

fn quartiles(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |share: usize| values[(values.len() - 1) * share / 4];
    (at(1), at(2), at(3))
}

async fn throughput(clock: &dyn Clock, echo: SocketAddr, simulator: SocketAddr, pairs: usize) {
    let (mut bare, mut simulated) = (clients(echo).await, clients(simulator).await);
    let (mut ratios, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..pairs.max(1) {
        let floor = turn(clock, &mut bare).await;
        let rate = turn(clock, &mut simulated).await;
        ratios.push(rate / floor);
        rates.push(rate);
    }
    let (low, median, high) = quartiles(ratios);
    let (_, rate, _) = quartiles(rates);
    println!(
        "{CLIENTS} clients, queries a second: {rate:.0}; share of a bare echo server: {median:.2} ({low:.2} to {high:.2}), {pairs} pairs"
    );
}

async fn in_process(clock: &dyn Clock, bench: &SimulatedBench) {
    let name = bench.instrument_names().next().unwrap().to_owned();
    let mut session = bench.session(&name).unwrap();
    let mut times = Vec::new();
    for _ in 0..10_000 {
        let begun = clock.now();
        session
            .query("*OPC?", begun.after(Duration::from_secs(1)))
            .await
            .unwrap();
        times.push(clock.now().since(begun).as_secs_f64() * 1e6);
    }
    let (low, median, high) = quartiles(times);
    println!("one query in process: {median:.2} us ({low:.2} to {high:.2})");
}

async fn idle_clients(simulator: SocketAddr) {
    let before = resident_kib();
    let mut idle = Vec::new();
    for _ in 0..IDLE_CLIENTS {
        let mut stream = TcpStream::connect(simulator).await.unwrap();
        stream.write_all(QUERY).await.unwrap();
        let mut answer = [0; 2];
        stream.read_exact(&mut answer).await.unwrap();
        idle.push(stream);
    }
    if let (Some(before), Some(after)) = (before, resident_kib()) {
        println!(
            "{IDLE_CLIENTS} idle clients, both ends in one process: {} KiB more, {after} KiB in all",
            after.saturating_sub(before)
        );
    }
}

/// Memory of this process, where Linux says it.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
