//! What is known of a run before it touches anything.

use super::prepare::Prepared;
use crate::args::RunArguments;
use benchtop_procedure::{Procedure, Step};
use benchtop_run::{InstrumentUse, PlannedStep, ProcedureUse, RunStarted, Section, StepAddress, UnitUnderTest};
use benchtop_station::Station;

/// The event that begins the run.
pub(super) fn started(
    arguments: &RunArguments,
    prepared: &Prepared,
    run_id: &str,
    sequence: u64,
    procedure_sha256: String,
) -> RunStarted {
    let procedure = prepared.procedure.procedure();
    let equipped = &prepared.equipped;
    RunStarted {
        run_id: run_id.to_owned(),
        sequence,
        procedure: ProcedureUse {
            id: procedure.id.clone(),
            version: procedure.version.clone(),
            name: procedure.name.clone(),
            sha256: procedure_sha256,
        },
        unit: UnitUnderTest {
            serial_number: arguments.serial.clone(),
            part_number: prepared.part_number.clone(),
            revision: arguments.revision.clone(),
            batch: arguments.batch.clone(),
            sub_units: arguments.sub_unit.clone(),
        },
        station_id: equipped.id.clone(),
        fixture_id: equipped.fixture_id.clone(),
        operator: arguments.operator.clone(),
        purpose: prepared.purpose,
        simulated: equipped.station.is_simulated(),
        virtual_clock: equipped.clock.is_virtual(),
        benchtop_version: env!("CARGO_PKG_VERSION").to_owned(),
        station_sha256: equipped.sha256.clone(),
        instruments: used(&equipped.station, procedure),
        steps: planned(procedure),
    }
}

/// The instruments that a procedure uses, in the order of making safe.
pub(crate) fn used(station: &Station, procedure: &Procedure) -> Vec<InstrumentUse> {
    let mut instruments = Vec::new();
    for name in station.safe_order() {
        let Some(equipment) = station.instruments.get(&name) else {
            continue;
        };
        if !procedure.instruments.contains_key(&name) {
            continue;
        }
        let capabilities = equipment.definition.capabilities();
        instruments.push(InstrumentUse {
            name,
            class: capabilities.class.word().to_owned(),
            model: capabilities.model,
            resource: equipment.resource.to_string(),
            driver: capabilities.driver,
            definition_sha256: equipment.sha256.clone(),
            calibration_due: equipment.calibration_due.as_ref().map(|due| due.value.clone()),
            outputs: capabilities.outputs.keys().copied().collect(),
        });
    }
    instruments
}

/// Every step of a procedure, before it runs.
pub(crate) fn planned(procedure: &Procedure) -> Vec<PlannedStep> {
    let sections = [
        (Section::Setup, &procedure.setup),
        (Section::Main, &procedure.steps),
        (Section::Teardown, &procedure.teardown),
    ];
    let of = |(section, steps): (Section, &Vec<Step>)| -> Vec<PlannedStep> {
        let one = |(index, step): (usize, &Step)| PlannedStep {
            address: StepAddress { section, index },
            name: step.name.clone(),
            step_type: step.kind.word(),
        };
        steps.iter().enumerate().map(one).collect()
    };
    sections.into_iter().flat_map(of).collect()
}
