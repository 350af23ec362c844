//! The error witness: how a model reports that it did not do what it was told.

use benchtop_instrument::{Error, ErrorKind, Moment, Operation, Prompts, Session, SessionExt};

use crate::{acknowledged::Acknowledged, response, template::Template};

/// How a model reports its own errors.
#[derive(Clone, Debug)]
pub enum ErrorCheck {
    /// A queue, read until it says 0: `SYST:ERR?`.
    Queue(Template),
    /// The standard event status register: `*ESR?`, bits 2 to 5.
    EventStatus(Template),
    /// A prompt behind every message, read with it on a session that is [`over`](ErrorCheck::over) the instrument's.
    Acknowledge(Prompts),
    /// It reports nothing: what was set is read back, function by function.
    Readback,
}

/// Query, device-dependent, execution and command error (IEEE 488.2, section 11.5.1.1).
const ERROR_BITS: i64 = 0b0011_1100;

impl ErrorCheck {
    /// Most entries that are read out of an error queue at once.
    pub const MOST: usize = 32;

    /// Whether it has a report of its own that can be asked for.
    #[must_use]
    pub const fn reports(&self) -> bool {
        match self {
            Self::Queue(_) | Self::EventStatus(_) => true,
            Self::Acknowledge(_) | Self::Readback => false,
        }
    }

    /// What it says behind every message, where it does.
    #[must_use]
    pub const fn prompts(&self) -> Option<&Prompts> {
        match self {
            Self::Acknowledge(prompts) => Some(prompts),
            Self::Queue(_) | Self::EventStatus(_) | Self::Readback => None,
        }
    }

    /// The session that the instrument is driven on: one that reads its prompts where it has them, else the same.
    #[must_use]
    pub fn over(&self, session: Box<dyn Session>) -> Box<dyn Session> {
        match self.prompts() {
            Some(prompts) => Box::new(Acknowledged::new(session, prompts.clone())),
            None => session,
        }
    }

    /// Reads every error that is there, oldest first; at most [`ErrorCheck::MOST`].
    ///
    /// # Errors
    /// What the session said, or `Garbled`.
    pub async fn drain(&self, session: &mut dyn Session, deadline: Moment) -> Result<Vec<String>, Error> {
        match self {
            Self::Queue(query) => drain_queue(session, &query.fill(&[]), deadline).await,
            Self::EventStatus(query) => {
                let answer = session.query(&query.fill(&[]), deadline).await?;
                let status = whole_number(session, &answer)?;
                Ok(event_errors(status))
            }
            Self::Acknowledge(_) | Self::Readback => Ok(Vec::new()),
        }
    }

    /// Fails with everything that the instrument has to report.
    ///
    /// # Errors
    /// `Instrument` with the instrument's own words, or what the session said.
    pub async fn check(&self, session: &mut dyn Session, operation: Operation, deadline: Moment) -> Result<(), Error> {
        let errors = self
            .drain(session, deadline)
            .await
            .map_err(|error| error.during(operation))?;
        if errors.is_empty() {
            return Ok(());
        }
        let message = format!("the instrument reports {}", listed(&errors));
        Err(Error::new(
            ErrorKind::Instrument,
            operation,
            session.resource(),
            message,
        ))
    }
}

async fn drain_queue(session: &mut dyn Session, query: &str, deadline: Moment) -> Result<Vec<String>, Error> {
    let mut errors = Vec::new();
    while errors.len() < ErrorCheck::MOST {
        let answer = session.query(query, deadline).await?;
        let code = response::values(&answer)
            .first()
            .copied()
            .unwrap_or_default()
            .to_owned();
        // a code whose text is cut or garbled may be half of another one; some have a blank for the comma: `0  No Error`
        let number = if is_whole(&answer) {
            whole_number(session, code.split_whitespace().next().unwrap_or(&code))?
        } else {
            whole_number(session, &answer)?
        };
        if number == 0 {
            return Ok(errors);
        }
        errors.push(answer.trim().to_owned());
    }
    Ok(errors)
}

/// A report as it was sent: its quotes are closed, and nothing in it is unprintable.
fn is_whole(report: &str) -> bool {
    report.matches('"').count().is_multiple_of(2) && !report.trim().chars().any(char::is_control)
}

/// Errors one after the other, those that come again counted.
fn listed(errors: &[String]) -> String {
    let runs = errors.chunk_by(|first, second| first == second);
    let texts = runs.filter_map(|run| match (run.first()?, run.len()) {
        (error, 1) => Some(error.clone()),
        (error, times) => Some(format!("{error} ({times} times)")),
    });
    texts.collect::<Vec<_>>().join("; ")
}

fn whole_number(session: &dyn Session, text: &str) -> Result<i64, Error> {
    text.trim().parse().map_err(|error: std::num::ParseIntError| {
        let shown: String = text.chars().take(60).flat_map(char::escape_default).collect();
        let message = format!("expected an error report, got `{shown}`");
        Error::new(ErrorKind::Garbled, Operation::Read, session.resource(), message).with_source(error)
    })
}

fn event_errors(status: i64) -> Vec<String> {
    let names = [
        (2, "query error"),
        (3, "device-dependent error"),
        (4, "execution error"),
        (5, "command error"),
    ];
    let set = names.iter().filter(|(bit, _)| status & ERROR_BITS & (1 << bit) != 0);
    set.map(|(bit, name)| format!("{name} (event status bit {bit})"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_that_is_cut_or_garbled_is_no_report() {
        for (report, whole) in [
            ("+0,\"No error\"", true),
            ("0", true),
            ("0, No error \r", true),
            ("-113,\"Undefined header;\"\"FOO\"\"\"", true),
            ("+0,\"No", false),
            ("+0,\"No\u{15}?~", false),
            ("0,\u{15}?~", false),
        ] {
            assert_eq!(is_whole(report), whole, "{report:?}");
        }
    }

    #[test]
    fn errors_that_come_again_are_counted() {
        let errors = ["-310", "-310", "-350", "-310"].map(str::to_owned);
        assert_eq!(listed(&errors), "-310 (2 times); -350; -310");
    }
}
