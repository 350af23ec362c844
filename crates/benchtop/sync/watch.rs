//! `sync --watch`: for as long as it runs. Drains when a record comes in, when the network changes, and when something that
//! waits is due; while nobody answers it asks whether anybody is there, and sends nothing.

use super::{
    Outbox, metrics,
    notify::notify,
    open_targets,
    resting::Resting,
    save_interrupted, show,
    signs::{Sign, Signs},
    trouble,
};
use crate::{
    args::SyncArguments,
    exit::{Exit, Failure},
    interrupt,
    terminal::{self, Line, QUIET},
};
use benchtop_instrument::{Clock, ClockExt, RealClock};
use benchtop_run::Interrupt;
use benchtop_store::{Store, StoreErrorKind};
use benchtop_sync::{Pace, Probe, Stopped, Summary, Target, drain, left_alone};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch::Receiver;

/// How often something that waits is looked at, without any sign.
const USUAL: Duration = Duration::from_secs(15);
/// How long the store is let go of where the next drain goes on with the last one's work.
const BETWEEN: Duration = Duration::from_secs(1);
/// Longest rest between two questions whether anybody is there.
const LONGEST: Duration = Duration::from_secs(120);
/// How long an answer is waited for after it was told to end; then the next sync asks what became of the upload.
const LAST_ANSWER: Duration = Duration::from_secs(10);

pub(super) async fn watch(arguments: &SyncArguments) -> Result<Exit, Failure> {
    let outbox = Outbox::open(arguments)?;
    let targets = open_targets(arguments, outbox.file.as_ref())?;
    let mut interrupt = interrupt::listen();
    save_interrupted(&outbox.store)?;
    if let Some(address) = arguments.metrics {
        let names = targets.iter().map(|target| target.name().to_owned()).collect();
        metrics::serve(address, outbox.store.clone(), names).await?;
    }
    notify("READY=1\nSTATUS=watching");
    let clock = RealClock::new();
    let mut signs = Signs::new(&outbox.store);
    let mut away = 0_u32;
    let mut all_at_once = true;
    let mut resting = Resting::default();
    let (mut goes_on, mut windows) = (false, BTreeMap::new());
    loop {
        let mut rest = USUAL;
        // also what was asked of the watch before this one, or of a sync between two rounds
        let asked_of_others = left_alone(&outbox.store, &targets, clock.utc());
        resting.take(&asked_of_others, clock.now());
        let left_alone = resting.at(clock.now());
        let begins_wide = std::mem::take(&mut goes_on);
        // a question may take as long as its timeouts allow: it ends with us
        let is_there = match away {
            _ if left_alone.len() == targets.len() => None,
            0 => Some(true),
            _ => tokio::select! {
                is_there = is_anybody_there(&targets, &left_alone) => Some(is_there),
                _ = interrupt.changed() => break,
            },
        };
        match is_there {
            // nobody is to be tried; whoever comes back first ends the rest
            None => {}
            Some(true) => {
                // at the start, on another network, and when somebody is back, what waits for its next try is due
                let pace = Pace {
                    only_due: !all_at_once && away == 0,
                    is_followed: true,
                    windows: begins_wide.then_some(&windows),
                    resting: Some(&left_alone),
                    ..Pace::default()
                };
                // before the drain: a record that comes in during it is seen; our own moves cost one more look
                signs.forget();
                let drained = one_drain(&outbox.store, &targets, arguments, pace, &mut interrupt).await?;
                let Some(summary) = drained else { break };
                resting.take(&summary.stopped, clock.now());
                goes_on = summary.goes_on;
                let is_any_away = resting.at(clock.now()).len() < targets.len();
                windows = summary.windows;
                if summary.goes_on {
                    // a person may have a word in between, whatever comes in
                    rest = Duration::ZERO;
                    clock.sleep_until(clock.now().after(BETWEEN)).await;
                }
                away = u32::from(summary.stopped.len() == targets.len() && is_any_away);
                notify(&format!(
                    "STATUS={} pending, {} for a person",
                    summary.pending, summary.need_a_person
                ));
            }
            Some(false) => {
                away = away.saturating_add(1);
                rest = Duration::from_secs(2).saturating_mul(1 << away.min(6)).min(LONGEST);
            }
        }
        let all_rest = resting.at(clock.now()).len() == targets.len();
        let usual = clock.now().after(rest);
        let until = match resting.first_end() {
            Some(end) if all_rest => end,
            Some(end) => end.min(usual),
            None => usual,
        };
        let sign = loop {
            let sign = tokio::select! {
                sign = signs.wait(&clock, until) => Some(sign),
                _ = interrupt.changed() => None,
            };
            // a server that asked to be left alone is left alone, whatever comes in
            if !(all_rest && sign == Some(Sign::NewRecord)) {
                break sign;
            }
        };
        let Some(sign) = sign else { break };
        all_at_once = sign == Sign::Network;
        if sign == Sign::Network {
            away = away.min(1);
        }
    }
    notify("STOPPING=1");
    Ok(Exit::Success)
}

/// One drain; nothing when it was told to end.
async fn one_drain(
    store: &Store,
    targets: &[Box<dyn Target>],
    arguments: &SyncArguments,
    pace: Pace<'_>,
    interrupt: &mut Receiver<Interrupt>,
) -> Result<Option<Summary>, Failure> {
    let clock = RealClock::new();
    let now = || clock.utc();
    let stop = Arc::new(AtomicBool::new(false));
    let pace = Pace {
        stop: Some(&stop),
        ..pace
    };
    let total = store.pending(0).map_err(trouble)?.count;
    let shown = Mutex::new(show::Drain::new(arguments, total));
    let drained = {
        let mut observe = |event| show::held(&shown).tell(&event);
        let draining = show::ticking(&shown, drain(store, targets, &now, pace, &mut observe));
        tokio::pin!(draining);
        tokio::select! {
            drained = &mut draining => Some(drained),
            _ = interrupt.changed() => {
                stop.store(true, Ordering::Relaxed);
                drop(clock.within(clock.now().after(LAST_ANSWER), &mut draining).await);
                None
            }
        }
    };
    let Some(drained) = drained else { return Ok(None) };
    match drained {
        Ok(summary) => {
            if summary.synced + summary.parked + summary.quarantined + summary.kept > 0 {
                show::held(&shown).sum_up(&summary, store.root());
            }
            Ok(Some(summary))
        }
        // somebody runs `benchtop sync` by hand: one at a time
        Err(error) if error.kind() == StoreErrorKind::Locked => {
            terminal::say_aside(&Line::new().add(QUIET, "another sync is draining this store"));
            Ok(Some(Summary::default()))
        }
        Err(error) => Err(trouble(error)),
    }
}

async fn is_anybody_there(targets: &[Box<dyn Target>], left_alone: &BTreeMap<String, Stopped>) -> bool {
    for target in targets.iter().filter(|target| !left_alone.contains_key(target.name())) {
        if matches!(target.probe().await, Probe::Ready { .. }) {
            return true;
        }
    }
    false
}
