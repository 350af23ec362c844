//! What a drain says: a line for each record for people, or a JSON object for each event.

use crate::{
    args::Format,
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
    total: u64,
    done: u64,
}

impl Drain {
    pub(super) const fn new(format: Format, total: u64) -> Self {
        Self { format, total, done: 0 }
    }

    pub(super) fn tell(&mut self, event: &DrainEvent) {
        match self.format {
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
    }

    pub(super) fn sum_up(&self, summary: &Summary, root: &Path) {
        match self.format {
            Format::Human => sum_up(summary, root),
            Format::Json => terminal::emit(&summary.to_json()),
        }
    }
}

fn line(style: Style, word: &str, record: &str, rest: &[(String, String)]) {
    let rest: Vec<String> = rest
        .iter()
        .map(|(target, words)| format!("{target}: {words}"))
        .collect();
    terminal::say(
        &Line::new()
            .column(style, word, 12)
            .add(PLAIN, record)
            .add(QUIET, &format!("  {}", rest.join("; "))),
    );
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
