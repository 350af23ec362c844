//! What lies at the terminals of a simulated instrument, beside what the driver reads there: a number within a range is that
//! number, and nothing beyond a range is one.

use super::witness::{base, every_range};
use benchtop_instrument::{
    Decimal, Error, Function, Instrument, Measure, OutputCapability, OutputSetting, Polarity, Quantity, RangeRequest,
    Reading, ReadingKind, Setting,
};
use benchtop_scpi::{Definition, FunctionDefinition};
use benchtop_sim::SimulatedBench;

/// Within a range: no power of ten, so that a wrong prefix is another number.
const WITHIN: f64 = 0.432;
/// The last of a range, and the first beyond it, as parts of its maximum: noise lies between.
const LAST: f64 = 0.998;
const BEYOND: f64 = 1.01;
/// What a reading may be off, as a part of the range: the noise of the fastest and simplest meters.
const OFF: f64 = 1e-3;
/// More than any meter measures of anything.
const TOO_MUCH: f64 = 1e15;

/// How a function is given something to measure.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Given {
    /// A signal. Open terminals have none: zero.
    Signal,
    /// What a wire is between the terminals, and more. Open terminals are beyond every range.
    Wire,
    /// A sensor, which nothing here is: open terminals only.
    Sensor,
}

const fn given(function: Function) -> Given {
    match function {
        Function::DcVoltage
        | Function::AcVoltage
        | Function::DcCurrent
        | Function::AcCurrent
        | Function::Frequency
        | Function::Period
        | Function::Capacitance => Given::Signal,
        Function::Resistance | Function::FourWireResistance | Function::Continuity | Function::Diode => Given::Wire,
        Function::Temperature => Given::Sensor,
    }
}

/// Of functions that have no ranges to choose: what they are given, in their base unit.
const fn usual(function: Function) -> f64 {
    match function {
        Function::DcVoltage | Function::AcVoltage => 0.0432,
        Function::DcCurrent | Function::AcCurrent => 0.00432,
        Function::Resistance | Function::FourWireResistance => 43.2,
        Function::Frequency => 1234.0,
        Function::Period => 0.001_234,
        Function::Diode => 0.5432,
        Function::Continuity => 5.432,
        Function::Capacitance => 4.32e-7,
        Function::Temperature => 0.0,
    }
}

/// With open terminals: what is open is overrange in every range, and a signal is the number that it is, or overrange.
pub(super) async fn open(
    instrument: &mut dyn Instrument,
    definition: &Definition,
    bench: &SimulatedBench,
) -> Result<(), String> {
    for (function, row) in meters(definition) {
        let mut terminals = Terminals::of(instrument, bench, function, row);
        match given(function) {
            Given::Signal => terminals.every_number().await?,
            Given::Wire | Given::Sensor => {
                for range in every_range(row).chain([RangeRequest::Default]) {
                    terminals.reads(range, None).await?;
                }
            }
        }
    }
    Ok(())
}

/// With a wire between the terminals: a resistance, or a diode, is the number that it is, or overrange.
pub(super) async fn wired(
    instrument: &mut dyn Instrument,
    definition: &Definition,
    bench: &SimulatedBench,
) -> Result<(), String> {
    for (function, row) in meters(definition) {
        if given(function) == Given::Wire {
            Terminals::of(instrument, bench, function, row).every_number().await?;
        }
    }
    Ok(())
}

/// The functions of a meter: what a supply measures of its own outputs is tried with them.
fn meters(definition: &Definition) -> impl Iterator<Item = (Function, &FunctionDefinition)> {
    let is_meter = definition.outputs.is_none();
    let functions = definition.functions.iter().filter(move |_| is_meter);
    functions.map(|(function, row)| (*function, row))
}

/// One function of a meter, and what lies at its terminals.
struct Terminals<'a> {
    instrument: &'a mut dyn Instrument,
    bench: &'a SimulatedBench,
    function: Function,
    row: &'a FunctionDefinition,
}

impl<'a> Terminals<'a> {
    fn of(
        instrument: &'a mut dyn Instrument,
        bench: &'a SimulatedBench,
        function: Function,
        row: &'a FunctionDefinition,
    ) -> Self {
        Self {
            instrument,
            bench,
            function,
            row,
        }
    }

    /// Numbers in every range, up to its end; and beyond it, where it has one.
    async fn every_number(&mut self) -> Result<(), String> {
        let ranges = self.row.capability.ranges.clone();
        let is_signed = matches!(self.function, Function::DcVoltage | Function::DcCurrent);
        for range in &ranges {
            let exactly = RangeRequest::Exactly(range.full_scale);
            let (Some(scale), Some(maximum)) = (base(range.full_scale), base(range.maximum)) else {
                continue;
            };
            for number in [WITHIN * scale, LAST * maximum] {
                self.reads(exactly, Some((number, scale))).await?;
            }
            self.is_beyond(exactly, BEYOND * maximum).await?;
            if is_signed {
                self.reads(exactly, Some((-WITHIN * scale, scale))).await?;
                self.is_beyond(exactly, -BEYOND * maximum).await?;
            }
            if self.row.capability.autorange {
                self.reads(RangeRequest::Auto, Some((WITHIN * scale, scale))).await?;
            }
        }
        let usual = ranges
            .first()
            .and_then(|range| base(range.full_scale))
            .map_or_else(|| usual(self.function), |scale| WITHIN * scale);
        self.reads(RangeRequest::Default, Some((usual, 0.0))).await?;
        // a counter, or what is simulated without an end, has nothing beyond
        if self.has_an_end() {
            self.is_beyond(RangeRequest::Default, TOO_MUCH).await?;
            if is_signed {
                self.is_beyond(RangeRequest::Default, -TOO_MUCH).await?;
            }
        }
        self.give(0.0);
        Ok(())
    }

    fn channel(&self) -> u32 {
        self.row.capability.channels.first().copied().unwrap_or(1)
    }

    fn name(&self) -> &'a str {
        self.bench.instrument_names().next().unwrap_or_default()
    }

    fn has_an_end(&self) -> bool {
        let state = self.bench.meter_state(self.name(), self.channel());
        state.is_some_and(|state| state.maximum.is_some())
    }

    fn give(&self, amount: f64) {
        self.bench.shift(self.name(), amount);
    }

    async fn measure(&mut self, range: RangeRequest) -> Result<Reading, String> {
        let request = Measure {
            channel: self.channel(),
            range,
            ..Measure::of(self.function)
        };
        let failed = |error: Error| format!("{}, {range}: {error}", self.function);
        self.instrument.measure(&request).await.map_err(failed)
    }

    /// A number, of a range that reaches so far, is read as that number; nothing, at open terminals, as overrange.
    async fn reads(&mut self, range: RangeRequest, number: Option<(f64, f64)>) -> Result<(), String> {
        let Some((number, scale)) = number else {
            let reading = self.measure(range).await?;
            return match reading.kind {
                ReadingKind::Overrange(Polarity::Positive) => Ok(()),
                ReadingKind::Overrange(Polarity::Negative) | ReadingKind::Value(_) | ReadingKind::NotANumber => {
                    let said = shown(&reading);
                    Err(format!(
                        "{}, {range}: with open terminals it reads {said}, not overrange",
                        self.function
                    ))
                }
            };
        };
        self.give(number);
        let reading = self.measure(range).await?;
        // where the meter chooses a range, its noise is of that one
        let chosen = self.bench.meter_state(self.name(), self.channel());
        let chosen = chosen.and_then(|state| state.range).unwrap_or_default();
        let off = OFF * scale.max(chosen).max(number.abs());
        let is_read = match reading.kind {
            ReadingKind::Value(value) => base(value).is_some_and(|value| (value - number).abs() <= off),
            ReadingKind::Overrange(_) | ReadingKind::NotANumber => false,
        };
        if is_read {
            return Ok(());
        }
        let (unit, said) = (self.function.unit(), shown(&reading));
        Err(format!(
            "{}, {range}: {number} {unit} at its terminals is read as {said}",
            self.function
        ))
    }

    /// What lies beyond the range is overrange, on its side.
    async fn is_beyond(&mut self, range: RangeRequest, number: f64) -> Result<(), String> {
        self.give(number);
        let reading = self.measure(range).await?;
        let side = if number < 0.0 {
            Polarity::Negative
        } else {
            Polarity::Positive
        };
        if reading.kind == ReadingKind::Overrange(side) {
            return Ok(());
        }
        let (unit, said) = (self.function.unit(), shown(&reading));
        Err(format!(
            "{}, {range}: {number} {unit} at its terminals is beyond it, and is read as {said}",
            self.function
        ))
    }
}

fn shown(reading: &Reading) -> String {
    match reading.kind {
        ReadingKind::Value(value) => format!("{value} (`{}`)", reading.text),
        ReadingKind::Overrange(Polarity::Positive) => "overrange".to_owned(),
        ReadingKind::Overrange(Polarity::Negative) => "negative overrange".to_owned(),
        ReadingKind::NotANumber => "not a number".to_owned(),
    }
}

/// What a supply measures of its outputs: the voltage that it was set to with nothing connected, and the current that flows.
pub(super) async fn supplied(
    instrument: &mut dyn Instrument,
    definition: &Definition,
    bench: &SimulatedBench,
) -> Result<(), String> {
    let name = bench.instrument_names().next().unwrap_or_default();
    for (channel, output) in definition.outputs.iter().flat_map(|outputs| &outputs.channels) {
        let OutputCapability {
            voltage_level,
            current_limit,
            ..
        } = output;
        let (volts, amperes) = (half(voltage_level.maximum), half(current_limit.maximum));
        let on = OutputSetting {
            voltage_level: Some(volts),
            current_limit: Some(current_limit.maximum),
            output_enabled: Some(true),
            ..OutputSetting::of_channel(*channel)
        };
        let failed = |error: Error| format!("output {channel}: {error}");
        instrument.set(&Setting::Output(on)).await.map_err(failed)?;
        for (function, lies_there, shift) in [
            (Function::DcVoltage, volts, 0.0),
            (Function::DcCurrent, amperes, base(amperes).unwrap_or_default()),
        ] {
            let row = definition.functions.get(&function);
            if !row.is_some_and(|row| row.capability.channels.contains(channel)) {
                continue;
            }
            bench.shift(name, shift);
            let request = Measure {
                channel: *channel,
                ..Measure::of(function)
            };
            let reading = instrument.measure(&request).await;
            bench.shift(name, 0.0);
            let reading = reading.map_err(|error| format!("{function}, output {channel}: {error}"))?;
            let (wanted, read) = (base(lies_there), value(&reading).and_then(base));
            let is_read = wanted
                .zip(read)
                .is_some_and(|(wanted, read)| (read - wanted).abs() <= OFF * wanted.abs());
            if !is_read {
                let said = shown(&reading);
                return Err(format!(
                    "{function}, output {channel}: {lies_there} at it is read as {said}"
                ));
            }
        }
        let off = OutputSetting {
            output_enabled: Some(false),
            ..OutputSetting::of_channel(*channel)
        };
        instrument.set(&Setting::Output(off)).await.map_err(failed)?;
        // one switch for all outputs would turn on what was set for this one
        instrument.prepare().await.map_err(failed)?;
    }
    Ok(())
}

fn half(quantity: Quantity) -> Quantity {
    let half = Decimal::new(5, -1).and_then(|half| quantity.value.checked_mul(half));
    Quantity::new(half.unwrap_or(quantity.value), quantity.unit)
}

const fn value(reading: &Reading) -> Option<Quantity> {
    match reading.kind {
        ReadingKind::Value(value) => Some(value),
        ReadingKind::Overrange(_) | ReadingKind::NotANumber => None,
    }
}
