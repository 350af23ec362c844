//! Draining `pending/`: every record to every target that wants it, begun oldest first, one bad one never blocking the rest.
//!
//! Records are read ahead on one thread ([`crate::ahead`]), uploads go beside each other in windows that follow their targets
//! ([`crate::window`]), and what is written down is written by two more ([`crate::ledger`]). A window begins at one, so that
//! a week offline costs one attempt and not one for each place in it. Memory does not grow with `pending/`, but for the names of
//! what waits for a later pass.
//!
//! With several targets a pass goes on without one that the others have left far behind; what that one lacks is for the next pass.
//! When all that there was is in hand, what is saved meanwhile is taken too. After [`a while`](crate::waiting) a drain that is
//! followed by another comes to its end, so that nothing waits for a target that trickles.

use crate::ahead::{Ahead, Reader, Source};
use crate::deadline::within;
use crate::deliver::Now;
use crate::ledger::Ledger;
use crate::neighbours::Neighbours;
use crate::one::{Order, Turn, one};
use crate::stops::Stops;
use crate::summary::{DrainEvent, Stopped, Summary};
use crate::target::Target;
use crate::waiting::Waiting;
use crate::window::{Ticket, Window};
use benchtop_store::{Lock, Place, RecordName, Standing, Store, StoreError};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

/// Most records in hand at the same time, those that wait for the disk included.
const MOST_IN_HAND: usize = 512;

/// So many bytes of records in hand, and no more are begun: one that was read takes several times as much memory.
const MOST_HELD: usize = 8 << 20;

/// How often it is looked for records that came while a target is waited for.
const LOOK: Duration = Duration::from_secs(1);

/// Told of every record that a drain touched.
pub type Observer<'a> = &'a mut (dyn FnMut(DrainEvent) + Send);

/// How a drain goes about it.
#[derive(Clone, Copy, Debug)]
pub struct Pace<'a> {
    /// Most uploads that are under way at the same time; at least 1. A target that answers slowly has fewer.
    pub at_once: usize,
    /// True to leave alone what was tried a moment ago: a sync that goes on for ever rests longer after every attempt.
    pub only_due: bool,
    /// Set to true from elsewhere, it ends the drain as soon as what is under way has an answer.
    pub stop: Option<&'a AtomicBool>,
    /// True where another drain follows at once: this one ends when all targets but one that trickles are through, so that what is
    /// saved meanwhile does not wait for that one.
    pub is_followed: bool,
    /// How many uploads may be under way from the beginning, by target: what [`Summary::windows`] said of the drain before. The
    /// others begin with one.
    pub windows: Option<&'a BTreeMap<String, usize>>,
    /// Targets that are not tried, by name: they asked to be left alone a moment ago. The others go on.
    pub resting: Option<&'a BTreeMap<String, Stopped>>,
}

impl Pace<'_> {
    /// As wide as it was at the end of the drain before, where that one goes on.
    fn window(&self, target: &str) -> Window {
        let size = self.windows.and_then(|windows| windows.get(target)).copied();
        Window::of(self.at_once, size.unwrap_or(1))
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }
}

impl Default for Pace<'_> {
    fn default() -> Self {
        Self {
            at_once: 256,
            only_due: false,
            stop: None,
            is_followed: false,
            windows: None,
            resting: None,
        }
    }
}

/// Offers every pending record to every target, once, and moves it to where its receipts say.
///
/// Holds the store's syncer lock. A record that cannot be delivered now stays in `pending/`; a target that takes
/// nothing just now is left alone until the next drain, and the others go on. Without a target nothing is sent or moved.
/// An assembly goes out after its sub-units that wait here. Runs on a tokio runtime, and works on threads of its own beside it;
/// dropped in the middle of a request, it leaves an upload to be asked about by the next drain.
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
    let syncer = Arc::new(store.lock_syncer()?);
    let mut summary = Summary::default();
    let mut stuck = 0;
    for file in &store.pending(0)?.foreign {
        let event = foreign(store, file);
        stuck += usize::from(matches!(event, DrainEvent::Waiting { .. }));
        summary.tell(event, observe);
    }
    let floor = Floor::new(store, targets, now, pace, &syncer);
    let drained = match targets {
        [] => Ok(()),
        [_, ..] => floor.drain(&mut summary, observe).await,
    };
    let was_whole = drained.is_ok() && !floor.is_cut();
    summary.goes_on = floor.is_cut.load(Ordering::Relaxed);
    // what was moved before the trouble is worth as much
    store.sync_moves()?;
    summary.windows = floor.sizes();
    let Floor { ledger, stops, .. } = floor;
    let stops = stops.into_inner().unwrap_or_else(PoisonError::into_inner);
    stops.write_down(store, targets, was_whole, now())?;
    drained?;
    ledger.end();
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
            refused: Vec::new(),
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
    /// One for each target.
    windows: Vec<Window>,
    /// Set where the drain is to end although something waits still.
    is_cut: AtomicBool,
    /// The same for a pass.
    is_pass_over: AtomicBool,
    /// How many bytes of records are in hand.
    held: AtomicUsize,
    pub(crate) targets: &'a [Box<dyn Target>],
    /// Their names.
    pub(crate) configured: Arc<[String]>,
    pub(crate) now: Now<'a>,
    pace: Pace<'a>,
    reader: Reader,
    stops: Mutex<Stops>,
    neighbours: Mutex<Option<Neighbours>>,
}

/// Bytes of a record that is in memory.
pub(crate) struct Held<'a> {
    floor: &'a AtomicUsize,
    bytes: usize,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.floor.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A record's way to one target.
pub(crate) struct Lane<'a> {
    pub(crate) target: &'a dyn Target,
    pub(crate) window: &'a Window,
    /// None where the pass goes on without this target.
    pub(crate) ticket: Option<Ticket<'a>>,
}

/// What the drain was waiting for.
enum Came {
    /// A record's turn ended.
    Turn(Result<Turn, StoreError>),
    /// More records are read.
    Records,
    /// A target has room for a record that is read.
    Room,
    /// Nothing, for a while.
    Nothing,
}

impl<'a> Floor<'a> {
    fn new(store: &'a Store, targets: &'a [Box<dyn Target>], now: Now<'a>, pace: Pace<'a>, syncer: &Arc<Lock>) -> Self {
        let names: Arc<[String]> = targets.iter().map(|target| target.name().to_owned()).collect();
        let resting: BTreeMap<String, Stopped> = pace.resting.into_iter().flatten().map(owned).collect();
        let tried = names.iter().filter(|name| !resting.contains_key(*name));
        Self {
            store,
            ledger: Ledger::new(store, Arc::clone(&names), Arc::clone(syncer)),
            configured: Arc::clone(&names),
            windows: targets.iter().map(|target| pace.window(target.name())).collect(),
            is_cut: AtomicBool::new(false),
            is_pass_over: AtomicBool::new(false),
            held: AtomicUsize::new(0),
            targets,
            now,
            pace,
            reader: Reader {
                store: store.clone(),
                targets: tried.cloned().collect(),
                only_due: pace.only_due,
            },
            stops: Mutex::new(Stops::with(resting)),
            neighbours: Mutex::default(),
        }
    }

    /// True where some target takes a record now, and none that is waited for has too many to take.
    fn has_room(&self, leaves_behind: bool) -> bool {
        let is_light = self.held.load(Ordering::Relaxed) < MOST_HELD;
        let is_wanted = match leaves_behind {
            true => {
                let now = (self.now)();
                self.windows.iter().any(Window::has_room_in_order)
                    && !self.windows.iter().any(|window| window.is_busy(now))
            }
            false => self.windows.iter().any(Window::has_room) && !self.is_full(),
        };
        is_light && is_wanted
    }

    /// True where a target is so far behind that the others wait for it.
    fn is_full(&self) -> bool {
        self.windows.iter().any(Window::is_full)
    }

    /// Counts a record's bytes for as long as it is in memory.
    fn hold(&self, bytes: usize) -> Held<'_> {
        self.held.fetch_add(bytes, Ordering::Relaxed);
        Held {
            floor: &self.held,
            bytes,
        }
    }

    /// A record's way to each target.
    fn lanes(&self, leaves_behind: bool) -> Vec<Lane<'_>> {
        let (is_heavy, now) = (self.held.load(Ordering::Relaxed) >= MOST_HELD / 2, (self.now)());
        let stopped = &self.stops().whole;
        let windows = self.targets.iter().zip(&self.windows);
        windows
            .map(|(target, window)| Lane {
                target: target.as_ref(),
                window,
                // nothing is sent to one that is stopped: nobody waits for it
                ticket: match leaves_behind && !stopped.contains_key(target.name()) {
                    true => window.ticket_unless_behind(is_heavy, now),
                    false => Some(window.ticket()),
                },
            })
            .collect()
    }

    /// True where the drain ends before it is through.
    pub(crate) fn is_cut(&self) -> bool {
        self.pace.is_stopped() || self.is_cut.load(Ordering::Relaxed)
    }

    /// True where what has no turn yet is for the next pass.
    pub(crate) fn is_pass_over(&self) -> bool {
        self.is_pass_over.load(Ordering::Relaxed)
    }

    /// How many uploads may be under way at each target that is not stopped.
    fn sizes(&self) -> BTreeMap<String, usize> {
        let stops = self.stops();
        let windows = self.targets.iter().map(|target| target.name()).zip(&self.windows);
        let windows = windows.filter(|(name, _)| !stops.whole.contains_key(*name));
        windows.map(|(name, window)| (name.to_owned(), window.size())).collect()
    }

    /// Those that wait for one target wait no longer, and are not sent.
    fn let_through(&self) {
        self.windows.iter().for_each(Window::open);
    }

    /// Whether it is worth a look at what came to `pending/` since its end was seen: not for ever.
    fn looks_again(&self, is_any_held_up: bool, is_first_pass: bool, is_late: bool) -> bool {
        if is_late && self.pace.is_followed {
            // what let others go first has its turn in the second pass
            let over = match is_any_held_up && is_first_pass {
                true => &self.is_pass_over,
                false => &self.is_cut,
            };
            let is_first = !over.swap(true, Ordering::Relaxed);
            let mut left = self.windows.iter().filter(|window| window.is_behind());
            // the others get what comes until those that were left have answered
            if is_first || left.all(Window::is_idle) {
                self.windows.iter().for_each(Window::leave);
            }
        }
        (!is_late || self.pace.is_followed) && self.not_tried().is_none()
    }

    /// Targets that refused a run for good, with their words.
    fn refused(&self, name: &RecordName) -> Vec<(String, String)> {
        // of one target that refused it, it would be parked
        if self.configured.len() < 2 {
            return Vec::new();
        }
        let Ok(receipts) = self.store.receipts().read(name.run_id()) else {
            return Vec::new();
        };
        let refusing = |target: &String| match receipts.target(target).standing {
            Standing::Parked { reason } => Some((target.clone(), reason)),
            Standing::Open
            | Standing::Deferred { .. }
            | Standing::Uncertain { .. }
            | Standing::Confirmed { .. }
            | Standing::Unwanted { .. } => None,
        };
        self.configured.iter().filter_map(refusing).collect()
    }

    /// What is stopped. Nothing panics while it is held; if something did, the table would still be whole.
    pub(crate) fn stops(&self) -> MutexGuard<'_, Stops> {
        self.stops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn neighbours(&self) -> MutexGuard<'_, Option<Neighbours>> {
        self.neighbours.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records of these units that wait here too, other than that of `run_id`.
    pub(crate) fn waiting_for(&self, serial_numbers: &[String], run_id: &str) -> Result<Vec<RecordName>, StoreError> {
        let mut neighbours = self.neighbours();
        let known = match neighbours.take() {
            Some(known) => known,
            None => Neighbours::list(self.store)?,
        };
        let waiting = known.of(serial_numbers, run_id);
        *neighbours = Some(known);
        Ok(waiting)
    }

    async fn drain(&self, summary: &mut Summary, observe: Observer<'_>) -> Result<(), StoreError> {
        let mut source = Source::Pending(self.store.backlog());
        let (mut patient, mut before) = (true, usize::MAX);
        let mut is_first_pass = true;
        loop {
            let order = Order {
                waits_for_sub_units: patient,
                is_first_pass,
            };
            let postponed = self.pass(source, order, summary, observe).await?;
            is_first_pass = false;
            if postponed.is_empty() || self.is_cut() {
                return Ok(());
            }
            patient = true;
            let waiting = postponed.len();
            if waiting < before {
                before = waiting;
                source = Source::Named(postponed.into_iter().map(|(name, _)| name).collect());
                continue;
            }
            let own: BTreeSet<String> = postponed.iter().map(|(name, _)| name.run_id().to_owned()).collect();
            let is_stuck = |by: &[RecordName]| by.iter().any(|name| !own.contains(name.run_id()));
            let (stuck, ring): (Vec<_>, Vec<_>) = postponed.into_iter().partition(|(_, by)| is_stuck(by));
            // assemblies that wait only for one another: the oldest goes first after all
            patient = !stuck.is_empty();
            stuck
                .iter()
                .for_each(|(name, by)| summary.tell(behind(name, by, self.refused(name)), observe));
            before = ring.len();
            source = Source::Named(ring.into_iter().map(|(name, _)| name).collect());
        }
    }

    /// One pass over these; what lets others go first comes back, with the records of sub-units that it waits for. Where this pass
    /// waits for none, the first such record is sent all the same.
    async fn pass(
        &self,
        source: Source,
        mut order: Order,
        summary: &mut Summary,
        observe: Observer<'_>,
    ) -> Result<Vec<(RecordName, Vec<RecordName>)>, StoreError> {
        let are_several = self.targets.len() > 1;
        // later passes are for those that were left behind, unless another drain is
        let leaves_behind = are_several && (self.pace.is_followed || matches!(source, Source::Pending(_)));
        self.is_pass_over.store(false, Ordering::Relaxed);
        self.windows.iter().for_each(Window::catch_up);
        let mut ahead = Ahead::new(self.reader.clone(), source);
        let mut postponed: Vec<(RecordName, Vec<RecordName>)> = Vec::new();
        let mut is_any_held_up = false;
        let mut waiting = Waiting::default();
        let mut running = FuturesUnordered::new();
        loop {
            let is_stopped = self.pace.is_stopped();
            if is_stopped {
                self.let_through();
            }
            while !is_stopped && running.len() < MOST_IN_HAND && self.has_room(leaves_behind) {
                let Some(read) = ahead.next() else { break };
                let held = self.hold(read.bytes());
                running.push(one(self, read, order, held, self.lanes(leaves_behind)));
                order.waits_for_sub_units = true;
            }
            match (is_stopped, self.not_tried()) {
                (true, _) => {}
                (false, None) => ahead.start((self.now)())?,
                (false, Some(reasons)) => self.tell_rest(&mut ahead, &reasons, summary, observe)?,
            }
            let is_left = self.windows.iter().all(Window::is_behind);
            let is_ending = self.is_cut() || self.is_pass_over();
            if is_left && running.is_empty() && !is_ending {
                // there is nobody for whom the pass would go on
                self.windows.iter().for_each(Window::catch_up);
                continue;
            }
            if running.is_empty() && (is_stopped || is_left || ahead.is_done()) {
                postponed.sort_by(|(one, _), (other, _)| one.cmp(other));
                return Ok(postponed);
            }
            let waits = are_several && waiting.begin(ahead.is_done(), self.now);
            let came = poll_fn(|context| {
                loop {
                    if let Poll::Ready(error) = self.ledger.poll_trouble(context) {
                        return Poll::Ready(Err(error));
                    }
                    if let Poll::Ready(more) = ahead.poll_more(context) {
                        return Poll::Ready(more.map(|()| Came::Records));
                    }
                    if let Poll::Ready(Some(turn)) = running.poll_next_unpin(context) {
                        return Poll::Ready(Ok(Came::Turn(turn)));
                    }
                    // an answer came, and another record may go
                    if !is_stopped && running.len() < MOST_IN_HAND && ahead.has_ready() && self.has_room(leaves_behind)
                    {
                        return Poll::Ready(Ok(Came::Room));
                    }
                    // everybody waits, for an answer or for the disk: what came together is written together
                    if !self.ledger.start() {
                        return Poll::Pending;
                    }
                }
            });
            let came = match are_several {
                // a target that is through with the others takes what is saved while another one trickles
                true => within(LOOK, came).await.unwrap_or(Ok(Came::Nothing)),
                false => came.await,
            }?;
            if waits && waiting.is_time((self.now)(), matches!(came, Came::Nothing)) {
                let is_late = waiting.is_long((self.now)());
                if self.looks_again(is_any_held_up, order.is_first_pass, is_late) {
                    ahead.look_again();
                    // what came may be a sub-unit
                    *self.neighbours() = None;
                }
            }
            match came {
                Came::Records | Came::Room | Came::Nothing => {}
                Came::Turn(turn) => match turn? {
                    Turn::Postponed { name, by } => {
                        is_any_held_up = true;
                        postponed.push((name, by));
                    }
                    Turn::Behind { name, events } => {
                        postponed.push((name, Vec::new()));
                        events.into_iter().for_each(|event| summary.tell(event, observe));
                    }
                    Turn::NotDue => {}
                    Turn::Told { name, events, left } => {
                        if left && let Some(neighbours) = self.neighbours().as_mut() {
                            neighbours.forget(&name);
                        }
                        events.into_iter().for_each(|event| summary.tell(event, observe));
                    }
                },
            }
        }
    }

    /// Why nothing is tried any more, where nobody takes anything.
    fn not_tried(&self) -> Option<Vec<(String, String)>> {
        let stops = self.stops();
        let mut names: Vec<&str> = self.targets.iter().map(|target| target.name()).collect();
        names.sort_unstable();
        let not_tried = |name: &str| {
            let stop = stops.whole.get(name)?;
            Some((name.to_owned(), format!("not tried: {}", stop.reason)))
        };
        names.into_iter().map(not_tried).collect()
    }

    /// A line for each record that is not even read: a person counts them.
    fn tell_rest(
        &self,
        ahead: &mut Ahead,
        reasons: &[(String, String)],
        summary: &mut Summary,
        observe: Observer<'_>,
    ) -> Result<(), StoreError> {
        loop {
            let names = ahead.rest()?;
            if names.is_empty() {
                // the end is seen once
                return ahead.start((self.now)());
            }
            for name in names {
                let waiting = DrainEvent::Waiting {
                    record: name.to_string(),
                    reasons: reasons.to_vec(),
                    refused: self.refused(&name),
                };
                summary.tell(waiting, observe);
            }
        }
    }
}

fn owned((name, stopped): (&String, &Stopped)) -> (String, Stopped) {
    (name.clone(), stopped.clone())
}

/// An assembly whose sub-units did not get through.
fn behind(name: &RecordName, by: &[RecordName], refused: Vec<(String, String)>) -> DrainEvent {
    let first = by.first().map_or("", |name| name.as_str());
    DrainEvent::Waiting {
        record: name.to_string(),
        reasons: vec![("store".into(), format!("its sub-unit goes first: {first}"))],
        refused,
    }
}
