//! WSJF, the WATS Standard JSON Format of Virinco: one report, one run.
//!
//! Members and their bounds are those of Virinco's published description of the format and of an export of a WATS server;
//! what a limit on one side only is called (`LE` with its bound in `lowLimit`) is taken from that export.
//!
//! WATS files every report under a process code that its administrator set up; nothing in a record says it, so it is asked for.
//! Part number, revision and location are required there: `NA` where the record has none. A step is a WATS step, by what it
//! measured: numbers `ET_MNLT`, booleans `ET_MPFT`, texts `ET_MSVT`, nothing `Action`; one that measured of several kinds is
//! a `SequenceCall` of those.

use super::{Choices, ExportError, ExportErrorKind, Exporter, words};
use crate::csv::is_active;
use benchtop_store::{
    Record,
    record::{Measurement, MeasurementOutcome, RunOutcome, Section, Step, StepOutcome, Value as Measured},
};
use serde_json::{Map, Value, json};
use std::io::Write;

const FORMAT: &str = "WSJF";
/// The bound of most texts, in characters.
const MOST: usize = 100;
/// For what is required and not known; WATS takes no slash in a part number.
const MISSING: &str = "NA";
/// The bound of a step's `errorMessage`.
const MOST_ERROR: usize = 200;
/// The bound of a comment.
const MOST_COMMENT: usize = 5000;

pub(super) struct Wsjf<W> {
    to: W,
    process_code: u32,
    written: bool,
}

impl<W: Write> Wsjf<W> {
    pub(super) fn new(to: W, choices: &Choices) -> Result<Self, ExportError> {
        let Some(process_code) = choices.process_code else {
            let detail = "WATS files a report under a process code that its administrator set up: say which";
            return Err(ExportError::new(ExportErrorKind::Unsaid, FORMAT, detail));
        };
        Ok(Self {
            to,
            process_code,
            written: false,
        })
    }
}

impl<W: Write> Exporter for Wsjf<W> {
    fn add(&mut self, record: &Record) -> Result<(), ExportError> {
        if self.written {
            let detail = "a file holds one run: choose one, or write into a folder, a file each";
            return Err(ExportError::new(ExportErrorKind::Mixed, FORMAT, detail));
        }
        self.written = true;
        let text = plain(&report(record, self.process_code).to_string());
        writeln!(self.to, "{text}").map_err(ExportError::writing(FORMAT))
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExportError> {
        self.to.flush().map_err(ExportError::writing(FORMAT))
    }
}

/// JSON's own escapes for what a terminal would act on; outside of texts JSON has none of it.
fn plain(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if is_active(c) {
            let mut units = [0; 2];
            out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

fn cut(text: &str) -> String {
    shorter(text, MOST)
}

/// At most so many characters.
fn shorter(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(3)).collect();
    format!("{kept}...")
}

/// A text that WATS requires.
fn required(text: Option<&str>) -> String {
    match text {
        Some(text) if !text.is_empty() => cut(text),
        Some(_) | None => MISSING.to_owned(),
    }
}

fn report(record: &Record, process_code: u32) -> Value {
    let unit = &record.unit_under_test;
    json!({
        "type": "T",
        "id": record.run_id,
        "pn": required(unit.part_number.as_deref()),
        "sn": required(Some(&unit.serial_number)),
        "rev": required(unit.revision.as_deref()),
        "processCode": process_code,
        "result": run_status(record.outcome),
        "machineName": required(Some(&record.station.id)),
        "location": required(record.station.location.as_deref()),
        "purpose": words::purpose(record.purpose),
        "start": record.started_at.format("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string(),
        "startUTC": words::moment(record.started_at),
        "root": root(record),
        "uut": uut(record),
        "miscInfos": misc(record),
        "subUnits": sub_units(record),
        "assets": assets(record),
    })
}

const fn run_status(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Pass => "P",
        RunOutcome::Fail => "F",
        RunOutcome::Error | RunOutcome::Timeout => "E",
        RunOutcome::Aborted => "T",
    }
}

const fn step_status(outcome: StepOutcome) -> &'static str {
    match outcome {
        StepOutcome::Pass => "P",
        StepOutcome::Fail => "F",
        StepOutcome::Skip => "S",
        StepOutcome::Error | StepOutcome::Timeout => "E",
        StepOutcome::Aborted => "T",
    }
}

fn uut(record: &Record) -> Value {
    let mut uut = json!({
        "user": cut(record.operator.as_deref().unwrap_or_default()),
        "execTime": record.duration_s,
    });
    put(&mut uut, "fixtureId", record.station.fixture_id.as_deref().map(cut));
    put(&mut uut, "batchSN", record.unit_under_test.batch.as_deref().map(cut));
    let reason = record.reason.as_deref();
    put(&mut uut, "errorMessage", reason.map(|text| shorter(text, MOST_ERROR)));
    put(&mut uut, "comment", reason.map(|text| shorter(text, MOST_COMMENT)));
    uut
}

/// Sets a member that there is something to say of.
fn put(object: &mut Value, name: &str, value: Option<impl Into<Value>>) {
    if let (Some(members), Some(value)) = (object.as_object_mut(), value) {
        members.insert(name.to_owned(), value.into());
    }
}

/// What has no member of its own.
fn misc(record: &Record) -> Value {
    let simulated = if record.simulated { "true" } else { "false" };
    let trial = record.trial.map(|trial| trial.to_string());
    let all = [
        ("procedure_sha256", Some(record.procedure_sha256.as_str())),
        ("run_outcome", Some(words::run_outcome(record.outcome))),
        ("simulated", Some(simulated)),
        ("slot", record.slot.as_deref()),
        ("variant", record.variant.as_deref()),
        (
            "limits_revision",
            record.limits.as_ref().map(|limits| limits.revision.as_str()),
        ),
        ("execution_id", record.execution_id.as_deref()),
        ("study", record.study.as_deref()),
        ("trial", trial.as_deref()),
    ];
    let said = all.into_iter().filter_map(|(name, text)| Some((name, text?)));
    said.map(|(name, text)| json!({ "description": name, "text": cut(text) }))
        .collect()
}

fn sub_units(record: &Record) -> Value {
    let serials = record.unit_under_test.sub_units.iter();
    serials
        .map(|serial| json!({ "sn": required(Some(serial)), "pn": MISSING, "partType": "Unknown" }))
        .collect()
}

fn assets(record: &Record) -> Value {
    let instruments = record.instruments.iter();
    let known = instruments.filter_map(|instrument| Some((instrument, instrument.identity.as_ref()?)));
    known
        .map(|(instrument, identity)| {
            let serial = instrument.asset_id.as_ref().unwrap_or(&identity.serial_number);
            json!({ "sn": required(Some(serial)), "usageCount": 1 })
        })
        .collect()
}

fn root(record: &Record) -> Value {
    let mut next = 1;
    let steps: Vec<Value> = record.steps.iter().map(|step| of_step(step, &mut next)).collect();
    json!({
        "id": 0,
        "group": "M",
        "stepType": "SequenceCall",
        "name": "MainSequence Callback",
        "status": run_status(record.outcome),
        "totTime": record.duration_s,
        "seqCall": {
            "path": cut(&record.procedure_id),
            "name": required(Some(&record.procedure_name)),
            "version": required(Some(&record.procedure_version)),
        },
        "steps": steps,
    })
}

/// The measurements of a step by what WATS takes them for.
#[derive(Default)]
struct Sorted {
    numbers: Vec<Value>,
    truths: Vec<Value>,
    texts: Vec<Value>,
}

fn of_step(step: &Step, next: &mut u32) -> Value {
    let mut sorted = Sorted::default();
    for measurement in &step.measurements {
        sorted.add(&step.measurement_name(&measurement.name), measurement);
    }
    let kinds = [
        ("ET_MNLT", "numericMeas", sorted.numbers),
        ("ET_MPFT", "booleanMeas", sorted.truths),
        ("ET_MSVT", "stringMeas", sorted.texts),
    ];
    let mut kinds: Vec<_> = kinds.into_iter().filter(|(_, _, list)| !list.is_empty()).collect();
    let id = take(next);
    let mut object = shared(step, id);
    match (kinds.pop(), kinds.is_empty()) {
        (None, _) => put(&mut object, "stepType", Some("Action")),
        (Some((kind, member, list)), true) => {
            put(&mut object, "stepType", Some(kind));
            put(&mut object, member, Some(list));
        }
        (Some(last), false) => {
            kinds.push(last);
            let parts = kinds.into_iter().map(|(kind, member, list)| {
                let mut part = Map::new();
                let worst = worst(&list);
                part.insert("id".to_owned(), take(next).into());
                part.insert("group".to_owned(), group(step.section).into());
                part.insert("name".to_owned(), required(Some(&step.name)).into());
                part.insert("stepType".to_owned(), kind.into());
                part.insert("status".to_owned(), worst.into());
                part.insert(member.to_owned(), list.into());
                Value::Object(part)
            });
            let parts: Vec<Value> = parts.collect();
            put(&mut object, "stepType", Some("SequenceCall"));
            let call = json!({ "path": "", "name": required(Some(&step.name)), "version": "" });
            put(&mut object, "seqCall", Some(call));
            put(&mut object, "steps", Some(parts));
        }
    }
    object
}

fn take(next: &mut u32) -> u32 {
    let id = *next;
    *next = next.saturating_add(1);
    id
}

/// The status of measurements together.
fn worst(list: &[Value]) -> &'static str {
    let has = |status: &str| {
        list.iter()
            .any(|one| one.get("status").and_then(Value::as_str) == Some(status))
    };
    match (has("F"), has("P")) {
        (true, _) => "F",
        (false, true) => "P",
        (false, false) => "S",
    }
}

const fn group(section: Section) -> &'static str {
    match section {
        Section::Setup => "S",
        Section::Main => "M",
        Section::Teardown => "C",
    }
}

fn shared(step: &Step, id: u32) -> Value {
    let mut object = json!({
        "id": id,
        "group": group(step.section),
        "name": required(Some(&step.name)),
        "status": step_status(step.outcome),
    });
    put(&mut object, "start", step.started_at.map(words::moment));
    put(&mut object, "totTime", step.duration_s);
    let reason = step.reason.as_deref();
    put(
        &mut object,
        "errorMessage",
        reason.map(|text| shorter(text, MOST_ERROR)),
    );
    let notes = notes(step);
    put(
        &mut object,
        "reportText",
        (!notes.is_empty()).then_some(shorter(&notes, MOST_COMMENT)),
    );
    object
}

/// What WATS has no member for: earlier attempts, limits that are no numbers, reasons.
fn notes(step: &Step) -> String {
    let mut lines: Vec<String> = Vec::new();
    for attempt in &step.attempts {
        let reason = attempt.reason.as_deref().unwrap_or("no reason");
        let number = attempt.retry_count.saturating_add(1);
        lines.push(format!(
            "attempt {number}: {}: {reason}",
            words::step_outcome(attempt.outcome)
        ));
    }
    for measurement in &step.measurements {
        let name = step.measurement_name(&measurement.name);
        if measurement.limit.is_some() {
            lines.push(format!("{name}: {}", words::limit(measurement)));
        }
        if let Some(reason) = &measurement.reason {
            lines.push(format!("{name}: {reason}"));
        }
    }
    lines.join("\n")
}

/// A value that was only logged is well; one with a limit that was not judged is not.
const fn status(measurement: &Measurement) -> &'static str {
    let has_limit = measurement.limit.is_some() || measurement.limit_low.is_some() || measurement.limit_high.is_some();
    let is_logged = measurement.value.is_some() && !has_limit;
    match (measurement.outcome, is_logged) {
        (MeasurementOutcome::Pass, _) | (MeasurementOutcome::Unset, true) => "P",
        (MeasurementOutcome::Fail, _) => "F",
        (MeasurementOutcome::Unset, false) => "S",
    }
}

impl Sorted {
    fn add(&mut self, name: &str, measurement: &Measurement) {
        let name = required(Some(name));
        let status = status(measurement);
        match &measurement.value {
            Some(Measured::Number(number)) => self.numbers.push(numeric(&name, status, *number, measurement)),
            Some(Measured::Boolean(truth)) if measurement.outcome == MeasurementOutcome::Unset => {
                self.texts.push(text(&name, status, &truth.to_string(), None));
            }
            Some(Measured::Boolean(_)) => self.truths.push(json!({ "name": name, "status": status })),
            Some(value @ (Measured::Text(_) | Measured::Numbers(_))) => {
                let limit = measurement.limit.as_ref().and_then(|limit| limit.equals.as_ref());
                let limit = limit.map(words::value);
                self.texts
                    .push(text(&name, status, &words::value(value), limit.as_deref()));
            }
            None => {
                let kind = words::reading_kind(measurement.reading_kind);
                self.texts.push(text(&name, status, kind, None));
            }
        }
    }
}

fn text(name: &str, status: &str, value: &str, limit: Option<&str>) -> Value {
    let operator = if limit.is_some() { "CASESENSIT" } else { "LOG" };
    let mut object = json!({ "compOp": operator, "name": name, "status": status, "value": cut(value) });
    put(&mut object, "limit", limit.map(cut));
    object
}

fn numeric(name: &str, status: &str, number: f64, measurement: &Measurement) -> Value {
    let mut object = json!({ "name": name, "status": status, "unit": cut(&measurement.unit), "value": number });
    let full = measurement.limit.as_ref();
    let outside = full.and_then(|limit| limit.outside.as_ref());
    let equals = full.and_then(|limit| limit.equals.as_ref()).and_then(Measured::number);
    let (operator, low, high) = match (words::acceptance(measurement), outside, equals) {
        ((Some(low), Some(high)), _, _) => ("GELE", Some(low), Some(high)),
        ((Some(low), None), _, _) => ("GE", Some(low), None),
        // with one bound WATS has it in lowLimit, also from above
        ((None, Some(high)), _, _) => ("LE", Some(high), None),
        ((None, None), Some(outside), _) => ("LTGT", outside.low, outside.high),
        ((None, None), None, Some(equals)) => ("EQ", Some(equals), None),
        ((None, None), None, None) => ("LOG", None, None),
    };
    put(&mut object, "compOp", Some(operator));
    put(&mut object, "lowLimit", low);
    put(&mut object, "highLimit", high);
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;

    #[test]
    fn only_a_value_without_a_limit_is_well_though_it_was_not_judged() {
        let mut record = testkit::with_value(testkit::record(1), 3.3);
        let measurement = testkit::first(&mut record);
        measurement.outcome = MeasurementOutcome::Unset;
        assert!(measurement.limit_low.is_some());
        assert_eq!(status(measurement), "S", "its limit could not be judged");
        measurement.limit_low = None;
        assert_eq!(status(measurement), "S", "nor this one");
        measurement.limit_high = None;
        measurement.limit = None;
        assert_eq!(status(measurement), "P", "logged");
        measurement.value = None;
        assert_eq!(status(measurement), "S");
    }
}
