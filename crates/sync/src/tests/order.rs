//! What is durable when a request leaves.

use super::bench::{Bench, config, numbered, run_id, v2};
use super::server::Server;
use crate::{Enclosure, Probe, Progress, Shelf, Target, TargetConfig, TargetKind, Verdict};
use async_trait::async_trait;
use benchtop_store::{Place, Sealed, Standing, Store};
use futures_util::future::{Either, select};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;

/// A target that looks into the store while it is being sent to.
struct Peeking {
    config: TargetConfig,
    store: Store,
    /// Told when a request has left that is never answered.
    hangs: Option<Arc<tokio::sync::Notify>>,
}

fn peeking(store: &Store, hangs: Option<Arc<tokio::sync::Notify>>) -> Vec<Box<dyn Target>> {
    vec![Box::new(Peeking {
        config: config(TargetKind::Directory, "peeking"),
        store: store.clone(),
        hangs,
    })]
}

fn copy_all(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let there = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => {
                std::fs::create_dir(&there).unwrap();
                copy_all(&entry.path(), &there);
            }
            false => drop(std::fs::copy(entry.path(), there).unwrap()),
        }
    }
}

#[async_trait]
impl Shelf for Peeking {
    fn config(&self) -> &TargetConfig {
        &self.config
    }

    async fn put(&self, sealed: &Sealed, _progress: &mut Progress) -> Verdict {
        // as a kill would leave it now
        let copy = tempfile::tempdir().unwrap();
        copy_all(self.store.root(), copy.path());
        let left = Store::open(copy.path()).unwrap();
        drop(left.lock_syncer().unwrap());
        let state = left.receipts().read(&sealed.run_id).unwrap().target("fleet");
        assert!(matches!(state.standing, Standing::Uncertain { .. }), "{state:?}");
        assert_eq!(state.attempts, 1);
        if let Some(reached) = &self.hangs {
            reached.notify_one();
            std::future::pending::<()>().await;
        }
        assert!(self.store.list(Place::Pending, 1).unwrap().names.contains(&sealed.name));
        Verdict::Confirmed {
            remote_id: "there".into(),
        }
    }

    async fn put_attachment(&self, _enclosure: &Enclosure<'_>) -> Verdict {
        unreachable!("the record has none")
    }

    async fn look(&self) -> Probe {
        Probe::Ready { identity: None }
    }
}

#[tokio::test]
async fn the_attempt_is_durable_before_the_request_and_the_confirmation_before_the_move() {
    let bench = Bench::new();
    bench.put(&numbered(1));
    assert_eq!(bench.drain(&peeking(&bench.store, None)).await.words(), ["synced"]);
    let receipts = std::fs::read_to_string(bench.store.root().join(format!("receipts/{}.jsonl", run_id(1)))).unwrap();
    let order = ["\"attempt\"", "\"confirmed\""].map(|word| receipts.find(word).unwrap());
    assert!(order.is_sorted(), "{receipts}");
    assert!(!bench.store.root().join("underway.jsonl").exists());
}

#[tokio::test]
async fn a_drain_that_was_dropped_in_a_request_leaves_an_attempt_for_the_next() {
    let bench = Bench::new();
    bench.put_runs(3);
    let reached = Arc::new(tokio::sync::Notify::new());
    let targets = peeking(&bench.store, Some(Arc::clone(&reached)));
    match select(pin!(bench.drain(&targets)), pin!(reached.notified())).await {
        Either::Left((drained, _)) => panic!("{drained:?}"),
        Either::Right(_) => {}
    }
    let server = Server::start().await;
    let drained = bench.drain(&v2(&server.url)).await;
    assert_eq!((drained.summary.synced, server.count("POST")), (3, 3));
    // asked about before it was sent again: nobody had it
    let requests = server.requests().into_iter();
    let questions = requests.filter(|request| request.method == "GET" && request.target.contains("/runs"));
    assert_eq!(questions.count(), 1);
    assert_eq!([1, 2, 3].map(|number| bench.standing(number).attempts), [2, 1, 1]);
}
