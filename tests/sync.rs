//! `benchtop sync` as a station runs it: a real server on 127.0.0.1, the binary, the folders afterwards.

use crate::testkit::{Served, assert_nowhere_below, benchtop, done, only_record, records, scratch, simulated, write};
use axum::{Json, Router, body::Bytes, extract::State, http::StatusCode, response::IntoResponse, routing};
use serde_json::{Value, json};
use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

pub(crate) const KEY: &str = "canary-key-3f9b";
const PROCEDURE: &str = "550e8400-e29b-41d4-a716-446655440000";

/// What the server was sent: path, authorization, body.
type Requests = Arc<Mutex<Vec<(String, String, Value)>>>;

pub(crate) struct Server {
    pub(crate) url: String,
    requests: Requests,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    /// Answers every POST with `status`; 200 with an id.
    pub(crate) fn start(status: u16) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let requests = Requests::default();
        let state = (Arc::clone(&requests), StatusCode::from_u16(status).unwrap());
        let app = Router::new().fallback(routing::any(record)).with_state(state);
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self {
            url,
            requests,
            _runtime: runtime,
        }
    }

    pub(crate) fn posts(&self) -> Vec<(String, String, Value)> {
        self.requests.lock().unwrap().clone()
    }
}

async fn record(
    State((requests, status)): State<(Requests, StatusCode)>,
    method: axum::http::Method,
    uri: axum::http::Uri,
    headers: axum::http::HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    if method == axum::http::Method::POST {
        let authorization = headers
            .get("authorization")
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        requests
            .lock()
            .unwrap()
            .push((uri.path().to_owned(), authorization, body));
    }
    let answer = if status.is_success() && uri.path() == "/api/v2/whoami" {
        json!({ "type": "station", "station": { "name": "BENCH-7" }, "organization": { "name": "Acme" } })
    } else if status.is_success() {
        json!({ "id": "11111111-2222-4333-8444-555555555555" })
    } else {
        json!({ "message": "not today", "code": "X", "issues": [] })
    };
    (status, Json(answer))
}

pub(crate) fn station(folder: &Path, url: &str, kind: &str, accept_simulated: bool) -> PathBuf {
    let path = folder.join("sync-station.toml");
    let text = format!(
        "[station]\nid = \"BENCH-7\"\n[store]\nroot = \"store\"\n[[sync.targets]]\nname = \"tofupilot\"\nkind = \"{kind}\"\n\
         url = \"{url}\"\naccept_simulated = {accept_simulated}\n[sync.targets.procedures]\nBOARD-FUNCTIONAL-V3 = \"{PROCEDURE}\"\n"
    );
    write(&path, &text);
    path
}

fn sync(station: &Path) -> crate::testkit::Done {
    done(
        benchtop()
            .arg("sync")
            .arg("--station")
            .arg(station)
            .env("TOFUPILOT_API_KEY", KEY),
    )
}

/// A store with the runs of these units, and a station file beside it.
fn with_runs(serials: &[&str], url: &str, kind: &str, accept_simulated: bool) -> (tempfile::TempDir, PathBuf) {
    let folder = scratch();
    for serial in serials {
        done(&mut simulated(&folder.path().join("store"), serial));
    }
    let station = station(folder.path(), url, kind, accept_simulated);
    (folder, station)
}

#[test]
fn pending_runs_go_out_oldest_first_and_move_to_synced() {
    let server = Server::start(200);
    let serials = ["UNIT-5503", "UNIT-5501", "UNIT-5599"];
    let (folder, station) = with_runs(&serials, &server.url, "tofupilot-v2", true);
    let store = folder.path().join("store");
    let before: Vec<Value> = records(&store, "pending")
        .iter()
        .map(|path| crate::testkit::json(path))
        .collect();
    let synced = sync(&station);
    assert_eq!(synced.code, Some(0), "{synced}");
    assert!(synced.out.contains("3 synced, 0 pending"), "{synced}");
    assert_eq!(
        synced.out.lines().filter(|line| line.starts_with("synced")).count(),
        3,
        "{synced}"
    );
    let mut posts = server.posts();
    let serial = |(_, _, body): &(String, String, Value)| body["serial_number"].as_str().unwrap().to_owned();
    // the oldest goes alone; those behind it are begun in their order, and go beside each other
    assert_eq!(serial(&posts[0]), serials[0]);
    posts.sort_by_key(|post| serials.iter().position(|known| *known == serial(post)));
    assert_eq!(posts.iter().map(serial).collect::<Vec<_>>(), serials);
    for ((path, authorization, body), record) in posts.iter().zip(&before) {
        assert_eq!(
            (path.as_str(), authorization.as_str()),
            ("/api/v2/runs", format!("Bearer {KEY}").as_str())
        );
        assert_eq!(body["client_run_ref"], record["run_id"]);
        assert_eq!(body["procedure_id"], PROCEDURE);
        assert_eq!(body["outcome"], record["outcome"]);
    }
    assert!(records(&store, "pending").is_empty());
    assert_eq!(records(&store, "synced").len(), 3);
    let again = sync(&station);
    assert_eq!((again.code, server.posts().len()), (Some(0), 3), "{again}");
}

#[test]
fn v1_servers_get_their_own_words() {
    let server = Server::start(200);
    let (folder, station) = with_runs(&["UNIT-5501"], &server.url, "tofupilot-v1", true);
    let synced = sync(&station);
    assert_eq!(synced.code, Some(0), "{synced}");
    let (path, _, body) = server.posts()[0].clone();
    assert_eq!(path, "/api/v1/runs");
    assert_eq!(
        (&body["run_passed"], &body["unit_under_test"]["serial_number"]),
        (&json!(true), &json!("UNIT-5501"))
    );
    assert_eq!(records(&folder.path().join("store"), "synced").len(), 1);
}

#[test]
fn a_server_that_is_not_there_leaves_everything_pending() {
    let (folder, station) = with_runs(&["UNIT-5501"], "http://127.0.0.1:9", "tofupilot-v2", true);
    let synced = sync(&station);
    assert_eq!(synced.code, Some(1), "{synced}");
    assert!(synced.out.contains("0 synced, 1 pending"), "{synced}");
    assert_eq!(records(&folder.path().join("store"), "pending").len(), 1);
}

#[test]
fn what_a_server_refuses_for_good_is_parked_with_its_words() {
    let server = Server::start(422);
    let (folder, station) = with_runs(&["UNIT-5501"], &server.url, "tofupilot-v2", true);
    let synced = sync(&station);
    assert_eq!(synced.code, Some(3), "{synced}");
    assert!(
        synced.out.contains("parked") && synced.out.contains("not today"),
        "{synced}"
    );
    assert_eq!(records(&folder.path().join("store"), "parked").len(), 1);
}

#[test]
fn simulated_runs_leave_only_where_the_target_says_so() {
    let server = Server::start(200);
    let (folder, station) = with_runs(&["UNIT-5501"], &server.url, "tofupilot-v2", false);
    let synced = sync(&station);
    assert!(server.posts().is_empty(), "{synced}");
    assert!(records(&folder.path().join("store"), "synced").is_empty());
    assert!(synced.out.contains("simulated"), "{synced}");
}

#[test]
fn a_run_over_tcp_with_a_simulated_instrument_counts_as_simulated() {
    let served = Served::bench("UNIT-5501");
    assert_eq!(done(&mut served.run("UNIT-5501")).code, Some(0));
    assert_eq!(only_record(&served.store())["simulated"], true);
    let server = Server::start(200);
    let synced = sync(&station(served.folder.path(), &server.url, "tofupilot-v2", false));
    assert!(server.posts().is_empty(), "{synced}");
}

#[test]
fn the_api_key_shows_up_nowhere() {
    let server = Server::start(401);
    let (folder, station) = with_runs(&["UNIT-5501"], &server.url, "tofupilot-v2", true);
    let refused = sync(&station);
    assert_eq!(refused.code, Some(1), "{refused}");
    assert!(!refused.out.contains(KEY) && !refused.err.contains(KEY), "{refused}");
    assert_nowhere_below(folder.path(), KEY);
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let server = Server::start(200);
    let (folder, station) = with_runs(&["UNIT-5501"], &server.url, "tofupilot-v2", true);
    let key = folder.path().join("key");
    write(&key, KEY);
    let text = std::fs::read_to_string(&station)
        .unwrap()
        .replace("accept_simulated", "api_key_file = \"key\"\naccept_simulated");
    write(&station, &text);
    let mode = |mode| std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    let refused = done(benchtop().arg("sync").arg("--station").arg(&station));
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.err.contains("chmod 600"), "{refused}");
    mode(0o600);
    let synced = done(benchtop().arg("sync").arg("--station").arg(&station));
    assert_eq!(synced.code, Some(0), "{synced}");
}

#[test]
fn an_altered_record_is_quarantined_and_never_sent() {
    let server = Server::start(200);
    let (folder, station) = with_runs(&["UNIT-5599", "UNIT-5501"], &server.url, "tofupilot-v2", true);
    let store = folder.path().join("store");
    let path = records(&store, "pending")[0].clone();
    let text = std::fs::read_to_string(&path).unwrap();
    let altered = text.replacen("\"outcome\": \"FAIL\"", "\"outcome\": \"PASS\"", 1);
    assert_ne!(altered, text);
    write(&path, &altered);
    let synced = sync(&station);
    assert_eq!(synced.code, Some(3), "{synced}");
    assert_eq!(server.posts().len(), 1, "the other one went out");
    assert_eq!(records(&store, "quarantine").len(), 1);
}

#[test]
fn what_is_no_record_is_not_counted_among_those_that_wait() {
    let server = Server::start(200);
    let (folder, station) = with_runs(&["UNIT-5501", "UNIT-5502"], &server.url, "tofupilot-v2", true);
    let pending = folder.path().join("store/pending");
    let real = records(&folder.path().join("store"), "pending")[0].clone();
    let name = real.file_name().unwrap().to_str().unwrap();
    // by its name, twice; and by its kind, twice, under names that records have
    write(&pending.join("notes.txt"), "call Ada");
    write(
        &pending.join(format!("copy of {name}")),
        &std::fs::read_to_string(&real).unwrap(),
    );
    std::os::unix::fs::symlink(&real, pending.join(name.replacen("0000000001", "0000000007", 1))).unwrap();
    std::fs::create_dir(pending.join(name.replacen("0000000001", "0000000008", 1))).unwrap();
    let status = |words: &[&str]| {
        let mut command = benchtop();
        command
            .args(["sync", "status"])
            .args(words)
            .arg("--station")
            .arg(&station);
        done(command.env("TOFUPILOT_API_KEY", KEY))
    };
    let human = status(&[]);
    assert_eq!(human.code, Some(1), "{human}");
    assert!(
        human.out.starts_with("2 pending, 0 parked, 0 kept, 0 quarantined"),
        "{human}"
    );
    assert!(
        human
            .out
            .contains("4 files in pending/ are no records: sync puts them into quarantine, a hundred at a time"),
        "{human}"
    );
    let said = status(&["--format", "json"]).json().remove(0);
    assert_eq!(
        (
            &said["pending"],
            &said["not_records"],
            &said["targets"]["tofupilot"]["pending"]
        ),
        (&json!(2), &json!(4), &json!(2)),
        "{said}"
    );
    // and that is what it does
    let synced = sync(&station);
    assert_eq!(synced.code, Some(3), "{synced}");
    assert_eq!(server.posts().len(), 2, "{synced}");
    let said = status(&["--format", "json"]).json().remove(0);
    assert_eq!(
        (&said["pending"], &said["not_records"], &said["quarantined"]),
        (&json!(0), &json!(0), &json!(4)),
        "{said}"
    );
}

#[test]
fn without_a_target_or_a_key_nothing_is_sent() {
    let (folder, station) = with_runs(&["UNIT-5501"], "http://127.0.0.1:9", "tofupilot-v2", true);
    let nowhere = done(benchtop().args(["sync", "--store"]).arg(folder.path().join("store")));
    assert_eq!(nowhere.code, Some(2), "{nowhere}");
    let keyless = done(benchtop().arg("sync").arg("--station").arg(&station));
    assert_eq!(keyless.code, Some(2), "{keyless}");
    assert!(keyless.err.contains("TOFUPILOT_API_KEY"), "{keyless}");
}
