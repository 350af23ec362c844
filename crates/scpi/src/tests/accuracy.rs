//! Specifications as definitions hold them.

use super::{definition, quantity, text};
use crate::parse;
use benchtop_instrument::{Function, MeterState, Used, evaluate};
use std::time::Duration;

#[test]
fn a_specification_is_read_column_by_column() {
    let definition = definition("keysight/34461a");
    let rows = &definition.capabilities().functions[&Function::DcVoltage].accuracy;
    // four intervals, five ranges
    assert_eq!(rows.len(), 20);
    let used = Used {
        value: quantity("5 V"),
        range: Some(quantity("10 V")),
        resolution: None,
        nplc: Some("10".parse().unwrap()),
        autozero: Some(true),
        null: false,
        frequency: None,
        scatter: None,
    };
    let state = MeterState {
        calibrated_on: "2026-09-01".parse().ok(),
        calibration_due: None,
        today: "2026-11-28".parse().unwrap(),
        warm_up: Some(Duration::from_secs(3600)),
        ambient: "25".parse().ok(),
    };
    // 90 days: 0.0020 % of 5 V and 0.0005 % of 10 V, 150 uV at k = 2
    let found = evaluate(rows, &used, &state, &[]).unwrap();
    assert_eq!(found.expanded.to_string(), "0.00015");
    let [component] = found.components.as_slice() else {
        panic!("{found:?}");
    };
    assert!((component.bound - 150e-6).abs() < 1e-12);
}

#[test]
fn every_mistake_of_a_specification_has_its_place() {
    let good = text("instruments/siglent/sdm3055/driver.toml");
    let check = |from: &str, to: &str, expected: &str| {
        let bad = good.replacen(from, to, 1);
        assert_ne!(good, bad, "{from}");
        let findings = parse("x/y", "driver.toml", &bad).unwrap_err().render_short();
        let line = findings.lines().find(|line| line.contains(expected));
        let line = line.unwrap_or_else(|| panic!("{expected}\nin\n{findings}"));
        // file, line and column
        assert_eq!(line.split(':').take(3).count(), 3, "{line}");
        assert!(line.starts_with("driver.toml:"), "{line}");
    };
    let source = good
        .lines()
        .find(|line| line.contains("DC Characteristics, dc voltage"))
        .unwrap();
    check(source, "", "missing key `source`");
    check(
        source,
        "source = \"nowhere p.1\"",
        "`nowhere` is not the id of a [[sources]] entry",
    );
    check(
        "coverage    = \"limits\"",
        "coverage = \"95 %\"",
        "unknown coverage `95 %`",
    );
    check(
        "interval = \"1 y\"",
        "interval = \"1 year\"",
        "unknown interval `1 year`",
    );
    check(
        "high = \"28 degC\"",
        "high = \"28 V\"",
        "expected a value in \u{b0}C, not V",
    );
    check(
        "low = \"18 degC\"",
        "low = \"38 degC\"",
        "the low end is above the high one",
    );
    check(
        "coefficient = { low = \"0 degC\"",
        "coefficient = { low = \"20 degC\"",
        "which is not around",
    );
    check(
        "coefficient = { low = \"0 degC\", high = \"50 degC\" }",
        "",
        "how far the coefficient reaches is not said",
    );
    check(
        "percent_of_reading = 0.015",
        "percent_of_reading = -0.015",
        "is not negative",
    );
    check(
        "percent_of_reading = 0.015",
        "percent_of_reading = [0.015, 0.02]",
        "2 figures for 1 columns",
    );
    check(
        "percent_of_reading = 0.015",
        "percent_reading = 0.015",
        "unknown key `percent_reading`",
    );
    check(
        "full_scale = \"2 V\",    percent",
        "full_scale = \"3 V\", percent",
        "the function has no 3 V range",
    );
    check("full_scale = \"2 V\",    percent", "percent", "`full_scale` is missing");
    check(
        "percent_of_reading = 0.015,",
        "counts = 3, percent_of_reading = 0.015,",
        "belong together",
    );
    check(
        "nplc        = [{ cycles = 10 }]",
        "nplc = [{ cycles = 10 }, { cycles = 1 }]",
        "short to long",
    );
    check(
        "warm_up     = \"30 min\"",
        "without_null = \"1 mV\"",
        "write `null = true`",
    );
}

#[test]
fn the_specification_in_the_readme_is_one() {
    let readme = text("instruments/ACCURACY.md");
    let block = readme
        .split("```toml\n")
        .find(|block| block.starts_with("[[functions.dc_voltage.accuracy]]"))
        .and_then(|block| block.split("```").next())
        .unwrap();
    let mut driver = text("instruments/siglent/sdm3055/driver.toml");
    let start = driver.find("[[functions.dc_voltage.accuracy]]").unwrap();
    let end = driver.get(start..).and_then(|rest| rest.find("\n\n")).unwrap() + start;
    driver.replace_range(start..end, block);
    let definition = parse("x/y", "driver.toml", &driver).unwrap_or_else(|findings| panic!("{findings}"));
    let rows = &definition.capabilities().functions[&Function::DcVoltage].accuracy;
    // two columns, two rows
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[0].percent_of_reading.to_string(), "0.01");
    assert_eq!(rows[1].percent_of_reading.to_string(), "0.015");
    assert_eq!(rows[3].maximum, Some(quantity("500 V")));
}
