//! From the events of a run to its record: a pure function, so that a run that is sealed when it ends and one that
//! is recovered after a power cut come out the same.
//!
//! The runner's word on the outcome stands, with one exception: a PASS that the steps or outputs contradict is an
//! ERROR. A run that has no last word is closed first (module `closing`): ABORTED, with what it had.

mod closing;
mod steps;

use crate::{
    clock::{ClockFacts, seconds, set_during_the_run},
    event::{Attached, Event, EventKind, InstrumentReady, Log, MadeSafe, RunEnded, RunStarted, StepStarted},
    record::{self, LogLevel, OutputState, Packed, Record, RunOutcome, SCHEMA, StepOutcome},
};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use std::{collections::BTreeMap, time::Duration};
use steps::Steps;

/// The events hold no run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal does not say which run it belongs to: its first event is missing")]
pub struct NoRun;

/// Makes the record of a run; one without a last word is closed as interrupted.
///
/// # Errors
/// [`NoRun`] when the first event is not the run's start.
pub fn fold(clock: &ClockFacts, events: &[Event]) -> Result<Record<Packed>, NoRun> {
    let mut folding = Folding::default();
    events.iter().for_each(|event| folding.take(event.clone()));
    Ok(folding.run()?.record(clock))
}

/// The events of a run so far, folded as they come.
#[derive(Debug, Default)]
pub(crate) enum Folding {
    /// There are none.
    #[default]
    Empty,
    /// The first one was not a run's start.
    NoRun,
    /// They are those of a run.
    Run(Box<Run>),
}

impl Stamp {
    const fn of(event: &Event) -> Self {
        Self {
            at: event.at,
            elapsed_s: event.elapsed_s,
        }
    }
}

impl Folding {
    /// Takes the next event.
    pub(crate) fn take(&mut self, event: Event) {
        match self {
            Self::Empty => *self = Run::begin(event).map_or(Self::NoRun, |run| Self::Run(Box::new(run))),
            Self::NoRun => {}
            Self::Run(run) => run.take(event),
        }
    }

    /// The run.
    ///
    /// # Errors
    /// [`NoRun`] when the first event was not its start.
    pub(crate) fn run(&self) -> Result<&Run, NoRun> {
        match self {
            Self::Run(run) => Ok(run),
            Self::Empty | Self::NoRun => Err(NoRun),
        }
    }
}

/// A run as far as its events went.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// Its steps are in `steps`.
    start: RunStarted,
    started_at: DateTime<Utc>,
    elapsed_s: f64,
    ready: BTreeMap<String, InstrumentReady>,
    steps: Steps,
    outputs: Vec<record::Output>,
    attachments: Vec<record::Attachment>,
    logs: Vec<record::Log>,
    ended: Option<(RunEnded, Stamp)>,
    /// How far the time of day ran away from the run's own clock at most, in seconds.
    shift_s: f64,
    /// When the last event was.
    last: Stamp,
    /// The attempts that have begun and not ended, with the time of their beginning.
    open: Vec<(StepStarted, f64)>,
    /// What was said of the outputs.
    said: Vec<MadeSafe>,
}

/// When an event was.
#[derive(Clone, Copy, Debug)]
struct Stamp {
    at: DateTime<Utc>,
    elapsed_s: f64,
}

impl Run {
    /// A run begins with its start.
    fn begin(event: Event) -> Option<Self> {
        let last = Stamp::of(&event);
        let EventKind::RunStarted(mut start) = event.kind else {
            return None;
        };
        let planned = std::mem::take(&mut start.steps);
        let mut run = Self {
            start: *start,
            // the file holds microseconds: a record in memory equals the one that is read back
            started_at: last.at.trunc_subsecs(6),
            elapsed_s: 0.0,
            ready: BTreeMap::new(),
            steps: Steps::planned(planned),
            outputs: Vec::new(),
            attachments: Vec::new(),
            logs: Vec::new(),
            ended: None,
            shift_s: 0.0,
            last,
            open: Vec::new(),
            said: Vec::new(),
        };
        run.passes(last);
        Some(run)
    }

    /// Time has passed up to an event.
    fn passes(&mut self, last: Stamp) {
        self.last = last;
        self.elapsed_s = self.elapsed_s.max(last.elapsed_s);
        let shift = seconds(last.at - self.started_at) - last.elapsed_s;
        if shift.abs() > self.shift_s.abs() {
            self.shift_s = shift;
        }
    }

    /// Takes the next event.
    pub(crate) fn take(&mut self, event: Event) {
        let stamp = Stamp::of(&event);
        self.passes(stamp);
        let elapsed_s = stamp.elapsed_s;
        let at = moment(self.started_at, elapsed_s);
        match event.kind {
            EventKind::RunStarted(_) => {}
            EventKind::InstrumentReady(ready) => {
                self.ready.insert(ready.name.clone(), ready);
            }
            EventKind::StepStarted(started) => {
                self.steps.started(&started, elapsed_s);
                self.open.push((started, elapsed_s));
            }
            // the answer is a measurement
            EventKind::PromptShown(_) => {}
            EventKind::MeasurementTaken(taken) => self.steps.measured(*taken, elapsed_s, at),
            EventKind::StepEnded(ended) => {
                self.steps.ended(&ended, elapsed_s);
                let address = (ended.section, ended.index, ended.attempt);
                self.open
                    .retain(|(begun, _)| (begun.section, begun.index, begun.attempt) != address);
            }
            EventKind::MadeSafe(made_safe) => {
                self.made_safe(&made_safe, at);
                self.said.push(made_safe);
            }
            EventKind::Attached(attached) => self.attached(attached),
            EventKind::Log(log) => self.log(log, at),
            EventKind::RunEnded(ended) => self.ended = Some((ended, stamp)),
        }
    }

    /// The record; a run without a last word is closed as interrupted.
    pub(crate) fn record(&self, clock: &ClockFacts) -> Record<Packed> {
        let last_words = self.closing(&[]);
        if last_words.is_empty() {
            return self.finish(clock);
        }
        let mut closed = self.clone();
        last_words.into_iter().for_each(|event| closed.take(event));
        closed.finish(clock)
    }

    fn made_safe(&mut self, made_safe: &MadeSafe, at: DateTime<Utc>) {
        if let Some(error) = &made_safe.error {
            let log = Log {
                level: LogLevel::Error,
                source: made_safe.name.clone(),
                message: format!("make_safe: {error}"),
            };
            self.log(log, at);
        }
        for output in outputs_of(&self.start, made_safe) {
            // the last word on an output stands
            self.outputs
                .retain(|known| known.instrument != output.instrument || known.channel != output.channel);
            self.outputs.push(output);
        }
    }

    fn attached(&mut self, attached: Attached) {
        let Attached {
            section: _,
            index: _,
            name,
            size,
            sha256,
        } = attached;
        self.attachments.push(record::Attachment { name, size, sha256 });
    }

    fn log(&mut self, log: Log, timestamp: DateTime<Utc>) {
        let Log { level, source, message } = log;
        self.logs.push(record::Log {
            level,
            timestamp,
            message,
            source,
        });
    }

    fn finish(&self, clock: &ClockFacts) -> Record<Packed> {
        let mut doubtful = clock.doubtful.clone();
        if !self.start.virtual_clock {
            doubtful.extend(set_during_the_run(self.shift_s));
        }
        let steps = self.steps.finish(self.started_at);
        let (outcome, reason) = judged(self.ended.as_ref(), &steps, &self.outputs);
        let RunStarted {
            run_id,
            sequence,
            procedure,
            unit_under_test,
            station_id,
            fixture_id,
            location,
            mains,
            slot,
            execution_id,
            earlier_runs,
            accepted_unsafe,
            operator,
            purpose,
            study,
            trial,
            simulated,
            virtual_clock,
            benchtop_version,
            station_sha256,
            instruments,
            steps: _planned,
        } = self.start.clone();
        // whatever its resource looks like, an instrument that says so is simulated, and so is the run
        let simulated = simulated
            || self
                .ready
                .values()
                .any(|ready| ready.identity.serial_number.starts_with("SIM-"));
        let instruments = instruments.into_iter().map(|used| {
            let ready = self.ready.get(used.name.as_str());
            record::Instrument {
                identity: ready.map(|ready| ready.identity.clone()),
                stale_errors: ready.map(|ready| ready.stale_errors.clone()).unwrap_or_default(),
                name: used.name,
                class: used.class,
                model: used.model,
                resource: used.resource,
                driver: used.driver,
                definition_sha256: used.definition_sha256,
                calibration_due: used.calibration_due,
                calibrated_on: used.calibrated_on,
                certificate: used.certificate,
                asset_id: used.asset_id,
            }
        });
        Record {
            schema: SCHEMA.to_owned(),
            run_id,
            sequence,
            outcome,
            run_passed: outcome == RunOutcome::Pass,
            reason,
            procedure_id: procedure.id,
            procedure_version: procedure.version,
            procedure_name: procedure.name,
            procedure_sha256: procedure.sha256,
            parameters: procedure.parameters,
            variant: procedure.variant,
            limits: procedure.limits,
            tested_at: self.started_at,
            started_at: self.started_at,
            ended_at: moment(self.started_at, self.elapsed_s),
            duration_s: self.elapsed_s,
            clock: record::Clock {
                boot_id: clock.boot_id.clone(),
                monotonic_s: clock.monotonic_s,
                utc_synchronised: clock.utc_synchronised,
                is_virtual: virtual_clock,
                doubtful,
            },
            station: record::Station {
                id: station_id,
                fixture_id,
                location,
                mains,
                file_sha256: station_sha256,
                benchtop_version,
            },
            slot,
            execution_id,
            earlier_runs,
            accepted_unsafe,
            operator,
            purpose,
            study,
            trial,
            simulated,
            unit_under_test,
            instruments: instruments.collect(),
            failed_measurements: steps::failed_measurements(&steps),
            passed_on_retry: steps.iter().any(|step| step.passed_on_retry),
            steps,
            outputs: self.outputs.clone(),
            attachments: self.attachments.clone(),
            logs: self.logs.clone(),
            // given when it is published
            chain: None,
        }
    }
}

/// The runner's word, unless it is a PASS that the rest of the record contradicts.
fn judged(
    ended: Option<&(RunEnded, Stamp)>,
    steps: &[record::Step<Packed>],
    outputs: &[record::Output],
) -> (RunOutcome, Option<String>) {
    let Some((RunEnded { outcome, reason, .. }, _)) = ended.cloned() else {
        // `closing` gives every run a last word
        return (RunOutcome::Aborted, Some(closing::INTERRUPTED.to_owned()));
    };
    if outcome != RunOutcome::Pass {
        return (outcome, reason);
    }
    let failing = steps.iter().find(|step| match step.outcome {
        StepOutcome::Pass | StepOutcome::Skip => false,
        StepOutcome::Fail | StepOutcome::Error | StepOutcome::Timeout | StepOutcome::Aborted => true,
    });
    if let Some(step) = failing {
        let reason = format!("the run says PASS, but its step `{}` did not pass", step.name);
        return (RunOutcome::Error, Some(reason));
    }
    if let Some(output) = outputs.iter().find(|output| output.state == OutputState::MaybeOn) {
        let reason = format!(
            "the run says PASS, but {} channel {} may be on",
            output.instrument, output.channel
        );
        return (RunOutcome::Error, Some(reason));
    }
    (outcome, reason)
}

/// What is known of each output of an instrument. One of which nothing was said although something went wrong may
/// be on.
pub(crate) fn outputs_of(start: &RunStarted, made_safe: &MadeSafe) -> Vec<record::Output> {
    let output = |channel, state, reason| record::Output {
        instrument: made_safe.name.clone(),
        channel,
        state,
        reason,
    };
    let mut outputs: Vec<record::Output> = made_safe
        .outputs
        .iter()
        .map(|said| output(said.channel, said.state, said.reason.clone()))
        .collect();
    let used = start.instruments.iter().find(|used| used.name == made_safe.name);
    for channel in used.map_or(&[][..], |used| &used.outputs) {
        if made_safe.outputs.iter().all(|said| said.channel != *channel) {
            let reason = made_safe.error.clone();
            let reason = reason.unwrap_or_else(|| "nothing was said of it".to_owned());
            outputs.push(output(*channel, OutputState::MaybeOn, Some(reason)));
        }
    }
    outputs
}

/// The moment so many seconds after the start: it never lies before it, whatever the wall clock did meanwhile.
fn moment(started_at: DateTime<Utc>, elapsed_s: f64) -> DateTime<Utc> {
    Duration::try_from_secs_f64(elapsed_s)
        .ok()
        .and_then(|elapsed| TimeDelta::from_std(elapsed).ok())
        .and_then(|elapsed| started_at.checked_add_signed(elapsed))
        .map_or(started_at, |time| time.trunc_subsecs(6))
}
