//! A clock for fuzzers: nobody waits, and time goes on when it is told to.

use benchtop_instrument::{Clock, Moment, Sleep};
use chrono::{DateTime, Utc};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// Stands still until it is told to go on.
#[derive(Debug, Default)]
pub struct Steps(AtomicU64);

impl Steps {
    /// Lets time pass.
    pub fn go_on(&self, milliseconds: u64) {
        self.0.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

impl Clock for Steps {
    fn now(&self) -> Moment {
        Moment::from_start(Duration::from_millis(self.0.load(Ordering::Relaxed)))
    }

    fn utc(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    /// Sleeping is over at once, and leaves the time as it was.
    fn sleep_until(&self, _: Moment) -> Sleep {
        Box::pin(std::future::ready(()))
    }

    fn is_virtual(&self) -> bool {
        true
    }
}

/// Runs a future that never has to wait.
///
/// # Panics
/// When it does wait: then nothing would ever wake it.
#[expect(clippy::panic, reason = "a fuzzer's way to say that it found something")]
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("it waits for what never comes"),
    }
}
