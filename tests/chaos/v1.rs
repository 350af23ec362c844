//! The same against a v1 server, which stores whatever it is sent: nothing is ever there twice, and what it does not have waits here
//! or is parked for a person.

use super::{
    Stops, kill_syncers,
    proxy::{self, Proxy},
    retry, runs, status, sync,
};
use crate::demo::{Demo, PROCEDURE, station};
use crate::testkit::{self, done, records, scratch, simulated, write};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

/// The serial numbers of the records in a folder of the store.
fn serials(store: &Path, folder: &str) -> Vec<String> {
    let serial = |record: Value| record["unit_under_test"]["serial_number"].as_str().unwrap().to_owned();
    records(store, folder)
        .iter()
        .map(|path| serial(testkit::json(path)))
        .collect()
}

/// How often the server has each serial number.
fn there(demo: &Demo) -> BTreeMap<String, usize> {
    let mut there = BTreeMap::new();
    for run in demo.arrived()["runs"].as_array().unwrap() {
        let serial = run["body"]["unit_under_test"]["serial_number"].as_str().unwrap();
        *there.entry(serial.to_owned()).or_default() += 1;
    }
    there
}

#[test]
fn no_run_is_at_a_v1_server_twice_whatever_happens_on_the_way() {
    let demo = Demo::start(&[]);
    let proxy = Proxy::start(&demo.url, 11, &proxy::spoilt_once());
    let folder = scratch();
    let store = folder.path().join("store");
    let station = station(folder.path(), &proxy.url);
    let text = std::fs::read_to_string(&station).unwrap();
    write(
        &station,
        &text.replace("tofupilot-v2", "tofupilot-v1").replace(PROCEDURE, "FVT1"),
    );
    // a serial number each, of four digits
    let total = usize::try_from(runs() / 2).unwrap().min(10_000);
    done(&mut simulated(&store, "UNIT-0000"));
    proxy.spoil(25);
    let (stop, killed) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for seed in [0x51ed_2701, 0x2545_f491] {
            let (stop, killed, station) = (&stop, &killed, &station);
            scope.spawn(move || kill_syncers(station, seed, stop, killed));
        }
        let _stops = Stops(&stop);
        for number in 1..total {
            let run = done(&mut simulated(&store, &format!("UNIT-{number:04}")));
            assert!(matches!(run.code, Some(0 | 1)), "{run}");
        }
    });
    done(&mut sync(&station));
    proxy.spoil(0);
    // over a line that is well: what it has is found, what it surely lacks is sent; the rest waits its two minutes
    for _ in 0..3 {
        done(&mut retry(&station));
        let synced = done(&mut sync(&station));
        assert!(matches!(synced.code, Some(0 | 1 | 3)), "{synced}");
    }
    let there = there(&demo);
    let twice: Vec<_> = there.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let (synced, pending, parked) = (
        serials(&store, "synced"),
        serials(&store, "pending"),
        serials(&store, "parked"),
    );
    assert_eq!(synced.len() + pending.len() + parked.len(), total, "none is lost");
    for serial in &synced {
        assert!(there.contains_key(serial), "{serial} is called synced");
    }
    // the server was asked for these a moment ago
    for serial in &pending {
        assert!(!there.contains_key(serial), "{serial} is there, and is not known to be");
    }
    assert_eq!(
        there.len(),
        synced.len() + parked.iter().filter(|serial| there.contains_key(*serial)).count()
    );
    let said: Value = serde_json::from_str(&status(&station)).unwrap();
    assert_eq!(
        (&said["pending"], &said["parked"]),
        (&json!(pending.len()), &json!(parked.len()))
    );
    let (killed, spoiled) = (killed.load(Ordering::Relaxed), proxy.spoiled());
    println!(
        "v1: {total} runs, {} synced, {} wait, {} parked, {killed} syncers killed, spoiled on the way: {spoiled:?}",
        synced.len(),
        pending.len(),
        parked.len()
    );
    assert!(killed > 5 && synced.len() > 10, "the test proves nothing");
    for kind in proxy::spoilt_once() {
        assert!(spoiled.contains_key(&kind), "{kind:?} never happened: {spoiled:?}");
    }
}
