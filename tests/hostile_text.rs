//! Text that does something where it is not only text: in every field of a record, in every output of the history.

use crate::testkit::{Done, benchtop, done, records, scratch, simulated, write};
use benchtop_store::{
    Record, RecordName, integrity,
    record::{Purpose, Value},
};
use std::path::Path;

const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "=HYPERLINK(\"http://x\",\"y\")",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "-1+1",
    "\u{1b}[2J\u{1b}]0;x\u{7}",
    "\u{9b}31m\u{85}",
    "\u{202e}\u{2066}gpj.exe\u{200f}",
    "a\r\nb\tc\0d",
    "*",
    "../../x",
    "",
];

/// The same record with a text in every field that a person or an instrument fills.
fn spoiled(record: &Record, text: &str, sequence: u64) -> Record {
    let mut record = record.clone();
    record.sequence = sequence;
    record.run_id = format!("0195f000-0000-7000-8000-{sequence:012x}");
    let some = || Some(text.to_owned());
    text.clone_into(&mut record.procedure_id);
    text.clone_into(&mut record.procedure_version);
    text.clone_into(&mut record.procedure_name);
    text.clone_into(&mut record.station.id);
    text.clone_into(&mut record.unit_under_test.serial_number);
    record.reason = some();
    record.operator = some();
    record.variant = some();
    record.study = some();
    record.trial = Some(1);
    record.unit_under_test.part_number = some();
    record.unit_under_test.batch = some();
    record.simulated = false;
    record.chain = None;
    for instrument in &mut record.instruments {
        text.clone_into(&mut instrument.name);
        text.clone_into(&mut instrument.model);
        instrument.calibrated_on = some();
        instrument.stale_errors = vec![text.to_owned()];
        if let Some(identity) = &mut instrument.identity {
            text.clone_into(&mut identity.model);
        }
    }
    for step in &mut record.steps {
        text.clone_into(&mut step.name);
        step.reason = some();
        step.parameters.insert(text.to_owned(), text.into());
        for measurement in &mut step.measurements {
            text.clone_into(&mut measurement.name);
            text.clone_into(&mut measurement.unit);
            measurement.reason = some();
            measurement.instrument = some();
        }
    }
    let mut all = record.steps.iter_mut().flat_map(|step| &mut step.measurements);
    if let Some(last) = all.next_back() {
        last.value = Some(Value::Text(text.to_owned()));
    }
    record
}

fn put(store: &Path, record: &Record) {
    let bytes = integrity::seal(record).unwrap();
    let path = store.join("kept").join(RecordName::of(record).as_str());
    write(&path, &String::from_utf8(bytes).unwrap());
}

/// True for what moves a cursor, colours, rings, or turns the direction of writing.
fn is_active(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

/// The fields of a line, as a reader of RFC 4180 takes them.
fn csv_fields(line: &str) -> Vec<String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.next_if_eq(&'"').is_some() => fields.last_mut().unwrap().push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => fields.last_mut().unwrap().push(c),
        }
    }
    fields
}

fn check(done: &Done, words: &[&str]) {
    let is_refused = words == ["show", "\u{1b}[2J"];
    // what one record of a history is too little for is said at the end
    let code = done
        .code
        .filter(|_| !words.contains(&"verify") && !words.contains(&"--correlate"));
    assert!(
        code.is_none_or(|code| matches!(code, 0 | 1) != is_refused),
        "{words:?}: {done}"
    );
    assert!(matches!(done.code, Some(0..=3)), "{words:?}: {done}");
    for (stream, text) in [("stdout", &done.out), ("stderr", &done.err)] {
        // lines of an exported table end as RFC 4180 has it
        let text = if words[0] == "export" {
            text.replace("\r\n", "\n")
        } else {
            text.clone()
        };
        let active: Vec<char> = text.chars().filter(|c| is_active(*c)).collect();
        assert!(active.is_empty(), "{words:?} wrote {active:?} to {stream}");
    }
    if words.iter().any(|word| ["junit", "atml"].contains(word)) {
        check_file(words[2], &done.out);
    }
    if words.contains(&"csv") {
        for field in done.out.lines().flat_map(csv_fields) {
            assert!(!is_formula(&field), "{words:?}: {field}");
        }
    }
    if words.contains(&"json") {
        for line in done.out.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
    }
    if words.contains(&"--html") {
        for tag in ["<script", "<img"] {
            assert!(!done.out.contains(tag), "{words:?}: {tag}");
        }
        assert!(done.out.starts_with("<!DOCTYPE html>"), "{words:?}: {done}");
    }
    // programs get all of it, people what they can read
    let most = if words.iter().any(|word| ["csv", "json", "junit", "atml"].contains(word)) {
        64 << 20
    } else {
        1 << 20
    };
    assert!(done.out.len() < most, "{words:?}: {} bytes", done.out.len());
    assert!(!done.err.contains("panicked"), "{words:?}: {}", done.err);
}

#[test]
fn hostile_text_in_every_field_is_harmless_in_every_output() {
    let folder = scratch();
    let store = folder.path().join("store");
    done(&mut simulated(&store, "UNIT-5501"));
    let path = records(&store, "pending")[0].clone();
    let record = integrity::open(&std::fs::read(path).unwrap()).unwrap();
    let mut sequence = 100;
    for text in HOSTILE {
        for turn in 0..3 {
            sequence += 1;
            let mut one = spoiled(&record, text, sequence);
            if turn == 2 {
                one.purpose = Purpose::GaugeStudy;
            }
            put(&store, &one);
        }
    }
    // a serial number of a megabyte
    sequence += 1;
    let mut long = spoiled(&record, "x", sequence);
    long.unit_under_test.serial_number = "\u{202e}<b>=".repeat((1 << 20) / 6);
    put(&store, &long);
    let last = sequence.to_string();
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["list"],
        vec!["list", "--format", "json"],
        vec!["list", "--format", "csv"],
        vec!["list", "--serial", "=*"],
        vec!["stats"],
        vec!["stats", "--format", "json"],
        vec!["stats", "--format", "csv"],
        vec!["stats", "--html", "-"],
        vec!["stats", "--gauge"],
        vec!["stats", "--gauge", "--format", "json"],
        vec!["stats", "--gauge", "--format", "csv"],
        vec![
            "stats",
            "--batch",
            "<script>*",
            "--measurement",
            "\u{1b}*",
            "--html",
            "-",
        ],
        vec!["verify"],
        vec!["export", "--format", "csv"],
        vec!["export", "--format", "junit"],
        vec!["export", "--format", "atml"],
        vec!["show", "\u{1b}[2J"],
    ];
    for text in HOSTILE.iter().filter(|text| !text.contains('\0')) {
        for format in ["human", "json", "csv"] {
            commands.push(vec!["stats", "--correlate", text, text, "--format", format]);
        }
    }
    let numbers: Vec<String> = (101..=sequence).step_by(3).map(|number| number.to_string()).collect();
    for number in &numbers {
        commands.push(vec!["show", number]);
        commands.push(vec!["show", number, "--html", "-"]);
        commands.push(vec!["diff", number, &last, "--format", "csv"]);
    }
    commands.push(vec!["show", &last, "--format", "json"]);
    commands.push(vec!["diff", "101", &last]);
    for words in commands {
        let said = done(benchtop().arg("runs").args(&words).arg("--store").arg(&store));
        check(&said, &words);
    }
    let (files, count) = (folder.path().join("files"), usize::try_from(sequence - 99).unwrap());
    for (format, more) in [
        ("csv", &[][..]),
        ("junit", &[]),
        ("atml", &[]),
        ("wsjf", &["--process-code", "10"]),
        ("stdf", &[]),
        ("parquet", &[]),
    ] {
        let folder = files.join(format);
        std::fs::create_dir_all(&folder).unwrap();
        let mut command = benchtop();
        command.args(["runs", "export", "--format", format]).args(more);
        let said = done(command.arg("--store").arg(&store).arg("--output").arg(&folder));
        check(&said, &["export"]);
        let written: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        assert_eq!(written.len(), count, "{format}: {said}");
        for path in written {
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(!name.starts_with('.') && !name.chars().any(is_active), "{name:?}");
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.is_empty(), "{name}");
            let Ok(text) = String::from_utf8(bytes) else {
                assert!(["stdf", "parquet"].contains(&format), "{name} is no UTF-8");
                continue;
            };
            check_file(format, &text);
        }
    }
}

/// A file that other programs read: no markup of others, no formula, nothing that a terminal obeys.
fn check_file(format: &str, text: &str) {
    match format {
        "junit" | "atml" => {
            // a quotation mark in a value would end it
            assert!(!text.contains("<script") && !text.contains("<img"), "{format}");
            let active: Vec<char> = text.chars().filter(|c| is_active(*c)).collect();
            assert!(active.is_empty(), "{format}: {active:?}");
        }
        "csv" => {
            for field in text.lines().flat_map(csv_fields) {
                assert!(!is_formula(&field), "{field}");
            }
        }
        "wsjf" => drop(serde_json::from_str::<serde_json::Value>(text).unwrap()),
        // read back by others than us in `strangers`
        _ => {}
    }
}

/// What a spreadsheet would reckon with, and is no number.
fn is_formula(field: &str) -> bool {
    field.trim_start().starts_with(['=', '+', '-', '@']) && field.parse::<f64>().is_err()
}
