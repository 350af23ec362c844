//! What instruments are and what they measure.

use crate::quantity::{BaseUnit, Unit};
use std::fmt;

/// What an instrument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Digital multimeter.
    Dmm,
    /// DC power supply.
    DcPower,
    /// The unit's own link: a stream of bytes, which measures nothing by itself.
    Console,
    /// Relays: channels that are closed and opened.
    Switch,
}

impl Class {
    /// Every class with its word in files.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("dmm", Self::Dmm),
        ("dc_power", Self::DcPower),
        ("console", Self::Console),
        ("switch", Self::Switch),
    ];

    /// The word used in files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dmm => "dmm",
            Self::DcPower => "dc_power",
            Self::Console => "console",
            Self::Switch => "switch",
        }
    }

    /// What is called out of a channel that was not proved safe: an output that may be on, a relay that may be closed.
    #[must_use]
    pub const fn alarm(self) -> &'static str {
        match self {
            Self::Dmm | Self::DcPower | Self::Console => "OUTPUT MAY BE ON",
            Self::Switch => "SWITCH MAY BE CLOSED",
        }
    }

    /// The class that a word in a file means.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(known, _)| *known == word)
            .map(|(_, class)| *class)
    }

    /// The functions that an instrument of this class may have.
    #[must_use]
    pub fn may_measure(self, function: Function) -> bool {
        match self {
            Self::Dmm => true,
            Self::DcPower => matches!(function, Function::DcVoltage | Function::DcCurrent),
            Self::Console => false,
            Self::Switch => false,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    /// DC voltage, V.
    DcVoltage,
    /// AC voltage (true RMS), V.
    AcVoltage,
    /// DC current, A.
    DcCurrent,
    /// AC current (true RMS), A.
    AcCurrent,
    /// Two-wire resistance, Ohm.
    Resistance,
    /// Four-wire resistance, Ohm.
    FourWireResistance,
    /// Frequency, Hz.
    Frequency,
    /// Period, s.
    Period,
    /// Diode forward voltage, V.
    Diode,
    /// Continuity, Ohm.
    Continuity,
    /// Capacitance, F.
    Capacitance,
    /// Temperature, degrees Celsius.
    Temperature,
}

impl Function {
    /// Every function with its word in files.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("dc_voltage", Self::DcVoltage),
        ("ac_voltage", Self::AcVoltage),
        ("dc_current", Self::DcCurrent),
        ("ac_current", Self::AcCurrent),
        ("resistance", Self::Resistance),
        ("four_wire_resistance", Self::FourWireResistance),
        ("frequency", Self::Frequency),
        ("period", Self::Period),
        ("diode", Self::Diode),
        ("continuity", Self::Continuity),
        ("capacitance", Self::Capacitance),
        ("temperature", Self::Temperature),
    ];

    /// The word used in files.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, function)| *function == self)
            .map_or("", |(word, _)| word)
    }

    /// The unit of its readings.
    #[must_use]
    pub const fn unit(self) -> Unit {
        Unit::of(match self {
            Self::DcVoltage | Self::AcVoltage | Self::Diode => BaseUnit::Volt,
            Self::DcCurrent | Self::AcCurrent => BaseUnit::Ampere,
            Self::Resistance | Self::FourWireResistance | Self::Continuity => BaseUnit::Ohm,
            Self::Frequency => BaseUnit::Hertz,
            Self::Period => BaseUnit::Second,
            Self::Capacitance => BaseUnit::Farad,
            Self::Temperature => BaseUnit::Celsius,
        })
    }

    /// True where the meter sits in series with the unit: changing its range interrupts the current.
    #[must_use]
    pub const fn is_in_series(self) -> bool {
        matches!(self, Self::DcCurrent | Self::AcCurrent)
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
