//! The session suite twice: on a transport whose dialogues are recorded, and on the recordings.

use super::*;
use crate::{socket, visa};
use async_trait::async_trait;
use benchtop_instrument::{
    Error, Moment,
    conformance::{self, FarEnd, OutOfBand, SessionRig},
};
use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};
use tokio::sync::mpsc;

/// What a transcript cannot show: it holds what was said and in which order, and nothing of when.
const EXEMPT: &[(&str, &str)] = &[
    (
        "a_silent_peer_costs_its_timeout",
        "a transcript holds no time: a timeout comes as soon as it is met",
    ),
    (
        "a_dropped_read_desynchronises",
        "a call that was dropped left no line behind, and none of a transcript waits",
    ),
    (
        "a_query_dropped_at_any_await_shifts_nothing",
        "no call of a transcript waits: there is no await to be dropped at",
    ),
    (
        "nothing_dropped_at_any_await_keeps_a_session_from_recovering",
        "no call of a transcript waits: there is no await to be dropped at",
    ),
];

/// Where the dialogue of a session is kept, by how many were opened before.
fn file(folder: &std::path::Path, opened: &AtomicUsize) -> PathBuf {
    folder.join(format!("{}.txt", opened.fetch_add(1, Ordering::SeqCst)))
}

struct Recorded<R> {
    inner: R,
    folder: PathBuf,
    opened: AtomicUsize,
}

#[async_trait]
impl<R: SessionRig> SessionRig for Recorded<R> {
    async fn open(&self) -> (Box<dyn Session>, Box<dyn FarEnd>) {
        let (session, far) = self.inner.open().await;
        let recorder = Recorder::create(&file(&self.folder, &self.opened), "the session suite").unwrap();
        (recorder.record("dmm", session, &self.inner.clock()), far)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock()
    }

    fn out_of_band(&self) -> OutOfBand {
        self.inner.out_of_band()
    }

    fn notices_a_closed_peer(&self) -> bool {
        self.inner.notices_a_closed_peer()
    }

    fn exempt(&self) -> &'static [(&'static str, &'static str)] {
        EXEMPT
    }
}

struct Replayed {
    folder: PathBuf,
    opened: AtomicUsize,
    out_of_band: OutOfBand,
    notices: bool,
}

#[async_trait]
impl SessionRig for Replayed {
    async fn open(&self) -> (Box<dyn Session>, Box<dyn FarEnd>) {
        let resource = Resource::Replay {
            file: file(&self.folder, &self.opened).display().to_string(),
            name: Some("dmm".to_owned()),
        };
        let (went_out, arrives) = mpsc::unbounded_channel();
        let inner = ReplaySession::open(&resource).unwrap();
        (Box::new(Tapped { inner, went_out }), Box::new(Gone(arrives)))
    }

    fn clock(&self) -> Arc<dyn Clock> {
        RealClock::shared()
    }

    fn out_of_band(&self) -> OutOfBand {
        self.out_of_band
    }

    fn notices_a_closed_peer(&self) -> bool {
        self.notices
    }

    fn exempt(&self) -> &'static [(&'static str, &'static str)] {
        EXEMPT
    }
}

/// The other end of a recording: it hears what goes out, and has said long ago what it says.
struct Gone(mpsc::UnboundedReceiver<Vec<u8>>);

#[async_trait]
impl FarEnd for Gone {
    async fn receive(&mut self) -> Option<Vec<u8>> {
        self.0.recv().await
    }

    async fn send(&mut self, _bytes: &[u8]) {}

    async fn hang_up(&mut self) {}
}

/// A session whose messages arrive somewhere.
struct Tapped {
    inner: ReplaySession,
    went_out: mpsc::UnboundedSender<Vec<u8>>,
}

#[async_trait]
impl Session for Tapped {
    fn resource(&self) -> &Resource {
        self.inner.resource()
    }

    fn state(&self) -> SessionState {
        self.inner.state()
    }

    async fn write(&mut self, message: &[u8], deadline: Moment) -> Result<(), Error> {
        self.inner.write(message, deadline).await?;
        drop(self.went_out.send(message.to_vec()));
        Ok(())
    }

    async fn read(&mut self, deadline: Moment) -> Result<Vec<u8>, Error> {
        self.inner.read(deadline).await
    }

    async fn clear(&mut self, deadline: Moment) -> Result<(), Error> {
        self.inner.clear(deadline).await
    }

    async fn status_byte(&mut self, deadline: Moment) -> Result<u8, Error> {
        self.inner.status_byte(deadline).await
    }

    async fn trigger(&mut self, deadline: Moment) -> Result<(), Error> {
        self.inner.trigger(deadline).await
    }

    async fn recover(&mut self, deadline: Moment) -> Result<(), Error> {
        self.inner.recover(deadline).await
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.inner.close().await
    }
}

async fn is_kept_when_recorded_and_when_replayed(inner: impl SessionRig) {
    let folder = tempfile::tempdir().unwrap();
    let recorded = Recorded {
        inner,
        folder: folder.path().to_owned(),
        opened: AtomicUsize::new(0),
    };
    conformance::session(&recorded).await.unwrap();
    let replayed = Replayed {
        folder: folder.path().to_owned(),
        opened: AtomicUsize::new(0),
        out_of_band: recorded.out_of_band(),
        notices: recorded.notices_a_closed_peer(),
    };
    conformance::session(&replayed).await.unwrap();
    let (made, played) = (
        recorded.opened.load(Ordering::SeqCst),
        replayed.opened.load(Ordering::SeqCst),
    );
    // one for each of ten checks; a peer that hung up is tried again where it took long to be seen
    assert!(played >= 10 && (played..played + 3).contains(&made), "{made} {played}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_recorded_of_a_socket_keeps_the_session_contract() {
    is_kept_when_recorded_and_when_replayed(socket::tests::Rig(RealClock::shared())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_recorded_through_visa_keeps_the_session_contract() {
    if std::env::var_os(visa::library::VARIABLE).is_some() {
        println!("skipped: only the double has USB instruments");
        return;
    }
    let rig = visa::tests::Rig {
        clock: RealClock::shared(),
        message_based: true,
    };
    is_kept_when_recorded_and_when_replayed(rig).await;
}

/// What is exempted by a name that no check has is noticed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exemption_of_nothing_is_a_violation() {
    struct Wrong(socket::tests::Rig);
    #[async_trait]
    impl SessionRig for Wrong {
        async fn open(&self) -> (Box<dyn Session>, Box<dyn FarEnd>) {
            self.0.open().await
        }

        fn clock(&self) -> Arc<dyn Clock> {
            self.0.clock()
        }

        fn out_of_band(&self) -> OutOfBand {
            self.0.out_of_band()
        }

        fn exempt(&self) -> &'static [(&'static str, &'static str)] {
            &[("a_query_gets_an_answer", "a slip")]
        }
    }
    let violation = conformance::session(&Wrong(socket::tests::Rig(RealClock::shared()))).await;
    let said = violation.unwrap_err().to_string();
    assert!(said.contains("there is no a_query_gets_an_answer (a slip)"), "{said}");
}

/// A refusal that was recorded is met again, and does not stand in the way of what follows it.
#[tokio::test]
async fn a_recorded_refusal_is_answered_once() {
    let text = "# source: x\n> SLOW?\n! read failed: timeout (no answer in 50 ms)\n\
                ! write failed: desynchronised (recover first)\n! recovered\n> NEXT?\n< NEXT\n! closed\n\
                ! device clear failed: unsupported (a socket has none)\n";
    let (_folder, mut session) = replay(text, None);
    let deadline = RealClock::shared().now();
    let late = session.query("SLOW?", deadline).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Timeout);
    let refused = session.write(b"NEXT?", deadline).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Desynchronised);
    session.recover(deadline).await.unwrap();
    assert_eq!(session.query("NEXT?", deadline).await.unwrap(), "NEXT");
    session.close().await.unwrap();
    assert_eq!(session.state(), SessionState::Closed);
    let cleared = session.clear(deadline).await.unwrap_err();
    assert_eq!(cleared.kind(), ErrorKind::Unsupported);
    assert_eq!(session.state(), SessionState::Closed);
}
