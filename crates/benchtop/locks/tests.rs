use super::*;
use std::net::TcpListener;

fn resource(text: &str) -> Resource {
    text.parse().unwrap()
}

/// Whether what is held under one spelling is refused under the other, in both orders.
fn check(one: &str, other: &str, is_same: bool) {
    for (held, wanted) in [(one, other), (other, one)] {
        let lock = take("psu", &resource(held)).map_err(|failure| failure.message);
        let lock = lock.unwrap().unwrap();
        let second = take("supply", &resource(wanted)).map_err(|failure| failure.message);
        assert_eq!(second.is_err(), is_same, "{wanted} while {held} is held: {second:?}");
        assert_eq!(hold(&[lock], &resource(wanted)), is_same, "{wanted}, {held}");
        if let Err(said) = second {
            let expected = format!(
                "another benchtop is using supply ({}); let it finish first",
                resource(wanted)
            );
            assert_eq!(said, expected);
        }
    }
}

#[test]
fn a_lock_is_of_the_place_and_not_of_its_spelling() {
    // nobody else has it while it is listened on
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let at = |host: &str| format!("TCPIP0::{host}::{port}::SOCKET");
    let plain = at("127.0.0.1");
    for other in [
        at("localhost"),
        at("LOCALHOST."),
        at("127.0.1"),
        at("127.1"),
        at("0.0.0.0"),
        at("[::ffff:127.0.0.1]"),
        format!("TCPIP::127.0.0.1::{port}::SOCKET"),
        format!("tcpip7::127.0.0.1::{port}::socket"),
        format!("VISA::TCPIP1::127.0.0.1::{port}::SOCKET"),
    ] {
        check(&plain, &other, true);
    }
    check(&at("localhost"), &at("127.0.1"), true);
    check(&plain, &at("127.0.0.2"), false);
    check(&plain, &format!("TCPIP0::127.0.0.1::inst0,{port}::INSTR"), false);
    let device = |device: &str| format!("TCPIP0::127.0.0.1::{device}::INSTR");
    check(
        &device(&format!("inst0,{port}")),
        &device(&format!("INST0,{port}")),
        true,
    );
    check(
        &device(&format!("inst0,{port}")),
        &device(&format!("inst1,{port}")),
        false,
    );
    check(
        &device(&format!("hislip0,{port}")),
        &device(&format!("hislip1,{port}")),
        false,
    );
}

#[test]
fn places_without_a_host_are_known_by_their_numbers_and_by_where_links_end() {
    let names = |text: &str| names_of(&resource(text));
    for (one, other) in [
        ("TCPIP::192.0.2.7::INSTR", "VISA::TCPIP1::192.0.2.7::inst0::INSTR"),
        (
            "TCPIP::192.0.2.7::hislip0::INSTR",
            "TCPIP2::192.0.2.7::HISLIP0,4880::INSTR",
        ),
        ("GPIB::22::INSTR", "VISA::gpib0::22::instr"),
        (
            "USB::0x2a8d::0x1301::my53::INSTR",
            "VISA::USB0::10893::4865::MY53::0::INSTR",
        ),
    ] {
        assert_eq!(names(one), names(other), "{one} {other}");
    }
    for (one, other) in [
        ("GPIB0::22::INSTR", "GPIB0::23::INSTR"),
        ("GPIB0::22::INSTR", "GPIB1::22::INSTR"),
        ("GPIB0::9::1::INSTR", "GPIB0::9::2::INSTR"),
        ("USB::1::2::A::INSTR", "USB::1::2::B::INSTR"),
        ("/dev/ttyUSB90", "/dev/ttyUSB91"),
        ("VISA::ASRL1::INSTR", "VISA::ASRL2::INSTR"),
    ] {
        assert_ne!(names(one), names(other), "{one} {other}");
    }
    let folder = tempfile::tempdir().unwrap();
    let (port, link) = (folder.path().join("port"), folder.path().join("by-id"));
    File::create(&port).unwrap();
    std::os::unix::fs::symlink(&port, &link).unwrap();
    let at = |path: &Path| names(&format!("ASRL{}::INSTR", path.display()));
    assert_eq!(at(&port), at(&link));
}

#[test]
fn what_others_put_into_the_folder_is_not_followed() {
    let scratch = tempfile::tempdir().unwrap();
    let (mine, shared) = (scratch.path().join("mine"), scratch.path().join("shared"));
    std::fs::create_dir(&mine).unwrap();
    let mode = |path: &Path| std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o7777;
    let before = mode(&mine);
    std::os::unix::fs::symlink(&mine, &shared).unwrap();
    folder::open(&shared, "lock").unwrap_err();
    assert_eq!((mode(&mine), mine.join("lock").exists()), (before, false));
    let folder = scratch.path().join("locks");
    let secret = scratch.path().join("secret");
    File::create(&secret).unwrap();
    let before = mode(&secret);
    folder::open(&folder, "lock").unwrap();
    assert_eq!((mode(&folder), mode(&folder.join("lock"))), (0o1777, 0o666));
    std::os::unix::fs::symlink(&secret, folder.join("linked")).unwrap();
    folder::open(&folder, "linked").unwrap_err();
    assert_eq!(mode(&secret), before);
}
