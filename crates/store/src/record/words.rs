//! The closed sets of a record, with their words in files and their only conversions from the runner's types.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum RunOutcome {
    /// At least one limit was judged and all were met.
    Pass,
    /// The unit failed a limit.
    Fail,
    /// Cut short by the operator, a signal, a kill or a power cut; or a partial run.
    Aborted,
    /// A step took longer than it may.
    Timeout,
    /// The station could not do what the procedure says.
    Error,
}

impl From<benchtop_run::RunOutcome> for RunOutcome {
    fn from(outcome: benchtop_run::RunOutcome) -> Self {
        match outcome {
            benchtop_run::RunOutcome::Pass => Self::Pass,
            benchtop_run::RunOutcome::Fail => Self::Fail,
            benchtop_run::RunOutcome::Aborted => Self::Aborted,
            benchtop_run::RunOutcome::Timeout => Self::Timeout,
            benchtop_run::RunOutcome::Error => Self::Error,
        }
    }
}

impl From<RunOutcome> for benchtop_run::RunOutcome {
    fn from(outcome: RunOutcome) -> Self {
        match outcome {
            RunOutcome::Pass => Self::Pass,
            RunOutcome::Fail => Self::Fail,
            RunOutcome::Aborted => Self::Aborted,
            RunOutcome::Timeout => Self::Timeout,
            RunOutcome::Error => Self::Error,
        }
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum StepOutcome {
    /// It did what it should, and every limit was met.
    Pass,
    /// A limit was not met.
    Fail,
    /// It did not run; neutral.
    Skip,
    /// It could not be carried out or judged.
    Error,
    /// It took longer than it may.
    Timeout,
    /// It was cut short.
    Aborted,
}

impl From<benchtop_run::StepOutcome> for StepOutcome {
    fn from(outcome: benchtop_run::StepOutcome) -> Self {
        match outcome {
            benchtop_run::StepOutcome::Pass => Self::Pass,
            benchtop_run::StepOutcome::Fail => Self::Fail,
            benchtop_run::StepOutcome::Skip => Self::Skip,
            benchtop_run::StepOutcome::Error => Self::Error,
            benchtop_run::StepOutcome::Timeout => Self::Timeout,
            benchtop_run::StepOutcome::Aborted => Self::Aborted,
        }
    }
}

/// How a measurement was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum MeasurementOutcome {
    /// Within every limit.
    Pass,
    /// Outside a limit.
    Fail,
    /// Without a limit, or not taken.
    Unset,
}

impl From<benchtop_run::MeasurementOutcome> for MeasurementOutcome {
    fn from(outcome: benchtop_run::MeasurementOutcome) -> Self {
        match outcome {
            benchtop_run::MeasurementOutcome::Pass => Self::Pass,
            benchtop_run::MeasurementOutcome::Fail => Self::Fail,
            benchtop_run::MeasurementOutcome::Unset => Self::Unset,
        }
    }
}

/// What may be said of a value that is known no better than its guard band or its uncertainty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Inside the acceptance limits.
    Pass,
    /// Between an acceptance limit and the limit itself.
    ConditionalPass,
    /// Beyond the limit, by no more than the guard band.
    ConditionalFail,
    /// Further beyond.
    Fail,
}

impl From<benchtop_run::Decision> for Decision {
    fn from(decision: benchtop_run::Decision) -> Self {
        match decision {
            benchtop_run::Decision::Pass => Self::Pass,
            benchtop_run::Decision::ConditionalPass => Self::ConditionalPass,
            benchtop_run::Decision::ConditionalFail => Self::ConditionalFail,
            benchtop_run::Decision::Fail => Self::Fail,
        }
    }
}

/// What beyond the range means to a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overrange {
    /// It fails.
    Fail,
    /// A positive overrange passes.
    Accept,
}

impl From<benchtop_run::OverrangeRule> for Overrange {
    fn from(rule: benchtop_run::OverrangeRule) -> Self {
        match rule {
            benchtop_run::OverrangeRule::Fail => Self::Fail,
            benchtop_run::OverrangeRule::Accept => Self::Accept,
        }
    }
}

/// What kind of reading a measurement was judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadingKind {
    /// A number.
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

impl From<benchtop_run::ReadingWord> for ReadingKind {
    fn from(word: benchtop_run::ReadingWord) -> Self {
        match word {
            benchtop_run::ReadingWord::Value => Self::Value,
            benchtop_run::ReadingWord::OverrangePositive => Self::OverrangePositive,
            benchtop_run::ReadingWord::OverrangeNegative => Self::OverrangeNegative,
            benchtop_run::ReadingWord::NotANumber => Self::NotANumber,
            benchtop_run::ReadingWord::Missing => Self::Missing,
        }
    }
}

/// Which part of a procedure a step belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Before the test.
    Setup,
    /// The test.
    Main,
    /// After the test, always.
    Teardown,
}

impl From<benchtop_run::Section> for Section {
    fn from(section: benchtop_run::Section) -> Self {
        match section {
            benchtop_run::Section::Setup => Self::Setup,
            benchtop_run::Section::Main => Self::Main,
            benchtop_run::Section::Teardown => Self::Teardown,
        }
    }
}

/// Why a run was made; only production counts in the yield.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Testing units to ship.
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

impl From<benchtop_run::Purpose> for Purpose {
    fn from(purpose: benchtop_run::Purpose) -> Self {
        match purpose {
            benchtop_run::Purpose::Production => Self::Production,
            benchtop_run::Purpose::Engineering => Self::Engineering,
            benchtop_run::Purpose::Golden => Self::Golden,
            benchtop_run::Purpose::GaugeStudy => Self::GaugeStudy,
            benchtop_run::Purpose::Partial => Self::Partial,
        }
    }
}

/// Whether an output was proved off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputState {
    /// The instrument was asked afterwards and said that it is off.
    Off,
    /// It may be on.
    MaybeOn,
}

/// How grave a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum LogLevel {
    /// Good to know.
    Info,
    /// Something to look at.
    Warning,
    /// Something is wrong.
    Error,
}

impl From<benchtop_run::LogLevel> for LogLevel {
    fn from(level: benchtop_run::LogLevel) -> Self {
        match level {
            benchtop_run::LogLevel::Info => Self::Info,
            benchtop_run::LogLevel::Warning => Self::Warning,
            benchtop_run::LogLevel::Error => Self::Error,
        }
    }
}
