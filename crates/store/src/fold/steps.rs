//! The steps of a run as its events fill them in.

use super::moment;
use crate::{
    event::{MeasurementTaken, PlannedStep, StepEnded, StepStarted},
    record::{Measured, Measurement, MeasurementOutcome, Packed, Section, Shelf, Step, StepOutcome},
};
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

const NOT_REACHED: &str = "not reached";
const NO_END: &str = "the run ended during this step";

/// Every planned step with its attempts so far.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    slots: BTreeMap<(Section, usize), Slot>,
    /// Where the measurements are.
    shelf: Arc<Shelf>,
}

#[derive(Clone, Debug)]
struct Slot {
    section: Section,
    name: String,
    step_type: String,
    parameters: BTreeMap<String, serde_json::Value>,
    attempts: BTreeMap<u32, Attempt>,
    /// Why the step was passed over, where the runner said so.
    skipped: Option<String>,
}

#[derive(Clone, Debug)]
struct Attempt {
    started_s: f64,
    last_s: f64,
    /// How it ended, and why.
    ended: Option<(StepOutcome, Option<String>)>,
    measurements: Vec<Packed>,
}

impl Steps {
    pub(super) fn planned(planned: Vec<PlannedStep>) -> Self {
        let mut steps = Self {
            slots: BTreeMap::new(),
            shelf: Arc::default(),
        };
        for planned in planned {
            let slot = steps.slot(planned.section, planned.index, &planned.name, &planned.step_type);
            slot.parameters = planned.parameters;
        }
        steps
    }

    pub(super) fn started(&mut self, started: &StepStarted, elapsed_s: f64) {
        let StepStarted {
            section,
            index,
            name,
            step_type,
            attempt,
        } = started;
        self.slot(*section, *index, name, step_type)
            .attempt(*attempt, elapsed_s);
    }

    pub(super) fn measured(&mut self, taken: MeasurementTaken, elapsed_s: f64, taken_at: DateTime<Utc>) {
        let MeasurementTaken {
            section,
            index,
            attempt,
            name,
            value,
            unit,
            limit_low,
            limit_high,
            overrange,
            limit,
            outcome,
            marginal,
            reason,
            reading_kind,
            raw,
            instrument,
            channel,
            function,
            reduced,
            range,
            nplc,
            autozero,
            input_impedance,
            channel_name,
            sampling,
            acceptance_low,
            acceptance_high,
            uncertainty,
            uncertainty_reason,
            decision,
        } = taken;
        let packed = self.shelf.put(Measurement {
            name,
            value,
            unit,
            limit_low,
            limit_high,
            overrange,
            limit: limit.map(|limit| *limit),
            outcome,
            marginal,
            reason,
            reading_kind,
            raw,
            instrument,
            channel,
            function,
            reduced,
            range,
            nplc,
            autozero,
            input_impedance,
            channel_name,
            sampling: sampling.map(|sampling| *sampling),
            acceptance_low,
            acceptance_high,
            uncertainty,
            uncertainty_reason,
            decision,
            taken_at,
        });
        let attempt = self.slot(section, index, "", "").attempt(attempt, elapsed_s);
        attempt.last_s = attempt.last_s.max(elapsed_s);
        attempt.measurements.push(packed);
    }

    pub(super) fn ended(&mut self, ended: &StepEnded, elapsed_s: f64) {
        let StepEnded {
            section,
            index,
            name,
            step_type,
            attempt,
            decides: _,
            started_s,
            outcome,
            reason,
        } = ended;
        let slot = self.slot(*section, *index, name, step_type);
        if *attempt == 0 {
            slot.skipped = Some(reason.clone().unwrap_or_else(|| NOT_REACHED.to_owned()));
            return;
        }
        let attempt = slot.attempt(*attempt, *started_s);
        attempt.last_s = attempt.last_s.max(elapsed_s);
        attempt.ended = Some((*outcome, reason.clone()));
    }

    /// The slot at an address; one that was not planned is added, so that nothing measured is lost.
    fn slot(&mut self, section: Section, index: usize, name: &str, step_type: &str) -> &mut Slot {
        self.slots.entry((section, index)).or_insert_with(|| Slot {
            section,
            name: name.to_owned(),
            step_type: step_type.to_owned(),
            parameters: BTreeMap::new(),
            attempts: BTreeMap::new(),
            skipped: None,
        })
    }

    pub(super) fn finish(&self, started_at: DateTime<Utc>) -> Vec<Step<Packed>> {
        self.slots.values().map(|slot| slot.finish(started_at)).collect()
    }
}

impl Slot {
    fn attempt(&mut self, number: u32, started_s: f64) -> &mut Attempt {
        self.attempts.entry(number).or_insert_with(|| Attempt {
            started_s,
            last_s: started_s,
            ended: None,
            measurements: Vec::new(),
        })
    }

    fn finish(&self, started_at: DateTime<Utc>) -> Step<Packed> {
        let blank = Step {
            name: self.name.clone(),
            section: self.section,
            step_type: self.step_type.clone(),
            status: false,
            outcome: StepOutcome::Skip,
            reason: Some(self.skipped.clone().unwrap_or_else(|| NOT_REACHED.to_owned())),
            started_at: None,
            ended_at: None,
            duration_s: None,
            retry_count: 0,
            passed_on_retry: false,
            parameters: self.parameters.clone(),
            measurements: Vec::new(),
            attempts: Vec::new(),
        };
        let mut attempts: Vec<Step<Packed>> = (0..)
            .zip(self.attempts.values())
            .map(|(retry_count, attempt)| attempt.finish(&blank, retry_count, started_at))
            .collect();
        let Some(deciding) = attempts.pop() else {
            return blank;
        };
        Step {
            passed_on_retry: deciding.status && attempts.iter().any(went_wrong),
            attempts,
            ..deciding
        }
    }
}

/// Whether an attempt failed or erred. In a group that is tried again also those are repeated that passed.
const fn went_wrong<M>(attempt: &Step<M>) -> bool {
    match attempt.outcome {
        StepOutcome::Fail | StepOutcome::Error | StepOutcome::Timeout | StepOutcome::Aborted => true,
        StepOutcome::Pass | StepOutcome::Skip => false,
    }
}

impl Attempt {
    fn finish(&self, blank: &Step<Packed>, retry_count: u32, started_at: DateTime<Utc>) -> Step<Packed> {
        let ended = self.ended.clone();
        let (outcome, reason) = ended.unwrap_or_else(|| (StepOutcome::Aborted, Some(NO_END.to_owned())));
        Step {
            status: outcome == StepOutcome::Pass,
            outcome,
            reason,
            started_at: Some(moment(started_at, self.started_s)),
            ended_at: Some(moment(started_at, self.last_s)),
            duration_s: Some((self.last_s - self.started_s).max(0.0)),
            retry_count,
            measurements: self.measurements.clone(),
            ..blank.clone()
        }
    }
}

/// Names of the measurements that the unit failed; `name[param=value]` for those of a sweep.
///
/// Of several attempts the last that judged a measurement counts: one that failed and was then passed on a retry is
/// not failed; one that failed and was never judged again, because the station broke down, is.
pub(super) fn failed_measurements(steps: &[Step<Packed>]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let failed = steps.iter().flat_map(failed_in);
    failed.filter(|name| seen.insert(name.clone())).collect()
}

fn failed_in(step: &Step<Packed>) -> Vec<String> {
    let mut failed: Vec<String> = Vec::new();
    let taken = || step.all_attempts().flat_map(|attempt| &attempt.measurements);
    if taken().all(|packed| packed.outcome() != MeasurementOutcome::Fail) {
        return failed;
    }
    // one that could not be unpacked could not be written either: such a record is never saved
    for measurement in taken().filter_map(|packed| packed.look().ok()) {
        match measurement.outcome {
            MeasurementOutcome::Unset => {}
            MeasurementOutcome::Pass => failed.retain(|name| *name != measurement.name),
            MeasurementOutcome::Fail => failed.push(measurement.name.clone()),
        }
    }
    failed.iter().map(|name| step.measurement_name(name)).collect()
}
