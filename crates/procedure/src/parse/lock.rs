//! `lock = ["mux", "dmm"]` on a group: what it holds across its steps while other slots run.
//!
//! Nothing can wait in a circle: a group takes all that it holds at once and in one order, no group inside it takes more, and its
//! steps use nothing else that some group locks.

use super::draft::Draft;
use crate::model::{Group, LogicalName, Plan, PlanNode, Procedure, Step};
use benchtop_instrument::Class;
use benchtop_notation::{Diagnostic, Diagnostics, Table, suggest};
use std::collections::BTreeMap;

/// The instruments that a group holds, in the order in which they are taken; none where none are written.
pub(super) fn read(draft: &mut Draft, table: &Table<'_>, label: &str) -> Vec<LogicalName> {
    let Some(place) = table.key_span("lock").cloned() else {
        return Vec::new();
    };
    if let Some(outer) = &draft.locked {
        let message = format!("{label} is inside {outer}, which holds instruments already");
        let finding = Diagnostic::error(&place, &message);
        draft
            .sink
            .push(finding.help("the outer group holds what its steps need, all of it"));
    }
    if draft.is_fixture {
        let message = format!("{label} needs no `lock`: nothing else runs beside the steps of the fixture");
        draft.sink.push(Diagnostic::warning(&place, &message));
    }
    let mut held = Vec::new();
    let names = table.strings(&mut draft.sink, "lock");
    if names.as_ref().is_some_and(Vec::is_empty) {
        draft.sink.error(&place, &format!("{label}: `lock` is empty"));
    }
    for name in names.into_iter().flatten() {
        let wanted = LogicalName(name.value.clone());
        match draft.instruments.get(&wanted) {
            None => {
                let known: Vec<&str> = draft.instruments.keys().map(|name| name.0.as_str()).collect();
                let message = format!("{label}: there is no [instruments.{wanted}] in this procedure");
                let finding = Diagnostic::error(&name.span, &message);
                draft.sink.push(match suggest(&name.value, known.iter().copied()) {
                    Some(meant) => finding.help(&format!("did you mean `{meant}`?")),
                    None => finding,
                });
            }
            Some(Some(need)) if need.class == Class::Console => {
                let message = format!("{label}: {wanted} is the unit's own link, which no other slot uses");
                draft.sink.error(&name.span, &message);
            }
            Some(_) if held.contains(&wanted) => {
                let message = format!("{label}: `{wanted}` is here for the second time");
                draft.sink.error(&name.span, &message);
            }
            Some(_) => held.push(wanted),
        }
    }
    held.sort();
    held
}

/// Refuses `lock` where it is on a step.
pub(super) fn refuse_on_step(sink: &mut Diagnostics, table: &Table<'_>) {
    if let Some(place) = table.key_span("lock") {
        let finding = Diagnostic::error(
            place,
            "`lock` is for groups: a step has its instruments for itself anyway",
        );
        sink.push(finding.help("make a group of the steps that belong together"));
    }
}

/// A step of a group that holds instruments uses no other one that some group locks.
pub(super) fn check(sink: &mut Diagnostics, procedure: &Procedure) {
    let Plan { setup, steps, teardown } = &procedure.plan;
    let sections = [
        (setup, &procedure.setup),
        (steps, &procedure.steps),
        (teardown, &procedure.teardown),
    ];
    let mut locked = BTreeMap::new();
    for (nodes, _) in sections {
        collect(nodes, &mut locked);
    }
    if locked.is_empty() {
        return;
    }
    for (nodes, steps) in sections {
        check_nodes(sink, nodes, steps, None, &locked);
    }
}

/// Which group locks each instrument, the first of them.
fn collect<'p>(nodes: &'p [PlanNode], locked: &mut BTreeMap<&'p LogicalName, &'p str>) {
    for node in nodes {
        let PlanNode::Group(group) = node else { continue };
        for name in &group.lock {
            locked.entry(name).or_insert(&group.name);
        }
        collect(&group.nodes, locked);
    }
}

fn check_nodes(
    sink: &mut Diagnostics,
    nodes: &[PlanNode],
    steps: &[Step],
    holder: Option<&Group>,
    locked: &BTreeMap<&LogicalName, &str>,
) {
    for node in nodes {
        match node {
            PlanNode::Group(group) => {
                let holds = (!group.lock.is_empty()).then_some(group.as_ref());
                check_nodes(sink, &group.nodes, steps, holder.or(holds), locked);
            }
            PlanNode::Step(index) => {
                let (Some(step), Some(holder)) = (steps.get(*index), holder) else {
                    continue;
                };
                let missing = step
                    .instruments()
                    .find(|name| !holder.lock.contains(name) && locked.contains_key(name));
                if let Some(name) = missing {
                    let other = locked.get(name).copied().unwrap_or_default();
                    let message = format!(
                        "step \"{}\" uses {name}, which group \"{other}\" locks and group \"{}\" around it does not hold",
                        step.name, holder.name
                    );
                    let help = format!("add \"{name}\" to the `lock` of group \"{}\"", holder.name);
                    sink.push(Diagnostic::error(&step.place, &message).help(&help));
                }
            }
        }
    }
}
