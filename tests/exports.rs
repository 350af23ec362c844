//! `benchtop runs export`: a file is there whole or not at all, and says what the records say.

use crate::testkit::{Done, benchtop, done, records, scratch, simulated, write};
use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use std::{fs, path::Path, process::Stdio};

pub(crate) fn export(store: &Path, words: &[&str]) -> Done {
    done(benchtop().args(["runs", "export", "--store"]).arg(store).args(words))
}

/// A store with a unit that passed and one that failed.
pub(crate) fn tested(store: &Path) {
    for (serial, code) in [("UNIT-5501", 0), ("UNIT-5599", 1)] {
        assert_eq!(done(&mut simulated(store, serial)).code, Some(code));
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_export_is_written_whole_and_replaces_nothing_unasked() {
    let folder = scratch();
    let (store, out) = (folder.path().join("store"), folder.path().join("out"));
    fs::create_dir(&out).unwrap();
    tested(&store);
    let file = out.join("runs.csv");
    let path = file.to_str().unwrap();
    let all = export(&store, &["--format", "csv", "--output", path]);
    assert_eq!(all.code, Some(0), "{all}");
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(
        text.lines().count(),
        5,
        "a heading and two measurements of two runs: {text}"
    );
    assert!(text.starts_with("run_id,sequence,procedure_id,"), "{text}");
    let again = export(&store, &["--format", "csv", "--output", path]);
    assert_eq!(again.code, Some(2), "{again}");
    assert!(again.err.contains("there already (--force replaces it)"), "{again}");
    let failed = ["--format", "csv", "--output", path, "--force", "--outcome", "fail"];
    let failed = export(&store, &failed);
    assert_eq!(failed.code, Some(0), "{failed}");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.lines().count() == 3 && text.contains("UNIT-5599"), "{text}");
    let none = ["--format", "csv", "--output", path, "--force", "--serial", "UNIT-0000"];
    let none = export(&store, &none);
    assert_eq!(none.code, Some(1), "{none}");
    assert!(none.err.contains("no such run"), "{none}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text, "what was there is left alone");
    let nowhere = export(&store, &["--format", "csv", "--output", "/no/such/folder/x.csv"]);
    assert_eq!(nowhere.code, Some(2), "{nowhere}");
    assert_eq!(names(&out), ["runs.csv"]);
    let piped = export(&store, &["--format", "csv", "--outcome", "fail"]);
    assert_eq!(piped.out, text);
}

#[test]
fn an_export_that_cannot_be_whole_leaves_no_file() {
    let folder = scratch();
    let (store, out) = (folder.path().join("store"), folder.path().join("out"));
    fs::create_dir(&out).unwrap();
    tested(&store);
    let file = out.join("report.json");
    let wsjf = ["--format", "wsjf", "--output", file.to_str().unwrap()];
    let two = export(&store, &[&wsjf[..], &["--process-code", "10"]].concat());
    assert_eq!(two.code, Some(2), "{two}");
    assert!(two.err.contains("a file holds one run"), "{two}");
    let unsaid = export(&store, &wsjf);
    assert_eq!(unsaid.code, Some(2), "{unsaid}");
    assert!(unsaid.err.contains("--process-code"), "{unsaid}");
    assert_eq!(names(&out), Vec::<String>::new());
    let each = [
        "--format",
        "wsjf",
        "--process-code",
        "10",
        "--output",
        out.to_str().unwrap(),
    ];
    let each = export(&store, &each);
    assert_eq!(each.code, Some(0), "{each}");
    let found = names(&out);
    assert!(
        found.len() == 2 && found.iter().all(|name| name.ends_with(".json")),
        "{found:?}"
    );
}

#[test]
fn a_damaged_record_is_named_and_is_not_in_the_export() {
    let folder = scratch();
    let store = folder.path().join("store");
    tested(&store);
    let pending = records(&store, "pending");
    let text = fs::read_to_string(&pending[0]).unwrap();
    write(&pending[0], &text.replacen("UNIT-5501", "UNIT-5510", 1));
    let rest = export(&store, &["--format", "junit"]);
    assert_eq!(rest.code, Some(3), "{rest}");
    assert!(rest.err.contains("0000000001_UNIT-5501"), "{rest}");
    assert!(
        rest.out.contains("UNIT-5599") && !rest.out.contains("UNIT-5510"),
        "{rest}"
    );
}

#[test]
fn what_is_no_text_is_not_written_to_a_terminal() {
    let folder = scratch();
    let store = folder.path().join("store");
    tested(&store);
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let path = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
    let theirs = rustix::fs::open(path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let mut command = benchtop();
    command
        .args(["runs", "export", "--format", "stdf", "--store"])
        .arg(&store);
    let child = command.stdout(theirs).stderr(Stdio::piped()).spawn().unwrap();
    let refused = Done::from(child.wait_with_output().unwrap());
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.err.contains("not for a terminal"), "{refused}");
}
