//! The same over serial lines: pseudoterminals of a simulated bench in one process, the run in another.

use crate::testkit::{Served, benchtop, done, only_record, scratch, station_of, write};
use std::process::Command;

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
