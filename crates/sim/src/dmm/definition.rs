//! The figures of a multimeter: functions with their ranges, integration times, filters.

use super::behaviour::{Behaviour, Group};
use super::format::Data;
use super::math::Operation;
use super::scanner::{ChannelSettings, Channels};
use super::state::TriggerSource;
use crate::parser::{Dimension, Tree};
use std::time::Duration;

/// The figures of a multimeter.
#[derive(Debug)]
pub(crate) struct DmmModel {
    pub(crate) functions: Vec<FunctionModel>,
    /// The names that `FUNCtion` takes; each leads to its function.
    pub(crate) names: Tree,
    /// From fast to slow.
    pub(crate) nplc: Vec<Integration>,
    pub(crate) default_nplc: usize,
    pub(crate) bandwidths: Vec<Bandwidth>,
    pub(crate) default_bandwidth: usize,
    pub(crate) reading_memory: usize,
    pub(crate) overrange: f64,
    pub(crate) autorange_time: Duration,
    /// The largest count of samples or triggers.
    pub(crate) largest_count: f64,
    pub(crate) longest_delay: f64,
    /// Of its scanner, where it has one.
    pub(crate) channels: Vec<Channels>,
    pub(crate) channel_settings: ChannelSettings,
    /// Settings that all functions have in common.
    pub(crate) shared_settings: Vec<Group>,
    pub(crate) while_measuring: WhileMeasuring,
    pub(crate) habits: Vec<Habit>,
    /// The longest integration where the mains have 50 Hz, if that is not the last row.
    pub(crate) nplc_at_50_hertz: Option<f64>,
    pub(crate) trigger_sources: Vec<(String, TriggerSource)>,
    pub(crate) largest_samples: f64,
    /// What `TRIGger:COUNt?` answers for no end. Other counts are whole numbers then.
    pub(crate) endless_count: Option<String>,
    pub(crate) digits: Option<Digits>,
    pub(crate) formats: Vec<(String, Data)>,
    /// The size of the buffer when it is switched on.
    pub(crate) trace_points: usize,
    /// Bits of the operation register while it is idle.
    pub(crate) idle: u16,
    /// In ohms, as it leaves the factory.
    pub(crate) dbm_reference: f64,
}

/// What some models do and others do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// `READ?` hands its readings over and does not store them.
    ReadPasses,
    /// Readings that are forgotten because the memory is full are questionable (bit 14).
    OverflowIsQuestionable,
    /// `INITiate` refuses more readings than the memory holds; else the oldest are forgotten.
    RefusesOverflow,
    /// An overload is an error of the device in the standard event register.
    OverloadIsDeviceError,
    /// Any integration time between the rows, with the resolution and noise of the row above it.
    AnyNplc,
    /// Null takes away the value that was set; it does not become the first reading.
    NullKeepsValue,
    /// `FUNCtion?` answers without quotes.
    FunctionWithoutQuotes,
    /// It measures all the time after it was switched on and after `SYSTem:PRESet`, until it is told not to.
    Continuous,
    /// Readings go to named buffers, and `READ?` answers the last one only.
    Buffers,
}

/// The words of `habits` in a `sim.toml`.
pub(super) const HABITS: &[(&str, Habit)] = &[
    ("read_passes", Habit::ReadPasses),
    ("overflow_is_questionable", Habit::OverflowIsQuestionable),
    ("refuses_overflow", Habit::RefusesOverflow),
    ("overload_is_device_error", Habit::OverloadIsDeviceError),
    ("any_nplc", Habit::AnyNplc),
    ("null_keeps_value", Habit::NullKeepsValue),
    ("function_without_quotes", Habit::FunctionWithoutQuotes),
    ("continuous", Habit::Continuous),
    ("buffers", Habit::Buffers),
];

impl DmmModel {
    pub(crate) fn has(&self, habit: Habit) -> bool {
        self.habits.contains(&habit)
    }
}

/// What becomes of commands while a measurement runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhileMeasuring {
    /// Those that change the measurement are refused.
    Refused,
    /// All but a trigger wait for its end.
    Held,
    /// Those that change the measurement begin it anew.
    Restarted,
}

/// The digits that the display shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digits {
    pub(crate) least: f64,
    pub(crate) most: f64,
}

/// What `RANGe` takes, where that is not the full scales.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RangeArgument {
    /// The largest value that it takes.
    pub(crate) largest: f64,
    /// What `MAXimum` and `DEFault` stand for; `MINimum` is zero.
    pub(crate) named: f64,
}

/// What a counter counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) least: f64,
    pub(crate) largest: f64,
    pub(crate) range: f64,
}

/// What is known about many readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Statistic {
    Minimum,
    Maximum,
    Average,
    Count,
    /// Between the smallest and the largest.
    Span,
    Deviation,
}

/// How long a counter counts.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    pub(crate) least: f64,
    pub(crate) largest: f64,
    pub(crate) default: f64,
    /// The only times that there are, from short to long; empty where all between are.
    pub(crate) steps: Vec<f64>,
}

/// One measuring function.
#[derive(Debug)]
pub(crate) struct FunctionModel {
    /// As its file calls it.
    pub(super) word: String,
    pub(crate) senses: Senses,
    /// Its name in `FUNCtion` and in setting headers.
    pub(super) name: String,
    /// What follows `CONFigure:` and `MEASure:`.
    pub(super) configure: String,
    /// What `FUNCtion?` answers.
    pub(crate) answer: String,
    /// What `DATA:LAST?` puts behind the reading.
    pub(crate) unit: String,
    pub(crate) settings: Vec<Group>,
    /// Those that it is measured through; empty where all are.
    pub(super) channels: Vec<Channels>,
    pub(crate) math: Vec<Operation>,
    /// Where it counts.
    pub(crate) gate: Option<Gate>,
    /// From small to large; empty where there is nothing to choose.
    pub(crate) ranges: Vec<RangeModel>,
    pub(crate) default_range: usize,
    /// What stands for each range in its commands, where that is not the full scale: an index or a word.
    pub(crate) range_words: Vec<String>,
    /// What the display shows of each range, where that can be asked for.
    pub(crate) ranges_shown: Vec<String>,
    pub(crate) range_argument: Option<RangeArgument>,
    /// Of a counter: what it counts, and what `CONFigure?` calls its range.
    pub(crate) counts: Option<Counts>,
    pub(crate) takes: Takes,
    /// The resistance of the input in ohms; nothing where it lets nothing through.
    pub(crate) input: Option<f64>,
    /// Where it does not integrate over cycles of the mains.
    pub(crate) reading_time: Option<Duration>,
    /// Of full scale, where it does not integrate.
    pub(crate) noise: f64,
    /// The bit of the questionable register that an overrange sets.
    pub(crate) questionable: u16,
}

/// One range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RangeModel {
    pub(crate) full_scale: f64,
    /// The largest reading that it gives.
    pub(crate) maximum: f64,
    /// The resistance between the current terminals.
    pub(crate) shunt: f64,
    /// What is driven through a resistance to measure it, in amperes.
    pub(crate) test_current: f64,
    /// The input resistance, where it is another one than the function's.
    pub(crate) input: Option<f64>,
    /// The input resistance with `IMPedance:AUTO`, where that is another one.
    pub(crate) high_impedance: Option<f64>,
    pub(crate) accuracy: Accuracy,
    /// On terminals of its own; only `CONFigure` and `TERMinals` select it.
    pub(crate) high_current: bool,
}

/// How far its readings may be off within a year of its calibration; zeros where no source says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Accuracy {
    /// Parts of the reading.
    pub(crate) of_reading: f64,
    /// Parts of full scale.
    pub(crate) of_range: f64,
}

/// One integration time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Integration {
    pub(crate) cycles: f64,
    /// Where it is not `cycles` of the mains.
    pub(crate) aperture: Option<Duration>,
    /// Before the aperture, with the automatic trigger delay.
    pub(crate) delay: Duration,
    /// Of full scale.
    pub(crate) resolution: f64,
    /// Root mean square, of full scale.
    pub(crate) noise: f64,
}

/// One filter for alternating signals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bandwidth {
    pub(crate) hertz: f64,
    pub(crate) reading_time: Duration,
}

/// What a function looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Senses {
    DcVolts,
    AcVolts,
    DcAmperes,
    AcAmperes,
    Ohms,
    Hertz,
    Seconds,
    Farads,
    Celsius,
    /// A voltage over that at the sense terminals, which are open.
    Ratio,
    /// The voltage across a diode that the meter feeds.
    Diode,
}

/// What may follow `CONFigure` and `MEASure?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Nothing.
    Nothing,
    /// A range and a resolution.
    Range,
    /// What the signal is expected to be, and a resolution; changes nothing that is simulated.
    Expected,
    /// A range; the resolution is fixed.
    RangeOnly,
    /// One of these words, and what belongs to it; changes nothing that is simulated.
    Transducer(Vec<String>),
}

impl Senses {
    pub(crate) const fn dimension(self) -> Dimension {
        match self {
            Self::DcVolts | Self::AcVolts | Self::Diode | Self::Ratio => Dimension::Volts,
            Self::DcAmperes | Self::AcAmperes => Dimension::Amperes,
            Self::Ohms => Dimension::Ohms,
            Self::Hertz => Dimension::Hertz,
            Self::Seconds => Dimension::Seconds,
            Self::Farads => Dimension::Farads,
            Self::Celsius => Dimension::Celsius,
        }
    }
}

/// A header for each function that has the setting, with the function's number.
///
/// A header that names no function is that of the first one that has the setting: what they have in common.
pub(crate) fn expand(model: &DmmModel, behaviour: Behaviour, pattern: &str) -> Vec<(String, usize)> {
    let functions = model.functions.iter().enumerate();
    let names_a_function = pattern.contains("<function>") || pattern.contains("<configure>");
    functions
        .filter(|(_, function)| {
            let Behaviour::Setting(setting) = behaviour else {
                return true;
            };
            function.settings.contains(&setting.group())
        })
        .take(if names_a_function { usize::MAX } else { 1 })
        .map(|(number, function)| {
            let header = pattern.replace("<function>", &function.name);
            (header.replace("<configure>", &function.configure), number)
        })
        .collect()
}
