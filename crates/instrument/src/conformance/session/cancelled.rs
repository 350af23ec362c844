//! Calls that are dropped wherever they wait.

use super::{SILENCE, SOON, SessionRig, Violation, broken, same};
use crate::{ClockExt, Session, SessionExt, SessionState};
use std::{future::poll_fn, pin::pin, task::Poll};

/// Awaits that a query has at most on the way to its answer.
const MOST: usize = 200;

/// Drops a query at its first await, at its second, and so on, while the far end answers it: whatever was on the way then is never
/// taken for the answer of the next one.
pub(super) async fn a_query_dropped_at_any_await_shifts_nothing(rig: &dyn SessionRig) -> Result<(), Violation> {
    let rule = "a query dropped at any await shifts nothing";
    for awaits in 1..=MOST {
        let clock = rig.clock();
        let (mut session, mut far) = rig.open().await;
        let soon = clock.now().after(SOON);
        let asked = {
            let asking = dropped_after(awaits, session.query("DROPPED?", soon));
            let answering = clock.within(clock.now().after(SILENCE), async {
                if far.receive().await.is_some() {
                    far.send(b"LATE\n").await;
                }
            });
            let (asked, _answered) = tokio::join!(asking, answering);
            asked
        };
        match asked {
            Some(Ok(answer)) => return same(rule, answer.as_bytes(), b"LATE"),
            Some(Err(error)) => return Err(broken(rule, error.to_string())),
            None => {}
        }
        if session.state() == SessionState::Ready && awaits > 1 {
            let next = session.query("NEXT?", clock.now().after(SILENCE)).await;
            if next.is_ok_and(|answer| answer == "LATE") {
                return Err(broken(rule, format!("dropped at await {awaits}")));
            }
        }
        session
            .recover(soon)
            .await
            .map_err(|error| broken(rule, format!("dropped at await {awaits}: {error}")))?;
        session
            .write(b"AFTER?", soon)
            .await
            .map_err(|error| broken(rule, format!("dropped at await {awaits}: {error}")))?;
        loop {
            match far.receive().await {
                Some(message) if message == b"AFTER?" => break,
                Some(_before) => {}
                None => return Err(broken(rule, "the far end is gone")),
            }
        }
        far.send(b"AFTER\n").await;
        let answer = session
            .read(soon)
            .await
            .map_err(|error| broken(rule, format!("dropped at await {awaits}: {error}")))?;
        same(rule, &answer, b"AFTER")?;
    }
    Err(broken(rule, format!("it was not answered after {MOST} awaits")))
}

/// Nothing where `work` was not ready when it was polled that often; it is dropped then.
async fn dropped_after<T>(awaits: usize, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut polls = 0;
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => {
            polls += 1;
            if polls >= awaits {
                Poll::Ready(None)
            } else {
                Poll::Pending
            }
        }
    })
    .await
}
