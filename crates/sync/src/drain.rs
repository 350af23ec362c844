//! Draining `pending/`: every record to every target that wants it, begun oldest first, one bad one never blocking the rest.
//!
//! Uploads run beside each other, at first one alone: only a success opens the window, and a record that got stuck closes
//! it again, so that a week offline costs one attempt and not one for each place in the window.

use crate::deliver::{Now, Stop};
use crate::ledger::Ledger;
use crate::one::{Turn, one};
use crate::summary::{DrainEvent, Stopped, Summary};
use crate::target::Target;
use benchtop_store::{Listing, Place, RecordName, Sealed, Standing, Store, StoreError, TargetState};
use chrono::{DateTime, Utc};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

/// Told of every record that a drain touched.
pub type Observer<'a> = &'a mut (dyn FnMut(DrainEvent) + Send);

/// How a drain goes about it.
#[derive(Clone, Copy, Debug)]
pub struct Pace<'a> {
    /// Most records that are under way at the same time; at least 1.
    pub at_once: usize,
    /// True to leave alone what was tried a moment ago: a sync that goes on for ever rests longer after every attempt.
    pub only_due: bool,
    /// Set to true from elsewhere, it ends the drain as soon as what is under way has an answer.
    pub stop: Option<&'a AtomicBool>,
}

impl Pace<'_> {
    fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }
}

impl Default for Pace<'_> {
    fn default() -> Self {
        Self {
            at_once: 32,
            only_due: false,
            stop: None,
        }
    }
}

/// Offers every pending record to every target, once, and moves it to where its receipts say.
///
/// Holds the store's syncer lock. A record that cannot be delivered now stays in `pending/`; a target that takes
/// nothing just now is left alone until the next drain, and the others go on. Without a target nothing is sent or moved.
/// An assembly goes out after its sub-units that wait here. Blocks on the disk; dropped in the middle of a request, it
/// leaves an upload to be asked about by the next drain.
///
/// # Errors
/// [`StoreErrorKind::Locked`](benchtop_store::StoreErrorKind::Locked) when another process drains the same store; else
/// trouble with the disk: a receipt that could not be made durable ends the drain.
pub async fn drain(
    store: &Store,
    targets: &[Box<dyn Target>],
    now: Now<'_>,
    pace: Pace<'_>,
    observe: Observer<'_>,
) -> Result<Summary, StoreError> {
    let _syncer = store.lock_syncer()?;
    let mut summary = Summary::default();
    let listing = store.pending(usize::MAX)?;
    let mut stuck = 0;
    for file in &listing.foreign {
        let event = foreign(store, file);
        stuck += usize::from(matches!(event, DrainEvent::Waiting { .. }));
        summary.tell(event, observe);
    }
    let floor = Floor::new(store, targets, now, pace, &listing);
    let drained = match targets {
        [] => Ok(()),
        [_, ..] => floor.drain(&mut summary, observe).await,
    };
    // what was moved before the trouble is worth as much
    store.sync_moves()?;
    let stops = floor.into_stops();
    stops.write_down(store, targets, now())?;
    drained?;
    summary.stopped = stops.whole;
    summary.pending = at_most_usize(store.pending(0)?.count);
    summary.need_a_person = at_most_usize(store.list(Place::Parked, 0)?.count) + store.quarantined()?.len() + stuck;
    Ok(summary)
}

/// A file that nobody here wrote: it is never uploaded, and it blocks nothing.
fn foreign(store: &Store, file: &str) -> DrainEvent {
    let reason = "not the name of a record: not written by benchtop, never uploaded";
    match store.quarantine(file, reason) {
        Ok(quarantined) => DrainEvent::Quarantined {
            record: quarantined.name,
            reason: quarantined.reason,
        },
        Err(error) => DrainEvent::Waiting {
            record: file.to_owned(),
            reasons: vec![("store".into(), error.to_string())],
        },
    }
}

fn at_most_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// What the records of one drain share.
pub(crate) struct Floor<'a> {
    pub(crate) store: &'a Store,
    pub(crate) ledger: Ledger,
    pub(crate) targets: &'a [Box<dyn Target>],
    pub(crate) now: Now<'a>,
    pub(crate) pace: Pace<'a>,
    names: &'a [RecordName],
    stops: Mutex<Stops>,
    /// Places in `names` of the records that left `pending/`.
    gone: Mutex<BTreeSet<usize>>,
}

impl<'a> Floor<'a> {
    fn new(
        store: &'a Store,
        targets: &'a [Box<dyn Target>],
        now: Now<'a>,
        pace: Pace<'a>,
        listing: &'a Listing,
    ) -> Self {
        Self {
            store,
            ledger: Ledger::new(store),
            targets,
            now,
            pace,
            names: &listing.names,
            stops: Mutex::default(),
            gone: Mutex::default(),
        }
    }

    /// What is stopped. Nothing panics while it is held; if something did, the table would still be whole.
    pub(crate) fn stops(&self) -> MutexGuard<'_, Stops> {
        self.stops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gone(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn into_stops(self) -> Stops {
        self.stops.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records of these units that wait here too, other than that of `run_id`.
    pub(crate) fn waiting_for(&self, serial_numbers: &[String], run_id: &str) -> Vec<&'a RecordName> {
        let gone = self.gone();
        let others = self.names.iter().enumerate();
        let others = others.filter(|(at, name)| !gone.contains(at) && name.run_id() != run_id);
        others
            .map(|(_, name)| name)
            .filter(|name| serial_numbers.iter().any(|serial| name.is_of(serial)))
            .collect()
    }

    async fn drain(&self, summary: &mut Summary, observe: Observer<'_>) -> Result<(), StoreError> {
        let mut queue: VecDeque<usize> = (0..self.names.len()).collect();
        let mut patient = true;
        loop {
            let before = queue.len();
            let postponed = self.pass(queue, patient, summary, observe).await?;
            if postponed.is_empty() || self.pace.is_stopped() {
                return Ok(());
            }
            patient = true;
            if postponed.len() < before {
                queue = postponed.into_iter().map(|(at, _)| at).collect();
                continue;
            }
            let own: BTreeSet<&str> = postponed
                .iter()
                .filter_map(|(at, _)| Some(self.names.get(*at)?.run_id()))
                .collect();
            let is_stuck = |by: &[&RecordName]| by.iter().any(|name| !own.contains(name.run_id()));
            let (stuck, ring): (Vec<_>, Vec<_>) = postponed.iter().partition(|(_, by)| is_stuck(by));
            // assemblies that wait only for one another: the oldest goes first after all
            patient = !stuck.is_empty();
            for (at, by) in stuck {
                self.names
                    .get(*at)
                    .into_iter()
                    .for_each(|name| summary.tell(behind(name, by), observe));
            }
            queue = ring.into_iter().map(|(at, _)| *at).collect();
        }
    }

    /// One pass over these; what waits for its sub-units comes back with their records, unless this pass is not `patient`:
    /// then the first of them is sent all the same.
    async fn pass(
        &self,
        mut queue: VecDeque<usize>,
        mut patient: bool,
        summary: &mut Summary,
        observe: Observer<'_>,
    ) -> Result<Vec<(usize, Vec<&'a RecordName>)>, StoreError> {
        let mut postponed = Vec::new();
        let mut running = FuturesUnordered::new();
        let mut window = 1;
        loop {
            while running.len() < window
                && !self.pace.is_stopped()
                && let Some(at) = queue.pop_front()
            {
                let Some(name) = self.names.get(at) else { continue };
                if let Some(event) = self.not_tried(name) {
                    summary.tell(event, observe);
                    continue;
                }
                let wait = patient;
                patient = true;
                running.push(async move { (at, one(self, name, wait).await) });
            }
            let next = poll_fn(|context| {
                loop {
                    match running.poll_next_unpin(context) {
                        Poll::Ready(next) => return Poll::Ready(Ok(next)),
                        // everybody waits: for an answer, or for a receipt to be durable
                        Poll::Pending => match self.ledger.flush() {
                            Ok(true) => {}
                            Ok(false) => return Poll::Pending,
                            Err(error) => return Poll::Ready(Err(error)),
                        },
                    }
                }
            });
            let Some((at, turn)) = next.await? else {
                return Ok(postponed);
            };
            match turn? {
                Turn::Postponed { by } => postponed.push((at, by)),
                Turn::NotDue => {}
                Turn::Told { events, left } => {
                    if left {
                        self.gone().insert(at);
                    }
                    let is_well = events.iter().all(|event| matches!(event, DrainEvent::Synced { .. }));
                    window = if is_well {
                        (window * 2).min(self.pace.at_once.max(1))
                    } else {
                        1
                    };
                    events.into_iter().for_each(|event| summary.tell(event, observe));
                }
            }
        }
    }

    /// A line for a record when nobody takes anything any more: a person counts them.
    fn not_tried(&self, name: &RecordName) -> Option<DrainEvent> {
        let stops = self.stops();
        if stops.whole.len() < self.targets.len() {
            return None;
        }
        let not_tried = |(target, stop): (&String, &Stopped)| (target.clone(), format!("not tried: {}", stop.reason));
        Some(DrainEvent::Waiting {
            record: name.to_string(),
            reasons: stops.whole.iter().map(not_tried).collect(),
        })
    }
}

/// An assembly whose sub-units did not get through.
fn behind(name: &RecordName, by: &[&RecordName]) -> DrainEvent {
    let first = by.first().map_or("", |name| name.as_str());
    DrainEvent::Waiting {
        record: name.to_string(),
        reasons: vec![("store".into(), format!("its sub-unit goes first: {first}"))],
    }
}

/// What is not tried any more in this drain, and what the targets said beside.
#[derive(Debug, Default)]
pub(crate) struct Stops {
    /// By target.
    whole: BTreeMap<String, Stopped>,
    /// By target and procedure id.
    procedures: BTreeMap<(String, String), Stopped>,
    /// Targets that were asked whether anybody is there.
    asked: BTreeSet<String>,
    /// By target: when it was last tried, and by how many seconds its clock is ahead.
    tried: BTreeMap<String, (DateTime<Utc>, Option<i64>)>,
    /// By target: when it last confirmed a run.
    confirmed: BTreeMap<String, DateTime<Utc>>,
}

impl Stops {
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

    /// Notes that a target was tried, and what its clock says.
    pub(crate) fn tried(&mut self, target: &str, now: DateTime<Utc>, server: Option<DateTime<Utc>>) {
        let ahead = server.map(|server| (server - now).num_seconds());
        let before = self.tried.get(target).and_then(|(_, ahead)| *ahead);
        self.tried.insert(target.to_owned(), (now, ahead.or(before)));
    }

    /// Notes that a target confirmed a run.
    pub(crate) fn confirmed(&mut self, target: &str, now: DateTime<Utc>) {
        self.confirmed.insert(target.to_owned(), now);
    }

    /// For `sync status`.
    fn write_down(&self, store: &Store, targets: &[Box<dyn Target>], now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut outlook = store.outlook();
        let before = outlook.clone();
        for name in targets.iter().map(|target| target.name()) {
            let stopped = self.whole.get(name);
            if stopped.is_none() && !self.tried.contains_key(name) {
                continue;
            }
            let target = outlook.targets.entry(name.to_owned()).or_default();
            if let Some((at, ahead)) = self.tried.get(name) {
                target.last_try = Some(*at);
                target.clock_ahead_s = ahead.or(target.clock_ahead_s);
            }
            target.last_success = self.confirmed.get(name).copied().or(target.last_success);
            target.stopped = stopped.map(|stop| stop.reason.clone());
            let rest = stopped.and_then(|stop| chrono::TimeDelta::from_std(stop.after?).ok());
            target.next_try = rest.and_then(|rest| now.checked_add_signed(rest));
        }
        match outlook == before {
            true => Ok(()),
            false => store.set_outlook(&outlook),
        }
    }
}
