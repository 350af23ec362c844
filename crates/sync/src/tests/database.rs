//! A real database, where `BENCHTOP_TEST_POSTGRES` names one: others hold its locks, and nobody waits for ever.

use super::bench::{Bench, config, numbered, opened};
use crate::postgres::LOCK;
use crate::{Target, TargetConfig, TargetKind, Timeouts};
use benchtop_store::{Record, integrity};
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::{Client, NoTls};

/// The lock for making tables is the whole database's: while one test holds it, another would wait beyond its deadline.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Another session in a schema of its own, and what opens the target there; none, said aloud, where there is no database.
/// Nobody else here uses the database meanwhile.
async fn database(schema: &str) -> Option<(Client, impl Fn() -> Vec<Box<dyn Target>>, MutexGuard<'static, ()>)> {
    let Ok(url) = std::env::var("BENCHTOP_TEST_POSTGRES") else {
        println!("skipped: BENCHTOP_TEST_POSTGRES names no database");
        return None;
    };
    let alone = ONE_AT_A_TIME.lock().await;
    let url = format!("{url}?options=-csearch_path%3D{schema}");
    let (other, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let fresh = format!("drop schema if exists {schema} cascade; create schema {schema}");
    other.batch_execute(&fresh).await.unwrap();
    let open = move || {
        opened(TargetConfig {
            timeouts: Timeouts {
                total: Duration::from_secs(2),
                ..Timeouts::default()
            },
            ..config(TargetKind::Postgres, &url)
        })
    };
    Some((other, open, alone))
}

async fn count(other: &Client) -> i64 {
    let asked = "select count(*) from benchtop_runs";
    other.query_one(asked, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn who_holds_a_lock_keeps_nobody_waiting_for_ever() {
    let Some((other, open, _alone)) = database("benchtop_locks").await else {
        return;
    };
    let targets = open();
    let bench = Bench::new();
    bench.put_runs(2);
    // one that makes the tables, and does not come to an end
    let lock = format!("select pg_advisory_lock({LOCK})");
    other.batch_execute(&lock).await.unwrap();
    let drained = bench.drain(&targets).await;
    drained.leaves(2, 0);
    other.batch_execute("select pg_advisory_unlock_all()").await.unwrap();
    assert_eq!(bench.drain(&targets).await.summary.synced, 2);

    // with the tables there, who looks after them is in nobody's way
    other.batch_execute(&lock).await.unwrap();
    bench.put(&numbered(3));
    let drained = bench.drain(&open()).await;
    assert_eq!(drained.words(), ["synced"], "{}", drained.text());

    // a table that somebody has for himself
    bench.put(&numbered(4));
    other
        .batch_execute("begin; lock table benchtop_runs in access exclusive mode")
        .await
        .unwrap();
    let drained = bench.drain(&targets).await;
    drained.leaves(1, 0);
    other.batch_execute("rollback").await.unwrap();
    assert_eq!(bench.drain(&targets).await.summary.synced, 1);
    assert_eq!(count(&other).await, 4);
}

#[tokio::test]
async fn another_attachment_in_its_place_is_no_proof_of_ours() {
    let Some((other, open, _alone)) = database("benchtop_attached").await else {
        return;
    };
    let (targets, bench) = (open(), Bench::new());
    let attached = |number: u64, name: &str, bytes: &[u8]| Record {
        attachments: vec![bench.attachment(name, bytes)],
        ..numbered(number)
    };
    bench.put(&attached(1, "scope.png", b"scope"));
    assert_eq!(bench.drain(&targets).await.words(), ["synced"]);
    // what a hand, or another program, did to the table between a run and its attachment
    let swap = "create function swap() returns trigger language plpgsql as $$ begin \
                new.sha256 := repeat('0', 64); new.bytes := 'x'; return new; end $$; \
                create trigger swap before insert on benchtop_attachments for each row execute function swap()";
    other.batch_execute(swap).await.unwrap();
    bench.put(&attached(2, "scope.png", b"another scope"));
    let drained = bench.drain(&targets).await;
    assert_eq!(drained.words(), ["parked"]);
    assert!(
        drained.text().contains("holds another attachment in its place"),
        "{}",
        drained.text()
    );
}

#[tokio::test]
async fn another_record_under_the_same_run_id_is_parked_and_the_first_stays() {
    let Some((other, open, _alone)) = database("benchtop_clash").await else {
        return;
    };
    let targets = open();
    let (first, second) = (Bench::new(), Bench::new());
    first.put(&numbered(1));
    second.put(&Record {
        reason: Some("another one".into()),
        ..numbered(1)
    });
    assert_eq!(first.drain(&targets).await.words(), ["synced"]);
    assert_eq!(second.drain(&targets).await.words(), ["parked"]);
    let sha256: String = other
        .query_one("select sha256 from benchtop_runs", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(sha256, integrity::sha256_hex(&integrity::seal(&numbered(1)).unwrap()));
}
