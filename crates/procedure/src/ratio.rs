//! Test uncertainty ratios: how much better than its limits a measurement is known, before anything is measured.

use crate::assumed::{Assumed, Expected};
use crate::expression::full_name;
use crate::limit::{GuardBand, acceptance, test_uncertainty_ratio};
use crate::metrology::{Ambient, Metrology, Moment};
use crate::model::{BoundProcedure, Measurement, MeasurementSource, ReadingSource};
use benchtop_instrument::{Decimal, NaiveDate, Quantity, Uncertainty, Unknown};
use benchtop_notation::{Diagnostic, Diagnostics, Span};

/// Under this ratio a limit is worth a warning.
const LEAST: f64 = 4.0;

/// What a ratio was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RatioKind {
    /// The uncertainty of the measurement on this station: TUR.
    Uncertainty,
    /// The meter's specification alone, because the station does not say enough: TAR.
    Specification,
}

impl RatioKind {
    /// `TUR` or `TAR`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Uncertainty => "TUR",
            Self::Specification => "TAR",
        }
    }
}

/// The ratio of one two-sided limit.
#[derive(Clone, Debug, PartialEq)]
pub struct TestRatio {
    /// The measurement's name.
    pub measurement: String,
    /// Where the measurement is written.
    pub place: Span,
    /// (high - low) / (2 U).
    pub ratio: f64,
    /// With which U.
    pub kind: RatioKind,
    /// U at the limit that is further from 0.
    pub expanded: Quantity,
    /// Why it is the specification's alone.
    pub missing: Option<String>,
}

/// The ratios of all two-sided limits whose meters are specified, and what is to be said of them and of guard bands.
///
/// A warning under 4:1, an error where acceptance limits cross or where the uncertainty that a guard band needs cannot be known.
#[must_use]
pub fn ratios(procedure: &BoundProcedure, metrology: &Metrology, today: NaiveDate) -> (Vec<TestRatio>, Diagnostics) {
    let mut ratios = Vec::new();
    let findings = look(procedure, metrology, today, &mut |ratio| ratios.push(ratio));
    (ratios, findings)
}

/// What [`ratios`] has to say, without the ratios: a run needs no more.
#[must_use]
pub fn ratio_findings(procedure: &BoundProcedure, metrology: &Metrology, today: NaiveDate) -> Diagnostics {
    look(procedure, metrology, today, &mut |_| {})
}

fn look(
    procedure: &BoundProcedure,
    metrology: &Metrology,
    today: NaiveDate,
    each: &mut dyn FnMut(TestRatio),
) -> Diagnostics {
    let mut sink = Diagnostics::new();
    let mut assumed = Assumed::of(procedure.procedure());
    for step in procedure.procedure().all_steps() {
        for measurement in step.kind.measurements() {
            let name = full_name(&measurement.name, &step.parameters);
            let found = match &measurement.source {
                MeasurementSource::Reading(source) => {
                    let moment = Moment {
                        today,
                        ambient: assumed_ambient(metrology, source),
                    };
                    assumed.reads(&name, measurement, source, metrology, moment);
                    Found::of(name, measurement, source, metrology, moment)
                }
                MeasurementSource::Compute(expression) => {
                    let expected = assumed.computes(&name, measurement, expression);
                    Found::computed(name, measurement, expected)
                }
                MeasurementSource::Said(_) | MeasurementSource::Reduced(_) => {
                    without_specification(&mut sink, measurement);
                    continue;
                }
            };
            let ratio = found.ratio();
            found.judge(&mut sink, ratio.as_ref());
            if let Some(ratio) = ratio {
                each(ratio);
            }
        }
    }
    sink
}

fn without_specification(sink: &mut Diagnostics, measurement: &Measurement) {
    let guard = measurement.limit.as_ref().map(|limit| limit.guard_band);
    if guard.is_some_and(GuardBand::needs_uncertainty) {
        let message = format!(
            "measurement \"{}\": no instrument's specification stands behind its value",
            measurement.name
        );
        let help = "a guard band of a fixed width needs none";
        sink.push(Diagnostic::error(measurement.limit_place(), &message).help(help));
    }
}

/// What is known of a measurement before it is taken.
struct Found<'a> {
    /// Its full name.
    name: String,
    measurement: &'a Measurement,
    /// At the limit that is further from 0, in the measurement's unit; of what is computed, in the middle of its operands' limits.
    known: Option<Result<Uncertainty, String>>,
    /// As the specification has it, where the station does not say enough.
    specified: Option<Uncertainty>,
}

impl<'a> Found<'a> {
    fn computed(name: String, measurement: &'a Measurement, expected: Expected) -> Self {
        Self {
            name,
            measurement,
            known: expected.known,
            specified: expected.specified,
        }
    }

    fn of(
        name: String,
        measurement: &'a Measurement,
        source: &ReadingSource,
        metrology: &Metrology,
        moment: Moment,
    ) -> Self {
        let unit = measurement.unit;
        let used = worst(measurement).and_then(|value| metrology.expected(source, Quantity::new(value, unit)));
        let in_unit = |found: Uncertainty| found.in_unit(unit).ok_or(Unknown::Unfit(unit));
        let known = used.map(|used| {
            let found = metrology.of_reading(&measurement.name, source, &used, moment);
            found.and_then(in_unit).map_err(|unknown| unknown.to_string())
        });
        let specified = used.and_then(|used| metrology.of_specification(source, &used).and_then(in_unit).ok());
        Self {
            name,
            measurement,
            known,
            specified,
        }
    }

    fn ratio(&self) -> Option<TestRatio> {
        let limit = self.measurement.limit.as_ref()?;
        let (low, high) = (limit.low?, limit.high?);
        let (uncertainty, kind, missing) = match self.known.as_ref()? {
            Ok(known) => (known, RatioKind::Uncertainty, None),
            Err(unknown) => (
                self.specified.as_ref()?,
                RatioKind::Specification,
                Some(unknown.clone()),
            ),
        };
        Some(TestRatio {
            measurement: self.name.clone(),
            place: self.measurement.place.clone(),
            ratio: test_uncertainty_ratio(low, high, uncertainty.expanded)?,
            kind,
            expanded: Quantity::new(uncertainty.expanded, self.measurement.unit),
            missing,
        })
    }

    fn judge(&self, sink: &mut Diagnostics, ratio: Option<&TestRatio>) {
        let Some(limit) = &self.measurement.limit else { return };
        let place = self.measurement.limit_place();
        let label = || format!("measurement \"{}\": ", self.name);
        if let Some(ratio) = ratio.filter(|ratio| ratio.ratio < LEAST) {
            let label = label();
            let (word, expanded) = (ratio.kind.word(), ratio.expanded);
            let message = format!(
                "{label}{word} {:.1}:1, under {LEAST}:1: the limits are little wider than what the meter can tell (U = {expanded})",
                ratio.ratio
            );
            let help = match limit.guard_band {
                GuardBand::None => "a smaller range or a better meter; or a guard band, so that what passes is inside",
                GuardBand::U95 | GuardBand::Method6 | GuardBand::Fixed(_) => "a smaller range or a better meter",
            };
            sink.push(Diagnostic::warning(place, &message).help(help));
        }
        if limit.guard_band == GuardBand::None {
            return;
        }
        let label = label();
        let unit = self.measurement.unit;
        let guard = limit.guard_band.for_people(unit);
        let expanded = match &self.known {
            Some(Ok(known)) => Some(known.expanded),
            Some(Err(unknown)) if limit.guard_band.needs_uncertainty() => {
                let message =
                    format!("{label}the guard band {guard} needs the uncertainty, which is not known: {unknown}");
                sink.push(Diagnostic::error(place, &message).help("a fixed width, such as \"5 mV\", needs none"));
                return;
            }
            Some(Err(_)) | None => None,
        };
        let Some(width) = limit.guard_band.width(limit, expanded) else {
            return;
        };
        if acceptance(limit, width).is_none() {
            let width = Quantity::new(width, unit);
            let message =
                format!("{label}the acceptance limits cross: the guard band {guard} is {width} wide on either side");
            sink.push(Diagnostic::error(place, &message).help("nothing could pass"));
        }
    }
}

/// The bound at which the least is known: the one further from 0.
fn worst(measurement: &Measurement) -> Option<Decimal> {
    let limit = measurement.limit.as_ref()?;
    limit.low.into_iter().chain(limit.high).max_by_key(|bound| bound.abs())
}

/// Where an instrument will measure the ambient temperature, it is taken to be one that the specification holds at.
fn assumed_ambient(metrology: &Metrology, source: &ReadingSource) -> Option<Decimal> {
    match metrology.ambient {
        Ambient::Measured { .. } => metrology.usual_temperature(source),
        Ambient::Stated(_) | Ambient::Unknown => None,
    }
}
