//! Two units at once: whose turn it is, whose fault ends what, and that all goes off whatever happens.

mod bench;

use super::rig::start::{started, used};
use crate::{
    Crew, Deadlines, Event, EventKind, Finished, Fixture, Interrupt, Recorder, RecorderError, RunOutcome, Seat,
    StepOutcome, Surroundings, execute_slots,
};
use async_trait::async_trait;
use bench::{FakeBench, Trouble, World, all_of};
use benchtop_instrument::{Clock, VirtualClock};
use benchtop_procedure::{
    BoundProcedure, Given, LogicalName, Metrology, Slot, SlotChannel, Span, Spanned, check_slots,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::watch;

const PROCEDURE: &str = r#"
[procedure]
id = "RIG"
version = "1"

[instruments.dmm]
class = "dmm"

[instruments.psu]
class = "dc_power"

[[fixture_setup]]
name = "Fixture on"
set = { instrument = "psu", channel = 1, voltage_level = "5 V", current_limit = "500 mA", output_enabled = true }

[[setup]]
name = "Power on"
set = { instrument = "psu", channel = 2, voltage_level = "5 V", current_limit = "500 mA", output_enabled = true }

[[steps]]
name = "Held"
lock = ["dmm"]
[[steps.steps]]
name = "First"
[[steps.steps.measurements]]
name = "first"
instrument = "dmm"
function = "dc_voltage"
range = "10 V"
unit = "V"
limit = { low = 3.25, high = 3.35 }
[[steps.steps]]
name = "Between"
wait = "1 s"
[[steps.steps]]
name = "Second"
[[steps.steps.measurements]]
name = "second"
instrument = "dmm"
function = "dc_voltage"
range = "10 V"
unit = "V"
limit = { low = 3.25, high = 3.35 }

[[steps]]
name = "Rest"
wait = "5 s"

[[teardown]]
name = "Power off"
set = { instrument = "psu", channel = 2, output_enabled = false }

[[fixture_teardown]]
name = "Fixture off"
set = { instrument = "psu", channel = 1, output_enabled = false }
"#;

struct Notes {
    slot: usize,
    events: Vec<Event>,
    fails: Option<(usize, &'static str)>,
    world: Arc<Mutex<World>>,
}

#[async_trait]
impl Recorder for Notes {
    fn record(&mut self, event: &Event) -> Result<(), RecorderError> {
        self.events.push(event.clone());
        let EventKind::StepStarted(started) = &event.kind else {
            return Ok(());
        };
        let step = &started.name;
        self.world
            .lock()
            .unwrap()
            .log
            .push(format!("{} begins {step}", ["A", "B"][self.slot]));
        match self.fails {
            Some((slot, at)) if slot == self.slot && at == step => Err(RecorderError::new("disk full")),
            _ => Ok(()),
        }
    }

    async fn barrier(&mut self) -> Result<(), RecorderError> {
        Ok(())
    }
}

struct Ran {
    runs: Vec<Finished<Notes>>,
    world: Arc<Mutex<World>>,
}

impl Ran {
    fn outcomes(&self) -> Vec<RunOutcome> {
        self.runs.iter().map(|run| run.ended.outcome).collect()
    }

    fn events(&self, slot: usize) -> &[Event] {
        &self.runs[slot].recorder.as_ref().unwrap().events
    }

    fn step(&self, slot: usize, name: &str) -> (StepOutcome, Option<String>) {
        let ended = self.events(slot).iter().find_map(|event| {
            let EventKind::StepEnded(ended) = &event.kind else {
                return None;
            };
            (ended.name == name && ended.decides).then_some(ended)
        });
        let ended = ended.unwrap_or_else(|| panic!("{name} never ended"));
        (ended.outcome, ended.reason.clone())
    }

    fn log(&self) -> Vec<String> {
        self.world.lock().unwrap().log.clone()
    }

    fn at(&self, line: &str) -> usize {
        let log = self.log();
        let found = log.iter().position(|known| known == line);
        found.unwrap_or_else(|| panic!("{line}: {log:#?}"))
    }

    /// Outputs that are on, and outputs that were not proved off.
    fn left_on(&self) -> (Vec<u32>, Vec<String>) {
        let unproved = self.runs.iter().flat_map(|run| run.ended.outputs_maybe_on.clone());
        (
            self.world.lock().unwrap().on.iter().copied().collect(),
            unproved.collect(),
        )
    }

    fn proved_off(&self, slot: usize) -> Vec<u32> {
        let states = self.events(slot).iter().filter_map(|event| {
            let EventKind::MadeSafe(safe) = &event.kind else {
                return None;
            };
            Some(safe.outputs.clone())
        });
        states.flatten().map(|output| output.channel).collect()
    }
}

/// Slot A has output 2 as written, slot B output 3.
fn bound(text: &str) -> BTreeMap<String, BoundProcedure> {
    let instruments = ["dmm", "psu"]
        .map(|name| (LogicalName(name.to_owned()), all_of(name)))
        .into();
    let channel = SlotChannel {
        instrument: LogicalName("psu".to_owned()),
        channel: "2".to_owned(),
    };
    let slot = Slot {
        channels: [(channel, Spanned::new(3, Span::of_file("station.toml")))].into(),
        ..Slot::default()
    };
    let slots = [("A".to_owned(), Slot::default()), ("B".to_owned(), slot)].into();
    check_slots("rig.toml", text, &Given::default(), &instruments, &slots)
        .unwrap_or_else(|findings| panic!("{}", findings.render_short()))
}

async fn run(text: &str, trouble: Trouble) -> Ran {
    let world = Arc::<Mutex<World>>::default();
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    let (wants, interrupt) = watch::channel(Interrupt::None);
    let seats = bound(text).into_values().enumerate().map(|(slot, procedure)| Seat {
        procedure,
        started: started(vec![used("psu", vec![1, [2, 3][slot]]), used("dmm", Vec::new())]),
        partial: None,
        outside: Surroundings::nothing(),
        recorder: Notes {
            slot,
            events: Vec::new(),
            fails: trouble.recorder_fails,
            world: Arc::clone(&world),
        },
        listeners: Vec::new(),
    });
    let runs = execute_slots(Fixture {
        seats: seats.collect(),
        crew: Crew::default(),
        bench: Arc::new(FakeBench {
            world: Arc::clone(&world),
            clock: Arc::clone(&clock),
            trouble: trouble.clone(),
            wants: wants.clone(),
        }),
        metrology: Arc::new(Metrology::default()),
        clock,
        interrupt,
        deadlines: Deadlines::default(),
    })
    .await;
    drop(wants);
    Ran { runs, world }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_good_units_pass_and_the_fixture_is_set_once() {
    let ran = run(PROCEDURE, Trouble::default()).await;
    assert_eq!(ran.outcomes(), [RunOutcome::Pass, RunOutcome::Pass]);
    assert_eq!(ran.left_on(), (vec![], vec![]));
    let count = |line: &str| ran.log().iter().filter(|known| *known == line).count();
    assert_eq!((count("psu set 1 on"), count("psu set 1 off")), (1, 1));
    // the fixture first and last, and each unit's own between
    for own in ["psu set 2 on", "psu set 3 on"] {
        assert!(ran.at("psu set 1 on") < ran.at(own));
    }
    for own in ["psu set 2 off", "psu set 3 off"] {
        assert!(ran.at(own) < ran.at("psu set 1 off"));
    }
    for slot in [0, 1] {
        assert_eq!(ran.step(slot, "Fixture on").0, StepOutcome::Pass);
        assert_eq!(ran.step(slot, "Fixture off").0, StepOutcome::Pass);
    }
    // what is proved of a run is its own and what all share
    assert_eq!((ran.proved_off(0), ran.proved_off(1)), (vec![1, 2], vec![1, 3]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_the_meter_has_it_for_all_of_its_group() {
    let ran = run(PROCEDURE, Trouble::default()).await;
    let log = ran.log();
    let begins = |slot: &str, step: &str| {
        log.iter()
            .position(|line| *line == format!("{slot} begins {step}"))
            .unwrap()
    };
    let (first, second) = if begins("A", "First") < begins("B", "First") {
        ("A", "B")
    } else {
        ("B", "A")
    };
    assert!(begins(first, "Second") < begins(second, "First"), "{log:#?}");
    // they do run at once: the one that had to wait begins while the other rests
    let ended = |name: &str, slot: usize| {
        let at = ran
            .events(slot)
            .iter()
            .find(|event| matches!(&event.kind, EventKind::StepEnded(ended) if ended.name == name));
        at.unwrap().at.elapsed
    };
    let last = ended("Rest", 0).max(ended("Rest", 1));
    assert!(last < Duration::from_secs(8), "{last:?}: one after the other");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_that_lock_in_other_orders_never_wait_for_each_other() {
    let group = |name: &str, lock: &str| {
        format!(
            "[[steps]]\nname = \"{name}\"\nlock = {lock}\n[[steps.steps]]\nname = \"{name} low\"\n\
             set = {{ instrument = \"psu\", channel = 2, voltage_level = \"4 V\" }}\n[[steps.steps]]\nname = \"{name} rail\"\n\
             [[steps.steps.measurements]]\nname = \"{name}_rail\"\ninstrument = \"dmm\"\nfunction = \"dc_voltage\"\n\
             range = \"10 V\"\nunit = \"V\"\nlimit = {{ low = 3 }}\n"
        )
    };
    let (head, tail) = PROCEDURE.split_at(PROCEDURE.find("[[steps]]").unwrap());
    let tail = tail.split_at(tail.find("[[teardown]]").unwrap()).1;
    let steps: String = (0..6)
        .map(|n| group(&format!("g{n}"), ["[\"dmm\", \"psu\"]", "[\"psu\", \"dmm\"]"][n % 2]))
        .collect();
    let ran = run(&format!("{head}{steps}{tail}"), Trouble::default()).await;
    assert_eq!(ran.outcomes(), [RunOutcome::Pass, RunOutcome::Pass]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_fails_ends_only_its_own_test() {
    let text = PROCEDURE.replacen("name = \"First\"", "name = \"First\"\non_fail = \"stop\"", 1);
    let trouble = Trouble {
        reads: vec!["1.2", "3.3"],
        ..Trouble::default()
    };
    let ran = run(&text, trouble).await;
    let mut outcomes = ran.outcomes();
    outcomes.sort();
    assert_eq!(outcomes, [RunOutcome::Pass, RunOutcome::Fail]);
    assert_eq!(ran.left_on(), (vec![], vec![]));
    // and its own output goes off while the other goes on
    let failed = usize::from(ran.outcomes()[1] == RunOutcome::Fail);
    let own = ["psu set 2 off", "psu set 3 off"];
    assert!(ran.at(own[failed]) < ran.at(own[1 - failed]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_instrument_that_fails_ends_all() {
    let trouble = Trouble {
        meter_fails_at: Some(2),
        ..Trouble::default()
    };
    let ran = run(PROCEDURE, trouble).await;
    assert_eq!(ran.outcomes(), [RunOutcome::Error, RunOutcome::Error]);
    assert_eq!(ran.left_on(), (vec![], vec![]));
    let other = ran.runs.iter().filter_map(|run| run.ended.reason.clone());
    let told = other
        .filter(|reason| reason.contains("ended with another slot"))
        .count();
    assert_eq!(
        told,
        1,
        "{:?}",
        ran.runs.iter().map(|run| &run.ended.reason).collect::<Vec<_>>()
    );
    for slot in [0, 1] {
        assert_eq!(ran.step(slot, "Power off").0, StepOutcome::Pass, "the teardown runs");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_output_that_trips_is_its_own_slots_trouble() {
    let trouble = Trouble {
        trips: Some(3),
        ..Trouble::default()
    };
    let ran = run(PROCEDURE, trouble).await;
    assert_eq!(ran.outcomes(), [RunOutcome::Pass, RunOutcome::Error]);
    let all = run(
        PROCEDURE,
        Trouble {
            trips: Some(1),
            ..Trouble::default()
        },
    );
    assert_eq!(
        all.await.outcomes(),
        [RunOutcome::Error, RunOutcome::Error],
        "the fixture's"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_ends_two_units_the_outputs_go_off() {
    let interrupted = |levels: &[Interrupt]| Trouble {
        interrupt_at: Some((1, levels.to_vec())),
        ..Trouble::default()
    };
    for (name, trouble, outcome) in [
        ("Ctrl-C", interrupted(&[Interrupt::Abandon]), RunOutcome::Aborted),
        (
            "Ctrl-C twice",
            interrupted(&[Interrupt::Abandon, Interrupt::SafeNow]),
            RunOutcome::Aborted,
        ),
        (
            "a driver that panics",
            Trouble {
                meter_panics_at: Some(1),
                ..Trouble::default()
            },
            RunOutcome::Error,
        ),
    ] {
        let ran = run(PROCEDURE, trouble).await;
        assert_eq!(ran.outcomes(), [outcome, outcome], "{name}");
        assert_eq!(ran.left_on(), (vec![], vec![]), "{name}");
        assert_eq!(
            (ran.proved_off(0), ran.proved_off(1)),
            (vec![1, 2], vec![1, 3]),
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fixture_that_cannot_be_set_up_tests_nobody() {
    let trouble = Trouble {
        trips: Some(1),
        ..Trouble::default()
    };
    let text = PROCEDURE.replacen(
        "[[setup]]",
        "[[fixture_setup]]\nname = \"Look\"\n[[fixture_setup.measurements]]\nname = \"bus\"\ninstrument = \"dmm\"\n\
         function = \"dc_voltage\"\nrange = \"10 V\"\nunit = \"V\"\nlimit = { low = 4.9 }\n\n[[setup]]",
        1,
    );
    let ran = run(&text, trouble).await;
    for slot in [0, 1] {
        let (outcome, reason) = ran.step(slot, "Power on");
        assert_eq!(outcome, StepOutcome::Skip);
        assert!(reason.unwrap().contains("the setup of the fixture did not succeed"));
    }
    assert!(!ran.log().iter().any(|line| line == "psu set 2 on"));
    assert_eq!(ran.left_on(), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_cannot_be_recorded_ends_and_the_other_goes_on() {
    let trouble = Trouble {
        recorder_fails: Some((1, "Rest")),
        ..Trouble::default()
    };
    let ran = run(PROCEDURE, trouble).await;
    assert_eq!(ran.outcomes()[1], RunOutcome::Error);
    assert!(ran.runs[1].recorder_error.is_some());
    assert_eq!(ran.step(0, "Rest").0, StepOutcome::Pass);
    assert_eq!(ran.left_on(), (vec![], vec![]));
}
