//! A run as the runner would tell it, short and without instruments.

use super::{
    Duration, Event, EventKind, Log, LogLevel, Purpose, RunEnded, RunOutcome, Section, Stamp, StepAddress, StepEnded,
    StepOutcome, StepStarted, Ticket,
};
use benchtop_run::{Placement, PlannedStep, ProcedureUse, RunStarted, UnitUnderTest};
use chrono::{DateTime, Utc};

const STEPS: usize = 4;
const STEP_TYPE: &str = "measurement";

/// Its events; the first is the run's start, then three a step.
pub(crate) fn run(ticket: &Ticket, utc: DateTime<Utc>) -> Vec<Event> {
    let address = |index| StepAddress {
        section: Section::Main,
        index,
    };
    let name = |index| format!("Rail {index}");
    let mut kinds = vec![EventKind::RunStarted(Box::new(RunStarted {
        run_id: ticket.run_id.clone(),
        sequence: ticket.sequence,
        procedure: ProcedureUse {
            id: "BOARD-FUNCTIONAL-V3".to_owned(),
            version: "3.0.0".to_owned(),
            name: "Board functional test".to_owned(),
            sha256: "aa".repeat(32),
            resolved: benchtop_run::Resolved::default(),
        },
        unit: UnitUnderTest {
            serial_number: "UNIT-5501".to_owned(),
            ..UnitUnderTest::default()
        },
        station_id: "bench-7".to_owned(),
        fixture_id: None,
        operator: None,
        purpose: Purpose::Production,
        study: None,
        simulated: true,
        virtual_clock: true,
        earlier: None,
        accepted_unsafe: Vec::new(),
        placement: Placement::default(),
        benchtop_version: "0.1.0".to_owned(),
        station_sha256: "bb".repeat(32),
        instruments: Vec::new(),
        steps: (0..STEPS)
            .map(|index| PlannedStep {
                address: address(index),
                name: name(index),
                step_type: STEP_TYPE,
                parameters: Default::default(),
            })
            .collect(),
    }))];
    let stamp = Stamp {
        utc,
        elapsed: Duration::ZERO,
    };
    for index in 0..STEPS {
        kinds.push(EventKind::StepStarted(StepStarted {
            address: address(index),
            name: name(index),
            step_type: STEP_TYPE,
            attempt: 1,
        }));
        kinds.push(EventKind::Log(Log {
            level: LogLevel::Info,
            source: "dmm".to_owned(),
            message: format!(
                "reading {index}: +3.29916263E+00 in the range of 10 V; {}",
                "x".repeat(300)
            ),
        }));
        kinds.push(EventKind::StepEnded(StepEnded {
            address: address(index),
            name: name(index),
            step_type: STEP_TYPE,
            attempt: 1,
            decides: true,
            started: stamp,
            outcome: StepOutcome::Pass,
            reason: None,
        }));
    }
    kinds.push(EventKind::RunEnded(RunEnded {
        outcome: RunOutcome::Pass,
        reason: None,
        outputs_maybe_on: Vec::new(),
    }));
    kinds.into_iter().map(|kind| Event { at: stamp, kind }).collect()
}
