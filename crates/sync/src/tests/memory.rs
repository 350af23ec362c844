//! What is in memory at the same time does not grow with what waits.

use super::bench::{Bench, config, now, numbered};
use crate::deadline::within;
use crate::{Enclosure, Pace, Probe, Progress, Shelf, Target, TargetConfig, TargetKind, Verdict, drain};
use async_trait::async_trait;
use benchtop_store::{Record, Sealed};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Barrier;

const MIB: usize = 1024 * 1024;
/// After so many the window is open for several: it doubles with each round.
const ALONE: usize = 8;

/// A target that counts the bytes of the attachments that are with it at the same time.
struct Counting {
    config: TargetConfig,
    /// Where two wait for each other, as soon as the window is surely open for two.
    pairs: Option<Barrier>,
    came: AtomicUsize,
    bytes: AtomicUsize,
    most: Arc<AtomicUsize>,
    at_once: Arc<AtomicUsize>,
}

#[async_trait]
impl Shelf for Counting {
    fn config(&self) -> &TargetConfig {
        &self.config
    }

    async fn put(&self, sealed: &Sealed, _progress: &mut Progress) -> Verdict {
        Verdict::Confirmed {
            remote_id: sealed.run_id.clone(),
        }
    }

    async fn put_attachment(&self, enclosure: &Enclosure<'_>) -> Verdict {
        let own = enclosure.bytes.len();
        let with_it = self.bytes.fetch_add(own, Ordering::SeqCst) + own;
        self.most.fetch_max(with_it, Ordering::SeqCst);
        self.at_once.fetch_max(with_it / own, Ordering::SeqCst);
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        if self.came.fetch_add(1, Ordering::SeqCst) >= ALONE
            && let Some(pairs) = &self.pairs
        {
            within(Duration::from_secs(60), pairs.wait())
                .await
                .expect("a second one");
        }
        self.bytes.fetch_sub(own, Ordering::SeqCst);
        Verdict::Confirmed {
            remote_id: enclosure.sha256.to_owned(),
        }
    }

    async fn look(&self) -> Probe {
        Probe::Ready { identity: None }
    }
}

/// So many runs, each with an attachment of so many bytes: all go out; the most that was in memory, and how many at once. Where there
/// are `pairs`, they go out two by two.
async fn check(runs: u8, bytes: usize, pairs: Option<Barrier>) -> (usize, usize) {
    let bench = Bench::new();
    for number in 1..=runs {
        bench.put(&Record {
            attachments: vec![bench.attachment("log.bin", &vec![number; bytes])],
            ..numbered(u64::from(number))
        });
    }
    let counting = Counting {
        config: config(TargetKind::Directory, "counting"),
        pairs,
        came: AtomicUsize::default(),
        bytes: AtomicUsize::default(),
        most: Arc::default(),
        at_once: Arc::default(),
    };
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
    let (most, at_once) = check(24, 3 * MIB, Some(Barrier::new(2))).await;
    assert!(most <= 16 * MIB && at_once > 1, "{most} {at_once}");
    let (most, at_once) = check(3, 20 * MIB, None).await;
    assert_eq!((most, at_once), (20 * MIB, 1));
}
