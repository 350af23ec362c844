//! What an instrument can do: plain data, known without opening anything.

use crate::{AccuracyRow, ChoiceCapability, Class, Decimal, Function, Quantity, RangeRequest, SamplingCapability};
use std::{cmp::Ordering, collections::BTreeMap};

/// One range of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Its name and nominal full scale, in the function's unit (10 V).
    pub full_scale: Quantity,
    /// The largest reading before overrange (12 V on many 10 V ranges).
    pub maximum: Quantity,
    /// The smallest step, where the definition holds it; at the function's usual integration time.
    pub resolution: Option<Quantity>,
}

/// One function of a meter or of a supply's read-back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionCapability {
    /// The channels that have it.
    pub channels: Vec<u32>,
    /// The ranges from small to large; empty where there is nothing to choose.
    pub ranges: Vec<Range>,
    /// Whether the instrument can choose the range itself.
    pub autorange: bool,
    /// The integration times that can be set, in power-line cycles, from short to long; empty where there is no choice.
    pub nplc: Vec<Decimal>,
    /// The integration time where none is asked for, in power-line cycles.
    pub nplc_default: Option<Decimal>,
    /// Measures only while the output of its channel is on: what it would do otherwise is not known, or known to be bad.
    pub needs_output: bool,
    /// What else there is to choose.
    pub choices: ChoiceCapability,
    /// How well it measures, as far as the definition holds it; empty where it does not.
    pub accuracy: Vec<AccuracyRow>,
    /// How readings may be taken.
    pub sampling: SamplingCapability,
}

/// Why a range request cannot be met.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// The function has no range to choose.
    #[error("{0} was asked for, and this function has no ranges to choose from")]
    NoRanges(Quantity),
    /// The instrument cannot choose by itself.
    #[error("this instrument has no autorange here; its ranges are {0}")]
    NoAutorange(String),
    /// No range is that large, or has that name.
    #[error("{0} is not within its ranges: {1}")]
    NoSuchRange(Quantity, String),
}

impl FunctionCapability {
    /// The range that meets `request`; `None` where the instrument chooses or there is nothing to choose.
    ///
    /// # Errors
    /// [`RangeError`]; a request is never clipped.
    pub fn choose(&self, request: RangeRequest) -> Result<Option<Range>, RangeError> {
        let list = || {
            self.ranges
                .iter()
                .map(|range| range.full_scale.to_string())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let find = |wanted: Quantity, fits: fn(Ordering) -> bool| {
            let found = self
                .ranges
                .iter()
                .find(|range| range.full_scale.compare(wanted).is_some_and(fits));
            found
                .copied()
                .map(Some)
                .ok_or_else(|| RangeError::NoSuchRange(wanted, list()))
        };
        match request {
            RangeRequest::Default => Ok(None),
            RangeRequest::Auto if self.autorange => Ok(None),
            RangeRequest::Auto => Err(RangeError::NoAutorange(list())),
            RangeRequest::AtLeast(wanted) | RangeRequest::Exactly(wanted) if self.ranges.is_empty() => {
                Err(RangeError::NoRanges(wanted))
            }
            RangeRequest::AtLeast(wanted) => find(absolute(wanted), Ordering::is_ge),
            RangeRequest::Exactly(wanted) => find(absolute(wanted), Ordering::is_eq),
        }
    }
}

fn absolute(quantity: Quantity) -> Quantity {
    Quantity::new(quantity.value.abs(), quantity.unit)
}

/// The values that a setting takes, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Smallest value.
    pub minimum: Quantity,
    /// Largest value.
    pub maximum: Quantity,
    /// Smallest step that the instrument tells apart; a read-back may differ by as much.
    pub resolution: Quantity,
}

impl Bounds {
    /// True when `value` lies inside.
    #[must_use]
    pub fn contain(&self, value: Quantity) -> bool {
        let at_least = value.compare(self.minimum).is_some_and(Ordering::is_ge);
        at_least && value.compare(self.maximum).is_some_and(Ordering::is_le)
    }
}

/// One output of a supply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputCapability {
    /// Voltage setting.
    pub voltage_level: Bounds,
    /// Current limit setting.
    pub current_limit: Bounds,
    /// Over-voltage protection, where it has one.
    pub ovp_level: Option<Bounds>,
    /// Whether its over-current protection can be switched on and off.
    pub ocp_enabled: bool,
}

/// What an instrument can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// What it is.
    pub class: Class,
    /// The definition's name, `keysight/34461a`.
    pub driver: String,
    /// Manufacturer and model for people, `Keysight 34461A`.
    pub model: String,
    /// Its channels, from small to large; `[1]` for an instrument with a single input.
    pub channels: Vec<u32>,
    /// What it measures.
    pub functions: BTreeMap<Function, FunctionCapability>,
    /// Its outputs by channel; empty for a meter.
    pub outputs: BTreeMap<u32, OutputCapability>,
    /// What the station calls its channels.
    pub channel_names: BTreeMap<String, u32>,
    /// The channels that it closes and opens, from small to large; empty for what is no switch.
    pub switched: Vec<u32>,
    /// What it writes beyond its range, where that is not SCPI's 9.9E37; of either sign.
    pub overrange: Option<Decimal>,
}

impl Capabilities {
    /// The channels that making safe proves: outputs off, relays open.
    #[must_use]
    pub fn made_safe(&self) -> Vec<u32> {
        self.outputs.keys().chain(&self.switched).copied().collect()
    }

    /// The same with only these channels: the others are somebody else's.
    #[must_use]
    pub fn only(mut self, channels: &[u32]) -> Self {
        self.channels.retain(|channel| channels.contains(channel));
        self.outputs.retain(|channel, _| channels.contains(channel));
        self.switched.retain(|channel| channels.contains(channel));
        for function in self.functions.values_mut() {
            function.channels.retain(|channel| channels.contains(channel));
        }
        self
    }

    /// The channels for people: `channel 1`, `channels 1-3`, `channels 101, 103`.
    #[must_use]
    pub fn channel_list(&self) -> String {
        match self.channels.as_slice() {
            [] => "no channels".to_owned(),
            [only] => format!("channel {only}"),
            [first, .., last] if (*first..=*last).eq(self.channels.iter().copied()) => {
                format!("channels {first}-{last}")
            }
            many => format!(
                "channels {}",
                many.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            ),
        }
    }
}
