//! The transcripts of real instruments and of their manuals, which outrank this crate.

use super::{ask, model, on_virtual_clock};
use crate::SimulatedBench;
use std::sync::Arc;

/// Kinds of evidence whose answers were given by an instrument or printed in its manual.
const ANSWERS_COUNT: [&str; 2] = ["kind: real unit", "kind: manual example"];

/// What the real ones do and these do not: refused, not ignored.
const NOT_SIMULATED: [&str; 3] = ["OUTPUT:PAIR PARALLEL", "OUTPUT:PAIR SERIES", "OUTPUT:TRACK:STATE ON"];

/// Plays the messages of a transcript. Each must be legal; answers that count must have the form of ours.
async fn replay(model_name: &'static str, transcript: &'static str) {
    let model = model(model_name);
    on_virtual_clock(move |clock| async move {
        let (mut played, mut compared) = (0, 0);
        for dialogue in transcript.split("\n# source:").skip(1) {
            // what was heard from another model is no evidence for this one
            if dialogue.contains("SIBLING") {
                continue;
            }
            let answers_count = ANSWERS_COUNT.iter().any(|kind| dialogue.contains(kind));
            let bench = SimulatedBench::lone(model_name, &model, Arc::clone(&clock));
            let mut session = bench.session("instrument").unwrap();
            let lines: Vec<&str> = dialogue.lines().collect();
            for (place, line) in lines.iter().enumerate() {
                let Some(message) = line.strip_prefix("> ") else {
                    continue;
                };
                if message == "R? 3" {
                    ask(&mut session, &*clock, "SAMP:COUN 3;:INIT;*WAI").await;
                }
                // a trigger from outside never comes
                if dialogue.contains("TRIG:SOUR EXT") && message == "FETC?" {
                    continue;
                }
                played += 1;
                let got = ask(&mut session, &*clock, message).await;
                let expected = lines.get(place + 1).and_then(|line| line.strip_prefix("< "));
                if let (Some(expected), true) = (expected, answers_count) {
                    compared += 1;
                    let got = got.unwrap_or_default();
                    assert_eq!(form(&got), form(expected), "{message}: {got}, a real one: {expected}");
                }
                let error = ask(&mut session, &*clock, "SYST:ERR?").await;
                let expected = if NOT_SIMULATED.contains(&message) {
                    "-224,\"Illegal parameter value\""
                } else {
                    "+0,\"No error\""
                };
                assert_eq!(error.as_deref(), Some(expected), "{message}");
            }
        }
        assert!(played > 10 && compared > 0, "{played} messages, {compared} answers");
    })
    .await;
}

/// What an answer looks like: numbers are numbers of so many digits, the rest is what it says.
///
/// Of an identity only the first two fields count: serial number and firmware differ from unit to unit.
fn form(answer: &str) -> String {
    let fields: Vec<&str> = answer.split(',').collect();
    if let [manufacturer, model, _, _] = fields.as_slice()
        && manufacturer.contains("Technologies")
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
    )
    .await;
}

#[tokio::test]
async fn the_e36312a_answers_as_real_ones_do() {
    replay(
        "keysight/e36312a",
        include_str!("../../../../instruments/keysight/e36312a/transcript.txt"),
    )
    .await;
}
