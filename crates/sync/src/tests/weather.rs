//! Every kind of server in bad weather: answers that are lost, cut, invented or another's, and syncs that are broken off anywhere.
//! In the end each run is there once, whatever a server does with a repeat.

use super::bench::{Bench, now, v1, v2};
use super::server::{Act, Server, answer, json_answer};
use crate::deadline::within;
use crate::{Chosen, Pace, Target, drain, retry};
use benchtop_store::StoreErrorKind;
use chrono::TimeDelta;
use futures_util::future::{Either, select};
use serde_json::json;
use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

const RUNS: u64 = 60;
const ROUNDS: u64 = 60;

/// Xorshift: the same weather for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    fn act(&mut self) -> Act {
        let gateway = json_answer(504, &json!({"message": "upstream"}));
        match self.roll(16) {
            0 | 1 => Act::StoreThenHangUp,
            2 | 3 => Act::StoreThenCut,
            4 | 5 => Act::HangUp,
            6 => Act::StoreThenAnswer(gateway),
            7 => Act::Answer(gateway),
            8 => Act::StoreThenAnswer(json_answer(503, &json!({"message": "busy"}))),
            9 => Act::Answer(answer(200, "text/html", "", "<html>log in</html>")),
            10 => Act::Answer(answer(429, "application/json", "retry-after: 1\r\n", "{}")),
            11 => Act::StoreThenAnswer(json_answer(200, &json!({"ok": true}))),
            _ => Act::Store,
        }
    }
}

/// Ends when no thread of a sync that was broken off works any more: it may wait for the disk still.
async fn unlocked(bench: &Bench) {
    let free = async {
        while let Err(error) = bench.store.lock_syncer() {
            assert_eq!(error.kind(), StoreErrorKind::Locked, "{error}");
            tokio::task::yield_now().await;
        }
    };
    within(Duration::from_secs(60), free).await.unwrap();
}

async fn check(server: Server, targets: Vec<Box<dyn Target>>, seed: u64) {
    let (bench, mut dice) = (Bench::new(), Dice(seed));
    bench.put_runs(RUNS);
    let pace = Pace {
        at_once: 8,
        ..Pace::default()
    };
    let (mut at, mut broken_off) = (now(), 0);
    for _ in 0..ROUNDS {
        at += TimeDelta::minutes(3);
        unlocked(&bench).await;
        server.script((0..8).map(|_| dice.act()));
        let clock = || at;
        let mut observe = |_| ();
        let draining = pin!(drain(&bench.store, &targets, &clock, pace, &mut observe));
        let beats = dice.roll(100);
        let kill = pin!(async {
            for _ in 0..beats {
                tokio::task::yield_now().await;
            }
        });
        match select(draining, kill).await {
            Either::Left((ended, _)) => drop(ended.unwrap()),
            Either::Right(_) => broken_off += 1,
        }
    }
    assert!(
        broken_off > 0,
        "nothing was broken off: the test proves less than it says"
    );
    // the weather is well again, and a person gives what is parked another try
    server.clear();
    unlocked(&bench).await;
    for _ in 0..2000 {
        at += TimeDelta::minutes(3);
        retry(&bench.store, &Chosen::All, &|| at, &mut |_, _| ()).unwrap();
        let drained = drain(&bench.store, &targets, &|| at, pace, &mut |_| ()).await;
        if drained.unwrap().exit_code() == 0 {
            break;
        }
    }
    let serials = server.serials();
    let once: BTreeSet<&String> = serials.iter().collect();
    let runs = usize::try_from(RUNS).unwrap();
    assert_eq!((serials.len(), once.len()), (runs, runs), "{serials:?}");
    assert_eq!((bench.names("synced").len(), bench.names("pending").len()), (runs, 0));
}

#[tokio::test]
async fn a_v1_server_has_each_run_once() {
    for seed in [1, 2, 3] {
        let server = Server::start().await;
        let targets = v1(&server.url);
        check(server, targets, seed).await;
    }
}

#[tokio::test]
async fn a_v2_server_that_ignores_the_reference_has_each_run_once() {
    for seed in [4, 5, 6] {
        let server = Server::start().await;
        server.is_old(true);
        let targets = v2(&server.url);
        check(server, targets, seed).await;
    }
}

#[tokio::test]
async fn a_v2_server_has_each_run_once() {
    let server = Server::start().await;
    let targets = v2(&server.url);
    check(server, targets, 7).await;
}
