//! `sync status`, `health`, `retry`, `requeue` and `drop`: seeing the outbox and correcting it. Nothing here sends anything.

use super::{Outbox, PATIENCE, exit_of, faults::Fault, trouble};
use crate::{
    args::{ChosenArguments, DropArguments, Format, RetryArguments},
    exit::{Exit, Failure},
    terminal::{self, BAD, DOUBTFUL, GOOD, Line, PLAIN, QUIET},
};
use benchtop_instrument::{Clock, RealClock};
use benchtop_notation::Diagnostics;
use benchtop_store::{StoreError, StoreErrorKind};
use benchtop_sync::{Chosen, Dealt, Status, TargetStatus};
use std::{
    collections::BTreeSet,
    io::{self, BufRead, IsTerminal},
    time::Duration,
};

pub(super) fn status(outbox: &Outbox, format: Format) -> Result<Exit, Failure> {
    let mut status = benchtop_sync::status(&outbox.store, &outbox.names()).map_err(trouble)?;
    for fault in outbox.faults(&status) {
        if let Some(own) = status.targets.get_mut(&fault.target) {
            own.unusable.push(fault.message);
        }
    }
    match format {
        Format::Json => terminal::emit(&status.to_json()),
        Format::Human => show(&status, outbox),
    }
    Ok(exit_of(status.exit_code()))
}

fn show(status: &Status, outbox: &Outbox) {
    let Status {
        pending,
        not_records,
        parked,
        kept,
        quarantined,
        refused,
        unbelieved,
        ..
    } = status;
    let counts = format!("{pending} pending, {parked} parked, {kept} kept, {quarantined} quarantined");
    let root = outbox.store.root().display().to_string();
    terminal::say(&Line::new().add(PLAIN.bold(), &counts).add(QUIET, &format!("  {root}")));
    if *not_records > 0 {
        let text = match not_records {
            1 => "1 file in pending/ is no record: sync puts it into quarantine".to_owned(),
            many => {
                format!("{many} files in pending/ are no records: sync puts them into quarantine, a hundred at a time")
            }
        };
        terminal::say(&Line::new().add(DOUBTFUL, &text));
    }
    if let Some(text) = unsealed(status) {
        terminal::say(&Line::new().add(DOUBTFUL, &text));
    }
    if *refused > 0 {
        let text = format!("{refused} of those that are pending were refused by a target, and wait for another one");
        terminal::say(&Line::new().add(BAD, &text));
    }
    if *unbelieved > 0 {
        let text = format!(
            "{unbelieved} with receipts that cannot be believed: they wait for a person, who looks at receipts/"
        );
        terminal::say(&Line::new().add(BAD, &text));
    }
    if let Some(oldest) = status.oldest_pending {
        let text = format!("the oldest that waits began {}", oldest.format("%Y-%m-%d %H:%M:%S UTC"));
        terminal::say(&Line::new().add(QUIET, &text));
    }
    for (name, own) in &status.targets {
        show_target(name, own);
    }
    if *parked + *refused > 0 {
        terminal::say(&Line::new().add(
            QUIET,
            "after their cause is gone: benchtop sync retry --all, or retry RECORD",
        ));
    }
}

fn next_try(time: Option<chrono::DateTime<chrono::Utc>>) -> Option<String> {
    let time = time?;
    Some(match time > RealClock::new().utc() {
        true => format!("next try {}", time.format("%Y-%m-%d %H:%M:%S UTC")),
        false => "next try: the next sync".to_owned(),
    })
}

/// The runs that are in no folder yet.
fn unsealed(status: &Status) -> Option<String> {
    match status.unsealed {
        0 => None,
        1 => Some("1 run is in progress, or was interrupted: then the next run or sync saves it".to_owned()),
        many => Some(format!(
            "{many} runs are in progress, or were interrupted: then the next run or sync saves them"
        )),
    }
}

fn show_target(name: &str, own: &TargetStatus) {
    let style = match (own.parked_count, own.pending) {
        _ if !own.unusable.is_empty() => BAD,
        (0, 0) => GOOD,
        (0, _) => DOUBTFUL,
        (_, _) => BAD,
    };
    let mut text = format!("{} pending, {} parked", own.pending, own.parked_count);
    if own.uncertain > 0 {
        text.push_str(&format!(", {} whose answer was lost", own.uncertain));
    }
    terminal::say(&Line::new().column(style, name, 16).add(PLAIN, &text));
    for reason in &own.unusable {
        terminal::say(&Line::new().add(BAD, "    cannot be used  ").add(QUIET, reason));
    }
    let outlook = &own.outlook;
    let when = |word: &str, time: Option<chrono::DateTime<chrono::Utc>>| {
        time.map(|time| format!("{word} {}", time.format("%Y-%m-%d %H:%M:%S UTC")))
    };
    let said = [
        when("last success", outlook.last_success),
        when("last try", outlook.last_try),
        next_try(outlook.next_try.max(own.next_try)),
        outlook
            .clock_ahead_s
            .map(|ahead| format!("its clock is {ahead} s ahead")),
        outlook.stopped.as_ref().map(|reason| format!("took nothing: {reason}")),
    ];
    for text in said.into_iter().flatten() {
        terminal::say(&Line::new().add(QUIET, &format!("    {text}")));
    }
    for (reason, count) in &own.waiting {
        terminal::say(&Line::new().add(QUIET, &format!("    {count} wait: {reason}")));
    }
    for (reason, count) in &own.outlook.not_configured {
        terminal::say(&Line::new().add(QUIET, &format!("    {count} waited at the last sync: {reason}")));
    }
    for (record, reason) in &own.parked {
        terminal::say(
            &Line::new()
                .add(BAD, "    parked ")
                .add(PLAIN, record)
                .add(QUIET, &format!("  {reason}")),
        );
    }
}

/// One line and an exit code, for monitoring.
pub(super) fn health(outbox: &Outbox, max_age: &str, format: Format) -> Result<Exit, Failure> {
    let most = parse_age(max_age)?;
    let status = benchtop_sync::status(&outbox.store, &outbox.names()).map_err(trouble)?;
    let age = status.oldest_pending.map(|oldest| RealClock::new().utc() - oldest);
    let is_old = age.is_some_and(|age| age > most);
    let faults = outbox.faults(&status);
    let (exit, word) = match status.exit_code() {
        _ if !faults.is_empty() => (Exit::Error, "a person is wanted"),
        3 => (Exit::Error, "a person is wanted"),
        _ if status.unbelieved > 0 => (Exit::Error, "a person is wanted"),
        _ if is_old => (Exit::Fail, "something waits too long"),
        _ => (Exit::Success, "ok"),
    };
    if format == Format::Json {
        let of = |fault: &Fault| serde_json::json!({"target": fault.target, "reason": fault.message});
        let health = serde_json::json!({
            "health": word,
            "pending": status.pending,
            "oldest_pending_s": age.map(|age| age.num_seconds()),
            "parked": status.parked,
            "refused": status.refused,
            "quarantined": status.quarantined,
            "unbelieved": status.unbelieved,
            "unsealed": status.unsealed,
            "unusable": faults.iter().map(of).collect::<Vec<_>>(),
        });
        terminal::emit(&health.to_string());
        return Ok(exit);
    }
    let oldest = age.map_or_else(String::new, |age| format!(", the oldest for {} s", age.num_seconds()));
    let mut text = format!(
        "{word}: {} pending{oldest}, {} parked, {} quarantined",
        status.pending, status.parked, status.quarantined
    );
    if status.refused > 0 {
        text.push_str(&format!(", {} pending ones refused by a target", status.refused));
    }
    if status.unbelieved > 0 {
        text.push_str(&format!(
            ", {} with receipts that cannot be believed",
            status.unbelieved
        ));
    }
    if status.unsealed > 0 {
        text.push_str(&format!(", {} in progress or interrupted", status.unsealed));
    }
    let names: BTreeSet<&str> = faults.iter().map(|fault| fault.target.as_str()).collect();
    if !names.is_empty() {
        let names: Vec<&str> = names.into_iter().collect();
        text.push_str(&format!(
            ", no upload to {}: it cannot be used as it is",
            names.join(", ")
        ));
    }
    terminal::say(&Line::new().add(PLAIN, &text));
    if !faults.is_empty() {
        let mut findings = Diagnostics::new();
        faults.iter().for_each(|fault| findings.push(fault.for_sender()));
        terminal::diagnose(&findings);
    }
    Ok(exit)
}

/// `90s`, `30m`, `24h`, `7d`.
fn parse_age(text: &str) -> Result<chrono::TimeDelta, Failure> {
    let refuse = || {
        Failure::refused(format!(
            "--max-age `{text}`: expected a number with s, m, h or d, such as 24h"
        ))
    };
    let (unit, seconds) = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)]
        .into_iter()
        .find(|(unit, _)| text.ends_with(unit))
        .ok_or_else(refuse)?;
    let number: i64 = text
        .trim_end_matches(unit)
        .trim()
        .parse()
        .map_err(|_not_a_number| refuse())?;
    let age = number.checked_mul(seconds).filter(|age| *age > 0);
    age.and_then(chrono::TimeDelta::try_seconds).ok_or_else(refuse)
}

fn chosen(arguments: &ChosenArguments) -> Result<Chosen, Failure> {
    match (&arguments.named, arguments.all) {
        (Some(record), false) => Ok(Chosen::Named(record.clone())),
        (None, true) => Ok(Chosen::All),
        (Some(_), true) | (None, false) => Err(Failure::refused(
            "which? name a record, a run id or a serial number, or --all",
        )),
    }
}

/// Waits for a sync of the same store that is at work: between two drains a watch lets go of it.
async fn patiently<T>(mut act: impl FnMut() -> Result<T, StoreError>) -> Result<T, Failure> {
    let clock = RealClock::new();
    let until = clock.now().after(PATIENCE);
    let mut is_told = false;
    loop {
        match act() {
            Err(error) if error.kind() == StoreErrorKind::Locked && clock.now() < until => {
                if !is_told {
                    let text = format!(
                        "a sync of this store is at work; waiting for it, {} s at most",
                        PATIENCE.as_secs()
                    );
                    terminal::say_aside(&Line::new().add(QUIET, &text));
                    is_told = true;
                }
                clock.sleep_until(clock.now().after(Duration::from_millis(200))).await;
            }
            acted => return acted.map_err(trouble),
        }
    }
}

pub(super) async fn retry(outbox: &Outbox, arguments: &RetryArguments) -> Result<Exit, Failure> {
    let clock = RealClock::new();
    let which = chosen(&arguments.which)?;
    let again = match arguments.surely_not_there {
        true => benchtop_sync::send_again,
        false => benchtop_sync::retry,
    };
    let dealt = patiently(|| again(&outbox.store, &which, &|| clock.utc(), &mut count)).await?;
    told(
        &dealt,
        "pending again: the next sync tries them",
        "nothing like that is parked",
    )
}

pub(super) async fn requeue(outbox: &Outbox, arguments: &ChosenArguments) -> Result<Exit, Failure> {
    let clock = RealClock::new();
    let (which, names) = (chosen(arguments)?, outbox.names());
    let requeue = || benchtop_sync::requeue(&outbox.store, &which, &names, &|| clock.utc(), &mut count);
    let dealt = patiently(requeue).await?;
    told(
        &dealt,
        "pending again: the next sync offers them to every target",
        "nothing like that is kept, or lacks a target",
    )
}

pub(super) async fn take_out(outbox: &Outbox, arguments: &DropArguments) -> Result<Exit, Failure> {
    let chosen = chosen(&arguments.which)?;
    if !arguments.yes && !is_agreed(&chosen)? {
        return Err(Failure::refused("nothing was dropped"));
    }
    let clock = RealClock::new();
    let names = outbox.names();
    let drop_all = || benchtop_sync::drop_records(&outbox.store, &chosen, &names, &|| clock.utc(), &mut count);
    let dealt = patiently(drop_all).await?;
    told(
        &dealt,
        "taken out of the outbox; the files are kept",
        "nothing like that is pending or parked",
    )
}

/// Asks at a terminal; without one, only `--yes` is an answer.
fn is_agreed(chosen: &Chosen) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::refused("to drop records without a terminal, say --yes"));
    }
    let which = match chosen {
        Chosen::All => "every pending and parked record".to_owned(),
        Chosen::Named(name) => name.clone(),
    };
    terminal::say_aside(&Line::new().add(DOUBTFUL, &format!("Never upload {which}? The file is kept. Type yes: ")));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| Failure::error(format!("read the answer: {error}")))?;
    Ok(answer.trim() == "yes")
}

/// How far it is, where there are many.
fn count(done: usize, all: usize) {
    if done < all {
        terminal::say_aside(&Line::new().add(QUIET, &format!("{done} of {all} records")));
    }
}

fn told(dealt: &Dealt, done: &str, nothing: &str) -> Result<Exit, Failure> {
    if dealt.records.is_empty() && dealt.left.is_empty() {
        return Err(Failure::refused(nothing));
    }
    for (record, reason) in &dealt.left {
        terminal::say_aside(
            &Line::new()
                .add(BAD, "left alone ")
                .add(PLAIN, record)
                .add(QUIET, &format!("  {reason}")),
        );
    }
    for record in &dealt.records {
        terminal::say(&Line::new().add(PLAIN, record));
    }
    terminal::say(&Line::new().add(PLAIN.bold(), &format!("{} {done}", dealt.records.len())));
    Ok(match dealt.left.as_slice() {
        [] => Exit::Success,
        [_, ..] => Exit::Error,
    })
}
