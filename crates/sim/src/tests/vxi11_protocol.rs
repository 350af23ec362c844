//! The VXI-11 server: its portmapper, its records, what it refuses, what it survives.

use super::vxi11_client::{
    ABORT, ANY_PORT, CORE, END, LONG, PORTMAPPER, Rpc, bench, call, meter, opaque, serve, words,
};
use crate::Fault;
use benchtop_instrument::{Clock, ClockExt, RealClock};
use proptest::prelude::*;
use std::time::Duration;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpStream, UdpSocket},
};

#[tokio::test]
async fn the_portmapper_says_where_the_channels_are() {
    let bench = bench();
    let server = serve(&bench).await;
    let mut rpc = Rpc::new(server.portmapper_addr()).await;
    assert_eq!(rpc.call(PORTMAPPER, 2, 0, &[]).await.unwrap(), [0; 0]);
    let core: u32 = server.core_addr().port().into();
    let abort: u32 = server.abort_addr().port().into();
    for (program, version, transport, port) in [
        (CORE, 1, 6, core),
        (CORE, 7, 6, core),
        (ABORT, 1, 6, abort),
        (CORE, 1, 17, 0),
        (4711, 1, 6, 0),
    ] {
        let arguments = words(&[program, version, transport, 0]);
        assert_eq!(
            rpc.call(PORTMAPPER, 2, 3, &arguments).await.unwrap(),
            words(&[port]),
            "{program} {version} {transport}"
        );
    }
    let own: u32 = server.portmapper_addr().port().into();
    let list = [
        words(&[1, PORTMAPPER, 2, 6, own, 1, PORTMAPPER, 2, 17, own]),
        words(&[1, CORE, 1, 6, core, 1, ABORT, 1, 6, abort, 0]),
    ];
    assert_eq!(rpc.call(PORTMAPPER, 2, 4, &[]).await.unwrap(), list.concat());
    // rpcbind, which newer clients try first
    assert_eq!(rpc.call(PORTMAPPER, 4, 3, &[]).await, Err(2));
    assert_eq!(rpc.call(PORTMAPPER, 2, 5, &[]).await, Err(3));
    assert_eq!(rpc.call(PORTMAPPER, 2, 3, &words(&[CORE])).await, Err(4));
    assert_eq!(rpc.call(CORE, 1, 0, &[]).await, Err(1));

    let socket = UdpSocket::bind(ANY_PORT).await.unwrap();
    socket.connect(server.portmapper_addr()).await.unwrap();
    socket.send(b"no call").await.unwrap();
    socket
        .send(&call(PORTMAPPER, 2, 3, &words(&[CORE, 1, 6, 0])))
        .await
        .unwrap();
    let mut reply = [0; 100];
    let length = socket.recv(&mut reply).await.unwrap();
    assert_eq!(reply[..length], words(&[7, 1, 0, 0, 0, 0, core]));
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_there_says_so() {
    let bench = bench();
    let server = serve(&bench).await;
    let (mut rpc, link) = meter(&server).await;
    assert_eq!(rpc.core(0, &[]).await, [0; 0]);
    assert_eq!(rpc.core(16, &words(&[link, 0, 0, 0])).await, words(&[0]));
    let srq = [words(&[link, 1]), opaque(b"handle")].concat();
    assert_eq!(rpc.core(20, &srq).await, words(&[8]));
    assert_eq!(
        rpc.core(25, &words(&[0x7F00_0001, 1, 395_185, 1, 0])).await,
        words(&[8])
    );
    assert_eq!(rpc.core(26, &[]).await, words(&[6]));
    let command = [words(&[link, 0, 0, 0, 0x2_0000, 1, 1]), opaque(b"")].concat();
    assert_eq!(rpc.core(22, &command).await, words(&[8, 0]));
    assert_eq!(rpc.write(link, END, &[b'A'; 64 * 1024 + 1]).await, 5);
    assert_eq!(rpc.ask(link, "*OPC?").await, "1\n");
    assert_eq!(rpc.call(CORE, 1, 21, &[]).await, Err(3));
    assert_eq!(rpc.call(CORE, 2, 10, &[]).await, Err(2));
    assert_eq!(rpc.call(ABORT, 1, 1, &[]).await, Err(1));
    for procedure in (10..=19).chain([22, 23]) {
        assert_eq!(rpc.call(CORE, 1, procedure, &[0, 0]).await, Err(4), "{procedure}");
    }
    // a length that is not there
    let arguments = words(&[link, 0, 0, END, 0xFFFF_FFFF]);
    assert_eq!(rpc.call(CORE, 1, 11, &arguments).await, Err(4));
    server.stop().await;
}

#[tokio::test]
async fn records_come_in_fragments_and_are_bounded() {
    let bench = bench();
    let server = serve(&bench).await;
    let (mut rpc, link) = meter(&server).await;
    let record = call(CORE, 1, 11, &[words(&[link, LONG, 0, END]), opaque(b"*OPC?")].concat());
    let (last, first) = (record.len() - 5, 5);
    for (length, piece) in [
        (0, &record[..0]),
        (5, &record[..first]),
        (0x8000_0000 | u32::try_from(last).unwrap(), &record[first..]),
    ] {
        rpc.0.write_all(&words(&[length])).await.unwrap();
        rpc.0.write_all(piece).await.unwrap();
    }
    assert_eq!(rpc.receive().await.unwrap(), words(&[7, 1, 0, 0, 0, 0, 0, 5]));
    assert_eq!(rpc.read(link, 10, LONG, None).await.unwrap().0, b"1\n");
    // other versions of the protocol, calls that are cut, and replies that nobody asked for
    rpc.send(&words(&[7, 0, 3, CORE, 1, 0, 0, 0, 0, 0])).await;
    assert_eq!(rpc.receive().await.unwrap(), words(&[7, 1, 1, 0, 2, 2]));
    rpc.send(&words(&[7, 0, 2, CORE])).await;
    assert_eq!(rpc.receive().await.unwrap(), words(&[7, 1, 0, 0, 0, 4]));
    rpc.send(&words(&[7, 1, 0, 0, 0, 0])).await;
    rpc.send(&[1]).await;
    assert_eq!(rpc.ask(link, "*OPC?").await, "1\n");
    rpc.0.write_all(&words(&[0x7FFF_FFFF])).await.unwrap();
    assert_eq!(rpc.receive().await, None);
    server.stop().await;
}

#[tokio::test]
async fn a_dropped_connection_is_closed_and_a_stopped_server_refuses() {
    let bench = bench();
    let server = serve(&bench).await;
    let (mut rpc, link) = meter(&server).await;
    let (mut other, _) = meter(&server).await;
    bench.set_fault("dmm", Fault::DropConnection);
    let arguments = [words(&[link, LONG, 0, END]), opaque(b"*IDN?")].concat();
    rpc.send(&call(CORE, 1, 11, &arguments)).await;
    assert_eq!(rpc.receive().await, None);
    bench.clear_faults("dmm");
    let (mut rpc, link) = meter(&server).await;
    assert_eq!(rpc.ask(link, "*OPC?").await, "1\n");
    rpc.send(&call(CORE, 1, 12, &words(&[link, 100, 600_000, 0, 0, 0])))
        .await;
    let addresses = [server.portmapper_addr(), server.core_addr(), server.abort_addr()];
    server.stop().await;
    assert_eq!((rpc.receive().await, other.receive().await), (None, None));
    for address in addresses {
        assert!(TcpStream::connect(address).await.is_err());
    }
    // the port is free again, for datagrams too
    UdpSocket::bind(addresses[0]).await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_bytes_end_the_server(
        noise in proptest::collection::vec(any::<u8>(), 0..300),
        calls in proptest::collection::vec((0_u32..30, proptest::collection::vec(prop_oneof![0_u32..20, any::<u32>()], 0..12)), 0..8),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = bench();
            let server = serve(&bench).await;
            for address in [server.core_addr(), server.abort_addr(), server.portmapper_addr()] {
                let mut raw = TcpStream::connect(address).await.unwrap();
                raw.write_all(&noise).await.unwrap();
                let mut framed = Rpc::new(address).await;
                framed.send(&noise).await;
            }
            let socket = UdpSocket::bind(ANY_PORT).await.unwrap();
            socket.send_to(&noise, server.portmapper_addr()).await.unwrap();
            let (mut rpc, _) = meter(&server).await;
            for (procedure, arguments) in &calls {
                // not awaited: some of them wait for very long
                rpc.send(&call(CORE, 1, *procedure, &words(arguments))).await;
            }
            let clock = RealClock::new();
            drop(clock.within(clock.now().after(Duration::from_millis(5)), rpc.receive()).await);
            drop(rpc);
            let (mut rpc, link) = meter(&server).await;
            let deadline = clock.now().after(super::SOON);
            // the calls may have locked it: that ends with their connection
            while rpc.write(link, END, b"*CLS;SYST:VERS?").await != 0 {
                assert!(clock.now() < deadline);
            }
            assert_eq!(rpc.read(link, 100, LONG, None).await.unwrap().0, b"1994.0\n");
            server.stop().await;
        });
    }
}
