//! The stand-in server, and the outbox of a real process against it.

use crate::testkit::{Done, Running, benchtop, done, eventually, records, scratch, simulated, write};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
};

pub(crate) const PROCEDURE: &str = "550e8400-e29b-41d4-a716-446655440000";

/// `benchtop demo-server`, ended with the test.
pub(crate) struct Demo {
    pub(crate) url: String,
    _process: Running,
}

impl Demo {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut process = Running::start(benchtop().arg("demo-server").args(arguments));
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        let url = line["url"].as_str().unwrap().to_owned();
        Self { url, _process: process }
    }

    /// One request on a connection of its own: status line and headers, body.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.url.trim_start_matches("http://")).unwrap();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        (head.to_owned(), body.to_owned())
    }

    pub(crate) fn arrived(&self) -> Value {
        serde_json::from_str(&self.ask("GET", "/demo/arrived", "").1).unwrap()
    }

    pub(crate) fn serials(&self) -> Vec<String> {
        let arrived = self.arrived();
        let runs = arrived["runs"].as_array().unwrap().iter();
        runs.map(|run| run["body"]["serial_number"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn faults(&self, order: &Value) {
        let (head, body) = self.ask("POST", "/demo/faults", &order.to_string());
        assert!(head.contains(" 200 "), "{head} {body}");
    }
}

/// A station file with one v2 target.
pub(crate) fn station(folder: &Path, url: &str) -> PathBuf {
    let path = folder.join("sync-station.toml");
    let text = format!(
        "[station]\nid = \"BENCH-7\"\n[store]\nroot = \"store\"\n[[sync.targets]]\nname = \"tofupilot\"\nkind = \"tofupilot-v2\"\n\
         url = \"{url}\"\naccept_simulated = true\n[sync.targets.procedures]\nBOARD-FUNCTIONAL-V3 = \"{PROCEDURE}\"\n"
    );
    write(&path, &text);
    path
}

pub(crate) fn sync(words: &[&str], station: &Path) -> Done {
    let mut command = benchtop();
    command.arg("sync").args(words).arg("--station").arg(station);
    done(command.env("TOFUPILOT_API_KEY", "k"))
}

pub(crate) fn with_runs(serials: &[&str], url: &str) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = scratch();
    let store = folder.path().join("store");
    for serial in serials {
        done(&mut simulated(&store, serial));
    }
    let station = station(folder.path(), url);
    (folder, station, store)
}

#[test]
fn what_arrives_is_shown_and_said_to_be_no_product() {
    let demo = Demo::start(&[]);
    let (_folder, station, store) = with_runs(&["UNIT-5501", "UNIT-5599"], &demo.url);
    let synced = sync(&[], &station);
    assert_eq!(synced.code, Some(0), "{synced}");
    assert_eq!(demo.serials(), ["UNIT-5501", "UNIT-5599"]);
    assert_eq!(records(&store, "synced").len(), 2);
    let (head, page) = demo.ask("GET", "/", "");
    assert!(
        page.contains("UNIT-5599") && page.contains("FAIL") && page.contains("no product"),
        "{page}"
    );
    assert!(head.contains("content-security-policy: default-src 'none'"), "{head}");
    let hostile = json!({"outcome": "PASS", "procedure_id": PROCEDURE, "started_at": "x", "ended_at": "y",
                         "serial_number": "<script>alert(1)</script>"});
    demo.ask("POST", "/api/v2/runs", &hostile.to_string());
    assert!(!demo.ask("GET", "/", "").1.contains("<script>"));
    let elsewhere = done(benchtop().args(["demo-server", "--listen", "0.0.0.0:0"]));
    assert_eq!(elsewhere.code, Some(2), "{elsewhere}");
}

#[test]
fn every_fault_on_request_leaves_the_run_there_once() {
    for fault in [
        "500",
        "503",
        "429",
        "slow:50",
        "cut",
        "lost",
        "hang_up",
        "redirect",
        "html",
        "wrong_json",
    ] {
        let demo = Demo::start(&["--fault", fault]);
        let (_folder, station, _store) = with_runs(&["UNIT-5501"], &demo.url);
        let first = sync(&[], &station);
        let expected = if fault.starts_with("slow") { 0 } else { 1 };
        assert_eq!(first.code, Some(expected), "{fault}: {first}");
        let again = sync(&[], &station);
        assert_eq!(again.code, Some(0), "{fault}: {again}");
        assert_eq!(demo.serials(), ["UNIT-5501"], "{fault}");
    }
    let wrong = done(benchtop().args(["demo-server", "--fault", "sulk"]));
    assert_eq!(wrong.code, Some(2), "{wrong}");
}

#[test]
fn a_server_that_ignores_the_reference_of_a_run_has_it_once_too() {
    for (fault, again, there) in [("lost", 0, 1), ("cut", 0, 1), ("hang_up", 1, 0), ("503", 1, 0)] {
        let demo = Demo::start(&["--old", "--fault", fault]);
        let (_folder, station, _store) = with_runs(&["UNIT-5501"], &demo.url);
        assert_eq!(sync(&[], &station).code, Some(1), "{fault}");
        // what it does not name may be under way for two minutes still: nothing is sent again before
        let second = sync(&[], &station);
        assert_eq!(second.code, Some(again), "{fault}: {second}");
        assert_eq!(demo.serials().len(), there, "{fault}: {second}");
    }
}

#[test]
fn a_person_sees_what_is_parked_and_gives_it_another_try() {
    let demo = Demo::start(&["--fault", "422"]);
    let (_folder, station, store) = with_runs(&["UNIT-5501", "UNIT-5502"], &demo.url);
    assert_eq!(sync(&[], &station).code, Some(3));
    let status = sync(&["status"], &station);
    assert_eq!(status.code, Some(3), "{status}");
    assert!(
        status.out.contains("1 parked") && status.out.contains("fault 422 on request"),
        "{status}"
    );
    assert!(status.out.contains("last success"), "{status}");
    let json = sync(&["status", "--format", "json"], &station);
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["targets"]["tofupilot"]["parked"], 1);
    assert_eq!(json["targets"]["tofupilot"]["clock_ahead_s"].as_i64().unwrap().abs(), 0);
    let health = sync(&["health"], &station);
    assert_eq!(health.code, Some(3), "{health}");
    let retried = sync(&["retry", "UNIT-5501"], &station);
    assert_eq!(retried.code, Some(0), "{retried}");
    let synced = sync(&["--format", "json"], &station);
    let lines = synced.json();
    assert_eq!(
        (&lines[0]["event"], &lines[1]["event"]),
        (&json!("synced"), &json!("summary"))
    );
    assert_eq!(lines[1]["pending"], 0);
    assert_eq!(demo.serials(), ["UNIT-5502", "UNIT-5501"]);
    let well = sync(&["health"], &station);
    assert_eq!(well.code, Some(0), "{well}");
    assert_eq!(sync(&["retry", "--all"], &station).code, Some(2), "nothing is parked");
    assert_eq!(records(&store, "synced").len(), 2);
}

#[test]
fn dropping_asks_and_keeps_the_file() {
    let (_folder, station, store) = with_runs(&["UNIT-5501"], "http://127.0.0.1:9");
    let unasked = sync(&["drop", "UNIT-5501"], &station);
    assert_eq!(unasked.code, Some(2), "{unasked}");
    assert_eq!(records(&store, "pending").len(), 1);
    let dropped = sync(&["drop", "UNIT-5501", "--yes"], &station);
    assert_eq!(dropped.code, Some(0), "{dropped}");
    assert_eq!(
        (records(&store, "pending").len(), records(&store, "kept").len()),
        (0, 1)
    );
    let back = sync(&["requeue", "--all"], &station);
    assert_eq!((back.code, records(&store, "pending").len()), (Some(0), 1), "{back}");
    let old = sync(&["health", "--max-age", "1s"], &station);
    assert!(old.out.contains("1 pending"), "{old}");
    assert_eq!(sync(&["health", "--max-age", "soon"], &station).code, Some(2));
}

#[test]
fn a_watching_sync_sends_each_run_when_it_is_saved_and_ends_cleanly() {
    let demo = Demo::start(&[]);
    let folder = scratch();
    let (store, station) = (folder.path().join("store"), station(folder.path(), &demo.url));
    let mut watching = benchtop();
    watching
        .args(["sync", "--watch", "--station"])
        .arg(&station)
        .env("TOFUPILOT_API_KEY", "k");
    let watching = Running::start(&mut watching);
    for serial in ["UNIT-5501", "UNIT-5502"] {
        let run = done(&mut simulated(&store, serial));
        assert_eq!(run.code, Some(0), "{run}");
        eventually("the run at the server", || {
            demo.serials().contains(&serial.to_owned()).then_some(())
        });
    }
    // a server that breaks in between, and a sync by hand beside it
    demo.faults(&json!({"next": ["500", "lost"]}));
    done(&mut simulated(&store, "UNIT-5503"));
    eventually("the third run", || {
        demo.serials().contains(&"UNIT-5503".to_owned()).then_some(())
    });
    eventually("its move", || (records(&store, "synced").len() == 3).then_some(()));
    watching.signal(nix::sys::signal::Signal::SIGTERM);
    let ended = watching.finish();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert_eq!(demo.serials().len(), 3);
    assert!(ended.out.contains("1 synced, 0 pending"), "{ended}");
}

/// Another server as a second target, `other`, after the first one.
pub(crate) fn with_another(station: &Path, first: &Demo, other: &Demo) {
    let text = std::fs::read_to_string(station).unwrap();
    let (_, target) = text.split_once("[[sync.targets]]").unwrap();
    let second = target
        .replace("\"tofupilot\"", "\"other\"")
        .replace(&first.url, &other.url);
    write(station, &format!("{text}[[sync.targets]]{second}"));
}

#[test]
fn a_target_that_asks_to_rest_rests_and_the_others_go_on() {
    let (busy, well) = (Demo::start(&["--fault", "rest:300"]), Demo::start(&[]));
    let folder = scratch();
    let (store, station) = (folder.path().join("store"), station(folder.path(), &busy.url));
    with_another(&station, &busy, &well);
    let mut watching = benchtop();
    watching.args(["sync", "--watch", "--station"]).arg(&station);
    let watching = Running::start(watching.env("TOFUPILOT_API_KEY", "k"));
    for serial in ["UNIT-5501", "UNIT-5502", "UNIT-5503"] {
        done(&mut simulated(&store, serial));
        eventually("the run at the target that is well", || {
            well.serials().contains(&serial.to_owned()).then_some(())
        });
    }
    // one question of the first kind, and nothing more in its five minutes
    assert_eq!(
        (busy.arrived()["requests"].as_u64(), busy.serials().len()),
        (Some(1), 0)
    );
    assert_eq!(
        (records(&store, "pending").len(), records(&store, "synced").len()),
        (3, 0)
    );
    watching.signal(nix::sys::signal::Signal::SIGTERM);
    let ended = watching.finish();
    assert_eq!(ended.code, Some(0), "{ended}");
    let status = sync(&["status", "--format", "json"], &station);
    let status: Value = serde_json::from_str(&status.out).unwrap();
    let (busy_one, well_one) = (&status["targets"]["tofupilot"], &status["targets"]["other"]);
    assert!(busy_one["stopped"].as_str().unwrap().contains("300 s"), "{status}");
    assert!(busy_one["next_try"].is_string(), "{status}");
    assert_eq!((&busy_one["pending"], &well_one["pending"]), (&json!(3), &json!(0)));
}

#[test]
fn monitoring_reads_the_outbox_on_this_machine() {
    let (folder, station, _store) = with_runs(&["UNIT-5501", "UNIT-5502"], "http://127.0.0.1:9");
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let watch = |address: &str| {
        let mut watching = benchtop();
        watching
            .args(["sync", "--watch", "--metrics", address, "--station"])
            .arg(&station);
        watching.env("TOFUPILOT_API_KEY", "k");
        watching
    };
    let address = format!("127.0.0.1:{port}");
    let _watching = Running::start(&mut watch(&address));
    let text = eventually("the metrics", || {
        let mut stream = TcpStream::connect(&address).ok()?;
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        Some(answer)
    });
    for line in [
        "benchtop_records{folder=\"pending\"} 2",
        "benchtop_records{folder=\"parked\"} 0",
        "benchtop_target_pending{target=\"tofupilot\"} 2",
    ] {
        assert!(text.lines().any(|said| said == line), "{line}: {text}");
    }
    assert_eq!(done(&mut watch("0.0.0.0:0")).code, Some(2));
    drop(folder);
}

#[test]
fn a_service_manager_is_told() {
    let demo = Demo::start(&[]);
    let folder = scratch();
    let socket = folder.path().join("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&socket).unwrap();
    manager
        .set_read_timeout(Some(std::time::Duration::from_secs(60)))
        .unwrap();
    let station = station(folder.path(), &demo.url);
    let mut watching = benchtop();
    watching.args(["sync", "--watch", "--station"]).arg(&station);
    let watching = Running::start(watching.env("TOFUPILOT_API_KEY", "k").env("NOTIFY_SOCKET", &socket));
    let told = || {
        let mut buffer = [0; 200];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    assert!(told().starts_with("READY=1"));
    watching.signal(nix::sys::signal::Signal::SIGTERM);
    while told() != "STOPPING=1" {}
    assert_eq!(watching.finish().code, Some(0));
}

#[test]
fn a_run_pushes_what_it_saved_and_never_depends_on_it() {
    let demo = Demo::start(&[]);
    let folder = scratch();
    let (store, near) = (folder.path().join("store"), station(folder.path(), &demo.url));
    let run = |serial: &str, station: &Path| {
        let mut command = simulated(&store, serial);
        command.arg(format!("--sync={}", station.display()));
        done(command.env("TOFUPILOT_API_KEY", "k"))
    };
    let pushed = run("UNIT-5501", &near);
    assert_eq!(pushed.code, Some(0), "{pushed}");
    eventually("the run at the server", || {
        (demo.serials() == ["UNIT-5501"]).then_some(())
    });
    let missing = folder.path().join("missing.toml");
    let alone = run("UNIT-5502", &missing);
    assert_eq!(alone.code, Some(0), "{alone}");
    assert_eq!(records(&store, "pending").len(), 1);
}

#[test]
fn the_official_python_client_works_unchanged() {
    let demo = Demo::start(&[]);
    let folder = scratch();
    let file = folder.path().join("scope.txt");
    write(&file, "a waveform");
    let arguments = [demo.url.as_str(), file.to_str().unwrap()];
    let Some(said) = crate::strangers::script("tofupilot_client.py", "tofupilot, tofupilot.v2", &arguments) else {
        return;
    };
    assert_eq!(said.code, Some(0), "{said}");
    for line in ["v2 once", "v2 attachment there", "v1 made"] {
        assert!(said.out.lines().any(|said| said == line), "{line}: {said}");
    }
    let arrived = demo.arrived();
    assert_eq!(arrived["runs"].as_array().unwrap().len(), 2, "{arrived}");
    let attachments = arrived["attachments"].as_array().unwrap();
    assert!(
        attachments.len() == 2 && attachments.iter().all(|file| file["size"] == 10),
        "{arrived}"
    );
}

/// What `.ci/run` built in `tests/strangers/rust-sdk`, by its path.
const RUST_SDK: &str = "BENCHTOP_TEST_RUST_SDK";

#[test]
fn the_official_rust_sdk_works_unchanged() {
    let Some(program) = std::env::var_os(RUST_SDK) else {
        println!("skipped: the official Rust SDK is not built here ({RUST_SDK})");
        return;
    };
    // a lost answer, which the SDK itself repeats
    let demo = Demo::start(&["--fault", "lost"]);
    let folder = scratch();
    let file = folder.path().join("scope.txt");
    write(&file, "a waveform");
    let said = done(std::process::Command::new(program).arg(&demo.url).arg(&file));
    assert_eq!(said.code, Some(0), "{said}");
    for line in ["run once", "slot made", "attachment there", "station DEMO"] {
        assert!(said.out.lines().any(|said| said == line), "{line}: {said}");
    }
    let arrived = demo.arrived();
    let runs = arrived["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2, "{arrived}");
    // the same members as ours, see the golden tests of the sync crate
    let slot = &runs[1]["body"];
    assert_eq!(
        (&slot["execution_id"], &slot["slot_key"], &slot["slot_name"]),
        (&json!("execution-1"), &json!("A"), &json!("A"))
    );
    assert_eq!(
        slot["phases"][0]["measurements"],
        json!([{"name": "ripple", "outcome": "FAIL", "measured_value": 81.5, "units": "mV",
                "aggregations": [{"type": "max", "outcome": "FAIL", "value": 81.5}]},
               {"name": "sweep", "outcome": "PASS", "x_axis": {"data": [0.0, 1.0], "name": "sample"},
                "y_axis": [{"data": [1.0, 1.1], "units": "V", "name": "sweep"}]}])
    );
    assert_eq!(
        (
            &arrived["attachments"][0]["size"],
            &arrived["attachments"][0]["finished"]
        ),
        (&json!(10), &json!(true))
    );
}

#[test]
fn what_installs_it_names_this_station_and_is_hardened() {
    let (folder, station, _store) = with_runs(&[], "http://127.0.0.1:9");
    let made = |kind: &str| {
        let made = done(
            benchtop()
                .args(["sync", "install", kind, "--user", "bench", "--station"])
                .arg(&station),
        );
        assert_eq!(made.code, Some(0), "{kind}: {made}");
        assert!(
            made.out.contains(station.to_str().unwrap()) || kind == "systemd-timer",
            "{kind}: {made}"
        );
        made.out
    };
    for line in [
        "Type=notify",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "User=bench",
        "UMask=0077",
    ] {
        assert!(made("systemd").lines().any(|said| said == line), "{line}");
    }
    // a stick that is a target is written to, and need not be there when the service begins
    let with_stick = folder.path().join("with-stick.toml");
    let stick = "[[sync.targets]]\nname = \"stick\"\nkind = \"directory\"\nurl = \"/media/stick/runs\"\n";
    let text = std::fs::read_to_string(&station).unwrap();
    write(&with_stick, &format!("{text}{stick}"));
    let unit = done(
        benchtop()
            .args(["sync", "install", "systemd", "--user", "bench", "--station"])
            .arg(&with_stick),
    );
    assert!(unit.out.contains(" \"-/media/stick/runs\"\n"), "{unit}");
    assert!(made("systemd-timer").contains("OnUnitInactiveSec=5min"));
    assert!(made("cron").contains("*/5 * * * * \""));
    assert!(made("launchd").contains("<string>--watch</string>"));
    assert!(made("windows").contains("<Interval>PT5M</Interval>"));
    // what a file would read otherwise is refused by name
    for (user, store, why) in [
        ("bench", "back\\slash", "holds `\\`"),
        ("bench", "R&D", "holds `&`"),
        ("bench", "a\u{FFFE}b", "holds a control character"),
        ("a:b", "store", "`a:b` is not the name of a user"),
    ] {
        let mut odd = benchtop();
        odd.args(["sync", "install", "systemd", "--user", user, "--station"])
            .arg(&station);
        let refused = done(odd.arg("--store").arg(folder.path().join(store)));
        assert_eq!(refused.code, Some(2), "{refused}");
        assert!(refused.err.contains(why), "{why}: {refused}");
    }
    let mut written = benchtop();
    written
        .args(["sync", "install", "systemd", "--user", "root", "--station"])
        .arg(&station);
    written.arg("--write").arg(folder.path());
    assert_eq!(done(&mut written).code, Some(0));
    assert_eq!(done(&mut written).code, Some(2), "nothing is overwritten");
    let unit = folder.path().join("benchtop-sync.service");
    let mut verify = std::process::Command::new("systemd-analyze");
    match verify.arg("verify").arg(&unit).output() {
        Ok(said) => assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr)),
        Err(_) => println!("skipped: systemd-analyze is not installed"),
    }
}
