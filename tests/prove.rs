//! `check --prove`: a test that cannot find what it is there to find is told so before it passes a bad unit.

use crate::testkit::{BOARD, Done, benchtop, done, scratch, write};
use serde_json::Value;

fn prove(procedure: &str, words: &[&str]) -> Done {
    done(benchtop().args(["check", procedure, "--prove"]).args(words))
}

/// The board's procedure with something replaced, proved on its bench.
fn prove_changed(from: &str, to: &str) -> Done {
    let folder = scratch();
    let path = folder.path().join("changed.toml");
    let text = std::fs::read_to_string(BOARD).unwrap();
    assert!(text.contains(from), "{from}");
    write(&path, &text.replace(from, to));
    prove(path.to_str().unwrap(), &["--simulate=board-v3"])
}

#[test]
fn every_shipped_procedure_is_proved_on_its_bench() {
    for (procedure, limits) in [
        (BOARD, 4),
        ("procedures/supply-board.toml", 52),
        ("procedures/sensor-board.toml", 24),
    ] {
        let proved = prove(procedure, &["--format", "json"]);
        assert_eq!(proved.code, Some(0), "{proved}");
        let lines: Vec<Value> = proved
            .out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let moved: Vec<&Value> = lines.iter().filter(|line| line["bound"].is_string()).collect();
        assert_eq!(moved.len(), limits, "{proved}");
        assert!(moved.iter().all(|line| line["moved_across"] == "FAIL"), "{proved}");
        // every unit that a bench singles out is found out
        for serial_number in ["UNIT-", "SB4-", "SNS-"] {
            let missed = |line: &&Value| {
                line["not_caught"]
                    .as_str()
                    .is_some_and(|text| text.starts_with(serial_number))
            };
            assert_eq!(lines.iter().find(missed), None, "{procedure}");
        }
    }
}

#[test]
fn what_no_limit_catches_is_listed() {
    let proved = prove(BOARD, &[]);
    assert_eq!(proved.code, Some(0), "{proved}");
    assert!(
        proved.out.contains("proved      vcc_3v3          low   3.25 V"),
        "{proved}"
    );
    // a meter that is stuck at a good value looks right
    assert!(proved.out.contains("not caught  dmm: stuck_reading"), "{proved}");
    assert!(!proved.out.contains("rails.rail_3v3.level: dead\n"), "{proved}");
    let without = prove_changed(
        "limit      = { low = 3.25, high = 3.35 }",
        "limit      = { high = 3.35 }",
    );
    assert_eq!(without.code, Some(0), "{without}");
    assert!(
        without.out.contains("not caught  rails.rail_3v3.level: 10 % low"),
        "{without}"
    );
}

#[test]
fn a_limit_that_no_fault_trips_is_a_warning_at_its_place() {
    let wide = prove_changed("high = 3.35 }", "high = 9 }");
    assert_eq!(wide.code, Some(0), "{wide}");
    assert!(wide.out.contains("no fault    vcc_3v3          high  9 V"), "{wide}");
    assert!(
        wide.err
            .contains("warning: nothing that may be wrong with the unit trips the high limit 9 V of vcc_3v3"),
        "{wide}"
    );
    assert!(wide.err.contains("changed.toml:52:"), "{wide}");
}

#[test]
fn a_limit_that_lets_everything_pass_is_an_error() {
    // a supply never reads a negative current
    let reading =
        "instrument = \"psu\"\nfunction   = \"dc_current\"\nunit       = \"mA\"\nlimit      = { low = -5, high = 60 }";
    let limit = "limit      = { low = 30, high = 60 }";
    let text = std::fs::read_to_string(BOARD).unwrap();
    let (_, behind) = text.split_once("instrument = \"ammeter\"").unwrap();
    let (between, _) = behind.split_once(limit).unwrap();
    let blind = prove_changed(&format!("instrument = \"ammeter\"{between}{limit}"), reading);
    assert_eq!(blind.code, Some(2), "{blind}");
    assert!(
        blind
            .err
            .contains("error: the low limit -5 mA of idle_current_ma lets a value beyond it pass: the run is PASS"),
        "{blind}"
    );
}

#[test]
fn a_test_that_fails_good_units_is_not_proved() {
    let strict = prove_changed("low = 3.25", "low = 3.349");
    assert_eq!(strict.code, Some(2), "{strict}");
    assert!(
        strict
            .err
            .contains("an ordinary unit does not pass on board-v3: FAIL: Power Rail Check: vcc_3v3: "),
        "{strict}"
    );
    let nowhere = prove(BOARD, &["--simulate=nowhere"]);
    assert_eq!(nowhere.code, Some(2), "{nowhere}");
    assert!(nowhere.err.contains("there is no simulated bench nowhere"), "{nowhere}");
}
