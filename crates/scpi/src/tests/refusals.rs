//! What is refused by name, and the settling that is waited for.

use super::{alone, quantity, text};
use crate::{Options, ScpiInstrument, parse};
use benchtop_instrument::{Clock, ErrorKind, Function, Instrument, Measure, RangeRequest, VirtualClock, spawn};
use benchtop_sim::{Model, SimulatedBench};
use std::{sync::Arc, time::Duration};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_range_that_there_is_not_is_refused_by_name_on_both_ends() {
    let said = alone("keysight/34461a", async |mut instrument: ScpiInstrument, bench| {
        let mut said = Vec::new();
        for range in [
            RangeRequest::AtLeast(quantity("1.1 kV")),
            RangeRequest::Exactly(quantity("50 mV")),
            RangeRequest::Exactly(quantity("3 V")),
            RangeRequest::AtLeast(quantity("1 A")),
        ] {
            let request = Measure {
                range,
                ..Measure::of(Function::DcVoltage)
            };
            let error = instrument.measure(&request).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutOfRange);
            said.push(error.message().to_owned());
        }
        let request = Measure {
            range: RangeRequest::AtLeast(quantity("1 kHz")),
            ..Measure::of(Function::Frequency)
        };
        said.push(instrument.measure(&request).await.unwrap_err().message().to_owned());
        // before anything is sent
        assert_eq!(super::heard(&bench), Vec::<String>::new());
        said
    });
    let reach = "is not within its ranges: 100 mV, 1 V, 10 V, 100 V, 1000 V";
    let expected = [
        format!("dc_voltage: 1.1 kV {reach}"),
        format!("dc_voltage: 50 mV {reach}"),
        format!("dc_voltage: 3 V {reach}"),
        format!("dc_voltage: 1 A {reach}"),
        "frequency: 1 kHz was asked for, and this function has no ranges to choose from".to_owned(),
    ];
    assert_eq!(said.await, expected);
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
