//! The main job on simulated instruments: a unit in, an outcome and a record out.

use crate::testkit::{BOARD, benchtop, done, only_record, records, scratch, simulated, simulated_by, write};
use serde_json::{Value, json};
use std::fs;

#[test]
fn a_good_unit_passes_and_leaves_a_record() {
    let store = scratch();
    let run = done(&mut simulated(store.path(), "UNIT-5501"));
    assert_eq!(run.code, Some(0), "{run}");
    for text in [
        "PASS",
        "UNIT-5501",
        "vcc_3v3",
        "idle_current_ma",
        "3.25 .. 3.35 V",
        "30 .. 60 mA",
        "SIMULATED",
        "record ",
    ] {
        assert!(run.out.contains(text), "{text} in {run}");
    }
    let record = only_record(store.path());
    assert_eq!(record["outcome"], "PASS");
    assert!(
        run.out.contains(records(store.path(), "pending")[0].to_str().unwrap()),
        "{run}"
    );
}

#[test]
fn a_reader_of_the_plain_form_works_unchanged() {
    let store = scratch();
    done(&mut simulated(store.path(), "UNIT-5501"));
    let record = only_record(store.path());
    assert_eq!(record["procedure_id"], "BOARD-FUNCTIONAL-V3");
    assert_eq!(record["unit_under_test"]["serial_number"], "UNIT-5501");
    assert_eq!(record["run_passed"], true);
    assert!(record["tested_at"].as_str().unwrap().ends_with('Z'));
    let steps: Vec<&Value> = record["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["step_type"] == "measurement")
        .collect();
    let names: Vec<&str> = steps.iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Power Rail Check", "Current Draw"]);
    for (step, name, unit, low, high) in [
        (steps[0], "vcc_3v3", "V", 3.25, 3.35),
        (steps[1], "idle_current_ma", "mA", 30.0, 60.0),
    ] {
        assert_eq!(step["status"], true);
        let measurement = &step["measurements"][0];
        assert_eq!(
            (&measurement["name"], &measurement["unit"]),
            (&json!(name), &json!(unit))
        );
        assert_eq!(
            (measurement["limit_low"].as_f64(), measurement["limit_high"].as_f64()),
            (Some(low), Some(high))
        );
        let value = measurement["value"].as_f64().unwrap();
        assert!((low..=high).contains(&value), "{value}");
    }
}

#[test]
fn the_record_says_everything_of_design_section_6() {
    let store = scratch();
    let mut command = simulated(store.path(), "UNIT-5501");
    command.args([
        "--operator",
        "Ada",
        "--revision",
        "B",
        "--batch",
        "W47",
        "--sub-unit",
        "CELL-1",
        "--purpose",
        "golden",
    ]);
    let run = done(&mut command);
    assert_eq!(run.code, Some(0), "{run}");
    let record = only_record(store.path());
    for key in [
        "schema",
        "run_id",
        "sequence",
        "outcome",
        "started_at",
        "ended_at",
        "duration_s",
        "clock",
        "procedure_version",
        "procedure_sha256",
        "station",
        "operator",
        "simulated",
        "instruments",
        "attachments",
        "logs",
        "integrity",
        "purpose",
    ] {
        assert!(!record[key].is_null(), "{key}");
    }
    assert_eq!(record["schema"], "benchtop.run/1");
    assert_eq!(record["simulated"], true);
    assert_eq!(record["clock"]["virtual"], true);
    assert_eq!(record["purpose"], "golden");
    assert_eq!(record["unit_under_test"]["part_number"], "PCB-1042");
    assert_eq!(record["unit_under_test"]["sub_units"], json!(["CELL-1"]));
    assert_eq!(record["tested_at"], record["started_at"]);
    for instrument in record["instruments"].as_array().unwrap() {
        assert!(
            instrument["identity"]["serial_number"]
                .as_str()
                .unwrap()
                .starts_with("SIM-"),
            "{instrument}"
        );
        assert!(
            instrument["resource"].as_str().unwrap().starts_with("SIM::board-v3::"),
            "{instrument}"
        );
        assert_eq!(instrument["definition_sha256"].as_str().unwrap().len(), 64);
    }
    let measurement = &record["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["name"] == "Current Draw")
        .unwrap()["measurements"][0];
    assert_eq!(measurement["outcome"], "PASS");
    assert_eq!(measurement["instrument"], "ammeter");
    assert_eq!(measurement["function"], "dc_current");
    assert!(measurement["raw"].as_str().unwrap().contains('E'), "{measurement}");
    assert!(
        record["duration_s"].as_f64().unwrap() > 0.25,
        "the settling time is in the record: {}",
        record["duration_s"]
    );
    let outputs = record["outputs"].as_array().unwrap();
    assert!(!outputs.is_empty() && outputs.iter().all(|output| output["state"] == "off"));
}

#[test]
fn a_value_is_the_instruments_decimal_scaled_exactly() {
    let store = scratch();
    done(&mut simulated(store.path(), "UNIT-5501"));
    let record = only_record(store.path());
    let step = record["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["name"] == "Current Draw")
        .unwrap();
    let measurement = &step["measurements"][0];
    let raw: benchtop_instrument::Decimal = measurement["raw"].as_str().unwrap().parse().unwrap();
    assert_eq!(
        measurement["value"].to_string(),
        raw.scaled(3).unwrap().to_f64().to_string()
    );
}

#[test]
fn a_unit_with_a_fault_fails_and_the_value_is_named() {
    let store = scratch();
    let run = done(&mut simulated(store.path(), "UNIT-5599"));
    assert_eq!(run.code, Some(1), "{run}");
    let last = run.out.lines().rev().find(|line| line.contains("FAIL")).unwrap();
    assert!(
        last.contains("vcc_3v3") && last.contains("is below the low limit 3.25 V"),
        "{run}"
    );
    let record = only_record(store.path());
    assert_eq!(
        (&record["outcome"], &record["run_passed"]),
        (&json!("FAIL"), &json!(false))
    );
    assert_eq!(record["failed_measurements"], json!(["vcc_3v3"]));
}

#[test]
fn the_same_unit_measures_the_same() {
    let values = |serial: &str| {
        let store = scratch();
        done(&mut simulated(store.path(), serial));
        let record = only_record(store.path());
        record["steps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| step["measurements"].clone())
            .map(|list| list[0]["value"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(values("UNIT-5501"), values("UNIT-5501"));
    assert_ne!(values("UNIT-5501"), values("UNIT-5502"), "units differ");
}

#[test]
fn a_wrong_serial_number_is_refused_before_anything_is_opened() {
    let store = scratch();
    let root = store.path().join("store");
    let run = done(&mut simulated(&root, "BOARD-1"));
    assert_eq!(run.code, Some(2), "{run}");
    assert!(run.err.contains("BOARD-1") && run.err.contains("UNIT-"), "{run}");
    assert!(!root.exists(), "not even a store was made");
}

#[test]
fn all_mistakes_come_out_in_one_go() {
    let store = scratch();
    let file = store.path().join("bad.toml");
    let text = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/procedures/board-functional-v3.toml"
    ))
    .unwrap();
    let bad = text
        .replace("channel = 1, voltage_level", "channel = 4, voltage_level")
        .replace("limit      = { low = 3.25", "limt       = { low = 3.25");
    assert_ne!(bad, text);
    write(&file, &bad);
    let mut command = benchtop();
    command
        .args(["run"])
        .arg(&file)
        .args(["--serial", "UNIT-5501", "--simulate", "--store"])
        .arg(store.path().join("s"));
    let run = done(&mut command);
    assert_eq!(run.code, Some(2), "{run}");
    assert!(run.err.contains("did you mean `limit`?"), "{run}");
    assert!(run.err.contains("channels 1-3, not 4"), "{run}");
}

#[test]
fn which_bench_must_be_said() {
    let run = done(benchtop().args(["run", BOARD, "--serial", "UNIT-5501"]));
    assert_eq!(run.code, Some(2), "{run}");
    assert!(run.err.contains("--station") && run.err.contains("--simulate"), "{run}");
}

#[test]
fn json_lines_are_the_only_thing_on_standard_output() {
    let store = scratch();
    let run = done(simulated(store.path(), "UNIT-5501").args(["--format", "json"]));
    assert_eq!(run.code, Some(0), "{run}");
    let lines = run.json();
    let last = lines.last().unwrap();
    assert_eq!((&last["event"], &last["outcome"]), (&json!("saved"), &json!("PASS")));
    assert!(std::path::Path::new(last["path"].as_str().unwrap()).is_file());
    assert!(lines.len() > 10);
}

#[test]
fn what_is_answered_is_not_asked() {
    let firmware = |words: &[&str]| {
        let store = scratch();
        let mut command = simulated_by("procedures/firmware-board.toml", store.path(), "FW-0001");
        let run = done(command.args(words));
        let asked = run.out.contains("  ?  ") || run.err.contains("  ?  ");
        assert!(!asked, "{words:?}: {run}");
        run
    };
    for words in [&[] as &[&str], &["--quiet"], &["--answer", "led_is_green=yes"]] {
        let run = firmware(words);
        assert_eq!(run.code, Some(0), "{words:?}: {run}");
    }
    let run = firmware(&["--answer", "led_is_green=no"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.out.contains("led_is_green"), "{run}");
}

#[test]
fn quiet_leaves_one_line_a_run_and_the_same_exit_code() {
    let store = scratch();
    let mut command = simulated(store.path(), "UNIT-5501");
    let run = done(command.args(["--quiet", "--repeat", "2"]));
    assert_eq!(run.code, Some(0), "{run}");
    let saved = records(store.path(), "pending");
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!((lines.len(), saved.len()), (2, 2), "{run}");
    for (line, path) in lines.iter().zip(&saved) {
        assert!(line.starts_with("PASS  UNIT-5501"), "{run}");
        assert!(line.ends_with(&format!("record {}", path.display())), "{run}");
    }
    assert!(run.err.contains("a retest"), "what is doubtful is still said: {run}");
    let mut command = benchtop();
    command.args(["run", BOARD, "--serial", "UNIT-5502", "--simulate=board-v3"]);
    let both = done(command.args(["--quiet", "--format", "json"]));
    assert_eq!(both.code, Some(2), "{both}");
    assert!(both.err.contains("--quiet") && both.err.contains("--format"), "{both}");
    let sync = done(benchtop().args(["sync", "--quiet", "--format", "json"]));
    assert_eq!(sync.code, Some(2), "{sync}");
}

#[test]
fn a_procedure_is_found_by_its_id() {
    let store = scratch();
    let mut command = benchtop();
    command
        .args([
            "run",
            "BOARD-FUNCTIONAL-V3",
            "--serial",
            "UNIT-5501",
            "--simulate",
            "--store",
        ])
        .arg(store.path());
    let run = done(&mut command);
    assert_eq!(run.code, Some(0), "{run}");
}

#[test]
fn runs_are_numbered_and_listed_oldest_first() {
    let store = scratch();
    for serial in ["UNIT-5503", "UNIT-5501", "UNIT-5502"] {
        assert_eq!(done(&mut simulated(store.path(), serial)).code, Some(0));
    }
    let names: Vec<String> = records(store.path(), "pending")
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    for (name, start) in names.iter().zip([
        "0000000001_UNIT-5503_",
        "0000000002_UNIT-5501_",
        "0000000003_UNIT-5502_",
    ]) {
        assert!(name.starts_with(start), "{names:?}");
    }
}

#[test]
fn check_finds_nothing_in_what_we_ship_and_everything_in_what_is_broken() {
    let good = done(benchtop().args(["check", "--simulate"]));
    assert_eq!(good.code, Some(0), "{good}");
    let bad = "fixtures/procedures/refused/106-bind-range-missing.toml";
    let human = done(benchtop().args(["check", bad, "--simulate=board-v3"]));
    assert_eq!(human.code, Some(2), "{human}");
    let github = done(benchtop().args(["check", bad, "--simulate=board-v3", "--format", "github"]));
    assert!(
        github
            .out
            .starts_with("::error file=fixtures/procedures/refused/106-bind-range-missing.toml,line=12,col=1::"),
        "{github}"
    );
    // what would end a property or an annotation early is escaped (docs.github.com: workflow commands)
    let folder = scratch();
    let odd = folder.path().join("50%, a:b.toml");
    let text = fs::read_to_string(BOARD).unwrap();
    write(&odd, &text.replace("low = 3.25, high = 3.35", "low = 3.25, \"5%\" = 1"));
    let escaped = done(
        benchtop()
            .args(["check", "--simulate=board-v3", "--format", "github"])
            .arg(&odd),
    );
    assert_eq!(escaped.code, Some(2), "{escaped}");
    let line = escaped.out.lines().next().unwrap();
    assert!(line.contains("50%25%2C a%3Ab.toml,line=52,col="), "{line}");
    let (_, message) = line.rsplit_once("::").unwrap();
    assert!(
        message.contains("%25") && !message.replace("%25", "").contains('%'),
        "{line}"
    );
    let json = done(benchtop().args(["check", bad, "--simulate=board-v3", "--format", "json"]));
    let finding: Value = serde_json::from_str(json.out.lines().next().unwrap()).unwrap();
    assert_eq!((&finding["line"], &finding["severity"]), (&json!(12), &json!("error")));
}

#[test]
fn a_run_reads_no_definition_that_it_does_not_use() {
    let folder = scratch();
    let directory = folder.path().join("instruments");
    let model = directory.join("broken/meter");
    fs::create_dir_all(&model).unwrap();
    // whoever read them all would trip over these
    for file in ["driver.toml", "sim.toml"] {
        write(&model.join(file), "[driver\nmodel = ");
    }
    let run = done(
        simulated(&folder.path().join("store"), "UNIT-5501")
            .arg("--instruments")
            .arg(&directory),
    );
    assert_eq!(run.code, Some(0), "{run}");
    let check = done(
        benchtop()
            .args(["instruments", "check", "broken/meter", "--instruments"])
            .arg(&directory),
    );
    assert_ne!(check.code, Some(0), "it is broken: {check}");
}

#[test]
fn steps_of_a_group_that_is_tried_again_are_said_not_to_stand() {
    let folder = scratch();
    let text = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/procedures/board-functional-v3.toml"
    ))
    .unwrap();
    let alone = "[[steps]]\nname = \"Settle\"\nwait = \"250 ms\"\n\n[[steps]]\nname = \"Power Rail Check\"\n\n[[steps.measurements]]";
    let together = "[[steps]]\nname = \"Rail\"\nretry = { attempts = 3, on = [\"fail\"] }\n[[steps.steps]]\nname = \"Settle\"\n\
                    wait = \"250 ms\"\n[[steps.steps]]\nname = \"Power Rail Check\"\n[[steps.steps.measurements]]";
    assert!(text.contains(alone));
    let procedure = folder.path().join("group.toml");
    write(&procedure, &text.replacen(alone, together, 1));
    let run = |serial| {
        let store = folder.path().join("store");
        done(&mut simulated_by(procedure.to_str().unwrap(), &store, serial))
    };
    let failed = run("UNIT-5599");
    assert_eq!(failed.code, Some(1), "{failed}");
    let of_the_group = |line: &&str| line.contains("Settle") || line.contains("Power Rail Check");
    let said: Vec<String> = failed
        .out
        .lines()
        .filter(of_the_group)
        .map(|line| {
            line.split_whitespace()
                .filter(|word| word.parse::<f64>().is_err())
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert_eq!(
        said[..8],
        [
            "ok Settle s",
            "FAIL Power Rail Check s",
            "again Settle, Power Rail Check attempt 1, tried again",
            "ok Settle s attempt",
            "FAIL Power Rail Check s attempt",
            "again Settle, Power Rail Check attempt 2, tried again",
            "ok Settle s attempt",
            "FAIL Power Rail Check s attempt",
        ],
        "{failed}"
    );
    assert_eq!(failed.out.matches("tried again").count(), 2, "{failed}");
    let passed = run("UNIT-5501");
    assert!(passed.code == Some(0) && !passed.out.contains("again"), "{passed}");
}
