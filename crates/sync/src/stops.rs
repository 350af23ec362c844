//! What is not tried any more in a drain, and what is told of the targets at its end.

use crate::deliver::{Delivery, Stop};
use crate::http::LONGEST_REST;
use crate::summary::{DrainEvent, Stopped};
use crate::target::Target;
use benchtop_store::{Sealed, Standing, Store, StoreError, TargetOutlook, TargetState};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// Those of `targets` that asked an earlier sync to be left alone until a time that is still to come, with what is left of it.
///
/// A rest that would be longer than a target can ask for comes from a clock that was set back, and is none.
#[must_use]
pub fn left_alone(store: &Store, targets: &[Box<dyn Target>], now: DateTime<Utc>) -> BTreeMap<String, Stopped> {
    let rest_of = |target: TargetOutlook| {
        let left = (target.next_try? - now).to_std().ok();
        let after = left.filter(|left| !left.is_zero() && *left <= LONGEST_REST)?;
        Some(Stopped {
            reason: target.stopped?,
            after: Some(after),
        })
    };
    // the store knows of targets too that the station file names no more: their rest keeps nobody else waiting
    let mut known = store.outlook().targets;
    let names = targets.iter().map(|target| target.name());
    names
        .filter_map(|name| Some((name.to_owned(), rest_of(known.remove(name)?)?)))
        .collect()
}

/// Most reasons that are told of a target.
pub(crate) const MOST_REASONS: usize = 50;

/// By how much a clock is ahead that said this between two moments of ours. Between them, and within the second to which it is told,
/// it is not.
fn ahead(said: DateTime<Utc>, begun: DateTime<Utc>, ended: DateTime<Utc>) -> TimeDelta {
    let begun = begun - TimeDelta::seconds(1);
    if said > ended {
        return said - ended;
    }
    (said - begun).min(TimeDelta::zero())
}

/// One more for a reason; beyond [`MOST_REASONS`] the new ones are left out.
pub(crate) fn count(reasons: &mut BTreeMap<String, u64>, reason: &str) {
    if let Some(known) = reasons.get_mut(reason) {
        *known += 1;
    } else if reasons.len() < MOST_REASONS {
        reasons.insert(reason.to_owned(), 1);
    }
}

/// What is not tried any more in this drain, and what the targets said beside.
#[derive(Debug, Default)]
pub(crate) struct Stops {
    /// By target.
    pub(crate) whole: BTreeMap<String, Stopped>,
    /// Of those, the ones that were stopped before the drain.
    resting: BTreeSet<String>,
    /// By target and procedure id.
    procedures: BTreeMap<(String, String), Stopped>,
    /// Targets that were asked whether anybody is there.
    asked: BTreeSet<String>,
    /// By target: when it was last tried, and by how many seconds its clock is ahead.
    tried: BTreeMap<String, (DateTime<Utc>, Option<i64>)>,
    /// By target: when it last confirmed a run.
    confirmed: BTreeMap<String, DateTime<Utc>>,
    /// By target: what the station file lacks for runs of this drain, with how many.
    not_configured: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Stops {
    /// With targets that are not tried.
    pub(crate) fn with(resting: BTreeMap<String, Stopped>) -> Self {
        Self {
            resting: resting.keys().cloned().collect(),
            whole: resting,
            ..Self::default()
        }
    }

    /// True once in a drain, before a record is tried again that the target deferred before: a week offline costs a
    /// question a drain, not an attempt and its receipts.
    pub(crate) fn is_to_be_asked(&mut self, target: &str, state: &TargetState) -> bool {
        let deferred = matches!(state.standing, Standing::Deferred { .. });
        deferred && !self.whole.contains_key(target) && self.asked.insert(target.to_owned())
    }

    pub(crate) fn of(&self, target: &str, sealed: &Sealed) -> Option<&Stopped> {
        let procedure = (target.to_owned(), sealed.record.procedure_id.clone());
        self.whole.get(target).or_else(|| self.procedures.get(&procedure))
    }

    /// Adds a stop; tells of it unless it is known.
    pub(crate) fn add(&mut self, target: &str, sealed: &Sealed, stop: Stop) -> Option<DrainEvent> {
        let procedure = sealed.record.procedure_id.clone();
        let (reason, replaced) = match stop {
            // how long it asked to be left alone holds
            Stop::Target(stop) if stop.after.is_none() && self.whole.contains_key(target) => return None,
            Stop::Target(stop) => (stop.reason.clone(), self.whole.insert(target.to_owned(), stop)),
            Stop::Procedure(stop) => {
                let reason = format!("runs of {procedure}: {}", stop.reason);
                (reason, self.procedures.insert((target.to_owned(), procedure), stop))
            }
        };
        replaced.is_none().then(|| DrainEvent::TargetStopped {
            target: target.to_owned(),
            reason,
        })
    }

    /// Notes what a target made of a record, how long that took, and what its clock says.
    pub(crate) fn took(
        &mut self,
        target: &str,
        delivery: &Delivery,
        now: DateTime<Utc>,
        took: TimeDelta,
        server: Option<DateTime<Utc>>,
    ) {
        let ahead = server.map(|server| ahead(server, now - took, now).num_seconds());
        let before = self.tried.get(target).and_then(|(_, ahead)| *ahead);
        self.tried.insert(target.to_owned(), (now, ahead.or(before)));
        match delivery {
            Delivery::Has { .. } => drop(self.confirmed.insert(target.to_owned(), now)),
            Delivery::NotConfigured { reason } => {
                let reasons = self.not_configured.entry(target.to_owned()).or_default();
                count(reasons, reason);
            }
            Delivery::Lacks { .. } | Delivery::Refuses { .. } | Delivery::NotForIt { .. } => {}
        }
    }

    /// For `sync status`; `was_whole` where no person ended the drain before its end.
    pub(crate) fn write_down(
        &self,
        store: &Store,
        targets: &[Box<dyn Target>],
        was_whole: bool,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut outlook = store.outlook();
        let before = outlook.clone();
        for name in targets.iter().map(|target| target.name()) {
            let stopped = self.whole.get(name);
            let lacking = self.not_configured.get(name).cloned().unwrap_or_default();
            let is_known = !lacking.is_empty() || outlook.targets.contains_key(name);
            // only where every run was looked at
            if was_whole && stopped.is_none() && is_known {
                outlook.targets.entry(name.to_owned()).or_default().not_configured = lacking;
            }
            if self.resting.contains(name) || (stopped.is_none() && !self.tried.contains_key(name)) {
                continue;
            }
            let target = outlook.targets.entry(name.to_owned()).or_default();
            if let Some((at, ahead)) = self.tried.get(name) {
                target.last_try = Some(*at);
                target.clock_ahead_s = ahead.or(target.clock_ahead_s);
            }
            target.last_success = self.confirmed.get(name).copied().or(target.last_success);
            target.stopped = stopped.map(|stop| stop.reason.clone());
            let rest = stopped.and_then(|stop| TimeDelta::from_std(stop.after?).ok());
            target.next_try = rest.and_then(|rest| now.checked_add_signed(rest));
        }
        match outlook == before {
            true => Ok(()),
            false => store.set_outlook(&outlook),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_takes_long_is_no_clock_that_is_behind() {
        let at = |seconds: i64| DateTime::from_timestamp(1_772_000_000 + seconds, 0).unwrap();
        let ahead = |said| ahead(at(said), at(0), at(23)).num_seconds();
        assert_eq!([-61, -1, 0, 12, 23, 83].map(ahead), [-60, 0, 0, 0, 0, 60]);
    }
}
