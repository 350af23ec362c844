//! The runner against instruments that misbehave in every way, on the virtual clock.

mod plans;
mod polling;
mod reducing;
mod rig;
mod saying;
mod slots;
mod uncertainty;

use crate::{Interrupt, RunOutcome, StepOutcome};
use benchtop_procedure::MeasurementOutcome;
use rig::{Behaviour, Rig};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_unit_passes_and_the_outputs_go_off() {
    let ran = Rig::new().run().await;
    assert_eq!(ran.outcome(), RunOutcome::Pass);
    assert_eq!(ran.step("Power on"), StepOutcome::Pass);
    assert_eq!(ran.step("Power off"), StepOutcome::Pass);
    assert!(ran.output_was_on() && !ran.output_is_on());
    assert!(ran.ended().outputs_maybe_on.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_opened_before_the_run_is_durable() {
    let ran = Rig::new().run().await;
    let log = ran.log();
    let first_open = log.iter().position(|line| line.starts_with("open")).unwrap();
    let before: Vec<&str> = log[..first_open].iter().map(String::as_str).collect();
    assert_eq!(before, ["record RunStarted", "barrier"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_enables_an_output_is_durable_before_its_command() {
    let ran = Rig::new().run().await;
    let log = ran.log();
    let on = log.iter().position(|line| line == "psu set on").unwrap();
    assert_eq!(&log[on - 2..on], ["record StepStarted Power on", "barrier"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_that_ended_goes_into_the_pipeline() {
    let ran = Rig::new().run().await;
    let log = ran.log();
    let ended = |line: &&[String]| line[0].starts_with("record StepEnded");
    let steps: Vec<&[String]> = log.windows(2).filter(ended).collect();
    assert!(
        steps.len() >= 6 && steps.iter().all(|pair| pair[1] == "pipeline"),
        "{log:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_run_ends_on_a_barrier() {
    let ran = Rig::new().run().await;
    let log = ran.log();
    assert_eq!(&log[log.len() - 2..], ["record RunEnded PASS", "barrier"]);
    let off = log.iter().rposition(|line| line == "psu make_safe").unwrap();
    assert!(off < log.len() - 2, "made safe before the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_unit_fails_and_later_steps_still_run() {
    let ran = Rig::new().reads("3.18").run().await;
    assert_eq!(ran.outcome(), RunOutcome::Fail);
    assert_eq!(ran.step("Rail"), StepOutcome::Fail);
    assert_eq!(ran.step("Second rail"), StepOutcome::Fail);
    assert_eq!(
        ran.ended().reason.as_deref(),
        Some("Rail: vcc_3v3: 3.18 V is below the low limit 3.25 V")
    );
    assert!(!ran.output_is_on());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_fail_stop_skips_the_rest_but_never_the_teardown() {
    let ran = Rig::new()
        .reads("3.18")
        .procedure("name = \"Rail\"", "name = \"Rail\"\non_fail = \"stop\"")
        .run()
        .await;
    assert_eq!(ran.outcome(), RunOutcome::Fail);
    assert_eq!(ran.step("Second rail"), StepOutcome::Skip);
    assert_eq!(ran.step("Power off"), StepOutcome::Pass);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instrument_error_is_an_error_of_the_station_and_goes_to_teardown() {
    let ran = Rig::new().dmm(Behaviour::MeasureFails).run().await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
    assert_eq!(ran.step("Rail"), StepOutcome::Error);
    assert_eq!(ran.step("Second rail"), StepOutcome::Skip);
    assert_eq!(ran.step("Power off"), StepOutcome::Pass);
    assert!(
        ran.ended()
            .reason
            .as_deref()
            .unwrap()
            .contains("measure on SIM::rig::dmm: no answer in 2 s")
    );
    assert!(!ran.output_is_on());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overrange_and_not_a_number_never_pass() {
    let over = Rig::new().reads("9.9E37").run().await;
    assert_eq!(over.outcome(), RunOutcome::Fail);
    let nan = Rig::new().reads("9.91E37").run().await;
    assert_eq!(nan.outcome(), RunOutcome::Error);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_on_error_that_works_passes_and_keeps_both_attempts() {
    let ran = Rig::new()
        .dmm(Behaviour::MeasureFailsOnce)
        .procedure(
            "name = \"Rail\"",
            "name = \"Rail\"\nretry = { attempts = 2, delay = \"1 s\" }",
        )
        .run()
        .await;
    assert_eq!(ran.outcome(), RunOutcome::Pass);
    let attempts: Vec<(u32, bool, StepOutcome)> = ran
        .ended_steps()
        .filter(|ended| ended.name == "Rail")
        .map(|ended| (ended.attempt, ended.decides, ended.outcome))
        .collect();
    assert_eq!(attempts, [(1, false, StepOutcome::Error), (2, true, StepOutcome::Pass)]);
    assert!(
        ran.log().iter().any(|line| line == "dmm recover"),
        "the session is recovered before the second attempt"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fail_is_not_retried_unless_written() {
    let silent = "name = \"Rail\"\nretry = { attempts = 3 }";
    let ran = Rig::new()
        .reads("3.18")
        .procedure("name = \"Rail\"", silent)
        .run()
        .await;
    assert_eq!(ran.attempts("Rail"), 1);
    let written = "name = \"Rail\"\nretry = { attempts = 3, on = [\"fail\"] }";
    let ran = Rig::new()
        .reads("3.18")
        .procedure("name = \"Rail\"", written)
        .run()
        .await;
    assert_eq!(ran.attempts("Rail"), 3);
    assert_eq!(ran.outcome(), RunOutcome::Fail);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_instrument_is_a_timeout_and_every_measurement_is_accounted_for() {
    let ran = Rig::new()
        .dmm(Behaviour::MeasureHangs)
        .procedure("name = \"Rail\"", "name = \"Rail\"\ntimeout = \"5 s\"")
        .run()
        .await;
    assert_eq!(ran.outcome(), RunOutcome::Timeout);
    assert_eq!(ran.ended().reason.as_deref(), Some("Rail: not done in 5 s"));
    let taken: Vec<Option<String>> = ran.measurements().map(|taken| taken.reason.clone()).collect();
    assert_eq!(taken, [Some("not taken: not done in 5 s".to_owned())]);
    assert!(!ran.output_is_on());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_a_driver_is_an_error_and_the_outputs_go_off() {
    let ran = Rig::new().dmm(Behaviour::MeasurePanics).run().await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
    assert!(
        ran.ended()
            .reason
            .as_deref()
            .unwrap()
            .contains("the driver of dmm stopped working")
    );
    assert!(!ran.output_is_on());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_the_supplys_driver_is_made_safe_on_a_second_session() {
    let ran = Rig::new().psu(Behaviour::SetPanicsAfterOn).run().await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
    assert!(ran.output_was_on() && !ran.output_is_on());
    assert_eq!(ran.log().iter().filter(|line| *line == "open psu").count(), 2);
    assert!(ran.ended().outputs_maybe_on.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_supply_that_hangs_is_made_safe_on_a_second_session() {
    let ran = Rig::new().psu(Behaviour::FirstSessionHangsAfterOn).run().await;
    assert!(ran.output_was_on() && !ran.output_is_on());
    assert!(ran.ended().outputs_maybe_on.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_output_that_stays_on_is_named_and_makes_a_good_run_an_error() {
    let ran = Rig::new().psu(Behaviour::StuckOn).run().await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
    assert_eq!(ran.ended().outputs_maybe_on, ["psu channel 1"]);
    assert_eq!(ran.ended().reason.as_deref(), Some("OUTPUT MAY BE ON: psu channel 1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instrument_that_cannot_be_opened_skips_the_test() {
    let ran = Rig::new().dmm(Behaviour::OpenFails).run().await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
    assert_eq!(ran.step("Power on"), StepOutcome::Skip);
    assert_eq!(ran.step("Rail"), StepOutcome::Skip);
    assert!(!ran.output_was_on());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_supply_that_cannot_be_opened_may_be_on() {
    let ran = Rig::new().psu(Behaviour::OpenFails).run().await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
    assert_eq!(ran.ended().outputs_maybe_on, ["psu channel 1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_interrupt_abandons_the_step_tears_down_and_makes_safe() {
    let ran = Rig::new()
        .interrupted_at("dmm measure", &[Interrupt::Abandon])
        .run()
        .await;
    assert_eq!(ran.outcome(), RunOutcome::Aborted);
    assert_eq!(ran.step("Rail"), StepOutcome::Aborted);
    assert_eq!(ran.step("Second rail"), StepOutcome::Skip);
    assert_eq!(ran.step("Power off"), StepOutcome::Pass);
    assert!(ran.output_was_on() && !ran.output_is_on());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_interrupt_makes_safe_at_once() {
    let ran = Rig::new()
        .interrupted_at("dmm measure", &[Interrupt::Abandon, Interrupt::SafeNow])
        .run()
        .await;
    assert_eq!(ran.outcome(), RunOutcome::Aborted);
    assert_eq!(ran.step("Power off"), StepOutcome::Skip);
    assert!(ran.output_was_on() && !ran.output_is_on());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorder_that_fails_ends_the_run_and_the_outputs_go_off() {
    for (write, expect_on) in [("RunStarted", false), ("MeasurementTaken", true), ("pipeline", true)] {
        let ran = Rig::new().recorder_fails_at(write).run().await;
        assert_eq!(ran.outcome(), RunOutcome::Error, "{write}");
        assert!(ran.recorder_failed(), "{write}");
        assert_eq!(ran.output_was_on(), expect_on, "{write}");
        assert!(!ran.output_is_on(), "{write}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorder_that_panics_takes_the_supervisor_down_but_the_outputs_go_off() {
    let ran = Rig::new().recorder_panics_at("MeasurementTaken").run().await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
    assert!(ran.ended().reason.as_deref().unwrap().contains("a bug in Benchtop"));
    assert!(ran.output_was_on() && !ran.output_is_on());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_passes_on_the_clock_and_nobody_sits_through_it() {
    let ran = Rig::new()
        .procedure("wait = \"250 ms\"", "wait = \"3600 s\"")
        .run()
        .await;
    assert_eq!(ran.outcome(), RunOutcome::Pass);
    assert_eq!(ran.time_of("Settle"), std::time::Duration::from_secs(3600));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_teardown_makes_the_run_an_error_and_does_not_stop_the_rest() {
    let ran = Rig::new().psu(Behaviour::SetFailsOff).run().await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
    assert_eq!(ran.step("Power off"), StepOutcome::Error);
    assert_eq!(ran.step("Cool down"), StepOutcome::Pass);
    assert!(!ran.output_is_on(), "make_safe has its own way");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listeners_hear_every_outcome() {
    let ran = Rig::new().run().await;
    let heard: Vec<&str> = ran.heard().iter().map(String::as_str).collect();
    assert_eq!(heard.first().copied(), Some("RunStarted"));
    assert_eq!(heard.last().copied(), Some("RunEnded PASS"));
    assert_eq!(
        heard.iter().filter(|line| line.starts_with("MeasurementTaken")).count(),
        2
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fail_while_a_supply_has_lost_its_output_is_an_error_that_names_the_supply() {
    let ran = Rig::new().reads("0.01").psu(Behaviour::TripsAfterOn).run().await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
    assert_eq!(ran.step("Rail"), StepOutcome::Error);
    assert_eq!(ran.step("Second rail"), StepOutcome::Skip);
    assert_eq!(
        ran.ended().reason.as_deref(),
        Some(
            "Rail: psu: read-back on SIM::rig::psu: output 1 was turned on and reads back as off; \
             no fact about the unit: vcc_3v3: 0.01 V is below the low limit 3.25 V"
        )
    );
    let judged: Vec<MeasurementOutcome> = ran.measurements().map(|taken| taken.outcome).collect();
    assert_eq!(
        judged[0],
        MeasurementOutcome::Fail,
        "what was measured stays in the record"
    );
    assert!(!ran.output_is_on());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pass_with_an_output_that_went_off_is_an_error_before_the_teardown() {
    let ran = Rig::new().psu(Behaviour::TripsAfterOn).run().await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
    assert_eq!(ran.step("Second rail"), StepOutcome::Pass);
    assert_eq!(
        ran.ended().reason.as_deref(),
        Some("psu: read-back on SIM::rig::psu: output 1 was turned on and reads back as off")
    );
    let log = ran.log();
    let looked: Vec<usize> = (0..log.len()).filter(|at| log[*at] == "psu find_outputs_on").collect();
    let off = log.iter().position(|line| line == "psu set off").unwrap();
    assert_eq!(looked.len(), 1, "once, where nothing fails");
    assert!(looked[0] < off, "while it should still be on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_supply_whose_outputs_cannot_be_read_back_in_time_is_an_error_and_is_made_safe() {
    let ran = Rig::new().psu(Behaviour::ReadBackHangs).run().await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
    assert_eq!(
        ran.ended().reason.as_deref(),
        Some("psu: its outputs were not read back in 10 s")
    );
    assert_eq!(ran.step("Power off"), StepOutcome::Pass);
    assert!(!ran.output_is_on());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fail_is_the_units_where_the_outputs_are_as_they_were_set() {
    let ran = Rig::new().reads("3.18").run().await;
    assert_eq!(ran.outcome(), RunOutcome::Fail);
    let looked = ran.log().iter().filter(|line| *line == "psu find_outputs_on").count();
    assert_eq!(looked, 3, "after each fail, and before the teardown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partial_run_is_aborted_at_best_and_says_which_steps_it_left_out() {
    let ran = Rig::new().without(&[2]).run().await;
    assert_eq!(ran.outcome(), RunOutcome::Aborted);
    assert_eq!(
        ran.ended().reason.as_deref(),
        Some("a partial run (--skip) passes no unit")
    );
    assert_eq!(
        (ran.step("Rail"), ran.step("Second rail")),
        (StepOutcome::Pass, StepOutcome::Skip)
    );
    let left_out = ran.ended_steps().find(|ended| ended.name == "Second rail").unwrap();
    assert_eq!(left_out.reason.as_deref(), Some("left out by --skip"));
    assert_eq!(ran.measurements().count(), 1, "what was left out was not taken either");
    assert_eq!(ran.step("Power off"), StepOutcome::Pass);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partial_run_of_a_broken_station_is_still_an_error() {
    let ran = Rig::new().without(&[2]).dmm(Behaviour::MeasureFails).run().await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_takes_too_long_is_a_timeout_and_is_torn_down() {
    let ran = Rig::new()
        .procedure("name = \"Rig\"", "name = \"Rig\"\ntimeout = \"2 s\"")
        .dmm(Behaviour::MeasureHangs)
        .run()
        .await;
    assert_eq!(ran.outcome(), RunOutcome::Timeout);
    assert_eq!(
        ran.ended().reason.as_deref(),
        Some("Rail: the run took longer than 2 s")
    );
    assert_eq!(
        (ran.step("Rail"), ran.step("Second rail"), ran.step("Power off")),
        (StepOutcome::Timeout, StepOutcome::Skip, StepOutcome::Pass)
    );
    assert!(
        ran.time_of("Cool down").as_secs_f64() > 0.9,
        "the teardown has its own time"
    );
    assert!(!ran.output_is_on());
}

/// The rig's procedure with a judgement of what the supply holds.
fn expecting(regulation: &str) -> Rig {
    let to = format!("output_enabled = true, expect_regulation = '{regulation}', settle = '100 ms' }}");
    Rig::new().procedure("output_enabled = true }", &to)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_makes_the_supply_limit_or_trip_is_a_fail_that_names_volts_and_amperes() {
    for (behaviour, value, found) in [
        (Behaviour::LimitsItsCurrent, "cc", "is limiting its current"),
        (
            Behaviour::TripsOnCurrentAtOnce,
            "tripped",
            "is off, its over-current protection tripped",
        ),
    ] {
        let ran = expecting("cv").psu(behaviour).run().await;
        assert_eq!(ran.outcome(), RunOutcome::Fail, "{:?}", ran.ended());
        assert_eq!(ran.step("Power on"), StepOutcome::Fail);
        assert_eq!(ran.step("Rail"), StepOutcome::Skip);
        let taken = ran.measurements().next().unwrap();
        assert_eq!(taken.name, "Power on regulation");
        assert_eq!(taken.value, Some(benchtop_procedure::Value::Text(value.to_owned())));
        let reason = format!("psu channel 1 {found}, expected constant voltage: measured 3.3 V and 3.3 A");
        assert_eq!(taken.reason.as_deref(), Some(reason.as_str()));
    }
    // without the expectation the same is the station's
    let ran = Rig::new().psu(Behaviour::TripsOnCurrentAtOnce).run().await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_output_that_goes_off_for_another_reason_is_no_fact_about_the_unit() {
    let ran = expecting("cv").psu(Behaviour::TripsOnVoltage).run().await;
    assert_eq!(ran.outcome(), RunOutcome::Error);
    let taken = ran.measurements().next().unwrap();
    assert_eq!(taken.outcome, MeasurementOutcome::Unset);
    assert_eq!(
        taken.reason.as_deref(),
        Some("psu: output 1 was turned on and went off again: over-voltage protection tripped")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_regulation_is_watched_for_all_of_the_settling_time() {
    let ran = expecting("cv").run().await;
    assert_eq!(ran.outcome(), RunOutcome::Pass, "{:?}", ran.ended());
    let looks = ran.log().iter().filter(|line| *line == "psu output_mode").count();
    assert!(looks > 3, "{looks}");
    let ran = expecting("cc").psu(Behaviour::LimitsItsCurrent).run().await;
    assert_eq!(ran.outcome(), RunOutcome::Pass, "{:?}", ran.ended());
    let looks = ran.log().iter().filter(|line| *line == "psu output_mode").count();
    assert_eq!(looks, 1, "decided at the first look");
    let ran = expecting("cc").run().await;
    assert_eq!(ran.outcome(), RunOutcome::Fail);
}
