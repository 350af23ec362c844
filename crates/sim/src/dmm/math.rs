//! What is computed from readings: null, dB, dBm, minimum and maximum, limits.
//!
//! One operation at a time, for the function that was selected when it was switched on; another function ends it.

use super::behaviour::Math as Command;
use super::definition::{DmmModel, Statistic};
use super::state::Dmm;
use crate::{
    answer::whole,
    device::{Call, Outcome},
    parser::{Bounds, Dimension, short_form},
    status::{OVERLOAD_AS_REFERENCE, SETTINGS_CONFLICT, ScpiError, UNDEFINED_HEADER},
};

/// The power that dBm count from, in watts.
const MILLIWATT: f64 = 1e-3;
/// As far as a dB reference goes (34401A User's Guide, p.125).
const LARGEST_DB_REFERENCE: f64 = 200.0;

/// What may be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Null,
    Db,
    Dbm,
    Average,
    Limit,
}

/// As `CALCulate:FUNCtion` names them.
pub(super) const OPERATIONS: &[(&str, Operation)] = &[
    ("NULL", Operation::Null),
    ("DB", Operation::Db),
    ("DBM", Operation::Dbm),
    ("AVERage", Operation::Average),
    ("LIMit", Operation::Limit),
];

/// Questionable status: a reading below the lower limit, and one above the upper.
const BELOW: u16 = 1 << 11;
const ABOVE: u16 = 1 << 12;

/// The registers of the computation.
#[derive(Clone, Debug)]
pub(crate) struct Math {
    on: bool,
    operation: Operation,
    /// Nothing until it was written or the first reading became it.
    null: Option<f64>,
    db: Option<f64>,
    /// In ohms.
    dbm: f64,
    lower: f64,
    upper: f64,
    statistics: Statistics,
}

#[derive(Clone, Copy, Debug, Default)]
struct Statistics {
    count: u32,
    sum: f64,
    minimum: f64,
    maximum: f64,
}

impl Math {
    pub(super) const fn new(model: &DmmModel) -> Self {
        Self {
            on: false,
            operation: Operation::Null,
            null: None,
            db: None,
            dbm: model.dbm_reference,
            lower: 0.0,
            upper: 0.0,
            statistics: Statistics {
                count: 0,
                sum: 0.0,
                minimum: 0.0,
                maximum: 0.0,
            },
        }
    }

    /// True while readings go into minimum, maximum and average.
    pub(super) fn averages(&self) -> bool {
        self.on && self.operation == Operation::Average
    }

    /// As after `*RST`, which leaves the reference of dBm alone.
    pub(super) const fn reset(&mut self, model: &DmmModel) {
        let dbm = self.dbm;
        *self = Self::new(model);
        self.dbm = dbm;
    }

    /// Another function: off, without null value and limits.
    pub(super) const fn leave(&mut self) {
        self.on = false;
        self.null = None;
        self.lower = 0.0;
        self.upper = 0.0;
    }

    /// What becomes of a reading; the questionable bits that it sets.
    ///
    /// An overload stays one, and cannot become the null value.
    pub(super) fn apply(&mut self, reading: f64, overrange: f64) -> Result<(f64, u16), ScpiError> {
        if !self.on {
            return Ok((reading, 0));
        }
        let overload = reading.abs() >= overrange;
        let of_unit = |reading: f64| (reading * reading / self.dbm / MILLIWATT).log10() * 10.0;
        Ok(match self.operation {
            Operation::Null | Operation::Db if overload => {
                let reference = match self.operation {
                    Operation::Null => self.null,
                    Operation::Db | Operation::Dbm | Operation::Average | Operation::Limit => self.db,
                };
                if reference.is_none() {
                    self.on = false;
                    return Err(OVERLOAD_AS_REFERENCE);
                }
                (reading, 0)
            }
            Operation::Null => (reading - *self.null.get_or_insert(reading), 0),
            Operation::Db => {
                let level = of_unit(reading).max(-overrange);
                (level - *self.db.get_or_insert(level), 0)
            }
            Operation::Dbm if overload => (reading, 0),
            Operation::Dbm => (of_unit(reading).max(-overrange), 0),
            Operation::Average => {
                self.statistics.take(reading);
                (reading, 0)
            }
            Operation::Limit if reading < self.lower => (reading, BELOW),
            Operation::Limit if reading > self.upper => (reading, ABOVE),
            Operation::Limit => (reading, 0),
        })
    }
}

impl Statistics {
    fn take(&mut self, reading: f64) {
        let first = self.count == 0;
        self.minimum = if first { reading } else { self.minimum.min(reading) };
        self.maximum = if first { reading } else { self.maximum.max(reading) };
        self.sum += reading;
        self.count = self.count.saturating_add(1);
    }

    fn of(&self, statistic: Statistic) -> f64 {
        match statistic {
            Statistic::Minimum => self.minimum,
            Statistic::Maximum => self.maximum,
            Statistic::Average => self.sum / f64::from(self.count.max(1)),
            Statistic::Count => f64::from(self.count),
            Statistic::Span => self.maximum - self.minimum,
            // no command of these registers asks for it
            Statistic::Deviation => 0.0,
        }
    }
}

/// Changes or answers a register.
pub(super) fn execute(
    dmm: &mut Dmm,
    model: &DmmModel,
    command: Command,
    call: &mut Call<'_>,
) -> Result<Outcome, ScpiError> {
    let (_, function) = dmm.selected(model).ok_or(UNDEFINED_HEADER)?;
    let largest = 1.2 * function.ranges.last().map_or(1.0, |range| range.full_scale);
    let bounds = Bounds {
        minimum: -largest,
        maximum: largest,
        default: 0.0,
    };
    let db_bounds = Bounds {
        minimum: -LARGEST_DB_REFERENCE,
        maximum: LARGEST_DB_REFERENCE,
        default: 0.0,
    };
    let dbm_bounds = Bounds {
        minimum: 50.0,
        maximum: 8000.0,
        default: model.dbm_reference,
    };
    let unit = function.senses.dimension();
    let math = &mut dmm.math;
    if call.query {
        return match command {
            Command::Statistic(statistic) => {
                call.arguments.end()?;
                let value = math.statistics.of(statistic);
                let count = whole(value).filter(|_| statistic == Statistic::Count);
                let count = count.and_then(|count| i64::try_from(count).ok());
                Ok(Outcome::Answer(count.map_or_else(
                    || call.numbers.reading(value),
                    |count| call.numbers.integer(count),
                )))
            }
            Command::Function => {
                call.arguments.end()?;
                let name = OPERATIONS.iter().find(|(_, operation)| *operation == math.operation);
                Ok(Outcome::Answer(
                    name.map_or_else(String::new, |(name, _)| short_form(name)),
                ))
            }
            Command::State => {
                call.arguments.end()?;
                Ok(Outcome::Answer(call.numbers.flag(math.on)))
            }
            Command::Null => super::settings::number(call, &bounds, math.null.unwrap_or_default()),
            Command::Db => super::settings::number(call, &db_bounds, math.db.unwrap_or_default()),
            Command::Dbm => super::settings::number(call, &dbm_bounds, math.dbm),
            Command::Lower => super::settings::number(call, &bounds, math.lower),
            Command::Upper => super::settings::number(call, &bounds, math.upper),
        };
    }
    let argument = call.arguments.required()?;
    call.arguments.end()?;
    match command {
        Command::Function => math.operation = argument.choice(OPERATIONS)?,
        Command::State => {
            let on = argument.boolean()?;
            if on && !function.math.contains(&math.operation) {
                math.on = false;
                return Err(SETTINGS_CONFLICT);
            }
            if on && !math.on {
                math.null = None;
                math.db = None;
                math.statistics = Statistics::default();
            }
            math.on = on;
        }
        Command::Null => math.null = Some(argument.bounded(unit, &bounds)?),
        Command::Db => math.db = Some(argument.bounded(Dimension::None, &db_bounds)?),
        Command::Dbm => math.dbm = argument.bounded(Dimension::Ohms, &dbm_bounds)?,
        Command::Lower => math.lower = argument.bounded(unit, &bounds)?,
        Command::Upper => math.upper = argument.bounded(unit, &bounds)?,
        Command::Statistic(_) => return Err(UNDEFINED_HEADER),
    }
    Ok(Outcome::Done)
}
