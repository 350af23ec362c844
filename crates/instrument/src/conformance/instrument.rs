//! The instrument suite: everything that the capabilities promise is tried, everything beyond is refused.

use super::{Violation, broken, sampling, switching};
use crate::{
    Bounds, Choices, Decimal, Error, ErrorKind, InputImpedance, Instrument, Measure, OutputCapability, OutputSetting,
    Quantity, RangeRequest, ReadingKind, SafetyProof, Setting,
};
use async_trait::async_trait;

/// How to open an instrument of one kind.
#[async_trait]
pub trait InstrumentRig: Send + Sync {
    /// Opens one. Its inputs may lie open; its outputs may be loaded with anything or nothing.
    async fn open(&self) -> Result<Box<dyn Instrument>, Error>;

    /// False where the model has no report of its errors, and all that is set is read back instead.
    fn reports_errors(&self) -> bool {
        true
    }
}

/// Runs every check that the instrument's capabilities call for.
///
/// # Errors
/// The first [`Violation`].
pub async fn instrument(rig: &dyn InstrumentRig) -> Result<(), Violation> {
    let mut opened = rig
        .open()
        .await
        .map_err(|error| broken("it opens", error.to_string()))?;
    let instrument = opened.as_mut();
    prepares_twice(instrument).await?;
    every_function_and_range_reads(instrument).await?;
    if rig.reports_errors() {
        its_own_errors_fail_what_comes_next(instrument).await?;
    }
    requests_beyond_the_capabilities_are_refused(instrument).await?;
    every_output_is_set_and_made_safe(instrument).await?;
    settings_beyond_the_bounds_are_refused(instrument).await?;
    switching::every_channel_closes_and_opens(instrument).await?;
    switching::what_is_no_channel_is_refused(instrument).await?;
    instrument
        .close()
        .await
        .map_err(|error| broken("it closes", error.to_string()))
}

async fn prepares_twice(instrument: &mut dyn Instrument) -> Result<(), Violation> {
    let rule = "prepare brings it into the same state again";
    let first = instrument
        .prepare()
        .await
        .map_err(|error| broken(rule, error.to_string()))?;
    let second = instrument
        .prepare()
        .await
        .map_err(|error| broken(rule, error.to_string()))?;
    if first.identity != second.identity || !second.stale_errors.is_empty() {
        return Err(broken(rule, format!("{first:?}, then {second:?}")));
    }
    Ok(())
}

async fn every_function_and_range_reads(instrument: &mut dyn Instrument) -> Result<(), Violation> {
    let rule = "every function and range of the capabilities can be measured";
    let functions = instrument.capabilities().functions.clone();
    for (function, capability) in functions {
        if capability.needs_output {
            with_its_output_off_it_is_refused(instrument, function, &capability).await?;
        }
        let ranges = capability
            .ranges
            .iter()
            .map(|range| RangeRequest::Exactly(range.full_scale));
        let auto = capability.autorange.then_some(RangeRequest::Auto);
        every_choice_is_in_use(instrument, function, &capability).await?;
        sampling::every_way_is_in_use(instrument, function, &capability).await?;
        for range in ranges.chain(auto).chain([RangeRequest::Default]) {
            let channel = capability.channels.first().copied().unwrap_or(1);
            let request = Measure {
                channel,
                range,
                nplc: capability.nplc.first().copied(),
                ..Measure::of(function)
            };
            let reading = instrument
                .measure(&request)
                .await
                .map_err(|error| broken(rule, format!("{function}, {range}: {error}")))?;
            if let ReadingKind::Value(quantity) = reading.kind
                && !quantity.unit.is_like(function.unit())
            {
                return Err(broken(
                    "a reading is in its function's unit",
                    format!("{function}: {quantity}"),
                ));
            }
            if let (RangeRequest::Exactly(wanted), Some(used)) = (range, reading.range_in_use)
                && wanted.compare(used).is_none_or(std::cmp::Ordering::is_ne)
            {
                return Err(broken(
                    "the range in use is the one asked for",
                    format!("{wanted} gave {used}"),
                ));
            }
        }
    }
    Ok(())
}

/// And is the default again in the next measurement.
async fn every_choice_is_in_use(
    instrument: &mut dyn Instrument,
    function: crate::Function,
    capability: &crate::FunctionCapability,
) -> Result<(), Violation> {
    let rule = "autozero and input impedance are as they were asked for";
    let channel = capability.channels.first().copied().unwrap_or(1);
    let usual = Measure {
        channel,
        nplc: capability.nplc.first().copied(),
        ..Measure::of(function)
    };
    if capability.choices == crate::ChoiceCapability::default() {
        return Ok(());
    }
    let fail = |error: Error| broken(rule, format!("{function}: {error}"));
    let before = instrument.measure(&usual).await.map_err(fail)?.choices;
    for (autozero, input_impedance) in [(true, InputImpedance::High), (false, InputImpedance::TenMegohm)] {
        let choices = Choices {
            autozero: capability.choices.autozero.then_some(autozero),
            input_impedance: capability.choices.input_impedance.then_some(input_impedance),
        };
        let reading = instrument.measure(&Measure { choices, ..usual }).await.map_err(fail)?;
        if reading.choices != choices {
            return Err(broken(
                rule,
                format!("{function}: {choices:?} gave {:?}", reading.choices),
            ));
        }
    }
    let after = instrument.measure(&usual).await.map_err(fail)?.choices;
    if after != before {
        let rule = "what is not asked for is the default again";
        return Err(broken(rule, format!("{function}: {before:?}, then {after:?}")));
    }
    Ok(())
}

/// And turns the output on, for the readings that follow; `make_safe` is tried later.
async fn with_its_output_off_it_is_refused(
    instrument: &mut dyn Instrument,
    function: crate::Function,
    capability: &crate::FunctionCapability,
) -> Result<(), Violation> {
    let rule = "what needs an output is refused while it is off";
    for channel in capability.channels.iter().copied() {
        let request = Measure {
            channel,
            ..Measure::of(function)
        };
        let fail = |error: Error| broken(rule, error.to_string());
        instrument
            .set(&Setting::Output(OutputSetting {
                output_enabled: Some(false),
                ..OutputSetting::of_channel(channel)
            }))
            .await
            .map_err(fail)?;
        refused(rule, "a reading", instrument.measure(&request).await)?;
        let Some(output) = instrument.capabilities().outputs.get(&channel).cloned() else {
            return Err(broken(rule, format!("there is no output {channel}")));
        };
        instrument
            .set(&Setting::Output(OutputSetting {
                voltage_level: Some(output.voltage_level.minimum),
                current_limit: Some(output.current_limit.maximum),
                output_enabled: Some(true),
                ..OutputSetting::of_channel(channel)
            }))
            .await
            .map_err(fail)?;
    }
    Ok(())
}

pub(super) fn refused<T>(rule: &'static str, what: &str, result: Result<T, Error>) -> Result<(), Violation> {
    refused_by_name(rule, what, result, &[])
}

/// And its sentence holds these words: what was asked of what, and how far that reaches.
fn refused_by_name<T>(
    rule: &'static str,
    what: &str,
    result: Result<T, Error>,
    words: &[String],
) -> Result<(), Violation> {
    match result {
        Err(error) if matches!(error.kind(), ErrorKind::OutOfRange | ErrorKind::Unsupported) => {
            match words.iter().find(|word| !error.message().contains(word.as_str())) {
                Some(missing) => Err(broken(rule, format!("{what}: `{missing}` is not in: {error}"))),
                None => Ok(()),
            }
        }
        Err(error) => Err(broken(
            rule,
            format!("{what}: refused, but as {:?}: {error}", error.kind()),
        )),
        Ok(_) => Err(broken(rule, format!("{what} was accepted"))),
    }
}

/// The error witness sees what it is there for: a message that no instrument knows.
async fn its_own_errors_fail_what_comes_next(instrument: &mut dyn Instrument) -> Result<(), Violation> {
    let rule = "an error that the instrument reports fails what comes next, once";
    let capabilities = instrument.capabilities();
    let free = capabilities
        .functions
        .iter()
        .find(|(_, function)| !function.needs_output);
    let Some((function, capability)) = free.map(|(function, capability)| (*function, capability.clone())) else {
        return Ok(());
    };
    let request = Measure {
        channel: capability.channels.first().copied().unwrap_or(1),
        nplc: capability.nplc.first().copied(),
        ..Measure::of(function)
    };
    let fail = |error: Error| broken(rule, error.to_string());
    instrument.query("BENCHTOP:NONSENSE").await.map_err(fail)?;
    match instrument.measure(&request).await {
        Err(error) if error.kind() == ErrorKind::Instrument => {}
        Err(error) => return Err(broken(rule, format!("as {:?}: {error}", error.kind()))),
        Ok(reading) => return Err(broken(rule, format!("it gave {}", reading.text))),
    }
    instrument.recover().await.map_err(fail)?;
    instrument.measure(&request).await.map(drop).map_err(fail)
}

async fn requests_beyond_the_capabilities_are_refused(instrument: &mut dyn Instrument) -> Result<(), Violation> {
    let rule = "a measurement beyond the capabilities is refused before anything is sent";
    let functions = instrument.capabilities().functions.clone();
    for (word, function) in crate::Function::ALL {
        let request = Measure::of(*function);
        let Some(capability) = functions.get(function) else {
            let words = [(*word).to_owned(), instrument.capabilities().model.clone()];
            refused_by_name(rule, word, instrument.measure(&request).await, &words)?;
            continue;
        };
        // what is beyond is the only thing that is wrong with it
        let request = Measure {
            channel: capability.channels.first().copied().unwrap_or(1),
            ..request
        };
        let channel = capability.channels.iter().max().map_or(1, |last| last + 1);
        refused_by_name(
            rule,
            "a channel too many",
            instrument.measure(&Measure { channel, ..request }).await,
            &[channel.to_string(), instrument.capabilities().channel_list()],
        )?;
        for (what, range, asked) in ranges_that_there_are_not(*function, capability) {
            let scales = capability.ranges.iter().map(|range| range.full_scale.to_string());
            let mut words = vec![(*word).to_owned(), asked.to_string()];
            words.extend(scales);
            if capability.ranges.is_empty() {
                words.push("no ranges".to_owned());
            }
            let request = Measure { range, ..request };
            refused_by_name(rule, what, instrument.measure(&request).await, &words)?;
        }
        let impedance = Some(InputImpedance::High).filter(|_| !capability.choices.input_impedance);
        let autozero = Some(false).filter(|_| !capability.choices.autozero);
        for choices in [
            Choices {
                autozero,
                ..Choices::default()
            },
            Choices {
                input_impedance: impedance,
                ..Choices::default()
            },
        ] {
            if choices != Choices::default() {
                let choice = if choices.autozero.is_some() {
                    "autozero"
                } else {
                    "input_impedance"
                };
                let request = Measure { choices, ..request };
                let words = [(*word).to_owned(), choice.to_owned()];
                let result = instrument.measure(&request).await;
                refused_by_name(rule, "a choice that it has not", result, &words)?;
            }
        }
        for (sampling, mut words) in sampling::beyond(capability) {
            let request = Measure { sampling, ..request };
            words.push((*word).to_owned());
            let result = instrument.measure(&request).await;
            refused_by_name(rule, "a way of sampling that it has not", result, &words)?;
        }
        let nplc = Decimal::from_integer(12_345);
        let mut words = vec![(*word).to_owned()];
        match capability.nplc.as_slice() {
            [] => words.push("no integration time".to_owned()),
            cycles => words.extend(cycles.iter().chain([&nplc]).map(ToString::to_string)),
        }
        refused_by_name(
            rule,
            "an nplc that it has not",
            instrument
                .measure(&Measure {
                    nplc: Some(nplc),
                    ..request
                })
                .await,
            &words,
        )?;
    }
    Ok(())
}

/// Ranges beyond both ends of what a function has, and one of another quantity; each with the value that is asked for.
fn ranges_that_there_are_not(
    function: crate::Function,
    capability: &crate::FunctionCapability,
) -> Vec<(&'static str, RangeRequest, Quantity)> {
    let foreign = if function.unit().base() == crate::BaseUnit::Ampere {
        crate::BaseUnit::Volt
    } else {
        crate::BaseUnit::Ampere
    };
    let foreign = Quantity::new(Decimal::ONE, crate::Unit::of(foreign));
    let mut beyond = vec![("a range of another quantity", RangeRequest::AtLeast(foreign), foreign)];
    let (Some(smallest), Some(largest)) = (capability.ranges.first(), capability.ranges.last()) else {
        let one = Quantity::new(Decimal::ONE, function.unit());
        beyond.push(("a range where there are none", RangeRequest::AtLeast(one), one));
        beyond.push(("a range where there are none", RangeRequest::Exactly(one), one));
        return beyond;
    };
    let above = Quantity::new(doubled(largest.maximum.value), largest.maximum.unit);
    let half = Decimal::new(5, -1).and_then(|half| smallest.full_scale.value.checked_mul(half));
    beyond.push(("a range for too much", RangeRequest::AtLeast(above), above));
    beyond.push(("a range too large", RangeRequest::Exactly(above), above));
    if let Some(half) = half {
        let below = Quantity::new(half, smallest.full_scale.unit);
        beyond.push(("a range too small", RangeRequest::Exactly(below), below));
    }
    beyond
}

fn doubled(value: Decimal) -> Decimal {
    value.checked_add(value).unwrap_or(value)
}

async fn every_output_is_set_and_made_safe(instrument: &mut dyn Instrument) -> Result<(), Violation> {
    let rule = "every output turns on, and make_safe proves it off";
    let outputs = instrument.capabilities().outputs.clone();
    for (channel, output) in &outputs {
        let setting = Setting::Output(OutputSetting {
            voltage_level: Some(output.voltage_level.minimum),
            current_limit: Some(output.current_limit.maximum),
            output_enabled: Some(true),
            ..OutputSetting::of_channel(*channel)
        });
        instrument
            .set(&setting)
            .await
            .map_err(|error| broken(rule, error.to_string()))?;
    }
    for rule in [
        "what was turned on is found on",
        "what was turned on is on after a recovery",
    ] {
        let fail = |error: Error| broken(rule, error.to_string());
        instrument.find_outputs_on().await.map_err(fail)?;
        instrument.recover().await.map_err(fail)?;
    }
    for _twice in 0..2 {
        let states = instrument
            .make_safe()
            .await
            .map_err(|error| broken(rule, error.to_string()))?;
        let proved: Vec<u32> = states
            .iter()
            .filter(|state| state.proof == SafetyProof::Off)
            .map(|state| state.channel)
            .collect();
        if proved != instrument.capabilities().made_safe() {
            return Err(broken(rule, format!("{states:?}")));
        }
        let found = instrument.find_outputs_on().await;
        found.map_err(|error| broken("what was made safe is not looked for", error.to_string()))?;
    }
    Ok(())
}

/// Below the smallest and above the largest value.
fn beyond(bounds: Bounds) -> [Quantity; 2] {
    let Bounds { minimum, maximum, .. } = bounds;
    let below = minimum.in_unit(maximum.unit).ok();
    let below = below.and_then(|minimum| minimum.checked_sub(maximum.value));
    [
        Quantity::new(below.unwrap_or_else(|| maximum.value.negated()), maximum.unit),
        Quantity::new(doubled(maximum.value), maximum.unit),
    ]
}

/// What a refusal of a level says.
fn named(setting: &str, level: Quantity, bounds: Bounds) -> Vec<String> {
    vec![
        setting.to_owned(),
        level.to_string(),
        bounds.minimum.to_string(),
        bounds.maximum.to_string(),
    ]
}

async fn settings_beyond_the_bounds_are_refused(instrument: &mut dyn Instrument) -> Result<(), Violation> {
    let rule = "a setting beyond the bounds is refused, never clipped";
    let outputs = instrument.capabilities().outputs.clone();
    let too_many = instrument.capabilities().channels.last().map_or(1, |last| last + 1);
    refused(
        rule,
        "a channel too many",
        instrument
            .set(&Setting::Output(OutputSetting::of_channel(too_many)))
            .await,
    )?;
    for (
        channel,
        OutputCapability {
            voltage_level,
            current_limit,
            ovp_level,
            ..
        },
    ) in outputs
    {
        let none = OutputSetting::of_channel(channel);
        for level in beyond(voltage_level) {
            let setting = OutputSetting {
                voltage_level: Some(level),
                ..none
            };
            let words = named("voltage_level", level, voltage_level);
            let result = instrument.set(&Setting::Output(setting)).await;
            refused_by_name(rule, "a voltage beyond its bounds", result, &words)?;
        }
        for level in beyond(current_limit) {
            let setting = OutputSetting {
                current_limit: Some(level),
                ..none
            };
            let words = named("current_limit", level, current_limit);
            let result = instrument.set(&Setting::Output(setting)).await;
            refused_by_name(rule, "a current limit beyond its bounds", result, &words)?;
        }
        for (bounds, level) in ovp_level
            .into_iter()
            .flat_map(|bounds| beyond(bounds).map(|level| (bounds, level)))
        {
            let setting = OutputSetting {
                ovp_level: Some(level),
                ..none
            };
            let words = named("ovp_level", level, bounds);
            let result = instrument.set(&Setting::Output(setting)).await;
            refused_by_name(rule, "a protection level beyond its bounds", result, &words)?;
        }
        let wrong_unit = OutputSetting {
            voltage_level: Some(current_limit.maximum),
            ..none
        };
        refused(
            rule,
            "amperes for volts",
            instrument.set(&Setting::Output(wrong_unit)).await,
        )?;
    }
    Ok(())
}
