//! A meter that answers every message with a prompt: the prompt is read with the message, and says what became of it.

use super::{heard, text};
use crate::{Definition, Options, ScpiInstrument, parse_inheriting};
use benchtop_instrument::{
    Clock, Error, ErrorKind, Function, Instrument, Measure, MockSession, Operation, RealClock, Resource, SessionState,
    VirtualClock, spawn,
};
use benchtop_sim::{Fault, FaultOrder, Model, SimulatedBench};
use std::{sync::Arc, time::Duration};

const METER: &str = "fluke/45-rs232";

fn file(name: &str) -> Option<(String, String)> {
    let file = format!("instruments/{name}/driver.toml");
    Some((file.clone(), text(&file)))
}

fn definition() -> Arc<Definition> {
    let (file, text) = file(METER).unwrap();
    Arc::new(parse_inheriting(METER, &file, &text, &self::file).unwrap_or_else(|findings| panic!("{findings}")))
}

/// The simulated meter on its serial line, and who drives it, on a virtual clock.
async fn driven<T, F>(work: impl FnOnce(ScpiInstrument, Arc<SimulatedBench>, String) -> F) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    let files = |name: &str| {
        let file = format!("instruments/{name}/sim.toml");
        Some((file.clone(), text(&file)))
    };
    let (file, text) = files(METER).unwrap();
    let model = Model::parse_inheriting(&file, &text, &files).unwrap();
    let bench = Arc::new(SimulatedBench::lone(METER, &model, Arc::clone(&clock)));
    let name = bench.instrument_names().next().unwrap().to_owned();
    let session = bench.serial_session(&name).unwrap();
    let meter = ScpiInstrument::new(session, definition(), Arc::clone(&clock), Options::default());
    spawn(clock.as_ref(), work(meter, bench, name)).await.unwrap()
}

fn volts() -> Measure {
    Measure::of(Function::DcVoltage)
}

fn for_one_message(bench: &SimulatedBench, name: &str, fault: &str) {
    let order = FaultOrder::parse(&format!("{fault}\nfor_messages = 1")).unwrap();
    bench.order_fault(name, order).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_asked_for_errors_and_every_message_is_over_with_its_prompt() {
    driven(async |mut meter: ScpiInstrument, bench, _name| {
        let start = meter.prepare().await.unwrap();
        assert_eq!(start.identity.model, "45");
        assert_eq!(start.stale_errors, Vec::<String>::new());
        let before = heard(&bench).len();
        meter.measure(&volts()).await.unwrap();
        assert_eq!(
            heard(&bench)[before..],
            ["VDC", "AUTO", "RATE S", "FORMAT 1", "TRIGGER 1", "MEAS1?"]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prompt_that_is_an_error_names_the_message_and_the_line_stays_in_step() {
    driven(async |mut meter: ScpiInstrument, _bench, _name| {
        for (message, expected) in [
            ("NONSENSE", "answers `NONSENSE` with ?>, command error"),
            ("NONSENSE?", "answers `NONSENSE?` with ?>, command error"),
            ("TRIGGER 9", "answers `TRIGGER 9` with !>, execution error"),
            // behind an answer too
            ("RATE?;TRIGGER 9", "answers `RATE?;TRIGGER 9` with !>, execution error"),
        ] {
            let error = meter.query(message).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Instrument, "{error}");
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(
                meter.query("FORMAT?").await.unwrap().as_deref(),
                Some("+1"),
                "{message}"
            );
        }
        meter.measure(&volts()).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_is_no_prompt_fails_the_measurement_and_leaves_the_line_out_of_step() {
    driven(async |mut meter: ScpiInstrument, bench, name| {
        // the prompt of the second message of the measurement
        let order = FaultOrder::parse("kind = 'garbled_answer'\nafter_messages = 1\nfor_messages = 1").unwrap();
        bench.order_fault(&name, order).unwrap();
        let error = meter.measure(&volts()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Garbled, "{error}");
        assert!(
            error.to_string().contains("expected a prompt behind `AUTO`, got `"),
            "{error}"
        );
        assert_eq!(heard(&bench), ["VDC", "AUTO"]);
        let next = meter.measure(&volts()).await.unwrap_err();
        assert_eq!(next.kind(), ErrorKind::Desynchronised, "{next}");
        meter.recover().await.unwrap();
        meter.measure(&volts()).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_prompt_is_a_timeout_that_recovery_ends() {
    driven(async |mut meter: ScpiInstrument, bench, name| {
        for (message, fault) in [
            ("RATE S", "kind = 'no_answer'"),
            ("RATE?", "kind = 'no_answer'"),
            ("RATE S", "kind = 'late_answer'\ndelay = '6 s'"),
            // the answer is cut, and no prompt comes
            ("*IDN?", "kind = 'cut_answer'"),
        ] {
            for_one_message(&bench, &name, fault);
            let error = meter.query(message).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Timeout, "{fault}: {error}");
            let next = meter.query("FORMAT?").await.unwrap_err();
            assert_eq!(next.kind(), ErrorKind::Desynchronised, "{fault}: {next}");
            meter.recover().await.unwrap();
            assert_eq!(meter.query("FORMAT?").await.unwrap().as_deref(), Some("+1"), "{fault}");
        }
        bench.set_fault(&name, Fault::HangForever);
        assert_eq!(meter.measure(&volts()).await.unwrap_err().kind(), ErrorKind::Timeout);
    })
    .await;
}

/// A session that says these lines one after the other, whatever it is sent, and then nothing.
fn says(lines: [&'static str; 2]) -> Box<MockSession> {
    let resource: Resource = "ASRL/dev/ttyS0::INSTR".parse().unwrap();
    let mut lines = lines.into_iter();
    let mut session = MockSession::new();
    session.expect_resource().return_const(resource.clone());
    session.expect_state().return_const(SessionState::Ready);
    session.expect_write().returning(|_, _| Ok(()));
    session.expect_read().returning(move |_| {
        let line = lines.next().map(|line| line.as_bytes().to_vec());
        line.ok_or_else(|| Error::timeout(Operation::Read, &resource, Duration::ZERO))
    });
    Box::new(session)
}

#[tokio::test]
async fn a_question_that_is_not_answered_and_an_answer_without_a_prompt_are_told_apart() {
    for (lines, kind, expected) in [
        (
            ["=>", ""],
            ErrorKind::Garbled,
            "`RATE?` was carried out and not answered",
        ),
        (
            ["S", "M"],
            ErrorKind::Garbled,
            "expected a prompt behind `RATE?`, got `M`",
        ),
        (["?>", ""], ErrorKind::Instrument, "with ?>, command error"),
        (["S", " !> "], ErrorKind::Instrument, "with !>, execution error"),
    ] {
        let mut meter = ScpiInstrument::new(says(lines), definition(), RealClock::shared(), Options::default());
        let error = meter.query("RATE?").await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    let mut meter = ScpiInstrument::new(says(["S", "=>"]), definition(), RealClock::shared(), Options::default());
    assert_eq!(meter.query("RATE?").await.unwrap().as_deref(), Some("S"));
}

#[test]
fn prompts_that_say_nothing_are_refused() {
    let (file, good) = file(METER).unwrap();
    for (right, wrong, expected) in [
        (
            "command_error   = \"?>\"",
            "command_error = \"=>\"",
            "prompts that are the same say nothing",
        ),
        (
            "command_error   = \"?>\"",
            "command_error = \" ?>\"",
            "a prompt is a line with something in it",
        ),
        ("command_error   = \"?>\"", "", "missing key `command_error`"),
        ("[commands.prompts]", "[commands.promts]", "needs [commands.prompts]"),
        (
            "\"acknowledge\"",
            "\"*ESR?\"",
            "prompts are read where `error_check = \"acknowledge\"`",
        ),
    ] {
        let broken = good.replacen(right, wrong, 1);
        assert_ne!(broken, good);
        let findings = parse_inheriting(METER, &file, &broken, &self::file)
            .unwrap_err()
            .render_short();
        assert!(findings.contains(expected), "{expected}\nin\n{findings}");
    }
}
