//! `benchtop runs prune`.

use super::{args::PruneArguments, open_of};
use crate::{
    exit::{Exit, Failure},
    terminal::{self, DOUBTFUL, Line, PLAIN, QUIET},
};
use benchtop_instrument::{Clock, RealClock};
use benchtop_store::StoreErrorKind;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

pub(super) fn prune(arguments: &PruneArguments) -> Result<Exit, Failure> {
    let before = day(&arguments.synced_before)?;
    let (store, _recovery, file) = open_of(&arguments.store)?;
    // what a target lacks that was added later stays for it
    let targets = file.iter().flat_map(|file| &file.targets);
    let names: Vec<&str> = targets.map(|target| target.name.value.as_str()).collect();
    let pruned = store.prune(&names, before, RealClock::new().utc(), arguments.dry_run);
    let pruned = pruned.map_err(|error| match error.kind() {
        StoreErrorKind::Locked => Failure {
            exit: Exit::Fail,
            message: "a sync is draining this store; let it finish".to_owned(),
        },
        StoreErrorKind::Full
        | StoreErrorKind::ReadOnly
        | StoreErrorKind::Permission
        | StoreErrorKind::NotFound
        | StoreErrorKind::Conflict
        | StoreErrorKind::Damaged
        | StoreErrorKind::Newer
        | StoreErrorKind::TooLarge
        | StoreErrorKind::Invalid
        | StoreErrorKind::Io => Failure::error(error.to_string()),
    })?;
    for (name, reason) in &pruned.kept {
        let line = Line::new().column(DOUBTFUL, "stays", 12).add(PLAIN, name);
        terminal::say(&line.add(QUIET, &format!("  {reason}")));
    }
    let done = if arguments.dry_run { "would go" } else { "gone" };
    let text = format!(
        "{} records {done} ({} bytes), {} younger, {} stay",
        pruned.removed,
        pruned.bytes,
        pruned.younger,
        pruned.kept.len()
    );
    terminal::say(&Line::new().add(PLAIN, &text));
    Ok(Exit::Success)
}

/// The beginning of a day.
fn day(text: &str) -> Result<DateTime<Utc>, Failure> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .map(|day| day.and_time(NaiveTime::MIN).and_utc())
        .map_err(|_form| Failure::refused(format!("--synced-before {text}: a day such as 2026-03-04")))
}
