//! A sensor board behind a scanner: how a bench wires a meter's channels, and what they see.
//!
//! The model is only for these tests: the 34461A with a scanner card that nobody sells.

use super::{ask, definitions, number, on_virtual_clock};
use crate::Bench;
use benchtop_instrument::{Clock, ClockExt, Session};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

fn with_scanner(model: &str) -> Option<(String, String)> {
    if model != "test/scanner" {
        return definitions(model);
    }
    let (_, text) = definitions("keysight/34461a")?;
    let text = text
        .replace(
            "[commands]",
            "[commands]\n\"ROUTe:CLOSe\" = \"close_channel\"\n\"ROUTe:CLOSe:STATe?\" = \"closed_channel\"\n\
             \"ROUTe:OPEN:ALL\" = \"open_channels\"\n",
        )
        .replace(
            "[dmm]",
            "[dmm]\nchannels = [{ first = 101, last = 106 }, { first = 201, last = 204 }]\n",
        );
    Some(("instruments/test/scanner/sim.toml".to_owned(), text))
}

/// A 2.5 V reference behind a filter, a bridge on it, a temperature sensor, and an RTD that is measured unpowered.
const BOARD: &str = r#"
[bench]
name = "sensor-board"
seed = 4
[instruments.psu]
model    = "keysight/e36312a"
channels = { 1 = { feeds = "supply" } }
[instruments.dmm]
model  = "test/scanner"
across = "supply"
[instruments.dmm.channels]
101 = { across = "reference" }
102 = { across = ["bridge_plus", "bridge_minus"] }
103 = { across = "temperature" }
104 = { across = "rtd" }
201 = { in_series = "line" }

[unit.branches.line]
from = "supply"
to   = "vin"

[unit.rails.buffer]
from  = "vin"
level = "2.5 V"

# 10 kOhm and 1 uF: 10 ms, and a thousandth less with a meter on it
[unit.branches.filter]
from       = "buffer"
to         = "reference"
resistance = "10 kOhm"
[unit.capacitors.filter]
node        = "reference"
capacitance = "1 uF"

[unit.branches.bridge_1]
from       = "buffer"
to         = "bridge_plus"
resistance = "350 Ohm"
[unit.branches.bridge_2]
from       = "bridge_plus"
to         = "ground"
resistance = "352 Ohm"
[unit.branches.bridge_3]
from       = "buffer"
to         = "bridge_minus"
resistance = "350 Ohm"
[unit.branches.bridge_4]
from       = "bridge_minus"
to         = "ground"
resistance = "350 Ohm"

# 10 mV per degree from 500 mV at 0 degC
[unit.rails.temperature]
from  = "buffer"
level = "750 mV"

[unit.branches.rtd]
from       = "ground"
to         = "rtd"
resistance = "109.73 Ohm"

[[units]]
serial_number = "SENSE-1"
why           = "one arm of the bridge is broken"
branches.bridge_2.resistance = "100 MOhm"

[[units]]
serial_number = "SENSE-2"
why           = "the RTD is not soldered"
branches.rtd.resistance = "1 GOhm"

[[units]]
serial_number = "SENSE-3"
why           = "the reference leaks: a bad capacitor, here as ten times the resistance before it"
branches.filter.resistance = "100 kOhm"
"#;

async fn measured(clock: &Arc<dyn Clock>, serial_number: &str) -> BTreeMap<&'static str, f64> {
    let bench = Bench::parse("sensor-board.toml", BOARD, &with_scanner)
        .unwrap_or_else(|findings| panic!("{}", findings.render_human(false)));
    let bench = bench.build(Arc::clone(clock), serial_number);
    let (mut psu, mut dmm) = (bench.session("psu").unwrap(), bench.session("dmm").unwrap());
    let mut found = BTreeMap::new();
    let mut channel = async |dmm: &mut Box<dyn Session>, name, route: &str, message: &str| {
        ask(dmm, &**clock, route).await;
        clock.sleep(Duration::from_secs(2)).await;
        found.insert(name, number(dmm, &**clock, message).await);
    };
    channel(&mut dmm, "rtd", "ROUT:CLOS (@104)", "MEAS:FRES? 1E3").await;
    ask(&mut psu, &**clock, "APPL CH1,5,0.1;:OUTP ON,(@1)").await;
    channel(&mut dmm, "reference", "ROUT:CLOS (@101)", "MEAS:VOLT:DC? 10").await;
    channel(&mut dmm, "bridge", "ROUT:CLOS (@102)", "MEAS:VOLT:DC? 0.1").await;
    channel(&mut dmm, "temperature", "ROUT:CLOS (@103)", "MEAS:VOLT:DC? 1").await;
    channel(&mut dmm, "current", "ROUT:CLOS (@201)", "MEAS:CURR:DC? 0.1").await;
    channel(&mut dmm, "supply", "ROUT:OPEN:ALL", "MEAS:VOLT:DC? 10").await;
    channel(&mut dmm, "open", "ROUT:CLOS (@106)", "MEAS:RES?").await;
    found
}

fn near(what: &str, found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() <= within, "{what}: {found}, not {expected}");
}

#[tokio::test]
async fn each_channel_sees_its_own_nodes() {
    on_virtual_clock(|clock| async move {
        let bridge = 2.5 * 352.0 / 702.0 - 1.25;
        let reference = 2.5 * 10e6 / 10.01e6;
        let arms = 2.5 / 702.0 + 2.5 / 700.0;
        let broken = measured(&clock, "SENSE-1").await;
        let lifted = measured(&clock, "SENSE-2").await;
        let leaky = measured(&clock, "SENSE-3").await;
        for found in [measured(&clock, "SENSE-9").await, lifted.clone()] {
            near("reference", found["reference"], reference, 150e-6);
            near("bridge", found["bridge"], bridge, 10e-6);
            near("temperature", found["temperature"], 0.75, 50e-6);
            near("current", found["current"], arms, 10e-6);
            near("supply", found["supply"], 5.0, 250e-6);
            assert!(found["open"] > 9e37);
        }
        near("rtd", broken["rtd"], 109.73, 0.01);
        // beyond 100 mV, as the file says of each unit
        assert!(broken["bridge"] > 9e37 && lifted["rtd"] > 9e37);
        // it is still going down to 2.4752 V: the meter loads it from the command on, and 100 ms is its time constant
        near("leaky", leaky["reference"], 2.4767, 200e-6);
    })
    .await;
}

#[tokio::test]
async fn a_scanner_closes_one_channel_that_it_has() {
    on_virtual_clock(|clock| async move {
        let bench = Bench::parse("sensor-board.toml", BOARD, &with_scanner).unwrap();
        let bench = bench.build(Arc::clone(&clock), "SENSE-9");
        let mut dmm = bench.session("dmm").unwrap();
        for (message, closed, error) in [
            ("*CLS", "(@)", "+0,"),
            ("ROUT:CLOS (@102)", "(@102)", "+0,"),
            ("ROUT:CLOS (@101,102)", "(@102)", "-221,"),
            ("ROUT:CLOS (@107)", "(@102)", "-222,"),
            ("ROUT:CLOS (@301)", "(@102)", "-222,"),
            ("ROUT:CLOS", "(@102)", "-109,"),
            ("ROUT:CLOS (@204)", "(@204)", "+0,"),
            ("ROUT:OPEN:ALL", "(@)", "+0,"),
        ] {
            ask(&mut dmm, &*clock, message).await;
            assert_eq!(
                ask(&mut dmm, &*clock, "ROUT:CLOS:STAT?").await.unwrap(),
                closed,
                "{message}"
            );
            let found = ask(&mut dmm, &*clock, "SYST:ERR?").await.unwrap();
            assert!(found.starts_with(error), "{message}: {found}");
        }
    })
    .await;
}

#[test]
fn channels_that_are_not_there_are_refused() {
    let text = r#"[bench]
name = "b"
seed = 1
[instruments.psu]
model = "keysight/e36312a"
channels = { 1 = { feeds = "a" }, 2 = { across = "a" } }
[instruments.dmm]
model = "keysight/34461a"
channels = { 1 = { across = "a" } }
[instruments.scanner]
model = "test/scanner"
[instruments.scanner.channels]
101 = { across = "b" }
107 = { across = "a" }
first = { across = "a" }
102 = { feeds = "a" }
103 = { in_series = "line" }
104 = {}
105 = { within = "a" }
"#;
    let findings = Bench::parse("bench.toml", text, &with_scanner)
        .unwrap_err()
        .render_short();
    let found: Vec<&str> = findings.lines().collect();
    assert_eq!(
        found,
        [
            "bench.toml:6:39: error: missing key `feeds` in `2`",
            "bench.toml:6:41: error: `keysight/e36312a` has no inputs",
            "bench.toml:9:1: error: `keysight/34461a` has no channels",
            "bench.toml:13:18: error: unknown node `b`; expected one of `ground`, `a`",
            "bench.toml:14:1: error: `test/scanner` has channels 101 to 106, 201 to 204, not 107",
            "bench.toml:15:1: error: `test/scanner` has channels 101 to 106, 201 to 204, not first",
            "bench.toml:16:9: error: `test/scanner` has no outputs",
            "bench.toml:16:17: error: node `a` is fed already in line 6",
            "bench.toml:17:21: error: unknown branch `line`; nothing is allowed here",
            "bench.toml:18:1: error: a channel lies `across` nodes or `in_series` with a branch",
            "bench.toml:19:1: error: a channel lies `across` nodes or `in_series` with a branch",
            "bench.toml:19:9: error: unknown key `within` in `105`; expected one of `feeds`, `across`, `in_series`",
        ]
    );
}
