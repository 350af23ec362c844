//! The measurements of a run that has not ended, packed: a long run has many, and nobody looks at one before it is saved.
//!
//! They stand as JSON in blocks, and a block that is full is compressed: what takes a kilobyte as a value takes some fifty
//! bytes. Sealing unpacks them one after the other into the record's file.

use super::{Measurement, MeasurementOutcome, Record, Step};
use flate2::{Compress, Compression, FlushCompress, Status, read::DeflateDecoder};
use serde::{Serialize, Serializer, ser::Error as _};
use std::{
    borrow::Cow,
    fmt,
    io::{self, Read},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A block is closed when it has so many bytes.
const BLOCK_BYTES: usize = 64 * 1024;

/// A measurement, however it is held.
pub trait Measured {
    /// The measurement.
    ///
    /// # Errors
    /// When what was packed cannot be unpacked, which is a fault of this program.
    fn look(&self) -> io::Result<Cow<'_, Measurement>>;

    /// How it was judged.
    fn outcome(&self) -> MeasurementOutcome;
}

impl Measured for Measurement {
    fn look(&self) -> io::Result<Cow<'_, Measurement>> {
        Ok(Cow::Borrowed(self))
    }

    fn outcome(&self) -> MeasurementOutcome {
        self.outcome
    }
}

/// A measurement of a run that has just ended. Prints and is written as the measurement that it is.
#[derive(Clone)]
pub struct Packed(Held);

#[derive(Clone)]
enum Held {
    /// One that was read from a file, or that has no form as JSON.
    Plain(Arc<Measurement>),
    /// One on a shelf: its block, and where it begins there.
    Shelved {
        shelf: Arc<Shelf>,
        block: u32,
        at: u32,
        outcome: MeasurementOutcome,
    },
}

/// Where the measurements of one run are kept.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<Blocks>);

#[derive(Default)]
struct Blocks {
    full: Vec<Box<[u8]>>,
    /// The last one, as it is.
    open: Vec<u8>,
    /// What packs them.
    packer: Option<Packer>,
    /// The full one that was looked at last, unpacked: whoever looks, looks at one after the other.
    unpacked: Option<(usize, Vec<u8>)>,
}

impl Shelf {
    /// Puts a measurement away.
    pub(crate) fn put(self: &Arc<Self>, measurement: Measurement) -> Packed {
        let outcome = measurement.outcome;
        match self.blocks().put(&measurement) {
            Some((block, at)) => Packed(Held::Shelved {
                shelf: Arc::clone(self),
                block,
                at,
                outcome,
            }),
            None => Packed::from(measurement),
        }
    }

    fn blocks(&self) -> MutexGuard<'_, Blocks> {
        // what a panicking holder left is at worst a measurement that nothing names
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Blocks {
    fn put(&mut self, measurement: &Measurement) -> Option<(u32, u32)> {
        if self.open.len() >= BLOCK_BYTES {
            let packed = self.packer.get_or_insert_default().pack(&self.open).ok()?;
            self.full.push(packed);
            self.open.clear();
        }
        let place = (
            u32::try_from(self.full.len()).ok()?,
            u32::try_from(self.open.len()).ok()?,
        );
        let before = self.open.len();
        if serde_json::to_writer(&mut self.open, measurement).is_err() {
            self.open.truncate(before);
            return None;
        }
        // JSON on one line holds no line feed
        self.open.push(b'\n');
        Some(place)
    }

    fn look(&mut self, block: u32, at: u32) -> io::Result<Measurement> {
        let missing = || io::Error::new(io::ErrorKind::InvalidData, "a measurement is not where it was put");
        let (block, at) = (usize::try_from(block), usize::try_from(at));
        let (Ok(block), Ok(at)) = (block, at) else {
            return Err(missing());
        };
        let bytes = match self.full.get(block) {
            None => &self.open,
            Some(packed) => match &mut self.unpacked {
                Some((number, bytes)) if *number == block => &*bytes,
                other => {
                    let mut bytes = other.take().map(|(_, bytes)| bytes).unwrap_or_default();
                    bytes.clear();
                    DeflateDecoder::new(&**packed).read_to_end(&mut bytes)?;
                    &other.insert((block, bytes)).1
                }
            },
        };
        let mut lines = bytes.get(at..).ok_or_else(missing)?.split(|byte| *byte == b'\n');
        Ok(serde_json::from_slice(lines.next().ok_or_else(missing)?)?)
    }
}

/// Its tables take some 300 KiB, five times a block: made anew for each, they would leave a hole of that size behind each.
struct Packer(Compress);

impl Default for Packer {
    fn default() -> Self {
        let with_header = false;
        Self(Compress::new(Compression::fast(), with_header))
    }
}

impl Packer {
    fn pack(&mut self, bytes: &[u8]) -> io::Result<Box<[u8]>> {
        self.0.reset();
        let mut packed = Vec::with_capacity(bytes.len() / 4);
        loop {
            let taken = usize::try_from(self.0.total_in()).map_err(io::Error::other)?;
            let rest = bytes.get(taken..).unwrap_or_default();
            match self.0.compress_vec(rest, &mut packed, FlushCompress::Finish)? {
                Status::StreamEnd => return Ok(packed.into_boxed_slice()),
                Status::Ok | Status::BufError => packed.reserve(bytes.len() / 4 + 64),
            }
        }
    }
}

impl Measured for Packed {
    fn look(&self) -> io::Result<Cow<'_, Measurement>> {
        match &self.0 {
            Held::Plain(measurement) => Ok(Cow::Borrowed(&**measurement)),
            Held::Shelved { shelf, block, at, .. } => shelf.blocks().look(*block, *at).map(Cow::Owned),
        }
    }

    fn outcome(&self) -> MeasurementOutcome {
        match &self.0 {
            Held::Plain(measurement) => measurement.outcome,
            Held::Shelved { outcome, .. } => *outcome,
        }
    }
}

impl From<Measurement> for Packed {
    fn from(measurement: Measurement) -> Self {
        Self(Held::Plain(Arc::new(measurement)))
    }
}

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.look().map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl PartialEq for Packed {
    fn eq(&self, other: &Self) -> bool {
        match (self.look(), other.look()) {
            (Ok(one), Ok(another)) => one == another,
            (Ok(_) | Err(_), Err(_)) | (Err(_), Ok(_)) => false,
        }
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.look().fmt(f)
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shelf({} blocks)", self.blocks().full.len())
    }
}

impl Record {
    /// The same record, with its measurements held as those of a run that has just ended.
    pub(crate) fn packed(self) -> Record<Packed> {
        let packed: Result<_, std::convert::Infallible> =
            self.try_map(&mut |measurement| Ok(Packed::from(measurement)));
        match packed {
            Ok(packed) => packed,
            Err(never) => match never {},
        }
    }
}

impl Record<Packed> {
    /// The same record with its measurements unpacked, all at once.
    ///
    /// # Errors
    /// As [`Measured::look`].
    pub fn whole(&self) -> io::Result<Record> {
        self.clone()
            .try_map(&mut |packed: Packed| packed.look().map(Cow::into_owned))
    }
}

impl<M> Step<M> {
    fn try_map<N, E>(self, each: &mut impl FnMut(M) -> Result<N, E>) -> Result<Step<N>, E> {
        let Self {
            name,
            section,
            step_type,
            status,
            outcome,
            reason,
            started_at,
            ended_at,
            duration_s,
            retry_count,
            passed_on_retry,
            parameters,
            measurements,
            attempts,
        } = self;
        let measurements = measurements.into_iter().map(&mut *each).collect::<Result<_, E>>()?;
        let attempts = attempts.into_iter().map(|attempt| attempt.try_map(each));
        Ok(Step {
            name,
            section,
            step_type,
            status,
            outcome,
            reason,
            started_at,
            ended_at,
            duration_s,
            retry_count,
            passed_on_retry,
            parameters,
            measurements,
            attempts: attempts.collect::<Result<_, E>>()?,
        })
    }
}

impl<M> Record<M> {
    fn try_map<N, E>(self, each: &mut impl FnMut(M) -> Result<N, E>) -> Result<Record<N>, E> {
        let Self {
            schema,
            run_id,
            sequence,
            outcome,
            run_passed,
            reason,
            procedure_id,
            procedure_version,
            procedure_name,
            procedure_sha256,
            parameters,
            variant,
            limits,
            tested_at,
            started_at,
            ended_at,
            duration_s,
            clock,
            station,
            slot,
            execution_id,
            earlier_runs,
            accepted_unsafe,
            operator,
            purpose,
            study,
            trial,
            simulated,
            unit_under_test,
            instruments,
            steps,
            failed_measurements,
            passed_on_retry,
            outputs,
            attachments,
            logs,
            chain,
        } = self;
        let steps = steps.into_iter().map(|step| step.try_map(each));
        Ok(Record {
            schema,
            run_id,
            sequence,
            outcome,
            run_passed,
            reason,
            procedure_id,
            procedure_version,
            procedure_name,
            procedure_sha256,
            parameters,
            variant,
            limits,
            tested_at,
            started_at,
            ended_at,
            duration_s,
            clock,
            station,
            slot,
            execution_id,
            earlier_runs,
            accepted_unsafe,
            operator,
            purpose,
            study,
            trial,
            simulated,
            unit_under_test,
            instruments,
            steps: steps.collect::<Result<_, E>>()?,
            failed_measurements,
            passed_on_retry,
            outputs,
            attachments,
            logs,
            chain,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{record::Value, testkit};

    fn measurement(number: u32) -> Measurement {
        let record = testkit::record();
        let first = record.steps.iter().find_map(|step| step.measurements.first());
        Measurement {
            name: format!("m{number} \"\n\u{3a9}"),
            value: Some(Value::Number(f64::from(number) / 3.0)),
            ..first.unwrap().clone()
        }
    }

    #[test]
    fn what_is_put_away_comes_back_the_same_in_any_order() {
        let shelf = Arc::new(Shelf::default());
        let numbers = 0..1_000;
        let packed: Vec<Packed> = numbers.clone().map(|number| shelf.put(measurement(number))).collect();
        assert!(shelf.blocks().full.len() > 3, "{shelf:?}");
        for number in numbers.clone().chain(numbers.rev().step_by(37)) {
            let held = &packed[usize::try_from(number).unwrap()];
            assert_eq!(*held.look().unwrap(), measurement(number));
            assert_eq!(
                serde_json::to_string_pretty(held).unwrap(),
                serde_json::to_string_pretty(&measurement(number)).unwrap()
            );
        }
    }

    #[test]
    fn blocks_come_back_from_one_packer_however_large_they_get() {
        let mut packer = Packer::default();
        let mut state = 1_u32;
        let mut noise = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        for length in [0, 1, 63, BLOCK_BYTES, 3 * BLOCK_BYTES] {
            let (noise, plain): (Vec<u8>, _) = ((0..length).map(&mut noise).collect(), vec![b'x'; length]);
            for bytes in [noise, plain] {
                let packed = packer.pack(&bytes).unwrap();
                let mut unpacked = Vec::new();
                DeflateDecoder::new(&*packed).read_to_end(&mut unpacked).unwrap();
                assert!(unpacked == bytes, "{length}");
            }
        }
    }

    #[test]
    fn many_take_little_room() {
        let shelf = Arc::new(Shelf::default());
        let kept: Vec<Packed> = (0..10_000).map(|number| shelf.put(measurement(number))).collect();
        let blocks = shelf.blocks();
        let room = blocks.full.iter().map(|block| block.len()).sum::<usize>() + blocks.open.capacity();
        assert!(room < 1024 * 1024, "{room} bytes for {}", kept.len());
        assert!(size_of::<Packed>() <= 24);
    }

    #[test]
    fn what_has_no_form_is_kept_as_it_is_and_refused_when_it_is_written() {
        let shelf = Arc::new(Shelf::default());
        let endless = Measurement {
            value: Some(Value::Number(f64::INFINITY)),
            ..measurement(1)
        };
        let held = shelf.put(endless.clone());
        assert_eq!(*held.look().unwrap(), endless);
        assert!(serde_json::to_string(&held).is_err());
        assert_eq!(*shelf.put(measurement(2)).look().unwrap(), measurement(2));
    }
}
