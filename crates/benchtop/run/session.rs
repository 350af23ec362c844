//! One unit after the other on the same bench: what `run`, its repetitions and the operator's loop have in common.
//!
//! Procedure and station file are read once. The instruments stay open between two units, made safe; each run begins by
//! bringing them into their start state, and one that got lost meanwhile is opened afresh. A simulated bench is built anew for
//! each unit, which lies in it. Recovery and the check for space come before every run.

use super::{
    prepare::{Prepared, prepare},
    request::{Request, Unit},
    retest, show,
    started::started,
};
use crate::{
    args::OWN,
    bench::{Equipped, RunnersBench},
    exit::{Exit, Failure},
    locks::{self, Lock},
    outside,
    procedures::Source,
    recovery, stores,
};
use benchtop_instrument::{Clock, ClockExt, RealClock, Resource};
use benchtop_run::{Crew, Deadlines, Finished, Interrupt, Job, Surroundings, execute, listen};
use benchtop_station::{Catalogue, Recorder};
use benchtop_store::{Journal, Saved, Store};
use std::{sync::Arc, time::Duration};
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
    _locks: Vec<Lock>,
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
        unit: Option<&Unit>,
        catalogue: &'c Catalogue,
        recorder: Option<Arc<Recorder>>,
        interrupt: watch::Receiver<Interrupt>,
    ) -> Result<(Self, Prepared), Failure> {
        let prepared = prepare(&request, unit, catalogue, &source, recorder.as_ref(), None)?;
        let equipped = &prepared.equipped;
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
            source: source.at_rest(),
            recorder,
            store,
            kept,
            interrupt,
            _locks: locks,
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

    /// Prepares the bench for the next unit.
    pub(super) fn prepare(&self, unit: &Unit) -> Result<Prepared, Failure> {
        let kept = self.kept.as_ref().map(|(equipped, _)| equipped);
        prepare(
            &self.request,
            Some(unit),
            self.catalogue,
            &self.source,
            self.recorder.as_ref(),
            kept,
        )
    }

    /// Tests one unit. The outcome has been shown when this ends, from the saved record.
    pub(super) async fn test(&mut self, unit: &Unit, prepared: &Prepared) -> Result<Tested, Failure> {
        let station = &prepared.equipped.station;
        recovery::before_run(&self.store, self.catalogue, station, &self.request.accept_unsafe).await?;
        let earlier = retest::look(&self.store, unit, prepared, self.request.retest)?;
        let ticket = self.store.begin(RealClock::new().utc()).map_err(not_saved)?;
        let started = started(&self.request, unit, prepared, &ticket, &self.source, earlier);
        let journal = self.store.journal(&ticket).map_err(not_saved)?;
        let (listener, events) = listen();
        let format = self.request.format;
        let printer = tokio::task::spawn_blocking(move || show::print(events, format));
        let equipped = &prepared.equipped;
        let crew = self.kept.as_mut().map(|(_, crew)| std::mem::take(crew));
        let job = Job {
            metrology: Arc::clone(&equipped.metrology),
            procedure: prepared.procedure.clone(),
            started,
            partial: prepared.partial.clone(),
            crew: crew.unwrap_or_default(),
            bench: Arc::new(RunnersBench(Arc::clone(equipped))),
            outside: self.outside(equipped, &ticket.run_id, unit, prepared),
            clock: Arc::clone(&equipped.clock),
            recorder: journal.clone(),
            listeners: vec![listener],
            interrupt: self.interrupt.clone(),
            deadlines: Deadlines::default(),
        };
        let finished = execute(job).await;
        let saved = self.seal(&journal, &finished);
        match &mut self.kept {
            Some((_, crew)) => *crew = finished.crew,
            None => {
                finished
                    .crew
                    .close(equipped.clock.as_ref(), PATIENCE_WITH_CLOSING)
                    .await;
            }
        }
        drop(finished.recorder);
        let saved = match saved {
            Ok(saved) => Arc::new(saved),
            Err(reason) => {
                show::lost(&journal, &finished.ended.outputs_maybe_on, &reason);
                return Ok(Tested {
                    exit: Exit::Error,
                    saved: None,
                });
            }
        };
        if let Some(other) = &self.request.sync {
            let other = Some(other.as_path()).filter(|path| path.as_os_str() != OWN);
            crate::sync::push_in_background(&self.store, other.or(self.request.bench.station.as_deref()));
        }
        // saved: from here a reader that stands still (a paused console) costs nothing but its own lines
        let clock = RealClock::new();
        let shown_record = Arc::clone(&saved);
        let shown = async {
            let last = printer.await.ok().flatten();
            drop(tokio::task::spawn_blocking(move || show::show(&shown_record, last.as_deref(), format)).await);
        };
        let _read = clock.within(clock.now().after(PATIENCE_WITH_READERS), shown).await;
        Ok(Tested {
            exit: Exit::from(benchtop_run::RunOutcome::from(saved.record.outcome)),
            saved: Some(saved),
        })
    }

    /// What a run reaches beside its instruments.
    fn outside(&self, equipped: &Equipped, run_id: &str, unit: &Unit, prepared: &Prepared) -> Surroundings {
        let facts = [
            ("BENCHTOP_SERIAL_NUMBER", unit.serial.clone()),
            ("BENCHTOP_PROCEDURE_ID", prepared.procedure.procedure().id.clone()),
            ("BENCHTOP_RUN_ID", run_id.to_owned()),
        ];
        let facts = facts.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let answers = Arc::clone(&self.request.answers);
        let store = Arc::new(self.store.clone());
        outside::outside(equipped, &self.source.file, answers, store, facts)
    }

    /// Seals the record, or says why the run cannot be saved.
    fn seal(&self, journal: &Journal, finished: &Finished<Journal>) -> Result<Saved, String> {
        if let Some(error) = &finished.recorder_error {
            return Err(error.to_string());
        }
        if finished.recorder.is_none() {
            return Err(finished.ended.reason.clone().unwrap_or_default());
        }
        self.store.seal(journal).map_err(|error| error.to_string())
    }

    /// Lets the instruments go.
    pub(super) async fn close(self) {
        if let Some((equipped, crew)) = self.kept {
            crew.close(equipped.clock.as_ref(), PATIENCE_WITH_CLOSING).await;
        }
    }
}

/// Nobody else drives these instruments until the session is over.
fn lock_instruments(prepared: &Prepared) -> Result<Vec<Lock>, Failure> {
    let mut held = Vec::new();
    for name in prepared.procedure.procedure().instruments.keys() {
        let station = &prepared.equipped.station;
        let Some(equipment) = station.instruments.get(name) else {
            let console = station.console_resource(name);
            // each command is started anew
            if let Some(resource) = console.filter(|resource| !matches!(resource, Resource::Process { .. })) {
                held.extend(locks::take(&name.to_string(), &resource)?);
            }
            continue;
        };
        if !equipment.options.shared {
            held.extend(locks::take(&name.to_string(), &equipment.resource)?);
        }
    }
    Ok(held)
}

fn not_saved(error: benchtop_store::StoreError) -> Failure {
    Failure::error(format!("nothing was tested: {error}"))
}
