//! Clients that nobody here wrote talk to our simulated instruments, unchanged. `.ci/run` installs them; elsewhere each test
//! says that it was skipped.

mod exports;

use crate::testkit::{Done, Served, benchtop, done};
use std::{
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
};

/// The output of a program, or `None`, said aloud, where it is not installed.
fn stranger(command: &mut Command) -> Option<Done> {
    let name = command.get_program().to_string_lossy().into_owned();
    if Command::new("sh")
        .args(["-c", &format!("command -v {name}")])
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
    {
        return Some(done(command));
    }
    println!("skipped: {name} is not installed");
    None
}

/// One of the scripts beside this file, or `None`, said aloud, where Python has not got what it imports.
pub(crate) fn script(name: &str, imports: &str, arguments: &[&str]) -> Option<Done> {
    let python = std::env::var("BENCHTOP_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let probe = Command::new(&python)
        .args(["-c", &format!("import {imports}")])
        .stderr(Stdio::null())
        .status();
    if !probe.is_ok_and(|status| status.success()) {
        println!("skipped: Python has no {imports}");
        return None;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/strangers").join(name);
    Some(done(Command::new(&python).arg(path).args(arguments)))
}

/// A reading per resource, all of them about nothing: the meters lie on the table.
fn read_nothing(read: &Done, resources: usize) {
    assert_eq!(read.code, Some(0), "{read}");
    assert_eq!(read.out.lines().count(), resources, "{read}");
    for line in read.out.lines() {
        let words: Vec<&str> = line.split(' ').rev().take(4).collect();
        let [amperes, volts] = [words[1], words[3]].map(|text| text.trim_matches(['[', ']', ',']).parse::<f64>());
        assert!(volts.unwrap().abs() < 1e-3, "{read}");
        assert!(amperes.is_err() || amperes.unwrap().abs() < 1e-3, "{read}");
    }
}

/// VXI-11's clients look for the portmapper at port 111 and nowhere else. False, said aloud, where it cannot be had.
fn port_111_can_be_had() -> bool {
    let can = TcpListener::bind("127.0.0.1:111").is_ok();
    if !can {
        println!("skipped: port 111, where VXI-11 clients look, cannot be had here");
    }
    can
}

#[test]
fn lxi_tools_gets_an_identity_and_a_reading() {
    let served = Served::bench("UNIT-5501");
    for (name, message, expected) in [
        ("dmm", "*IDN?", ",34461A,SIM-"),
        ("psu", "*IDN?", ",E36312A,SIM-"),
        ("dmm", "MEAS:VOLT:DC?", "E"),
        ("ammeter", "MEAS:CURR:DC?", "E"),
    ] {
        let (host, port) = served.address(name);
        let port = port.to_string();
        let mut command = Command::new("lxi");
        command.args(["scpi", "--address", &host, "--port", &port, "--raw", message]);
        let Some(answer) = stranger(&mut command) else { return };
        assert!(answer.out.contains(expected), "{message}: {answer}");
    }
}

#[test]
fn lxi_tools_and_pyvisa_py_read_over_vxi11() {
    if !port_111_can_be_had() {
        return;
    }
    let served = Served::what(&["board-v3", "--serial", "UNIT-5501", "--vxi11", "127.0.0.1:111"]);
    for (message, expected) in [
        ("*IDN?", ",E36312A,SIM-"),
        ("MEAS:VOLT? (@1)", "E"),
        ("MEAS:CURR? (@1)", "E"),
    ] {
        let mut command = Command::new("lxi");
        command.args(["scpi", "--address", "127.0.0.1", message]);
        let Some(answer) = stranger(&mut command) else { break };
        assert!(answer.out.contains(expected), "{message}: {answer}");
    }
    let resource = |name: &str| {
        let instr = |(known, resource): &&(String, String)| known == name && resource.ends_with("INSTR");
        served.resources.iter().find(instr).unwrap().1.clone()
    };
    let arguments = [resource("dmm"), resource("psu")];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some(read) = script("pyvisa_board.py", "pyvisa, pyvisa_py", &arguments) else {
        return;
    };
    assert!(read.code == Some(0) && read.out.starts_with("read 3."), "{read}");
}

#[test]
fn pyvisa_py_powers_the_board_over_sockets_terminals_and_hislip() {
    let served = Served::what(&["board-v3", "--serial", "UNIT-5501", "--pty", "--hislip", "127.0.0.1:0"]);
    for suffix in ["::SOCKET", "pts", "hislip"] {
        let resource = |name: &str| {
            let fits = |(known, resource): &&(String, String)| known == name && resource.contains(suffix);
            served.resources.iter().find(fits).unwrap().1.clone()
        };
        let arguments = [resource("dmm"), resource("psu")];
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let Some(read) = script("pyvisa_board.py", "pyvisa, pyvisa_py, serial", &arguments) else {
            return;
        };
        assert!(
            read.code == Some(0) && read.out.starts_with("read 3."),
            "{suffix}: {read}"
        );
    }
}

#[test]
fn pymeasure_reads_volts_and_amperes_over_sockets_and_terminals() {
    for (model, class) in [
        ("hp/34401a", "34401a"),
        ("keithley/2000", "2000"),
        ("keithley/dmm6500", "dmm6500"),
    ] {
        let served = Served::what(&[model, "--pty"]);
        let resources = ["TCPIP", "ASRL"].map(|beginning| served.resource("instrument", beginning));
        let arguments = [class, &resources[0], &resources[1]];
        let Some(read) = script("meters_pymeasure.py", "pymeasure, pyvisa_py, serial", &arguments) else {
            return;
        };
        read_nothing(&read, 2);
    }
}

#[test]
fn fixate_reads_volts_and_amperes_over_sockets_and_terminals() {
    let served = Served::what(&["keithley/dmm6500", "--pty"]);
    let resources = ["TCPIP", "ASRL"].map(|beginning| served.resource("instrument", beginning));
    let arguments = [resources[0].as_str(), &resources[1]];
    let Some(read) = script("meter_fixate.py", "fixate, pyvisa_py, serial", &arguments) else {
        return;
    };
    assert_eq!(read.code, Some(0), "{read}");
    assert_eq!(read.out.matches("MODEL DMM6500").count(), 2, "{read}");
}

#[test]
fn a_terminal_that_is_asked_for_by_name_is_there_under_it() {
    let folder = crate::testkit::scratch();
    let link = folder.path().join("meter");
    let served = Served::what(&["keysight/34461a", "--pty", link.to_str().unwrap()]);
    assert_eq!(
        served.resource("instrument", "ASRL"),
        format!("ASRL{}::INSTR", link.display())
    );
    let refused = done(benchtop().args(["sim", "board-v3", "--pty"]).arg(&link));
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.err.contains("--pty PATH is for one instrument"), "{refused}");
}
