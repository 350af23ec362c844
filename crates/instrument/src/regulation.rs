//! What an output holds constant, and what takes it off.

use std::fmt;

/// What a supply's output holds constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Regulation {
    /// Its voltage: what it drives takes less than the current limit.
    Voltage,
    /// Its current: it limits.
    Current,
}

impl Regulation {
    /// Every one with its word in files.
    pub const ALL: &'static [(&'static str, Self)] = &[("cv", Self::Voltage), ("cc", Self::Current)];

    /// The word used in files: `cv` or `cc`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Voltage => "cv",
            Self::Current => "cc",
        }
    }
}

/// Something in a supply that takes an output off by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protection {
    /// The voltage was too high.
    OverVoltage,
    /// The current was too high.
    OverCurrent,
}

impl Protection {
    /// Every one with its word in files.
    pub const ALL: &'static [(&'static str, Self)] = &[("ovp", Self::OverVoltage), ("ocp", Self::OverCurrent)];
}

/// `over-voltage protection`, `over-current protection`.
impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::OverVoltage => "over-voltage protection",
            Self::OverCurrent => "over-current protection",
        })
    }
}

/// How an output is found that should be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputMode {
    /// It is on and holds this.
    Regulates(Regulation),
    /// It is on and holds neither its voltage nor its current.
    Unregulated,
    /// It is off, and this took it off.
    Tripped(Protection),
    /// It is off, and nothing says why.
    Off,
}

impl OutputMode {
    /// The word of records: `cv`, `cc`, `unregulated`, `tripped` or `off`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Regulates(regulation) => regulation.word(),
            Self::Unregulated => "unregulated",
            Self::Tripped(_) => "tripped",
            Self::Off => "off",
        }
    }
}
