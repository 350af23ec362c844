//! How well computed values are known.

use super::bench;
use crate::{
    Ambient, BoundProcedure, Evaluated, Expression, Facts, LogicalName, MeasurementSource, Meter, Metrology, Origin,
    Origins, RatioKind, TestRatio, Value, check_text, ratios,
};
use benchtop_instrument::{
    AccuracyConditions, AccuracyRow, CalibrationInterval, Component, ComponentKind, Coverage, Decimal, Function,
    NaiveDate, TemperatureBand, Uncertainty, Unit,
};
use std::{collections::BTreeMap, fmt::Write as _};

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A procedure whose readings have these names, instruments, functions, ranges, units and limits, and one computed value.
fn procedure(readings: &[(&str, &str, &str, &str, &str, &str)], compute: &str) -> BoundProcedure {
    let mut text =
        "procedure = { id = 'A', version = '1' }\ninstruments.dmm.class = 'dmm'\ninstruments.ammeter.class = 'dmm'\n\
                    [[steps]]\nname = 'All'\n"
            .to_owned();
    for (name, instrument, function, range, unit, limit) in readings {
        write!(
            text,
            "[[steps.measurements]]\nname = '{name}'\ninstrument = '{instrument}'\nfunction = '{function}'\nrange = '{range}'\n\
             unit = '{unit}'\n{limit}\n"
        )
        .unwrap();
    }
    write!(text, "[[steps.measurements]]\nname = 'result'\n{compute}\n").unwrap();
    check_text("x.toml", &text, &bench::instruments()).unwrap_or_else(|findings| panic!("{findings}"))
}

/// What is known: values in their units, and the standard uncertainties of their specifications, with the unit of both.
struct Known(BTreeMap<String, (Decimal, f64, Unit)>, BoundProcedure);

impl Facts for Known {
    fn measured(&self, name: &str) -> Option<Value> {
        self.0.get(name).map(|(value, ..)| Value::Number(*value))
    }

    fn outcome(&self, _name: &str) -> Option<&'static str> {
        None
    }
}

impl Origins for Known {
    fn origin(&self, name: &str) -> Result<Origin, String> {
        let (_, standard, unit) = self.0.get(name).ok_or("nobody knows")?;
        if standard.is_nan() {
            return Err("nobody knows it".to_owned());
        }
        let component = Component {
            name: "limits of error".to_owned(),
            kind: ComponentKind::Contribution,
            bound: *standard,
            divisor: 1.0,
            standard: *standard,
        };
        let steps = self.1.procedure().all_steps();
        let reading = steps
            .flat_map(|step| step.kind.measurements())
            .find(|measurement| measurement.name == name)
            .and_then(|measurement| measurement.reading())
            .ok_or("it is no reading")?;
        let uncertainty = Uncertainty::of(vec![component], *unit).unwrap();
        Ok(Origin::reading(name.to_owned(), reading, uncertainty))
    }
}

fn computed(procedure: &BoundProcedure) -> (Expression, Unit) {
    let last = procedure.procedure().steps[0].kind.measurements().last().unwrap();
    let MeasurementSource::Compute(expression) = &last.source else {
        panic!("{last:?}");
    };
    ((**expression).clone(), last.unit)
}

/// The value and the standard uncertainty of what is computed of these values with these uncertainties.
fn of(procedure: BoundProcedure, known: &[(&str, &str, f64, &str)]) -> (f64, f64) {
    let (expression, unit) = computed(&procedure);
    let known = known
        .iter()
        .map(|(name, value, standard, unit)| ((*name).to_owned(), (decimal(value), *standard, unit.parse().unwrap())))
        .collect();
    let known = Known(known, procedure);
    let Evaluated::Number(value) = expression.evaluate(&known).unwrap() else {
        panic!("{expression}");
    };
    let origin = expression.origin(unit, &known).unwrap().unwrap();
    let value = value.in_unit(unit).unwrap().to_f64();
    (value, origin.uncertainty(unit).unwrap().standard)
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() <= expected.abs() * 1e-6 + 1e-15,
        "{found}, not {expected}"
    );
}

const OHMS: &str = "resistance";

#[test]
fn ten_resistors_of_one_standard_are_the_guides_example() {
    // JCGM 100:2008, 5.2.2, example: ten resistors of 1000 Ohm, each known by the same standard to 100 mOhm, in series. They are
    // fully correlated: u = 10 x 100 mOhm = 1 Ohm, and not the 0.32 Ohm of independent ones
    let names: Vec<String> = (1..=10).map(|number| format!("r{number}")).collect();
    let sum = format!("compute = '{}'\nunit = 'Ohm'\nlimit = {{ low = 1 }}", names.join(" + "));
    let readings: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), "dmm", OHMS, "1 kOhm", "Ohm", ""))
        .collect();
    let known: Vec<_> = names.iter().map(|name| (name.as_str(), "1000", 0.1, "Ohm")).collect();
    let (value, standard) = of(procedure(&readings, &sum), &known);
    close(value, 10_000.0);
    close(standard, 1.0);
    // two halves by two meters: 5 x 0.1 each, by squares
    let halves: Vec<_> = (0..)
        .zip(&names)
        .map(|(at, name)| {
            (
                name.as_str(),
                if at < 5 { "dmm" } else { "ammeter" },
                OHMS,
                "1 kOhm",
                "Ohm",
                "",
            )
        })
        .collect();
    close(of(procedure(&halves, &sum), &known).1, 0.5 * 2_f64.sqrt());
}

#[test]
fn a_power_of_a_voltage_and_a_current_of_two_meters() {
    // P = U I, by hand: 5 V +- 5 mV, 100 mA +- 0.2 mA: u = sqrt((0.1 x 0.005)^2 + (5 x 0.0002)^2) = 1.118034 mW
    let readings = [
        ("u", "dmm", "dc_voltage", "10 V", "V", ""),
        ("i", "ammeter", "dc_current", "100 mA", "mA", ""),
    ];
    let power = procedure(&readings, "compute = 'u * i'\nunit = 'mW'\nlimit = { low = 1 }");
    let (value, standard) = of(power, &[("u", "5", 0.005, "V"), ("i", "100", 0.2, "mA")]);
    close(value, 500.0);
    close(standard, 1.118_033_988_75);
    // the same from a voltage and a resistance of one meter: another function, another source. P = U2/R:
    // u2 = (2 x 5/50 x 0.005)^2 + (25/2500 x 0.05)^2
    let readings = [
        ("u", "dmm", "dc_voltage", "10 V", "V", ""),
        ("r", "dmm", OHMS, "100 Ohm", "Ohm", ""),
    ];
    let power = procedure(&readings, "compute = 'u * u / r'\nunit = 'W'\nlimit = { low = 1 }");
    let (value, standard) = of(power, &[("u", "5", 0.005, "V"), ("r", "50", 0.05, "Ohm")]);
    close(value, 0.5);
    close(standard, (0.001_f64.powi(2) + 0.0005_f64.powi(2)).sqrt());
}

#[test]
fn what_one_meter_gets_wrong_twice_cancels_in_a_ratio() {
    let readings = [
        ("input", "dmm", "dc_voltage", "10 V", "V", ""),
        ("output", "dmm", "dc_voltage", "10 V", "mV", ""),
    ];
    let ratio = || procedure(&readings, "compute = 'output / input'\nunit = '%'\nlimit = { low = 1 }");
    // u(k) = |1/input x u - output/input2 x u| = 0.005/8 x (1 - 0.5), in per cent
    let (value, standard) = of(ratio(), &[("input", "8", 0.005, "V"), ("output", "4000", 5.0, "mV")]);
    close(value, 50.0);
    close(standard, 100.0 * 0.005 / 8.0 * 0.5);
    // on another range it is another error: (1/8 x 0.005)^2 + (0.5/8 x 0.005)^2
    let readings = [readings[0], ("output", "dmm", "dc_voltage", "100 V", "mV", "")];
    let ratio = procedure(&readings, "compute = 'output / input'\nunit = '%'\nlimit = { low = 1 }");
    let known = [("input", "8", 0.005, "V"), ("output", "4000", 5.0, "mV")];
    // the specification says which range was in use; here nothing does: still one source
    close(of(ratio, &known).1, 100.0 * 0.005 / 8.0 * 0.5);
}

#[test]
fn decibels_are_propagated_like_any_logarithm() {
    // 20 log10(a/b): u = 20/ln 10 x sqrt((ua/a)2 + (ub/b)2), of two meters
    let readings = [
        ("a", "dmm", "dc_voltage", "10 V", "V", ""),
        ("b", "ammeter", "dc_voltage", "10 V", "V", ""),
    ];
    let gain = procedure(
        &readings,
        "compute = '20 * log10(a / b)'\nunit = 'dB'\nlimit = { low = 1 }",
    );
    let (value, standard) = of(gain, &[("a", "5", 0.01, "V"), ("b", "0.5", 0.001, "V")]);
    close(value, 20.0);
    close(standard, 20.0 / std::f64::consts::LN_10 * 0.002 * 2_f64.sqrt());
}

/// Why it is not known how well what is computed of these readings is, or its standard uncertainty.
fn known_of(compute: &str, known: &[(&str, &str, f64, &str)]) -> Result<f64, String> {
    let readings = [
        ("a", "dmm", "dc_voltage", "10 V", "V", ""),
        ("b", "ammeter", "dc_voltage", "10 V", "V", ""),
        ("c", "dmm", "dc_current", "100 mA", "mA", ""),
    ];
    let procedure = procedure(
        &readings,
        &format!("compute = '{compute}'\nunit = 'V'\nlimit = {{ low = -9 }}"),
    );
    let (expression, unit) = computed(&procedure);
    let known = known
        .iter()
        .map(|(name, value, standard, unit)| ((*name).to_owned(), (decimal(value), *standard, unit.parse().unwrap())))
        .collect();
    let mut facts = Known(known, procedure);
    // its value is known, and not how well
    facts
        .0
        .entry("c".to_owned())
        .or_insert((decimal("2"), f64::NAN, "mA".parse().unwrap()));
    let origin = expression.origin(unit, &facts)?.ok_or("of nothing")?;
    Ok(origin.uncertainty(unit).ok_or("it cannot be held")?.standard)
}

#[test]
fn what_nobody_knows_of_an_operand_nobody_knows_of_the_result() {
    let known = [("a", "5", 0.01, "V"), ("b", "2", 0.02, "V")];
    // it has no slope in any of them
    for compute in [
        "-c * 1 Ohm - -c * 1 Ohm",
        "a + 0 * c * 1 Ohm",
        "max(a, c * 1 Ohm)",
        "a + min(b - b, c * 1 Ohm)",
        "a * c / c",
    ] {
        assert_eq!(
            known_of(compute, &known),
            Err("nobody knows it".to_owned()),
            "{compute}"
        );
    }
    close(known_of("-a - -a + b", &known).unwrap(), 0.02);
}

#[test]
fn what_a_maximum_may_as_well_not_have_taken_has_no_first_order() {
    fn near(b: &str) -> [(&str, &str, f64, &str); 2] {
        [("a", "5", 0.01, "V"), ("b", b, 0.02, "V")]
    }
    let unsure = |function: &str| {
        Err(format!(
            "the values of {function} lie nearer to each other than they are known"
        ))
    };
    let constant = |function: &str| Err(format!("{function} takes what was not measured"));
    let apart = [("a", "5", 0.01, "V"), ("b", "2", 0.02, "V")];
    close(known_of("max(a, b)", &apart).unwrap(), 0.01);
    close(known_of("min(a, b)", &apart).unwrap(), 0.02);
    close(
        known_of("max(a, b) - min(b, a, 7 V)", &apart).unwrap(),
        0.01_f64.hypot(0.02),
    );
    close(known_of("max(b, 1 V)", &apart).unwrap(), 0.02);
    close(known_of("max(a, a)", &apart).unwrap(), 0.01);
    close(known_of("a + max(1 V, 2 V)", &apart).unwrap(), 0.01);
    assert_eq!(known_of("max(b, 2.5006 V)", &apart), constant("max()"));
    assert_eq!(known_of("a - min(b, 0 V)", &apart), constant("min()"));
    assert_eq!(known_of("max(b, 1.999 V)", &apart), unsure("max()"));
    // U of the difference is 2 x sqrt(10^2 + 20^2) mV = 44.7 mV
    for (b, is_sure) in [
        ("4.956", false),
        ("4.955", true),
        ("5.044", false),
        ("5.045", true),
        ("5", false),
    ] {
        let found = known_of("max(a, b)", &near(b));
        assert_eq!(found.is_ok(), is_sure, "{b}: {found:?}");
        assert!(is_sure || found == unsure("max()"), "{b}: {found:?}");
        assert_eq!(
            known_of("2 * (b + min(1 V + a, b + 1 V))", &near(b)).is_ok(),
            is_sure,
            "{b}"
        );
    }
    // a fold that is not one between two values keeps its slope: |d| is no worse known than d
    close(known_of("abs(a - b)", &near("5.001")).unwrap(), 0.01_f64.hypot(0.02));
}

/// Two meters that are known to 20 mV (k = 2) on every range, calibrated today at 23 degrees; without a temperature, if wanted.
fn metrology(ambient: Ambient) -> Metrology {
    let row = AccuracyRow {
        full_scale: None,
        maximum: None,
        frequency: None,
        interval: CalibrationInterval::Year,
        temperature: TemperatureBand {
            low: decimal("18"),
            high: decimal("28"),
        },
        percent_of_reading: Decimal::ZERO,
        percent_of_range: Decimal::ZERO,
        counts: None,
        offset: Some("20 mV".parse().unwrap()),
        coefficient: None,
        nplc: Vec::new(),
        conditions: AccuracyConditions::default(),
        coverage: Coverage::K2,
        includes_resolution: true,
        source: "test".to_owned(),
    };
    let meter = |name: &str| {
        let name = LogicalName(name.to_owned());
        let mut capabilities = bench::instruments()[&name].clone();
        let function = capabilities.functions.get_mut(&Function::DcVoltage).unwrap();
        function.accuracy.push(row.clone());
        let meter = Meter {
            capabilities,
            calibrated_on: Some(today()),
            calibration_due: None,
            warm_up: None,
        };
        (name, meter)
    };
    Metrology {
        ambient,
        instruments: ["dmm", "ammeter"].map(meter).into(),
        contributions: Vec::new(),
    }
}

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 3, 4).unwrap()
}

fn checked(limits: [&str; 2], instrument: &str, compute: &str, ambient: Ambient) -> (Option<TestRatio>, String) {
    let readings = [
        ("a", "dmm", "dc_voltage", "10 V", "V", limits[0]),
        ("b", instrument, "dc_voltage", "10 V", "V", limits[1]),
    ];
    let (ratios, findings) = ratios(&procedure(&readings, compute), &metrology(ambient), today());
    let result = ratios.into_iter().find(|ratio| ratio.measurement == "result");
    (result, findings.render_short())
}

fn stated() -> Ambient {
    Ambient::Stated(decimal("23"))
}

#[test]
fn check_knows_the_ratio_of_a_computed_limit() {
    let limits = [
        "limit = { nominal = 5, tolerance = 1 }",
        "limit = { low = 2, high = 3 }",
    ];
    let sum = "compute = 'a + b'\nunit = 'V'\nlimit = { low = 7.3, high = 7.7, guard_band = 'u95' }";
    // of one meter 2 x 20 mV: 0.4/(2 x 0.04)
    let (ratio, findings) = checked(limits, "dmm", sum, stated());
    let ratio = ratio.unwrap();
    assert_eq!(
        (ratio.kind, ratio.expanded),
        (RatioKind::Uncertainty, "0.04 V".parse().unwrap())
    );
    close(ratio.ratio, 5.0);
    assert_eq!(findings, "");
    // of two by squares: 0.4/(2 x 0.0282843)
    let (ratio, _) = checked(limits, "ammeter", sum, stated());
    close(ratio.unwrap().ratio, 7.071_063);
    // where the station says too little, by the specifications alone; and the guard band cannot be
    let (ratio, findings) = checked(limits, "dmm", sum, Ambient::Unknown);
    assert_eq!(ratio.unwrap().kind, RatioKind::Specification);
    assert!(
        findings.contains(
            "the guard band u95 needs the uncertainty, which is not known: a: the ambient temperature is not known"
        ),
        "{findings}"
    );
    // under 4:1, and with acceptance limits that cross
    let narrow = sum.replace("7.3, high = 7.7", "7.45, high = 7.55");
    let (_, findings) = checked(limits, "dmm", &narrow, stated());
    assert!(
        findings.contains("measurement \"result\": TUR 1.2:1, under 4:1"),
        "{findings}"
    );
    let crossing = sum.replace("7.3, high = 7.7", "7.48, high = 7.52");
    let (_, findings) = checked(limits, "dmm", &crossing, stated());
    assert!(findings.contains("the acceptance limits cross"), "{findings}");
}

#[test]
fn what_will_be_read_is_taken_from_limits_and_ranges() {
    // the product depends on what is read: a in the middle of its limits, b at the end of its range
    let limits = ["limit = { low = 4, high = 6 }", ""];
    let product = "compute = 'a * b / 1 V'\nunit = 'V'\nlimit = { low = 40, high = 60 }";
    let (ratio, _) = checked(limits, "ammeter", product, stated());
    // u = 0.01 x sqrt(10^2 + 5^2): U = 0.223607
    close(
        ratio.unwrap().expanded.in_unit("V".parse().unwrap()).unwrap().to_f64(),
        0.223_607,
    );
    // where the meter chooses its range, nothing says it before the run, and nothing is refused
    let readings = [
        ("a", "dmm", "dc_voltage", "auto", "V", ""),
        ("b", "dmm", "dc_voltage", "10 V", "V", ""),
    ];
    let guarded = "compute = 'a - b'\nunit = 'V'\nlimit = { low = 1, high = 2, guard_band = 'u95' }";
    let (found, findings) = ratios(&procedure(&readings, guarded), &metrology(stated()), today());
    assert!(
        found.iter().all(|ratio| ratio.measurement != "result") && findings.is_empty(),
        "{findings}"
    );
}

#[test]
fn a_guard_band_of_what_no_specification_stands_behind_is_refused() {
    let readings = [("i", "dmm", "dc_current", "100 mA", "mA", "")];
    let guarded = "compute = 'i * 2'\nunit = 'mA'\nlimit = { low = 1, high = 2, guard_band = 'u95' }";
    let (_, findings) = ratios(&procedure(&readings, guarded), &metrology(stated()), today());
    let findings = findings.render_short();
    assert!(
        findings.contains(
            "measurement \"result\": the guard band u95 needs the uncertainty, which is not known: i: the definition"
        ),
        "{findings}"
    );
    let fixed = guarded.replace("'u95'", "'0.1 mA'");
    let (_, findings) = ratios(&procedure(&readings, &fixed), &metrology(stated()), today());
    assert!(findings.is_empty(), "{findings}");
    // of parameters and quantities alone nothing is measured
    let constant = "compute = '1 V + 1 V'\nunit = 'V'\nlimit = { low = 1, high = 3, guard_band = 'u95' }";
    let (_, findings) = ratios(&procedure(&readings, constant), &metrology(stated()), today());
    assert!(
        findings.render_short().contains("it is computed from no measurement"),
        "{findings}"
    );
}

#[test]
fn check_refuses_no_guard_band_for_what_only_the_readings_tell() {
    let limits = ["limit = { low = 4, high = 6 }", "limit = { low = 4, high = 6 }"];
    for compute in ["max(a, b)", "max(a, 7 V)"] {
        let guarded = format!("compute = '{compute}'\nunit = 'V'\nlimit = {{ low = 4, high = 8, guard_band = 'u95' }}");
        let (ratio, findings) = checked(limits, "ammeter", &guarded, stated());
        assert!(
            ratio.is_none() && findings.is_empty(),
            "{compute}: {ratio:?} {findings}"
        );
    }
    // nor for what is computed of it
    let readings = [
        ("a", "dmm", "dc_voltage", "10 V", "V", limits[0]),
        ("b", "ammeter", "dc_voltage", "10 V", "V", limits[1]),
    ];
    let further = "compute = 'max(a, b)'\nunit = 'V'\n[[steps.measurements]]\nname = 'twice'\ncompute = '2 * result'\nunit = 'V'\n\
                   limit = { low = 8, high = 12, guard_band = 'u95' }";
    let (_, findings) = ratios(&procedure(&readings, further), &metrology(stated()), today());
    assert!(findings.is_empty(), "{}", findings.render_short());
}
