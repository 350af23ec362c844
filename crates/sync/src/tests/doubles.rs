//! Servers that store a repeat twice: v1, and a v2 that is older than the reference of a run. Nothing is sent to them again
//! before it is known that they lack it.

use super::bench::{Bench, Opener, config, later, now, numbered, opened, run_id, v1, v2};
use super::bundles::{exported, imported};
use super::server::{Act, Server, json_answer};
use crate::{Chosen, retry, send_again};
use benchtop_store::Standing;
use serde_json::json;

/// Both kinds.
async fn servers() -> [(Server, Opener); 2] {
    let old = Server::start().await;
    old.is_old(true);
    [(Server::start().await, v1), (old, v2)]
}

#[tokio::test]
async fn an_old_v2_server_is_asked_and_waited_for_as_v1_is() {
    for (server, targets) in servers().await {
        let bench = Bench::new();
        bench.put_runs(1);
        // a gateway's word says nothing of the server behind it
        server.script([Act::Answer(json_answer(503, &json!({"message": "upstream"})))]);
        let targets = targets(&server.url);
        assert_eq!(bench.drain(&targets).await.words(), ["waiting"]);
        assert!(matches!(bench.standing(1).standing, Standing::Uncertain { .. }));
        assert_eq!(bench.drain(&targets).await.words(), ["waiting"]);
        assert_eq!(server.count("POST"), 1, "it may be under way still");
        assert_eq!(bench.drain_at(&targets, later()).await.unwrap().words(), ["synced"]);
        assert_eq!((server.runs().len(), server.count("POST")), (1, 2));
    }
}

#[tokio::test]
async fn a_station_that_may_not_list_parks_what_an_old_server_may_hold() {
    for (server, targets) in servers().await {
        let bench = Bench::new();
        bench.put_runs(1);
        server.script([Act::StoreThenHangUp]);
        let targets = targets(&server.url);
        assert_eq!(bench.drain(&targets).await.words(), ["waiting"]);
        server.lists(Some(json_answer(403, &json!({"message": "Stations cannot read runs"}))));
        let drained = bench.drain_at(&targets, later()).await.unwrap();
        assert_eq!(drained.words(), ["parked"]);
        assert!(drained.text().contains("a person must"), "{}", drained.text());
        let id = run_id(1);
        for command in [format!("retry {id} --surely-not-there"), format!("drop {id}")] {
            assert!(
                drained.text().contains(&format!("`benchtop sync {command}`")),
                "{}",
                drained.text()
            );
        }

        // another try is another question, however often
        for _ in 0..3 {
            assert_eq!(
                retry(&bench.store, &Chosen::All, &now, &mut |_, _| ())
                    .unwrap()
                    .records
                    .len(),
                1
            );
            assert_eq!(bench.drain_at(&targets, later()).await.unwrap().words(), ["parked"]);
        }
        assert_eq!((server.runs().len(), server.count("POST")), (1, 1));
        // as soon as it can be answered, it is
        server.lists(None);
        retry(&bench.store, &Chosen::All, &now, &mut |_, _| ()).unwrap();
        assert_eq!(bench.drain_at(&targets, later()).await.unwrap().words(), ["synced"]);
        assert_eq!((server.runs().len(), server.count("POST")), (1, 1));
    }
}

#[tokio::test]
async fn a_server_that_does_not_say_how_old_it_is_is_asked_once_more() {
    let busy = json_answer(429, &json!({"message": "busy"}));
    for (whoamis, word, posts) in [(1, "synced", 2), (2, "waiting", 1)] {
        let (server, bench) = (Server::start().await, Bench::new());
        bench.put_runs(1);
        server.script([Act::StoreThenHangUp]);
        server.lists(Some(json_answer(403, &json!({"message": "Stations cannot read runs"}))));
        assert_eq!(bench.drain(&v2(&server.url)).await.words(), ["waiting"]);
        // another process, which knows nothing of the server yet
        server.whoami(whoamis, &busy);
        let drained = bench.drain_at(&v2(&server.url), later()).await.unwrap();
        assert_eq!(drained.words()[0], word, "{}", drained.text());
        assert_eq!((server.runs().len(), server.count("POST")), (1, posts));
    }
}

#[tokio::test]
async fn a_server_is_as_old_as_it_last_said() {
    for (was_old, word, posts) in [(false, "parked", 1), (true, "synced", 2)] {
        let (server, bench) = (Server::start().await, Bench::new());
        let targets = v2(&server.url);
        server.is_old(was_old);
        bench.put(&numbered(1));
        server.script([Act::Answer(json_answer(503, &json!({"message": "upstream"})))]);
        bench.drain(&targets).await;
        assert_eq!(bench.drain_at(&targets, later()).await.unwrap().words(), ["synced"]);
        // in the months of one watch
        server.is_old(!was_old);
        bench.put(&numbered(2));
        server.script([Act::StoreThenHangUp]);
        server.lists(Some(json_answer(403, &json!({"message": "Stations cannot read runs"}))));
        let before = server.count("POST");
        bench.drain_at(&targets, later()).await.unwrap();
        let drained = bench.drain_at(&targets, later()).await.unwrap();
        assert_eq!(drained.words(), [word], "{}", drained.text());
        assert_eq!((server.runs().len(), server.count("POST") - before), (2, posts));
    }
}

#[tokio::test]
async fn a_run_that_was_lost_twenty_times_is_asked_for_after_a_persons_retry() {
    for (server, targets) in servers().await {
        let bench = Bench::new();
        bench.put_runs(1);
        let targets = targets(&server.url);
        let mut at = now();
        for _ in 0..25 {
            server.script([Act::HangUp]);
            at += chrono::TimeDelta::minutes(3);
            bench.drain_at(&targets, at).await.unwrap();
        }
        assert_eq!((bench.names("parked").len(), server.runs().len()), (1, 0));
        let posts = server.count("POST");
        // the last one arrived after all
        server.keeps(vec![
            json!({"serial_number": "SN0001", "started_at": numbered(1).started_at,
                                 "unit_under_test": {"serial_number": "SN0001"}}),
        ]);
        server.script([Act::Store]);
        retry(&bench.store, &Chosen::All, &now, &mut |_, _| ()).unwrap();
        assert_eq!(bench.drain_at(&targets, at).await.unwrap().words(), ["synced"]);
        assert_eq!((server.count("POST"), server.runs().len()), (posts, 1));
    }
}

#[tokio::test]
async fn a_person_who_has_looked_sends_it_without_a_question() {
    for (server, targets) in servers().await {
        let bench = Bench::new();
        bench.put_runs(1);
        server.script([Act::HangUp]);
        let targets = targets(&server.url);
        bench.drain(&targets).await;
        server.lists(Some(json_answer(403, &json!({"message": "no"}))));
        assert_eq!(bench.drain_at(&targets, later()).await.unwrap().words(), ["parked"]);
        send_again(&bench.store, &Chosen::All, &now, &mut |_, _| ()).unwrap();
        assert_eq!(bench.drain_at(&targets, later()).await.unwrap().words(), ["synced"]);
        assert_eq!((server.runs().len(), server.count("POST")), (1, 2));
    }
}

#[tokio::test]
async fn what_was_refused_is_sent_again_at_once_after_a_persons_retry() {
    for (server, targets) in servers().await {
        let bench = Bench::new();
        bench.put_runs(1);
        server.script([Act::Answer(json_answer(422, &json!({"message": "no such part"})))]);
        let targets = targets(&server.url);
        assert_eq!(bench.drain(&targets).await.words(), ["parked"]);
        server.lists(Some(json_answer(403, &json!({"message": "no"}))));
        retry(&bench.store, &Chosen::All, &now, &mut |_, _| ()).unwrap();
        assert_eq!(bench.drain(&targets).await.words(), ["synced"]);
    }
}

#[tokio::test]
async fn a_clash_is_asked_about() {
    let clash = || Act::Answer(json_answer(409, &json!({"message": "exists"})));
    for targets in [v1 as Opener, v2] {
        let (server, bench) = (Server::start().await, Bench::new());
        bench.put_runs(2);
        let started_at = numbered(1).started_at;
        server.keeps(vec![json!({"serial_number": "SN0001", "started_at": started_at})]);
        server.script([clash(), clash()]);
        let targets = targets(&server.url);
        assert_eq!(bench.drain(&targets).await.words(), ["synced", "parked"]);
        assert_eq!((server.runs().len(), server.count("POST")), (1, 2));
    }
}

#[tokio::test]
async fn a_run_that_two_computers_have_is_stored_once_whoever_is_first() {
    for is_station_first in [true, false] {
        for (server, targets) in servers().await {
            let (station, office) = (Bench::new(), Bench::new());
            station.put_runs(1);
            let bundle = exported(&station, None);
            imported(&office, &bundle, None).unwrap();
            let (first, second) = match is_station_first {
                true => (&station, &office),
                false => (&office, &station),
            };
            // the first is not held back
            assert_eq!(first.drain(&targets(&server.url)).await.words(), ["synced"]);
            assert_eq!(server.count("POST"), 1);
            let drained = second.drain(&targets(&server.url)).await;
            assert_eq!((drained.words(), drained.summary.exit_code()), (vec!["synced"], 0));
            assert_eq!((server.runs().len(), server.count("POST")), (1, 1));
            let remote = |bench: &Bench| bench.standing(1).remote_id.unwrap();
            assert_eq!(remote(&station), remote(&office));
        }
    }
}

#[tokio::test]
async fn a_run_that_was_carried_and_cannot_be_asked_for_waits_for_a_person() {
    for (server, targets) in servers().await {
        let (station, office) = (Bench::new(), Bench::new());
        station.put_runs(1);
        imported(&office, &exported(&station, None), None).unwrap();
        server.lists(Some(json_answer(403, &json!({"message": "Stations cannot read runs"}))));
        let targets = targets(&server.url);
        for _ in 0..2 {
            let drained = office.drain(&targets).await;
            assert_eq!(drained.words(), ["parked"]);
            let text = drained.text();
            assert!(
                text.contains("in a bundle") && text.contains("--surely-not-there"),
                "{text}"
            );
            retry(&office.store, &Chosen::All, &now, &mut |_, _| ()).unwrap();
        }
        assert_eq!(office.drain(&targets).await.words(), ["parked"]);
        assert_eq!(server.count("POST"), 0);
        send_again(&office.store, &Chosen::All, &now, &mut |_, _| ()).unwrap();
        assert_eq!(office.drain(&targets).await.words(), ["synced"]);
        assert_eq!((server.runs().len(), server.count("POST")), (1, 1));
    }
}

#[tokio::test]
async fn a_run_that_was_carried_waits_while_the_question_is_not_answered() {
    for (server, targets) in servers().await {
        let (station, office) = (Bench::new(), Bench::new());
        station.put_runs(1);
        imported(&office, &exported(&station, None), None).unwrap();
        server.lists(Some(json_answer(500, &json!({"message": "no database"}))));
        let targets = targets(&server.url);
        let drained = office.drain(&targets).await;
        assert_eq!(drained.words()[0], "waiting", "{}", drained.text());
        assert_eq!(server.count("POST"), 0);
        server.lists(None);
        assert_eq!(office.drain(&targets).await.words(), ["synced"]);
        assert_eq!((server.runs().len(), server.count("POST")), (1, 1));
    }
}

#[tokio::test]
async fn a_run_that_was_carried_is_sent_unasked_where_a_repeat_is_stored_once() {
    let (server, station, office) = (Server::start().await, Bench::new(), Bench::new());
    station.put_runs(1);
    imported(&office, &exported(&station, None), None).unwrap();
    server.lists(Some(json_answer(403, &json!({"message": "Stations cannot read runs"}))));
    for bench in [&station, &office] {
        assert_eq!(bench.drain(&v2(&server.url)).await.words(), ["synced"]);
    }
    assert_eq!((server.runs().len(), server.count("POST")), (1, 2));
}

#[tokio::test]
async fn a_target_that_was_renamed_is_asked_for_what_went_to_its_former_name() {
    let kinds = [crate::TargetKind::TofuPilotV1, crate::TargetKind::TofuPilotV2];
    for ((server, targets), kind) in servers().await.into_iter().zip(kinds) {
        let (bench, away) = (Bench::new(), tempfile::tempdir().unwrap());
        bench.put_runs(2);
        // one is there and waits for a folder that is not; of the other the answer was lost
        let stick = crate::TargetConfig {
            name: "stick".into(),
            ..config(
                crate::TargetKind::Directory,
                &away.path().join("no/stick").display().to_string(),
            )
        };
        let both = || {
            let mut both = targets(&server.url);
            both.extend(opened(stick.clone()));
            both
        };
        server.script([Act::Answer(json_answer(503, &json!({"message": "upstream"})))]);
        let drained = bench.drain(&both()).await;
        assert_eq!(drained.summary.pending, 2, "{}", drained.text());
        assert_eq!(bench.drain_at(&both(), later()).await.unwrap().summary.synced, 0);
        let there = server.runs().len();
        assert!(there >= 1 && server.count("POST") >= 2);
        let again = crate::TargetConfig {
            name: "renamed".into(),
            ..config(kind, &server.url)
        };
        let drained = bench.drain_at(&opened(again), later()).await.unwrap();
        assert_eq!(drained.summary.synced, 2, "{}", drained.text());
        assert_eq!(server.runs().len(), 2, "each once");
    }
}
