//! Carries steps out. Runs in a task of its own, which may panic or be aborted at any await: whatever must survive that
//! is the supervisor's.

use crate::{
    actor::{Actor, CommandError},
    assess::{self, Assessment, Circumstances},
    crew::Crew,
    event::{
        EventKind, InstrumentUse, MeasurementTaken, ReadingWord, Section, Stamp, StepAddress, StepEnded, StepStarted,
    },
    lines::Lines,
    memory::Memory,
    outcome::StepOutcome,
    outside::Surroundings,
    partial::Partial,
    poll::{self, Settling},
    readback::lost_outputs,
    reduce::Arrays,
    regulate::Expected,
    saying::{self, Attempt},
    stage::Several,
};
use benchtop_instrument::{Choices, Clock, ClockExt, Moment, Polarity, Reading, ReadingKind, Sampling, Setting};
use benchtop_procedure::{
    Evaluated, Expression, Judgement, LogicalName, Measured, Measurement, MeasurementOutcome, MeasurementSource,
    Origin, ReadingSource, Retry, Step, StepKind, Value, full_name,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

/// How long a prompt waits that does not say so.
const PATIENCE_WITH_PEOPLE: Duration = Duration::from_secs(3600);

/// What the steps tell the supervisor.
pub(crate) struct Report {
    pub(crate) kind: EventKind,
    pub(crate) at: Stamp,
    /// Answered when the event is on stable storage; dropped when it cannot be.
    pub(crate) durable: Option<oneshot::Sender<()>>,
}

/// The supervisor no longer listens, or the event could not be made durable: stop.
pub(crate) struct NotRecorded;

/// What the steps need.
pub(crate) struct Floor {
    pub(crate) crew: Crew,
    pub(crate) lines: Arc<Lines>,
    pub(crate) outside: Surroundings,
    /// Why the instruments that are not in the crew are not.
    pub(crate) missing: Arc<BTreeMap<LogicalName, String>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) started: Moment,
    pub(crate) reports: mpsc::UnboundedSender<Report>,
    pub(crate) attempt_deadline: Duration,
    pub(crate) read_back_deadline: Duration,
    /// The steps that were left out, where some were.
    pub(crate) partial: Option<Arc<Partial>>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) surroundings: Circumstances,
    /// Its unit's place among those that are tested at once.
    pub(crate) slot: usize,
    /// Where more than one unit is tested.
    pub(crate) several: Option<Several>,
    /// Whose outputs are read back, where more than one unit is tested.
    pub(crate) outputs_of: Option<Vec<InstrumentUse>>,
    /// The instrument that failed in this attempt.
    pub(crate) trouble: Mutex<Option<LogicalName>>,
}

impl Floor {
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp {
            utc: self.clock.utc(),
            elapsed: self.clock.now().since(self.started),
        }
    }

    pub(crate) fn report(&self, kind: EventKind) -> Result<(), NotRecorded> {
        let report = Report {
            kind,
            at: self.stamp(),
            durable: None,
        };
        self.reports.send(report).map_err(|_closed| NotRecorded)
    }

    /// An instrument did not do what it was asked.
    pub(crate) fn failed_on(&self, instrument: &LogicalName) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(instrument.clone());
    }

    /// Ends the tests of all units, where a step ended for good with an instrument that they share.
    fn tell_the_others(&self, outcome: StepOutcome, reason: Option<&String>) {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (StepOutcome::Error, Some(instrument), Some(several)) = (outcome, trouble, &self.several) {
            let reason = reason.map_or("it failed", String::as_str);
            several.alarm.raise(self.slot, &instrument, reason);
        }
    }

    /// Lets time pass between two attempts.
    pub(crate) async fn pause(&self, delay: Duration) {
        self.clock.sleep(delay).await;
    }

    async fn report_durably(&self, kind: EventKind) -> Result<(), NotRecorded> {
        let (durable, done) = oneshot::channel();
        let report = Report {
            kind,
            at: self.stamp(),
            durable: Some(durable),
        };
        self.reports.send(report).map_err(|_closed| NotRecorded)?;
        done.await.map_err(|_dropped| NotRecorded)
    }
}

/// Runs a step as often as it says, from this attempt on. Answers with the last attempt.
pub(crate) async fn run_step(
    floor: &Floor,
    address: StepAddress,
    step: &Step,
    first: u32,
) -> Result<(StepOutcome, u32), NotRecorded> {
    if let Some(partial) = floor
        .partial
        .as_ref()
        .filter(|partial| partial.left_out.contains(&address))
    {
        floor.report(EventKind::StepEnded(StepEnded {
            address,
            name: step.name.clone(),
            step_type: step.kind.word(),
            attempt: 0,
            decides: true,
            started: floor.stamp(),
            outcome: StepOutcome::Skip,
            reason: Some(partial.reason_of_a_step()),
        }))?;
        return Ok((StepOutcome::Skip, first.saturating_sub(1)));
    }
    let mut attempt = first;
    loop {
        let started = floor.stamp();
        let begins = EventKind::StepStarted(StepStarted {
            address,
            name: step.name.clone(),
            step_type: step.kind.word(),
            attempt,
        });
        // what may energise a unit is on the disk before the command is sent
        if step.kind.enables_output() {
            floor.report_durably(begins).await?;
        } else {
            floor.report(begins)?;
        }
        let ended = attempt_step(floor, address, step, attempt).await?;
        let (outcome, reason) = doubted(floor, ended).await;
        let reason_said = reason.clone();
        let again = attempt - first + 1 < step.retry.attempts && retries(step.retry, outcome);
        floor.report(EventKind::StepEnded(StepEnded {
            address,
            name: step.name.clone(),
            step_type: step.kind.word(),
            attempt,
            decides: !again,
            started,
            outcome,
            reason,
        }))?;
        if !again {
            floor.tell_the_others(outcome, reason_said.as_ref());
            return Ok((outcome, attempt));
        }
        floor.clock.sleep(step.retry.delay).await;
        attempt += 1;
    }
}

pub(crate) const fn retries(retry: Retry, outcome: StepOutcome) -> bool {
    match outcome {
        StepOutcome::Error => retry.on_error,
        StepOutcome::Fail => retry.on_fail,
        StepOutcome::Timeout => retry.on_timeout,
        StepOutcome::Pass | StepOutcome::Skip | StepOutcome::Aborted => false,
    }
}

/// How an attempt ended, and why unless it passed.
pub(crate) type Ended = (StepOutcome, Option<String>);

async fn attempt_step(floor: &Floor, address: StepAddress, step: &Step, attempt: u32) -> Result<Ended, NotRecorded> {
    let patience = match &step.kind {
        StepKind::Wait(duration) => floor.attempt_deadline.saturating_add(*duration),
        StepKind::Measurements(measurements) => {
            let polls = measurements.iter().filter_map(Measurement::poll);
            polls.fold(floor.attempt_deadline, |all, poll| all.saturating_add(poll.patience))
        }
        StepKind::Expect(expect) => floor.attempt_deadline.saturating_add(expect.within),
        // a person may have gone to fetch something
        StepKind::Prompt(_) => floor.attempt_deadline.max(PATIENCE_WITH_PEOPLE),
        StepKind::Set { expects, .. } => {
            let settle = expects.map_or(Duration::ZERO, |expects| expects.settle);
            floor.attempt_deadline.saturating_add(settle)
        }
        StepKind::Exec(_) | StepKind::Query(_) | StepKind::Send(_) => floor.attempt_deadline,
    };
    let attempted = Attempt {
        floor,
        step: &step.name,
        address,
        number: attempt,
        parameters: &step.parameters,
    };
    let allowed = step.timeout.unwrap_or(patience);
    let deadline = floor.clock.now().after(allowed);
    let work = async {
        match &step.kind {
            StepKind::Wait(duration) => {
                floor.clock.sleep(*duration).await;
                Ok((StepOutcome::Pass, None))
            }
            StepKind::Set {
                instrument,
                setting,
                expects,
            } => {
                let judged = match (setting, expects) {
                    (Setting::Output(output), Some(expects)) => {
                        Some(Expected::of(step, instrument, output, *expects, address, attempt))
                    }
                    // a switch holds nothing
                    (Setting::Output(_) | Setting::Switch(_), None) | (Setting::Switch(_), Some(_)) => None,
                };
                match (actor(floor, instrument), judged) {
                    (Err(reason), None) => Ok((StepOutcome::Error, Some(reason))),
                    (Err(reason), Some(judged)) => judged.not_found(floor, reason),
                    (Ok(actor), None) => Ok(match actor.set(setting.clone()).await {
                        Ok(()) => (StepOutcome::Pass, None),
                        Err(error) => {
                            floor.failed_on(instrument);
                            (StepOutcome::Error, Some(format!("{instrument}: {error}")))
                        }
                    }),
                    (Ok(actor), Some(judged)) => {
                        let ended = judged.set(floor, actor).await?;
                        if ended.0 == StepOutcome::Error {
                            floor.failed_on(instrument);
                        }
                        Ok(ended)
                    }
                }
            }
            StepKind::Measurements(measurements) => measure_all(floor, address, step, measurements, attempt).await,
            StepKind::Prompt(prompt) => saying::prompt(attempted, prompt).await,
            StepKind::Exec(exec) => saying::exec(attempted, exec).await,
            StepKind::Query(query) => saying::query(attempted, query).await,
            StepKind::Send(transmit) => saying::send(attempted, transmit).await,
            StepKind::Expect(expect) => saying::expect(attempted, expect).await,
        }
    };
    if let Ok(ended) = floor.clock.within(deadline, work).await {
        return ended;
    }
    let reason = format!("not done in {}", benchtop_instrument::human_duration(allowed));
    Ok((StepOutcome::Timeout, Some(reason)))
}

/// A fail while a supply has lost an output is no fact about the unit.
async fn doubted(floor: &Floor, ended: Ended) -> Ended {
    let (StepOutcome::Fail, failed) = ended else {
        return ended;
    };
    let of = floor.outputs_of.as_deref();
    match lost_outputs(&floor.crew, of, floor.clock.as_ref(), floor.read_back_deadline).await {
        None => (StepOutcome::Fail, failed),
        Some(lost) => {
            let but = failed.map_or_else(String::new, |failed| format!("; no fact about the unit: {failed}"));
            (StepOutcome::Error, Some(format!("{lost}{but}")))
        }
    }
}

pub(crate) fn actor<'f>(floor: &'f Floor, name: &LogicalName) -> Result<&'f Actor, String> {
    let why = || match floor.missing.get(name) {
        // it says which instrument it is of
        Some(reason) => format!("not open: {reason}"),
        None => format!("{name} is not open"),
    };
    floor.crew.get(name).ok_or_else(why)
}

async fn measure_all(
    floor: &Floor,
    address: StepAddress,
    step: &Step,
    measurements: &[Measurement],
    attempt: u32,
) -> Result<Ended, NotRecorded> {
    let mut ended = (StepOutcome::Pass, None);
    let mut broken = None;
    let mut arrays = Arrays::default();
    for measurement in measurements {
        let mut origin = None;
        let mut results = match (&measurement.source, &broken) {
            (MeasurementSource::Compute(expression), None) => {
                let blank = blank(measurement, address, attempt);
                let found = expression.origin(measurement.unit, floor.memory.as_ref());
                let result = computed(measurement, expression, &found, &floor.memory, blank);
                origin = found.transpose();
                vec![result]
            }
            (MeasurementSource::Reduced(reduction), None) => {
                let blank = blank(measurement, address, attempt);
                vec![arrays.reduced(measurement, reduction, blank)]
            }
            // `parse` gives a step of this kind no words to find anything in
            (MeasurementSource::Said(_), _) => {
                let reason = Err("nothing is said in this step".to_owned());
                vec![judged(floor, measurement, reason, address, attempt)]
            }
            (MeasurementSource::Compute(_) | MeasurementSource::Reduced(_), Some(reason)) => {
                vec![judged(
                    floor,
                    measurement,
                    Err(format!("not taken: {reason}")),
                    address,
                    attempt,
                )]
            }
            (MeasurementSource::Reading(source), _) => {
                let (reading, settling) = match (&broken, measurement.poll()) {
                    (Some(reason), _) => (Err(format!("not taken: {reason}")), Settling::Unknown),
                    (None, Some(poll)) => poll::take_until(floor, measurement, source, poll).await,
                    (None, None) => (take(floor, source).await, Settling::Unknown),
                };
                let mut results = vec![judged(floor, measurement, reading, address, attempt)];
                let name = full_name(&measurement.name, &step.parameters);
                if let Some((_, taken)) = results.first().filter(|_| floor.memory.is_operand(&name)) {
                    origin = known_of(name, source, &taken.assessment);
                }
                if let Some(poll) = measurement.poll() {
                    results.push(poll::settle_time(blank(measurement, address, attempt), poll, settling));
                }
                results
            }
        };
        for (judgement, taken) in results.drain(..) {
            arrays.keep(&taken);
            let name = full_name(&taken.name, &step.parameters);
            floor.memory.measured(name.clone(), taken.value.clone());
            if let Some(origin) = origin.take() {
                floor.memory.knows(name, origin);
            }
            let reason = || taken.reason.clone().map(|reason| format!("{}: {reason}", taken.name));
            if judgement.is_error {
                if broken.is_none() {
                    ended = (StepOutcome::Error, reason());
                    broken = judgement.reason.clone();
                }
            } else if judgement.outcome == MeasurementOutcome::Fail && ended.0 == StepOutcome::Pass {
                ended = (StepOutcome::Fail, reason());
            }
            floor.report(EventKind::MeasurementTaken(Box::new(taken)))?;
        }
    }
    Ok(ended)
}

pub(crate) async fn take(floor: &Floor, source: &ReadingSource) -> Result<Reading, String> {
    let actor = actor(floor, &source.instrument)?;
    actor.measure(source.request).await.map_err(|error: CommandError| {
        floor.failed_on(&source.instrument);
        format!("{}: {error}", source.instrument)
    })
}

/// How well a reading is known, or why not; nothing where its instrument has no specification.
fn known_of(name: String, source: &ReadingSource, assessment: &Assessment) -> Option<Result<Origin, String>> {
    match (&assessment.uncertainty, &assessment.uncertainty_reason) {
        (Some(uncertainty), _) => Some(Ok(Origin::reading(name, source, uncertainty.clone()))),
        (None, Some(reason)) => Some(Err(reason.clone())),
        (None, None) => None,
    }
}

/// A measurement that is computed from those before, with the readings that are in it.
fn computed(
    measurement: &Measurement,
    expression: &Expression,
    origin: &Result<Option<Origin>, String>,
    memory: &Memory,
    mut taken: MeasurementTaken,
) -> (Judgement, MeasurementTaken) {
    let value = match expression.evaluate(memory) {
        Ok(Evaluated::Number(number)) => {
            let number = number.in_unit(measurement.unit).map(Value::Number);
            number.ok_or_else(|| format!("the result cannot be written in {}", measurement.unit))
        }
        Ok(Evaluated::Text(text)) => Ok(Value::Text(text)),
        Ok(Evaluated::Boolean(truth)) => Ok(Value::Boolean(truth)),
        Err(error) => Err(format!("not computed: {error}")),
    };
    let judgement = match value {
        Ok(value) => {
            taken.value = Some(value.clone());
            taken.reading_kind = ReadingWord::Value;
            let measured = Measured::Value(value);
            let operands = expression.operands();
            let is_specified = operands.iter().any(|operand| memory.is_specified(&operand.name));
            let origin = origin.as_ref().map(Option::as_ref).map_err(String::as_str);
            let (assessment, accepted) = assess::computed(measurement, &measured, origin, is_specified);
            taken.assessment = assessment;
            assess::judge(measurement, &measured, accepted)
        }
        Err(reason) => Judgement::unusable(reason),
    };
    taken.outcome = judgement.outcome;
    taken.marginal = judgement.marginal;
    taken.reason.clone_from(&judgement.reason);
    (judgement, taken)
}

fn judged(
    floor: &Floor,
    measurement: &Measurement,
    reading: Result<Reading, String>,
    address: StepAddress,
    attempt: u32,
) -> (Judgement, MeasurementTaken) {
    let mut taken = blank(measurement, address, attempt);
    let judgement = match reading {
        Err(reason) => Judgement::unusable(reason),
        Ok(reading) => {
            let judgement = judge_reading(floor, measurement, &reading, &mut taken);
            taken.raw = Some(reading.text);
            taken.range = reading.range_in_use;
            taken.nplc = reading.nplc;
            taken.choices = reading.choices;
            taken.sampling = reading.sampling;
            let own = measurement.reading().map(|reading| reading.request.function.unit());
            let samples = reading.samples.zip(own);
            taken.samples = samples.and_then(|(samples, own)| samples.in_unit(own, measurement.unit));
            judgement
        }
    };
    taken.outcome = judgement.outcome;
    taken.marginal = judgement.marginal;
    taken.reason.clone_from(&judgement.reason);
    (judgement, taken)
}

pub(crate) fn blank(measurement: &Measurement, address: StepAddress, attempt: u32) -> MeasurementTaken {
    let reading = measurement.reading();
    MeasurementTaken {
        address,
        attempt,
        name: measurement.name.clone(),
        instrument: reading.map(|reading| reading.instrument.clone()),
        channel: reading.map(|reading| reading.request.channel),
        channel_name: reading.and_then(|reading| reading.channel_name.clone()),
        function: reading.map(|reading| reading.request.function.word()),
        reduction: measurement.reduction().cloned(),
        value: None,
        unit: measurement.unit,
        limit: measurement.limit.as_deref().cloned(),
        outcome: MeasurementOutcome::Unset,
        marginal: false,
        reason: None,
        reading_kind: ReadingWord::Missing,
        raw: None,
        range: None,
        nplc: None,
        choices: Choices::default(),
        sampling: Sampling::ONE,
        samples: None,
        assessment: Assessment::default(),
    }
}

/// What is said of a measurement whose step ended before it, and of the time that it took to settle.
pub(crate) fn not_taken(
    measurement: &Measurement,
    address: StepAddress,
    attempt: u32,
    why: &str,
) -> Vec<MeasurementTaken> {
    let blank = blank(measurement, address, attempt);
    let settling = measurement
        .poll()
        .map(|poll| poll::settle_time(blank.clone(), poll, Settling::Unknown).1);
    let reason = Some(format!("not taken: {why}"));
    std::iter::once(blank)
        .chain(settling)
        .map(|taken| MeasurementTaken {
            reason: reason.clone(),
            ..taken
        })
        .collect()
}

/// True when its limit passes the reading.
pub(crate) fn is_within(floor: &Floor, measurement: &Measurement, reading: &Reading) -> bool {
    let mut unused = blank(
        measurement,
        StepAddress {
            section: Section::Main,
            index: 0,
        },
        1,
    );
    judge_reading(floor, measurement, reading, &mut unused).outcome == MeasurementOutcome::Pass
}

fn judge_reading(
    floor: &Floor,
    measurement: &Measurement,
    reading: &Reading,
    taken: &mut MeasurementTaken,
) -> Judgement {
    let (word, measured) = match reading.kind {
        ReadingKind::Value(quantity) => match quantity.in_unit(measurement.unit) {
            Ok(value) => {
                let value = Value::Number(value);
                taken.value = Some(value.clone());
                (ReadingWord::Value, Measured::Value(value))
            }
            Err(error) => return Judgement::unusable(error.to_string()),
        },
        ReadingKind::Overrange(polarity) => {
            let word = match polarity {
                Polarity::Positive => ReadingWord::OverrangePositive,
                Polarity::Negative => ReadingWord::OverrangeNegative,
            };
            (word, Measured::Overrange(polarity, reading.range_in_use))
        }
        ReadingKind::NotANumber => (ReadingWord::NotANumber, Measured::Unusable),
    };
    taken.reading_kind = word;
    let accepted = match measurement.reading() {
        Some(source) => {
            let today = floor.clock.utc().date_naive();
            let (assessment, accepted) = floor
                .surroundings
                .assess(measurement, source, reading, &measured, today);
            taken.assessment = assessment;
            accepted
        }
        None => assess::without_instrument(measurement, &measured).1,
    };
    assess::judge(measurement, &measured, accepted)
}
