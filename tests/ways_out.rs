//! Every way out of a run, in one table: a real process, a supply in another process, which says afterwards that its output
//! is off. What signals and kills do beside that is in `outputs_off`, what broken instruments do in `faults`.

use crate::{
    outputs_off::begun,
    testkit::{BOARD, Running, Served, benchtop, done, only_record, records, write},
};
use async_trait::async_trait;
use benchtop_instrument::{
    Capabilities, Clock, Console, Error, Instrument, Measure, OutputMode, OutputState, Reading, RealClock, Resource,
    Setting, StartState,
};
use benchtop_procedure::LogicalName;
use benchtop_run::{
    Bench, Crew, Deadlines, InstrumentUse, Interrupt, Job, Papers, Placement, ProcedureUse, Purpose, RunOutcome,
    RunStarted, Surroundings, UnitUnderTest, execute,
};
use benchtop_station::{Catalogue, Entry, Origin, Station};
use benchtop_store::{Store, Ticket};
use nix::sys::signal::Signal;
use std::{fs, sync::Arc};

/// What happens while the unit is under power.
pub(crate) enum Meanwhile {
    Nothing,
    Signals(&'static [Signal]),
    /// An instrument and what goes wrong with it.
    Fault(&'static str, &'static str),
    /// The process is killed; the next command clears up.
    Killed(Next),
}

pub(crate) enum Next {
    Run,
    Safe,
}

struct Way {
    name: &'static str,
    serial: &'static str,
    /// What is other in the procedure: from, to.
    edits: &'static [(&'static str, &'static str)],
    meanwhile: Meanwhile,
    code: i32,
    outcome: &'static str,
}

const LONG: (&str, &str) = ("\"250 ms\"", "\"60 s\"");
/// Goes on when the file is there, and not before; after a minute without one, so that it outlives no test for long.
pub(crate) const HOLD: &str =
    r#"exec = { argv = ["sh", "-c", "for _ in $(seq 3000); do test -e go && break; sleep 0.02; done"] }"#;
const HELD: (&str, &str) = ("wait = \"250 ms\"", HOLD);

const WAYS: &[Way] = &[
    Way {
        name: "pass",
        serial: "UNIT-5501",
        edits: &[],
        meanwhile: Meanwhile::Nothing,
        code: 0,
        outcome: "PASS",
    },
    Way {
        name: "fail",
        serial: "UNIT-5599",
        edits: &[],
        meanwhile: Meanwhile::Nothing,
        code: 1,
        outcome: "FAIL",
    },
    Way {
        name: "a step's timeout",
        serial: "UNIT-5501",
        edits: &[(
            "name = \"Power Rail Check\"",
            "name = \"Power Rail Check\"\ntimeout = \"1 ms\"",
        )],
        meanwhile: Meanwhile::Nothing,
        code: 4,
        outcome: "TIMEOUT",
    },
    Way {
        name: "the run's timeout",
        serial: "UNIT-5501",
        edits: &[HELD, ("[procedure]\n", "[procedure]\ntimeout = \"5 s\"\n")],
        meanwhile: Meanwhile::Nothing,
        code: 4,
        outcome: "TIMEOUT",
    },
    Way {
        name: "an instrument that answers no more",
        serial: "UNIT-5501",
        edits: &[HELD],
        meanwhile: Meanwhile::Fault("dmm", "no_answer"),
        code: 3,
        outcome: "ERROR",
    },
    Way {
        name: "an instrument that hangs",
        serial: "UNIT-5501",
        edits: &[
            HELD,
            (
                "name = \"Power Rail Check\"",
                "name = \"Power Rail Check\"\ntimeout = \"1 s\"",
            ),
        ],
        meanwhile: Meanwhile::Fault("dmm", "hang_forever"),
        code: 4,
        outcome: "TIMEOUT",
    },
    Way {
        name: "Ctrl-C",
        serial: "UNIT-5501",
        edits: &[LONG],
        meanwhile: Meanwhile::Signals(&[Signal::SIGINT]),
        code: 5,
        outcome: "ABORTED",
    },
    Way {
        name: "Ctrl-C twice",
        serial: "UNIT-5501",
        edits: &[LONG],
        meanwhile: Meanwhile::Signals(&[Signal::SIGINT, Signal::SIGINT]),
        code: 5,
        outcome: "ABORTED",
    },
    Way {
        name: "SIGTERM",
        serial: "UNIT-5501",
        edits: &[LONG],
        meanwhile: Meanwhile::Signals(&[Signal::SIGTERM]),
        code: 5,
        outcome: "ABORTED",
    },
    Way {
        name: "SIGHUP",
        serial: "UNIT-5501",
        edits: &[LONG],
        meanwhile: Meanwhile::Signals(&[Signal::SIGHUP]),
        code: 5,
        outcome: "ABORTED",
    },
    Way {
        name: "kill -9 and the next run",
        serial: "UNIT-5501",
        edits: &[LONG],
        meanwhile: Meanwhile::Killed(Next::Run),
        code: 0,
        outcome: "ABORTED",
    },
    Way {
        name: "kill -9 and safe",
        serial: "UNIT-5501",
        edits: &[LONG],
        meanwhile: Meanwhile::Killed(Next::Safe),
        code: 0,
        outcome: "ABORTED",
    },
];

fn leave(way: &Way) {
    let name = way.name;
    let served = Served::bench(way.serial);
    let mut text = fs::read_to_string(BOARD).unwrap();
    for (from, to) in way.edits {
        assert!(text.contains(from), "{name}: {from}");
        text = text.replacen(from, to, 1);
    }
    let procedure = served.folder.path().join("way.toml");
    write(&procedure, &text);
    let mut command = served.run_procedure(&procedure, way.serial);
    let code = match &way.meanwhile {
        Meanwhile::Nothing => done(&mut command).code,
        Meanwhile::Signals(signals) => {
            let running = under_power(&served, &mut command);
            signals.iter().for_each(|signal| running.signal(*signal));
            running.finish().code
        }
        Meanwhile::Fault(instrument, fault) => {
            let running = under_power(&served, &mut command);
            served.fault(instrument, fault);
            write(&served.folder.path().join("go"), "");
            running.finish().code
        }
        Meanwhile::Killed(next) => {
            let mut running = under_power(&served, &mut command);
            running.signal(Signal::SIGKILL);
            running.wait();
            assert!(served.output_is_on(), "{name}");
            match next {
                Next::Run => done(&mut served.run("UNIT-5502")).code,
                Next::Safe => done(benchtop().args(["safe", "--store"]).arg(served.store())).code,
            }
        }
    };
    assert_eq!(code, Some(way.code), "{name}");
    assert!(!served.output_is_on(), "{name}: the output is on");
    let first = match &way.meanwhile {
        Meanwhile::Killed(Next::Run) => crate::testkit::json(&records(&served.store(), "pending")[0]),
        Meanwhile::Killed(Next::Safe) | Meanwhile::Nothing | Meanwhile::Signals(_) | Meanwhile::Fault(..) => {
            only_record(&served.store())
        }
    };
    assert_eq!(first["outcome"], way.outcome, "{name}: {first}");
    let steps = first["steps"].as_array().unwrap();
    let on = steps.iter().find(|step| step["name"] == "Power on").unwrap();
    assert_eq!(on["outcome"], "PASS", "{name}: it was on");
}

fn under_power(served: &Served, command: &mut std::process::Command) -> Running {
    let running = Running::start(command);
    begun(&served.store(), "Settle");
    assert!(served.output_is_on());
    running
}

#[test]
fn every_way_out_of_a_run_leaves_the_outputs_off() {
    WAYS.iter().for_each(leave);
}

/// The bench of a station file, on which the driver of one instrument panics where it measures.
pub(crate) struct Panicking(pub(crate) Station);

#[async_trait]
impl Bench for Panicking {
    async fn open(&self, name: &LogicalName) -> Result<Box<dyn Instrument>, Error> {
        let instrument = self.0.open(name).await?;
        Ok(if name.0 == "dmm" {
            Box::new(Panics(instrument))
        } else {
            instrument
        })
    }

    async fn open_console(&self, name: &LogicalName) -> Result<Box<dyn Console>, Error> {
        self.0.open_console(name).await
    }
}

struct Panics(Box<dyn Instrument>);

#[async_trait]
impl Instrument for Panics {
    fn resource(&self) -> &Resource {
        self.0.resource()
    }

    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }

    async fn prepare(&mut self) -> Result<StartState, Error> {
        self.0.prepare().await
    }

    async fn measure(&mut self, _request: &Measure) -> Result<Reading, Error> {
        panic!("a bug in the driver")
    }

    async fn set(&mut self, setting: &Setting) -> Result<(), Error> {
        self.0.set(setting).await
    }

    async fn find_outputs_on(&mut self) -> Result<(), Error> {
        self.0.find_outputs_on().await
    }

    async fn output_mode(&mut self, channel: u32) -> Result<OutputMode, Error> {
        self.0.output_mode(channel).await
    }

    async fn query(&mut self, message: &str) -> Result<Option<String>, Error> {
        self.0.query(message).await
    }

    async fn make_safe(&mut self) -> Result<Vec<OutputState>, Error> {
        self.0.make_safe().await
    }

    async fn self_test(&mut self) -> Result<(), Error> {
        self.0.self_test().await
    }

    async fn recover(&mut self) -> Result<(), Error> {
        self.0.recover().await
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.0.close().await
    }
}

pub(crate) fn drivers(models: &[&str]) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for model in models {
        let file = format!("instruments/{model}/driver.toml");
        let entry = Entry {
            text: fs::read_to_string(&file).unwrap().into(),
            file,
            origin: Origin::Shipped,
        };
        catalogue.drivers.insert((*model).to_owned(), entry);
    }
    catalogue
}

/// What a run of a station in this process says of itself at its beginning: its procedure's id and version, its slot, and its
/// instruments with their outputs.
pub(crate) fn started(
    ticket: &Ticket,
    [id, version]: [&str; 2],
    slot: Option<String>,
    station: &Station,
    used: &[(&str, &[u32])],
) -> RunStarted {
    let used = used.iter().map(|(name, outputs)| {
        let name = LogicalName((*name).to_owned());
        InstrumentUse {
            resource: station.instruments[&name].resource.to_string(),
            name,
            class: String::new(),
            model: String::new(),
            driver: String::new(),
            definition_sha256: String::new(),
            calibration_due: None,
            papers: Papers::default(),
            outputs: outputs.to_vec(),
        }
    });
    RunStarted {
        run_id: ticket.run_id.clone(),
        sequence: ticket.sequence,
        procedure: ProcedureUse {
            id: id.to_owned(),
            version: version.to_owned(),
            name: String::new(),
            sha256: String::new(),
            resolved: benchtop_run::Resolved::default(),
        },
        unit: UnitUnderTest::default(),
        station_id: "served".to_owned(),
        fixture_id: None,
        placement: Placement {
            slot,
            ..Placement::default()
        },
        earlier: None,
        accepted_unsafe: Vec::new(),
        operator: None,
        purpose: Purpose::Engineering,
        study: None,
        simulated: true,
        virtual_clock: false,
        benchtop_version: String::new(),
        station_sha256: String::new(),
        instruments: used.collect(),
        steps: Vec::new(),
    }
}

#[test]
fn a_panic_in_a_driver_leaves_the_outputs_off() {
    let served = Served::bench("UNIT-5501");
    let clock: Arc<dyn Clock> = RealClock::shared();
    let file = benchtop_station::parse("station.toml", &fs::read_to_string(&served.station).unwrap()).unwrap();
    let station = Station::real(
        &file,
        &drivers(&["keysight/34461a", "keysight/e36312a"]),
        Arc::clone(&clock),
    )
    .unwrap();
    let text = fs::read_to_string(BOARD).unwrap();
    let procedure = benchtop_procedure::check_text(BOARD, &text, &station.capabilities()).unwrap();
    let store = Store::open(&served.store()).unwrap();
    let ticket = store.begin(clock.utc()).unwrap();
    let journal = store.journal(&ticket).unwrap();
    let used = [("psu", &[1, 2, 3][..]), ("dmm", &[]), ("ammeter", &[])];
    let started = started(&ticket, ["BOARD-FUNCTIONAL-V3", "3.0.0"], None, &station, &used);
    let (wants, interrupt) = tokio::sync::watch::channel(Interrupt::None);
    let job = Job {
        metrology: Arc::default(),
        procedure,
        started,
        partial: None,
        crew: Crew::default(),
        bench: Arc::new(Panicking(station)),
        outside: Surroundings::nothing(),
        clock,
        recorder: journal.clone(),
        listeners: Vec::new(),
        interrupt,
        deadlines: Deadlines::default(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let finished = runtime.block_on(async { tokio::spawn(execute(job)).await.unwrap() });
    assert_eq!(finished.ended.outcome, RunOutcome::Error);
    assert!(
        finished
            .ended
            .reason
            .unwrap()
            .contains("the driver of dmm stopped working")
    );
    assert!(finished.ended.outputs_maybe_on.is_empty());
    assert!(!served.output_is_on());
    drop((finished.recorder, finished.crew, wants));
    assert_eq!(
        store.seal(&journal).unwrap().record.outcome,
        benchtop_store::record::RunOutcome::Error
    );
}
