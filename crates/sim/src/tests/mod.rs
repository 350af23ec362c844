//! What the crate promises as a whole: dialogues with the models, the bench, sessions, sockets, faults.

mod bench_files;
mod board;
mod channels;
mod conformance;
mod consoles;
mod dialogues_2000;
mod dialogues_34401a;
mod dialogues_34461a;
mod dialogues_dmm6500;
mod dialogues_dp832;
mod dialogues_e36312a;
mod dialogues_pymeasure;
mod dialogues_standard;
mod every_range;
mod fault_effects;
mod faults;
mod hislip;
mod hislip_client;
mod physics;
mod prompts;
#[cfg(unix)]
mod ptys;
mod robustness;
mod scanner;
mod sockets;
mod supply_board;
mod vxi11;
mod vxi11_client;
mod vxi11_protocol;

use crate::{Bench, Model, SimulatedBench};
use benchtop_instrument::{Clock, ClockExt, ErrorKind, Session, VirtualClock, spawn};
use std::{future::Future, sync::Arc, time::Duration};

pub(super) const BOARD: &str = include_str!("../../../../fixtures/benches/board-v3.toml");
const SIM_45: &str = include_str!("../../../../instruments/fluke/45/sim.toml");
const SIM_45_RS232: &str = include_str!("../../../../instruments/fluke/45-rs232/sim.toml");
const SIM_2000: &str = include_str!("../../../../instruments/keithley/2000/sim.toml");
const SIM_2000_SCAN: &str = include_str!("../../../../instruments/keithley/2000-scan/sim.toml");
const SIM_DMM6500: &str = include_str!("../../../../instruments/keithley/dmm6500/sim.toml");
const SIM_34401A: &str = include_str!("../../../../instruments/hp/34401a/sim.toml");
const SIM_34461A: &str = include_str!("../../../../instruments/keysight/34461a/sim.toml");
const SIM_DAQ6510: &str = include_str!("../../../../instruments/keithley/daq6510/sim.toml");
const SIM_34970A: &str = include_str!("../../../../instruments/keysight/34970a/sim.toml");
const SIM_E36312A: &str = include_str!("../../../../instruments/keysight/e36312a/sim.toml");
const SIM_DP832: &str = include_str!("../../../../instruments/rigol/dp832/sim.toml");

/// How long a test waits for an answer.
pub(super) const SOON: Duration = Duration::from_secs(5);

pub(super) fn definitions(model: &str) -> Option<(String, String)> {
    let text = match model {
        "fluke/45" => SIM_45,
        "fluke/45-rs232" => SIM_45_RS232,
        "keithley/2000" => SIM_2000,
        "keithley/2000-scan" => SIM_2000_SCAN,
        "keithley/dmm6500" => SIM_DMM6500,
        "hp/34401a" => SIM_34401A,
        "keysight/34461a" => SIM_34461A,
        "keithley/daq6510" => SIM_DAQ6510,
        "keysight/34970a" => SIM_34970A,
        "keysight/e36312a" => SIM_E36312A,
        "rigol/dp832" => SIM_DP832,
        _ => return None,
    };
    Some((format!("instruments/{model}/sim.toml"), text.to_owned()))
}

pub(super) fn model(name: &str) -> Model {
    let (file, text) = definitions(name).unwrap();
    Model::parse_inheriting(&file, &text, &definitions)
        .unwrap_or_else(|findings| panic!("{}", findings.render_human(false)))
}

pub(super) fn board() -> Bench {
    Bench::parse("board-v3.toml", BOARD, &definitions)
        .unwrap_or_else(|findings| panic!("{}", findings.render_human(false)))
}

/// Runs a test on a virtual clock.
pub(super) async fn on_virtual_clock<T, F>(test: impl FnOnce(Arc<dyn Clock>) -> F) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    spawn(&*clock, test(Arc::clone(&clock))).await.unwrap()
}

/// Sends a message; the answer, or nothing where none came in time.
pub(super) async fn ask(session: &mut Box<dyn Session>, clock: &dyn Clock, message: &str) -> Option<String> {
    let deadline = clock.now().after(SOON);
    session.write(message.as_bytes(), deadline).await.unwrap();
    if !message.contains('?') {
        return None;
    }
    match session.read(deadline).await {
        Ok(answer) => Some(String::from_utf8_lossy(&answer).into_owned()),
        Err(error) if error.kind() == ErrorKind::Timeout => {
            session.recover(clock.now().after(SOON)).await.unwrap();
            None
        }
        Err(error) => panic!("{message}: {error}"),
    }
}

/// The number in an answer.
pub(super) async fn number(session: &mut Box<dyn Session>, clock: &dyn Clock, message: &str) -> f64 {
    let answer = ask(session, clock, message).await;
    answer
        .as_deref()
        .and_then(|answer| answer.parse().ok())
        .unwrap_or_else(|| panic!("{message}: {answer:?}"))
}

/// How a dialogue reaches its instrument.
type Open = fn(&SimulatedBench, &str) -> Option<Box<dyn Session>>;

/// Plays a dialogue with a fresh instrument that stands alone. A line `> message` is sent; a line `< answer` is what
/// must come back, with `*` for any run of characters; `~ 2` lets two seconds pass. A message without an answer must get
/// none.
pub(super) async fn dialogue(model_name: &'static str, text: &'static str) {
    dialogue_over(SimulatedBench::session, model_name, text).await;
}

/// As [`dialogue`], over the serial line of the model.
pub(super) async fn serial_dialogue(model_name: &'static str, text: &'static str) {
    dialogue_over(SimulatedBench::serial_session, model_name, text).await;
}

async fn dialogue_over(open: Open, model_name: &'static str, text: &'static str) {
    let model = model(model_name);
    on_virtual_clock(move |clock| async move {
        let bench = SimulatedBench::lone(model_name, &model, Arc::clone(&clock));
        let mut session = open(&bench, "instrument").unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        for (place, line) in lines.iter().enumerate().filter(|(_, line)| !line.starts_with('<')) {
            if let Some(seconds) = line.strip_prefix("~ ") {
                clock.sleep(Duration::from_secs_f64(seconds.parse().unwrap())).await;
                continue;
            }
            let message = line
                .strip_prefix("> ")
                .unwrap_or_else(|| panic!("an answer too many: {line}"));
            let answer = ask(&mut session, &*clock, message).await;
            let expected = lines.get(place + 1).and_then(|line| line.strip_prefix("< "));
            let same = match (&answer, expected) {
                (Some(answer), Some(expected)) => matches(expected, answer),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            assert!(same, "{message}\n got      {answer:?}\n expected {expected:?}");
        }
    })
    .await;
}

/// Sends each message to a fresh instrument, after a reset; none may leave an error.
pub(super) async fn legal(model_name: &'static str, messages: &'static [&'static str]) {
    let model = model(model_name);
    on_virtual_clock(move |clock| async move {
        for message in messages {
            let bench = SimulatedBench::lone(model_name, &model, Arc::clone(&clock));
            let mut session = bench.session("instrument").unwrap();
            // what hands over a reading needs one
            let first = if message.contains("FETC") || message.contains("DATA") {
                "*RST;:READ?"
            } else {
                "*RST"
            };
            ask(&mut session, &*clock, first).await;
            let answer = ask(&mut session, &*clock, message).await;
            assert_eq!(answer.is_some(), message.contains('?'), "{message}");
            let error = ask(&mut session, &*clock, "SYST:ERR?").await.unwrap();
            assert!(
                error.starts_with("0,") || error.starts_with("+0,"),
                "{message}: {error}"
            );
        }
    })
    .await;
}

/// Whether `text` is what `pattern` says, with `*` for anything.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text
            .strip_prefix(head)
            .is_some_and(|tail| (0..=tail.len()).any(|at| tail.get(at..).is_some_and(|text| matches(rest, text)))),
    }
}

/// How long `READ?` takes of a meter that stands alone, after each of these messages.
pub(super) async fn reading_times(model_name: &'static str, times: &'static [(&'static str, f64)]) {
    let model = model(model_name);
    on_virtual_clock(move |clock| async move {
        let bench = SimulatedBench::lone(model_name, &model, Arc::clone(&clock));
        let mut meter = bench.session("instrument").unwrap();
        for (setup, seconds) in times {
            ask(&mut meter, &*clock, setup).await;
            let begun = clock.now();
            meter.write(b"READ?", begun).await.unwrap();
            meter.read(begun.after(SOON * 2)).await.unwrap();
            let took = clock.now().since(begun).as_secs_f64();
            assert!((took - seconds).abs() < 1e-6, "{setup}: {took}");
            clock.sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}
