//! What can be asked of an instrument: closed types, so that a new class adds a variant and never a trait.

use crate::{Choices, Decimal, Function, Quantity, Sampling};
use std::fmt;

/// How the range is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeRequest {
    /// The definition's default for the function.
    Default,
    /// The smallest range whose full scale is at least this.
    AtLeast(Quantity),
    /// Exactly this range.
    Exactly(Quantity),
    /// The instrument chooses; the range it used is read back.
    Auto,
}

impl fmt::Display for RangeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the usual range"),
            Self::AtLeast(quantity) => write!(f, "a range for {quantity}"),
            Self::Exactly(quantity) => write!(f, "range {quantity}"),
            Self::Auto => f.write_str("autorange"),
        }
    }
}

/// One measurement: configure, trigger, fetch. What is not given takes the definition's default and is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Input or output channel, from 1.
    pub channel: u32,
    /// What to measure.
    pub function: Function,
    /// The range.
    pub range: RangeRequest,
    /// Integration time in power-line cycles.
    pub nplc: Option<Decimal>,
    /// Autozero and input impedance.
    pub choices: Choices,
    /// How many readings, when and how.
    pub sampling: Sampling,
}

impl Measure {
    /// A measurement as the definition's defaults have it, on channel 1.
    #[must_use]
    pub const fn of(function: Function) -> Self {
        Self {
            channel: 1,
            function,
            range: RangeRequest::Default,
            nplc: None,
            choices: Choices {
                autozero: None,
                input_impedance: None,
            },
            sampling: Sampling::ONE,
        }
    }
}

/// A change of what an instrument does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A supply's output.
    Output(OutputSetting),
    /// The channels of a switch.
    Switch(SwitchSetting),
}

impl Setting {
    /// True when it can put energy on a terminal.
    #[must_use]
    pub const fn enables_output(&self) -> bool {
        match self {
            Self::Output(output) => matches!(output.output_enabled, Some(true)),
            Self::Switch(switch) => !switch.close.is_empty(),
        }
    }
}

/// A supply's output. What is not given stays as it is.
///
/// The order of sending is the driver's, never the file's: turning on: limits and level, error check, read-back, output last; turning off: output first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputSetting {
    /// Output channel, from 1.
    pub channel: u32,
    /// Voltage, in a unit of volts.
    pub voltage_level: Option<Quantity>,
    /// Current limit, in a unit of amperes.
    pub current_limit: Option<Quantity>,
    /// Over-voltage protection level, in a unit of volts.
    pub ovp_level: Option<Quantity>,
    /// Over-current protection on or off: on, it takes the output off when the current limit is reached.
    pub ocp_enabled: Option<bool>,
    /// Output on or off.
    pub output_enabled: Option<bool>,
    /// Change the level while the output stays on, even by more than the supply's step.
    pub hot: bool,
}

impl OutputSetting {
    /// A setting of `channel` that changes nothing yet.
    #[must_use]
    pub const fn of_channel(channel: u32) -> Self {
        Self {
            channel,
            voltage_level: None,
            current_limit: None,
            ovp_level: None,
            ocp_enabled: None,
            output_enabled: None,
            hot: false,
        }
    }
}

/// Channels of a switch. What is not named stays as it is, unless `exclusive`.
///
/// The order of sending is the driver's: what opens opens first and is proved open, then the rest closes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SwitchSetting {
    /// Channels that close.
    pub close: Vec<u32>,
    /// Channels that open.
    pub open: Vec<u32>,
    /// Every channel that does not close opens.
    pub exclusive: bool,
}

impl SwitchSetting {
    /// A channel that it would both close and open.
    #[must_use]
    pub fn contradiction(&self) -> Option<u32> {
        self.close.iter().find(|channel| self.open.contains(channel)).copied()
    }
}
