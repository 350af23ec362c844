//! What a person sees of the outbox, and does to it.

use super::bench::{Bench, now, numbered, run_id, v2};
use super::server::{Act, Server, answer, json_answer};
use crate::{Chosen, Pace, drain, drop_records, requeue, retry, status};
use benchtop_store::{Receipt, ReceiptKind, RecordName, StoreErrorKind};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

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
    let nobody = retry(&bench.store, &Chosen::Named("SN9999".into()), &now, &mut |_, _| ()).unwrap();
    assert!(nobody.records.is_empty());
    assert_eq!(
        retry(&bench.store, &Chosen::Named("SN0002".into()), &now, &mut |_, _| ())
            .unwrap()
            .records
            .len(),
        1
    );
    assert_eq!(bench.drain(&v2(&server.url)).await.words(), ["synced"]);
    assert_eq!(
        retry(&bench.store, &Chosen::All, &now, &mut |_, _| ())
            .unwrap()
            .records
            .len(),
        2
    );
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
    let dropped = drop_records(
        &bench.store,
        &Chosen::Named("SN0002".into()),
        &["fleet"],
        &now,
        &mut |_, _| (),
    )
    .unwrap();
    assert_eq!((dropped.records.len(), bench.names("kept").len()), (1, 1));
    bench.drain(&v2(&server.url)).await;
    assert_eq!(
        (server.serials(), bench.names("parked").len()),
        (vec!["SN0003".to_owned()], 1)
    );
    drop_records(&bench.store, &Chosen::All, &["fleet"], &now, &mut |_, _| ()).unwrap();
    assert_eq!((bench.names("kept").len(), bench.names("parked").len()), (2, 0));
    assert_eq!(bench.drain(&v2(&server.url)).await.words().len(), 0);
    // and back, when it was a mistake
    assert_eq!(
        requeue(&bench.store, &Chosen::All, &["fleet"], &now, &mut |_, _| ())
            .unwrap()
            .records
            .len(),
        2
    );
    assert_eq!(bench.drain(&v2(&server.url)).await.summary.exit_code(), 0);
}

#[tokio::test]
async fn a_sync_that_wakes_up_at_the_first_half_of_a_requeue_waits_for_the_second() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(100);
    bench.drain(&v2(&server.url)).await;
    bench.put(&numbered(101));
    drop_records(&bench.store, &Chosen::All, &["fleet"], &now, &mut |_, _| ()).unwrap();
    assert_eq!((bench.names("kept").len(), bench.names("synced").len()), (1, 100));
    let is_done = AtomicBool::new(false);
    // takes the lock as soon as it is free
    let wakes_up = || {
        while !is_done.load(Ordering::SeqCst) {
            if let Ok(_lock) = bench.store.lock_syncer() {
                while !is_done.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
            }
        }
    };
    let dealt = std::thread::scope(|scope| {
        let mut is_awake = false;
        let dealt = requeue(&bench.store, &Chosen::All, &["fleet", "added"], &now, &mut |_, _| {
            if !std::mem::replace(&mut is_awake, true) {
                scope.spawn(wakes_up);
            }
        });
        is_done.store(true, Ordering::SeqCst);
        dealt
    });
    assert_eq!(dealt.unwrap().records.len(), 101);
}

#[tokio::test]
async fn what_is_synced_goes_to_a_target_that_was_added_later() {
    let (server, added, bench) = (Server::start().await, Server::start().await, Bench::new());
    bench.put_runs(2);
    assert_eq!(bench.drain(&v2(&server.url)).await.summary.synced, 2);
    let mut second = super::bench::config(crate::TargetKind::TofuPilotV2, &added.url);
    second.name = "added".into();
    let mut targets = v2(&server.url);
    targets.extend(super::bench::opened(second));
    let both = ["fleet", "added"];
    let again = requeue(&bench.store, &Chosen::All, &both, &now, &mut |_, _| ()).unwrap();
    assert_eq!((again.records.len(), bench.names("synced").len()), (2, 0));
    assert_eq!(bench.drain(&targets).await.summary.synced, 2);
    assert_eq!((server.count("POST"), added.serials().len()), (2, 2));
    let again = requeue(&bench.store, &Chosen::All, &both, &now, &mut |_, _| ()).unwrap();
    assert!(again.records.is_empty(), "nobody lacks anything");
}

#[tokio::test]
async fn nobody_corrects_an_outbox_that_is_being_drained() {
    let bench = Bench::new();
    bench.put_runs(1);
    let _other = bench.store.lock_syncer().unwrap();
    let errors = [
        retry(&bench.store, &Chosen::All, &now, &mut |_, _| ()).unwrap_err(),
        requeue(&bench.store, &Chosen::All, &["fleet"], &now, &mut |_, _| ()).unwrap_err(),
        drop_records(&bench.store, &Chosen::All, &[], &now, &mut |_, _| ()).unwrap_err(),
    ];
    assert!(errors.iter().all(|error| error.kind() == StoreErrorKind::Locked));
}

#[tokio::test]
async fn the_clock_of_a_target_is_held_against_ours() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(1);
    let hour_ahead = "date: Thu, 05 Mar 2026 01:00:00 GMT\r\n";
    let stored = json!({"id": "there"}).to_string();
    server.script([Act::Answer(answer(200, "application/json", hour_ahead, &stored))]);
    assert_eq!(bench.drain(&v2(&server.url)).await.words(), ["synced"]);
    let stands = status(&bench.store, &["fleet"]).unwrap();
    assert_eq!(stands.targets["fleet"].outlook.clock_ahead_s, Some(3600));
    assert!(
        stands.to_json().contains("\"clock_ahead_s\":3600"),
        "{}",
        stands.to_json()
    );
    // a target that does not say its time keeps what it said before
    bench.put(&numbered(2));
    bench.drain(&v2(&server.url)).await;
    let stands = status(&bench.store, &["fleet"]).unwrap();
    assert_eq!(stands.targets["fleet"].outlook.clock_ahead_s, Some(3600));
}

#[tokio::test]
async fn ten_thousand_parked_records_are_listed() {
    let bench = Bench::new();
    for number in 1..=10_000_u64 {
        bench.file(
            &format!("../parked/{number:010}_SN_20260304_050607_{}.json", run_id(number)),
            b"{}",
        );
    }
    let status = status(&bench.store, &["fleet"]).unwrap();
    assert_eq!((status.parked, status.exit_code()), (10_000, 3));
}

#[tokio::test]
async fn ten_thousand_parked_records_come_back_and_go_out() {
    const MANY: u64 = 10_000;
    const WHOLE: u64 = 200;
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(WHOLE);
    // of most of them only names and receipts are looked at
    let rest: Vec<RecordName> = (WHOLE + 1..=MANY)
        .map(|number| RecordName::of(&numbered(number)))
        .collect();
    rest.iter().for_each(|name| bench.file(name.as_str(), b"{}"));
    let parked = |number| {
        let receipt = Receipt {
            at: now(),
            target: "fleet".into(),
            kind: ReceiptKind::Parked {
                reason: "status 422: no".into(),
            },
        };
        (run_id(number), receipt)
    };
    bench
        .store
        .receipts()
        .append_all(&(1..=MANY).map(parked).collect::<Vec<_>>())
        .unwrap();
    for name in bench.store.pending(usize::MAX).unwrap().names {
        bench.store.park(&name).unwrap();
    }
    let stands = status(&bench.store, &["fleet"]).unwrap();
    assert_eq!((stands.parked, stands.pending, stands.exit_code()), (MANY, 0, 3));
    assert_eq!(stands.targets["fleet"].parked_count, MANY);
    assert_eq!(
        stands.targets["fleet"].parked.len(),
        50,
        "named for people: not all of them"
    );
    let mut counts = Vec::new();
    let dealt = retry(&bench.store, &Chosen::All, &now, &mut |done, all| {
        counts.push((done, all));
    })
    .unwrap();
    assert_eq!((dealt.records.len(), counts.last()), (10_000, Some(&(10_000, 10_000))));
    assert!(counts.len() > 30 && counts.is_sorted(), "{counts:?}");
    let stands = status(&bench.store, &["fleet"]).unwrap();
    assert_eq!((stands.parked, stands.pending, stands.exit_code()), (0, MANY, 1));
    rest.iter().for_each(|name| drop(bench.store.keep(name).unwrap()));
    let summary = drain(&bench.store, &v2(&server.url), &now, Pace::default(), &mut |_| ())
        .await
        .unwrap();
    assert_eq!((summary.synced, server.serials().len()), (200, 200));
}

#[tokio::test]
async fn a_serial_number_means_only_the_unit_that_has_it() {
    let bench = Bench::new();
    let unit = |number: u64, serial: &str| {
        let mut record = numbered(number);
        record.unit_under_test.serial_number = serial.to_owned();
        bench.put(&record)
    };
    let long = "L".repeat(50);
    let (ours, _other) = (unit(1, "SN_001"), unit(2, "SN:001"));
    let (longer, _longest) = (unit(3, &long), unit(4, &format!("{long}0")));
    let dropped = |text: &str| {
        let chosen = Chosen::Named(text.to_owned());
        let dealt = drop_records(&bench.store, &chosen, &["fleet"], &now, &mut |_, _| ()).unwrap();
        dealt.records
    };
    assert_eq!(dropped("SN-001"), Vec::<String>::new());
    assert_eq!(dropped("SN_001"), [ours.to_string()]);
    assert_eq!(dropped(&long), [longer.to_string()]);
    assert_eq!(bench.names("pending").len(), 2);
}

#[tokio::test]
async fn receipts_that_cannot_be_believed_hold_up_no_other_record_and_are_told() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put_runs(3);
    server.script([refused(), refused(), refused()]);
    bench.drain(&v2(&server.url)).await.leaves(0, 3);
    let receipts = bench.store.root().join("receipts").join(format!("{}.jsonl", run_id(1)));
    let mut text = std::fs::read_to_string(&receipts).unwrap();
    text.push_str("garbage\n");
    bench.file(&format!("../receipts/{}.jsonl", run_id(1)), text.as_bytes());
    let dealt = retry(&bench.store, &Chosen::All, &now, &mut |_, _| ()).unwrap();
    assert_eq!((dealt.records.len(), dealt.left.len()), (2, 1));
    assert!(dealt.left[0].1.contains("not what was written"), "{:?}", dealt.left);
    let dealt = drop_records(&bench.store, &Chosen::All, &["fleet"], &now, &mut |_, _| ()).unwrap();
    assert_eq!((dealt.records.len(), dealt.left.len()), (2, 1));
    // and of one that waits it is said why
    bench.put(&numbered(1));
    let stands = status(&bench.store, &["fleet"]).unwrap();
    let waiting = &stands.targets["fleet"].waiting;
    assert!(
        waiting.keys().any(|why| why.contains("not what was written")),
        "{waiting:?}"
    );
}
