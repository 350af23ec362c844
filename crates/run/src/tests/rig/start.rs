//! The first word of a run on a bench that is none.

use crate::{InstrumentUse, Papers, Placement, ProcedureUse, Purpose, Resolved, RunStarted, UnitUnderTest};
use benchtop_procedure::LogicalName;

pub(in crate::tests) fn used(name: &str, outputs: Vec<u32>) -> InstrumentUse {
    InstrumentUse {
        name: LogicalName(name.to_owned()),
        class: String::new(),
        model: String::new(),
        resource: String::new(),
        driver: String::new(),
        definition_sha256: String::new(),
        calibration_due: None,
        papers: Papers::default(),
        outputs,
    }
}

pub(in crate::tests) fn started(instruments: Vec<InstrumentUse>) -> RunStarted {
    RunStarted {
        run_id: "run".to_owned(),
        sequence: 1,
        procedure: ProcedureUse {
            id: "RIG".to_owned(),
            version: "1".to_owned(),
            name: "Rig".to_owned(),
            sha256: String::new(),
            resolved: Resolved::default(),
        },
        unit: UnitUnderTest::default(),
        station_id: "rig".to_owned(),
        fixture_id: None,
        placement: Placement::default(),
        earlier: None,
        accepted_unsafe: Vec::new(),
        operator: None,
        purpose: Purpose::Production,
        study: None,
        simulated: true,
        virtual_clock: true,
        benchtop_version: String::new(),
        station_sha256: String::new(),
        instruments,
        steps: Vec::new(),
    }
}
