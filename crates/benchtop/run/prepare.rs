//! Everything that can be refused before power is applied, in one go.

use super::gates;
use crate::{
    args::{BenchArguments, Pace, RunArguments},
    bench::{self, Equipped, Refused},
    exit::Failure,
    procedures, terminal,
};
use benchtop_notation::Diagnostics;
use benchtop_procedure::BoundProcedure;
use benchtop_run::Purpose;
use benchtop_station::Catalogue;

/// What a run is made of: nothing has been opened.
pub(super) struct Prepared {
    pub(super) procedure: BoundProcedure,
    pub(super) equipped: Equipped,
    pub(super) purpose: Purpose,
    pub(super) part_number: Option<String>,
}

/// Reads and binds procedure and bench; every mistake of either, and of the command line, comes out together.
pub(super) fn prepare(
    arguments: &RunArguments,
    catalogue: &Catalogue,
    source: &procedures::Source,
) -> Result<Prepared, Failure> {
    let mut findings = Diagnostics::new();
    let mut sentences = Vec::new();
    let parsed = match benchtop_procedure::parse(&source.file, &source.text) {
        Ok(procedure) => Some(procedure),
        Err(mistakes) => {
            findings.append(mistakes);
            None
        }
    };
    if let Some(procedure) = &parsed {
        sentences.extend(gates::unit_mistakes(arguments, procedure));
    }
    let purpose = Purpose::ALL
        .iter()
        .find(|(word, _)| *word == arguments.purpose)
        .map(|(_, purpose)| *purpose);
    if purpose.is_none() || purpose == Some(Purpose::Partial) {
        sentences.push(format!(
            "--purpose {}: expected production, engineering, golden or gauge_study",
            arguments.purpose
        ));
    }
    let BenchArguments { station, simulate } = &arguments.bench;
    if station.is_none() && simulate.is_none() {
        sentences.push("which bench? --station FILE for real instruments, --simulate for simulated ones".to_owned());
    }
    let id = benchtop_procedure::id_of(&source.file, &source.text);
    let real_pace = arguments.pace == Some(Pace::Real);
    let equipped = match bench::equip(&arguments.bench, catalogue, id.as_deref(), &arguments.serial, real_pace) {
        Ok(equipped) => equipped,
        Err(Refused::Findings(mistakes)) => {
            findings.append(mistakes);
            None
        }
        Err(Refused::Failure(failure)) => {
            sentences.push(failure.message);
            None
        }
    };
    let mut bound = None;
    if let Some(equipped) = &equipped {
        let capabilities = equipped.station.capabilities();
        // what the procedure alone gets wrong was found above and is found here again; `findings` keeps it once
        match benchtop_procedure::check_text(&source.file, &source.text, &capabilities) {
            Ok(procedure) => bound = Some(procedure),
            Err(mistakes) => findings.append(mistakes),
        }
        if let Some(procedure) = &parsed {
            gates::check_calibration(equipped, procedure, &mut findings);
        }
        let targets = equipped
            .file
            .as_ref()
            .map(|file| file.targets.as_slice())
            .unwrap_or_default();
        if targets.iter().any(|target| target.kind.value.starts_with("tofupilot")) {
            sentences.extend(gates::names_that_tofupilot_refuses(arguments));
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
    if !findings.is_empty() {
        terminal::diagnose(&findings);
    }
    if !procedure.warnings().is_empty() {
        terminal::diagnose(procedure.warnings());
    }
    let part_number = arguments
        .part
        .clone()
        .or_else(|| procedure.procedure().unit_under_test.part_number.clone());
    Ok(Prepared {
        procedure,
        equipped,
        purpose,
        part_number,
    })
}
