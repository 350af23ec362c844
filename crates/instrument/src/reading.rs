//! What instruments said.

use crate::{Choices, Decimal, Quantity, Samples, Sampling};
use std::{fmt, str::FromStr};

/// On which side of its range an input lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Polarity {
    /// Above the range's maximum.
    Positive,
    /// Below the range's minimum.
    Negative,
}

/// What a reading is. Overrange is its own kind: there is no number to compare by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadingKind {
    /// A number with its unit, exactly as the instrument printed it.
    Value(Quantity),
    /// Beyond the range (SCPI: +-9.9E37).
    Overrange(Polarity),
    /// The instrument says "not a number" (SCPI: 9.91E37).
    NotANumber,
}

/// What the instrument answered, and how it was set when it did. Of several samples it is their mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The response as received, without its terminator; of several readings all, with commas between them.
    pub text: String,
    /// What it means, in the function's own unit.
    pub kind: ReadingKind,
    /// The range that was in use (its full scale), where it is known.
    pub range_in_use: Option<Quantity>,
    /// The integration time that was in use, in power-line cycles.
    pub nplc: Option<Decimal>,
    /// Autozero and input impedance that were in use, where there is a choice.
    pub choices: Choices,
    /// How the readings were taken, as far as that was asked for.
    pub sampling: Sampling,
    /// The readings behind it, where there are several and all are numbers.
    pub samples: Option<Samples>,
}

/// The four fields of `*IDN?` (IEEE 488.2, section 10.14).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// First field.
    pub manufacturer: String,
    /// Second field.
    pub model: String,
    /// Third field; `SIM-...` on everything simulated.
    pub serial_number: String,
    /// Fourth field, with any further commas.
    pub firmware_revision: String,
}

impl Identity {
    /// True for a simulated instrument.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        self.serial_number.starts_with("SIM-")
    }
}

/// The text is not an identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not of the form manufacturer,model,serial number,firmware")]
pub struct IdentityError(String);

impl FromStr for Identity {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut fields = text.splitn(4, ',').map(|field| field.trim().to_owned());
        let refused = || IdentityError(text.chars().take(160).collect());
        let mut next = || fields.next().ok_or_else(refused);
        let identity = Self {
            manufacturer: next()?,
            model: next()?,
            serial_number: next()?,
            firmware_revision: next()?,
        };
        if identity.manufacturer.is_empty() || identity.model.is_empty() {
            return Err(refused());
        }
        Ok(identity)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            manufacturer,
            model,
            serial_number,
            firmware_revision,
        } = self;
        write!(f, "{manufacturer},{model},{serial_number},{firmware_revision}")
    }
}

/// What `make_safe` found out about one output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputState {
    /// The output channel.
    pub channel: u32,
    /// What was proved.
    pub proof: SafetyProof,
}

/// Whether an output is off, or a channel of a switch open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SafetyProof {
    /// The instrument was asked afterwards and says that it is off.
    Off,
    /// It may be on; why that could not be ruled out.
    NotProved(String),
}

/// What was found when an instrument was brought into its start state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartState {
    /// Who answered.
    pub identity: Identity,
    /// Errors that were in its queue from before; they are logged and never fail a run.
    pub stale_errors: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_four_fields() {
        let identity: Identity = "OWON,XDM1041,23120418,V4.1.0,3".parse().unwrap();
        assert_eq!(identity.firmware_revision, "V4.1.0,3");
        assert_eq!(identity.to_string(), "OWON,XDM1041,23120418,V4.1.0,3");
        assert!(!identity.is_simulated());
        for text in ["", "a,b,c", ",b,c,d", "a,,c,d"] {
            assert!(text.parse::<Identity>().is_err(), "{text}");
        }
    }
}
