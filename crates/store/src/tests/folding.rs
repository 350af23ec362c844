//! What a record says of a run.

use crate::{
    Record,
    record::{MeasurementOutcome, OutputState, ReadingKind, RunOutcome, StepOutcome, Value::Number},
    testkit::{self, Telling, eventful, folded, passing, rail, ticket},
};
use benchtop_run::{self as run, Section};
use serde_json::Value;

fn json(record: &Record) -> Value {
    serde_json::to_value(record).unwrap()
}

#[test]
fn a_reader_of_the_plain_form_works_unchanged() {
    let json = json(&testkit::record());
    assert_eq!(json["procedure_id"], "BOARD-FUNCTIONAL-V3");
    assert_eq!(json["unit_under_test"]["serial_number"], "UNIT-5501");
    assert_eq!(json["run_passed"], true);
    assert_eq!(json["tested_at"], "2026-03-04T05:06:07.000000Z");
    let step = &json["steps"][1];
    assert_eq!(step["name"], "Power Rail Check");
    assert_eq!(step["step_type"], "measurement");
    assert_eq!(step["status"], true);
    let measurement = &step["measurements"][0];
    assert_eq!(measurement["name"], "vcc_3v3");
    assert_eq!(measurement["value"], 3.300123);
    assert_eq!(measurement["unit"], "V");
    assert_eq!(measurement["limit_low"], 3.25);
    assert_eq!(measurement["limit_high"], 3.35);
}

#[test]
fn times_are_the_start_plus_the_monotonic_clock() {
    let mut events = passing(&ticket(), "UNIT-5501");
    // the wall clock falls back by a day in the middle of the run
    for event in events.iter_mut().skip(3) {
        event.at.utc -= chrono::TimeDelta::days(1);
    }
    let record = folded(&events);
    assert_eq!(record, testkit::record());
    assert_eq!(record.ended_at, testkit::now() + chrono::TimeDelta::milliseconds(2250));
    assert!((record.duration_s - 2.25).abs() < 1e-9);
    let json = json(&record);
    assert_eq!(json["ended_at"], "2026-03-04T05:06:09.250000Z");
    assert_eq!(json["steps"][0]["started_at"], "2026-03-04T05:06:07.750000Z");
    assert_eq!(json["clock"]["virtual"], true);
}

#[test]
fn the_last_attempt_decides_and_the_earlier_ones_are_kept() {
    let record = folded(&eventful(&ticket()));
    let step = &record.steps[1];
    assert_eq!(
        (step.outcome, step.status, step.retry_count),
        (StepOutcome::Pass, true, 1)
    );
    assert!(step.passed_on_retry && record.passed_on_retry);
    let [earlier] = step.attempts.as_slice() else {
        panic!("{step:?}")
    };
    assert_eq!((earlier.outcome, earlier.retry_count), (StepOutcome::Error, 0));
    assert_eq!(earlier.measurements[0].outcome, MeasurementOutcome::Unset);
    assert_eq!(earlier.name, step.name);
    assert!(json(&record)["steps"][0].get("attempts").is_none());
}

#[test]
fn a_step_that_passed_each_time_did_not_pass_on_a_retry() {
    use run::StepOutcome::{Error, Fail, Pass, Skip, Timeout};
    for (attempts, expected) in [
        (&[Pass, Pass][..], false),
        (&[Skip, Pass], false),
        (&[Pass], false),
        (&[Fail, Pass], true),
        (&[Error, Pass], true),
        (&[Timeout, Pass], true),
        (&[Fail, Pass, Pass], true),
        (&[Pass, Fail], false),
    ] {
        let steps = [(Section::Main, 0, "Rail", "measurement")];
        let mut telling = Telling::of(&ticket(), "UNIT-5501", &steps);
        for (number, outcome) in (1..).zip(attempts) {
            telling
                .started(Section::Main, 0, "Rail", number)
                .ended(Section::Main, 0, number, *outcome, None);
        }
        let record = folded(&telling.run_ended(run::RunOutcome::Pass, None).events());
        assert_eq!(record.steps[0].passed_on_retry, expected, "{attempts:?}");
        assert_eq!(record.passed_on_retry, expected, "{attempts:?}");
    }
}

#[test]
fn what_has_no_number_has_a_kind_and_a_reason() {
    let record = folded(&eventful(&ticket()));
    let overrange = &record.steps[2].measurements[0];
    assert_eq!((&overrange.value, overrange.outcome), (&None, MeasurementOutcome::Pass));
    assert_eq!(overrange.reading_kind, ReadingKind::OverrangePositive);
    assert!(overrange.reason.as_ref().unwrap().contains("accepts"));
    let missing = &record.steps[1].attempts[0].measurements[0];
    assert_eq!((&missing.value, missing.reading_kind), (&None, ReadingKind::Missing));
    assert!(missing.reason.is_some());
}

#[test]
fn a_limit_stands_in_the_record_as_it_was_written() {
    let number = |text: &str| text.parse::<run::Decimal>().unwrap();
    let tolerated = run::MeasurementTaken {
        limit: Some(run::Limit {
            low: Some(number("3.234")),
            high: Some(number("3.366")),
            nominal: Some(run::Nominal {
                value: number("3.3"),
                tolerance: run::Tolerance::Percent(number("2")),
            }),
            outside: Some(run::Outside {
                low: number("3.31"),
                high: number("3.32"),
            }),
            marginal: Some(run::Marginal {
                low: Some(number("3.25")),
                high: None,
            }),
            ..run::Limit::default()
        }),
        marginal: true,
        ..rail(0, 1, Some("3.24"), run::MeasurementOutcome::Pass)
    };
    let firmware = run::MeasurementTaken {
        name: "firmware".to_owned(),
        instrument: None,
        channel: None,
        function: None,
        value: Some(run::Value::Text("1.4.2".to_owned())),
        unit: "".parse().unwrap(),
        limit: Some(run::Limit {
            equals: Some(run::Value::Text("1.4.2".to_owned())),
            one_of: vec![
                run::Value::Text("1.4.2".to_owned()),
                run::Value::Text("1.4.3".to_owned()),
            ],
            ..run::Limit::default()
        }),
        ..rail(0, 1, None, run::MeasurementOutcome::Pass)
    };
    let mut telling = Telling::of(&ticket(), "UNIT-1", &[(Section::Main, 0, "Rail", "measurement")]);
    telling
        .started(Section::Main, 0, "Rail", 1)
        .measured(tolerated)
        .measured(firmware)
        .ended(Section::Main, 0, 1, run::StepOutcome::Pass, None);
    let record = folded(&telling.events());
    let json = json(&record);
    let [rail, firmware] = json["steps"][0]["measurements"].as_array().unwrap().as_slice() else {
        panic!("{json}")
    };
    assert_eq!(
        rail["limit"],
        serde_json::json!({"nominal": 3.3, "tolerance_percent": 2.0, "outside": {"low": 3.31, "high": 3.32}, "marginal": {"low": 3.25}})
    );
    assert_eq!(
        (&rail["limit_low"], &rail["limit_high"], &rail["marginal"]),
        (&3.234.into(), &3.366.into(), &true.into())
    );
    assert_eq!(firmware["value"], "1.4.2");
    assert_eq!(
        firmware["limit"],
        serde_json::json!({"equals": "1.4.2", "one_of": ["1.4.2", "1.4.3"]})
    );
    assert!(firmware["limit_low"].is_null() && firmware["limit_high"].is_null());
    assert!(firmware.get("instrument").is_none() && firmware.get("marginal").is_none());
    let back: Record = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(back, record);
}

#[test]
fn steps_that_were_not_reached_are_skipped_with_a_reason() {
    let record = folded(&eventful(&ticket()));
    let skipped: Vec<_> = record
        .steps
        .iter()
        .filter(|step| step.outcome == StepOutcome::Skip)
        .collect();
    let reasons: Vec<_> = skipped.iter().map(|step| step.reason.as_deref().unwrap()).collect();
    assert_eq!(reasons, ["not reached: stopped after a failure", "not reached"]);
    assert!(skipped.iter().all(|step| !step.status && step.started_at.is_none()));
    assert_eq!(record.steps.last().unwrap().name, "Power off");
}

#[test]
fn a_known_bad_unit_is_not_hidden_by_a_station_fault() {
    let record = folded(&eventful(&ticket()));
    assert_eq!(record.outcome, RunOutcome::Error);
    assert_eq!(record.failed_measurements, ["leakage"]);
    assert_eq!(record.outputs[1].state, OutputState::MaybeOn);
    assert_eq!(record.outputs[1].reason.as_deref(), Some("no answer"));
}

fn retried(second: Option<run::MeasurementOutcome>) -> Record {
    let mut telling = Telling::of(&ticket(), "UNIT-1", &[(Section::Main, 0, "Rail", "measurement")]);
    telling
        .started(Section::Main, 0, "Rail", 1)
        .measured(rail(0, 1, Some("3.4"), run::MeasurementOutcome::Fail))
        .ended(Section::Main, 0, 1, run::StepOutcome::Fail, None)
        .started(Section::Main, 0, "Rail", 2);
    if let Some(outcome) = second {
        telling.measured(rail(0, 2, Some("3.3"), outcome));
    }
    folded(&telling.events())
}

#[test]
fn the_last_attempt_that_judged_a_measurement_counts() {
    assert!(
        retried(Some(run::MeasurementOutcome::Pass))
            .failed_measurements
            .is_empty()
    );
    assert_eq!(
        retried(Some(run::MeasurementOutcome::Fail)).failed_measurements,
        ["vcc_3v3"]
    );
    assert_eq!(
        retried(Some(run::MeasurementOutcome::Unset)).failed_measurements,
        ["vcc_3v3"]
    );
    assert_eq!(retried(None).failed_measurements, ["vcc_3v3"]);
}

#[test]
fn a_pass_that_the_record_contradicts_is_an_error() {
    let mut events = passing(&ticket(), "UNIT-5501");
    for event in &mut events {
        if let run::EventKind::StepEnded(ended) = &mut event.kind {
            ended.outcome = run::StepOutcome::Fail;
        }
    }
    let record = folded(&events);
    assert_eq!((record.outcome, record.run_passed), (RunOutcome::Error, false));
    assert!(record.reason.unwrap().contains("did not pass"));

    let mut events = passing(&ticket(), "UNIT-5501");
    let last = events.len() - 2;
    events[last].kind = run::EventKind::MadeSafe(testkit::made_safe("psu", &[(1, None), (2, Some("timeout"))]));
    let record = folded(&events);
    assert_eq!((record.outcome, record.run_passed), (RunOutcome::Error, false));
    assert!(record.reason.unwrap().contains("psu channel 2 may be on"));
}

#[test]
fn a_run_without_its_last_word_is_aborted_with_what_it_had() {
    let events = passing(&ticket(), "UNIT-5501");
    // cut within the second step, after its measurement
    let record = folded(&events[..7]);
    assert_eq!((record.outcome, record.run_passed), (RunOutcome::Aborted, false));
    assert!(record.reason.unwrap().starts_with("interrupted"));
    let step = &record.steps[1];
    assert_eq!((step.outcome, step.status), (StepOutcome::Aborted, false));
    assert_eq!(step.measurements[0].value, Some(Number(3.300123)));
    assert_eq!(record.steps[0].outcome, StepOutcome::Pass);
    let channels: Vec<_> = record
        .outputs
        .iter()
        .map(|output| (output.channel, output.state))
        .collect();
    assert_eq!(channels, [(1, OutputState::MaybeOn), (2, OutputState::MaybeOn)]);
}

#[test]
fn every_beginning_of_a_run_folds_and_never_to_a_pass() {
    for events in [passing(&ticket(), "UNIT-5501"), eventful(&ticket())] {
        for length in 1..events.len() {
            let record = folded(&events[..length]);
            assert!(!record.run_passed, "{length} events");
            assert!(
                matches!(record.outcome, RunOutcome::Aborted | RunOutcome::Error),
                "{length} events"
            );
            assert!(
                record
                    .steps
                    .iter()
                    .all(|step| step.status == (step.outcome == StepOutcome::Pass))
            );
        }
    }
}

#[test]
fn an_instrument_that_went_wrong_without_a_word_on_its_outputs_may_be_on() {
    let mut telling = Telling::of(&ticket(), "UNIT-1", &[]);
    telling.tell(run::EventKind::MadeSafe(run::MadeSafe {
        error: Some("the session hangs".to_owned()),
        ..testkit::made_safe("psu", &[])
    }));
    telling.tell(run::EventKind::MadeSafe(run::MadeSafe {
        error: Some("gone".to_owned()),
        ..testkit::made_safe("dmm", &[])
    }));
    let record = folded(&telling.run_ended(run::RunOutcome::Error, None).events());
    assert_eq!(record.outputs.len(), 2);
    assert!(record.outputs.iter().all(|output| output.state == OutputState::MaybeOn));
    let messages: Vec<_> = record.logs.iter().map(|log| log.message.as_str()).collect();
    assert_eq!(messages, ["make_safe: the session hangs", "make_safe: gone"]);
}

#[test]
fn events_read_back_as_they_were_written() {
    for event in eventful(&ticket()) {
        let line = crate::event::to_json_line(&event);
        assert!(!line.contains('\n'));
        let back: crate::event::Event = serde_json::from_str(&line).unwrap();
        assert_eq!(back, crate::event::Event::from(&event), "{line}");
        let json: Value = serde_json::from_str(&line).unwrap();
        assert!(
            json["event"].is_string() && json["at"].as_str().unwrap().ends_with('Z'),
            "{line}"
        );
    }
}
