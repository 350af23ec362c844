//! The library's trigger and its lock.

use super::*;
use tokio::{io::AsyncReadExt, net::TcpStream};

/// Why another library is passed over.
const DOUBLE: &str = "only the double has GPIB and USB instruments, and locks";

/// A place where an instrument may be heard, and its port; nothing where another library takes the place of the double.
async fn bench() -> Option<(Arc<dyn Clock>, TcpListener, u16)> {
    if is_passed_over(DOUBLE) {
        return None;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    Some((RealClock::shared(), listener, port))
}

async fn opened(resource: &str, exclusive: Option<Duration>) -> Result<VisaSession, Error> {
    use_a_library();
    let clock: Arc<dyn Clock> = RealClock::shared();
    let line = LineSettings {
        exclusive,
        ..LineSettings::default()
    };
    let deadline = clock.now().after(SOON);
    VisaSession::open(&resource.parse().unwrap(), &line, Arc::clone(&clock), deadline).await
}

async fn heard(peer: &mut TcpStream, expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    peer.read_exact(&mut bytes).await.unwrap();
    assert_eq!(bytes, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trigger_is_the_librarys_own_where_there_is_one() {
    let Some((clock, listener, port)) = bench().await else {
        return;
    };
    let soon = || clock.now().after(SOON);
    let name = format!("GPIB0::TCP{port}::INSTR");
    let (session, accepted) = tokio::join!(opened(&name, None), listener.accept());
    let (mut session, mut peer) = (session.unwrap(), accepted.unwrap().0);
    session.write(b"INIT", soon()).await.unwrap();
    session.trigger(soon()).await.unwrap();
    heard(&mut peer, b"INIT\n*TRG\n").await;
    assert_eq!(session.state(), SessionState::Ready);
    // none before an answer that may still come is read or given up
    let late = session.query("READ?", clock.now().after(Duration::from_millis(50)));
    assert_eq!(late.await.unwrap_err().kind(), ErrorKind::Timeout);
    let refused = session.trigger(soon()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Desynchronised);
    // an instrument that hung up is gone
    drop(peer);
    let (recovered, accepted) = tokio::join!(session.recover(soon()), listener.accept());
    recovered.unwrap();
    drop((accepted, listener));
    let gone = session.query("READ?", soon()).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::Disconnected);
    let gone = session.trigger(soon()).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::Disconnected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_library_has_no_trigger_nothing_is_changed() {
    let Some((clock, _listener, port)) = bench().await else {
        return;
    };
    let stream = format!("VISA::TCPIP0::127.0.0.1::{port}::SOCKET");
    for name in ["GPIB0::5::INSTR", stream.as_str()] {
        let mut session = opened(name, None).await.unwrap();
        let refused = session.trigger(clock.now().after(SOON)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported, "{name}: {refused}");
        assert_eq!(session.state(), SessionState::Ready, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_keeps_the_other_sessions_out_and_goes_with_its_session() {
    let Some((clock, _listener, port)) = bench().await else {
        return;
    };
    let soon = || clock.now().after(SOON);
    let patience = Duration::from_millis(300);
    for name in [
        format!("USB0::0x2A8D::0x1301::TCP{port}::INSTR"),
        format!("VISA::TCPIP0::127.0.0.1::{port}::SOCKET"),
    ] {
        let mut other = opened(&name, None).await.unwrap();
        let mut holder = opened(&name, Some(patience)).await.unwrap();
        holder.write(b"*CLS", soon()).await.unwrap();
        // one that was there before reaches the instrument no more
        let refused = other.write(b"*RST", soon()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Io, "{refused}");
        assert!(refused.to_string().contains("the resource is locked"), "{refused}");
        // and another lock is waited for, and refused by name
        let begun = clock.now();
        let refused = opened(&name, Some(patience)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Io);
        let words = "the instrument is locked by another session; it did not let go in 300 ms";
        assert!(refused.to_string().contains(words), "{refused}");
        assert!(clock.now().since(begun) >= patience, "it was waited for");
        // a session that is over, closed or dropped, lets go
        holder.close().await.unwrap();
        let holder = opened(&name, Some(patience)).await.unwrap();
        drop(holder);
        let mut last = opened(&name, Some(SOON)).await.unwrap();
        last.close().await.unwrap();
        other.recover(soon()).await.unwrap();
        other.write(b"*RST", soon()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_brought_back_takes_its_lock_again() {
    let Some((clock, _listener, port)) = bench().await else {
        return;
    };
    let soon = || clock.now().after(SOON);
    let name = format!("VISA::TCPIP0::127.0.0.1::{port}::SOCKET");
    let patience = Some(Duration::from_millis(100));
    let mut holder = opened(&name, patience).await.unwrap();
    let late = holder.query("READ?", clock.now().after(Duration::from_millis(50)));
    assert_eq!(late.await.unwrap_err().kind(), ErrorKind::Timeout);
    // a byte stream is opened again
    holder.recover(soon()).await.unwrap();
    let refused = opened(&name, patience).await.unwrap_err();
    assert!(refused.to_string().contains("locked by another session"), "{refused}");
}

#[tokio::test]
async fn an_instrument_without_a_lock_is_refused_before_anything_is_sent() {
    if is_passed_over(DOUBLE) {
        return;
    }
    let refused = opened("GPIB0::5::INSTR", Some(SOON)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported, "{refused}");
    assert!(refused.to_string().contains("cannot be locked"), "{refused}");
}
