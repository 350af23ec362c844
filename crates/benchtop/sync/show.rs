//! What a drain says: a line for each record for people, or a JSON object for each event.

use crate::{
    args::{Format, SyncArguments},
    terminal::{self, BAD, DOUBTFUL, GOOD, Line, PLAIN, QUIET},
};
use anstyle::Style;
use benchtop_sync::{DrainEvent, Summary};
use std::path::Path;

/// So many records are a long drain, which says how far it is.
const LONG: u64 = 200;

/// A drain as it goes on.
pub(super) struct Drain {
    format: Format,
    quiet: bool,
    total: u64,
    done: u64,
}

impl Drain {
    pub(super) const fn new(arguments: &SyncArguments, total: u64) -> Self {
        Self {
            format: arguments.format,
            quiet: arguments.quiet,
            total,
            done: 0,
        }
    }

    pub(super) fn tell(&mut self, event: &DrainEvent) {
        terminal::progress_done();
        match self.format {
            Format::Human if self.quiet => return warn(event),
            Format::Human => show(event),
            Format::Json => terminal::emit(&event.to_json()),
        }
        if matches!(event, DrainEvent::TargetStopped { .. }) {
            return;
        }
        self.done += 1;
        if self.total >= LONG && self.done.is_multiple_of(LONG / 2) {
            terminal::say_aside(&Line::new().add(QUIET, &format!("{} of {} records", self.done, self.total)));
        }
        if self.done < self.total {
            terminal::progress(&format!("  [{}/{}] records", self.done, self.total));
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
        DrainEvent::Waiting { record, reasons } => line(DOUBTFUL, "pending", record, reasons),
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
        need_a_person,
        ..
    } = summary;
    let mut text = format!("{synced} synced, {pending} pending");
    for (count, word) in [
        (parked, "parked"),
        (quarantined, "quarantined"),
        (kept, "kept: no target wants them"),
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
