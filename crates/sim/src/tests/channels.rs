//! Meters whose channels have settings of their own: the 34970A, which scans a list, and the DAQ6510, which closes one.

use super::{ask, definitions, dialogue, number, on_virtual_clock};
use crate::Bench;
use benchtop_instrument::{Clock, Session};
use std::sync::Arc;

#[tokio::test]
async fn a_setting_is_of_the_channels_in_its_list_or_of_the_scan_list() {
    dialogue(
        "keysight/34970a",
        r#"
        > CONF:VOLT:DC 10,(@105,101,103:104)
        > ROUT:SCAN?;:ROUT:SCAN:SIZE?
        < #218(@101,103,104,105);+4
        > VOLT:DC:NPLC 10,(@103)
        > VOLT:DC:NPLC? (@101,103,102)
        < +1.00000000E+00,+1.00000000E+01,+1.00000000E+00
        > VOLT:DC:RANG? (@103);:VOLT:DC:RANG? MAX,(@101:102)
        < +1.00000000E+01;+3.00000000E+02,+3.00000000E+02
        > CONF:RES (@102);:ROUT:SCAN?
        < #16(@102)
        > FUNC? (@101:102)
        < "VOLT","RES"
        > ROUT:SCAN (@101,103)
        > VOLT:DC:RANG 1;RANG?
        < +1.00000000E+00,+1.00000000E+00
        > VOLT:DC:NPLC? (@103)
        < +1.00000000E+01
        > CONF:VOLT:DC (@103);:VOLT:DC:NPLC? (@103)
        < +1.00000000E+00
        > *RST;:ROUT:SCAN?
        < #13(@)
        > SYST:ERR?
        < +0,"No error"
        "#,
    )
    .await;
}

#[tokio::test]
async fn a_channel_that_cannot_is_refused_for_the_whole_list_and_left_out_of_a_range() {
    dialogue(
        "keysight/34970a",
        r#"
        > CONF:VOLT:DC 10,(@101,102)
        > CONF:VOLT:DC 1,(@103,121)
        > CONF:CURR:DC (@101)
        > CONF:FRES (@111)
        > CONF:VOLT:DC (@223)
        > CONF:VOLT:DC 10
        > VOLT:DC:RANG 1E4,(@101,102)
        > SYST:ERR?;ERR?;ERR?;ERR?;ERR?;ERR?;ERR?
        < -221,"Settings conflict";-221,"Settings conflict";-221,"Settings conflict";-222,"Data out of range";-109,"Missing parameter";-222,"Data out of range";+0,"No error"
        > ROUT:SCAN?;:VOLT:DC:RANG? (@101:102)
        < #210(@101,102);+1.00000000E+01,+1.00000000E+01
        > ROUT:SCAN (@)
        > INIT
        > SYST:ERR?;ERR?
        < -221,"Settings conflict";+0,"No error"
        "#,
    )
    .await;
}

#[tokio::test]
async fn a_closed_channel_is_measured_with_its_own_settings() {
    dialogue(
        "keithley/daq6510",
        r#"
        > FUNC "RES", (@101,102)
        > RES:NPLC 5, (@101)
        > RES:NPLC? (@101,102)
        < 5,1
        > RES:NPLC?;:FUNC?;:FUNC? (@102)
        < 1;VOLT:DC;RES
        > ROUT:CLOS (@101)
        > ROUT:CLOS?
        < (@101)
        > READ?
        < *E+37
        > RES:NPLC 5,(@121)
        > SYST:ERR:CODE?;CODE?
        < -222;0
        "#,
    )
    .await;
}

/// Two nodes behind each kind of scanner: 5 V, and half of it.
const BOARD: &str = r#"
[bench]
name = "divider"
seed = 4
[instruments.psu]
model    = "keysight/e36312a"
channels = { 1 = { feeds = "supply" } }
[instruments.scans]
model = "keysight/34970a"
[instruments.scans.channels]
101 = { across = "supply" }
102 = { across = "half" }
121 = { in_series = "upper" }
[instruments.closes]
model = "keithley/daq6510"
[instruments.closes.channels]
101 = { across = "supply" }

[unit.branches.upper]
from       = "supply"
to         = "half"
resistance = "100 Ohm"
[unit.branches.lower]
from       = "half"
to         = "ground"
resistance = "100 Ohm"

[[units]]
serial_number = "DIVIDER-1"
why           = "as it should be"
"#;

async fn powered(clock: &Arc<dyn Clock>, meter: &str) -> Box<dyn Session> {
    let bench = Bench::parse("divider.toml", BOARD, &definitions)
        .unwrap_or_else(|findings| panic!("{}", findings.render_human(false)));
    let bench = bench.build(Arc::clone(clock), "DIVIDER-1");
    let mut psu = bench.session("psu").unwrap();
    ask(&mut psu, &**clock, "APPL CH1,5,0.1;:OUTP ON,(@1)").await;
    bench.session(meter).unwrap()
}

#[tokio::test]
async fn a_scan_answers_one_reading_for_each_channel_with_its_own_function_and_range() {
    on_virtual_clock(|clock| async move {
        let mut meter = powered(&clock, "scans").await;
        for message in [
            "CONF:VOLT:DC 10,(@101,102)",
            "VOLT:DC:RANG 1,(@102)",
            "CONF:CURR:DC 0.1,(@121)",
            "ROUT:SCAN (@121,101,102)",
        ] {
            ask(&mut meter, &*clock, message).await;
        }
        let answer = ask(&mut meter, &*clock, "READ?").await.unwrap();
        let readings: Vec<f64> = answer.split(',').map(|reading| reading.parse().unwrap()).collect();
        let [supply, half, amperes] = readings[..] else {
            panic!("{answer}");
        };
        assert!((supply - 5.0).abs() < 0.01, "{answer}");
        assert!(half > 9e37, "2.5 V on the range of 1 V: {answer}");
        // the shunt of 5 Ohm lies in the branch while that channel is measured, and at no other time
        assert!((amperes - 5.0 / 205.0).abs() < 1e-4, "{answer}");
        ask(&mut meter, &*clock, "VOLT:DC:RANG 10,(@102)").await;
        ask(&mut meter, &*clock, "ROUT:SCAN (@102)").await;
        let half = number(&mut meter, &*clock, "READ?").await;
        assert!((half - 2.5).abs() < 0.001, "{half}");
        // a sweep for each trigger; MEASure? makes the scan list anew
        ask(&mut meter, &*clock, "ROUT:SCAN (@101,102);:TRIG:COUN 2").await;
        let answer = ask(&mut meter, &*clock, "READ?").await.unwrap();
        assert_eq!(answer.split(',').count(), 4, "{answer}");
        let answer = ask(&mut meter, &*clock, "MEAS:VOLT:DC? 10,(@101:102)").await.unwrap();
        let readings: Vec<f64> = answer.split(',').map(|reading| reading.parse().unwrap()).collect();
        assert!(matches!(readings[..], [4.99..5.01, 2.49..2.51]), "{answer}");
        let list = ask(&mut meter, &*clock, "ROUT:SCAN?").await;
        assert_eq!(list.as_deref(), Some("#210(@101,102)"));
    })
    .await;
}

#[tokio::test]
async fn a_channel_without_a_function_does_not_lead_to_the_meter() {
    on_virtual_clock(|clock| async move {
        let mut meter = powered(&clock, "closes").await;
        ask(&mut meter, &*clock, "FUNC \"VOLT:DC\";:ROUT:CLOS (@101)").await;
        let nothing = number(&mut meter, &*clock, "READ?").await;
        assert!(nothing.abs() < 0.01, "{nothing}");
        ask(&mut meter, &*clock, "FUNC \"VOLT:DC\",(@101)").await;
        let supply = number(&mut meter, &*clock, "READ?").await;
        assert!((supply - 5.0).abs() < 0.01, "{supply}");
    })
    .await;
}
