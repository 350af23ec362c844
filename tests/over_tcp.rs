//! The same procedure over real sockets: the simulated bench in one process, the run in another.

use crate::testkit::{Served, benchtop, done, only_record, scratch};

#[test]
fn the_procedure_runs_over_tcp_as_it_does_in_process() {
    let served = Served::bench("UNIT-5501");
    let run = done(&mut served.run("UNIT-5501"));
    assert_eq!(run.code, Some(0), "{run}");
    let record = only_record(&served.store());
    assert_eq!(record["outcome"], "PASS");
    assert_eq!(
        record["simulated"], true,
        "the identities say so, whatever the resource"
    );
    assert_eq!(record["clock"]["virtual"], false);
    for instrument in record["instruments"].as_array().unwrap() {
        assert!(
            instrument["resource"]
                .as_str()
                .unwrap()
                .starts_with("TCPIP0::127.0.0.1::"),
            "{instrument}"
        );
        assert!(
            instrument["identity"]["serial_number"]
                .as_str()
                .unwrap()
                .starts_with("SIM-")
        );
    }
    assert!(!served.output_is_on());
}

#[test]
fn a_unit_with_a_fault_fails_over_tcp() {
    let served = Served::bench("UNIT-5599");
    let run = done(&mut served.run("UNIT-5599"));
    assert_eq!(run.code, Some(1), "{run}");
    assert!(!served.output_is_on());
}

#[test]
fn an_instrument_that_is_not_there_is_an_error_that_names_it() {
    let served = Served::bench("UNIT-5501");
    let text = std::fs::read_to_string(&served.station).unwrap();
    let (_, port) = served.address("dmm");
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    crate::testkit::write(
        &served.station,
        &text.replace(&format!("::{port}::"), &format!("::{free}::")),
    );
    let run = done(&mut served.run("UNIT-5501"));
    assert_eq!(run.code, Some(3), "{run}");
    assert!(
        run.out.contains(&format!(
            "dmm: open on TCPIP0::127.0.0.1::{free}::SOCKET: nothing listens there"
        )),
        "{run}"
    );
    let record = only_record(&served.store());
    assert_eq!(record["outcome"], "ERROR");
    assert!(!served.output_is_on());
}

#[test]
fn another_instrument_at_the_address_is_refused() {
    let served = Served::bench("UNIT-5501");
    let text = std::fs::read_to_string(&served.station).unwrap();
    let (_, dmm) = served.address("dmm");
    let (_, psu) = served.address("psu");
    let swapped = text
        .replace(&format!("::{dmm}::"), "::1::")
        .replace(&format!("::{psu}::"), &format!("::{dmm}::"));
    crate::testkit::write(&served.station, &swapped.replace("::1::", &format!("::{psu}::")));
    let run = done(&mut served.run("UNIT-5501"));
    assert_eq!(run.code, Some(3), "{run}");
    assert!(run.out.contains("expected Keysight"), "{run}");
}

#[test]
fn an_overdue_calibration_refuses_the_run() {
    let served = Served::bench("UNIT-5501");
    let text = std::fs::read_to_string(&served.station).unwrap();
    let overdue = text.replace("[instruments.dmm]", "[instruments.dmm]\ncalibration_due = 2020-01-31");
    crate::testkit::write(&served.station, &overdue);
    let run = done(&mut served.run("UNIT-5501"));
    assert_eq!(run.code, Some(2), "{run}");
    assert!(
        run.err.contains("the calibration of dmm was due on 2020-01-31"),
        "{run}"
    );
    crate::testkit::write(
        &served.station,
        &overdue.replace("[station]", "[station]\ncalibration = \"warn\""),
    );
    assert_eq!(done(&mut served.run("UNIT-5501")).code, Some(0));
}

#[test]
fn measure_and_query_work_by_hand() {
    let served = Served::bench("UNIT-5501");
    let resource = |name: &str| {
        served
            .resources
            .iter()
            .find(|(known, _)| known == name)
            .unwrap()
            .1
            .clone()
    };
    let identity = done(benchtop().args(["query", &resource("dmm"), "*IDN?", "--trace"]));
    assert_eq!(identity.code, Some(0), "{identity}");
    assert!(identity.out.contains(",34461A,SIM-"), "{identity}");
    assert!(identity.err.contains("> *IDN?"), "{identity}");
    let measured = done(benchtop().args([
        "measure",
        &resource("dmm"),
        "dc_voltage",
        "--range",
        "10 V",
        "--nplc",
        "1",
    ]));
    assert_eq!(measured.code, Some(0), "{measured}");
    assert!(measured.out.contains(" V  range 10 V  nplc 1"), "{measured}");
    let refused = done(benchtop().args(["measure", &resource("dmm"), "dc_voltage", "--range", "5000 V"]));
    assert_eq!(refused.code, Some(2), "{refused}");
    let unknown = done(benchtop().args(["measure", &resource("dmm"), "dc_volts"]));
    assert!(unknown.err.contains("did you mean dc_voltage?"), "{unknown}");
    let supply = done(benchtop().args(["measure", &resource("psu"), "dc_voltage", "--range", "auto"]));
    assert_eq!(supply.code, Some(0), "{supply}");
}

#[test]
fn a_lone_model_is_served_too() {
    let served = Served::what(&["keysight/34461a"]);
    let (name, _) = served.resources[0].clone();
    assert!(served.ask(&name, "*IDN?").contains(",34461A,SIM-"));
    let wrong = done(benchtop().args(["sim", "keysight/34416a"]));
    assert_eq!(wrong.code, Some(2), "{wrong}");
}

#[test]
fn a_simulated_meter_answers_on_a_pseudoterminal_too() {
    use std::io::{BufRead, BufReader, Write};
    let folder = scratch();
    let link = folder.path().join("meter");
    let mut command = benchtop();
    command.args(["sim", "keysight/34461a", "--pty"]).arg(&link);
    let running = crate::testkit::Running::start(&mut command);
    crate::testkit::eventually("the pseudoterminal", || link.exists().then_some(()));
    let mut line = std::fs::File::options().read(true).write(true).open(&link).unwrap();
    line.write_all(b"*IDN?\n").unwrap();
    let mut answer = String::new();
    BufReader::new(line).read_line(&mut answer).unwrap();
    assert!(answer.contains(",34461A,SIM-"), "{answer:?}");
    running.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(running.finish().code, Some(0));
    assert!(!link.exists(), "the link goes with it");
}
