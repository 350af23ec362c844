//! The index's file: frames that are only ever added. What it says is what all its frames say, one after the other.

use super::{
    codec::{Reader, next_frame},
    row::Row,
};
use benchtop_store::Changed;
use std::{collections::BTreeMap, ops::Range};

/// How the file begins; another form has another number.
pub(super) const HEADER: &[u8] = b"benchtop.index/2\n";

/// A text or shape that runs share; they are numbered in their order.
pub(super) const SHARED: u8 = 1;
/// A run: [`Row`].
pub(super) const RUN: u8 = 2;
/// A run's record moved: number of the run, number of the folder.
pub(super) const MOVED: u8 = 3;
/// A run's record went, or was altered: number of the run.
pub(super) const GONE: u8 = 4;
/// A file with a record's name that cannot be believed: a run's beginning, then the reason.
pub(super) const UNREADABLE: u8 = 5;
/// A folder was listed: number of the folder, when it had changed.
pub(super) const LISTED: u8 = 6;

/// Bytes of a row before its sequence number: folder and looks.
const BEFORE_SEQUENCE: usize = 20;

/// An entry: a run or an unreadable file.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) bytes: Range<usize>,
    pub(super) folder: u32,
    pub(super) is_run: bool,
    pub(super) is_alive: bool,
}

/// What the frames say.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) bytes: Vec<u8>,
    /// Where the shared texts stand.
    shared: Vec<Range<usize>>,
    pub(super) entries: Vec<Entry>,
    pub(super) listed: BTreeMap<u32, Changed>,
    /// How many entries are dead.
    pub(super) dead: usize,
}

impl Log {
    /// Reads the frames of a file up to the first that is torn, and cuts the rest off; an empty log where it is another form.
    pub(super) fn read(bytes: Vec<u8>) -> Self {
        if !bytes.starts_with(HEADER) {
            return Self {
                bytes: HEADER.to_vec(),
                ..Self::default()
            };
        }
        let mut log = Self {
            bytes,
            ..Self::default()
        };
        log.replay(HEADER.len());
        log
    }

    /// Adds frames at the end.
    pub(super) fn add(&mut self, frames: &[u8]) {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(frames);
        self.replay(from);
    }

    fn replay(&mut self, from: usize) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut reader = Reader(bytes.get(from..).unwrap_or_default());
        let mut at = from;
        while let Some((kind, payload)) = next_frame(&mut reader) {
            let end = bytes.len() - reader.0.len();
            let range = end - payload.len()..end;
            if self.take(kind, payload, range).is_none() {
                break;
            }
            at = end;
        }
        self.bytes = bytes;
        self.bytes.truncate(at);
    }

    /// `None` for a frame that makes no sense: what follows is not believed.
    fn take(&mut self, kind: u8, payload: &[u8], range: Range<usize>) -> Option<()> {
        let mut reader = Reader(payload);
        match kind {
            SHARED => self.shared.push(range),
            RUN | UNREADABLE => self.entries.push(Entry {
                bytes: range,
                folder: reader.u32()?,
                is_run: kind == RUN,
                is_alive: true,
            }),
            MOVED => {
                let entry = self.entries.get_mut(reader.count()?)?;
                entry.folder = reader.u32()?;
            }
            GONE => {
                let entry = self.entries.get_mut(reader.count()?)?;
                if entry.is_alive {
                    entry.is_alive = false;
                    self.dead += 1;
                }
            }
            LISTED => {
                let folder = reader.u32()?;
                self.listed.insert(folder, Changed(reader.i64()?));
            }
            _ => return None,
        }
        Some(())
    }

    /// How many shared texts there are.
    pub(super) fn texts(&self) -> u32 {
        u32::try_from(self.shared.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn shared(&self, number: u32) -> Option<&[u8]> {
        let range = self.shared.get(usize::try_from(number).ok()?)?;
        self.bytes.get(range.clone())
    }

    pub(super) fn text(&self, number: u32) -> Option<&str> {
        self.shared(number).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    pub(super) fn payload(&self, entry: &Entry) -> &[u8] {
        self.bytes.get(entry.bytes.clone()).unwrap_or_default()
    }

    /// The row of a run that is there.
    pub(super) fn row(&self, number: usize) -> Option<Row<'_>> {
        let entry = self.entries.get(number)?;
        let mut row = Row::read(self.payload(entry))?;
        row.folder = entry.folder;
        Some(row)
    }

    /// The sequence number of a run, without reading the rest of its row.
    pub(super) fn sequence(&self, number: usize) -> Option<u64> {
        let mut reader = Reader(self.payload(self.entries.get(number)?));
        let _before = reader.take(BEFORE_SEQUENCE)?;
        reader.u64()
    }

    /// The name of an entry's file.
    pub(super) fn name(&self, entry: &Entry) -> Option<&str> {
        if entry.is_run {
            return Some(Row::read(self.payload(entry))?.name);
        }
        unreadable(self.payload(entry)).map(|(_, name, _)| name)
    }
}

/// Looks, name and reason of an unreadable file.
pub(super) fn unreadable(payload: &[u8]) -> Option<(benchtop_store::Looks, &str, &str)> {
    let mut reader = Reader(payload);
    let _folder = reader.u32()?;
    let looks = benchtop_store::Looks {
        size: reader.u64()?,
        changed: Changed(reader.i64()?),
    };
    Some((looks, reader.text()?, reader.text()?))
}
