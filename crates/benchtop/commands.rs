//! Commands that a procedure starts and this computer has not got.

use crate::outside::folder_of;
use benchtop_notation::{Diagnostic, Diagnostics};
use benchtop_procedure::{Exec, PlanNode, Procedure, Step, StepKind};
use benchtop_run::{Partial, Section, StepAddress};
use benchtop_transport::process;
use std::{collections::BTreeSet, path::Path};

/// Warns of those that this computer has not got: the station may have them.
pub(crate) fn warn(procedure: &Procedure, file: &str, sink: &mut Diagnostics) {
    for step in procedure.all_steps() {
        if let Some((exec, message)) = missing(step, file) {
            let help = "a run on this computer would be refused or end in an Error";
            sink.push(Diagnostic::warning(&exec.place, &message).help(help));
        }
    }
}

/// Refuses those that are started for sure. A file that a command before it may write is given the time to be written.
pub(crate) fn refuse(procedure: &Procedure, file: &str, partial: Option<&Partial>, sink: &mut Diagnostics) {
    let plan = &procedure.plan;
    let mut may_be_written = false;
    for (section, steps, nodes) in [
        (Section::Setup, &procedure.setup, &plan.setup),
        (Section::Main, &procedure.steps, &plan.steps),
        (Section::Teardown, &procedure.teardown, &plan.teardown),
    ] {
        let conditional = conditional(nodes);
        for (index, step) in steps.iter().enumerate() {
            let StepKind::Exec(_) = step.kind else { continue };
            let address = StepAddress { section, index };
            if partial.is_some_and(|partial| partial.left_out.contains(&address)) {
                continue;
            }
            let is_sure = step.when.is_none() && !conditional.contains(&index);
            if let Some((exec, message)) = missing(step, file)
                && is_sure
                && !(may_be_written && is_path(exec))
            {
                sink.error(&exec.place, &message);
            }
            may_be_written = true;
        }
    }
}

fn missing<'p>(step: &'p Step, file: &str) -> Option<(&'p Exec, String)> {
    let StepKind::Exec(exec) = &step.kind else { return None };
    let program = exec.argv.first()?;
    let is_missing = !process::may_start(program, &folder_of(file));
    let message = format!(
        "step \"{}\": there is no program `{program}` on this computer",
        step.name
    );
    is_missing.then_some((exec.as_ref(), message))
}

/// False for what is looked for on the search path.
fn is_path(exec: &Exec) -> bool {
    exec.argv
        .first()
        .is_some_and(|program| Path::new(program).components().count() > 1)
}

/// The steps of groups that may be left out.
fn conditional(nodes: &[PlanNode]) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut to_see: Vec<(&PlanNode, bool)> = nodes.iter().map(|node| (node, false)).collect();
    while let Some((node, is_conditional)) = to_see.pop() {
        match node {
            PlanNode::Step(index) if is_conditional => drop(found.insert(*index)),
            PlanNode::Step(_) => {}
            PlanNode::Group(group) => {
                let is_conditional = is_conditional || group.when.is_some();
                to_see.extend(group.nodes.iter().map(|node| (node, is_conditional)));
            }
        }
    }
    found
}
