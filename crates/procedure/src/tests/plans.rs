//! Groups, sweeps, conditions and computed measurements: what they become.

use crate::{PlanNode, Procedure, StepKind, full_name, parse};
use std::fmt::Write as _;

/// A procedure with these steps.
fn procedure(steps: &str) -> Procedure {
    let text = format!(
        "procedure = {{ id = 'A', version = '1' }}\ninstruments.dmm.class = 'dmm'\n{steps}\n[[steps]]\nname = 'Last'\n{}",
        measurement("last")
    );
    parse("x.toml", &text).unwrap_or_else(|findings| panic!("{findings}"))
}

fn measurement(name: &str) -> String {
    format!(
        "measurements = [{{ name = '{name}', instrument = 'dmm', function = 'dc_voltage', range = '10 V', unit = 'V', limit = {{ low = 1 }} }}]\n"
    )
}

/// The tree of the steps, as one line: `Group(A[x=1] B)`.
fn tree(procedure: &Procedure, nodes: &[PlanNode]) -> String {
    let mut said = String::new();
    for node in nodes {
        let gap = if said.is_empty() { "" } else { " " };
        match node {
            PlanNode::Step(index) => {
                let step = &procedure.steps[*index];
                write!(said, "{gap}{}", full_name(&step.name, &step.parameters)).unwrap();
            }
            PlanNode::Group(group) => {
                let name = full_name(&group.name, &group.parameters);
                write!(said, "{gap}{name}({})", tree(procedure, &group.nodes)).unwrap();
            }
        }
    }
    said
}

fn check(steps: &str, expected: &str) -> Procedure {
    let procedure = procedure(steps);
    assert_eq!(tree(&procedure, &procedure.plan.steps), format!("{expected} Last"));
    procedure
}

#[test]
fn every_turn_of_a_sweep_is_a_step_of_its_own() {
    let procedure = check(
        "[[steps]]\nname = 'Wait'\nfor_each = { param = 't', values = ['100 ms', '2 s'] }\nwait = { param = 't' }\n",
        "Wait[t=100 ms] Wait[t=2 s]",
    );
    let waits: Vec<_> = procedure
        .steps
        .iter()
        .filter_map(|step| match step.kind {
            StepKind::Wait(wait) => Some(wait.as_millis()),
            StepKind::Measurements(_)
            | StepKind::Set { .. }
            | StepKind::Prompt(_)
            | StepKind::Exec(_)
            | StepKind::Query(_)
            | StepKind::Send(_)
            | StepKind::Expect(_) => None,
        })
        .collect();
    assert_eq!(waits, [100, 2000]);
}

#[test]
fn sweeps_nest_and_ranges_are_exact() {
    let turns = |for_each: &str| {
        let steps = format!("[[steps]]\nname = 'S'\nwait = '1 s'\nfor_each = {{ param = 'x', {for_each} }}\n");
        let procedure = procedure(&steps);
        let values = procedure
            .steps
            .iter()
            .filter_map(|step| step.parameters.get("x").map(ToString::to_string));
        values.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(
        turns("start = '0 V', stop = '0.3 V', step = '100 mV'"),
        "0 V, 0.1 V, 0.2 V, 0.3 V"
    );
    assert_eq!(turns("start = 3, stop = 1, step = 1"), "3, 2, 1");
    assert_eq!(
        turns("start = '1 V', stop = '2 V', points = 5"),
        "1 V, 1.25 V, 1.5 V, 1.75 V, 2 V"
    );
    assert_eq!(turns("start = '-1 V', stop = '1 V', points = 3"), "-1 V, 0 V, 1 V");
    assert_eq!(
        turns("start = '1 Hz', stop = '1 kHz', points = 4, scale = 'log'"),
        "1 Hz, 10 Hz, 100 Hz, 1000 Hz"
    );
    assert_eq!(turns("values = [1, 'fast', true]"), "1, fast, true");
    check(
        "[[steps]]\nname = 'Outer'\nfor_each = { param = 'a', values = [1, 2] }\n\
         steps = [{ name = 'Inner', for_each = { param = 'b', values = ['x', 'y'] }, wait = '1 s' }]\n",
        "Outer[a=1](Inner[a=1,b=x] Inner[a=1,b=y]) Outer[a=2](Inner[a=2,b=x] Inner[a=2,b=y])",
    );
}

#[test]
fn a_computed_measurement_names_those_of_its_own_turn() {
    let procedure = check(
        &format!(
            "[[steps]]\nname = 'Sweep'\nfor_each = {{ param = 'x', values = [1, 2] }}\n\
             steps = [{{ name = 'Take', {} }}, {{ name = 'Ratio', when = 'outcome(\"Take\") == \"pass\"', \
             measurements = [{{ name = 'ratio', compute = 'v / (param.x * 1 V)', unit = '%', limit = {{ high = 90 }} }}] }}]\n",
            measurement("v").trim_end()
        ),
        "Sweep[x=1](Take[x=1] Ratio[x=1]) Sweep[x=2](Take[x=2] Ratio[x=2])",
    );
    let operands: Vec<String> = procedure
        .steps
        .iter()
        .filter_map(|step| match &step.kind {
            StepKind::Measurements(measurements) => match &measurements[0].source {
                crate::MeasurementSource::Compute(expression) => Some(expression.operands()[0].name.clone()),
                crate::MeasurementSource::Reading(_)
                | crate::MeasurementSource::Said(_)
                | crate::MeasurementSource::Reduced(_) => None,
            },
            StepKind::Set { .. }
            | StepKind::Wait(_)
            | StepKind::Prompt(_)
            | StepKind::Exec(_)
            | StepKind::Query(_)
            | StepKind::Send(_)
            | StepKind::Expect(_) => None,
        })
        .collect();
    assert_eq!(operands, ["v[x=1]", "v[x=2]"]);
}
