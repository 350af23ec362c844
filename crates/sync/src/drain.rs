//! Draining `pending/`: every record to every target that wants it, oldest first, one bad one never blocking the rest.

use crate::deliver::{Delivery, Desk, Now, Stop, deliver};
use crate::summary::{DrainEvent, Stopped, Summary};
use crate::target::{Progress, Target};
use benchtop_store::{Loaded, Place, RecordName, Sealed, Standing, Store, StoreError, StoreErrorKind, TargetState};
use std::collections::{BTreeMap, BTreeSet};

/// Told of every record that a drain touched.
pub type Observer<'a> = &'a mut (dyn FnMut(DrainEvent) + Send);

/// Offers every pending record to every target, once, and moves it to where its receipts say.
///
/// Holds the store's syncer lock. A record that cannot be delivered now stays in `pending/`; a target that takes
/// nothing just now is left alone until the next drain, and the others go on. Without a target nothing is sent or moved.
/// Blocks on the disk; dropped in the middle of a request, it leaves an upload to be asked about by the next drain.
///
/// # Errors
/// [`StoreErrorKind::Locked`] when another process drains the same store; else trouble with the disk: a receipt that
/// could not be made durable ends the drain.
pub async fn drain(
    store: &Store,
    targets: &[Box<dyn Target>],
    now: Now<'_>,
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
    let mut stops = Stops::default();
    for name in &listing.names {
        if targets.is_empty() {
            break;
        }
        if stops.whole.len() == targets.len() {
            // still a line for each: a person counts them
            let not_tried =
                |(target, stop): (&String, &Stopped)| (target.clone(), format!("not tried: {}", stop.reason));
            let event = DrainEvent::Waiting {
                record: name.to_string(),
                reasons: stops.whole.iter().map(not_tried).collect(),
            };
            summary.tell(event, observe);
            continue;
        }
        let told = one(store, targets, now, name, &mut stops).await?;
        told.into_iter().for_each(|event| summary.tell(event, observe));
    }
    store.sync_moves()?;
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

/// What is not tried any more in this drain.
#[derive(Debug, Default)]
struct Stops {
    /// By target.
    whole: BTreeMap<String, Stopped>,
    /// By target and procedure id.
    procedures: BTreeMap<(String, String), Stopped>,
    /// Targets that were asked whether anybody is there.
    asked: BTreeSet<String>,
}

impl Stops {
    /// True once in a drain, before a record is tried again that the target deferred before: a week offline costs a
    /// question a drain, not an attempt and its receipts.
    fn is_to_be_asked(&mut self, target: &str, state: &TargetState) -> bool {
        let deferred = matches!(state.standing, Standing::Deferred { .. });
        deferred && !self.whole.contains_key(target) && self.asked.insert(target.to_owned())
    }

    fn of(&self, target: &str, sealed: &Sealed) -> Option<&Stopped> {
        let procedure = (target.to_owned(), sealed.record.procedure_id.clone());
        self.whole.get(target).or_else(|| self.procedures.get(&procedure))
    }

    fn add(&mut self, target: &str, sealed: &Sealed, stop: Stop) -> DrainEvent {
        let procedure = sealed.record.procedure_id.clone();
        let (reason, replaced) = match stop {
            Stop::Target(stop) => (stop.reason.clone(), self.whole.insert(target.to_owned(), stop)),
            Stop::Procedure(stop) => {
                let reason = format!("runs of {procedure}: {}", stop.reason);
                (reason, self.procedures.insert((target.to_owned(), procedure), stop))
            }
        };
        debug_assert!(replaced.is_none(), "what is stopped is not tried");
        DrainEvent::TargetStopped {
            target: target.to_owned(),
            reason,
        }
    }
}

fn at_most_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// One record: what became of it, and the targets that it showed to be out of reach.
async fn one(
    store: &Store,
    targets: &[Box<dyn Target>],
    now: Now<'_>,
    name: &RecordName,
    stops: &mut Stops,
) -> Result<Vec<DrainEvent>, StoreError> {
    let sealed = match store.load(name) {
        Ok(Loaded::Sealed(sealed)) => sealed,
        Ok(Loaded::Gone) => return Ok(Vec::new()),
        Ok(Loaded::Quarantined(quarantined)) => {
            return Ok(vec![DrainEvent::Quarantined {
                record: name.to_string(),
                reason: quarantined.reason,
            }]);
        }
        Err(error) => return Ok(vec![unreadable(name, &error)]),
    };
    let receipts = match store.receipts().read(&sealed.run_id) {
        Ok(receipts) => receipts,
        Err(error) => return Ok(vec![unreadable(name, &error)]),
    };
    let mut told = Told::default();
    let mut events = Vec::new();
    for target in targets {
        let desk = Desk {
            store,
            target: target.as_ref(),
            sealed: &sealed,
            now,
        };
        let state = receipts.target(target.name());
        if stops.is_to_be_asked(target.name(), &state) {
            let stop = desk.nobody_there().await;
            events.extend(stop.map(|stop| stops.add(target.name(), &sealed, stop)));
        }
        let delivery = match stops.of(target.name(), &sealed) {
            Some(stop) if state.standing.is_open() => Delivery::Lacks {
                reason: format!("not tried: {}", stop.reason),
                stop: None,
            },
            Some(_) | None => deliver(&desk, &state, &mut told.progress).await?,
        };
        let stop = told.take(target.name(), delivery);
        events.extend(stop.map(|stop| stops.add(target.name(), &sealed, stop)));
    }
    let names: Vec<&str> = targets.iter().map(|target| target.name()).collect();
    events.insert(0, moved(store, &sealed, &names, now, told)?);
    Ok(events)
}

/// A record that cannot be read now, or whose receipts cannot be believed: it stays, and a person sees why.
fn unreadable(name: &RecordName, error: &StoreError) -> DrainEvent {
    DrainEvent::Waiting {
        record: name.to_string(),
        reasons: vec![("store".into(), error.to_string())],
    }
}

/// Moves the record to where its receipts say, which are durable by now.
fn moved(store: &Store, sealed: &Sealed, targets: &[&str], now: Now<'_>, told: Told) -> Result<DrainEvent, StoreError> {
    let record = sealed.name.to_string();
    let place = match store.settle(&sealed.name, targets, now()) {
        Ok(place) => place,
        Err(error) if error.kind() == StoreErrorKind::Conflict => {
            let reason = error.to_string();
            return Ok(DrainEvent::Quarantined { record, reason });
        }
        Err(error) => return Err(error),
    };
    Ok(match place {
        Place::Pending => DrainEvent::Waiting {
            record,
            reasons: told.lacking,
        },
        Place::Synced => DrainEvent::Synced {
            record,
            remote_ids: told.having,
            notes: told.progress.notes().to_vec(),
        },
        Place::Parked => DrainEvent::Parked {
            record,
            reasons: told.refusing,
        },
        Place::Kept => DrainEvent::Kept {
            record,
            reasons: told.not_for,
        },
    })
}

/// What the targets said of one record, each with its name.
#[derive(Debug, Default)]
struct Told {
    having: Vec<(String, String)>,
    lacking: Vec<(String, String)>,
    refusing: Vec<(String, String)>,
    not_for: Vec<(String, String)>,
    progress: Progress,
}

impl Told {
    fn take(&mut self, target: &str, delivery: Delivery) -> Option<Stop> {
        let target = target.to_owned();
        match delivery {
            Delivery::Has { remote_id } => self.having.push((target, remote_id)),
            Delivery::Refuses { reason } => self.refusing.push((target, reason)),
            Delivery::NotForIt { reason } => self.not_for.push((target, reason)),
            Delivery::Lacks { reason, stop } => {
                self.lacking.push((target, reason));
                return stop;
            }
        }
        None
    }
}
