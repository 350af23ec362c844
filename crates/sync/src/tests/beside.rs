//! Many uploads beside each other, and a sync that goes on for ever.

use super::bench::{Bench, later, now, v2};
use super::server::{Act, Server, json_answer};
use crate::{Pace, drain};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

#[tokio::test]
async fn many_at_once_are_each_stored_once() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(60);
    server.script((0..20).flat_map(|_| [Act::Store, Act::StoreThenHangUp, Act::HangUp]));
    let targets = v2(&server.url);
    for _ in 0..5 {
        drain(&bench.store, &targets, &now, Pace::default(), &mut |_| ())
            .await
            .unwrap();
    }
    let serials: BTreeSet<String> = server.serials().into_iter().collect();
    assert_eq!((server.serials().len(), serials.len()), (60, 60));
    assert_eq!((bench.names("pending").len(), bench.names("synced").len()), (0, 60));
}

#[tokio::test]
async fn nobody_there_costs_one_attempt_however_many_may_go_at_once() {
    let bench = Bench::new();
    bench.put_runs(20);
    drain(
        &bench.store,
        &v2("http://127.0.0.1:1"),
        &now,
        Pace::default(),
        &mut |_| (),
    )
    .await
    .unwrap();
    let tried = (1..=20).filter(|number| bench.standing(*number).attempts > 0).count();
    assert_eq!(tried, 1);
}

#[tokio::test]
async fn what_was_tried_a_moment_ago_rests() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(2);
    server.script([Act::Answer(json_answer(500, &json!({"message": "oops"})))]);
    let pace = Pace {
        only_due: true,
        ..Pace::default()
    };
    let targets = v2(&server.url);
    for (at, posts) in [(now(), 2), (now(), 2), (later(), 3)] {
        drain(&bench.store, &targets, &|| at, pace, &mut |_| ()).await.unwrap();
        assert_eq!(server.count("POST"), posts);
    }
    assert_eq!(server.serials(), ["SN0002", "SN0001"]);
}

#[tokio::test]
async fn a_drain_that_is_told_to_end_begins_nothing_more() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(5);
    let stop = AtomicBool::new(true);
    let pace = Pace {
        stop: Some(&stop),
        ..Pace::default()
    };
    let summary = drain(&bench.store, &v2(&server.url), &now, pace, &mut |_| ())
        .await
        .unwrap();
    assert_eq!((summary.pending, server.count("POST")), (5, 0));
}
