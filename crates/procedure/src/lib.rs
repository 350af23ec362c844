//! What should happen: TOML to a checked procedure, limits, binding to capabilities. Pure: no I/O and no clock.
//!
//! [`parse`] refuses what can be known from the file alone; [`bind`] refuses what the station's instruments cannot do,
//! and only it makes the [`BoundProcedure`] that a runner accepts. [`check_text`] does both in one go, so that an author sees
//! the mistakes of either kind together. [`judge`] is what a limit means.

mod bind;
mod expression;
mod limit;
mod model;
mod parse;
mod pattern;
mod value;

pub use benchtop_notation::{Diagnostics, Span};
pub use bind::{bind, check_text};
pub use expression::{Dimension, Evaluated, EvaluationError, Expression, Facts, Number, Operand, Parameter, full_name};
pub use limit::{
    Acceptance, Judgement, Limit, Marginal, Measured, MeasurementOutcome, Nominal, Outside, OverrangeRule, Tolerance,
    judge, judge_within,
};
pub use model::{
    BoundProcedure, Group, InstrumentNeed, LogicalName, Measurement, MeasurementSource, OnFail, Plan, PlanNode, Poll,
    Procedure, ReadingSource, Retest, Retry, Step, StepKind, UnitUnderTest, Until, settle_time_name,
};
pub use parse::{id_of, keys, parse};
pub use pattern::Pattern;
pub use value::{Value, ValueKind};

#[cfg(test)]
mod tests;
