//! The summaries at the end of a file: parts (PCR), bins (HBR, SBR) and tests (TSR), over all sites.

use super::{body::Body, single};
use benchtop_store::record::{Measurement, MeasurementOutcome, Value};
use std::{
    collections::BTreeMap,
    io::{self, Write},
};

/// "Over all heads and sites".
const ALL_SITES: u8 = 255;
/// "Not known".
const UNKNOWN: u32 = u32::MAX;

/// How many parts ended in which bin.
pub(super) struct Counts([u32; 5]);

impl Counts {
    pub(super) const fn new() -> Self {
        Self([0; 5])
    }

    /// Counts a part in a bin from 1.
    pub(super) fn add(&mut self, bin: u16) {
        if let Some(count) = self.0.get_mut(usize::from(bin).saturating_sub(1)) {
            *count = count.saturating_add(1);
        }
    }

    pub(super) fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        const BINS: [(&str, u8); 5] = [
            ("PASS", b'P'),
            ("FAIL", b'F'),
            ("ERROR", b' '),
            ("TIMEOUT", b' '),
            ("ABORTED", b' '),
        ];
        let [good, failed, errors, timeouts, aborted] = self.0;
        let stopped = errors.saturating_add(timeouts).saturating_add(aborted);
        Body::new()
            .u1(ALL_SITES)
            .u1(0)
            .u4(good.saturating_add(failed).saturating_add(stopped))
            .u4(UNKNOWN)
            .u4(stopped)
            .u4(good)
            .u4(UNKNOWN)
            .write(1, 30, to)?;
        // hard bins, then soft ones: the same
        for subkind in [40, 50] {
            for ((count, (name, passes)), bin) in self.0.iter().zip(BINS).zip(1u16..) {
                if *count > 0 {
                    Body::new()
                        .u1(ALL_SITES)
                        .u1(0)
                        .u2(bin)
                        .u4(*count)
                        .u1(passes)
                        .text(name)
                        .write(1, subkind, to)?;
                }
            }
        }
        Ok(())
    }
}

/// The tests of a file: their numbers and what became of them.
pub(super) struct Tests {
    numbers: BTreeMap<(String, String), u32>,
    tests: BTreeMap<u32, Test>,
}

struct Test {
    step: String,
    name: String,
    kind: u8,
    executed: u32,
    failed: u32,
    results: Option<Results>,
}

#[derive(Clone, Copy)]
struct Results {
    least: f64,
    most: f64,
    sum: f64,
    squares: f64,
}

impl Tests {
    pub(super) const fn new() -> Self {
        Self {
            numbers: BTreeMap::new(),
            tests: BTreeMap::new(),
        }
    }

    /// The number of a test: the one it has, else the one that is wanted, else the next free one.
    pub(super) fn number(&mut self, step: &str, name: &str, wanted: u32) -> u32 {
        let key = (step.to_owned(), name.to_owned());
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let mut number = wanted;
        while self.tests.contains_key(&number) {
            number = number.wrapping_add(1);
        }
        self.numbers.insert(key, number);
        let test = Test {
            step: step.to_owned(),
            name: name.to_owned(),
            kind: b' ',
            executed: 0,
            failed: 0,
            results: None,
        };
        self.tests.insert(number, test);
        number
    }

    /// Counts what was measured.
    pub(super) fn count(&mut self, number: u32, kind: u8, measurement: &Measurement) {
        let Some(test) = self.tests.get_mut(&number) else {
            return;
        };
        test.kind = kind;
        test.executed = test.executed.saturating_add(1);
        if measurement.outcome == MeasurementOutcome::Fail {
            test.failed = test.failed.saturating_add(1);
        }
        if let Some(result) = measurement.value.as_ref().and_then(Value::number) {
            let one = Results {
                least: result,
                most: result,
                sum: result,
                squares: result * result,
            };
            test.results = Some(test.results.map_or(one, |all| Results {
                least: all.least.min(result),
                most: all.most.max(result),
                sum: all.sum + result,
                squares: result.mul_add(result, all.squares),
            }));
        }
    }

    pub(super) fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        self.tests.iter().try_for_each(|(number, test)| test.write(*number, to))
    }
}

impl Test {
    /// A TSR.
    fn write(&self, number: u32, to: &mut dyn Write) -> io::Result<()> {
        // the time of a test is not known; bits 3, 6 and 7 are reserved, always 1
        const ALWAYS: u8 = 0b1100_1100;
        let results = self
            .results
            .map(|all| [all.least, all.most, all.sum, all.squares].map(single));
        let ends = results.unwrap_or([None; 4]);
        let missing = ends.iter().zip([0, 1, 4, 5]).filter(|(end, _)| end.is_none());
        let flags = missing.fold(ALWAYS, |flags, (_, bit)| flags | 1 << bit);
        Body::new()
            .u1(ALL_SITES)
            .u1(0)
            .u1(self.kind)
            .u4(number)
            .u4(self.executed)
            .u4(self.failed)
            .u4(UNKNOWN)
            .text(&format!("{}: {}", self.step, self.name))
            .text(&self.step)
            .text(&self.name)
            .u1(flags)
            .r4(0.0)
            .r4s(&ends.map(|end| end.unwrap_or(0.0)))
            .write(10, 30, to)
    }
}
