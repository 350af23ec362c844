//! The index's file: segments of frames that are only ever added, read from its end on, as far as somebody asks.

use super::{
    codec::{Reader, Writer, frame, next_frame},
    row::{Extract, Row},
    segment::{
        END, FORGOTTEN, GONE, HEAD, KNOWN, LOOKED, MOVED, Overrides, Placed, RUN, Segment, TEXT, Texts, UNBELIEVED,
    },
    state::{State, Unbelieved},
};
use benchtop_store::{Changed, Derived, RecordName};
use std::collections::VecDeque;

/// How the file begins; another form has another number.
pub(super) const HEADER: &[u8] = b"benchtop.index/4\n";
/// Bytes of the frame that ends what was written in one go: length, checksum, kind, place.
const END_BYTES: u64 = 17;
/// More is not read at once to find what is whole: some four million runs.
const MOST_BYTES: u64 = 1 << 30;
/// A segment with so many runs, or bytes, is followed by another one.
const MOST_RUNS: usize = if cfg!(test) { 4 } else { 2048 };
const MOST_SEGMENT_BYTES: usize = 1 << 20;

/// An older part of the file is not what was written there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Torn;

/// The index, as far as it was read.
#[derive(Debug)]
pub(super) struct Log {
    file: Option<Derived>,
    /// Nobody else writes to the file, and it can be written.
    is_ours: bool,
    /// So many bytes of the file are ours: what is behind them is not believed.
    end: u64,
    /// Oldest first; the last is being written.
    segments: VecDeque<Segment>,
    pub(super) texts: Texts,
    pub(super) state: State,
    overrides: Overrides,
    /// So many bytes of the last segment are in the file.
    written: usize,
}

impl Log {
    /// Reads the end of the file; one that is torn there is cut to what is whole.
    pub(super) fn open(file: Option<Derived>, is_ours: bool) -> Self {
        let length = file.as_ref().and_then(|file| file.length().ok()).unwrap_or_default();
        let mut log = Self::empty(file, is_ours, length);
        if log.read_last().is_none() {
            log.salvage();
        }
        log
    }

    fn empty(file: Option<Derived>, is_ours: bool, end: u64) -> Self {
        Self {
            file,
            is_ours,
            end,
            segments: VecDeque::new(),
            texts: Texts::default(),
            state: State::default(),
            overrides: Overrides::new(),
            written: 0,
        }
    }

    /// True where the file is written to.
    pub(super) const fn is_ours(&self) -> bool {
        self.is_ours
    }

    /// Forgets all that was read and believes the file as far as it is whole; nothing of it where it is another form.
    pub(super) fn salvage(&mut self) {
        let file = self.file.take();
        let bytes = file.as_ref().and_then(|file| file.read_from(0, MOST_BYTES).ok());
        let end = whole(&bytes.unwrap_or_default());
        *self = Self::empty(file, self.is_ours, end);
        if end > 0 {
            self.keep(|file| file.cut(end));
            if self.read_last().is_some() {
                return;
            }
        }
        self.clear();
    }

    /// Begins anew.
    pub(super) fn clear(&mut self) {
        let file = self.file.take();
        *self = Self::empty(file, self.is_ours, 0);
        self.keep(|file| {
            file.cut(0)?;
            file.append(HEADER)
        });
        self.end = HEADER.len() as u64;
        self.segments.push_back(Segment::begin(None, self.end, &self.state));
    }

    /// Does something to the file; one that refuses is left alone from then on.
    fn keep(&mut self, act: impl FnOnce(&Derived) -> Result<(), benchtop_store::StoreError>) {
        self.is_ours = self.is_ours && self.file.as_ref().is_some_and(|file| act(file).is_ok());
    }

    /// The last segment, found by the frame at the end of the file.
    fn read_last(&mut self) -> Option<()> {
        let file = self.file.as_ref()?;
        if file.read_part(0, HEADER.len() as u64).ok()? != HEADER {
            return None;
        }
        let last = file.read_part(self.end.checked_sub(END_BYTES)?, END_BYTES).ok()?;
        let at = match next_frame(&mut Reader(&last))? {
            (END, payload) => Reader(payload).u64()?,
            _ => return None,
        };
        let bytes = file.read_part(at, self.end.checked_sub(at)?).ok()?;
        self.written = bytes.len();
        let (segment, state, overrides) = Segment::read(at, bytes, &mut self.texts)?;
        self.segments.push_back(segment);
        self.state = state;
        self.overrides = overrides;
        Some(())
    }

    /// Reads the newest of the segments that were not read yet; false when there is none.
    pub(super) fn read_earlier(&mut self) -> Result<bool, Torn> {
        let Some(first) = self.segments.front() else {
            return Ok(false);
        };
        let (until, base) = (first.head.at, first.head.base);
        let Some(at) = first.head.earlier else {
            return Ok(false);
        };
        let length = until.checked_sub(at).ok_or(Torn)?;
        let file = self.file.as_ref().ok_or(Torn)?;
        // a file that cannot be read, and one that another program made anew, are torn ones
        let bytes = file.read_part(at, length).ok().ok_or(Torn)?;
        let (mut segment, _, said) = Segment::read(at, bytes, &mut self.texts).ok_or(Torn)?;
        if segment.end() != base {
            return Err(Torn);
        }
        for (number, folder) in said {
            self.overrides.entry(number).or_insert(folder);
        }
        if !self.overrides.is_empty() {
            for (at, number) in (0..).zip(segment.head.base..segment.end()) {
                if let Some(folder) = self.overrides.remove(&number) {
                    segment.place(at, folder).ok_or(Torn)?;
                }
            }
        }
        self.segments.push_front(segment);
        Ok(true)
    }

    /// Reads all.
    pub(super) fn read_all(&mut self) -> Result<(), Torn> {
        while self.read_earlier()? {}
        Ok(())
    }

    /// The segments that were read, newest first.
    pub(super) fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().rev()
    }

    /// No run that was not read yet has a higher sequence number; none where all were read.
    pub(super) fn highest_unread(&self) -> Option<u64> {
        let first = self.segments.front()?;
        first.head.highest_before.filter(|_| first.head.earlier.is_some())
    }

    /// No run that was not read yet started later, in microseconds since 1970; none where all were read.
    pub(super) fn latest_unread(&self) -> Option<i64> {
        let first = self.segments.front()?;
        first.head.latest_before.filter(|_| first.head.earlier.is_some())
    }

    /// The segment of a run that was read, and its place there.
    pub(super) fn placed(&self, number: u32) -> Option<(&Segment, usize)> {
        let at = self.segments.partition_point(|segment| segment.end() <= number);
        let segment = self.segments.get(at)?;
        let place = usize::try_from(number.checked_sub(segment.head.base)?).ok()?;
        (place < segment.runs.len()).then_some((segment, place))
    }

    /// Where a run stands that was read, and its row.
    pub(super) fn run(&self, number: u32) -> Option<(Placed, Row<'_>)> {
        let (segment, at) = self.placed(number)?;
        Some((*segment.runs.get(at)?, segment.row(at)?))
    }

    /// Every living run that was read, with its number, newest segment first.
    pub(super) fn living(&self) -> impl Iterator<Item = (u32, Placed, Row<'_>)> {
        self.segments().flat_map(|segment| {
            let numbered = (segment.head.base..).zip(&segment.runs).enumerate();
            numbered.filter_map(|(at, (number, placed))| {
                let row = placed.is_alive.then(|| segment.row(at))??;
                Some((number, *placed, row))
            })
        })
    }

    /// The living run whose record has this name; as much is read as it takes.
    pub(super) fn find(&mut self, name: &RecordName) -> Result<Option<u32>, Torn> {
        let mut looked = 0;
        loop {
            let unseen = self.segments().skip(looked);
            for segment in unseen {
                looked += 1;
                if let Some(at) = segment.find(name.sequence(), name.as_str()) {
                    let at = u32::try_from(at).unwrap_or(u32::MAX);
                    return Ok(Some(segment.head.base.saturating_add(at)));
                }
            }
            if self.highest_unread().is_none_or(|highest| highest < name.sequence()) || !self.read_earlier()? {
                return Ok(None);
            }
        }
    }

    fn add(&mut self, kind: u8, payload: &[u8]) {
        if let Some(segment) = self.segments.back_mut() {
            segment.add(kind, payload, &mut self.texts, &mut self.state, &mut self.overrides);
        }
    }

    /// The number of a text in the segment that is being written.
    fn number(&mut self, text: &[u8]) -> u32 {
        let number = self.texts.number(text);
        if let Some(own) = self.segments.back().and_then(|segment| segment.own(number)) {
            return own;
        }
        self.add(TEXT, text);
        self.segments
            .back()
            .and_then(|segment| segment.own(number))
            .unwrap_or(u32::MAX)
    }

    /// Adds a run.
    pub(super) fn add_run(&mut self, folder: &str, extract: Extract) {
        let is_full = |last: &Segment| {
            last.runs.len() >= MOST_RUNS || (last.bytes.len() >= MOST_SEGMENT_BYTES && !last.runs.is_empty())
        };
        if self.segments.back().is_some_and(is_full) {
            self.begin_segment();
        }
        let mut payload = Writer::default();
        payload.u32(self.number(folder.as_bytes()));
        extract.row(&mut payload, |text| self.number(text));
        self.add(RUN, &payload.0);
    }

    fn begin_segment(&mut self) {
        self.flush();
        let Some(last) = self.segments.back_mut() else { return };
        last.bytes.shrink_to_fit();
        last.runs.shrink_to_fit();
        let earlier = Some(last.head.at);
        self.segments.push_back(Segment::begin(earlier, self.end, &self.state));
        self.written = 0;
    }

    /// Says of a run that was read that its record lies elsewhere now; nowhere, or altered, without `folder`.
    pub(super) fn lies(&mut self, number: u32, folder: Option<&str>) {
        let Some((placed, _)) = self.run(number).filter(|(placed, _)| placed.is_alive) else {
            return;
        };
        let Some(from) = self.texts.bytes(placed.folder).map(<[u8]>::to_vec) else {
            return;
        };
        let mut payload = Writer::default();
        payload.u32(number);
        payload.u32(self.number(&from));
        let kind = match folder {
            Some(folder) => {
                payload.u32(self.number(folder.as_bytes()));
                MOVED
            }
            None => GONE,
        };
        self.add(kind, &payload.0);
        // one of a segment that was read before the last
        if let Some(folder) = self.overrides.remove(&number) {
            let at = self.segments.partition_point(|segment| segment.end() <= number);
            if let Some(segment) = self.segments.get_mut(at) {
                let at = number.saturating_sub(segment.head.base);
                let _there = segment.place(at, folder);
            }
        }
    }

    /// Adds a file that cannot be believed, or says the same of it anew.
    pub(super) fn add_unbelieved(&mut self, name: &str, unbelieved: &Unbelieved) {
        let mut payload = Writer::default();
        payload.text(name);
        unbelieved.write(&mut payload);
        self.add(UNBELIEVED, &payload.0);
    }

    /// Such a file is not there any more, or is believed now.
    pub(super) fn forget(&mut self, name: &str) {
        let mut payload = Writer::default();
        payload.text(name);
        self.add(FORGOTTEN, &payload.0);
    }

    /// What is in a folder is known, as it was when it had changed last then.
    pub(super) fn know(&mut self, folder: &str, changed: Changed) {
        if self.state.known.get(folder) == Some(&changed) {
            return;
        }
        let mut payload = Writer::default();
        payload.text(folder);
        payload.i64(changed.0);
        self.add(KNOWN, &payload.0);
    }

    /// Every folder was listed.
    pub(super) fn looked(&mut self, at: i64) {
        let mut payload = Writer::default();
        payload.i64(at);
        self.add(LOOKED, &payload.0);
    }

    /// Writes what was added, where the file is ours. It is not durable: what is lost is made again.
    pub(super) fn flush(&mut self) {
        let Some(last) = self.segments.back_mut() else { return };
        let (at, from) = (last.head.at, self.written);
        if last.bytes.len() <= from {
            return;
        }
        let mut payload = Writer::default();
        payload.u64(at);
        frame(&mut last.bytes, END, &payload.0);
        let bytes = std::mem::take(&mut last.bytes);
        self.keep(|file| file.append(bytes.get(from..).unwrap_or_default()));
        self.written = bytes.len();
        self.end = at.saturating_add(bytes.len() as u64);
        if let Some(last) = self.segments.back_mut() {
            last.bytes = bytes;
        }
    }
}

/// How many bytes are whole: up to the last frame that ends a writing.
fn whole(bytes: &[u8]) -> u64 {
    let Some(frames) = bytes.strip_prefix(HEADER) else {
        return 0;
    };
    let mut reader = Reader(frames);
    let mut whole = 0;
    while let Some((kind, _)) = next_frame(&mut reader) {
        let at = bytes.len() - reader.0.len();
        match kind {
            END => whole = at,
            HEAD..END => {}
            _ => break,
        }
    }
    whole as u64
}
