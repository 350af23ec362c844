//! A row a measurement: the columns of CSV and Parquet.
//!
//! The columns are stable: new ones come behind, none is renamed. Every attempt at a step has its rows; `decides` is true for
//! the one that counts. A run that took no measurement at all has one row with nothing in the columns of a measurement, so
//! that no run is missing.

use super::words;
use benchtop_store::{
    Record,
    record::{Measurement, Step, Value},
};
use chrono::{DateTime, Utc};
use std::borrow::Cow;

/// The type of a column. Every column may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// UTF-8.
    Text,
    /// A whole number.
    Integer,
    /// A double.
    Number,
    /// True or false.
    Truth,
    /// UTC, to the microsecond.
    Time,
}

/// What stands in a column of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    Nothing,
    Text(Cow<'a, str>),
    /// In a column of texts: a number that its decimal says exactly.
    Decimal(String),
    Integer(i64),
    Number(f64),
    Truth(bool),
    Time(DateTime<Utc>),
}

/// One column.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) of: for<'a> fn(&Row<'a>) -> Cell<'a>,
}

/// A measurement with all that is around it.
pub(super) struct Row<'a> {
    record: &'a Record,
    taken: Option<Taken<'a>>,
}

#[derive(Clone, Copy)]
struct Taken<'a> {
    /// The attempt that decided.
    step: &'a Step,
    /// The attempt in which it was taken.
    attempt: &'a Step,
    measurement: &'a Measurement,
}

/// The rows of a run, in the order of the procedure; never none.
pub(super) fn rows(record: &Record) -> impl Iterator<Item = Row<'_>> {
    let taken = record.steps.iter().flat_map(|step| {
        step.all_attempts().flat_map(move |attempt| {
            attempt.measurements.iter().map(move |measurement| Taken {
                step,
                attempt,
                measurement,
            })
        })
    });
    let mut taken = taken.peekable();
    let none = taken.peek().is_none().then_some(Row { record, taken: None });
    none.into_iter().chain(taken.map(move |taken| Row {
        record,
        taken: Some(taken),
    }))
}

const fn column(name: &'static str, kind: Kind, of: for<'a> fn(&Row<'a>) -> Cell<'a>) -> Column {
    Column { name, kind, of }
}

/// All columns, in their order.
pub(super) const COLUMNS: &[Column] = &[
    column("run_id", Kind::Text, |row| text(&row.record.run_id)),
    column("sequence", Kind::Integer, |row| whole(row.record.sequence)),
    column("procedure_id", Kind::Text, |row| text(&row.record.procedure_id)),
    column("procedure_version", Kind::Text, |row| {
        text(&row.record.procedure_version)
    }),
    column("procedure_sha256", Kind::Text, |row| text(&row.record.procedure_sha256)),
    column("variant", Kind::Text, |row| said(row.record.variant.as_deref())),
    column("limits_revision", Kind::Text, |row| {
        said(row.record.limits.as_ref().map(|limits| limits.revision.as_str()))
    }),
    column("serial_number", Kind::Text, |row| {
        text(&row.record.unit_under_test.serial_number)
    }),
    column("part_number", Kind::Text, |row| {
        said(row.record.unit_under_test.part_number.as_deref())
    }),
    column("revision", Kind::Text, |row| {
        said(row.record.unit_under_test.revision.as_deref())
    }),
    column("batch", Kind::Text, |row| {
        said(row.record.unit_under_test.batch.as_deref())
    }),
    column("station_id", Kind::Text, |row| text(&row.record.station.id)),
    column("fixture_id", Kind::Text, |row| {
        said(row.record.station.fixture_id.as_deref())
    }),
    column("slot", Kind::Text, |row| said(row.record.slot.as_deref())),
    column("execution_id", Kind::Text, |row| {
        said(row.record.execution_id.as_deref())
    }),
    column("operator", Kind::Text, |row| said(row.record.operator.as_deref())),
    column("purpose", Kind::Text, |row| text(words::purpose(row.record.purpose))),
    column("simulated", Kind::Truth, |row| Cell::Truth(row.record.simulated)),
    column("started_at", Kind::Time, |row| Cell::Time(row.record.started_at)),
    column("ended_at", Kind::Time, |row| Cell::Time(row.record.ended_at)),
    column("duration_s", Kind::Number, |row| number(Some(row.record.duration_s))),
    column("run_outcome", Kind::Text, |row| {
        text(words::run_outcome(row.record.outcome))
    }),
    column("run_reason", Kind::Text, |row| said(row.record.reason.as_deref())),
    column("section", Kind::Text, |row| {
        row.of(|taken| text(words::section(taken.attempt.section)))
    }),
    column("step", Kind::Text, |row| row.of(|taken| text(&taken.attempt.name))),
    column("step_type", Kind::Text, |row| {
        row.of(|taken| text(&taken.attempt.step_type))
    }),
    column("step_outcome", Kind::Text, |row| {
        row.of(|taken| text(words::step_outcome(taken.attempt.outcome)))
    }),
    column("attempt", Kind::Integer, |row| {
        row.of(|taken| Cell::Integer(i64::from(taken.attempt.retry_count)))
    }),
    column("decides", Kind::Truth, |row| {
        row.of(|taken| Cell::Truth(std::ptr::eq(taken.step, taken.attempt)))
    }),
    column("parameters", Kind::Text, |row| row.of(parameters)),
    column("measurement", Kind::Text, |row| {
        row.of(|taken| {
            let name = taken.attempt.measurement_name(&taken.measurement.name);
            Cell::Text(Cow::Owned(name))
        })
    }),
    column("outcome", Kind::Text, |row| {
        row.of(|taken| text(words::measurement_outcome(taken.measurement.outcome)))
    }),
    column("value", Kind::Number, |row| {
        row.of(|taken| number(taken.measurement.value.as_ref().and_then(Value::number)))
    }),
    column("value_text", Kind::Text, |row| row.of(value_text)),
    column("value_kind", Kind::Text, |row| {
        row.of(|taken| match words::value_kind(taken.measurement.value.as_ref()) {
            "" => Cell::Nothing,
            kind => text(kind),
        })
    }),
    column("unit", Kind::Text, |row| row.of(|taken| text(&taken.measurement.unit))),
    column("limit_low", Kind::Number, |row| {
        row.of(|taken| number(taken.measurement.limit_low))
    }),
    column("limit_high", Kind::Number, |row| {
        row.of(|taken| number(taken.measurement.limit_high))
    }),
    column("acceptance_low", Kind::Number, |row| {
        row.of(|taken| number(taken.measurement.acceptance_low))
    }),
    column("acceptance_high", Kind::Number, |row| {
        row.of(|taken| number(taken.measurement.acceptance_high))
    }),
    column("limit", Kind::Text, |row| {
        row.of(|taken| match words::limit(taken.measurement) {
            limit if limit.is_empty() => Cell::Nothing,
            limit => Cell::Text(Cow::Owned(limit)),
        })
    }),
    column("marginal", Kind::Truth, |row| {
        row.of(|taken| Cell::Truth(taken.measurement.marginal))
    }),
    column("decision", Kind::Text, |row| {
        row.of(|taken| said(taken.measurement.decision.map(words::decision)))
    }),
    column("uncertainty", Kind::Number, |row| {
        row.of(|taken| number(taken.measurement.uncertainty.as_ref().map(|u| u.expanded)))
    }),
    column("coverage_factor", Kind::Integer, |row| {
        row.of(|taken| match &taken.measurement.uncertainty {
            Some(uncertainty) => Cell::Integer(i64::from(uncertainty.k)),
            None => Cell::Nothing,
        })
    }),
    column("reading_kind", Kind::Text, |row| {
        row.of(|taken| text(words::reading_kind(taken.measurement.reading_kind)))
    }),
    column("reason", Kind::Text, |row| {
        row.of(|taken| said(taken.measurement.reason.as_deref()))
    }),
    column("raw", Kind::Text, |row| {
        row.of(|taken| said(taken.measurement.raw.as_deref()))
    }),
    column("instrument", Kind::Text, |row| {
        row.of(|taken| said(taken.measurement.instrument.as_deref()))
    }),
    column("channel", Kind::Text, |row| row.of(channel)),
    column("function", Kind::Text, |row| {
        row.of(|taken| said(taken.measurement.function.as_deref()))
    }),
    column("range", Kind::Text, |row| row.of(range)),
    column("nplc", Kind::Number, |row| {
        row.of(|taken| number(taken.measurement.nplc))
    }),
    column("taken_at", Kind::Time, |row| {
        row.of(|taken| Cell::Time(taken.measurement.taken_at))
    }),
    column("study", Kind::Text, |row| said(row.record.study.as_deref())),
    column("trial", Kind::Integer, |row| {
        row.record
            .trial
            .map_or(Cell::Nothing, |trial| Cell::Integer(i64::from(trial)))
    }),
];

impl<'a> Row<'a> {
    fn of(&self, cell: fn(Taken<'a>) -> Cell<'a>) -> Cell<'a> {
        self.taken.map_or(Cell::Nothing, cell)
    }
}

fn text(text: &str) -> Cell<'_> {
    Cell::Text(Cow::Borrowed(text))
}

fn said(said: Option<&str>) -> Cell<'_> {
    said.map_or(Cell::Nothing, text)
}

fn number<'a>(number: Option<f64>) -> Cell<'a> {
    // a record holds no other; a file that says so itself is not believed
    number
        .filter(|number| number.is_finite())
        .map_or(Cell::Nothing, Cell::Number)
}

fn whole<'a>(number: u64) -> Cell<'a> {
    i64::try_from(number).map_or(Cell::Nothing, Cell::Integer)
}

/// What a sweep set, as JSON.
fn parameters(taken: Taken<'_>) -> Cell<'_> {
    if taken.attempt.parameters.is_empty() {
        return Cell::Nothing;
    }
    let members = taken.attempt.parameters.iter();
    let members = members.map(|(name, value)| (name.clone(), value.clone())).collect();
    Cell::Text(Cow::Owned(serde_json::Value::Object(members).to_string()))
}

fn value_text(taken: Taken<'_>) -> Cell<'_> {
    match &taken.measurement.value {
        None => Cell::Nothing,
        Some(Value::Number(number)) => Cell::Decimal(words::decimal(*number)),
        Some(value) => Cell::Text(words::value(value)),
    }
}

/// Its number, or what the procedure calls it.
fn channel(taken: Taken<'_>) -> Cell<'_> {
    match (&taken.measurement.channel_name, taken.measurement.channel) {
        (Some(name), _) => text(name),
        (None, Some(number)) => Cell::Decimal(number.to_string()),
        (None, None) => Cell::Nothing,
    }
}

fn range(taken: Taken<'_>) -> Cell<'_> {
    match &taken.measurement.range {
        Some(range) => Cell::Text(Cow::Owned(format!("{} {}", words::decimal(range.value), range.unit))),
        None => Cell::Nothing,
    }
}
