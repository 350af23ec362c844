//! The session suite: plays the instrument's end of the wire and watches the session.

mod cancelled;
mod out_of_band;

use super::{Violation, broken};
use crate::{Clock, ClockExt, Error, ErrorKind, Session, SessionExt, SessionState};
use async_trait::async_trait;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// The instrument's end, played by the suite.
#[async_trait]
pub trait FarEnd: Send {
    /// The next program message that arrived, without terminator; waits for it. Follows the session through a
    /// reconnect. `None` when the rig is closed for good.
    async fn receive(&mut self) -> Option<Vec<u8>>;

    /// Sends bytes exactly as given, in one piece. Response messages end in LF.
    async fn send(&mut self, bytes: &[u8]);

    /// Closes the path, as a power cycle does; a reconnect succeeds afterwards.
    async fn hang_up(&mut self);
}

/// What a transport has beside messages. What it has not must be `Unsupported`, and asking for it changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfBand {
    /// A status byte. Its message-available bit must then say whether an answer of the far end waits.
    pub status_byte: bool,
    /// Device clear. The far end must then forget what it wanted to say.
    pub device_clear: bool,
}

impl OutOfBand {
    /// Nothing: a raw socket, a plain serial line.
    pub const NONE: Self = Self {
        status_byte: false,
        device_clear: false,
    };
    /// A status byte and device clear: what IEEE 488 has, and what was made after it.
    pub const ALL: Self = Self {
        status_byte: true,
        device_clear: true,
    };
}

/// How to open a session of one transport against a far end.
#[async_trait]
pub trait SessionRig: Send + Sync {
    /// Opens a session and its far end. What both hold ends with them.
    async fn open(&self) -> (Box<dyn Session>, Box<dyn FarEnd>);

    /// The clock that the sessions use.
    fn clock(&self) -> Arc<dyn Clock>;

    /// What there is beside messages.
    fn out_of_band(&self) -> OutOfBand;

    /// False where what lies beneath cannot tell a peer that hung up from one that is silent. It still ends in an error.
    fn notices_a_closed_peer(&self) -> bool {
        true
    }

    /// Checks that cannot be made, by their names, each with the reason: nothing but a transcript has any.
    fn exempt(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }
}

/// How long the suite waits for something that must come.
pub(super) const SOON: Duration = Duration::from_secs(5);
/// How long it waits for something that must not come.
pub(super) const SILENCE: Duration = Duration::from_millis(50);
/// How long a peer is silent of whose timeout the length is checked, and how often it may be off: once may be the machine's
/// doing, three times in a row are the session's.
const PATIENCE: Duration = Duration::from_millis(300);
const TRIES: usize = 3;
/// A peer that hung up is seen in this time, in one of so many tries.
const AT_ONCE: Duration = Duration::from_millis(250);

/// Makes the checks that `rig` does not exempt, in this order; and takes what it exempts off the list of what it exempts.
macro_rules! checked {
    ($rig:expr, $exempt:expr, $($check:path => $name:literal),+ $(,)?) => {
        $(
            if $exempt.remove($name).is_none() {
                $check($rig).await?;
            }
        )+
    };
}

/// Runs every check against sessions of `rig`, but for those that it exempts by name.
///
/// # Errors
/// The first [`Violation`]; that what is exempted is no check.
pub async fn session(rig: &dyn SessionRig) -> Result<(), Violation> {
    let mut exempt: BTreeMap<&str, &str> = rig.exempt().iter().copied().collect();
    checked!(rig, exempt,
        a_query_gets_its_answer => "a_query_gets_its_answer",
        framing_is_the_sessions_business => "framing_is_the_sessions_business",
        blocks_keep_their_newlines => "blocks_keep_their_newlines",
        a_large_block_arrives_whole => "a_large_block_arrives_whole",
        a_late_answer_is_never_the_next_one => "a_late_answer_is_never_the_next_one",
        a_silent_peer_costs_its_timeout => "a_silent_peer_costs_its_timeout",
        a_dropped_read_desynchronises => "a_dropped_read_desynchronises",
        cancelled::a_query_dropped_at_any_await_shifts_nothing => "a_query_dropped_at_any_await_shifts_nothing",
        cancelled::nothing_dropped_at_any_await_keeps_a_session_from_recovering
            => "nothing_dropped_at_any_await_keeps_a_session_from_recovering",
        an_answer_nobody_asked_for_is_noticed => "an_answer_nobody_asked_for_is_noticed",
        out_of_band::the_status_byte_tells_that_an_answer_waits => "the_status_byte_tells_that_an_answer_waits",
        out_of_band::device_clear_drops_what_was_to_be_said => "device_clear_drops_what_was_to_be_said",
        a_closed_peer_is_disconnected_at_once => "a_closed_peer_is_disconnected_at_once",
        a_closed_session_does_nothing => "a_closed_session_does_nothing",
    );
    match exempt.into_iter().next() {
        None => Ok(()),
        Some((name, why)) => Err(broken(
            "what is exempted is a check",
            format!("there is no {name} ({why})"),
        )),
    }
}

async fn answer(far: &mut dyn FarEnd, expected: &str, bytes: &[u8]) -> Result<(), Violation> {
    let message = far.receive().await;
    if message.as_deref() != Some(expected.as_bytes()) {
        return Err(broken(
            "a message goes out whole",
            format!("{expected} arrived as {message:?}"),
        ));
    }
    far.send(bytes).await;
    Ok(())
}

pub(super) async fn query(
    rig: &dyn SessionRig,
    session: &mut dyn Session,
    far: &mut dyn FarEnd,
    message: &str,
    pieces: &[&[u8]],
) -> Result<Vec<u8>, Violation> {
    let rule = "a query gets its own answer";
    let deadline = rig.clock().now().after(SOON);
    session
        .write(message.as_bytes(), deadline)
        .await
        .map_err(|error| broken(rule, error.to_string()))?;
    if let Some((first, rest)) = pieces.split_first() {
        answer(far, message, first).await?;
        for piece in rest {
            far.send(piece).await;
        }
    }
    session
        .read(deadline)
        .await
        .map_err(|error| broken(rule, error.to_string()))
}

pub(super) fn same(rule: &'static str, got: &[u8], expected: &[u8]) -> Result<(), Violation> {
    if got == expected {
        return Ok(());
    }
    let shown =
        |bytes: &[u8]| String::from_utf8_lossy(bytes.get(..bytes.len().min(80)).unwrap_or_default()).into_owned();
    Err(broken(
        rule,
        format!(
            "expected {:?} ({} bytes), got {:?} ({} bytes)",
            shown(expected),
            expected.len(),
            shown(got),
            got.len()
        ),
    ))
}

fn expect_kind<T>(rule: &'static str, result: Result<T, Error>, kind: ErrorKind) -> Result<(), Violation> {
    match result {
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(broken(
            rule,
            format!("expected {kind:?}, got {:?}: {error}", error.kind()),
        )),
        Ok(_) => Err(broken(rule, format!("expected {kind:?}, got an answer"))),
    }
}

async fn a_query_gets_its_answer(rig: &dyn SessionRig) -> Result<(), Violation> {
    let (mut session, mut far) = rig.open().await;
    if session.state() != SessionState::Ready {
        return Err(broken("an opened session is ready", format!("{:?}", session.state())));
    }
    for turn in 0..100 {
        let message = format!("ECHO {turn}?");
        let expected = format!("{turn}");
        let got = query(
            rig,
            &mut session,
            far.as_mut(),
            &message,
            &[format!("{expected}\n").as_bytes()],
        )
        .await?;
        same("a query gets its own answer", &got, expected.as_bytes())?;
    }
    Ok(())
}

async fn framing_is_the_sessions_business(rig: &dyn SessionRig) -> Result<(), Violation> {
    let (mut session, mut far) = rig.open().await;
    for (pieces, expected) in [
        (&[b"+1.5E+00\r\n".as_slice()] as &[&[u8]], "+1.5E+00"),
        (&[b"+1.".as_slice(), b"5E+".as_slice(), b"00\n".as_slice()], "+1.5E+00"),
        (&[b"+1.5E+00\r".as_slice(), b"\n".as_slice()], "+1.5E+00"),
        (&[b"\n".as_slice()], ""),
    ] {
        let got = query(rig, &mut session, far.as_mut(), "READ?", pieces).await?;
        same(
            "LF and CRLF end a message, however it is cut",
            &got,
            expected.as_bytes(),
        )?;
    }
    let garbage = b"\xff\x00\x15~\x1b[2J\x80";
    let sent = [garbage.as_slice(), b"\n"].concat();
    let got = query(rig, &mut session, far.as_mut(), "READ?", &[&sent]).await?;
    same("garbage is handed on as it came", &got, garbage)?;
    let got = query(rig, &mut session, far.as_mut(), "READ?", &[b"1\n"]).await?;
    same("and ends nothing", &got, b"1")
}

async fn blocks_keep_their_newlines(rig: &dyn SessionRig) -> Result<(), Violation> {
    let (mut session, mut far) = rig.open().await;
    for (pieces, expected) in [
        (&[b"#15ab\ncd\n".as_slice()] as &[&[u8]], b"#15ab\ncd".as_slice()),
        (
            &[b"#1".as_slice(), b"5ab\n".as_slice(), b"\n#\n".as_slice()],
            b"#15ab\n\n#",
        ),
        (&[b"1,#13\n\n\n,2\n".as_slice()], b"1,#13\n\n\n,2"),
        (&[b"\"a #15\"\n".as_slice()], b"\"a #15\""),
        (&[b"#0abc\n".as_slice()], b"#0abc"),
    ] {
        let got = query(rig, &mut session, far.as_mut(), "CURV?", pieces).await?;
        same("block data is kept as sent", &got, expected)?;
    }
    Ok(())
}

async fn a_large_block_arrives_whole(rig: &dyn SessionRig) -> Result<(), Violation> {
    let (mut session, mut far) = rig.open().await;
    let mut expected = b"#71048576".to_vec();
    expected.extend((0..1_048_576_u32).map(|index| (index % 251).to_le_bytes().first().copied().unwrap_or(0)));
    let mut sent = expected.clone();
    sent.push(b'\n');
    let deadline = rig.clock().now().after(SOON);
    let rule = "a block of 1 MiB arrives whole";
    session
        .write(b"DATA?", deadline)
        .await
        .map_err(|error| broken(rule, error.to_string()))?;
    let sending = tokio::spawn(async move {
        far.receive().await;
        far.send(&sent).await;
        far
    });
    let got = session
        .read(deadline)
        .await
        .map_err(|error| broken(rule, error.to_string()))?;
    drop(sending.await);
    same(rule, &got, &expected)
}

async fn a_late_answer_is_never_the_next_one(rig: &dyn SessionRig) -> Result<(), Violation> {
    let rule = "a late answer is never taken for the next one";
    let clock = rig.clock();
    let (mut session, mut far) = rig.open().await;
    let deadline = clock.now().after(SILENCE);
    session
        .write(b"SLOW?", deadline)
        .await
        .map_err(|error| broken(rule, error.to_string()))?;
    expect_kind(rule, session.read(deadline).await, ErrorKind::Timeout)?;
    let waited = clock.now().since(deadline);
    if waited > SILENCE * 4 {
        return Err(broken(
            "every operation ends by its deadline",
            format!("{waited:?} late"),
        ));
    }
    if session.state() != SessionState::Desynchronised {
        return Err(broken(
            rule,
            format!("after a timeout the session is {:?}", session.state()),
        ));
    }
    answer(far.as_mut(), "SLOW?", b"LATE\n").await?;
    let soon = clock.now().after(SOON);
    expect_kind(rule, session.write(b"NEXT?", soon).await, ErrorKind::Desynchronised)?;
    expect_kind(rule, session.read(soon).await, ErrorKind::Desynchronised)?;
    session
        .recover(soon)
        .await
        .map_err(|error| broken("a live peer can be recovered", error.to_string()))?;
    let got = query(rig, &mut session, far.as_mut(), "NEXT?", &[b"NEXT\n"]).await?;
    same(rule, &got, b"NEXT")
}

async fn a_silent_peer_costs_its_timeout(rig: &dyn SessionRig) -> Result<(), Violation> {
    let rule = "a silent peer costs its timeout, to a tenth";
    let clock = rig.clock();
    let mut waits = Vec::new();
    while waits.len() < TRIES {
        let (mut session, mut far) = rig.open().await;
        let begun = clock.now();
        let deadline = begun.after(PATIENCE);
        session
            .write(b"SLOW?", deadline)
            .await
            .map_err(|error| broken(rule, error.to_string()))?;
        far.receive().await;
        expect_kind(rule, session.read(deadline).await, ErrorKind::Timeout)?;
        let waited = clock.now().since(begun);
        if waited.abs_diff(PATIENCE) <= PATIENCE / 10 {
            return Ok(());
        }
        waits.push(waited);
    }
    Err(broken(rule, format!("{PATIENCE:?} took {waits:?}")))
}

async fn a_dropped_read_desynchronises(rig: &dyn SessionRig) -> Result<(), Violation> {
    let rule = "a dropped call leaves the session desynchronised";
    let clock = rig.clock();
    let (mut session, mut far) = rig.open().await;
    let deadline = clock.now().after(SOON);
    session
        .write(b"SLOW?", deadline)
        .await
        .map_err(|error| broken(rule, error.to_string()))?;
    let dropped = clock.within(clock.now().after(SILENCE), session.read(deadline)).await;
    if dropped.is_ok() {
        return Err(broken(rule, "a silent peer answered"));
    }
    answer(far.as_mut(), "SLOW?", b"LATE\n").await?;
    expect_kind(
        rule,
        session.query("NEXT?", clock.now().after(SOON)).await,
        ErrorKind::Desynchronised,
    )?;
    session
        .recover(clock.now().after(SOON))
        .await
        .map_err(|error| broken(rule, error.to_string()))?;
    let got = query(rig, &mut session, far.as_mut(), "NEXT?", &[b"NEXT\n"]).await?;
    same(rule, &got, b"NEXT")
}

async fn an_answer_nobody_asked_for_is_noticed(rig: &dyn SessionRig) -> Result<(), Violation> {
    let rule = "an answer that nobody asked for is never taken for the next one";
    let (mut session, mut far) = rig.open().await;
    let got = query(rig, &mut session, far.as_mut(), "ONE?", &[b"1\n2\n"]).await?;
    same(rule, &got, b"1")?;
    let soon = rig.clock().now().after(SOON);
    expect_kind(rule, session.query("TWO?", soon).await, ErrorKind::Desynchronised)?;
    session
        .recover(soon)
        .await
        .map_err(|error| broken(rule, error.to_string()))?;
    let got = query(rig, &mut session, far.as_mut(), "TWO?", &[b"22\n"]).await?;
    same(rule, &got, b"22")
}

async fn a_closed_peer_is_disconnected_at_once(rig: &dyn SessionRig) -> Result<(), Violation> {
    let mut took = Duration::MAX;
    for _try in 0..TRIES {
        took = took.min(a_closed_peer_is_disconnected(rig).await?);
        if took <= AT_ONCE {
            return Ok(());
        }
    }
    Err(broken(
        "a closed peer is disconnected at once",
        format!("it took {took:?}"),
    ))
}

/// How long it took to be seen; nothing where what lies beneath cannot see it.
async fn a_closed_peer_is_disconnected(rig: &dyn SessionRig) -> Result<Duration, Violation> {
    let rule = "a closed peer is disconnected";
    let clock = rig.clock();
    let (mut session, mut far) = rig.open().await;
    let deadline = clock.now().after(SOON);
    session
        .write(b"READ?", deadline)
        .await
        .map_err(|error| broken(rule, error.to_string()))?;
    far.receive().await;
    far.hang_up().await;
    let begun = clock.now();
    let mut took = Duration::ZERO;
    if rig.notices_a_closed_peer() {
        expect_kind(rule, session.read(deadline).await, ErrorKind::Disconnected)?;
        took = clock.now().since(begun);
        expect_kind(rule, session.write(b"READ?", deadline).await, ErrorKind::Disconnected)?;
    } else {
        expect_kind(rule, session.read(deadline).await, ErrorKind::Timeout)?;
        expect_kind(rule, session.write(b"READ?", deadline).await, ErrorKind::Desynchronised)?;
    }
    session
        .recover(clock.now().after(SOON))
        .await
        .map_err(|error| broken("a peer that is back can be recovered", error.to_string()))?;
    let got = query(rig, &mut session, far.as_mut(), "READ?", &[b"1\n"]).await?;
    same(rule, &got, b"1")?;
    Ok(took)
}

async fn a_closed_session_does_nothing(rig: &dyn SessionRig) -> Result<(), Violation> {
    let rule = "a closed session does nothing";
    let (mut session, _far) = rig.open().await;
    let soon = rig.clock().now().after(SOON);
    session.close().await.map_err(|error| broken(rule, error.to_string()))?;
    session
        .close()
        .await
        .map_err(|error| broken("closing twice is no error", error.to_string()))?;
    expect_kind(rule, session.write(b"READ?", soon).await, ErrorKind::Disconnected)?;
    if session.state() != SessionState::Closed {
        return Err(broken(rule, format!("it says {:?}", session.state())));
    }
    Ok(())
}
