//! The name of a record's file: `<sequence, 10 digits>_<serial>_<YYYYMMDD_HHMMSS>_<run id>.json`.
//!
//! A plain listing is oldest first whatever the clock did, a person finds the unit, and the run id makes it unique,
//! on case-folding file systems too. The serial number is for people: what it really is stands inside the file.

use crate::record::Record;
use chrono::{DateTime, Datelike, Timelike, Utc};
use std::{cmp::Ordering, fmt, str::FromStr};
use uuid::Uuid;

/// Most characters of a serial number in a file name.
const SERIAL_CHARACTERS: usize = 48;
/// Digits that the sequence number in the name of a record is padded to with zeros: enough for one run a second over three centuries.
pub const SEQUENCE_DIGITS: usize = 10;
const ENDING: &str = ".json";

/// The name of a record's file. Ordered by sequence: oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordName {
    text: String,
    sequence: u64,
    run_id: String,
}

/// Not a name that a record's file has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of a record: <sequence>_<serial>_<date>_<time>_<run id>.json")]
pub struct RecordNameError(String);

impl RecordName {
    /// The name of this record's file.
    #[must_use]
    pub fn of<M>(record: &Record<M>) -> Self {
        let serial = escaped(&record.unit_under_test.serial_number);
        let moment = moment(record.started_at);
        let (sequence, run_id) = (record.sequence, record.run_id.clone());
        Self {
            text: format!("{sequence:0SEQUENCE_DIGITS$}_{serial}_{moment}_{run_id}{ENDING}"),
            sequence,
            run_id,
        }
    }

    /// The file name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The run's sequence number.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The run's id.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// When the run started, to the second, as the name has it: date and time, which compare as texts. All zeros where no name can
    /// say it.
    #[must_use]
    pub fn started(&self) -> (&str, &str) {
        let mut behind = self.text.split('_').skip(2);
        let mut next = || behind.next().unwrap_or_default();
        (next(), next())
    }

    /// True when it may be the record of a unit with this serial number: names hold no more than its first characters,
    /// and only plain ones.
    #[must_use]
    pub fn is_of(&self, serial_number: &str) -> bool {
        self.unit() == escaped(serial_number)
    }

    /// The unit's part of the name, as [`RecordName::unit_of`] makes it.
    #[must_use]
    pub fn unit(&self) -> &str {
        self.text.split('_').nth(1).unwrap_or_default()
    }

    /// What names say of a unit with this serial number.
    #[must_use]
    pub fn unit_of(serial_number: &str) -> String {
        escaped(serial_number)
    }
}

/// The serial number as a file name may hold it: every character outside `[A-Za-z0-9.-]` is a `-`.
pub(crate) fn escaped(serial: &str) -> String {
    if serial.is_empty() {
        return "-".to_owned();
    }
    serial
        .chars()
        .take(SERIAL_CHARACTERS)
        .map(|c| if is_plain(c) { c } else { '-' })
        .collect()
}

const fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-')
}

/// `YYYYMMDD_HHMMSS`, all zeros for a clock beyond four-digit years.
fn moment(time: DateTime<Utc>) -> String {
    if !(0..=9999).contains(&time.year()) {
        return "00000000_000000".to_owned();
    }
    let (year, month, day) = (time.year(), time.month(), time.day());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    format!("{year:04}{month:02}{day:02}_{hour:02}{minute:02}{second:02}")
}

/// True for the one form in which a run id is written: lower-case, hyphenated.
pub(crate) fn is_run_id(text: &str) -> bool {
    let mut written = Uuid::encode_buffer();
    Uuid::try_parse(text).is_ok_and(|id| id.hyphenated().encode_lower(&mut written) == text)
}

impl FromStr for RecordName {
    type Err = RecordNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (sequence, run_id) = parts(text).ok_or_else(|| RecordNameError(text.to_owned()))?;
        Ok(Self {
            text: text.to_owned(),
            sequence,
            run_id: run_id.to_owned(),
        })
    }
}

/// True for the name of a record.
pub(crate) fn is_record_name(text: &str) -> bool {
    parts(text).is_some()
}

/// Sequence and run id of a record's name.
fn parts(text: &str) -> Option<(u64, &str)> {
    let digits = |part: &str, count: usize| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = text.strip_suffix(ENDING)?.split('_');
    let (sequence, serial, date) = (parts.next()?, parts.next()?, parts.next()?);
    let (time, run_id) = (parts.next()?, parts.next()?);
    let whole = parts.next().is_none()
        && digits(sequence, sequence.len().max(SEQUENCE_DIGITS))
        && serial.chars().all(is_plain)
        && (1..=SERIAL_CHARACTERS).contains(&serial.len())
        && digits(date, 8)
        && digits(time, 6)
        && is_run_id(run_id);
    whole.then_some((sequence.parse().ok()?, run_id))
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Ord for RecordName {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.sequence, &self.text).cmp(&(other.sequence, &other.text))
    }
}

impl PartialOrd for RecordName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{RUN_ID, record};
    use proptest::prelude::*;

    fn check(serial: &str, expected: &str) {
        let mut record = record();
        record.unit_under_test.serial_number = serial.to_owned();
        let name = RecordName::of(&record);
        assert_eq!(
            name.as_str(),
            format!("0000000042_{expected}_20260304_050607_{RUN_ID}.json")
        );
        assert_eq!(name.as_str().parse::<RecordName>().unwrap(), name);
        assert_eq!(name.started(), ("20260304", "050607"));
    }

    #[test]
    fn serial_numbers_become_plain_names() {
        check("UNIT-5501", "UNIT-5501");
        check("a/b\\c:d", "a-b-c-d");
        check("../../etc/passwd", "..-..-etc-passwd");
        check("a_b", "a-b");
        check("", "-");
        check("\0\n\u{1b}[2J", "----2J");
        check("\u{212b}ngstr\u{f6}m", "-ngstr-m");
        check(&"x".repeat(300), &"x".repeat(48));
        check("CON", "CON");
    }

    #[test]
    fn other_names_are_not_records() {
        for text in [
            "",
            ".tmp-x",
            "UNIT-5501_20260304_050607.json",
            "0000000042_x_20260304_050607_not-a-run-id.json",
            "42_x_20260304_050607_0195f000-0000-7000-8000-000000000042.json",
            "0000000042_x_20260304_050607_0195F000-0000-7000-8000-00000000004A.json",
            "0000000042__20260304_050607_0195f000-0000-7000-8000-000000000042.json",
            "0000000042_x_20260304_050607_0195f000-0000-7000-8000-000000000042.json.tmp",
            "0000000042_x_y_20260304_050607_0195f000-0000-7000-8000-000000000042.json",
            "../0000000042_x_20260304_050607_0195f000-0000-7000-8000-000000000042.json",
        ] {
            assert!(text.parse::<RecordName>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_sort_by_sequence_beyond_ten_digits() {
        let name = |sequence: u64| RecordName::of(&Record { sequence, ..record() });
        assert!(name(9_999_999_999) < name(10_000_000_000));
        assert!(name(10_000_000_000).as_str().parse::<RecordName>().is_ok());
    }

    proptest! {
        #[test]
        fn every_serial_and_time_gives_a_name_that_reads_back(serial in ".{0,400}", seconds: i32, sequence: u64) {
            let mut record = record();
            record.unit_under_test.serial_number = serial;
            record.sequence = sequence;
            record.started_at = DateTime::from_timestamp(i64::from(seconds) * 1000, 0).unwrap();
            let name = RecordName::of(&record);
            prop_assert!(name.as_str().len() < 140);
            prop_assert_eq!(name.as_str().parse::<RecordName>().unwrap(), name);
        }
    }
}
