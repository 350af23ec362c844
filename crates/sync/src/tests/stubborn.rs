//! Nothing loops for ever, and nothing gives up because of bad weather.

use super::bench::{Bench, Opener, later, v1, v2};
use super::server::{Act, Server, answer, json_answer};
use serde_json::json;

/// How many drains until the run is parked; none when twenty-five do not.
async fn drains_until_parked(act: impl Fn(usize) -> Act) -> Option<usize> {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(1);
    for number in 1..=25 {
        server.script([act(number)]);
        let drained = bench.drain(&v2(&server.url)).await;
        if drained.words() == ["parked"] {
            assert!(
                drained.text().contains("times, and the target is well"),
                "{}",
                drained.text()
            );
            return Some(number);
        }
        assert_eq!(drained.words()[0], "waiting", "{}", drained.text());
    }
    None
}

fn said(status: u16, message: &str) -> Act {
    Act::Answer(json_answer(status, &json!({ "message": message })))
}

#[tokio::test]
async fn five_failures_park_whatever_the_words() {
    assert_eq!(
        drains_until_parked(|_| said(500, "ended_at before started_at")).await,
        Some(5)
    );
    assert_eq!(drains_until_parked(|_| said(405, "no")).await, Some(5));
    assert_eq!(drains_until_parked(|_| said(200, "no id")).await, Some(5));
    // servers put a request's id into their words
    let own = |number: usize| said(500, &format!("oops, request {number}"));
    assert_eq!(drains_until_parked(own).await, Some(5));
    // nor does another answer in between begin anew, whether it is one of the kind or none at all
    let turns = |number: usize| said(if number.is_multiple_of(2) { 500 } else { 405 }, "no");
    assert_eq!(drains_until_parked(turns).await, Some(5));
    let turns = |number: usize| {
        if number.is_multiple_of(2) {
            said(500, "no")
        } else {
            said(429, "busy")
        }
    };
    assert_eq!(drains_until_parked(turns).await, Some(10));
    // a server that asks for rest is given it, and counted
    let rests = |_| Act::Answer(answer(502, "application/json", "retry-after: 7\r\n", "{}"));
    assert_eq!(drains_until_parked(rests).await, Some(5));
}

#[tokio::test]
async fn no_answer_twenty_times_parks() {
    assert_eq!(drains_until_parked(|_| Act::HangUp).await, Some(20));
    // a page in between that meets only this record
    let page = |_| Act::Answer(answer(400, "text/html", "", "<html>blocked"));
    assert_eq!(drains_until_parked(page).await, Some(20));
}

#[tokio::test]
async fn a_question_that_is_never_answered_ends() {
    // v2 knows the run by its reference; of v1 only a person can say
    for (targets, last, posts) in [(v2 as Opener, "synced", 2), (v1, "parked", 1)] {
        let (server, bench) = (Server::start().await, Bench::new());
        bench.put_runs(1);
        server.script([Act::HangUp]);
        server.lists(Some(json_answer(500, &json!({"message": "no lists today"}))));
        let targets = targets(&server.url);
        let mut drains = 0;
        let words = loop {
            drains += 1;
            let words = bench.drain_at(&targets, later()).await.unwrap().words();
            if words != ["waiting"] || drains > 25 {
                break words;
            }
        };
        assert_eq!((words, drains, server.count("POST")), (vec![last], 20, posts));
    }
}

#[tokio::test]
async fn a_record_that_makes_its_target_ask_for_rest_keeps_no_other_waiting_for_ever() {
    for status in [503, 500, 429] {
        let (server, bench) = (Server::start().await, Bench::new());
        bench.put_runs(3);
        let rests = || Act::Answer(answer(status, "application/json", "retry-after: 60\r\n", "{}"));
        let targets = v2(&server.url);
        for _ in 0..2 {
            server.script([rests()]);
            assert_eq!(bench.drain(&targets).await.summary.synced, 0, "{status}");
        }
        // from now on it goes behind the others
        server.script([Act::Store, Act::Store, rests()]);
        let drained = bench.drain(&targets).await;
        assert_eq!(
            (drained.summary.synced, drained.summary.pending),
            (2, 1),
            "{status} {}",
            drained.text()
        );
        assert_eq!(server.serials(), ["SN0002", "SN0003"]);
    }
}

#[tokio::test]
async fn a_busy_target_is_waited_for() {
    for status in [429, 503] {
        assert_eq!(drains_until_parked(|_| said(status, "busy")).await, None, "{status}");
    }
}

#[tokio::test]
async fn a_target_that_is_down_parks_nothing() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(1);
    server.questions(Some(json_answer(500, &json!({"message": "down"}))));
    for _ in 0..25 {
        server.script([said(500, "down")]);
        assert_eq!(bench.drain(&v2(&server.url)).await.words()[0], "waiting");
    }
    assert!(bench.names("parked").is_empty());
}
