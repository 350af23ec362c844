//! Room on the disk: what a run needs, and the reserve that is given up to save the one in progress.
//!
//! Before a run starts there must be room for it, in bytes and in files. Should the disk fill up all the same, the file
//! `reserve` is removed: what it held is enough for the rest of the journal and for the record. The next start makes it
//! again, where there is room, and refuses the run where there is none.

use crate::{
    error::{StoreError, StoreErrorKind},
    mint,
    store::{Layout, Store},
};
use std::io::Write;

/// The file that is given up.
const RESERVE: &str = "reserve";
const TEMPORARY: &str = ".reserve.tmp";
/// Enough for the record of a run of some hundred measurements and its names; a run that needs more has more.
const LEAST_RESERVE: u64 = 256 * 1024;
const MOST_RESERVE: u64 = 64 * 1024 * 1024;
/// A small disk is not filled with reserves: it has one when this many fit.
const RESERVES_FREE: u64 = 4;
/// How much is written at a time.
const PIECE: u64 = 64 * 1024;

/// Least free space to start a run with, in bytes, whatever its procedure. Small on purpose, so that a small disk is usable.
pub(crate) const LEAST_BYTES: u64 = 1024 * 1024;
/// Least number of files that can still be made: journal, temporary, record, receipts, folders.
const LEAST_FILES: u64 = 16;
/// Files that a run makes: record, receipts, a unit's index, a marker.
const FILES_A_RUN: u64 = 4;

/// What a run takes at most beside its steps, in bytes: its start with procedure, unit and instruments, outputs, last words;
/// once in the journal and once in the record.
const RUN_BYTES: u64 = 32 * 1024;
/// What a step takes at most in both, and a measurement: texts of usual lengths, doubled.
const STEP_BYTES: u64 = 4 * 1024;
const MEASUREMENT_BYTES: u64 = 6 * 1024;
/// Below room for so many runs a person is told, where no threshold is set.
const FEW_RUNS: u64 = 200;

/// How much a run writes, from what its procedure says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Steps, each counted as often as it may be attempted.
    pub steps: u64,
    /// Measurements, each counted as often as it may be taken.
    pub measurements: u64,
    /// Attachments: the most that they may be, in bytes.
    pub attachment_bytes: u64,
}

impl Estimate {
    /// In bytes: journal, record and attachments together.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.record_bytes().saturating_add(self.attachment_bytes)
    }

    const fn record_bytes(self) -> u64 {
        RUN_BYTES
            .saturating_add(self.steps.saturating_mul(STEP_BYTES))
            .saturating_add(self.measurements.saturating_mul(MEASUREMENT_BYTES))
    }

    fn reserve_bytes(self) -> u64 {
        self.record_bytes().clamp(LEAST_RESERVE, MOST_RESERVE)
    }
}

impl Store {
    /// The same store with another floor under which no run starts, in bytes (1 MiB unless set); a procedure that needs more
    /// than that needs it all the same.
    #[must_use]
    pub fn with_least_bytes(mut self, least_bytes: u64) -> Self {
        self.least_bytes = least_bytes;
        self
    }

    /// The same store, which warns when fewer bytes are free (room for 200 runs like the one that begins, unless set).
    #[must_use]
    pub fn with_warning_below(mut self, bytes: u64) -> Self {
        self.warn_below = Some(bytes);
        self
    }

    /// A sentence for people when there is little room for runs like this one, in bytes or in files.
    ///
    /// # Errors
    /// [`StoreError`] when the file system cannot be asked.
    pub fn room_is_short(&self, estimate: Estimate) -> Result<Option<String>, StoreError> {
        let space = self.layout().root.space()?;
        let by_bytes = space.bytes / estimate.bytes().max(1);
        let runs = by_bytes.min(space.files.unwrap_or(u64::MAX) / FILES_A_RUN);
        let few_bytes = self.warn_below.is_some_and(|threshold| space.bytes < threshold);
        let few_runs = runs
            < if self.warn_below.is_some() {
                FILES_A_RUN
            } else {
                FEW_RUNS
            };
        Ok((few_bytes || few_runs).then(|| {
            let (root, bytes) = (self.root().display(), megabytes(space.bytes));
            format!(
                "the disk of {root} is nearly full: {bytes} free, room for about {runs} more runs like this one; sync and prune, or \
                 free space"
            )
        }))
    }
}

/// In MB with one digit: what people compare with what their tools say.
fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}

/// Refuses a run for which there is no room.
pub(crate) fn has_room(layout: &Layout, least_bytes: u64, estimate: Estimate) -> Result<(), StoreError> {
    let space = layout.root.space()?;
    let refuse = |detail| {
        Err(StoreError::new(
            StoreErrorKind::Full,
            "start a run in",
            layout.root.path(),
            detail,
        ))
    };
    let wanted = least_bytes.max(estimate.bytes());
    // a store that asks for nothing takes what there is
    if least_bytes > 0 && space.bytes < wanted {
        return refuse(format!(
            "{} bytes are free, {wanted} are needed for this run",
            space.bytes
        ));
    }
    match space.files {
        Some(files) if files < LEAST_FILES => refuse(format!("room for {files} files, {LEAST_FILES} are needed")),
        Some(_) | None => Ok(()),
    }
}

/// Makes the reserve where it is missing or too small and there is room for it. The caller holds `lock.store`.
///
/// Without it a run is as safe as before: its journal stays, and the next start saves it.
pub(crate) fn keep_reserve(layout: &Layout, estimate: Estimate) {
    drop(make_reserve(layout, estimate.reserve_bytes()));
}

fn make_reserve(layout: &Layout, bytes: u64) -> Result<(), StoreError> {
    let root = &layout.root;
    match root.length_of(RESERVE) {
        Ok(length) if length >= bytes => return Ok(()),
        Ok(_) => {}
        Err(error) if error.kind() == StoreErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    if root.space()?.bytes < bytes.saturating_mul(RESERVES_FREE) {
        return Ok(());
    }
    // a leftover of a process that died here; the lock says that it is nobody's
    root.discard(TEMPORARY);
    let file = root.create_new(TEMPORARY)?;
    let written = write_noise(&file, bytes).and_then(|()| file.sync_all());
    let made = written
        .map_err(|error| StoreError::io("write", root.path_of(TEMPORARY), error))
        .and_then(|()| root.replace(TEMPORARY, RESERVE));
    if made.is_err() {
        root.discard(TEMPORARY);
    }
    made
}

/// Bytes that no file system squeezes to nothing: the room is really taken.
fn write_noise(mut file: impl Write, bytes: u64) -> std::io::Result<()> {
    let mut state = u64::from_le_bytes(mint::random());
    let mut left = bytes;
    while left > 0 {
        let mut piece = Vec::new();
        for _ in 0..PIECE / 8 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            piece.extend_from_slice(&state.to_le_bytes());
        }
        piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        file.write_all(&piece)?;
        left = left.saturating_sub(PIECE);
    }
    Ok(())
}

/// Gives the reserve up; true when another try is worth it. That is so as well where there is none: another slot may have
/// given it up just now, and a try costs nothing.
pub(crate) fn give_up_reserve(layout: &Layout) -> bool {
    match layout.root.remove(RESERVE) {
        // some file systems have the room only when the name is durably gone
        Ok(()) => layout.root.sync().is_ok(),
        Err(error) => error.kind() == StoreErrorKind::NotFound,
    }
}

/// Does something, and once more without the reserve where the disk is full.
pub(crate) fn with_reserve<T>(layout: &Layout, act: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    match act() {
        Err(error) if error.kind() == StoreErrorKind::Full && give_up_reserve(layout) => act(),
        result => result,
    }
}
