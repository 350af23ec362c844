//! SCPI over a raw TCP socket (`TCPIP0::host::5025::SOCKET`).

use crate::{
    framer::Framer,
    guarded::Guarded,
    network::io_error,
    soon::{Soon, read_now, would_block},
};
use async_trait::async_trait;
use benchtop_instrument::{
    Clock, ClockExt, Elapsed, Error, ErrorKind, Moment, Operation, Resource, Session, SessionState,
};
use std::sync::Arc;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Bytes taken from the socket at once.
const CHUNK: usize = 64 * 1024;

/// A raw socket. Program messages end in LF. It has no device clear and no status byte of its own: `recover` closes
/// the socket and opens it again, which makes the instrument forget what it wanted to say.
pub struct SocketSession {
    resource: Resource,
    address: (String, u16),
    clock: Arc<dyn Clock>,
    stream: Option<TcpStream>,
    framer: Framer,
    guarded: Guarded,
    chunk: Vec<u8>,
    soon: Soon,
}

impl std::fmt::Debug for SocketSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SocketSession({}, {:?})", self.resource, self.guarded.state())
    }
}

impl SocketSession {
    /// Opens the socket by `deadline`.
    ///
    /// # Errors
    /// `Unsupported` for a resource that is no socket, `Timeout`, `Disconnected` when the other end refuses, `Io`.
    pub async fn open(resource: &Resource, clock: Arc<dyn Clock>, deadline: Moment) -> Result<Self, Error> {
        let Resource::Socket { host, port, .. } = resource else {
            let message = format!("{} is not a raw socket", resource.transport());
            return Err(Error::new(ErrorKind::Unsupported, Operation::Open, resource, message));
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let mut session = Self {
            resource: resource.clone(),
            address: (host, *port),
            clock,
            stream: None,
            framer: Framer::default(),
            guarded: Guarded::ready(),
            chunk: vec![0; CHUNK],
            soon: Soon::default(),
        };
        session.stream = Some(session.connect(Operation::Open, deadline).await?);
        Ok(session)
    }

    async fn connect(&self, operation: Operation, deadline: Moment) -> Result<TcpStream, Error> {
        let begun = self.clock.now();
        let (host, port) = (self.address.0.as_str(), self.address.1);
        let connected = self.clock.within(deadline, TcpStream::connect((host, port))).await;
        let stream = match connected {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(io_error(operation, &self.resource, error)),
            Err(_elapsed) => return Err(Error::timeout(operation, &self.resource, deadline.since(begun))),
        };
        // a query is one small packet that must not wait for the next
        stream
            .set_nodelay(true)
            .map_err(|error| io_error(operation, &self.resource, error))?;
        Ok(stream)
    }

    /// Ends an operation that [`Guarded::begin`] began.
    fn end<T>(
        &mut self,
        operation: Operation,
        begun: Moment,
        deadline: Moment,
        result: Result<Result<T, Error>, Elapsed>,
    ) -> Result<T, Error> {
        let result =
            result.unwrap_or_else(|Elapsed| Err(Error::timeout(operation, &self.resource, deadline.since(begun))));
        self.guarded.end(result)
    }

    fn stream(&mut self, operation: Operation) -> Result<&mut TcpStream, Error> {
        let resource = &self.resource;
        self.stream
            .as_mut()
            .ok_or_else(|| Error::new(ErrorKind::Disconnected, operation, resource, "the socket is closed"))
    }

    /// What arrived before it was asked for: an answer to nothing, or the end of the connection.
    fn check_nothing_unread(&mut self) -> Result<(), Error> {
        let resource = self.resource.clone();
        let unread = |what: String| Error::new(ErrorKind::Desynchronised, Operation::Write, &resource, what);
        if self.framer.has_unread() {
            return Err(unread("the instrument said something that nobody asked for".to_owned()));
        }
        let mut probe = [0; 64];
        match read_now(self.stream(Operation::Write)?, &mut probe) {
            Ok(0) => Err(gone(Operation::Write, &resource)),
            Ok(count) => Err(unread(format!(
                "the instrument sent {count} bytes that nobody asked for"
            ))),
            Err(error) if would_block(&error) => Ok(()),
            Err(error) => Err(io_error(Operation::Write, &resource, error)),
        }
    }

    async fn read_message(&mut self) -> Result<Vec<u8>, Error> {
        let resource = self.resource.clone();
        loop {
            let framed = self.framer.next_message();
            if let Some(message) = framed.map_err(|error| {
                Error::new(ErrorKind::Garbled, Operation::Read, &resource, error.to_string()).with_source(error)
            })? {
                return Ok(message);
            }
            let Self {
                stream,
                chunk,
                framer,
                soon,
                clock,
                ..
            } = self;
            let Some(stream) = stream else {
                return Err(gone(Operation::Read, &resource));
            };
            // but for the first bytes of an answer the runtime waits, which keeps to the deadline
            let soon = match framer.has_unread() {
                true => None,
                false => soon.read(clock.as_ref(), stream, chunk),
            };
            let read = match soon {
                Some(read) => read,
                None => stream.read(chunk).await,
            };
            match read {
                Ok(0) => return Err(gone(Operation::Read, &resource)),
                Ok(count) => framer.push(chunk.get(..count).unwrap_or_default()),
                Err(error) => return Err(io_error(Operation::Read, &resource, error)),
            }
        }
    }
}

#[async_trait]
impl Session for SocketSession {
    fn resource(&self) -> &Resource {
        &self.resource
    }

    fn state(&self) -> SessionState {
        self.guarded.state()
    }

    async fn write(&mut self, message: &[u8], deadline: Moment) -> Result<(), Error> {
        let begun = self.clock.now();
        self.guarded.begin(Operation::Write, &self.resource)?;
        if let Err(error) = self.check_nothing_unread() {
            return Err(self.guarded.end_badly(error));
        }
        let mut bytes = message.to_vec();
        bytes.push(b'\n');
        let (clock, resource) = (Arc::clone(&self.clock), self.resource.clone());
        let stream = self.stream(Operation::Write)?;
        let sent = clock.within(deadline, stream.write_all(&bytes)).await;
        let sent = sent.map(|sent| sent.map_err(|error| io_error(Operation::Write, &resource, error)));
        self.end(Operation::Write, begun, deadline, sent)
    }

    async fn read(&mut self, deadline: Moment) -> Result<Vec<u8>, Error> {
        let begun = self.clock.now();
        self.guarded.begin(Operation::Read, &self.resource)?;
        let clock = Arc::clone(&self.clock);
        let message = clock.within(deadline, self.read_message()).await;
        self.end(Operation::Read, begun, deadline, message)
    }

    async fn clear(&mut self, _deadline: Moment) -> Result<(), Error> {
        let message = "a raw socket has no device clear; recover closes and reopens it";
        Err(Error::new(
            ErrorKind::Unsupported,
            Operation::Clear,
            &self.resource,
            message,
        ))
    }

    async fn status_byte(&mut self, _deadline: Moment) -> Result<u8, Error> {
        let message = "a raw socket has no status byte out of band; ask *STB? instead";
        Err(Error::new(
            ErrorKind::Unsupported,
            Operation::StatusByte,
            &self.resource,
            message,
        ))
    }

    async fn recover(&mut self, deadline: Moment) -> Result<(), Error> {
        self.guarded.begin_recovery(Operation::Recover, &self.resource)?;
        // closed first: some instruments take one connection only
        self.stream = None;
        self.framer.reset();
        self.stream = Some(self.connect(Operation::Recover, deadline).await?);
        self.guarded.end_well();
        Ok(())
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.stream = None;
        self.framer.reset();
        self.guarded.close();
        Ok(())
    }
}

fn gone(operation: Operation, resource: &Resource) -> Error {
    Error::new(
        ErrorKind::Disconnected,
        operation,
        resource,
        "the instrument closed the connection",
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use benchtop_instrument::{
        RealClock,
        conformance::{self, FarEnd, OutOfBand, SessionRig},
    };
    use std::{
        io::{self, Read},
        time::Duration,
    };
    use tokio::net::TcpListener;

    pub(crate) struct Rig(pub(crate) Arc<dyn Clock>);

    /// Who listens on a port, played by the suite.
    pub(crate) struct Peer {
        listener: TcpListener,
        stream: Option<TcpStream>,
        received: Vec<u8>,
    }

    impl Peer {
        pub(crate) fn new(listener: TcpListener, stream: TcpStream) -> Self {
            Self {
                listener,
                stream: Some(stream),
                received: Vec::new(),
            }
        }
    }

    #[async_trait]
    impl FarEnd for Peer {
        async fn receive(&mut self) -> Option<Vec<u8>> {
            loop {
                if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                    let rest = self.received.split_off(end + 1);
                    let mut message = std::mem::replace(&mut self.received, rest);
                    message.pop();
                    return Some(message);
                }
                let stream = match &mut self.stream {
                    Some(stream) => stream,
                    none => none.insert(self.listener.accept().await.unwrap().0),
                };
                match stream.read_buf(&mut self.received).await {
                    Ok(0) | Err(_) => {
                        self.stream = None;
                        self.received.clear();
                    }
                    Ok(_) => {}
                }
            }
        }

        async fn send(&mut self, bytes: &[u8]) {
            if let Some(stream) = &mut self.stream {
                stream.set_nodelay(true).unwrap();
                // the session may have gone meanwhile; then nobody is there to hear it
                drop(stream.write_all(bytes).await);
            }
        }

        async fn hang_up(&mut self) {
            self.stream = None;
        }
    }

    #[async_trait]
    impl SessionRig for Rig {
        async fn open(&self) -> (Box<dyn Session>, Box<dyn FarEnd>) {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let resource = format!("TCPIP::127.0.0.1::{port}::SOCKET").parse().unwrap();
            let deadline = self.0.now().after(Duration::from_secs(5));
            let session = SocketSession::open(&resource, Arc::clone(&self.0), deadline)
                .await
                .unwrap();
            let stream = listener.accept().await.unwrap().0;
            (Box::new(session), Box::new(Peer::new(listener, stream)))
        }

        fn clock(&self) -> Arc<dyn Clock> {
            Arc::clone(&self.0)
        }

        fn out_of_band(&self) -> OutOfBand {
            OutOfBand::NONE
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_socket_keeps_the_session_contract() {
        conformance::session(&Rig(RealClock::shared())).await.unwrap();
    }

    #[test]
    fn sockets_leave_nothing_behind() {
        let test = "socket::tests::sockets_leave_nothing_behind";
        println!("{}", conformance::endurance(test, &Rig(RealClock::shared())).unwrap());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_a_session_leaves_behind_is_found() {
        struct Leaking(Rig);
        #[async_trait]
        impl SessionRig for Leaking {
            async fn open(&self) -> (Box<dyn Session>, Box<dyn FarEnd>) {
                std::mem::forget(std::fs::File::open("/dev/null").unwrap());
                self.0.open().await
            }

            fn clock(&self) -> Arc<dyn Clock> {
                self.0.clock()
            }

            fn out_of_band(&self) -> OutOfBand {
                self.0.out_of_band()
            }
        }
        let test = "socket::tests::what_a_session_leaves_behind_is_found";
        let counted = conformance::endurance(test, &Leaking(Rig(RealClock::shared())));
        // this very test, in a process of its own, found it, and says so
        let said = counted.unwrap_or_else(|violation| violation.to_string());
        println!("{said}");
        assert!(said.starts_with("a session leaves nothing behind: "), "{said}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_traced_socket_keeps_the_session_contract() {
        struct TracedRig(Rig);
        #[async_trait]
        impl SessionRig for TracedRig {
            async fn open(&self) -> (Box<dyn Session>, Box<dyn FarEnd>) {
                let (session, far) = self.0.open().await;
                let sink: Arc<dyn crate::TraceSink> = Arc::new(crate::MemoryTrace::default());
                (Box::new(crate::Traced::new(session, self.0.clock(), sink)), far)
            }

            fn clock(&self) -> Arc<dyn Clock> {
                self.0.clock()
            }

            fn out_of_band(&self) -> OutOfBand {
                self.0.out_of_band()
            }
        }
        conformance::session(&TracedRig(Rig(RealClock::shared())))
            .await
            .unwrap();
    }

    /// Some instruments serve one client at a time, and hold the port for one that left without a word until they are switched off.
    #[tokio::test]
    async fn the_next_connection_comes_when_the_one_before_has_ended_however_it_ended() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = std::thread::spawn(move || {
            let mut before: Option<std::net::TcpStream> = None;
            let mut ends = Vec::new();
            for _ in 0..4 {
                let (stream, _) = listener.accept().unwrap();
                if let Some(mut before) = before.replace(stream) {
                    before.set_nonblocking(true).unwrap();
                    ends.push(before.read_to_end(&mut Vec::new()).is_ok());
                }
            }
            ends
        });
        let clock = RealClock::shared();
        let soon = || clock.now().after(Duration::from_secs(5));
        let resource: Resource = format!("TCPIP::127.0.0.1::{port}::SOCKET").parse().unwrap();
        let open = async || {
            SocketSession::open(&resource, Arc::clone(&clock), soon())
                .await
                .unwrap()
        };
        // recovered from an answer that did not come, closed, and dropped without a word
        let mut session = open().await;
        session.write(b"READ?", soon()).await.unwrap();
        let late = session.read(clock.now().after(Duration::from_millis(20))).await;
        assert_eq!(late.unwrap_err().kind(), ErrorKind::Timeout);
        session.recover(soon()).await.unwrap();
        session.close().await.unwrap();
        drop(open().await);
        let _last = open().await;
        assert_eq!(serving.join().unwrap(), [true, true, true]);
    }

    #[tokio::test]
    async fn a_port_that_nothing_listens_on_is_named_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let clock = RealClock::shared();
        let resource: Resource = format!("TCPIP::127.0.0.1::{port}::SOCKET").parse().unwrap();
        let deadline = clock.now().after(Duration::from_secs(5));
        let error = SocketSession::open(&resource, Arc::clone(&clock), deadline)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected);
        let expected = format!("open on TCPIP0::127.0.0.1::{port}::SOCKET: nothing listens there");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }

    #[tokio::test]
    async fn a_silent_peer_costs_its_timeout_and_says_how_long() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let clock = RealClock::shared();
        let resource = format!("TCPIP::127.0.0.1::{port}::SOCKET").parse().unwrap();
        let deadline = clock.now().after(Duration::from_secs(5));
        let mut session = SocketSession::open(&resource, Arc::clone(&clock), deadline)
            .await
            .unwrap();
        let begun = clock.now();
        let error = session.read(begun.after(Duration::from_millis(200))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(
            error.to_string().ends_with("no answer in 200 ms") || error.to_string().ends_with("no answer in 199 ms")
        );
        assert!(clock.now().since(begun) >= Duration::from_millis(199));
    }

    #[tokio::test]
    async fn an_answer_to_nothing_is_seen_although_the_runtime_has_not_looked_yet() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let clock = RealClock::shared();
        let deadline = clock.now().after(Duration::from_secs(10));
        let resource = format!("TCPIP0::127.0.0.1::{port}::SOCKET").parse().unwrap();
        let opened = SocketSession::open(&resource, clock.clone(), deadline).await;
        let mut session = opened.unwrap();
        let (mut theirs, _address) = listener.accept().unwrap();
        theirs.set_nodelay(true).unwrap();
        for turn in 0..3 {
            session.write(b"READ?", deadline).await.unwrap();
            io::Write::write_all(&mut theirs, b"1\n").unwrap();
            assert_eq!(session.read(deadline).await.unwrap(), b"1", "{turn}");
        }
        io::Write::write_all(&mut theirs, b"2\n").unwrap();
        // it lies here, and the runtime is not asked
        let stream = socket2::SockRef::from(session.stream.as_ref().unwrap());
        while stream.peek(&mut [std::mem::MaybeUninit::uninit()]).is_err() {
            assert!(clock.now() < deadline, "nothing came");
            std::thread::yield_now();
        }
        let refused = session.write(b"READ?", deadline).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Desynchronised, "{refused}");
    }

    #[tokio::test]
    async fn a_stream_without_an_end_costs_its_timeout_too() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let clock = RealClock::shared();
        let resource = format!("TCPIP0::127.0.0.1::{port}::SOCKET").parse().unwrap();
        let soon = clock.now().after(Duration::from_secs(5));
        let mut session = SocketSession::open(&resource, clock.clone(), soon).await.unwrap();
        let (mut theirs, _address) = listener.accept().unwrap();
        // until nobody takes it any more
        let flood = std::thread::spawn(move || while io::Write::write_all(&mut theirs, b"+1.2345").is_ok() {});
        let error = session
            .read(clock.now().after(Duration::from_millis(200)))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        session.close().await.unwrap();
        flood.join().unwrap();
    }
}
