//! How readings are written: as text or as a block of binary numbers, with what elements.

use super::behaviour::Format as Command;
use super::definition::{DmmModel, FunctionModel};
use super::state::Dmm;
use crate::{
    answer::{Numbers, whole},
    device::{Call, Outcome},
    parser::{Bounds, Dimension, is_form_of, short_form},
    status::{ILLEGAL_PARAMETER_VALUE, ScpiError},
};

/// How a reading is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    Text,
    /// Four bytes.
    Single,
    /// Eight bytes.
    Double,
}

/// What is written of each reading, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    Reading,
    Units,
    Channel,
}

/// As `FORMat:ELEMents` names them.
const ELEMENTS: &[(&str, Element)] = &[
    ("READing", Element::Reading),
    ("UNITs", Element::Units),
    ("CHANnel", Element::Channel),
];

/// The words of `formats` in a `sim.toml`; each model has some of them.
pub(super) const FORMATS: &[(&str, Data)] = &[
    ("ASCii", Data::Text),
    ("SREal", Data::Single),
    ("REAL", Data::Double),
    ("DREal", Data::Double),
];

/// The format in force.
#[derive(Clone, Debug)]
pub(crate) struct Format {
    data: Data,
    elements: Vec<Element>,
    /// The least significant byte first.
    swapped: bool,
    /// Digits of a number in text; zero is as many as there are.
    precision: usize,
}

impl Default for Format {
    fn default() -> Self {
        Self {
            data: Data::Text,
            elements: vec![Element::Reading],
            swapped: true,
            precision: 0,
        }
    }
}

impl Format {
    /// Whether readings are written as blocks.
    pub(super) fn is_binary(&self) -> bool {
        self.data != Data::Text
    }

    /// Readings of a function, as one response data element.
    pub(super) fn write(
        &self,
        readings: impl Iterator<Item = f64>,
        function: Option<&FunctionModel>,
        overrange: f64,
        numbers: Numbers,
    ) -> Outcome {
        let numbers = Numbers {
            decimals: self.precision.checked_sub(1).unwrap_or(numbers.decimals),
            ..numbers
        };
        if self.data == Data::Text {
            let texts: Vec<String> = readings
                .map(|reading| self.text(reading, function, overrange, numbers))
                .collect();
            return Outcome::Answer(texts.join(","));
        }
        // an indefinite block: it ends with its message
        let mut block = b"#0".to_vec();
        for reading in readings {
            let single: f32 = format!("{reading:e}").parse().unwrap_or(f32::NAN);
            match (self.data, self.swapped) {
                (Data::Single, true) => block.extend(single.to_le_bytes()),
                (Data::Single, false) => block.extend(single.to_be_bytes()),
                (Data::Double | Data::Text, true) => block.extend(reading.to_le_bytes()),
                (Data::Double | Data::Text, false) => block.extend(reading.to_be_bytes()),
            }
        }
        Outcome::Bytes(block)
    }

    /// The unit stands right behind its number; an overflow has none.
    fn text(&self, reading: f64, function: Option<&FunctionModel>, overrange: f64, numbers: Numbers) -> String {
        let has = |element| self.elements.contains(&element);
        let mut text = String::new();
        if has(Element::Reading) {
            text.push_str(&numbers.reading(reading));
        }
        if has(Element::Units) && reading.abs() < overrange {
            text.push_str(function.map_or("", |function| function.unit.as_str()));
        }
        if has(Element::Channel) {
            let separator = if text.is_empty() { "" } else { "," };
            text.push_str(separator);
            text.push_str(&numbers.integer(0));
        }
        text
    }
}

/// Digits of a number (DMM6500 Reference Manual, 13-44).
const PRECISIONS: Bounds = Bounds {
    minimum: 0.0,
    maximum: 16.0,
    default: 0.0,
};

/// Changes or answers the format.
pub(super) fn execute(
    dmm: &mut Dmm,
    model: &DmmModel,
    command: Command,
    call: &mut Call<'_>,
) -> Result<Outcome, ScpiError> {
    let format = &mut dmm.format;
    if call.query {
        call.arguments.end()?;
        return Ok(Outcome::Answer(match command {
            Command::Data => {
                let name = model.formats.iter().find(|(_, data)| *data == format.data);
                name.map_or_else(String::new, |(name, _)| short_form(name))
            }
            Command::Elements => {
                let names = ELEMENTS.iter().filter(|(_, element)| format.elements.contains(element));
                names.map(|(name, _)| short_form(name)).collect::<Vec<_>>().join(",")
            }
            Command::Precision => call
                .numbers
                .integer(i64::try_from(format.precision).unwrap_or_default()),
            Command::Border => if format.swapped { "SWAP" } else { "NORM" }.to_owned(),
        }));
    }
    let argument = call.arguments.required()?;
    match command {
        Command::Data => {
            // a number of digits may follow, and changes nothing
            call.arguments.optional();
            call.arguments.end()?;
            let word = argument.word()?;
            let found = model.formats.iter().find(|(name, _)| is_form_of(name, word));
            format.data = found.map(|(_, data)| *data).ok_or(ILLEGAL_PARAMETER_VALUE)?;
        }
        Command::Elements => {
            let mut elements = vec![argument.choice(ELEMENTS)?];
            while let Some(argument) = call.arguments.optional() {
                elements.push(argument.choice(ELEMENTS)?);
            }
            format.elements = elements;
        }
        Command::Precision => {
            call.arguments.end()?;
            let digits = whole(argument.bounded(Dimension::None, &PRECISIONS)?);
            let digits = digits.and_then(|digits| usize::try_from(digits).ok());
            format.precision = digits.ok_or(ILLEGAL_PARAMETER_VALUE)?;
        }
        Command::Border => {
            call.arguments.end()?;
            format.swapped = argument.choice(&[("NORMal", false), ("SWAPped", true)])?;
        }
    }
    Ok(Outcome::Done)
}
