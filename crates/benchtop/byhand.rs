//! The bench by hand: which instrument, what drives it, and `benchtop query`.

use crate::{
    args::QueryArguments,
    exit::{Exit, Failure},
    locks,
    terminal::{self, Line, PLAIN, QUIET},
};
use benchtop_instrument::{
    Clock, Error, ErrorKind, Instrument, LineSettings, Moment, Operation, RealClock, Resource, Session, SessionExt,
};
use benchtop_notation::{Diagnostics, Span, Spanned, brief};
use benchtop_scpi::{Definition, LineChanges};
use benchtop_station::{Catalogue, Options, Recorder, drive, open_session};
use benchtop_transport::{TraceEvent, TraceSink, Traced};
use std::{sync::Arc, time::Duration};

/// How long the answer to `*IDN?` may take.
pub(crate) const IDENTITY: Duration = Duration::from_secs(5);

pub(crate) fn parse_resource(text: &str) -> Result<Resource, Failure> {
    text.parse().map_err(|error| Failure::refused(format!("{error}")))
}

pub(crate) fn failed(error: Error) -> Failure {
    match error.kind() {
        ErrorKind::OutOfRange | ErrorKind::Unsupported => Failure::refused(error.to_string()),
        ErrorKind::Timeout
        | ErrorKind::Disconnected
        | ErrorKind::Desynchronised
        | ErrorKind::Instrument
        | ErrorKind::Garbled
        | ErrorKind::Readback
        | ErrorKind::WrongIdentity
        | ErrorKind::Io => Failure::error(error.to_string()),
    }
}

/// Where an instrument is, and how to get there.
pub(crate) struct Place<'a> {
    pub(crate) resource: &'a Resource,
    pub(crate) baud: Option<u32>,
    pub(crate) recorder: Option<Arc<Recorder>>,
    pub(crate) clock: &'a Arc<dyn Clock>,
}

impl Place<'_> {
    pub(crate) async fn session(&self, line: &LineSettings) -> Result<Box<dyn Session>, Failure> {
        let session = open_session(self.resource, line, self.clock).await.map_err(failed)?;
        Ok(match &self.recorder {
            Some(recorder) => recorder.record("instrument", session, self.clock),
            None => session,
        })
    }

    /// Opens a session and queries the identity: the session, and what came of the query.
    pub(crate) async fn query_identity(
        &self,
        line: &LineChanges,
        timeout: Duration,
    ) -> Result<(Box<dyn Session>, Result<String, Error>), Failure> {
        let mut session = self.session(&line.over(LineSettings::default())).await?;
        let deadline = self.clock.now().after(timeout);
        let answer = session.query("*IDN?", deadline).await;
        Ok((session, answer))
    }

    /// The session to an instrument that is known by now: on a serial line that is set up otherwise, another one.
    pub(crate) async fn on_its_line(
        &self,
        mut session: Box<dyn Session>,
        definition: &Definition,
        line: &LineChanges,
    ) -> Result<Box<dyn Session>, Failure> {
        let its_line = definition.line(line);
        if matches!(self.resource, Resource::Serial { .. }) && its_line != line.over(LineSettings::default()) {
            drop(session.close().await);
            session = self.session(&its_line).await?;
        }
        Ok(session)
    }
}

/// Opens an instrument by the named driver, or by the one that fits who answers.
pub(crate) async fn open(
    place: &Place<'_>,
    driver: Option<&str>,
    catalogue: &Catalogue,
) -> Result<(Arc<Definition>, Box<dyn Instrument>), Failure> {
    let options = Options {
        line: line(place.baud),
        ..Options::default()
    };
    let (definition, session) = match driver {
        Some(name) => {
            let definition = named(name, catalogue)?;
            let session = place.session(&definition.line(&options.line)).await?;
            (definition, session)
        }
        None => by_identity(place, &options, catalogue).await?,
    };
    let instrument = drive(session, Arc::clone(&definition), options, place.clock);
    Ok((definition, instrument))
}

pub(crate) fn line(baud: Option<u32>) -> LineChanges {
    LineChanges {
        baud,
        ..LineChanges::default()
    }
}

pub(crate) fn named(name: &str, catalogue: &Catalogue) -> Result<Arc<Definition>, Failure> {
    let written = Spanned::new(name.to_owned(), Span::of_file("--driver"));
    catalogue.driver(&written).map_err(refused)
}

fn refused(findings: Diagnostics) -> Failure {
    Failure::refused(findings.render_short().trim_end().to_owned())
}

/// The definition whose identity pattern fits what answers, and a session for it.
async fn by_identity(
    place: &Place<'_>,
    options: &Options,
    catalogue: &Catalogue,
) -> Result<(Arc<Definition>, Box<dyn Session>), Failure> {
    let (session, answer) = place.query_identity(&options.line, IDENTITY).await?;
    let answer = answer.map_err(failed)?;
    let Some(definition) = who_answers(&answer, catalogue)? else {
        let known: Vec<&str> = catalogue.drivers.keys().map(String::as_str).collect();
        let answer = brief(&answer);
        let message = format!(
            "no driver fits `{answer}`; there are {} (or name one with --driver)",
            known.join(", ")
        );
        return Err(Failure::refused(message));
    };
    let session = place.on_its_line(session, &definition, &options.line).await?;
    Ok((definition, session))
}

/// The definition that an answer to `*IDN?` fits; a generic one fits anything, and is only used when it is named.
pub(crate) fn who_answers(identity: &str, catalogue: &Catalogue) -> Result<Option<Arc<Definition>>, Failure> {
    for name in catalogue.drivers.keys().filter(|name| !name.starts_with("generic/")) {
        let definition = named(name, catalogue)?;
        if definition.identity.is_match(identity.trim()) {
            return Ok(Some(definition));
        }
    }
    Ok(None)
}

pub(crate) async fn query(arguments: QueryArguments, recorder: Option<Arc<Recorder>>) -> Result<Exit, Failure> {
    let resource = parse_resource(&arguments.resource)?;
    let timeout = parse_timeout(arguments.timeout)?;
    if arguments.message.trim().is_empty() || arguments.message.contains(['\n', '\r']) {
        return Err(Failure::refused("a program message is one line and not empty"));
    }
    let clock = RealClock::shared();
    let _lock = locks::take("the instrument", &resource)?;
    let place = Place {
        resource: &resource,
        baud: arguments.baud,
        recorder,
        clock: &clock,
    };
    let opened = place
        .session(&line(arguments.baud).over(LineSettings::default()))
        .await?;
    let mut session: Box<dyn Session> = if arguments.trace {
        Box::new(Traced::new(opened, Arc::clone(&clock), Arc::new(AsideTrace)))
    } else {
        opened
    };
    let answer = exchange(session.as_mut(), &arguments.message, clock.now().after(timeout)).await;
    let closed = session.close().await;
    if let Some(answer) = answer.map_err(failed)? {
        terminal::say(&Line::new().add(PLAIN, &String::from_utf8_lossy(&answer)));
    }
    closed.map_err(failed)?;
    Ok(Exit::Success)
}

pub(crate) fn parse_timeout(seconds: f64) -> Result<Duration, Failure> {
    Duration::try_from_secs_f64(seconds).map_err(|error| Failure::refused(format!("--timeout {seconds}: {error}")))
}

/// Sends a program message; reads the answer if it is a query.
pub(crate) async fn exchange(
    session: &mut dyn Session,
    message: &str,
    deadline: Moment,
) -> Result<Option<Vec<u8>>, Error> {
    session
        .write(message.as_bytes(), deadline)
        .await
        .map_err(|error| error.during(Operation::Write))?;
    if !is_query(message) {
        return Ok(None);
    }
    session.read(deadline).await.map(Some)
}

/// True for a message with a `?` that does not stand in quotes.
fn is_query(message: &str) -> bool {
    let mut quote = None;
    for character in message.chars() {
        match (quote, character) {
            (None, '?') => return true,
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            (None | Some(_), _) => {}
        }
    }
    false
}

/// Writes the trace to standard error.
#[derive(Debug)]
struct AsideTrace;

impl TraceSink for AsideTrace {
    fn trace(&self, _resource: &Resource, at: Moment, event: TraceEvent) {
        terminal::say_aside(
            &Line::new()
                .add(QUIET, &format!("{:>10.6} ", at.since_start().as_secs_f64()))
                .add(PLAIN, &event.to_string()),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::is_query;

    #[test]
    fn a_question_mark_in_quotes_asks_nothing() {
        for (message, expected) in [
            ("*IDN?", true),
            ("VOLT 3.3;VOLT?", true),
            ("DISP:TEXT \"ready?\"", false),
            ("DISP:TEXT 'ready?';*OPC?", true),
            ("DISP:TEXT \"say \"\"what?\"\" twice\"", false),
            ("DISP:TEXT \"it's?\"", false),
            ("*RST", false),
        ] {
            assert_eq!(is_query(message), expected, "{message}");
        }
    }
}
