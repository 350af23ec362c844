//! Time is passed in: the one place that sleeps or reads a clock.
//!
//! A [`Moment`] is a reading of one clock's monotonic time; moments of different clocks do not compare.
//! [`RealClock`] is the wall's; [`VirtualClock`](crate::VirtualClock) lets a simulated bench skip its waits.

use crate::{BaseUnit, Decimal, Quantity, Unit};
use chrono::{DateTime, Utc};
use std::{
    any::Any,
    fmt,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// A reading of a clock's monotonic time: how long after that clock's own start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Duration);

impl Moment {
    /// `elapsed` after the clock's start.
    #[must_use]
    pub const fn from_start(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// Time since the clock's start.
    #[must_use]
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// Time from `earlier` to this moment, zero if it lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// This much later; the end of time if that overflows.
    #[must_use]
    pub const fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

/// A sleep that is over when its clock says so. Dropping it forgets it.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The source of time. Nothing else sleeps, times out or reads a clock.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Monotonic time.
    fn now(&self) -> Moment;

    /// Wall time. On a virtual clock: the real start plus the virtual time since.
    fn utc(&self) -> DateTime<Utc>;

    /// Ends at `moment`, at once if that has passed.
    fn sleep_until(&self, moment: Moment) -> Sleep;

    /// True when waits are skipped.
    fn is_virtual(&self) -> bool {
        false
    }

    /// Enters a task whose waiting the clock must know of; `None` where that does not matter.
    fn enrol(&self) -> Option<Arc<dyn Participant>> {
        None
    }

    /// Holds a virtual clock still while something outside its tasks works (a disk write, a prompt).
    fn busy(&self) -> BusyGuard {
        BusyGuard(None)
    }
}

/// A task as its clock sees it: runnable, or waiting.
pub trait Participant: Send + Sync {
    /// The task can go on. Called before its waker is.
    fn woken(&self);
    /// A poll of the task begins.
    fn polled(&self);
    /// That poll ended without a result.
    fn waiting(&self);
    /// The task is over.
    fn gone(&self);
}

/// Keeps a virtual clock from moving until dropped; means nothing on a real one.
pub struct BusyGuard(Option<Arc<dyn Participant>>);

impl BusyGuard {
    /// A guard that ends `participant`'s work when dropped.
    #[must_use]
    pub fn of(participant: Arc<dyn Participant>) -> Self {
        Self(Some(participant))
    }
}

impl fmt::Debug for BusyGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BusyGuard")
    }
}

impl Drop for BusyGuard {
    fn drop(&mut self) {
        if let Some(participant) = self.0.take() {
            participant.gone();
        }
    }
}

/// The deadline passed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the deadline passed")]
pub struct Elapsed;

/// What callers of a [`Clock`] use beside its primitives.
pub trait ClockExt: Clock {
    /// Sleeps for `duration`.
    fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now().after(duration))
    }

    /// Runs `future` until it is done or `deadline` passes; then `future` is dropped.
    ///
    /// A result that is ready at the deadline wins over the deadline.
    ///
    /// # Errors
    /// [`Elapsed`] when the deadline came first.
    fn within<F: Future + Send>(
        &self,
        deadline: Moment,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Elapsed>> + Send {
        let mut sleep = self.sleep_until(deadline);
        async move {
            let mut future = Box::pin(future);
            std::future::poll_fn(move |cx| {
                if let Poll::Ready(output) = future.as_mut().poll(cx) {
                    return Poll::Ready(Ok(output));
                }
                sleep.as_mut().poll(cx).map(|()| Err(Elapsed))
            })
            .await
        }
    }
}

impl<C: Clock + ?Sized> ClockExt for C {}

/// The wall's time: std's monotonic clock, the system's UTC and tokio's timers.
#[derive(Clone, Copy, Debug)]
pub struct RealClock {
    start: Instant,
}

impl RealClock {
    /// A clock that starts now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }

    /// The same, shared.
    #[must_use]
    pub fn shared() -> Arc<dyn Clock> {
        Arc::new(Self::new())
    }
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealClock {
    fn now(&self) -> Moment {
        Moment(self.start.elapsed())
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn utc(&self) -> DateTime<Utc> {
        // chrono's own panics where the clock was set before 1970
        std::time::SystemTime::now().into()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that sets a timer")]
    fn sleep_until(&self, moment: Moment) -> Sleep {
        // a deadline past the end of time never comes
        let Some(at) = self.start.checked_add(moment.0) else {
            return Box::pin(std::future::pending());
        };
        Box::pin(tokio::time::sleep_until(at.into()))
    }
}

/// Why a spawned task gave no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskFailure {
    /// It panicked, with this message.
    #[error("panicked: {0}")]
    Panicked(String),
    /// It was aborted.
    #[error("aborted")]
    Aborted,
}

/// A running task: await it for its result; dropping the handle leaves the task running.
#[derive(Debug)]
pub struct TaskHandle<T> {
    result: oneshot::Receiver<Result<T, TaskFailure>>,
    task: tokio::task::JoinHandle<()>,
}

impl<T> TaskHandle<T> {
    /// Drops the task's future at its next await.
    pub fn abort(&self) {
        self.task.abort();
    }
}

impl<T> Future for TaskHandle<T> {
    type Output = Result<T, TaskFailure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.result)
            .poll(cx)
            .map(|received| received.unwrap_or(Err(TaskFailure::Aborted)))
    }
}

/// Starts a task that `clock` knows of: a virtual clock moves only when all such tasks wait.
///
/// A panic in the task is its result, not the end of the process. Call it inside a tokio runtime.
pub fn spawn<T, F>(clock: &dyn Clock, future: F) -> TaskHandle<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (sender, result) = oneshot::channel();
    let tracked = Tracked {
        // tokio's cooperative budget would make a task look idle that only gave way
        future: Some(Box::pin(tokio::task::unconstrained(future))),
        sender: Some(sender),
        waker: Arc::new(TrackedWaker {
            participant: clock.enrol(),
            task: Mutex::new(None),
        }),
    };
    TaskHandle {
        result,
        task: tokio::spawn(tracked),
    }
}

struct Tracked<T> {
    // `None` once dropped
    future: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    // the result goes out before the clock learns that the task is over, so that its reader is
    // already runnable when the clock looks
    sender: Option<oneshot::Sender<Result<T, TaskFailure>>>,
    waker: Arc<TrackedWaker>,
}

impl<T> Future for Tracked<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        *this.waker.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        if let Some(participant) = &this.waker.participant {
            participant.polled();
        }
        let waker = Waker::from(Arc::clone(&this.waker));
        let Some(future) = &mut this.future else {
            return Poll::Ready(());
        };
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| {
            future.as_mut().poll(&mut Context::from_waker(&waker))
        }));
        let result = match polled {
            Ok(Poll::Pending) => {
                if let Some(participant) = &this.waker.participant {
                    participant.waiting();
                }
                return Poll::Pending;
            }
            Ok(Poll::Ready(value)) => Ok(value),
            Err(payload) => Err(TaskFailure::Panicked(panic_message(payload.as_ref()))),
        };
        if let Some(sender) = this.sender.take() {
            // nobody waits for it: its result was not wanted
            drop(sender.send(result));
        }
        Poll::Ready(())
    }
}

impl<T> Drop for Tracked<T> {
    fn drop(&mut self) {
        // what the future held (senders, guards) wakes others before the clock learns that the task is over
        drop(self.future.take());
        drop(self.sender.take());
        if let Some(participant) = &self.waker.participant {
            participant.gone();
        }
    }
}

impl<T> Unpin for Tracked<T> {}

struct TrackedWaker {
    participant: Option<Arc<dyn Participant>>,
    task: Mutex<Option<Waker>>,
}

impl Wake for TrackedWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(participant) = &self.participant {
            participant.woken();
        }
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(waker) = task {
            waker.wake();
        }
    }
}

/// The text of a panic's payload.
#[must_use]
pub fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

/// A duration from a number and its unit: s with a prefix, min or h. `None` for anything else, and below zero.
#[must_use]
pub fn duration_from_parts(number: &str, unit: &str) -> Option<Duration> {
    let number: Decimal = number.parse().ok()?;
    let seconds = match unit {
        "min" => number.to_f64() * 60.0,
        "h" => number.to_f64() * 3600.0,
        other => {
            let quantity = Quantity::new(number, other.parse().ok()?);
            quantity.in_unit(Unit::of(BaseUnit::Second)).ok()?.to_f64()
        }
    };
    Duration::try_from_secs_f64(seconds).ok()
}

/// A duration as people say it: `250 ms`, `2 s`, `1.5 s`.
#[must_use]
pub fn human_duration(duration: Duration) -> String {
    match duration.as_nanos() {
        0..1_000_000 => format!("{} us", duration.as_micros()),
        1_000_000..1_000_000_000 => format!("{} ms", duration.as_millis()),
        _ => format!("{} s", (duration.as_secs_f64() * 1000.0).round() / 1000.0),
    }
}
