//! What the runner makes of uncertainties and guard bands.

use super::rig::{Ran, Rig, capabilities};
use crate::{Decision, MeasurementOutcome, MeasurementTaken, RunOutcome, StepOutcome};
use benchtop_instrument::{
    AccuracyConditions, AccuracyRow, CalibrationInterval, Coverage, Decimal, Function, TemperatureBand,
};
use benchtop_procedure::{Ambient, LogicalName, Meter, Metrology};

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A meter that is known to 20 mV (k = 2) at 18 to 28 degrees, calibrated long enough ago to be in its second year.
fn metrology(ambient: Ambient) -> Metrology {
    let mut capabilities = capabilities("dmm");
    let row = AccuracyRow {
        full_scale: None,
        maximum: None,
        frequency: None,
        interval: CalibrationInterval::TwoYears,
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
        source: "rig".to_owned(),
    };
    capabilities
        .functions
        .get_mut(&Function::DcVoltage)
        .unwrap()
        .accuracy
        .push(row);
    let today = benchtop_instrument::RealClock::shared().utc().date_naive();
    let meter = Meter {
        capabilities,
        calibrated_on: Some(today),
        calibration_due: None,
        warm_up: None,
    };
    Metrology {
        ambient,
        instruments: [(LogicalName("dmm".to_owned()), meter)].into(),
        contributions: Vec::new(),
    }
}

async fn guarded(guard: &str, reads: &str, ambient: Ambient) -> Ran {
    let limit = "limit = { low = 3.25, high = 3.35 }";
    let with = format!("limit = {{ low = 3.25, high = 3.35, guard_band = {guard} }}");
    let rig = Rig::new().reads(reads).procedure(limit, &with);
    rig.metrology(metrology(ambient)).run().await
}

fn rail(ran: &Ran) -> &MeasurementTaken {
    ran.measurements().find(|taken| taken.name == "vcc_3v3").unwrap()
}

fn stated() -> Ambient {
    Ambient::Stated(decimal("23"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_passes_only_as_far_inside_as_its_guard_band() {
    use Decision::{ConditionalFail, ConditionalPass, Fail, Pass};
    for (guard, reads, outcome, decision) in [
        ("\"u95\"", "3.27", MeasurementOutcome::Pass, Pass),
        ("\"u95\"", "3.2699", MeasurementOutcome::Fail, ConditionalPass),
        ("\"u95\"", "3.3301", MeasurementOutcome::Fail, ConditionalPass),
        ("\"u95\"", "3.36", MeasurementOutcome::Fail, ConditionalFail),
        ("\"u95\"", "3.38", MeasurementOutcome::Fail, Fail),
        ("\"none\"", "3.2699", MeasurementOutcome::Pass, ConditionalPass),
        ("\"none\"", "3.25", MeasurementOutcome::Pass, ConditionalPass),
        ("\"none\"", "3.3", MeasurementOutcome::Pass, Pass),
        ("\"5 mV\"", "3.2549", MeasurementOutcome::Fail, ConditionalPass),
        ("0.005", "3.255", MeasurementOutcome::Pass, Pass),
        // TUR 2.5: w = 20 mV x 0.2145, 4.29 mV
        ("\"z540.3-method6\"", "3.2544", MeasurementOutcome::Pass, Pass),
        (
            "\"z540.3-method6\"",
            "3.2542",
            MeasurementOutcome::Fail,
            ConditionalPass,
        ),
    ] {
        let ran = guarded(guard, reads, stated()).await;
        let taken = rail(&ran);
        assert_eq!(taken.outcome, outcome, "{guard} {reads}: {:?}", taken.reason);
        assert_eq!(taken.assessment.decision, Some(decision), "{guard} {reads}");
        let known = taken.assessment.uncertainty.as_ref().unwrap();
        assert_eq!(known.expanded, decimal("0.02"));
        // the limits stay what they are
        assert_eq!(taken.limit.as_ref().unwrap().low, Some(decimal("3.25")));
        assert_eq!(taken.assessment.acceptance.is_some(), guard != "\"none\"");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_band_without_its_uncertainty_judges_nothing() {
    let ran = guarded("\"u95\"", "3.3", Ambient::Unknown).await;
    let taken = rail(&ran);
    assert_eq!(taken.outcome, MeasurementOutcome::Unset);
    let reason = taken.reason.as_deref().unwrap();
    assert!(reason.contains("the ambient temperature is not known"), "{reason}");
    assert!(taken.assessment.uncertainty_reason.is_some());
    assert_eq!(ran.step("Rail"), StepOutcome::Error);
    assert_eq!(ran.outcome(), RunOutcome::Error);
    assert!(!ran.output_is_on());
    // the same without a guard band: recorded with the reason, and judged
    let ran = guarded("\"none\"", "3.3", Ambient::Unknown).await;
    assert_eq!(ran.outcome(), RunOutcome::Pass);
    let taken = rail(&ran);
    assert!(taken.assessment.uncertainty.is_none() && taken.assessment.uncertainty_reason.is_some());
    assert_eq!(taken.assessment.decision, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acceptance_limits_that_cross_are_an_error() {
    let limit = "limit = { low = 3.25, high = 3.35 }";
    let narrow = "limit = { low = 3.29, high = 3.31, guard_band = \"u95\" }";
    let rig = Rig::new().reads("3.3").procedure(limit, narrow);
    let ran = rig.metrology(metrology(stated())).run().await;
    assert_eq!(rail(&ran).outcome, MeasurementOutcome::Unset);
    assert!(
        rail(&ran)
            .reason
            .as_deref()
            .unwrap()
            .contains("the acceptance limits cross")
    );
    assert_eq!(ran.outcome(), RunOutcome::Error);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overrange_and_nothing_at_all_never_pass_a_guard_band() {
    for reads in ["9.9E37", "9.91E37"] {
        for guard in ["\"u95\"", "\"z540.3-method6\"", "\"5 mV\"", "\"none\""] {
            let ran = guarded(guard, reads, stated()).await;
            assert_ne!(rail(&ran).outcome, MeasurementOutcome::Pass, "{reads} {guard}");
            assert_ne!(ran.outcome(), RunOutcome::Pass, "{reads} {guard}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overrange_is_a_fail_of_the_unit_whatever_the_guard_band() {
    for guard in ["\"u95\"", "\"z540.3-method6\"", "\"5 mV\"", "\"none\""] {
        for ambient in [stated(), Ambient::Unknown] {
            let ran = guarded(guard, "9.9E37", ambient).await;
            assert_eq!(
                rail(&ran).outcome,
                MeasurementOutcome::Fail,
                "{guard}: {:?}",
                rail(&ran).reason
            );
            assert_eq!((ran.step("Rail"), ran.outcome()), (StepOutcome::Fail, RunOutcome::Fail));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_band_lies_outside_of_the_band_where_nothing_passes() {
    for (reads, outcome, decision) in [
        ("3.2799", MeasurementOutcome::Pass, Decision::Pass),
        ("3.2801", MeasurementOutcome::Fail, Decision::ConditionalPass),
        ("3.305", MeasurementOutcome::Fail, Decision::ConditionalFail),
        ("3.3201", MeasurementOutcome::Fail, Decision::ConditionalPass),
        ("3.3301", MeasurementOutcome::Pass, Decision::Pass),
    ] {
        let limit = "limit = { low = 3.25, high = 3.35 }";
        let with = "limit = { low = 3, high = 3.6, outside = { low = 3.3, high = 3.31 }, guard_band = \"u95\" }";
        let rig = Rig::new().reads(reads).procedure(limit, with);
        let ran = rig.metrology(metrology(stated())).run().await;
        let taken = rail(&ran);
        assert_eq!(taken.outcome, outcome, "{reads}: {:?}", taken.reason);
        assert_eq!(taken.assessment.decision, Some(decision), "{reads}");
    }
    // no value is said to pass that another part of its limit fails
    let limit = "limit = { low = 3.25, high = 3.35 }";
    let with = "limit = { low = 3, high = 3.6, one_of = [3.3, 3.4] }";
    let rig = Rig::new().reads("3.35").procedure(limit, with);
    let ran = rig.metrology(metrology(stated())).run().await;
    assert_eq!(rail(&ran).outcome, MeasurementOutcome::Fail);
    assert_eq!(rail(&ran).assessment.decision, Some(Decision::Fail));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ambient_temperature_can_be_measured_when_the_run_begins() {
    let by = |name: &str| Ambient::Measured {
        instrument: LogicalName(name.to_owned()),
        channel: 1,
    };
    // the rig's meter says 3.3 whatever it is asked
    let ran = guarded("\"none\"", "3.3", by("dmm")).await;
    let log = "Log 3.3 \u{b0}C ambient, by dmm channel 1";
    assert!(ran.heard().iter().any(|line| line == log), "{:?}", ran.heard());
    let reason = rail(&ran).assessment.uncertainty_reason.clone().unwrap();
    assert!(reason.contains("does not reach to 3.3"), "{reason}");
}

/// The rig's two rails by one meter, and what is computed of them: `name`, expression, unit and limit.
async fn computed(values: &[(&str, &str, &str, &str)], reads: &str, ambient: Ambient) -> Ran {
    let mut step = "[[steps]]\nname = \"Computed\"\n".to_owned();
    for (name, compute, unit, limit) in values {
        step.push_str(&format!(
            "[[steps.measurements]]\nname = \"{name}\"\ncompute = \"{compute}\"\nunit = \"{unit}\"\n{limit}\n"
        ));
    }
    let rig = Rig::new()
        .reads(reads)
        .procedure("[[teardown]]", &format!("{step}\n[[teardown]]"));
    rig.metrology(metrology(ambient)).run().await
}

fn of<'r>(ran: &'r Ran, name: &str) -> &'r MeasurementTaken {
    ran.measurements().find(|taken| taken.name == name).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_computed_value_is_as_well_known_as_the_readings_in_it() {
    // each of the two is known to U = 20 mV, and both by the same specification: what is wrong with one is wrong with the other
    let values = [
        ("sum", "vcc_3v3 + vcc_again", "V", ""),
        ("difference", "vcc_3v3 - vcc_again", "V", ""),
        ("power", "vcc_3v3 * vcc_again / 10 Ohm", "mW", ""),
        ("half", "sum / 2", "mV", ""),
        ("nothing", "half - vcc_again", "V", ""),
        ("above", "vcc_3v3 - 3 V", "V", ""),
    ];
    let ran = computed(&values, "3.3;3.3", stated()).await;
    assert_eq!(ran.outcome(), RunOutcome::Pass);
    for (name, expanded) in [
        ("sum", "0.04"),
        ("difference", "0"),
        // (3.3 V + 3.3 V) / 10 Ohm x 20 mV
        ("power", "13.2"),
        ("half", "20"),
        ("nothing", "0"),
        ("above", "0.02"),
    ] {
        let assessment = &of(&ran, name).assessment;
        let known = assessment
            .uncertainty
            .as_ref()
            .unwrap_or_else(|| panic!("{name}: {assessment:?}"));
        let apart = (known.expanded.to_f64() - decimal(expanded).to_f64()).abs();
        assert!(apart < 1e-12, "{name}: {}", known.expanded);
    }
    let components = &of(&ran, "power").assessment.uncertainty.as_ref().unwrap().components;
    let names: Vec<&str> = components.iter().map(|component| component.name.as_str()).collect();
    assert_eq!(names, ["vcc_3v3", "vcc_again"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_computed_value_passes_only_as_far_inside_as_its_guard_band() {
    for (guard, reads, outcome, decision) in [
        ("u95", "3.3;3.3", MeasurementOutcome::Pass, Decision::Pass),
        // 6.63 V is above 6.66 V less 40 mV
        ("u95", "3.33;3.3", MeasurementOutcome::Fail, Decision::ConditionalPass),
        ("none", "3.33;3.3", MeasurementOutcome::Pass, Decision::ConditionalPass),
        ("u95", "3.34;3.34", MeasurementOutcome::Fail, Decision::ConditionalFail),
    ] {
        let limit = format!("limit = {{ low = 6.5, high = 6.66, guard_band = \"{guard}\" }}");
        let ran = computed(&[("sum", "vcc_3v3 + vcc_again", "V", &limit)], reads, stated()).await;
        let sum = of(&ran, "sum");
        assert_eq!(
            (sum.outcome, sum.assessment.decision),
            (outcome, Some(decision)),
            "{guard} {reads}: {sum:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_band_of_a_computed_value_whose_uncertainty_is_not_known_judges_nothing() {
    let limit = "limit = { low = 6.5, high = 6.7, guard_band = \"u95\" }";
    let sum = [("sum", "vcc_3v3 + vcc_again", "V", limit)];
    let ran = computed(&sum, "3.3", Ambient::Unknown).await;
    assert_eq!(
        (of(&ran, "sum").outcome, ran.step("Computed")),
        (MeasurementOutcome::Unset, StepOutcome::Error)
    );
    let reason = of(&ran, "sum").assessment.uncertainty_reason.clone().unwrap();
    assert_eq!(reason, "vcc_3v3: the ambient temperature is not known (`ambient`)");
    // without a guard band: judged, and recorded with the reason
    let plain = [("sum", "vcc_3v3 + vcc_again", "V", "limit = { low = 6.5, high = 6.7 }")];
    let ran = computed(&plain, "3.3", Ambient::Unknown).await;
    assert_eq!(of(&ran, "sum").outcome, MeasurementOutcome::Pass);
    assert!(of(&ran, "sum").assessment.uncertainty.is_none());
    assert_eq!(of(&ran, "sum").assessment.uncertainty_reason.as_ref(), Some(&reason));
}
