//! Steps and measurements of a record.

use super::{LimitInFull, Uncertainty, Value, is_false, number, time, words};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An attempt at a step. In `steps[]` stands the one that decided, with the earlier ones inside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(bound(deserialize = "M: Deserialize<'de>"))]
#[schemars(rename = "Step")]
pub struct Step<M = Measurement> {
    /// Its name.
    pub name: String,
    /// Which part of the procedure it belongs to.
    pub section: words::Section,
    /// `measurement`, `set`, `wait`.
    pub step_type: String,
    /// True exactly for [`words::StepOutcome::Pass`]; whether the run passed is never derived from it.
    pub status: bool,
    /// How it ended.
    pub outcome: words::StepOutcome,
    /// Why, unless it passed.
    pub reason: Option<String>,
    /// When it began; null for a step that was not reached.
    #[serde(with = "time::option", default)]
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended; null for a step that was not reached.
    #[serde(with = "time::option", default)]
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub ended_at: Option<DateTime<Utc>>,
    /// How long it took, in seconds; null for a step that was not reached.
    #[serde(serialize_with = "number::finite_option")]
    pub duration_s: Option<f64>,
    /// How many attempts came before this one.
    pub retry_count: u32,
    /// True when it passed, and an earlier attempt had failed or erred.
    pub passed_on_retry: bool,
    /// What a sweep set for this turn; numbers, texts and booleans.
    #[serde(default, deserialize_with = "number::unique_keys")]
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// What was measured.
    pub measurements: Vec<M>,
    /// The earlier attempts, oldest first; the member is absent when there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Self>,
}

impl<M> Step<M> {
    /// What a measurement of this step is called outside of it: in a sweep `name[param=value,other=value]`.
    #[must_use]
    pub fn measurement_name(&self, name: &str) -> String {
        if self.parameters.is_empty() {
            return name.to_owned();
        }
        let said = self.parameters.iter().map(|(key, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{key}={text}")
        });
        format!("{name}[{}]", said.collect::<Vec<_>>().join(","))
    }

    /// Every attempt, the deciding one last.
    pub fn all_attempts(&self) -> impl Iterator<Item = &Self> {
        self.attempts.iter().chain(std::iter::once(self))
    }
}

/// A measurement as it was taken and judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measurement {
    /// Its name.
    pub name: String,
    /// The value, numbers in `unit`; null where there is none, and then `reading_kind` and `reason` say why.
    pub value: Option<Value>,
    /// The unit of the value and the limits.
    pub unit: String,
    /// Smallest value that passes; null where there is none.
    #[serde(serialize_with = "number::finite_option")]
    pub limit_low: Option<f64>,
    /// Largest value that passes; null where there is none.
    #[serde(serialize_with = "number::finite_option")]
    pub limit_high: Option<f64>,
    /// What beyond the range means; null without a limit.
    pub overrange: Option<words::Overrange>,
    /// The limit in full, where `limit_low`, `limit_high` and `overrange` do not say all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitInFull>,
    /// How it was judged.
    pub outcome: words::MeasurementOutcome,
    /// True when it passed within the limit's warning band; a field, never an outcome.
    #[serde(default, skip_serializing_if = "is_false")]
    pub marginal: bool,
    /// Why it failed, was accepted beyond the range, or was not taken.
    pub reason: Option<String>,
    /// What kind of reading it was judged by.
    pub reading_kind: words::ReadingKind,
    /// The response as received.
    pub raw: Option<String>,
    /// The instrument's name in the procedure, where one was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instrument: Option<String>,
    /// Its channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<u32>,
    /// What was measured, where an instrument was read: `dc_voltage`.
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
    pub sampling: Option<Sampling>,
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
    pub decision: Option<words::Decision>,
    /// When it was taken, as `started_at` plus the monotonic time.
    #[serde(with = "time")]
    #[schemars(with = "DateTime<Utc>")]
    pub taken_at: DateTime<Utc>,
}

/// How a value was made of an array: the numbers of another measurement of the same attempt, or the samples behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reduced {
    /// The measurement that has the array.
    pub of: String,
    /// How: `min`, `max`, `mean`, `rms`, `std` (n - 1), `peak_to_peak`, `percentile`, `count`.
    pub by: String,
    /// Which percentile, from 0 to 100.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "number::finite_option"
    )]
    pub p: Option<f64>,
}

/// How the readings of a measurement were taken. Values are in the measurement's unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sampling {
    /// Readings whose mean is the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<u32>,
    /// Readings before them that did not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discarded: Option<u32>,
    /// `instrument`: on one command; `repeated`: one command each; `statistics`: the meter computed what stands here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Their standard deviation (n - 1).
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "number::finite_option"
    )]
    pub s: Option<f64>,
    /// The smallest of them.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "number::finite_option"
    )]
    pub min: Option<f64>,
    /// The largest of them.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "number::finite_option"
    )]
    pub max: Option<f64>,
    /// From the trigger to each reading, in seconds.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "number::finite_option"
    )]
    pub delay_s: Option<f64>,
    /// What let the meter begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// Integration time in seconds.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "number::finite_option"
    )]
    pub aperture_s: Option<f64>,
    /// Resolution, as the meter said where it can be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<RangeInUse>,
}

/// The full scale of the range in use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RangeInUse {
    /// The number.
    #[serde(serialize_with = "number::finite")]
    pub value: f64,
    /// Its unit.
    pub unit: String,
}
