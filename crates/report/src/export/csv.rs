//! CSV (RFC 4180): a heading, then a row a measurement, with the columns of [`super::table`].
//!
//! A text that a spreadsheet could take for a formula has an apostrophe before it; numbers stay numbers. What would move
//! a cursor is written out, so that a row is a line.

use super::{
    ExportError, Exporter,
    table::{COLUMNS, Cell, rows},
    words,
};
use crate::csv::field;
use benchtop_store::Record;
use std::{borrow::Cow, io::Write};

const FORMAT: &str = "CSV";

pub(super) struct Csv<W> {
    to: W,
}

impl<W: Write> Csv<W> {
    pub(super) fn new(mut to: W) -> Result<Self, ExportError> {
        let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
        write!(to, "{}\r\n", names.join(",")).map_err(ExportError::writing(FORMAT))?;
        Ok(Self { to })
    }
}

impl<W: Write> Exporter for Csv<W> {
    fn add(&mut self, record: &Record) -> Result<(), ExportError> {
        for row in rows(record) {
            let mut line = String::new();
            for (at, column) in COLUMNS.iter().enumerate() {
                if at > 0 {
                    line.push(',');
                }
                line.push_str(&said(&(column.of)(&row)));
            }
            line.push_str("\r\n");
            self.to
                .write_all(line.as_bytes())
                .map_err(ExportError::writing(FORMAT))?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExportError> {
        self.to.flush().map_err(ExportError::writing(FORMAT))
    }
}

fn said<'a>(cell: &'a Cell<'a>) -> Cow<'a, str> {
    match cell {
        Cell::Nothing => Cow::Borrowed(""),
        Cell::Text(text) => field(text),
        Cell::Decimal(text) => Cow::Borrowed(text),
        Cell::Number(number) => Cow::Owned(words::decimal(*number)),
        Cell::Integer(number) => Cow::Owned(number.to_string()),
        Cell::Truth(truth) => Cow::Borrowed(if *truth { "true" } else { "false" }),
        Cell::Time(time) => Cow::Owned(words::moment(*time)),
    }
}
