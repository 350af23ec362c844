//! `benchtop measure` and `benchtop query`: the bench by hand.

use crate::{
    args::{Format, MeasureArguments, QueryArguments},
    exit::{Exit, Failure},
    locks,
    terminal::{self, Line, PLAIN, QUIET},
};
use benchtop_instrument::{
    Clock, Error, ErrorKind, Function, LineSettings, Measure, Moment, Operation, Polarity, Quantity, RangeRequest,
    Reading, ReadingKind, RealClock, Resource, Session, SessionExt,
};
use benchtop_notation::{Diagnostics, Span, Spanned, suggest};
use benchtop_scpi::{Definition, LineChanges};
use benchtop_station::{Catalogue, Options, open_instrument, open_session};
use benchtop_transport::{TraceEvent, TraceSink, Traced};
use std::{sync::Arc, time::Duration};

fn parse_resource(text: &str) -> Result<Resource, Failure> {
    text.parse().map_err(|error| Failure::refused(format!("{error}")))
}

fn failed(error: Error) -> Failure {
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

pub(crate) async fn measure(arguments: MeasureArguments, catalogue: &Catalogue) -> Result<Exit, Failure> {
    let resource = parse_resource(&arguments.resource)?;
    let mut request = request(&arguments)?;
    let clock = RealClock::shared();
    let _lock = locks::take("the instrument", &resource)?;
    let definition = match &arguments.driver {
        Some(name) => named(name, catalogue)?,
        None => by_identity(&resource, arguments.baud, &clock, catalogue).await?,
    };
    let has_ranges = definition
        .functions
        .get(&request.function)
        .is_some_and(|function| !function.capability.ranges.is_empty());
    if request.range == RangeRequest::Auto && !has_ranges {
        request.range = RangeRequest::Default;
    }
    let options = Options {
        line: line(arguments.baud),
        ..Options::default()
    };
    let opened = open_instrument(&resource, definition, options, &clock).await;
    let mut instrument = opened.map_err(failed)?;
    // by hand nothing is reset: a supply would switch off; only what an earlier user left in the queue is dropped
    instrument.recover().await.map_err(failed)?;
    let reading = instrument.measure(&request).await;
    let closed = instrument.close().await;
    let reading = reading.map_err(failed)?;
    closed.map_err(failed)?;
    show(&reading, arguments.format);
    Ok(Exit::Success)
}

fn request(arguments: &MeasureArguments) -> Result<Measure, Failure> {
    let known = Function::ALL.iter().find(|(word, _)| *word == arguments.function);
    let Some((_, function)) = known else {
        let near = suggest(&arguments.function, Function::ALL.iter().map(|(word, _)| *word));
        let help = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        return Err(Failure::refused(format!(
            "there is no function `{}`{help}",
            arguments.function
        )));
    };
    let range = match arguments.range.as_str() {
        "auto" => RangeRequest::Auto,
        text => {
            let quantity: Quantity = text
                .parse()
                .map_err(|error| Failure::refused(format!("--range {text}: {error}")))?;
            RangeRequest::AtLeast(quantity)
        }
    };
    let nplc = match &arguments.nplc {
        Some(text) => Some(
            text.parse()
                .map_err(|error| Failure::refused(format!("--nplc {text}: {error}")))?,
        ),
        None => None,
    };
    Ok(Measure {
        channel: arguments.channel,
        function: *function,
        range,
        nplc,
    })
}

fn line(baud: Option<u32>) -> LineChanges {
    LineChanges {
        baud,
        ..LineChanges::default()
    }
}

fn named(name: &str, catalogue: &Catalogue) -> Result<Arc<Definition>, Failure> {
    let written = Spanned::new(name.to_owned(), Span::of_file("--driver"));
    catalogue.driver(&written).map_err(refused)
}

fn refused(findings: Diagnostics) -> Failure {
    Failure::refused(findings.render_short().trim_end().to_owned())
}

/// The definition whose identity pattern fits what answers.
async fn by_identity(
    resource: &Resource,
    baud: Option<u32>,
    clock: &Arc<dyn Clock>,
    catalogue: &Catalogue,
) -> Result<Arc<Definition>, Failure> {
    let line = line(baud).over(LineSettings::default());
    let mut session = open_session(resource, &line, clock).await.map_err(failed)?;
    let answer = session.query("*IDN?", clock.now().after(Duration::from_secs(5))).await;
    drop(session.close().await);
    let answer = answer.map_err(failed)?;
    for name in catalogue.drivers.keys() {
        let definition = named(name, catalogue)?;
        if definition.identity.is_match(answer.trim()) {
            return Ok(definition);
        }
    }
    let known: Vec<&str> = catalogue.drivers.keys().map(String::as_str).collect();
    let answer = benchtop_notation::escape(answer.trim()).into_owned();
    let message = format!(
        "no driver fits `{answer}`; there are {} (or name one with --driver)",
        known.join(", ")
    );
    Err(Failure::refused(message))
}

fn show(reading: &Reading, format: Format) {
    let (value, words) = match reading.kind {
        ReadingKind::Value(quantity) => (Some(quantity), quantity.to_string()),
        ReadingKind::Overrange(Polarity::Positive) => (None, "overrange".to_owned()),
        ReadingKind::Overrange(Polarity::Negative) => (None, "overrange (negative)".to_owned()),
        ReadingKind::NotANumber => (None, "not a number".to_owned()),
    };
    match format {
        Format::Human => {
            let range = reading
                .range_in_use
                .map(|range| format!("  range {range}"))
                .unwrap_or_default();
            let nplc = reading.nplc.map(|nplc| format!("  nplc {nplc}")).unwrap_or_default();
            terminal::say(&Line::new().add(PLAIN, &words).add(QUIET, &format!("{range}{nplc}")));
        }
        Format::Json => terminal::emit(
            &serde_json::json!({
                "value": value.map(|quantity| quantity.value.to_f64()),
                "unit": value.map(|quantity| quantity.unit.to_string()),
                "reading": words,
                "raw": reading.text,
                "range": reading.range_in_use.map(|range| range.to_string()),
                "nplc": reading.nplc.map(|nplc| nplc.to_f64()),
            })
            .to_string(),
        ),
    }
}

pub(crate) async fn query(arguments: QueryArguments) -> Result<Exit, Failure> {
    let resource = parse_resource(&arguments.resource)?;
    let timeout = Duration::try_from_secs_f64(arguments.timeout)
        .map_err(|error| Failure::refused(format!("--timeout {}: {error}", arguments.timeout)))?;
    if arguments.message.trim().is_empty() || arguments.message.contains(['\n', '\r']) {
        return Err(Failure::refused("a program message is one line and not empty"));
    }
    let clock = RealClock::shared();
    let _lock = locks::take("the instrument", &resource)?;
    let line = line(arguments.baud).over(LineSettings::default());
    let opened = open_session(&resource, &line, &clock).await.map_err(failed)?;
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

async fn exchange(session: &mut dyn Session, message: &str, deadline: Moment) -> Result<Option<Vec<u8>>, Error> {
    session
        .write(message.as_bytes(), deadline)
        .await
        .map_err(|error| error.during(Operation::Write))?;
    if !message.contains('?') {
        return Ok(None);
    }
    session.read(deadline).await.map(Some)
}

/// Writes the trace to standard error.
#[derive(Debug)]
struct AsideTrace;

impl TraceSink for AsideTrace {
    fn trace(&self, _resource: &Resource, at: Moment, event: TraceEvent) {
        let text = match event {
            TraceEvent::Written(bytes) => format!("> {}", String::from_utf8_lossy(&bytes)),
            TraceEvent::Read(bytes) => format!("< {}", String::from_utf8_lossy(&bytes)),
            TraceEvent::Failed(error) => format!("! {error}"),
            TraceEvent::Recovered => "recovered".to_owned(),
            TraceEvent::Cleared => "device clear".to_owned(),
            TraceEvent::Closed => "closed".to_owned(),
        };
        terminal::say_aside(
            &Line::new()
                .add(QUIET, &format!("{:>10.6} ", at.since_start().as_secs_f64()))
                .add(PLAIN, &text),
        );
    }
}
