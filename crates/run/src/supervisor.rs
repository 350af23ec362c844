//! Sees a run through, however it goes: opens, runs the steps, tears down, makes safe, records.
//!
//! Invariants, each a test in `tests`:
//! 1. Nothing is opened before the event that names run and instruments is durable.
//! 2. A step that enables an output is durable before its command is sent.
//! 3. Whatever ends the steps (outcome, deadline, panic, interrupt, recorder), every output is tried afterwards.
//! 4. An output that was not proved off makes the run an Error and is named.
//! 5. So does an output that the steps turned on and that is off when they are done.

use crate::{
    ambient,
    assess::Circumstances,
    bench::Bench,
    crew::Crew,
    event::{EventKind, Log, LogLevel, RunEnded, RunStarted, Section},
    lines::{Lines, console_of, keep_what_was_heard, open_line},
    listener::Listener,
    memory::Memory,
    outcome::{RunOutcome, StepOutcome},
    outside::Surroundings,
    partial::Partial,
    readback::lost_outputs,
    recorder::{Recorder, RecorderError},
    safe,
    scribe::{Scribe, plan_of, steps_of},
    steps::Floor,
    walk::run_section,
};
use benchtop_instrument::{Clock, ClockExt, Moment, TaskFailure, human_duration, spawn};
use benchtop_procedure::{BoundProcedure, LogicalName, Metrology};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::{mpsc, watch};

/// How long a step's task may take to notice that it was ended.
const JOIN: Duration = Duration::from_secs(2);

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
    let (bench, clock) = (Arc::clone(&job.bench), Arc::clone(&job.clock));
    let (uses, patience) = (job.started.instruments.clone(), job.deadlines.make_safe);
    let supervisor = spawn(clock.as_ref(), supervise(job));
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
    let reason = Some(format!("the runner {failure} (a bug in Benchtop)"));
    let ended = RunEnded {
        outcome: RunOutcome::Error,
        reason,
        outputs_maybe_on,
    };
    Finished {
        recorder: None,
        ended,
        recorder_error: None,
        crew: Crew::default(),
    }
}

async fn supervise<R: Recorder + 'static>(job: Job<R>) -> Finished<R> {
    let Job {
        procedure,
        started,
        partial,
        mut crew,
        bench,
        metrology,
        outside,
        clock,
        recorder,
        listeners,
        mut interrupt,
        deadlines,
    } = job;
    let begun = clock.now();
    let procedure = Arc::new(procedure);
    let mut scribe = Scribe::new(
        recorder,
        listeners,
        Arc::clone(&clock),
        Arc::clone(&procedure),
        begun,
        deadlines.recorder,
    );
    let uses = started.instruments.clone();
    scribe.emit(EventKind::RunStarted(Box::new(started)));
    scribe.barrier().await;
    if scribe.error.is_some() {
        return scribe.finish(&[], &uses, false, crew).await;
    }

    let mut skipped = None;
    let mut missing = BTreeMap::new();
    let mut lines = Lines::new();
    for used in &uses {
        if let Some(need) = console_of(&procedure, &used.name) {
            match open_line(&used.name, need, &bench, &clock, deadlines.prepare).await {
                Ok(line) => drop(lines.insert(used.name.clone(), line)),
                Err(reason) => {
                    scribe.at_least(RunOutcome::Error, &reason);
                    missing.insert(used.name.clone(), reason.clone());
                    skipped = Some(reason);
                    break;
                }
            }
            continue;
        }
        let opening = crew.prepare(&used.name, bench.as_ref(), clock.as_ref(), deadlines.prepare);
        let opened = tokio::select! {
            biased;
            level = at_least(&mut interrupt, Interrupt::Abandon) => Err((RunOutcome::Aborted, interrupted(level))),
            opened = opening => opened.map_err(|reason| (RunOutcome::Error, reason)),
        };
        match opened {
            Ok((ready, lost)) => {
                if let Some(reason) = lost {
                    scribe.emit(EventKind::Log(Log {
                        level: LogLevel::Warning,
                        source: "runner".to_owned(),
                        message: format!("opened again, it was lost since the last run: {reason}"),
                    }));
                }
                scribe.emit(EventKind::InstrumentReady(ready));
            }
            Err((outcome, reason)) => {
                scribe.at_least(outcome, &reason);
                missing.insert(used.name.clone(), reason.clone());
                skipped = Some(reason);
                break;
            }
        }
    }
    let partial = partial.map(Arc::new);
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
            scribe.emit(EventKind::Log(log));
        }
    }
    let missing = Arc::new(missing);
    let lines = Arc::new(lines);
    let stage = Stage {
        crew: &crew,
        lines: &lines,
        outside: &outside,
        missing: &missing,
        clock: &clock,
        procedure: &procedure,
        partial: partial.as_ref(),
        begun,
        deadlines,
        memory: Arc::new(Memory::of(procedure.procedure())),
        surroundings: &surroundings,
    };

    if skipped.is_none() {
        skipped = stage.run_test(&mut scribe, &mut interrupt).await;
        stage.read_back(&mut scribe, &mut interrupt).await;
    }
    scribe.skip_the_rest(&procedure, &[Section::Setup, Section::Main], skipped.as_deref());
    if scribe.error.is_none() && *interrupt.borrow() < Interrupt::SafeNow {
        skipped = stage.run_teardown(&mut scribe, &mut interrupt).await;
    } else if scribe.error.is_none() {
        skipped = Some(interrupted(Interrupt::SafeNow));
    }
    scribe.skip_the_rest(&procedure, &[Section::Teardown], skipped.as_deref());

    if let Some(partial) = &partial {
        scribe.at_least(RunOutcome::Aborted, &partial.reason_of_the_run());
    }
    let made_safe = safe::make_all_safe(&uses, &mut crew, bench.as_ref(), clock.as_ref(), deadlines.make_safe).await;
    keep_what_was_heard(&lines, &outside, clock.as_ref(), &mut scribe).await;
    scribe.finish(&made_safe, &uses, true, crew).await
}

/// Ends when the operator wants at least `level`.
async fn at_least(interrupt: &mut watch::Receiver<Interrupt>, level: Interrupt) -> Interrupt {
    let wanted = interrupt
        .wait_for(|wanted| *wanted >= level)
        .await
        .map(|wanted| *wanted);
    match wanted {
        Ok(wanted) => wanted,
        // nobody can interrupt any more
        Err(_closed) => std::future::pending().await,
    }
}

fn interrupted(level: Interrupt) -> String {
    match level {
        Interrupt::None | Interrupt::Abandon => "interrupted by the operator or a signal".to_owned(),
        Interrupt::SafeNow => "interrupted twice: made safe at once".to_owned(),
    }
}

/// When a section is cut short, and what is said of it then.
struct Ends {
    at: Moment,
    reason: String,
}

/// What stays the same while steps run.
struct Stage<'a> {
    crew: &'a Crew,
    lines: &'a Arc<Lines>,
    outside: &'a Surroundings,
    missing: &'a Arc<BTreeMap<LogicalName, String>>,
    clock: &'a Arc<dyn Clock>,
    procedure: &'a Arc<BoundProcedure>,
    partial: Option<&'a Arc<Partial>>,
    begun: Moment,
    deadlines: Deadlines,
    memory: Arc<Memory>,
    surroundings: &'a Circumstances,
}

impl Stage<'_> {
    /// Setup and test. Answers why steps were left out, if any were for a reason of their own.
    async fn run_test<R: Recorder>(
        &self,
        scribe: &mut Scribe<R>,
        interrupt: &mut watch::Receiver<Interrupt>,
    ) -> Option<String> {
        let allowed = self.procedure.procedure().timeout.or(self.deadlines.run);
        let ends = allowed.map(|allowed| Ends {
            at: self.begun.after(allowed),
            reason: format!("the run took longer than {}", human_duration(allowed)),
        });
        for section in [Section::Setup, Section::Main] {
            let reason = self
                .run(section, scribe, interrupt, Interrupt::Abandon, ends.as_ref())
                .await;
            if reason.is_some() {
                return reason;
            }
            if section == Section::Setup && scribe.outcome_so_far() > Some(RunOutcome::Pass) {
                return Some("the setup did not succeed".to_owned());
            }
        }
        None
    }

    /// Looks whether the outputs are still as the steps set them, where the run is about the unit so far.
    async fn read_back<R: Recorder>(&self, scribe: &mut Scribe<R>, interrupt: &mut watch::Receiver<Interrupt>) {
        if scribe.error.is_some() || scribe.outcome_so_far() > Some(RunOutcome::Fail) {
            return;
        }
        let looking = lost_outputs(self.crew, self.clock.as_ref(), self.deadlines.read_back);
        tokio::select! {
            biased;
            level = at_least(interrupt, Interrupt::Abandon) => {
                scribe.at_least(RunOutcome::Aborted, &interrupted(level));
            }
            lost = looking => if let Some(lost) = lost {
                scribe.at_least(RunOutcome::Error, &lost);
            }
        }
    }

    async fn run_teardown<R: Recorder>(
        &self,
        scribe: &mut Scribe<R>,
        interrupt: &mut watch::Receiver<Interrupt>,
    ) -> Option<String> {
        let ends = Ends {
            at: self.clock.now().after(self.deadlines.teardown),
            reason: "the teardown took too long".to_owned(),
        };
        self.run(Section::Teardown, scribe, interrupt, Interrupt::SafeNow, Some(&ends))
            .await
    }

    /// Runs one section in a task of its own; answers why it was cut short, if it was.
    async fn run<R: Recorder>(
        &self,
        section: Section,
        scribe: &mut Scribe<R>,
        interrupt: &mut watch::Receiver<Interrupt>,
        stops_at: Interrupt,
        ends: Option<&Ends>,
    ) -> Option<String> {
        let (reports, mut reported) = mpsc::unbounded_channel();
        let floor = Floor {
            crew: self.crew.clone(),
            lines: Arc::clone(self.lines),
            outside: self.outside.clone(),
            missing: Arc::clone(self.missing),
            clock: Arc::clone(self.clock),
            started: self.begun,
            reports,
            attempt_deadline: self.deadlines.attempt,
            read_back_deadline: self.deadlines.read_back,
            partial: self.partial.cloned(),
            memory: Arc::clone(&self.memory),
            surroundings: self.surroundings.clone(),
        };
        let procedure = Arc::clone(self.procedure);
        let mut task = spawn(self.clock.as_ref(), async move {
            let (steps, nodes) = (steps_of(&procedure, section), plan_of(&procedure, section));
            run_section(&floor, section, steps, nodes).await.is_ok()
        });
        let (mut expiry, late) = match ends {
            Some(Ends { at, reason }) => (self.clock.sleep_until(*at), reason.as_str()),
            None => (Box::pin(std::future::pending()) as _, ""),
        };
        let mut over = false;
        let cut = loop {
            tokio::select! {
                biased;
                level = at_least(interrupt, stops_at) => break Some((StepOutcome::Aborted, interrupted(level))),
                () = &mut expiry => break Some((StepOutcome::Timeout, late.to_owned())),
                Some(report) = reported.recv() => scribe.take(report).await,
                ended = &mut task => {
                    over = true;
                    break match ended {
                    Ok(true) => None,
                    Ok(false) => Some((StepOutcome::Error, "the run cannot be recorded".to_owned())),
                    Err(TaskFailure::Panicked(message)) => {
                        Some((StepOutcome::Error, format!("the step panicked: {message} (a bug in Benchtop)")))
                    }
                    Err(TaskFailure::Aborted) => Some((StepOutcome::Error, "the step was lost".to_owned())),
                }
                }
            }
            if scribe.error.is_some() {
                break Some((StepOutcome::Error, "the run cannot be recorded".to_owned()));
            }
        };
        if !over {
            // joined, so that no command of its comes after what follows
            task.abort();
            drop(self.clock.within(self.clock.now().after(JOIN), &mut task).await);
        }
        reported.close();
        while let Ok(report) = reported.try_recv() {
            scribe.take(report).await;
        }
        let (outcome, reason) = cut?;
        scribe.cut_short(outcome, &reason);
        Some(reason)
    }
}
