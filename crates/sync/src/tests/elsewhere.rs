//! Targets that are no TofuPilot: a signed webhook, a folder.

use super::bench::{Bench, KEY, config, later, numbered, opened};
use super::server::{Act, Server, answer, json_answer};
use crate::hmac::{hex, hmac};
use crate::{SecretString, TargetConfig, TargetKind, open};
use benchtop_store::{Record, RecordName, integrity};
use serde_json::json;
use std::io::Write;

fn webhook(url: &str) -> Vec<Box<dyn crate::Target>> {
    opened(config(TargetKind::Webhook, &format!("{url}/hook/runs")))
}

#[tokio::test]
async fn a_webhook_gets_the_sealed_bytes_signed_and_under_the_runs_id() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put(&numbered(1));
    assert_eq!(bench.drain(&webhook(&server.url)).await.words(), ["synced"]);
    let request = &server.requests()[0];
    assert_eq!(request.target, "/hook/runs");
    assert_eq!(request.bytes, integrity::seal(&numbered(1)).unwrap());
    assert!(integrity::open(&request.bytes).is_ok(), "the receiver can check it");
    let header = |name: &str| {
        let start = format!("{name}: ");
        let line = request.head.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap().to_owned()
    };
    assert_eq!(header("idempotency-key"), numbered(1).run_id);
    let time = header("benchtop-timestamp");
    assert_eq!(time, super::bench::now().timestamp().to_string());
    let expected = hex(&hmac(KEY.as_bytes(), &[time.as_bytes(), b".", &request.bytes]));
    assert_eq!(header("benchtop-signature"), format!("v1={expected}"));
    assert!(
        !request.head.contains(KEY) && !request.head.contains("authorization"),
        "{}",
        request.head
    );
}

#[tokio::test]
async fn a_lost_answer_is_sent_again_under_the_same_key() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put(&numbered(1));
    server.script([Act::StoreThenHangUp]);
    assert_eq!(bench.drain(&webhook(&server.url)).await.words(), ["waiting"]);
    assert_eq!(
        bench.drain_at(&webhook(&server.url), later()).await.unwrap().words(),
        ["synced"]
    );
    let requests = server.requests();
    let posts: Vec<_> = requests.iter().filter(|request| request.method == "POST").collect();
    assert_eq!((posts.len(), &posts[0].bytes), (2, &posts[1].bytes));
}

#[tokio::test]
async fn a_captive_portal_is_no_receiver() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put(&numbered(1));
    server.script([
        Act::Answer(answer(200, "text/html", "", "<html>")),
        Act::Answer(json_answer(200, &json!({"ok": true}))),
    ]);
    assert_eq!(bench.drain(&webhook(&server.url)).await.words(), ["waiting"]);
    assert_eq!(bench.drain(&webhook(&server.url)).await.words(), ["waiting"]);
    assert_eq!(bench.drain(&webhook(&server.url)).await.words(), ["synced"]);
}

#[test]
fn a_secret_that_anybody_could_guess_is_refused() {
    let config = config(TargetKind::Webhook, "https://lab.example/hook");
    let Err(error) = open(config, &SecretString::from("short")) else {
        panic!("accepted");
    };
    assert!(error.to_string().contains("fewer than 16") && !format!("{error:?}").contains("short\""));
}

fn directory(folder: &std::path::Path) -> TargetConfig {
    config(TargetKind::Directory, &folder.display().to_string())
}

#[tokio::test]
async fn a_folder_gets_the_file_and_its_attachments() {
    let (stick, bench) = (tempfile::tempdir().unwrap(), Bench::new());
    let record = Record {
        attachments: vec![bench.attachment("scope.png", b"scope")],
        ..numbered(1)
    };
    bench.put(&record);
    assert_eq!(bench.drain(&opened(directory(stick.path()))).await.words(), ["synced"]);
    let copied = std::fs::read(stick.path().join(RecordName::of(&record).as_str())).unwrap();
    assert_eq!(copied, integrity::seal(&record).unwrap());
    assert_eq!(
        std::fs::read(stick.path().join("attachments").join(&record.attachments[0].sha256)).unwrap(),
        b"scope"
    );
}

#[tokio::test]
async fn the_empty_folder_of_a_stick_that_is_not_mounted_gets_nothing() {
    let (place, bench) = (tempfile::tempdir().unwrap(), Bench::new());
    let stick = place.path().join("stick");
    std::fs::create_dir(&stick).unwrap();
    bench.put_runs(2);
    let target = crate::Directory::with_sticks_in(directory(&stick), place.path()).unwrap();
    let targets: Vec<Box<dyn crate::Target>> = vec![Box::new(target)];
    for _ in 0..30 {
        let drained = bench.drain(&targets).await;
        drained.leaves(2, 0);
        let how = format!("make an empty file {}/benchtop-records", stick.display());
        assert!(drained.text().contains(&how), "{}", drained.text());
    }
    assert_eq!(std::fs::read_dir(&stick).unwrap().count(), 0);
    // somebody says that this folder is meant
    std::fs::File::create(stick.join("benchtop-records")).unwrap();
    assert_eq!(bench.drain(&targets).await.summary.synced, 2);
    // and below a place on another disk, or at it, something is mounted
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::MetadataExt;
        let disk = |path: &str| std::fs::metadata(path).unwrap().dev();
        assert_ne!(disk("/proc"), disk("/"), "no mount to try it with");
        for place in ["/", "/proc"] {
            let other = crate::Directory::with_sticks_in(directory("/proc".as_ref()), place.as_ref()).unwrap();
            let probe = crate::Target::probe(&other).await;
            assert!(matches!(probe, crate::Probe::Ready { .. }), "{place} {probe:?}");
        }
    }
}

#[tokio::test]
async fn the_store_is_no_copy_of_itself() {
    let (elsewhere, bench) = (tempfile::tempdir().unwrap(), Bench::new());
    bench.put(&numbered(1));
    let root = bench.store.root().to_owned();
    let link = elsewhere.path().join("link");
    std::os::unix::fs::symlink(root.join("pending"), &link).unwrap();
    let beside = root.join("usb");
    std::fs::create_dir(&beside).unwrap();
    let nested = root.join("synced/2026-03");
    std::fs::create_dir_all(&nested).unwrap();
    for folder in [root.join("pending"), root.join("attachments"), nested, root, link] {
        let drained = bench.drain(&opened(directory(&folder))).await;
        drained.leaves(1, 0);
        assert!(
            drained.text().contains("lies in the store itself"),
            "{}: {}",
            folder.display(),
            drained.text()
        );
    }
    // another folder there is none of the store's, and nothing was written down as a refusal
    assert_eq!(bench.drain(&opened(directory(&beside))).await.words(), ["synced"]);
    assert_eq!(std::fs::read_dir(&beside).unwrap().count(), 1);
}

#[tokio::test]
async fn a_stick_that_is_not_there_is_waited_for_and_another_file_is_never_replaced() {
    let (above, bench) = (tempfile::tempdir().unwrap(), Bench::new());
    let stick = above.path().join("stick");
    bench.put_runs(2);
    let targets = opened(directory(&stick));
    for _ in 0..30 {
        let drained = bench.drain(&targets).await;
        drained.leaves(2, 0);
    }
    assert!(!stick.exists());
    std::fs::create_dir(&stick).unwrap();
    let taken = stick.join(RecordName::of(&numbered(2)).as_str());
    std::fs::File::create(&taken).unwrap().write_all(b"somebody's").unwrap();
    let drained = bench.drain(&targets).await;
    assert_eq!(
        (drained.summary.synced, drained.summary.parked),
        (1, 1),
        "{}",
        drained.text()
    );
    assert_eq!(std::fs::read(&taken).unwrap(), b"somebody's");
}
