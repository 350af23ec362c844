//! A piece of the index: some two thousand runs that can be read by themselves, with the texts that they share.

use super::{
    codec::{Reader, Writer, frame, next_frame},
    row::Row,
    state::{State, Unbelieved},
};
use benchtop_store::Changed;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// The head of a segment: [`Head`], then [`State`].
pub(super) const HEAD: u8 = 1;
/// A text or shape that runs share; they are numbered within their segment.
pub(super) const TEXT: u8 = 2;
/// A run: number of its folder's name, then [`Row`].
pub(super) const RUN: u8 = 3;
/// A run's record moved: number of the run, from which folder, to which.
pub(super) const MOVED: u8 = 4;
/// A run's record went, or was altered: number of the run, from which folder.
pub(super) const GONE: u8 = 5;
/// A file with a record's name that cannot be believed: its name, then [`Unbelieved`].
pub(super) const UNBELIEVED: u8 = 6;
/// The same is not there any more, or is believed now: its name.
pub(super) const FORGOTTEN: u8 = 7;
/// What is in a folder is known: its name, when it had changed.
pub(super) const KNOWN: u8 = 8;
/// Every folder was listed: when.
pub(super) const LOOKED: u8 = 9;
/// The end of what was written in one go: where the last segment begins.
pub(super) const END: u8 = 10;

/// Texts of all segments that were read, each once.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: Vec<Arc<[u8]>>,
    numbers: HashMap<Arc<[u8]>, u32>,
}

impl Texts {
    pub(super) fn number(&mut self, text: &[u8]) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let text: Arc<[u8]> = text.into();
        self.all.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }

    pub(super) fn bytes(&self, number: u32) -> Option<&[u8]> {
        self.all.get(usize::try_from(number).ok()?).map(AsRef::as_ref)
    }

    pub(super) fn text(&self, number: u32) -> Option<&str> {
        self.bytes(number).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
}

/// Where a run stands in its segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    at: u32,
    length: u32,
    /// The number of its folder's name among all texts.
    pub(super) folder: u32,
    pub(super) is_alive: bool,
}

/// What stands before its state at the head of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Where the segment before it begins; none for the first.
    pub(super) earlier: Option<u64>,
    /// Where it begins itself.
    pub(super) at: u64,
    /// The number of its first run.
    pub(super) base: u32,
    /// The highest sequence number of any run before it.
    pub(super) highest_before: Option<u64>,
    /// When the latest of them started, in microseconds since 1970.
    pub(super) latest_before: Option<i64>,
}

/// What later frames say of runs in segments that were not read yet: the folder that they lie in now; none for dead ones.
pub(super) type Overrides = HashMap<u32, Option<u32>>;

/// A segment that was read, or is being written.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) head: Head,
    pub(super) bytes: Vec<u8>,
    pub(super) runs: Vec<Placed>,
    /// Its texts, by their numbers among all.
    texts: Vec<u32>,
    /// The other way round.
    own: BTreeMap<u32, u32>,
    /// Lowest and highest sequence number in it.
    sequences: Option<(u64, u64)>,
}

impl Segment {
    /// A new one, behind everything that `state` says.
    pub(super) fn begin(earlier: Option<u64>, at: u64, state: &State) -> Self {
        let head = Head {
            earlier,
            at,
            base: state.runs,
            highest_before: state.highest,
            latest_before: state.latest,
        };
        let mut payload = Writer::default();
        // nothing begins before the header of the file
        payload.u64(earlier.unwrap_or_default());
        payload.u64(at);
        state.write(&mut payload);
        let mut segment = Self::of(head);
        frame(&mut segment.bytes, HEAD, &payload.0);
        segment
    }

    const fn of(head: Head) -> Self {
        Self {
            head,
            bytes: Vec::new(),
            runs: Vec::new(),
            texts: Vec::new(),
            own: BTreeMap::new(),
            sequences: None,
        }
    }

    /// Reads one that begins at `at`. Every frame of it must be whole. Hands back the state at its end, and what it says of
    /// runs before it.
    pub(super) fn read(at: u64, bytes: Vec<u8>, texts: &mut Texts) -> Option<(Self, State, Overrides)> {
        let mut reader = Reader(&bytes);
        let (HEAD, payload) = next_frame(&mut reader)? else {
            return None;
        };
        let mut head = Reader(payload);
        let (earlier, begins) = (head.u64()?, head.u64()?);
        let mut state = State::read(&mut head)?;
        let mut segment = Self::of(Head {
            earlier: (earlier > 0).then_some(earlier),
            at: (begins == at).then_some(at)?,
            base: state.runs,
            highest_before: state.highest,
            latest_before: state.latest,
        });
        let mut overrides = Overrides::new();
        while !reader.0.is_empty() {
            let (kind, payload) = next_frame(&mut reader)?;
            let end = bytes.len() - reader.0.len();
            let begin = end - payload.len();
            segment.take(kind, payload, begin, texts, &mut state, &mut overrides)?;
        }
        segment.bytes = bytes;
        Some((segment, state, overrides))
    }

    /// Adds a frame, and what it says.
    pub(super) fn add(
        &mut self,
        kind: u8,
        payload: &[u8],
        texts: &mut Texts,
        state: &mut State,
        overrides: &mut Overrides,
    ) {
        frame(&mut self.bytes, kind, payload);
        let begin = self.bytes.len() - payload.len();
        // frames of our own make sense
        let _sense = self.take(kind, payload, begin, texts, state, overrides);
    }

    /// `None` for a frame that makes no sense.
    fn take(
        &mut self,
        kind: u8,
        payload: &[u8],
        begin: usize,
        texts: &mut Texts,
        state: &mut State,
        overrides: &mut Overrides,
    ) -> Option<()> {
        let mut reader = Reader(payload);
        match kind {
            TEXT => {
                let number = texts.number(payload);
                let own = u32::try_from(self.texts.len()).ok()?;
                self.texts.push(number);
                self.own.insert(number, own);
            }
            RUN => {
                let folder = self.shared(reader.u32()?)?;
                let row = Row::read(reader.0)?;
                let sequence = row.sequence();
                self.runs.push(Placed {
                    at: u32::try_from(begin + 4).ok()?,
                    length: u32::try_from(reader.0.len()).ok()?,
                    folder,
                    is_alive: true,
                });
                let (low, high) = self.sequences.unwrap_or((sequence, sequence));
                self.sequences = Some((low.min(sequence), high.max(sequence)));
                state.came(texts.text(folder)?, sequence, row.started_us());
            }
            MOVED => {
                let (number, from, to) = (reader.u32()?, reader.u32()?, reader.u32()?);
                let (from, to) = (self.shared(from)?, self.shared(to)?);
                state.moved(texts.text(from)?, texts.text(to)?);
                self.lies(number, Some(to), overrides)?;
            }
            GONE => {
                let (number, from) = (reader.u32()?, reader.u32()?);
                state.went(texts.text(self.shared(from)?)?);
                self.lies(number, None, overrides)?;
            }
            UNBELIEVED => {
                let name = reader.text()?.to_owned();
                state.unbelieved.insert(name, Unbelieved::read(&mut reader)?);
            }
            FORGOTTEN => drop(state.unbelieved.remove(reader.text()?)),
            KNOWN => {
                let folder = reader.text()?.to_owned();
                state.known.insert(folder, Changed(reader.i64()?));
            }
            LOOKED => state.looked_at = reader.i64()?,
            END => {}
            _ => return None,
        }
        Some(())
    }

    /// Says where a run lies now: one of this segment, or one before it.
    fn lies(&mut self, number: u32, folder: Option<u32>, overrides: &mut Overrides) -> Option<()> {
        let Some(at) = number.checked_sub(self.head.base) else {
            overrides.insert(number, folder);
            return Some(());
        };
        self.place(at, folder)
    }

    /// The same of its run at that place.
    pub(super) fn place(&mut self, at: u32, folder: Option<u32>) -> Option<()> {
        let placed = self.runs.get_mut(usize::try_from(at).ok()?)?;
        match folder {
            Some(folder) => placed.folder = folder,
            None => placed.is_alive = false,
        }
        Some(())
    }

    /// The number behind its last run.
    pub(super) fn end(&self) -> u32 {
        let runs = u32::try_from(self.runs.len()).unwrap_or(u32::MAX);
        self.head.base.saturating_add(runs)
    }

    /// The number among all texts of one of its own.
    pub(super) fn shared(&self, own: u32) -> Option<u32> {
        self.texts.get(usize::try_from(own).ok()?).copied()
    }

    /// The other way round.
    pub(super) fn own(&self, number: u32) -> Option<u32> {
        self.own.get(&number).copied()
    }

    /// The row of a run, by its place in the segment.
    pub(super) fn row(&self, at: usize) -> Option<Row<'_>> {
        let placed = self.runs.get(at)?;
        let from = usize::try_from(placed.at).ok()?;
        let length = usize::try_from(placed.length).ok()?;
        Some(Row(self.bytes.get(from..from.checked_add(length)?)?))
    }

    /// The living run whose record has this name.
    pub(super) fn find(&self, sequence: u64, name: &str) -> Option<usize> {
        let (low, high) = self.sequences?;
        if !(low..=high).contains(&sequence) {
            return None;
        }
        let is_it = |at: &usize| {
            let row = self.row(*at).filter(|row| row.sequence() == sequence);
            row.is_some_and(|row| row.name() == name)
        };
        let living = self.runs.iter().enumerate().filter(|(_, placed)| placed.is_alive);
        living.map(|(at, _)| at).find(is_it)
    }
}
