//! What nobody answers costs its deadline, to a tenth, and not more: opening too, to whoever listens and says nothing.

use crate::open;
use benchtop_instrument::{Clock, ClockExt, Error, ErrorKind, LineSettings, Moment, RealClock, Resource};
use std::{fmt::Debug, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};

/// How long is waited in vain.
const PATIENCE: Duration = Duration::from_millis(300);
/// One wait that is off may be the machine's doing, so many in a row are ours.
const TRIES: usize = 3;

/// How long an operation took that must time out.
pub(crate) async fn wait_of<T: Debug>(
    clock: &dyn Clock,
    operation: impl AsyncFnOnce(Moment) -> Result<T, Error>,
) -> Duration {
    let begun = clock.now();
    let error = operation(begun.after(PATIENCE)).await.unwrap_err();
    let waited = clock.now().since(begun);
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    waited
}

/// Does something that costs a wait, until that is what it may be.
pub(crate) async fn costs_its_deadline(turn: impl AsyncFn() -> Duration) {
    let mut waits = Vec::new();
    while waits.len() < TRIES {
        let waited = turn().await;
        if waited.abs_diff(PATIENCE) <= PATIENCE / 10 {
            return;
        }
        waits.push(waited);
    }
    panic!("{PATIENCE:?} took {waits:?}");
}

/// How much of a conversation somebody holds before falling silent, as often as somebody connects.
async fn listening(listener: TcpListener, replies: &'static [&'static [u8]]) {
    let mut silent: Vec<TcpStream> = Vec::new();
    let mut replies = replies.iter();
    while let Ok((mut stream, _)) = listener.accept().await {
        if let Some(reply) = replies.next() {
            let mut came = [0; 16];
            stream.read_exact(&mut came).await.unwrap();
            stream.write_all(reply).await.unwrap();
        }
        // nobody hangs up
        silent.push(stream);
    }
}

async fn opening_costs_its_deadline(
    address: SocketAddr,
    resource: impl Fn(SocketAddr) -> String,
    heard: &'static [&'static [u8]],
) {
    let clock: Arc<dyn Clock> = RealClock::shared();
    costs_its_deadline(async || {
        let listener = TcpListener::bind(address).await.unwrap();
        let resource: Resource = resource(listener.local_addr().unwrap()).parse().unwrap();
        let listening = tokio::spawn(listening(listener, heard));
        let line = LineSettings::default();
        let waited = wait_of(clock.as_ref(), async |deadline| {
            let opened = open(&resource, &line, Arc::clone(&clock), deadline).await;
            let error = opened.map(drop).unwrap_err();
            let said = error.to_string();
            assert!(
                said.starts_with(&format!("open on {resource}: no answer in ")),
                "{said}"
            );
            Err::<(), Error>(error)
        })
        .await;
        listening.abort();
        // its port is free when it has ended
        drop(listening.await);
        waited
    })
    .await;
}

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opening_hislip_where_somebody_listens_and_says_nothing_costs_its_deadline() {
    let resource = |at: SocketAddr| format!("TCPIP0::127.0.0.1::hislip0,{}::INSTR", at.port());
    opening_costs_its_deadline(ANYWHERE, resource, &[]).await;
    // the first channel is initialized, the second is not: version 1.0, session 1
    opening_costs_its_deadline(ANYWHERE, resource, &[b"HS\x01\0\x01\0\0\x01\0\0\0\0\0\0\0\0"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opening_vxi11_where_somebody_listens_and_says_nothing_costs_its_deadline() {
    let resource = |at: SocketAddr| format!("TCPIP0::127.0.0.1::inst0,{}::INSTR", at.port());
    opening_costs_its_deadline(ANYWHERE, resource, &[]).await;
    // a portmapper that says nothing; an address that nobody else uses
    let portmapper: SocketAddr = "127.0.0.53:111".parse().unwrap();
    if TcpListener::bind(portmapper).await.is_err() {
        println!("skipped in part: port 111, where portmappers listen, cannot be had here");
        return;
    }
    let resource = |at: SocketAddr| format!("TCPIP0::{}::inst0::INSTR", at.ip());
    opening_costs_its_deadline(portmapper, resource, &[]).await;
}

/// A host that takes no connection is what an instrument looks like that is switched off: nothing comes back at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opening_what_is_not_there_costs_its_deadline() {
    let clock: Arc<dyn Clock> = RealClock::shared();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(ANYWHERE).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // as many as wait to be accepted; further ones are not heard
    let mut waiting = Vec::new();
    for _ in 0..64 {
        let soon = clock.now().after(Duration::from_millis(100));
        match clock.within(soon, TcpStream::connect(address)).await {
            Ok(connected) => waiting.push(connected.unwrap()),
            Err(_elapsed) => break,
        }
    }
    let port = address.port();
    for resource in [
        format!("TCPIP0::127.0.0.1::hislip0,{port}::INSTR"),
        format!("TCPIP0::127.0.0.1::inst0,{port}::INSTR"),
        format!("TCPIP0::127.0.0.1::{port}::SOCKET"),
    ] {
        let resource: Resource = resource.parse().unwrap();
        let line = LineSettings::default();
        costs_its_deadline(async || {
            wait_of(clock.as_ref(), async |deadline| {
                open(&resource, &line, Arc::clone(&clock), deadline).await.map(drop)
            })
            .await
        })
        .await;
    }
    drop((waiting, listener));
}
