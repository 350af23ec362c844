//! What a bench says of how well its instruments measure, and what follows for one reading.

use crate::model::{LogicalName, ReadingSource};
use benchtop_instrument::{
    Capabilities, Contribution, ContributionSize, Decimal, Function, FunctionCapability, MeterState, NaiveDate,
    Quantity, Range, RangeRequest, Uncertainty, Unknown, Used, evaluate, specification,
};
use std::{cmp::Ordering, collections::BTreeMap, time::Duration};

/// Everything that the uncertainty of a bench's readings depends on, beside the readings.
#[derive(Clone, Debug, Default)]
pub struct Metrology {
    /// The ambient temperature.
    pub ambient: Ambient,
    /// The instruments.
    pub instruments: BTreeMap<LogicalName, Meter>,
    /// What the station adds: leads, dividers, shunts.
    pub contributions: Vec<ContributionRule>,
}

/// Where the ambient temperature is known from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ambient {
    /// Nobody says.
    #[default]
    Unknown,
    /// The station says it, degrees Celsius.
    Stated(Decimal),
    /// An instrument of the bench measures it when a run begins.
    Measured {
        /// Which instrument.
        instrument: LogicalName,
        /// On which channel.
        channel: u32,
    },
}

/// One instrument: what it can do, and when it was calibrated.
#[derive(Clone, Debug)]
pub struct Meter {
    /// What it can do, with its specification.
    pub capabilities: Capabilities,
    /// The day of its last calibration.
    pub calibrated_on: Option<NaiveDate>,
    /// The day by which the next one is due.
    pub calibration_due: Option<NaiveDate>,
    /// How long it has been on at least when a run begins.
    pub warm_up: Option<Duration>,
}

/// A contribution and the measurements that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContributionRule {
    /// What is added.
    pub contribution: Contribution,
    /// Only to what this instrument measures.
    pub instrument: Option<LogicalName>,
    /// Only to this function.
    pub function: Option<Function>,
    /// Only to the measurement of this name.
    pub measurement: Option<String>,
}

impl ContributionRule {
    fn is_for(&self, measurement: &str, instrument: &LogicalName, function: Function) -> bool {
        let here = self.instrument.as_ref().is_none_or(|only| only == instrument);
        let so = self.function.is_none_or(|only| only == function);
        let this = self.measurement.as_deref().is_none_or(|only| only == measurement);
        let alike = match self.contribution.size {
            ContributionSize::Absolute(size) => size.unit.is_like(function.unit()),
            ContributionSize::PercentOfReading(_) => true,
        };
        here && so && this && alike
    }
}

/// When and where a reading is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// The day, UTC.
    pub today: NaiveDate,
    /// The ambient temperature, degrees Celsius, where an instrument measured it.
    pub ambient: Option<Decimal>,
}

impl Metrology {
    /// The ambient temperature as the station states it, degrees Celsius.
    #[must_use]
    pub const fn stated_ambient(&self) -> Option<Decimal> {
        match self.ambient {
            Ambient::Stated(celsius) => Some(celsius),
            Ambient::Unknown | Ambient::Measured { .. } => None,
        }
    }

    /// True where the definition of what `source` reads with holds a specification of it.
    #[must_use]
    pub fn is_specified(&self, source: &ReadingSource) -> bool {
        self.function(source)
            .is_some_and(|function| !function.accuracy.is_empty())
    }

    /// The uncertainty of what was read, in the function's own unit.
    ///
    /// # Errors
    /// [`Unknown`]: which input is missing.
    pub fn of_reading(
        &self,
        measurement: &str,
        source: &ReadingSource,
        used: &Used,
        moment: Moment,
    ) -> Result<Uncertainty, Unknown> {
        let meter = self
            .instruments
            .get(&source.instrument)
            .ok_or(Unknown::NoSpecification)?;
        let function = self.function(source).ok_or(Unknown::NoSpecification)?;
        let state = MeterState {
            calibrated_on: meter.calibrated_on,
            calibration_due: meter.calibration_due,
            today: moment.today,
            warm_up: meter.warm_up,
            ambient: moment.ambient.or_else(|| self.stated_ambient()),
        };
        let contributions = self.contributions_to(measurement, source);
        evaluate(&function.accuracy, used, &state, &contributions)
    }

    /// What the specification alone says of such a reading.
    ///
    /// # Errors
    /// [`Unknown`], of the settings only.
    pub fn of_specification(&self, source: &ReadingSource, used: &Used) -> Result<Uncertainty, Unknown> {
        let function = self.function(source).ok_or(Unknown::NoSpecification)?;
        specification(&function.accuracy, used)
    }

    /// What would be in use for a reading of `value` before it is taken; `None` where the instrument has not got it.
    #[must_use]
    pub fn expected(&self, source: &ReadingSource, value: Quantity) -> Option<Used> {
        let function = self.function(source)?;
        let request = &source.request;
        let chosen = match request.range {
            RangeRequest::Default | RangeRequest::Auto => Self::range_for(function, value),
            RangeRequest::AtLeast(_) | RangeRequest::Exactly(_) => function.choose(request.range).ok()?,
        };
        Some(Used {
            value: value.converted(request.function.unit()).ok()?,
            range: chosen.map(|range| range.full_scale),
            resolution: chosen.and_then(|range| range.resolution),
            nplc: request.nplc.or(function.nplc_default),
            autozero: request.choices.autozero,
            null: false,
            frequency: None,
            scatter: None,
        })
    }

    /// The smallest range that reads `value`.
    fn range_for(function: &FunctionCapability, value: Quantity) -> Option<Range> {
        let size = Quantity::new(value.value.abs(), value.unit);
        let reads = |range: &&Range| size.compare(range.maximum).is_some_and(Ordering::is_le);
        function.ranges.iter().find(reads).copied()
    }

    /// A temperature at which the specification holds, degrees Celsius: for what will be measured only later.
    #[must_use]
    pub fn usual_temperature(&self, source: &ReadingSource) -> Option<Decimal> {
        let rows = self.function(source)?.accuracy.iter();
        rows.max_by_key(|row| row.interval).map(|row| row.temperature.high)
    }

    /// The smallest step on a range of the function that `source` reads.
    #[must_use]
    pub fn resolution(&self, source: &ReadingSource, range: Option<Quantity>) -> Option<Quantity> {
        let range = range?;
        let ranges = &self.function(source)?.ranges;
        let same = |known: &&Range| known.full_scale.compare(range) == Some(Ordering::Equal);
        ranges.iter().find(same)?.resolution
    }

    fn function(&self, source: &ReadingSource) -> Option<&FunctionCapability> {
        let meter = self.instruments.get(&source.instrument)?;
        meter.capabilities.functions.get(&source.request.function)
    }

    fn contributions_to(&self, measurement: &str, source: &ReadingSource) -> Vec<Contribution> {
        let rules = self.contributions.iter();
        rules
            .filter(|rule| rule.is_for(measurement, &source.instrument, source.request.function))
            .map(|rule| rule.contribution.clone())
            .collect()
    }
}
