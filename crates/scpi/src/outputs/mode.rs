//! What an output holds constant, and what took it off.

use super::is_close;
use crate::{
    definition::{OutputsDefinition, RegulationDefinition},
    driver::ScpiInstrument,
};
use benchtop_instrument::{
    Error, ErrorKind, Function, Instrument, Measure, Operation, OutputCapability, OutputMode, Protection, Quantity,
    ReadingKind, Regulation,
};
use std::cmp::Ordering;

impl ScpiInstrument {
    /// Asks whether the output is on and what it holds. One that is off is told to go off: what took it off may let go again.
    pub(crate) async fn find_output_mode(&mut self, channel: u32) -> Result<OutputMode, Error> {
        let operation = Operation::ReadBack;
        let (outputs, capability) = self.output(channel, operation)?;
        if !self.is_on(channel, &outputs, operation).await? {
            let tripped = self.tripped(channel, &outputs, operation).await?;
            self.output_off(channel)
                .await
                .map_err(|error| error.during(operation))?;
            return Ok(tripped.map_or(OutputMode::Off, OutputMode::Tripped));
        }
        match &outputs.regulation {
            Some(regulation) => self.ask_regulation(channel, regulation).await,
            None => self.judge_regulation(channel, &outputs, &capability).await,
        }
    }

    async fn ask_regulation(&mut self, channel: u32, how: &RegulationDefinition) -> Result<OutputMode, Error> {
        let operation = Operation::ReadBack;
        let query = how.query.fill(&[("channel", &channel.to_string())]);
        let deadline = self.deadline();
        let answer = self.ask(operation, &query, deadline).await?;
        match how.regulation(&answer) {
            Some(Some(regulation)) => Ok(OutputMode::Regulates(regulation)),
            Some(None) => Ok(OutputMode::Unregulated),
            None => {
                let shown = benchtop_notation::escape(&answer).into_owned();
                let message = format!("{query} answered `{shown}`, which says nothing of the regulation");
                Err(self.fail(ErrorKind::Garbled, operation, message))
            }
        }
    }

    /// What a supply holds that cannot be asked for it, by what it measures: its level, its limit, or neither, each to within
    /// the resolution of the setting.
    async fn judge_regulation(
        &mut self,
        channel: u32,
        outputs: &OutputsDefinition,
        capability: &OutputCapability,
    ) -> Result<OutputMode, Error> {
        let operation = Operation::ReadBack;
        let place = channel.to_string();
        let level = outputs.voltage_level.query.fill(&[("channel", &place)]);
        let level = Quantity::new(self.ask_number(operation, &level).await?, Function::DcVoltage.unit());
        let limit = outputs.current_limit.query.fill(&[("channel", &place)]);
        let limit = Quantity::new(self.ask_number(operation, &limit).await?, Function::DcCurrent.unit());
        let (volts, amperes) = (
            self.measured(channel, Function::DcVoltage).await?,
            self.measured(channel, Function::DcCurrent).await?,
        );
        let is_at = |wanted: Quantity, present: Quantity, resolution: Quantity| {
            let above = present.compare(wanted).is_some_and(Ordering::is_gt);
            above || is_close(wanted, present.value, resolution)
        };
        let holds_level = is_at(level, volts, capability.voltage_level.resolution);
        let holds_limit = is_at(limit, amperes, capability.current_limit.resolution);
        Ok(match (holds_level, holds_limit) {
            (true, _) => OutputMode::Regulates(Regulation::Voltage),
            (false, true) => OutputMode::Regulates(Regulation::Current),
            (false, false) => OutputMode::Unregulated,
        })
    }

    /// What the supply itself measures at an output, in the function's own unit.
    async fn measured(&mut self, channel: u32, function: Function) -> Result<Quantity, Error> {
        let request = Measure {
            channel,
            ..Measure::of(function)
        };
        let reading = self.measure(&request).await?;
        match reading.kind {
            ReadingKind::Value(quantity) => Ok(quantity),
            ReadingKind::Overrange(_) | ReadingKind::NotANumber => {
                let message = format!("{function} of output {channel} is no number");
                Err(self.fail(ErrorKind::Garbled, Operation::ReadBack, message))
            }
        }
    }

    /// Which protection says that it took the output off; the first where several do.
    async fn tripped(
        &mut self,
        channel: u32,
        outputs: &OutputsDefinition,
        operation: Operation,
    ) -> Result<Option<Protection>, Error> {
        for (protection, how) in &outputs.protection {
            let query = how.query.fill(&[("channel", &channel.to_string())]);
            let deadline = self.urgent_deadline();
            let answer = self.ask(operation, &query, deadline).await?;
            if how.has_tripped(&answer) {
                return Ok(Some(*protection));
            }
        }
        Ok(None)
    }

    /// `: over-voltage protection tripped`, behind what says that an output is off; nothing where nothing is known.
    pub(super) async fn why_off(&mut self, channel: u32, outputs: &OutputsDefinition, operation: Operation) -> String {
        match self.tripped(channel, outputs, operation).await {
            Ok(Some(protection)) => format!(": {protection} tripped"),
            Ok(None) => String::new(),
            Err(error) => format!("; what took it off is not known: {error}"),
        }
    }
}
