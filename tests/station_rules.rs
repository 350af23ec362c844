//! What a station file has to say about a run: which procedures, which instruments, where.

use crate::testkit::{BOARD, Done, Served, benchtop, done, only_record, records, write};
use serde_json::json;
use std::{fs, path::PathBuf};

/// The served bench's station file with more in it.
fn station(served: &Served, from: &str, to: &str) -> PathBuf {
    let text = fs::read_to_string(&served.station).unwrap();
    let changed = text.replacen(from, to, 1);
    assert_ne!(changed, text, "{from} is not in\n{text}");
    let path = served.folder.path().join("rules.toml");
    write(&path, &changed);
    path
}

fn check(station: &PathBuf) -> Done {
    done(benchtop().args(["check", BOARD, "--station"]).arg(station))
}

fn run(served: &Served, station: &PathBuf, extra: &[&str]) -> Done {
    let mut command = benchtop();
    command
        .args(["run", BOARD, "--serial", "UNIT-5501", "--station"])
        .arg(station);
    done(command.arg("--store").arg(served.store()).args(extra))
}

#[test]
fn a_station_tests_units_only_with_the_procedures_that_it_lists() {
    let served = Served::bench("UNIT-5501");
    let rule = |rule: &str| station(&served, "[station]\n", &format!("{rule}\n[station]\n"));
    for (rules, expected) in [
        (
            "[procedures.OTHER]",
            "does not test units with BOARD-FUNCTIONAL-V3, only with OTHER",
        ),
        (
            "[procedures]",
            "does not test units with BOARD-FUNCTIONAL-V3: its [procedures] lists none",
        ),
        (
            "[procedures.BOARD-FUNCTIONAL-V3]\nversion = \"2.9.0\"",
            "rules.toml:3:11",
        ),
        (
            "[procedures.BOARD-FUNCTIONAL-V3]\nsha256 = \"abababababababababababababababababababababababababababababababab\"",
            "rules.toml:3:10",
        ),
    ] {
        let path = rule(rules);
        let refused = run(&served, &path, &[]);
        assert_eq!(refused.code, Some(2), "{rules}: {refused}");
        assert!(refused.err.contains(expected), "{rules}: {refused}");
        assert!(refused.err.contains("--purpose engineering"), "{refused}");
        // it is told beforehand, and runs for engineering
        let told = check(&path);
        assert_eq!(told.code, Some(2), "{told}");
        assert!(
            told.err.contains("error: ") && told.err.contains("--purpose engineering"),
            "{told}"
        );
        assert!(records(&served.store(), "pending").is_empty());
    }
    let path = rule("[procedures.BOARD-FUNCTIONAL-V3]\nversion = \"2.9.0\"");
    let engineering = run(&served, &path, &["--purpose", "engineering"]);
    assert_eq!(engineering.code, Some(0), "{engineering}");
    let digest = only_record(&served.store())["procedure_sha256"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = rule(&format!(
        "[procedures.BOARD-FUNCTIONAL-V3]\nversion = \"3.0.0\"\nsha256 = \"{digest}\""
    ));
    let allowed = run(&served, &path, &[]);
    assert_eq!(allowed.code, Some(0), "{allowed}");
}

#[test]
fn what_the_station_says_of_bench_and_instruments_is_in_the_record() {
    let served = Served::bench("UNIT-5501");
    let path = station(
        &served,
        "[instruments.dmm]\n",
        "[instruments.dmm]\nasset_id = \"A-17\"\ncalibrated_on = 2026-01-02\ncalibration_due = 2999-01-02\ncertificate = \"C-99\"\n",
    );
    let text = fs::read_to_string(&path).unwrap();
    write(
        &path,
        &text.replacen(
            "[station]\n",
            "[station]\nlocation = \"Line 2\"\nmains = \"60 Hz\"\n",
            1,
        ),
    );
    let run = run(&served, &path, &[]);
    assert_eq!(run.code, Some(0), "{run}");
    let record = only_record(&served.store());
    assert_eq!(
        (&record["station"]["location"], &record["station"]["mains"]),
        (&json!("Line 2"), &json!("60 Hz"))
    );
    let instruments = record["instruments"].as_array().unwrap();
    let dmm = instruments
        .iter()
        .find(|instrument| instrument["name"] == "dmm")
        .unwrap();
    assert_eq!(
        (&dmm["asset_id"], &dmm["calibrated_on"], &dmm["certificate"]),
        (&json!("A-17"), &json!("2026-01-02"), &json!("C-99"))
    );
    let psu = instruments
        .iter()
        .find(|instrument| instrument["name"] == "psu")
        .unwrap();
    assert!(psu.get("asset_id").is_none(), "{psu}");
}

#[test]
fn an_overdue_calibration_refuses_the_run_or_warns() {
    let served = Served::bench("UNIT-5501");
    let overdue = "[instruments.dmm]\ncalibration_due = 2020-01-02\n";
    let path = station(&served, "[instruments.dmm]\n", overdue);
    let refused = run(&served, &path, &[]);
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(
        refused.err.contains("the calibration of dmm was due on 2020-01-02"),
        "{refused}"
    );
    let told = check(&path);
    assert_eq!(told.code, Some(2), "{told}");
    assert!(
        told.err.contains("error: the calibration of dmm was due on 2020-01-02"),
        "{told}"
    );
    let text = fs::read_to_string(&path).unwrap();
    write(
        &path,
        &text.replacen("[station]\n", "[station]\ncalibration = \"warn\"\n", 1),
    );
    let told = check(&path);
    assert_eq!(told.code, Some(0), "{told}");
    assert!(
        told.err
            .contains("warning: the calibration of dmm was due on 2020-01-02"),
        "{told}"
    );
    let warned = run(&served, &path, &[]);
    assert_eq!(warned.code, Some(0), "{warned}");
    assert!(
        warned.err.contains("the calibration of dmm was due on 2020-01-02"),
        "{warned}"
    );
}

#[test]
fn another_serial_number_than_the_station_expects_refuses_the_instrument() {
    let served = Served::bench("UNIT-5501");
    let path = station(
        &served,
        "[instruments.dmm]\n",
        "[instruments.dmm]\nserial_number = \"MY1\"\n",
    );
    let run = run(&served, &path, &[]);
    assert_eq!(run.code, Some(3), "{run}");
    assert!(run.out.contains("MY1"), "{run}");
    assert!(!served.output_is_on());
    assert_eq!(only_record(&served.store())["outcome"], "ERROR");
}
