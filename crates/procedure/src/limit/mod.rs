//! Limits: what judges a measurement. [`judge`] says what they mean.
//!
//! | key | judges | passes |
//! |---|---|---|
//! | `low`, `high` | numbers | on and between them; either alone is one-sided |
//! | `nominal`, `tolerance` | numbers | on and between nominal +- tolerance, or nominal +- abs(nominal) x per cent |
//! | `outside` | numbers | below its `low` or above its `high`, never on them |
//! | `equals` | numbers, texts, booleans | exactly that |
//! | `one_of` | numbers, texts | exactly one of those |
//! | `matches` | texts | the whole text matches the regular expression |
//! | `guard_band` | numbers | with `low`, `high` or `nominal`: as far inside the bounds as it says |
//! | `marginal` | numbers | no outcome: says of a value that passes that it lies close to a bound |
//!
//! Several in one limit are all required. A value that cannot be judged (not a number, missing, of another kind than the
//! limit) never passes; beyond the range passes only where `overrange = "accept"` says so.

mod guard;
mod judge;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use guard::{Decision, GuardBand, acceptance, decide, method6_multiplier, test_uncertainty_ratio};
pub use judge::{Judgement, Measured, MeasurementOutcome, judge, judge_within};

use crate::pattern::Pattern;
use crate::value::{Value, ValueKind};
use benchtop_instrument::{Decimal, Quantity, Unit};

/// What judges a measurement. Numbers are in the measurement's unit.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Limit {
    /// Smallest value that passes: `low`, or what `nominal` and `tolerance` come to; the higher one of both.
    pub low: Option<Decimal>,
    /// Largest value that passes: `high`, or what `nominal` and `tolerance` come to; the lower one of both.
    pub high: Option<Decimal>,
    /// `nominal` and `tolerance` as they were written; their bounds are in `low` and `high`.
    pub nominal: Option<Nominal>,
    /// A band in which, its ends included, nothing passes.
    pub outside: Option<Outside>,
    /// The only value that passes.
    pub equals: Option<Value>,
    /// The only values that pass; empty where it was not written.
    pub one_of: Vec<Value>,
    /// What the whole text must match.
    pub matches: Option<Pattern>,
    /// Inside the bounds, where a value that passes is worth a warning.
    pub marginal: Option<Marginal>,
    /// How far inside its bounds a value must lie to pass.
    pub guard_band: GuardBand,
    /// What beyond the range means.
    pub overrange: OverrangeRule,
}

/// A nominal value and how far from it a value may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nominal {
    /// The nominal value.
    pub value: Decimal,
    /// How far from it.
    pub tolerance: Tolerance,
}

/// How far from its nominal a value may lie, on either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tolerance {
    /// In the measurement's unit.
    Absolute(Decimal),
    /// In per cent of the nominal's absolute value.
    Percent(Decimal),
}

/// A band in which nothing passes, its ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outside {
    /// Below it a value passes.
    pub low: Decimal,
    /// Above it a value passes.
    pub high: Decimal,
}

/// A value that passes and lies below `low` or above `high` is marginal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Marginal {
    /// Where the lower warning band ends.
    pub low: Option<Decimal>,
    /// Where the upper warning band begins.
    pub high: Option<Decimal>,
}

/// What a reading beyond the range means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OverrangeRule {
    /// It fails (the default).
    #[default]
    Fail,
    /// A positive overrange passes, when the range in use reaches at least `low`. Written by name
    /// (`overrange = "accept"`), with a `low` and nothing else that judges.
    Accept,
}

/// The interval in which a number passes: the limit's own, or a narrower one behind guard bands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Acceptance {
    /// Smallest value that is accepted.
    pub low: Option<Decimal>,
    /// Largest value that is accepted.
    pub high: Option<Decimal>,
    /// The band of `outside`, wider by the guard band on either side.
    pub outside: Option<Outside>,
}

impl Nominal {
    /// The bounds that it comes to, exact; `None` where they need more than 34 digits.
    #[must_use]
    pub fn bounds(&self) -> Option<(Decimal, Decimal)> {
        let width = match self.tolerance {
            Tolerance::Absolute(width) => width,
            Tolerance::Percent(percent) => self.value.abs().checked_mul(percent)?.scaled(-2)?,
        };
        Some((self.value.checked_sub(width)?, self.value.checked_add(width)?))
    }
}

impl Limit {
    /// The kind of value that it judges; `None` where it judges nothing, or several kinds at once: then nothing passes.
    #[must_use]
    pub fn judges(&self) -> Option<ValueKind> {
        let numbers = self.low.is_some() || self.high.is_some() || self.nominal.is_some() || self.outside.is_some();
        let written = [
            numbers.then_some(ValueKind::Number),
            self.matches.as_ref().map(|_| ValueKind::Text),
        ];
        let listed = self.equals.iter().chain(&self.one_of).map(Value::kind);
        let mut kinds = written.into_iter().flatten().chain(listed);
        let first = kinds.next()?;
        kinds.all(|kind| kind == first).then_some(first)
    }

    /// Every number that a reading must be able to reach for the limit to judge, with what to call it.
    #[must_use]
    pub fn marks(&self) -> Vec<(&'static str, Decimal)> {
        let mut marks = Vec::new();
        marks.extend(self.low.map(|low| ("low limit", low)));
        marks.extend(self.high.map(|high| ("high limit", high)));
        if let Some(outside) = &self.outside {
            marks.extend([
                ("low end of `outside`", outside.low),
                ("high end of `outside`", outside.high),
            ]);
        }
        let exact = self.equals.iter().map(|value| ("`equals` value", value));
        let listed = self.one_of.iter().map(|value| ("`one_of` value", value));
        marks.extend(
            exact
                .chain(listed)
                .filter_map(|(word, value)| Some((word, value.number()?))),
        );
        marks
    }

    /// True where a positive overrange can pass: accepted by name, with a `low` and nothing else that judges.
    #[must_use]
    pub fn may_accept_overrange(&self) -> bool {
        let only_low = self.low.is_some() && self.high.is_none() && self.nominal.is_none();
        let alone = self.outside.is_none() && self.equals.is_none() && self.one_of.is_empty() && self.matches.is_none();
        self.overrange == OverrangeRule::Accept && only_low && alone
    }

    /// The limit for people: `3.25 .. 3.35 V`, `>= 10 MOhm or overrange`, `3.3 V +- 2 % (3.234 .. 3.366 V)`,
    /// `matches 1\.4\..*`.
    #[must_use]
    pub fn for_people(&self, unit: Unit) -> String {
        let shown = |value: Decimal| Quantity::new(value, unit).to_string();
        let mut said = Vec::new();
        let bounds = match (self.low, self.high) {
            (Some(low), Some(high)) => Some(format!("{low} .. {}", shown(high))),
            (Some(low), None) => Some(format!(">= {}", shown(low))),
            (None, Some(high)) => Some(format!("<= {}", shown(high))),
            (None, None) => None,
        };
        match (&self.nominal, bounds) {
            (Some(nominal), Some(bounds)) => {
                let tolerance = match nominal.tolerance {
                    Tolerance::Absolute(width) => shown(width),
                    Tolerance::Percent(percent) => format!("{percent} %"),
                };
                said.push(format!("{} +- {tolerance} ({bounds})", shown(nominal.value)));
            }
            (None, Some(bounds)) => said.push(bounds),
            (_, None) => {}
        }
        if let Some(Outside { low, high }) = self.outside {
            said.push(format!("outside {low} .. {}", shown(high)));
        }
        said.extend(self.equals.iter().map(|value| format!("= {}", value.for_people(unit))));
        if !self.one_of.is_empty() {
            let values: Vec<String> = self.one_of.iter().map(|value| value.for_people(unit)).collect();
            said.push(format!("one of {}", values.join(", ")));
        }
        said.extend(self.matches.iter().map(|pattern| format!("matches {pattern}")));
        if self.guard_band != GuardBand::None {
            said.push(format!("guard band {}", self.guard_band.for_people(unit)));
        }
        if self.overrange == OverrangeRule::Accept {
            said.push("or overrange".to_owned());
            return said.join(" ");
        }
        said.join(", ")
    }
}

impl Acceptance {
    /// Simple acceptance: the limit itself.
    #[must_use]
    pub const fn simple(limit: &Limit) -> Self {
        Self {
            low: limit.low,
            high: limit.high,
            outside: limit.outside,
        }
    }
}
