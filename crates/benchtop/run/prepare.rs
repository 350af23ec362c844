//! Everything that can be refused before power is applied, in one go.

use super::{
    gates,
    request::{Request, Unit},
    select,
};
use crate::{
    args::BenchArguments,
    bench::{self, Equipped, Refused},
    exit::Failure,
    outside, procedures, terminal,
};
use benchtop_notation::Diagnostics;
use benchtop_procedure::{BoundProcedure, Checked};
use benchtop_run::{Partial, Purpose};
use benchtop_station::{Catalogue, Recorder};
use std::sync::Arc;

/// The unit in a simulated bench while none is named.
const NOBODY: &str = "SIM-UNIT";

/// What a run is made of: nothing has been opened.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) procedure: BoundProcedure,
    pub(super) equipped: Arc<Equipped>,
    pub(super) purpose: Purpose,
    pub(super) partial: Option<Partial>,
}

/// Reads and binds procedure and bench; every mistake of either, and of the command line, comes out together.
///
/// Without a unit only what is the same for all of them is looked at. A bench that was `kept` from the unit before is not
/// read again.
pub(super) fn prepare(
    request: &Request,
    unit: Option<&Unit>,
    catalogue: &Catalogue,
    source: &procedures::Source,
    recorder: Option<&Arc<Recorder>>,
    kept: Option<&Arc<Equipped>>,
) -> Result<Prepared, Failure> {
    let mut findings = Diagnostics::new();
    let mut sentences = Vec::new();
    let mut unequipped = None;
    let mut mistakes_of_the_bench = None;
    let equipped = match kept {
        Some(kept) => Some(Arc::clone(kept)),
        None => match equip(request, unit, catalogue, source, recorder) {
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
        unit.and_then(|unit| unit.part.as_ref()),
        &request.parameters,
        equipped.as_ref().and_then(|equipped| equipped.file.as_ref()),
    );
    let mut names = std::collections::BTreeSet::new();
    for (name, _) in &request.parameters {
        if !names.insert(name) {
            sentences.push(format!("--param {name} is given twice"));
        }
    }
    let read = source.written().read(&given);
    if read.findings().has_errors() {
        findings.append(read.findings().clone());
    }
    if let Some(mistakes) = mistakes_of_the_bench {
        findings.append(mistakes);
    }
    if let (Some(procedure), Some(unit)) = (read.procedure(), unit) {
        sentences.extend(gates::unit_mistakes(unit, procedure));
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
    let BenchArguments { station, simulate } = &request.bench;
    if station.is_none() && simulate.is_none() {
        sentences.push("which bench? --station FILE for real instruments, --simulate for simulated ones".to_owned());
    }
    sentences.extend(unequipped);
    let mut bound = None;
    if let Some(equipped) = &equipped {
        let capabilities = equipped.station.capabilities();
        let Checked {
            procedure: parsed,
            bound: checked,
        } = read.bind(&capabilities);
        // what the procedure alone gets wrong was found above and is among this again; `findings` keeps it once
        match checked {
            Ok(procedure) => {
                let (_ratios, said) = benchtop_procedure::ratios(&procedure, &equipped.metrology, bench::today());
                findings.append(said);
                bound = Some(procedure);
            }
            Err(mistakes) => findings.append(mistakes),
        }
        if let Some(procedure) = &parsed {
            outside::check(
                procedure,
                &source.file,
                &request.answers,
                equipped.station.bench(),
                &mut findings,
            );
            gates::check_calibration(equipped, procedure, &mut findings);
            if request.purpose.as_deref() != Some("engineering") {
                let digest = source.digest(procedure);
                sentences.extend(gates::check_allowed(equipped, procedure, &digest, &mut findings));
            }
        }
        let targets = equipped
            .file
            .as_ref()
            .map(|file| file.targets.as_slice())
            .unwrap_or_default();
        if let Some(unit) = unit
            && targets.iter().any(|target| target.kind.value.starts_with("tofupilot"))
        {
            sentences.extend(gates::names_that_tofupilot_refuses(unit));
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
    let (Some(procedure), Some(equipped), Some(purpose)) = (bound, equipped, purpose) else {
        return Err(Failure::refused("refused before anything was opened"));
    };
    // said once, not for every unit
    if kept.is_none() {
        for warnings in [&findings, procedure.warnings()]
            .into_iter()
            .filter(|all| !all.is_empty())
        {
            terminal::diagnose(warnings);
        }
    }
    Ok(Prepared {
        procedure,
        equipped,
        purpose,
        partial,
    })
}

fn equip(
    request: &Request,
    unit: Option<&Unit>,
    catalogue: &Catalogue,
    source: &procedures::Source,
    recorder: Option<&Arc<Recorder>>,
) -> Result<Option<Equipped>, Refused> {
    let id = source.written().id();
    let serial = unit.map_or(NOBODY, |unit| unit.serial.as_str());
    let equipped = bench::equip(&request.bench, catalogue, id.as_deref(), serial, request.real_pace)?;
    Ok(equipped.map(|equipped| Equipped {
        station: equipped.station.recorded(recorder.cloned()),
        ..equipped
    }))
}
