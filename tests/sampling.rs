//! Several readings for a value, and values that are waited for: in the record, over real sockets.

use crate::testkit::{Served, benchtop, done, json, records, scratch, write};
use std::path::Path;

/// The board with this in place of its rail measurement's limit line.
fn procedure(folder: &Path, lines: &str) -> std::path::PathBuf {
    let text = std::fs::read_to_string(crate::testkit::BOARD).unwrap();
    let limit = "limit      = { low = 3.25, high = 3.35 }";
    assert!(text.contains(limit));
    let file = folder.join("sampled.toml");
    write(&file, &text.replacen(limit, &format!("{limit}\n{lines}"), 1));
    file
}

fn rail(store: &Path) -> Vec<serde_json::Value> {
    let record = json(&records(store, "pending")[0]);
    let steps = record["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["name"] == "Power Rail Check").unwrap();
    step["measurements"].as_array().unwrap().clone()
}

#[test]
fn the_record_of_a_sampled_measurement_holds_its_spread() {
    let served = Served::bench("UNIT-5501");
    let folder = scratch();
    let file = procedure(folder.path(), "samples = 5\ndiscard = 1\ndelay = \"2 ms\"\nnplc = 0.2");
    let run = done(&mut served.run_procedure(&file, "UNIT-5501"));
    assert_eq!(run.code, Some(0), "{run}");
    let measurement = &rail(&served.store())[0];
    let sampling = &measurement["sampling"];
    assert_eq!(
        (
            &sampling["samples"],
            &sampling["discarded"],
            &sampling["by"],
            &sampling["delay_s"]
        ),
        (&5.into(), &1.into(), &"instrument".into(), &0.002.into()),
        "{measurement}"
    );
    let number = |key: &str| sampling[key].as_f64().unwrap();
    let value = measurement["value"].as_f64().unwrap();
    assert!(
        number("min") <= value && value <= number("max") && number("s") > 0.0,
        "{measurement}"
    );
    assert_eq!(measurement["raw"].as_str().unwrap().split(',').count(), 6);
}

#[test]
fn one_reading_as_usual_says_nothing_of_samples() {
    let store = scratch();
    done(&mut crate::testkit::simulated(store.path(), "UNIT-5501"));
    assert_eq!(rail(store.path())[0].get("sampling"), None);
}

#[test]
fn a_rail_that_never_comes_is_a_fail_after_the_time_that_it_has() {
    let folder = scratch();
    let poll = "poll = { until = \"in_limit\", hold = \"200 ms\", every = \"50 ms\", for = \"3 s\" }";
    let file = procedure(folder.path(), poll);
    for (serial, code, outcome) in [("UNIT-5501", 0, "PASS"), ("UNIT-5599", 1, "FAIL")] {
        let store = folder.path().join(serial);
        std::fs::create_dir(&store).unwrap();
        let mut command = benchtop();
        command
            .arg("run")
            .arg(&file)
            .args(["--serial", serial, "--simulate", "board-v3", "--store"]);
        let run = done(command.arg(&store));
        assert_eq!(run.code, Some(code), "{run}");
        let measurements = rail(&store);
        let time = &measurements[1];
        assert_eq!(time["name"], "vcc_3v3_settle_time");
        assert_eq!(
            (&time["outcome"], &time["unit"]),
            (&outcome.into(), &"s".into()),
            "{time}"
        );
        assert_eq!(time["value"].is_number(), code == 0, "{time}");
        assert_eq!(measurements[0]["outcome"], outcome);
    }
}

#[test]
fn a_burst_by_hand_is_one_line_with_its_spread() {
    let served = Served::bench("UNIT-5501");
    let mut command = benchtop();
    command.args([
        "measure",
        &served.resource("dmm", "TCPIP"),
        "dc_voltage",
        "--range",
        "10 V",
    ]);
    command.args(["--nplc", "0.2", "--burst", "5", "--trigger", "bus", "--delay", "1 ms"]);
    let taken = done(&mut command);
    assert_eq!(taken.code, Some(0), "{taken}");
    assert!(taken.out.contains("n 5  standard deviation "), "{taken}");
    let mut command = benchtop();
    command.args([
        "measure",
        &served.resource("dmm", "TCPIP"),
        "frequency",
        "--aperture",
        "20 ms",
    ]);
    let refused = done(&mut command);
    assert_ne!(refused.code, Some(0));
    assert!(
        refused
            .err
            .contains("aperture: 0.02 s is not one of 0.01 s, 0.1 s, 1 s"),
        "{refused}"
    );
}

#[test]
fn a_channel_by_name_is_in_the_record_by_both() {
    let folder = scratch();
    let text = std::fs::read_to_string(format!("{}/procedures/sensor-board.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    assert!(text.contains("channel    = 5\n"));
    let file = folder.path().join("named.toml");
    write(&file, &text.replacen("channel    = 5\n", "channel    = \"vin\"\n", 1));
    let store = folder.path().join("store");
    std::fs::create_dir(&store).unwrap();
    let run = |file: &Path| {
        let mut command = benchtop();
        command.arg("run").arg(file);
        command.args(["--serial", "SNS-0001", "--simulate", "sensor-board", "--store"]);
        done(command.arg(&store))
    };
    let ran = run(&file);
    let record = json(records(&store, "pending").first().unwrap_or_else(|| panic!("{ran}")));
    let mut measurements = record["steps"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|step| step["measurements"].as_array().unwrap());
    let off = measurements
        .find(|measurement| measurement["name"] == "vin_off")
        .unwrap();
    assert_eq!(
        (&off["channel"], &off["channel_name"]),
        (&5.into(), &"vin".into()),
        "{off}"
    );
    assert_eq!(off["outcome"], "PASS", "{ran}");
    write(&file, &text.replacen("channel    = 5\n", "channel    = \"vim\"\n", 1));
    let refused = run(&file);
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.err.contains("has no channel \"vim\""), "{refused}");
    assert!(refused.err.contains("did you mean \"vin\"?"), "{refused}");
}
