//! How a model is told to take several readings, when and how: `[sampling]`, and what a function says of it.

use crate::template::Template;
use benchtop_instrument::{ApertureCapability, Decimal, ResolutionCapability, Trigger};
use std::time::Duration;

/// `[sampling]`: the trigger system that all functions of a meter share.
#[derive(Clone, Debug, Default)]
pub struct SamplingDefinition {
    /// Several readings on one command.
    pub samples: Option<SamplesDefinition>,
    /// The meter's own delay between trigger and reading.
    pub delay: Option<DelayDefinition>,
    /// What it can be triggered by, beside at once.
    pub triggers: Vec<(Trigger, TriggerDefinition)>,
    /// What it computes itself.
    pub statistics: Option<StatisticsDefinition>,
}

/// `samples = { set = ["SAMP:COUN {samples}"], most = 512 }`.
#[derive(Clone, Debug)]
pub struct SamplesDefinition {
    /// Sets how many.
    pub set: Vec<Template>,
    /// Takes them, where `read` only hands them over; the answer of a query is not used.
    pub take: Vec<Template>,
    /// Answers all of them; the function's `read` where it is not given.
    pub read: Option<Template>,
    /// Most at once.
    pub most: u32,
}

/// `delay = { set = "TRIG:DEL {value}", longest = "3600 s" }`.
#[derive(Clone, Debug)]
pub struct DelayDefinition {
    /// Sets it, in seconds.
    pub set: Template,
    /// Longest that it takes; a longer one is waited for outside of it.
    pub longest: Duration,
}

/// `trigger.bus = { set = ["TRIG:SOUR BUS"], take = ["INIT", "*TRG"], read = "FETC?" }`.
#[derive(Clone, Debug)]
pub struct TriggerDefinition {
    /// Chooses it.
    pub set: Vec<Template>,
    /// Begins, and triggers.
    pub take: Vec<Template>,
    /// Answers the readings; the function's `read` where it is not given.
    pub read: Option<Template>,
}

/// `statistics = { set = [...], take = ["INIT", "*OPC?"], mean = "...", minimum = "...", maximum = "..." }`.
#[derive(Clone, Debug)]
pub struct StatisticsDefinition {
    /// Switches them on, and forgets what was counted before.
    pub set: Vec<Template>,
    /// Takes the readings; the answer of a query is not used.
    pub take: Vec<Template>,
    /// Asks for the mean.
    pub mean: Template,
    /// Asks for the smallest.
    pub minimum: Template,
    /// Asks for the largest.
    pub maximum: Template,
    /// Asks for the standard deviation (n - 1), where it has that.
    pub deviation: Option<Template>,
    /// Asks how many were counted, where it says.
    pub count: Option<Template>,
}

/// A function's integration time in seconds: `aperture = { set = "FREQ:APER {value}", values = [...] }`.
#[derive(Clone, Debug)]
pub struct ApertureDefinition {
    /// Sets it.
    pub set: Template,
    /// Reads it back, where a source gives the question.
    pub query: Option<Template>,
    /// What it takes.
    pub capability: ApertureCapability,
}

/// A function's resolution: `resolution = { set = "VOLT:DC:RES {value}", finest = 3e-7, coarsest = 1e-4 }`, as parts of full scale.
#[derive(Clone, Debug)]
pub struct ResolutionDefinition {
    /// Sets it, in the function's unit, on the range that was set before.
    pub set: Template,
    /// Reads it back, where a source gives the question.
    pub query: Option<Template>,
    /// What it takes.
    pub capability: ResolutionCapability,
}

impl SamplingDefinition {
    /// How it is told of a trigger that is not at once.
    pub(crate) fn trigger(&self, wanted: Option<Trigger>) -> Option<&TriggerDefinition> {
        let known = self.triggers.iter().find(|(known, _)| Some(*known) == wanted);
        known.map(|(_, definition)| definition)
    }
}

/// The longest integration time of a function in seconds, where it has one to choose.
pub(crate) fn longest_aperture(aperture: Option<&ApertureDefinition>) -> Option<Decimal> {
    aperture.and_then(|aperture| aperture.capability.longest())
}
