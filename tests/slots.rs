//! Several units at once in the slots of a fixture: a record each, one fixture between them, and outputs off however it ends.

use crate::{
    outputs_off::begun,
    testkit::{Done, Running, Served, attachment, benchtop, done, json, records, scratch, write},
};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

pub(crate) const PROCEDURE: &str = "procedures/regulator-module.toml";

fn simulated(store: &Path, slots: &[&str]) -> Command {
    let mut command = benchtop();
    command.args(["run", PROCEDURE, "--simulate", "--store"]).arg(store);
    for slot in slots {
        command.args(["--slot", slot]);
    }
    command
}

/// The records by slot.
pub(crate) fn by_slot(store: &Path) -> Vec<Value> {
    let mut found: Vec<Value> = records(store, "pending").iter().map(|path| json(path)).collect();
    found.sort_by_key(|record| record["slot"].as_str().unwrap_or_default().to_owned());
    found
}

#[test]
fn two_units_at_once_have_a_record_each_and_one_execution() {
    let store = scratch();
    let run = done(&mut simulated(store.path(), &["A=MOD-0001", "B=MOD-0002"]));
    assert_eq!(run.code, Some(0), "{run}");
    let lines: Vec<&str> = run.out.lines().filter(|line| line.starts_with("slot ")).collect();
    assert_eq!(lines.len(), 2, "a line a slot: {run}");
    for (line, slot, serial) in [(lines[0], "A", "MOD-0001"), (lines[1], "B", "MOD-0002")] {
        assert!(line.starts_with(&format!("slot {slot}   PASS  {serial}")), "{line}");
    }
    let found = by_slot(store.path());
    assert_eq!(found.len(), 2);
    for (record, slot, serial, fixture, output) in [
        (&found[0], "A", "MOD-0001", "FIX-MOD-A", 2),
        (&found[1], "B", "MOD-0002", "FIX-MOD-B", 3),
    ] {
        assert_eq!(record["slot"], slot);
        assert_eq!(record["unit_under_test"]["serial_number"], serial);
        assert_eq!(record["station"]["fixture_id"], fixture, "{record}");
        assert_eq!(record["outcome"], "PASS");
        let steps = record["steps"].as_array().unwrap();
        let names: Vec<&str> = steps.iter().map(|step| step["name"].as_str().unwrap()).collect();
        assert_eq!((names[0], names[names.len() - 1]), ("Relays on", "Relays off"));
        let current = steps.iter().find(|step| step["name"] == "Input current").unwrap();
        assert_eq!(current["measurements"][0]["channel"], output);
        let outputs = record["outputs"].as_array().unwrap();
        let channels: Vec<i64> = outputs
            .iter()
            .map(|output| output["channel"].as_i64().unwrap())
            .collect();
        assert_eq!(channels, [1, output], "its own output and the fixture's");
    }
    assert_eq!(found[0]["execution_id"], found[1]["execution_id"]);
    assert!(found[0]["execution_id"].is_string());
    assert_ne!(found[0]["run_id"], found[1]["run_id"]);
    assert_ne!(found[0]["sequence"], found[1]["sequence"]);
    let value = |record: &Value| record["steps"][3]["measurements"][0]["value"].clone();
    assert_ne!(value(&found[0]), value(&found[1]), "two units, two voltages");
}

#[test]
fn the_gravest_outcome_is_the_exit_code_and_each_event_names_its_slot() {
    let store = scratch();
    let junit = store.path().join("junit.xml");
    let mut command = simulated(store.path(), &["A=MOD-9901", "B=MOD-0002"]);
    let run = done(command.args(["--format", "json", "--junit"]).arg(&junit));
    assert_eq!(run.code, Some(1), "{run}");
    assert!(!run.out.is_empty(), "{run}");
    for line in run.out.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert!(event["slot"] == "A" || event["slot"] == "B", "{line}");
    }
    let outcomes: Vec<Value> = by_slot(store.path())
        .iter()
        .map(|record| record["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["FAIL", "PASS"], "a fail ends only its own unit");
    let junit = fs::read_to_string(junit).unwrap();
    assert_eq!(junit.matches("<testsuite ").count(), 2, "{junit}");
    assert!(junit.contains("<property name=\"slot\" value=\"B\"/>"));
}

#[test]
fn a_slot_may_be_empty() {
    let store = scratch();
    let run = done(&mut simulated(store.path(), &["B=MOD-0007"]));
    assert_eq!(run.code, Some(0), "{run}");
    let found = by_slot(store.path());
    assert_eq!((found.len(), &found[0]["slot"]), (1, &Value::from("B")));
}

#[test]
fn an_instrument_of_both_slots_that_fails_ends_both() {
    let store = scratch();
    let run = done(&mut simulated(store.path(), &["A=MOD-0001", "B=MOD-9989"]));
    assert_eq!(run.code, Some(3), "{run}");
    let found = by_slot(store.path());
    assert_eq!(found.len(), 2, "{run}");
    for record in found {
        assert_eq!(record["outcome"], "ERROR", "{record}");
        let outputs = record["outputs"].as_array().unwrap();
        assert!(!outputs.is_empty(), "{record}");
        assert!(outputs.iter().all(|output| output["state"] == "off"), "{record}");
    }
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_opened() {
    let store = scratch();
    let refused = |arguments: &[&str], expected: &str| {
        let mut command = benchtop();
        command.args(["run"]).args(arguments).arg("--store").arg(store.path());
        let run = done(&mut command);
        assert_eq!(run.code, Some(2), "{arguments:?}: {run}");
        assert!(run.err.contains(expected), "{arguments:?}: {expected}: {run}");
    };
    let with = |more: &[&'static str]| [&[PROCEDURE, "--simulate"][..], more].concat();
    refused(
        &with(&["--slot", "A=MOD-0001", "--serial", "MOD-0002"]),
        "cannot be used with",
    );
    refused(&with(&[]), "--serial <SN>");
    refused(
        &with(&["--serial", "MOD-0001"]),
        "this procedure is for the slots of this bench (A, B): --slot NAME=MOD-0001 says where it lies",
    );
    refused(&with(&["--slot", "A"]), "--slot A: expected SLOT=SN");
    refused(
        &with(&["--slot", "A=MOD-0001", "--slot", "A=MOD-0002"]),
        "--slot A is given twice",
    );
    refused(
        &with(&["--slot", "A=MOD-0001", "--slot", "B=MOD-0001"]),
        "MOD-0001 is in two slots, A and B",
    );
    refused(
        &with(&["--slot", "A=MOD-0001", "--slot", "C=MOD-0002"]),
        "--slot C: this bench has no slot of that name; it has A, B",
    );
    refused(
        &with(&["--slot", "A=MOD-0001", "--slot", "B=BAD"]),
        "the serial number `BAD` does not match",
    );
    refused(
        &[
            "procedures/board-functional-v3.toml",
            "--simulate",
            "--slot",
            "A=UNIT-5501",
        ],
        "this bench has no slot of that name; its file has no [slots]",
    );
    assert!(records(store.path(), "pending").is_empty());
    for (bench, known) in [("regulator-module", "A, B"), ("board-v3", "none")] {
        let served = done(benchtop().args(["sim", bench, "--slot", "C=MOD-0001"]));
        assert_eq!(served.code, Some(2), "{served}");
        let expected = format!("--slot C: {bench} has no slot of that name; it has {known}");
        assert!(served.err.contains(&expected), "{served}");
    }
}

#[test]
fn check_refuses_what_two_slots_would_do_to_each_other() {
    let folder = scratch();
    let text = fs::read_to_string("fixtures/stations/two-slots.toml").unwrap();
    let check = |text: &str| -> Done {
        let station = folder.path().join("station.toml");
        write(&station, text);
        done(benchtop().args(["check", PROCEDURE, "--station"]).arg(&station))
    };
    let sound = check(&text);
    assert_eq!(sound.code, Some(0), "{sound}");
    // B has no output of its own any more, and the station has one of that name
    let shared = text
        .replace("channels = { relays = 1 }  ", "channels = { relays = 1, module = 2 }  ")
        .replace("\"psu.module\" = 3, ", "");
    let found = check(&shared);
    assert_eq!(found.code, Some(2), "{found}");
    assert!(
        found.err.contains("slots A and B set one output, psu channel 2"),
        "{found}"
    );
    let same = check(&text.replace("\"psu.module\" = 3", "\"psu.module\" = 2"));
    assert_eq!(same.code, Some(2), "{same}");
    assert!(
        same.err.contains("slots A and B have one channel: psu channel 2"),
        "{same}"
    );
    let nowhere = check(&text.replace("\"psu.module\" = 3", "\"psu.module\" = 4"));
    assert!(
        nowhere
            .err
            .contains("slot B: psu (Keysight E36312A) has channels 1-3, not 4"),
        "{nowhere}"
    );
}

/// A served bench with a module in each slot; the station file that it wrote has the slots.
pub(crate) fn served_with(units: [&str; 2]) -> Served {
    let [a, b] = [format!("A={}", units[0]), format!("B={}", units[1])];
    Served::what(&["regulator-module", "--slot", &a, "--slot", &b])
}

/// The same, and a procedure with a minute under power.
fn served() -> (Served, Command) {
    let served = served_with(["MOD-0001", "MOD-0002"]);
    let procedure = served.folder.path().join("long.toml");
    let text = fs::read_to_string(PROCEDURE).unwrap();
    write(&procedure, &text.replacen("\"200 ms\"", "\"60 s\"", 1));
    let mut command = benchtop();
    command.arg("run").arg(&procedure).arg("--station").arg(&served.station);
    command.arg("--store").arg(served.store());
    command.args(["--slot", "A=MOD-0001", "--slot", "B=MOD-0002"]);
    (served, command)
}

pub(crate) fn outputs(served: &Served) -> Vec<String> {
    (1..=3)
        .map(|channel| served.ask("psu", &format!("OUTP? (@{channel})")))
        .collect()
}

/// Starts a run of both slots and waits until both units are in their first wait.
pub(crate) fn under_power(served: &Served, command: &mut Command) -> Running {
    let running = Running::start(command);
    crate::testkit::eventually("both under power", || {
        let mut entries = fs::read_dir(served.store().join("journal"))
            .ok()?
            .filter_map(Result::ok);
        let settles = |entry: &fs::DirEntry| {
            fs::read_to_string(entry.path()).is_ok_and(|text| text.matches("\"Settle\"").count() > 1)
        };
        let count = entries.by_ref().filter(settles).count();
        (count == 2).then_some(())
    });
    begun(&served.store(), "Settle");
    assert_eq!(outputs(served), ["1", "1", "1"]);
    running
}

#[test]
fn however_two_runs_end_all_outputs_are_off() {
    for signals in [
        &[Signal::SIGINT][..],
        &[Signal::SIGINT, Signal::SIGINT],
        &[Signal::SIGTERM],
    ] {
        let (served, mut command) = served();
        let running = under_power(&served, &mut command);
        signals.iter().for_each(|signal| running.signal(*signal));
        let run = running.finish();
        assert_eq!(run.code, Some(5), "{signals:?}: {run}");
        assert_eq!(outputs(&served), ["0", "0", "0"], "{signals:?}");
        let found = by_slot(&served.store());
        assert_eq!(found.len(), 2, "{signals:?}");
        assert!(found.iter().all(|record| record["outcome"] == "ABORTED"), "{signals:?}");
    }
}

#[test]
fn after_a_kill_both_units_are_found_once_and_made_safe() {
    let (served, mut command) = served();
    let mut running = under_power(&served, &mut command);
    running.signal(Signal::SIGKILL);
    running.wait();
    assert_eq!(outputs(&served), ["1", "1", "1"]);
    let safe = done(benchtop().args(["safe", "--store"]).arg(served.store()));
    assert_eq!(safe.code, Some(0), "{safe}");
    assert_eq!(outputs(&served), ["0", "0", "0"]);
    let found = by_slot(&served.store());
    let seen: Vec<_> = found
        .iter()
        .map(|record| {
            (
                record["slot"].as_str(),
                record["unit_under_test"]["serial_number"].as_str(),
            )
        })
        .collect();
    assert_eq!(seen, [(Some("A"), Some("MOD-0001")), (Some("B"), Some("MOD-0002"))]);
    assert!(found.iter().all(|record| record["outcome"] == "ABORTED"));
    assert_eq!(found[0]["execution_id"], found[1]["execution_id"]);
    let again = done(benchtop().args(["safe", "--store"]).arg(served.store()));
    assert_eq!(again.code, Some(2), "nothing is left: {again}");
    assert_eq!(by_slot(&served.store()).len(), 2);
}

#[test]
fn each_unit_of_a_simulated_fixture_speaks_on_a_link_of_its_own() {
    // one whose memory is bad beside a good one; one that says nothing beside a good one
    for (serials, outcomes, reason) in [
        (["FW-0001", "FW-9903"], ["PASS", "FAIL"], "memory: \"bad\" is not"),
        (["FW-9902", "FW-0002"], ["FAIL", "PASS"], "it said nothing"),
    ] {
        let store = scratch();
        let mut command = benchtop();
        command.args(["run", "FIRMWARE-BOARD-R1", "--simulate=firmware-pair", "--store"]);
        command.arg(store.path());
        command.args([
            "--slot",
            &format!("A={}", serials[0]),
            "--slot",
            &format!("B={}", serials[1]),
        ]);
        let run = done(&mut command);
        assert_eq!(run.code, Some(1), "{run}");
        assert!(run.out.contains(reason), "{run}");
        let found = by_slot(store.path());
        assert_eq!(found.len(), 2, "{run}");
        for ((record, slot), outcome) in found.iter().zip(["A", "B"]).zip(outcomes) {
            assert_eq!(
                (&record["slot"], &record["outcome"]),
                (&slot.into(), &outcome.into()),
                "{run}"
            );
            let consoles: Vec<&Value> = record["instruments"]
                .as_array()
                .unwrap()
                .iter()
                .map(|used| &used["name"])
                .filter(|name| name.as_str().unwrap().ends_with("uart"))
                .collect();
            assert_eq!(consoles, [&format!("{slot}.uart")]);
            let heard = record["attachments"].as_array().unwrap().iter();
            let logs = heard
                .filter(|kept| kept["name"].as_str().unwrap().ends_with(".log"))
                .count();
            if record["unit_under_test"]["serial_number"] == "FW-9902" {
                assert_eq!(logs, 0, "it said nothing: {record}");
                continue;
            }
            assert_eq!(logs, 1, "{record}");
            let heard = attachment(store.path(), record, &format!("{slot}.uart.log"));
            let bad = record["unit_under_test"]["serial_number"] == "FW-9903";
            assert!(
                heard.contains("firmware 2.1.7") && heard.contains("memory bad") == bad,
                "{heard}"
            );
        }
    }
}

#[test]
fn a_program_answers_each_slots_prompt_in_any_order() {
    let served = served_with(["MOD-0001", "MOD-0002"]);
    let mut command = benchtop();
    command
        .arg("run")
        .arg(crate::station_slots::asking(served.folder.path()));
    command
        .arg("--station")
        .arg(&served.station)
        .arg("--store")
        .arg(served.store());
    command.args(["--slot", "A=MOD-0001", "--slot", "B=MOD-0002", "--format", "json"]);
    let mut run = Running::start(command.stdin(Stdio::piped()));
    let mut input = run.0.stdin.take().unwrap();
    // both beforehand, and one that says neither what is asked nor whose it is
    let lines = "{\"name\": \"lamp\", \"answer\": true}\n\
                 {\"slot\": \"B\", \"name\": \"led\", \"answer\": false}\n\
                 {\"slot\": \"A\", \"name\": \"led\", \"answer\": true}\n";
    input.write_all(lines.as_bytes()).unwrap();
    let done = run.finish();
    drop(input);
    assert_eq!(done.code, Some(1), "{done}");
    let refused: Vec<&str> = done
        .out
        .lines()
        .filter(|line| line.contains("answer_refused"))
        .collect();
    assert_eq!(refused.len(), 1, "{done}");
    assert!(
        refused[0].contains("lamp") && refused[0].contains("its slot is not said"),
        "{done}"
    );
    let outcomes: Vec<Value> = by_slot(&served.store())
        .iter()
        .map(|record| record["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["PASS", "FAIL"], "{done}");
}

#[test]
fn the_file_that_a_command_writes_is_kept_with_its_own_unit() {
    let served = served_with(["MOD-0001", "MOD-0002"]);
    let text = fs::read_to_string(PROCEDURE).unwrap();
    // each writes the same file, and the other has time to write over it
    let step = "[[steps]]\nname = \"Program\"\nexec = { argv = [\"sh\", \"-c\", \"echo $BENCHTOP_SLOT > out.txt; sleep 0.5\"], \
                attachments = [{ path = \"out.txt\" }] }\n\n[[steps]]\nname    = \"Output\"";
    let procedure = served.folder.path().join("writes.toml");
    write(&procedure, &text.replacen("[[steps]]\nname    = \"Output\"", step, 1));
    let mut command = benchtop();
    command.arg("run").arg(&procedure).arg("--station").arg(&served.station);
    command.arg("--store").arg(served.store());
    let run = done(command.args(["--slot", "A=MOD-0001", "--slot", "B=MOD-0002"]));
    assert_eq!(run.code, Some(0), "{run}");
    for (record, slot) in by_slot(&served.store()).iter().zip(["A", "B"]) {
        assert_eq!(attachment(&served.store(), record, "out.txt"), format!("{slot}\n"));
    }
}
