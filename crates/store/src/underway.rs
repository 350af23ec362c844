//! Uploads under way: `underway.jsonl`, which names each before its first byte leaves.
//!
//! One line is durable for many uploads, where a receipt of each would cost a file each. A drain that comes to its end removes
//! the list: every end is in the receipts then. After a crash it is found by whoever takes the syncer's lock next, and each
//! upload that has no end in its receipts gets the receipt of an attempt, before anything else: it may have arrived. The ends
//! that are there are made durable anew, before the list goes: their writer may have died before it waited for the disk.

use crate::{
    disk::DiskFile,
    error::{StoreError, StoreErrorKind},
    line::{self, Tail},
    receipts::{Receipt, ReceiptKind},
    record::time,
    space::with_reserve,
    store::{Layout, Store},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, io::Write, sync::Arc};

const FILE: &str = "underway.jsonl";
const FORMAT: &str = "benchtop.underway/1";
const MOST_BYTES: u64 = 1 << 30;

/// An upload that is about to begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The run.
    pub run_id: String,
    /// The target's name.
    pub target: String,
    /// When it begins.
    #[serde(with = "time")]
    pub at: DateTime<Utc>,
    /// How many receipts the run has from that target: one more, and its end is known.
    pub receipts: u32,
}

/// The list of one drain.
#[derive(Debug)]
pub struct Underway {
    layout: Arc<Layout>,
    file: DiskFile,
    checksum: String,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
}

impl Store {
    /// Begins the list of a drain. The caller holds the syncer's lock: taking it has settled the list of the one before.
    ///
    /// # Errors
    /// [`StoreError`] when it is not on stable storage.
    pub fn underway(&self) -> Result<Underway, StoreError> {
        let root = &self.layout().root;
        let mut list = Underway {
            layout: Arc::clone(self.layout()),
            file: root.create_new(FILE)?,
            checksum: String::new(),
        };
        list.append(&Header {
            format: FORMAT.to_owned(),
        })?;
        root.sync()?;
        Ok(list)
    }
}

impl Underway {
    /// Adds uploads to the list; they may begin when this ends. Blocks on the disk.
    ///
    /// # Errors
    /// [`StoreError`] when the list is not on stable storage: then none of them may begin.
    pub fn begin(&mut self, uploads: &[Begun]) -> Result<(), StoreError> {
        self.append(&uploads)
    }

    /// Removes the list: the end of every upload is in its receipts. One that stays harms nobody.
    pub fn end(self) {
        self.layout.root.discard(FILE);
    }

    fn append<T: Serialize>(&mut self, value: &T) -> Result<(), StoreError> {
        let root = &self.layout.root;
        let failed = |operation, error| StoreError::io(operation, root.path_of(FILE), error);
        let json = serde_json::to_string(value).map_err(|error| failed("write", error.into()))?;
        let (text, checksum) = line::encode(&self.checksum, &json);
        (&self.file)
            .write_all(text.as_bytes())
            .map_err(|error| failed("write", error))?;
        self.file.sync_data().map_err(|error| failed("sync", error))?;
        self.checksum = checksum;
        Ok(())
    }
}

/// Writes what the list of a drain that died says into the receipts, and removes it. The caller holds the syncer's lock.
///
/// # Errors
/// [`StoreErrorKind::Damaged`] when the list is not what was written: what may have been sent must not be guessed. Else
/// trouble with the disk; the list is there still.
pub(crate) fn settle(store: &Store) -> Result<(), StoreError> {
    let root = &store.layout().root;
    let bytes = match root.read(FILE, MOST_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == StoreErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let refuse = |kind, detail: String| Err(StoreError::new(kind, "read", root.path_of(FILE), detail));
    let lines = line::read(&bytes);
    if let Tail::Damaged { bytes } = lines.tail {
        let detail = format!("the last {bytes} bytes are not what was written");
        return refuse(StoreErrorKind::Damaged, detail);
    }
    // a torn line was never durable: nothing of it was sent
    let mut lines = lines.json.into_iter();
    if let Some(header) = lines.next() {
        match serde_json::from_str::<Header>(header) {
            Ok(header) if header.format == FORMAT => {}
            Ok(header) => return refuse(StoreErrorKind::Newer, format!("its format is `{}`", header.format)),
            Err(error) => return refuse(StoreErrorKind::Newer, error.to_string()),
        }
    }
    let mut begun = Vec::new();
    for json in lines {
        match serde_json::from_str::<Vec<Begun>>(json) {
            Ok(uploads) => begun.extend(uploads),
            Err(error) => return refuse(StoreErrorKind::Newer, error.to_string()),
        }
    }
    with_reserve(store.layout(), || write_attempts(store, &begun))?;
    root.remove(FILE)?;
    root.sync()
}

/// An attempt for each whose end is not known. What their receipts say so far may be in memory only, whatever it says: it is
/// made durable first.
fn write_attempts(store: &Store, uploads: &[Begun]) -> Result<(), StoreError> {
    let receipts = store.receipts();
    let run_ids: BTreeSet<&str> = uploads.iter().map(|begun| begun.run_id.as_str()).collect();
    receipts.renew(&run_ids)?;
    let mut attempts = Vec::new();
    for begun in uploads {
        // receipts that cannot be believed wait for a person already: the run is not sent
        let known = match receipts.read(&begun.run_id) {
            Ok(known) => known.target(&begun.target).receipts,
            Err(error) if matches!(error.kind(), StoreErrorKind::Damaged | StoreErrorKind::Newer) => continue,
            Err(error) => return Err(error),
        };
        if known <= begun.receipts {
            let attempt = Receipt {
                at: begun.at,
                target: begun.target.clone(),
                kind: ReceiptKind::Attempt,
            };
            attempts.push((begun.run_id.clone(), attempt));
        }
    }
    receipts.append_all(&attempts).map(drop)
}
