//! Apache Parquet: the columns of [`super::table`], typed, a row a measurement.
//!
//! Timestamps are UTC in microseconds; texts are as the record has them. A row group ends at [`MOST_ROWS`] rows or
//! [`MOST_BYTES`] bytes of text: memory stays flat. Pages are compressed with Snappy, which every reader knows.

use super::{
    ExportError, ExportErrorKind, Exporter,
    table::{COLUMNS, Cell, Column, Kind, rows},
};
use benchtop_store::Record;
use parquet::{
    basic::Compression,
    data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::parser::parse_message_type,
};
use std::{io::Write, sync::Arc};

const FORMAT: &str = "Parquet";
const MOST_ROWS: usize = 20_000;
const MOST_BYTES: usize = 16 << 20;

pub(super) struct Parquet<W: Write + Send> {
    to: SerializedFileWriter<W>,
    columns: Vec<Pile>,
    rows: usize,
    bytes: usize,
}

/// The cells of one column that wait for their row group: which rows have one, and those.
#[derive(Default)]
struct Pile {
    there: Vec<i16>,
    texts: Vec<ByteArray>,
    whole: Vec<i64>,
    numbers: Vec<f64>,
    truths: Vec<bool>,
}

impl<W: Write + Send> Parquet<W> {
    pub(super) fn new(to: W) -> Result<Self, ExportError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("benchtop {}", env!("CARGO_PKG_VERSION")))
            .build();
        let writer = parse_message_type(&schema())
            .and_then(|schema| SerializedFileWriter::new(to, Arc::new(schema), Arc::new(properties)));
        Ok(Self {
            to: writer.map_err(failed)?,
            columns: COLUMNS.iter().map(|_| Pile::default()).collect(),
            rows: 0,
            bytes: 0,
        })
    }

    /// Writes what waits as one row group.
    fn flush(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.to.next_row_group()?;
        for (column, pile) in COLUMNS.iter().zip(&mut self.columns) {
            let Some(mut writer) = group.next_column()? else { break };
            match column.kind {
                Kind::Text => put::<ByteArrayType>(&mut writer, &pile.texts, &pile.there)?,
                Kind::Integer | Kind::Time => put::<Int64Type>(&mut writer, &pile.whole, &pile.there)?,
                Kind::Number => put::<DoubleType>(&mut writer, &pile.numbers, &pile.there)?,
                Kind::Truth => put::<BoolType>(&mut writer, &pile.truths, &pile.there)?,
            }
            writer.close()?;
            *pile = Pile::default();
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

impl<W: Write + Send> Exporter for Parquet<W> {
    fn add(&mut self, record: &Record) -> Result<(), ExportError> {
        for row in rows(record) {
            for (column, pile) in COLUMNS.iter().zip(&mut self.columns) {
                self.bytes += pile.add((column.of)(&row));
            }
            self.rows += 1;
            if self.rows >= MOST_ROWS || self.bytes >= MOST_BYTES {
                self.flush().map_err(failed)?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExportError> {
        self.flush().map_err(failed)?;
        self.to.finish().map_err(failed)?;
        self.to.inner_mut().flush().map_err(ExportError::writing(FORMAT))
    }
}

impl Pile {
    /// Takes a cell; says how many bytes of text it holds.
    fn add(&mut self, cell: Cell<'_>) -> usize {
        self.there.push(i16::from(cell != Cell::Nothing));
        match cell {
            Cell::Nothing => {}
            Cell::Text(text) => return self.text(text.into_owned()),
            Cell::Decimal(text) => return self.text(text),
            Cell::Integer(number) => self.whole.push(number),
            Cell::Number(number) => self.numbers.push(number),
            Cell::Truth(truth) => self.truths.push(truth),
            Cell::Time(time) => self.whole.push(time.timestamp_micros()),
        }
        0
    }

    fn text(&mut self, text: String) -> usize {
        let bytes = text.len();
        self.texts.push(ByteArray::from(text.into_bytes()));
        bytes
    }
}

fn put<T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    values: &[T::T],
    there: &[i16],
) -> Result<(), ParquetError> {
    writer.typed::<T>().write_batch(values, Some(there), None).map(drop)
}

fn schema() -> String {
    let columns: String = COLUMNS.iter().map(declared).collect();
    format!("message measurements {{ {columns} }}")
}

fn declared(column: &Column) -> String {
    let (physical, logical) = match column.kind {
        Kind::Text => ("binary", " (STRING)"),
        Kind::Integer => ("int64", ""),
        Kind::Number => ("double", ""),
        Kind::Truth => ("boolean", ""),
        Kind::Time => ("int64", " (TIMESTAMP(MICROS,true))"),
    };
    format!("optional {physical} {}{logical}; ", column.name)
}

fn failed(error: ParquetError) -> ExportError {
    ExportError {
        kind: ExportErrorKind::Write,
        format: FORMAT,
        detail: error.to_string(),
        source: Some(Box::new(error)),
    }
}
