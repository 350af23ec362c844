//! Answers that were lost: the run is there once, whatever was said or not said.

use super::bench::{Bench, Opener, later, now, numbered, v1, v2};
use super::server::{Act, Server, answer, json_answer};
use crate::{Pace, drain};
use benchtop_store::Standing;
use chrono::TimeDelta;
use serde_json::json;

/// Ways in which the answer to a run that is stored does not arrive.
fn lost() -> [Act; 2] {
    [Act::StoreThenHangUp, Act::StoreThenCut]
}

#[tokio::test]
async fn a_stored_run_whose_answer_was_lost_is_found_and_not_sent_again() {
    for (act, targets) in lost()
        .into_iter()
        .flat_map(|act| [(act.clone(), v2 as Opener), (act, v1 as Opener)])
    {
        let (server, bench) = (Server::start().await, Bench::new());
        bench.put_runs(1);
        server.script([act.clone()]);
        let targets = targets(&server.url);
        assert_eq!(bench.drain(&targets).await.words(), ["waiting"], "{act:?}");
        assert!(matches!(bench.standing(1).standing, Standing::Uncertain { .. }));
        let again = bench.drain(&targets).await;
        assert_eq!(
            (again.words(), again.summary.exit_code()),
            (vec!["synced"], 0),
            "{act:?}"
        );
        assert_eq!((server.runs().len(), server.count("POST")), (1, 1), "{act:?}");
    }
}

#[tokio::test]
async fn where_the_query_cannot_tell_v2_sends_again_under_the_same_reference() {
    for act in lost() {
        let (server, bench) = (Server::start().await, Bench::new());
        bench.put_runs(1);
        server.script([act]);
        let targets = v2(&server.url);
        assert_eq!(bench.drain(&targets).await.words(), ["waiting"]);
        server.questions(Some(json_answer(403, &json!({"message": "Stations cannot read runs"}))));
        assert_eq!(bench.drain(&targets).await.words(), ["synced"]);
        assert_eq!((server.runs().len(), server.count("POST")), (1, 2));
        let requests = server.requests();
        let bodies: Vec<_> = requests.iter().filter(|request| request.method == "POST").collect();
        assert_eq!(bodies[0].body, bodies[1].body);
    }
}

#[tokio::test]
async fn where_the_query_cannot_tell_v1_parks_for_a_person() {
    for act in lost() {
        let (server, bench) = (Server::start().await, Bench::new());
        bench.put_runs(1);
        server.script([act]);
        let targets = v1(&server.url);
        assert_eq!(bench.drain(&targets).await.words(), ["waiting"]);
        server.questions(Some(json_answer(200, &json!([{"id": "no times"}]))));
        let drained = bench.drain_at(&targets, later()).await.unwrap();
        assert_eq!((drained.words(), drained.summary.exit_code()), (vec!["parked"], 3));
        assert!(drained.text().contains("a person must"), "{}", drained.text());
        assert_eq!(bench.drain_at(&targets, later()).await.unwrap().words().len(), 0);
        assert_eq!((server.runs().len(), server.count("POST")), (1, 1));
    }
}

#[tokio::test]
async fn v1_sends_again_only_when_the_lost_request_is_surely_dead() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(1);
    // A gateway's 504 says nothing of the server behind it.
    server.script([
        Act::Answer(json_answer(504, &json!({"message": "upstream"}))),
        Act::HangUp,
    ]);
    let targets = v1(&server.url);
    assert_eq!(bench.drain(&targets).await.words(), ["waiting"]);
    assert_eq!(bench.drain(&targets).await.words(), ["waiting"]);
    assert_eq!(server.count("POST"), 1);
    assert_eq!(bench.drain_at(&targets, later()).await.unwrap().words(), ["waiting"]);
    assert_eq!(server.count("POST"), 2);
    let much_later = later() + TimeDelta::minutes(3);
    assert_eq!(bench.drain_at(&targets, much_later).await.unwrap().words(), ["synced"]);
    assert_eq!((server.runs().len(), server.count("POST")), (1, 3));
}

#[tokio::test]
async fn a_request_that_took_minutes_may_be_under_way_when_it_is_lost() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(1);
    server.script([Act::HangUp]);
    let targets = v1(&server.url);
    let lost = now() + TimeDelta::minutes(5);
    let clock = || if server.count("POST") == 0 { now() } else { lost };
    let summary = drain(&bench.store, &targets, &clock, Pace::default(), &mut |_| ()).await;
    assert_eq!(summary.unwrap().pending, 1);
    for (minutes, word, posts) in [(1, "waiting", 1), (2, "synced", 2)] {
        let at = lost + TimeDelta::minutes(minutes);
        assert_eq!(bench.drain_at(&targets, at).await.unwrap().words(), [word]);
        assert_eq!(server.count("POST"), posts);
    }
}

#[tokio::test]
async fn an_upload_whose_program_died_may_be_under_way_for_two_minutes_after_it_is_known() {
    // after an hour no request lives any more
    for all in [
        vec![(5, "waiting"), (6, "waiting"), (7, "synced")],
        vec![(62, "synced")],
    ] {
        let (server, bench) = (Server::start().await, Bench::new());
        bench.put_runs(1);
        bench.attempted(1);
        let targets = v1(&server.url);
        for (minutes, word) in all {
            let at = now() + TimeDelta::minutes(minutes);
            assert_eq!(bench.drain_at(&targets, at).await.unwrap().words(), [word], "{minutes}");
        }
        assert_eq!(server.count("POST"), 1);
    }
}

#[tokio::test]
async fn a_crash_between_sending_and_the_receipt_is_settled() {
    // Died after the server had stored it, and before anything left.
    for (stored, posts) in [(true, 0), (false, 1)] {
        let (server, bench) = (Server::start().await, Bench::new());
        let name = bench.put(&numbered(1));
        if stored {
            let record = serde_json::json!({"serial_number": "SN0001", "started_at": numbered(1).started_at});
            server.keeps(vec![record]);
        }
        bench.attempted(1);
        assert_eq!(bench.drain(&v2(&server.url)).await.words(), ["synced"]);
        assert_eq!(
            (server.count("GET"), server.count("POST"), server.runs().len()),
            // how old the server is, and whether it has the run
            (2, posts, 1),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_crash_between_the_receipt_and_the_move_moves_without_sending() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(1);
    let targets = v2(&server.url);
    bench.drain(&targets).await;
    bench.put_runs(1);
    std::fs::remove_file(
        bench
            .store
            .root()
            .join("synced/2026-03")
            .join(&bench.names("synced")[0]),
    )
    .unwrap();
    assert_eq!(bench.drain(&targets).await.words(), ["synced"]);
    assert_eq!((server.count("POST"), bench.names("pending").len()), (1, 0));
}

#[tokio::test]
async fn a_captive_portal_gets_nothing_and_confirms_nothing() {
    let portal = answer(200, "text/html", "", "<html>Welcome, please log in</html>");
    for targets in [v2, v1] {
        let (server, bench) = (Server::start().await, Bench::new());
        bench.put_runs(3);
        server.script([Act::Answer(portal.clone())]);
        server.questions(Some(portal.clone()));
        let drained = bench.drain(&targets(&server.url)).await;
        assert_eq!(
            (drained.words(), drained.summary.exit_code()),
            (vec!["waiting", "stopped", "waiting", "waiting"], 1)
        );
        assert!(drained.text().contains("captive portal"), "{}", drained.text());
        assert_eq!((bench.names("pending").len(), server.count("POST")), (3, 1));
        // The portal is passed: each run arrives once.
        server.questions(None);
        let drained = bench.drain_at(&targets(&server.url), later()).await.unwrap();
        assert_eq!((drained.summary.synced, server.serials().len()), (3, 3));
    }
}

#[tokio::test]
async fn a_week_offline_costs_one_attempt() {
    let bench = Bench::new();
    bench.put_runs(3);
    for _ in 0..3 {
        let drained = bench.drain(&v2("http://127.0.0.1:1")).await;
        assert_eq!(
            (drained.words(), drained.summary.pending),
            (vec!["waiting", "stopped", "waiting", "waiting"], 3)
        );
    }
    // Once refused, a record is tried again only where somebody answers: receipts do not grow offline.
    assert_eq!((bench.standing(1).attempts, bench.standing(2).attempts), (1, 0));
    let server = Server::start().await;
    assert_eq!(bench.drain(&v2(&server.url)).await.summary.synced, 3);
    assert_eq!(server.serials(), ["SN0001", "SN0002", "SN0003"]);
}
