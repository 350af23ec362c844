//! What an instrument hears of a call that was given up, and of its lock: from a server that waits until it is told not to.

use super::{SOON, length_of, words};
use crate::{
    Vxi11Session,
    silent::{costs_its_deadline, wait_of},
    vxi11::DEVICE_LOCK,
};
use benchtop_instrument::{Clock, ClockExt, ErrorKind, RealClock, Resource, Session, SessionState};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

const LINK: u32 = 7;
const DEVICE_ABORT: (u32, u32) = (395_184, 1);

/// What the instrument was called, as program, procedure and the words behind; and whether it was told to stop waiting.
#[derive(Default)]
struct Heard {
    calls: Mutex<Vec<(u32, u32, Vec<u32>)>>,
    aborted: Notify,
    /// It hangs in status queries too.
    deaf: AtomicBool,
    /// What it says to who wants its lock.
    lock: u32,
}

impl Heard {
    fn has(&self, program: u32, procedure: u32, arguments: &[u32]) -> bool {
        let calls = self.calls.lock().unwrap();
        calls.contains(&(program, procedure, arguments.to_vec()))
    }
}

async fn serve(mut stream: TcpStream, heard: Arc<Heard>, abort_port: u32) -> Option<()> {
    loop {
        let length = stream.read_u32().await.ok()? & !(1 << 31);
        let mut call = vec![0; length as usize];
        stream.read_exact(&mut call).await.ok()?;
        let call: Vec<u32> = call
            .chunks(4)
            .map(|word| u32::from_be_bytes(word.try_into().unwrap()))
            .collect();
        let (program, procedure, arguments) = (call[3], call[5], call[10..].to_vec());
        heard
            .calls
            .lock()
            .unwrap()
            .push((program, procedure, arguments.clone()));
        let results = match (program, procedure) {
            DEVICE_ABORT => {
                heard.aborted.notify_one();
                words(&[0])
            }
            (_, super::CREATE_LINK) => words(&[0, LINK, abort_port, 1024]),
            (_, super::DEVICE_WRITE) => words(&[0, arguments[4]]),
            // whatever it was told of time
            (_, super::DEVICE_READ) => {
                heard.aborted.notified().await;
                words(&[23, 0, 0])
            }
            (_, super::DEVICE_READSTB) if heard.deaf.load(Ordering::SeqCst) => {
                heard.aborted.notified().await;
                words(&[23, 0])
            }
            (_, super::DEVICE_READSTB) => words(&[0, 0]),
            (_, DEVICE_LOCK) => words(&[heard.lock]),
            _ => words(&[0]),
        };
        let reply = [words(&[call[0], 1, 0, 0, 0, 0]), results].concat();
        stream.write_u32(1 << 31 | length_of(&reply)).await.ok()?;
        stream.write_all(&reply).await.ok()?;
    }
}

/// An instrument that hangs in every read, and where it is.
async fn hanging(lock: u32) -> (Arc<Heard>, Resource) {
    let heard = Arc::new(Heard {
        lock,
        ..Heard::default()
    });
    let core = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let abort = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, abort_port) = (core.local_addr().unwrap().port(), abort.local_addr().unwrap().port());
    for listener in [core, abort] {
        let heard = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&heard), abort_port.into()));
            }
        });
    }
    let resource = format!("TCPIP::127.0.0.1::inst0,{port}::INSTR").parse().unwrap();
    (heard, resource)
}

/// A session without a lock at such an instrument.
async fn open(clock: &Arc<dyn Clock>) -> (Arc<Heard>, Vxi11Session) {
    let (heard, resource) = hanging(0).await;
    let soon = clock.now().after(SOON);
    let session = Vxi11Session::open(&resource, None, Arc::clone(clock), soon).await;
    (heard, session.unwrap())
}

/// Waits until the link was aborted and then destroyed.
async fn ended(heard: &Heard, clock: &dyn Clock) {
    let deadline = clock.now().after(SOON);
    while !(heard.has(DEVICE_ABORT.0, DEVICE_ABORT.1, &[LINK]) && heard.has(super::CORE, super::DESTROY_LINK, &[LINK]))
    {
        assert!(clock.now() < deadline, "{:?}", heard.calls.lock().unwrap());
        clock.sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_call_whose_deadline_passes_is_ended_on_the_instrument() {
    let clock = RealClock::shared();
    let (heard, mut session) = open(&clock).await;
    let soon = clock.now().after(SOON);
    session.write(b"READ?", soon).await.unwrap();
    let late = session
        .read(clock.now().after(Duration::from_millis(100)))
        .await
        .unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Timeout, "{late}");
    ended(&heard, clock.as_ref()).await;
    session.recover(clock.now().after(SOON)).await.unwrap();
    assert!(
        !heard.has(super::CORE, DEVICE_LOCK, &[LINK, 1, 0]),
        "no lock unless it is wanted"
    );
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_is_ended_on_the_instrument() {
    let clock = RealClock::shared();
    let (heard, mut session) = open(&clock).await;
    let soon = clock.now().after(SOON);
    session.write(b"READ?", soon).await.unwrap();
    let moment = clock.now().after(Duration::from_millis(50));
    let given_up = clock.within(moment, session.read(clock.now().after(SOON * 60))).await;
    assert!(given_up.is_err());
    ended(&heard, clock.as_ref()).await;
}

#[tokio::test]
async fn a_lock_is_asked_for_given_back_and_refused_by_name() {
    let clock = RealClock::shared();
    let patience = Some(Duration::from_millis(1500));
    let open = async |resource: Resource| {
        Vxi11Session::open(&resource, patience, Arc::clone(&clock), clock.now().after(SOON)).await
    };
    let (heard, resource) = hanging(0).await;
    let mut session = open(resource).await.unwrap();
    assert!(
        heard.has(super::CORE, DEVICE_LOCK, &[LINK, 1, 1500]),
        "it waits as long as it is told"
    );
    session.close().await.unwrap();
    assert!(heard.has(super::CORE, crate::vxi11::DEVICE_UNLOCK, &[LINK]));
    for (code, kind, said) in [
        (8, ErrorKind::Unsupported, "the instrument cannot be locked"),
        (
            11,
            ErrorKind::Io,
            "the instrument is locked by another link; it did not let go in 1.5 s",
        ),
        (23, ErrorKind::Io, "the instrument gives no lock: VXI-11 error 23"),
    ] {
        let (heard, resource) = hanging(code).await;
        let refused = open(resource).await.unwrap_err();
        assert_eq!((refused.kind(), refused.message()), (kind, said));
        assert!(
            heard.has(super::CORE, super::DESTROY_LINK, &[LINK]),
            "the link is not left there"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_query_that_nobody_answers_costs_its_deadline() {
    let clock = RealClock::shared();
    costs_its_deadline(async || {
        let (heard, mut session) = open(&clock).await;
        heard.deaf.store(true, Ordering::SeqCst);
        let waited = wait_of(clock.as_ref(), async |deadline| session.status_byte(deadline).await).await;
        assert_eq!(session.state(), SessionState::Desynchronised);
        heard.deaf.store(false, Ordering::SeqCst);
        session.recover(clock.now().after(SOON)).await.unwrap();
        assert_eq!(session.status_byte(clock.now().after(SOON)).await.unwrap(), 0);
        waited
    })
    .await;
}

/// Some instruments refuse a call that would wait for a lock, also where none is wanted: a Rigol DM3068 does.
#[tokio::test]
async fn no_call_would_wait_for_a_lock_that_was_not_asked_for() {
    let clock = RealClock::shared();
    let (heard, mut session) = open(&clock).await;
    let soon = clock.now().after(SOON);
    session.status_byte(soon).await.unwrap();
    session.trigger(soon).await.unwrap();
    session.write(b"READ?", soon).await.unwrap();
    let late = session.read(clock.now().after(Duration::from_millis(100))).await;
    assert_eq!(late.unwrap_err().kind(), ErrorKind::Timeout);
    session.recover(clock.now().after(SOON)).await.unwrap();
    session.close().await.unwrap();
    // where the lock timeout stands among the arguments, and the flags, of which the lowest says to wait (VXI-11, B.6)
    let places = [
        (super::CREATE_LINK, 2, None),
        (super::DEVICE_WRITE, 2, Some(3)),
        (super::DEVICE_READ, 3, Some(4)),
        (super::DEVICE_READSTB, 2, Some(1)),
        (super::DEVICE_TRIGGER, 2, Some(1)),
        (super::DEVICE_CLEAR, 2, Some(1)),
    ];
    let calls = heard.calls.lock().unwrap().clone();
    for (procedure, timeout, flags) in places {
        let of_it = |(program, called, _): &&(u32, u32, Vec<u32>)| (*program, *called) == (super::CORE, procedure);
        let mut found = calls.iter().filter(of_it).peekable();
        assert!(found.peek().is_some(), "procedure {procedure} was not called");
        for (_, _, arguments) in found {
            assert_eq!(arguments[timeout], 0, "procedure {procedure}: {arguments:?}");
            let waits = flags.is_some_and(|flags: usize| arguments[flags] & 1 != 0);
            assert!(!waits, "procedure {procedure}: {arguments:?}");
        }
    }
    assert!(
        !calls
            .iter()
            .any(|(program, called, _)| (*program, *called) == (super::CORE, DEVICE_LOCK))
    );
}
