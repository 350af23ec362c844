//! Discovery against sockets of this machine.

use super::*;
use benchtop_instrument::RealClock;
use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};
use std::net::{IpAddr, SocketAddr};
use tokio::net::UdpSocket;

const PATIENCE: Duration = Duration::from_millis(600);

/// A portmapper that answers every call with these words behind the call's number.
async fn portmapper(words: &'static [u32]) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, sender)) = socket.recv_from(&mut buffer).await {
            // GETPORT of version 2, for the core channel over TCP
            let asked: Vec<u32> = buffer[..length]
                .chunks(4)
                .map(|word| u32::from_be_bytes(word.try_into().unwrap()))
                .collect();
            assert_eq!(asked[1..6], [0, 2, 100_000, 2, 3]);
            assert_eq!(asked[10..], [395_183, 1, 6, 0]);
            let words = words.iter().flat_map(|word| word.to_be_bytes());
            let reply: Vec<u8> = buffer[..4].iter().copied().chain(words).collect();
            socket.send_to(&reply, sender).await.unwrap();
        }
    });
    address
}

async fn ask(words: &'static [u32]) -> Vec<String> {
    let ask = Portmapper {
        from: Ipv4Addr::LOCALHOST,
        to: portmapper(words).await,
    };
    let found = vxi11(ask, &RealClock::new(), PATIENCE).await.unwrap();
    found.iter().map(|found| found.resource.to_string()).collect()
}

#[tokio::test]
async fn who_has_a_core_channel_is_found_once_though_it_answers_three_times() {
    // a reply, accepted, no verifier, success, the port
    assert_eq!(ask(&[1, 0, 0, 0, 0, 1024]).await, ["TCPIP0::127.0.0.1::inst0::INSTR"]);
}

#[tokio::test]
async fn who_has_none_or_talks_nonsense_is_not_found() {
    assert!(ask(&[1, 0, 0, 0, 0, 0]).await.is_empty());
    assert!(ask(&[1, 1, 0, 0, 0, 1024]).await.is_empty());
    assert!(ask(&[0xFFFF_FFFF; 7]).await.is_empty());
    assert!(ask(&[]).await.is_empty());
}

#[test]
fn this_machine_has_a_loopback_with_an_address_for_everybody() {
    let loopback = Interface {
        name: "lo".to_owned(),
        address: "127.0.0.1".parse().unwrap(),
        broadcast: "127.255.255.255".parse().unwrap(),
    };
    let all = interfaces().unwrap();
    assert!(
        all.iter().any(|interface| interface.address == loopback.address),
        "{all:?}"
    );
    if cfg!(target_os = "linux") {
        assert!(all.contains(&loopback), "{all:?}");
    }
}

#[tokio::test]
async fn what_announces_itself_is_found_on_the_interface_that_was_named() {
    let interfaces = interfaces().unwrap();
    let loopback = interfaces
        .iter()
        .find(|interface| interface.address.is_loopback())
        .unwrap();
    let responder = ServiceDaemon::new().unwrap();
    responder.disable_interface(IfKind::All).unwrap();
    responder.enable_interface(IfKind::LoopbackV4).unwrap();
    let properties: &[(&str, &str)] = &[
        ("Manufacturer", "Rigol"),
        ("Model", "DM\u{1b}[2J3058"),
        ("SerialNumber", "1"),
    ];
    for (service, port) in [
        ("_scpi-raw._tcp.local.", 5555_u16),
        ("_hislip._tcp.local.", 4881),
        ("_lxi._tcp.local.", 80),
    ] {
        let address: IpAddr = loopback.address.into();
        let announced = ServiceInfo::new(service, "meter", "meter.local.", address, port, properties).unwrap();
        responder.register(announced).unwrap();
    }
    let clock = RealClock::new();
    let mut found = Vec::new();
    // announcing takes its time
    for _ in 0..20 {
        found = lxi(loopback, &clock, PATIENCE).await.unwrap();
        if found.len() >= 2 {
            break;
        }
    }
    drop(responder.shutdown());
    let resources: Vec<String> = found.iter().map(|found| found.resource.to_string()).collect();
    assert!(
        resources.contains(&"TCPIP0::127.0.0.1::5555::SOCKET".to_owned()),
        "{resources:?}"
    );
    assert!(
        resources.contains(&"TCPIP0::127.0.0.1::hislip0,4881::INSTR".to_owned()),
        "{resources:?}"
    );
    assert_eq!(resources.len(), 2, "the web page is the same instrument: {resources:?}");
    assert!(
        found[0].announced.as_deref().unwrap().starts_with("Rigol DM"),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_visa_library_is_asked_for_all_but_serial_ports() {
    if std::env::var_os(visa::library::VARIABLE).is_some() {
        println!("skipped: only the double's list is known");
        return;
    }
    visa::tests::use_a_library();
    let clock = RealClock::new();
    let found = visa(&clock, Duration::from_secs(5)).await.unwrap();
    let names: Vec<String> = found.iter().map(|found| found.resource.to_string()).collect();
    assert_eq!(names, ["GPIB0::1::INSTR", "USB0::0x2A8D::0x1301::TCP1::INSTR"]);
}
