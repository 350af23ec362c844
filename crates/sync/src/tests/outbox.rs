//! The outbox drained: order, folders, receipts, and one bad record among good ones.

use super::bench::{Bench, KEY, config, later, now, numbered, opened, run_id, v1, v2};
use super::samples::rich;
use super::server::{Act, Server, id, json_answer};
use crate::reading::body;
use crate::{DrainEvent, TargetConfig, TargetKind};
use benchtop_store::record::MeasurementOutcome;
use benchtop_store::{Record, RecordName, Standing, StoreErrorKind};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[tokio::test]
async fn what_was_confirmed_is_moved_and_every_byte_was_the_wires() {
    let (server, bench) = (Server::start().await, Bench::new());
    let record = Record {
        run_id: run_id(1),
        ..rich()
    };
    let name = bench.put(&record);
    let drained = bench.drain(&v2(&server.url)).await;
    assert_eq!(
        drained.events,
        [DrainEvent::Synced {
            record: name.to_string(),
            remote_ids: vec![("fleet".into(), id(0))],
            notes: Vec::new(),
        }]
    );
    assert_eq!((drained.summary.synced, drained.summary.exit_code()), (1, 0));
    assert_eq!(bench.names("synced/2026-03"), [name.to_string()]);
    assert!(bench.names("pending").is_empty());
    let sent: Value =
        serde_json::from_slice(&body(crate::tofupilot_v2::convert::run(&record, super::samples::UUID)).unwrap())
            .unwrap();
    assert_eq!(server.runs(), [sent]);
    let request = &server.requests()[0];
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("POST", "/api/v2/runs")
    );
    for line in [
        format!("authorization: bearer {KEY}"),
        format!("user-agent: benchtop/{}", env!("CARGO_PKG_VERSION")),
        "x-client-type: benchtop".into(),
        "content-type: application/json".into(),
        "accept: application/json".into(),
    ] {
        assert!(request.head.contains(&line), "{line} in {}", request.head);
    }
    assert!(!request.head.contains("accept-encoding"), "{}", request.head);
}

#[tokio::test]
async fn what_was_sent_otherwise_is_said() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put(&Record {
        ended_at: numbered(1).started_at,
        ..numbered(1)
    });
    let text = bench.drain(&v2(&server.url)).await.text();
    assert!(text.contains("one millisecond after its start"), "{text}");
}

#[tokio::test]
async fn a_drain_can_be_spawned() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let bench = Bench::new();
    is_send(crate::drain(
        &bench.store,
        &[],
        &now,
        crate::Pace::default(),
        &mut |_| (),
    ))
    .await
    .unwrap();
}

#[tokio::test]
async fn v1_goes_to_its_own_path_in_its_own_words() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put(&rich());
    assert_eq!(bench.drain(&v1(&server.url)).await.words(), ["synced"]);
    assert_eq!(server.requests()[0].target, "/api/v1/runs");
    let sent: Value =
        serde_json::from_slice(&body(crate::tofupilot_v1::convert::run(&rich(), "FVT1")).unwrap()).unwrap();
    assert_eq!(server.runs(), [sent]);
}

#[tokio::test]
async fn the_oldest_goes_first() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(12);
    let drained = bench.drain(&v2(&format!("{}/api", server.url))).await;
    assert_eq!(drained.summary.synced, 12);
    let expected: Vec<String> = (1..=12).map(|number| format!("SN{number:04}")).collect();
    assert_eq!(server.serials(), expected);
}

#[tokio::test]
async fn one_bad_record_never_blocks_the_rest() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(4);
    let words = json!({"message": "Invalid", "issues": [{"message": "too long", "path": ["serial_number"]}]});
    server.script([
        Act::Store,
        Act::Answer(json_answer(400, &words)),
        Act::Answer(json_answer(500, &json!({"message": "oops"}))),
    ]);
    // Damaged, not ours, and a PASS without a value.
    let damaged = numbered(5);
    let mut bytes = benchtop_store::integrity::seal(&damaged).unwrap();
    let digit = bytes.iter().position(|byte| *byte == b'7').unwrap();
    bytes[digit] = b'8';
    bench.file(RecordName::of(&damaged).as_str(), &bytes);
    bench.file("run_1.json", b"{}");
    let mut hollow = Record {
        steps: rich().steps,
        ..numbered(6)
    };
    hollow.steps[0].measurements[0].value = None;
    assert_eq!(hollow.steps[0].measurements[0].outcome, MeasurementOutcome::Pass);
    bench.put(&hollow);
    bench.put(&numbered(7));

    let drained = bench.drain(&v2(&server.url)).await;
    // each is told when it is written down
    let mut words = drained.words();
    words.sort_unstable();
    assert_eq!(
        words,
        [
            "parked",
            "parked",
            "quarantined",
            "quarantined",
            "synced",
            "synced",
            "synced",
            "waiting"
        ]
    );
    assert_eq!(server.serials(), ["SN0001", "SN0004", "SN0007"]);
    let text = drained.text();
    assert!(text.contains("status 400: Invalid (serial_number: too long)"), "{text}");
    assert!(
        text.contains("vout in step power_on a PASS, but holds no value"),
        "{text}"
    );
    assert_eq!(bench.names("parked").len(), 2);
    assert!(bench.names("quarantine").contains(&"run_1.json".to_owned()));
    let summary = &drained.summary;
    assert_eq!(
        (summary.synced, summary.pending, summary.parked, summary.quarantined),
        (3, 1, 2, 2)
    );
    assert_eq!((summary.need_a_person, summary.exit_code()), (4, 3));

    // What is parked is not tried again, and still asks for a person.
    let again = bench.drain(&v2(&server.url)).await;
    assert_eq!(again.words(), ["synced"]);
    assert_eq!((again.summary.parked, again.summary.exit_code()), (0, 3));
    assert_eq!(server.serials(), ["SN0001", "SN0004", "SN0007", "SN0003"]);
}

#[tokio::test]
async fn a_simulated_run_leaves_only_where_it_is_asked_for() {
    let (server, bench) = (Server::start().await, Bench::new());
    let simulated = Record {
        simulated: true,
        ..numbered(1)
    };
    bench.put(&simulated);
    for target in [v2(&server.url), v1(&server.url)] {
        let drained = bench.drain(&target).await;
        assert_eq!((server.count("POST"), drained.summary.exit_code()), (0, 0));
    }
    assert_eq!(bench.names("kept").len(), 1);
    assert!(matches!(bench.standing(1).standing, Standing::Unwanted { .. }));
    assert!(bench.names("synced").is_empty());

    let name = RecordName::of(&simulated);
    bench.store.requeue(benchtop_store::Place::Kept, &name).unwrap();
    let accepting = TargetConfig {
        accept_simulated: true,
        ..config(TargetKind::TofuPilotV2, &server.url)
    };
    assert_eq!(bench.drain(&opened(accepting)).await.words(), ["synced"]);
    assert_eq!(server.runs()[0]["metadata"]["simulated"], true);
}

#[tokio::test]
async fn a_procedure_without_a_uuid_waits_for_the_station_file() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(1);
    let unmapped = TargetConfig {
        procedures: BTreeMap::new(),
        ..config(TargetKind::TofuPilotV2, &server.url)
    };
    let drained = bench.drain(&opened(unmapped)).await;
    assert_eq!((drained.words(), drained.summary.exit_code()), (vec!["waiting"], 1));
    assert!(
        drained.text().contains("[sync.targets.procedures]"),
        "{}",
        drained.text()
    );
    assert_eq!(server.count("POST"), 0);
    assert_eq!(bench.drain(&v2(&server.url)).await.words(), ["synced"]);
}

#[tokio::test]
async fn every_target_has_its_own_receipts() {
    let (first, second, bench) = (Server::start().await, Server::start().await, Bench::new());
    bench.put_runs(2);
    let named = |name: &str, url: &str| TargetConfig {
        name: name.into(),
        ..config(TargetKind::TofuPilotV2, url)
    };
    let mut targets = opened(named("fleet", &first.url));
    targets.extend(opened(named("old", "http://127.0.0.1:1")));
    let drained = bench.drain(&targets).await;
    assert_eq!(drained.words(), ["waiting", "stopped", "waiting"]);
    assert_eq!((first.serials().len(), drained.summary.pending), (2, 2));
    assert_eq!(drained.summary.stopped.keys().collect::<Vec<_>>(), ["old"]);

    targets.truncate(1);
    targets.extend(opened(named("old", &second.url)));
    let drained = bench.drain(&targets).await;
    assert_eq!(
        (drained.words(), drained.summary.exit_code()),
        (vec!["synced", "synced"], 0)
    );
    assert_eq!((first.count("POST"), second.count("POST")), (2, 2));
}

#[tokio::test]
async fn without_a_target_nothing_moves_and_one_at_a_time_drains() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(2);
    let drained = bench.drain(&[]).await;
    assert_eq!(
        (
            drained.words().len(),
            drained.summary.pending,
            drained.summary.exit_code()
        ),
        (0, 2, 1)
    );
    let other = bench.store.lock_syncer().unwrap();
    let refused = bench.drain_at(&v2(&server.url), later()).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Locked);
    drop(other);
    assert_eq!(server.count("POST"), 0);
}

#[tokio::test]
async fn receipts_that_cannot_be_believed_send_nothing() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(2);
    bench.attempted(1);
    bench.file(
        &format!("../receipts/{}.jsonl", run_id(1)),
        b"0123456789abcdef {\"receipt\":\"attempt\"}\nmore\n",
    );
    let drained = bench.drain(&v2(&server.url)).await;
    assert_eq!(
        (drained.words(), drained.summary.exit_code()),
        (vec!["waiting", "synced"], 1)
    );
    assert_eq!(server.serials(), ["SN0002"]);
}
