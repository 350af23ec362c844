//! What a drain says: a line for each record for people, or a JSON object for each event.

use crate::{
    args::{Format, SyncArguments},
    terminal::{self, BAD, DOUBTFUL, GOOD, Line, PLAIN, Parts, QUIET},
};
use anstyle::Style;
use benchtop_instrument::{Clock, ClockExt, RealClock};
use benchtop_sync::{DrainEvent, Summary};
use std::{
    path::Path,
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// So many records are a long drain, which says how far it is.
const LONG: u64 = 200;

/// How often the time that a drain takes is shown while nothing else happens.
const TICK: Duration = Duration::from_secs(1);

/// A drain as it goes on.
pub(super) struct Drain {
    format: Format,
    quiet: bool,
    total: u64,
    done: u64,
    clock: RealClock,
}

/// Waits for a drain, and lets the time that it takes pass in sight.
pub(super) async fn ticking<T>(shown: &Mutex<Drain>, draining: impl Future<Output = T> + Send) -> T {
    let clock = RealClock::new();
    let mut draining = pin!(draining);
    loop {
        match clock.within(clock.now().after(TICK), draining.as_mut()).await {
            Ok(done) => return done,
            Err(_elapsed) => held(shown).tick(),
        }
    }
}

/// What is shown, for a moment.
pub(super) fn held(shown: &Mutex<Drain>) -> MutexGuard<'_, Drain> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drain {
    /// One that begins now.
    pub(super) fn new(arguments: &SyncArguments, total: u64) -> Self {
        Self {
            format: arguments.format,
            quiet: arguments.quiet,
            total,
            done: 0,
            clock: RealClock::new(),
        }
    }

    pub(super) fn tell(&mut self, event: &DrainEvent) {
        if self.format == Format::Human && self.quiet {
            return warn(event);
        }
        let is_of_a_record = !matches!(event, DrainEvent::TargetStopped { .. });
        self.done += u64::from(is_of_a_record);
        if self.done >= self.total {
            terminal::progress_done();
        }
        match self.format {
            Format::Human => show(event),
            Format::Json => terminal::emit(&event.to_json()),
        }
        if is_of_a_record && self.total >= LONG && self.done.is_multiple_of(LONG / 2) {
            let Parts { head, time, more, .. } = self.so_far();
            terminal::say_aside(&Line::new().add(QUIET, format!("{head}{time}{more}").trim_start()));
        }
        self.tick();
    }

    /// Shows how far it is, where it goes on.
    fn tick(&self) {
        if self.done < self.total && !(self.format == Format::Human && self.quiet) {
            terminal::stand("", self.so_far());
        }
    }

    /// `  [120/500] records  12 s, about 38 s more`: what is left is reckoned from what was done.
    fn so_far(&self) -> Parts {
        let elapsed = self.clock.now().since_start();
        let left = self.total.saturating_sub(self.done);
        let each = u32::try_from(self.done)
            .ok()
            .filter(|done| *done > 0)
            .map(|done| elapsed / done);
        let more = each.map(|each| each.saturating_mul(u32::try_from(left).unwrap_or(u32::MAX)));
        Parts {
            head: format!("  [{}/{}] records", self.done, self.total),
            doing: String::new(),
            time: format!("  {:.0} s", elapsed.as_secs_f64()),
            more: more
                .filter(|more| !more.is_zero())
                .map_or_else(String::new, terminal::about),
        }
    }

    pub(super) fn sum_up(&self, summary: &Summary, root: &Path) {
        terminal::progress_done();
        match self.format {
            Format::Human => sum_up(summary, root),
            Format::Json => terminal::emit(&summary.to_json()),
        }
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        terminal::progress_done();
    }
}

fn line(style: Style, word: &str, record: &str, rest: &[(String, String)]) {
    let rest = joined(rest);
    terminal::say(
        &Line::new()
            .column(style, word, 12)
            .add(PLAIN, record)
            .add(QUIET, &format!("  {rest}")),
    );
}

/// What the targets say, each under its name.
fn joined(said: &[(String, String)]) -> String {
    let each = said.iter().map(|(target, words)| format!("{target}: {words}"));
    each.collect::<Vec<_>>().join("; ")
}

fn show(event: &DrainEvent) {
    match event {
        DrainEvent::Synced {
            record,
            remote_ids,
            notes,
        } => {
            line(GOOD, "synced", record, remote_ids);
            for note in notes {
                terminal::say(&Line::new().add(QUIET, &format!("            {note}")));
            }
        }
        DrainEvent::Waiting {
            record,
            reasons,
            refused,
        } => {
            line(DOUBTFUL, "pending", record, reasons);
            if !refused.is_empty() {
                let text = format!("            refused by {}", joined(refused));
                terminal::say(&Line::new().add(BAD, &text));
            }
        }
        DrainEvent::Parked { record, reasons } => line(BAD, "parked", record, reasons),
        DrainEvent::Kept { record, reasons } => line(QUIET, "kept", record, reasons),
        DrainEvent::Quarantined { record, reason } => {
            line(BAD, "quarantined", record, &[("reason".to_owned(), reason.clone())]);
        }
        DrainEvent::TargetStopped { target, reason } => {
            terminal::warn(&format!("{target} takes nothing just now: {reason}"));
        }
    }
}

/// Says what is wrong, and nothing else.
fn warn(event: &DrainEvent) {
    let (word, record, reasons) = match event {
        DrainEvent::Parked { record, reasons } => ("parked", record, joined(reasons)),
        DrainEvent::Quarantined { record, reason } => ("quarantined", record, reason.clone()),
        DrainEvent::TargetStopped { .. } => return show(event),
        DrainEvent::Synced { .. } | DrainEvent::Waiting { .. } | DrainEvent::Kept { .. } => return,
    };
    terminal::warn(&format!("{word} {record}: {reasons}"));
}

fn sum_up(summary: &Summary, root: &Path) {
    let Summary {
        synced,
        pending,
        parked,
        quarantined,
        kept,
        refused,
        need_a_person,
        ..
    } = summary;
    let mut text = format!("{synced} synced, {pending} pending");
    for (count, word) in [
        (parked, "parked"),
        (quarantined, "quarantined"),
        (kept, "kept: no target wants them"),
        (refused, "of those that wait refused by a target: a person is wanted"),
    ] {
        if *count > 0 {
            text.push_str(&format!(", {count} {word}"));
        }
    }
    terminal::say(
        &Line::new()
            .add(PLAIN.bold(), &text)
            .add(QUIET, &format!("  {}", root.display())),
    );
    if *need_a_person > 0 {
        let message = format!("{need_a_person} records in parked/ or quarantine/ wait for a person");
        terminal::warn(&message);
    }
}
