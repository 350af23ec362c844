//! Sub-units go before the assemblies that hold them.

use super::bench::{Bench, numbered, v2};
use super::server::{Act, Server, json_answer};
use benchtop_store::Record;
use benchtop_store::record::UnitUnderTest;
use serde_json::json;

/// The numbered run, as an assembly of these units.
fn assembly(number: u64, of: &[&str]) -> Record {
    let plain = numbered(number);
    Record {
        unit_under_test: UnitUnderTest {
            sub_units: of.iter().map(|serial| (*serial).to_owned()).collect(),
            ..plain.unit_under_test.clone()
        },
        ..plain
    }
}

#[tokio::test]
async fn a_sub_unit_that_was_tested_later_goes_first() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put(&assembly(1, &["SN0003", "SN0004"]));
    bench.put(&numbered(2));
    bench.put(&assembly(3, &["SN0005"]));
    bench.put(&numbered(4));
    bench.put(&numbered(5));
    let drained = bench.drain(&v2(&server.url)).await;
    assert_eq!((drained.summary.synced, drained.summary.exit_code()), (5, 0));
    assert_eq!(server.serials(), ["SN0002", "SN0004", "SN0005", "SN0003", "SN0001"]);
}

#[tokio::test]
async fn an_assembly_waits_for_a_sub_unit_that_did_not_get_through_and_nobody_else_does() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put(&numbered(1));
    bench.put(&assembly(2, &["SN0001"]));
    bench.put(&assembly(3, &["SN0002"]));
    bench.put(&assembly(4, &["SN0099"]));
    server.script([Act::Answer(json_answer(500, &json!({"message": "oops"})))]);
    let drained = bench.drain(&v2(&server.url)).await;
    assert_eq!(
        (server.serials(), drained.summary.pending),
        (vec!["SN0004".to_owned()], 3)
    );
    assert!(drained.text().contains("its sub-unit goes first"), "{}", drained.text());
    assert_eq!(bench.drain(&v2(&server.url)).await.summary.synced, 3);
    assert_eq!(server.serials(), ["SN0004", "SN0001", "SN0002", "SN0003"]);
}

#[tokio::test]
async fn a_ring_of_assemblies_is_broken_at_its_oldest() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put(&assembly(1, &["SN0002"]));
    bench.put(&assembly(2, &["SN0003"]));
    bench.put(&assembly(3, &["SN0001"]));
    bench.put(&assembly(4, &["SN0004"]));
    assert_eq!(bench.drain(&v2(&server.url)).await.summary.synced, 4);
    assert_eq!(server.serials().len(), 4);
}

#[tokio::test]
async fn a_sub_unit_that_was_parked_blocks_nobody() {
    let (server, bench) = (Server::start().await, Bench::new());
    bench.put(&numbered(1));
    bench.put(&assembly(2, &["SN0001"]));
    server.script([Act::Answer(json_answer(422, &json!({"message": "no"})))]);
    let drained = bench.drain(&v2(&server.url)).await;
    assert_eq!((drained.summary.parked, drained.summary.synced), (1, 1));
}
