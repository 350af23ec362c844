//! `benchtop check --prove`: does the test find what it is there to find?
//!
//! A procedure is run on its simulated bench, in virtual time and without records:
//! 1. as it is: an ordinary unit must pass;
//! 2. with each measured quantity moved across each of its limits, at the instrument's terminals: it must fail;
//! 3. with each thing that may be wrong with the unit, and with instruments that lie: what no limit catches is said, and
//!    which limit none of them trips.
//!
//! A procedure for slots is tried in each slot while the others are empty, so that what is another slot's is no help to it, and once
//! with ordinary units in all of them.

mod report;
mod shift;
mod trial;

pub(crate) use report::show;

use crate::{
    bench::{self, Refused, today},
    exit::Failure,
    procedures::Source,
};
use benchtop_instrument::Quantity;
use benchtop_notation::{Diagnostic, Diagnostics, Span};
use benchtop_procedure::{Limit, Measurement, MeasurementOutcome};
use benchtop_run::{MeasurementTaken, ReadingWord, RunOutcome};
use benchtop_sim::Bench;
use benchtop_station::{Catalogue, of_bench, slots_of_bench};
use trial::{Laboratory, Planned, Shift, Trial, Trialled, measurements};

/// What was found.
pub(crate) struct Proof {
    pub(crate) bench: String,
    pub(crate) limits: Vec<ProvedLimit>,
    /// How often the procedure was run.
    pub(crate) trials: usize,
    /// How many things may be wrong with the unit and with the instruments.
    pub(crate) faults: usize,
    /// Those that no limit catches.
    pub(crate) uncaught: Vec<String>,
    pub(crate) findings: Diagnostics,
}

/// One limit of one measurement.
pub(crate) struct ProvedLimit {
    /// Where the unit lies, where the procedure is for slots.
    pub(crate) slot: Option<String>,
    pub(crate) measurement: String,
    pub(crate) side: Side,
    pub(crate) bound: Quantity,
    /// What the run came to with the quantity beyond it.
    pub(crate) moved: RunOutcome,
    /// What trips it.
    pub(crate) tripped_by: Vec<String>,
    place: Span,
}

impl ProvedLimit {
    /// The measurement, with its place.
    pub(crate) fn called(&self) -> String {
        match &self.slot {
            Some(slot) => format!("{} in slot {slot}", self.measurement),
            None => self.measurement.clone(),
        }
    }
}

/// Which limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Low,
    High,
}

impl Side {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::High => "high",
        }
    }

    const fn bound(self, limit: &Limit) -> Option<benchtop_instrument::Decimal> {
        match self {
            Self::Low => limit.low,
            Self::High => limit.high,
        }
    }
}

/// Runs the procedure again and again. `wanted` is the simulated bench, empty for the one that is made for it.
pub(crate) async fn prove(wanted: &str, catalogue: &Catalogue, source: &Source) -> Result<Proof, Refused> {
    let id = source.written().id();
    let (entry, bench) = bench::find(wanted, catalogue, id.as_deref())?;
    let said = of_bench(&entry.file, &entry.text, today())?;
    let slots = slots_of_bench(&entry.file, &entry.text)?;
    let laboratories = Laboratory::all(&bench, &slots, &said, catalogue, source)?;
    let mut proof = Proof {
        bench: bench.name().to_owned(),
        limits: Vec::new(),
        trials: 0,
        faults: 0,
        uncaught: Vec::new(),
        findings: Diagnostics::new(),
    };
    let mut ordinary = Vec::new();
    for laboratory in &laboratories {
        let unit = laboratory.run(&Trial::default()).await?;
        proof.trials += 1;
        passes(&bench, laboratory, &unit, "")?;
        ordinary.push(unit);
    }
    if laboratories.len() > 1 {
        let at_once = Laboratory::run_all(&laboratories).await?;
        proof.trials += 1;
        for (laboratory, unit) in laboratories.iter().zip(&at_once) {
            passes(&bench, laboratory, unit, " with all slots full")?;
        }
    }
    for (laboratory, ordinary) in laboratories.iter().zip(&ordinary) {
        move_across(&mut proof, laboratory, ordinary).await?;
        spoil(&mut proof, laboratory, &bench).await?;
    }
    let name = proof.bench.clone();
    for limit in &proof.limits {
        let what = format!("the {} limit {} of {}", limit.side.word(), limit.bound, limit.called());
        if limit.moved != RunOutcome::Fail {
            let message = format!("{what} lets a value beyond it pass: the run is {}", limit.moved.word());
            let help = "moved across it at the instrument's terminals, the quantity must fail";
            proof
                .findings
                .push(Diagnostic::error(&limit.place, &message).help(help));
        } else if limit.tripped_by.is_empty() {
            let message = format!("nothing that may be wrong with the unit trips {what}");
            let help = format!(
                "{} faults on {name} were tried; moved there by force, it fails",
                proof.faults
            );
            proof
                .findings
                .push(Diagnostic::warning(&limit.place, &message).help(&help));
        }
    }
    Ok(proof)
}

/// An ordinary unit must pass.
fn passes(bench: &Bench, laboratory: &Laboratory<'_>, ordinary: &Trialled, how: &str) -> Result<(), Refused> {
    if ordinary.outcome == RunOutcome::Pass {
        return Ok(());
    }
    let message = format!(
        "an ordinary unit does not pass on {}{}{how}: {}{}",
        bench.name(),
        laboratory.place(),
        ordinary.outcome.word(),
        ordinary.reason()
    );
    Err(Failure::refused(message).into())
}

/// Each quantity across each of its limits: that of a reading itself, that of a computed value by one of its readings.
async fn move_across(proof: &mut Proof, laboratory: &Laboratory<'_>, ordinary: &Trialled) -> Result<(), Refused> {
    let planned = measurements(laboratory.procedure.procedure());
    for Planned { name, measurement, .. } in &planned {
        let (Some(limit), Some(value)) = (&measurement.limit, ordinary.value_of(name)) else {
            continue;
        };
        for side in [Side::Low, Side::High] {
            let Some(bound) = side.bound(limit) else { continue };
            let Some(amount) = beyond(side, limit, measurement, value) else {
                continue;
            };
            let mut moved = None;
            // the reading that was taken last moves nothing but what is computed of it
            for (reading, amount) in shift::by(&planned, ordinary, name, amount) {
                if moved == Some(RunOutcome::Fail) {
                    break;
                }
                moved = Some(moved_across(proof, laboratory, name, reading, amount).await?);
            }
            let Some(moved) = moved else { continue };
            let span = match side {
                Side::Low => measurement.low_place(),
                Side::High => measurement.high_place(),
            };
            proof.limits.push(ProvedLimit {
                slot: laboratory.slot.clone(),
                measurement: name.clone(),
                side,
                bound: Quantity::new(bound, measurement.unit),
                moved,
                tripped_by: Vec::new(),
                place: span.clone(),
            });
        }
    }
    Ok(())
}

/// What a run comes to in which a reading is moved by so much, as far as the measurement `name` has to do with it.
async fn moved_across(
    proof: &mut Proof,
    laboratory: &Laboratory<'_>,
    name: &str,
    reading: &Planned<'_>,
    amount: f64,
) -> Result<RunOutcome, Refused> {
    let Some(source) = reading.measurement.reading() else {
        return Ok(RunOutcome::Pass);
    };
    let shift = Shift {
        from: reading.from,
        instrument: source.instrument.clone(),
        request: source.request,
        amount,
    };
    let trial = Trial {
        shift: Some(shift),
        ..Trial::default()
    };
    let moved = laboratory.run(&trial).await?;
    proof.trials += 1;
    let failed = moved
        .last_of(name)
        .is_some_and(|taken| taken.outcome == MeasurementOutcome::Fail);
    // something else may have failed, and this not
    Ok(if moved.outcome == RunOutcome::Fail && !failed {
        RunOutcome::Pass
    } else {
        moved.outcome
    })
}

/// Everything that may be wrong, one thing at a time.
async fn spoil(proof: &mut Proof, laboratory: &Laboratory<'_>, bench: &Bench) -> Result<(), Refused> {
    let deviations = bench.deviations(laboratory.slot.as_deref());
    let wrong_units = deviations.iter().map(|deviation| {
        let trial = Trial {
            deviation: Some(deviation),
            ..Trial::default()
        };
        (deviation.to_string(), trial)
    });
    let lies = laboratory.lies().into_iter().map(|(name, fault)| {
        let what = format!("{name}: {fault}");
        let trial = Trial {
            fault: Some((name, fault)),
            ..Trial::default()
        };
        (what, trial)
    });
    for (what, trial) in wrong_units.chain(lies) {
        let found = laboratory.run(&trial).await?;
        proof.trials += 1;
        proof.faults += 1;
        if found.outcome == RunOutcome::Pass {
            let slot = laboratory.slot.as_ref();
            let place = slot.map_or_else(String::new, |slot| format!("slot {slot}: "));
            proof.uncaught.push(format!("{place}{what}"));
        }
        for (name, taken) in &found.taken {
            let Some(side) = tripped(taken) else { continue };
            let mut limits = proof.limits.iter_mut().filter(|limit| limit.slot == laboratory.slot);
            let limit = limits.find(|limit| limit.measurement == *name && limit.side == side);
            if let Some(limit) = limit.filter(|limit| limit.tripped_by.last() != Some(&what)) {
                limit.tripped_by.push(what.clone());
            }
        }
    }
    Ok(())
}

/// What to add to the quantity, in its base unit, so that it lies a little beyond a limit.
///
/// A little is a hundredth of the way there or of the width of the limits, and a thousandth of the limit itself: more than
/// an instrument's noise.
fn beyond(side: Side, limit: &Limit, measurement: &Measurement, value: f64) -> Option<f64> {
    let in_base = |value: benchtop_instrument::Decimal| {
        let base = benchtop_instrument::Unit::of(measurement.unit.base());
        let value = Quantity::new(value, measurement.unit).in_unit(base).ok()?;
        Some(value.to_f64())
    };
    let bound = in_base(side.bound(limit)?)?;
    let width = match (limit.low, limit.high) {
        (Some(low), Some(high)) => in_base(high)? - in_base(low)?,
        (Some(_), None) | (None, Some(_) | None) => 0.0,
    };
    let margin = ((bound - value) / 100.0)
        .abs()
        .max(width / 100.0)
        .max(bound.abs() / 1000.0);
    Some(match side {
        Side::Low => bound - margin - value,
        Side::High => bound + margin - value,
    })
}

/// Which limit a measurement has tripped.
fn tripped(taken: &MeasurementTaken) -> Option<Side> {
    if taken.outcome != MeasurementOutcome::Fail {
        return None;
    }
    let limit = taken.limit.as_ref()?;
    match taken.reading_kind {
        ReadingWord::OverrangePositive => Some(Side::High),
        ReadingWord::OverrangeNegative => Some(Side::Low),
        ReadingWord::Value => {
            let value = taken.value.as_ref()?.number()?;
            let below = limit.low.is_some_and(|low| value < low);
            Some(if below { Side::Low } else { Side::High })
        }
        ReadingWord::NotANumber | ReadingWord::Missing => None,
    }
}
