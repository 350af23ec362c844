//! How many uploads go beside each other to one target: as many as it answers without letting them wait. Records that find no
//! place wait for one in their order, and keep no other target waiting.
//!
//! The window begins at one and doubles with each round of answers, until they take clearly longer than the fastest did (the
//! target, or this computer, has enough to do) or one fails. Trouble halves it; from there on it grows by one with each round.

use crate::enclose::MEMORY_KIB;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use tokio::sync::Semaphore;

/// An answer that takes so much longer than twice the fastest has waited in a queue.
const SLACK: TimeDelta = TimeDelta::milliseconds(10);

/// So many records wait for a place at most: each is in memory.
const MOST_WAITING: usize = 256;

/// So many answers in a second, and a target is not slow.
const FEW: usize = 10;
const IN_A_SECOND: TimeDelta = TimeDelta::seconds(1);

/// What takes so long and comes to nothing ran into a timeout, or nearly.
const LONG: TimeDelta = TimeDelta::seconds(10);
/// After so many of those in a row a target is left alone.
const MOST_SLOW: u32 = 3;

/// The window of one target in a drain.
#[derive(Debug)]
pub(crate) struct Window {
    state: Mutex<State>,
    /// Room in memory for attachments on their way to it, in KiB.
    pub(crate) room: Semaphore,
}

#[derive(Debug)]
struct State {
    /// Never more.
    most: usize,
    size: usize,
    /// Below it the window doubles with each round, above it grows by one.
    steep_until: usize,
    /// Answers since it last grew.
    answers: usize,
    /// Of the confirmed ones.
    fastest: Option<TimeDelta>,
    taken: usize,
    /// The number of the next ticket.
    next: u64,
    /// The tickets that wait for a place, and who is to be woken.
    queue: VecDeque<(u64, Option<Waker>)>,
    /// True where nothing is sent any more, and nobody waits.
    is_open: bool,
    /// How many uploads, each begun after the one before had ended, took long and came to nothing.
    slow: u32,
    /// When the last of them ended.
    slow_until: Option<DateTime<Utc>>,
    /// When the last answers came, at most [`FEW`].
    answers_at: VecDeque<DateTime<Utc>>,
    /// True where the pass goes on without it: what it lacks is for the next pass, in order.
    is_behind: bool,
}

impl State {
    /// How many of those that wait may go.
    fn places(&self) -> usize {
        match self.is_open {
            true => usize::MAX,
            false => self.size.saturating_sub(self.taken),
        }
    }

    fn is_full(&self) -> bool {
        !self.is_open && self.taken + self.queue.len() >= MOST_WAITING.max(self.size)
    }

    /// Fewer than ten answers in the last second.
    fn is_slow(&self, now: DateTime<Utc>) -> bool {
        let tenth = self.answers_at.front();
        self.answers_at.len() < FEW || tenth.is_none_or(|at| (now - *at).abs() > IN_A_SECOND)
    }

    /// The target has answered.
    fn answered_at(&mut self, now: DateTime<Utc>) {
        self.answers_at.push_back(now);
        if self.answers_at.len() > FEW {
            self.answers_at.pop_front();
        }
    }

    /// Wakes those for whom there is a place now.
    fn wake(&mut self) {
        let places = self.places();
        let admitted = self.queue.iter_mut().take(places);
        admitted.filter_map(|(_, waker)| waker.take()).for_each(Waker::wake);
    }
}

/// A place in the window or in the queue for one, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Ticket<'a> {
    window: &'a Window,
    number: u64,
    has_place: AtomicBool,
}

impl Ticket<'_> {
    /// Ends when there is a place for it; true where it had to wait.
    pub(crate) async fn admitted(&self) -> bool {
        let mut has_waited = false;
        poll_fn(|context| {
            if self.has_place.load(Ordering::Relaxed) {
                return Poll::Ready(());
            }
            let mut state = self.window.state();
            let places = state.places();
            let Some(before) = state.queue.iter().position(|(number, _)| *number == self.number) else {
                return Poll::Ready(());
            };
            if before < places {
                state.queue.remove(before);
                state.taken += 1;
                self.has_place.store(true, Ordering::Relaxed);
                return Poll::Ready(());
            }
            if let Some((_, waker)) = state.queue.get_mut(before) {
                *waker = Some(context.waker().clone());
            }
            has_waited = true;
            Poll::Pending
        })
        .await;
        has_waited
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut state = self.window.state();
        match self.has_place.load(Ordering::Relaxed) {
            true => state.taken = state.taken.saturating_sub(1),
            false => state.queue.retain(|(number, _)| *number != self.number),
        }
        state.wake();
    }
}

impl Window {
    /// At most so many, and at least one; it begins with `size`.
    pub(crate) fn of(most: usize, size: usize) -> Self {
        let most = most.max(1);
        let state = State {
            most,
            size: size.clamp(1, most),
            steep_until: most,
            answers: 0,
            fastest: None,
            taken: 0,
            next: 0,
            queue: VecDeque::new(),
            is_open: false,
            slow: 0,
            slow_until: None,
            answers_at: VecDeque::new(),
            is_behind: false,
        };
        Self {
            state: Mutex::new(state),
            room: Semaphore::new(usize::try_from(MEMORY_KIB).unwrap_or(usize::MAX)),
        }
    }

    /// Nothing panics while it is held; if something did, the numbers would still be whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new pass begins.
    pub(crate) fn catch_up(&self) {
        let mut state = self.state();
        (state.is_behind, state.is_open) = (false, false);
    }

    /// A place in the queue; none where the pass goes on without it. It does so from when too many wait, or any where `is_heavy`.
    /// One that answers ten times a second is waited for: going on without it costs as much.
    pub(crate) fn ticket_unless_behind(&self, is_heavy: bool, now: DateTime<Utc>) -> Option<Ticket<'_>> {
        let is_behind = {
            let mut state = self.state();
            let is_too_much = (is_heavy && state.queue.len() > state.places()) || state.is_full();
            state.is_behind |= is_too_much && state.is_slow(now);
            state.is_behind
        };
        (!is_behind).then(|| self.ticket())
    }

    /// True where too many wait for it, and for good reason: it answers.
    pub(crate) fn is_busy(&self, now: DateTime<Utc>) -> bool {
        let state = self.state();
        !state.is_behind && state.is_full() && !state.is_slow(now)
    }

    /// The pass goes on without it where it is at work, and those that wait for it wait for the next one.
    pub(crate) fn leave(&self) {
        let mut state = self.state();
        if state.taken + state.queue.len() > 0 {
            (state.is_behind, state.is_open) = (true, true);
            state.wake();
        }
    }

    /// True where it has nothing to do any more.
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.state();
        state.taken + state.queue.len() == 0
    }

    /// True where those that waited were let through.
    pub(crate) fn is_open(&self) -> bool {
        self.state().is_open
    }

    /// True where the pass goes on without it.
    pub(crate) fn is_behind(&self) -> bool {
        self.state().is_behind
    }

    /// How many may be under way now.
    pub(crate) fn size(&self) -> usize {
        self.state().size
    }

    /// True where a record that comes now need not wait, and the pass does not go on without it.
    pub(crate) fn has_room_in_order(&self) -> bool {
        !self.state().is_behind && self.has_room()
    }

    /// A place in the queue.
    pub(crate) fn ticket(&self) -> Ticket<'_> {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.queue.push_back((number, None));
        Ticket {
            window: self,
            number,
            has_place: AtomicBool::new(false),
        }
    }

    /// True where a record that comes now need not wait.
    pub(crate) fn has_room(&self) -> bool {
        let state = self.state();
        state.taken + state.queue.len() < state.size
    }

    /// True where no more may wait.
    pub(crate) fn is_full(&self) -> bool {
        self.state().is_full()
    }

    /// Lets everybody through: nothing is sent any more.
    pub(crate) fn open(&self) {
        let mut state = self.state();
        state.is_open = true;
        state.wake();
    }

    /// How many uploads in a row took so many seconds at least and came to nothing, where that is enough: each further one would
    /// cost as much.
    pub(crate) fn hangs(&self) -> Option<(u32, i64)> {
        let slow = self.state().slow;
        (slow >= MOST_SLOW).then_some((slow, LONG.num_seconds()))
    }

    /// A run that was sent then is confirmed now. Only such answers are compared: a refusal costs the target less.
    pub(crate) fn answered(&self, sent: DateTime<Utc>, now: DateTime<Utc>) {
        let took = now - sent;
        let mut state = self.state();
        state.slow = 0;
        state.answered_at(now);
        let fastest = state
            .fastest
            .map_or(took, |fastest| fastest.min(took))
            .max(TimeDelta::zero());
        state.fastest = Some(fastest);
        if took > fastest + fastest + SLACK {
            return;
        }
        state.answers += 1;
        if state.size < state.steep_until || state.answers >= state.size {
            state.size = (state.size + 1).min(state.most);
            state.answers = 0;
            state.wake();
        }
    }

    /// No answer to what was sent then, or one that says that the target is not well.
    pub(crate) fn troubled(&self, sent: DateTime<Utc>, now: DateTime<Utc>) {
        let mut state = self.state();
        state.answered_at(now);
        if now - sent < LONG {
            state.slow = 0;
        } else if state.slow_until.is_none_or(|until| sent >= until) {
            // those that were under way beside it say nothing new
            state.slow += 1;
            state.slow_until = Some(now);
        }
        state.size = (state.size / 2).max(1);
        state.steep_until = state.size;
        state.answers = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn places(window: &Window) -> usize {
        let taken: Vec<Ticket<'_>> = std::iter::from_fn(|| window.has_room().then(|| window.ticket())).collect();
        taken.len()
    }

    fn window(most: usize) -> Window {
        Window::of(most, 1)
    }

    fn at(milliseconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_772_000_000_000 + milliseconds).unwrap()
    }

    fn answer(window: &Window, count: usize, milliseconds: i64) {
        (0..count).for_each(|_| window.answered(at(0), at(milliseconds)));
    }

    #[test]
    fn it_doubles_with_each_round_up_to_its_bound() {
        let window = window(10);
        for expected in [1, 2, 4, 8, 10, 10] {
            assert_eq!(places(&window), expected);
            answer(&window, expected, 20);
        }
        assert_eq!(places(&Window::of(0, 1)), 1);
    }

    #[test]
    fn it_stops_where_answers_begin_to_wait() {
        let window = window(256);
        answer(&window, 7, 20);
        answer(&window, 100, 51);
        assert_eq!(places(&window), 8);
        answer(&window, 1, 50);
        assert_eq!(places(&window), 9);
    }

    #[test]
    fn trouble_halves_it_and_then_it_grows_slowly() {
        let window = window(64);
        answer(&window, 63, 20);
        window.troubled(at(0), at(0));
        assert_eq!(places(&window), 32);
        answer(&window, 31, 20);
        assert_eq!(places(&window), 32);
        answer(&window, 1, 20);
        assert_eq!(places(&window), 33);
        (0..9).for_each(|_| window.troubled(at(0), at(0)));
        assert_eq!(places(&window), 1);
    }

    #[test]
    fn a_place_is_given_back() {
        let window = window(4);
        let first = window.ticket();
        assert!(first.admitted().now_or_never().is_some() && !window.has_room());
        drop(first);
        assert!(window.has_room());
    }

    #[test]
    fn who_waits_is_admitted_in_order() {
        let window = window(4);
        let tickets: Vec<Ticket<'_>> = (0..3).map(|_| window.ticket()).collect();
        let [first, second, third] = tickets.try_into().unwrap();
        assert!(first.admitted().now_or_never().is_some());
        assert!(third.admitted().now_or_never().is_none() && second.admitted().now_or_never().is_none());
        drop(first);
        assert!(third.admitted().now_or_never().is_none() && second.admitted().now_or_never().is_some());
        // one that does not want its turn gives it up
        drop(second);
        assert!(third.admitted().now_or_never().is_some());
    }

    #[test]
    fn where_nothing_is_sent_any_more_nobody_waits() {
        let window = window(1);
        let tickets: Vec<Ticket<'_>> = std::iter::from_fn(|| (!window.is_full()).then(|| window.ticket())).collect();
        assert!(tickets[0].admitted().now_or_never().is_some() && tickets[9].admitted().now_or_never().is_none());
        window.open();
        assert!(tickets[9].admitted().now_or_never().is_some() && !window.is_full());
    }

    #[test]
    fn one_that_takes_long_for_nothing_three_times_in_a_row_hangs() {
        let window = window(4);
        let slow = |begun: i64| window.troubled(at(begun), at(begun + 30_000));
        slow(0);
        slow(30_000);
        window.answered(at(60_000), at(90_000));
        slow(90_000);
        slow(120_000);
        window.troubled(at(150_000), at(150_001));
        slow(160_000);
        slow(190_000);
        // under way beside the last one
        (0..9).for_each(|_| slow(200_000));
        assert_eq!(window.hangs(), None);
        slow(220_000);
        assert_eq!(window.hangs(), Some((3, 10)));
    }

    #[test]
    fn only_one_that_is_slow_is_left_behind() {
        let window = window(4);
        let waiting = |now| {
            std::iter::from_fn(|| window.ticket_unless_behind(false, now))
                .take(300)
                .count()
        };
        assert_eq!(waiting(at(0)), 300, "each goes at once");
        let tickets: Vec<Ticket<'_>> = std::iter::from_fn(|| (!window.is_full()).then(|| window.ticket())).collect();
        (0..10).for_each(|_| window.answered(at(0), at(500)));
        assert!(window.ticket_unless_behind(false, at(900)).is_some());
        assert!(window.ticket_unless_behind(false, at(1600)).is_none());
        drop(tickets);
        assert!(
            window.ticket_unless_behind(false, at(1600)).is_none(),
            "until the next pass"
        );
        window.catch_up();
        assert!(window.ticket_unless_behind(false, at(1600)).is_some());
    }

    #[test]
    fn so_many_wait_and_no_more() {
        let window = window(4);
        let tickets: Vec<Ticket<'_>> = std::iter::from_fn(|| (!window.is_full()).then(|| window.ticket())).collect();
        assert_eq!(tickets.len(), MOST_WAITING);
        drop(tickets);
        assert!(!window.is_full() && window.has_room());
    }
}
