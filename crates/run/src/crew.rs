//! The open instruments. They may outlive a run, so that the next one finds them open.

use crate::{actor::Actor, bench::Bench, event::InstrumentReady};
use benchtop_instrument::{Clock, ClockExt, human_duration};
use benchtop_procedure::LogicalName;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Open instruments by logical name; cheap to clone.
///
/// A run leaves its instruments in it, made safe. Dropping it ends their sessions without a word to them.
#[derive(Clone, Debug, Default)]
pub struct Crew(BTreeMap<LogicalName, Arc<Actor>>);

impl Crew {
    pub(crate) fn get(&self, name: &LogicalName) -> Option<&Actor> {
        self.0.get(name).map(Arc::as_ref)
    }

    /// Every open instrument, by name.
    pub(crate) fn actors(&self) -> impl Iterator<Item = (&LogicalName, &Actor)> {
        self.0.iter().map(|(name, actor)| (name, actor.as_ref()))
    }

    /// Brings an instrument into its start state: one that is open, or else on a fresh session. Why one that was open had to be
    /// opened again stands beside it.
    pub(crate) async fn prepare(
        &mut self,
        name: &LogicalName,
        bench: &dyn Bench,
        clock: &dyn Clock,
        patience: Duration,
    ) -> Result<(InstrumentReady, Option<String>), String> {
        let mut lost = None;
        if let Some(actor) = self.0.get(name) {
            match start_state(name, actor, clock, patience).await {
                Ok(ready) => return Ok((ready, None)),
                // switched off and on again between two runs, or its cable was out: as if it had never been open
                Err(reason) => lost = Some(reason),
            }
            self.dismiss(name);
        }
        let late = |_elapsed| format!("{name}: not ready in {}", human_duration(patience));
        let deadline = clock.now().after(patience);
        let opened = clock.within(deadline, bench.open(name)).await.map_err(late)?;
        let instrument = opened.map_err(|error| format!("{name}: {error}"))?;
        let actor = Actor::start(name.clone(), instrument, clock);
        match start_state(name, &actor, clock, deadline.since(clock.now())).await {
            Ok(ready) => {
                self.0.insert(name.clone(), Arc::new(actor));
                Ok((ready, lost))
            }
            // it may be another instrument than the station says: nothing further is sent to it
            Err(reason) => {
                actor.kill();
                Err(reason)
            }
        }
    }

    /// Ends a session at once, without a word to the instrument.
    pub(crate) fn dismiss(&mut self, name: &LogicalName) {
        if let Some(actor) = self.0.remove(name) {
            actor.kill();
        }
    }

    /// Closes every session, each in `patience` at most. They were made safe before: one that does not close well changes
    /// nothing about that.
    pub async fn close(self, clock: &dyn Clock, patience: Duration) {
        for actor in self.0.values() {
            drop(clock.within(clock.now().after(patience), actor.close()).await);
            actor.kill();
        }
    }
}

async fn start_state(
    name: &LogicalName,
    actor: &Actor,
    clock: &dyn Clock,
    patience: Duration,
) -> Result<InstrumentReady, String> {
    match clock.within(clock.now().after(patience), actor.prepare()).await {
        Ok(Ok(state)) => Ok(InstrumentReady {
            name: name.clone(),
            identity: state.identity,
            stale_errors: state.stale_errors,
        }),
        Ok(Err(error)) => Err(format!("{name}: {error}")),
        Err(_elapsed) => Err(format!("{name}: not ready in {}", human_duration(patience))),
    }
}
