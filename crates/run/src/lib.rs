//! What happened: executes a bound procedure, emits events, folds outcomes, makes safe.

mod actor;
mod ambient;
mod assess;
mod bench;
mod crew;
mod event;
mod line;
mod lines;
mod listener;
mod memory;
mod outcome;
mod outside;
mod partial;
mod poll;
mod readback;
mod recorder;
mod reduce;
mod regulate;
mod safe;
mod saying;
mod scribe;
mod slots;
mod stage;
mod steps;
mod supervisor;
mod walk;

pub use assess::Assessment;
pub use bench::Bench;
pub use benchtop_instrument::{
    Basis, COVERAGE_FACTOR, Choices, Component, ComponentKind, Decimal, Identity, OutputState, Polarity, Quantity,
    SafetyProof, Samples, Sampling, Uncertainty, Unit,
};
pub use benchtop_procedure::{
    Acceptance, Ambient, Decision, GuardBand, Limit, LogicalName, Marginal, MeasurementOutcome, Nominal, Outside,
    OverrangeRule, Parameter, PromptKind, Reducer, Reduction, Tolerance, Value,
};
pub use crew::Crew;
pub use event::{
    AcceptedUnsafe, Attached, EarlierRuns, Event, EventKind, InstrumentReady, InstrumentUse, LimitsUse, Log, LogLevel,
    MadeSafe, MeasurementTaken, Papers, Placement, PlannedStep, ProcedureUse, PromptShown, Purpose, ReadingWord,
    Resolved, RunEnded, RunStarted, Section, Stamp, StepAddress, StepEnded, StepStarted, Study, UnitUnderTest,
};
pub use listener::{Events, Listener, listen};
pub use outcome::{Fold, RunOutcome, StepOutcome};
pub use outside::{
    Attachments, Content, Kept, NoAnswer, NotKept, NotRun, Operator, Output, ProgramEnded, ProgramEnding, Programs,
    Surroundings,
};
pub use partial::Partial;
pub use recorder::{Recorder, RecorderError};
pub use supervisor::{Deadlines, Finished, Fixture, Interrupt, Job, Seat, execute, execute_slots};

#[cfg(test)]
mod tests;
