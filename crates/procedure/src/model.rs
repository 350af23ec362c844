//! What should happen, checked: the types that the runner follows.

use crate::expression::{Expression, Parameter};
use crate::kinds::{Exec, Expect, Prompt, Query, Transmit};
use crate::limit::Limit;
use crate::pattern::Pattern;
use crate::places::MeasurementPlaces;
use crate::reduction::Reduction;
use crate::said::Extract;
use crate::slots::FixtureSteps;
use crate::value::ValueKind;
use benchtop_instrument::{Class, Function, Measure, Quantity, Regulation, Setting, Unit};
use benchtop_notation::{Diagnostics, Span};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};

/// An instrument's name in a procedure; the station file says which instrument it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogicalName(pub String);

impl fmt::Display for LogicalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A procedure that was parsed and checked as far as that needs no station.
#[derive(Clone, Debug)]
pub struct Procedure {
    /// `id`, as TofuPilot and the records know it.
    pub id: String,
    /// `version`.
    pub version: String,
    /// `name`, for people.
    pub name: String,
    /// How long setup and steps may take together.
    pub timeout: Option<Duration>,
    /// What it says of the unit.
    pub unit_under_test: UnitUnderTest,
    /// The instruments it needs.
    pub instruments: BTreeMap<LogicalName, InstrumentNeed>,
    /// Runs first; a failure here skips the steps, never the teardown.
    pub setup: Vec<Step>,
    /// The test.
    pub steps: Vec<Step>,
    /// Always runs.
    pub teardown: Vec<Step>,
    /// How much of setup and teardown is the fixture's.
    pub fixture: FixtureSteps,
    /// In which order, and how often, the steps of each section run.
    pub plan: Plan,
    /// What its parameters are in this run.
    pub parameters: BTreeMap<String, Parameter>,
    /// Every part that it, or its limits file, tells apart.
    pub parts: BTreeSet<String>,
    /// The part for which it was read, where it tells parts apart.
    pub variant: Option<String>,
    /// The file that its limits come from, where there is one.
    pub limits: Option<LimitsFile>,
    pub(crate) warnings: Diagnostics,
}

impl Procedure {
    /// What `check` found that does not stop a run.
    #[must_use]
    pub const fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// Every step in the order of setup, steps, teardown.
    pub fn all_steps(&self) -> impl Iterator<Item = &Step> {
        self.setup.iter().chain(&self.steps).chain(&self.teardown)
    }
}

/// A file that limits come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsFile {
    /// As the procedure names it.
    pub name: String,
    /// Its `revision`.
    pub revision: String,
}

/// Trees over the steps of the three sections: a section's list holds every step once for each turn of its sweeps, and
/// the tree says which of them belong together.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Over [`Procedure::setup`].
    pub setup: Vec<PlanNode>,
    /// Over [`Procedure::steps`].
    pub steps: Vec<PlanNode>,
    /// Over [`Procedure::teardown`].
    pub teardown: Vec<PlanNode>,
}

/// A step, or several that belong together.
#[derive(Clone, Debug)]
pub enum PlanNode {
    /// The step at this position of its section's list.
    Step(usize),
    /// Several, in order.
    Group(Box<Group>),
}

/// Steps that belong together: they are tried again together, and left out together.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name, unique among steps and groups.
    pub name: String,
    /// What is in it.
    pub nodes: Vec<PlanNode>,
    /// The instruments that it holds across its steps while other slots run, in the order in which they are taken.
    pub lock: Vec<LogicalName>,
    /// How often all of it is tried.
    pub retry: Retry,
    /// What a FAIL of the group does to the steps behind it.
    pub on_fail: OnFail,
    /// When it runs; always, where none is written.
    pub when: Option<Expression>,
    /// What the sweeps around it set for this turn.
    pub parameters: BTreeMap<String, Parameter>,
    /// Where it is written.
    pub place: Span,
}

/// What a procedure says of the unit under test.
#[derive(Clone, Debug, Default)]
pub struct UnitUnderTest {
    /// The whole serial number must match it; checked before power.
    pub serial_number: Option<Pattern>,
    /// The part that this procedure tests.
    pub part_number: Option<String>,
    /// The run names the unit's revision, and the whole of it matches.
    pub revision: Option<Pattern>,
    /// The run names the unit's batch, and the whole of it matches.
    pub batch_number: Option<Pattern>,
    /// The run names so many units inside this one, and each serial number matches its pattern, in this order.
    pub sub_units: Vec<Pattern>,
    /// What happens when a unit comes back.
    pub retest: Retest,
}

/// What happens when a unit comes that this procedure has judged before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retest {
    /// It is tested again, and the run says so (the default).
    #[default]
    Allow,
    /// The operator is asked first.
    Ask,
    /// It is tested so often in all, at least once.
    Max(u32),
}

/// What a procedure needs of one instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstrumentNeed {
    /// What it must be.
    pub class: Class,
    /// What it must be able to measure.
    pub needs: Vec<Function>,
    /// Whose it is: what goes wrong on it is a fact about that.
    pub belongs_to: BelongsTo,
    /// Where that is written.
    pub place: Span,
    /// Where each of `needs` is written.
    pub(crate) need_places: Vec<Span>,
}

/// Whose an instrument is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BelongsTo {
    /// The station's (the default): trouble with it is an Error.
    #[default]
    Station,
    /// The unit's own link: no answer, a wrong one or a closed link is a FAIL.
    Uut,
}

/// An ordered part of a procedure, with an outcome of its own.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name, unique within the procedure.
    pub name: String,
    /// What it does.
    pub kind: StepKind,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// How often it is tried.
    pub retry: Retry,
    /// What a FAIL does to the steps behind it.
    pub on_fail: OnFail,
    /// When it runs; always, where none is written.
    pub when: Option<Expression>,
    /// What the sweeps around it set for this turn.
    pub parameters: BTreeMap<String, Parameter>,
    /// Where it is written.
    pub place: Span,
    /// Where the parts of a `set` are written.
    pub(crate) set_places: SetPlaces,
}

/// Where the parts of a `set` are written; what is not written has the place of the whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct SetPlaces {
    pub(crate) instrument: Option<Span>,
    pub(crate) channel: Option<Span>,
    /// The channel's name, until it is bound.
    pub(crate) channel_name: Option<String>,
    pub(crate) voltage_level: Option<Span>,
    pub(crate) current_limit: Option<Span>,
    pub(crate) ovp_level: Option<Span>,
    pub(crate) ocp_enabled: Option<Span>,
    pub(crate) expect_regulation: Option<Span>,
    /// Of a switch, in the order of the setting.
    pub(crate) close: Vec<ChannelPlace>,
    pub(crate) open: Vec<ChannelPlace>,
}

/// Where a channel of a switch is written.
#[derive(Clone, Debug)]
pub(crate) struct ChannelPlace {
    pub(crate) place: Span,
    /// Its name, until it is bound.
    pub(crate) name: Option<String>,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum StepKind {
    /// Takes and judges measurements, in order; at least one.
    Measurements(Vec<Measurement>),
    /// Changes a setting.
    Set {
        /// On which instrument.
        instrument: LogicalName,
        /// To what.
        setting: Setting,
        /// What its output must hold then, where that is judged.
        expects: Option<Expectation>,
    },
    /// Lets time pass.
    Wait(Duration),
    /// Asks the operator.
    Prompt(Box<Prompt>),
    /// Runs a command of the station's computer.
    Exec(Box<Exec>),
    /// Sends a raw program message to an instrument.
    Query(Box<Query>),
    /// Sends a text on the unit's own link.
    Send(Box<Transmit>),
    /// Waits for what the unit says on its own link.
    Expect(Box<Expect>),
}

impl StepKind {
    /// The record's `step_type`: `measurement`, `set`, `wait`, `prompt`, `exec`, `query`, `send` or `expect`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Measurements(_) => "measurement",
            Self::Set { .. } => "set",
            Self::Wait(_) => "wait",
            Self::Prompt(_) => "prompt",
            Self::Exec(_) => "exec",
            Self::Query(_) => "query",
            Self::Send(_) => "send",
            Self::Expect(_) => "expect",
        }
    }

    /// Everything that it measures and judges, in order.
    #[must_use]
    pub fn measurements(&self) -> &[Measurement] {
        match self {
            Self::Measurements(measurements) => measurements,
            Self::Prompt(prompt) => std::slice::from_ref(&prompt.measurement),
            Self::Exec(exec) => &exec.measurements,
            Self::Query(query) => &query.measurements,
            Self::Expect(expect) => &expect.measurements,
            Self::Set { .. } | Self::Wait(_) | Self::Send(_) => &[],
        }
    }

    /// What is set, and on which instrument, where that is what the step does.
    #[must_use]
    pub const fn setting(&self) -> Option<(&LogicalName, &Setting)> {
        match self {
            Self::Set {
                instrument, setting, ..
            } => Some((instrument, setting)),
            Self::Measurements(_)
            | Self::Wait(_)
            | Self::Prompt(_)
            | Self::Exec(_)
            | Self::Query(_)
            | Self::Send(_)
            | Self::Expect(_) => None,
        }
    }

    /// True when the step can put energy on a terminal.
    #[must_use]
    pub fn enables_output(&self) -> bool {
        self.setting().is_some_and(|(_, setting)| setting.enables_output())
    }

    /// True when what an output holds is judged.
    #[must_use]
    pub const fn expects_regulation(&self) -> bool {
        match self {
            Self::Set { expects, .. } => expects.is_some(),
            Self::Measurements(_)
            | Self::Wait(_)
            | Self::Prompt(_)
            | Self::Exec(_)
            | Self::Query(_)
            | Self::Send(_)
            | Self::Expect(_) => false,
        }
    }
}

/// What an output must hold once it is on; a unit with which it does not is a FAIL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Constant voltage or constant current.
    pub regulation: Regulation,
    /// How long it is watched; zero is one look.
    pub settle: Duration,
}

/// What the judgement of an output's regulation is called among the measurements.
#[must_use]
pub fn regulation_name(step: &str) -> String {
    format!("{step} regulation")
}

/// How often a step is tried, and why again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in all, at least 1.
    pub attempts: u32,
    /// Try again after an Error (the default where attempts is above 1).
    pub on_error: bool,
    /// Try again after a Fail; must be written.
    pub on_fail: bool,
    /// Try again after a Timeout; must be written.
    pub on_timeout: bool,
    /// Between two attempts.
    pub delay: Duration,
}

impl Retry {
    /// One attempt.
    pub const NEVER: Self = Self {
        attempts: 1,
        on_error: false,
        on_fail: false,
        on_timeout: false,
        delay: Duration::ZERO,
    };
}

/// What a FAIL does to the steps behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnFail {
    /// They run (the default).
    #[default]
    Continue,
    /// They are skipped; teardown runs.
    Stop,
}

/// A named, unit-bearing, judged value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// Its name, unique within the procedure.
    pub name: String,
    /// Where its value comes from.
    pub source: MeasurementSource,
    /// What kind of value it has.
    pub kind: ValueKind,
    /// The unit of the value and of the limits; the bare number's for texts and booleans.
    pub unit: Unit,
    /// What judges it; none records the value only.
    pub limit: Option<Arc<Limit>>,
    /// Where it is written.
    pub place: Span,
    pub(crate) places: MeasurementPlaces,
}

/// Where the value of a measurement comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeasurementSource {
    /// An instrument is read.
    Reading(Arc<ReadingSource>),
    /// It is computed from what was measured before.
    Compute(Box<Expression>),
    /// It is found in what was said.
    Said(Box<Extract>),
    /// It stands for an array of the same step.
    Reduced(Box<Reduction>),
}

/// An instrument that is read for a measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadingSource {
    /// Which one.
    pub instrument: LogicalName,
    /// What is asked of it.
    pub request: Measure,
    /// What the procedure calls the channel, where that is not its number; bound, the request has that.
    pub channel_name: Option<String>,
    /// Measures again until the value is good; the last reading is judged.
    pub poll: Option<Poll>,
    /// `range = "auto"` on a current function was allowed by name.
    pub allow_autorange_in_series: bool,
}

impl Measurement {
    /// How it is waited for, where it is.
    #[must_use]
    pub fn poll(&self) -> Option<Poll> {
        self.reading().and_then(|reading| reading.poll)
    }

    /// What is read for it, where an instrument is.
    #[must_use]
    pub fn reading(&self) -> Option<&ReadingSource> {
        match &self.source {
            MeasurementSource::Reading(reading) => Some(reading),
            MeasurementSource::Compute(_) | MeasurementSource::Said(_) | MeasurementSource::Reduced(_) => None,
        }
    }

    /// Which array it stands for, where it does.
    #[must_use]
    pub fn reduction(&self) -> Option<&Reduction> {
        match &self.source {
            MeasurementSource::Reduced(reduction) => Some(reduction),
            MeasurementSource::Reading(_) | MeasurementSource::Compute(_) | MeasurementSource::Said(_) => None,
        }
    }

    /// Where in what was said it is found, where it is.
    #[must_use]
    pub fn said(&self) -> Option<&Extract> {
        match &self.source {
            MeasurementSource::Said(extract) => Some(extract),
            MeasurementSource::Reading(_) | MeasurementSource::Compute(_) | MeasurementSource::Reduced(_) => None,
        }
    }

    /// One that is found in what was said.
    pub(crate) fn of_words(
        name: String,
        extract: Extract,
        kind: ValueKind,
        unit: Unit,
        limit: Option<Limit>,
        place: &Span,
    ) -> Self {
        Self::of_no_instrument(
            name,
            MeasurementSource::Said(Box::new(extract)),
            kind,
            unit,
            limit,
            place,
        )
    }

    /// One for which no instrument is read.
    pub(crate) fn of_no_instrument(
        name: String,
        source: MeasurementSource,
        kind: ValueKind,
        unit: Unit,
        limit: Option<Limit>,
        place: &Span,
    ) -> Self {
        let at = || place.clone();
        Self {
            name,
            source,
            kind,
            unit,
            limit: limit.map(Arc::new),
            place: at(),
            places: MeasurementPlaces {
                instrument: at(),
                function: at(),
                range: at(),
                rare: None,
                limit: at(),
                low: at(),
                high: at(),
            },
        }
    }

    /// Where one of the keys that few measurements have is written.
    pub(crate) fn place_of(&self, key: &str) -> &Span {
        let rare = self.places.rare.as_deref();
        rare.and_then(|rare| rare.get(key)).unwrap_or(&self.place)
    }

    /// The same with the place of its limit, where that is not its own.
    pub(crate) fn judged_at(mut self, place: Span) -> Self {
        self.places.low = place.clone();
        self.places.high = place.clone();
        self.places.limit = place;
        self
    }

    /// Where its limit is written.
    #[must_use]
    pub const fn limit_place(&self) -> &Span {
        &self.places.limit
    }

    /// Where its low limit is written.
    #[must_use]
    pub const fn low_place(&self) -> &Span {
        &self.places.low
    }

    /// Where its high limit is written.
    #[must_use]
    pub const fn high_place(&self) -> &Span {
        &self.places.high
    }
}

/// Measuring again and again until the value is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poll {
    /// What good means.
    pub until: Until,
    /// How long it must stay good.
    pub hold: Duration,
    /// From the beginning of one reading to that of the next; as fast as they come where it is zero.
    pub every: Duration,
    /// How long it may take in all: later is a FAIL.
    pub patience: Duration,
}

/// When a polled value is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// When it meets its limit.
    InLimit,
    /// When readings are no further apart than this.
    Stable(Quantity),
}

/// What the measurement of the time is called that another one took to settle.
#[must_use]
pub fn settle_time_name(measurement: &str) -> String {
    format!("{measurement}_settle_time")
}

/// A procedure whose every request was found possible on the station's instruments.
///
/// Only [`bind`](crate::bind) makes one, and the runner accepts nothing else: what can be refused has been. Clones share the
/// procedure.
#[derive(Clone, Debug)]
pub struct BoundProcedure {
    pub(crate) procedure: Arc<Procedure>,
    pub(crate) warnings: Diagnostics,
}

impl BoundProcedure {
    /// The procedure.
    #[must_use]
    pub fn procedure(&self) -> &Procedure {
        &self.procedure
    }

    /// What `check` and [`bind`](crate::bind) found that does not stop a run.
    #[must_use]
    pub const fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }
}
