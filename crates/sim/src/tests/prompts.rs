//! A model that says behind every message what became of it, byte by byte.

use super::model;
use crate::{Dialogue, Fault, Line, SimulatedBench};
use benchtop_instrument::VirtualClock;
use std::sync::Arc;

const METER: &str = "fluke/45-rs232";

fn bench() -> (SimulatedBench, String) {
    let bench = SimulatedBench::lone(METER, &model(METER), Arc::new(VirtualClock::new()));
    let name = bench.instrument_names().next().unwrap().to_owned();
    (bench, name)
}

#[tokio::test]
async fn a_prompt_stands_behind_every_message_and_its_answer() {
    let (bench, name) = bench();
    let mut line = Dialogue::new(&bench.instrument(&name).unwrap(), Line::Serial).unwrap();
    for (sent, said) in [
        ("RATE S\r\n", "=>\r\n"),
        ("RATE?\r\n", "S\r\n=>\r\n"),
        ("NONSENSE\n", "?>\r\n"),
        ("NONSENSE?\n", "?>\r\n"),
        ("FORMAT 7\r", "!>\r\n"),
        ("RATE?;FORMAT 7\n", "S\r\n!>\r\n"),
        // the last error is the one that is told, and nothing of it is left for the next message
        ("FORMAT 7;NONSENSE\n", "?>\r\n"),
        ("RATE M;RATE?\n", "M\r\n=>\r\n"),
        // several messages at once, and what has nothing in it
        ("RATE F\nRATE?\n\n", "=>\r\nF\r\n=>\r\n"),
    ] {
        let answer = String::from_utf8(line.exchange(sent.as_bytes())).unwrap();
        assert_eq!(answer, said, "{sent:?}");
    }
    bench.set_fault(&name, Fault::NoAnswer);
    assert_eq!(
        line.exchange(b"RATE?\nRATE S\n"),
        b"",
        "a lost answer takes its prompt along"
    );
}

#[tokio::test]
async fn a_message_too_long_is_not_carried_out_and_told_so_once() {
    let (bench, name) = bench();
    let mut line = Dialogue::new(&bench.instrument(&name).unwrap(), Line::Serial).unwrap();
    let long = format!("RATE {}\n", "S".repeat(100_000));
    assert_eq!(line.exchange(long.as_bytes()), b"!>\r\n");
    assert_eq!(line.exchange(b"*IDN?\n"), b"FLUKE, 45,SIM-45-RS232, 2.0 D2.0\r\n=>\r\n");
}
