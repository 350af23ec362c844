//! Faults that are switched on and off while a bench is served over TCP and a run is under way.

use super::{PROCEDURE, exit_code, guarded, outputs_are_off_or_named, patient, reason};
use crate::outputs_off::begun;
use crate::testkit::{Running, Served, benchtop, done, eventually, only_record, write};
use std::{fs, sync::Mutex};

/// Over sockets, with the power on: instrument, fault, outcome, what the reason says, what the run leaves.
const UNDER_POWER: &[(&str, &str, &str, &str, After)] = &[
    ("dmm", "no_answer", "ERROR", "no answer in", After::Off),
    ("dmm", "late_answer --delay=20s", "ERROR", "no answer in", After::Off),
    ("dmm", "cut_answer", "ERROR", "no answer in", After::Off),
    ("dmm", "garbled_answer", "ERROR", "expected", After::Off),
    ("dmm", "wrong_terminator", "ERROR", "no answer in", After::Off),
    ("dmm", "error_queue_full", "ERROR", "-310,\"System error\"", After::Off),
    ("dmm", "drop_connection", "ERROR", "dmm: ", After::Off),
    ("dmm", "half_open", "ERROR", "no answer in", After::Off),
    ("dmm", "hang_forever", "ERROR", "no answer in", After::Off),
    ("dmm", "reboot --delay=60s", "ERROR", "dmm: ", After::Off),
    (
        "dmm",
        "drift --per-second=1V",
        "FAIL",
        "above the high limit",
        After::Off,
    ),
    ("dmm", "lead_off", "FAIL", "below the low limit", After::Off),
    (
        "ammeter",
        "blown_current_fuse",
        "FAIL",
        "below the low limit",
        After::Off,
    ),
    // a good unit without power reads low: that is the supply's doing
    (
        "psu",
        "ovp_trip",
        "ERROR",
        "psu: read-back on TCPIP0::127.0.0.1",
        After::Off,
    ),
    (
        "psu",
        "reboot --delay=100ms",
        "ERROR",
        "output 1 was turned on and reads back as off",
        After::Off,
    ),
    ("psu", "error_queue_full", "ERROR", "-310,\"System error\"", After::Off),
    ("psu", "drop_connection --for-messages=1", "PASS", "", After::Off),
    ("psu", "no_answer", "ERROR", "no answer in", After::NamedAndOff),
    ("psu", "garbled_answer", "ERROR", "expected", After::NamedAndOff),
    ("psu", "half_open", "ERROR", "no answer in", After::NamedAndOn),
    ("psu", "stuck_output", "ERROR", "reads back as on", After::NamedAndOn),
];

/// What becomes of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Off,
    /// It cannot be proved off, and is.
    NamedAndOff,
    /// Nothing could switch it off.
    NamedAndOn,
}

#[test]
fn switched_on_under_power_no_fault_passes_that_lasts() {
    // the rows wait for instruments, not for this machine
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for row in UNDER_POWER {
            let failures = &failures;
            scope.spawn(move || {
                let outcome = std::panic::catch_unwind(|| under_power(*row));
                if outcome.is_err() {
                    failures.lock().unwrap().push(format!("{row:?}"));
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{failures:#?}");
}

fn under_power((instrument, fault, outcome, text, after): (&str, &str, &str, &str, After)) {
    let served = impatient();
    let procedure = served.folder.path().join("slow.toml");
    write(&procedure, &PROCEDURE.replace("\"250 ms\"", "\"4 s\""));
    let running = Running::start(&mut served.run_procedure(&procedure, "UNIT-5501"));
    begun(&served.store(), "Settle");
    served.fault(instrument, fault);
    let run = running.finish();
    assert_eq!(run.code, Some(exit_code(outcome)), "{fault}: {run}");
    let record = only_record(&served.store());
    assert_eq!(record["outcome"], outcome, "{run}");
    assert!(reason(&record, outcome).contains(text), "{fault}: {run}");
    outputs_are_off_or_named(&run, &record, after != After::Off);
    served.fault(instrument, "clear");
    assert_eq!(served.output_is_on(), after == After::NamedAndOn, "{fault}: {run}");
}

/// The board, with instruments that are not waited for so long.
fn impatient() -> Served {
    let served = Served::bench("UNIT-5501");
    let text = fs::read_to_string(&served.station).unwrap();
    write(
        &served.station,
        &text.replace("\nresource", "\ntimeout = \"700 ms\"\nresource"),
    );
    served
}

/// The supply hears and is not heard: it can be told, though nothing can be proved.
#[test]
fn every_output_is_told_to_go_off_before_any_is_waited_for() {
    let served = impatient();
    let procedure = served.folder.path().join("two.toml");
    let setting = |section: &str, keys: &str| {
        format!("[[{section}]]\nname = \"{section} 3\"\nset = {{ instrument = \"psu\", channel = 3, {keys} }}\n")
    };
    let both = [
        PROCEDURE.replace("\"250 ms\"", "\"4 s\"").as_str(),
        &setting(
            "setup",
            "voltage_level = \"12 V\", current_limit = \"100 mA\", output_enabled = true",
        ),
        &setting("teardown", "output_enabled = false"),
    ]
    .join("\n");
    write(&procedure, &both);
    let running = Running::start(&mut served.run_procedure(&procedure, "UNIT-5501"));
    let outputs = || served.ask("psu", "OUTP? (@1,3)");
    begun(&served.store(), "Settle");
    assert_eq!(outputs(), "1,1");
    served.fault("psu", "no_answer");
    let run = running.finish();
    assert_eq!(run.code, Some(3), "{run}");
    assert!(run.err.contains("OUTPUT MAY BE ON: psu channel 3"), "{run}");
    served.fault("psu", "clear");
    assert_eq!(outputs(), "0,0", "{run}");
}

#[test]
fn safe_switches_off_what_does_not_answer_and_does_not_call_it_safe() {
    let served = impatient();
    assert_eq!(served.ask("psu", "VOLT 5,(@1);:OUTP ON,(@1);*OPC?"), "1");
    served.fault("psu", "no_answer");
    let mut command = benchtop();
    command.arg("safe").arg("--station").arg(&served.station);
    let safe = done(command.arg("--store").arg(served.store()));
    assert_eq!(safe.code, Some(3), "{safe}");
    assert!(safe.err.contains("OUTPUT MAY BE ON: psu channel 1"), "{safe}");
    served.fault("psu", "clear");
    assert!(!served.output_is_on(), "{safe}");
}

#[test]
fn an_instrument_that_refuses_connections_is_not_there() {
    let served = Served::bench("UNIT-5501");
    served.fault("dmm", "refused");
    let (host, port) = served.address("dmm");
    eventually("the door", || {
        std::net::TcpStream::connect((host.as_str(), port))
            .is_err()
            .then_some(())
    });
    let run = done(&mut served.run("UNIT-5501"));
    assert_eq!(run.code, Some(3), "{run}");
    assert!(run.out.contains("nothing listens there"), "{run}");
    served.fault("dmm", "clear");
    eventually("the door", || std::net::TcpStream::connect((host.as_str(), port)).ok());
    assert_eq!(done(&mut served.run("UNIT-5501")).code, Some(0));
}

#[test]
fn a_reboot_in_the_middle_is_a_pass_on_retry_over_tcp_too() {
    let served = impatient();
    let procedure = served.folder.path().join("patient.toml");
    write(&procedure, &patient(5, "700 ms"));
    // in the reading; it is back before the attempts are used up
    served.fault("dmm", "reboot --delay=1s --after-messages=10");
    let run = done(&mut served.run_procedure(&procedure, "UNIT-5501"));
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(only_record(&served.store())["passed_on_retry"], true);
}

/// The level is set, the supply is switched off and on at its own switch, and only then the output is turned on.
#[test]
fn a_supply_that_restarts_before_it_is_turned_on_has_its_level_again_on_retry() {
    let served = impatient();
    let procedure = served.folder.path().join("restart.toml");
    let on = "name = \"Power on\"\nset  = { instrument = \"psu\", channel = 1, voltage_level = \"5 V\", current_limit = \"500 mA\", output_enabled = true }";
    assert!(PROCEDURE.contains(on));
    let level = on.replace("Power on", "Level").replace(", output_enabled = true", "");
    let later = format!(
        "{level}\n\n[[setup]]\nname = \"Before\"\nwait = \"4 s\"\n\n[[setup]]\nname = \"Power on\"\n\
         retry = {{ attempts = 5, on = [\"error\"], delay = \"300 ms\" }}\n\
         set = {{ instrument = \"psu\", channel = 1, output_enabled = true }}"
    );
    write(&procedure, &PROCEDURE.replace(on, &later));
    let running = Running::start(&mut served.run_procedure(&procedure, "UNIT-5501"));
    begun(&served.store(), "Before");
    served.fault("psu", "reboot --delay=500ms");
    let run = running.finish();
    assert_eq!(run.code, Some(0), "{run}");
    let record = only_record(&served.store());
    assert_eq!(record["passed_on_retry"], true);
    outputs_are_off_or_named(&run, &record, false);
}

/// The last limit is met, and then the supply restarts: what was measured may have been measured with the power going.
#[test]
fn a_supply_that_restarts_behind_the_last_measurement_is_an_error_of_the_station() {
    let served = impatient();
    let procedure = served.folder.path().join("late.toml");
    let late = PROCEDURE.replacen(
        "[[teardown]]",
        "[[steps]]\nname = \"Linger\"\nwait = \"3 s\"\n\n[[teardown]]",
        1,
    );
    write(&procedure, &late);
    let running = Running::start(&mut served.run_procedure(&procedure, "UNIT-5501"));
    begun(&served.store(), "Linger");
    served.fault("psu", "reboot --delay=100ms");
    let run = running.finish();
    assert_eq!(run.code, Some(3), "{run}");
    let record = only_record(&served.store());
    let reason = record["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("psu: ") && reason.contains("output 1 was turned on and reads back as off"),
        "{reason}"
    );
    let steps = record["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["outcome"] != "FAIL"), "{run}");
    outputs_are_off_or_named(&run, &record, false);
}

/// The one fault that can look right: the digits of the unit before. Only a measurement of another truth finds it.
#[test]
fn a_stuck_meter_is_found_by_measuring_what_must_be_zero_first() {
    let served = Served::bench("UNIT-5501");
    let good = done(&mut served.run("UNIT-5501"));
    assert_eq!(good.code, Some(0), "{good}");
    served.fault("dmm", "stuck_reading");
    let procedure = served.folder.path().join("guarded.toml");
    write(&procedure, &guarded());
    let found = done(&mut served.run_procedure(&procedure, "UNIT-5502"));
    assert_eq!(found.code, Some(1), "{found}");
    assert!(
        found.out.contains("vcc_off") && found.out.contains("above the high limit 0.05 V"),
        "{found}"
    );
    assert!(found.out.contains("the setup did not succeed"), "before power: {found}");
    assert!(!served.output_is_on());
    served.fault("dmm", "clear");
    let mut healthy = served.run_procedure(&procedure, "UNIT-5503");
    assert_eq!(done(&mut healthy).code, Some(0));
}
