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

/// Steps that read the rig's rails, in a tree: `(name, lines, inner)`.
enum Node<'a> {
    Rail(&'a str, &'a str),
    Group(&'a str, &'a str, Vec<Self>),
}

fn written(nodes: &[Node<'_>], key: &str) -> String {
    let one = |node: &Node<'_>| match node {
        Node::Rail(name, lines) => format!(
            "[[{key}]]\nname = \"{name}\"\n{lines}\n[[{key}.measurements]]\nname = \"{name} v\"\ninstrument = \"dmm\"\n\
             function = \"dc_voltage\"\nrange = \"10 V\"\nunit = \"V\"\nlimit = {{ low = 3.25, high = 3.35 }}\n"
        ),
        Node::Group(name, lines, inner) => {
            format!(
                "[[{key}]]\nname = \"{name}\"\n{lines}\n{}",
                written(inner, &format!("{key}.steps"))
            )
        }
    };
    nodes.iter().map(one).collect()
}

/// Runs a tree with what the meter reads, one after the other; each step's attempts as `name 1 PASS`.
async fn walked(nodes: &[Node<'_>], reads: &str) -> (RunOutcome, Vec<String>) {
    let ran = Rig::new()
        .steps("uut", &written(nodes, "steps"))
        .reads(reads)
        .run()
        .await;
    let main = ran
        .ended_steps()
        .filter(|step| step.address.section == crate::Section::Main);
    let said = main.map(|step| format!("{} {} {}", step.name, step.attempt, step.outcome));
    (ran.outcome(), said.collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_that_stops_inside_a_group_stops_everything_behind_it() {
    let nodes = [
        Node::Group(
            "outer",
            "",
            vec![
                Node::Rail("a", ""),
                Node::Group(
                    "inner",
                    "",
                    vec![Node::Rail("b", "on_fail = \"stop\""), Node::Rail("c", "")],
                ),
                Node::Rail("d", ""),
            ],
        ),
        Node::Rail("e", ""),
    ];
    let (outcome, said) = walked(&nodes, "3.3;3.1;3.3").await;
    assert_eq!(outcome, RunOutcome::Fail);
    assert_eq!(said, ["a 1 PASS", "b 1 FAIL", "c 0 SKIP", "d 0 SKIP", "e 0 SKIP"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_stops_when_it_fails_runs_itself_to_its_end() {
    let nodes = [
        Node::Group(
            "group",
            "on_fail = \"stop\"",
            vec![Node::Rail("a", ""), Node::Rail("b", "")],
        ),
        Node::Rail("c", ""),
    ];
    let (outcome, said) = walked(&nodes, "3.1;3.3;3.3").await;
    assert_eq!(outcome, RunOutcome::Fail);
    assert_eq!(said, ["a 1 FAIL", "b 1 PASS", "c 0 SKIP"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_is_tried_again_runs_all_of_it_and_forgives_what_stopped_it() {
    let nodes = [
        Node::Group(
            "group",
            "retry = { attempts = 3, on = [\"fail\"] }",
            vec![
                Node::Rail("a", ""),
                Node::Rail("b", "on_fail = \"stop\""),
                Node::Rail("c", ""),
            ],
        ),
        Node::Rail("d", ""),
    ];
    // a passes, b fails and stops; again: all pass
    let (outcome, said) = walked(&nodes, "3.3;3.1;3.3").await;
    assert_eq!(outcome, RunOutcome::Pass);
    assert_eq!(
        said,
        ["a 1 PASS", "b 1 FAIL", "a 2 PASS", "b 2 PASS", "c 1 PASS", "d 1 PASS"]
    );
    // never: b stops it each time, and what is behind it
    let (outcome, said) = walked(&nodes, "3.3;3.1;3.3;3.1;3.3;3.1").await;
    assert_eq!(outcome, RunOutcome::Fail);
    assert_eq!(
        said,
        [
            "a 1 PASS", "b 1 FAIL", "a 2 PASS", "b 2 FAIL", "a 3 PASS", "b 3 FAIL", "c 0 SKIP", "d 0 SKIP"
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_nest_and_each_is_tried_as_often_as_it_says() {
    let nodes = [Node::Group(
        "outer",
        "retry = { attempts = 2, on = [\"fail\"] }",
        vec![
            Node::Rail("a", ""),
            Node::Group(
                "inner",
                "retry = { attempts = 2, on = [\"fail\"] }",
                vec![Node::Rail("b", "retry = { attempts = 2, on = [\"fail\"] }")],
            ),
        ],
    )];
    // b is tried twice in each of two attempts of the inner group in each of two attempts of the outer one
    let (outcome, said) = walked(&nodes, "3.3;3.1;3.1;3.1;3.1;3.3;3.1").await;
    assert_eq!(outcome, RunOutcome::Fail);
    let attempts = |name: &str| said.iter().filter(|line| line.starts_with(name)).count();
    assert_eq!((attempts("a "), attempts("b ")), (2, 8), "{said:?}");
    // the inner one alone is tried again where that is enough
    let (outcome, said) = walked(&nodes, "3.3;3.1;3.1;3.3").await;
    assert_eq!(outcome, RunOutcome::Pass);
    assert_eq!(said, ["a 1 PASS", "b 1 FAIL", "b 2 FAIL", "b 3 PASS"]);
}

/// A group that is tried again after a fail: `probe` is read without a limit, and `b`, the only one with a limit, judges
/// only where the probe is above 1 V.
fn probed(behind: &str) -> String {
    format!(
        "[[steps]]\nname = \"Group\"\nretry = {{ attempts = 2, on = [\"fail\"] }}\n\
         [[steps.steps]]\nname = \"a\"\n[[steps.steps.measurements]]\nname = \"probe\"\ninstrument = \"dmm\"\n\
         function = \"dc_voltage\"\nrange = \"10 V\"\nunit = \"V\"\n\
         [[steps.steps]]\nname = \"b\"\nwhen = \"probe > 1 V\"\n[[steps.steps.measurements]]\nname = \"rail\"\n\
         instrument = \"dmm\"\nfunction = \"dc_voltage\"\nrange = \"10 V\"\nunit = \"V\"\nlimit = {{ low = 3.25, high = 3.35 }}\n\
         {behind}"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fail_that_is_not_judged_again_stands() {
    let ran = Rig::new().steps("uut", &probed("")).reads("2;9;0.5").run().await;
    assert_eq!(ran.outcome(), RunOutcome::Fail, "{:?}", ran.ended());
    let b: Vec<_> = ran.ended_steps().filter(|step| step.name == "b").collect();
    let ends: Vec<(u32, StepOutcome)> = b.iter().map(|step| (step.attempt, step.outcome)).collect();
    assert_eq!(ends, [(1, StepOutcome::Fail), (2, StepOutcome::Fail)]);
    let reason = b[1].reason.as_deref().unwrap();
    assert!(reason.starts_with("the FAIL of the attempt before stands"), "{reason}");
    assert!(reason.contains("`when` does not hold: probe > 1 V"), "{reason}");
    let rail: Vec<_> = ran.measurements().filter(|taken| taken.name == "rail").collect();
    assert_eq!((rail[1].outcome, &rail[1].value), (MeasurementOutcome::Unset, &None));
    // judged again, the last word counts
    let ran = Rig::new().steps("uut", &probed("")).reads("2;9;2;3.3").run().await;
    assert_eq!(ran.outcome(), RunOutcome::Pass, "{:?}", ran.ended());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_is_passed_over_when_it_is_tried_again_takes_nothing_back() {
    let steps = probed("")
        .replace(
            "[[steps.steps]]\nname = \"b\"\nwhen = \"probe > 1 V\"",
            "[[steps.steps]]\nname = \"inner\"\nwhen = \"probe > 1 V\"\n[[steps.steps.steps]]\nname = \"b\"",
        )
        .replace(
            "[[steps.steps.measurements]]\nname = \"rail\"",
            "[[steps.steps.steps.measurements]]\nname = \"rail\"",
        );
    let ran = Rig::new().steps("uut", &steps).reads("2;9;0.5").run().await;
    assert_eq!(ran.outcome(), RunOutcome::Fail, "{:?}", ran.ended());
    assert_eq!(ran.attempts("b"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_judgement_of_an_attempt_that_is_no_longer_the_last_does_not_make_a_run_good() {
    // c cannot be computed at first, so that all is tried again; then b, which passed, is passed over
    let behind = "[[steps.steps]]\nname = \"c\"\n[[steps.steps.measurements]]\nname = \"other\"\n\
                  compute = \"1 V / (probe - 2 V)\"\nunit = \"\"\n";
    let steps = probed(behind).replace("on = [\"fail\"]", "on = [\"error\"]");
    let ran = Rig::new().steps("uut", &steps).reads("2;3.3;0.5").run().await;
    let b: Vec<_> = ran
        .ended_steps()
        .filter(|step| step.name == "b")
        .map(|step| step.outcome)
        .collect();
    assert_eq!(b, [StepOutcome::Pass, StepOutcome::Skip]);
    assert_eq!((ran.attempts("c"), ran.outcome()), (2, RunOutcome::Error));
    assert_eq!(ran.ended().reason.as_deref(), Some("no limit was judged"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_step_measured_before_it_was_passed_over_is_no_operand() {
    let behind = "[[steps.steps]]\nname = \"c\"\n[[steps.steps.measurements]]\nname = \"other\"\ncompute = \"rail + 0 V\"\n\
                  unit = \"V\"\nlimit = { low = 3.28, high = 3.35 }\n";
    let ran = Rig::new().steps("uut", &probed(behind)).reads("2;3.26;0.5").run().await;
    // c fails once, is tried again, and has nothing then
    assert_eq!(ran.outcome(), RunOutcome::Error, "{:?}", ran.ended());
    let other: Vec<_> = ran.measurements().filter(|taken| taken.name == "other").collect();
    assert_eq!(other.len(), 2);
    assert_eq!(other[1].reason.as_deref(), Some("not computed: rail has no value"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_of_the_fixture_or_of_the_teardown_does_not_make_a_unit_good() {
    let read = |section: &str, name: &str, lines: &str| {
        format!(
            "[[{section}]]\nname = \"{name}\"\n{lines}\n[[{section}.measurements]]\nname = \"{name} v\"\ninstrument = \"dmm\"\n\
             function = \"dc_voltage\"\nrange = \"10 V\"\nunit = \"V\"\n"
        )
    };
    let limit = "limit = { low = 3.25, high = 3.35 }\n\n";
    let fixture = read("fixture_setup", "fixture", "") + limit;
    let steps = read("steps", "probe", "") + &read("steps", "rail", "when = 'value(\"probe v\") > 5 V'") + limit;
    let steps = steps + &read("teardown", "after", "") + limit;
    let rig = Rig::new()
        .steps("uut", &steps)
        .procedure("[[setup]]", &format!("{fixture}[[setup]]"));
    let ran = rig.reads("3.3").run().await;
    assert_eq!(
        (ran.step("fixture"), ran.step("after")),
        (StepOutcome::Pass, StepOutcome::Pass)
    );
    assert_eq!(ran.step("rail"), StepOutcome::Skip);
    assert_eq!(ran.outcome(), RunOutcome::Error);
    assert_eq!(ran.ended().reason.as_deref(), Some("no limit was judged"));
}
