//! From the runner's events to their serialised form. Every struct is taken apart whole, so that a field that the
//! runner adds is an error of the compiler here and not a gap in the record.

use super::{
    Attached, Event, EventKind, InstrumentReady, InstrumentUse, Log, MadeSafe, MeasurementTaken, Output, PlannedStep,
    Procedure, PromptShown, RunEnded, RunStarted, StepEnded, StepStarted,
};
use crate::record::{
    AcceptedUnsafe, Decision, EarlierRuns, Identity, LimitInFull, LimitsFile, OutputState, RangeInUse, Reduced,
    Sampling, Uncertainty, UnitUnderTest, Value,
};
use benchtop_run as run;
use std::collections::BTreeMap;

impl From<&run::Event> for Event {
    fn from(event: &run::Event) -> Self {
        let run::Event { at, kind } = event;
        Self {
            kind: kind.into(),
            at: at.utc,
            elapsed_s: at.elapsed.as_secs_f64(),
        }
    }
}

impl From<&run::EventKind> for EventKind {
    fn from(kind: &run::EventKind) -> Self {
        match kind {
            run::EventKind::RunStarted(started) => Self::RunStarted(Box::new(started.as_ref().into())),
            run::EventKind::InstrumentReady(ready) => Self::InstrumentReady(ready.into()),
            run::EventKind::StepStarted(started) => Self::StepStarted(started.into()),
            run::EventKind::PromptShown(shown) => Self::PromptShown(shown.into()),
            run::EventKind::MeasurementTaken(taken) => Self::MeasurementTaken(Box::new(taken.as_ref().into())),
            run::EventKind::StepEnded(ended) => Self::StepEnded(ended.into()),
            run::EventKind::MadeSafe(made_safe) => Self::MadeSafe(made_safe.into()),
            run::EventKind::Attached(attached) => Self::Attached(attached.into()),
            run::EventKind::Log(log) => Self::Log(log.into()),
            run::EventKind::RunEnded(ended) => Self::RunEnded(ended.into()),
        }
    }
}

impl From<&run::RunStarted> for RunStarted {
    fn from(started: &run::RunStarted) -> Self {
        let run::RunStarted {
            run_id,
            sequence,
            procedure,
            unit,
            station_id,
            fixture_id,
            placement,
            earlier,
            accepted_unsafe,
            operator,
            purpose,
            study,
            simulated,
            virtual_clock,
            benchtop_version,
            station_sha256,
            instruments,
            steps,
        } = started.clone();
        let (study, trial) = match study {
            Some(run::Study { name, trial }) => (Some(name), Some(trial)),
            None => (None, None),
        };
        let run::Placement {
            location,
            mains,
            slot,
            execution_id,
        } = placement;
        let run::ProcedureUse {
            id,
            version,
            name,
            sha256,
            resolved:
                run::Resolved {
                    parameters,
                    variant,
                    limits,
                },
        } = procedure;
        let run::UnitUnderTest {
            serial_number,
            part_number,
            revision,
            batch,
            sub_units,
        } = unit;
        Self {
            run_id,
            sequence,
            procedure: Procedure {
                id,
                version,
                name,
                sha256,
                parameters: values(parameters),
                variant,
                limits: limits.map(LimitsFile::from),
            },
            unit_under_test: UnitUnderTest {
                serial_number,
                part_number,
                revision,
                batch,
                sub_units,
            },
            station_id,
            fixture_id,
            location,
            mains,
            slot,
            execution_id,
            earlier_runs: earlier.map(EarlierRuns::from),
            accepted_unsafe: accepted_unsafe.into_iter().map(AcceptedUnsafe::from).collect(),
            operator,
            purpose: purpose.into(),
            study,
            trial,
            simulated,
            virtual_clock,
            benchtop_version,
            station_sha256,
            instruments: instruments.into_iter().map(InstrumentUse::from).collect(),
            steps: steps.into_iter().map(PlannedStep::from).collect(),
        }
    }
}

impl From<run::EarlierRuns> for EarlierRuns {
    fn from(earlier: run::EarlierRuns) -> Self {
        let run::EarlierRuns { count, last_run_id } = earlier;
        Self { count, last_run_id }
    }
}

impl From<run::AcceptedUnsafe> for AcceptedUnsafe {
    fn from(accepted: run::AcceptedUnsafe) -> Self {
        let run::AcceptedUnsafe {
            run_id,
            instrument,
            channel,
            reason,
        } = accepted;
        Self {
            run_id,
            instrument,
            channel,
            reason,
        }
    }
}

impl From<run::InstrumentUse> for InstrumentUse {
    fn from(instrument: run::InstrumentUse) -> Self {
        let run::InstrumentUse {
            name,
            class,
            model,
            resource,
            driver,
            definition_sha256,
            calibration_due,
            papers,
            outputs,
        } = instrument;
        let run::Papers {
            asset_id,
            calibrated_on,
            certificate,
        } = papers;
        Self {
            name: name.0,
            class,
            model,
            resource,
            driver,
            definition_sha256,
            calibration_due,
            calibrated_on,
            certificate,
            asset_id,
            outputs,
        }
    }
}

impl From<run::PlannedStep> for PlannedStep {
    fn from(step: run::PlannedStep) -> Self {
        let run::PlannedStep {
            address: run::StepAddress { section, index },
            name,
            step_type,
            parameters,
        } = step;
        Self {
            section: section.into(),
            index,
            name,
            step_type: step_type.to_owned(),
            parameters: values(parameters),
        }
    }
}

impl From<run::LimitsUse> for LimitsFile {
    fn from(limits: run::LimitsUse) -> Self {
        let run::LimitsUse { file, revision, sha256 } = limits;
        Self { file, revision, sha256 }
    }
}

fn values(parameters: BTreeMap<String, run::Parameter>) -> BTreeMap<String, serde_json::Value> {
    let pairs = parameters.into_iter();
    pairs.map(|(name, value)| (name, parameter(&value))).collect()
}

/// A bare number as a number; what has a unit, as people write it.
fn parameter(value: &run::Parameter) -> serde_json::Value {
    match value.value() {
        // 2 stays 2 and does not become 2.0: names are made of it
        run::Value::Number(number) => {
            serde_json::from_str(&number.to_string()).unwrap_or_else(|_no_number| number.to_f64().into())
        }
        run::Value::Text(text) => text.into(),
        run::Value::Boolean(truth) => truth.into(),
        run::Value::Numbers(numbers) => numbers.into_iter().map(run::Decimal::to_f64).collect(),
    }
}

impl From<&run::InstrumentReady> for InstrumentReady {
    fn from(ready: &run::InstrumentReady) -> Self {
        let run::InstrumentReady {
            name,
            identity,
            stale_errors,
        } = ready.clone();
        Self {
            name: name.0,
            identity: identity.into(),
            stale_errors,
        }
    }
}

impl From<run::Identity> for Identity {
    fn from(identity: run::Identity) -> Self {
        let run::Identity {
            manufacturer,
            model,
            serial_number,
            firmware_revision,
        } = identity;
        Self {
            manufacturer,
            model,
            serial_number,
            firmware_revision,
        }
    }
}

impl From<&run::StepStarted> for StepStarted {
    fn from(started: &run::StepStarted) -> Self {
        let run::StepStarted {
            address: run::StepAddress { section, index },
            name,
            step_type,
            attempt,
        } = started.clone();
        Self {
            section: section.into(),
            index,
            name,
            step_type: step_type.to_owned(),
            attempt,
        }
    }
}

impl From<&run::PromptShown> for PromptShown {
    fn from(shown: &run::PromptShown) -> Self {
        let run::PromptShown {
            address: run::StepAddress { section, index },
            attempt,
            name,
            message,
            image,
            kind,
            unit,
        } = shown.clone();
        Self {
            section: section.into(),
            index,
            attempt,
            name,
            message,
            image,
            kind: kind.word().to_owned(),
            unit: unit.to_string(),
            choices: match kind {
                run::PromptKind::Choice(choices) => choices,
                run::PromptKind::YesNo | run::PromptKind::Text | run::PromptKind::Number => Vec::new(),
            },
        }
    }
}

impl From<&run::MeasurementTaken> for MeasurementTaken {
    fn from(taken: &run::MeasurementTaken) -> Self {
        let run::MeasurementTaken {
            address: run::StepAddress { section, index },
            attempt,
            name,
            instrument,
            channel,
            function,
            reduction,
            value,
            unit,
            limit,
            outcome,
            marginal,
            reason,
            reading_kind,
            raw,
            range,
            nplc,
            choices,
            channel_name,
            sampling,
            samples,
            assessment:
                run::Assessment {
                    uncertainty,
                    uncertainty_reason,
                    acceptance,
                    decision,
                },
        } = taken.clone();
        Self {
            section: section.into(),
            index,
            attempt,
            name,
            value: value.map(Value::from),
            unit: unit.to_string(),
            limit_low: limit.as_ref().and_then(|limit| limit.low).map(run::Decimal::to_f64),
            limit_high: limit.as_ref().and_then(|limit| limit.high).map(run::Decimal::to_f64),
            overrange: limit.as_ref().map(|limit| limit.overrange.into()),
            limit: limit.and_then(|limit| LimitInFull::beyond_the_bounds(limit, unit).map(Box::new)),
            outcome: outcome.into(),
            marginal,
            reason,
            reading_kind: reading_kind.into(),
            raw,
            instrument: instrument.map(|instrument| instrument.0),
            channel,
            function: function.map(str::to_owned),
            reduced: reduction.map(Reduced::from),
            range: range.map(in_use),
            nplc: nplc.map(run::Decimal::to_f64),
            autozero: choices.autozero,
            input_impedance: choices.input_impedance.map(|choice| choice.word().to_owned()),
            channel_name,
            sampling: how_taken(sampling, samples).map(Box::new),
            acceptance_low: acceptance.and_then(|accepted| accepted.low).map(run::Decimal::to_f64),
            acceptance_high: acceptance.and_then(|accepted| accepted.high).map(run::Decimal::to_f64),
            uncertainty: uncertainty.map(Uncertainty::from),
            uncertainty_reason,
            decision: decision.map(Decision::from),
        }
    }
}

impl From<run::Reduction> for Reduced {
    fn from(reduction: run::Reduction) -> Self {
        let run::Reduction { of, by } = reduction;
        Self {
            of,
            by: by.word().to_owned(),
            p: by.p().map(run::Decimal::to_f64),
        }
    }
}

fn in_use(quantity: run::Quantity) -> RangeInUse {
    RangeInUse {
        value: quantity.value.to_f64(),
        unit: quantity.unit.to_string(),
    }
}

/// Nothing for one reading, taken as usual.
fn how_taken(sampling: run::Sampling, samples: Option<run::Samples>) -> Option<Sampling> {
    if sampling == run::Sampling::ONE && samples.is_none() {
        return None;
    }
    let run::Sampling {
        samples: wanted,
        discard,
        delay,
        trigger,
        aperture,
        resolution,
        // `by` says it
        statistics: _,
    } = sampling;
    let mut taken = Sampling {
        samples: wanted,
        discarded: discard,
        delay_s: delay.map(|delay| delay.as_secs_f64()),
        trigger: trigger.map(|trigger| trigger.word().to_owned()),
        aperture_s: aperture.map(run::Decimal::to_f64),
        resolution: resolution.map(in_use),
        ..Sampling::default()
    };
    if let Some(run::Samples {
        // the record keeps them as they were received, in `raw`
        values: _,
        n,
        // the value of the measurement
        mean: _,
        s,
        min,
        max,
        by,
    }) = samples
    {
        taken.samples = Some(n);
        taken.by = Some(by.word().to_owned());
        taken.s = s.map(run::Decimal::to_f64);
        taken.min = Some(min.to_f64());
        taken.max = Some(max.to_f64());
    }
    Some(taken)
}

impl From<&run::StepEnded> for StepEnded {
    fn from(ended: &run::StepEnded) -> Self {
        let run::StepEnded {
            address: run::StepAddress { section, index },
            name,
            step_type,
            attempt,
            decides,
            started,
            outcome,
            reason,
        } = ended.clone();
        Self {
            section: section.into(),
            index,
            name,
            step_type: step_type.to_owned(),
            attempt,
            decides,
            started_s: started.elapsed.as_secs_f64(),
            outcome: outcome.into(),
            reason,
        }
    }
}

impl From<&run::MadeSafe> for MadeSafe {
    fn from(made_safe: &run::MadeSafe) -> Self {
        let run::MadeSafe { name, outputs, error } = made_safe.clone();
        Self {
            name: name.0,
            outputs: outputs.into_iter().map(Output::from).collect(),
            error,
        }
    }
}

impl From<run::OutputState> for Output {
    fn from(output: run::OutputState) -> Self {
        let run::OutputState { channel, proof } = output;
        let (state, reason) = match proof {
            run::SafetyProof::Off => (OutputState::Off, None),
            run::SafetyProof::NotProved(reason) => (OutputState::MaybeOn, Some(reason)),
        };
        Self { channel, state, reason }
    }
}

impl From<&run::Attached> for Attached {
    fn from(attached: &run::Attached) -> Self {
        let run::Attached {
            address,
            name,
            size,
            sha256,
        } = attached.clone();
        Self {
            section: address.map(|address| address.section.into()),
            index: address.map(|address| address.index),
            name,
            size,
            sha256,
        }
    }
}

impl From<&run::Log> for Log {
    fn from(log: &run::Log) -> Self {
        let run::Log { level, source, message } = log.clone();
        Self {
            level: level.into(),
            source,
            message,
        }
    }
}

impl From<&run::RunEnded> for RunEnded {
    fn from(ended: &run::RunEnded) -> Self {
        let run::RunEnded {
            outcome,
            reason,
            outputs_maybe_on,
        } = ended.clone();
        Self {
            outcome: outcome.into(),
            reason,
            outputs_maybe_on,
        }
    }
}
