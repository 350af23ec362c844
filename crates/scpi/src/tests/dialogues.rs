//! What our drivers send to the models of `fixtures/dialogues/pymeasure.json`, held directly against what is recorded there.
//!
//! Each driver is taken through all that it can do, on the simulated instrument of its model. Every message that it sends must be
//! one of the recording which that model takes, with the recorded value or with another one of its kind, or must be named here
//! with the reason.

mod exempt;
mod message;

use super::{
    overheard::{Overheard, inherited, lone},
    text,
};
use crate::{Definition, Options, ScpiInstrument};
use async_trait::async_trait;
use benchtop_instrument::{Clock, Error, Instrument, Measure, Session, SessionExt, VirtualClock, conformance, spawn};
use benchtop_sim::SimulatedBench;
use exempt::{COMMON, Exempt, OURS};
use message::{Argument, Said};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

/// The drivers of the recording, and what they drive.
const MODELS: &[(&str, &str)] = &[
    ("HP34401A", "hp/34401a"),
    ("Agilent34450A", "keysight/34450a"),
    ("Keithley2000", "keithley/2000"),
    ("Keithley2182", "keithley/2182"),
    ("Keithley2400", "keithley/2400"),
    ("KeithleyDMM6500", "keithley/dmm6500"),
    ("KeithleyDAQ6510", "keithley/daq6510"),
];

/// Older than SCPI: there is no driver of it.
const EXEMPT: &str = "HP3478A";

/// What the suite sends past the driver, so that there is an error to find.
const NONSENSE: &str = "BENCHTOP:NONSENSE";

const PATIENCE: Duration = Duration::from_secs(60);

/// What was compared of each driver: a list that shrinks, here, in the definitions or in the recording, is noticed.
const COMPARED: &[(&str, Count)] = &[
    ("HP34401A", Count::new(112, 21, 31, 60)),
    ("Agilent34450A", Count::new(89, 84, 0, 5)),
    ("Keithley2000", Count::new(100, 3, 12, 85)),
    ("Keithley2182", Count::new(32, 6, 10, 16)),
    ("Keithley2400", Count::new(29, 13, 11, 5)),
    ("KeithleyDMM6500", Count::new(159, 30, 49, 80)),
    ("KeithleyDAQ6510", Count::new(55, 2, 0, 53)),
];

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    /// Different messages that we send.
    sent: usize,
    /// Recorded with just that value, or ask what is asked there.
    equal: usize,
    /// Recorded with another value of the same kind.
    alike: usize,
    /// Named here.
    exempt: usize,
}

impl Count {
    const fn new(sent: usize, equal: usize, alike: usize, exempt: usize) -> Self {
        Self {
            sent,
            equal,
            alike,
            exempt,
        }
    }
}

#[derive(Debug)]
struct Dialogue {
    driver: String,
    pairs: Vec<(String, bool)>,
}

fn dialogues() -> Vec<Dialogue> {
    let rows: Vec<Value> = serde_json::from_str(&text("fixtures/dialogues/pymeasure.json")).unwrap();
    let pair = |pair: &Value| (pair[0].as_str().unwrap().to_owned(), !pair[1].is_null());
    rows.iter()
        .map(|row| Dialogue {
            driver: row["driver"].as_str().unwrap().to_owned(),
            pairs: row["pairs"].as_array().unwrap().iter().map(pair).collect(),
        })
        .collect()
}

fn session(bench: &SimulatedBench) -> Box<dyn Session> {
    let name = bench.instrument_names().next().unwrap();
    bench.session(name).unwrap()
}

struct Rig {
    definition: Arc<Definition>,
    bench: SimulatedBench,
    clock: Arc<dyn Clock>,
    sent: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl conformance::InstrumentRig for Rig {
    async fn open(&self) -> Result<Box<dyn Instrument>, Error> {
        let session = Overheard::new(session(&self.bench), &self.sent);
        let definition = Arc::clone(&self.definition);
        let (session, clock) = (Box::new(session), Arc::clone(&self.clock));
        Ok(Box::new(ScpiInstrument::new(
            session,
            definition,
            clock,
            Options::default(),
        )))
    }

    fn reports_errors(&self) -> bool {
        self.definition.error_check.reports()
    }
}

/// All that a driver sends when it does all that it can: every function, range, choice and way to take samples, every
/// integration time, and every output.
async fn ours(model: &str) -> BTreeSet<String> {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    let sent = Arc::new(Mutex::new(Vec::new()));
    let rig = Rig {
        definition: inherited(model),
        bench: lone(model, &clock),
        clock: Arc::clone(&clock),
        sent: Arc::clone(&sent),
    };
    let all = spawn(clock.as_ref(), async move {
        conformance::instrument(&rig).await.unwrap();
        let mut instrument = conformance::InstrumentRig::open(&rig).await.unwrap();
        instrument.prepare().await.unwrap();
        for (function, capability) in instrument.capabilities().functions.clone() {
            let channel = capability.channels.first().copied().unwrap_or(1);
            for nplc in capability.nplc.iter().filter(|_| !capability.needs_output) {
                let request = Measure {
                    channel,
                    nplc: Some(*nplc),
                    ..Measure::of(function)
                };
                instrument.measure(&request).await.unwrap();
            }
        }
    });
    all.await.unwrap();
    let sent = sent.lock().unwrap();
    sent.iter().filter(|message| *message != NONSENSE).cloned().collect()
}

/// The messages of the recording that the model takes without an error.
async fn taken(driver: &str, model: &'static str) -> Vec<String> {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    let mut legal = Vec::new();
    for dialogue in dialogues().into_iter().filter(|dialogue| dialogue.driver == driver) {
        let mut session = session(&lone(model, &clock));
        let held = Arc::clone(&clock);
        let all = spawn(clock.as_ref(), async move {
            let mut taken = Vec::new();
            for (message, is_answered) in dialogue.pairs {
                let deadline = held.now().after(PATIENCE);
                session.write(message.as_bytes(), deadline).await.unwrap();
                if is_answered && session.read(deadline).await.is_err() {
                    session.recover(held.now().after(PATIENCE)).await.unwrap();
                }
                let error = session.query("SYST:ERR?", held.now().after(PATIENCE)).await.unwrap();
                if error.starts_with('0') || error.starts_with("+0") {
                    taken.push(message);
                }
            }
            taken
        });
        legal.extend(all.await.unwrap());
    }
    legal
}

fn exempt(rows: impl IntoIterator<Item = &'static Exempt>) -> BTreeMap<&'static str, &'static str> {
    rows.into_iter()
        .flat_map(|(headers, why)| headers.split_whitespace().map(|header| (header, *why)))
        .collect()
}

/// By header: what is recorded with it.
fn by_header(messages: impl IntoIterator<Item = String>) -> BTreeMap<String, BTreeSet<Argument>> {
    let mut headers: BTreeMap<String, BTreeSet<Argument>> = BTreeMap::new();
    for said in messages.into_iter().flat_map(|message| Said::all(&message)) {
        headers.entry(said.header).or_default().insert(said.argument);
    }
    headers
}

async fn compared(
    driver: &str,
    model: &'static str,
    unused: &mut BTreeMap<&'static str, &'static str>,
    findings: &mut Vec<String>,
) -> Count {
    let recorded = by_header(taken(driver, model).await);
    assert!(!recorded.is_empty(), "{driver}: nothing is recorded");
    let sent = by_header(ours(model).await);
    let mine = exempt(OURS.iter().filter(|(of, _)| *of == driver).flat_map(|(_, rows)| *rows));
    let common = exempt(COMMON);
    let mut needed = BTreeSet::new();
    let mut count = Count::default();
    for (header, arguments) in &sent {
        for argument in arguments {
            count.sent += 1;
            let known = recorded.get(header);
            if known.is_some_and(|known| known.contains(argument)) {
                count.equal += 1;
            } else if known.is_some_and(|known| known.iter().any(|other| other.is_like(argument))) {
                count.alike += 1;
            } else if mine.contains_key(header.as_str()) || common.contains_key(header.as_str()) {
                count.exempt += 1;
                needed.insert(header.as_str());
                unused.remove(header.as_str());
            } else {
                findings.push(format!(
                    "{driver}: we send `{header} {argument}`, which nobody recorded"
                ));
            }
        }
    }
    for (header, why) in mine.iter().filter(|(header, _)| !needed.contains(*header)) {
        findings.push(format!("{driver}: the exemption of `{header}` is of no use ({why})"));
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_we_send_is_what_others_send_or_is_named() {
    let drivers: BTreeSet<String> = dialogues().into_iter().map(|dialogue| dialogue.driver).collect();
    let known: BTreeSet<String> = MODELS.iter().map(|(driver, _)| (*driver).to_owned()).collect();
    assert_eq!(drivers, known.into_iter().chain([EXEMPT.to_owned()]).collect());
    let (mut findings, mut counts, mut unused) = (Vec::new(), BTreeMap::new(), exempt(COMMON));
    for (driver, model) in MODELS {
        counts.insert(*driver, compared(driver, model, &mut unused, &mut findings).await);
    }
    findings.extend(
        unused
            .iter()
            .map(|(header, why)| format!("the exemption of `{header}` is of no use ({why})")),
    );
    assert!(findings.is_empty(), "{}", findings.join("\n"));
    assert_eq!(counts, COMPARED.iter().copied().collect());
}

/// The comparison itself finds what is wrong.
#[test]
fn a_message_that_nobody_recorded_is_found() {
    let recorded = by_header([
        "FUNC?;:VOLT:RANG:AUTO 0;UPP 10".to_owned(),
        ":SENS:VOLT:NPLC 1".to_owned(),
    ]);
    for (message, is_there) in [
        ("VOLT:DC:NPLC 1.0", true),
        ("SENS:VOLT:DC:RANG:AUTO OFF", true),
        ("VOLT:RANG 1E1", true),
        ("VOLT:RANG 1", false),
        ("VOLT:NPLC?", false),
        ("VOLT:AC:NPLC 1", false),
        ("VOLT:DC:NPLC ON", true),
        ("VOLT:DC:NPLC 'ON'", false),
        ("FUNC 'VOLT'", false),
    ] {
        let said = Said::all(message);
        let [said] = said.as_slice() else {
            panic!("{message}: {said:?}");
        };
        let known = recorded.get(&said.header);
        assert_eq!(
            known.is_some_and(|known| known.contains(&said.argument)),
            is_there,
            "{message}: {said:?}"
        );
    }
}
