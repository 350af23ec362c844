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
    match result {
        Err(error) if matches!(error.kind(), ErrorKind::OutOfRange | ErrorKind::Unsupported) => Ok(()),
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
            refused(rule, word, instrument.measure(&request).await)?;
            continue;
        };
        let channel = capability.channels.iter().max().map_or(1, |last| last + 1);
        refused(
            rule,
            "a channel too many",
            instrument.measure(&Measure { channel, ..request }).await,
        )?;
        if let Some(largest) = capability.ranges.last() {
            let beyond = Quantity::new(doubled(largest.maximum.value), largest.maximum.unit);
            let request = Measure {
                range: RangeRequest::AtLeast(beyond),
                ..request
            };
            refused(rule, "a range too large", instrument.measure(&request).await)?;
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
                let request = Measure { choices, ..request };
                refused(rule, "a choice that it has not", instrument.measure(&request).await)?;
            }
        }
        for sampling in sampling::beyond(capability) {
            let request = Measure { sampling, ..request };
            refused(
                rule,
                "a way of sampling that it has not",
                instrument.measure(&request).await,
            )?;
        }
        let nplc = Decimal::from_integer(12_345);
        refused(
            rule,
            "an nplc that it has not",
            instrument
                .measure(&Measure {
                    nplc: Some(nplc),
                    ..request
                })
                .await,
        )?;
    }
    Ok(())
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
            ..
        },
    ) in outputs
    {
        let beyond = |bounds: Bounds| Quantity::new(doubled(bounds.maximum.value), bounds.maximum.unit);
        let none = OutputSetting::of_channel(channel);
        let volts = OutputSetting {
            voltage_level: Some(beyond(voltage_level)),
            ..none
        };
        refused(rule, "too many volts", instrument.set(&Setting::Output(volts)).await)?;
        let amperes = OutputSetting {
            current_limit: Some(beyond(current_limit)),
            ..none
        };
        refused(
            rule,
            "too many amperes",
            instrument.set(&Setting::Output(amperes)).await,
        )?;
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
