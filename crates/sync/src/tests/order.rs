//! What is durable when a request leaves.

use super::bench::{Bench, numbered, run_id};
use crate::{Enclosure, Probe, Progress, Repeat, Settled, Steps, Target, Verdict, Wants};
use async_trait::async_trait;
use benchtop_store::{Place, Record, Sealed, Standing, Store, StoreError};

/// A target that looks into the store while it is being sent to.
struct Peeking {
    store: Store,
}

#[async_trait]
impl Target for Peeking {
    fn name(&self) -> &'static str {
        "fleet"
    }

    fn repeat(&self) -> Repeat {
        Repeat::StoredOnce
    }

    fn wants(&self, _record: &Record) -> Wants {
        Wants::Yes
    }

    async fn upload(&self, sealed: &Sealed, _progress: &mut Progress) -> Verdict {
        let state = self.store.receipts().read(&sealed.run_id).unwrap().target("fleet");
        assert!(matches!(state.standing, Standing::Uncertain { .. }), "{state:?}");
        assert!(self.store.list(Place::Pending, 1).unwrap().names.contains(&sealed.name));
        Verdict::Confirmed {
            remote_id: "there".into(),
        }
    }

    async fn attach(&self, _enclosure: &Enclosure<'_>, _steps: Steps<'_>) -> Result<Verdict, StoreError> {
        unreachable!("the record has none")
    }

    async fn settle(&self, _sealed: &Sealed) -> Settled {
        Settled::Absent
    }

    async fn probe(&self) -> Probe {
        Probe::Ready { identity: None }
    }
}

#[tokio::test]
async fn the_attempt_is_durable_before_the_request_and_the_confirmation_before_the_move() {
    let bench = Bench::new();
    bench.put(&numbered(1));
    let targets: Vec<Box<dyn Target>> = vec![Box::new(Peeking {
        store: bench.store.clone(),
    })];
    assert_eq!(bench.drain(&targets).await.words(), ["synced"]);
    let receipts = std::fs::read_to_string(bench.store.root().join(format!("receipts/{}.jsonl", run_id(1)))).unwrap();
    let order = ["\"attempt\"", "\"confirmed\""].map(|word| receipts.find(word).unwrap());
    assert!(order.is_sorted(), "{receipts}");
}
