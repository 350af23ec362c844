//! What there is to say of a procedure: read for each part that it tells apart, and bound to the bench in each slot.

use crate::{
    args::BenchArguments,
    bench::{self, Equipped, Refused},
    commands,
    operator::Answers,
    outside, procedures,
    run::{check_allowed, check_calibration},
    sync,
};
use benchtop_instrument::Capabilities;
use benchtop_notation::{Diagnostic, Diagnostics, Span, in_cases};
use benchtop_procedure::{AsRead, BoundProcedure, Estimate, LogicalName, Procedure, TestRatio, is_for_slots};
use benchtop_sim::SimulatedBench;
use benchtop_station::{Catalogue, StationFile};
use benchtop_store::StationKey;
use std::{collections::BTreeMap, sync::Arc};

/// What was found. What is so in some cases only (for some parts, in some slots) comes with their names.
pub(super) struct Examined {
    pub(super) findings: Diagnostics,
    pub(super) ratios: Vec<(Option<String>, TestRatio)>,
    pub(super) estimates: Vec<(Option<String>, Estimate)>,
    /// The slots that it was judged for: it is run with `--slot`; else with `--serial`.
    pub(super) slots: Vec<String>,
}

/// The bench, as far as there is one.
#[derive(Default)]
struct Known {
    equipped: Option<Equipped>,
    capabilities: BTreeMap<LogicalName, Capabilities>,
}

/// Reads and binds a procedure in every way in which it can be run with these files.
pub(super) fn examine(arguments: &BenchArguments, catalogue: &Catalogue, source: &procedures::Source) -> Examined {
    let mut of_bench = Diagnostics::new();
    let known = match equipped(arguments, catalogue, source) {
        Ok(equipped) => {
            let file = equipped.as_ref().and_then(|equipped| equipped.file.as_ref());
            if let Some(file) = file {
                unreadable_key(arguments, file, &mut of_bench);
            }
            let capabilities = equipped.as_ref().map(|equipped| equipped.station.capabilities());
            Known {
                equipped,
                capabilities: capabilities.unwrap_or_default(),
            }
        }
        Err(mistakes) => {
            of_bench = mistakes;
            Known::default()
        }
    };
    if let Some(station) = &arguments.station {
        let id = source.written().id();
        of_bench.append(sync::checked(station, id.as_deref()));
    }
    let (mut findings, mut ratios, mut estimates) = (Vec::new(), Vec::new(), Vec::new());
    let mut slots = Vec::new();
    let file = known.equipped.as_ref().and_then(|equipped| equipped.file.as_ref());
    for (part, read) in source.written().readings(&source.given_for(None, &[], file)) {
        let name = part.map_or_else(String::new, |part| format!("part {part}"));
        let seen = Seen::of(read, &known, source);
        findings.push((name.clone(), seen.findings));
        ratios.push((name.clone(), seen.ratios));
        estimates.push((name, seen.estimate.into_iter().collect()));
        slots = seen.slots;
    }
    let mut findings = Diagnostics::of_cases(findings);
    findings.append(of_bench);
    let ratios = in_cases(ratios).into_iter().map(|(part, (slot, ratio))| {
        let names: Vec<String> = part.into_iter().chain(slot).collect();
        ((!names.is_empty()).then(|| names.join(", ")), ratio)
    });
    Examined {
        findings,
        ratios: ratios.collect(),
        estimates: in_cases(estimates),
        slots,
    }
}

/// The bench that the command line names. One that is not there is a mistake without a line.
fn equipped(
    arguments: &BenchArguments,
    catalogue: &Catalogue,
    source: &procedures::Source,
) -> Result<Option<Equipped>, Diagnostics> {
    let id = source.written().id();
    let unit = bench::Units::One("SIM-UNIT".to_owned());
    bench::equip(arguments, catalogue, id.as_deref(), &unit, false).map_err(|refused| match refused {
        Refused::Findings(mistakes) => mistakes,
        Refused::Failure(failure) => {
            let station = arguments.station.as_ref().map(|path| path.display().to_string());
            let file = station.unwrap_or_else(|| source.file.clone());
            Diagnostic::error(&Span::of_file(&file), &failure.message).into()
        }
    })
}

/// A run signs its record with it.
fn unreadable_key(arguments: &BenchArguments, file: &StationFile, sink: &mut Diagnostics) {
    let key = file.signing_key.as_deref().map(StationKey::read);
    if let (Some(Err(error)), Some(station)) = (key, &arguments.station) {
        let place = Span::of_file(&station.display().to_string());
        sink.error(&place, &format!("[store] signing_key: {error}"));
    }
}

/// What there is to say of one reading.
struct Seen {
    findings: Diagnostics,
    /// With the names of slots, where it is so in some of them only.
    ratios: Vec<(Option<String>, TestRatio)>,
    estimate: Option<Estimate>,
    /// Those that it was bound for.
    slots: Vec<String>,
}

impl Seen {
    fn of(read: AsRead, known: &Known, source: &procedures::Source) -> Self {
        let procedure = read.procedure();
        let estimate = procedure.map(|procedure| benchtop_procedure::estimate(procedure, &known.capabilities));
        let Some(equipped) = &known.equipped else {
            let mut findings = read.findings().clone();
            if let Some(procedure) = read.procedure() {
                outside::check(procedure, &source.file, &Answers::default(), None, &mut findings);
                commands::warn(procedure, &source.file, &mut findings);
            }
            return Self {
                findings,
                ratios: Vec::new(),
                estimate,
                slots: Vec::new(),
            };
        };
        let own = equipped.station.own_slots();
        let in_slots = procedure.is_some_and(|procedure| is_for_slots(procedure, &own));
        let slots = if in_slots {
            own.keys().cloned().collect()
        } else {
            Vec::new()
        };
        let mut beside = Diagnostics::new();
        if let Some(procedure) = procedure {
            for bench in benches(equipped, in_slots) {
                outside::check(
                    procedure,
                    &source.file,
                    &Answers::default(),
                    bench.as_ref(),
                    &mut beside,
                );
            }
            if equipped.station.bench().is_none() {
                commands::warn(procedure, &source.file, &mut beside);
            }
            if let Some(file) = &equipped.file {
                check_allowed(file, procedure, &source.digest(procedure), &mut beside);
            }
        }
        let (unbound, bound) = bind(read, known, in_slots);
        let mut findings = Diagnostics::new();
        let mut ratios = Vec::new();
        match bound {
            Ok(bound) => {
                let mut said_of_slots = Vec::new();
                for (slot, bound) in bound {
                    let (found, said) = benchtop_procedure::ratios(&bound, &equipped.metrology, bench::today());
                    findings.append(bound.warnings().clone());
                    calibration(equipped, bound.procedure(), &mut beside);
                    ratios.push((slot.clone(), found));
                    said_of_slots.push((slot, said));
                }
                findings.append(Diagnostics::of_cases(said_of_slots));
            }
            Err(mistakes) => {
                findings.append(mistakes);
                if let Some(procedure) = unbound {
                    calibration(equipped, &procedure, &mut beside);
                }
            }
        }
        findings.append(beside);
        Self {
            findings,
            ratios: in_cases(ratios),
            estimate,
            slots,
        }
    }
}

/// Bound, by the names of the slots where it is for slots; and the procedure itself, as far as it is right, where that failed.
type Bound = (
    Option<Arc<Procedure>>,
    Result<Vec<(String, BoundProcedure)>, Diagnostics>,
);

fn bind(read: AsRead, known: &Known, in_slots: bool) -> Bound {
    let Some(equipped) = known.equipped.as_ref().filter(|_| in_slots) else {
        let checked = read.bind(&known.capabilities);
        let bound = checked.bound.map(|procedure| vec![(String::new(), procedure)]);
        return (checked.procedure, bound);
    };
    let procedure = read.procedure().cloned().map(Arc::new);
    let bound = read.bind_slots(&known.capabilities, &equipped.station.own_slots());
    let named = bound.map(|bound| {
        let slots = bound.into_iter();
        slots
            .map(|(slot, procedure)| (format!("slot {slot}"), procedure))
            .collect()
    });
    (procedure, named)
}

fn calibration(equipped: &Equipped, procedure: &Procedure, sink: &mut Diagnostics) {
    if let Some(file) = &equipped.file {
        check_calibration(file, procedure, sink);
    }
}

/// The simulated bench as each slot sees it; nothing of a real one.
fn benches(equipped: &Equipped, in_slots: bool) -> Vec<Option<SimulatedBench>> {
    match equipped.station.bench() {
        Some(bench) if in_slots => {
            let slots = equipped.station.slots().keys();
            slots.map(|slot| Some(bench.in_slot(slot))).collect()
        }
        bench => vec![bench.cloned()],
    }
}
