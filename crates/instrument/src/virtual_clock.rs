//! A clock for simulated benches: time passes only when everybody waits for it.
//!
//! Invariants, each a test below:
//! 1. Time moves only when no enrolled task is runnable and no busy guard is held.
//! 2. It moves exactly to the earliest sleeper, and wakes all sleepers of that moment.
//! 3. A dropped sleep is forgotten; a dropped or finished task no longer holds the clock.

use crate::clock::{BusyGuard, Clock, Moment, Participant, RealClock, Sleep};
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// A clock that jumps to the next sleeper as soon as all its tasks wait.
///
/// It accepts only what happens in this process: a task that waits for a socket looks idle to it.
/// Work outside its tasks (a disk write, a prompt) takes a [`Clock::busy`] guard.
#[derive(Clone)]
pub struct VirtualClock(Arc<Shared>);

struct Shared {
    utc_at_start: DateTime<Utc>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    now: Duration,
    /// Runnable tasks plus busy guards.
    busy: usize,
    sleepers: BTreeMap<(Duration, u64), Option<Waker>>,
    next_sleeper: u64,
}

impl VirtualClock {
    /// A clock at its start, whose UTC begins at the real one.
    #[must_use]
    pub fn new() -> Self {
        Self::starting_at(RealClock::new().utc())
    }

    /// A clock whose UTC begins at `utc`.
    #[must_use]
    pub fn starting_at(utc: DateTime<Utc>) -> Self {
        Self(Arc::new(Shared {
            utc_at_start: utc,
            state: Mutex::default(),
        }))
    }
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for VirtualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VirtualClock({:?})", self.now())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self) {
        self.lock().busy += 1;
    }

    /// One task fewer is busy; if it was the last, time moves.
    fn leave(&self) {
        let mut state = self.lock();
        state.busy = state.busy.saturating_sub(1);
        while state.busy == 0 {
            let Some((&(moment, _), _)) = state.sleepers.first_key_value() else {
                return;
            };
            state.now = state.now.max(moment);
            let later = state.sleepers.split_off(&(moment, u64::MAX));
            let due = std::mem::replace(&mut state.sleepers, later);
            // counted as busy while the wakers run, so that nobody moves time past those just woken
            state.busy += 1;
            drop(state);
            due.into_values().flatten().for_each(Waker::wake);
            state = self.lock();
            state.busy = state.busy.saturating_sub(1);
        }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Moment {
        Moment::from_start(self.0.lock().now)
    }

    fn utc(&self) -> DateTime<Utc> {
        let elapsed = TimeDelta::from_std(self.now().since_start()).unwrap_or(TimeDelta::MAX);
        self.0
            .utc_at_start
            .checked_add_signed(elapsed)
            .unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    fn sleep_until(&self, moment: Moment) -> Sleep {
        Box::pin(VirtualSleep {
            clock: Arc::clone(&self.0),
            moment: moment.since_start(),
            key: None,
        })
    }

    fn is_virtual(&self) -> bool {
        true
    }

    fn enrol(&self) -> Option<Arc<dyn Participant>> {
        self.0.enter();
        Some(Arc::new(Enrolled {
            clock: Arc::clone(&self.0),
            phase: Mutex::new(Phase::Scheduled),
        }))
    }

    fn busy(&self) -> BusyGuard {
        self.0.enter();
        BusyGuard::of(Arc::new(Enrolled {
            clock: Arc::clone(&self.0),
            phase: Mutex::new(Phase::Scheduled),
        }))
    }
}

struct VirtualSleep {
    clock: Arc<Shared>,
    moment: Duration,
    key: Option<u64>,
}

impl Future for VirtualSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let clock = Arc::clone(&self.clock);
        let mut state = clock.lock();
        if state.now >= self.moment {
            return Poll::Ready(());
        }
        let key = *self.key.get_or_insert_with(|| {
            state.next_sleeper += 1;
            state.next_sleeper
        });
        state.sleepers.insert((self.moment, key), Some(cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for VirtualSleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let forgotten = self.clock.lock().sleepers.remove(&(self.moment, key));
            drop(forgotten);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Woken; a poll will follow.
    Scheduled,
    Polling,
    /// Being polled, and woken since the poll began: another poll will follow.
    PollingAndWoken,
    Waiting,
    Gone,
}

struct Enrolled {
    clock: Arc<Shared>,
    phase: Mutex<Phase>,
}

impl Enrolled {
    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Participant for Enrolled {
    fn woken(&self) {
        let mut phase = self.phase();
        match *phase {
            Phase::Waiting => {
                self.clock.enter();
                *phase = Phase::Scheduled;
            }
            Phase::Polling => *phase = Phase::PollingAndWoken,
            Phase::Scheduled | Phase::PollingAndWoken | Phase::Gone => {}
        }
    }

    fn polled(&self) {
        let mut phase = self.phase();
        match *phase {
            Phase::Waiting => {
                self.clock.enter();
                *phase = Phase::Polling;
            }
            Phase::Scheduled => *phase = Phase::Polling,
            Phase::Polling | Phase::PollingAndWoken | Phase::Gone => {}
        }
    }

    fn waiting(&self) {
        let mut phase = self.phase();
        match *phase {
            Phase::Polling => *phase = Phase::Waiting,
            Phase::PollingAndWoken => {
                *phase = Phase::Scheduled;
                return;
            }
            Phase::Scheduled | Phase::Waiting | Phase::Gone => return,
        }
        drop(phase);
        self.clock.leave();
    }

    fn gone(&self) {
        let before = std::mem::replace(&mut *self.phase(), Phase::Gone);
        match before {
            Phase::Scheduled | Phase::Polling | Phase::PollingAndWoken => self.clock.leave(),
            Phase::Waiting | Phase::Gone => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{ClockExt, Elapsed, TaskFailure, spawn};
    use tokio::sync::mpsc;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_hour_passes_at_once_and_is_counted_exactly() {
        let clock = VirtualClock::new();
        let inside = clock.clone();
        let before = clock.utc();
        spawn(&clock, async move { inside.sleep(HOUR).await }).await.unwrap();
        assert_eq!(clock.now().since_start(), HOUR);
        assert_eq!(clock.utc() - before, TimeDelta::hours(1));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_guard_holds_the_clock() {
        let clock = VirtualClock::new();
        let guard = clock.busy();
        let inside = clock.clone();
        let mut task = spawn(&clock, async move { inside.sleep(HOUR).await });
        for _ in 0..100 {
            tokio::task::yield_now().await;
            assert!(futures_poll_once(&mut task).await.is_none());
        }
        assert_eq!(clock.now().since_start(), Duration::ZERO);
        drop(guard);
        task.await.unwrap();
    }

    async fn futures_poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|cx| match Pin::new(&mut *future).poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_deadline_never_overtakes_work_that_is_done_in_time() {
        // a caller waits with a deadline of 10 s on a worker that answers after 9 s, a thousand times
        let clock = VirtualClock::new();
        let (ask, mut asked) = mpsc::channel::<()>(1);
        let (answer, mut answered) = mpsc::channel::<()>(1);
        let inside = clock.clone();
        let worker = spawn(&clock, async move {
            while asked.recv().await.is_some() {
                inside.sleep(Duration::from_secs(9)).await;
                if answer.send(()).await.is_err() {
                    return;
                }
            }
        });
        let inside = clock.clone();
        let caller = spawn(&clock, async move {
            for _ in 0..1000 {
                ask.send(()).await.unwrap();
                let deadline = inside.now().after(Duration::from_secs(10));
                inside.within(deadline, answered.recv()).await.unwrap().unwrap();
            }
        });
        caller.await.unwrap();
        worker.await.unwrap();
        assert_eq!(clock.now().since_start(), Duration::from_secs(9000));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_deadline_ends_what_never_answers_and_forgets_its_sleepers() {
        let clock = VirtualClock::new();
        let inside = clock.clone();
        let outcome = spawn(&clock, async move {
            let deadline = inside.now().after(HOUR);
            let hung = inside.within(deadline, std::future::pending::<()>()).await;
            // the abandoned sleep of a day must not be slept
            let abandoned = inside.within(inside.now().after(HOUR), inside.sleep(24 * HOUR)).await;
            (hung, abandoned)
        });
        assert_eq!(outcome.await.unwrap(), (Err(Elapsed), Err(Elapsed)));
        assert_eq!(clock.now().since_start(), 2 * HOUR);
    }

    #[tokio::test]
    async fn a_panic_is_a_result() {
        let clock = VirtualClock::new();
        let task = spawn(&clock, async { panic!("broken driver") });
        assert_eq!(
            task.await,
            Err::<(), _>(TaskFailure::Panicked("broken driver".to_owned()))
        );
    }

    #[tokio::test]
    async fn an_aborted_task_lets_time_go_on() {
        let clock = VirtualClock::new();
        let hung = spawn(&clock, std::future::pending::<()>());
        hung.abort();
        assert_eq!(hung.await, Err(TaskFailure::Aborted));
        let inside = clock.clone();
        spawn(&clock, async move { inside.sleep(HOUR).await }).await.unwrap();
        assert_eq!(clock.now().since_start(), HOUR);
    }
}
