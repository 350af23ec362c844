//! What a run records when an instrument fails, for every fault that the simulator knows: FAIL, ERROR, or a retry that worked,
//! never a PASS; and the outputs are off afterwards, or named.

mod control;
mod under_power;

use crate::testkit::{Done, benchtop, done, only_record, scratch, write};
use benchtop_sim::Fault;
use serde_json::Value;
use std::collections::BTreeSet;

const BENCH: &str = include_str!("../../fixtures/benches/board-v3.toml");
const PROCEDURE: &str = include_str!("../../procedures/board-functional-v3.toml");

/// The board's procedure with a check of the rail before there is power: it must be dead.
fn guarded() -> String {
    let off_state = "[[setup]]\nname = \"Rail is dead\"\n[[setup.measurements]]\nname = \"vcc_off\"\ninstrument = \"dmm\"\n\
                     function = \"dc_voltage\"\nrange = \"10 V\"\nunit = \"V\"\nlimit = { low = \"-50 mV\", high = \"50 mV\" }\n\n[[setup]]";
    PROCEDURE.replacen("[[setup]]", off_state, 1)
}

/// The board's procedure where a measurement that ends in an error is made again.
fn patient(attempts: u32, delay: &str) -> String {
    let retry = |name: &str| format!("name = \"{name}\"\nretry = {{ attempts = {attempts}, delay = \"{delay}\" }}");
    let text = PROCEDURE.replace("name = \"Power Rail Check\"", &retry("Power Rail Check"));
    text.replace("name = \"Current Draw\"", &retry("Current Draw"))
}

/// What a run on a bench with this fault leaves behind. Nobody sits through its waits.
fn simulated(bench: &str, procedure: &str, serial: &str) -> (Done, Value) {
    let folder = scratch();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        write(&path, text);
        path.display().to_string()
    };
    let (bench, procedure) = (file("bench.toml", bench), file("procedure.toml", procedure));
    let mut command = benchtop();
    command.args([
        "run",
        &procedure,
        "--serial",
        serial,
        &format!("--simulate={bench}"),
        "--store",
    ]);
    let store = folder.path().join("store");
    let run = done(command.arg(&store));
    let record = only_record(&store);
    (run, record)
}

fn with(instrument: &str, fault: &str) -> String {
    format!("{BENCH}\n[[faults]]\ninstrument = \"{instrument}\"\nkind = {fault}\n")
}

fn exit_code(outcome: &str) -> i32 {
    match outcome {
        "PASS" => 0,
        "FAIL" => 1,
        "ERROR" => 3,
        other => panic!("{other}"),
    }
}

/// The reason of the first step with this outcome; of the run, where no step has it.
fn reason(record: &Value, outcome: &str) -> String {
    let steps = record["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["outcome"] == outcome);
    let text = step.map_or(&record["reason"], |step| &step["reason"]).as_str();
    text.unwrap_or_default().to_owned()
}

/// Everything is off, or the run is an Error that names what may be on.
fn outputs_are_off_or_named(run: &Done, record: &Value, may_be_on: bool) {
    let outputs = record["outputs"].as_array().unwrap();
    assert_eq!(outputs.len(), 3, "{run}");
    let on = outputs.iter().any(|output| output["state"] != "off");
    assert_eq!(on, may_be_on, "{run}");
    if may_be_on {
        assert_eq!(run.code, Some(3), "{run}");
        assert!(run.err.contains("OUTPUT MAY BE ON: psu channel 1"), "{run}");
    }
}

/// Instrument; fault; outcome of the run; what its reason says; an output may be on.
type Row = (&'static str, &'static str, &'static str, &'static str, bool);

/// In the middle of a reading of the rail, or of switching the supply off.
const IN_THE_MIDDLE: &[Row] = &[
    // what is garbled is the report that there was no error, before the reading and behind it
    (
        "dmm",
        "'garbled_answer'\nafter_messages = 12\nfor_messages = 1",
        "ERROR",
        "expected an error report",
        false,
    ),
    (
        "dmm",
        "'garbled_answer'\nafter_messages = 14\nfor_messages = 1",
        "ERROR",
        "expected an error report",
        false,
    ),
    (
        "dmm",
        "'no_answer'\nafter_messages = 10",
        "ERROR",
        "no answer in",
        false,
    ),
    (
        "dmm",
        "'late_answer'\ndelay = '10 s'\nafter_messages = 10",
        "ERROR",
        "no answer in",
        false,
    ),
    (
        "dmm",
        "'cut_answer'\nafter_messages = 10",
        "ERROR",
        "no answer in",
        false,
    ),
    (
        "dmm",
        "'garbled_answer'\nafter_messages = 10",
        "ERROR",
        "expected",
        false,
    ),
    (
        "dmm",
        "'wrong_terminator'\nafter_messages = 10",
        "ERROR",
        "no answer in",
        false,
    ),
    (
        "dmm",
        "'no_terminator'\nafter_messages = 10",
        "ERROR",
        "no answer in",
        false,
    ),
    (
        "dmm",
        "'error_queue_full'\nafter_messages = 10",
        "ERROR",
        "-350,\"Queue overflow\"",
        false,
    ),
    (
        "dmm",
        "'drop_connection'\nafter_messages = 10",
        "ERROR",
        "closed the connection",
        false,
    ),
    (
        "dmm",
        "'half_open'\nafter_messages = 10",
        "ERROR",
        "no answer in",
        false,
    ),
    (
        "dmm",
        "'reboot'\ndelay = '10 s'\nafter_messages = 10",
        "ERROR",
        "closed the connection",
        false,
    ),
    (
        "dmm",
        "'hang_forever'\nafter_messages = 10",
        "ERROR",
        "no answer in",
        false,
    ),
    ("psu", "'no_answer'\nafter_messages = 19", "ERROR", "no answer in", true),
    (
        "psu",
        "'late_answer'\ndelay = '20 s'\nafter_messages = 19",
        "ERROR",
        "no answer in",
        true,
    ),
    (
        "psu",
        "'cut_answer'\nafter_messages = 19",
        "ERROR",
        "no answer in",
        true,
    ),
    (
        "psu",
        "'garbled_answer'\nafter_messages = 19",
        "ERROR",
        "expected",
        true,
    ),
    (
        "psu",
        "'wrong_terminator'\nafter_messages = 19",
        "ERROR",
        "no answer in",
        true,
    ),
    (
        "psu",
        "'no_terminator'\nafter_messages = 19",
        "ERROR",
        "no answer in",
        true,
    ),
    (
        "psu",
        "'error_queue_full'\nafter_messages = 19",
        "ERROR",
        "-350,\"Queue overflow\"",
        false,
    ),
    (
        "psu",
        "'drop_connection'\nafter_messages = 19",
        "ERROR",
        "closed the connection",
        true,
    ),
    ("psu", "'half_open'\nafter_messages = 19", "ERROR", "no answer in", true),
    (
        "psu",
        "'reboot'\ndelay = '3600 s'\nafter_messages = 19",
        "ERROR",
        "refuses connections",
        true,
    ),
    (
        "psu",
        "'hang_forever'\nafter_messages = 19",
        "ERROR",
        "no answer in",
        true,
    ),
    (
        "psu",
        "'stuck_output'\nafter_messages = 19",
        "ERROR",
        "reads back as on",
        true,
    ),
];

/// So from the start.
const FROM_THE_START: &[Row] = &[
    ("dmm", "'stuck_reading'", "FAIL", "below the low limit 3.25 V", false),
    (
        "dmm",
        "'drift'\nper_second = '60 mV'",
        "FAIL",
        "above the high limit",
        false,
    ),
    (
        "ammeter",
        "'drift'\nper_second = '20 mA'",
        "FAIL",
        "is above the high limit 60 mA",
        false,
    ),
    (
        "dmm",
        "'error_queue_full'",
        "ERROR",
        "the instrument reports -310,\"System error\" (19 times); -350",
        false,
    ),
    ("dmm", "'refused'", "ERROR", "refuses connections", false),
    ("psu", "'refused'", "ERROR", "refuses connections", true),
    ("dmm", "'half_open'", "ERROR", "dmm: ", false),
    (
        "dmm",
        "'wrong_identity'",
        "ERROR",
        "expected Keysight 34461A, but Other Instruments",
        false,
    ),
    (
        "psu",
        "'wrong_identity'",
        "ERROR",
        "expected Keysight E36312A, but Other Instruments",
        // nothing is told to another supply, so nothing is known of ours
        true,
    ),
    (
        "ammeter",
        "'blown_current_fuse'",
        "FAIL",
        "below the low limit 3.25 V",
        false,
    ),
    ("dmm", "'lead_off'", "FAIL", "below the low limit 3.25 V", false),
    ("ammeter", "'lead_off'", "FAIL", "below the low limit 3.25 V", false),
    (
        "psu",
        "'ovp_trip'",
        "ERROR",
        "output 1 was turned on and reads back as off",
        false,
    ),
    ("psu", "'stuck_output'", "ERROR", "reads back as on", true),
    ("dmm", "'random'\nprobability = 1", "ERROR", "dmm: ", false),
];

fn check(rows: &[Row], procedure: &str) {
    for (instrument, fault, outcome, text, may_be_on) in rows {
        let (run, record) = simulated(&with(instrument, fault), procedure, "UNIT-5501");
        assert_eq!(record["outcome"], *outcome, "{instrument} {fault}: {run}");
        assert_eq!(run.code, Some(exit_code(outcome)), "{instrument} {fault}: {run}");
        assert_eq!(record["run_passed"], false);
        let reason = reason(&record, outcome);
        assert!(reason.contains(text), "{instrument} {fault}: {reason}");
        outputs_are_off_or_named(&run, &record, *may_be_on);
    }
}

#[test]
fn in_the_middle_of_a_step_no_fault_passes() {
    check(IN_THE_MIDDLE, PROCEDURE);
}

#[test]
fn from_the_start_no_fault_passes() {
    check(FROM_THE_START, &guarded());
}

#[test]
fn every_fault_has_its_row() {
    let kind = |row: &Row| row.1.split('\'').nth(1).unwrap();
    let shown: BTreeSet<&str> = IN_THE_MIDDLE.iter().chain(FROM_THE_START).map(kind).collect();
    assert_eq!(shown, Fault::words().collect());
}

#[test]
fn a_fault_that_goes_away_is_a_pass_on_retry_and_says_so() {
    for (fault, attempts, delay) in [
        ("'drop_connection'\nafter_messages = 10\nfor_messages = 1", 2, "100 ms"),
        (
            "'late_answer'\ndelay = '10 s'\nafter_messages = 13\nfor_messages = 1",
            2,
            "100 ms",
        ),
        ("'cut_answer'\nafter_messages = 13\nfor_messages = 1", 2, "100 ms"),
        ("'garbled_answer'\nafter_messages = 13\nfor_messages = 1", 2, "100 ms"),
        ("'reboot'\ndelay = '3 s'\nafter_messages = 13", 4, "1 s"),
    ] {
        let (run, record) = simulated(&with("dmm", fault), &patient(attempts, delay), "UNIT-5501");
        assert_eq!(
            (run.code, record["outcome"].as_str()),
            (Some(0), Some("PASS")),
            "{fault}: {run}"
        );
        assert_eq!(record["passed_on_retry"], true, "{fault}");
        let steps = record["steps"].as_array().unwrap();
        let step = steps.iter().find(|step| step["name"] == "Power Rail Check").unwrap();
        assert_eq!(step["passed_on_retry"], true, "{fault}");
        assert!(
            step["attempts"]
                .as_array()
                .unwrap()
                .iter()
                .all(|attempt| attempt["outcome"] == "ERROR"),
            "{fault}: {step}"
        );
        let value = step["measurements"][0]["value"].as_f64().unwrap();
        assert!((3.28..3.32).contains(&value), "the retry's own reading: {value}");
        outputs_are_off_or_named(&run, &record, false);
    }
}

#[test]
fn a_fault_that_stays_is_an_error_after_the_last_attempt() {
    for fault in [
        "'no_answer'\nafter_messages = 10",
        "'reboot'\ndelay = '3600 s'\nafter_messages = 10",
    ] {
        let (run, record) = simulated(&with("dmm", fault), &patient(3, "100 ms"), "UNIT-5501");
        assert_eq!(run.code, Some(3), "{fault}: {run}");
        let steps = record["steps"].as_array().unwrap();
        let step = steps.iter().find(|step| step["name"] == "Power Rail Check").unwrap();
        assert_eq!(step["attempts"].as_array().unwrap().len(), 2, "{fault}: {step}");
        outputs_are_off_or_named(&run, &record, false);
    }
}

/// Whatever happens on the lines: a good unit never fails, a bad one never passes, no output stays on unnamed.
#[test]
fn chance_never_turns_a_fault_of_the_station_into_a_fact_about_the_unit() {
    let mut seen = BTreeSet::new();
    for seed in 1..=12 {
        let mut bench = BENCH.replace("seed       = 1042", &format!("seed = {seed}"));
        assert_ne!(bench, BENCH);
        for instrument in ["psu", "dmm", "ammeter"] {
            bench.push_str(&format!(
                "[[faults]]\ninstrument = \"{instrument}\"\nkind = \"random\"\nprobability = 0.02\n"
            ));
        }
        for (serial, never) in [("UNIT-5501", "FAIL"), ("UNIT-5599", "PASS")] {
            let (run, record) = simulated(&bench, &patient(2, "100 ms"), serial);
            let outcome = record["outcome"].as_str().unwrap().to_owned();
            assert_ne!(outcome, never, "seed {seed}: {run}");
            let may_be_on = record["outputs"]
                .as_array()
                .unwrap()
                .iter()
                .any(|output| output["state"] != "off");
            assert!(
                !may_be_on || (run.code == Some(3) && run.err.contains("OUTPUT MAY BE ON")),
                "{run}"
            );
            seen.insert((serial, outcome));
        }
    }
    for pair in [("UNIT-5501", "PASS"), ("UNIT-5501", "ERROR"), ("UNIT-5599", "FAIL")] {
        assert!(seen.contains(&(pair.0, pair.1.to_owned())), "{seen:?}");
    }
}
