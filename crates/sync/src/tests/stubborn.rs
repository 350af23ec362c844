//! Nothing loops for ever, and nothing gives up because of bad weather.

use super::bench::{Bench, v2};
use super::server::{Act, Server, json_answer};
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
                drained.text().contains("times the same, and the target is well"),
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
async fn the_same_answer_five_times_parks() {
    assert_eq!(
        drains_until_parked(|_| said(500, "ended_at before started_at")).await,
        Some(5)
    );
    assert_eq!(drains_until_parked(|_| said(405, "no")).await, Some(5));
    assert_eq!(drains_until_parked(|_| said(200, "no id")).await, Some(5));
    // a different one in between begins anew
    assert_eq!(
        drains_until_parked(|number| said(500, if number == 4 { "b" } else { "a" })).await,
        Some(9)
    );
}

#[tokio::test]
async fn no_answer_twenty_times_parks() {
    assert_eq!(drains_until_parked(|_| Act::HangUp).await, Some(20));
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
