//! `benchtop runs`: the records of a store, checked and pruned.

use crate::{
    sync::{KEY, Server, station},
    testkit::{benchtop, done, json, records, runs, scratch, simulated, simulated_by, write},
};
use std::{fs, path::Path};

#[test]
fn verify_finds_an_altered_digit_and_a_missing_record() {
    let folder = scratch();
    let store = folder.path().join("store");
    for serial in ["UNIT-5501", "UNIT-5502", "UNIT-5503"] {
        assert_eq!(done(&mut simulated(&store, serial)).code, Some(0));
    }
    let good = runs(&["verify"], &store);
    assert_eq!(good.code, Some(0), "{good}");
    assert!(
        good.out
            .contains("verified  3 records as they were sealed; the chain ends at 3"),
        "{good}"
    );
    let pending = records(&store, "pending");
    let text = fs::read_to_string(&pending[0]).unwrap();
    write(&pending[0], &text.replacen("UNIT-5501", "UNIT-5510", 1));
    fs::remove_file(&pending[2]).unwrap();
    let bad = runs(&["verify"], &store);
    assert_eq!(bad.code, Some(3), "{bad}");
    for words in [
        "altered",
        "0000000001_UNIT-5501",
        "missing",
        "position 3",
        "NOT VERIFIED",
    ] {
        assert!(bad.out.contains(words), "{words}: {bad}");
    }
}

#[test]
fn a_station_with_a_key_signs_and_verify_demands_it() {
    let folder = scratch();
    let key = folder.path().join("station.key");
    let made = done(benchtop().args(["runs", "key"]).arg(&key));
    assert_eq!(made.code, Some(0), "{made}");
    let public = made.out.trim().to_owned();
    assert_eq!(public.len(), 64, "{made}");
    let again = done(benchtop().args(["runs", "key"]).arg(&key));
    assert_eq!(again.code, Some(3), "it is not written over: {again}");
    // a sync of a station with a key seals what was interrupted, signed
    let station = folder.path().join("station.toml");
    let text = "[station]\nid = \"B\"\n[store]\nroot = \"store\"\nsigning_key = \"station.key\"\n";
    write(&station, text);
    let store = folder.path().join("store");
    assert_eq!(done(&mut simulated(&store, "UNIT-5501")).code, Some(0));
    let unsigned = runs(&["verify", "--key", &public], &store);
    assert_eq!(unsigned.code, Some(3), "{unsigned}");
    assert!(unsigned.out.contains("it is not signed"), "{unsigned}");
    let of_station = done(benchtop().args(["runs", "verify", "--station"]).arg(&station));
    assert_eq!(of_station.code, Some(0), "{of_station}");
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let open = done(benchtop().args(["runs", "verify", "--station"]).arg(&station));
    assert_eq!(open.code, Some(2), "{open}");
    assert!(open.err.contains("chmod 600"), "{open}");
    let nonsense = runs(&["verify", "--key", "abc"], &store);
    assert_eq!(nonsense.code, Some(2), "{nonsense}");
}

#[test]
fn prune_removes_what_is_confirmed_and_nothing_else() {
    let server = Server::start(200);
    let folder = scratch();
    let store = folder.path().join("store");
    let station = station(folder.path(), &server.url, "tofupilot-v2", true);
    for serial in ["UNIT-5501", "UNIT-5502"] {
        done(&mut simulated(&store, serial));
    }
    let synced = done(
        benchtop()
            .arg("sync")
            .arg("--station")
            .arg(&station)
            .env("TOFUPILOT_API_KEY", KEY),
    );
    assert_eq!(synced.code, Some(0), "{synced}");
    done(&mut simulated(&store, "UNIT-5503"));
    let young = runs(&["prune", "--synced-before", "2020-01-01"], &store);
    assert!(
        young.out.contains("0 records gone (0 bytes), 2 younger, 0 stay"),
        "{young}"
    );
    let dry = runs(&["prune", "--synced-before", "2999-01-01", "--dry-run"], &store);
    assert!(dry.out.contains("2 records would go"), "{dry}");
    assert_eq!(records(&store, "synced").len(), 2);
    let pruned = runs(&["prune", "--synced-before", "2999-01-01"], &store);
    assert_eq!(pruned.code, Some(0), "{pruned}");
    assert!(pruned.out.contains("2 records gone"), "{pruned}");
    assert_eq!(
        (records(&store, "synced").len(), records(&store, "pending").len()),
        (0, 1)
    );
    let verify = runs(&["verify"], &store);
    assert_eq!(verify.code, Some(0), "{verify}");
    assert!(verify.out.contains("the chain ends at 3, 2 pruned"), "{verify}");
    let wrong = runs(&["prune", "--synced-before", "yesterday"], &store);
    assert_eq!(wrong.code, Some(2), "{wrong}");
}

#[test]
fn list_shows_what_is_asked_for_page_by_page_in_three_forms() {
    let folder = scratch();
    let store = folder.path().join("store");
    for serial in ["UNIT-5501", "UNIT-5502", "UNIT-5599"] {
        done(&mut simulated(&store, serial));
    }
    let all = runs(&["list"], &store);
    assert_eq!(all.code, Some(0), "{all}");
    let lines: Vec<&str> = all.out.lines().collect();
    assert_eq!(lines.len(), 3, "{all}");
    assert!(lines[0].contains("PASS") && lines[0].contains("UNIT-5501"), "{all}");
    assert!(lines[2].contains("FAIL") && lines[2].contains("UNIT-5599"), "{all}");
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{all}");
    let newest = runs(&["list", "--limit", "2"], &store);
    assert!(
        newest.out.contains("UNIT-5502") && !newest.out.contains("UNIT-5501"),
        "{newest}"
    );
    let next = runs(&["list", "--limit", "2", "--page", "2", "--format", "json"], &store);
    let json: serde_json::Value = serde_json::from_str(next.out.trim()).unwrap();
    assert_eq!(
        (&json["serial_number"], &json["state"]),
        (&"UNIT-5501".into(), &"pending".into())
    );
    let failed = runs(
        &["list", "--outcome", "fail", "--serial", "UNIT-*", "--format", "csv"],
        &store,
    );
    let lines: Vec<&str> = failed.out.lines().collect();
    assert_eq!(lines.len(), 2, "{failed}");
    assert!(
        lines[0].starts_with("sequence,started_at,outcome,serial_number"),
        "{failed}"
    );
    assert!(lines[1].contains(",FAIL,UNIT-5599,BOARD-FUNCTIONAL-V3,"), "{failed}");
    let none = runs(&["list", "--since", "2999-01-01"], &store);
    assert_eq!((none.code, none.out.trim()), (Some(0), "no such run"), "{none}");
    let wrong = runs(&["list", "--outcome", "good"], &store);
    assert_eq!(wrong.code, Some(2), "{wrong}");
    assert!(
        wrong.err.contains("expected pass, fail, error, timeout, aborted"),
        "{wrong}"
    );
}

#[test]
fn a_run_that_was_brought_is_the_newest_where_it_is_and_no_number_stands_for_two() {
    let folder = scratch();
    let (bench, office) = (folder.path().join("bench"), folder.path().join("office"));
    for serial in ["UNIT-5501", "UNIT-5502", "UNIT-5503"] {
        assert_eq!(done(&mut simulated(&office, serial)).code, Some(0));
    }
    done(&mut simulated(&bench, "UNIT-5599"));
    done(simulated(&bench, "UNIT-5502").args(["--purpose", "golden"]));
    let bundle = folder.path().join("x.bundle");
    for (words, store) in [(["bundle", "export"], &bench), (["bundle", "import"], &office)] {
        let carried = done(benchtop().args(words).arg(&bundle).arg("--store").arg(store));
        assert_eq!(carried.code, Some(0), "{carried}");
    }
    let brought = only_id(&bench, "UNIT-5502");
    let shown = |word: &str| {
        let shown = runs(&["show", word, "--format", "json"], &office);
        assert_eq!(shown.code, Some(0), "{shown}");
        shown.json()[0]["run_id"].as_str().unwrap().to_owned()
    };
    assert_eq!(shown("last"), brought);
    assert_eq!(shown("UNIT-5502"), brought);
    let listed = runs(&["list", "--limit", "2", "--format", "csv"], &office);
    let serials: Vec<&str> = listed
        .out
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').nth(3))
        .collect();
    assert_eq!(serials, ["UNIT-5599", "UNIT-5502"], "{listed}");
    let two = runs(&["show", "1"], &office);
    assert_eq!(two.code, Some(2), "{two}");
    let told = two.err.contains("UNIT-5501") && two.err.contains("UNIT-5599") && two.err.contains("by its id");
    assert!(told, "{two}");
    assert_eq!(shown("3"), only_id(&office, "UNIT-5503"));
}

/// The id of the newest record of a unit among those that wait.
fn only_id(store: &Path, serial: &str) -> String {
    let found = records(store, "pending");
    let mut of_unit = found
        .iter()
        .filter(|path| json(path)["unit_under_test"]["serial_number"] == serial);
    json(of_unit.next_back().unwrap())["run_id"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_serial_number_of_digits_is_not_taken_for_a_number_without_a_word() {
    let folder = scratch();
    let store = folder.path().join("store");
    let procedure = folder.path().join("digits.toml");
    let text = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/procedures/board-functional-v3.toml"
    ))
    .unwrap();
    write(&procedure, &text.replace("^UNIT-\\d{4}$", "^\\d{1,4}$"));
    for serial in ["7", "0001", "1"] {
        let ran = done(&mut simulated_by(procedure.to_str().unwrap(), &store, serial));
        assert_eq!(ran.code, Some(0), "{ran}");
    }
    let shown = |word: &str| runs(&["show", word], &store);
    for (word, serial) in [("0001", "0001"), ("7", "7"), ("2", "0001"), ("0000000003", "1")] {
        let shown = shown(word);
        assert!(shown.out.contains(&format!("PASS  {serial}  (")), "{word}: {shown}");
        assert_eq!(shown.err, "", "{word}");
    }
    // a unit that was never tested is not another one's run
    let unknown = shown("0002");
    assert!(unknown.code == Some(2) && unknown.out.is_empty(), "{unknown}");
    let both = shown("1");
    assert!(both.out.contains("PASS  7  ("), "{both}");
    assert!(both.err.contains("1 is taken for a run's number"), "{both}");
    assert!(both.err.contains(&only_id(&store, "1")), "{both}");
}
