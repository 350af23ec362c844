//! Which relays the fixture's setup leaves closed for all units.
//!
//! A unit is tested only where that setup passed: every step of it that no condition passes over has run then, each in its
//! order, and a switch reads back what it opens. So a relay that is opened behind its closing, come what may, is open.

use crate::model::{LogicalName, PlanNode, Procedure};
use benchtop_instrument::Setting;
use std::collections::BTreeSet;

/// The relays that may be closed when the units' turn comes.
pub(super) fn kept_closed(procedure: &Procedure) -> BTreeSet<(LogicalName, u32)> {
    let mut kept = BTreeSet::new();
    let nodes = procedure.plan.setup.iter().take(procedure.fixture.setup_nodes);
    nodes.for_each(|node| walk(procedure, node, true, &mut kept));
    kept
}

/// `is_certain` where no condition around it passes it over.
fn walk(procedure: &Procedure, node: &PlanNode, is_certain: bool, kept: &mut BTreeSet<(LogicalName, u32)>) {
    let index = match node {
        PlanNode::Step(index) => *index,
        PlanNode::Group(group) => {
            let is_certain = is_certain && group.when.is_none();
            group
                .nodes
                .iter()
                .for_each(|node| walk(procedure, node, is_certain, kept));
            return;
        }
    };
    let Some(step) = procedure.setup.get(index) else { return };
    let Some((instrument, Setting::Switch(switch))) = step.kind.setting() else {
        return;
    };
    if is_certain && step.when.is_none() {
        kept.retain(|(of, channel)| of != instrument || !(switch.exclusive || switch.open.contains(channel)));
    }
    // what opens opens first
    kept.extend(switch.close.iter().map(|channel| (instrument.clone(), *channel)));
}
