//! Every way out of a run of two slots, in one table: as in `ways_out`, with a unit in each slot, outputs of their own and one
//! that both share. However it ends, each has its record and all three outputs are off.

use crate::{
    slots::{PROCEDURE, by_slot, outputs, served_with, under_power},
    testkit::{Served, benchtop, done, write},
    ways_out::{HOLD, Meanwhile, Next, Panicking, drivers, started},
};
use benchtop_instrument::{Clock, RealClock};
use benchtop_procedure::{Given, LogicalName, SlotChannel, Written};
use benchtop_run::{Crew, Deadlines, Fixture, Interrupt, RunOutcome, Seat, Surroundings, execute_slots};
use benchtop_store::{Journal, Store};
use nix::sys::signal::Signal;
use std::{fs, process::Command, sync::Arc};

struct Way {
    name: &'static str,
    units: [&'static str; 2],
    /// What is other in the procedure: from, to.
    edits: &'static [(&'static str, &'static str)],
    meanwhile: Meanwhile,
    code: i32,
    /// Of each slot's run.
    outcomes: [&'static str; 2],
}

const GOOD: [&str; 2] = ["MOD-0001", "MOD-0002"];
const LONG: (&str, &str) = ("\"200 ms\"", "\"60 s\"");
const HELD: (&str, &str) = ("wait = \"200 ms\"", HOLD);
const ABORTED: [&str; 2] = ["ABORTED", "ABORTED"];

const WAYS: &[Way] = &[
    Way {
        name: "pass",
        units: GOOD,
        edits: &[],
        meanwhile: Meanwhile::Nothing,
        code: 0,
        outcomes: ["PASS", "PASS"],
    },
    Way {
        name: "one fails",
        units: ["MOD-0001", "MOD-9901"],
        edits: &[],
        meanwhile: Meanwhile::Nothing,
        code: 1,
        outcomes: ["PASS", "FAIL"],
    },
    Way {
        name: "both fail",
        units: ["MOD-9901", "MOD-9902"],
        edits: &[],
        meanwhile: Meanwhile::Nothing,
        code: 1,
        outcomes: ["FAIL", "FAIL"],
    },
    Way {
        name: "a step's timeout",
        units: GOOD,
        edits: &[("name    = \"Output\"", "name    = \"Output\"\ntimeout = \"1 ms\"")],
        meanwhile: Meanwhile::Nothing,
        code: 4,
        outcomes: ["TIMEOUT", "TIMEOUT"],
    },
    Way {
        name: "the run's timeout",
        units: GOOD,
        edits: &[HELD, ("[procedure]\n", "[procedure]\ntimeout = \"5 s\"\n")],
        meanwhile: Meanwhile::Nothing,
        code: 4,
        outcomes: ["TIMEOUT", "TIMEOUT"],
    },
    Way {
        name: "a shared instrument that answers no more",
        units: GOOD,
        edits: &[HELD],
        meanwhile: Meanwhile::Fault("dmm", "no_answer"),
        code: 3,
        outcomes: ["ERROR", "ERROR"],
    },
    Way {
        name: "Ctrl-C",
        units: GOOD,
        edits: &[LONG],
        meanwhile: Meanwhile::Signals(&[Signal::SIGINT]),
        code: 5,
        outcomes: ABORTED,
    },
    Way {
        name: "Ctrl-C twice",
        units: GOOD,
        edits: &[LONG],
        meanwhile: Meanwhile::Signals(&[Signal::SIGINT, Signal::SIGINT]),
        code: 5,
        outcomes: ABORTED,
    },
    Way {
        name: "SIGTERM",
        units: GOOD,
        edits: &[LONG],
        meanwhile: Meanwhile::Signals(&[Signal::SIGTERM]),
        code: 5,
        outcomes: ABORTED,
    },
    Way {
        name: "SIGHUP",
        units: GOOD,
        edits: &[LONG],
        meanwhile: Meanwhile::Signals(&[Signal::SIGHUP]),
        code: 5,
        outcomes: ABORTED,
    },
    Way {
        name: "kill -9 and the next run",
        units: GOOD,
        edits: &[LONG],
        meanwhile: Meanwhile::Killed(Next::Run),
        code: 0,
        outcomes: ABORTED,
    },
    Way {
        name: "kill -9 and safe",
        units: GOOD,
        edits: &[LONG],
        meanwhile: Meanwhile::Killed(Next::Safe),
        code: 0,
        outcomes: ABORTED,
    },
];

fn run(served: &Served, procedure: &std::path::Path, units: [&str; 2]) -> Command {
    let mut command = benchtop();
    command.arg("run").arg(procedure).arg("--station").arg(&served.station);
    command.arg("--store").arg(served.store());
    command.args([
        "--slot",
        &format!("A={}", units[0]),
        "--slot",
        &format!("B={}", units[1]),
    ]);
    command
}

fn leave(way: &Way) {
    let name = way.name;
    let served = served_with(way.units);
    let mut text = fs::read_to_string(PROCEDURE).unwrap();
    for (from, to) in way.edits {
        assert!(text.contains(from), "{name}: {from}");
        text = text.replacen(from, to, 1);
    }
    let procedure = served.folder.path().join("way.toml");
    write(&procedure, &text);
    let mut command = run(&served, &procedure, way.units);
    let ended = match &way.meanwhile {
        Meanwhile::Nothing => done(&mut command),
        Meanwhile::Signals(signals) => {
            let running = under_power(&served, &mut command);
            signals.iter().for_each(|signal| running.signal(*signal));
            running.finish()
        }
        Meanwhile::Fault(instrument, fault) => {
            let running = under_power(&served, &mut command);
            served.fault(instrument, fault);
            write(&served.folder.path().join("go"), "");
            running.finish()
        }
        Meanwhile::Killed(next) => {
            let mut running = under_power(&served, &mut command);
            running.signal(Signal::SIGKILL);
            running.wait();
            assert_eq!(outputs(&served), ["1", "1", "1"], "{name}");
            match next {
                Next::Run => done(&mut run(&served, PROCEDURE.as_ref(), ["MOD-0003", "MOD-0004"])),
                Next::Safe => done(benchtop().args(["safe", "--store"]).arg(served.store())),
            }
        }
    };
    assert_eq!(ended.code, Some(way.code), "{name}: {ended}");
    assert_eq!(outputs(&served), ["0", "0", "0"], "{name}: an output is on: {ended}");
    // a run after the kill has records of its own
    let mut found = by_slot(&served.store());
    found.retain(|record| {
        let serial = record["unit_under_test"]["serial_number"].as_str().unwrap();
        way.units.contains(&serial)
    });
    assert_eq!(found.len(), 2, "{name}: a record each: {ended}");
    for ((record, outcome), (slot, serial)) in found
        .iter()
        .zip(way.outcomes)
        .zip([("A", way.units[0]), ("B", way.units[1])])
    {
        assert_eq!(record["slot"], slot, "{name}");
        assert_eq!(record["unit_under_test"]["serial_number"], serial, "{name}");
        assert_eq!(record["outcome"], outcome, "{name}: {record}");
        let steps = record["steps"].as_array().unwrap();
        for on in ["Relays on", "Power on"] {
            let step = steps.iter().find(|step| step["name"] == on).unwrap();
            assert_eq!(step["outcome"], "PASS", "{name}: {on}: it was on");
        }
    }
}

#[test]
fn every_way_out_of_a_run_of_two_slots_leaves_all_outputs_off() {
    WAYS.iter().for_each(leave);
}

#[test]
fn a_panic_in_a_shared_driver_leaves_the_outputs_of_both_slots_off() {
    let served = served_with(GOOD);
    let clock: Arc<dyn Clock> = RealClock::shared();
    let file = benchtop_station::parse("station.toml", &fs::read_to_string(&served.station).unwrap()).unwrap();
    let models = drivers(&["keithley/2000", "keithley/2000-scan", "keysight/e36312a"]);
    let station = benchtop_station::Station::real(&file, &models, Arc::clone(&clock)).unwrap();
    let own = station.own_slots();
    let text = fs::read_to_string(PROCEDURE).unwrap();
    let written = Written::new(PROCEDURE, &text);
    let bound = written.read(&Given::default());
    let bound = bound.bind_slots(&station.capabilities(), &own).unwrap();
    let store = Store::open(&served.store()).unwrap();
    let mut journals: Vec<Journal> = Vec::new();
    let mut seats = Vec::new();
    for (slot, procedure) in bound {
        let ticket = store.begin(clock.utc()).unwrap();
        let journal = store.journal(&ticket).unwrap();
        let module = own[&slot].channels[&SlotChannel {
            instrument: LogicalName("psu".to_owned()),
            channel: "module".to_owned(),
        }]
            .value;
        seats.push(Seat {
            procedure,
            started: started(
                &ticket,
                ["REGULATOR-MODULE-R1", "1.0.0"],
                Some(slot),
                &station,
                &[("psu", &[1, module]), ("dmm", &[])],
            ),
            partial: None,
            outside: Surroundings::nothing(),
            recorder: journal.clone(),
            listeners: Vec::new(),
        });
        journals.push(journal);
    }
    let (wants, interrupt) = tokio::sync::watch::channel(Interrupt::None);
    let fixture = Fixture {
        seats,
        crew: Crew::default(),
        bench: Arc::new(Panicking(station)),
        metrology: Arc::default(),
        clock,
        interrupt,
        deadlines: Deadlines::default(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let finished = runtime.block_on(async { tokio::spawn(execute_slots(fixture)).await.unwrap() });
    assert_eq!(finished.len(), 2);
    for finished in &finished {
        assert_eq!(finished.ended.outcome, RunOutcome::Error);
        assert!(finished.ended.outputs_maybe_on.is_empty());
        let reason = finished.ended.reason.clone().unwrap();
        assert!(reason.contains("the driver of dmm stopped working"), "{reason}");
    }
    assert_eq!(outputs(&served), ["0", "0", "0"]);
    drop((finished, wants));
    for journal in &journals {
        let outcome = store.seal(journal).unwrap().record.outcome;
        assert_eq!(outcome, benchtop_store::record::RunOutcome::Error);
    }
}
