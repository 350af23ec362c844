//! One model, as its `driver.toml` says: the types.

use crate::{
    ErrorCheck, LineChanges, Template,
    choices::ChoiceDefinitions,
    response,
    sampling::{ApertureDefinition, ResolutionDefinition, SamplingDefinition, longest_aperture},
};
use benchtop_instrument::{
    Capabilities, Class, Decimal, Function, FunctionCapability, LineSettings, OutputCapability, Protection, Quantity,
    Range, Regulation, Sampling, UnitError,
};
use regex::Regex;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How sure the definition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Evidence {
    /// Tried on a real one by us.
    Hardware,
    /// What a driver does that others run on real ones.
    ThirdPartyDriver,
    /// What the manual says.
    Manual,
}

impl Evidence {
    /// Every kind with its word in files.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("hardware", Self::Hardware),
        ("third-party-driver", Self::ThirdPartyDriver),
        ("manual", Self::Manual),
    ];

    /// The word used in files.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, evidence)| *evidence == self)
            .map_or("", |(word, _)| word)
    }
}

/// Where a definition's facts come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What other entries call it.
    pub id: String,
    /// Title of the manual, or name of the driver and its file.
    pub title: String,
    /// Part number and edition, or the commit that was read.
    pub edition: String,
}

/// One model.
#[derive(Clone, Debug)]
pub struct Definition {
    /// `keysight/34461a`.
    pub name: String,
    /// What it is.
    pub class: Class,
    /// For people: `Keysight`.
    pub manufacturer: String,
    /// For people: `34461A`.
    pub model: String,
    /// What its whole `*IDN?` response matches.
    pub identity: Regex,
    /// How sure all this is.
    pub evidence: Evidence,
    /// Where it comes from.
    pub sources: Vec<Source>,
    /// The TCP port of its raw socket, where it has one.
    pub socket_port: Option<u16>,
    /// Its serial line, where it has one.
    pub serial: Option<SerialDefinition>,
    /// How long a plain query or setting may take.
    pub timeout: Duration,
    /// How long it needs after a message that it does not answer, before it takes the next one.
    pub pause: Duration,
    /// How it reports its own errors.
    pub error_check: ErrorCheck,
    /// Brings it into its power-on settings.
    pub reset: Vec<Template>,
    /// Ends what is still going on after a lost answer.
    pub abort: Vec<Template>,
    /// Returns it to its front panel.
    pub local: Vec<Template>,
    /// Ends when overlapped commands are done.
    pub operation_complete: Option<Template>,
    /// The self-test query, answered with 0 when it passes.
    pub self_test: Option<Template>,
    /// The overrange value, where it is not SCPI's 9.9E37.
    pub overrange: Option<Decimal>,
    /// How its inputs are connected, where it has a scanner.
    pub inputs: Option<InputsDefinition>,
    /// How it takes several readings, when and how.
    pub sampling: SamplingDefinition,
    /// What it measures.
    pub functions: BTreeMap<Function, FunctionDefinition>,
    /// Its outputs, for a supply.
    pub outputs: Option<OutputsDefinition>,
    /// Its relays, for a switch.
    pub relays: Option<RelaysDefinition>,
}

/// A question whose answer proves a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readback {
    /// The question.
    pub query: Template,
    /// What it answers, blanks, quotes and all that is no ASCII left out, in any case.
    pub answer: Template,
}

impl Readback {
    /// Whether two answers are the same but for blanks, quotes and signs that are no ASCII.
    #[must_use]
    pub fn is_same(one: &str, other: &str) -> bool {
        let letters = |text: &str| -> String {
            let kept = text
                .chars()
                .filter(|character| character.is_ascii_graphic() && *character != '"');
            kept.map(|character| character.to_ascii_uppercase()).collect()
        };
        letters(one) == letters(other)
    }
}

/// How one function is measured.
#[derive(Clone, Debug)]
pub struct FunctionDefinition {
    /// Where it was read, as the file says.
    pub source: String,
    /// Where each range was read, from small to large.
    pub range_sources: Vec<String>,
    /// What can be asked of it.
    pub capability: FunctionCapability,
    /// Selects the function and brings everything about it into a known state.
    pub configure: Vec<Template>,
    /// Sets a range.
    pub range: Option<Template>,
    /// What stands for each range in its commands, from small to large: its full scale in the function's base unit, or the
    /// index or word of its row.
    pub range_arguments: Vec<String>,
    /// What its answers call each range, from small to large; empty where that is its argument or its full scale.
    pub range_answers: Vec<String>,
    /// What is asked after it was configured, on models that report no errors.
    pub readback: Vec<Readback>,
    /// Lets the instrument choose.
    pub autorange: Option<Template>,
    /// Asks for the range in use.
    pub range_query: Option<Template>,
    /// Sets the integration time.
    pub nplc: Option<Template>,
    /// The integration time where the procedure gives none.
    pub nplc_default: Option<Decimal>,
    /// Autozero and input impedance, where there is a choice.
    pub choices: ChoiceDefinitions,
    /// Integration time in seconds, where there is a choice.
    pub aperture: Option<ApertureDefinition>,
    /// Resolution, where there is a choice.
    pub resolution: Option<ResolutionDefinition>,
    /// Everything else that would otherwise be left as it was: math off.
    pub defaults: Vec<Template>,
    /// Triggers and fetches one reading.
    pub read: Template,
    /// How long the instrument settles after it was configured, before a reading counts.
    pub settle: Duration,
    /// How long a reading may take at most beside the integration time.
    pub slowest: Duration,
    /// Integration times that one reading takes: 2 with autozero.
    pub integrations: u32,
}

/// A serial line, and what is special about an instrument that is reached by it.
#[derive(Clone, Debug)]
pub struct SerialDefinition {
    /// The line, as the instrument leaves the factory.
    pub line: LineChanges,
    /// Bytes that do what device clear does on a bus.
    pub clear: Vec<u8>,
    /// Brings it to remote.
    pub remote: Vec<Template>,
    /// Returns it to its front panel.
    pub local: Vec<Template>,
}

/// A scanner in front of a meter: one of its channels at a time is connected.
#[derive(Clone, Debug)]
pub struct InputsDefinition {
    /// Its channels.
    pub channels: Vec<u32>,
    /// Disconnects all of them; sent before the function changes, so that no channel ever meets a wrong one.
    pub open: Template,
    /// Connects one.
    pub close: Template,
    /// Asks which one is connected.
    pub closed: Template,
    /// What that answers for a channel, blanks left out.
    pub answer: Template,
}

/// The channels of a switch.
#[derive(Clone, Debug)]
pub struct RelaysDefinition {
    /// Its channels, from small to large.
    pub channels: Vec<u32>,
    /// Closes one.
    pub close: Template,
    /// Opens one.
    pub open: Template,
    /// Opens all of them.
    pub open_all: Template,
    /// Asks whether one is closed.
    pub query: Template,
    /// What that answers of one that is closed.
    pub closed: Template,
    /// What that answers of one that is open.
    pub opened: Template,
}

/// How a setting is sent and read back.
#[derive(Clone, Debug)]
pub struct SettingDefinition {
    /// Sets it, in its base unit.
    pub set: Template,
    /// Reads it back.
    pub query: Template,
}

/// How an output is switched and read back.
#[derive(Clone, Debug)]
pub struct SwitchDefinition {
    /// Turns it on.
    pub on: Template,
    /// Turns it off.
    pub off: Template,
    /// Asks; the answer is a number, 0 when off, or `ON` or `OFF`; or a status word, of which each channel has a bit.
    pub query: Template,
    /// One switch for all outputs.
    pub shared: bool,
    /// The bit of each channel, where the answer is a status word.
    pub bits: BTreeMap<u32, u32>,
}

impl SwitchDefinition {
    /// Whether `answer` to the query says that a channel is on; nothing for an answer that says neither.
    #[must_use]
    pub fn is_on(&self, channel: u32, answer: &str) -> Option<bool> {
        if !self.bits.is_empty() {
            let bit = self.bits.get(&channel)?;
            return Some(status_word(answer)?.checked_shr(*bit)? & 1 == 1);
        }
        match (response::number(answer, None), answer.trim()) {
            (Ok(response::Number::Value(value)), _) => Some(!value.is_zero()),
            (_, "ON") => Some(true),
            (_, "OFF") => Some(false),
            (Ok(response::Number::Overrange(_) | response::Number::NotANumber) | Err(_), _) => None,
        }
    }
}

/// A status word: `0x14`, or 20.
fn status_word(answer: &str) -> Option<u32> {
    let answer = answer.trim();
    match answer.strip_prefix("0x").or_else(|| answer.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => answer.parse().ok(),
    }
}

/// How a protection is asked whether it took an output off.
#[derive(Clone, Debug)]
pub struct ProtectionDefinition {
    /// Asks.
    pub query: Template,
    /// What it answers when it did, blanks and quotes left out, in any case; a number may be written in another way.
    pub tripped: String,
}

impl ProtectionDefinition {
    /// Whether `answer` to the query says that it took the output off.
    #[must_use]
    pub fn has_tripped(&self, answer: &str) -> bool {
        let number = |text: &str| response::number(text, None).ok();
        let known = number(&self.tripped);
        Readback::is_same(answer, &self.tripped) || (known.is_some() && number(answer) == known)
    }
}

/// How an output says what it holds constant.
#[derive(Clone, Debug)]
pub struct RegulationDefinition {
    /// Asks.
    pub query: Template,
    /// How to understand the answer.
    pub answers: RegulationAnswers,
}

/// What stands for each regulation in the answers of a supply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegulationAnswers {
    /// A word; any other is neither.
    Words {
        /// Of constant voltage.
        cv: String,
        /// Of constant current.
        cc: String,
    },
    /// A bit of a status word.
    Bits {
        /// Of constant voltage.
        cv: u32,
        /// Of constant current.
        cc: u32,
    },
}

impl RegulationDefinition {
    /// What `answer` says that the output holds: `Some(None)` is neither, nothing is an answer that cannot be understood.
    ///
    /// One that says both holds neither: on some models that is a fault.
    #[must_use]
    pub fn regulation(&self, answer: &str) -> Option<Option<Regulation>> {
        let (voltage, current) = match &self.answers {
            RegulationAnswers::Words { cv, cc } => (Readback::is_same(answer, cv), Readback::is_same(answer, cc)),
            RegulationAnswers::Bits { cv, cc } => {
                let word = status_word(answer)?;
                let has = |bit: u32| word.checked_shr(bit).is_some_and(|word| word & 1 == 1);
                (has(*cv), has(*cc))
            }
        };
        Some(match (voltage, current) {
            (false, true) => Some(Regulation::Current),
            (true, false) => Some(Regulation::Voltage),
            (true, true) | (false, false) => None,
        })
    }
}

/// The outputs of a supply.
#[derive(Clone, Debug)]
pub struct OutputsDefinition {
    /// The voltage.
    pub voltage_level: SettingDefinition,
    /// The current limit.
    pub current_limit: SettingDefinition,
    /// The over-voltage protection level, where it has one.
    pub ovp_level: Option<SettingDefinition>,
    /// The over-current protection on and off, where it can be switched: it takes an output off that reaches its limit.
    pub ocp_enabled: Option<SwitchDefinition>,
    /// On and off.
    pub output_enabled: SwitchDefinition,
    /// Those protections that can be asked whether they took an output off.
    pub protection: BTreeMap<Protection, ProtectionDefinition>,
    /// How an output says what it holds constant, where it does.
    pub regulation: Option<RegulationDefinition>,
    /// What each output takes.
    pub channels: BTreeMap<u32, OutputCapability>,
}

/// Line frequency of which an integration time is the slowest: 50 Hz.
const SLOWEST_LINE_PERIOD: Duration = Duration::from_millis(20);

impl Definition {
    /// What the model can do, without opening one.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        let outputs = self
            .outputs
            .as_ref()
            .map(|outputs| outputs.channels.clone())
            .unwrap_or_default();
        let measured = self
            .functions
            .values()
            .flat_map(|function| &function.capability.channels);
        let switched = self.relays.as_ref().map(|relays| relays.channels.clone());
        let switched = switched.unwrap_or_default();
        let channels: BTreeSet<u32> = measured.chain(outputs.keys()).chain(&switched).copied().collect();
        Capabilities {
            class: self.class,
            driver: self.name.clone(),
            model: format!("{} {}", self.manufacturer, self.model),
            channels: channels.into_iter().collect(),
            functions: self
                .functions
                .iter()
                .map(|(word, function)| (*word, function.capability.clone()))
                .collect(),
            outputs,
            channel_names: BTreeMap::new(),
            switched,
            overrange: self.overrange,
        }
    }
}

impl Definition {
    /// Its serial line, with what a station says instead.
    #[must_use]
    pub fn line(&self, station: &LineChanges) -> LineSettings {
        let base = LineSettings {
            quiet: self.slowest_answer(),
            prompts: self.error_check.prompts().cloned(),
            ..LineSettings::default()
        };
        let Some(serial) = &self.serial else {
            return station.over(base);
        };
        LineSettings {
            clear: serial.clear.clone(),
            ..station.over(serial.line.over(base))
        }
    }

    /// How long any answer may take, whatever is measured.
    #[must_use]
    pub fn slowest_answer(&self) -> Duration {
        let functions = self.functions.values();
        let times = functions.map(|function| {
            let longest = Sampling {
                aperture: longest_aperture(function.aperture.as_ref()),
                ..Sampling::ONE
            };
            function.sample_time(function.capability.nplc.last().copied(), &longest)
        });
        times.max().unwrap_or_default().max(self.timeout)
    }
}

impl FunctionDefinition {
    /// What stands for a range in the function's commands.
    pub(crate) fn argument(&self, range: Range) -> Option<&str> {
        let place = self.capability.ranges.iter().position(|known| *known == range)?;
        self.range_arguments.get(place).map(String::as_str)
    }

    /// The range that an instrument means by `answer`: by its argument, or by a number that is the same.
    pub(crate) fn range_called(&self, answer: &str) -> Option<Range> {
        if !self.range_answers.is_empty() {
            let place = self
                .range_answers
                .iter()
                .position(|known| Readback::is_same(known, answer))?;
            return self.capability.ranges.get(place).copied();
        }
        let answer = answer.trim();
        let number = response::number(answer, None).ok();
        let is_meant = |argument: &String| {
            argument.eq_ignore_ascii_case(answer)
                || number.is_some_and(|number| response::number(argument, None).is_ok_and(|known| known == number))
        };
        let place = self.range_arguments.iter().position(is_meant)?;
        self.capability.ranges.get(place).copied()
    }

    /// True where an index or a word stands for a range, not its full scale.
    pub(crate) fn ranges_have_names(&self) -> bool {
        if !self.range_answers.is_empty() {
            return true;
        }
        let scales = self.capability.ranges.iter().map(|range| plain(range.full_scale).ok());
        !scales.eq(self.range_arguments.iter().cloned().map(Some))
    }

    /// How long a reading may take with this integration time.
    #[must_use]
    pub fn reading_time(&self, nplc: Option<Decimal>) -> Duration {
        let cycles = nplc.map_or(0.0, Decimal::to_f64);
        self.slowest + SLOWEST_LINE_PERIOD.mul_f64(cycles * f64::from(self.integrations))
    }

    /// How long one of the readings may take that are taken so: with its aperture, or as slow as it goes where a resolution decides.
    pub(crate) fn sample_time(&self, nplc: Option<Decimal>, sampling: &Sampling) -> Duration {
        let usual = match sampling.resolution {
            Some(_) => self.reading_time(self.capability.nplc.last().copied()),
            None => self.reading_time(nplc),
        };
        let aperture = sampling.aperture.map_or(0.0, Decimal::to_f64);
        let aperture = Duration::try_from_secs_f64(aperture * f64::from(self.integrations)).unwrap_or_default();
        usual + aperture + sampling.delay.unwrap_or_default()
    }
}

/// The number that goes into a program message: `value` in its base unit.
pub(crate) fn plain(value: Quantity) -> Result<String, UnitError> {
    let base = benchtop_instrument::Unit::of(value.unit.base());
    Ok(value.in_unit(base)?.to_string())
}
