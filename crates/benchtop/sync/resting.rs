//! Targets that asked to be left alone, each until its own time: the others go on meanwhile.

use benchtop_instrument::Moment;
use benchtop_sync::Stopped;
use std::{collections::BTreeMap, time::Duration};

/// Shortest rest.
const SHORTEST: Duration = Duration::from_secs(1);

/// Which, and until when.
#[derive(Debug, Default)]
pub(super) struct Resting(BTreeMap<String, (Moment, Stopped)>);

impl Resting {
    /// Those that rest now.
    pub(super) fn at(&mut self, now: Moment) -> BTreeMap<String, Stopped> {
        self.0.retain(|_, (until, _)| *until > now);
        let rests = self
            .0
            .iter()
            .map(|(name, (_, stopped))| (name.clone(), stopped.clone()));
        rests.collect()
    }

    /// Takes those that asked for it in a drain that ended now.
    pub(super) fn take(&mut self, stopped: &BTreeMap<String, Stopped>, now: Moment) {
        for (name, stopped) in stopped {
            if let Some(after) = stopped.after
                && !self.0.contains_key(name)
            {
                let until = now.after(after.max(SHORTEST));
                self.0.insert(name.clone(), (until, stopped.clone()));
            }
        }
    }

    /// When the first of them may be tried again.
    pub(super) fn first_end(&self) -> Option<Moment> {
        self.0.values().map(|(until, _)| *until).min()
    }
}
