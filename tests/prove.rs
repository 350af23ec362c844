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
        ("procedures/reference-board.toml", 2),
        // of what is said to it there is nothing to move, and its faults are found all the same
        ("procedures/firmware-board.toml", 2),
    ] {
        let proved = prove(procedure, &["--format", "json"]);
        assert_eq!(proved.code, Some(0), "{proved}");
        let lines = proved.json();
        let moved: Vec<&Value> = lines.iter().filter(|line| line["bound"].is_string()).collect();
        assert_eq!(moved.len(), limits, "{proved}");
        assert!(moved.iter().all(|line| line["moved_across"] == "FAIL"), "{proved}");
        // every unit that a bench singles out is found out
        for serial_number in ["UNIT-", "SB4-", "SNS-", "REF-", "FW-"] {
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
fn a_procedure_for_slots_is_proved_in_each_of_them() {
    let proved = prove("procedures/regulator-module.toml", &["--format", "json"]);
    assert_eq!(proved.code, Some(0), "{proved}");
    let lines = proved.json();
    for slot in ["A", "B"] {
        let moved: Vec<&Value> = lines
            .iter()
            .filter(|line| line["bound"].is_string() && line["slot"] == slot)
            .collect();
        let names: Vec<(&str, &str)> = moved
            .iter()
            .map(|line| (line["measurement"].as_str().unwrap(), line["limit"].as_str().unwrap()))
            .collect();
        let expected = [
            ("vout", "low"),
            ("vout", "high"),
            ("drift", "high"),
            ("iin", "low"),
            ("iin", "high"),
        ];
        assert_eq!(names, expected, "{proved}");
        assert!(moved.iter().all(|line| line["moved_across"] == "FAIL"), "{proved}");
        // what is wrong with the unit in this slot is found by its limits
        let low = moved.iter().find(|line| line["limit"] == "low").unwrap();
        let tripped = low["tripped_by"].to_string();
        assert!(tripped.contains("MOD-9901: the output is low"), "{low}");
        assert!(tripped.contains(&format!("{slot}.vout: shorted to ground")), "{low}");
        let other = if slot == "A" { "B" } else { "A" };
        assert!(!tripped.contains(&format!("{other}.vout")), "{low}");
    }
    let missed: Vec<&str> = lines.iter().filter_map(|line| line["not_caught"].as_str()).collect();
    assert!(!missed.is_empty(), "{proved}");
    assert!(
        missed
            .iter()
            .all(|text| text.starts_with("slot A: ") || text.starts_with("slot B: ")),
        "{missed:?}"
    );
    assert!(!missed.iter().any(|text| text.contains("MOD-")), "{missed:?}");
}

#[test]
fn a_meter_that_looks_at_another_slot_is_found() {
    let folder = scratch();
    let bench = folder.path().join("swapped.toml");
    let text = std::fs::read_to_string("fixtures/benches/regulator-module.toml").unwrap();
    let swapped = text.replace("1 = { across = \"A.vout\" }", "1 = { across = \"B.vout\" }");
    let swapped = swapped.replace("2 = { across = \"B.vout\" }", "2 = { across = \"A.vout\" }");
    assert_ne!(text, swapped);
    write(&bench, &swapped);
    // with both slots full most limits are kept, by the values of the other unit
    let found = prove(
        "procedures/regulator-module.toml",
        &[&format!("--simulate={}", bench.display())],
    );
    assert_eq!(found.code, Some(2), "{found}");
    assert!(
        found
            .err
            .contains("an ordinary unit does not pass on regulator-module in slot A: FAIL: Output: vout: "),
        "{found}"
    );
}

#[test]
fn a_unit_with_a_link_of_its_own_is_proved_in_its_slot() {
    let proved = prove("FIRMWARE-BOARD-R1", &["--simulate=firmware-pair"]);
    assert_eq!(proved.code, Some(0), "{proved}");
    for slot in ["A", "B"] {
        assert!(proved.out.contains(&format!("rail_3v3 in slot {slot}")), "{proved}");
        // a processor that does not start, and a memory that is bad, are found in either
        for serial in ["FW-9902", "FW-9903"] {
            assert!(!proved.out.contains(&format!("slot {slot}: {serial}")), "{proved}");
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
