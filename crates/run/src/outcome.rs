//! How steps and runs end, and the one ordered fold between them.

use std::fmt;

/// How a step ended. Fail is a fact about the unit; Error is a fact about the station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepOutcome {
    /// It did what it should, and every limit was met.
    Pass,
    /// A limit was not met.
    Fail,
    /// It did not run; neutral.
    Skip,
    /// It could not be carried out or judged.
    Error,
    /// It took longer than it may.
    Timeout,
    /// It was cut short by the operator or a signal.
    Aborted,
}

impl StepOutcome {
    /// True when the run goes to teardown whatever `on_fail` says.
    #[must_use]
    pub const fn ends_the_run(self) -> bool {
        matches!(self, Self::Error | Self::Timeout | Self::Aborted)
    }

    /// The word used in files: `PASS` and so on.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Skip => "SKIP",
            Self::Error => "ERROR",
            Self::Timeout => "TIMEOUT",
            Self::Aborted => "ABORTED",
        }
    }
}

impl fmt::Display for StepOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// How a run ended, from harmless to grave: the gravest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunOutcome {
    /// At least one limit was judged and all were met.
    Pass,
    /// The unit failed a limit.
    Fail,
    /// Cut short by the operator, a signal, a kill or a power cut; or a partial run.
    Aborted,
    /// A step took longer than it may.
    Timeout,
    /// The station could not do what the procedure says.
    Error,
}

impl RunOutcome {
    /// The word used in files: `PASS` and so on.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Aborted => "ABORTED",
            Self::Timeout => "TIMEOUT",
            Self::Error => "ERROR",
        }
    }
}

impl fmt::Display for RunOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// The fold over a run's steps: Error > Timeout > Aborted > Fail > Pass; Skip is neutral.
///
/// A run in which no limit was judged is an Error.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fold {
    gravest: Option<RunOutcome>,
    limits_judged: usize,
}

impl Fold {
    /// Adds a step.
    pub fn step(&mut self, outcome: StepOutcome) {
        match outcome {
            StepOutcome::Skip => {}
            StepOutcome::Pass => self.at_least(RunOutcome::Pass),
            StepOutcome::Fail => self.at_least(RunOutcome::Fail),
            StepOutcome::Error => self.at_least(RunOutcome::Error),
            StepOutcome::Timeout => self.at_least(RunOutcome::Timeout),
            StepOutcome::Aborted => self.at_least(RunOutcome::Aborted),
        }
    }

    /// Counts limits that were judged.
    pub fn judged(&mut self, limits: usize) {
        self.limits_judged += limits;
    }

    /// The run ends no better than this.
    pub fn at_least(&mut self, outcome: RunOutcome) {
        self.gravest = self.gravest.max(Some(outcome));
    }

    /// The gravest outcome so far, `None` before the first.
    #[must_use]
    pub const fn outcome_so_far(&self) -> Option<RunOutcome> {
        self.gravest
    }

    /// How the run ended.
    #[must_use]
    pub fn outcome(&self) -> RunOutcome {
        match self.gravest {
            Some(outcome) if outcome > RunOutcome::Fail => outcome,
            Some(outcome) if self.limits_judged > 0 => outcome,
            Some(_) | None => RunOutcome::Error,
        }
    }

    /// True when a run that ended well judged nothing, which makes it an Error.
    #[must_use]
    pub fn judged_nothing(&self) -> bool {
        self.limits_judged == 0 && self.gravest.is_none_or(|gravest| gravest <= RunOutcome::Fail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(steps: &[StepOutcome], judged: usize, expected: RunOutcome) {
        let mut fold = Fold::default();
        steps.iter().for_each(|step| fold.step(*step));
        fold.judged(judged);
        assert_eq!(fold.outcome(), expected, "{steps:?}, {judged} judged");
    }

    #[test]
    fn the_gravest_step_wins_and_nothing_is_no_pass() {
        use StepOutcome::{Aborted, Error, Fail, Pass, Skip, Timeout};
        check(&[Pass, Pass], 2, RunOutcome::Pass);
        check(&[Pass, Fail, Pass], 2, RunOutcome::Fail);
        check(&[Fail, Aborted], 1, RunOutcome::Aborted);
        check(&[Aborted, Timeout], 1, RunOutcome::Timeout);
        check(&[Timeout, Error, Fail], 1, RunOutcome::Error);
        check(&[Pass, Skip], 1, RunOutcome::Pass);
        check(&[], 0, RunOutcome::Error);
        check(&[Skip, Skip], 0, RunOutcome::Error);
        check(&[Pass, Pass], 0, RunOutcome::Error);
        check(&[Aborted], 0, RunOutcome::Aborted);
    }
}
