//! What statistics say to people they say to programs too; and of histories of which there is little to say they say that.

use crate::testkit::{Done, benchtop, done, runs, scratch, simulated, station_with_folder, write};
use benchtop_store::{
    Record, RecordName, integrity,
    record::{MeasurementOutcome, ReadingKind, RunOutcome, StepOutcome, Value},
};
use chrono::TimeDelta;
use serde_json::Value as Json;
use std::{fs, io::Read, path::Path, process::Stdio};

/// A real run of a unit with two measurements, a minute after the one before; without a value where the station failed.
fn run(sequence: u32, value: Option<f64>) -> Record {
    let mut record = integrity::open(&fs::read("fixtures/records/run-1.json").unwrap()).unwrap();
    record.sequence = u64::from(sequence);
    record.run_id = format!("0195f000-0000-7000-8000-{sequence:012x}");
    record.unit_under_test.serial_number = format!("UNIT-{sequence:04}");
    record.started_at += TimeDelta::minutes(i64::from(sequence));
    (record.simulated, record.chain, record.reason) = (false, None, None);
    record.outcome = match value {
        Some(value) if (3.25..=3.35).contains(&value) => RunOutcome::Pass,
        Some(_) => RunOutcome::Fail,
        None => RunOutcome::Error,
    };
    record.run_passed = record.outcome == RunOutcome::Pass;
    record.failed_measurements.clear();
    record
        .steps
        .retain(|step| ["Power on", "Power Rail Check"].contains(&step.name.as_str()));
    let step = record.steps.last_mut().unwrap();
    step.attempts.clear();
    let mut second = step.measurements[0].clone();
    "vcc_copy".clone_into(&mut second.name);
    step.measurements.push(second);
    for measurement in &mut step.measurements {
        measurement.value = value.map(Value::Number);
        let (outcome, of_step) = match record.outcome {
            RunOutcome::Pass => (MeasurementOutcome::Pass, StepOutcome::Pass),
            RunOutcome::Fail => (MeasurementOutcome::Fail, StepOutcome::Fail),
            RunOutcome::Error | RunOutcome::Timeout | RunOutcome::Aborted => {
                measurement.reading_kind = ReadingKind::Missing;
                (MeasurementOutcome::Unset, StepOutcome::Error)
            }
        };
        (measurement.outcome, step.outcome) = (outcome, of_step);
    }
    record
}

fn put(store: &Path, record: &Record) {
    fs::create_dir_all(store.join("kept")).unwrap();
    let path = store.join("kept").join(RecordName::of(record).as_str());
    write(&path, &String::from_utf8(integrity::seal(record).unwrap()).unwrap());
}

/// Two procedures; the values of one rise, and one of them is far out.
fn rising(store: &Path) {
    for sequence in 1..=40 {
        let wave = f64::from(sequence % 3) * 0.002;
        let value = if sequence == 20 {
            3.40
        } else {
            3.26 + f64::from(sequence) * 0.0015 + wave
        };
        let mut record = run(sequence, Some(value));
        record.unit_under_test.batch = Some("W7".to_owned());
        put(store, &record);
    }
    for sequence in 41..=43 {
        let mut record = run(sequence, Some(3.3));
        "ANOTHER".clone_into(&mut record.procedure_id);
        put(store, &record);
    }
}

#[test]
fn programs_get_every_figure_of_the_screen() {
    let folder = scratch();
    rising(folder.path());
    let screen = runs(&["stats", "--procedure", "BOARD*"], folder.path());
    let json = runs(&["stats", "--format", "json"], folder.path()).json();
    let kinds: Vec<&str> = json.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    let each = ["yield", "measurement", "measurement"];
    assert_eq!(kinds, [each, each].concat());
    let (yields, vcc) = (&json[3], &json[4]);
    assert_eq!(
        (&yields["procedure_id"], &yields["runs"]),
        (&"BOARD-FUNCTIONAL-V3".into(), &40.into())
    );
    assert_eq!(yields["first_run_at"], "2026-03-04T05:07:07.000Z");
    assert_eq!(yields["last_run_at"], "2026-03-04T05:46:07.000Z");
    assert_eq!(
        (&yields["failing"][0]["runs"], &yields["failing"][1]["cumulated"]),
        (&1.into(), &1.0.into())
    );
    let number = |name: &str| vcc[name].as_f64().unwrap_or_else(|| panic!("{name}: {vcc}"));
    for (index, name) in [("cp", "Cp"), ("cpk", "Cpk"), ("pp", "Pp"), ("ppk", "Ppk")] {
        let bounds = [
            number(&format!("{index}_low")),
            number(index),
            number(&format!("{index}_high")),
        ];
        assert!(bounds.is_sorted(), "{index}: {bounds:?}");
        let said = screen.out.split_once(&format!("{name} ")).unwrap().1;
        let said: f64 = said.split_once(' ').unwrap().0.parse().unwrap();
        assert!(
            (said - bounds[1]).abs() <= 0.005 * bounds[1].abs(),
            "{name} {said}: {bounds:?}"
        );
    }
    assert!(number("trend_slope") > 0.0 && number("trend_p") < 0.01);
    let ahead = screen.out.split_once("meets its limit in about ").unwrap().1;
    let ahead: f64 = ahead.split_once(" more").unwrap().0.parse().unwrap();
    assert!((number("trend_meets_limit_in") - ahead).abs() <= 1.0, "{ahead}: {vcc}");
    for (column, said) in [
        ("rule_1_beyond_3_sigma", "rule 1: a point beyond 3 sigma ("),
        ("rule_4_eight_in_a_row", "rule 4: 8 in a row on one side ("),
        ("moving_range_beyond", "moving range beyond its limit ("),
    ] {
        let said = screen.out.split_once(said).unwrap().1;
        assert_eq!(said.split_once(' ').unwrap().0, vcc[column].to_string(), "{column}");
    }
    let bins = vcc["histogram"].as_array().unwrap();
    assert_eq!(bins.iter().map(|bin| bin["count"].as_u64().unwrap()).sum::<u64>(), 40);
    assert!(
        bins.len() > 2 && screen.out.matches('\u{2588}').count() > 20,
        "{screen}"
    );
}

#[test]
fn a_table_has_one_heading_and_the_numbers_of_the_objects() {
    let folder = scratch();
    rising(folder.path());
    let json = runs(&["stats", "--format", "json"], folder.path()).json();
    let table = runs(&["stats", "--format", "csv"], folder.path());
    let lines: Vec<&str> = table.out.lines().collect();
    assert_eq!(lines.len(), 5, "{table}");
    assert_eq!(table.out.matches("procedure_id").count(), 1, "{table}");
    // no text of this history has a comma in it but those that are quoted
    let cells = |line: &str| -> Vec<String> {
        let plain = line.split('"').step_by(2).collect::<Vec<_>>().join("quoted");
        plain.split(',').map(str::to_owned).collect()
    };
    let heading = cells(lines[0]);
    for (line, object) in [(lines[3], &json[4]), (lines[1], &json[1])] {
        let row = cells(line);
        assert_eq!(row.len(), heading.len(), "{line}");
        for (name, cell) in heading.iter().zip(&row) {
            match object.get(name) {
                Some(Json::Number(number)) => {
                    assert_eq!(cell.parse::<f64>().ok(), number.as_f64(), "{name}");
                }
                Some(Json::Null) => assert_eq!(cell, "", "{name}"),
                Some(Json::String(_) | Json::Array(_) | Json::Bool(_) | Json::Object(_)) | None => {}
            }
        }
    }
    for column in [
        "cpk_low",
        "ppk_high",
        "trend_p",
        "rule_2_two_of_three",
        "histogram",
        "first_passed",
        "failing",
    ] {
        assert!(heading.iter().any(|name| name == column), "{column}: {heading:?}");
    }
    let empty = scratch();
    for words in [&["--gauge"][..], &["--correlate", "vcc_3v3", "vcc_copy"]] {
        for store in [folder.path(), empty.path()] {
            let table = runs(&[&["stats", "--format", "csv"], words].concat(), store);
            assert_eq!(table.out.matches("procedure_id,").count(), 1, "{words:?}: {table}");
        }
    }
    // a procedure that has not both is named, and holds up no other
    let one = runs(&["stats", "--correlate", "vcc_3v3", "vcc_copy"], folder.path());
    assert!(one.code == Some(0) && one.out.contains("40 pairs"), "{one}");
    let mut lacking = run(50, Some(3.3));
    "A-THIRD".clone_into(&mut lacking.procedure_id);
    lacking.steps.last_mut().unwrap().measurements.pop();
    put(folder.path(), &lacking);
    let two = runs(&["stats", "--correlate", "vcc_3v3", "vcc_copy"], folder.path());
    assert!(two.code == Some(0) && two.out.contains("40 pairs"), "{two}");
    assert!(
        two.err.contains("A-THIRD: no measurement vcc_copy; there are vcc_3v3"),
        "{two}"
    );
}

#[test]
fn a_page_says_what_it_shows_which_runs_that_are_and_from_when_to_when() {
    let folder = scratch();
    rising(folder.path());
    for (words, expected) in [
        (
            &["--batch", "W7"][..],
            &[
                "<title>Batch W7: BOARD-FUNCTIONAL-V3</title>",
                "<h1>Batch W7: BOARD-FUNCTIONAL-V3</h1>",
                "<p>40 runs, from 2026-03-04 05:07 to 2026-03-04 05:46 (UTC).</p>",
                "<p>Which runs: production, batch W7.</p>",
                "Trend of vcc_3v3: 40 values; limits 3.25 .. 3.35 V; 1 beyond the limits; rises by ",
            ][..],
        ),
        (
            &[
                "--until",
                "2026-03-04T05:20:00Z",
                "--simulated",
                "--measurement",
                "vcc_3*",
            ],
            &[
                "<title>BOARD-FUNCTIONAL-V3: statistics</title>",
                "<p>Which runs: production, until 2026-03-04 05:20, simulated ones too.</p>",
                "<p>Only measurements named vcc_3*.</p>",
            ],
        ),
        (&[], &["<h1>Statistics of 2 procedures</h1>", "<p>43 runs, "]),
        (
            &["--batch", "W8"],
            &["<h1>Batch W8: no run</h1>", "<p>There is no run.</p>"],
        ),
    ] {
        let page = runs(&[&["stats", "--html", "-"], words].concat(), folder.path());
        assert_eq!(page.code, Some(0), "{page}");
        for expected in expected {
            assert!(page.out.contains(expected), "{words:?}: {expected}: {page}");
        }
    }
}

#[test]
fn a_unit_whose_failure_was_uploaded_and_pruned_is_no_first_pass_afterwards() {
    let folder = scratch();
    let store = folder.path().join("store");
    let station = station_with_folder(folder.path(), "share");
    for serial in ["UNIT-5599", "UNIT-5501"] {
        done(&mut simulated(&store, serial));
    }
    let synced = done(benchtop().args(["sync", "--station"]).arg(&station));
    assert_eq!(synced.code, Some(0), "{synced}");
    let mut retest = run(3, Some(3.3));
    retest.simulated = true;
    "UNIT-5599".clone_into(&mut retest.unit_under_test.serial_number);
    retest.started_at += TimeDelta::days(36_500);
    put(&store, &retest);
    let stats = |sentence: &str| {
        let said = runs(&["stats", "--simulated"], &store);
        assert!(
            said.code == Some(0) && said.out.contains(sentence),
            "{sentence}: {said}"
        );
        said
    };
    stats("50.0 %   1 of 2 units");
    let prune = ["prune", "--synced-before", "2100-01-01"];
    let pruned = done(benchtop().arg("runs").args(prune).arg("--station").arg(&station));
    assert!(
        pruned.code == Some(0) && pruned.out.starts_with("2 records gone"),
        "{pruned}"
    );
    let said = stats("no unit was judged");
    for sentence in [
        "came back       1 unit judged before, in none of these shares",
        "left out        2 runs whose records were pruned",
    ] {
        assert!(said.out.contains(sentence), "{sentence}: {said}");
    }
    let json = runs(&["stats", "--simulated", "--format", "json"], &store).json();
    assert_eq!((&json[0]["units"], &json[0]["pruned_left_out"]), (&0.into(), &2.into()));
}

#[test]
fn simulated_runs_are_found_where_a_run_without_a_store_puts_them() {
    let home = scratch();
    let here = |words: &[&str]| done(benchtop().args(words).env("XDG_DATA_HOME", home.path()));
    let run = here(&[
        "run",
        "procedures/board-functional-v3.toml",
        "--serial",
        "UNIT-5501",
        "--simulate",
    ]);
    assert_eq!(run.code, Some(0), "{run}");
    for words in [
        &["list"][..],
        &["show", "UNIT-5501"],
        &["diff", "1", "1"],
        &["verify"],
        &["export", "--format", "csv"],
        &["stats"],
        &["prune", "--synced-before", "2026-01-01", "--dry-run"],
    ] {
        let found = here(&[&["runs"], words, &["--simulated"]].concat());
        assert_eq!(found.code, Some(0), "{words:?}: {found}");
        let said = format!("{}{}", found.out, found.err);
        assert!(
            !said.contains("no such run") && !said.contains("No run"),
            "{words:?}: {found}"
        );
    }
    for words in [
        &["list"][..],
        &["show", "UNIT-5501"],
        &["show", "last"],
        &["export", "--format", "csv"],
        &["stats"],
    ] {
        let missed = here(&[&["runs"], words].concat());
        let said = format!("{}{}", missed.out, missed.err);
        assert!(
            said.contains("simulated runs have a store of their own: --simulated"),
            "{words:?}: {missed}"
        );
    }
}

#[test]
fn an_export_whose_reader_goes_away_ends_quietly() {
    let folder = scratch();
    // more than a pipe holds
    for sequence in 1..=400 {
        put(folder.path(), &run(sequence, Some(3.3)));
    }
    for format in ["csv", "junit", "atml"] {
        let mut command = benchtop();
        command
            .args(["runs", "export", "--format", format, "--store"])
            .arg(folder.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 16];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let ended = Done::from(child.wait_with_output().unwrap());
        assert_eq!(ended.code, Some(0), "{format}: {ended}");
        assert!(!ended.err.contains("error"), "{format}: {ended}");
    }
}

/// True where a number that is none was printed.
fn has_no_number(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    words.any(|word| ["nan", "inf", "infinity"].contains(&word.to_ascii_lowercase().as_str()))
}

/// What may be nothing without a word.
const MAY_BE_NOTHING: &[&str] = &["trend_meets_limit_in", "limit_low", "limit_high"];

#[test]
fn histories_of_which_there_is_little_to_say_give_sentences_in_every_format() {
    let histories: [(&str, &[Option<f64>], &str); 5] = [
        ("empty", &[], "No run counts."),
        ("one", &[Some(3.3)], "1 value: too few for capability (2)"),
        ("equal", &[Some(3.3); 9], "all values are 3.3: they do not vary"),
        ("fail", &[Some(3.5), Some(3.6), Some(3.55)], "0.0 %   0 of 3 units"),
        ("error", &[None, None], "no unit was judged"),
    ];
    for (name, values, sentence) in histories {
        let folder = scratch();
        let store = folder.path();
        for (value, sequence) in values.iter().zip(1..) {
            put(store, &run(sequence, *value));
        }
        let screen = runs(&["stats"], store);
        assert!(screen.out.contains(sentence), "{name}: {screen}");
        let page = runs(&["stats", "--html", "-"], store);
        assert!(page.out.starts_with("<!DOCTYPE html>"), "{name}: {page}");
        for format in ["human", "json", "csv"] {
            for words in [
                &["list"][..],
                &["stats"],
                &["stats", "--gauge"],
                &["stats", "--correlate", "vcc_3v3", "vcc_copy"],
            ] {
                let said = runs(&[words, &["--format", format]].concat(), store);
                assert!(matches!(said.code, Some(0 | 2)), "{name} {words:?}: {said}");
                assert!(
                    !has_no_number(&said.out) && !has_no_number(&said.err),
                    "{name} {words:?}: {said}"
                );
                assert!(
                    !said.out.is_empty() || !said.err.is_empty(),
                    "{name} {words:?} {format}"
                );
                if format == "human" {
                    assert!(
                        said.out.lines().all(|line| line.chars().count() <= 80),
                        "{name}: {said}"
                    );
                }
                if format != "json" {
                    continue;
                }
                for object in said.json() {
                    let mut nothing = object.as_object().unwrap().iter().filter(|(_, value)| value.is_null());
                    let note = object["note"].as_str().unwrap_or_default();
                    let unsaid = nothing.find(|(name, _)| {
                        note.is_empty() && !MAY_BE_NOTHING.contains(&name.as_str()) && *name != "note"
                    });
                    assert_eq!(unsaid, None, "{name} {words:?}: {object}");
                }
            }
        }
        for format in ["csv", "junit", "atml"] {
            let written = runs(&["export", "--format", format], store);
            let nothing = if values.is_empty() { Some(1) } else { Some(0) };
            assert_eq!(written.code, nothing, "{name} {format}: {written}");
            assert!(!has_no_number(&written.out), "{name} {format}: {written}");
            assert!(!values.is_empty() || written.err.contains("no such run"), "{written}");
        }
    }
}
