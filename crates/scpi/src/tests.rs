//! Drivers from data against their simulated instruments, and against answers that no simulator gives.

mod accuracy;
mod acknowledge;
mod dialogues;
mod local;
mod one_switch;
mod overheard;
mod protection;
mod readback;
mod reconnect;
mod refusals;
mod sampling;
mod shared;
mod sourced;
mod timing;

use crate::{Definition, Options, ScpiInstrument, parse};
use benchtop_instrument::{
    Clock, ErrorKind, Function, Instrument, Measure, MockSession, OutputSetting, Polarity, Quantity, RangeRequest,
    Reading, ReadingKind, RealClock, Resource, SessionState, Setting, VirtualClock, spawn,
};
use benchtop_sim::{Bench, Fault, Model, SimulatedBench};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap()
}

fn definition(name: &str) -> Arc<Definition> {
    let file = format!("instruments/{name}/driver.toml");
    Arc::new(parse(name, &file, &text(&file)).unwrap_or_else(|findings| panic!("{findings}")))
}

fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}

const PSU: &str = "keysight/e36312a";
const DMM: &str = "keysight/34461a";

/// A simulated model alone, and the instrument that drives it; runs `work` on a virtual clock.
async fn alone<T, F>(model: &str, work: impl FnOnce(ScpiInstrument, Arc<SimulatedBench>) -> F) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    let file = format!("instruments/{model}/sim.toml");
    let parsed = Model::parse(&file, &text(&file)).unwrap();
    let bench = Arc::new(SimulatedBench::lone(model, &parsed, Arc::clone(&clock)));
    on(bench, model, &clock, work).await
}

async fn on<T, F>(
    bench: Arc<SimulatedBench>,
    model: &str,
    clock: &Arc<dyn Clock>,
    work: impl FnOnce(ScpiInstrument, Arc<SimulatedBench>) -> F,
) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let name = bench
        .instrument_names()
        .find(|name| bench.model_of(name) == Some(model))
        .unwrap()
        .to_owned();
    let session = bench.session(&name).unwrap();
    let instrument = ScpiInstrument::new(session, definition(model), Arc::clone(clock), Options::default());
    spawn(clock.as_ref(), work(instrument, bench)).await.unwrap()
}

fn heard(bench: &SimulatedBench) -> Vec<String> {
    let name = bench.instrument_names().next().unwrap().to_owned();
    bench.heard(&name)
}

fn turn_on() -> OutputSetting {
    OutputSetting {
        voltage_level: Some(quantity("5 V")),
        current_limit: Some(quantity("500 mA")),
        output_enabled: Some(true),
        ..OutputSetting::of_channel(1)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn turning_on_sends_limit_level_check_and_read_back_before_the_output() {
    let messages = alone(PSU, async |mut instrument: ScpiInstrument, bench| {
        instrument.set(&Setting::Output(turn_on())).await.unwrap();
        heard(&bench)
    });
    let expected = [
        "OUTP? (@1)",
        "CURR 0.5,(@1)",
        "VOLT 5,(@1)",
        "SYST:ERR?",
        "CURR? (@1)",
        "VOLT? (@1)",
        "OUTP ON,(@1)",
        "*OPC?",
        "SYST:ERR?",
        "OUTP? (@1)",
    ];
    assert_eq!(messages.await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn turning_off_switches_the_output_first() {
    let messages = alone(PSU, async |mut instrument: ScpiInstrument, bench| {
        let off = OutputSetting {
            output_enabled: Some(false),
            voltage_level: Some(quantity("1 V")),
            ..turn_on()
        };
        instrument.set(&Setting::Output(off)).await.unwrap();
        heard(&bench)
    });
    assert_eq!(messages.await.first().map(String::as_str), Some("OUTP OFF,(@1)"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_level_changes_under_a_live_output_only_when_hot() {
    let messages = alone(PSU, async |mut instrument: ScpiInstrument, bench| {
        instrument.set(&Setting::Output(turn_on())).await.unwrap();
        let level = |volts: &str, hot| OutputSetting {
            voltage_level: Some(quantity(volts)),
            hot,
            ..OutputSetting::of_channel(1)
        };
        instrument
            .set(&Setting::Output(level("5.0002 V", false)))
            .await
            .unwrap();
        let small = heard(&bench).len();
        instrument.set(&Setting::Output(level("3 V", true))).await.unwrap();
        let hot = heard(&bench).len();
        instrument.set(&Setting::Output(level("4 V", false))).await.unwrap();
        assert_eq!(
            bench.output_enabled(bench.instrument_names().next().unwrap(), 1),
            Some(true),
            "it is on again"
        );
        let all = heard(&bench);
        (
            all[..hot].join("\n").matches("OUTP OFF").count(),
            all[hot..].to_vec(),
            small,
        )
    });
    let (off_before, cold, _) = messages.await;
    assert_eq!(
        off_before, 0,
        "a step within the resolution, and a hot one, leave the output on"
    );
    let at = |message: &str| cold.iter().position(|heard| heard == message).unwrap();
    assert!(
        at("OUTP OFF,(@1)") < at("VOLT 4,(@1)") && at("VOLT 4,(@1)") < at("OUTP ON,(@1)"),
        "{cold:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_outside_the_bounds_is_refused_and_nothing_is_sent() {
    let (errors, messages) = alone(PSU, async |mut instrument: ScpiInstrument, bench| {
        let mut errors = Vec::new();
        let base = OutputSetting::of_channel(1);
        for setting in [
            OutputSetting {
                voltage_level: Some(quantity("6.19 V")),
                ..base
            },
            OutputSetting {
                current_limit: Some(quantity("5.2 A")),
                ..base
            },
            OutputSetting {
                ovp_level: Some(quantity("6 V")),
                ..base
            },
            OutputSetting::of_channel(4),
        ] {
            errors.push(instrument.set(&Setting::Output(setting)).await.unwrap_err().to_string());
        }
        (errors, heard(&bench))
    })
    .await;
    assert_eq!(messages, Vec::<String>::new());
    for (error, expected) in errors.iter().zip([
        "voltage_level 6.19 V is outside 0 V to 6.18 V of channel 1",
        "current_limit 5.2 A is outside 2 mA to 5.15 A of channel 1",
        "Keysight E36312A has no ovp_level to set",
        "Keysight E36312A has channels 1-3, not 4",
    ]) {
        assert!(error.contains(expected), "{error}");
    }
}

/// A session that answers by a table, and what it was sent.
fn scripted(answers: impl Fn(&str) -> &'static str + Send + 'static) -> (MockSession, Arc<Mutex<Vec<String>>>) {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let resource: Resource = "TCPIP::10.0.0.7::5025::SOCKET".parse().unwrap();
    let mut session = MockSession::new();
    session.expect_resource().return_const(resource);
    session.expect_state().return_const(SessionState::Ready);
    let writes = Arc::clone(&sent);
    session.expect_write().returning(move |message, _| {
        writes
            .lock()
            .unwrap()
            .push(String::from_utf8_lossy(message).into_owned());
        Ok(())
    });
    let reads = Arc::clone(&sent);
    session.expect_read().returning(move |_| {
        let last = reads.lock().unwrap().last().cloned().unwrap_or_default();
        Ok(answers(&last).as_bytes().to_vec())
    });
    (session, sent)
}

async fn scripted_set(answers: impl Fn(&str) -> &'static str + Send + 'static) -> (ErrorKind, String, Vec<String>) {
    let (session, sent) = scripted(answers);
    let mut instrument = ScpiInstrument::new(
        Box::new(session),
        definition(PSU),
        RealClock::shared(),
        Options::default(),
    );
    let error = instrument.set(&Setting::Output(turn_on())).await.unwrap_err();
    let sent = sent.lock().unwrap().clone();
    (error.kind(), error.to_string(), sent)
}

#[tokio::test]
async fn a_setting_that_reads_back_wrong_is_an_error_before_the_output_goes_on() {
    let (kind, error, sent) = scripted_set(|message| match message {
        "VOLT? (@1)" => "+4.99000000E+00",
        "CURR? (@1)" => "+5.00000000E-01",
        "SYST:ERR?" => "+0,\"No error\"",
        _ => "0",
    })
    .await;
    assert_eq!(kind, ErrorKind::Readback);
    assert!(
        error.ends_with("voltage_level was set to 5 V and reads back as 4.99 V"),
        "{error}"
    );
    assert!(!sent.iter().any(|message| message.starts_with("OUTP ON")), "{sent:?}");
}

#[tokio::test]
async fn an_error_in_the_queue_fails_the_setting_with_all_its_words() {
    // the queue never empties: it is read 32 times and no more
    let (kind, error, sent) = scripted_set(|message| match message {
        "SYST:ERR?" => "-222,\"Data out of range\"",
        _ => "0",
    })
    .await;
    assert_eq!(kind, ErrorKind::Instrument);
    assert!(
        error.contains("the instrument reports -222,\"Data out of range\" (32 times)"),
        "{error}"
    );
    assert_eq!(sent.iter().filter(|message| *message == "SYST:ERR?").count(), 32);
    assert!(!sent.iter().any(|message| message.starts_with("OUTP ON")), "{sent:?}");
}

/// A 34461A on its 10 V range that answers so to `READ?`.
fn meter_that_reads(answer: &'static str) -> ScpiInstrument {
    let (session, _sent) = scripted(move |message| match message {
        "READ?" => answer,
        "VOLT:DC:RANG?" => "+1.00000000E+01",
        _ => "+0,\"No error\"",
    });
    ScpiInstrument::new(
        Box::new(session),
        definition(DMM),
        RealClock::shared(),
        Options::default(),
    )
}

#[tokio::test]
async fn garbage_is_no_reading() {
    for garbage in ["", "OVLD", "1,2", "\u{1b}[2J", "3.3V"] {
        let mut instrument = meter_that_reads(garbage);
        let error = instrument.measure(&volts("10 V")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Garbled, "{garbage:?}");
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
    }
}

/// Another maker's overload value must not pass a limit that has only a low end.
#[tokio::test]
async fn a_number_beyond_the_range_is_overrange_whatever_the_meter_calls_it() {
    for (answer, expected) in [
        ("+1.00000000E+20", ReadingKind::Overrange(Polarity::Positive)),
        ("-1.20000001E+01", ReadingKind::Overrange(Polarity::Negative)),
        ("+1.20000000E+01", ReadingKind::Value(quantity("12 V"))),
    ] {
        let mut instrument = meter_that_reads(answer);
        let reading = instrument.measure(&volts("10 V")).await.unwrap();
        match (reading.kind, expected) {
            (ReadingKind::Value(got), ReadingKind::Value(wanted)) => {
                assert!(got.compare(wanted).is_some_and(std::cmp::Ordering::is_eq), "{got}");
            }
            (got, wanted) => assert_eq!(got, wanted, "{answer}"),
        }
        assert_eq!(reading.text, answer, "the record keeps what it said");
    }
    // where the range is not known, too
    let usual = Measure::of(Function::Continuity);
    let reading = meter_that_reads("+1.00000000E+20").measure(&usual).await.unwrap();
    assert_eq!(reading.kind, ReadingKind::Overrange(Polarity::Positive));
}

fn volts(range: &str) -> Measure {
    let range = RangeRequest::AtLeast(quantity(range));
    Measure {
        range,
        nplc: Some("1".parse().unwrap()),
        ..Measure::of(Function::DcVoltage)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_measurement_fully_determines_the_meter() {
    let (reading, messages) = alone(DMM, async |mut instrument: ScpiInstrument, bench| {
        let reading: Reading = instrument.measure(&volts("3.3 V")).await.unwrap();
        (reading, heard(&bench))
    })
    .await;
    let expected = [
        "CONF:VOLT:DC",
        "VOLT:DC:NULL:STAT OFF",
        "VOLT:DC:ZERO:AUTO ON",
        "VOLT:DC:IMP:AUTO OFF",
        "VOLT:DC:NPLC 1",
        "VOLT:DC:RANG 10",
        "SYST:ERR?",
        "READ?",
        "SYST:ERR?",
        "VOLT:DC:RANG?",
    ];
    assert_eq!(messages, expected);
    assert_eq!(
        reading.range_in_use,
        Some(quantity("10 V")),
        "the smallest range that holds 3.3 V"
    );
    assert_eq!(reading.nplc, Some("1".parse().unwrap()));
    assert!(matches!(reading.kind, ReadingKind::Value(_)));
}

/// The shipped board with this unit, driven at `name`.
async fn at_the_board<T, F>(
    serial: &str,
    name: &'static str,
    fault: Option<Fault>,
    work: impl FnOnce(ScpiInstrument, ScpiInstrument) -> F,
) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    let models = |name: &str| {
        let file = format!("instruments/{name}/sim.toml");
        Some((file.clone(), text(&file)))
    };
    let file = "fixtures/benches/board-v3.toml";
    let bench = Bench::parse(file, &text(file), &models)
        .unwrap()
        .build(Arc::clone(&clock), serial);
    if let Some(fault) = fault {
        assert!(bench.set_fault(name, fault));
    }
    let open = |name: &str| {
        let model = bench.model_of(name).unwrap().to_owned();
        ScpiInstrument::new(
            bench.session(name).unwrap(),
            definition(&model),
            Arc::clone(&clock),
            Options::default(),
        )
    };
    let (psu, meter) = (open("psu"), open(name));
    spawn(clock.as_ref(), work(psu, meter)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overrange_is_a_kind_of_reading_never_a_number() {
    let reading = at_the_board(
        "UNIT-5597",
        "ammeter",
        None,
        async |mut psu: ScpiInstrument, mut ammeter: ScpiInstrument| {
            psu.set(&Setting::Output(turn_on())).await.unwrap();
            let range = RangeRequest::AtLeast(quantity("100 mA"));
            ammeter
                .measure(&Measure {
                    range,
                    ..Measure::of(Function::DcCurrent)
                })
                .await
                .unwrap()
        },
    )
    .await;
    assert_eq!(reading.kind, ReadingKind::Overrange(Polarity::Positive));
    assert_eq!(reading.range_in_use, Some(quantity("100 mA")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instrument_that_does_not_answer_is_recovered_before_it_is_used_again() {
    let (kind, blocked, after) = at_the_board(
        "UNIT-5501",
        "dmm",
        Some(Fault::LateAnswer(Duration::from_secs(60))),
        async |_psu: ScpiInstrument, mut dmm: ScpiInstrument| {
            let first = dmm.measure(&volts("10 V")).await.unwrap_err();
            let blocked = dmm.measure(&volts("10 V")).await.unwrap_err();
            let recovered = dmm.recover().await;
            (first.kind(), blocked.kind(), recovered.is_ok())
        },
    )
    .await;
    assert_eq!((kind, blocked), (ErrorKind::Timeout, ErrorKind::Desynchronised));
    // the fault is still there: recovery asks the error queue, and is answered too late
    assert!(!after);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_identity_or_serial_number_is_refused() {
    let wrong = at_the_board(
        "UNIT-5587",
        "dmm",
        None,
        async |_psu: ScpiInstrument, mut dmm: ScpiInstrument| dmm.prepare().await.unwrap_err(),
    )
    .await;
    assert_eq!(wrong.kind(), ErrorKind::WrongIdentity);
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    let file = format!("instruments/{DMM}/sim.toml");
    let model = Model::parse(&file, &text(&file)).unwrap();
    let bench = SimulatedBench::lone(DMM, &model, Arc::clone(&clock));
    let name = bench.instrument_names().next().unwrap().to_owned();
    let options = Options {
        serial_number: Some("MY57224851".to_owned()),
        ..Options::default()
    };
    let mut dmm = ScpiInstrument::new(
        bench.session(&name).unwrap(),
        definition(DMM),
        Arc::clone(&clock),
        options,
    );
    let error = spawn(clock.as_ref(), async move { dmm.prepare().await.unwrap_err() })
        .await
        .unwrap();
    assert!(
        error
            .to_string()
            .contains("expected serial number MY57224851, but Keysight Technologies,34461A,SIM-"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stale_errors_are_drained_and_told_never_failing_the_start() {
    let state = alone(DMM, async |mut instrument: ScpiInstrument, _bench| {
        instrument.query("NONSENSE").await.unwrap();
        instrument.prepare().await.unwrap()
    })
    .await;
    assert_eq!(state.stale_errors, ["-113,\"Undefined header\""]);
}

#[test]
fn a_definition_is_refused_with_every_mistake_in_one_go() {
    let good = text("instruments/keysight/34461a/driver.toml");
    let bad = good
        .replacen("class        = \"dmm\"", "class        = \"dnm\"", 1)
        .replacen("source      = \"guide p.247, agilent-guide p.221\"", "", 1)
        .replacen("VOLT:DC:NPLC {nplc}", "VOLT:DC:NPLC {cycles}", 1)
        .replacen("nplc_default = 10\n# autozero on", "nplc_default = 7\n# autozero on", 1)
        .replacen("maximum = \"12 V\"", "maximum = \"9 V\"", 1)
        .replacen(
            "error_check        = \"SYST:ERR?\"",
            "error_check        = \"VOLT?\"",
            1,
        );
    assert_ne!(good, bad);
    let findings = parse("x/y", "driver.toml", &bad).unwrap_err().render_short();
    for expected in [
        "unknown class `dnm`; did you mean `dmm`?",
        "missing key `source`",
        "unknown place {cycles}, expected one of {range}, {nplc}, {value}, {channel}",
        "no maximum is below its full scale",
        "expected an error queue",
    ] {
        assert!(findings.contains(expected), "{expected}\nin\n{findings}");
    }
}
