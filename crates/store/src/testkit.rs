//! What the tests of this crate share: runs as the runner would tell them, stores in temporary folders, time, files.

pub(crate) mod watch;

use crate::{ClockFacts, Record, Store, Ticket, event::Event, fold::fold};
use benchtop_run::{
    self as run, Decimal, EventKind, Limit, LogicalName, MeasurementOutcome, OverrangeRule, Recorder, RunOutcome,
    Section, Stamp, StepAddress, StepOutcome,
};
use chrono::{DateTime, TimeZone, Utc};
use std::{path::Path, time::Duration};

pub(crate) const RUN_ID: &str = "0195f000-0000-7000-8000-000000000042";

pub(crate) fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 4, 5, 6, 7).unwrap()
}

pub(crate) fn ticket() -> Ticket {
    Ticket {
        run_id: RUN_ID.to_owned(),
        sequence: 42,
        clock: ClockFacts {
            boot_id: Some("5f3c6c0e-7d0f-4f38-9a3e-0d2f4b8f1a11".to_owned()),
            monotonic_s: Some(1234.5),
            utc_synchronised: None,
            doubtful: Vec::new(),
        },
    }
}

pub(crate) fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("a/b/store")).unwrap();
    (folder, store)
}

/// A store on which a watch looks.
pub(crate) fn watched_store() -> (tempfile::TempDir, Store, std::sync::Arc<watch::Watch>) {
    let in_memory = tempfile::tempdir_in("/dev/shm");
    let folder = in_memory.unwrap_or_else(|_| tempfile::tempdir().unwrap());
    let watch = std::sync::Arc::new(watch::Watch::default());
    let root = folder.path().join("store");
    std::fs::create_dir(&root).unwrap();
    let store = Store::open_before(&root, crate::disk::eye::Eye::of(&watch)).unwrap();
    (folder, store, watch)
}

/// Why a store cannot be opened on a disk of which a watch says something.
pub(crate) fn refused(prepare: impl FnOnce(&watch::Watch)) -> (tempfile::TempDir, crate::StoreError) {
    let folder = tempfile::tempdir().unwrap();
    let watch = std::sync::Arc::new(watch::Watch::default());
    prepare(&watch);
    let error = Store::open_before(folder.path(), crate::disk::eye::Eye::of(&watch)).unwrap_err();
    (folder, error)
}

/// A store whose syncs cost nothing, for tests that make thousands of steps; an ordinary one where there is no memory
/// file system.
pub(crate) fn store_in_memory() -> (tempfile::TempDir, Store) {
    let Ok(folder) = tempfile::tempdir_in("/dev/shm") else {
        return store();
    };
    let store = Store::open(&folder.path().join("store")).unwrap();
    (folder, store)
}

/// The record of a short run that passed.
pub(crate) fn record() -> Record {
    folded(&passing(&ticket(), "UNIT-5501"))
}

/// The record of a run in which everything happened that a record can hold.
pub(crate) fn eventful_record() -> Record {
    folded(&eventful(&ticket()))
}

pub(crate) fn folded(events: &[run::Event]) -> Record {
    fold(&ticket().clock, &stored(events)).unwrap().whole().unwrap()
}

pub(crate) fn stored(events: &[run::Event]) -> Vec<Event> {
    events.iter().map(Event::from).collect()
}

/// Records events and seals the run.
pub(crate) fn save(store: &Store, serial: &str) -> crate::Saved {
    let ticket = store.begin(now()).unwrap();
    let mut journal = store.journal(&ticket).unwrap();
    record_all(&mut journal, &passing(&ticket, serial));
    store.seal(&journal).unwrap()
}

/// What is wrong with its records.
pub(crate) fn findings(store: &Store) -> Vec<crate::Finding> {
    let mut findings = Vec::new();
    store
        .verify(None, &mut |finding| findings.push(finding.clone()))
        .unwrap();
    findings
}

pub(crate) fn record_all(journal: &mut crate::Journal, events: &[run::Event]) {
    events.iter().for_each(|event| journal.record(event).unwrap());
    journal.wait_written().unwrap();
}

pub(crate) fn name(name: &str) -> LogicalName {
    LogicalName(name.to_owned())
}

pub(crate) fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A run as a list of events, 250 ms apart unless it says so.
pub(crate) struct Telling {
    events: Vec<run::Event>,
    elapsed: Duration,
}

impl Telling {
    pub(crate) fn of(ticket: &Ticket, serial: &str, steps: &[(Section, usize, &str, &'static str)]) -> Self {
        let planned = |(section, index, name, step_type): &(Section, usize, &str, &'static str)| run::PlannedStep {
            address: StepAddress {
                section: *section,
                index: *index,
            },
            name: (*name).to_owned(),
            step_type,
            parameters: std::collections::BTreeMap::new(),
        };
        let mut telling = Self {
            events: Vec::new(),
            elapsed: Duration::ZERO,
        };
        telling.tell(EventKind::RunStarted(Box::new(run::RunStarted {
            run_id: ticket.run_id.clone(),
            sequence: ticket.sequence,
            procedure: run::ProcedureUse {
                id: "BOARD-FUNCTIONAL-V3".to_owned(),
                version: "3.0.0".to_owned(),
                name: "Board functional test".to_owned(),
                sha256: "aa".repeat(32),
                resolved: run::Resolved::default(),
            },
            unit: run::UnitUnderTest {
                serial_number: serial.to_owned(),
                part_number: Some("PCB-1042".to_owned()),
                revision: Some("B".to_owned()),
                batch: None,
                sub_units: vec!["CELL-0001".to_owned()],
            },
            station_id: "bench-3".to_owned(),
            fixture_id: None,
            placement: run::Placement::default(),
            earlier: None,
            accepted_unsafe: Vec::new(),
            operator: Some("jane".to_owned()),
            purpose: run::Purpose::Production,
            study: None,
            simulated: true,
            virtual_clock: true,
            benchtop_version: "0.1.0".to_owned(),
            station_sha256: "bb".repeat(32),
            instruments: vec![instrument("psu", "dc_power", &[1, 2]), instrument("dmm", "dmm", &[])],
            steps: steps.iter().map(planned).collect(),
        })));
        telling
    }

    pub(crate) fn tell(&mut self, kind: EventKind) -> &mut Self {
        let elapsed = self.elapsed;
        self.events.push(run::Event {
            at: Stamp {
                utc: now() + elapsed,
                elapsed,
            },
            kind,
        });
        self.elapsed += Duration::from_millis(250);
        self
    }

    pub(crate) fn ready(&mut self, instrument: &str) -> &mut Self {
        let identity = format!("Keysight,{instrument},SIM-0001,1.0").parse().unwrap();
        self.tell(EventKind::InstrumentReady(run::InstrumentReady {
            name: name(instrument),
            identity,
            stale_errors: vec!["-113,\"Undefined header\"".to_owned()],
        }))
    }

    pub(crate) fn started(&mut self, section: Section, index: usize, step: &str, attempt: u32) -> &mut Self {
        self.tell(EventKind::StepStarted(run::StepStarted {
            address: StepAddress { section, index },
            name: step.to_owned(),
            step_type: "measurement",
            attempt,
        }))
    }

    pub(crate) fn ended(
        &mut self,
        section: Section,
        index: usize,
        attempt: u32,
        outcome: StepOutcome,
        reason: Option<&str>,
    ) -> &mut Self {
        let elapsed = self.elapsed.saturating_sub(Duration::from_millis(250));
        self.tell(EventKind::StepEnded(run::StepEnded {
            address: StepAddress { section, index },
            name: String::new(),
            step_type: "measurement",
            attempt,
            decides: outcome == StepOutcome::Pass,
            started: Stamp {
                utc: now() + elapsed,
                elapsed,
            },
            outcome,
            reason: reason.map(str::to_owned),
        }))
    }

    pub(crate) fn measured(&mut self, taken: run::MeasurementTaken) -> &mut Self {
        self.tell(EventKind::MeasurementTaken(Box::new(taken)))
    }

    pub(crate) fn made_safe(&mut self, instrument: &str, proofs: &[(u32, Option<&str>)]) -> &mut Self {
        self.tell(EventKind::MadeSafe(made_safe(instrument, proofs)))
    }

    pub(crate) fn run_ended(&mut self, outcome: RunOutcome, reason: Option<&str>) -> &mut Self {
        self.tell(EventKind::RunEnded(run::RunEnded {
            outcome,
            reason: reason.map(str::to_owned),
            outputs_maybe_on: Vec::new(),
        }))
    }

    pub(crate) fn events(&self) -> Vec<run::Event> {
        self.events.clone()
    }
}

pub(crate) fn made_safe(instrument: &str, proofs: &[(u32, Option<&str>)]) -> run::MadeSafe {
    let outputs = proofs.iter().map(|(channel, reason)| run::OutputState {
        channel: *channel,
        proof: reason.map_or(run::SafetyProof::Off, |reason| {
            run::SafetyProof::NotProved(reason.to_owned())
        }),
    });
    run::MadeSafe {
        name: name(instrument),
        outputs: outputs.collect(),
        error: None,
    }
}

fn instrument(logical: &str, class: &str, outputs: &[u32]) -> run::InstrumentUse {
    run::InstrumentUse {
        name: name(logical),
        class: class.to_owned(),
        model: "Keysight E36312A".to_owned(),
        resource: format!("TCPIP0::10.0.0.7::{}::SOCKET", 5025 + logical.len()),
        driver: "keysight/e36312a".to_owned(),
        definition_sha256: "cc".repeat(32),
        calibration_due: Some("2027-01-31".to_owned()),
        papers: run::Papers::default(),
        outputs: outputs.to_vec(),
    }
}

/// A reading of the supply rail, with limits 3.25 to 3.35 V.
pub(crate) fn rail(
    index: usize,
    attempt: u32,
    value: Option<&str>,
    outcome: MeasurementOutcome,
) -> run::MeasurementTaken {
    run::MeasurementTaken {
        address: StepAddress {
            section: Section::Main,
            index,
        },
        attempt,
        name: "vcc_3v3".to_owned(),
        instrument: Some(name("dmm")),
        channel: Some(1),
        function: Some("dc_voltage"),
        reduction: None,
        value: value.map(decimal).map(run::Value::Number),
        unit: "V".parse().unwrap(),
        limit: Some(Limit {
            low: Some(decimal("3.25")),
            high: Some(decimal("3.35")),
            ..Limit::default()
        }),
        outcome,
        marginal: false,
        reason: None,
        reading_kind: run::ReadingWord::Value,
        raw: value.map(str::to_owned),
        range: Some("10 V".parse().unwrap()),
        nplc: Some(Decimal::ONE),
        choices: run::Choices::default(),
        channel_name: None,
        sampling: run::Sampling::ONE,
        samples: None,
        assessment: run::Assessment::default(),
    }
}

/// Short: two steps, both outputs off, PASS.
pub(crate) fn passing(ticket: &Ticket, serial: &str) -> Vec<run::Event> {
    let steps = [
        (Section::Main, 0, "Settle", "wait"),
        (Section::Main, 1, "Power Rail Check", "measurement"),
    ];
    Telling::of(ticket, serial, &steps)
        .ready("psu")
        .ready("dmm")
        .started(Section::Main, 0, "Settle", 1)
        .ended(Section::Main, 0, 1, StepOutcome::Pass, None)
        .started(Section::Main, 1, "Power Rail Check", 1)
        .measured(rail(1, 1, Some("3.300123"), MeasurementOutcome::Pass))
        .ended(Section::Main, 1, 1, StepOutcome::Pass, None)
        .made_safe("psu", &[(1, None), (2, None)])
        .run_ended(RunOutcome::Pass, None)
        .events()
}

/// Long: retries, overrange accepted and not, a failed limit, steps passed over, an output not proved off.
pub(crate) fn eventful(ticket: &Ticket) -> Vec<run::Event> {
    let steps = [
        (Section::Setup, 0, "Power on", "set"),
        (Section::Main, 0, "Power Rail Check", "measurement"),
        (Section::Main, 1, "Insulation", "measurement"),
        (Section::Main, 2, "Later", "wait"),
        (Section::Main, 3, "Never mentioned", "wait"),
        (Section::Teardown, 0, "Power off", "set"),
    ];
    let insulation = run::MeasurementTaken {
        name: "insulation".to_owned(),
        function: Some("resistance"),
        value: None,
        unit: "MOhm".parse().unwrap(),
        limit: Some(Limit {
            low: Some(decimal("10")),
            overrange: OverrangeRule::Accept,
            ..Limit::default()
        }),
        reason: Some("the input is beyond the range of 100 MOhm, which the limit accepts above 10 MOhm".to_owned()),
        reading_kind: run::ReadingWord::OverrangePositive,
        raw: Some("+9.90000000E+37".to_owned()),
        range: Some("100 MOhm".parse().unwrap()),
        ..rail(1, 1, None, MeasurementOutcome::Pass)
    };
    let shorted = run::MeasurementTaken {
        name: "leakage".to_owned(),
        reason: Some("3.4 V is above the high limit 3.35 V".to_owned()),
        ..rail(1, 1, Some("3.4"), MeasurementOutcome::Fail)
    };
    let broken = run::MeasurementTaken {
        value: None,
        raw: None,
        reading_kind: run::ReadingWord::Missing,
        reason: Some("no answer in 2 s".to_owned()),
        ..rail(0, 1, None, MeasurementOutcome::Unset)
    };
    Telling::of(ticket, "UNIT-5502", &steps)
        .ready("psu")
        .ready("dmm")
        .started(Section::Setup, 0, "Power on", 1)
        .ended(Section::Setup, 0, 1, StepOutcome::Pass, None)
        .started(Section::Main, 0, "Power Rail Check", 1)
        .measured(broken)
        .ended(Section::Main, 0, 1, StepOutcome::Error, Some("no answer in 2 s"))
        .started(Section::Main, 0, "Power Rail Check", 2)
        .measured(rail(0, 2, Some("3.3"), MeasurementOutcome::Pass))
        .ended(Section::Main, 0, 2, StepOutcome::Pass, None)
        .started(Section::Main, 1, "Insulation", 1)
        .measured(insulation)
        .measured(shorted)
        .ended(
            Section::Main,
            1,
            1,
            StepOutcome::Fail,
            Some("1 of 2 measurements failed"),
        )
        .ended(
            Section::Main,
            2,
            0,
            StepOutcome::Skip,
            Some("not reached: stopped after a failure"),
        )
        .started(Section::Teardown, 0, "Power off", 1)
        .ended(Section::Teardown, 0, 1, StepOutcome::Pass, None)
        .tell(EventKind::Log(run::Log {
            level: run::LogLevel::Warning,
            source: "psu".to_owned(),
            message: "answered late".to_owned(),
        }))
        .made_safe("psu", &[(1, None), (2, Some("no answer"))])
        .run_ended(RunOutcome::Error, Some("psu channel 2 may be on"))
        .events()
}

/// How many times more than usual, by `BENCHTOP_SOAK`.
pub(crate) fn soak() -> u64 {
    let soak = std::env::var("BENCHTOP_SOAK").ok();
    soak.and_then(|soak| soak.parse().ok()).unwrap_or(1)
}

/// A repeatable stream of numbers.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `sides`, which is not 0.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// Copies a store folder byte for byte, as it stands.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Puts bytes into a file, as somebody who is not the store would.
#[expect(clippy::disallowed_methods, reason = "a test plants what the store did not write")]
pub(crate) fn plant(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

/// Names in a folder, sorted; without the chain's head, which is in `journal/` from the first record on.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| !name.starts_with(".chain_"));
    names.sort();
    names
}

#[cfg(target_os = "linux")]
pub(crate) fn make_pipe(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// Lets real time pass: for tests about processes that are killed in the middle of something.
#[expect(clippy::disallowed_methods, reason = "a kill comes at a moment of real time")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// A store with a saved run, and another one of `UNIT-2` whose sealing died at that call: from there on nothing works any more, as for a
/// program that was killed, no tidying up either. None where it has no so many calls.
pub(crate) fn died_sealing(at: usize) -> Option<(tempfile::TempDir, Store)> {
    let (folder, store, watch) = watched_store();
    save(&store, "UNIT-1");
    let ticket = store.begin(now()).unwrap();
    let mut journal = store.journal(&ticket).unwrap();
    record_all(&mut journal, &passing(&ticket, "UNIT-2"));
    watch.break_at(at, watch::Fault::Dead, true);
    drop(store.seal(&journal));
    drop(journal);
    watch.mend().map(|_| (folder, store))
}
