//! What should happen: TOML to a checked procedure, limits, binding to capabilities. Pure: no I/O and no clock.
//!
//! [`parse`] refuses what can be known from the file alone; [`bind`] refuses what the station's instruments cannot do,
//! and only it makes the [`BoundProcedure`] that a runner accepts. [`check_text`] does both in one go, so that an author sees
//! the mistakes of either kind together. [`judge`] is what a limit means.

mod assumed;
mod bind;
mod block;
mod duration;
mod expression;
mod given;
mod json;
mod kinds;
mod limit;
mod metrology;
mod model;
mod parse;
mod pattern;
mod places;
mod propagation;
mod ratio;
mod reduction;
mod said;
mod satisfiable;
mod search;
mod slots;
mod value;
mod written;

pub use benchtop_notation::{Diagnostics, Span, Spanned, escape};
pub use bind::{bind, check_slots, check_text, check_with, is_for_slots};
pub use block::{BlockFormat, ByteOrder, SampleFormat, payload};
pub use duration::{Estimate, estimate};
pub use expression::{Dimension, Evaluated, EvaluationError, Expression, Facts, Number, Operand, Parameter, full_name};
pub use given::{Companion, Given};
pub use kinds::{AttachmentRequest, Exec, Expect, Prompt, PromptKind, Query, Transmit};
pub use limit::{
    Acceptance, Decision, GuardBand, Judgement, Limit, Marginal, Measured, MeasurementOutcome, Nominal, Outside,
    OverrangeRule, Tolerance, acceptance, decide, judge, judge_within, method6_multiplier, test_uncertainty_ratio,
};
pub use metrology::{Ambient, ContributionRule, Meter, Metrology, Moment};
pub use model::{
    BelongsTo, BoundProcedure, Expectation, Group, InstrumentNeed, LimitsFile, LogicalName, Measurement,
    MeasurementSource, OnFail, Plan, PlanNode, Poll, Procedure, ReadingSource, Retest, Retry, Step, StepKind,
    UnitUnderTest, Until, regulation_name, settle_time_name,
};
pub use parse::{keys, parse, parse_with};
pub use pattern::Pattern;
pub use propagation::{Origin, Origins};
pub use ratio::{RatioKind, TestRatio, ratio_findings, ratios};
pub use reduction::{Reducer, Reduction};
pub use said::{Extract, Place, Speaker, value_of};
pub use search::{CaptureGroup, Found, Search};
pub use slots::{FixtureSteps, Slot, SlotChannel};
pub use value::{Value, ValueKind};
pub use written::{AsRead, Checked, Reading, Written};

#[cfg(test)]
mod tests;
