//! The transcripts of real instruments and of their manuals, which outrank this crate.

use super::{SOON, ask, model, on_virtual_clock};
use crate::SimulatedBench;
use benchtop_instrument::ClockExt;
use std::sync::Arc;

/// Kinds of evidence whose answers were given by an instrument or printed in its manual.
const ANSWERS_COUNT: [&str; 2] = ["kind: real unit", "kind: manual example"];

/// Another model.
const OTHERS: [&str; 1] = ["SIBLING"];

/// Examples that show fewer digits than the instruments send.
const SHORTENED: [&str; 1] = ["p.5-38"];

/// Dialogues that were held over a serial line.
const SERIAL: [&str; 3] = ["SYST:REM", "RS-232", "USART"];

/// Messages that ask for the error themselves.
const ERRORS: [&str; 1] = ["SYST:ERR"];

/// What the real ones do and these do not: refused, not ignored.
const NOT_SIMULATED: [&str; 3] = ["OUTPUT:PAIR PARALLEL", "OUTPUT:PAIR SERIES", "OUTPUT:TRACK:STATE ON"];

/// Plays the messages of a transcript. Each must be legal; answers that count must have the form of ours. At least so many
/// messages and answers.
async fn replay(model_name: &'static str, transcript: &'static str, least: (usize, usize)) {
    let model = model(model_name);
    on_virtual_clock(move |clock| async move {
        let (mut played, mut compared) = (0, 0);
        for dialogue in transcript.split("\n# source:").skip(1) {
            if OTHERS.iter().any(|text| dialogue.contains(text)) {
                continue;
            }
            let answers_count = ANSWERS_COUNT.iter().any(|kind| dialogue.contains(kind))
                && !SHORTENED.iter().any(|text| dialogue.contains(text));
            let bench = SimulatedBench::lone(model_name, &model, Arc::clone(&clock));
            let serial = SERIAL.iter().any(|word| dialogue.contains(word));
            let session = if serial {
                bench.serial_session("instrument")
            } else {
                bench.session("instrument")
            };
            let mut session = session.unwrap();
            // what a dialogue does not say is as after a reset
            if dialogue.contains("INIT") {
                ask(&mut session, &*clock, "*RST").await;
            }
            let lines: Vec<&str> = dialogue.lines().collect();
            for (place, line) in lines.iter().enumerate() {
                let Some(message) = line.strip_prefix("> ") else {
                    continue;
                };
                if message == "R? 3" {
                    ask(&mut session, &*clock, "SAMP:COUN 3;:INIT;*WAI").await;
                }
                played += 1;
                // a trigger from outside never comes
                if dialogue.contains("TRIG:SOUR EXT") && ["INIT", "READ?", "FETC?"].contains(&message) {
                    let soon = clock.now().after(SOON);
                    session.write(message.as_bytes(), soon).await.unwrap();
                    session.clear(soon).await.unwrap();
                    ask(&mut session, &*clock, "*CLS").await;
                    continue;
                }
                // a character of the line, not a message
                if message.starts_with('<') {
                    continue;
                }
                let got = ask(&mut session, &*clock, message).await;
                if message.trim_start_matches(':').starts_with("INIT") {
                    clock.sleep(SOON * 20).await;
                }
                let expected = lines.get(place + 1).and_then(|line| line.strip_prefix("< "));
                if let (Some(expected), true) = (expected, answers_count) {
                    compared += 1;
                    let got = got.unwrap_or_default();
                    assert_eq!(form(&got), form(expected), "{message}: {got}, a real one: {expected}");
                }
                let asks = lines.get(place + 1).or(lines.get(place + 2));
                let shows_error = |line: &&&str| line.contains("SYST:ERR");
                if ERRORS.iter().any(|word| message.contains(word)) || asks.filter(shows_error).is_some() {
                    continue;
                }
                let error = ask(&mut session, &*clock, "SYST:ERR?").await;
                let expected = if NOT_SIMULATED.contains(&message) {
                    "-224,\"Illegal parameter value\""
                } else {
                    "+0,\"No error\""
                };
                let none = error.as_deref().is_some_and(|error| error.starts_with("0,"));
                assert!(none || error.as_deref() == Some(expected), "{message}: {error:?}");
            }
        }
        assert!(
            played >= least.0 && compared >= least.1,
            "{played} messages, {compared} answers"
        );
    })
    .await;
}

/// What an answer looks like: numbers are numbers of so many digits, the rest is what it says.
///
/// Of an identity only the first two fields count: serial number and firmware differ from unit to unit.
fn form(answer: &str) -> String {
    let fields: Vec<&str> = answer.split(',').collect();
    let makers = ["Technologies", "HEWLETT-PACKARD", "KEITHLEY"];
    if let [manufacturer, model, _, _] = fields.as_slice()
        && makers.iter().any(|maker| manufacturer.contains(maker))
    {
        // firmware before 2.0 said Agilent (KG p.270)
        return format!("{},{model}", manufacturer.replace("Agilent", "Keysight"));
    }
    if answer.parse::<i64>().is_ok() {
        return if answer.starts_with(['+', '-']) { "±0" } else { "0" }.to_owned();
    }
    let signless = answer.replace(['+', '-'], "±");
    signless
        .chars()
        .map(|character| if character.is_ascii_digit() { '0' } else { character })
        .collect()
}

#[tokio::test]
async fn the_34461a_answers_as_real_ones_and_the_manual_do() {
    replay(
        "keysight/34461a",
        include_str!("../../../../instruments/keysight/34461a/transcript.txt"),
        (11, 1),
    )
    .await;
}

#[tokio::test]
async fn the_e36312a_answers_as_real_ones_do() {
    replay(
        "keysight/e36312a",
        include_str!("../../../../instruments/keysight/e36312a/transcript.txt"),
        (11, 1),
    )
    .await;
}

#[tokio::test]
async fn the_34401a_answers_as_real_ones_and_the_manual_do() {
    replay(
        "hp/34401a",
        include_str!("../../../../instruments/hp/34401a/transcript.txt"),
        (11, 1),
    )
    .await;
}

#[tokio::test]
async fn the_2000_answers_as_real_ones_and_the_manual_do() {
    replay(
        "keithley/2000",
        include_str!("../../../../instruments/keithley/2000/transcript.txt"),
        (11, 1),
    )
    .await;
}

#[tokio::test]
async fn the_dmm6500_answers_as_real_ones_and_the_manual_do() {
    replay(
        "keithley/dmm6500",
        include_str!("../../../../instruments/keithley/dmm6500/transcript.txt"),
        (11, 1),
    )
    .await;
}

#[tokio::test]
async fn the_2000_takes_what_others_send_to_its_scanner() {
    replay(
        "keithley/2000-scan",
        include_str!("../../../../instruments/keithley/2000-scan/transcript.txt"),
        (7, 0),
    )
    .await;
}
