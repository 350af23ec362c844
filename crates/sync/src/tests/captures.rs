//! Our bodies beside those of the official clients for the same run.

use super::equal::assert_equal_but;
use super::samples::{RUN_ID, UUID, at, measurement, passing, rich, step};
use crate::reading::body;
use crate::{tofupilot_v1, tofupilot_v2};
use benchtop_store::Record;
use benchtop_store::record::{
    Band, LimitInFull, MeasurementOutcome, Overrange, ReadingKind, RunOutcome, Sampling, Step, StepOutcome,
    Value as RecordValue,
};
use serde_json::{Value, json};

const V2_MINIMAL: &str = include_str!("../../../../fixtures/captures/v2_minimal__client_2.26.1.json");
const V2_RICH: &str = include_str!("../../../../fixtures/captures/v2_rich_run__client_2.26.1.json");
const V1_MINIMAL: &str = include_str!("../../../../fixtures/captures/v1_minimal__client_2.26.1.json");
const V1_RICH: &str = include_str!("../../../../fixtures/captures/v1_rich_run__client_1.12.1.json");

pub(super) fn captured(text: &str) -> Value {
    let capture: Value = serde_json::from_str(text).unwrap();
    capture["json"].clone()
}

pub(super) fn v2_body(record: &Record) -> Value {
    serde_json::from_slice(&body(tofupilot_v2::convert::run(record, UUID)).unwrap()).unwrap()
}

fn v1_body(record: &Record) -> Value {
    serde_json::from_slice(&body(tofupilot_v1::convert::run(record, "FVT1")).unwrap()).unwrap()
}

#[test]
fn the_minimal_v2_run_is_what_the_client_sends() {
    let ours = v2_body(&passing("SN1"));
    assert_eq!(ours["client_run_ref"], RUN_ID);
    assert_eq!(ours["metadata"]["run_uid"], RUN_ID);
    assert_equal_but(
        ours,
        captured(V2_MINIMAL),
        &[
            ("/client_run_ref", "the minimal call has none; ours is the run's id"),
            (
                "/metadata",
                "the minimal call has none; a record always says where it comes from",
            ),
            (
                "/procedure_version",
                "the minimal call has none; a record always has one",
            ),
        ],
    );
}

#[test]
fn the_rich_v2_run_is_what_the_client_sends() {
    let theirs = captured(V2_RICH);
    let mut record = rich();
    let load_test = &mut record.steps[1].measurements;
    load_test[0].sampling = Some(Sampling {
        max: Some(81.5),
        ..Sampling::default()
    });
    load_test.push(benchtop_store::record::Measurement {
        value: Some(RecordValue::Numbers(vec![1.0, 1.1])),
        ..measurement("sweep", "V", 0.0, None, None, MeasurementOutcome::Pass)
    });
    let ours = v2_body(&record);
    assert_eq!(ours["client_run_ref"], RUN_ID);
    assert_eq!(ours["metadata"]["fixture"], theirs["metadata"]["fixture"]);
    let curve = "/phases/1/measurements/1/y_axis/0";
    let theirs_curve = theirs["phases"][1]["measurements"][1]["y_axis"][0].clone();
    for member in ["data", "units"] {
        assert_eq!(ours.pointer(&format!("{curve}/{member}")), Some(&theirs_curve[member]));
    }
    assert_equal_but(
        ours,
        theirs,
        &[
            ("/client_run_ref", "ours is the run's id"),
            (
                "/metadata",
                "a record has its own words there; the fixture, which both have, is equal",
            ),
            (
                "/unit_metadata",
                "a record says nothing of a unit that outlives the run",
            ),
            (
                "/phases/power_on/measurements/vout_legacy",
                "limits as deprecated fields: a record's go out as validators, as those of vout",
            ),
            (
                "/phases/power_on/measurements/iin/validators",
                "`range`, with words for it: a record's limits go out one by one, as those of vout",
            ),
            (
                "/phases/load_test/measurements/sweep/x_axis",
                "a record's array does not say when its numbers were taken",
            ),
            (
                "/phases/load_test/measurements/sweep/y_axis",
                "a record's curve is called as its measurement; its numbers, compared above, are equal",
            ),
            (
                "/logs/0/line_number",
                "a record counts the lines of its log: it has no source file",
            ),
        ],
    );
}

#[test]
fn a_slot_goes_out_with_what_its_neighbours_have_in_common() {
    let record = Record {
        slot: Some("A".into()),
        execution_id: Some("0198c0de-0000-7000-8000-00000000000e".into()),
        ..passing("SN1")
    };
    let ours = v2_body(&record);
    assert_eq!(
        (&ours["execution_id"], &ours["slot_key"], &ours["slot_name"]),
        (&json!("0198c0de-0000-7000-8000-00000000000e"), &json!("A"), &json!("A"))
    );
    let alone = Record {
        slot: Some("A".into()),
        ..passing("SN1")
    };
    for plain in [v2_body(&passing("SN1")), v2_body(&alone)] {
        let slots = ["execution_id", "slot_key", "slot_name"];
        assert!(slots.iter().all(|member| plain.get(member).is_none()), "{plain}");
    }
}

#[test]
fn several_readings_go_out_with_their_numbers() {
    let sampled = benchtop_store::record::Measurement {
        sampling: Some(Sampling {
            samples: Some(10),
            s: Some(0.25),
            min: Some(3.0),
            max: Some(3.5),
            ..Sampling::default()
        }),
        ..measurement("vout", "V", 3.25, Some(3.0), None, MeasurementOutcome::Pass)
    };
    let (v2, _) = told(sampled).unwrap();
    assert_eq!(
        v2["aggregations"],
        json!([{"type": "count", "outcome": "UNSET", "value": 10.0},
               {"type": "avg", "outcome": "PASS", "value": 3.25, "unit": "V"},
               {"type": "std", "outcome": "UNSET", "value": 0.25, "unit": "V"},
               {"type": "min", "outcome": "UNSET", "value": 3.0, "unit": "V"},
               {"type": "max", "outcome": "UNSET", "value": 3.5, "unit": "V"}])
    );
    let (plain, _) = told(measurement("v", "V", 3.25, None, None, MeasurementOutcome::Unset)).unwrap();
    assert_eq!(plain.get("aggregations"), None);
}

#[test]
fn the_minimal_v1_run_is_what_the_client_sends() {
    let ours = v1_body(&passing("SN0003"));
    assert_eq!(ours["client"], "Benchtop");
    assert_eq!(ours["started_at"], "2026-03-04T05:06:07.123456Z");
    assert_eq!(ours["duration"], "PT1S");
    assert_equal_but(
        ours,
        captured(V1_MINIMAL),
        &[
            ("/client", "who sends it"),
            ("/client_version", "who sends it"),
            (
                "/procedure_version",
                "the minimal call has none; a record always has one",
            ),
            (
                "/started_at",
                "the minimal call leaves it to the server, which would take the time of the upload",
            ),
            ("/duration", "the minimal call has none"),
        ],
    );
}

#[test]
fn the_rich_v1_run_is_what_the_client_sends() {
    let mut record = rich();
    record.steps[1].measurements[0].limit_low = Some(0.0);
    // v1 has no field for what a text or a boolean must be: we say it in the docstring, the capture does not
    record.steps[0].measurements[2].limit = None;
    record.steps[0].measurements[3].limit = None;
    record.logs[0].timestamp = at("2026-03-04T05:06:08Z");
    assert_equal_but(
        v1_body(&record),
        captured(V1_RICH),
        &[
            ("/client", "who sends it"),
            ("/client_version", "who sends it"),
            (
                "/phases/load_test/measurements/sweep",
                "rows of two numbers: a record's array does not say when its numbers were taken, and is not in this record",
            ),
            (
                "/logs/0/line_number",
                "a record counts the lines of its log: it has no source file",
            ),
        ],
    );
}

/// A run of one step with one measurement, as both wires tell the measurement.
fn told(measurement: benchtop_store::record::Measurement) -> Result<(Value, Value), String> {
    let record = Record {
        steps: vec![Step {
            measurements: vec![measurement],
            ..step("s", StepOutcome::Pass, "05:06:07", "05:06:08")
        }],
        ..passing("SN1")
    };
    let parsed =
        |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).unwrap()["phases"][0]["measurements"][0].clone();
    let v2 = body(tofupilot_v2::convert::run(&record, UUID))
        .map(parsed)
        .map_err(|verdict| format!("{verdict:?}"));
    let v1 = body(tofupilot_v1::convert::run(&record, "FVT1"))
        .map(parsed)
        .map_err(|verdict| format!("{verdict:?}"));
    v2.and_then(|v2| v1.map(|v1| (v2, v1)))
}

fn ohms(kind: ReadingKind, outcome: MeasurementOutcome) -> benchtop_store::record::Measurement {
    benchtop_store::record::Measurement {
        value: None,
        reading_kind: kind,
        reason: Some("the meter said so".into()),
        ..measurement("insulation", "MOhm", 0.0, Some(10.0), None, outcome)
    }
}

#[test]
fn what_is_no_number_never_leaves_as_a_pass_or_a_bare_null() {
    for kind in [ReadingKind::NotANumber, ReadingKind::Missing, ReadingKind::Value] {
        let refused = told(ohms(kind, MeasurementOutcome::Pass)).unwrap_err();
        assert!(refused.contains("Park") && refused.contains("no value"), "{refused}");
        let (v2, v1) = told(ohms(kind, MeasurementOutcome::Unset)).unwrap();
        assert_eq!(
            v2,
            json!({"name": "insulation", "outcome": "UNSET", "units": "MOhm", "docstring": "the meter said so",
                   "validators": [{"outcome": "UNSET", "operator": ">=", "expected_value": 10.0}]})
        );
        assert_eq!(
            v1,
            json!({"name": "insulation", "outcome": "UNSET", "units": "MOhm",
                   "docstring": "the meter said so; limit low 10 MOhm"})
        );
    }
    let infinite = benchtop_store::record::Measurement {
        value: Some(RecordValue::Number(f64::INFINITY)),
        ..measurement("v", "V", 0.0, None, None, MeasurementOutcome::Unset)
    };
    assert!(told(infinite).unwrap_err().contains("not a finite number"));
    let silent = benchtop_store::record::Measurement {
        reason: None,
        ..ohms(ReadingKind::Missing, MeasurementOutcome::Unset)
    };
    assert_eq!(told(silent).unwrap().0["docstring"], "no value");
}

#[test]
fn beyond_the_range_goes_out_in_words() {
    let accepted = benchtop_store::record::Measurement {
        overrange: Some(Overrange::Accept),
        ..ohms(ReadingKind::OverrangePositive, MeasurementOutcome::Pass)
    };
    let (v2, v1) = told(accepted).unwrap();
    assert_eq!(
        v2,
        json!({"name": "insulation", "outcome": "PASS", "measured_value": "overrange", "units": "MOhm",
               "docstring": "the meter said so",
               "validators": [{"outcome": "PASS", "operator": ">=", "expected_value": 10.0}]})
    );
    assert_eq!(v1["measured_value"], "overrange");
    assert_eq!(v1["outcome"], "PASS");
    assert_eq!(v1.get("lower_limit"), None);
    for kind in [ReadingKind::OverrangePositive, ReadingKind::OverrangeNegative] {
        assert!(
            told(ohms(kind, MeasurementOutcome::Pass))
                .unwrap_err()
                .contains("beyond the range")
        );
    }
    let (v2, _) = told(ohms(ReadingKind::OverrangeNegative, MeasurementOutcome::Fail)).unwrap();
    assert_eq!(
        (&v2["measured_value"], &v2["outcome"]),
        (&json!("negative overrange"), &json!("FAIL"))
    );
    assert_eq!(v2["validators"][0]["outcome"], "FAIL");
}

#[test]
fn each_bound_is_judged_as_we_judged() {
    let (v2, _) = told(measurement(
        "v",
        "V",
        3.5,
        Some(3.2),
        Some(3.4),
        MeasurementOutcome::Fail,
    ))
    .unwrap();
    assert_eq!(
        (&v2["validators"][0]["outcome"], &v2["validators"][1]["outcome"]),
        (&json!("PASS"), &json!("FAIL"))
    );
    let (v2, _) = told(measurement(
        "v",
        "V",
        3.0,
        Some(3.2),
        Some(3.4),
        MeasurementOutcome::Fail,
    ))
    .unwrap();
    assert_eq!(
        (&v2["validators"][0]["outcome"], &v2["validators"][1]["outcome"]),
        (&json!("FAIL"), &json!("PASS"))
    );
    // Equal as floats, judged in decimal: the measurement's FAIL is kept.
    let (v2, _) = told(measurement("v", "V", 3.4, None, Some(3.4), MeasurementOutcome::Fail)).unwrap();
    assert_eq!(v2["validators"][0]["outcome"], "FAIL");
}

/// A measurement of 5 V that is judged by more than a low and a high.
fn judged_by(
    limit: LimitInFull,
    value: RecordValue,
    outcome: MeasurementOutcome,
) -> benchtop_store::record::Measurement {
    benchtop_store::record::Measurement {
        value: Some(value),
        limit: Some(limit),
        ..measurement("v", "V", 0.0, None, None, outcome)
    }
}

#[test]
fn every_kind_of_limit_has_its_words_on_both_wires() {
    let number = RecordValue::Number;
    let text = |text: &str| RecordValue::Text(text.into());
    let validators = |measured| {
        let (v2, v1) = told(measured).unwrap();
        (
            v2["validators"].clone(),
            v2["docstring"].clone(),
            v1["docstring"].clone(),
        )
    };
    let listed = LimitInFull {
        one_of: vec![number(1.0), number(5.0)],
        ..LimitInFull::default()
    };
    assert_eq!(
        validators(judged_by(listed.clone(), number(5.0), MeasurementOutcome::Pass)),
        (
            json!([{"outcome": "PASS", "operator": "in", "expected_value": [1.0, 5.0]}]),
            Value::Null,
            json!("limit one of 1, 5")
        )
    );
    assert_eq!(
        validators(judged_by(listed, number(2.0), MeasurementOutcome::Fail)).0[0]["outcome"],
        "FAIL"
    );
    let pattern = LimitInFull {
        matches: Some(r"1\.4\..*".into()),
        ..LimitInFull::default()
    };
    assert_eq!(
        validators(judged_by(pattern, text("1.5.0"), MeasurementOutcome::Fail)),
        (
            json!([{"outcome": "FAIL", "operator": "matches", "expected_value": r"1\.4\..*"}]),
            Value::Null,
            json!(r"limit matches 1\.4\..*")
        )
    );
    let gap = benchtop_store::record::Measurement {
        limit_high: Some(100.0),
        ..judged_by(
            LimitInFull {
                outside: Some(Band {
                    low: Some(47.0),
                    high: Some(53.0),
                }),
                ..LimitInFull::default()
            },
            number(50.0),
            MeasurementOutcome::Fail,
        )
    };
    assert_eq!(
        validators(gap),
        (
            json!([{"outcome": "PASS", "operator": "<=", "expected_value": 100.0}]),
            json!("limit outside 47 .. 53 V"),
            json!("limit outside 47 .. 53 V")
        )
    );
    let close = benchtop_store::record::Measurement {
        limit_high: Some(5.5),
        marginal: true,
        ..judged_by(
            LimitInFull {
                marginal: Some(Band {
                    low: None,
                    high: Some(5.4),
                }),
                ..LimitInFull::default()
            },
            number(5.45),
            MeasurementOutcome::Pass,
        )
    };
    assert_eq!(
        validators(close),
        (
            json!([{"outcome": "PASS", "operator": "<=", "expected_value": 5.5},
                   {"outcome": "FAIL", "operator": "<=", "expected_value": 5.4, "is_decisive": false}]),
            Value::Null,
            json!("marginal")
        )
    );
}

#[test]
fn an_array_goes_out_as_a_curve() {
    let wave = benchtop_store::record::Measurement {
        value: Some(RecordValue::Numbers(vec![0.5, 1.5, 0.25])),
        ..measurement("ripple", "V", 0.0, None, None, MeasurementOutcome::Unset)
    };
    let (v2, v1) = told(wave).unwrap();
    assert_eq!(
        v2,
        json!({"name": "ripple", "outcome": "UNSET",
               "x_axis": {"data": [0.0, 1.0, 2.0], "name": "sample"},
               "y_axis": [{"data": [0.5, 1.5, 0.25], "units": "V", "name": "ripple"}]})
    );
    assert_eq!(
        v1,
        json!({"name": "ripple", "outcome": "UNSET", "units": ["", "V"],
               "measured_value": [[0.0, 0.5], [1.0, 1.5], [2.0, 0.25]]})
    );
    let infinite = benchtop_store::record::Measurement {
        value: Some(RecordValue::Numbers(vec![0.5, f64::NAN])),
        ..measurement("ripple", "V", 0.0, None, None, MeasurementOutcome::Unset)
    };
    assert!(told(infinite).unwrap_err().contains("not a finite number"));
}

#[test]
fn attempts_are_phases_of_one_name_with_a_rising_retry_count() {
    let first = step("s", StepOutcome::Timeout, "05:06:07", "05:06:08");
    let deciding = Step {
        retry_count: 1,
        attempts: vec![Step {
            reason: Some("no answer".into()),
            ..first
        }],
        ..step("s", StepOutcome::Pass, "05:06:08", "05:06:09")
    };
    let skipped = Step {
        started_at: None,
        ended_at: None,
        reason: Some("not reached".into()),
        ..step("later", StepOutcome::Skip, "05:06:08", "05:06:09")
    };
    let aborted = step("cut", StepOutcome::Aborted, "05:06:09", "05:06:09");
    let record = Record {
        steps: vec![deciding, skipped, aborted],
        ..passing("SN1")
    };
    let ours = v2_body(&record);
    let seen: Vec<_> = ours["phases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|phase| {
            (
                phase["name"].as_str().unwrap(),
                phase["outcome"].as_str().unwrap(),
                phase["retry_count"].as_u64().unwrap(),
                phase["docstring"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("s", "ERROR", 0, Some("TIMEOUT: no answer")),
            ("s", "PASS", 1, None),
            ("later", "SKIP", 0, Some("not reached")),
            ("cut", "ERROR", 0, Some("ABORTED")),
        ]
    );
    assert_eq!(ours["phases"][2]["started_at"], "2026-03-04T05:06:09.000000Z");
    assert_eq!(ours["phases"][3]["ended_at"], "2026-03-04T05:06:09.001000Z");
}

#[test]
fn the_run_says_what_the_wire_leaves_out() {
    for (outcome, v2_word) in [
        (RunOutcome::Pass, "PASS"),
        (RunOutcome::Fail, "FAIL"),
        (RunOutcome::Aborted, "ABORTED"),
        (RunOutcome::Timeout, "TIMEOUT"),
        (RunOutcome::Error, "ERROR"),
    ] {
        let record = Record {
            outcome,
            ended_at: passing("SN1").started_at,
            simulated: true,
            ..passing("SN1")
        };
        let (v2, v1) = (v2_body(&record), v1_body(&record));
        assert_eq!(v2["outcome"], v2_word);
        assert_eq!(v2["ended_at"], "2026-03-04T05:06:07.124456Z");
        assert!(v2["docstring"].as_str().unwrap().contains("one millisecond"));
        assert_eq!(v2["metadata"]["simulated"], true);
        assert_eq!(v1["run_passed"], outcome == RunOutcome::Pass);
        assert!(v1["logs"][0]["message"].as_str().unwrap().contains("simulated"));
    }
    let metadata = v2_body(&rich())["metadata"].as_object().unwrap().clone();
    assert!(metadata.len() <= 50 && metadata.keys().all(|key| key.len() <= 40));
    assert!(
        metadata
            .values()
            .all(|value| !value.is_null() && !value.is_object() && !value.is_array())
    );
}

#[test]
fn a_sweeps_turn_names_its_parameters() {
    let turn = Step {
        parameters: [("load".to_owned(), json!("1 A")), ("n".to_owned(), json!(2))].into(),
        measurements: vec![measurement("vout", "V", 3.3, None, None, MeasurementOutcome::Unset)],
        ..step("load", StepOutcome::Pass, "05:06:07", "05:06:08")
    };
    let record = Record {
        steps: vec![turn],
        ..passing("SN1")
    };
    assert_eq!(
        v2_body(&record)["phases"][0]["measurements"][0]["name"],
        "vout[load=1 A,n=2]"
    );
}
