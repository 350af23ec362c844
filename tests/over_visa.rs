//! The same through VISA, with a library of ours that reaches TCP ports: a simulated bench in one process, the run in another.

use crate::testkit::{Done, Served, benchtop, done, only_record, scratch, station_of, write};
use std::{env, fs, net::TcpListener, path::PathBuf};

/// Names the library, before the station file does.
pub(crate) const VARIABLE: &str = "BENCHTOP_VISA_LIBRARY";

/// The double of `tests/visa`, which cargo built beside this test.
pub(crate) fn double() -> PathBuf {
    let folder = env::current_exe().unwrap().parent().unwrap().to_owned();
    let built = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_double = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.contains("benchtop_visa_double") && name.ends_with(env::consts::DLL_SUFFIX)
    };
    let newest = built
        .filter(is_double)
        .max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
    newest.expect("cargo builds the double before this test")
}

/// `TCPIP0::127.0.0.1::<port>::SOCKET` as USB and GPIB name it for the double.
fn through(resource: &str, interface: &str) -> String {
    let port = resource.split("::").nth(2).unwrap();
    format!("{interface}::TCP{port}::INSTR")
}

/// A station that reaches the served bench through `interface` only.
fn served_through(interface: &str, visa: &str) -> Served {
    let served = Served::bench("UNIT-5501");
    let mut station = station_of(&served, |resource| resource.ends_with("::SOCKET"));
    for (_, resource) in served
        .resources
        .iter()
        .filter(|(_, resource)| resource.ends_with("::SOCKET"))
    {
        station = station.replace(resource, &through(resource, interface));
    }
    write(&served.station, &format!("{visa}{station}"));
    served
}

fn runs_through(interface: &str) {
    let served = served_through(interface, "");
    let run = done(served.run("UNIT-5501").env(VARIABLE, double()));
    assert_eq!(run.code, Some(0), "{run}");
    let record = only_record(&served.store());
    assert_eq!(
        (&record["outcome"], &record["simulated"]),
        (&"PASS".into(), &true.into())
    );
    let instruments = record["instruments"].as_array().unwrap();
    let through = |instrument: &serde_json::Value| instrument["resource"].as_str().unwrap().starts_with(interface);
    assert!(instruments.len() == 3 && instruments.iter().all(through), "{record:#}");
    assert!(!served.output_is_on());
    served.fault("dmm", "no_answer");
    let silent = done(served.run("UNIT-5501").env(VARIABLE, double()));
    assert_eq!(silent.code, Some(3), "{silent}");
    assert!(silent.out.contains("no answer in"), "{silent}");
    assert!(!served.output_is_on());
}

#[test]
fn the_procedure_runs_over_usb_through_a_visa_library() {
    runs_through("USB0::0x2A8D::0x1301");
}

#[test]
fn the_procedure_runs_over_gpib_through_a_visa_library() {
    runs_through("GPIB0");
}

#[test]
fn a_station_names_its_visa_library() {
    let library = double();
    let served = served_through("GPIB0", &format!("[visa]\nlibrary = \"{}\"\n\n", library.display()));
    let run = done(served.run("UNIT-5501").env_remove(VARIABLE));
    assert_eq!(run.code, Some(0), "{run}");
}

#[test]
fn without_a_visa_library_it_says_so_and_what_to_do() {
    for (name, reason) in [("", "libvisa"), ("/nowhere/libvisa.so", "/nowhere/libvisa.so: ")] {
        let mut command = benchtop();
        command.args(["query", "GPIB0::22::INSTR", "*IDN?"]).env(VARIABLE, name);
        let query = done(&mut command);
        if query.code == Some(3) && name.is_empty() {
            println!("skipped: a VISA library is installed on this machine");
            continue;
        }
        assert_eq!(query.code, Some(2), "{query}");
        assert!(
            query.err.contains("GPIB0::22::INSTR: there is no VISA library here"),
            "{query}"
        );
        assert!(
            query.err.contains("[visa] library") && query.err.contains(reason),
            "{query}"
        );
    }
}

/// No panic of anything is told, neither in words nor as an exit code.
fn is_told_in_one_sentence(said: &Done, words: &[&str]) {
    assert!(
        !said.out.contains("panicked") && !said.err.contains("panicked"),
        "{said}"
    );
    assert!(!said.err.contains("RUST_BACKTRACE"), "{said}");
    assert_eq!(said.err.matches("error: ").count(), 1, "{said}");
    for word in words {
        assert!(said.err.contains(word), "{word}: {said}");
    }
}

#[test]
fn what_is_no_visa_library_is_refused_in_a_sentence() {
    let folder = scratch();
    let (text, station) = (folder.path().join("libvisa.so"), folder.path().join("station.toml"));
    write(&text, "no library at all\n");
    let text = text.to_str().unwrap();
    let nowhere = folder.path().join("nowhere.so");
    for (library, reason) in [
        // a library, and not of VISA
        ("libc.so.6", "libc.so.6 is no VISA library: it has no viOpenDefaultRM"),
        (text, text),
        (nowhere.to_str().unwrap(), "nowhere.so"),
        (folder.path().to_str().unwrap(), folder.path().to_str().unwrap()),
    ] {
        let words = ["GPIB0::22::INSTR: there is no VISA library here", reason];
        for arguments in [
            ["query", "GPIB0::22::INSTR", "*IDN?"],
            ["measure", "GPIB0::22::INSTR", "dc_voltage"],
        ] {
            let said = done(benchtop().args(arguments).env(VARIABLE, library));
            assert_eq!(said.code, Some(2), "{said}");
            is_told_in_one_sentence(&said, &words);
        }
        let console = done(benchtop().args(["console", "GPIB0::22::INSTR"]).env(VARIABLE, library));
        assert_eq!(console.code, Some(2), "{console}");
        is_told_in_one_sentence(&console, &words);
        // a scan goes on without it, and says so
        let scanned = done(
            benchtop()
                .args(["instruments", "scan", "--list-only"])
                .env(VARIABLE, library),
        );
        assert_eq!(scanned.code, Some(0), "{scanned}");
        assert!(
            scanned
                .out
                .contains("could not look at VISA: there is no VISA library here")
                && scanned.out.contains(reason),
            "{scanned}"
        );
        assert!(!scanned.err.contains("panicked"), "{scanned}");
        // and in a station file
        write(
            &station,
            &format!(
                "[station]\nid = \"S\"\n[visa]\nlibrary = \"{library}\"\n[instruments.psu]\ndriver = \"keysight/e36312a\"\n\
                 resource = \"GPIB0::22::INSTR\"\n"
            ),
        );
        let safe = done(
            benchtop()
                .args(["safe", "--station"])
                .arg(&station)
                .env_remove(VARIABLE),
        );
        assert_ne!(safe.code, Some(0), "{safe}");
        let said = format!("{}{}", safe.out, safe.err);
        assert!(
            said.contains("there is no VISA library here") && said.contains(reason),
            "{safe}"
        );
        assert!(!said.contains("panicked"), "{safe}");
    }
}

#[test]
fn a_visa_library_that_answers_nonsense_is_an_error_of_the_run_and_no_crash() {
    for (fault, words) in [
        ("GPIB0::1::INSTR", "what its interface does not allow"),
        ("GPIB0::3::INSTR", "bytes were sent"),
    ] {
        let query = done(benchtop().args(["query", fault, "*IDN?"]).env(VARIABLE, double()));
        assert_eq!(query.code, Some(3), "{query}");
        is_told_in_one_sentence(&query, &[words]);
    }
}

/// A third-party library: `.ci/run` builds it and names it here.
#[test]
fn the_procedure_runs_through_a_visa_library_that_is_not_ours() {
    let Some(library) = env::var_os("BENCHTOP_TEST_RSVISA") else {
        println!("skipped: BENCHTOP_TEST_RSVISA does not name rsvisa-ivi");
        return;
    };
    // it looks for the portmapper at port 111 and nowhere else; the address is this test's own
    let arguments = ["board-v3", "--serial", "UNIT-5501", "--pty"];
    let has_portmapper = TcpListener::bind("127.0.0.47:111").is_ok();
    let vxi11: &[&str] = if has_portmapper {
        &["--vxi11", "127.0.0.47:111"]
    } else {
        &[]
    };
    let served = Served::what(&[&arguments, vxi11].concat());
    type Fits = fn(&str) -> bool;
    let of_kind = |fits: Fits| {
        let mut station = station_of(&served, fits);
        for (_, resource) in served.resources.iter().filter(|(_, resource)| fits(resource)) {
            station = station.replace(&format!("\"{resource}\""), &format!("\"VISA::{resource}\""));
        }
        station
    };
    let kinds: [(&str, Fits); 3] = [
        ("SOCKET", |resource| resource.ends_with("::SOCKET")),
        ("a pty", |resource| resource.starts_with("ASRL")),
        ("VXI-11", |resource| resource.starts_with("TCPIP0::127.0.0.47::inst")),
    ];
    for (kind, fits) in kinds {
        if kind == "VXI-11" && !has_portmapper {
            println!("skipped: port 111, where VXI-11 clients look, cannot be had here");
            continue;
        }
        write(&served.station, &of_kind(fits));
        let run = done(served.run("UNIT-5501").env(VARIABLE, &library));
        assert_eq!(run.code, Some(0), "over {kind}: {run}");
        assert!(!served.output_is_on());
    }
}
