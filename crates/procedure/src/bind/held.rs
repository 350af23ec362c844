//! Which instruments a unit's steps have to themselves while other slots run.

use crate::model::{LogicalName, PlanNode, Procedure, Step};

/// Each step of the unit with the instruments that the groups around it hold.
pub(super) fn held(procedure: &Procedure) -> Vec<(&Step, Vec<&LogicalName>)> {
    let (plan, fixture) = (&procedure.plan, procedure.fixture);
    let first_behind = procedure.teardown.len().saturating_sub(fixture.teardown);
    let mut found = Vec::new();
    walk(&plan.setup, &[], &mut |index, held| {
        let step = procedure.setup.get(index).filter(|_| index >= fixture.setup);
        found.extend(step.map(|step| (step, held.to_vec())));
    });
    walk(&plan.steps, &[], &mut |index, held| {
        found.extend(procedure.steps.get(index).map(|step| (step, held.to_vec())));
    });
    walk(&plan.teardown, &[], &mut |index, held| {
        let step = procedure.teardown.get(index).filter(|_| index < first_behind);
        found.extend(step.map(|step| (step, held.to_vec())));
    });
    found
}

fn walk<'p>(nodes: &'p [PlanNode], held: &[&'p LogicalName], each: &mut impl FnMut(usize, &[&'p LogicalName])) {
    for node in nodes {
        match node {
            PlanNode::Step(index) => each(*index, held),
            PlanNode::Group(group) => {
                let held: Vec<&LogicalName> = held.iter().copied().chain(&group.lock).collect();
                walk(&group.nodes, &held, each);
            }
        }
    }
}
