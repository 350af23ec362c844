//! What is in memory at the same time does not grow with what waits.

use super::bench::{Bench, now, numbered};
use crate::{Enclosure, Pace, Probe, Progress, Repeat, Settled, Steps, Target, Verdict, Wants, drain};
use async_trait::async_trait;
use benchtop_store::record::Attachment;
use benchtop_store::{Record, Sealed, StoreError, integrity};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const MIB: usize = 1024 * 1024;

/// A target that counts the bytes of the attachments that are with it at the same time.
#[derive(Default)]
struct Counting {
    bytes: AtomicUsize,
    most: Arc<AtomicUsize>,
    at_once: Arc<AtomicUsize>,
}

#[async_trait]
impl Target for Counting {
    fn name(&self) -> &'static str {
        "fleet"
    }

    async fn repeat(&self) -> Repeat {
        Repeat::StoredOnce
    }

    fn wants(&self, _record: &Record) -> Wants {
        Wants::Yes
    }

    async fn upload(&self, sealed: &Sealed, _progress: &mut Progress) -> Verdict {
        Verdict::Confirmed {
            remote_id: sealed.run_id.clone(),
        }
    }

    async fn attach(&self, enclosure: &Enclosure<'_>, _steps: Steps<'_>) -> Result<Verdict, StoreError> {
        let own = enclosure.bytes.len();
        let with_it = self.bytes.fetch_add(own, Ordering::SeqCst) + own;
        self.most.fetch_max(with_it, Ordering::SeqCst);
        self.at_once.fetch_max(with_it / own, Ordering::SeqCst);
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        self.bytes.fetch_sub(own, Ordering::SeqCst);
        Ok(Verdict::Confirmed {
            remote_id: enclosure.sha256.to_owned(),
        })
    }

    async fn settle(&self, _sealed: &Sealed) -> Settled {
        Settled::Absent
    }

    async fn probe(&self) -> Probe {
        Probe::Ready { identity: None }
    }
}

/// So many runs, each with an attachment of so many bytes: all go out; the most that was in memory, and how many at once.
async fn check(runs: u8, bytes: usize) -> (usize, usize) {
    let bench = Bench::new();
    for number in 1..=runs {
        let content = vec![number; bytes];
        let sha256 = integrity::sha256_hex(&content);
        let mut file = std::fs::File::create(bench.store.attachments().join(&sha256)).unwrap();
        file.write_all(&content).unwrap();
        bench.put(&Record {
            attachments: vec![Attachment {
                name: "log.bin".into(),
                size: u64::try_from(bytes).unwrap(),
                sha256,
            }],
            ..numbered(u64::from(number))
        });
    }
    let counting = Counting::default();
    let (most, at_once) = (Arc::clone(&counting.most), Arc::clone(&counting.at_once));
    let targets: Vec<Box<dyn Target>> = vec![Box::new(counting)];
    let summary = drain(&bench.store, &targets, &now, Pace::default(), &mut |_| ())
        .await
        .unwrap();
    assert_eq!(summary.synced, usize::from(runs));
    (most.load(Ordering::SeqCst), at_once.load(Ordering::SeqCst))
}

#[tokio::test]
async fn attachments_share_sixteen_mebibytes_and_a_larger_one_is_there_alone() {
    let (most, at_once) = check(24, 3 * MIB).await;
    assert!(most <= 16 * MIB && at_once > 1, "{most} {at_once}");
    let (most, at_once) = check(3, 20 * MIB).await;
    assert_eq!((most, at_once), (20 * MIB, 1));
}
