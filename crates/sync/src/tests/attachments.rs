//! Attachments: three requests each, every step remembered, none made twice that can be known to be done.

use super::bench::{Bench, KEY, now, numbered, v1, v2};
use super::server::{Act, Server, answer, id, json_answer};
use crate::{Pace, Target, drain};
use benchtop_store::{Place, Record, Standing};
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::io::Write;

const BYTES: &[u8] = b"a waveform";

/// A run with so many attachments, which lie in the store.
fn put(bench: &Bench, count: u8) {
    let attachments =
        (0..count).map(|number| bench.attachment(&format!("scope-{number}.png"), &[BYTES, &[number]].concat()));
    bench.put(&Record {
        attachments: attachments.collect(),
        ..numbered(1)
    });
}

/// The requests of the first attachment, and of the run before it.
fn whole(server: &Server) -> Vec<String> {
    let run = id(0);
    let mut whole = vec!["POST /api/v2/runs".to_owned()];
    whole.extend(first(server, &run));
    whole
}

fn first(server: &Server, run: &str) -> Vec<String> {
    let storage = server
        .changes()
        .into_iter()
        .find(|change| change.starts_with("PUT"))
        .unwrap();
    vec![
        format!("POST /api/v2/runs/{run}/attachments"),
        storage,
        format!("POST /api/v2/attachments/{}/finalize", id(9)),
    ]
}

/// How often room was asked for.
fn rooms(server: &Server) -> usize {
    let changes = server.changes();
    changes.iter().filter(|change| change.ends_with("/attachments")).count()
}

#[tokio::test]
async fn an_attachment_is_begun_sent_and_finished_without_the_key_where_it_is_stored() {
    let (server, bench) = (Server::start().await, Bench::new());
    put(&bench, 1);
    let drained = bench.drain(&v2(&server.url)).await;
    assert_eq!((drained.words(), drained.summary.exit_code()), (vec!["synced"], 0));
    assert_eq!(server.changes(), whole(&server));
    let requests = server.requests();
    let upload = requests.iter().find(|request| request.method == "PUT").unwrap();
    assert_eq!(upload.bytes, [BYTES, &[0]].concat());
    assert!(
        upload.head.contains("content-type: image/png") && !upload.head.contains(KEY),
        "{}",
        upload.head
    );
    assert_eq!(requests[1].body, json!({"name": "scope-0.png"}));
}

#[tokio::test]
async fn v1_has_its_own_three_requests() {
    let (server, bench) = (Server::start().await, Bench::new());
    put(&bench, 1);
    assert_eq!(bench.drain(&v1(&server.url)).await.words(), ["synced"]);
    let changes = server.changes();
    assert_eq!(
        (changes[1].as_str(), changes[3].as_str()),
        ("POST /api/v1/uploads/initialize", "POST /api/v1/uploads/sync")
    );
    let requests = server.requests();
    assert_eq!(
        requests[1].body,
        json!({"name": "scope-0.png", "mimeType": "image/png", "sizeBytes": 11})
    );
    assert_eq!(requests[3].body, json!({"upload_id": id(9), "run_id": id(0)}));
}

/// The request in this place goes wrong in this way; the next drain does what is left, and no more.
async fn check(place: usize, act: Act, again: &[usize]) {
    let (server, bench) = (Server::start().await, Bench::new());
    put(&bench, 1);
    server.script(std::iter::repeat_n(Act::Store, place).chain([act.clone()]));
    let drained = bench.drain(&v2(&server.url)).await;
    assert_eq!(drained.words(), ["waiting"], "{place} {act:?} {}", drained.text());
    let sent = server.changes().len();
    assert_eq!(sent, place + 1);
    let drained = bench.drain(&v2(&server.url)).await;
    assert_eq!(drained.words(), ["synced"], "{place} {act:?} {}", drained.text());
    let kind = |change: &String| ["/runs", "/attachments", "/storage", "/finalize"].map(|part| change.contains(part));
    let all = whole(&server);
    let expected: Vec<_> = again.iter().map(|at| kind(&all[*at])).collect();
    let seen: Vec<_> = server.changes()[sent..].iter().map(kind).collect();
    assert_eq!(seen, expected, "{place} {act:?}");
    assert_eq!(server.runs().len(), 1, "{place} {act:?}");
}

#[tokio::test]
async fn each_step_is_remembered() {
    let broken = || Act::Answer(json_answer(500, &json!({"message": "oops"})));
    for act in [broken(), Act::HangUp, Act::StoreThenHangUp] {
        check(1, act.clone(), &[1, 2, 3]).await;
        check(2, act.clone(), &[1, 2, 3]).await;
        // the bytes are there: only the last request is made again
        check(3, act, &[3]).await;
    }
    // the upload URL lived for a minute only
    let expired = Act::Answer(answer(403, "application/xml", "", "<Error/>"));
    check(2, expired, &[1, 2, 3]).await;
}

#[tokio::test]
async fn one_that_is_done_is_not_sent_again() {
    let (server, bench) = (Server::start().await, Bench::new());
    put(&bench, 2);
    let broken = Act::Answer(json_answer(502, &json!({})));
    server.script(std::iter::repeat_n(Act::Store, 4).chain([broken]));
    assert_eq!(bench.drain(&v2(&server.url)).await.words(), ["waiting"]);
    assert_eq!(bench.drain(&v2(&server.url)).await.words(), ["synced"]);
    let puts = server.requests().into_iter().filter(|request| request.method == "PUT");
    let bytes: Vec<_> = puts.map(|request| request.bytes).collect();
    assert_eq!(bytes, [[BYTES, &[0]].concat(), [BYTES, &[1]].concat()]);
}

#[tokio::test]
async fn an_attachment_that_is_refused_or_lost_parks_and_a_retry_does_not_send_the_run_again() {
    let too_large = Act::Answer(answer(413, "text/plain", "", "too large"));
    let (server, bench) = (Server::start().await, Bench::new());
    put(&bench, 1);
    server.script([Act::Store, Act::Store, too_large]);
    let drained = bench.drain(&v2(&server.url)).await;
    assert_eq!((drained.words(), drained.summary.exit_code()), (vec!["parked"], 3));
    assert!(
        drained.text().contains("scope-0.png: status 413: too large"),
        "{}",
        drained.text()
    );
    let dealt = crate::retry(&bench.store, &crate::Chosen::All, &now, &mut |_, _| ()).unwrap();
    assert_eq!(dealt.records.len(), 1);
    assert_eq!(bench.drain(&v2(&server.url)).await.words(), ["synced"]);
    assert_eq!(
        server
            .changes()
            .iter()
            .filter(|change| change.ends_with("/runs"))
            .count(),
        1
    );

    let bench = Bench::new();
    put(&bench, 1);
    let file = std::fs::read_dir(bench.store.attachments())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    file.write_all(b"X").unwrap();
    let drained = bench.drain(&v2(&server.url)).await;
    assert_eq!(drained.words(), ["parked"]);
    assert!(
        drained.text().contains("not the `scope-0.png` that was put away"),
        "{}",
        drained.text()
    );
    assert_eq!(bench.store.list(Place::Parked, 0).unwrap().count, 1);
}

#[tokio::test]
async fn bytes_go_only_where_a_server_may_send_them() {
    let (server, bench) = (Server::start().await, Bench::new());
    put(&bench, 1);
    let room = json!({"id": id(9), "upload_url": "http://169.254.169.254/latest/meta-data"});
    server.script([Act::Store, Act::Answer(json_answer(200, &room))]);
    let drained = bench.drain(&v2(&server.url)).await;
    assert_eq!(drained.words(), ["waiting"]);
    assert!(drained.text().contains("nothing was sent there"), "{}", drained.text());
    assert!(matches!(bench.standing(1).standing, Standing::Deferred { .. }));
}

/// What becomes of a run whose last request for its attachment is answered so, as often as it is made.
async fn finished_with(targets: &[Box<dyn Target>], server: &Server, act: Act, attachments: Value) -> (Bench, String) {
    let bench = Bench::new();
    put(&bench, 1);
    server.names_attachments(attachments);
    server.script(std::iter::repeat_n(Act::Store, 3).chain([act.clone()]));
    let mut drained = bench.drain(targets).await;
    for _ in 0..30 {
        if drained.words()[0] != "waiting" {
            break;
        }
        server.script([act.clone()]);
        drained = bench.drain(targets).await;
    }
    (bench, drained.text())
}

#[tokio::test]
async fn a_last_request_that_is_not_known_confirms_only_what_the_run_names() {
    let none = Act::Answer(json_answer(404, &json!({"message": "Not found"})));
    let page = Act::Answer(answer(404, "text/html", "", "<html>"));
    let wrong = Act::Answer(json_answer(405, &json!({})));
    let (ours, others) = (
        json!([{"id": id(9), "name": "scope-0.png"}]),
        json!([{"id": id(8), "name": "x"}]),
    );
    for act in [none, page, wrong] {
        let server = Server::start().await;
        let (bench, text) = finished_with(&v2(&server.url), &server, act.clone(), ours.clone()).await;
        assert_eq!(bench.names("synced").len(), 1, "{act:?} {text}");
        for attachments in [others.clone(), Value::Null] {
            let server = Server::start().await;
            let (bench, text) = finished_with(&v2(&server.url), &server, act.clone(), attachments).await;
            assert_eq!(bench.names("parked").len(), 1, "{act:?} {text}");
            assert!(text.contains("not its attachment scope-0.png: status 40"), "{text}");
            assert_eq!(rooms(&server), 1, "the bytes were sent once");
        }
        // v1 ties the file to its run by this request alone
        let server = Server::start().await;
        let (bench, text) = finished_with(&v1(&server.url), &server, act.clone(), ours.clone()).await;
        assert_eq!(bench.names("parked").len(), 1, "{act:?} {text}");
    }
}

#[tokio::test]
async fn a_station_that_may_not_ask_for_a_run_keeps_no_other_of_its_procedure_waiting() {
    let (server, bench) = (Server::start().await, Bench::new());
    put(&bench, 1);
    bench.put(&numbered(2));
    server.questions(Some(json_answer(403, &json!({"message": "Stations cannot read runs"}))));
    let unknown = || Act::Answer(json_answer(404, &json!({"message": "Not found"})));
    server.script(std::iter::repeat_n(Act::Store, 3).chain([unknown()]));
    let targets = v2(&server.url);
    let drained = bench.drain(&targets).await;
    assert_eq!(drained.words(), ["waiting", "synced"], "{}", drained.text());
    for expected in ["waiting", "waiting", "waiting", "parked"] {
        server.script([unknown()]);
        let drained = bench.drain(&targets).await;
        assert_eq!(drained.words(), [expected], "{}", drained.text());
        assert!(drained.text().contains("its run cannot be asked"), "{}", drained.text());
    }
}

#[tokio::test]
async fn a_storage_that_is_not_there_gets_no_rooms_without_end() {
    for (url, drains) in [("http://169.254.169.254/x", 5), ("http://127.0.0.1:1/x", 20)] {
        let (server, bench) = (Server::start().await, Bench::new());
        put(&bench, 1);
        server.script([Act::Store]);
        let mut count = 0;
        while bench.names("parked").is_empty() && count < 30 {
            count += 1;
            let room = json!({"id": id(9), "upload_url": url});
            server.script([Act::Answer(json_answer(200, &room))]);
            bench.drain(&v2(&server.url)).await;
        }
        assert_eq!(count, drains, "{url}");
        assert_eq!(rooms(&server), drains, "{url}");
    }
}

#[tokio::test]
async fn a_storage_that_is_away_for_minutes_is_tried_ever_less() {
    let broken = || Act::Answer(json_answer(500, &json!({"message": "oops"})));
    let room = json!({"id": id(9), "upload_url": "http://127.0.0.1:1/x"});
    let away = || Act::Answer(json_answer(200, &room));
    // no room is made, or nobody takes the bytes
    for (act, looks) in [(&broken as &dyn Fn() -> Act, 5), (&away, 24)] {
        let (server, bench) = (Server::start().await, Bench::new());
        put(&bench, 1);
        server.script([Act::Store]);
        let targets = v2(&server.url);
        let pace = Pace {
            only_due: true,
            ..Pace::default()
        };
        // as a sync that goes on looks at it
        for look in 0..looks {
            server.script([act()]);
            let at = now() + TimeDelta::seconds(15 * look);
            drain(&bench.store, &targets, &|| at, pace, &mut |_| ()).await.unwrap();
            server.clear();
        }
        assert!(bench.names("parked").is_empty());
        assert!((3..10).contains(&rooms(&server)), "{}", rooms(&server));
        // it is back
        let at = now() + TimeDelta::seconds(15 * looks) + TimeDelta::minutes(5);
        drain(&bench.store, &targets, &|| at, pace, &mut |_| ()).await.unwrap();
        assert_eq!(bench.names("synced").len(), 1);
    }
}

#[tokio::test]
async fn ten_mebibytes_go_through() {
    let (server, bench) = (Server::start().await, Bench::new());
    let bytes = vec![7; 10 * 1024 * 1024];
    bench.put(&Record {
        attachments: vec![bench.attachment("log.txt", &bytes)],
        ..numbered(1)
    });
    assert_eq!(bench.drain(&v2(&server.url)).await.words(), ["synced"]);
    let requests = server.requests();
    let upload = requests.iter().find(|request| request.method == "PUT").unwrap();
    assert!(upload.bytes == bytes);
}
