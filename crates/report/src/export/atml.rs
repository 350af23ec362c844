//! ATML test results (IEEE 1636.1-2013, with the common types of IEEE 1671-2010): a `TestResultsCollection`.
//!
//! A run is a `TestResults`, its steps are `Test`s of the `ResultSet`, earlier attempts among them, measurements are
//! `TestResult`s. The outcome is `Passed`, `Failed` or `Aborted`; what Aborted stands for is its qualifier: `Error`, `Timeout`,
//! `Aborted`, `Skipped`. A measurement that was not judged has no outcome. What a limit says beyond numbers stands in the
//! description. A step that was not reached bears the time at which the run ended, for a time must stand there.
//!
//! Identifiers of elements count through the file: they mean nothing outside of it. `uuid` is the run id.

use super::{ExportError, Exporter, words, xml::Xml};
use benchtop_store::{
    Record,
    record::{Measurement, MeasurementOutcome, RunOutcome, Section, Step, StepOutcome, Value},
};
use std::io::{self, Write};

const FORMAT: &str = "ATML";

pub(super) struct Atml<W> {
    xml: Xml<W>,
    runs: u64,
}

impl<W: Write> Atml<W> {
    pub(super) fn new(to: W) -> Result<Self, ExportError> {
        let namespaces = [
            ("xmlns:trc", "urn:IEEE-1636.1:2013:TestResultsCollection"),
            ("xmlns:tr", "urn:IEEE-1636.1:2013:TestResults"),
            ("xmlns:c", "urn:IEEE-1671:2010:Common"),
            ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
        ];
        let begun = Xml::new(to).and_then(|mut xml| {
            xml.open("trc:TestResultsCollection", &namespaces)?;
            Ok(xml)
        });
        begun
            .map(|xml| Self { xml, runs: 0 })
            .map_err(ExportError::writing(FORMAT))
    }
}

impl<W: Write> Exporter for Atml<W> {
    fn add(&mut self, record: &Record) -> Result<(), ExportError> {
        self.runs += 1;
        let mut results = Results {
            xml: &mut self.xml,
            prefix: format!("r{}", self.runs),
            next: 0,
        };
        results.run(record).map_err(ExportError::writing(FORMAT))
    }

    fn finish(self: Box<Self>) -> Result<(), ExportError> {
        self.xml.finish().map(drop).map_err(ExportError::writing(FORMAT))
    }
}

/// One run on its way into the document.
struct Results<'a, W> {
    xml: &'a mut Xml<W>,
    prefix: String,
    next: u64,
}

/// A text for what must not be empty.
fn filled(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

const fn run_outcome(outcome: RunOutcome) -> (&'static str, Option<&'static str>) {
    match outcome {
        RunOutcome::Pass => ("Passed", None),
        RunOutcome::Fail => ("Failed", None),
        RunOutcome::Error => ("Aborted", Some("Error")),
        RunOutcome::Timeout => ("Aborted", Some("Timeout")),
        RunOutcome::Aborted => ("Aborted", Some("Aborted")),
    }
}

const fn step_outcome(outcome: StepOutcome) -> (&'static str, Option<&'static str>) {
    match outcome {
        StepOutcome::Pass => ("Passed", None),
        StepOutcome::Fail => ("Failed", None),
        StepOutcome::Error => ("Aborted", Some("Error")),
        StepOutcome::Timeout => ("Aborted", Some("Timeout")),
        StepOutcome::Aborted => ("Aborted", Some("Aborted")),
        StepOutcome::Skip => ("Aborted", Some("Skipped")),
    }
}

impl<W: Write> Results<'_, W> {
    fn id(&mut self) -> String {
        self.next += 1;
        format!("{}.{}", self.prefix, self.next)
    }

    fn run(&mut self, record: &Record) -> io::Result<()> {
        self.xml.open("trc:TestResults", &[("uuid", &record.run_id)])?;
        self.xml.open("tr:Personnel", &[])?;
        let operator = filled(record.operator.as_deref().unwrap_or_default());
        self.xml
            .leaf("tr:SystemOperator", &[("ID", operator), ("name", operator)])?;
        self.xml.close()?;
        self.result_set(record)?;
        self.xml.open("tr:TestProgram", &[])?;
        let version = Some(record.procedure_version.as_str());
        self.definition(&record.procedure_id, version, None)?;
        self.xml.text("c:SerialNumber", &[], &record.procedure_sha256)?;
        self.xml.close()?;
        self.xml.open("tr:TestStation", &[])?;
        self.xml.text("c:SerialNumber", &[], filled(&record.station.id))?;
        self.xml.close()?;
        self.xml.open("tr:UUT", &[])?;
        let unit = &record.unit_under_test;
        if let Some(part) = &unit.part_number {
            self.definition(part, unit.revision.as_deref(), Some(part))?;
        }
        self.xml.text("c:SerialNumber", &[], filled(&unit.serial_number))?;
        self.xml.close()?;
        self.xml.close()
    }

    fn definition(&mut self, model: &str, version: Option<&str>, part: Option<&str>) -> io::Result<()> {
        self.xml.open("c:Definition", &[])?;
        self.xml.open("c:Identification", &[])?;
        if let Some(version) = version {
            self.xml.text("c:Version", &[], filled(version))?;
        }
        self.xml.text("c:ModelName", &[], filled(model))?;
        if let Some(part) = part {
            self.xml.open("c:IdentificationNumbers", &[])?;
            let attributes = [("number", filled(part)), ("type", "Part"), ("qualifier", "part number")];
            self.xml.leaf("c:IdentificationNumber", &attributes)?;
            self.xml.close()?;
        }
        self.xml.close()?;
        self.xml.close()
    }

    fn result_set(&mut self, record: &Record) -> io::Result<()> {
        let (id, start) = (self.id(), words::moment(record.started_at));
        let end = words::moment(record.ended_at);
        let attributes = [
            ("ID", id.as_str()),
            ("name", filled(&record.procedure_id)),
            ("simulated", if record.simulated { "true" } else { "false" }),
            ("startDateTime", &start),
            ("endDateTime", &end),
        ];
        self.xml.open("tr:ResultSet", &attributes)?;
        self.description(record.reason.as_deref())?;
        let trial = record.trial.map(|trial| trial.to_string());
        let said = [
            ("purpose", Some(words::purpose(record.purpose))),
            ("batch", record.unit_under_test.batch.as_deref()),
            ("fixture_id", record.station.fixture_id.as_deref()),
            ("slot", record.slot.as_deref()),
            ("variant", record.variant.as_deref()),
            (
                "limits_revision",
                record.limits.as_ref().map(|limits| limits.revision.as_str()),
            ),
            ("study", record.study.as_deref()),
            ("trial", trial.as_deref()),
        ];
        let said = said
            .into_iter()
            .filter_map(|(name, text)| Some((name, text?.to_owned())));
        self.parameters(said)?;
        self.outcome(run_outcome(record.outcome))?;
        for step in &record.steps {
            for attempt in step.all_attempts() {
                self.step(attempt, record)?;
            }
        }
        self.xml.close()
    }

    fn description(&mut self, text: Option<&str>) -> io::Result<()> {
        match text {
            Some(text) if !text.is_empty() => self.xml.text("tr:Description", &[], text),
            Some(_) | None => Ok(()),
        }
    }

    fn parameters<N: AsRef<str>>(&mut self, said: impl Iterator<Item = (N, String)>) -> io::Result<()> {
        let mut said = said.peekable();
        if said.peek().is_none() {
            return Ok(());
        }
        self.xml.open("tr:Parameters", &[])?;
        for (name, text) in said {
            let id = self.id();
            self.xml
                .open("tr:Parameter", &[("ID", &id), ("name", filled(name.as_ref()))])?;
            self.xml.open("tr:Data", &[])?;
            self.string(&text)?;
            self.xml.close()?;
            self.xml.close()?;
        }
        self.xml.close()
    }

    fn outcome(&mut self, (value, qualifier): (&str, Option<&str>)) -> io::Result<()> {
        let mut attributes = vec![("value", value)];
        attributes.extend(qualifier.map(|qualifier| ("qualifier", qualifier)));
        self.xml.leaf("tr:Outcome", &attributes)
    }

    fn step(&mut self, step: &Step, record: &Record) -> io::Result<()> {
        let start = words::moment(step.started_at.unwrap_or(record.ended_at));
        let end = words::moment(step.ended_at.unwrap_or(record.ended_at));
        let section = match step.section {
            Section::Setup => "Setup",
            Section::Main => "Main",
            Section::Teardown => "Cleanup",
        };
        let id = self.id();
        let attributes = [
            ("ID", id.as_str()),
            ("name", filled(&step.name)),
            ("userDefinedType", filled(&step.step_type)),
            ("startDateTime", &start),
            ("endDateTime", &end),
        ];
        self.xml.open("tr:Test", &attributes)?;
        self.description(step.reason.as_deref())?;
        let own = [
            ("section", section.to_owned()),
            ("attempt", step.retry_count.to_string()),
        ];
        let swept = step.parameters.iter().map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name.as_str(), text)
        });
        self.parameters(own.into_iter().chain(swept))?;
        self.outcome(step_outcome(step.outcome))?;
        for measurement in &step.measurements {
            self.measurement(&step.measurement_name(&measurement.name), measurement)?;
        }
        self.xml.close()
    }

    fn measurement(&mut self, name: &str, measurement: &Measurement) -> io::Result<()> {
        let id = self.id();
        self.xml.open("tr:TestResult", &[("ID", &id), ("name", filled(name))])?;
        match measurement.outcome {
            MeasurementOutcome::Pass => self.outcome(("Passed", None))?,
            MeasurementOutcome::Fail => self.outcome(("Failed", None))?,
            MeasurementOutcome::Unset => {}
        }
        let said = described(measurement);
        if !said.is_empty() {
            self.xml.text("tr:Description", &[], &said)?;
        }
        if let Some(value) = &measurement.value {
            let taken = words::moment(measurement.taken_at);
            self.xml.open("tr:TestData", &[("acquisitionTimeStamp", &taken)])?;
            self.value(value, &measurement.unit)?;
            self.xml.close()?;
        }
        self.limits(measurement)?;
        self.xml.close()
    }

    fn value(&mut self, value: &Value, unit: &str) -> io::Result<()> {
        match value {
            Value::Number(number) => self.double(*number, unit),
            Value::Text(text) => self.string(text),
            Value::Boolean(_) => {
                let attributes = [("xsi:type", "c:boolean"), ("value", &words::value(value))];
                self.xml.leaf("c:Datum", &attributes)
            }
            Value::Numbers(numbers) => self.array(numbers, unit),
        }
    }

    fn double(&mut self, number: f64, unit: &str) -> io::Result<()> {
        let number = words::decimal(number);
        let mut attributes = vec![("xsi:type", "c:double")];
        if !unit.is_empty() {
            attributes.push(("nonStandardUnit", unit));
        }
        attributes.push(("value", &number));
        self.xml.leaf("c:Datum", &attributes)
    }

    fn string(&mut self, text: &str) -> io::Result<()> {
        self.xml.open("c:Datum", &[("xsi:type", "c:string")])?;
        self.xml.text("c:Value", &[], text)?;
        self.xml.close()
    }

    fn array(&mut self, numbers: &[f64], unit: &str) -> io::Result<()> {
        let size = format!("[{}]", numbers.len());
        let mut attributes = vec![("xsi:type", "c:doubleArray"), ("dimensions", size.as_str())];
        if !unit.is_empty() {
            attributes.push(("nonStandardUnit", unit));
        }
        self.xml.open("c:IndexedArray", &attributes)?;
        for (at, number) in numbers.iter().enumerate() {
            let (position, number) = (format!("[{at}]"), words::decimal(*number));
            self.xml
                .leaf("c:Element", &[("position", &position), ("value", &number)])?;
        }
        self.xml.close()
    }

    fn limits(&mut self, measurement: &Measurement) -> io::Result<()> {
        let unit = &measurement.unit;
        let full = measurement.limit.as_ref();
        let equals = full.and_then(|limit| limit.equals.as_ref());
        let outside = full.and_then(|limit| limit.outside.as_ref());
        let outside = outside.and_then(|outside| Some((outside.low?, outside.high?)));
        let bounds = words::acceptance(measurement);
        if bounds == (None, None) && equals.is_none() && outside.is_none() {
            return Ok(());
        }
        self.xml.open("tr:TestLimits", &[])?;
        match bounds {
            (Some(low), Some(high)) => self.pair("AND", ("GE", low), ("LE", high), unit)?,
            (Some(low), None) => self.single("c:SingleLimit", "GE", low, unit)?,
            (None, Some(high)) => self.single("c:SingleLimit", "LE", high, unit)?,
            (None, None) => {}
        }
        if let Some((low, high)) = outside {
            self.pair("OR", ("LT", low), ("GT", high), unit)?;
        }
        if let Some(equals) = equals {
            self.xml.open("tr:Limits", &[])?;
            self.xml.open("c:Expected", &[("comparator", "EQ")])?;
            self.value(equals, unit)?;
            self.xml.close()?;
            self.xml.close()?;
        }
        self.xml.close()
    }

    fn pair(&mut self, operator: &str, low: (&str, f64), high: (&str, f64), unit: &str) -> io::Result<()> {
        self.xml.open("tr:Limits", &[])?;
        self.xml.open("c:LimitPair", &[("operator", operator)])?;
        for (comparator, bound) in [low, high] {
            self.xml.open("c:Limit", &[("comparator", comparator)])?;
            self.double(bound, unit)?;
            self.xml.close()?;
        }
        self.xml.close()?;
        self.xml.close()
    }

    fn single(&mut self, element: &'static str, comparator: &str, bound: f64, unit: &str) -> io::Result<()> {
        self.xml.open("tr:Limits", &[])?;
        self.xml.open(element, &[("comparator", comparator)])?;
        self.double(bound, unit)?;
        self.xml.close()?;
        self.xml.close()
    }
}

/// What has no element of its own: the reason, a limit that is no number, the uncertainty, the instrument.
fn described(measurement: &Measurement) -> String {
    let mut parts: Vec<String> = measurement.reason.iter().cloned().collect();
    if measurement.limit.is_some() {
        parts.push(format!("limit: {}", words::limit(measurement)));
    }
    if let Some(uncertainty) = &measurement.uncertainty {
        let (expanded, unit) = (words::decimal(uncertainty.expanded), &measurement.unit);
        parts.push(format!("U = {expanded} {unit} (k = {})", uncertainty.k));
    }
    if let Some(instrument) = &measurement.instrument {
        parts.push(format!("instrument: {instrument}"));
    }
    parts.join("; ")
}
