//! How many readings make one measurement, and when and how each is taken.

use crate::{Decimal, Quantity, Range, Unit};
use std::{fmt, time::Duration};

/// What lets a meter take its readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trigger {
    /// At once.
    Immediate,
    /// An edge at its trigger input, which the bench wires to something.
    External,
    /// A command on the bus (`*TRG`), when all else is set.
    Bus,
}

impl Trigger {
    /// Every trigger with its word in files.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("immediate", Self::Immediate),
        ("external", Self::External),
        ("bus", Self::Bus),
    ];

    /// The word used in files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Immediate => "immediate",
            Self::External => "external",
            Self::Bus => "bus",
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// How the readings of one measurement are taken. In a request, what is not given is the meter's usual; in a reading, what
/// was in use, as far as it was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sampling {
    /// Readings that count, at least 1; one where it is not given.
    pub samples: Option<u32>,
    /// Readings taken before them that do not count.
    pub discard: Option<u32>,
    /// From the trigger to each reading: by the meter where it has a trigger delay, else waited for here.
    pub delay: Option<Duration>,
    /// What lets the meter begin.
    pub trigger: Option<Trigger>,
    /// Integration time in seconds, in place of power-line cycles.
    pub aperture: Option<Decimal>,
    /// The smallest step wanted, in the function's unit, in place of an integration time: the meter chooses that.
    pub resolution: Option<Quantity>,
    /// Mean, smallest and largest are computed by the meter, and the single readings are not transferred.
    pub statistics: bool,
}

/// Most readings of one measurement, those that do not count included: a record keeps each.
pub const MOST_SAMPLES: u32 = 10_000;

impl Sampling {
    /// One reading, as the meter takes it.
    pub const ONE: Self = Self {
        samples: None,
        discard: None,
        delay: None,
        trigger: None,
        aperture: None,
        resolution: None,
        statistics: false,
    };

    /// Readings to take in all.
    #[must_use]
    pub const fn count(&self) -> u32 {
        let samples = match self.samples {
            Some(samples) => samples,
            None => 1,
        };
        let discard = match self.discard {
            Some(discard) => discard,
            None => 0,
        };
        samples.saturating_add(discard)
    }
}

/// The integration times in seconds that a function takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApertureCapability {
    /// These only, from short to long.
    Steps(Vec<Decimal>),
    /// All from the first to the second.
    Between(Decimal, Decimal),
}

impl ApertureCapability {
    /// The longest.
    #[must_use]
    pub fn longest(&self) -> Option<Decimal> {
        match self {
            Self::Steps(steps) => steps.last().copied(),
            Self::Between(_, longest) => Some(*longest),
        }
    }

    /// The shortest.
    #[must_use]
    pub fn shortest(&self) -> Option<Decimal> {
        match self {
            Self::Steps(steps) => steps.first().copied(),
            Self::Between(shortest, _) => Some(*shortest),
        }
    }

    fn has(&self, aperture: Decimal) -> bool {
        match self {
            Self::Steps(steps) => steps.contains(&aperture),
            Self::Between(shortest, longest) => (*shortest..=*longest).contains(&aperture),
        }
    }
}

impl fmt::Display for ApertureCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps(steps) => {
                let steps: Vec<String> = steps.iter().map(|step| format!("{step} s")).collect();
                write!(f, "one of {}", steps.join(", "))
            }
            Self::Between(shortest, longest) => write!(f, "within {shortest} s to {longest} s"),
        }
    }
}

/// The resolutions that a function takes, as parts of the range's full scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResolutionCapability {
    /// Smallest.
    pub finest: Decimal,
    /// Largest.
    pub coarsest: Decimal,
}

/// How a function's readings may be taken. Several samples, samples that do not count and a delay always go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SamplingCapability {
    /// Integration times in seconds.
    pub aperture: Option<ApertureCapability>,
    /// Resolutions.
    pub resolution: Option<ResolutionCapability>,
    /// What can let it begin, beside at once.
    pub triggers: Vec<Trigger>,
    /// It computes mean, smallest and largest itself.
    pub statistics: bool,
}

/// Why a way of taking readings is refused: the key that asks for it, and what is wrong with that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SamplingRefusal {
    /// The key: `aperture`.
    pub key: &'static str,
    /// What is wrong, without the key's owner.
    pub reason: String,
}

impl SamplingCapability {
    /// What of `wanted` cannot be had, with this integration time in cycles and this range, `None` where the meter chooses it.
    #[must_use]
    pub fn lacks(&self, wanted: &Sampling, nplc: Option<Decimal>, range: Option<Range>) -> Option<SamplingRefusal> {
        let refuse = |key: &'static str, reason: String| Some(SamplingRefusal { key, reason });
        let none = |key: &'static str| refuse(key, format!("it has no `{key}` to choose"));
        if wanted.samples == Some(0) {
            return refuse("samples", "a measurement takes at least one reading".to_owned());
        }
        if wanted.count() > MOST_SAMPLES {
            return refuse("samples", format!("at most {MOST_SAMPLES} readings make a measurement"));
        }
        if let Some(aperture) = wanted.aperture {
            let Some(capability) = &self.aperture else {
                return none("aperture");
            };
            if nplc.is_some() || wanted.resolution.is_some() {
                return refuse(
                    "aperture",
                    "it is written instead of `nplc` and `resolution`".to_owned(),
                );
            }
            if !capability.has(aperture) {
                return refuse("aperture", format!("{aperture} s is not {capability}"));
            }
        }
        if let Some(resolution) = wanted.resolution {
            let Some(capability) = self.resolution else {
                return none("resolution");
            };
            if nplc.is_some() {
                return refuse("resolution", "it is written instead of `nplc`".to_owned());
            }
            let Some(range) = range else {
                return refuse(
                    "resolution",
                    "it needs a `range` that is not chosen by the meter".to_owned(),
                );
            };
            let bound = |part: Decimal| {
                let value = range.full_scale.value.checked_mul(part)?;
                Some(Quantity::new(value, range.full_scale.unit))
            };
            let (Some(finest), Some(coarsest)) = (bound(capability.finest), bound(capability.coarsest)) else {
                return refuse("resolution", "it has too many digits".to_owned());
            };
            let is_within = resolution.compare(finest).is_some_and(std::cmp::Ordering::is_ge)
                && resolution.compare(coarsest).is_some_and(std::cmp::Ordering::is_le);
            if !is_within {
                let reason = format!(
                    "{resolution} is not within {finest} to {coarsest} of the {} range",
                    range.full_scale
                );
                return refuse("resolution", reason);
            }
        }
        if let Some(trigger) = wanted.trigger
            && trigger != Trigger::Immediate
            && !self.triggers.contains(&trigger)
        {
            return refuse("trigger", format!("it has no `{trigger}` trigger"));
        }
        if wanted.statistics {
            if !self.statistics {
                return none("statistics");
            }
            if wanted.samples.is_none_or(|samples| samples < 2) {
                return refuse("statistics", "it needs at least two `samples`".to_owned());
            }
            if wanted.discard.is_some_and(|discard| discard > 0) {
                return refuse("statistics", "the meter counts every reading: no `discard`".to_owned());
            }
            if wanted.trigger.is_some_and(|trigger| trigger != Trigger::Immediate) {
                return refuse("statistics", "only with an immediate `trigger`".to_owned());
            }
        }
        None
    }
}

/// Who took the readings of a measurement that has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SampledBy {
    /// The meter, on one command.
    Instrument,
    /// One command each.
    Repeated,
    /// The meter, which also computed what is known of them.
    Statistics,
}

impl SampledBy {
    /// The word used in files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Instrument => "instrument",
            Self::Repeated => "repeated",
            Self::Statistics => "statistics",
        }
    }
}

/// The readings of one measurement, in the function's base unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Samples {
    /// Those that count, in order; empty where the meter computed the rest itself.
    pub values: Vec<Decimal>,
    /// How many count.
    pub n: u32,
    /// Their mean.
    pub mean: Decimal,
    /// Their standard deviation (n - 1); unknown where the meter does not say.
    pub s: Option<Decimal>,
    /// The smallest.
    pub min: Decimal,
    /// The largest.
    pub max: Decimal,
    /// Who took them.
    pub by: SampledBy,
}

impl Samples {
    /// What is known of these; nothing for fewer than two.
    #[must_use]
    pub fn of(values: Vec<Decimal>, by: SampledBy) -> Option<Self> {
        let n = u32::try_from(values.len()).ok().filter(|n| *n >= 2)?;
        let mean = Decimal::mean(&values)?;
        let (min, max) = (values.iter().copied().min()?, values.iter().copied().max()?);
        let squares: f64 = values
            .iter()
            .filter_map(|value| value.checked_sub(mean))
            .map(|difference| difference.to_f64().powi(2))
            .sum();
        let s = Decimal::from_f64((squares / f64::from(n - 1)).sqrt());
        Some(Self {
            values,
            n,
            mean,
            s,
            min,
            max,
            by,
        })
    }

    /// The same, from one unit in another of its kind; nothing where a digit would be lost.
    #[must_use]
    pub fn in_unit(&self, from: Unit, to: Unit) -> Option<Self> {
        let one = |value: Decimal| Quantity::new(value, from).in_unit(to).ok();
        Some(Self {
            values: self.values.iter().copied().map(one).collect::<Option<_>>()?,
            n: self.n,
            mean: one(self.mean)?,
            s: match self.s {
                Some(s) => Some(one(s)?),
                None => None,
            },
            min: one(self.min)?,
            max: one(self.max)?,
            by: self.by,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn several_readings_have_a_mean_and_a_spread() {
        let values = ["1.0", "2.0", "4.0"].map(number).to_vec();
        let samples = Samples::of(values, SampledBy::Repeated).unwrap();
        assert_eq!(samples.mean.to_string(), "2.333333");
        assert_eq!((samples.min, samples.max, samples.n), (number("1"), number("4"), 3));
        let s = samples.s.unwrap().to_f64();
        assert!((s - 1.527_525_231_652).abs() < 1e-9, "{s}");
        assert_eq!(Samples::of(vec![number("1")], SampledBy::Repeated), None);
    }

    fn check(wanted: Sampling, nplc: Option<&str>, expected: &str) {
        let capability = SamplingCapability {
            aperture: Some(ApertureCapability::Steps(["0.01", "0.1"].map(number).to_vec())),
            resolution: Some(ResolutionCapability {
                finest: number("1e-6"),
                coarsest: number("1e-4"),
            }),
            triggers: vec![Trigger::Bus],
            statistics: true,
        };
        let range = Range {
            full_scale: "10 V".parse().unwrap(),
            maximum: "12 V".parse().unwrap(),
            resolution: None,
        };
        let refusal = capability.lacks(&wanted, nplc.map(number), Some(range));
        let shown = refusal.map_or("fine".to_owned(), |refusal| {
            format!("{}: {}", refusal.key, refusal.reason)
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_a_meter_cannot_do_is_refused_by_its_key() {
        let one = Sampling::ONE;
        let samples = Sampling {
            samples: Some(9),
            ..one
        };
        check(samples, None, "fine");
        check(
            Sampling {
                samples: Some(0),
                ..one
            },
            None,
            "samples: a measurement takes at least one reading",
        );
        let (aperture, resolution) = (Some(number("0.1")), Some("10 uV".parse().unwrap()));
        check(Sampling { aperture, ..one }, None, "fine");
        check(
            Sampling { aperture, ..one },
            Some("1"),
            "aperture: it is written instead of `nplc` and `resolution`",
        );
        check(
            Sampling {
                aperture: Some(number("0.2")),
                ..one
            },
            None,
            "aperture: 0.2 s is not one of 0.01 s, 0.1 s",
        );
        check(Sampling { resolution, ..one }, None, "fine");
        check(
            Sampling {
                resolution: Some("1 uV".parse().unwrap()),
                ..one
            },
            None,
            "resolution: 1 uV is not within 0.00001 V to 0.001 V of the 10 V range",
        );
        let external = Some(Trigger::External);
        check(
            Sampling {
                trigger: external,
                ..one
            },
            None,
            "trigger: it has no `external` trigger",
        );
        let statistics = Sampling {
            statistics: true,
            ..samples
        };
        check(statistics, None, "fine");
        check(
            Sampling {
                discard: Some(1),
                ..statistics
            },
            None,
            "statistics: the meter counts every reading: no `discard`",
        );
    }
}
