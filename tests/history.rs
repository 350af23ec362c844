//! `benchtop runs list|show|diff|stats`: the station answers questions by itself.

use crate::{
    pages::Browser,
    testkit::{BOARD, Done, benchtop, done, records, runs, scratch, simulated, write},
};
use std::{fs, path::Path};

/// A seeded history: the same units read the same on every machine.
fn history(store: &Path, units: std::ops::Range<u32>) {
    for unit in units {
        done(&mut simulated(store, &format!("UNIT-{unit}")));
    }
}

/// Without what differs from run to run: times, folders, ids.
fn lines_of_run(text: &str) -> Vec<&str> {
    let changing = |line: &&str| !line.starts_with("record ") && !line.trim().is_empty();
    text.lines().filter(changing).collect()
}

#[test]
fn show_prints_a_run_as_the_operator_saw_it() {
    let folder = scratch();
    let store = folder.path().join("store");
    for serial in ["UNIT-5501", "UNIT-5599"] {
        let ran = done(&mut simulated(&store, serial));
        let shown = runs(&["show", serial], &store);
        assert_eq!(shown.code, Some(0), "{shown}");
        assert_eq!(lines_of_run(&shown.out), lines_of_run(&ran.out), "{serial}");
    }
    let path = records(&store, "pending")[0].clone();
    let by_file = runs(&["show", path.to_str().unwrap()], &store);
    assert_eq!(by_file.out, runs(&["show", "1"], &store).out);
    assert!(runs(&["show", "last"], &store).out.contains("FAIL  UNIT-5599"));
    let json = runs(&["show", "1", "--format", "json"], &store);
    let json: serde_json::Value = serde_json::from_str(json.out.trim()).unwrap();
    assert_eq!(json["unit_under_test"]["serial_number"], "UNIT-5501");
    let none = runs(&["show", "UNIT-9999"], &store);
    assert_eq!(none.code, Some(2), "{none}");
    assert!(none.err.contains("no such run"), "{none}");
}

#[test]
fn diff_compares_two_runs_or_a_run_with_a_golden_one() {
    let folder = scratch();
    let store = folder.path().join("store");
    history(&store, 5501..5503);
    done(&mut simulated(&store, "UNIT-5599"));
    let without = runs(&["diff", "UNIT-5599"], &store);
    assert_eq!(without.code, Some(2), "{without}");
    assert!(
        without.err.contains("no golden run of BOARD-FUNCTIONAL-V3"),
        "{without}"
    );
    let same = runs(&["diff", "1", "2"], &store);
    assert_eq!(same.code, Some(0), "{same}");
    assert!(
        same.out.contains("no outcome differs") && same.out.contains("vcc_3v3"),
        "{same}"
    );
    done(simulated(&store, "UNIT-5501").args(["--purpose", "golden"]));
    let golden = runs(&["diff", "UNIT-5599"], &store);
    assert_eq!(golden.code, Some(1), "{golden}");
    assert!(golden.out.contains("FAIL -> PASS"), "{golden}");
    let csv = runs(&["diff", "UNIT-5599", "--format", "csv"], &store);
    assert!(
        csv.out
            .lines()
            .next()
            .unwrap()
            .starts_with("step,measurement,first_outcome"),
        "{csv}"
    );
    let json = runs(&["diff", "1", "2", "--format", "json"], &store);
    assert!(
        !json.out.is_empty()
            && json
                .out
                .lines()
                .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()),
        "{json}"
    );
}

#[test]
fn stats_counts_units_and_says_what_it_left_out() {
    let folder = scratch();
    let store = folder.path().join("store");
    fs::create_dir(&store).unwrap();
    let empty = runs(&["stats"], &store);
    assert_eq!((empty.code, empty.out.trim()), (Some(0), "No run counts."), "{empty}");
    done(&mut simulated(&store, "UNIT-5501"));
    let left_out = runs(&["stats"], &store);
    assert!(
        left_out
            .out
            .contains("left out 1 simulated run (--simulated counts them)"),
        "{left_out}"
    );
    let one = runs(&["stats", "--simulated"], &store);
    assert_eq!(one.code, Some(0), "{one}");
    assert!(one.out.contains("100.0 %   1 of 1 units"), "{one}");
    history(&store, 5502..5512);
    done(&mut simulated(&store, "UNIT-5599"));
    done(&mut simulated(&store, "UNIT-5501"));
    let all = runs(&["stats", "--simulated"], &store);
    for needed in [
        "first pass",
        "12 units",
        "Cpk",
        "what failed",
        "only 1",
        "left out: 1 retest",
        "control limits",
    ] {
        assert!(all.out.contains(needed), "{needed}: {all}");
    }
    for line in all.out.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for word in ["NaN", "inf", "\u{1b}"] {
        assert!(!all.out.contains(word), "{word}: {all}");
    }
    let json = runs(&["stats", "--simulated", "--format", "json"], &store);
    let lines = json.json();
    assert_eq!((&lines[0]["kind"], &lines[0]["units"]), (&"yield".into(), &12.into()));
    assert_eq!(
        (&lines[1]["measurement"], &lines[1]["n"]),
        (&"vcc_3v3".into(), &12.into())
    );
    let csv = runs(
        &["stats", "--simulated", "--format", "csv", "--measurement", "idle*"],
        &store,
    );
    assert_eq!(csv.out.lines().count(), 2, "{csv}");
    let pairs = runs(
        &["stats", "--simulated", "--correlate", "vcc_3v3", "idle_current_ma"],
        &store,
    );
    assert!(pairs.out.contains("r = ") && pairs.out.contains("12 pairs"), "{pairs}");
    let correlated = |format| {
        let words = [
            "stats",
            "--simulated",
            "--format",
            format,
            "--correlate",
            "vcc_3v3",
            "idle_current_ma",
        ];
        runs(&words, &store)
    };
    let json = correlated("json");
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&json["pairs"], &json["first"]), (&12.into(), &"vcc_3v3".into()));
    assert!(json["r"].as_f64().is_some_and(|r| (-1.0..=1.0).contains(&r)), "{json}");
    let csv = correlated("csv");
    assert!(csv.out.starts_with("procedure_id,first,second,pairs,r,"), "{csv}");
    assert_eq!(csv.out.lines().count(), 2, "{csv}");
    for format in ["json", "csv"] {
        // of the purpose of which there is none
        let none = runs(
            &["stats", "--simulated", "--purpose", "golden", "--format", format],
            &store,
        );
        // a table without a row, and no object
        assert_eq!(none.out.lines().count(), usize::from(format == "csv"), "{none}");
        assert!(none.err.contains("No run counts."), "{none}");
    }
    let wrong = runs(&["stats", "--simulated", "--correlate", "vcc_3v3", "vcc"], &store);
    assert_eq!(wrong.code, Some(2), "{wrong}");
    assert!(wrong.err.contains("there are vcc_3v3, idle_current_ma"), "{wrong}");
}

#[test]
fn histories_that_say_nothing_give_sentences() {
    let folder = scratch();
    // one operator makes no study
    let store = folder.path().join("equal");
    history(&store, 5501..5502);
    // the same unit by one operator, again and again
    for _ in 0..4 {
        done(
            benchtop()
                .args([
                    "run",
                    BOARD,
                    "--serial",
                    "UNIT-5501",
                    "--simulate",
                    "--operator",
                    "A",
                    "--purpose",
                    "gauge_study",
                    "--store",
                ])
                .arg(&store),
        );
    }
    let equal = runs(&["stats", "--simulated", "--gauge"], &store);
    assert_eq!(equal.code, Some(0), "{equal}");
    assert!(
        equal.err.contains("two or more appraisers (operators); there is one"),
        "{equal}"
    );
    // all fail
    let store = folder.path().join("fail");
    for _ in 0..3 {
        done(&mut simulated(&store, "UNIT-5599"));
    }
    let failed = runs(&["stats", "--simulated"], &store);
    assert!(failed.out.contains("0.0 %   0 of 1 units"), "{failed}");
    assert!(!failed.out.contains("NaN"), "{failed}");
}

#[test]
fn a_gauge_study_is_read_from_its_runs() {
    let folder = scratch();
    let store = folder.path().join("store");
    for operator in ["Ann", "Bo"] {
        for unit in 5501..5504 {
            for _ in 0..2 {
                let serial = format!("UNIT-{unit}");
                done(simulated(&store, &serial).args(["--operator", operator, "--purpose", "gauge_study"]));
            }
        }
    }
    let study = runs(&["stats", "--simulated", "--gauge"], &store);
    assert_eq!(study.code, Some(0), "{study}");
    for needed in [
        "2 operators, 3 units, 2 trials",
        "analysis of variance",
        "average and range",
        "number of distinct categories",
    ] {
        assert!(study.out.contains(needed), "{needed}: {study}");
    }
    let csv = runs(&["stats", "--simulated", "--gauge", "--format", "csv"], &store);
    assert!(csv.out.contains(",gauge R&R,"), "{csv}");
    // the studies are no production
    assert!(runs(&["stats", "--simulated"], &store).out.contains("No run counts."));
}

/// A run of the board in a gauge study.
fn in_study(store: &Path, serial: &str, operator: &str, study: &str, trial: &str) -> Done {
    let mut command = simulated(store, serial);
    command.args(["--purpose", "gauge_study", "--operator", operator]);
    done(command.args(["--study", study, "--trial", trial]))
}

#[test]
fn gauge_studies_are_told_apart_by_name_and_each_trial_must_be_there_once() {
    let folder = scratch();
    let store = folder.path().join("store");
    // trial by trial, as a study is made
    for trial in ["2", "1"] {
        for operator in ["Ann", "Bo"] {
            for serial in ["UNIT-5502", "UNIT-5501"] {
                let ran = in_study(&store, serial, operator, "GAUGE-1", trial);
                assert_eq!(ran.code, Some(0), "{ran}");
            }
        }
    }
    let ran = in_study(&store, "UNIT-5501", "Ann", "GAUGE-2", "1");
    let shown = runs(&["show", "last"], &store);
    assert!(shown.out.contains("gauge study GAUGE-2, trial 1"), "{shown}");
    assert_eq!(lines_of_run(&shown.out), lines_of_run(&ran.out));
    let record: serde_json::Value =
        serde_json::from_str(runs(&["show", "1", "--format", "json"], &store).out.trim()).unwrap();
    assert_eq!(record["study"], "GAUGE-1");
    assert_eq!(record["trial"], 2);
    let all = runs(&["stats", "--simulated", "--gauge"], &store);
    assert_eq!(all.code, Some(0), "{all}");
    for needed in [
        "gauge study GAUGE-1, 8 runs",
        "gauge study GAUGE-2, 1 run",
        "2 operators, 2 units, 2 trials",
    ] {
        assert!(all.out.contains(needed), "{needed}: {all}");
    }
    assert!(all.err.contains("two or more appraisers"), "{all}");
    let json = runs(
        &[
            "stats",
            "--simulated",
            "--gauge",
            "--study",
            "GAUGE-1",
            "--format",
            "json",
        ],
        &store,
    );
    assert!(json.err.is_empty(), "{json}");
    let lines = json.json();
    assert!(
        !lines.is_empty() && lines.iter().all(|line| line["study"] == "GAUGE-1"),
        "{json}"
    );
    let listed = runs(&["list", "--study", "GAUGE-1"], &store);
    assert_eq!(listed.out.lines().count(), 8, "{listed}");
    assert!(listed.out.contains("GAUGE-1, trial 2"), "{listed}");
    let columns = runs(&["list", "--study", "GAUGE-2", "--format", "csv"], &store);
    let lines: Vec<&str> = columns.out.lines().collect();
    assert!(
        lines[0].ends_with(",reason,study,trial") && lines[1].ends_with(",GAUGE-2,1"),
        "{columns}"
    );
    let exported = runs(&["export", "--format", "junit", "--study", "*-2"], &store);
    assert_eq!(exported.out.matches("<testsuite ").count(), 1, "{exported}");
    assert!(
        exported.out.contains("<property name=\"study\" value=\"GAUGE-2\""),
        "{exported}"
    );
    assert!(
        exported.out.contains("<property name=\"trial\" value=\"1\""),
        "{exported}"
    );
    let rows = runs(&["export", "--format", "csv", "--study", "GAUGE-1"], &store);
    let mut lines = rows.out.lines();
    assert!(lines.next().unwrap().ends_with(",study,trial"), "{rows}");
    assert!(
        lines.all(|line| line.ends_with(",GAUGE-1,1") || line.ends_with(",GAUGE-1,2")),
        "{rows}"
    );
    let export = |format, more: &[&str]| {
        let words = [&["export", "--format", format, "--study", "GAUGE-2"], more].concat();
        let written = runs(&words, &store);
        assert_eq!(written.code, Some(0), "{format}: {written}");
        written.out
    };
    assert!(export("atml", &[]).contains("GAUGE-2"));
    assert!(export("wsjf", &["--process-code", "10"]).contains("\"study\""));
    let lot = folder.path().join("lot.stdf");
    export("stdf", &["--output", lot.to_str().unwrap()]);
    let lot = fs::read(lot).unwrap();
    let said = b"study=GAUGE-2 trial=1";
    assert!(lot.windows(said.len()).any(|part| part == said));
    // a trial too many
    in_study(&store, "UNIT-5502", "Bo", "GAUGE-1", "2");
    let twice = runs(&["stats", "--simulated", "--gauge", "--study", "GAUGE-1"], &store);
    assert!(
        twice
            .err
            .contains("the study is not balanced: Bo measured UNIT-5502 2 times in trial 2, not once"),
        "{twice}"
    );
}

#[test]
fn a_trial_belongs_to_a_gauge_study_and_to_nothing_else() {
    let folder = scratch();
    let check = |words: &[&str], said: &str| {
        let refused = done(simulated(folder.path(), "UNIT-5501").args(words));
        assert_eq!(refused.code, Some(2), "{refused}");
        assert!(refused.err.contains(said), "{said}: {refused}");
    };
    let only = "only a run with --purpose gauge_study belongs to a gauge study";
    check(&["--study", "GAUGE-1", "--trial", "1"], only);
    check(&["--study", "GAUGE-1", "--trial", "1", "--purpose", "golden"], only);
    let study = ["--purpose", "gauge_study", "--study", "GAUGE-1"];
    check(&study, "--trial");
    check(&[&study[..], &["--trial", "0"]].concat(), "--trial");
    check(&[&study[..], &["--trial", "1", "--repeat", "2"]].concat(), "--repeat");
    check(
        &["--purpose", "gauge_study", "--study", "", "--trial", "1"],
        "is not empty",
    );
    assert!(records(folder.path(), "pending").is_empty());
}

#[test]
fn the_index_is_never_the_truth() {
    let folder = scratch();
    let store = folder.path().join("store");
    history(&store, 5501..5504);
    let expected = runs(&["list"], &store).out;
    let index = store.join("index/history.idx");
    assert!(index.is_file());
    for of_another_form in [
        "benchtop.index/1\nof an earlier program",
        "benchtop.index/2\nnot what follows",
    ] {
        write(&index, of_another_form);
        assert_eq!(runs(&["list"], &store).out, expected);
    }
    fs::remove_dir_all(store.join("index")).unwrap();
    assert_eq!(runs(&["list"], &store).out, expected);
    let record = records(&store, "pending")[1].clone();
    let text = fs::read_to_string(&record).unwrap();
    write(&record, &text.replacen("UNIT-5502", "UNIT-5512", 1));
    let altered = runs(&["list"], &store);
    assert_eq!(altered.code, Some(3), "{altered}");
    assert!(altered.err.contains("digest or length differ"), "{altered}");
    assert_eq!(altered.out.lines().count(), 2, "{altered}");
    fs::remove_file(&record).unwrap();
    assert_eq!(runs(&["list"], &store).code, Some(0));
}

#[test]
fn a_damaged_record_is_named_where_the_one_before_it_is_taken_for_it() {
    let folder = scratch();
    let store = folder.path().join("store");
    done(&mut simulated(&store, "UNIT-5501"));
    for _ in 0..2 {
        done(simulated(&store, "UNIT-5501").args(["--purpose", "golden"]));
    }
    done(&mut simulated(&store, "UNIT-5501"));
    let all = records(&store, "pending");
    let damage = |at: usize| {
        let text = fs::read_to_string(&all[at]).unwrap();
        write(&all[at], &text.replacen("UNIT-5501", "UNIT-5511", 1));
        format!("warning: pending/{}: ", all[at].file_name().unwrap().to_str().unwrap())
    };
    let newest = damage(3);
    for word in ["last", "UNIT-5501"] {
        let shown = runs(&["show", word], &store);
        assert!(shown.out.contains("UNIT-5501"), "{shown}");
        assert_eq!(shown.err.matches(&newest).count(), 1, "{word}: {shown}");
        assert!(shown.err.contains("digest or length differ"), "{shown}");
    }
    let gone = runs(&["show", "4"], &store);
    assert!(
        gone.code == Some(2) && gone.err.contains(&newest) && gone.err.contains("no such run"),
        "{gone}"
    );
    let sound = runs(&["show", "1"], &store);
    assert!(
        !sound.err.contains(&newest),
        "it is not the one that was asked for: {sound}"
    );
    let golden = damage(2);
    // the index still knows it from when it was sound: it is the one that is meant, and cannot be read
    let refused = runs(&["diff", "1"], &store);
    assert_eq!(refused.code, Some(3), "{refused}");
    fs::remove_dir_all(store.join("index")).unwrap();
    let differs = runs(&["diff", "1"], &store);
    assert_eq!(differs.code, Some(0), "{differs}");
    assert_eq!(differs.err.matches(&golden).count(), 1, "{differs}");
    damage(1);
    fs::remove_dir_all(store.join("index")).unwrap();
    let none = runs(&["diff", "1"], &store);
    assert!(
        none.code == Some(2) && none.err.contains(&golden) && none.err.contains("no golden run"),
        "{none}"
    );
}

#[test]
fn what_hands_do_in_the_same_moment_as_the_store_is_found_by_a_check() {
    let folder = scratch();
    let store = folder.path().join("store");
    history(&store, 5501..5504);
    assert_eq!(runs(&["list"], &store).out.lines().count(), 3);
    let pending = store.join("pending");
    let moment = fs::metadata(&pending).unwrap().modified().unwrap();
    fs::remove_file(&records(&store, "pending")[0]).unwrap();
    fs::File::open(&pending).unwrap().set_modified(moment).unwrap();
    let checked = runs(&["list", "--check"], &store);
    assert_eq!(checked.out.lines().count(), 2, "{checked}");
    // altered where it lies, and on no page
    let record = records(&store, "pending")[0].clone();
    let text = fs::read_to_string(&record).unwrap();
    write(&record, &text.replacen("UNIT-5502", "UNIT-5512", 1));
    let page = runs(&["list", "--limit", "1"], &store);
    assert_eq!(page.code, Some(0), "{page}");
    let checked = runs(&["list", "--limit", "1", "--check"], &store);
    assert!(
        checked.code == Some(3) && checked.err.contains("digest or length differ"),
        "{checked}"
    );
}

#[test]
fn pages_are_written_and_hold_what_was_tested() {
    let folder = scratch();
    let store = folder.path().join("store");
    history(&store, 5501..5511);
    let (run, all) = (folder.path().join("run.html"), folder.path().join("all.html"));
    let shown = runs(&["show", "UNIT-5501", "--html", run.to_str().unwrap()], &store);
    assert_eq!(shown.code, Some(0), "{shown}");
    let page = fs::read_to_string(&run).unwrap();
    assert!(page.contains("vcc_3v3") && page.contains("<svg") && !page.contains("<script"));
    let stats = runs(&["stats", "--simulated", "--html", all.to_str().unwrap()], &store);
    assert_eq!(stats.code, Some(0), "{stats}");
    let page = fs::read_to_string(&all).unwrap();
    assert!(page.contains("Control chart of vcc_3v3") && page.contains("10 of 10 units"));
    look_at(&run, "vcc_3v3");
    look_at(&all, "idle_current_ma");
}

/// A browser's own view of a page: what it reads, and that it draws something.
fn look_at(page: &Path, needle: &str) {
    let Some(browser) = Browser::find() else { return };
    let read = browser.open(page, &["--dump-dom"]);
    assert!(read.out.contains(needle) && read.out.contains("role=\"img\""), "{read}");
    browser.draw(page, &[]);
}

/// The README shows this screen; it is what the command prints for the runs that it names.
#[test]
fn the_readme_shows_the_screen_that_the_command_prints() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let section = readme.split_once("## What the history says").unwrap().1;
    let shown = section.split_once("```text\n").unwrap().1.split_once("```").unwrap().0;
    let folder = scratch();
    let store = folder.path().join("history");
    history(&store, 5501..5541);
    history(&store, 5599..5600);
    let printed = runs(&["stats", "--simulated"], &store);
    assert_eq!(printed.code, Some(0), "{printed}");
    // the first line says when
    let first = |text: &str| text.lines().next().unwrap().split_once(',').unwrap().0.to_owned();
    assert_eq!(first(shown), first(&printed.out));
    let rest = |text: &str| text.trim_end().lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(rest(shown), rest(&printed.out));
}

#[test]
fn a_measurement_that_is_asked_for_and_is_not_there_is_told() {
    let folder = scratch();
    let store = folder.path().join("store");
    history(&store, 5501..5503);
    let stats = |name: &str, format: &str| {
        let words = ["stats", "--simulated", "--measurement", name, "--format", format];
        runs(&words, &store)
    };
    for format in ["human", "json", "csv"] {
        let wrong = stats("vcc_3v4", format);
        let told = "no measurement with numbers is called vcc_3v4; there are idle_current_ma, vcc_3v3";
        assert!(wrong.code == Some(0) && wrong.err.contains(told), "{wrong}");
        for right in ["vcc_3v3", "*_ma"] {
            let right = stats(right, format);
            assert!(
                right.code == Some(0) && !right.err.contains("no measurement with"),
                "{right}"
            );
        }
    }
}
