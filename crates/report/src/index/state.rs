//! What the index knows of the store without reading a run: how many there are, what is known of each folder.

use super::codec::{Reader, Writer};
use benchtop_store::{Changed, Looks};
use std::collections::BTreeMap;

/// A file with a record's name that could not be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unbelieved {
    /// The folder that it lies in.
    pub(super) folder: String,
    pub(super) looks: Looks,
    pub(super) reason: String,
}

/// What all frames so far say. It stands whole at the head of each segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Runs so far, dead ones too: the number of the next.
    pub(super) runs: u32,
    /// Runs that are not there any more.
    pub(super) dead: u32,
    /// The highest sequence number of them.
    pub(super) highest: Option<u64>,
    /// When the latest of them started, in microseconds since 1970.
    pub(super) latest: Option<i64>,
    /// When every folder was listed last, in nanoseconds since 1970.
    pub(super) looked_at: i64,
    /// How many runs there are in each folder.
    pub(super) living: BTreeMap<String, u32>,
    /// The time of change at which a folder is known.
    pub(super) known: BTreeMap<String, Changed>,
    /// By name, what could not be believed.
    pub(super) unbelieved: BTreeMap<String, Unbelieved>,
}

impl State {
    pub(super) fn came(&mut self, folder: &str, sequence: u64, started_us: i64) {
        self.runs = self.runs.saturating_add(1);
        self.highest = self.highest.max(Some(sequence));
        self.latest = self.latest.max(Some(started_us));
        self.lies_in(folder);
    }

    pub(super) fn moved(&mut self, from: &str, to: &str) {
        self.left(from);
        self.lies_in(to);
    }

    pub(super) fn went(&mut self, folder: &str) {
        self.dead = self.dead.saturating_add(1);
        self.left(folder);
    }

    fn lies_in(&mut self, folder: &str) {
        let count = self.living.entry(folder.to_owned()).or_default();
        *count = count.saturating_add(1);
    }

    fn left(&mut self, folder: &str) {
        if let Some(count) = self.living.get_mut(folder) {
            *count = count.saturating_sub(1);
        }
        self.living.retain(|_, count| *count > 0);
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.u32(self.runs);
        writer.u32(self.dead);
        writer.u8(u8::from(self.highest.is_some()));
        writer.u64(self.highest.unwrap_or_default());
        writer.i64(self.latest.unwrap_or_default());
        writer.i64(self.looked_at);
        writer.count(self.living.len());
        for (folder, count) in &self.living {
            writer.text(folder);
            writer.u32(*count);
        }
        writer.count(self.known.len());
        for (folder, changed) in &self.known {
            writer.text(folder);
            writer.i64(changed.0);
        }
        writer.count(self.unbelieved.len());
        for (name, unbelieved) in &self.unbelieved {
            writer.text(name);
            unbelieved.write(writer);
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut state = Self {
            runs: reader.u32()?,
            dead: reader.u32()?,
            ..Self::default()
        };
        let has_any = reader.u8()? == 1;
        state.highest = Some(reader.u64()?).filter(|_| has_any);
        state.latest = Some(reader.i64()?).filter(|_| has_any);
        state.looked_at = reader.i64()?;
        for _ in 0..reader.count()? {
            state.living.insert(reader.text()?.to_owned(), reader.u32()?);
        }
        for _ in 0..reader.count()? {
            state.known.insert(reader.text()?.to_owned(), Changed(reader.i64()?));
        }
        for _ in 0..reader.count()? {
            state
                .unbelieved
                .insert(reader.text()?.to_owned(), Unbelieved::read(reader)?);
        }
        Some(state)
    }
}

impl Unbelieved {
    pub(super) fn write(&self, writer: &mut Writer) {
        writer.text(&self.folder);
        writer.u64(self.looks.size);
        writer.i64(self.looks.changed.0);
        writer.text(&self.reason);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            folder: reader.text()?.to_owned(),
            looks: Looks {
                size: reader.u64()?,
                changed: Changed(reader.i64()?),
            },
            reason: reader.text()?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_reads_back_and_no_cut_of_it_does() {
        let mut state = State {
            looked_at: -7,
            ..State::default()
        };
        state.came("pending", 41, -3);
        state.came("pending", 40, -8);
        state.moved("pending", "synced/2026-03");
        state.known.insert("pending".to_owned(), Changed(3));
        let unbelieved = Unbelieved {
            folder: "parked".to_owned(),
            looks: Looks {
                size: 4,
                changed: Changed(5),
            },
            reason: "torn".to_owned(),
        };
        state.unbelieved.insert("x.json".to_owned(), unbelieved);
        state.went("pending");
        assert_eq!(
            (state.runs, state.dead, state.highest, state.latest),
            (2, 1, Some(41), Some(-3))
        );
        assert_eq!(state.living.keys().collect::<Vec<_>>(), ["synced/2026-03"]);
        let mut writer = Writer::default();
        state.write(&mut writer);
        assert_eq!(State::read(&mut Reader(&writer.0)), Some(state));
        for length in 0..writer.0.len() {
            assert_eq!(State::read(&mut Reader(&writer.0[..length])), None, "cut to {length}");
        }
    }
}
