//! What a person sees of the outbox, and does to it.

use super::bench::{Bench, now, v2};
use super::server::{Act, Server, json_answer};
use crate::{Chosen, drop_records, requeue, retry, status};
use benchtop_store::StoreErrorKind;
use serde_json::{Value, json};

fn refused() -> Act {
    Act::Answer(json_answer(422, &json!({"message": "too long"})))
}

#[tokio::test]
async fn the_status_says_what_waits_what_is_parked_and_why() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(4);
    server.script([
        Act::Store,
        refused(),
        Act::Answer(json_answer(500, &json!({"message": "oops"}))),
        Act::HangUp,
    ]);
    bench.drain(&v2(&server.url)).await;
    let status = status(&bench.store, &["fleet", "other"]).unwrap();
    assert_eq!((status.pending, status.parked, status.exit_code()), (2, 1, 3));
    let fleet = &status.targets["fleet"];
    assert_eq!((fleet.pending, fleet.uncertain, fleet.parked_count), (2, 2, 1));
    assert!(fleet.parked[0].1.contains("too long"), "{fleet:?}");
    assert_eq!(fleet.waiting["status 500: oops"], 1);
    assert_eq!(
        (fleet.outlook.last_success, fleet.outlook.last_try),
        (Some(now()), Some(now()))
    );
    assert!(fleet.next_try.unwrap() > now());
    // a target that nobody has told anything yet wants all that waits
    assert_eq!(status.targets["other"].pending, 2);
    let json: Value = serde_json::from_str(&status.to_json()).unwrap();
    assert_eq!(
        json["targets"]["fleet"]["parked_records"][0]["reason"],
        "status 422: too long"
    );
    assert_eq!(json["oldest_pending"], "2026-03-04T05:09:07.123456Z");
}

#[tokio::test]
async fn a_parked_record_is_tried_again_when_a_person_says_so() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(3);
    server.script([refused(), refused(), refused()]);
    assert_eq!(bench.drain(&v2(&server.url)).await.summary.parked, 3);
    let nobody = retry(&bench.store, &Chosen::Named("SN9999".into()), &now).unwrap();
    assert!(nobody.records.is_empty());
    assert_eq!(
        retry(&bench.store, &Chosen::Named("SN0002".into()), &now)
            .unwrap()
            .records
            .len(),
        1
    );
    assert_eq!(bench.drain(&v2(&server.url)).await.words(), ["synced"]);
    assert_eq!(retry(&bench.store, &Chosen::All, &now).unwrap().records.len(), 2);
    assert_eq!(bench.drain(&v2(&server.url)).await.summary.exit_code(), 0);
    assert_eq!(server.serials(), ["SN0002", "SN0001", "SN0003"]);
}

#[tokio::test]
async fn a_dropped_record_is_kept_and_never_sent() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(3);
    server.script([refused()]);
    let dead = v2("http://127.0.0.1:1");
    bench.drain(&dead).await;
    let dropped = drop_records(&bench.store, &Chosen::Named("SN0002".into()), &["fleet"], &now).unwrap();
    assert_eq!((dropped.records.len(), bench.names("kept").len()), (1, 1));
    bench.drain(&v2(&server.url)).await;
    assert_eq!(
        (server.serials(), bench.names("parked").len()),
        (vec!["SN0003".to_owned()], 1)
    );
    drop_records(&bench.store, &Chosen::All, &["fleet"], &now).unwrap();
    assert_eq!((bench.names("kept").len(), bench.names("parked").len()), (2, 0));
    assert_eq!(bench.drain(&v2(&server.url)).await.words().len(), 0);
    // and back, when it was a mistake
    assert_eq!(requeue(&bench.store, &Chosen::All, &now).unwrap().records.len(), 2);
    assert_eq!(bench.drain(&v2(&server.url)).await.summary.exit_code(), 0);
}

#[tokio::test]
async fn nobody_corrects_an_outbox_that_is_being_drained() {
    let bench = Bench::new();
    bench.put_runs(1);
    let _other = bench.store.lock_syncer().unwrap();
    let errors = [
        retry(&bench.store, &Chosen::All, &now).unwrap_err(),
        requeue(&bench.store, &Chosen::All, &now).unwrap_err(),
        drop_records(&bench.store, &Chosen::All, &[], &now).unwrap_err(),
    ];
    assert!(errors.iter().all(|error| error.kind() == StoreErrorKind::Locked));
}

#[tokio::test]
async fn ten_thousand_parked_records_are_listed() {
    let bench = Bench::new();
    for number in 1..=10_000_u64 {
        bench.file(
            &format!(
                "../parked/{number:010}_SN_20260304_050607_{}.json",
                super::bench::run_id(number)
            ),
            b"{}",
        );
    }
    let status = status(&bench.store, &["fleet"]).unwrap();
    assert_eq!((status.parked, status.exit_code()), (10_000, 3));
}
