//! `JUnit` XML: the runs as CI reads them. A run is a test suite, a step a test case.
//!
//! Fail is a `failure`; Error, Timeout and Aborted are an `error`; a step that did not run is `skipped`. A run that ended worse
//! than its steps say has a case of its own, "the run", so that no reader takes it for good. The counts stand at the suites:
//! the element around them comes before the first run is known.

use super::{ExportError, Exporter, words, xml::Xml};
use benchtop_store::{
    Record,
    record::{MeasurementOutcome, RunOutcome, Section, Step, StepOutcome, Value},
};
use std::{
    fmt::Write as _,
    io::{self, Write},
};

const FORMAT: &str = "JUnit XML";

/// Runs as test suites.
#[derive(Debug)]
pub struct JUnit<W> {
    xml: Xml<W>,
}

#[derive(Debug)]
struct Case {
    class: String,
    name: String,
    seconds: f64,
    verdict: Option<(Verdict, String)>,
    output: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Failure,
    Error,
    Skipped,
}

impl<W: Write> JUnit<W> {
    /// Begins the document.
    ///
    /// # Errors
    /// [`super::ExportErrorKind::Write`].
    pub fn new(to: W) -> Result<Self, ExportError> {
        let begun = Xml::new(to).and_then(|mut xml| {
            xml.open("testsuites", &[("name", "benchtop")])?;
            Ok(xml)
        });
        begun.map(|xml| Self { xml }).map_err(ExportError::writing(FORMAT))
    }

    /// Adds a run that is saved.
    ///
    /// # Errors
    /// [`super::ExportErrorKind::Write`].
    pub fn add_run(&mut self, record: &Record) -> Result<(), ExportError> {
        let name = format!("{} {}", record.procedure_id, record.unit_under_test.serial_number);
        let time = format!("{:.3}", record.duration_s);
        let timestamp = record.started_at.format("%Y-%m-%dT%H:%M:%S").to_string();
        let attributes = [("time", time.as_str()), ("timestamp", timestamp.as_str())];
        let properties = [
            ("serial_number", record.unit_under_test.serial_number.as_str()),
            ("run_id", &record.run_id),
            ("outcome", words::run_outcome(record.outcome)),
            ("procedure_version", &record.procedure_version),
            ("station", &record.station.id),
            ("simulated", if record.simulated { "true" } else { "false" }),
        ];
        let trial = record.trial.map(|trial| trial.to_string());
        let more = [
            ("slot", record.slot.as_deref()),
            ("study", record.study.as_deref()),
            ("trial", trial.as_deref()),
        ];
        let more = more.into_iter().filter_map(|(name, said)| Some((name, said?)));
        let properties: Vec<(&str, &str)> = properties.into_iter().chain(more).collect();
        self.suite(&name, &attributes, &properties, &cases(record))
            .map_err(ExportError::writing(FORMAT))
    }

    /// Adds a run that could not be saved.
    ///
    /// # Errors
    /// [`super::ExportErrorKind::Write`].
    pub fn add_lost(&mut self, serial: &str) -> Result<(), ExportError> {
        let case = the_run("run".to_owned(), Verdict::Error, "NOT SAVED".to_owned());
        self.suite(serial, &[], &[], &[case])
            .map_err(ExportError::writing(FORMAT))
    }

    /// Ends the document, and hands back what it was written to.
    ///
    /// # Errors
    /// [`super::ExportErrorKind::Write`].
    pub fn into_inner(self) -> Result<W, ExportError> {
        self.xml.finish().map_err(ExportError::writing(FORMAT))
    }

    fn suite(
        &mut self,
        name: &str,
        more: &[(&str, &str)],
        properties: &[(&str, &str)],
        cases: &[Case],
    ) -> io::Result<()> {
        let count = |wanted: Verdict| {
            let verdicts = cases.iter().filter_map(|case| case.verdict.as_ref());
            verdicts.filter(|(verdict, _)| *verdict == wanted).count().to_string()
        };
        let (tests, failures) = (cases.len().to_string(), count(Verdict::Failure));
        let (errors, skipped) = (count(Verdict::Error), count(Verdict::Skipped));
        let mut attributes = vec![
            ("name", name),
            ("tests", &tests),
            ("failures", &failures),
            ("errors", &errors),
            ("skipped", &skipped),
        ];
        attributes.extend(more);
        self.xml.open("testsuite", &attributes)?;
        if !properties.is_empty() {
            self.xml.open("properties", &[])?;
            for (name, value) in properties {
                self.xml.leaf("property", &[("name", name), ("value", value)])?;
            }
            self.xml.close()?;
        }
        cases.iter().try_for_each(|case| self.case(case))?;
        self.xml.close()
    }

    fn case(&mut self, case: &Case) -> io::Result<()> {
        let time = format!("{:.3}", case.seconds);
        let attributes = [
            ("classname", case.class.as_str()),
            ("name", &case.name),
            ("time", &time),
        ];
        if case.verdict.is_none() && case.output.is_empty() {
            return self.xml.leaf("testcase", &attributes);
        }
        self.xml.open("testcase", &attributes)?;
        if let Some((verdict, reason)) = &case.verdict {
            let element = match verdict {
                Verdict::Failure => "failure",
                Verdict::Error => "error",
                Verdict::Skipped => "skipped",
            };
            self.xml.leaf(element, &[("message", reason)])?;
        }
        if !case.output.is_empty() {
            self.xml.text("system-out", &[], &case.output)?;
        }
        self.xml.close()
    }
}

impl<W: Write> Exporter for JUnit<W> {
    fn add(&mut self, record: &Record) -> Result<(), ExportError> {
        self.add_run(record)
    }

    fn finish(self: Box<Self>) -> Result<(), ExportError> {
        self.into_inner().map(drop)
    }
}

fn cases(record: &Record) -> Vec<Case> {
    let mut cases: Vec<Case> = record.steps.iter().map(|step| of_step(record, step)).collect();
    let has = |wanted: Verdict| {
        let mut verdicts = cases.iter().filter_map(|case| case.verdict.as_ref());
        verdicts.any(|(verdict, _)| *verdict == wanted)
    };
    let reason = record.reason.clone().unwrap_or_default();
    let own = match record.outcome {
        RunOutcome::Pass => None,
        RunOutcome::Fail => (!has(Verdict::Failure)).then_some((Verdict::Failure, reason)),
        RunOutcome::Aborted | RunOutcome::Timeout | RunOutcome::Error => (!has(Verdict::Error)).then(|| {
            let reason = format!("{}: {reason}", words::run_outcome(record.outcome));
            (Verdict::Error, reason)
        }),
    };
    if let Some((verdict, reason)) = own {
        cases.push(the_run(record.procedure_id.clone(), verdict, reason));
    }
    cases
}

fn the_run(class: String, verdict: Verdict, reason: String) -> Case {
    Case {
        class,
        name: "the run".to_owned(),
        seconds: 0.0,
        verdict: Some((verdict, reason)),
        output: String::new(),
    }
}

fn of_step(record: &Record, step: &Step) -> Case {
    let reason = step.reason.clone().unwrap_or_default();
    let verdict = match step.outcome {
        StepOutcome::Pass => None,
        StepOutcome::Fail => Some((Verdict::Failure, reason)),
        StepOutcome::Skip => Some((Verdict::Skipped, reason)),
        StepOutcome::Error | StepOutcome::Timeout | StepOutcome::Aborted => Some((Verdict::Error, reason)),
    };
    let section = match step.section {
        Section::Setup => "setup",
        Section::Main => "test",
        Section::Teardown => "teardown",
    };
    Case {
        class: format!("{}.{section}", record.procedure_id),
        name: step.name.clone(),
        seconds: step.duration_s.unwrap_or(0.0),
        verdict,
        output: values(step),
    }
}

/// What was measured, a line each.
fn values(step: &Step) -> String {
    let mut text = String::new();
    for measurement in &step.measurements {
        let word = match measurement.outcome {
            MeasurementOutcome::Pass => "PASS",
            MeasurementOutcome::Fail => "FAIL",
            MeasurementOutcome::Unset => "-",
        };
        let value = match &measurement.value {
            None => "no value".to_owned(),
            Some(Value::Number(number)) => format!("{} {}", words::decimal(*number), measurement.unit),
            Some(Value::Text(text)) => format!("{text:?}"),
            Some(Value::Boolean(truth)) => truth.to_string(),
            Some(Value::Numbers(numbers)) => format!("{} numbers in {}", numbers.len(), measurement.unit),
        };
        let reason = measurement.reason.as_deref().map(|reason| format!(": {reason}"));
        // a String takes everything
        let _infallible = writeln!(
            text,
            "{word} {} {value}{}",
            step.measurement_name(&measurement.name),
            reason.unwrap_or_default()
        );
    }
    text
}
