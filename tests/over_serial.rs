//! The same over serial lines: pseudoterminals of a simulated bench in one process, the run in another.

use crate::testkit::{Served, benchtop, done, only_record, scratch, station_of, write};
use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    process::Command,
};

#[test]
fn the_procedure_runs_over_serial_lines_as_it_does_in_process() {
    let served = Served::what(&["board-v3", "--serial", "UNIT-5501", "--pty"]);
    let text = station_of(&served, |resource| resource.starts_with("ASRL"));
    write(
        &served.station,
        &text.replace(
            "[instruments.psu]",
            "[instruments.psu.serial]\nbaud = 19200\n[instruments.psu]",
        ),
    );
    let run = done(&mut served.run("UNIT-5501"));
    assert_eq!(run.code, Some(0), "{run}");
    let record = only_record(&served.store());
    assert_eq!(
        (&record["outcome"], &record["simulated"]),
        (&"PASS".into(), &true.into())
    );
    for instrument in record["instruments"].as_array().unwrap() {
        assert!(
            instrument["resource"].as_str().unwrap().starts_with("ASRL/dev/"),
            "{instrument}"
        );
    }
    assert!(!served.output_is_on());
}

#[test]
fn a_meter_that_must_be_told_to_go_to_remote_is_told() {
    for (model, range) in [
        ("hp/34401a", "10 V"),
        ("keithley/2000", "10 V"),
        ("keithley/dmm6500", "10 V"),
    ] {
        let served = Served::what(&[model, "--pty"]);
        let resource = served.resource("instrument", "ASRL");
        let measured = done(benchtop().args(["measure", &resource, "dc_voltage", "--range", range, "--driver", model]));
        assert_eq!(measured.code, Some(0), "{model}: {measured}");
        assert!(measured.out.contains(" V  range 10 V"), "{model}: {measured}");
        let again = done(benchtop().args(["measure", &resource, "resistance"]));
        assert_eq!(again.code, Some(0), "{model}: {again}");
        assert!(again.out.contains("overrange"), "{model}: {again}");
        let identity = done(benchtop().args(["query", &resource, "*IDN?", "--baud", "19200"]));
        assert!(identity.out.contains("SIM-"), "{model}: {identity}");
    }
}

/// What a stranger hears who asks on the line as it is.
fn heard_on(resource: &str, message: &str) -> String {
    let path = resource.trim_start_matches("ASRL").trim_end_matches("::INSTR");
    let mut line = File::options().read(true).write(true).open(path).unwrap();
    line.write_all(message.as_bytes()).unwrap();
    let mut heard = String::new();
    BufReader::new(line).read_line(&mut heard).unwrap();
    heard.trim_end().to_owned()
}

/// These refuse a reading as long as their front panel has them: error 550, in the guide of the 34401A.
#[test]
fn a_meter_is_given_back_to_its_front_panel_however_it_was_driven() {
    let in_local = "+550,\"Command not allowed in local\"";
    for model in ["hp/34401a", "fluke/8845a"] {
        let served = Served::what(&[model, "--pty"]);
        let resource = served.resource("instrument", "ASRL");
        let is_in_local = |after: &str| {
            let heard = heard_on(&resource, "READ?\nSYST:ERR?\n");
            assert!(heard.contains("not allowed in local"), "{model}, {after}: {heard}");
            if model == "hp/34401a" {
                assert_eq!(heard, in_local, "{after}");
            }
        };
        is_in_local("before");
        let measured = done(benchtop().args(["measure", &resource, "dc_voltage", "--driver", model]));
        assert_eq!(measured.code, Some(0), "{model}: {measured}");
        is_in_local("measure");
        let unknown = done(benchtop().args(["measure", &resource, "temperature", "--driver", model]));
        assert_ne!(unknown.code, Some(0), "{model}: {unknown}");
        is_in_local("a measurement that was refused");
        write(
            &served.station,
            &format!("[station]\nid = \"S\"\n[instruments.dmm]\ndriver = \"{model}\"\nresource = \"{resource}\"\n"),
        );
        let procedure = served.folder.path().join("volts.toml");
        write(
            &procedure,
            "[procedure]\nid = \"VOLTS\"\nversion = \"1\"\nname = \"Volts\"\n[unit_under_test]\n\
             [instruments.dmm]\nclass = \"dmm\"\nneeds = [\"dc_voltage\"]\n[[steps]]\nname = \"Volts\"\n\
             [[steps.measurements]]\nname = \"volts\"\ninstrument = \"dmm\"\nfunction = \"dc_voltage\"\n\
             range = \"10 V\"\nunit = \"V\"\nlimit = { low = -1, high = 1 }\n",
        );
        let run = done(&mut served.run_procedure(&procedure, "UNIT-5501"));
        assert_eq!(run.code, Some(0), "{model}: {run}");
        is_in_local("a run");
    }
}

#[test]
fn a_meter_whose_answers_end_with_lf_cr_is_given_back_too() {
    let served = Served::what(&["gw-instek/gdm-8251a", "--pty"]);
    let resource = served.resource("instrument", "ASRL");
    let said = served.folder.path().join("said.txt");
    let mut command = benchtop();
    command.args([
        "measure",
        &resource,
        "dc_voltage",
        "--driver",
        "gw-instek/gdm-8251a",
        "--record",
    ]);
    let measured = done(command.arg(&said));
    assert_eq!(measured.code, Some(0), "{measured}");
    let said = std::fs::read_to_string(said).unwrap();
    let sent: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("> ")).collect();
    let remote = sent.iter().position(|message| *message == "SYST:REM");
    let reset = sent.iter().position(|message| *message == "*RST");
    assert!(remote.is_some() && remote < reset.or(Some(usize::MAX)), "{said}");
    assert_eq!(sent.last(), Some(&"SYST:LOC"), "{said}");
}

#[test]
fn a_port_that_is_not_there_is_an_error_that_names_it() {
    let measured = done(benchtop().args(["measure", "/dev/benchtop-nothing", "dc_voltage"]));
    assert_eq!(measured.code, Some(3), "{measured}");
    assert!(
        measured
            .err
            .contains("open on ASRL/dev/benchtop-nothing::INSTR: there is no such port"),
        "{measured}"
    );
}

#[test]
fn a_serial_line_that_cannot_be_is_refused_at_its_place() {
    let folder = scratch();
    let path = folder.path().join("station.toml");
    write(
        &path,
        "[station]\nid = \"s\"\n[instruments.dmm]\ndriver = \"hp/34401a\"\nresource = \"ASRL1::INSTR\"\n\
         serial = { baud = 1, data_bits = 9, parity = \"evn\", flow_control = \"dtr_dsr\", stop = 2 }\n",
    );
    let run = done(
        benchtop()
            .args(["run", crate::testkit::BOARD, "--serial", "UNIT-5501", "--station"])
            .arg(&path),
    );
    assert_eq!(run.code, Some(2), "{run}");
    for expected in [
        "`baud` lies between 50 and 4000000",
        "`data_bits` lies between 7 and 8",
        "unknown parity `evn`",
        "did you mean `even`?",
        "handshake by DTR and DSR is not supported",
        "unknown key `stop`",
        "station.toml:6:",
    ] {
        assert!(run.err.contains(expected), "{expected}: {run}");
    }
}

/// A pseudoterminal has eight bits and no parity whatever it is told (Linux, `pty_set_termios`): what a port is told is seen where
/// the system is called.
#[cfg(target_os = "linux")]
#[test]
fn parity_and_data_bits_go_to_the_port_as_the_station_says() {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: strace is not on this machine");
        return;
    }
    for (settings, expected, absent) in [
        (
            "data_bits = 7, parity = \"even\", stop_bits = 2",
            ["CS7", "PARENB", "CSTOPB"].as_slice(),
            ["PARODD", "CRTSCTS"],
        ),
        (
            "data_bits = 7, parity = \"odd\"",
            &["CS7", "PARENB", "PARODD"],
            ["CSTOPB", "CRTSCTS"],
        ),
        ("flow_control = \"rts_cts\"", &["CS8", "CRTSCTS"], ["PARENB", "IXON"]),
        (
            "flow_control = \"xon_xoff\"",
            &["CS8", "IXON", "IXOFF"],
            ["PARENB", "CRTSCTS"],
        ),
        ("baud = 19200", &["BOTHER", "CS8"], ["PARENB", "IXON"]),
    ] {
        let served = Served::what(&["keysight/e36312a", "--pty"]);
        let resource = served.resource("instrument", "ASRL");
        write(
            &served.station,
            &format!(
                "[station]\nid = \"S\"\n[instruments.psu]\ndriver = \"keysight/e36312a\"\nresource = \"{resource}\"\n\
                 serial = {{ {settings} }}\n"
            ),
        );
        let calls = served.folder.path().join("calls");
        let mut command = Command::new("strace");
        command.args(["-f", "-e", "trace=ioctl", "-o"]).arg(&calls);
        command.arg(env!("CARGO_BIN_EXE_benchtop")).args(["safe", "--station"]);
        let safe = done(command.arg(&served.station).current_dir(env!("CARGO_MANIFEST_DIR")));
        assert_eq!(safe.code, Some(0), "{safe}");
        let calls = std::fs::read_to_string(calls).unwrap();
        let set: Vec<&str> = calls.lines().filter(|line| line.contains("TCSETS2")).collect();
        let last = set.last().unwrap_or_else(|| panic!("no port was set: {calls}"));
        for flag in expected {
            assert!(last.contains(flag), "{settings}: {flag} is not in {last}");
        }
        for flag in absent {
            assert!(!last.contains(flag), "{settings}: {flag} is in {last}");
        }
    }
}
