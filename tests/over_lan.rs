//! The same over VXI-11 and HiSLIP: a simulated bench in one process, the run in another.

use crate::outputs_off::under_power;
use crate::testkit::{BOARD, Done, Served, benchtop, done, only_record, station_of, write};
use std::{
    io::copy,
    net::{Shutdown, TcpListener, TcpStream},
    thread,
};

fn runs_over(protocol: &[&str], device: &str) {
    let arguments = [&["board-v3", "--serial", "UNIT-5501"], protocol].concat();
    let served = Served::what(&arguments);
    write(
        &served.station,
        &station_of(&served, |resource| resource.contains(device)),
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
            instrument["resource"].as_str().unwrap().contains(device),
            "{instrument}"
        );
    }
    assert!(!served.output_is_on());
    let resource = |name: &str| {
        let fits = |(known, resource): &&(String, String)| known == name && resource.contains(device);
        served.resources.iter().find(fits).unwrap().1.clone()
    };
    let identity = done(benchtop().args(["query", &resource("dmm"), "*IDN?"]));
    assert!(identity.out.contains(",34461A,SIM-"), "{identity}");
    let measured = done(benchtop().args(["measure", &resource("dmm"), "dc_voltage", "--range", "10 V"]));
    assert_eq!(measured.code, Some(0), "{measured}");
    served.fault("dmm", "drop_connection");
    let dropped = done(benchtop().args(["query", &resource("dmm"), "*IDN?"]));
    assert_eq!(dropped.code, Some(3), "{dropped}");
    served.fault("dmm", "clear");
    // a meter that does not answer in time is an error of the station, and the outputs are off afterwards
    served.fault("dmm", "no_answer");
    let silent = done(&mut served.run("UNIT-5501"));
    assert_eq!(silent.code, Some(3), "{silent}");
    assert!(!served.output_is_on());
    let nobody = resource("dmm").replace(&format!("{device}1"), &format!("{device}9"));
    assert_eq!(done(benchtop().args(["query", &nobody, "*IDN?"])).code, Some(3));
}

#[test]
fn the_procedure_runs_over_vxi11_as_it_does_in_process() {
    runs_over(&["--vxi11", "127.0.0.1:0"], "inst");
}

#[test]
fn the_procedure_runs_over_hislip_as_it_does_in_process() {
    runs_over(&["--hislip", "127.0.0.1:0"], "hislip");
}

#[test]
fn the_procedure_runs_over_hislip_in_overlapped_mode_too() {
    runs_over(&["--hislip", "127.0.0.1:0", "--hislip-overlapped"], "hislip");
}

/// A station that has its instruments for itself, of a bench that is served by `protocol`.
fn exclusive_station(protocol: &[&str], device: &str) -> Served {
    let served = Served::what(&[&["board-v3", "--serial", "UNIT-5501"], protocol].concat());
    let station = station_of(&served, |resource| resource.contains(device));
    let lines = station.lines().map(|line| match line.starts_with("resource") {
        true => format!("{line}\nexclusive = true\ntimeout = \"2 s\"\n"),
        false => format!("{line}\n"),
    });
    write(&served.station, &lines.collect::<String>());
    served
}

/// The same station where each port is that of a relay.
fn behind_relays(served: &Served) -> String {
    let station = std::fs::read_to_string(&served.station).unwrap();
    let lines = station.lines().map(|line| {
        let port = line.split_once(',').and_then(|(_, rest)| rest.split_once("::"));
        match port.filter(|_| line.starts_with("resource")) {
            Some((port, _)) => line.replace(port, &relay(port.parse().unwrap()).to_string()) + "\n",
            None => format!("{line}\n"),
        }
    });
    lines.collect()
}

/// Passes on what comes to its port, both ways.
fn relay(to: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming().filter_map(Result::ok) {
            let Ok(behind) = TcpStream::connect(("127.0.0.1", to)) else {
                return;
            };
            for (from, to) in [(&client, &behind), (&behind, &client)] {
                let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                thread::spawn(move || {
                    // who hangs up ends it for both
                    drop(copy(&mut from, &mut to));
                    drop(to.shutdown(Shutdown::Both));
                });
            }
        }
    });
    port
}

fn locked_out_and_made_safe(protocol: &[&str], device: &str) {
    let served = exclusive_station(protocol, device);
    let running = under_power(&served);
    // the same bench as another computer has it, which does not see what runs on this one: it says which instrument it could
    // not get
    let elsewhere = served.folder.path().join("elsewhere");
    let mut second = benchtop();
    let behind = served.folder.path().join("behind.toml");
    write(&behind, &behind_relays(&served));
    second.args(["run", BOARD, "--serial", "UNIT-5501", "--station"]);
    let second = done(second.arg(behind).arg("--store").arg(elsewhere));
    assert_eq!(second.code, Some(3), "{second}");
    let said = format!("{}{}", second.out, second.err);
    assert!(said.contains("the instrument is locked by another"), "{second}");
    // the supply hangs with its output on, and the run that has its lock still switches it off
    served.fault("psu", "no_answer --for-messages 2");
    running.signal(nix::sys::signal::Signal::SIGINT);
    let first = running.finish();
    assert!(!served.output_is_on(), "{first}");
    // nothing is left locked
    let again = done(&mut served.run("UNIT-5501"));
    assert_eq!(again.code, Some(0), "{again}");
}

#[test]
fn a_locked_supply_that_hangs_over_vxi11_is_made_safe_all_the_same() {
    locked_out_and_made_safe(&["--vxi11", "127.0.0.1:0"], "inst");
}

#[test]
fn a_locked_supply_that_hangs_over_hislip_is_made_safe_all_the_same() {
    locked_out_and_made_safe(&["--hislip", "127.0.0.1:0"], "hislip");
}

/// What a run says where the station wants this mode of each instrument.
fn run_in_mode(protocol: &[&str], mode: &str) -> Done {
    let served = Served::what(&[&["board-v3", "--serial", "UNIT-5501"], protocol].concat());
    let station = station_of(&served, |resource| resource.contains("hislip"));
    let lines = station.lines().map(|line| match line.starts_with("resource") {
        true => format!("{line}\nhislip_mode = \"{mode}\"\n"),
        false => format!("{line}\n"),
    });
    write(&served.station, &lines.collect::<String>());
    done(&mut served.run("UNIT-5501"))
}

#[test]
fn a_station_has_the_hislip_mode_that_it_names_or_no_session() {
    let both = ["--hislip", "127.0.0.1:0"];
    for mode in ["overlapped", "synchronised"] {
        let run = run_in_mode(&both, mode);
        assert_eq!(run.code, Some(0), "{mode}: {run}");
    }
    let overlapped = ["--hislip", "127.0.0.1:0", "--hislip-overlapped"];
    assert_eq!(run_in_mode(&overlapped, "overlapped").code, Some(0));
    let refused = run_in_mode(&overlapped, "synchronised");
    assert_eq!(refused.code, Some(3), "{refused}");
    let said = format!("{}{}", refused.out, refused.err);
    assert!(
        said.contains("the instrument does not do synchronised mode"),
        "{refused}"
    );
    let wrong = run_in_mode(&both, "both");
    assert_eq!(wrong.code, Some(2), "{wrong}");
}
