//! `benchtop run`: one unit, one procedure, one record.
//!
//! Everything that can be refused is refused first, in one go. The outcome is printed from the saved record, never before.

mod gates;
mod prepare;
mod show;
mod started;

pub(crate) use started::{planned, used};

use crate::{
    args::RunArguments,
    bench::RunnersBench,
    exit::{Exit, Failure},
    interrupt,
    locks::{self, Lock},
    procedures, recovery, stores,
};
use benchtop_instrument::{Clock, ClockExt, RealClock};
use benchtop_run::{Deadlines, Job, execute, listen};
use benchtop_station::{Catalogue, Recorder, sha256};
use benchtop_store::Store;
use prepare::{Prepared, prepare};
use show::{lost, print, show};
use started::started;
use std::{sync::Arc, time::Duration};

/// How long the last lines of a saved run may take to be read.
const PATIENCE_WITH_READERS: Duration = Duration::from_secs(5);

pub(crate) async fn run(
    arguments: RunArguments,
    catalogue: &Catalogue,
    recorder: Option<Arc<Recorder>>,
) -> Result<Exit, Failure> {
    let source = procedures::find(&arguments.procedure)?;
    let mut prepared = prepare(&arguments, catalogue, &source)?;
    prepared.equipped.station = prepared.equipped.station.recorded(recorder);
    let store_root = stores::root(
        arguments.store.as_deref(),
        prepared.equipped.file.as_ref(),
        arguments.bench.station.as_deref(),
        prepared.equipped.station.is_simulated(),
    )?;
    let store = Store::open(&store_root).map_err(not_saved)?;
    let _locks = lock_instruments(&prepared)?;
    let station = &prepared.equipped.station;
    recovery::before_run(&store, catalogue, station, &arguments.accept_unsafe).await?;

    let now = RealClock::new().utc();
    let ticket = store.begin(now).map_err(not_saved)?;
    let started = started(
        &arguments,
        &prepared,
        &ticket.run_id,
        ticket.sequence,
        sha256(source.text.as_bytes()),
    );
    let journal = store.journal(&ticket).map_err(not_saved)?;
    let (listener, events) = listen();
    let format = arguments.format;
    let printer = tokio::task::spawn_blocking(move || print(events, format));
    let job = Job {
        procedure: prepared.procedure,
        started,
        bench: Arc::new(RunnersBench(Arc::new(prepared.equipped.station))),
        clock: Arc::clone(&prepared.equipped.clock),
        recorder: journal.clone(),
        listeners: vec![listener],
        interrupt: interrupt::listen(),
        deadlines: Deadlines::default(),
    };
    let finished = execute(job).await;
    if let Some(error) = &finished.recorder_error {
        return Ok(lost(&journal, &finished.ended.outputs_maybe_on, &error.to_string()));
    }
    if finished.recorder.is_none() {
        let reason = finished.ended.reason.unwrap_or_default();
        return Ok(lost(&journal, &finished.ended.outputs_maybe_on, &reason));
    }
    drop(finished.recorder);
    let saved = match store.seal(&journal) {
        Ok(saved) => saved,
        Err(error) => return Ok(lost(&journal, &finished.ended.outputs_maybe_on, &error.to_string())),
    };
    // saved: from here a reader that stands still (a paused console) costs nothing but its own lines
    let exit = Exit::from(benchtop_run::RunOutcome::from(saved.record.outcome));
    if let Some(other) = &arguments.sync {
        let other = Some(other.as_path()).filter(|path| !path.as_os_str().is_empty());
        crate::sync::push_in_background(&store, other.or(arguments.bench.station.as_deref()));
    }
    let clock = RealClock::new();
    let shown = async {
        let last = printer.await.ok().flatten();
        drop(tokio::task::spawn_blocking(move || show(&saved, last.as_deref(), format)).await);
    };
    let _read = clock.within(clock.now().after(PATIENCE_WITH_READERS), shown).await;
    Ok(exit)
}

/// Nobody else drives these instruments until the run is over.
fn lock_instruments(prepared: &Prepared) -> Result<Vec<Lock>, Failure> {
    let mut held = Vec::new();
    for name in prepared.procedure.procedure().instruments.keys() {
        let Some(equipment) = prepared.equipped.station.instruments.get(name) else {
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
