//! Run events as JSON: the only serialised form there is. Journal lines, `--format json` and the page's stream are it.
//!
//! One object per event; its member `event` says which, `at` and `elapsed_s` say when. Numbers are those of the
//! record: finite, in the unit that stands beside them.

mod convert;

use crate::record::{
    AcceptedUnsafe, Decision, EarlierRuns, Identity, LimitInFull, LimitsFile, LogLevel, MeasurementOutcome,
    OutputState, Overrange, Purpose, RangeInUse, ReadingKind, Reduced, RunOutcome, Sampling, Section, StepOutcome,
    Uncertainty, UnitUnderTest, Value, is_false, number, time,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The event as one line of JSON, without a line feed.
#[must_use]
pub fn to_json_line(event: &benchtop_run::Event) -> String {
    serde_json::to_string(&Event::from(event)).unwrap_or_else(|error| {
        // every number of the runner's is finite, so this is for a fault of ours: said, not swallowed
        serde_json::json!({ "event": "unprintable", "reason": error.to_string() }).to_string()
    })
}

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
    /// When, UTC as the station believed it.
    #[serde(with = "time")]
    pub at: DateTime<Utc>,
    /// When, in seconds since the run started, on the run's monotonic clock.
    #[serde(serialize_with = "number::finite")]
    pub elapsed_s: f64,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
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
    /// The run is over.
    RunEnded(RunEnded),
}

/// Everything that is known of a run before it touches anything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// `UUIDv7`, minted before the run.
    pub run_id: String,
    /// Rises by one per run on a station.
    pub sequence: u64,
    /// The procedure that is followed.
    pub procedure: Procedure,
    /// The unit under test.
    pub unit_under_test: UnitUnderTest,
    /// The station file's `id`.
    pub station_id: String,
    /// The mechanics that hold the unit.
    pub fixture_id: Option<String>,
    /// Where the bench stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The power line: `50 Hz`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mains: Option<String>,
    /// Which of the fixture's places the unit lies in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// Common to the runs of all slots that were started together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_id: Option<String>,
    /// What is known of earlier runs of the unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier_runs: Option<EarlierRuns>,
    /// Outputs that could not be proved off before the run, and that a person took on themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted_unsafe: Vec<AcceptedUnsafe>,
    /// The person at the bench.
    pub operator: Option<String>,
    /// Why the run is made.
    pub purpose: Purpose,
    /// The gauge study that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study: Option<String>,
    /// Which trial of the unit by the operator in that study it is, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<u32>,
    /// True when anything in it is simulated.
    pub simulated: bool,
    /// True when waits are skipped on a virtual clock.
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

/// Which procedure a run follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Procedure {
    /// Its `id`.
    pub id: String,
    /// Its `version`.
    pub version: String,
    /// Its `name`.
    pub name: String,
    /// Digest of the resolved procedure, SHA-256 in hex.
    pub sha256: String,
    /// The parameters of the run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// The part for which the procedure was read, where it tells parts apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The file that the limits come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsFile>,
}

/// An instrument that a run uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstrumentUse {
    /// Its name in the procedure.
    pub name: String,
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
    /// When its calibration is due (`YYYY-MM-DD`).
    pub calibration_due: Option<String>,
    /// When it was calibrated last (`YYYY-MM-DD`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibrated_on: Option<String>,
    /// The certificate of that calibration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The owner's number for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset_id: Option<String>,
    /// Its output channels.
    pub outputs: Vec<u32>,
}

/// A step before it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Which part of the procedure.
    pub section: Section,
    /// Position in the section, from 0.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// `measurement`, `set`, `wait`.
    pub step_type: String,
    /// What a sweep sets for this turn; numbers, texts and booleans.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "number::unique_keys"
    )]
    pub parameters: BTreeMap<String, serde_json::Value>,
}

/// An instrument is open and in its start state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstrumentReady {
    /// Its name in the procedure.
    pub name: String,
    /// Who answered.
    pub identity: Identity,
    /// Errors from before the run.
    pub stale_errors: Vec<String>,
}

/// An attempt at a step begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepStarted {
    /// Which part of the procedure.
    pub section: Section,
    /// Position in the section, from 0.
    pub index: usize,
    /// The step's name.
    pub name: String,
    /// `measurement`, `set`, `wait`.
    pub step_type: String,
    /// From 1.
    pub attempt: u32,
}

/// The operator is asked. Whoever answers by JSON lines writes `{"name": NAME, "answer": ANSWER}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptShown {
    /// Which part of the procedure.
    pub section: Section,
    /// Position of its step in the section, from 0.
    pub index: usize,
    /// The attempt that asks, from 1.
    pub attempt: u32,
    /// The name of the answer, as a measurement.
    pub name: String,
    /// What is asked.
    pub message: String,
    /// A picture that shows what is meant, as the procedure writes its path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// `yes_no`, `text`, `number` or `choice`.
    pub kind: String,
    /// The unit of a number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// The answers of a choice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
}

/// A measurement as it was taken and judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasurementTaken {
    /// Which part of the procedure.
    pub section: Section,
    /// Position of its step in the section, from 0.
    pub index: usize,
    /// The attempt it belongs to, from 1.
    pub attempt: u32,
    /// Its name.
    pub name: String,
    /// The value, numbers in `unit`; null where there is none.
    pub value: Option<Value>,
    /// The unit of the value and the limits.
    pub unit: String,
    /// Smallest value that passes.
    #[serde(serialize_with = "number::finite_option")]
    pub limit_low: Option<f64>,
    /// Largest value that passes.
    #[serde(serialize_with = "number::finite_option")]
    pub limit_high: Option<f64>,
    /// What beyond the range means; null without a limit.
    pub overrange: Option<Overrange>,
    /// The limit in full, where `limit_low`, `limit_high` and `overrange` do not say all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Box<LimitInFull>>,
    /// How it was judged.
    pub outcome: MeasurementOutcome,
    /// True when it passed within the limit's warning band.
    #[serde(default, skip_serializing_if = "is_false")]
    pub marginal: bool,
    /// Why it failed, was accepted beyond the range, or was not taken.
    pub reason: Option<String>,
    /// What kind of reading it was.
    pub reading_kind: ReadingKind,
    /// The response as received.
    pub raw: Option<String>,
    /// The instrument's name in the procedure, where one was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instrument: Option<String>,
    /// Its channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<u32>,
    /// What was measured, where an instrument was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The array that it stands for, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduced: Option<Reduced>,
    /// The range in use.
    pub range: Option<RangeInUse>,
    /// The integration time in use, in power-line cycles.
    #[serde(serialize_with = "number::finite_option")]
    pub nplc: Option<f64>,
    /// Autozero, where there was a choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autozero: Option<bool>,
    /// The meter's input resistance, where there was a choice: `10 MOhm` or `high`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_impedance: Option<String>,
    /// What the procedure calls the channel, where that is not its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_name: Option<String>,
    /// How its readings were taken, where that was asked for or there were several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<Box<Sampling>>,
    /// Smallest value that is accepted, behind a guard band; absent with simple acceptance.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "number::finite_option"
    )]
    pub acceptance_low: Option<f64>,
    /// Largest value that is accepted, behind a guard band; absent with simple acceptance.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "number::finite_option"
    )]
    pub acceptance_high: Option<f64>,
    /// How well the value is known; absent where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncertainty: Option<Uncertainty>,
    /// Why it is not known, where the instrument's specification is there or a guard band needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncertainty_reason: Option<String>,
    /// What may be said of the value, with its guard band or, without one, its uncertainty; never an outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

/// An attempt at a step ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepEnded {
    /// Which part of the procedure.
    pub section: Section,
    /// Position in the section, from 0.
    pub index: usize,
    /// The step's name.
    pub name: String,
    /// `measurement`, `set`, `wait`.
    pub step_type: String,
    /// From 1; 0 for a step that was not reached.
    pub attempt: u32,
    /// True when no further attempt follows.
    pub decides: bool,
    /// When the attempt began, in seconds since the run started.
    #[serde(serialize_with = "number::finite")]
    pub started_s: f64,
    /// How it ended.
    pub outcome: StepOutcome,
    /// Why, unless it passed.
    pub reason: Option<String>,
}

/// What became of the outputs of one instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeSafe {
    /// Its name in the procedure.
    pub name: String,
    /// One state an output.
    pub outputs: Vec<Output>,
    /// What went wrong on the way, if anything did.
    pub error: Option<String>,
}

/// What became of one output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its channel.
    pub channel: u32,
    /// Whether it was proved off.
    pub state: OutputState,
    /// Why it could not be proved off.
    pub reason: Option<String>,
}

/// A file that belongs to the run; it lies under `attachments/` by its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// Which part of the procedure it came from; absent for one that belongs to the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<Section>,
    /// Position of its step in the section, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// Its name, for people.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256 in hex.
    pub sha256: String,
}

/// A log line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// How grave.
    pub level: LogLevel,
    /// Which part of the program says it.
    pub source: String,
    /// What it says.
    pub message: String,
}

/// The run is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnded {
    /// How it ended.
    pub outcome: RunOutcome,
    /// Why, unless it passed or failed by its limits.
    pub reason: Option<String>,
    /// Outputs that could not be proved off, for people: `psu channel 1`.
    pub outputs_maybe_on: Vec<String>,
}
