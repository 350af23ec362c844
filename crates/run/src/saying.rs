//! The steps in which something is said: to the operator, to a command, to an instrument, to the unit itself.

mod exec;
mod link;
mod prompt;
mod query;

pub(crate) use exec::exec;
pub(crate) use link::{expect, send};
pub(crate) use prompt::prompt;
pub(crate) use query::query;

use crate::{
    assess,
    event::{Attached, EventKind, MeasurementTaken, ReadingWord, StepAddress},
    outcome::StepOutcome,
    outside::{Content, NotKept},
    reduce::Arrays,
    steps::{Ended, Floor, NotRecorded, blank},
};
use benchtop_procedure::{
    Extract, Judgement, Measured, Measurement, MeasurementOutcome, MeasurementSource, Parameter, Value, full_name,
};
use std::collections::BTreeMap;

/// Most characters that a record keeps of the words in which a value was found.
const LONGEST_RAW: usize = 1000;

/// An attempt at a step.
#[derive(Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub(crate) floor: &'a Floor,
    pub(crate) step: &'a str,
    pub(crate) address: StepAddress,
    pub(crate) number: u32,
    /// What the sweeps around the step set for this turn.
    pub(crate) parameters: &'a BTreeMap<String, Parameter>,
}

/// What a value that is not there means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// The station could not find it out.
    IsAnError,
    /// The unit did not say it.
    IsAFail,
}

/// A value and the words in which it was found, or why there is none.
pub(crate) type Finding = Result<(Value, String), String>;

impl Attempt<'_> {
    /// Judges and reports measurements, in order. Their step ends as the gravest of them.
    fn judge_all(
        self,
        measurements: &[Measurement],
        absent: Absent,
        find: impl Fn(&Measurement, &Extract) -> Finding,
    ) -> Result<Ended, NotRecorded> {
        let mut ended: Ended = (StepOutcome::Pass, None);
        let mut arrays = Arrays::default();
        for measurement in measurements {
            let (judgement, taken) = match &measurement.source {
                MeasurementSource::Said(extract) => self.judged(measurement, find(measurement, extract)),
                MeasurementSource::Reduced(reduction) => {
                    arrays.reduced(measurement, reduction, blank(measurement, self.address, self.number))
                }
                // `parse` gives a step of these kinds no other measurements
                MeasurementSource::Reading(_) | MeasurementSource::Compute(_) => {
                    self.judged(measurement, Err("it is no part of this step".to_owned()))
                }
            };
            arrays.keep(&taken);
            let name = full_name(&taken.name, self.parameters);
            self.floor.memory.measured(name, taken.value.clone());
            let outcome = match (judgement.is_error, absent) {
                (true, Absent::IsAnError) => StepOutcome::Error,
                (true, Absent::IsAFail) => StepOutcome::Fail,
                (false, _) if judgement.outcome == MeasurementOutcome::Fail => StepOutcome::Fail,
                (false, _) => StepOutcome::Pass,
            };
            let reason = taken.reason.as_ref();
            let reason = reason.map(|reason| format!("{}: {reason}", measurement.name));
            ended = graver(ended, (outcome, reason));
            self.floor.report(EventKind::MeasurementTaken(Box::new(taken)))?;
        }
        Ok(ended)
    }

    /// Keeps something with the record. Saving it takes time outside of any clock.
    async fn keep(self, name: String, content: Content, most: u64) -> Result<Result<(), NotKept>, NotRecorded> {
        let busy = self.floor.clock.busy();
        let kept = self.floor.outside.attachments.keep(&name, content, most).await;
        drop(busy);
        match kept {
            Ok(kept) => {
                self.floor.report(EventKind::Attached(Attached {
                    address: Some(self.address),
                    name,
                    size: kept.size,
                    sha256: kept.sha256,
                }))?;
                Ok(Ok(()))
            }
            Err(NotKept(reason)) => Ok(Err(NotKept(format!("{name}: {reason}")))),
        }
    }

    fn judged(self, measurement: &Measurement, found: Finding) -> (Judgement, MeasurementTaken) {
        let mut taken = blank(measurement, self.address, self.number);
        let judgement = match found {
            Err(reason) => Judgement::unusable(reason),
            Ok((value, raw)) => {
                taken.raw = Some(raw.chars().take(LONGEST_RAW).collect());
                taken.reading_kind = ReadingWord::Value;
                taken.value = Some(value.clone());
                let measured = Measured::Value(value);
                let (assessment, accepted) = assess::without_instrument(measurement, &measured);
                taken.assessment = assessment;
                assess::judge(measurement, &measured, accepted)
            }
        };
        taken.outcome = judgement.outcome;
        taken.marginal = judgement.marginal;
        taken.reason.clone_from(&judgement.reason);
        (judgement, taken)
    }
}

/// The graver of two ends; of two that are as grave the first.
fn graver(one: Ended, other: Ended) -> Ended {
    let is_graver = matches!(
        (one.0, other.0),
        (StepOutcome::Pass, StepOutcome::Fail | StepOutcome::Error) | (StepOutcome::Fail, StepOutcome::Error)
    );
    if is_graver { other } else { one }
}
