//! Anything at all, sent to simulated instruments.
//!
//! The first byte chooses the model and the line. Byte 0xFF cuts the rest into pieces that arrive one after the other; the
//! byte behind it is how long after each other, in steps of 100 ms.

#![no_main]

use benchtop_sim::{Dialogue, Line, Model, SimulatedBench};
use std::sync::{Arc, LazyLock};
use time::Steps;

/// The longest line of answers that an instrument sends, and a second one behind it.
const MOST_SAID: usize = 2 * 1024 * 1024;

macro_rules! model {
    ($name:literal) => {
        ($name, include_str!(concat!("../../instruments/", $name, "/sim.toml")))
    };
}

static MODELS: LazyLock<Vec<(&str, Model)>> = LazyLock::new(|| {
    let texts = [
        model!("keysight/34461a"),
        model!("keysight/e36312a"),
        model!("hp/34401a"),
        model!("keithley/2000"),
        model!("keithley/dmm6500"),
    ];
    let parsed = texts.map(|(name, text)| Model::parse(name, text).map(|model| (name, model)));
    parsed.into_iter().flatten().collect()
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    assert_eq!(MODELS.len(), 5);
    let Some((choice, mut rest)) = data.split_first() else {
        return;
    };
    let Some((name, model)) = MODELS.get(usize::from(choice >> 1) % MODELS.len()) else {
        return;
    };
    let line = if choice & 1 == 0 { Line::Socket } else { Line::Serial };
    let clock = Arc::new(Steps::default());
    let bench = SimulatedBench::lone(name, model, clock.clone());
    let Some(instrument) = bench.instrument("instrument") else {
        return;
    };
    let Some(mut dialogue) = Dialogue::new(&instrument, line) else {
        return;
    };
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == 0xFF).unwrap_or(rest.len());
        let (piece, behind) = rest.split_at(end);
        assert!(dialogue.exchange(piece).len() <= MOST_SAID);
        let pause = behind.get(1).copied().unwrap_or_default();
        rest = behind.get(2..).unwrap_or_default();
        clock.go_on(u64::from(pause) * 100);
    }
    // a client that comes afterwards finds an instrument that understands; a reading may keep it busy for a while
    let Some(mut other) = Dialogue::new(&instrument, Line::Socket) else {
        return;
    };
    let mut said = other.exchange(b"*IDN?\n");
    for _ in 0..3 {
        clock.go_on(10_000);
        dialogue.exchange(b"");
        said.extend(other.exchange(b""));
    }
    assert!(said.is_empty() || said.ends_with(b"\n"));
});
