//! What is known of a run before it touches anything.

use super::{
    prepare::Prepared,
    request::{Request, Unit},
    slots::Together,
};
use crate::procedures::Source;
use benchtop_instrument::Class;
use benchtop_procedure::{Procedure, Step};
use benchtop_run::{
    EarlierRuns, InstrumentUse, LimitsUse, Papers, Placement, PlannedStep, ProcedureUse, Resolved, RunStarted, Section,
    StepAddress,
};
use benchtop_station::{Station, sha256};
use benchtop_store::Ticket;

/// The event that begins the run.
pub(super) fn started(
    request: &Request,
    unit: &Unit,
    prepared: &Prepared,
    ticket: &Ticket,
    source: &Source,
    earlier: Option<EarlierRuns>,
    together: Option<&Together>,
) -> RunStarted {
    let procedure = prepared.procedure.procedure();
    let procedure_sha256 = source.digest(procedure);
    let equipped = &prepared.equipped;
    let slot = unit.slot.as_deref();
    let fixture_id = slot.and_then(|slot| equipped.station.slots().get(slot)?.fixture_id.clone());
    let mut instruments = used(&equipped.station, procedure);
    if let (Some(together), Some(slot)) = (together, slot) {
        instruments = together.restrict(slot, instruments);
    }
    RunStarted {
        run_id: ticket.run_id.clone(),
        sequence: ticket.sequence,
        procedure: ProcedureUse {
            id: procedure.id.clone(),
            version: procedure.version.clone(),
            name: procedure.name.clone(),
            sha256: procedure_sha256,
            resolved: Resolved {
                parameters: procedure.parameters.clone(),
                variant: procedure.variant.clone(),
                limits: limits_of(procedure, source),
            },
        },
        unit: unit.named(procedure.unit_under_test.part_number.as_ref()),
        station_id: equipped.id.clone(),
        fixture_id: fixture_id.or_else(|| equipped.fixture_id.clone()),
        placement: Placement {
            location: equipped.file.as_ref().and_then(|file| file.location.clone()),
            mains: equipped.file.as_ref().and_then(|file| file.mains.clone()),
            slot: unit.slot.clone(),
            execution_id: together.map(|together| together.execution_id.clone()),
        },
        earlier,
        accepted_unsafe: Vec::new(),
        operator: request.operator.clone(),
        purpose: prepared.purpose,
        study: request.study.clone(),
        simulated: equipped.station.is_simulated(),
        virtual_clock: equipped.clock.is_virtual(),
        benchtop_version: env!("CARGO_PKG_VERSION").to_owned(),
        station_sha256: equipped.sha256.clone(),
        instruments,
        steps: planned(procedure),
    }
}

/// The limits file, with its digest.
fn limits_of(procedure: &Procedure, source: &Source) -> Option<LimitsUse> {
    let limits = procedure.limits.as_ref()?;
    let text = source.files.get(&limits.name)?.text.as_ref().ok()?;
    Some(LimitsUse {
        file: limits.name.clone(),
        revision: limits.revision.clone(),
        sha256: sha256(text.as_bytes()),
    })
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
        let capabilities = equipment.capabilities();
        let outputs = capabilities.made_safe();
        instruments.push(InstrumentUse {
            name,
            class: capabilities.class.word().to_owned(),
            model: capabilities.model,
            resource: equipment.resource.to_string(),
            driver: capabilities.driver,
            definition_sha256: equipment.sha256.clone(),
            calibration_due: equipment.calibration_due.as_ref().map(|due| due.value.clone()),
            papers: Papers {
                asset_id: equipment.asset_id.clone(),
                calibrated_on: equipment.calibrated_on.clone(),
                certificate: equipment.certificate.clone(),
            },
            outputs,
        });
    }
    instruments.extend(consoles(station, procedure));
    instruments
}

/// The unit's own links that a procedure uses.
fn consoles(station: &Station, procedure: &Procedure) -> Vec<InstrumentUse> {
    let names = station.console_names().into_iter();
    let used = names.filter(|name| procedure.instruments.contains_key(name));
    used.map(|name| InstrumentUse {
        class: Class::Console.word().to_owned(),
        model: Class::Console.word().to_owned(),
        resource: station
            .console_resource(&name)
            .map(|resource| resource.to_string())
            .unwrap_or_default(),
        driver: String::new(),
        definition_sha256: String::new(),
        calibration_due: None,
        papers: Papers {
            asset_id: None,
            calibrated_on: None,
            certificate: None,
        },
        outputs: Vec::new(),
        name,
    })
    .collect()
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
            parameters: step.parameters.clone(),
        };
        steps.iter().enumerate().map(one).collect()
    };
    sections.into_iter().flat_map(of).collect()
}
