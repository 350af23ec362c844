//! Out of a room without a network, and back.

use super::bench::{Bench, later, now, numbered, v2};
use super::server::Server;
use crate::{BundleError, Carried, SecretString, confirmations, export, import, take_confirmations};
use benchtop_store::{Record, RecordName, integrity};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use std::io::{Read, Write};

pub(super) fn exported(bench: &Bench, secret: Option<&SecretString>) -> Vec<u8> {
    let mut bytes = Vec::new();
    export(&bench.store, &mut bytes, secret, &now).unwrap();
    bytes
}

pub(super) fn imported(bench: &Bench, bytes: &[u8], secret: Option<&SecretString>) -> Result<Carried, BundleError> {
    import(&bench.store, || Ok(bytes), secret, &now)
}

/// A store with two runs, one of them with an attachment.
fn station() -> Bench {
    let bench = Bench::new();
    bench.put(&numbered(1));
    bench.put(&Record {
        attachments: vec![bench.attachment("scope.png", b"scope")],
        ..numbered(2)
    });
    bench
}

#[test]
fn a_run_has_left_when_the_bundle_is_whole_and_not_before() {
    let station = Bench::new();
    // more than is kept back to be packed
    let digests = (0..8_192_u32).flat_map(|seed| integrity::sha256_hex(&seed.to_le_bytes()).into_bytes());
    let attachment = station.attachment("wave.txt", &digests.collect::<Vec<u8>>());
    let record = Record {
        attachments: vec![attachment],
        ..numbered(1)
    };
    station.put(&record);
    let has_left = || {
        let receipts = station.store.receipts().read(&record.run_id).unwrap();
        receipts.is_carried()
    };
    let mut room = [0; 4_096];
    export(&station.store, &mut room.as_mut_slice(), None, &now).unwrap_err();
    assert!(!has_left(), "no stick has it");
    exported(&station, None);
    assert!(has_left());
}

#[tokio::test]
async fn runs_go_out_and_confirmations_come_back() {
    let (server, station, office) = (Server::start().await, station(), Bench::new());
    let bundle = exported(&station, None);
    assert_eq!(station.names("pending").len(), 2, "an export moves nothing");
    let carried = imported(&office, &bundle, None).unwrap();
    assert_eq!((carried.records, carried.already, carried.attachments), (2, 0, 1));
    assert_eq!(imported(&office, &bundle, None).unwrap().already, 2, "twice is no harm");
    assert_eq!(office.drain(&v2(&server.url)).await.summary.exit_code(), 0);
    assert_eq!(
        imported(&office, &bundle, None).unwrap().already,
        2,
        "nor after the upload"
    );
    assert_eq!(server.serials(), ["SN0001", "SN0002"]);

    // another station's runs lie in the same office
    let mut receipt = Vec::new();
    assert_eq!(
        confirmations(&office.store, &mut receipt, None, &later)
            .unwrap()
            .records,
        2
    );
    let other = Bench::new();
    other.put(&numbered(7));
    let take =
        |bench: &Bench| take_confirmations(&bench.store, || Ok(receipt.as_slice()), None, &["fleet"], &later).unwrap();
    assert_eq!((take(&other).not_here, other.names("pending").len()), (2, 1));
    let taken = take(&station);
    assert_eq!((taken.confirmed, taken.already, taken.not_here), (2, 0, 0));
    assert_eq!((station.names("pending").len(), station.names("synced").len()), (0, 2));
    assert_eq!(take(&station).already, 2);
}

#[tokio::test]
async fn confirmations_of_a_target_that_the_station_has_not_got_are_told() {
    let (server, station, office) = (Server::start().await, Bench::new(), Bench::new());
    station.put_runs(1);
    imported(&office, &exported(&station, None), None).unwrap();
    office.drain(&v2(&server.url)).await.leaves(0, 0);
    let mut receipt = Vec::new();
    confirmations(&office.store, &mut receipt, None, &later).unwrap();
    let take = |own: &str| take_confirmations(&station.store, || Ok(receipt.as_slice()), None, &[own], &later).unwrap();
    let taken = take("cloud");
    assert_eq!(taken.unknown_targets.iter().collect::<Vec<_>>(), ["fleet"]);
    assert_eq!(station.names("pending").len(), 1, "its own target lacks it");
    assert_eq!(take("fleet").unknown_targets.len(), 0);
    assert_eq!(station.names("pending").len(), 0);
}

#[test]
fn several_stations_share_a_stick() {
    let (office, other) = (Bench::new(), Bench::new());
    other.put(&numbered(9));
    for bundle in [exported(&station(), None), exported(&other, None)] {
        imported(&office, &bundle, None).unwrap();
    }
    assert_eq!(office.names("pending").len(), 3);
}

#[test]
fn a_torn_bundle_is_refused_wherever_it_was_cut_and_changes_nothing() {
    let bundle = exported(&station(), None);
    for length in (0..bundle.len()).step_by(7) {
        let office = Bench::new();
        assert!(imported(&office, &bundle[..length], None).is_err(), "{length}");
        assert!(
            office.names("pending").is_empty() && office.names("attachments").is_empty(),
            "{length}"
        );
    }
}

/// The bundle with its text changed, and compressed again.
fn altered(bundle: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut text = String::new();
    GzDecoder::new(bundle).read_to_string(&mut text).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(text.replacen(from, to, 1).as_bytes()).unwrap();
    out.finish().unwrap()
}

#[test]
fn a_bundle_says_at_its_beginning_what_it_holds() {
    let bundle = exported(&station(), None);
    let mut text = String::new();
    GzDecoder::new(bundle.as_slice()).read_to_string(&mut text).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    let record = integrity::seal(&numbered(1)).unwrap();
    let name = RecordName::of(&numbered(1)).to_string();
    assert_eq!(manifest["is"], "manifest");
    assert_eq!(manifest["records"][&name], integrity::sha256_hex(&record));
    assert_eq!(manifest["records"].as_object().unwrap().len(), 2);
    assert_eq!(manifest["attachments"][integrity::sha256_hex(b"scope")], 5);
    // one that holds less than it says, or other things, under a digest that agrees
    for (is_named, from, expected) in [
        (false, 3, "is not what its manifest names"),
        (true, 2, "the bundle lacks it"),
    ] {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.pop();
        let swapped = lines[1].replace(&integrity::sha256_hex(&record), &integrity::sha256_hex(b"other"));
        if is_named {
            lines.remove(from);
        } else {
            lines[1] = &swapped;
        }
        let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let end = format!(
            "{body}{{\"end\":\"{}\",\"signature\":null}}\n",
            integrity::sha256_hex(body.as_bytes())
        );
        let mut out = GzEncoder::new(Vec::new(), Compression::default());
        out.write_all(end.as_bytes()).unwrap();
        let office = Bench::new();
        let said = match imported(&office, &out.finish().unwrap(), None) {
            Ok(carried) => carried.left_out[0].1.clone(),
            Err(error) => error.to_string(),
        };
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_stick_that_reads_otherwise_the_second_time_brings_nothing() {
    let (mine, theirs, office) = (station(), Bench::new(), Bench::new());
    theirs.put(&numbered(9));
    let (first, second) = (exported(&mine, None), exported(&theirs, None));
    let mut reads = [first.as_slice(), second.as_slice()].into_iter();
    let error = import(&office.store, || Ok(reads.next().unwrap()), None, &now).unwrap_err();
    assert!(error.to_string().contains("otherwise the second time"), "{error}");
    assert!(office.names("pending").is_empty());
}

#[test]
fn an_import_that_was_broken_off_goes_on_where_it_is_made_again() {
    let (station, office) = (Bench::new(), Bench::new());
    station.put_runs(200);
    let bundle = exported(&station, None);
    let half = bundle.len() / 2;
    // the stick is pulled out during the second reading
    let mut reads = [bundle.as_slice(), &bundle[..half]].into_iter();
    let error = import(&office.store, || Ok(reads.next().unwrap()), None, &now).unwrap_err();
    assert!(matches!(error, BundleError::BrokenOff { .. }), "{error}");
    assert!(
        error.to_string().contains("torn") && error.to_string().contains("do it again"),
        "{error}"
    );
    let there = office.names("pending").len();
    assert!(there > 0 && there < 200, "{there}");
    // and what a killed one had begun to write
    let begun = format!(".tmp-{}-77-0", integrity::sha256_hex(b"scope"));
    std::fs::File::create(office.store.attachments().join(begun)).unwrap();
    let carried = imported(&office, &bundle, None).unwrap();
    assert_eq!((carried.already, carried.records), (there, 200 - there));
    assert_eq!(office.names("pending").len(), 200);
    assert!(office.names("attachments").is_empty());
}

#[test]
fn a_record_that_cannot_be_read_is_told_and_keeps_no_other_from_its_confirmation() {
    let (station, office) = (Bench::new(), Bench::new());
    for bench in [&station, &office] {
        bench.put_runs(3);
    }
    let names: Vec<RecordName> = (1..=3).map(|number| RecordName::of(&numbered(number))).collect();
    for name in &names {
        let confirmed = benchtop_store::ReceiptKind::Confirmed { remote_id: "x".into() };
        let receipt = benchtop_store::Receipt {
            at: now(),
            target: "fleet".into(),
            kind: confirmed,
        };
        office.store.receipts().append(name.run_id(), &receipt).unwrap();
        office.store.settle(name, &["fleet"], now()).unwrap();
    }
    let spoil = |path: std::path::PathBuf| std::fs::File::create(path).unwrap().write_all(b"{}").unwrap();
    spoil(office.store.root().join("synced/2026-03").join(names[0].as_str()));
    let mut bytes = Vec::new();
    let written = confirmations(&office.store, &mut bytes, None, &now).unwrap();
    assert_eq!((written.records, written.left_out.len()), (2, 1));
    // at the station another one is spoilt: not of another station
    spoil(station.store.root().join("pending").join(names[1].as_str()));
    let taken = take_confirmations(&station.store, || Ok(bytes.as_slice()), None, &["fleet"], &now).unwrap();
    assert_eq!(
        (taken.confirmed, taken.not_here, taken.refused.len()),
        (1, 0, 1),
        "{taken:?}"
    );
}

#[test]
fn an_altered_or_foreign_bundle_is_refused_with_a_sentence() {
    let bundle = exported(&station(), None);
    for (bytes, sentence) in [
        (altered(&bundle, "SN0001", "SN0009"), "was altered"),
        (
            altered(&bundle, "benchtop.bundle/1", "benchtop.bundle/9"),
            "its format is benchtop.bundle/9",
        ),
        (b"PK\x03\x04 a zip".to_vec(), "not compressed as bundles are"),
        (Vec::new(), "torn"),
    ] {
        let office = Bench::new();
        let error = imported(&office, &bytes, None).unwrap_err().to_string();
        assert!(error.contains(sentence), "{sentence}: {error}");
        assert!(office.names("pending").is_empty());
    }
    let mut receipt = Vec::new();
    confirmations(&Bench::new().store, &mut receipt, None, &now).unwrap();
    let error = imported(&Bench::new(), &receipt, None).unwrap_err().to_string();
    assert!(error.contains("no bundle of that kind"), "{error}");
}

#[test]
fn where_a_secret_is_shared_only_its_signature_is_believed() {
    let secret = SecretString::from("correct horse battery");
    let other = SecretString::from("another secret entirely");
    let (signed, plain) = (exported(&station(), Some(&secret)), exported(&station(), None));
    assert!(imported(&Bench::new(), &signed, Some(&secret)).is_ok());
    assert!(imported(&Bench::new(), &signed, None).is_ok());
    for (bytes, key) in [(&plain, &secret), (&signed, &other)] {
        let office = Bench::new();
        let error = imported(&office, bytes, Some(key)).unwrap_err();
        assert!(matches!(error, BundleError::Signature(_)), "{error}");
        assert!(office.names("pending").is_empty());
    }
    let mut text = String::new();
    GzDecoder::new(signed.as_slice()).read_to_string(&mut text).unwrap();
    assert!(!text.contains("correct horse"));
}

#[test]
fn a_receipt_for_another_record_of_that_name_changes_nothing() {
    let (station, office) = (Bench::new(), Bench::new());
    let name = station.put(&numbered(1));
    office.put(&Record {
        reason: Some("another one".into()),
        ..numbered(1)
    });
    let receipt = |store: &benchtop_store::Store| {
        let confirmed = benchtop_store::Receipt {
            at: now(),
            target: "fleet".into(),
            kind: benchtop_store::ReceiptKind::Confirmed { remote_id: "x".into() },
        };
        store.receipts().append(name.run_id(), &confirmed).unwrap();
        store.settle(&name, &["fleet"], now()).unwrap();
        let mut bytes = Vec::new();
        confirmations(store, &mut bytes, None, &now).unwrap();
        bytes
    };
    let bytes = receipt(&office.store);
    let taken = take_confirmations(&station.store, || Ok(bytes.as_slice()), None, &["fleet"], &now).unwrap();
    assert_eq!((taken.refused.len(), station.names("pending").len()), (1, 1));
}

#[test]
fn a_bundle_of_nothing_but_lines_is_refused_before_it_fills_the_memory() {
    for line in ["\n", "{}\n"] {
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        bomb.write_all(b"{\"format\":\"benchtop.bundle/1\",\"made_at\":\"x\"}\n")
            .unwrap();
        (0..1000).for_each(|_| bomb.write_all(line.repeat(1000).as_bytes()).unwrap());
        let bytes = bomb.finish().unwrap();
        let error = imported(&Bench::new(), &bytes, None).unwrap_err().to_string();
        assert!(error.contains("more lines than anything of its size"), "{error}");
    }
}

#[test]
fn a_record_without_a_runs_id_or_number_is_left_out_and_the_others_come() {
    for odd in [
        Record {
            run_id: "../../x".into(),
            ..numbered(2)
        },
        Record {
            sequence: u64::MAX,
            ..numbered(2)
        },
    ] {
        let office = Bench::new();
        let mut bytes = Vec::new();
        let mut writer = crate::bundle::lines::Writer::begin(
            &mut bytes,
            &serde_json::json!({"format": "benchtop.bundle/1", "made_at": "x"}),
        )
        .unwrap();
        for record in [numbered(1), odd, numbered(3)] {
            let json = String::from_utf8(integrity::seal(&record).unwrap()).unwrap();
            let line = serde_json::json!({"is": "record", "name": RecordName::of(&record).to_string(), "json": json});
            writer.line(&line).unwrap();
        }
        writer.end(None).unwrap();
        let carried = imported(&office, &bytes, None).unwrap();
        assert_eq!((carried.records, carried.left_out.len()), (2, 1), "{carried:?}");
        assert_eq!((office.names("pending").len(), office.names("receipts").len()), (2, 2));
    }
}

#[test]
fn what_one_target_confirmed_is_carried_back_although_another_lacks_it() {
    let (station, office) = (Bench::new(), Bench::new());
    let name = station.put(&numbered(1));
    office.put(&numbered(1));
    let receipt = benchtop_store::Receipt {
        at: now(),
        target: "fleet".into(),
        kind: benchtop_store::ReceiptKind::Confirmed { remote_id: "x".into() },
    };
    office.store.receipts().append(name.run_id(), &receipt).unwrap();
    let mut bytes = Vec::new();
    let written = confirmations(&office.store, &mut bytes, None, &now).unwrap();
    assert_eq!((written.records, office.names("pending").len()), (1, 1));
    let taken = take_confirmations(&station.store, || Ok(bytes.as_slice()), None, &["fleet"], &now).unwrap();
    assert_eq!((taken.confirmed, station.names("synced").len()), (1, 1), "{taken:?}");
}
