//! Simulated instruments over HiSLIP, on real sockets.

use super::{
    board,
    hislip_client::{Channel, Client, FIRST, message},
};
use crate::{Fault, HislipModes, HislipServer, SimulatedBench, serve_hislip};
use benchtop_instrument::{Clock, ClockExt, RealClock};
use proptest::prelude::*;
use std::{net::SocketAddr, time::Duration};
use tokio::{io::AsyncWriteExt, net::TcpStream};

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn bench() -> SimulatedBench {
    board().build(RealClock::shared(), "UNIT-5501")
}

async fn serve(bench: &SimulatedBench) -> HislipServer {
    serve_modes(bench, HislipModes::Both).await
}

async fn serve_modes(bench: &SimulatedBench, modes: HislipModes) -> HislipServer {
    let instruments = ["dmm", "psu"].map(|name| (name.to_owned(), bench.instrument(name).unwrap()));
    serve_hislip(ANY_PORT, instruments.to_vec(), modes).await.unwrap()
}

#[tokio::test]
async fn instruments_answer_by_number_and_by_name() {
    let bench = bench();
    let server = serve(&bench).await;
    for (name, model) in [
        ("", "34461A"),
        ("hislip0", "34461A"),
        ("hislip0,4880", "34461A"),
        ("dmm", "34461A"),
        ("hislip0,psu", "E36312A"),
        ("hislip1", "E36312A"),
        ("psu", "E36312A"),
    ] {
        let mut client = Client::new(server.local_addr(), name).await;
        let identity = client.ask("*IDN?\n").await;
        assert!(
            identity.contains(model) && identity.contains("SIM-") && identity.ends_with('\n'),
            "{name}"
        );
        assert_eq!(client.ask("*OPC?").await, "1\n");
    }
    for name in ["hislip2", "inst0", "hislip0,nobody", "nobody,4880"] {
        let mut channel = Channel::new(server.local_addr()).await;
        let (kind, code, _, _) = channel.ask(0, 0, 0x0100_0000, name.as_bytes()).await;
        assert_eq!((kind, code), (2, 3), "{name}");
        assert_eq!(channel.receive().await, None);
    }
    let mut client = Client::new(server.local_addr(), "dmm").await;
    let reading: f64 = client.ask("MEAS:VOLT:DC? 10").await.trim().parse().unwrap();
    assert!(reading.abs() < 1e-3);
    server.stop().await;
}

#[tokio::test]
async fn sessions_have_their_own_parser_and_one_instrument() {
    let bench = bench();
    let server = serve(&bench).await;
    let mut first = Client::new(server.local_addr(), "psu").await;
    let mut second = Client::new(server.local_addr(), "psu").await;
    first.send(6, b"VOLT 5,(@1);:OU").await;
    second.send(7, b"FOO").await;
    assert_eq!(second.ask("*OPC?").await, "1\n");
    first.send(6, b"TP ON").await;
    assert_eq!(first.ask(",(@1);*OPC?").await, "1\n");
    assert_eq!(second.ask("OUTP? (@1);:VOLT? (@1)").await, "1;+5.00000000E+00\n");
    server.stop().await;
}

#[tokio::test]
async fn a_long_answer_comes_in_messages_of_the_size_that_was_agreed() {
    let bench = bench();
    let server = serve(&bench).await;
    let mut client = Client::new(server.local_addr(), "psu").await;
    let (kind, _, _, ours) = client.asynchronous.ask(15, 0, 0, &80_u64.to_be_bytes()).await;
    assert_eq!((kind, ours), (16, (256_u64 * 1024).to_be_bytes().to_vec()));
    client.send(7, b"VOLT? (@1,1,1,1,1,1,1,1,1,1)").await;
    for (kind, length) in [(6, 64), (6, 64), (7, 32)] {
        let part = client.sync.receive().await.unwrap();
        assert_eq!((part.0, part.2, part.3.len()), (kind, FIRST, length));
    }
    assert_eq!(client.asynchronous.ask(15, 0, 0, b"short").await.0, 3);
    server.stop().await;
}

#[tokio::test]
async fn an_answer_counts_as_taken_when_the_client_says_so() {
    let bench = bench();
    let server = serve(&bench).await;
    let mut client = Client::new(server.local_addr(), "dmm").await;
    assert_eq!(client.status_byte().await, 0);
    client.send(7, b"SYST:VERS?").await;
    assert_eq!(client.status_byte().await, 16);
    assert_eq!(client.answer().await, "1994.0\n");
    assert_eq!(client.status_byte().await, 0);
    // the answer was taken before the status query: the next message interrupts nothing
    assert_eq!(client.ask("SYST:ERR?").await, "+0,\"No error\"\n");

    client.send(7, b"*OPC?").await;
    assert_eq!(client.answer().await, "1\n");
    client.delivered = 0;
    client.send(7, b"*WAI").await;
    // the client drops that answer by its number, and needs no word of it
    assert_eq!(client.status_byte().await, 4);
    assert_eq!(client.ask("SYST:ERR?").await, "-410,\"Query INTERRUPTED\"\n");
    server.stop().await;
}

#[tokio::test]
async fn an_answer_that_is_interrupted_before_it_leaves_is_told_on_both_channels() {
    let bench = bench();
    let server = serve(&bench).await;
    let mut client = Client::new(server.local_addr(), "dmm").await;
    client.send(7, b"CONF:VOLT:DC 10;:SAMP:COUN 5;:READ?").await;
    client.send(7, b"SYST:VERS?").await;
    let number = client.next.wrapping_sub(2);
    assert_eq!(client.sync.receive().await, Some((13, 0, number, Vec::new())));
    assert_eq!(client.asynchronous.receive().await, Some((14, 0, number, Vec::new())));
    assert_eq!(client.answer().await, "1994.0\n");
    assert_eq!(client.ask("SYST:ERR?").await, "-410,\"Query INTERRUPTED\"\n");
    server.stop().await;
}

#[tokio::test]
async fn in_overlapped_mode_answers_wait_in_line_with_numbers_of_their_own() {
    let bench = bench();
    let server = serve_modes(&bench, HislipModes::Overlapped).await;
    let mut sync = Channel::new(server.local_addr()).await;
    let (kind, mode, parameter, _) = sync.ask(0, 0, 0x0100_7878, b"psu").await;
    assert_eq!((kind, mode), (1, 1));
    let mut other = Channel::new(server.local_addr()).await;
    other.ask(17, 0, parameter & 0xFFFF, b"").await;
    assert_eq!(other.ask(15, 0, 0, &80_u64.to_be_bytes()).await.0, 16);
    for (number, message) in [
        "*OPC?",
        "VOLT 1,(@1)",
        "VOLT? (@1,1,1,1,1,1,1,1,1,1)",
        "SYST:VERS?",
        "SYST:ERR?",
    ]
    .iter()
    .enumerate()
    {
        let number = FIRST.wrapping_add(u32::try_from(number).unwrap() * 2);
        sync.send(7, 0, number, message.as_bytes()).await;
    }
    let mut parts = Vec::new();
    for expected in 0..6_u32 {
        let (kind, control, number, payload) = sync.receive().await.unwrap();
        assert_eq!((control, number), (0, FIRST.wrapping_add(expected * 2)));
        parts.push((kind, payload.len()));
        if expected == 0 {
            // what is not delivered yet counts as available, and the last one delivered tells
            assert_eq!(other.ask(21, 1, FIRST, b"").await.1 & 16, 16);
        }
    }
    assert_eq!(parts, [(7, 2), (6, 64), (6, 64), (7, 32), (7, 7), (7, 14)]);
    let last = FIRST.wrapping_add(10);
    assert_eq!(other.ask(21, 1, last.wrapping_sub(2), b"").await.1 & 16, 16);
    assert_eq!(other.ask(21, 0, last, b"").await.1 & 16, 0);

    // who asks for synchronized mode does not get it here; numbers begin anew
    assert_eq!(other.ask(19, 0, 0, b"").await, (23, 1, 0, Vec::new()));
    assert_eq!(sync.ask(8, 0, 0, b"").await, (9, 1, 0, Vec::new()));
    assert_eq!(other.ask(21, 0, FIRST.wrapping_sub(2), b"").await.1 & 16, 0);
    assert_eq!(sync.ask(7, 0, FIRST, b"*OPC?").await, (7, 0, FIRST, b"1\n".to_vec()));
    server.stop().await;
}

#[tokio::test]
async fn device_clear_ends_a_reading_and_drops_what_was_sent() {
    let bench = bench();
    let server = serve(&bench).await;
    let mut client = Client::new(server.local_addr(), "dmm").await;
    client.send(7, b"CONF:VOLT:DC 10,MIN;:SAMP:COUN 1000;:READ?").await;
    client.send(6, b"SYST:VE").await;
    // the channels are two connections: what was sent on one first may come later
    while bench.heard("dmm").is_empty() {
        client.status_byte().await;
    }
    assert_eq!(client.asynchronous.ask(19, 0, 0, b"").await, (23, 0, 0, Vec::new()));
    client.send(7, b"*RST").await;
    // the client would like overlapped mode, and gets it
    assert_eq!(client.sync.ask(8, 1, 0, b"").await, (9, 1, 0, Vec::new()));
    client.next = FIRST;
    assert_eq!(client.ask("STAT:OPER:COND?;:SAMP:COUN?").await, "+0;+1000\n");
    assert_eq!(client.ask("SYST:ERR?").await, "+0,\"No error\"\n");
    assert_eq!(client.sync.ask(8, 0, 0, b"").await.0, 3);

    bench.set_fault("dmm", Fault::HangForever);
    client.asynchronous.send(19, 0, 0, b"").await;
    RealClock::new().sleep(Duration::from_millis(20)).await;
    bench.clear_faults("dmm");
    assert_eq!(client.asynchronous.receive().await.unwrap().0, 23);
    server.stop().await;
}

#[tokio::test]
async fn a_trigger_is_one_between_messages() {
    let bench = bench();
    let server = serve(&bench).await;
    let mut client = Client::new(server.local_addr(), "dmm").await;
    client.send(7, b"CONF:VOLT:DC 10;:TRIG:SOUR BUS;:INIT").await;
    client.send(12, b"").await;
    assert_eq!(client.ask("FETC?").await.len(), 16);
    assert!(bench.heard("dmm").contains(&"*TRG".to_owned()));
    for control in 0..=6 {
        let last = client.next.wrapping_sub(2);
        assert_eq!(client.asynchronous.ask(10, control, last, b"").await.0, 11);
    }
    let refused = client.asynchronous.ask(10, 7, 0, b"").await;
    assert_eq!((refused.0, refused.1), (3, 2));
    server.stop().await;
}

#[tokio::test]
async fn locks_are_exclusive_or_shared_and_hold_messages_up() {
    let bench = bench();
    let server = serve(&bench).await;
    let mut first = Client::new(server.local_addr(), "dmm").await;
    let mut second = Client::new(server.local_addr(), "dmm").await;
    let mut third = Client::new(server.local_addr(), "dmm").await;
    assert_eq!(first.release().await, 3);
    assert_eq!((first.lock(0, "").await, first.lock(0, "").await), (1, 3));
    assert_eq!((second.lock(0, "").await, second.lock(20, "key").await), (0, 0));
    assert_eq!(second.asynchronous.ask(24, 0, 0, b"").await, (25, 1, 1, Vec::new()));
    second.send(7, b"*OPC?").await;
    assert_eq!(first.ask("SYST:VERS?").await, "1994.0\n");
    assert_eq!(bench.heard("dmm"), ["SYST:VERS?"]);
    assert_eq!(first.release().await, 1);
    assert_eq!(second.answer().await, "1\n");

    assert_eq!((first.lock(0, "key").await, second.lock(0, "key").await), (1, 1));
    assert_eq!((third.lock(0, "other").await, third.lock(0, "").await), (0, 0));
    assert_eq!(third.asynchronous.ask(24, 0, 0, b"").await, (25, 0, 2, Vec::new()));
    assert_eq!(second.ask("*OPC?").await, "1\n");
    assert_eq!((first.lock(0, "").await, second.lock(0, "").await), (1, 0));
    assert_eq!((first.release().await, first.release().await), (1, 2));
    third.asynchronous.send(4, 1, 5000, b"").await;
    // a holder who is gone holds nothing
    drop(second);
    assert_eq!(third.asynchronous.receive().await.unwrap().1, 1);
    let refused = third.asynchronous.ask(4, 9, 0, b"").await;
    assert_eq!((refused.0, refused.1), (3, 2));
    server.stop().await;
}

#[tokio::test]
async fn what_does_not_fit_is_an_error_and_what_cannot_be_understood_is_the_end() {
    let bench = bench();
    let server = serve(&bench).await;
    for (bytes, code) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], 1),
        (&message(7, 0, FIRST, b"*IDN?")[..], 3),
        (&message(17, 0, 4711, b"")[..], 3),
        (&[b"HS\0\0\x01\0\0\0".as_slice(), &[0xFF; 8]].concat(), 1),
    ] {
        let mut channel = Channel::new(server.local_addr()).await;
        channel.0.write_all(bytes).await.unwrap();
        let (kind, control, _, _) = channel.receive().await.unwrap();
        assert_eq!((kind, control), (2, code), "{bytes:?}");
    }
    let mut early = Channel::new(server.local_addr()).await;
    early.ask(0, 0, 0x0100_0000, b"").await;
    let refused = early.ask(7, 0, FIRST, b"*IDN?").await;
    assert_eq!((refused.0, refused.1), (2, 2));

    let mut client = Client::new(server.local_addr(), "dmm").await;
    for (kind, code) in [(99, 1), (200, 3), (21, 1), (0, 1)] {
        let refused = client.sync.ask(kind, 0, 0, b"payload").await;
        assert_eq!((refused.0, refused.1), (3, code), "{kind}");
    }
    for (kind, code) in [(99, 1), (200, 3), (7, 1), (17, 1)] {
        let refused = client.asynchronous.ask(kind, 0, 0, b"payload").await;
        assert_eq!((refused.0, refused.1), (3, code), "{kind}");
    }
    let large = vec![b'A'; 256 * 1024 + 1];
    let refused = client.sync.ask(7, 0, FIRST, &large).await;
    assert_eq!((refused.0, refused.1), (3, 4));
    assert_eq!(client.ask("*OPC?").await, "1\n");
    // one of the two channels does not live without the other
    client.asynchronous.0.write_all(&[0; 16]).await.unwrap();
    assert_eq!(client.asynchronous.receive().await.unwrap().0, 2);
    assert_eq!(client.sync.receive().await, None);
    server.stop().await;
}

#[tokio::test]
async fn a_dropped_connection_is_closed_and_a_stopped_server_refuses() {
    let bench = bench();
    let server = serve(&bench).await;
    let mut client = Client::new(server.local_addr(), "dmm").await;
    bench.set_fault("dmm", Fault::DropConnection);
    client.send(7, b"*IDN?").await;
    assert_eq!(
        (client.sync.receive().await, client.asynchronous.receive().await),
        (None, None)
    );
    bench.clear_faults("dmm");
    let mut client = Client::new(server.local_addr(), "dmm").await;
    let mut waiting = Channel::new(server.local_addr()).await;
    waiting.ask(0, 0, 0, b"").await;
    assert_eq!(client.ask("*OPC?").await, "1\n");
    let address = server.local_addr();
    server.stop().await;
    assert_eq!((client.sync.receive().await, waiting.receive().await), (None, None));
    assert!(TcpStream::connect(address).await.is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_bytes_end_the_server(
        noise in proptest::collection::vec(any::<u8>(), 0..300),
        messages in proptest::collection::vec(
            (any::<bool>(), prop_oneof![0_u8..40, any::<u8>()], prop_oneof![0_u8..3, any::<u8>()], any::<u32>(), proptest::collection::vec(any::<u8>(), 0..40)),
            0..20,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = bench();
            let server = serve(&bench).await;
            let mut raw = TcpStream::connect(server.local_addr()).await.unwrap();
            raw.write_all(&noise).await.unwrap();
            let mut client = Client::new(server.local_addr(), "dmm").await;
            for (on_sync, kind, control, parameter, payload) in &messages {
                let channel = if *on_sync { &mut client.sync } else { &mut client.asynchronous };
                // the server may have had enough by then
                drop(channel.0.write_all(&message(*kind, *control, *parameter, payload)).await);
            }
            drop(client.sync.0.write_all(&noise).await);
            let clock = RealClock::new();
            drop(clock.within(clock.now().after(Duration::from_millis(5)), client.sync.receive()).await);
            drop(client);
            let mut client = Client::new(server.local_addr(), "dmm").await;
            assert_eq!(client.ask("*CLS;SYST:VERS?").await, "1994.0\n");
            server.stop().await;
        });
    }
}

#[tokio::test]
async fn an_instrument_that_refuses_or_reboots_opens_no_session_and_a_deaf_one_says_nothing() {
    let bench = bench();
    let server = serve(&bench).await;
    let mut open = Client::new(server.local_addr(), "psu").await;
    bench.set_fault("psu", Fault::Refused);
    let mut channel = Channel::new(server.local_addr()).await;
    let (kind, code, _, _) = channel.ask(0, 0, 0x0100_0000, b"psu").await;
    assert_eq!((kind, code), (2, 4));
    assert_eq!(open.ask("*OPC?").await, "1\n");
    bench.clear_faults("psu");

    bench.set_fault("psu", Fault::HalfOpen);
    open.send(7, b"VOLT 3,(@1);*OPC?").await;
    let clock = RealClock::new();
    let deadline = clock.now().after(Duration::from_millis(200));
    let silence = clock.within(deadline, open.answer()).await;
    assert!(silence.is_err());
    bench.clear_faults("psu");

    let mut again = Client::new(server.local_addr(), "psu").await;
    assert_eq!(again.ask("VOLT? (@1)").await, "+0.00000000E+00\n");
    bench.set_fault("psu", Fault::Reboot(Duration::from_secs(10)));
    assert_eq!(again.sync.receive().await, None);
    server.stop().await;
}
