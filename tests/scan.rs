//! Discovery: what `instruments scan` finds, asks, and leaves alone.

use crate::{
    over_visa,
    testkit::{Done, Running, Served, benchtop, done, eventually, scratch},
};
use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};
use rustix::{
    fs::{OFlags, fcntl_setfl},
    io::Errno,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use serde_json::Value;
use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    net::{IpAddr, TcpListener},
    os::unix::fs::symlink,
    process::{Command, Stdio},
};

/// Nothing of this machine's own serial ports is asked.
const NOT_OURS: &[&str] = &[
    "--exclude",
    "/dev/ttyS0",
    "--exclude",
    "/dev/ttyS1",
    "--exclude",
    "/dev/ttyUSB0",
];

fn scan(arguments: &[&str]) -> Done {
    done(benchtop().args(["instruments", "scan"]).args(NOT_OURS).args(arguments))
}

fn rows(scanned: &Done) -> Vec<Value> {
    assert_eq!(scanned.code, Some(0), "{scanned}");
    scanned.json()
}

fn row<'a>(rows: &'a [Value], resource: &str) -> &'a Value {
    let found = rows.iter().find(|row| row["resource"] == resource);
    found.unwrap_or_else(|| panic!("{resource} is not among {rows:#?}"))
}

/// The far end of a serial line, and the line's path.
fn serial_line() -> (File, String) {
    let far = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&far).unwrap();
    unlockpt(&far).unwrap();
    fcntl_setfl(&far, OFlags::NONBLOCK).unwrap();
    let path = ptsname(&far, Vec::new()).unwrap().into_string().unwrap();
    (far.into(), path)
}

#[test]
fn what_a_station_marks_read_only_is_listed_and_never_opened() {
    let served = Served::what(&["hp/34401a", "--pty"]);
    let resource = served.resource("instrument", "ASRL");
    let port = resource.replace("ASRL", "").replace("::INSTR", "");
    let station = |mark: &str| {
        let text = format!(
            "[station]\nid = \"S\"\n[instruments.dmm]\ndriver = \"hp/34401a\"\nresource = \"{resource}\"\n{mark}"
        );
        let path = served.folder.path().join("marked.toml");
        crate::testkit::write(&path, &text);
        path.to_str().unwrap().to_owned()
    };
    let said = |mark: &str| {
        let station = station(mark);
        let scanned = scan(&["--port", &port, "--station", &station, "--format", "json"]);
        row(&rows(&scanned), &resource).to_string()
    };
    assert!(said("").contains("34401A"));
    let left_alone = said("read_only = true\n");
    assert!(!left_alone.contains("34401A"), "{left_alone}");
}

#[test]
fn a_meter_on_a_serial_port_is_found_with_its_driver() {
    let served = Served::what(&["hp/34401a", "--pty"]);
    let path = served
        .resource("instrument", "ASRL")
        .replace("ASRL", "")
        .replace("::INSTR", "");
    let found = rows(&scan(&["--port", &path, "--format", "json"]));
    let meter = row(&found, &format!("ASRL{path}::INSTR"));
    assert_eq!(
        (&meter["state"], &meter["driver"], &meter["found_by"][0]),
        (&"answered".into(), &"hp/34401a".into(), &"named by the user".into())
    );
    assert!(
        meter["identity"]
            .as_str()
            .unwrap()
            .starts_with("HEWLETT-PACKARD,34401A,"),
        "{meter}"
    );
    let people = scan(&["--port", &path]);
    assert!(
        people.out.contains("hp/34401a") && people.out.contains("named by the user"),
        "{people}"
    );
    assert!(
        people.out.contains("looked at no network: name one with --interface"),
        "{people}"
    );
}

#[test]
fn nothing_is_ever_written_to_an_excluded_port_whatever_it_is_called() {
    let (mut far, path) = serial_line();
    // a line that nobody has open has no end to read from
    let _open = File::options().read(true).write(true).open(&path).unwrap();
    let folder = scratch();
    let by_id = folder.path().join("usb-ACME-if00-port0");
    symlink(&path, &by_id).unwrap();
    let by_id = by_id.to_str().unwrap();
    for (named, excluded) in [(path.as_str(), by_id), (by_id, path.as_str()), (&path, &path)] {
        let found = rows(&scan(&["--port", named, "--exclude", excluded, "--format", "json"]));
        assert_eq!(row(&found, &format!("ASRL{named}::INSTR"))["state"], "excluded");
    }
    let found = rows(&scan(&["--port", &path, "--list-only", "--format", "json"]));
    assert_eq!(row(&found, &format!("ASRL{path}::INSTR"))["state"], "not_asked");
    let came = far.read(&mut [0; 16]).unwrap_err();
    assert_eq!(Errno::from_io_error(&came), Some(Errno::AGAIN), "{came}");
    // the same port, not excluded, is written to: the check above can fail
    let misspelt = scan(&["--port", &path, "--exclude", "/dev/nothing-here", "--timeout", "0.2"]);
    assert!(
        misspelt
            .err
            .contains("--exclude /dev/nothing-here: nothing that was found is called so"),
        "{misspelt}"
    );
    assert!(misspelt.out.contains("no answer in 0.2 s at 9600 Bd"), "{misspelt}");
    let mut came = [0; 16];
    let length = far.read(&mut came).unwrap();
    assert_eq!(&came[..length], b"*IDN?\n");
}

#[test]
fn what_a_hostile_instrument_says_cannot_move_the_cursor() {
    let (mut far, path) = serial_line();
    let _open = File::options().read(true).write(true).open(&path).unwrap();
    let mut scanning = benchtop();
    scanning.args(["instruments", "scan", "--port", &path]).args(NOT_OURS);
    let scanning = Running::start(&mut scanning);
    let mut came = Vec::new();
    eventually("*IDN?", || {
        let mut chunk = [0; 16];
        if let Ok(length) = far.read(&mut chunk) {
            came.extend_from_slice(&chunk[..length]);
        }
        came.ends_with(b"*IDN?\n").then_some(())
    });
    far.write_all(b"ACME,\x1b[2J\x1b]0;owned\x07X,1,2\n").unwrap();
    let scanned = scanning.finish();
    assert!(
        scanned.out.contains("no driver") && scanned.out.contains("ACME,"),
        "{scanned}"
    );
    assert!(
        !scanned.out.contains(['\x1b', '\x07']),
        "{scanned:?}",
        scanned = scanned.out
    );
}

#[test]
fn an_interface_that_there_is_not_is_refused_and_the_others_are_named() {
    let scanned = scan(&["--interface", "eth-nowhere"]);
    assert_eq!(scanned.code, Some(2), "{scanned}");
    assert!(
        scanned
            .err
            .contains("--interface eth-nowhere: there is no such interface"),
        "{scanned}"
    );
    assert!(scanned.err.contains("127.0.0.1"), "{scanned}");
}

#[test]
fn instruments_are_found_by_vxi11_broadcast_in_a_network_of_their_own() {
    // a network namespace: port 111 and the broadcast are this test's own
    let probe = Command::new("unshare")
        .args(["-n", "ip", "link", "set", "lo", "up"])
        .output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        println!("skipped: network namespaces cannot be had here");
        return;
    }
    let served = "ip link set lo up && exec \"$0\" sim board-v3 --serial UNIT-5501 --vxi11 0.0.0.0:111";
    let mut command = Command::new("unshare");
    command.args(["-n", "sh", "-c", served, env!("CARGO_BIN_EXE_benchtop")]);
    command.stdin(Stdio::null()).current_dir(env!("CARGO_MANIFEST_DIR"));
    let mut sim = Running::start(&mut command);
    let mut lines = BufReader::new(sim.0.stdout.take().unwrap()).lines();
    while !lines.next().unwrap().unwrap().contains("control") {}
    let net = format!("--net=/proc/{}/ns/net", sim.0.id());
    let scan_inside = |arguments: &[&str]| {
        let mut command = Command::new("nsenter");
        command.args([&net, env!("CARGO_BIN_EXE_benchtop"), "instruments", "scan"]);
        done(command.args(NOT_OURS).args(arguments).env("NO_COLOR", "1"))
    };
    let found = rows(&scan_inside(&["--interface", "lo", "--format", "json"]));
    let first = row(&found, "TCPIP0::127.0.0.1::inst0::INSTR");
    assert_eq!(
        (&first["driver"], &first["found_by"][0]),
        (&"keysight/e36312a".into(), &"VXI-11 broadcast".into())
    );
    let excluded = rows(&scan_inside(&[
        "--interface",
        "127.0.0.1",
        "--exclude",
        "127.0.0.1",
        "--format",
        "json",
    ]));
    assert_eq!(row(&excluded, "TCPIP0::127.0.0.1::inst0::INSTR")["state"], "excluded");
}

/// A scan with a VISA library that lists these names.
pub(crate) fn listed(names: &[&str], arguments: &[&str]) -> Done {
    let mut command = benchtop();
    command.args(["instruments", "scan"]).args(NOT_OURS).args(arguments);
    command.env(over_visa::VARIABLE, over_visa::double());
    done(command.env("BENCHTOP_VISA_DOUBLE_LIST", names.join(" ")))
}

#[test]
fn what_a_visa_library_lists_is_asked_and_its_driver_named() {
    let served = Served::what(&["keysight/34461a"]);
    let (_, port) = served.address("instrument");
    let meter = format!("USB0::0x2A8D::0x1301::TCP{port}::INSTR");
    // the second one answers nonsense, the third is a serial port, which goes under its own name
    let names = [meter.as_str(), "GPIB0::1::INSTR", "ASRL1::INSTR"];
    let scanned = listed(&names, &["--format", "json"]);
    let found = rows(&scanned);
    let row_of_meter = row(&found, &meter);
    assert_eq!(
        (
            &row_of_meter["state"],
            &row_of_meter["driver"],
            &row_of_meter["found_by"][0]
        ),
        (&"answered".into(), &"keysight/34461a".into(), &"VISA".into())
    );
    let nonsense = row(&found, "GPIB0::1::INSTR");
    assert_eq!(nonsense["state"], "no_answer");
    let message = nonsense["message"].as_str().unwrap();
    assert!(message.contains("what its interface does not allow"), "{message}");
    let by_visa = |row: &&Value| row["found_by"][0] == "VISA";
    assert_eq!(found.iter().filter(by_visa).count(), 2, "{found:#?}");
    assert!(!scanned.err.contains("panicked"), "{scanned}");
    let people = listed(&names, &[]);
    assert!(
        people.out.contains("keysight/34461a") && people.out.contains("looked at VISA: 2 found"),
        "{people}"
    );
    // what is excluded is not opened: nothing reaches a library for it
    let excluded = rows(&listed(
        &names,
        &["--exclude", &meter, "--exclude", "GPIB0::1::INSTR", "--format", "json"],
    ));
    for name in [&meter, "GPIB0::1::INSTR"] {
        assert_eq!(row(&excluded, name)["state"], "excluded");
    }
}

/// A VISA library lists a port of this test by its address; the user knows it by other names.
#[test]
fn nothing_connects_to_an_excluded_host_under_any_spelling_of_its_name() {
    let counting = TcpListener::bind("127.0.0.1:0").unwrap();
    counting.set_nonblocking(true).unwrap();
    let port = counting.local_addr().unwrap().port();
    let found = format!("TCPIP0::127.0.0.1::{port}::SOCKET");
    let state = |arguments: &[&str]| {
        let scanned = listed(
            &[&found],
            &[arguments, &["--timeout", "2", "--format", "json"]].concat(),
        );
        row(&rows(&scanned), &found)["state"].clone()
    };
    let folder = scratch();
    let station = folder.path().join("named.toml");
    let station = station.to_str().unwrap();
    for name in [
        format!("TCPIP0::localhost::{port}::SOCKET"),
        format!("tcpip1::LOCALHOST.::{port}::socket"),
        format!("VISA::TCPIP::localhost::{port}::SOCKET"),
        format!("visa::TCPIP0::127.0.0.1::{port}::SOCKET"),
    ] {
        assert_eq!(state(&["--exclude", &name]), "excluded", "{name}");
        let text = format!(
            "[station]\nid = \"S\"\n[instruments.dmm]\ndriver = \"hp/34401a\"\nresource = \"{name}\"\nread_only = true\n"
        );
        crate::testkit::write(station.as_ref(), &text);
        assert_eq!(state(&["--station", station]), "excluded", "{name}");
    }
    assert_eq!(state(&["--exclude", "LocalHost"]), "excluded");
    // what is understood as nothing would protect nothing
    for name in ["USB0::meter::INSTR", "127.0.0.1:5025", "VISA::ASRL3::INSTR", "GPIB0"] {
        let refused = listed(&[&found], &["--exclude", name]);
        assert_eq!(refused.code, Some(2), "{refused}");
        assert!(refused.err.contains(&format!("--exclude {name}: ")), "{refused}");
    }
    let came = counting.accept().map(drop).unwrap_err();
    assert_eq!(Errno::from_io_error(&came), Some(Errno::AGAIN), "{came}");
    // under a name that leads nowhere it is connected to, and the user is told: the check above can fail
    let nowhere = listed(&[&found], &["--exclude", "meter.invalid", "--timeout", "0.5"]);
    let told = "--exclude meter.invalid: no address of the host meter.invalid could be found out";
    assert!(nowhere.err.contains(told), "{nowhere}");
    assert!(counting.accept().is_ok());
}

/// A responder of this test announces two services on the loopback: a served meter, and a port that counts who connects.
#[test]
fn what_announces_itself_over_mdns_is_asked_and_what_is_excluded_is_never_connected_to() {
    let served = Served::what(&["keysight/34461a"]);
    let (_, port) = served.address("instrument");
    let counting = TcpListener::bind("127.0.0.1:0").unwrap();
    counting.set_nonblocking(true).unwrap();
    let counted = counting.local_addr().unwrap().port();
    let responder = ServiceDaemon::new().unwrap();
    responder.disable_interface(IfKind::All).unwrap();
    responder.enable_interface(IfKind::LoopbackV4).unwrap();
    let properties: &[(&str, &str)] = &[
        ("Manufacturer", "ACME\u{1b}[2J"),
        ("Model", "\u{202e}X"),
        ("SerialNumber", "1"),
    ];
    let address: IpAddr = "127.0.0.1".parse().unwrap();
    for (instance, port) in [("meter", port), ("counted", counted)] {
        let host = format!("{instance}.local.");
        let service = ServiceInfo::new("_scpi-raw._tcp.local.", instance, &host, address, port, properties);
        responder.register(service.unwrap()).unwrap();
    }
    let resource = |port: u16| format!("TCPIP0::127.0.0.1::{port}::SOCKET");
    let left_alone = resource(counted);
    let arguments = ["--interface", "127.0.0.1", "--exclude", &left_alone];
    // announcing takes its time
    let found = eventually("both services", || {
        let scanned = scan(&[&arguments[..], &["--format", "json"]].concat());
        let found = rows(&scanned);
        let has = |port| found.iter().any(|row| row["resource"] == resource(port));
        (has(port) && has(counted)).then_some((scanned.out, found))
    });
    let (json, found) = found;
    let meter = row(&found, &resource(port));
    assert_eq!(
        (&meter["state"], &meter["driver"], &meter["found_by"][0]),
        (&"answered".into(), &"keysight/34461a".into(), &"mDNS".into())
    );
    assert!(meter["announced"].as_str().unwrap().starts_with("ACME"), "{meter}");
    assert_eq!(row(&found, &left_alone)["state"], "excluded");
    // its own name, which only the announcement leads to its address
    let by_name = [
        "--interface",
        "127.0.0.1",
        "--exclude",
        "Counted.local",
        "--format",
        "json",
    ];
    let by_name = eventually("the announced name", || {
        let scanned = rows(&scan(&by_name));
        scanned.into_iter().find(|row| row["resource"] == left_alone)
    });
    assert_eq!(by_name["state"], "excluded", "{by_name}");
    let people = scan(&arguments);
    for text in [&json, &people.out, &people.err] {
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    }
    let came = counting.accept().map(drop).unwrap_err();
    assert_eq!(Errno::from_io_error(&came), Some(Errno::AGAIN), "{came}");
    // not excluded, it is connected to: the check above can fail
    eventually("a connection", || {
        scan(&["--interface", "127.0.0.1", "--timeout", "0.5"]);
        counting.accept().ok()
    });
    drop(responder.shutdown());
}
