//! What an earlier process left behind when it was killed: outputs that may be on, runs that were never saved.
//!
//! Only `run` and `safe` come here: they open instruments. `sync` saves the runs and leaves markers.

use crate::{
    exit::Failure,
    locks::{self, Lock},
    terminal::{self, DOUBTFUL, Line, PLAIN},
};
use benchtop_instrument::{Class, Clock, ClockExt, OutputState, RealClock, Resource, SafetyProof};
use benchtop_notation::{Span, Spanned};
use benchtop_procedure::LogicalName;
use benchtop_run::{AcceptedUnsafe, MadeSafe};
use benchtop_station::{Catalogue, Options, Station, open_instrument};
use benchtop_store::{InterruptedInstrument, InterruptedRun, Recovering, Recovery, Store};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// How long making one instrument safe may take.
const PATIENCE: Duration = Duration::from_secs(45);

/// An output that an interrupted run left and that could not be proved off.
pub(crate) struct Doubt {
    /// Which it is, and why it is not proved off.
    pub(crate) output: AcceptedUnsafe,
    pub(crate) message: String,
}

/// Makes safe what interrupted runs left, saves those runs, and refuses to go on over outputs that may be on. Answers those
/// that were `accepted`: that holds for the run that begins and no longer, so what is known of them stays.
pub(crate) async fn before_run(
    store: &Store,
    bench: Reach<'_>,
    accepted: &[String],
) -> Result<Vec<AcceptedUnsafe>, Failure> {
    let Cleared { doubts, failure, .. } = make_safe_and_save(store, bench).await;
    let (known, unknown): (Vec<Doubt>, Vec<Doubt>) = doubts
        .into_iter()
        .partition(|doubt| accepted.contains(&doubt.output.instrument));
    for doubt in &unknown {
        terminal::complain(&doubt.message);
    }
    if let Some(failure) = failure {
        return Err(failure);
    }
    if !unknown.is_empty() {
        let message = format!(
            "an interrupted run left outputs that could not be proved off: where another benchtop uses the instrument, let it finish and \
             start again; else look at the bench, then use `benchtop safe`, or {} to take it on yourself",
            accepting(&unknown)
        );
        return Err(Failure::refused(message));
    }
    let told = |doubt: Doubt| {
        let Doubt { output, message } = doubt;
        let name = &output.instrument;
        terminal::warn(&format!(
            "{message} (accepted for this run; `benchtop safe` with --accept-unsafe {name} forgets it)"
        ));
        output
    };
    Ok(known.into_iter().map(told).collect())
}

/// The words that accept these, each once.
fn accepting(doubts: &[Doubt]) -> String {
    let names: BTreeSet<&str> = doubts.iter().map(|doubt| doubt.output.instrument.as_str()).collect();
    let words: Vec<String> = names.iter().map(|name| format!("--accept-unsafe {name}")).collect();
    words.join(" ")
}

/// Says what was not proved off, forgets what of it a person has taken on for good, and answers what is left. A run is forgotten
/// as a whole: what was accepted of one that left more is answered too.
pub(crate) fn forget(store: &Store, doubts: Vec<Doubt>, accepted: &[String]) -> Result<Vec<Doubt>, Failure> {
    let kept: BTreeSet<String> = doubts
        .iter()
        .filter(|doubt| !accepted.contains(&doubt.output.instrument))
        .map(|doubt| doubt.output.run_id.clone())
        .collect();
    let (left, given_up): (Vec<Doubt>, Vec<Doubt>) = doubts
        .into_iter()
        .partition(|doubt| kept.contains(&doubt.output.run_id));
    for doubt in &left {
        terminal::complain(&doubt.message);
    }
    for doubt in &given_up {
        store
            .clear_marker(&doubt.output.run_id)
            .map_err(|error| Failure::error(format!("{}; it is not forgotten: {error}", doubt.message)))?;
        terminal::warn(&format!("{} (accepted, and forgotten)", doubt.message));
    }
    Ok(left)
}

/// What can be done about outputs that could not be proved off where their instrument is not there any more.
pub(crate) fn way_out(doubts: &[Doubt]) -> String {
    format!(
        "look at the bench; where an instrument is gone for good, `benchtop safe` with {} forgets what an interrupted run left on it",
        accepting(doubts)
    )
}

/// How instruments are reached: by what their runs wrote down, and by what the station says of the same resources.
#[derive(Clone, Copy)]
pub(crate) struct Reach<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) station: Option<&'a Station>,
    /// The instruments that this process holds. Another is taken first, so that nobody's run is switched off under it; `None`
    /// takes no notice of who drives what, for a person wants everything off.
    pub(crate) held: Option<&'a [Lock]>,
}

/// What was done about interrupted runs.
pub(crate) struct Cleared {
    /// Runs whose instruments were made safe, or could not be.
    pub(crate) runs: usize,
    /// What could not be proved off.
    pub(crate) doubts: Vec<Doubt>,
    /// Trouble with the store; told after what concerns the bench.
    pub(crate) failure: Option<Failure>,
}

/// Makes safe what interrupted runs left, and saves those runs. The hardware comes first, trouble with the store last.
pub(crate) async fn make_safe_and_save(store: &Store, bench: Reach<'_>) -> Cleared {
    let mut cleared = Cleared {
        runs: 0,
        doubts: Vec::new(),
        failure: None,
    };
    // under the store's lock from here on: who waited for it sees what its holder could not prove off
    let recovering = store
        .begin_recovery()
        .map_err(|error| cleared.failure = Some(Failure::error(error.to_string())));
    let recovering = recovering.ok();
    let interrupted = recovering.as_ref().map(Recovering::interrupted).unwrap_or_default();
    match store.unsafe_markers() {
        Ok(mut markers) => {
            // their own turn comes below
            markers.retain(|marked| interrupted.iter().all(|run| run.run_id != marked.run_id));
            for run in markers {
                let before = cleared.doubts.len();
                cleared.runs += 1;
                make_run_safe(&run, bench, &mut cleared.doubts).await;
                if cleared.doubts.len() == before
                    && let Err(error) = store.clear_marker(&run.run_id)
                {
                    cleared.failure = Some(Failure::error(error.to_string()));
                }
            }
        }
        Err(error) => cleared.failure = Some(Failure::error(error.to_string())),
    }
    let Some(recovering) = recovering else {
        return cleared;
    };
    let mut made_safe = BTreeMap::new();
    for run in interrupted {
        cleared.runs += 1;
        let states = make_run_safe(&run, bench, &mut cleared.doubts).await;
        made_safe.insert(run.run_id.clone(), states);
    }
    let recovery = recovering.finish(&made_safe);
    tell(&recovery);
    if let Some(error) = recovery.failed.first() {
        let message = format!("an earlier run cannot be saved: {error}");
        cleared.failure = Some(Failure::error(message));
    }
    cleared
}

async fn make_run_safe(run: &InterruptedRun, bench: Reach<'_>, doubts: &mut Vec<Doubt>) -> Vec<MadeSafe> {
    let unit = &run.serial_number;
    terminal::warn(&format!(
        "the run of {unit} ({}) was interrupted, or left outputs that could not be proved off; they stayed as they were",
        run.procedure_id
    ));
    let mut states = Vec::new();
    for instrument in run
        .instruments
        .iter()
        .filter(|instrument| !instrument.outputs.is_empty())
    {
        let made_safe = make_instrument_safe(instrument, bench).await;
        for output in &made_safe.outputs {
            match &output.proof {
                SafetyProof::Off => {
                    let (what, state) = match Class::of_word(&instrument.class) {
                        Some(Class::Switch) => ("channel", "open"),
                        Some(Class::Dmm | Class::DcPower | Class::Console) | None => ("output", "off"),
                    };
                    let text = format!("{} {what} {} proved {state}", instrument.name, output.channel);
                    terminal::say_aside(&Line::new().add(PLAIN, "safe     ").add(PLAIN, &text));
                }
                SafetyProof::NotProved(reason) => {
                    let place = format!(
                        "{} channel {} ({})",
                        instrument.name, output.channel, instrument.resource
                    );
                    let message = format!("{}: {place}: {reason}", alarm(&instrument.class));
                    let output = AcceptedUnsafe {
                        run_id: run.run_id.clone(),
                        instrument: instrument.name.clone(),
                        channel: output.channel,
                        reason: reason.clone(),
                    };
                    doubts.push(Doubt { output, message });
                }
            }
        }
        states.push(made_safe);
    }
    states
}

async fn make_instrument_safe(instrument: &InterruptedInstrument, bench: Reach<'_>) -> MadeSafe {
    let name = LogicalName(instrument.name.clone());
    let state = |proof: SafetyProof| {
        let one = |channel: &u32| OutputState {
            channel: *channel,
            proof: proof.clone(),
        };
        instrument.outputs.iter().map(one).collect()
    };
    let not_proved = |reason: String| MadeSafe {
        name: name.clone(),
        outputs: state(SafetyProof::NotProved(reason.clone())),
        error: Some(reason),
    };
    if instrument.resource.is_empty() {
        let reason =
            "its journal is damaged and does not say which instrument it was: look at every output of the bench";
        return not_proved(reason.to_owned());
    }
    let resource: Resource = match instrument.resource.parse() {
        Ok(resource) => resource,
        Err(error) => return not_proved(format!("{error}")),
    };
    if resource.is_simulated() {
        // it ended with the process that it lived in
        return MadeSafe {
            name,
            outputs: state(SafetyProof::Off),
            error: None,
        };
    }
    let _lock = match bench.held {
        Some(held) if !locks::hold(held, &resource) => match locks::take(&instrument.name, &resource) {
            Ok(lock) => lock,
            Err(failure) => return not_proved(failure.message),
        },
        Some(_) | None => None,
    };
    let clock = RealClock::shared();
    let deadline = clock.now().after(PATIENCE);
    match clock
        .within(deadline, switch_off(instrument, &resource, bench, &clock))
        .await
    {
        Ok(Ok(outputs)) => MadeSafe {
            name,
            outputs,
            error: None,
        },
        Ok(Err(reason)) => not_proved(reason),
        Err(_elapsed) => not_proved("no answer in 45 s".to_owned()),
    }
}

async fn switch_off(
    instrument: &InterruptedInstrument,
    resource: &Resource,
    bench: Reach<'_>,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<OutputState>, String> {
    let written = Spanned::new(instrument.driver.clone(), Span::of_file("journal"));
    let definition = bench
        .catalogue
        .driver(&written)
        .map_err(|findings| findings.render_short().trim().to_owned())?;
    // its line and its timeout are the station's to know
    let known = bench.station.and_then(|station| {
        let mut equipment = station.instruments.values();
        equipment.find(|equipment| equipment.resource == *resource)
    });
    let known = known.map(|equipment| equipment.options.clone()).unwrap_or_default();
    // another instrument at the same address must not stand in for the one that was left on
    let answered = instrument
        .identity
        .as_ref()
        .map(|identity| identity.serial_number.clone());
    let options = Options {
        serial_number: answered.or(known.serial_number),
        shared: false,
        // those that the run had; others may be somebody else's
        only: Some(instrument.outputs.clone()).filter(|outputs| !outputs.is_empty()),
        ..known
    };
    let opened = open_instrument(resource, definition, options, clock).await;
    let mut opened = opened.map_err(|error| error.to_string())?;
    let outputs = opened.make_safe().await.map_err(|error| error.to_string());
    drop(opened.close().await);
    outputs
}

/// What is called out of a channel that was not proved safe, by the class that a record gives its instrument.
pub(crate) fn alarm(class: &str) -> &'static str {
    Class::of_word(class).unwrap_or(Class::DcPower).alarm()
}

/// What a command that opens no instrument says of outputs that may be on.
pub(crate) fn tell_of_outputs(recovery: &Recovery) {
    for run in &recovery.outputs_maybe_on {
        let message = format!(
            "the run of {} was interrupted: outputs may still be on; `benchtop safe`, or the next run, switches them off",
            run.serial_number
        );
        terminal::warn(&message);
    }
}

/// Prints what recovery did.
pub(crate) fn tell(recovery: &Recovery) {
    for saved in &recovery.sealed {
        let record = &saved.record;
        let outcome = benchtop_run::RunOutcome::from(record.outcome);
        let text = format!(
            "the run of {} is saved as {outcome}: {}",
            record.unit_under_test.serial_number,
            saved.path.display()
        );
        terminal::say_aside(&Line::new().add(DOUBTFUL, "recovered ").add(PLAIN, &text));
    }
    for name in &recovery.adopted {
        terminal::say_aside(&Line::new().add(DOUBTFUL, "recovered ").add(PLAIN, name.as_str()));
    }
    for quarantined in &recovery.quarantined {
        terminal::warn(&format!(
            "{} is in quarantine: {}",
            quarantined.name, quarantined.reason
        ));
    }
    for error in &recovery.failed {
        terminal::complain(&error.to_string());
    }
}
