//! Worked examples that others published, with where; and what must hold for any input.

use super::*;
use crate::Unit;
use proptest::prelude::*;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// A row of 18 to 28 degrees, one year, for one range.
fn row(full_scale: &str, percent_of_reading: &str, percent_of_range: &str) -> AccuracyRow {
    AccuracyRow {
        full_scale: Some(quantity(full_scale)),
        maximum: None,
        frequency: None,
        interval: CalibrationInterval::Year,
        temperature: TemperatureBand {
            low: decimal("18"),
            high: decimal("28"),
        },
        percent_of_reading: decimal(percent_of_reading),
        percent_of_range: decimal(percent_of_range),
        counts: None,
        offset: None,
        coefficient: None,
        nplc: Vec::new(),
        conditions: AccuracyConditions::default(),
        coverage: Coverage::Limits,
        includes_resolution: true,
        source: "test".to_owned(),
    }
}

fn used(value: &str, range: &str) -> Used {
    Used {
        value: quantity(value),
        range: Some(quantity(range)),
        resolution: None,
        nplc: None,
        autozero: None,
        null: false,
        frequency: None,
        scatter: None,
    }
}

fn state() -> MeterState {
    MeterState {
        calibrated_on: Some(day("2026-06-01")),
        calibration_due: Some(day("2027-06-01")),
        today: day("2026-11-28"),
        warm_up: Some(Duration::from_secs(3600)),
        ambient: Some(decimal("23")),
    }
}

/// The limit of error that `row` gives for a reading.
#[track_caller]
fn check(source: &str, row: AccuracyRow, value: &str, range: &str, expected: f64) {
    let found = evaluate(&[row], &used(value, range), &state(), &[]).unwrap();
    let bound = found.components[0].bound;
    assert!(
        (bound - expected).abs() < expected * 1e-9,
        "{source}: {bound}, not {expected}"
    );
}

#[test]
fn published_examples_of_total_measurement_error() {
    // 5 V on the 10 V range, 90 days: 100 uV + 50 uV
    check(
        "HP 34401A Service Guide, p. 21, Error Example",
        row("10 V", "0.0020", "0.0005"),
        "5 V",
        "10 V",
        150e-6,
    );
    check(
        "Keithley DMM6500 Calibration Manual DMM6500-905-01, p. 2-4, dc volts",
        row("10 V", "0.0025", "0.0005"),
        "10 V",
        "10 V",
        300e-6,
    );
    // printed as 0.8123 Ohm
    check(
        "Keithley DMM6500 Calibration Manual DMM6500-905-01, p. 2-4, resistance",
        row("10 kOhm", "0.0075", "0.0006"),
        "10030 Ohm",
        "10 kOhm",
        0.812_25,
    );
    check(
        "Keithley 2015 Service Manual, p. A-9, dc",
        row("10 V", "0.0030", "0.0005"),
        "5 V",
        "10 V",
        200e-6,
    );
    check(
        "Keithley 2015 Service Manual, p. A-9, ac",
        row("750 V", "0.06", "0.03"),
        "120 V",
        "750 V",
        0.297,
    );
    let offset = AccuracyRow {
        offset: Some(quantity("1.5 mV")),
        ..row("20 V", "0.015", "0")
    };
    check("Keithley 2400 Service Manual, p. A-20", offset, "10 V", "20 V", 3e-3);
    let counts = AccuracyRow {
        counts: Some(Counts {
            number: decimal("5"),
            value: quantity("10 uV"),
        }),
        ..row("1 V", "3", "0")
    };
    check(
        "Tektronix, Accuracy in counts (175, 197, 6514)",
        counts,
        "0.5 V",
        "1 V",
        15.05e-3,
    );
}

#[test]
fn the_voltmeter_of_the_gum_is_known_to_15_microvolts() {
    // JCGM 100:2008, 4.3.7 example 2 and 5.1.5: 0.928571 V, limits 14e-6 of reading and 2e-6 of the 1 V range, a = 15 uV,
    // u = 8.7 uV; the mean of the readings is known to 12 uV; u_c = 15 uV.
    let mut used = used("0.928571 V", "1 V");
    used.scatter = Some(Scatter {
        deviation: 12e-6 * 3.0,
        samples: 9,
    });
    let found = evaluate(&[row("1 V", "0.0014", "0.0002")], &used, &state(), &[]).unwrap();
    let rounded = |value: f64| (value * 1e7).round() / 10.0;
    assert_eq!(found.components.len(), 2);
    assert!((rounded(found.components[0].bound) - 15.0).abs() < 0.05);
    assert!((rounded(found.components[0].standard) - 8.7).abs() < 0.05);
    assert!((rounded(found.components[1].standard) - 12.0).abs() < 0.05);
    assert!((found.standard * 1e6 - 15.0).abs() < 0.5);
    assert!((found.expanded.to_f64() - 2.0 * found.standard).abs() < 1e-10);
}

#[test]
fn resolution_counts_by_its_step_over_the_root_of_twelve_unless_included() {
    // JCGM 100:2008, F.2.2.1: u = 0.29 of the step
    let apart = AccuracyRow {
        includes_resolution: false,
        ..row("10 V", "0", "0")
    };
    let mut used = used("1 V", "10 V");
    used.resolution = Some(quantity("1 mV"));
    let found = evaluate(&[apart], &used, &state(), &[]).unwrap();
    assert!((found.standard - 0.29e-3).abs() < 0.005e-3, "{}", found.standard);
    let found = evaluate(&[row("10 V", "0", "0")], &used, &state(), &[]).unwrap();
    assert!(found.standard.abs() < 1e-15);
}

#[test]
fn one_sample_says_nothing_about_scatter() {
    let mut used = used("1 V", "10 V");
    used.scatter = Some(Scatter {
        deviation: 1.0,
        samples: 1,
    });
    let found = evaluate(&[row("10 V", "0.01", "0")], &used, &state(), &[]).unwrap();
    assert_eq!(found.components.len(), 1);
}

#[test]
fn coverage_is_what_the_source_says() {
    for (coverage, divisor) in [
        (Coverage::Limits, 3_f64.sqrt()),
        (Coverage::K2, 2.0),
        (Coverage::K3, 3.0),
    ] {
        let row = AccuracyRow {
            coverage,
            ..row("10 V", "0.01", "0")
        };
        let found = evaluate(&[row], &used("10 V", "10 V"), &state(), &[]).unwrap();
        assert!((found.standard - 1e-3 / divisor).abs() < 1e-15);
    }
}

#[test]
fn contributions_add_by_squares() {
    let leads = Contribution {
        name: "leads".to_owned(),
        size: ContributionSize::Absolute(quantity("3 mV")),
        distribution: Distribution::K1,
    };
    let divider = Contribution {
        name: "divider".to_owned(),
        size: ContributionSize::PercentOfReading(decimal("0.04")),
        distribution: Distribution::K1,
    };
    let found = evaluate(
        &[row("10 V", "0", "0")],
        &used("-10 V", "10 V"),
        &state(),
        &[leads, divider],
    )
    .unwrap();
    assert!((found.standard - 5e-3).abs() < 1e-12, "{}", found.standard);
    assert_eq!(found.expanded, decimal("0.01"));
}

fn intervals() -> Vec<AccuracyRow> {
    let narrow = TemperatureBand {
        low: decimal("22"),
        high: decimal("24"),
    };
    let at = |interval, percent| AccuracyRow {
        interval,
        ..row("10 V", percent, "0")
    };
    let day = AccuracyRow {
        temperature: narrow,
        ..at(CalibrationInterval::Day, "0.001")
    };
    let year = AccuracyRow {
        coefficient: Some(TemperatureCoefficient {
            percent_of_reading: decimal("0.0005"),
            percent_of_range: decimal("0.0001"),
            within: TemperatureBand {
                low: decimal("0"),
                high: decimal("50"),
            },
        }),
        ..at(CalibrationInterval::Year, "0.003")
    };
    vec![year, day, at(CalibrationInterval::NinetyDays, "0.002")]
}

#[track_caller]
fn check_row(calibrated: &str, today: &str, ambient: &str, expected: Result<f64, &str>) {
    let state = MeterState {
        calibrated_on: Some(day(calibrated)),
        calibration_due: None,
        today: day(today),
        ambient: Some(decimal(ambient)),
        ..state()
    };
    let found = evaluate(&intervals(), &used("10 V", "10 V"), &state, &[]);
    match (found, expected) {
        (Ok(found), Ok(bound)) => {
            assert!((found.components[0].bound - bound).abs() < 1e-12, "{found:?}");
        }
        (Err(unknown), Err(reason)) => assert_eq!(unknown.to_string(), reason),
        (found, expected) => panic!("{found:?}, not {expected:?}"),
    }
}

#[test]
fn the_row_follows_from_the_age_of_the_calibration_and_the_temperature() {
    check_row("2026-11-28", "2026-11-28", "23", Ok(1e-4));
    check_row("2026-11-27", "2026-11-28", "23", Ok(2e-4));
    // 24 hours, but not at its temperature: the next longer one
    check_row("2026-11-28", "2026-11-28", "25", Ok(2e-4));
    check_row("2026-08-30", "2026-11-28", "23", Ok(2e-4));
    check_row("2026-08-29", "2026-11-28", "23", Ok(3e-4));
    check_row("2025-11-28", "2026-11-28", "23", Ok(3e-4));
    check_row(
        "2025-11-27",
        "2026-11-28",
        "23",
        Err("it was calibrated on 2025-11-27, and the specification ends 1 y after that"),
    );
    check_row(
        "2026-11-29",
        "2026-11-28",
        "23",
        Err("it was calibrated on 2026-11-29, which is still to come"),
    );
    // 2 K outside: 2 x (0.0005 % of 10 V + 0.0001 % of 10 V); only the row with a coefficient reaches
    check_row("2026-11-27", "2026-11-28", "30", Ok(3e-4 + 1.2e-4));
    check_row("2026-11-27", "2026-11-28", "16", Ok(3e-4 + 1.2e-4));
    check_row(
        "2026-11-27",
        "2026-11-28",
        "51",
        Err("the specification does not reach to 51 \u{b0}C (it holds from 0 to 50 \u{b0}C)"),
    );
}

#[test]
fn every_missing_input_is_named() {
    let strict = AccuracyRow {
        conditions: AccuracyConditions {
            warm_up: Some(Duration::from_secs(3600)),
            autozero: true,
            null: NullCondition::Needed { otherwise: None },
        },
        nplc: vec![NplcTerm {
            cycles: decimal("10"),
            percent_of_range: Decimal::ZERO,
            offset: None,
        }],
        maximum: Some(quantity("5 V")),
        ..row("10 V", "0.01", "0")
    };
    let rows = [strict];
    let good = Used {
        nplc: Some(decimal("100")),
        autozero: Some(true),
        null: true,
        ..used("1 V", "10 V")
    };
    evaluate(&rows, &good, &state(), &[]).unwrap();
    let with = |used: Used, state: MeterState| evaluate(&rows, &used, &state, &[]).unwrap_err().to_string();
    let s = state();
    let cases = [
        (Used { range: None, ..good }, s, "the range in use is not known"),
        (
            Used {
                range: Some(quantity("1 V")),
                ..good
            },
            s,
            "the specification has no row for the 1 V range",
        ),
        (
            Used {
                value: quantity("-6 V"),
                ..good
            },
            s,
            "the specification ends at 5 V",
        ),
        (
            Used { nplc: None, ..good },
            s,
            "the integration time in use is not known",
        ),
        (
            Used {
                nplc: Some(decimal("1")),
                ..good
            },
            s,
            "the specification begins at 10 power-line cycles, not at 1",
        ),
        (
            Used {
                autozero: Some(false),
                ..good
            },
            s,
            "the specification holds with autozero on",
        ),
        (
            Used { null: false, ..good },
            s,
            "the specification holds with a null reading subtracted",
        ),
        (
            good,
            MeterState {
                calibrated_on: None,
                ..s
            },
            "the station does not say when it was calibrated (`calibrated_on`)",
        ),
        (
            good,
            MeterState {
                calibration_due: Some(day("2026-11-27")),
                ..s
            },
            "its calibration was due on 2026-11-27",
        ),
        (
            good,
            MeterState { ambient: None, ..s },
            "the ambient temperature is not known (`ambient`)",
        ),
        (
            good,
            MeterState { warm_up: None, ..s },
            "the specification holds after 3600 s, and the station does not say how long it has been on (`warm_up`)",
        ),
        (
            good,
            MeterState {
                warm_up: Some(Duration::from_secs(600)),
                ..s
            },
            "the specification holds after 3600 s, and it has been on for 600 s",
        ),
    ];
    for (used, state, reason) in cases {
        assert_eq!(with(used, state), reason);
    }
    let none = evaluate(&[], &good, &s, &[]).unwrap_err();
    assert_eq!(none, Unknown::NoSpecification);
    let by_frequency = AccuracyRow {
        frequency: Some((quantity("10 Hz"), quantity("20 kHz"))),
        ..row("10 V", "0.06", "0.03")
    };
    let at = |frequency: Option<&str>| {
        let used = Used {
            frequency: frequency.map(quantity),
            ..used("1 V", "10 V")
        };
        evaluate(std::slice::from_ref(&by_frequency), &used, &s, &[])
    };
    assert_eq!(at(None), Err(Unknown::FrequencyUnknown));
    assert_eq!(
        at(Some("50 kHz")),
        Err(Unknown::FrequencyUnspecified(quantity("50 kHz")))
    );
    at(Some("1 kHz")).unwrap();
}

#[test]
fn what_integration_and_null_add_is_added() {
    // Fluke 8845A/8846A Users Manual, p. 1-12: 1 PLC adds 0.001 % of range, 0.2 PLC 0.0025 % and 12 uV
    let term = |cycles: &str, percent: &str, offset: Option<&str>| NplcTerm {
        cycles: decimal(cycles),
        percent_of_range: decimal(percent),
        offset: offset.map(quantity),
    };
    let fluke = AccuracyRow {
        nplc: vec![
            term("0.2", "0.0025", Some("12 uV")),
            term("1", "0.001", None),
            term("10", "0", None),
        ],
        ..row("10 V", "0", "0")
    };
    let ohms = AccuracyRow {
        conditions: AccuracyConditions {
            null: NullCondition::Needed {
                otherwise: Some(quantity("0.2 Ohm")),
            },
            ..AccuracyConditions::default()
        },
        ..row("1 kOhm", "0", "0")
    };
    for (cycles, bound) in [("100", 0.0), ("10", 0.0), ("2", 1e-4), ("1", 1e-4), ("0.2", 2.62e-4)] {
        let used = Used {
            nplc: Some(decimal(cycles)),
            ..used("1 V", "10 V")
        };
        let found = evaluate(std::slice::from_ref(&fluke), &used, &state(), &[]).unwrap();
        assert!((found.components[0].bound - bound).abs() < 1e-12, "{cycles}");
    }
    let found = evaluate(&[ohms], &used("100 Ohm", "1 kOhm"), &state(), &[]).unwrap();
    assert!((found.components[0].bound - 0.2).abs() < 1e-12);
}

#[test]
fn the_specification_alone_takes_the_longest_interval() {
    let found = specification(&intervals(), &used("10 V", "10 V")).unwrap();
    assert!((found.components[0].bound - 3e-4).abs() < 1e-12);
}

#[test]
fn uncertainties_round_up_to_six_digits() {
    for (value, expected) in [
        (0.000_123_456_1, "0.000123457"),
        (0.000_123_456, "0.000123456"),
        (0.2, "0.2"),
        (0.1 + 0.2, "0.3"),
        (999_999.2, "1000000"),
        (0.0, "0"),
    ] {
        assert_eq!(round_up(value), Some(decimal(expected)), "{value}");
    }
    for value in [-1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(round_up(value), None);
    }
}

fn plain(standard: f64, kind: ComponentKind) -> Uncertainty {
    let component = Component {
        name: "test".to_owned(),
        kind,
        bound: standard,
        divisor: 1.0,
        standard,
    };
    Uncertainty::of(vec![component], "V".parse().unwrap()).unwrap()
}

fn term<'a>(source: &str, sensitivity: f64, uncertainty: &'a Uncertainty) -> Term<'a> {
    Term {
        name: source.to_owned(),
        source: source.to_owned(),
        sensitivity,
        uncertainty,
    }
}

#[test]
fn readings_of_one_range_are_correlated_and_scatter_is_not() {
    let volt: Unit = "V".parse().unwrap();
    let systematic = plain(3.0, ComponentKind::Contribution);
    let random = plain(3.0, ComponentKind::Repeatability);
    let standard = |terms: &[Term<'_>]| propagate(terms, volt).unwrap().standard;
    // JCGM 100:2008, 5.2.2 note 1: with correlation 1 the combined uncertainty is the linear sum, with signs
    assert!(standard(&[term("dmm", 1.0, &systematic), term("dmm", -1.0, &systematic)]).abs() < 1e-12);
    assert!((standard(&[term("dmm", 1.0, &systematic), term("dmm", 1.0, &systematic)]) - 6.0).abs() < 1e-12);
    // ten resistors, each compared with the same standard: 5.2.2 example
    let ten: Vec<Term<'_>> = (0..10).map(|_| term("standard", 1.0, &systematic)).collect();
    assert!((standard(&ten) - 30.0).abs() < 1e-12);
    let root_two = 3.0 * 2_f64.sqrt();
    assert!((standard(&[term("dmm", 1.0, &random), term("dmm", -1.0, &random)]) - root_two).abs() < 1e-12);
    assert!((standard(&[term("a", 1.0, &systematic), term("b", -1.0, &systematic)]) - root_two).abs() < 1e-12);
}

proptest! {
    #[test]
    fn an_uncertainty_grows_with_the_reading_and_covers_twice_its_root_of_squares(
        small in 0_i32..10_000, more in 0_i32..10_000, percent in 0_u32..1000, step in 0_u32..100,
    ) {
        let volts = |millis: i32| Quantity::new(Decimal::new(i128::from(millis), -3).unwrap(), "V".parse().unwrap());
        let row = AccuracyRow {
            percent_of_reading: Decimal::new(i128::from(percent), -4).unwrap(),
            includes_resolution: false,
            ..row("100 V", "0", "0.001")
        };
        let at = |millis: i32| {
            let resolution = Some(Quantity::new(Decimal::new(i128::from(step), -6).unwrap(), "V".parse().unwrap()));
            evaluate(std::slice::from_ref(&row), &Used { value: volts(millis), resolution, ..used("1 V", "100 V") }, &state(), &[]).unwrap()
        };
        let (low, high) = (at(small), at(small + more));
        prop_assert!(low.standard <= high.standard);
        prop_assert_eq!(at(-small).expanded, low.expanded);
        for found in [&low, &high] {
            let squares: f64 = found.components.iter().map(|component| component.standard.powi(2)).sum();
            prop_assert!((found.standard - squares.sqrt()).abs() <= found.standard * 1e-12);
            prop_assert!(found.expanded.to_f64() >= 2.0 * found.standard * (1.0 - 1e-12));
            prop_assert!(found.expanded.to_f64() <= 2.0 * found.standard * (1.0 + 1e-4) + 1e-12);
        }
        let milli = low.in_unit("mV".parse().unwrap()).unwrap();
        prop_assert!((milli.standard - low.standard * 1e3).abs() <= low.standard);
    }

    #[test]
    fn rounding_up_never_understates(value in 1e-12_f64..1e12) {
        let rounded = round_up(value).unwrap().to_f64();
        prop_assert!(rounded >= value * (1.0 - 1e-12) && rounded <= value * 1.00001);
    }

    #[test]
    fn an_interval_covers_its_own_days_and_no_shorter_one_more(age in 0_u64..800) {
        let calibrated = day("2024-02-29");
        let today = calibrated.checked_add_days(chrono::Days::new(age)).unwrap();
        let covers: Vec<bool> = CalibrationInterval::ALL.iter().map(|(_, interval)| interval.covers(calibrated, today)).collect();
        // from short to long: once covered, covered by every longer one
        prop_assert!(covers.windows(2).all(|pair| pair[0] <= pair[1]));
        prop_assert_eq!(covers[1], age <= 90);
    }
}
