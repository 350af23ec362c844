//! Anything at all, answered by an instrument: what becomes of it in the framer, the response parser and the driver.
//!
//! The first byte chooses what is asked. The answers must be cut the same wherever the stream is split, and nothing but a
//! number is a reading.

#![no_main]

use async_trait::async_trait;
use benchtop_instrument::{
    Clock, Error, ErrorKind, Function, Instrument, Measure, Moment, Operation, OutputSetting, RangeRequest, Reading,
    Resource, Session, SessionState, Setting,
};
use benchtop_scpi::{Definition, Number, Options, ScpiInstrument};
use benchtop_transport::Framer;
use std::{
    collections::VecDeque,
    sync::{Arc, LazyLock},
};
use time::{Steps, at_once};

macro_rules! definition {
    ($name:literal) => {
        benchtop_scpi::parse(
            $name,
            $name,
            include_str!(concat!("../../instruments/", $name, "/driver.toml")),
        )
    };
}

static DEFINITIONS: LazyLock<Vec<Arc<Definition>>> = LazyLock::new(|| {
    let parsed = [
        definition!("keysight/34461a"),
        definition!("keysight/e36312a"),
        definition!("hp/34401a"),
        definition!("keithley/2000"),
        definition!("keithley/dmm6500"),
    ];
    parsed.into_iter().flatten().map(Arc::new).collect()
});

/// Answers what it was told to, one message after the other, and then nothing.
struct Script {
    resource: Resource,
    answers: VecDeque<Vec<u8>>,
    state: SessionState,
}

impl Script {
    fn fail(&mut self, kind: ErrorKind, operation: Operation) -> Error {
        self.state = SessionState::Desynchronised;
        Error::new(kind, operation, &self.resource, "the script says so")
    }
}

#[async_trait]
impl Session for Script {
    fn resource(&self) -> &Resource {
        &self.resource
    }

    fn state(&self) -> SessionState {
        self.state
    }

    async fn write(&mut self, _: &[u8], _: Moment) -> Result<(), Error> {
        match self.state {
            SessionState::Ready => Ok(()),
            SessionState::Desynchronised | SessionState::Disconnected | SessionState::Closed => {
                Err(self.fail(ErrorKind::Desynchronised, Operation::Write))
            }
        }
    }

    async fn read(&mut self, _: Moment) -> Result<Vec<u8>, Error> {
        match self.answers.pop_front() {
            Some(answer) => Ok(answer),
            None => Err(self.fail(ErrorKind::Timeout, Operation::Read)),
        }
    }

    async fn clear(&mut self, _: Moment) -> Result<(), Error> {
        Ok(())
    }

    async fn status_byte(&mut self, _: Moment) -> Result<u8, Error> {
        Ok(0)
    }

    async fn recover(&mut self, _: Moment) -> Result<(), Error> {
        self.state = SessionState::Ready;
        Ok(())
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.state = SessionState::Closed;
        Ok(())
    }
}

/// The messages of a stream that arrives in pieces; nothing if it cannot be cut.
fn framed(stream: &[u8], piece: usize) -> Option<Vec<Vec<u8>>> {
    let (mut framer, mut messages) = (Framer::default(), Vec::new());
    for chunk in stream.chunks(piece) {
        framer.push(chunk);
        while let Some(message) = framer.next_message().ok()? {
            messages.push(message);
        }
    }
    Some(messages)
}

fn parse(text: &str) {
    match benchtop_scpi::number(text, None) {
        Ok(Number::Value(value)) => assert!(value.to_f64().is_finite(), "{text}"),
        Ok(Number::Overrange(_) | Number::NotANumber) => {}
        Err(error) => assert!(error.to_string().len() < 1000),
    }
    drop(benchtop_scpi::string(text));
    for value in benchtop_scpi::values(text) {
        assert!(text.contains(value));
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    assert_eq!(DEFINITIONS.len(), 5);
    let Some((choice, stream)) = data.split_first() else {
        return;
    };
    let whole = framed(stream, stream.len().max(1));
    assert_eq!(framed(stream, 1), whole);
    assert_eq!(framed(stream, 7), whole);
    let Some(answers) = whole else { return };
    answers
        .iter()
        .filter_map(|answer| std::str::from_utf8(answer).ok())
        .for_each(parse);

    let choice = usize::from(*choice);
    let Some(definition) = DEFINITIONS.get(choice % DEFINITIONS.len()) else {
        return;
    };
    let clock: Arc<dyn Clock> = Arc::new(Steps::default());
    let script = Script {
        resource: Resource::Simulated {
            bench: "fuzz".to_owned(),
            name: "script".to_owned(),
        },
        answers: answers.iter().cloned().collect(),
        state: SessionState::Ready,
    };
    let mut instrument = ScpiInstrument::new(Box::new(script), Arc::clone(definition), clock, Options::default());
    if choice & 128 != 0 {
        drop(at_once(instrument.prepare()));
    }
    let function = if choice & 64 == 0 {
        Function::DcVoltage
    } else {
        Function::Resistance
    };
    let request = Measure {
        range: if choice & 32 == 0 {
            RangeRequest::Auto
        } else {
            RangeRequest::Default
        },
        ..Measure::of(function)
    };
    let reading: Result<Reading, Error> = at_once(instrument.measure(&request));
    if let Ok(reading) = reading {
        // what became a reading was said
        assert!(
            answers.iter().any(|answer| answer == reading.text.as_bytes()),
            "{reading:?}"
        );
    }
    let off = OutputSetting {
        output_enabled: Some(false),
        ..OutputSetting::of_channel(1)
    };
    drop(at_once(instrument.set(&Setting::Output(off))));
    drop(at_once(instrument.make_safe()));
    drop(at_once(instrument.query("*IDN?")));
});
