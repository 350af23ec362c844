//! What can be known of the outputs from a journal that cannot be believed.
//!
//! No record is made of such lines. But a line that can still be read and says that a run used a supply is reason enough to
//! look at that supply: the identity of what answers is compared before anything is switched.

use super::{InterruptedInstrument, InterruptedRun, marker};
use crate::{
    clock::ClockFacts,
    error::StoreError,
    event::{Event, EventKind},
    fold::fold,
    quarantine::{Quarantined, quarantine},
    store::Layout,
};
use benchtop_run::SafetyProof;
use chrono::DateTime;

/// Marks what the readable lines name, durably, and then moves the journal to quarantine.
pub(super) fn put_away(
    layout: &Layout,
    name: &str,
    run_id: &str,
    bytes: &[u8],
    reason: &str,
) -> Result<(Quarantined, Option<InterruptedRun>), StoreError> {
    let run = maybe_on(run_id, bytes);
    if let Some(run) = &run {
        marker::leave(layout, run)?;
    }
    Ok((quarantine(&layout.journal, name, &layout.quarantine, reason)?, run))
}

/// True when `made_safe` proves every output of the run off, and then its marker is gone.
pub(super) fn settle(
    layout: &Layout,
    run: &InterruptedRun,
    made_safe: &[benchtop_run::MadeSafe],
) -> Result<bool, StoreError> {
    let is_off = |instrument: &InterruptedInstrument, channel: u32| {
        let of_it = made_safe.iter().filter(|said| said.name.0 == instrument.name);
        of_it
            .flat_map(|said| &said.outputs)
            .any(|output| output.channel == channel && output.proof == SafetyProof::Off)
    };
    let all_off = run
        .instruments
        .iter()
        .all(|instrument| instrument.outputs.iter().all(|channel| is_off(instrument, *channel)));
    if all_off {
        marker::clear(layout, &run.run_id)?;
    }
    Ok(all_off)
}

/// The run with the instruments that its readable lines name; `None` where no line can be read, or none names an output
/// that was not proved off.
fn maybe_on(run_id: &str, bytes: &[u8]) -> Option<InterruptedRun> {
    let text = String::from_utf8_lossy(bytes);
    let events: Vec<Event> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line.split_once(' ')?.1).ok())
        .collect();
    let begins = |event: &Event| matches!(event.kind, EventKind::RunStarted(_));
    let Some(begin) = events.iter().position(begins) else {
        return (!events.is_empty()).then(|| unknown(run_id));
    };
    let record = fold(&ClockFacts::default(), events.get(begin..)?).ok()?;
    let run = marker::maybe_on(&record)?;
    Some(InterruptedRun {
        run_id: run_id.to_owned(),
        ..run
    })
}

/// Something ran, and nothing says on what: only a person can look.
fn unknown(run_id: &str) -> InterruptedRun {
    let instrument = InterruptedInstrument {
        name: "unknown".to_owned(),
        class: String::new(),
        model: String::new(),
        resource: String::new(),
        driver: String::new(),
        definition_sha256: String::new(),
        outputs: vec![0],
        identity: None,
    };
    InterruptedRun {
        run_id: run_id.to_owned(),
        sequence: 0,
        serial_number: "an unknown unit".to_owned(),
        procedure_id: "an unknown procedure".to_owned(),
        started_at: DateTime::UNIX_EPOCH,
        simulated: false,
        instruments: vec![instrument],
    }
}
