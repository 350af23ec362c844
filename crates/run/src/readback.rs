//! Whether the outputs that a run turned on still are: a supply that trips or restarts must not become a fact about the unit.

use crate::{crew::Crew, event::InstrumentUse};
use benchtop_instrument::{Clock, ClockExt, human_duration};
use std::time::Duration;

/// Why what was measured says nothing about the unit, if an output is not as the run set it or cannot be read back.
///
/// Asks one question of each output that is on; of those of one unit, where several are tested. `patience` is each
/// instrument's.
pub(crate) async fn lost_outputs(
    crew: &Crew,
    of: Option<&[InstrumentUse]>,
    clock: &dyn Clock,
    patience: Duration,
) -> Option<String> {
    let mut lost = Vec::new();
    for (name, actor) in crew.actors() {
        let deadline = clock.now().after(patience);
        let only = match of {
            None => None,
            Some(uses) => match uses.iter().find(|used| used.name == *name) {
                Some(used) if !used.outputs.is_empty() => Some(used.outputs.clone()),
                // a meter has none to lose, and may be busy with another unit
                Some(_) | None => continue,
            },
        };
        match clock.within(deadline, actor.find_outputs_on(only)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => lost.push(format!("{name}: {error}")),
            Err(_elapsed) => lost.push(format!(
                "{name}: its outputs were not read back in {}",
                human_duration(patience)
            )),
        }
    }
    (!lost.is_empty()).then(|| lost.join("; "))
}
