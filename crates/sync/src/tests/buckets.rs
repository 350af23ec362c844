//! A bucket that others write into too.

use super::bench::{Bench, config, numbered};
use super::server::{Act, Server, answer};
use crate::{SecretString, Target, TargetKind, open};
use benchtop_store::{Record, integrity};

/// What signs, and never leaves.
pub(super) const SECRET: &str = "canary-s3-secret-9c1e";

pub(super) fn bucket(url: &str) -> Vec<Box<dyn Target>> {
    let keys = SecretString::from(format!("AKIDEXAMPLE\n{SECRET}"));
    vec![open(config(TargetKind::S3, &format!("{url}/bucket/lake")), &keys).unwrap()]
}

/// A station whose run 1 says this.
fn station(reason: &str) -> (Bench, Vec<u8>) {
    let bench = Bench::new();
    let record = Record {
        reason: Some(reason.to_owned()),
        ..numbered(1)
    };
    bench.put(&record);
    (bench, integrity::seal(&record).unwrap())
}

#[tokio::test]
async fn who_comes_first_stays_and_the_other_is_parked() {
    let server = Server::start().await;
    let ((first, bytes), (second, _)) = (station("mine"), station("another's"));
    assert_eq!(first.drain(&bucket(&server.url)).await.words(), ["synced"]);
    let drained = second.drain(&bucket(&server.url)).await;
    assert_eq!(drained.words(), ["parked"]);
    assert!(
        drained.text().contains("another object lies there"),
        "{}",
        drained.text()
    );
    let name = format!("/bucket/lake/{}.json", numbered(1).run_id);
    assert_eq!(server.object(&name).unwrap(), bytes, "what lay there was put over");
}

#[tokio::test]
async fn the_same_from_two_at_once_is_there_once_and_confirmed_to_both() {
    let server = Server::start().await;
    let ((first, bytes), (second, _)) = (station("mine"), station("mine"));
    // the other one's upload is under way: S3 says 409, and then it is there
    server.script([Act::StoreThenAnswer(answer(409, "application/xml", "", "<Error/>"))]);
    let (one, other) = (bucket(&server.url), bucket(&server.url));
    let (one, other) = tokio::join!(first.drain(&one), second.drain(&other));
    assert_eq!((one.words(), other.words()), (vec!["synced"], vec!["synced"]));
    let name = format!("/bucket/lake/{}.json", numbered(1).run_id);
    assert_eq!(server.object(&name).unwrap(), bytes);
    let puts = server.requests().into_iter().filter(|request| request.method == "PUT");
    assert!(puts.map(|put| put.head).all(|head| head.contains("if-none-match: *")));
}

#[tokio::test]
async fn an_object_that_is_not_there_or_says_nothing_of_itself_confirms_nothing() {
    let (mine, bytes) = station("mine");
    let name = format!("/bucket/lake/{}.json", numbered(1).run_id);
    let server = Server::start().await;
    // 412 of a proxy that keeps nothing
    server.script([Act::Answer(answer(412, "application/xml", "", "<Error/>"))]);
    let drained = mine.drain(&bucket(&server.url)).await;
    assert_eq!(drained.words(), ["waiting"]);
    assert!(drained.text().contains("it is not there"), "{}", drained.text());
    assert_eq!(mine.drain(&bucket(&server.url)).await.words(), ["synced"]);

    // somebody copied it there by hand, or the server keeps no metadata
    let (mine, _) = station("mine");
    server.keeps_object(&name, None, &bytes);
    let drained = mine.drain(&bucket(&server.url)).await;
    assert_eq!(drained.words(), ["waiting"]);
    assert!(
        drained.text().contains("does not say whose it is"),
        "{}",
        drained.text()
    );
    server.keeps_object(&name, Some(&integrity::sha256_hex(&bytes)), &bytes);
    assert_eq!(mine.drain(&bucket(&server.url)).await.words(), ["synced"]);
}
