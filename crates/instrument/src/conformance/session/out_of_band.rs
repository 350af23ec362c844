//! The status byte and device clear, which go past the messages.

use super::{ErrorKind, SILENCE, SOON, SessionRig, Violation, broken, expect_kind, query, same};
use crate::{ClockExt, Error, Session, SessionState};

/// Status byte: a message is available (IEEE 488.2, 11.2.1.2).
const MESSAGE_AVAILABLE: u8 = 1 << 4;

/// Whether an answer waits, as the status byte has it.
async fn waits(rig: &dyn SessionRig, session: &mut dyn Session) -> Result<bool, Error> {
    let byte = session.status_byte(rig.clock().now().after(SOON)).await?;
    Ok(byte & MESSAGE_AVAILABLE != 0)
}

/// Checks that the status byte follows a query from its question to its answer, and that reading it disturbs neither. Where there
/// is none, that is said in every state of a query, and the query goes on.
pub(super) async fn the_status_byte_tells_that_an_answer_waits(rig: &dyn SessionRig) -> Result<(), Violation> {
    let rule = "the status byte tells that an answer waits";
    let there_is_one = rig.out_of_band().status_byte;
    let clock = rig.clock();
    let soon = clock.now().after(SOON);
    let (mut session, mut far) = rig.open().await;
    let said = |error: Error| broken(rule, error.to_string());
    // before a question, between question and answer, and after the answer
    let expected = |session: &dyn Session, found: Result<bool, Error>| match (there_is_one, found) {
        (true, Ok(false)) => Ok(()),
        (true, Ok(true)) => Err(broken(rule, "nothing was said, and an answer is there")),
        (true, Err(error)) => Err(said(error)),
        (false, found) => expect_kind(rule, found, ErrorKind::Unsupported).and_then(|()| still_ready(rule, session)),
    };
    let found = waits(rig, &mut session).await;
    expected(&session, found)?;
    session.write(b"READ?", soon).await.map_err(said)?;
    far.receive().await;
    let found = waits(rig, &mut session).await;
    expected(&session, found)?;
    far.send(b"1\n").await;
    while there_is_one && !waits(rig, &mut session).await.map_err(said)? {
        if clock.now() >= soon {
            return Err(broken(rule, "an answer was said, and none is there"));
        }
        clock.sleep(SILENCE / 10).await;
    }
    let answer = session.read(soon).await.map_err(said)?;
    same(rule, &answer, b"1")?;
    let found = waits(rig, &mut session).await;
    expected(&session, found)?;
    if !there_is_one {
        return Ok(());
    }
    if rig.notices_a_closed_peer() {
        far.hang_up().await;
        let deadline = clock.now().after(SOON);
        // what was sent when the other end had gone may still have found the way out
        while let Ok(byte) = session.status_byte(deadline).await {
            if clock.now() >= deadline {
                return Err(broken(rule, format!("nobody is there, and it is {byte}")));
            }
            clock.sleep(SILENCE / 10).await;
        }
        expect_kind(rule, session.status_byte(deadline).await, ErrorKind::Disconnected)?;
    }
    session.close().await.map_err(said)?;
    expect_kind(rule, session.status_byte(soon).await, ErrorKind::Disconnected)
}

fn still_ready(rule: &'static str, session: &dyn Session) -> Result<(), Violation> {
    match session.state() {
        SessionState::Ready => Ok(()),
        state @ (SessionState::Desynchronised | SessionState::Disconnected | SessionState::Closed) => {
            Err(broken(rule, format!("asking for it left the session {state:?}")))
        }
    }
}

/// Checks that an answer which lies there or comes late is gone after device clear, and the session ready. Where there is no device
/// clear, that is said, and changes nothing: what was desynchronised stays so.
pub(super) async fn device_clear_drops_what_was_to_be_said(rig: &dyn SessionRig) -> Result<(), Violation> {
    let rule = "device clear drops what was to be said";
    let there_is_one = rig.out_of_band().device_clear;
    let clock = rig.clock();
    let said = |error: Error| broken(rule, error.to_string());
    let (mut session, mut far) = rig.open().await;
    if !there_is_one {
        let cleared = session.clear(clock.now().after(SOON)).await;
        expect_kind(rule, cleared, ErrorKind::Unsupported)?;
        still_ready(rule, &session)?;
    }
    // an answer that nobody fetched, and one that came after somebody had waited for it
    for patience in [None, Some(SILENCE)] {
        session.write(b"OLD?", clock.now().after(SOON)).await.map_err(said)?;
        far.receive().await;
        if let Some(patience) = patience {
            let late = session.read(clock.now().after(patience)).await;
            expect_kind(rule, late, ErrorKind::Timeout)?;
        }
        far.send(b"OLD\n").await;
        let before = session.state();
        let cleared = session.clear(clock.now().after(SOON)).await;
        if there_is_one {
            cleared.map_err(said)?;
            still_ready(rule, &session)?;
        } else {
            expect_kind(rule, cleared, ErrorKind::Unsupported)?;
            if session.state() != before {
                return Err(broken(rule, format!("{before:?} became {:?}", session.state())));
            }
            session.recover(clock.now().after(SOON)).await.map_err(said)?;
        }
        let got = query(rig, &mut session, far.as_mut(), "NEW?", &[b"NEW\n"]).await?;
        same(rule, &got, b"NEW")?;
    }
    session.close().await.map_err(said)?;
    let deadline = clock.now().after(SOON);
    let closed = session.clear(deadline).await;
    let kind = if there_is_one {
        ErrorKind::Disconnected
    } else {
        ErrorKind::Unsupported
    };
    expect_kind(rule, closed, kind)
}
