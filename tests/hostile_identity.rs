//! An instrument whose `*IDN?` would move a cursor, ring, turn the direction of writing, or fill a screen: wherever its name is
//! shown, it is text.

use crate::{
    scan::listed,
    testkit::{Done, Served, benchtop, done, only_record, station_of, write},
};
use std::{
    io::{BufRead, BufReader, Write, copy},
    net::{TcpListener, TcpStream},
    process::Stdio,
    thread,
};

/// Sequences of a terminal, in seven and eight bits; marks that turn or hide; what a page would take for its own.
const ACTIVE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{85}\u{202e}\u{2066}gpj.exe\u{200f}\u{200b}\u{8}\u{7f}\r<script>alert(1)</script>\"><img src=x>";
/// What a person may get of it, in bytes: more than a screen, and far from a megabyte.
const READABLE: usize = 64 * 1024;

/// A meter that calls itself so: between a simulated one and whoever connects. Its port.
fn impostor(served: &Served, identity: String) -> u16 {
    let behind = served.address("instrument");
    between(behind, identity)
}

fn between(behind: (String, u16), identity: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming().filter_map(Result::ok) {
            let (behind, identity) = (behind.clone(), identity.clone());
            // who hangs up in the middle ends it, which is no trouble of ours
            thread::spawn(move || drop(relay(client, behind, &identity)));
        }
    });
    port
}

/// Until one of the two hangs up.
fn relay(client: TcpStream, behind: (String, u16), identity: &str) -> std::io::Result<()> {
    let mut meter = TcpStream::connect(behind)?;
    for stream in [&client, &meter] {
        stream.set_nodelay(true)?;
    }
    let (mut from_meter, mut to_client) = (meter.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        drop(copy(&mut from_meter, &mut to_client));
        drop(to_client.shutdown(std::net::Shutdown::Both));
    });
    let mut answering = client.try_clone()?;
    for line in BufReader::new(client).split(b'\n') {
        let line = line?;
        if line.trim_ascii().eq_ignore_ascii_case(b"*IDN?") {
            answering.write_all(format!("{identity}\n").as_bytes())?;
        } else {
            meter.write_all(&[line.as_slice(), b"\n"].concat())?;
        }
    }
    meter.shutdown(std::net::Shutdown::Both)
}

/// A name that some driver fits, and one that none does; short, and a megabyte long.
fn names() -> [(bool, String); 4] {
    let long = ACTIVE.repeat((1 << 20) / ACTIVE.len());
    let fits = |serial: &str| (true, format!("Keysight Technologies,34461A,MY{serial},A.03.03"));
    let stranger = |model: &str| (false, format!("ACME,{model},1,2"));
    [fits(ACTIVE), stranger(ACTIVE), fits(&long), stranger(&long)]
}

/// True for what moves a cursor, colours, rings, or turns the direction of writing.
fn is_active(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

fn is_text(said: &Done, what: &str) {
    for (stream, text) in [("stdout", &said.out), ("stderr", &said.err)] {
        let active: Vec<char> = text.chars().filter(|c| is_active(*c)).take(10).collect();
        assert!(active.is_empty(), "{what} wrote {active:?} to {stream}");
    }
    assert!(!said.err.contains("panicked"), "{what}: {said}");
}

fn is_readable(said: &Done, what: &str) {
    is_text(said, what);
    let length = said.out.len() + said.err.len();
    assert!(length < READABLE, "{what} wrote {length} bytes");
}

#[test]
fn who_asks_by_hand_gets_the_name_of_a_hostile_instrument_as_text() {
    let served = Served::what(&["keysight/34461a"]);
    for (fits, name) in names() {
        let resource = format!("TCPIP0::127.0.0.1::{}::SOCKET", impostor(&served, name.clone()));
        let code = if fits { 0 } else { 2 };
        // who asks for all of it gets all of it
        for trace in [[].as_slice(), &["--trace"]] {
            let query = done(benchtop().args(["query", &resource, "*IDN?"]).args(trace));
            assert_eq!(query.code, Some(0), "{}", query.err);
            is_text(&query, "query");
            assert!(query.out.contains("\\u{1b}[2J"), "{}", query.out.len());
            assert!(query.out.len() > name.len(), "{} of {}", query.out.len(), name.len());
        }
        for format in [[].as_slice(), &["--format", "json"], &["--csv"]] {
            let measured = done(benchtop().args(["measure", &resource, "dc_voltage"]).args(format));
            assert_eq!(measured.code, Some(code), "{measured}");
            is_readable(&measured, "measure");
            assert!(
                fits || measured.err.contains("no driver fits `ACME,\\u{1b}[2J"),
                "{measured}"
            );
        }
        let mut console = benchtop();
        console.args(["console", &resource]).stdin(Stdio::piped());
        let mut console = console.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        console.stdin.take().unwrap().write_all(b"SYST:VERS?\n").unwrap();
        let console = Done::from(console.wait_with_output().unwrap());
        assert_eq!(console.code, Some(0), "{}", console.err);
        is_readable(&console, "console");
        assert!(
            fits || console.err.contains("no driver fits `ACME,\\u{1b}[2J"),
            "{console}"
        );
    }
}

#[test]
fn a_scan_shows_the_name_of_a_hostile_instrument_as_text() {
    let served = Served::what(&["keysight/34461a"]);
    for (fits, name) in names() {
        let resource = format!("USB0::0x2A8D::0x1301::TCP{}::INSTR", impostor(&served, name.clone()));
        let scan = |format: &[&str]| listed(&[&resource], format);
        let people = scan(&[]);
        assert_eq!(people.code, Some(0), "{}", people.err);
        is_readable(&people, "scan");
        assert!(
            people.out.contains("\\u{1b}[2J")
                && people.out.contains(if fits { "keysight/34461a" } else { "no driver" })
        );
        // programs get all of it
        let programs = scan(&["--format", "json"]);
        is_text(&programs, "scan --format json");
        let mut rows = programs
            .out
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let row = rows.find(|row| row["resource"] == *resource).unwrap();
        assert_eq!(row["identity"].as_str(), Some(name.trim()));
    }
}

#[test]
fn a_run_and_its_record_show_the_name_of_a_hostile_instrument_as_text() {
    for (fits, name) in names() {
        let served = Served::bench("UNIT-5501");
        let dmm = served.resource("dmm", "TCPIP");
        let port = between(served.address("dmm"), name);
        let station = station_of(&served, |resource| resource.ends_with("::SOCKET"));
        write(
            &served.station,
            &station.replace(&dmm, &format!("TCPIP0::127.0.0.1::{port}::SOCKET")),
        );
        let run = done(&mut served.run("UNIT-5501"));
        assert_eq!(run.code, Some(if fits { 0 } else { 3 }), "{}", run.err);
        is_readable(&run, "run");
        assert!(run.out.contains("\\u{1b}[2J"), "{run}");
        if !fits {
            continue;
        }
        let record = only_record(&served.store());
        let has_it = |instrument: &serde_json::Value| {
            instrument["identity"]["serial_number"]
                .as_str()
                .is_some_and(|serial| serial.contains(ACTIVE.trim_end()))
        };
        assert!(
            record["instruments"].as_array().unwrap().iter().any(has_it),
            "the record has all of it"
        );
        for words in [
            ["list", "--store"].as_slice(),
            &["list", "--format", "json", "--store"],
            &["list", "--format", "csv", "--store"],
            &["show", "1", "--store"],
            &["show", "1", "--html", "-", "--store"],
            &["show", "1", "--format", "json", "--store"],
            &["diff", "1", "1", "--store"],
            &["stats", "--html", "-", "--store"],
            &["verify", "--store"],
        ] {
            let said = done(benchtop().arg("runs").args(words).arg(served.store()));
            assert_eq!(said.code, Some(0), "{words:?}: {}", said.err);
            is_text(&said, &format!("runs {words:?}"));
            if words.contains(&"--html") {
                assert!(
                    !said.out.contains("<script>") && !said.out.contains("<img"),
                    "{words:?}"
                );
            } else if !words.contains(&"json") {
                is_readable(&said, &format!("runs {words:?}"));
            }
        }
        let json = done(served.run("UNIT-5501").args(["--format", "json"]));
        assert_eq!(json.code, Some(0), "{}", json.err);
        is_text(&json, "run --format json");
    }
}
