//! Groups, conditions and computed measurements while they run.

use super::rig::{Behaviour, Rig};
use crate::{RunOutcome, StepOutcome};
use benchtop_procedure::{MeasurementOutcome, Value};

/// The rig's second rail in a group, with these lines for the group and a step behind it.
fn grouped(lines: &str, behind: &str) -> Rig {
    Rig::new()
        .procedure(
            "[[steps]]\nname = \"Second rail\"\n",
            &format!("[[steps]]\nname = \"Group\"\n{lines}\n[[steps.steps]]\nname = \"Second rail\"\n"),
        )
        .procedure(
            "[[steps.measurements]]\nname = \"vcc_again\"",
            "[[steps.steps.measurements]]\nname = \"vcc_again\"",
        )
        .procedure("[[teardown]]", &format!("{behind}\n[[teardown]]"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_is_tried_again_and_its_attempts_go_on_rising() {
    let ran = grouped("retry = { attempts = 3, on = [\"fail\"] }", "")
        .reads("3.18")
        .run()
        .await;
    assert_eq!(ran.outcome(), RunOutcome::Fail);
    let attempts: Vec<u32> = ran
        .ended_steps()
        .filter(|step| step.name == "Second rail")
        .map(|step| step.attempt)
        .collect();
    assert_eq!(attempts, [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_in_a_group_that_is_tried_again_is_forgiven() {
    let ran = Rig::new()
        .procedure(
            "[[steps]]\nname = \"Rail\"\n",
            "[[steps]]\nname = \"Group\"\nretry = { attempts = 2 }\n[[steps.steps]]\nname = \"Rail\"\n",
        )
        .procedure(
            "[[steps.measurements]]\nname = \"vcc_3v3\"",
            "[[steps.steps.measurements]]\nname = \"vcc_3v3\"",
        )
        .dmm(Behaviour::MeasureFailsOnce)
        .run()
        .await;
    assert_eq!(ran.outcome(), RunOutcome::Pass);
    assert_eq!(ran.attempts("Rail"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_whose_condition_does_not_hold_is_skipped_with_the_reason() {
    let ran = grouped("when = 'outcome(\"Rail\") == \"fail\"'", "").run().await;
    assert_eq!(ran.outcome(), RunOutcome::Pass);
    let skipped = ran.ended_steps().find(|step| step.name == "Second rail").unwrap();
    assert_eq!((skipped.outcome, skipped.attempt), (StepOutcome::Skip, 0));
    assert!(
        skipped.reason.as_ref().unwrap().contains("`when` does not hold"),
        "{skipped:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_computed_measurement_is_judged_in_its_own_unit() {
    let computed = "[[steps]]\nname = \"Ratio\"\n[[steps.measurements]]\nname = \"ratio\"\n\
                    compute = \"vcc_again / vcc_3v3\"\nunit = \"%\"\nlimit = { low = 99, high = 101 }\n";
    let ran = grouped("", computed).run().await;
    assert_eq!(ran.outcome(), RunOutcome::Pass);
    let ratio = ran.measurements().find(|taken| taken.name == "ratio").unwrap();
    assert_eq!(ratio.value, Some(Value::Number("100".parse().unwrap())));
    assert_eq!(
        (ratio.outcome, ratio.instrument.is_none()),
        (MeasurementOutcome::Pass, true)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_skipped_operand_makes_the_result_unset_and_its_step_an_error() {
    let computed = "[[steps]]\nname = \"Ratio\"\n[[steps.measurements]]\nname = \"ratio\"\n\
                    compute = \"vcc_again / vcc_3v3\"\nunit = \"%\"\nlimit = { low = 99, high = 101 }\n";
    let ran = grouped("when = 'vcc_3v3 > 5 V'", computed).run().await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
    assert_eq!(ran.step("Ratio"), StepOutcome::Error);
    let ratio = ran.measurements().find(|taken| taken.name == "ratio").unwrap();
    assert_eq!((ratio.outcome, &ratio.value), (MeasurementOutcome::Unset, &None));
    assert_eq!(ratio.reason.as_deref(), Some("not computed: vcc_again has no value"));
}
