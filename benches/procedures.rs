//! What the runner costs: per measurement with instruments that answer at once, for a long procedure beside a short one,
//! for `check`, and for a whole process from its start to the durable record.
//!
//! `cargo bench --bench procedures -- [ROUNDS]`: interleaved rounds, medians with quartiles. Nothing here passes or fails;
//! the numbers go into closing notes.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a benchmark may stop at once, and counts little things"
)]

use async_trait::async_trait;
use benchtop_instrument::{
    Capabilities, Choices, Clock, Console, Error, ErrorKind, Function, Instrument, Measure, Operation, OutputMode,
    OutputState, Reading, ReadingKind, RealClock, Resource, Sampling, Setting, StartState,
};
use benchtop_procedure::{BoundProcedure, LogicalName, check_text};
use benchtop_run::{
    Bench, Crew, Deadlines, Event, InstrumentUse, Interrupt, Job, Papers, Placement, ProcedureUse, Purpose, Recorder,
    RecorderError, RunOutcome, RunStarted, Surroundings, UnitUnderTest, execute,
};
use nix::sys::resource::{UsageWho, getrusage};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};
use tokio::{runtime::Builder, sync::watch};

const DRIVER: &str = include_str!("../instruments/keysight/34461a/driver.toml");
const SHORT: usize = 1_000;
const LONG: usize = 10_000;
const A_STEP: usize = 10;
const MANY_A_STEP: usize = 1_000;
const CHECKED_STEPS: usize = 1_000;
/// What the run of the two-measurement procedure waits for on the disk, counted with strace.
const SYNCS: usize = 14;

fn main() {
    let rounds: usize = std::env::args()
        .skip(1)
        .find_map(|text| text.parse().ok())
        .unwrap_or(30)
        .max(3);
    let capabilities = benchtop_scpi::parse("keysight/34461a", "driver.toml", DRIVER)
        .unwrap()
        .capabilities();
    let instruments = BTreeMap::from([(LogicalName("dmm".to_owned()), capabilities.clone())]);
    println!("{rounds} rounds; medians with quartiles");
    // first, while this process is small: what it held when it started another one counts as that one's
    peaks();
    measuring(&instruments, &capabilities, rounds);
    checking(&instruments, rounds);
    processes(rounds);
}

/// A procedure of so many measurements, so many a step.
fn text(measurements: usize, a_step: usize) -> String {
    let mut text = "[procedure]\nid = \"LONG\"\nversion = \"1\"\n[instruments.dmm]\nclass = \"dmm\"\n".to_owned();
    for step in 0..measurements.div_ceil(a_step) {
        write!(text, "[[steps]]\nname = \"step {step}\"\nmeasurements = [\n").unwrap();
        for place in 0..a_step.min(measurements - step * a_step) {
            // short: a procedure has at most 1 MiB
            writeln!(
                text,
                "{{name=\"m{step}_{place}\",instrument=\"dmm\",function=\"dc_voltage\",range=\"10 V\",unit=\"V\",\
                 limit={{low=3,high=4}}}},"
            )
            .unwrap();
        }
        text.push_str("]\n");
    }
    text
}

struct AtOnce {
    resource: Resource,
    capabilities: Capabilities,
    reading: Reading,
}

#[async_trait]
impl Instrument for AtOnce {
    fn resource(&self) -> &Resource {
        &self.resource
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn prepare(&mut self) -> Result<StartState, Error> {
        Ok(StartState {
            identity: "Maker,Model,SIM-1,1".parse().unwrap(),
            stale_errors: Vec::new(),
        })
    }

    async fn measure(&mut self, _request: &Measure) -> Result<Reading, Error> {
        Ok(self.reading.clone())
    }

    async fn set(&mut self, _setting: &Setting) -> Result<(), Error> {
        Ok(())
    }

    async fn find_outputs_on(&mut self) -> Result<(), Error> {
        Ok(())
    }

    async fn output_mode(&mut self, _channel: u32) -> Result<OutputMode, Error> {
        Ok(OutputMode::Off)
    }

    async fn query(&mut self, _message: &str) -> Result<Option<String>, Error> {
        Ok(None)
    }

    async fn make_safe(&mut self) -> Result<Vec<OutputState>, Error> {
        Ok(Vec::new())
    }

    async fn self_test(&mut self) -> Result<(), Error> {
        Ok(())
    }

    async fn recover(&mut self) -> Result<(), Error> {
        Ok(())
    }

    async fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

struct Bare(Capabilities);

#[async_trait]
impl Bench for Bare {
    async fn open(&self, _name: &LogicalName) -> Result<Box<dyn Instrument>, Error> {
        Ok(Box::new(AtOnce::new(&self.0)))
    }

    async fn open_console(&self, name: &LogicalName) -> Result<Box<dyn Console>, Error> {
        let nowhere = Resource::Simulated {
            bench: "bare".to_owned(),
            name: name.to_string(),
        };
        let message = "this bench has no console";
        Err(Error::new(ErrorKind::Unsupported, Operation::Open, &nowhere, message))
    }
}

impl AtOnce {
    fn new(capabilities: &Capabilities) -> Self {
        let quantity = "3.3 V".parse().unwrap();
        Self {
            resource: "SIM::bench::dmm".parse().unwrap(),
            capabilities: capabilities.clone(),
            reading: Reading {
                text: "+3.30000000E+00".to_owned(),
                kind: ReadingKind::Value(quantity),
                range_in_use: Some("10 V".parse().unwrap()),
                nplc: None,
                choices: Choices::default(),
                sampling: Sampling::ONE,
                samples: None,
            },
        }
    }
}

/// Keeps nothing: without the disk.
struct Forgetful(usize);

#[async_trait]
impl Recorder for Forgetful {
    fn record(&mut self, _event: &Event) -> Result<(), RecorderError> {
        self.0 += 1;
        Ok(())
    }

    async fn barrier(&mut self) -> Result<(), RecorderError> {
        Ok(())
    }
}

fn started(procedure: &BoundProcedure) -> RunStarted {
    let procedure = procedure.procedure();
    RunStarted {
        run_id: "run".to_owned(),
        sequence: 1,
        procedure: ProcedureUse {
            id: procedure.id.clone(),
            version: procedure.version.clone(),
            name: procedure.name.clone(),
            sha256: String::new(),
            resolved: benchtop_run::Resolved::default(),
        },
        unit: UnitUnderTest::default(),
        station_id: "bench".to_owned(),
        fixture_id: None,
        placement: Placement::default(),
        earlier: None,
        accepted_unsafe: Vec::new(),
        operator: None,
        purpose: Purpose::Production,
        study: None,
        simulated: true,
        virtual_clock: false,
        benchtop_version: String::new(),
        station_sha256: String::new(),
        instruments: vec![InstrumentUse {
            name: LogicalName("dmm".to_owned()),
            class: "dmm".to_owned(),
            model: String::new(),
            resource: String::new(),
            driver: String::new(),
            definition_sha256: String::new(),
            calibration_due: None,
            papers: Papers::default(),
            outputs: Vec::new(),
        }],
        steps: Vec::new(),
    }
}

/// How long a run of this procedure takes.
async fn run(procedure: &BoundProcedure, capabilities: &Capabilities, clock: &Arc<dyn Clock>) -> Duration {
    let (wants, interrupt) = watch::channel(Interrupt::None);
    let job = Job {
        metrology: Arc::default(),
        procedure: procedure.clone(),
        started: started(procedure),
        partial: None,
        crew: Crew::default(),
        bench: Arc::new(Bare(capabilities.clone())),
        outside: Surroundings::nothing(),
        clock: Arc::clone(clock),
        recorder: Forgetful(0),
        listeners: Vec::new(),
        interrupt,
        deadlines: Deadlines::default(),
    };
    let begun = clock.now();
    let finished = execute(job).await;
    let took = clock.now().since(begun);
    assert_eq!(finished.ended.outcome, RunOutcome::Pass, "{:?}", finished.ended.reason);
    assert!(finished.recorder.unwrap().0 > 2);
    drop(wants);
    took
}

/// What the instrument itself costs: the same requests with nobody between.
async fn bare(count: usize, capabilities: &Capabilities, clock: &Arc<dyn Clock>) -> Duration {
    let mut instrument: Box<dyn Instrument> = Box::new(AtOnce::new(capabilities));
    let request = Measure::of(Function::DcVoltage);
    let begun = clock.now();
    for _ in 0..count {
        let reading = instrument.measure(&request).await.unwrap();
        assert_eq!(reading.text.len(), 15);
    }
    clock.now().since(begun)
}

fn measuring(instruments: &BTreeMap<LogicalName, Capabilities>, capabilities: &Capabilities, rounds: usize) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let clock = RealClock::shared();
    let [short, long] = [SHORT, LONG].map(|count| check_text("long.toml", &text(count, A_STEP), instruments).unwrap());
    let (mut each, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (short, long, bare) = runtime.block_on(async {
            let short = run(&short, capabilities, &clock).await;
            let long = run(&long, capabilities, &clock).await;
            (short, long, bare(LONG, capabilities, &clock).await)
        });
        each.push((long.saturating_sub(bare)).as_secs_f64() * 1e6 / LONG as f64);
        ratios.push(long.as_secs_f64() / short.as_secs_f64());
    }
    show("ours per measurement, without the disk", each, "us");
    show(&format!("{LONG} measurements beside {SHORT}"), ratios, "times");
}

fn checking(instruments: &BTreeMap<LogicalName, Capabilities>, rounds: usize) {
    let clock = RealClock::shared();
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("long.toml");
    for a_step in [1, 2, A_STEP] {
        let text = text(CHECKED_STEPS * a_step, a_step);
        std::fs::write(&file, &text).unwrap();
        let (mut took, mut whole) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let begun = clock.now();
            let procedure = check_text("long.toml", &text, instruments).unwrap();
            took.push(clock.now().since(begun).as_secs_f64() * 1e3);
            assert_eq!(procedure.procedure().steps.len(), CHECKED_STEPS);
            let begun = clock.now();
            assert!(benchtop().arg("check").arg(&file).status().unwrap().success());
            whole.push(clock.now().since(begun).as_secs_f64() * 1e3);
        }
        let what = format!("check of {CHECKED_STEPS} steps, {a_step} measurements each");
        show(&what, took, "ms");
        show("    as a process", whole, "ms");
    }
}

/// The binary, quiet, in the project's folder.
fn benchtop() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_benchtop"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

fn processes(rounds: usize) {
    let clock = RealClock::new();
    let scratch = tempfile::tempdir().unwrap();
    let store = scratch.path().join("store");
    let (mut whole, mut disk) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let begun = clock.now();
        let status = benchtop()
            .args([
                "run",
                "procedures/board-functional-v3.toml",
                "--serial",
                "UNIT-5501",
                "--simulate",
                "--store",
            ])
            .arg(&store)
            .status()
            .unwrap();
        assert!(status.success());
        whole.push(clock.now().since(begun).as_secs_f64() * 1e3);
        disk.push(syncs(scratch.path(), &clock).as_secs_f64() * 1e3);
    }
    let beyond: Vec<f64> = whole.iter().zip(&disk).map(|(whole, disk)| whole - disk).collect();
    show("process start to durable record", whole, "ms");
    show("the disk's own time of it", disk, "ms");
    show("the rest", beyond, "ms");
}

/// The most memory that a run takes, from short ones to long ones: of its children this process hears of the largest.
fn peaks() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("procedure.toml");
    for (measurements, a_step) in [(A_STEP, A_STEP), (SHORT, A_STEP), (LONG, A_STEP), (LONG, MANY_A_STEP)] {
        let text = text(measurements, a_step).replace("\"LONG\"", "\"BOARD-FUNCTIONAL-V3\"");
        std::fs::write(&file, text).unwrap();
        let status = benchtop()
            .arg("run")
            .arg(&file)
            .args(["--serial", "UNIT-5501", "--simulate=board-v3", "--store"])
            .arg(scratch.path().join("store"))
            .stderr(Stdio::null())
            .status()
            .unwrap();
        let most = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
        println!(
            "peak memory of {measurements} measurements, {a_step} a step: at most {:.1} MiB ({status})",
            most as f64 / 1024.0
        );
    }
}

/// As many appends and syncs as that run makes, of files of its size, with nothing else.
fn syncs(folder: &Path, clock: &RealClock) -> Duration {
    use std::{fs::File, io::Write};
    let begun = clock.now();
    let path = folder.join("floor");
    let mut file = File::create(&path).unwrap();
    for _ in 0..SYNCS {
        file.write_all(&[b'x'; 1024]).unwrap();
        file.sync_data().unwrap();
    }
    File::open(folder).unwrap().sync_all().unwrap();
    clock.now().since(begun)
}

fn show(what: &str, mut numbers: Vec<f64>, unit: &str) {
    numbers.sort_by(f64::total_cmp);
    let at = |share: usize| numbers[(numbers.len() - 1) * share / 100];
    println!(
        "{what:<48} {:>9.2} {unit} ({:.2} to {:.2}, p99 {:.2})",
        at(50),
        at(25),
        at(75),
        at(99)
    );
}
