//! Our requests beside those of the official Rust SDK.

use super::bench::{Bench, numbered, v2};
use super::captures::{captured, v2_body};
use super::equal::assert_equal_but;
use super::samples::{at, measurement, passing, step};
use super::server::Server;
use benchtop_store::Record;
use benchtop_store::record::{MeasurementOutcome, Step, StepOutcome};
use serde_json::{Value, json};

const RUST_RUN: &str = include_str!("../../../../fixtures/captures/v2_run__rust_sdk_2.26.1.json");
const RUST_ATTACHMENT: &str = include_str!("../../../../fixtures/captures/v2_attachment__rust_sdk_2.26.1.json");

#[test]
fn the_rust_sdks_run_is_what_we_send() {
    let vout = measurement("vout", "V", 3.31, None, None, MeasurementOutcome::Pass);
    let record = Record {
        ended_at: at("2026-03-04T05:07:42.123456Z"),
        steps: vec![Step {
            measurements: vec![vout],
            ..step("power_on", StepOutcome::Pass, "05:06:07.123456", "05:06:08.623456")
        }],
        ..passing("SN1")
    };
    assert_equal_but(
        v2_body(&record),
        captured(RUST_RUN),
        &[
            ("/client_run_ref", "ours is the run's id"),
            (
                "/metadata",
                "the call has none; a record always says where it comes from",
            ),
            ("/procedure_version", "the call has none; a record always has one"),
            ("/phases/power_on/retry_count", "0, which the SDK leaves out"),
            (
                "/phases/power_on/measurements/nan",
                "a PASS without a value, as which the SDK sends NaN: no record of ours says that",
            ),
        ],
    );
}

#[tokio::test]
async fn the_rust_sdks_requests_for_an_attachment_are_what_we_send() {
    let theirs: Value = serde_json::from_str(RUST_ATTACHMENT).unwrap();
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put(&Record {
        attachments: vec![bench.attachment("notes.txt", b"hello")],
        ..numbered(1)
    });
    assert_eq!(bench.drain(&v2(&server.url)).await.words(), ["synced"]);
    let ours = server.requests();
    let ours: Vec<_> = ours.iter().filter(|request| request.method != "GET").skip(1).collect();
    let theirs = theirs.as_array().unwrap();
    assert_eq!(ours.len(), theirs.len());
    for (own, their) in ours.iter().zip(theirs) {
        assert_eq!(their["method"], json!(own.method));
        assert_eq!(own.body, their["json"], "{}", own.target);
        let media = their["headers"].get("content-type").and_then(Value::as_str);
        let said = own.head.lines().find_map(|line| line.strip_prefix("content-type: "));
        assert_eq!(said, media, "{}", own.target);
        let has_key = own.head.contains("\nauthorization: ");
        assert_eq!(
            has_key,
            their["headers"].get("authorization").is_some(),
            "{}",
            own.target
        );
    }
    assert_eq!(ours[1].bytes, b"hello");
    // the ids are the server's
    let kind = |path: &str| {
        path.split('/')
            .filter(|part| part.len() != 36)
            .collect::<Vec<_>>()
            .join("/")
    };
    assert_eq!(kind(&ours[0].target), kind(theirs[0]["path"].as_str().unwrap()));
    assert_eq!(kind(&ours[2].target), kind(theirs[2]["path"].as_str().unwrap()));
}
