//! A switch over a real socket: what a step closes is closed, and nothing is left closed, whatever happens.

use crate::{
    testkit::{Running, Served, benchtop, done, eventually, only_record, scratch, write},
    ways_out::HOLD,
};
use std::{fs, path::PathBuf};

/// The board's bench with an actuator beside it.
fn served() -> Served {
    let folder = scratch();
    let bench = folder.path().join("switched.toml");
    let board = fs::read_to_string("fixtures/benches/board-v3.toml").unwrap();
    let mux = "\n[instruments.mux]\nmodel = \"keysight/34970a-34903a\"\n";
    write(&bench, &format!("{board}{mux}"));
    Served::what(&[bench.to_str().unwrap(), "--serial", "UNIT-6001"])
}

/// `look` is what its step between the switching and the measurement does.
fn procedure(served: &Served, look: &str) -> PathBuf {
    let file = served.folder.path().join("switched-procedure.toml");
    let text = format!(
        r#"[procedure]
id = "SWITCHED"
version = "1.0.0"

[instruments.dmm]
class = "dmm"

[instruments.mux]
class = "switch"

[[setup]]
name = "Connect"
set = {{ instrument = "mux", close = [101, "@103", 104], exclusive = true }}

[[setup]]
name = "Disconnect one"
set = {{ instrument = "mux", open = [104] }}

[[steps]]
name = "Look"
{look}

[[steps]]
name = "Nothing is on"

[[steps.measurements]]
name = "idle"
instrument = "dmm"
function = "dc_voltage"
range = "10 V"
unit = "V"
limit = {{ low = -1, high = 1 }}
"#
    );
    write(&file, &text);
    file
}

const STATES: &str = "ROUT:CLOS? (@101:105)";

#[test]
fn what_a_step_closed_is_open_after_the_run() {
    let served = served();
    served.ask("mux", "ROUT:CLOS (@105);:ROUT:CLOS? (@105)");
    let run = done(&mut served.run_procedure(&procedure(&served, "wait = \"10 ms\""), "UNIT-6001"));
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.out.contains("119, 120 proved open"), "{run}");
    assert_eq!(served.ask("mux", STATES), "0,0,0,0,0");
    let record = only_record(&served.store());
    let outputs = record["outputs"].as_array().unwrap();
    assert_eq!(outputs.len(), 20, "{record}");
    assert!(
        outputs
            .iter()
            .all(|output| output["state"] == "off" && output["instrument"] == "mux")
    );
    assert_eq!(record["steps"][0]["step_type"], "set");
}

#[test]
fn a_switch_that_a_killed_run_left_closed_is_opened_by_safe() {
    let served = served();
    let mut run = Running::start(&mut served.run_procedure(&procedure(&served, "wait = \"60 s\""), "UNIT-6001"));
    eventually("the run closes 101 and 103 and opens 104", || {
        (served.ask("mux", STATES) == "1,0,1,0,0").then_some(())
    });
    run.signal(nix::sys::signal::Signal::SIGKILL);
    run.wait();
    assert_eq!(served.ask("mux", STATES), "1,0,1,0,0");
    let mut safe = benchtop();
    safe.arg("safe").arg("--store").arg(served.store());
    let safe = done(safe.arg("--station").arg(&served.station));
    assert_eq!(safe.code, Some(0), "{safe}");
    assert_eq!(served.ask("mux", STATES), "0,0,0,0,0");
}

#[test]
fn a_switch_that_does_not_answer_may_be_closed_and_is_no_output() {
    let served = served();
    let run = Running::start(&mut served.run_procedure(&procedure(&served, HOLD), "UNIT-6001"));
    eventually("the run closes 101 and 103 and opens 104", || {
        (served.ask("mux", STATES) == "1,0,1,0,0").then_some(())
    });
    served.fault("mux", "no_answer");
    write(&served.folder.path().join("go"), "");
    let run = run.finish();
    assert_ne!(run.code, Some(0), "{run}");
    let said = format!("{}{}", run.out, run.err);
    assert!(said.contains("SWITCH MAY BE CLOSED: mux channel 101"), "{run}");
    assert!(!said.contains("OUTPUT MAY BE ON"), "{run}");
    let record = only_record(&served.store());
    assert_eq!(record["outcome"], "ERROR", "{record}");
    let reason = record["reason"].as_str().unwrap();
    assert!(reason.starts_with("SWITCH MAY BE CLOSED: mux channel 101"), "{reason}");
}
