//! The same over serial lines: pseudoterminals of a simulated bench in one process, the run in another.

use crate::testkit::{Served, benchtop, done, only_record, scratch, station_of, write};

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
