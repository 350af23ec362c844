//! Every format against a run in which everything happened, and against texts that mean harm.

use super::{Choices, ExportError, ExportErrorKind, Format, table};
use crate::csv::is_active;
use benchtop_store::{
    Record, integrity,
    record::{Band, LimitInFull, Measurement, MeasurementOutcome, ReadingKind, Uncertainty, Value},
};
use std::io::{self, Write};

const TEXTS: [Format; 4] = [Format::Csv, Format::Junit, Format::Wsjf, Format::Atml];

fn all() -> Vec<Format> {
    let mut all = TEXTS.to_vec();
    all.push(Format::Stdf);
    #[cfg(feature = "parquet")]
    all.push(Format::Parquet);
    all
}

/// The run of the fixture, with values of every kind.
pub(super) fn eventful() -> Record {
    let bytes = include_bytes!("../../../../fixtures/records/run-1.json");
    let mut record = integrity::open(bytes).unwrap();
    let step = record.steps.iter_mut().find(|step| step.name == "Power Rail Check");
    let step = step.unwrap();
    let plain = step.measurements[0].clone();
    let kinds: [(&str, Option<Value>, &str, LimitInFull); 7] = [
        (
            "firmware",
            Some(Value::Text("1.4.2".to_owned())),
            "",
            LimitInFull {
                equals: Some(Value::Text("1.4.2".to_owned())),
                ..LimitInFull::default()
            },
        ),
        (
            "lid_closed",
            Some(Value::Boolean(true)),
            "",
            LimitInFull {
                equals: Some(Value::Boolean(true)),
                ..LimitInFull::default()
            },
        ),
        (
            "sweep",
            Some(Value::Numbers(vec![0.1, -2.5e-9, 9.9e37])),
            "mV",
            LimitInFull::default(),
        ),
        (
            "away",
            Some(Value::Number(-7.25)),
            "V",
            LimitInFull {
                outside: Some(Band {
                    low: Some(-1.0),
                    high: Some(1.0),
                }),
                ..LimitInFull::default()
            },
        ),
        (
            "step",
            Some(Value::Number(3.0)),
            "",
            LimitInFull {
                one_of: vec![Value::Number(3.0), Value::Number(5.0)],
                ..LimitInFull::default()
            },
        ),
        ("huge", Some(Value::Number(1e300)), "V", LimitInFull::default()),
        ("lost", None, "V", LimitInFull::default()),
    ];
    for (name, value, unit, limit) in kinds {
        let is_there = value.is_some();
        step.measurements.push(Measurement {
            name: name.to_owned(),
            value,
            unit: unit.to_owned(),
            limit_low: None,
            limit_high: None,
            outcome: match (is_there, limit == LimitInFull::default()) {
                (true, false) => MeasurementOutcome::Pass,
                (true, true) | (false, _) => MeasurementOutcome::Unset,
            },
            reading_kind: if is_there {
                ReadingKind::Value
            } else {
                ReadingKind::Missing
            },
            limit: (limit != LimitInFull::default()).then_some(limit),
            ..plain.clone()
        });
    }
    step.measurements.push(Measurement {
        name: "guarded".to_owned(),
        acceptance_low: Some(3.26),
        acceptance_high: Some(3.34),
        uncertainty: Some(Uncertainty {
            expanded: 0.01,
            k: 2,
            standard: 0.005,
            components: Vec::new(),
        }),
        ..plain
    });
    record
}

fn hostile() -> Vec<String> {
    let mut texts: Vec<String> = [
        "=HYPERLINK(\"http://127.0.0.1\",\"x\")",
        "+1+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        "\u{ff1d}1",
        "<script>alert(1)</script>",
        "]]><!-- &amp; --!>",
        "\"'`,;|",
        "\u{1b}[2J\u{1b}]0;owned\u{7}",
        "\u{9b}31m",
        "\u{202e}4055-TINU",
        "\u{200f}\u{2066}x\u{2069}",
        "a\u{0}b",
        "\u{fffe}\u{ffff}\u{10ffff}",
        "",
        " ",
        "\u{3a9}\u{b5}",
    ]
    .map(str::to_owned)
    .into();
    texts.push("S".repeat(1 << 20));
    texts.push("\u{202e}".repeat(300_000));
    texts
}

/// The run with one text in the place of every text that a person or an instrument chooses.
fn said(text: &str) -> Record {
    let mut record = eventful();
    // a megabyte in one place is enough
    if text.len() > 1000 {
        text.clone_into(&mut record.unit_under_test.serial_number);
        record.steps.truncate(2);
        return record;
    }
    let some = Some(text.to_owned());
    text.clone_into(&mut record.procedure_id);
    text.clone_into(&mut record.procedure_version);
    text.clone_into(&mut record.procedure_name);
    text.clone_into(&mut record.station.id);
    text.clone_into(&mut record.unit_under_test.serial_number);
    record.unit_under_test.part_number.clone_from(&some);
    record.unit_under_test.revision.clone_from(&some);
    record.unit_under_test.batch.clone_from(&some);
    record.unit_under_test.sub_units = vec![text.to_owned()];
    record.station.fixture_id.clone_from(&some);
    record.station.location.clone_from(&some);
    record.slot.clone_from(&some);
    record.variant.clone_from(&some);
    record.operator.clone_from(&some);
    record.reason.clone_from(&some);
    for step in &mut record.steps {
        text.clone_into(&mut step.name);
        step.reason.clone_from(&some);
        step.parameters.insert(text.to_owned(), serde_json::Value::from(text));
        for measurement in &mut step.measurements {
            text.clone_into(&mut measurement.name);
            text.clone_into(&mut measurement.unit);
            measurement.reason.clone_from(&some);
            measurement.raw.clone_from(&some);
            measurement.channel_name.clone_from(&some);
            if matches!(measurement.value, Some(Value::Text(_))) {
                measurement.value = some.clone().map(Value::Text);
            }
        }
    }
    record
}

fn choices() -> Choices {
    Choices { process_code: Some(10) }
}

fn export(format: Format, records: &[Record]) -> Result<Vec<u8>, ExportError> {
    let mut bytes = Vec::new();
    let mut exporter = format.exporter(Box::new(&mut bytes), &choices())?;
    for record in records {
        exporter.add(record)?;
    }
    exporter.finish()?;
    Ok(bytes)
}

#[test]
fn a_clock_that_was_set_during_a_run_does_not_make_it_longer_or_shorter() {
    /// `TEST_T` in the record of the part, in milliseconds.
    fn test_time(stdf: &[u8]) -> u32 {
        let mut rest = stdf;
        loop {
            let (head, behind) = rest.split_at(4);
            let length = usize::from(u16::from_le_bytes([head[0], head[1]]));
            if (head[2], head[3]) == (5, 20) {
                return u32::from_le_bytes(behind[13..17].try_into().unwrap());
            }
            rest = &behind[length..];
        }
    }
    let record = Record {
        duration_s: 1.25,
        ..eventful()
    };
    for by in [-7200, 0, 7200] {
        let ended_at = record.started_at + chrono::TimeDelta::seconds(by);
        let set = Record {
            ended_at,
            ..record.clone()
        };
        assert_eq!(test_time(&export(Format::Stdf, &[set]).unwrap()), 1250, "{by}");
    }
}

/// RFC 4180, read to the letter.
fn cells(csv: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = csv.chars().peekable();
    while let Some(c) = letters.next() {
        match (c, quoted) {
            ('"', true) if letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            ('"', _) => quoted = !quoted,
            (',', false) => row.push(std::mem::take(&mut cell)),
            ('\r', false) if letters.peek() == Some(&'\n') => {
                letters.next();
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            (c, _) => cell.push(c),
        }
    }
    assert!(!quoted && cell.is_empty() && row.is_empty(), "the last line is whole");
    rows
}

#[test]
fn hostile_text_is_harmless_in_every_format() {
    for text in hostile() {
        let record = said(&text);
        let short: String = text.chars().take(20).collect();
        for format in all() {
            let bytes = export(format, std::slice::from_ref(&record)).unwrap();
            if format.is_binary() {
                continue;
            }
            let out = String::from_utf8(bytes).unwrap();
            let active = out.chars().find(|c| is_active(*c) && !matches!(c, '\n' | '\r'));
            assert_eq!(active, None, "{format:?} {short:?}");
            match format {
                Format::Csv => {
                    let rows = cells(&out);
                    assert!(rows.iter().all(|row| row.len() == table::COLUMNS.len()), "{short:?}");
                    for cell in rows.iter().flatten() {
                        let first = cell.trim_start().chars().next();
                        let is_formula = first.is_some_and(|c| "=+-@\u{ff1d}".contains(c));
                        assert!(!is_formula || cell.parse::<f64>().is_ok(), "{short:?}: {cell}");
                    }
                }
                Format::Junit | Format::Atml => assert!(!out.contains("<script") && !out.contains("]]>"), "{format:?}"),
                Format::Wsjf => {
                    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
                    let serial = report["sn"].as_str().unwrap();
                    assert!((1..=100).contains(&serial.chars().count()), "{short:?}");
                }
                Format::Stdf => unreachable!(),
                #[cfg(feature = "parquet")]
                Format::Parquet => unreachable!(),
            }
        }
    }
}

/// Takes so many bytes and then no more.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_sink_that_is_full_is_never_an_export_that_is_whole() {
    let record = eventful();
    for format in all() {
        let whole = export(format, std::slice::from_ref(&record)).unwrap().len();
        assert!(whole > 100);
        for room in [0, 1, 10, whole / 2, whole - 1] {
            let into = || {
                let mut exporter = format.exporter(Box::new(Full(room)), &choices())?;
                exporter.add(&record)?;
                exporter.finish()
            };
            let error = into().unwrap_err();
            assert_eq!(error.kind(), ExportErrorKind::Write, "{format:?} {room}");
            assert!(error.to_string().starts_with("write "), "{error}");
            assert!(std::error::Error::source(&error).is_some());
        }
    }
}

#[test]
fn what_does_not_go_into_one_file_is_refused_and_says_why() {
    let first = eventful();
    let changed = |change: fn(&mut Record)| {
        let mut record = eventful();
        change(&mut record);
        record
    };
    for (format, other, words) in [
        (Format::Wsjf, eventful(), "one run"),
        (
            Format::Stdf,
            changed(|record| record.procedure_id = "OTHER".to_owned()),
            "procedure BOARD-FUNCTIONAL-V3 and procedure OTHER",
        ),
        (
            Format::Stdf,
            changed(|record| record.station.id = "bench-4".to_owned()),
            "station bench-3 and station bench-4",
        ),
        (
            Format::Stdf,
            changed(|record| record.unit_under_test.batch = Some("W7".to_owned())),
            "batch none and batch W7",
        ),
        (
            Format::Stdf,
            changed(|record| record.simulated = false),
            "simulated true and simulated false",
        ),
    ] {
        let error = export(format, &[first.clone(), other]).unwrap_err();
        assert_eq!(error.kind(), ExportErrorKind::Mixed);
        assert!(error.to_string().contains(words), "{error}");
    }
    let unsaid = Format::Wsjf.exporter(Box::new(io::sink()), &Choices::default());
    assert_eq!(unsaid.err().unwrap().kind(), ExportErrorKind::Unsaid);
}

#[test]
fn a_run_without_measurements_is_in_the_table_all_the_same() {
    let mut record = eventful();
    record.steps.iter_mut().for_each(|step| {
        step.measurements.clear();
        step.attempts.clear();
    });
    let out = String::from_utf8(export(Format::Csv, &[record]).unwrap()).unwrap();
    let rows = cells(&out);
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1][0], "0195f000-0000-7000-8000-000000000042");
    assert_eq!(out.lines().count(), 2);
}

#[test]
fn csv_has_every_attempt_and_exact_numbers() {
    let out = String::from_utf8(export(Format::Csv, &[eventful()]).unwrap()).unwrap();
    let rows = cells(&out);
    let at = |name: &str| rows[0].iter().position(|column| column == name).unwrap();
    let found = |name: &str| {
        let named = rows.iter().filter(|row| row[at("measurement")] == name);
        named.cloned().collect::<Vec<_>>()
    };
    let [first, last] = &found("vcc_3v3")[..] else {
        panic!("two attempts")
    };
    assert_eq!((&*first[at("attempt")], &*first[at("decides")]), ("0", "false"));
    assert_eq!((&*first[at("value")], &*first[at("outcome")]), ("", "UNSET"));
    assert_eq!((&*last[at("attempt")], &*last[at("decides")]), ("1", "true"));
    assert_eq!((&*last[at("value")], &*last[at("limit")]), ("3.3", "3.25 .. 3.35"));
    assert_eq!(last[at("started_at")], "2026-03-04T05:06:07.000000Z");
    assert_eq!(found("sweep")[0][at("value_text")], "[0.1,-2.5e-9,9.9e37]");
    assert_eq!(found("away")[0][at("value")], "-7.25");
    assert_eq!(found("away")[0][at("limit")], "outside -1 .. 1");
    assert_eq!(found("step")[0][at("limit")], "one of 3, 5");
    assert_eq!(found("insulation")[0][at("reading_kind")], "overrange_positive");
}

/// Type, subtype and fields of each record of an STDF file.
fn stdf_records(bytes: &[u8]) -> Vec<((u8, u8), Vec<u8>)> {
    let (mut records, mut rest) = (Vec::new(), bytes);
    while let [low, high, kind, subkind, more @ ..] = rest {
        let (fields, behind) = more.split_at(usize::from(u16::from_le_bytes([*low, *high])));
        records.push(((*kind, *subkind), fields.to_vec()));
        rest = behind;
    }
    assert!(rest.is_empty(), "the last record is whole");
    records
}

#[test]
fn stdf_begins_and_ends_as_it_must_and_its_parts_are_whole() {
    for text in hostile().into_iter().chain(["PLAIN".to_owned()]) {
        let record = said(&text);
        let bytes = export(Format::Stdf, &[record.clone(), record]).unwrap();
        let records = stdf_records(&bytes);
        let kinds: Vec<(u8, u8)> = records.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds[..3], [(0, 10), (1, 10), (5, 10)]);
        assert_eq!(records[0].1, [2, 4]);
        assert_eq!(kinds.last(), Some(&(1, 20)));
        assert_eq!(kinds.iter().filter(|kind| **kind == (5, 20)).count(), 2);
    }
}

#[test]
fn stdf_numbers_tests_by_their_place_and_keeps_the_records_word() {
    let records = stdf_records(&export(Format::Stdf, &[eventful()]).unwrap());
    let of = |kind: (u8, u8)| {
        let those = records.iter().filter(move |(found, _)| *found == kind);
        those.map(|(_, fields)| fields.clone()).collect::<Vec<_>>()
    };
    let number = |fields: &[u8]| u32::from_le_bytes(fields[..4].try_into().unwrap());
    let parametric = of((15, 10));
    assert_eq!(number(&parametric[0]), 2001);
    assert_eq!(parametric[0][8..12], 3.3f32.to_le_bytes());
    // passed, result valid
    assert_eq!(parametric[0][6], 0);
    let huge = parametric.iter().find(|fields| number(fields) == 2007).unwrap();
    assert_eq!(huge[6] & 2, 2, "what R*4 cannot hold is no result");
    let lost = parametric.iter().find(|fields| number(fields) == 2008).unwrap();
    assert_eq!(lost[6], 0b0101_0010);
    assert_eq!(of((15, 15)).len(), 1);
    assert_eq!(of((15, 20)).len(), 2);
    // an error of the station that hides no known bad unit: abnormal end and failed
    let part = &of((5, 20))[0];
    assert_eq!(part[2], 0b0000_1100);
    assert_eq!(part[5..7], [3, 0]);
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_reads_back_typed_in_bounded_row_groups() {
    use parquet::{
        file::reader::{FileReader, SerializedFileReader},
        record::Field,
    };
    let mut wide = eventful();
    wide.unit_under_test.serial_number = "S".repeat(1 << 20);
    let plain = eventful();
    let bytes = export(Format::Parquet, &[plain, wide.clone(), wide]).unwrap();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(
        i64::try_from(rows.len()).unwrap(),
        reader.metadata().file_metadata().num_rows()
    );
    assert!(reader.num_row_groups() > 1, "megabytes end a row group");
    let field = |row: &parquet::record::Row, name: &str| {
        let mut columns = row.get_column_iter();
        columns.find(|(column, _)| *column == name).unwrap().1.clone()
    };
    let named = |name: &str| {
        let mut those = rows
            .iter()
            .filter(|row| field(row, "measurement") == Field::Str(name.to_owned()));
        those.next_back().unwrap()
    };
    assert_eq!(field(named("vcc_3v3"), "value"), Field::Double(3.3));
    assert_eq!(field(named("vcc_3v3"), "decides"), Field::Bool(true));
    assert_eq!(field(named("vcc_3v3"), "value_text"), Field::Str("3.3".to_owned()));
    assert_eq!(field(named("lost"), "value"), Field::Null);
    assert!(matches!(
        field(named("vcc_3v3"), "started_at"),
        Field::TimestampMicros(_)
    ));
}
