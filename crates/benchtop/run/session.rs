//! One unit after the other on the same bench: what `run`, its repetitions and the operator's loop have in common.
//!
//! Procedure and station file are read once. The instruments stay open between two units, made safe; each run begins by
//! bringing them into their start state, and one that got lost meanwhile is opened afresh. A simulated bench is built anew for
//! each unit, which lies in it. Units in slots are tested at once, with one crew. Recovery and the check for space come before every run.

use super::{
    prepare::{Prepared, prepare},
    request::{Request, Unit},
    retest, saving,
    show::{self, Showing},
    slots::Together,
    started::started,
};
use crate::{
    args::OWN,
    bench::{Equipped, RunnersBench},
    exit::{Exit, Failure},
    locks::{self, Lock},
    outside,
    procedures::Source,
    recovery::{self, Reach},
    stores,
};
use benchtop_instrument::{Clock, ClockExt, RealClock, Resource};
use benchtop_procedure::LogicalName;
use benchtop_run::{
    Crew, Deadlines, Finished, Fixture, Interrupt, RunStarted, Seat, Surroundings, execute_slots, listen,
};
use benchtop_station::{Catalogue, Recorder};
use benchtop_store::{Journal, Saved, Store};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::watch;

/// How long the last lines of a saved run may take to be read.
const PATIENCE_WITH_READERS: Duration = Duration::from_secs(5);
/// How long closing one instrument may take.
const PATIENCE_WITH_CLOSING: Duration = Duration::from_secs(5);

/// A bench that is ready for units.
pub(super) struct Session<'c> {
    catalogue: &'c Catalogue,
    request: Request,
    source: Source,
    recorder: Option<Arc<Recorder>>,
    store: Store,
    /// A real bench; its instruments are open between two units.
    kept: Option<(Arc<Equipped>, Crew)>,
    interrupt: watch::Receiver<Interrupt>,
    /// What was said of the clocks.
    told: Vec<String>,
    /// The instruments that nobody else drives until the session is over.
    locks: Vec<Lock>,
}

/// A run that is over.
pub(super) struct Tested {
    pub(super) exit: Exit,
    /// `None` for a run that could not be saved.
    pub(super) saved: Option<Arc<Saved>>,
}

impl<'c> Session<'c> {
    /// Refuses everything that can be refused, opens the store and takes the instruments for this process. Without a unit it
    /// looks at what all units have in common.
    pub(super) fn open(
        request: Request,
        source: Source,
        units: &[Unit],
        catalogue: &'c Catalogue,
        recorder: Option<Arc<Recorder>>,
        interrupt: watch::Receiver<Interrupt>,
    ) -> Result<(Self, Vec<Prepared>), Failure> {
        let written = source.written();
        let source = source.at_rest();
        let prepared = prepare(&request, units, catalogue, &source, written, recorder.as_ref(), None)?;
        let equipped = &first(&prepared)?.equipped;
        let is_simulated = equipped.station.is_simulated();
        let root = stores::root(
            request.store.as_deref(),
            equipped.file.as_ref(),
            request.bench.station.as_deref(),
            is_simulated,
        )?;
        let store = stores::open(&root, equipped.file.as_ref()).map_err(|failure| Failure {
            message: format!("nothing was tested: {}", failure.message),
            ..failure
        })?;
        let locks = lock_instruments(&prepared)?;
        let kept = equipped.file.is_some().then(|| (Arc::clone(equipped), Crew::default()));
        let session = Self {
            catalogue,
            request,
            source,
            recorder,
            store,
            kept,
            interrupt,
            told: Vec::new(),
            locks,
        };
        Ok((session, prepared))
    }

    pub(super) fn request(&self) -> &Request {
        &self.request
    }

    /// Whoever is at the bench from here on.
    pub(super) fn log_in(&mut self, operator: String) {
        self.request.operator = Some(operator);
    }

    /// True when the operator or the system wants no further run.
    pub(super) fn is_interrupted(&self) -> bool {
        *self.interrupt.borrow() > Interrupt::None
    }

    /// Prepares the bench for the next unit, or for the next ones in the slots.
    pub(super) fn prepare(&self, units: &[Unit]) -> Result<Vec<Prepared>, Failure> {
        let kept = self.kept.as_ref().map(|(equipped, _)| equipped);
        prepare(
            &self.request,
            units,
            self.catalogue,
            &self.source,
            self.source.written(),
            self.recorder.as_ref(),
            kept,
        )
    }

    /// Tests one unit, or those in the slots at once. The outcomes have been shown when this ends, from the saved records.
    pub(super) async fn test(&mut self, units: &[Unit], prepared: &[Prepared]) -> Result<Vec<Tested>, Failure> {
        let equipped = Arc::clone(&first(prepared)?.equipped);
        let bench = Reach {
            catalogue: self.catalogue,
            station: Some(&equipped.station),
            held: Some(&self.locks),
        };
        let accepted = recovery::before_run(&self.store, bench, &self.request.accept_unsafe).await?;
        let turn = retest::turn(&self.store, prepared)?;
        let mut earlier = Vec::new();
        for (unit, prepared) in units.iter().zip(prepared) {
            earlier.push(retest::look(&self.store, unit, prepared, self.request.retest)?);
        }
        let mut together = None;
        let mut begun = Vec::new();
        let mut seats = Vec::new();
        let prepared_all = prepared;
        for ((unit, prepared), earlier) in units.iter().zip(prepared).zip(earlier) {
            let ticket = saving::begin(&self.store, prepared.procedure.procedure(), &mut self.told)?;
            if together.is_none() {
                together = together_of(&ticket.run_id, units, prepared_all);
            }
            let started = RunStarted {
                accepted_unsafe: accepted.clone(),
                ..started(
                    &self.request,
                    unit,
                    prepared,
                    &ticket,
                    &self.source,
                    earlier,
                    together.as_ref(),
                )
            };
            retest::count(&self.store, unit, prepared, &ticket)?;
            let journal = self.store.journal(&ticket).map_err(not_saved)?;
            let (listener, events) = listen();
            let showing = self.showing(unit);
            let shown = showing.clone();
            let printer = tokio::task::spawn_blocking(move || show::print(events, &shown));
            seats.push(Seat {
                procedure: prepared.procedure.clone(),
                started,
                partial: prepared.partial.clone(),
                outside: self.outside(&equipped, &ticket.run_id, unit, prepared),
                recorder: journal.clone(),
                listeners: vec![listener],
            });
            begun.push(Begun {
                showing,
                journal,
                printer,
            });
        }
        drop(turn);
        let crew = self.kept.as_mut().map(|(_, crew)| std::mem::take(crew));
        let finished = execute_slots(Fixture {
            seats,
            crew: crew.unwrap_or_default(),
            bench: Arc::new(RunnersBench(Arc::clone(&equipped))),
            metrology: Arc::clone(&equipped.metrology),
            clock: Arc::clone(&equipped.clock),
            interrupt: self.interrupt.clone(),
            deadlines: Deadlines::default(),
        })
        .await;
        let crew = finished
            .first()
            .map(|finished| finished.crew.clone())
            .unwrap_or_default();
        let mut sealed = Vec::new();
        for (begun, finished) in begun.into_iter().zip(finished) {
            let saved = self.seal(&begun.journal, &finished).await;
            sealed.push((begun, saved, finished.ended.outputs_maybe_on));
        }
        match &mut self.kept {
            Some((_, kept)) => *kept = crew,
            None => crew.close(equipped.clock.as_ref(), PATIENCE_WITH_CLOSING).await,
        }
        if sealed.iter().any(|(_, saved, _)| saved.is_ok())
            && let Some(other) = &self.request.sync
        {
            let other = Some(other.as_path()).filter(|path| path.as_os_str() != OWN);
            crate::sync::push_in_background(&self.store, other.or(self.request.bench.station.as_deref()));
        }
        let mut tested = Vec::new();
        for (begun, saved, outputs_maybe_on) in sealed {
            tested.push(self.tell(begun, saved, &outputs_maybe_on).await);
        }
        Ok(tested)
    }

    /// Shows what became of a run.
    async fn tell(&mut self, begun: Begun, saved: Result<Saved, String>, outputs_maybe_on: &[String]) -> Tested {
        let Begun {
            showing,
            journal,
            printer,
        } = begun;
        let saved = match saved {
            Ok(saved) => Arc::new(saved),
            Err(reason) => {
                show::lost(&journal, outputs_maybe_on, &reason);
                return Tested {
                    exit: Exit::Error,
                    saved: None,
                };
            }
        };
        // saved: from here a reader that stands still (a paused console) costs nothing but its own lines
        let clock = RealClock::new();
        let shown_record = Arc::clone(&saved);
        let shown = async {
            let last = printer.await.ok().flatten();
            let show = move || show::show(&shown_record, last.as_deref(), &showing);
            drop(tokio::task::spawn_blocking(show).await);
        };
        let _read = clock.within(clock.now().after(PATIENCE_WITH_READERS), shown).await;
        saving::tell_of_the_record(&saved.record, &mut self.told);
        Tested {
            exit: Exit::from(benchtop_run::RunOutcome::from(saved.record.outcome)),
            saved: Some(saved),
        }
    }

    /// How the run of a unit is shown.
    fn showing(&self, unit: &Unit) -> Showing {
        Showing {
            format: self.request.format,
            quiet: self.request.quiet,
            slot: unit.slot.clone(),
            answers: Arc::clone(&self.request.answers),
            // only a simulated bench is not kept
            bench_answers: self.kept.is_none(),
        }
    }

    /// What a run reaches beside its instruments.
    fn outside(&self, equipped: &Equipped, run_id: &str, unit: &Unit, prepared: &Prepared) -> Surroundings {
        let mut facts = vec![
            ("BENCHTOP_SERIAL_NUMBER", unit.serial.clone()),
            ("BENCHTOP_PROCEDURE_ID", prepared.procedure.procedure().id.clone()),
            ("BENCHTOP_RUN_ID", run_id.to_owned()),
        ];
        facts.extend(unit.slot.clone().map(|slot| ("BENCHTOP_SLOT", slot)));
        let facts = facts
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let answers = Arc::clone(&self.request.answers);
        let store = Arc::new(self.store.clone());
        outside::outside(equipped, unit.slot.as_deref(), &self.source.file, answers, store, facts)
    }

    /// Seals the record, or says why the run cannot be saved.
    async fn seal(&self, journal: &Journal, finished: &Finished<Journal>) -> Result<Saved, String> {
        if let Some(error) = &finished.recorder_error {
            return Err(error.to_string());
        }
        if finished.recorder.is_none() {
            return Err(finished.ended.reason.clone().unwrap_or_default());
        }
        saving::seal(&self.store, journal).await
    }

    /// Lets the instruments go.
    pub(super) async fn close(self) {
        if let Some((equipped, crew)) = self.kept {
            crew.close(equipped.clock.as_ref(), PATIENCE_WITH_CLOSING).await;
        }
    }
}

/// A run that was begun.
struct Begun {
    showing: Showing,
    journal: Journal,
    printer: tokio::task::JoinHandle<Option<String>>,
}

/// What the runs in the slots have to know of each other; nothing where there are no slots.
fn together_of(execution_id: &str, units: &[Unit], prepared: &[Prepared]) -> Option<Together> {
    let pairs = units.iter().zip(prepared);
    let running = pairs.filter_map(|(unit, prepared)| Some((unit.slot.as_deref()?, &prepared.procedure)));
    let running: Vec<_> = running.collect();
    let execution_id = execution_id.to_owned();
    (!running.is_empty()).then(|| Together::new(execution_id, running.into_iter()))
}

/// What is the same for all units.
fn first(prepared: &[Prepared]) -> Result<&Prepared, Failure> {
    let nothing = || Failure::refused("nothing was prepared");
    prepared.first().ok_or_else(nothing)
}

/// Nobody else drives these instruments until the session is over.
fn lock_instruments(prepared: &[Prepared]) -> Result<Vec<Lock>, Failure> {
    let mut held = Vec::new();
    let station = &first(prepared)?.equipped.station;
    let names = prepared
        .iter()
        .flat_map(|prepared| prepared.procedure.procedure().instruments.keys());
    let names: BTreeSet<&LogicalName> = names.collect();
    for name in names {
        let Some(equipment) = station.instruments.get(name) else {
            let console = station.console_resource(name);
            // each command is started anew
            if let Some(resource) = console.filter(|resource| !matches!(resource, Resource::Process { .. })) {
                held.extend(locks::take(&name.to_string(), &resource)?);
            }
            continue;
        };
        if !equipment.options.shared {
            if locks::hold(&held, &equipment.resource) {
                return Err(Failure::refused(format!(
                    "{name} ({}) is an instrument that the station has under another name too",
                    equipment.resource
                )));
            }
            held.extend(locks::take(&name.to_string(), &equipment.resource)?);
        }
    }
    Ok(held)
}

fn not_saved(error: benchtop_store::StoreError) -> Failure {
    Failure::error(format!("nothing was tested: {error}"))
}
