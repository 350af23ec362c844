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
    Unbelieved {
        name: RecordName,
        looks: Looks,
        reason: String,
    },
    /// It moved or went meanwhile: the next look finds it.
    Gone,
}

/// A file that is to be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Unread {
    /// By this they are read: oldest first.
    pub(super) sequence: u64,
    pub(super) name: Box<str>,
    /// The place of its folder among the store's.
    pub(super) folder: usize,
}

/// Reads the files, and hands each over with the place of its folder, in their order.
pub(super) fn read_all(folders: &[RecordFolder], files: &[Unread], mut hand_over: impl FnMut(usize, Found)) {
    if files.len() <= BATCH {
        for file in files {
            hand_over(file.folder, read_one(folders, file));
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
                    let found = batch.iter().map(|file| (file.folder, read_one(folders, file)));
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

fn read_one(folders: &[RecordFolder], file: &Unread) -> Found {
    match file.name.parse() {
        Ok(name) => read(folders.get(file.folder), &name),
        // only files with such a name are asked for
        Err(_no_record) => Found::Gone,
    }
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
        Err(error) => Found::Unbelieved {
            name: name.clone(),
            looks,
            reason: error.to_string(),
        },
    }
}
