//! Everything that can be refused before power is applied, in one go.

use super::{
    gates,
    request::{Request, Unit},
    select, slots,
};
use crate::{
    args::BenchArguments,
    bench::{self, Equipped, Refused, Units},
    commands,
    exit::Failure,
    outside, procedures,
    sync::Way,
    terminal,
};
use benchtop_instrument::Capabilities;
use benchtop_notation::Diagnostics;
use benchtop_procedure::{AsRead, BoundProcedure, LogicalName, Procedure, Slot, Written, is_for_slots};
use benchtop_run::{Partial, Purpose};
use benchtop_sim::SimulatedBench;
use benchtop_station::{Catalogue, Recorder};
use std::{collections::BTreeMap, sync::Arc};

/// The unit in a simulated bench while none is named.
const NOBODY: &str = "SIM-UNIT";

/// What a run is made of: nothing has been opened.
#[derive(Clone)]
pub(super) struct Prepared {
    /// The place of the fixture that it is prepared for, where there are several.
    pub(super) slot: Option<String>,
    pub(super) procedure: BoundProcedure,
    pub(super) equipped: Arc<Equipped>,
    pub(super) purpose: Purpose,
    pub(super) partial: Option<Partial>,
}

/// Reads and binds procedure and bench; every mistake of either, and of the command line, comes out together.
///
/// `written` is the procedure's text as TOML; it is let go of as soon as it was read. Answers one for each unit. Without a unit only
/// what is the same for all of them is looked at, and the answer is one; one for each slot, where the procedure is for slots. A bench
/// that was `kept` from the unit before is not read again.
pub(super) fn prepare(
    request: &Request,
    units: &[Unit],
    catalogue: &Catalogue,
    source: &procedures::Source,
    written: Arc<Written>,
    recorder: Option<&Arc<Recorder>>,
    kept: Option<&Arc<Equipped>>,
) -> Result<Vec<Prepared>, Failure> {
    let mut findings = Diagnostics::new();
    let mut sentences = Vec::new();
    let mut unequipped = None;
    let mut mistakes_of_the_bench = None;
    let equipped = match kept {
        Some(kept) => Some(Arc::clone(kept)),
        None => match equip(request, units, catalogue, &written, recorder) {
            Ok(equipped) => equipped.map(Arc::new),
            Err(Refused::Findings(mistakes)) => {
                mistakes_of_the_bench = Some(mistakes);
                None
            }
            Err(Refused::Failure(failure)) => {
                unequipped = Some(failure.message);
                None
            }
        },
    };
    let given = source.given_for(
        units.first().and_then(|unit| unit.part.as_ref()),
        &request.parameters,
        equipped.as_ref().and_then(|equipped| equipped.file.as_ref()),
    );
    let mut names = std::collections::BTreeSet::new();
    for (name, _) in &request.parameters {
        if !names.insert(name) {
            sentences.push(format!("--param {name} is given twice"));
        }
    }
    let read = written.read(&given);
    let procedure_id = written.id();
    // it may be large, and the rest works on what was read
    drop(written);
    if read.findings().has_errors() {
        findings.append(read.findings().clone());
    }
    if let Some(mistakes) = mistakes_of_the_bench {
        findings.append(mistakes);
    }
    if let Some(procedure) = read.procedure() {
        for unit in units {
            for mistake in gates::unit_mistakes(unit, procedure) {
                // what all units have in common is said once
                if !sentences.contains(&mistake) {
                    sentences.push(mistake);
                }
            }
        }
    }
    let mut partial = None;
    if let Some(procedure) = read.procedure() {
        sentences.extend(outside::answers_to_nothing(procedure, &request.answers));
        match select::partial(&request.selection, procedure) {
            Ok(selected) => partial = selected,
            Err(mistakes) => sentences.extend(mistakes),
        }
    }
    let purpose = match request.purpose() {
        Ok(purpose) => Some(purpose),
        Err(mistake) => {
            sentences.push(mistake);
            None
        }
    };
    sentences.extend(request.study_mistake(!units.is_empty()));
    sentences.extend(slots::one_unit_twice(units));
    let BenchArguments { station, simulate } = &request.bench;
    if station.is_none() && simulate.is_none() {
        sentences.push("which bench? --station FILE for real instruments, --simulate for simulated ones".to_owned());
    }
    sentences.extend(unequipped);
    let mut bound = Vec::new();
    if let Some(equipped) = &equipped {
        let capabilities = equipped.station.capabilities();
        let own = equipped.station.own_slots();
        let is_for_slots = read.procedure().is_some_and(|procedure| is_for_slots(procedure, &own));
        let misplaced = slots::mistakes(units, equipped.station.slots(), is_for_slots);
        let is_placed = misplaced.is_empty();
        sentences.extend(misplaced);
        // what the procedure alone gets wrong was found above and is among this again; `findings` keeps it once
        let (parsed, checked) = bind(read, &capabilities, units, own, is_for_slots);
        match checked {
            Ok(procedures) => {
                for (_slot, procedure) in &procedures {
                    let said = benchtop_procedure::ratio_findings(procedure, &equipped.metrology, bench::today());
                    findings.append(said);
                    if let Some(file) = &equipped.file {
                        gates::check_calibration(file, procedure.procedure(), &mut findings);
                    }
                }
                bound = procedures;
            }
            Err(mistakes) if is_placed => findings.append(mistakes),
            Err(_of_places_that_are_not) => {}
        }
        if let Some(procedure) = &parsed {
            for bench in benches(equipped.station.bench(), units) {
                outside::check(procedure, &source.file, &request.answers, bench.as_ref(), &mut findings);
            }
            if equipped.station.bench().is_none() {
                commands::refuse(procedure, &source.file, partial.as_ref(), &mut findings);
            }
            if let Some(file) = &equipped.file {
                if bound.is_empty() {
                    gates::check_calibration(file, procedure, &mut findings);
                }
                if request.purpose.as_deref() != Some("engineering") {
                    gates::check_allowed(file, procedure, &source.digest(procedure), &mut findings);
                }
            }
        }
        let targets = equipped
            .file
            .as_ref()
            .map(|file| file.targets.as_slice())
            .unwrap_or_default();
        if targets.iter().any(|target| target.kind.value.starts_with("tofupilot")) {
            sentences.extend(units.iter().flat_map(gates::names_that_tofupilot_refuses));
        }
    }
    // a bench that was kept was told of with its first unit
    if kept.is_none() {
        let file = equipped.as_ref().and_then(|equipped| equipped.file.as_ref());
        let way = Way {
            station: request.bench.station.as_deref(),
            file,
            pushed: request.sync.as_deref(),
            procedure_id: procedure_id.as_deref(),
            is_simulated: equipped
                .as_ref()
                .map_or(simulate.is_some(), |equipped| equipped.station.is_simulated()),
        };
        findings.append(way.warnings());
        if way.is_nowhere() {
            terminal::warn("--sync uploads nothing: no station file names targets; --sync=FILE");
        }
    }
    if findings.has_errors() || !sentences.is_empty() {
        if !findings.is_empty() {
            terminal::diagnose(&findings);
        }
        let mut message = sentences.join("\nerror: ");
        if message.is_empty() {
            message = "refused before anything was opened".to_owned();
        }
        return Err(Failure::refused(message));
    }
    let (false, Some(equipped), Some(purpose)) = (bound.is_empty(), equipped, purpose) else {
        return Err(Failure::refused("refused before anything was opened"));
    };
    // said once, not for every unit
    if kept.is_none() {
        // those of all slots are with each of them
        let of_procedure = bound.first().map(|(_slot, procedure)| procedure.warnings());
        let warnings = std::iter::once(&findings).chain(of_procedure);
        for warnings in warnings.filter(|all| !all.is_empty()) {
            terminal::diagnose(warnings);
        }
    }
    let each = bound.into_iter().map(|(slot, procedure)| Prepared {
        slot,
        procedure,
        equipped: Arc::clone(&equipped),
        purpose,
        partial: partial.clone(),
    });
    Ok(each.collect())
}

/// A procedure that is bound, and the slot that it is bound for.
type Placed = (Option<String>, BoundProcedure);

/// The procedure, where its file is right, and the same bound for each unit, in their order; where there is none, for each slot, or
/// for nobody in particular.
///
/// One that is for slots is bound for all of them, whichever are empty: so `check` has judged it.
fn bind(
    read: AsRead,
    capabilities: &BTreeMap<LogicalName, Capabilities>,
    units: &[Unit],
    mut own: BTreeMap<String, Slot>,
    is_for_slots: bool,
) -> (Option<Arc<Procedure>>, Result<Vec<Placed>, Diagnostics>) {
    let asked = units.iter().filter_map(|unit| unit.slot.clone());
    let mut wanted: Vec<String> = asked.collect();
    if units.is_empty() && is_for_slots {
        wanted = own.keys().cloned().collect();
    }
    if wanted.is_empty() {
        let checked = read.bind(capabilities);
        return (checked.procedure, checked.bound.map(|bound| vec![(None, bound)]));
    }
    if !is_for_slots {
        own.retain(|slot, _| wanted.contains(slot));
    }
    let parsed = read.procedure().cloned().map(Arc::new);
    let bound = read.bind_slots(capabilities, &own).map(|mut bound| {
        let in_order = wanted.into_iter().filter_map(|slot| {
            let procedure = bound.remove(&slot)?;
            Some((Some(slot), procedure))
        });
        in_order.collect()
    });
    (parsed, bound)
}

/// The simulated bench as each slot sees it, where it is one.
fn benches(bench: Option<&SimulatedBench>, units: &[Unit]) -> Vec<Option<SimulatedBench>> {
    let slots: Vec<&String> = units.iter().filter_map(|unit| unit.slot.as_ref()).collect();
    match (bench, slots.as_slice()) {
        (Some(bench), [_, ..]) => slots.iter().map(|slot| Some(bench.in_slot(slot))).collect(),
        (bench, _) => vec![bench.cloned()],
    }
}

fn equip(
    request: &Request,
    units: &[Unit],
    catalogue: &Catalogue,
    written: &Written,
    recorder: Option<&Arc<Recorder>>,
) -> Result<Option<Equipped>, Refused> {
    let id = written.id();
    let in_slots = units
        .iter()
        .filter_map(|unit| Some((unit.slot.clone()?, unit.serial.clone())));
    let in_slots: BTreeMap<String, String> = in_slots.collect();
    let units = if in_slots.is_empty() {
        Units::One(units.first().map_or(NOBODY, |unit| unit.serial.as_str()).to_owned())
    } else {
        Units::InSlots(in_slots)
    };
    let equipped = bench::equip(&request.bench, catalogue, id.as_deref(), &units, request.real_pace)?;
    Ok(equipped.map(|equipped| Equipped {
        station: equipped.station.recorded(recorder.cloned()),
        ..equipped
    }))
}
