//! Sees a run through, however it goes: opens, runs the steps, tears down, makes safe, records.
//!
//! Invariants, each a test in `tests`:
//! 1. Nothing is opened before the event that names run and instruments is durable.
//! 2. A step that enables an output is durable before its command is sent.
//! 3. Whatever ends the steps (outcome, deadline, panic, interrupt, recorder), every output is tried afterwards.
//! 4. An output that was not proved off makes the run an Error and is named.
//! 5. So does an output that the steps turned on and that is off when they are done.
//! 6. Of several units each has its own record; what an instrument that they share fails to do ends them all, what a unit fails ends only its own.

use crate::{
    ambient,
    assess::Circumstances,
    bench::Bench,
    crew::Crew,
    event::{EventKind, InstrumentUse, Log, LogLevel, MadeSafe, RunEnded, RunStarted, Section},
    lines::{Lines, console_of, keep_what_was_heard, open_line},
    listener::Listener,
    memory::Memory,
    outcome::RunOutcome,
    outside::Surroundings,
    partial::Partial,
    recorder::{Recorder, RecorderError},
    safe,
    scribe::Scribe,
    slots::{Alarm, Gates, all, of_run, own_outputs, union},
    stage::{Bay, Several, Stage, at_least, interrupted},
};
use benchtop_instrument::{Clock, Moment, spawn};
use benchtop_procedure::{BoundProcedure, LogicalName, Metrology};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::watch;

/// What the operator or the system wants of a running run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interrupt {
    /// Go on.
    #[default]
    None,
    /// Abandon the step, tear down, make safe (first Ctrl-C, SIGTERM, SIGHUP).
    Abandon,
    /// Make safe at once (second Ctrl-C).
    SafeNow,
}

/// How long each part may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Opening and preparing one instrument.
    pub prepare: Duration,
    /// Setup and test together, where the procedure says nothing itself: for as long as it takes.
    pub run: Option<Duration>,
    /// One attempt at a step that says nothing itself; a wait's own time comes on top.
    pub attempt: Duration,
    /// The whole teardown.
    pub teardown: Duration,
    /// Reading back the outputs of one instrument.
    pub read_back: Duration,
    /// Making one instrument safe, for each way of trying.
    pub make_safe: Duration,
    /// Bringing events to stable storage.
    pub recorder: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            prepare: Duration::from_secs(30),
            run: None,
            attempt: Duration::from_secs(600),
            teardown: Duration::from_secs(120),
            read_back: Duration::from_secs(10),
            make_safe: Duration::from_secs(30),
            recorder: Duration::from_secs(30),
        }
    }
}

/// Everything that a run needs.
pub struct Job<R> {
    /// What should happen.
    pub procedure: BoundProcedure,
    /// The event that begins the run.
    pub started: RunStarted,
    /// What was asked for instead of the whole procedure.
    pub partial: Option<Partial>,
    /// Instruments that are open already.
    pub crew: Crew,
    /// The instruments.
    pub bench: Arc<dyn Bench>,
    /// What it says of how well its instruments measure.
    pub metrology: Arc<Metrology>,
    /// What is reached beside them.
    pub outside: Surroundings,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who writes it down.
    pub recorder: R,
    /// Who watches.
    pub listeners: Vec<Listener>,
    /// What the operator wants.
    pub interrupt: watch::Receiver<Interrupt>,
    /// How long each part may take.
    pub deadlines: Deadlines,
}

impl<R> std::fmt::Debug for Job<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job")
            .field("run_id", &self.started.run_id)
            .finish_non_exhaustive()
    }
}

/// One of several units that are tested at once on one bench, and everything that is its own.
pub struct Seat<R> {
    /// What should happen to it.
    pub procedure: BoundProcedure,
    /// The event that begins its run. Its outputs are the unit's own, and those that are all units'.
    pub started: RunStarted,
    /// What was asked for instead of the whole procedure.
    pub partial: Option<Partial>,
    /// What is reached beside the instruments.
    pub outside: Surroundings,
    /// Who writes it down.
    pub recorder: R,
    /// Who watches.
    pub listeners: Vec<Listener>,
}

impl<R> std::fmt::Debug for Seat<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat")
            .field("run_id", &self.started.run_id)
            .finish_non_exhaustive()
    }
}

/// Everything that several runs at once need.
pub struct Fixture<R> {
    /// The units. All have the same fixture steps.
    pub seats: Vec<Seat<R>>,
    /// Instruments that are open already.
    pub crew: Crew,
    /// The instruments.
    pub bench: Arc<dyn Bench>,
    /// What it says of how well its instruments measure.
    pub metrology: Arc<Metrology>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What the operator wants.
    pub interrupt: watch::Receiver<Interrupt>,
    /// How long each part may take.
    pub deadlines: Deadlines,
}

impl<R> std::fmt::Debug for Fixture<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fixture")
            .field("seats", &self.seats)
            .finish_non_exhaustive()
    }
}

/// How a run ended. The outcome is not to be shown before the recorder's file is sealed.
#[derive(Debug)]
pub struct Finished<R> {
    /// The recorder, to be sealed; `None` when the supervisor itself broke down.
    pub recorder: Option<R>,
    /// The last event.
    pub ended: RunEnded,
    /// Why the run could not be recorded.
    pub recorder_error: Option<RecorderError>,
    /// The instruments, made safe and still open: for the next run, or to be closed.
    pub crew: Crew,
}

/// Runs a procedure. Ends only when all that can be made safe has been.
///
/// Call it inside a tokio runtime.
pub async fn execute<R: Recorder + 'static>(job: Job<R>) -> Finished<R> {
    let fixture = Fixture {
        seats: vec![Seat {
            procedure: job.procedure,
            started: job.started,
            partial: job.partial,
            outside: job.outside,
            recorder: job.recorder,
            listeners: job.listeners,
        }],
        crew: job.crew,
        bench: job.bench,
        metrology: job.metrology,
        clock: job.clock,
        interrupt: job.interrupt,
        deadlines: job.deadlines,
    };
    let finished = execute_slots(fixture).await.pop();
    // one seat, one run
    finished.unwrap_or_else(|| lost("the runner lost the run (a bug in Benchtop)".to_owned(), Vec::new()))
}

/// Runs a procedure on several units at once. Ends only when all that can be made safe has been; answers in the order of the
/// seats, each with the same instruments.
///
/// Call it inside a tokio runtime.
pub async fn execute_slots<R: Recorder + 'static>(fixture: Fixture<R>) -> Vec<Finished<R>> {
    let (bench, clock) = (Arc::clone(&fixture.bench), Arc::clone(&fixture.clock));
    let patience = fixture.deadlines.make_safe;
    let seats = fixture.seats.len();
    let uses = union(fixture.seats.iter().map(|seat| seat.started.instruments.as_slice()));
    let supervisor = spawn(clock.as_ref(), supervise(fixture));
    let failure = match supervisor.await {
        Ok(finished) => return finished,
        Err(failure) => failure,
    };
    // a bug of ours: the outputs go off all the same
    let rescue_clock = Arc::clone(&clock);
    let rescue = spawn(clock.as_ref(), async move {
        let mut made_safe = Vec::new();
        for used in uses.iter().filter(|used| !used.outputs.is_empty()) {
            made_safe.push(safe::on_a_fresh_session(used, bench.as_ref(), rescue_clock.as_ref(), patience).await);
        }
        safe::maybe_on(&made_safe)
    });
    let outputs_maybe_on = rescue
        .await
        .unwrap_or_else(|failure| vec![format!("every output ({failure})")]);
    let reason = format!("the runner {failure} (a bug in Benchtop)");
    let each = std::iter::repeat_with(|| lost(reason.clone(), outputs_maybe_on.clone()));
    each.take(seats).collect()
}

/// What is left of a run whose supervisor broke down.
fn lost<R>(reason: String, outputs_maybe_on: Vec<String>) -> Finished<R> {
    Finished {
        recorder: None,
        ended: RunEnded {
            outcome: RunOutcome::Error,
            reason: Some(reason),
            outputs_maybe_on,
        },
        recorder_error: None,
        crew: Crew::default(),
    }
}

async fn supervise<R: Recorder + 'static>(fixture: Fixture<R>) -> Vec<Finished<R>> {
    let Fixture {
        seats,
        mut crew,
        bench,
        metrology,
        clock,
        mut interrupt,
        deadlines,
    } = fixture;
    let begun = clock.now();
    let each: Vec<Vec<InstrumentUse>> = seats.iter().map(|seat| seat.started.instruments.clone()).collect();
    let uses = union(each.iter().map(Vec::as_slice));
    let is_several = seats.len() > 1;
    let several = is_several.then(|| Several {
        gates: Arc::new(Gates::of(seats.iter().map(|seat| &seat.procedure))),
        alarm: Arc::new(Alarm::new(each.iter().map(Vec::as_slice))),
    });
    let mut bays = Vec::new();
    for (number, seat) in seats.into_iter().enumerate() {
        bays.push(bay(number, seat, &each, &clock, begun, deadlines.recorder));
    }
    all(bays.iter_mut().map(|bay| bay.scribe.barrier())).await;
    if bays.iter().any(|bay| bay.scribe.error.is_some()) {
        for bay in bays.iter_mut().filter(|bay| bay.scribe.error.is_none()) {
            let reason = "nothing was tested: the run of another slot cannot be recorded";
            bay.scribe.at_least(RunOutcome::Error, reason);
        }
        return finish(bays, &[], false, &crew).await;
    }

    let mut missing = BTreeMap::new();
    let opening = Opening {
        bench: &bench,
        clock: &clock,
        patience: deadlines.prepare,
    };
    let mut skipped = opening
        .instruments(&uses, &mut crew, &mut bays, &mut missing, &mut interrupt)
        .await;
    if skipped.is_none() {
        skipped = opening.links(&mut bays, &mut missing).await;
    }
    let mut surroundings = Circumstances {
        metrology,
        ambient: None,
    };
    if skipped.is_none() {
        let measured = ambient::measure(
            &surroundings.metrology,
            &crew,
            bench.as_ref(),
            clock.as_ref(),
            deadlines.prepare,
        );
        if let Some((celsius, log)) = measured.await {
            surroundings.ambient = celsius;
            for bay in &mut bays {
                bay.scribe.emit(EventKind::Log(log.clone()));
            }
        }
    }
    let stage = Stage {
        crew: &crew,
        missing: &Arc::new(missing),
        clock: &clock,
        begun,
        deadlines,
        surroundings: &surroundings,
        several,
    };
    if skipped.is_none() {
        skipped = stage.set_fixture_up(&mut bays, &mut interrupt).await;
    }
    let units = bays.iter_mut();
    all(units.map(|bay| stage.test_unit(bay, skipped.clone(), interrupt.clone()))).await;
    stage.tear_fixture_down(&mut bays, &mut interrupt).await;

    for bay in &mut bays {
        let procedure = Arc::clone(&bay.procedure);
        bay.scribe
            .skip_the_rest(&procedure, &[Section::Teardown], bay.skipped.as_deref());
        if let Some(partial) = &bay.partial {
            bay.scribe.at_least(RunOutcome::Aborted, &partial.reason_of_the_run());
        }
    }
    let made_safe = safe::make_all_safe(&uses, &mut crew, bench.as_ref(), clock.as_ref(), deadlines.make_safe).await;
    for bay in &mut bays {
        keep_what_was_heard(&bay.lines, &bay.outside, clock.as_ref(), &mut bay.scribe).await;
    }
    finish(bays, &made_safe, true, &crew).await
}

/// A unit whose run begins here.
fn bay<R: Recorder>(
    number: usize,
    seat: Seat<R>,
    each: &[Vec<InstrumentUse>],
    clock: &Arc<dyn Clock>,
    begun: Moment,
    patience: Duration,
) -> Bay<R> {
    let Seat {
        procedure,
        started,
        partial,
        outside,
        recorder,
        listeners,
    } = seat;
    let memory = Arc::new(Memory::of(procedure.procedure()));
    let procedure = Arc::new(procedure);
    let clock = Arc::clone(clock);
    let mut scribe = Scribe::new(recorder, listeners, clock, Arc::clone(&procedure), begun, patience);
    let uses = started.instruments.clone();
    scribe.emit(EventKind::RunStarted(Box::new(started)));
    let others = each.iter().enumerate().filter(|(other, _)| *other != number);
    let others: Vec<&[InstrumentUse]> = others.map(|(_, uses)| uses.as_slice()).collect();
    Bay {
        number,
        scribe,
        procedure,
        partial: partial.map(Arc::new),
        lines: Arc::default(),
        outside,
        memory,
        own: own_outputs(&uses, &others),
        uses,
        skipped: None,
    }
}

/// Ends every run.
async fn finish<R: Recorder>(bays: Vec<Bay<R>>, made_safe: &[MadeSafe], opened: bool, crew: &Crew) -> Vec<Finished<R>> {
    let mut finished = Vec::new();
    for bay in bays {
        let own = of_run(&bay.uses, made_safe);
        finished.push(bay.scribe.finish(&own, &bay.uses, opened, crew.clone()).await);
    }
    finished
}

/// How instruments are opened.
struct Opening<'a> {
    bench: &'a Arc<dyn Bench>,
    clock: &'a Arc<dyn Clock>,
    patience: Duration,
}

impl Opening<'_> {
    /// Opens what the runs use, and tells those that use it. Answers why nothing is tested, where something is missing.
    async fn instruments<R: Recorder>(
        &self,
        uses: &[InstrumentUse],
        crew: &mut Crew,
        bays: &mut [Bay<R>],
        missing: &mut BTreeMap<LogicalName, String>,
        interrupt: &mut watch::Receiver<Interrupt>,
    ) -> Option<String> {
        for used in uses {
            if bays.iter().any(|bay| console_of(&bay.procedure, &used.name).is_some()) {
                continue;
            }
            let opening = crew.prepare(&used.name, self.bench.as_ref(), self.clock.as_ref(), self.patience);
            let opened = tokio::select! {
                biased;
                level = at_least(interrupt, Interrupt::Abandon) => Err((RunOutcome::Aborted, interrupted(level))),
                opened = opening => opened.map_err(|reason| (RunOutcome::Error, reason)),
            };
            let (ready, lost) = match opened {
                Ok(opened) => opened,
                Err((outcome, reason)) => {
                    bays.iter_mut().for_each(|bay| bay.scribe.at_least(outcome, &reason));
                    missing.insert(used.name.clone(), reason.clone());
                    return Some(reason);
                }
            };
            for bay in bays.iter_mut() {
                if !bay.uses.iter().any(|own| own.name == used.name) {
                    continue;
                }
                if let Some(reason) = &lost {
                    bay.scribe.emit(EventKind::Log(Log {
                        level: LogLevel::Warning,
                        source: "runner".to_owned(),
                        message: format!("opened again, it was lost since the last run: {reason}"),
                    }));
                }
                bay.scribe.emit(EventKind::InstrumentReady(ready.clone()));
            }
        }
        None
    }

    /// Opens the units' own links.
    async fn links<R: Recorder>(
        &self,
        bays: &mut [Bay<R>],
        missing: &mut BTreeMap<LogicalName, String>,
    ) -> Option<String> {
        let mut failed = None;
        for bay in bays.iter_mut() {
            let mut lines = Lines::new();
            for used in &bay.uses {
                let Some(need) = console_of(&bay.procedure, &used.name) else {
                    continue;
                };
                match open_line(&used.name, need, self.bench, self.clock, self.patience).await {
                    Ok(line) => drop(lines.insert(used.name.clone(), line)),
                    Err(reason) => {
                        missing.insert(used.name.clone(), reason.clone());
                        failed = Some(reason);
                        break;
                    }
                }
            }
            bay.lines = Arc::new(lines);
            if failed.is_some() {
                break;
            }
        }
        if let Some(reason) = &failed {
            bays.iter_mut()
                .for_each(|bay| bay.scribe.at_least(RunOutcome::Error, reason));
        }
        failed
    }
}
