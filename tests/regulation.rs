//! A unit that pulls its supply out of constant voltage fails, with the volts and amperes that say so.

use crate::testkit::{Done, benchtop, done, only_record, scratch, write};
use serde_json::{Value, json};
use std::path::Path;

const PROCEDURE: &str = r#"
procedure = { id = "POWER-UP", version = "1" }

[instruments.psu]
class = "dc_power"

[[steps]]
name = "Power on"
set = { instrument = "psu", voltage_level = "5 V", current_limit = "100 mA", output_enabled = true, expect_regulation = "cv", settle = "100 ms" }

[[teardown]]
name = "Power off"
set = { instrument = "psu", output_enabled = false }
"#;

/// One that answers in bits, one that answers in words, and one that cannot be asked.
const SUPPLIES: [&str; 3] = ["keysight/e36312a", "rigol/dp832", "keysight/n5767a"];

fn run(folder: &Path, supply: &str, procedure: &str, serial: &str) -> Done {
    let bench = std::fs::read_to_string("fixtures/benches/board-v3.toml").unwrap();
    assert!(bench.contains("keysight/e36312a"));
    write(&folder.join("bench.toml"), &bench.replace("keysight/e36312a", supply));
    write(&folder.join("procedure.toml"), procedure);
    let simulate = format!("--simulate={}", folder.join("bench.toml").display());
    let mut command = benchtop();
    command.arg("run").arg(folder.join("procedure.toml"));
    command.args(["--serial", serial]).arg(simulate);
    done(command.arg("--store").arg(folder.join("store")))
}

fn verdict(folder: &Path) -> (Value, Value) {
    let record = only_record(&folder.join("store"));
    let step = &record["steps"][0];
    assert_eq!(step["name"], "Power on", "{record}");
    (step.clone(), step["measurements"][0].clone())
}

#[test]
fn a_unit_that_draws_more_than_the_limit_fails_and_one_that_does_not_passes() {
    for supply in SUPPLIES {
        let folder = scratch();
        let good = run(folder.path(), supply, PROCEDURE, "UNIT-5501");
        assert_eq!(good.code, Some(0), "{supply}: {good}");
        let (step, judged) = verdict(folder.path());
        assert_eq!((&step["outcome"], &judged["outcome"]), (&json!("PASS"), &json!("PASS")));
        assert_eq!(
            (&judged["name"], &judged["value"]),
            (&json!("Power on regulation"), &json!("cv"))
        );

        let folder = scratch();
        let shorted = run(folder.path(), supply, PROCEDURE, "UNIT-5597");
        assert_eq!(shorted.code, Some(1), "{supply}: {shorted}");
        let (step, judged) = verdict(folder.path());
        assert_eq!((&step["outcome"], &judged["outcome"]), (&json!("FAIL"), &json!("FAIL")));
        assert_eq!(judged["value"], "cc", "{supply}: {judged}");
        let reason = step["reason"].as_str().unwrap();
        let begin = "psu channel 1 is limiting its current, expected constant voltage: measured ";
        assert!(reason.starts_with(begin), "{supply}: {reason}");
        assert!(
            reason.ends_with(" A") && reason.contains(" V and "),
            "{supply}: {reason}"
        );
    }
}

#[test]
fn a_current_that_is_expected_to_be_limited_is_judged_the_other_way_round() {
    let text = PROCEDURE.replace("\"cv\"", "\"cc\"");
    for (serial, code, value) in [("UNIT-5501", 1, "cv"), ("UNIT-5597", 0, "cc")] {
        let folder = scratch();
        let ran = run(folder.path(), SUPPLIES[0], &text, serial);
        assert_eq!(ran.code, Some(code), "{ran}");
        assert_eq!(verdict(folder.path()).1["value"], value);
    }
}

#[test]
fn a_unit_that_trips_the_over_current_protection_fails_with_its_name() {
    let text = PROCEDURE.replace("output_enabled = true", "ocp_enabled = true, output_enabled = true");
    for (serial, code, value) in [("UNIT-5501", 0, "cv"), ("UNIT-5597", 1, "tripped")] {
        let folder = scratch();
        let ran = run(folder.path(), SUPPLIES[0], &text, serial);
        assert_eq!(ran.code, Some(code), "{ran}");
        let (step, judged) = verdict(folder.path());
        assert_eq!(judged["value"], value, "{judged}");
        let reason = step["reason"].as_str().unwrap_or_default();
        let named = reason.starts_with("psu channel 1 is off, its over-current protection tripped");
        assert_eq!(named, code == 1, "{reason}");
    }
    // the protection stays off where nobody asks for it
    let folder = scratch();
    let ran = run(folder.path(), SUPPLIES[0], PROCEDURE, "UNIT-5597");
    assert_eq!((ran.code, &verdict(folder.path()).1["value"]), (Some(1), &json!("cc")));
}
