//! What a station says of how well its instruments measure: ambient temperature, calibrations, warm-up, contributions.
//!
//! A station file and a simulated bench say it with the same keys; a bench says how many days ago its instruments were
//! calibrated instead of when, so that it does not grow old.

use crate::{
    file::{StationFile, StationInstrument},
    keys::{AMBIENT, BENCH_STATION, CONTRIBUTION},
};
use benchtop_instrument::{
    BaseUnit, Contribution, ContributionSize, Days, Decimal, Distribution, Function, NaiveDate, Quantity, Unit,
    duration_from_parts,
};
use benchtop_notation::{Diagnostic, Diagnostics, Document, Kind, Spanned, Table, one_of};
use benchtop_procedure::{Ambient, ContributionRule, LogicalName};
use std::{collections::BTreeMap, time::Duration};

/// What a station says of its instruments, as written.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// The ambient temperature.
    pub ambient: Ambient,
    /// By logical name.
    pub instruments: BTreeMap<LogicalName, Calibration>,
    /// What it adds.
    pub contributions: Vec<ContributionRule>,
}

/// When an instrument was calibrated, and how long it has been on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calibration {
    /// The day of its last calibration.
    pub calibrated_on: Option<NaiveDate>,
    /// The day by which the next one is due.
    pub calibration_due: Option<NaiveDate>,
    /// How long it has been on at least when a run begins.
    pub warm_up: Option<Duration>,
}

impl Said {
    /// What a station file says.
    #[must_use]
    pub fn of_file(file: &StationFile) -> Self {
        let one = |(name, instrument): (&LogicalName, &StationInstrument)| (name.clone(), instrument.calibration);
        Self {
            ambient: file.ambient.clone(),
            instruments: file.instruments.iter().map(one).collect(),
            contributions: file.contributions.clone(),
        }
    }
}

/// Reads what a simulated bench says. What is wrong with the rest of it is for the simulator to say.
///
/// # Errors
/// Every mistake in these keys, with its place.
pub fn of_bench(file: &str, text: &str, today: NaiveDate) -> Result<Said, Diagnostics> {
    let document = Document::parse(file, text)?;
    let mut sink = Diagnostics::new();
    let root = document.root_of_any_keys();
    let mut names = Vec::new();
    let mut instruments = BTreeMap::new();
    if let Some(table) = root.map(&mut sink, "instruments") {
        for (name, value) in table.entries() {
            let Some(row) = value.map(&mut sink) else { continue };
            let days = row.integer(&mut sink, "calibrated_days_ago");
            let calibration = Calibration {
                calibrated_on: days.and_then(|days| ago(&mut sink, &days, today)),
                calibration_due: None,
                warm_up: warm_up(&row, &mut sink),
            };
            names.push(name.value.clone());
            instruments.insert(LogicalName(name.value), calibration);
        }
    }
    let station = root.table(&mut sink, "station", &BENCH_STATION.names());
    let said = Said {
        ambient: station
            .and_then(|station| ambient(&station, &mut sink, &names))
            .unwrap_or_default(),
        contributions: contributions(&root, &mut sink, &names),
        instruments,
    };
    if sink.has_errors() { Err(sink) } else { Ok(said) }
}

fn ago(sink: &mut Diagnostics, days: &Spanned<i64>, today: NaiveDate) -> Option<NaiveDate> {
    let date = u64::try_from(days.value)
        .ok()
        .and_then(|days| today.checked_sub_days(Days::new(days)));
    if date.is_none() {
        sink.error(&days.span, "expected a number of days, 0 or more");
    }
    date
}

/// `warm_up` of an instrument.
pub(crate) fn warm_up(table: &Table<'_>, sink: &mut Diagnostics) -> Option<Duration> {
    let written = table.magnitude(sink, "warm_up")?;
    let duration = duration_from_parts(&written.number, &written.unit);
    if duration.is_none() {
        sink.push(Diagnostic::error(&written.span, "not a duration").help("\"60 min\" or \"2 h\", for example"));
    }
    duration
}

/// A date without a time.
pub(crate) fn date(sink: &mut Diagnostics, written: &Spanned<String>) -> Option<NaiveDate> {
    let date = written.value.parse().ok();
    if date.is_none() {
        sink.push(Diagnostic::error(&written.span, "expected a date").help("for example 2026-11-22"));
    }
    date
}

/// `ambient`: a temperature, or who measures it.
pub(crate) fn ambient(station: &Table<'_>, sink: &mut Diagnostics, names: &[String]) -> Option<Ambient> {
    let value = station.value("ambient")?;
    if value.kind() != Kind::Table {
        let written = value.magnitude(sink)?;
        return match Quantity::from_parts(&written.number, &written.unit) {
            Ok(quantity) if quantity.unit == Unit::of(BaseUnit::Celsius) => Some(Ambient::Stated(quantity.value)),
            Ok(_) | Err(_) => {
                let help = "\"23 degC\", or { instrument = \"thermometer\", channel = 1 }";
                sink.push(Diagnostic::error(&written.span, "expected a temperature in degrees Celsius").help(help));
                None
            }
        };
    }
    let table = value.table(sink, &AMBIENT.names())?;
    let instrument = table.require_string(sink, "instrument");
    let channel = match table.integer(sink, "channel") {
        Some(number) => {
            let channel = u32::try_from(number.value).ok().filter(|channel| *channel > 0);
            if channel.is_none() {
                sink.error(&number.span, "channels count from 1");
            }
            channel
        }
        None => Some(1),
    };
    let instrument = instrument.and_then(|name| known(sink, names, &name))?;
    Some(Ambient::Measured {
        instrument,
        channel: channel?,
    })
}

fn known(sink: &mut Diagnostics, names: &[String], name: &Spanned<String>) -> Option<LogicalName> {
    if names.contains(&name.value) {
        return Some(LogicalName(name.value.clone()));
    }
    let message = format!("there is no [instruments.{}] in this file", name.value);
    let known = format!("it has {}", names.join(", "));
    sink.push(Diagnostic::error(&name.span, &message).help(&known));
    None
}

/// `[[contributions]]`.
pub(crate) fn contributions(root: &Table<'_>, sink: &mut Diagnostics, names: &[String]) -> Vec<ContributionRule> {
    let tables = root
        .tables(sink, "contributions", &CONTRIBUTION.names())
        .unwrap_or_default();
    tables
        .iter()
        .filter_map(|table| contribution(table, sink, names))
        .collect()
}

fn contribution(table: &Table<'_>, sink: &mut Diagnostics, names: &[String]) -> Option<ContributionRule> {
    let name = table.require_string(sink, "name");
    let size = size(table, sink);
    let distribution = table
        .require_string(sink, "distribution")
        .and_then(|word| one_of(sink, "distribution", &word, Distribution::ALL));
    let instrument = table.string(sink, "instrument");
    let instrument = match &instrument {
        Some(name) => Some(known(sink, names, name)?),
        None => None,
    };
    let function = match table.string(sink, "function") {
        Some(word) => Some(one_of(sink, "function", &word, Function::ALL)?),
        None => None,
    };
    let measurement = table.string(sink, "measurement").map(|name| name.value);
    if instrument.is_none() && function.is_none() && measurement.is_none() {
        let message = "it is not said what it is added to";
        let help = "name an `instrument`, a `function` or a `measurement`; several are all required";
        sink.push(Diagnostic::error(table.span(), message).help(help));
    }
    let (size, distribution) = (size?, distribution?);
    if let (ContributionSize::Absolute(size), Some(function)) = (size, function)
        && !size.unit.is_like(function.unit())
    {
        let span = table.key_span("value").unwrap_or(table.span());
        let message = format!("{size} cannot be added to {function}, which is in {}", function.unit());
        sink.error(span, &message);
    }
    Some(ContributionRule {
        contribution: Contribution {
            name: name?.value,
            size,
            distribution,
        },
        instrument,
        function,
        measurement,
    })
}

/// `value`: so much, or per cent of the reading.
fn size(table: &Table<'_>, sink: &mut Diagnostics) -> Option<ContributionSize> {
    let written = table.require_magnitude(sink, "value")?;
    let quantity = match Quantity::from_parts(&written.number, &written.unit) {
        Ok(quantity) => quantity,
        Err(error) => {
            sink.error(&written.span, &error.to_string());
            return None;
        }
    };
    if quantity.value <= Decimal::ZERO {
        sink.error(&written.span, "a contribution is above 0");
        return None;
    }
    if quantity.unit == Unit::of(BaseUnit::Percent) {
        return Some(ContributionSize::PercentOfReading(quantity.value));
    }
    Some(ContributionSize::Absolute(quantity))
}
