//! Writes events down, tells the listeners, and folds them into the run's outcome.

use crate::{
    crew::Crew,
    event::{
        Event, EventKind, InstrumentUse, MadeSafe, MeasurementTaken, RunEnded, Section, Stamp, StepAddress, StepEnded,
        StepStarted,
    },
    listener::Listener,
    outcome::{Fold, RunOutcome, StepOutcome},
    recorder::{Recorder, RecorderError},
    regulate::Expected,
    safe,
    slots::Whose,
    steps::not_taken,
    supervisor::Finished,
};
use benchtop_instrument::{Clock, ClockExt, Moment, Setting, human_duration};
use benchtop_procedure::{BoundProcedure, Judgement, MeasurementOutcome, PlanNode, Step, StepKind};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// What a step comes to for the run.
#[derive(Clone, Copy)]
struct Decided {
    outcome: RunOutcome,
    /// How many limits it judged of the unit.
    judged: usize,
}

/// Writes events down, tells the listeners, and folds.
pub(crate) struct Scribe<R> {
    recorder: R,
    listeners: Vec<Listener>,
    clock: Arc<dyn Clock>,
    procedure: Arc<BoundProcedure>,
    begun: Moment,
    patience: Duration,
    /// What is no step's: the run ends no better than this.
    fold: Fold,
    /// What each step comes to for the run, by its last attempt.
    decided: BTreeMap<StepAddress, Decided>,
    /// How many limits the running attempt judged.
    judged: usize,
    /// Why the run ends no better than it does, in order, with the step that says so.
    reasons: Vec<(RunOutcome, String, Option<StepAddress>)>,
    reached: BTreeSet<StepAddress>,
    running: Option<(StepStarted, Stamp)>,
    /// The last attempt of a step that was to be tried again.
    undecided: Option<StepEnded>,
    /// Measurements of the running attempt that were reported.
    taken: BTreeSet<String>,
    pub(crate) error: Option<RecorderError>,
}

impl<R: Recorder> Scribe<R> {
    pub(crate) fn new(
        recorder: R,
        listeners: Vec<Listener>,
        clock: Arc<dyn Clock>,
        procedure: Arc<BoundProcedure>,
        begun: Moment,
        patience: Duration,
    ) -> Self {
        Self {
            recorder,
            listeners,
            clock,
            procedure,
            begun,
            patience,
            fold: Fold::default(),
            decided: BTreeMap::new(),
            judged: 0,
            reasons: Vec::new(),
            reached: BTreeSet::new(),
            running: None,
            undecided: None,
            taken: BTreeSet::new(),
            error: None,
        }
    }

    fn stamp(&self) -> Stamp {
        Stamp {
            utc: self.clock.utc(),
            elapsed: self.clock.now().since(self.begun),
        }
    }

    pub(crate) fn at_least(&mut self, outcome: RunOutcome, reason: &str) {
        self.fold.at_least(outcome);
        self.reasons.push((outcome, reason.to_owned(), None));
    }

    /// The fold over all that has happened.
    fn folded(&self) -> Fold {
        let mut fold = self.fold;
        for decided in self.decided.values() {
            fold.at_least(decided.outcome);
            fold.judged(decided.judged);
        }
        fold
    }

    pub(crate) fn outcome_so_far(&self) -> Option<RunOutcome> {
        self.folded().outcome_so_far()
    }

    fn fail(&mut self, error: RecorderError) {
        self.at_least(RunOutcome::Error, &error.to_string());
        if self.error.is_none() {
            self.error = Some(error);
        }
    }

    pub(crate) fn emit(&mut self, kind: EventKind) {
        let at = self.stamp();
        self.emit_at(at, kind);
    }

    fn emit_at(&mut self, at: Stamp, kind: EventKind) {
        self.follow(at, &kind);
        let event = Arc::new(Event { at, kind });
        // the recorder hears everything, also after a failure: what can still be shown of the run is made of it
        if let Err(error) = self.recorder.record(&event)
            && self.error.is_none()
        {
            self.fail(error);
        }
        for listener in &self.listeners {
            listener.tell(&event);
        }
    }

    /// What the event means for the run's outcome.
    fn follow(&mut self, at: Stamp, kind: &EventKind) {
        match kind {
            EventKind::StepStarted(started) => {
                self.running = Some((started.clone(), at));
                self.taken.clear();
                self.judged = 0;
            }
            EventKind::MeasurementTaken(taken) => {
                self.taken.insert(taken.name.clone());
                let judged = matches!(taken.outcome, MeasurementOutcome::Pass | MeasurementOutcome::Fail);
                self.judged += usize::from(judged);
            }
            EventKind::StepEnded(ended) => {
                // that the unit said what it should is judged, whether anything is taken from it or not
                let said = matches!(ended.outcome, StepOutcome::Pass | StepOutcome::Fail);
                self.judged += usize::from(said && ended.step_type == "expect");
                self.running = None;
                self.undecided = (!ended.decides).then(|| ended.clone());
                if ended.decides {
                    self.reached.insert(ended.address);
                    self.fold_step(ended);
                }
            }
            EventKind::RunStarted(_)
            | EventKind::InstrumentReady(_)
            | EventKind::MadeSafe(_)
            | EventKind::PromptShown(_)
            | EventKind::Attached(_)
            | EventKind::Log(_)
            | EventKind::RunEnded(_) => {}
        }
    }

    fn is_fixtures(&self, address: StepAddress) -> bool {
        address.section == Section::Setup && address.index < self.procedure.procedure().fixture.setup
    }

    fn fold_step(&mut self, ended: &StepEnded) {
        // what it judged in an attempt that is not the last one counts no more
        let judged = std::mem::take(&mut self.judged);
        let before = self.decided.remove(&ended.address);
        if before.is_some() {
            // a group was tried again: its step's last word counts
            self.reasons.retain(|(.., step)| *step != Some(ended.address));
        }
        let is_the_units = ended.address.section != Section::Teardown && !self.is_fixtures(ended.address);
        let outcome = match ended.outcome {
            StepOutcome::Skip => return,
            StepOutcome::Pass => RunOutcome::Pass,
            // a failing teardown is a fact about the station; one that the operator cut short is theirs
            StepOutcome::Fail | StepOutcome::Timeout if ended.address.section == Section::Teardown => RunOutcome::Error,
            StepOutcome::Fail if is_the_units => RunOutcome::Fail,
            // the fixture's own: nothing of it is a fact about a unit
            StepOutcome::Fail | StepOutcome::Error => RunOutcome::Error,
            StepOutcome::Timeout => RunOutcome::Timeout,
            StepOutcome::Aborted => RunOutcome::Aborted,
        };
        let judged = match (is_the_units, ended.outcome) {
            // a limit that says nothing of the unit cannot make it good
            (false, _) => 0,
            // one that stands, because the step was passed over when its group was tried again
            (true, StepOutcome::Fail) => judged.max(before.map_or(0, |before| before.judged)),
            (true, _) => judged,
        };
        self.decided.insert(ended.address, Decided { outcome, judged });
        if outcome != RunOutcome::Pass {
            let reason = match &ended.reason {
                Some(reason) => format!("{}: {reason}", ended.name),
                None => format!("{}: {}", ended.name, ended.outcome),
            };
            self.reasons.push((outcome, reason, Some(ended.address)));
        }
    }

    /// Writes down what a step says; `durably` waits until it is on stable storage.
    pub(crate) async fn take(&mut self, kind: EventKind, at: Stamp, durably: bool) {
        let ends = matches!(kind, EventKind::StepEnded(_));
        if let EventKind::StepEnded(ended) = &kind
            && ended.outcome != StepOutcome::Skip
        {
            self.account_for_the_rest(ended);
        }
        self.emit_at(at, kind);
        if durably {
            self.barrier().await;
        } else if ends {
            self.written(Wait::Pipelined).await;
        }
    }

    pub(crate) async fn barrier(&mut self) {
        self.written(Wait::Durable).await;
    }

    async fn written(&mut self, wait: Wait) {
        if self.error.is_some() {
            return;
        }
        // the disk is outside the clock's tasks
        let busy = self.clock.busy();
        let deadline = self.clock.now().after(self.patience);
        let done = match wait {
            Wait::Durable => self.clock.within(deadline, self.recorder.barrier()).await,
            Wait::Pipelined => self.clock.within(deadline, self.recorder.pipeline()).await,
        };
        drop(busy);
        match done {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.fail(error),
            Err(_elapsed) => {
                let message = format!("the disk did not take it in {}", human_duration(self.patience));
                self.fail(RecorderError::new(message));
            }
        }
    }

    /// Ends the step in progress from outside.
    pub(crate) fn cut_short(&mut self, outcome: StepOutcome, reason: &str) {
        let Some((started, at)) = self.running.take() else {
            // between two attempts: the one that was made decides
            if let Some(last) = self.undecided.take() {
                self.emit(EventKind::StepEnded(StepEnded { decides: true, ..last }));
            }
            self.at_least(run_outcome(outcome), reason);
            return;
        };
        let ended = StepEnded {
            address: started.address,
            name: started.name,
            step_type: started.step_type,
            attempt: started.attempt,
            decides: true,
            started: at,
            outcome,
            reason: Some(reason.to_owned()),
        };
        self.account_for_the_rest(&ended);
        self.emit(EventKind::StepEnded(ended));
    }

    /// Says of every measurement of an attempt that ended early that it was not taken.
    fn account_for_the_rest(&mut self, ended: &StepEnded) {
        let procedure = Arc::clone(&self.procedure);
        let Some(step) = steps_of(&procedure, ended.address.section).get(ended.address.index) else {
            return;
        };
        let reason = ended.reason.as_deref().unwrap_or("the step ended");
        // one by one: they may be thousands
        for measurement in step.kind.measurements() {
            for missing in not_taken(measurement, ended.address, ended.attempt, reason) {
                self.take_missing(missing);
            }
        }
        if let StepKind::Set {
            instrument,
            setting: Setting::Output(output),
            expects: Some(expects),
        } = &step.kind
        {
            let judged = Expected::of(step, instrument, output, *expects, ended.address, ended.attempt);
            self.take_missing(judged.taken(None, Judgement::unusable(format!("not taken: {reason}"))));
        }
    }

    fn take_missing(&mut self, missing: MeasurementTaken) {
        if !self.taken.contains(&missing.name) {
            self.emit(EventKind::MeasurementTaken(Box::new(missing)));
        }
    }

    /// Says of every step that was not reached that it was not.
    pub(crate) fn skip_the_rest(&mut self, procedure: &BoundProcedure, sections: &[Section], reason: Option<&str>) {
        let reason = reason.unwrap_or("an earlier step ended the test");
        for section in sections {
            for (index, step) in steps_of(procedure, *section).iter().enumerate() {
                let address = StepAddress {
                    section: *section,
                    index,
                };
                if self.reached.contains(&address) {
                    continue;
                }
                self.emit(EventKind::StepEnded(StepEnded {
                    address,
                    name: step.name.clone(),
                    step_type: step.kind.word(),
                    attempt: 0,
                    decides: true,
                    started: self.stamp(),
                    outcome: StepOutcome::Skip,
                    reason: Some(format!("not reached: {reason}")),
                }));
            }
        }
    }

    pub(crate) async fn finish(
        mut self,
        made_safe: &[MadeSafe],
        uses: &[InstrumentUse],
        opened: bool,
        crew: Crew,
    ) -> Finished<R> {
        for state in made_safe {
            self.emit(EventKind::MadeSafe(state.clone()));
        }
        let outputs_maybe_on = safe::maybe_on(made_safe);
        if !outputs_maybe_on.is_empty() {
            let reason = safe::alarms(uses, made_safe).join("; ");
            self.fold.at_least(RunOutcome::Error);
            // nothing else about this run matters as much
            self.reasons.insert(0, (RunOutcome::Error, reason, None));
        }
        if opened && self.folded().judged_nothing() {
            self.at_least(RunOutcome::Error, "no limit was judged");
        }
        let outcome = self.folded().outcome();
        let reason = self
            .reasons
            .iter()
            .find(|(known, ..)| *known == outcome)
            .map(|(_, reason, _)| reason.clone());
        let mut ended = RunEnded {
            outcome,
            reason,
            outputs_maybe_on,
        };
        self.emit(EventKind::RunEnded(ended.clone()));
        self.barrier().await;
        if let Some(error) = &self.error {
            ended.outcome = RunOutcome::Error;
            ended.reason.get_or_insert_with(|| error.to_string());
        }
        Finished {
            recorder: Some(self.recorder),
            ended,
            recorder_error: self.error,
            crew,
        }
    }
}

/// What is waited for.
#[derive(Clone, Copy)]
enum Wait {
    /// Every event so far is on stable storage.
    Durable,
    /// Every event so far is written, and those of the step before are on stable storage.
    Pipelined,
}

const fn run_outcome(outcome: StepOutcome) -> RunOutcome {
    match outcome {
        StepOutcome::Pass | StepOutcome::Skip => RunOutcome::Pass,
        StepOutcome::Fail => RunOutcome::Fail,
        StepOutcome::Error => RunOutcome::Error,
        StepOutcome::Timeout => RunOutcome::Timeout,
        StepOutcome::Aborted => RunOutcome::Aborted,
    }
}

/// The steps of one section.
pub(crate) fn steps_of(procedure: &BoundProcedure, section: Section) -> &[Step] {
    let procedure = procedure.procedure();
    match section {
        Section::Setup => &procedure.setup,
        Section::Main => &procedure.steps,
        Section::Teardown => &procedure.teardown,
    }
}

/// The tree over the steps of one section: the part that is the fixture's, or each unit's.
pub(crate) fn nodes_of(procedure: &BoundProcedure, section: Section, whose: Whose) -> &[PlanNode] {
    let procedure = procedure.procedure();
    let (plan, fixture) = (&procedure.plan, procedure.fixture);
    let (of_fixture, of_unit) = match section {
        Section::Setup => halves(&plan.setup, fixture.setup_nodes),
        Section::Main => (&[] as &[PlanNode], plan.steps.as_slice()),
        Section::Teardown => {
            let before = plan.teardown.len().saturating_sub(fixture.teardown_nodes);
            let (of_unit, of_fixture) = halves(&plan.teardown, before);
            (of_fixture, of_unit)
        }
    };
    match whose {
        Whose::Fixture => of_fixture,
        Whose::Unit => of_unit,
    }
}

fn halves(nodes: &[PlanNode], at: usize) -> (&[PlanNode], &[PlanNode]) {
    nodes.split_at_checked(at).unwrap_or((&[], nodes))
}
