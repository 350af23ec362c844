use super::*;
use benchtop_instrument::RealClock;
use std::time::Duration;

fn station(resource: &str) -> StationFile {
    let text = format!(
        "[station]\nid = \"S\"\n[instruments.dmm]\ndriver = \"hp/34401a\"\nresource = \"{resource}\"\nread_only = true\n"
    );
    benchtop_station::parse("station.toml", &text).unwrap()
}

async fn excluded(mut exclusions: Exclusions, found: &Resource) -> (bool, Vec<String>) {
    let clock = RealClock::shared();
    let deadline = clock.now().after(Duration::from_secs(5));
    exclusions.resolve(&[found], clock.as_ref(), deadline).await;
    (exclusions.fits(found), exclusions.doubts(&[found]))
}

/// Whether `written` keeps `found` from being asked: on the command line, and in a station.
async fn check(written: &str, found: &str, expected: bool) {
    let resource: Resource = found.parse().unwrap();
    let by_hand = Exclusions::new(&[written.to_owned()], None).map_err(|failure| failure.message);
    let (fits, doubts) = excluded(by_hand.unwrap(), &resource).await;
    assert_eq!(fits, expected, "--exclude {written}, found {found}: {doubts:?}");
    assert_eq!(doubts.is_empty(), expected, "{doubts:?}");
    if written.parse::<Resource>().is_ok() {
        let marked = Exclusions::new(&[], Some(&station(written))).map_err(|failure| failure.message);
        let (fits, doubts) = excluded(marked.unwrap(), &resource).await;
        assert_eq!(fits, expected, "read_only {written}, found {found}");
        assert!(doubts.is_empty(), "{doubts:?}");
    }
}

#[tokio::test]
async fn a_name_is_told_by_what_it_means() {
    let usb = "USB0::0x2A8D::0x1301::MY53::INSTR";
    for (written, found, expected) in [
        (usb, usb, true),
        ("USB::0x2a8d::0x1301::my53::INSTR", usb, true),
        ("usb0::10893::4865::MY53::0::instr", usb, true),
        ("VISA::USB0::0x2A8D::0x1301::MY53::INSTR", usb, true),
        ("visa::usb::0x2A8D::0x1301::MY53::RAW", usb, true),
        (usb, "VISA::USB::0x2A8D::0x1301::MY53::INSTR", true),
        ("USB0::0x2A8D::0x1301::MY54::INSTR", usb, false),
        ("USB0::0x2A8D::0x1302::MY53::INSTR", usb, false),
        // one that cannot be told is not asked
        (usb, "USB0::meter::INSTR", true),
        ("GPIB::22::INSTR", "GPIB0::22::INSTR", true),
        ("gpib::22::instr", "VISA::GPIB0::22::INSTR", true),
        ("VISA::GPIB0::22::INSTR", "GPIB0::22::INSTR", true),
        ("GPIB0::22::INSTR", "GPIB0::22::1::INSTR", true),
        ("GPIB0::22::1::INSTR", "GPIB0::22::2::INSTR", false),
        ("GPIB1::22::INSTR", "GPIB0::22::INSTR", false),
        ("GPIB0::23::INSTR", "GPIB0::22::INSTR", false),
        ("GPIB0::22::INSTR", usb, false),
        ("VISA::TCPIP::10.0.0.7::INSTR", "TCPIP0::10.0.0.7::inst0::INSTR", true),
        (
            "tcpip::10.0.0.7::INST0::INSTR",
            "VISA::TCPIP0::10.0.0.7::inst0::INSTR",
            true,
        ),
        (
            "TCPIP::10.0.0.7::hislip0,4880::INSTR",
            "TCPIP0::10.0.0.7::hislip0::INSTR",
            true,
        ),
        ("TCPIP::10.0.0.8::INSTR", "TCPIP0::10.0.0.7::inst0::INSTR", false),
        (
            "TCPIP::localhost::5025::SOCKET",
            "TCPIP0::127.0.0.1::5025::SOCKET",
            true,
        ),
        (
            "TCPIP::127.0.0.1::5025::SOCKET",
            "TCPIP0::localhost::5025::SOCKET",
            true,
        ),
        (
            "TCPIP::[::ffff:127.0.0.1]::5025::SOCKET",
            "TCPIP0::127.0.0.1::5025::SOCKET",
            true,
        ),
        ("LocalHost.", "TCPIP0::127.0.0.1::inst0::INSTR", true),
        ("127.0.0.1", "TCPIP0::localhost::inst0::INSTR", true),
        ("::1", "TCPIP0::[::1]::5025::SOCKET", true),
        ("[::1]", "TCPIP0::[::1]::5025::SOCKET", true),
        ("10.0.0.7", "TCPIP0::127.0.0.1::5025::SOCKET", false),
        ("ASRL3::INSTR", "/dev/ttyS2", cfg!(unix)),
        ("VISA::ASRL/dev/ttyUSB0::INSTR", "/dev/ttyUSB0", true),
        ("ttyUSB0", "/dev/ttyUSB0", true),
        ("/dev/ttyUSB1", "/dev/ttyUSB0", false),
    ] {
        check(written, found, expected).await;
    }
}

#[tokio::test]
async fn what_cannot_be_told_keeps_all_of_its_kind_from_being_asked() {
    for (written, found, other) in [
        ("USB0::meter::INSTR", "USB0::1::2::3::INSTR", "GPIB0::1::INSTR"),
        ("GPIB0::meter::INSTR", "GPIB0::1::INSTR", "USB0::1::2::3::INSTR"),
        ("VISA::ASRL3::INSTR", "/dev/ttyUSB0", "GPIB0::1::INSTR"),
    ] {
        for (found, expected) in [(found, true), (other, false)] {
            let marked = Exclusions::new(&[], Some(&station(written))).map_err(|failure| failure.message);
            let (fits, doubts) = excluded(marked.unwrap(), &found.parse().unwrap()).await;
            assert_eq!(fits, expected, "{written}, found {found}");
            let told = doubts
                .iter()
                .any(|doubt| doubt.contains("read_only `dmm`") && doubt.contains("none of them is asked"));
            assert_eq!(told, expected, "{doubts:?}");
        }
    }
}

#[test]
fn an_exclusion_that_is_understood_as_nothing_is_refused() {
    for written in [
        "",
        "a b",
        "USB0",
        "gpib0",
        "ASRL3",
        "VISA",
        "TCPIP0",
        "USB0::meter::INSTR",
        "USB0::0x2A8D::0x1301::MY53",
        "USB0::2A8D::1301::MY53::INSTR",
        "GPIB0::meter::INSTR",
        "GPIB0::22",
        "VISA::ASRL3::INSTR",
        "10.0.0.7:5025",
        "[::1",
        "[meter]",
    ] {
        let refused = Exclusions::new(&[written.to_owned()], None).map(drop).unwrap_err();
        assert!(
            refused.message.starts_with(&format!("--exclude {written}: ")),
            "{}",
            refused.message
        );
    }
}

#[tokio::test]
async fn a_host_without_an_address_is_warned_of_and_excludes_what_bears_its_name() {
    let names = "TCPIP0::meter.invalid::inst0::INSTR";
    let marked = || {
        Exclusions::new(&[], Some(&station(names)))
            .map_err(|failure| failure.message)
            .unwrap()
    };
    let told = "no address of the host meter.invalid could be found out";
    for (found, expected) in [
        ("TCPIP0::127.0.0.1::inst0::INSTR", false),
        ("TCPIP0::METER.invalid::inst0::INSTR", true),
    ] {
        let (fits, doubts) = excluded(marked(), &found.parse().unwrap()).await;
        assert_eq!(fits, expected, "{found}");
        assert!(doubts.iter().any(|doubt| doubt.contains(told)), "{doubts:?}");
    }
    // the system does not know it, but the instrument says so itself
    let found: Resource = "TCPIP0::127.0.0.1::inst0::INSTR".parse().unwrap();
    let mut taught = marked();
    taught.learn("Meter.invalid.", &found);
    assert!(taught.fits(&found) && taught.doubts(&[&found]).is_empty());
    // nothing on a network, nothing to look up
    let (fits, doubts) = excluded(marked(), &"GPIB0::1::INSTR".parse().unwrap()).await;
    assert!(!fits && doubts.is_empty(), "{doubts:?}");
}
