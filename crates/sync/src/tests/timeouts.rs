//! The three timeouts, each by a server that lives and says too little; and a database that says nothing.

use super::bench::{Bench, config, opened};
use crate::{TargetConfig, TargetKind, Timeouts};
use benchtop_store::Standing;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(300);

/// A listener that treats each connection in this way; its port, and how many came.
fn serve(treat: impl Fn(TcpStream) + Send + Sync + 'static) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (treat, count) = (Arc::new(treat), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            counted.fetch_add(1, Ordering::Relaxed);
            let (treat, stream) = (Arc::clone(&treat), stream.unwrap());
            std::thread::spawn(move || treat(stream));
        }
    });
    (port, count)
}

/// Reads until the other side has gone.
fn listen_only(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(1..) = stream.read(&mut buffer) {}
}

fn target(kind: TargetKind, url: &str, timeouts: Timeouts) -> Vec<Box<dyn crate::Target>> {
    opened(TargetConfig {
        timeouts,
        ..config(kind, url)
    })
}

#[tokio::test]
async fn a_connection_that_is_not_made_in_time_was_not_sent() {
    // a listener that accepts nobody, its queue full: the next connection gets no answer
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let waiting: Vec<TcpStream> = (0..5000)
        .map_while(|_| TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok())
        .collect();
    assert!(waiting.len() < 5000, "its queue has no end");
    let bench = Bench::new();
    bench.put_runs(1);
    let timeouts = Timeouts {
        connect: SHORT,
        idle: LONG,
        total: LONG,
    };
    let drained = bench
        .drain(&target(TargetKind::TofuPilotV2, &format!("http://{address}"), timeouts))
        .await;
    assert!(drained.text().contains("not sent"), "{}", drained.text());
    assert!(matches!(bench.standing(1).standing, Standing::Deferred { .. }));
}

/// Sends a run to that port, and nobody knows afterwards whether it arrived.
async fn is_lost(port: u16, idle: Duration, total: Duration) {
    let bench = Bench::new();
    bench.put_runs(1);
    let timeouts = Timeouts {
        connect: LONG,
        idle,
        total,
    };
    let url = format!("http://127.0.0.1:{port}");
    bench.drain(&target(TargetKind::TofuPilotV2, &url, timeouts)).await;
    assert!(matches!(bench.standing(1).standing, Standing::Uncertain { .. }));
}

#[tokio::test]
async fn an_answer_that_stops_is_lost_after_the_idle_time() {
    let (port, _) = serve(|mut stream| {
        let mut buffer = [0; 4096];
        let _asked = stream.read(&mut buffer).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{")
            .unwrap();
        listen_only(stream);
    });
    is_lost(port, SHORT, LONG).await;
}

#[tokio::test]
async fn an_answer_that_never_ends_is_lost_after_the_total_time() {
    let (port, _) = serve(|mut stream| {
        let mut buffer = [0; 4096];
        let _asked = stream.read(&mut buffer).unwrap();
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head).unwrap();
        // a piece as often as the other side takes one: it is never idle for long
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        while stream.write_all(b"1\r\n \r\n").is_ok() {
            if matches!(stream.read(&mut buffer), Ok(0)) {
                break;
            }
        }
    });
    is_lost(port, LONG, SHORT).await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_database_that_says_nothing_keeps_nobody_waiting_for_ever() {
    let (port, count) = serve(listen_only);
    let (bench, stick) = (Bench::new(), tempfile::tempdir().unwrap());
    bench.put_runs(2);
    let timeouts = Timeouts {
        connect: LONG,
        idle: LONG,
        total: SHORT,
    };
    let url = format!("postgres://u@127.0.0.1:{port}/x");
    let mut targets = target(TargetKind::Postgres, &url, timeouts);
    let mut folder = config(TargetKind::Directory, &stick.path().display().to_string());
    folder.name = "stick".into();
    targets.extend(opened(folder));
    let drained = bench.drain(&targets).await;
    assert_eq!(drained.summary.pending, 2, "{}", drained.text());
    assert!(drained.text().contains("no answer in"), "{}", drained.text());
    // the other target had them all the same
    assert_eq!(std::fs::read_dir(stick.path()).unwrap().count(), 2);
    let tried = count.load(Ordering::Relaxed);
    assert!(
        tried <= 3,
        "one that says nothing is not asked for every record: {tried}"
    );
    drop(bench.store.lock_syncer().unwrap());
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn nothing_of_a_database_beyond_this_machine_goes_out_unencrypted() {
    let bench = Bench::new();
    bench.put_runs(1);
    // a server that has no TLS, at an address that is none of the three that count as this machine
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let said = Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = stream.read(&mut buffer) {
                heard.lock().unwrap().extend_from_slice(&buffer[..read]);
                let _answered = stream.write_all(b"N");
            }
        }
    });
    let url = format!("postgres://u@127.0.0.2:{port}/x?sslmode=disable");
    let targets = opened(config(TargetKind::Postgres, &url));
    let drained = bench.drain(&targets).await;
    assert_eq!(drained.summary.pending, 1, "{}", drained.text());
    // SSLRequest, and nothing after it
    let said = said.lock().unwrap();
    let request = [0, 0, 0, 8, 4, 210, 22, 47];
    assert!(
        !said.is_empty() && said.chunks(8).all(|chunk| chunk == request),
        "{said:?}"
    );
}
