//! What a drain tells: one event for each record it touched, and a summary.

use std::collections::BTreeMap;
use std::time::Duration;

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DrainEvent {
    /// Every target that wants it has it; it lies in `synced/`.
    Synced {
        /// Its file name.
        record: String,
        /// Target and the target's name for the run.
        remote_ids: Vec<(String, String)>,
        /// What was sent differs from the record in form: sentences for people.
        notes: Vec<String>,
    },
    /// A target still lacks it; it stays in `pending/`.
    Waiting {
        /// Its file name.
        record: String,
        /// Target and why.
        reasons: Vec<(String, String)>,
        /// Targets that will never take it, with their words: a person is wanted although another one lacks it still.
        refused: Vec<(String, String)>,
    },
    /// A target will never take it; it lies in `parked/`.
    Parked {
        /// Its file name.
        record: String,
        /// Target and its words.
        reasons: Vec<(String, String)>,
    },
    /// The file is not what was written; it lies in `quarantine/`.
    Quarantined {
        /// Its file name.
        record: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No target wants it; it lies in `kept/`. It was sent nowhere.
    Kept {
        /// Its file name.
        record: String,
        /// Target and why not.
        reasons: Vec<(String, String)>,
    },
    /// A target takes nothing more in this drain, or no more runs of one procedure; records that are not named stay in
    /// `pending/`.
    TargetStopped {
        /// The target.
        target: String,
        /// Why.
        reason: String,
    },
}

/// What a drain did, and what is left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records that every target has confirmed, in this drain.
    pub synced: usize,
    /// Records that are still in `pending/`.
    pub pending: usize,
    /// Records that were parked in this drain.
    pub parked: usize,
    /// Records that were put into quarantine in this drain.
    pub quarantined: usize,
    /// Records that no target wanted, in this drain.
    pub kept: usize,
    /// Records that a target refused for good, and that wait for another one.
    pub refused: usize,
    /// Records in `parked/` and `quarantine/` when the drain ended: those that wait for a person.
    pub need_a_person: usize,
    /// True where it ended because the next drain follows at once, and goes on where this one ended.
    pub goes_on: bool,
    /// How many uploads might be under way at its end, by target, without those that were stopped.
    pub windows: BTreeMap<String, usize>,
    /// Targets that took nothing at all any more, by name.
    pub stopped: BTreeMap<String, Stopped>,
}

/// Why a target takes nothing more in this drain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Why.
    pub reason: String,
    /// How long it asked to be left alone; at most five minutes.
    pub after: Option<Duration>,
}

impl Summary {
    /// Counts an event and passes it on.
    pub(crate) fn tell(&mut self, event: DrainEvent, observe: &mut (dyn FnMut(DrainEvent) + Send)) {
        match &event {
            DrainEvent::Synced { .. } => self.synced += 1,
            DrainEvent::Parked { .. } => self.parked += 1,
            DrainEvent::Quarantined { .. } => self.quarantined += 1,
            DrainEvent::Kept { .. } => self.kept += 1,
            // What waits is counted in the folder when the drain ends; targets are listed beside.
            DrainEvent::Waiting { refused, .. } => self.refused += usize::from(!refused.is_empty()),
            DrainEvent::TargetStopped { .. } => {}
        }
        observe(event);
    }

    /// 0 when everything is confirmed, 1 when something is pending, 3 when a target parked something or something is in quarantine.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if self.need_a_person > 0 || self.parked > 0 || self.quarantined > 0 || self.refused > 0 {
            return 3;
        }
        u8::from(self.pending > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::Summary;

    #[test]
    fn the_gravest_thing_gives_the_exit_code() {
        let clean = Summary {
            synced: 3,
            kept: 1,
            ..Summary::default()
        };
        assert_eq!(clean.exit_code(), 0);
        let waiting = Summary {
            pending: 1,
            ..clean.clone()
        };
        assert_eq!(waiting.exit_code(), 1);
        let older = Summary {
            need_a_person: 1,
            ..clean.clone()
        };
        assert_eq!(older.exit_code(), 3);
        let elsewhere = Summary {
            refused: 1,
            ..waiting.clone()
        };
        assert_eq!(elsewhere.exit_code(), 3);
        let both = Summary { parked: 1, ..waiting };
        assert_eq!(both.exit_code(), 3);
        assert_eq!(
            Summary {
                quarantined: 1,
                ..clean
            }
            .exit_code(),
            3
        );
    }
}
