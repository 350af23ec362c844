//! The record: what one run leaves behind, as it stands in the file. Schema `benchtop.run/1`.
//!
//! These are plain structs for serde; what they mean is in the runner's events, from which [`crate::fold`] makes
//! them. The file holds one member more, `integrity`, always the last: [`crate::integrity`] writes and checks it.
//!
//! Reading tolerates members that are not known here (a later program of the same schema version may add some) and
//! refuses a member that occurs twice. Writing refuses a number that is not finite: JSON has none, and a silent
//! null would hide it.

mod attempt;
mod limit;
pub(crate) mod number;
mod packed;
mod schema;
pub(crate) mod time;
mod uncertainty;
mod value;
mod words;

pub use attempt::{Measurement, RangeInUse, Reduced, Sampling, Step};
pub use limit::{Band, LimitInFull};
pub(crate) use packed::Shelf;
pub use packed::{Measured, Packed};
pub use uncertainty::{Component, Uncertainty};
pub use value::Value;
pub use words::{
    Decision, LogLevel, MeasurementOutcome, OutputState, Overrange, Purpose, ReadingKind, RunOutcome, Section,
    StepOutcome,
};

pub use schema::json_schema;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The schema that this program writes.
pub const SCHEMA: &str = "benchtop.run/1";

/// For members that are absent where they are false.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
pub(crate) const fn is_false(value: &bool) -> bool {
    !*value
}

/// One run. Its measurements are there as they stand in the file, or [`Packed`] where a run has just ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Record")]
pub struct Record<M = Measurement> {
    /// [`SCHEMA`].
    pub schema: String,
    /// `UUIDv7`, minted before the run: the idempotency key of every upload.
    pub run_id: String,
    /// Rises by one per run on a station; survives restarts and clock changes.
    pub sequence: u64,
    /// How the run ended.
    pub outcome: RunOutcome,
    /// True exactly for [`RunOutcome::Pass`].
    pub run_passed: bool,
    /// Why, unless it passed or failed by its limits.
    pub reason: Option<String>,
    /// The procedure's `id`.
    pub procedure_id: String,
    /// The procedure's `version`.
    pub procedure_version: String,
    /// The procedure's `name`.
    pub procedure_name: String,
    /// Digest of the resolved procedure, SHA-256 in hex.
    pub procedure_sha256: String,
    /// The parameters of the run; the member is absent where the procedure has none.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "number::unique_keys"
    )]
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// The part for which the procedure was read, where it tells parts apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The file that the limits come from, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsFile>,
    /// The same as `started_at`, for readers of the plain form.
    #[serde(with = "time")]
    #[schemars(with = "DateTime<Utc>")]
    pub tested_at: DateTime<Utc>,
    /// When the run started, UTC as the station believed it.
    #[serde(with = "time")]
    #[schemars(with = "DateTime<Utc>")]
    pub started_at: DateTime<Utc>,
    /// `started_at` plus the monotonic duration: never before it, whatever the wall clock did.
    #[serde(with = "time")]
    #[schemars(with = "DateTime<Utc>")]
    pub ended_at: DateTime<Utc>,
    /// How long it took on the run's monotonic clock, in seconds.
    #[serde(serialize_with = "number::finite")]
    pub duration_s: f64,
    /// How far the times can be trusted.
    pub clock: Clock,
    /// The bench and the computer.
    pub station: Station,
    /// Which of the fixture's places the unit lay in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// Common to the runs of all slots that were started together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_id: Option<String>,
    /// Earlier runs of the unit: the member is there for a retest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier_runs: Option<EarlierRuns>,
    /// Outputs of interrupted runs that could not be proved off before this one; the member is there where a person took them
    /// on themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted_unsafe: Vec<AcceptedUnsafe>,
    /// The person at the bench, where given.
    pub operator: Option<String>,
    /// Why the run was made.
    pub purpose: Purpose,
    /// The gauge study that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study: Option<String>,
    /// Which trial of the unit by the operator in that study it is, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<u32>,
    /// True when anything in it is simulated.
    pub simulated: bool,
    /// What was tested.
    pub unit_under_test: UnitUnderTest,
    /// The instruments that were used.
    pub instruments: Vec<Instrument>,
    /// Every step of the procedure in its order, by its deciding attempt.
    pub steps: Vec<Step<M>>,
    /// Names of the measurements that failed their limits, also when the run ended Error, Timeout or Aborted.
    pub failed_measurements: Vec<String>,
    /// True when a step passed only on a further attempt.
    pub passed_on_retry: bool,
    /// What became of every output.
    pub outputs: Vec<Output>,
    /// Files that belong to the run.
    pub attachments: Vec<Attachment>,
    /// What was said on the way.
    pub logs: Vec<Log>,
    /// Its place among the records of this store; absent in one that was sealed before there was a chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Chain>,
}

/// A file that limits come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LimitsFile {
    /// As the procedure names it.
    pub file: String,
    /// Its `revision`.
    pub revision: String,
    /// Its digest, SHA-256 in hex.
    pub sha256: String,
}

/// A record's place in the chain, in the order of sealing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Chain {
    /// From 1, rising by one.
    pub position: u64,
    /// What the `integrity` member of the record before it says in `hex`; null for the first.
    pub previous: Option<String>,
}

/// Earlier runs of the unit with the same procedure, as far as the store knew of them when the run began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EarlierRuns {
    /// How many of them judged the unit.
    pub count: u32,
    /// The last of them.
    pub last_run_id: String,
}

/// An output that an interrupted run left and that could not be proved off: the run was made although it may be on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

/// How far the times of a record can be trusted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Clock {
    /// Identifies the boot of the computer; monotonic readings compare only within one.
    pub boot_id: Option<String>,
    /// Seconds since that boot, suspend included, when the run's number was minted.
    #[serde(serialize_with = "number::finite_option")]
    pub monotonic_s: Option<f64>,
    /// Whether UTC was synchronised then; null where that cannot be known.
    pub utc_synchronised: Option<bool>,
    /// True when waits were skipped on a virtual clock.
    #[serde(rename = "virtual")]
    pub is_virtual: bool,
    /// Why the time of day is not to be trusted: set back or forward, long past, not synchronised. Order and identity do
    /// not rest on it. Absent where nothing speaks against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubtful: Vec<String>,
}

/// The bench and the computer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Station {
    /// The station file's `id`.
    pub id: String,
    /// The mechanics that held the unit, where the station names them.
    pub fixture_id: Option<String>,
    /// Where the bench stood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The power line: `50 Hz`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mains: Option<String>,
    /// Digest of the station file or of the simulated bench, SHA-256 in hex.
    pub file_sha256: String,
    /// The version of the program that ran the test.
    pub benchtop_version: String,
}

/// What was tested.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    #[serde(default)]
    pub sub_units: Vec<String>,
}

/// An instrument that a run used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Instrument {
    /// Its name in the procedure.
    pub name: String,
    /// What it is: `dmm`, `dc_power`.
    pub class: String,
    /// Manufacturer and model for people.
    pub model: String,
    /// Where it was.
    pub resource: String,
    /// The definition that drove it.
    pub driver: String,
    /// Digest of that definition, SHA-256 in hex.
    pub definition_sha256: String,
    /// Who answered; null when it was never opened.
    pub identity: Option<Identity>,
    /// When its calibration was due, as the station file says (`YYYY-MM-DD`).
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
    /// Errors that were in its queue from before the run.
    #[serde(default)]
    pub stale_errors: Vec<String>,
}

/// The four fields of `*IDN?`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Identity {
    /// First field.
    pub manufacturer: String,
    /// Second field.
    pub model: String,
    /// Third field; `SIM-...` on everything simulated.
    pub serial_number: String,
    /// Fourth field.
    pub firmware_revision: String,
}

/// What became of one output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Output {
    /// The instrument's name in the procedure.
    pub instrument: String,
    /// Its output channel.
    pub channel: u32,
    /// Whether it was proved off.
    pub state: OutputState,
    /// Why it could not be proved off; null for an output that is off.
    pub reason: Option<String>,
}

/// A file that belongs to a run; it lies under `attachments/` by its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attachment {
    /// Its name, for people.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256 in hex.
    pub sha256: String,
}

/// A log line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Log {
    /// How grave.
    pub level: LogLevel,
    /// When, as `started_at` plus the monotonic time.
    #[serde(with = "time")]
    #[schemars(with = "DateTime<Utc>")]
    pub timestamp: DateTime<Utc>,
    /// What it says.
    pub message: String,
    /// Which part of the program says it: `runner`, `dmm`.
    pub source: String,
}
