//! A run of some of a procedure's steps: it can say what is wrong with a unit, and never that it is good.

use crate::event::StepAddress;
use std::collections::BTreeSet;

/// What was asked for instead of the whole procedure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partial {
    /// The steps that do not run. They end as SKIP.
    pub left_out: BTreeSet<StepAddress>,
    /// What left them out, for people: `--only "Power Rail Check"`.
    pub asked: String,
}

impl Partial {
    /// Why a step that was left out did not run.
    pub(crate) fn reason_of_a_step(&self) -> String {
        format!("left out by {}", self.asked)
    }

    /// Why the run is at best ABORTED.
    pub(crate) fn reason_of_the_run(&self) -> String {
        format!("a partial run ({}) passes no unit", self.asked)
    }
}
