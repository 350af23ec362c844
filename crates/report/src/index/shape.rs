//! What runs of the same procedure have in common: its steps, its measurements, their limits. Kept once for all of them.

use super::codec::{Reader, Writer};
use benchtop_store::record::{Measurement, ReadingKind, Record, Section, Step};

/// A measurement as its procedure asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Its name; in a sweep `name[param=value]`.
    pub name: String,
    /// Its step's name.
    pub step: String,
    /// Its unit.
    pub unit: String,
    /// The low limit.
    pub low: Option<f64>,
    /// The high limit.
    pub high: Option<f64>,
    /// Full scale of the range in use, in the unit that the record says.
    pub range: Option<f64>,
    /// The instrument's name in the procedure.
    pub instrument: Option<String>,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedStep {
    /// Its name, with the turn of its sweep.
    pub name: String,
    /// Which part of the procedure it belongs to.
    pub section: Section,
    /// How many measurements it has.
    pub measurements: usize,
}

/// The steps and measurements of a run, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    /// Its steps.
    pub steps: Vec<AskedStep>,
    /// The measurements of all steps.
    pub measurements: Vec<Asked>,
}

const SECTIONS: [Section; 3] = [Section::Setup, Section::Main, Section::Teardown];

/// True for a reading beyond the range: the instrument answered, and there is no number.
pub(super) const fn is_overrange(measurement: &Measurement) -> bool {
    matches!(
        measurement.reading_kind,
        ReadingKind::OverrangePositive | ReadingKind::OverrangeNegative
    )
}

/// The last attempt at a step that took any measurement: the deciding one, unless that ended before its first.
pub(super) fn taken_in(step: &Step) -> &Step {
    let mut attempts = std::iter::once(step).chain(step.attempts.iter().rev());
    attempts
        .find(|attempt| !attempt.measurements.is_empty())
        .unwrap_or(step)
}

/// The first attempt at a step that took this measurement, a value or one beyond the range; else the deciding one.
pub(super) fn first_taken<'a>(step: &'a Step, measurement: &'a Measurement) -> &'a Measurement {
    let mut attempts = step.attempts.iter().flat_map(|attempt| &attempt.measurements);
    let earlier =
        attempts.find(|earlier| earlier.name == measurement.name && (earlier.value.is_some() || is_overrange(earlier)));
    earlier.unwrap_or(measurement)
}

impl Shape {
    /// The bytes of a record's shape.
    pub(super) fn bytes_of(record: &Record) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.count(record.steps.len());
        for step in &record.steps {
            writer.text(&step.measurement_name(&step.name));
            writer.u8(SECTIONS
                .iter()
                .zip(0..)
                .find(|(section, _)| **section == step.section)
                .map_or(1, |(_, at)| at));
            let taken = taken_in(step);
            writer.count(taken.measurements.len());
            for measurement in &taken.measurements {
                writer.text(&step.measurement_name(&measurement.name));
                writer.text(&measurement.unit);
                writer.number(measurement.limit_low);
                writer.number(measurement.limit_high);
                writer.number(first_taken(step, measurement).range.as_ref().map(|range| range.value));
                writer.u8(u8::from(measurement.instrument.is_some()));
                writer.text(measurement.instrument.as_deref().unwrap_or_default());
            }
        }
        writer.0
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let mut shape = Self::default();
        for _ in 0..reader.count()? {
            let name = reader.text()?.to_owned();
            let section = *SECTIONS.get(usize::from(reader.u8()?))?;
            let measurements = reader.count()?;
            for _ in 0..measurements {
                shape.measurements.push(Asked {
                    name: reader.text()?.to_owned(),
                    step: name.clone(),
                    unit: reader.text()?.to_owned(),
                    low: reader.number()?,
                    high: reader.number()?,
                    range: reader.number()?,
                    instrument: {
                        let known = reader.u8()? == 1;
                        let name = reader.text()?;
                        known.then(|| name.to_owned())
                    },
                });
            }
            shape.steps.push(AskedStep {
                name,
                section,
                measurements,
            });
        }
        Some(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;

    #[test]
    fn a_shape_reads_back() {
        let record = testkit::record(1);
        let shape = Shape::read(&Shape::bytes_of(&record)).unwrap();
        assert_eq!(shape.steps.len(), record.steps.len());
        let first = &shape.measurements[0];
        assert_eq!(
            (first.name.as_str(), first.step.as_str(), first.unit.as_str()),
            ("vcc_3v3", "Power Rail Check", "V")
        );
        assert_eq!(
            (first.low, first.high, first.range),
            (Some(3.25), Some(3.35), Some(10.0))
        );
        assert_eq!(first.instrument.as_deref(), Some("dmm"));
        assert_eq!(
            shape.measurements.len(),
            shape.steps.iter().map(|step| step.measurements).sum::<usize>()
        );
        for length in 0..Shape::bytes_of(&record).len() {
            assert!(Shape::read(&Shape::bytes_of(&record)[..length]).is_none());
        }
    }
}
