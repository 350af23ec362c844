//! Where the steps of one section run: in a task of their own, watched by the supervisor, for one unit or, as the fixture's,
//! for all.

use crate::{
    assess::Circumstances,
    crew::Crew,
    event::{InstrumentUse, Section},
    lines::Lines,
    memory::Memory,
    outcome::{RunOutcome, StepOutcome},
    outside::Surroundings,
    partial::Partial,
    readback::lost_outputs,
    recorder::Recorder,
    scribe::{Scribe, nodes_of, steps_of},
    slots::{Alarm, Gates, Whose},
    steps::{Floor, Report},
    supervisor::{Deadlines, Interrupt},
    walk::run_section,
};
use benchtop_instrument::{Clock, ClockExt, Moment, Setting, TaskFailure, human_duration, spawn};
use benchtop_procedure::{BoundProcedure, LogicalName};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::{mpsc, watch};

/// How long a step's task may take to notice that it was ended.
const JOIN: Duration = Duration::from_secs(2);

/// One unit while it is tested.
pub(crate) struct Bay<R> {
    /// Its place among those that are tested at once.
    pub(crate) number: usize,
    pub(crate) scribe: Scribe<R>,
    pub(crate) procedure: Arc<BoundProcedure>,
    pub(crate) partial: Option<Arc<Partial>>,
    pub(crate) lines: Arc<Lines>,
    pub(crate) outside: Surroundings,
    pub(crate) memory: Arc<Memory>,
    pub(crate) uses: Vec<InstrumentUse>,
    /// The outputs that are no other unit's.
    pub(crate) own: Vec<(LogicalName, u32, Setting)>,
    /// Why the steps that were not reached were not.
    pub(crate) skipped: Option<String>,
}

/// What stays the same while steps run.
pub(crate) struct Stage<'a> {
    pub(crate) crew: &'a Crew,
    pub(crate) missing: &'a Arc<BTreeMap<LogicalName, String>>,
    pub(crate) clock: &'a Arc<dyn Clock>,
    pub(crate) begun: Moment,
    pub(crate) deadlines: Deadlines,
    pub(crate) surroundings: &'a Circumstances,
    /// Where more than one unit is tested.
    pub(crate) several: Option<Several>,
}

/// What units that are tested at once have between them.
#[derive(Clone)]
pub(crate) struct Several {
    pub(crate) gates: Arc<Gates>,
    pub(crate) alarm: Arc<Alarm>,
}

/// When a section is cut short, and what is said of it then.
struct Ends {
    at: Moment,
    reason: String,
}

/// Ends when the operator wants at least `level`.
pub(crate) async fn at_least(interrupt: &mut watch::Receiver<Interrupt>, level: Interrupt) -> Interrupt {
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

pub(crate) fn interrupted(level: Interrupt) -> String {
    match level {
        Interrupt::None | Interrupt::Abandon => "interrupted by the operator or a signal".to_owned(),
        Interrupt::SafeNow => "interrupted twice: made safe at once".to_owned(),
    }
}

impl Stage<'_> {
    /// The fixture's setup. Answers why the units are not tested, where they are not.
    pub(crate) async fn set_fixture_up<R: Recorder>(
        &self,
        bays: &mut [Bay<R>],
        interrupt: &mut watch::Receiver<Interrupt>,
    ) -> Option<String> {
        let (lead, others) = bays.split_first_mut()?;
        if lead.procedure.procedure().fixture.setup == 0 {
            return None;
        }
        let ends = self.test_ends(&lead.procedure);
        let part = (Section::Setup, Whose::Fixture);
        let reason = self
            .run(part, lead, others, interrupt, Interrupt::Abandon, ends.as_ref())
            .await;
        for other in others.iter_mut() {
            other.memory = Arc::new(lead.memory.so_far());
        }
        let failed = lead.scribe.outcome_so_far() > Some(RunOutcome::Pass);
        reason.or_else(|| failed.then(|| "the setup of the fixture did not succeed".to_owned()))
    }

    /// The fixture's teardown.
    pub(crate) async fn tear_fixture_down<R: Recorder>(
        &self,
        bays: &mut [Bay<R>],
        interrupt: &mut watch::Receiver<Interrupt>,
    ) {
        let is_broken = bays.iter().any(|bay| bay.scribe.error.is_some());
        let at_once = *interrupt.borrow() >= Interrupt::SafeNow;
        let Some((lead, others)) = bays.split_first_mut() else {
            return;
        };
        if lead.procedure.procedure().fixture.teardown == 0 || is_broken {
            return;
        }
        let reason = if at_once {
            Some(interrupted(Interrupt::SafeNow))
        } else {
            let ends = self.teardown_ends();
            let part = (Section::Teardown, Whose::Fixture);
            self.run(part, lead, others, interrupt, Interrupt::SafeNow, Some(&ends))
                .await
        };
        for bay in std::iter::once(lead).chain(others) {
            bay.skipped = bay.skipped.take().or_else(|| reason.clone());
        }
    }

    /// All that is one unit's: setup, test and teardown.
    pub(crate) async fn test_unit<R: Recorder>(
        &self,
        bay: &mut Bay<R>,
        mut skipped: Option<String>,
        mut interrupt: watch::Receiver<Interrupt>,
    ) {
        let procedure = Arc::clone(&bay.procedure);
        if skipped.is_none() {
            skipped = self.run_test(bay, &mut interrupt).await;
            self.read_back(bay, &mut interrupt).await;
        }
        bay.scribe
            .skip_the_rest(&procedure, &[Section::Setup, Section::Main], skipped.as_deref());
        if bay.scribe.error.is_none() && *interrupt.borrow() < Interrupt::SafeNow {
            let ends = self.teardown_ends();
            let part = (Section::Teardown, Whose::Unit);
            skipped = self
                .run(part, bay, &mut [], &mut interrupt, Interrupt::SafeNow, Some(&ends))
                .await;
        } else if bay.scribe.error.is_none() {
            skipped = Some(interrupted(Interrupt::SafeNow));
        }
        bay.skipped = skipped;
        if let Some(several) = &self.several {
            self.switch_own_off(bay, several, &mut interrupt).await;
        }
    }

    fn test_ends(&self, procedure: &BoundProcedure) -> Option<Ends> {
        let allowed = procedure.procedure().timeout.or(self.deadlines.run);
        allowed.map(|allowed| Ends {
            at: self.begun.after(allowed),
            reason: format!("the run took longer than {}", human_duration(allowed)),
        })
    }

    fn teardown_ends(&self) -> Ends {
        Ends {
            at: self.clock.now().after(self.deadlines.teardown),
            reason: "the teardown took too long".to_owned(),
        }
    }

    /// Setup and test. Answers why steps were left out, if any were for a reason of their own.
    async fn run_test<R: Recorder>(
        &self,
        bay: &mut Bay<R>,
        interrupt: &mut watch::Receiver<Interrupt>,
    ) -> Option<String> {
        let ends = self.test_ends(&bay.procedure);
        for section in [Section::Setup, Section::Main] {
            let part = (section, Whose::Unit);
            let reason = self
                .run(part, bay, &mut [], interrupt, Interrupt::Abandon, ends.as_ref())
                .await;
            if reason.is_some() {
                return reason;
            }
            if section == Section::Setup && bay.scribe.outcome_so_far() > Some(RunOutcome::Pass) {
                return Some("the setup did not succeed".to_owned());
            }
        }
        None
    }

    /// Looks whether the outputs are still as the steps set them, where the run is about the unit so far.
    async fn read_back<R: Recorder>(&self, bay: &mut Bay<R>, interrupt: &mut watch::Receiver<Interrupt>) {
        let scribe = &mut bay.scribe;
        if scribe.error.is_some() || scribe.outcome_so_far() > Some(RunOutcome::Fail) {
            return;
        }
        let of = self.several.as_ref().map(|_| bay.uses.as_slice());
        let looking = lost_outputs(self.crew, of, self.clock.as_ref(), self.deadlines.read_back);
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

    /// A unit that is through does not stay under power while the others go on. All is proved off when they are through, too.
    async fn switch_own_off<R: Recorder>(
        &self,
        bay: &mut Bay<R>,
        several: &Several,
        interrupt: &mut watch::Receiver<Interrupt>,
    ) {
        for (name, channel, off) in &bay.own {
            let Some(actor) = self.crew.get(name).filter(|_| !several.alarm.is_raised()) else {
                continue;
            };
            let deadline = self.clock.now().after(self.deadlines.make_safe);
            let switching = self.clock.within(deadline, actor.set(off.clone()));
            let failed = tokio::select! {
                biased;
                // then all of it is made safe at once
                _level = at_least(interrupt, Interrupt::SafeNow) => return,
                done = switching => match done {
                    Ok(Ok(())) => continue,
                    Ok(Err(error)) => error.to_string(),
                    Err(_elapsed) => format!("no answer in {}", human_duration(self.deadlines.make_safe)),
                }
            };
            let reason = format!("{name} channel {channel} was not switched off: {failed}");
            several.alarm.raise(bay.number, name, &reason);
            bay.scribe.at_least(RunOutcome::Error, &reason);
        }
    }

    /// Runs one part in a task of its own; answers why it was cut short, if it was. What happens in it happens to the
    /// others as well.
    async fn run<R: Recorder>(
        &self,
        (section, whose): (Section, Whose),
        lead: &mut Bay<R>,
        others: &mut [Bay<R>],
        interrupt: &mut watch::Receiver<Interrupt>,
        stops_at: Interrupt,
        ends: Option<&Ends>,
    ) -> Option<String> {
        let (reports, mut reported) = mpsc::unbounded_channel();
        let floor = Floor {
            crew: self.crew.clone(),
            lines: Arc::clone(&lead.lines),
            outside: lead.outside.clone(),
            missing: Arc::clone(self.missing),
            clock: Arc::clone(self.clock),
            started: self.begun,
            reports,
            attempt_deadline: self.deadlines.attempt,
            read_back_deadline: self.deadlines.read_back,
            partial: lead.partial.clone(),
            memory: Arc::clone(&lead.memory),
            surroundings: self.surroundings.clone(),
            slot: lead.number,
            several: self.several.clone(),
            outputs_of: self.several.as_ref().map(|_| lead.uses.clone()),
            trouble: Mutex::default(),
        };
        let procedure = Arc::clone(&lead.procedure);
        let mut task = spawn(self.clock.as_ref(), async move {
            let (steps, nodes) = (steps_of(&procedure, section), nodes_of(&procedure, section, whose));
            run_section(&floor, section, steps, nodes).await.is_ok()
        });
        let (mut expiry, late) = match ends {
            Some(Ends { at, reason }) => (self.clock.sleep_until(*at), reason.as_str()),
            None => (Box::pin(std::future::pending()) as _, ""),
        };
        // a teardown goes on, whatever happens beside it
        let alarm = self
            .several
            .as_ref()
            .filter(|_| section != Section::Teardown && whose == Whose::Unit);
        let number = lead.number;
        let alarmed = async {
            match alarm {
                Some(several) => several.alarm.by_another(number).await,
                None => std::future::pending().await,
            }
        };
        let mut alarmed = std::pin::pin!(alarmed);
        let mut over = false;
        let cut = loop {
            tokio::select! {
                biased;
                level = at_least(interrupt, stops_at) => break Some((StepOutcome::Aborted, interrupted(level))),
                () = &mut expiry => break Some((StepOutcome::Timeout, late.to_owned())),
                reason = &mut alarmed => break Some((StepOutcome::Error, format!("ended with another slot: {reason}"))),
                Some(report) = reported.recv() => take(lead, others, report).await,
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
            if is_broken(lead, others) {
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
            take(lead, others, report).await;
        }
        let (outcome, reason) = cut?;
        for bay in others.iter_mut() {
            bay.scribe.cut_short(outcome, &reason);
        }
        lead.scribe.cut_short(outcome, &reason);
        Some(reason)
    }
}

fn is_broken<R: Recorder>(lead: &Bay<R>, others: &[Bay<R>]) -> bool {
    lead.scribe.error.is_some() || others.iter().any(|bay| bay.scribe.error.is_some())
}

/// Writes down what a step says, in every record that it belongs to.
async fn take<R: Recorder>(lead: &mut Bay<R>, others: &mut [Bay<R>], report: Report) {
    let Report { kind, at, durable } = report;
    for bay in others.iter_mut() {
        bay.scribe.take(kind.clone(), at, durable.is_some()).await;
    }
    lead.scribe.take(kind, at, durable.is_some()).await;
    if let Some(durable) = durable
        && !is_broken(lead, others)
    {
        // a step that was aborted meanwhile no longer waits for it
        let _gone = durable.send(());
    }
}
