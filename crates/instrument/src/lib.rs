//! What an instrument is: sessions, requests, readings, quantities, time.
//!
//! The vocabulary that the two towers share. Nothing here opens, parses or prints anything; the traits
//! ([`Session`], [`Instrument`], [`Clock`]) come with the suites that every implementation enrols in
//! ([`conformance`]); one of those runs its test in a process of its own.
//!
//! ```
//! use benchtop_instrument::Quantity;
//! let reading: Quantity = "0.04523 A".parse()?;
//! assert_eq!(reading.in_unit("mA".parse()?)?.to_string(), "45.23");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod accuracy;
mod capabilities;
mod choices;
mod clock;
pub mod conformance;
mod console;
mod decimal;
mod error;
mod function;
mod instrument;
mod kept;
mod line;
mod quantity;
mod reading;
mod regulation;
mod request;
mod resource;
mod sampling;
mod session;
mod virtual_clock;

pub use accuracy::{
    AccuracyConditions, AccuracyRow, Basis, COVERAGE_FACTOR, CalibrationInterval, Component, ComponentKind,
    Contribution, ContributionSize, Counts, Coverage, Distribution, MeterState, NplcTerm, NullCondition, Scatter,
    TemperatureBand, TemperatureCoefficient, Term, Uncertainty, Unknown, Used, evaluate, propagate, round_up,
    specification,
};
pub use capabilities::{Bounds, Capabilities, FunctionCapability, OutputCapability, Range, RangeError};
pub use choices::{ChoiceCapability, Choices, InputImpedance};
pub use chrono::{Days, NaiveDate};
pub use clock::{
    BusyGuard, Clock, ClockExt, Elapsed, Moment, Participant, RealClock, Sleep, TaskFailure, TaskHandle,
    duration_from_parts, human_duration, panic_message, spawn,
};
pub use console::Console;
pub use decimal::{Decimal, DecimalError};
pub use error::{Error, ErrorKind, Operation};
pub use function::{Class, Function};
pub use instrument::Instrument;
#[cfg(any(test, feature = "mock"))]
pub use instrument::MockInstrument;
pub use kept::Kept;
pub use line::{FlowControl, HislipMode, LineSettings, Parity, Prompt, Prompts, Terminator};
pub use quantity::{BaseUnit, Quantity, QuantityError, Unit, UnitError};
pub use reading::{Identity, IdentityError, OutputState, Polarity, Reading, ReadingKind, SafetyProof, StartState};
pub use regulation::{OutputMode, Protection, Regulation};
pub use request::{Measure, OutputSetting, RangeRequest, Setting, SwitchSetting};
pub use resource::{Resource, ResourceError};
pub use sampling::{
    ApertureCapability, MOST_SAMPLES, ResolutionCapability, SampledBy, Samples, Sampling, SamplingCapability,
    SamplingRefusal, Trigger,
};
#[cfg(any(test, feature = "mock"))]
pub use session::MockSession;
pub use session::{Session, SessionExt, SessionState};
pub use virtual_clock::VirtualClock;
