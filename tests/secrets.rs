//! No secret of a sync target is shown: not where it stands in the wrong place, nor beside another mistake.

use crate::targets::{STATION, with_targets};
use crate::testkit::{BOARD, benchtop, done, scratch, simulated};
use std::fs;

#[test]
fn credentials_in_a_url_are_drawn_in_no_excerpt() {
    let folder = scratch();
    let text = fs::read_to_string(STATION).unwrap();
    let (bench, _) = text.split_once("[[sync.targets]]").unwrap();
    let targets = [
        "kind = \"tofupilot-v2\"\nurl = \"https://me:hunter2@lab.example\"\napi_key_file = \"key\"",
        "kind = \"webhook\"\nurl = \"https://lab.example\"\napi_key_file = \"key\"\nproxy = \"ftp://me:hunter2@10.0.0.1\"",
        "kind = \"postgres\"\nurl = \"postgres://me:hunter2@lab.example/x\"",
    ];
    let (station, headers) = with_targets(folder.path(), bench, &targets);
    fs::create_dir(folder.path().join("store")).unwrap();
    for words in [&["check", BOARD] as &[&str], &["sync"], &["sync", "health"]] {
        let mut command = benchtop();
        command.args(words).arg("--station").arg(&station);
        let said = done(command.env("BENCHTOP_STORE", folder.path().join("store")));
        assert!(!said.out.contains("hunter2") && !said.err.contains("hunter2"), "{said}");
        for (header, (line, column)) in headers.iter().zip([(3, 7), (5, 9), (3, 7)]) {
            let place = format!("station.toml:{}:{column}", header + line);
            assert!(said.err.contains(&place), "{place}: {said}");
        }
    }
}

#[test]
fn no_excerpt_of_a_station_file_shows_a_secret() {
    let text = fs::read_to_string(STATION).unwrap();
    let (bench, _) = text.split_once("[[sync.targets]]").unwrap();
    for target in [
        // where it does not belong
        "kind = \"tofupilot-v2\"\nurl = \"https://lab.example\"\napi_key = \"hunter2\"",
        "kind = \"tofupilot-v2\"\nurl = \"https://lab.example\"\napi_key = hunter2",
        "kind = \"tofupilot-v2\"\nurl = \"https://lab.example\"\napi_key_file = \"hunter2-7a1b2c3d4e5f6071\"",
        "kind = \"webhook\"\nurl = \"https://lab.example\"\nheaders = { Authorization = \"Bearer hunter2\" }",
        "kind = \"s3\"\nurl = \"https://lab.example/x\"\nsecret_access_key = \"hun\\\"hunter2\"",
        "kind = \"tofupilot-v2\"\nurl = \"https://lab.example\"\napi_key \"hunter2\"",
        "kind = \"tofupilot-v2\"\nurl = \"https://lab.example\"\napi_key = [\n  \"hunter2\",\n]",
        "kind = \"tofupilot-v2\"\nurl = \"https://lab.example\"\napi_key =\n\"hunter2\"",
        // on the line of another mistake
        "kind = \"postgres\"\nurl = \"postgres://me:hunter2@db/x\" oops",
        "kind = \"postgres\"\nurl = \"me:hun'hunter2@db/x\" oops",
        "kind = \"webhook\"\nurl = \"https://hunter2@lab.example\" oops",
        "kind = \"postgres\"\nurl = \"postgres://db/x\"\nurl = \"postgres://me:hunter2@db/x\"",
        "kind = \"webhook\"\nurl = [\"https://lab.example/?token=hunter2\"]",
    ] {
        let folder = scratch();
        let (station, _) = with_targets(folder.path(), bench, &[target]);
        for format in ["human", "json", "github"] {
            let mut command = benchtop();
            command
                .args(["check", BOARD, "--format", format, "--station"])
                .arg(&station);
            let said = done(&mut command);
            assert!(
                !said.out.contains("hunter2") && !said.err.contains("hunter2"),
                "{target} as {format}: {said}"
            );
            assert!(
                said.err.contains("station.toml") || said.out.contains("station.toml"),
                "{said}"
            );
        }
    }
}

/// Station files whose targets are wrong, or lack something, where a secret stands: after a bench, or instead of `[[sync.targets]]`.
const WITH_SECRETS: &[&str] = &[
    "kind = \"directory\"\nurl = \"smb://me:hunter2@nas/x\"",
    "kind = \"postgres\"\nurl = \"postgres://me@db/x?password=hunter2\"",
    "kind = \"postgres\"\nurl = \"host=db user=me password=hunter2\"",
    "kind = \"postgres\"\nurl = \"host=db user=me password=hun hunter2=1\"",
    "kind = \"webhook\"\nurl = \"https://hooks.example/in?token=hunter2\"\napi_key_file = \"key\"",
    "kind = \"webhook\"\nurl = \"https://hooks.example/in#hunter2\"\napi_key_file = \"key\"",
    "kind = \"webhook\"\nurl = \"https://hooks.example/in?to=me@x&token=hunter2\"\napi_key_file = \"key\"",
];

/// The same in the lines of `[sync]`: several targets in one line of the file.
const IN_ONE_LINE: &[&str] = &[
    "{ name = \"t0\", kind = \"tofupilot-v2\", url = \"https://lab.example\", api_key_file = \"key\", \
     accept_simulated = true, proxy = \"http://me:hunter2@proxy.example:3128\" }",
    // near each other, for an excerpt of a long line is cut
    "{ name = \"t0\", kind = \"webhook\", url = \"https://h.x\", api_key_file = \"key\", proxy = \"http://me:hunter2@p:1\" }, \
     { name = \"t1\", kind = \"nope\", url = \"https://h.x\" }",
];

#[test]
fn no_secret_of_a_target_is_shown_by_any_command() {
    let text = fs::read_to_string(STATION).unwrap();
    let (bench, _) = text.split_once("[[sync.targets]]").unwrap();
    let as_tables = WITH_SECRETS.iter().map(|target| (bench.to_owned(), vec![*target]));
    let in_one_line = IN_ONE_LINE
        .iter()
        .map(|line| (format!("{bench}\n[sync]\ntargets = [{line}]"), Vec::new()));
    for (beginning, targets) in as_tables.chain(in_one_line) {
        let folder = scratch();
        let (station, _) = with_targets(folder.path(), &beginning, &targets);
        let store = folder.path().join("store");
        let run = done(simulated(&store, "UNIT-5501").arg(format!("--sync={}", station.display())));
        assert_eq!(run.code, Some(0), "{run}");
        let asked = |words: &[&str]| {
            let mut command = benchtop();
            command.args(words).arg("--station").arg(&station);
            done(command.env("BENCHTOP_STORE", &store))
        };
        let said = [
            run,
            asked(&["check", BOARD]),
            asked(&["check", BOARD, "--format", "json"]),
            asked(&["check", BOARD, "--format", "github"]),
            asked(&["sync", "health"]),
            asked(&["sync", "status"]),
            asked(&["sync", "status", "--format", "json"]),
            asked(&["sync"]),
        ];
        for said in &said {
            assert!(
                !said.out.contains("hunter2") && !said.err.contains("hunter2"),
                "{targets:?} {said}"
            );
        }
        // it is said all the same
        for said in &said[..4] {
            assert!(said.out.contains("target") || said.err.contains("target"), "{said}");
        }
    }
}
