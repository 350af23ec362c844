//! `check` and `run` say the same of a procedure on a bench: what `check` accepts can be run the way it says, in whichever slots,
//! and what it refuses cannot be run at all.

use crate::testkit::{benchtop, done, scratch, write};
use std::{fs, path::Path};

/// What `check` says of a pair: refused, or sound for one unit, or for the slots.
fn checked(procedure: &str, bench: &str) -> Option<Vec<String>> {
    let simulate = format!("--simulate={bench}");
    let check = done(benchtop().args(["check", procedure, &simulate, "--format", "json"]));
    let sound = match check.code {
        Some(0) => true,
        Some(2) => false,
        _ => panic!("{procedure} on {bench}: {check}"),
    };
    let lines = check.json();
    let slots = lines.iter().find_map(|line| line["slots"].as_array().cloned());
    let slots = slots.unwrap_or_default();
    let slots = slots.iter().map(|slot| slot.as_str().unwrap().to_owned());
    sound.then(|| slots.collect())
}

/// Whether `run` begins with these units.
fn begins(procedure: &str, bench: &str, units: &[&str]) -> bool {
    let store = scratch();
    let mut command = benchtop();
    command.args(["run", procedure, &format!("--simulate={bench}"), "--quiet", "--store"]);
    let run = done(command.arg(store.path()).args(units));
    assert!(
        matches!(run.code, Some(0..=5)),
        "{procedure} on {bench} {units:?}: {run}"
    );
    run.code != Some(2)
}

/// True where the pair is sound.
fn agree(procedure: &str, bench: &str, serial: &str, slots: &[&str]) -> bool {
    let said = checked(procedure, bench);
    let pair = format!("{procedure} on {bench}: check says {said:?}");
    let alone = begins(procedure, bench, &["--serial", serial]);
    let mut in_slots = Vec::new();
    let mut all = Vec::new();
    for (number, slot) in slots.iter().enumerate() {
        let unit = format!("{slot}={}", serial.replacen("0001", &format!("000{}", number + 1), 1));
        in_slots.push(begins(procedure, bench, &["--slot", &unit]));
        all.extend(["--slot".to_owned(), unit]);
    }
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let at_once = !slots.is_empty() && begins(procedure, bench, &all);
    match &said {
        None => {
            assert!(!alone && !at_once && !in_slots.contains(&true), "{pair}");
        }
        Some(known) if known.is_empty() => {
            // one unit of it may lie in any slot
            assert!(alone && !in_slots.contains(&false), "{pair}: {alone} {in_slots:?}");
        }
        Some(known) => {
            assert_eq!(known, slots, "{pair}");
            assert!(
                !alone && at_once && !in_slots.contains(&false),
                "{pair}: {alone} {in_slots:?}"
            );
        }
    }
    said.is_some()
}

/// Each shipped procedure with a good unit's serial number.
const PROCEDURES: &[(&str, &str)] = &[
    ("board-functional-v3", "UNIT-0001"),
    ("firmware-board", "FW-0001"),
    ("reference-board", "REF-0001"),
    ("regulator-module", "MOD-0001"),
    ("sensor-board", "SNS-0001"),
    ("supply-board", "SB4-0001"),
];

/// Each shipped bench with its slots.
const BENCHES: &[(&str, &[&str])] = &[
    ("board-v3", &[]),
    ("firmware-board", &[]),
    ("firmware-pair", &["A", "B"]),
    ("reference-board", &[]),
    ("regulator-module", &["A", "B"]),
    ("sensor-board", &[]),
    ("supply-board", &[]),
];

#[test]
fn of_every_shipped_procedure_on_every_shipped_bench() {
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files = entries.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
        let mut names: Vec<String> = files
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        names("procedures"),
        PROCEDURES.iter().map(|(name, _)| *name).collect::<Vec<_>>()
    );
    assert_eq!(
        names("fixtures/benches"),
        BENCHES.iter().map(|(name, _)| *name).collect::<Vec<_>>()
    );
    let mut sound = 0;
    for (procedure, serial) in PROCEDURES {
        for (bench, slots) in BENCHES {
            let file = format!("procedures/{procedure}.toml");
            sound += usize::from(agree(&file, bench, serial, slots));
        }
    }
    // each has its own bench, and the firmware board has one with slots beside
    assert!(sound > PROCEDURES.len(), "{sound}");
}

const HEAD: &str = "[procedure]\nid = \"MADE-UP\"\nversion = \"1\"\n[instruments.psu]\nclass = \"dc_power\"\n[instruments.dmm]\nclass = \"dmm\"\n";

fn power(section: &str, name: &str, channel: &str, on: bool) -> String {
    let level = if on {
        ", voltage_level = \"5 V\", current_limit = \"100 mA\""
    } else {
        ""
    };
    format!(
        "[[{section}]]\nname = \"{name}\"\nset = {{ instrument = \"psu\", channel = {channel}{level}, output_enabled = {on} }}\n"
    )
}

fn look(instrument: &str, channel: &str) -> String {
    format!(
        "[[steps]]\nname = \"Look\"\n[[steps.measurements]]\nname = \"v\"\ninstrument = \"{instrument}\"\nchannel = {channel}\n\
         function = \"dc_voltage\"\nunit = \"V\"\n{}limit = {{ low = -9, high = 9 }}\n",
        if instrument == "dmm" { "range = \"10 V\"\n" } else { "" }
    )
}

/// A procedure that powers a channel and looks at another.
fn made_up(channel: &str, at: &str) -> String {
    [
        HEAD,
        &power("setup", "On", channel, true),
        &look("dmm", at),
        &power("teardown", "Off", channel, false),
    ]
    .concat()
}

#[test]
fn of_pairs_that_are_made_up() {
    let folder = scratch();
    let bench = fs::read_to_string("fixtures/benches/regulator-module.toml").unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let put = |name: &str, text: &str| {
        write(Path::new(&path(name)), text);
        path(name)
    };
    let slots: &[&str] = &["A", "B"];
    let shipped = "regulator-module";
    let edited = |from: &str, to: &str| {
        assert!(bench.contains(from), "{from}");
        bench.replacen(from, to, 1)
    };

    // names that only slots have; the same and one of the bench's
    let own = put("own.toml", &made_up("\"module\"", "\"vout\""));
    assert!(agree(&own, shipped, "X-0001", slots));
    let mixed = put("mixed.toml", &made_up("\"relays\"", "\"vout\""));
    assert!(!agree(&mixed, shipped, "X-0001", slots), "two slots set the relays");
    // nothing is a slot's own: a unit by itself, wherever it lies
    let single = put(
        "single.toml",
        &[
            HEAD,
            &power("setup", "On", "1", true),
            &look("psu", "1"),
            &power("teardown", "Off", "1", false),
        ]
        .concat(),
    );
    assert!(agree(&single, shipped, "X-0001", slots));
    // a number that stands for another in each slot, and the same where one slot has forgotten its own
    let by_number = edited(
        "{ \"psu.module\" = 2, \"dmm.vout\" = 1 }",
        "{ \"psu.1\" = 2, \"dmm.1\" = 1 }",
    );
    let by_number = by_number.replacen(
        "{ \"psu.module\" = 3, \"dmm.vout\" = 2 }",
        "{ \"psu.1\" = 3, \"dmm.1\" = 2 }",
        1,
    );
    let numbers = put("numbers.toml", &made_up("1", "1"));
    assert!(agree(&numbers, &put("by-number.toml", &by_number), "X-0001", slots));
    let forgotten = edited("{ \"psu.module\" = 3, \"dmm.vout\" = 2 }", "{ \"dmm.vout\" = 2 }");
    let forgotten = forgotten.replacen("{ relays = 1 }", "{ relays = 1, module = 2 }", 1);
    assert!(
        !agree(&own, &put("forgotten.toml", &forgotten), "X-0001", slots),
        "A alone would do, and is not said to"
    );
    // one input for both, and nothing that keeps them apart
    let one_input = edited(
        "model = \"keithley/2000-scan\"",
        "model = \"keysight/34461a\"\nacross = \"A.vout\"",
    );
    let (before, behind) = one_input.split_once("[instruments.dmm.channels]").unwrap();
    let (_, behind) = behind.split_once("# The coils").unwrap();
    let one_input = format!("{before}# The coils{behind}");
    let one_input = one_input
        .replace(", \"dmm.vout\" = 1", "")
        .replace(", \"dmm.vout\" = 2", "");
    let one_input = put("one-input.toml", &one_input);
    assert!(!agree(
        &put("loose.toml", &made_up("\"module\"", "1")),
        &one_input,
        "X-0001",
        slots
    ));
    assert!(agree(&single, &one_input, "X-0001", slots));
    // steps of the fixture, on a bench with slots and on one without
    let fixture = [
        &made_up("\"module\"", "\"vout\""),
        power("fixture_setup", "All on", "1", true).as_str(),
        &power("fixture_teardown", "All off", "1", false),
    ]
    .concat();
    assert!(agree(&put("fixture.toml", &fixture), shipped, "X-0001", slots));
    let fixture_only = [
        HEAD,
        &power("fixture_setup", "All on", "1", true),
        &look("psu", "1"),
        &power("fixture_teardown", "All off", "1", false),
    ]
    .concat();
    let fixture_only = put("fixture-only.toml", &fixture_only);
    assert!(agree(&fixture_only, shipped, "X-0001", slots));
    assert!(agree(&fixture_only, "board-v3", "X-0001", &[]));
    // a channel that is not there
    assert!(!agree(
        &put("nowhere.toml", &made_up("9", "1")),
        shipped,
        "X-0001",
        slots
    ));
}
