//! Records to send.

use benchtop_store::Record;
use benchtop_store::record::{
    Clock, LimitInFull, Log, LogLevel, Measurement, MeasurementOutcome, Purpose, ReadingKind, RunOutcome, SCHEMA,
    Section, Station, Step, StepOutcome, UnitUnderTest, Value,
};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// The TofuPilot UUID of the captured runs.
pub(super) const UUID: &str = "550e8400-e29b-41d4-a716-446655440000";
/// The run id of [`passing`].
pub(super) const RUN_ID: &str = "0198c0de-0000-7000-8000-000000000001";

pub(super) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A passing run of one second without steps: the captured minimal one.
pub(super) fn passing(serial_number: &str) -> Record {
    let started_at = at("2026-03-04T05:06:07.123456Z");
    Record {
        schema: SCHEMA.into(),
        run_id: RUN_ID.into(),
        sequence: 1,
        outcome: RunOutcome::Pass,
        run_passed: true,
        reason: None,
        procedure_id: "BOARD-FUNCTIONAL-V3".into(),
        procedure_version: "1.2.3".into(),
        procedure_name: "Board functional test".into(),
        procedure_sha256: "ab".repeat(32),
        parameters: BTreeMap::new(),
        variant: None,
        limits: None,
        tested_at: started_at,
        started_at,
        ended_at: at("2026-03-04T05:06:08.123456Z"),
        duration_s: 1.0,
        clock: Clock::default(),
        station: Station {
            id: "bench-1".into(),
            fixture_id: Some("F3".into()),
            location: None,
            mains: None,
            file_sha256: "cd".repeat(32),
            benchtop_version: "0.1.0".into(),
        },
        slot: None,
        execution_id: None,
        earlier_runs: None,
        accepted_unsafe: Vec::new(),
        operator: None,
        purpose: Purpose::Production,
        study: None,
        trial: None,
        simulated: false,
        unit_under_test: UnitUnderTest {
            serial_number: serial_number.into(),
            ..UnitUnderTest::default()
        },
        instruments: Vec::new(),
        steps: Vec::new(),
        failed_measurements: Vec::new(),
        passed_on_retry: false,
        outputs: Vec::new(),
        attachments: Vec::new(),
        logs: Vec::new(),
        chain: None,
    }
}

/// The captured rich run, as far as a record carries it: its curve has another x axis than a record's.
pub(super) fn rich() -> Record {
    let vout = measurement("vout", "V", 3.31, Some(3.2), Some(3.4), MeasurementOutcome::Pass);
    let iin = measurement("iin", "A", 0.42, None, Some(0.5), MeasurementOutcome::Pass);
    let firmware = Measurement {
        value: Some(Value::Text("1.4.2".into())),
        limit: Some(LimitInFull {
            equals: Some(Value::Text("1.4.2".into())),
            ..LimitInFull::default()
        }),
        ..measurement("fw_version", "", 0.0, None, None, MeasurementOutcome::Pass)
    };
    let led = Measurement {
        value: Some(Value::Boolean(true)),
        limit: Some(LimitInFull {
            equals: Some(Value::Boolean(true)),
            ..LimitInFull::default()
        }),
        ..measurement("led_on", "", 0.0, None, None, MeasurementOutcome::Pass)
    };
    let ripple = measurement("ripple", "mV", 81.5, None, Some(50.0), MeasurementOutcome::Fail);
    Record {
        outcome: RunOutcome::Fail,
        run_passed: false,
        reason: Some("EOL test".into()),
        ended_at: at("2026-03-04T05:07:42.373456Z"),
        operator: Some("jane@acme.test".into()),
        unit_under_test: UnitUnderTest {
            serial_number: "SN0001".into(),
            part_number: Some("PCB01".into()),
            revision: Some("B".into()),
            batch: Some("2026-W10".into()),
            sub_units: vec!["CELL0001".into(), "CELL0002".into()],
        },
        steps: vec![
            Step {
                measurements: vec![vout, iin, firmware, led],
                ..step("power_on", StepOutcome::Pass, "05:06:07.123456", "05:06:10.123456")
            },
            Step {
                measurements: vec![ripple],
                reason: Some("10 A step".into()),
                retry_count: 1,
                ..step("load_test", StepOutcome::Fail, "05:06:10.123456", "05:06:16.123456")
            },
        ],
        logs: vec![Log {
            level: LogLevel::Info,
            timestamp: at("2026-03-04T05:06:08.123456Z"),
            message: "PSU on".into(),
            source: "main.py".into(),
        }],
        ..passing("SN0001")
    }
}

/// A step between two times of the captured day.
pub(super) fn step(name: &str, outcome: StepOutcome, started: &str, ended: &str) -> Step {
    Step {
        name: name.into(),
        section: Section::Main,
        step_type: "measurement".into(),
        status: outcome == StepOutcome::Pass,
        outcome,
        reason: None,
        started_at: Some(at(&format!("2026-03-04T{started}Z"))),
        ended_at: Some(at(&format!("2026-03-04T{ended}Z"))),
        duration_s: Some(1.0),
        retry_count: 0,
        passed_on_retry: false,
        parameters: BTreeMap::new(),
        measurements: Vec::new(),
        attempts: Vec::new(),
    }
}

/// A measurement that is a number.
pub(super) fn measurement(
    name: &str,
    unit: &str,
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
    outcome: MeasurementOutcome,
) -> Measurement {
    Measurement {
        name: name.into(),
        value: Some(Value::Number(value)),
        unit: unit.into(),
        limit_low: low,
        limit_high: high,
        overrange: None,
        limit: None,
        outcome,
        marginal: false,
        reason: None,
        reading_kind: ReadingKind::Value,
        raw: None,
        instrument: Some("dmm".into()),
        channel: Some(1),
        function: Some("dc_voltage".into()),
        reduced: None,
        range: None,
        nplc: None,
        autozero: None,
        input_impedance: None,
        channel_name: None,
        sampling: None,
        acceptance_low: None,
        acceptance_high: None,
        uncertainty: None,
        uncertainty_reason: None,
        decision: None,
        taken_at: at("2026-03-04T05:06:08Z"),
    }
}
