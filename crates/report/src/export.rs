//! Records in the forms that other tools read, one after the other, in memory that does not grow with their number.
//!
//! | format | one file holds | for |
//! |---|---|---|
//! | CSV (RFC 4180) | any runs, a row a measurement | spreadsheets |
//! | `JUnit` XML | any runs, a suite each; a step is a test case | CI |
//! | Parquet | any runs, a row a measurement, typed | `DuckDB`, pandas |
//! | WSJF | one run | WATS |
//! | ATML (IEEE 1636.1) | any runs, a `TestResults` each | exchange between test systems |
//! | STDF V4 | the runs of one procedure, station, batch and purpose: a lot | yield tools of the semiconductor trade |
//!
//! # What becomes of what
//! Nothing here judges: the outcome is the record's, whatever the number beside it looks like after its conversion.
//! Records hold no NaN and no infinity, so no file does.
//!
//! | in the record | CSV, Parquet | `JUnit` | WSJF | ATML | STDF |
//! |---|---|---|---|---|---|
//! | number | `value`, and its decimal in `value_text` | text | `numericMeas` | `c:double` | PTR, R*4: 7 digits |
//! | text | `value_text` | text | `stringMeas` | `c:string` | FTR, `RSLT_TXT` |
//! | boolean | `value_text` | text | `booleanMeas`, without a limit `stringMeas` | `c:boolean` | FTR, `RSLT_TXT` |
//! | array | `value_text`, JSON | its length | `stringMeas` | `c:doubleArray` | MPR; over 8,000 numbers FTR |
//! | beyond the range, none | empty; `reading_kind`, `reason` | "no value", reason | `stringMeas` | no data, description | PTR with bit 1 of `TEST_FLG` |
//! | Unset | `UNSET` | `-` | measurement `S`, or `LOG` | no outcome | bit 6 of `TEST_FLG` |
//! | Fail | `FAIL` | `failure` | `F` | `Failed` | bit 7; bin 2 |
//! | Error, Timeout | the word | `error` | `E` | `Aborted`, qualified | bit 2 of `PART_FLG`; bins 3, 4 |
//! | Aborted | the word | `error` | `T` | `Aborted`, qualified | bit 2 of `PART_FLG`; bin 5 |
//! | Skip | the word | `skipped` | `S` | `Aborted`, `Skipped` | left out |
//! | guard band | `acceptance_low`, `_high` | - | the acceptance limits | the acceptance limits | `LO_LIMIT` inside `LO_SPEC` |
//! | gauge study | `study`, `trial` | properties | `miscInfos` | parameters | DTR |
//! | earlier attempts | `attempt`, `decides` | - | `reportText` | a `Test` each | left out |
//!
//! # Columns of CSV and Parquet
//! They are stable: new ones come behind, none is renamed. Each may be empty.
//!
//! | columns | |
//! |---|---|
//! | `run_id` `sequence` `procedure_id` `procedure_version` `procedure_sha256` `variant` `limits_revision` | which run, of what |
//! | `serial_number` `part_number` `revision` `batch` | the unit |
//! | `station_id` `fixture_id` `slot` `execution_id` `operator` `purpose` `simulated` | where, by whom, what for |
//! | `started_at` `ended_at` `duration_s` `run_outcome` `run_reason` | when, UTC; how it ended |
//! | `section` `step` `step_type` `step_outcome` | the step; `parameters` is what a sweep set, as JSON |
//! | `attempt` `decides` | from 0; true for the attempt that counts |
//! | `measurement` `outcome` `reason` | its name, in a sweep with its parameters; how it was judged and why |
//! | `value` `value_text` `value_kind` `unit` | the number; the value as text, a number as its exact decimal; `number`, `text`, `boolean`, `array` |
//! | `limit_low` `limit_high` `acceptance_low` `acceptance_high` `limit` | tolerance; behind a guard band; all of it in words |
//! | `marginal` `decision` `uncertainty` `coverage_factor` | U in the unit, and its k |
//! | `reading_kind` `raw` `instrument` `channel` `function` `range` `nplc` `taken_at` | how it was read; what the instrument said |
//! | `study` `trial` | the gauge study that the run belongs to, and which trial of the unit by the operator it is, from 1 |
//!
//! # Hostile text
//! | | CSV | `JUnit`, ATML | Parquet | WSJF | STDF |
//! |---|---|---|---|---|---|
//! | formula (`=1+1`) | an apostrophe before it | as it is | as it is | as it is | as it is |
//! | markup | as it is | escaped | as it is | as it is | as it is |
//! | controls, NUL, marks of direction | written out: `\u{1b}` | written out | as they are: programs read it | JSON's escapes | written out |
//! | beyond ASCII | UTF-8 | UTF-8 | UTF-8 | UTF-8 | written out: STDF is ASCII |
//! | very long | whole | whole | whole | cut where WATS has a bound (100) | cut to 255 |
//!
//! A text that is cut ends in `...`; `run_id` names the record that has the whole of it.

mod atml;
mod csv;
mod junit;
#[cfg(feature = "parquet")]
mod parquet;
mod stdf;
mod table;
#[cfg(test)]
mod tests;
mod words;
mod wsjf;
mod xml;

pub use junit::JUnit;

use benchtop_store::Record;
use std::{
    error::Error,
    fmt,
    io::{self, BufWriter, Write},
};

/// Where an export goes.
pub type Sink<'a> = Box<dyn Write + Send + 'a>;

/// Takes records and writes them in one form.
pub trait Exporter {
    /// Adds a run.
    ///
    /// # Errors
    /// [`ExportErrorKind::Write`] when the sink fails; [`ExportErrorKind::Mixed`] for a run that the file cannot hold
    /// beside those before it, which leaves the file as it was.
    fn add(&mut self, record: &Record) -> Result<(), ExportError>;

    /// Ends the file; without it, it is not whole.
    ///
    /// # Errors
    /// [`ExportErrorKind::Write`].
    fn finish(self: Box<Self>) -> Result<(), ExportError>;
}

/// A form that other tools read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values.
    Csv,
    /// `JUnit` XML.
    Junit,
    /// Apache Parquet.
    #[cfg(feature = "parquet")]
    Parquet,
    /// WATS Standard JSON Format.
    Wsjf,
    /// IEEE 1636.1 test results.
    Atml,
    /// Standard Test Data Format, version 4.
    Stdf,
}

/// What a format wants to know that no record says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// WSJF: the code under which the WATS server knows this kind of test.
    pub process_code: Option<u32>,
}

impl Format {
    /// True for what is no text: it does not belong on a terminal.
    #[must_use]
    pub const fn is_binary(self) -> bool {
        match self {
            #[cfg(feature = "parquet")]
            Self::Parquet => true,
            Self::Stdf => true,
            Self::Csv | Self::Junit | Self::Wsjf | Self::Atml => false,
        }
    }

    /// How the names of such files end, without the full stop.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Junit | Self::Atml => "xml",
            #[cfg(feature = "parquet")]
            Self::Parquet => "parquet",
            Self::Wsjf => "json",
            Self::Stdf => "stdf",
        }
    }

    /// An exporter that writes to `to`; what comes before the first run is written at once.
    ///
    /// # Errors
    /// [`ExportErrorKind::Write`]; [`ExportErrorKind::Unsaid`] where a choice is missing.
    pub fn exporter<'a>(self, to: Sink<'a>, choices: &Choices) -> Result<Box<dyn Exporter + 'a>, ExportError> {
        let to = BufWriter::new(to);
        Ok(match self {
            Self::Csv => Box::new(csv::Csv::new(to)?),
            Self::Junit => Box::new(JUnit::new(to)?),
            #[cfg(feature = "parquet")]
            Self::Parquet => Box::new(parquet::Parquet::new(to)?),
            Self::Wsjf => Box::new(wsjf::Wsjf::new(to, choices)?),
            Self::Atml => Box::new(atml::Atml::new(to)?),
            Self::Stdf => Box::new(stdf::Stdf::new(to)),
        })
    }
}

/// What kind of trouble an export met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportErrorKind {
    /// The sink took no more.
    Write,
    /// The run does not go into one file with those before it.
    Mixed,
    /// Something that no record holds was not said.
    Unsaid,
}

/// Why an export is not whole.
#[derive(Debug)]
pub struct ExportError {
    kind: ExportErrorKind,
    format: &'static str,
    detail: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ExportError {
    /// What kind of trouble it was.
    #[must_use]
    pub const fn kind(&self) -> ExportErrorKind {
        self.kind
    }

    fn new(kind: ExportErrorKind, format: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind,
            format,
            detail: detail.into(),
            source: None,
        }
    }

    /// For `map_err`: the sink failed while `format` was written.
    fn writing(format: &'static str) -> impl Fn(io::Error) -> Self {
        move |error| Self {
            kind: ExportErrorKind::Write,
            format,
            detail: error.to_string(),
            source: Some(Box::new(error)),
        }
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ExportErrorKind::Write => write!(f, "write {}: {}", self.format, self.detail),
            ExportErrorKind::Mixed | ExportErrorKind::Unsaid => write!(f, "{}: {}", self.format, self.detail),
        }
    }
}

impl Error for ExportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
