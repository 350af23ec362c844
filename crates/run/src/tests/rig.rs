//! A bench whose instruments and recorder misbehave on request, and one log of everything in order.

mod bench;
pub(super) mod start;

use crate::{
    Crew, Deadlines, Event, EventKind, Finished, Interrupt, Job, MeasurementTaken, Partial, Recorder, RecorderError,
    RunEnded, RunOutcome, Section, StepAddress, StepEnded, StepOutcome, Surroundings, execute, listen,
};
use async_trait::async_trait;
use bench::RigBench;
pub(in crate::tests) use bench::capabilities;
use benchtop_instrument::{Clock, VirtualClock};
use benchtop_procedure::{LogicalName, Metrology};
use start::{started, used};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    Good,
    OpenFails,
    MeasureFails,
    MeasureFailsOnce,
    MeasureHangs,
    MeasurePanics,
    SetPanicsAfterOn,
    SetFailsOff,
    FirstSessionHangsAfterOn,
    TripsAfterOn,
    ReadBackHangs,
    StuckOn,
    LimitsItsCurrent,
    TripsOnCurrentAtOnce,
    TripsOnVoltage,
}

const PROCEDURE: &str = r#"
[procedure]
id = "RIG"
version = "1"
name = "Rig"

[instruments.dmm]
class = "dmm"
needs = ["dc_voltage"]

[instruments.psu]
class = "dc_power"

[[setup]]
name = "Power on"
set = { instrument = "psu", channel = 1, voltage_level = "5 V", current_limit = "500 mA", output_enabled = true }

[[steps]]
name = "Settle"
wait = "250 ms"

[[steps]]
name = "Rail"
[[steps.measurements]]
name = "vcc_3v3"
instrument = "dmm"
function = "dc_voltage"
range = "10 V"
unit = "V"
limit = { low = 3.25, high = 3.35 }

[[steps]]
name = "Second rail"
[[steps.measurements]]
name = "vcc_again"
instrument = "dmm"
function = "dc_voltage"
range = "10 V"
unit = "mV"
limit = { low = 3250, high = 3350 }

[[teardown]]
name = "Power off"
set = { instrument = "psu", channel = 1, output_enabled = false }

[[teardown]]
name = "Cool down"
wait = "1 s"
"#;

#[derive(Default)]
struct World {
    log: Vec<String>,
    output: bool,
    output_was_on: bool,
    opened: BTreeMap<String, u32>,
    failed_once: bool,
}

type Shared = Arc<Mutex<World>>;

pub(super) struct Rig {
    dmm: Behaviour,
    psu: Behaviour,
    reads: String,
    answers: Option<Vec<u8>>,
    procedure: String,
    interrupts: Option<(String, Vec<Interrupt>)>,
    recorder_fails_at: Option<String>,
    recorder_panics_at: Option<String>,
    partial: Option<Partial>,
    metrology: Metrology,
    says: Vec<(u64, Vec<u8>)>,
    ends: bool,
    surroundings: Surroundings,
}

pub(super) struct Ran {
    world: Shared,
    events: Vec<Event>,
    heard: Vec<String>,
    ended: RunEnded,
    recorder_failed: bool,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self {
            dmm: Behaviour::Good,
            psu: Behaviour::Good,
            reads: "3.3".to_owned(),
            answers: None,
            procedure: PROCEDURE.to_owned(),
            interrupts: None,
            recorder_fails_at: None,
            recorder_panics_at: None,
            partial: None,
            metrology: Metrology::default(),
            says: Vec::new(),
            ends: false,
            surroundings: Surroundings::nothing(),
        }
    }

    /// The same with these steps for its test, and a console `uart` of the unit's or the station's.
    pub(super) fn steps(self, owner: &str, steps: &str) -> Self {
        let begin = self.procedure.find("[[steps]]").unwrap();
        let end = self.procedure.find("[[teardown]]").unwrap();
        let (head, tail) = (self.procedure.split_at(begin).0, self.procedure.split_at(end).1);
        let uart = format!("[instruments.uart]\nclass = \"console\"\nbelongs_to = \"{owner}\"\n\n");
        let (before, behind) = head.split_at(head.find("[[setup]]").unwrap());
        Self {
            procedure: format!("{before}{uart}{behind}{steps}\n{tail}"),
            ..self
        }
    }

    /// What the unit says on its console, each so many milliseconds after the one before.
    pub(super) fn says(self, says: &[(u64, &[u8])]) -> Self {
        Self {
            says: says.iter().map(|(delay, bytes)| (*delay, bytes.to_vec())).collect(),
            ..self
        }
    }

    /// The console ends behind that.
    pub(super) fn then_ends(self) -> Self {
        Self { ends: true, ..self }
    }

    pub(super) fn surroundings(self, surroundings: Surroundings) -> Self {
        Self { surroundings, ..self }
    }

    pub(super) fn metrology(self, metrology: Metrology) -> Self {
        Self { metrology, ..self }
    }

    pub(super) fn dmm(self, behaviour: Behaviour) -> Self {
        Self { dmm: behaviour, ..self }
    }

    pub(super) fn psu(self, behaviour: Behaviour) -> Self {
        Self { psu: behaviour, ..self }
    }

    pub(super) fn reads(self, text: &str) -> Self {
        Self {
            reads: text.to_owned(),
            ..self
        }
    }

    /// What the meter answers to a raw question.
    pub(super) fn answers(self, bytes: &[u8]) -> Self {
        Self {
            answers: Some(bytes.to_vec()),
            ..self
        }
    }

    /// What the meter reads when it takes several.
    pub(super) fn samples(self, texts: &[&str]) -> Self {
        self.reads(&texts.join(","))
    }

    pub(super) fn procedure(self, from: &str, to: &str) -> Self {
        assert!(self.procedure.contains(from));
        Self {
            procedure: self.procedure.replacen(from, to, 1),
            ..self
        }
    }

    pub(super) fn interrupted_at(self, line: &str, levels: &[Interrupt]) -> Self {
        Self {
            interrupts: Some((line.to_owned(), levels.to_vec())),
            ..self
        }
    }

    pub(super) fn recorder_fails_at(self, write: &str) -> Self {
        Self {
            recorder_fails_at: Some(write.to_owned()),
            ..self
        }
    }

    pub(super) fn recorder_panics_at(self, write: &str) -> Self {
        Self {
            recorder_panics_at: Some(write.to_owned()),
            ..self
        }
    }

    /// Leaves steps of the test out, by their places.
    pub(super) fn without(self, steps: &[usize]) -> Self {
        let address = |index: &usize| StepAddress {
            section: Section::Main,
            index: *index,
        };
        let left_out = steps.iter().map(address).collect();
        let partial = Partial {
            left_out,
            asked: "--skip".to_owned(),
        };
        Self {
            partial: Some(partial),
            ..self
        }
    }

    pub(super) async fn run(self) -> Ran {
        let parsed = benchtop_procedure::parse("rig.toml", &self.procedure).unwrap();
        let instruments = BTreeMap::from([
            (LogicalName("dmm".to_owned()), capabilities("dmm")),
            (LogicalName("psu".to_owned()), capabilities("psu")),
            (LogicalName("uart".to_owned()), capabilities("uart")),
        ]);
        let procedure = benchtop_procedure::bind(parsed, &instruments).unwrap();
        let world = Shared::default();
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
        let (wants, interrupt) = watch::channel(Interrupt::None);
        let bench = Arc::new(RigBench {
            world: Arc::clone(&world),
            clock: Arc::clone(&clock),
            dmm: self.dmm,
            psu: self.psu,
            reads: self.reads,
            answers: self.answers,
            says: self
                .says
                .into_iter()
                .map(|(delay, bytes)| (Duration::from_millis(delay), bytes))
                .collect(),
            ends: self.ends,
            interrupts: self.interrupts.map(|(line, levels)| (line, levels, wants.clone())),
        });
        let recorder = MemoryRecorder {
            world: Arc::clone(&world),
            events: Vec::new(),
            barriers: 0,
            fails_at: self.recorder_fails_at,
            panics_at: self.recorder_panics_at,
        };
        let (listener, mut events) = listen();
        let has_link = self.procedure.contains("[instruments.uart]");
        let link = has_link.then(|| used("uart", Vec::new()));
        let both = [used("psu", vec![1]), used("dmm", Vec::new())];
        let started = started(both.into_iter().chain(link).collect());
        let job = Job {
            metrology: Arc::new(self.metrology),
            procedure,
            started,
            partial: self.partial,
            crew: Crew::default(),
            bench,
            outside: self.surroundings,
            clock,
            recorder,
            listeners: vec![listener],
            interrupt,
            deadlines: Deadlines::default(),
        };
        let Finished {
            recorder,
            ended,
            recorder_error,
            crew,
        } = execute(job).await;
        drop((wants, crew));
        let mut heard = Vec::new();
        while let Some(event) = events.next().await {
            heard.push(line(&event.kind));
        }
        let events = recorder.map(|recorder| recorder.events).unwrap_or_default();
        Ran {
            world,
            events,
            heard,
            ended,
            recorder_failed: recorder_error.is_some(),
        }
    }
}

impl Ran {
    pub(super) fn outcome(&self) -> RunOutcome {
        self.ended.outcome
    }

    pub(super) fn ended(&self) -> &RunEnded {
        &self.ended
    }

    pub(super) fn step(&self, name: &str) -> StepOutcome {
        let ended = self.ended_steps().find(|ended| ended.name == name && ended.decides);
        ended
            .map(|ended| ended.outcome)
            .unwrap_or_else(|| panic!("{name} never ended"))
    }

    pub(super) fn attempts(&self, name: &str) -> usize {
        self.ended_steps().filter(|ended| ended.name == name).count()
    }

    fn kinds(&self) -> impl Iterator<Item = &EventKind> {
        self.events.iter().map(|event| &event.kind)
    }

    pub(super) fn ended_steps(&self) -> impl Iterator<Item = &StepEnded> {
        self.kinds().filter_map(|kind| {
            if let EventKind::StepEnded(ended) = kind {
                Some(ended)
            } else {
                None
            }
        })
    }

    pub(super) fn measurements(&self) -> impl Iterator<Item = &MeasurementTaken> {
        self.kinds().filter_map(|kind| {
            if let EventKind::MeasurementTaken(taken) = kind {
                Some(taken.as_ref())
            } else {
                None
            }
        })
    }

    /// How long a step took.
    pub(super) fn time_of(&self, name: &str) -> Duration {
        let is_it = |event: &&Event| matches!(&event.kind, EventKind::StepEnded(ended) if ended.name == name);
        let end = self.events.iter().find(is_it).unwrap();
        let begin = self.ended_steps().find(|ended| ended.name == name).unwrap().started;
        end.at.elapsed - begin.elapsed
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.world.lock().unwrap().log.clone()
    }

    pub(super) fn heard(&self) -> &[String] {
        &self.heard
    }

    pub(super) fn output_is_on(&self) -> bool {
        self.world.lock().unwrap().output
    }

    pub(super) fn output_was_on(&self) -> bool {
        self.world.lock().unwrap().output_was_on
    }

    pub(super) fn recorder_failed(&self) -> bool {
        self.recorder_failed
    }
}

fn line(kind: &EventKind) -> String {
    match kind {
        EventKind::RunStarted(_) => "RunStarted".to_owned(),
        EventKind::InstrumentReady(ready) => format!("InstrumentReady {}", ready.name),
        EventKind::StepStarted(started) => format!("StepStarted {}", started.name),
        EventKind::PromptShown(shown) => format!("PromptShown {}", shown.name),
        EventKind::MeasurementTaken(taken) => format!("MeasurementTaken {}", taken.name),
        EventKind::StepEnded(ended) => format!("StepEnded {} {}", ended.name, ended.outcome),
        EventKind::MadeSafe(safe) => format!("MadeSafe {}", safe.name),
        EventKind::Attached(attached) => format!("Attached {}", attached.name),
        EventKind::Log(log) => format!("Log {}", log.message),
        EventKind::RunEnded(ended) => format!("RunEnded {}", ended.outcome),
    }
}

struct MemoryRecorder {
    world: Shared,
    events: Vec<Event>,
    barriers: u32,
    fails_at: Option<String>,
    panics_at: Option<String>,
}

#[async_trait]
impl Recorder for MemoryRecorder {
    fn record(&mut self, event: &Event) -> Result<(), RecorderError> {
        let line = line(&event.kind);
        let is = |wanted: &Option<String>| wanted.as_ref().is_some_and(|wanted| line.starts_with(wanted));
        assert!(!is(&self.panics_at), "recorder panics");
        if is(&self.fails_at) {
            return Err(RecorderError::new("disk full"));
        }
        self.world.lock().unwrap().log.push(format!("record {line}"));
        self.events.push(event.clone());
        Ok(())
    }

    async fn barrier(&mut self) -> Result<(), RecorderError> {
        self.barriers += 1;
        if self.fails_at.as_deref() == Some(&format!("barrier {}", self.barriers)) {
            return Err(RecorderError::new("fsync failed"));
        }
        self.world.lock().unwrap().log.push("barrier".to_owned());
        Ok(())
    }

    async fn pipeline(&mut self) -> Result<(), RecorderError> {
        if self.fails_at.as_deref() == Some("pipeline") {
            return Err(RecorderError::new("fsync failed"));
        }
        self.world.lock().unwrap().log.push("pipeline".to_owned());
        Ok(())
    }
}
