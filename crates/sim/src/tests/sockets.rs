//! Simulated instruments on real sockets.

use super::{SOON, board, model};
use crate::{Fault, SimulatedBench, TcpServer, serve_tcp};
use benchtop_instrument::{ClockExt, RealClock, VirtualClock};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

async fn serve(bench: &SimulatedBench, name: &str) -> TcpServer {
    serve_tcp(ANY_PORT, bench.instrument(name).unwrap()).await.unwrap()
}

fn bench() -> SimulatedBench {
    board().build(RealClock::shared(), "UNIT-5501")
}

struct Caller(BufReader<TcpStream>);

impl Caller {
    async fn new(server: &TcpServer) -> Self {
        Self(BufReader::new(TcpStream::connect(server.local_addr()).await.unwrap()))
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).await.unwrap();
    }

    /// The next line with its end, empty if the connection is over.
    async fn line(&mut self) -> String {
        let mut line = String::new();
        let clock = RealClock::new();
        clock
            .within(clock.now_after(SOON), self.0.read_line(&mut line))
            .await
            .expect("no answer")
            .unwrap();
        line
    }
}

trait After {
    fn now_after(&self, duration: Duration) -> benchtop_instrument::Moment;
}

impl After for RealClock {
    fn now_after(&self, duration: Duration) -> benchtop_instrument::Moment {
        benchtop_instrument::Clock::now(self).after(duration)
    }
}

#[tokio::test]
async fn answers_end_in_a_line_feed_however_messages_are_cut() {
    let bench = bench();
    let server = serve(&bench, "dmm").await;
    let mut caller = Caller::new(&server).await;
    caller.send(b"*IDN?\n").await;
    let identity = caller.line().await;
    assert!(identity.starts_with("Keysight Technologies,34461A,SIM-DMM,") && identity.ends_with('\n'));
    caller.send(b"SYST:VERS?\r\n*OPC?\nCONF:V").await;
    assert_eq!(caller.line().await, "1994.0\n");
    assert_eq!(caller.line().await, "1\n");
    caller.send(b"OLT:DC 10;:READ?\n").await;
    let reading: f64 = caller.line().await.trim().parse().unwrap();
    assert!(reading.abs() < 1e-3);
    server.stop().await;
}

#[tokio::test]
async fn clients_have_their_own_parser_and_one_instrument_which_outlives_them() {
    let bench = bench();
    let server = serve(&bench, "psu").await;
    let mut first = Caller::new(&server).await;
    let mut second = Caller::new(&server).await;
    first.send(b"VOLT 5,(@1);:OU").await;
    second.send(b"FOO\n").await;
    second.send(b"*OPC?\n").await;
    assert_eq!(second.line().await, "1\n");
    first.send(b"TP ON,(@1);*OPC?\n").await;
    assert_eq!(first.line().await, "1\n");
    drop(first);
    second.send(b"OUTP? (@1);:VOLT? (@1)\n").await;
    assert_eq!(second.line().await, "1;+5.00000000E+00\n");
    drop(second);
    let mut third = Caller::new(&server).await;
    third.send(b"OUTP? (@1)\n").await;
    assert_eq!(third.line().await, "1\n");
    assert_eq!(bench.output_enabled("psu", 1), Some(true));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_are_served_at_once() {
    let bench = bench();
    let server = serve(&bench, "psu").await;
    let mut callers = Vec::new();
    for _ in 0..64 {
        let mut caller = Caller::new(&server).await;
        callers.push(tokio::spawn(async move {
            for _ in 0..20 {
                caller.send(b"VOLT? MAX,(@1)\n").await;
                assert_eq!(caller.line().await, "+6.18000000E+00\n");
            }
        }));
    }
    for caller in callers {
        caller.await.unwrap();
    }
    server.stop().await;
}

#[tokio::test]
async fn who_sends_and_hangs_up_is_answered_first() {
    let bench = bench();
    let server = serve(&bench, "dmm").await;
    let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
    stream.write_all(b"CONF:VOLT:DC 10;:READ?\n*OPC?\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    assert!(
        answers.ends_with("\n1\n") && answers.lines().count() == 2,
        "{answers:?}"
    );
    server.stop().await;
}

#[tokio::test]
async fn who_does_not_take_its_answers_is_not_read_from() {
    let bench = bench();
    let server = serve(&bench, "psu").await;
    let mut greedy = TcpStream::connect(server.local_addr()).await.unwrap();
    let clock = RealClock::new();
    // 4,000 answers for each message: the buffers between us fill quickly
    let flood = format!("VOLT? (@1{})\n", ",1".repeat(4000));
    let mut sent = 0_usize;
    while clock
        .within(
            clock.now_after(Duration::from_millis(300)),
            greedy.write_all(flood.as_bytes()),
        )
        .await
        .is_ok()
    {
        sent += flood.len();
        assert!(sent < 256 * 1024 * 1024, "the server reads without end");
    }
    let mut other = Caller::new(&server).await;
    other.send(b"*OPC?\n").await;
    assert_eq!(other.line().await, "1\n");
    server.stop().await;
}

#[tokio::test]
async fn a_dropped_connection_ends_the_socket_and_a_stopped_server_refuses() {
    let bench = bench();
    let server = serve(&bench, "dmm").await;
    let mut caller = Caller::new(&server).await;
    bench.set_fault("dmm", Fault::DropConnection);
    caller.send(b"*IDN?\n").await;
    assert_eq!(caller.line().await, "");
    bench.clear_faults("dmm");
    let mut caller = Caller::new(&server).await;
    caller.send(b"*OPC?\n").await;
    assert_eq!(caller.line().await, "1\n");
    let address = server.local_addr();
    server.stop().await;
    assert_eq!(caller.line().await, "");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_virtual_clock_is_not_served() {
    let clock = Arc::new(VirtualClock::new());
    let lone = SimulatedBench::lone("keysight/34461a", &model("keysight/34461a"), clock);
    assert!(
        serve_tcp(ANY_PORT, lone.instrument("instrument").unwrap())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_refusing_instrument_keeps_its_port_and_its_connections() {
    let bench = bench();
    let server = serve(&bench, "dmm").await;
    let mut early = Caller::new(&server).await;
    early.send(b"*OPC?\n").await;
    assert_eq!(early.line().await, "1\n");
    bench.set_fault("dmm", Fault::Refused);
    until_refused(&server, true).await;
    early.send(b"*OPC?\n").await;
    assert_eq!(early.line().await, "1\n");
    bench.clear_faults("dmm");
    until_refused(&server, false).await;
    let mut late = Caller::new(&server).await;
    late.send(b"*OPC?\n").await;
    assert_eq!(late.line().await, "1\n");
    server.stop().await;
}

/// The door follows the fault in another task.
async fn until_refused(server: &TcpServer, refused: bool) {
    let clock = RealClock::new();
    for _ in 0..500 {
        if TcpStream::connect(server.local_addr()).await.is_err() == refused {
            return;
        }
        clock.sleep(Duration::from_millis(10)).await;
    }
    panic!("the door did not turn");
}

#[tokio::test]
async fn a_half_open_socket_connects_and_stays_silent_until_it_is_over() {
    let bench = bench();
    let server = serve(&bench, "psu").await;
    let mut early = Caller::new(&server).await;
    early.send(b"*OPC?\n").await;
    assert_eq!(early.line().await, "1\n");
    bench.set_fault("psu", Fault::HalfOpen);
    let mut late = Caller::new(&server).await;
    for caller in [&mut early, &mut late] {
        caller.send(b"VOLT 5,(@1);:OUTP ON,(@1);*OPC?\n").await;
    }
    let clock = RealClock::new();
    let mut line = String::new();
    let silence = clock
        .within(clock.now_after(Duration::from_millis(300)), late.0.read_line(&mut line))
        .await;
    assert!(silence.is_err(), "{line}");
    bench.clear_faults("psu");
    // a connection that nobody remembers is reset, or ends
    let mut rest = Vec::new();
    for caller in [&mut early, &mut late] {
        drop(caller.0.read_to_end(&mut rest).await);
    }
    assert!(rest.is_empty());
    assert_eq!(bench.output_enabled("psu", 1), Some(false), "what was sent is lost");
    let mut after = Caller::new(&server).await;
    after.send(b"*OPC?\n").await;
    assert_eq!(after.line().await, "1\n");
    server.stop().await;
}

#[tokio::test]
async fn a_reboot_ends_every_socket_and_refuses_until_it_is_over() {
    let bench = bench();
    let server = serve(&bench, "psu").await;
    let mut first = Caller::new(&server).await;
    let mut idle = Caller::new(&server).await;
    for caller in [&mut first, &mut idle] {
        caller.send(b"*OPC?\n").await;
        assert_eq!(caller.line().await, "1\n");
    }
    bench.set_fault("psu", Fault::Reboot(Duration::from_millis(300)));
    assert_eq!((first.line().await, idle.line().await), (String::new(), String::new()));
    until_refused(&server, true).await;
    until_refused(&server, false).await;
    let mut after = Caller::new(&server).await;
    after.send(b"*ESR?\n").await;
    assert_eq!(after.line().await, "+128\n");
    server.stop().await;
}
