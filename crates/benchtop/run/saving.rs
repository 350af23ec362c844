//! The disk, before a run and after it: whether there is room, what the clocks are worth, and what is said while the record
//! is being saved.

use crate::{exit::Failure, terminal};
use benchtop_instrument::{Class, Clock, ClockExt, RealClock};
use benchtop_procedure::{Procedure, Query, Step, StepKind};
use benchtop_store::{Estimate, Journal, Record, Saved, Store, StoreErrorKind, Ticket};
use std::time::Duration;

/// How long a disk may take before the operator is told.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most bytes that are kept of what a command says, on both its streams.
const SAID_BY_A_COMMAND: u64 = 4 << 20;
/// Most bytes that are kept of what a unit says on a link of its own.
const SAID_BY_A_UNIT: u64 = 8 << 20;

/// How much a run of this procedure may write.
pub(super) fn estimate(procedure: &Procedure) -> Estimate {
    let steps = [&procedure.setup, &procedure.steps, &procedure.teardown];
    let consoles = procedure
        .instruments
        .values()
        .filter(|needed| needed.class == Class::Console)
        .count();
    let mut estimate = Estimate {
        attachment_bytes: u64::try_from(consoles)
            .unwrap_or(u64::MAX)
            .saturating_mul(SAID_BY_A_UNIT),
        ..Estimate::default()
    };
    for step in steps.into_iter().flatten() {
        let attempts = u64::from(step.retry.attempts).max(1);
        let measurements = u64::try_from(step.kind.measurements().len()).unwrap_or(u64::MAX);
        estimate.steps = estimate.steps.saturating_add(attempts);
        estimate.measurements = estimate
            .measurements
            .saturating_add(attempts.saturating_mul(measurements));
        let attached = attempts.saturating_mul(attached_bytes(step));
        estimate.attachment_bytes = estimate.attachment_bytes.saturating_add(attached);
    }
    estimate
}

fn attached_bytes(step: &Step) -> u64 {
    match &step.kind {
        StepKind::Exec(exec) => {
            let files = exec.attachments.iter().map(|request| request.most);
            files.fold(SAID_BY_A_COMMAND, u64::saturating_add)
        }
        StepKind::Query(query) => query.attachment.as_ref().map_or(0, |_| Query::MOST_BYTES),
        StepKind::Measurements(_)
        | StepKind::Set { .. }
        | StepKind::Wait(_)
        | StepKind::Prompt(_)
        | StepKind::Send(_)
        | StepKind::Expect(_) => 0,
    }
}

/// Mints the run, or refuses it where there is no room to save it; warns of a disk that is nearly full and of clocks that are
/// not to be believed. `told` holds what was said before in this process: nothing is said twice.
pub(super) fn begin(store: &Store, procedure: &Procedure, told: &mut Vec<String>) -> Result<Ticket, Failure> {
    let estimate = estimate(procedure);
    let ticket = store.begin_for(RealClock::new().utc(), estimate).map_err(|error| {
        let message = format!("nothing was tested: {error}");
        match error.kind() {
            StoreErrorKind::Full => Failure::refused(message),
            StoreErrorKind::ReadOnly
            | StoreErrorKind::Permission
            | StoreErrorKind::NotFound
            | StoreErrorKind::Locked
            | StoreErrorKind::Damaged
            | StoreErrorKind::Conflict
            | StoreErrorKind::Newer
            | StoreErrorKind::TooLarge
            | StoreErrorKind::Invalid
            | StoreErrorKind::Io => Failure::error(message),
        }
    })?;
    if let Ok(Some(warning)) = store.room_is_short(estimate) {
        terminal::warn(&warning);
    }
    tell_of_clocks(&ticket.clock.doubtful, told);
    Ok(ticket)
}

/// Says of clocks what was not said before.
fn tell_of_clocks(doubtful: &[String], told: &mut Vec<String>) {
    for doubt in doubtful {
        if !told.contains(doubt) {
            terminal::warn(&format!(
                "{doubt}; the record says so, order and run id do not rest on it"
            ));
            told.push(doubt.clone());
        }
    }
}

/// What the record says of the clocks that the operator was not told when it began.
pub(super) fn tell_of_the_record<M>(record: &Record<M>, told: &mut Vec<String>) {
    tell_of_clocks(&record.clock.doubtful, told);
}

/// Saves the run. A disk that hangs is told of, again and again: the bench is safe by now, and nothing is shown of an outcome.
pub(super) async fn seal(store: &Store, journal: &Journal) -> Result<Saved, String> {
    let (store, journal) = (store.clone(), journal.clone());
    let mut sealing = tokio::task::spawn_blocking(move || store.seal(&journal));
    let clock = RealClock::new();
    let begun = clock.now();
    loop {
        match clock.within(clock.now().after(PATIENCE), &mut sealing).await {
            Ok(Ok(sealed)) => return sealed.map_err(|error| error.to_string()),
            Ok(Err(error)) => return Err(format!("what saves the record has failed: {error}")),
            Err(_elapsed) => {
                let seconds = clock.now().since(begun).as_secs();
                terminal::complain(&format!(
                    "NOT SAVED so far: the disk has not taken the record in {seconds} s. The bench was made safe; this goes on as \
                     soon as the disk does. Killed here, the run is saved as ABORTED by the next start"
                ));
            }
        }
    }
}
