//! `--junit FILE`: the runs as CI reads them. A run is a test suite, a step a test case.
//!
//! Fail is a `failure`; Error, Timeout and Aborted are an `error`; a step that did not run is `skipped`. A run that ended worse
//! than its steps say has a case of its own, "the run", so that no reader takes it for good.

use crate::exit::Failure;
use benchtop_run::RunOutcome;
use benchtop_store::{
    Record,
    record::{self, MeasurementOutcome, StepOutcome, Value},
};
use std::{
    fmt::Write as _,
    fs::File,
    io::{self, Write as _},
    path::Path,
};

/// The file, made before anything is tested, and the suites so far.
#[derive(Debug)]
pub(super) struct Report {
    file: File,
    suites: Vec<Suite>,
}

#[derive(Debug, Default)]
struct Suite {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    text: String,
}

impl Report {
    /// Makes the file.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let file =
            File::create(path).map_err(|error| Failure::refused(format!("--junit {}: {error}", path.display())))?;
        Ok(Self {
            file,
            suites: Vec::new(),
        })
    }

    /// Adds a run that is saved.
    pub(super) fn add(&mut self, record: &Record) {
        self.suites.push(suite(record));
    }

    /// Adds a run that could not be saved.
    pub(super) fn add_lost(&mut self, serial: &str) {
        let mut suite = Suite::default();
        suite.case("run", "the run", 0.0, Some(("error", "NOT SAVED")), "");
        suite.wrap(serial, "", "");
        self.suites.push(suite);
    }

    /// Writes it all.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let total = |count: fn(&Suite) -> usize| self.suites.iter().map(count).sum::<usize>();
        let mut text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"benchtop\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">\n",
            total(|suite| suite.tests),
            total(|suite| suite.failures),
            total(|suite| suite.errors),
            total(|suite| suite.skipped),
        );
        self.suites.iter().for_each(|suite| text.push_str(&suite.text));
        text.push_str("</testsuites>\n");
        self.file.write_all(text.as_bytes())?;
        self.file.sync_all()
    }
}

fn suite(record: &Record) -> Suite {
    let mut suite = Suite::default();
    for step in &record.steps {
        let class = format!("{}.{}", record.procedure_id, section(step.section));
        let reason = step.reason.as_deref().unwrap_or_default();
        let verdict = match step.outcome {
            StepOutcome::Pass => None,
            StepOutcome::Fail => Some(("failure", reason)),
            StepOutcome::Skip => Some(("skipped", reason)),
            StepOutcome::Error | StepOutcome::Timeout | StepOutcome::Aborted => Some(("error", reason)),
        };
        let seconds = step.duration_s.unwrap_or(0.0);
        suite.case(&class, &step.name, seconds, verdict, &values(step));
    }
    let outcome = RunOutcome::from(record.outcome);
    let reason = record.reason.as_deref().unwrap_or_default();
    match outcome {
        RunOutcome::Pass => {}
        RunOutcome::Fail if suite.failures > 0 => {}
        RunOutcome::Aborted | RunOutcome::Timeout | RunOutcome::Error if suite.errors > 0 => {}
        RunOutcome::Fail => suite.case(&record.procedure_id, "the run", 0.0, Some(("failure", reason)), ""),
        RunOutcome::Aborted | RunOutcome::Timeout | RunOutcome::Error => {
            let reason = format!("{outcome}: {reason}");
            suite.case(&record.procedure_id, "the run", 0.0, Some(("error", &reason)), "");
        }
    }
    let properties = [
        ("serial_number", record.unit_under_test.serial_number.as_str()),
        ("run_id", &record.run_id),
        ("outcome", outcome.word()),
        ("procedure_version", &record.procedure_version),
        ("station", &record.station.id),
        ("simulated", if record.simulated { "true" } else { "false" }),
    ];
    let property =
        |(name, value): (&str, &str)| format!("    <property name=\"{name}\" value=\"{}\"/>\n", escaped(value));
    let properties: String = properties.into_iter().map(property).collect();
    let name = format!("{} {}", record.procedure_id, record.unit_under_test.serial_number);
    let attributes = format!(
        " time=\"{:.3}\" timestamp=\"{}\"",
        record.duration_s,
        record.started_at.format("%Y-%m-%dT%H:%M:%S")
    );
    suite.wrap(
        &name,
        &attributes,
        &format!("  <properties>\n{properties}  </properties>\n"),
    );
    suite
}

impl Suite {
    fn case(&mut self, class: &str, name: &str, seconds: f64, verdict: Option<(&str, &str)>, output: &str) {
        self.tests += 1;
        match verdict {
            Some(("failure", _)) => self.failures += 1,
            Some(("skipped", _)) => self.skipped += 1,
            Some(_) => self.errors += 1,
            None => {}
        }
        let mut text = format!(
            "  <testcase classname=\"{}\" name=\"{}\" time=\"{seconds:.3}\">",
            escaped(class),
            escaped(name)
        );
        if let Some((element, reason)) = verdict {
            text.push_str(&format!("<{element} message=\"{}\"/>", escaped(reason)));
        }
        if !output.is_empty() {
            text.push_str(&format!("<system-out>{}</system-out>", escaped(output)));
        }
        text.push_str("</testcase>\n");
        self.text.push_str(&text);
    }

    /// Puts the suite around its cases.
    fn wrap(&mut self, name: &str, attributes: &str, properties: &str) {
        let Self {
            tests,
            failures,
            errors,
            skipped,
            ..
        } = *self;
        self.text = format!(
            " <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"{attributes}>\n{properties}{} </testsuite>\n",
            escaped(name),
            self.text
        );
    }
}

const fn section(section: record::Section) -> &'static str {
    match section {
        record::Section::Setup => "setup",
        record::Section::Main => "test",
        record::Section::Teardown => "teardown",
    }
}

/// What was measured, a line each.
fn values(step: &record::Step) -> String {
    let mut text = String::new();
    for measurement in &step.measurements {
        let word = match measurement.outcome {
            MeasurementOutcome::Pass => "PASS",
            MeasurementOutcome::Fail => "FAIL",
            MeasurementOutcome::Unset => "-",
        };
        let value = match &measurement.value {
            None => "no value".to_owned(),
            Some(Value::Number(number)) => format!("{number} {}", measurement.unit),
            Some(Value::Text(text)) => format!("{text:?}"),
            Some(Value::Boolean(truth)) => truth.to_string(),
            Some(Value::Numbers(numbers)) => format!("{} numbers in {}", numbers.len(), measurement.unit),
        };
        let reason = measurement.reason.as_deref().map(|reason| format!(": {reason}"));
        // a String takes everything
        let _infallible = writeln!(
            text,
            "{word} {} {value}{}",
            measurement.name,
            reason.unwrap_or_default()
        );
    }
    text
}

/// Text for an attribute or an element. What XML cannot hold at all is written as its code, `\u{1b}`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' | '\n' | '\r' => out.push_str(&format!("&#{};", u32::from(c))),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_that_a_unit_is_called_breaks_the_file() {
        assert_eq!(
            escaped("<a b=\"c\">&'\u{1b}[2J\n\u{0}\u{ffff}\u{fc}"),
            "&lt;a b=&quot;c&quot;&gt;&amp;&apos;\\u{1b}[2J&#10;\\u{0}\\u{ffff}\u{fc}"
        );
    }
}
