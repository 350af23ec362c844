//! What is wrong with a sync target is said before anything is to be sent: by `check`, `run`, `sync health` and `sync`, in the
//! same words at the same place.

use crate::testkit::{BOARD, Done, Served, benchtop, done, only_record, scratch, simulated, write};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

pub(crate) const STATION: &str = "fixtures/stations/bench-7.toml";
const UUID: &str = "550e8400-e29b-41d4-a716-446655440000";

/// A target's lines, and what is wrong with them: the line from its header on, the column, the severity in `check`, the words.
const WRONG: &[(&str, usize, usize, &str, &str)] = &[
    (
        "kind = \"tofupilot-v3\"\nurl = \"https://lab.example\"",
        3,
        8,
        "error",
        "there is no target of kind `tofupilot-v3`",
    ),
    (
        "kind = \"tofupilot-v2\"\nurl = \"nonsense\"\napi_key_file = \"key\"",
        4,
        7,
        "error",
        "url `nonsense`: relative URL without a base: expected https://HOST",
    ),
    (
        "kind = \"tofupilot-v1\"\nurl = \"\"\napi_key_file = \"key\"",
        4,
        7,
        "error",
        "url ``: ",
    ),
    (
        "kind = \"tofupilot-v2\"\nurl = \"http://lab.example\"\napi_key_file = \"key\"",
        4,
        7,
        "error",
        "url `http://lab.example`: http would show the API key to the network; use https",
    ),
    (
        "kind = \"tofupilot-v2\"\nurl = \"https://lab.example\"\napi_key_file = \"missing\"",
        5,
        16,
        "warning",
        "missing: No such file",
    ),
    (
        "kind = \"tofupilot-v2\"\nurl = \"https://lab.example\"\napi_key_file = \"open\"",
        5,
        16,
        "warning",
        "has mode 0644; others can read it: chmod 600",
    ),
    (
        "kind = \"tofupilot-v2\"\nurl = \"https://lab.example\"",
        1,
        1,
        "warning",
        "no API key; set TOFUPILOT_API_KEY",
    ),
    (
        "kind = \"tofupilot-v2\"\nurl = \"https://lab.example\"\napi_key_file = \"key\"\n[sync.targets.procedures]\nA = \"FVT1\"",
        7,
        5,
        "error",
        "`A` = `FVT1`: is not a UUID",
    ),
    (
        "kind = \"webhook\"\nurl = \"https://lab.example/hook\"",
        1,
        1,
        "error",
        "its secret is its own: name a file of mode 0600 as api_key_file",
    ),
    (
        "kind = \"webhook\"\nurl = \"https://lab.example/hook\"\napi_key_file = \"short\"",
        5,
        16,
        "warning",
        "fewer than 16 characters",
    ),
    (
        "kind = \"s3\"\nurl = \"https://lab.example/bucket\"\napi_key_file = \"key\"",
        5,
        16,
        "warning",
        "expected the access key id and the secret access key in api_key_file, a line each",
    ),
    (
        "kind = \"webhook\"\nurl = \"https://lab.example/hook\"\napi_key_file = \"key\"\nca_file = \"missing.pem\"",
        6,
        11,
        "warning",
        "missing.pem: No such file",
    ),
    (
        "kind = \"webhook\"\nurl = \"https://lab.example/other\"\napi_key_file = \"key\"\nproxy = \"socks5://10.0.0.1\"",
        6,
        9,
        "error",
        "it must begin with http:// or https://",
    ),
    (
        "kind = \"directory\"\nurl = \"\"",
        4,
        7,
        "error",
        "expected the path of a folder",
    ),
    (
        "kind = \"directory\"\nurl = \"https://lab.example\"",
        4,
        7,
        "error",
        "expected the path of a folder",
    ),
    (
        "kind = \"postgres\"\nurl = \"\"",
        4,
        7,
        "error",
        "expected postgres://USER@HOST/DATABASE",
    ),
    (
        "kind = \"postgres\"\nurl = \"postgres:///bench\"",
        4,
        7,
        "error",
        "expected postgres://USER@HOST/DATABASE",
    ),
];

/// The beginning of a station file with these targets called t0, t1 and so on; and the line of each one's header.
pub(crate) fn with_targets(folder: &Path, beginning: &str, targets: &[&str]) -> (PathBuf, Vec<usize>) {
    let secret = |name: &str, text: &str, mode: u32| {
        write(&folder.join(name), text);
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    secret("key", "0123456789abcdef", 0o600);
    secret("short", "0123456789", 0o600);
    secret("open", "0123456789abcdef", 0o644);
    let mut text = format!("{}\n", beginning.trim_end());
    let mut lines = Vec::new();
    for (index, target) in targets.iter().enumerate() {
        lines.push(text.lines().count() + 1);
        text.push_str(&format!("[[sync.targets]]\nname = \"t{index}\"\n{target}\n"));
    }
    let path = folder.join("station.toml");
    write(&path, &text);
    (path, lines)
}

fn with_station(command: &str, words: &[&str], station: &Path) -> Done {
    done(benchtop().arg(command).args(words).arg("--station").arg(station))
}

#[test]
fn check_tells_everything_that_is_wrong_with_the_targets_at_its_place() {
    let folder = scratch();
    let text = fs::read_to_string(STATION).unwrap();
    let (bench, _) = text.split_once("[[sync.targets]]").unwrap();
    // something else that is wrong keeps none of it from being said
    let bench = bench.replacen("keysight/e36312a", "keysight/e36313x", 1);
    let targets: Vec<&str> = WRONG.iter().map(|wrong| wrong.0).collect();
    let (station, headers) = with_targets(folder.path(), &bench, &targets);
    let json = with_station("check", &[BOARD, "--format", "json"], &station);
    assert_eq!(json.code, Some(2), "{json}");
    let found = json.json();
    let github = with_station("check", &[BOARD, "--format", "github"], &station);
    let human = with_station("check", &[BOARD], &station);
    for ((target, line, column, severity, words), header) in WRONG.iter().zip(&headers) {
        let line = header + line - 1;
        let is_it = |found: &&Value| {
            let message = found["message"].as_str().unwrap();
            (&found["line"], &found["column"]) == (&json!(line), &json!(column)) && message.contains(words)
        };
        let finding = found.iter().find(is_it);
        let finding = finding.unwrap_or_else(|| panic!("{target}\n{line}:{column}: {words}\n{json}"));
        assert_eq!(finding["severity"], *severity, "{target}: {finding}");
        assert!(finding["file"].as_str().unwrap().ends_with("station.toml"), "{finding}");
        let place = format!("station.toml,line={line},col={column}::");
        let mut annotations = github.out.lines().filter(|said| said.contains(words));
        assert!(
            annotations.any(|said| said.starts_with(&format!("::{severity} ")) && said.contains(&place)),
            "{target}\n{place}\n{github}"
        );
        assert!(human.err.contains(words), "{words}: {human}");
    }
    let of_the_bench = |found: &Value| found["message"].as_str().unwrap().contains("there is no driver");
    assert!(found.iter().any(of_the_bench), "{json}");
    // of the procedure that is checked, see below
    let is_of_it = |found: &Value| found["message"].as_str().unwrap().contains("has no TofuPilot UUID");
    let own: Vec<&Value> = found.iter().filter(|found| !is_of_it(found)).collect();
    let count = |severity| own.iter().filter(|found| found["severity"] == severity).count();
    let expected = |severity| WRONG.iter().filter(|wrong| wrong.3 == severity).count();
    assert_eq!(
        (count("error"), count("warning")),
        (expected("error") + 1, expected("warning")),
        "each once: {json}"
    );
}

#[test]
fn a_target_that_stands_there_twice_is_refused_for_each_run_would_be_sent_twice() {
    let folder = scratch();
    let text = fs::read_to_string(STATION).unwrap();
    let (bench, _) = text.split_once("[[sync.targets]]").unwrap();
    let once = "kind = \"tofupilot-v1\"\nurl = \"https://lab.example\"\napi_key_file = \"key\"";
    // other spellings of it, and the other version of the same server
    let again = [
        once.replace("lab.example", "lab.example/"),
        once.replace("lab.example", "LAB.example:443/api"),
        once.replace("v1", "v2"),
    ];
    // another key is another organization
    let other = once.replace("\"key\"", "\"key2\"");
    write(&folder.path().join("key2"), "0123456789abcdef");
    fs::set_permissions(folder.path().join("key2"), fs::Permissions::from_mode(0o600)).unwrap();
    let (station, headers) = with_targets(folder.path(), bench, &[once, &other, &again[0], &again[1], &again[2]]);
    let checked = with_station("check", &[BOARD, "--format", "json"], &station);
    let errors: Vec<Value> = checked
        .json()
        .into_iter()
        .filter(|found| found["severity"] == "error")
        .collect();
    assert_eq!(checked.code, Some(2), "{checked}");
    let lines: Vec<&Value> = errors.iter().map(|found| &found["line"]).collect();
    let expected: Vec<Value> = headers[2..].iter().map(|header| json!(header + 3)).collect();
    assert_eq!(lines, expected.iter().collect::<Vec<_>>(), "{checked}");
    let store = folder.path().join("store");
    fs::create_dir(&store).unwrap();
    let mut command = benchtop();
    command.args(["sync", "--station"]).arg(&station);
    let refused = done(command.env("BENCHTOP_STORE", &store));
    assert_eq!(refused.code, Some(2), "{refused}");
    for twin in ["t2", "t3", "t4"] {
        let words = format!("target {twin} is target t0 over again: each run would be there twice");
        assert!(refused.err.contains(&words), "{refused}");
    }
}

#[test]
fn a_database_is_the_same_however_its_url_is_written() {
    let folder = scratch();
    let text = fs::read_to_string(STATION).unwrap();
    let (bench, _) = text.split_once("[[sync.targets]]").unwrap();
    let targets = [
        "postgres://fleet@db.example/runs",
        "postgresql://fleet@DB.example:5432/runs?connect_timeout=3",
        "host=db.example user=fleet dbname=runs",
        "postgres://fleet@db.example:5433/runs",
        "postgres://fleet@db.example/other",
        "postgres://fleet@db.example/runs?options=-csearch_path%3Dline2",
        "postgres://line2@db.example/runs",
    ]
    .map(|url| format!("kind = \"postgres\"\nurl = \"{url}\"\napi_key_file = \"key\""));
    let targets = targets.each_ref().map(String::as_str);
    let (station, _) = with_targets(folder.path(), bench, &targets);
    let checked = with_station("check", &[BOARD], &station);
    for (number, is_twin) in (1..).zip([true, true, false, false, false, false]) {
        let target = format!("t{number}");
        let words = format!("target {target} is target t0 over again");
        assert_eq!(checked.err.contains(&words), is_twin, "{target}: {checked}");
    }
}

#[test]
fn a_target_that_only_confirms_the_same_again_is_warned_of_and_stops_no_sync() {
    let folder = scratch();
    fs::create_dir(folder.path().join("copies")).unwrap();
    let beginning = "[station]\nid = \"B\"\n[store]\nroot = \"store\"";
    let directory = |url: &str| format!("kind = \"directory\"\nurl = \"{url}\"\naccept_simulated = true");
    let (station, headers) = with_targets(folder.path(), beginning, &[&directory("copies"), &directory("copies/")]);
    let run = done(&mut simulated(&folder.path().join("store"), "UNIT-5501"));
    assert_eq!(run.code, Some(0), "{run}");
    let well = with_station("sync", &["health"], &station);
    assert_eq!((well.code, well.err.as_str()), (Some(0), ""), "{well}");
    let synced = with_station("sync", &[], &station);
    assert_eq!(synced.code, Some(0), "{synced}");
    let place = format!("station.toml:{}:7", headers[1] + 3);
    assert!(
        synced
            .err
            .contains("warning: target t1 is target t0 over again: what it confirms is no second copy")
            && synced.err.contains(&place),
        "{synced}"
    );
    assert_eq!(fs::read_dir(folder.path().join("copies")).unwrap().count(), 1);
}

#[test]
fn a_database_is_named_by_its_host_alone() {
    let folder = scratch();
    let text = fs::read_to_string(STATION).unwrap();
    let (bench, _) = text.split_once("[[sync.targets]]").unwrap();
    let urls = [
        "postgres://lab.example/bench",
        "postgres:///bench?host=/var/run/postgresql",
        "host=localhost dbname=bench",
    ];
    let targets = urls.map(|url| format!("kind = \"postgres\"\nurl = \"{url}\""));
    let (station, _) = with_targets(folder.path(), bench, &targets.each_ref().map(String::as_str));
    let well = with_station("check", &[BOARD], &station);
    assert_eq!((well.code, well.err.as_str()), (Some(0), ""), "{well}");
}

#[test]
fn what_only_this_machine_lacks_refuses_no_check() {
    let folder = scratch();
    let text = fs::read_to_string(STATION).unwrap();
    let (bench, _) = text.split_once("[[sync.targets]]").unwrap();
    let keyless = format!(
        "kind = \"tofupilot-v2\"\nurl = \"https://lab.example\"\n[sync.targets.procedures]\nBOARD-FUNCTIONAL-V3 = \"{UUID}\""
    );
    let (station, headers) = with_targets(folder.path(), bench, &[&keyless]);
    let warned = with_station("check", &[BOARD], &station);
    assert_eq!(warned.code, Some(0), "{warned}");
    assert!(warned.err.contains("no API key"), "{warned}");
    let mut keyed = benchtop();
    keyed.args(["check", BOARD, "--station"]).arg(&station);
    let quiet = done(keyed.env("TOFUPILOT_API_KEY", "k"));
    assert_eq!((quiet.code, quiet.err.as_str()), (Some(0), ""), "{quiet}");
    // a procedure whose runs would wait there
    let text = fs::read_to_string(&station).unwrap();
    write(
        &station,
        &text.replace("BOARD-FUNCTIONAL-V3 = \"550e", "ANOTHER = \"550e"),
    );
    let waits = with_station("check", &[BOARD, "--format", "json"], &station);
    let said = waits.json();
    let said = said.iter().find(|found| {
        found["message"]
            .as_str()
            .unwrap()
            .contains("procedure BOARD-FUNCTIONAL-V3 has no TofuPilot UUID")
    });
    let said = said.unwrap_or_else(|| panic!("{waits}"));
    assert_eq!(
        (waits.code, &said["severity"], &said["line"]),
        (Some(0), &json!("warning"), &json!(headers[0])),
        "{waits}"
    );
}

#[test]
fn a_run_warns_of_its_targets_and_is_refused_for_none() {
    let served = Served::bench("UNIT-5501");
    let bench = fs::read_to_string(&served.station).unwrap();
    let wrong = "kind = \"tofupilot-v2\"\nurl = \"nonsense\"";
    let (station, headers) = with_targets(served.folder.path(), &bench, &[wrong]);
    let run = |words: &[&str]| {
        let mut command = benchtop();
        command
            .args(["run", BOARD, "--serial", "UNIT-5501", "--station"])
            .arg(&station);
        done(command.args(words).arg("--store").arg(served.store()))
    };
    let place = format!("station.toml:{}:7", headers[0] + 3);
    let warned = run(&[]);
    assert_eq!(warned.code, Some(0), "{warned}");
    assert!(
        warned.err.contains("warning: target t0: url `nonsense`") && warned.err.contains(&place),
        "{warned}"
    );
    assert!(
        warned
            .err
            .contains("procedure BOARD-FUNCTIONAL-V3 has no TofuPilot UUID"),
        "{warned}"
    );
    assert_eq!(only_record(&served.store())["outcome"], "PASS");
    // who syncs may have a key that a run has not, unless the run itself begins the upload
    assert!(!warned.err.contains("TOFUPILOT_API_KEY"), "{warned}");
    let pushed = run(&["--sync"]);
    assert_eq!(pushed.code, Some(0), "{pushed}");
    assert!(pushed.err.contains("warning: target t0: no API key"), "{pushed}");
    // the operator's loop
    let mut command = benchtop();
    command
        .args(["station", BOARD, "--operator", "ada", "--station"])
        .arg(&station);
    let looped = done(command.arg("--store").arg(served.store()));
    assert!(looped.err.contains(&place), "{looped}");
}

#[test]
fn a_push_to_another_station_file_warns_of_that() {
    let folder = scratch();
    let wrong = "kind = \"webhook\"\nurl = \"https://lab.example\"";
    let (station, _) = with_targets(folder.path(), "[station]\nid = \"B\"", &[wrong]);
    let store = folder.path().join("store");
    let run = |sync: &str| done(simulated(&store, "UNIT-5501").arg(sync));
    let warned = run(&format!("--sync={}", station.display()));
    assert_eq!(warned.code, Some(0), "{warned}");
    assert!(
        warned.err.contains("station.toml:3:1") && warned.err.contains("its secret is its own"),
        "{warned}"
    );
    write(&station, "[station]\nid = \"B\"\ncolour = \"red\"\n");
    let broken = run(&format!("--sync={}", station.display()));
    assert_eq!(broken.code, Some(0), "{broken}");
    assert!(
        broken.err.contains("--sync uploads nothing: unknown key `colour`"),
        "{broken}"
    );
    // the bench's own file, where it is wrong, is not one that was not named
    let mut command = benchtop();
    command
        .args(["run", BOARD, "--serial", "UNIT-5501", "--sync", "--station"])
        .arg(&station);
    let own = done(command.arg("--store").arg(&store));
    assert_eq!(own.code, Some(2), "{own}");
    assert!(
        own.err.contains("unknown key `colour`") && !own.err.contains("no station file names targets"),
        "{own}"
    );
    write(&station, "[station]\nid = \"B\"\n");
    let nowhere = run(&format!("--sync={}", station.display()));
    assert_eq!(nowhere.code, Some(0), "{nowhere}");
    assert!(
        nowhere
            .err
            .contains("--sync uploads nothing: there is no [[sync.targets]] in this file"),
        "{nowhere}"
    );
    // a simulated run waits only where such are taken
    let unmapped = "kind = \"tofupilot-v2\"\nurl = \"https://lab.example\"\napi_key_file = \"short\"";
    for (accepts, expected) in [("false", false), ("true", true)] {
        let target = format!("{unmapped}\naccept_simulated = {accepts}");
        let (station, _) = with_targets(folder.path(), "[station]\nid = \"B\"", &[&target]);
        let said = run(&format!("--sync={}", station.display()));
        assert_eq!(said.err.contains("has no TofuPilot UUID"), expected, "{said}");
    }
    let missing = run("--sync=nowhere.toml");
    assert_eq!(missing.code, Some(0), "{missing}");
    assert!(missing.err.contains("--sync uploads nothing"), "{missing}");
    let nobody = run("--sync");
    assert_eq!(nobody.code, Some(0), "{nobody}");
    assert!(nobody.err.contains("--sync uploads nothing"), "{nobody}");
}

#[test]
fn health_is_not_ok_and_sync_refuses_in_the_same_words() {
    let folder = scratch();
    let beginning = "[station]\nid = \"B\"\n[store]\nroot = \"store\"";
    let run = done(&mut simulated(&folder.path().join("store"), "UNIT-5501"));
    assert_eq!(run.code, Some(0), "{run}");
    for (target, line, column, _, words) in WRONG {
        let (station, headers) = with_targets(folder.path(), beginning, &[target]);
        let place = format!("station.toml:{}:{column}", headers[0] + line - 1);
        let health = with_station("sync", &["health"], &station);
        assert_eq!(health.code, Some(3), "{target}: {health}");
        assert!(
            health.out.starts_with("a person is wanted: ") && health.out.contains("no upload to t0"),
            "{target}: {health}"
        );
        let status = with_station("sync", &["status", "--format", "json"], &station);
        let unusable = status.json()[0]["targets"]["t0"]["unusable"].to_string();
        assert!(unusable.contains(words), "{target}: {status}");
        let refused = with_station("sync", &[], &station);
        assert_eq!(refused.code, Some(2), "{target}: {refused}");
        for said in [&health, &refused] {
            assert!(
                said.err.contains(words) && said.err.contains(&place),
                "{target}: {said}"
            );
        }
    }
    let well = format!(
        "kind = \"tofupilot-v2\"\nurl = \"https://lab.example\"\napi_key_file = \"key\"\n[sync.targets.procedures]\nA = \"{UUID}\""
    );
    let (station, _) = with_targets(folder.path(), beginning, &[&well]);
    let health = with_station("sync", &["health"], &station);
    assert_eq!((health.code, health.err.as_str()), (Some(0), ""), "{health}");
}

#[test]
fn a_url_of_the_command_line_stands_for_a_wrong_one_and_is_looked_at_as_well() {
    let folder = scratch();
    let beginning = "[station]\nid = \"B\"\n[store]\nroot = \"store\"";
    let wrong = format!(
        "kind = \"tofupilot-v2\"\nurl = \"nonsense\"\napi_key_file = \"key\"\naccept_simulated = true\n\
         [sync.targets.procedures]\nBOARD-FUNCTIONAL-V3 = \"{UUID}\""
    );
    let (station, _) = with_targets(folder.path(), beginning, &[&wrong]);
    let run = done(&mut simulated(&folder.path().join("store"), "UNIT-5501"));
    assert_eq!(run.code, Some(0), "{run}");
    let demo = crate::demo::Demo::start(&[]);
    let as_wrong = with_station("sync", &["--url", "ftp://lab.example"], &station);
    assert_eq!(as_wrong.code, Some(2), "{as_wrong}");
    assert!(
        as_wrong.err.contains("url `ftp://lab.example`: `ftp` is not https"),
        "{as_wrong}"
    );
    let sent = with_station("sync", &["--url", &demo.url], &station);
    assert_eq!(
        (sent.code, demo.serials()),
        (Some(0), vec!["UNIT-5501".to_owned()]),
        "{sent}"
    );
}

#[test]
fn a_key_that_only_the_service_has_makes_health_ill_until_it_has_tried() {
    let demo = crate::demo::Demo::start(&[]);
    let (_folder, station, _store) = crate::demo::with_runs(&["UNIT-5501"], &demo.url);
    let before = with_station("sync", &["health"], &station);
    assert_eq!(before.code, Some(3), "{before}");
    assert!(before.err.contains("no API key"), "{before}");
    assert_eq!(crate::demo::sync(&[], &station).code, Some(0));
    let after = with_station("sync", &["health"], &station);
    assert_eq!((after.code, after.err.as_str()), (Some(0), ""), "{after}");
    // a file that only a service sees is excused by the same
    let own = fs::read_to_string(&station).unwrap();
    let health = |text: &str| {
        write(&station, text);
        with_station("sync", &["health"], &station)
    };
    let hidden = own.replace("accept_simulated", "api_key_file = \"missing\"\naccept_simulated");
    let tried = health(&hidden);
    assert_eq!((tried.code, tried.err.as_str()), (Some(0), ""), "{tried}");
    // of a target that was never tried it is told, but a key of the environment only while something waits
    let fresh = |text: &str| text.replace("\"tofupilot\"", "\"another\"");
    let missing = health(&fresh(&hidden));
    assert_eq!(missing.code, Some(3), "{missing}");
    let nothing_waits = health(&fresh(&own));
    assert_eq!(
        (nothing_waits.code, nothing_waits.err.as_str()),
        (Some(0), ""),
        "{nothing_waits}"
    );
}
