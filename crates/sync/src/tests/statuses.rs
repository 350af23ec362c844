//! Statuses over real sockets: what becomes of the record and of the target.

use super::bench::{Bench, later, now, numbered, v1, v2};
use super::server::{Act, Server, answer, json_answer};
use crate::{Pace, Probe, drain, left_alone};
use benchtop_store::{Record, Standing};
use chrono::TimeDelta;
use serde_json::json;
use std::time::Duration;

/// One record meets one answer; then the server is well again.
async fn check(status: u16, word: &str, calls: usize) {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(1);
    server.script([Act::Answer(json_answer(
        status,
        &json!({"message": format!("msg {status}")}),
    ))]);
    let drained = bench.drain(&v2(&server.url)).await;
    assert_eq!(drained.words()[0], word, "{status}");
    assert!(drained.text().contains(&format!("{status}")), "{}", drained.text());
    assert_eq!(server.count("POST"), 1, "{status}: one attempt is one request");
    let again = bench.drain(&v2(&server.url)).await;
    assert_eq!(server.count("POST"), calls, "{status}");
    assert_eq!(
        again.summary.exit_code(),
        if word == "parked" { 3 } else { 0 },
        "{status}"
    );
}

#[tokio::test]
async fn every_status_is_tried_once_a_drain() {
    for status in [400, 404, 409, 413, 415, 422] {
        check(status, "parked", 1).await;
    }
    for status in [401, 402, 403, 408, 425, 429, 500, 501, 502, 503, 504] {
        check(status, "waiting", 2).await;
    }
    for status in [200, 201, 204] {
        check(status, "waiting", 2).await;
    }
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    for status in [301, 302, 303, 307, 308] {
        let (server, elsewhere, bench) = (Server::start().await, Server::start().await, Bench::new());
        bench.put_runs(3);
        let to = format!("location: {}/api/v2/runs\r\n", elsewhere.url);
        let redirect = answer(status, "text/html", &to, "");
        server.script([Act::Answer(redirect.clone())]);
        server.questions(Some(redirect));
        let drained = bench.drain(&v2(&server.url)).await;
        assert_eq!(
            (drained.words(), drained.summary.pending),
            (vec!["waiting", "stopped", "waiting", "waiting"], 3)
        );
        assert!(drained.text().contains(&elsewhere.url), "{}", drained.text());
        assert!(elsewhere.requests().is_empty());
        assert_eq!(server.count("POST"), 1);
    }
}

#[tokio::test]
async fn a_wrong_key_stops_the_target_and_parks_nothing() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(3);
    let refused = json_answer(401, &json!({"message": "Invalid API key"}));
    server.script([Act::Answer(refused.clone())]);
    server.questions(Some(refused));
    let drained = bench.drain(&v2(&server.url)).await;
    assert_eq!(
        (drained.words(), drained.summary.exit_code()),
        (vec!["waiting", "stopped", "waiting", "waiting"], 1)
    );
    assert!(drained.text().contains("Invalid API key"), "{}", drained.text());
    assert_eq!((server.count("POST"), drained.summary.pending), (1, 3));
    assert!(drained.summary.stopped.contains_key("fleet"));
    assert!(matches!(bench.standing(1).standing, Standing::Deferred { .. }));
}

#[tokio::test]
async fn a_procedure_that_the_key_may_not_write_does_not_block_the_others() {
    let (server, bench) = (Server::start().await, Bench::new());
    let mut config = super::bench::config(crate::TargetKind::TofuPilotV2, &server.url);
    config
        .procedures
        .insert("OTHER".into(), "650e8400-e29b-41d4-a716-446655440000".into());
    bench.put_runs(2);
    bench.put(&Record {
        procedure_id: "OTHER".into(),
        ..numbered(3)
    });
    server.script([Act::Answer(json_answer(403, &json!({"message": "not authorized"})))]);
    let drained = bench.drain(&super::bench::opened(config)).await;
    assert_eq!(drained.words(), ["waiting", "stopped", "waiting", "synced"]);
    assert_eq!((server.serials(), server.count("POST")), (vec!["SN0003".to_owned()], 2));
}

#[tokio::test]
async fn retry_after_is_honoured_and_capped() {
    for (header, seconds) in [
        ("retry-after: 10", 10),
        ("retry-after: 1000000000", 300),
        ("retry-after: 99999999999999999999999999", 300),
        (
            "date: Wed, 04 Mar 2026 05:06:07 GMT\r\nretry-after: Wed, 04 Mar 2026 05:06:37 GMT",
            30,
        ),
        (
            "date: Wed, 04 Mar 2026 05:06:07 GMT\r\nretry-after: Wed, 04 Mar 2026 05:06:00 GMT",
            0,
        ),
    ] {
        let (server, bench) = (Server::start().await, Bench::new());
        bench.put_runs(3);
        server.script([Act::Answer(answer(
            429,
            "application/json",
            &format!("{header}\r\n"),
            "{}",
        ))]);
        let drained = bench.drain(&v2(&server.url)).await;
        assert_eq!(
            (drained.words(), server.count("POST")),
            (vec!["waiting", "stopped", "waiting", "waiting"], 1),
            "{header}"
        );
        assert_eq!(
            drained.summary.stopped["fleet"].after,
            Some(Duration::from_secs(seconds)),
            "{header}"
        );
    }
}

#[tokio::test]
async fn the_next_process_knows_until_when_a_target_asked_to_be_left_alone() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(2);
    server.script([Act::Answer(answer(
        429,
        "application/json",
        "retry-after: 60\r\n",
        "{}",
    ))]);
    bench.drain(&v2(&server.url)).await;
    let targets = v2(&server.url);
    let resting = |seconds| left_alone(&bench.store, &targets, now() + TimeDelta::seconds(seconds));
    let left = |seconds| resting(seconds).get("fleet").and_then(|stopped| stopped.after);
    assert_eq!(left(1), Some(Duration::from_secs(59)));
    assert_eq!((left(60), left(61)), (None, None));
    let of_nobody = left_alone(&bench.store, &[], now() + TimeDelta::seconds(1));
    assert!(of_nobody.is_empty(), "a target that is gone keeps nobody waiting");
    // a clock that was set back makes nothing wait longer than any target can ask for
    assert_eq!((left(-240), left(-241)), (Some(Duration::from_secs(300)), None));

    let at = now() + TimeDelta::seconds(1);
    let alone = resting(1);
    let pace = Pace {
        resting: Some(&alone),
        ..Pace::default()
    };
    let summary = drain(&bench.store, &v2(&server.url), &|| at, pace, &mut |_| ())
        .await
        .unwrap();
    assert_eq!((summary.pending, summary.exit_code(), server.count("POST")), (2, 1, 1));
    assert_eq!(left(2), Some(Duration::from_secs(58)), "it is not forgotten by that");
    assert_eq!(bench.drain(&v2(&server.url)).await.summary.synced, 2);
    assert_eq!(left(2), None);
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(1);
    let padding = "x".repeat(2 * 1024 * 1024);
    let long = json!({"id": "11111111-2222-4333-8444-000000000000", "padding": padding});
    server.script([Act::Answer(json_answer(200, &long))]);
    let drained = bench.drain(&v2(&server.url)).await;
    assert_eq!(drained.words(), ["waiting"]);
    assert!(drained.text().contains("cut short"), "{}", drained.text());
}

#[tokio::test]
async fn a_gateway_that_answers_everything_costs_no_record_a_try() {
    for targets in [v2, v1] {
        let (server, bench) = (Server::start().await, Bench::new());
        bench.put_runs(3);
        let gateway = json_answer(200, &json!({"status": "login required"}));
        server.questions(Some(gateway.clone()));
        for _ in 0..30 {
            server.clear();
            server.script(std::iter::repeat_n(gateway.clone(), 3).map(Act::Answer));
            let drained = bench.drain_at(&targets(&server.url), later()).await.unwrap();
            drained.leaves(3, 0);
        }
        // and when it lets us through, all of them arrive
        server.clear();
        server.questions(None);
        let later = later() + TimeDelta::minutes(10);
        let drained = bench.drain_at(&targets(&server.url), later).await.unwrap();
        assert_eq!(
            (drained.summary.synced, server.runs().len()),
            (3, 3),
            "{}",
            drained.text()
        );
    }
}

#[tokio::test]
async fn a_probe_tells_who_is_there() {
    let server = Server::start().await;
    let targets = v2(&server.url);
    let ready = Probe::Ready {
        identity: Some("station STA1 of Acme".into()),
    };
    assert_eq!(targets[0].probe().await, ready);
    // A server that is older than the question is there all the same.
    server.questions(Some(json_answer(404, &json!({"message": "Not found"}))));
    assert_eq!(targets[0].probe().await, Probe::Ready { identity: None });
    assert_eq!(v1(&server.url)[0].probe().await, Probe::Ready { identity: None });
    // Nor is one that does not let a station list runs.
    server.questions(Some(json_answer(403, &json!({"message": "Stations cannot read runs"}))));
    assert_eq!(v1(&server.url)[0].probe().await, Probe::Ready { identity: None });
    server.questions(Some(json_answer(401, &json!({"message": "who?"}))));
    assert!(matches!(targets[0].probe().await, Probe::Refused { .. }));
    for gone in [
        answer(200, "text/html", "", "<html>"),
        answer(302, "text/html", "location: http://portal/\r\n", ""),
        json_answer(502, &json!({})),
    ] {
        server.questions(Some(gone));
        assert!(matches!(targets[0].probe().await, Probe::Unreachable { .. }));
    }
    // a gateway that says "200" to everything is nobody's server
    for gateway in [
        json_answer(200, &json!({"status": "login required"})),
        answer(200, "text/plain", "", "hello"),
        answer(204, "text/plain", "", ""),
    ] {
        server.questions(Some(gateway));
        for targets in [v2, v1] {
            let probe = targets(&server.url)[0].probe().await;
            assert!(matches!(probe, Probe::Unreachable { .. }), "{probe:?}");
        }
    }
    assert!(matches!(
        v2("http://127.0.0.1:1")[0].probe().await,
        Probe::Unreachable { .. }
    ));
}
