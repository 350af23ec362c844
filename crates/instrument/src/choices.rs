//! What a meter lets one choose beside range and integration time.

use std::fmt;

/// The resistance of a meter's voltage input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InputImpedance {
    /// The same on every range: ten megohms on most meters.
    TenMegohm,
    /// As high as the range allows, over ten gigohms on the small ones: what is measured is loaded least.
    High,
}

impl InputImpedance {
    /// Every kind with its word in files.
    pub const ALL: &'static [(&'static str, Self)] = &[("10 MOhm", Self::TenMegohm), ("high", Self::High)];

    /// The word used in files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::TenMegohm => "10 MOhm",
            Self::High => "high",
        }
    }
}

impl fmt::Display for InputImpedance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Choices. In a request, what is not given takes the definition's default and is sent; in a reading, what was in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// Each reading takes one more of a shorted input, which is subtracted: twice as long, and no drift of the zero.
    pub autozero: Option<bool>,
    /// The input's resistance.
    pub input_impedance: Option<InputImpedance>,
}

/// What there is to choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChoiceCapability {
    /// Autozero goes on and off.
    pub autozero: bool,
    /// The input has both resistances.
    pub input_impedance: bool,
}

impl ChoiceCapability {
    /// The name of a choice that `wanted` makes and that there is not.
    #[must_use]
    pub const fn lacks(self, wanted: Choices) -> Option<&'static str> {
        match wanted {
            Choices { autozero: Some(_), .. } if !self.autozero => Some("autozero"),
            Choices {
                input_impedance: Some(_),
                ..
            } if !self.input_impedance => Some("input_impedance"),
            Choices { .. } => None,
        }
    }
}
