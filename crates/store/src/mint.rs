//! Run ids and sequence numbers.
//!
//! The last number stands in the file `sequence`, one checksummed line, replaced durably under `lock.store` before
//! the number is handed out. A number that was handed out and never used leaves a gap; none comes twice. When the
//! file is lost or damaged, the highest number in any file name of the store, in the head of its chain and in its checkpoints
//! takes its place.

use crate::{
    chain,
    clock::{ClockFacts, LastSeen},
    error::{StoreError, StoreErrorKind},
    journal, line,
    store::Layout,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{
    io::Write,
    process,
    sync::atomic::{AtomicU64, Ordering},
};
use uuid::{NoContext, Timestamp, Uuid};

const FILE: &str = "sequence";
const TEMPORARY: &str = ".sequence.tmp";
const FORMAT: &str = "benchtop.sequence/1";
const MOST_BYTES: u64 = 4096;

#[derive(Serialize, Deserialize)]
struct Sequence {
    format: String,
    last: u64,
    /// When that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen: Option<LastSeen>,
}

/// The next number, durable, and the clocks with what speaks against them; `facts` are of the moment `now`. The caller holds
/// `lock.store`.
pub(crate) fn next(layout: &Layout, now: DateTime<Utc>, facts: ClockFacts) -> Result<(u64, ClockFacts), StoreError> {
    let (last, seen) = match stored(layout)? {
        Some(sequence) => (sequence.last, sequence.seen),
        None => (highest(layout)?, None),
    };
    let next = last.saturating_add(1);
    let seen_now = facts.seen(now);
    keep(layout, next, seen_now)?;
    Ok((next, facts.doubted(now, seen.as_ref())))
}

/// What the file says; `None` when it is not there or not what was written.
fn stored(layout: &Layout) -> Result<Option<Sequence>, StoreError> {
    let bytes = match layout.root.read(FILE, MOST_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), StoreErrorKind::NotFound | StoreErrorKind::Damaged) => return Ok(None),
        Err(error) => return Err(error),
    };
    let lines = line::read(&bytes);
    let Some(json) = lines.json.first().filter(|_| lines.tail == line::Tail::Clean) else {
        return Ok(None);
    };
    match serde_json::from_str::<Sequence>(json) {
        Ok(sequence) if sequence.format == FORMAT => Ok(Some(sequence)),
        Ok(_) | Err(_) => {
            let detail = "this program does not know its format";
            Err(StoreError::new(
                StoreErrorKind::Newer,
                "read",
                layout.root.path_of(FILE),
                detail,
            ))
        }
    }
}

fn keep(layout: &Layout, last: u64, seen: LastSeen) -> Result<(), StoreError> {
    let root = &layout.root;
    let failed = |operation, error| StoreError::io(operation, root.path_of(TEMPORARY), error);
    let sequence = Sequence {
        format: FORMAT.to_owned(),
        last,
        seen: Some(seen),
    };
    let json = serde_json::to_string(&sequence).map_err(|error| failed("write", error.into()))?;
    let (line, _) = line::encode("", &json);
    // a leftover of a process that died here; the lock says that it is nobody's
    root.discard(TEMPORARY);
    let file = root.create_new(TEMPORARY)?;
    (&file)
        .write_all(line.as_bytes())
        .map_err(|error| failed("write", error))?;
    file.sync_all().map_err(|error| failed("sync", error))?;
    root.replace(TEMPORARY, FILE)?;
    root.sync()
}

/// The highest number that any file of the store names. Only for a store that lost its count.
fn highest(layout: &Layout) -> Result<u64, StoreError> {
    let mut highest = 0;
    let mut look = |name: &str| {
        let digits = name.split('_').next().and_then(|digits| digits.parse().ok());
        highest = highest.max(digits.unwrap_or(0));
    };
    for folder in [&layout.pending, &layout.parked, &layout.kept, &layout.quarantine] {
        folder.each_name(&mut look)?;
    }
    for month in layout.months()? {
        month.each_name(&mut look)?;
    }
    for name in layout.journal.names()? {
        highest = highest.max(journal::sequence_of(layout, &name).unwrap_or(0));
    }
    // the records behind these may all be pruned
    Ok(highest.max(chain::highest_sequence(layout)?))
}

/// A new run id. Two of the same moment differ in 74 random bits.
pub(crate) fn run_id(now: DateTime<Utc>) -> String {
    // a clock before 1970 counts as 1970: the id stays unique, and nothing orders by it
    let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
    let timestamp = Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos());
    Uuid::new_v7(timestamp).hyphenated().to_string()
}

/// Eight bytes that nobody knows beforehand; not all zero.
pub(crate) fn random() -> [u8; 8] {
    let [.., a, b, c, d, e, f, g, h] = *Uuid::new_v7(Timestamp::from_unix(NoContext, 0, 0)).as_bytes();
    [a | 1, b, c, d, e, f, g, h]
}

/// A text that no other file of a living process has in its name.
pub(crate) fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let random = Uuid::new_v7(Timestamp::from_unix(NoContext, 0, 0));
    format!(
        "{}-{}-{}",
        process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed),
        random.simple()
    )
}
