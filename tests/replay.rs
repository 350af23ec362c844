//! What was said to instruments is written down, and answers in their place.

use crate::testkit::{Done, Served, benchtop, done, json, only_record, records, scratch, simulated, write};
use std::{fs, path::Path};

const PROCEDURE: &str = include_str!("../procedures/board-functional-v3.toml");

/// A station whose instruments are the transcript beside it.
fn replaying(folder: &Path) {
    let mut station = String::from("[station]\nid = \"replay\"\n");
    for (name, driver) in [
        ("psu", "keysight/e36312a"),
        ("ammeter", "keysight/34461a"),
        ("dmm", "keysight/34461a"),
    ] {
        station.push_str(&format!(
            "\n[instruments.{name}]\ndriver = \"{driver}\"\nresource = \"REPLAY::run.txt::{name}\"\n"
        ));
    }
    write(&folder.join("station.toml"), &station);
}

fn replay(folder: &Path, procedure: &str, store: &str) -> Done {
    let path = folder.join("procedure.toml");
    write(&path, procedure);
    let mut command = benchtop();
    command
        .arg("run")
        .arg(&path)
        .args(["--serial", "UNIT-5501", "--station"]);
    command.arg(folder.join("station.toml"));
    done(command.arg("--store").arg(folder.join(store)))
}

#[test]
fn a_recorded_run_is_replayed_to_the_digit_and_stays_marked_as_no_test() {
    let folder = scratch();
    let transcript = folder.path().join("run.txt");
    let mut command = simulated(&folder.path().join("store"), "UNIT-5501");
    let recorded = done(command.arg("--record").arg(&transcript));
    assert_eq!(recorded.code, Some(0), "{recorded}");
    let text = fs::read_to_string(&transcript).unwrap();
    assert!(text.starts_with("# source: benchtop "), "{text}");
    assert!(text.contains("\n@ dmm SIM::board-v3::dmm\n"), "{text}");
    assert!(text.contains("\n> READ?\n< "), "{text}");

    // as if real instruments had been recorded: even then it is no test of a unit
    write(&transcript, &text.replace(",SIM-", ",MY"));
    replaying(folder.path());
    let again = replay(folder.path(), PROCEDURE, "replayed");
    assert_eq!(again.code, Some(0), "{again}");
    let (first, second) = (
        only_record(&folder.path().join("store")),
        only_record(&folder.path().join("replayed")),
    );
    assert_eq!(second["simulated"], true);
    let values = |record: &serde_json::Value| -> Vec<serde_json::Value> {
        let steps = record["steps"].as_array().unwrap().iter();
        let measurements = steps.flat_map(|step| step["measurements"].as_array().cloned().unwrap_or_default());
        measurements.map(|measurement| measurement["raw"].clone()).collect()
    };
    assert_eq!(values(&first).len(), 2);
    assert_eq!(values(&first), values(&second));

    // another procedure than the recorded one is told where it left the transcript
    let other = PROCEDURE.replace("= \"10 V\"", "= \"100 V\"");
    assert_ne!(other, PROCEDURE);
    let refused = replay(folder.path(), &other, "refused");
    assert_eq!(refused.code, Some(3), "{refused}");
    let record = json(&records(&folder.path().join("refused"), "pending")[0]);
    let line = text.lines().position(|line| line == "> VOLT:DC:RANG 10").unwrap() + 1;
    let steps = record["steps"].as_array().unwrap();
    let reason = steps.iter().find(|step| step["outcome"] == "ERROR").unwrap()["reason"]
        .as_str()
        .unwrap();
    let expected = format!("run.txt:{line}: `> VOLT:DC:RANG 10` is next, but `> VOLT:DC:RANG 100` was sent");
    assert!(reason.contains(&expected), "{reason}");
    assert!(
        !records(&folder.path().join("refused"), "pending").is_empty(),
        "the record is kept"
    );
}

#[test]
fn readings_by_hand_are_recorded_and_replayed() {
    let served = Served::what(&["keysight/34461a"]);
    let resource = served.resources[0].1.clone();
    let folder = scratch();
    let transcript = folder.path().join("by-hand.txt").display().to_string();
    let recorded = done(benchtop().args(["measure", &resource, "dc_voltage", "--record", &transcript]));
    assert_eq!(recorded.code, Some(0), "{recorded}");
    let replay = format!("REPLAY::{transcript}");
    let again = done(benchtop().args(["measure", &replay, "dc_voltage"]));
    assert_eq!((again.code, &again.out), (Some(0), &recorded.out), "{again}");
    let other = done(benchtop().args(["measure", &replay, "resistance"]));
    assert_eq!(other.code, Some(2), "{other}");
    assert!(other.err.contains("but `> CONF:RES` was sent"), "{other}");
    // never written over
    let twice = done(benchtop().args(["measure", &resource, "dc_voltage", "--record", &transcript]));
    assert_eq!(twice.code, Some(2), "{twice}");
    assert!(twice.err.contains("--record"), "{twice}");
    let nothing = done(benchtop().args(["instruments", "list", "--record", &transcript]));
    assert!(nothing.err.contains("says nothing to instruments"), "{nothing}");
}
