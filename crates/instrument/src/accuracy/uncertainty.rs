//! Uncertainties: components, their root sum of squares, and how they pass through a calculation.
//!
//! Everything here is binary floating point: its rounding (1 part in 10^15) is far below the two or three digits that an
//! uncertainty has. What is compared with a limit is rounded up to six digits first ([`round_up`]).

use super::{CalibrationInterval, Coverage};
use crate::{Decimal, Quantity, Unit};

/// k of every expanded uncertainty: `U = k u_c`, which covers about 95 % (JCGM 100, 6.3.3).
pub const COVERAGE_FACTOR: u32 = 2;

/// Under what an accuracy component was evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basis {
    /// The calibration interval of the row.
    pub interval: CalibrationInterval,
    /// The ambient temperature, degrees Celsius.
    pub ambient: Decimal,
    /// The range in use (full scale), where the function has ranges.
    pub range: Option<Quantity>,
    /// What the row's figures stand for.
    pub coverage: Coverage,
    /// Where the row was read.
    pub source: String,
}

/// Where a component comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentKind {
    /// The instrument's specification.
    Accuracy(Basis),
    /// The smallest step of its display: d / sqrt 12.
    Resolution,
    /// The scatter of several samples: s / sqrt n.
    Repeatability,
    /// What the station says of leads, dividers, shunts.
    Contribution,
    /// A measurement that a calculation used.
    Operand,
}

impl ComponentKind {
    /// The word used in files.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Accuracy(_) => "accuracy",
            Self::Resolution => "resolution",
            Self::Repeatability => "repeatability",
            Self::Contribution => "contribution",
            Self::Operand => "operand",
        }
    }

    /// True for what repeats from one reading to the next on the same instrument and range.
    #[must_use]
    pub const fn is_systematic(&self) -> bool {
        match self {
            Self::Accuracy(_) | Self::Contribution => true,
            Self::Resolution | Self::Repeatability | Self::Operand => false,
        }
    }
}

/// One component of an uncertainty, in the unit of the whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// What it is called: `accuracy`, `resolution`, or the station's name for a contribution.
    pub name: String,
    /// Where it comes from.
    pub kind: ComponentKind,
    /// The limit, step or scatter that it was made of.
    pub bound: f64,
    /// What that was divided by.
    pub divisor: f64,
    /// The standard uncertainty: bound / divisor.
    pub standard: f64,
}

impl Component {
    pub(super) fn new(name: impl Into<String>, kind: ComponentKind, bound: f64, divisor: f64) -> Self {
        Self {
            name: name.into(),
            kind,
            bound,
            divisor,
            standard: bound / divisor,
        }
    }
}

/// How well a value is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Uncertainty {
    /// `U = 2 u_c`, rounded up to six digits, in `unit`.
    pub expanded: Decimal,
    /// `u_c`, the root sum of squares of the components, in `unit`.
    pub standard: f64,
    /// The unit.
    pub unit: Unit,
    /// What it is made of.
    pub components: Vec<Component>,
}

impl Uncertainty {
    /// Combines independent components. `None` where they are not finite.
    #[must_use]
    pub fn of(components: Vec<Component>, unit: Unit) -> Option<Self> {
        let squares: f64 = components.iter().map(|component| component.standard.powi(2)).sum();
        Self::from_standard(squares.sqrt(), components, unit)
    }

    fn from_standard(standard: f64, components: Vec<Component>, unit: Unit) -> Option<Self> {
        Some(Self {
            expanded: round_up(f64::from(COVERAGE_FACTOR) * standard)?,
            standard,
            unit,
            components,
        })
    }

    /// The same uncertainty with its numbers in another unit of the same kind; `None` where the units do not compare.
    #[must_use]
    pub fn in_unit(&self, unit: Unit) -> Option<Self> {
        let factor = Quantity::new(Decimal::ONE, self.unit).in_unit(unit).ok()?.to_f64();
        let components = self.components.iter().cloned().map(|component| Component {
            bound: component.bound * factor,
            standard: component.standard * factor,
            ..component
        });
        Some(Self {
            expanded: Quantity::new(self.expanded, self.unit).in_unit(unit).ok()?,
            standard: self.standard * factor,
            unit,
            components: components.collect(),
        })
    }

    /// The range that was in use, where an instrument's specification is in it.
    #[must_use]
    pub fn range(&self) -> Option<Quantity> {
        self.components.iter().find_map(|component| match &component.kind {
            ComponentKind::Accuracy(basis) => basis.range,
            ComponentKind::Resolution
            | ComponentKind::Repeatability
            | ComponentKind::Contribution
            | ComponentKind::Operand => None,
        })
    }

    fn part(&self, systematic: bool) -> f64 {
        let components = self.components.iter();
        let of_kind = components.filter(|component| component.kind.is_systematic() == systematic);
        of_kind.map(|component| component.standard.powi(2)).sum::<f64>().sqrt()
    }
}

/// One operand of a calculation.
#[derive(Clone, Debug)]
pub struct Term<'a> {
    /// The measurement's name.
    pub name: String,
    /// What was measured with: operands of the same source (instrument, function and range) are fully correlated in what
    /// their specification and the station's contributions say.
    pub source: String,
    /// How the result changes with the operand: the partial derivative, in the units of both.
    pub sensitivity: f64,
    /// The operand's own uncertainty.
    pub uncertainty: &'a Uncertainty,
}

/// Passes uncertainties through a calculation, to first order (JCGM 100, 5.1.2 and 5.2.2).
///
/// Operands of one source add with their signs (correlation 1) in what is systematic; everything else adds by squares. So the
/// difference of two readings of one meter on one range is known better than either, and their sum worse than two
/// meters' would be. `None` where the result is not finite.
#[must_use]
pub fn propagate(terms: &[Term<'_>], unit: Unit) -> Option<Uncertainty> {
    let mut squares = 0.0;
    let mut components = Vec::new();
    for (index, term) in terms.iter().enumerate() {
        let standard = term.sensitivity.abs() * term.uncertainty.standard;
        components.push(Component::new(&*term.name, ComponentKind::Operand, standard, 1.0));
        squares += (term.sensitivity * term.uncertainty.part(false)).powi(2);
        let is_first = terms.iter().take(index).all(|earlier| earlier.source != term.source);
        if is_first {
            let same = terms.iter().filter(|other| other.source == term.source);
            let sum: f64 = same.map(|other| other.sensitivity * other.uncertainty.part(true)).sum();
            squares += sum.powi(2);
        }
    }
    Uncertainty::from_standard(squares.sqrt(), components, unit)
}

/// Digits of an expanded uncertainty and of a guard band.
const DIGITS: usize = 6;

/// `value` with six digits, rounded up: an uncertainty is never understated by its rounding.
///
/// What floating point leaves behind (a part in 10^12) is not rounded up. `None` for what is negative or not finite.
#[must_use]
pub fn round_up(value: f64) -> Option<Decimal> {
    if !value.is_finite() || value < 0.0 {
        return None;
    }
    let text = format!("{value:.*e}", DIGITS - 1);
    let nearest: Decimal = text.parse().ok()?;
    if nearest.to_f64() >= value * (1.0 - 1e-12) {
        return Some(nearest);
    }
    let (_, power) = text.split_once('e')?;
    let step = i32::try_from(DIGITS).ok()?.checked_sub(1)?;
    let unit = Decimal::new(1, power.parse::<i32>().ok()?.checked_sub(step)?)?;
    nearest.checked_add(unit)
}
