//! What a meter cannot tell decides no PASS: uncertainties, guard bands and ratios, from the definition to the record.

use crate::testkit::{Done, benchtop, done, only_record, scratch, write};
use serde_json::Value;
use std::path::{Path, PathBuf};

const PROCEDURE: &str = "procedures/reference-board.toml";
const BENCH: &str = "fixtures/benches/reference-board.toml";

/// A file of ours with something replaced.
fn changed(folder: &Path, file: &str, from: &str, to: &str) -> PathBuf {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from} in {file}");
    // the procedure and its bench have one name
    let path = folder.join(file.replace('/', "-"));
    write(&path, &text.replace(from, to));
    path
}

fn run(procedure: &str, bench: &str, serial: &str, store: &Path) -> Done {
    let simulate = format!("--simulate={bench}");
    let words = ["run", procedure, "--serial", serial, &simulate, "--store"];
    done(benchtop().args(words).arg(store))
}

fn vref(store: &Path) -> Value {
    let record = only_record(store);
    let steps = record["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["name"] == "Reference").unwrap();
    step["measurements"][0].clone()
}

#[test]
fn a_unit_just_inside_its_limit_fails_with_a_guard_band_and_passes_without() {
    let store = scratch();
    let guarded = run(PROCEDURE, "reference-board", "REF-9901", store.path());
    assert_eq!(guarded.code, Some(1), "{guarded}");
    assert!(guarded.out.contains("above the acceptance limit"), "{guarded}");
    let measured = vref(store.path());
    let value = measured["value"].as_f64().unwrap();
    let high = measured["acceptance_high"].as_f64().unwrap();
    let expanded = measured["uncertainty"]["expanded"].as_f64().unwrap();
    assert_eq!(measured["limit_high"], 2.501);
    assert!(high < value && value < 2.501, "{measured}");
    assert!((2.501 - expanded - high).abs() < 1e-12, "{measured}");
    assert_eq!(measured["outcome"], "FAIL");
    assert_eq!(measured["decision"], "conditional_pass");
    assert_eq!(measured["limit"]["guard_band"], "u95");
    // 0.0035 % of 2.5 V and 0.0005 % of 10 V at k = 2; a step of 10 uV; 10 uV of thermal emf
    let uncertainty = &measured["uncertainty"];
    assert_eq!(uncertainty["k"], 2);
    let components = uncertainty["components"].as_array().unwrap();
    let names: Vec<&str> = components.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["accuracy", "resolution", "thermal emf of the leads"]);
    assert!(
        (components[0]["bound"].as_f64().unwrap() - 137.5e-6).abs() < 0.1e-6,
        "{uncertainty}"
    );
    for (member, expected) in [("interval", "1 y"), ("coverage", "k2")] {
        assert_eq!(components[0][member], expected);
    }
    assert_eq!(components[0]["ambient"], 23.0);
    assert_eq!(components[0]["range"]["value"], 10.0);
    let standard = (68.75_f64.powi(2) + 10.0_f64.powi(2) / 12.0 + 10.0_f64.powi(2) / 3.0).sqrt() * 1e-6;
    assert!((expanded - 2.0 * standard).abs() < 0.1e-6, "{uncertainty}");

    let folder = scratch();
    let plain = changed(folder.path(), PROCEDURE, ", guard_band = \"u95\"", "");
    let store = scratch();
    let accepted = run(plain.to_str().unwrap(), "reference-board", "REF-9901", store.path());
    assert_eq!(accepted.code, Some(0), "{accepted}");
    let measured = vref(store.path());
    assert_eq!(measured["outcome"], "PASS");
    assert_eq!(measured["decision"], "conditional_pass", "a field, never an outcome");
    assert_eq!(measured.get("acceptance_high"), None);
}

#[test]
fn an_ordinary_unit_passes_and_one_beyond_its_limit_fails_under_every_guard_band() {
    for guard in ["none", "u95", "z540.3-method6", "100 uV"] {
        let folder = scratch();
        let written = format!("guard_band = \"{guard}\"");
        let procedure = changed(folder.path(), PROCEDURE, "guard_band = \"u95\"", &written);
        for (serial, code, decision) in [("REF-0001", 0, "pass"), ("REF-9902", 1, "fail")] {
            let store = scratch();
            let ran = run(procedure.to_str().unwrap(), "reference-board", serial, store.path());
            assert_eq!(ran.code, Some(code), "{guard}: {ran}");
            assert_eq!(vref(store.path())["decision"], decision, "{guard}");
        }
    }
}

#[test]
fn a_guard_band_whose_uncertainty_cannot_be_known_is_refused_before_power() {
    for (from, to, missing) in [
        ("ambient = \"23 degC\"", "", "the ambient temperature is not known"),
        ("ambient = \"23 degC\"", "ambient = \"40 degC\"", "does not reach to 40"),
        ("calibrated_days_ago = 200", "", "when it was calibrated"),
        (
            "calibrated_days_ago = 200",
            "calibrated_days_ago = 800",
            "the specification ends 2 y after",
        ),
        ("warm_up             = \"2 h\"", "", "how long it has been on"),
        (
            "warm_up             = \"2 h\"",
            "warm_up = \"20 min\"",
            "has been on for 1200 s",
        ),
    ] {
        let folder = scratch();
        let bench = changed(folder.path(), BENCH, from, to);
        let store = scratch();
        let ran = run(PROCEDURE, bench.to_str().unwrap(), "REF-0001", store.path());
        assert_eq!(ran.code, Some(2), "{missing}: {ran}");
        assert!(ran.err.contains(missing), "{missing}: {ran}");
        // nothing needs it: it is recorded with the reason, and judged
        let plain = changed(folder.path(), PROCEDURE, ", guard_band = \"u95\"", "");
        let ran = run(
            plain.to_str().unwrap(),
            bench.to_str().unwrap(),
            "REF-0001",
            store.path(),
        );
        assert_eq!(ran.code, Some(0), "{missing}: {ran}");
        let measured = vref(store.path());
        assert_eq!(measured.get("uncertainty"), None);
        assert!(
            measured["uncertainty_reason"].as_str().unwrap().contains(missing),
            "{measured}"
        );
    }
}

#[test]
fn check_prints_how_much_better_than_its_limits_a_measurement_is_known() {
    let check = |procedure: &Path, words: &[&str]| done(benchtop().arg("check").arg(procedure).args(words));
    let human = check(Path::new(PROCEDURE), &["--simulate"]);
    assert_eq!(human.code, Some(0), "{human}");
    assert!(human.out.contains("TUR 7.2:1  vref  (U = 0.0001381"), "{human}");
    let folder = scratch();
    let bench = changed(folder.path(), BENCH, "ambient = \"23 degC\"", "");
    let plain = changed(folder.path(), PROCEDURE, ", guard_band = \"u95\"", "");
    let simulate = format!("--simulate={}", bench.display());
    let json = check(&plain, &[&simulate, "--format", "json"]);
    assert_eq!(json.code, Some(0), "{json}");
    let line: Value = serde_json::from_str(json.out.lines().next().unwrap()).unwrap();
    // without the temperature it is what the meter's longest interval has: 0.005 % and 0.0005 %
    assert_eq!((&line["kind"], &line["measurement"]), (&"TAR".into(), &"vref".into()));
    assert!((line["ratio"].as_f64().unwrap() - 5.7).abs() < 0.1, "{line}");
    let narrow = changed(folder.path(), PROCEDURE, "\"1 mV\", guard_band = \"u95\"", "\"400 uV\"");
    let warned = check(&narrow, &["--simulate"]);
    assert_eq!(warned.code, Some(0), "{warned}");
    assert!(warned.to_string().contains("TUR 2.9:1, under 4:1"), "{warned}");
    let crossing = changed(folder.path(), PROCEDURE, "\"1 mV\"", "\"100 uV\"");
    let refused = check(&crossing, &["--simulate"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.to_string().contains("the acceptance limits cross"), "{refused}");
}
