//! What the runner says happened: its only output. The store writes it down; the terminal listens.

use crate::assess::Assessment;
use crate::outcome::{RunOutcome, StepOutcome};
use benchtop_instrument::{Choices, Decimal, Identity, OutputState, Quantity, Samples, Sampling, Unit};
use benchtop_procedure::{Limit, LogicalName, MeasurementOutcome, Parameter, PromptKind, Reduction, Value};
use chrono::{DateTime, Utc};
use std::{collections::BTreeMap, time::Duration};

/// When something happened, on the run's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// UTC as the station believed it.
    pub utc: DateTime<Utc>,
    /// Monotonic time since the run started.
    pub elapsed: Duration,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When.
    pub at: Stamp,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// The run begins; nothing has been opened yet.
    RunStarted(Box<RunStarted>),
    /// An instrument is open, identified and in its start state.
    InstrumentReady(InstrumentReady),
    /// An attempt at a step begins.
    StepStarted(StepStarted),
    /// The operator is asked.
    PromptShown(PromptShown),
    /// A measurement was taken and judged, or could not be taken.
    MeasurementTaken(Box<MeasurementTaken>),
    /// An attempt at a step ended.
    StepEnded(StepEnded),
    /// The outputs of an instrument were switched off, or could not be.
    MadeSafe(MadeSafe),
    /// A file was put away that belongs to the run.
    Attached(Attached),
    /// Something worth knowing later.
    Log(Log),
    /// The run is over; all that could be made safe has been.
    RunEnded(RunEnded),
}

/// Everything that is known of a run before it touches anything.
#[derive(Clone, Debug, PartialEq)]
pub struct RunStarted {
    /// `UUIDv7`, minted before the run: the idempotency key of every upload.
    pub run_id: String,
    /// Rises by one per run on a station; survives restarts and clock changes.
    pub sequence: u64,
    /// The procedure that is followed.
    pub procedure: ProcedureUse,
    /// The unit under test.
    pub unit: UnitUnderTest,
    /// The station file's `id`.
    pub station_id: String,
    /// The mechanics that hold the unit, where the station names them.
    pub fixture_id: Option<String>,
    /// Where exactly.
    pub placement: Placement,
    /// What is known of earlier runs of the unit, where there were any.
    pub earlier: Option<EarlierRuns>,
    /// Outputs that could not be proved off before the run, and that a person took on themselves.
    pub accepted_unsafe: Vec<AcceptedUnsafe>,
    /// The person at the bench, where given.
    pub operator: Option<String>,
    /// Why the run was made.
    pub purpose: Purpose,
    /// Where it stands in a gauge study, where it is said.
    pub study: Option<Study>,
    /// True when anything in it is simulated.
    pub simulated: bool,
    /// True when waits were skipped on a virtual clock.
    pub virtual_clock: bool,
    /// The version of this program.
    pub benchtop_version: String,
    /// Digest of the station file or of the simulated bench, SHA-256 in hex.
    pub station_sha256: String,
    /// The instruments, in the order in which they are made safe.
    pub instruments: Vec<InstrumentUse>,
    /// Every step that the procedure has, in order.
    pub steps: Vec<PlannedStep>,
}

/// Where a run takes place, as far as the station says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Where the bench stands.
    pub location: Option<String>,
    /// The power line: `50 Hz`.
    pub mains: Option<String>,
    /// Which of the fixture's places the unit lies in.
    pub slot: Option<String>,
    /// Common to the runs of all slots that were started together.
    pub execution_id: Option<String>,
}

/// What the store knew of earlier runs of a unit with the same procedure when the run began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlierRuns {
    /// How many of them judged the unit.
    pub count: u32,
    /// The last of them.
    pub last_run_id: String,
}

/// An output that an interrupted run left and that could not be proved off: the run was made although it may be on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedUnsafe {
    /// The run that left it.
    pub run_id: String,
    /// The instrument, by its name in that run.
    pub instrument: String,
    /// The output of the instrument.
    pub channel: u32,
    /// Why it could not be proved off.
    pub reason: String,
}

/// Which procedure a run followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcedureUse {
    /// Its `id`.
    pub id: String,
    /// Its `version`.
    pub version: String,
    /// Its `name`.
    pub name: String,
    /// Digest of the resolved procedure, SHA-256 in hex.
    pub sha256: String,
    /// What the run decided that the procedure leaves open.
    pub resolved: Resolved,
}

/// What a run decided that its procedure leaves open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The parameters of the run.
    pub parameters: BTreeMap<String, Parameter>,
    /// The part for which the procedure was read, where it tells parts apart.
    pub variant: Option<String>,
    /// The file that the limits come from, where there is one.
    pub limits: Option<LimitsUse>,
}

/// Which limits file a run used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsUse {
    /// As the procedure names it.
    pub file: String,
    /// Its `revision`.
    pub revision: String,
    /// Its digest, SHA-256 in hex.
    pub sha256: String,
}

/// The unit under test, as the operator or the command line named it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitUnderTest {
    /// Serial number, as scanned.
    pub serial_number: String,
    /// Part number.
    pub part_number: Option<String>,
    /// Revision.
    pub revision: Option<String>,
    /// Batch number.
    pub batch: Option<String>,
    /// Serial numbers of the units inside it.
    pub sub_units: Vec<String>,
}

/// Why a run was made; only production counts in the yield.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Testing units to ship.
    #[default]
    Production,
    /// Trying something out.
    Engineering,
    /// A golden unit that shows the station is right.
    Golden,
    /// Part of a gauge study.
    GaugeStudy,
    /// Only some of the steps were asked for.
    Partial,
}

impl Purpose {
    /// Every purpose with its word in files.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("production", Self::Production),
        ("engineering", Self::Engineering),
        ("golden", Self::Golden),
        ("gauge_study", Self::GaugeStudy),
        ("partial", Self::Partial),
    ];

    /// The word used in files.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, purpose)| *purpose == self)
            .map_or("", |(word, _)| word)
    }
}

/// Where a run stands in a gauge study: every operator measures every unit once in each trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Study {
    /// The name of the study.
    pub name: String,
    /// Which trial of the unit by the operator it is, from 1.
    pub trial: u32,
}

/// An instrument that a run uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstrumentUse {
    /// Its name in the procedure.
    pub name: LogicalName,
    /// What it is: `dmm`, `dc_power`.
    pub class: String,
    /// Manufacturer and model for people.
    pub model: String,
    /// Where it is.
    pub resource: String,
    /// The definition that drives it.
    pub driver: String,
    /// Digest of that definition, SHA-256 in hex.
    pub definition_sha256: String,
    /// When its calibration is due, as the station file says (`YYYY-MM-DD`).
    pub calibration_due: Option<String>,
    /// What else the station file says of it.
    pub papers: Papers,
    /// Its output channels, none for a meter.
    pub outputs: Vec<u32>,
}

/// What a station file says of an instrument, for those who ask years later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Papers {
    /// The owner's number for it.
    pub asset_id: Option<String>,
    /// When it was calibrated last (`YYYY-MM-DD`).
    pub calibrated_on: Option<String>,
    /// The certificate of that calibration.
    pub certificate: Option<String>,
}

/// A step before it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedStep {
    /// Where in the procedure.
    pub address: StepAddress,
    /// Its name.
    pub name: String,
    /// `measurement`, `set`, `wait` and so on.
    pub step_type: &'static str,
    /// What the sweeps around it set for this turn.
    pub parameters: BTreeMap<String, Parameter>,
}

/// Which part of a procedure a step belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// Before the test.
    Setup,
    /// The test.
    Main,
    /// After the test, always.
    Teardown,
}

impl Section {
    /// The word used in files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Main => "main",
            Self::Teardown => "teardown",
        }
    }
}

/// A step's place: section, then position in it from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepAddress {
    /// The section.
    pub section: Section,
    /// Position in the section, from 0.
    pub index: usize,
}

/// An instrument is open and in its start state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstrumentReady {
    /// Its name in the procedure.
    pub name: LogicalName,
    /// Who answered.
    pub identity: Identity,
    /// Errors from before the run.
    pub stale_errors: Vec<String>,
}

/// An attempt at a step begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepStarted {
    /// Which step.
    pub address: StepAddress,
    /// Its name.
    pub name: String,
    /// `measurement`, `set`, `wait` and so on.
    pub step_type: &'static str,
    /// From 1.
    pub attempt: u32,
}

/// The operator is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptShown {
    /// The step that asks.
    pub address: StepAddress,
    /// The attempt that asks, from 1.
    pub attempt: u32,
    /// The name of the answer, as a measurement.
    pub name: String,
    /// What is asked.
    pub message: String,
    /// A picture that shows what is meant: its path, as the procedure writes it.
    pub image: Option<String>,
    /// What kind of answer is taken.
    pub kind: PromptKind,
    /// The unit of a number.
    pub unit: Unit,
}

/// A measurement as it was taken and judged.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasurementTaken {
    /// The step it belongs to.
    pub address: StepAddress,
    /// The attempt it belongs to, from 1.
    pub attempt: u32,
    /// Its name.
    pub name: String,
    /// On which instrument, where one was read.
    pub instrument: Option<LogicalName>,
    /// On which channel, where an instrument was read.
    pub channel: Option<u32>,
    /// What was measured, where an instrument was read: `dc_voltage`.
    pub function: Option<&'static str>,
    /// The array that it stands for, and how.
    pub reduction: Option<Reduction>,
    /// The value, numbers in `unit`; `None` where there is none.
    pub value: Option<Value>,
    /// The unit of the value and the limits.
    pub unit: Unit,
    /// The limit in force.
    pub limit: Option<Limit>,
    /// How it was judged.
    pub outcome: MeasurementOutcome,
    /// True when it passed within the limit's warning band.
    pub marginal: bool,
    /// Why it failed, was accepted beyond the range, or was not taken.
    pub reason: Option<String>,
    /// What kind of reading it was.
    pub reading_kind: ReadingWord,
    /// The response as received.
    pub raw: Option<String>,
    /// The range in use (full scale).
    pub range: Option<Quantity>,
    /// The integration time in use, in power-line cycles.
    pub nplc: Option<Decimal>,
    /// Autozero and input impedance in use.
    pub choices: Choices,
    /// What the procedure calls the channel, where that is not its number.
    pub channel_name: Option<String>,
    /// How the readings were taken, as far as that was asked for.
    pub sampling: Sampling,
    /// The readings behind the value, in `unit`, where there were several.
    pub samples: Option<Samples>,
    /// How well it is known, and what follows.
    pub assessment: Assessment,
}

/// What kind of reading a measurement was judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadingWord {
    /// A value.
    Value,
    /// Above the range.
    OverrangePositive,
    /// Below the range.
    OverrangeNegative,
    /// The instrument said "not a number".
    NotANumber,
    /// There is no reading.
    Missing,
}

impl ReadingWord {
    /// The word used in files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::OverrangePositive => "overrange_positive",
            Self::OverrangeNegative => "overrange_negative",
            Self::NotANumber => "not_a_number",
            Self::Missing => "missing",
        }
    }
}

/// An attempt at a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepEnded {
    /// Which step.
    pub address: StepAddress,
    /// Its name.
    pub name: String,
    /// `measurement`, `set`, `wait` and so on.
    pub step_type: &'static str,
    /// From 1; 0 for a step that was not reached.
    pub attempt: u32,
    /// True when no further attempt of its own follows: this one decides, unless a group around it is tried again.
    pub decides: bool,
    /// When the attempt began.
    pub started: Stamp,
    /// How it ended.
    pub outcome: StepOutcome,
    /// Why, unless it passed.
    pub reason: Option<String>,
}

/// What became of the outputs of one instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeSafe {
    /// Its name in the procedure.
    pub name: LogicalName,
    /// One state an output.
    pub outputs: Vec<OutputState>,
    /// What went wrong on the way, if anything did.
    pub error: Option<String>,
}

/// A file that belongs to the run. It is durable, under its digest, before this is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// The step that it came from; `None` for one that belongs to the whole run.
    pub address: Option<StepAddress>,
    /// Its name, for people.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256 in hex.
    pub sha256: String,
}

/// How grave a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogLevel {
    /// Good to know.
    Info,
    /// Something to look at.
    Warning,
    /// Something is wrong.
    Error,
}

impl LogLevel {
    /// The word used in files: `INFO`, `WARNING`, `ERROR`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        }
    }
}

/// A log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// How grave.
    pub level: LogLevel,
    /// Which part of the program says it: `runner`, `dmm`.
    pub source: String,
    /// What it says.
    pub message: String,
}

/// The run is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEnded {
    /// How it ended.
    pub outcome: RunOutcome,
    /// Why, unless it passed or failed by its limits.
    pub reason: Option<String>,
    /// Outputs that could not be proved off, for people: `psu channel 1`.
    pub outputs_maybe_on: Vec<String>,
}
