//! Calls that are dropped wherever they wait.

use super::{FarEnd, SILENCE, SOON, SessionRig, Violation, broken, same};
use crate::{ClockExt, Error, Moment, Session, SessionExt, SessionState};
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
        recovers(rule, awaits, session.as_mut(), far.as_mut(), soon).await?;
    }
    Err(broken(rule, format!("it was not answered after {MOST} awaits")))
}

/// What can be asked of a session beside a query.
#[derive(Clone, Copy, Debug)]
enum Beside {
    Recover,
    Clear,
    StatusByte,
}

impl Beside {
    async fn ask(self, session: &mut dyn Session, soon: Moment) -> Result<(), Error> {
        match self {
            Self::Recover => session.recover(soon).await,
            Self::Clear => session.clear(soon).await,
            Self::StatusByte => session.status_byte(soon).await.map(drop),
        }
    }
}

/// Drops recovering, device clear and the question for the status byte at every await, while an answer is still to come: the
/// session recovers, and that answer is never taken for the next one's.
pub(super) async fn nothing_dropped_at_any_await_keeps_a_session_from_recovering(
    rig: &dyn SessionRig,
) -> Result<(), Violation> {
    let rule = "what is dropped at any await leaves a session that recovers";
    let there_is = rig.out_of_band();
    let asked = [
        Some(Beside::Recover),
        there_is.device_clear.then_some(Beside::Clear),
        there_is.status_byte.then_some(Beside::StatusByte),
    ];
    for beside in asked.into_iter().flatten() {
        let mut awaits = 1;
        loop {
            let clock = rig.clock();
            let (mut session, mut far) = rig.open().await;
            let soon = clock.now().after(SOON);
            let said = |error: Error| broken(rule, format!("{beside:?}, await {awaits}: {error}"));
            session.write(b"OLD?", soon).await.map_err(said)?;
            far.receive().await;
            if matches!(beside, Beside::Recover) {
                // desynchronised: its answer did not come in time
                drop(session.read(clock.now().after(SILENCE / 10)).await);
            }
            far.send(b"OLD\n").await;
            let done = dropped_after(awaits, beside.ask(session.as_mut(), soon)).await;
            let is_done = done.transpose().map_err(said)?.is_some();
            if session.state() == SessionState::Ready {
                // nothing was lost: the answer is there still, or was cleared away
                match session.read(clock.now().after(SILENCE)).await {
                    Ok(answer) => same(rule, &answer, b"OLD")?,
                    Err(_cleared) => {}
                }
            }
            recovers(rule, awaits, session.as_mut(), far.as_mut(), soon).await?;
            if is_done {
                break;
            }
            awaits += 1;
            if awaits > MOST {
                return Err(broken(rule, format!("{beside:?} was not done after {MOST} awaits")));
            }
        }
    }
    Ok(())
}

/// Checks that a session recovers from wherever it is, and that the next question gets its own answer.
async fn recovers(
    rule: &'static str,
    awaits: usize,
    session: &mut dyn Session,
    far: &mut dyn FarEnd,
    soon: Moment,
) -> Result<(), Violation> {
    let said = |error: Error| broken(rule, format!("dropped at await {awaits}: {error}"));
    session.recover(soon).await.map_err(said)?;
    session.write(b"AFTER?", soon).await.map_err(said)?;
    loop {
        match far.receive().await {
            Some(message) if message == b"AFTER?" => break,
            Some(_before) => {}
            None => return Err(broken(rule, "the far end is gone")),
        }
    }
    far.send(b"AFTER\n").await;
    let answer = session.read(soon).await.map_err(said)?;
    same(rule, &answer, b"AFTER")
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
