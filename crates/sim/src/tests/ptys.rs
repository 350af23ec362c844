//! Simulated instruments on real pseudoterminals.

use super::{SOON, board, model};
use crate::{Fault, LineSettings, Model, Parity, PtyServer, SimulatedBench, serve_pty};
use benchtop_instrument::{Clock, ClockExt, RealClock, VirtualClock};
use proptest::prelude::*;
use rustix::termios::{ControlModes, OptionalActions, tcgetattr, tcsetattr};
use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    path::Path,
    sync::Arc,
    time::Duration,
};

fn bench() -> SimulatedBench {
    board().build(RealClock::shared(), "UNIT-5501")
}

fn serve(bench: &SimulatedBench, name: &str) -> PtyServer {
    serve_pty(None, bench.instrument(name).unwrap()).unwrap()
}

/// A client that only reads and writes, as a serial port's users do.
struct Port(Arc<File>);

impl Port {
    fn open(path: &Path) -> Self {
        let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
        Self(Arc::new(file))
    }

    fn send(&self, bytes: &[u8]) {
        (&*self.0).write_all(bytes).unwrap();
    }

    /// Everything up to and with the next LF.
    async fn line(&self) -> String {
        let file = Arc::clone(&self.0);
        let read = tokio::task::spawn_blocking(move || {
            let mut line = Vec::new();
            let mut byte = [0];
            while line.last() != Some(&b'\n') {
                if (&*file).read(&mut byte).unwrap_or(0) == 0 {
                    break;
                }
                line.push(byte[0]);
            }
            String::from_utf8_lossy(&line).into_owned()
        });
        let clock = RealClock::new();
        let deadline = clock.now().after(SOON);
        clock.within(deadline, read).await.expect("no answer").unwrap()
    }

    async fn ask(&self, message: &str) -> String {
        self.send(message.as_bytes());
        self.line().await
    }
}

#[tokio::test]
async fn a_serial_line_takes_every_terminator_and_translates_nothing() {
    let bench = bench();
    let server = serve(&bench, "dmm");
    let port = Port::open(server.path());
    let identity = port.ask("*IDN?\r").await;
    assert!(identity.starts_with("Keysight Technologies,34461A,SIM-DMM,") && identity.ends_with('\n'));
    assert!(!identity.contains('\r'));
    assert_eq!(port.ask("*OPC?\r\n").await, "1\n");
    port.send(b"SYST:VE");
    assert_eq!(port.ask("RS?\n").await, "1994.0\n");
    let reading: f64 = port.ask("MEAS:VOLT:DC? 10\n").await.trim().parse().unwrap();
    assert!(reading.abs() < 1e-3);
    assert_eq!(port.ask("SYST:ERR?\r").await, "+0,\"No error\"\n");
    server.stop().await;
    assert_eq!(port.line().await, "");
}

#[tokio::test]
async fn clients_come_and_go_and_find_the_instrument_as_it_was_left() {
    let bench = bench();
    let server = serve(&bench, "psu");
    for turn in 1..=3 {
        let port = Port::open(server.path());
        assert_eq!(
            port.ask(&format!("VOLT {turn},(@1);VOLT? (@1)\n")).await,
            format!("+{turn}.00000000E+00\n")
        );
        drop(port);
        // gone for long enough that the server would have noticed a hang-up
        RealClock::new().sleep(Duration::from_millis(20)).await;
    }
    let port = Port::open(server.path());
    assert_eq!(port.ask("VOLT? (@1)\n").await, "+3.00000000E+00\n");
    server.stop().await;
}

#[tokio::test]
async fn an_answer_larger_than_the_lines_buffers_arrives_whole() {
    let bench = bench();
    let server = serve(&bench, "psu");
    let port = Port::open(server.path());
    let query = format!("VOLT? MAX,(@1{})\n", ",1".repeat(10_000));
    let sender = Arc::clone(&port.0);
    let sent = tokio::task::spawn_blocking(move || (&*sender).write_all(query.as_bytes()).unwrap());
    assert_eq!(port.line().await.len(), 10_001 * 16);
    sent.await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn answers_that_nobody_takes_are_lost_and_do_not_stop_the_instrument() {
    let bench = bench();
    let server = serve(&bench, "psu");
    let port = Port::open(server.path());
    port.send(format!("VOLT? MAX,(@1{})\nVOLT 2,(@1)\n", ",1".repeat(1500)).as_bytes());
    let clock = RealClock::new();
    let deadline = clock.now().after(SOON);
    while !bench.heard("psu").iter().any(|message| message == "VOLT 2,(@1)") {
        assert!(clock.now() < deadline, "the instrument waits for a reader");
        clock.sleep(Duration::from_millis(50)).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn the_line_is_set_up_by_its_client() {
    let bench = bench();
    let server = serve(&bench, "dmm");
    let settings = LineSettings {
        baud: 9600,
        data_bits: 8,
        parity: Parity::None,
        stop_bits: 1,
        xon_xoff: false,
        rts_cts: false,
    };
    assert_eq!(server.line_settings().unwrap(), settings);
    let port = Port::open(server.path());
    let mut termios = tcgetattr(&*port.0).unwrap();
    termios.set_speed(19_200).unwrap();
    // a pseudoterminal carries whole bytes: it keeps neither seven bits nor parity
    termios.control_modes |= ControlModes::CSTOPB | ControlModes::CRTSCTS;
    tcsetattr(&*port.0, OptionalActions::Now, &termios).unwrap();
    let changed = LineSettings {
        baud: 19_200,
        stop_bits: 2,
        rts_cts: true,
        ..settings
    };
    assert_eq!(server.line_settings().unwrap(), changed);
    assert_eq!(port.ask("*OPC?\n").await, "1\n");
    server.stop().await;
}

#[tokio::test]
async fn the_link_leads_to_the_instrument_and_nothing_else_is_replaced() {
    let bench = bench();
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("dmm");
    // as a killed run leaves it
    std::os::unix::fs::symlink("/dev/pts/99999", &link).unwrap();
    let server = serve_pty(Some(&link), bench.instrument("dmm").unwrap()).unwrap();
    assert_eq!(
        (server.link(), std::fs::read_link(&link).unwrap().as_path()),
        (Some(&*link), server.path())
    );
    assert_eq!(Port::open(&link).ask("*OPC?\n").await, "1\n");
    server.stop().await;
    assert!(link.symlink_metadata().is_err());

    let file = folder.path().join("file");
    drop(File::create(&file).unwrap());
    assert!(serve_pty(Some(&file), bench.instrument("dmm").unwrap()).is_err());
    let elsewhere = folder.path().join("elsewhere");
    std::os::unix::fs::symlink(&file, &elsewhere).unwrap();
    assert!(serve_pty(Some(&elsewhere), bench.instrument("dmm").unwrap()).is_err());
    assert!(file.is_file() && elsewhere.is_symlink());
}

#[tokio::test]
async fn a_dropped_server_takes_its_link_along() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("dmm");
    drop(serve_pty(Some(&link), bench().instrument("dmm").unwrap()).unwrap());
    let clock = RealClock::new();
    let deadline = clock.now().after(SOON);
    while link.is_symlink() {
        assert!(clock.now() < deadline, "the link is still there");
        clock.sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_instrument_that_drops_the_connection_answers_again_once_it_is_well() {
    let bench = bench();
    let server = serve(&bench, "dmm");
    let port = Port::open(server.path());
    bench.set_fault("dmm", Fault::DropConnection);
    port.send(b"*IDN?\n");
    let clock = RealClock::new();
    let deadline = clock.now().after(SOON);
    while bench.heard("dmm").is_empty() {
        assert!(clock.now() < deadline);
        clock.sleep(Duration::from_millis(5)).await;
    }
    bench.clear_faults("dmm");
    assert_eq!(port.ask("*OPC?\n").await, "1\n");
    server.stop().await;
}

#[tokio::test]
async fn answers_end_as_the_models_serial_settings_say() {
    let (name, text) = super::definitions("keysight/34461a").unwrap();
    let text = format!("{text}\n[serial]\nterminator = \"CRLF\"\n");
    let model = Model::parse(&name, &text).unwrap();
    let lone = SimulatedBench::lone("keysight/34461a", &model, RealClock::shared());
    let server = serve_pty(None, lone.instrument("instrument").unwrap()).unwrap();
    assert_eq!(Port::open(server.path()).ask("*OPC?\r").await, "1\r\n");
    server.stop().await;
    let wrong = text.replace("CRLF", "NONE");
    let findings = Model::parse(&name, &wrong).unwrap_err().render_short();
    assert!(findings.contains("unknown terminator `NONE`"), "{findings}");
}

#[tokio::test]
async fn a_virtual_clock_is_not_served() {
    let lone = SimulatedBench::lone(
        "keysight/34461a",
        &model("keysight/34461a"),
        Arc::new(VirtualClock::new()),
    );
    assert!(serve_pty(None, lone.instrument("instrument").unwrap()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn no_bytes_on_the_line_end_the_instrument(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..8)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = bench();
            let server = serve(&bench, "dmm");
            let port = Port::open(server.path());
            for piece in &pieces {
                port.send(piece);
            }
            port.send(b"\n*CLS\nSYST:VERS?\n");
            // what the noise asked for comes first
            while port.line().await != "1994.0\n" {}
            server.stop().await;
        });
    }
}
