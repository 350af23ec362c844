//! Reading records for the index: on two threads, in the order in which they were asked for.

use super::row::Extract;
use benchtop_store::{Looks, RecordFolder, RecordName, StoreErrorKind};
use std::{sync::mpsc, thread};

/// Records that a thread reads before it hands them over.
const BATCH: usize = 128;
/// Batches that may wait: memory is bounded by them.
const WAITING: usize = 4;
/// The machine of a station has two processors, and one of them may be testing.
const THREADS: usize = 2;

/// What reading a file led to.
#[derive(Debug)]
pub(super) enum Found {
    Run(Box<Extract>),
    Unreadable {
        name: RecordName,
        looks: Looks,
        reason: String,
    },
    /// It moved or went meanwhile: the next look finds it.
    Gone,
}

/// Reads the files, and hands each over with the number of its folder, in their order.
pub(super) fn read_all(
    folders: &[RecordFolder],
    files: &[(usize, RecordName)],
    mut hand_over: impl FnMut(usize, Found),
) {
    if files.len() <= BATCH {
        for (folder, name) in files {
            hand_over(*folder, read(folders.get(*folder), name));
        }
        return;
    }
    thread::scope(|scope| {
        let mut lanes = Vec::new();
        for lane in 0..THREADS {
            let (sender, receiver) = mpsc::sync_channel::<Vec<(usize, Found)>>(WAITING);
            let batches = files.chunks(BATCH).skip(lane).step_by(THREADS);
            scope.spawn(move || {
                for batch in batches {
                    let each = batch.iter();
                    let found = each.map(|(folder, name)| (*folder, read(folders.get(*folder), name)));
                    if sender.send(found.collect()).is_err() {
                        return;
                    }
                }
            });
            lanes.push(receiver);
        }
        for at in 0..files.len().div_ceil(BATCH) {
            let Some(Ok(batch)) = lanes.get(at % THREADS).map(mpsc::Receiver::recv) else {
                return;
            };
            for (folder, found) in batch {
                hand_over(folder, found);
            }
        }
    });
}

/// Reads one file.
pub(super) fn read(folder: Option<&RecordFolder>, name: &RecordName) -> Found {
    let Some((folder, looks)) = folder.and_then(|folder| folder.looks_of(name.as_str()).map(|looks| (folder, looks)))
    else {
        return Found::Gone;
    };
    match folder.read(name) {
        Ok(sealed) => Found::Run(Box::new(Extract::of(name, looks, &sealed.record))),
        Err(error) if error.kind() == StoreErrorKind::NotFound => Found::Gone,
        Err(error) => Found::Unreadable {
            name: name.clone(),
            looks,
            reason: error.to_string(),
        },
    }
}
