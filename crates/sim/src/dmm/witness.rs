//! What a meter is set to, for whoever wants to know whether a driver did what it was asked for.

use super::behaviour::Group;
use super::definition::Habit;
use super::state::TriggerSource;
use super::{Dmm, DmmModel};

/// The settings that a reading on one channel has.
#[derive(Clone, Debug, PartialEq)]
pub struct MeterState {
    /// What it measures, as its `sim.toml` calls it: `dc_voltage`.
    pub function: String,
    /// Full scale of the range in use, in the function's base unit; nothing where there is none to choose.
    pub range: Option<f64>,
    /// The largest reading of that range.
    pub maximum: Option<f64>,
    /// It chooses the range itself.
    pub autorange: bool,
    /// Integration time in cycles of the mains, where it integrates.
    pub nplc: Option<f64>,
    /// Autozero is on.
    pub autozero: bool,
    /// The input's resistance follows the range.
    pub high_impedance: bool,
    /// Readings for one trigger.
    pub samples: u64,
    /// What triggers it: `immediate`, `bus`, `external`, `manual`, `timer`.
    pub trigger: &'static str,
    /// From trigger to reading, in seconds, where it is not the meter's own choice.
    pub delay: Option<f64>,
    /// How long it counts, in seconds, where it counts.
    pub gate: Option<f64>,
    /// Readings go into its statistics; nothing where those are of a buffer, whatever it is set to.
    pub statistics: Option<bool>,
    /// The number that stands for overload.
    pub overrange: f64,
}

impl Dmm {
    pub(crate) fn witness(&self, model: &DmmModel, channel: u32) -> Option<MeterState> {
        let setup = self.setups.get(&channel).unwrap_or(&self.setup);
        let (state, function) = (
            setup.functions.get(setup.function)?,
            model.functions.get(setup.function)?,
        );
        let range = state.range_in(function);
        Some(MeterState {
            function: function.word.clone(),
            range: range.map(|range| range.full_scale),
            maximum: range.map(|range| range.maximum),
            autorange: state.autorange,
            nplc: function.settings.contains(&Group::Nplc).then_some(state.cycles),
            autozero: state.autozero,
            high_impedance: state.high_impedance,
            samples: self.samples(),
            trigger: match self.trigger.source {
                TriggerSource::Immediate => "immediate",
                TriggerSource::Bus => "bus",
                TriggerSource::External => "external",
                TriggerSource::Manual => "manual",
                TriggerSource::Timer => "timer",
            },
            delay: self.trigger.delay.map(|delay| delay.as_secs_f64()),
            gate: function.gate.as_ref().map(|_| state.gate),
            statistics: (!model.has(Habit::Buffers)).then(|| self.math.averages()),
            overrange: model.overrange,
        })
    }
}
