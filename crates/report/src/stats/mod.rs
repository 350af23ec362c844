//! Statistics of measurements. Pure: numbers in, numbers out, or a sentence that says why there is none.
//!
//! Each formula names its source. Where the NIST/SEMATECH e-Handbook of Statistical Methods (public domain) has it, that is
//! the source, with the number of its section.

pub mod calibration;
pub mod capability;
pub mod control;
pub mod correlation;
pub mod describe;
pub mod distribution;
pub mod gauge;
pub mod histogram;
pub mod normality;
pub mod trend;

use std::fmt;

/// Why a figure cannot be given. It reads as a sentence.
#[derive(Clone, Debug, PartialEq)]
pub enum Unsaid {
    /// There is no value at all.
    NoValue,
    /// It needs more of them.
    TooFew {
        /// So many are needed.
        needed: usize,
        /// So many there are.
        have: usize,
    },
    /// They do not differ.
    AllEqual(f64),
    /// There is no low and no high limit.
    NoLimit,
    /// The low limit is not below the high one.
    CrossedLimits,
    /// A study is not what the method needs.
    Study(String),
}

impl fmt::Display for Unsaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoValue => f.write_str("there is no value"),
            Self::TooFew { needed, have: 1 } => write!(f, "there is one value, and {needed} are needed"),
            Self::TooFew { needed, have } => write!(f, "there are {have} values, and {needed} are needed"),
            Self::AllEqual(value) => write!(f, "all values are {}: they do not vary", crate::words::number(*value)),
            Self::NoLimit => f.write_str("there is neither a low nor a high limit"),
            Self::CrossedLimits => f.write_str("the low limit is not below the high one"),
            Self::Study(what) => f.write_str(what),
        }
    }
}

/// Refuses fewer than `needed` values.
pub(crate) const fn at_least(needed: usize, have: usize) -> Result<(), Unsaid> {
    match have {
        0 => Err(Unsaid::NoValue),
        have if have < needed => Err(Unsaid::TooFew { needed, have }),
        _ => Ok(()),
    }
}
