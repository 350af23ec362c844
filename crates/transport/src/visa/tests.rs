//! Sessions through the library that `BENCHTOP_VISA_LIBRARY` names, else through the double of `tests/visa`.

mod boundaries;
mod locks;

use super::*;
use crate::{
    silent::{costs_its_deadline, wait_of},
    socket::tests::Peer,
};
use benchtop_instrument::{
    RealClock, SessionExt,
    conformance::{self, FarEnd, OutOfBand, SessionRig},
};
use std::{env, fs, path::PathBuf, time::SystemTime};
use tokio::net::TcpListener;

const SOON: Duration = Duration::from_secs(5);

/// True when a real library takes the place of the double.
fn uses_another_library() -> bool {
    env::var_os(library::VARIABLE).is_some()
}

/// True, and told, where a real library takes the place of the double and a test needs what it cannot be made to do.
fn is_passed_over(why: &str) -> bool {
    if uses_another_library() {
        println!("skipped: {why}");
    }
    uses_another_library()
}

/// The double, which cargo built because this crate asks for it.
pub(crate) fn use_a_library() {
    let folder = env::current_exe().unwrap().parent().unwrap().to_owned();
    let is_double = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.contains("benchtop_visa_double") && name.ends_with(env::consts::DLL_SUFFIX)
    };
    let found = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let newest = found.filter(is_double).max_by_key(|path| {
        let modified = fs::metadata(path).and_then(|facts| facts.modified());
        modified.unwrap_or(SystemTime::UNIX_EPOCH)
    });
    library::choose(&newest.expect("cargo builds the double before this test"));
}

pub(crate) struct Rig {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) message_based: bool,
}

#[async_trait]
impl SessionRig for Rig {
    async fn open(&self) -> (Box<dyn Session>, Box<dyn FarEnd>) {
        use_a_library();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let name = if self.message_based {
            format!("USB0::0x2A8D::0x1301::TCP{port}::INSTR")
        } else {
            format!("VISA::TCPIP0::127.0.0.1::{port}::SOCKET")
        };
        let (resource, line) = (name.parse().unwrap(), LineSettings::default());
        let deadline = self.clock.now().after(SOON);
        let opening = VisaSession::open(&resource, &line, Arc::clone(&self.clock), deadline);
        let (session, accepted) = tokio::join!(opening, listener.accept());
        let peer = Peer::new(listener, accepted.unwrap().0);
        (Box::new(session.unwrap()), Box::new(peer))
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn out_of_band(&self) -> OutOfBand {
        if self.message_based {
            OutOfBand::ALL
        } else {
            OutOfBand::NONE
        }
    }

    /// rsvisa-ivi 0.1.8 answers a timeout when the socket is closed; VPP-4.3.2 has `VI_ERROR_CONN_LOST` for it.
    fn notices_a_closed_peer(&self) -> bool {
        !uses_another_library()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn byte_streams_keep_the_session_contract() {
    let rig = Rig {
        clock: RealClock::shared(),
        message_based: false,
    };
    conformance::session(&rig).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_based_sessions_keep_the_session_contract() {
    if is_passed_over("only the double has USB instruments") {
        return;
    }
    let rig = Rig {
        clock: RealClock::shared(),
        message_based: true,
    };
    conformance::session(&rig).await.unwrap();
}

#[test]
fn byte_streams_leave_nothing_behind() {
    let rig = Rig {
        clock: RealClock::shared(),
        message_based: false,
    };
    let test = "visa::tests::byte_streams_leave_nothing_behind";
    println!("{}", conformance::endurance(test, &rig).unwrap());
}

#[test]
fn message_based_sessions_leave_nothing_behind() {
    if is_passed_over("only the double has USB instruments") {
        return;
    }
    let rig = Rig {
        clock: RealClock::shared(),
        message_based: true,
    };
    let test = "visa::tests::message_based_sessions_leave_nothing_behind";
    println!("{}", conformance::endurance(test, &rig).unwrap());
}

async fn faulty(number: u32) -> (VisaSession, Arc<dyn Clock>) {
    use_a_library();
    let clock: Arc<dyn Clock> = RealClock::shared();
    let resource = format!("GPIB0::{number}::INSTR").parse().unwrap();
    let deadline = clock.now().after(SOON);
    let line = LineSettings::default();
    let session = VisaSession::open(&resource, &line, Arc::clone(&clock), deadline);
    (session.await.unwrap(), clock)
}

#[tokio::test]
async fn a_status_that_there_is_none_is_an_error_and_no_panic_of_the_process() {
    if is_passed_over("only the double has faults") {
        return;
    }
    let (mut session, clock) = faulty(1).await;
    let error = session.query("*IDN?", clock.now().after(SOON)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(
        error.to_string().contains("what its interface does not allow"),
        "{error}"
    );
    assert_eq!(session.state(), SessionState::Desynchronised);
    session.recover(clock.now().after(SOON)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_library_that_does_not_keep_its_timeout_costs_no_more_than_the_deadline() {
    if is_passed_over("only the double has faults") {
        return;
    }
    let (mut session, clock) = faulty(2).await;
    let begun = clock.now();
    let deadline = begun.after(Duration::from_millis(300));
    let error = session.query("*IDN?", deadline).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let waited = clock.now().since(begun);
    assert!(waited < Duration::from_secs(2), "{waited:?}");
    // and it is left to itself: a fresh session answers while the old call still hangs
    session
        .recover(clock.now().after(Duration::from_secs(1)))
        .await
        .unwrap();
    assert_eq!(session.state(), SessionState::Ready);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_query_that_nobody_answers_costs_its_deadline() {
    if is_passed_over("only the double has faults") {
        return;
    }
    costs_its_deadline(async || {
        let (mut session, clock) = faulty(4).await;
        let waited = wait_of(clock.as_ref(), async |deadline| session.status_byte(deadline).await).await;
        assert_eq!(session.state(), SessionState::Desynchronised);
        waited
    })
    .await;
}

#[tokio::test]
async fn a_message_that_went_out_in_part_is_an_error() {
    if is_passed_over("only the double has faults") {
        return;
    }
    let (mut session, clock) = faulty(3).await;
    let error = session.write(b"*RST", clock.now().after(SOON)).await.unwrap_err();
    assert!(error.to_string().contains("2 of 5 bytes"), "{error}");
}

#[tokio::test]
async fn an_instrument_that_is_not_there_is_disconnected_in_the_librarys_words() {
    use_a_library();
    let clock: Arc<dyn Clock> = RealClock::shared();
    let resource = "GPIB0::22::INSTR".parse().unwrap();
    let deadline = clock.now().after(SOON);
    let error = VisaSession::open(&resource, &LineSettings::default(), Arc::clone(&clock), deadline)
        .await
        .unwrap_err();
    if !uses_another_library() {
        assert_eq!(error.kind(), ErrorKind::Disconnected);
    }
    assert!(
        error.to_string().contains("open on GPIB0::22::INSTR: VISA says"),
        "{error}"
    );
}
