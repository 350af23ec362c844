//! Readings by hand, against a served simulated bench.

use crate::testkit::{Running, Served, benchtop, done, only_record};
use benchtop_instrument::{Clock, RealClock};
use nix::sys::signal::Signal;
use std::{
    io::{BufRead, BufReader, Read},
    process::Command,
};

fn measure(served: &Served, arguments: &[&str]) -> Command {
    let mut command = benchtop();
    command
        .args([
            "measure",
            &served.resource("dmm", "TCPIP"),
            "dc_voltage",
            "--range",
            "10 V",
        ])
        .args(arguments);
    command
}

#[test]
fn several_readings_come_with_their_statistics() {
    let served = Served::bench("UNIT-5501");
    let taken = done(&mut measure(&served, &["--samples", "4", "--nplc", "0.02"]));
    assert_eq!(taken.code, Some(0), "{taken}");
    let lines: Vec<&str> = taken.out.lines().collect();
    assert_eq!(lines.len(), 5, "{taken}");
    assert!(
        lines[3].trim_start().starts_with("4 ") && lines[3].contains(" V  range 10 V  nplc 0.02"),
        "{taken}"
    );
    assert!(
        lines[4].starts_with("n 4  mean ") && lines[4].contains("standard deviation "),
        "{taken}"
    );
    let one = done(&mut measure(&served, &[]));
    assert_eq!(one.out.lines().count(), 1, "{one}");
}

#[test]
fn csv_has_a_heading_and_a_line_a_reading_an_interval_apart() {
    let served = Served::bench("UNIT-5501");
    let before = RealClock::new().utc().timestamp_millis();
    let taken = done(&mut measure(
        &served,
        &["--samples", "3", "--interval", "300 ms", "--nplc", "0.02", "--csv"],
    ));
    assert_eq!(taken.code, Some(0), "{taken}");
    let lines: Vec<Vec<&str>> = taken.out.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines[0], ["time", "value", "unit", "reading", "range", "nplc"]);
    assert_eq!(lines.len(), 4, "{taken}");
    let mut seconds = Vec::new();
    for line in &lines[1..] {
        assert!(line[1].parse::<f64>().unwrap().abs() < 1.0, "{taken}");
        assert_eq!(line[2..], ["V", "value", "10 V", "0.02"], "{taken}");
        let at = chrono::DateTime::parse_from_rfc3339(line[0]).unwrap();
        seconds.push(at.timestamp_millis());
    }
    // the beginnings keep to a schedule: one that comes late does not make the next one late, and none is early
    for (turn, at) in (0..).zip(&seconds) {
        assert!(at - before >= turn * 300 - 2, "{before}: {seconds:?}");
    }
    assert!(seconds.is_sorted(), "{seconds:?}");
}

#[test]
fn overrange_is_no_number_in_any_format() {
    let served = Served::what(&["keysight/34461a"]);
    let resource = served.resource("instrument", "TCPIP");
    let take = |format: &[&str]| {
        done(
            benchtop()
                .args(["measure", &resource, "resistance", "--samples", "2"])
                .args(format),
        )
    };
    let people = take(&[]);
    assert!(people.out.contains("n 0; 2 not counted: no number"), "{people}");
    let csv = take(&["--csv"]);
    assert!(csv.out.lines().nth(1).unwrap().contains("Z,,,overrange,"), "{csv}");
    let json: serde_json::Value =
        serde_json::from_str(take(&["--format", "json"]).out.lines().next().unwrap()).unwrap();
    assert!(json["value"].is_null() && json["reading"] == "overrange", "{json}");
}

#[test]
fn ctrl_c_ends_it_behind_a_reading_and_the_statistics_stand() {
    let served = Served::bench("UNIT-5501");
    let mut command = measure(&served, &["--samples", "1000000", "--nplc", "0.02"]);
    let mut taking = Running::start(&mut command);
    let mut out = BufReader::new(taking.0.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).unwrap();
    taking.signal(Signal::SIGINT);
    let status = taking.wait();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(status.code(), Some(5), "{first}{rest}");
    assert!(rest.lines().last().unwrap_or(&first).starts_with("n "), "{first}{rest}");
    // and the instrument is as usable as before
    assert_eq!(done(&mut measure(&served, &[])).code, Some(0));
}

#[test]
fn a_count_or_an_interval_that_cannot_be_is_refused() {
    let served = Served::bench("UNIT-5501");
    for (arguments, words) in [
        (["--samples", "0"], "--samples 0: expected at least 1"),
        (
            ["--interval", "1 V"],
            "--interval 1 V: expected a time from 0 s to a day",
        ),
    ] {
        let refused = done(&mut measure(&served, &arguments));
        assert_eq!(refused.code, Some(2), "{refused}");
        assert!(refused.err.contains(words), "{refused}");
    }
}

#[test]
fn autozero_and_input_impedance_are_sent_each_time_and_recorded() {
    let served = Served::bench("UNIT-5501");
    let transcript = served.folder.path().join("said.txt");
    let mut command = measure(&served, &["--autozero", "off", "--input-impedance", "high", "--record"]);
    let taken = done(command.arg(&transcript));
    assert_eq!(taken.code, Some(0), "{taken}");
    let said = std::fs::read_to_string(&transcript).unwrap();
    for expected in ["> VOLT:DC:ZERO:AUTO OFF\n", "> VOLT:DC:IMP:AUTO ON\n"] {
        assert!(said.contains(expected), "{said}");
    }
    assert_eq!(served.ask("dmm", "VOLT:DC:ZERO:AUTO?"), "0");
    // what is not written is the default, and sent: nothing stays as it was
    let run = done(&mut served.run("UNIT-5501"));
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(served.ask("dmm", "VOLT:DC:ZERO:AUTO?"), "1");
    let record = only_record(&served.store()).to_string();
    assert!(
        record.contains(r#""autozero":true"#) && record.contains(r#""input_impedance":"10 MOhm""#),
        "{record}"
    );
    let refused = done(&mut measure(&served, &["--input-impedance", "low"]));
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(
        refused.err.contains("--input-impedance low: expected 10 MOhm or high"),
        "{refused}"
    );
}
