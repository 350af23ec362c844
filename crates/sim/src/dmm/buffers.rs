//! The named reading buffers of a DMM6500: `TRACe`, and what `READ?`, `FETCh?` and `MEASure?` do with them.
//!
//! Every reading goes to one buffer; `READ?` answers the last one only. Indexes count from 1. The two buffers that are
//! always there forget their oldest readings, those that were made stop when they are full.

use super::behaviour::Buffer as Command;
use super::definition::{DmmModel, Statistic};
use super::state::Dmm;
use crate::{
    answer::whole,
    calendar::Date,
    device::{Call, Outcome},
    parser::{Argument, Arguments, Bounds, Dimension},
    status::{
        BUFFER_FULL, DATA_CORRUPT_OR_STALE, DATA_OUT_OF_RANGE, ILLEGAL_PARAMETER_VALUE, SETTINGS_CONFLICT, ScpiError,
    },
};
use benchtop_instrument::Moment;
use std::collections::{BTreeMap, VecDeque};

/// The buffers that are always there; the first takes what is read without a name.
const ALWAYS: [&str; 2] = ["defbuffer1", "defbuffer2"];
/// The smallest buffer (Reference Manual, 13-188).
const SMALLEST: f64 = 10.0;
/// More than anybody makes: what is kept for clients is bounded.
const MOST_BUFFERS: usize = 10;

/// All buffers of a meter.
#[derive(Clone, Debug)]
pub(crate) struct Buffers {
    named: BTreeMap<String, Buffer>,
    /// The one that readings go to.
    active: String,
}

#[derive(Clone, Debug)]
struct Buffer {
    points: usize,
    /// It is full once; else the oldest readings make room.
    once: bool,
    entries: VecDeque<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    reading: f64,
    function: usize,
    at: Moment,
}

/// What is answered of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Reading,
    Relative,
    Unit,
    Date,
    Status,
    Seconds,
    Fraction,
}

const ELEMENTS: &[(&str, Element)] = &[
    ("READing", Element::Reading),
    ("RELative", Element::Relative),
    ("UNIT", Element::Unit),
    ("DATE", Element::Date),
    ("STATus", Element::Status),
    ("SEConds", Element::Seconds),
    ("FRACtional", Element::Fraction),
];

impl Buffers {
    pub(super) fn new(model: &DmmModel) -> Self {
        let always = ALWAYS.map(|name| {
            let buffer = Buffer {
                points: model.reading_memory,
                once: false,
                entries: VecDeque::new(),
            };
            (name.to_owned(), buffer)
        });
        Self {
            named: BTreeMap::from(always),
            active: ALWAYS.first().copied().unwrap_or_default().to_owned(),
        }
    }

    /// A reading was taken.
    pub(super) fn hear(&mut self, reading: f64, function: usize, at: Moment) -> Result<(), ScpiError> {
        let Some(buffer) = self.named.get_mut(&self.active) else {
            return Ok(());
        };
        if buffer.entries.len() >= buffer.points {
            if buffer.once {
                return Err(BUFFER_FULL);
            }
            buffer.entries.pop_front();
        }
        buffer.entries.push_back(Entry { reading, function, at });
        Ok(())
    }

    /// The buffer that the next argument names, or the first one.
    pub(super) fn name(&self, arguments: &mut Arguments<'_>) -> Result<String, ScpiError> {
        let Some(argument) = arguments.optional() else {
            return Ok(ALWAYS.first().copied().unwrap_or_default().to_owned());
        };
        self.known(argument.text()?)
    }

    fn known(&self, name: &str) -> Result<String, ScpiError> {
        let found = self.named.keys().find(|known| known.eq_ignore_ascii_case(name));
        found.cloned().ok_or(ILLEGAL_PARAMETER_VALUE)
    }

    /// Forgets what is in the buffer of this name.
    pub(super) fn clear(&mut self, name: &str) -> Result<(), ScpiError> {
        let name = self.known(name)?;
        if let Some(buffer) = self.named.get_mut(&name) {
            buffer.entries.clear();
        }
        Ok(())
    }

    /// Readings go to the buffer of this name.
    pub(super) fn select(&mut self, name: &str) -> Result<(), ScpiError> {
        self.active = self.known(name)?;
        Ok(())
    }
}

/// The elements that the rest of the arguments name; the reading alone if they name none.
fn elements(arguments: &mut Arguments<'_>) -> Result<Vec<Element>, ScpiError> {
    let mut elements = Vec::new();
    while let Some(argument) = arguments.optional() {
        elements.push(argument.choice(ELEMENTS)?);
    }
    if elements.is_empty() {
        elements.push(Element::Reading);
    }
    Ok(elements)
}

/// The buffer and the elements that `READ?` names, and readings go there from now on.
pub(super) fn selection(dmm: &mut Dmm, call: &mut Call<'_>) -> Result<Selection, ScpiError> {
    let name = dmm.buffers.name(&mut call.arguments)?;
    let elements = elements(&mut call.arguments)?;
    Ok(Selection { name, elements })
}

/// What of which buffer.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    pub(super) name: String,
    elements: Vec<Element>,
}

/// The last reading of a buffer.
pub(super) fn last(dmm: &Dmm, model: &DmmModel, selection: &Selection, call: &Call<'_>) -> Result<Outcome, ScpiError> {
    let buffer = dmm.buffers.named.get(&selection.name);
    let count = buffer.map_or(0, |buffer| buffer.entries.len());
    if count == 0 {
        return Err(DATA_CORRUPT_OR_STALE);
    }
    written(dmm, model, selection, count - 1, 1, call)
}

fn written(
    dmm: &Dmm,
    model: &DmmModel,
    selection: &Selection,
    skip: usize,
    take: usize,
    call: &Call<'_>,
) -> Result<Outcome, ScpiError> {
    let Some(buffer) = dmm.buffers.named.get(&selection.name) else {
        return Ok(Outcome::Answer(String::new()));
    };
    let chosen = buffer.entries.iter().skip(skip).take(take);
    let begun = buffer.entries.front().map(|entry| entry.at);
    let relative = |entry: &Entry| begun.map_or(0.0, |begun| entry.at.since(begun).as_secs_f64());
    let number = |entry: &Entry, element| match element {
        Element::Reading => Some(entry.reading),
        Element::Relative => Some(relative(entry)),
        Element::Unit | Element::Date | Element::Status | Element::Seconds | Element::Fraction => None,
    };
    if selection.elements == [Element::Reading] || dmm.format.is_binary() {
        // only numbers are written as such (Reference Manual, 13-183); which error it is otherwise is assumed
        let numbers = chosen.flat_map(|entry| selection.elements.iter().map(move |element| number(entry, *element)));
        let numbers: Vec<f64> = numbers.collect::<Option<_>>().ok_or(SETTINGS_CONFLICT)?;
        return Ok(dmm
            .format
            .write(numbers.into_iter(), None, model.overrange, call.numbers));
    }
    let mut texts = Vec::new();
    for entry in chosen {
        for element in &selection.elements {
            texts.push(match element {
                Element::Reading => call.numbers.reading(entry.reading),
                Element::Relative => call.numbers.reading(relative(entry)),
                Element::Unit => {
                    let function = model.functions.get(entry.function);
                    function.map_or_else(String::new, |function| function.unit.clone())
                }
                Element::Date => Date::of(entry.at).american(),
                Element::Status => call.numbers.integer(0),
                Element::Seconds => {
                    let seconds = Date::of(entry.at).unix();
                    call.numbers.integer(i64::try_from(seconds).unwrap_or(i64::MAX))
                }
                Element::Fraction => {
                    let since = entry.at.since_start();
                    call.numbers.reading(f64::from(since.subsec_nanos()) * 1e-9)
                }
            });
        }
    }
    Ok(Outcome::Answer(texts.join(",")))
}

/// Carries out a command on a buffer.
pub(super) fn execute(
    dmm: &mut Dmm,
    model: &DmmModel,
    command: Command,
    call: &mut Call<'_>,
) -> Result<Outcome, ScpiError> {
    let integer = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    match command {
        Command::Data => {
            let [first, past] = [(); 2].map(|()| index(&mut call.arguments));
            let name = dmm.buffers.name(&mut call.arguments)?;
            let elements = elements(&mut call.arguments)?;
            let (first, last) = (first?, past?);
            let held = dmm.buffers.named.get(&name).map_or(0, |buffer| buffer.entries.len());
            if first > last || last > held {
                return Err(DATA_OUT_OF_RANGE);
            }
            let selection = Selection { name, elements };
            return written(dmm, model, &selection, first - 1, last + 1 - first, call);
        }
        Command::Make => {
            let name = call.arguments.required()?.text()?.to_owned();
            let points = points(&call.arguments.required()?, model)?;
            call.arguments.optional();
            call.arguments.end()?;
            if dmm.buffers.known(&name).is_ok() || dmm.buffers.named.len() >= MOST_BUFFERS {
                return Err(ILLEGAL_PARAMETER_VALUE);
            }
            let buffer = Buffer {
                points,
                once: true,
                entries: VecDeque::new(),
            };
            dmm.buffers.named.insert(name, buffer);
            return Ok(Outcome::Done);
        }
        Command::Points if !call.query => {
            let points = points(&call.arguments.required()?, model)?;
            let name = dmm.buffers.name(&mut call.arguments)?;
            call.arguments.end()?;
            if let Some(buffer) = dmm.buffers.named.get_mut(&name) {
                buffer.points = points;
                buffer.entries.clear();
            }
            return Ok(Outcome::Done);
        }
        Command::Fill if !call.query => {
            let argument = call.arguments.required()?;
            let once = argument.choice(&[("CONTinuous", false), ("ONCE", true)])?;
            let name = dmm.buffers.name(&mut call.arguments)?;
            call.arguments.end()?;
            if let Some(buffer) = dmm.buffers.named.get_mut(&name) {
                buffer.once = once;
            }
            return Ok(Outcome::Done);
        }
        Command::Clear
        | Command::Delete
        | Command::Points
        | Command::Fill
        | Command::Count
        | Command::Start
        | Command::End
        | Command::Statistic(_) => {}
    }
    let name = dmm.buffers.name(&mut call.arguments)?;
    call.arguments.end()?;
    let Some(buffer) = dmm.buffers.named.get_mut(&name) else {
        return Err(ILLEGAL_PARAMETER_VALUE);
    };
    let held = buffer.entries.len();
    let answer = match command {
        Command::Clear => {
            buffer.entries.clear();
            return Ok(Outcome::Done);
        }
        Command::Delete => {
            if ALWAYS.contains(&name.as_str()) {
                return Err(ILLEGAL_PARAMETER_VALUE);
            }
            dmm.buffers.named.remove(&name);
            if dmm.buffers.active == name {
                dmm.buffers.active = ALWAYS.first().copied().unwrap_or_default().to_owned();
            }
            return Ok(Outcome::Done);
        }
        Command::Points => call.numbers.integer(integer(buffer.points)),
        Command::Fill => if buffer.once { "ONCE" } else { "CONT" }.to_owned(),
        Command::Count | Command::End => call.numbers.integer(integer(held)),
        Command::Start => call.numbers.integer(integer(held.min(1))),
        Command::Statistic(statistic) => {
            let readings = buffer.entries.iter().map(|entry| entry.reading);
            call.numbers.reading(computed(readings, statistic))
        }
        Command::Data | Command::Make => return Ok(Outcome::Done),
    };
    Ok(Outcome::Answer(answer))
}

fn computed(readings: impl Iterator<Item = f64> + Clone, statistic: Statistic) -> f64 {
    let count = f64::from(u32::try_from(readings.clone().count()).unwrap_or(u32::MAX));
    if count < 1.0 {
        return 0.0;
    }
    let mean = readings.clone().sum::<f64>() / count;
    let least = readings.clone().fold(f64::INFINITY, f64::min);
    let most = readings.clone().fold(f64::NEG_INFINITY, f64::max);
    match statistic {
        Statistic::Minimum => least,
        Statistic::Maximum => most,
        Statistic::Average => mean,
        Statistic::Count => count,
        Statistic::Span => most - least,
        Statistic::Deviation => {
            let squares: f64 = readings.map(|reading| (reading - mean).powi(2)).sum();
            (squares / (count - 1.0).max(1.0)).sqrt()
        }
    }
}

/// The place of a reading, from 1.
fn index(arguments: &mut Arguments<'_>) -> Result<usize, ScpiError> {
    let place = whole(arguments.required()?.number(Dimension::None)?);
    let place = place.and_then(|place| usize::try_from(place).ok());
    place.filter(|place| *place > 0).ok_or(DATA_OUT_OF_RANGE)
}

fn points(argument: &Argument<'_>, model: &DmmModel) -> Result<usize, ScpiError> {
    let most = u32::try_from(model.reading_memory).map_or(SMALLEST, f64::from);
    let bounds = Bounds {
        minimum: SMALLEST,
        maximum: most,
        default: most,
    };
    let points = whole(argument.bounded(Dimension::None, &bounds)?);
    points
        .and_then(|points| usize::try_from(points).ok())
        .ok_or(DATA_OUT_OF_RANGE)
}
