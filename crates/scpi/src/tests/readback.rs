//! A meter that reports no errors: what was set is read back, or it did not happen.

use super::{definition, scripted};
use crate::{Options, ScpiInstrument};
use benchtop_instrument::{
    ErrorKind, Function, Instrument, Measure, Quantity, RangeRequest, ReadingKind, VirtualClock, spawn,
};
use std::sync::Arc;

const METER: &str = "owon/xdm1041";

/// What becomes of a measurement on 5 V where the meter answers so.
async fn measured(answers: impl Fn(&str) -> &'static str + Send + 'static) -> Result<ReadingKind, (ErrorKind, String)> {
    let clock: Arc<dyn benchtop_instrument::Clock> = Arc::new(VirtualClock::new());
    let (session, _sent) = scripted(answers);
    let mut meter = ScpiInstrument::new(
        Box::new(session),
        definition(METER),
        Arc::clone(&clock),
        Options::default(),
    );
    let request = Measure {
        range: RangeRequest::Exactly("5 V".parse::<Quantity>().unwrap()),
        ..Measure::of(Function::DcVoltage)
    };
    let reading = spawn(clock.as_ref(), async move { meter.measure(&request).await });
    let reading = reading.await.unwrap();
    reading
        .map(|reading| reading.kind)
        .map_err(|error| (error.kind(), error.to_string()))
}

fn meter(message: &str) -> &'static str {
    match message {
        "FUNC1?" => "\"VOLT\"",
        "RATE?" => "S",
        "RANGE?" => "5 V",
        "MEAS1?" => "3.2995",
        _ => "",
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_reads_back_as_it_was_set_is_measured() {
    let reading = measured(meter).await.unwrap();
    assert!(
        matches!(reading, ReadingKind::Value(value) if value.to_string() == "3.2995 V"),
        "{reading:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_that_the_meter_did_not_take_is_an_error_that_names_it() {
    for (question, answer, expected) in [
        (
            "FUNC1?",
            "\"VOLT AC\"",
            "FUNC1? answers \"VOLT AC\" after it was set to VOLT",
        ),
        ("RATE?", "F", "RATE? answers F after it was set to S"),
        ("RANGE?", "50V", "the range 5 V was set, and 50 V is read back"),
    ] {
        let error = measured(move |message| if message == question { answer } else { meter(message) }).await;
        let (kind, text) = error.unwrap_err();
        assert_eq!(kind, ErrorKind::Readback, "{text}");
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_own_number_for_overload_is_no_reading() {
    let reading = measured(|message| if message == "MEAS1?" { "1E+9" } else { meter(message) }).await;
    assert!(matches!(reading, Ok(ReadingKind::Overrange(_))), "{reading:?}");
}

#[test]
fn a_definition_whose_settings_nothing_proves_is_refused() {
    let file = format!("instruments/{METER}/driver.toml");
    let text = super::text(&file);
    for (right, wrong, expected) in [
        (
            "readback    = [{ query = \"FUNC1?\", answer = \"RES\" }, { query = \"RATE?\", answer = \"S\" }]",
            "",
            "`error_check = \"readback\"` needs `readback` of the function",
        ),
        (
            "range_query = \"RANGE?\"",
            "",
            "`error_check = \"readback\"` needs `range_query`",
        ),
    ] {
        let broken = text.replacen(right, wrong, 1);
        assert_ne!(broken, text);
        let findings = crate::parse(METER, &file, &broken).unwrap_err().render_short();
        assert!(findings.contains(expected), "{findings}");
    }
}
