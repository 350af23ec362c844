//! How well a measurement is known.

use super::{RangeInUse, number};
use benchtop_run as run;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The uncertainty of a measurement, in its unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Uncertainty {
    /// U = k `standard`, rounded up to six digits.
    #[serde(serialize_with = "number::finite")]
    pub expanded: f64,
    /// The coverage factor k.
    pub k: u32,
    /// The combined standard uncertainty, the root sum of squares of the components.
    #[serde(serialize_with = "number::finite")]
    pub standard: f64,
    /// What it is made of.
    pub components: Vec<Component>,
}

/// One component of an uncertainty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Component {
    /// What it is called: `accuracy`, `resolution`, or the station's name for a contribution.
    pub name: String,
    /// Where it comes from: `accuracy`, `resolution`, `repeatability`, `contribution`, `operand`.
    pub kind: String,
    /// The limit, step or scatter that it was made of.
    #[serde(serialize_with = "number::finite")]
    pub bound: f64,
    /// What that was divided by.
    #[serde(serialize_with = "number::finite")]
    pub divisor: f64,
    /// The standard uncertainty.
    #[serde(serialize_with = "number::finite")]
    pub standard: f64,
    /// Of a specification: the calibration interval of its row, `24 h`, `90 d`, `1 y` or `2 y`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Of a specification: the ambient temperature, degrees Celsius.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "number::finite_option"
    )]
    pub ambient: Option<f64>,
    /// Of a specification: the range that its row is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<RangeInUse>,
    /// Of a specification: what its figures stand for, `limits`, `k2` or `k3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<String>,
    /// Of a specification: where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl From<run::Uncertainty> for Uncertainty {
    fn from(uncertainty: run::Uncertainty) -> Self {
        let run::Uncertainty {
            expanded,
            standard,
            unit: _,
            components,
        } = uncertainty;
        Self {
            expanded: expanded.to_f64(),
            k: run::COVERAGE_FACTOR,
            standard,
            components: components.into_iter().map(Component::from).collect(),
        }
    }
}

impl From<run::Component> for Component {
    fn from(component: run::Component) -> Self {
        let run::Component {
            name,
            kind,
            bound,
            divisor,
            standard,
        } = component;
        let word = kind.word().to_owned();
        let basis = match kind {
            run::ComponentKind::Accuracy(basis) => Some(basis),
            run::ComponentKind::Resolution
            | run::ComponentKind::Repeatability
            | run::ComponentKind::Contribution
            | run::ComponentKind::Operand => None,
        };
        let blank = Self {
            name,
            kind: word,
            bound,
            divisor,
            standard,
            interval: None,
            ambient: None,
            range: None,
            coverage: None,
            source: None,
        };
        let Some(run::Basis {
            interval,
            ambient,
            range,
            coverage,
            source,
        }) = basis
        else {
            return blank;
        };
        Self {
            interval: Some(interval.word().to_owned()),
            ambient: Some(ambient.to_f64()),
            range: range.map(|range| RangeInUse {
                value: range.value.to_f64(),
                unit: range.unit.to_string(),
            }),
            coverage: Some(coverage.word().to_owned()),
            source: Some(source),
            ..blank
        }
    }
}
