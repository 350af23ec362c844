//! What a reading is worth: its uncertainty, where its acceptance limits lie, and what may be decided.

use benchtop_instrument::{Decimal, NaiveDate, Reading, ReadingKind, Scatter, Uncertainty, Unknown, Used};
use benchtop_procedure::{
    Acceptance, Decision, GuardBand, Judgement, Limit, Measured, Measurement, Metrology, Moment, Origin, OverrangeRule,
    ReadingSource, acceptance, decide, judge_within,
};
use std::sync::Arc;

/// The bench's metrology, and the temperature of this run.
#[derive(Clone, Debug)]
pub(crate) struct Circumstances {
    pub(crate) metrology: Arc<Metrology>,
    /// The ambient temperature that an instrument measured, degrees Celsius.
    pub(crate) ambient: Option<Decimal>,
}

/// What is said of a measurement beside its outcome.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assessment {
    /// How well the value is known, in the measurement's unit; `None` where that is not known.
    pub uncertainty: Option<Uncertainty>,
    /// Why it is not known, where the instrument is specified or a guard band needs it.
    pub uncertainty_reason: Option<String>,
    /// Where a value is accepted, behind guard bands; `None` with simple acceptance.
    pub acceptance: Option<Acceptance>,
    /// What may be said of the value, with its guard band or, without one, its uncertainty.
    pub decision: Option<Decision>,
}

impl Circumstances {
    /// Assesses a number that was read. What it comes to is judged by the limit within the interval that is answered.
    ///
    /// # Errors
    /// Why a guard-banded limit cannot judge: the uncertainty is not known, or the acceptance limits cross.
    pub(crate) fn assess(
        &self,
        measurement: &Measurement,
        source: &ReadingSource,
        reading: &Reading,
        measured: &Measured,
        today: NaiveDate,
    ) -> (Assessment, Result<Acceptance, String>) {
        let moment = Moment {
            today,
            ambient: self.ambient,
        };
        let mut assessment = Assessment::default();
        let found = used(&self.metrology, source, reading).map(|used| {
            let found = self.metrology.of_reading(&measurement.name, source, &used, moment);
            let unit = measurement.unit;
            found.and_then(|found| found.in_unit(unit).ok_or(Unknown::Unfit(unit)))
        });
        let needed = measurement
            .limit
            .as_ref()
            .is_some_and(|limit| limit.guard_band.needs_uncertainty());
        match found {
            Some(Ok(uncertainty)) => assessment.uncertainty = Some(uncertainty),
            Some(Err(unknown)) if needed || self.metrology.is_specified(source) => {
                assessment.uncertainty_reason = Some(unknown.to_string());
            }
            Some(Err(_)) => {}
            None if needed => assessment.uncertainty_reason = Some("there is no number".to_owned()),
            None => {}
        }
        let accepted = match &measurement.limit {
            Some(limit) => assessment.judge_by(limit, measured),
            None => Ok(Acceptance::default()),
        };
        (assessment, accepted)
    }
}

/// Assesses a value that was computed from others, with the readings that are in it or why nothing is known of them. That is
/// recorded where a guard band needs it, or where something is known of an operand.
pub(crate) fn computed(
    measurement: &Measurement,
    measured: &Measured,
    origin: Result<Option<&Origin>, &str>,
    is_specified: bool,
) -> (Assessment, Result<Acceptance, String>) {
    let mut assessment = Assessment::default();
    let needed = measurement
        .limit
        .as_ref()
        .is_some_and(|limit| limit.guard_band.needs_uncertainty());
    let unknown = match origin {
        Ok(Some(origin)) => {
            assessment.uncertainty = origin.uncertainty(measurement.unit);
            (assessment.uncertainty.is_none()).then(|| "it cannot be held".to_owned())
        }
        Ok(None) => needed.then(|| "it is computed from no measurement".to_owned()),
        Err(reason) => (needed || is_specified).then(|| reason.to_owned()),
    };
    assessment.uncertainty_reason = unknown;
    let accepted = match &measurement.limit {
        Some(limit) => assessment.judge_by(limit, measured),
        None => Ok(Acceptance::default()),
    };
    (assessment, accepted)
}

/// Assesses a value that no instrument of ours measured: one that was said, or that stands for an array. Its uncertainty is not known.
pub(crate) fn without_instrument(
    measurement: &Measurement,
    measured: &Measured,
) -> (Assessment, Result<Acceptance, String>) {
    let mut assessment = Assessment::default();
    let Some(limit) = &measurement.limit else {
        return (assessment, Ok(Acceptance::default()));
    };
    if limit.guard_band.needs_uncertainty() {
        assessment.uncertainty_reason = Some("no instrument's specification stands behind this value".to_owned());
    }
    let accepted = assessment.judge_by(limit, measured);
    (assessment, accepted)
}

/// Judges a value by its limit within what is accepted of it, or says why that cannot be said.
pub(crate) fn judge(measurement: &Measurement, measured: &Measured, accepted: Result<Acceptance, String>) -> Judgement {
    match accepted {
        Ok(accepted) => judge_within(measurement.limit.as_deref(), accepted, measured, measurement.unit),
        Err(reason) => Judgement::unusable(reason),
    }
}

impl Assessment {
    fn judge_by(&mut self, limit: &Limit, measured: &Measured) -> Result<Acceptance, String> {
        let expanded = self.uncertainty.as_ref().map(|known| known.expanded);
        let guard = limit.guard_band;
        let is_guarded = guard != GuardBand::None;
        if let Measured::Overrange(..) = measured
            && limit.overrange == OverrangeRule::Fail
        {
            // it is no better with a guard band than without, however wide that is
            return Ok(Acceptance::default());
        }
        let Some(width) = guard.width(limit, expanded) else {
            let why = self.uncertainty_reason.as_deref().unwrap_or("it has no two limits");
            return Err(format!(
                "the guard band needs the uncertainty, which is not known: {why}"
            ));
        };
        let accepted = acceptance(limit, width).ok_or("the acceptance limits cross: the guard band leaves nothing")?;
        if is_guarded {
            self.acceptance = Some(accepted);
        }
        // without a guard band it is the uncertainty that may leave it open
        let open = if is_guarded { Some(width) } else { expanded };
        let number = match measured {
            Measured::Value(value) => value.number(),
            Measured::Overrange(..) | Measured::Unusable => None,
        };
        self.decision = number.zip(open).and_then(|(number, open)| decide(limit, open, number));
        Ok(accepted)
    }
}

/// The scatter of the readings behind it, in their base unit.
fn scatter(reading: &Reading) -> Option<Scatter> {
    let samples = reading.samples.as_ref()?;
    Some(Scatter {
        deviation: samples.s?.to_f64(),
        samples: samples.n,
    })
}

/// A reading with the settings in effect; `None` where it is no number.
fn used(metrology: &Metrology, source: &ReadingSource, reading: &Reading) -> Option<Used> {
    let ReadingKind::Value(value) = reading.kind else {
        return None;
    };
    Some(Used {
        value,
        range: reading.range_in_use,
        resolution: metrology.resolution(source, reading.range_in_use),
        nplc: reading.nplc,
        autozero: reading.choices.autozero,
        null: false,
        frequency: None,
        scatter: scatter(reading),
    })
}
