//! Several targets at once: none of them keeps another waiting.

use super::bench::{Bench, config, now, numbered, run_id};
use crate::deadline::within;
use crate::{
    DrainEvent, Enclosure, Pace, Patience, Probe, Progress, Shelf, Target, TargetConfig, TargetKind, Verdict, drain,
    open,
};
use async_trait::async_trait;
use benchtop_store::{Receipt, ReceiptKind, RecordName, Sealed, integrity};
use chrono::TimeDelta;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

fn named(name: &str, kind: TargetKind, url: &str) -> TargetConfig {
    TargetConfig {
        name: name.into(),
        ..config(kind, url)
    }
}

fn records_in(folder: &Path) -> usize {
    let names = std::fs::read_dir(folder).into_iter().flatten();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name.ends_with(".json") && !name.starts_with('.'))
        .count()
}

/// A server that answers nothing before a folder holds so many records.
struct Trickling {
    config: TargetConfig,
    folder: PathBuf,
    records: usize,
}

#[async_trait]
impl Shelf for Trickling {
    fn config(&self) -> &TargetConfig {
        &self.config
    }

    async fn put(&self, sealed: &Sealed, _progress: &mut Progress) -> Verdict {
        let filled = async {
            while records_in(&self.folder) < self.records {
                tokio::task::yield_now().await;
            }
        };
        assert!(
            within(PATIENCE, filled).await.is_some(),
            "the folder waits for the server"
        );
        Verdict::Confirmed {
            remote_id: format!("there-{}", sealed.record.sequence),
        }
    }

    async fn put_attachment(&self, _enclosure: &Enclosure<'_>) -> Verdict {
        unreachable!("the records have none")
    }

    async fn look(&self) -> Probe {
        Probe::Ready { identity: None }
    }
}

#[tokio::test]
async fn a_folder_has_every_record_while_a_server_is_at_its_first() {
    let (bench, folder) = (Bench::new(), tempfile::tempdir().unwrap());
    bench.put_runs(5);
    let trickling = Trickling {
        config: named("server", TargetKind::S3, "https://lake.example/bucket"),
        folder: folder.path().to_owned(),
        records: 5,
    };
    let stick = named("stick", TargetKind::Directory, &folder.path().display().to_string());
    let targets: Vec<Box<dyn Target>> = vec![Box::new(trickling), open(stick, &"".into()).unwrap()];
    let drained = bench.drain(&targets).await;
    assert_eq!(drained.words(), ["synced"; 5], "{}", drained.text());
    for event in &drained.events {
        let DrainEvent::Synced { remote_ids, .. } = event else {
            panic!("{event:?}");
        };
        let names: Vec<&str> = remote_ids.iter().map(|(target, _)| target.as_str()).collect();
        assert_eq!(names, ["server", "stick"]);
    }
}

/// A folder that takes nothing, although it is there; counts how often it was tried.
struct Sulking(TargetConfig, Arc<AtomicUsize>);

#[async_trait]
impl Shelf for Sulking {
    fn config(&self) -> &TargetConfig {
        &self.0
    }

    async fn put(&self, _sealed: &Sealed, _progress: &mut Progress) -> Verdict {
        self.1.fetch_add(1, Ordering::Relaxed);
        Verdict::Retry {
            after: None,
            patience: Patience::Few,
            reason: "not today".into(),
        }
    }

    async fn put_attachment(&self, _enclosure: &Enclosure<'_>) -> Verdict {
        unreachable!("the records have none")
    }

    async fn look(&self) -> Probe {
        Probe::Ready { identity: None }
    }
}

#[tokio::test]
async fn what_a_folder_does_not_take_it_is_offered_once_in_a_drain() {
    let (bench, tries) = (Bench::new(), Arc::new(AtomicUsize::new(0)));
    bench.put_runs(3);
    let sulking = Sulking(named("stick", TargetKind::Directory, "stick"), Arc::clone(&tries));
    let well = Trickling {
        config: named("server", TargetKind::S3, "https://lake.example/bucket"),
        folder: PathBuf::new(),
        records: 0,
    };
    let targets: Vec<Box<dyn Target>> = vec![Box::new(sulking), Box::new(well)];
    let drained = bench.drain(&targets).await;
    assert_eq!(tries.load(Ordering::Relaxed), 3);
    assert_eq!(drained.words(), ["waiting"; 3], "{}", drained.text());
    for event in &drained.events {
        let DrainEvent::Waiting { reasons, .. } = event else {
            panic!("{event:?}");
        };
        assert_eq!(reasons, &[("stick".to_owned(), "not today".to_owned())]);
    }
    drained.leaves(3, 0);
}

/// A server and a stick, and what the server said of run 1 in an earlier sync, when the stick was out.
fn with_a_stick(said: ReceiptKind, folder: &Path) -> (Bench, Vec<Box<dyn Target>>) {
    let bench = Bench::new();
    bench.put_runs(1);
    let receipt = Receipt {
        at: now(),
        target: "server".into(),
        kind: said,
    };
    bench.store.receipts().append(&run_id(1), &receipt).unwrap();
    let server = Trickling {
        config: named("server", TargetKind::S3, "https://lake.example/bucket"),
        folder: PathBuf::from("."),
        records: 0,
    };
    let stick = named("stick", TargetKind::Directory, &folder.display().to_string());
    (bench, vec![Box::new(server), open(stick, &"".into()).unwrap()])
}

#[tokio::test]
async fn what_a_server_said_before_is_told_with_what_the_stick_says_now() {
    let pair = |name: &str, words: &str| (name.to_owned(), words.to_owned());
    let folder = tempfile::tempdir().unwrap();
    let remote_id = "there-before".to_owned();
    let (bench, targets) = with_a_stick(ReceiptKind::Confirmed { remote_id }, folder.path());
    let drained = bench.drain(&targets).await;
    let [DrainEvent::Synced { remote_ids, .. }] = drained.events.as_slice() else {
        panic!("{}", drained.text());
    };
    assert_eq!(remote_ids[0], pair("server", "there-before"));
    assert_eq!((remote_ids.len(), records_in(folder.path())), (2, 1));
    let folder = tempfile::tempdir().unwrap();
    let reason = "no such procedure".to_owned();
    let (bench, targets) = with_a_stick(ReceiptKind::Parked { reason }, folder.path());
    let drained = bench.drain(&targets).await;
    let [DrainEvent::Parked { reasons, .. }] = drained.events.as_slice() else {
        panic!("{}", drained.text());
    };
    assert_eq!(reasons, &[pair("server", "no such procedure")]);
    assert_eq!(records_in(folder.path()), 1);
}

#[tokio::test]
async fn a_server_that_wants_a_run_now_gets_it_before_the_stick_lets_it_go() {
    let folder = tempfile::tempdir().unwrap();
    let reason = "simulated, and accept_simulated is not set".to_owned();
    let (bench, targets) = with_a_stick(ReceiptKind::Unwanted { reason }, folder.path());
    let drained = bench.drain(&targets).await;
    let [DrainEvent::Synced { remote_ids, .. }] = drained.events.as_slice() else {
        panic!("{}", drained.text());
    };
    let names: Vec<&str> = remote_ids.iter().map(|(target, _)| target.as_str()).collect();
    assert_eq!(names, ["server", "stick"]);
}

/// A server that has what it is sent at once, and whose bench makes one more run while it has the first.
struct Quick {
    config: TargetConfig,
    had: Arc<AtomicUsize>,
    /// Where the run is saved: a store's folder, the name and the bytes.
    saved: Mutex<Option<(PathBuf, Vec<u8>)>>,
}

#[async_trait]
impl Shelf for Quick {
    fn config(&self) -> &TargetConfig {
        &self.config
    }

    async fn put(&self, _sealed: &Sealed, _progress: &mut Progress) -> Verdict {
        if let Some((path, bytes)) = self.saved.lock().unwrap().take() {
            let mut file = std::fs::File::create(path).unwrap();
            file.write_all(&bytes).unwrap();
        }
        self.had.fetch_add(1, Ordering::Relaxed);
        Verdict::Confirmed {
            remote_id: "quick".into(),
        }
    }

    async fn put_attachment(&self, _enclosure: &Enclosure<'_>) -> Verdict {
        unreachable!("the records have none")
    }

    async fn look(&self) -> Probe {
        Probe::Ready { identity: None }
    }
}

/// A server that answers its first request when another one has so many runs.
struct Behind {
    config: TargetConfig,
    other: Arc<AtomicUsize>,
    runs: usize,
}

#[async_trait]
impl Shelf for Behind {
    fn config(&self) -> &TargetConfig {
        &self.config
    }

    async fn put(&self, _sealed: &Sealed, _progress: &mut Progress) -> Verdict {
        let passed = async {
            while self.other.load(Ordering::Relaxed) < self.runs {
                tokio::task::yield_now().await;
            }
        };
        assert!(
            within(PATIENCE, passed).await.is_some(),
            "the other server waits for this one"
        );
        Verdict::Confirmed {
            remote_id: "behind".into(),
        }
    }

    async fn put_attachment(&self, _enclosure: &Enclosure<'_>) -> Verdict {
        unreachable!("the records have none")
    }

    async fn look(&self) -> Probe {
        Probe::Ready { identity: None }
    }
}

#[tokio::test]
async fn a_server_that_trickles_keeps_no_other_waiting_not_even_for_a_run_that_is_saved_meanwhile() {
    let (bench, had) = (Bench::new(), Arc::new(AtomicUsize::new(0)));
    bench.put_runs(5);
    let late = numbered(6);
    let path = bench.store.root().join("pending").join(RecordName::of(&late).as_str());
    let behind = Behind {
        config: named("behind", TargetKind::S3, "https://lake.example/bucket"),
        other: Arc::clone(&had),
        runs: 6,
    };
    let quick = Quick {
        config: named("quick", TargetKind::S3, "https://lake.example/other"),
        had,
        saved: Mutex::new(Some((path, integrity::seal(&late).unwrap()))),
    };
    let targets: Vec<Box<dyn Target>> = vec![Box::new(behind), Box::new(quick)];
    let drained = bench.drain(&targets).await;
    assert_eq!(drained.words(), ["synced"; 6], "{}", drained.text());
}

#[tokio::test]
async fn a_target_that_takes_long_and_takes_nothing_is_left_alone_after_three_records() {
    let (bench, tries) = (Bench::new(), Arc::new(AtomicUsize::new(0)));
    bench.put_runs(9);
    let server = named("server", TargetKind::S3, "https://lake.example/bucket");
    let targets: Vec<Box<dyn Target>> = vec![Box::new(Sulking(server, Arc::clone(&tries)))];
    let looks = AtomicUsize::new(0);
    let clock = || now() + TimeDelta::minutes(i64::try_from(looks.fetch_add(1, Ordering::Relaxed)).unwrap());
    let mut events = Vec::new();
    let drained = drain(&bench.store, &targets, &clock, Pace::default(), &mut |event| {
        events.push(event);
    })
    .await;
    let drained = drained.unwrap();
    assert_eq!((tries.load(Ordering::Relaxed), drained.pending), (3, 9), "{events:?}");
    assert!(
        drained.stopped["server"].reason.starts_with("3 uploads in a row"),
        "{drained:?}"
    );
}

/// A server that takes a while for each answer.
struct Slow {
    config: TargetConfig,
    takes: Duration,
    had: Arc<AtomicUsize>,
}

#[async_trait]
impl Shelf for Slow {
    fn config(&self) -> &TargetConfig {
        &self.config
    }

    async fn put(&self, _sealed: &Sealed, _progress: &mut Progress) -> Verdict {
        assert!(within(self.takes, std::future::pending::<()>()).await.is_none());
        self.had.fetch_add(1, Ordering::Relaxed);
        Verdict::Confirmed {
            remote_id: "slow".into(),
        }
    }

    async fn put_attachment(&self, _enclosure: &Enclosure<'_>) -> Verdict {
        unreachable!("the records have none")
    }

    async fn look(&self) -> Probe {
        Probe::Ready { identity: None }
    }
}

#[tokio::test]
async fn a_drain_that_is_followed_by_another_ends_while_a_server_trickles_and_the_next_goes_on() {
    let (bench, slow, quick) = (Bench::new(), Arc::default(), Arc::default());
    bench.put_runs(5);
    let targets: Vec<Box<dyn Target>> = vec![
        Box::new(Slow {
            config: named("slow", TargetKind::S3, "https://lake.example/bucket"),
            takes: Duration::from_millis(1200),
            had: Arc::clone(&slow),
        }),
        Box::new(Quick {
            config: named("quick", TargetKind::S3, "https://lake.example/other"),
            had: Arc::clone(&quick),
            saved: Mutex::default(),
        }),
    ];
    // whoever looks at the clock finds that a minute has gone by
    let looks = AtomicUsize::new(0);
    let clock = || now() + TimeDelta::minutes(i64::try_from(looks.fetch_add(1, Ordering::Relaxed)).unwrap());
    let pace = Pace {
        is_followed: true,
        ..Pace::default()
    };
    let mut events = Vec::new();
    let drained = drain(&bench.store, &targets, &clock, pace, &mut |event| {
        events.push(event);
    })
    .await
    .unwrap();
    let had = slow.load(Ordering::Relaxed);
    assert_eq!((drained.synced, drained.pending), (had, 5 - had), "{events:?}");
    assert!(
        had < 5 && quick.load(Ordering::Relaxed) == 5 && events.len() == had,
        "{events:?}"
    );
    assert!(drained.goes_on);
    let next = bench.drain(&targets).await;
    assert_eq!(
        (next.summary.synced, next.summary.pending),
        (5 - had, 0),
        "{}",
        next.text()
    );
    assert_eq!((slow.load(Ordering::Relaxed), quick.load(Ordering::Relaxed)), (5, 5));
}

#[tokio::test]
async fn a_server_that_is_far_behind_gets_the_rest_afterwards_and_in_order() {
    let (bench, had) = (Bench::new(), Arc::new(AtomicUsize::new(0)));
    bench.put_runs(300);
    let behind = Behind {
        config: named("behind", TargetKind::S3, "https://lake.example/bucket"),
        other: Arc::clone(&had),
        runs: 300,
    };
    let quick = Quick {
        config: named("quick", TargetKind::S3, "https://lake.example/other"),
        had: Arc::clone(&had),
        saved: Mutex::default(),
    };
    let targets: Vec<Box<dyn Target>> = vec![Box::new(behind), Box::new(quick)];
    let drained = bench.drain(&targets).await;
    assert_eq!((drained.summary.synced, drained.events.len()), (300, 300));
    assert_eq!(had.load(Ordering::Relaxed), 300, "each once");
    let order: Vec<String> = drained.events.iter().map(|event| format!("{event:?}")).collect();
    assert!(order[299].contains("SN0300"), "{}", order[299]);
}

#[tokio::test]
async fn a_drain_that_is_followed_gives_what_let_others_go_first_its_turn_although_a_server_trickles() {
    let (bench, slow, quick) = (Bench::new(), Arc::default(), Arc::default());
    bench.put_runs(4);
    // tried in vain twice at the quick one
    for kind in [ReceiptKind::Attempt, ReceiptKind::Attempt] {
        let receipt = Receipt {
            at: now(),
            target: "quick".into(),
            kind,
        };
        bench.store.receipts().append(&run_id(2), &receipt).unwrap();
    }
    let targets: Vec<Box<dyn Target>> = vec![
        Box::new(Slow {
            config: named("slow", TargetKind::S3, "https://lake.example/bucket"),
            takes: Duration::from_millis(1200),
            had: Arc::clone(&slow),
        }),
        Box::new(Quick {
            config: named("quick", TargetKind::S3, "https://lake.example/other"),
            had: Arc::clone(&quick),
            saved: Mutex::default(),
        }),
    ];
    let looks = AtomicUsize::new(0);
    let clock = || now() + TimeDelta::minutes(i64::try_from(looks.fetch_add(1, Ordering::Relaxed)).unwrap());
    let pace = Pace {
        is_followed: true,
        ..Pace::default()
    };
    let drained = drain(&bench.store, &targets, &clock, pace, &mut |_| ()).await.unwrap();
    let had = slow.load(Ordering::Relaxed);
    assert!(quick.load(Ordering::Relaxed) == 4 && had < 4, "{drained:?}");
    let next = bench.drain(&targets).await;
    assert_eq!(
        (drained.synced + next.summary.synced, slow.load(Ordering::Relaxed)),
        (4, 4)
    );
    assert_eq!(quick.load(Ordering::Relaxed), 4);
}
