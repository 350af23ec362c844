//! One record in a drain: offered to every target that lacks it, moved to where its receipts say.

use crate::ahead::{Found, Read};
use crate::config::STANDS_IN;
use crate::deliver::{Delivery, Desk, ELSEWHERE, Stop, deliver};
use crate::drain::{Floor, Held, Lane};
use crate::summary::{DrainEvent, Stopped};
use crate::target::{Progress, Wants};
use crate::window::Window;
use benchtop_store::{
    Place, Receipt, ReceiptKind, RecordName, RunReceipts, Sealed, Standing, StoreError, StoreErrorKind, TargetState,
};
use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use std::borrow::Cow;

/// After so many uploads that led to nothing, a record goes behind the others.
const IN_VAIN: u32 = 2;

/// Why a run is open again that a target did not want.
const WANTED_NOW: &str = "the station file wants it there now";

/// Whom a record lets go first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    /// Its sub-units that wait here.
    pub(crate) waits_for_sub_units: bool,
    /// Everybody, where it was tried in vain.
    pub(crate) is_first_pass: bool,
}

/// What a record's turn led to.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Others go first.
    Postponed {
        /// The record.
        name: RecordName,
        /// Those of its sub-units that wait here; none where it was tried in vain before.
        by: Vec<RecordName>,
    },
    /// It was tried a moment ago.
    NotDue,
    /// A target that is far behind the others has its turn in the next pass.
    Behind {
        /// The record.
        name: RecordName,
        /// What to tell of the others.
        events: Vec<DrainEvent>,
    },
    /// It was dealt with.
    Told {
        /// The record.
        name: RecordName,
        /// What to tell, the record first.
        events: Vec<DrainEvent>,
        /// True when it is not in `pending/` any more.
        left: bool,
    },
}

impl Turn {
    const fn told(name: RecordName, events: Vec<DrainEvent>, left: bool) -> Self {
        Self::Told { name, events, left }
    }
}

/// One record: what became of it, and the targets that it showed to be out of reach. It goes to all of them at the same time, and its
/// place in the window of each is free as soon as that one has answered.
pub(crate) async fn one(
    floor: &Floor<'_>,
    read: Read,
    order: Order,
    held: Held<'_>,
    lanes: Vec<Lane<'_>>,
) -> Result<Turn, StoreError> {
    let Read { name, found } = read;
    let (sealed, receipts) = match found {
        Ok(Found::Whole(sealed, receipts)) => (sealed, receipts),
        Ok(Found::NotDue) => return Ok(Turn::NotDue),
        Ok(Found::Gone) => return Ok(Turn::told(name, Vec::new(), true)),
        Ok(Found::Quarantined(quarantined)) => {
            let event = DrainEvent::Quarantined {
                record: name.to_string(),
                reason: quarantined.reason,
            };
            return Ok(Turn::told(name, vec![event], true));
        }
        Err(error) => {
            let event = unreadable(&name, &error);
            return Ok(Turn::told(name, vec![event], false));
        }
    };
    if order.is_first_pass && is_tried_in_vain(floor, &sealed, &receipts) {
        return Ok(Turn::Postponed { name, by: Vec::new() });
    }
    let by = match order.waits_for_sub_units {
        true => blockers(floor, &sealed, &receipts)?,
        false => Vec::new(),
    };
    if !by.is_empty() {
        return Ok(Turn::Postponed { name, by });
    }
    let offers = lanes.into_iter().map(|lane| offer(floor, lane, &sealed, &receipts));
    let (mut told, mut events) = (Told::default(), Vec::new());
    for offered in join_all(offers).await {
        events.extend(told.take(offered?));
    }
    drop((sealed, held));
    let (missed, is_refused) = (told.missed, !told.refusing.is_empty());
    let (event, left) = moved(floor, &name, told).await?;
    match missed {
        Some(Missed::Behind) if !left => return Ok(Turn::Behind { name, events }),
        // what a person wants to know is told now
        Some(Missed::Cut) if !left && !is_refused => return Ok(Turn::told(name, events, left)),
        Some(Missed::Behind | Missed::Cut) | None => {}
    }
    events.insert(0, event);
    Ok(Turn::told(name, events, left))
}

/// What one target made of a record.
struct Offered {
    target: String,
    delivery: Delivery,
    notes: Vec<String>,
    /// Set where the target takes no more.
    stopped: Option<DrainEvent>,
    missed: Option<Missed>,
}

/// Why a record had no turn at a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Missed {
    /// The drain ended before.
    Cut,
    /// The target is far behind the others.
    Behind,
}

impl Offered {
    /// Nothing was sent.
    fn nothing(target: &str, reason: String, missed: Option<Missed>) -> Self {
        Self {
            target: target.to_owned(),
            delivery: Delivery::Lacks { reason, stop: None },
            notes: Vec::new(),
            stopped: None,
            missed,
        }
    }
}

/// One record to one target, when it has its turn.
async fn offer(
    floor: &Floor<'_>,
    lane: Lane<'_>,
    sealed: &Sealed,
    receipts: &RunReceipts,
) -> Result<Offered, StoreError> {
    let Lane { target, window, ticket } = lane;
    let name = target.name();
    let mut state = receipts.target(name);
    let needs_turn = match &state.standing {
        Standing::Confirmed { .. } | Standing::Parked { .. } => false,
        Standing::Open | Standing::Deferred { .. } | Standing::Uncertain { .. } | Standing::Unwanted { .. } => {
            matches!(target.wants(&sealed.record), Wants::Yes)
        }
    };
    if needs_turn && matches!(state.standing, Standing::Unwanted { .. }) {
        // what was not wanted before is like the rest from now on
        floor.ledger.note(&sealed.run_id, reopened(name, (floor.now)()));
        state.receipts = state.receipts.saturating_add(1);
        state.standing = match state.unanswered {
            true => Standing::Uncertain {
                reason: WANTED_NOW.to_owned(),
            },
            false => Standing::Open,
        };
    }
    let has_waited = match &ticket {
        // nothing is sent
        _ if !needs_turn => false,
        Some(ticket) => ticket.admitted().await,
        None => {
            let reason = "it is far behind the other targets".to_owned();
            return Ok(Offered::nothing(name, reason, Some(Missed::Behind)));
        }
    };
    // to the end of this turn, where it has one
    let _place = ticket.filter(|_| needs_turn);
    let is_stopped = floor.stops().of(name, sealed).is_some();
    let missed = match (window.is_open(), floor.is_pass_over()) {
        _ if !needs_turn || is_stopped => None,
        (true, true) => Some(Missed::Behind),
        (true, false) => Some(Missed::Cut),
        (false, _) => None,
    };
    if missed.is_some() {
        let reason = "the sync ended before its turn".to_owned();
        return Ok(Offered::nothing(name, reason, missed));
    }
    let fresh;
    let receipts = match has_waited {
        // a bundle may have taken it along meanwhile
        true => {
            fresh = match floor.store.receipts().read(&sealed.run_id) {
                Ok(fresh) => fresh,
                Err(error) => return Ok(Offered::nothing(name, error.to_string(), None)),
            };
            state.perhaps_elsewhere |= fresh.target(name).perhaps_elsewhere;
            &fresh
        }
        false => receipts,
    };
    let former = former_name(floor, &state, sealed, receipts);
    state.perhaps_elsewhere |= former.is_some();
    let desk = Desk {
        store: floor.store,
        ledger: &floor.ledger,
        window,
        target,
        sealed,
        elsewhere: why_elsewhere(name, former),
        now: floor.now,
    };
    let is_to_be_asked = floor.stops().is_to_be_asked(name, &state);
    let mut stopped = None;
    if is_to_be_asked && let Some(stop) = desk.nobody_there().await {
        stopped = floor.stops().add(name, sealed, stop);
        window.open();
    }
    let stop = floor.stops().of(name, sealed).cloned();
    let was_tried = stop.is_none();
    let mut progress = Progress::begun((floor.now)());
    let delivery = match stop {
        Some(stop) if state.standing.is_open() => Delivery::Lacks {
            reason: format!("not tried: {}", stop.reason),
            stop: None,
        },
        Some(_) | None => {
            let begun = (floor.now)();
            let delivery = deliver(&desk, &state, &mut progress).await?;
            if state.standing.is_open() {
                let now = (floor.now)();
                floor
                    .stops()
                    .took(name, &delivery, now, now - begun, progress.server_time());
            }
            delivery
        }
    };
    let stop = match &delivery {
        Delivery::Lacks { stop: Some(stop), .. } => Some(stop.clone()),
        Delivery::Lacks { stop: None, .. } if was_tried => hung(window),
        Delivery::Lacks { stop: None, .. } => None,
        Delivery::Has { .. }
        | Delivery::NotConfigured { .. }
        | Delivery::Refuses { .. }
        | Delivery::NotForIt { .. } => None,
    };
    if let Some(stop) = stop {
        let is_whole = matches!(stop, Stop::Target(_));
        stopped = floor.stops().add(name, sealed, stop).or(stopped);
        if is_whole {
            // nobody waits for it any more
            window.open();
        }
    }
    Ok(Offered {
        target: name.to_owned(),
        delivery,
        notes: progress.notes().to_vec(),
        stopped,
        missed: None,
    })
}

/// A receipt for what a target did not want before.
fn reopened(target: &str, at: DateTime<Utc>) -> Receipt {
    Receipt {
        at,
        target: target.to_owned(),
        kind: ReceiptKind::Reopened {
            reason: WANTED_NOW.to_owned(),
            surely_not_there: false,
        },
    }
}

/// Set where the target took long over the last uploads, and took none of them.
fn hung(window: &Window) -> Option<Stop> {
    let (times, seconds) = window.hangs()?;
    Some(Stop::Target(Stopped {
        reason: format!("{times} uploads in a row took {seconds} s or longer, and came to nothing"),
        after: None,
    }))
}

/// Why the target may hold a run that was not sent to it under its name.
fn why_elsewhere(name: &str, former: Option<&str>) -> Cow<'static, str> {
    let Some(former) = former else {
        return Cow::Borrowed(ELSEWHERE);
    };
    let stands_in = former
        .strip_prefix(name)
        .is_some_and(|rest| rest.starts_with(STANDS_IN));
    let why = match stands_in {
        true => "which --url named: this one may be the same",
        false => "which is no target any more: this one may be the same under another name",
    };
    format!("it went to `{former}`, {why}").into()
}

/// The name of a target that has this run, or may have it, and that nobody configured any more: the one to which nothing was sent yet
/// may be the same, renamed. Folders, buckets and databases call a run by its own name, and are none.
fn former_name<'r>(
    floor: &Floor<'_>,
    state: &TargetState,
    sealed: &Sealed,
    receipts: &'r RunReceipts,
) -> Option<&'r str> {
    if state.attempts > 0 || state.remote_id.is_some() || state.surely_not_there {
        return None;
    }
    let is_own_name = |id: &String| id.contains(['/', '.']) || *id == sealed.run_id;
    let holds = |other: &TargetState| match &other.remote_id {
        Some(id) => !is_own_name(id),
        None => other.unanswered || matches!(other.standing, Standing::Uncertain { .. }),
    };
    let is_configured = |name: &str| floor.configured.iter().any(|configured| configured == name);
    let mut others = receipts.targets();
    others.find_map(|(name, other)| (!is_configured(name) && holds(other)).then_some(name))
}

/// True where an upload failed so often that others go first: one bad record keeps none of them waiting, whatever it makes its
/// target say.
fn is_tried_in_vain(floor: &Floor<'_>, sealed: &Sealed, receipts: &RunReceipts) -> bool {
    let stops = floor.stops();
    floor.targets.iter().any(|target| {
        let state = receipts.target(target.name());
        let is_tried = state.attempts >= IN_VAIN && state.standing.is_open();
        is_tried && stops.of(target.name(), sealed).is_none()
    })
}

/// The records of its sub-units that wait here for a target that lacks the assembly too: the target must know the
/// sub-units first.
fn blockers(floor: &Floor<'_>, sealed: &Sealed, receipts: &RunReceipts) -> Result<Vec<RecordName>, StoreError> {
    let sub_units = &sealed.record.unit_under_test.sub_units;
    if sub_units.is_empty() {
        return Ok(Vec::new());
    }
    let open = |receipts: &RunReceipts, target: &str| receipts.target(target).standing.is_open();
    let blocks = |name: &RecordName| {
        // receipts that cannot be believed wait for a person, and block nobody
        let Ok(other) = floor.store.receipts().read(name.run_id()) else {
            return false;
        };
        let names = floor.targets.iter().map(|target| target.name());
        let mut both = names.filter(|target| open(receipts, target) && open(&other, target));
        both.any(|target| floor.stops().of(target, sealed).is_none())
    };
    let waiting = floor.waiting_for(sub_units, &sealed.run_id)?;
    Ok(waiting.into_iter().filter(blocks).collect())
}

/// A record that cannot be read now, or whose receipts cannot be believed: it stays, and a person sees why.
fn unreadable(name: &RecordName, error: &StoreError) -> DrainEvent {
    DrainEvent::Waiting {
        record: name.to_string(),
        reasons: vec![("store".into(), error.to_string())],
        refused: Vec::new(),
    }
}

/// Moves the record to where its receipts say; true when it left `pending/`.
async fn moved(floor: &Floor<'_>, name: &RecordName, told: Told) -> Result<(DrainEvent, bool), StoreError> {
    let record = name.to_string();
    let place = match floor.ledger.settle(name, floor.now).await {
        Ok(place) => place,
        Err(error) if error.kind() == StoreErrorKind::Conflict => {
            let reason = error.to_string();
            return Ok((DrainEvent::Quarantined { record, reason }, true));
        }
        Err(error) => return Err(error),
    };
    let event = match place {
        Place::Pending => DrainEvent::Waiting {
            record,
            reasons: told.lacking,
            refused: told.refusing,
        },
        Place::Synced => DrainEvent::Synced {
            record,
            remote_ids: told.having,
            notes: told.notes,
        },
        Place::Parked => DrainEvent::Parked {
            record,
            reasons: told.refusing,
        },
        Place::Kept => DrainEvent::Kept {
            record,
            reasons: told.not_for,
        },
    };
    Ok((event, place != Place::Pending))
}

/// What the targets said of one record, each with its name.
#[derive(Debug, Default)]
struct Told {
    having: Vec<(String, String)>,
    lacking: Vec<(String, String)>,
    refusing: Vec<(String, String)>,
    not_for: Vec<(String, String)>,
    notes: Vec<String>,
    missed: Option<Missed>,
}

impl Told {
    fn take(&mut self, offered: Offered) -> Option<DrainEvent> {
        let Offered {
            target,
            delivery,
            notes,
            stopped,
            missed,
        } = offered;
        self.missed = self.missed.max(missed);
        self.notes.extend(notes);
        match delivery {
            Delivery::Has { remote_id } => self.having.push((target, remote_id)),
            Delivery::Refuses { reason } => self.refusing.push((target, reason)),
            Delivery::NotForIt { reason } => self.not_for.push((target, reason)),
            Delivery::NotConfigured { reason } | Delivery::Lacks { reason, stop: _ } => {
                self.lacking.push((target, reason));
            }
        }
        stopped
    }
}
