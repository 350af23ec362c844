//! Measuring until the value is good, on the virtual clock; a reading of the rig takes 10 ms.

use super::rig::{Behaviour, Ran, Rig};
use crate::{MeasurementOutcome, MeasurementTaken, RunOutcome, StepOutcome};

fn polled(reads: &str, poll: &str) -> Rig {
    let lines = format!("limit = {{ low = 3.25, high = 3.35 }}\npoll = {poll}");
    Rig::new()
        .reads(reads)
        .procedure("limit = { low = 3.25, high = 3.35 }", &lines)
}

fn taken<'r>(ran: &'r Ran, name: &str) -> &'r MeasurementTaken {
    let found = ran.measurements().find(|taken| taken.name == name);
    found.unwrap_or_else(|| panic!("{name} in {:?}", ran.heard()))
}

fn value(taken: &MeasurementTaken) -> Option<String> {
    taken.value.as_ref()?.number().map(|value| value.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_reading_is_judged_and_the_time_is_a_measurement_of_its_own() {
    let ran = polled(
        "1;2;9.9E37;3.3",
        "{ until = 'in_limit', every = '100 ms', for = '5 s' }",
    )
    .run()
    .await;
    assert_eq!(ran.outcome(), RunOutcome::Pass, "{:?}", ran.ended());
    assert_eq!(value(taken(&ran, "vcc_3v3")).as_deref(), Some("3.3"));
    let time = taken(&ran, "vcc_3v3_settle_time");
    // the fourth reading began after three hundred milliseconds
    assert_eq!(
        (value(time).as_deref(), time.unit.to_string().as_str()),
        (Some("0.3"), "s")
    );
    assert_eq!(time.outcome, MeasurementOutcome::Pass);
    assert_eq!(time.limit.clone().unwrap().high.unwrap().to_string(), "5");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_leaves_its_limit_again_begins_anew() {
    let poll = "{ until = 'in_limit', hold = '150 ms', every = '100 ms', for = '5 s' }";
    let ran = polled("3.3;1;3.3", poll).run().await;
    assert_eq!(ran.outcome(), RunOutcome::Pass);
    // good from the third reading on, and still good two readings later
    assert_eq!(value(taken(&ran, "vcc_3v3_settle_time")).as_deref(), Some("0.2"));
    let measured = ran.log().iter().filter(|line| *line == "dmm measure").count();
    assert_eq!(measured, 5 + 1, "five of the poll, one of the second rail");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stable_is_within_a_band_for_as_long_as_it_holds() {
    let poll = "{ until = 'stable', band = '20 mV', hold = '150 ms', every = '100 ms', for = '5 s' }";
    let ran = polled("1;2;3.25;3.29;3.3;3.305;3.295;3.3", poll).run().await;
    assert_eq!(ran.outcome(), RunOutcome::Pass);
    assert_eq!(value(taken(&ran, "vcc_3v3_settle_time")).as_deref(), Some("0.3"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_never_settles_is_a_fail_of_the_unit() {
    for (reads, poll, reason) in [
        (
            "1",
            "{ until = 'in_limit', every = '100 ms', for = '1 s' }",
            "not within its limit in 1 s",
        ),
        (
            "3.3;3.26;3.3;3.26;3.3;3.26;3.3;3.26;3.3;3.26;3.3;3.26",
            "{ until = 'stable', band = '20 mV', hold = '300 ms', every = '100 ms', for = '1 s' }",
            "not within 20 mV for 300 ms in 1 s",
        ),
    ] {
        let ran = polled(reads, poll).run().await;
        assert_eq!(ran.outcome(), RunOutcome::Fail, "{:?}", ran.ended());
        let time = taken(&ran, "vcc_3v3_settle_time");
        assert_eq!((time.outcome, time.value.clone()), (MeasurementOutcome::Fail, None));
        assert_eq!(time.reason.as_deref(), Some(reason));
        assert_eq!(ran.step("Rail"), StepOutcome::Fail);
        let took = ran.time_of("Rail").as_millis();
        assert!((900..=1100).contains(&took), "no longer than it may take: {took} ms");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instrument_that_fails_while_it_is_polled_is_an_error_of_the_station() {
    let ran = polled("3.3", "{ until = 'in_limit', for = '1 s' }")
        .dmm(Behaviour::MeasureFails)
        .run()
        .await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
    for name in ["vcc_3v3", "vcc_3v3_settle_time"] {
        let taken = taken(&ran, name);
        assert_eq!(
            (taken.outcome, taken.value.clone()),
            (MeasurementOutcome::Unset, None),
            "{name}"
        );
        assert!(taken.reason.as_deref().unwrap().starts_with("not taken") || name == "vcc_3v3");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_that_is_cut_short_accounts_for_both_measurements() {
    let ran = polled("1", "{ until = 'in_limit', every = '100 ms', for = '1 h' }")
        .procedure("name = \"Rail\"", "name = \"Rail\"\ntimeout = \"2 s\"")
        .run()
        .await;
    assert_eq!(ran.outcome(), RunOutcome::Timeout);
    for name in ["vcc_3v3", "vcc_3v3_settle_time"] {
        assert_eq!(
            taken(&ran, name).reason.as_deref(),
            Some("not taken: not done in 2 s"),
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_reading_that_takes_longer_than_the_hold_settles_nothing() {
    // a ramp: each reading of 10 ms is alone in its window, however short the hold is
    let poll = "{ until = 'stable', band = '20 mV', hold = '5 ms', for = '1 s' }";
    let ran = polled("1;2;3;3.3", poll).run().await;
    assert_eq!(ran.outcome(), RunOutcome::Pass, "{:?}", ran.ended());
    assert_eq!(value(taken(&ran, "vcc_3v3_settle_time")).as_deref(), Some("0.03"));
    assert_eq!(value(taken(&ran, "vcc_3v3")).as_deref(), Some("3.3"));
    // in its limit for as long as the hold, and not for one reading
    let poll = "{ until = 'in_limit', hold = '5 ms', for = '1 s' }";
    let ran = polled("3.3;1;3.3", poll).run().await;
    assert_eq!(value(taken(&ran, "vcc_3v3_settle_time")).as_deref(), Some("0.02"));
}
