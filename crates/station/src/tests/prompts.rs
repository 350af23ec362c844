//! A meter that answers every message with a prompt, on a real pseudoterminal.

use crate::{Options, drive, open_session};
use benchtop_instrument::{Clock, ErrorKind, Function, Instrument, LineSettings, Measure, RealClock, Resource};
use benchtop_scpi::parse_inheriting;
use benchtop_sim::{FaultOrder, Model, PtyServer, SimulatedBench, serve_pty};
use std::{path::Path, sync::Arc, time::Duration};

const METER: &str = "fluke/45-rs232";

fn file(model: &str, name: &str) -> Option<(String, String)> {
    let file = format!("instruments/{model}/{name}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(&file);
    Some((file, std::fs::read_to_string(path).ok()?))
}

async fn open(server: &PtyServer, clock: &Arc<dyn Clock>) -> Box<dyn Instrument> {
    let documents = |model: &str| file(model, "driver.toml");
    let (name, text) = documents(METER).unwrap();
    let definition = Arc::new(parse_inheriting(METER, &name, &text, &documents).unwrap());
    let options = Options {
        timeout: Some(Duration::from_secs(1)),
        ..Options::default()
    };
    // no answer comes late here
    let line = LineSettings {
        quiet: Duration::from_millis(100),
        ..options.line(&definition)
    };
    let resource: Resource = format!("ASRL{}::INSTR", server.path().display()).parse().unwrap();
    let session = open_session(&resource, &line, clock).await.unwrap();
    drive(session, definition, options, clock)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_meter_with_prompts_is_driven_and_brought_back_over_a_serial_line() {
    let clock = RealClock::shared();
    let documents = |model: &str| file(model, "sim.toml");
    let (name, text) = documents(METER).unwrap();
    let model = Model::parse_inheriting(&name, &text, &documents).unwrap();
    let bench = SimulatedBench::lone(METER, &model, Arc::clone(&clock));
    let name = bench.instrument_names().next().unwrap().to_owned();
    let server = serve_pty(None, bench.instrument(&name).unwrap()).unwrap();
    let mut meter = open(&server, &clock).await;
    meter.prepare().await.unwrap();
    meter.measure(&Measure::of(Function::DcVoltage)).await.unwrap();
    let refused = meter.query("TRIGGER 9").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Instrument, "{refused}");
    assert!(
        refused
            .to_string()
            .contains("answers `TRIGGER 9` with !>, execution error"),
        "{refused}"
    );
    for message in ["RATE S", "RATE?"] {
        let lost = FaultOrder::parse("kind = 'no_answer'\nfor_messages = 1").unwrap();
        bench.order_fault(&name, lost).unwrap();
        let silent = meter.query(message).await.unwrap_err();
        assert_eq!(silent.kind(), ErrorKind::Timeout, "{silent}");
        let next = meter.query("RATE?").await.unwrap_err();
        assert_eq!(next.kind(), ErrorKind::Desynchronised, "{next}");
        meter.recover().await.unwrap();
        assert_eq!(meter.query("RATE?").await.unwrap().as_deref(), Some("S"));
    }
    meter.close().await.unwrap();
    assert_eq!(bench.heard(&name).last().map(String::as_str), Some("LOCS"));
    server.stop().await;
}
