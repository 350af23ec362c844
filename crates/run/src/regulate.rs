//! Turning an output on and judging what it holds then: a unit that pulls a supply out of its regulation is a FAIL of the
//! unit, not an Error of the station.
//!
//! - `cv`: current limiting or a tripped over-current protection, seen at any look within the settling time, is a FAIL.
//! - `cc`: the output must limit its current before the settling time is over.
//! - An output that went off for another reason says nothing about the unit: an Error.

use crate::{
    actor::{Actor, CommandError},
    assess::Assessment,
    event::{EventKind, MeasurementTaken, ReadingWord, StepAddress},
    outcome::StepOutcome,
    steps::{Ended, Floor, NotRecorded},
};
use benchtop_instrument::{
    BaseUnit, Choices, ErrorKind, Function, Measure, OutputMode, OutputSetting, Protection, Quantity, Reading,
    ReadingKind, Regulation, Sampling, Setting, Unit,
};
use benchtop_procedure::{
    Expectation, Judgement, Limit, LogicalName, Measured, MeasurementOutcome, Step, Value, judge, regulation_name,
};
use std::time::Duration;

/// Between two looks at an output.
const EVERY: Duration = Duration::from_millis(20);

/// One output that is turned on, and what it must hold then.
pub(crate) struct Expected<'s> {
    step: &'s Step,
    instrument: &'s LogicalName,
    setting: &'s OutputSetting,
    expects: Expectation,
    address: StepAddress,
    attempt: u32,
}

impl<'s> Expected<'s> {
    pub(crate) const fn of(
        step: &'s Step,
        instrument: &'s LogicalName,
        setting: &'s OutputSetting,
        expects: Expectation,
        address: StepAddress,
        attempt: u32,
    ) -> Self {
        Self {
            step,
            instrument,
            setting,
            expects,
            address,
            attempt,
        }
    }

    /// Turns the output on and watches it.
    pub(crate) async fn set(&self, floor: &Floor, actor: &Actor) -> Result<Ended, NotRecorded> {
        let found = match actor.set(Setting::Output(*self.setting)).await {
            Ok(()) => self.watch(floor, actor).await,
            Err(error) => self.tripped_at_once(actor, error).await,
        };
        let mode = match found {
            Ok(mode) => mode,
            Err(reason) => return self.not_found(floor, reason),
        };
        let value = Value::Text(mode.word().to_owned());
        let mut judgement = judge(Some(&self.limit()), &Measured::Value(value.clone()), bare());
        let mut ended = (StepOutcome::Pass, None);
        if judgement.outcome == MeasurementOutcome::Fail {
            let reason = self.reason(mode, &self.measured(actor).await);
            ended = (StepOutcome::Fail, Some(reason.clone()));
            judgement.reason = Some(reason);
        }
        let taken = self.taken(Some(value), judgement);
        floor.report(EventKind::MeasurementTaken(Box::new(taken)))?;
        Ok(ended)
    }

    /// What it holds is not known, which makes the step an Error.
    pub(crate) fn not_found(&self, floor: &Floor, reason: String) -> Result<Ended, NotRecorded> {
        let taken = self.taken(None, Judgement::unusable(reason.clone()));
        floor.report(EventKind::MeasurementTaken(Box::new(taken)))?;
        Ok((StepOutcome::Error, Some(reason)))
    }

    /// Looks until something decides, or the settling time is over.
    async fn watch(&self, floor: &Floor, actor: &Actor) -> Result<OutputMode, String> {
        let end = floor.clock.now().after(self.expects.settle);
        loop {
            let mode = actor
                .output_mode(self.setting.channel)
                .await
                .map_err(|error| self.said(&error))?;
            let decided = match (mode, self.expects.regulation) {
                (OutputMode::Tripped(Protection::OverVoltage), _) => {
                    return Err(self.went_off(": over-voltage protection tripped"));
                }
                (OutputMode::Off, _) => return Err(self.went_off("")),
                (OutputMode::Tripped(Protection::OverCurrent), _)
                | (OutputMode::Regulates(Regulation::Current), Regulation::Voltage | Regulation::Current) => true,
                (OutputMode::Regulates(Regulation::Voltage) | OutputMode::Unregulated, _) => false,
            };
            let now = floor.clock.now();
            if decided || now >= end {
                return Ok(mode);
            }
            floor.clock.sleep_until(now.after(EVERY).min(end)).await;
        }
    }

    /// A supply that could not be turned on because its over-current protection took the output off at once.
    async fn tripped_at_once(&self, actor: &Actor, error: CommandError) -> Result<OutputMode, String> {
        let is_off = match &error {
            CommandError::Instrument(error) => error.kind() == ErrorKind::Readback,
            CommandError::Gone(_) => false,
        };
        if !is_off {
            return Err(self.said(&error));
        }
        match actor.output_mode(self.setting.channel).await {
            Ok(mode @ OutputMode::Tripped(Protection::OverCurrent)) => Ok(mode),
            Ok(
                OutputMode::Tripped(Protection::OverVoltage)
                | OutputMode::Regulates(_)
                | OutputMode::Unregulated
                | OutputMode::Off,
            )
            | Err(_) => Err(self.said(&error)),
        }
    }

    fn said(&self, error: &CommandError) -> String {
        format!("{}: {error}", self.instrument)
    }

    fn went_off(&self, why: &str) -> String {
        format!(
            "{}: output {} was turned on and went off again{why}",
            self.instrument, self.setting.channel
        )
    }

    fn reason(&self, mode: OutputMode, measured: &str) -> String {
        let wanted = match self.expects.regulation {
            Regulation::Voltage => "constant voltage",
            Regulation::Current => "constant current",
        };
        let found = match mode {
            OutputMode::Regulates(Regulation::Voltage) => "is in constant voltage".to_owned(),
            OutputMode::Regulates(Regulation::Current) => "is limiting its current".to_owned(),
            OutputMode::Unregulated => "holds neither its voltage nor its current".to_owned(),
            OutputMode::Tripped(protection) => format!("is off, its {protection} tripped"),
            OutputMode::Off => "is off".to_owned(),
        };
        let (instrument, channel) = (self.instrument, self.setting.channel);
        format!("{instrument} channel {channel} {found}, expected {wanted}: {measured}")
    }

    /// The volts and amperes of the output, for people.
    async fn measured(&self, actor: &Actor) -> String {
        let mut all = Vec::new();
        for function in [Function::DcVoltage, Function::DcCurrent] {
            let request = Measure {
                channel: self.setting.channel,
                ..Measure::of(function)
            };
            all.push(match actor.measure(request).await {
                Ok(reading) => value(&reading).map_or_else(
                    || format!("{function} beyond its range"),
                    |quantity| quantity.to_string(),
                ),
                Err(error) => format!("{function} not measured ({error})"),
            });
        }
        format!("measured {}", all.join(" and "))
    }

    fn limit(&self) -> Limit {
        Limit {
            equals: Some(Value::Text(self.expects.regulation.word().to_owned())),
            ..Limit::default()
        }
    }

    /// What is recorded of it.
    pub(crate) fn taken(&self, value: Option<Value>, judgement: Judgement) -> MeasurementTaken {
        let reading_kind = match value {
            Some(_) => ReadingWord::Value,
            None => ReadingWord::Missing,
        };
        MeasurementTaken {
            address: self.address,
            attempt: self.attempt,
            name: regulation_name(&self.step.name),
            instrument: Some(self.instrument.clone()),
            channel: Some(self.setting.channel),
            channel_name: None,
            function: Some("regulation"),
            reduction: None,
            value,
            unit: bare(),
            limit: Some(self.limit()),
            outcome: judgement.outcome,
            marginal: judgement.marginal,
            reason: judgement.reason,
            reading_kind,
            raw: None,
            range: None,
            nplc: None,
            choices: Choices::default(),
            sampling: Sampling::ONE,
            samples: None,
            assessment: Assessment::default(),
        }
    }
}

const fn bare() -> Unit {
    Unit::of(BaseUnit::One)
}

const fn value(reading: &Reading) -> Option<Quantity> {
    match reading.kind {
        ReadingKind::Value(quantity) => Some(quantity),
        ReadingKind::Overrange(_) | ReadingKind::NotANumber => None,
    }
}
