//! What `run` would refuse, `check` refuses: for every part, with every file that it is given, in each format.

use crate::testkit::{BOARD, Done, benchtop, done, scratch, write};
use serde_json::{Value, json};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

const STATION: &str = "fixtures/stations/bench-7.toml";
const LIMIT: &str = "limit      = { low = 3.25, high = 3.35 }";

fn check(procedure: &Path, words: &[&str]) -> Done {
    done(benchtop().arg("check").arg(procedure).args(words))
}

fn run(folder: &Folder, words: &[&str]) -> Done {
    let mut command = benchtop();
    command.arg("run").arg(folder.board()).args(["--serial", "UNIT-5501"]);
    done(command.args(words).arg("--store").arg(folder.0.path().join("store")))
}

/// The board's procedure in a folder of its own.
struct Folder(TempDir);

impl Folder {
    /// With a limits file in place of the limit of its voltage; `part` is written where it is of one part only.
    fn with_limits(limits: &str, of_one_part: bool) -> Self {
        let text = fs::read_to_string(BOARD).unwrap();
        let part = "part_number   = \"PCB-1042\"";
        assert!(text.contains(LIMIT) && text.contains(part), "{text}");
        let mut text = text.replacen(LIMIT, "", 1);
        if !of_one_part {
            text = text.replacen(part, "", 1);
        }
        let folder = Self(scratch());
        write(&folder.board(), &format!("limits = \"limits.toml\"\n{text}"));
        write(&folder.0.path().join("limits.toml"), limits);
        folder
    }

    fn board(&self) -> PathBuf {
        self.0.path().join("board.toml")
    }
}

/// Where a finding is, as each format writes it; the human one draws an excerpt.
fn expect_in_every_format(procedure: &Path, words: &[&str], place: (&str, usize, usize), message: &str) {
    let (file, line, column) = place;
    let human = check(procedure, words);
    assert_eq!(human.code, Some(2), "{human}");
    assert!(human.err.contains(message), "{message}: {human}");
    assert!(human.out.contains("refused"), "{human}");
    let json = check(procedure, &[words, &["--format", "json"]].concat());
    assert_eq!(json.code, Some(2), "{json}");
    let lines = json.json();
    let is_it = |found: &&Value| {
        found["severity"] == "error"
            && found["file"].as_str().is_some_and(|found| found.ends_with(file))
            && found["message"].as_str().is_some_and(|found| found.contains(message))
    };
    let found = lines.iter().find(is_it);
    let found = found.unwrap_or_else(|| panic!("{message} in {file}: {json}"));
    assert_eq!(
        (&found["line"], &found["column"]),
        (&json!(line), &json!(column)),
        "{json}"
    );
    assert_eq!(json.err, "", "nothing is said that a program does not read");
    let github = check(procedure, &[words, &["--format", "github"]].concat());
    assert_eq!(github.code, Some(2), "{github}");
    let annotated = github.out.lines().any(|annotation| {
        annotation.starts_with("::error file=")
            && annotation.contains(&format!("{file},line={line},col={column}::"))
            && annotation.contains(message)
    });
    assert!(annotated, "{message} in {file}: {github}");
    assert_eq!(github.err, "", "nothing is said that a program does not read");
}

#[test]
fn the_limits_of_every_part_are_read_without_a_bench() {
    let limits = "revision = \"C\"\nlimits.vcc_3v3 = { low = 3.25, high = 3.35 }\n\
                  variants.PCB-1042.limits.vcc_3v3 = { low = 3.2, high = 3.35 }\n\
                  variants.PCB-1043.limits.vcc_3v3 = { low = 5, high = 3 }\n";
    for of_one_part in [true, false] {
        let folder = Folder::with_limits(limits, of_one_part);
        for words in [&[] as &[&str], &["--simulate"], &["--station", STATION]] {
            expect_in_every_format(
                &folder.board(),
                words,
                ("limits.toml", 4, 36),
                "part PCB-1043: measurement \"vcc_3v3\": the limit is upside down: low 5 V is above high 3 V",
            );
        }
        let refused = run(&folder, &["--simulate", "--part", "PCB-1043"]);
        assert_eq!(refused.code, Some(2), "{refused}");
        let good = run(&folder, &["--simulate", "--part", "PCB-1042"]);
        assert_eq!(good.code, Some(0), "{good}");
    }
}

#[test]
fn limits_that_only_parts_have_judge_something() {
    let text = fs::read_to_string(BOARD).unwrap();
    let limits = "revision = \"C\"\nvariants.PCB-1.limits.vcc_3v3 = { low = 3.25, high = 3.35 }\n\
                  variants.PCB-2.limits.vcc_3v3 = { low = 3.2, high = 3.4 }\n";
    let folder = Folder::with_limits(limits, false);
    // its only other limit
    let only = text
        .replacen(LIMIT, "", 1)
        .replacen("part_number   = \"PCB-1042\"", "", 1);
    let other = "limit      = { low = 30, high = 60 }";
    assert!(only.contains(other), "{only}");
    write(
        &folder.board(),
        &format!("limits = \"limits.toml\"\n{}", only.replacen(other, "", 1)),
    );
    for words in [&[] as &[&str], &["--simulate"], &["--station", STATION]] {
        let good = check(&folder.board(), words);
        assert_eq!(good.code, Some(0), "{good}");
    }
    let ran = run(&folder, &["--simulate", "--part", "PCB-2"]);
    assert_eq!(ran.code, Some(0), "{ran}");
    // a part without limits of its own has nothing to be judged by, and is the one that is named
    let third = format!("{limits}[variants.PCB-3]\n");
    write(&folder.0.path().join("limits.toml"), &third);
    let message = "part PCB-3: no measurement has a limit: nothing would be judged";
    for words in [&[] as &[&str], &["--simulate"]] {
        let refused = check(&folder.board(), words);
        assert_eq!(refused.code, Some(2), "{refused}");
        assert!(refused.err.contains(message), "{refused}");
    }
    let refused = run(&folder, &["--simulate", "--part", "PCB-3"]);
    assert_eq!(refused.code, Some(2), "{refused}");
}

#[test]
fn an_answer_that_the_bench_has_not_is_missed_for_every_part() {
    let folder = Folder(scratch());
    let text = fs::read_to_string(BOARD).unwrap();
    let text = text.replacen("part_number   = \"PCB-1042\"", "", 1);
    let more = "\n[[steps]]\nname = \"Label\"\nprompt = { name = \"label\", message = \"What does it say?\", kind = \"choice\", \
                choices = [{ param = \"first\" }, \"B\"] }\n\
                [parameters.first]\ndefault = \"A\"\n[variants.PCB-1]\nfirst = \"C\"\n[variants.PCB-2]\n";
    write(&folder.board(), &format!("{text}{more}"));
    let refused = check(&folder.board(), &["--simulate"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    // of all parts, so it is said once, and of none
    assert!(
        refused
            .err
            .contains("error: prompt \"label\": the simulated bench board-v3 has no answer"),
        "{refused}"
    );
    assert_eq!(refused.err.matches("error").count(), 1, "{refused}");
}

/// The station file with something in it changed, beside a procedure.
fn station(folder: &Path, from: &str, to: &str) -> PathBuf {
    let text = fs::read_to_string(STATION).unwrap();
    assert!(text.contains(from), "{from}");
    let path = folder.join("station.toml");
    write(&path, &text.replacen(from, to, 1));
    path
}

#[test]
fn a_calibration_that_is_overdue_and_a_procedure_that_is_not_listed_are_refused_at_their_places() {
    let folder = scratch();
    let due = "[instruments.dmm]\ncalibration_due = 2020-01-02\n";
    for (from, to, place, message) in [
        (
            "[instruments.dmm]\n",
            due,
            ("station.toml", 18, 19),
            "the calibration of dmm was due on 2020-01-02",
        ),
        (
            "[store]\n",
            "[procedures.OTHER]\n[store]\n",
            ("station.toml", 44, 2),
            "BENCH-7 does not test units with BOARD-FUNCTIONAL-V3, only with OTHER",
        ),
        (
            "[store]\n",
            "[procedures.BOARD-FUNCTIONAL-V3]\nversion = \"2.9.0\"\n[store]\n",
            ("station.toml", 45, 11),
            "this BOARD-FUNCTIONAL-V3 has the version 3.0.0, which is not the one that tests units here",
        ),
        (
            "[store]\n",
            "[store]\nsigning_key = \"/nowhere/key\"\n",
            ("station.toml", 1, 1),
            "[store] signing_key:",
        ),
    ] {
        let path = station(folder.path(), from, to);
        expect_in_every_format(Path::new(BOARD), &["--station", path.to_str().unwrap()], place, message);
    }
    let path = station(folder.path(), "[instruments.dmm]\n", due);
    let text = fs::read_to_string(&path).unwrap();
    write(
        &path,
        &text.replacen("calibration = \"refuse\"", "calibration = \"warn\"", 1),
    );
    let warned = check(Path::new(BOARD), &["--station", path.to_str().unwrap()]);
    assert_eq!(warned.code, Some(0), "{warned}");
    assert!(
        warned.err.contains("the calibration of dmm was due on 2020-01-02"),
        "{warned}"
    );
}

#[test]
fn the_digest_that_a_station_allows_is_one_parts_and_the_others_are_named() {
    let folder = Folder::with_limits(
        "revision = \"C\"\nlimits.vcc_3v3 = { low = 3.25 }\n[variants.PCB-1]\n[variants.PCB-2]\n",
        false,
    );
    let digest = "ab".repeat(32);
    let listed = format!("[procedures.BOARD-FUNCTIONAL-V3]\nsha256 = \"{digest}\"\n[store]\n");
    let path = station(folder.0.path(), "[store]\n", &listed);
    let refused = check(
        &folder.board(),
        &["--station", path.to_str().unwrap(), "--format", "json"],
    );
    assert_eq!(refused.code, Some(2), "{refused}");
    for part in ["part PCB-1: ", "part PCB-2: "] {
        let of_part = format!("{part}this BOARD-FUNCTIONAL-V3 has the digest ");
        assert!(refused.out.contains(&of_part), "{refused}");
    }
}

#[test]
fn a_bench_or_a_file_that_is_not_there_keeps_nothing_from_being_said() {
    let folder = scratch();
    let bad = folder.path().join("bad.toml");
    let text = fs::read_to_string(BOARD).unwrap();
    write(&bad, &text.replacen("low = 3.25, high = 3.35", "low = 5, high = 3", 1));
    let message = "low 5 V is above high 3 V";
    let (line, _) = text.lines().enumerate().find(|(_, line)| line.contains(LIMIT)).unwrap();
    let nowhere = folder.path().join("nowhere.toml");
    let nowhere = nowhere.to_str().unwrap();
    for words in [
        &["--station", nowhere] as &[&str],
        &["--simulate=nowhere"],
        // an id for which there is no bench
        &["--simulate=", nowhere],
    ] {
        expect_in_every_format(&bad, words, ("bad.toml", line + 1, 14), message);
    }
    expect_in_every_format(&bad, &["--station", nowhere], ("nowhere.toml", 1, 1), "cannot read");
    let missing = "there is no simulated bench nowhere";
    expect_in_every_format(&bad, &["--simulate=nowhere"], ("bad.toml", 1, 1), missing);
    // in the middle: what is named behind it is checked too
    expect_in_every_format(
        Path::new(nowhere),
        &[BOARD, bad.to_str().unwrap()],
        ("nowhere.toml", 1, 1),
        "there is no file",
    );
    expect_in_every_format(
        Path::new(nowhere),
        &[bad.to_str().unwrap()],
        ("bad.toml", line + 1, 14),
        message,
    );
    let large = folder.path().join("large.toml");
    write(&large, &"# more than a page\n".repeat(60_000));
    expect_in_every_format(&large, &[], ("large.toml", 1, 1), "at most 1 MiB is read");
    let latin = folder.path().join("latin.toml");
    let mut file = fs::File::create(&latin).unwrap();
    file.write_all(b"procedure = \xff").unwrap();
    expect_in_every_format(
        &latin,
        &[bad.to_str().unwrap()],
        ("latin.toml", 1, 1),
        "is not UTF-8 text",
    );
}

#[test]
fn the_ratios_of_every_part_are_printed_with_its_name() {
    let folder = scratch();
    let text = fs::read_to_string("procedures/reference-board.toml").unwrap();
    let limit = "limit      = { nominal = 2.5, tolerance = \"1 mV\", guard_band = \"u95\" }";
    let part = "part_number   = \"PCB-2500\"";
    assert!(text.contains(limit) && text.contains(part), "{text}");
    let text = text.replacen(limit, "", 1).replacen(part, "", 1);
    let path = folder.path().join("reference.toml");
    write(&path, &format!("limits = \"limits.toml\"\n{text}"));
    write(
        &folder.path().join("limits.toml"),
        "revision = \"1\"\nvariants.WIDE.limits.vref = { nominal = 2.5, tolerance = \"1 mV\" }\n\
         variants.NARROW.limits.vref = { nominal = 2.5, tolerance = \"400 uV\" }\n\
         variants.SAME.limits.vref = { nominal = 2.5, tolerance = \"1 mV\" }\n",
    );
    let human = check(&path, &["--simulate=reference-board"]);
    assert_eq!(human.code, Some(0), "{human}");
    assert!(
        human.out.contains("TUR 7.2:1  part SAME, part WIDE: vref  (U = "),
        "{human}"
    );
    assert!(human.out.contains("TUR 2.9:1  part NARROW: vref  (U = "), "{human}");
    assert!(human.err.contains("warning: part NARROW: "), "{human}");
    let json = check(&path, &["--simulate=reference-board", "--format", "json"]);
    let lines = json.json();
    let cases: Vec<&Value> = lines
        .iter()
        .filter(|line| line["kind"] == "TUR")
        .map(|line| &line["case"])
        .collect();
    assert_eq!(cases, [&json!("part NARROW"), &json!("part SAME, part WIDE")], "{json}");
}

#[test]
fn about_how_long_it_takes_is_printed() {
    let human = check(Path::new(BOARD), &["--simulate"]);
    assert_eq!(human.code, Some(0), "{human}");
    // a wait of 250 ms and two readings of 400 ms
    assert!(human.out.contains("takes about 1.05 s"), "{human}");
    let json = check(Path::new(BOARD), &["--simulate", "--format", "json"]);
    let lines = json.json();
    let estimate = lines.iter().find(|line| line["duration_s"].is_number()).unwrap();
    assert_eq!(
        (&estimate["duration_s"], &estimate["prompts"], &estimate["case"]),
        (&json!(1.05), &json!(0), &Value::Null)
    );
    let github = check(Path::new(BOARD), &["--simulate", "--format", "github"]);
    assert_eq!((github.code, github.out.as_str()), (Some(0), ""), "{github}");
    let folder = scratch();
    let text = fs::read_to_string(BOARD).unwrap();
    let text = text.replacen("part_number   = \"PCB-1042\"", "", 1).replacen(
        "wait = \"250 ms\"",
        "wait = { param = \"settle\" }",
        1,
    );
    let path = folder.path().join("slow.toml");
    let parts = "\n[parameters.settle]\ndefault = \"250 ms\"\n[variants.QUICK]\n[variants.SLOW]\nsettle = \"1 min\"\n";
    write(&path, &format!("{text}{parts}"));
    let of_parts = check(&path, &["--simulate"]);
    assert_eq!(of_parts.code, Some(0), "{of_parts}");
    assert!(of_parts.out.contains("part QUICK: takes about 1.05 s"), "{of_parts}");
    assert!(of_parts.out.contains("part SLOW: takes about "), "{of_parts}");
    let refused = folder.path().join("refused.toml");
    write(&refused, &text);
    let refused = check(&refused, &["--simulate"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(!refused.out.contains("takes about"), "{refused}");
}

#[test]
fn sweeps_that_make_more_steps_than_any_procedure_are_refused() {
    let folder = Folder(scratch());
    let text = fs::read_to_string(BOARD).unwrap();
    let sweeps = "\n[[steps]]\nname = \"Outer\"\nfor_each = { param = \"outer\", start = 1, stop = 10000, step = 1 }\n\
                  [[steps.steps]]\nname = \"Inner\"\nfor_each = { param = \"inner\", start = 1, stop = 11, step = 1 }\nwait = \"1 s\"\n";
    write(&folder.board(), &format!("{text}{sweeps}"));
    let refused = check(&folder.board(), &[]);
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(
        refused.err.contains("these sweeps make more than 100000 steps"),
        "{refused}"
    );
}

#[test]
fn mistakes_beyond_the_first_thousand_are_counted_in_each_format() {
    let folder = Folder(scratch());
    let steps = "[[steps]]\nname = \"\"\nwait = \"1 s\"\n".repeat(1_100);
    write(
        &folder.board(),
        &format!("procedure = {{ id = \"A\", version = \"1\" }}\n{steps}"),
    );
    for format in ["human", "json", "github"] {
        let refused = check(&folder.board(), &["--format", format]);
        assert_eq!(refused.code, Some(2), "{format}");
        let said = format!("{}{}", refused.out, refused.err);
        assert!(said.contains("more findings, not shown"), "{format}");
    }
}
