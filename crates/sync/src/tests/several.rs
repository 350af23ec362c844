//! Several targets at once: none of them keeps another waiting.

use super::bench::{Bench, config, now, numbered, run_id};
use crate::deadline::within;
use crate::{
    DrainEvent, Enclosure, Pace, Patience, Probe, Progress, Shelf, Summary, Target, TargetConfig, TargetKind, Verdict,
    drain, open,
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

/// What a server does with a run.
enum How {
    /// Takes it at once.
    Quick,
    /// Takes it at once; with the first, the bench saves another run under this path.
    Saving(Mutex<Option<(PathBuf, Vec<u8>)>>),
    /// Takes it after so long.
    After(Duration),
    /// Takes it when this is so.
    When(Box<dyn Fn() -> bool + Send + Sync>),
    /// Takes nothing, although it is there.
    Sulks,
}

/// A server, and how often it was sent a run.
struct Fake {
    config: TargetConfig,
    how: How,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl Shelf for Fake {
    fn config(&self) -> &TargetConfig {
        &self.config
    }

    async fn put(&self, _sealed: &Sealed, _progress: &mut Progress) -> Verdict {
        match &self.how {
            How::Quick => {}
            How::Saving(run) => {
                if let Some((path, bytes)) = run.lock().unwrap().take() {
                    std::fs::File::create(path).unwrap().write_all(&bytes).unwrap();
                }
            }
            How::After(time) => assert!(within(*time, std::future::pending::<()>()).await.is_none()),
            How::When(is_so) => {
                let waits = async {
                    while !is_so() {
                        tokio::task::yield_now().await;
                    }
                };
                let name = &self.config.name;
                assert!(within(PATIENCE, waits).await.is_some(), "the others wait for `{name}`");
            }
            How::Sulks => {}
        }
        self.asked.fetch_add(1, Ordering::Relaxed);
        match &self.how {
            How::Sulks => Verdict::Retry {
                after: None,
                patience: Patience::Few,
                reason: "not today".into(),
            },
            How::Quick | How::Saving(_) | How::After(_) | How::When(_) => Verdict::Confirmed {
                remote_id: "there".into(),
            },
        }
    }

    async fn put_attachment(&self, _enclosure: &Enclosure<'_>) -> Verdict {
        unreachable!("the records have none")
    }

    async fn look(&self) -> Probe {
        Probe::Ready { identity: None }
    }
}

fn named(name: &str, kind: TargetKind, url: &str) -> TargetConfig {
    TargetConfig {
        name: name.into(),
        ..config(kind, url)
    }
}

fn fake(name: &str, how: How, asked: &Arc<AtomicUsize>) -> Box<dyn Target> {
    Box::new(Fake {
        config: named(name, TargetKind::S3, "https://lake.example/bucket"),
        how,
        asked: Arc::clone(asked),
    })
}

fn stick(folder: &Path) -> Box<dyn Target> {
    open(
        named("stick", TargetKind::Directory, &folder.display().to_string()),
        &"".into(),
    )
    .unwrap()
}

fn count(asked: &AtomicUsize) -> usize {
    asked.load(Ordering::Relaxed)
}

fn records_in(folder: &Path) -> usize {
    let names = std::fs::read_dir(folder).into_iter().flatten();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name.ends_with(".json") && !name.starts_with('.'))
        .count()
}

/// Who has the record, and what they call it.
fn confirmed(event: &DrainEvent) -> &[(String, String)] {
    let DrainEvent::Synced { remote_ids, .. } = event else {
        panic!("{event:?}");
    };
    remote_ids
}

fn names(of: &[(String, String)]) -> Vec<&str> {
    of.iter().map(|(target, _)| target.as_str()).collect()
}

/// A drain for which a minute has gone by whenever it looks at the clock.
async fn hasty(bench: &Bench, targets: &[Box<dyn Target>], is_followed: bool) -> (Summary, Vec<DrainEvent>) {
    let looks = AtomicUsize::new(0);
    let clock = || now() + TimeDelta::minutes(i64::try_from(looks.fetch_add(1, Ordering::Relaxed)).unwrap());
    let pace = Pace {
        is_followed,
        ..Pace::default()
    };
    let mut events = Vec::new();
    let drained = drain(&bench.store, targets, &clock, pace, &mut |event| {
        events.push(event);
    })
    .await;
    (drained.unwrap(), events)
}

#[tokio::test]
async fn a_folder_has_every_record_while_a_server_is_at_its_first() {
    let (bench, folder, asked) = (Bench::new(), tempfile::tempdir().unwrap(), Arc::default());
    bench.put_runs(5);
    let there = folder.path().to_owned();
    let trickling = How::When(Box::new(move || records_in(&there) == 5));
    let targets = [fake("server", trickling, &asked), stick(folder.path())];
    let drained = bench.drain(&targets).await;
    assert_eq!(drained.words(), ["synced"; 5], "{}", drained.text());
    for event in &drained.events {
        assert_eq!(names(confirmed(event)), ["server", "stick"]);
    }
}

#[tokio::test]
async fn what_one_does_not_take_it_is_offered_once_in_a_drain() {
    let (bench, tries, asked) = (Bench::new(), Arc::default(), Arc::default());
    bench.put_runs(3);
    let targets = [fake("stick", How::Sulks, &tries), fake("server", How::Quick, &asked)];
    let drained = bench.drain(&targets).await;
    assert_eq!((count(&tries), count(&asked)), (3, 3));
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
fn with_a_stick(said: ReceiptKind, folder: &Path) -> (Bench, [Box<dyn Target>; 2]) {
    let bench = Bench::new();
    bench.put_runs(1);
    told(&bench, 1, "server", said);
    (bench, [fake("server", How::Quick, &Arc::default()), stick(folder)])
}

fn told(bench: &Bench, number: u64, target: &str, kind: ReceiptKind) {
    let receipt = Receipt {
        at: now(),
        target: target.into(),
        kind,
    };
    bench.store.receipts().append(&run_id(number), &receipt).unwrap();
}

#[tokio::test]
async fn what_a_server_said_before_is_told_with_what_the_stick_says_now() {
    let pair = |name: &str, words: &str| (name.to_owned(), words.to_owned());
    let folder = tempfile::tempdir().unwrap();
    let remote_id = "there-before".to_owned();
    let (bench, targets) = with_a_stick(ReceiptKind::Confirmed { remote_id }, folder.path());
    let drained = bench.drain(&targets).await;
    let remote_ids = confirmed(&drained.events[0]);
    assert_eq!(drained.events.len(), 1, "{}", drained.text());
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
    let remote_ids = confirmed(&drained.events[0]);
    assert_eq!(drained.events.len(), 1, "{}", drained.text());
    assert_eq!(names(remote_ids), ["server", "stick"]);
}

#[tokio::test]
async fn a_server_that_trickles_keeps_no_other_waiting_not_even_for_a_run_that_is_saved_meanwhile() {
    let (bench, behind, quick) = (Bench::new(), Arc::default(), Arc::new(AtomicUsize::new(0)));
    bench.put_runs(5);
    let late = numbered(6);
    let path = bench.store.root().join("pending").join(RecordName::of(&late).as_str());
    let saving = How::Saving(Mutex::new(Some((path, integrity::seal(&late).unwrap()))));
    let others = Arc::clone(&quick);
    let trickling = How::When(Box::new(move || count(&others) >= 6));
    let targets = [fake("behind", trickling, &behind), fake("quick", saving, &quick)];
    let drained = bench.drain(&targets).await;
    assert_eq!(drained.words(), ["synced"; 6], "{}", drained.text());
}

/// A drain of 300 runs to a server that answers when a quick one has them all.
async fn far_behind(bench: &Bench) {
    let (behind, quick) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
    let others = Arc::clone(&quick);
    let trickling = How::When(Box::new(move || count(&others) >= 300));
    let targets = [fake("behind", trickling, &behind), fake("quick", How::Quick, &quick)];
    let drained = bench.drain(&targets).await;
    assert_eq!((drained.summary.synced, drained.events.len()), (300, 300));
    assert_eq!((count(&behind), count(&quick)), (300, 300), "each once");
    let last = format!("{:?}", drained.events[299]);
    assert!(last.contains("SN0300"), "{last}");
}

#[tokio::test]
async fn a_server_that_is_far_behind_gets_the_rest_afterwards_and_in_order() {
    let bench = Bench::new();
    bench.put_runs(300);
    far_behind(&bench).await;
}

#[tokio::test]
async fn a_server_that_is_far_behind_gets_what_it_did_not_want_before_too() {
    let bench = Bench::new();
    bench.put_runs(300);
    for number in 1..=300 {
        let reason = "simulated, and accept_simulated is not set".to_owned();
        told(&bench, number, "behind", ReceiptKind::Unwanted { reason });
    }
    far_behind(&bench).await;
}

#[tokio::test]
async fn a_target_that_takes_long_and_takes_nothing_is_left_alone_after_three_records() {
    let (bench, tries) = (Bench::new(), Arc::default());
    bench.put_runs(9);
    let (drained, events) = hasty(&bench, &[fake("server", How::Sulks, &tries)], false).await;
    assert_eq!((count(&tries), drained.pending), (3, 9), "{events:?}");
    assert!(
        drained.stopped["server"].reason.starts_with("3 uploads in a row"),
        "{drained:?}"
    );
}

#[tokio::test]
async fn a_drain_that_is_followed_by_another_ends_while_a_server_trickles_and_the_next_goes_on() {
    let (bench, slow, quick) = (Bench::new(), Arc::default(), Arc::default());
    bench.put_runs(5);
    let after = How::After(Duration::from_millis(1200));
    let targets = [fake("slow", after, &slow), fake("quick", How::Quick, &quick)];
    let (drained, events) = hasty(&bench, &targets, true).await;
    let had = count(&slow);
    assert_eq!((drained.synced, drained.pending), (had, 5 - had), "{events:?}");
    assert!(had < 5 && count(&quick) == 5 && events.len() == had, "{events:?}");
    assert!(drained.goes_on);
    let next = bench.drain(&targets).await;
    assert_eq!(
        (next.summary.synced, next.summary.pending),
        (5 - had, 0),
        "{}",
        next.text()
    );
    assert_eq!((count(&slow), count(&quick)), (5, 5));
}

#[tokio::test]
async fn what_let_others_go_first_has_its_turn_in_a_drain_that_is_followed_although_a_server_trickles() {
    let (bench, slow, quick) = (Bench::new(), Arc::default(), Arc::default());
    bench.put_runs(4);
    // in vain twice
    told(&bench, 2, "quick", ReceiptKind::Attempt);
    told(&bench, 2, "quick", ReceiptKind::Attempt);
    let after = How::After(Duration::from_millis(1200));
    let targets = [fake("slow", after, &slow), fake("quick", How::Quick, &quick)];
    let (drained, _) = hasty(&bench, &targets, true).await;
    assert!(count(&quick) == 4 && count(&slow) < 4, "{drained:?}");
    let next = bench.drain(&targets).await;
    assert_eq!(drained.synced + next.summary.synced, 4);
    assert_eq!((count(&slow), count(&quick)), (4, 4));
}

#[tokio::test]
async fn a_run_whose_answer_was_lost_before_it_was_unwanted_is_asked_for_and_not_sent_again() {
    let bench = Bench::new();
    bench.put_runs(1);
    let server = super::server::Server::start().await;
    for kind in [
        ReceiptKind::Attempt,
        ReceiptKind::Unwanted {
            reason: "a person dropped it".to_owned(),
        },
    ] {
        told(&bench, 1, "fleet", kind);
    }
    let drained = bench.drain(&super::bench::v2(&server.url)).await;
    assert_eq!(drained.words(), ["synced"], "{}", drained.text());
    let asked = server
        .requests()
        .into_iter()
        .position(|request| request.method == "GET" && request.target.contains("/runs"));
    let sent = server
        .requests()
        .into_iter()
        .position(|request| request.method == "POST");
    assert!(asked.is_some() && asked < sent, "{asked:?} {sent:?}");
}
