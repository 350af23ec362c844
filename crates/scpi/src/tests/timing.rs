//! Instruments that need time: between two messages, and after they were told to measure something else.

use super::{
    alone, definition,
    overheard::{Overheard, lone},
    quantity, text,
};
use crate::{Options, ScpiInstrument, parse};
use benchtop_instrument::{Clock, ErrorKind, Function, Instrument, Measure, Moment, RangeRequest, VirtualClock, spawn};
use benchtop_sim::{Fault, Model, SimulatedBench};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// What was sent, and when.
type Sent = Arc<Mutex<Vec<(Moment, String)>>>;

/// What a model is sent while it measures volts and then ohms.
async fn sent_to(model: &'static str) -> Vec<(Moment, String)> {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    let bench = lone(model, &clock);
    let name = bench.instrument_names().next().unwrap().to_owned();
    let sent = Sent::default();
    let inner = bench.session(&name).or_else(|| bench.serial_session(&name)).unwrap();
    let (list, at) = (Arc::clone(&sent), Arc::clone(&clock));
    let session = Overheard::by(inner, move |message| list.lock().unwrap().push((at.now(), message)));
    let own_clock = Arc::clone(&clock);
    let measured = async move {
        let definition = definition(model);
        let mut meter = ScpiInstrument::new(Box::new(session), definition, own_clock, Options::default());
        for function in [Function::DcVoltage, Function::Resistance] {
            meter.measure(&Measure::of(function)).await.unwrap();
        }
    };
    spawn(clock.as_ref(), measured).await.unwrap();
    sent.lock().unwrap().clone()
}

/// Between a message that is not answered and the next one: the shortest time.
fn shortest_gap(sent: &[(Moment, String)]) -> Duration {
    let pairs = sent.windows(2).filter(|pair| !pair[0].1.contains('?'));
    pairs.map(|pair| pair[1].0.since(pair[0].0)).min().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instrument_that_loses_what_comes_too_soon_is_given_its_pause() {
    let pause = definition("gw-instek/gdm-8251a").pause;
    assert_eq!(pause, Duration::from_millis(100));
    let sent = sent_to("gw-instek/gdm-8251a").await;
    assert!(shortest_gap(&sent) >= pause, "{sent:#?}");
    // who needs none is not made to wait: the check above can fail
    assert_eq!(shortest_gap(&sent_to("keysight/34461a").await), Duration::ZERO);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reading_is_asked_for_when_the_meter_has_settled_on_its_new_function() {
    let model = "gw-instek/gdm-8251a";
    let settle = Duration::from_millis(300);
    let definition = definition(model);
    for function in [Function::DcVoltage, Function::Resistance] {
        assert_eq!(definition.functions[&function].settle, settle);
    }
    let sent = sent_to(model).await;
    for configure in ["CONF:VOLT:DC", "CONF:RES"] {
        let at = sent.iter().position(|(_, message)| message == configure).unwrap();
        let reading = at + sent[at..].iter().position(|(_, message)| message == "VAL1?").unwrap();
        let since = |place: usize| sent[reading].0.since(sent[place].0);
        // from the last word that was said before it, which was answered
        assert!(since(reading - 1) >= settle, "{configure}: {sent:#?}");
        assert!(since(at) >= settle + definition.pause, "{configure}: {sent:#?}");
    }
}

/// A Keithley 2000 is slow to answer while its relays change over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_meter_that_is_slow_after_a_change_of_mode_is_waited_for_and_not_for_ever() {
    alone("keithley/2000", async |mut meter: ScpiInstrument, bench| {
        let name = bench.instrument_names().next().unwrap().to_owned();
        meter.measure(&Measure::of(Function::DcVoltage)).await.unwrap();
        assert!(bench.set_fault(&name, Fault::LateAnswer(Duration::from_millis(900))));
        let slow = meter.measure(&Measure::of(Function::Resistance)).await;
        slow.unwrap();
        assert!(bench.set_fault(&name, Fault::LateAnswer(Duration::from_secs(3600))));
        let late = meter.measure(&Measure::of(Function::DcVoltage)).await.unwrap_err();
        assert_eq!(late.kind(), ErrorKind::Timeout, "{late}");
        assert!(late.to_string().contains("no answer in "), "{late}");
        assert!(bench.clear_faults(&name));
        // what it says at last is no reading of the next question
        meter.recover().await.unwrap();
        let volts = Measure {
            range: RangeRequest::AtLeast(quantity("10 V")),
            ..Measure::of(Function::DcVoltage)
        };
        let next = meter.measure(&volts).await.unwrap();
        assert_eq!(next.range_in_use, Some(quantity("10 V")));
    })
    .await;
}

/// How long a reading takes of a meter that runs free, in simulated time.
async fn took(settle: &str) -> Duration {
    let model = "owon/xdm1041";
    let file = |name: &str| format!("instruments/{model}/{name}");
    let was = "settle      = \"2 s\"";
    let driver = text(&file("driver.toml"));
    assert!(driver.contains(was));
    let driver = driver.replace(was, &format!("settle = \"{settle}\""));
    let definition = Arc::new(parse(model, "driver.toml", &driver).unwrap());
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    let parsed = Model::parse("sim.toml", &text(&file("sim.toml"))).unwrap();
    let bench = SimulatedBench::lone(model, &parsed, Arc::clone(&clock));
    let session = bench.session("instrument").unwrap();
    let mut instrument = ScpiInstrument::new(session, definition, Arc::clone(&clock), Options::default());
    let clock_of_run = Arc::clone(&clock);
    let work = async move {
        let begun = clock_of_run.now();
        instrument.measure(&Measure::of(Function::DcVoltage)).await.unwrap();
        clock_of_run.now().since(begun)
    };
    spawn(clock.as_ref(), work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settle_is_waited_for_before_every_reading() {
    let (short, long) = (took("2 s").await, took("7 s").await);
    assert!(short >= Duration::from_secs(2), "{short:?}");
    assert_eq!(long - short, Duration::from_secs(5));
}
