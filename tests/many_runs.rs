//! Some of the steps, many runs, and what CI reads of them.

use crate::testkit::{Done, Running, Served, benchtop, done, json, only_record, records, scratch, simulated, write};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::{fs, path::Path};

fn run(store: &Path, serial: &str, extra: &[&str]) -> Done {
    done(simulated(store, serial).args(extra))
}

/// The outcome of a step, and why.
fn step(record: &Value, name: &str) -> (Value, Value) {
    let step = record["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["name"] == name)
        .unwrap();
    (step["outcome"].clone(), step["reason"].clone())
}

#[test]
fn some_of_the_steps_pass_no_unit_and_the_rest_says_what_left_it_out() {
    for (extra, left_out, asked) in [
        (
            ["--only", "Power Rail Check"].as_slice(),
            ["Settle", "Current Draw"].as_slice(),
            "--only",
        ),
        (&["--from", "Power Rail Check"], &["Settle"], "--from"),
        (
            &["--skip", "Settle", "--skip", "Current Draw"],
            &["Settle", "Current Draw"],
            "--skip",
        ),
    ] {
        let store = scratch();
        let run = run(store.path(), "UNIT-5501", extra);
        assert_eq!(run.code, Some(5), "{extra:?}: {run}");
        let record = only_record(store.path());
        assert_eq!(
            (&record["outcome"], &record["purpose"]),
            (&json!("ABORTED"), &json!("partial"))
        );
        assert!(
            record["reason"].as_str().unwrap().contains("passes no unit"),
            "{record}"
        );
        assert_eq!(step(&record, "Power Rail Check").0, "PASS");
        for name in left_out {
            let (outcome, reason) = step(&record, name);
            assert_eq!(outcome, "SKIP", "{extra:?} {name}");
            assert!(
                reason.as_str().unwrap().starts_with(&format!("left out by {asked}")),
                "{reason}"
            );
        }
        for name in ["Power on", "Power off"] {
            assert_eq!(step(&record, name).0, "PASS", "setup and teardown always run");
        }
    }
}

#[test]
fn a_bad_unit_is_named_by_a_partial_run_too() {
    let store = scratch();
    let run = run(store.path(), "UNIT-5599", &["--only", "Power Rail Check"]);
    assert_eq!(run.code, Some(5), "{run}");
    let record = only_record(store.path());
    assert_eq!(record["failed_measurements"], json!(["vcc_3v3"]));
}

#[test]
fn names_that_are_no_steps_are_refused_with_a_guess() {
    for (extra, expected) in [
        (
            ["--only", "Power Rail Chek"].as_slice(),
            "did you mean \"Power Rail Check\"?",
        ),
        (&["--skip", "Power on"], "setup and teardown always run"),
        (
            &["--from", "zzz"],
            "it has \"Settle\", \"Power Rail Check\", \"Current Draw\"",
        ),
        (
            &["--from", "Current Draw", "--skip", "Current Draw"],
            "every step of the test is left out",
        ),
        (&["--only", "Settle", "--purpose", "golden"], "leave --purpose out"),
        (
            &["--purpose", "partial"],
            "expected production, engineering, golden or gauge_study",
        ),
    ] {
        let store = scratch();
        let run = run(store.path(), "UNIT-5501", extra);
        assert_eq!(run.code, Some(2), "{extra:?}: {run}");
        assert!(run.err.contains(expected), "{extra:?}: {run}");
        assert!(records(store.path(), "pending").is_empty());
    }
}

const PARTS: &str = "procedure = { id = 'PARTS', version = '1' }\n\
    [instruments.dmm]\nclass = 'dmm'\n\
    [[setup]]\nname = 'Begin'\nsteps = [{ name = 'On', wait = '1 ms' }]\n\
    [[steps]]\nname = 'Ramp'\nfor_each = { param = 'n', values = [1, 2] }\n\
    steps = [{ name = 'A', wait = '1 ms' }, { name = 'B', wait = '1 ms' }]\n\
    [[steps]]\nname = 'C'\n\
    measurements = [{ name = 'v', instrument = 'dmm', function = 'dc_voltage', range = '10 V', unit = 'V', limit = { low = -9 } }]\n";

#[test]
fn groups_and_turns_of_sweeps_are_named_like_steps() {
    let folder = scratch();
    let file = folder.path().join("parts.toml");
    write(&file, PARTS);
    let run = |store: &Path, extra: &[&str]| {
        let mut command = benchtop();
        command
            .arg("run")
            .arg(&file)
            .args(["--serial", "UNIT-5501", "--simulate=board-v3", "--store"]);
        done(command.arg(store).args(extra))
    };
    let all = ["A[n=1]", "B[n=1]", "A[n=2]", "B[n=2]", "C"];
    for (extra, kept) in [
        (["--only", "Ramp"].as_slice(), [0, 1, 2, 3].as_slice()),
        (&["--only", "Ramp[n=2]"], &[2, 3]),
        (&["--only", "A"], &[0, 2]),
        (&["--only", "A[n=2]", "--only", "C"], &[2, 4]),
        (&["--skip", "Ramp"], &[4]),
        (&["--skip", "Ramp[n=1]", "--skip", "A"], &[3, 4]),
        (&["--from", "Ramp[n=2]"], &[2, 3, 4]),
        (&["--from", "B"], &[1, 2, 3, 4]),
        (&["--from", "B[n=2]"], &[3, 4]),
    ] {
        let store = scratch();
        let done = run(store.path(), extra);
        assert_eq!(done.code, Some(5), "{extra:?}: {done}");
        let record = only_record(store.path());
        let steps = record["steps"].as_array().unwrap();
        let main = steps.iter().filter(|step| step["section"] == "main");
        let outcomes: Vec<&Value> = main.map(|step| &step["outcome"]).collect();
        let expected: Vec<Value> = (0..all.len())
            .map(|at| json!(if kept.contains(&at) { "PASS" } else { "SKIP" }))
            .collect();
        assert_eq!(outcomes, expected.iter().collect::<Vec<_>>(), "{extra:?}: {all:?}");
    }
    for (extra, expected) in [
        (
            ["--only", "zzz"].as_slice(),
            "PARTS has no step or group of this name; it has \"Ramp\", \"A\", \"B\", \"C\"",
        ),
        (&["--only", "Ramp[n=3]"], "did you mean \"Ramp[n="),
        (&["--skip", "Begin"], "setup and teardown always run"),
        (&["--skip", "Ramp", "--skip", "C"], "every step of the test is left out"),
    ] {
        let store = scratch();
        let refused = run(store.path(), extra);
        assert_eq!(refused.code, Some(2), "{extra:?}: {refused}");
        assert!(refused.err.contains(expected), "{extra:?}: {refused}");
    }
}

#[test]
fn every_repetition_has_a_record_and_the_exit_code_is_the_worst() {
    let store = scratch();
    let good = run(store.path(), "UNIT-5501", &["--repeat", "3"]);
    assert_eq!(good.code, Some(0), "{good}");
    assert!(good.out.contains("3 runs: 3 PASS"), "{good}");
    assert_eq!(records(store.path(), "pending").len(), 3);
    let bad = run(
        store.path(),
        "UNIT-5599",
        &["--repeat", "5", "--until-fail", "--format", "json"],
    );
    assert_eq!(bad.code, Some(1), "{bad}");
    let summary: Value = serde_json::from_str(bad.out.lines().last().unwrap()).unwrap();
    assert_eq!(
        summary,
        json!({ "event": "summary", "runs": 1, "outcomes": { "FAIL": 1 } })
    );
    let none = run(store.path(), "UNIT-5501", &["--repeat", "0"]);
    assert_eq!(none.code, Some(2), "{none}");
}

#[test]
fn instruments_stay_open_between_repetitions_and_are_in_their_start_state_each_time() {
    let served = Served::bench("UNIT-5501");
    let transcript = served.folder.path().join("said.txt");
    let mut command = served.run("UNIT-5501");
    command.args(["--repeat", "3", "--record"]).arg(&transcript);
    let run = done(&mut command);
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(records(&served.store(), "pending").len(), 3);
    assert!(!served.output_is_on());
    let said = fs::read_to_string(&transcript).unwrap();
    let count = |text: &str| said.matches(text).count();
    assert_eq!(count("OUTP ON,(@1)"), 3, "{said}");
    assert!(count("*IDN?") >= 9, "each run asks each instrument who it is: {said}");
}

#[test]
fn an_instrument_that_drops_its_connection_between_repetitions_is_opened_again() {
    let served = Served::bench("UNIT-5501");
    let text = fs::read_to_string("procedures/board-functional-v3.toml").unwrap();
    let path = served.folder.path().join("slow.toml");
    write(&path, &text.replace("\"250 ms\"", "\"700 ms\""));
    let mut command = served.run_procedure(&path, "UNIT-5501");
    command.args(["--repeat", "2", "--format", "json"]);
    let running = Running::start(&mut command);
    crate::testkit::eventually("the first record", || {
        (records(&served.store(), "pending").len() == 1).then_some(())
    });
    // every connection ends here; the second run may have begun, and then it is what a lost instrument is
    served.fault("dmm", "drop_connection --for-messages 1");
    let run = running.finish();
    let outcomes: Vec<Value> = records(&served.store(), "pending")
        .iter()
        .map(|path| json(path)["outcome"].clone())
        .collect();
    assert_eq!(outcomes[0], "PASS", "{run}");
    assert!(outcomes[1] == "PASS" || outcomes[1] == "ERROR", "{run}");
    assert!(!served.output_is_on());
}

#[test]
fn ctrl_c_ends_the_repetitions() {
    let served = Served::bench("UNIT-5501");
    let text = fs::read_to_string("procedures/board-functional-v3.toml").unwrap();
    let path = served.folder.path().join("long.toml");
    write(&path, &text.replace("\"250 ms\"", "\"60 s\""));
    let mut command = served.run_procedure(&path, "UNIT-5501");
    let running = Running::start(command.args(["--repeat", "9"]));
    crate::outputs_off::begun(&served.store(), "Settle");
    running.signal(Signal::SIGINT);
    let run = running.finish();
    assert_eq!(run.code, Some(5), "{run}");
    assert!(run.out.contains("1 run: 1 ABORTED"), "{run}");
    assert!(!served.output_is_on());
    assert_eq!(only_record(&served.store())["outcome"], "ABORTED");
}

#[test]
fn ci_reads_a_test_case_per_step() {
    let store = scratch();
    let file = store.path().join("junit.xml");
    let junit = ["--junit", file.to_str().unwrap()];
    let good = run(store.path(), "UNIT-5501", &junit);
    assert_eq!(good.code, Some(0), "{good}");
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"benchtop\">\n"),
        "{text}"
    );
    assert!(
        text.contains("tests=\"5\" failures=\"0\" errors=\"0\" skipped=\"0\""),
        "{text}"
    );
    assert!(
        text.contains("<testcase classname=\"BOARD-FUNCTIONAL-V3.test\" name=\"Power Rail Check\""),
        "{text}"
    );
    let bad = run(store.path(), "UNIT-5599", &junit);
    assert_eq!(bad.code, Some(1), "{bad}");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("failures=\"1\" errors=\"0\""), "{text}");
    assert!(text.contains("<failure message=\"vcc_3v3: 3.18"), "{text}");
    let partial = run(
        store.path(),
        "UNIT-5501",
        &[junit.as_slice(), &["--only", "Settle"]].concat(),
    );
    assert_eq!(partial.code, Some(5), "{partial}");
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("tests=\"6\" failures=\"0\" errors=\"1\" skipped=\"2\""),
        "{text}"
    );
    assert!(text.contains("name=\"the run\""), "{text}");
    let refused = run(store.path(), "UNIT-5501", &["--junit", "/no/such/folder/junit.xml"]);
    assert_eq!(refused.code, Some(2), "{refused}");
}

#[test]
fn a_unit_with_a_hostile_name_breaks_no_report() {
    let store = scratch();
    let procedure = store.path().join("any.toml");
    let text = fs::read_to_string("procedures/board-functional-v3.toml").unwrap();
    let any = text.replace("'^UNIT-\\d{4}$'", "'.*'");
    assert_ne!(any, text);
    write(&procedure, &any);
    let file = store.path().join("junit.xml");
    let mut command = benchtop();
    command
        .arg("run")
        .arg(&procedure)
        .args(["--serial", "<&\"'>", "--simulate=board-v3", "--junit"]);
    let run = done(command.arg(&file).arg("--store").arg(store.path().join("store")));
    assert_eq!(run.code, Some(0), "{run}");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("value=\"&lt;&amp;&quot;&apos;&gt;\""), "{text}");
}

#[test]
fn what_the_procedure_asks_of_a_unit_must_be_named() {
    let store = scratch();
    let procedure = store.path().join("asks.toml");
    let text = fs::read_to_string("procedures/board-functional-v3.toml").unwrap();
    let asks = "[unit_under_test]\nrevision = '[A-F]'\nbatch_number = 'W\\d+'\nsub_units = ['CELL-\\d+']\n";
    write(&procedure, &text.replacen("[unit_under_test]\n", asks, 1));
    let with = |extra: &[&str]| {
        let mut command = benchtop();
        command
            .arg("run")
            .arg(&procedure)
            .args(["--serial", "UNIT-5501", "--simulate=board-v3"]);
        done(command.args(extra).arg("--store").arg(store.path().join("store")))
    };
    let nothing = with(&[]);
    assert_eq!(nothing.code, Some(2), "{nothing}");
    for text in [
        "asks for the revision",
        "asks for the batch",
        "asks for 1 sub-units, 0 are named",
    ] {
        assert!(nothing.err.contains(text), "{text}: {nothing}");
    }
    let wrong = with(&["--revision", "G", "--batch", "47", "--sub-unit", "CELL-x"]);
    assert_eq!(wrong.err.matches("does not match").count(), 3, "{wrong}");
    let right = with(&["--revision", "B", "--batch", "W47", "--sub-unit", "CELL-1"]);
    assert_eq!(right.code, Some(0), "{right}");
}

/// Runs the board with a rule for units that come back, in a store in `folder`.
fn with_rule(folder: &Path, rule: &str, serial: &str, extra: &[&str]) -> Done {
    let procedure = folder.join("rule.toml");
    let text = fs::read_to_string(crate::testkit::BOARD).unwrap();
    let rule = format!("[unit_under_test]\nretest = \"{rule}\"\n");
    write(&procedure, &text.replacen("[unit_under_test]\n", &rule, 1));
    let mut command = benchtop();
    command.arg("run").arg(&procedure);
    command.args(["--serial", serial, "--simulate=board-v3"]).args(extra);
    done(command.arg("--store").arg(folder.join("store")))
}

#[test]
fn a_unit_that_comes_back_is_a_retest_and_the_procedure_has_the_last_word() {
    let store = scratch();
    let with = |rule, serial, extra: &[&str]| with_rule(store.path(), rule, serial, extra);
    let first = with("ask", "UNIT-5599", &[]);
    assert_eq!(first.code, Some(1), "{first}");
    let asked = with("ask", "UNIT-5599", &[]);
    assert_eq!(asked.code, Some(2), "{asked}");
    assert!(
        asked
            .err
            .contains("UNIT-5599 was tested once before, the last time FAIL on "),
        "{asked}"
    );
    assert!(asked.err.contains("--retest"), "{asked}");
    let again = with("ask", "UNIT-5599", &["--retest"]);
    assert_eq!(again.code, Some(1), "{again}");
    assert!(again.err.contains("a retest: "), "{again}");
    let most = with("max 2", "UNIT-5599", &[]);
    assert_eq!(most.code, Some(2), "{most}");
    assert!(most.err.contains("tests a unit 2 times at most"), "{most}");
    assert_eq!(with("max 2", "UNIT-5501", &[]).code, Some(0), "another unit");
    assert_eq!(with("allow", "UNIT-5599", &[]).code, Some(1));
    let found = records(&store.path().join("store"), "pending");
    let last = json(found.last().unwrap());
    assert_eq!(last["earlier_runs"]["count"], 2, "{last}");
    assert!(json(&found[0])["earlier_runs"].is_null());
}

#[test]
fn a_unit_whose_earlier_runs_cannot_be_read_is_not_tested_once_too_often() {
    let store = scratch();
    let with = |rule, extra: &[&str]| with_rule(store.path(), rule, "UNIT-5501", extra);
    assert_eq!(with("max 1", &[]).code, Some(0));
    // what is remembered of the unit cannot be read: a folder stands in its place
    let units = store.path().join("store/units");
    for file in fs::read_dir(&units).unwrap() {
        let file = file.unwrap().path();
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
    }
    let most = with("max 1", &[]);
    assert_eq!(most.code, Some(2), "{most}");
    assert!(
        most.err.contains("cannot see whether UNIT-5501 was tested before") && most.err.contains("1 times at most"),
        "{most}"
    );
    assert_eq!(with("ask", &[]).code, Some(2), "nobody is there to be asked");
    assert_eq!(with("ask", &["--retest"]).code, Some(0));
    let allowed = with("allow", &[]);
    assert_eq!(allowed.code, Some(0), "{allowed}");
    assert!(allowed.err.contains("cannot see whether"), "{allowed}");
}

/// The codes of so many runs of one unit that are started at once, in their order.
fn at_once(folder: &Path, rule: &str, count: usize) -> Vec<Option<i32>> {
    let procedure = folder.join("at_once.toml");
    let text = fs::read_to_string(crate::testkit::BOARD).unwrap();
    let rule = format!("[unit_under_test]\nretest = \"{rule}\"\n");
    write(&procedure, &text.replacen("[unit_under_test]\n", &rule, 1));
    let start = || {
        let mut command = benchtop();
        command.arg("run").arg(&procedure);
        command.args(["--serial", "UNIT-5501", "--simulate=board-v3", "--store"]);
        Running::start(command.arg(folder.join("store")))
    };
    let running: Vec<Running> = std::iter::repeat_with(start).take(count).collect();
    let mut codes: Vec<Option<i32>> = running.into_iter().map(|run| run.finish().code).collect();
    codes.sort_unstable();
    codes
}

#[test]
fn runs_of_one_unit_at_once_are_no_more_than_its_procedure_allows() {
    let store = scratch();
    // makes the store
    assert_eq!(with_rule(store.path(), "max 2", "UNIT-5502", &[]).code, Some(0));
    let codes = at_once(store.path(), "max 2", 5);
    assert_eq!(codes, [Some(0), Some(0), Some(2), Some(2), Some(2)]);
}

#[test]
fn the_tests_of_a_unit_are_counted_although_the_index_is_gone_and_blanks_are_around_its_number() {
    let store = scratch();
    let with = |serial| with_rule(store.path(), "max 2", serial, &[]);
    assert_eq!(with("UNIT-5501").code, Some(0));
    assert_eq!(with(" UNIT-5501 ").code, Some(0));
    for file in fs::read_dir(store.path().join("store/units")).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    for serial in ["UNIT-5501", "UNIT-5501 ", "  UNIT-5501"] {
        let most = with(serial);
        assert_eq!(most.code, Some(2), "{most}");
        assert!(most.err.contains("UNIT-5501 was tested 2 times before"), "{most}");
    }
    let blank = with(" ");
    assert_eq!(blank.code, Some(2), "{blank}");
    assert!(blank.err.contains("a serial number is not empty"), "{blank}");
    let found = records(&store.path().join("store"), "pending");
    assert!(
        found
            .iter()
            .all(|path| json(path)["unit_under_test"]["serial_number"] == "UNIT-5501")
    );
}
